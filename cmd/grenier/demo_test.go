package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"grenier/catalog"
	"grenier/cmd/grenier/demo"
)

// demoEnds are the ends that the demonstration is made to show, by source: those of the first harvest and of the second.
var demoEnds = map[string][2]catalog.Status{
	"219900040/budget":                {catalog.Failed, catalog.Failed},       // a login page instead of the file
	"219900073/equipements":           {catalog.Failed, catalog.Failed},       // 404
	"219900065/schema-bal":            {catalog.Published, catalog.Held},      // half of the rows are gone
	"219900032/prenoms":               {catalog.Published, catalog.Held},      // an API with nothing in it
	"219900024/subventions":           {catalog.Published, catalog.Unchanged}, // dates and numbers that do not exist: those rows are set aside
	"219900032/equipements":           {catalog.Published, catalog.Unchanged}, // an ordinary one
	"229900014/subventions":           {catalog.Published, catalog.Published}, // one more row
	"209900117/dechets-frequentation": {catalog.Published, catalog.Published}, // one more month, in a folder
}

func TestDemo_ShowsAllOfTheProgram(t *testing.T) {
	wholeProgram(t)
	i := instance{t.TempDir()}
	i.write(t, "grenier.yaml", "{}\n")
	o := i.demo(t)
	for _, want := range []string{"24 collectivités", "Premier moissonnage", "Le lendemain"} {
		if !strings.Contains(o.out, want) {
			t.Errorf("the demonstration does not say %q:\n%s", want, o.out)
		}
	}
	i.demoRuns(t)
	p := i.serve(t, "--roles", "web")
	p.demoPages(t)
	tables := p.demoDownloads(t)
	t.Run("readers", func(t *testing.T) { p.demoReaders(t, tables) })
	t.Run("shacl", func(t *testing.T) { p.demoShapes(t) })
	t.Run("catalogues", func(t *testing.T) { p.demoCatalogues(t) })
	t.Run("rehearsal", func(t *testing.T) { p.demoRehearsal(t) })
	t.Run("series", func(t *testing.T) { p.demoOperator(t) })
	p.stop(t)
	i.must(t, exitOK, "doctor")

	harvests := func() (list []catalog.Run) {
		for _, r := range i.runs(t) {
			if !strings.Contains(r.Source, "/serie/") {
				list = append(list, r)
			}
		}
		return list
	}
	before := len(harvests())
	i.demo(t) // again, where everything is there already
	if after := harvests(); len(after) != before+before/2 || after[0].Status == catalog.Running {
		t.Errorf("the second demonstration: %d runs after %d", len(after), before)
	}
	i.must(t, exitOK, "doctor")
}

func (i instance) demo(t *testing.T) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, whole.path, "demo", "--once", "--dir", i.path("data"))
	c.Dir = i.dir
	o := finish(t, c)
	if o.code != exitOK {
		t.Fatalf("demo --once: exit %d\n%s%s", o.code, o.out, o.err)
	}
	return o
}

// demoRuns checks that the runs ended as the demonstration is made to show, and that no other source went wrong.
func (i instance) demoRuns(t *testing.T) {
	t.Helper()
	ends := map[string][]catalog.Run{} // first harvest first
	for _, r := range i.runs(t) {
		ends[r.Source] = append([]catalog.Run{r}, ends[r.Source]...)
	}
	if len(ends) < 100 {
		t.Fatalf("%d sources ran", len(ends))
	}
	for id, want := range demoEnds {
		if runs := ends[id]; len(runs) != 2 || runs[0].Status != want[0] || runs[1].Status != want[1] {
			t.Errorf("%s: got %v, want %v", id, statuses(runs), want)
		}
	}
	for id, runs := range ends {
		for _, r := range runs {
			if _, known := demoEnds[id]; !known && r.Status != catalog.Published && r.Status != catalog.Unchanged {
				t.Errorf("%s is %s, which nobody designed: %s (%s)", id, r.Status, r.Message, r.Error)
			}
			if (r.Status == catalog.Failed || r.Status == catalog.Held) && r.Message == "" {
				t.Errorf("%s is %s and says nothing", id, r.Status)
			}
		}
	}
	rejected := map[string]int64{"219900024/subventions": 6, "219900032/deliberations": 2, "219900016/format-commande-publique": 2}
	for id, runs := range ends {
		if r := runs[0]; r.Rejected != rejected[id] || (r.Rejected > 0) != (r.Quarantine != nil) {
			t.Errorf("%s: %d rows rejected, want %d; quarantine %v", id, r.Rejected, rejected[id], r.Quarantine)
		}
	}
	if r := ends["219900040/budget"][0]; !strings.Contains(plain(r.Message), "page de connexion") {
		t.Errorf("the login page: %q", r.Message)
	}
	if r := ends["219900065/schema-bal"][1]; r.Stage != "gate" || !strings.Contains(plain(r.Message), "50 % de ses lignes") {
		t.Errorf("the halved file stopped at %q: %q", r.Stage, r.Message)
	}
}

