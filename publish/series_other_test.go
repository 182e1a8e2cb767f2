package publish_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"grenier/publish"
	"grenier/publish/publishtest"
	"grenier/schemas"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
)

func TestSeries_TakesPartsOfOtherVersionsOfTheSchema(t *testing.T) {
	now := seriesSchema()
	now.Series.Key = nil
	old := publishtest.Schema( // another order, another delimiter, a column more, two less, three of another type
		schemas.Field{Name: "montant", Type: schemas.String}, schemas.Field{Name: "id", Type: schemas.Integer}, schemas.Field{Name: "de trop", Type: schemas.String},
		schemas.Field{Name: "objet", Type: schemas.String}, schemas.Field{Name: "nombre", Type: schemas.Number}, schemas.Field{Name: "jour", Type: schemas.Date})
	old.Series, old.Delimiter = now.Series, ';'
	members := []member{
		{siren: "1", name: "Ancien", schema: old, files: []memberFile{{name: "a.csv", rows: [][]string{
			{"12.5", "7", "x", "d'un; trait\n\"fin\"", "3", "2024-05-01"}, {"douze", "8", "y", "", "3.5", "2023-01-01"}, {"", "9", "", "virgule, oui", "", ""},
		}}}},
		{siren: "2", name: "Nouveau", schema: now, files: []memberFile{{name: "b.csv", rows: [][]string{{"10", "objet", "2024-01-01", "1", "2", "true", "2026-11-23T10:30:00"}}}}},
	}
	p := newSeriesPlace(t)
	result := p.press(t, p.order(t, now, members))
	want := [][]string{
		{"7", "d'un; trait\n\"fin\"", "2024-05-01", "12.5", "3", "", "", "1", "Ancien", "a.csv", "2", "3", "2026-11-23"},
		{"8", "", "2023-01-01", "", "", "", "", "1", "Ancien", "a.csv", "5", "3", "2026-11-23"},
		{"9", "virgule, oui", "", "", "", "", "", "1", "Ancien", "a.csv", "8", "3", "2026-11-23"},
		{"10", "objet", "2024-01-01", "1", "2", "true", "2026-11-23T10:30:00", "2", "Nouveau", "b.csv", "2", "3", "2026-11-23"},
	}
	asCSV, asParquet := p.rows(t, result.Fields, file(t, result, "csv", 0)), p.rows(t, result.Fields, file(t, result, "parquet", 0))
	if diff := cmp.Diff(want, asCSV); diff != "" {
		t.Errorf("csv: %s", diff)
	}
	if diff := cmp.Diff(sortedRows(want), sortedRows(asParquet)); diff != "" {
		t.Errorf("parquet: %s", diff)
	}
	checkSeriesYears(t, p, now, result, asCSV, asParquet)
	if !slices.Equal(result.Extra, []int{1, 0}) || !slices.Equal(result.Cast, []int64{7, 0}) || !slices.Equal(result.Lost, []int64{2, 0}) {
		t.Errorf("extra %v, cast %v, lost %v", result.Extra, result.Cast, result.Lost)
	}
}

func TestSeries_TakesPartsWithoutOrigins(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	s := seriesSchema()
	plain := *s // pressed when schemas had no series yet: rows and pages in the order of arrival
	plain.Series = schemas.Series{}
	members := []member{{siren: "1", name: "Ancien", schema: &plain, files: []memberFile{{}}}, {siren: "2", name: "Nouveau", schema: s, files: []memberFile{{name: "b.csv"}}}}
	for i := range members {
		for j := range 50 {
			members[i].files[0].rows = append(members[i].files[0].rows, seriesRow(r, s, strconv.Itoa(j)))
		}
	}
	p := newSeriesPlace(t)
	o := p.order(t, s, members)
	o.Parts[0].Origins = ""
	o.Owners = func(a, b int) int { return b }
	for i := range 20 { // else nothing of the first stays
		members[0].files[0].rows[i][0] = "seul " + strconv.Itoa(i)
	}
	o.Parts[0].CSV, o.Parts[0].Parquet = func() (string, string) { q := members[0].part(t, p.blobs, p.dir, 100); return q.CSV, q.Parquet }()
	sorted := o
	sorted.Parts = slices.Clone(o.Parts)
	sorted.Parts[1].Origins = ""
	if _, err := publish.PressSeries(t.Context(), p.inner, sorted); err == nil || !strings.Contains(err.Error(), "Nouveau") {
		t.Errorf("a sorted part without origins: %v", err)
	}
	result := p.press(t, o)
	var want [][]string
	for _, row := range members[0].want(len(s.Fields))[:20] {
		row[slices.Index(columnNames(result.Fields), "ligne_source")] = ""
		want = append(want, row)
	}
	want = append(want, members[1].want(len(s.Fields))...)
	asCSV, asParquet := p.rows(t, result.Fields, file(t, result, "csv", 0)), p.rows(t, result.Fields, file(t, result, "parquet", 0))
	if diff := cmp.Diff(want, asCSV); diff != "" {
		t.Errorf("csv: %s", diff)
	}
	if diff := cmp.Diff(sortedRows(want), sortedRows(asParquet)); diff != "" {
		t.Errorf("parquet: %s", diff)
	}
	checkSeriesYears(t, p, s, result, asCSV, asParquet)
	if result.ConflictCount != 30 || result.Left[0] != 30 {
		t.Errorf("%d conflicts, %d left out", result.ConflictCount, result.Left[0])
	}
}

