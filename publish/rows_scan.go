package publish

import (
	"context"
)

// rowsBlock is the most rows that are looked at between two looks at the context.
const rowsBlock = 4096

// A rowScan walks through the rows that pass all filters, in the file's order within a row group, and decodes only pages that may hold one.
type rowScan struct {
	t       *Table
	filters []*rowFilter
	readers map[int]*columnReader // by column: those of the filters, and those of also
	also    []int                 // columns that the visitor reads: a block never crosses the end of one of their pages
	start   int64                 // first row
	order   []int                 // row groups; nil: all, in order
	skip    func(b *pageBounds, first int64) bool
	skipped bool // skip said yes
	by      int  // the column whose bounds skip is asked about

	rows, kept []int64
}

// A span is some rows of one row group.
type span struct{ from, to int64 }

func newRowScan(t *Table, filters []*rowFilter, also ...int) *rowScan {
	s := &rowScan{t: t, readers: map[int]*columnReader{}}
	for _, f := range filters {
		own := *f // what it remembers of dictionaries is of these readers
		own.folds, own.verdicts = -1, nil
		s.filters = append(s.filters, &own)
		if s.readers[f.column] == nil {
			s.readers[f.column] = t.reader(f.column)
		}
	}
	for _, c := range also {
		if s.readers[c] == nil {
			s.readers[c] = t.reader(c)
		}
		s.also = append(s.also, c)
	}
	return s
}

// run calls fn for each block of rows that pass; the readers of also hold them. It stops when fn says that it has enough.
func (s *rowScan) run(ctx context.Context, fn func(rows []int64) (more bool, err error)) error {
	order := s.order
	if order == nil {
		order = s.candidates()
	}
	for _, g := range order {
		if more, err := s.group(ctx, g, fn); err != nil || !more {
			return err
		}
	}
	return ctx.Err()
}

// candidates lists the row groups that may hold a row that passes, as far as the footer tells.
func (s *rowScan) candidates() (out []int) {
	for g := range s.t.groups {
		if group := &s.t.groups[g]; group.first+group.rows > s.start && s.may(g) {
			out = append(out, g)
		}
	}
	return out
}

// may tells whether the bounds of a row group let all filters pass.
func (s *rowScan) may(g int) bool {
	for _, f := range s.filters {
		if chunk := s.t.chunk(g, f.column); !f.may(&chunk.all) {
			return false
		}
	}
	return true
}

func (s *rowScan) group(ctx context.Context, g int, fn func([]int64) (bool, error)) (more bool, err error) {
	group := &s.t.groups[g]
	if group.first+group.rows <= s.start || s.refusesGroup(g) {
		return true, nil
	}
	spans, err := s.spans(g)
	if err != nil {
		return false, err
	}
	for _, sp := range spans {
		for from := sp.from; from < sp.to; {
			if err := ctx.Err(); err != nil {
				return false, err
			}
			to, refused, err := s.block(g, from, sp.to)
			if err != nil {
				return false, err
			}
			if !refused && len(s.rows) > 0 {
				if more, err := fn(s.rows); err != nil || !more {
					return false, err
				}
			}
			from = to
		}
	}
	return true, nil
}

func (s *rowScan) refusesGroup(g int) bool {
	if s.skip == nil {
		return false
	}
	chunk := s.t.chunk(g, s.by)
	return s.refuses(&chunk.all, s.t.groups[g].first)
}

// refuses asks skip.
func (s *rowScan) refuses(b *pageBounds, first int64) bool {
	if s.skip == nil || !s.skip(b, first) {
		return false
	}
	s.skipped = true
	return true
}

// spans are the rows of a group whose pages may hold rows that pass.
func (s *rowScan) spans(g int) ([]span, error) {
	group := &s.t.groups[g]
	spans := []span{{max(s.start, group.first), group.first + group.rows}}
	if !s.may(g) {
		return nil, nil
	}
	for _, f := range s.filters {
		pages, err := s.t.pages(g, f.column)
		if err != nil {
			return nil, err
		}
		if spans = within(spans, pages, f); len(spans) == 0 {
			return nil, nil
		}
	}
	for _, f := range s.filters {
		if none, err := s.t.bloomRefuses(g, f); err != nil || none {
			return nil, err
		}
	}
	for _, f := range s.filters {
		if none, err := s.dictRefuses(g, f); err != nil || none {
			return nil, err
		}
	}
	return spans, nil
}

