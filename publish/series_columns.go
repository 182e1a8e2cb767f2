package publish

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"grenier/schemas"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// A seriesColumn is one column of one row group, encoded: the bytes of its pages are in r, where its metadata and its pages say.
type seriesColumn struct {
	r     io.ReaderAt
	key   string // of the blob that r is, "" when it is none
	meta  format.ColumnMetaData
	index *format.ColumnIndex // nil when the bounds of a page are not known
	pages []format.PageLocation
	rows  int64

	encoded  bool            // not copied from a file
	constant *constantColumn // made anew for any number of rows, instead of all that
}

// check tells whether the column can be copied: it is flat, and its pages follow each other.
func (c *seriesColumn) check() error {
	if c.meta.NumValues != c.rows || len(c.pages) == 0 || c.pages[0].FirstRowIndex != 0 || c.pages[0].Offset != c.meta.DataPageOffset {
		return errDamaged
	}
	if c.index != nil && (len(c.index.NullPages) != len(c.pages) || len(c.index.MinValues) != len(c.pages) || len(c.index.MaxValues) != len(c.pages) ||
		len(c.index.NullCounts) != len(c.pages)) {
		return errDamaged
	}
	at := c.meta.DataPageOffset
	for i := range c.pages {
		if c.pages[i].Offset != at || c.pages[i].CompressedPageSize <= 0 || i > 0 && c.pages[i].FirstRowIndex <= c.pages[i-1].FirstRowIndex {
			return errDamaged
		}
		at += int64(c.pages[i].CompressedPageSize)
	}
	if start := c.start(); start > c.meta.DataPageOffset || at-start != c.meta.TotalCompressedSize {
		return errDamaged
	}
	return nil
}

// start is where the first page begins, that of the dictionary included.
func (c *seriesColumn) start() int64 {
	if c.meta.DictionaryPageOffset > 0 {
		return c.meta.DictionaryPageOffset
	}
	return c.meta.DataPageOffset
}

// page is the number of the page that begins at a row, -1 when none does; the end of the column counts as one.
func (c *seriesColumn) page(row int64) int {
	if row == c.rows {
		return len(c.pages)
	}
	for i := range c.pages {
		if c.pages[i].FirstRowIndex == row {
			return i
		}
	}
	return -1
}

// cutAt tells whether a page begins at a row.
func (c *seriesColumn) cutAt(row int64) bool { return c.constant != nil || c.page(row) >= 0 }

// part is the column without the pages before row from and after row to, and the bytes of those that stay.
func (c *seriesColumn) part(from, to int64) (part seriesColumn, dict, data []byte, err error) {
	first, end := c.page(from), c.page(to)
	if first < 0 || end <= first {
		return part, nil, nil, errDamaged
	}
	if c.meta.DictionaryPageOffset > 0 {
		if dict, err = readBytes(c.r, c.meta.DictionaryPageOffset, c.meta.DataPageOffset-c.meta.DictionaryPageOffset); err != nil {
			return part, nil, nil, err
		}
	}
	last := &c.pages[end-1]
	if data, err = readBytes(c.r, c.pages[first].Offset, last.Offset+int64(last.CompressedPageSize)-c.pages[first].Offset); err != nil {
		return part, nil, nil, err
	}
	part = seriesColumn{meta: c.meta, rows: to - from}
	for _, p := range c.pages[first:end] {
		p.FirstRowIndex -= from
		part.pages = append(part.pages, p)
	}
	part.meta.NumValues, part.meta.DataPageOffset, part.meta.TotalCompressedSize = to-from, c.pages[first].Offset, int64(len(dict)+len(data))
	part.meta.BloomFilterOffset, part.meta.BloomFilterLength = 0, 0
	part.meta.Statistics = format.Statistics{}
	if c.index != nil {
		part.index = c.bounds(&part.meta.Statistics, first, end)
	}
	return part, dict, data, part.look(dict, data)
}

// bounds are those of some pages; it tells those of all of them together.
func (c *seriesColumn) bounds(all *format.Statistics, first, end int) *format.ColumnIndex {
	x := &format.ColumnIndex{
		NullPages: c.index.NullPages[first:end], MinValues: c.index.MinValues[first:end], MaxValues: c.index.MaxValues[first:end],
		NullCounts: c.index.NullCounts[first:end],
	}
	column := parquetColumn{physical: physicalOf(&c.meta)}
	x.BoundaryOrder = column.order(x)
	whole := true
	for i := range x.NullPages {
		all.NullCount += x.NullCounts[i]
		if x.NullPages[i] {
			continue
		}
		lo, hi := x.MinValues[i], x.MaxValues[i]
		whole = whole && len(lo) < parquetBound-3 && len(hi) < parquetBound-3 // else it may have been cut
		if all.MinValue == nil || compareBounds(column.physical, lo, all.MinValue) < 0 {
			all.MinValue = append([]byte{}, lo...)
		}
		if all.MaxValue == nil || compareBounds(column.physical, hi, all.MaxValue) > 0 {
			all.MaxValue = append([]byte{}, hi...)
		}
	}
	if !whole {
		all.MinValue, all.MaxValue = nil, nil
	}
	return x
}

