package publish

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"grenier/schemas"

	"github.com/parquet-go/parquet-go/format"
)

// smallPart is the largest file of a part that is read at once: its columns then lie in memory, and a far store is asked once.
const smallPart = 8 << 20

// errOrigins says that an origins file does not belong to the table beside it.
var errOrigins = errors.New("origins file does not fit its table")

// memory is a file, or some columns, in memory.
type memory []byte

func (m memory) ReadAt(p []byte, at int64) (int, error) {
	if at < 0 || at > int64(len(m)) {
		return 0, io.ErrUnexpectedEOF
	}
	n := copy(p, m[at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// A partFile is one Parquet file of a part, opened.
type partFile struct {
	key    string
	r      io.ReaderAt
	blob   Blob
	table  *Table
	groups []format.RowGroup
}

func openPartFile(ctx context.Context, blobs BlobStore, what, key string) (*partFile, error) {
	blob, err := blobs.Open(ctx, key)
	if err != nil {
		return nil, openMissing(what, key, err)
	}
	f := &partFile{key: key, r: blob, blob: blob}
	if err := f.read(); err != nil {
		f.close()
		return nil, fmt.Errorf("read its %s %s: %w", what, key, err)
	}
	return f, nil
}

func (f *partFile) read() error {
	size, err := f.blob.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if size <= smallPart {
		m := make(memory, size)
		if err := readFull(f.blob, m, 0); err != nil {
			return err
		}
		f.r = m
	}
	if f.table, err = OpenTable(f.r, size); err != nil {
		return err
	}
	footer, err := readFooter(f.r, size)
	if err != nil {
		return err
	}
	f.groups, err = readRowGroups(footer)
	return err
}

func (f *partFile) close() {
	if f != nil {
		_ = f.blob.Close()
	}
}

// column is column c of row group g as it lies in the file, to be called name.
func (f *partFile) column(g, c int, name string) (seriesColumn, error) {
	chunk := &f.groups[g].Columns[c]
	col := seriesColumn{r: f.r, key: f.key, meta: chunk.MetaData, rows: f.groups[g].NumRows}
	col.meta.PathInSchema = []string{name}
	b, err := f.index(chunk.OffsetIndexOffset, chunk.OffsetIndexLength)
	if err == nil {
		col.pages, err = readOffsetIndex(b)
	}
	if err == nil && chunk.ColumnIndexLength > 0 {
		if b, err = f.index(chunk.ColumnIndexOffset, chunk.ColumnIndexLength); err == nil {
			col.index, err = readColumnIndex(b)
		}
	}
	if err != nil {
		return col, err
	}
	return col, col.check()
}

// index is a part of the page index, valid as long as the file is open.
func (f *partFile) index(at int64, length int32) ([]byte, error) {
	if length <= 0 || length > maxFooter {
		return nil, errDamaged
	}
	return readBytes(f.r, at, int64(length))
}

// An origin tells where the rows of a part came from.
type origin struct {
	file                 *partFile     // nil when that is not known
	document, line, rank *columnReader // nil when that is not known
	year                 *columnReader // nil when no row has a year
	yearOf               func(c *columnReader, i int) int
	source               []byte // document of rows that have none
}

// openOrigin opens what tells where the rows of table came from; it is to be closed.
func openOrigin(ctx context.Context, blobs BlobStore, key, source string, table *Table, year string) (*origin, error) {
	o := &origin{source: []byte(source), yearOf: yearNumber}
	if key == "" {
		return o, o.withoutFile(table, year)
	}
	var err error
	if o.file, err = openPartFile(ctx, blobs, "origins file", key); err != nil {
		return nil, err
	}
	t := o.file.table
	if len(t.schema.Fields) != len(originsSchema.Fields) || table != nil && !sameGroups(t, table) {
		o.close()
		return nil, fmt.Errorf("%s: %w", key, errOrigins)
	}
	for c := range originsSchema.Fields {
		if t.schema.Fields[c].Physical() != originsSchema.Fields[c].Physical() {
			o.close()
			return nil, fmt.Errorf("%s: %w", key, errOrigins)
		}
	}
	o.document, o.line, o.rank = t.reader(originDocument), t.reader(originLine), t.reader(originRank)
	if year != "" {
		o.year = t.reader(originYear)
	}
	return o, nil
}

func sameGroups(a, b *Table) bool {
	return slices.EqualFunc(a.groups, b.groups, func(a, b tableGroup) bool { return a.rows == b.rows })
}

// withoutFile finds the years in the table itself.
func (o *origin) withoutFile(table *Table, year string) error {
	if table == nil || year == "" {
		return nil
	}
	if c := table.schema.Field(year); c >= 0 && table.schema.Fields[c].Physical() != schemas.Text {
		o.year = table.reader(c)
		o.yearOf = yearIn(o.year.physical)
	}
	return nil
}

func (o *origin) close() {
	if o != nil {
		o.file.close()
	}
}

// yearNumber is the year of entry i of a column of years.
func yearNumber(c *columnReader, i int) int {
	if !c.has(i) {
		return NoYear
	}
	return seriesYear(int64(c.num(i)))
}

// seriesYear keeps a slip of the pen from having a file of its own.
func seriesYear(y int64) int {
	if y < firstYear || y > lastYear {
		return NoYear
	}
	return int(y)
}

// yearIn reads years out of a column of another type.
func yearIn(p schemas.Physical) func(c *columnReader, i int) int {
	return func(c *columnReader, i int) int {
		if !c.has(i) {
			return NoYear
		}
		return seriesYear(calendarYear(p, int64(c.num(i))))
	}
}

// documentAt is the name of the file that a row came from.
func (o *origin) documentAt(row int64) ([]byte, error) {
	if o.document == nil {
		return o.source, nil
	}
	if err := o.document.seek(row); err != nil {
		return nil, err
	}
	i := int(row - o.document.first)
	if !o.document.has(i) {
		return o.source, nil
	}
	if text := o.document.text(i); len(text) > 0 {
		return text, nil
	}
	return o.source, nil
}

// lineAt is where in that file.
func (o *origin) lineAt(row int64) (line int64, known bool, err error) {
	return numberAt(o.line, row)
}

// rankAt is the place of a row in the canonical CSV.
func (o *origin) rankAt(row int64) (int64, error) {
	if o.rank == nil {
		return row, nil
	}
	rank, known, err := numberAt(o.rank, row)
	if err == nil && !known {
		err = errOrigins
	}
	return rank, err
}

func numberAt(c *columnReader, row int64) (n int64, known bool, err error) {
	if c == nil {
		return 0, false, nil
	}
	if err := c.seek(row); err != nil {
		return 0, false, err
	}
	i := int(row - c.first)
	if !c.has(i) {
		return 0, false, nil
	}
	return int64(c.num(i)), true, nil
}

// yearAt is the year of a row.
func (o *origin) yearAt(row int64) (int, error) {
	if o.year == nil {
		return NoYear, nil
	}
	if err := o.year.seek(row); err != nil {
		return NoYear, err
	}
	return o.yearOf(o.year, int(row-o.year.first)), nil
}

// A yearRun is some rows of one year that follow each other.
type yearRun struct {
	year     int
	from, to int64
}

// runs cuts rows from to to, of row group g, by year. Pages of one year are not decoded.
func (o *origin) runs(g int, from, to int64) ([]yearRun, error) {
	if o.year == nil {
		return []yearRun{{NoYear, from, to}}, nil
	}
	pages, err := o.year.t.pages(g, o.year.column)
	if err != nil {
		return nil, err
	}
	var runs []yearRun
	for i := range pages {
		p := &pages[i]
		if year, same := o.pageYear(p); same {
			runs = addRun(runs, yearRun{year, p.first, p.first + p.rows})
			continue
		}
		for row := p.first; row < p.first+p.rows; row++ {
			year, err := o.yearAt(row)
			if err != nil {
				return nil, err
			}
			runs = addRun(runs, yearRun{year, row, row + 1})
		}
	}
	if len(runs) == 0 || runs[0].from != from || runs[len(runs)-1].to != to {
		return nil, errOrigins
	}
	return runs, nil
}

// pageYear is the year of all rows of a page, if its bounds say so.
func (o *origin) pageYear(p *tablePage) (year int, same bool) {
	switch {
	case o.file == nil:
	case p.nulls == p.rows:
		return NoYear, true
	case p.known && p.nulls == 0 && p.lo.num == p.hi.num:
		return seriesYear(int64(p.lo.num)), true
	}
	return 0, false
}

func addRun(runs []yearRun, r yearRun) []yearRun {
	if n := len(runs); n > 0 && runs[n-1].year == r.year {
		runs[n-1].to = r.to
		return runs
	}
	return append(runs, r)
}

// apart tells whether each year is in one run only.
func apart(runs []yearRun) bool {
	years := make([]int, len(runs))
	for i, r := range runs {
		years[i] = r.year
	}
	slices.SortFunc(years, cmp.Compare)
	return len(slices.Compact(years)) == len(runs)
}

// noNumber stands for no value among numbers of an origins file.
const noNumber = math.MinInt64

// ranks appends the ranks of rows from to to.
func (o *origin) ranks(dst []int64, from, to int64) ([]int64, error) {
	if o.rank != nil {
		return numbers(dst, o.rank, from, to)
	}
	for row := from; row < to; row++ {
		dst = append(dst, row)
	}
	return dst, nil
}

// lines appends the lines of rows from to to.
func (o *origin) lines(dst []int64, from, to int64) ([]int64, error) {
	if o.line != nil {
		return numbers(dst, o.line, from, to)
	}
	for range to - from {
		dst = append(dst, noNumber)
	}
	return dst, nil
}

// numbers appends the numbers of rows from to to of a column.
func numbers(dst []int64, c *columnReader, from, to int64) ([]int64, error) {
	for row := from; row < to; {
		if err := c.seek(row); err != nil {
			return dst, err
		}
		stop := min(to, c.end)
		for ; row < stop; row++ {
			n := int64(noNumber)
			if i := int(row - c.first); c.has(i) {
				n = int64(c.num(i))
			}
			dst = append(dst, n)
		}
	}
	return dst, nil
}

// yearsOf appends the years of rows from to to.
func (o *origin) yearsOf(dst []int64, from, to int64) ([]int64, error) {
	for row := from; row < to; {
		stop := to
		if o.year != nil {
			if err := o.year.seek(row); err != nil {
				return dst, err
			}
			stop = min(to, o.year.end)
		}
		for ; row < stop; row++ {
			year := NoYear
			if o.year != nil {
				year = o.yearOf(o.year, int(row-o.year.first))
			}
			dst = append(dst, int64(year))
		}
	}
	return dst, nil
}

// documents appends the numbers of the documents of rows from to to; number gives a document that was not met before its number.
func (o *origin) documents(dst []int64, from, to int64, number func(document []byte) int64) ([]int64, error) {
	known := map[string]int64{}
	last, lastText := int64(-1), []byte(nil)
	for row := from; row < to; row++ {
		text, err := o.documentAt(row)
		if err != nil {
			return dst, err
		}
		if last < 0 || !bytes.Equal(text, lastText) {
			n, ok := known[string(text)]
			if !ok {
				n = number(text)
				known[string(text)] = n
			}
			last, lastText = n, append(lastText[:0], text...)
		}
		dst = append(dst, last)
	}
	return dst, nil
}
