package publish

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/parquet-go/parquet-go/format"
)

// A series has thousands of column chunks, in its whole file and once more in those of its years: what parquet-go takes 5 µs a chunk for is
// read (rows_footer.go) and written here at a tenth of that. The bytes are those that parquet-go writes.

// A compactWriter writes thrift's compact protocol.
type compactWriter struct {
	b    []byte
	last int16 // the field written last
}

func (w *compactWriter) field(id int16, typ byte) {
	w.b = append(w.b, byte(id-w.last)<<4|typ) // less than 15 apart
	w.last = id
}

func (w *compactWriter) uint(v uint64) { w.b = binary.AppendUvarint(w.b, v) }

// number writes a number whose sign is its lowest bit.
func (w *compactWriter) number(v int64) { w.uint(uint64(v<<1) ^ uint64(v>>63)) }

func (w *compactWriter) int(id int16, typ byte, v int64) {
	w.field(id, typ)
	w.number(v)
}

// some is int for a number that is left out when it is zero.
func (w *compactWriter) some(id int16, typ byte, v int64) {
	if v != 0 {
		w.int(id, typ, v)
	}
}

func (w *compactWriter) bytes(b []byte) {
	w.uint(uint64(len(b)))
	w.b = append(w.b, b...)
}

func (w *compactWriter) list(id int16, typ byte, n int) {
	w.field(id, compactList)
	w.listOf(typ, n)
}

func (w *compactWriter) listOf(typ byte, n int) {
	if n < 15 {
		w.b = append(w.b, byte(n)<<4|typ)
		return
	}
	w.b = append(w.b, 15<<4|typ)
	w.uint(uint64(n))
}

// structure writes a structure: its fields, and their end.
func (w *compactWriter) structure(fields func()) {
	last := w.last
	w.last = 0
	fields()
	w.b = append(w.b, 0)
	w.last = last
}

func (w *compactWriter) columnMeta(m *format.ColumnMetaData) {
	w.structure(func() {
		w.int(1, compactI32, int64(m.Type))
		w.list(2, compactI32, len(m.Encoding))
		for _, e := range m.Encoding {
			w.number(int64(e))
		}
		w.list(3, compactBytes, len(m.PathInSchema))
		for _, name := range m.PathInSchema {
			w.bytes([]byte(name))
		}
		w.int(4, compactI32, int64(m.Codec))
		w.int(5, compactI64, m.NumValues)
		w.int(6, compactI64, m.TotalUncompressedSize)
		w.int(7, compactI64, m.TotalCompressedSize)
		w.int(9, compactI64, m.DataPageOffset)
		w.some(11, compactI64, m.DictionaryPageOffset)
		w.field(12, compactStruct)
		w.statistics(&m.Statistics)
		if m.EncodingStats != nil {
			w.list(13, compactStruct, len(m.EncodingStats))
			for _, s := range m.EncodingStats {
				w.structure(func() {
					w.int(1, compactI32, int64(s.PageType))
					w.int(2, compactI32, int64(s.Encoding))
					w.int(3, compactI32, int64(s.Count))
				})
			}
		}
		w.some(14, compactI64, m.BloomFilterOffset)
		w.some(15, compactI32, int64(m.BloomFilterLength))
	})
}

func (w *compactWriter) statistics(s *format.Statistics) {
	w.structure(func() {
		w.int(3, compactI64, s.NullCount)
		if s.MaxValue != nil {
			w.field(5, compactBytes)
			w.bytes(s.MaxValue)
		}
		if s.MinValue != nil {
			w.field(6, compactBytes)
			w.bytes(s.MinValue)
		}
	})
}

func (w *compactWriter) columnIndex(x *format.ColumnIndex) {
	w.structure(func() {
		w.list(1, compactFalse, len(x.NullPages)) // a list of truth values
		for _, null := range x.NullPages {
			bit := byte(0)
			if null {
				bit = 1
			}
			w.b = append(w.b, bit)
		}
		for id, values := range [][][]byte{2: x.MinValues, 3: x.MaxValues} {
			if id < 2 {
				continue
			}
			w.list(int16(id), compactBytes, len(values))
			for _, v := range values {
				w.bytes(v)
			}
		}
		w.int(4, compactI32, int64(x.BoundaryOrder))
		w.list(5, compactI64, len(x.NullCounts))
		for _, n := range x.NullCounts {
			w.number(n)
		}
	})
}

