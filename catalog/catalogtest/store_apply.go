package catalogtest

import (
	"slices"
	"testing"
	"time"

	"grenier/catalog"
)

func applyPlansInStableOrder(t *testing.T, b *bench) {
	b.same(b.apply(manifest(), catalog.ApplyOptions{}), []catalog.Change{
		{Op: '+', Noun: "member", Name: aubin}, {Op: '+', Noun: "member", Name: etoile}, {Op: '+', Noun: "member", Name: val},
		{Op: '+', Noun: "recipe", Name: "actes-delib"},
		{Op: '+', Noun: "source", Name: delib}, {Op: '+', Noun: "source", Name: subv}, {Op: '+', Noun: "source", Name: star},
	})
	m, err := b.Member(b.ctx, aubin)
	b.ok(err)
	b.same(m, manifest().Members[1])
	b.same(b.source(delib), manifest().Sources[1])
	r, err := b.Recipe(b.ctx, "actes-delib")
	b.ok(err)
	if r.Text != manifest().Recipes[0].Text || len(r.Hash) != 64 || r.Updated.IsZero() || r.Updated.Location() != time.UTC {
		t.Fatalf("recipe %+v", r)
	}
	all, err := b.Recipes(b.ctx)
	b.ok(err)
	b.same(all, []catalog.Recipe{r})
}

func applyTwiceChangesNothing(t *testing.T, b *bench) {
	b.fill()
	before, err := b.Recipe(b.ctx, "actes-delib")
	b.ok(err)
	for _, opt := range []catalog.ApplyOptions{{}, {Prune: true}, {DryRun: true, Prune: true}} {
		if changes := b.apply(manifest(), opt); len(changes) > 0 {
			t.Fatalf("%+v: %v", opt, changes)
		}
	}
	after, err := b.Recipe(b.ctx, "actes-delib")
	b.ok(err)
	b.same(after, before)
}

func applyNamesFields(t *testing.T, b *bench) {
	b.fill()
	m := manifest()
	m.Members[1].Population, m.Members[1].BBox = 813, nil
	m.Members[2].Name = "Étoile"
	m.Recipes[0].Text = "name: actes-delib\nschedule: '@weekly'\n"
	m.Sources[1].Params = map[string]string{"url": "https://ailleurs.example"}
	m.Sources[2].Disabled, m.Sources[2].Schedule = true, "@daily"
	b.same(b.apply(m, catalog.ApplyOptions{}), []catalog.Change{
		{Op: '~', Noun: "member", Name: aubin, What: []string{"population", "bbox"}},
		{Op: '~', Noun: "member", Name: etoile, What: []string{"name"}},
		{Op: '~', Noun: "recipe", Name: "actes-delib", What: []string{"text"}},
		{Op: '~', Noun: "source", Name: delib, What: []string{"params"}},
		{Op: '~', Noun: "source", Name: subv, What: []string{"schedule", "disabled"}},
	})
	b.same(b.source(delib).Params, m.Sources[1].Params)
	b.same(b.source(subv).Disabled, true)
}

func applyDryRun(t *testing.T, b *bench) {
	changes := b.apply(manifest(), catalog.ApplyOptions{DryRun: true})
	if len(changes) != 7 {
		t.Fatalf("plan %v", changes)
	}
	_, err := b.Member(b.ctx, aubin)
	b.is(err, catalog.ErrNotFound)
	b.same(len(b.apply(manifest(), catalog.ApplyOptions{})), 7)
}

func applyIsAllOrNothing(t *testing.T, b *bench) {
	m := manifest()
	m.Sources[2].Recipe = "unknown"
	_, err := b.Apply(b.ctx, m, catalog.ApplyOptions{})
	b.is(err, catalog.ErrNotFound)
	_, err = b.Member(b.ctx, aubin)
	b.is(err, catalog.ErrNotFound)
}