func TestSeries_TakesPartsOfManyRowGroups(t *testing.T) {
	s := publishtest.Schema(schemas.Field{Name: "id", Type: schemas.Integer}, schemas.Field{Name: "jour", Type: schemas.Date})
	s.Series = schemas.Series{Year: "jour", Key: []string{"id"}}
	r := rand.New(rand.NewPCG(9, 9))
	members := []member{{siren: "1", name: "Grande", schema: s, files: []memberFile{{name: "a.csv"}}}, {siren: "2", name: "Petite", schema: s, files: []memberFile{{name: "b.csv"}}}}
	for i := range 125_000 {
		members[0].files[0].rows = append(members[0].files[0].rows, []string{strconv.Itoa(i), fmt.Sprintf("%d-0%d-11", 2019+r.IntN(4), 1+r.IntN(9))})
	}
	for _, i := range []int{0, 50_000, 122_879} {
		members[1].files[0].rows = append(members[1].files[0].rows, []string{strconv.Itoa(i), "2020-01-01"})
	}
	p := newSeriesPlace(t)
	o := p.order(t, s, members)
	o.Owners = func(int, int) int { return 1 }
	result := p.press(t, o)
	want, _ := settled(members, s, o.Owners)
	asCSV, asParquet := p.rows(t, result.Fields, file(t, result, "csv", 0)), p.rows(t, result.Fields, file(t, result, "parquet", 0))
	if !slices.EqualFunc(want, asCSV, slices.Equal[[]string]) {
		t.Errorf("csv has other rows: %d, want %d", len(asCSV), len(want))
	}
	if !slices.EqualFunc(sortedRows(want), sortedRows(asParquet), slices.Equal[[]string]) {
		t.Errorf("parquet has other rows: %d, want %d", len(asParquet), len(want))
	}
	for _, year := range result.Years {
		if a, b := file(t, result, "csv", year).Rows, file(t, result, "parquet", year).Rows; a != b || a < 30_000 {
			t.Errorf("year %d has %d and %d rows", year, a, b)
		}
	}
	if rows := p.rows(t, result.Fields, file(t, result, "parquet", 2020)); !slices.EqualFunc(sortedRows(rows), sortedRows(p.rows(t, result.Fields, file(t, result, "csv", 2020))), slices.Equal[[]string]) {
		t.Error("the files of 2020 have other rows")
	}
	checkRanges(t, p, r, file(t, result, "csv", 2020))
	checkMemory(t, p, file(t, result, "csv", 0))
	// The first of two groups loses rows: its two columns, its document and its line are encoded, once for all files.
	if result.Encoded != 4 {
		t.Errorf("%d columns encoded", result.Encoded)
	}
}

// checkMemory looks at what reading an assembled file holds in its middle.
func checkMemory(t *testing.T, p *seriesPlace, f publish.SeriesFile) {
	t.Helper()
	var before, within runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	b, err := p.blobs.Open(t.Context(), f.Key)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := io.CopyN(io.Discard, b, f.Bytes/2); err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&within)
	if held := int64(within.HeapAlloc) - int64(before.HeapAlloc); held > 30<<20 {
		t.Errorf("reading %d bytes holds %d", f.Bytes, held)
	}
	runtime.KeepAlive(b)
}

// sourceFile writes records as a member would, and tells on which line each begins.
func sourceFile(t *testing.T, rows [][]string) (text string, lines []int64) {
	t.Helper()
	var b strings.Builder
	b.WriteString("id;objet;jour;montant;nombre;actif;vu\n")
	line := int64(2)
	for _, row := range rows {
		var one bytes.Buffer
		w := csv.NewWriter(&one)
		w.Comma = ';'
		if err := w.Write(row); err != nil {
			t.Fatal(err)
		}
		w.Flush()
		lines = append(lines, line)
		line += int64(bytes.Count(one.Bytes(), []byte{'\n'}))
		b.Write(one.Bytes())
	}
	return b.String(), lines
}

