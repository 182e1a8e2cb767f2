package catalogtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"grenier/catalog"
	"grenier/schemas"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
)

// Store checks the promises of catalog.Store. open gives a store with nothing in it, and closes it after the test.
func Store(t *testing.T, open func(t *testing.T) catalog.Store) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *bench)
	}{
		{"NamespaceIsMadeOnce", namespaceIsMadeOnce},
		{"ReadsOfMissingThingsAreErrNotFound", readsOfMissingThings},
		{"EmptyCatalogueIsSound", emptyCatalogueIsSound},

		{"ApplyPlansInStableOrder", applyPlansInStableOrder},
		{"ApplyTwiceChangesNothing", applyTwiceChangesNothing},
		{"ApplyNamesTheFieldsThatDiffer", applyNamesFields},
		{"ApplyDryRunWritesNothing", applyDryRun},
		{"ApplyIsAllOrNothing", applyIsAllOrNothing},
		{"ApplyKeepsWhatRunsWrote", applyKeepsWhatRunsWrote},
		{"ApplyPruneDisablesAndNeverDeletes", applyPrune},
		{"ApplyPruneKeepsWhatSourcesNeed", applyPruneKeepsNeeded},
		{"ApplyTellsOfMembersThatChanged", applyTellsOfMembers},
		{"MembersAreFoundWhateverTheAccents", membersAreFound},
		{"SourcesAreSelected", sourcesAreSelected},
		{"DueListsOldestFirst", dueListsOldestFirst},

		{"StartIsRefusedWhileARunLives", startIsRefused},
		{"StartAbandonsARunWhoseLeaseIsPast", startAbandons},
		{"TwoStartsAtOnceHaveOneWinner", twoStarts},
		{"ExtendKeepsARunAlive", extendKeepsAlive},
		{"AbandonedEndsRunsInFrench", abandonedEndsRuns},

		{"PublishMakesTheFirstVersion", publishFirst},
		{"PublishMovesToTheNextVersion", publishNext},
		{"PublishOfTheSameKeepsModified", publishSame},
		{"PublishWithoutLivingRunChangesNothing", publishWithoutRun},
		{"PublishIsAllOrNothing", publishIsAllOrNothing},
		{"PublishKeepsAHistoryOfFive", publishHistory},
		{"SlugsAreUniqueAndOldOnesAreFound", slugs},
		{"ManyPublishAtOnce", manyPublish},

		{"UnchangedMovesCheckedOnly", unchangedMovesChecked},
		{"HeldIsToldOnceAndEndsWithAPublication", heldIsTold},
		{"HeldEndsWhenThePublishedBytesComeBack", heldEnds},
		{"ThirdFailureMakesStale", thirdFailure},
		{"FailuresBeforeTheFirstVersionAreCounted", failuresBeforeFirst},
		{"RecordRefusesWhatIsNoEnd", recordRefuses},
		{"FiftyRecordsAtOnce", fiftyRecords},
		{"CancelledCallsChangeNothing", cancelledCalls},

		{"ReportsComeBackWhole", reportsComeBack},
		{"RunsAreListedNewestFirst", runsAreListed},
		{"DatasetsAreSelectedNewestChangeFirst", datasetsAreSelected},
		{"EachDatasetGoesInCreationOrder", eachDataset},
		{"FilesAreFoundByVersion", filesAreFound},
		{"PruneReturnsKeysThatNothingNames", pruneReturnsKeys},
		{"ForgetRunsKeepsWhatMatters", forgetRuns},
		{"ForgetRunsKeepsTheTwentyNewest", forgetRunsKeepsNewest},
		{"KeysAreAllThatIsNamed", keysAreNamed},
		{"EventsAndCursors", eventsAndCursors},
		{"StatsCount", statsCount},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, &bench{Store: open(t), t: t, ctx: context.Background()})
		})
	}
}

const (
	aubin  = "213900137" // the members of a département that does not exist
	etoile = "213900236"
	val    = "243900415"
)

// dawn is when the suite's time begins.
var dawn = time.Date(2026, 11, 23, 4, 10, 0, 123456000, time.UTC)

func day(n int) time.Time { return dawn.AddDate(0, 0, n) }

// A bench is one store under test.
type bench struct {
	catalog.Store
	t   *testing.T
	ctx context.Context
	n   int
	mu  sync.Mutex
}

func (b *bench) ok(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) is(err, want error) {
	b.t.Helper()
	if !errors.Is(err, want) {
		b.t.Fatalf("got error %v, want %v", err, want)
	}
}

func (b *bench) same(got, want any) {
	b.t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(schemas.Report{})); diff != "" {
		b.t.Fatalf("got + want -\n%s", diff)
	}
}

