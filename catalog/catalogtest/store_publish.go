package catalogtest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"grenier/catalog"

	"github.com/google/uuid"
)

func publishFirst(t *testing.T, b *bench) {
	b.fill()
	at := day(0).In(time.FixedZone("Paris", 3600))
	run := finished(b.start(delib, at), at)
	run.Quarantine = &catalog.File{ID: uuid.New(), Format: "csv", Name: "rejets.csv", Key: "quarantine/q", Bytes: 7, Rows: 1, SHA256: "q"}
	d, run := b.publishWith(dataset(delib, "Délibérations du conseil", "a"), run)

	want := dataset(delib, "Délibérations du conseil", "a")
	ended := run.Ended.UTC()
	want.Member = manifest().Members[1]
	want.Slug, want.Version, want.Status = "deliberations-du-conseil", 1, catalog.DatasetPublished
	want.Issued, want.Modified, want.Checked = ended, ended, ended
	for i := range want.Files {
		want.Files[i].Modified = ended
	}
	b.same(d, want)

	events := b.events()
	b.same(len(events), 1)
	b.same(events[0], catalog.Event{Seq: events[0].Seq, Time: ended, Kind: catalog.EventPublished, Dataset: d.ID, Version: 1, Run: run.ID})
	versions, err := b.Versions(b.ctx, d.ID)
	b.ok(err)
	b.same(versions, []catalog.Version{{Dataset: d.ID, Number: 1, Run: run.ID, Published: ended, Rows: 12, Rejected: 1, Valid: true, Files: d.Files, Origins: d.Origins}})

	got, err := b.RunOfVersion(b.ctx, d.ID, 1)
	b.ok(err)
	run.Status, run.Dataset, run.Version = catalog.Published, d.ID, 1
	run.Started, run.Ended, run.Lease = run.Started.UTC(), ended, run.Lease.UTC()
	b.same(got, run)

	s := b.source(delib)
	b.same(s.Published, &catalog.RunMark{
		Run: run.ID, Ended: ended, Status: catalog.Published, State: run.State, Process: run.Process, Documents: run.Documents,
		Rows: 12, Rejected: 1, Columns: run.Columns, History: []int64{12},
	})
	b.same(s.Last, s.Published)
	b.same(s.Failures, 0)
}

func publishNext(t *testing.T, b *bench) {
	b.fill()
	first, _ := b.publish(dataset(delib, "Délibérations", "a"), day(0))
	next := dataset(delib, "Délibérations", "b")
	next.Files[1].SHA256 = first.Files[1].SHA256 // the Parquet did not change
	next.Rows = 14
	second, run := b.publish(next, day(1))
	if second.Version != 2 || second.Slug != first.Slug || second.Issued != first.Issued || second.Modified != run.Ended || second.Checked != run.Ended {
		t.Fatalf("second version %+v", second)
	}
	b.same(second.Files[0].Modified, run.Ended)
	b.same(second.Files[1].Modified, first.Files[1].Modified)
	versions, err := b.Versions(b.ctx, second.ID)
	b.ok(err)
	if len(versions) != 2 || versions[0].Number != 2 || versions[1].Number != 1 {
		t.Fatalf("versions %+v", versions)
	}
	b.same(versions[1].Files, first.Files)
	b.same(b.kinds(), []catalog.EventKind{catalog.EventPublished, catalog.EventPublished})
}

func publishSame(t *testing.T, b *bench) {
	b.fill()
	first, _ := b.publish(dataset(delib, "Délibérations", "a"), day(0))
	same, run := b.publish(dataset(delib, "Délibérations", "a"), day(1))
	b.same(same.Version, 2)
	b.same(same.Modified, first.Modified)
	b.same(same.Files, first.Files)
	b.same(same.Checked, run.Ended)
	d := dataset(delib, "Délibérations", "a")
	d.Description = "Autrement dit."
	other, run := b.publish(d, day(2))
	b.same(other.Modified, run.Ended)
	b.same(other.Files, first.Files)
}

func publishWithoutRun(t *testing.T, b *bench) {
	b.fill()
	run := b.start(delib, dawn)
	_, err := b.Abandoned(b.ctx, day(1))
	b.ok(err)
	d := dataset(delib, "Délibérations", "a")
	_, err = b.Publish(b.ctx, d, finished(run, day(1)))
	b.is(err, catalog.ErrNotFound)
	_, err = b.Publish(b.ctx, d, b.run(delib, day(1))) // never started
	b.is(err, catalog.ErrNotFound)
	living := b.start(star, day(1))
	_, err = b.Publish(b.ctx, d, catalog.Run{ID: living.ID, Source: delib}) // of another source
	b.is(err, catalog.ErrNotFound)
	_, err = b.Dataset(b.ctx, d.ID)
	b.is(err, catalog.ErrNotFound)
	b.same(len(b.events()), 0)
}

func publishIsAllOrNothing(t *testing.T, b *bench) {
	b.fill()
	run := finished(b.start(delib, dawn), dawn)
	d := dataset(delib, "Délibérations", "a")
	d.Files[1].ID = d.Files[0].ID // refused by the last table that is written
	if _, err := b.Publish(b.ctx, d, run); err == nil {
		t.Fatal("two files with one identity were accepted")
	}
	d = dataset(delib, "Délibérations", "a")
	d.Member.SIREN = "999999999"
	_, err := b.Publish(b.ctx, d, run)
	b.is(err, catalog.ErrNotFound)
	_, err = b.Dataset(b.ctx, d.ID)
	b.is(err, catalog.ErrNotFound)
	_, err = b.DatasetBySlug(b.ctx, "deliberations")
	b.is(err, catalog.ErrNotFound)
	got, err := b.Run(b.ctx, run.ID)
	b.ok(err)
	b.same(got.Status, catalog.Running)
	b.same(len(b.events()), 0)
	published, _ := b.publishWith(dataset(delib, "Délibérations", "a"), run)
	b.same(published.Slug, "deliberations")
	b.same(len(b.events()), 1)
}

