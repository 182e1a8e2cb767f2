package catalogtest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"grenier/catalog"
	"grenier/schemas"

	"github.com/google/uuid"
)

func auditIsChained(t *testing.T, b *bench) {
	b.ok(b.VerifyAudit(b.ctx))
	for n, reason := range []string{"première", "deuxième : « é »", ""} {
		b.ok(b.Note(b.ctx, catalog.AuditEntry{Time: day(n), Actor: "Mme Roche", Member: aubin, Action: "release", Object: delib, Reason: reason}))
	}
	b.ok(b.Note(b.ctx, catalog.AuditEntry{Actor: "M. Dupré", Action: "withdraw", Object: star}))
	b.ok(b.VerifyAudit(b.ctx))
	all, err := b.Audit(b.ctx, catalog.AuditQuery{})
	b.ok(err)
	b.same(len(all), 4)
	slices.Reverse(all)
	previous := ""
	for i, e := range all {
		if e.Seq != int64(i+1) || e.Hash != e.Chain(previous) {
			t.Fatalf("entry %+v after %q", e, previous)
		}
		previous = e.Hash
	}
	b.same(all[1].Time, day(1).UTC())
	if all[3].Time.IsZero() {
		t.Error("an entry without time was not given one")
	}
	some, err := b.Audit(b.ctx, catalog.AuditQuery{Object: delib, Limit: 2})
	b.ok(err)
	b.same(some, []catalog.AuditEntry{all[2], all[1]})
	some, err = b.Audit(b.ctx, catalog.AuditQuery{Action: "withdraw"})
	b.ok(err)
	b.same(some, all[3:])
}

// withReport is a finished run whose report and quarantine quote cells.
func (b *bench) withReport(source string, n int, docs ...string) catalog.Run {
	b.t.Helper()
	run := finished(b.start(source, day(n)), day(n))
	run.Documents = nil
	for _, name := range docs {
		raw, _ := document(name)
		run.Documents = append(run.Documents, raw)
	}
	run.Error, run.Message = "canari", "Le canari est mort."
	run.Report = &schemas.Report{File: "canari.csv"}
	run.Quarantine = &catalog.File{Name: "rejets.csv", Key: "quarantine/" + docs[0] + ".csv"}
	return run
}

