package harvest

import (
	"io"

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
	Format    string `yaml:"format"`    // csv, tsv, xlsx, json, "" is from the content, then the name
	Encoding  string `yaml:"encoding"`  // utf-8, windows-1252, iso-8859-15, cp850, macintosh, utf-16
	Delimiter string `yaml:"delimiter"` // one character, or "tab"
	Header    int    `yaml:"header"`    // physical line of the header from 1; 0: found
	Sheet     string `yaml:"sheet"`     // name of the sheet; "" is the first with content
	Records   string `yaml:"records"`   // JSON: dotted path to the array of records, "" is the root or its only array

	Want      []string             `yaml:"-"` // labels the schema or the mapping knows, to recognise header and delimiter
	Documents []schemas.RecordPath `yaml:"-"` // for a Document schema: where its records are
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
func Decode(in Input, opt DecodeOptions) (Decoder, error) { panic("not written yet") }
