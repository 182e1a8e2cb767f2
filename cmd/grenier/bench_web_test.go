//go:build unix

package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"grenier/catalog"
	"grenier/catalog/store"
	"grenier/publish"

	"github.com/google/uuid"
)

// What `make bench-web` holds the site to.
const (
	leastPages   = 0.45            // times nginx, for pages and for 304s
	leastFiles   = 0.80            // times nginx, for files of a mebibyte and more
	leastQueries = 500             // searches a second
	webReaders   = 32              // connections at once
	webPages     = 200             // dataset pages asked for by turns
	settleWeb    = 8 * time.Second // the program makes its first copy of the catalogue, and takes its index for up to date

	firstBytes    = 100_000 // of a first view, compressed
	firstRequests = 8
)

// TestBenchWeb is `make bench-web`: it prints one table of what the site answers beside nginx, which has the same bytes on disk, and fails when a gate is
// passed. Both have one processor (searches: two); the readers are in this process, and the same for both. The ratio that the gate is about is of
// requests a second, within a round, in which both are asked by turns; that of processor time a request stands beside it: net/http alone, with a
// handler that does nothing, has 0.4 there.
//
// GRENIER_BENCH_WEB says how many datasets the catalogue has (10000), GRENIER_BENCH_ROUNDS how many rounds there are (25) and GRENIER_BENCH_MS
// how many milliseconds each measure lasts (300): short ones, by turns, have the same neighbours.
func TestBenchWeb(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("GRENIER_BENCH_WEB"))
	if n <= 0 {
		t.Skip("SKIPPED: set GRENIER_BENCH_WEB to a number of datasets, or run make bench-web")
	}
	b := layWebBench(t, n)
	rounds, during := max(1, number64("GRENIER_BENCH_ROUNDS", 25)), time.Duration(max(50, number64("GRENIER_BENCH_MS", 300)))*time.Millisecond
	own, other := b.serve(1), b.nginx()
	table := []*webLine{
		{name: "page d’un jeu, en gzip", least: leastPages, requests: b.pageRequests("Accept-Encoding: gzip\r\n")},
		{name: "304 de cette page", least: leastPages, requests: b.pageRequests("Accept-Encoding: gzip\r\n", own, other)},
		{name: "liste des jeux, en gzip", least: leastPages, requests: b.listRequests(own)},
		{name: "fichier de " + size(b.small.Bytes), least: leastFiles, requests: b.fileRequests(b.small)},
		{name: "fichier de " + size(b.large.Bytes), least: leastFiles, requests: b.fileRequests(b.large)},
	}
	time.Sleep(settleWeb)
	for _, l := range table {
		l.warm(t, own, other)
		for range rounds {
			l.measure(t, own, other, during)
		}
	}
	b.printPages(table)
	b.first(own)
	own.stop()
	other.stop()
	b.search(time.Duration(rounds) * during)
}

func number64(name string, absent int64) int64 {
	n, err := strconv.ParseInt(os.Getenv(name), 10, 64)
	if err != nil {
		return absent
	}
	return n
}

// A webBench is a portal with a generated catalogue.
type webBench struct {
	*press
	data         string
	datasets     []catalog.Dataset
	small, large catalog.File
	rest         []catalog.File // the other files of every dataset
	fields       []catalog.FieldInfo
}

