// Package publishtest holds the suites that every format and every blob store passes.
package publishtest

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"grenier/schemas"
)

// Null stands for a cell without value in what a format is read back to.
const Null = "\x00"

// Schema makes a schema of the given columns, with the comma and the usual missing value.
func Schema(fields ...schemas.Field) *schemas.Schema {
	return &schemas.Schema{
		ID:            "essai/table@1.0.0",
		Form:          schemas.Table,
		Title:         "Table d’essai",
		URL:           "https://exemple.fr/schema.json",
		Delimiter:     ',',
		Fields:        fields,
		MissingValues: []string{""},
	}
}

// Batch makes the batch that a Checker would make of rows that are all right. Cells are canonical texts: 12, 1.5, true, 2026-11-23,
// 2026-11-23T10:30:00 or with Z; one among the missing values has no value. It panics on a cell that is none.
func Batch(s *schemas.Schema, rows [][]string) *schemas.Batch {
	b := &schemas.Batch{Schema: s, Rows: len(rows), Columns: make([]schemas.Column, len(s.Fields))}
	for c := range s.Fields {
		b.Columns[c].Physical = s.Fields[c].Physical()
	}
	for r, row := range rows {
		if len(row) != len(s.Fields) {
			panic(fmt.Sprintf("publishtest: row %d has %d cells for %d columns", r, len(row), len(s.Fields)))
		}
		for c, text := range row {
			add(b, &b.Columns[c], text, Missing(s, &s.Fields[c], text))
		}
		b.Row, b.Line = append(b.Row, int64(r+2)), append(b.Line, int64(r+2))
	}
	return b
}

// Missing tells whether the text of a cell means "no value".
func Missing(s *schemas.Schema, f *schemas.Field, text string) bool {
	missing := s.MissingValues
	if f.Options.MissingValues != nil {
		missing = f.Options.MissingValues
	}
	return slices.Contains(missing, text)
}

func add(b *schemas.Batch, col *schemas.Column, text string, null bool) {
	v := value{}
	if null {
		text = ""
	} else {
		v = parse(col.Physical, text)
	}
	col.Valid = append(col.Valid, !null)
	col.Text = append(col.Text, schemas.Span{Off: uint32(len(b.Data)), Len: uint32(len(text))})
	b.Data = append(b.Data, text...)
	switch col.Physical {
	case schemas.Int64, schemas.Days, schemas.Micros:
		col.Ints = append(col.Ints, v.n)
	case schemas.Float:
		col.Floats = append(col.Floats, v.f)
	case schemas.Bool:
		col.Bools = append(col.Bools, v.b)
	}
}

// A value is a cell read as its column's type.
type value struct {
	n int64
	f float64
	b bool
}

func parse(p schemas.Physical, text string) (v value) {
	var err error
	var t time.Time
	switch p {
	case schemas.Int64:
		v.n, err = strconv.ParseInt(text, 10, 64)
	case schemas.Float:
		v.f, err = strconv.ParseFloat(text, 64)
	case schemas.Bool:
		v.b, err = strconv.ParseBool(text)
	case schemas.Days:
		t, err = time.Parse(time.DateOnly, text)
		v.n = t.Unix() / 86400
	case schemas.Micros:
		if t, err = time.Parse("2006-01-02T15:04:05", text); err != nil {
			t, err = time.Parse(time.RFC3339, text)
		}
		v.n = t.UnixMicro()
	}
	if err != nil {
		panic("publishtest: " + err.Error())
	}
	return v
}
