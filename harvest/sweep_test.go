package harvest_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"grenier/catalog"
	"grenier/harvest"
	"grenier/publish"
)

const daily = 24 * time.Hour

// age makes every blob look as if it had been given that long ago.
func (b *bench) age(by time.Duration) {
	b.Helper()
	then := time.Now().Add(-by)
	for key := range b.keys() {
		if err := os.Chtimes(filepath.Join(b.dir, "blobs", key), then, then); err != nil && !errors.Is(err, fs.ErrNotExist) {
			b.Fatal(err)
		}
	}
}

// keys are the blobs, with their sizes.
func (b *bench) keys() map[string]int64 {
	b.Helper()
	found := map[string]int64{}
	err := b.blobs.Each(context.Background(), "", func(key string, size int64, _ time.Time) error { found[key] = size; return nil })
	if err != nil {
		b.Fatal(err)
	}
	return found
}

func (b *bench) sweep(opt harvest.SweepOptions) harvest.SweepResult {
	b.Helper()
	done, err := harvest.Sweep(context.Background(), b.store, b.blobs, opt)
	if err != nil {
		b.Fatal(err)
	}
	return done
}

// intact wants every blob that the catalogue names.
func (b *bench) intact() {
	b.Helper()
	err := b.store.Keys(context.Background(), func(key string) error {
		_, err := b.blobs.Stat(context.Background(), key)
		return err
	})
	if err != nil {
		b.Errorf("the catalogue names what is gone: %v", err)
	}
}

// put leaves a blob that nothing names.
func (b *bench) put(key, content string) {
	b.Helper()
	path := filepath.Join(b.dir, "blobs", key)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		b.Fatal(err)
	}
}

// keepOne keeps the version online only.
const keepOne = grants + "keep: 1\n"

// versions publishes n versions, each another delivery with a refused row.
func versions(b *bench, n int) (runs []catalog.Run) {
	for i := range n {
		b.set("subventions", answer{body: grantFile(10+i, 1)})
		runs = append(runs, b.run("subventions", harvest.Ask{}, catalog.Published))
	}
	return runs
}

func TestSweep_DeletesTheFilesOfForgottenVersionsAndRuns(t *testing.T) {
	b := newBench(t, keepOne)
	runs := versions(b, 3)
	before := b.keys()
	if got := b.sweep(harvest.SweepOptions{}); got != (harvest.SweepResult{}) {
		t.Fatalf("young files were swept: %+v", got)
	}
	b.age(8 * daily)

	// Versions 1 and 2 are forgotten, their runs are not: the deliveries stay, the published files go.
	dry := b.sweep(harvest.SweepOptions{DryRun: true})
	if len(b.keys()) != len(before) {
		t.Fatal("a dry run deleted something")
	}
	got := b.sweep(harvest.SweepOptions{})
	formats := len(b.dataset("subventions").Files) + 1 // and the origins
	if got != dry || got.Runs != 0 || got.Blobs != 2*formats {
		t.Errorf("swept %+v, announced %+v, want the files of two versions of %d files", got, dry, formats)
	}
	after, freed := b.keys(), int64(0)
	for key, size := range before {
		if _, ok := after[key]; !ok {
			freed += size
			if !strings.HasPrefix(key, "pub/") && !strings.HasPrefix(key, "origins/") {
				t.Errorf("%s is gone", key)
			}
		}
	}
	if freed != got.Bytes {
		t.Errorf("freed %d bytes, says %d", freed, got.Bytes)
	}
	b.intact()

	// Two hundred days later, after many runs that found nothing new, the first two deliveries go too.
	for range 20 {
		b.run("subventions", harvest.Ask{}, catalog.Unchanged)
	}
	later := time.Now().Add(200 * daily)
	if got := b.sweep(harvest.SweepOptions{Now: later}); got.Runs != 2 || got.Blobs != 4 { // raw and quarantine of each
		t.Errorf("later: %+v", got)
	}
	for i, gone := range []bool{true, true, false} {
		_, err := b.blobs.Stat(context.Background(), runs[i].Documents[0].Key())
		if errors.Is(err, fs.ErrNotExist) != gone {
			t.Errorf("delivery %d: %v", i+1, err)
		}
	}
	b.intact()
	if got := b.sweep(harvest.SweepOptions{Now: later}); got != (harvest.SweepResult{}) {
		t.Errorf("swept twice: %+v", got)
	}
	b.set("subventions", answer{body: grantFile(10, 1)}) // the first delivery comes back
	b.run("subventions", harvest.Ask{Accept: "essai"}, catalog.Published)
	b.intact()
}

