package web

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"grenier/catalog"

	"github.com/google/uuid"
)

func (w *world) Feed(_ context.Context, path string) (catalog.Feed, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f, ok := w.feeds[path]; ok {
		return f, w.down
	}
	return catalog.Feed{}, catalog.ErrNotFound
}

func (w *world) KeepFeed(_ context.Context, f catalog.Feed) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.feeds == nil {
		w.feeds = map[string]catalog.Feed{}
	}
	f.Allowed = w.feeds[f.Path].Allowed
	if f.Held.IsZero() {
		f.Allowed = nil
	}
	w.feeds[f.Path] = f
	return w.down
}

func (w *world) HeldFeeds(context.Context) (held []catalog.Feed, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.feeds {
		if !f.Held.IsZero() {
			held = append(held, f)
		}
	}
	return held, w.down
}

func (w *world) AllowFeed(_ context.Context, path string, _ catalog.AuditEntry) ([]catalog.FeedLoss, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.feeds[path]
	for _, l := range f.Losses {
		f.Allowed = append(f.Allowed, l.Key)
	}
	w.feeds[path] = f
	return f.Losses, nil
}

func (w *world) Source(_ context.Context, id string) (catalog.Source, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return catalog.Source{ID: id, Disabled: w.unwanted[id]}, w.down
}

// changes makes the portal look at a dataset again.
func (w *world) changes(id uuid.UUID, how func(*catalog.Dataset)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.at(id)
	d.Modified = d.Modified.Add(time.Second)
	how(d)
	seq := int64(len(w.events) + 1)
	if n := len(w.events); n > 0 {
		seq = w.events[n-1].Seq + 1
	}
	w.events = append(w.events, catalog.Event{Seq: seq, Kind: catalog.EventUpdated, Dataset: id, Time: now})
}

const aubinFeed = "/catalogues/213900137"

func TestFeed_IsHeldWhenHarvestersWouldLoseSomething(t *testing.T) {
	w := newWorld()
	var log bytes.Buffer
	c := config(t, w)
	c.Log = slog.New(slog.NewTextHandler(&log, nil))
	h := newServer(t, c).Handler()
	good := map[string]string{}
	for _, ext := range []string{".ttl", ".rdf", ".jsonld", ".nt"} {
		rec := get(h, aubinFeed+ext)
		want(t, rec, 200)
		good[ext] = rec.Body.String()
	}
	want(t, get(h, "/metrics"), 200, "grenier_catalogues_held 0")
	want(t, get(h, "/membres/213900137/moissonnage"), 200, "sans rien perdre")

	id := w.datasets[0].ID
	w.changes(id, func(d *catalog.Dataset) { d.Frequency = "" })
	for ext, body := range good {
		rec := get(h, aubinFeed+ext)
		want(t, rec, 200)
		if rec.Body.String() != body {
			t.Errorf("%s: another catalogue than the accepted one is served", ext)
		}
	}
	wantHeader(t, get(h, aubinFeed+".ttl"), "Last-Modified", "Wed, 04 Mar 2026 04:02:00 GMT")
	want(t, get(h, aubinFeed+"/2.ttl"), 404)
	want(t, get(h, "/metrics"), 200, "grenier_catalogues_held 1")
	want(t, get(h, "/membres/213900137/moissonnage"), 200, "Un nouveau catalogue attend", "« Délibérations du conseil municipal » perdrait la fréquence")
	want(t, get(h, "/membres/213900137/moissonnage.json"), 200, `"well": false`, `"held": {`, "la fréquence")
	if n := strings.Count(log.String(), "catalogue held"); n != 1 || !strings.Contains(log.String(), "level=WARN") {
		t.Errorf("the operator is told %d times:\n%s", n, log.String())
	}

	again := newServer(t, config(t, w)).Handler() // the program was started again
	if get(again, aubinFeed+".rdf").Body.String() != good[".rdf"] {
		t.Error("after a restart another catalogue is served")
	}
	if _, err := w.AllowFeed(context.Background(), aubinFeed, catalog.AuditEntry{}); err != nil {
		t.Fatal(err)
	}
	w.changes(id, func(d *catalog.Dataset) { d.Title = "Délibérations" })
	rec := get(again, aubinFeed+".ttl")
	want(t, rec, 200, `"Délibérations"@fr`)
	want(t, get(again, "/metrics"), 200, "grenier_catalogues_held 0")
	lacks(t, get(again, "/membres/213900137/moissonnage"), "attend")

	w.changes(id, func(d *catalog.Dataset) { d.Frequency = "DAILY" })
	want(t, get(again, aubinFeed+".ttl"), 200, "frequency/DAILY")
	w.changes(id, func(d *catalog.Dataset) { d.Frequency = "" }) // what was let pass was for once
	want(t, get(again, aubinFeed+".ttl"), 200, "frequency/DAILY")
}

func TestFeed_IsReleasedWhenTheLossIsMended(t *testing.T) {
	w, h := site(t)
	first := get(h, aubinFeed+".ttl").Body.String()
	id := w.datasets[0].ID
	w.changes(id, func(d *catalog.Dataset) { d.TemporalFrom, d.TemporalTo = "", "" })
	if get(h, aubinFeed+".ttl").Body.String() != first {
		t.Error("the loss is online")
	}
	w.changes(id, func(d *catalog.Dataset) { d.TemporalFrom, d.TemporalTo = "2024-01-01", "2024-02-01" }) // a coverage may shrink
	want(t, get(h, aubinFeed+".ttl"), 200, "2024-02-01")
	want(t, get(h, "/metrics"), 200, "grenier_catalogues_held 0")
}

