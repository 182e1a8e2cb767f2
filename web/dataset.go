package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"grenier/catalog"
	"grenier/publish"

	"github.com/google/uuid"
)

// maxVersions is how many past versions the page of a dataset lists; the others are in its history.
const maxVersions = 2

// A datasetPage is the body of dataset.html.
type datasetPage struct {
	catalog.Dataset
	Lead, Rest  string
	License     license
	Share       string // of accepted rows
	Online      time.Time
	Banner      *banner
	Versions    []catalog.Version
	MoreHistory int
	SchemaTitle string
	SchemaKnown bool
	Identity    string // permanent address
	Series      *seriesView
	Whole       []catalog.File // files of all rows
	Yearly      []catalog.File // files of one year each
	Citation    string
	BibTeX      string
	Glance      *glance      // at the rows; nil when there is nothing to show
	Why         string       // there is no glance
	again       bool         // there may be one the next time
	Columns     []columnView // the first of them
	Full        bool         // all of them, and more
	MoreColumns int
	Snippets    []snippet
	Embeds      []embedCode
	Map         string // address of the map, "" without one
}

// A banner warns that the version online is not the newest that could be.
type banner struct {
	Title  string
	Reason string // the last run's own sentence
}

func (s *Server) dataset(w http.ResponseWriter, r *http.Request) error {
	d, moved, err := s.bySlug(r)
	if err != nil {
		return err
	}
	if moved {
		return redirect(w, r, datasetPath(d.Slug), http.StatusMovedPermanently)
	}
	p, err := s.datasetPage(r.Context(), d)
	if err != nil {
		return err
	}
	if p.again {
		visitOf(r).memory = nil // nobody keeps a page that lacks its rows
	}
	h := s.datasetHead(d)
	h.Facts = s.datasetFacts(d)
	return s.render(w, r, "dataset.html", h, p)
}

// bySlug finds the dataset of the address; moved says that the slug is an old one. A withdrawn dataset is an error.
func (s *Server) bySlug(r *http.Request) (d catalog.Dataset, moved bool, err error) {
	slug := parameter(r, "slug")
	d, err = s.Store.DatasetBySlug(r.Context(), slug)
	if err != nil {
		return d, false, fmt.Errorf("read dataset %q: %w", slug, err)
	}
	if d.Status == catalog.DatasetWithdrawn {
		return d, false, s.withdrawn(r.Context(), d)
	}
	return d, d.Slug != slug, nil
}

// byID is bySlug for addresses that hold the identity.
func (s *Server) byID(r *http.Request) (catalog.Dataset, error) {
	id, err := identity(parameter(r, "id"))
	if err != nil {
		return catalog.Dataset{}, err
	}
	d, err := s.Store.Dataset(r.Context(), id)
	if err != nil {
		return d, fmt.Errorf("read dataset %s: %w", id, err)
	}
	if d.Status == catalog.DatasetWithdrawn {
		return d, s.withdrawn(r.Context(), d)
	}
	return d, nil
}

// identity reads a UUID in its canonical form: one thing, one address.
func identity(text string) (uuid.UUID, error) {
	id, err := uuid.Parse(text)
	if err != nil || id.String() != text {
		return uuid.Nil, errNotFound
	}
	return id, nil
}

func (s *Server) datasetPage(ctx context.Context, d catalog.Dataset) (datasetPage, error) {
	p := datasetPage{Dataset: d, License: licenseOf(d.License), Share: share(d.Rows, d.Rows+d.Rejected), Online: d.Modified,
		Identity: s.BaseURL + "/id/jeu/" + d.ID.String(), SchemaTitle: d.SchemaName}
	p.Lead, p.Rest = lead(d.Description)
	if sc := s.schema(d.SchemaName); sc != nil {
		p.SchemaKnown, p.SchemaTitle = true, sc.Title
	}
	versions, err := s.versions(ctx, d)
	if err != nil {
		return p, fmt.Errorf("read versions of %s: %w", d.ID, err)
	}
	if len(versions) > 0 {
		p.Online = versions[0].Published
	}
	for _, v := range versions[:min(len(versions), maxVersions)] {
		v.Files = slices.DeleteFunc(slices.Clone(v.Files), s.yearly)
		p.Versions = append(p.Versions, v)
	}
	p.MoreHistory = len(versions) - len(p.Versions)
	if p.Banner, err = s.banner(ctx, d); err != nil {
		return p, err
	}
	p.Citation = fmt.Sprintf("%s, «%s%s%s», version du %s, %s, %s", d.Member.Name, nbsp, clean(d.Title), nbsp, s.dayText(p.Online), p.License.Title, p.Identity)
	if p.Series, err = s.series(ctx, d); err != nil {
		return p, err
	}
	p.BibTeX = s.bibTeX(&d, &p)
	p.sortFiles(s)
	s.showRows(ctx, &p)
	return p, nil
}

