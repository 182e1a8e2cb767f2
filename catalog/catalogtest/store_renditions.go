package catalogtest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"grenier/catalog"

	"github.com/google/uuid"
)

func renditionsAreKept(t *testing.T, b *bench) {
	ids := b.many(520) // more than a page
	b.publishAll(ids, "Jeu")
	var order []uuid.UUID
	list := func(q catalog.DatasetQuery, bodies bool) (all []catalog.Rendition) {
		t.Helper()
		b.ok(b.Renditions(b.ctx, q, bodies, func(r catalog.Rendition) error {
			all = append(all, r)
			return b.SetCursor(b.ctx, "renditions", int64(len(all))) // fn may write
		}))
		return all
	}
	b.ok(b.EachDataset(b.ctx, catalog.DatasetQuery{}, func(d catalog.Dataset) error { order = append(order, d.ID); return nil }))
	var kept []catalog.Rendition
	for i, r := range list(catalog.DatasetQuery{}, true) {
		if r.Dataset != order[i] || r.Stamp != "" || r.Body != nil || r.Version != 1 || r.Modified.IsZero() || r.Member == "" {
			t.Fatalf("rendition %d before anything is kept: %+v", i, r)
		}
		kept = append(kept, catalog.Rendition{Dataset: r.Dataset, Stamp: fmt.Sprint("stamp ", i), Body: []byte{0, 0xff, byte(i)}})
	}
	b.ok(b.KeepRenditions(b.ctx, append(kept, catalog.Rendition{Dataset: uuid.UUID{9}, Stamp: "of nothing", Body: []byte("x")})...))
	b.ok(b.KeepRenditions(b.ctx, kept[:3]...)) // again
	all := list(catalog.DatasetQuery{}, true)
	if len(all) != 520 || all[519].Stamp != "stamp 519" || !slices.Equal(all[3].Body, []byte{0, 0xff, 3}) {
		t.Fatalf("%d kept, the last %+v", len(all), all[len(all)-1])
	}
	some := list(catalog.DatasetQuery{IDs: []uuid.UUID{order[7], order[2], {9}}}, true)
	if len(some) != 2 || some[0].Dataset != order[2] || some[1].Stamp != "stamp 7" {
		t.Fatalf("by identity: %+v", some)
	}
	if bare := list(catalog.DatasetQuery{}, false); bare[0].Stamp != "" || bare[0].Body != nil || len(bare) != 520 {
		t.Errorf("without bodies: %d, the first %+v", len(bare), bare[0])
	}
	stop := errors.New("stop")
	b.is(b.Renditions(b.ctx, catalog.DatasetQuery{}, false, func(catalog.Rendition) error { return stop }), stop)
}

func renditionsGoWithTheirDataset(t *testing.T, b *bench) {
	b.fill()
	first, _ := b.publish(dataset(delib, "Délibérations", "a"), day(1))
	other, _ := b.publish(dataset(star, "Délibérations", "o"), day(1))
	keep := func() {
		b.ok(b.KeepRenditions(b.ctx, catalog.Rendition{Dataset: first.ID, Stamp: "s", Body: []byte("first")}, catalog.Rendition{Dataset: other.ID, Stamp: "s", Body: []byte("other")}))
	}
	keep()
	second, _ := b.publish(dataset(delib, "Délibérations", "b"), day(2))
	stamps := func(q catalog.DatasetQuery) (all []string) {
		b.ok(b.Renditions(b.ctx, q, true, func(r catalog.Rendition) error {
			all = append(all, fmt.Sprint(string(r.Body), " ", r.Version))
			return nil
		}))
		return all
	}
	b.same(stamps(catalog.DatasetQuery{}), []string{"first 2", "other 1"}) // who reads sees that it is not of this version
	b.same(stamps(catalog.DatasetQuery{Member: first.Member.SIREN, Since: day(1)}), []string{"first 2"})
	_, err := b.Withdraw(b.ctx, catalog.Withdrawal{Dataset: second.ID, Time: day(3), By: "Mme Roche", Reason: "un nom de trop"})
	b.ok(err)
	keep() // too late
	b.same(stamps(catalog.DatasetQuery{}), []string{"other 1"})
	b.ok(b.Reinstate(b.ctx, catalog.Withdrawal{Dataset: second.ID, Time: day(4), By: "Mme Roche", Reason: "corrigé"}))
	b.publish(dataset(delib, "Délibérations", "c"), day(5))
	b.same(stamps(catalog.DatasetQuery{}), []string{" 3", "other 1"})
}
