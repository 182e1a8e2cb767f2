package schemas

import (
	"cmp"
	"slices"
	"strings"
)

// MaxCauses is how many causes a report lists; the rest are summed in one.
const MaxCauses = 200

// causesTold bounds how many causes are kept apart while a table is judged.
const causesTold = 4096

// A Spot is a record and the physical line it starts on.
type Spot struct {
	Row  int64 `json:"row,omitempty"`  // record in the document, header = 1; 0 for the header or the whole table
	Line int64 `json:"line,omitempty"` // 0 when the syntax has none
}

// A Cause is what a group of errors have in common: the same rule broken in the same column by cells that look alike. Counts are
// exact, also beyond the details that the report keeps; the counts of a report's causes add up to its errors.
type Cause struct {
	Type       string `json:"type"` // as Issue.Type; "other" sums the least frequent causes
	Constraint string `json:"constraint,omitempty"`
	Field      string `json:"field,omitempty"`
	Column     int    `json:"column,omitempty"`
	Shape      string `json:"shape,omitempty"` // what the cells look like: "date-fr", "decimal-comma"…; "" when nothing can be said
	Count      int64  `json:"count"`
	First      Spot   `json:"first"`
	Last       Spot   `json:"last"`
	Unbroken   bool   `json:"unbroken"`        // every record from First to Last is concerned
	Cell       string `json:"cell,omitempty"`  // of the first error, as Issue.Cell
	Message    string `json:"message"`         // one sentence with the count and the place
	Detail     string `json:"detail"`          // the message of the first error
	Right      string `json:"right,omitempty"` // what a right value looks like
	Mended     bool   `json:"mended"`          // Right is Cell as it should have been, not just an example
	Hint       string `json:"hint,omitempty"`  // of the first error
	Next       string `json:"next,omitempty"`  // what to do about all of them at once
	Repairable bool   `json:"repairable"`      // the platform may know how to mend such cells
}

// A causeKey tells causes apart.
type causeKey struct {
	kind, constraint, field string
	column                  int
	detail                  uint64 // of a Checker's fault: code, variant, check
	shape                   shape
}

// A tally is a Cause while it grows.
type tally struct {
	causeKey
	count       int64
	first, last Spot
	document    int64
	broken      bool // some record between first and last is not concerned
	spread      bool // over several documents
	column      *column
	sample      Issue
	counter     *int64 // the Count it belongs to
}

// add counts errors of one record. Records come in order.
func (t *tally) add(n int64, at Spot, document int64) {
	switch {
	case t.count == 0:
		t.first, t.document = at, document
	case document != t.document:
		t.spread, t.document = true, document
	case at.Row > t.last.Row+1:
		t.broken = true
	}
	t.count += n
	t.last = at
}

// causes are the tallies of a report, in the order in which they were met.
type causes struct {
	list []*tally
	by   map[causeKey]*tally
	rest tally
}

// tally finds the tally of a key, or nil for a new one.
func (r *Report) tally(k causeKey) *tally { return r.causes.by[k] }

// newTally begins a tally; past causesTold there is one for all.
func (r *Report) newTally(k causeKey, sample Issue) *tally {
	if r.causes.by == nil {
		r.causes.by = map[causeKey]*tally{}
	}
	if len(r.causes.list) >= causesTold {
		return &r.causes.rest
	}
	t := &tally{causeKey: k, sample: sample, counter: r.counter(Count{Type: k.kind, Field: k.field})}
	r.causes.list, r.causes.by[k] = append(r.causes.list, t), t
	return t
}

// counter finds where errors of one kind in one column are counted.
func (r *Report) counter(c Count) *int64 {
	if r.counts == nil {
		r.counts = map[Count]*int64{}
	}
	n := r.counts[c]
	if n == nil {
		n = new(int64)
		r.counts[c] = n
	}
	return n
}

// count counts an error that came as an Issue.
func (r *Report) count(i *Issue, document int64) {
	k := causeKey{kind: i.Type, constraint: i.Constraint, field: i.Field, column: i.Column}
	t := r.tally(k)
	if t == nil {
		t = r.newTally(k, *i)
	}
	r.tallied(t, k, 1, Spot{i.Row, i.Line}, document)
}

func (r *Report) tallied(t *tally, k causeKey, n int64, at Spot, document int64) {
	r.Stats.Errors += n
	t.add(n, at, document)
	if t.counter == nil { // of the rest
		*r.counter(Count{Type: k.kind, Field: k.field}) += n
		return
	}
	*t.counter += n
}

