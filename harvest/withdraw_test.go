package harvest_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"grenier/catalog"
	"grenier/harvest"
	"grenier/publish"
)

// stubborn blobs do not let themselves be deleted, some of them.
type stubborn struct {
	publish.BlobStore
	kept func(key string) bool
}

var errStubborn = errors.New("stubborn")

func (s *stubborn) Delete(ctx context.Context, key string) error {
	if s.kept(key) {
		return errStubborn
	}
	return s.BlobStore.Delete(ctx, key)
}

func TestPurge_GoesOnWithWhatCouldNotBeDeleted(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, grants)
	b.set("subventions", answer{body: grantFile(400, 3)})
	b.run("subventions", harvest.Ask{}, catalog.Published)
	keys, err := b.store.Withdraw(ctx, catalog.Withdrawal{Dataset: b.datasetID("subventions"), By: "Mme Roche"})
	if err != nil || len(keys) < 4 {
		t.Fatal(keys, err)
	}
	for key := range b.keys() {
		if strings.HasPrefix(key, "pub/") && strings.HasSuffix(key, ".csv") {
			b.put(publish.Encodings[0].Key(key), "jumeau")
		}
	}
	blobs := &stubborn{b.blobs, func(key string) bool {
		return strings.HasPrefix(key, "raw/") || strings.HasPrefix(key, "pub/") && strings.HasSuffix(key, ".csv.gz")
	}}
	deleted, kept, err := harvest.Purge(ctx, b.store, blobs)
	if err != nil || deleted+len(kept) != len(keys) || len(kept) != 2 || !errors.Is(kept[0].Err, errStubborn) {
		t.Fatalf("deleted %d of %d, kept %v, %v", deleted, len(keys), kept, err)
	}
	if n := b.blobCount("raw/") + b.blobCount("pub/"); n != 3 { // the original, the CSV and its twin: the twin goes first
		t.Errorf("%d blobs are left", n)
	}
	deleted, kept, err = harvest.Purge(ctx, b.store, b.blobs)
	if err != nil || deleted != 2 || len(kept) != 0 {
		t.Errorf("then deleted %d, kept %v, %v", deleted, kept, err)
	}
	if left := b.keys(); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if deleted, kept, err = harvest.Purge(ctx, b.store, b.blobs); deleted != 0 || len(kept) != 0 || err != nil {
		t.Errorf("a third time: %d, %v, %v", deleted, kept, err)
	}
}

func TestRun_OfAWithdrawnDatasetReadsNothingUntilItIsReinstated(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, grants)
	b.set("subventions", answer{body: grantFile(30, 0)})
	b.run("subventions", harvest.Ask{}, catalog.Published)
	w := catalog.Withdrawal{Dataset: b.datasetID("subventions"), By: "Mme Roche"}
	if _, err := b.store.Withdraw(ctx, w); err != nil {
		t.Fatal(err)
	}
	if _, _, err := harvest.Purge(ctx, b.store, b.blobs); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		run := b.run("subventions", harvest.Ask{}, catalog.Failed)
		saysInFrench(t, strings.ReplaceAll(run.Message, "grenier withdraw --undo", "commande"), "retiré du portail")
		if run.Retry || run.Bytes != 0 || len(b.keys()) != 0 {
			t.Errorf("retry %v, %d bytes read, blobs %v", run.Retry, run.Bytes, b.keys())
		}
	}
	if err := b.store.Reinstate(ctx, w); err != nil {
		t.Fatal(err)
	}
	b.run("subventions", harvest.Ask{}, catalog.Published)
	if d := b.dataset("subventions"); d.Version != 2 {
		t.Errorf("version %d", d.Version)
	}
	b.intact()
}

