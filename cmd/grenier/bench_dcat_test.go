package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"grenier/catalog"
	"grenier/catalog/bleve"
	"grenier/catalog/catalogtest"
	"grenier/catalog/dcat"
	"grenier/catalog/store"
	"grenier/publish"
	"grenier/web"

	"golang.org/x/sys/unix"
)

// What a catalogue of 100,000 datasets may cost in one document, in each syntax (`make bench-dcat`). GRENIER_BENCH_DCAT is the number of datasets; the time
// allowed grows with it.
const (
	dumpTime   = 4 * time.Second
	dumpMemory = 32 << 20
)

func TestBenchDCAT(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("GRENIER_BENCH_DCAT"))
	if n == 0 {
		t.Skip("GRENIER_BENCH_DCAT is not set: no catalogue of 100,000 datasets is written (make bench-dcat)")
	}
	s := largeStore(t, n)
	site := largeSite(t, s)
	began := time.Now()
	if _, err := catalog.CatchUp(t.Context(), s, site.Describe()); err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(site.Handler())
	defer h.Close()
	first := dumpOnce(t, h.URL+"/catalogue/complet.nt") // describes what no event named
	t.Logf("%d datasets described and kept: %.1f s, with the first document (%d MB)", n, time.Since(began).Seconds(), first.bytes>>20)
	for _, x := range dcat.Syntaxes() {
		best := dumped{took: time.Hour}
		for range 3 {
			if d := dumpOnce(t, h.URL+"/catalogue/complet."+x.Extension()); d.took < best.took {
				best = d
			}
		}
		t.Logf("%-7s %5.2f s (%.2f s of processor, reader included), first byte %3d ms, %4d MB, %5.1f MiB above idle", x.Extension(), best.took.Seconds(), best.processor.Seconds(), best.first.Milliseconds(), best.bytes>>20, float64(best.memory)/(1<<20))
		if allowed := dumpTime * time.Duration(n) / 100_000; best.took > allowed {
			t.Errorf("%s takes %v, over %v", x.Extension(), best.took, allowed)
		}
		if best.memory > dumpMemory {
			t.Errorf("%s takes %d MiB above idle, over %d", x.Extension(), best.memory>>20, dumpMemory>>20)
		}
	}
	benchPages(t, h.URL)
}

// largeStore is the store of GRENIER_BENCH_DIR when it is there, for a second look; else one is filled.
func largeStore(t *testing.T, n int) *store.Store {
	open := func(path string) *store.Store {
		s, err := store.Open(context.Background(), "sqlite:"+path, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	dir := t.TempDir()
	if kept := os.Getenv("GRENIER_BENCH_DIR"); kept != "" {
		dir = kept
	}
	path := filepath.Join(dir, fmt.Sprintf("%d.db", n))
	if _, err := os.Stat(path); err == nil {
		return open(path)
	}
	s := open(path)
	catalogtest.Fill(t, s, open(filepath.Join(t.TempDir(), "seed.db")), 350, n)
	return s
}

func largeSite(t *testing.T, s *store.Store) *web.Server {
	index, err := bleve.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { index.Close() })
	blobs, err := publish.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	site, err := web.New(web.Config{Store: s, Index: index, Blobs: blobs, BaseURL: "https://donnees.example.org", Version: "essai", Site: web.Site{Name: "Données ouvertes", Operator: "Opérateur"}})
	if err != nil {
		t.Fatal(err)
	}
	return site
}

type dumped struct {
	took, first time.Duration
	processor   time.Duration
	bytes       int64
	memory      int64 // the most the heap held above what it held before
}

// dumpOnce reads a document as fast as it comes.
func dumpOnce(t *testing.T, address string) dumped {
	t.Helper()
	runtime.GC()
	debug.FreeOSMemory()
	idle := heap()
	var most atomic.Int64
	done := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for {
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
				most.Store(max(most.Load(), heap()))
			}
		}
	}()
	began, used := time.Now(), processor()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Accept-Encoding", "identity")
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", address, r.Status)
	}
	one := make([]byte, 1)
	if _, err := io.ReadFull(r.Body, one); err != nil {
		t.Fatal(err)
	}
	d := dumped{first: time.Since(began)}
	d.bytes, err = io.Copy(io.Discard, r.Body)
	if err != nil {
		t.Fatal(err)
	}
	d.took, d.processor = time.Since(began), processor()-used
	close(done)
	<-watched
	d.memory = max(most.Load(), heap()) - idle
	return d
}

// processor is the time that this process has used.
func processor() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// heap is what the program's own memory holds, what waits for the collector included.
func heap() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}

// benchPages measures one page of the large catalogue, read anew, and one of a member's.
func benchPages(t *testing.T, url string) {
	for _, path := range []string{"/catalogue/100.ttl", "/catalogue/100.jsonld", "/catalogues/200000007.ttl", "/catalogues/200000007.rdf"} {
		best := time.Hour
		for range 5 {
			best = min(best, dumpOnce(t, url+path).took)
		}
		t.Logf("%-28s %5.1f ms", path, float64(best.Microseconds())/1000)
	}
}