func statuses(runs []catalog.Run) (list []catalog.Status) {
	for _, r := range runs {
		list = append(list, r.Status)
	}
	return list
}

// demoPages looks at what people and harvesters read.
func (p *portal) demoPages(t *testing.T) {
	t.Helper()
	page := p.search(t, "?q=budget&page_size=100")
	if page.Total < 1 || len(page.Data) != page.Total {
		t.Fatalf("budget: %d found, %d shown", page.Total, len(page.Data))
	}
	for _, d := range page.Data {
		if !strings.Contains(d.Title, "Budget") {
			t.Errorf("a search for budget finds %q", d.Title)
		}
	}
	siren := page.Data[0].Member.SIREN
	for path, want := range map[string]string{
		"/": "<html", "/jeux/" + page.Data[0].Slug: page.Data[0].Title, "/jeux?q=budget": "Budget", "/membres/" + siren: "<html",
		"/catalogues/" + siren + ".ttl": "dcat:Catalog", "/catalogue.ttl": "dcat:Catalog", "/jeux/" + page.Data[0].ID + ".ttl": "dcat:Dataset", "/healthz": "",
	} {
		if !bytes.Contains(p.ok(t, path), []byte(want)) {
			t.Errorf("%s lacks %q", path, want)
		}
	}
	if held := p.search(t, "?q=adresse+Beaulieu&page_size=100"); held.Total == 0 {
		t.Error("the held dataset is not found: its last version should be online")
	}
}

// A demoTable is a downloaded dataset: the paths of its CSV and Parquet files.
type demoTable struct {
	title        string
	csv, parquet string
	rows         int64
}

// demoDownloads downloads three datasets of different kinds, whole and in part.
func (p *portal) demoDownloads(t *testing.T) (tables []demoTable) {
	t.Helper()
	dir := t.TempDir()
	for _, one := range []struct{ schema, member string }{
		{"scdl/subventions", "219900024"}, {"etalab/schema-bal", ""}, {"139bercy/format-commande-publique", ""}, // and two series
		{"scdl/subventions", demo.Operator.SIREN}, {"etalab/schema-bal", demo.Operator.SIREN},
	} {
		page := p.search(t, "?page_size=1&schema="+url.QueryEscape(one.schema)+"&membre="+one.member)
		if page.Total == 0 {
			t.Fatalf("no dataset of %s", one.schema)
		}
		d := p.table(t, page.Data[0].ID)
		table := demoTable{title: d.Title}
		for _, format := range []string{"csv", "parquet"} {
			body, rows := p.download(t, d, format)
			path := filepath.Join(dir, fmt.Sprintf("%d.%s", len(tables), format))
			if err := os.WriteFile(path, body, 0o600); err != nil {
				t.Fatal(err)
			}
			if table.rows = rows; format == "csv" {
				table.csv = path
			} else {
				table.parquet = path
			}
		}
		tables = append(tables, table)
	}
	return tables
}

