package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"grenier/catalog"
)

// How much of each list the home page shows: it stays light (300 elements at most, cmd/grenier/axe_test.go).
const (
	homeSeries = 6
	homeRecent = 5
)

// A homePage is the body of home.html.
type homePage struct {
	Stats    catalog.Stats
	Series   []seriesRow
	More     int // series that are not shown
	Recent   []catalog.Dataset
	Subjects []choice
	Themes   []choice
}

// newest lists the members' datasets that changed last. Series follow each of them: they have a list of their own.
func (s *Server) newest(ctx context.Context, most int) ([]catalog.Dataset, error) {
	all, _, err := s.Store.Datasets(ctx, catalog.DatasetQuery{Limit: 50})
	if err != nil {
		return nil, fmt.Errorf("read newest datasets: %w", err)
	}
	own := slices.DeleteFunc(slices.Clone(all), catalog.Dataset.IsSeries)
	if len(own) == 0 {
		own = all
	}
	return own[:min(most, len(own))], nil
}

func (s *Server) home(w http.ResponseWriter, r *http.Request) error {
	var p homePage
	var err error
	if p.Stats, err = s.Store.Stats(r.Context()); err != nil {
		return fmt.Errorf("read stats: %w", err)
	}
	if p.Recent, err = s.newest(r.Context(), homeRecent); err != nil {
		return err
	}
	if p.Series, err = s.seriesRows(r.Context()); err != nil {
		return err
	}
	// Who only keeps the series is the operator of the service, not one of those that it serves.
	if operator, err := s.Store.Member(r.Context(), s.Site.SIREN); err == nil && len(p.Series) > 0 && operator.Datasets == len(p.Series) {
		p.Stats.Members--
	}
	if p.More = len(p.Series) - homeSeries; p.More > 0 {
		p.Series = p.Series[:homeSeries]
	}
	// Without the index the home page is poorer, not absent.
	if all, err := s.Index.Search(r.Context(), catalog.Query{Page: 1, Size: 1}); err != nil {
		s.Log.Warn("home page without search", "error", err)
		passing(r.Context())
	} else {
		p.Subjects = s.subjects(all, 3)
		for i, v := range all.Facets["theme"] {
			if i == 6 {
				break
			}
			p.Themes = append(p.Themes, choice{Label: s.facetLabel("theme", v), Count: v.Count, Path: themePath(v.Value)})
		}
	}
	const about = "Les données publiques des collectivités : délibérations, budgets, subventions, adresses. Des fichiers vérifiés, complets et réutilisables."
	allowScript(w.Header()) // suggest.js
	return s.render(w, r, "home.html", head{
		Path: "/", Description: about, Facts: s.catalogFacts(about),
		Alternates: rdfAlternates("/catalogue", "Catalogue DCAT", alternate{atomType, "/atom.xml", "Dernières publications"}),
	}, p)
}
