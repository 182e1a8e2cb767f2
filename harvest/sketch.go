package harvest

import (
	"math"
	"slices"

	"grenier/schemas"
)

// sketchSize is how many hashes a sketch keeps. The share of common keys it gives has a standard error under 0.5/√64, about 6 %.
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

// overlap estimates which share of the n keys sketched in before are among the m keys sketched in now. It does not say (ok false) when
// either has no sketch.
func overlap(before []uint64, n int64, now []uint64, m int64) (share float64, ok bool) {
	if len(before) == 0 || len(now) == 0 {
		return 0, false
	}
	if len(before) < sketchSize && len(now) < sketchSize { // both are whole: count
		common := 0
		for _, h := range before {
			if _, found := slices.BinarySearch(now, h); found {
				common++
			}
		}
		return float64(common) / float64(len(before)), true
	}
	union := slices.Concat(before, now)
	slices.Sort(union)
	union = slices.Compact(union)
	union = union[:min(len(union), sketchSize)]
	common := 0
	for _, h := range union {
		_, a := slices.BinarySearch(before, h)
		_, b := slices.BinarySearch(now, h)
		if a && b {
			common++
		}
	}
	jaccard := float64(common) / float64(len(union))
	return math.Min(1, jaccard/(1+jaccard)*float64(n+m)/float64(max(n, 1))), true
}
