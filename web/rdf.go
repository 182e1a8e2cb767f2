package web

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"grenier/catalog"
	"grenier/catalog/dcat"
)

// Describe is the subscriber that makes the descriptions of datasets for the catalogues when they are published, so that readers find them ready.
func (s *Server) Describe() catalog.Subscriber { return s.keeper() }

func (s *Server) keeper() dcat.Keeper { return dcat.Keeper{Store: s.Store, Site: s.rdf} }

// mediaType is that of a syntax; without charset, harvesters read ISO-8859-1 (dcat/CONTRACT.md section 1).
func mediaType(x dcat.Syntax) string { return x.MediaType() + "; charset=utf-8" }

// syntax is that of the address, which the routes let through.
func syntax(r *http.Request) (dcat.Syntax, error) {
	x, ok := dcat.SyntaxOf(parameter(r, "ext"))
	if !ok {
		return x, errNotFound
	}
	return x, nil
}

// sendRDF answers with a document that is already whole.
func sendRDF(w http.ResponseWriter, r *http.Request, x dcat.Syntax, body []byte, modified time.Time) {
	lastModified(w.Header(), modified)
	w.Header().Set("Cache-Control", "no-cache")
	send(w, r, http.StatusOK, mediaType(x), body)
}

// datasetRDF is one dataset, with the checksums of its files.
func (s *Server) datasetRDF(w http.ResponseWriter, r *http.Request) error {
	x, err := syntax(r)
	if err != nil {
		return err
	}
	d, err := s.byID(r)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := s.rdf.WriteDataset(&b, x, d); err != nil {
		return unavailable("La description de ce jeu de données ne peut pas être établie pour l’instant. Réessayez plus tard.", fmt.Errorf("describe dataset %s: %w", d.ID, err))
	}
	w.Header().Add("Link", "<"+s.BaseURL+datasetPath(d.Slug)+`>; rel="alternate"; type="text/html"`)
	sendRDF(w, r, x, b.Bytes(), d.Modified)
	return nil
}

// memberCatalogue is the catalogue that data.gouv.fr harvests, one page of it.
func (s *Server) memberCatalogue(w http.ResponseWriter, r *http.Request) error {
	m, err := s.memberOf(r)
	if err != nil {
		return err
	}
	return s.cataloguePage(w, r, s.memberDescription(m), catalog.DatasetQuery{Member: m.SIREN})
}

// catalogue is everybody's, for people and regional portals.
func (s *Server) catalogue(w http.ResponseWriter, r *http.Request) error {
	c, err := s.wholeDescription(r)
	if err != nil {
		return err
	}
	return s.cataloguePage(w, r, c, catalog.DatasetQuery{})
}

func (s *Server) cataloguePage(w http.ResponseWriter, r *http.Request, c dcat.Catalogue, q catalog.DatasetQuery) error {
	x, err := syntax(r)
	if err != nil {
		return err
	}
	n, err := cataloguePageNumber(parameter(r, "page"))
	if err != nil {
		return err
	}
	f, err := modifiedSince(r)
	if err != nil {
		return err
	}
	l, err := s.snapshots.listing(r.Context(), s, c, q, n)
	if err != nil {
		return noCatalogue(err)
	}
	body, err := l.page(r.Context(), s, x, n, f)
	if err != nil {
		return noCatalogue(err)
	}
	sendRDF(w, r, x, body, l.catalogue.Modified)
	return nil
}

// noCatalogue says why there is none. It is never an empty one.
func noCatalogue(err error) error {
	switch {
	case errors.Is(err, errEmptyCatalogue):
		return unavailable("Aucun jeu de données n’est encore publié dans ce catalogue. Il répondra après le premier moissonnage réussi.", err)
	case errors.Is(err, errNoPage):
		return err
	}
	return unavailable("Le catalogue ne peut pas être établi pour l’instant. Réessayez dans quelques minutes.", err)
}

// A filter leaves out what did not change since a time; the zero one leaves out nothing.
type filter struct {
	since time.Time
	query string // as it stands in the addresses of the pages
}

