package publish

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"
	"runtime"
	"sync"

	"grenier/schemas"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// How a column is cut into pages and when its dictionary is given up.
const (
	parquetPageBytes = 256 << 10 // of plain values
	parquetPageRows  = 32 << 10
	parquetDictBytes = 1 << 20 // the largest dictionary
)

// A parquetColumn gathers the values of one column of one row group into pages. It starts with a dictionary and goes over to plain
// values when the dictionary does not pay. begin makes it ready for the next row group and keeps its memory.
//
// Values go to pages as they come; or to a stash, of which the pages are made once the order of the rows is known (parquet_sort.go).
type parquetColumn struct {
	physical schemas.Physical
	opaque   bool // bytes whose order says nothing: no bounds are kept

	// The page being filled.
	page   uint32 // its number in the row group, from 1
	values int    // rows that have one
	bounds parquetBounds

	*parquetBuffers
	own     *parquetBuffers // buffers of this column, unless it shares those of the file
	profile *pressTally     // told what pages hold; nil unless asked for

	// The row group.
	stashed    bool // values go to stash
	stash      parquetStash
	dict       parquetDict
	useDict    bool  // values go to dict
	count      int64 // values
	early      int64 // how many of the first 4,096 were different
	rows       int64 // rows of finished pages
	nulls      int64
	plainSize  int64 // bytes that all values take when PLAIN encoded
	all        parquetBounds
	infos      []parquetPage
	plainPages int32
	dictPages  int32
	rawSize    int64 // of all pages and their headers before compression
}

// parquetBuffers are where pages are made: of a column while its values come, or of all columns of a file one after the other.
type parquetBuffers struct {
	levels   []byte  // of the page being filled, by row: 1 with a value, 0 without
	indexes  []int32 // its values, in the dictionary…
	plain    []byte  // …or themselves, PLAIN encoded
	pages    []byte  // finished pages
	dictPage []byte  // after finish: the dictionary page, empty without one

	body, packed []byte  // scratch
	codes        []int32 // of the rows that are being put into a page
	touched      byte
}

func (b *parquetBuffers) reset() {
	b.levels, b.indexes, b.plain, b.pages, b.dictPage = b.levels[:0], b.indexes[:0], b.plain[:0], b.pages[:0], b.dictPage[:0]
}

// shrink lets go of what only a large table needed.
func (b *parquetBuffers) shrink() {
	const keep = 512 << 10
	for _, p := range []*[]byte{&b.plain, &b.pages, &b.dictPage, &b.body, &b.packed} {
		if cap(*p) > keep {
			*p = nil
		}
	}
}

// A parquetPage is what the page index says of one page.
type parquetPage struct {
	offset   int64 // in pages
	size     int32
	firstRow int64
	nulls    int64
	allNull  bool
	known    bool // min and max are
	min, max []byte
}

// begin starts a row group. With shared buffers its values are stashed until the end.
func (c *parquetColumn) begin(p schemas.Physical, opaque bool, shared *parquetBuffers) {
	buffers := shared
	if shared == nil {
		if c.own == nil {
			c.own = new(parquetBuffers)
		}
		buffers = c.own
	}
	*c = parquetColumn{
		physical: p, opaque: opaque, page: 1, useDict: p != schemas.Bool, dict: c.dict, bounds: c.bounds, all: c.all, infos: c.infos[:0],
		parquetBuffers: buffers, own: c.own, profile: c.profile, stashed: shared != nil, stash: c.stash,
	}
	buffers.reset()
	c.bounds.any, c.all.any = false, false
	c.dict.reset(p == schemas.Text)
	c.stash.reset()
}

// shrink lets go of what only a large table needed.
func (c *parquetColumn) shrink() {
	if c.own != nil {
		c.own.shrink()
	}
	if cap(c.all.loText)+cap(c.all.hiText) > 4<<10 {
		c.bounds, c.all = parquetBounds{}, parquetBounds{}
	}
	c.dict.shrink()
	c.stash.shrink()
	c.parquetBuffers, c.profile = nil, nil
}

