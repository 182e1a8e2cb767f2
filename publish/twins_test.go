package publish_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"

	"grenier/publish"
	"grenier/publish/publishtest"
	"grenier/schemas"
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

func TestTwins_StandBesideFilesThatCompressWell(t *testing.T) {
	store := openDir(t)
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
			if _, err := store.Stat(t.Context(), e.Key(p.Key)); !f.Twins {
				if !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s has a twin: %v", p.Format, err)
				}
				continue
			}
			twins++
			packed := stored(t, store, e.Key(p.Key))
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
	for _, p := range storedDraft(t, store, store.Temp(), 10) {
		for _, e := range publish.Encodings {
			if _, err := store.Stat(t.Context(), e.Key(p.Key)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s of %d bytes has a twin: %v", p.Format, p.Bytes, err)
			}
		}
	}
}

func TestTwins_AreTheSameForTheSameFile(t *testing.T) {
	one, two := openDir(t), openDir(t)
	files := storedDraft(t, one, one.Temp(), 5000)
	storedDraft(t, two, two.Temp(), 5000)
	for _, e := range publish.Encodings {
		key := e.Key(files[0].Key)
		if !bytes.Equal(stored(t, one, key), stored(t, two, key)) {
			t.Errorf("%s: other bytes", key)
		}
	}
}

// A fussy store takes no twin.
type fussyStore struct{ publish.BlobStore }

var errFussy = errors.New("no room")

func (f fussyStore) Adopt(ctx context.Context, key, path string) error {
	if strings.HasSuffix(key, ".gz") {
		return errFussy
	}
	return f.BlobStore.Adopt(ctx, key, path)
}

func TestTwins_ThatCannotBeStoredKeepTheFileBack(t *testing.T) {
	store := openDir(t)
	s := publishtest.Schema(schemas.Field{Name: "t", Type: schemas.String})
	d, err := publish.Begin(publish.Order{Schema: s, Formats: []publish.Format{formatNamed(t, "csv")}, Dir: store.Temp()})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Write(publishtest.Batch(s, [][]string{{strings.Repeat("mot ", 5000)}})); err != nil {
		t.Fatal(err)
	}
	files, _, err := d.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Store(t.Context(), fussyStore{store}); !errors.Is(err, errFussy) {
		t.Errorf("stored: %v", err)
	}
	if _, err := store.Stat(t.Context(), files[0].Key); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file went before its twin: %v", err)
	}
	if err := d.Store(t.Context(), store); err != nil {
		t.Errorf("a second time: %v", err)
	}
	if got := stored(t, store, files[0].Key); len(got) != 20_002+1 {
		t.Errorf("%d bytes", len(got))
	}
	d.Discard()
	if left := leftIn(t, store.Temp()); len(left) != 0 {
		t.Errorf("left %q", left)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	again, _ := publish.Begin(publish.Order{Schema: s, Formats: []publish.Format{formatNamed(t, "csv")}, Dir: store.Temp()})
	defer again.Discard()
	if err := again.Write(publishtest.Batch(s, [][]string{{strings.Repeat("autre ", 5000)}})); err != nil {
		t.Fatal(err)
	}
	if _, _, err := again.Finish(); err != nil {
		t.Fatal(err)
	}
	if err := again.Store(stopped, store); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	if _, err := os.Stat(store.Temp()); err != nil {
		t.Error(err)
	}
}
