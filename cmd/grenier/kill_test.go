package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"grenier/catalog"
	"grenier/catalog/store"
	"grenier/publish"
)

// tables is what the changing server serves: how many rows each of its files has, besides what changes with the version.
var tables = []int{40, 300, 1200, 5000}

// changing serves files whose every cell says the version of the moment. asked is told of each request, without waiting.
func changing(version *atomic.Int64, asked chan<- struct{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case asked <- struct{}{}:
		default:
		}
		var k int
		if _, err := fmt.Sscanf(r.URL.Path, "/table-%d.csv", &k); err != nil || k >= len(tables) {
			http.NotFound(w, r)
			return
		}
		n := version.Load()
		var b bytes.Buffer
		b.WriteString("a,b,c\n")
		mark := versionMark(n)
		for range rowsOf(k, n) {
			fmt.Fprintf(&b, "%s,%s,%s\n", mark, mark, mark)
		}
		w.Header().Set("Content-Type", "text/csv")
		w.Write(b.Bytes())
	})
}

func versionMark(n int64) string  { return fmt.Sprintf("edition-%06d", n) }
func rowsOf(k int, n int64) int64 { return int64(tables[k]) + n%7 }
func seedOf(t *testing.T) (s uint64) {
	s = uint64(time.Now().UnixNano())
	t.Logf("seed %d", s)
	return s
}
func silent() *slog.Logger             { return slog.New(slog.DiscardHandler) }
func checksum(b []byte) string         { h := sha256.Sum256(b); return hex.EncodeToString(h[:]) }
func plainCSV(r io.Reader) *csv.Reader { return csv.NewReader(r) }

func killSources(url string) string {
	var w strings.Builder
	w.WriteString(`
members:
  - {siren: "213900137", name: Valmeyrac, kind: commune, insee: "39013"}
recipes:
`)
	for k := range tables {
		fmt.Fprintf(&w, `  - {name: table-%d, title: Essai, connector: http, options: {url: "%s/table-%d.csv", retries: 0}, gate: {off: essai}, dataset: {key: table-%d, title: "Table %d"}}`+"\n", k, url, k, k, k)
	}
	w.WriteString("sources:\n")
	for k := range tables {
		fmt.Fprintf(&w, "  - {member: \"213900137\", recipe: table-%d}\n", k)
	}
	return w.String()
}

// Fifty harvests are killed at a random moment while the sources change. Whatever the moment, what the catalogue names is there, whole, and of
// one edition; and a harvest that is let alone makes everything new again.
func TestKill_FiftyRandomKillsMixNothing(t *testing.T) {
	var version atomic.Int64
	asked := make(chan struct{}, 1)
	server := httptest.NewServer(changing(&version, asked))
	defer server.Close()
	i := newInstance(t, strings.TrimPrefix(server.URL, "http://"))
	i.must(t, exitOK, "apply", i.write(t, "sources.yaml", killSources(server.URL)))

	// A whole harvest first: how long it takes, from its first request to its end, is where kills may fall.
	version.Add(1)
	_, window := i.killedHarvest(t, asked, time.Hour)
	dice := rand.New(rand.NewPCG(seedOf(t), 0))
	begun := time.Now()
	var kills, tries, cut, between int
	for ; kills < 50 && tries < 250; tries++ {
		version.Add(1)
		killed, lasted := i.killedHarvest(t, asked, time.Duration(dice.Int64N(int64(window))))
		if !killed { // it was quicker than the harvests before: not a kill
			window = max(lasted, 5*time.Millisecond)
			continue
		}
		kills++
		// A killed run holds its source for the rest of its lease, 60 s. The scheduler waits for its end; the test has no time for that, and looks
		// as the scheduler would two minutes later.
		abandoned := i.inspect(t, fmt.Sprintf("kill %d", kills), 2*time.Minute)
		if cut += abandoned; abandoned == 0 {
			between++
		}
	}
	t.Logf("%d kills of %d harvests in %.1f s, each within %d ms of a first request: %d runs cut short; %d kills fell between two runs or at the end",
		kills, tries, time.Since(begun).Seconds(), window.Milliseconds(), cut, between)
	if kills < 50 || cut < 25 {
		t.Errorf("%d kills cut %d runs short: the test proves too little", kills, cut)
	}

	version.Add(1)
	i.must(t, exitOK, "harvest", "--all")
	i.inspect(t, "in the end", 0)
	i.newest(t, version.Load())
	i.must(t, exitOK, "doctor")
	i.tidy(t)
}

