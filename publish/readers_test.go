package publish_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"grenier/publish"
	"grenier/publish/publishtest"
	"grenier/schemas"

	"github.com/google/go-cmp/cmp"
)

// benches is a table with what other programs trip over: identifiers, a formula, a comma, dates, places.
func benches() (*schemas.Schema, [][]string) {
	s := publishtest.Schema(
		schemas.Field{Name: "siret", Type: schemas.String}, schemas.Field{Name: "code", Type: schemas.String}, schemas.Field{Name: "objet", Type: schemas.String},
		schemas.Field{Name: "nombre", Type: schemas.Integer}, schemas.Field{Name: "montant", Type: schemas.Number}, schemas.Field{Name: "abri", Type: schemas.Boolean},
		schemas.Field{Name: "pose", Type: schemas.Date}, schemas.Field{Name: "vu", Type: schemas.Datetime},
		schemas.Field{Name: "longitude", Type: schemas.Number}, schemas.Field{Name: "latitude", Type: schemas.Number})
	rows := [][]string{
		{"21990004000014", "06800", "Banc, « Le Chêne »", "12", "1234.5", "true", "2026-11-23", "2026-11-23T10:30:00", "2.5", "48.75"},
		{"00000000000001", "0001", "=SOMME(A1:A9)", "-3", "0.1", "false", "1900-03-01", "2026-02-28T23:59:59", "5.3721", "45.9612"},
		{"", "3-4", "deux\nlignes; et \"guillemets\"", "", "", "", "", "", "", ""},
		{"12345678901234", "1E5", "l’été", "123456789012345", "-12.25", "true", "2024-02-29", "1999-12-31T00:00:00", "-61.5", "16.25"},
	}
	for i := range 5000 {
		rows = append(rows, []string{fmt.Sprintf("%014d", i), fmt.Sprintf("%05d", i%97), "Banc n° " + strconv.Itoa(i), strconv.Itoa(i), strconv.FormatFloat(float64(i)/8, 'f', -1, 64),
			strconv.FormatBool(i%2 == 0), time.Date(2020, 1, 1+i%900, 0, 0, 0, 0, time.UTC).Format(time.DateOnly), "2026-01-01T12:00:00", strconv.FormatFloat(2+float64(i)/10_000, 'f', -1, 64), "46.5"})
	}
	return s, rows
}

// pressAll writes a table in every format to files called bancs.
func pressAll(t *testing.T, s *schemas.Schema, rows [][]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, f := range publish.FormatsFor(s) {
		if err := os.WriteFile(filepath.Join(dir, "bancs"+f.Ext), []byte(writtenIn(t, f.Name, s, rows)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestReaders_DuckDBAndHyparquetReadTheSameRowsInEveryFormat(t *testing.T) {
	readers := os.Getenv("GRENIER_TEST_READERS")
	if readers == "" {
		t.Skip("GRENIER_TEST_READERS is not set: DuckDB and hyparquet do not read the files (.ci/test installs them)")
	}
	s, rows := benches()
	dir := pressAll(t, s, rows)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "node", "formats.mjs", dir, "bancs")
	c.Dir = readers
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var got struct {
		Rows        int
		Types       map[string]string
		Differences map[string]int
		Geometries  []json.RawMessage
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got.Rows != len(rows) || got.Types["siret"] != "VARCHAR" || got.Types["nombre"] != "BIGINT" || got.Types["montant"] != "DOUBLE" || got.Types["abri"] != "BOOLEAN" ||
		got.Types["pose"] != "DATE" || got.Types["vu"] != "TIMESTAMP" {
		t.Errorf("%d rows of %v", got.Rows, got.Types)
	}
	if diff := cmp.Diff(map[string]int{"csv": 0, "csv-excel": 0, "ndjson": 0, "geojson": 0, "geoparquet": 0, "points": 0}, got.Differences); diff != "" {
		t.Errorf("rows that differ: %s", diff)
	}
	if want := `[{"type":"Point","coordinates":[2.5,48.75]} {"type":"Point","coordinates":[5.3721,45.9612]} null {"type":"Point","coordinates":[-61.5,16.25]}`; !strings.HasPrefix(fmt.Sprintf("%s", got.Geometries), want) {
		t.Errorf("hyparquet reads %s", got.Geometries)
	}
}

// A spreadsheet is asked what it shows of the two files made for it: the cells as French people see them.
func TestReaders_LibreOfficeShowsTheSameRows(t *testing.T) {
	office, err := exec.LookPath("soffice")
	if err != nil || os.Getenv("GRENIER_TEST_READERS") == "" {
		t.Skip("soffice is not installed, or GRENIER_TEST_READERS is not set: LibreOffice does not read the files")
	}
	s, rows := benches()
	rows = rows[:200]
	dir := pressAll(t, s, rows)
	for file, infilter := range map[string]string{"bancs.xlsx": "", "bancs.excel.csv": "CSV:59,34,UTF8,1,,1036"} {
		t.Run(file, func(t *testing.T) {
			out := t.TempDir()
			// The 44,34,76 is CSV with commas, quotes and UTF-8; "true" at the eighth place is "as shown"; -1 writes every sheet.
			args := []string{"-env:UserInstallation=file://" + t.TempDir(), "--headless", "--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76,1,,1036,false,true,false,false,false,1", "--outdir", out, filepath.Join(dir, file)}
			if infilter != "" {
				args = append([]string{"--infilter=" + infilter}, args...)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			if log, err := exec.CommandContext(ctx, office, args...).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, log)
			}
			names, err := filepath.Glob(filepath.Join(out, "*.csv"))
			if err != nil || len(names) != 1 {
				t.Fatalf("%q, %v", names, err)
			}
			shown, err := os.ReadFile(names[0])
			if err != nil {
				t.Fatal(err)
			}
			got, err := csv.NewReader(bytes.NewReader(shown)).ReadAll()
			if err != nil || len(got) != len(rows)+1 {
				t.Fatalf("%d lines, %v", len(got), err)
			}
			for r, want := range rows {
				for c := range want {
					if f := &s.Fields[c]; !slices.Contains(seen(f.Type, want[c], infilter != ""), got[r+1][c]) {
						t.Errorf("row %d, column %s: shows %q of %q", r, f.Name, got[r+1][c], want[c])
					}
				}
			}
		})
	}
}

// seen is what a spreadsheet may show of a cell, of the workbook or of the CSV. Only the CSV is told that it is French.
func seen(typ schemas.Type, text string, fromCSV bool) []string {
	if text == "" {
		return []string{""}
	}
	switch typ {
	case schemas.String:
		if fromCSV && publish.LooksLikeFormula([]byte(text)) {
			return []string{"'" + text}
		}
	case schemas.Number:
		return []string{text, strings.Replace(text, ".", ",", 1)}
	case schemas.Boolean:
		return []string{text, strings.ToUpper(text)}
	case schemas.Date:
		if d, err := time.Parse(time.DateOnly, text); err == nil && !fromCSV {
			return []string{d.Format("02/01/2006")}
		}
	case schemas.Datetime:
		if d, err := time.Parse("2006-01-02T15:04:05", text); err == nil && !fromCSV {
			return []string{d.Format("02/01/2006 15:04:05")}
		}
	}
	return []string{text}
}
