package web

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"grenier/catalog"
)

func TestLivery_ColoursThePagesOfAMemberAndNoOther(t *testing.T) {
	w, h := site(t)
	w.members[0].Logo = "0123.svg"
	address := sheetAddress(memberSheetPath(aubin.SIREN), aubin.Colours)
	rec := get(h, "/membres/"+aubin.SIREN)
	want(t, rec, 200, `<link rel="stylesheet" href="`+address+`">`, `<img src="/logos/0123.svg" alt="">`)
	lacks(t, get(h, "/membres/"+brenne.SIREN), "<img", "/membres/"+brenne.SIREN+"/couleurs.css")
	lacks(t, get(h, "/jeux/deliberations-saint-aubin"), address)

	sheet := get(h, address)
	want(t, sheet, 200, "--teinte:#2b6b47", "--accent:#9c3d00", "prefers-color-scheme:dark")
	wantHeader(t, sheet, "Content-Type", "text/css; charset=utf-8")
	wantHeader(t, sheet, "Cache-Control", cacheFixed)
	wantHeader(t, get(h, memberSheetPath(aubin.SIREN)+"?v=autre"), "Cache-Control", "no-cache")
	want(t, get(h, memberSheetPath(brenne.SIREN)), http.StatusNotFound)
	want(t, get(h, "/"), 200, `href="`+sheetAddress(siteSheetPath, catalog.Colours{Main: "#1f4d5c", Accent: "#a84b18"})+`"`)
}

func TestLogo_IsAPictureAndNothingElse(t *testing.T) {
	w, h := site(t)
	rec := get(h, "/logos/0123.svg")
	want(t, rec, 200, "<svg")
	wantHeader(t, rec, "Content-Type", "image/svg+xml")
	wantHeader(t, rec, "Cache-Control", cacheFixed)
	if csp := rec.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "sandbox") || !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("Content-Security-Policy %q", csp)
	}
	w.logos["0123.html"] = []byte("<script>")
	for _, name := range []string{"absent.svg", "0123.html", "0123"} {
		want(t, get(h, "/logos/"+name), http.StatusNotFound)
	}

	c := config(t, newWorld())
	c.Site.Logo = catalog.Logo{Name: "abcd.png", Data: []byte("image")}
	h = newServer(t, c).Handler()
	want(t, get(h, "/"), 200, `<img class="sceau" src="/logos/abcd.png" alt="">`)
	want(t, get(h, "/logos/abcd.png"), 200, "image")
}

// sheetTokens reads the tokens of the sheet, of the light theme and of the dark one.
func sheetTokens(t *testing.T) (light, dark map[string]string) {
	t.Helper()
	body, err := assets.ReadFile("static/grenier.css")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(string(body), 2)
	token := regexp.MustCompile(`--([a-z-]+):\s*(#[0-9a-f]{3,6})\b`)
	read := func(block string) map[string]string {
		m := map[string]string{}
		for _, x := range token.FindAllStringSubmatch(block, -1) {
			if len(x[2]) == 4 {
				x[2] = "#" + strings.Repeat(x[2][1:2], 2) + strings.Repeat(x[2][2:3], 2) + strings.Repeat(x[2][3:4], 2)
			}
			m[x[1]] = x[2]
		}
		return m
	}
	light, dark = read(blocks[0][1]), read(blocks[1][1])
	if len(light) < 17 || len(light) != len(dark) {
		t.Fatalf("%d tokens in the light theme, %d in the dark one", len(light), len(dark))
	}
	return light, dark
}

// standsOut are the pairs that meet on pages, with the contrast that each needs (WCAG 1.4.3 and 1.4.11).
func standsOut() (pairs [][3]string) {
	for _, ground := range []string{"papier", "carte", "creux"} {
		for _, text := range []string{"encre", "gris", "teinte", "bon", "garde", "alerte"} {
			pairs = append(pairs, [3]string{text, ground, "4.5"})
		}
		for _, shape := range []string{"accent", "trait"} { // the ring of the focus, the borders of fields
			if ground != "creux" || shape != "trait" { // no field lies there
				pairs = append(pairs, [3]string{shape, ground, "3"})
			}
		}
	}
	for _, on := range []string{"bon", "garde", "alerte"} {
		pairs = append(pairs, [3]string{"encre", on + "-fond", "4.5"}, [3]string{on, on + "-fond", "3"}, [3]string{"accent", on + "-fond", "3"}, [3]string{"teinte", on + "-fond", "4.5"})
	}
	return append(pairs, [3]string{"sur-teinte", "teinte", "4.5"}, [3]string{"teinte", "teinte-fond", "4.5"}, [3]string{"alerte", "alerte-fond", "4.5"}, [3]string{"bon", "bon-fond", "4.5"})
}

func TestSheet_StandsOutInBothThemes(t *testing.T) {
	light, dark := sheetTokens(t)
	for theme, tokens := range map[string]map[string]string{"light": light, "dark": dark} {
		for _, p := range standsOut() {
			var least float64
			fmt.Sscan(p[2], &least)
			if got := catalog.Contrast(tokens[p[0]], tokens[p[1]]); got < least {
				t.Errorf("%s: --%s on --%s is %.2f, want %s", theme, p[0], p[1], got, p[2])
			}
		}
	}
}

// What catalog.Colours measures against must be what the sheet shows.
func TestLivery_IsMeasuredAgainstTheGroundsOfTheSheet(t *testing.T) {
	light, dark := sheetTokens(t)
	for _, name := range []string{"papier", "carte", "creux"} {
		if catalog.Contrast(light[name], "#000000") < catalog.Contrast(catalog.LightGround, "#000000") {
			t.Errorf("--%s %s is darker than %s", name, light[name], catalog.LightGround)
		}
		if catalog.Contrast(dark[name], "#ffffff") < catalog.Contrast(catalog.DarkGround, "#ffffff") {
			t.Errorf("--%s %s is lighter than %s", name, dark[name], catalog.DarkGround)
		}
	}
	if catalog.Contrast(dark["sur-teinte"], "#ffffff") < catalog.Contrast(catalog.DarkGround, "#ffffff") {
		t.Errorf("the text of buttons, %s, is lighter than what the colours of a livery stand out from", dark["sur-teinte"])
	}
}
