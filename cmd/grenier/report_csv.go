package main

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"grenier/schemas"
)

// A cellList writes one line of CSV for every error while files are judged: nothing is kept, nothing is capped.
type cellList struct {
	csv      *csv.Writer
	document bool   // the file's name comes first
	file     string // being judged
}

// newCellList writes the header. many says that the list is about several files.
func newCellList(w io.Writer, many bool, language string) *cellList {
	l := &cellList{csv: csv.NewWriter(w), document: many}
	head := []string{"fichier", "ligne", "enregistrement", "numéro de colonne", "colonne", "valeur", "type", "message", "conseil"}
	if language == "en" {
		head = []string{"file", "line", "row", "column number", "column", "value", "type", "message", "hint"}
	}
	l.write(head)
	return l
}

// add writes one error.
func (l *cellList) add(i schemas.Issue) {
	kind := i.Type
	if i.Constraint != "" {
		kind += "/" + i.Constraint
	}
	file := l.file
	if i.Document != "" {
		file += " : " + i.Document
	}
	l.write([]string{file, positive(i.Line), positive(i.Row), positive(int64(i.Column)), i.Field, i.Cell, kind, i.Message, i.Hint})
}

func (l *cellList) write(cells []string) {
	if !l.document {
		cells = cells[1:]
	}
	for k, c := range cells {
		if looksLikeFormula(c) {
			cells[k] = "'" + c
		}
	}
	l.csv.Write(cells) // the error stays until end
}

// end tells what went wrong with the writing.
func (l *cellList) end() error {
	l.csv.Flush()
	return l.csv.Error()
}

func positive(n int64) string {
	if n <= 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// looksLikeFormula tells whether a spreadsheet could run a cell, by the rule of the files of refused rows: it begins with = @ tab CR LF,
// or with + or - and is no plain number.
func looksLikeFormula(s string) bool {
	if s == "" {
		return false
	}
	switch s[0] {
	case '=', '@', '\t', '\r', '\n':
		return true
	case '+', '-':
		return strings.Trim(s[1:], "0123456789., \u00a0\u202f") != ""
	}
	return false
}
