package catalogtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"grenier/catalog"
	"grenier/schemas"

	"github.com/google/uuid"
)

func datasetsAreSelected(t *testing.T, b *bench) {
	b.fill()
	x, _ := b.publish(dataset(delib, "Délibérations", "a"), day(0))
	y, _ := b.publish(dataset(subv, "Subventions", "b"), day(1))
	z, _ := b.publish(dataset(star, "Étoile", "c"), day(2))
	b.publish(dataset(delib, "Délibérations", "d"), day(3))
	b.end(subv, day(4), catalog.Held)      // still online
	b.end(star, day(5), catalog.Unchanged) // no change
	missing := uuid.MustParse("00000000-0000-4000-8000-000000000001")
	for _, c := range []struct {
		q     catalog.DatasetQuery
		want  []uuid.UUID
		total int
	}{
		{catalog.DatasetQuery{}, []uuid.UUID{x.ID, z.ID, y.ID}, 3},
		{catalog.DatasetQuery{Limit: 1}, []uuid.UUID{x.ID}, 3},
		{catalog.DatasetQuery{Offset: 1, Limit: 5}, []uuid.UUID{z.ID, y.ID}, 3},
		{catalog.DatasetQuery{Offset: 2}, []uuid.UUID{y.ID}, 3},
		{catalog.DatasetQuery{Member: aubin}, []uuid.UUID{x.ID, y.ID}, 2},
		{catalog.DatasetQuery{Schema: "scdl/deliberations"}, []uuid.UUID{x.ID, z.ID}, 2},
		{catalog.DatasetQuery{Schema: "scdl/none"}, nil, 0},
		{catalog.DatasetQuery{Since: z.Modified}, []uuid.UUID{x.ID}, 1},
		{catalog.DatasetQuery{IDs: []uuid.UUID{y.ID, missing, x.ID, z.ID}}, []uuid.UUID{y.ID, x.ID, z.ID}, 3},
		{catalog.DatasetQuery{IDs: []uuid.UUID{y.ID, x.ID, z.ID}, Offset: 1, Limit: 1}, []uuid.UUID{x.ID}, 3},
		{catalog.DatasetQuery{IDs: []uuid.UUID{y.ID, z.ID}, Member: aubin}, []uuid.UUID{y.ID}, 1},
		{catalog.DatasetQuery{IDs: []uuid.UUID{}}, nil, 0},
	} {
		ds, total, err := b.Datasets(b.ctx, c.q)
		b.ok(err)
		var got []uuid.UUID
		for _, d := range ds {
			got = append(got, d.ID)
			one, err := b.Dataset(b.ctx, d.ID)
			b.ok(err)
			b.same(d, one)
			if len(d.Files) != 2 || d.Member.Name == "" {
				t.Errorf("%s is not whole: %+v", d.Slug, d)
			}
		}
		if !slices.Equal(got, c.want) || total != c.total {
			t.Errorf("%+v: got %v of %d, want %v of %d", c.q, got, total, c.want, c.total)
		}
	}
}

func eachDataset(t *testing.T, b *bench) {
	ids := b.many(520) // more than a page
	b.publishAll(ids, "Jeu")
	b.publish(dataset(delib, "Délibérations", "a"), day(1))
	b.publish(dataset(ids[3], "Jeu", "again"), day(2)) // newer, not younger
	var made []uuid.UUID
	for _, e := range b.events() {
		if !slices.Contains(made, e.Dataset) {
			made = append(made, e.Dataset)
		}
	}
	var got []uuid.UUID
	b.ok(b.EachDataset(b.ctx, catalog.DatasetQuery{}, func(d catalog.Dataset) error {
		got = append(got, d.ID)
		if len(d.Files) != 2 {
			return fmt.Errorf("%s has %d files", d.Slug, len(d.Files))
		}
		return b.SetCursor(b.ctx, "each", int64(len(got))) // fn may write
	}))
	b.same(got, made)

	n := 0
	stop := errors.New("stop")
	b.is(b.EachDataset(b.ctx, catalog.DatasetQuery{}, func(catalog.Dataset) error {
		if n++; n == 3 {
			return stop
		}
		return nil
	}), stop)
	b.same(n, 3)
	n = 0
	b.ok(b.EachDataset(b.ctx, catalog.DatasetQuery{Member: aubin}, func(catalog.Dataset) error { n++; return nil }))
	b.same(n, 1)
	var some []uuid.UUID
	b.ok(b.EachDataset(b.ctx, catalog.DatasetQuery{IDs: []uuid.UUID{made[9], made[2], made[5]}, Offset: 1, Limit: 1}, func(d catalog.Dataset) error {
		some = append(some, d.ID)
		return nil
	}))
	b.same(some, made[5:6])
}

