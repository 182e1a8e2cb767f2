package web

import (
	"net/http"
	"strings"
	"testing"

	"grenier/catalog"
)

// addresses gives each route one address that answers 200 (or the status beside it). A route without a row fails.
func addresses() map[string]struct {
	target string
	status int
} {
	delib := catalog.DatasetID(namespace, aubin.SIREN, "scdl/deliberations").String()
	csv := catalog.FileID(catalog.DatasetID(namespace, aubin.SIREN, "scdl/deliberations"), "csv").String()
	gone := catalog.DatasetID(namespace, brenne.SIREN, "retire").String()
	return map[string]struct {
		target string
		status int
	}{
		"home": {"/", 200}, "search": {"/jeux", 200}, "search-json": {"/jeux.json", 200}, "dataset-rdf": {"/jeux/" + delib + ".rdf", 200},
		"dataset-json": {"/jeux/deliberations-saint-aubin.json", 200}, "dataset": {"/jeux/deliberations-saint-aubin", 200},
		"history": {"/jeux/deliberations-saint-aubin/historique", 200}, "columns": {"/jeux/deliberations-saint-aubin/colonnes", 200}, "composition": {"/jeux/deliberations-saint-aubin/composition", 404}, // its 200 is in series_test.go

		"explore": {"/jeux/jeu-retire/donnees", 410}, "map": {"/jeux/jeu-retire/carte", 410}, "map-data": {"/jeux/jeu-retire/carte.geojson", 410}, // their 200 is in explore_test.go and map_test.go
		"embed-dataset": {"/embarquer/jeux/deliberations-saint-aubin", 200}, "embed-rows": {"/embarquer/jeux/jeu-retire/donnees", 410}, "embed-member": {"/embarquer/membres/213900137", 200},
		"report": {"/jeux/deliberations-saint-aubin/rapport", 200}, "report-json": {"/jeux/deliberations-saint-aubin/rapport.json", 200},
		"changes": {"/jeux/jeu-retire/changements", 410}, "dataset-atom": {"/jeux/deliberations-saint-aubin/atom.xml", 200}, "api-calendar": {"/api/1/jeux/" + delib + "/calendrier", 200}, "api-differences": {"/api/1/jeux/" + gone + "/differences", 410}, // their 200 is in changes_test.go
		"members": {"/membres", 200}, "members-json": {"/membres.json", 200}, "member-json": {"/membres/213900137.json", 200}, "member": {"/membres/213900137", 200},
		"member-feed": {"/membres/213900137/moissonnage", 200}, "member-feed-json": {"/membres/213900137/moissonnage.json", 200},
		"member-sheet": {"/membres/213900137/couleurs.css", 200}, "series-list": {"/series", 200}, "themes": {"/themes", 200}, "theme": {"/themes/gove", 200},
		"privacy": {"/donnees-personnelles", 200}, "site-sheet": {"/couleurs.css", 200}, "logo": {"/logos/0123.svg", 200}, "security": {"/.well-known/security.txt", 200},
		"schemas": {"/schemas", 200}, "schema": {"/schemas/essai/deliberations", 200},
		"check": {"/verifier", 200}, "api-check": {"/api/1/valider", 405}, "search-atom": {"/jeux.atom?q=s", 200}, "member-atom": {"/membres/213900137/atom.xml", 200}, "sitemap-part": {"/sitemap/1.xml", 404}, "llms": {"/llms.txt", 200}, // the 200 of sitemap-part is in feeds_test.go
		"mcp": {"/mcp", 405}, "openapi": {"/api/1/openapi.json", 200},
		"api": {"/api", 200}, "about": {"/a-propos", 200}, "accessibility": {"/accessibilite", 200}, "legal": {"/mentions-legales", 200}, "site-map": {"/plan-du-site", 200},
		"api-datasets": {"/api/1/jeux", 200}, "api-suggestions": {"/api/1/suggestions?q=sub", 200}, "api-dataset": {"/api/1/jeux/" + delib, 200}, "api-members": {"/api/1/membres", 200}, "api-schemas": {"/api/1/schemas", 200},
		"api-rows": {"/api/1/jeux/" + gone + "/lignes", 410}, "api-profile": {"/api/1/jeux/" + gone + "/profil", 410}, // their 200 is in rows_test.go
		"api-composition": {"/api/1/jeux/" + gone + "/composition", 410}, // its 200 is in series_test.go
		"id-dataset":      {"/id/jeu/" + delib, 303}, "id-file": {"/id/fichier/" + csv, 303}, "id-member": {"/id/organisme/213900137", 303}, "id-contact": {"/id/contact/213900137", 303},
		"id-series": {"/id/serie/essai/deliberations", 404}, "id-service": {"/id/api", 303}, "id-member-service": {"/id/api/213900137", 303}, // the 303 of a series is in rdf_test.go
		"id-catalogue": {"/id/catalogue", 303}, "id-member-catalogue": {"/id/catalogue/213900137", 303},
		"catalogue": {"/catalogue.ttl", 200}, "catalogue-whole": {"/catalogue/complet.nt", 200}, "catalogue-page": {"/catalogue/2.ttl", 404}, "member-catalogue": {"/catalogues/213900137.ttl", 200}, "member-catalogue-page": {"/catalogues/213900137/2.ttl", 404},
		"file": {"/f/" + csv + "/deliberations.csv", 200}, "file-version": {"/f/" + csv + "/v/1/deliberations.csv", 200},
		"atom": {"/atom.xml", 200}, "sitemap-xml": {"/sitemap.xml", 200}, "robots": {"/robots.txt", 200}, "asset": {"/static/grenier.css", 200}, "healthz": {"/healthz", 200},
		"readyz": {"/readyz", 200}, "metrics": {"/metrics", 200},
	}
}

