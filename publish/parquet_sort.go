package publish

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"grenier/schemas"

	"github.com/parquet-go/parquet-go/format"
)

// The rows of a row group are put in the order of the schema's year and key, when it has them. Until the group ends, each column keeps its
// values in a stash: four bytes a row for those of its dictionary, which are most. Only the order of the rows is sorted, and pages are made
// of the stash in that order.

// A parquetStash holds the values of one column of one row group.
type parquetStash struct {
	codes  []int32 // by row: index in the dictionary; behind its last one, of the values that are not in it; -1 for no value; of truth values 0 or 1
	nums   []uint64
	texts  []stashedText
	chunks [][]byte // what texts point into, PLAIN encoded
	used   int      // chunks of this row group
}

// A stashedText is where a text is in a stash.
type stashedText struct{ chunk, at uint32 }

// firstChunk is how large the first chunk of a stash is; those after it double up to 1 MiB.
const firstChunk = 4 << 10

func (s *parquetStash) reset() {
	s.codes, s.nums, s.texts, s.used = s.codes[:0], s.nums[:0], s.texts[:0], 0
}

// shrink lets go of what only a large table needed.
func (s *parquetStash) shrink() {
	if cap(s.codes) > 64<<10 || len(s.chunks) > 0 && len(s.chunks)*cap(s.chunks[len(s.chunks)-1]) > 512<<10 {
		*s = parquetStash{}
	}
}

// loose is how many values are not in the dictionary.
func (s *parquetStash) loose() int { return len(s.nums) + len(s.texts) }

// text keeps a copy of a text that is not in the dictionary, and returns its number.
func (s *parquetStash) text(v []byte) int32 {
	need := 4 + len(v)
	if s.used == 0 || cap(s.chunks[s.used-1])-len(s.chunks[s.used-1]) < need {
		s.addChunk(need)
	}
	chunk := &s.chunks[s.used-1]
	s.texts = append(s.texts, stashedText{uint32(s.used - 1), uint32(len(*chunk))})
	*chunk = append(binary.LittleEndian.AppendUint32(*chunk, uint32(len(v))), v...)
	return int32(len(s.texts) - 1)
}

// addChunk makes room for at least need bytes.
func (s *parquetStash) addChunk(need int) {
	switch {
	case s.used == len(s.chunks):
		s.chunks = append(s.chunks, make([]byte, 0, max(need, firstChunk<<min(s.used, 8))))
	case cap(s.chunks[s.used]) < need:
		s.chunks[s.used] = make([]byte, 0, need)
	default:
		s.chunks[s.used] = s.chunks[s.used][:0]
	}
	s.used++
}

// encoded is a text behind its length.
func (s *parquetStash) encoded(n int32) []byte {
	at := s.texts[n]
	b := s.chunks[at.chunk][at.at:]
	return b[:4+binary.LittleEndian.Uint32(b)]
}

// gather keeps rows from to to of column i in the stash.
func (c *parquetColumn) gather(b *schemas.Batch, i, from, to int) {
	col := &b.Columns[i]
	for r := from; r < to; r++ {
		code := int32(-1)
		if col.Valid[r] {
			c.count++
			switch c.physical {
			case schemas.Text:
				code = c.textCode(b.TextAt(i, r))
			case schemas.Float:
				code = c.numberCode(math.Float64bits(col.Floats[r]))
			case schemas.Bool:
				code = 0
				if col.Bools[r] {
					code = 1
				}
			default:
				code = c.numberCode(uint64(col.Ints[r]))
			}
		}
		c.stash.codes = append(c.stash.codes, code)
	}
}

func (c *parquetColumn) textCode(v []byte) int32 {
	c.plainSize += 4 + int64(len(v))
	if !c.useDict {
		return int32(c.dict.len()) + c.stash.text(v)
	}
	index := c.dict.text(v)
	c.judge()
	return index
}

func (c *parquetColumn) numberCode(v uint64) int32 {
	c.plainSize += int64(c.width())
	if !c.useDict {
		c.stash.nums = append(c.stash.nums, v)
		return int32(c.dict.len() + len(c.stash.nums) - 1)
	}
	index := c.dict.number(v)
	c.judge()
	return index
}

