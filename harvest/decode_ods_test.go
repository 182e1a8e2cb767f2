package harvest

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const odsHead = `<?xml version="1.0" encoding="UTF-8"?><office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" ` +
	`xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" ` +
	`xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0">` +
	`<office:automatic-styles><style:style style:name="ta2"><style:table-properties table:display="false"/></style:style></office:automatic-styles><office:body><office:spreadsheet>`

const odsTail = `</office:spreadsheet></office:body></office:document-content>`

// odsOf makes an ODS document of the given sheets.
func odsOf(t testing.TB, sheets string) string {
	return zipped(t, map[string]string{"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": odsHead + sheets + odsTail})
}

func odsSheet(name, rows string) string {
	return `<table:table table:name="` + name + `"><table:table-column table:number-columns-repeated="16384"/>` + rows + `</table:table>`
}

func odsRow(cells ...string) string {
	return `<table:table-row>` + strings.Join(cells, "") + `</table:table-row>`
}

func odsText(text string) string {
	return `<table:table-cell office:value-type="string"><text:p>` + text + `</text:p></table:table-cell>`
}

func odsValue(kind, value, shown string) string {
	name := map[string]string{"date": "date-value", "time": "time-value", "boolean": "boolean-value", "string": "string-value"}[kind]
	if name == "" {
		name = "value"
	}
	return fmt.Sprintf(`<table:table-cell office:value-type="%s" office:%s="%s"><text:p>%s</text:p></table:table-cell>`, kind, name, value, shown)
}