func TestSweep_LeavesWhatIsYoungAndWhatIsNotItsOwn(t *testing.T) {
	b := newBench(t, grants)
	versions(b, 1)
	b.put("raw/00/old", "12345")
	b.put("autre/old", "x")
	b.age(8 * daily)
	b.put("pub/00/young", "x")
	if got := b.sweep(harvest.SweepOptions{Grace: time.Minute}); got.Blobs != 1 || got.Bytes != 5 { // a grace under two days would be none
		t.Errorf("swept %+v", got)
	}
	left := b.keys()
	if _, ok := left["autre/old"]; !ok || len(left) == 1 {
		t.Errorf("left %v", slices.Collect(maps.Keys(left)))
	}
	if _, ok := left["pub/00/young"]; !ok {
		t.Error("a young file is gone")
	}
}

func TestSweep_KeepsTheTwinsOfWhatItKeeps(t *testing.T) {
	b := newBench(t, grants)
	versions(b, 1)
	var named string
	for key := range b.keys() {
		if strings.HasPrefix(key, "pub/") {
			named = key
		}
	}
	for _, e := range publish.Encodings {
		b.put(e.Key(named), "jumeau")
		b.put(e.Key("pub/00/forgotten.csv"), "orphelin")
	}
	b.age(8 * daily)
	if got := b.sweep(harvest.SweepOptions{}); got.Blobs != len(publish.Encodings) {
		t.Errorf("swept %+v", got)
	}
	left := b.keys()
	for _, e := range publish.Encodings {
		if _, ok := left[e.Key(named)]; !ok {
			t.Errorf("the %s twin of %s is gone", e.Name, named)
		}
	}
}

func TestSweep_KeepsTheProfilesOfWhatItKeeps(t *testing.T) {
	b := newBench(t, grants)
	versions(b, 1)
	var kept string
	for key := range b.keys() {
		if strings.HasSuffix(key, ".parquet") && strings.HasPrefix(key, "pub/") {
			kept = publish.ProfileKey(strings.TrimSuffix(path.Base(key), ".parquet"))
		}
	}
	if kept == "" {
		t.Fatal("no Parquet file")
	}
	b.put(kept, "profil")
	b.put("profile/00/forgotten.json", "orphelin")
	b.age(8 * daily)
	if got := b.sweep(harvest.SweepOptions{}); got.Blobs != 1 {
		t.Errorf("swept %+v", got)
	}
	if _, ok := b.keys()[kept]; !ok {
		t.Error("the profile is gone")
	}
}

func TestSweep_LeavesTheFilesOfAnotherCatalogue(t *testing.T) {
	old, fresh := newBench(t, grants), newBench(t, grants)
	versions(old, 2)
	old.age(300 * daily)
	for _, dry := range []bool{true, false} {
		_, err := harvest.Sweep(context.Background(), fresh.store, old.blobs, harvest.SweepOptions{DryRun: dry})
		if !errors.Is(err, harvest.ErrNotTheirCatalogue) {
			t.Errorf("an empty catalogue: %v", err)
		}
	}
	fresh.set("subventions", answer{body: grantFile(40, 0)})
	fresh.run("subventions", harvest.Ask{}, catalog.Published)
	if _, err := harvest.Sweep(context.Background(), fresh.store, old.blobs, harvest.SweepOptions{}); !errors.Is(err, harvest.ErrNotTheirCatalogue) {
		t.Errorf("a catalogue of other files: %v", err)
	}
	old.intact()
	if got := newBench(t).sweep(harvest.SweepOptions{}); got != (harvest.SweepResult{}) {
		t.Errorf("a catalogue and a store that are both empty: %+v", got)
	}
}

// A hooked store calls hook before each reading of the names.
type hooked struct {
	catalog.Store
	calls int
	hook  func(call int)
}

func (h *hooked) Keys(ctx context.Context, fn func(string) error) error {
	h.calls++
	h.hook(h.calls)
	return h.Store.Keys(ctx, fn)
}

// A delivery that comes back names files that nothing names and that are old. Wherever a run stands while a sweep passes, its files stay.
func TestSweep_LeavesTheFilesOfARunUnderWay(t *testing.T) {
	for call := 1; call <= 2; call++ { // before the first look at the catalogue, and between the list of candidates and their deletion
		t.Run(fmt.Sprintf("at look %d", call), func(t *testing.T) {
			b := newBench(t, keepOne)
			versions(b, 2)
			for range 20 {
				b.run("subventions", harvest.Ask{}, catalog.Unchanged)
			}
			b.age(8 * daily)
			b.set("subventions", answer{body: grantFile(10, 1)}) // those of version 1
			store := &hooked{Store: b.store, hook: func(n int) {
				if n == call {
					b.run("subventions", harvest.Ask{Accept: "essai"}, catalog.Published)
				}
			}}
			_, err := harvest.Sweep(context.Background(), store, b.blobs, harvest.SweepOptions{Now: time.Now(), Runs: time.Nanosecond})
			if err != nil {
				t.Fatal(err)
			}
			if v := b.dataset("subventions").Version; v != 3 {
				t.Errorf("version %d", v)
			}
			b.intact()
		})
	}
}