func TestSeries_LeadsFromRowsToTheLinesOfTheirFiles(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	s := seriesSchema()
	p := newSeriesPlace(t)
	o := publish.SeriesOrder{Schema: s, Dir: p.dir}
	sources := map[[3]string]string{}
	for i := range 6 {
		m := member{siren: strconv.Itoa(219900000 + i), name: fmt.Sprintf("Commune %d", i), schema: s}
		for d := range 2 {
			f := memberFile{name: fmt.Sprintf("dépôt %d.csv", d)}
			for j := range 60 {
				f.rows = append(f.rows, seriesRow(r, s, fmt.Sprintf("%d-%d-%d", i, d, j)))
			}
			sources[[3]string{m.siren, m.name, f.name}], f.lines = sourceFile(t, f.rows)
			m.files = append(m.files, f)
		}
		o.Parts = append(o.Parts, m.part(t, p.blobs, p.dir, 25))
	}
	result := p.press(t, o)
	for _, format := range []string{"csv", "parquet"} {
		rows := p.rows(t, result.Fields, file(t, result, format, 0))
		for range 100 {
			row := rows[r.IntN(len(rows))]
			text, ok := sources[[3]string(row[7:10])]
			line, err := strconv.Atoi(row[10])
			if !ok || err != nil {
				t.Fatalf("%s: row %q leads nowhere", format, row)
			}
			c := csv.NewReader(strings.NewReader(strings.Join(strings.SplitAfter(text, "\n")[line-1:], "")))
			c.Comma = ';'
			if got, err := c.Read(); err != nil || !slices.Equal(got, row[:7]) {
				t.Errorf("%s: line %d of %q says %q, %v, the series %q", format, line, row[9], got, err, row[:7])
			}
		}
	}
}

