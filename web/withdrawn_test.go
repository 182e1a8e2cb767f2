package web

import (
	"context"
	"strings"
	"testing"
	"time"

	"grenier/catalog"
	"grenier/publish"

	"github.com/google/uuid"
)

func TestWithdrawn_SaysWhenAndWhatThePublicMayKnow(t *testing.T) {
	w, h := site(t)
	d := w.at(w.datasets[0].ID)
	d.Status = catalog.DatasetWithdrawn
	w.withdrawn = map[uuid.UUID]catalog.Withdrawal{d.ID: {Dataset: d.ID, Time: time.Date(2026, 3, 3, 23, 30, 0, 0, time.UTC),
		Reason: "un nom de mineur", Public: "Ce jeu de données a été retiré par la commune."}}
	id, file := d.ID.String(), catalog.FileID(d.ID, "csv").String()
	for _, target := range []string{"/jeux/" + d.Slug, "/jeux/anciennes-deliberations", "/jeux/" + d.Slug + ".json", "/jeux/" + d.Slug + "/rapport", "/jeux/" + d.Slug + "/rapport.json", "/jeux/" + id + ".ttl",
		"/api/1/jeux/" + id, "/api/1/jeux/" + id + "/lignes", "/api/1/jeux/" + id + "/profil", "/id/jeu/" + id, "/id/fichier/" + file,
		"/f/" + file + "/deliberations.csv", "/f/" + file + "/v/1/deliberations.csv", "/f/" + file + "/v/2/x.csv"} {
		rec := get(h, target)
		want(t, rec, 410, "Ce jeu de données a été retiré par la commune.", "4 mars 2026")
		lacks(t, rec, "mineur")
		wantHeader(t, rec, "Cache-Control", "no-store")
	}
	want(t, get(h, "/jeux/"+d.Slug), 410, "<h1>Jeu de données retiré</h1>", "(Erreur 410)")
	w.withdrawn[d.ID] = catalog.Withdrawal{Dataset: d.ID, Time: now, Public: "Retiré.", Lifted: now}
	want(t, get(h, "/jeux/"+d.Slug), 410, "Il reviendra avec sa prochaine mise à jour.")
}

func TestFile_OfAFormatThatIsNoLongerMadeIsGone(t *testing.T) {
	w, h := site(t)
	d := w.at(w.datasets[0].ID)
	w.versions[d.ID][0].Files, d.Files = w.versions[d.ID][0].Files[:1], d.Files[:1] // the newest version has no Parquet any more
	file := "/f/" + catalog.FileID(d.ID, "parquet").String()
	rec := get(h, file+"/deliberations.parquet")
	want(t, rec, 410, "<h1>Format abandonné</h1>", "n’est plus publié dans ce format", datasetPath(d.Slug))
	lacks(t, rec, "retiré")
	want(t, get(h, "/id/fichier/"+catalog.FileID(d.ID, "parquet").String(), "Accept", "text/turtle"), 410, "n’est plus publié dans ce format")
	want(t, get(h, file+"/v/1/deliberations.parquet"), 200)
	want(t, get(h, file+"/v/2/deliberations.parquet"), 410, "n’est plus gardée")
	want(t, get(h, file+"/v/3/deliberations.parquet"), 404)
	want(t, get(h, "/f/"+uuid.NewString()+"/x.parquet"), 404)
}

func TestFollow_LetsGoOfEverythingWhenADatasetIsWithdrawn(t *testing.T) {
	w := newWorld()
	s := newServer(t, config(t, w))
	fill := func() {
		s.reading.tables.put("a", &publish.Table{}, 10)
		s.reading.profiles.put("a", &publish.Profile{}, 10)
		s.reading.differences.put("a", &publish.Difference{}, 10)
		get(s.Handler(), "/catalogue.ttl")
	}
	kept := func() bool {
		_, table := s.reading.tables.take("a")
		_, profile := s.reading.profiles.take("a")
		_, difference := s.reading.differences.take("a")
		s.snapshots.mu.Lock()
		defer s.snapshots.mu.Unlock()
		return table || profile || difference || len(s.snapshots.byPath) > 0
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); s.Follow(ctx, 5*time.Millisecond) }()
	time.Sleep(30 * time.Millisecond) // it has found the newest event
	fill()
	tell := func(seq int64, kind catalog.EventKind) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.events = append(w.events, catalog.Event{Seq: seq, Time: now, Kind: kind, Dataset: w.datasets[0].ID})
	}
	tell(1000, catalog.EventPublished)
	time.Sleep(50 * time.Millisecond)
	if !kept() {
		t.Error("a publication empties the memory")
	}
	tell(1001, catalog.EventWithdrawn)
	for deadline := time.Now().Add(5 * time.Second); kept(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the memory is still full")
		}
	}
	cancel()
	<-ended
	fill()
	if size := s.reading.tables.used; size != 10 || !strings.Contains(get(s.Handler(), "/catalogue.ttl").Body.String(), "dcat:Catalog") {
		t.Errorf("after it was emptied a shelf counts %d bytes", size)
	}
}
