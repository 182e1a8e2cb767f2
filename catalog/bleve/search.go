package bleve

import (
	"context"
	"fmt"
	"unicode/utf8"

	"grenier/catalog"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/search/query"
)

// facetSize is how many values of a facet are counted.
const facetSize = 400

// Search answers a query. All words must be found; when that finds nothing, any of them will do.
func (x *Index) Search(ctx context.Context, q catalog.Query) (catalog.Page, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	words := x.words(q.Text)
	page, err := x.search(ctx, q, wording(words, true))
	if err == nil && page.Total == 0 && len(words) > 1 {
		return x.search(ctx, q, wording(words, false))
	}
	return page, err
}

func (x *Index) search(ctx context.Context, q catalog.Query, text query.Query) (catalog.Page, error) {
	size := q.Size
	if size <= 0 {
		size = 20
	}
	size = min(size, 100)
	r := bleve.NewSearchRequestOptions(filtered(text, &q, ""), size, (max(q.Page, 1)-1)*size, false)
	r.SortBy([]string{"-_score", "-modified", "_id"})
	if q.Text == "" {
		r.SortBy([]string{"-modified", "_id"})
		r.Score = "none"
	}
	for _, k := range catalog.FacetKinds {
		if len(k.In(&q)) == 0 {
			r.AddFacet(k.Name, bleve.NewFacetRequest(k.CountField(), facetSize))
		}
	}
	found, err := x.current.SearchInContext(ctx, r)
	if err != nil {
		return catalog.Page{}, fmt.Errorf("search: %w", err)
	}
	page := catalog.Page{IDs: []string{}, Total: int(found.Total), Facets: map[string][]catalog.Facet{}}
	for _, h := range found.Hits {
		page.IDs = append(page.IDs, h.ID)
	}
	collect(page.Facets, found)
	return page, x.alternatives(ctx, q, text, page.Facets)
}

// alternatives counts each facet that filters as if it did not, so that its other values stay visible.
func (x *Index) alternatives(ctx context.Context, q catalog.Query, text query.Query, into map[string][]catalog.Facet) error {
	for _, k := range catalog.FacetKinds {
		if len(k.In(&q)) == 0 {
			continue
		}
		r := bleve.NewSearchRequestOptions(filtered(text, &q, k.Name), 0, 0, false)
		r.AddFacet(k.Name, bleve.NewFacetRequest(k.CountField(), facetSize))
		found, err := x.current.SearchInContext(ctx, r)
		if err != nil {
			return fmt.Errorf("count facet %s: %w", k.Name, err)
		}
		collect(into, found)
	}
	return nil
}

func collect(into map[string][]catalog.Facet, found *bleve.SearchResult) {
	for name, f := range found.Facets {
		counts := map[string]int{}
		for _, t := range f.Terms.Terms() {
			counts[t.Term] = t.Count
		}
		into[name] = catalog.CountFacets(counts)
	}
}

// filtered joins the text and the filters, except that of the facet named without.
func filtered(text query.Query, q *catalog.Query, without string) query.Query {
	all := []query.Query{text}
	for _, k := range catalog.FacetKinds {
		values := k.In(q)
		if len(values) == 0 || k.Name == without {
			continue
		}
		var any []query.Query
		for _, v := range values {
			t := bleve.NewTermQuery(v)
			t.SetField(k.FilterField())
			t.SetBoost(0)
			any = append(any, t)
		}
		all = append(all, bleve.NewDisjunctionQuery(any...))
	}
	if len(all) == 1 {
		return text
	}
	return bleve.NewConjunctionQuery(all...)
}

// words are the words of a text as the exact field has them, without empty words.
func (x *Index) words(text string) (words []string) {
	a := x.current.Mapping().AnalyzerNamed(exact)
	for _, t := range a.Analyze([]byte(text)) {
		if w := string(t.Term); len(words) < 12 {
			words = append(words, w)
		}
	}
	return words
}

// wording asks for all the words, or any.
func wording(words []string, all bool) query.Query {
	if len(words) == 0 {
		return bleve.NewMatchAllQuery()
	}
	var qs []query.Query
	for _, w := range words {
		qs = append(qs, word(w))
	}
	if all {
		return bleve.NewConjunctionQuery(qs...)
	}
	return bleve.NewDisjunctionQuery(qs...)
}

// word looks for one word: where it counts most first, then as the beginning of a word, then with typing errors (one from 4 letters, two from 8).
func word(w string) query.Query {
	var qs []query.Query
	for _, f := range []struct {
		name  string
		boost float64
	}{{"member", 5}, {"title", 4}, {"keywords", 3}, {"description", 1}} {
		m := bleve.NewMatchQuery(w)
		m.SetField(f.name)
		m.SetBoost(f.boost)
		qs = append(qs, m)
	}
	n := utf8.RuneCountInString(w)
	if n >= 2 {
		p := bleve.NewPrefixQuery(w)
		p.SetField("exact")
		p.SetBoost(1)
		qs = append(qs, p)
	}
	if n >= 4 {
		f := bleve.NewFuzzyQuery(w)
		f.SetField("exact")
		f.SetPrefix(1)
		f.SetFuzziness(1 + n/8)
		if n >= 16 {
			f.SetFuzziness(2)
		}
		f.SetBoost(0.2)
		qs = append(qs, f)
	}
	return bleve.NewDisjunctionQuery(qs...)
}