// stashedText is the text that a code stands for, stashedNumber the number.
func (c *parquetColumn) stashedText(code int32) []byte {
	if n := int32(c.dict.len()); code >= n {
		return c.stash.encoded(code - n)[4:]
	}
	return c.dict.value(code)
}

func (c *parquetColumn) stashedNumber(code int32) uint64 {
	if n := int32(c.dict.len()); c.physical != schemas.Bool && code >= n {
		return c.stash.nums[code-n]
	} else if c.physical != schemas.Bool {
		return c.dict.keys[code]
	}
	return uint64(code)
}

// cut puts the stash into pages.
func (c *parquetColumn) cut(order []int32, ends []int) error {
	switch n := int64(c.dict.len()); {
	case c.physical == schemas.Bool:
	case c.stash.loose() == 0:
		c.useDict = c.dictPays()
	default: // it was given up: of use only for the rows before, when they stay together and their values came back
		c.useDict = order == nil && 4*n <= c.count-int64(c.stash.loose())
	}
	from := 0
	for _, end := range ends {
		for from < end {
			codes := c.ordered(order, from, min(end, from+parquetStep, from+parquetPageRows-len(c.levels)))
			n := c.fill(codes)
			from += n
			if n == len(codes) && len(c.levels) < parquetPageRows && len(c.plain) < parquetPageBytes {
				continue
			}
			if err := c.endPage(); err != nil {
				return err
			}
			c.useDict = c.useDict && n == len(codes) // what follows is plain, and a page has one encoding
		}
		if err := c.endPage(); err != nil {
			return err
		}
	}
	return nil
}

// ordered are the codes of rows from to to of the order.
func (c *parquetColumn) ordered(order []int32, from, to int) []int32 {
	if order == nil {
		return c.stash.codes[from:to]
	}
	c.codes = c.codes[:0]
	for _, row := range order[from:to] {
		c.codes = append(c.codes, c.stash.codes[row])
	}
	return c.codes
}

// fill adds what codes stand for to the page, until it is full, or a code is not of the dictionary that the page refers to.
func (c *parquetColumn) fill(codes []int32) (n int) {
	switch {
	case c.physical == schemas.Bool:
		for _, code := range codes {
			if c.level(code) {
				c.truth(code == 1)
			}
		}
		return len(codes)
	case c.useDict:
		return c.fillIndexes(codes)
	case c.physical == schemas.Text:
		return c.fillTexts(codes)
	}
	for n = 0; n < len(codes) && len(c.plain) < parquetPageBytes; n++ {
		if c.level(codes[n]) {
			c.plainNumber(c.stashedNumber(codes[n]))
		}
	}
	return n
}

// level notes whether a row has a value.
func (c *parquetColumn) level(code int32) bool {
	if code < 0 {
		c.levels = append(c.levels, 0)
		return false
	}
	c.levels = append(c.levels, 1)
	c.values++
	return true
}

func (c *parquetColumn) fillIndexes(codes []int32) int {
	count := int32(c.dict.len())
	for n, code := range codes {
		if code >= count {
			return n
		}
		if c.level(code) {
			c.index(code)
		}
	}
	return len(codes)
}

// ahead is how many texts are looked for at once.
const ahead = 32

func (c *parquetColumn) fillTexts(codes []int32) (n int) {
	for n < len(codes) {
		next := codes[n:min(n+ahead, len(codes))]
		c.touch(next)
		for _, code := range next {
			if len(c.plain) >= parquetPageBytes {
				return n
			}
			if c.level(code) {
				c.plainText(c.stashedText(code))
			}
			n++
		}
	}
	return n
}

// touch reads a byte of each of some texts, which lie all over the stash: the processor then fetches them together instead of one after the other.
func (c *parquetColumn) touch(codes []int32) {
	count, sum := int32(c.dict.len()), byte(0)
	for _, code := range codes {
		if code >= count {
			at := c.stash.texts[code-count]
			sum ^= c.stash.chunks[at.chunk][at.at]
		}
	}
	c.touched = sum
}

