package harvest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

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

// A mapBuilder compiles the mapping of one document.
type mapBuilder struct {
	recipe *Recipe
	mapper *Mapper
	fill   *filler
	member catalog.Member
	labels []string
	used   map[int]bool // cells that a line names
}

// cleanLabels are the document's labels, trimmed when the recipe says so.
func (b *mapBuilder) cleanLabels(labels []string) []string {
	b.used = map[int]bool{}
	if !b.recipe.Map.Trim {
		return labels
	}
	clean := make([]string, len(labels))
	for i, label := range labels {
		clean[i] = trimText(label)
		if clean[i] != label {
			b.mapper.trimmed = append(b.mapper.trimmed, schemas.RepairSample{Row: 1, Before: label, After: clean[i]})
		}
	}
	return clean
}

// line compiles one line of map.columns.
func (b *mapBuilder) line(c *MapColumn) error {
	col := mapped{label: norm.NFC.String(c.To), from: -1}
	present, err := b.source(c, &col)
	if err != nil {
		return err
	}
	switch {
	case c.Value != nil:
		col.fixed = b.fixed(b.fill.text(*c.Value))
	case c.Member != "":
		text := b.fill.value("member." + c.Member)
		if text == "" && c.Default == "" {
			b.fill.missing = append(b.fill.missing, "member."+c.Member)
		}
		col.fixed = b.fixed(text)
	case !present && c.Default == "":
		return nil
	case !present && col.join == nil:
		col.fixed = b.fixed("")
	}
	col.ops = b.operations(c, col.label)
	if col.fixed != nil {
		b.settle(&col)
	}
	b.mapper.columns = append(b.mapper.columns, col)
	return nil
}

// source finds the cells that From or Join name; false when one of them is not there.
func (b *mapBuilder) source(c *MapColumn, col *mapped) (present bool, err error) {
	names := c.Join
	if c.From != "" {
		names = []string{c.From}
	}
	present = true
	for _, name := range names {
		i, err := b.find(name)
		switch {
		case err != nil:
			return false, err
		case i < 0:
			present = false
			continue
		}
		b.used[i] = true
		if c.From != "" {
			col.from = i
		} else {
			col.join = append(col.join, i)
		}
	}
	if col.with = []byte(c.With); c.With == "" {
		col.with = []byte(" ")
	}
	return present, nil
}

// find is the place of a label of the document, -1 without.
func (b *mapBuilder) find(name string) (int, error) {
	name = norm.NFC.String(name)
	i := slices.Index(b.labels, name)
	if i >= 0 && slices.Contains(b.labels[i+1:], name) {
		return 0, Permanent(Say("La colonne "+cited(name)+" figure deux fois dans le fichier reçu\u00a0: on ne sait laquelle prendre. La dernière version reste en ligne\u00a0; corrigez l’export du logiciel.",
			fmt.Errorf("label %q is there twice", name)))
	}
	return i, nil
}

func (b *mapBuilder) fixed(text string) *fixedText { return &fixedText{text: text} }

// settle applies the operations of a constant column once and for all.
func (b *mapBuilder) settle(col *mapped) {
	m := b.mapper
	data := []byte(col.fixed.text)
	m.base, m.added = uint32(len(data)), m.added[:0]
	s := schemas.Span{Len: uint32(len(data))}
	for _, op := range col.ops {
		s, _ = op.apply(m, data, s)
	}
	col.fixed.text, col.ops = string(m.text(data, s)), nil
	m.block++
}

// order puts the columns in the order of the schema, when there are lines; those it does not know stay behind.
func (b *mapBuilder) order() {
	s := b.recipe.schema
	if s == nil || len(b.recipe.Map.Columns) == 0 {
		return
	}
	rank := func(c mapped) int {
		if i := s.Field(c.label); i >= 0 {
			return i
		}
		return len(s.Fields)
	}
	slices.SortStableFunc(b.mapper.columns, func(x, y mapped) int { return rank(x) - rank(y) })
}

// rest adds the document's columns that no line names.
func (b *mapBuilder) rest() {
	if b.recipe.Map.Only {
		return
	}
	for i, label := range b.labels {
		if b.used[i] || slices.ContainsFunc(b.recipe.Map.Columns, func(c MapColumn) bool { return norm.NFC.String(c.To) == label }) {
			continue
		}
		b.mapper.columns = append(b.mapper.columns, mapped{label: label, from: i, ops: b.operations(&MapColumn{}, label)})
	}
}

