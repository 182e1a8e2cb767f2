package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"

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
		passing(ctx)
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
	Published []catalog.Dataset // by member, but for the series
	Total     int
	More      int               // datasets that are not shown
	Series    []catalog.Dataset // of the whole département
	Without   []catalog.Member  // that publish nothing with it
	Absent    int               // how many they are, shown or not
	Search    string
	Check     string // the page where a file is judged with it; "" without one
}

func (s *Server) schemaPage(w http.ResponseWriter, r *http.Request) error {
	name := parameter(r, "org") + "/" + parameter(r, "name")
	sc := s.schema(name)
	if sc == nil || sc.ID.Name() != name {
		return problem(http.StatusNotFound, "Ce schéma n’est pas de ceux que le service connaît.")
	}
	ds, total, err := s.Store.Datasets(r.Context(), catalog.DatasetQuery{Schema: name})
	if err != nil {
		return fmt.Errorf("read datasets of schema %s: %w", name, err)
	}
	p := schemaDetail{Schema: sc, Versions: s.Schemas.Versions(name), Total: total, Search: question{}.toggled("schema", name).address(1)}
	if err := p.sort(r.Context(), s, ds); err != nil {
		return err
	}
	if s.checks.Judge != nil {
		p.Check = checkPath + "?schema=" + url.QueryEscape(name)
	}
	return s.render(w, r, "schema.html", head{Title: sc.Title, Path: schemaPath(name), Nav: "/schemas", Description: brief(unmarked(sc.Description), 200), Crumbs: []crumb{{"Schémas", "/schemas"}},
		Alternates: []alternate{{atomType, question{}.toggled("schema", name).feedAddress(1), "Derniers jeux de données de ce schéma"}}}, p)
}

// shownMembers is how many members each list of a schema's page has.
const shownMembers = 100

// sort parts the datasets that follow the schema from the series made of them, and the members that have one from those that have none.
func (p *schemaDetail) sort(ctx context.Context, s *Server, ds []catalog.Dataset) error {
	with := map[string]bool{}
	for _, d := range ds {
		with[d.Member.SIREN] = true
		if d.IsSeries() {
			p.Series = append(p.Series, d)
		} else {
			p.Published = append(p.Published, d)
		}
	}
	slices.SortStableFunc(p.Published, func(a, b catalog.Dataset) int {
		return cmp.Compare(catalog.Fold(a.Member.Name), catalog.Fold(b.Member.Name))
	})
	if p.More = len(p.Published) - shownMembers; p.More > 0 {
		p.Published = p.Published[:shownMembers]
	}
	all, _, err := s.Store.Members(ctx, catalog.MemberQuery{})
	if err != nil {
		return fmt.Errorf("read members: %w", err)
	}
	for _, m := range all {
		if with[m.SIREN] {
			continue
		}
		if p.Absent++; len(p.Without) < shownMembers {
			p.Without = append(p.Without, m)
		}
	}
	return nil
}
