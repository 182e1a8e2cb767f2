package publish

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"
	"sync/atomic"

	"grenier/schemas"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// maxFooter is the largest footer that is read: 10,000 row groups of 50 columns take less.
const maxFooter = 256 << 20

// A Table is one published Parquet file, opened for reading: what its footer says, and where its pages are. What it holds is small and never
// changes, so one Table serves many readers at once, each through At.
type Table struct {
	r         io.ReaderAt
	schema    *schemas.Schema
	groups    []tableGroup
	columns   int
	footer    []byte
	starts    []uint32                      // by row group, then column: where the footer describes it
	pageLists []atomic.Pointer[[]tablePage] // the same, read when first needed
	rows      int64
	size      int64  // bytes of all values
	mark      uint64 // a hash of the footer
	index     *tableIndex
}

// A tableIndex is the page index of all columns, read at once when it is small: a store far away answers slowly, however little is asked.
type tableIndex struct {
	from, to int64
	bytes    atomic.Pointer[[]byte]
}

// smallIndex is the largest page index that is read at once; one of five million rows and twenty columns takes as much.
const smallIndex = 1 << 20

// A tableGroup is one row group.
type tableGroup struct {
	first, rows int64
}

// A tableChunk is one column of one row group.
type tableChunk struct {
	dict, data, end int64 // offsets in the file: dictionary page (0: none), first data page, end
	codec           format.CompressionCodec
	allDict         bool // every data page refers to the dictionary
	all             pageBounds
	values          int64
	columnIndex     [2]int64 // offset and length
	offsetIndex     [2]int64
	bloom           [2]int64
}

// A tablePage is one data page as the page index knows it.
type tablePage struct {
	offset int64
	size   int64
	first  int64 // row in the file
	rows   int64
	pageBounds
}

// pageBounds are what statistics tell of some values.
type pageBounds struct {
	rows, nulls int64
	known       bool // lo and hi are
	lo, hi      bound
}

// A bound is an integer, a truth value or the bits of a float; or a text.
type bound struct {
	num  uint64
	text []byte
}

// OpenTable reads the footer of a Parquet file that this package wrote.
func OpenTable(r io.ReaderAt, size int64) (*Table, error) {
	footer, err := readFooter(r, size)
	if err != nil {
		return nil, fmt.Errorf("open table: %w", err)
	}
	t := &Table{r: r, footer: footer, index: &tableIndex{from: math.MaxInt64}}
	meta, err := t.readMeta(footer)
	if err != nil {
		return nil, fmt.Errorf("open table: %w", err)
	}
	t.rows = meta.NumRows
	if t.schema, err = schemaOf(meta); err != nil {
		return nil, fmt.Errorf("open table: %w", err)
	}
	if err := t.checkShape(); err != nil {
		return nil, fmt.Errorf("open table: %w", err)
	}
	sum := sha256.Sum256(footer)
	t.mark = binary.LittleEndian.Uint64(sum[:])
	return t, nil
}

func readFooter(r io.ReaderAt, size int64) ([]byte, error) {
	var tail [8]byte
	if size < 12 {
		return nil, errors.New("no Parquet file: too short")
	}
	if err := readFull(r, tail[:], size-8); err != nil {
		return nil, err
	}
	length := int64(binary.LittleEndian.Uint32(tail[:]))
	if string(tail[4:]) != parquetMagic || length > min(size-12, maxFooter) {
		return nil, errors.New("no Parquet file: bad footer")
	}
	footer := make([]byte, length)
	return footer, readFull(r, footer, size-8-length)
}

// readFull is ReadAt for readers that say io.EOF with the last bytes.
func readFull(r io.ReaderAt, p []byte, at int64) error {
	n, err := r.ReadAt(p, at)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read %d bytes at %d: %w", len(p), at, err)
}

// At is the table read through r, an open blob of the same file.
func (t *Table) At(r io.ReaderAt) *Table {
	u := *t
	u.r = r
	return &u
}

// Schema describes the columns, as the file itself does. It is not to be changed.
func (t *Table) Schema() *schemas.Schema { return t.schema }

