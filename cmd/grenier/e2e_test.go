package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"grenier/catalog"
)

// whole is where the program is built, once for all tests of this process.
var whole struct {
	once sync.Once
	dir  string
	path string
}

func TestMain(m *testing.M) {
	code := m.Run()
	if whole.dir != "" {
		os.RemoveAll(whole.dir)
	}
	os.Exit(code)
}

// wholeProgram is the path of the program, built as it is released.
func wholeProgram(t *testing.T) string {
	t.Helper()
	whole.once.Do(func() {
		dir, err := os.MkdirTemp("", "grenier-whole-")
		if err != nil {
			t.Fatal(err)
		}
		whole.dir = dir
		path := filepath.Join(dir, "grenier")
		buildProgram(t, path)
		whole.path = path
	})
	if whole.path == "" {
		t.Fatal("the program was not built")
	}
	return whole.path
}

// An instance is one installation of the program, run as its users run it: another process, its own folder.
type instance struct{ dir string }

// newInstance makes an installation that may harvest the given loopback address, without waiting between two requests.
func newInstance(t *testing.T, source string) instance {
	t.Helper()
	wholeProgram(t)
	i := instance{t.TempDir()}
	i.write(t, "grenier.yaml", fmt.Sprintf("harvest:\n  workers: 4\n  jitter: -1s\n  allow: [%q]\n  hosts: {%q: {parallel: 8, every: -1s}}\n", source, source))
	return i
}

func (i instance) path(name string) string { return filepath.Join(i.dir, name) }

func (i instance) write(t *testing.T, name, text string) string {
	t.Helper()
	path := i.path(name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// command is a call of the program in this installation.
func (i instance) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, whole.path, append([]string{"--config", i.path("grenier.yaml"), "--data", i.path("data")}, args...)...)
	c.Dir = i.dir
	c.WaitDelay = 5 * time.Second
	return c
}

// An outcome is how a call ended.
type outcome struct {
	code     int
	out, err string
}

// run calls the program and waits, two minutes at most.
func (i instance) run(t *testing.T, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	return finish(t, i.command(ctx, args...))
}

func finish(t *testing.T, c *exec.Cmd) outcome {
	t.Helper()
	var out, diary bytes.Buffer
	c.Stdout, c.Stderr = &out, &diary
	err := c.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) || c.ProcessState.ExitCode() < 0 {
		t.Fatalf("%v: %v\n%s", c.Args[1:], err, diary.String())
	}
	return outcome{c.ProcessState.ExitCode(), out.String(), diary.String()}
}

// must is run for a call that must end with the given code.
func (i instance) must(t *testing.T, code int, args ...string) outcome {
	t.Helper()
	o := i.run(t, args...)
	if o.code != code {
		t.Fatalf("grenier %s: exit %d, want %d\n%s%s", strings.Join(args, " "), o.code, code, o.out, o.err)
	}
	return o
}

// runs are the runs that `grenier runs --json` tells of, newest first.
func (i instance) runs(t *testing.T, args ...string) (runs []catalog.Run) {
	t.Helper()
	o := i.must(t, exitOK, append([]string{"runs", "--json", "--limit", "10000"}, args...)...)
	unmarshal(t, o.out, &runs)
	return runs
}

// A portal is a `grenier serve` under way.
type portal struct {
	url   string
	cmd   *exec.Cmd
	diary *bytes.Buffer
	ended chan error
}

// serve starts the portal on a free port and waits until it is ready.
func (i instance) serve(t *testing.T, args ...string) *portal {
	t.Helper()
	addr := freeAddress(t)
	p := &portal{url: "http://" + addr, cmd: i.command(context.Background(), append([]string{"serve", "--addr", addr}, args...)...), diary: &bytes.Buffer{}, ended: make(chan error, 1)}
	p.cmd.Stderr = p.diary
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			p.cmd.Process.Kill()
			<-p.ended
		}
	})
	await(t, 20*time.Second, "the portal to be ready", func() bool {
		r, err := http.Get(p.url + "/readyz")
		if err != nil {
			return false
		}
		r.Body.Close()
		return r.StatusCode == http.StatusOK
	})
	return p
}

// stop ends the portal as an operator does: within ten seconds, with exit 0.
func (p *portal) stop(t *testing.T) {
	t.Helper()
	start := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-p.ended:
		if err != nil {
			t.Errorf("SIGTERM: %v\n%s", err, p.diary.String())
		}
		t.Logf("stopped in %v", time.Since(start).Round(time.Millisecond))
	case <-time.After(10 * time.Second):
		t.Fatal("SIGTERM did not end the portal within ten seconds")
	}
}

// get reads one address of the portal, with headers given as name, value.
func (p *portal) get(t *testing.T, method, path string, headers ...string) (*http.Response, []byte) {
	t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = p.url + path
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, method, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for h := 0; h+1 < len(headers); h += 2 {
		q.Header.Set(headers[h], headers[h+1])
	}
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return r, body
}

