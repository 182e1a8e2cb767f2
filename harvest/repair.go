package harvest

import (
	"fmt"
	"slices"
	"strings"

	"grenier/schemas"
)

// The repairs: a closed list of operations that keep the meaning. Those of a file change how it is written, those of a cell its text.
const (
	opEncoding     = "encoding"      // the file is written in UTF-8
	opDelimiter    = "delimiter"     // … with the delimiter of its schema
	opHeaderLabel  = "header-label"  // NOM BENEFICIAIRE → nomBeneficiaire
	opTrim         = "trim"          // white space around a cell
	opCurrency     = "currency"      // 12 € → 12
	opPercent      = "percent"       // 95 % → 95, where the schema counts in hundredths
	opThousands    = "thousands"     // 1 234 → 1234
	opDecimalComma = "decimal-comma" // 12,5 → 12.5
	opDateFrench   = "date-fr"       // 05/01/2024 → 2024-01-05
	opMomentFrench = "datetime-fr"   // 05/01/2024 10:30 → 2024-01-05T10:30:00
	opExcelDate    = "excel-date"    // 45296 → 2024-01-05
	opSIRETSpaces  = "siret-spaces"  // 213 900 137 00018 → 21390013700018
	opSIRETZero    = "siret-zero"    // 5560037700014 → 05560037700014, proven by its key
	opINSEEZero    = "insee-zero"    // 1004 → 01004
	opBoolean      = "boolean-words" // Oui → true, as the schema writes it
	opEnumCase     = "enum-case"     // Aide en Numeraire → aide en numéraire
	opSwap         = "lonlat-swap"   // longitude and latitude changed over
	opLambert      = "lambert93"     // metres of Lambert-93 → degrees
)

// RepairOps are the names of the operations that a recipe may switch on.
var RepairOps = []string{opHeaderLabel, opTrim, opCurrency, opPercent, opThousands, opDecimalComma, opDateFrench, opMomentFrench, opExcelDate,
	opSIRETSpaces, opSIRETZero, opINSEEZero, opBoolean, opEnumCase, opSwap, opLambert}

// A cellRepair is one cell that was mended, by the operations in turn.
type cellRepair struct {
	Row    int64    `json:"row"`
	Line   int64    `json:"line,omitempty"`
	Column int      `json:"column"`
	Field  string   `json:"field"`
	Ops    []string `json:"ops"`
	Before string   `json:"before"`
	After  string   `json:"after"`
}

// A repairer mends the cells of one document under one schema. It goes over the document twice: survey is given every block, settle
// decides how the columns are to be read, then mend is given every block again. A cell is mended only when it is at fault in its column
// and what comes out is not. It keeps a few counts for each column, whatever the size of the document.
type repairer struct {
	schema  *schemas.Schema
	judge   *schemas.CellJudge
	ops     map[string]bool
	labels  []string         // as the document has them, then as they will be
	columns []*repairColumn  // by position in the document; nil outside the schema
	renamed []schemas.Repair // labels
	points  []*pointColumns
	each    func(cellRepair) // told of every cell, may be nil

	faulty int64 // cells at fault, seen by survey
	broken int64 // records with faults of syntax, seen by survey
	most   int   // cells of the longest record
	tally  map[tallyKey]*schemas.Repair
	order  []tallyKey
	steps  []repairStep
	number Mapper // what parses French numbers writes there
	data   []byte
}

type tallyKey struct{ op, field string }

// A repairStep is what one operation made of a cell.
type repairStep struct {
	op            string
	before, after []byte
}

// newRepairer prepares the repairs of a document with the given labels; no ops are all of them.
func newRepairer(s *schemas.Schema, labels, ops []string) *repairer {
	r := &repairer{schema: s, judge: s.Cells(), ops: map[string]bool{}, labels: slices.Clone(labels), tally: map[tallyKey]*schemas.Repair{}}
	if len(ops) == 0 {
		ops = RepairOps
	}
	for _, op := range ops {
		r.ops[op] = true
	}
	if r.ops[opHeaderLabel] {
		r.relabel()
	}
	r.columns = make([]*repairColumn, len(labels))
	for pos, label := range r.labels {
		if f := s.Field(label); f >= 0 && slices.Index(r.labels, label) == pos {
			r.columns[pos] = r.newColumn(f)
		}
	}
	r.points = r.findPoints()
	return r
}