// told is what a Checker remembers of the causes it met: where each is counted in the report, by a packed key.
type told struct {
	rep    *Report
	keys   []uint64 // a power of two; 0 is free
	values []*tally
	n      int
	folds  map[*column][]string
	last   []lastShape // by field
	wanted []int       // by field: what wantedDigits says, and one more; 0 when it was not asked yet
	of     *Checker
}

// A lastShape is what enumShape said last; shapeCount at first.
type lastShape struct {
	text  []byte
	shape shape
}

// lastOf remembers the last answer for a column; for the items of an array nothing is remembered.
func (t *told) lastOf(col *column) *lastShape {
	if t.of.plan.columns[col.index] != col {
		return &lastShape{shape: shapeCount}
	}
	if t.last == nil {
		t.last = slices.Repeat([]lastShape{{shape: shapeCount}}, len(t.of.plan.columns))
	}
	return &t.last[col.index]
}

// folded are the values of a column's list without case and accents.
func (t *told) folded(col *column) []string {
	list, ok := t.folds[col]
	if !ok {
		for _, v := range col.field.Constraints.Enum {
			list = append(list, fold(v))
		}
		if t.folds == nil {
			t.folds = map[*column][]string{}
		}
		t.folds[col] = list
	}
	return list
}

// digits is wantedDigits, remembered.
func (t *told) digits(col *column) int {
	if t.of.plan.columns[col.index] != col { // the items of an array
		return t.of.wantedDigits(col)
	}
	if t.wanted == nil {
		t.wanted = make([]int, len(t.of.plan.columns))
	}
	n := &t.wanted[col.index]
	if *n == 0 {
		*n = t.of.wantedDigits(col) + 1
	}
	return *n - 1
}

func (t *told) slot(key uint64) int {
	mask := len(t.keys) - 1
	for i := int(key * 0x9e3779b97f4a7c15 >> 40); ; i++ {
		if k := t.keys[i&mask]; k == key || k == 0 {
			return i & mask
		}
	}
}

func (t *told) put(key uint64, v *tally) {
	if 2*(t.n+1) > len(t.keys) {
		keys, values := t.keys, t.values
		t.keys, t.values = make([]uint64, max(64, 2*len(keys))), make([]*tally, max(64, 2*len(keys)))
		for i, k := range keys {
			if k != 0 {
				s := t.slot(k)
				t.keys[s], t.values[s] = k, values[i]
			}
		}
	}
	s := t.slot(key)
	t.keys[s], t.values[s] = key, v
	t.n++
}

// countFault counts a fault, times times, without wording it unless it is the first of its cause.
func (c *Checker) countFault(f *fault, times int64, rep *Report) {
	if c.told.rep != rep || c.told.keys == nil {
		c.told.rep, c.told.n, c.told.of = rep, 0, c
		c.told.keys, c.told.values = make([]uint64, 64), make([]*tally, 64)
	}
	at := Spot{c.in.Row[f.row], c.in.Line[f.row]}
	if f.code == codeRecord || f.code == codeSyntax {
		c.countWorded(f, times, at, rep)
		return
	}
	s := c.faultShape(f)
	detail := uint64(f.code)<<8 | uint64(f.variant)
	switch f.code {
	case codeCheck, codeAlert, codeForeign:
		detail |= uint64(f.n) << 16
	case codeMissing:
		detail |= uint64(f.n) << 16 & 0xffffff0000
	case codePrimary:
		detail |= uint64(min(f.n, 1)) << 16 // an empty key is another cause than one met before
	}
	packed := uint64(shapeCount)*(detail<<18|uint64(f.col+1)&(1<<18-1)) + uint64(s) + 1
	slot := c.told.slot(packed)
	t := c.told.values[slot]
	if t == nil {
		t = c.meet(f, s, detail, rep)
		c.told.put(packed, t)
	}
	if t.counter == nil {
		rep.tallied(t, causeKey{kind: c.issueType(f), field: c.fieldName(f)}, times, at, c.document)
		return
	}
	rep.Stats.Errors += times
	*t.counter += times
	t.add(times, at, c.document)
}

// countWorded counts a fault of the syntax or of a record of a document, whose type and field are texts already.
func (c *Checker) countWorded(f *fault, times int64, at Spot, rep *Report) {
	k := causeKey{kind: c.issueType(f), field: c.fieldName(f)}
	if f.code == codeRecord {
		k.constraint = c.worded[f.n].Constraint
	}
	t := rep.tally(k)
	if t == nil {
		t = rep.newTally(k, c.wholeIssue(f))
	}
	rep.tallied(t, k, times, at, c.document)
}

