package publish

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"grenier/schemas"
)

func init() {
	register(Format{
		Name:      "csv-excel",
		Ext:       ".excel.csv",
		MediaType: "text/csv",
		FileType:  "CSV",
		Title:     "CSV pour Excel",
		Use:       "Excel ou LibreOffice, par un double-clic\u00a0; les identifiants gardent leurs zéros",
		New:       newExcelCSV,
		Twins:     true,
	})
}

// excelDigits is how many digits a number keeps in a spreadsheet.
const excelDigits = 15

// An excelCSVWriter writes the CSV that opens right by a double click in a French spreadsheet: UTF-8 with a byte order mark, semicolons, CR LF,
// the comma in decimals, dates as the canonical CSV has them.
//
// A spreadsheet reads a CSV by guessing: 06800 becomes 6800, 3-4 the third of April, 21990004000014 turns to 2,199E+13. Texts that could be
// taken for a number, a date or a truth value are therefore written ="06800", which spreadsheets show as 06800. A text that could be
// taken for a formula gets an apostrophe before it (SECURITY F-09), as does one that would read like such a text.
// The canonical CSV is the file for programs.
type excelCSVWriter struct {
	w      io.Writer
	schema *schemas.Schema
	csv    csvDialect
	nulls  []string
	buf    []byte
	cell   []byte // scratch
}

func newExcelCSV(w io.Writer, s *schemas.Schema, _ Meta) (BatchWriter, error) {
	if len(s.Fields) == 0 {
		return nil, fmt.Errorf("schema %s has no column", s.ID)
	}
	e := &excelCSVWriter{w: w, schema: s, csv: newCSVDialect(';'), buf: []byte("\ufeff")}
	for i := range s.Fields {
		e.nulls = append(e.nulls, nullText(s, &s.Fields[i]))
		e.put(i, e.safe([]byte(s.Fields[i].Name)))
	}
	e.buf = append(e.buf, '\r', '\n')
	return e, nil
}

func (e *excelCSVWriter) WriteBatch(b *schemas.Batch) error {
	if len(b.Columns) != len(e.nulls) {
		return fmt.Errorf("write csv for excel: batch of %d columns, schema has %d", len(b.Columns), len(e.nulls))
	}
	for r := range b.Rows {
		for c := range b.Columns {
			if b.Columns[c].Valid[r] {
				e.put(c, e.value(b, c, r))
			} else {
				e.put(c, []byte(e.nulls[c]))
			}
		}
		e.buf = append(e.buf, '\r', '\n')
		if len(e.buf) >= csvBuffer {
			if err := e.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// put appends a cell and the semicolon before it. An empty cell that is the whole line is quoted: readers skip blank lines.
func (e *excelCSVWriter) put(i int, text []byte) {
	switch {
	case i > 0:
		e.buf = append(e.buf, ';')
	case len(text) == 0 && len(e.schema.Fields) == 1:
		e.buf = append(e.buf, '"', '"')
		return
	}
	e.buf = e.csv.appendCell(e.buf, text)
}

// value is the text of a cell that has one.
func (e *excelCSVWriter) value(b *schemas.Batch, c, r int) []byte {
	col, text := &b.Columns[c], b.TextAt(c, r)
	switch col.Physical {
	case schemas.Int64:
		if keepsDigits(text) {
			return text
		}
		return e.literal(text)
	case schemas.Float:
		return e.decimal(text, col.Floats[r])
	case schemas.Bool, schemas.Days, schemas.Micros:
		return text
	}
	if isGuessed(text) {
		return e.literal(text)
	}
	return e.safe(text)
}

// decimal writes a number with a comma.
func (e *excelCSVWriter) decimal(text []byte, f float64) []byte {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return e.literal(text)
	case isJSONNumber(text):
		e.cell = append(e.cell[:0], text...)
	default:
		e.cell = strconv.AppendFloat(e.cell[:0], f, 'g', -1, 64)
	}
	if i := bytes.IndexByte(e.cell, '.'); i >= 0 {
		e.cell[i] = ','
	}
	return e.cell
}

// literal writes a text so that a spreadsheet keeps it: ="06800".
func (e *excelCSVWriter) literal(text []byte) []byte {
	e.cell = append(append(append(e.cell[:0], '=', '"'), text...), '"')
	return e.cell
}

// safe puts an apostrophe before a text that a spreadsheet could run, and before one that would otherwise read like such a text.
func (e *excelCSVWriter) safe(text []byte) []byte {
	if !looksLikeFormula(bytes.TrimLeft(text, "'")) {
		return text
	}
	e.cell = append(append(e.cell[:0], '\''), text...)
	return e.cell
}

func (e *excelCSVWriter) flush() error {
	_, err := e.w.Write(e.buf)
	e.buf = e.buf[:0]
	if err != nil {
		return fmt.Errorf("write csv for excel: %w", err)
	}
	return nil
}

func (e *excelCSVWriter) Close() error {
	if len(e.buf) == 0 {
		return nil
	}
	return e.flush()
}

// keepsDigits tells whether a spreadsheet shows all digits of an integer: not so many that it rounds, no zero in front.
func keepsDigits(text []byte) bool {
	digits := bytes.TrimLeft(text, "+-")
	return len(digits) <= excelDigits && (len(digits) < 2 || digits[0] != '0')
}

// excelWords are the words that a French or an English spreadsheet reads in numbers, dates and truth values.
var excelWords = func() map[string]bool {
	words := map[string]bool{}
	for _, w := range strings.Fields(`e am pm
		janvier janv jan février févr fév fevrier fevr fev mars mar avril avr mai juin jun juillet juil jul août aout aoû
		septembre sept sep octobre oct novembre nov décembre déc decembre dec
		january february feb march april apr may june july august aug september october november december
		eur kf lundi mardi mercredi jeudi vendredi samedi dimanche`) {
		words[w] = true
	}
	return words
}()

// excelTruths are the texts without digit that are taken for truth values or errors.
var excelTruths = map[string]bool{"true": true, "false": true, "vrai": true, "faux": true}

// isGuessed tells whether a spreadsheet could take a text for a number, a date, a time or a truth value. It rather says so of one text too many:
// what is marked so shows unchanged.
func isGuessed(text []byte) bool {
	const longest = 255 // of a text in a formula
	if len(text) == 0 || len(text) > longest {
		return false
	}
	digits, small := false, [24]byte{}
	for i := 0; i < len(text); {
		char, size := utf8.DecodeRune(text[i:])
		switch {
		case char >= '0' && char <= '9':
			digits = true
		case unicode.IsLetter(char):
			word, n := appendLowerWord(small[:0], text[i:])
			if !excelWords[string(word)] {
				return n == len(text) && excelTruths[string(word)]
			}
			size = n
		case !strings.ContainsRune("+-.,/: %€$£()'’\u00a0\u202f", char):
			return false
		}
		i += size
	}
	return digits
}

// appendLowerWord appends the word that text begins with to dst, in small letters, and returns its length; only that of a word which is too
// long for dst.
func appendLowerWord(dst, text []byte) (word []byte, n int) {
	for n < len(text) {
		char, size := utf8.DecodeRune(text[n:])
		if !unicode.IsLetter(char) {
			break
		}
		if n += size; len(dst)+utf8.UTFMax > cap(dst) {
			return nil, n
		}
		dst = utf8.AppendRune(dst, unicode.ToLower(char))
	}
	return dst, n
}