// killedHarvest starts a harvest of everything and kills it a while after its first request. It tells whether the kill came before the end, and how
// long after the first request the process was gone.
func (i instance) killedHarvest(t *testing.T, asked <-chan struct{}, after time.Duration) (killed bool, lasted time.Duration) {
	t.Helper()
	select {
	case <-asked: // of the harvest before
	default:
	}
	c := i.command(context.Background(), "harvest", "--all")
	var diary bytes.Buffer
	c.Stderr = &diary
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-asked:
	case <-time.After(20 * time.Second):
		c.Process.Kill()
		t.Fatalf("the harvest asks for nothing: %v", c.Wait())
	}
	first := time.Now()
	timer := time.AfterFunc(after, func() { c.Process.Kill() })
	defer timer.Stop()
	err := c.Wait()
	if code := c.ProcessState.ExitCode(); code > 0 {
		t.Fatalf("a harvest that was not killed ended with %d: %v\n%s", code, err, diary.String())
	}
	return err != nil, time.Since(first)
}

// inspect opens the catalogue as a second process would and checks every dataset, every version and every file. It returns how many runs it
// found without a master.
func (i instance) inspect(t *testing.T, when string, later time.Duration) (abandoned int) {
	t.Helper()
	ctx := context.Background()
	s, err := store.Open(ctx, "sqlite:"+i.path("data/grenier.db"), silent())
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	defer s.Close()
	blobs, err := publish.OpenDir(i.path("data/blobs"))
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	seen := 0
	err = s.EachDataset(ctx, catalog.DatasetQuery{}, func(d catalog.Dataset) error {
		seen++
		i.inspectVersions(t, when, s, blobs, d)
		return nil
	})
	if err != nil || seen != len(tables) {
		t.Fatalf("%s: %d datasets, %v", when, seen, err)
	}
	ended, err := s.Abandoned(ctx, time.Now().Add(later))
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	running, err := s.Runs(ctx, catalog.RunQuery{Status: catalog.Running, Limit: 100})
	if err != nil || len(running) != 0 {
		t.Fatalf("%s: %d runs still running, %v", when, len(running), err)
	}
	return len(ended)
}

// inspectVersions checks that the versions of a dataset are numbered without holes, down to the oldest kept, and each one whole.
func (i instance) inspectVersions(t *testing.T, when string, s *store.Store, blobs *publish.Dir, d catalog.Dataset) {
	t.Helper()
	ctx := context.Background()
	versions, err := s.Versions(ctx, d.ID)
	if err != nil || len(versions) == 0 || versions[0].Number != d.Version {
		t.Fatalf("%s: %s is at version %d, versions %d, %v", when, d.Title, d.Version, len(versions), err)
	}
	for n, v := range versions {
		if v.Number != d.Version-n {
			t.Fatalf("%s: %s: version %d stands where %d should", when, d.Title, v.Number, d.Version-n)
		}
		run, err := s.Run(ctx, v.Run)
		if err != nil || run.Status != catalog.Published || run.Version != v.Number || run.Accepted != v.Rows {
			t.Fatalf("%s: %s: version %d has %d rows, its run is %s of version %d with %d, %v", when, d.Title, v.Number, v.Rows, run.Status, run.Version, run.Accepted, err)
		}
		editions := map[string]bool{}
		for _, f := range v.Files {
			editions[editionOf(t, fmt.Sprintf("%s: %s, version %d, %s", when, d.Title, v.Number, f.Format), blobs, f, v.Rows)] = true
		}
		if len(v.Files) != 2 || len(editions) != 1 {
			t.Fatalf("%s: %s: version %d has %d files of the editions %v", when, d.Title, v.Number, len(v.Files), editions)
		}
	}
}

var anyMark = regexp.MustCompile(`edition-\d{6}`)

