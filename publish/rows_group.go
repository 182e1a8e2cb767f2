package publish

import (
	"bytes"
	"context"
	"math"
	"slices"
	"strconv"

	"grenier/schemas"
)

// A Func is what an Aggregate computes.
type Func string

// The aggregates. Cells without value do not count, nor does NaN but in Count.
const (
	Count   Func = "count"
	Sum     Func = "sum"
	Average Func = "avg"
	Least   Func = "min"
	Most    Func = "max"
)

// Funcs lists the aggregates.
func Funcs() []Func { return []Func{Count, Sum, Average, Least, Most} }

// An Aggregate computes one number of each group, in a column named "montant__sum". Sums and averages of decimal numbers have 15 digits.
type Aggregate struct {
	Column string // "" with Count: rows, in a column named "count"
	Func   Func
}

// Name is the column of the answer.
func (a Aggregate) Name() string {
	if a.Column == "" {
		return string(a.Func)
	}
	return a.Column + "__" + string(a.Func)
}

// maxGroups bounds what grouping keeps.
const maxGroups = 10_000

// A grouping works out aggregates by group.
type grouping struct {
	keys  []*groupKey
	sums  []*aggregation
	pairs map[uint64]int32 // of codes, with two keys
	count int              // groups
	codes [][2]int32       // by group: the code of each key
	gids  []int32          // by row of the block
	order int              // column of the answer, -1: that of the keys
}

// A groupKey numbers the values of one column as they come.
type groupKey struct {
	column   int
	physical schemas.Physical
	nums     map[uint64]int32
	texts    map[string]int32
	values   []sortKey // by code
	none     int32     // code of no value, -1
	dict     []int32   // by entry of the reader's dictionary: its code, -1
	folds    int
	codes    []int32 // by row of the block
}

// An aggregation is one Aggregate of all groups.
type aggregation struct {
	Aggregate
	column   int              // -1 for rows
	physical schemas.Physical // of the column
	result   schemas.Physical // of the answer
	counts   []int64
	ints     []int64
	floats   []float64
	rests    []float64 // what floats lost to rounding
	bounds   []bound
}

func (p *RowPlan) planGroups() error {
	g := &grouping{order: -1, pairs: map[uint64]int32{}}
	p.groups, p.schema = g, &schemas.Schema{ID: p.t.schema.ID, Form: schemas.Table, Title: p.t.schema.Title, Delimiter: ',', MissingValues: []string{""}}
	if len(p.q.GroupBy) > 2 {
		return queryErrorf("On regroupe par deux colonnes au plus.")
	}
	if p.q.Columns != nil {
		return queryErrorf("Une réponse regroupée a les colonnes du regroupement et des calculs : retirez « columns ».")
	}
	for _, name := range p.q.GroupBy {
		if err := p.addKey(name); err != nil {
			return err
		}
	}
	aggregates := p.q.Aggregates
	if len(aggregates) == 0 {
		aggregates = []Aggregate{{Func: Count}}
	}
	for _, a := range aggregates {
		if err := p.addAggregate(a); err != nil {
			return err
		}
	}
	if p.q.Sort == "" {
		return nil
	}
	var err error
	g.order, err = columnNamed(p.schema, p.q.Sort)
	return err
}

func (p *RowPlan) addKey(name string) error {
	c, err := columnNamed(p.t.schema, name)
	if err != nil {
		return err
	}
	f := p.t.schema.Fields[c]
	p.groups.keys = append(p.groups.keys, newGroupKey(c, f.Physical()))
	return p.addColumn(f)
}

func newGroupKey(column int, p schemas.Physical) *groupKey {
	return &groupKey{column: column, physical: p, none: -1, folds: -1, nums: map[uint64]int32{}, texts: map[string]int32{}}
}

// addColumn adds a column to the answer.
func (p *RowPlan) addColumn(f schemas.Field) error {
	if p.schema.Field(f.Name) >= 0 {
		return queryErrorf("La colonne « %s » est demandée deux fois.", f.Name)
	}
	p.schema.Fields = append(p.schema.Fields, f)
	return nil
}

