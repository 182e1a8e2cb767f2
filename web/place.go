package web

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"grenier/catalog"
)

// A gazetteer keeps the list of places, which all members make, and the subjects that have datasets, while the catalogue stays as it is.
type gazetteer struct {
	mu       sync.Mutex
	revision int64
	made     time.Time
	places   *catalog.Places
	schemas  []catalog.Facet

	seriesSeen int64
	series     []seriesOfMembers // nil: not read yet
}

// seriesOfMembers is a series of the département, and how many rows it has of each member.
type seriesOfMembers struct {
	catalog.Dataset
	rows map[string]int64 // by SIREN
}

const (
	placesFor  = 10 * time.Minute // how long a list holds even when nothing says that it changed
	placesFrom = 5 * time.Second  // how old it may be when the catalogue changes all the time
)

// look returns the places that the catalogue covers, and its schemas.
func (g *gazetteer) look(ctx context.Context, s *Server) (*catalog.Places, []catalog.Facet, error) {
	seen, err := s.memory.watch.look(ctx)
	if err != nil {
		return nil, nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if age := time.Since(g.made); g.places != nil && (age < placesFrom || age < placesFor && g.revision == seen.revision) {
		return g.places, g.schemas, nil
	}
	members, _, err := s.Store.Members(ctx, catalog.MemberQuery{})
	if err != nil {
		return nil, nil, fmt.Errorf("read members: %w", err)
	}
	all, err := s.Index.Search(ctx, catalog.Query{Page: 1, Size: 1})
	if err != nil {
		s.Log.Warn("subjects not listed", "error", err) // places do without
	}
	g.places, g.schemas, g.revision, g.made = catalog.NewPlaces(members), all.Facets["schema"], seen.revision, time.Now()
	return g.places, g.schemas, nil
}

// of returns the series of the département, as the catalogue has them now.
func (g *gazetteer) of(ctx context.Context, s *Server) ([]seriesOfMembers, error) {
	seen, err := s.memory.watch.look(ctx)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.series != nil && g.seriesSeen == seen.revision {
		return g.series, nil
	}
	all, _, err := s.Store.Datasets(ctx, catalog.DatasetQuery{Member: s.Site.SIREN})
	if err != nil {
		return nil, fmt.Errorf("read series: %w", err)
	}
	list := []seriesOfMembers{}
	for _, d := range all {
		if !d.IsSeries() {
			continue
		}
		c, err := s.compositionOf(ctx, d)
		if err != nil {
			return nil, err
		}
		one := seriesOfMembers{d, map[string]int64{}}
		if c != nil {
			for _, p := range c.Parts {
				one.rows[p.SIREN] += p.Rows
			}
		}
		list = append(list, one)
	}
	g.series, g.seriesSeen = list, seen.revision
	return list, nil
}

// An answerView is what a search that names a place asks for: the rows of that place in a series of the département, or the page of the place.
type answerView struct {
	Title string // of the series, or the name of the place
	Path  string // of the series, or of the member
	Place string
	Past  string // the former name that was typed

	Member   bool // the page of the place: no subject was named
	Datasets int
	Nobody   bool // the series has no row of the place

	Via      string // the grouping that publishes for the place
	ViaPath  string
	Rows     int64 // 0: not counted
	Explore  string
	Download string
}

const (
	maxAnswers = 3
	maxPlaces  = 2 // of one name that a search is about
)

// answers finds what to say before the results: for the first place that the search names, and each subject that it names beside it.
func (s *Server) answers(ctx context.Context, text string) (out []answerView, err error) {
	places, _, err := s.gazetteer.look(ctx, s)
	if err != nil {
		return nil, err
	}
	found := places.Find(text)
	if len(found) == 0 {
		return nil, nil
	}
	subjects := slices.DeleteFunc(catalog.SubjectsOf(text), func(x catalog.Subject) bool { return x.Text == found[0][0].Typed })
	for _, place := range found[0][:min(len(found[0]), maxPlaces)] {
		if place.Whole && len(subjects) == 0 && place.SIREN != "" {
			out = append(out, memberAnswer(place))
		}
	}
	if len(subjects) == 0 || s.Site.SIREN == "" {
		return out, nil
	}
	all, err := s.gazetteer.of(ctx, s)
	if err != nil {
		return nil, err
	}
	for _, d := range all {
		if about(subjects, d.SchemaName) && len(out) < maxAnswers {
			out = append(out, s.seriesAnswer(d, found[0]))
		}
	}
	return out, nil
}

// about tells whether one of the subjects is that of a schema.
func about(subjects []catalog.Subject, schema string) bool {
	return slices.ContainsFunc(subjects, func(x catalog.Subject) bool {
		return slices.ContainsFunc(x.Concepts, func(c *catalog.Concept) bool { return slices.Contains(c.Schemas, schema) })
	})
}

func memberAnswer(p catalog.PlaceMatch) answerView {
	return answerView{Title: p.Name, Path: memberPath(p.SIREN), Place: p.Name, Past: p.Formerly, Member: true, Datasets: p.Members[0].Datasets}
}

// seriesAnswer is the part of a series that is about a place: the rows that the place publishes itself; those that bear its code, when its grouping
// publishes for it; all those of the grouping, when they bear none.
func (s *Server) seriesAnswer(d seriesOfMembers, places []catalog.PlaceMatch) answerView {
	a := answerView{Title: s.schemaLabel(d.SchemaName, d.Title), Path: datasetPath(d.Slug), Place: places[0].Name, Past: places[0].Formerly, Nobody: true}
	for _, place := range places {
		for _, m := range place.Members {
			if d.rows[m.SIREN] == 0 {
				continue
			}
			a.Place, a.Past, a.Nobody = place.Name, place.Formerly, false
			column, value := fieldNamed(d.Dataset, "membre_siren", "grenier_membre_siren"), m.SIREN
			if a.Rows = d.rows[m.SIREN]; m.SIREN != place.SIREN {
				a.Via, a.ViaPath = m.Name, memberPath(m.SIREN)
				if code := fieldNamed(d.Dataset, communeColumns...); code != "" && place.INSEE != "" {
					column, value, a.Rows = code, place.INSEE, 0
				}
			}
			if column == "" {
				a.Nobody = true
				continue
			}
			filter := url.QueryEscape(column) + "__exact=" + url.QueryEscape(value)
			a.Explore, a.Download = datasetPath(d.Slug)+"/donnees?"+filter, rowsPath(d.ID.String())+"?"+filter+"&format=csv"
			return a
		}
	}
	return a
}

// communeColumns are the names that columns with the code of the commune of a row have in national schemas.
var communeColumns = []string{"commune_insee", "code_insee_commune", "code_insee", "insee", "codeinsee", "com_insee", "insee_commune", "equip_code_insee"}

// fieldNamed finds a column by one of its names, whatever its capitals; "" when there is none.
func fieldNamed(d catalog.Dataset, names ...string) string {
	for _, name := range names {
		for _, f := range d.Fields {
			if strings.EqualFold(f.Name, name) {
				return f.Name
			}
		}
	}
	return ""
}

// near proposes places for what a search seems to have misspelt, each with the rest of the search.
func (s *Server) near(ctx context.Context, text string) (out []choice, err error) {
	places, _, err := s.gazetteer.look(ctx, s)
	if err != nil || len(places.Find(text)) > 0 {
		return nil, err
	}
	for _, p := range places.Near(text, 3) {
		asked := question{Text: p.Name}
		for _, x := range catalog.SubjectsOf(text) {
			if !strings.Contains(" "+p.Typed+" ", " "+x.Text+" ") {
				asked.Text = x.Text + " " + asked.Text
			}
		}
		out = append(out, choice{Label: asked.Text, Path: asked.address(1)})
	}
	return out, nil
}