func manifest() catalog.Manifest {
	return catalog.Manifest{
		Members: []catalog.Member{
			{SIREN: val, Name: "Val-d’Aurence Agglomération", Kind: catalog.EPCI, Population: 41200},
			{SIREN: aubin, Name: "Saint-Aubin-sur-Aurence", Kind: catalog.Commune, INSEE: "39013", SIRET: aubin + "00018", Population: 812,
				Email: "mairie@saint-aubin.example", Website: "https://saint-aubin.example", BBox: &catalog.BBox{West: 5.5, South: 46.5, East: 5.6, North: 46.6}},
			{SIREN: etoile, Name: "Étoile-les-Œillets", Kind: catalog.Commune, INSEE: "39023", Population: 95},
		},
		Recipes: []catalog.Recipe{{Name: "actes-delib", Text: "name: actes-delib\n"}},
		Sources: []catalog.Source{
			{ID: etoile + "/deliberations", Member: etoile, Recipe: "actes-delib", Key: "scdl/deliberations"},
			{ID: aubin + "/deliberations", Member: aubin, Recipe: "actes-delib", Key: "scdl/deliberations",
				Params: map[string]string{"url": "https://actes.example/?a=1&b=<é>"}, Schedule: "0 5 * * *"},
			{ID: aubin + "/subventions", Member: aubin, Recipe: "actes-delib", Key: "scdl/subventions"},
		},
	}
}

const (
	delib = aubin + "/deliberations"
	subv  = aubin + "/subventions"
	star  = etoile + "/deliberations"
)

func (b *bench) apply(m catalog.Manifest, opt catalog.ApplyOptions) []catalog.Change {
	b.t.Helper()
	changes, err := b.Apply(b.ctx, m, opt)
	b.ok(err)
	return changes
}

// fill applies the suite's manifest.
func (b *bench) fill() { b.t.Helper(); b.apply(manifest(), catalog.ApplyOptions{}) }

// start begins a run of the source.
func (b *bench) start(source string, at time.Time) catalog.Run {
	b.t.Helper()
	run := b.run(source, at)
	b.ok(b.Start(b.ctx, run))
	return run
}

func (b *bench) run(source string, at time.Time) catalog.Run {
	b.mu.Lock()
	b.n++
	id := fmt.Sprintf("00000000-0000-7000-8000-%012d", b.n)
	b.mu.Unlock()
	siren, _, _ := strings.Cut(source, "/")
	return catalog.Run{ID: id, Source: source, Member: siren, Slot: "manual", Attempt: 1, Started: at, Lease: at.Add(time.Minute), Status: catalog.Running}
}

// end records the end of a new run.
func (b *bench) end(source string, at time.Time, status catalog.Status) catalog.Run {
	b.t.Helper()
	run := b.start(source, at)
	run.Status, run.Ended = status, at.Add(time.Second)
	b.ok(b.Record(b.ctx, run))
	return run
}

var namespace = uuid.MustParse("5f1c6a52-4d2f-4b62-9a36-0d0c8f1b7d11")

// dataset describes a dataset whose file holds content.
func dataset(source, title, content string) catalog.Dataset {
	siren, name, _ := strings.Cut(source, "/")
	d := catalog.Dataset{
		ID: catalog.DatasetID(namespace, siren, "scdl/"+name), Key: "scdl/" + name, Member: catalog.Member{SIREN: siren}, Source: source,
		Title: title, Description: "Ce que le conseil a décidé.", SchemaName: "scdl/" + name, SchemaVersion: "2.1.5",
		SchemaURL: "https://schema.example/" + name, Keywords: []string{"conseil", "délibération"}, Themes: []string{"GOVE"}, HVD: "c_a9135398",
		License: "lov2", Frequency: "DAILY", TemporalFrom: "2024-01-05", TemporalTo: "2026-11-20", Valid: true, Rows: 12, Rejected: 1,
		Fields: []catalog.FieldInfo{{Name: "DELIB_ID", Title: "Numéro", Type: "string"}, {Name: "DELIB_DATE", Type: "date"}},
	}
	for _, format := range []string{"csv", "parquet"} {
		d.Files = append(d.Files, catalog.File{
			ID: catalog.FileID(d.ID, format), Format: format, Name: name + "." + format, Title: "Tableau " + format, Key: "pub/" + content + "." + format,
			Bytes: int64(len(content)), Rows: 12, SHA256: content + "-" + format,
		})
	}
	return d
}

// publish starts a run and publishes d with it, and checks that reads tell the same.
func (b *bench) publish(d catalog.Dataset, at time.Time) (catalog.Dataset, catalog.Run) {
	b.t.Helper()
	run := b.start(d.Source, at)
	return b.publishWith(d, finished(run, at))
}

// finished is run with everything the line knows at the end.
func finished(run catalog.Run, at time.Time) catalog.Run {
	run.Ended, run.Rows, run.Accepted, run.Rejected, run.Bytes = at.Add(2*time.Second), 13, 12, 1, 4321
	run.State, run.Process, run.Columns = `{"etag":"\"abc\""}`, "p1", []string{"DELIB_ID", "DELIB_DATE"}
	run.Documents = []catalog.Raw{{Name: "delib.csv", MediaType: "text/csv", SHA256: "d1", Bytes: 4321}}
	return run
}

func (b *bench) publishWith(d catalog.Dataset, run catalog.Run) (catalog.Dataset, catalog.Run) {
	b.t.Helper()
	got, err := b.Publish(b.ctx, d, run)
	b.ok(err)
	read, err := b.Dataset(b.ctx, d.ID)
	b.ok(err)
	b.same(read, got)
	return got, run
}