// A parquetOrder is by which columns the rows of a row group are sorted, and which of them divides it into years.
type parquetOrder struct {
	columns []int // year, then key
	year    int   // -1: there are no years
	order   []int32
	entries []sortEntry
	ranks   [][]uint32 // by column and index in its dictionary; none when the dictionary does not hold the column
	codes   []int32    // scratch
	spare   []sortEntry
}

// orderOf is the order of tables of s, nil when they keep that in which rows come.
func orderOf(s *schemas.Schema) *parquetOrder {
	o := &parquetOrder{year: yearColumn(s)}
	if o.year >= 0 {
		o.columns = append(o.columns, o.year)
	}
	for _, name := range s.Series.Key {
		if c := s.Field(name); c >= 0 && !slices.Contains(o.columns, c) {
			o.columns = append(o.columns, c)
		}
	}
	if len(o.columns) == 0 {
		return nil
	}
	o.ranks = make([][]uint32, len(o.columns))
	return o
}

// sortingColumns tells readers by which columns rows are sorted. Where a float orders them there is more than one order, and readers differ.
func (o *parquetOrder) sortingColumns(columns []*parquetColumn) (list []format.SortingColumn) {
	if o == nil {
		return nil
	}
	for _, c := range o.columns {
		if columns[c].physical == schemas.Float {
			break
		}
		list = append(list, format.SortingColumn{ColumnIdx: int32(c)})
	}
	return list
}

// A sortEntry is one row being sorted by one column, or by seven bytes of a text.
type sortEntry struct {
	key  uint64
	row  int32
	none int32 // 1 for a row without value: it comes last
}

func compareEntries(a, b sortEntry) int {
	switch {
	case a.none != b.none:
		return int(a.none - b.none)
	case a.key < b.key:
		return -1
	case a.key > b.key:
		return 1
	}
	return int(a.row - b.row)
}

// rows sorts rows of a row group; nil when they are in order.
func (o *parquetOrder) rows(columns []*parquetColumn, rows int) []int32 {
	if o.sorted(columns, rows) {
		return nil
	}
	for i, at := range o.columns {
		o.rank(i, columns[at])
	}
	o.entries, o.order = slices.Grow(o.entries[:0], rows), slices.Grow(o.order[:0], rows)
	for row := range rows {
		o.entries = append(o.entries, sortEntry{row: int32(row)})
	}
	o.refine(columns, o.entries, 0, 0)
	for i := range o.entries {
		o.order = append(o.order, o.entries[i].row)
	}
	return o.order
}

// rank works out in which order the entries of a dictionary that holds the whole column are: 0 for the least, the same for equals.
func (o *parquetOrder) rank(i int, c *parquetColumn) {
	ranks := o.ranks[i][:0]
	if c.stash.loose() == 0 {
		o.codes = o.codes[:0]
		for code := range c.dict.len() {
			o.codes = append(o.codes, int32(code))
		}
		slices.SortFunc(o.codes, c.compareCodes)
		ranks = append(ranks, make([]uint32, len(o.codes))...)
		rank := uint32(0)
		for n, code := range o.codes {
			if n > 0 && c.compareCodes(o.codes[n-1], code) != 0 {
				rank++
			}
			ranks[code] = rank
		}
	}
	o.ranks[i] = ranks
}

// refine sorts rows that are equal in the columns before the one at place by, and of which the texts in that one begin with the same depth bytes.
func (o *parquetOrder) refine(columns []*parquetColumn, rows []sortEntry, by, depth int) {
	if by == len(o.columns) {
		return
	}
	c := columns[o.columns[by]]
	for again := true; again; { // deeper, as long as no row differs: texts may be long
		again = false
		o.fill(c, rows, by, depth)
		o.sort(rows, by)
		for from, to := 0, 0; from < len(rows); from = to {
			first := rows[from]
			for to = from + 1; to < len(rows) && rows[to].key == first.key && rows[to].none == first.none; to++ {
			}
			switch more := len(o.ranks[by]) == 0 && c.physical == schemas.Text && first.none == 0 && first.key&0xff == moreText; {
			case to-from == 1:
			case !more:
				o.refine(columns, rows[from:to], by+1, 0)
			case to-from == len(rows):
				depth, again = depth+7, true
			default:
				o.refine(columns, rows[from:to], by, depth+7)
			}
		}
	}
}