func TestODS_TakesCellsForWhatTheyAre(t *testing.T) {
	tests := []struct{ cell, want string }{
		{odsText("texte"), "texte"},
		{odsText("1,50"), "1,50"},
		{odsText("<text:s text:c=\"2\"/>a<text:s/> b  c\n d<text:tab/>e<text:line-break/>f <text:span> g</text:span>"), "  a  b c d\te\nf g"},
		{`<table:table-cell office:value-type="string"><text:p>un</text:p><text:p/><text:p>deux <text:a>lien</text:a></text:p></table:table-cell>`, "un\n\ndeux lien"},
		{`<table:table-cell office:value-type="string"><office:annotation><text:p>note</text:p></office:annotation><text:p>vu</text:p><draw:frame><text:p>image</text:p></draw:frame></table:table-cell>`, "vu"},
		{`<table:table-cell office:value-type="string" office:string-value="sans paragraphe"/>`, "sans paragraphe"},
		{odsValue("float", "21470323900014", "2,14703E13"), "21470323900014"},
		{odsValue("float", "123456789012345678901", "1,2E20"), "123456789012345678901"},
		{odsValue("float", "1.5E-7", "0"), "0.00000015"},
		{odsValue("float", "-0", "0"), "0"},
		{odsValue("float", "1e999999999", "?"), "1e999999999"},
		{odsValue("percentage", "0.055", "5,5 %"), "0.055"},
		{odsValue("currency", "1234.5", "1 234,50 €"), "1234.5"},
		{odsValue("boolean", "true", "VRAI"), "true"},
		{odsValue("boolean", "false", "FAUX"), "false"},
		{odsValue("date", "2024-03-12", "12/03/24"), "2024-03-12"},
		{odsValue("date", "2024-03-12T00:00:00", "12/03/24"), "2024-03-12"},
		{odsValue("date", "2024-03-12T18:00:00.999600000", "12/03/24 18:00"), "2024-03-12T18:00:01"},
		{odsValue("date", "0044-13-45", "?"), "0044-13-45"},
		{odsValue("time", "PT18H30M00S", "18:30"), "18:30:00"},
		{odsValue("time", "PT36H00M00.500S", "36:00"), "36:00:00.500"},
		{odsValue("time", "-PT1H", "?"), "-PT1H"},
		{`<table:table-cell table:formula="of:=1+1" office:value-type="float" office:value="2"><text:p>2,00</text:p></table:table-cell>`, "2"},
		{`<table:table-cell table:formula="of:=1/0" office:value-type="string" office:string-value="" calcext:value-type="error"><text:p>#DIV/0!</text:p></table:table-cell>`, "#DIV/0!"},
		{`<table:table-cell table:formula="of:=A1" office:value-type="float" office:value="0"><text:p>Err:502</text:p></table:table-cell>`, "Err:502"},
	}
	rows := odsRow(odsText("id"), odsText("valeur"))
	for i, tt := range tests {
		rows += odsRow(odsValue("float", fmt.Sprint(i), "x"), tt.cell)
	}
	got, err := decodeAll(input("f.ods", odsOf(t, odsSheet("Feuille1", rows))), DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i, tt := range tests {
		if got.cells[i][1] != tt.want || got.line[i] != int64(i+2) {
			t.Errorf("%s at line %d = %q, want %q", tt.cell, got.line[i], got.cells[i][1], tt.want)
		}
	}
	if got.info.Format != "ods" || got.info.Sheet == nil || *got.info.Sheet != "Feuille1" || got.info.HeaderRow != 1 {
		t.Errorf("info = %+v", got.info)
	}
	if want := []string{fmt.Sprintf("%d/1 source-error", len(tests)), fmt.Sprintf("%d/1 source-error", len(tests)+1)}; !slices.Equal(got.faults, want) {
		t.Errorf("faults %q, want %q", got.faults, want)
	}
}

func TestODS_CountsRepeatedCellsAndRows(t *testing.T) {
	void := `<table:table-row table:number-rows-repeated="2"><table:table-cell table:number-columns-repeated="16384"/></table:table-row>`
	rows := `<table:shapes><table:table-row>` + odsText("dessin") + `</table:table-row></table:shapes>` + void +
		`<table:table-header-rows>` + odsRow(odsText("a"), odsText("b"), odsText("c"), odsText("d")) + `</table:table-header-rows>` +
		`<table:table-row-group><table:table-row table:number-rows-repeated="3">` + odsText("x") + `<table:table-cell table:number-columns-repeated="2" office:value-type="float" office:value="7"/></table:table-row></table:table-row-group>` + void +
		odsRow(`<table:table-cell table:number-columns-spanned="2">`+`<text:p>large</text:p></table:table-cell>`, `<table:covered-table-cell table:number-columns-repeated="2"><text:p>dessous</text:p></table:covered-table-cell>`, odsText("z"), `<table:table-cell table:number-columns-repeated="16380"/>`) +
		`<table:table-row table:number-rows-repeated="99999999999999999999"><table:table-cell table:number-columns-repeated="99999999999999999999"/></table:table-row>`
	got, err := decodeAll(input("f.ods", odsOf(t, odsSheet("Un", rows))), DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"x", "7", "7", ""}, {"x", "7", "7", ""}, {"x", "7", "7", ""}, {"", "", "", ""}, {"", "", "", ""}, {"large", "", "", "z"}}
	if !slices.Equal(got.labels, []string{"a", "b", "c", "d"}) || !slices.EqualFunc(got.cells, want, slices.Equal) || !slices.Equal(got.line, []int64{4, 5, 6, 7, 8, 9}) || got.info.HeaderRow != 3 {
		t.Errorf("labels %q, cells %q, lines %v, %+v", got.labels, got.cells, got.line, got.info)
	}
}