func (p *RowPlan) addAggregate(a Aggregate) error {
	g := &aggregation{Aggregate: a, column: -1, physical: schemas.Int64}
	field := schemas.Field{Name: a.Name(), Type: schemas.Integer, Format: "default"}
	if a.Column != "" {
		c, err := columnNamed(p.t.schema, a.Column)
		if err != nil {
			return err
		}
		f := &p.t.schema.Fields[c]
		g.column, g.physical = c, f.Physical()
		if field.Type, err = typeOfResult(a, f); err != nil {
			return err
		}
	} else if a.Func != Count {
		return queryErrorf("Le calcul « %s » porte sur une colonne.", a.Func)
	}
	g.result = field.Physical()
	p.groups.sums = append(p.groups.sums, g)
	return p.addColumn(field)
}

func typeOfResult(a Aggregate, f *schemas.Field) (schemas.Type, error) {
	number := f.Physical() == schemas.Int64 || f.Physical() == schemas.Float
	switch a.Func {
	case Count:
		return schemas.Integer, nil
	case Least, Most:
		return f.Type, nil
	case Sum, Average:
		if !number {
			return "", queryErrorf("Le calcul « %s » porte sur des nombres ; la colonne « %s » contient %s.", a.Func, f.Name, kindOf(f.Physical()))
		}
		if a.Func == Sum && f.Physical() == schemas.Int64 {
			return schemas.Integer, nil
		}
		return schemas.Number, nil
	}
	return "", queryErrorf("Le calcul « %.40s » n’existe pas.", a.Func)
}

// groupParts is how many parts the row groups are dealt into. It does not depend on who is free to help, so that a sum is the same each time.
const groupParts = 2

func (p *RowPlan) runGroups(ctx context.Context, fn func(*schemas.Batch) error) (RowPage, error) {
	var also []int
	for _, k := range p.groups.keys {
		also = append(also, k.column)
	}
	for _, a := range p.groups.sums {
		if a.column >= 0 {
			also = append(also, a.column)
		}
	}
	if len(p.groups.keys) == 0 {
		p.groups.grow(1)
	}
	groups := newRowScan(p.t, p.filters).candidates()
	err := workAhead(ctx, min(groupParts, max(1, len(groups))), func() task[*grouping] {
		return func(ctx context.Context, part int, emit func(*grouping) error) error {
			g := p.groups.empty()
			scan := newRowScan(p.t, p.filters, also...)
			scan.order = []int{}
			for i := part; i < len(groups); i += groupParts {
				scan.order = append(scan.order, groups[i])
			}
			if err := scan.run(ctx, func(rows []int64) (bool, error) { return true, g.add(scan, rows) }); err != nil {
				return err
			}
			return emit(g)
		}
	}, func(g *grouping) (bool, error) { return true, p.groups.merge(g) })
	if err != nil {
		return RowPage{}, err
	}
	return p.giveGroups(fn)
}

// empty is a grouping by the same keys, of nothing.
func (g *grouping) empty() *grouping {
	out := &grouping{order: g.order, pairs: map[uint64]int32{}}
	for _, k := range g.keys {
		out.keys = append(out.keys, newGroupKey(k.column, k.physical))
	}
	for _, a := range g.sums {
		out.sums = append(out.sums, &aggregation{Aggregate: a.Aggregate, column: a.column, physical: a.physical, result: a.result})
	}
	if len(g.keys) == 0 {
		out.grow(1)
	}
	return out
}

// merge adds what another grouping by the same keys has counted.
func (g *grouping) merge(o *grouping) error {
	for i, k := range g.keys {
		k.codes = k.codes[:0]
		for _, codes := range o.codes {
			from := o.keys[i]
			k.codes = append(k.codes, k.codeOf(from.values[codes[i]], codes[i] == from.none))
		}
	}
	if err := g.place(o.count); err != nil {
		return err
	}
	for i, a := range g.sums {
		for from, gid := range g.gids {
			if err := a.merge(gid, o.sums[i], from); err != nil {
				return err
			}
		}
	}
	return nil
}

