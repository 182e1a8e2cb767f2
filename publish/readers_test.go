package publish_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"math"
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

// benches is a table with what other programs trip over: identifiers, telephones, formulas, quotes, line breaks, accents, dates, places in degrees
// and in Lambert-93, cells without value. Its first column tells the rows apart; it has years and a key, so that Parquet files put it in order.
func benches() (*schemas.Schema, [][]string) {
	s := publishtest.Schema(
		schemas.Field{Name: "rang", Type: schemas.Integer}, schemas.Field{Name: "siret", Type: schemas.String}, schemas.Field{Name: "code", Type: schemas.String},
		schemas.Field{Name: "téléphone", Type: schemas.String}, schemas.Field{Name: "objet", Type: schemas.String}, schemas.Field{Name: "nombre", Type: schemas.Integer},
		schemas.Field{Name: "montant", Type: schemas.Number}, schemas.Field{Name: "abri", Type: schemas.Boolean}, schemas.Field{Name: "pose", Type: schemas.Date},
		schemas.Field{Name: "vu", Type: schemas.Datetime}, schemas.Field{Name: "longitude", Type: schemas.Number}, schemas.Field{Name: "latitude", Type: schemas.Number},
		schemas.Field{Name: "x", Type: schemas.Number}, schemas.Field{Name: "y", Type: schemas.Number})
	s.Series = schemas.Series{Year: "pose", Key: []string{"siret"}}
	cells := [][]string{
		{"21990004000014", "06800", "+33 1 23 45 67 89", "Banc, « Le Chêne »", "12", "1234.5", "true", "2026-11-23", "2026-11-23T10:30:00", "2.5", "48.75", "", ""},
		{"00000000000001", "0001", "+33123456789", "=1+1", "-3", "0.1", "false", "1900-03-01", "2026-02-28T23:59:59", "", "", "700000", "6600000"},
		{"", "3-4", "", "deux\nlignes; et \"guillemets\"", "", "", "", "", "", "", "", "", ""},
		{"12345678901234", "1E5", "01 23 45 67 89", "l’été à Sainte-Élière, œuvre n° 7", "123456789012345", "-12.25", "true", "2024-02-29", "1999-12-31T00:00:00", "-61.5", "16.25", "", ""},
		{"98765432109876", "00042", "0123456789", "=SOMME(A1:A9)", "0", "-0.07", "false", "2023-12-31", "2024-01-01T00:00:01", "", "", "652381.2", "6862047.1"},
		{"00000000000002", "2A004", "(0)1 23", "@SOMME(A1)", "-999999999999999", "123456789.01", "true", "2024-01-01", "2024-06-30T12:00:00", "0", "0.5", "", ""},
		{"00000000000003", "TRUE", "+1", "-A1+B2", "7", "0.3333333333333333", "false", "2020-06-30", "2020-06-30T00:00:00", "", "", "1042345.75", "6298765.25"},
		{"00000000000004", "mars-26", "-12", "'quoi;\"", "1", "1e-7", "true", "2026-01-01", "", "7.2", "43.7", "", ""},
		{"00000000000005", "12,5", "12:30", "a\tb  c ", "2", "12345678901.25", "", "2026-12-31", "2026-12-31T23:00:00", "", "", "", ""},
	}
	for i := range 2000 {
		cells = append(cells, []string{fmt.Sprintf("%014d", 7919*i%100_000), fmt.Sprintf("%05d", i%97), fmt.Sprintf("+33 1 00 00 %02d %02d", i/100%100, i%100), "Banc n° " + strconv.Itoa(i), strconv.Itoa(i),
			strconv.FormatFloat(float64(i)/8-50, 'f', -1, 64), strconv.FormatBool(i%2 == 0), time.Date(2020, 1, 1+i%900, 0, 0, 0, 0, time.UTC).Format(time.DateOnly), "2026-01-01T12:00:00",
			strconv.FormatFloat(2+float64(i)/10_000, 'f', -1, 64), "46.5", "", ""})
	}
	for i := range cells {
		cells[i] = append([]string{strconv.Itoa(i + 1)}, cells[i]...)
	}
	return s, cells
}

// benchPlaces are the places of the rows that are given in Lambert-93, by the first column, as PROJ has them.
var benchPlaces = map[string][2]float64{"2": {3, 46.5}, "5": {2.351001791, 48.856699996}, "7": {7.248391864, 43.705012131}}

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

