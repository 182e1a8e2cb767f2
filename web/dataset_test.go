package web

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"grenier/catalog"
)

func TestDataset_SaysWhatAReaderMustKnow(t *testing.T) {
	w, h := site(t)
	rec := get(h, "/jeux/deliberations-saint-aubin")
	d := w.datasets[0]
	want(t, rec, 200,
		"<title>Délibérations du conseil municipal – Données ouvertes du Val-d’Aurence</title>",
		"<h1>Délibérations du conseil municipal</h1>",
		`<p class="chapeau">Chaque ligne est une délibération votée : son objet, sa date, son résultat.</p>`,
		`<a href="/membres/213900137">Saint-Aubin-sur-Aurence</a>`, "commune, 4 210 habitants",
		`<time datetime="2026-03-04T05:02:00+01:00">ce matin, 5 h 02</time>`,
		"3 lignes, 3 colonnes", "du 8 janvier 2019 au 27 février 2026", "conforme",
		"Licence Ouverte 2.0", `href="/f/`+d.Files[0].ID.String()+`/deliberations.csv"`,
		`<code>DELIB_DATE</code>`, "Date du vote", "nombre entier", "Unique dans la commune.",
		`/v/1/deliberations.csv"`, `href="/schemas/essai/deliberations">Délibérations</a>, version 2.1.0`,
		"Saint-Aubin-sur-Aurence, « Délibérations du conseil municipal », version du 4 mars 2026, Licence Ouverte 2.0, "+base+"/id/jeu/"+d.ID.String(),
		`<link rel="alternate" type="text/turtle" href="/jeux/`+d.ID.String()+`.ttl"`, `<link rel="alternate" type="application/json" href="/jeux/deliberations-saint-aubin.json"`,
		`<link rel="canonical" href="`+base+`/jeux/deliberations-saint-aubin">`, "SELECT *", "<li>séances ordinaires</li>", "Vie publique",
	)
	lacks(t, rec, "attend d’être vérifiée", "Données fictives")
	links := strings.Join(rec.Header().Values("Link"), "\n")
	for _, part := range []string{`rel="canonical"`, `type="text/turtle"`, `rel="license"`} {
		if !strings.Contains(links, part) {
			t.Errorf("Link lacks %s: %s", part, links)
		}
	}
}

func TestDataset_WarnsWhenTheVersionOnlineIsNotTheNewest(t *testing.T) {
	_, h := site(t)
	rec := get(h, "/jeux/subventions-saint-aubin")
	want(t, rec, 200, "Une livraison plus récente attend d’être vérifiée", "1er mars 2026", "a perdu 40 % de ses lignes", "99,7 % conforme", "3 lignes écartées")
	lacks(t, rec, "/srv/secret", "gate:")
	want(t, get(h, "/jeux/hostile"), 200, "La source n’a pas pu être relue récemment")
}

func TestDataset_MovesWithItsSlugAndIsGoneWhenWithdrawn(t *testing.T) {
	_, h := site(t)
	for target, to := range map[string]string{
		"/jeux/anciennes-deliberations": "/jeux/deliberations-saint-aubin", "/jeux/anciennes-deliberations.json": "/jeux/deliberations-saint-aubin.json",
		"/jeux/anciennes-deliberations/rapport": "/jeux/deliberations-saint-aubin/rapport", "/jeux/anciennes-deliberations/rapport.json": "/jeux/deliberations-saint-aubin/rapport.json",
	} {
		rec := get(h, target)
		want(t, rec, http.StatusMovedPermanently)
		wantHeader(t, rec, "Location", to)
	}
	id := catalog.DatasetID(namespace, brenne.SIREN, "retire")
	for _, target := range []string{"/jeux/jeu-retire", "/jeux/jeu-retire.json", "/jeux/jeu-retire/rapport", "/api/1/jeux/" + id.String(), "/jeux/" + id.String() + ".ttl", "/id/jeu/" + id.String(),
		"/id/fichier/" + catalog.FileID(id, "csv").String(), "/f/" + catalog.FileID(id, "csv").String() + "/retire.csv", "/f/" + catalog.FileID(id, "csv").String() + "/v/1/retire.csv"} {
		want(t, get(h, target), http.StatusGone, "retiré par la collectivité")
	}
}