// merge adds group from of another aggregation to group gid.
func (a *aggregation) merge(gid int32, o *aggregation, from int) error {
	n := o.counts[from]
	if n == 0 {
		return nil
	}
	before := a.counts[gid]
	switch {
	case a.Func == Count:
	case a.Func == Least || a.Func == Most:
		a.bound(gid, o.bounds[from])
	case a.Func == Sum && a.physical == schemas.Int64:
		if err := a.int(gid, o.ints[from]); err != nil {
			return err
		}
	default:
		a.float(gid, o.floats[from])
		a.rests[gid] += o.rests[from]
	}
	a.counts[gid] = before + n
	return nil
}

// grow makes room for n groups.
func (g *grouping) grow(n int) {
	for ; g.count < n; g.count++ {
		for _, a := range g.sums {
			a.counts, a.ints, a.floats, a.rests, a.bounds = append(a.counts, 0), append(a.ints, 0), append(a.floats, 0), append(a.rests, 0), append(a.bounds, bound{})
		}
	}
}

var errManyGroups = &QueryError{"Ce regroupement donne plus de 10 000 groupes. Ajoutez un filtre, ou regroupez par une colonne qui a moins de valeurs."}

// add takes a block of rows in.
func (g *grouping) add(scan *rowScan, rows []int64) error {
	for _, k := range g.keys {
		k.number(scan.readers[k.column], rows)
		if len(k.values) > maxGroups {
			return errManyGroups
		}
	}
	if err := g.place(len(rows)); err != nil {
		return err
	}
	for _, a := range g.sums {
		if a.column < 0 {
			for _, gid := range g.gids {
				a.counts[gid]++
			}
		} else if err := a.add(scan.readers[a.column], rows, g.gids); err != nil {
			return err
		}
	}
	return nil
}

// place finds the group of each of n rows.
func (g *grouping) place(n int) error {
	g.gids = g.gids[:0]
	switch len(g.keys) {
	case 0:
		g.gids = append(g.gids, make([]int32, n)...)
		return nil
	case 1:
		g.gids = append(g.gids, g.keys[0].codes...)
		for len(g.codes) < len(g.keys[0].values) {
			g.codes = append(g.codes, [2]int32{int32(len(g.codes))})
		}
	default:
		last, gid := uint64(math.MaxUint64), int32(0)
		for i, a := range g.keys[0].codes {
			b := g.keys[1].codes[i]
			if pair := uint64(a)<<32 | uint64(b); pair != last {
				last = pair
				var ok bool
				if gid, ok = g.pairs[pair]; !ok {
					gid = int32(len(g.codes))
					g.pairs[pair] = gid
					g.codes = append(g.codes, [2]int32{a, b})
				}
			}
			g.gids = append(g.gids, gid)
		}
	}
	if len(g.codes) > maxGroups {
		return errManyGroups
	}
	g.grow(len(g.codes))
	return nil
}

// number fills codes for rows, which c holds.
func (k *groupKey) number(c *columnReader, rows []int64) {
	k.codes = k.codes[:0]
	if c.dicted && k.folds != c.folds {
		k.folds, k.dict = c.folds, k.dict[:0]
		for range max(len(c.dict.nums), len(c.dict.spans)) {
			k.dict = append(k.dict, -1)
		}
	}
	for _, r := range rows {
		i := int(r - c.first)
		if c.dicted && c.has(i) {
			code := &k.dict[c.idx[i]]
			if *code < 0 {
				*code = k.code(c, i, r)
			}
			k.codes = append(k.codes, *code)
			continue
		}
		k.codes = append(k.codes, k.code(c, i, r))
	}
}

