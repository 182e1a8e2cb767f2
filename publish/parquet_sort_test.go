package publish_test

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"grenier/publish"
	"grenier/publish/publishtest"
	"grenier/schemas"

	"github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"
)

// pressBatches makes a Parquet file of rows, in batches whose sizes go round.
func pressBatches(t testing.TB, format string, s *schemas.Schema, rows [][]string, sizes ...int) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := formatNamed(t, format).New(&out, s, publish.Meta{Title: "Délibérations"})
	for i := 0; err == nil && len(rows) > 0; i++ {
		n := min(sizes[i%len(sizes)], len(rows))
		err = w.WriteBatch(publishtest.Batch(s, rows[:n]))
		rows = rows[n:]
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// compareCells compares two cells by their type, one without value last.
func compareCells(p schemas.Physical, a, b string) int {
	if a == "" || b == "" {
		return -cmp.Compare(min(len(a), 1), min(len(b), 1))
	}
	switch p {
	case schemas.Int64:
		x, _ := strconv.ParseInt(a, 10, 64)
		y, _ := strconv.ParseInt(b, 10, 64)
		return cmp.Compare(x, y)
	case schemas.Float:
		x, _ := strconv.ParseFloat(a, 64)
		y, _ := strconv.ParseFloat(b, 64)
		if x != x || y != y {
			return cmp.Compare(b2i(x != x), b2i(y != y))
		}
		return cmp.Compare(x, y)
	}
	return strings.Compare(a, b) // dates and moments are written in their order, and false before true
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// inOrder is rows in the order of s, by another way than the writer's.
func inOrder(s *schemas.Schema, rows [][]string) [][]string {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b []string) int {
		for _, name := range append([]string{s.Series.Year}, s.Series.Key...) {
			if c := s.Field(name); c >= 0 {
				if order := compareCells(s.Fields[c].Physical(), a[c], b[c]); order != 0 {
					return order
				}
			}
		}
		return 0
	})
	return rows
}

func yearOf(cell string) string {
	if cell == "" {
		return ""
	}
	return strings.SplitN(cell, "-", 2)[0]
}

func TestParquet_SortsRowsByYearThenKey(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := publishtest.Schema(
			schemas.Field{Name: "texte", Type: schemas.String}, schemas.Field{Name: "jour", Type: schemas.Date}, schemas.Field{Name: "vu", Type: schemas.Datetime},
			schemas.Field{Name: "annee", Type: schemas.Year}, schemas.Field{Name: "rang", Type: schemas.Integer}, schemas.Field{Name: "montant", Type: schemas.Number},
			schemas.Field{Name: "vote", Type: schemas.Boolean}, schemas.Field{Name: "arrivee", Type: schemas.Integer})
		s.Series.Year = rapid.SampledFrom([]string{"", "jour", "vu", "annee"}).Draw(rt, "year")
		s.Series.Key = rapid.Permutation([]string{"texte", "rang", "montant", "vote", "annee"}).Draw(rt, "key")[:rapid.IntRange(0, 3).Draw(rt, "keys")]
		prefix := strings.Repeat("x", rapid.IntRange(0, 20).Draw(rt, "prefix"))
		texts := []string{"", "a", "a\x00", "a\x00b", "b", "é", "abcdefg", "abcdefgh", "abcdefgi", "abcdefghi", "\U0001f33e"}
		rows := make([][]string, rapid.IntRange(0, 200).Draw(rt, "rows"))
		for i := range rows {
			text := rapid.SampledFrom(texts).Draw(rt, "text")
			if text != "" {
				text = prefix + text
			}
			rows[i] = []string{
				text,
				rapid.SampledFrom([]string{"", "1969-12-31", "1970-01-01", "2024-02-29", "2024-12-31", "2025-01-01"}).Draw(rt, "day"),
				rapid.SampledFrom([]string{"", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "2024-12-31T23:59:59Z", "2025-01-01T00:00:00Z"}).Draw(rt, "moment"),
				rapid.SampledFrom([]string{"", "-44", "2024", "2025"}).Draw(rt, "year"),
				rapid.SampledFrom([]string{"", "-9223372036854775808", "-1", "0", "10", "9", "9223372036854775807"}).Draw(rt, "integer"),
				rapid.SampledFrom([]string{"", "-Inf", "-1.5", "0", "2.5", "10", "+Inf", "NaN"}).Draw(rt, "number"),
				rapid.SampledFrom([]string{"", "false", "true"}).Draw(rt, "truth"),
				strconv.Itoa(i),
			}
		}
		file := pressBatches(t, "parquet", s, rows, rapid.IntRange(1, 50).Draw(rt, "batch"))
		readsBack(t, s, file, inOrder(s, rows))
		if other := pressBatches(t, "parquet", s, rows, 7, 1, 100); !bytes.Equal(other, file) {
			rt.Error("other batches give other bytes")
		}
		checkYears(t, s, file)
	})
}