func TestReport_SaysTheVerdictAndTheCausesButNoRefusedCell(t *testing.T) {
	_, h := site(t)
	rec := get(h, "/jeux/subventions-saint-aubin/rapport")
	want(t, rec, 200, "<h1>997 lignes sur 1 000 sont conformes</h1>", "99,7 %", "3 lignes ont été écartées",
		"2 numéros SIRET erronés dans idBeneficiaire, lignes 209 et 613", "Vérifiez ces numéros.", "Colonne <b>dateConvention</b>, ligne 15", "Écrivez la vraie date", "<summary>",
		"« commentaire » n’est pas dans le schéma", "Dates écrites à la française", "windows-1252", "Empreinte du contrôle")
	lacks(t, rec, "secret")
	if body := rec.Body.String(); strings.Index(body, "idBeneficiaire") > strings.Index(body, "dateConvention") {
		t.Error("the most frequent cause does not come first")
	}
	twin := get(h, "/jeux/subventions-saint-aubin/rapport.json")
	want(t, twin, 200, `"type": "french-siret-value"`, `"line": 209`, `"rejected": 3`, `"fingerprint"`)
	lacks(t, twin, "secret")
	want(t, get(h, "/jeux/deliberations-saint-aubin/rapport"), 200, "<h1>Les 3 lignes sont conformes</h1>", `class="verdict bon"`)
}

func TestReport_SpeaksWithoutTheRunOnceItIsForgotten(t *testing.T) {
	w, h := site(t)
	w.runs = nil
	want(t, get(h, "/jeux/subventions-saint-aubin/rapport"), 200, "997 lignes sur 1 000", "n’a pas été conservé")
	want(t, get(h, "/jeux/subventions-saint-aubin/rapport.json"), 404, "pas de rapport détaillé")
}

func TestVerdict_HasWordsForEveryCase(t *testing.T) {
	for _, c := range []struct {
		rows, rejected int64
		valid, good    bool
		want           string
	}{
		{0, 0, true, true, "Fichier bien formé, sans aucune ligne"},
		{1, 0, true, true, "La seule ligne est conforme"},
		{12, 0, true, true, "Les 12 lignes sont conformes"},
		{12, 0, false, false, "Lignes conformes, structure à revoir"},
		{1, 3, false, false, "1 ligne sur 4 est conforme"},
		{0, 3, false, false, "0 ligne sur 3 est conforme"},
	} {
		text, good := verdict(catalog.Dataset{Rows: c.rows, Rejected: c.rejected, Valid: c.valid})
		if plain(text) != c.want || good != c.good {
			t.Errorf("verdict(%d, %d, %t) = %q, %t", c.rows, c.rejected, c.valid, plain(text), good)
		}
	}
}

func TestPages_KeepHostileTextsInert(t *testing.T) {
	w, h := site(t)
	hostile := w.datasets[2]
	for _, target := range []string{"/", "/jeux", "/jeux?q=%3Cscript%3Ealert(6)%3C/script%3E", "/jeux?membre=%22%3E%3Cscript%3E", "/jeux/hostile", "/jeux/hostile/rapport", "/membres?q=%3Cscript%3E", "/membres/" + brenne.SIREN, "/membres/" + vide.SIREN, "/atom.xml"} {
		rec := get(h, target)
		want(t, rec, 200)
		rec.Body = bytes.NewBufferString(withoutFacts(t, rec.Body.String()))
		lacks(t, rec, "<script>", "<img", "<svg onload", `href="javascript:`, `"onmouseover`, "<b>.")
	}
	want(t, get(h, "/jeux/hostile"), 200, "&lt;script&gt;window.__xss=1&lt;/script&gt;", `<a href="https://ok.example.org/?a=1&amp;b=" rel="nofollow ugc noopener">`)
	want(t, get(h, "/api/1/jeux/"+hostile.ID.String()), 200, `"title": "<script>`)
}

// withoutFacts takes the data for search engines away, in which quotes are JSON's; no tag may begin there.
func withoutFacts(t *testing.T, page string) string {
	t.Helper()
	before, rest, found := strings.Cut(page, `<script type="application/ld+json">`)
	if !found {
		return page
	}
	facts, after, _ := strings.Cut(rest, "</script>")
	if strings.ContainsAny(facts, "<>&") {
		t.Errorf("data for search engines hold marks of HTML: %s", facts)
	}
	return before + after
}

func TestPages_AreWellFormedAndOrdered(t *testing.T) {
	_, h := site(t)
	for _, rt := range routes {
		if rt.kind != kindPage {
			continue
		}
		target := addresses()[rt.name].target
		checkPage(t, target, get(h, target).Body.String())
	}
	for _, target := range []string{"/jeux?theme=GOVE&q=a", "/jeux?q=introuvable", "/jeux/subventions-saint-aubin/rapport", "/jeux/subventions-saint-aubin", "/membres?q=rien", "/membres/" + vide.SIREN, "/nulle-part"} {
		checkPage(t, target, get(h, target).Body.String())
	}
}