func filesAreFound(t *testing.T, b *bench) {
	b.fill()
	first, _ := b.publish(dataset(delib, "Délibérations", "a"), day(0))
	second, _ := b.publish(dataset(delib, "Délibérations", "b"), day(1))
	id := first.Files[0].ID
	for _, c := range []struct {
		version int
		want    catalog.File
	}{{0, second.Files[0]}, {2, second.Files[0]}, {1, first.Files[0]}} {
		f, d, err := b.File(b.ctx, id, c.version)
		b.ok(err)
		b.same(f, c.want)
		b.same(d, second)
	}
	_, _, err := b.File(b.ctx, id, 3)
	b.is(err, catalog.ErrNotFound)
	d := dataset(delib, "Délibérations", "c")
	d.Files = d.Files[1:] // the CSV is no longer made
	b.publish(d, day(2))
	_, _, err = b.File(b.ctx, id, 0)
	b.is(err, catalog.ErrNotFound)
	f, _, err := b.File(b.ctx, id, 2)
	b.ok(err)
	b.same(f, second.Files[0])
}

func pruneReturnsKeys(t *testing.T, b *bench) {
	b.fill()
	d, _ := b.publish(dataset(delib, "Délibérations", "a"), day(0))
	b.publish(dataset(delib, "Délibérations", "b"), day(1))
	again := dataset(delib, "Délibérations", "c")
	again.Files[0].Key, again.Files[0].SHA256 = "pub/a.csv", "a-csv" // the bytes of version 1
	b.publish(again, day(2))
	shared := dataset(star, "Étoile", "s")
	shared.Files[0].Key = "pub/b.csv" // another dataset has the same bytes as version 2
	b.publish(shared, day(3))
	last, _ := b.publish(dataset(delib, "Délibérations", "e"), day(4))

	prune := func(keep int) []string {
		keys, err := b.Prune(b.ctx, d.ID, catalog.PrunePolicy{Last: keep})
		b.ok(err)
		slices.Sort(keys)
		return keys
	}
	b.same(len(prune(10)), 0)
	b.same(prune(2), []string{"pub/a.parquet", "pub/b.parquet"})
	b.same(prune(0), []string{"pub/a.csv", "pub/c.parquet"}) // never the one online
	b.same(len(prune(1)), 0)
	versions, err := b.Versions(b.ctx, d.ID)
	b.ok(err)
	b.same(len(versions), 1)
	b.same(versions[0].Files, last.Files)
	_, _, err = b.File(b.ctx, d.Files[0].ID, 1)
	b.is(err, catalog.ErrNotFound)
	if _, err := b.RunOfVersion(b.ctx, d.ID, 1); err != nil {
		t.Errorf("the run of a forgotten version: %v", err)
	}
	next, _ := b.publish(dataset(delib, "Délibérations", "f"), day(5))
	b.same(next.Version, 5)
	b.ok(b.Check(b.ctx))
}

// document is a run's document and its blob key.
func document(hash string) (catalog.Raw, string) {
	r := catalog.Raw{Name: "delib.csv", SHA256: hash, Bytes: 3}
	return r, r.Key()
}

