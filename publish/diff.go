package publish

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"grenier/schemas"
)

// CompareOptions say what tells the rows of a table apart.
type CompareOptions struct {
	Key []string // columns; nil: those that the newer file names, and without any the whole row
}

// A Difference says what differs between two tables. It holds no rows, only where they are: it is small, never changes, and serves many readers.
//
// Rows are told apart by the cells of By. Where By is nil whole rows are compared, as often as each is there, and none is changed. Columns that only
// one table has do not count; a column whose type changed is compared as text. In a series a row is what its member published, wherever it was read
// and whenever.
type Difference struct {
	By                      []string
	Repeated                bool // whole rows were compared because the key is that of several rows
	From, To                int64
	Added, Removed, Changed int64
	Columns                 ColumnChanges

	common         []commonColumn
	gone, come     rowSet     // of the older and of the newer table
	pairs          []diffPair // in the newer table's order
	marks          [2]uint64  // of the tables
	oldKey, newKey []int
}

// ColumnChanges are the columns that are not the same in both tables.
type ColumnChanges struct {
	Added   []string
	Removed []string
	Retyped []RetypedColumn
}

// A RetypedColumn has another type than before.
type RetypedColumn struct {
	Name     string
	From, To schemas.Type
}

// A commonColumn is in both tables.
type commonColumn struct {
	name     string
	old, new int  // its places
	key      bool // By has it
	text     bool // the tables keep it in different ways: its cells are compared as text
}

// A diffPair is a row of both tables that changed.
type diffPair struct{ old, new uint32 }

// errRepeated says that two rows of a table have the same key.
var errRepeated = errors.New("two rows have the same key")

// Compare finds what differs between two tables. It reads each of them whole, several times when they have millions of rows, and keeps 30 bytes for
// each of three million at most. Rows are told by hashes of 160 bits (96 of the key, 64 of the row) under a seed of the moment.
func Compare(ctx context.Context, from, to *Table, opt CompareOptions) (*Difference, error) {
	if max(from.rows, to.rows) >= math.MaxUint32 {
		return nil, fmt.Errorf("compare tables: more than %d rows", uint32(math.MaxUint32))
	}
	d := &Difference{From: from.rows, To: to.rows, marks: [2]uint64{from.mark, to.mark}}
	d.matchColumns(from.schema, to.schema)
	d.useKey(compareKey(opt, to.schema))
	err := d.compare(ctx, from, to)
	if errors.Is(err, errRepeated) {
		d.Repeated = true
		d.useKey(nil)
		err = d.compare(ctx, from, to)
	}
	if err != nil {
		return nil, fmt.Errorf("compare tables: %w", err)
	}
	d.oldKey, d.newKey = columnsNamed(from.schema, d.By), columnsNamed(to.schema, d.By)
	return d, nil
}

// compareKey is what tells rows apart: in a series, the member as well.
func compareKey(opt CompareOptions, s *schemas.Schema) []string {
	key := opt.Key
	for _, other := range [][]string{s.Series.Key, s.PrimaryKey} {
		if len(key) == 0 {
			key = other
		}
	}
	if member, told := seriesMember(s); told && len(key) > 0 && !slices.Contains(key, member) {
		key = append(slices.Clone(key), member)
	}
	return key
}

// seriesMember is the name of the column that tells the members of a series apart, when s is one's.
func seriesMember(s *schemas.Schema) (name string, told bool) {
	n := len(s.Fields) - len(provenance)
	if n < 0 {
		return "", false
	}
	for i, p := range provenance {
		if f := s.Fields[n+i].Name; f != p.Name && f != "grenier_"+p.Name {
			return "", false
		}
	}
	return s.Fields[n].Name, true
}

// traces are the columns of a series that say where a row was read: they change while the row stays.
func traces(s *schemas.Schema) []schemas.Field {
	if _, told := seriesMember(s); !told {
		return nil
	}
	return s.Fields[len(s.Fields)-len(provenance)+1:]
}

