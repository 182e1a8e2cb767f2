package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"grenier/cmd/grenier/demo"
)

// TestAxe_FindsNothingOnThePages looks at the pages in Chromium with axe-core, in both themes, on a phone and on a screen. It also fails when a
// page is wider than its window.
func TestAxe_FindsNothingOnThePages(t *testing.T) {
	folder := axeFolder(t)
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, doorRows) }))
	defer source.Close()
	i := newInstance(t, strings.TrimPrefix(source.URL, "http://"))
	i.write(t, "axe.yaml", strings.NewReplacer("URL", source.URL, "    columns:\n      - {name: lieu, type: string, constraints: {required: true}}\n      - {name: passages, type: integer}\n", "    schema: scdl/prenoms\n").Replace(e2eSources))
	i.must(t, exitOK, "apply", i.path("axe.yaml"))
	i.must(t, exitOK, "harvest", "--all")
	p := i.serve(t, "--roles", "web")
	defer p.stop(t)
	bad, letter, page := i.write(t, "prenoms.csv", repairable), i.write(t, "lettre.pdf", "%PDF-1.7 lettre"), i.path("rapport.html")
	o := i.must(t, exitBad, "validate", "--schema", "scdl/prenoms", "--format", "html", bad)
	if err := os.WriteFile(page, []byte(o.out), 0o600); err != nil {
		t.Fatal(err)
	}
	d := p.search(t, "").Data[0]
	look(t, folder, "", p.url+"/", p.url+"/jeux/"+d.Slug, p.url+"/jeux/"+d.Slug+"/rapport", "form="+p.url+"/verifier "+bad, "form="+p.url+"/verifier "+letter, "file://"+page)
}

// doorRows are published with a refused row, so that their report has something to say.
const doorRows = births + "Valmeyrac,39013,X,Léa,beaucoup,2024\n"

// repairable has what is mended, what is not, and texts that a page must keep inert.
const repairable = "Commune_nom;COLL_INSEE;ENFANT_SEXE;ENFANT_PRENOM;NOMBRE_OCCURRENCES;ANNEE;remarque\n" +
	"Valmeyrac;39013;F;Zoé ;7;2024;\n Valmeyrac;39013;M;Noé;1 205;2024;\nValmeyrac;39013;f;Anaïs;beaucoup;2024;<script>window.__xss=1</script>\nValmeyrac;39013;X;<b>Léa</b>;5;2024;\n"

// A budget is what a page may weigh when somebody first comes (WEB-CONVENTIONS 3). A zero limit is none.
type budget struct{ bytes, requests, nodes int }

var (
	light   = budget{100_000, 8, 300}  // the home page, a dataset, a body
	listing = budget{150_000, 10, 900} // lists, and tables that one asked for
	back    = 15_000                   // bytes for who comes back
)

// demoTargets are the pages of the demonstration that are looked at: every type, with the budget of each.
func demoTargets(t *testing.T, p *portal) (order []string, budgets map[string]budget) {
	t.Helper()
	find := func(query string) foundTable {
		page := p.search(t, query)
		if len(page.Data) == 0 {
			t.Fatalf("nothing found for %s", query)
		}
		return page.Data[0]
	}
	own := find("?schema=scdl/subventions&q=Saint-Aubin")
	places := find("?schema=etalab/schema-bal&q=Saint-Aubin")
	series := "/jeux/" + find("?schema=scdl/subventions&membre="+demo.Operator.SIREN).Slug
	changed := "/jeux/" + find("?schema=scdl/subventions&type=departement").Slug // harvested twice, with one more row
	budgets = map[string]budget{}
	add := func(b budget, paths ...string) {
		for _, path := range paths {
			order, budgets[p.url+path] = append(order, p.url+path), b
		}
	}
	jeu, member := "/jeux/"+own.Slug, "/membres/"+own.Member.SIREN
	add(light, "/", jeu, series, member)
	add(listing, "/jeux", "/jeux?q=subventions", "/jeux?q=zzzz", jeu+"/rapport", jeu+"/historique", changed+"/changements", jeu+"/donnees", jeu+"/colonnes", "/jeux/"+places.Slug+"/carte",
		"/embarquer"+jeu, "/embarquer"+jeu+"/donnees", "/embarquer"+member, member+"/moissonnage", "/membres", "/membres?type=commune&tri=population", "/membres?q=zzzz",
		"/series", "/themes", "/themes/gove", "/themes/intr", "/schemas", "/schemas/scdl/subventions",
		"/verifier", "/a-propos", "/accessibilite", "/mentions-legales", "/donnees-personnelles", "/plan-du-site", "/nulle-part", "/jeux?page=0")
	add(budget{150_000, 10, 1200}, "/api") // a reference that one reads from its contents
	return order, budgets
}