// A paused store stops a run after its files are stored and before the catalogue names them.
type paused struct {
	catalog.Store
	stop func()
}

func (p *paused) Publish(ctx context.Context, d catalog.Dataset, run catalog.Run) (catalog.Dataset, error) {
	p.stop()
	return p.Store.Publish(ctx, d, run)
}

func TestSweep_LeavesADraftThatIsStoredAndNotYetNamed(t *testing.T) {
	b := newBench(t, keepOne)
	versions(b, 2)
	for range 20 {
		b.run("subventions", harvest.Ask{}, catalog.Unchanged)
	}
	b.age(8 * daily)
	b.set("subventions", answer{body: grantFile(10, 1)})
	swept := harvest.SweepResult{}
	b.runner.Store = &paused{Store: b.store, stop: func() {
		swept = b.sweep(harvest.SweepOptions{Runs: time.Nanosecond})
	}}
	b.run("subventions", harvest.Ask{Accept: "essai"}, catalog.Published)
	b.intact()
	if swept.Runs == 0 {
		t.Error("the sweep forgot no run: the test tests nothing")
	}
	b.runner.Store = b.store
	b.age(8 * daily)
	if got := b.sweep(harvest.SweepOptions{}); got.Blobs == 0 {
		t.Error("nothing was left to sweep afterwards: the test tests nothing")
	}
	b.intact()
}

func TestSweep_BesideRunsLosesNothing(t *testing.T) {
	b := newBench(t, keepOne)
	b.set("subventions", answer{body: grantFile(30, 0)})
	b.run("subventions", harvest.Ask{}, catalog.Published)
	var stop atomic.Bool
	var sweeps sync.WaitGroup
	swept := 0
	halt := func() { stop.Store(true); sweeps.Wait() }
	defer halt()
	sweeps.Go(func() {
		for !stop.Load() {
			got, err := harvest.Sweep(context.Background(), b.store, b.blobs, harvest.SweepOptions{Runs: time.Nanosecond})
			if err != nil {
				t.Errorf("sweep: %v", err)
				return
			}
			swept += got.Blobs
		}
	})
	for i := range 40 { // the same three deliveries over and over, the old ones aged as if a week had passed
		b.age(8 * daily)
		b.set("subventions", answer{body: grantFile(30+i%3, 0)})
		if _, err := b.runner.Run(context.Background(), b.source("subventions"), harvest.Ask{}); err != nil {
			t.Fatal(err)
		}
		for _, f := range b.dataset("subventions").Files {
			if _, err := b.blobs.Stat(context.Background(), f.Key); err != nil {
				t.Fatalf("round %d: a file online is gone: %v", i, err)
			}
		}
	}
	halt()
	if swept == 0 {
		t.Error("nothing was swept: the test tests nothing")
	}
	b.intact()
}

// A failing blob store dies after some deletions, like a process that is killed.
type failing struct {
	publish.BlobStore
	left int
}

var errKilled = errors.New("killed")

func (f *failing) Expire(ctx context.Context, key string, before time.Time) (bool, error) {
	if f.left--; f.left < 0 {
		return false, errKilled
	}
	return f.BlobStore.Expire(ctx, key, before)
}

func TestSweep_StoppedInTheMiddleIsFinishedByTheNext(t *testing.T) {
	b := newBench(t, grants)
	versions(b, 1)
	for i := range 1500 { // more than a batch
		b.put(fmt.Sprintf("raw/%02d/%04d", i%100, i), "x")
	}
	b.age(8 * daily)
	first, err := harvest.Sweep(context.Background(), b.store, &failing{b.blobs, 1100}, harvest.SweepOptions{})
	if !errors.Is(err, errKilled) || first.Blobs != 1100 {
		t.Fatalf("got %+v, %v", first, err)
	}
	b.intact()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if got, err := harvest.Sweep(ctx, b.store, b.blobs, harvest.SweepOptions{}); !errors.Is(err, context.Canceled) || got.Blobs != 0 {
		t.Errorf("cancelled: %+v, %v", got, err)
	}
	if got := b.sweep(harvest.SweepOptions{}); got.Blobs != 400 || got.Bytes != 400 {
		t.Errorf("the next sweep: %+v", got)
	}
	b.intact()
}