// operations compiles the operations of a column, in the order of MapColumn's fields.
func (b *mapBuilder) operations(c *MapColumn, label string) []mapOp {
	global := b.recipe.Map
	var field schemas.Field // of no type when the schema does not know the column
	if s := b.recipe.schema; s != nil && s.Field(label) >= 0 {
		field = s.Fields[s.Field(label)]
	}
	dates, decimal := c.Dates, c.Decimal
	if len(dates) == 0 && wantsISO(&field) {
		dates = global.Dates
	}
	if decimal == "" && (field.Type == schemas.Number || field.Type == schemas.Integer) {
		decimal = global.Decimal
	}
	var ops []mapOp
	if c.Trim || global.Trim {
		ops = append(ops, &trimOp{opTally{op: "trim"}})
	}
	if c.Split != "" {
		ops = append(ops, &splitOp{[]byte(c.Split), c.Part})
	}
	if len(dates) > 0 {
		ops = append(ops, newDateOp(dates))
	}
	if decimal == "," {
		ops = append(ops, newDecimalOp(&field))
	}
	if len(c.Lookup) > 0 {
		ops = append(ops, b.lookup(c.Lookup))
	}
	if text := b.fill.text(c.Default); text != "" {
		ops = append(ops, &defaultOp{b.fixed(text), opTally{op: "default"}})
	}
	return ops
}

// wantsISO tells whether the schema wants days of this field in the ISO way.
func wantsISO(f *schemas.Field) bool {
	return f.Type == schemas.Date && (f.Format == "" || f.Format == "default" || f.Format == "any" || f.Format == "%Y-%m-%d")
}

func (b *mapBuilder) lookup(table map[string]string) mapOp {
	op := &lookupOp{texts: make(map[string]*fixedText, len(table)), tally: opTally{op: "lookup"}}
	for from, to := range table {
		op.texts[norm.NFC.String(from)] = b.fixed(to)
	}
	return op
}

// finish notes what the columns are called and what became of the document's cells.
func (b *mapBuilder) finish() {
	m := b.mapper
	m.back = make([]int, len(b.labels))
	for i := range m.back {
		m.back[i] = slices.IndexFunc(m.columns, func(c mapped) bool { return c.join == nil && c.fixed == nil && c.from == i })
	}
	for _, c := range m.columns {
		m.labels = append(m.labels, c.label)
	}
}

// mapping checks the section map.
func (c *recipeCheck) mapping() {
	if c.schema != nil && c.schema.Form == schemas.Document && len(c.given("map")) > 0 {
		c.fault(yamlPath{"map"}, "le schéma %s juge des documents JSON entiers\u00a0: aucune transformation n’est possible", c.schema.ID.Name())
		return
	}
	typed := len(c.given("schema", "columns", "table")) > 0
	c.dates(yamlPath{"map", "dates"}, c.Map.Dates)
	c.oneOf(yamlPath{"map", "decimal"}, c.Map.Decimal, []string{","})
	if !typed && len(c.Map.Dates) > 0 {
		c.fault(yamlPath{"map", "dates"}, "sans schéma ni colonnes typées, indiquez dates sur chaque colonne concernée")
	}
	if !typed && c.Map.Decimal != "" {
		c.fault(yamlPath{"map", "decimal"}, "sans schéma ni colonnes typées, indiquez decimal sur chaque colonne concernée")
	}
	if c.Map.Only && len(c.Map.Columns) == 0 {
		c.fault(yamlPath{"map", "only"}, "ne sert qu’avec columns\u00a0: aucune colonne ne resterait")
	}
	seen := map[string]int{}
	for i := range c.Map.Columns {
		col := &c.Map.Columns[i]
		c.mapColumn(yamlPath{"map", "columns", i}, col)
		if first, again := seen[col.To]; again && col.To != "" {
			c.fault(yamlPath{"map", "columns", i, "to"}, "la colonne %s est déjà faite par map.columns[%d]", cited(col.To), first)
		} else {
			seen[col.To] = i
		}
	}
}

