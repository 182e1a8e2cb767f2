package catalogtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"grenier/catalog"
	"grenier/schemas"
)

func startIsRefused(t *testing.T, b *bench) {
	b.fill()
	run := b.start(delib, dawn)
	got, err := b.Run(b.ctx, run.ID)
	b.ok(err)
	b.same(got, run)
	b.is(b.Start(b.ctx, b.run(delib, dawn.Add(time.Minute))), catalog.ErrBusy) // the lease ends now: not past
	b.start(star, dawn)                                                        // another source is free
	run.Status, run.Ended = catalog.Failed, dawn.Add(time.Second)
	b.ok(b.Record(b.ctx, run))
	b.start(delib, dawn.Add(2*time.Second))
}

func startAbandons(t *testing.T, b *bench) {
	b.fill()
	first := b.start(delib, dawn)
	second := b.start(delib, dawn.Add(time.Hour))
	got, err := b.Run(b.ctx, first.ID)
	b.ok(err)
	if got.Status != catalog.Failed || got.Ended != second.Started || !strings.Contains(got.Message, "interrompu") || got.Error == "" {
		t.Fatalf("abandoned run %+v", got)
	}
	s := b.source(delib)
	if s.Failures != 1 || s.Last == nil || s.Last.Run != first.ID {
		t.Fatalf("source %+v", s)
	}
	first.Status = catalog.Unchanged
	b.is(b.Record(b.ctx, first), catalog.ErrNotFound)
	b.is(b.Extend(b.ctx, first.ID, day(9)), catalog.ErrNotFound)
}

func twoStarts(t *testing.T, b *bench) {
	b.fill()
	stuck := b.start(delib, dawn)
	for round := 1; round <= 5; round++ {
		at := dawn.Add(time.Duration(round) * time.Hour)
		const rivals = 8
		errs := make(chan error, rivals)
		for range rivals {
			run := b.run(delib, at)
			go func() { errs <- b.Start(b.ctx, run) }()
		}
		won := 0
		for range rivals {
			if err := <-errs; err == nil {
				won++
			} else if !errors.Is(err, catalog.ErrBusy) {
				t.Errorf("loser's error: %v", err)
			}
		}
		if won != 1 {
			t.Fatalf("round %d: %d winners", round, won)
		}
	}
	b.same(b.source(delib).Failures, 5)
	runs, err := b.Runs(b.ctx, catalog.RunQuery{Source: delib, Status: catalog.Running})
	b.ok(err)
	if len(runs) != 1 || runs[0].ID == stuck.ID {
		t.Fatalf("running %v", runs)
	}
}

func extendKeepsAlive(t *testing.T, b *bench) {
	b.fill()
	run := b.start(delib, dawn)
	b.ok(b.Extend(b.ctx, run.ID, dawn.Add(time.Hour)))
	gone, err := b.Abandoned(b.ctx, dawn.Add(time.Hour))
	b.ok(err)
	b.same(len(gone), 0)
	b.is(b.Start(b.ctx, b.run(delib, dawn.Add(30*time.Minute))), catalog.ErrBusy)
	got, err := b.Run(b.ctx, run.ID)
	b.ok(err)
	b.same(got.Lease, dawn.Add(time.Hour))
	run.Status, run.Ended = catalog.Failed, day(0)
	b.ok(b.Record(b.ctx, run))
	b.is(b.Extend(b.ctx, run.ID, day(1)), catalog.ErrNotFound)
}

func abandonedEndsRuns(t *testing.T, b *bench) {
	b.fill()
	b.publish(dataset(delib, "Délibérations", "a"), day(0))
	b.end(delib, day(1), catalog.Failed)
	b.end(delib, day(2), catalog.Failed)
	old := b.start(delib, day(3))
	other := b.start(star, day(3).Add(30*time.Second))
	b.start(subv, day(4)) // alive
	now := day(4).Add(time.Second)
	gone, err := b.Abandoned(b.ctx, now)
	b.ok(err)
	if len(gone) != 2 || gone[0].ID != old.ID || gone[1].ID != other.ID {
		t.Fatalf("abandoned %+v", gone)
	}
	for _, r := range gone {
		if r.Status != catalog.Failed || r.Ended != now || r.Message == "" {
			t.Errorf("run %+v", r)
		}
	}
	b.same(b.status(delib), catalog.DatasetStale) // the third failure
	b.same(b.source(star).Failures, 1)
	again, err := b.Abandoned(b.ctx, now)
	b.ok(err)
	b.same(len(again), 0)
}

func unchangedMovesChecked(t *testing.T, b *bench) {
	b.fill()
	d, published := b.publish(dataset(delib, "Délibérations", "a"), day(0))
	run := b.end(delib, day(1), catalog.Unchanged)
	got, err := b.Dataset(b.ctx, d.ID)
	b.ok(err)
	want := d
	want.Checked = run.Ended
	b.same(got, want)
	b.same(len(b.events()), 1)
	s := b.source(delib)
	b.same(s.Published.Run, published.ID)
	b.same(s.Last.Run, run.ID)
	b.same(s.Last.Status, catalog.Unchanged)
	runs, err := b.Runs(b.ctx, catalog.RunQuery{Dataset: d.ID})
	b.ok(err)
	b.same(len(runs), 2) // a run belongs to its source's dataset even when it published nothing
}

