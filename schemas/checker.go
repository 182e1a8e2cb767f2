package schemas

import (
	"cmp"
	"encoding/json"
	"slices"
)

// A Checker judges the records of one table, in order, against one Schema. It keeps what uniqueness and keys need between
// calls; one Checker serves one table and one goroutine.
//
// Check goes over a block column by column and notes the faults it meets; only when all columns are done does it word them,
// row by row. A good cell allocates nothing.
type Checker struct {
	// Terse says that only the report is read: Batch.Rejects then have no Issues, refused rows stay in the Batch's columns, and a table wrong
	// throughout costs little more than a good one.
	Terse bool

	speech // of the report, since Begin
	told   told

	schema *Schema
	plan   *plan

	labels   []string
	pos      []int // by field: position in the file from 0, -1 when the document lacks the column
	found    int   // fields that the document has
	extra    []int // positions of columns outside the schema
	document int64 // number of the document, from 1
	noted    bool  // what is said once a table was said
	skip     []bool

	in     *Block
	out    *Batch
	state  []rowState
	nulls  []int32 // cells without value in each row
	faults []fault
	sorted []fault          // the memory that faults are sorted into
	worded []Issue          // faults of JSON records, worded already
	gaveUp []bool           // by field: the pattern was given up on for some cell
	said   map[int]struct{} // fields of which that was said
	flat   Block            // cells of the records of a document
	tape   jsonTape         // the record of a document being judged
	doc    documentState

	unique  []*keyTable // by rank in plan.unique
	primary *keyTable
	foreign []foreignState
	others  []*keyTable // by rank in plan.others, nil when nothing was supplied
	bal     *balState   // nil but for a Base Adresse Locale

	starts  []int32 // where the faults of each row start
	brief   bool    // the report is full: no more hints
	keep    []int32
	reasons []Issue
	scratch scratch
}

// A rowState says what is already settled about a row.
type rowState uint8

const (
	rowWhole rowState = 1 << iota // at fault as a whole: its cells are not spoken of
	rowBlank
	rowBad
)

// A fault is a fault before it is worded.
type fault struct {
	row     int32
	col     int32  // field index, -1 when the row is at fault
	rank    uint32 // order within the row (VALIDATION.md section 1)
	code    code
	variant uint8
	n       int64 // an earlier place, a count, an index: what the code needs
}

// A code says which rule was broken. Faults of one cell are told in this order.
type code uint8

const (
	codeSyntax code = iota // n indexes Block.Faults
	codeRecord             // n indexes Checker.worded
	codeBlank
	codeType
	codeItem // variant is the code that an item of an array broke
	codeRequired
	codeMinLength
	codeMaxLength
	codeMinimum
	codeMaximum
	codePattern
	codeEnum
	codeExtra   // n cells too many
	codeMissing // n is the position of the absent cell
	codeUnique  // n is the earlier place
	codePrimary // n is the earlier place, 0 when the key is empty
	codeCheck   // n indexes plan.checks
	codeForeign // n indexes plan.others
	codeAlert   // variant is a balKind, n says where it points and whether it is an error
)

// Where each group of faults comes within its row.
const (
	rankCells   = 1 << 8
	rankExtra   = 1 << 27
	rankMissing = rankExtra + 1
	rankUnique  = 1 << 28
	rankPrimary = rankUnique + 1<<20
	rankCheck   = rankUnique + 1<<21
)

func cellRank(pos int, c code) uint32 { return rankCells + uint32(min(pos, 1<<18))<<8 + uint32(c) }

// NewChecker returns a Checker for a fresh table. It panics when s does not compile, which Load, Lookup, ParseTable and
// ParseDocument report as an error.
func (s *Schema) NewChecker() *Checker {
	p, err := s.ready()
	if err != nil {
		panic("schemas: " + string(s.ID) + ": " + err.Error())
	}
	c := &Checker{schema: s, plan: p, gaveUp: make([]bool, len(p.columns)), said: map[int]struct{}{}, pos: make([]int, len(p.columns))}
	for range p.unique {
		c.unique = append(c.unique, newKeyTable())
	}
	if len(p.primary) > 0 {
		c.primary = newKeyTable()
	}
	for range p.foreign {
		c.foreign = append(c.foreign, foreignState{known: newKeyTable()})
	}
	c.shareKeys()
	c.bal = newBAL(p.bal)
	c.setPositions(nil)
	c.skip = slices.Repeat([]bool{true}, len(p.checks)) // until Begin
	return c
}