func TestUnweave_TakesADatasetOutOfEveryVersionOfItsSeries(t *testing.T) {
	ctx := context.Background()
	c := newCounty(t, grants)
	for i := range 2 { // version 1 holds the second town alone, version 2 both
		c.deliver(1-i, "subventions", grantFile(5+i, 0))
		c.harvest(1-i, "subventions", catalog.Published)
		c.follow()
	}
	both := c.whole("scdl/subventions")
	d, err := c.store.Dataset(ctx, catalog.DatasetID(c.runner.Namespace, towns[0].SIREN, "scdl/subventions"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.store.Withdraw(ctx, catalog.Withdrawal{Dataset: d.ID, By: "Mme Roche"}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing to do
		if err := c.series.Unweave(ctx, d); err != nil {
			t.Fatal(err)
		}
		if _, kept, err := harvest.Purge(ctx, c.store, c.runner.Blobs); err != nil || len(kept) > 0 {
			t.Fatal(kept, err)
		}
	}
	now := c.whole("scdl/subventions")
	if now.Version != 3 || now.Rows != 5 || now.Status != catalog.DatasetPublished {
		t.Errorf("the series is version %d with %d rows, %s", now.Version, now.Rows, now.Status)
	}
	for version, want := range map[int]error{1: nil, 2: catalog.ErrNotFound, 3: nil} {
		f, _, err := c.store.File(ctx, now.Files[0].ID, version)
		if !errors.Is(err, want) {
			t.Errorf("version %d: %v", version, err)
		}
		if err == nil {
			c.through(f.Key)
		}
	}
	for _, f := range both.Files {
		if _, err := c.blobs.Stat(ctx, f.Key); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s with both towns is still there: %v", f.Name, err)
		}
	}
	c.intact()
}

func TestSnapshots_AreWrittenWhenSomethingChangedAndThreeStay(t *testing.T) {
	ctx := context.Background()
	b := newBench(t)
	s := &harvest.Snapshots{Store: b.store, Blobs: b.blobs, Log: b.runner.Log}
	write := func(want bool, kept int) {
		t.Helper()
		written, err := s.Write(ctx)
		list, err2 := harvest.ListSnapshots(ctx, b.blobs)
		if err := errors.Join(err, err2); err != nil || written != want || len(list) != kept {
			t.Fatalf("written %v, %d kept, %v; want %v, %d", written, len(list), err, want, kept)
		}
	}
	fresh := newBench(t) // holds a member from its manifest
	empty := &harvest.Snapshots{Store: fresh.store, Blobs: b.blobs, Log: b.runner.Log}
	write(true, 1)
	write(false, 1)
	b.apply(grants)
	write(true, 2)
	for n := range 4 {
		b.set("subventions", answer{body: grantFile(30+n, 0)})
		b.run("subventions", harvest.Ask{}, catalog.Published)
		write(true, 3)
	}
	b.run("subventions", harvest.Ask{}, catalog.Unchanged)
	write(false, 3)
	again := &harvest.Snapshots{Store: b.store, Blobs: b.blobs, Log: b.runner.Log} // another process
	if written, err := again.Write(ctx); written || err != nil {
		t.Errorf("another process writes the same again: %v, %v", written, err)
	}

	// The snapshots of another catalogue in the same place stay.
	for n := range 5 {
		if err := fresh.store.Note(ctx, catalog.AuditEntry{Action: "x", Object: string(rune('a' + n))}); err != nil {
			t.Fatal(err)
		}
		if _, err := empty.Write(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if list, _ := harvest.ListSnapshots(ctx, b.blobs); len(list) != 6 {
		t.Errorf("%d snapshots of two catalogues, want 6", len(list))
	}
	if err := s.Replace(ctx); err != nil {
		t.Fatal(err)
	}
	list, _ := harvest.ListSnapshots(ctx, b.blobs)
	mine, _ := b.store.Namespace(ctx)
	if n := len(slices.DeleteFunc(slices.Clone(list), func(x harvest.Snapshot) bool { return x.Namespace != mine })); len(list) != 4 || n != 1 {
		t.Errorf("after Replace %d of %d are ours", n, len(list))
	}
	// The sweep leaves them alone.
	b.age(90 * daily)
	b.sweep(harvest.SweepOptions{})
	if after, _ := harvest.ListSnapshots(ctx, b.blobs); len(after) != 4 {
		t.Errorf("%d snapshots after a sweep", len(after))
	}
}

// One byte flipped anywhere, in any file, is found and its owner named.
func TestInspect_FindsOneByteFlippedAnywhere(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, grants)
	b.set("subventions", answer{body: grantFile(400, 3)})
	b.run("subventions", harvest.Ask{}, catalog.Published)
	whole, err := harvest.Inspect(ctx, b.store, b.blobs, harvest.InspectOptions{})
	if err != nil || len(whole.Damaged) != 0 || whole.Blobs < 5 {
		t.Fatalf("%+v, %v", whole, err)
	}
	kinds := map[string]bool{}
	for key, size := range b.keys() {
		path := filepath.Join(b.dir, "blobs", key)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []int64{0, 1, size / 3, size / 2, size - 2, size - 1} {
			bad := slices.Clone(good)
			bad[at] ^= 1 << (at % 8)
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			found, err := harvest.Inspect(ctx, b.store, b.blobs, harvest.InspectOptions{})
			if err != nil || len(found.Damaged) != 1 || found.Damaged[0].Key != key || found.Damaged[0].Missing || !errors.Is(found.Damaged[0].Err, publish.ErrDamaged) {
				t.Fatalf("%s, byte %d: %+v, %v", key, at, found, err)
			}
			d := found.Damaged[0]
			if len(d.Uses) != 1 || d.Uses[0].Member.Name != town.Name || d.Uses[0].Source != town.SIREN+"/subventions" || d.Twin != strings.HasSuffix(key, ".gz") {
				t.Fatalf("%s is told as %+v", key, d)
			}
			kinds[d.Uses[0].Kind] = true
		}
		if err := os.WriteFile(path, good[:size-1], 0o600); err != nil {
			t.Fatal(err)
		}
		if found, err := harvest.Inspect(ctx, b.store, b.blobs, harvest.InspectOptions{}); err != nil || len(found.Damaged) != 1 {
			t.Fatalf("%s cut: %+v, %v", key, found, err)
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if len(kinds) != 4 {
		t.Errorf("only %v were damaged", kinds)
	}
	read := 0
	some, err := harvest.Inspect(ctx, b.store, b.blobs, harvest.InspectOptions{Sample: 2, Progress: func(done, total int) {
		if read++; done != read || total != 2 {
			t.Errorf("progress %d of %d", done, total)
		}
	}})
	if err != nil || some.Blobs != 2 || read != 2 {
		t.Errorf("a sample of two: %+v, %v", some, err)
	}
}

func TestDiscard_LetsAForcedHarvestMendWhatIsDamaged(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, grants)
	b.set("subventions", answer{body: grantFile(400, 3)})
	b.run("subventions", harvest.Ask{}, catalog.Published)
	before := b.keys()
	n := 0
	for key, size := range before {
		path := filepath.Join(b.dir, "blobs", key)
		if n++; n%2 == 0 {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.run("subventions", harvest.Ask{Force: true}, catalog.Unchanged) // writes what is missing, leaves what is there
	found, err := harvest.Inspect(ctx, b.store, b.blobs, harvest.InspectOptions{})
	if err != nil || len(found.Damaged) == 0 {
		t.Fatalf("nothing is damaged: the test tests nothing: %+v, %v", found, err)
	}
	sources, err := harvest.Discard(ctx, b.blobs, found.Damaged)
	if err != nil || !slices.Equal(sources, []string{town.SIREN + "/subventions"}) {
		t.Fatal(sources, err)
	}
	b.run("subventions", harvest.Ask{Force: true}, catalog.Unchanged)
	if found, err = harvest.Inspect(ctx, b.store, b.blobs, harvest.InspectOptions{}); err != nil || len(found.Damaged) != 0 {
		t.Errorf("still damaged: %+v, %v", found, err)
	}
	for key, size := range before {
		if now := b.keys()[key]; now != size {
			t.Errorf("%s has %d bytes, had %d", key, now, size)
		}
	}
	if v := b.dataset("subventions").Version; v != 1 {
		t.Errorf("version %d", v)
	}
}
