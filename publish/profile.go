package publish

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"hash/maphash"
	"math"
	"math/bits"
	"slices"
	"unicode/utf8"

	"grenier/schemas"
)

// A Profile says what the columns of a table hold.
type Profile struct {
	Rows    int64           `json:"rows"`
	Columns []ColumnProfile `json:"columns"`
}

// A ColumnProfile says what one column holds. Values are JSON as in NDJSON, long texts cut.
type ColumnProfile struct {
	Name      string          `json:"name"`
	Title     string          `json:"title,omitempty"`
	Type      schemas.Type    `json:"type"`
	Nulls     int64           `json:"nulls"`
	Distinct  int64           `json:"distinct"`
	AtLeast   bool            `json:"distinct_at_least"` // there are more than Distinct different values
	Min       json.RawMessage `json:"min"`               // null when no cell has a value
	Max       json.RawMessage `json:"max"`
	Top       []ValueCount    `json:"top"`                 // the ten most frequent, exactly counted; not those that are too rare to be told from others
	Histogram []Bin           `json:"histogram,omitempty"` // numbers and dates
	Length    *Lengths        `json:"length,omitempty"`    // texts, in characters
}

// A ValueCount is a value and how often it occurs.
type ValueCount struct {
	Value json.RawMessage `json:"value"`
	Count int64           `json:"count"`
}

// A Bin counts values from From to To: To included for whole numbers and dates, and in the last bin; excluded otherwise.
type Bin struct {
	From  json.RawMessage `json:"from"`
	To    json.RawMessage `json:"to"`
	Count int64           `json:"count"`
}

// Lengths are of texts.
type Lengths struct {
	Min     int     `json:"min"`
	Max     int     `json:"max"`
	Average float64 `json:"average"`
}

const (
	profileValues = 10_000  // different values that are counted one by one
	profileBytes  = 4 << 20 // of them
	profileFew    = 2_000   // those that are held when there were more: they fit the processor's cache
	profileSure   = 1_000   // those that are counted again when there were more
	profileTop    = 10
	profileBins   = 20
	profileText   = 200 // characters of a text that is shown
)

// Profile reads the whole table, a column at a time; columns with more than 10,000 different values are read twice.
func (t *Table) Profile(ctx context.Context) (*Profile, error) {
	p := &Profile{Rows: t.rows, Columns: []ColumnProfile{}}
	for c := range t.schema.Fields {
		column, err := t.profileColumn(ctx, c)
		if err != nil {
			return nil, err
		}
		p.Columns = append(p.Columns, column)
	}
	return p, nil
}

func (t *Table) profileColumn(ctx context.Context, column int) (ColumnProfile, error) {
	y := newTally(t.schema.Fields[column].Physical())
	nulls, err := t.eachValue(ctx, column, y.add)
	if err != nil {
		return ColumnProfile{}, err
	}
	return t.describe(ctx, column, y, nulls)
}

// describe makes the profile of a column whose values were counted; it reads those of a column that has too many of them once more.
func (t *Table) describe(ctx context.Context, column int, y *tally, nulls int64) (ColumnProfile, error) {
	f := &t.schema.Fields[column]
	out := ColumnProfile{Name: f.Name, Title: f.Title, Type: f.Type, Min: json.RawMessage("null"), Max: json.RawMessage("null"), Top: []ValueCount{}}
	out.Nulls, out.Distinct, out.AtLeast = nulls, y.distinct(), y.purged > 0
	if !y.any {
		return out, nil
	}
	if y.known {
		out.Min, out.Max = jsonValue(y.physical, y.lo), jsonValue(y.physical, y.hi)
	}
	if y.physical == schemas.Text {
		out.Length = &Lengths{y.shortest, y.longest, shorter(math.Round(100*float64(y.letters)/float64(y.count)) / 100)}
	}
	bins := y.bins()
	sure := y.candidates()
	if y.purged == 0 {
		y.each(bins.add)
	} else if len(bins.counts) == 0 && len(sure.counts) == 0 {
		return out, nil
	} else if _, err := t.eachValue(ctx, column, func(b bound, n int64) {
		bins.add(b, n)
		if len(sure.counts) > 0 {
			sure.addKnown(b, n)
		}
	}); err != nil {
		return out, err
	}
	out.Top, out.Histogram = sure.top(y.unsure()), bins.list()
	return out, nil
}