// meet words the first fault of a cause.
func (c *Checker) meet(f *fault, s shape, detail uint64, rep *Report) *tally {
	sample := c.wholeIssue(f)
	k := causeKey{kind: sample.Type, constraint: sample.Constraint, field: sample.Field, column: sample.Column, detail: detail, shape: s}
	t := rep.tally(k)
	if t == nil {
		if t = rep.newTally(k, sample); t.counter != nil && f.col >= 0 {
			t.column = c.plan.columns[f.col]
		}
	}
	return t
}

// wholeIssue words a fault with its hint, however full the report is.
func (c *Checker) wholeIssue(f *fault) Issue {
	brief := c.brief
	c.brief = false
	i := c.issue(f)
	c.brief = brief
	return i
}

// faultShape looks at the cell of a fault.
func (c *Checker) faultShape(f *fault) shape {
	switch f.code {
	case codeType, codePattern, codeEnum, codeCheck:
	default:
		return shapeOther
	}
	if f.col < 0 {
		return shapeOther
	}
	if f.code == codeCheck && (len(c.plan.checks[f.n].columns) > 1 || f.variant == idKey) {
		return shapeOther
	}
	pos := c.pos[f.col]
	if pos < 0 || pos >= c.in.Width {
		return shapeOther
	}
	return c.shapeOf(c.plan.columns[f.col], f.code, c.in.Cell(int(f.row), pos))
}

// finishCauses orders and words the causes.
func (r *Report) finishCauses() {
	list := slices.Clone(r.causes.list)
	slices.SortStableFunc(list, func(a, b *tally) int { // not the order in which they were met, which depends on what else is asked for
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.first.Row, b.first.Row), cmp.Compare(a.causeKey.column, b.causeKey.column), cmp.Compare(a.detail, b.detail), cmp.Compare(a.shape, b.shape))
	})
	t := speaking(r.Language)
	r.Causes = make([]Cause, 0, min(len(list), MaxCauses+1))
	for _, l := range list[:min(len(list), MaxCauses)] {
		r.Causes = append(r.Causes, t.cause(l))
	}
	rest, kinds := r.causes.rest.count, int64(0)
	for _, l := range list[min(len(list), MaxCauses):] {
		rest, kinds = rest+l.count, kinds+1
	}
	if rest > 0 {
		r.Causes = append(r.Causes, Cause{Type: "other", Count: rest, Message: t.count(rest, "%s autre erreur, d’une sorte moins fréquente.", "%s autres erreurs, de sortes moins fréquentes."),
			Next: t.say("Corrigez d’abord les causes plus fréquentes, puis vérifiez le fichier de nouveau.")})
	}
}

// cause words a tally.
func (t speech) cause(l *tally) Cause {
	i := &l.sample
	c := Cause{Type: l.kind, Constraint: l.constraint, Field: l.field, Column: i.Column, Shape: shapeNames[l.shape], Count: l.count, First: l.first, Last: l.last,
		Unbroken: !l.broken && !l.spread, Cell: i.Cell, Detail: i.Message, Hint: i.Hint, Repairable: repairable[l.shape]}
	c.Message = t.causeMessage(l)
	c.Right, c.Mended = l.right()
	c.Next = t.next(l)
	return c
}

// causeMessage says how many of what are where: « 412 dates au format jj/mm/aaaa dans dateConvention, lignes 2 à 413. »
func (t speech) causeMessage(l *tally) string {
	what, ok := t.things(l)
	place := t.places(l)
	switch {
	case place == "": // of the header or the whole table
		return l.sample.Message
	case !ok && l.count == 1:
		return t.say("%s, %s.", strings.TrimSuffix(l.sample.Message, "."), place)
	case !ok:
		return t.say("%s fois, %s : %s", t.number(l.count), place, l.sample.Message)
	case l.field == "" || slices.Contains(ofRows, l.kind):
		return t.say("%s, %s.", what, place)
	}
	return t.say("%s dans %s, %s.", what, l.field, place)
}

// places says where the errors of a cause are; "" when they concern the whole table.
func (t speech) places(l *tally) string {
	first, last := l.first.Line, l.last.Line
	lines := first > 0
	if !lines {
		first, last = l.first.Row, l.last.Row
	}
	one, two := t.number(first), t.number(last)
	switch {
	case l.first.Row == 0:
		return ""
	case l.spread && lines:
		return t.say("dans plusieurs documents, d’abord ligne %s", one)
	case l.spread:
		return t.say("dans plusieurs documents, d’abord enregistrement %s", one)
	case l.first.Row == l.last.Row && lines:
		return t.say("ligne %s", one)
	case l.first.Row == l.last.Row:
		return t.say("enregistrement %s", one)
	case !l.broken && lines:
		return t.say("lignes %s à %s", one, two)
	case !l.broken:
		return t.say("enregistrements %s à %s", one, two)
	case l.count == 2 && lines:
		return t.say("lignes %s et %s", one, two)
	case l.count == 2:
		return t.say("enregistrements %s et %s", one, two)
	case lines:
		return t.say("entre les lignes %s et %s", one, two)
	}
	return t.say("entre les enregistrements %s et %s", one, two)
}

