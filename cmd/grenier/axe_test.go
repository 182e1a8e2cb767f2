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
	"strings"
	"testing"
	"time"
)

// TestAxe_FindsNothingOnThePages looks at the pages in Chromium with axe-core, in both themes, on a phone and on a screen. It also fails when a
// page is wider than its window.
func TestAxe_FindsNothingOnThePages(t *testing.T) {
	folder := os.Getenv("GRENIER_TEST_AXE")
	if folder == "" {
		t.Skip("GRENIER_TEST_AXE is not set: axe-core does not look at the pages (.ci/test installs it)")
	}
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
	look(t, folder, os.Getenv("GRENIER_TEST_AXE_SHOTS"), p.url+"/", p.url+"/jeux", p.url+"/jeux/"+d.Slug, p.url+"/jeux/"+d.Slug+"/rapport", p.url+"/jeux/"+d.Slug+"/historique", p.url+"/membres/213900137", p.url+"/schemas/scdl/prenoms", p.url+"/api",
		p.url+"/verifier", "form="+p.url+"/verifier "+bad, "form="+p.url+"/verifier "+letter, "file://"+page)
}

// doorRows are published with a refused row, so that their report has something to say.
const doorRows = births + "Valmeyrac,39013,X,Léa,beaucoup,2024\n"

// repairable has what is mended, what is not, and texts that a page must keep inert.
const repairable = "Commune_nom;COLL_INSEE;ENFANT_SEXE;ENFANT_PRENOM;NOMBRE_OCCURRENCES;ANNEE;remarque\n" +
	"Valmeyrac;39013;F;Zoé ;7;2024;\n Valmeyrac;39013;M;Noé;1 205;2024;\nValmeyrac;39013;f;Anaïs;beaucoup;2024;<script>window.__xss=1</script>\nValmeyrac;39013;X;<b>Léa</b>;5;2024;\n"

// look runs axe-core over addresses; shots names a folder for pictures, "" for none.
func look(t *testing.T, folder, shots string, targets ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
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
	for lines := bufio.NewScanner(&out); lines.Scan(); seen++ {
		var page struct {
			Target, Theme, Title string
			Width                int
			Violations           []string
		}
		if err := json.Unmarshal(lines.Bytes(), &page); err != nil {
			t.Fatalf("%v in %.200s", err, lines.Text())
		}
		if strings.Contains(page.Title, "introuvable") || page.Title == "" {
			t.Errorf("%s is the page %q", page.Target, page.Title)
		}
		for _, v := range page.Violations {
			t.Errorf("%s, %d pixels, %s: %s", page.Target, page.Width, page.Theme, v)
		}
	}
	if seen != 4*len(targets) {
		t.Errorf("%d pages seen, want %d\n%s", seen, 4*len(targets), diary.String())
	}
}