func TestODS_FindsTheSheet(t *testing.T) {
	hidden := strings.Replace(odsSheet("Cachée", odsRow(odsText("x"))), `<table:table `, `<table:table table:style-name="ta2" `, 1)
	content := odsOf(t, hidden+odsSheet("Vide", "")+odsSheet("Données", odsRow(odsText("a"), odsText("b")))+odsSheet("Autre", odsRow(odsText("c"))))
	tests := []struct{ ask, label, says string }{
		{label: "a"},
		{ask: "cachée", label: "x"},
		{ask: "Autre", label: "c"},
		{ask: "Vide", says: "est vide"},
		{ask: "Budget", says: "Ses feuilles sont\u00a0: Vide, Données, Autre, Cachée"},
	}
	for _, tt := range tests {
		got, err := decodeAll(input("f.ods", content), DecodeOptions{Sheet: tt.ask})
		if tt.says != "" && !strings.Contains(SentenceOf(err), tt.says) || tt.says == "" && (err != nil || got.labels[0] != tt.label) {
			t.Errorf("sheet %q: labels %q, %v", tt.ask, got.labels, err)
		}
	}
	only, err := decodeAll(input("f.ods", odsOf(t, hidden)), DecodeOptions{})
	if err != nil || only.labels[0] != "x" {
		t.Errorf("only a hidden sheet: %q, %v", only.labels, err)
	}
}

func TestODS_ReadsOtherPrefixes(t *testing.T) {
	content := zipped(t, map[string]string{"META-INF/manifest.xml": "<m/>", "content.xml": `<o:document-content xmlns:o="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:t="urn:oasis:names:tc:opendocument:xmlns:table:1.0">` +
		`<o:body><o:spreadsheet><t:table t:name="Un"><t:table-row><t:table-cell o:value-type="float" o:value="2024" t:number-columns-repeated="2"><p>deux mille</p></t:table-cell></t:table-row></t:table></o:spreadsheet></o:body></o:document-content>`})
	got, err := decodeAll(input("f.ods", content), DecodeOptions{})
	if err != nil || !slices.Equal(got.labels, []string{"2024", "2024"}) || *got.info.Sheet != "Un" {
		t.Errorf("labels %q, %+v, %v", got.labels, got.info, err)
	}
}

