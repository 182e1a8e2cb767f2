package web

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"grenier/catalog"
	"grenier/catalog/dcat"
	"grenier/catalog/rehearsal"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

func TestCatalogue_IsServedAtOnceWithItsCharset(t *testing.T) {
	w, h := site(t)
	rec := get(h, "/catalogues/213900137.ttl", "Accept", "*/*", "User-Agent", "uData/0.1 dcat")
	want(t, rec, 200, base+"/id/catalogue/213900137", base+"/id/jeu/"+w.datasets[0].ID.String(), "hydra:PartialCollectionView")
	lacks(t, rec, "spdx:checksum", w.datasets[2].ID.String(), "Jeu retiré")
	wantHeader(t, rec, "Content-Type", "text/turtle; charset=utf-8")
	wantHeader(t, rec, "Last-Modified", "Wed, 04 Mar 2026 04:02:00 GMT")
	wantHeader(t, rec, "Access-Control-Allow-Origin", "*")
	if again := get(h, "/catalogues/213900137.ttl"); again.Body.String() != rec.Body.String() || again.Header().Get("ETag") != rec.Header().Get("ETag") {
		t.Error("two readings differ")
	}
	want(t, get(h, "/catalogues/213900137.ttl", "If-Modified-Since", "Wed, 04 Mar 2026 04:02:00 GMT"), 304)
	want(t, get(h, "/catalogue.ttl"), 200, w.datasets[0].ID.String(), w.datasets[2].ID.String(), base+"/id/catalogue>")
}

func TestCatalogue_IsNeverEmpty(t *testing.T) {
	w, h := site(t)
	rec := get(h, "/catalogues/"+vide.SIREN+".ttl")
	want(t, rec, http.StatusServiceUnavailable, "Aucun jeu de données n’est encore publié")
	wantHeader(t, rec, "Retry-After", "120")
	want(t, get(h, "/catalogues/999999999.ttl"), 404)
	w.down = errDown
	want(t, get(h, "/catalogue.ttl"), http.StatusServiceUnavailable)
	w.down, w.datasets = nil, nil
	want(t, get(h, "/catalogue.ttl"), http.StatusServiceUnavailable)
}

func TestCatalogue_FollowsWhatIsPublished(t *testing.T) {
	w, h := site(t)
	first := get(h, "/catalogues/213900137.ttl")
	reads := w.reads
	get(h, "/catalogues/213900137.ttl")
	if w.reads != reads {
		t.Errorf("nothing changed, and the store was read %d times more", w.reads-reads)
	}
	w.publish(w.datasets[0].ID, "DELIB_ID\nD4\n", 1, 0, now)
	second := get(h, "/catalogues/213900137.ttl")
	if second.Header().Get("ETag") == first.Header().Get("ETag") {
		t.Error("the catalogue missed a publication")
	}
	w.at(w.datasets[0].ID).Status = catalog.DatasetWithdrawn
	w.events = append(w.events, catalog.Event{Seq: 1000, Kind: catalog.EventWithdrawn, Dataset: w.datasets[0].ID})
	want(t, get(h, "/catalogues/213900137.ttl"), 200)
	lacks(t, get(h, "/catalogues/213900137.ttl"), w.datasets[0].ID.String())
}

// manyDatasets gives brenne n datasets more.
func manyDatasets(w *world, n int) {
	for i := range n {
		key := "serie-" + strings.Repeat("0", 3-len(plain(number(i)))) + plain(number(i))
		w.add(datasetFor(brenne, key, key, "Série "+key, now.UTC()), "x\n"+key+"\n", 1, 0)
	}
}

func TestCatalogue_PagesInTheOrderOfCreation(t *testing.T) {
	w, h := site(t)
	manyDatasets(w, 310)
	one := get(h, "/catalogues/"+brenne.SIREN+".ttl")
	want(t, one, 200, "/catalogues/"+brenne.SIREN+"/2.ttl", "serie-000")
	three := get(h, "/catalogues/"+brenne.SIREN+"/3.ttl")
	want(t, three, 200, "serie-309")
	seen := 0
	for _, target := range []string{".ttl", "/2.ttl", "/3.ttl"} {
		body := get(h, "/catalogues/"+brenne.SIREN+target).Body.String()
		seen += strings.Count(body, "a dcat:Dataset")
	}
	if seen != 311 {
		t.Errorf("the pages hold %d datasets, want 311", seen)
	}
	for _, tail := range []string{"/1.ttl", "/4.ttl", "/0.ttl", "/02.ttl", "/x.ttl", "/-1.ttl"} {
		want(t, get(h, "/catalogues/"+brenne.SIREN+tail), 404)
	}
	want(t, get(h, "/catalogue/2.ttl"), 200)
}

