package publish_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"grenier/publish"
	"grenier/publish/publishtest"
	"grenier/schemas"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"
)

func openParquet(file []byte) (*parquet.File, error) {
	return parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
}

// readParquet reads with parquet-go, page by page, and checks what the file says of its pages on the way.
func readParquet(file []byte, s *schemas.Schema) (columns []string, rows [][]string, err error) {
	f, err := openParquet(file)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range f.Schema().Columns() {
		columns = append(columns, c[0])
	}
	for _, g := range f.RowGroups() {
		first := len(rows)
		for range g.NumRows() {
			rows = append(rows, make([]string, len(s.Fields)))
		}
		for i, chunk := range g.ColumnChunks() {
			values, err := chunkValues(chunk)
			if err != nil {
				return nil, nil, fmt.Errorf("column %s: %w", s.Fields[i].Name, err)
			}
			if int64(len(values)) != g.NumRows() {
				return nil, nil, fmt.Errorf("column %s: %d values for %d rows", s.Fields[i].Name, len(values), g.NumRows())
			}
			for r, v := range values {
				rows[first+r][i] = canonical(s.Fields[i].Physical(), v)
			}
		}
	}
	if f.NumRows() != int64(len(rows)) {
		return nil, nil, fmt.Errorf("footer says %d rows, groups hold %d", f.NumRows(), len(rows))
	}
	return columns, rows, nil
}

