package publish

import (
	"bytes"
	"container/heap"
	"context"
	"math"
	"slices"

	"grenier/schemas"
)

// A sortKey places a row: by its cell, then by its number.
type sortKey struct {
	none bool // no value, or NaN: after all others
	bound
	row int64
}

// A sorter keeps the first rows of an order: a heap whose top is the last of them.
type sorter struct {
	physical   schemas.Physical
	descending bool
	keys       []sortKey
	most       int
}

// compare is below zero when a comes before b.
func (s *sorter) compare(a, b *sortKey) int {
	if a.none != b.none {
		if b.none {
			return -1
		}
		return 1
	}
	c := 0
	if !a.none {
		c = s.compareValues(&a.bound, &b.bound)
	}
	switch {
	case c == 0:
		return int(min(max(a.row-b.row, -1), 1))
	case s.descending:
		return -c
	}
	return c
}

func (s *sorter) compareValues(a, b *bound) int {
	if s.physical == schemas.Text {
		return bytes.Compare(a.text, b.text)
	}
	return compareNumbers(a.num, b.num, s.physical == schemas.Float)
}

func (s *sorter) Len() int           { return len(s.keys) }
func (s *sorter) Less(i, j int) bool { return s.compare(&s.keys[i], &s.keys[j]) > 0 }
func (s *sorter) Swap(i, j int)      { s.keys[i], s.keys[j] = s.keys[j], s.keys[i] }
func (s *sorter) Push(k any)         { s.keys = append(s.keys, k.(sortKey)) }
func (s *sorter) Pop() any           { panic("a sorter only replaces its top") }

// offer takes a key in if it is among the first; its text may change afterwards.
func (s *sorter) offer(k sortKey) {
	if len(s.keys) < s.most {
		k.text = bytes.Clone(k.text)
		heap.Push(s, k)
		return
	}
	if top := &s.keys[0]; s.compare(&k, top) < 0 {
		k.text = append(top.text[:0], k.text...)
		*top = k
		heap.Fix(s, 0)
	}
}

// useless tells whether no row within bounds, the first of them first, can be among the first or come after a key.
func (s *sorter) useless(b *pageBounds, first int64, after *sortKey) bool {
	if !b.known {
		return false
	}
	if len(s.keys) == s.most && !s.keys[0].none { // rows without value come after it
		best := sortKey{bound: b.lo, row: first}
		if s.descending {
			best.bound = b.hi
		}
		if s.compare(&best, &s.keys[0]) >= 0 {
			return true
		}
	}
	if after == nil || b.nulls != 0 || s.physical == schemas.Float { // where NaN may be, bounds do not tell
		return false
	}
	worst := sortKey{bound: b.hi, row: math.MaxInt64}
	if s.descending {
		worst.bound = b.lo
	}
	return s.compare(&worst, after) <= 0
}

// keyOf is the key of entry i, whose text lasts until the next seek.
func (c *columnReader) keyOf(i int, row int64) sortKey {
	k := sortKey{row: row, none: !c.has(i)}
	switch {
	case k.none:
	case c.physical == schemas.Text:
		k.text = c.text(i)
	default:
		k.num = c.num(i)
		k.none = c.physical == schemas.Float && math.IsNaN(math.Float64frombits(k.num))
	}
	return k
}

// runSorted takes the first rows of the order that come after the cursor, again and again when all are asked.
func (p *RowPlan) runSorted(ctx context.Context, fn func(*schemas.Batch) error) (RowPage, error) {
	page := RowPage{Total: -1}
	size, all := p.q.Limit, p.q.Limit == 0
	if all {
		size = p.t.rowsIn(rowsSpool, 20_000)
	}
	skip, after := int(p.q.Offset), p.after
	for {
		keys, counted, err := p.first(ctx, size+skip+1, after)
		if err != nil {
			return page, err
		}
		if counted >= 0 && after < 0 && page.Rows == 0 {
			page.Total = counted
		}
		more := len(keys) > size+skip
		keys = keys[min(skip, len(keys)):min(size+skip, len(keys))]
		if err := p.give(keys, fn); err != nil {
			return page, err
		}
		page.Rows += int64(len(keys))
		if !more {
			return page, nil
		}
		after, skip = keys[len(keys)-1].row, 0
		if !all {
			page.Next = p.cursor(after)
			return page, nil
		}
	}
}

// first finds the first rows after a row, in order; counted is how many passed, -1 when not all were looked at.
func (p *RowPlan) first(ctx context.Context, most int, after int64) (keys []sortKey, counted int64, err error) {
	s := &sorter{physical: p.t.schema.Fields[p.sort].Physical(), descending: p.q.Descending, most: most}
	var from *sortKey
	if after >= 0 {
		c := p.t.reader(p.sort)
		if err := c.seek(after); err != nil {
			return nil, 0, err
		}
		k := c.keyOf(int(after-c.first), after)
		k.text = bytes.Clone(k.text)
		from = &k
	}
	scan := newRowScan(p.t, p.filters, p.sort)
	scan.order, scan.by = p.promising(s), p.sort
	scan.skip = func(b *pageBounds, first int64) bool { return s.useless(b, first, from) }
	c := scan.readers[p.sort]
	err = scan.run(ctx, func(rows []int64) (bool, error) {
		counted += int64(len(rows))
		for _, r := range rows {
			if k := c.keyOf(int(r-c.first), r); from == nil || s.compare(&k, from) > 0 {
				s.offer(k)
			}
		}
		return true, nil
	})
	if scan.skipped {
		counted = -1
	}
	slices.SortFunc(s.keys, func(a, b sortKey) int { return s.compare(&a, &b) })
	return s.keys, counted, err
}

// promising orders row groups by the best that they may hold, so that the others can be passed over.
func (p *RowPlan) promising(s *sorter) []int {
	order, bounds := make([]int, len(p.t.groups)), make([]pageBounds, len(p.t.groups))
	for g := range order {
		order[g], bounds[g] = g, p.t.chunk(g, p.sort).all
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := &bounds[a], &bounds[b]
		switch {
		case !x.known || !y.known: // those that tell nothing last
			return boolCompare(!x.known, !y.known)
		case s.descending:
			return -s.compareValues(&x.hi, &y.hi)
		}
		return s.compareValues(&x.lo, &y.lo)
	})
	return order
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// give hands over rows in the order of keys; they are read in the file's.
func (p *RowPlan) give(keys []sortKey, fn func(*schemas.Batch) error) error {
	if len(keys) == 0 {
		return nil
	}
	place := make([]int, len(keys)) // by place in the file: in the order
	for i := range place {
		place[i] = i
	}
	slices.SortFunc(place, func(a, b int) int { return int(min(max(keys[a].row-keys[b].row, -1), 1)) })
	rows := make([]int64, len(keys))
	for i, k := range place {
		rows[i] = keys[k].row
	}
	out := p.newOutput(fn)
	if err := out.fill(rows); err != nil {
		return err
	}
	permute(&out.batch, place)
	return fn(&out.batch)
}

// permute moves row i of a batch to place[i].
func permute(b *schemas.Batch, place []int) {
	b.Row = permuted(b.Row, place)
	for i := range b.Columns {
		c := &b.Columns[i]
		c.Valid, c.Text, c.Ints, c.Floats, c.Bools = permuted(c.Valid, place), permuted(c.Text, place), permuted(c.Ints, place), permuted(c.Floats, place), permuted(c.Bools, place)
	}
}

func permuted[T any](v []T, place []int) []T {
	if len(v) == 0 {
		return v
	}
	out := make([]T, len(v))
	for i, p := range place {
		out[p] = v[i]
	}
	return out
}
