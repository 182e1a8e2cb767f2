package web

import (
	"fmt"
	"net/http"

	"grenier/catalog"
)

// A homePage is the body of home.html.
type homePage struct {
	Stats    catalog.Stats
	Recent   []catalog.Dataset
	Subjects []choice
	Themes   []choice
}

func (s *Server) home(w http.ResponseWriter, r *http.Request) error {
	var p homePage
	var err error
	if p.Stats, err = s.Store.Stats(r.Context()); err != nil {
		return fmt.Errorf("read stats: %w", err)
	}
	if p.Recent, _, err = s.Store.Datasets(r.Context(), catalog.DatasetQuery{Limit: 6}); err != nil {
		return fmt.Errorf("read newest datasets: %w", err)
	}
	// Without the index the home page is poorer, not absent.
	if all, err := s.Index.Search(r.Context(), catalog.Query{Page: 1, Size: 1}); err != nil {
		s.Log.Warn("home page without search", "error", err)
	} else {
		p.Subjects = s.subjects(all, 8)
		for i, v := range all.Facets["theme"] {
			if i == 6 {
				break
			}
			p.Themes = append(p.Themes, choice{Label: s.facetLabel("theme", v), Count: v.Count, Path: question{}.toggled("theme", v.Value).address(1)})
		}
	}
	return s.render(w, r, "home.html", head{
		Path: "/", Description: "Les données publiques des collectivités : délibérations, budgets, subventions, adresses. Des fichiers vérifiés, complets et réutilisables.",
		Alternates: []alternate{{"application/atom+xml", "/atom.xml", "Dernières publications"}, {"text/turtle", "/catalogue.ttl", "Catalogue DCAT"}},
	}, p)
}