// chunkValues reads a column chunk and checks its page index against its pages.
func chunkValues(chunk parquet.ColumnChunk) ([]parquet.Value, error) {
	offsets, err := chunk.OffsetIndex()
	if err != nil {
		return nil, err
	}
	index, err := chunk.ColumnIndex()
	if err != nil && err != parquet.ErrMissingColumnIndex {
		return nil, err
	}
	pages := chunk.Pages()
	defer pages.Close()
	var all []parquet.Value
	for n := 0; ; n++ {
		page, err := pages.ReadPage()
		if err == io.EOF {
			if n != offsets.NumPages() {
				return nil, fmt.Errorf("%d pages, index has %d", n, offsets.NumPages())
			}
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if at := offsets.FirstRowIndex(n); at != int64(len(all)) {
			return nil, fmt.Errorf("page %d begins at row %d, index says %d", n, len(all), at)
		}
		values := make([]parquet.Value, page.NumValues())
		if got, err := page.Values().ReadValues(values); got != len(values) && err != nil {
			return nil, fmt.Errorf("page %d: %d of %d values: %w", n, got, len(values), err)
		}
		if index != nil {
			if err := checkIndex(chunk.Type(), index, n, values); err != nil {
				return nil, fmt.Errorf("page %d: %w", n, err)
			}
		}
		for _, v := range values {
			all = append(all, v.Clone())
		}
		parquet.Release(page)
	}
}

func checkIndex(typ parquet.Type, index parquet.ColumnIndex, n int, values []parquet.Value) error {
	nulls := int64(0)
	for _, v := range values {
		switch {
		case v.IsNull():
			nulls++
		case v.Kind() == parquet.Double && math.IsNaN(v.Double()):
		case typ.Compare(v, index.MinValue(n)) < 0 || typ.Compare(v, index.MaxValue(n)) > 0:
			return fmt.Errorf("%.100v is not between %.100v and %.100v", v, index.MinValue(n), index.MaxValue(n))
		}
	}
	if nulls != index.NullCount(n) || index.NullPage(n) != (nulls == int64(len(values))) {
		return fmt.Errorf("%d nulls of %d, index says %d, only nulls: %v", nulls, len(values), index.NullCount(n), index.NullPage(n))
	}
	return nil
}

func canonical(p schemas.Physical, v parquet.Value) string {
	switch {
	case v.IsNull():
		return publishtest.Null
	case p == schemas.Int64:
		return strconv.FormatInt(v.Int64(), 10)
	case p == schemas.Float:
		return strconv.FormatFloat(v.Double(), 'g', -1, 64)
	case p == schemas.Bool:
		return strconv.FormatBool(v.Boolean())
	case p == schemas.Days:
		return time.Unix(86400*int64(v.Int32()), 0).UTC().Format(time.DateOnly)
	case p == schemas.Micros:
		return time.UnixMicro(v.Int64()).UTC().Format(time.RFC3339Nano)
	}
	return string(v.ByteArray())
}

func TestParquet(t *testing.T) { publishtest.Format(t, formatNamed(t, "parquet"), readParquet) }

// press makes a Parquet file of rows, in batches of size.
func press(t testing.TB, s *schemas.Schema, rows [][]string, size int) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := formatNamed(t, "parquet").New(&out, s, publish.Meta{Title: "Délibérations", Publisher: "Commune d’essai"})
	for ; err == nil && len(rows) > 0; rows = rows[min(size, len(rows)):] {
		err = w.WriteBatch(publishtest.Batch(s, rows[:min(size, len(rows))]))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestParquet_TypesColumnsInSchemaOrder(t *testing.T) {
	s := publishtest.Schema(
		schemas.Field{Name: "z", Type: schemas.String},
		schemas.Field{Name: "a", Type: schemas.Integer},
		schemas.Field{Name: "m", Type: schemas.Number},
		schemas.Field{Name: "b", Type: schemas.Boolean},
		schemas.Field{Name: "y", Type: schemas.Date},
		schemas.Field{Name: "c", Type: schemas.Datetime},
		schemas.Field{Name: "x", Type: schemas.Year},
	)
	f, err := openParquet(press(t, s, nil, 1))
	if err != nil {
		t.Fatal(err)
	}
	want := `message schema {
	optional binary z (STRING);
	optional int64 a (INT(64,true));
	optional double m;
	optional boolean b;
	optional int32 y (DATE);
	optional int64 c (TIMESTAMP(isAdjustedToUTC=false,unit=MICROS));
	optional int64 x (INT(64,true));
}`
	if got := f.Schema().String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestParquet_SaysWhatItIs(t *testing.T) {
	minimum := 3
	s := publishtest.Schema(schemas.Field{
		Name: "siret", Title: "SIRET", Description: "Qui a donné.", Type: schemas.String, Format: "default",
		Constraints: schemas.Constraints{Required: true, Pattern: `^\d{14}$`, MinLength: &minimum},
	})
	s.PrimaryKey = []string{"siret"}
	s.Checks = []schemas.Check{{Name: "french-siret-value", Params: map[string]any{"column": "siret"}}}
	f, err := openParquet(press(t, s, [][]string{{"x"}}, 1))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"title": "Délibérations", "publisher": "Commune d’essai", "schema": "essai/table@1.0.0", "schema_url": "https://exemple.fr/schema.json",
		"grenier:schema": `{"name":"essai/table","title":"Table d’essai","version":"1.0.0","fields":[{"name":"siret","title":"SIRET","description":"Qui a donné.","type":"string",` +
			`"constraints":{"required":true,"pattern":"^\\d{14}$","minLength":3}}],"missingValues":[""],"primaryKey":["siret"],` +
			`"custom_checks":[{"name":"french-siret-value","params":{"column":"siret"}}]}`,
	} {
		if got, _ := f.Lookup(key); got != want {
			t.Errorf("%s: got %s, want %s", key, got, want)
		}
	}
	if got, ok := f.Lookup("license"); ok {
		t.Errorf("license: got %q, want none", got)
	}
	table, _ := f.Lookup("grenier:schema")
	if !json.Valid([]byte(table)) {
		t.Errorf("not JSON: %s", table)
	}
}

func TestParquet_IsReadBackWithDescriptionsAndSeries(t *testing.T) {
	s := publishtest.Schema(
		schemas.Field{Name: "siret", Title: "SIRET", Description: "Qui a donné.", Type: schemas.String, Format: "default"},
		schemas.Field{Name: "annee", Title: "Année", Description: "Année du budget.", Type: schemas.Year, Format: "default"})
	for _, series := range []schemas.Series{{Year: "annee", Key: []string{"siret"}}, {Key: []string{"siret"}}, {Year: "annee"}, {}} {
		s.Series = series
		table := openTable(t, press(t, s, [][]string{{"x", "2026"}}, 1))
		if diff := cmp.Diff(s.Fields, table.Schema().Fields); diff != "" {
			t.Errorf("columns: %s", diff)
		}
		if diff := cmp.Diff(series, table.Schema().Series); diff != "" {
			t.Errorf("series: %s", diff)
		}
	}
}

// column makes n rows of one column.
func column(n int, cell func(i int) string) [][]string {
	rows := make([][]string, n)
	for i := range rows {
		rows[i] = []string{cell(i)}
	}
	return rows
}

func TestParquet_UsesADictionaryWhereItPays(t *testing.T) {
	for _, c := range []struct {
		name string
		typ  schemas.Type
		rows [][]string
		want []string // encodings
	}{
		{"few texts", schemas.String, column(50_000, func(i int) string { return "commune " + strconv.Itoa(i*i%1000) }), []string{"RLE", "RLE_DICTIONARY", "PLAIN"}},
		{"few numbers", schemas.Number, column(50_000, func(i int) string { return strconv.Itoa(i % 100) }), []string{"RLE", "RLE_DICTIONARY", "PLAIN"}},
		{"thousands of texts", schemas.String, column(50_000, func(i int) string { return "rue " + strconv.Itoa(i*7919%3000) }), []string{"RLE", "RLE_DICTIONARY", "PLAIN"}},
		{"each text once", schemas.String, column(50_000, func(i int) string { return "acte " + strconv.Itoa(i) }), []string{"RLE", "PLAIN"}},
		{"each number once", schemas.Integer, column(50_000, func(i int) string { return strconv.Itoa(i) }), []string{"RLE", "PLAIN"}},
		{"each text once, few rows", schemas.String, column(50, func(i int) string { return "acte " + strconv.Itoa(i) }), []string{"RLE", "PLAIN"}},
		{"one text, few rows", schemas.String, column(50, func(int) string { return "délibération" }), []string{"RLE", "RLE_DICTIONARY", "PLAIN"}},
		{"truth values", schemas.Boolean, column(50, func(i int) string { return strconv.FormatBool(i%2 == 0) }), []string{"RLE", "PLAIN"}},
		{"no value", schemas.String, column(50, func(int) string { return "" }), []string{"RLE", "PLAIN"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := publishtest.Schema(schemas.Field{Name: "a", Type: c.typ})
			file := press(t, s, c.rows, 1000)
			f, err := openParquet(file)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range f.Metadata().RowGroups[0].Columns[0].MetaData.Encoding {
				got = append(got, e.String())
			}
			if strings.Join(got, " ") != strings.Join(c.want, " ") {
				t.Errorf("got %q, want %q", got, c.want)
			}
			readsBack(t, s, file, c.rows)
		})
	}
}

// readsBack compares a file with rows whose texts are canonical.
func readsBack(t testing.TB, s *schemas.Schema, file []byte, rows [][]string) {
	t.Helper()
	_, got, err := readParquet(file, s)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(rows) {
		t.Fatalf("got %d rows, want %d", len(got), len(rows))
	}
	for r := range rows {
		for c := range rows[r] {
			want := rows[r][c]
			if want == "" {
				want = publishtest.Null
			}
			if got[r][c] != want {
				t.Fatalf("row %d column %d: got %.100q, want %.100q", r, c, got[r][c], want)
			}
		}
	}
}

func TestParquet_GivesADictionaryUpHalfWay(t *testing.T) {
	s := publishtest.Schema(schemas.Field{Name: "a", Type: schemas.String})
	pad := strings.Repeat("longue ", 20)
	for name, cell := range map[string]func(i int) string{
		"too large after pages of it": func(i int) string {
			if i < 40_000 {
				return "x" + strconv.Itoa(i%10)
			}
			return pad + strconv.Itoa(i)
		},
		"too large within its first page": func(i int) string { return pad + strconv.Itoa(i/5) },
		"a text larger than any":          func(i int) string { return strings.Repeat(strconv.Itoa(i%7), 1+i%7*200_000) },
		"mostly nulls": func(i int) string {
			if i%50 > 0 {
				return ""
			}
			return pad + strconv.Itoa(i)
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := 100_000
			if name == "a text larger than any" {
				n = 30
			}
			rows := column(n, cell)
			readsBack(t, s, press(t, s, rows, 4096), rows)
		})
	}
}

func TestParquet_CutsRowGroupsByRowsAndBySize(t *testing.T) {
	for _, c := range []struct {
		name string
		rows [][]string
		want []int64
	}{
		{"rows", column(250_000, func(i int) string { return strconv.Itoa(i % 3) }), []int64{122_880, 122_880, 4_240}},
		{"size", column(5_000, func(i int) string { return strings.Repeat("x", 20_000) + strconv.Itoa(i) }), []int64{4096, 904}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := publishtest.Schema(schemas.Field{Name: "a", Type: schemas.String})
			file := press(t, s, c.rows, 1000)
			f, err := openParquet(file)
			if err != nil {
				t.Fatal(err)
			}
			var got []int64
			for _, g := range f.RowGroups() {
				got = append(got, g.NumRows())
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("got %d, want %d", got, c.want)
			}
			readsBack(t, s, file, c.rows)
		})
	}
}

