package catalog

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
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
	Page, Size int      // Page from 1; Size 20 by default, at most 100
}

// A Page is one page of results, best first (newest first without text), and the facets of the whole result. A facet's
// counts ignore its own filter, so that its alternatives stay visible.
type Page struct {
	IDs    []string // dataset UUIDs
	Total  int
	Facets map[string][]Facet // "membre", "schema", "theme", "format", "territoire", "type"
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

// FacetKinds are the facets, in the order of the page.
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

func formats(d *Dataset) []string {
	names := make([]string, len(d.Files))
	for i, f := range d.Files {
		names[i] = f.Format
	}
	return names
}

// labelSeparator stands between value and label: neither can hold it.
const labelSeparator = "\x1f"

// CountFacets turns the counts of an index's terms into the values of a facet, most frequent first.
func CountFacets(counts map[string]int) []Facet {
	list := make([]Facet, 0, len(counts))
	for term, n := range counts {
		value, label, ok := strings.Cut(term, labelSeparator)
		if !ok {
			label = value
		}
		list = append(list, Facet{Value: value, Label: label, Count: n})
	}
	slices.SortFunc(list, func(a, b Facet) int {
		return cmp.Or(b.Count-a.Count, strings.Compare(a.Label, b.Label), strings.Compare(a.Value, b.Value))
	})
	return list
}

// ErrIndexBusy is returned when another process holds an embedded index; that process follows the events by itself.
var ErrIndexBusy = errors.New("index held by another process")
