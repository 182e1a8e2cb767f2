package publish_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strings"
	"testing"

	"grenier/publish"
	"grenier/publish/publishtest"
	"grenier/schemas"
)

// readExcelCSV reads with encoding/csv and takes the dress off the cells, as a spreadsheet does.
func readExcelCSV(file []byte, s *schemas.Schema) (columns []string, rows [][]string, err error) {
	text, marked := bytes.CutPrefix(file, []byte("\ufeff"))
	if !marked {
		return nil, nil, fmt.Errorf("no byte order mark: %.20q", file)
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma = ';'
	if columns, err = r.Read(); err != nil {
		return nil, nil, err
	}
	for i := range columns {
		columns[i] = undressed(columns[i])
	}
	if rows, err = r.ReadAll(); err != nil {
		return nil, nil, err
	}
	for _, row := range rows {
		for c := range row {
			f := &s.Fields[c]
			row[c] = undressed(row[c])
			switch {
			case publishtest.Missing(s, f, row[c]):
				row[c] = publishtest.Null
			case f.Type == schemas.Number:
				row[c] = strings.Replace(row[c], ",", ".", 1)
			}
		}
	}
	return columns, rows, nil
}

func undressed(cell string) string {
	if inner, ok := strings.CutPrefix(cell, `="`); ok {
		return strings.TrimSuffix(inner, `"`)
	}
	if rest, ok := strings.CutPrefix(cell, "'"); ok && publish.LooksLikeFormula([]byte(strings.TrimLeft(rest, "'"))) {
		return rest
	}
	return cell
}

func TestExcelCSV(t *testing.T) {
	publishtest.Format(t, formatNamed(t, "csv-excel"), readExcelCSV)
}

func TestExcelCSV_KeepsWhatASpreadsheetWouldGuess(t *testing.T) {
	s := publishtest.Schema(schemas.Field{Name: "t", Type: schemas.String})
	for _, c := range []struct{ cell, want string }{
		// Identifiers, codes, and what looks like a date.
		{"06800", `"=""06800"""`},
		{"0001", `"=""0001"""`},
		{"21990004000014", `"=""21990004000014"""`},
		{"2199000400001", `"=""2199000400001"""`},
		{"12", `"=""12"""`},
		{"3-4", `"=""3-4"""`},
		{"1/2", `"=""1/2"""`},
		{"2026-01", `"=""2026-01"""`},
		{"1E5", `"=""1E5"""`},
		{"2e10", `"=""2e10"""`},
		{"12,50 €", `"=""12,50 €"""`},
		{"08:30", `"=""08:30"""`},
		{"01 23 45 67 89", `"=""01 23 45 67 89"""`},
		{"+33 1 23", `"=""+33 1 23"""`},
		{"-12.5", `"=""-12.5"""`},
		{"3 mars", `"=""3 mars"""`},
		{"mars-26", `"=""mars-26"""`},
		{"1er août", "1er août"}, // no spreadsheet reads it
		{"(3)", `"=""(3)"""`},
		{strings.Repeat("7", 255), `"=""` + strings.Repeat("7", 255) + `"""`},
		{"VRAI", `"=""VRAI"""`},
		{"true", `"=""true"""`},
		// Texts.
		{"2A004", "2A004"},
		{"12 rue des Lilas", "12 rue des Lilas"},
		{"mars", "mars"},
		{"été; hiver", `"été; hiver"`},
		{"a\nb", "\"a\nb\""},
		{"…", "…"},
		// Formulas, and what would read like the sign against them.
		{"=1+1", "'=1+1"},
		{`="06800"`, `"'=""06800"""`},
		{"@SOMME(A1)", "'@SOMME(A1)"},
		{"-A1", "'-A1"},
		{"+CMD|x", "'+CMD|x"},
		{"'=1", "''=1"},
		{"'quoi", "'quoi"},
		{"- ", "- "},
	} {
		got := writtenIn(t, "csv-excel", s, [][]string{{c.cell}})
		if got != "\ufefft\r\n"+c.want+"\r\n" {
			t.Errorf("%q: got %q, want %q", c.cell, got, c.want)
		}
	}
}

func TestExcelCSV_WritesNumbersAndDatesForAFrenchSpreadsheet(t *testing.T) {
	s := publishtest.Schema(
		schemas.Field{Name: "i", Type: schemas.Integer}, schemas.Field{Name: "n", Type: schemas.Number}, schemas.Field{Name: "=d", Type: schemas.Date},
		schemas.Field{Name: "b", Type: schemas.Boolean})
	got := writtenIn(t, "csv-excel", s, [][]string{
		{"12", "12.50", "2026-11-23", "true"},
		{"21990004000014", "-1234.5", "", "false"},
		{"1234567890123456", "1e300", "", ""},
		{"007", "NaN", "", ""},
		{"-7", ".5", "", ""},
	})
	want := "\ufeffi;n;'=d;b\r\n" +
		"12;12,50;2026-11-23;true\r\n" +
		"21990004000014;-1234,5;;false\r\n" +
		"\"=\"\"1234567890123456\"\"\";1e300;;\r\n" +
		"\"=\"\"007\"\"\";\"=\"\"NaN\"\"\";;\r\n" +
		"-7;0,5;;\r\n"
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// writtenIn makes the file of a format of one batch.
func writtenIn(t testing.TB, format string, s *schemas.Schema, rows [][]string) string {
	t.Helper()
	var out bytes.Buffer
	w, err := formatNamed(t, format).New(&out, s, publish.Meta{Title: "Essai", Publisher: "Commune d’essai"})
	if err == nil {
		err = w.WriteBatch(publishtest.Batch(s, rows))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}