func withdrawTakesEverything(t *testing.T, b *bench) {
	b.fill()
	first, _ := b.publishWith(dataset(delib, "Délibérations", "a"), b.withReport(delib, 0, "d1", "d2"))
	second, _ := b.publishWith(dataset(delib, "Délibérations", "b"), b.withReport(delib, 1, "d3"))
	held := b.withReport(delib, 2, "d4")
	held.Status = catalog.Held
	b.ok(b.Record(b.ctx, held))
	// Another dataset holds one of the same files, and received one of the same documents.
	other := dataset(star, "Délibérations", "o")
	other.Files[0].Key = "pub/b.csv"
	b.publishWith(other, b.withReport(star, 1, "d2"))
	before := len(b.events())

	at := day(3)
	keys, err := b.Withdraw(b.ctx, catalog.Withdrawal{Dataset: first.ID, Time: at, By: "Mme Roche", Reason: "un nom de trop", Public: "Retiré par la commune."})
	b.ok(err)
	key := func(name string) string { _, k := document(name); return k }
	want := []string{"origins/a", "origins/b", "pub/a.csv", "pub/a.parquet", "pub/b.parquet", "quarantine/d1.csv", "quarantine/d3.csv", "quarantine/d4.csv",
		key("d1"), key("d3"), key("d4")}
	slices.Sort(want)
	b.same(keys, want)
	for _, k := range b.named() {
		if slices.Contains(keys, k) {
			t.Errorf("the catalogue still names %s", k)
		}
	}

	d, err := b.Dataset(b.ctx, first.ID)
	b.ok(err)
	if d.Status != catalog.DatasetWithdrawn || len(d.Files) != 0 || d.Origins != nil || d.Slug != second.Slug || d.Version != 2 {
		t.Errorf("the dataset is %+v", d)
	}
	_, n, err := b.Datasets(b.ctx, catalog.DatasetQuery{})
	b.ok(err)
	b.same(n, 1)
	for version := range 3 {
		_, _, err := b.File(b.ctx, first.Files[0].ID, version)
		b.is(err, catalog.ErrNotFound)
	}
	owner, err := b.FileOwner(b.ctx, first.Files[0].ID)
	b.ok(err)
	b.same(owner.ID, first.ID)
	w, err := b.Withdrawal(b.ctx, first.ID)
	b.ok(err)
	b.same(w, catalog.Withdrawal{Dataset: first.ID, Time: at.UTC(), Public: "Retiré par la commune."})
	runs, err := b.Runs(b.ctx, catalog.RunQuery{Source: delib})
	b.ok(err)
	b.same(len(runs), 3)
	for _, r := range runs {
		got, err := b.Run(b.ctx, r.ID)
		b.ok(err)
		if got.Report != nil || got.Quarantine != nil || len(got.Documents) != 0 || len(got.Columns) != 0 || got.State != "" || got.Error != "" || strings.Contains(got.Message, "canari") {
			t.Errorf("run %+v still tells", got)
		}
	}
	if s := b.source(delib); s.Published != nil {
		t.Errorf("the source has published %+v", s.Published)
	}
	events := b.events()
	b.same(len(events), before+1)
	if e := events[before]; e.Kind != catalog.EventWithdrawn || e.Dataset != first.ID {
		t.Errorf("event %+v", e)
	}
	entries, err := b.Audit(b.ctx, catalog.AuditQuery{Object: first.ID.String()})
	b.ok(err)
	b.same(len(entries), 1)
	if e := entries[0]; e.Action != catalog.AuditWithdraw || e.Actor != "Mme Roche" || e.Member != aubin || e.Reason != "un nom de trop" || e.Before != second.Files[0].SHA256 {
		t.Errorf("entry %+v", e)
	}
	b.ok(b.VerifyAudit(b.ctx))
	b.ok(b.Check(b.ctx))
	b.ok(b.Scrub(b.ctx))

	b.ok(b.Forgotten(b.ctx, keys[2:]))
	left, err := b.Doomed(b.ctx)
	b.ok(err)
	b.same(left, keys[:2])
}