// Every format, read by every program that reads it, has the same rows: cell by cell, with the types that the program finds.
func TestReaders_EachProgramReadsTheSameRowsInEachFormat(t *testing.T) {
	s, rows := benches()
	dir := pressAll(t, s, rows)
	duck := types{"VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP", "GEOMETRY('OGC:CRS84')"}
	duckJSON := types{"VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP", "VARCHAR"}
	arrow := types{"string", "int64", "double", "bool", "date32[day]", "timestamp[us]", "binary"}
	arrowJSON := types{"string", "int64", "double", "bool", "string", "timestamp[us]", ""}
	hyparquet := types{"string", "bigint", "number", "boolean", "Date", "Date", "object"}
	for _, c := range []struct {
		format string
		reader reader
		types  types
	}{
		{"csv", duckDB, duck},
		{"csv", pyarrow, arrow},
		{"csv-excel", duckDB, duck},
		{"csv-excel", pyarrow, arrow},
		{"csv-excel", libreOffice, types{"string", "float", "float", "string", "date", "date", ""}},
		{"xlsx", libreOffice, types{"string", "float", "float", "float", "date", "date", ""}}, // truths are numbers that show as VRAI
		{"parquet", duckDB, duck},
		{"parquet", pyarrow, arrow},
		{"parquet", hyparquetReader, hyparquet},
		{"geoparquet", duckDB, duck},
		{"geoparquet", pyarrow, arrow},
		{"geoparquet", hyparquetReader, hyparquet},
		{"geojson", duckDB, duckJSON},
		{"ndjson", duckDB, duckJSON},
		{"ndjson", pyarrow, arrowJSON},
	} {
		t.Run(c.format+" by "+c.reader.name, func(t *testing.T) {
			program := os.Getenv(c.reader.variable)
			if program == "" {
				t.Skipf("%s is not set: %s does not read the files (.ci/test sets it up)", c.reader.variable, c.reader.name)
			}
			f := formatNamed(t, c.format)
			got := c.reader.read(t, program, f, filepath.Join(dir, "bancs"+f.Ext), s)
			got.check(t, f, s, rows, c.types)
		})
	}
}

// A reader is another program.
type reader struct {
	name     string
	variable string // of the environment: where the program is
	read     func(t *testing.T, program string, f publish.Format, file string, s *schemas.Schema) reading
}

var (
	duckDB          = reader{"DuckDB", "GRENIER_TEST_READERS", readByScript("duckdb")}
	hyparquetReader = reader{"hyparquet", "GRENIER_TEST_READERS", readByScript("hyparquet")}
	pyarrow         = reader{"pyarrow", "GRENIER_TEST_PYARROW", readByScript("")}
	libreOffice     = reader{"LibreOffice", "GRENIER_TEST_LIBREOFFICE", readByOffice}
)

// A reading is what a program found in a file: columns in the order of the schema and, in formats of maps, the place behind them.
type reading struct {
	Types map[string]string
	Rows  [][]*string // nil: no value
}

// types are the names that a program has for types.
type types struct{ text, integer, number, truth, day, moment, geometry string }

func (n types) of(t schemas.Type) string {
	switch t {
	case schemas.Integer:
		return n.integer
	case schemas.Number:
		return n.number
	case schemas.Boolean:
		return n.truth
	case schemas.Date:
		return n.day
	case schemas.Datetime:
		return n.moment
	}
	return n.text
}

// check compares with the rows that were written. They may come in another order; the first column tells them apart.
func (got reading) check(t *testing.T, f publish.Format, s *schemas.Schema, rows [][]string, names types) {
	t.Helper()
	maps := strings.HasPrefix(f.Name, "geo")
	want, width := map[string]string{}, len(s.Fields)
	for i := range s.Fields {
		want[s.Fields[i].Name] = names.of(s.Fields[i].Type)
	}
	if maps {
		want["geometry"] = names.geometry
		width++
	}
	if diff := cmp.Diff(want, got.Types); diff != "" {
		t.Errorf("types: %s", diff)
	}
	byRank := map[string][]*string{}
	for _, r := range got.Rows {
		if len(r) != width || r[0] == nil || byRank[*r[0]] != nil {
			t.Fatalf("a row of %d cells instead of %d, without its number or with that of another", len(r), width)
		}
		byRank[*r[0]] = r
	}
	if len(got.Rows) != len(rows) {
		t.Fatalf("%d rows, want %d", len(got.Rows), len(rows))
	}
	wrong := 0
	for _, row := range rows {
		cells := byRank[row[0]]
		if cells == nil {
			t.Fatalf("row %s is not there", row[0])
		}
		for c := range s.Fields {
			if !sameCell(f, s.Fields[c].Type, row[c], cells[c]) {
				wrong++
				t.Errorf("row %s, column %s: %s instead of %q", row[0], s.Fields[c].Name, shown(cells[c]), row[c])
			}
		}
		if maps && !samePlace(s, row, cells[width-1]) {
			wrong++
			t.Errorf("row %s: the place %s of %q", row[0], shown(cells[width-1]), row)
		}
		if wrong > 20 {
			t.Fatal("and so on")
		}
	}
}

