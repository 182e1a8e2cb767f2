package web

import (
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"

	"grenier/catalog"
)

func TestAPI_HasTheShapesOfTheInterface(t *testing.T) {
	w, h := site(t)
	w.datasets = w.datasets[:2]
	for name, target := range map[string]string{
		"dataset.json": "/api/1/jeux/" + w.datasets[0].ID.String(), "datasets.json": "/api/1/jeux?page_size=1", "members.json": "/api/1/membres?type=commune", "schemas.json": "/api/1/schemas",
		"member.json": "/membres/213900137.json", "report.json": "/jeux/subventions-saint-aubin/rapport.json",
	} {
		rec := get(h, target)
		want(t, rec, 200)
		wantHeader(t, rec, "Content-Type", "application/json; charset=utf-8")
		if !json.Valid(rec.Body.Bytes()) {
			t.Errorf("%s is no JSON", target)
		}
		golden(t, name, rec.Body.String())
	}
}

func TestAPI_TwinsSayTheSame(t *testing.T) {
	w, h := site(t)
	for one, other := range map[string]string{"/jeux.json?q=s": "/api/1/jeux?q=s", "/membres.json": "/api/1/membres", "/jeux/deliberations-saint-aubin.json": "/api/1/jeux/" + w.datasets[0].ID.String()} {
		if a, b := get(h, one), get(h, other); a.Code != 200 || a.Body.String() != b.Body.String() {
			t.Errorf("%s and %s differ", one, other)
		}
	}
}

func TestAPI_PagesAndFilters(t *testing.T) {
	_, h := site(t)
	var list listJSON[datasetJSON]
	read := func(target string) {
		t.Helper()
		list = listJSON[datasetJSON]{}
		if err := json.Unmarshal(get(h, target).Body.Bytes(), &list); err != nil {
			t.Fatal(err)
		}
	}
	read("/api/1/jeux?page=2&page_size=2")
	if len(list.Data) != 1 || list.Total != 3 || list.Page != 2 || list.PageSize != 2 {
		t.Errorf("second page: %+v", list)
	}
	read("/api/1/jeux?page=900")
	if len(list.Data) != 0 || list.Total != 3 {
		t.Errorf("far page: %+v", list)
	}
	read("/api/1/jeux?type=epci&theme=GOVE")
	if list.Total != 0 || len(list.Facets["type"]) != 1 || len(list.Facets) != len(facetTitles) {
		t.Errorf("filtered: %+v", list)
	}
	want(t, get(h, "/api/1/schemas?page=2&page_size=1"), 200, `"total": 2`, `"name": "essai/subventions"`)
	want(t, get(h, "/api/1/jeux?page_size=0"), 400, `"code":"bad_request"`, "page_size")
	want(t, get(h, "/api/1/jeux/pas-un-uuid"), 404, `"code":"not_found"`)
}

func TestFeeds_AreWellFormedAndComplete(t *testing.T) {
	w, h := site(t)
	var feed atomFeed
	rec := get(h, "/atom.xml")
	if err := xml.Unmarshal(rec.Body.Bytes(), &feed); err != nil {
		t.Fatal(err)
	}
	if len(feed.Entries) != 3 || feed.Updated != "2026-03-04T04:02:00Z" || feed.Entries[0].ID != base+"/id/jeu/"+w.datasets[0].ID.String() || feed.Entries[1].Title != "<script>window.__xss=1</script> – "+brenne.Name {
		t.Errorf("feed %+v", feed)
	}
	wantHeader(t, rec, "Content-Type", "application/atom+xml; charset=utf-8")
	wantHeader(t, rec, "Last-Modified", "Wed, 04 Mar 2026 04:02:00 GMT")

	var set urlSet
	if err := xml.Unmarshal(get(h, "/sitemap.xml").Body.Bytes(), &set); err != nil {
		t.Fatal(err)
	}
	places := map[string]string{}
	for _, u := range set.URLs {
		places[u.Loc] = u.LastMod
	}
	if places[base+"/jeux/deliberations-saint-aubin"] != "2026-03-04T04:02:00Z" || places[base+"/jeux/jeu-retire"] != "" {
		t.Errorf("sitemap %v", places)
	}
	for place := range places {
		if rec := get(h, strings.TrimPrefix(place, base)); rec.Code != 200 {
			t.Errorf("%s of the site map answers %d", place, rec.Code)
		}
	}
	want(t, get(h, "/robots.txt"), 200, "Disallow: /jeux?", "Sitemap: "+base+"/sitemap.xml")
}

func TestHealth_TellsWhatDoesNotAnswer(t *testing.T) {
	w := newWorld()
	c := config(t, w)
	c.DataDir = t.TempDir()
	h := newServer(t, c).Handler()
	want(t, get(h, "/readyz"), 200, "ok")
	w.down = errDown
	rec := get(h, "/readyz")
	want(t, rec, 503, "ne répond pas : catalogue, fichiers")
	lacks(t, rec, "fire")
	want(t, get(h, "/healthz"), 200, "ok")
	w.down = nil
	c.DataDir = "/nulle/part"
	want(t, get(newServer(t, c).Handler(), "/readyz"), 503, "disque")
}

func TestMetrics_CountAnswersAndTheCatalogue(t *testing.T) {
	w, h := site(t)
	get(h, "/jeux/rien")
	get(h, "/nulle-part")
	get(h, "/")
	want(t, get(h, "/metrics"), 200, `grenier_http_requests_total{code="404",method="GET",route="dataset"} 1`, `grenier_http_requests_total{code="404",method="GET",route="none"} 1`,
		`grenier_http_request_duration_seconds_count{route="home"} 1`, `grenier_build_info{go="go`, `version="1.2.3"} 1`, "grenier_datasets 3", `grenier_sources_by_last_run{status="held"} 1`, "grenier_last_run_timestamp_seconds 1.7", "grenier_catalogue_up 1")
	w.down = errDown
	rec := get(h, "/metrics")
	want(t, rec, 200, "grenier_catalogue_up 0")
	lacks(t, rec, "grenier_datasets ")
}

func TestDatasetJSON_KeepsEmptyThingsInShape(t *testing.T) {
	s := newServer(t, config(t, newWorld()))
	body, err := json.Marshal(s.datasetJSON(catalog.Dataset{}, false))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"schema":null`, `"temporal":null`, `"keywords":[]`, `"themes":[]`, `"files":[]`} {
		if !strings.Contains(string(body), part) {
			t.Errorf("lacks %s: %s", part, body)
		}
	}
}
