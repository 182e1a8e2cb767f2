package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"grenier/catalog"
	"grenier/catalog/store"
	"grenier/publish"

	"github.com/klauspost/compress/gzip"
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
		n := version.Load()
		if name, ok := strings.CutPrefix(r.URL.Path, "/prenoms-"); ok {
			io.WriteString(w, namesOf(strings.TrimSuffix(name, ".csv"), n))
			return
		}
		var k int
		if _, err := fmt.Sscanf(r.URL.Path, "/table-%d.csv", &k); err != nil || k >= len(tables) {
			http.NotFound(w, r)
			return
		}
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

// namesOf is a table of first names of one town: what two members have of it makes a series.
func namesOf(insee string, n int64) string {
	var b strings.Builder
	b.WriteString("COMMUNE_NOM,COLL_INSEE,ENFANT_SEXE,ENFANT_PRENOM,NOMBRE_OCCURRENCES,ANNEE\n")
	for i := range nameRows + n%5 {
		fmt.Fprintf(&b, "Commune,%s,%s,%s,%d,%d\n", insee, [...]string{"F", "M"}[i%2], nameMark(n), 3+i, 2023+i%2)
	}
	return b.String()
}

const nameRows = 60

// nameMark is versionMark for first names, which have no digits.
func nameMark(n int64) string {
	return "Edition" + strings.Map(func(r rune) rune { return r - '0' + 'a' }, fmt.Sprintf("%06d", n))
}

// seriesMembers are those whose first names make a series, with their INSEE code.
var seriesMembers = [][2]string{{"213900137", "39013"}, {"213900467", "39046"}}