func (w *compactWriter) offsetIndex(pages []format.PageLocation) {
	w.structure(func() {
		w.list(1, compactStruct, len(pages))
		for _, p := range pages {
			w.structure(func() {
				w.int(1, compactI64, p.Offset)
				w.int(2, compactI32, int64(p.CompressedPageSize))
				w.int(3, compactI64, p.FirstRowIndex)
			})
		}
	})
}

// readColumnIndex reads what columnIndex writes; what it returns refers to b.
func readColumnIndex(b []byte) (*format.ColumnIndex, error) {
	r, x := compactReader{b: b}, new(format.ColumnIndex)
	for id, typ := int16(0), byte(0); r.field(&id, &typ); {
		switch {
		case id == 1 && typ == compactList && r.at < len(b):
			for range r.list(b[r.at] & 15) {
				x.NullPages = append(x.NullPages, r.byte() == 1)
			}
		case id == 2 && typ == compactList:
			x.MinValues = r.texts()
		case id == 3 && typ == compactList:
			x.MaxValues = r.texts()
		case id == 4 && typ == compactI32:
			x.BoundaryOrder = format.BoundaryOrder(r.int())
		case id == 5 && typ == compactList:
			for range r.list(compactI64) {
				x.NullCounts = append(x.NullCounts, r.int())
			}
		default:
			r.skip(typ, 0)
		}
	}
	if r.bad {
		return nil, errDamaged
	}
	return x, nil
}

func (r *compactReader) texts() (list [][]byte) {
	n := r.list(compactBytes)
	list = make([][]byte, 0, n)
	for range n {
		list = append(list, r.bytes())
	}
	return list
}

// readOffsetIndex reads what offsetIndex writes.
func readOffsetIndex(b []byte) (pages []format.PageLocation, err error) {
	r := compactReader{b: b}
	for id, typ := int16(0), byte(0); r.field(&id, &typ); {
		if id != 1 || typ != compactList {
			r.skip(typ, 0)
			continue
		}
		n := r.list(compactStruct)
		pages = make([]format.PageLocation, 0, n)
		for range n {
			var p format.PageLocation
			for id, typ := int16(0), byte(0); r.field(&id, &typ); {
				switch {
				case id == 1 && typ == compactI64:
					p.Offset = r.int()
				case id == 2 && typ == compactI32:
					p.CompressedPageSize = int32(r.int())
				case id == 3 && typ == compactI64:
					p.FirstRowIndex = r.int()
				default:
					r.skip(typ, 0)
				}
			}
			pages = append(pages, p)
		}
	}
	if r.bad {
		return nil, errDamaged
	}
	return pages, nil
}

// readRowGroups reads the row groups of a footer; what it returns refers to footer.
func readRowGroups(footer []byte) (groups []format.RowGroup, err error) {
	r := compactReader{b: footer}
	for id, typ := int16(0), byte(0); r.field(&id, &typ); {
		if id != 4 || typ != compactList {
			r.skip(typ, 0)
			continue
		}
		for range r.list(compactStruct) {
			groups = append(groups, r.rowGroup())
		}
	}
	if r.bad {
		return nil, errBadFooter
	}
	return groups, nil
}

func (r *compactReader) rowGroup() (g format.RowGroup) {
	for id, typ := int16(0), byte(0); r.field(&id, &typ); {
		switch {
		case id == 1 && typ == compactList:
			n := r.list(compactStruct)
			g.Columns = make([]format.ColumnChunk, 0, n)
			for range n {
				g.Columns = append(g.Columns, r.columnChunk())
			}
		case id == 3 && typ == compactI64:
			g.NumRows = r.int()
		case id == 4 && typ == compactList:
			for range r.list(compactStruct) {
				g.SortingColumns = append(g.SortingColumns, r.sortingColumn())
			}
		default:
			r.skip(typ, 0)
		}
	}
	return g
}

func (r *compactReader) sortingColumn() (s format.SortingColumn) {
	for id, typ := int16(0), byte(0); r.field(&id, &typ); {
		switch {
		case id == 1 && typ == compactI32:
			s.ColumnIdx = int32(r.int())
		case id == 2:
			s.Descending = typ == compactTrue
		case id == 3:
			s.NullsFirst = typ == compactTrue
		default:
			r.skip(typ, 0)
		}
	}
	return s
}

