package publish

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"slices"

	"grenier/schemas"
)

// A RowQuery asks for rows of a Table, or for numbers about them when it has Aggregates or GroupBy. The zero RowQuery is the whole table.
//
// Rows come in the file's order, or in that of one column: cells without value (and NaN) last, equal cells in the file's order. Groups come in the
// order of their keys, or of one column of the answer.
type RowQuery struct {
	Columns    []string // of the answer, in order; nil: all
	Where      []Filter // a row passes all of them
	Sort       string   // "": the file's order
	Descending bool
	GroupBy    []string // at most two columns
	Aggregates []Aggregate
	Offset     int64  // rows or groups left out at the beginning; with Sort, at most 10,000 with Limit
	Cursor     string // RowPage.Next of the page before, of the same question on the same file
	Limit      int    // rows of a page; 0: all that pass, which Sort allows up to a million rows
	Total      bool   // count all that pass, though it may take a second walk
}

// A RowPage says what Run gave.
type RowPage struct {
	Rows  int64
	Next  string // Cursor of the page that follows, "" when nothing does
	Total int64  // all rows that pass, -1 when that was not asked and did not show
}

// ErrOtherFile is returned for a Cursor that belongs to another version of the file, or to another question.
var ErrOtherFile = &QueryError{"Ce curseur vient d’une autre version du fichier ou d’une autre question : reprenez à la première page."}

const (
	rowsReach = 10_000   // rows that sorting keeps for one page
	rowsOrder = 1 << 20  // rows of the largest table that is given whole in the order of a column
	rowsBatch = 1 << 20  // bytes of a batch, about
	rowsSpool = 16 << 20 // bytes that sorting a whole answer keeps at once, about
)

// A RowPlan is a question made ready. It is used once, by one goroutine.
type RowPlan struct {
	t       *Table
	q       RowQuery
	schema  *schemas.Schema
	columns []int
	filters []*rowFilter
	sort    int // column, -1 for none
	groups  *grouping
	after   int64 // row of the cursor, -1
	mark    uint64
}

// Query makes a question ready. A question that the table cannot answer is a *QueryError.
func (t *Table) Query(q RowQuery) (*RowPlan, error) {
	p := &RowPlan{t: t, q: q, sort: -1, after: -1}
	for _, f := range q.Where {
		filter, err := newRowFilter(t.schema, f)
		if err != nil {
			return nil, err
		}
		p.filters = append(p.filters, filter)
	}
	if q.Offset < 0 || q.Limit < 0 || q.Cursor != "" && q.Offset > 0 {
		return nil, queryErrorf("La page demandée n’existe pas.")
	}
	var err error
	if len(q.GroupBy)+len(q.Aggregates) > 0 {
		err = p.planGroups()
	} else {
		err = p.planRows()
	}
	if err != nil {
		return nil, err
	}
	return p, p.planCursor()
}

func (p *RowPlan) planRows() error {
	s := *p.t.schema
	p.schema = &s
	if p.q.Columns == nil {
		for c := range s.Fields {
			p.columns = append(p.columns, c)
		}
	}
	for _, name := range p.q.Columns {
		c, err := columnNamed(p.t.schema, name)
		if err != nil {
			return err
		}
		if slices.Contains(p.columns, c) {
			return queryErrorf("La colonne « %s » est demandée deux fois.", name)
		}
		p.columns = append(p.columns, c)
	}
	if len(p.columns) == 0 {
		return queryErrorf("Demandez au moins une colonne.")
	}
	s.Fields = nil
	for _, c := range p.columns {
		s.Fields = append(s.Fields, p.t.schema.Fields[c])
	}
	if p.q.Sort == "" {
		return nil
	}
	var err error
	p.sort, err = columnNamed(p.t.schema, p.q.Sort)
	if err == nil && p.q.Offset > rowsReach-int64(min(p.q.Limit, rowsReach)) {
		err = queryErrorf("Une page triée commence avant la ligne %d. Pour aller plus loin, suivez le lien « next » de chaque page.", rowsReach)
	}
	if err == nil && p.q.Limit == 0 && p.t.rows > rowsOrder {
		err = queryErrorf("Ce fichier est trop grand pour être trié en entier. Dites combien de lignes il vous faut (page_size, %d au plus), ou retirez le tri.", rowsReach)
	}
	return err
}

// planCursor checks that the cursor is one of ours, for this question and this file.
func (p *RowPlan) planCursor() error {
	h := fnv.New64a()
	fmt.Fprintf(h, "%x %q %q %v %q %q", p.t.mark, p.q.Where, p.q.Sort, p.q.Descending, p.q.GroupBy, p.q.Aggregates)
	p.mark = h.Sum64()
	if p.q.Cursor == "" {
		return nil
	}
	b, err := base64.RawURLEncoding.DecodeString(p.q.Cursor)
	if err != nil || len(b) < 9 {
		return queryErrorf("Ce curseur est mal écrit : reprenez le lien « next » tel quel.")
	}
	row, n := binary.Uvarint(b[8:])
	if n != len(b)-8 || binary.LittleEndian.Uint64(b) != p.mark || row >= uint64(max(p.t.rows, 1)) {
		return ErrOtherFile
	}
	p.after = int64(row)
	return nil
}

func (p *RowPlan) cursor(row int64) string {
	b := binary.LittleEndian.AppendUint64(nil, p.mark)
	return base64.RawURLEncoding.EncodeToString(binary.AppendUvarint(b, uint64(row)))
}