// eachValue calls fn with the values of a column and how often each comes: once a row, or once an entry of a dictionary.
func (t *Table) eachValue(ctx context.Context, column int, fn func(b bound, n int64)) (nulls int64, err error) {
	c := t.reader(column)
	var counts []int64 // by entry of the dictionary
	for g := range t.groups {
		pages, err := t.pages(g, column)
		if err != nil {
			return 0, err
		}
		counts = counts[:0]
		for _, p := range pages {
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			if err := c.seek(p.first); err != nil {
				return 0, err
			}
			if c.dicted && len(counts) == 0 {
				counts = append(counts, make([]int64, max(len(c.dict.nums), len(c.dict.spans)))...)
			}
			nulls += c.countPage(counts, fn)
		}
		for i, n := range counts {
			if n > 0 {
				fn(c.dict.bound(c.physical, i), n)
			}
		}
	}
	return nulls, nil
}

// countPage adds a page's references to the dictionary to counts, and calls fn with its plain values.
func (c *columnReader) countPage(counts []int64, fn func(b bound, n int64)) (nulls int64) {
	if !c.full {
		nulls = int64(bytes.Count(c.valid, []byte{0}))
	}
	if c.dicted {
		for _, i := range c.idx {
			counts[i]++
		}
		if nulls > 0 { // rows without value refer to the first entry
			counts[0] -= nulls
		}
		return nulls
	}
	for i := range int(c.end - c.first) {
		if c.has(i) {
			fn(c.values.bound(c.physical, i), 1)
		}
	}
	return nulls
}

// bound is value i; a zero has no sign.
func (v *columnValues) bound(p schemas.Physical, i int) bound {
	if p == schemas.Text {
		return bound{text: v.text(int32(i))}
	}
	n := v.nums[i]
	if p == schemas.Float && math.Float64frombits(n) == 0 {
		n = 0
	}
	return bound{num: n}
}

// A tally counts values. When there are too many it takes the median count off all counts and forgets those that have nothing left (Misra and
// Gries): a value that is frequent stays, with a count that is too low by no more than what was taken off.
type tally struct {
	physical schemas.Physical
	values   parquetDict
	counts   []int64      // by value
	kept     *parquetDict // scratch
	room     int          // bytes of texts that are held, about
	off      int64        // taken off
	purged   int
	most     int // of values held at once before a purge

	any, known        bool // any value; any but NaN
	lo, hi            bound
	count             int64
	letters           int64
	shortest, longest int
}

func newTally(p schemas.Physical) *tally {
	y := &tally{physical: p, kept: new(parquetDict), room: profileBytes}
	y.values.reset(p == schemas.Text)
	return y
}

func (y *tally) add(b bound, n int64) {
	if y.physical != schemas.Float || !math.IsNaN(math.Float64frombits(b.num)) {
		y.widen(b)
	}
	y.take(b, n)
}

// take is add of a value that is within the bounds.
func (y *tally) take(b bound, n int64) {
	y.measure(b, n)
	y.hold(b, n)
	held, most := y.values.len(), profileValues
	if y.purged > 0 {
		most = profileFew
	}
	if held > most || y.values.size(8) > y.room && held > 1 {
		y.purge()
	}
}

func (y *tally) hold(b bound, n int64) {
	var i int32
	if y.physical == schemas.Text {
		i = y.values.text(b.text)
	} else {
		i = y.values.number(b.num)
	}
	if int(i) == len(y.counts) {
		y.counts = append(y.counts, 0)
	}
	y.counts[i] += n
}

// measure keeps lengths.
func (y *tally) measure(b bound, n int64) {
	if y.physical == schemas.Text {
		letters := countLetters(b.text)
		if !y.any || letters < y.shortest {
			y.shortest = letters
		}
		y.longest = max(y.longest, letters)
		y.letters += n * int64(letters)
	}
	y.count += n
	y.any = true
}

