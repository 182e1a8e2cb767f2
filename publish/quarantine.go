package publish

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"grenier/schemas"
)

// A quarantine is the file of refused records, for the person who will mend them in a spreadsheet: CSV with semicolons, a UTF-8 byte
// order mark and CR LF, so that it opens by a double click in a French Excel or LibreOffice. Its first columns say where the record
// came from and why it was refused; then come the cells as they were read, under their labels.
//
// A cell that a spreadsheet would take for a formula gets an apostrophe before it (SECURITY F-09); plain signed numbers do not. When a
// table is made of documents with different labels, a new header line stands where the labels change.
type quarantine struct {
	out     *output
	dialect csvDialect
	labels  []string // of the header in force
	line    []byte
}

// quarantineHead are the columns before the cells.
var quarantineHead = []string{"document", "ligne", "enregistrement", "raisons"}

func newQuarantine(dir string) (*quarantine, error) {
	out, err := newOutput(dir, ".csv")
	if err != nil {
		return nil, err
	}
	return &quarantine{out: out, dialect: newCSVDialect(';'), line: []byte("\ufeff")}, nil
}

func (q *quarantine) write(document string, labels []string, in *schemas.Block, rejects []schemas.Reject) error {
	if q.labels == nil || !slices.Equal(q.labels, labels) {
		q.header(labels, in.Width)
	}
	for _, r := range rejects {
		q.text(document)
		q.text(number(r.Line))
		q.text(number(r.Row))
		q.text(reasons(r.Issues))
		for c := range in.Width {
			q.cell(in.Cell(r.Record, c))
		}
		if err := q.endLine(); err != nil {
			return err
		}
		q.out.rows++
	}
	return nil
}

// header begins a part of the file whose cells stand under labels; cells beyond them are numbered.
func (q *quarantine) header(labels []string, width int) {
	q.labels = append([]string{}, labels...)
	for _, name := range quarantineHead {
		q.text(name)
	}
	for c := range max(width, len(labels)) {
		if c < len(labels) {
			q.text(labels[c])
		} else {
			q.text("colonne " + strconv.Itoa(c+1))
		}
	}
	q.endCells()
}

// text adds a cell that a person wrote or that we did.
func (q *quarantine) text(s string) { q.cell([]byte(s)) }

func (q *quarantine) cell(text []byte) {
	if looksLikeFormula(text) {
		text = append([]byte{'\''}, text...)
	}
	q.line = append(q.dialect.appendCell(q.line, text), ';')
}

func (q *quarantine) endCells() {
	q.line = append(q.line[:len(q.line)-1], '\r', '\n')
}

func (q *quarantine) endLine() error {
	q.endCells()
	_, err := q.out.buf.Write(q.line)
	q.line = q.line[:0]
	return err
}

// number writes a position, nothing for one that the syntax does not have.
func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// reasons says in one cell all that is wrong with a record: "siret : ce numéro… Attendu…".
func reasons(issues []schemas.Issue) string {
	var s strings.Builder
	for i, is := range issues {
		if i > 0 {
			s.WriteString(" | ")
		}
		if is.Field != "" {
			s.WriteString(is.Field + "\u00a0: ")
		}
		s.WriteString(is.Message)
		if is.Hint != "" {
			s.WriteString(" " + is.Hint)
		}
	}
	return s.String()
}

// looksLikeFormula tells whether a spreadsheet could run the cell: it begins with = @ tab CR LF, or with + or - and is no plain number.
func looksLikeFormula(text []byte) bool {
	if len(text) == 0 {
		return false
	}
	switch text[0] {
	case '=', '@', '\t', '\r', '\n':
		return true
	case '+', '-':
		return len(bytes.Trim(text[1:], "0123456789., \u00a0\u202f")) > 0
	}
	return false
}