func shown(cell *string) string {
	if cell == nil {
		return "nothing"
	}
	return strconv.Quote(*cell)
}

// sameCell tells whether a cell is what was written, whatever a program's way to write numbers.
func sameCell(f publish.Format, typ schemas.Type, want string, got *string) bool {
	if got == nil || want == "" {
		return got == nil && want == ""
	}
	switch typ {
	case schemas.Number:
		a, err := strconv.ParseFloat(want, 64)
		b, gotErr := strconv.ParseFloat(*got, 64)
		if f.Name == "xlsx" || f.Name == "csv-excel" { // spreadsheets keep 15 digits
			return err == nil && gotErr == nil && math.Abs(a-b) <= 1e-14*math.Abs(a)
		}
		return err == nil && gotErr == nil && a == b
	case schemas.String:
		if f.Name == "csv-excel" {
			return undressed(*got) == want
		}
	}
	return *got == want
}

// samePlace compares a place with the columns that say it.
func samePlace(s *schemas.Schema, row []string, got *string) bool {
	want, metres := benchPlaces[row[0]]
	if lon, lat := row[s.Field("longitude")], row[s.Field("latitude")]; lon != "" {
		want[0], _ = strconv.ParseFloat(lon, 64)
		want[1], _ = strconv.ParseFloat(lat, 64)
	} else if !metres {
		return got == nil
	}
	var lon, lat float64
	if got == nil {
		return false
	}
	if _, err := fmt.Sscanf(*got, "POINT (%g %g)", &lon, &lat); err != nil {
		return false
	}
	if metres {
		return math.Abs(lon-want[0]) < 6e-8 && math.Abs(lat-want[1]) < 6e-8 // seven decimals are kept: a centimetre
	}
	return lon == want[0] && lat == want[1]
}

// readByScript runs read.mjs, or read.py where which is "".
func readByScript(which string) func(*testing.T, string, publish.Format, string, *schemas.Schema) reading {
	return func(t *testing.T, program string, f publish.Format, file string, s *schemas.Schema) (got reading) {
		t.Helper()
		var columns []map[string]string
		for i := range s.Fields {
			columns = append(columns, map[string]string{"name": s.Fields[i].Name, "type": string(s.Fields[i].Type)})
		}
		list, err := json.Marshal(columns)
		if err != nil {
			t.Fatal(err)
		}
		args := []string{"node", filepath.Join(program, "read.mjs"), which, f.Name, file, string(list)}
		if which == "" {
			args = []string{program, filepath.Join("..", ".ci", "readers", "read.py"), f.Name, file, string(list)}
		}
		out := outputOf(t, args...)
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("%v\n%.2000s", err, out)
		}
		return got
	}
}

func outputOf(t *testing.T, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, args[0], args[1:]...)
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	if err := c.Run(); err != nil {
		t.Fatalf("%v\n%s", err, said.Bytes())
	}
	return out.Bytes()
}

// readByOffice has LibreOffice open a file as a French double click does, dates and numbers guessed, and say what each cell became.
func readByOffice(t *testing.T, program string, f publish.Format, file string, s *schemas.Schema) reading {
	t.Helper()
	out := t.TempDir()
	args := []string{program, "-env:UserInstallation=file://" + t.TempDir(), "--headless"}
	if f.Name == "csv-excel" { // semicolon, quotes, UTF-8, from line 1, French, quoted cells guessed as well, special numbers found
		args = append(args, "--infilter=CSV:59,34,UTF8,1,,1036,false,true")
	}
	outputOf(t, append(args, "--convert-to", "fods", "--outdir", out, file)...)
	names, err := filepath.Glob(filepath.Join(out, "*.fods"))
	if err != nil || len(names) != 1 {
		t.Fatalf("%q, %v", names, err)
	}
	book, err := os.Open(names[0])
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	return readBook(t, book, s)
}