// Check judges the records of in: rows without fault go to out (replacing what it held), every fault to rep, refused
// records with their reasons to out.Rejects. rep.Stats rows, accepted and rejected are kept up to date. For a Document schema
// the block has Width 2: the RecordPath.Path and the JSON text of one record, as it came.
//
// For a Document the JSON Schema alone decides; what table.json's columns find besides is a warning, and a cell that cannot be
// read as its column's type is without value in out.
func (c *Checker) Check(in *Block, out *Batch, rep *Report) {
	c.faults, c.worded = c.faults[:0], c.worded[:0]
	c.state = zeroed(c.state, in.Rows)
	c.nulls = zeroed(c.nulls, in.Rows)
	c.out = out
	c.syntax(in)
	out.source = nil
	if c.plan.document != nil {
		if in.Verbatim && in.Rows > 0 {
			out.source = in
		}
		in = c.flatten(in)
		c.tellNotices(rep)
	}
	c.in = in
	c.prepare()
	if c.bal != nil {
		c.judgeBAL()
	}
	for f, col := range c.plan.columns {
		if pos := c.pos[f]; pos >= 0 && pos < in.Width && c.bal == nil {
			c.judge(col, pos)
		}
	}
	if c.plan.document == nil {
		c.rows()
	}
	c.keys()
	c.check()
	c.report(rep)
	c.compact(rep)
	out.Data = c.in.Data
	c.in, c.out = nil, nil
}

// zeroed returns s with n zero values.
func zeroed[T any](s []T, n int) []T {
	s = sized(s, n)
	clear(s)
	return s
}

// sized returns s with n values of any kind.
func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, max(n, BlockRows))
	}
	return s[:n]
}

// syntax takes over what the decoder found wrong.
func (c *Checker) syntax(in *Block) {
	for i := range in.Faults {
		f := &in.Faults[i]
		if f.Record < 0 || f.Record >= in.Rows {
			continue
		}
		rank, col := uint32(0), int32(-1)
		switch {
		case f.Cell >= 0 && c.plan.document == nil:
			rank = cellRank(f.Cell, codeSyntax)
			col = int32(slices.Index(c.pos, f.Cell))
		case f.Type == "extra-cell":
			rank = rankExtra
		default:
			c.state[f.Record] |= rowWhole
		}
		c.faults = append(c.faults, fault{row: int32(f.Record), col: col, rank: rank, code: codeSyntax, n: int64(i)})
	}
}

// prepare gives out one column for each field, as long as the block; columns that the document lacks are without values.
func (c *Checker) prepare() {
	out, n := c.out, c.in.Rows
	out.Schema, out.Rejects = c.schema, out.Rejects[:0]
	out.Columns = sizedColumns(out.Columns, len(c.plan.columns))
	for f, col := range c.plan.columns {
		o := &out.Columns[f]
		o.Physical = col.physical
		o.Valid, o.Text = sized(o.Valid, n), sized(o.Text, n)
		switch col.physical {
		case Int64, Days, Micros:
			o.Ints = sized(o.Ints, n)
		case Float:
			o.Floats = sized(o.Floats, n)
		case Bool:
			o.Bools = sized(o.Bools, n)
		}
		if c.pos[f] < 0 || c.pos[f] >= c.in.Width {
			clear(o.Valid)
			clear(o.Text)
			clear(o.Ints)
			clear(o.Floats)
			clear(o.Bools)
		}
	}
}

func sizedColumns(s []Column, n int) []Column {
	if cap(s) < n {
		return append(s[:cap(s)], make([]Column, n-cap(s))...)
	}
	return s[:n]
}