// Schema describes the columns of the answer.
func (p *RowPlan) Schema() *schemas.Schema { return p.schema }

// Run answers: it hands over batches, valid until fn returns. It decodes one page of each column at a time, whatever the size of the table.
func (p *RowPlan) Run(ctx context.Context, fn func(*schemas.Batch) error) (RowPage, error) {
	var page RowPage
	var err error
	switch {
	case p.groups != nil:
		page, err = p.runGroups(ctx, fn)
	case p.sort >= 0:
		page, err = p.runSorted(ctx, fn)
	default:
		page, err = p.runInOrder(ctx, fn)
	}
	if err == nil && page.Total < 0 && p.groups == nil {
		page.Total, err = p.total(ctx)
	}
	return page, err
}

// total counts what passes when it is asked, or costs nothing.
func (p *RowPlan) total(ctx context.Context) (int64, error) {
	if len(p.filters) == 0 {
		return p.t.rows, nil
	}
	if !p.q.Total {
		return -1, nil
	}
	n := int64(0)
	err := newRowScan(p.t, p.filters).run(ctx, func(rows []int64) (bool, error) {
		n += int64(len(rows))
		return true, nil
	})
	return n, err
}

func (p *RowPlan) runInOrder(ctx context.Context, fn func(*schemas.Batch) error) (RowPage, error) {
	page := RowPage{Total: -1}
	scan := newRowScan(p.t, p.filters)
	scan.start = p.after + 1
	skip := p.q.Offset
	if len(p.filters) == 0 {
		scan.start, skip = scan.start+skip, 0
	}
	out := p.newOutput(fn)
	last, more := int64(-1), false
	err := scan.run(ctx, func(rows []int64) (bool, error) {
		n := min(skip, int64(len(rows)))
		rows, skip = rows[n:], skip-n
		if room := int64(p.q.Limit) - page.Rows; p.q.Limit > 0 && int64(len(rows)) > room {
			rows, more = rows[:room], true
		}
		if len(rows) == 0 {
			return !more, nil
		}
		page.Rows, last = page.Rows+int64(len(rows)), rows[len(rows)-1]
		return !more, out.add(rows)
	})
	if err == nil {
		err = out.flush()
	}
	if more {
		page.Next = p.cursor(last)
	} else if p.after < 0 && skip == 0 && len(p.filters) > 0 {
		page.Total = p.q.Offset + page.Rows
	}
	return page, err
}

// A rowOutput gathers rows into batches.
type rowOutput struct {
	readers []*columnReader
	batch   schemas.Batch
	rows    []int64
	size    int // rows of a batch
	fn      func(*schemas.Batch) error
}

func (p *RowPlan) newOutput(fn func(*schemas.Batch) error) *rowOutput {
	o := &rowOutput{fn: fn, size: p.t.rowsIn(rowsBatch, 1024)}
	for _, c := range p.columns {
		o.readers = append(o.readers, p.t.reader(c))
	}
	o.batch = schemas.Batch{Schema: p.schema, Columns: make([]schemas.Column, len(p.columns))}
	for i, r := range o.readers {
		o.batch.Columns[i].Physical = r.physical
	}
	return o
}

// rowsIn is how many rows take about so many bytes, at least 16 and at most a number.
func (t *Table) rowsIn(size, most int64) int {
	return int(min(max(size*t.rows/max(t.size, 1), 16), most))
}

func (o *rowOutput) add(rows []int64) error {
	for len(rows) > 0 {
		n := min(o.size-len(o.rows), len(rows))
		o.rows, rows = append(o.rows, rows[:n]...), rows[n:]
		if len(o.rows) < o.size {
			return nil
		}
		if err := o.flush(); err != nil {
			return err
		}
	}
	return nil
}

func (o *rowOutput) flush() error {
	if len(o.rows) == 0 {
		return nil
	}
	if err := o.fill(o.rows); err != nil {
		return err
	}
	o.rows = o.rows[:0]
	return o.fn(&o.batch)
}

// fill makes the batch hold rows, which rise.
func (o *rowOutput) fill(rows []int64) error {
	b := &o.batch
	b.Rows, b.Data, b.Row, b.Line = len(rows), b.Data[:0], b.Row[:0], b.Line[:0]
	for _, r := range rows {
		b.Row, b.Line = append(b.Row, r+1), append(b.Line, 0)
	}
	for i, c := range o.readers {
		col := &b.Columns[i]
		col.Valid, col.Text, col.Ints, col.Floats, col.Bools = col.Valid[:0], col.Text[:0], col.Ints[:0], col.Floats[:0], col.Bools[:0]
		for _, r := range rows {
			if err := c.seek(r); err != nil {
				return err
			}
			c.addTo(b, col, int(r-c.first))
		}
	}
	return nil
}

// addTo appends entry i to a column of a batch.
func (c *columnReader) addTo(b *schemas.Batch, col *schemas.Column, i int) {
	switch {
	case !c.has(i):
		addCell(b, col, false, 0, nil)
	case c.physical == schemas.Text:
		addCell(b, col, true, 0, c.text(i))
	default:
		addCell(b, col, true, c.num(i), nil)
	}
}

// WriteTo answers in a format, whole.
func (p *RowPlan) WriteTo(ctx context.Context, w io.Writer, f Format, m Meta) (RowPage, error) {
	out, err := f.New(w, p.schema, m)
	if err != nil {
		return RowPage{}, err
	}
	page, err := p.Run(ctx, out.WriteBatch)
	if err != nil {
		return page, err
	}
	return page, out.Close()
}
