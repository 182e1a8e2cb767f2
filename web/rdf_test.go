package web

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"grenier/catalog"
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

func TestDatasetTurtle_DescribesOneDatasetWithChecksums(t *testing.T) {
	w, h := site(t)
	rec := get(h, "/jeux/"+w.datasets[0].ID.String()+".ttl")
	want(t, rec, 200, base+"/id/jeu/"+w.datasets[0].ID.String(), "spdx:", w.datasets[0].Files[0].SHA256)
	wantHeader(t, rec, "Content-Type", "text/turtle; charset=utf-8")
	for _, target := range []string{"/jeux/deliberations-saint-aubin.ttl", "/jeux/" + strings.ToUpper(w.datasets[0].ID.String()) + ".ttl", "/jeux/{" + w.datasets[0].ID.String() + "}.ttl", "/jeux/" + w.datasets[0].ID.String() + ".rdf", "/jeux/" + w.datasets[0].ID.String() + ".jsonld"} {
		want(t, get(h, target), 404)
	}
}

func TestIdentity_LeadsWhereTheReaderCanRead(t *testing.T) {
	w, h := site(t)
	id := w.datasets[0].ID.String()
	for accept, to := range map[string]string{
		"": "/jeux/deliberations-saint-aubin", "*/*": "/jeux/deliberations-saint-aubin", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8": "/jeux/deliberations-saint-aubin",
		"text/turtle": "/jeux/" + id + ".ttl", "text/turtle;q=0.9, text/html;q=0.1": "/jeux/" + id + ".ttl", "application/json": "/api/1/jeux/" + id,
		"application/rdf+xml, text/turtle;q=0.5": "/jeux/" + id + ".ttl", "text/*;q=0.3, text/turtle": "/jeux/" + id + ".ttl", "image/png": "/jeux/deliberations-saint-aubin", ";;q=,": "/jeux/deliberations-saint-aubin",
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
	for target, to := range map[string]string{"/id/catalogue/213900137": "/catalogues/213900137.ttl", "/id/organisme/213900137": "/catalogues/213900137.ttl", "/id/catalogue": "/catalogue.ttl", "/id/fichier/" + w.datasets[0].Files[0].ID.String(): "/jeux/" + id + ".ttl"} {
		wantHeader(t, get(h, target, "Accept", "text/turtle"), "Location", to)
	}
	want(t, get(h, "/id/jeu/rien"), 404)
	want(t, get(h, "/id/catalogue/999999999"), 404)
}
