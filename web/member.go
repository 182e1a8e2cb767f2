package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"

	"grenier/catalog"
)

const (
	memberDatasets = 200 // datasets on the page of a member; beyond, the search pages through them
	memberRuns     = 200 // newest runs in which the last one of each source is looked for
)

// A memberPage is the body of member.html.
type memberPage struct {
	catalog.Member
	Site      string // the member's, "" when it is no web address
	Published []catalog.Dataset
	Total     int
	Harvests  []harvest
	Troubled  []harvest // those of which something is to be said
	Calm      int       // the others
	Newest    time.Time // when the last of the others ended
	Catalogue string
	Logo      string // address of its mark, "" without

	Missing, Met []dutyView
	Open         []string // duties that depend on a fact the catalogue does not know
}

// A harvest is the newest run of one source.
type harvest struct {
	catalog.Run
	Title string // of the dataset it feeds, or the source's own name
	Path  string // of the dataset, "" when nothing was published yet
}

func (s *Server) member(w http.ResponseWriter, r *http.Request) error {
	m, err := s.memberOf(r)
	if err != nil {
		return err
	}
	p := memberPage{Member: m, Site: webLink(m.Website), Catalogue: s.BaseURL + cataloguePath(m.SIREN)}
	if p.Published, p.Total, err = s.Store.Datasets(r.Context(), catalog.DatasetQuery{Member: m.SIREN, Limit: memberDatasets}); err != nil {
		return fmt.Errorf("read datasets of %s: %w", m.SIREN, err)
	}
	if p.Harvests, err = s.harvests(r.Context(), m.SIREN, p.Published); err != nil {
		return err
	}
	for _, h := range p.Harvests {
		if h.Status != catalog.Published && h.Status != catalog.Unchanged {
			p.Troubled = append(p.Troubled, h)
		} else if p.Calm++; h.Ended.After(p.Newest) {
			p.Newest = h.Ended
		}
	}
	p.Logo = logoPath(m.Logo)
	p.Missing, p.Met, p.Open = dutiesOf(m, p.Published)
	return s.render(w, r, "member.html", head{Title: m.Name, Path: memberPath(m.SIREN), Nav: "/membres", Livery: sheetAddress(memberSheetPath(m.SIREN), m.Colours),
		Description: "Les données publiées par " + m.Name + ", et l’état de leurs derniers moissonnages.", Crumbs: []crumb{{"Collectivités", "/membres"}},
		Alternates: rdfAlternates(strings.TrimSuffix(cataloguePath(m.SIREN), ".ttl"), "Catalogue DCAT", alternate{"application/json", memberPath(m.SIREN) + ".json", "JSON"},
			alternate{atomType, memberFeedPath(m.SIREN), "Dernières publications de la collectivité"})}, p)
}

// memberOf finds the member of the address.
func (s *Server) memberOf(r *http.Request) (catalog.Member, error) {
	siren := parameter(r, "siren")
	m, err := s.Store.Member(r.Context(), siren)
	if err != nil {
		return m, fmt.Errorf("read member %q: %w", siren, err)
	}
	return m, nil
}

// harvests finds the newest run of each source of a member, newest first.
func (s *Server) harvests(ctx context.Context, siren string, ds []catalog.Dataset) ([]harvest, error) {
	runs, err := s.Store.Runs(ctx, catalog.RunQuery{Member: siren, Limit: memberRuns})
	if err != nil {
		return nil, fmt.Errorf("read runs of %s: %w", siren, err)
	}
	sources, err := s.Store.Sources(ctx, catalog.SourceQuery{Members: []string{siren}})
	if err != nil {
		return nil, fmt.Errorf("read sources of %s: %w", siren, err)
	}
	about := map[string]string{} // what each source is about, for those that published nothing yet
	for _, one := range sources {
		about[one.ID] = s.schemaLabel(one.Key, path.Base(one.Key))
	}
	fed := map[string]catalog.Dataset{}
	for _, d := range ds {
		fed[d.Source] = d
	}
	seen := map[string]bool{}
	var out []harvest
	for _, run := range runs {
		if seen[run.Source] {
			continue
		}
		seen[run.Source] = true
		h := harvest{Run: run, Title: cmp.Or(about[run.Source], path.Base(run.Source))}
		if d, ok := fed[run.Source]; ok {
			h.Title, h.Path = d.Title, datasetPath(d.Slug)
		}
		out = append(out, h)
	}
	return out, nil
}

// A memberTwinJSON is the JSON of a member's page.
type memberTwinJSON struct {
	memberJSON
	Published []datasetJSON `json:"data"`
	Harvests  []harvestJSON `json:"harvests"`
}

type harvestJSON struct {
	Source  string `json:"source"`
	Started string `json:"started"`
	Status  string `json:"status"`
	Message string `json:"message"`
}

func (s *Server) memberTwin(w http.ResponseWriter, r *http.Request) error {
	m, err := s.memberOf(r)
	if err != nil {
		return err
	}
	ds, _, err := s.Store.Datasets(r.Context(), catalog.DatasetQuery{Member: m.SIREN, Limit: memberDatasets})
	if err != nil {
		return fmt.Errorf("read datasets of %s: %w", m.SIREN, err)
	}
	hs, err := s.harvests(r.Context(), m.SIREN, ds)
	if err != nil {
		return err
	}
	out := memberTwinJSON{memberJSON: s.memberJSON(m), Published: []datasetJSON{}, Harvests: []harvestJSON{}}
	for _, d := range ds {
		out.Published = append(out.Published, s.datasetJSON(d, false))
	}
	for _, h := range hs {
		out.Harvests = append(out.Harvests, harvestJSON{h.Source, h.Started.UTC().Format("2006-01-02T15:04:05Z"), string(h.Status), h.Message})
	}
	return sendJSON(w, r, out)
}