var loose = regexp.MustCompile(`[^>] [:;!?»%]|« `)

func TestPages_KeepPunctuationWithItsWord(t *testing.T) {
	_, h := site(t)
	for _, target := range []string{"/", "/jeux", "/jeux?q=z", "/jeux?q=a&theme=GOVE", "/jeux/deliberations-saint-aubin", "/jeux/subventions-saint-aubin", "/jeux/subventions-saint-aubin/rapport", "/membres", "/membres?q=z",
		"/membres/213900137", "/schemas", "/schemas/essai/deliberations", "/api", "/a-propos", "/accessibilite", "/mentions-legales", "/plan-du-site", "/nulle-part", "/jeux/jeu-retire", "/jeux?page=0", "/verifier"} {
		text := tags.ReplaceAllString(withoutFacts(t, get(h, target).Body.String()), ">")
		for _, at := range loose.FindAllStringIndex(text, -1) {
			t.Errorf("%s: a line may break in %q", target, text[max(0, at[0]-30):min(len(text), at[1]+20)])
		}
	}
}

var tags = regexp.MustCompile(`(?s)<(pre|svg).*?</(pre|svg)>|<[^>]*>`)

// checkPage reads the page as XML that knows HTML's void elements: every other tag must be closed, in order.
func checkPage(t *testing.T, target, page string) {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(page))
	dec.Strict, dec.AutoClose, dec.Entity = true, []string{"meta", "link", "input", "img"}, xml.HTMLEntity
	page = strings.ReplaceAll(page, " download>", ` download="">`)
	page = strings.TrimPrefix(page, "<!doctype html>")
	for _, void := range []string{"meta", "link", "input", "img"} {
		page = closeVoid(page, void)
	}
	dec = xml.NewDecoder(strings.NewReader(page))
	dec.Entity = xml.HTMLEntity
	level, ids, h1, unnamed := 0, map[string]bool{}, 0, 0
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", target, err)
		}
		el, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		attrs := map[string]string{}
		for _, a := range el.Attr {
			attrs[a.Name.Local] = a.Value
		}
		if id := attrs["id"]; id != "" {
			if ids[id] {
				t.Errorf("%s: id %q twice", target, id)
			}
			ids[id] = true
		}
		if n := strings.IndexByte("h1h2h3", el.Name.Local[0]); n == 0 && len(el.Name.Local) == 2 && el.Name.Local[1] >= '1' && el.Name.Local[1] <= '6' {
			next := int(el.Name.Local[1] - '0')
			if next > level+1 {
				t.Errorf("%s: h%d after h%d", target, next, level)
			}
			if level = next; next == 1 {
				h1++
			}
		}
		if el.Name.Local == "input" && attrs["type"] != "hidden" && attrs["id"] == "" {
			unnamed++
		}
		if el.Name.Local == "script" && attrs["type"] != "application/ld+json" && attrs["src"] == "" || attrs["style"] != "" || el.Name.Local == "style" {
			t.Errorf("%s: <%s style=%q> under a policy that forbids it", target, el.Name.Local, attrs["style"])
		}
	}
	if h1 != 1 || unnamed > 0 {
		t.Errorf("%s: %d h1, %d fields without label", target, h1, unnamed)
	}
	parts := []string{`<html lang="fr">`, "<main", "<title>", "<footer"}
	if !strings.HasPrefix(target, embedPrefix) { // what is put into other sites has no menu to skip
		parts = append(parts, `<main id="contenu"`, `<a class="saut" href="#contenu">`)
	}
	for _, part := range parts {
		if !strings.Contains(page, part) {
			t.Errorf("%s lacks %s", target, part)
		}
	}
	if n := strings.Count(page, "<table"); n != strings.Count(page, "<caption") {
		t.Errorf("%s: %d tables, %d captions", target, n, strings.Count(page, "<caption"))
	}
}

func closeVoid(page, name string) string {
	var b strings.Builder
	for {
		i := strings.Index(page, "<"+name+" ")
		if i < 0 {
			return b.String() + page
		}
		end := i + strings.IndexByte(page[i:], '>')
		b.WriteString(page[:end] + "/>")
		page = page[end+1:]
	}
}