// editionOf checks one file against what the catalogue says of it and returns the edition that it holds, the only one.
func editionOf(t *testing.T, what string, blobs *publish.Dir, f catalog.File, rows int64) string {
	t.Helper()
	blob, err := blobs.Open(context.Background(), f.Key)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	defer blob.Close()
	b, err := io.ReadAll(blob)
	if err != nil || int64(len(b)) != f.Bytes || checksum(b) != f.SHA256 || f.Rows != rows {
		t.Fatalf("%s: %d bytes, %d rows, another checksum, or %v; the catalogue says %d bytes, %d rows", what, len(b), f.Rows, err, f.Bytes, rows)
	}
	if f.Format == "csv" {
		records, err := plainCSV(bytes.NewReader(b)).ReadAll()
		if err != nil || int64(len(records)) != rows+1 {
			t.Fatalf("%s: %d records, want %d, %v", what, len(records), rows+1, err)
		}
		for _, r := range records[1:] {
			if len(r) != 3 || r[0] != records[1][0] || r[1] != r[0] || r[2] != r[0] {
				t.Fatalf("%s: the record %q stands beside %q", what, r, records[1])
			}
		}
	}
	// A Parquet file keeps the smallest and the largest value of each column in clear.
	marks := map[string]bool{}
	for _, m := range anyMark.FindAll(b, -1) {
		marks[string(m)] = true
	}
	if len(marks) != 1 {
		t.Fatalf("%s: holds the editions %v", what, marks)
	}
	for m := range marks {
		return m
	}
	return ""
}

// newest checks that every dataset is at the newest edition.
func (i instance) newest(t *testing.T, version int64) {
	t.Helper()
	s, err := store.Open(context.Background(), "sqlite:"+i.path("data/grenier.db"), silent())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ds, _, err := s.Datasets(context.Background(), catalog.DatasetQuery{})
	if err != nil || len(ds) != len(tables) {
		t.Fatalf("%d datasets, %v", len(ds), err)
	}
	for _, d := range ds {
		var k int
		if _, err := fmt.Sscanf(d.Key, "table-%d", &k); err != nil {
			t.Fatal(err)
		}
		if d.Rows != rowsOf(k, version) {
			t.Errorf("%s has %d rows, edition %d has %d", d.Title, d.Rows, version, rowsOf(k, version))
		}
		i.sameForOthers(t, d, version)
	}
}

// sameForOthers reads the CSV, and lets an independent reader compare it to the Parquet file where there is one.
func (i instance) sameForOthers(t *testing.T, d catalog.Dataset, version int64) {
	t.Helper()
	path := map[string]string{}
	for _, f := range d.Files {
		path[f.Format] = filepath.Join(i.path("data/blobs"), f.Key)
	}
	b, err := os.ReadFile(path["csv"])
	if err != nil || !bytes.Contains(b, []byte(versionMark(version))) {
		t.Errorf("%s is not at the newest edition, %v", d.Title, err)
	}
	if os.Getenv("GRENIER_TEST_READERS") != "" {
		compareFormats(t, path["csv"], path["parquet"], ",", d.Rows)
	}
}

// tidy checks that what killed runs left in the temporary folder goes when it is a day old: before, another process may still write it.
func (i instance) tidy(t *testing.T) {
	t.Helper()
	temp := i.path("data/blobs/.tmp")
	left, err := os.ReadDir(temp)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d temporary files of killed runs", len(left))
	old := time.Now().Add(-25 * time.Hour)
	for _, e := range left {
		if err := os.Chtimes(filepath.Join(temp, e.Name()), old, old); err != nil {
			t.Fatal(err)
		}
	}
	i.must(t, exitOK, "harvest", "--all") // nothing is new; opening sweeps
	if left, err = os.ReadDir(temp); err != nil || len(left) != 0 {
		t.Errorf("%d temporary files are left, %v", len(left), err)
	}
}

// compareFormats lets DuckDB read a CSV and a Parquet file: the same rows, as many as we say.
func compareFormats(t *testing.T, csvPath, parquetPath, delimiter string, rows int64) {
	t.Helper()
	readers := os.Getenv("GRENIER_TEST_READERS")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "node", "same.mjs", csvPath, parquetPath, delimiter)
	c.Dir = readers
	o := finish(t, c)
	var answer struct{ Rows, Differences int64 }
	answer.Differences = -1
	unmarshal(t, o.out, &answer)
	if o.code != 0 || answer.Rows != rows || answer.Differences != 0 {
		t.Errorf("DuckDB reads %d rows and %d differences in %s and its Parquet twin, want %d and 0 (exit %d)\n%s", answer.Rows, answer.Differences, filepath.Base(csvPath), rows, o.code, o.err)
	}
}