func (r *compactReader) columnChunk() (c format.ColumnChunk) {
	for id, typ := int16(0), byte(0); r.field(&id, &typ); {
		switch {
		case id == 3 && typ == compactStruct:
			c.MetaData = r.columnMeta()
		case id == 4 && typ == compactI64:
			c.OffsetIndexOffset = r.int()
		case id == 5 && typ == compactI32:
			c.OffsetIndexLength = int32(r.int())
		case id == 6 && typ == compactI64:
			c.ColumnIndexOffset = r.int()
		case id == 7 && typ == compactI32:
			c.ColumnIndexLength = int32(r.int())
		default:
			r.skip(typ, 0)
		}
	}
	return c
}

// columnMeta reads what a series needs of a column's description.
func (r *compactReader) columnMeta() (m format.ColumnMetaData) {
	numbers := [16]*int64{5: &m.NumValues, 6: &m.TotalUncompressedSize, 7: &m.TotalCompressedSize, 9: &m.DataPageOffset, 11: &m.DictionaryPageOffset, 14: &m.BloomFilterOffset}
	for id, typ := int16(0), byte(0); r.field(&id, &typ); {
		switch {
		case id == 1 && typ == compactI32:
			m.Type = format.Type(r.int())
		case id == 2 && typ == compactList:
			for range r.list(compactI32) {
				m.Encoding = append(m.Encoding, format.Encoding(r.int()))
			}
		case id == 4 && typ == compactI32:
			m.Codec = format.CompressionCodec(r.int())
		case id == 12 && typ == compactStruct:
			m.Statistics = r.partStatistics()
		case id == 13 && typ == compactList:
			for range r.list(compactStruct) {
				m.EncodingStats = append(m.EncodingStats, r.encodingStats())
			}
		case id == 15 && typ == compactI32:
			m.BloomFilterLength = int32(r.int())
		case typ == compactI64 && id > 0 && id < 16 && numbers[id] != nil:
			*numbers[id] = r.int()
		default:
			r.skip(typ, 0)
		}
	}
	return m
}

func (r *compactReader) partStatistics() (s format.Statistics) {
	for id, typ := int16(0), byte(0); r.field(&id, &typ); {
		switch {
		case id == 3 && typ == compactI64:
			s.NullCount = r.int()
		case id == 5 && typ == compactBytes:
			s.MaxValue = r.bytes()
		case id == 6 && typ == compactBytes:
			s.MinValue = r.bytes()
		default:
			r.skip(typ, 0)
		}
	}
	return s
}

func (r *compactReader) encodingStats() (s format.PageEncodingStats) {
	for id, typ := int16(0), byte(0); r.field(&id, &typ); {
		switch {
		case id == 1 && typ == compactI32:
			s.PageType = format.PageType(r.int())
		case id == 2 && typ == compactI32:
			s.Encoding = format.Encoding(r.int())
		case id == 3 && typ == compactI32:
			s.Count = int32(r.int())
		default:
			r.skip(typ, 0)
		}
	}
	return s
}

// A pageHead is what is asked of a page's header.
type pageHead struct {
	size   int64 // of the header itself
	plain  int64 // bytes of the page before compression
	dicted bool
	nulls  int64
}

// readPageHead reads the header that b begins with.
func readPageHead(b []byte) (head pageHead, err error) {
	r := compactReader{b: b}
	for id, typ := int16(0), byte(0); r.field(&id, &typ); {
		switch {
		case id == 2 && typ == compactI32:
			head.plain = r.int()
		case id == 5 && typ == compactStruct:
			head.readData(&r)
		default:
			r.skip(typ, 0)
		}
	}
	if head.size = int64(r.at); r.bad {
		return head, errDamaged
	}
	return head, nil
}

func (h *pageHead) readData(r *compactReader) {
	for id, typ := int16(0), byte(0); r.field(&id, &typ); {
		switch {
		case id == 2 && typ == compactI32:
			h.dicted = format.Encoding(r.int()) == format.RLEDictionary
		case id == 5 && typ == compactStruct:
			for id, typ := int16(0), byte(0); r.field(&id, &typ); {
				if id == 3 && typ == compactI64 {
					h.nulls = r.int()
				} else {
					r.skip(typ, 0)
				}
			}
		default:
			r.skip(typ, 0)
		}
	}
}

// A seriesGroup is a row group of a series, described but for the places of its page index.
type seriesGroup struct {
	format.RowGroup // without columns
	columns         []seriesChunk
}

