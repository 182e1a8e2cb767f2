package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"grenier/schemas"
)

// ChangeOp is what happened to a row.
type ChangeOp string

// What happens to rows, in the order in which Changes gives them.
const (
	RowChanged ChangeOp = "changed"
	RowRemoved ChangeOp = "removed"
	RowAdded   ChangeOp = "added"
)

// A Change is one row that is not the same in both tables. It is valid until the function it was given to returns.
type Change struct {
	Op      ChangeOp
	Key     []int           // the columns of By, in the table of the row: After, or Before of a removed one
	Before  *TableRow       // nil for an added row
	After   *TableRow       // nil for a removed row
	Columns []ChangedColumn // of a changed row
}

// A ChangedColumn is a column whose cells differ: its place in Before and in After.
type ChangedColumn struct {
	Name          string
	Before, After int
}

// A TableRow is one row of a table.
type TableRow struct {
	batch *schemas.Batch
	row   int
}

// Schema describes the columns.
func (r *TableRow) Schema() *schemas.Schema { return r.batch.Schema }

// Has tells whether a cell has a value.
func (r *TableRow) Has(column int) bool { return r.batch.Columns[column].Valid[r.row] }

// Text is the canonical text of a cell.
func (r *TableRow) Text(column int) []byte { return r.batch.TextAt(column, r.row) }

// AppendJSON appends the cells of some columns as one JSON object, as NDJSON files write them; nil are all columns.
func (r *TableRow) AppendJSON(dst []byte, columns []int) []byte {
	dst = append(dst, '{')
	one := func(i, c int) {
		if i > 0 {
			dst = append(dst, ',')
		}
		f := &r.batch.Schema.Fields[c]
		dst = append(appendJSONText(dst, []byte(f.Name)), ':')
		dst = appendJSONCell(dst, f.Type, r.batch, c, r.row)
	}
	for i, c := range columns {
		one(i, c)
	}
	if columns == nil {
		for c := range r.batch.Columns {
			one(c, c)
		}
	}
	return append(dst, '}')
}

// changesBatch is how many changes are read at once.
const changesBatch = 1024

// errAlike is what two rows of one hash would lead to.
var errAlike = errors.New("two different rows have the same hash")

// Changes reads the rows that differ back from the tables that were compared, from the skip-th on, limit of them at most (0: all). They come in
// a fixed order: changed rows in the newer table's, then removed ones in the older's, then added ones. Every row is looked at again before it is
// given: a hash alone is believed by nobody.
func (d *Difference) Changes(ctx context.Context, from, to *Table, skip int64, limit int, fn func(Change) error) error {
	if d.marks != [2]uint64{from.mark, to.mark} {
		return errors.New("read changes: not the tables that were compared")
	}
	end := d.Total()
	if limit > 0 {
		end = min(end, skip+int64(limit))
	}
	r, err := d.newReader(from, to)
	if err != nil {
		return fmt.Errorf("read changes: %w", err)
	}
	for at := max(skip, 0); at < end; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := r.read(at, int(min(end-at, changesBatch)), fn)
		if err != nil {
			return fmt.Errorf("read changes: %w", err)
		}
		at += int64(n)
	}
	return nil
}

// A changeReader reads changes of one kind at a time.
type changeReader struct {
	*Difference
	old, new *rowOutput
	rows     []int64
}

func (d *Difference) newReader(from, to *Table) (*changeReader, error) {
	r := &changeReader{Difference: d}
	for _, side := range []struct {
		t   *Table
		out **rowOutput
	}{{from, &r.old}, {to, &r.new}} {
		plan, err := side.t.Query(RowQuery{})
		if err != nil {
			return nil, err
		}
		*side.out = plan.newOutput(nil)
	}
	return r, nil
}

// read gives most changes from the at-th on, or fewer where their kind ends.
func (r *changeReader) read(at int64, most int, fn func(Change) error) (int, error) {
	if at < r.Changed {
		pairs := r.pairs[at:min(at+int64(most), r.Changed)]
		return len(pairs), r.readPairs(pairs, fn)
	}
	at -= r.Changed
	if at < r.Removed {
		r.rows = r.gone.after(at, most, r.rows[:0])
		return len(r.rows), r.readRows(r.old, func(row *TableRow) error { return fn(Change{Op: RowRemoved, Key: r.oldKey, Before: row}) })
	}
	r.rows = r.come.after(at-r.Removed, most, r.rows[:0])
	return len(r.rows), r.readRows(r.new, func(row *TableRow) error { return fn(Change{Op: RowAdded, Key: r.newKey, After: row}) })
}

func (r *changeReader) readRows(out *rowOutput, fn func(*TableRow) error) error {
	if err := out.fill(r.rows); err != nil {
		return err
	}
	for i := range r.rows {
		if err := fn(&TableRow{&out.batch, i}); err != nil {
			return err
		}
	}
	return nil
}

// readPairs reads both rows of each pair. The older ones are read in their own order, and found again by their place in it.
func (r *changeReader) readPairs(pairs []diffPair, fn func(Change) error) error {
	r.rows = r.rows[:0]
	for _, p := range pairs {
		r.rows = append(r.rows, int64(p.old))
	}
	slices.Sort(r.rows)
	if err := r.old.fill(r.rows); err != nil {
		return err
	}
	olds := slices.Clone(r.rows)
	for i, p := range pairs {
		r.rows[i] = int64(p.new)
	}
	if err := r.new.fill(r.rows); err != nil {
		return err
	}
	for i, p := range pairs {
		place, _ := slices.BinarySearch(olds, int64(p.old))
		c := Change{Op: RowChanged, Key: r.newKey, Before: &TableRow{&r.old.batch, place}, After: &TableRow{&r.new.batch, i}}
		if err := r.findColumns(&c); err != nil {
			return err
		}
		if err := fn(c); err != nil {
			return err
		}
	}
	return nil
}

// findColumns finds the cells that differ.
func (r *changeReader) findColumns(c *Change) error {
	for _, col := range r.common {
		if c.Before.Has(col.old) == c.After.Has(col.new) && bytes.Equal(c.Before.Text(col.old), c.After.Text(col.new)) {
			continue
		}
		if col.key {
			return errAlike
		}
		c.Columns = append(c.Columns, ChangedColumn{col.name, col.old, col.new})
	}
	if len(c.Columns) == 0 {
		return errAlike
	}
	return nil
}