// layWebBench fills a catalogue, with real files, by the ways the program itself takes.
func layWebBench(t *testing.T, n int) *webBench {
	t.Helper()
	if _, err := exec.LookPath("nginx"); err != nil {
		t.Skip("SKIPPED: no nginx to compare with (make bench-web installs it, under Debian as root)")
	}
	b := &webBench{press: layTools(t)}
	b.data = filepath.Join(b.dir, "portail")
	blobs, err := publish.OpenDir(filepath.Join(b.data, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	parquet := b.pressed(blobs, 60_000)
	b.small, b.rest = parquet[1], parquet[:1]
	b.large = b.pressed(blobs, 400_000)[1]
	b.fields = []catalog.FieldInfo{{Name: "nomAttribuant", Type: "string"}, {Name: "dateConvention", Type: "date"}, {Name: "montant", Type: "number"}}
	b.fill(n)
	return b
}

// pressed is the CSV and the Parquet of a table of so many rows, put among the blobs.
func (b *webBench) pressed(blobs publish.BlobStore, rows int) []catalog.File {
	b.t.Helper()
	source, out := b.file("subventions", rows), filepath.Join(b.dir, "sortie")
	b.run(exitBad, b.program, "--data", filepath.Join(b.dir, "data"), "convert", "--schema", filepath.Join(b.dir, "schema.json"), "--formats", "csv,parquet", "--out", out, source)
	var files []catalog.File
	for _, format := range []string{"csv", "parquet"} {
		name := strings.TrimSuffix(filepath.Base(source), ".csv") + "." + format
		body, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			b.t.Fatal(err)
		}
		digest := sha256.Sum256(body)
		sum := hex.EncodeToString(digest[:])
		f := catalog.File{Format: format, Name: "subventions." + format, Title: strings.ToUpper(format), Key: "pub/" + sum[:2] + "/" + sum + "." + format, Bytes: int64(len(body)), Rows: int64(rows), SHA256: sum}
		if err := blobs.Put(b.t.Context(), f.Key, bytes.NewReader(body)); err != nil {
			b.t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

// A workload is a line of the generated catalogue.
type workload struct {
	Title       string   `json:"title"`
	Description string   `json:"description"`
	Keywords    []string `json:"keywords"`
	Theme       string   `json:"theme"`
	Member      struct{ SIREN, Name string }
	Commune     struct{ Code, Name string }
	Temporal    [2]string `json:"temporal"`
}

func (b *webBench) fill(n int) {
	b.t.Helper()
	lines := filepath.Join(b.dir, "catalogue.jsonl")
	if out, err := exec.Command(b.tool, "-kind", "catalogue", "-datasets", strconv.Itoa(n), "-seed", "7", "-out", lines).CombinedOutput(); err != nil {
		b.t.Fatalf("workloads: %v\n%s", err, out)
	}
	text, err := os.ReadFile(lines)
	if err != nil {
		b.t.Fatal(err)
	}
	s, err := store.Open(b.t.Context(), "sqlite:"+filepath.Join(b.data, "grenier.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		b.t.Fatal(err)
	}
	defer s.Close()
	var all []workload
	m := catalog.Manifest{Recipes: []catalog.Recipe{{Name: "r", Text: "name: r\n"}}}
	known := map[string]bool{}
	for line := range bytes.Lines(text) {
		var w workload
		if err := json.Unmarshal(line, &w); err != nil {
			b.t.Fatal(err)
		}
		if !known[w.Member.SIREN] {
			known[w.Member.SIREN] = true
			m.Members = append(m.Members, catalog.Member{SIREN: w.Member.SIREN, Name: w.Member.Name, Kind: catalog.Commune, INSEE: w.Commune.Code, Population: 1200})
		}
		m.Sources = append(m.Sources, catalog.Source{ID: fmt.Sprintf("%s/jeu-%d", w.Member.SIREN, len(all)), Member: w.Member.SIREN, Recipe: "r", Key: fmt.Sprintf("essai/jeu-%d", len(all))})
		all = append(all, w)
	}
	if _, err := s.Apply(b.t.Context(), m, catalog.ApplyOptions{}); err != nil {
		b.t.Fatal(err)
	}
	b.publishAll(s, all, m.Sources)
}

func (b *webBench) publishAll(s *store.Store, all []workload, sources []catalog.Source) {
	b.t.Helper()
	b.datasets = make([]catalog.Dataset, len(all))
	faults := make([]error, 8)
	var wg sync.WaitGroup
	for worker := range faults {
		wg.Go(func() {
			for i := worker; i < len(all) && faults[worker] == nil; i += len(faults) {
				b.datasets[i], faults[worker] = b.publishOne(s, all[i], sources[i])
			}
		})
	}
	wg.Wait()
	if err := errors.Join(faults...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *webBench) publishOne(s *store.Store, w workload, source catalog.Source) (catalog.Dataset, error) {
	now := time.Now().UTC()
	d := catalog.Dataset{ID: catalog.DatasetID(uuid.UUID{7}, source.Member, source.Key), Key: source.Key, Member: catalog.Member{SIREN: source.Member}, Source: source.ID, Title: w.Title,
		Description: w.Description, Keywords: w.Keywords, Themes: []string{w.Theme}, License: "lov2", Frequency: "MONTHLY", TemporalFrom: min(w.Temporal[0], w.Temporal[1]),
		TemporalTo: max(w.Temporal[0], w.Temporal[1]), Fields: b.fields, Valid: true, Rows: b.small.Rows}
	for _, f := range append(slices.Clone(b.rest), b.small, b.large) {
		if f.Key == b.large.Key {
			f.Format, f.Name, f.Title = "xlsx", "toutes.xlsx", "Toutes les années" // the name is all that matters here
		}
		f.ID = catalog.FileID(d.ID, f.Format)
		d.Files = append(d.Files, f)
	}
	run := catalog.Run{ID: uuid.NewString(), Source: source.ID, Member: source.Member, Attempt: 1, Started: now, Ended: now, Lease: now.Add(time.Hour), Rows: d.Rows, Accepted: d.Rows}
	if err := s.Start(b.t.Context(), run); err != nil {
		return d, err
	}
	return s.Publish(b.t.Context(), d, run)
}

// A webServer is a process that answers HTTP.
type webServer struct {
	t       *testing.T
	name    string
	address string
	cmd     *exec.Cmd
	said    *bytes.Buffer
}

// serve starts the program itself on so many processors.
func (b *webBench) serve(processors int) *webServer {
	b.t.Helper()
	s := &webServer{t: b.t, name: "grenier", address: freeAddress(b.t), said: &bytes.Buffer{}}
	s.cmd = exec.Command(b.program, "--data", b.data, "serve", "--roles", "web", "--addr", s.address)
	s.cmd.Env = append(slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "GRENIER_") || strings.HasPrefix(kv, "GOMAXPROCS=") }),
		"GOMAXPROCS="+strconv.Itoa(processors), "GRENIER_LOG__LEVEL="+logLevel())
	s.start(5 * time.Minute) // the index is made first
	return s
}

// logLevel is that of the program: without a line a request, like nginx here, unless GRENIER_BENCH_LOG says otherwise.
func logLevel() string {
	if level := os.Getenv("GRENIER_BENCH_LOG"); level != "" {
		return level
	}
	return "warn"
}

// nginx starts it on a folder that holds what the program answers.
func (b *webBench) nginx() *webServer {
	b.t.Helper()
	root, work := filepath.Join(b.dir, "nginx"), filepath.Join(b.dir, "nginx-work")
	if err := errors.Join(os.MkdirAll(filepath.Join(root, "jeux"), 0o755), os.MkdirAll(filepath.Join(work, "logs"), 0o755)); err != nil {
		b.t.Fatal(err)
	}
	s := &webServer{t: b.t, name: "nginx", address: freeAddress(b.t), said: &bytes.Buffer{}}
	user := ""
	if os.Getuid() == 0 {
		user = "user root;"
	}
	config := fmt.Sprintf(`daemon off; master_process off; worker_processes 1; pid %[1]s/pid; error_log stderr; %[4]s
events { worker_connections 1024; }
http {
	access_log off; sendfile on; tcp_nopush on; gzip_static on; keepalive_requests 100000000; default_type "text/html; charset=utf-8"; etag on;
	open_file_cache max=2000; open_file_cache_valid 60s;
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
	server { listen %[2]s; root %[3]s; }
}`, work, s.address, root, user)
	path := filepath.Join(work, "nginx.conf")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		b.t.Fatal(err)
	}
	s.cmd = exec.Command("nginx", "-p", work, "-c", path)
	s.start(10 * time.Second)
	return s
}

// copyPages writes for nginx what the program answers: each page, its compressed twin, and the files.
func (b *webBench) copyPages(own *webServer) {
	b.t.Helper()
	root := filepath.Join(b.dir, "nginx")
	for _, d := range b.datasets[:min(webPages, len(b.datasets))] {
		small := own.body("/jeux/" + d.Slug)
		path := filepath.Join(root, "jeux", d.Slug)
		if err := errors.Join(os.WriteFile(path, inflated(b.t, small), 0o644), os.WriteFile(path+".gz", small, 0o644)); err != nil {
			b.t.Fatal(err)
		}
	}
	for _, f := range []catalog.File{b.small, b.large} {
		path := filepath.Join(root, fileAddress(b.datasets[0], f))
		body, err := os.ReadFile(filepath.Join(b.data, "blobs", f.Key))
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, body, 0o644)); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (s *webServer) start(within time.Duration) {
	s.t.Helper()
	s.cmd.Stdout, s.cmd.Stderr = s.said, s.said
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(s.stop)
	for deadline := time.Now().Add(within); ; time.Sleep(50 * time.Millisecond) {
		c, err := net.Dial("tcp", s.address)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(deadline) || s.cmd.ProcessState != nil {
			s.stop()
			s.t.Fatalf("%s does not start: %s", s.name, s.said)
		}
	}
}

func (s *webServer) stop() {
	if s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		_ = s.cmd.Wait()
	}
}

// cpu is the processor time of the process so far.
func (s *webServer) cpu() time.Duration {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		s.t.Fatal(err)
	}
	return time.Duration(user+system) * (time.Second / 100) // USER_HZ is 100 everywhere
}

