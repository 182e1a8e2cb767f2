package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
)

// lose moves the database files away.
func lose(t *testing.T, data string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(data, "grenier.db*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, path := range files {
		if err := os.Rename(path, filepath.Join(t.TempDir(), filepath.Base(path))); err != nil {
			t.Fatal(err)
		}
	}
}

// clocks are what an answer says of the moment when it is given.
var clocks = regexp.MustCompile(`il y a [^<]*`)

func TestRebuild_MakesADeletedDatabaseAnswerAsBefore(t *testing.T) {
	var edition atomic.Int64
	source := httptest.NewServer(canaries(&edition))
	defer source.Close()
	i := newInstance(t, strings.TrimPrefix(source.URL, "http://"))
	f, err := os.OpenFile(i.path("grenier.yaml"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, "base_url: https://donnees.example.org\n"); err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	i.must(t, exitOK, "apply", i.write(t, "sources.yaml", strings.ReplaceAll(canarySources, "URL", source.URL)))
	i.must(t, exitOK, "harvest", "--all")
	edition.Add(1)
	i.must(t, exitOK, "harvest", "--member", "213900137")

	p := i.serve(t, "--roles", "web")
	var paths []string
	for _, d := range p.search(t, "").Data {
		id, slug := d.ID, d.Slug
		paths = append(paths, "/jeux/"+slug, "/jeux/"+slug+".json", "/jeux/"+slug+"/rapport", "/jeux/"+slug+"/rapport.json", "/jeux/"+id+".ttl", "/api/1/jeux/"+id, "/api/1/jeux/"+id+"/lignes", "/api/1/jeux/"+id+"/profil")
		for _, f := range p.table(t, id).Files {
			path := strings.TrimPrefix(f.URL, "https://donnees.example.org")
			past := strings.SplitAfterN(path, "/", 4)
			paths = append(paths, path, past[0]+past[1]+past[2]+"v/1/"+past[3])
		}
	}
	if len(paths) < 20 {
		t.Fatalf("only %q", paths)
	}
	paths = append(paths, "/", "/jeux", "/membres", "/membres/213900137", "/membres/213900137.json", "/catalogue.ttl", "/catalogues/213900137.ttl", "/atom.xml", "/sitemap.xml", "/jeux?q=comptages", "/api/1/jeux?q=valmeyrac")
	before := map[string][]byte{}
	for _, path := range paths {
		before[path] = clocks.ReplaceAll(p.ok(t, path), nil)
	}
	p.stop(t)

	i.must(t, exitUnusable, "rebuild", "--yes") // nothing is lost
	lose(t, i.path("data"))
	if o := i.must(t, exitOK, "rebuild", "--list"); strings.Count(o.out, "\n") < 1 {
		t.Fatalf("no snapshot: %q", o.out)
	}
	i.must(t, exitUnusable, "rebuild") // nobody says yes
	if o := i.must(t, exitOK, "rebuild", "--yes", "--by", "Mme Roche"); !strings.Contains(plain(o.out), "2 membres, 2 sources, 2 jeux de données") {
		t.Errorf("rebuild says %q", o.out)
	}
	i.must(t, exitOK, "doctor", "--read-data")
	i.must(t, exitOK, "audit", "--verify")

	p = i.serve(t, "--roles", "web")
	for _, path := range paths {
		if got := clocks.ReplaceAll(p.ok(t, path), nil); !bytes.Equal(got, before[path]) {
			t.Errorf("%s is not as before:\n%.600s\nwas\n%.600s", path, got, before[path])
		}
	}
	p.stop(t)
	if o := i.must(t, exitOK, "harvest", "--all", "--json"); strings.Count(o.out, `"unchanged"`) != 1 || strings.Count(o.out, `"published"`) != 1 {
		t.Errorf("the next harvest says %s", o.out) // the second town has not been harvested since its table changed
	}
	if o := i.must(t, exitOK, "harvest", "--all", "--json"); strings.Count(o.out, `"unchanged"`) != 2 {
		t.Errorf("the one after says %s", o.out)
	}
}

func TestRebuild_TakesTheSnapshotBeforeOneThatIsSpoilt(t *testing.T) {
	data, on := harvested(t)
	expect(t, exitOK, "", on("apply", put(t, t.TempDir(), "m.yaml", "members:\n  - {siren: \"213900236\", name: Étoile, kind: commune, insee: \"39023\"}\n"))...)
	snapshots, err := filepath.Glob(filepath.Join(data, "blobs", "snapshot", "*", "*"))
	if err != nil || len(snapshots) < 2 {
		t.Fatal(snapshots, err)
	}
	newest := snapshots[len(snapshots)-1]
	if err := os.Truncate(newest, 300); err != nil {
		t.Fatal(err)
	}
	lose(t, data)
	o := expect(t, exitOK, "ne se lit pas", on("rebuild", "--yes")...)
	if !strings.Contains(plain(o.out), "1 jeu de données") {
		t.Errorf("it says %q", o.out)
	}
	for _, path := range snapshots {
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	lose(t, data)
	for _, path := range holders(t, filepath.Join(data, "blobs", "snapshot"), "") {
		os.Remove(path)
	}
	expect(t, exitBad, "Aucun instantané", on("rebuild", "--yes")...)
}

// A database that is cut or overwritten is refused with what to do, and doing it works.
func TestServe_SaysWhatToDoAboutADamagedDatabase(t *testing.T) {
	for name, spoil := range map[string]func(path string, size int64) error{
		"cut": func(path string, size int64) error { return os.Truncate(path, size/2) },
		"overwritten": func(path string, size int64) error {
			return os.WriteFile(path, bytes.Repeat([]byte("x"), int(size)), 0o600)
		},
		"holes": func(path string, size int64) error {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			for at := int64(8192); err == nil && at+4096 < size; at += 8192 {
				_, err = f.WriteAt(bytes.Repeat([]byte{0xff}, 4096), at)
			}
			f.Close()
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			data, on := harvested(t)
			path := filepath.Join(data, "grenier.db")
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := spoil(path, info.Size()); err != nil {
				t.Fatal(err)
			}
			os.Remove(path + "-wal")
			o := expect(t, exitBad, "grenier rebuild", on("serve", "--addr", "127.0.0.1:0")...)
			if !strings.Contains(plain(o.err), "mettez le fichier de côté") {
				t.Errorf("it says %q", o.err)
			}
			lose(t, data)
			expect(t, exitOK, "1 jeu de données", on("rebuild", "--yes")...)
			expect(t, exitOK, "Catalogue sain", on("doctor", "--read-data")...)
		})
	}
}

func TestDoctor_FindsMendsAndNamesWhatIsDamaged(t *testing.T) {
	data, on := harvested(t)
	expect(t, exitUnusable, "demandent --read-data", on("doctor", "--repair")...)
	expect(t, exitOK, "tous intacts", on("doctor", "--read-data")...)
	expect(t, exitOK, "Fichiers relus : 1,", on("doctor", "--read-data", "--sample", "1")...)
	published := holders(t, filepath.Join(data, "blobs", "pub"), "Grande Rue")
	if len(published) == 0 {
		t.Fatal("nothing is published")
	}
	spoil := func() {
		t.Helper()
		b, err := os.ReadFile(published[0])
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/2] ^= 1
		if err := os.WriteFile(published[0], b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	spoil()
	o := expect(t, exitBad, "1 abîmé ou absent", on("doctor", "--read-data")...)
	for _, says := range []string{"Abîmé : fichier publié comptages.", "jeu comptages-de-valmeyrac, version 1 (en ligne), Valmeyrac", "grenier harvest --force --source 213900137/comptages"} {
		if !strings.Contains(plain(o.out), says) {
			t.Errorf("it does not say %q:\n%s", says, o.out)
		}
	}
	var findings []finding
	unmarshal(t, expect(t, exitBad, "", on("doctor", "--read-data", "--json")...).out, &findings)
	last := findings[len(findings)-1]
	if last.Check != "data" || last.OK || len(last.Damaged) != 1 || last.Damaged[0].Uses[0].Slug != "comptages-de-valmeyrac" || last.Damaged[0].Uses[0].Version != 1 {
		t.Errorf("%+v", last)
	}
	expect(t, exitOK, "1 réparé sur 1", on("doctor", "--read-data", "--repair")...)
	expect(t, exitOK, "tous intacts", on("doctor", "--read-data")...)
	spoil() // mended, it can be spoilt again
	expect(t, exitBad, "1 abîmé", on("doctor", "--read-data")...)
}

// A member's agent reads what was damaged while the source is down: it stays named, and a later repair mends it.
func TestDoctor_TellsWhatItCannotMend(t *testing.T) {
	var down atomic.Bool
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			http.Error(w, "panne", http.StatusInternalServerError)
			return
		}
		io.WriteString(w, "lieu,passages\nGrande Rue,12\n")
	}))
	defer source.Close()
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	config := put(t, dir, "grenier.yaml", "harvest: {allow: [\""+strings.TrimPrefix(source.URL, "http://")+"\"]}\n")
	on := func(args ...string) []string { return append([]string{"--config", config, "--data", data}, args...) }
	expect(t, exitOK, "3 ajouté(s)", on("apply", put(t, dir, "sources.yaml", strings.ReplaceAll(e2eSources, "URL", source.URL)))...)
	expect(t, exitOK, "1 publiée", on("harvest", "--all")...)
	for _, path := range holders(t, filepath.Join(data, "blobs", "pub"), "Grande Rue") {
		if err := os.WriteFile(path, []byte("abîmé"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	down.Store(true)
	o := expect(t, exitBad, "0 réparé sur", on("doctor", "--read-data", "--repair")...)
	if !strings.Contains(plain(o.out), "Absent : fichier publié comptages.csv") || !strings.Contains(plain(o.err), "échec") {
		t.Errorf("it says %q and %q", o.out, o.err)
	}
	down.Store(false)
	expect(t, exitOK, "tous intacts", on("doctor", "--read-data", "--repair")...)
}
