package harvest

import (
	"slices"
	"strings"

	"grenier/catalog"
	"grenier/schemas"
)

// A Mapper turns the records of one document into those of the dataset: choosing, renaming and cleaning as the recipe says. It
// decides nothing about validity: a text that an operation cannot read stays as it is, for the Checker to judge.
//
// The columns that the recipe lists come in the order of its schema, or as listed without one; then, unless Only is set, those
// of the document that no line names, in their order. A line wins over a column of the document that has its name. It is used by
// one goroutine.
type Mapper struct {
	columns []mapped
	labels  []string
	back    []int                  // back[c] is the column that cell c of the document became, -1 for none
	trimmed []schemas.RepairSample // labels, until they are counted

	block uint64 // counts calls of Map
	base  uint32 // where added will begin in out.Data
	added []byte // text written by this call
	data  []byte // out.Data when text was added
}

// mapped is one column of the dataset, compiled.
type mapped struct {
	label string
	from  int   // cell of the document, -1
	join  []int // cells of the document, nil without Join
	with  []byte
	fixed *fixedText // Value or Member, with every operation done
	ops   []mapOp
}

// A mapOp changes one cell. It returns the cell as it was when it cannot read it.
type mapOp interface {
	apply(m *Mapper, data []byte, s schemas.Span) (schemas.Span, *opTally)
	tallies() []*opTally
}

// An opTally counts what one operation mended in one column since the last flush.
type opTally struct {
	op     string
	count  int64
	sample *schemas.RepairSample // nil once handed over or before the first
	shown  bool
}

// A fixedText is a text of the recipe's own, written at most once per block.
type fixedText struct {
	text  string
	block uint64
	span  schemas.Span
}

// NewMapper prepares the mapping of a document with the given labels. A label that the recipe names with From or Join and that the
// document lacks gives a column that is absent from Labels (the Checker then speaks of it), unless Default is set. A label that
// is named and stands twice in the document is an error. With Trim, labels are trimmed too.
func (r *Recipe) NewMapper(labels []string, member catalog.Member, params map[string]string) (*Mapper, error) {
	m := &Mapper{block: 1}
	b := mapBuilder{recipe: r, mapper: m, fill: r.filler(member, params), member: member}
	b.labels = b.cleanLabels(labels)
	for i := range r.Map.Columns {
		if err := b.line(&r.Map.Columns[i]); err != nil {
			return nil, err
		}
	}
	b.rest()
	b.order()
	if err := b.fill.err(); err != nil {
		return nil, err
	}
	b.finish()
	return m, nil
}

// Labels are the columns after mapping.
func (m *Mapper) Labels() []string { return m.labels }

// Map fills out with the records of in. Text that no operation touches is not copied cell by cell: out.Data begins with in.Data, and is
// in.Data itself when no cell changed. Repairs are counted into rep (op "date-fr", "decimal-comma", "trim", "lookup"…, with one
// sample each). Short and long records stay so: Count differs from Width by as much as in the document.
func (m *Mapper) Map(in, out *schemas.Block, rep *schemas.Report) {
	m.block++
	m.base, m.added = uint32(len(in.Data)), m.added[:0]
	out.Width, out.Rows = len(m.columns), in.Rows
	out.Cells = slices.Grow(out.Cells[:0], in.Rows*out.Width)[:in.Rows*out.Width]
	for c := range m.columns {
		m.columns[c].fill(m, c, in, out)
	}
	m.keepRecords(in, out)
	out.Data = in.Data
	if len(m.added) > 0 {
		m.data = append(append(m.data[:0], in.Data...), m.added...)
		out.Data = m.data
	}
	m.flush(rep)
}

// fill makes the cells of one column.
func (col *mapped) fill(m *Mapper, c int, in, out *schemas.Block) {
	n, from, to := in.Width, col.from, c
	switch {
	case col.fixed != nil:
		s := m.fixed(col.fixed)
		for range in.Rows {
			out.Cells[to] = s
			to += out.Width
		}
	case col.join == nil && len(col.ops) == 0 && from < n:
		for range in.Rows {
			out.Cells[to] = in.Cells[from]
			from, to = from+n, to+out.Width
		}
	default:
		for r := range in.Rows {
			out.Cells[to] = col.cell(m, in, r)
			to += out.Width
		}
	}
}