func heldIsTold(t *testing.T, b *bench) {
	b.fill()
	d, _ := b.publish(dataset(delib, "Délibérations", "a"), day(0))
	b.end(delib, day(1), catalog.Held)
	b.end(delib, day(2), catalog.Held)
	b.same(b.status(delib), catalog.DatasetHeld)
	b.same(b.kinds(), []catalog.EventKind{catalog.EventPublished, catalog.EventUpdated})
	got, err := b.Dataset(b.ctx, d.ID)
	b.ok(err)
	b.same(got.Files, d.Files)
	b.same(got.Modified, d.Modified)
	b.publish(dataset(delib, "Délibérations", "b"), day(4))
	b.same(b.status(delib), catalog.DatasetPublished)
	b.same(b.kinds(), []catalog.EventKind{catalog.EventPublished, catalog.EventUpdated, catalog.EventPublished})
	events := b.events()
	if events[1].Dataset != d.ID || events[1].Version != 1 || events[1].Run == "" {
		t.Fatalf("event %+v", events[1])
	}
	b.end(star, day(4), catalog.Held) // no dataset yet: nothing to tell
	b.same(len(b.events()), 3)
}

func heldEnds(t *testing.T, b *bench) {
	b.fill()
	b.publish(dataset(delib, "Délibérations", "a"), day(0))
	b.end(delib, day(1), catalog.Held)
	b.end(delib, day(2), catalog.Unchanged) // the source delivers what is online
	b.same(b.status(delib), catalog.DatasetPublished)
	b.same(b.kinds(), []catalog.EventKind{catalog.EventPublished, catalog.EventUpdated, catalog.EventUpdated})
}

func thirdFailure(t *testing.T, b *bench) {
	b.fill()
	b.publish(dataset(delib, "Délibérations", "a"), day(0))
	b.end(delib, day(1), catalog.Failed)
	b.end(delib, day(2), catalog.Failed)
	b.end(delib, day(3), catalog.Unchanged) // the row is broken
	b.end(delib, day(4), catalog.Failed)
	b.end(delib, day(5), catalog.Failed)
	b.same(b.status(delib), catalog.DatasetPublished)
	b.same(len(b.events()), 1)
	run := b.end(delib, day(6), catalog.Failed)
	b.same(b.status(delib), catalog.DatasetStale)
	b.end(delib, day(7), catalog.Failed)
	b.same(b.source(delib).Failures, 4)
	events := b.events()
	b.same(len(events), 2)
	b.same(events[1].Kind, catalog.EventUpdated)
	b.same(events[1].Run, run.ID)
	b.end(delib, day(8), catalog.Unchanged)
	b.same(b.status(delib), catalog.DatasetPublished)
	b.same(b.source(delib).Failures, 0)
	b.same(len(b.events()), 3)
}

func failuresBeforeFirst(t *testing.T, b *bench) {
	b.fill()
	for n := range 4 {
		b.end(delib, day(n), catalog.Failed)
	}
	s := b.source(delib)
	if s.Failures != 4 || s.Published != nil || s.Last == nil || s.Last.Status != catalog.Failed {
		t.Fatalf("source %+v", s)
	}
	b.same(len(b.events()), 0)
	b.publish(dataset(delib, "Délibérations", "a"), day(5))
	b.same(b.source(delib).Failures, 0)
}

func recordRefuses(t *testing.T, b *bench) {
	b.fill()
	run := b.start(delib, dawn)
	for _, status := range []catalog.Status{catalog.Running, catalog.Published, "", "gone"} {
		run.Status = status
		if err := b.Record(b.ctx, run); err == nil {
			t.Errorf("status %q was recorded", status)
		}
	}
	run.Status, run.Error, run.Message = catalog.Failed, "read \x00 \xff", "Le fichier n’a pas pu être lu."
	b.ok(b.Record(b.ctx, run))
	got, err := b.Run(b.ctx, run.ID)
	b.ok(err)
	b.same(got.Error, "read  \uFFFD")
	b.is(b.Record(b.ctx, run), catalog.ErrNotFound) // twice
}

func fiftyRecords(t *testing.T, b *bench) {
	ids := b.many(50)
	b.publishAll(ids, "Jeu")
	b.ok(all(ids, func(id string) error {
		run := b.run(id, day(1))
		if err := b.Start(b.ctx, run); err != nil {
			return err
		}
		run.Status, run.Ended = catalog.Unchanged, day(1)
		if id == ids[7] {
			run.Status = catalog.Held
		}
		if id == ids[8] {
			run.ID = "another" // one operation fails, its neighbours do not
		}
		err := b.Record(b.ctx, run)
		if id == ids[8] && errors.Is(err, catalog.ErrNotFound) {
			return nil
		}
		return err
	}))
	st, err := b.Stats(b.ctx)
	b.ok(err)
	b.same(st.ByStatus, map[catalog.Status]int{catalog.Unchanged: 48, catalog.Held: 1, catalog.Published: 1})
	b.same(len(b.events()), 51)
	runs, err := b.Runs(b.ctx, catalog.RunQuery{Status: catalog.Running})
	b.ok(err)
	b.same(len(runs), 1)
}

