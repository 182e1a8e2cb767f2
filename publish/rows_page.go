package publish

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"sync"

	"grenier/schemas"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

const (
	rowsReadAhead = 256 << 10 // read at once while pages are taken in order
	rowsPageBytes = 256 << 20 // the largest page, decompressed
)

// errDamaged says that a page is not what its header says.
var errDamaged = errors.New("damaged page")

// damaged is errDamaged with what was found, if anything was.
func damaged(err error) error {
	if err == nil {
		return errDamaged
	}
	return fmt.Errorf("%w: %w", errDamaged, err)
}

// A columnReader decodes the pages of one column, one at a time. After seek, what it holds is aligned with the rows of its page: row first+i of
// the file is entry i. After hold, the page is open and not decoded: only the cursor finds something in it.
type columnReader struct {
	t        *Table
	column   int
	physical schemas.Physical

	list        []tablePage // of row group listGroup
	listGroup   int
	group, page int // of the page held; -1 at first
	first, end  int64
	levels      []byte // of the page, as they are packed
	payload     []byte // its values, as they are packed
	decoded     bool   // what follows is the page's
	full        bool   // every row has a value
	valid       []byte
	dicted      bool    // values are idx into dict
	idx         []int32 // 0 where there is no value
	values      columnValues
	cursor      pageCursor

	dict      columnValues
	dictGroup int // whose dictionary dict is; -1
	folds     int // counts dictionaries: what was derived from one is stale when it has changed

	window   []byte // bytes of the file from windowAt on
	windowAt int64
	body     []byte // the page, decompressed
	dictBody []byte
}

// columnValues are numbers, or texts in data.
type columnValues struct {
	nums  []uint64
	spans []schemas.Span
	data  []byte
}

func (v *columnValues) text(i int32) []byte {
	s := v.spans[i]
	return v.data[s.Off : s.Off+s.Len : s.Off+s.Len]
}

func (t *Table) reader(column int) *columnReader {
	return &columnReader{t: t, column: column, physical: t.schema.Fields[column].Physical(), group: -1, page: -1, dictGroup: -1}
}

// has tells whether entry i has a value.
func (c *columnReader) has(i int) bool { return c.full || c.valid[i] != 0 }

// num is the number of entry i.
func (c *columnReader) num(i int) uint64 {
	if c.dicted {
		return c.dict.nums[c.idx[i]]
	}
	return c.values.nums[i]
}

// text is the text of entry i, valid until the next seek.
func (c *columnReader) text(i int) []byte {
	if c.dicted {
		return c.dict.text(c.idx[i])
	}
	return c.values.text(int32(i))
}

// seek makes the reader hold the page of a row, decoded.
func (c *columnReader) seek(row int64) error {
	if row >= c.first && row < c.end && c.decoded {
		return nil
	}
	if err := c.hold(row); err != nil || c.decoded {
		return err
	}
	if err := c.decode(int(c.end - c.first)); err != nil {
		return c.fault(row, err)
	}
	c.decoded = true
	return nil
}

// hold makes the reader hold the page of a row.
func (c *columnReader) hold(row int64) error {
	if row >= c.first && row < c.end {
		return nil
	}
	g := c.t.groupOf(row)
	pages, err := c.list, error(nil)
	if len(pages) == 0 || c.listGroup != g {
		pages, err = c.t.pages(g, c.column)
	}
	if err == nil {
		c.list, c.listGroup = pages, g
		err = c.load(g, pages, pageAt(pages, row))
	}
	if err != nil {
		return c.fault(row, err)
	}
	return nil
}

// fault is what a reader that holds nothing says.
func (c *columnReader) fault(row int64, err error) error {
	c.first, c.end, c.decoded = 0, 0, false
	return fmt.Errorf("column %s, row %d: %w", c.t.schema.Fields[c.column].Name, row, err)
}

