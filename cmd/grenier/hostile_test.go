package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// hostileText is what a source could say of itself. A page in Chromium, without its policy of content, must neither run nor load any of it.
const hostileText = `<script>window.__xss=1</script> <img src=x onerror=window.__xss=1> "onmouseover="window.__xss=1 [clic](javascript:window.__xss=1) ![p](//pisteur.example/p.gif) </script><svg onload=window.__xss=1> \u202egnp.exe {{.}} ]]>`

const hostileSources = `
members:
  - {siren: "213900137", name: NAME, kind: commune, insee: "39013", siret: "21390013700018", population: 1234, website: "https://exemple.fr/?a=<script>"}
recipes:
  - name: essai
    title: Comptages
    connector: http
    params: {url: ""}
    options: {url: "${url}", retries: 0}
    columns:
      - {name: passages, type: integer}
      - {name: "<b>lieu</b>", title: TEXT, description: TEXT, type: string}
    dataset: {key: comptages, title: TEXT, description: DESCRIPTION, keywords: [TEXT]}
sources:
  - {member: "213900137", recipe: essai, params: {url: "URL/comptages.csv"}}
`

// TestHostile_TextsAreInertInChromium publishes a dataset all of whose texts and cells are hostile, and opens every page that shows them.
func TestHostile_TextsAreInertInChromium(t *testing.T) {
	folder := axeFolder(t)
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "passages,<b>lieu</b>\n3,\"<script>window.__xss=1</script>\"\n4,\"=cmd|' /C calc'!A0 <img src=x onerror=window.__xss=1>\"\n5,javascript:window.__xss=1\n")
	}))
	defer source.Close()
	i := newInstance(t, strings.TrimPrefix(source.URL, "http://"))
	text := `"` + strings.ReplaceAll(hostileText, `"`, `\"`) + `"`
	long := strings.TrimSuffix(text, `"`) + `\n\n# <u>Titre</u>\n\n- ` + strings.Repeat("mot ", 2500) + `"`
	manifest := strings.NewReplacer("URL", source.URL, "NAME", `"Valmeyrac <script>window.__xss=1</script>"`, "TEXT", text, "DESCRIPTION", long).Replace(hostileSources)
	i.must(t, exitOK, "apply", i.write(t, "hostile.yaml", manifest))
	i.must(t, exitOK, "harvest", "--all")
	p := i.serve(t, "--roles", "web")
	defer p.stop(t)
	found := p.search(t, "")
	if len(found.Data) != 1 {
		t.Fatalf("%d datasets are published", len(found.Data))
	}
	jeu := p.url + "/jeux/" + found.Data[0].Slug
	lookForScripts(t, folder, p.url+"/", p.url+"/jeux?q="+url.QueryEscape("<script>window.__xss=1</script>"), jeu, jeu+"/donnees", jeu+"/colonnes", p.url+"/membres/213900137", p.url+"/api")
}

// lookForScripts opens pages in Chromium and fails when a text of the data was run, or made a page wider than its window. What axe-core thinks of
// them is the matter of other tests, with texts that somebody could have written.
func lookForScripts(t *testing.T, folder string, targets ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "node", append([]string{filepath.Join(folder, "axe.mjs")}, targets...)...)
	c.WaitDelay = 5 * time.Second
	out, err := c.Output()
	if err != nil {
		t.Fatalf("axe.mjs: %v", err)
	}
	looks := 0
	for line := range bytes.Lines(out) {
		var page struct {
			Target, Theme string
			Width         int
			Violations    []string
		}
		if err := json.Unmarshal(line, &page); err != nil {
			t.Fatalf("%v in %.200s", err, line)
		}
		if page.Width == 0 {
			continue // what the page weighs
		}
		looks++
		for _, v := range page.Violations {
			if strings.HasPrefix(v, "script:") || strings.HasPrefix(v, "reflow:") {
				t.Errorf("%s, %d pixels, %s: %s", page.Target, page.Width, page.Theme, v)
			}
		}
	}
	if looks != 4*len(targets) {
		t.Errorf("%d looks, want %d", looks, 4*len(targets))
	}
}
