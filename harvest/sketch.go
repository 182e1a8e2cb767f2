package harvest

import (
	"math"
	"slices"

	"grenier/schemas"
)

// sketchSize is how many hashes a sketch keeps. The share of kept keys that two full sketches give has a standard error of some 7 % at most, none
// when all keys were kept; one that grew tenfold leaves fewer hashes to compare, and a larger error in between.
const sketchSize = 64

// A sketch keeps the smallest hashes of the row keys of a version (bottom-k sampling), enough to estimate how many keys two versions share
// without keeping the keys.
type sketch struct {
	columns []int
	kept    []uint64 // sorted, unique, at most sketchSize
}

// find chooses the key columns: the primary key, or the first unique column. Without either there is no sketch.
func (k *sketch) find(s *schemas.Schema) {
	for _, name := range s.PrimaryKey {
		if i := s.Field(name); i >= 0 {
			k.columns = append(k.columns, i)
		}
	}
	for i := range s.Fields {
		if len(k.columns) == 0 && s.Fields[i].Constraints.Unique {
			k.columns = []int{i}
		}
	}
}

func (k *sketch) add(b *schemas.Batch) {
	if len(k.columns) == 0 {
		return
	}
	for r := range b.Rows {
		h := uint64(14695981039346656037) // FNV-1a, then a finaliser: the same on every machine and in every run
		for _, c := range k.columns {
			for _, x := range b.TextAt(c, r) {
				h = (h ^ uint64(x)) * 1099511628211
			}
			h = (h ^ 0xff) * 1099511628211
		}
		k.keep(mix(h))
	}
}

func (k *sketch) keep(h uint64) {
	if len(k.kept) == sketchSize && h >= k.kept[sketchSize-1] {
		return
	}
	i, found := slices.BinarySearch(k.kept, h)
	if found {
		return
	}
	k.kept = slices.Insert(k.kept, i, h)
	k.kept = k.kept[:min(len(k.kept), sketchSize)]
}

func (k *sketch) values() []uint64 { return k.kept }

// mix is the finaliser of splitmix64.
func mix(h uint64) uint64 {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// overlap estimates which share of the keys sketched in before are among those sketched in now. Both sketches are samples of the same draw: below the
// largest hash that each is sure about, a key of before is in now's sketch if and only if it is among now's keys. It does not say (ok
// false) when either has no sketch.
func overlap(before, now []uint64) (share float64, ok bool) {
	if len(before) == 0 || len(now) == 0 {
		return 0, false
	}
	sure := uint64(math.MaxUint64)
	if len(now) == sketchSize {
		sure = now[sketchSize-1]
	}
	seen, common := 0, 0
	for _, h := range before {
		if h > sure {
			break
		}
		seen++
		if _, found := slices.BinarySearch(now, h); found {
			common++
		}
	}
	if seen == 0 {
		return 0, false
	}
	return float64(common) / float64(seen), true
}