// Rows is how many rows the file has.
func (t *Table) Rows() int64 { return t.rows }

// Footprint is about how many bytes the table takes in memory once all its page indexes are read.
func (t *Table) Footprint() int64 {
	pages := t.size/parquetPageBytes + int64(len(t.starts))
	if t.pageLists == nil {
		pages = 0
	}
	return int64(len(t.footer)) + int64(len(t.starts))*(4+8) + int64(len(t.groups))*16 + 250*pages + min(smallIndex, max(t.index.to-t.index.from, 0)) + 4<<10
}

// schemaOf makes a schema of the columns. Titles and the types that Parquet has no word for come from the Table Schema in the footer.
func schemaOf(meta *format.FileMetaData) (*schemas.Schema, error) {
	s := &schemas.Schema{Form: schemas.Table, Delimiter: ',', MissingValues: []string{""}}
	told := map[string]tableFieldJSON{}
	for _, kv := range meta.KeyValueMetadata {
		switch kv.Key {
		case "schema":
			s.ID = schemas.ID(kv.Value)
		case "schema_url":
			s.URL = kv.Value
		case "grenier:schema":
			var table tableSchemaJSON
			if err := json.Unmarshal([]byte(kv.Value), &table); err != nil {
				return nil, fmt.Errorf("read schema in footer: %w", err)
			}
			s.Title, s.PrimaryKey = table.Title, table.PrimaryKey
			for _, f := range table.Fields {
				told[f.Name] = f
			}
		case "grenier:series":
			if err := json.Unmarshal([]byte(kv.Value), &s.Series); err != nil {
				return nil, fmt.Errorf("read series in footer: %w", err)
			}
		}
	}
	if len(meta.Schema) < 2 {
		return nil, errors.New("no column")
	}
	for i := range meta.Schema[1:] {
		f, err := fieldOf(&meta.Schema[1+i], told)
		if err != nil {
			return nil, err
		}
		s.Fields = append(s.Fields, f)
	}
	return s, nil
}

func fieldOf(e *format.SchemaElement, told map[string]tableFieldJSON) (schemas.Field, error) {
	f := schemas.Field{Name: e.Name, Format: "default"}
	typ, ok := typeOf(e)
	if !ok {
		return f, fmt.Errorf("column %s has a type that is not ours", e.Name)
	}
	f.Type = typ
	if more, ok := told[e.Name]; ok {
		f.Title, f.Description = more.Title, more.Description
		if (&schemas.Field{Type: more.Type}).Physical() == f.Physical() {
			f.Type = more.Type
		}
	}
	return f, nil
}

// typeOf undoes parquetType; columns are optional and flat.
func typeOf(e *format.SchemaElement) (schemas.Type, bool) {
	t, typed := e.Type.Get()
	repetition, _ := e.RepetitionType.Get()
	if !typed || repetition != format.Optional {
		return "", false
	}
	switch t {
	case format.Int64:
		if _, moment := e.LogicalType.Value.(*format.TimestampType); moment {
			return schemas.Datetime, true
		}
		return schemas.Integer, true
	case format.Double:
		return schemas.Number, true
	case format.Boolean:
		return schemas.Boolean, true
	case format.Int32:
		return schemas.Date, true
	case format.ByteArray:
		return schemas.String, true
	}
	return "", false
}

// boundsOf reads the bounds of statistics; nil ones are not known.
func boundsOf(p schemas.Physical, rows, nulls int64, lo, hi []byte) (pageBounds, error) {
	b := pageBounds{rows: rows, nulls: nulls}
	if nulls >= rows || lo == nil || hi == nil {
		return b, nil
	}
	b.known = true
	if p == schemas.Text {
		b.lo.text, b.hi.text = lo, hi
		return b, nil
	}
	width := map[schemas.Physical]int{schemas.Bool: 1, schemas.Days: 4}[p]
	if width == 0 {
		width = 8
	}
	if len(lo) < width || len(hi) < width {
		return b, errors.New("statistics are cut")
	}
	b.lo.num, b.hi.num = decodeBound(p, lo), decodeBound(p, hi)
	return b, nil
}