func TestSeries_DuckDBReadsTheSameRowsFromBothFiles(t *testing.T) {
	readers := os.Getenv("GRENIER_TEST_READERS")
	if readers == "" {
		t.Skip("GRENIER_TEST_READERS is not set: DuckDB does not read the series (.ci/test installs it)")
	}
	r := rand.New(rand.NewPCG(6, 6))
	s := seriesSchema()
	p := newSeriesPlace(t)
	o := p.order(t, s, keyedMembers(r, s))
	o.Owners = func(a, b int) int { return b }
	result := p.press(t, o)
	for _, year := range []int{0, 2024} {
		dir := t.TempDir()
		for _, f := range []string{"csv", "parquet"} {
			if err := os.WriteFile(filepath.Join(dir, "serie."+f), p.read(t, file(t, result, f, year).Key), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		c := exec.CommandContext(ctx, "node", "same.mjs", filepath.Join(dir, "serie.csv"), filepath.Join(dir, "serie.parquet"))
		c.Dir = readers
		out, err := c.CombinedOutput()
		cancel()
		var got struct {
			Rows, Differences int
			Columns           []string
		}
		if err != nil || json.Unmarshal(out, &got) != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if int64(got.Rows) != file(t, result, "csv", year).Rows || got.Differences != 0 {
			t.Errorf("year %d: %d rows, %d differ", year, got.Rows, got.Differences)
		}
		want := []string{"id VARCHAR", "objet VARCHAR", "jour DATE", "montant DOUBLE", "nombre BIGINT", "actif BOOLEAN", "vu TIMESTAMP",
			"membre_siren VARCHAR", "membre_nom VARCHAR", "fichier_source VARCHAR", "ligne_source BIGINT", "version BIGINT", "moissonne_le DATE"}
		if diff := cmp.Diff(want, got.Columns); diff != "" {
			t.Errorf("columns: %s", diff)
		}
	}
}

func TestSeriesFields_GivesWayToColumnsOfTheSchema(t *testing.T) {
	s := publishtest.Schema(schemas.Field{Name: "version", Type: schemas.String}, schemas.Field{Name: "membre_nom", Type: schemas.String}, schemas.Field{Name: "grenier_membre_nom", Type: schemas.String})
	s.PrimaryKey = []string{"version"}
	got := publish.SeriesFields(s)
	want := []string{"version", "membre_nom", "grenier_membre_nom", "membre_siren", "grenier_grenier_membre_nom", "fichier_source", "ligne_source", "grenier_version", "moissonne_le"}
	if diff := cmp.Diff(want, columnNames(got)); diff != "" {
		t.Error(diff)
	}
	if len(s.Fields) != 3 || len(s.PrimaryKey) != 1 || got.PrimaryKey != nil {
		t.Errorf("the schema itself has %d columns", len(s.Fields))
	}
}

func TestSeries_OfEmptyTablesIsEmpty(t *testing.T) {
	s := seriesSchema()
	p := newSeriesPlace(t)
	o := p.order(t, s, []member{{siren: "1", name: "Vide", schema: s}, {siren: "2", name: "Vide aussi", schema: s}})
	result := p.press(t, o)
	if result.Rows != 0 || len(result.Files) != 2 {
		t.Errorf("%d rows in %d files", result.Rows, len(result.Files))
	}
	for _, f := range result.Files {
		if rows := p.rows(t, result.Fields, f); len(rows) != 0 {
			t.Errorf("%s: %q", f.Format, rows)
		}
	}
}

func TestSeries_HasNoFileNameWhereNoneIsKnown(t *testing.T) {
	s := seriesSchema()
	p := newSeriesPlace(t)
	row := func(id string) [][]string { return [][]string{{id, "", "2024-01-01", "", "", "", ""}} }
	for _, files := range [][]memberFile{{{rows: row("1")}}, {{rows: row("1")}, {name: "b.csv", rows: row("2")}}} {
		o := p.order(t, s, []member{{siren: "1", name: "Commune", schema: s, files: files}})
		o.Parts[0].Source = ""
		result := p.press(t, o)
		data := p.read(t, file(t, result, "parquet", 0).Key)
		_, rows, err := readParquet(data, result.Fields)
		if err != nil || len(rows) != len(files) {
			t.Fatalf("%q, %v", rows, err)
		}
		want := []string{publishtest.Null, "b.csv"}[:len(files)]
		for i := range rows {
			if rows[i][9] != want[i] {
				t.Errorf("row %d is of %q, want %q", i, rows[i][9], want[i])
			}
		}
	}
}

func TestSeries_PutsUnlikelyYearsWithThoseThatHaveNone(t *testing.T) {
	s := seriesSchema()
	p := newSeriesPlace(t)
	f := memberFile{name: "a.csv"}
	for i, day := range []string{"2024-01-01", "0202-03-01", "", "2023-05-01", "9999-12-31"} {
		f.rows = append(f.rows, []string{strconv.Itoa(i), "", day, "", "", "", ""})
	}
	result := p.press(t, p.order(t, s, []member{{siren: "1", name: "Étourdie", schema: s, files: []memberFile{f}}}))
	if !slices.Equal(result.Years, []int{2023, 2024, publish.NoYear}) {
		t.Fatalf("years %v", result.Years)
	}
	for _, format := range []string{"csv", "parquet"} {
		rows := p.rows(t, result.Fields, file(t, result, format, publish.NoYear))
		if len(rows) != 3 {
			t.Errorf("%s: %q", format, rows)
		}
	}
}

func TestSeries_KeepsTheBloomFiltersOfItsParts(t *testing.T) {
	s := seriesSchema()
	p := newSeriesPlace(t)
	var members []member
	for i := range 3 {
		f := memberFile{name: "a.csv"}
		for j := range 6000 {
			f.rows = append(f.rows, []string{fmt.Sprintf("délibération %d-%d", i, j), "", "2024-01-01", "", "", "", ""})
		}
		members = append(members, member{siren: strconv.Itoa(i), name: "Commune", schema: s, files: []memberFile{f}})
	}
	o := p.order(t, s, members)
	of := func(key string) (filters []parquet.BloomFilter) {
		f, err := openParquet(p.read(t, key))
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range f.RowGroups() {
			if b := g.ColumnChunks()[0].BloomFilter(); b != nil && b.Size() > 0 {
				filters = append(filters, b)
			}
		}
		return filters
	}
	if len(of(o.Parts[0].Parquet)) != 1 {
		t.Fatal("the part has no filter")
	}
	filters := of(file(t, p.press(t, o), "parquet", 0).Key)
	if len(filters) != 3 {
		t.Fatalf("%d filters", len(filters))
	}
	for i, b := range filters {
		for j := range 6000 {
			if there, err := b.Check(parquet.ValueOf(fmt.Sprintf("délibération %d-%d", i, j))); err != nil || !there {
				t.Fatalf("filter %d does not know row %d: %v", i, j, err)
			}
		}
		if there, err := b.Check(parquet.ValueOf("nulle part")); err != nil || there {
			t.Errorf("filter %d: %v, %v", i, there, err)
		}
	}
}