func cancelledCalls(t *testing.T, b *bench) {
	b.fill()
	run := b.start(delib, dawn)
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	run.Status = catalog.Failed
	b.is(b.Record(ctx, run), context.Canceled)
	b.is(b.Start(ctx, b.run(star, dawn)), context.Canceled)
	_, err := b.Dataset(ctx, dataset(delib, "", "").ID)
	b.is(err, context.Canceled)
	got, err := b.Run(b.ctx, run.ID)
	b.ok(err)
	b.same(got.Status, catalog.Running)
	b.ok(b.Record(b.ctx, run))
}

func reportsComeBack(t *testing.T, b *bench) {
	b.fill()
	report := &schemas.Report{
		Schema: "scdl/deliberations", Version: "2.1.5", File: "délib.csv", SHA256: "d1", Fingerprint: "f",
		Source: schemas.SourceInfo{Format: "csv", Encoding: "windows-1252", Delimiter: ";", Bytes: 4321, HeaderRow: 1},
		Stats:  schemas.Stats{Rows: 2000, Accepted: 1000, Rejected: 1000, Errors: 1000, Warnings: 1, Repairs: 3, Seconds: 0.25},
		Counts: []schemas.Count{{Type: "type-error", Field: "DELIB_DATE", Count: 1000}}, Errors: []schemas.Issue{},
		Warnings: []schemas.Issue{{Type: "extra-header-warn", Field: "commentaire", Message: "Colonne de trop."}},
		Repairs:  []schemas.Repair{{Op: "date-fr", Field: "DELIB_DATE", Count: 3, Sample: &schemas.RepairSample{Row: 2, Before: "1/2/24", After: "2024-02-01"}}},
	}
	for i := range 1000 {
		report.Errors = append(report.Errors, schemas.Issue{
			Type: "type-error", Document: "délib.csv", Row: int64(i + 2), Line: int64(i + 2), Field: "DELIB_DATE", Column: 5,
			Cell: fmt.Sprintf("<31/02/%d> « é » \x00", i), Message: "Cette date n’existe pas.", Hint: "Écrivez « 2024-02-28 ».",
		})
	}
	run := finished(b.start(delib, dawn), dawn)
	run.Status, run.Stage, run.Message, run.Report = catalog.Held, "gate", "Trop de lignes refusées.", report
	b.ok(b.Record(b.ctx, run))
	got, err := b.Run(b.ctx, run.ID)
	b.ok(err)
	b.same(got, run)

	listed, err := b.Runs(b.ctx, catalog.RunQuery{Source: delib})
	b.ok(err)
	run.Report = nil
	b.same(listed, []catalog.Run{run})

	published := finished(b.start(delib, day(1)), day(1))
	published.Report = report
	d, _ := b.publishWith(dataset(delib, "Délibérations", "a"), published)
	of, err := b.RunOfVersion(b.ctx, d.ID, 1)
	b.ok(err)
	b.same(of.Report, report)
}

func runsAreListed(t *testing.T, b *bench) {
	b.fill()
	d, first := b.publish(dataset(delib, "Délibérations", "a"), day(0))
	failed := b.end(star, day(1), catalog.Failed)
	held := b.end(delib, day(2), catalog.Held)
	running := b.start(subv, day(2)) // same time: the later id is the newer run
	for _, c := range []struct {
		q    catalog.RunQuery
		want []string
	}{
		{catalog.RunQuery{}, []string{running.ID, held.ID, failed.ID, first.ID}},
		{catalog.RunQuery{Limit: 2}, []string{running.ID, held.ID}},
		{catalog.RunQuery{Source: delib}, []string{held.ID, first.ID}},
		{catalog.RunQuery{Member: etoile}, []string{failed.ID}},
		{catalog.RunQuery{Member: aubin, Status: catalog.Held}, []string{held.ID}},
		{catalog.RunQuery{Status: catalog.Running}, []string{running.ID}},
		{catalog.RunQuery{Dataset: d.ID}, []string{held.ID, first.ID}},
		{catalog.RunQuery{Source: "none"}, nil},
	} {
		runs, err := b.Runs(b.ctx, c.q)
		b.ok(err)
		var got []string
		for _, r := range runs {
			got = append(got, r.ID)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: got %v, want %v", c.q, got, c.want)
		}
	}
	for n := range 60 {
		b.end(star, day(3+n), catalog.Unchanged)
	}
	runs, err := b.Runs(b.ctx, catalog.RunQuery{})
	b.ok(err)
	b.same(len(runs), 50)
}