// ok reads an address that must answer 200.
func (p *portal) ok(t *testing.T, path string) []byte {
	t.Helper()
	r, body := p.get(t, http.MethodGet, path)
	if r.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s\n%.300s", path, r.Status, body)
	}
	return body
}

// A found is what a test reads of /api/1/jeux.
type found struct {
	Total int          `json:"total"`
	Data  []foundTable `json:"data"`
}

type foundTable struct {
	ID, Slug, Title, Status, Page string
	Version                       int
	Member                        struct{ SIREN string }
	Schema                        *struct{ Name string }
	Quality                       struct{ Rows, Rejected int64 }
	Files                         []struct {
		ID, Format, URL, SHA256 string
		Bytes, Rows             int64
	}
}

func (d foundTable) file(format string) (url, sha string, bytes, rows int64) {
	for _, f := range d.Files {
		if f.Format == format {
			return f.URL, f.SHA256, f.Bytes, f.Rows
		}
	}
	return "", "", 0, 0
}

func (p *portal) search(t *testing.T, query string) (page found) {
	t.Helper()
	unmarshal(t, string(p.ok(t, "/api/1/jeux"+query)), &page)
	return page
}

// table reads the metadata of one dataset, with all that is known of its files.
func (p *portal) table(t *testing.T, id string) (d foundTable) {
	t.Helper()
	unmarshal(t, string(p.ok(t, "/api/1/jeux/"+id)), &d)
	return d
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// await asks until done says yes.
func await(t *testing.T, limit time.Duration, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s", limit, what)
		}
	}
}

// countsRecipe is of tables of places and passages.
const countsRecipe = `recipes:
  - name: essai
    title: Comptages
    connector: http
    params: {url: ""}
    options: {url: "${url}", retries: 0}
    columns:
      - {name: lieu, type: string, constraints: {required: true}}
      - {name: passages, type: integer}
    dataset: {key: comptages, title: "Comptages de ${member.name}", keywords: [vélo]}
`

const e2eSources = `
members:
  - {siren: "213900137", name: Valmeyrac, kind: commune, insee: "39013", siret: "21390013700018", population: 1234}
` + countsRecipe + `sources:
  - {member: "213900137", recipe: essai, params: {url: "URL/comptages.csv"}}
`

// A new source is harvested by the server as soon as its scheduler sees it, and what was published survives the source.
func TestWhole_ServerHarvestsANewSourceAndOutlivesIt(t *testing.T) {
	const rows = "lieu,passages\nGrande Rue,12\nPont du Moulin,40\n"
	var broken atomic.Bool
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if broken.Load() {
			http.Error(w, "panne", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/csv")
		io.WriteString(w, rows)
	}))
	defer source.Close()
	i := newInstance(t, strings.TrimPrefix(source.URL, "http://"))
	i.must(t, exitOK, "apply", i.write(t, "sources.yaml", strings.ReplaceAll(e2eSources, "URL", source.URL)))
	p := i.serve(t, "--roles", "web,worker,scheduler")

	var page found
	await(t, 20*time.Second, "the scheduler to harvest the new source", func() bool { page = p.search(t, "?q=comptages"); return page.Total == 1 })
	d := p.table(t, page.Data[0].ID)
	if d.Title != "Comptages de Valmeyrac" || d.Status != "published" || d.Version != 1 || d.Quality.Rows != 2 {
		t.Errorf("published: got %+v", d)
	}
	before := map[string][]byte{}
	for _, format := range []string{"csv", "parquet"} {
		url, _, size, n := d.file(format)
		before[format] = p.ok(t, url)
		if int64(len(before[format])) != size || n != 2 {
			t.Errorf("%s: %d bytes and %d rows, the catalogue says %d bytes", format, len(before[format]), n, size)
		}
	}
	if string(before["csv"]) != rows {
		t.Errorf("CSV: got %q, want %q", before["csv"], rows)
	}
	if b := before["parquet"]; !bytes.HasPrefix(b, []byte("PAR1")) || !bytes.HasSuffix(b, []byte("PAR1")) {
		t.Error("the Parquet file has not its mark at both ends")
	}

	broken.Store(true)
	o := i.must(t, exitBad, "harvest", "--all") // beside the server, as an operator would
	if !strings.Contains(o.out, "échec") || !strings.Contains(o.out, "reste en ligne") {
		t.Errorf("harvest of a broken source says %q", o.out)
	}
	for format, want := range before {
		url, _, _, _ := d.file(format)
		if got := p.ok(t, url); !bytes.Equal(got, want) {
			t.Errorf("%s changed when the source broke", format)
		}
	}
	p.ok(t, "/jeux/"+d.Slug)
	statuses := ""
	for _, r := range i.runs(t) {
		statuses += cmp.Or(string(r.Status), "?") + " "
	}
	if statuses != "failed published " {
		t.Errorf("runs: got %q", statuses)
	}
	p.stop(t)
	i.must(t, exitOK, "doctor")
}

func unmarshal(t *testing.T, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("%v in %.300s", err, text)
	}
}
