package publish_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"grenier/publish"
	"grenier/publish/publishtest"
	"grenier/schemas"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// seriesSchema is a table with a year and a key, and cells that trip readers.
func seriesSchema() *schemas.Schema {
	s := publishtest.Schema(
		schemas.Field{Name: "id", Type: schemas.String}, schemas.Field{Name: "objet", Type: schemas.String}, schemas.Field{Name: "jour", Type: schemas.Date},
		schemas.Field{Name: "montant", Type: schemas.Number}, schemas.Field{Name: "nombre", Type: schemas.Integer}, schemas.Field{Name: "actif", Type: schemas.Boolean},
		schemas.Field{Name: "vu", Type: schemas.Datetime})
	s.Series = schemas.Series{Year: "jour", Key: []string{"id"}}
	return s
}

var seriesCells = map[string][]string{
	"objet":   {"", "Subvention", "deux\nlignes", `dit « "oui" »`, "virgule, et; point", "été œuvre", `"`, "\n", "a\"\n\"b", "long " + strings.Repeat("très ", 40)},
	"jour":    {"", "2023-12-31", "2024-01-01", "2024-06-30", "2025-03-01", "1999-05-05"},
	"montant": {"", "12.5", "-0.25", "1000000"},
	"nombre":  {"", "0", "-7", "123456789"},
	"actif":   {"", "true", "false"},
	"vu":      {"", "2026-11-23T10:30:00", "1969-12-31T23:59:59"},
}

func seriesRow(r *rand.Rand, s *schemas.Schema, id string) []string {
	row := make([]string, len(s.Fields))
	for i, f := range s.Fields {
		row[i] = id
		if cells := seriesCells[f.Name]; cells != nil {
			row[i] = cells[r.IntN(len(cells))]
		}
	}
	return row
}

// A memberFile is one source file of a member: its rows come from lines 2, 5, 8…
type memberFile struct {
	name  string
	rows  [][]string
	lines []int64 // nil: as above
}

func lineOf(i int) int64 { return int64(2 + 3*i) }

// A member is a table to be made a part of a series.
type member struct {
	siren, name string
	schema      *schemas.Schema
	files       []memberFile
}

// part presses the member's table into blobs, with batches of size.
func (m *member) part(t testing.TB, blobs publish.BlobStore, dir string, size int) publish.SeriesPart {
	t.Helper()
	d, err := publish.Begin(publish.Order{Schema: m.schema, Meta: publish.Meta{Title: m.name}, Dir: dir, Origins: true,
		Formats: []publish.Format{formatNamed(t, "csv"), formatNamed(t, "parquet")}})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Discard()
	for _, f := range m.files {
		d.Document(f.name)
		for from := 0; from < len(f.rows); from += size {
			b := publishtest.Batch(m.schema, f.rows[from:min(from+size, len(f.rows))])
			for r := range b.Line {
				b.Line[r] = lineOf(from + r)
				if f.lines != nil {
					b.Line[r] = f.lines[from+r]
				}
			}
			if err := d.Write(b); err != nil {
				t.Fatal(err)
			}
		}
	}
	files, _, err := d.Finish()
	if err == nil {
		err = d.Store(t.Context(), blobs)
	}
	if err != nil {
		t.Fatal(err)
	}
	return publish.SeriesPart{
		SIREN: m.siren, Member: m.name, Dataset: uuid.NewSHA1(uuid.Nil, []byte(m.siren)), Version: 3, Harvested: time.Date(2026, 11, 23, 23, 30, 0, 0, time.UTC),
		CSV: files[0].Key, Parquet: files[1].Key, Origins: d.Origins().Key, Source: m.name + ".csv",
	}
}

// want are the rows that the member gives to a series.
func (m *member) want(columns int) (rows [][]string) {
	for _, f := range m.files {
		name := f.name
		if name == "" {
			name = m.name + ".csv"
		}
		for i, row := range f.rows {
			rows = append(rows, slices.Concat(row[:columns], []string{m.siren, m.name, name, strconv.FormatInt(lineOf(i), 10), "3", "2026-11-23"}))
		}
	}
	return rows
}

// A press is a place to make series in.
type seriesPlace struct {
	inner, blobs publish.BlobStore
	dir          string
}

