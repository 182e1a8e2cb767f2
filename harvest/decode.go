package harvest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"grenier/schemas"
)

// An Input is one document's bytes, at hand. Decoders may read it several times.
type Input struct {
	Name      string
	MediaType string
	Size      int64
	io.ReaderAt
}

// DecodeOptions are a recipe's `decode` section. Zero values mean: find out.
type DecodeOptions struct {
	Format    string `yaml:"format"`    // csv, tsv, xlsx, ods, xls, json, "" is from the content, then the name
	Encoding  string `yaml:"encoding"`  // utf-8, windows-1252, iso-8859-15, cp850, macintosh, utf-16
	Delimiter string `yaml:"delimiter"` // one character, or "tab"
	Header    int    `yaml:"header"`    // physical line of the header from 1; 0: found
	Sheet     string `yaml:"sheet"`     // name of the sheet; "" is the first with content
	Records   string `yaml:"records"`   // JSON: dotted path to the array of records, "" is the root or its only array

	Want      []string             `yaml:"-"` // labels the schema or the mapping knows, to recognise header and delimiter
	Documents []schemas.RecordPath `yaml:"-"` // for a Document schema: where its records are

	// Tentative says that what is decoded can be thrown away: Next may fail because the end of the document contradicts the encoding that its
	// beginning shows, and then the document is to be decoded again without it. Most are then read only once.
	Tentative bool `yaml:"-"`
}

// A Decoder reads one document. It is used by one goroutine.
type Decoder interface {
	// Labels are the column names as found, in NFC, in the document's order; for a Document schema: "path", "json".
	Labels() []string
	// Info says how the document was read.
	Info() schemas.SourceInfo
	// Next fills b with the next records. io.EOF, with an empty block, after the last one. Another error means that the rest
	// of the document cannot be read at all: nothing of it may be published.
	Next(b *schemas.Block) error
}

// Decode recognises the syntax of in and opens its decoder. Errors carry a French Sentence: empty file, HTML login page
// instead of a file, binary, unknown format, unreadable archive.
func Decode(in Input, opt DecodeOptions) (Decoder, error) {
	dec, err := decode(in, opt, true)
	if err == nil {
		return dec, nil
	}
	var s *Sentence
	if !errors.As(err, &s) {
		err = Say("Le fichier reçu n’a pas pu être lu jusqu’au bout. Vérifiez que le dépôt du fichier est terminé, puis recommencez.", err)
	}
	return nil, fmt.Errorf("decode %s: %w", in.Name, err)
}

// decode opens the decoder of in; packed says that in may be a gzip archive.
func decode(in Input, opt DecodeOptions, packed bool) (Decoder, error) {
	head := make([]byte, min(in.Size, 4096))
	if err := readFull(in, head, 0); err != nil {
		return nil, err
	}
	seen, err := sniff(head)
	if err != nil {
		return nil, err
	}
	if seen == "gzip" {
		if !packed {
			return nil, Say("L’archive gzip en contient une autre. Fournissez le fichier compressé une seule fois.", errors.New("gzip in gzip"))
		}
		return decodeGzip(in, opt)
	}
	format, err := settleFormat(seen, in, opt)
	if err != nil {
		return nil, err
	}
	switch format {
	case "zip":
		return decodeZip(in, opt)
	case "xls":
		return decodeXLS(in, opt)
	case "xml":
		return decodeXML(in, opt)
	case "json":
		return decodeJSON(in, opt)
	}
	return decodeCSV(in, opt, format == "tsv")
}