func applyKeepsWhatRunsWrote(t *testing.T, b *bench) {
	b.fill()
	b.publish(dataset(delib, "Délibérations", "a"), day(0))
	b.end(delib, day(1), catalog.Failed)
	b.ok(b.Schedule(b.ctx, map[string]time.Time{delib: day(2), subv: day(3), star: day(4)}))
	before := b.source(delib)

	m := manifest()
	m.Sources[1].Params = map[string]string{"url": "https://ailleurs.example"}
	b.apply(m, catalog.ApplyOptions{})
	want := before
	want.Params = m.Sources[1].Params
	b.same(b.source(delib), want)

	// A schedule that may have changed is for the scheduler to see anew.
	m.Sources[1].Schedule = "@weekly"
	m.Recipes[0].Text += "# other\n"
	b.apply(m, catalog.ApplyOptions{})
	for _, id := range []string{delib, subv, star} {
		if next := b.source(id).NextRun; !next.IsZero() {
			t.Errorf("%s: next run still %s", id, next)
		}
	}
	b.same(b.source(delib).Failures, 1)
}

func applyPrune(t *testing.T, b *bench) {
	b.fill()
	b.publish(dataset(star, "Délibérations d’Étoile", "a"), day(0))
	m := manifest()
	m.Recipes = append(m.Recipes, catalog.Recipe{Name: "spare", Text: "name: spare\n"})
	b.apply(m, catalog.ApplyOptions{})
	kept := catalog.Manifest{Members: m.Members[1:2], Recipes: m.Recipes[:1], Sources: m.Sources[1:2]}
	b.same(b.apply(kept, catalog.ApplyOptions{Prune: true}), []catalog.Change{
		{Op: '-', Noun: "member", Name: etoile}, {Op: '-', Noun: "member", Name: val},
		{Op: '-', Noun: "recipe", Name: "spare"},
		{Op: '-', Noun: "source", Name: subv}, {Op: '-', Noun: "source", Name: star},
	})
	b.same(b.source(star).Disabled, true)
	sources, err := b.Sources(b.ctx, catalog.SourceQuery{})
	b.ok(err)
	b.same(len(sources), 1)
	due, err := b.Due(b.ctx, day(9), 10)
	b.ok(err)
	b.same(len(due), 1)
	// A member whose data is online stays visible, another one does not.
	members, n, err := b.Members(b.ctx, catalog.MemberQuery{})
	b.ok(err)
	if n != 2 || members[0].SIREN != etoile || members[1].SIREN != aubin {
		t.Fatalf("members %v", members)
	}
	gone, err := b.Member(b.ctx, val)
	b.ok(err)
	b.same(gone.Name, "Val-d’Aurence Agglomération")
	recipes, err := b.Recipes(b.ctx)
	b.ok(err)
	b.same(len(recipes), 1)

	b.same(len(b.apply(kept, catalog.ApplyOptions{Prune: true})), 0)
	b.same(b.apply(manifest(), catalog.ApplyOptions{}), []catalog.Change{
		{Op: '~', Noun: "member", Name: etoile, What: []string{"disabled"}}, {Op: '~', Noun: "member", Name: val, What: []string{"disabled"}},
		{Op: '~', Noun: "source", Name: subv, What: []string{"disabled"}}, {Op: '~', Noun: "source", Name: star, What: []string{"disabled"}},
	})
}

func applyPruneKeepsNeeded(t *testing.T, b *bench) {
	b.fill()
	b.same(b.apply(catalog.Manifest{Sources: manifest().Sources[1:2]}, catalog.ApplyOptions{Prune: true}), []catalog.Change{
		{Op: '-', Noun: "member", Name: etoile}, {Op: '-', Noun: "member", Name: val},
		{Op: '-', Noun: "source", Name: subv}, {Op: '-', Noun: "source", Name: star},
	})
}

func applyTellsOfMembers(t *testing.T, b *bench) {
	b.fill()
	d, _ := b.publish(dataset(delib, "Délibérations", "a"), day(0))
	m := manifest()
	m.Members[1].Name, m.Members[0].Name = "Saint-Aubin", "Val d’Aurence"
	b.apply(m, catalog.ApplyOptions{DryRun: true})
	b.same(len(b.events()), 1)
	b.apply(m, catalog.ApplyOptions{})
	events := b.events()
	b.same(len(events), 2)
	b.same(events[1].Kind, catalog.EventUpdated)
	b.same(events[1].Dataset, d.ID)
}