// fill works out by what rows are sorted.
func (o *parquetOrder) fill(c *parquetColumn, rows []sortEntry, by, depth int) {
	ranks := o.ranks[by]
	for i := range rows {
		e := &rows[i]
		code := c.stash.codes[e.row]
		switch {
		case code < 0:
			e.key, e.none = 0, 1
		case len(ranks) > 0:
			e.key, e.none = uint64(ranks[code]), 0
		default:
			e.key, e.none = c.sortKey(code, depth), 0
		}
	}
}

// sort sorts rows by their keys. Many rows of few ranks are counted.
func (o *parquetOrder) sort(rows []sortEntry, by int) {
	if n := len(o.ranks[by]); n == 0 || len(rows) < 2*n || len(rows) < 64 {
		slices.SortFunc(rows, compareEntries)
		return
	}
	starts := make([]int32, len(o.ranks[by])+1) // by rank; at last those without value
	place := func(e *sortEntry) *int32 {
		if e.none != 0 {
			return &starts[len(starts)-1]
		}
		return &starts[e.key]
	}
	for i := range rows {
		*place(&rows[i])++
	}
	at := int32(0)
	for i, n := range starts {
		starts[i], at = at, at+n
	}
	o.spare = append(o.spare[:0], rows...) // in the order in which they came, which equals keep
	for i := range o.spare {
		p := place(&o.spare[i])
		rows[*p] = o.spare[i]
		*p++
	}
}

// moreText is the low byte of a sort key of a text that goes on.
const moreText = 8

// sortKey is what a value is sorted by: a number in the order of its type, or the seven bytes of a text at depth with how many there are.
func (c *parquetColumn) sortKey(code int32, depth int) (key uint64) {
	if c.physical != schemas.Text {
		return orderedNumber(c.physical, c.stashedNumber(code))
	}
	v := c.stashedText(code)[depth:]
	if len(v) >= 8 {
		return binary.BigEndian.Uint64(v)&^0xff | moreText
	}
	for i, b := range v {
		key |= uint64(b) << (56 - 8*i)
	}
	return key | uint64(len(v))
}

// orderedNumber maps a number to one whose order is that of its type. Both zeros are equal; NaN follows all.
func orderedNumber(p schemas.Physical, v uint64) uint64 {
	const sign = 1 << 63
	if p != schemas.Float {
		return v ^ sign
	}
	switch f := math.Float64frombits(v); {
	case math.IsNaN(f):
		return math.MaxUint64
	case f == 0:
		return sign
	case f < 0:
		return ^v
	}
	return v | sign
}

// sorted tells whether the rows came in order.
func (o *parquetOrder) sorted(columns []*parquetColumn, rows int) bool {
	for row := 1; row < rows; row++ {
		for _, at := range o.columns {
			c := columns[at]
			order := c.compareCodes(c.stash.codes[row-1], c.stash.codes[row])
			if order > 0 {
				return false
			}
			if order < 0 {
				break
			}
		}
	}
	return true
}

// compareCodes compares what two codes stand for; no value comes last.
func (c *parquetColumn) compareCodes(a, b int32) int {
	switch {
	case a == b:
		return 0
	case a < 0:
		return 1
	case b < 0:
		return -1
	case c.physical == schemas.Text:
		return bytes.Compare(c.stashedText(a), c.stashedText(b))
	}
	return cmp.Compare(orderedNumber(c.physical, c.stashedNumber(a)), orderedNumber(c.physical, c.stashedNumber(b)))
}

// ends are the rows before which a page ends: where the year changes, and the last.
func (o *parquetOrder) ends(columns []*parquetColumn, order []int32, rows int) (ends []int) {
	if o.year < 0 {
		return []int{rows}
	}
	c := columns[o.year]
	var year int64
	last := int32(-1) // code of the row before
	for k := range rows {
		row := k
		if order != nil {
			row = int(order[k])
		}
		code := c.stash.codes[row]
		if k > 0 && code == last {
			continue
		}
		old := year
		if code >= 0 {
			year = calendarYear(c.physical, int64(c.stashedNumber(code)))
		}
		if k > 0 && (year != old || code < 0) {
			ends = append(ends, k)
		}
		last = code
	}
	return append(ends, rows)
}
