package catalogtest

import (
	"testing"

	"grenier/catalog"
)

// A series has a source like any dataset, which nobody harvests and no manifest prunes.
func hostMakesASource(t *testing.T, b *bench) {
	const operator = "209900909"
	b.fill()
	host := func() {
		b.ok(b.Host(b.ctx, catalog.Member{SIREN: operator, Name: "Numérival", Kind: catalog.Syndicat}, catalog.Recipe{Name: "serie", Text: "# rien\n"},
			catalog.Source{ID: operator + "/serie/scdl/deliberations", Member: operator, Recipe: "serie", Key: "serie/scdl/deliberations"}))
	}
	host()
	host()
	all, err := b.Sources(b.ctx, catalog.SourceQuery{})
	b.ok(err)
	b.same(len(all), 3)
	due, err := b.Due(b.ctx, day(9), 0)
	b.ok(err)
	b.same(len(due), 3)
	_, members, err := b.Members(b.ctx, catalog.MemberQuery{})
	b.ok(err)
	b.same(members, 3)

	d := dataset(operator+"/serie/scdl/deliberations", "Délibérations de tous", "s")
	d.Key, d.ID = "serie/scdl/deliberations", catalog.DatasetID(namespace, operator, "serie/scdl/deliberations")
	d.Member, d.Origins = catalog.Member{SIREN: operator}, nil
	d.Files = d.Files[:1]
	run := b.start(d.Source, day(0))
	b.is(b.Start(b.ctx, run), catalog.ErrBusy)
	run.Ended = day(0)
	stored, err := b.Publish(b.ctx, d, run)
	b.ok(err)
	b.same(stored.Member.Name, "Numérival")
	b.same(stored.Version, 1)
	_, members, err = b.Members(b.ctx, catalog.MemberQuery{})
	b.ok(err)
	b.same(members, 4)
	if changes := b.apply(manifest(), catalog.ApplyOptions{Prune: true}); len(changes) != 0 {
		t.Errorf("a manifest that says nothing of series changes %v", changes)
	}
}