// download reads a file whole, then by HEAD, by range and by its mark, and returns it.
func (p *portal) download(t *testing.T, d foundTable, format string) (body []byte, rows int64) {
	t.Helper()
	address, sha, size, rows := d.file(format)
	r, body := p.get(t, http.MethodGet, address)
	if r.StatusCode != http.StatusOK || int64(len(body)) != size || checksum(body) != sha || r.Header.Get("ETag") == "" {
		t.Fatalf("%s (%s): %s, %d bytes, want %d with the checksum of the catalogue", d.Title, format, r.Status, len(body), size)
	}
	head, none := p.get(t, http.MethodHead, address)
	if head.StatusCode != http.StatusOK || head.ContentLength != size || len(none) != 0 || head.Header.Get("Accept-Ranges") != "bytes" {
		t.Errorf("HEAD of %s: %s, length %d, want %d", address, head.Status, head.ContentLength, size)
	}
	part, middle := p.get(t, http.MethodGet, address, "Range", "bytes=10-29")
	if part.StatusCode != http.StatusPartialContent || !bytes.Equal(middle, body[10:30]) || part.Header.Get("Content-Range") != fmt.Sprintf("bytes 10-29/%d", size) {
		t.Errorf("a range of %s: %s, %q", address, part.Status, middle)
	}
	end, tail := p.get(t, http.MethodGet, address, "Range", "bytes=-8")
	if end.StatusCode != http.StatusPartialContent || !bytes.Equal(tail, body[size-8:]) {
		t.Errorf("the end of %s: %s", address, end.Status)
	}
	if again, _ := p.get(t, http.MethodGet, address, "If-None-Match", r.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("%s with its ETag: %s, want 304", address, again.Status)
	}
	return body, rows
}

// demoReaders lets DuckDB read what was downloaded.
func (p *portal) demoReaders(t *testing.T, tables []demoTable) {
	if os.Getenv("GRENIER_TEST_READERS") == "" {
		t.Skip("GRENIER_TEST_READERS is not set: DuckDB does not read the files (.ci/test installs it)")
	}
	for _, d := range tables {
		t.Logf("%s, %d rows", d.title, d.rows)
		b, err := os.ReadFile(d.csv)
		if err != nil {
			t.Fatal(err)
		}
		delimiter := ","
		if header, _, _ := bytes.Cut(b, []byte("\n")); bytes.Count(header, []byte(";")) > bytes.Count(header, []byte(",")) {
			delimiter = ";"
		}
		compareFormats(t, d.csv, d.parquet, delimiter, d.rows)
	}
}

// nextPage is the link to the next page of a catalogue.
var nextPage = regexp.MustCompile(`hydra:next <([^>]+)>`)

// demoShapes lets the SHACL checker read a member's catalogue by itself, all its pages; demoCatalogues does all of them at once.
func (p *portal) demoShapes(t *testing.T) {
	checker := os.Getenv("GRENIER_TEST_SHACL")
	if checker == "" {
		t.Skip("GRENIER_TEST_SHACL is not set: the catalogues are not checked against the shapes (.ci/test installs the checker)")
	}
	dir := t.TempDir()
	for name, address := range map[string]string{"membre": "/catalogues/219900024.ttl"} {
		var pages []string
		for next := address; next != "" && len(pages) < 50; {
			body := p.ok(t, next)
			path := filepath.Join(dir, fmt.Sprintf("%s-%d.ttl", name, len(pages)+1))
			if err := os.WriteFile(path, body, 0o600); err != nil {
				t.Fatal(err)
			}
			pages, next = append(pages, path), ""
			if m := nextPage.FindSubmatch(body); m != nil {
				next = string(m[1])
			}
		}
		p.conforms(t, checker, name, pages)
	}
}

func (p *portal) conforms(t *testing.T, checker, name string, pages []string) {
	t.Helper()
	args := append([]string{"validate.mjs", "--full"}, pages...)
	if schemas, err := filepath.Abs("../../../shared/national-schemas/catalogue-schemas.json"); err == nil {
		if _, err := os.Stat(schemas); err == nil {
			args = append(args, "--schemas", schemas)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "node", args...)
	c.Dir = checker
	o := finish(t, c)
	if o.code != 0 {
		t.Errorf("%s: the catalogue does not conform (exit %d)\n%s%s", name, o.code, o.out, o.err)
	}
	t.Logf("%s: %d pages; %s", name, len(pages), lastLine(o.out))
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}
