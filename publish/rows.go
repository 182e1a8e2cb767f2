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
	err := eachGroup(ctx, newRowScan(p.t, p.filters).candidates(), func() task[int64] {
		scan := newRowScan(p.t, p.filters)
		return func(ctx context.Context, g int, emit func(int64) error) error {
			passed := int64(0)
			_, err := scan.group(ctx, g, func(rows []int64) (bool, error) {
				passed += int64(len(rows))
				return true, nil
			})
			if err != nil {
				return err
			}
			return emit(passed)
		}
	}, func(passed int64) (bool, error) {
		n += passed
		return true, nil
	})
	return n, err
}

// eachGroup works row groups out ahead, in order.
func eachGroup[T any](ctx context.Context, groups []int, begin func() task[T], take func(T) (bool, error)) error {
	return workAhead(ctx, len(groups), func() task[T] {
		work := begin()
		return func(ctx context.Context, i int, emit func(T) error) error { return work(ctx, groups[i], emit) }
	}, take)
}

func (p *RowPlan) runInOrder(ctx context.Context, fn func(*schemas.Batch) error) (RowPage, error) {
	if p.q.Limit == 0 && p.q.Offset == 0 {
		return p.runAll(ctx, fn)
	}
	page := RowPage{Total: -1}
	skip := p.q.Offset
	start := p.after + 1
	if len(p.filters) == 0 {
		start, skip = start+skip, 0
	}
	out := p.newOutput(fn)
	last, more := int64(-1), false
	err := p.eachRows(ctx, start, func(rows []int64) (bool, error) {
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

// eachRows hands over the rows that pass, from start on, in order.
func (p *RowPlan) eachRows(ctx context.Context, start int64, take func(rows []int64) (bool, error)) error {
	scan := p.scanFrom(start)
	groups := scan.candidates()
	if len(groups) == 0 {
		return ctx.Err()
	}
	if more, err := scan.group(ctx, groups[0], take); err != nil || !more { // most pages end here
		return err
	}
	return eachGroup(ctx, groups[1:], func() task[[]int64] {
		scan := p.scanFrom(start)
		return func(ctx context.Context, g int, emit func([]int64) error) error {
			_, err := scan.group(ctx, g, func(rows []int64) (bool, error) { return true, emit(slices.Clone(rows)) })
			return err
		}
	}, take)
}

func (p *RowPlan) scanFrom(start int64) *rowScan {
	scan := newRowScan(p.t, p.filters)
	scan.start = start
	return scan
}

// runAll hands over all rows that pass: two row groups are read at a time where a processor is free.
func (p *RowPlan) runAll(ctx context.Context, fn func(*schemas.Batch) error) (RowPage, error) {
	page := RowPage{Total: -1}
	start := p.after + 1
	spare := make(chan schemas.Batch, 2*aheadKept+4)
	err := eachGroup(ctx, p.scanFrom(start).candidates(), func() task[schemas.Batch] {
		scan, out := p.scanFrom(start), p.newOutput(nil)
		return func(ctx context.Context, g int, emit func(schemas.Batch) error) error {
			out.fn = func(b *schemas.Batch) error {
				full := *b
				select {
				case *b = <-spare:
				default:
					*b = out.empty()
				}
				return emit(full)
			}
			if _, err := scan.group(ctx, g, func(rows []int64) (bool, error) { return true, out.add(rows) }); err != nil {
				return err
			}
			return out.flush()
		}
	}, func(b schemas.Batch) (bool, error) {
		page.Rows += int64(b.Rows)
		err := fn(&b)
		select {
		case spare <- b:
		default:
		}
		return true, err
	})
	if p.after < 0 && len(p.filters) > 0 {
		page.Total = page.Rows
	}
	return page, err
}

// A rowOutput gathers rows into batches.
type rowOutput struct {
	schema  *schemas.Schema
	readers []*columnReader
	batch   schemas.Batch
	rows    []int64
	size    int  // rows of a batch
	few     bool // rows are a page of an answer: most cells of the file's pages are not wanted
	fn      func(*schemas.Batch) error
}

func (p *RowPlan) newOutput(fn func(*schemas.Batch) error) *rowOutput {
	o := &rowOutput{schema: p.schema, fn: fn, size: p.t.rowsIn(rowsBatch, 1024), few: p.q.Limit > 0 && p.q.Limit <= fewRows}
	for _, c := range p.columns {
		o.readers = append(o.readers, p.t.reader(c))
	}
	o.batch = o.empty()
	return o
}

func (o *rowOutput) empty() schemas.Batch {
	b := schemas.Batch{Schema: o.schema, Columns: make([]schemas.Column, len(o.readers))}
	for i, r := range o.readers {
		b.Columns[i].Physical = r.physical
	}
	return b
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
		if err := c.fill(b, col, rows, o.few); err != nil {
			return err
		}
	}
	return nil
}

// fill appends the cells of rows, which rise, to a column of a batch.
func (c *columnReader) fill(b *schemas.Batch, col *schemas.Column, rows []int64, few bool) error {
	sparse := few || len(rows) > 0 && rows[len(rows)-1]-rows[0] >= sparseRows*int64(len(rows))
	for _, r := range rows {
		if !sparse {
			if err := c.seek(r); err != nil {
				return err
			}
		} else if err := c.hold(r); err != nil {
			return err
		}
		if c.decoded {
			c.addTo(b, col, int(r-c.first))
		} else if err := c.cursor.find(c, int(r-c.first), b, col); err != nil {
			return c.fault(r, err)
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
