package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"
	"github.com/klauspost/compress/gzhttp"
)

// A kind of route decides the headers of its answers and the shape of its errors.
type kind int

const (
	kindPage  kind = iota // HTML; errors are pages
	kindData              // JSON and XML for machines, open to other origins; errors are JSON
	kindRDF               // RDF in any syntax, open to other origins; errors are plain text
	kindFile              // downloads, open to other origins, never compressed on the fly; errors are pages
	kindAsset             // our own style sheet and mark
	kindAdmin             // health and metrics; errors are plain text
	kindCall              // calls of programs, closed to pages of other origins; errors are JSON
)

// open tells whether answers of the kind may be read by pages of other origins.
func (k kind) open() bool { return k == kindData || k == kindRDF || k == kindFile }

// A route is one address of the site. All answer GET and HEAD, and nothing else, but for those that posts names.
type route struct {
	name  string // in logs and metrics
	path  string
	kind  kind
	serve func(*Server, http.ResponseWriter, *http.Request) error
}

// posts are the routes that take something, by name. A route whose GET is nil only takes.
var posts = map[string]func(*Server, http.ResponseWriter, *http.Request) error{
	"check":     (*Server).checked,
	"api-check": (*Server).apiCheck,
	"mcp":       (*Server).mcp,
}

// rdfExtensions are those that data.gouv.fr knows a syntax by.
const rdfExtensions = "ttl|rdf|xml|jsonld|json|nt"