func TestCatalogue_KeepsAWalkToOneSnapshot(t *testing.T) {
	w := newWorld()
	manyDatasets(w, 200)
	c := config(t, w)
	at := now
	c.Now = func() time.Time { return at }
	h := newServer(t, c).Handler()
	get(h, "/catalogues/"+brenne.SIREN+".ttl")
	two := get(h, "/catalogues/"+brenne.SIREN+"/2.ttl").Body.String()
	w.at(w.datasets[4].ID).Status = catalog.DatasetWithdrawn // would move everything by one
	w.events = append(w.events, catalog.Event{Seq: 100_000, Time: now, Kind: catalog.EventWithdrawn, Dataset: w.datasets[4].ID})
	if get(h, "/catalogues/"+brenne.SIREN+"/2.ttl").Body.String() != two {
		t.Error("page 2 changed in the middle of a walk")
	}
	at = at.Add(25 * time.Second) // less than a walk may last, but what is withdrawn is gone everywhere within a minute
	if get(h, "/catalogues/"+brenne.SIREN+"/2.ttl").Body.String() == two {
		t.Error("page 2 still comes from before the withdrawal")
	}
}

func TestNewestEvent_IsFoundInALongHistoryWithFewQuestions(t *testing.T) {
	for _, last := range []int64{0, 1, 2, 3, 4, 1000, 1 << 40} {
		for _, known := range []int64{0, last / 2, max(last-1, 0), last} {
			s := &sparse{last: last}
			got, err := newestEvent(context.Background(), s, known)
			if err != nil || got != last || s.asked > 90 {
				t.Errorf("last %d known %d: got %d after %d questions, %v", last, known, got, s.asked, err)
			}
		}
	}
}

// sparse is a store of which only the last event matters.
type sparse struct {
	catalog.Store
	last  int64
	asked int
}

func (s *sparse) Events(_ context.Context, after int64, _ int) ([]catalog.Event, error) {
	s.asked++
	if after < s.last {
		return []catalog.Event{{Seq: s.last}}, nil
	}
	return nil, nil
}

// Renditions and KeepRenditions are those of a store: what is kept of the datasets that are online.
func (w *world) Renditions(_ context.Context, q catalog.DatasetQuery, bodies bool, fn func(catalog.Rendition) error) error {
	w.mu.Lock()
	if w.down != nil {
		w.mu.Unlock()
		return w.down
	}
	w.reads++
	var list []catalog.Rendition
	for _, d := range w.online(q) {
		if q.IDs != nil && !slices.Contains(q.IDs, d.ID) {
			continue
		}
		r := catalog.Rendition{Dataset: d.ID, Member: d.Member.SIREN, Schema: d.SchemaName, Series: d.IsSeries(), Version: d.Version, Modified: d.Modified}
		if kept := w.kept[d.ID]; bodies {
			r.Stamp, r.Body = kept.Stamp, kept.Body
		}
		list = append(list, r)
	}
	w.mu.Unlock()
	for _, r := range list {
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) KeepRenditions(_ context.Context, list ...catalog.Rendition) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.kept == nil {
		w.kept = map[uuid.UUID]catalog.Rendition{}
	}
	for _, r := range list {
		w.kept[r.Dataset] = r
	}
	return nil
}

