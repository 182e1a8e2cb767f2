package web

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"grenier/catalog"
)

// A themesPage is the body of themes.html.
type themesPage struct {
	Themes []themeEntry
	Empty  []themeEntry // themes of which nothing is published yet
}

// A themeEntry is one theme of the European list, with what is published of it.
type themeEntry struct {
	Title, Tells, Path string
	Count              int
}

func themePath(code string) string { return "/themes/" + strings.ToLower(code) }

func (s *Server) themes(w http.ResponseWriter, r *http.Request) error {
	all, err := s.Index.Search(r.Context(), catalog.Query{Page: 1, Size: 1})
	if err != nil {
		return unavailable("Les thématiques ne sont pas lisibles pour l’instant. Les jeux de données restent accessibles par collectivité.", fmt.Errorf("search: %w", err))
	}
	counts := map[string]int{}
	for _, v := range all.Facets["theme"] {
		counts[v.Value] = v.Count
	}
	var p themesPage
	for code, title := range themeWords {
		e := themeEntry{Title: title, Tells: themeTells[code], Path: themePath(code), Count: counts[code]}
		if e.Count > 0 {
			p.Themes = append(p.Themes, e)
		} else {
			p.Empty = append(p.Empty, e)
		}
	}
	byTitle := func(a, b themeEntry) int { return cmp.Compare(catalog.Fold(a.Title), catalog.Fold(b.Title)) }
	slices.SortFunc(p.Themes, byTitle)
	slices.SortFunc(p.Empty, byTitle)
	return s.render(w, r, "themes.html", head{Title: "Thématiques", Path: "/themes", Nav: "/jeux", Description: "Les jeux de données par thématique."}, p)
}

// themeTells says what one finds under a theme.
var themeTells = map[string]string{
	"AGRI": "produits, exploitations, restauration collective", "ECON": "budgets, subventions, marchés publics", "EDUC": "écoles, équipements sportifs et culturels",
	"ENER": "consommations, production, bornes de recharge", "ENVI": "déchets, eau, arbres, risques", "GOVE": "délibérations, élus, actes",
	"HEAL": "défibrillateurs, offre de soins", "INTR": "coopération, jumelages", "JUST": "sécurité, arrêtés", "REGI": "adresses, urbanisme, équipements",
	"SOCI": "prénoms, population, aides", "TECH": "numérique, réseaux", "TRAN": "stationnement, vélo, covoiturage, circulation",
}

// A themePage is the body of theme.html.
type themePage struct {
	Title, Tells string
	Total        int
	Found        []catalog.Dataset
	Subjects     []choice
	Members      int
	Search       string
}

func (s *Server) theme(w http.ResponseWriter, r *http.Request) error {
	code := strings.ToUpper(parameter(r, "code"))
	title, known := themeWords[code]
	if !known {
		return problem(http.StatusNotFound, "Cette thématique n’existe pas. Le site en compte treize : voyez la page des thématiques.")
	}
	if p := themePath(code); r.URL.Path != p {
		return redirect(w, r, p, http.StatusMovedPermanently)
	}
	q := question{Chosen: map[string][]string{"theme": {code}}, Page: 1, Size: 20}
	found, result, err := s.find(r.Context(), q)
	if err != nil {
		return err
	}
	p := themePage{Title: title, Tells: themeTells[code], Total: result.Total, Found: found, Members: len(result.Facets["membre"]), Search: q.address(1)}
	for _, v := range result.Facets["schema"] {
		if v.Value != "-" && len(p.Subjects) < 8 {
			p.Subjects = append(p.Subjects, choice{Label: s.facetLabel("schema", v), Count: v.Count, Path: q.toggled("schema", v.Value).address(1)})
		}
	}
	return s.render(w, r, "theme.html", head{Title: title, Path: themePath(code), Nav: "/jeux", NoIndex: p.Total == 0,
		Description: "Les jeux de données de la thématique « " + title + " ».", Crumbs: []crumb{{"Thématiques", "/themes"}},
		Alternates: []alternate{{"application/json", strings.Replace(q.address(1), "/jeux", "/jeux.json", 1), "Ces jeux de données en JSON"}}}, p)
}