// append adds rows from to to of column i.
func (c *parquetColumn) append(b *schemas.Batch, i, from, to int) error {
	if c.stashed {
		c.gather(b, i, from, to)
		return nil
	}
	col := &b.Columns[i]
	for r := from; r < to; r++ {
		if !col.Valid[r] {
			c.levels = append(c.levels, 0)
		} else {
			c.levels = append(c.levels, 1)
			c.values++
			c.count++
			switch c.physical {
			case schemas.Text:
				c.text(b.TextAt(i, r))
			case schemas.Float:
				c.fixed(math.Float64bits(col.Floats[r]))
			case schemas.Bool:
				c.truth(col.Bools[r])
			default:
				c.fixed(uint64(col.Ints[r]))
			}
		}
		givenUp := !c.useDict && len(c.indexes) > 0 // what follows is plain, and a page has one encoding
		if givenUp || len(c.levels) >= parquetPageRows || len(c.plain) >= parquetPageBytes {
			if err := c.endPage(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *parquetColumn) text(v []byte) {
	c.plainSize += 4 + int64(len(v))
	if !c.useDict {
		c.plainText(v)
		return
	}
	c.index(c.dict.text(v))
	c.judge()
}

// plainText adds a text to the page.
func (c *parquetColumn) plainText(v []byte) {
	c.bound(v)
	c.plain = append(binary.LittleEndian.AppendUint32(c.plain, uint32(len(v))), v...)
}

// bound widens the page's bounds to v.
func (c *parquetColumn) bound(v []byte) {
	if !c.opaque {
		c.bounds.text(v)
	}
}

// fixed adds an integer, or the bits of a float.
func (c *parquetColumn) fixed(v uint64) {
	c.plainSize += int64(c.width())
	if !c.useDict {
		c.plainNumber(v)
		return
	}
	c.index(c.dict.number(v))
	c.judge()
}

// plainNumber adds a number to the page.
func (c *parquetColumn) plainNumber(v uint64) {
	c.bounds.number(v, c.physical == schemas.Float)
	c.plain = c.appendPlain(c.plain, v)
}

// index adds a value of the dictionary to the page.
func (c *parquetColumn) index(index int32) {
	c.indexes = append(c.indexes, index)
	if c.dict.seen[index] == c.page {
		return
	}
	c.dict.seen[index] = c.page
	if c.physical == schemas.Text {
		c.bound(c.dict.value(index))
	} else {
		c.bounds.number(c.dict.keys[index], c.physical == schemas.Float)
	}
}

// truth adds a truth value: one bit.
func (c *parquetColumn) truth(v bool) {
	bit := byte(0)
	if v {
		bit = 1
	}
	c.bounds.number(uint64(bit), false)
	n := c.values - 1
	if n%8 == 0 {
		c.plain = append(c.plain, 0)
		c.plainSize++
	}
	c.plain[n/8] |= bit << (n % 8)
}

func (c *parquetColumn) width() int {
	if c.physical == schemas.Days {
		return 4
	}
	return 8
}

func (c *parquetColumn) appendPlain(dst []byte, v uint64) []byte {
	if c.physical == schemas.Days {
		return binary.LittleEndian.AppendUint32(dst, uint32(v))
	}
	return binary.LittleEndian.AppendUint64(dst, v)
}

// judge gives the dictionary up once it has become too large, or when values do not come back: nine tenths of the first 4,096 are new,
// or half of the 12,288 after them. (A column of 7,000 names, each as likely as the others, shows 3,000 of them in the first 4,096: what
// tells it from a column of titles is that ever fewer are new.)
func (c *parquetColumn) judge() {
	n := int64(c.dict.len())
	switch {
	case c.dict.size(c.width()) > parquetDictBytes:
	case c.count == 4096:
		c.early = n
		if n <= 3686 {
			return
		}
	case c.count == 16384:
		if n-c.early <= 6144 {
			return
		}
	default:
		return
	}
	if 4*n > c.count && !c.stashed { // few values came twice: what the page holds is nearly as short in plain
		c.unfold()
	}
	c.useDict = false
}

// unfold turns the page's indexes into plain values.
func (c *parquetColumn) unfold() {
	for _, index := range c.indexes {
		if c.physical == schemas.Text {
			v := c.dict.value(index)
			c.plain = append(binary.LittleEndian.AppendUint32(c.plain, uint32(len(v))), v...)
		} else {
			c.plain = c.appendPlain(c.plain, c.dict.keys[index])
		}
	}
	c.indexes = c.indexes[:0]
}

// finish ends the last page and makes the dictionary page. What was stashed is put into pages first: its rows in order (nil: as they came),
// with pages that end at ends.
func (c *parquetColumn) finish(order []int32, ends []int) error {
	if c.stashed {
		if err := c.cut(order, ends); err != nil {
			return err
		}
	} else {
		if c.useDict && c.dictPages == 0 && !c.dictPays() {
			c.unfold()
			c.useDict = false
		}
		if err := c.endPage(); err != nil {
			return err
		}
	}
	return c.endDict()
}

// dictPays tells whether values in the dictionary, all there are, are shorter than in plain.
func (c *parquetColumn) dictPays() bool {
	packed := c.count * int64(bits.Len(uint(c.dict.len()))) / 8
	return int64(c.dict.size(c.width()))+packed < c.plainSize
}

// endDict makes the dictionary page when pages refer to it.
func (c *parquetColumn) endDict() error {
	if c.dictPages == 0 {
		return nil
	}
	body := c.dict.plain
	if c.physical != schemas.Text {
		c.body = c.body[:0]
		for _, v := range c.dict.keys {
			c.body = c.appendPlain(c.body, v)
		}
		body = c.body
	}
	header := format.PageHeader{
		Type:                 format.DictionaryPage,
		DictionaryPageHeader: thrift.New(format.DictionaryPageHeader{NumValues: int32(c.dict.len()), Encoding: format.Plain}),
	}
	var err error
	c.dictPage, err = c.appendPage(c.dictPage, &header, body)
	return err
}

// endPage encodes and compresses the page being filled: indexes when it has some, plain values otherwise.
func (c *parquetColumn) endPage() error {
	if len(c.levels) == 0 {
		return nil
	}
	if c.profile != nil {
		c.profile.page(c)
	}
	data := format.DataPageHeader{
		NumValues:               int32(len(c.levels)),
		Encoding:                format.Plain,
		DefinitionLevelEncoding: format.RLE,
		RepetitionLevelEncoding: format.RLE,
	}
	body, err := c.appendLevels(c.body[:0])
	if err != nil {
		return err
	}
	if len(c.indexes) > 0 {
		data.Encoding = format.RLEDictionary
		c.dictPages++
		c.packed, err = (&rle.DictionaryEncoding{}).EncodeInt32(c.packed, c.indexes)
		body = append(body, c.packed...)
	} else {
		c.plainPages++
		body = append(body, c.plain...)
	}
	c.body = body
	if err != nil {
		return err
	}
	nulls := int64(len(c.levels) - c.values)
	data.Statistics.NullCount = nulls
	start := len(c.pages)
	c.pages, err = c.appendPage(c.pages, &format.PageHeader{Type: format.DataPage, DataPageHeader: thrift.New(data)}, body)
	if err != nil {
		return err
	}
	info := parquetPage{offset: int64(start), size: int32(len(c.pages) - start), firstRow: c.rows, nulls: nulls, allNull: c.values == 0}
	if c.bounds.any {
		info.known = true
		lo, hi := c.bounds.encode(c.physical)
		info.min, info.max = cutMin(lo), cutMax(hi)
		c.all.merge(&c.bounds, c.physical)
	}
	c.infos = append(c.infos, info)
	c.rows += int64(len(c.levels))
	c.nulls += nulls
	c.page++
	c.levels, c.indexes, c.plain, c.values, c.bounds.any = c.levels[:0], c.indexes[:0], c.plain[:0], 0, false
	return nil
}

// appendLevels adds which rows have a value: a length, then runs.
func (c *parquetColumn) appendLevels(dst []byte) ([]byte, error) {
	var err error
	c.packed, err = (&rle.Encoding{BitWidth: 1}).EncodeLevels(c.packed, c.levels)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(c.packed)))
	return append(dst, c.packed...), err
}

// zstdEncoder is shared: EncodeAll is safe for concurrent use, and its tables are too large to make for each file.
var zstdEncoder = sync.OnceValues(func() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(runtime.GOMAXPROCS(0)),
		zstd.WithEncoderCRC(false), zstd.WithZeroFrames(true), zstd.WithWindowSize(1<<20))
})