// groupOf finds the row group of a row.
func (t *Table) groupOf(row int64) int {
	return sort.Search(len(t.groups), func(i int) bool { return t.groups[i].first+t.groups[i].rows > row })
}

// keptLists is the most lists of pages that a table keeps. One of more row groups has short lists, which are read again whenever they are needed.
const keptLists = 8 << 10

// pages reads the page index of a chunk, once where there are not too many of them.
func (t *Table) pages(g, c int) ([]tablePage, error) {
	var list *atomic.Pointer[[]tablePage]
	if t.pageLists != nil {
		list = &t.pageLists[g*t.columns+c]
		if p := list.Load(); p != nil {
			return *p, nil
		}
	}
	pages, err := t.readPages(&t.groups[g], t.chunk(g, c), t.schema.Fields[c].Physical())
	if err != nil {
		return nil, fmt.Errorf("read page index of column %s, row group %d: %w", t.schema.Fields[c].Name, g, err)
	}
	if list != nil {
		list.Store(&pages)
	}
	return pages, nil
}

func (t *Table) readPages(g *tableGroup, chunk tableChunk, p schemas.Physical) ([]tablePage, error) {
	var offsets format.OffsetIndex
	if err := t.readThrift(chunk.offsetIndex, &offsets); err != nil {
		return nil, err
	}
	var columns format.ColumnIndex
	if chunk.columnIndex[1] > 0 {
		if err := t.readThrift(chunk.columnIndex, &columns); err != nil {
			return nil, err
		}
	}
	n := len(offsets.PageLocations)
	told := len(columns.NullPages) == n && len(columns.MinValues) == n && len(columns.MaxValues) == n && len(columns.NullCounts) == n
	pages := make([]tablePage, n)
	for i, l := range offsets.PageLocations {
		end := g.rows
		if i+1 < n {
			end = offsets.PageLocations[i+1].FirstRowIndex
		}
		pg := tablePage{offset: l.Offset, size: int64(l.CompressedPageSize), first: g.first + l.FirstRowIndex, rows: end - l.FirstRowIndex}
		if pg.rows <= 0 || pg.size <= 0 || pg.offset < chunk.data || pg.offset+pg.size > chunk.end {
			return nil, errors.New("a page lies outside of its column")
		}
		pg.pageBounds = pageBounds{rows: pg.rows, nulls: -1}
		if told {
			var err error
			if pg.pageBounds, err = boundsOf(p, pg.rows, columns.NullCounts[i], append([]byte{}, columns.MinValues[i]...), append([]byte{}, columns.MaxValues[i]...)); err != nil {
				return nil, err
			}
		}
		pages[i] = pg
	}
	if n == 0 || pages[0].first != g.first {
		return nil, errors.New("the first page is missing")
	}
	return pages, nil
}

func (t *Table) readThrift(at [2]int64, v any) error {
	b, err := t.indexBytes(at)
	if err != nil {
		return err
	}
	return thrift.Unmarshal(new(thrift.CompactProtocol), b, v)
}

// indexBytes are a part of the page index: offset and length.
func (t *Table) indexBytes(at [2]int64) ([]byte, error) {
	if at[1] > maxFooter {
		return nil, errors.New("page index is too large")
	}
	x := t.index
	if x.to-x.from > smallIndex {
		b := make([]byte, at[1])
		return b, readFull(t.r, b, at[0])
	}
	whole := x.bytes.Load()
	if whole == nil {
		b := make([]byte, x.to-x.from)
		if err := readFull(t.r, b, x.from); err != nil {
			return nil, err
		}
		whole = &b
		x.bytes.Store(whole)
	}
	return (*whole)[at[0]-x.from:][:at[1]], nil
}

// pageAt finds the page of a row.
func pageAt(pages []tablePage, row int64) int {
	i, found := slices.BinarySearchFunc(pages, row, func(p tablePage, row int64) int {
		switch {
		case row < p.first:
			return 1
		case row >= p.first+p.rows:
			return -1
		}
		return 0
	})
	if !found {
		return len(pages) - 1
	}
	return i
}