// forgotten tells which of the runs are gone, by their place.
func (b *bench) forgotten(runs ...catalog.Run) (gone []int) {
	b.t.Helper()
	for i, r := range runs {
		if _, err := b.Run(b.ctx, r.ID); errors.Is(err, catalog.ErrNotFound) {
			gone = append(gone, i)
		} else {
			b.ok(err)
		}
	}
	return gone
}

func (b *bench) forget(before time.Time) int {
	b.t.Helper()
	n, err := b.ForgetRuns(b.ctx, before)
	b.ok(err)
	return n
}

func forgetRuns(t *testing.T, b *bench) {
	b.fill()
	d, first := b.publish(dataset(delib, "Délibérations", "a"), day(0))
	held := finished(b.start(delib, day(1)), day(1))
	held.Status, held.Report = catalog.Held, &schemas.Report{Schema: "scdl/deliberations", Errors: []schemas.Issue{}}
	b.ok(b.Record(b.ctx, held))
	_, second := b.publish(dataset(delib, "Délibérations", "b"), day(2))
	b.publish(dataset(delib, "Délibérations", "c"), day(3))
	_, err := b.Prune(b.ctx, d.ID, catalog.PrunePolicy{Last: 2})
	b.ok(err)
	for n := range 30 {
		b.end(delib, day(4).Add(time.Duration(n)*time.Minute), catalog.Unchanged)
	}
	lone := b.end(star, day(1), catalog.Failed)
	running := b.start(subv, day(1))

	b.same(b.forget(day(0)), 0)
	b.same(b.forget(day(1).Add(time.Second)), 1) // the run of version 1, which Prune forgot; held ended a second later
	b.same(b.forgotten(first, held), []int{0})
	b.same(b.forget(day(400)), 11) // held, and ten of thirty unchanged
	b.same(b.forgotten(first, held, second, lone, running), []int{0, 1})
	b.same(b.forget(day(400)), 0)

	_, err = b.RunOfVersion(b.ctx, d.ID, 1)
	b.is(err, catalog.ErrNotFound)
	of, err := b.RunOfVersion(b.ctx, d.ID, 2)
	b.ok(err)
	b.same(of.ID, second.ID)
	s := b.source(delib)
	if s.Last == nil || s.Published == nil {
		t.Errorf("the source lost its marks: %+v", s)
	}
	b.ok(b.Extend(b.ctx, running.ID, day(2)))
	b.end(delib, day(401), catalog.Unchanged)
	b.ok(b.Check(b.ctx))
}

func forgetRunsKeepsNewest(t *testing.T, b *bench) {
	b.fill()
	_, published := b.publish(dataset(delib, "Délibérations", "a"), day(0))
	again := dataset(delib, "Délibérations", "b")
	b.publish(again, day(1))
	_, err := b.Prune(b.ctx, again.ID, catalog.PrunePolicy{Last: 1})
	b.ok(err)
	var runs []catalog.Run
	for range 19 { // all at the same time: the order is that of the identities
		runs = append(runs, b.end(delib, day(2), catalog.Failed))
	}
	b.same(b.forget(day(400)), 1)
	b.same(b.forgotten(published), []int{0})
	for range 620 { // more than one transaction's worth
		runs = append(runs, b.end(delib, day(2), catalog.Failed))
	}
	b.same(b.forget(day(400)), 619)
	b.same(len(b.forgotten(runs[:619]...)), 619)
	b.same(len(b.forgotten(runs[619:]...)), 0)
	if s := b.source(delib); s.Published == nil || s.Last.Run != runs[len(runs)-1].ID {
		t.Errorf("the source lost its marks: %+v", s)
	}
}

// named are the keys that the catalogue names, once each.
func (b *bench) named() []string {
	b.t.Helper()
	var keys []string
	b.ok(b.Keys(b.ctx, func(key string) error { keys = append(keys, key); return nil }))
	slices.Sort(keys)
	return slices.Compact(keys)
}