func (b *bench) status(source string) catalog.DatasetStatus {
	b.t.Helper()
	_, name, _ := strings.Cut(source, "/")
	siren, _, _ := strings.Cut(source, "/")
	d, err := b.Dataset(b.ctx, catalog.DatasetID(namespace, siren, "scdl/"+name))
	b.ok(err)
	return d.Status
}

func (b *bench) source(id string) catalog.Source {
	b.t.Helper()
	s, err := b.Source(b.ctx, id)
	b.ok(err)
	return s
}

func (b *bench) events() []catalog.Event {
	b.t.Helper()
	events, err := b.Events(b.ctx, 0, 10_000)
	b.ok(err)
	return events
}

// kinds are the events so far.
func (b *bench) kinds() []catalog.EventKind {
	b.t.Helper()
	var kinds []catalog.EventKind
	for _, e := range b.events() {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func namespaceIsMadeOnce(t *testing.T, b *bench) {
	first, err := b.Namespace(b.ctx)
	b.ok(err)
	again, err := b.Namespace(b.ctx)
	b.ok(err)
	if first == uuid.Nil || first != again {
		t.Fatalf("namespaces %s and %s", first, again)
	}
}

func readsOfMissingThings(t *testing.T, b *bench) {
	b.fill()
	id := uuid.MustParse("00000000-0000-4000-8000-000000000001")
	for name, read := range map[string]func() error{
		"Member": func() error { _, err := b.Member(b.ctx, "000000000"); return err },
		"Recipe": func() error { _, err := b.Recipe(b.ctx, "none"); return err },
		"Source": func() error { _, err := b.Source(b.ctx, "none"); return err },
		"Sources": func() error {
			_, err := b.Sources(b.ctx, catalog.SourceQuery{IDs: []string{delib, "none"}})
			return err
		},
		"Schedule":      func() error { return b.Schedule(b.ctx, map[string]time.Time{"none": dawn}) },
		"Start":         func() error { return b.Start(b.ctx, b.run("none", dawn)) },
		"Extend":        func() error { return b.Extend(b.ctx, "none", dawn) },
		"Record":        func() error { return b.Record(b.ctx, catalog.Run{ID: "none", Source: delib, Status: catalog.Failed}) },
		"Dataset":       func() error { _, err := b.Dataset(b.ctx, id); return err },
		"DatasetBySlug": func() error { _, err := b.DatasetBySlug(b.ctx, "none"); return err },
		"Versions":      func() error { _, err := b.Versions(b.ctx, id); return err },
		"File":          func() error { _, _, err := b.File(b.ctx, id, 0); return err },
		"FileOfVersion": func() error { _, _, err := b.File(b.ctx, id, 3); return err },
		"Prune":         func() error { _, err := b.Prune(b.ctx, id, 3); return err },
		"Run":           func() error { _, err := b.Run(b.ctx, "none"); return err },
		"RunOfVersion":  func() error { _, err := b.RunOfVersion(b.ctx, id, 1); return err },
	} {
		if err := read(); !errors.Is(err, catalog.ErrNotFound) {
			t.Errorf("%s: got error %v, want ErrNotFound", name, err)
		}
	}
}

func emptyCatalogueIsSound(t *testing.T, b *bench) {
	b.ok(b.Check(b.ctx))
	members, n, err := b.Members(b.ctx, catalog.MemberQuery{})
	b.ok(err)
	ds, total, err := b.Datasets(b.ctx, catalog.DatasetQuery{Limit: 10})
	b.ok(err)
	events := b.events()
	if len(members)+n+len(ds)+total+len(events) != 0 {
		t.Fatalf("members %v, datasets %v, events %v", members, ds, events)
	}
	st, err := b.Stats(b.ctx)
	b.ok(err)
	b.same(st, catalog.Stats{ByStatus: map[catalog.Status]int{}})
	seq, err := b.Cursor(b.ctx, "index")
	b.ok(err)
	b.same(seq, int64(0))
}

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
	b.same(versions, []catalog.Version{{Dataset: d.ID, Number: 1, Run: run.ID, Published: ended, Rows: 12, Rejected: 1, Valid: true, Files: d.Files}})

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
	_, err := b.Prune(b.ctx, dataset(delib, "", "").ID, 1)
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
		keys, err := b.Prune(b.ctx, d.ID, keep)
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
	_, err := b.Prune(b.ctx, d.ID, 2)
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
	_, err := b.Prune(b.ctx, again.ID, 1)
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
	files := []string{"pub/a.csv", "pub/a.parquet", "pub/b.csv", "pub/b.parquet"}
	b.same(b.named(), append(files, "quarantine/f3.csv", key1, key2))

	_, err := b.Prune(b.ctx, d.ID, 1)
	b.ok(err)
	b.same(b.named(), append(files[2:4:4], "quarantine/f3.csv", key1, key2))
	for n := range 21 {
		b.end(delib, day(3+n), catalog.Unchanged)
	}
	b.forget(day(400))
	b.same(b.named(), append(files[2:4:4], key1)) // held is forgotten, the run of version 2 is not

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