func (c *columnReader) load(g int, pages []tablePage, p int) error {
	chunk, page := c.t.chunk(g, c.column), &pages[p]
	next := c.group >= 0 && (g == c.group && p == c.page+1 || p == 0 && g == c.group+1)
	raw, err := c.bytes(page.offset, page.size, next, chunk.end)
	if err != nil {
		return err
	}
	var header format.PageHeader
	if c.body, err = openPage(raw, chunk.codec, &header, c.body); err != nil {
		return err
	}
	data, ok := header.DataPageHeader.Get()
	if !ok || int64(data.NumValues) != page.rows || data.DefinitionLevelEncoding != format.RLE {
		return errDamaged
	}
	c.dicted = data.Encoding == format.RLEDictionary
	if c.dicted {
		if err := c.useDict(g); err != nil {
			return err
		}
	} else if data.Encoding != format.Plain {
		return fmt.Errorf("%w: encoding %s is not ours", errDamaged, data.Encoding)
	}
	if len(c.body) < 4 {
		return errDamaged
	}
	n := int64(binary.LittleEndian.Uint32(c.body))
	if n > int64(len(c.body)-4) {
		return errDamaged
	}
	c.levels, c.payload, c.decoded = c.body[4:4+n], c.body[4+n:], false
	c.group, c.page, c.first, c.end = g, p, page.first, page.first+page.rows
	c.cursor.rewind(c)
	return nil
}

// bytes returns size bytes at an offset; when they are taken in order it reads those that follow too, as far as end.
func (c *columnReader) bytes(at, size int64, ahead bool, end int64) ([]byte, error) {
	if at >= c.windowAt && at+size <= c.windowAt+int64(len(c.window)) {
		return c.window[at-c.windowAt:][:size], nil
	}
	length := size
	if ahead {
		length = max(size, min(rowsReadAhead, end-at))
	}
	if int64(cap(c.window)) < length {
		c.window = make([]byte, length)
	}
	c.window, c.windowAt = c.window[:length], at
	if err := readFull(c.t.r, c.window, at); err != nil {
		c.window = c.window[:0]
		return nil, err
	}
	return c.window[:size], nil
}

// zstdDecoder is shared: DecodeAll is safe for concurrent use.
var zstdDecoder = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(rowsPageBytes))
})

// openPage reads the header of a page, checks the sum of what follows and decompresses it into body.
func openPage(raw []byte, codec format.CompressionCodec, header *format.PageHeader, body []byte) ([]byte, error) {
	r := new(thrift.CompactProtocol).NewReaderFromBytes(raw)
	if err := thrift.NewDecoder(r).Decode(header); err != nil {
		return body, damaged(err)
	}
	packed := raw[r.BytesRead():]
	if n := int(header.CompressedPageSize); n < 0 || n > len(packed) || header.UncompressedPageSize < 0 || header.UncompressedPageSize > rowsPageBytes {
		return body, errDamaged
	}
	packed = packed[:header.CompressedPageSize]
	if uint32(header.CRC) != crc32.ChecksumIEEE(packed) {
		return body, fmt.Errorf("%w: its sum is wrong", errDamaged)
	}
	if codec != format.Zstd {
		return body, fmt.Errorf("%w: codec %s is not ours", errDamaged, codec)
	}
	decoder, err := zstdDecoder()
	if err != nil {
		return body, err
	}
	if cap(body) < int(header.UncompressedPageSize) {
		body = make([]byte, 0, header.UncompressedPageSize)
	}
	body, err = decoder.DecodeAll(packed, body[:0])
	if err != nil || len(body) != int(header.UncompressedPageSize) {
		return body, damaged(err)
	}
	return body, nil
}

// useDict makes dict the dictionary of row group g.
func (c *columnReader) useDict(g int) error {
	if c.dictGroup == g {
		return nil
	}
	c.dictGroup = -1
	if c.dicted && c.group != g { // the page held refers to the dictionary that goes
		c.first, c.end, c.decoded = 0, 0, false
	}
	chunk := c.t.chunk(g, c.column)
	if chunk.dict <= 0 || chunk.data <= chunk.dict || chunk.data-chunk.dict > rowsPageBytes {
		return fmt.Errorf("%w: it has no dictionary", errDamaged)
	}
	raw := make([]byte, chunk.data-chunk.dict)
	if err := readFull(c.t.r, raw, chunk.dict); err != nil {
		return err
	}
	var header format.PageHeader
	var err error
	if c.dictBody, err = openPage(raw, chunk.codec, &header, c.dictBody); err != nil {
		return err
	}
	dict, ok := header.DictionaryPageHeader.Get()
	if !ok || dict.NumValues <= 0 {
		return errDamaged
	}
	if err := c.dict.plain(c.physical, c.dictBody, int(dict.NumValues)); err != nil {
		return err
	}
	c.dictGroup = g
	c.folds++
	return nil
}