// routes is the table of contents: where two paths fit, the first one answers.
var routes = []route{
	{"home", "/", kindPage, (*Server).home},
	{"search", "/jeux", kindPage, (*Server).search},
	{"search-json", "/jeux.json", kindData, (*Server).apiDatasets},
	{"search-atom", "/jeux.atom", kindData, (*Server).searchAtom},
	{"dataset-rdf", "/jeux/{id}.{ext:ttl|rdf|xml|jsonld|nt}", kindRDF, (*Server).datasetRDF},
	{"dataset-json", "/jeux/{slug}.json", kindData, (*Server).datasetTwin},
	{"dataset", "/jeux/{slug}", kindPage, (*Server).dataset},
	{"report", "/jeux/{slug}/rapport", kindPage, (*Server).report},
	{"report-json", "/jeux/{slug}/rapport.json", kindData, (*Server).reportTwin},
	{"changes", "/jeux/{slug}/changements", kindPage, (*Server).changes},
	{"dataset-atom", "/jeux/{slug}/atom.xml", kindData, (*Server).datasetAtom},
	{"history", "/jeux/{slug}/historique", kindPage, (*Server).history},
	{"composition", "/jeux/{slug}/composition", kindPage, (*Server).compositionList},
	{"columns", "/jeux/{slug}/colonnes", kindPage, (*Server).columns},
	{"explore", "/jeux/{slug}/donnees", kindPage, (*Server).explore},
	{"map", "/jeux/{slug}/carte", kindPage, (*Server).mapPage},
	{"map-data", "/jeux/{slug}/carte.geojson", kindData, (*Server).mapData},
	{"embed-dataset", embedPrefix + "/jeux/{slug}", kindPage, (*Server).embedDataset},
	{"embed-rows", embedPrefix + "/jeux/{slug}/donnees", kindPage, (*Server).embedTable},
	{"embed-member", embedPrefix + "/membres/{siren}", kindPage, (*Server).embedMember},
	{"members", "/membres", kindPage, (*Server).members},
	{"members-json", "/membres.json", kindData, (*Server).apiMembers},
	{"member-atom", "/membres/{siren}/atom.xml", kindData, (*Server).memberAtom},
	{"member-json", "/membres/{siren}.json", kindData, (*Server).memberTwin},
	{"member", "/membres/{siren}", kindPage, (*Server).member},
	{"member-sheet", "/membres/{siren}/couleurs.css", kindAsset, (*Server).memberSheet},
	{"member-feed", "/membres/{siren}/moissonnage", kindPage, (*Server).memberFeed},
	{"member-feed-json", "/membres/{siren}/moissonnage.json", kindData, (*Server).memberFeedTwin},
	{"series-list", "/series", kindPage, (*Server).seriesList},
	{"themes", "/themes", kindPage, (*Server).themes},
	{"theme", "/themes/{code}", kindPage, (*Server).theme},
	{"schemas", "/schemas", kindPage, (*Server).schemaList},
	{"schema", "/schemas/{org}/{name}", kindPage, (*Server).schemaPage},

	{"check", checkPath, kindPage, (*Server).check},
	{"api", "/api", kindPage, (*Server).api},
	{"about", "/a-propos", kindPage, (*Server).about},
	{"accessibility", "/accessibilite", kindPage, (*Server).accessibility},
	{"legal", "/mentions-legales", kindPage, (*Server).legal},
	{"privacy", "/donnees-personnelles", kindPage, (*Server).privacy},
	{"site-map", "/plan-du-site", kindPage, (*Server).siteMap},
	{"site-sheet", siteSheetPath, kindAsset, (*Server).siteSheet},
	{"logo", logoPrefix + "{name}", kindAsset, (*Server).logo},
	{"security", "/.well-known/security.txt", kindAsset, (*Server).security},

	{"api-datasets", "/api/1/jeux", kindData, (*Server).apiDatasets},
	{"api-suggestions", "/api/1/suggestions", kindData, (*Server).suggest},
	{"api-dataset", "/api/1/jeux/{id}", kindData, (*Server).apiDataset},
	{"api-rows", "/api/1/jeux/{id}/lignes", kindData, (*Server).rows},
	{"api-composition", "/api/1/jeux/{id}/composition", kindData, (*Server).composition},
	{"api-profile", "/api/1/jeux/{id}/profil", kindData, (*Server).profile},
	{"api-calendar", "/api/1/jeux/{id}/calendrier", kindData, (*Server).calendar},
	{"api-differences", "/api/1/jeux/{id}/differences", kindData, (*Server).differences},
	{"api-members", "/api/1/membres", kindData, (*Server).apiMembers},
	{"api-schemas", "/api/1/schemas", kindData, (*Server).apiSchemas},

	{"api-check", apiCheckPath, kindData, nil},
	{"mcp", mcpPath, kindCall, nil},
	{"openapi", openAPIPath, kindData, (*Server).openAPI},

	{"id-dataset", "/id/jeu/{id}", kindRDF, (*Server).datasetIdentity},
	{"id-file", "/id/fichier/{id}", kindRDF, (*Server).fileIdentity},
	{"id-member", "/id/organisme/{siren}", kindRDF, (*Server).memberIdentity},
	{"id-contact", "/id/contact/{siren}", kindRDF, (*Server).memberIdentity},
	{"id-catalogue", "/id/catalogue", kindRDF, (*Server).catalogueIdentity},
	{"id-member-catalogue", "/id/catalogue/{siren}", kindRDF, (*Server).memberIdentity},
	{"id-series", "/id/serie/{org}/{name}", kindRDF, (*Server).seriesIdentity},
	{"id-service", "/id/api", kindRDF, (*Server).serviceIdentity},
	{"id-member-service", "/id/api/{siren}", kindRDF, (*Server).serviceIdentity},
	{"catalogue", "/catalogue.{ext:" + rdfExtensions + "}", kindRDF, (*Server).catalogue},
	{"catalogue-whole", "/catalogue/complet.{ext:" + rdfExtensions + "}", kindRDF, (*Server).wholeCatalogue},
	{"catalogue-page", "/catalogue/{page}.{ext:" + rdfExtensions + "}", kindRDF, (*Server).catalogue},
	{"member-catalogue", "/catalogues/{siren}.{ext:" + rdfExtensions + "}", kindRDF, (*Server).memberCatalogue},
	{"member-catalogue-page", "/catalogues/{siren}/{page}.{ext:" + rdfExtensions + "}", kindRDF, (*Server).memberCatalogue},

	{"file", "/f/{id}/{name}", kindFile, (*Server).newestFile},
	{"file-version", "/f/{id}/v/{version}/{name}", kindFile, (*Server).pastFile},

	{"atom", "/atom.xml", kindData, (*Server).atom},
	{"sitemap-xml", "/sitemap.xml", kindData, (*Server).sitemap},
	{"sitemap-part", "/sitemap/{part}.xml", kindData, (*Server).sitemapPart},
	{"llms", "/llms.txt", kindData, (*Server).llms},
	{"robots", "/robots.txt", kindData, (*Server).robots},
	{"asset", "/static/{name}", kindAsset, (*Server).asset},
	{"healthz", "/healthz", kindAdmin, (*Server).healthz},
}