// physicalOf is a form whose bounds are written as those of the column are.
func physicalOf(m *format.ColumnMetaData) schemas.Physical {
	switch m.Type {
	case format.Double:
		return schemas.Float
	case format.Boolean:
		return schemas.Bool
	case format.Int32:
		return schemas.Days
	case format.Int64:
		return schemas.Int64
	}
	return schemas.Text
}

// look reads the headers of the pages, which say their sizes and encodings, and those of nulls where there is no index.
func (c *seriesColumn) look(dict, data []byte) error {
	m := &c.meta
	m.TotalUncompressedSize, m.EncodingStats, m.Encoding = 0, nil, []format.Encoding{format.RLE}
	var plain, dicted int32
	if len(dict) > 0 {
		head, err := readPageHead(dict)
		if err != nil {
			return err
		}
		m.TotalUncompressedSize += head.size + head.plain
	}
	nulls := int64(0)
	for _, p := range c.pages {
		head, err := readPageHead(data[p.Offset-m.DataPageOffset:])
		if err != nil {
			return err
		}
		m.TotalUncompressedSize += head.size + head.plain
		if head.dicted {
			dicted++
		} else {
			plain++
		}
		nulls += head.nulls
	}
	m.Statistics.NullCount = nulls
	if len(dict) > 0 {
		m.Encoding = append(m.Encoding, format.RLEDictionary)
		m.EncodingStats = append(m.EncodingStats, format.PageEncodingStats{PageType: format.DictionaryPage, Encoding: format.Plain, Count: 1})
	}
	if dicted > 0 {
		m.EncodingStats = append(m.EncodingStats, format.PageEncodingStats{PageType: format.DataPage, Encoding: format.RLEDictionary, Count: dicted})
	}
	m.Encoding = append(m.Encoding, format.Plain)
	if plain > 0 {
		m.EncodingStats = append(m.EncodingStats, format.PageEncodingStats{PageType: format.DataPage, Encoding: format.Plain, Count: plain})
	}
	return nil
}

// readBytes reads n bytes at an offset; what lies in memory is not copied.
func readBytes(r io.ReaderAt, at, n int64) ([]byte, error) {
	if m, ok := r.(memory); ok && at >= 0 && n >= 0 && at+n <= int64(len(m)) {
		return m[at : at+n], nil
	}
	if n < 0 || n > rowsPageBytes {
		return nil, errDamaged
	}
	b := make([]byte, n)
	return b, readFull(r, b, at)
}

// A constantColumn has the same cell in every row.
type constantColumn struct {
	name     string
	physical schemas.Physical
	null     bool
	num      uint64
	text     []byte
}

// column makes the column for some rows: a dictionary of one value, and one page.
func (k *constantColumn) column(rows int64) (seriesColumn, error) {
	c := parquetColumns.Get().(*parquetColumn)
	defer parquetColumns.Put(c)
	c.begin(k.physical, false, nil)
	run := binary.AppendUvarint(nil, uint64(rows)<<1) // RLE: one run of all rows
	data := format.DataPageHeader{NumValues: int32(rows), Encoding: format.Plain, DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE}
	body := binary.LittleEndian.AppendUint32(nil, uint32(len(run)+1))
	body = append(body, run...)
	info := parquetPage{allNull: k.null}
	if k.null {
		body = append(body, 0)
		info.nulls, data.Statistics.NullCount = rows, rows
		c.plainPages++
	} else {
		body = append(body, 1, 1) // has a value; the width of an index
		body = append(append(body, run...), 0)
		data.Encoding = format.RLEDictionary
		c.dictPages++
		k.remember(c)
		info.known = true
		lo, hi := c.bounds.encode(k.physical)
		info.min, info.max = cutMin(lo), cutMax(hi)
		c.all.merge(&c.bounds, k.physical)
	}
	var err error
	if c.pages, err = c.appendPage(c.pages, &format.PageHeader{Type: format.DataPage, DataPageHeader: thrift.New(data)}, body); err != nil {
		return seriesColumn{}, err
	}
	info.size = int32(len(c.pages))
	c.infos, c.rows, c.nulls = append(c.infos, info), rows, info.nulls
	return encodedColumn(c, k.name)
}