func (c *recipeCheck) mapColumn(path yamlPath, col *MapColumn) {
	if col.To == "" {
		c.fault(path.and("to"), "le nom de la colonne à faire est obligatoire")
	} else if c.schema != nil && c.schema.Field(norm.NFC.String(col.To)) < 0 {
		c.fault(path.and("to"), "le schéma n’a pas de colonne %s%s", cited(col.To), proposal(col.To, fieldNames(c.schema)))
	}
	sources := 0
	for _, given := range []bool{col.From != "", len(col.Join) > 0, col.Value != nil, col.Member != ""} {
		if given {
			sources++
		}
	}
	if sources != 1 {
		c.fault(path, "indiquez d’où vient le texte, par une seule des clés from, join, value et member")
	}
	c.oneOf(path.and("member"), col.Member, []string{"siren", "siret", "name", "insee"})
	c.oneOf(path.and("decimal"), col.Decimal, []string{","})
	c.dates(path.and("dates"), col.Dates)
	switch {
	case col.Split != "" && col.Part == 0:
		c.fault(path.and("part"), "split demande part\u00a0: le numéro du morceau, à partir de 1 (ou de -1, depuis la fin)")
	case col.Split == "" && col.Part != 0:
		c.fault(path.and("part"), "part ne sert qu’avec split")
	}
	if col.With != "" && len(col.Join) == 0 {
		c.fault(path.and("with"), "with ne sert qu’avec join")
	}
}

func (c *recipeCheck) dates(path yamlPath, names []string) {
	for i, name := range names {
		c.oneOf(path.and(i), name, datePatternNames())
	}
}

// A trimOp takes away the white space around a cell.
type trimOp struct{ tally opTally }

func (o *trimOp) tallies() []*opTally { return []*opTally{&o.tally} }

func (o *trimOp) apply(m *Mapper, data []byte, s schemas.Span) (schemas.Span, *opTally) {
	text := m.text(data, s)
	if len(text) == 0 || text[0] > ' ' && text[0] < 0x80 && text[len(text)-1] > ' ' && text[len(text)-1] < 0x80 {
		return s, nil
	}
	start, end := trimBounds(text)
	if end-start == len(text) {
		return s, nil
	}
	return schemas.Span{Off: s.Off + uint32(start), Len: uint32(end - start)}, &o.tally
}

func trimSpan(data []byte, s schemas.Span) schemas.Span {
	start, end := trimBounds(data[s.Off : s.Off+s.Len])
	return schemas.Span{Off: s.Off + uint32(start), Len: uint32(end - start)}
}

func trimBounds(text []byte) (start, end int) {
	rest := bytes.TrimLeftFunc(text, isBlank)
	return len(text) - len(rest), len(text) - len(rest) + len(bytes.TrimRightFunc(rest, isBlank))
}

func trimText(s string) string { return strings.TrimFunc(s, isBlank) }

// isBlank tells white space, no-break and zero-width spaces and byte order marks included.
func isBlank(r rune) bool {
	switch {
	case r <= ' ', r == 0xa0, r == 0x1680, r >= 0x2000 && r <= 0x200b, r == 0x2028, r == 0x2029, r == 0x202f, r == 0x205f, r == 0x2060, r == 0x3000, r == 0xfeff:
		return true
	}
	return false
}

// A splitOp keeps one piece of a cell; a piece that is not there is empty.
type splitOp struct {
	separator []byte
	part      int
}

func (o *splitOp) tallies() []*opTally { return nil }

func (o *splitOp) apply(m *Mapper, data []byte, s schemas.Span) (schemas.Span, *opTally) {
	text := m.text(data, s)
	wanted := o.part
	if wanted < 0 {
		wanted += bytes.Count(text, o.separator) + 2
	}
	at := 0
	for piece := 1; ; piece++ {
		n := bytes.Index(text[at:], o.separator)
		switch {
		case piece == wanted && n < 0:
			return schemas.Span{Off: s.Off + uint32(at), Len: uint32(len(text) - at)}, nil
		case piece == wanted:
			return schemas.Span{Off: s.Off + uint32(at), Len: uint32(n)}, nil
		case n < 0:
			return schemas.Span{}, nil
		}
		at += n + len(o.separator)
	}
}

// A lookupOp replaces whole texts.
type lookupOp struct {
	texts map[string]*fixedText
	tally opTally
}

func (o *lookupOp) tallies() []*opTally { return []*opTally{&o.tally} }

func (o *lookupOp) apply(m *Mapper, data []byte, s schemas.Span) (schemas.Span, *opTally) {
	text := m.text(data, s)
	t, ok := o.texts[string(text)]
	if !ok || t.text == string(text) {
		return s, nil
	}
	return m.fixed(t), &o.tally
}

// A defaultOp fills empty cells.
type defaultOp struct {
	text  *fixedText
	tally opTally
}

func (o *defaultOp) tallies() []*opTally { return []*opTally{&o.tally} }

func (o *defaultOp) apply(m *Mapper, _ []byte, s schemas.Span) (schemas.Span, *opTally) {
	if s.Len > 0 {
		return s, nil
	}
	return m.fixed(o.text), &o.tally
}