func TestFeed_LetsGoWhatPeopleTookAway(t *testing.T) {
	for name, take := range map[string]func(w *world, d *catalog.Dataset){
		"withdrawn":           func(_ *world, d *catalog.Dataset) { d.Status = catalog.DatasetWithdrawn },
		"rows all gone":       func(_ *world, d *catalog.Dataset) { d.Rows, d.TemporalFrom, d.TemporalTo = 0, "", "" },
		"another description": func(_ *world, d *catalog.Dataset) { d.Title, d.Description = "Autre titre", "Autre." },
	} {
		w, h := site(t)
		first := get(h, aubinFeed+".ttl").Body.String()
		w.changes(w.datasets[0].ID, func(d *catalog.Dataset) { take(w, d) })
		rec := get(h, aubinFeed+".ttl")
		want(t, rec, 200)
		if rec.Body.String() == first {
			t.Errorf("%s: the catalogue is held: %+v", name, w.feeds)
		}
	}
}

// A dataset that is no longer listed goes freely when its source is no longer in the manifest, and only then.
func TestFeed_HoldsADatasetThatIsGoneWithoutReason(t *testing.T) {
	for _, unwanted := range []bool{false, true} {
		w, h := site(t)
		first := get(h, aubinFeed+".ttl").Body.String()
		w.unwanted = map[string]bool{w.datasets[1].Source: unwanted}
		w.changes(w.datasets[1].ID, func(d *catalog.Dataset) { d.Member = brenne })
		same := get(h, aubinFeed+".ttl").Body.String() == first
		if same == unwanted {
			t.Errorf("source unwanted %v: the accepted catalogue is served %v", unwanted, same)
		}
	}
}

func TestFeed_NeverShowsWhatWasWithdrawnWhileItIsHeld(t *testing.T) {
	w, h := site(t)
	want(t, get(h, aubinFeed+".ttl"), 200)
	w.changes(w.datasets[0].ID, func(d *catalog.Dataset) { d.Frequency = "" })
	want(t, get(h, aubinFeed+".ttl"), 200, "frequency/DAILY")
	w.changes(w.datasets[1].ID, func(d *catalog.Dataset) { d.Status = catalog.DatasetWithdrawn })
	want(t, get(h, aubinFeed+".ttl"), http.StatusServiceUnavailable)
	want(t, get(h, "/membres/213900137/moissonnage"), 200, "est retenu")
}

func TestFeed_DoesNotBeginWithADatasetThatIsRefused(t *testing.T) {
	w, h := site(t)
	w.at(w.datasets[0].ID).Title = ""
	want(t, get(h, aubinFeed+".ttl"), http.StatusServiceUnavailable)
	want(t, get(h, "/catalogue.ttl"), 200) // nobody harvests that one for data.gouv.fr
	w.changes(w.datasets[0].ID, func(d *catalog.Dataset) { d.Title = "Délibérations" })
	want(t, get(h, aubinFeed+".ttl"), 200)
}

func TestFeed_HasNothingToLoseAtALocalAddress(t *testing.T) {
	w := newWorld()
	c := config(t, w)
	c.BaseURL = "http://127.0.0.1:8080"
	get(newServer(t, c).Handler(), aubinFeed+".ttl")
	c.BaseURL = "http://127.0.0.1:9090" // a demonstration on another port
	h := newServer(t, c).Handler()
	want(t, get(h, aubinFeed+".ttl"), 200, "http://127.0.0.1:9090/id/jeu/")
	c.BaseURL = base
	get(newServer(t, c).Handler(), aubinFeed+".ttl")
	c.BaseURL = "https://autre.example.org" // but a public name is a promise
	h = newServer(t, c).Handler()
	want(t, get(h, aubinFeed+".ttl"), 200, base+"/id/jeu/")
	want(t, get(h, "/membres/213900137/moissonnage"), 200, "ferait un double de chaque jeu")
}

func TestFeed_PageSaysWhatWouldBeStored(t *testing.T) {
	w, h := site(t)
	rec := get(h, "/membres/213900137/moissonnage")
	want(t, rec, 200, base+"/catalogues/213900137.ttl", "Licence Ouverte 2.0", "du 8 janvier 2019 au 27 février 2026", "vingt jeux", "DCAT", "La note de qualité")
	want(t, get(h, "/membres/"+vide.SIREN+"/moissonnage"), 200, "dès la première publication")
	want(t, get(h, "/membres/999999999/moissonnage"), 404)
	want(t, get(h, "/membres/"+brenne.SIREN+"/moissonnage"), 200, "&lt;script&gt;")
	lacks(t, get(h, "/membres/"+brenne.SIREN+"/moissonnage"), "<script>window")
	want(t, get(h, "/membres/213900137"), 200, "/membres/213900137/moissonnage")
	w.down = errDown
	want(t, get(h, "/membres/213900137/moissonnage.json"), http.StatusInternalServerError)
}