// judge reads the cells of one column into out.
func (c *Checker) judge(col *column, pos int) {
	in, out := c.in, &c.out.Columns[col.index]
	cells, w, data := in.Cells, in.Width, in.Data
	valid, spans := out.Valid[:in.Rows], out.Text[:in.Rows]
	justEmpty := col.missing.justEmpty()
	required := col.field.Constraints.Required
	if col.free && justEmpty {
		c.take(col, pos)
		return
	}
	text := col.kind == kindText
	for r, i := 0, pos; r < in.Rows; r, i = r+1, i+w {
		s := cells[i]
		if s.Len == 0 && justEmpty || !justEmpty && (col.missing.has(data[s.Off:s.Off+s.Len]) || int(in.Count[r]) <= pos) {
			c.nulls[r]++
			c.clearCell(out, r)
			if required {
				c.cellFault(col, pos, r, codeRequired)
			}
			continue
		}
		if col.free {
			valid[r], spans[r] = true, s
			continue
		}
		b := data[s.Off : s.Off+s.Len : s.Off+s.Len]
		var v value
		if !text && !col.read(b, &v, &c.scratch) {
			c.clearCell(out, r)
			c.cellFault(col, pos, r, codeType)
			continue
		}
		valid[r] = true
		switch col.physical {
		case Int64, Micros:
			out.Ints[r] = v.i
		case Days:
			out.Ints[r] = v.i
			if len(b) != len("2006-01-02") && col.kind == kindDate {
				s = c.padDate(v.i)
			}
		case Float:
			out.Floats[r] = v.f
		case Bool:
			out.Bools[r] = v.i != 0
		}
		spans[r] = s
		if col.constrained {
			c.constrain(col, pos, r, b, v)
		}
	}
}

// take is judge for a column in which every text is good, and only the empty one is missing.
func (c *Checker) take(col *column, pos int) {
	in, out := c.in, &c.out.Columns[col.index]
	cells, w, valid, nulls := in.Cells, in.Width, out.Valid[:in.Rows], c.nulls[:in.Rows]
	spans := out.Text[:len(valid)]
	for r, i := 0, pos; r < len(valid); r, i = r+1, i+w {
		s := cells[i]
		valid[r], spans[r] = true, s
		if s.Len > 0 {
			continue
		}
		nulls[r]++
		valid[r], spans[r] = false, Span{}
		if col.field.Constraints.Required {
			c.cellFault(col, pos, r, codeRequired)
		}
	}
}

// padDate adds a date in full to the block's text: 2024-1-5 is published as 2024-01-05.
func (c *Checker) padDate(days int64) Span {
	off := len(c.in.Data)
	c.in.Data = appendDate(c.in.Data, days)
	return Span{uint32(off), uint32(len(c.in.Data) - off)}
}

func (c *Checker) clearCell(o *Column, r int) {
	o.Valid[r], o.Text[r] = false, Span{}
	switch o.Physical {
	case Int64, Days, Micros:
		o.Ints[r] = 0
	case Float:
		o.Floats[r] = 0
	case Bool:
		o.Bools[r] = false
	}
}

func (c *Checker) cellFault(col *column, pos, r int, what code) {
	c.faults = append(c.faults, fault{row: int32(r), col: int32(col.index), rank: cellRank(pos, what), code: what})
}

// constrain applies every constraint but required and unique to a cell that reads as its type.
func (c *Checker) constrain(col *column, pos, r int, b []byte, v value) {
	if col.minLen >= 0 || col.maxLen >= 0 {
		short, long := col.lengthFits(b)
		if short {
			c.cellFault(col, pos, r, codeMinLength)
		}
		if long {
			c.cellFault(col, pos, r, codeMaxLength)
		}
	}
	if col.min != nil {
		if order, ok := col.compare(b, v, col.min, &c.scratch); order < 0 || !ok {
			c.cellFault(col, pos, r, codeMinimum)
		}
	}
	if col.max != nil {
		if order, ok := col.compare(b, v, col.max, &c.scratch); order > 0 || !ok {
			c.cellFault(col, pos, r, codeMaximum)
		}
	}
	if col.pattern != nil {
		ok, gaveUp := col.pattern.match(b)
		c.gaveUp[col.index] = c.gaveUp[col.index] || gaveUp
		if !ok {
			c.cellFault(col, pos, r, codePattern)
		}
	}
	if col.enum != nil && !col.allows(b, v, &c.scratch) {
		c.cellFault(col, pos, r, codeEnum)
	}
	if col.item != nil {
		c.items(col, pos, r, b)
	}
}

// items judges the items of an array, and notes each kind of fault once a cell.
func (c *Checker) items(col *column, pos, r int, b []byte) {
	list, _ := parseArray(b)
	var seen [codeEnum + 1]bool
	for _, v := range list {
		what, ok := col.item.judgeItem(v, &c.scratch)
		if ok || seen[what] {
			continue
		}
		seen[what] = true
		c.faults = append(c.faults, fault{row: int32(r), col: int32(col.index), rank: cellRank(pos, codeItem), code: codeItem, variant: uint8(what)})
	}
}

