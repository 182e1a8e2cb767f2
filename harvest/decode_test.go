package harvest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"grenier/schemas"
)

// packed is content as a gzip document.
func packed(t testing.TB, content string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	must(io.WriteString(z, content))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestDecode_RecognisesContentBeforeNames(t *testing.T) {
	book := workbookOf(t, func(f *excelize.File) { put(f, "Sheet1", 1, "a", "b"); put(f, "Sheet1", 2, "1", "2") })
	tests := []struct {
		name, file, media, content string
		opt                        DecodeOptions
		format, delimiter          string
	}{
		{name: "csv", file: "x.csv", content: "a,b\n1,2\n", format: "csv", delimiter: ","},
		{name: "csv named xls", file: "x.xls", content: "a\tb\n1\t2\n", format: "csv", delimiter: "\t"},
		{name: "xlsx named csv", file: "x.csv", content: book, format: "xlsx"},
		{name: "json named csv", file: "x.csv", content: `[{"a":1,"b":2}]`, format: "json"},
		{name: "json without name", file: "export?id=3", media: "text/plain", content: ` {"x":[{"a":1,"b":2}]}`, format: "json"},
		{name: "tabs by the media type", file: "x", media: "text/tab-separated-values; charset=utf-8", content: "a,x\tb,y\n1\t2\n", format: "csv", delimiter: "\t"},
		{name: "tabs by the name", file: "x.tsv?download", content: "a,x\tb,y\n1\t2\n", format: "csv", delimiter: "\t"},
		{name: "csv that was told", file: "x.json", opt: DecodeOptions{Format: "CSV"}, content: "{\"a\";b\n1;2\n", format: "csv", delimiter: ";"},
		{name: "gzip", file: "x.csv.gz", content: packed(t, "a;b\n1;2\n"), format: "csv", delimiter: ";"},
		{name: "gzip of json", file: "x", media: "application/gzip", content: packed(t, `[{"a":1,"b":2}]`), format: "json"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := input(tt.file, tt.content)
			in.MediaType = tt.media
			got, err := decodeAll(in, tt.opt)
			if err != nil {
				t.Fatal(err)
			}
			if got.info.Format != tt.format || got.info.Delimiter != tt.delimiter || got.info.Bytes != in.Size || len(got.labels) != 2 || len(got.cells) != 1 {
				t.Errorf("read as %+v: %q %q", got.info, got.labels, got.cells)
			}
		})
	}
}