func TestRoutes_AnswerGetAndHeadAndNothingElse(t *testing.T) {
	_, h := site(t)
	rows := addresses()
	for _, rt := range append(append([]route(nil), routes...), adminRoutes...) {
		row, ok := rows[rt.name]
		if !ok {
			t.Errorf("route %s has no row in this test", rt.name)
			continue
		}
		t.Run(rt.name, func(t *testing.T) {
			if posts[rt.name] != nil {
				return // check_test.go
			}
			full := get(h, row.target)
			want(t, full, row.status)
			head := ask(h, http.MethodHead, row.target)
			want(t, head, row.status)
			if rt.name != "metrics" && head.Body.Len() > 0 {
				t.Errorf("HEAD answers %d bytes", head.Body.Len())
			}
			for _, name := range []string{"Content-Type", "ETag", "Last-Modified"} {
				if rt.name != "metrics" {
					wantHeader(t, head, name, full.Header().Get(name))
				}
			}
			for _, method := range []string{"POST", "PUT", "DELETE", "PATCH"} {
				rec := ask(h, method, row.target)
				want(t, rec, http.StatusMethodNotAllowed)
				wantHeader(t, rec, "Allow", "GET, HEAD")
			}
		})
	}
}

func TestRoutes_CarryTheSecurityHeaders(t *testing.T) {
	_, h := site(t)
	targets := map[string]string{"absent": "/nulle-part", "absent file": "/f/x/y.csv", "absent api": "/api/1/rien"}
	for name, row := range addresses() {
		targets[name] = row.target
	}
	for name, target := range targets {
		rec := get(h, target)
		csp := rec.Header().Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") && !(strings.HasPrefix(name, "embed-") && strings.Contains(csp, "frame-ancestors *")) {
			t.Errorf("%s: Content-Security-Policy %q", name, csp)
		}
		for header, value := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "strict-origin-when-cross-origin", "Cross-Origin-Opener-Policy": "same-origin", "Strict-Transport-Security": "max-age=31536000"} {
			if got := rec.Header().Get(header); got != value {
				t.Errorf("%s: %s %q, want %q", name, header, got, value)
			}
		}
		if rec.Header().Get("Permissions-Policy") == "" || rec.Header().Get("Cache-Control") == "" {
			t.Errorf("%s lacks Permissions-Policy or Cache-Control: %v", name, rec.Header())
		}
		if len(rec.Result().Cookies()) > 0 {
			t.Errorf("%s sets a cookie", name)
		}
	}
}

