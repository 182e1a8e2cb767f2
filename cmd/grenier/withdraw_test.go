package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const canary = "canari-7f3a9bc2"

// canaries serves a table that holds the canary, with a row that is refused for it, and another town's table without.
func canaries(edition *atomic.Int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/csv")
		io.WriteString(w, "lieu,passages\n")
		mark := canary
		if !strings.Contains(r.URL.Path, "canari") {
			mark = "rue"
		}
		for n := range 900 { // enough for a compressed twin
			fmt.Fprintf(w, "%s-%d,%d\n", mark, n, int64(n)+edition.Load())
		}
		fmt.Fprintf(w, "Pont,%s-refuse\n", mark)
	})
}

const canarySources = `
members:
  - {siren: "213900137", name: Valmeyrac, kind: commune, insee: "39013"}
  - {siren: "213900236", name: Étoile-les-Œillets, kind: commune, insee: "39023"}
` + countsRecipe + `sources:
  - {member: "213900137", recipe: essai, params: {url: "URL/canari.csv"}}
  - {member: "213900236", recipe: essai, params: {url: "URL/autre.csv"}}
`

// holders lists the files under a folder that hold a text, as bytes or gzip.
func holders(t *testing.T, dir, text string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil && (bytes.Contains(b, []byte(text)) || bytes.Contains(unpacked(b), []byte(text))) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestWithdraw_TakesEverythingAwayWithinAMinute(t *testing.T) {
	var edition atomic.Int64
	source := httptest.NewServer(canaries(&edition))
	defer source.Close()
	i := newInstance(t, strings.TrimPrefix(source.URL, "http://"))
	i.must(t, exitOK, "apply", i.write(t, "sources.yaml", strings.ReplaceAll(canarySources, "URL", source.URL)))
	i.must(t, exitOK, "harvest", "--all")
	edition.Add(1)
	i.must(t, exitOK, "harvest", "--all")
	p := i.serve(t, "--roles", "web")

	page := p.search(t, "?q=valmeyrac")
	if page.Total != 1 {
		t.Fatalf("%d datasets found", page.Total)
	}
	d := p.table(t, page.Data[0].ID)
	csv, _, _, _ := d.file("csv")
	parquet, _, _, _ := d.file("parquet")
	old := strings.Replace(csv, "/comptages", "/v/1/comptages", 1)
	id := d.ID
	gone := []string{"/jeux/" + d.Slug, "/jeux/" + d.Slug + ".json", "/jeux/" + d.Slug + "/rapport", "/jeux/" + id + ".ttl", "/api/1/jeux/" + id, "/api/1/jeux/" + id + "/lignes", "/api/1/jeux/" + id + "/profil",
		"/id/jeu/" + id, csv, parquet, old}
	lists := []string{"/api/1/jeux?q=valmeyrac", "/jeux?q=valmeyrac", "/catalogue.ttl", "/atom.xml", "/sitemap.xml", "/api/1/jeux"}
	for _, path := range gone {
		if path != "/id/jeu/"+id {
			p.ok(t, path)
		}
	}
	for _, path := range lists {
		if !bytes.Contains(p.ok(t, path), []byte(d.Slug)) && !bytes.Contains(p.ok(t, path), []byte(id)) {
			t.Errorf("%s does not know the dataset before: the test tests nothing", path)
		}
	}
	if len(holders(t, i.path("data"), canary)) < 5 {
		t.Fatal("the canary is in few files: the test tests nothing")
	}

	begun := time.Now()
	o := i.must(t, exitOK, "withdraw", d.Slug, "--reason", "un nom de trop", "--by", "Mme Roche", "--yes")
	if says := plain(o.out); !strings.Contains(says, "Retiré : « Comptages de Valmeyrac »") || !strings.Contains(says, "2 versions") || !strings.Contains(says, "sauvegardes") {
		t.Errorf("withdraw says %q", says)
	}
	for _, path := range gone {
		await(t, 5*time.Second-time.Since(begun), path+" to be gone", func() bool { // the portal is another process: it sees within half a second what others wrote
			r, _ := p.get(t, http.MethodGet, path)
			return r.StatusCode == http.StatusGone
		})
		r, body := p.get(t, http.MethodGet, path)
		if r.StatusCode != http.StatusGone || !strings.Contains(plain(string(body)), "Ce jeu de données a été retiré par Valmeyrac.") || bytes.Contains(body, []byte("un nom de trop")) {
			t.Errorf("%s: %s %.200s", path, r.Status, body)
		}
	}
	for _, path := range lists {
		await(t, 60*time.Second-time.Since(begun), path+" to forget the dataset", func() bool {
			body := p.ok(t, path)
			return !bytes.Contains(body, []byte(d.Slug)) && !bytes.Contains(body, []byte(id))
		})
	}
	t.Logf("gone everywhere in %v", time.Since(begun).Round(time.Millisecond))
	if left := holders(t, i.path("data"), canary); len(left) != 0 {
		t.Errorf("the canary is still in %v", left)
	}
	var other found
	await(t, 60*time.Second-time.Since(begun), "the search to forget the dataset", func() bool { other = p.search(t, "?q=comptages"); return other.Total == 1 })
	if other.Total != 1 || other.Data[0].Member.SIREN != "213900236" {
		t.Errorf("the other dataset: %+v", other)
	}
	url, _, _, _ := p.table(t, other.Data[0].ID).file("csv")
	p.ok(t, url)
	i.must(t, exitOK, "doctor", "--read-data")

	// Nothing of it comes back by itself, nor is it read again.
	edition.Add(1)
	o = i.must(t, exitBad, "harvest", "--all")
	if !strings.Contains(plain(o.out), "retiré du portail") {
		t.Errorf("a harvest says %q", o.out)
	}
	if left := holders(t, i.path("data"), canary); len(left) != 0 {
		t.Errorf("a harvest brought the canary back in %v", left)
	}
	if says := plain(i.must(t, exitOK, "audit").out); !strings.Contains(says, "Mme Roche  retrait  "+id+"  un nom de trop") {
		t.Errorf("audit says %q", says)
	}
	if says := i.must(t, exitOK, "audit", "--verify").out; !regexp.MustCompile(`intact : 1 ligne, empreinte de la dernière [0-9a-f]{64}`).MatchString(plain(says)) {
		t.Errorf("audit --verify says %q", says)
	}

	// A person puts it back: the numbers go on, and what was withdrawn stays away.
	i.must(t, exitUnusable, "withdraw", "--undo", d.Slug)
	i.must(t, exitOK, "withdraw", "--undo", d.Slug, "--reason", "corrigé", "--by", "M. Dupré")
	if r, body := p.get(t, http.MethodGet, "/jeux/"+d.Slug); r.StatusCode != http.StatusGone || !strings.Contains(string(body), "prochaine mise à jour") {
		t.Errorf("between the two: %s", r.Status)
	}
	i.must(t, exitOK, "harvest", "--all")
	if again := p.table(t, id); again.Version != 3 || again.Slug != d.Slug {
		t.Errorf("published again as %+v", again)
	}
	p.ok(t, csv)
	p.ok(t, "/jeux/"+d.Slug)
	if r, _ := p.get(t, http.MethodGet, old); r.StatusCode != http.StatusGone {
		t.Errorf("version 1 answers %s", r.Status)
	}
	await(t, 20*time.Second, "the search to find it again", func() bool { return p.search(t, "?q=comptages").Total == 2 })
	p.stop(t)
	i.must(t, exitOK, "doctor", "--read-data")
}

func TestWithdraw_AsksForTheNameAndForAReason(t *testing.T) {
	_, on := harvested(t)
	expect(t, exitUnusable, "Dites quel jeu de données", on("withdraw", "--reason", "x")...)
	expect(t, exitUnusable, "Dites pourquoi", on("withdraw", "comptages-de-valmeyrac")...)
	expect(t, exitUnusable, "Aucun jeu de données ne s’appelle « autre »", on("withdraw", "autre", "--reason", "x", "--by", "y")...)
	expect(t, exitUnusable, "--resume va seul", on("withdraw", "autre", "--resume")...)
	expect(t, exitUnusable, "n’est pas retiré", on("withdraw", "--undo", "comptages-de-valmeyrac", "--reason", "x", "--by", "y")...)
	ask := on("withdraw", "comptages-de-valmeyrac", "--reason", "x", "--by", "y")
	for _, answer := range []string{"", "oui\n", "comptages\n"} {
		if o := call(t, answer, ask...); o.code != exitUnusable || !strings.Contains(plain(o.err), "rien n’a été retiré") {
			t.Errorf("answer %q: exit %d, %s", answer, o.code, o.err)
		}
	}
	expect(t, exitOK, "Rien n’a encore été décidé", on("audit")...)
	if o := call(t, "comptages-de-valmeyrac\n", ask...); o.code != exitOK {
		t.Errorf("exit %d: %s", o.code, o.err)
	}
	expect(t, exitOK, "0 fichier effacé", on("withdraw", "--resume")...)
	var entries []struct{ Action, Actor, Reason string }
	unmarshal(t, expect(t, exitOK, "", on("audit", "--json")...).out, &entries)
	if len(entries) != 1 || entries[0].Action != "withdraw" || entries[0].Actor != "y" {
		t.Errorf("audit --json: %+v", entries)
	}
}

// unpacked is what a gzip holds, nil for anything else.
func unpacked(b []byte) []byte {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil
	}
	all, err := io.ReadAll(z)
	if err != nil {
		return nil
	}
	return all
}