func newSeriesPlace(t testing.TB) *seriesPlace {
	t.Helper()
	t.Cleanup(publish.SetSync(func(*os.File) error { return nil })) // no test here is about durability
	d, err := publish.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &seriesPlace{d, publish.Assembling(d), d.Temp()}
}

func (p *seriesPlace) order(t testing.TB, s *schemas.Schema, members []member) publish.SeriesOrder {
	t.Helper()
	o := publish.SeriesOrder{Schema: s, Dir: p.dir, Meta: publish.Meta{Title: "Toutes les subventions"}}
	for i := range members {
		o.Parts = append(o.Parts, members[i].part(t, p.blobs, p.dir, 100))
	}
	return o
}

func (p *seriesPlace) press(t testing.TB, o publish.SeriesOrder) *publish.SeriesResult {
	t.Helper()
	result, err := publish.PressSeries(t.Context(), p.inner, o)
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(p.dir); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
	return result
}

func (p *seriesPlace) read(t testing.TB, key string) []byte {
	t.Helper()
	b, err := p.blobs.Open(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	data, err := io.ReadAll(b)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// rows reads a file of a series, which says its own size and sum truly.
func (p *seriesPlace) rows(t testing.TB, s *schemas.Schema, f publish.SeriesFile) [][]string {
	t.Helper()
	data := p.read(t, f.Key)
	if n, err := p.blobs.Stat(t.Context(), f.Key); err != nil || n != int64(len(data)) || n != f.Bytes {
		t.Errorf("%s: %d bytes, stat says %d, %v, result says %d", f.Key, len(data), n, err, f.Bytes)
	}
	if got := sumOf(data); got != f.SHA256 {
		t.Errorf("%s: sum %s, result says %s", f.Key, got, f.SHA256)
	}
	var rows [][]string
	if f.Format == "csv" {
		r := csv.NewReader(bytes.NewReader(data))
		r.Comma = rune(s.Delimiter)
		all, err := r.ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", f.Key, err)
		}
		if diff := cmp.Diff(columnNames(s), all[0]); diff != "" {
			t.Errorf("header: %s", diff)
		}
		rows = all[1:]
	} else {
		rows = parquetTexts(t, data, s)
	}
	if int64(len(rows)) != f.Rows {
		t.Errorf("%s of year %d: %d rows, result says %d", f.Format, f.Year, len(rows), f.Rows)
	}
	return rows
}

func columnNames(s *schemas.Schema) (names []string) {
	for _, f := range s.Fields {
		names = append(names, f.Name)
	}
	return names
}

// parquetTexts reads a file with parquet-go, which checks its page index, and with our own reader, and compares.
func parquetTexts(t testing.TB, data []byte, s *schemas.Schema) (rows [][]string) {
	t.Helper()
	names, theirs, err := readParquet(data, s)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(columnNames(s), names); diff != "" {
		t.Errorf("columns: %s", diff)
	}
	table, err := publish.OpenTable(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := table.Query(publish.RowQuery{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = plan.Run(t.Context(), func(b *schemas.Batch) error {
		for r := range b.Rows {
			row := make([]string, len(b.Columns))
			for c := range b.Columns {
				row[c] = string(b.TextAt(c, r))
				if b.Columns[c].Valid[r] == (theirs[len(rows)][c] == publishtest.Null) {
					t.Errorf("row %d, column %s: %q, parquet-go reads %q", len(rows), s.Fields[c].Name, row[c], theirs[len(rows)][c])
				}
			}
			rows = append(rows, row)
		}
		return nil
	})
	if err != nil || len(rows) != len(theirs) {
		t.Fatalf("%d rows, parquet-go reads %d: %v", len(rows), len(theirs), err)
	}
	return rows
}

func sortedRows(rows [][]string) [][]string {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, slices.Compare)
	return rows
}

func file(t testing.TB, r *publish.SeriesResult, format string, year int) publish.SeriesFile {
	t.Helper()
	for _, f := range r.Files {
		if f.Format == format && f.Year == year {
			return f
		}
	}
	t.Fatalf("no %s of year %d among %d files", format, year, len(r.Files))
	return publish.SeriesFile{}
}

func randomMembers(r *rand.Rand, s *schemas.Schema, most int) (members []member) {
	id := 0
	for i := range 1 + r.IntN(5) {
		m := member{siren: fmt.Sprintf("%09d", 219900000+i), name: []string{"Saint-Aubin", `Le "Bourg", et l’Étang`, "Mairie;\nannexe", "X"}[r.IntN(4)] + strconv.Itoa(i), schema: s}
		for d := range 1 + r.IntN(3) {
			f := memberFile{name: []string{"", "2024.csv", "fichier, \"deux\".csv"}[(d+r.IntN(2))%3]}
			for range r.IntN(most) {
				id++
				f.rows = append(f.rows, seriesRow(r, s, strconv.Itoa(id)))
			}
			m.files = append(m.files, f)
		}
		members = append(members, m)
	}
	return members
}

func TestSeries_HoldsTheRowsOfAllMembersWithTheirOrigin(t *testing.T) {
	for seed := range uint64(25) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			s := seriesSchema()
			if seed%5 == 4 {
				s.Series = schemas.Series{}
			}
			if seed%3 == 2 {
				s.Delimiter = ';'
			}
			members := randomMembers(r, s, 60)
			p := newSeriesPlace(t)
			result := p.press(t, p.order(t, s, members))
			var want [][]string
			for i := range members {
				rows := members[i].want(len(s.Fields))
				want = append(want, rows...)
				if result.PartRows[i] != int64(len(rows)) {
					t.Errorf("part %d: %d rows, want %d", i, result.PartRows[i], len(rows))
				}
			}
			asCSV, asParquet := p.rows(t, result.Fields, file(t, result, "csv", 0)), p.rows(t, result.Fields, file(t, result, "parquet", 0))
			if diff := cmp.Diff(want, asCSV); diff != "" {
				t.Fatalf("csv: %s", diff)
			}
			if diff := cmp.Diff(sortedRows(want), sortedRows(asParquet)); diff != "" {
				t.Fatalf("parquet: %s", diff)
			}
			if result.Encoded != 0 && !hasBareDocuments(members) {
				t.Errorf("%d columns were encoded anew", result.Encoded)
			}
			checkSeriesYears(t, p, s, result, asCSV, asParquet)
			checkRanges(t, p, r, file(t, result, "csv", 0))
		})
	}
}