// body is what the server answers, compressed.
func (s *webServer) body(path string) []byte {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+s.address+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "gzip")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %d %v", path, res.StatusCode, err)
	}
	return body
}

// A webRequest is the text of a request and the status of its answer.
type webRequest struct {
	text   []byte
	status string
}

func request(path, headers, status string) webRequest {
	return webRequest{[]byte("GET " + path + " HTTP/1.1\r\nHost: portail.example.org\r\n" + headers + "\r\n"), status}
}

// A webLine is one line of the table.
type webLine struct {
	name     string
	least    float64
	requests func(s *webServer) []webRequest
	rounds   []webRound
}

// A webRound is what both did in one round.
type webRound struct{ own, other webCost }

// A webCost is what a server did.
type webCost struct {
	rate float64         // requests a second
	used time.Duration   // of processor
	took []time.Duration // each answer
}

// each is the processor time that a request takes, of all rounds: the kernel counts by hundredths of a second.
func (l *webLine) each(of func(webRound) webCost) float64 {
	var used time.Duration
	n := 0
	for _, r := range l.rounds {
		used, n = used+of(r).used, n+len(of(r).took)
	}
	return float64(used.Nanoseconds()) / 1000 / float64(n)
}

func (b *webBench) pageRequests(headers string, prepared ...*webServer) func(*webServer) []webRequest {
	tags := map[string]string{}
	if len(prepared) == 0 {
		return func(s *webServer) []webRequest { return b.pages(headers, "200", nil) }
	}
	b.copyPages(prepared[0])
	for _, s := range prepared {
		for _, d := range b.datasets[:min(webPages, len(b.datasets))] {
			tags[s.name+"/jeux/"+d.Slug] = s.tag("/jeux/" + d.Slug)
		}
	}
	return func(s *webServer) []webRequest {
		return b.pages(headers, "304", func(path string) string { return tags[s.name+path] })
	}
}

