package publish_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"grenier/publish"
	"grenier/publish/publishtest"
	"grenier/schemas"

	"github.com/xuri/excelize/v2"
)

// readXLSX reads the first sheet with excelize.
func readXLSX(file []byte, s *schemas.Schema) (columns []string, rows [][]string, err error) {
	book, err := excelize.OpenReader(bytes.NewReader(file), excelize.Options{RawCellValue: true})
	if err != nil {
		return nil, nil, err
	}
	defer book.Close()
	lines, err := book.Rows(book.GetSheetName(0))
	if err != nil {
		return nil, nil, err
	}
	defer lines.Close()
	for lines.Next() {
		cells, err := lines.Columns()
		if err != nil {
			return nil, nil, err
		}
		if columns == nil {
			columns = cells
			continue
		}
		row := make([]string, len(s.Fields))
		for c := range row {
			row[c] = publishtest.Null
			if c < len(cells) && cells[c] != "" {
				row[c] = sheetValue(s.Fields[c].Type, cells[c])
			}
		}
		rows = append(rows, row)
	}
	return columns, rows, lines.Error()
}

// sheetValue turns a raw cell into a canonical text: dates are numbers of days in a sheet.
func sheetValue(t schemas.Type, raw string) string {
	serial, err := strconv.ParseFloat(raw, 64)
	switch {
	case err != nil: // a text, where the sheet has no value of the type
		return raw
	case t == schemas.Boolean:
		return strconv.FormatBool(raw == "1")
	case t == schemas.Date:
		return time.Unix(int64(serial-25569)*86400, 0).UTC().Format(time.DateOnly)
	case t == schemas.Datetime:
		return time.UnixMicro(int64(math.Round((serial - 25569) * 86400e6))).UTC().Format(time.RFC3339Nano)
	}
	return raw
}

// cutCell is what becomes of a text in a sheet.
func cutCell(text string) string {
	units := utf16.Encode([]rune(text))
	if len(units) <= 32767 {
		return text
	}
	return string(utf16.Decode(units[:32766])) + "…"
}

func TestXLSX(t *testing.T) {
	publishtest.Format(t, formatNamed(t, "xlsx"), readXLSX, publishtest.Tolerance{EmptyIsNull: true, Instants: time.Millisecond, Text: cutCell})
}

