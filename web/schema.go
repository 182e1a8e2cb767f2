package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"grenier/catalog"
	"grenier/schemas"
)

// A schemaListPage is the body of schemas.html.
type schemaListPage struct{ Schemas []schemaEntry }

type schemaEntry struct {
	*schemas.Schema
	Path     string
	Datasets int
}

func (s *Server) schemaList(w http.ResponseWriter, r *http.Request) error {
	return s.render(w, r, "schemas.html", head{Title: "Schémas nationaux", Path: "/schemas", Nav: "/schemas",
		Description: "Les schémas nationaux que le service sait vérifier, et le nombre de jeux de données qui les suivent.",
		Alternates:  []alternate{{"application/json", "/api/1/schemas", "Cette liste en JSON"}}},
		schemaListPage{s.schemaEntries(r.Context())})
}

// schemaEntries are the schemas the program holds, with the datasets that follow them; without the index the counts are zero.
func (s *Server) schemaEntries(ctx context.Context) []schemaEntry {
	if s.Schemas == nil {
		return nil
	}
	used := map[string]int{}
	if all, err := s.Index.Search(ctx, catalog.Query{Page: 1, Size: 1}); err != nil {
		s.Log.Warn("schemas without counts", "error", err)
	} else {
		for _, v := range all.Facets["schema"] {
			used[v.Value] = v.Count
		}
	}
	var out []schemaEntry
	for _, sc := range s.Schemas.All() {
		out = append(out, schemaEntry{sc, schemaPath(sc.ID.Name()), used[sc.ID.Name()]})
	}
	return out
}

// A schemaDetail is the body of schema.html.
type schemaDetail struct {
	*schemas.Schema
	Versions  []schemas.ID
	Published []catalog.Dataset // the newest of them
	Total     int
	Search    string
	Check     string // the page where a file is judged with it; "" without one
}

func (s *Server) schemaPage(w http.ResponseWriter, r *http.Request) error {
	name := parameter(r, "org") + "/" + parameter(r, "name")
	sc := s.schema(name)
	if sc == nil || sc.ID.Name() != name {
		return problem(http.StatusNotFound, "Ce schéma n’est pas de ceux que le service connaît.")
	}
	ds, total, err := s.Store.Datasets(r.Context(), catalog.DatasetQuery{Schema: name, Limit: 20})
	if err != nil {
		return fmt.Errorf("read datasets of schema %s: %w", name, err)
	}
	door := ""
	if s.checks.Judge != nil {
		door = checkPath + "?schema=" + url.QueryEscape(name)
	}
	return s.render(w, r, "schema.html", head{Title: sc.Title, Path: schemaPath(name), Nav: "/schemas", Description: brief(sc.Description, 200), Crumbs: []crumb{{"Schémas", "/schemas"}}},
		schemaDetail{Schema: sc, Versions: s.Schemas.Versions(name), Published: ds, Total: total, Search: question{}.toggled("schema", name).address(1), Check: door})
}
