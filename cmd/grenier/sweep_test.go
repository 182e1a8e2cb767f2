package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"grenier/harvest"
)

// forgotten leaves files in the blob store that nothing names and that nobody touched for ten days.
func forgotten(t *testing.T, data string, n int, size int64) (paths []string) {
	t.Helper()
	then := time.Now().AddDate(0, 0, -10)
	for k := range n {
		path := filepath.Join(data, "blobs", "raw", "00", fmt.Sprintf("oubli-%05d", k))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o600), os.Truncate(path, size), os.Chtimes(path, then, then)); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

func there(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// countings is a source of one small table.
func countings(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "lieu,passages\nGrande Rue,12\n") }))
	t.Cleanup(server.Close)
	return server.URL
}

// harvested is an installation, called in this process, that has published one dataset.
func harvested(t *testing.T) (data string, on func(args ...string) []string) {
	t.Helper()
	url, dir := countings(t), t.TempDir()
	data = filepath.Join(dir, "data")
	config := put(t, dir, "grenier.yaml", "harvest: {allow: [\""+strings.TrimPrefix(url, "http://")+"\"]}\n")
	on = func(args ...string) []string { return append([]string{"--config", config, "--data", data}, args...) }
	expect(t, exitOK, "3 ajouté(s)", on("apply", put(t, dir, "sources.yaml", strings.ReplaceAll(e2eSources, "URL", url)))...)
	expect(t, exitOK, "1 publiée", on("harvest", "--all")...)
	return data, on
}

func TestDoctor_SweepsWhatIsForgotten(t *testing.T) {
	data, on := harvested(t)
	expect(t, exitOK, "✓ Aucun fichier oublié.", on("doctor", "--sweep")...)
	paths := forgotten(t, data, 12, 283_000)
	expect(t, exitUnusable, "--dry-run demande --sweep.", on("doctor", "--dry-run")...)
	if o := expect(t, exitOK, "Catalogue sain", on("doctor")...); strings.Contains(o.out, "oubli") {
		t.Errorf("doctor swept unasked:\n%s", o.out)
	}
	expect(t, exitOK, "✓ 12 fichiers oubliés seraient supprimés, 3,4 Mo rendus.", on("doctor", "--sweep", "--dry-run")...)
	if !there(paths[0]) {
		t.Fatal("a dry run deleted a file")
	}
	expect(t, exitOK, "✓ 12 fichiers oubliés supprimés, 3,4 Mo rendus.", on("doctor", "--sweep")...)
	if there(paths[0]) || there(paths[11]) {
		t.Error("forgotten files are still there")
	}
	var findings []finding
	unmarshal(t, expect(t, exitOK, "Fichiers en place : 2 fichiers.", on("doctor", "--sweep", "--json")...).out, &findings)
	if len(findings) != 6 || findings[5].Check != "sweep" || !findings[5].OK {
		t.Errorf("doctor --sweep --json: %+v", findings)
	}
}

func TestDoctor_SweepsNothingBesideAnotherCatalogue(t *testing.T) {
	data, on := harvested(t)
	paths := forgotten(t, data, 2, 10)
	lost, err := filepath.Glob(filepath.Join(data, "grenier.db*"))
	if err != nil || len(lost) == 0 {
		t.Fatal(lost, err)
	}
	for _, path := range lost {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"--dry-run"}, nil} {
		expect(t, exitBad, "✗ Rien n’a été effacé : le catalogue ne nomme aucun des fichiers gardés.", on(append([]string{"doctor", "--sweep"}, args...)...)...)
	}
	if !there(paths[0]) {
		t.Error("a file of another catalogue is gone")
	}
}

func TestSwept_IsASentenceForPeople(t *testing.T) {
	for _, c := range []struct {
		done harvest.SweepResult
		dry  bool
		want string
	}{
		{harvest.SweepResult{}, false, "Aucun fichier oublié"},
		{harvest.SweepResult{Runs: 1}, false, "Aucun fichier oublié ; 1 vieux moissonnage effacé du catalogue"},
		{harvest.SweepResult{Runs: 4321, Blobs: 12, Bytes: 3_400_000}, false, "12 fichiers oubliés supprimés, 3,4 Mo rendus ; 4 321 vieux moissonnages effacés du catalogue"},
		{harvest.SweepResult{Blobs: 1, Bytes: 812}, true, "1 fichier oublié serait supprimé, 812 octets rendus"},
		{harvest.SweepResult{Blobs: 2, Bytes: 999_990}, false, "2 fichiers oubliés supprimés, 1,0 Mo rendus"},
		{harvest.SweepResult{Blobs: 2, Bytes: 5_250_000_000_000}, false, "2 fichiers oubliés supprimés, 5,2 To rendus"},
	} {
		if got := plain(swept(c.done, c.dry)); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// The scheduler's sweep begins by itself, comes again, says what it did, and ends with the program.
func TestServe_SweepsAgainAndAgainUntilItStops(t *testing.T) {
	data, _ := harvested(t)
	var diary bytes.Buffer
	c := Default()
	c.Data = data
	c.complete()
	term := &terminal{in: strings.NewReader(""), out: io.Discard, err: io.Discard, log: slog.New(slog.NewTextHandler(&diary, nil))}
	p, err := term.assemble(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	paths := forgotten(t, data, 3, 100)
	go func() { defer close(ended); p.sweepDaily(ctx, time.Millisecond, 50*time.Millisecond) }()
	for range 2 {
		await(t, 10*time.Second, "the sweep", func() bool { return !there(paths[0]) && !there(paths[2]) })
		paths = forgotten(t, data, 3, 100)
	}
	await(t, 10*time.Second, "the last sweep", func() bool { return !there(paths[0]) && !there(paths[2]) })
	cancel()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the sweep does not stop")
	}
	if !strings.Contains(diary.String(), "level=INFO msg=swept runs=0 blobs=3 bytes=300 ") {
		t.Errorf("the diary says:\n%s", diary.String())
	}
}

// However often a sweep is killed, what the catalogue names stays and the next one goes on.
func TestKill_InTheMiddleOfASweepIsHarmless(t *testing.T) {
	url := countings(t)
	i := newInstance(t, strings.TrimPrefix(url, "http://"))
	i.must(t, exitOK, "apply", i.write(t, "sources.yaml", strings.ReplaceAll(e2eSources, "URL", url)))
	i.must(t, exitOK, "harvest", "--all")
	paths := forgotten(t, i.path("data"), 6000, 0)
	first, cut := filepath.Dir(paths[0]), 0
	left := func() int {
		entries, err := os.ReadDir(first)
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	for before := left(); cut < 3 && before > 1500; before = left() {
		c := i.command(context.Background(), "doctor", "--sweep")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		await(t, 20*time.Second, "the first deletion", func() bool { return left() < before })
		c.Process.Kill()
		c.Wait()
		if n := left(); n > 0 && n < before {
			cut++
		}
	}
	if cut == 0 {
		t.Error("no kill fell into a sweep: the test tests nothing")
	}
	i.must(t, exitOK, "doctor", "--sweep")
	if n := left(); n > 1 { // the delivery that the catalogue names may be in this folder too
		t.Errorf("%d files are left", n)
	}
	if o := i.must(t, exitOK, "doctor"); !strings.Contains(plain(o.out), "Fichiers en place : 2 fichiers.") {
		t.Errorf("doctor says:\n%s", o.out)
	}
	t.Logf("%d sweeps were cut short", cut)
}
