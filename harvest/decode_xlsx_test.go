package harvest

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
)

// workbookOf makes an XLSX document with excelize.
func workbookOf(t testing.TB, write func(f *excelize.File)) string {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	write(f)
	b, err := f.WriteToBuffer()
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// put writes a row of cells.
func put(f *excelize.File, sheet string, row int, cells ...any) {
	if err := f.SetSheetRow(sheet, fmt.Sprintf("A%d", row), &cells); err != nil {
		panic(err)
	}
}

// shown gives a cell a number format.
func shown(f *excelize.File, sheet, cell, code string) {
	style := must(f.NewStyle(&excelize.Style{CustomNumFmt: &code}))
	if err := f.SetCellStyle(sheet, cell, cell, style); err != nil {
		panic(err)
	}
}

func TestXLSX_TakesCellsForWhatTheyAre(t *testing.T) {
	content := workbookOf(t, func(f *excelize.File) {
		put(f, "Sheet1", 1, "id", "valeur")
		row := 1
		add := func(v any, code string) {
			row++
			put(f, "Sheet1", row, row, v)
			if code != "" {
				shown(f, "Sheet1", fmt.Sprintf("B%d", row), code)
			}
		}
		add("texte", "")
		add("1.50", "")
		add("  espace ", "")
		add(" ", "")
		add(21470323900014, "")
		add(0.1, "")
		add(1e21, "")
		add(1.5e-7, "")
		add(0, "")
		add(0.25, "0%")
		add(12.5, `#,##0.00\ "€ hors dépenses";[Red]-#,##0.00`)
		add(true, "")
		add(false, "")
		add(45363, "dd/mm/yyyy")
		add(45363.5, "dd/mm/yyyy")
		add(45363, "yyyy-mm-dd hh:mm")
		add(45363.75001157, "yyyy-mm-dd hh:mm")
		add(45363, "[$-40C]d mmmm yyyy;@")
		add(45363, "jj/mm/aaaa")
		add(1, "dd/mm/yyyy")
		add(61, "dd/mm/yyyy")
		add(0.75, "hh:mm")
		add(1.5, "[h]:mm:ss")
		add(45363, "mmm")
		add(-5, "dd/mm/yyyy")
		add(time.Date(2024, 3, 12, 0, 0, 0, 0, time.UTC), "")
		add("a_x000D_\nb _x00e9_ _xZZZZ_", "")
	})
	want := []string{"texte", "1.50", "  espace ", " ", "21470323900014", "0.1", "1000000000000000000000", "0.00000015", "0", "0.25", "12.5", "true", "false",
		"2024-03-12", "2024-03-12T12:00:00", "2024-03-12", "2024-03-12T18:00:01", "2024-03-12", "2024-03-12", "1900-01-01", "1900-03-01", "18:00:00", "36:00:00", "2024-03-12", "-5", "2024-03-12"}
	got, err := decodeAll(input("f.xlsx", content), DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range want {
		if got.cells[i][1] != w || got.line[i] != int64(i+2) || got.row[i] != int64(i+2) {
			t.Errorf("row %d = %q at line %d, want %q", got.row[i], got.cells[i][1], got.line[i], w)
		}
	}
	if got.info.Format != "xlsx" || got.info.Sheet == nil || *got.info.Sheet != "Sheet1" || got.info.HeaderRow != 1 {
		t.Errorf("info = %+v", got.info)
	}
}

func TestXLSX_CountsDaysFrom1904WhereTheWorkbookDoes(t *testing.T) {
	content := workbookOf(t, func(f *excelize.File) {
		yes := true
		if err := f.SetWorkbookProps(&excelize.WorkbookPropsOptions{Date1904: &yes}); err != nil {
			t.Fatal(err)
		}
		put(f, "Sheet1", 1, "a", "b")
		put(f, "Sheet1", 2, 0, 43901)
		shown(f, "Sheet1", "A2", "yyyy-mm-dd")
		shown(f, "Sheet1", "B2", "yyyy-mm-dd")
	})
	got, err := decodeAll(input("f.xlsx", content), DecodeOptions{})
	if err != nil || !slices.Equal(got.cells[0], []string{"1904-01-01", "2024-03-12"}) {
		t.Errorf("cells %q, %v", got.cells, err)
	}
}

func TestXLSX_FindsSheetHeaderAndEnd(t *testing.T) {
	several := workbookOf(t, func(f *excelize.File) {
		must(f.NewSheet("Cachée"))
		must(f.NewSheet("Données"))
		put(f, "Cachée", 1, "x", "y")
		put(f, "Données", 2, "Liste des marchés")
		put(f, "Données", 4, "id", "nom", "", "")
		put(f, "Données", 5, 1, "a")
		put(f, "Données", 8, 2, "b", nil, "perdu")
		put(f, "Données", 12, nil, nil)
		shown(f, "Données", "F20", "0.00")
		if err := f.SetSheetVisible("Cachée", false); err != nil {
			t.Fatal(err)
		}
	})
	tests := []struct {
		name   string
		opt    DecodeOptions
		sheet  string
		labels []string
		cells  [][]string
		count  []int
		line   []int64
		says   string
	}{
		{name: "first visible one with content", sheet: "Données", labels: []string{"id", "nom"},
			cells: [][]string{{"1", "a"}, {"", ""}, {"", ""}, {"2", "b"}}, count: []int{2, 2, 2, 4}, line: []int64{5, 6, 7, 8}},
		{name: "asked by name", opt: DecodeOptions{Sheet: "cachée"}, sheet: "Cachée", labels: []string{"x", "y"}},
		{name: "header that was told", opt: DecodeOptions{Header: 5}, sheet: "Données", labels: []string{"1", "a"}, cells: [][]string{{"", ""}, {"", ""}, {"2", "b"}}, count: []int{2, 2, 4}, line: []int64{6, 7, 8}},
		{name: "header beyond the end", opt: DecodeOptions{Header: 50}, says: "n’existe pas"},
		{name: "no such sheet", opt: DecodeOptions{Sheet: "Budget"}, says: "Ses feuilles sont\u00a0: Sheet1, Données, Cachée"},
		{name: "empty sheet", opt: DecodeOptions{Sheet: "Sheet1"}, says: "est vide"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decodeAll(input("f.xlsx", several), tt.opt)
			if tt.says != "" {
				if !strings.Contains(SentenceOf(err), tt.says) {
					t.Errorf("error %v, sentence %q, want %q", err, SentenceOf(err), tt.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if *got.info.Sheet != tt.sheet || !slices.Equal(got.labels, tt.labels) || !slices.EqualFunc(got.cells, tt.cells, slices.Equal) ||
				!slices.Equal(got.count, tt.count) || !slices.Equal(got.line, tt.line) {
				t.Errorf("got %+v, sheet %s", got, *got.info.Sheet)
			}
		})
	}
}

// parts makes a workbook of the given parts, with the least of what must surround them.
func parts(t testing.TB, with map[string]string) string {
	t.Helper()
	all := map[string]string{
		"[Content_Types].xml":        `<Types/>`,
		"_rels/.rels":                `<Relationships><Relationship Id="r" Type="http://purl.oclc.org/ooxml/officeDocument/relationships/officeDocument" Target="/xl/workbook.xml"/></Relationships>`,
		"xl/workbook.xml":            `<x:workbook xmlns:x="m" xmlns:r="r"><x:sheets><x:sheet name="Un" sheetId="1" r:id="a"/></x:sheets></x:workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="a" Type="http://x/worksheet" Target="worksheets/s.xml"/><Relationship Id="b" Type="http://x/sharedStrings" Target="../xl/t.xml"/></Relationships>`,
		"xl/t.xml":                   `<sst><si><t>id</t></si><si><r><t>gr</t></r><r><t xml:space="preserve">as </t></r><rPh><t>aide</t></rPh></si></sst>`,
		"xl/worksheets/s.xml":        `<worksheet><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c></row></sheetData></worksheet>`,
	}
	for name, text := range with {
		all[name] = text
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range all {
		w := must(z.Create(name))
		must(io.WriteString(w, text))
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestXLSX_ReadsOtherWriters(t *testing.T) {
	tests := []struct {
		name, sheet string
		cells       [][]string
		faults      []string
	}{
		{name: "prefixed names, no references", sheet: `<m:worksheet xmlns:m="x"><m:sheetData><m:row><m:c t="inlineStr"><m:is><m:t>id</m:t></m:is></m:c></m:row><m:row><m:c><m:v>7</m:v></m:c></m:row></m:sheetData></m:worksheet>`, cells: [][]string{{"7"}}},
		{name: "rich text without its reading aid", sheet: `<worksheet><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c></row><row r="2"><c r="A2" t="s"><v>1</v></c></row></sheetData></worksheet>`, cells: [][]string{{"gras "}}},
		{name: "formulas", sheet: `<worksheet><sheetData><row><c t="str"><v>id</v></c></row><row><c t="str"><f>A1&amp;"x"</f><v>idx</v></c></row><row><c><f>1+1</f><v>2</v></c></row><row><c><f>1+1</f></c></row></sheetData></worksheet>`, cells: [][]string{{"idx"}, {"2"}}},
		{name: "errors and dates as text", sheet: `<worksheet><sheetData><row><c t="str"><v>id</v></c></row><row><c t="e"><v>#REF!</v></c></row><row><c t="d"><v>2024-03-12T00:00:00</v></c></row><row><c t="d"><v>2024-03-12T10:00:00</v></c></row></sheetData></worksheet>`, cells: [][]string{{"#REF!"}, {"2024-03-12"}, {"2024-03-12T10:00:00"}}, faults: []string{"2/0 source-error"}},
		{name: "text that is not there", sheet: `<worksheet><sheetData><row><c t="str"><v>id</v></c></row><row><c t="s"><v>9</v></c></row><row><c><v>1</v></c></row></sheetData></worksheet>`, cells: [][]string{{""}, {"1"}}},
		{name: "numbers of every spelling", sheet: `<worksheet><sheetData><row><c t="str"><v>id</v></c></row><row><c><v>1.2345678901234E13</v></c></row><row><c t="n"><v> 1.50 </v></c></row><row><c><v>1e999</v></c></row><row><c><v>0.30000000000000004</v></c></row></sheetData></worksheet>`, cells: [][]string{{"12345678901234"}, {"1.5"}, {"1e999"}, {"0.30000000000000004"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decodeAll(input("f.xlsx", parts(t, map[string]string{"xl/worksheets/s.xml": tt.sheet})), DecodeOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got.labels, []string{"id"}) || !slices.EqualFunc(got.cells, tt.cells, slices.Equal) || !slices.Equal(got.faults, tt.faults) {
				t.Errorf("labels %q, cells %q, faults %q; want %q, %q", got.labels, got.cells, got.faults, tt.cells, tt.faults)
			}
		})
	}
}

func TestXLSX_RefusesWithASentence(t *testing.T) {
	sheet := func(s string) string { return parts(t, map[string]string{"xl/worksheets/s.xml": s}) }
	whole := sheet(`<worksheet/>`)
	locked := []byte(whole)
	for i := bytes.Index(locked, []byte("PK\x01\x02")); i >= 0; {
		locked[i+8] |= 1
		next := bytes.Index(locked[i+4:], []byte("PK\x01\x02"))
		if next < 0 {
			break
		}
		i += 4 + next
	}
	tests := []struct{ name, content, says string }{
		{"cut", whole[:len(whole)/2], "incomplet ou abîmé"},
		{"without sheet content", whole, "Le classeur est vide"},
		{"encrypted", string(locked), "mot de passe"},
		{"document type", sheet(`<!DOCTYPE x [<!ENTITY a "b">]><worksheet/>`), "abîmé"},
		{"deep", sheet(strings.Repeat("<a>", 5000)), "abîmé"},
		{"ends inside a row", sheet(`<worksheet><sheetData><row><c><v>1</v></c>`), "abîmé"},
		{"cell beyond the last column", sheet(`<worksheet><sheetData><row><c r="ZZZZZ1"><v>1</v></c></row></sheetData></worksheet>`), "abîmé"},
		{"row beyond the last one", sheet(`<worksheet><sheetData><row r="2000000"><c><v>1</v></c></row></sheetData></worksheet>`), "abîmé"},
		{"no sheet part", parts(t, map[string]string{"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="a" Type="/worksheet" Target="nope.xml"/></Relationships>`}), "abîmé"},
		{"docx", zipped(t, map[string]string{"word/document.xml": "<x/>"}), "document de bureautique"},
		{"xlsb", zipped(t, map[string]string{"xl/workbook.bin": "x"}), "XLSB"},
		{"other archive", zipped(t, map[string]string{"a.csv": "a,b"}), "archive ZIP"},
		{"too many entries", many(t, maxEntries+1), "grossit démesurément"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := decodeAll(input("f.xlsx", tt.content), DecodeOptions{})
			if got := SentenceOf(err); err == nil || !strings.Contains(got, tt.says) {
				t.Errorf("error %v, sentence %q, want %q in it", err, got, tt.says)
			}
			wellPunctuated(t, SentenceOf(err))
		})
	}
}

func zipped(t testing.TB, files map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range files {
		must(io.WriteString(must(z.Create(name)), text))
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func many(t testing.TB, n int) string {
	files := map[string]string{}
	for i := range n {
		files[fmt.Sprint(i)] = ""
	}
	return zipped(t, files)
}

// swollen is a part that repeats a piece until it is n bytes long, between two ends.
func swollen(t testing.TB, name, open, piece, end string, n int) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	var base bytes.Reader
	base.Reset([]byte(parts(t, nil)))
	old := must(zip.NewReader(&base, base.Size()))
	for _, f := range old.File {
		if f.Name != name {
			if err := z.Copy(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	w := must(z.Create(name))
	must(io.WriteString(w, open))
	block := strings.Repeat(piece, max(1, (64<<10)/len(piece)))
	for written := 0; written < n; written += len(block) {
		must(io.WriteString(w, block))
	}
	must(io.WriteString(w, end))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestXLSX_BombsAreRefusedWithinMemory(t *testing.T) {
	const sheet, texts = "xl/worksheets/s.xml", "xl/t.xml"
	tests := []struct {
		name    string
		content string
	}{
		{"empty cells", swollen(t, sheet, `<worksheet><sheetData><row r="1"><c t="inlineStr"><is><t>id</t></is></c></row><row r="2">`, `</row><row>`+strings.Repeat(`<c/>`, 10_000), `</row></sheetData></worksheet>`, 32<<20)},
		{"shared texts", swollen(t, texts, `<sst>`, `<si><t>`+strings.Repeat("a", 1000)+`</t></si>`, `</sst>`, 32<<20)},
		{"one shared text", swollen(t, texts, `<sst><si><t>`, `aaaaaaaaaaaaaaaa`, `</t></si></sst>`, 32<<20)},
		{"one attribute", swollen(t, sheet, `<worksheet a="`, `aaaaaaaaaaaaaaaa`, `"/>`, 32<<20)},
		{"list of sheets", swollen(t, "xl/workbook.xml", `<workbook><sheets>`, `<sheet name="a" r:id="a"/>`, `</sheets></workbook>`, 32<<20)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			high := &highWater{ReaderAt: strings.NewReader(tt.content)}
			_, err := decodeAll(Input{Name: "f.xlsx", Size: int64(len(tt.content)), ReaderAt: high}, DecodeOptions{})
			if says := SentenceOf(err); err == nil || !strings.Contains(says, "grossit démesurément") && !strings.Contains(says, "trop de textes") {
				t.Errorf("a document of %d bytes: %v", len(tt.content), err)
			}
			if used := high.most - high.first; used > 150<<20 {
				t.Errorf("%d MiB above the start", used>>20)
			}
		})
	}
}

// highWater notes the most memory in use at any reading.
type highWater struct {
	io.ReaderAt
	first, most int64
}

func (h *highWater) ReadAt(p []byte, off int64) (int, error) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if h.first == 0 {
		h.first = int64(m.HeapAlloc)
	}
	h.most = max(h.most, int64(m.HeapAlloc))
	return h.ReaderAt.ReadAt(p, off)
}

func TestXLSX_OverlappingEntriesAreRefused(t *testing.T) {
	content := []byte(parts(t, nil))
	first := bytes.Index(content, []byte("PK\x01\x02"))
	second := first + 4 + bytes.Index(content[first+4:], []byte("PK\x01\x02"))
	copy(content[second+42:second+46], content[first+42:first+46]) // offset of the local header
	if _, err := decodeAll(input("f.xlsx", string(content)), DecodeOptions{}); !strings.Contains(SentenceOf(err), "grossit démesurément") {
		t.Errorf("overlapping entries: %v", err)
	}
}

// TestXLSX_AgreesWithExcelize holds the reader to excelize's own, cell by cell, on a sheet of plain texts and numbers over many rows.
func TestXLSX_AgreesWithExcelize(t *testing.T) {
	content := workbookOf(t, func(f *excelize.File) {
		put(f, "Sheet1", 1, "id", "texte", "nombre", "vide", "fin")
		for i := 2; i < 9000; i++ {
			if i%97 == 0 {
				continue
			}
			put(f, "Sheet1", i, i, fmt.Sprintf("ligne %d é < & \" \n", i%700), float64(i)/8, nil, "x")
		}
	})
	got, err := decodeAll(input("f.xlsx", content), DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, content)
}

func same(t *testing.T, got decoded, content string) {
	t.Helper()
	f, err := excelize.OpenReader(strings.NewReader(content), excelize.Options{RawCellValue: true})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := must(f.GetRows(*got.info.Sheet))[got.info.HeaderRow:]
	if len(got.cells) != len(want) {
		t.Fatalf("%d rows, excelize has %d", len(got.cells), len(want))
	}
	for i, w := range want {
		w = append(w, make([]string, max(0, len(got.labels)-len(w)))...)
		if !slices.Equal(got.cells[i], w[:len(got.labels)]) {
			t.Fatalf("row %d = %q, excelize has %q", got.row[i], got.cells[i], w)
		}
	}
}

func TestXLSX_ReadsTheSharedSample(t *testing.T) {
	file := filepath.Join(samplesDir(t), "scdl-tabular", "aires-livraison-antibes.xlsx")
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeAll(input(file, string(content)), DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.cells) != 42 || got.labels[0] != "ID" || *got.info.Sheet != "antibes_aires_livraison--mr" {
		t.Errorf("%d rows, labels %q", len(got.cells), got.labels)
	}
	dates := slices.Index(got.labels, "ARR_DATE")
	for i, r := range got.cells {
		if _, err := time.Parse(time.DateOnly, r[dates]); r[dates] != "" && err != nil {
			t.Errorf("row %d: date %q", got.row[i], r[dates])
		}
	}
}

func FuzzXLSX(f *testing.F) {
	f.Add(`<worksheet><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1"><v>1</v></c></row><row r="5"><c r="B5" s="1" t="b"><v>1</v></c></row></sheetData></worksheet>`, `<sst><si><t>id_x0041_</t></si></sst>`, "yyyy")
	f.Add(`<a><row><c t="inlineStr"><is><r><t>x</t></r><rPh><t>y</t></rPh></is></c></row>`, `<sst><si/></sst>`, `[h]"x"\y_m*d;0`)
	f.Add(`<row r="3"><c r="XFD3" s="0"><v>1e300</v></c><c r="b"><f>1</f><v>-1</v></c></row>`, ``, `0.00E+00`)
	f.Fuzz(func(t *testing.T, sheet, texts, code string) {
		momentOf(code)
		content := parts(t, map[string]string{"xl/worksheets/s.xml": sheet, "xl/t.xml": texts})
		if _, err := decodeAll(input("f.xlsx", content), DecodeOptions{}); err != nil && SentenceOf(err) == "" {
			t.Errorf("no sentence for %v", err)
		}
		if len(content) > 100 { // and with a byte of the archive itself broken
			broken := []byte(content)
			broken[(len(sheet)*31+len(texts))%len(broken)] ^= 0x55
			decodeAll(Input{Name: "f.xlsx", Size: int64(len(broken)), ReaderAt: bytes.NewReader(broken)}, DecodeOptions{})
		}
	})
}

func BenchmarkXLSX(b *testing.B) {
	content := workbookOf(b, func(f *excelize.File) {
		w := must(f.NewStreamWriter("Sheet1"))
		for i := 1; i <= 20_000; i++ {
			row := []any{i, fmt.Sprintf("Association %d", i), 45000 + i%400, float64(i) / 8, "nature", "Villeneuve-sur-Lot", i * 7, true, "unique", fmt.Sprint(i)}
			if err := w.SetRow(fmt.Sprintf("A%d", i), row); err != nil {
				b.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			b.Fatal(err)
		}
	})
	b.Run("ours", func(b *testing.B) {
		for b.Loop() {
			if got, err := decodeAll(input("f.xlsx", content), DecodeOptions{}); err != nil || len(got.cells) != 19_999 {
				b.Fatal(len(got.cells), err)
			}
		}
	})
	b.Run("excelize", func(b *testing.B) {
		for b.Loop() {
			f, err := excelize.OpenReader(strings.NewReader(content), excelize.Options{RawCellValue: true})
			if err != nil {
				b.Fatal(err)
			}
			rows := must(f.Rows("Sheet1"))
			for rows.Next() {
				must(rows.Columns())
			}
			f.Close()
		}
	})
}