// checkYears checks that each page of each column is of one year, and that it ends with it.
func checkYears(t testing.TB, s *schemas.Schema, file []byte) (pages int) {
	t.Helper()
	year := s.Field(s.Series.Year)
	if year < 0 {
		return 0
	}
	_, rows, err := readParquet(file, s)
	if err != nil {
		t.Fatal(err)
	}
	f, err := openParquet(file)
	if err != nil {
		t.Fatal(err)
	}
	first := 0
	for g, group := range f.RowGroups() {
		for c, chunk := range group.ColumnChunks() {
			offsets, err := chunk.OffsetIndex()
			if err != nil {
				t.Fatal(err)
			}
			for p := range offsets.NumPages() {
				from, to := offsets.FirstRowIndex(p), group.NumRows()
				if p+1 < offsets.NumPages() {
					to = offsets.FirstRowIndex(p + 1)
				}
				pages++
				if a, b := rows[first+int(from)][year], rows[first+int(to)-1][year]; yearOf(a) != yearOf(b) {
					t.Fatalf("row group %d, column %d, page %d: from %q to %q", g, c, p, a, b)
				}
			}
		}
		first += int(group.NumRows())
	}
	return pages
}

// manyActs are more rows than a row group holds, in no order: identifiers that no dictionary keeps, texts that come back, texts of which a
// dictionary grows too large half way, numbers, and nulls.
func manyActs(n int) (*schemas.Schema, [][]string) {
	s := publishtest.Schema(
		schemas.Field{Name: "siret", Type: schemas.String}, schemas.Field{Name: "acte", Type: schemas.String}, schemas.Field{Name: "jour", Type: schemas.Date},
		schemas.Field{Name: "objet", Type: schemas.String}, schemas.Field{Name: "rue", Type: schemas.String}, schemas.Field{Name: "montant", Type: schemas.Number},
		schemas.Field{Name: "voix", Type: schemas.Integer}, schemas.Field{Name: "vote", Type: schemas.Boolean}, schemas.Field{Name: "arrivee", Type: schemas.Integer})
	s.Series = schemas.Series{Year: "jour", Key: []string{"siret", "acte"}}
	random := rand.New(rand.NewPCG(7, 7))
	rows := make([][]string, n)
	for i := range rows {
		day := ""
		if random.IntN(50) > 0 {
			day = time.Date(2020, 1, 1+random.IntN(6*365), 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
		}
		rows[i] = []string{
			fmt.Sprintf("2139001370%04d", random.IntN(350)), fmt.Sprintf("2026-%07d", random.IntN(n)), day,
			fmt.Sprintf("Attribution d’une subvention n° %d", random.Uint64()), strings.Repeat("rue ", 10) + strconv.Itoa(random.IntN(n/4+1)),
			strconv.FormatFloat(float64(random.IntN(1_000_000))/100, 'f', -1, 64), strconv.Itoa(random.IntN(80)), strconv.FormatBool(random.IntN(2) == 0), strconv.Itoa(i),
		}
	}
	return s, rows
}

func TestParquet_SortsWithinRowGroupsAndEndsPagesWithTheYear(t *testing.T) {
	s, rows := manyActs(124_000)
	file := pressBatches(t, "parquet", s, rows, 4096)
	want := append(inOrder(s, rows[:122_880]), inOrder(s, rows[122_880:])...)
	readsBack(t, s, file, want)
	if pages, least := checkYears(t, s, file), 2*7*len(s.Fields); pages < least { // six years and none, in two row groups
		t.Errorf("%d pages, want %d at least", pages, least)
	}
	if other := pressBatches(t, "parquet", s, rows, 1000, 24); !bytes.Equal(other, file) {
		t.Error("other batches give other bytes")
	}
	t.Run("rows that come in order", func(t *testing.T) {
		sorted := pressBatches(t, "parquet", s, want[:122_880], 4096)
		readsBack(t, s, sorted, want[:122_880])
		checkYears(t, s, sorted)
	})
}

func TestParquet_NamesTheColumnsThatRowsAreSortedBy(t *testing.T) {
	s, rows := manyActs(10)
	for _, c := range []struct {
		series schemas.Series
		want   []string
		footer string
	}{
		{schemas.Series{Year: "jour", Key: []string{"siret", "jour", "acte"}}, []string{"jour", "siret", "acte"}, `{"year":"jour","key":["siret","jour","acte"]}`},
		{schemas.Series{Key: []string{"acte"}}, []string{"acte"}, `{"year":"","key":["acte"]}`},
		{schemas.Series{Year: "jour", Key: []string{"montant", "acte"}}, []string{"jour"}, `{"year":"jour","key":["montant","acte"]}`}, // readers differ on the order of floats
		{schemas.Series{}, nil, ""},
	} {
		s.Series = c.series
		f, err := openParquet(pressBatches(t, "parquet", s, rows, 3))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, by := range f.RowGroups()[0].SortingColumns() {
			if by.Descending() || by.NullsFirst() {
				t.Errorf("%s: descending or nulls first", by.Path())
			}
			got = append(got, strings.Join(by.Path(), "."))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: sorted by %q, want %q", c.series, got, c.want)
		}
		if footer, _ := f.Lookup("grenier:series"); footer != c.footer {
			t.Errorf("%+v: footer says %s, want %s", c.series, footer, c.footer)
		}
	}
}

// A text as long as this would sort for minutes if each of its bytes cost a step for all rows, or overflow the stack.
func TestParquet_SortsLongTextsThatBeginAlike(t *testing.T) {
	s := publishtest.Schema(schemas.Field{Name: "a", Type: schemas.String}, schemas.Field{Name: "i", Type: schemas.Integer})
	s.Series.Key = []string{"a"}
	long := strings.Repeat("même début ", 100_000)
	var rows [][]string
	for i := range 6 {
		rows = append(rows, []string{long + strconv.Itoa((5-i)/2), strconv.Itoa(i)})
	}
	readsBack(t, s, pressBatches(t, "parquet", s, rows, 2), inOrder(s, rows))
}

func TestParquet_SortsRowGroupsThatEndEarlyForTheirSize(t *testing.T) {
	s := publishtest.Schema(schemas.Field{Name: "a", Type: schemas.String}, schemas.Field{Name: "i", Type: schemas.Integer})
	s.Series.Key = []string{"i"}
	rows := make([][]string, 5000)
	for r := range rows {
		rows[r] = []string{strconv.Itoa(r*7919%5000) + strings.Repeat("x", 20_000), strconv.Itoa(r * 7919 % 5000)}
	}
	file := pressBatches(t, "parquet", s, rows, 1000)
	f, err := openParquet(file)
	if err != nil {
		t.Fatal(err)
	}
	if groups := f.RowGroups(); len(groups) != 2 || groups[0].NumRows() != 4096 {
		t.Errorf("%d row groups, the first of %d rows", len(groups), groups[0].NumRows())
	}
	readsBack(t, s, file, append(inOrder(s, rows[:4096]), inOrder(s, rows[4096:])...))
}

func TestGeoParquet_KeepsTheGeometryWithItsRow(t *testing.T) {
	s := publishtest.Schema(
		schemas.Field{Name: "nom", Type: schemas.String}, schemas.Field{Name: "pose", Type: schemas.Date},
		schemas.Field{Name: "longitude", Type: schemas.Number}, schemas.Field{Name: "latitude", Type: schemas.Number})
	s.Series = schemas.Series{Year: "pose", Key: []string{"nom"}}
	var rows [][]string
	for i := range 300 {
		rows = append(rows, []string{"banc " + strconv.Itoa(i*7919%300), fmt.Sprintf("20%02d-01-01", 20+i%5), strconv.FormatFloat(2+float64(i)/1000, 'f', -1, 64), "48.5"})
	}
	want := inOrder(s, rows)
	file := pressBatches(t, "geoparquet", s, rows, 100)
	f, err := openParquet(file)
	if err != nil {
		t.Fatal(err)
	}
	points, err := chunkValues(f.RowGroups()[0].ColumnChunks()[4])
	if err != nil || len(points) != len(want) {
		t.Fatalf("%d points, %v", len(points), err)
	}
	for i, p := range points {
		x, _ := strconv.ParseFloat(want[i][2], 64)
		if got := parquet.DoubleValue(x).Bytes(); !bytes.Equal(p.ByteArray()[5:13], got) {
			t.Fatalf("row %d: another geometry than that of %q", i, want[i])
		}
	}
}