func (k *groupKey) code(c *columnReader, i int, row int64) int32 {
	return k.codeOf(c.keyOf(i, row), !c.has(i))
}

// codeOf numbers a value, or that there is none; the text of the value may change afterwards.
func (k *groupKey) codeOf(key sortKey, none bool) int32 {
	next := int32(len(k.values))
	switch {
	case none:
		if k.none >= 0 {
			return k.none
		}
		k.none = next
	case k.physical == schemas.Text:
		if code, ok := k.texts[string(key.text)]; ok {
			return code
		}
		key.text = bytes.Clone(key.text)
		k.texts[string(key.text)] = next
	default:
		if key.none { // any NaN is the same
			key.num = math.Float64bits(math.NaN())
		} else if k.physical == schemas.Float && math.Float64frombits(key.num) == 0 {
			key.num = 0
		}
		if code, ok := k.nums[key.num]; ok {
			return code
		}
		k.nums[key.num] = next
	}
	k.values = append(k.values, key)
	return next
}

// add takes the cells of rows in.
func (a *aggregation) add(c *columnReader, rows []int64, gids []int32) error {
	for n, r := range rows {
		i, gid := int(r-c.first), gids[n]
		if !c.has(i) {
			continue
		}
		switch {
		case a.Func == Count:
			a.counts[gid]++
		case a.physical == schemas.Text:
			a.bound(gid, bound{text: c.text(i)})
		case a.physical == schemas.Float && math.IsNaN(math.Float64frombits(c.num(i))):
		case a.Func == Least || a.Func == Most:
			a.bound(gid, bound{num: c.num(i)})
		case a.physical == schemas.Float:
			a.float(gid, math.Float64frombits(c.num(i)))
		default:
			if err := a.int(gid, int64(c.num(i))); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *aggregation) bound(gid int32, b bound) {
	s := sorter{physical: a.physical}
	old := &a.bounds[gid]
	if c := a.counts[gid]; c > 0 {
		if order := s.compareValues(&b, old); a.Func == Least && order >= 0 || a.Func == Most && order <= 0 {
			return
		}
	}
	a.counts[gid]++
	old.num, old.text = b.num, append(old.text[:0], b.text...)
}

// float adds with the correction of Neumaier, so that a million amounts lose no cent.
func (a *aggregation) float(gid int32, v float64) {
	a.counts[gid]++
	sum := a.floats[gid] + v
	if math.Abs(a.floats[gid]) >= math.Abs(v) {
		a.rests[gid] += a.floats[gid] - sum + v
	} else {
		a.rests[gid] += v - sum + a.floats[gid]
	}
	a.floats[gid] = sum
}

func (a *aggregation) int(gid int32, v int64) error {
	if a.Func == Average {
		a.float(gid, float64(v))
		return nil
	}
	a.counts[gid]++
	sum := a.ints[gid] + v
	if sum > a.ints[gid] != (v > 0) && v != 0 {
		return queryErrorf("La somme de la colonne « %s » est trop grande pour être calculée.", a.Column)
	}
	a.ints[gid] = sum
	return nil
}

// cell appends the result of a group.
func (a *aggregation) cell(b *schemas.Batch, col *schemas.Column, gid int) {
	n := a.counts[gid]
	switch {
	case a.Func == Count:
		addCell(b, col, true, uint64(n), nil)
	case n == 0:
		addCell(b, col, false, 0, nil)
	case a.Func == Least || a.Func == Most:
		addCell(b, col, true, a.bounds[gid].num, a.bounds[gid].text)
	case a.Func == Sum && a.physical == schemas.Int64:
		addCell(b, col, true, uint64(a.ints[gid]), nil)
	case a.Func == Sum:
		addCell(b, col, true, math.Float64bits(shorter(a.total(gid))), nil)
	default:
		addCell(b, col, true, math.Float64bits(shorter(a.total(gid)/float64(n))), nil)
	}
}

// total is a sum with its correction; an infinite sum has none.
func (a *aggregation) total(gid int) float64 {
	if f := a.floats[gid]; math.IsInf(f, 0) || math.IsNaN(a.rests[gid]) {
		return f
	}
	return a.floats[gid] + a.rests[gid]
}

// shorter rounds to the 15 digits that a float64 is sure of: 0.1 and 0.2 make 0.3.
func shorter(f float64) float64 {
	out, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 15, 64), 64)
	if err != nil {
		return f
	}
	return out
}

