// Package web answers HTTP: the portal, its JSON twins, feeds and downloads.
//
// routes.go is the table of contents. A page is one Go file and one template of the same name; its handler reads the request,
// asks the catalogue and renders. One place (errors.go) turns errors into answers.
package web

import (
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"time"

	"grenier/catalog"
	"grenier/catalog/dcat"
	"grenier/publish"
	"grenier/schemas"

	"github.com/google/uuid"
)

// Config is what a Server needs.
type Config struct {
	Store     catalog.Store
	Index     catalog.Index
	Blobs     publish.BlobStore
	Schemas   *schemas.Set
	Namespace uuid.UUID
	BaseURL   string // public address without a slash at the end
	Site      Site
	Version   string // of the program
	Now       func() time.Time
	Location  *time.Location
	Log       *slog.Logger

	AdminApart bool   // Admin is served on an address of its own: Handler then knows nothing of /readyz and /metrics
	DataDir    string // folder whose disk must keep room for /readyz to be well; "" is not looked at
	MinFree    int64  // bytes free that publishing needs, as the blob store has it

	Fault  func() error // why this process can publish nothing more; nil: it always can
	Signed bool         // files are fetched from the blob store itself, when it is a publish.Signer

	Check CheckConfig // files that visitors have judged

	Outlines *dcat.Outlines // of members' territories, for the catalogues; nil: their boxes do
	MapStyle string         // address of the style of the maps' background; "" is no background
}

// Site is what the portal says of itself.
type Site struct {
	Name     string // "Données ouvertes du Val-d’Aurence"
	Operator string // "Numérival"
	SIREN    string // of the operator (OPSN)
	Email    string
	Director string // of the publication, for the legal notice; "" is said to be missing
	Host     string // who hosts the service, for the legal notice; "" is said to be missing
	Demo     bool   // shows « données fictives » on every page

	Logo        catalog.Logo    // zero: ours
	Colours     catalog.Colours // zero: ours
	Declaration Declaration     // of accessibility; zero: « non conforme », nothing was audited
	Privacy     string          // who answers for personal data (address or e-mail); "" is Email
}

// A Server answers HTTP.
type Server struct {
	Config
	pages     map[string]*page
	css       string // address of the style sheet, with the hash of its content
	metrics   *metrics
	rdf       *dcat.Site
	snapshots snapshots
	feeds     feeds
	dumps     chan struct{} // whole catalogues being read
	memory    *memory       // answers that are ready
	pageTime  time.Duration // for a reader to take a page
	assets    map[string]*assetFile
	checks    *checkRoom
	reading   *reading // what the rows of datasets share
	twins     *publish.Twins
	embeds    *template.Template
	machines  *machines
	gazetteer gazetteer // the places that searches name
	found     *shelf[catalog.Dataset]

	seriesSizes *shelf[int] // members of a series, by its identity and version
	handler     http.Handler
	admin       http.Handler
}

// New parses the templates and prepares the routes; a template that does not parse is an error.
func New(c Config) (*Server, error) {
	if c.Store == nil || c.Index == nil || c.Blobs == nil {
		return nil, errors.New("web: a store, an index and a blob store are needed")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Location == nil {
		c.Location = time.UTC
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Index = patient(c.Index, indexPatience)
	s := &Server{Config: c, found: newShelf[catalog.Dataset](foundRoom), css: assetAddress("grenier.css"), checks: newCheckRoom(c.Check, c.Now), reading: newReading(), twins: publish.NewTwins(c.Blobs), seriesSizes: newShelf[int](64 << 10),
		rdf: &dcat.Site{Base: c.BaseURL, Formats: dcatFormats(), Outlines: c.Outlines}, dumps: make(chan struct{}, dumpsAtOnce)}
	var err error
	if s.pages, err = s.parsePages(); err != nil {
		return nil, err
	}
	if s.embeds, err = s.parseEmbeds(); err != nil {
		return nil, err
	}
	if s.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	if s.machines, err = s.newMachines(); err != nil {
		return nil, err
	}
	s.metrics, s.memory, s.pageTime = newMetrics(s), newMemory(s.Store, time.Now), pageTime
	s.handler, s.admin = s.publicHandler(), s.adminHandler()
	return s, nil
}

// Handler is the public site with its middleware.
func (s *Server) Handler() http.Handler { return s.handler }

// Admin answers /healthz, /readyz and /metrics, for the admin address when it is set; Handler answers them too when it is not.
func (s *Server) Admin() http.Handler { return s.admin }

// schema finds a schema by "org/name" or "org/name@version"; nil when the program does not hold it.
func (s *Server) schema(ref string) *schemas.Schema {
	if s.Schemas == nil || ref == "" {
		return nil
	}
	found, err := s.Schemas.Lookup(ref)
	if err != nil {
		return nil
	}
	return found
}

// format says what a file format is; a format that is no longer written keeps its name.
func (s *Server) format(name string) publish.Format {
	if f, ok := publish.FormatNamed(name); ok {
		return f
	}
	return publish.Format{Name: name, Ext: "." + name, MediaType: "application/octet-stream", Title: name}
}

// dcatFormats tells package dcat what each format is in the vocabularies.
func dcatFormats() map[string]dcat.Format {
	all := map[string]dcat.Format{}
	for _, f := range publish.Formats() {
		all[f.Name] = dcat.Format{MediaType: f.MediaType, FileType: f.FileType, Title: f.Title}
	}
	return all
}
