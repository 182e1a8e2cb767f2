package catalog

import (
	"context"
	"errors"
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

// ErrIndexBusy is returned when another process holds an embedded index; that process follows the events by itself.
var ErrIndexBusy = errors.New("index held by another process")