// listRequests asks for the first page of the list, which nginx has as a file.
func (b *webBench) listRequests(own *webServer) func(*webServer) []webRequest {
	small := own.body("/jeux")
	path := filepath.Join(b.dir, "nginx", "liste")
	if err := errors.Join(os.WriteFile(path, inflated(b.t, small), 0o644), os.WriteFile(path+".gz", small, 0o644)); err != nil {
		b.t.Fatal(err)
	}
	return func(s *webServer) []webRequest {
		if s == own {
			return []webRequest{request("/jeux", "Accept-Encoding: gzip\r\n", "200")}
		}
		return []webRequest{request("/liste", "Accept-Encoding: gzip\r\n", "200")}
	}
}

func (b *webBench) pages(headers, status string, tag func(path string) string) []webRequest {
	var all []webRequest
	for _, d := range b.datasets[:min(webPages, len(b.datasets))] {
		path := "/jeux/" + d.Slug
		if tag == nil {
			all = append(all, request(path, headers, status))
			continue
		}
		all = append(all, request(path, headers+"If-None-Match: "+tag(path)+"\r\n", status))
	}
	return all
}

// tag is the ETag of a page as a browser gets it.
func (s *webServer) tag(path string) string {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+s.address+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "gzip")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	res.Body.Close()
	if res.Header.Get("ETag") == "" {
		s.t.Fatalf("%s: %s without ETag", s.name, path)
	}
	return res.Header.Get("ETag")
}