func keysAreNamed(t *testing.T, b *bench) {
	b.fill()
	b.same(len(b.named()), 0)
	raw1, key1 := document("d1")
	raw2, key2 := document("e2")
	d, _ := b.publish(dataset(delib, "Délibérations", "a"), day(0))
	b.publish(dataset(delib, "Délibérations", "b"), day(1))
	held := finished(b.start(delib, day(2)), day(2))
	held.Status, held.Documents, held.Quarantine = catalog.Held, []catalog.Raw{raw1, raw2}, &catalog.File{Name: "rejets.csv", Key: "quarantine/f3.csv"}
	b.ok(b.Record(b.ctx, held))
	b.start(subv, day(2))
	files, origins := []string{"pub/a.csv", "pub/a.parquet", "pub/b.csv", "pub/b.parquet"}, []string{"origins/a", "origins/b"}
	b.same(b.named(), slices.Concat(origins, files, []string{"quarantine/f3.csv", key1, key2}))

	_, err := b.Prune(b.ctx, d.ID, catalog.PrunePolicy{Last: 1})
	b.ok(err)
	b.same(b.named(), slices.Concat(origins[1:], files[2:], []string{"quarantine/f3.csv", key1, key2}))
	for n := range 21 {
		b.end(delib, day(3+n), catalog.Unchanged)
	}
	b.forget(day(400))
	b.same(b.named(), slices.Concat(origins[1:], files[2:], []string{key1})) // held is forgotten, the run of version 2 is not

	broken, calls := errors.New("broken"), 0
	b.is(b.Keys(b.ctx, func(string) error { calls++; return broken }), broken)
	b.same(calls, 1)
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	b.is(b.Keys(ctx, func(string) error { return nil }), context.Canceled)
}

func eventsAndCursors(t *testing.T, b *bench) {
	b.fill()
	for n := range 5 {
		b.publish(dataset(delib, "Délibérations", fmt.Sprint(n)), day(n))
	}
	all := b.events()
	for i, e := range all {
		if e.Version != i+1 || i > 0 && e.Seq <= all[i-1].Seq || e.Seq < 1 {
			t.Fatalf("events %+v", all)
		}
	}
	page, err := b.Events(b.ctx, all[1].Seq, 2)
	b.ok(err)
	b.same(page, all[2:4])
	end, err := b.Events(b.ctx, all[4].Seq, 2)
	b.ok(err)
	b.same(len(end), 0)

	for _, seq := range []int64{all[1].Seq, all[3].Seq, all[0].Seq} { // it may also go back
		b.ok(b.SetCursor(b.ctx, "index", seq))
		got, err := b.Cursor(b.ctx, "index")
		b.ok(err)
		b.same(got, seq)
	}
	other, err := b.Cursor(b.ctx, "feeds")
	b.ok(err)
	b.same(other, int64(0))
}

func statsCount(t *testing.T, b *bench) {
	m := manifest()
	m.Sources = append(m.Sources, catalog.Source{ID: val + "/budget", Member: val, Recipe: "actes-delib", Key: "scdl/budget", Disabled: true})
	b.apply(m, catalog.ApplyOptions{})
	b.publish(dataset(delib, "Délibérations", "a"), day(0))
	plain := dataset(subv, "Subventions", "b")
	plain.SchemaName = ""
	b.publish(plain, day(1))
	b.publish(dataset(star, "Étoile", "c"), day(1))
	last := b.end(star, day(2), catalog.Failed)
	st, err := b.Stats(b.ctx)
	b.ok(err)
	b.same(st, catalog.Stats{
		Members: 3, Datasets: 3, Sources: 3, Rows: 36, Schemas: 1, LastRun: last.Ended,
		ByStatus: map[catalog.Status]int{catalog.Published: 2, catalog.Failed: 1},
	})
}