func (d *Difference) matchColumns(from, to *schemas.Schema) {
	aside := func(name string) bool {
		is := func(f schemas.Field) bool { return f.Name == name }
		return slices.ContainsFunc(traces(from), is) && slices.ContainsFunc(traces(to), is)
	}
	for n := range to.Fields {
		f := &to.Fields[n]
		o := columnAt(from, f.Name)
		if o < 0 {
			d.Columns.Added = append(d.Columns.Added, f.Name)
			continue
		}
		old := &from.Fields[o]
		if old.Type != f.Type {
			d.Columns.Retyped = append(d.Columns.Retyped, RetypedColumn{f.Name, old.Type, f.Type})
		}
		if !aside(f.Name) {
			d.common = append(d.common, commonColumn{name: f.Name, old: o, new: n, text: old.Physical() != f.Physical()})
		}
	}
	for i := range from.Fields {
		if name := from.Fields[i].Name; columnAt(to, name) < 0 {
			d.Columns.Removed = append(d.Columns.Removed, name)
		}
	}
}

func columnAt(s *schemas.Schema, name string) int {
	return slices.IndexFunc(s.Fields, func(f schemas.Field) bool { return f.Name == name })
}

func columnsNamed(s *schemas.Schema, names []string) (at []int) {
	for _, name := range names {
		at = append(at, columnAt(s, name))
	}
	return at
}

// useKey makes d tell rows apart by key, or by the whole row when a table lacks a column of it.
func (d *Difference) useKey(key []string) {
	known := func(name string) bool {
		return slices.ContainsFunc(d.common, func(c commonColumn) bool { return c.name == name })
	}
	for _, name := range key {
		if !known(name) {
			key = nil
			break
		}
	}
	d.By = slices.Clone(key)
	for i := range d.common {
		c := &d.common[i]
		c.key = d.By == nil || slices.Contains(d.By, c.name)
	}
}

// compareRows is how many rows one pass remembers at most: 24 bytes each, and 5 to find them. A test lowers it.
var compareRows uint32 = 3_200_000

// errCrowded says that a pass would have to remember more.
var errCrowded = errors.New("too many rows in one pass")

// compare fills the counts and the places.
func (d *Difference) compare(ctx context.Context, from, to *Table) error {
	if len(d.common) == 0 {
		d.gone, d.come = newRowSet(from.rows), newRowSet(to.rows)
		d.gone.fill(from.rows)
		d.come.fill(to.rows)
	} else if err := d.comparePasses(ctx, from, to); err != nil {
		return err
	}
	slices.SortFunc(d.pairs, func(a, b diffPair) int { return cmp.Compare(a.new, b.new) })
	d.pairs = slices.Clip(d.pairs)
	d.Added, d.Removed, d.Changed = d.come.count(), d.gone.count(), int64(len(d.pairs))
	return nil
}

// comparePasses makes as many passes as the older table needs, or more when the newer one has much that is new.
func (d *Difference) comparePasses(ctx context.Context, from, to *Table) error {
	for passes := uint64(from.rows)*5/4/uint64(compareRows) + 1; ; passes *= 2 {
		d.gone, d.come, d.pairs = newRowSet(from.rows), newRowSet(to.rows), nil
		if err := d.pass(ctx, from, to, passes); !errors.Is(err, errCrowded) {
			return err
		}
	}
}

func (d *Difference) pass(ctx context.Context, from, to *Table, passes uint64) error {
	seeds := newDiffSeeds()
	older := newRowHasher(from, d.common, func(c commonColumn) int { return c.old }, seeds)
	newer := newRowHasher(to, d.common, func(c commonColumn) int { return c.new }, seeds)
	p := &comparing{Difference: d, passes: passes}
	for p.pass = range passes {
		p.table.reset(int(uint64(from.rows) / passes))
		if err := p.run(ctx, older, newer); err != nil {
			return err
		}
	}
	return nil
}