// adminRoutes are answered on the admin address, and by the public site when there is no such address.
var adminRoutes = []route{
	{"healthz", "/healthz", kindAdmin, (*Server).healthz},
	{"readyz", "/readyz", kindAdmin, (*Server).readyz},
	{"metrics", "/metrics", kindAdmin, (*Server).metricsPage},
}

func (s *Server) publicHandler() http.Handler {
	all := routes
	if !s.AdminApart {
		all = append(append([]route(nil), routes...), adminRoutes...)
	}
	return s.remember(s.dress(s.router(all)))
}

func (s *Server) adminHandler() http.Handler { return s.dress(s.router(adminRoutes)) }

// router has no middleware of its own: mux would not run it for addresses that it does not know.
func (s *Server) router(all []route) *mux.Router {
	m := mux.NewRouter().SkipClean(true)
	for _, rt := range all {
		m.Handle(rt.path, s.route(rt)).Name(rt.name)
	}
	m.NotFoundHandler = s.unrouted(m)
	return m
}

// route makes the handler of one route.
func (s *Server) route(rt route) http.Handler {
	var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serve := rt.serve
		if r.Method == http.MethodPost {
			serve = posts[rt.name]
		}
		if err := serve(s, w, r); err != nil {
			s.fail(w, r, rt.kind, err)
		}
	})
	if rt.kind != kindFile {
		h = compress(h)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := visitOf(r)
		v.route, v.kind = rt.name, rt.kind
		if keepable(rt.name, r) {
			if seen, err := s.memory.watch.look(r.Context()); err == nil {
				v.memory, v.seen = s.memory, seen
			}
		}
		kindHeaders(w.Header(), rt.kind)
		if s.otherMethod(w, r, rt) {
			return
		}
		h.ServeHTTP(w, r)
	})
}

// compress gzips answers of more than a kilobyte for those who accept it.
var compress = func() func(http.Handler) http.HandlerFunc {
	wrap, err := gzhttp.NewWrapper(gzhttp.EnableZstd(false), gzhttp.MinSize(1024))
	if err != nil {
		panic(err) // the options are constants
	}
	return wrap
}()

// methods are those that the route answers.
func (rt route) methods() string {
	switch {
	case posts[rt.name] == nil:
		return "GET, HEAD"
	case rt.serve == nil:
		return "POST"
	}
	return "GET, HEAD, POST"
}

// otherMethod answers every method that is not the route's: preflights of other origins, and 405 for the rest.
func (s *Server) otherMethod(w http.ResponseWriter, r *http.Request, rt route) bool {
	methods := rt.methods()
	switch {
	case slices.Contains(strings.Split(methods, ", "), r.Method):
		return false
	case r.Method == http.MethodOptions && rt.kind.open():
		w.Header().Set("Access-Control-Allow-Methods", methods)
		w.Header().Set("Access-Control-Allow-Headers", "Content-Type, Range, If-Range, If-None-Match, If-Modified-Since")
		w.Header().Set("Access-Control-Max-Age", "86400")
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", methods)
		message := "Cette adresse se lit seulement (GET ou HEAD)."
		if posts[rt.name] != nil {
			message = "Cette adresse reçoit un fichier (POST)."
		}
		if rt.kind == kindCall {
			message = "Cette adresse est celle des assistants qui parlent le protocole MCP (POST). La page « API » dit comment s’en servir."
		}
		s.fail(w, r, rt.kind, problem(http.StatusMethodNotAllowed, message))
	}
	return true
}