// cell makes one cell by operations.
func (col *mapped) cell(m *Mapper, in *schemas.Block, r int) schemas.Span {
	var s schemas.Span
	switch {
	case col.join != nil:
		s = col.joined(m, in, r)
	case col.from < in.Width:
		s = in.Cells[r*in.Width+col.from]
	}
	for _, op := range col.ops {
		next, tally := op.apply(m, in.Data, s)
		if tally != nil {
			if tally.count++; !tally.shown {
				tally.shown = true
				tally.sample = &schemas.RepairSample{Row: in.Row[r], Before: cutCell(m.text(in.Data, s)), After: cutCell(m.text(in.Data, next))}
			}
		}
		s = next
	}
	return s
}

// joined is the non-empty texts of the joined cells; a single one is not copied.
func (col *mapped) joined(m *Mapper, in *schemas.Block, r int) schemas.Span {
	var only schemas.Span
	start := -1
	for _, c := range col.join {
		if c >= in.Width {
			continue
		}
		s := in.Cells[r*in.Width+c]
		if s = trimSpan(in.Data, s); s.Len == 0 {
			continue
		}
		switch {
		case only.Len == 0:
			only = s
			continue
		case start < 0:
			start = len(m.added)
			m.added = append(m.added, in.Data[only.Off:only.Off+only.Len]...)
		}
		m.added = append(m.added, col.with...)
		m.added = append(m.added, in.Data[s.Off:s.Off+s.Len]...)
	}
	if start < 0 {
		return only
	}
	return m.since(start)
}

// text is the text of a span, of the document's or of what was added.
func (m *Mapper) text(data []byte, s schemas.Span) []byte {
	if s.Off < m.base {
		return data[s.Off : s.Off+s.Len]
	}
	at := s.Off - m.base
	return m.added[at : at+s.Len]
}

// since is the span of what was added from start on.
func (m *Mapper) since(start int) schemas.Span {
	return schemas.Span{Off: m.base + uint32(start), Len: uint32(len(m.added) - start)}
}

// fixed is the span of a text of the recipe's own in this block.
func (m *Mapper) fixed(t *fixedText) schemas.Span {
	if t.block != m.block {
		start := len(m.added)
		m.added = append(m.added, t.text...)
		t.block, t.span = m.block, m.since(start)
	}
	return t.span
}

// keepRecords carries over what is known of the records.
func (m *Mapper) keepRecords(in, out *schemas.Block) {
	out.Row, out.Line = append(out.Row[:0], in.Row...), append(out.Line[:0], in.Line...)
	out.Count = slices.Grow(out.Count[:0], in.Rows)[:in.Rows]
	for r, n := range in.Count {
		out.Count[r] = uint32(max(0, out.Width+int(n)-in.Width))
	}
	if out.Width == 0 {
		copy(out.Count, in.Count)
	}
	out.Faults = out.Faults[:0]
	for _, f := range in.Faults {
		if f.Cell >= 0 && f.Cell < len(m.back) {
			f.Cell = m.back[f.Cell]
		} else {
			f.Cell = -1
		}
		out.Faults = append(out.Faults, f)
	}
}

// flush hands the counts of repairs over to rep.
func (m *Mapper) flush(rep *schemas.Report) {
	for i := range m.trimmed {
		addRepair(rep, schemas.Repair{Op: "trim", Count: 1, Sample: &m.trimmed[i]})
	}
	m.trimmed = nil
	for _, col := range m.columns {
		for _, op := range col.ops {
			for _, t := range op.tallies() {
				if t.count > 0 {
					addRepair(rep, schemas.Repair{Op: t.op, Field: col.label, Count: t.count, Sample: t.sample})
					t.count, t.sample = 0, nil
				}
			}
		}
	}
}

// addRepair counts r together with the repairs of the same kind, whose first sample stays.
func addRepair(rep *schemas.Report, r schemas.Repair) {
	rep.Stats.Repairs += r.Count
	for i := range rep.Repairs {
		if known := &rep.Repairs[i]; known.Op == r.Op && known.Field == r.Field {
			known.Count += r.Count
			if known.Sample == nil {
				known.Sample = r.Sample
			}
			return
		}
	}
	rep.Repairs = append(rep.Repairs, r)
}

// cutCell is a cell as a report quotes it.
func cutCell(b []byte) string {
	if len(b) > schemas.MaxCell {
		b = b[:schemas.MaxCell]
	}
	return strings.ToValidUTF8(string(b), "")
}
