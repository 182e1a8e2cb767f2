package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"grenier/catalog"

	"github.com/google/uuid"
)

// A seriesView is what the page of a dataset says of the series of its schema: what is in it, for the series itself; where it is, for a
// member's dataset.
type seriesView struct {
	Parts      []seriesPartView // of the series' page only
	Duplicates int64
	Told       []duplicateView
	Path       string // of the series, on a member's page
	More       string // address of all duplicates, where Told is cut
	Title      string
	Rows       int64
	Members    int
	JSON       string // address of the composition
}

type seriesPartView struct {
	catalog.SeriesPart
	Path    string
	Explore string // address of its rows in the series, "" where they cannot be asked
}

// The page of a series names the first parts, and that of a member the first duplicates; all are on the page of the composition.
const (
	shownParts = 3
	shownTold  = 3
)

// First are the parts that the page of a series names.
func (v *seriesView) First() []seriesPartView { return v.Parts[:min(len(v.Parts), shownParts)] }

// A duplicateView is one row that several members publish, told on the page of each.
type duplicateView struct {
	Key    string
	Places []duplicatePlaceView
}

type duplicatePlaceView struct {
	Member, Path, Document string
	Line                   int64
	Kept                   bool
}

// toldDuplicates is how many of them a page shows; the JSON has more.
const toldDuplicates = 20

func compositionPath(id uuid.UUID) string { return "/api/1/jeux/" + id.String() + "/composition" }

// series finds what to say of the series: nil when there is none.
func (s *Server) series(ctx context.Context, d catalog.Dataset) (*seriesView, error) {
	if d.SchemaName == "" || s.Site.SIREN == "" {
		return nil, nil
	}
	if d.IsSeries() {
		c, err := s.compositionOf(ctx, d)
		if c == nil || err != nil {
			return nil, err
		}
		v := &seriesView{Duplicates: c.Duplicates, Rows: d.Rows, Members: members(c), JSON: compositionPath(d.ID)}
		_, asked := parquetIn(&d)
		for _, p := range c.Parts {
			one := seriesPartView{SeriesPart: p, Path: "/id/jeu/" + p.Dataset.String()}
			if asked {
				one.Explore = filterAddress(d.Slug, "membre_siren", p.SIREN)
			}
			v.Parts = append(v.Parts, one)
		}
		v.Told = toldTwice(c, uuid.Nil)
		return v, nil
	}
	all, _, err := s.Store.Datasets(ctx, catalog.DatasetQuery{Member: s.Site.SIREN, Schema: d.SchemaName})
	if err != nil {
		return nil, fmt.Errorf("find series of %s: %w", d.SchemaName, err)
	}
	for _, one := range all {
		if !one.IsSeries() {
			continue
		}
		c, err := s.compositionOf(ctx, one)
		if c == nil || err != nil {
			return nil, err
		}
		return &seriesView{Path: datasetPath(one.Slug), Title: one.Title, Rows: one.Rows, Members: members(c), Told: toldTwice(c, d.ID), JSON: compositionPath(one.ID)}, nil
	}
	return nil, nil
}

// A compositionPage is the body of composition.html: all that is in a series.
type compositionPage struct {
	catalog.Dataset
	Series *seriesView
}

// compositionList shows who is in a series, and where the rows of each are.
func (s *Server) compositionList(w http.ResponseWriter, r *http.Request) error {
	d, moved, err := s.bySlug(r)
	if err != nil {
		return err
	}
	if moved {
		return redirect(w, r, datasetPath(d.Slug)+"/composition", http.StatusMovedPermanently)
	}
	p := compositionPage{Dataset: d}
	if p.Series, err = s.series(r.Context(), d); err != nil {
		return err
	}
	if !d.IsSeries() || p.Series == nil {
		return errNoSeries
	}
	h := s.datasetHead(d)
	h.Title, h.Path, h.Here = "Composition : "+clean(d.Title), datasetPath(d.Slug)+"/composition", "Composition"
	h.Crumbs = append(h.Crumbs, crumb{clean(d.Title), datasetPath(d.Slug)})
	h.Description = "Les collectivités réunies dans « " + clean(d.Title) + " »."
	h.Alternates = []alternate{{"application/json", p.Series.JSON, "Cette liste en JSON"}}
	return s.render(w, r, "composition.html", h, p)
}

var errNoSeries = problem(http.StatusNotFound, "Ce jeu de données n’est pas une série : il n’est fait que du sien.")

func members(c *catalog.Composition) int {
	seen := map[string]bool{}
	for _, p := range c.Parts {
		seen[p.SIREN] = true
	}
	return len(seen)
}

// compositionOf reads what the version online of a series is made of; nil for what is no series.
func (s *Server) compositionOf(ctx context.Context, d catalog.Dataset) (*catalog.Composition, error) {
	run, err := s.Store.RunOfVersion(ctx, d.ID, d.Version)
	if errors.Is(err, catalog.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read run of %s: %w", d.ID, err)
	}
	return catalog.CompositionOf(run), nil
}

// toldTwice are the duplicates to show: all of them, or those of one part.
func toldTwice(c *catalog.Composition, of uuid.UUID) (out []duplicateView) {
	for _, x := range c.Told {
		v := duplicateView{Key: strings.Join(x.Key, " · ")}
		concerned := of == uuid.Nil
		for _, p := range x.Places {
			if p.Part < 0 || p.Part >= len(c.Parts) {
				continue
			}
			part := c.Parts[p.Part]
			concerned = concerned || part.Dataset == of
			v.Places = append(v.Places, duplicatePlaceView{part.Name, "/id/jeu/" + part.Dataset.String(), p.Document, p.Line, p.Kept})
		}
		if concerned {
			if out = append(out, v); len(out) == toldDuplicates {
				return out
			}
		}
	}
	return out
}

// composition answers with what the version online of a series is made of.
func (s *Server) composition(w http.ResponseWriter, r *http.Request) error {
	d, err := s.byID(r)
	if err != nil {
		return err
	}
	c, err := s.compositionOf(r.Context(), d)
	if err != nil {
		return err
	}
	if c == nil {
		return errNoSeries
	}
	type answer struct {
		Version int `json:"version"`
		*catalog.Composition
	}
	return sendJSON(w, r, answer{d.Version, c})
}

// fileTitle names a file of a dataset: its format, and which part of a series it holds.
func (s *Server) fileTitle(f catalog.File) string {
	title := s.format(f.Format).Title
	if _, part, ok := strings.Cut(f.Title, "("+title+", "); ok {
		return title + ", " + strings.TrimSuffix(part, ")")
	}
	return title
}