func withdrawnStaysAway(t *testing.T, b *bench) {
	b.fill()
	missing := uuid.MustParse("00000000-0000-4000-8000-000000000001")
	_, err := b.Withdraw(b.ctx, catalog.Withdrawal{Dataset: missing, By: "x"})
	b.is(err, catalog.ErrNotFound)
	b.is(b.Reinstate(b.ctx, catalog.Withdrawal{Dataset: missing}), catalog.ErrNotFound)
	_, err = b.Withdrawal(b.ctx, missing)
	b.is(err, catalog.ErrNotFound)
	_, err = b.FileOwner(b.ctx, missing)
	b.is(err, catalog.ErrNotFound)

	d, _ := b.publish(dataset(delib, "Délibérations", "a"), day(0))
	b.is(b.Reinstate(b.ctx, catalog.Withdrawal{Dataset: d.ID}), catalog.ErrNotFound)
	late := b.withReport(delib, 1, "d9") // under way when the dataset goes
	_, err = b.Withdraw(b.ctx, catalog.Withdrawal{Dataset: d.ID, By: "Mme Roche"})
	b.ok(err)
	_, err = b.Publish(b.ctx, dataset(delib, "Délibérations", "b"), late)
	b.is(err, catalog.ErrWithdrawn)
	late.Status = catalog.Failed
	b.ok(b.Record(b.ctx, late))
	keys, err := b.Doomed(b.ctx)
	b.ok(err)
	_, key := document("d9")
	if !slices.Contains(keys, key) || !slices.Contains(keys, "quarantine/d9.csv") {
		t.Errorf("what came meanwhile stays: %v", keys)
	}
	again, err := b.Withdraw(b.ctx, catalog.Withdrawal{Dataset: d.ID, By: "Mme Roche"})
	b.ok(err)
	b.same(again, keys)
	entries, err := b.Audit(b.ctx, catalog.AuditQuery{})
	b.ok(err)
	b.same(len(entries), 1)

	b.ok(b.Reinstate(b.ctx, catalog.Withdrawal{Dataset: d.ID, By: "M. Dupré", Reason: "corrigé"}))
	b.is(b.Reinstate(b.ctx, catalog.Withdrawal{Dataset: d.ID}), catalog.ErrNotFound)
	b.same(b.status(delib), catalog.DatasetWithdrawn)
	back, _ := b.publish(dataset(delib, "Délibérations", "a"), day(2))
	if back.Version != 2 || back.Status != catalog.DatasetPublished || back.Slug != d.Slug || back.Files[0].ID != d.Files[0].ID || back.Issued != d.Issued {
		t.Errorf("published again as %+v", back)
	}
	keys, err = b.Doomed(b.ctx)
	b.ok(err)
	if slices.Contains(keys, "pub/a.csv") {
		t.Error("a file that is online again is to be deleted")
	}
	_, err = b.Withdraw(b.ctx, catalog.Withdrawal{Dataset: d.ID, By: "Mme Roche", Public: "Encore."})
	b.ok(err)
	w, err := b.Withdrawal(b.ctx, d.ID)
	b.ok(err)
	if w.Public != "Encore." || !w.Lifted.IsZero() {
		t.Errorf("withdrawn again: %+v", w)
	}
	entries, err = b.Audit(b.ctx, catalog.AuditQuery{})
	b.ok(err)
	b.same(len(entries), 3)
	b.ok(b.VerifyAudit(b.ctx))
}

func auditRollsBack(t *testing.T, b *bench) {
	b.fill()
	missing := uuid.MustParse("00000000-0000-4000-8000-000000000001")
	if _, err := b.Withdraw(b.ctx, catalog.Withdrawal{Dataset: missing, By: "x"}); !errors.Is(err, catalog.ErrNotFound) {
		t.Fatal(err)
	}
	entries, err := b.Audit(b.ctx, catalog.AuditQuery{})
	b.ok(err)
	b.same(len(entries), 0)
	b.ok(b.VerifyAudit(b.ctx)) // the counter went back too
}

func expungeTakesOne(t *testing.T, b *bench) {
	b.fill()
	d, first := b.publishWith(dataset(delib, "Délibérations", "a"), b.withReport(delib, 0, "d1"))
	_, second := b.publishWith(dataset(delib, "Délibérations", "b"), b.withReport(delib, 1, "d2"))
	b.publishWith(dataset(delib, "Délibérations", "c"), b.withReport(delib, 2, "d3"))
	b.is(b.Expunge(b.ctx, d.ID, []int{1, 3}), catalog.ErrNotFound) // the version online stays, and so does the other
	_, _, err := b.File(b.ctx, d.Files[0].ID, 1)
	b.ok(err)
	b.ok(b.Expunge(b.ctx, d.ID, []int{2}))
	keys, err := b.Doomed(b.ctx)
	b.ok(err)
	_, raw := document("d2")
	b.same(keys, []string{"origins/b", "pub/b.csv", "pub/b.parquet", "quarantine/d2.csv", raw})
	for version, want := range map[int]error{0: nil, 1: nil, 2: catalog.ErrNotFound, 3: nil} {
		_, _, err := b.File(b.ctx, d.Files[0].ID, version)
		b.is(err, want)
	}
	run, err := b.Run(b.ctx, second.ID)
	b.ok(err)
	if run.State != "" || run.Report != nil {
		t.Errorf("the run still tells %+v", run)
	}
	run, err = b.Run(b.ctx, first.ID)
	b.ok(err)
	if run.Report == nil {
		t.Error("another run was emptied")
	}
	b.same(b.status(delib), catalog.DatasetPublished)
}
