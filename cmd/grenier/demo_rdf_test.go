package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"grenier/cmd/grenier/demo"
)

// ownAddress is the end of the address of a catalogue page, which is not the same in each syntax.
var ownAddress = regexp.MustCompile(`(/catalogues?(?:/[0-9]+)*)\.(?:ttl|rdf|jsonld|nt)\b`)

// cataloguePages writes all pages of all catalogues of the portal into a folder, in one syntax, and returns their paths: the members' and the
// département's.
func (p *portal) cataloguePages(t *testing.T, dir, ext string) (members, whole []string) {
	t.Helper()
	var list struct{ Data []struct{ SIREN string } }
	unmarshal(t, string(p.ok(t, "/api/1/membres?page_size=100")), &list)
	if len(list.Data) < 20 {
		t.Fatalf("%d members", len(list.Data))
	}
	walk := func(path string) (pages []string) {
		for n := 1; n < 50; n++ {
			address := path + "." + ext
			if n > 1 {
				address = fmt.Sprintf("%s/%d.%s", path, n, ext)
			}
			r, body := p.get(t, http.MethodGet, address, "User-Agent", "uData/0.1 dcat")
			if n > 1 && r.StatusCode == http.StatusNotFound {
				break
			}
			if r.StatusCode == http.StatusServiceUnavailable && path != "/catalogue" {
				break // a member without a dataset has no catalogue
			}
			if r.StatusCode != http.StatusOK || !strings.HasSuffix(r.Header.Get("Content-Type"), "; charset=utf-8") {
				t.Fatalf("%s: %s, %s", address, r.Status, r.Header.Get("Content-Type"))
			}
			file := filepath.Join(dir, fmt.Sprintf("%s-%d.%s", strings.ReplaceAll(strings.Trim(path, "/"), "/", "-"), n, ext))
			if err := os.WriteFile(file, ownAddress.ReplaceAll(body, []byte("$1.page")), 0o600); err != nil {
				t.Fatal(err)
			}
			pages = append(pages, file)
		}
		return pages
	}
	for _, m := range list.Data {
		members = append(members, walk("/catalogues/"+m.SIREN)...)
	}
	return members, walk("/catalogue")
}

// demoCatalogues has every member's catalogue judged by the SHACL checker in three syntaxes, and all of them read by rdflib and rapper in four.
func (p *portal) demoCatalogues(t *testing.T) {
	dir := t.TempDir()
	checker := os.Getenv("GRENIER_TEST_SHACL")
	for _, ext := range []string{"ttl", "rdf", "jsonld", "nt"} {
		members, whole := p.cataloguePages(t, dir, ext)
		if len(members) < 20 || len(whole) < 1 {
			t.Fatalf("%s: %d pages of members, %d of the département", ext, len(members), len(whole))
		}
		if checker != "" && ext != "nt" {
			p.conforms(t, checker, "members, "+ext, members)
		}
		if checker != "" && ext == "ttl" { // the other syntaxes are the same graph, which rdflib looks at
			p.conforms(t, checker, "département, "+ext, whole)
		}
		one := p.ok(t, "/catalogue/complet."+ext)
		if err := os.WriteFile(filepath.Join(dir, "complet."+ext), one, 0o600); err != nil {
			t.Fatal(err)
		}
		table := p.search(t, "?q=budget").Data[0]
		if err := os.WriteFile(filepath.Join(dir, "jeu."+ext), p.ok(t, "/jeux/"+table.ID+"."+ext), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	python := os.Getenv("GRENIER_TEST_RDFLIB")
	if python == "" {
		t.Skip("GRENIER_TEST_RDFLIB is not set: the syntaxes are not compared by rdflib and rapper (.ci/test installs them)")
	}
	script, err := filepath.Abs("testdata/graphs.py")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	o := finish(t, exec.CommandContext(ctx, python, script, dir))
	if o.code != 0 {
		t.Fatalf("exit %d\n%s%s", o.code, o.out, o.err)
	}
	t.Log(strings.TrimSpace(o.out))
}

// demoOperator is judged by itself: its catalogue holds the series, as datasets like others.
func (p *portal) demoOperator(t *testing.T) {
	body := string(p.ok(t, "/catalogues/"+demo.Operator.SIREN+".ttl"))
	if strings.Contains(body, "dcat:DatasetSeries") || strings.Contains(body, "dcat:inSeries") {
		t.Error("the operator's own catalogue, which data.gouv.fr harvests, has series in it")
	}
	if whole := string(p.ok(t, "/catalogue.ttl")); !strings.Contains(whole, "dcat:DatasetSeries") {
		t.Error("the catalogue of everybody lacks its series")
	}
}
