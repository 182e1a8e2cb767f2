package publish

import (
	"context"
	"encoding/binary"
	"hash/maphash"
	"math"
	"math/bits"
	"math/rand/v2"

	"grenier/schemas"
)

// diffSeeds make the hashes of one comparison: nobody can prepare rows that look alike.
type diffSeeds struct {
	text   [2]maphash.Seed
	number [2]uint64
	none   [2]uint64 // of a cell without value
	start  [3]uint64
	factor [3]uint64
}

func newDiffSeeds() *diffSeeds {
	s := &diffSeeds{text: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
	for i := range s.number {
		s.number[i], s.none[i] = rand.Uint64(), rand.Uint64()
	}
	for i := range s.start {
		s.start[i], s.factor[i] = rand.Uint64(), rand.Uint64()|1<<63|1
	}
	return s
}

// folded is the product of two numbers, folded.
func folded(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// A rowHash is what one row looks like: 96 bits of its key, 64 of all its cells.
type rowHash struct {
	key, row uint64
	more, at uint32 // the rest of the key's hash; the row's number
}

// A rowHasher walks through the rows of a table.
type rowHasher struct {
	t       *Table
	columns []int
	common  []commonColumn
	seeds   *diffSeeds
}

func newRowHasher(t *Table, common []commonColumn, place func(commonColumn) int, seeds *diffSeeds) *rowHasher {
	h := &rowHasher{t: t, common: common, seeds: seeds}
	for _, c := range common {
		h.columns = append(h.columns, place(c))
	}
	return h
}

// each calls fn for the rows that mine wants, in order.
func (h *rowHasher) each(ctx context.Context, mine func(key uint64) bool, fn func(rowHash) error) error {
	scan := newRowScan(h.t, nil, h.columns...)
	var hashed []*hashedColumn
	for i, c := range h.columns {
		hashed = append(hashed, &hashedColumn{reader: scan.readers[c], asText: h.common[i].text, seeds: h.seeds, folds: -1})
	}
	var keys, mores, rows []uint64
	var a, b []uint64
	return scan.run(ctx, func(block []int64) (bool, error) {
		n := len(block)
		keys, mores, rows = filled(keys, n, h.seeds.start[0]), filled(mores, n, h.seeds.start[1]), filled(rows, n, h.seeds.start[2])
		a, b = filled(a, n, 0), filled(b, n, 0)
		for i, c := range hashed {
			c.hash(block, a, b, h.common[i].key)
			h.fold(h.common[i].key, a, b, keys, mores, rows)
		}
		for i, r := range block {
			if !mine(keys[i]) {
				continue
			}
			if err := fn(rowHash{keys[i], rows[i], uint32(mores[i]), uint32(r)}); err != nil {
				return false, err
			}
		}
		return true, nil
	})
}

// fold adds the hashes of a column's cells to those of the rows.
func (h *rowHasher) fold(key bool, a, b, keys, mores, rows []uint64) {
	f := &h.seeds.factor
	for i, v := range a {
		rows[i] = folded(rows[i]^v, f[2])
	}
	if !key {
		return
	}
	for i := range a {
		keys[i], mores[i] = folded(keys[i]^a[i], f[0]), folded(mores[i]^b[i], f[1])
	}
}

func filled(v []uint64, n int, with uint64) []uint64 {
	if cap(v) < n {
		v = make([]uint64, n)
	}
	v = v[:n]
	for i := range v {
		v[i] = with
	}
	return v
}

// A hashedColumn hashes the cells of a column, each entry of a dictionary once.
type hashedColumn struct {
	reader *columnReader
	asText bool
	seeds  *diffSeeds
	dict   [][2]uint64
	folds  int
	text   []byte
}

// hash puts the hashes of the cells of rows into a and, when both are wanted, b. The reader holds the rows.
func (c *hashedColumn) hash(rows []int64, a, b []uint64, both bool) {
	r := c.reader
	if r.dicted {
		c.hashDict()
	}
	for i, row := range rows {
		e := int(row - r.first)
		switch {
		case !r.has(e):
			a[i], b[i] = c.seeds.none[0], c.seeds.none[1]
		case r.dicted:
			h := &c.dict[r.idx[e]]
			a[i], b[i] = h[0], h[1]
		case r.physical == schemas.Text:
			a[i] = maphash.Bytes(c.seeds.text[0], r.values.text(int32(e)))
			if both {
				b[i] = maphash.Bytes(c.seeds.text[1], r.values.text(int32(e)))
			}
		default:
			a[i], b[i] = c.number(r.values.nums[e])
		}
	}
}

func (c *hashedColumn) hashDict() {
	r := c.reader
	if c.folds == r.folds {
		return
	}
	c.folds, c.dict = r.folds, c.dict[:0]
	for _, v := range r.dict.nums {
		a, b := c.number(v)
		c.dict = append(c.dict, [2]uint64{a, b})
	}
	for i := range r.dict.spans {
		text := r.dict.text(int32(i))
		c.dict = append(c.dict, [2]uint64{maphash.Bytes(c.seeds.text[0], text), maphash.Bytes(c.seeds.text[1], text)})
	}
}

// number hashes a value that is not text. All that is not a number is the same.
func (c *hashedColumn) number(v uint64) (a, b uint64) {
	s := c.seeds
	if c.asText {
		c.text = appendCell(c.text[:0], c.reader.physical, v, nil)
		return maphash.Bytes(s.text[0], c.text), maphash.Bytes(s.text[1], c.text)
	}
	if c.reader.physical == schemas.Float && math.IsNaN(math.Float64frombits(v)) {
		v = math.Float64bits(math.NaN())
	}
	var eight [8]byte
	binary.LittleEndian.PutUint64(eight[:], v)
	return maphash.Bytes(s.text[0], eight[:]) ^ s.number[0], maphash.Bytes(s.text[1], eight[:]) ^ s.number[1]
}

// A diffEntry is a row that the table remembers; of whole rows, row counts those alike.
type diffEntry struct {
	key, row uint64
	more, at uint32
}

// A diffTable finds rows by key: entries in chunks, so that growing copies none, and an index of open addresses.
type diffTable struct {
	chunks [][]diffEntry
	n      uint32
	index  []uint32 // entry + 1; 0 is free
	last   uint32   // the entry that put returned
}

const diffChunk = 1 << 16

// reset empties the table, and makes room for so many entries.
func (t *diffTable) reset(rows int) {
	size := 1 << bits.Len(uint(max(rows, 1024)+rows/4))
	if len(t.index) < size {
		t.index = make([]uint32, size)
	} else {
		clear(t.index)
	}
	t.n = 0
}

func (t *diffTable) at(i uint32) *diffEntry { return &t.chunks[i/diffChunk][i%diffChunk] }

// put returns the entry of a key, a new one unless found; it stays where it is.
func (t *diffTable) put(h rowHash) (e *diffEntry, found bool) {
	if int(t.n) > len(t.index)/8*7 {
		t.grow()
	}
	mask := uint64(len(t.index) - 1)
	for p := slot(h.key) & mask; ; p = (p + 1) & mask {
		i := t.index[p]
		if i == 0 {
			t.index[p] = t.n + 1
			break
		}
		if e := t.at(i - 1); e.key == h.key && e.more == h.more {
			t.last = i - 1
			return e, true
		}
	}
	if int(t.n/diffChunk) == len(t.chunks) {
		t.chunks = append(t.chunks, make([]diffEntry, diffChunk))
	}
	t.last = t.n
	t.n++
	e = t.at(t.last)
	*e = diffEntry(h)
	return e, false
}

// slot spreads keys whose remainder is that of one pass.
func slot(key uint64) uint64 { return key ^ key>>32 }

func (t *diffTable) grow() {
	t.index = make([]uint32, 2*len(t.index))
	mask := uint64(len(t.index) - 1)
	for i := range t.n {
		p := slot(t.at(i).key) & mask
		for t.index[p] != 0 {
			p = (p + 1) & mask
		}
		t.index[p] = i + 1
	}
}