// widen keeps bounds.
func (y *tally) widen(b bound) {
	b = y.unsigned(b)
	s := sorter{physical: y.physical}
	if !y.known || s.compareValues(&b, &y.lo) < 0 {
		y.lo = bound{b.num, append(y.lo.text[:0], b.text...)}
	}
	if !y.known || s.compareValues(&b, &y.hi) > 0 {
		y.hi = bound{b.num, append(y.hi.text[:0], b.text...)}
	}
	y.known = true
}

// countLetters is utf8.RuneCount of a text that is UTF-8: its bytes but for those that go on a letter.
func countLetters(text []byte) int {
	n := len(text)
	for ; len(text) >= 8; text = text[8:] {
		v := binary.LittleEndian.Uint64(text)
		n -= bits.OnesCount64(v >> 7 & ^(v >> 6) & 0x0101010101010101)
	}
	for _, c := range text {
		if c&0xc0 == 0x80 {
			n--
		}
	}
	return n
}

func (y *tally) purge() {
	if y.purged++; y.purged == 1 {
		*y.kept = parquetDict{} // a small one
	}
	y.most = max(y.most, len(y.counts)-1)
	off := median(y.counts)
	y.off += off
	y.kept.reset(y.physical == schemas.Text)
	left := y.counts[:0]
	for i, n := range y.counts {
		if n <= off {
			continue
		}
		if left = append(left, n-off); y.physical == schemas.Text {
			y.kept.text(y.values.value(int32(i)))
		} else {
			y.kept.number(y.values.keys[i])
		}
	}
	y.counts = left
	y.values, *y.kept = *y.kept, y.values
	if y.purged == 1 {
		*y.kept = parquetDict{}
	}
}

// median of counts, of which most are 1 where there are too many values.
func median(counts []int64) int64 {
	ones := 0
	for _, n := range counts {
		if n == 1 {
			ones++
		}
	}
	if 2*ones > len(counts) {
		return 1
	}
	sorted := slices.Clone(counts)
	slices.Sort(sorted)
	return sorted[len(sorted)/2]
}

func (y *tally) each(fn func(b bound, n int64)) {
	for i, n := range y.counts {
		fn(y.value(i), n)
	}
}

func (y *tally) value(i int) bound {
	if y.physical == schemas.Text {
		return bound{text: y.values.value(int32(i))}
	}
	return bound{num: y.values.keys[i]}
}

// distinct is how many different values were held at once: all of them unless purged.
func (y *tally) distinct() int64 { return int64(max(y.most, len(y.counts))) }

// unsure is how often a value that is not a candidate may occur.
func (y *tally) unsure() int64 {
	if y.purged == 0 {
		return 0
	}
	return y.off + y.nth(profileSure)
}

// nth is the count of the n-th most frequent value, 0 when there are fewer.
func (y *tally) nth(n int) int64 {
	if len(y.counts) <= n {
		return 0
	}
	counts := slices.Clone(y.counts)
	slices.SortFunc(counts, func(a, b int64) int { return cmp.Compare(b, a) })
	return counts[n-1]
}

// candidates are the values that may be the most frequent: with their counts when those are exact, without otherwise, and then only those that
// are not too rare to be told from others.
func (y *tally) candidates() *tally {
	out := newTally(y.physical)
	least := y.nth(profileSure)
	if y.purged > 0 {
		least = max(least, y.unsure()-y.off+1) // with what was taken off, it occurs more often than those that are unsure
	}
	y.each(func(b bound, n int64) {
		if n < least {
			return
		}
		if y.purged > 0 {
			n = 0
		}
		out.hold(b, n)
	})
	return out
}

// addKnown counts a value that is held already.
func (y *tally) addKnown(b bound, n int64) {
	if i := y.values.find(b); i >= 0 {
		y.counts[i] += n
	}
}

// find is the number of a value, -1 when it is not there.
func (d *parquetDict) find(b bound) int32 {
	if len(d.slots) == 0 {
		return -1
	}
	h := mix(b.num)
	if d.texts {
		h = maphash.Bytes(dictSeed, b.text)
	}
	mask := uint64(len(d.slots) - 1)
	for i := h & mask; d.slots[i] != 0; i = (i + 1) & mask {
		if slot := d.slots[i]; (slot^h)>>32 == 0 {
			index := int32(uint32(slot)) - 1
			if d.texts && bytes.Equal(d.value(index), b.text) || !d.texts && d.keys[index] == b.num {
				return index
			}
		}
	}
	return -1
}