func TestDatasetTurtle_DescribesOneDatasetWithChecksums(t *testing.T) {
	w, h := site(t)
	rec := get(h, "/jeux/"+w.datasets[0].ID.String()+".ttl")
	want(t, rec, 200, base+"/id/jeu/"+w.datasets[0].ID.String(), "spdx:", w.datasets[0].Files[0].SHA256)
	wantHeader(t, rec, "Content-Type", "text/turtle; charset=utf-8")
	for ext, media := range map[string]string{"rdf": "application/rdf+xml", "xml": "application/rdf+xml", "jsonld": "application/ld+json", "nt": "application/n-triples"} {
		rec := get(h, "/jeux/"+w.datasets[0].ID.String()+"."+ext)
		want(t, rec, 200, w.datasets[0].Files[0].SHA256)
		wantHeader(t, rec, "Content-Type", media+"; charset=utf-8")
	}
	want(t, get(h, "/jeux/"+w.datasets[3].ID.String()+".jsonld"), http.StatusGone, "retiré")
	for _, target := range []string{"/jeux/deliberations-saint-aubin.ttl", "/jeux/" + strings.ToUpper(w.datasets[0].ID.String()) + ".ttl", "/jeux/{" + w.datasets[0].ID.String() + "}.ttl", "/jeux/" + w.datasets[0].ID.String() + ".n3"} {
		want(t, get(h, target), 404)
	}
}

func TestIdentity_LeadsWhereTheReaderCanRead(t *testing.T) {
	w, h := site(t)
	id := w.datasets[0].ID.String()
	for accept, to := range map[string]string{
		"": "/jeux/deliberations-saint-aubin", "*/*": "/jeux/deliberations-saint-aubin", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8": "/jeux/deliberations-saint-aubin",
		"text/turtle": "/jeux/" + id + ".ttl", "text/turtle;q=0.9, text/html;q=0.1": "/jeux/" + id + ".ttl", "application/json": "/api/1/jeux/" + id,
		"application/rdf+xml, text/turtle;q=0.5": "/jeux/" + id + ".rdf", "application/ld+json": "/jeux/" + id + ".jsonld", "application/n-triples, */*;q=0.1": "/jeux/" + id + ".nt", "text/*;q=0.3, text/turtle": "/jeux/" + id + ".ttl", "image/png": "/jeux/deliberations-saint-aubin", ";;q=,": "/jeux/deliberations-saint-aubin",
	} {
		rec := get(h, "/id/jeu/"+id, "Accept", accept)
		want(t, rec, http.StatusSeeOther)
		if got := rec.Header().Get("Location"); got != to {
			t.Errorf("Accept %q leads to %s, want %s", accept, got, to)
		}
		if !slices.Contains(rec.Header().Values("Vary"), "Accept") {
			t.Errorf("Vary: %v", rec.Header().Values("Vary"))
		}
	}
	for target, to := range map[string]string{"/id/catalogue/213900137": "/catalogues/213900137.ttl", "/id/organisme/213900137": "/catalogues/213900137.ttl", "/id/catalogue": "/catalogue.ttl", "/id/fichier/" + w.datasets[0].Files[0].ID.String(): "/jeux/" + id + ".ttl", "/id/api": "/catalogue.ttl", "/id/api/213900137": "/catalogues/213900137.ttl"} {
		wantHeader(t, get(h, target, "Accept", "text/turtle"), "Location", to)
	}
	want(t, get(h, "/id/jeu/rien"), 404)
	want(t, get(h, "/id/catalogue/999999999"), 404)
}

// rdfMedia are the types of the extensions that data.gouv.fr knows.
var rdfMedia = map[string]string{"ttl": "text/turtle", "rdf": "application/rdf+xml", "xml": "application/rdf+xml", "jsonld": "application/ld+json", "json": "application/ld+json", "nt": "application/n-triples"}