func fileAddress(d catalog.Dataset, f catalog.File) string {
	for _, have := range d.Files {
		if have.Key == f.Key {
			return "/f/" + have.ID.String() + "/" + have.Name
		}
	}
	return ""
}

func (b *webBench) fileRequests(f catalog.File) func(*webServer) []webRequest {
	return func(*webServer) []webRequest { return []webRequest{request(fileAddress(b.datasets[0], f), "", "200")} }
}

// measure asks both, by turns, and begins with the one that came last before.
func (l *webLine) measure(t *testing.T, own, other *webServer, during time.Duration) {
	t.Helper()
	var r webRound
	ask := func() { r.own = load(t, own, l.requests(own), during) }
	askOther := func() { r.other = load(t, other, l.requests(other), during) }
	if len(l.rounds)%2 == 1 {
		ask, askOther = askOther, ask
	}
	ask()
	askOther()
	l.rounds = append(l.rounds, r)
}

// warm asks for everything once: what is measured is what is asked for often.
func (l *webLine) warm(t *testing.T, servers ...*webServer) {
	t.Helper()
	for _, s := range servers {
		c, err := net.Dial("tcp", s.address)
		if err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReaderSize(c, 256<<10)
		for _, r := range l.requests(s) {
			_, err := c.Write(r.text)
			if err := errors.Join(err, readAnswer(in, r.status)); err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
		}
		c.Close()
	}
}

// load asks a server for requests, in order, over connections that stay open, and measures.
func load(t *testing.T, s *webServer, requests []webRequest, during time.Duration) webCost {
	t.Helper()
	took, faults := make([][]time.Duration, webReaders), make([]error, webReaders)
	ctx, cancel := context.WithTimeout(t.Context(), during)
	defer cancel()
	before, began := s.cpu(), time.Now()
	var wg sync.WaitGroup
	for i := range webReaders {
		wg.Go(func() { took[i], faults[i] = readAll(ctx, s.address, requests, i*len(requests)/webReaders) })
	}
	wg.Wait()
	lasted, used := time.Since(began), s.cpu()-before
	if err := errors.Join(faults...); err != nil {
		t.Fatalf("%s: %v\n%s", s.name, err, s.said)
	}
	all := slices.Concat(took...)
	slices.Sort(all)
	return webCost{rate: float64(len(all)) / lasted.Seconds(), used: used, took: all}
}