// relabel gives the official name to each label that is one but for case, accents, spaces and punctuation, when no other label could
// be that field and no other field that label.
func (r *repairer) relabel() {
	fields, labels := map[string][]string{}, map[string]int{}
	for i := range r.schema.Fields {
		key := labelKey(r.schema.Fields[i].Name)
		fields[key] = append(fields[key], r.schema.Fields[i].Name)
	}
	for _, l := range r.labels {
		labels[labelKey(l)]++
	}
	for pos, l := range r.labels {
		key := labelKey(l)
		if len(fields[key]) != 1 || labels[key] != 1 || fields[key][0] == l {
			continue
		}
		r.rename(pos, fields[key][0])
	}
}

func (r *repairer) rename(pos int, name string) {
	r.renamed = append(r.renamed, schemas.Repair{Op: opHeaderLabel, Field: name, Count: 1, Sample: &schemas.RepairSample{Row: 1, Before: r.labels[pos], After: name}})
	r.labels[pos] = name
}

// survey collects what the columns hold.
func (r *repairer) survey(in *schemas.Block) {
	for _, n := range in.Count {
		r.most = max(r.most, int(n))
	}
	for _, f := range in.Faults {
		if f.Type != "extra-cell" {
			r.broken++
		}
	}
	for pos, c := range r.columns {
		if c == nil || pos >= in.Width {
			continue
		}
		for row := range in.Rows {
			if pos >= int(in.Count[row]) {
				continue
			}
			text := in.Cell(row, pos)
			good := r.judge.Good(c.index, text)
			if !good {
				r.faulty++
			}
			c.observe(r, text, good)
		}
	}
	for _, p := range r.points {
		for row := range in.Rows {
			p.observe(in, row)
		}
	}
}

// settle decides how each column is read, counts the labels that change, and says in rep what is ambiguous.
func (r *repairer) settle(rep *schemas.Report) {
	american := false
	for _, c := range r.columns {
		american = american || c != nil && c.dates.american > 0
	}
	for _, c := range r.columns {
		if c != nil {
			c.settle(r, american, rep)
		}
	}
	for _, p := range r.points {
		p.settle(r, rep)
	}
	for _, x := range r.renamed {
		addRepair(rep, x)
	}
}

// needed tells, once settled, whether mend could find something to do.
func (r *repairer) needed() bool {
	return r.faulty > 0 || len(r.renamed) > 0 || slices.ContainsFunc(r.points, func(p *pointColumns) bool { return p.swap || p.lambert > 0 })
}

// mend fills out with the records of in, mended, and counts the repairs into rep. Neither in's cells nor its text change.
func (r *repairer) mend(in, out *schemas.Block, rep *schemas.Report) {
	*out = schemas.Block{Data: in.Data, Width: in.Width, Rows: in.Rows, Cells: append(out.Cells[:0], in.Cells...),
		Count: append(out.Count[:0], in.Count...), Row: append(out.Row[:0], in.Row...), Line: append(out.Line[:0], in.Line...), Faults: append(out.Faults[:0], in.Faults...)}
	for row := range in.Rows {
		for pos, c := range r.columns {
			if c == nil || pos >= in.Width || pos >= int(in.Count[row]) {
				continue
			}
			if text := in.Cell(row, pos); !r.judge.Good(c.index, text) && r.cell(c, text) {
				r.set(in, out, row, pos)
			}
		}
		for _, p := range r.points {
			p.mend(r, in, out, row)
		}
	}
	r.flush(rep)
}

// cell tries the operations of a column on a text, one after the other, until it is good. r.steps says what was done.
func (r *repairer) cell(c *repairColumn, text []byte) bool {
	r.steps = r.steps[:0]
	for _, op := range c.ops {
		next, ok := op.apply(r, c, text)
		if !ok {
			continue
		}
		r.steps = append(r.steps, repairStep{op.name, text, next})
		text = next
		if r.judge.Good(c.index, text) {
			return true
		}
	}
	return false
}

// set puts what r.steps arrived at into out, and counts it.
func (r *repairer) set(in, out *schemas.Block, row, pos int) {
	after := r.steps[len(r.steps)-1].after
	if len(out.Data) == len(in.Data) { // still the document's own: what is added must not show there
		r.data = append(r.data[:0], in.Data...)
	}
	at := len(r.data)
	r.data = append(r.data, after...)
	out.Data = r.data
	out.Cells[row*out.Width+pos] = schemas.Span{Off: uint32(at), Len: uint32(len(after))}
	field := r.labels[pos]
	for _, s := range r.steps {
		r.count(s, field, in.Row[row])
	}
	if r.each == nil {
		return
	}
	done := cellRepair{Row: in.Row[row], Line: in.Line[row], Column: pos + 1, Field: field, Before: string(r.steps[0].before), After: string(after)}
	for _, s := range r.steps {
		done.Ops = append(done.Ops, s.op)
	}
	r.each(done)
}

