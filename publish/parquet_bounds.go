package publish

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"unicode/utf8"

	"grenier/schemas"
)

// parquetBound is the longest text that statistics quote.
const parquetBound = 64

// parquetBounds are the least and the greatest of some values; NaN does not count (Parquet, Statistics).
type parquetBounds struct {
	any            bool
	lo, hi         uint64 // integers, truth values, bits of floats
	loText, hiText []byte // copies
}

func (b *parquetBounds) text(v []byte) {
	if !b.any || bytes.Compare(v, b.loText) < 0 {
		b.loText = append(b.loText[:0], v...)
	}
	if !b.any || bytes.Compare(v, b.hiText) > 0 {
		b.hiText = append(b.hiText[:0], v...)
	}
	b.any = true
}

func (b *parquetBounds) number(v uint64, float bool) {
	if float && math.IsNaN(math.Float64frombits(v)) {
		return
	}
	if !b.any || compareNumbers(v, b.lo, float) < 0 {
		b.lo = v
	}
	if !b.any || compareNumbers(v, b.hi, float) > 0 {
		b.hi = v
	}
	b.any = true
}

// merge widens b to o, which is not empty.
func (b *parquetBounds) merge(o *parquetBounds, p schemas.Physical) {
	if p == schemas.Text {
		b.text(o.loText)
		b.text(o.hiText)
		return
	}
	b.number(o.lo, p == schemas.Float)
	b.number(o.hi, p == schemas.Float)
}

// encode writes both bounds as statistics do, in memory of their own.
func (b *parquetBounds) encode(p schemas.Physical) (lo, hi []byte) {
	switch p {
	case schemas.Text:
		return append([]byte{}, b.loText...), append([]byte{}, b.hiText...)
	case schemas.Bool:
		return []byte{byte(b.lo)}, []byte{byte(b.hi)}
	case schemas.Days:
		return binary.LittleEndian.AppendUint32(nil, uint32(b.lo)), binary.LittleEndian.AppendUint32(nil, uint32(b.hi))
	}
	least, greatest := b.lo, b.hi
	if p == schemas.Float { // both zeros are within bounds that are zero
		if math.Float64frombits(least) == 0 {
			least = math.Float64bits(math.Copysign(0, -1))
		}
		if math.Float64frombits(greatest) == 0 {
			greatest = 0
		}
	}
	return binary.LittleEndian.AppendUint64(nil, least), binary.LittleEndian.AppendUint64(nil, greatest)
}

// decodeBound reads back what encode wrote for a number.
func decodeBound(p schemas.Physical, b []byte) uint64 {
	switch p {
	case schemas.Bool:
		return uint64(b[0])
	case schemas.Days:
		return uint64(int64(int32(binary.LittleEndian.Uint32(b))))
	}
	return binary.LittleEndian.Uint64(b)
}

func compareNumbers(a, b uint64, float bool) int {
	if float {
		return cmp.Compare(math.Float64frombits(a), math.Float64frombits(b))
	}
	return cmp.Compare(int64(a), int64(b))
}

// cutMin shortens a text that nothing may be less than.
func cutMin(v []byte) []byte {
	if len(v) <= parquetBound {
		return v
	}
	n := parquetBound
	for n > 0 && !utf8.RuneStart(v[n]) {
		n--
	}
	return v[:n]
}

// cutMax shortens a text that nothing may be greater than: after the cut the last character is raised by one. What cannot be raised stays
// whole.
func cutMax(v []byte) []byte {
	if len(v) <= parquetBound {
		return v
	}
	for cut := cutMin(v); len(cut) > 0; {
		r, n := utf8.DecodeLastRune(cut)
		cut = cut[:len(cut)-n]
		switch {
		case r == utf8.RuneError && n == 1:
			return v
		case r == utf8.MaxRune:
			continue
		case r == 0xd7ff: // surrogates are no characters
			r = 0xdfff
		}
		return utf8.AppendRune(bytes.Clone(cut), r+1)
	}
	return v
}