// readAll is one reader: it says how long each answer took.
func readAll(ctx context.Context, address string, requests []webRequest, from int) ([]time.Duration, error) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	in := bufio.NewReaderSize(c, 256<<10)
	var took []time.Duration
	for i := from; ctx.Err() == nil; i++ {
		began := time.Now()
		r := requests[i%len(requests)]
		if _, err := c.Write(r.text); err != nil {
			return nil, err
		}
		if err := readAnswer(in, r.status); err != nil {
			return nil, fmt.Errorf("%s: %w", bytes.SplitN(r.text, []byte("\r"), 2)[0], err)
		}
		took = append(took, time.Since(began))
	}
	return took, nil
}

// readAnswer reads one answer and lets go of its body, at the least cost: the readers have the same processors.
func readAnswer(in *bufio.Reader, status string) error {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if len(line) < 12 || string(line[9:12]) != status {
		return fmt.Errorf("answered %q", line)
	}
	length := int64(-1)
	chunked := false
	for {
		if line, err = in.ReadSlice('\n'); err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		switch {
		case len(line) > 16 && bytes.EqualFold(line[:15], []byte("content-length:")):
			if length, err = strconv.ParseInt(string(bytes.TrimSpace(line[15:])), 10, 64); err != nil {
				return err
			}
		case len(line) > 18 && bytes.EqualFold(line[:18], []byte("transfer-encoding:")):
			chunked = true
		}
	}
	switch {
	case chunked:
		return skipChunks(in)
	case status == "304":
		return nil
	case length < 0:
		return errors.New("an answer without its length")
	}
	_, err = in.Discard(int(length))
	return err
}

func skipChunks(in *bufio.Reader) error {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 64)
		if err != nil {
			return err
		}
		if _, err := in.Discard(int(n) + 2); err != nil || n == 0 {
			return err
		}
	}
}