// TestAxe_FindsNothingInTheDemonstration looks at every type of page, with the livery of the operator and of a member, and weighs each.
func TestAxe_FindsNothingInTheDemonstration(t *testing.T) {
	folder := axeFolder(t)
	i := demoInstance(t)
	p := i.serve(t, "--roles", "web")
	defer p.stop(t)
	order, budgets := demoTargets(t, p)
	var weights []weighed
	for part := range slices.Chunk(order, 9) {
		weights = append(weights, look(t, folder, os.Getenv("GRENIER_TEST_AXE_SHOTS"), part...)...)
	}
	titles := map[string]string{}
	for _, w := range weights {
		if other, ok := titles[w.Title]; ok && !strings.Contains(w.Target, "/embarquer/") { // what is put into other sites is called like its page
			t.Errorf("%s and %s are both called %q", w.Target, other, w.Title)
		}
		titles[w.Title] = w.Target
		b := budgets[w.Target]
		t.Logf("%-60s %7d octets %2d requêtes %4d éléments, %6d au retour", strings.TrimPrefix(w.Target, p.url), w.Weight.Bytes, w.Weight.Requests, w.Weight.Nodes, w.Weight.Again)
		if w.Weight.Bytes > b.bytes || w.Weight.Requests > b.requests || w.Weight.Nodes > b.nodes || w.Weight.Again > back {
			t.Errorf("%s weighs %+v, over %+v", w.Target, *w.Weight, b)
		}
		if len(w.Weight.Hosts) != 1 || w.Weight.Cookies != 0 {
			t.Errorf("%s calls %v and sets %d cookies", w.Target, w.Weight.Hosts, w.Weight.Cookies)
		}
	}
	if len(weights) != len(order) {
		t.Errorf("%d pages weighed, want %d", len(weights), len(order))
	}
}

// demoInstance is an installation that the demonstration filled, with the operator's mark and colours.
func demoInstance(t *testing.T) instance {
	t.Helper()
	wholeProgram(t)
	i := instance{t.TempDir()}
	i.demo(t)
	i.write(t, "grenier.yaml", fmt.Sprintf("site:\n  name: Données ouvertes du %s\n  operator: %s\n  siren: %q\n  email: %s\n  logo: %q\n  colours: {main: %q, accent: %q}\n",
		demo.Name, demo.Operator.Name, demo.Operator.SIREN, demo.Operator.Email, i.path("data/logo.svg"), demo.OperatorColours.Main, demo.OperatorColours.Accent))
	return i
}

func axeFolder(t *testing.T) string {
	t.Helper()
	folder := os.Getenv("GRENIER_TEST_AXE")
	if folder == "" {
		t.Skip("GRENIER_TEST_AXE is not set: nobody looks at the pages in Chromium (.ci/test installs what it takes)")
	}
	return folder
}

// A weighed page is what it takes to load.
type weighed struct {
	Target, Title string
	Weight        *struct {
		Bytes, Requests, Nodes, Again, Cookies int
		Hosts                                  []string
	}
}

// look runs axe-core and the checks of .ci/axe over addresses; shots names a folder for pictures, "" for none. It returns what pages weigh.
func look(t *testing.T, folder, shots string, targets ...string) (weights []weighed) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "node", append([]string{filepath.Join(folder, "axe.mjs")}, targets...)...)
	c.Env = append(os.Environ(), "GRENIER_TEST_AXE_SHOTS="+shots)
	c.WaitDelay = 5 * time.Second
	var out, diary bytes.Buffer
	c.Stdout, c.Stderr = &out, &diary
	if err := c.Run(); err != nil {
		t.Fatalf("axe-core: %v\n%s", err, diary.String())
	}
	seen := 0
	for lines := bufio.NewScanner(&out); lines.Scan(); {
		var page struct {
			weighed
			Theme      string
			Width      int
			Violations []string
		}
		if err := json.Unmarshal(lines.Bytes(), &page); err != nil {
			t.Fatalf("%v in %.200s", err, lines.Text())
		}
		if page.Weight != nil {
			weights = append(weights, page.weighed)
			continue
		}
		seen++
		if page.Title == "" || strings.Contains(page.Title, "introuvable") && !strings.Contains(page.Target, "nulle-part") {
			t.Errorf("%s is the page %q", page.Target, page.Title)
		}
		for _, v := range page.Violations {
			t.Errorf("%s, %d pixels, %s: %s", page.Target, page.Width, page.Theme, v)
		}
	}
	if seen != 4*len(targets) {
		t.Errorf("%d pages seen, want %d\n%s", seen, 4*len(targets), diary.String())
	}
	return weights
}