// judgeItem judges one item of an array against arrayItem, and returns the first rule it breaks.
func (c *column) judgeItem(v any, s *scratch) (what code, ok bool) {
	if v == nil {
		return codeRequired, !c.field.Constraints.Required
	}
	b, ok := c.itemText(v)
	if !ok {
		return codeType, false
	}
	var x value
	if !c.read(b, &x, s) {
		return codeType, false
	}
	short, long := c.lengthFits(b)
	switch {
	case short:
		return codeMinLength, false
	case long:
		return codeMaxLength, false
	}
	if c.min != nil {
		if order, ok := c.compare(b, x, c.min, s); order < 0 || !ok {
			return codeMinimum, false
		}
	}
	if c.max != nil {
		if order, ok := c.compare(b, x, c.max, s); order > 0 || !ok {
			return codeMaximum, false
		}
	}
	if c.pattern != nil {
		if ok, _ := c.pattern.match(b); !ok {
			return codePattern, false
		}
	}
	if c.enum != nil && !c.allows(b, x, s) {
		return codeEnum, false
	}
	return 0, true
}

// itemText returns the text of an item, when its JSON type suits the column: strings suit all, numbers and truth values their own.
func (c *column) itemText(v any) (b []byte, ok bool) {
	switch v := v.(type) {
	case string:
		return []byte(v), true
	case json.Number:
		return []byte(v), c.kind == kindInteger || c.kind == kindNumber || c.kind == kindAny
	case bool:
		word := map[bool]texts{true: c.yes, false: c.no}[v]
		return []byte(word[0]), c.kind == kindBoolean
	}
	b, err := json.Marshal(v)
	return b, err == nil && c.kind >= kindPoint
}

// rows finds blank, short and long rows.
func (c *Checker) rows() {
	in := c.in
	for r := range in.Rows {
		if c.state[r]&rowWhole != 0 {
			continue
		}
		if int(c.nulls[r]) == c.found && c.blank(r) {
			c.state[r] |= rowBlank
			c.faults = append(c.faults, fault{row: int32(r), col: -1, code: codeBlank})
			continue
		}
		n := int(in.Count[r])
		if n > in.Width && !c.extraSaid(r) {
			c.faults = append(c.faults, fault{row: int32(r), col: -1, rank: rankExtra, code: codeExtra, n: int64(n - in.Width)})
		}
		for pos := n; pos < in.Width; pos++ {
			c.faults = append(c.faults, fault{row: int32(r), col: int32(slices.Index(c.pos, pos)), rank: rankMissing + uint32(pos), code: codeMissing, n: int64(pos)})
		}
	}
}

// blank tells whether the columns outside the schema are empty too. Cells beyond the header do not count (VALIDATION.md section 6).
func (c *Checker) blank(r int) bool {
	for _, pos := range c.extra {
		if pos < c.in.Width && pos < int(c.in.Count[r]) && !c.plan.missing.has(c.in.Cell(r, pos)) {
			return false
		}
	}
	return true
}

// extraSaid tells whether the decoder already spoke of the cells that are too many.
func (c *Checker) extraSaid(r int) bool {
	return slices.ContainsFunc(c.in.Faults, func(f Fault) bool { return f.Record == r && f.Type == "extra-cell" })
}

// reasonsKept is how many issues a refused record carries.
const reasonsKept = 5

// report words the faults in the order of the specification, counts them, and settles which rows are refused.
func (c *Checker) report(rep *Report) {
	c.reasons = c.reasons[:0]
	if c.Terse && rep.full() && c.plan.document == nil && c.bal == nil {
		c.tellCounts(rep)
		return
	}
	c.sortFaults()
	for i := 0; i < len(c.faults); {
		r := c.faults[i].row
		first := len(c.reasons)
		for ; i < len(c.faults) && c.faults[i].row == r; i++ {
			if f := &c.faults[i]; !c.silent(f) {
				c.tell(f, first, rep)
			}
		}
		if c.state[r]&rowBad != 0 {
			c.out.Rejects = append(c.out.Rejects, Reject{Record: int(r), Row: c.in.Row[r], Line: c.in.Line[r], Issues: slices.Clip(c.reasons[first:])})
		}
	}
	c.sayGivenUp(rep)
}

// tellCounts is report for a report that has its details and whose batch nobody reads: the order of the faults does not matter any more.
func (c *Checker) tellCounts(rep *Report) {
	for i := range c.faults {
		if f := &c.faults[i]; !c.silent(f) {
			c.tell(f, 0, rep)
		}
	}
	for r := range c.in.Rows {
		if c.state[r]&rowBad != 0 {
			c.out.Rejects = append(c.out.Rejects, Reject{Record: r, Row: c.in.Row[r], Line: c.in.Line[r]})
		}
	}
	c.sayGivenUp(rep)
}