// giveGroups hands the page of groups over, in order.
func (p *RowPlan) giveGroups(fn func(*schemas.Batch) error) (RowPage, error) {
	g := p.groups
	b := schemas.Batch{Schema: p.schema, Rows: g.count, Columns: make([]schemas.Column, len(p.schema.Fields)), Row: make([]int64, g.count), Line: make([]int64, g.count)}
	for i := range b.Columns {
		b.Columns[i].Physical = p.schema.Fields[i].Physical()
	}
	from := min(int(min(p.q.Offset, maxGroups)), g.count)
	if p.after >= 0 {
		from = min(int(p.after)+1, g.count)
	}
	to := g.count
	if p.q.Limit > 0 {
		to = min(from+p.q.Limit, g.count)
	}
	for _, gid := range g.sorted(p)[from:to] {
		for i, k := range g.keys {
			v := k.values[g.codes[gid][i]]
			addCell(&b, &b.Columns[i], !v.none || v.num != 0, v.num, v.text)
		}
		for i, a := range g.sums {
			a.cell(&b, &b.Columns[len(g.keys)+i], gid)
		}
	}
	b.Rows, b.Row, b.Line = to-from, b.Row[:to-from], b.Line[:to-from]
	page := RowPage{Rows: int64(b.Rows), Total: int64(g.count)}
	if to < g.count {
		page.Next = p.cursor(int64(to - 1))
	}
	if b.Rows == 0 {
		return page, nil
	}
	return page, fn(&b)
}

// sorted lists the groups in the order asked; those that are equal in it, in the order of their keys.
func (g *grouping) sorted(p *RowPlan) []int {
	order := make([]int, g.count)
	for gid := range order {
		order[gid] = gid
	}
	slices.SortFunc(order, g.compareKeys)
	if g.order < 0 {
		return order
	}
	s := sorter{physical: p.schema.Fields[g.order].Physical(), descending: p.q.Descending}
	keys := make([]sortKey, g.count)
	for gid := range keys {
		keys[gid] = g.keyOf(g.order, gid)
	}
	slices.SortStableFunc(order, func(a, b int) int { return s.compare(&keys[a], &keys[b]) })
	return order
}

func (g *grouping) compareKeys(a, b int) int {
	for i, k := range g.keys {
		s := sorter{physical: k.physical}
		x, y := k.values[g.codes[a][i]], k.values[g.codes[b][i]]
		if x.none && y.none {
			if c := boolCompare(x.num == 0, y.num == 0); c != 0 { // NaN before no value
				return c
			}
			continue
		}
		x.row, y.row = 0, 0
		if c := s.compare(&x, &y); c != 0 {
			return c
		}
	}
	return 0
}

// keyOf is what column c of the answer says of a group, to sort by.
func (g *grouping) keyOf(c, gid int) sortKey {
	if c < len(g.keys) {
		k := g.keys[c].values[g.codes[gid][c]]
		k.row = 0
		return k
	}
	var b schemas.Batch
	a := g.sums[c-len(g.keys)]
	col := schemas.Column{Physical: a.result}
	a.cell(&b, &col, gid)
	k := sortKey{none: !col.Valid[0]}
	switch {
	case len(col.Ints) > 0:
		k.num = uint64(col.Ints[0])
	case len(col.Floats) > 0:
		k.num = math.Float64bits(col.Floats[0])
	case len(col.Bools) > 0 && col.Bools[0]:
		k.num = 1
	case col.Physical == schemas.Text:
		k.text = b.Data
	}
	return k
}