// remember makes the value the only one of the dictionary.
func (k *constantColumn) remember(c *parquetColumn) {
	if k.physical == schemas.Text {
		c.dict.text(k.text)
		c.bounds.text(k.text)
		return
	}
	c.dict.number(k.num)
	c.bounds.number(k.num, k.physical == schemas.Float)
}

// encodedColumn takes what c holds once its last page is ended.
func encodedColumn(c *parquetColumn, name string) (seriesColumn, error) {
	if err := c.finish(nil, nil); err != nil {
		return seriesColumn{}, err
	}
	m := make(memory, 0, len(parquetMagic)+len(c.dictPage)+len(c.pages))
	m = append(append(append(m, parquetMagic...), c.dictPage...), c.pages...) // no offset is 0, which would mean none
	out := seriesColumn{r: m, meta: c.metadata(name, int64(len(parquetMagic))), index: c.columnIndex(), rows: c.rows}
	out.pages = c.offsetIndex(out.meta.DataPageOffset).PageLocations
	return out, nil
}

// A cellSource gives the cell of a row; the text is valid until the next call.
type cellSource func(row int64) (valid bool, num uint64, text []byte, err error)

// encodeColumn encodes the cells of rows anew; pages end before the rows numbered cuts.
func encodeColumn(name string, physical schemas.Physical, rows []int64, cuts []int, cell cellSource) (seriesColumn, error) {
	c := parquetColumns.Get().(*parquetColumn)
	defer func() {
		c.shrink()
		parquetColumns.Put(c)
	}()
	c.begin(physical, false, nil)
	b := schemas.Batch{Columns: []schemas.Column{{Physical: physical}}}
	for from := 0; from < len(rows); {
		to := min(len(rows), from+1024)
		for len(cuts) > 0 && cuts[0] <= from {
			cuts = cuts[1:]
		}
		cut := len(cuts) > 0 && cuts[0] <= to
		if cut {
			to = cuts[0]
		}
		b.Rows, b.Data, b.Columns[0] = to-from, b.Data[:0], emptied(b.Columns[0])
		for _, row := range rows[from:to] {
			valid, num, text, err := cell(row)
			if err != nil {
				return seriesColumn{}, err
			}
			addCell(&b, &b.Columns[0], valid, num, text)
		}
		if err := c.append(&b, 0, 0, b.Rows); err != nil {
			return seriesColumn{}, err
		}
		if cut {
			if err := c.endPage(); err != nil {
				return seriesColumn{}, err
			}
		}
		from = to
	}
	return encodedColumn(c, name)
}

// emptied is a column without rows that keeps its memory.
func emptied(c schemas.Column) schemas.Column {
	c.Valid, c.Text, c.Ints, c.Floats, c.Bools = c.Valid[:0], c.Text[:0], c.Ints[:0], c.Floats[:0], c.Bools[:0]
	return c
}

// cells gives the cells of a column as they are.
func (c *columnReader) cells(row int64) (valid bool, num uint64, text []byte, err error) {
	if err := c.seek(row); err != nil {
		return false, 0, nil, err
	}
	i := int(row - c.first)
	switch {
	case !c.has(i):
		return false, 0, nil, nil
	case c.physical == schemas.Text:
		return true, 0, c.text(i), nil
	}
	return true, c.num(i), nil, nil
}

// castCell reads a text as a cell of another type.
func castCell(p schemas.Physical, text []byte) (num uint64, ok bool) {
	f, err := parseCell(p, string(text))
	return f, err == nil
}

func parseCell(p schemas.Physical, text string) (uint64, error) {
	switch p {
	case schemas.Int64:
		n, err := strconv.ParseInt(text, 10, 64)
		return uint64(n), err
	case schemas.Float:
		f, err := strconv.ParseFloat(text, 64)
		return math.Float64bits(f), err
	case schemas.Bool:
		b, err := strconv.ParseBool(text)
		if b {
			return 1, err
		}
		return 0, err
	case schemas.Days:
		t, err := time.Parse(time.DateOnly, text)
		return uint64(t.Unix() / 86400), err
	case schemas.Micros:
		return parseMicros(text)
	}
	return 0, nil
}

func parseMicros(text string) (uint64, error) {
	for _, layout := range []string{"2006-01-02T15:04:05.999999", time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return uint64(t.UnixMicro()), nil
		}
	}
	return 0, fmt.Errorf("%q is no moment", text)
}
