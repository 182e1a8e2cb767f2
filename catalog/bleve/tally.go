package bleve

import (
	"slices"
	"time"

	"grenier/catalog"
)

// A tally filters datasets and counts facets in one pass: a dataset counts for a facet when the filters of all other facets let it through.
type tally struct {
	view    *view
	query   *catalog.Query
	allowed [][]bool // by facet kind and number of value; nil: all
	counts  [][]int

	fresh  []bool  // by bucket; nil: all
	bounds []int64 // where the buckets begin, newest first
	ages   []int
}

// newTally is nil for a query that neither filters nor counts.
func (v *view) newTally(q *catalog.Query) *tally {
	t := &tally{view: v, query: q, fresh: q.FreshnessAsked(), ages: make([]int, len(catalog.FreshnessBuckets))}
	for _, b := range catalog.FreshnessBuckets {
		from, _ := b.Bounds(q.At())
		t.bounds = append(t.bounds, from.Unix())
	}
	t.allowed, t.counts = make([][]bool, len(v.terms)), make([][]int, len(v.terms))
	for k, kind := range catalog.FacetKinds {
		t.counts[k] = make([]int, len(v.terms[k]))
		asked := kind.In(q)
		if len(asked) == 0 {
			continue
		}
		t.allowed[k] = make([]bool, len(v.terms[k]))
		for n, term := range v.terms[k] {
			value, _ := catalog.SplitLabel(term)
			t.allowed[k][n] = slices.Contains(asked, value)
		}
	}
	if q.Bare && !t.filters() {
		return nil
	}
	return t
}

func (t *tally) filters() bool {
	return t.fresh != nil || slices.ContainsFunc(t.allowed, func(a []bool) bool { return a != nil })
}

// bucket is the freshness of a dataset.
func (t *tally) bucket(modified int64) int {
	for b, from := range t.bounds {
		if modified >= from {
			return b
		}
	}
	return len(t.bounds) - 1
}

// pass counts a dataset and tells whether the filters let it through.
func (t *tally) pass(p *placed, i int) bool {
	failed, by := 0, -1 // filters that do not let it through, and the last of them
	for k, allowed := range t.allowed {
		if allowed != nil && !p.facets[k].any(i, allowed) {
			failed, by = failed+1, k
		}
	}
	b := t.bucket(p.modified[i])
	if t.fresh != nil && !t.fresh[b] {
		failed, by = failed+1, len(t.allowed)
	}
	if failed > 1 || t.query.Bare {
		return failed == 0
	}
	for k := range t.counts {
		if failed == 0 || by == k {
			for _, n := range p.facets[k].of(i) {
				t.counts[k][n]++
			}
		}
	}
	if failed == 0 || by == len(t.allowed) {
		t.ages[b]++
	}
	return failed == 0
}

// all counts every dataset, without a filter: the values once for each view, the ages where the buckets end in the list of the newest.
func (t *tally) all(newest []uint32) {
	t.counts = t.view.counts()
	at := 0
	for b, from := range t.bounds {
		end, _ := slices.BinarySearchFunc(newest[at:], from, func(doc uint32, from int64) int {
			if p, i := t.view.of(doc); p.modified[i] >= from {
				return -1
			}
			return 1
		})
		if b == len(t.bounds)-1 {
			end = len(newest) - at
		}
		t.ages[b], at = end, at+end
	}
}

// countAll counts the values of all datasets.
func (v *view) countAll() [][]int {
	t := &tally{view: v, query: &catalog.Query{}, allowed: make([][]bool, len(v.terms)), counts: make([][]int, len(v.terms)),
		bounds: []int64{time.Time{}.Unix()}, ages: make([]int, 1)}
	for k := range t.counts {
		t.counts[k] = make([]int, len(v.terms[k]))
	}
	for _, doc := range v.newest() {
		p, i := v.of(doc)
		t.pass(p, i)
	}
	return t.counts
}

// tell writes the facets, the most frequent values of each; none of a bare query.
func (t *tally) tell(page *catalog.Page) {
	if t.query.Bare {
		return
	}
	for k, kind := range catalog.FacetKinds {
		counts := map[string]int{}
		for n, c := range t.counts[k] {
			if c > 0 {
				counts[t.view.terms[k][n]] = c
			}
		}
		list := catalog.CountFacets(counts)
		page.Facets[kind.Name] = list[:min(len(list), facetSize)]
	}
	page.Facets[catalog.FreshnessFacet] = catalog.CountFreshness(t.ages)
}

func (c *facetColumn) of(i int) []uint32 { return c.values[c.from[i]:c.from[i+1]] }

func (c *facetColumn) any(i int, allowed []bool) bool {
	for _, n := range c.of(i) {
		if allowed[n] {
			return true
		}
	}
	return false
}