// appendPage compresses body and adds it behind its header.
func (c *parquetColumn) appendPage(dst []byte, header *format.PageHeader, body []byte) ([]byte, error) {
	if len(body) > math.MaxInt32 {
		return dst, fmt.Errorf("page of %d bytes", len(body))
	}
	encoder, err := zstdEncoder()
	if err != nil {
		return dst, err
	}
	c.packed = encoder.EncodeAll(body, c.packed[:0])
	header.UncompressedPageSize, header.CompressedPageSize = int32(len(body)), int32(len(c.packed))
	header.CRC = int32(crc32.ChecksumIEEE(c.packed))
	head, err := thrift.Marshal(new(thrift.CompactProtocol), header)
	if err != nil {
		return dst, err
	}
	c.rawSize += int64(len(head) + len(body))
	return append(append(dst, head...), c.packed...), nil
}

// metadata describes the finished column chunk, which begins at offset of the file.
func (c *parquetColumn) metadata(name string, offset int64) format.ColumnMetaData {
	m := format.ColumnMetaData{
		Type:                  parquetType(c.physical),
		Encoding:              []format.Encoding{format.RLE},
		PathInSchema:          []string{name},
		Codec:                 format.Zstd,
		NumValues:             c.rows,
		TotalUncompressedSize: c.rawSize,
		TotalCompressedSize:   int64(len(c.dictPage) + len(c.pages)),
		DataPageOffset:        offset + int64(len(c.dictPage)),
	}
	m.Statistics.NullCount = c.nulls
	if c.all.any {
		// A long text would have to be cut, and old readers take these for exact: better none.
		if lo, hi := c.all.encode(c.physical); len(lo) <= parquetBound && len(hi) <= parquetBound {
			m.Statistics.MinValue, m.Statistics.MaxValue = lo, hi
		}
	}
	if c.dictPages > 0 {
		m.DictionaryPageOffset = offset
		m.Encoding = append(m.Encoding, format.RLEDictionary)
		m.EncodingStats = append(m.EncodingStats,
			format.PageEncodingStats{PageType: format.DictionaryPage, Encoding: format.Plain, Count: 1},
			format.PageEncodingStats{PageType: format.DataPage, Encoding: format.RLEDictionary, Count: c.dictPages})
	}
	if c.dictPages > 0 || c.plainPages > 0 {
		m.Encoding = append(m.Encoding, format.Plain)
	}
	if c.plainPages > 0 {
		m.EncodingStats = append(m.EncodingStats, format.PageEncodingStats{PageType: format.DataPage, Encoding: format.Plain, Count: c.plainPages})
	}
	return m
}