func (r *repairer) count(s repairStep, field string, row int64) {
	key := tallyKey{s.op, field}
	t, ok := r.tally[key]
	if !ok {
		t = &schemas.Repair{Op: s.op, Field: field, Sample: &schemas.RepairSample{Row: row, Before: cutCell(s.before), After: cutCell(s.after)}}
		r.tally[key], r.order = t, append(r.order, key)
	}
	t.Count++
}

// flush hands the counts over to rep.
func (r *repairer) flush(rep *schemas.Report) {
	for _, key := range r.order {
		if t := r.tally[key]; t.Count > 0 {
			addRepair(rep, *t)
			t.Count = 0
		}
	}
}

// A repairColumn is a column of the document that the schema knows.
type repairColumn struct {
	index  int // of the field
	field  *schemas.Field
	ops    []cellOp
	digits int               // of the identifier that the column holds: 14 SIRET, 9 SIREN, 0 neither
	enum   map[string]string // allowed text by its loose key, "" where two have the same

	dates    dateFacts
	serials  serialFacts
	decimals decimalFacts
	percents int64 // cells whose percent sign cannot be taken off safely
}

// A cellOp changes the text of a cell; false when it has nothing to do there.
type cellOp struct {
	name  string
	apply func(r *repairer, c *repairColumn, text []byte) ([]byte, bool)
}

// newColumn chooses the operations that make sense in a field, in the order in which they are tried.
func (r *repairer) newColumn(field int) *repairColumn {
	f := &r.schema.Fields[field]
	c := &repairColumn{index: field, field: f}
	add := func(name string, apply func(r *repairer, c *repairColumn, text []byte) ([]byte, bool)) {
		if r.ops[name] {
			c.ops = append(c.ops, cellOp{name, apply})
		}
	}
	add(opTrim, trimCell)
	switch {
	case f.Type == schemas.Number, f.Type == schemas.Integer:
		add(opCurrency, dropCurrency)
		add(opPercent, dropPercent)
		add(opThousands, dropThousands)
		add(opDecimalComma, pointForComma)
	case f.Type == schemas.Boolean:
		add(opBoolean, booleanWord)
	case f.Type == schemas.Date:
		add(opDateFrench, frenchDate)
		add(opExcelDate, excelDate)
	case f.Type == schemas.Datetime:
		add(opMomentFrench, frenchMoment)
		add(opExcelDate, excelDate)
	case f.Type == schemas.String || f.Type == "":
		r.addTextOps(c, add)
	}
	return c
}

func (r *repairer) addTextOps(c *repairColumn, add func(string, func(*repairer, *repairColumn, []byte) ([]byte, bool))) {
	f := c.field
	if c.digits = r.identifierDigits(f); c.digits > 0 {
		add(opSIRETSpaces, closeIdentifier)
		add(opSIRETZero, identifierZero)
	}
	if slices.Contains([]string{"x", "y", "long", "lat", "lon", "longitude", "latitude"}, strings.ToLower(f.Name)) {
		add(opDecimalComma, pointForComma) // coordinates that are kept as text
	}
	if holdsINSEE(f) {
		add(opINSEEZero, inseeZero)
	}
	if f.Constraints.Enum != nil {
		c.enum = map[string]string{}
		for _, v := range f.Constraints.Enum {
			key := looseKey(v)
			if first, twice := c.enum[key]; twice && first != v {
				v = ""
			}
			c.enum[key] = v
		}
		add(opEnumCase, listedValue)
	}
	if f.Constraints.Pattern != "" && c.digits == 0 && f.Constraints.Enum == nil {
		add(opDateFrench, frenchDate)
	}
}

// identifierDigits tells whether a field holds SIRET or SIREN: a custom check says so, or its name.
func (r *repairer) identifierDigits(f *schemas.Field) int {
	for _, k := range r.schema.Checks {
		if k.Params["column"] != f.Name {
			continue
		}
		switch k.Name {
		case "french-siret-value", "siret":
			return 14
		case "french-siren-value", "siren":
			return 9
		}
	}
	switch name := strings.ToLower(f.Name); {
	case strings.Contains(name, "siret"):
		return 14
	case strings.Contains(name, "siren"):
		return 9
	}
	return 0
}

