package publish

import (
	"encoding/binary"
	"math/bits"

	"grenier/schemas"
)

const (
	sparseRows = 16  // how far apart rows are at least, on average, for their cells to be looked up one by one in a page that is not decoded
	fewRows    = 500 // the largest page of an answer whose cells are always looked up
)

// A pageCursor finds single cells of a page without decoding the others: of thirty thousand rows a question often wants fifty, from each column.
// It goes forward, and begins again when it has to go back.
type pageCursor struct {
	levels  packedRuns // which rows have a value
	indexes packedRuns // into the dictionary
	row     int        // the next one
	rank    int        // of its value: how many rows before it have one
	val, at int        // a text: where it lies in the page
}

// rewind begins a page again.
func (k *pageCursor) rewind(c *columnReader) {
	*k = pageCursor{levels: packedRuns{data: c.levels, width: 1}}
	if c.dicted && len(c.payload) > 0 {
		k.indexes = packedRuns{data: c.payload[1:], width: uint(c.payload[0])}
	}
}

// find appends the cell of entry i of the page to a column of a batch.
func (k *pageCursor) find(c *columnReader, i int, b *schemas.Batch, col *schemas.Column) error {
	if i < k.row {
		k.rewind(c)
	}
	before, err := k.levels.ones(i - k.row)
	if err != nil {
		return err
	}
	k.row, k.rank = i, k.rank+before
	level, err := k.levels.peek()
	if err != nil {
		return err
	}
	switch {
	case level == 0:
		addCell(b, col, false, 0, nil)
		return nil
	case c.dicted:
		return k.findInDict(c, b, col)
	case c.physical == schemas.Text:
		text, err := k.findText(c.payload)
		addCell(b, col, true, 0, text)
		return err
	}
	n, ok := plainNumber(c.physical, c.payload, k.rank)
	if !ok {
		return errDamaged
	}
	addCell(b, col, true, n, nil)
	return nil
}

func (k *pageCursor) findInDict(c *columnReader, b *schemas.Batch, col *schemas.Column) error {
	if k.indexes.width > 32 {
		return errDamaged
	}
	if err := k.indexes.skip(k.rank - k.val); err != nil {
		return err
	}
	k.val = k.rank
	index, err := k.indexes.peek()
	switch {
	case err != nil:
		return err
	case int64(index) >= int64(max(len(c.dict.nums), len(c.dict.spans))):
		return errDamaged
	case c.physical == schemas.Text:
		addCell(b, col, true, 0, c.dict.text(int32(index)))
	default:
		addCell(b, col, true, c.dict.nums[index], nil)
	}
	return nil
}

// findText finds the text of the cursor's rank: texts follow one another, each behind its length.
func (k *pageCursor) findText(payload []byte) ([]byte, error) {
	for {
		if len(payload)-k.at < 4 {
			return nil, errDamaged
		}
		n := int64(binary.LittleEndian.Uint32(payload[k.at:]))
		if n > int64(len(payload)-k.at-4) {
			return nil, errDamaged
		}
		if k.val == k.rank {
			return payload[k.at+4:][:n:n], nil
		}
		k.val, k.at = k.val+1, k.at+4+int(n)
	}
}

// plainNumber is number n of a page in PLAIN encoding.
func plainNumber(p schemas.Physical, payload []byte, n int) (uint64, bool) {
	switch p {
	case schemas.Bool:
		if n/8 >= len(payload) {
			return 0, false
		}
		return uint64(payload[n/8] >> (n % 8) & 1), true
	case schemas.Days:
		if 4*(n+1) > len(payload) {
			return 0, false
		}
		return uint64(int64(int32(binary.LittleEndian.Uint32(payload[4*n:])))), true
	}
	if 8*(n+1) > len(payload) {
		return 0, false
	}
	return binary.LittleEndian.Uint64(payload[8*n:]), true
}

// packedRuns are small numbers as Parquet packs them: runs of one number, and runs of numbers that take width bits each.
type packedRuns struct {
	data   []byte
	width  uint
	left   int    // numbers left of the run
	packed []byte // its numbers, from pos on; nil when all are value
	pos    int
	value  uint32
}

// peek is the next number.
func (r *packedRuns) peek() (uint32, error) {
	if r.left == 0 {
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	if r.packed == nil {
		return r.value, nil
	}
	bit := uint(r.pos) * r.width
	var b [8]byte
	copy(b[:], r.packed[bit/8:])
	return uint32(binary.LittleEndian.Uint64(b[:]) >> (bit % 8) & (1<<r.width - 1)), nil
}

// next begins the run that follows.
func (r *packedRuns) next() error {
	head, n := binary.Uvarint(r.data)
	if n <= 0 || head>>1 == 0 || head>>1 > 1<<28 {
		return errDamaged
	}
	r.data = r.data[n:]
	if head&1 == 1 {
		size := int(head>>1) * int(r.width)
		if size > len(r.data) {
			return errDamaged
		}
		r.left, r.pos, r.packed, r.data = int(head>>1)*8, 0, r.data[:size:size], r.data[size:]
		return nil
	}
	size := int(r.width+7) / 8
	if size > len(r.data) {
		return errDamaged
	}
	r.left, r.packed, r.value = int(head>>1), nil, 0
	for i := range size {
		r.value |= uint32(r.data[i]) << (8 * i)
	}
	r.data = r.data[size:]
	return nil
}

// skip passes over n numbers.
func (r *packedRuns) skip(n int) error {
	for n > 0 {
		if r.left == 0 {
			if err := r.next(); err != nil {
				return err
			}
		}
		m := min(n, r.left)
		r.left, r.pos, n = r.left-m, r.pos+m, n-m
	}
	return nil
}

// ones passes over n numbers of one bit, and counts those that are 1.
func (r *packedRuns) ones(n int) (count int, err error) {
	for n > 0 {
		if r.left == 0 {
			if err := r.next(); err != nil {
				return 0, err
			}
		}
		m := min(n, r.left)
		if r.packed != nil {
			count += onesOf(r.packed, r.pos, r.pos+m)
		} else {
			count += m * int(r.value)
		}
		r.left, r.pos, n = r.left-m, r.pos+m, n-m
	}
	return count, nil
}

// onesOf counts the bits from from to to that are set.
func onesOf(b []byte, from, to int) (n int) {
	for ; from < to && from%8 != 0; from++ {
		n += int(b[from/8] >> (from % 8) & 1)
	}
	for ; to-from >= 64; from += 64 {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(b[from/8:]))
	}
	for ; from < to; from++ {
		n += int(b[from/8] >> (from % 8) & 1)
	}
	return n
}