// comparing is one pass: the rows whose key has one of the passes' hashes.
type comparing struct {
	*Difference
	pass, passes uint64
	table        diffTable
	olds         uint32 // entries of the older table; the newer one's come behind
	seen         []uint64
}

func (p *comparing) run(ctx context.Context, older, newer *rowHasher) error {
	if err := older.each(ctx, p.mine, p.addOld); err != nil {
		return err
	}
	p.olds = p.table.n
	p.seen = append(p.seen[:0], make([]uint64, p.olds/64+1)...)
	if err := newer.each(ctx, p.mine, p.addNew); err != nil {
		return err
	}
	return p.takeGone(ctx, older)
}

func (p *comparing) mine(key uint64) bool { return p.passes == 1 || key%p.passes == p.pass }

// byRow tells whether entries count rows that are all alike.
func (p *comparing) byRow() bool { return p.By == nil }

func (p *comparing) addOld(h rowHash) error {
	e, found := p.table.put(h)
	switch {
	case p.table.last >= compareRows:
		return errCrowded
	case p.byRow() && found:
		e.row++
	case p.byRow():
		e.row = 1
	case found:
		return errRepeated
	}
	return nil
}

func (p *comparing) addNew(h rowHash) error {
	e, found := p.table.put(h)
	i := p.table.last
	if i >= compareRows {
		return errCrowded
	}
	switch {
	case p.byRow() && found && e.row > 0:
		e.row--
	case p.byRow():
		if !found {
			e.row = 0
		}
		p.come.add(h.at)
	case !found:
		p.come.add(h.at)
	case i >= p.olds || p.seen[i/64]>>(i%64)&1 != 0:
		return errRepeated
	default:
		p.seen[i/64] |= 1 << (i % 64)
		if e.row != h.row {
			p.pairs = append(p.pairs, diffPair{e.at, h.at})
		}
	}
	return nil
}

// takeGone notes the older rows that the newer table has no more.
func (p *comparing) takeGone(ctx context.Context, older *rowHasher) error {
	left := false
	for i := range p.olds {
		e := p.table.at(i)
		switch {
		case p.byRow():
			left = left || e.row > 0
		case p.seen[i/64]>>(i%64)&1 == 0:
			p.gone.add(e.at)
		}
	}
	if !left {
		return nil
	}
	return older.each(ctx, p.mine, func(h rowHash) error { // an entry stands for several rows: find them again
		if e, found := p.table.put(h); found && e.row > 0 {
			e.row--
			p.gone.add(h.at)
		}
		return nil
	})
}

// Footprint is about how many bytes the difference takes in memory.
func (d *Difference) Footprint() int64 {
	return int64(len(d.gone)+len(d.come)+len(d.pairs))*8 + int64(len(d.common))*64 + 1<<10
}

// Total is how many changes there are.
func (d *Difference) Total() int64 { return d.Changed + d.Removed + d.Added }

// A rowSet is a set of rows, one bit each.
type rowSet []uint64

func newRowSet(rows int64) rowSet { return make(rowSet, rows/64+1) }

func (s rowSet) add(row uint32) { s[row/64] |= 1 << (row % 64) }

func (s rowSet) fill(rows int64) {
	for r := range rows {
		s.add(uint32(r))
	}
}

func (s rowSet) count() (n int64) {
	for _, w := range s {
		n += int64(bits.OnesCount64(w))
	}
	return n
}

// after appends to rows those of the set from the skip-th on, most of them at most.
func (s rowSet) after(skip int64, most int, rows []int64) []int64 {
	for i, w := range s {
		if n := int64(bits.OnesCount64(w)); skip >= n {
			skip -= n
			continue
		}
		for ; w != 0; w &= w - 1 {
			if skip > 0 {
				skip--
				continue
			}
			if most == 0 {
				return rows
			}
			rows = append(rows, int64(i*64+bits.TrailingZeros64(w)))
			most--
		}
	}
	return rows
}