// columnIndex tells the bounds of each page, nil when those of one are not known (a page of NaN).
func (c *parquetColumn) columnIndex() *format.ColumnIndex {
	x := &format.ColumnIndex{}
	for _, p := range c.infos {
		if !p.known && !p.allNull {
			return nil
		}
		x.NullPages = append(x.NullPages, p.allNull)
		x.NullCounts = append(x.NullCounts, p.nulls)
		x.MinValues = append(x.MinValues, p.min)
		x.MaxValues = append(x.MaxValues, p.max)
	}
	x.BoundaryOrder = c.order(x)
	return x
}

// order tells whether the pages' bounds rise or fall, which lets readers search by halving.
func (c *parquetColumn) order(x *format.ColumnIndex) format.BoundaryOrder {
	rising, falling, last := true, true, -1
	for i := range x.MinValues {
		if x.NullPages[i] {
			continue
		}
		if last >= 0 {
			lo := compareBounds(c.physical, x.MinValues[last], x.MinValues[i])
			hi := compareBounds(c.physical, x.MaxValues[last], x.MaxValues[i])
			rising, falling = rising && lo <= 0 && hi <= 0, falling && lo >= 0 && hi >= 0
		}
		last = i
	}
	switch {
	case rising:
		return format.Ascending
	case falling:
		return format.Descending
	}
	return format.Unordered
}

// offsetIndex tells where each page is, when the first begins at offset of the file.
func (c *parquetColumn) offsetIndex(offset int64) *format.OffsetIndex {
	x := &format.OffsetIndex{}
	for _, p := range c.infos {
		x.PageLocations = append(x.PageLocations, format.PageLocation{Offset: offset + p.offset, CompressedPageSize: p.size, FirstRowIndex: p.firstRow})
	}
	return x
}

// compareBounds compares two encoded bounds.
func compareBounds(p schemas.Physical, a, b []byte) int {
	if p == schemas.Text {
		return bytes.Compare(a, b)
	}
	return compareNumbers(decodeBound(p, a), decodeBound(p, b), p == schemas.Float)
}
