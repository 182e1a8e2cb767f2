package harvest

import (
	"fmt"
	"slices"

	"golang.org/x/text/unicode/norm"

	"grenier/catalog"
	"grenier/schemas"
)

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