func TestRoutes_OpenDataToOtherOriginsAndPagesToNone(t *testing.T) {
	_, h := site(t)
	rows := addresses()
	for _, rt := range routes {
		rec := get(h, rows[rt.name].target)
		value := ""
		if rt.kind.open() {
			value = "*"
		}
		if got := rec.Header().Get("Access-Control-Allow-Origin"); got != value {
			t.Errorf("%s: Access-Control-Allow-Origin %q, want %q", rt.name, got, value)
		}
		if rt.kind.open() {
			pre := ask(h, http.MethodOptions, rows[rt.name].target, "Origin", "https://ailleurs.example", "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "range")
			want(t, pre, http.StatusNoContent)
			wantHeader(t, pre, "Access-Control-Allow-Methods", rt.methods())
		}
	}
}

func TestRoutes_ForgiveASlashTooManyOnPagesOnly(t *testing.T) {
	_, h := site(t)
	for target, to := range map[string]string{"/jeux/": "/jeux", "/membres/213900137/": "/membres/213900137", "/jeux/?q=a": "/jeux?q=a", "/jeux//": "/jeux"} {
		rec := get(h, target)
		want(t, rec, http.StatusMovedPermanently)
		wantHeader(t, rec, "Location", to)
	}
	for _, target := range []string{"//evil.example/", "///", "/catalogues/213900137.ttl/", "/nulle-part/", "/api/1/jeux/"} {
		r := get(h, "http://donnees.example.org"+target)
		want(t, r, http.StatusNotFound)
	}
}

func TestRoutes_AnswerAbsentThingsInTheShapeOfTheirAddress(t *testing.T) {
	_, h := site(t)
	for target, media := range map[string]string{
		"/nulle-part": "text/html; charset=utf-8", "/jeux/rien": "text/html; charset=utf-8", "/membres/999999999": "text/html; charset=utf-8", "/schemas/a/b": "text/html; charset=utf-8",
		"/api/1/rien": "application/json; charset=utf-8", "/jeux/rien.json": "application/json; charset=utf-8", "/membres/999999999.json": "application/json; charset=utf-8",
		"/catalogues/999999999.ttl": "text/plain; charset=utf-8", "/jeux/rien.ttl": "text/plain; charset=utf-8", "/catalogue/2.rdf": "text/plain; charset=utf-8", "/catalogues/999999999.jsonld": "text/plain; charset=utf-8",
		"/f/pas-un-uuid/a.csv": "text/html; charset=utf-8", "/static/absent.css": "text/plain; charset=utf-8",
	} {
		rec := get(h, target)
		want(t, rec, http.StatusNotFound)
		if got := rec.Header().Get("Content-Type"); got != media {
			t.Errorf("%s: Content-Type %q, want %q", target, got, media)
		}
	}
	want(t, get(h, "/api/1/rien"), 404, `{"error":{"code":"not_found","message":"Rien n’est publié à cette adresse."}}`)
	want(t, get(h, "/nulle-part"), 404, "<h1>Page introuvable</h1>", `<meta name="robots" content="noindex">`, `href="/jeux"`)
}

func TestAsset_IsSmallOursAndKeptByBrowsers(t *testing.T) {
	_, h := site(t)
	rec := get(h, assetAddress("grenier.css"))
	want(t, rec, 200)
	wantHeader(t, rec, "Content-Type", "text/css; charset=utf-8")
	wantHeader(t, rec, "Cache-Control", cacheFixed)
	wantHeader(t, get(h, "/static/grenier.css?v=autre"), "Cache-Control", "no-cache")
	wantHeader(t, get(h, "/static/grenier.svg"), "Content-Type", "image/svg+xml")
	if n := rec.Body.Len(); n > 20_000 {
		t.Errorf("style sheet of %d bytes", n)
	}
	for _, part := range []string{"url(", "@import", "@font-face", ".fr-", "Marianne"} {
		if strings.Contains(rec.Body.String(), part) {
			t.Errorf("style sheet holds %s", part)
		}
	}
	want(t, get(h, "/"), 200, `href="`+assetAddress("grenier.css")+`"`)
}

func TestAdmin_IsApartWhenItHasAnAddress(t *testing.T) {
	c := config(t, newWorld())
	c.AdminApart = true
	s := newServer(t, c)
	for _, target := range []string{"/readyz", "/metrics"} {
		want(t, get(s.Handler(), target), http.StatusNotFound)
		want(t, get(s.Admin(), target), http.StatusOK)
	}
	want(t, get(s.Handler(), "/healthz"), http.StatusOK, "ok")
	want(t, get(s.Admin(), "/jeux"), http.StatusNotFound)
}