// top lists the most frequent values that occur more often than unsure; equal counts in the order of values.
func (y *tally) top(unsure int64) []ValueCount {
	type counted struct {
		bound
		n int64
	}
	var all []counted
	y.each(func(b bound, n int64) {
		if n > unsure {
			all = append(all, counted{b, n})
		}
	})
	s := sorter{physical: y.physical}
	slices.SortFunc(all, func(a, b counted) int { return cmp.Or(cmp.Compare(b.n, a.n), s.compareValues(&a.bound, &b.bound)) })
	out := []ValueCount{}
	for _, v := range all[:min(profileTop, len(all))] {
		out = append(out, ValueCount{jsonValue(y.physical, v.bound), v.n})
	}
	return out
}

// jsonValue is a value in JSON, a long text cut.
func jsonValue(p schemas.Physical, b bound) json.RawMessage {
	text := appendCell(nil, p, b.num, b.text)
	switch p {
	case schemas.Int64, schemas.Bool:
		return text
	case schemas.Float:
		return appendJSONNumber(nil, text, math.Float64frombits(b.num))
	}
	return appendJSONText(nil, cutText(text))
}

func cutText(text []byte) []byte {
	if utf8.RuneCount(text) <= profileText {
		return text
	}
	n := 0
	for i := range string(text) {
		if n++; n > profileText {
			return append(bytes.Clone(text[:i]), "…"...)
		}
	}
	return text
}

// histogram counts values in bins of the same width.
type histogram struct {
	physical schemas.Physical
	lo, hi   bound
	whole    uint64  // width of bins of whole numbers
	width    float64 // width of bins of decimal ones
	counts   []int64
}

// bins makes the histogram of a tally's bounds; one without bins for texts, truth values and infinite numbers.
func (y *tally) bins() *histogram {
	h := &histogram{physical: y.physical, lo: y.lo, hi: y.hi}
	switch y.physical {
	case schemas.Int64, schemas.Days, schemas.Micros:
		span := y.hi.num - y.lo.num // the difference is right even where the numbers are signed
		h.whole = span/profileBins + 1
		h.counts = make([]int64, span/h.whole+1)
	case schemas.Float:
		lo, hi := math.Float64frombits(y.lo.num), math.Float64frombits(y.hi.num)
		h.width = (hi - lo) / profileBins
		switch {
		case !y.known || math.IsInf(h.width, 0) || math.IsNaN(h.width):
		case h.width == 0:
			h.counts = make([]int64, 1)
		default:
			h.counts = make([]int64, profileBins)
		}
	}
	return h
}

func (h *histogram) add(b bound, n int64) {
	switch {
	case len(h.counts) == 0:
	case h.physical != schemas.Float:
		h.counts[(b.num-h.lo.num)/h.whole] += n
	case math.IsNaN(math.Float64frombits(b.num)):
	case h.width == 0:
		h.counts[0] += n
	default:
		at := int((math.Float64frombits(b.num) - math.Float64frombits(h.lo.num)) / h.width)
		h.counts[min(at, len(h.counts)-1)] += n
	}
}

func (h *histogram) list() (out []Bin) {
	for i, n := range h.counts {
		from, to := h.edges(i)
		if i == len(h.counts)-1 {
			to = h.hi
		}
		out = append(out, Bin{jsonValue(h.physical, from), jsonValue(h.physical, to), n})
	}
	return out
}

func (h *histogram) edges(i int) (from, to bound) {
	if h.physical != schemas.Float {
		from.num = h.lo.num + uint64(i)*h.whole
		return from, bound{num: from.num + h.whole - 1}
	}
	lo := math.Float64frombits(h.lo.num)
	edge := func(i int) bound {
		if i == 0 {
			return h.lo
		}
		return bound{num: math.Float64bits(shorter(lo + float64(i)*h.width))}
	}
	return edge(i), edge(i + 1)
}
