package catalog

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// An Index finds datasets. It is derived: losing it loses nothing. Methods are safe for concurrent use.
type Index interface {
	Put(ctx context.Context, ds ...Dataset) error
	Delete(ctx context.Context, ids ...string) error // dataset UUIDs; a missing one is no error
	Search(ctx context.Context, q Query) (Page, error)
	// Rebuild replaces the whole index by what fill puts into next, while the old one still answers, and swaps at the end.
	Rebuild(ctx context.Context, fill func(next Index) error) error
	Close() error
}

// A Query is a search with facets. Empty facets do not restrict; values within a facet are alternatives.
type Query struct {
	Text       string
	Members    []string // SIREN
	Schemas    []string // "scdl/deliberations"; "-" is datasets without a national schema
	Themes     []string // EU data-theme codes
	Formats    []string // file format names
	Territory  []string // INSEE codes
	Kinds      []string // kinds of member
	Freshness  []string // names of FreshnessBuckets
	Page, Size int      // Page from 1; Size 20 by default, at most 100

	Now    time.Time // what freshness is measured from; zero is the clock's
	Typing bool      // the last word may go on: it is the beginning of a word
	Bare   bool      // no facets
}

// At is what freshness is measured from.
func (q *Query) At() time.Time {
	if q.Now.IsZero() {
		return time.Now()
	}
	return q.Now
}

// A Page is one page of results, best first (newest first without text), and the facets of the whole result. A facet's
// counts ignore its own filter, so that its alternatives stay visible.
type Page struct {
	IDs    []string // dataset UUIDs
	Total  int
	Facets map[string][]Facet // "membre", "schema", "theme", "format", "territoire", "type", FreshnessFacet

	Partial bool      // no dataset has all the words: these are those that have most
	Meant   []Meaning // words that no dataset has, and what was looked for instead
}

// A Meaning is a word that an index read as another one.
type Meaning struct {
	Typed string // folded
	Stem  string
}

// A Facet is one value of a facet and how many results have it.
type Facet struct {
	Value string `json:"value"`
	Label string `json:"label"`
	Count int    `json:"count"`
}

// A FacetKind is one way to narrow a search. Indexes keep its values in a field of their own choosing, named after Field; where a value is a
// code with a name, they count terms made by AddFacets.
type FacetKind struct {
	Name     string // in Page.Facets and in addresses: "membre"
	Field    string // "member"
	Labelled bool
	Of       func(d *Dataset) []string // the values of a dataset
	In       func(q *Query) []string   // the values that a query asks for
}

// FacetKinds are the facets that are made of terms, in the order of the page; freshness, which no term can hold, is a facet of its own.
var FacetKinds = []FacetKind{
	{"membre", "member", true, func(d *Dataset) []string { return []string{d.Member.SIREN} }, func(q *Query) []string { return q.Members }},
	{"type", "kind", false, func(d *Dataset) []string { return []string{string(d.Member.Kind)} }, func(q *Query) []string { return q.Kinds }},
	{"territoire", "territory", true, territory, func(q *Query) []string { return q.Territory }},
	{"theme", "theme", false, func(d *Dataset) []string { return d.Themes }, func(q *Query) []string { return q.Themes }},
	{"schema", "schema", false, schemaOrNone, func(q *Query) []string { return q.Schemas }},
	{"format", "format", false, formats, func(q *Query) []string { return q.Formats }},
}

// FilterField is where an index keeps the values, and CountField where it counts them with their labels.
func (k FacetKind) FilterField() string { return "f_" + k.Field }

// CountField is FilterField for a facet without labels.
func (k FacetKind) CountField() string {
	if k.Labelled {
		return "l_" + k.Field
	}
	return k.FilterField()
}

// AddFacets gives an index's entry the facet fields of its dataset.
func AddFacets(entry map[string]any, d *Dataset) {
	for _, k := range FacetKinds {
		values := k.Of(d)
		entry[k.FilterField()] = values
		if k.Labelled && len(values) > 0 {
			entry[k.CountField()] = values[0] + labelSeparator + d.Member.Name
		}
	}
}

func territory(d *Dataset) []string {
	if d.Member.INSEE == "" {
		return nil
	}
	return []string{d.Member.INSEE}
}

func schemaOrNone(d *Dataset) []string {
	if d.SchemaName == "" {
		return []string{"-"}
	}
	return []string{d.SchemaName}
}

func formats(d *Dataset) (names []string) {
	for _, f := range d.Files {
		if !slices.Contains(names, f.Format) { // a series has several files of one format
			names = append(names, f.Format)
		}
	}
	return names
}

// FreshnessFacet is the facet of when datasets last changed, relative to the moment of the search.
const FreshnessFacet = "fraicheur"

// A FreshnessBucket is one of its values: datasets that changed at least Since and less than Until days ago, counted in days of 24 hours.
type FreshnessBucket struct {
	Value        string
	Since, Until int
}

// FreshnessBuckets are the values, newest first: each dataset is in one of them.
var FreshnessBuckets = []FreshnessBucket{{"mois", 0, 30}, {"an", 30, 365}, {"ancien", 365, 1 << 20}}

// Bounds are the first moment that is in the bucket and the first that no longer is. What changed after now is in the newest one.
func (b FreshnessBucket) Bounds(now time.Time) (from, to time.Time) {
	from, to = now.AddDate(0, 0, -b.Until), now.AddDate(0, 0, -b.Since)
	if b.Since == 0 {
		to = now.AddDate(100, 0, 0)
	}
	return from, to
}

// FreshnessAsked is the buckets that a query asks for, by their place in FreshnessBuckets: none at all when it does not restrict. Values that are no bucket's
// are asked for too, and nothing is in them.
func (q *Query) FreshnessAsked() (asked []bool) {
	if len(q.Freshness) == 0 {
		return nil
	}
	for _, b := range FreshnessBuckets {
		asked = append(asked, slices.Contains(q.Freshness, b.Value))
	}
	return asked
}

// CountFreshness turns counts by bucket into the values of the facet.
func CountFreshness(counts []int) (list []Facet) {
	for i, b := range FreshnessBuckets {
		if counts[i] > 0 {
			list = append(list, Facet{Value: b.Value, Label: b.Value, Count: counts[i]})
		}
	}
	return list
}

// SplitLabel divides a term of CountField into value and label.
func SplitLabel(term string) (value, label string) {
	value, label, ok := strings.Cut(term, labelSeparator)
	if !ok {
		label = value
	}
	return value, label
}

// labelSeparator stands between value and label: neither can hold it.
const labelSeparator = "\x1f"

// CountFacets turns the counts of an index's terms into the values of a facet, most frequent first.
func CountFacets(counts map[string]int) []Facet {
	list := make([]Facet, 0, len(counts))
	for term, n := range counts {
		value, label := SplitLabel(term)
		list = append(list, Facet{Value: value, Label: label, Count: n})
	}
	slices.SortFunc(list, func(a, b Facet) int {
		return cmp.Or(b.Count-a.Count, strings.Compare(a.Label, b.Label), strings.Compare(a.Value, b.Value))
	})
	return list
}

// ErrIndexBusy is returned when another process holds an embedded index; that process follows the events by itself.
var ErrIndexBusy = errors.New("index held by another process")
