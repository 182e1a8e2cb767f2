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
	Title      string
	Rows       int64
	Members    int
	JSON       string // address of the composition
}

type seriesPartView struct {
	catalog.SeriesPart
	Path string
}

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
		for _, p := range c.Parts {
			v.Parts = append(v.Parts, seriesPartView{p, "/id/jeu/" + p.Dataset.String()})
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
		return problem(http.StatusNotFound, "Ce jeu de données n’est pas une série : il n’est fait que du sien.")
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
