package catalogtest

import (
	"testing"
	"time"

	"grenier/catalog"

	"github.com/google/uuid"
)

// hold records a held delivery of the source.
func (b *bench) hold(source string, at time.Time, content string) catalog.Run {
	b.t.Helper()
	run := finished(b.start(source, at), at)
	run.Status, run.Stage, run.Message = catalog.Held, "gate", "Le fichier reçu a perdu la moitié de ses lignes."
	run.Documents = []catalog.Raw{{Name: "delib.csv", SHA256: content, Bytes: 9}}
	b.ok(b.Record(b.ctx, run))
	return run
}

func refusal(held catalog.Run, at time.Time) catalog.Decision {
	return catalog.Decision{Kind: catalog.Refused, By: "claire", Reason: "export tronqué", Source: held.Source, Run: held.ID, Time: at}
}

func (b *bench) decisions(q catalog.DecisionQuery) []catalog.Decision {
	b.t.Helper()
	list, err := b.Decisions(b.ctx, q)
	b.ok(err)
	return list
}

func (b *bench) waiting(source string) []string {
	b.t.Helper()
	runs, err := b.Runs(b.ctx, catalog.RunQuery{Source: source, Waiting: true})
	b.ok(err)
	var ids []string
	for _, r := range runs {
		ids = append(ids, r.ID)
	}
	return ids
}

func refusalPutsBack(t *testing.T, b *bench) {
	b.fill()
	d, _ := b.publish(dataset(delib, "Délibérations", "a"), day(0))
	held := b.hold(delib, day(1), "d2")
	b.ok(b.Decide(b.ctx, refusal(held, day(2))))
	b.same(b.status(delib), catalog.DatasetPublished)
	got, err := b.Dataset(b.ctx, d.ID)
	b.ok(err)
	b.same(got, d) // same version, same files, same dates

	list := b.decisions(catalog.DecisionQuery{Source: delib})
	b.same(len(list), 1)
	online := catalog.DecisionState{Status: catalog.DatasetHeld, Version: 1, SHA256: d.Files[0].SHA256}
	want := refusal(held, day(2).UTC())
	want.ID, want.Dataset, want.Documents, want.Process, want.Before, want.After = list[0].ID, d.ID, held.Documents, held.Process, online, online
	want.After.Status = catalog.DatasetPublished
	b.same(list[0], want)
	told, err := b.Audit(b.ctx, catalog.AuditQuery{})
	b.ok(err)
	if len(told) != 1 || told[0].Action != catalog.AuditRefuse || told[0].Object != delib || told[0].Reason != want.Reason {
		t.Errorf("the audit says %+v", told)
	}
	b.ok(b.VerifyAudit(b.ctx))
	if list[0].ID == "" {
		t.Error("a decision without identity")
	}
	events := b.events()
	b.same(b.kinds(), []catalog.EventKind{catalog.EventPublished, catalog.EventUpdated, catalog.EventUpdated})
	b.same(events[2], catalog.Event{Seq: events[2].Seq, Time: day(2).UTC(), Kind: catalog.EventUpdated, Dataset: d.ID, Version: 1, Run: held.ID})
}

func refusalOfAFirstDelivery(t *testing.T, b *bench) {
	b.fill()
	held := b.hold(delib, day(0), "d1")
	b.ok(b.Decide(b.ctx, refusal(held, day(1))))
	got := b.decisions(catalog.DecisionQuery{})
	if len(got) != 1 || got[0].Dataset != uuid.Nil || got[0].Before != (catalog.DecisionState{}) || got[0].After != got[0].Before {
		t.Fatalf("decisions %+v", got)
	}
	b.same(len(b.events()), 0)
	b.same(b.waiting(delib), []string(nil))
}

func decisionsNeedADelivery(t *testing.T, b *bench) {
	b.fill()
	b.publish(dataset(delib, "Délibérations", "a"), day(0))
	first := b.hold(delib, day(1), "d2")
	second := b.hold(delib, day(2), "d3")
	b.end(delib, day(3), catalog.Failed) // the second one still waits
	b.same(b.waiting(""), []string{second.ID})
	other := refusal(second, day(4))
	other.Source = subv
	unknown := refusal(catalog.Run{ID: "none", Source: delib}, day(4))
	for name, d := range map[string]catalog.Decision{"an older delivery": refusal(first, day(4)), "another source's": other, "none": unknown} {
		if err := b.Decide(b.ctx, d); err == nil {
			t.Errorf("%s was decided on", name)
		}
	}
	b.is(b.Decide(b.ctx, refusal(first, day(4))), catalog.ErrDecided)
	mute, anonymous, release := refusal(second, day(4)), refusal(second, day(4)), refusal(second, day(4))
	mute.Reason, anonymous.By, release.Kind = " ", "", catalog.Released
	for _, d := range []catalog.Decision{mute, anonymous, release} {
		if err := b.Decide(b.ctx, d); err == nil {
			t.Errorf("%+v was written", d)
		}
	}
	b.same(len(b.decisions(catalog.DecisionQuery{})), 0)
	b.same(b.status(delib), catalog.DatasetHeld)

	b.ok(b.Decide(b.ctx, refusal(second, day(4))))
	b.is(b.Decide(b.ctx, refusal(second, day(4))), catalog.ErrDecided)
	third := b.hold(delib, day(5), "d4")
	b.publish(dataset(delib, "Délibérations", "b"), day(6))
	b.is(b.Decide(b.ctx, refusal(third, day(6))), catalog.ErrDecided)
	b.same(len(b.decisions(catalog.DecisionQuery{})), 1)
}