func TestODS_RefusesWithASentence(t *testing.T) {
	sheet := func(rows string) string { return odsOf(t, odsSheet("Un", odsRow(odsText("a"))+rows)) }
	part := func(name, text string) string {
		return zipped(t, map[string]string{"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": odsHead + odsTail, name: text})
	}
	repeated := func(element, count string) string {
		return `<table:table-row ` + strings.Replace(element, "N", count, 1) + `</table:table-row>`
	}
	var many []string
	for i := range 5000 {
		many = append(many, odsText(fmt.Sprintf("colonne %x", i*2654435761)))
	}
	const rowsOf, cellsOf = `table:number-rows-repeated="N">`, `><table:table-cell table:number-columns-repeated="N" office:value-type="float" office:value="1"/>`
	tests := []struct{ name, content, says string }{
		{"no sheet", odsOf(t, ""), "Le classeur est vide"},
		{"empty sheet", odsOf(t, odsSheet("Un", "")), "Le classeur est vide"},
		{"no content", part("content.xml", "<x/>"), "Le classeur est vide"},
		{"encrypted", part("META-INF/manifest.xml", `<manifest:manifest><manifest:file-entry><manifest:encryption-data/></manifest:file-entry></manifest:manifest>`), "mot de passe"},
		{"encrypted as a whole", zipped(t, map[string]string{"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "encrypted-package": "x"}), "mot de passe"},
		{"a letter", part("mimetype", "application/vnd.oasis.opendocument.text"), "document de bureautique"},
		{"document type", part("content.xml", `<!DOCTYPE x [<!ENTITY a "b">]><x/>`), "abîmé"},
		{"entity", sheet(odsRow(odsText("&a;"))), "abîmé"},
		{"deep", part("content.xml", strings.Repeat("<a>", 5000)), "abîmé"},
		{"ends inside a row", zipped(t, map[string]string{"mimetype": "spreadsheet", "content.xml": odsHead + `<table:table><table:table-row>` + odsText("a")}), "abîmé"},
		{"rows repeated without end", sheet(repeated(rowsOf+odsText("0"), "1048575")), "répète 1\u202f048\u202f575 fois la même ligne"},
		{"rows repeated beyond counting", sheet(repeated(rowsOf+odsText("0"), "99999999999999999999")), "fois la même ligne"},
		{"cells repeated without end", sheet(repeated(cellsOf, "16384")), "répète la même cellule"},
		{"cells repeated beyond counting", sheet(repeated(cellsOf, "99999999999999999999")), "répète la même cellule"},
		{"spaces repeated beyond counting", sheet(odsRow(odsText(`<text:s text:c="99999999999999999999"/>`))), "trop de texte"},
		{"spaces repeated again and again", sheet(odsRow(odsText(strings.Repeat(`<text:s text:c="1000000"/>`, 50)))), "trop de texte"},
		{"row beyond the last one", sheet(`<table:table-row table:number-rows-repeated="2000000"/>` + odsRow(odsText("fin"))), "abîmé"},
		{"cell beyond the last column", sheet(odsRow(`<table:table-cell table:number-columns-repeated="20000"/>`, odsText("fin"))), "abîmé"},
		{"wide header", odsOf(t, odsSheet("Un", odsRow(many...))), "la limite est de"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := decodeAll(input("f.ods", tt.content), DecodeOptions{})
			if got := SentenceOf(err); err == nil || !strings.Contains(got, tt.says) {
				t.Errorf("error %v, sentence %q, want %q in it", err, got, tt.says)
			}
			wellPunctuated(t, SentenceOf(err))
		})
	}
}

// TestODS_RepeatedRowsStayWithinTheLimits makes a gigabyte of rows out of a few kilobytes.
func TestODS_RepeatedRowsStayWithinTheLimits(t *testing.T) {
	rows := odsRow(odsText("a"))
	for range 20 {
		rows += `<table:table-row table:number-rows-repeated="10000">` + odsText(strings.Repeat("a", 10_000)) + `</table:table-row>`
	}
	content := odsOf(t, odsSheet("Un", rows))
	high := &highWater{ReaderAt: strings.NewReader(content)}
	dec, err := Decode(Input{Name: "f.ods", Size: int64(len(content)), ReaderAt: high}, DecodeOptions{})
	if err == nil {
		_, err = drain(dec)
	}
	if !strings.Contains(SentenceOf(err), "grossit démesurément") {
		t.Errorf("a document of %d bytes: %v", len(content), err)
	}
	if used := high.most - high.first; used > 150<<20 {
		t.Errorf("%d MiB above the start", used>>20)
	}
}

// benches is what all the workbooks of testdata/decode that are named after them hold, as other programs wrote it.
var benches = [][]string{
	{"B-001", "Banc de la place « Ronde »", "2024-03-12", "1234.5", "0.055", "true", "21470323900014", "deux\nlignes"},
	{"B-002", "Banc à l’€ symbolique", "1999-12-31", "-0.1", "1", "false", "21470323900022", "  bords  "},
	{"", "", "", "", "", "", "", ""},
	{"B-003", "Banc n°3", "2025-01-01", "1000000000000000", "0", "true", "12345678900011", ""},
}

func TestWorkbooks_OfOtherProgramsGiveTheSameCells(t *testing.T) {
	for _, name := range []string{"bancs.xls", "bancs-sans-sst.xls", "bancs.ods"} {
		t.Run(name, func(t *testing.T) {
			content, err := os.ReadFile(filepath.Join("testdata", "decode", name))
			if err != nil {
				t.Fatal(err)
			}
			opt := DecodeOptions{}
			if strings.HasSuffix(name, ".ods") {
				opt.Sheet = "Données" // this program does not write that a sheet is hidden
			}
			got, err := decodeAll(input(name, string(content)), opt)
			if err != nil {
				t.Fatal(err)
			}
			for i, r := range got.cells {
				got.cells[i] = append(slices.Clone(r[:3]), r[4:]...) // the times are not alike everywhere
			}
			if !slices.EqualFunc(got.cells, benches, slices.Equal) || got.info.HeaderRow != 3 || *got.info.Sheet != "Données" || len(got.faults) != 0 {
				t.Errorf("cells %q, want %q; %+v, %q", got.cells, benches, got.info, got.faults)
			}
		})
	}
}

func TestXLS_OfOtherPrograms(t *testing.T) {
	read := func(name string) (decoded, error) {
		return decodeAll(input(name, string(must(os.ReadFile(filepath.Join("testdata", "decode", name))))), DecodeOptions{})
	}
	if _, err := read("bancs-95.xls"); !strings.Contains(SentenceOf(err), "Excel 95") {
		t.Errorf("a workbook of Excel 95: %v", err)
	}
	got, err := read("voies.xls") // its shared texts take two records, in both encodings
	if err != nil {
		t.Fatal(err)
	}
	if len(got.cells) != 40 || *got.info.Sheet != "Voies" {
		t.Fatalf("%d rows, %+v", len(got.cells), got.info)
	}
	for i, r := range got.cells {
		n := i + 1
		want := fmt.Sprintf("Rue du Vieux-Four n° %d, cœur de ville, quartier de la Fontaine-aux-Oies et de la Vieille-Halle, devant les anciens lavoirs et le marché couvert, côté pair", n)
		if n%3 == 0 {
			want = fmt.Sprintf("Allee des Erables %d", n)
		}
		if day, _ := momentText(float64(45000+n), asDay, false); r[0] != fmt.Sprint(n) || r[1] != want || r[2] != day {
			t.Errorf("row %d = %q", n, r)
		}
	}
}

func TestODS_ReadsTheSharedSample(t *testing.T) {
	file := filepath.Join(samplesDir(t), "scdl-tabular", "aires-livraison-antibes.ods")
	got, err := decodeAll(input(file, string(must(os.ReadFile(file)))), DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.labels) != 24 || got.labels[0] != "ID" || got.labels[23] != "TARIF_PRIX" || len(got.cells) != 0 || *got.info.Sheet != "Feuille1" || got.info.HeaderRow != 1 {
		t.Errorf("labels %q, %d rows, %+v", got.labels, len(got.cells), got.info)
	}
}

func FuzzODS(f *testing.F) {
	f.Add(odsSheet("Un", odsRow(odsText("a"), odsValue("date", "2024-03-12T10:00:00", "x"))+`<table:table-row table:number-rows-repeated="3">`+odsValue("float", "1e3", "1")+`</table:table-row>`), "<m/>", 9)
	f.Add(odsSheet("Un", odsRow(odsText("a<text:s text:c=\"3\"/><text:tab/>b"), odsValue("time", "PT1H2M3.5S", "x"), `<table:covered-table-cell/>`, odsValue("boolean", "true", "x"))), "", 80)
	f.Add(`<table:table table:style-name="ta2"><table:table-row><table:table-cell table:number-columns-repeated="5" calcext:value-type="error"><text:p>#N/A</text:p></table:table-cell></table:table-row></table:table>`, "<encryption-data/>", -1)
	f.Fuzz(func(t *testing.T, sheets, manifest string, at int) {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for _, part := range [][2]string{{"mimetype", "application/vnd.oasis.opendocument.spreadsheet"}, {"META-INF/manifest.xml", manifest}, {"content.xml", odsHead + sheets + odsTail}} {
			w := must(z.CreateHeader(&zip.FileHeader{Name: part[0], Method: zip.Store}))
			must(io.WriteString(w, part[1]))
		}
		must(0, z.Close())
		content := b.String()
		if _, err := decodeAll(input("f.ods", content), DecodeOptions{}); err != nil && SentenceOf(err) == "" {
			t.Errorf("no sentence for %v", err)
		}
		broken := []byte(content)
		broken[max(at, -at-1)%len(broken)] ^= 0x55
		decodeAll(Input{Name: "f.ods", Size: int64(len(broken)), ReaderAt: bytes.NewReader(broken)}, DecodeOptions{})
	})
}