func TestCatalogue_AnswersInEverySyntaxAndKeepsToIt(t *testing.T) {
	w, h := site(t)
	manyDatasets(w, 200)
	for ext, media := range rdfMedia {
		kept := map[string]string{"xml": "rdf", "json": "jsonld"}[ext]
		if kept == "" {
			kept = ext
		}
		for _, path := range []string{"/catalogue", "/catalogues/" + brenne.SIREN} {
			rec := get(h, path+"."+ext)
			want(t, rec, 200, base+path+"/2."+kept, base+"/id/catalogue")
			wantHeader(t, rec, "Content-Type", media+"; charset=utf-8")
			wantHeader(t, rec, "Access-Control-Allow-Origin", "*")
			if tag := rec.Header().Get("ETag"); tag == "" || get(h, path+"."+ext, "If-None-Match", tag).Code != 304 || slices.Contains(rec.Header().Values("Vary"), "Accept") {
				t.Errorf("%s.%s: ETag %q, Vary %v", path, ext, tag, rec.Header().Values("Vary"))
			}
			head := ask(h, http.MethodHead, path+"/2."+ext)
			want(t, head, 200)
			wantHeader(t, head, "Content-Type", media+"; charset=utf-8")
			lacks(t, get(h, path+"/2."+ext), base+path+"/3."+kept)
		}
	}
	for _, target := range []string{"/catalogue.n3", "/catalogue.ttl.rdf", "/catalogues/" + brenne.SIREN + ".owl", "/catalogue/complet.html"} {
		want(t, get(h, target), 404)
	}
}

// The three graphs of a page are one: the addresses of its own pages aside.
func TestCatalogue_SaysTheSameInEverySyntax(t *testing.T) {
	w, h := site(t)
	manyDatasets(w, 3)
	for _, path := range []string{"/catalogue", "/catalogues/" + brenne.SIREN, "/jeux/" + w.datasets[0].ID.String(), "/catalogue/complet"} {
		whole := statements(t, rehearsal.NTriples, get(h, path+".nt").Body.Bytes(), path+".nt")
		if len(whole) < 30 {
			t.Fatalf("%s: %d statements", path, len(whole))
		}
		for ext, kind := range map[string]rehearsal.Syntax{"ttl": rehearsal.Turtle, "rdf": rehearsal.RDFXML, "jsonld": rehearsal.JSONLD} {
			if diff := gocmp.Diff(whole, statements(t, kind, get(h, path+"."+ext).Body.Bytes(), path+"."+ext)); diff != "" {
				t.Errorf("%s.%s says something else:\n%s", path, ext, diff)
			}
		}
	}
}

// statements are those of a document about named things, in order; what is said of a blank node is left out.
func statements(t *testing.T, kind rehearsal.Syntax, body []byte, own string) (lines []string) {
	t.Helper()
	g, err := rehearsal.Parse(kind, body, rehearsal.Limits{})
	if err != nil {
		t.Fatalf("%s: %v", own, err)
	}
	g.Triples(func(s rehearsal.Triple) {
		if s.Subject.Kind != rehearsal.Blank && s.Object.Kind != rehearsal.Blank {
			lines = append(lines, strings.ReplaceAll(s.Subject.Value+" "+s.Predicate+" "+s.Object.Value+" "+s.Object.Lang+" "+s.Object.Datatype, own, "own"))
		}
	})
	slices.Sort(lines)
	return lines
}

func TestCatalogue_TellsWhatChangedSince(t *testing.T) {
	w, h := site(t)
	manyDatasets(w, 160) // all today
	for query, datasets := range map[string]int{
		"2026-03-04": 161, "2026-03-04T09:00:00Z": 0, "2026-03-04T04:02:00Z": 161, "2026-03-04T04%3A02%3A01": 160, "2026-03-03": 162, "2030-01-01": 0, "2026-03-04T04:02:00.5%2B00:00": 160,
	} {
		first := get(h, "/catalogue.ttl?modified_since="+query)
		want(t, first, 200, `hydra:totalItems "`+plain(number(datasets))+`"`)
		found := strings.Count(first.Body.String(), "a dcat:Dataset ;")
		if datasets > cataloguePageSize {
			second := get(h, "/catalogue/2.ttl?modified_since="+query)
			want(t, second, 200)
			found += strings.Count(second.Body.String(), "a dcat:Dataset ;")
			if next := "<" + base + "/catalogue/2.ttl?modified_since="; !strings.Contains(first.Body.String(), next) {
				t.Errorf("since %s: the next page is not one of the same list", query)
			}
		} else {
			want(t, get(h, "/catalogue/2.ttl?modified_since="+query), 404)
		}
		if found != datasets {
			t.Errorf("since %s: %d datasets, want %d", query, found, datasets)
		}
	}
	for _, query := range []string{"hier", "", "2026-13-01", "04/03/2026", "2026-03-04&modified_since=2026-03-05", "%00"} {
		want(t, get(h, "/catalogues/213900137.rdf?modified_since="+query), http.StatusBadRequest, "« modified_since » attend une date")
	}
}