// sortFiles parts the files of all rows from those of one year.
func (p *datasetPage) sortFiles(s *Server) {
	for _, f := range p.Files {
		if s.yearly(f) {
			p.Yearly = append(p.Yearly, f)
		} else {
			p.Whole = append(p.Whole, f)
		}
	}
}

// yearly tells the files of one year from those of all rows.
func (s *Server) yearly(f catalog.File) bool { return strings.Contains(s.fileTitle(f), ", ") }

// showRows adds what the page shows of the rows: the first of them, charts, what the columns hold, code that reads them.
func (s *Server) showRows(ctx context.Context, p *datasetPage) {
	d := &p.Dataset
	var err error
	p.Glance, p.Why, err = s.glanceAt(ctx, d)
	p.again = errors.Is(err, errNoTime)
	var profile *publish.Profile
	var columns []column
	if p.Glance != nil {
		columns, profile = p.Glance.columns, p.Glance.profile
		if len(p.Glance.Places) > 0 {
			p.Map = mapPath(d.Slug)
		}
	}
	p.Columns = columnViews(d, tellingFields(d, columns), profile, false)
	p.MoreColumns = len(d.Fields) - len(p.Columns)
	p.Snippets = s.snippets(d, columns)
	p.Embeds = s.embedCodes(d, p.Glance != nil)
	if v := p.Series; v != nil && v.Parts == nil && len(v.Told) > shownTold {
		v.Told, v.More = v.Told[:shownTold], v.Path+"/composition#doublons"
	}
}

// banner says in words why a dataset is held or stale.
func (s *Server) banner(ctx context.Context, d catalog.Dataset) (*banner, error) {
	var b banner
	switch d.Status {
	case catalog.DatasetHeld:
		b.Title = "Données du " + s.dayText(d.Modified) + ", mise à jour en vérification. Une livraison plus récente attend d’être vérifiée"
	case catalog.DatasetStale:
		b.Title = "La source n’a pas pu être relue récemment"
	default:
		return nil, nil
	}
	runs, err := s.Store.Runs(ctx, catalog.RunQuery{Source: d.Source, Limit: 1})
	if err != nil && !errors.Is(err, catalog.ErrNotFound) {
		return nil, fmt.Errorf("read last run of %s: %w", d.Source, err)
	}
	if len(runs) > 0 && (runs[0].Status == catalog.Held || runs[0].Status == catalog.Failed) {
		b.Reason = runs[0].Message
	}
	return &b, nil
}

func (s *Server) datasetHead(d catalog.Dataset) head {
	return head{
		Title: clean(d.Title), Description: brief(unmarked(d.Description), 200), Path: datasetPath(d.Slug), Nav: "/jeux",
		Crumbs: []crumb{{"Jeux de données", "/jeux"}, {d.Member.Name, memberPath(d.Member.SIREN)}},
		Alternates: rdfAlternates("/jeux/"+d.ID.String(), "DCAT",
			alternate{"application/json", datasetPath(d.Slug) + ".json", "JSON"},
			alternate{atomType, datasetPath(d.Slug) + "/atom.xml", "Versions de ce jeu de données"}),
		License: licenseOf(d.License).URL,
	}
}

// datasetTwin is the JSON of a dataset's page.
func (s *Server) datasetTwin(w http.ResponseWriter, r *http.Request) error {
	d, moved, err := s.bySlug(r)
	if err != nil {
		return err
	}
	if moved {
		return redirect(w, r, datasetPath(d.Slug)+".json", http.StatusMovedPermanently)
	}
	return sendJSON(w, r, s.datasetJSON(d, true))
}