// sortFaults puts the faults, which come column by column, in the order of the rows, and those of one row in the order of their ranks.
func (c *Checker) sortFaults() {
	if len(c.faults) == 0 {
		return
	}
	c.starts = zeroed(c.starts, c.in.Rows+1)
	for i := range c.faults {
		c.starts[c.faults[i].row+1]++
	}
	for r := range c.in.Rows {
		c.starts[r+1] += c.starts[r]
	}
	c.sorted = sized(c.sorted, len(c.faults))
	for i := range c.faults {
		at := &c.starts[c.faults[i].row]
		c.sorted[*at] = c.faults[i]
		*at++ // the start of the next row, in the end
	}
	c.faults, c.sorted = c.sorted, c.faults
	from := int32(0)
	for _, to := range c.starts[:c.in.Rows] {
		if !ascending(c.faults[from:to]) {
			slices.SortFunc(c.faults[from:to], func(a, b fault) int {
				return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.n, b.n), cmp.Compare(a.variant, b.variant))
			})
		}
		from = to
	}
}

// ascending tells whether the faults of one row are in the order of their ranks already, as they mostly are.
func ascending(faults []fault) bool {
	for i := 1; i < len(faults); i++ {
		if faults[i-1].rank >= faults[i].rank {
			return false
		}
	}
	return true
}

// silent tells whether a graver fault of the row speaks for this one.
func (c *Checker) silent(f *fault) bool {
	switch state := c.state[f.row]; {
	case state&rowWhole != 0:
		return f.code > codeRecord || f.rank != 0
	case state&rowBlank != 0:
		return f.code != codeBlank && f.code != codePrimary && f.code != codeSyntax
	}
	return false
}

// tell counts a fault, and words it while the report or the record's reasons have room.
func (c *Checker) tell(f *fault, first int, rep *Report) {
	if c.plan.document != nil && f.code > codeRecord {
		c.brief = false
		if len(rep.Warnings) < rep.max() {
			rep.Warn(c.issue(f))
		} else {
			rep.Stats.Warnings++
		}
		return
	}
	if c.bal != nil && c.tellAlert(f, rep) {
		return
	}
	c.state[f.row] |= rowBad
	times := int64(1)
	if f.code == codeExtra {
		times = f.n
	}
	c.countFault(f, times, rep)
	for ; times > 0; times-- {
		kept := !c.Terse && len(c.reasons)-first < reasonsKept
		c.brief = rep.full()
		if !kept && c.brief {
			return
		}
		issue := c.issue(f)
		rep.detail(issue)
		if kept {
			c.reasons = append(c.reasons, issue)
		}
	}
}

// compact drops the refused rows from out and keeps the report's totals.
func (c *Checker) compact(rep *Report) {
	in, out := c.in, c.out
	rep.Stats.Rows += int64(in.Rows)
	rep.Stats.Rejected += int64(len(out.Rejects))
	out.Rows = in.Rows - len(out.Rejects)
	rep.Stats.Accepted += int64(out.Rows)
	if c.Terse {
		return
	}
	out.Row, out.Line = append(out.Row[:0], in.Row[:in.Rows]...), append(out.Line[:0], in.Line[:in.Rows]...)
	if len(out.Rejects) == 0 {
		return
	}
	c.keep = c.keep[:0]
	for r := range in.Rows {
		if c.state[r]&rowBad == 0 {
			c.keep = append(c.keep, int32(r))
		}
	}
	out.Row, out.Line = gather(out.Row, c.keep), gather(out.Line, c.keep)
	for f := range out.Columns {
		o := &out.Columns[f]
		o.Valid, o.Text = gather(o.Valid, c.keep), gather(o.Text, c.keep)
		switch o.Physical {
		case Int64, Days, Micros:
			o.Ints = gather(o.Ints, c.keep)
		case Float:
			o.Floats = gather(o.Floats, c.keep)
		case Bool:
			o.Bools = gather(o.Bools, c.keep)
		}
	}
}

// gather moves the values at the kept places to the front.
func gather[T any](s []T, keep []int32) []T {
	for k, r := range keep {
		s[k] = s[r]
	}
	return s[:len(keep)]
}
