package publish_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"sync/atomic"
	"testing"

	"grenier/publish"
	"grenier/publish/publishtest"
	"grenier/schemas"

	"golang.org/x/sync/errgroup"
)

// storedDraft stores a draft of one text column in every format, and returns its files.
func storedDraft(t *testing.T, store publish.BlobStore, dir string, rows int) (files []publish.Pressed) {
	t.Helper()
	s := publishtest.Schema(schemas.Field{Name: "t", Type: schemas.String})
	d, err := publish.Begin(publish.Order{Schema: s, Formats: publish.FormatsFor(s), Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Discard()
	table := make([][]string, rows)
	for i := range table {
		table[i] = []string{strings.Repeat("mot ", i%20+1)}
	}
	if err := d.Write(publishtest.Batch(s, table)); err != nil {
		t.Fatal(err)
	}
	if files, _, err = d.Finish(); err != nil {
		t.Fatal(err)
	}
	if err := d.Store(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	return files
}

// openTwin asks for a twin and reads it.
func openTwin(t *testing.T, twins *publish.Twins, p publish.Pressed, e publish.Encoding) ([]byte, error) {
	t.Helper()
	b, err := twins.Open(t.Context(), formatNamed(t, p.Format), p.Key, p.Bytes, e)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	return io.ReadAll(b)
}

func TestTwins_AreMadeOfFilesThatCompressWellWhenFirstAskedFor(t *testing.T) {
	store := openDir(t)
	asked := publish.NewTwins(store)
	unpack := map[string]func([]byte) (io.Reader, error){
		".gz": func(b []byte) (io.Reader, error) { return gzip.NewReader(bytes.NewReader(b)) },
	}
	var twins int
	for _, p := range storedDraft(t, store, store.Temp(), 5000) {
		whole := stored(t, store, p.Key)
		f := formatNamed(t, p.Format)
		for _, e := range publish.Encodings {
			if publish.TwinOf(e.Key(p.Key)) != p.Key || publish.TwinOf(p.Key) != p.Key {
				t.Errorf("the twin of %s is not known for it", p.Key)
			}
			if _, err := store.Stat(t.Context(), e.Key(p.Key)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s has a twin before anybody asked: %v", p.Format, err)
			}
			first, err := openTwin(t, asked, p, e)
			if !f.Twins {
				if !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s has a twin: %v", p.Format, err)
				}
				continue
			}
			twins++
			packed := stored(t, store, e.Key(p.Key))
			if !bytes.Equal(first, packed) {
				t.Errorf("%s: the first reader got %d bytes, %v, the next ones %d", p.Format, len(first), err, len(packed))
			}
			r, err := unpack[e.Ext](packed)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, whole) {
				t.Errorf("%s of %s: %d bytes instead of %d, %v", e.Name, p.Format, len(got), len(whole), err)
			}
			if len(packed)*2 > len(whole) {
				t.Errorf("%s of %s: %d bytes of %d", e.Name, p.Format, len(packed), len(whole))
			}
		}
	}
	if want := 3 * len(publish.Encodings); twins != want {
		t.Errorf("%d twins, want the %d of csv, csv-excel and ndjson", twins, want)
	}
	if left := leftIn(t, store.Temp()); len(left) != 0 {
		t.Errorf("left %q", left)
	}
}

func TestTwins_AreNotMadeOfSmallFiles(t *testing.T) {
	store := openDir(t)
	twins := publish.NewTwins(store)
	for _, p := range storedDraft(t, store, store.Temp(), 10) {
		for _, e := range publish.Encodings {
			if _, err := openTwin(t, twins, p, e); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s of %d bytes has a twin: %v", p.Format, p.Bytes, err)
			}
		}
	}
}

func TestTwins_AreTheSameForTheSameFile(t *testing.T) {
	one, two := openDir(t), openDir(t)
	file := storedDraft(t, one, one.Temp(), 5000)[0]
	storedDraft(t, two, two.Temp(), 5000)
	for _, e := range publish.Encodings {
		a, errA := openTwin(t, publish.NewTwins(one), file, e)
		b, errB := openTwin(t, publish.NewTwins(two), file, e)
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%d bytes, %v, and %d bytes, %v", len(a), errA, len(b), errB)
		}
	}
}

// Many who ask at once wait for one twin. (-race looks on.)
func TestTwins_AreMadeOnceForManyReaders(t *testing.T) {
	store := &countingPuts{BlobStore: openDir(t)}
	file := storedDraft(t, store, t.TempDir(), 5000)[0]
	twins := publish.NewTwins(store)
	var g errgroup.Group
	for range 16 {
		g.Go(func() error { _, err := openTwin(t, twins, file, publish.Encodings[0]); return err })
	}
	if err := g.Wait(); err != nil || store.puts.Load() != 1 {
		t.Errorf("%v, stored %d times", err, store.puts.Load())
	}
}

type countingPuts struct {
	publish.BlobStore
	puts atomic.Int32
}

func (c *countingPuts) Put(ctx context.Context, key string, r io.Reader) error {
	c.puts.Add(1)
	return c.BlobStore.Put(ctx, key, r)
}

// A fussy store takes no twin.
type fussyStore struct {
	publish.BlobStore
	asked int
}

func (f *fussyStore) Put(ctx context.Context, key string, r io.Reader) error {
	if strings.HasSuffix(key, ".gz") {
		f.asked++
		return errors.New("no room")
	}
	return f.BlobStore.Put(ctx, key, r)
}

func TestTwins_ThatCannotBeStoredAreNotTriedAgain(t *testing.T) {
	store := &fussyStore{BlobStore: openDir(t)}
	file := storedDraft(t, store, t.TempDir(), 5000)[0]
	twins := publish.NewTwins(store)
	for range 3 {
		if _, err := openTwin(t, twins, file, publish.Encodings[0]); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v: the reader is to be given the file", err)
		}
	}
	if store.asked != 1 {
		t.Errorf("tried %d times", store.asked)
	}
}

// A vanishing store loses the file while its twin is made, as a withdrawal does.
type vanishingStore struct{ publish.BlobStore }

func (v vanishingStore) Put(ctx context.Context, key string, r io.Reader) error {
	err := v.BlobStore.Put(ctx, key, r)
	return errors.Join(err, v.BlobStore.Delete(ctx, publish.TwinOf(key)))
}

func TestTwins_GoWithAFileThatIsDeletedMeanwhile(t *testing.T) {
	store := openDir(t)
	file := storedDraft(t, store, store.Temp(), 5000)[0]
	if _, err := openTwin(t, publish.NewTwins(vanishingStore{store}), file, publish.Encodings[0]); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := store.Stat(t.Context(), publish.Encodings[0].Key(file.Key)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the twin of a deleted file: %v", err)
	}
}