// sniff tells from a document's first bytes what it is: gzip, zip (XLSX, ODS), xls (any compound file), xml, json or text. What cannot be read is an error.
func sniff(head []byte) (string, error) {
	switch {
	case len(bytes.Trim(trimMark(head), " \t\r\n\x00")) == 0 && len(head) < 4096:
		return "", Say("Le fichier est vide : il n’y a rien à publier. Vérifiez l’export du logiciel.", errors.New("empty document"))
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return "gzip", nil
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return "zip", nil
	case bytes.HasPrefix(head, []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")):
		return "xls", nil
	case bytes.HasPrefix(head, []byte("%PDF-")):
		return "", Say("Le fichier reçu est un document PDF, dont les données ne peuvent pas être lues. Fournissez l’export en CSV ou en XLSX.", errors.New("pdf document"))
	case looksBinary(head):
		return "", Say("Le fichier n’est ni un tableau ni du texte : son contenu n’est pas lisible ici. Fournissez l’export en CSV, en XLSX ou en JSON.", errors.New("binary document"))
	}
	body := bytes.TrimLeft(bytes.ReplaceAll(trimMark(head), []byte{0}, nil), " \t\r\n")
	if err := markup(body); err != nil {
		return "", err
	}
	if looksXML(body) {
		return "xml", nil
	}
	if looksJSON(body) {
		return "json", nil
	}
	return "text", nil
}

func trimMark(head []byte) []byte {
	for _, mark := range []string{bomUTF8, bomLE, bomBE} {
		head = bytes.TrimPrefix(head, []byte(mark))
	}
	return head
}

// decodeZip opens the workbook that a zip archive is.
func decodeZip(in Input, opt DecodeOptions) (Decoder, error) {
	a, err := openArchive(in)
	if err != nil {
		return nil, err
	}
	format, err := a.workbookFormat()
	if err != nil {
		return nil, err
	}
	if asked := strings.ToLower(opt.Format); asked != "" && asked != format {
		return nil, contradiction(asked, "un classeur "+strings.ToUpper(format))
	}
	if format == "ods" {
		return decodeODS(a, in, opt)
	}
	return decodeXLSX(a, in, opt)
}

var errEncrypted = Say("Le classeur est protégé par un mot de passe : son contenu ne peut pas être lu. Enregistrez-le sans mot de passe.", errors.New("encrypted workbook"))

// looksBinary tells whether head is no text: control characters that no text has, or NULs outside UTF-16.
func looksBinary(head []byte) bool {
	if bytes.HasPrefix(head, []byte(bomLE)) || bytes.HasPrefix(head, []byte(bomBE)) || nakedOrder(head) != nil {
		return false
	}
	odd := 0
	for _, c := range head {
		if c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1a {
			odd++
		}
	}
	return odd > 4+len(head)/20
}

// looksXML tells XML from a text that begins with a sign.
func looksXML(body []byte) bool {
	if len(body) < 2 || body[0] != '<' {
		return false
	}
	c := body[1] | 0x20
	return body[1] == '?' || body[1] == '!' || c >= 'a' && c <= 'z'
}

// markup refuses web pages.
func markup(body []byte) error {
	if len(body) < 2 || body[0] != '<' {
		return nil
	}
	lower := bytes.ToLower(body)
	for _, sign := range []string{"<!doctype html", "<html", "<head", "<body", "<script", "<title", "<table"} {
		if i := bytes.Index(lower, []byte(sign)); i == 0 || i > 0 && bytes.HasPrefix(lower, []byte("<?xml")) || i > 0 && bytes.HasPrefix(lower, []byte("<!--")) {
			return Say("Grenier a reçu une page web au lieu d’un fichier : souvent une page de connexion ou d’erreur. Rien n’en est publié. Vérifiez l’adresse et les droits d’accès.",
				errors.New("html page instead of a document"))
		}
	}
	return nil
}

// looksJSON tells a JSON document from a table whose first label begins with a bracket.
func looksJSON(body []byte) bool {
	if len(body) == 0 {
		return false
	}
	next := bytes.TrimLeft(body[1:], " \t\r\n")
	switch body[0] {
	case '{':
		return len(next) == 0 || next[0] == '"' || next[0] == '}'
	case '[':
		return len(next) == 0 || bytes.IndexByte([]byte(`{["]-0123456789`), next[0]) >= 0 ||
			bytes.HasPrefix(next, []byte("null")) || bytes.HasPrefix(next, []byte("true")) || bytes.HasPrefix(next, []byte("false"))
	}
	return false
}

// settleFormat names the format: what the recipe says where the content allows it, else the content, else the media type and the name.
func settleFormat(seen string, in Input, opt DecodeOptions) (string, error) {
	asked := strings.ToLower(opt.Format)
	if asked != "" && !slices.Contains(decodeFormats, asked) {
		return "", Say(fmt.Sprintf("Le format « %s » n’est pas connu. Choisissez csv, tsv, xlsx, ods, xls, xml ou json.", opt.Format), fmt.Errorf("unknown format %q", opt.Format))
	}
	book, got := seen == "zip" || seen == "xls", map[string]string{"zip": "un classeur ou une archive ZIP", "xls": "un classeur Excel ancien (.xls)", "text": "du texte"}[seen]
	switch {
	case seen == "xml" && (asked == "" || asked == "xml"):
		return "xml", nil
	case seen == "xml":
		return "", contradiction(asked, "du XML")
	case asked == "xml":
		return "", contradiction("xml", "autre chose")
	case len(opt.Documents) > 0 && seen != "json":
		return "", contradiction("json", got)
	case seen == "xls" && asked != "" && asked != "xls", seen == "zip" && asked != "" && asked != "xlsx" && asked != "ods":
		return "", contradiction(asked, got)
	case !book && slices.Contains([]string{"xlsx", "ods", "xls"}, asked):
		return "", contradiction(asked, "du texte")
	}
	said := announced(in)
	switch {
	case book:
		return seen, nil
	case asked == "csv" || asked == "tsv":
		return asked, nil
	case asked != "" || seen == "json":
		return "json", nil
	case said == "json":
		return "", contradiction("json", "du texte")
	case said == "tsv":
		return "tsv", nil
	}
	return "csv", nil
}

func contradiction(want, got string) error {
	return Say(fmt.Sprintf("Un fichier %s était attendu et c’est %s qui est arrivé. Rien n’en est publié. Vérifiez l’adresse et l’export du logiciel.", strings.ToUpper(want), got),
		fmt.Errorf("%s expected, got something else", want))
}

// announced is the format that the media type or the name tells, "" when they tell none.
func announced(in Input) string {
	media, _, _ := strings.Cut(strings.ToLower(in.MediaType), ";")
	switch media = strings.TrimSpace(media); {
	case media == "application/json", strings.HasSuffix(media, "+json"), strings.HasSuffix(media, "ndjson"):
		return "json"
	case media == "text/tab-separated-values":
		return "tsv"
	}
	switch name, _, _ := strings.Cut(in.Name, "?"); strings.ToLower(path.Ext(name)) {
	case ".json", ".geojson", ".ndjson", ".jsonl":
		return "json"
	case ".tsv", ".tab":
		return "tsv"
	}
	return ""
}

// errNoRecords is a document that is sound and empty, in a syntax that has no header: an emptied source, which the gate holds.
var errNoRecords = errors.New("document without records")