func membersAreFound(t *testing.T, b *bench) {
	b.fill()
	b.publish(dataset(delib, "Délibérations", "a"), day(0))
	b.publish(dataset(subv, "Subventions", "b"), day(0))
	for _, c := range []struct {
		q     catalog.MemberQuery
		want  []string
		total int
	}{
		{catalog.MemberQuery{}, []string{etoile, aubin, val}, 3},
		{catalog.MemberQuery{Text: "etoile"}, []string{etoile}, 1},
		{catalog.MemberQuery{Text: "OEILLETS"}, []string{etoile}, 1},
		{catalog.MemberQuery{Text: "Œillets"}, []string{etoile}, 1},
		{catalog.MemberQuery{Text: "aurence"}, []string{aubin, val}, 2},
		{catalog.MemberQuery{Text: "saint aubin"}, []string{aubin}, 1},
		{catalog.MemberQuery{Text: "d'aurence"}, []string{val}, 1},
		{catalog.MemberQuery{Text: "%"}, []string{etoile, aubin, val}, 3},
		{catalog.MemberQuery{Text: "a_b"}, nil, 0},
		{catalog.MemberQuery{Text: "' OR 1=1 --"}, nil, 0},
		{catalog.MemberQuery{Kind: catalog.Commune}, []string{etoile, aubin}, 2},
		{catalog.MemberQuery{Kind: catalog.Syndicat}, nil, 0},
		{catalog.MemberQuery{Limit: 1}, []string{etoile}, 3},
		{catalog.MemberQuery{Offset: 1, Limit: 1}, []string{aubin}, 3},
		{catalog.MemberQuery{Offset: 2}, []string{val}, 3},
		{catalog.MemberQuery{Offset: 9}, nil, 3},
	} {
		members, total, err := b.Members(b.ctx, c.q)
		b.ok(err)
		var got []string
		for _, m := range members {
			got = append(got, m.SIREN)
			if want := map[string]int{aubin: 2}[m.SIREN]; m.Datasets != want {
				t.Errorf("%s has %d datasets, want %d", m.SIREN, m.Datasets, want)
			}
		}
		if !slices.Equal(got, c.want) || total != c.total {
			t.Errorf("%+v: got %v of %d, want %v of %d", c.q, got, total, c.want, c.total)
		}
	}
}

func sourcesAreSelected(t *testing.T, b *bench) {
	m := manifest()
	m.Sources[2].Disabled = true
	b.apply(m, catalog.ApplyOptions{})
	for _, c := range []struct {
		q    catalog.SourceQuery
		want []string
	}{
		{catalog.SourceQuery{}, []string{delib, star}},
		{catalog.SourceQuery{Members: []string{aubin}}, []string{delib}},
		{catalog.SourceQuery{Members: []string{"999999999"}}, nil},
		{catalog.SourceQuery{IDs: []string{star, delib}}, []string{delib, star}},
		{catalog.SourceQuery{IDs: []string{star}, Members: []string{aubin}}, []string{delib, star}},
		{catalog.SourceQuery{IDs: []string{subv}}, nil},
	} {
		sources, err := b.Sources(b.ctx, c.q)
		b.ok(err)
		var got []string
		for _, s := range sources {
			got = append(got, s.ID)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: got %v, want %v", c.q, got, c.want)
		}
	}
	b.same(b.source(subv).Disabled, true)
}

func dueListsOldestFirst(t *testing.T, b *bench) {
	b.fill()
	due := func(now time.Time, limit int) (ids []string) {
		sources, err := b.Due(b.ctx, now, limit)
		b.ok(err)
		for _, s := range sources {
			ids = append(ids, s.ID)
		}
		return ids
	}
	b.same(due(dawn, 0), []string{delib, subv, star})
	b.ok(b.Schedule(b.ctx, map[string]time.Time{delib: day(2), star: day(1)}))
	b.same(due(dawn, 10), []string{subv})
	b.same(due(day(1), 10), []string{subv, star})
	b.same(due(day(2), 10), []string{subv, star, delib})
	b.same(due(day(2), 2), []string{subv, star})
	b.same(b.source(star).NextRun, day(1))

	// All or none.
	b.is(b.Schedule(b.ctx, map[string]time.Time{delib: day(9), "unknown": day(9)}), catalog.ErrNotFound)
	b.same(b.source(delib).NextRun, day(2))
}