// hasBareDocuments tells whether a member has files without a name beside others that have one.
func hasBareDocuments(members []member) bool {
	return slices.ContainsFunc(members, func(m member) bool {
		return slices.ContainsFunc(m.files, func(f memberFile) bool { return f.name == "" && len(f.rows) > 0 })
	})
}

// checkSeriesYears compares the files of the years with the rows of the whole that are of that year.
func checkSeriesYears(t *testing.T, p *seriesPlace, s *schemas.Schema, result *publish.SeriesResult, asCSV, asParquet [][]string) {
	t.Helper()
	if s.Series.Year == "" {
		if len(result.Years) > 0 || len(result.Files) != 2 {
			t.Errorf("years %v of a schema without", result.Years)
		}
		return
	}
	of := func(rows [][]string, year int) (out [][]string) {
		for _, row := range rows {
			y := publish.NoYear
			if day := row[s.Field(s.Series.Year)]; day != "" {
				y, _ = strconv.Atoi(day[:4])
			}
			if y == year {
				out = append(out, row)
			}
		}
		return out
	}
	total := 0
	for _, year := range result.Years {
		rows := p.rows(t, result.Fields, file(t, result, "csv", year))
		if diff := cmp.Diff(of(asCSV, year), rows); diff != "" {
			t.Errorf("csv of %d: %s", year, diff)
		}
		if diff := cmp.Diff(of(asParquet, year), p.rows(t, result.Fields, file(t, result, "parquet", year))); diff != "" {
			t.Errorf("parquet of %d: %s", year, diff)
		}
		total += len(rows)
	}
	if total != len(asCSV) {
		t.Errorf("%d rows in years %v, %d in the whole", total, result.Years, len(asCSV))
	}
}