func releaseIsWrittenWithItsVersion(t *testing.T, b *bench) {
	b.fill()
	first, _ := b.publish(dataset(delib, "Délibérations", "a"), day(0))
	held := b.hold(delib, day(1), "d2")
	decision := catalog.Decision{Kind: catalog.Released, By: "claire", Reason: "fusion confirmée", Run: held.ID, Time: day(2)}

	run := finished(b.start(delib, day(2)), day(2))
	run.Decision, run.Documents = &decision, held.Documents
	broken := dataset(delib, "Délibérations", "b")
	broken.Files[1].ID = broken.Files[0].ID
	if _, err := b.Publish(b.ctx, broken, run); err == nil {
		t.Fatal("two files with one identity were accepted")
	}
	b.same(len(b.decisions(catalog.DecisionQuery{})), 0) // with its effect or not at all
	b.same(b.waiting(delib), []string{held.ID})

	second, err := b.Publish(b.ctx, dataset(delib, "Délibérations", "b"), run)
	b.ok(err)
	want := decision
	got := b.decisions(catalog.DecisionQuery{Run: held.ID})
	b.same(len(got), 1)
	want.ID, want.Source, want.Dataset, want.Effect, want.Documents, want.Process = got[0].ID, delib, first.ID, run.ID, held.Documents, held.Process
	want.Time = day(2).UTC()
	want.Before = catalog.DecisionState{Status: catalog.DatasetHeld, Version: 1, SHA256: first.Files[0].SHA256}
	want.After = catalog.DecisionState{Status: catalog.DatasetPublished, Version: 2, SHA256: second.Files[0].SHA256}
	b.same(got[0], want)
	b.same(b.waiting(delib), []string(nil))

	// Somebody else was faster: nothing is published.
	held = b.hold(delib, day(3), "d3")
	run = finished(b.start(delib, day(4)), day(4))
	run.Decision = &catalog.Decision{Kind: catalog.Released, By: "claire", Reason: "bon", Run: held.ID}
	b.ok(b.Decide(b.ctx, refusal(held, day(4))))
	_, err = b.Publish(b.ctx, dataset(delib, "Délibérations", "c"), run)
	b.is(err, catalog.ErrDecided)
	now, err := b.Dataset(b.ctx, first.ID)
	b.ok(err)
	b.same(now.Version, 2)
}

func releaseOfTheSame(t *testing.T, b *bench) {
	b.fill()
	b.publish(dataset(delib, "Délibérations", "a"), day(0))
	held := b.hold(delib, day(1), "d2")
	decision := catalog.Decision{Kind: catalog.Released, By: "claire", Reason: "bon", Run: held.ID, Time: day(2)}
	run := b.start(delib, day(2))
	run.Status, run.Decision = catalog.Failed, &decision
	b.ok(b.Record(b.ctx, run))
	b.same(len(b.decisions(catalog.DecisionQuery{})), 0) // nothing came of it
	b.same(b.waiting(delib), []string{held.ID})
	run = b.start(delib, day(3))
	run.Status, run.Decision = catalog.Unchanged, &decision
	b.ok(b.Record(b.ctx, run))
	got := b.decisions(catalog.DecisionQuery{Kind: catalog.Released})
	if len(got) != 1 || got[0].Effect != run.ID || got[0].Before.Status != catalog.DatasetHeld || got[0].After.Status != catalog.DatasetPublished || got[0].After.Version != 1 {
		t.Fatalf("decisions %+v", got)
	}
}

func refusedAgain(t *testing.T, b *bench) {
	b.fill()
	d, _ := b.publish(dataset(delib, "Délibérations", "a"), day(0))
	held := b.hold(delib, day(1), "d2")
	b.ok(b.Decide(b.ctx, refusal(held, day(2))))
	run := b.start(delib, day(3))
	run.Status, run.Stage, run.Message, run.Ended = catalog.Unchanged, "gate", "Cette livraison a été refusée.", day(3)
	b.ok(b.Record(b.ctx, run))
	got, err := b.Dataset(b.ctx, d.ID)
	b.ok(err)
	b.same(got, d) // what is online was not checked by it
	b.same(b.source(delib).Last.Stage, "gate")
	b.same(len(b.events()), 3)
}