func TestDecode_RefusesWithASentence(t *testing.T) {
	book := workbookOf(t, func(f *excelize.File) { put(f, "Sheet1", 1, "a", "b") })
	tests := []struct {
		name, file, content string
		opt                 DecodeOptions
		says                string
	}{
		{name: "empty", content: "", says: "Le fichier est vide"},
		{name: "a mark only", content: "\ufeff\r\n", says: "Le fichier est vide"},
		{name: "blank lines only", content: strings.Repeat(" \n", 5000), says: "lignes vides"},
		{name: "login page", content: "\n<!DOCTYPE HTML PUBLIC \"x\">\n<html><body>Connexion</body></html>", says: "une page web au lieu d’un fichier"},
		{name: "page without doctype", content: "<HTML lang=fr>", says: "une page web"},
		{name: "page declared as XML", content: "<?xml version=\"1.0\"?>\n<html xmlns=\"x\">", says: "une page web"},
		{name: "page behind a comment", content: "<!-- saved -->\n<html>", says: "une page web"},
		{name: "table of a web page named xls", file: "x.xls", content: "<table><tr><td>a</td></tr></table>", says: "une page web"},
		{name: "page in UTF-16", content: "\xff\xfe<\x00h\x00t\x00m\x00l\x00>\x00", says: "une page web"},
		{name: "xml", file: "Marche.xml", content: "<?xml version=\"1.0\"?><marches><marche/></marches>", says: "ne se lit qu’avec le schéma"},
		{name: "pdf", content: "%PDF-1.7\n%âãÏÓ\n", says: "PDF"},
		{name: "legacy excel", file: "x.xls", content: "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + strings.Repeat("\x00", 600), says: "incomplet ou abîmé"},
		{name: "locked excel", file: "x.xlsx", content: compound(t, "EncryptedPackage", "x"), says: "mot de passe"},
		{name: "picture", content: "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + strings.Repeat("\x01\x02\x00\x03", 50), says: "ni un tableau ni du texte"},
		{name: "text instead of json", file: "x.json", content: "Not found", says: "Un fichier JSON était attendu et c’est du texte"},
		{name: "csv for a document schema", content: "a,b\n", opt: DecodeOptions{Documents: []schemas.RecordPath{{Path: "marches"}}}, says: "Un fichier JSON était attendu"},
		{name: "workbook instead of csv", content: book, opt: DecodeOptions{Format: "csv"}, says: "Un fichier CSV était attendu"},
		{name: "text instead of a workbook", content: "a,b\n", opt: DecodeOptions{Format: "xlsx"}, says: "Un fichier XLSX était attendu"},
		{name: "old workbook instead of csv", content: compound(t, "Workbook", ""), opt: DecodeOptions{Format: "csv"}, says: "un classeur Excel ancien"},
		{name: "workbook of another format", content: book, opt: DecodeOptions{Format: "ods"}, says: "Un fichier ODS était attendu et c’est un classeur XLSX"},
		{name: "old workbook in gzip", content: packed(t, compound(t, "Workbook", "")), says: "une seule fois"},
		{name: "unknown format", content: "a,b\n", opt: DecodeOptions{Format: "dbf"}, says: "n’est pas connu"},
		{name: "unknown encoding", content: "a,b\n", opt: DecodeOptions{Encoding: "ebcdic"}, says: "n’est pas connu"},
		{name: "two delimiters", content: "a,b\n", opt: DecodeOptions{Delimiter: ";;"}, says: "ne convient pas"},
		{name: "header beyond the end", content: "a,b\n", opt: DecodeOptions{Header: 9}, says: "ligne\u00a09"},
		{name: "header too wide", content: strings.Repeat("a,", 5000) + "a\n", says: "la limite est de"},
		{name: "gzip cut", content: packed(t, strings.Repeat("a,b\n", 100))[:30], says: "L’archive gzip est incomplète"},
		{name: "gzip in gzip", content: packed(t, packed(t, "a,b\n")), says: "une seule fois"},
		{name: "workbook in gzip", content: packed(t, book), says: "une seule fois"},
		{name: "gzip bomb", content: packed(t, strings.Repeat("a,b\n", 16<<20)), says: "grossit démesurément"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := input(tt.file, tt.content)
			_, err := decodeAll(in, tt.opt)
			if got := SentenceOf(err); err == nil || !strings.Contains(got, tt.says) {
				t.Errorf("error %v, sentence %q, want %q in it", err, got, tt.says)
			}
			wellPunctuated(t, SentenceOf(err))
		})
	}
}

// unreliable fails from an offset on.
type unreliable struct {
	io.ReaderAt
	from int64
}

var errDisk = errors.New("disk trouble")

func (u unreliable) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > u.from {
		return 0, errDisk
	}
	return u.ReaderAt.ReadAt(p, off)
}

func TestDecode_TellsReadErrorsFromBadFiles(t *testing.T) {
	content := "a;b\n" + strings.Repeat("1;2\n", 500_000)
	for name, content := range map[string]string{"f.csv": content, "f.json": "[" + strings.Repeat(`{"a":1},`, 200_000) + `{"a":1}]`} {
		in := Input{Name: name, Size: int64(len(content)), ReaderAt: unreliable{strings.NewReader(content), 1 << 20}}
		if _, err := decodeAll(in, DecodeOptions{}); !errors.Is(err, errDisk) || SentenceOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// wellPunctuated checks that a sentence for readers keeps its punctuation with its words.
func wellPunctuated(t *testing.T, sentence string) {
	t.Helper()
	for _, bad := range []string{" :", " ;", " ?", " !", "« ", " »", "'"} {
		if strings.Contains(sentence, bad) {
			t.Errorf("%q in the sentence %q", bad, sentence)
		}
	}
}
