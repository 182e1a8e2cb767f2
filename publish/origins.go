package publish

import (
	"fmt"
	"time"

	"grenier/schemas"
)

// The columns of an origins file, in order.
const (
	originDocument = iota // the name said to Draft.Document; no value when none was
	originLine            // physical line, or the record number when the syntax has no lines
	originRank            // arrival number from 0, which is the row of the canonical CSV
	originYear            // calendar year of Series.Year; no value when the schema has no such column, or the cell is empty
)

// originsSchema describes an origins file: a Parquet file of the program's own that tells, row for row in the order of the Parquet file of the
// same draft and with the same row groups, where each row came from.
var originsSchema = &schemas.Schema{
	ID: "grenier/origines@1.0.0", Form: schemas.Table, Title: "Origine des lignes", Delimiter: ',', MissingValues: []string{""},
	Fields: []schemas.Field{
		originDocument: {Name: "document", Type: schemas.String, Format: "default"},
		originLine:     {Name: "line", Type: schemas.Integer, Format: "default"},
		originRank:     {Name: "rank", Type: schemas.Integer, Format: "default"},
		originYear:     {Name: "year", Type: schemas.Integer, Format: "default"},
	},
}

// origins writes an origins file. The Parquet file that it goes with says when a row group ends, and in which order its rows are.
type origins struct {
	out   *output
	file  *parquetWriter
	batch schemas.Batch // the origins of the batch being written
	year  int           // column of the schema, -1
	rank  int64
}

func newOrigins(dir string, s *schemas.Schema) (*origins, error) {
	out, err := newOutput(dir, ".parquet")
	if err != nil {
		return nil, err
	}
	o := &origins{out: out, year: yearColumn(s), file: &parquetWriter{w: out.buf, schema: originsSchema}}
	o.batch.Columns = make([]schemas.Column, len(originsSchema.Fields))
	for i := range o.batch.Columns {
		o.batch.Columns[i].Physical = originsSchema.Fields[i].Physical()
	}
	if orderOf(s) != nil {
		o.file.share()
	}
	if _, err := beginParquet(o.file); err != nil {
		out.discard()
		return nil, err
	}
	return o, nil
}

// document names the document that the next rows come from.
func (o *origins) document(name string) { o.batch.Data = append(o.batch.Data[:0], name...) }

// fill makes the origins of the rows of b.
func (o *origins) fill(b *schemas.Batch) {
	o.batch.Rows = b.Rows
	for i := range o.batch.Columns {
		c := &o.batch.Columns[i]
		c.Valid, c.Text, c.Ints = c.Valid[:0], c.Text[:0], c.Ints[:0]
	}
	name := schemas.Span{Len: uint32(len(o.batch.Data))}
	document, line, rank := &o.batch.Columns[originDocument], &o.batch.Columns[originLine], &o.batch.Columns[originRank]
	for r := range b.Rows {
		document.Valid, document.Text = append(document.Valid, name.Len > 0), append(document.Text, name)
		n := b.Line[r]
		if n <= 0 {
			n = b.Row[r]
		}
		line.Valid, line.Ints = append(line.Valid, true), append(line.Ints, n)
		rank.Valid, rank.Ints = append(rank.Valid, true), append(rank.Ints, o.rank)
		o.rank++
	}
	o.fillYears(b)
}

func (o *origins) fillYears(b *schemas.Batch) {
	year := &o.batch.Columns[originYear]
	for r := range b.Rows {
		known := o.year >= 0 && b.Columns[o.year].Valid[r]
		y := int64(0)
		if known {
			y = calendarYear(b.Columns[o.year].Physical, b.Columns[o.year].Ints[r])
		}
		year.Valid, year.Ints = append(year.Valid, known), append(year.Ints, y)
	}
}

// press closes the file; its key names its content like any other.
func (o *origins) press(d *Draft) (Pressed, error) {
	if err := o.file.Close(); err != nil {
		return Pressed{}, err
	}
	o.out.rows = o.rank
	return d.press(o.out, "", "origins", ".parquet")
}

// yearColumn is the column whose calendar years divide tables of s, -1 for none.
func yearColumn(s *schemas.Schema) int {
	c := s.Field(s.Series.Year)
	if c >= 0 {
		switch s.Fields[c].Physical() {
		case schemas.Int64, schemas.Days, schemas.Micros:
			return c
		}
	}
	return -1
}

// calendarYear is the year of a cell of a year column.
func calendarYear(p schemas.Physical, v int64) int64 {
	switch p {
	case schemas.Days:
		return yearOfDay(v)
	case schemas.Micros:
		const day = int64(24 * time.Hour / time.Microsecond)
		if v < 0 {
			v -= day - 1
		}
		return yearOfDay(v / day)
	}
	return v
}

// yearOfDay is the year of a day counted from 1970-01-01.
func yearOfDay(day int64) int64 { return int64(time.Unix(86400*day, 0).UTC().Year()) }

// endGroup ends the row group when that of the Parquet file ends, with its order and its pages.
func (o *origins) endGroup(order []int32, ends []int) error {
	if err := o.file.endGroup(order, ends); err != nil {
		return fmt.Errorf("write origins: %w", err)
	}
	return nil
}