func decisionsAreListed(t *testing.T, b *bench) {
	b.fill()
	b.publish(dataset(delib, "Délibérations", "a"), day(0))
	var want []string
	for n := range 3 {
		held := b.hold(delib, day(2*n+1), "d")
		b.ok(b.Decide(b.ctx, refusal(held, day(2*n+2))))
		want = append([]string{held.ID}, want...)
	}
	elsewhere := b.hold(star, day(1), "d")
	b.ok(b.Decide(b.ctx, refusal(elsewhere, day(9))))
	runs := func(q catalog.DecisionQuery) (ids []string) {
		for _, d := range b.decisions(q) {
			ids = append(ids, d.Run)
		}
		return ids
	}
	b.same(runs(catalog.DecisionQuery{}), append([]string{elsewhere.ID}, want...))
	b.same(runs(catalog.DecisionQuery{Limit: 2}), []string{elsewhere.ID, want[0]})
	b.same(runs(catalog.DecisionQuery{Source: delib}), want)
	b.same(runs(catalog.DecisionQuery{Run: want[2]}), want[2:])
	b.same(runs(catalog.DecisionQuery{Kind: catalog.Released}), []string(nil))
}

func timelineTells(t *testing.T, b *bench) {
	b.fill()
	_, err := b.Timeline(b.ctx, dataset(delib, "", "").ID)
	b.is(err, catalog.ErrNotFound)
	first, one := b.publish(dataset(delib, "Délibérations", "a"), day(0))
	held := b.hold(delib, day(1), "d2")
	b.hold(delib, day(2), "d2") // told once
	waits := b.waiting(delib)
	b.ok(b.Decide(b.ctx, refusal(catalog.Run{ID: waits[0], Source: delib}, day(3))))
	smaller := dataset(delib, "Délibérations", "b")
	smaller.Rows, smaller.Rejected, smaller.Valid = 7, 3, false
	second, two := b.publish(smaller, day(4))
	var failed catalog.Run
	for n := range 3 {
		failed = b.end(delib, day(5+n), catalog.Failed)
	}
	utc := func(at time.Time) time.Time { return at.UTC() }
	published, hold, stale := catalog.DatasetPublished, catalog.DatasetHeld, catalog.DatasetStale
	want := []catalog.Period{
		{Version: 2, Run: two.ID, From: utc(two.Ended), Rows: 7, Rejected: 3, Files: second.Files, Statuses: []catalog.StatusSpan{
			{Status: published, From: utc(two.Ended), To: utc(failed.Ended)}, {Status: stale, From: utc(failed.Ended)},
		}},
		{Version: 1, Run: one.ID, From: utc(one.Ended), To: utc(two.Ended), Rows: 12, Rejected: 1, Valid: true, Files: first.Files, Statuses: []catalog.StatusSpan{
			{Status: published, From: utc(one.Ended), To: utc(held.Ended)}, {Status: hold, From: utc(held.Ended), To: utc(day(3))},
			{Status: published, From: utc(day(3)), To: utc(two.Ended)},
		}},
	}
	got, err := b.Timeline(b.ctx, first.ID)
	b.ok(err)
	b.same(got, want)

	// A member that changes its name is no news for the calendar; a version that is forgotten stays in it.
	m := manifest()
	m.Members[1].Name = "Saint-Aubin"
	b.apply(m, catalog.ApplyOptions{})
	_, err = b.Prune(b.ctx, first.ID, catalog.PrunePolicy{Last: 1})
	b.ok(err)
	want[1].Files = nil
	got, err = b.Timeline(b.ctx, first.ID)
	b.ok(err)
	b.same(got, want)
}

func sourcesHaveGates(t *testing.T, b *bench) {
	b.fill()
	m := manifest()
	m.Sources[1].Gate = &catalog.Gate{Shrink: 0.4, ShrinkMin: 100, Invalid: 0.2, Grow: 30, Overlap: 0.1, Off: "données saisonnières"}
	b.same(b.apply(m, catalog.ApplyOptions{}), []catalog.Change{{Op: '~', Noun: "source", Name: delib, What: []string{"gate"}}})
	b.same(b.source(delib).Gate, m.Sources[1].Gate)
	b.same(len(b.apply(m, catalog.ApplyOptions{})), 0)
	b.same(b.source(subv).Gate, (*catalog.Gate)(nil))
	b.apply(manifest(), catalog.ApplyOptions{})
	b.same(b.source(delib).Gate, (*catalog.Gate)(nil))
}