func TestParquet_CountsNullsAndBounds(t *testing.T) {
	s := publishtest.Schema(
		schemas.Field{Name: "t", Type: schemas.String}, schemas.Field{Name: "i", Type: schemas.Integer}, schemas.Field{Name: "f", Type: schemas.Number},
		schemas.Field{Name: "d", Type: schemas.Date}, schemas.Field{Name: "l", Type: schemas.String})
	long := strings.Repeat("é", 100)
	f, err := openParquet(press(t, s, [][]string{
		{"b", "-5", "0", "1969-12-31", long}, {"", "", "NaN", "", ""}, {"a", "300", "-1.5", "2026-11-23", "a"}, {"é", "2", "0", "", ""},
	}, 10))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		nulls  int64
		lo, hi []byte
	}{
		{1, []byte("a"), []byte("é")},
		{1, parquet.Int64Value(-5).Bytes(), parquet.Int64Value(300).Bytes()},
		{0, parquet.DoubleValue(-1.5).Bytes(), parquet.DoubleValue(0).Bytes()},
		{2, parquet.Int32Value(-1).Bytes(), parquet.Int32Value(20780).Bytes()},
		{2, nil, nil}, // a bound would have to be cut
	} {
		m := f.Metadata().RowGroups[0].Columns[i].MetaData
		if m.Statistics.NullCount != want.nulls || !bytes.Equal(m.Statistics.MinValue, want.lo) || !bytes.Equal(m.Statistics.MaxValue, want.hi) {
			t.Errorf("%s: got %d nulls, %x to %x; want %d, %x to %x", s.Fields[i].Name, m.Statistics.NullCount, m.Statistics.MinValue, m.Statistics.MaxValue,
				want.nulls, want.lo, want.hi)
		}
	}
}

