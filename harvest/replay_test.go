package harvest_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"grenier/catalog"
	"grenier/harvest"
	"grenier/harvest/connectors"
	"grenier/schemas"
)

func shas(files []catalog.File) map[string]string {
	m := map[string]string{}
	for _, f := range files {
		m[f.Format] = f.SHA256
	}
	return m
}

func TestReplay_GivesTheSameBytesAfterALaterVersionToo(t *testing.T) {
	b := newBench(t, grants+"formats: [csv, csv-excel, xlsx, parquet, ndjson]\n")
	b.set("subventions", answer{body: grantFile(30, 1)})
	first := b.run("subventions", harvest.Ask{}, catalog.Published)
	published := shas(b.dataset("subventions").Files)
	b.set("subventions", answer{body: grantFile(40, 0)})
	b.run("subventions", harvest.Ask{}, catalog.Published)
	made, err := b.runner.Replay(context.Background(), first)
	if err != nil {
		t.Fatal(err)
	}
	b.cleanTemp()
	again := shas(made.Dataset.Files)
	if made.Changed || len(again) != len(published) || len(again) != 5 {
		t.Fatalf("changed %v, %v instead of %v", made.Changed, again, published)
	}
	for format, sum := range published {
		if again[format] != sum {
			t.Errorf("%s is not the same", format)
		}
	}
	if b.dataset("subventions").Version != 2 {
		t.Error("a replay published")
	}
	b.sql("UPDATE members SET name = 'Autre nom'")
	if made, err = b.runner.Replay(context.Background(), first); err != nil || !made.Changed {
		t.Errorf("another member: changed %v, %v", made.Changed, err)
	}
	if err := b.blobs.Delete(context.Background(), first.Documents[0].Key()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.runner.Replay(context.Background(), first); !errors.Is(err, harvest.ErrNotKept) || !strings.Contains(harvest.SentenceOf(err), "n’est plus gardé") {
		t.Errorf("bytes that are gone: %v", err)
	}
}

// holding publishes 100 rows, then has 40 held.
func holding(t *testing.T) (*bench, catalog.Run) {
	b := newBench(t, grants)
	b.set("subventions", answer{body: grantFile(100, 0)})
	b.run("subventions", harvest.Ask{}, catalog.Published)
	b.set("subventions", answer{body: grantFile(40, 0)})
	b.run("subventions", harvest.Ask{}, catalog.Held)
	held, err := harvest.Held(context.Background(), b.store, b.source("subventions").ID)
	if err != nil {
		t.Fatal(err)
	}
	return b, held
}

func (b *bench) decisions() []catalog.Decision {
	b.Helper()
	list, err := b.store.Decisions(context.Background(), catalog.DecisionQuery{})
	if err != nil {
		b.Fatal(err)
	}
	return list
}

func TestRelease_PublishesWhatWasLookedAtAndSaysWho(t *testing.T) {
	b, held := holding(t)
	_, diff, err := b.runner.Preview(context.Background(), held)
	if err != nil || diff == nil || diff.Removed != 60 || diff.Added != 0 || diff.Changed != 0 {
		t.Fatalf("preview %+v, %v", diff, err)
	}
	b.cleanTemp()
	b.set("subventions", answer{body: grantFile(7, 0)}) // the source has gone on
	asked := b.asked["/subventions"]
	run, err := b.runner.Release(context.Background(), held, "claire", "fusion confirmée")
	if err != nil || run.Status != catalog.Published || run.Version != 2 || b.dataset("subventions").Rows != 40 || b.asked["/subventions"] != asked {
		t.Fatalf("release %+v, %v", run, err)
	}
	d := b.decisions()
	if len(d) != 1 || d[0].Kind != catalog.Released || d[0].By != "claire" || d[0].Run != held.ID || d[0].Effect != run.ID || d[0].After.Version != 2 {
		t.Errorf("decisions %+v", d)
	}
}

func TestAccept_IsADecisionToo(t *testing.T) {
	b, held := holding(t)
	b.set("subventions", answer{body: grantFile(39, 0)})
	other := b.run("subventions", harvest.Ask{Accept: "vu"}, catalog.Held) // not the one that was looked at
	if len(b.decisions()) != 0 || other.ID == held.ID {
		t.Fatalf("decisions %+v", b.decisions())
	}
	b.run("subventions", harvest.Ask{Accept: "vu", By: "paul"}, catalog.Published)
	if d := b.decisions(); len(d) != 1 || d[0].By != "paul" || d[0].Reason != "vu" || d[0].Run != other.ID {
		t.Errorf("decisions %+v", d)
	}
}

func TestRefuse_EndsTheSameDeliveryQuietlyAndJudgesAnotherAnew(t *testing.T) {
	b, held := holding(t)
	err := b.store.Decide(context.Background(), catalog.Decision{Kind: catalog.Refused, By: "claire", Reason: "export tronqué", Source: held.Source, Run: held.ID})
	if err != nil {
		t.Fatal(err)
	}
	if d := b.dataset("subventions"); d.Status != catalog.DatasetPublished || d.Version != 1 || d.Rows != 100 {
		t.Errorf("dataset %+v", d)
	}
	before := b.events()
	for _, ask := range []harvest.Ask{{}, {}, {Force: true}} {
		run := b.run("subventions", ask, catalog.Unchanged)
		if !strings.HasPrefix(run.Message, "Livraison refusée le ") || !strings.HasSuffix(run.Message, "\u00a0: export tronqué") {
			t.Errorf("message %q", run.Message)
		}
	}
	if b.events() != before {
		t.Error("a refused delivery made news")
	}
	b.set("subventions", answer{body: grantFile(41, 0)})
	b.run("subventions", harvest.Ask{}, catalog.Held)
	b.set("subventions", answer{body: grantFile(40, 0)})
	b.run("subventions", harvest.Ask{}, catalog.Unchanged)
	b.run("subventions", harvest.Ask{Accept: "finalement si"}, catalog.Published) // a person may change their mind
	if b.dataset("subventions").Rows != 40 {
		t.Error("accepted and not published")
	}
}

func TestGate_OfASourceReplacesItsRecipes(t *testing.T) {
	b, _ := holding(t)
	s := b.source("subventions")
	s.Gate = &catalog.Gate{Shrink: 0.3}
	run, err := b.runner.Run(context.Background(), s, harvest.Ask{})
	if err != nil || run.Status != catalog.Published {
		t.Errorf("run %s: %s, %v", run.Status, run.Message, err)
	}
}

func TestManifest_JudgesTheGateOfASource(t *testing.T) {
	read := func(gate string) (catalog.Manifest, error) {
		text := "members: [{siren: \"" + town.SIREN + "\", name: Valmeyrac, kind: commune, insee: \"39013\"}]\nrecipes:\n- " +
			strings.ReplaceAll(strings.TrimSpace(grants), "\n", "\n  ") + "\nsources:\n- {member: \"" + town.SIREN + "\", recipe: subventions, params: {url: \"http://x.example\"}, gate: " + gate + "}\n"
		return harvest.ReadManifest([]harvest.NamedFile{{Name: "s.yaml", Text: []byte(text)}}, catalog.Manifest{}, schemas.National(), connectors.All)
	}
	m, err := read("{shrink: 0.4, shrink_min: 100}")
	if err != nil || len(m.Sources) != 1 || m.Sources[0].Gate == nil || *m.Sources[0].Gate != (catalog.Gate{Shrink: 0.4, ShrinkMin: 100}) {
		t.Errorf("sources %+v, %v", m.Sources, err)
	}
	for gate, says := range map[string]string{
		"{shrink: 70}": "attend une part entre 0 et 1", "{grow: 0.5}": "attend un multiple", "{shrink_min: -1}": "attend un nombre de lignes", "{off: oui}": "attend la raison", "{shrnk: 0.4}": "shrnk",
	} {
		if _, err := read(gate); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", gate, err)
		}
	}
}