// readBook reads the first sheet of a flat OpenDocument file. A column has the type of its cells, and none is a formula but the two ways to
// write a value: ="06800" and =TRUE().
func readBook(t *testing.T, book io.Reader, s *schemas.Schema) reading {
	t.Helper()
	got := reading{Types: map[string]string{}}
	for r, cells := range sheetRows(t, book, len(s.Fields)) {
		if r == 0 {
			for i, c := range cells {
				if c.text() != s.Fields[i].Name {
					t.Errorf("column %d is called %q", i, c.text())
				}
			}
			continue
		}
		row := make([]*string, len(cells))
		for i, c := range cells {
			if c.Type == "" {
				continue
			}
			f := &s.Fields[i]
			value := c.value(f.Type)
			row[i] = &value
			if before, known := got.Types[f.Name]; known && before != c.Type {
				t.Errorf("row %d, column %s: a %s among cells that are %s: %q", r, f.Name, c.Type, before, value)
			}
			got.Types[f.Name] = c.Type
			literal := `of:="` + strings.ReplaceAll(value, `"`, `""`) + `"`
			if c.Formula != "" && c.Formula != literal && (f.Type != schemas.Boolean || !slices.Contains([]string{"of:=TRUE()", "of:=FALSE()"}, c.Formula)) {
				t.Errorf("row %d, column %s is the formula %s", r, f.Name, c.Formula)
			}
		}
		got.Rows = append(got.Rows, row)
	}
	return got
}

// A bookCell is a cell of a flat OpenDocument file.
type bookCell struct {
	Type     string     `xml:"value-type,attr"`
	Number   string     `xml:"value,attr"`
	Moment   string     `xml:"date-value,attr"`
	Formula  string     `xml:"formula,attr"`
	Repeated int        `xml:"number-columns-repeated,attr"`
	Lines    []bookLine `xml:"p"`
}

// A bookLine is one line of a cell's text.
type bookLine string

// UnmarshalXML puts back the spaces that OpenDocument writes as elements.
func (l *bookLine) UnmarshalXML(d *xml.Decoder, _ xml.StartElement) error {
	for depth := 1; depth > 0; {
		token, err := d.Token()
		if err != nil {
			return err
		}
		switch e := token.(type) {
		case xml.CharData:
			*l += bookLine(e)
		case xml.EndElement:
			depth--
		case xml.StartElement:
			depth++
			switch e.Name.Local {
			case "tab":
				*l += "\t"
			case "s":
				n := 1
				for _, a := range e.Attr {
					if a.Name.Local == "c" {
						n, _ = strconv.Atoi(a.Value)
					}
				}
				*l += bookLine(strings.Repeat(" ", n))
			}
		}
	}
	return nil
}

func (c *bookCell) text() string {
	lines := make([]string, len(c.Lines))
	for i, l := range c.Lines {
		lines[i] = string(l)
	}
	return strings.Join(lines, "\n")
}

// value is the canonical text of a cell.
func (c *bookCell) value(typ schemas.Type) string {
	switch {
	case c.Type == "float" && typ == schemas.Boolean:
		return strconv.FormatBool(c.Number == "1")
	case c.Type == "float" && typ == schemas.Integer:
		if f, err := strconv.ParseFloat(c.Number, 64); err == nil {
			return strconv.FormatFloat(f, 'f', -1, 64)
		}
	case c.Type == "float":
		return c.Number
	case c.Type == "date" && typ == schemas.Datetime: // a day counted in fractions is exact to the millisecond
		for _, layout := range []string{"2006-01-02T15:04:05.999999999", time.DateOnly} {
			if m, err := time.Parse(layout, c.Moment); err == nil {
				return m.Round(time.Millisecond).Format("2006-01-02T15:04:05.999")
			}
		}
	case c.Type == "date":
		return c.Moment
	}
	return c.text()
}

// sheetRows are the rows of the first sheet that have a cell with a value.
func sheetRows(t *testing.T, book io.Reader, width int) (rows [][]bookCell) {
	t.Helper()
	d := xml.NewDecoder(book)
	for {
		token, err := d.Token()
		if err != nil {
			t.Fatalf("after %d rows: %v", len(rows), err)
		}
		if end, ok := token.(xml.EndElement); ok && end.Name.Local == "table" {
			return rows
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != "table-row" {
			continue
		}
		var row struct {
			Cells []bookCell `xml:"table-cell"`
		}
		if err := d.DecodeElement(&row, &start); err != nil {
			t.Fatal(err)
		}
		var cells []bookCell
		for _, c := range row.Cells {
			for n := max(1, c.Repeated); n > 0 && len(cells) < width; n-- {
				cells = append(cells, c)
			}
		}
		if slices.ContainsFunc(cells, func(c bookCell) bool { return c.Type != "" }) {
			rows = append(rows, append(cells, make([]bookCell, width-len(cells))...))
		}
	}
}