// decode reads the page's levels and values, and aligns values with rows.
func (c *columnReader) decode(rows int) error {
	var err error
	if c.valid, err = (&rle.Encoding{BitWidth: 1}).DecodeLevels(c.valid, c.levels); err != nil || len(c.valid) < rows {
		return damaged(err)
	}
	c.valid = c.valid[:rows]
	values := bytes.Count(c.valid, []byte{1})
	c.full = values == rows
	if err := c.decodeValues(c.payload, values); err != nil || c.full {
		return err
	}
	switch {
	case c.dicted:
		c.idx = spread(c.idx, c.valid, values)
	case c.physical == schemas.Text:
		c.values.spans = spread(c.values.spans, c.valid, values)
	default:
		c.values.nums = spread(c.values.nums, c.valid, values)
	}
	return nil
}

func (c *columnReader) decodeValues(body []byte, n int) error {
	if !c.dicted {
		return c.values.plain(c.physical, body, n)
	}
	var err error
	if c.idx, err = (&rle.DictionaryEncoding{}).DecodeInt32(c.idx, body); err != nil || len(c.idx) < n {
		return damaged(err)
	}
	c.idx = c.idx[:n]
	size := int32(max(len(c.dict.nums), len(c.dict.spans)))
	for _, i := range c.idx {
		if i < 0 || i >= size {
			return fmt.Errorf("%w: its dictionary is too short", errDamaged)
		}
	}
	return nil
}

// spread moves n values to the rows that have one; the others get zero.
func spread[T any](v []T, valid []byte, n int) []T {
	var zero T
	if cap(v) < len(valid) {
		v = append(make([]T, 0, len(valid)), v...)
	}
	v = v[:len(valid)]
	for i := len(valid) - 1; i >= 0; i-- {
		if valid[i] == 0 {
			v[i] = zero
			continue
		}
		n--
		v[i] = v[n]
	}
	return v
}

// plain reads n values in PLAIN encoding; texts stay in body.
func (v *columnValues) plain(p schemas.Physical, body []byte, n int) error {
	v.nums, v.spans, v.data = v.nums[:0], v.spans[:0], body
	switch p {
	case schemas.Text:
		return v.plainTexts(body, n)
	case schemas.Bool:
		return v.plainTruths(body, n)
	case schemas.Days:
		if len(body) < 4*n {
			return errDamaged
		}
		for i := range n {
			v.nums = append(v.nums, uint64(int64(int32(binary.LittleEndian.Uint32(body[4*i:])))))
		}
		return nil
	}
	if len(body) < 8*n {
		return errDamaged
	}
	for i := range n {
		v.nums = append(v.nums, binary.LittleEndian.Uint64(body[8*i:]))
	}
	return nil
}

func (v *columnValues) plainTexts(body []byte, n int) error {
	at := 0
	for range n {
		if len(body)-at < 4 {
			return errDamaged
		}
		length := binary.LittleEndian.Uint32(body[at:])
		at += 4
		if int64(length) > int64(len(body)-at) || at > math.MaxInt32 {
			return errDamaged
		}
		v.spans = append(v.spans, schemas.Span{Off: uint32(at), Len: length})
		at += int(length)
	}
	return nil
}

func (v *columnValues) plainTruths(body []byte, n int) error {
	if 8*len(body) < n {
		return errDamaged
	}
	for i := range n {
		v.nums = append(v.nums, uint64(body[i/8]>>(i%8)&1))
	}
	return nil
}