// things says how many of what a cause counts; ok is false for a cause that has no name of its own.
func (t speech) things(l *tally) (string, bool) {
	if l.kind == "type-error" || l.constraint == "pattern" || l.constraint == "enum" || l.kind == "french-siret-value" || l.kind == "french-siren-value" {
		if w := shapeNouns[l.shape]; w.one != "" {
			return t.count(l.count, w.one, w.many), true
		}
	}
	if l.kind == "type-error" {
		if l.column == nil || code(l.detail>>8) == codeItem {
			return t.count(l.count, "%s valeur du mauvais type", "%s valeurs du mauvais type"), true
		}
		w := kindNouns[l.column.kind]
		if w.one == "" {
			w = kindNouns[kindText]
		}
		return t.count(l.count, w.one, w.many), true
	}
	key := l.kind
	switch {
	case l.kind == "constraint-error":
		key = l.constraint
	case (l.kind == "french-siret-value" || l.kind == "french-siren-value") && uint8(l.detail) == idKey:
		key += "/key"
	case l.kind == "primary-key" && l.detail>>16 == 0:
		key += "/empty"
	}
	w, ok := typeNouns[key]
	if !ok {
		return "", false
	}
	return t.count(l.count, w.one, w.many), true
}

// right is a right value: the sample mended when that can be told for sure, else the schema's example, else a value of its list.
func (l *tally) right() (text string, fixed bool) {
	if l.column == nil {
		return "", false
	}
	if s := mended(l, l.sample.Cell); s != "" {
		return s, true
	}
	f := l.column.field
	if f.Example == "" && len(f.Constraints.Enum) > 0 {
		return f.Constraints.Enum[0], false
	}
	return cmp.Or(f.Example, kindExamples[l.column.kind]), false
}

// kindExamples are right values of the types that have but one way to write them.
var kindExamples = map[kind]string{kindDate: "2024-01-31", kindDatetime: "2024-01-31T14:30:00", kindTime: "14:30:00", kindYear: "2024", kindYearMonth: "2024-01",
	kindURI: "https://www.example.fr/page", kindEmail: "mairie@example.fr"}

// mended is the cell as it should have been, "" when that is not sure.
func mended(l *tally, cell string) string {
	col := l.column
	switch l.shape {
	case shapeFrenchDate:
		if col.kind == kindDate || col.kind <= kindWKT {
			return isoOf(cell)
		}
	case shapeComma, shapeGrouped, shapeGroupedComma:
		plain := plainNumber(cell)
		var v value
		if col.read([]byte(plain), &v, &scratch{}) {
			return plain
		}
	case shapeEdges:
		return strings.Trim(cell, " \t\u00a0\u202f")
	case shapeCase:
		list := col.field.Constraints.Enum
		if col.kind == kindBoolean {
			list = slices.Concat(col.yes, col.no)
		}
		v, _ := nearestOf(list, cell)
		return v
	case shapeSpacedDigits:
		return strings.Join(strings.FieldsFunc(cell, func(r rune) bool { return r < '0' || r > '9' }), "")
	case shapeNoScheme:
		return "https://" + cell
	}
	return ""
}

// next says what to do about all errors of a cause at once.
func (t speech) next(l *tally) string {
	if p := shapeSteps[l.shape]; p != "" && (l.kind == "type-error" || l.kind == "constraint-error" || strings.HasPrefix(l.kind, "french-")) {
		return t.say(p)
	}
	key := l.kind
	if key == "constraint-error" {
		key = l.constraint
	}
	if p := typeSteps[key]; p != "" {
		return t.say(p)
	}
	if l.sample.Hint == "" && (l.kind == "type-error" || l.kind == "constraint-error") {
		return t.say("Corrigez ces cellules dans la colonne, puis vérifiez le fichier de nouveau.")
	}
	return l.sample.Hint
}

// Repairable is how many errors the platform may mend, at most: none where a cell is unreadable, for to write the file anew would hide that.
func (r *Report) Repairable() (n int64) {
	for _, c := range r.Causes {
		if c.Type == "encoding-error" || c.Type == "source-error" {
			return 0
		}
		if c.Repairable {
			n += c.Count
		}
	}
	return n
}