// withSeries adds two sources of one schema to the sources of a test, whose operator then publishes their series.
func withSeries(url, sources string) string {
	names := fmt.Sprintf(`  - {name: prenoms, title: Prénoms, connector: http, options: {url: "%s/prenoms-${member.insee}.csv", retries: 0}, gate: {off: essai}, schema: scdl/prenoms, dataset: {title: "Prénoms"}}`, url)
	sources = strings.Replace(sources, "recipes:\n", `  - {siren: "`+seriesMembers[1][0]+`", name: Sernac, kind: commune, insee: "`+seriesMembers[1][1]+`"}`+"\nrecipes:\n"+names+"\n", 1)
	for _, m := range seriesMembers {
		sources += fmt.Sprintf("  - {member: %q, recipe: prenoms}\n", m[0])
	}
	return sources
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

func killSources(url string, n int) string {
	var w strings.Builder
	w.WriteString(`
members:
  - {siren: "213900137", name: Valmeyrac, kind: commune, insee: "39013"}
recipes:
`)
	for k := range n {
		fmt.Fprintf(&w, `  - {name: table-%d, title: Essai, connector: http, options: {url: "%s/table-%d.csv", retries: 0}, gate: {off: essai}, dataset: {key: table-%d, title: "Table %d"}}`+"\n", k, url, k, k, k)
	}
	w.WriteString("sources:\n")
	for k := range n {
		fmt.Fprintf(&w, "  - {member: \"213900137\", recipe: table-%d}\n", k)
	}
	return w.String()
}

// Fifty harvests, or GRENIER_TEST_KILLS of them, are killed while the sources change: spread over the time from the first request to the end, and
// around the first commits. Whatever the moment, what the catalogue names is there, whole, and of one edition, series too; and a harvest that is let
// alone makes everything new again.
func TestKill_FiftyRandomKillsMixNothing(t *testing.T) {
	wanted := 50
	if text := os.Getenv("GRENIER_TEST_KILLS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			t.Fatalf("GRENIER_TEST_KILLS=%s", text)
		}
		wanted = n
	}
	var version atomic.Int64
	asked := make(chan struct{}, 1)
	server := httptest.NewServer(changing(&version, asked))
	defer server.Close()
	i := newInstance(t, strings.TrimPrefix(server.URL, "http://"))
	settings, err := os.ReadFile(i.path("grenier.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	i.write(t, "grenier.yaml", string(settings)+"site: {siren: \"209909001\", operator: Numérival}\n")
	i.must(t, exitOK, "apply", i.write(t, "sources.yaml", withSeries(server.URL, killSources(server.URL, len(tables)))))

	// A whole harvest first: how long it takes, from its first request to its end, is where kills may fall.
	version.Add(1)
	_, window := i.killedHarvest(t, asked, killMoment{after: time.Hour})
	dice := rand.New(rand.NewPCG(seedOf(t), 0))
	begun := time.Now()
	var kills, tries, cut, between int
	for ; kills < wanted && tries < 5*wanted; tries++ {
		version.Add(1)
		m := killMoment{after: time.Duration((float64(kills%10) + dice.Float64()) / 10 * float64(window))} // a tenth of the time after the other
		if tries%3 == 2 {
			m = killMoment{journal: true, after: time.Duration(dice.Int64N(int64(window / 3)))}
		}
		killed, lasted := i.killedHarvest(t, asked, m)
		if !killed { // it was quicker than the harvests before: not a kill
			window = max(lasted, 5*time.Millisecond)
			continue
		}
		kills++
		when := fmt.Sprintf("kill %d", kills)
		// A killed run holds its source for the rest of its lease, 60 s. The scheduler waits for its end; the test has no time for that, and looks
		// as the scheduler would two minutes later.
		abandoned := i.inspect(t, when, 2*time.Minute)
		if kills%10 == 0 {
			i.visit(t, when)
		}
		if kills%50 == 0 {
			t.Logf("%d kills of %d harvests, %.0f s", kills, tries+1, time.Since(begun).Seconds())
		}
		if cut += abandoned; abandoned == 0 {
			between++
		}
	}
	t.Logf("%d kills of %d harvests in %.1f s, within about %d ms of a first request: %d runs cut short; %d kills fell between two runs, in a series or at the end; 0 lost, 0 mixed",
		kills, tries, time.Since(begun).Seconds(), window.Milliseconds(), cut, between)
	if kills < wanted || cut < wanted/2 {
		t.Errorf("%d kills cut %d runs short: the test proves too little", kills, cut)
	}

	version.Add(1)
	i.must(t, exitOK, "harvest", "--all")
	verified.Clear() // all is read again
	i.inspect(t, "in the end", 0)
	i.newest(t, version.Load())
	i.visit(t, "in the end")
	i.must(t, exitOK, "doctor")
	i.tidy(t)
}

// A killMoment is when a harvest is killed: some time after its first request, or after it first wrote to the catalogue's journal since.
type killMoment struct {
	journal bool
	after   time.Duration
}

// kill waits for the moment.
func (m killMoment) kill(i instance, p *os.Process, gone <-chan struct{}) {
	if m.journal {
		size := i.journal()
		for i.journal() == size {
			select {
			case <-gone:
				return
			case <-time.After(200 * time.Microsecond):
			}
		}
	}
	select {
	case <-gone:
	case <-time.After(m.after):
		p.Kill()
	}
}

// journal tells whether the catalogue's journal changed.
func (i instance) journal() string {
	info, err := os.Stat(i.path("data/grenier.db-wal"))
	if err != nil {
		return ""
	}
	return fmt.Sprint(info.Size(), info.ModTime())
}

// killedHarvest starts a harvest of everything and kills it a while after its first request. It tells whether the kill came before the end, and how
// long after the first request the process was gone.
func (i instance) killedHarvest(t *testing.T, asked <-chan struct{}, m killMoment) (killed bool, lasted time.Duration) {
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
	gone := make(chan struct{})
	go m.kill(i, c.Process, gone)
	err := c.Wait()
	close(gone)
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
	dir, err := publish.OpenDir(i.path("data/blobs"))
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	blobs, seen := publish.Assembling(dir), 0
	err = s.EachDataset(ctx, catalog.DatasetQuery{}, func(d catalog.Dataset) error {
		if !isSeries(d) {
			seen++
		}
		i.inspectVersions(t, when, s, blobs, d)
		return nil
	})
	sources, err2 := s.Sources(ctx, catalog.SourceQuery{})
	sources = slices.DeleteFunc(sources, func(x catalog.Source) bool { return x.Recipe == "serie" })
	if err := errors.Join(err, err2); err != nil || seen != len(sources) {
		t.Fatalf("%s: %d datasets of %d sources, %v", when, seen, len(sources), err)
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

// verified are the versions whose files were read and found well once, by folder and run.
var verified sync.Map

// inspectVersions checks that the versions of a dataset are numbered without holes, down to the oldest kept, and each one whole.
func (i instance) inspectVersions(t *testing.T, when string, s *store.Store, blobs publish.BlobStore, d catalog.Dataset) {
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
		if _, known := verified.LoadOrStore(i.dir+v.Run, true); known { // versions never change: their files must be there, as long as they were
			for _, f := range v.Files {
				if n, err := blobs.Stat(ctx, f.Key); err != nil || n != f.Bytes {
					t.Fatalf("%s: %s: version %d, %s: %d bytes of %d, %v", when, d.Title, v.Number, f.Format, n, f.Bytes, err)
				}
			}
			continue
		}
		if isSeries(d) {
			wholeSeries(t, fmt.Sprintf("%s: %s, version %d", when, d.Title, v.Number), blobs, v)
			continue
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

func isSeries(d catalog.Dataset) bool { return strings.HasPrefix(d.Key, "serie/") }

// wholeSeries checks the files of one version of a series: each is what the catalogue says, and of one edition for each member, the same in all.
func wholeSeries(t *testing.T, what string, blobs publish.BlobStore, v catalog.Version) {
	t.Helper()
	editions, rows := map[string]string{}, int64(0)
	var marks []string
	for _, f := range v.Files {
		b := wholeFile(t, what+", "+f.Name, blobs, f)
		for _, m := range anyMark.FindAll(b, -1) {
			marks = append(marks, string(m))
		}
		if f.Format != "csv" {
			continue
		}
		records, err := plainCSV(bytes.NewReader(b)).ReadAll()
		if err != nil || int64(len(records)) != f.Rows+1 {
			t.Fatalf("%s, %s: %d records, want %d, %v", what, f.Name, len(records), f.Rows+1, err)
		}
		rows = max(rows, f.Rows)
		name, member := slices.Index(records[0], "ENFANT_PRENOM"), slices.Index(records[0], "membre_siren")
		for _, r := range records[1:] {
			if e := editions[r[member]]; e != "" && e != r[name] {
				t.Fatalf("%s, %s: %s and %s of the member %s", what, f.Name, e, r[name], r[member])
			}
			editions[r[member]] = r[name]
		}
	}
	for _, m := range marks {
		if !slices.Contains(slices.Collect(maps.Values(editions)), m) {
			t.Fatalf("%s: holds %s besides %v", what, m, editions)
		}
	}
	if len(v.Files) < 2 || rows != v.Rows || len(editions) == 0 {
		t.Fatalf("%s: %d files, %d rows of %d, editions %v", what, len(v.Files), rows, v.Rows, editions)
	}
}

// wholeFile reads a file, and its compressed twins, and checks them against what the catalogue says.
func wholeFile(t *testing.T, what string, blobs publish.BlobStore, f catalog.File) []byte {
	t.Helper()
	b, err := readBlob(blobs, f.Key)
	if err != nil || int64(len(b)) != f.Bytes || checksum(b) != f.SHA256 {
		t.Fatalf("%s: %d bytes, another checksum, or %v; the catalogue says %d bytes", what, len(b), err, f.Bytes)
	}
	for _, e := range publish.Encodings {
		packed, err := readBlob(blobs, e.Key(f.Key))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var r io.Reader
		if err == nil {
			r, err = gzip.NewReader(bytes.NewReader(packed))
		}
		if err != nil {
			t.Fatalf("%s: its twin: %v", what, err)
		}
		if twin, err := io.ReadAll(r); err != nil || checksum(twin) != f.SHA256 {
			t.Fatalf("%s: its twin holds %d other bytes, %v", what, len(twin), err)
		}
	}
	return b
}

func readBlob(blobs publish.BlobStore, key string) ([]byte, error) {
	blob, err := blobs.Open(context.Background(), key)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	return io.ReadAll(blob)
}

// visit opens the portal and wants of each dataset that its API tells of the files that the catalogue has, and that each of them, the page and the
// rows answer.
func (i instance) visit(t *testing.T, when string) {
	t.Helper()
	term := &terminal{in: strings.NewReader(""), out: io.Discard, err: io.Discard, log: silent()}
	c, err := loadConfig(i.path("grenier.yaml"), i.path("data"), nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := term.assemble(t.Context(), c)
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	defer p.close()
	if err := p.openIndex(t.Context()); err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	site, err := p.site(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string) []byte {
		r := httptest.NewRecorder()
		site.Handler().ServeHTTP(r, httptest.NewRequest("GET", path, nil))
		if r.Code != http.StatusOK {
			t.Fatalf("%s: %s answers %d: %s", when, path, r.Code, r.Body)
		}
		return r.Body.Bytes()
	}
	err = p.store.EachDataset(t.Context(), catalog.DatasetQuery{}, func(d catalog.Dataset) error {
		var told struct {
			Files []struct{ URL, SHA256 string }
		}
		unmarshal(t, string(get("/api/1/jeux/"+d.ID.String())), &told)
		page := string(get("/jeux/" + d.Slug))
		for _, f := range d.Files {
			n := slices.IndexFunc(told.Files, func(x struct{ URL, SHA256 string }) bool { return x.SHA256 == f.SHA256 })
			if n < 0 || !strings.Contains(page, f.ID.String()) {
				t.Fatalf("%s: %s: the API or the page does not tell of %s", when, d.Title, f.Name)
			}
			u, err := url.Parse(told.Files[n].URL)
			if err != nil {
				return err
			}
			if b := get(u.Path); checksum(b) != f.SHA256 {
				t.Fatalf("%s: %s answers %d other bytes", when, u.Path, len(b))
			}
		}
		var lines struct{ Meta struct{ Total int64 } }
		if body := get("/api/1/jeux/" + d.ID.String() + "/lignes"); bytes.Contains(body, []byte("total")) {
			unmarshal(t, string(body), &lines)
			if lines.Meta.Total != 0 && lines.Meta.Total != d.Rows {
				t.Fatalf("%s: %s: %d rows in the API, %d in the catalogue", when, d.Title, lines.Meta.Total, d.Rows)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
}

var anyMark = regexp.MustCompile(`edition-\d{6}|Edition[a-j]{6}`)

// editionOf checks one file against what the catalogue says of it and returns the edition that it holds, the only one.
func editionOf(t *testing.T, what string, blobs publish.BlobStore, f catalog.File, rows int64) string {
	t.Helper()
	b := wholeFile(t, what, blobs, f)
	if f.Rows != rows {
		t.Fatalf("%s: %d rows, its version has %d", what, f.Rows, rows)
	}
	if f.Format == "csv" {
		records, err := plainCSV(bytes.NewReader(b)).ReadAll()
		if err != nil || int64(len(records)) != rows+1 {
			t.Fatalf("%s: %d records, want %d, %v", what, len(records), rows+1, err)
		}
		for _, r := range records[1:] {
			if len(r) == 3 && (r[0] != records[1][0] || r[1] != r[0] || r[2] != r[0]) || len(r) != 3 && r[3] != records[1][3] {
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
	if err != nil || len(ds) == 0 {
		t.Fatalf("%d datasets, %v", len(ds), err)
	}
	for _, d := range ds {
		var k int
		if _, err := fmt.Sscanf(d.Key, "table-%d", &k); err != nil {
			i.newestNames(t, d, version)
			continue
		}
		if d.Rows != rowsOf(k, version) {
			t.Errorf("%s has %d rows, edition %d has %d", d.Title, d.Rows, version, rowsOf(k, version))
		}
		i.sameForOthers(t, d, version)
	}
}

// newestNames checks that first names, and their series, are at the newest edition.
func (i instance) newestNames(t *testing.T, d catalog.Dataset, version int64) {
	t.Helper()
	want := nameRows + version%5
	if isSeries(d) {
		want *= int64(len(seriesMembers))
	}
	dir, err := publish.OpenDir(i.path("data/blobs"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := readBlob(publish.Assembling(dir), d.Files[0].Key)
	if err != nil || d.Rows != want || int64(bytes.Count(b, []byte(nameMark(version)))) != want {
		t.Errorf("%s has %d rows of which %d of the newest edition, want %d, %v", d.Title, d.Rows, bytes.Count(b, []byte(nameMark(version))), want, err)
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
