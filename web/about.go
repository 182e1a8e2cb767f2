package web

import (
	"fmt"
	"net/http"
	"time"
)

// The pages that speak of the service itself. Their texts are in the templates.

// An aboutPage is the body of about.html, accessibility.html, legal.html, sitemap.html.
type aboutPage struct {
	Site
	Version string
	Base    string
	Word    string // of the declaration of accessibility
	Checks  bool   // visitors can have files judged
}

func (s *Server) aboutPage() aboutPage {
	return aboutPage{s.Site, s.Version, s.BaseURL, s.Site.Declaration.State.word(), s.checks.Judge != nil}
}

func (s *Server) about(w http.ResponseWriter, r *http.Request) error {
	return s.render(w, r, "about.html", head{Title: "À propos", Path: "/a-propos", Description: "D’où viennent les données, comment elles sont vérifiées, qui contacter."}, s.aboutPage())
}

func (s *Server) legal(w http.ResponseWriter, r *http.Request) error {
	return s.render(w, r, "legal.html", head{Title: "Mentions légales", Path: "/mentions-legales", Description: "Éditeur, directeur de la publication, hébergeur et licence."}, s.aboutPage())
}

func (s *Server) privacy(w http.ResponseWriter, r *http.Request) error {
	return s.render(w, r, "privacy.html", head{Title: "Données personnelles", Path: "/donnees-personnelles", Description: "Ce que le service sait de ses visiteurs, et quoi faire si une donnée vous concerne."}, s.aboutPage())
}

// security answers with security.txt (RFC 9116), which wants a date until which it holds: the first day of a month, so that the file is the same all month.
func (s *Server) security(w http.ResponseWriter, r *http.Request) error {
	if s.Site.Email == "" {
		return errNotFound
	}
	now := s.Now().UTC()
	until := time.Date(now.Year(), now.Month()+7, 1, 0, 0, 0, 0, time.UTC)
	w.Header().Set("Cache-Control", "public, max-age=86400")
	send(w, r, http.StatusOK, "text/plain; charset=utf-8", fmt.Appendf(nil, "Contact: mailto:%s\nExpires: %s\nPreferred-Languages: fr, en\nCanonical: %s/.well-known/security.txt\n",
		s.Site.Email, until.Format(time.RFC3339), s.BaseURL))
	return nil
}

func (s *Server) siteMap(w http.ResponseWriter, r *http.Request) error {
	return s.render(w, r, "sitemap.html", head{Title: "Plan du site", Path: "/plan-du-site", Description: "Toutes les rubriques du service."}, s.aboutPage())
}