func publishHistory(t *testing.T, b *bench) {
	b.fill()
	for n := range 7 {
		run := finished(b.start(delib, day(n)), day(n))
		run.Accepted = int64(100 + n)
		b.publishWith(dataset(delib, "Délibérations", fmt.Sprint(n)), run)
	}
	b.end(delib, day(8), catalog.Held)
	s := b.source(delib)
	b.same(s.Published.History, []int64{106, 105, 104, 103, 102})
	b.same(s.Last.History, s.Published.History)
	b.same(s.Last.Status, catalog.Held)
	_, err := b.Prune(b.ctx, dataset(delib, "", "").ID, catalog.PrunePolicy{Last: 1})
	b.ok(err)
	b.same(b.source(delib).Published.History, s.Published.History)
}

func slugs(t *testing.T, b *bench) {
	b.fill()
	a, _ := b.publish(dataset(delib, "Délibérations", "a"), day(0))
	c, _ := b.publish(dataset(star, "Délibérations", "b"), day(0))
	e, _ := b.publish(dataset(subv, "Délibérations", "c"), day(0))
	b.same([]string{a.Slug, c.Slug, e.Slug}, []string{"deliberations", "deliberations-etoile-les-oeillets", "deliberations-saint-aubin-sur-aurence"})

	// A new title moves the address and the old one still leads there; nobody else gets it.
	a, _ = b.publish(dataset(delib, "Actes du conseil", "d"), day(1))
	b.same(a.Slug, "actes-du-conseil")
	old, err := b.DatasetBySlug(b.ctx, "deliberations")
	b.ok(err)
	b.same(old, a)
	current, err := b.DatasetBySlug(b.ctx, "actes-du-conseil")
	b.ok(err)
	b.same(current, a)
	e, _ = b.publish(dataset(subv, "Actes du conseil", "e"), day(2))
	b.same(e.Slug, "actes-du-conseil-saint-aubin-sur-aurence")

	// The same member and title twice: numbers. The first title again: its own old address.
	twin := dataset(subv, "Délibérations de Saint-Aubin-sur-Aurence", "f")
	e, _ = b.publish(twin, day(3))
	b.same(e.Slug, "deliberations-de-saint-aubin-sur-aurence")
	a, _ = b.publish(dataset(delib, "Délibérations de Saint-Aubin-sur-Aurence", "g"), day(3))
	b.same(a.Slug, "deliberations-de-saint-aubin-sur-aurence-2")
	a, _ = b.publish(dataset(delib, "Délibérations", "h"), day(4))
	b.same(a.Slug, "deliberations")

	// One that the caller chose.
	d := dataset(delib, "Délibérations", "i")
	d.Slug = "mes-actes"
	a, _ = b.publish(d, day(5))
	b.same(a.Slug, "mes-actes")
	a, _ = b.publish(dataset(delib, "Délibérations", "j"), day(6))
	b.same(a.Slug, "mes-actes")
}

// many applies n sources of one member and returns them.
func (b *bench) many(n int) []string {
	b.t.Helper()
	m := manifest()
	var ids []string
	for i := range n {
		id := fmt.Sprintf("%s/jeu-%04d", val, i)
		m.Sources = append(m.Sources, catalog.Source{ID: id, Member: val, Recipe: "actes-delib", Key: fmt.Sprintf("scdl/jeu-%04d", i)})
		ids = append(ids, id)
	}
	b.apply(m, catalog.ApplyOptions{})
	return ids
}

// all calls fn for each id, 32 at a time, and returns the first error.
func all(ids []string, fn func(id string) error) error {
	errs := make(chan error, len(ids))
	places := make(chan struct{}, 32)
	for _, id := range ids {
		places <- struct{}{}
		go func() {
			errs <- fn(id)
			<-places
		}()
	}
	var failed []error
	for range ids {
		failed = append(failed, <-errs)
	}
	return errors.Join(failed...)
}

// publishAll publishes one dataset of each source, many at once.
func (b *bench) publishAll(ids []string, title string) {
	b.t.Helper()
	b.ok(all(ids, func(id string) error {
		run := b.run(id, dawn)
		if err := b.Start(b.ctx, run); err != nil {
			return err
		}
		_, err := b.Publish(b.ctx, dataset(id, title, id), finished(run, dawn))
		return err
	}))
}

func manyPublish(t *testing.T, b *bench) {
	ids := b.many(60)
	b.publishAll(ids, "Jeu")
	slugs := map[string]bool{}
	b.ok(b.EachDataset(b.ctx, catalog.DatasetQuery{}, func(d catalog.Dataset) error { slugs[d.Slug] = true; return nil }))
	events := b.events()
	if len(slugs) != len(ids) || len(events) != len(ids) {
		t.Fatalf("%d slugs, %d events for %d datasets", len(slugs), len(events), len(ids))
	}
	b.ok(b.Check(b.ctx))
}
