package web

import (
	"fmt"
	"net/http"

	"grenier/catalog"
)

// A historyPage is the body of history.html: what was online when, newest first.
type historyPage struct {
	catalog.Dataset
	Periods []catalog.Period
	JSON    string
}

// history shows the calendar of a dataset: versions that are no longer kept too, and when a newer delivery was being looked at.
func (s *Server) history(w http.ResponseWriter, r *http.Request) error {
	d, moved, err := s.bySlug(r)
	if err != nil {
		return err
	}
	if moved {
		return redirect(w, r, datasetPath(d.Slug)+"/historique", http.StatusMovedPermanently)
	}
	periods, err := s.Store.Timeline(r.Context(), d.ID)
	if err != nil {
		return fmt.Errorf("read timeline of %s: %w", d.ID, err)
	}
	p := historyPage{Dataset: d, Periods: periods, JSON: "/api/1/jeux/" + d.ID.String() + "/calendrier"}
	h := s.datasetHead(d)
	h.Title, h.Path = "Historique : "+clean(d.Title), datasetPath(d.Slug)+"/historique"
	h.Crumbs = append(h.Crumbs, crumb{clean(d.Title), datasetPath(d.Slug)})
	h.Here, h.Alternates = "Historique", []alternate{{"application/json", p.JSON, "Ce calendrier en JSON"}}
	return s.render(w, r, "history.html", h, p)
}