func TestCatalogue_WholeInOneDocument(t *testing.T) {
	w, h := site(t)
	manyDatasets(w, 700) // more than are read at once
	for ext, media := range rdfMedia {
		rec := get(h, "/catalogue/complet."+ext)
		want(t, rec, 200)
		wantHeader(t, rec, "Content-Type", media+"; charset=utf-8")
		lacks(t, rec, "PartialCollectionView")
		if n := strings.Count(rec.Body.String(), "/ns/dcat#Dataset>") + strings.Count(rec.Body.String(), "a dcat:Dataset ") + strings.Count(rec.Body.String(), "<dcat:Dataset ") + strings.Count(rec.Body.String(), `"@type":"dcat:Dataset"`); n != 703 {
			t.Errorf("%s: %d datasets", ext, n)
		}
		head := ask(h, http.MethodHead, "/catalogue/complet."+ext)
		want(t, head, 200)
		want(t, get(h, "/catalogue/complet."+ext, "If-None-Match", head.Header().Get("ETag")), 304)
	}
	if a, b := get(h, "/catalogue/complet.ttl").Body.String(), get(h, "/catalogue/complet.ttl").Body.String(); a != b {
		t.Error("two readings differ")
	}
	tag := get(h, "/catalogue/complet.ttl").Header().Get("ETag")
	w.publish(w.datasets[0].ID, "DELIB_ID\nD4\n", 1, 0, now)
	want(t, get(h, "/catalogue/complet.ttl", "If-None-Match", tag), 200)
	w.datasets = nil
	w.events = append(w.events, catalog.Event{Seq: 1 << 20, Kind: catalog.EventUpdated})
	want(t, get(h, "/catalogue/complet.ttl"), http.StatusServiceUnavailable)
}

func TestCatalogue_DescribesTheAPIOnItsLastPage(t *testing.T) {
	w, h := site(t)
	manyDatasets(w, 200)
	first, last := get(h, "/catalogues/"+brenne.SIREN+".ttl"), get(h, "/catalogues/"+brenne.SIREN+"/2.ttl")
	lacks(t, first, "dcat:DataService")
	want(t, last, 200, "dcat:DataService", "/id/api/"+brenne.SIREN, "dcat:endpointURL <"+base+"/api/1>", "dcat:endpointDescription <"+base+"/api/1/openapi.json>")
	if n := strings.Count(last.Body.String(), "dct:identifier \""+base+"/id/jeu/"); n != 201 {
		t.Errorf("the page of the API names %d datasets, want all 201", n)
	}
	want(t, get(h, "/catalogues/213900137.ttl"), 200, "dcat:DataService", "/id/api/213900137")
	want(t, get(h, "/catalogue/2.ttl"), 200, "/id/api>")
	lacks(t, get(h, "/catalogue/2.ttl"), "dcat:servesDataset", "/id/api/")
}

func TestCatalogue_SeriesAreThoseOfEverybody(t *testing.T) {
	w := newWorld()
	w.members[0].BBox, w.members[1].BBox = &catalog.BBox{West: 5, South: 46, East: 6, North: 47}, &catalog.BBox{West: 5.5, South: 46.5, East: 7, North: 46.75}
	c := config(t, w)
	c.Site.SIREN = vide.SIREN
	d := datasetFor(vide, "serie/essai/deliberations", "toutes-les-deliberations", "Toutes les délibérations", now.UTC())
	d.SchemaName = "essai/deliberations"
	w.add(d, "x\n1\n", 1, 0)
	h := newServer(t, c).Handler()
	series := "<" + base + "/id/serie/essai/deliberations>"
	whole := get(h, "/catalogue.ttl")
	want(t, whole, 200, series+" a dcat:DatasetSeries", "dcat:inSeries "+series)
	if n := strings.Count(whole.Body.String(), "dcat:inSeries"); n != 2 {
		t.Errorf("%d datasets are in a series, want the member's and the one that gathers them", n)
	}
	for _, target := range []string{"/catalogues/213900137.ttl", "/catalogues/" + vide.SIREN + ".ttl"} {
		rec := get(h, target)
		want(t, rec, 200)
		lacks(t, rec, "dcat:DatasetSeries", "dcat:inSeries")
	}
	want(t, get(h, "/catalogues/"+vide.SIREN+".ttl"), 200, d.ID.String(), "POLYGON((5 46,7 46,7 47,5 47,5 46))") // around all members
	if body := w.kept[d.ID].Body; !bytes.Contains(body, []byte("POLYGON")) {
		t.Error("the description of the series is kept without its coverage")
	}
	stamp := w.kept[d.ID].Stamp
	get(h, "/catalogue.ttl")
	if w.kept[d.ID].Stamp != stamp {
		t.Error("the description of the series is made anew for each reader")
	}
	wantHeader(t, get(h, "/id/serie/essai/deliberations", "Accept", "application/ld+json"), "Location", "/jeux/"+d.ID.String()+".jsonld")
	wantHeader(t, get(h, "/id/serie/essai/deliberations"), "Location", "/jeux/toutes-les-deliberations")
}

