package web

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"grenier/catalog"
	"grenier/catalog/dcat"
)

const turtle = "text/turtle; charset=utf-8" // without charset, harvesters read ISO-8859-1 (dcat/CONTRACT.md section 1)

// sendTurtle answers with a page that is already whole.
func sendTurtle(w http.ResponseWriter, r *http.Request, body []byte, modified time.Time) {
	lastModified(w.Header(), modified)
	w.Header().Set("Cache-Control", "no-cache")
	send(w, r, http.StatusOK, turtle, body)
}

// datasetTurtle is one dataset, with the checksums of its files.
func (s *Server) datasetTurtle(w http.ResponseWriter, r *http.Request) error {
	d, err := s.byID(r)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := dcat.DatasetTurtle(&b, s.memberDescription(d.Member), d); err != nil {
		return unavailable("La description de ce jeu de données ne peut pas être établie pour l’instant. Réessayez plus tard.", fmt.Errorf("describe dataset %s: %w", d.ID, err))
	}
	w.Header().Add("Link", "<"+s.BaseURL+datasetPath(d.Slug)+`>; rel="alternate"; type="text/html"`)
	sendTurtle(w, r, b.Bytes(), d.Modified)
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
	n, err := cataloguePageNumber(parameter(r, "page"))
	if err != nil {
		return err
	}
	pages, modified, err := s.snapshots.pages(r.Context(), s, c, q, n)
	switch {
	case errors.Is(err, errEmptyCatalogue):
		return unavailable("Aucun jeu de données n’est encore publié dans ce catalogue. Il répondra après le premier moissonnage réussi.", err)
	case err != nil:
		return unavailable("Le catalogue ne peut pas être établi pour l’instant. Réessayez dans quelques minutes.", err)
	case n > len(pages):
		return problem(http.StatusNotFound, "Ce catalogue n’a pas autant de pages.")
	}
	sendTurtle(w, r, pages[n-1], modified)
	return nil
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

// memberDescription is what a member's catalogue says of itself.
func (s *Server) memberDescription(m catalog.Member) dcat.Catalogue {
	return dcat.Catalogue{
		Base: s.BaseURL, Path: "/catalogues/" + m.SIREN, IRI: "/id/catalogue/" + m.SIREN, Formats: dcatFormats(),
		Title:       "Données ouvertes" + nbsp + ": " + m.Name,
		Description: "Catalogue des jeux de données publiés par " + m.Name + " sur " + s.Site.Name + ".",
		Publisher:   m, Homepage: s.BaseURL + memberPath(m.SIREN),
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
		Base: s.BaseURL, Path: "/catalogue", IRI: "/id/catalogue", Formats: dcatFormats(),
		Title:       s.Site.Name,
		Description: "Catalogue de tous les jeux de données publiés sur " + s.Site.Name + ", toutes collectivités confondues. Les moissonneurs nationaux lisent plutôt le catalogue de chaque collectivité.",
		Publisher:   operator, Homepage: s.BaseURL + "/",
	}, nil
}

// datasetIdentity leads from the identity of a dataset to what the reader can read.
func (s *Server) datasetIdentity(w http.ResponseWriter, r *http.Request) error {
	d, err := s.byID(r)
	if err != nil {
		return err
	}
	return seeOther(w, r, datasetPath(d.Slug), "/jeux/"+d.ID.String()+".ttl", "/api/1/jeux/"+d.ID.String())
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
	return seeOther(w, r, datasetPath(d.Slug)+"#fichiers", "/jeux/"+d.ID.String()+".ttl", "/api/1/jeux/"+d.ID.String())
}

// memberIdentity does the same for a member, its contact and its catalogue, which its catalogue describes.
func (s *Server) memberIdentity(w http.ResponseWriter, r *http.Request) error {
	m, err := s.memberOf(r)
	if err != nil {
		return err
	}
	return seeOther(w, r, memberPath(m.SIREN), cataloguePath(m.SIREN), memberPath(m.SIREN)+".json")
}

func (s *Server) catalogueIdentity(w http.ResponseWriter, r *http.Request) error {
	return seeOther(w, r, "/", "/catalogue.ttl", "/jeux.json")
}

// seeOther chooses by Accept between the page of a thing, its RDF and its JSON.
func seeOther(w http.ResponseWriter, r *http.Request, page, rdf, json string) error {
	w.Header().Add("Vary", "Accept")
	to := page
	switch prefers(r.Header.Get("Accept"), "text/html", "text/turtle", "application/x-turtle", "application/json") {
	case "text/turtle", "application/x-turtle":
		to = rdf
	case "application/json":
		to = json
	}
	return redirect(w, r, to, http.StatusSeeOther)
}
