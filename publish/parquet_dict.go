package publish

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
)

// A parquetDict numbers the distinct values of a column in the order in which they came: a hash table with open addressing. It holds
// texts or numbers, not both.
type parquetDict struct {
	slots []uint64 // upper half: of the hash; lower half: index + 1, 0 for a free slot
	keys  []uint64 // by index: the hash of a text, or the number
	plain []byte   // texts: PLAIN encoded, which is also the dictionary page
	ends  []uint32 // texts: by index, where its bytes end in plain
	seen  []uint32 // by index: the last page that used it
	texts bool
}

// dictSeed differs from one process to the next; the order of a dictionary does not depend on it.
var dictSeed = maphash.MakeSeed()

func (d *parquetDict) reset(texts bool) {
	d.texts = texts
	clear(d.slots)
	d.keys, d.plain, d.ends, d.seen = d.keys[:0], d.plain[:0], d.ends[:0], d.seen[:0]
}

// shrink lets go of what only a large table needed.
func (d *parquetDict) shrink() {
	if len(d.slots) > 8<<10 || cap(d.plain) > 256<<10 {
		*d = parquetDict{}
	}
}

func (d *parquetDict) len() int { return len(d.keys) }

// size is how long the dictionary page is, for numbers of width bytes.
func (d *parquetDict) size(width int) int {
	if d.texts {
		return len(d.plain)
	}
	return width * len(d.keys)
}

// value is the text numbered index.
func (d *parquetDict) value(index int32) []byte {
	start := uint32(4)
	if index > 0 {
		start += d.ends[index-1]
	}
	return d.plain[start:d.ends[index]]
}

// text returns the number of a text, which it copies when it is new.
func (d *parquetDict) text(v []byte) int32 {
	d.grow()
	h := maphash.Bytes(dictSeed, v)
	mask := uint64(len(d.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		slot := d.slots[i]
		if slot == 0 {
			d.plain = append(binary.LittleEndian.AppendUint32(d.plain, uint32(len(v))), v...)
			d.ends = append(d.ends, uint32(len(d.plain)))
			return d.add(i, h, h)
		}
		if (slot^h)>>32 == 0 {
			if index := int32(uint32(slot)) - 1; bytes.Equal(d.value(index), v) {
				return index
			}
		}
	}
}

// number returns the number of a number.
func (d *parquetDict) number(v uint64) int32 {
	d.grow()
	h := mix(v)
	mask := uint64(len(d.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		slot := d.slots[i]
		if slot == 0 {
			return d.add(i, h, v)
		}
		if (slot^h)>>32 == 0 {
			if index := int32(uint32(slot)) - 1; d.keys[index] == v {
				return index
			}
		}
	}
}

func (d *parquetDict) add(slot, hash, key uint64) int32 {
	d.keys = append(d.keys, key)
	d.seen = append(d.seen, 0)
	d.slots[slot] = hash>>32<<32 | uint64(len(d.keys))
	return int32(len(d.keys) - 1)
}

// grow keeps at least a third of the slots free.
func (d *parquetDict) grow() {
	if 3*(len(d.keys)+1) <= 2*len(d.slots) {
		return
	}
	d.slots = make([]uint64, max(256, 4*len(d.slots)))
	mask := uint64(len(d.slots) - 1)
	for index, key := range d.keys {
		h := key
		if !d.texts {
			h = mix(key)
		}
		i := h & mask
		for d.slots[i] != 0 {
			i = (i + 1) & mask
		}
		d.slots[i] = h>>32<<32 | uint64(index+1)
	}
}

// mix spreads a number over all bits.
func mix(v uint64) uint64 {
	v *= 0x9e3779b97f4a7c15
	v ^= v >> 32
	v *= 0xd6e8feb86659fd93
	return v ^ v>>32
}
