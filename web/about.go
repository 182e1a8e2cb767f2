package web

import "net/http"

// The pages that speak of the service itself. Their texts are in the templates.

// An aboutPage is the body of about.html, accessibility.html, legal.html, sitemap.html and api.html.
type aboutPage struct {
	Site
	Version string
	Base    string
}

func (s *Server) aboutPage() aboutPage { return aboutPage{s.Site, s.Version, s.BaseURL} }

func (s *Server) about(w http.ResponseWriter, r *http.Request) error {
	return s.render(w, r, "about.html", head{Title: "À propos", Path: "/a-propos", Description: "D’où viennent les données, comment elles sont vérifiées, qui contacter."}, s.aboutPage())
}

func (s *Server) accessibility(w http.ResponseWriter, r *http.Request) error {
	return s.render(w, r, "accessibility.html", head{Title: "Accessibilité : non conforme", Path: "/accessibilite", Description: "Déclaration d’accessibilité du service."}, s.aboutPage())
}

func (s *Server) legal(w http.ResponseWriter, r *http.Request) error {
	return s.render(w, r, "legal.html", head{Title: "Mentions légales", Path: "/mentions-legales", Description: "Éditeur, hébergeur, licence et données personnelles."}, s.aboutPage())
}

func (s *Server) siteMap(w http.ResponseWriter, r *http.Request) error {
	return s.render(w, r, "sitemap.html", head{Title: "Plan du site", Path: "/plan-du-site", Description: "Toutes les rubriques du service."}, s.aboutPage())
}

func (s *Server) api(w http.ResponseWriter, r *http.Request) error {
	return s.render(w, r, "api.html", head{Title: "API", Path: "/api", Nav: "/api", Description: "Lire le catalogue et les fichiers depuis un programme."}, s.aboutPage())
}