// holdsINSEE tells whether a field holds codes of communes or postal codes, by its name.
func holdsINSEE(f *schemas.Field) bool {
	name := labelKey(f.Name)
	for _, part := range []string{"insee", "postal", "codecommune", "codgeo"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return name == "cp" || strings.HasSuffix(strings.ToLower(f.Name), "_cp")
}

// observe notes what a cell says about how its column is written.
func (c *repairColumn) observe(r *repairer, text []byte, good bool) {
	switch c.field.Type {
	case schemas.Number:
		if good && !slices.Contains(text, '.') {
			return
		}
		c.decimals.observe(r.bareNumber(text), good)
		if !good {
			c.observePercent(text)
		}
	case schemas.Integer:
		if !good {
			c.observePercent(text)
		}
	case schemas.Date, schemas.Datetime:
		if !good {
			t := trimmed(text)
			c.dates.observe(t)
			c.serials.observe(t)
		}
	case schemas.String, "":
		if !good && c.field.Constraints.Pattern != "" && c.digits == 0 {
			c.dates.observe(trimmed(text))
		}
	}
}

// settle decides how the column is read and says so where another reading could be thought of. american says that some column of the file
// has dates that can only be months first.
func (c *repairColumn) settle(r *repairer, american bool, rep *schemas.Report) {
	d, n := &c.dates, &c.decimals
	d.doubtful = d.american > 0 || d.french == 0 && american
	s := &c.serials
	s.doubtful = s.other > 0
	n.doubtful = n.english > 0 || n.points > 0 && n.french == 0
	if r.ops[opDateFrench] || r.ops[opMomentFrench] {
		switch {
		case d.either == 0:
		case d.doubtful:
			r.warn(rep, c, "repair-ambiguous", fmt.Sprintf("Dans %s, les dates comme %s peuvent se lire jour/mois ou mois/jour, et le fichier contient des dates où le mois vient en premier\u00a0: elles n’ont pas été réparées. Écrivez-les AAAA-MM-JJ.", cited(c.field.Name), cited(d.sample)))
		case d.french == 0:
			r.warn(rep, c, "repair-reading", fmt.Sprintf("Dans %s, les dates comme %s ont été lues jour/mois/année, à la française\u00a0: rien dans le fichier ne dit le contraire. Vérifiez-en une.", cited(c.field.Name), cited(d.sample)))
		}
	}
	if r.ops[opExcelDate] && s.serials > 0 {
		if s.doubtful {
			r.warn(rep, c, "repair-ambiguous", fmt.Sprintf("Dans %s, les nombres comme %s pourraient être des dates de tableur, mais d’autres nombres de la colonne n’en sont pas\u00a0: ils n’ont pas été réparés. Écrivez les dates AAAA-MM-JJ.", cited(c.field.Name), cited(s.sample)))
		} else {
			r.warn(rep, c, "repair-reading", fmt.Sprintf("Dans %s, les nombres comme %s ont été lus comme des dates de tableur. Vérifiez-en une.", cited(c.field.Name), cited(s.sample)))
		}
	}
	if r.ops[opDecimalComma] && n.either > 0 {
		switch {
		case n.doubtful:
			r.warn(rep, c, "repair-ambiguous", fmt.Sprintf("Dans %s, la virgule des nombres comme %s peut séparer les décimales ou les milliers, et la colonne emploie aussi le point\u00a0: ils n’ont pas été réparés. Écrivez les décimales avec un point et les milliers sans séparateur.", cited(c.field.Name), cited(n.sample)))
		case n.french == 0:
			r.warn(rep, c, "repair-reading", fmt.Sprintf("Dans %s, la virgule des nombres comme %s a été lue comme celle des décimales, à la française\u00a0: rien dans la colonne ne dit le contraire. Vérifiez-en un.", cited(c.field.Name), cited(n.sample)))
		}
	}
	if r.ops[opPercent] && c.percents > 0 {
		r.warn(rep, c, "repair-ambiguous", fmt.Sprintf("Dans %s, le schéma attend une part entre 0 et 1 et des cellules portent le signe %%\u00a0: elles n’ont pas été réparées. Écrivez 0.5 pour 50 %%.", cited(c.field.Name)))
	}
}

func (r *repairer) warn(rep *schemas.Report, c *repairColumn, code, message string) {
	rep.Warn(schemas.Issue{Type: code, Field: c.field.Name, Message: message})
}