// parts are the files of a workbook.
func parts(t *testing.T, file string) map[string]string {
	t.Helper()
	archive, err := zip.NewReader(strings.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range archive.File {
		if !f.Modified.Equal(time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("%s is of %s", f.Name, f.Modified)
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all[f.Name] = string(content)
	}
	return all
}

func TestXLSX_TypesItsCellsAndHasNoFormula(t *testing.T) {
	s := publishtest.Schema(
		schemas.Field{Name: "siret", Type: schemas.String}, schemas.Field{Name: "n", Type: schemas.Integer}, schemas.Field{Name: "x", Type: schemas.Number},
		schemas.Field{Name: "b", Type: schemas.Boolean}, schemas.Field{Name: "d", Type: schemas.Date}, schemas.Field{Name: "m", Type: schemas.Datetime})
	sheet := parts(t, writtenIn(t, "xlsx", s, [][]string{
		{"06800", "12", "12.50", "true", "2026-11-23", "2026-11-23T12:00:00"},
		{"=1+1", "1234567890123456", "NaN", "false", "1899-12-31", "1850-01-01T00:00:00"},
		{" a<b>&\r_x0041_\x01 ", "007", "", "", "", ""},
	}))["xl/worksheets/sheet1.xml"]
	for _, want := range []string{
		`<c r="A2" s="1" t="inlineStr"><is><t>06800</t></is></c>`,
		`<c r="B2" s="2"><v>12</v></c>`,
		`<c r="C2"><v>12.5</v></c>`,
		`<c r="D2" t="b"><v>1</v></c>`,
		`<c r="E2" s="3"><v>46349</v></c>`,
		`<c r="F2" s="4"><v>46349.5</v></c>`,
		`<c r="A3" s="1" t="inlineStr"><is><t>=1+1</t></is></c>`,
		`<c r="B3" s="1" t="inlineStr"><is><t>1234567890123456</t></is></c>`,
		`<c r="C3" s="1" t="inlineStr"><is><t>NaN</t></is></c>`,
		`<c r="D3" t="b"><v>0</v></c>`,
		`<c r="E3" s="1" t="inlineStr"><is><t>1899-12-31</t></is></c>`,
		`<c r="F3" s="1" t="inlineStr"><is><t>1850-01-01T00:00:00</t></is></c>`,
		`<c r="A4" s="1" t="inlineStr"><is><t xml:space="preserve"> a&lt;b&gt;&amp;_x000D__x005F_x0041__x0001_ </t></is></c><c r="B4" s="1" t="inlineStr"><is><t>007</t></is></c></row>`,
		`state="frozen"`, `<autoFilter ref="A1:F4"/>`,
	} {
		if !strings.Contains(sheet, want) {
			t.Errorf("no %s in\n%s", want, sheet)
		}
	}
	if strings.Contains(sheet, "<f") {
		t.Error("there is a formula")
	}
}

func TestXLSX_SaysInItsNoticeWhereItIsFromAndWhatWasCut(t *testing.T) {
	s := publishtest.Schema(
		schemas.Field{Name: "objet", Title: "Objet", Description: "Ce dont il s’agit.", Type: schemas.String, Constraints: schemas.Constraints{Required: true}},
		schemas.Field{Name: "jour", Type: schemas.Date})
	long := strings.Repeat("😀", 20_000)
	for _, c := range []struct {
		rows [][]string
		want string
	}{
		{[][]string{{strings.Repeat("é", 32_767), ""}}, ""},
		{[][]string{{long, ""}, {"a", ""}}, "Une cellule est coupée"},
		{[][]string{{long, ""}, {strings.Repeat("x", 32_768), ""}}, "2 cellules sont coupées"},
	} {
		file := writtenIn(t, "xlsx", s, c.rows)
		book, err := excelize.OpenReader(strings.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		if names := book.GetSheetList(); fmt.Sprint(names) != "[Données Notice]" {
			t.Fatalf("sheets %q", names)
		}
		notice, err := book.GetRows("Notice")
		if err != nil {
			t.Fatal(err)
		}
		all := fmt.Sprint(notice)
		for _, want := range []string{"[Essai]", "[Producteur Commune d’essai]", "[Schéma Table d’essai]", "[objet Objet texte oui Ce dont il s’agit.]", "[jour  date non]", c.want, fmt.Sprintf("[Lignes %d]", len(c.rows))} {
			if !strings.Contains(all, want) {
				t.Errorf("no %q in %s", want, all)
			}
		}
		if c.want == "" && strings.Contains(all, "coupée") {
			t.Errorf("nothing was cut: %s", all)
		}
		first, err := book.GetCellValue("Données", "A2")
		if want := cutCell(c.rows[0][0]); err != nil || first != want {
			t.Errorf("got %d bytes, want %d (error %v)", len(first), len(want), err)
		}
	}
}

func TestXLSX_IsNotOfferedForMoreThanASheetHolds(t *testing.T) {
	s := publishtest.Schema(schemas.Field{Name: "n", Type: schemas.Integer})
	rows := make([][]string, 1<<15)
	for i := range rows {
		rows[i] = []string{strconv.Itoa(i)}
	}
	b := publishtest.Batch(s, rows)
	draft, err := publish.Begin(publish.Order{Schema: s, Formats: []publish.Format{formatNamed(t, "xlsx"), formatNamed(t, "csv")}, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer draft.Discard()
	for range 32 {
		if err := draft.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	files, _, err := draft.Finish()
	if err != nil || len(files) != 1 || files[0].Format != "csv" || files[0].Rows != 32<<15 {
		t.Errorf("got %+v, %v", files, err)
	}
	if d := draft.Dropped(); len(d) != 1 || d[0].Format.Name != "xlsx" || !errors.Is(d[0].Err, publish.ErrNotOffered) {
		t.Errorf("dropped %+v", d)
	}

	alone, err := publish.Begin(publish.Order{Schema: s, Formats: []publish.Format{formatNamed(t, "xlsx")}, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer alone.Discard()
	for range 32 {
		err = errors.Join(err, alone.Write(b))
	}
	if !errors.Is(err, publish.ErrNotOffered) {
		t.Errorf("no format is left, and the error is %v", err)
	}
	many := publishtest.Schema()
	for i := range 16_385 {
		many.Fields = append(many.Fields, schemas.Field{Name: strconv.Itoa(i), Type: schemas.String})
	}
	if _, err := formatNamed(t, "xlsx").New(io.Discard, many, publish.Meta{}); !errors.Is(err, publish.ErrNotOffered) {
		t.Errorf("16,385 columns: %v", err)
	}
}