// median is that of what of gives for each round.
func (l *webLine) median(of func(webRound) float64) float64 {
	var all []float64
	for _, r := range l.rounds {
		all = append(all, of(r))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func (b *webBench) printPages(table []*webLine) {
	fmt.Printf("%s, %s jeux de données, %d connexions, un processeur pour chaque serveur, médiane de %d tours entrelacés\n\n", time.Now().Format(time.DateOnly), number(len(b.datasets)), webReaders, len(table[0].rounds))
	fmt.Println("| quoi | nginx | Grenier | rapport | seuil | processeur par requête, nginx | Grenier | rapport |\n| --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, l := range table {
		rate := l.median(func(r webRound) float64 { return r.own.rate / r.other.rate })
		own, other := l.each(func(r webRound) webCost { return r.own }), l.each(func(r webRound) webCost { return r.other })
		fmt.Printf("| %s | %.0f/s | %.0f/s | %.2f | ≥ %.2f | %.1f µs | %.1f µs | %.2f |\n", l.name, l.median(func(r webRound) float64 { return r.other.rate }), l.median(func(r webRound) float64 { return r.own.rate }),
			rate, l.least, other, own, other/own)
		if rate < l.least {
			b.t.Errorf("%s: %.2f times the rate of nginx, less than %.2f", l.name, rate, l.least)
		}
	}
	fmt.Println()
}

// first prints what a first view of each kind of page takes: the page and what it names, compressed as it travels.
func (b *webBench) first(own *webServer) {
	d := b.datasets[0]
	fmt.Println("| première visite | octets (gzip) | requêtes |\n| --- | --- | --- |")
	for _, p := range []struct{ name, path string }{
		{"accueil", "/"}, {"résultats", "/jeux"}, {"résultats d’une recherche", "/jeux?q=subventions"}, {"jeu de données", "/jeux/" + d.Slug}, {"rapport", "/jeux/" + d.Slug + "/rapport"},
		{"historique", "/jeux/" + d.Slug + "/historique"}, {"collectivités", "/membres"}, {"collectivité", "/membres/" + d.Member.SIREN}, {"schémas", "/schemas"}, {"API", "/api"},
		{"à propos", "/a-propos"}, {"accessibilité", "/accessibilite"}, {"plan du site", "/plan-du-site"},
	} {
		bytes, requests := b.firstView(own, p.path)
		fmt.Printf("| %s | %s | %d |\n", p.name, number(bytes), requests)
		if bytes > firstBytes || requests > firstRequests {
			b.t.Errorf("the first view of %s takes %d bytes and %d requests, more than %d and %d", p.path, bytes, requests, firstBytes, firstRequests)
		}
	}
	fmt.Println()
}

var named = regexp.MustCompile(`(?:<link rel="(?:stylesheet|icon)"[^>]*href|<script[^>]*src|<img[^>]*src)="(/[^"]*)"`)

func (b *webBench) firstView(own *webServer, path string) (bytes, requests int) {
	b.t.Helper()
	small := own.body(path)
	bytes, requests = len(small), 1
	seen := map[string]bool{}
	for _, m := range named.FindAllStringSubmatch(string(inflated(b.t, small)), -1) {
		if address := html.UnescapeString(m[1]); !seen[address] {
			seen[address] = true
			bytes, requests = bytes+len(own.body(address)), requests+1
		}
	}
	return bytes, requests
}

// inflated is what was compressed, or what was not worth it.
func inflated(t *testing.T, body []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(body))
	if errors.Is(err, gzip.ErrHeader) {
		return body
	}
	whole, readErr := io.ReadAll(z)
	if err := errors.Join(err, readErr); err != nil {
		t.Fatal(err)
	}
	return whole
}

// search asks for pages of results that nobody asked for before.
func (b *webBench) search(during time.Duration) {
	s := b.serve(2)
	defer s.stop()
	for _, form := range []struct{ name, path string }{{"pages de résultats", "/jeux"}, {"API", "/api/1/jeux"}} {
		requests := b.queries(form.path)
		load(b.t, s, requests, time.Second) // what is read once only
		c := load(b.t, s, b.queries(form.path), during)
		at := func(share float64) float64 {
			return float64(c.took[int(share*float64(len(c.took)-1))].Microseconds()) / 1000
		}
		fmt.Printf("recherche, %s : %.0f/s (seuil %d), médiane %.1f ms, p99 %.1f ms, pire %.1f ms, %.2f ms de processeur\n", form.name, c.rate, leastQueries, at(.5), at(.99), at(1), c.used.Seconds()*1000/float64(len(c.took)))
		if c.rate < leastQueries {
			b.t.Errorf("search, %s: %.0f queries a second, less than %d", form.path, c.rate, leastQueries)
		}
	}
}

// queries are searches as people write them: words of titles, a name of a place, a beginning, a typing error, a filter.
func (b *webBench) queries(path string) []webRequest {
	var all []webRequest
	for range 20_000 {
		d := b.datasets[rand.IntN(len(b.datasets))]
		words := strings.FieldsFunc(d.Title, func(r rune) bool { return r == ' ' || r == '-' })
		v := url.Values{}
		switch rand.IntN(6) {
		case 0:
			v.Set("q", words[0])
			v.Set("page", strconv.Itoa(1+rand.IntN(3)))
		case 1:
			v.Set("q", words[0]+" "+words[len(words)-1])
		case 2:
			v.Set("q", strings.Join(words, " "))
		case 3:
			v.Set("q", mistyped(words[len(words)-1]))
		case 4:
			v.Set("q", d.Keywords[rand.IntN(len(d.Keywords))])
			v.Set("theme", d.Themes[0])
		case 5:
			v.Set("q", words[0])
			v.Set("membre", d.Member.SIREN)
		}
		all = append(all, request(path+"?"+v.Encode(), "Accept-Encoding: gzip\r\n", "200"))
	}
	return all
}

// mistyped exchanges two letters of a word.
func mistyped(word string) string {
	r := []rune(word)
	if i := 1 + rand.IntN(max(1, len(r)-2)); i+1 < len(r) {
		r[i], r[i+1] = r[i+1], r[i]
	}
	return string(r)
}