// checkRanges reads ranges of an assembled file in every way.
func checkRanges(t *testing.T, p *seriesPlace, r *rand.Rand, f publish.SeriesFile) {
	t.Helper()
	whole := p.read(t, f.Key)
	b, err := p.blobs.Open(t.Context(), f.Key)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for range 30 {
		from := r.IntN(len(whole))
		to := from + r.IntN(len(whole)-from+1)
		got := make([]byte, to-from)
		if n, err := b.ReadAt(got, int64(from)); n != len(got) || err != nil || !bytes.Equal(got, whole[from:to]) {
			t.Fatalf("bytes %d to %d at once: %d of them, %v, or others", from, to, n, err)
		}
		if at, err := b.Seek(int64(from), io.SeekStart); at != int64(from) || err != nil {
			t.Fatalf("seek %d: %d, %v", from, at, err)
		}
		if n, err := io.ReadFull(b, got); err != nil || !bytes.Equal(got, whole[from:to]) {
			t.Fatalf("bytes %d to %d in turn: %d of them, %v, or others", from, to, n, err)
		}
	}
	if n, err := b.ReadAt(make([]byte, 10), int64(len(whole))-4); n != 4 || !errors.Is(err, io.EOF) {
		t.Errorf("over the end: %d bytes, %v", n, err)
	}
}

func TestSeries_OfTheSamePartsHasTheSameKeys(t *testing.T) {
	p := newSeriesPlace(t)
	o := p.order(t, seriesSchema(), randomMembers(rand.New(rand.NewPCG(7, 7)), seriesSchema(), 50))
	first, second := p.press(t, o), p.press(t, o)
	if diff := cmp.Diff(first.Files, second.Files); diff != "" {
		t.Error(diff)
	}
}

func TestSeries_EncodesNothingOfPartsThatDidNotChange(t *testing.T) {
	s := seriesSchema()
	r := rand.New(rand.NewPCG(3, 3))
	p := newSeriesPlace(t)
	members := make([]member, 8)
	for i := range members {
		members[i] = member{siren: strconv.Itoa(219900000 + i), name: "Commune", schema: s, files: []memberFile{{name: "a.csv"}}}
		for j := range 40 {
			members[i].files[0].rows = append(members[i].files[0].rows, seriesRow(r, s, fmt.Sprintf("%d-%d", i, j)))
		}
	}
	o := p.order(t, s, members)
	p.press(t, o)
	members[3].files[0].rows = members[3].files[0].rows[:30]
	o.Parts[3] = members[3].part(t, p.blobs, p.dir, 100)
	result := p.press(t, o)
	// Seven columns of the schema, the document and the line of each part.
	if result.Encoded != 0 || result.Copied != 8*9 {
		t.Errorf("%d columns encoded, %d copied", result.Encoded, result.Copied)
	}
	if result.Rows != 7*40+30 {
		t.Errorf("%d rows", result.Rows)
	}
}

func TestSeries_NamesTheMemberWhoseFileIsGone(t *testing.T) {
	s := seriesSchema()
	for _, what := range []string{"csv", "parquet", "origins"} {
		p := newSeriesPlace(t)
		members := []member{
			{siren: "219900001", name: "Aubin", schema: s, files: []memberFile{{rows: [][]string{{"1", "", "", "", "", "", ""}}}}},
			{siren: "219900002", name: "Bourg", schema: s, files: []memberFile{{rows: [][]string{{"2", "", "", "", "", "", ""}, {"3", "", "", "", "", "", ""}}}}},
		}
		o := p.order(t, s, members)
		keys := map[string]string{"csv": o.Parts[1].CSV, "parquet": o.Parts[1].Parquet, "origins": o.Parts[1].Origins}
		if err := p.blobs.Delete(t.Context(), keys[what]); err != nil {
			t.Fatal(err)
		}
		_, err := publish.PressSeries(t.Context(), p.inner, o)
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "Bourg") || strings.Contains(err.Error(), "Aubin") {
			t.Errorf("without its %s: %v", what, err)
		}
		if left, err := os.ReadDir(p.dir); err != nil || len(left) > 0 {
			t.Errorf("left %v, %v", left, err)
		}
	}
}

func TestSeries_StopsWhenCancelled(t *testing.T) {
	p := newSeriesPlace(t)
	o := p.order(t, seriesSchema(), randomMembers(rand.New(rand.NewPCG(1, 2)), seriesSchema(), 50))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := publish.PressSeries(ctx, p.inner, o); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(p.dir); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}