func TestParquet_OrdersPagesThatRise(t *testing.T) {
	s := publishtest.Schema(schemas.Field{Name: "up", Type: schemas.Integer}, schemas.Field{Name: "down", Type: schemas.Integer}, schemas.Field{Name: "mixed", Type: schemas.Integer})
	var rows [][]string
	for i := range 100_000 {
		rows = append(rows, []string{strconv.Itoa(i), strconv.Itoa(-i), strconv.Itoa(i * i % 100_003)})
	}
	f, err := openParquet(press(t, s, rows, 4096))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, chunk := range f.RowGroups()[0].ColumnChunks() {
		index, err := chunk.ColumnIndex()
		if err != nil {
			t.Fatal(err)
		}
		if index.NumPages() < 3 {
			t.Errorf("column %d: %d pages", i, index.NumPages())
		}
		got = append(got, fmt.Sprint(index.IsAscending(), index.IsDescending()))
	}
	if want := []string{"true false", "false true", "false false"}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCut_KeepsBoundsOfLongTexts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := []string{"a", "é", "€", "😀", "\ud7ff", "\U0010ffff", "\ufffd", "zzzzzzzzzzzzzzz"}
		v := []byte(strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 60).Draw(t, "text"), ""))
		lo, hi := publish.CutMin(v), publish.CutMax(v)
		if bytes.Compare(lo, v) > 0 || bytes.Compare(hi, v) < 0 {
			t.Fatalf("%q is not between %q and %q", v, lo, hi)
		}
		if len(lo) > 64 || !utf8.Valid(lo) || !utf8.Valid(hi) {
			t.Fatalf("bad bounds %q and %q", lo, hi)
		}
	})
	if got := publish.CutMax([]byte(strings.Repeat("a", 100))); string(got) != strings.Repeat("a", 63)+"b" {
		t.Errorf("got %q", got)
	}
}

