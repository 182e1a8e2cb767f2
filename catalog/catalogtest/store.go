package catalogtest

import (
	"context"
	"errors"
	"fmt"
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
		{"LogosLiveAsLongAsTheirMember", logosLive},
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
		{"HostMakesASourceThatNoClockRuns", hostMakesASource},
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
		{"RenditionsAreKeptInCreationOrder", renditionsAreKept},
		{"RenditionsGoWithTheirDataset", renditionsGoWithTheirDataset},
		{"FilesAreFoundByVersion", filesAreFound},
		{"PruneReturnsKeysThatNothingNames", pruneReturnsKeys},
		{"PruneLeavesGaps", pruneLeavesGaps},
		{"ForgetRunsKeepsWhatMatters", forgetRuns},
		{"ForgetRunsKeepsTheTwentyNewest", forgetRunsKeepsNewest},
		{"KeysAreAllThatIsNamed", keysAreNamed},
		{"EventsAndCursors", eventsAndCursors},
		{"AuditIsChained", auditIsChained},
		{"AuditRollsBackWithWhatItTells", auditRollsBack},
		{"FeedsAreKeptUntilAPersonLetsThemPass", feedsAreKept},
		{"WithdrawTakesEverything", withdrawTakesEverything},
		{"WithdrawnStaysAwayUntilReinstated", withdrawnStaysAway},
		{"ExpungeTakesOneVersion", expungeTakesOne},
		{"StatsCount", statsCount},

		{"RefusalPutsTheLastGoodVersionBack", refusalPutsBack},
		{"RefusalOfAFirstDeliveryChangesNothingOnline", refusalOfAFirstDelivery},
		{"DecisionsNeedADeliveryThatWaits", decisionsNeedADelivery},
		{"ReleaseIsWrittenWithItsVersionOrNotAtAll", releaseIsWrittenWithItsVersion},
		{"ReleaseOfTheSameIsWrittenToo", releaseOfTheSame},
		{"RefusedAgainIsNoCheck", refusedAgain},
		{"DecisionsAreListedNewestFirst", decisionsAreListed},
		{"TimelineTellsWhatWasOnlineWhen", timelineTells},
		{"SourcesHaveGatesOfTheirOwn", sourcesHaveGates},
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
			{SIREN: val, Name: "Val-d’Aurence Agglomération", Kind: catalog.EPCI, Population: 41200, Mandates: []string{"scdl/subventions"}},
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
	d.Origins = &catalog.File{Key: "origins/" + content, Bytes: 5, Rows: 12, SHA256: content + "-origins"}
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
		"Prune":         func() error { _, err := b.Prune(b.ctx, id, catalog.PrunePolicy{Last: 3}); return err },
		"Run":           func() error { _, err := b.Run(b.ctx, "none"); return err },
		"Timeline":      func() error { _, err := b.Timeline(b.ctx, id); return err },
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
