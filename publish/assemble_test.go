package publish_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"grenier/publish"
	"grenier/publish/publishtest"
)

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func TestAssembling(t *testing.T) {
	publishtest.BlobStore(t, func(t *testing.T) publish.BlobStore {
		d, err := publish.OpenDir(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return publish.Assembling(d)
	})
}

func TestReferences_AreWhatAnAssembledFileIsMadeOf(t *testing.T) {
	p := newSeriesPlace(t)
	o := p.order(t, seriesSchema(), randomMembers(rand.New(rand.NewPCG(5, 2)), seriesSchema(), 50))
	result := p.press(t, o)
	var want []string
	for _, part := range o.Parts {
		want = append(want, part.CSV, part.Origins)
	}
	for _, store := range []publish.BlobStore{p.inner, p.blobs} {
		got, err := publish.References(t.Context(), store, file(t, result, "csv", 0).Key)
		slices.Sort(got)
		slices.Sort(want)
		if err != nil || !slices.Equal(got, slices.Compact(want)) {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	tables := map[string]bool{}
	for _, part := range o.Parts {
		tables[part.Parquet], tables[part.Origins] = true, true
	}
	got, err := publish.References(t.Context(), p.blobs, file(t, result, "parquet", 0).Key)
	if err != nil || len(got) == 0 || slices.ContainsFunc(got, func(key string) bool { return !tables[key] }) {
		t.Errorf("of a Parquet file: %q, %v", got, err)
	}
	if got, err := publish.References(t.Context(), p.inner, o.Parts[0].Parquet); len(got) > 0 || err != nil {
		t.Errorf("of a file that is whole: %q, %v", got, err)
	}
	if _, err := publish.References(t.Context(), p.inner, "list/ab/none.csv"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of nothing: %v", err)
	}
}

func TestAssembling_SaysWhichFileIsGone(t *testing.T) {
	p := newSeriesPlace(t)
	s := seriesSchema()
	o := p.order(t, s, []member{{siren: "219900001", name: "Aubin", schema: s, files: []memberFile{{rows: [][]string{{"1", "", "", "", "", "", ""}}}}}})
	key := file(t, p.press(t, o), "csv", 0).Key
	if err := p.blobs.Delete(t.Context(), o.Parts[0].CSV); err != nil {
		t.Fatal(err)
	}
	b, err := p.blobs.Open(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	_, err = b.ReadAt(make([]byte, 1000), 0)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "Aubin") || !strings.Contains(err.Error(), o.Parts[0].CSV) {
		t.Errorf("got %v", err)
	}
}

func TestAssembling_ServesManyReadersAtOnce(t *testing.T) {
	p := newSeriesPlace(t)
	s := seriesSchema()
	f := file(t, p.press(t, p.order(t, s, randomMembers(rand.New(rand.NewPCG(5, 9)), s, 80))), "csv", 0)
	whole := p.read(t, f.Key)
	b, err := p.blobs.Open(t.Context(), f.Key)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for from := i * 100; from+500 < len(whole); from += 900 {
				got := make([]byte, 500)
				if _, err := b.ReadAt(got, int64(from)); err != nil || !bytes.Equal(got, whole[from:from+500]) {
					t.Errorf("at %d: %v, or other bytes", from, err)
				}
			}
		})
	}
	wg.Wait()
	r := httptest.NewRequest(http.MethodGet, "/serie.csv", nil)
	r.Header.Set("Range", "bytes=10-1009")
	w := httptest.NewRecorder()
	http.ServeContent(w, r, "serie.csv", time.Time{}, b)
	if w.Code != http.StatusPartialContent || !bytes.Equal(w.Body.Bytes(), whole[10:1010]) {
		t.Errorf("over HTTP: %d, %d bytes", w.Code, w.Body.Len())
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if _, err := b.ReadAt(make([]byte, 1), 0); err == nil {
		t.Error("a closed file is read")
	}
}

func TestAssembling_RefusesPartsThatAreNotThoseOfTheList(t *testing.T) {
	p := newSeriesPlace(t)
	s := seriesSchema()
	rows := func(n int) (rows [][]string) {
		for range n {
			rows = append(rows, []string{"1", "objet", "", "", "", "", ""})
		}
		return rows
	}
	o := p.order(t, s, []member{{siren: "219900001", name: "Aubin", schema: s, files: []memberFile{{name: "a.csv", rows: rows(20)}}}})
	key := file(t, p.press(t, o), "csv", 0).Key
	csv := p.read(t, o.Parts[0].CSV)
	for _, other := range [][]byte{csv[:len(csv)-1], csv[:len(csv)-10], append(bytes.Clone(csv), "2,,,,,,\n"...), csv[:60]} {
		if err := errors.Join(p.blobs.Delete(t.Context(), o.Parts[0].CSV), p.blobs.Put(t.Context(), o.Parts[0].CSV, bytes.NewReader(other))); err != nil {
			t.Fatal(err)
		}
		b, err := p.blobs.Open(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, b); err == nil || !strings.Contains(err.Error(), "Aubin") {
			t.Errorf("with %d bytes instead of %d: %v", len(other), len(csv), err)
		}
		_ = b.Close()
	}
}