func TestDescribe_MakesAtPublicationWhatReadersFind(t *testing.T) {
	w := newWorld()
	s := newServer(t, config(t, w))
	if err := s.Describe().Handle(t.Context(), w.events); err != nil {
		t.Fatal(err)
	}
	if len(w.kept) != 3 {
		t.Fatalf("%d descriptions kept, want those of the three datasets online", len(w.kept))
	}
	other := w.datasets[0] // a reader takes what is kept, as long as it is of today
	other.Title = "Dèlibérations du conseil"
	kept := w.kept[other.ID]
	kept.Body = s.rdf.Describe(other).Pack()
	w.kept[other.ID] = kept
	want(t, get(s.Handler(), "/catalogues/213900137.ttl"), 200, "Dèlibérations du conseil")
	w.publish(w.datasets[0].ID, "DELIB_ID\nD4\n", 1, 0, now)
	want(t, get(s.Handler(), "/catalogues/213900137.ttl"), 200, "Délibérations du conseil")
	for id, r := range w.kept { // and makes it again when it is damaged
		r.Body = r.Body[:len(r.Body)/2]
		w.kept[id] = r
	}
	w.events = append(w.events, catalog.Event{Seq: 1 << 20, Kind: catalog.EventUpdated})
	want(t, get(s.Handler(), "/catalogues/213900137.ttl"), 200, "Délibérations du conseil")
}

// unkept is a store that can be read only: a full disk.
type unkept struct{ catalog.Store }

func (unkept) KeepRenditions(context.Context, ...catalog.Rendition) error { return errDown }

func TestDescribe_SaysThatNothingCanBeKeptAndReadersAreAnsweredAllTheSame(t *testing.T) {
	w := newWorld()
	c := config(t, w)
	c.Store = unkept{w}
	s := newServer(t, c)
	if err := s.Describe().Handle(t.Context(), w.events); !errors.Is(err, errDown) {
		t.Errorf("the subscriber says %v", err)
	}
	want(t, get(s.Handler(), "/catalogues/213900137.ttl"), 200, w.datasets[0].ID.String())
	want(t, get(s.Handler(), "/catalogue/complet.jsonld"), 200, w.datasets[0].ID.String())
}

func TestDescriptions_EndWithTheirReaderOrTheStore(t *testing.T) {
	w := newWorld()
	manyDatasets(w, 600)
	s := newServer(t, config(t, w))
	left := errors.New("reader left")
	n := 0
	if err := s.keeper().All(t.Context(), catalog.DatasetQuery{}, func(dcat.Description) error {
		if n++; n == 3 {
			return left
		}
		return nil
	}); !errors.Is(err, left) || n != 3 {
		t.Errorf("after %d datasets: %v", n, err)
	}
	n = 0
	if err := s.keeper().All(t.Context(), catalog.DatasetQuery{}, func(dcat.Description) error { n++; return nil }); err != nil || n != 603 {
		t.Errorf("%d datasets, %v", n, err)
	}
	w.down = errDown
	if err := s.keeper().All(t.Context(), catalog.DatasetQuery{}, func(dcat.Description) error { return nil }); !errors.Is(err, errDown) {
		t.Errorf("without a store: %v", err)
	}
}