// A seriesChunk is what stands in the writer's arenas of one column of a row group.
type seriesChunk struct {
	meta, columnIndex, offsetIndex int // bytes; no columnIndex: it has none
}

// keep remembers a column for the footer.
func (w *seriesWriter) keep(c *seriesColumn) seriesChunk {
	var k seriesChunk
	grow := func(arena *[]byte, write func(*compactWriter)) int {
		cw := compactWriter{b: *arena}
		write(&cw)
		n := len(cw.b) - len(*arena)
		*arena = cw.b
		return n
	}
	k.meta = grow(&w.metas, func(cw *compactWriter) { cw.columnMeta(&c.meta) })
	if c.index != nil {
		k.columnIndex = grow(&w.columnIndex, func(cw *compactWriter) { cw.columnIndex(c.index) })
	}
	k.offsetIndex = grow(&w.offsetIndex, func(cw *compactWriter) { cw.offsetIndex(c.pages) })
	return k
}

// writeEnd writes the page index and the footer.
func (w *seriesWriter) writeEnd() error {
	columnIndex := w.offset
	if err := w.write(w.columnIndex); err != nil {
		return err
	}
	offsetIndex := w.offset
	if err := w.write(w.offsetIndex); err != nil {
		return err
	}
	groups := compactWriter{b: make([]byte, 0, 2*len(w.metas))}
	metas := w.metas
	for i := range w.described {
		g := &w.described[i]
		groups.structure(func() {
			groups.list(1, compactStruct, len(g.columns))
			for _, c := range g.columns {
				groups.structure(func() {
					groups.int(2, compactI64, 0)
					groups.field(3, compactStruct)
					groups.b = append(groups.b, metas[:c.meta]...)
					metas = metas[c.meta:]
					groups.int(4, compactI64, offsetIndex)
					groups.int(5, compactI32, int64(c.offsetIndex))
					if c.columnIndex > 0 {
						groups.int(6, compactI64, columnIndex)
						groups.int(7, compactI32, int64(c.columnIndex))
					}
				})
				columnIndex, offsetIndex = columnIndex+int64(c.columnIndex), offsetIndex+int64(c.offsetIndex)
			}
			groups.rowGroup(&g.RowGroup)
		})
	}
	return w.writeMeta(groups.b)
}

// rowGroup writes the fields of a row group that come after its columns.
func (w *compactWriter) rowGroup(g *format.RowGroup) {
	w.int(2, compactI64, g.TotalByteSize)
	w.int(3, compactI64, g.NumRows)
	if g.SortingColumns != nil {
		w.list(4, compactStruct, len(g.SortingColumns))
		for _, s := range g.SortingColumns {
			w.structure(func() {
				w.int(1, compactI32, int64(s.ColumnIdx))
				w.truth(2, s.Descending)
				w.truth(3, s.NullsFirst)
			})
		}
	}
	w.some(5, compactI64, g.FileOffset)
	w.some(6, compactI64, g.TotalCompressedSize)
	w.int(7, compactI16, int64(g.Ordinal))
}

func (w *compactWriter) truth(id int16, v bool) {
	if v {
		w.field(id, compactTrue)
		return
	}
	w.field(id, compactFalse)
}

// writeMeta writes the footer: that of a file without row groups, and groups in it.
func (w *seriesWriter) writeMeta(groups []byte) error {
	var without bytes.Buffer
	p := parquetWriter{w: &without, schema: w.schema, meta: w.meta, total: w.total, groups: []format.RowGroup{}}
	if err := p.writeFooter(); err != nil {
		return err
	}
	b := without.Bytes()[:without.Len()-8] // without its length and the magic
	r := compactReader{b: b}
	for id, typ := int16(0), byte(0); r.field(&id, &typ) && id != 4; {
		r.skip(typ, 0)
	}
	if r.bad || r.at+1 >= len(b) || b[r.at] != compactStruct {
		return errBadFooter
	}
	list := compactWriter{}
	list.listOf(compactStruct, len(w.described))
	start := w.offset
	for _, part := range [][]byte{b[:r.at], list.b, groups, b[r.at+1:]} {
		if err := w.write(part); err != nil {
			return err
		}
	}
	tail := binary.LittleEndian.AppendUint32(nil, uint32(w.offset-start))
	return w.write(slices.Concat(tail, []byte(parquetMagic)))
}