// dictRefuses tells whether the whole chunk refers to a dictionary of which no entry passes.
func (s *rowScan) dictRefuses(g int, f *rowFilter) (bool, error) {
	if f.op == IsNull || !s.t.chunk(g, f.column).allDict {
		return false, nil
	}
	c := s.readers[f.column]
	if err := c.useDict(g); err != nil {
		return false, err
	}
	return !f.judgeDict(c), nil
}

// within keeps of spans what lies in pages that may hold rows that pass.
func within(spans []span, pages []tablePage, f *rowFilter) (out []span) {
	p := 0
	for _, sp := range spans {
		for p < len(pages) && pages[p].first+pages[p].rows <= sp.from {
			p++
		}
		for ; p < len(pages) && pages[p].first < sp.to; p++ {
			if f.may(&pages[p].pageBounds) {
				from, to := max(sp.from, pages[p].first), min(sp.to, pages[p].first+pages[p].rows)
				if n := len(out); n > 0 && out[n-1].to == from {
					out[n-1].to = to
				} else {
					out = append(out, span{from, to})
				}
			}
			if pages[p].first+pages[p].rows > sp.to {
				break
			}
		}
	}
	return out
}

// block fills s.rows with the rows from from that pass, up to the end of a page of one of the columns; refused says that skip refused them all.
func (s *rowScan) block(g int, from, to int64) (end int64, refused bool, err error) {
	end = min(to, from+rowsBlock)
	if s.skip != nil {
		pages, err := s.t.pages(g, s.by)
		if err != nil {
			return 0, false, err
		}
		p := &pages[pageAt(pages, from)]
		if s.refuses(&p.pageBounds, max(from, p.first)) {
			return min(to, p.first+p.rows), true, nil
		}
	}
	for _, f := range s.filters {
		c := s.readers[f.column]
		if err := c.hold(from); err != nil {
			return 0, false, err
		}
		if !c.decoded && f.lacks(c) {
			s.rows = s.rows[:0]
			return min(to, c.end), false, nil
		}
		if end, err = s.hold(f.column, from, end); err != nil {
			return 0, false, err
		}
	}
	if len(s.filters) == 0 {
		if end, err = s.holdAlso(from, end); err != nil {
			return 0, false, err
		}
	}
	s.rows = s.rows[:0]
	for r := from; r < end; r++ {
		s.rows = append(s.rows, r)
	}
	for _, f := range s.filters {
		if len(s.rows) == 0 {
			return end, false, nil
		}
		s.kept = f.keep(s.readers[f.column], s.rows, s.kept[:0])
		s.rows, s.kept = s.kept, s.rows
	}
	if len(s.filters) == 0 || len(s.rows) == 0 {
		return end, false, nil
	}
	return s.cutAlso(end)
}

// cutAlso makes the readers of also hold the rows; a block that crosses the end of one of their pages ends there.
func (s *rowScan) cutAlso(end int64) (int64, bool, error) {
	first, last := s.rows[0], s.rows[len(s.rows)-1]
	cut, err := s.holdAlso(first, last+1)
	if err != nil || cut > last {
		return end, false, err
	}
	n := 0
	for n < len(s.rows) && s.rows[n] < cut {
		n++
	}
	s.rows = s.rows[:n]
	return cut, false, nil
}

func (s *rowScan) holdAlso(from, end int64) (int64, error) {
	var err error
	for _, c := range s.also {
		if end, err = s.hold(c, from, end); err != nil {
			break
		}
	}
	return end, err
}

// hold makes a reader hold row from, and returns where a block must end for it to hold all.
func (s *rowScan) hold(column int, from, end int64) (int64, error) {
	c := s.readers[column]
	if err := c.seek(from); err != nil {
		return 0, err
	}
	return min(end, c.end), nil
}