// modifiedSince reads the filter of ckanext-dcat: a date, or a date and time; UTC where no zone is said.
func modifiedSince(r *http.Request) (filter, error) {
	const name = "modified_since"
	values, ok := r.URL.Query()[name]
	if !ok {
		return filter{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if at, err := time.Parse(layout, values[0]); err == nil && len(values) == 1 && at.Year() > 0 {
			return filter{since: at, query: name + "=" + url.QueryEscape(values[0])}, nil
		}
	}
	return filter{}, problem(http.StatusBadRequest, "« modified_since » attend une date, comme 2026-03-04, ou une date et une heure, comme 2026-03-04T09:30:00Z.")
}

// wholeCatalogue is the catalogue of everybody in one document, written while it is read.
func (s *Server) wholeCatalogue(w http.ResponseWriter, r *http.Request) error {
	x, err := syntax(r)
	if err != nil {
		return err
	}
	c, err := s.wholeDescription(r)
	if err != nil {
		return err
	}
	l, err := s.snapshots.listing(r.Context(), s, c, catalog.DatasetQuery{}, 1)
	if err != nil {
		return noCatalogue(err)
	}
	h := w.Header()
	lastModified(h, l.catalogue.Modified)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", tagOf([]byte(strconv.FormatInt(l.seq, 10)+" "+s.Version+" "+s.BaseURL+" "+x.Extension()))) // what is in it changes with the events
	if notModified(r, h) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", mediaType(x))
	if r.Method == http.MethodHead {
		return nil
	}
	return s.dump(w, r, x, l)
}

const (
	dumpsAtOnce = 2                // each takes a processor for seconds
	dumpPace    = 30 * time.Second // to take a piece
)

// dump writes a whole catalogue. When it cannot go on, it breaks the connection: half a catalogue must not look whole.
func (s *Server) dump(w http.ResponseWriter, r *http.Request, x dcat.Syntax, l *listing) error {
	select {
	case s.dumps <- struct{}{}:
		defer func() { <-s.dumps }()
	default:
		return &httpError{status: http.StatusServiceUnavailable, retry: 30, message: "D’autres lecteurs prennent déjà le catalogue entier. Réessayez dans une demi-minute, ou lisez-le page par page."}
	}
	c := l.catalogue
	c.Service = &l.service
	paced := pacedWriter{w, http.NewResponseController(w)}
	if err := s.rdf.WriteAll(paced, x, c, l.descriptions(r.Context(), s)); err != nil {
		if !gone(r, err) {
			s.Log.Error("catalogue cut", "path", r.URL.Path, "error", err)
		}
		panic(http.ErrAbortHandler)
	}
	return nil
}

// A pacedWriter gives the reader some time for each piece.
type pacedWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (p pacedWriter) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(dumpPace)) // a test's writer has none
	return p.w.Write(b)
}

