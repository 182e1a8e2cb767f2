package publish

import (
	"bytes"
	"reflect"
	"testing"

	"grenier/schemas"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// mixedTable has columns of each type, cells without value, and row groups of 7 rows.
func mixedTable(t testing.TB, rows int) []byte {
	t.Helper()
	s := &schemas.Schema{ID: "test/melange", Form: schemas.Table, Delimiter: ',', MissingValues: []string{""}}
	for i, typ := range []schemas.Type{schemas.String, schemas.Integer, schemas.Number, schemas.Boolean, schemas.Date, schemas.Datetime} {
		s.Fields = append(s.Fields, schemas.Field{Name: string(rune('a' + i)), Type: typ, Format: "default"})
	}
	b := &schemas.Batch{Schema: s, Rows: rows, Columns: make([]schemas.Column, len(s.Fields)), Row: make([]int64, rows), Line: make([]int64, rows)}
	for c := range b.Columns {
		b.Columns[c].Physical = s.Fields[c].Physical()
		for r := range rows {
			addCell(b, &b.Columns[c], (r+c)%5 != 0, uint64(r*(c+1)%2), []byte{'x', byte('a' + r%20)})
		}
	}
	var out bytes.Buffer
	never := func(int, int) bool { return false }
	endPage := func(_, row int) bool { return row%3 == 2 }
	if err := PressCut(&out, s, b, endPage, never, func(row int) bool { return row%7 == 6 }); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestRowsFooter_IsReadAsParquetGoReadsIt(t *testing.T) {
	file := mixedTable(t, 50)
	table, err := OpenTable(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	var want format.FileMetaData
	if err := thrift.Unmarshal(new(thrift.CompactProtocol), table.footer, &want); err != nil {
		t.Fatal(err)
	}
	if len(table.groups) != len(want.RowGroups) || len(want.RowGroups) != 8 || table.Rows() != 50 {
		t.Fatalf("%d row groups, %d rows", len(table.groups), table.Rows())
	}
	first := int64(0)
	for g := range want.RowGroups {
		if got := table.groups[g]; got.first != first || got.rows != want.RowGroups[g].NumRows {
			t.Errorf("row group %d: %+v", g, got)
		}
		first += want.RowGroups[g].NumRows
		for c := range want.RowGroups[g].Columns {
			x := &want.RowGroups[g].Columns[c]
			m := &x.MetaData
			start, dict := m.DataPageOffset, true
			if m.DictionaryPageOffset > 0 {
				start = m.DictionaryPageOffset
			}
			for _, e := range m.EncodingStats {
				dict = dict && (e.PageType == format.DictionaryPage || e.Encoding == format.RLEDictionary)
			}
			all, err := boundsOf(table.schema.Fields[c].Physical(), m.NumValues, m.Statistics.NullCount, m.Statistics.MinValue, m.Statistics.MaxValue)
			if err != nil {
				t.Fatal(err)
			}
			chunk := tableChunk{
				dict: m.DictionaryPageOffset, data: m.DataPageOffset, end: start + m.TotalCompressedSize, codec: m.Codec, values: m.NumValues, allDict: dict && m.DictionaryPageOffset > 0, all: all,
				columnIndex: [2]int64{x.ColumnIndexOffset, int64(x.ColumnIndexLength)}, offsetIndex: [2]int64{x.OffsetIndexOffset, int64(x.OffsetIndexLength)},
				bloom: [2]int64{m.BloomFilterOffset, int64(m.BloomFilterLength)},
			}
			if diff := cmp.Diff(chunk, table.chunk(g, c), cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
				t.Errorf("row group %d, column %d: -want +got\n%s", g, c, diff)
			}
		}
	}
}

// Whatever the bytes, opening a table and reading it ends with an answer or an error.
func FuzzOpenTable(f *testing.F) {
	f.Add(mixedTable(f, 3))
	f.Add(mixedTable(f, 12))
	f.Add([]byte("PAR1PAR1PAR1"))
	f.Fuzz(func(t *testing.T, file []byte) {
		table, err := OpenTable(bytes.NewReader(file), int64(len(file)))
		if err != nil || table.rows > 1000 || len(table.starts) > 1000 {
			return
		}
		for _, q := range []RowQuery{{}, {Limit: 2, Offset: 1}, {Where: []Filter{{Column: table.schema.Fields[0].Name, Op: IsNotNull}}}} {
			plan, err := table.Query(q)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = plan.Run(t.Context(), func(*schemas.Batch) error { return nil })
		}
	})
}

// The series of a whole département is opened at once, and one member's rows are a few pages of it. See TestBenchRows for the times.
func TestRowsFooter_OfManyRowGroupsIsKept(t *testing.T) {
	file := mixedTable(t, 7*2000)
	table, err := OpenTable(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	if kept := table.Footprint(); table.pageLists != nil || kept < int64(len(table.footer)) || kept > int64(len(table.footer))+2<<20 {
		t.Errorf("%d bytes are kept of a footer of %d, page lists %v", kept, len(table.footer), table.pageLists != nil)
	}
	plan, err := table.Query(RowQuery{})
	if err != nil {
		t.Fatal(err)
	}
	if page, err := plan.Run(t.Context(), func(*schemas.Batch) error { return nil }); err != nil || page.Rows != 14_000 {
		t.Errorf("%+v, %v", page, err)
	}
}