// small has the shape of a commune's table: 16 columns, 100 rows.
func small() (*schemas.Schema, *schemas.Batch) { return tableOf(100) }

func tableOf(n int) (*schemas.Schema, *schemas.Batch) {
	types := []schemas.Type{schemas.String, schemas.String, schemas.Date, schemas.Integer, schemas.String, schemas.Number, schemas.String, schemas.Boolean}
	var fields []schemas.Field
	for i := range 16 {
		fields = append(fields, schemas.Field{Name: "colonne_" + strconv.Itoa(i), Type: types[i%len(types)]})
	}
	var rows [][]string
	for i := range n {
		var row []string
		for c := range fields {
			switch types[c%len(types)] {
			case schemas.Date:
				row = append(row, time.Unix(int64(86400*(20_000+i%700)), 0).UTC().Format(time.DateOnly))
			case schemas.Integer:
				row = append(row, strconv.Itoa(i*31%5000))
			case schemas.Number:
				row = append(row, strconv.FormatFloat(float64(i*7919%1_000_003)/100, 'f', 2, 64))
			case schemas.Boolean:
				row = append(row, strconv.FormatBool(i%2 == 0))
			default:
				row = append(row, []string{"Délibération n° " + strconv.Itoa(i), "21390013700" + strconv.Itoa(100+i%350), "délibération", ""}[c%4])
			}
		}
		rows = append(rows, row)
	}
	s := publishtest.Schema(fields...)
	return s, publishtest.Batch(s, rows)
}

func TestParquet_CostsLittleForASmallTable(t *testing.T) {
	s, b := small()
	run := func() {
		w, err := formatNamed(t, "parquet").New(io.Discard, s, publish.Meta{})
		if err == nil {
			err = w.WriteBatch(b)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	run()
	r := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			run()
		}
	})
	t.Logf("100 rows, 16 columns: %v, %d bytes in %d allocations", time.Duration(r.NsPerOp()), r.AllocedBytesPerOp(), r.AllocsPerOp())
	if r.AllocedBytesPerOp() > 2<<20 {
		t.Errorf("%d bytes allocated for a small table, want under 2 MiB", r.AllocedBytesPerOp())
	}
}

func BenchmarkFormats(b *testing.B) {
	s, batch := tableOf(2000)
	for _, f := range publish.FormatsFor(s) {
		b.Run(f.Name, func(b *testing.B) {
			b.SetBytes(int64(len(batch.Data)))
			b.ReportAllocs()
			w, err := f.New(io.Discard, s, publish.Meta{})
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if err := w.WriteBatch(batch); err != nil {
					b.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