// cataloguePageNumber reads the number of a page; the first one has an address without number, and no other.
func cataloguePageNumber(text string) (int, error) {
	if text == "" {
		return 1, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 2 || strconv.Itoa(n) != text {
		return 0, errNotFound
	}
	return n, nil
}

// serviceOf is the API of a member's datasets, or of everybody's, which names none of them: each member's catalogue does.
func (s *Server) serviceOf(l *listing) dcat.Service {
	name := l.catalogue.Publisher.Name
	if l.held == nil {
		return dcat.Service{
			IRI: "/id/api", Publisher: l.catalogue.Publisher, Title: "API de " + s.Site.Name,
			Description: "Cherche parmi les jeux de données de toutes les collectivités, donne leurs lignes, triées et filtrées, en CSV ou en JSON, et leurs statistiques par colonne. Sans clé ni inscription.",
		}
	}
	service := dcat.Service{
		IRI: "/id/api/" + l.catalogue.Publisher.SIREN, Publisher: l.catalogue.Publisher, Title: "API des données ouvertes" + nbsp + ": " + name,
		Description: "Donne les lignes des jeux de données publiés par " + name + ", triées et filtrées, en CSV ou en JSON, et leurs statistiques par colonne. Sans clé ni inscription.",
	}
	for _, d := range l.held {
		service.Serves = append(service.Serves, d.Dataset)
		if d.HVD != "" && !slices.Contains(service.HVD, d.HVD) {
			service.HVD = append(service.HVD, d.HVD)
		}
	}
	return service
}

// memberDescription is what a member's catalogue says of itself.
func (s *Server) memberDescription(m catalog.Member) dcat.Catalogue {
	return dcat.Catalogue{
		Path: "/catalogues/" + m.SIREN, IRI: "/id/catalogue/" + m.SIREN,
		Title:       "Données ouvertes" + nbsp + ": " + m.Name,
		Description: "Catalogue des jeux de données publiés par " + m.Name + " sur " + s.Site.Name + ".",
		Publisher:   m, Homepage: memberPath(m.SIREN),
	}
}

// wholeDescription is what the catalogue of all members says of itself; the operator publishes it, member or not.
func (s *Server) wholeDescription(r *http.Request) (dcat.Catalogue, error) {
	operator := catalog.Member{SIREN: s.Site.SIREN, Name: s.Site.Operator, Kind: catalog.Syndicat, Email: s.Site.Email, Website: s.BaseURL}
	if s.Site.SIREN != "" {
		m, err := s.Store.Member(r.Context(), s.Site.SIREN)
		switch {
		case err == nil:
			operator = m
		case !errors.Is(err, catalog.ErrNotFound):
			return dcat.Catalogue{}, unavailable("Le catalogue ne peut pas être établi pour l’instant. Réessayez dans quelques minutes.", fmt.Errorf("read operator: %w", err))
		}
	}
	return dcat.Catalogue{
		Path: "/catalogue", IRI: "/id/catalogue",
		Title:       s.Site.Name,
		Description: "Catalogue de tous les jeux de données publiés sur " + s.Site.Name + ", toutes collectivités confondues. Les moissonneurs nationaux lisent plutôt le catalogue de chaque collectivité.",
		Publisher:   operator, Homepage: "/",
	}, nil
}

// datasetIdentity leads from the identity of a dataset to what the reader can read.
func (s *Server) datasetIdentity(w http.ResponseWriter, r *http.Request) error {
	d, err := s.byID(r)
	if err != nil {
		return err
	}
	return seeOther(w, r, datasetPath(d.Slug), "/jeux/"+d.ID.String(), "/api/1/jeux/"+d.ID.String())
}

// fileIdentity does the same for a distribution, which its dataset describes.
func (s *Server) fileIdentity(w http.ResponseWriter, r *http.Request) error {
	id, err := identity(parameter(r, "id"))
	if err != nil {
		return err
	}
	_, d, err := s.Store.File(r.Context(), id, 0)
	if errors.Is(err, catalog.ErrNotFound) {
		return s.formerFile(r.Context(), id, 0, err)
	}
	if err != nil {
		return fmt.Errorf("read file %s: %w", id, err)
	}
	if d.Status == catalog.DatasetWithdrawn {
		return s.withdrawn(r.Context(), d)
	}
	return seeOther(w, r, datasetPath(d.Slug)+"#fichiers", "/jeux/"+d.ID.String(), "/api/1/jeux/"+d.ID.String())
}

// memberIdentity does the same for a member, its contact and its catalogue, which its catalogue describes.
func (s *Server) memberIdentity(w http.ResponseWriter, r *http.Request) error {
	m, err := s.memberOf(r)
	if err != nil {
		return err
	}
	return seeOther(w, r, memberPath(m.SIREN), "/catalogues/"+m.SIREN, memberPath(m.SIREN)+".json")
}

func (s *Server) catalogueIdentity(w http.ResponseWriter, r *http.Request) error {
	return seeOther(w, r, "/", "/catalogue", "/jeux.json")
}

// seriesIdentity leads from a series to the dataset that gathers its rows.
func (s *Server) seriesIdentity(w http.ResponseWriter, r *http.Request) error {
	if s.Site.SIREN == "" {
		return errNotFound
	}
	id := catalog.DatasetID(s.Namespace, s.Site.SIREN, catalog.SeriesKey(parameter(r, "org")+"/"+parameter(r, "name")))
	d, err := s.Store.Dataset(r.Context(), id)
	if err != nil {
		return fmt.Errorf("read series %s: %w", id, err)
	}
	if d.Status == catalog.DatasetWithdrawn {
		return s.withdrawn(r.Context(), d)
	}
	return seeOther(w, r, datasetPath(d.Slug), "/jeux/"+d.ID.String(), "/api/1/jeux/"+d.ID.String())
}

// serviceIdentity leads from the API of everybody, or of a member, to what describes it.
func (s *Server) serviceIdentity(w http.ResponseWriter, r *http.Request) error {
	if parameter(r, "siren") == "" {
		return seeOther(w, r, "/api", "/catalogue", "/api/1/openapi.json")
	}
	m, err := s.memberOf(r)
	if err != nil {
		return err
	}
	return seeOther(w, r, "/api", "/catalogues/"+m.SIREN, "/api/1/openapi.json")
}

// seeOther chooses by Accept between the page of a thing, its RDF (without its extension) and its JSON.
func seeOther(w http.ResponseWriter, r *http.Request, page, rdf, json string) error {
	w.Header().Add("Vary", "Accept")
	offers := []string{"text/html"}
	to := map[string]string{"text/html": page, "application/json": json, "application/x-turtle": rdf + ".ttl"}
	for _, x := range dcat.Syntaxes() {
		offers = append(offers, x.MediaType())
		to[x.MediaType()] = rdf + "." + x.Extension()
	}
	offers = append(offers, "application/x-turtle", "application/json")
	return redirect(w, r, to[prefers(r.Header.Get("Accept"), offers...)], http.StatusSeeOther)
}
