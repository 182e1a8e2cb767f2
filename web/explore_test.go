package web

import (
	"errors"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"grenier/publish/publishtest"
	"grenier/schemas"
)

const delibPath = "/jeux/deliberations-saint-aubin"

// grants is a table with all that the pages of data show: names, dates, euros, links.
var grants = publishtest.Schema(schemas.Field{Name: "nomAttribuant", Type: schemas.String, Title: "Attribuant"}, schemas.Field{Name: "dateConvention", Type: schemas.Date, Title: "Date de la convention"},
	schemas.Field{Name: "nomBeneficiaire", Type: schemas.String, Title: "Bénéficiaire"}, schemas.Field{Name: "idBeneficiaire", Type: schemas.String}, schemas.Field{Name: "objet", Type: schemas.String},
	schemas.Field{Name: "montant", Type: schemas.Number, Title: "Montant"}, schemas.Field{Name: "nature", Type: schemas.String, Title: "Nature, telle que votée"}, schemas.Field{Name: "adopté", Type: schemas.Boolean})

func grantRows(n int) (rows [][]string) {
	for i := range n {
		rows = append(rows, []string{"Saint-Aubin", strconv.Itoa(2021+i%4) + "-03-" + []string{"01", "12", "28"}[i%3], "Association " + strconv.Itoa(i%7), "2139001370001" + strconv.Itoa(i%7), "Objet " + strconv.Itoa(i),
			strconv.Itoa(100*(i+1)) + ".5", []string{"numéraire", "nature", ""}[i%3], []string{"true", "false"}[i%2]})
	}
	return rows
}

func grantSite(t testing.TB, rows [][]string) (*world, http.Handler, string) {
	w := newWorld()
	at := rowsWorldOf(t, w, grants, rows)
	fields := w.datasets[0].Fields[:0:0]
	for _, f := range grants.Fields {
		one := w.datasets[0].Fields[0]
		one.Name, one.Title, one.Type, one.Description = f.Name, f.Title, string(f.Type), ""
		fields = append(fields, one)
	}
	w.datasets[0].Fields, w.datasets[0].Rows = fields, int64(len(rows))
	return w, newServer(t, config(t, w)).Handler(), at
}

func TestExplore_ShowsFiftyRowsInFrenchForm(t *testing.T) {
	_, h, at := grantSite(t, grantRows(120))
	rec := get(h, delibPath+"/donnees")
	want(t, rec, 200, `<th scope="row" class="n">50</th>`, `data-v="2021-03-01">01/03/2021</td>`, `<td class="n" data-v="100.5">100,50 €</td>`, "120 lignes", "Montant, au total", "726 060 €", `aria-label="Lignes de Délibérations du conseil municipal"`,
		`>oui</td>`, "Lignes suivantes", `href="`+at+`?format=csv"`, "21390013700010</td>", base+delibPath+"/donnees</p>")
	lacks(t, rec, `<th scope="row" class="n">51</th>`, `content="noindex"`)
	if csp := rec.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "script-src 'self'") || strings.Contains(csp, "unsafe") {
		t.Errorf("Content-Security-Policy %q", csp)
	}
}

var nextLink = regexp.MustCompile(`<a rel="next" href="([^"]+)"`)

func TestExplore_WalksAllRowsFromPageToPage(t *testing.T) {
	_, h, _ := grantSite(t, grantRows(120))
	for _, question := range []string{"?page_size=50", "?page_size=50&montant__sort=desc", "?page=1&page_size=50", "?nature__exact=nature&page_size=20", "?nature__exact=nature&page_size=20&page=2"} {
		seen, target := map[string]bool{}, delibPath+"/donnees"+question
		for range 9 {
			rec := get(h, target)
			want(t, rec, 200)
			for _, m := range regexp.MustCompile(`<th scope="row" class="n">(\d+)</th>`).FindAllStringSubmatch(rec.Body.String(), -1) {
				if seen[m[1]] {
					t.Fatalf("%s shows row %s twice", question, m[1])
				}
				seen[m[1]] = true
			}
			next := nextLink.FindStringSubmatch(rec.Body.String())
			if next == nil {
				break
			}
			target = strings.TrimSuffix(strings.ReplaceAll(next[1], "&amp;", "&"), "#lignes")
		}
		rows := 120
		if strings.Contains(question, "nature") {
			rows = 40
		}
		if strings.Contains(question, "page=2") {
			rows = 20
		}
		if len(seen) != rows {
			t.Errorf("%s: %d rows in all, want %d", question, len(seen), rows)
		}
	}
}

func TestExplore_TakesTheQuestionsOfTheAPI(t *testing.T) {
	_, h, at := grantSite(t, grantRows(120))
	rec := get(h, delibPath+"/donnees?"+escaped("nature__exact=nature&montant__greater=5000&montant__sort=desc&columns=objet,montant,nature"))
	want(t, rec, 200, "Nature, telle que votée est « nature »", "Montant à partir de 5 000 €", `aria-sort="descending"`, `content="noindex"`, "24 lignes sur 120", "Objet 118", ", 3 colonnes sur 8")
	body := rec.Body.String()
	if strings.Contains(body, "<td>Saint-Aubin</td>") || strings.Index(body, "Objet 118") > strings.Index(body, "Objet 115") {
		t.Error("the columns or the order are not those that were asked")
	}
	// The links for programs ask what the page shows.
	api := get(h, at+"?"+escaped("nature__exact=nature&montant__greater=5000&total=true"))
	want(t, api, 200, `"total": 24`)
	csv := regexp.MustCompile(`href="([^"]+format=csv)"`).FindStringSubmatch(body)
	if csv == nil {
		t.Fatal("no CSV of these rows")
	}
	if n := strings.Count(get(h, strings.ReplaceAll(csv[1], "&amp;", "&")).Body.String(), "\n"); n != 25 {
		t.Errorf("%d lines of CSV, want 25", n)
	}
	want(t, get(h, delibPath+"/donnees?"+escaped("nature__groupby&count&montant__sum&count__sort=desc")), 200, "Nombre de lignes", "Montant : total", "3 groupes", "Revenir aux lignes")
	want(t, get(h, delibPath+"/donnees?objet__exact=rien"), 200, "Aucune ligne ne répond à ces filtres")
	wantHeader(t, get(h, delibPath+"/donnees?objet__exact=x&format=csv"), "Location", at+"?objet__exact=x&format=csv")
	want(t, get(h, delibPath+"/donnees?version=2"), 200, "120 lignes")
}

func TestExplore_SaysWhatIsWrongBesideTheForm(t *testing.T) {
	_, h, _ := grantSite(t, grantRows(10))
	for question, sentence := range map[string]string{
		"inconnue__exact=1":                      "La colonne « inconnue » n’existe pas",
		"montant__contains=1":                    "vaut pour les colonnes de texte",
		"montant__greater=douze":                 "« montant »",
		"dateConvention__less=hier":              "« dateConvention »",
		"montant__truc=1":                        "n’existe pas",
		"page_size=100000":                       "au plus 200 lignes",
		"page_size=-1":                           "nombre entier",
		"cursor=xyz":                             "curseur",
		"%zz=1":                                  "mal écrite",
		"montant__sort=haut":                     "asc",
		"a__groupby&b__groupby&montant__groupby": "deux colonnes",
	} {
		rec := get(h, delibPath+"/donnees?"+question)
		if rec.Code != http.StatusBadRequest {
			t.Errorf("%s: status %d", question, rec.Code)
			continue
		}
		want(t, rec, http.StatusBadRequest, `role="alert"`, sentence, `<select id="colonne"`, "noindex")
		lacks(t, rec, "<tbody>")
	}
	want(t, get(h, delibPath+"/donnees?x="+strings.Repeat("a", 3000)), http.StatusRequestURITooLong)
}

func TestExplore_TurnsItsFormsIntoAnAddressToShare(t *testing.T) {
	_, h, _ := grantSite(t, grantRows(10))
	for _, c := range []struct{ sent, to string }{
		{"colonne=montant&condition=greater&valeur=1+500,50+€", "montant__greater=1500.50"},
		{"colonne=dateConvention&condition=less&valeur=1/3/2024", "dateConvention__less=2024-03-01"},
		{"colonne=dateConvention&condition=less&valeur=2024-03-01", "dateConvention__less=2024-03-01"},
		{"colonne=adopté&condition=exact&valeur=Oui", "adopté__exact=true"},
		{"nature__exact=nature&colonne=objet&condition=contains&valeur=Fête & cie&cursor=abc", "nature__exact=nature&objet__contains=Fête & cie"},
		{"colonne=objet&condition=isnull&valeur=", "objet__isnull"},
		{"colonne=objet&condition=contains&valeur=", ""},
		{"colonne=montant&condition=exact&valeur=beaucoup", "montant__exact=beaucoup"},
		{"afficher=1&columns=objet&columns=montant&page_size=50&nature__exact=x", "nature__exact=x&columns=objet,montant"},
		{"resumer=nature&objet__contains=1&montant__sort=asc", "objet__contains=1&nature__groupby&count&montant__sum&count__sort=desc"},
	} {
		rec := get(h, delibPath+"/donnees?"+formed(c.sent))
		want(t, rec, http.StatusSeeOther)
		got, _ := url.QueryUnescape(strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(rec.Header().Get("Location"), delibPath+"/donnees"), "?"), "#lignes"))
		if got != c.to {
			t.Errorf("%s: to %q, want %q", c.sent, got, c.to)
		}
		if status := get(h, strings.TrimSuffix(rec.Header().Get("Location"), "#lignes")).Code; status != 200 && c.to != "montant__exact=beaucoup" {
			t.Errorf("%s leads to %d", c.to, status)
		}
	}
}

// formed encodes a form as browsers do.
func formed(text string) string {
	var parts []string
	for _, p := range strings.Split(strings.ReplaceAll(text, " & ", " \x00 "), "&") {
		name, value, _ := strings.Cut(p, "=")
		parts = append(parts, url.QueryEscape(name)+"="+url.QueryEscape(strings.ReplaceAll(strings.ReplaceAll(value, "\x00", "&"), "+", " ")))
	}
	return strings.Join(parts, "&")
}

func TestExplore_OffersWhatFitsTheColumnThatWasChosen(t *testing.T) {
	_, h, _ := grantSite(t, grantRows(30))
	text := get(h, delibPath+"/donnees?filtrer=nature")
	want(t, text, 200, `<option value="nature" selected>`, `<option value="contains">`, `<datalist id="valeurs"><option value="nature">`, "<details id=\"filtrer\" open>")
	lacks(t, text, `<option value="greater">`)
	day := get(h, delibPath+"/donnees?filtrer=dateConvention")
	want(t, day, 200, `type="date"`, `<option value="greater">`)
	lacks(t, day, `<option value="contains">`, "<datalist")
}

func TestExplore_IsNotThereWithoutParquet(t *testing.T) {
	w, h, _ := grantSite(t, grantRows(3))
	want(t, get(h, "/jeux/jeu-retire/donnees"), http.StatusGone)
	want(t, get(h, "/jeux/nulle-part/donnees"), http.StatusNotFound)
	wantHeader(t, get(h, "/jeux/anciennes-deliberations/donnees?objet__exact=a%26b"), "Location", delibPath+"/donnees?objet__exact=a%26b")
	w.datasets[0].Files = w.datasets[0].Files[:1]
	want(t, get(h, delibPath+"/donnees"), http.StatusNotFound, "pas de fichier Parquet")
	want(t, get(h, delibPath), 200, "L’aperçu se lit dans le fichier Parquet, et ce jeu de données n’en a pas")
}

// hostileRows are cells that try to be more than text.
var hostileRows = [][]string{
	{"<script>window.__xss=1</script>", "2024-01-01", `"><img src=x onerror=alert(1)>`, "=cmd|' /C calc'!A0", "\u202egauche\u2066 ici\u2069", "12.5", "javascript:alert(1)", "true"},
	{"</td></table><h1>", "2025-01-01", "{{.Title}}", "&lt;b&gt;", strings.Repeat("é<b>", 3000), "-1", "`${1}`", ""},
}

func TestPagesOfData_KeepHostileCellsInert(t *testing.T) {
	_, h, _ := grantSite(t, hostileRows)
	for _, target := range []string{delibPath, delibPath + "/donnees", delibPath + "/donnees?filtrer=nomAttribuant", delibPath + "/donnees?nomAttribuant__exact=%3Cscript%3E", delibPath + "/donnees?%3Cscript%3E__exact=1", delibPath + "/donnees?nomAttribuant__groupby",
		delibPath + "/colonnes", "/embarquer" + delibPath, "/embarquer" + delibPath + "/donnees", "/embarquer" + delibPath + "/donnees?%3Cscript%3E__exact=%3Cimg"} {
		rec := get(h, target)
		if rec.Code != 200 && rec.Code != 400 {
			t.Errorf("%s: status %d", target, rec.Code)
		}
		body := regexp.MustCompile(`<script (src="/static/explorer\.js\?v=[0-9a-f]+" defer|type="application/ld\+json")>`).ReplaceAllString(rec.Body.String(), "")
		for _, bad := range []string{"<script", "<img", "<b>", "</td></table><h1>", `href="javascript:`, "\u202e", "\u2066"} {
			if strings.Contains(body, bad) {
				t.Errorf("%s holds %q", target, bad)
			}
		}
		if len(body) > 60_000 {
			t.Errorf("%s has %d bytes", target, len(body))
		}
	}
	want(t, get(h, delibPath+"/donnees"), 200, "&lt;script&gt;window.__xss=1", "=cmd|", "Les textes longs sont coupés ici")
}

func TestExplore_KeepsItsScriptSmall(t *testing.T) {
	b, err := os.ReadFile("static/explorer.js")
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 15_000 {
		t.Errorf("explorer.js has %d bytes", len(b))
	}
}

func TestDataset_ShowsItsRowsAndWhatTheyAddUpTo(t *testing.T) {
	w, h, _ := grantSite(t, grantRows(120))
	rec := get(h, delibPath)
	want(t, rec, 200, "Les 5 premières lignes, 5 colonnes sur 8", `role="region" aria-label="Aperçu des données"`, `href="`+delibPath+`/donnees">Explorer les 120 lignes`, "Montant : 726 060 €",
		"<h2 id=\"annees\">Montant par année</h2>", "2021 : 177 015 €", "2024 : 186 015 €", `<path class="dernier"`, "Dans vos programmes", "Intégrer à votre site", "BibTeX", "@misc{deliberations-saint-aubin-v2",
		`de 100,50 € à 12 000,50 €`)
	lacks(t, rec, "Voir sur une carte", "<script src")
	if n := strings.Count(rec.Body.String(), "<"); n > 2*420 {
		t.Errorf("about %d elements", n/2)
	}
	if n := rec.Body.Len(); n > 60_000 {
		t.Errorf("%d bytes of page", n)
	}
	want(t, get(h, delibPath+"/colonnes"), 200, "<h1>Colonnes</h1>", "nature__exact=num%C3%A9raire", "40 (33,3 %)", "toujours « Saint-Aubin »", `class="mini"`, "adopté")
	w.datasets[0].Rows = 0
	want(t, get(newServer(t, config(t, w)).Handler(), delibPath), 200, "Le fichier en ligne n’a aucune ligne")
}

func TestDataset_SaysWhyThereIsNoPreview(t *testing.T) {
	w, h := site(t) // whose Parquet files are damaged
	want(t, get(h, delibPath), 200, "L’aperçu n’a pas pu être préparé", "Télécharger", "Date du vote")
	want(t, get(h, delibPath+"/colonnes"), 200, "n’est pas connue", "Date du vote")
	w.datasets[0].Files = nil
	want(t, get(newServer(t, config(t, w)).Handler(), delibPath), 200, "Aucun fichier n’est en ligne")
}

func TestYears_AddUpWhatTheyCan(t *testing.T) {
	for name, c := range map[string]struct {
		schema *schemas.Schema
		rows   [][]string
		want   string
	}{
		"euros by date":       {publishtest.Schema(schemas.Field{Name: "le", Type: schemas.Date}, schemas.Field{Name: "montant", Type: schemas.Number}), [][]string{{"2024-01-01", "10.4"}, {"2025-12-31", "3"}, {"2025-01-01", "3"}, {"", "9"}, {"0001-01-01", "5"}}, "2024 10 €, 2025 6 €"},
		"quantities by year":  {publishtest.Schema(schemas.Field{Name: "ANNEE", Type: schemas.Integer}, schemas.Field{Name: "NOMBRE_OCCURRENCES", Type: schemas.Integer}), [][]string{{"2022", "3"}, {"2024", "4"}}, "2022 3, 2023 0, 2024 4"},
		"rows by date":        {publishtest.Schema(schemas.Field{Name: "le", Type: schemas.Date}), [][]string{{"2024-01-01"}, {"2025-01-01"}, {"2025-02-01"}}, "2024 1, 2025 2"},
		"one year":            {publishtest.Schema(schemas.Field{Name: "le", Type: schemas.Date}), [][]string{{"2024-01-01"}, {"2024-02-01"}}, ""},
		"no date":             {publishtest.Schema(schemas.Field{Name: "montant", Type: schemas.Number}), [][]string{{"1"}}, ""},
		"nothing but nothing": {publishtest.Schema(schemas.Field{Name: "le", Type: schemas.Date}, schemas.Field{Name: "montant", Type: schemas.Number}), [][]string{{"2024-01-01", ""}, {"2025-01-01", "0"}}, ""},
	} {
		w := newWorld()
		rowsWorldOf(t, w, c.schema, c.rows)
		w.datasets[0].Rows = int64(len(c.rows))
		s := newServer(t, config(t, w))
		g, why, _ := s.glanceAt(t.Context(), &w.datasets[0])
		if g == nil {
			t.Fatalf("%s: %s", name, why)
		}
		var got []string
		if g.Years != nil {
			for _, y := range g.Years.List {
				got = append(got, plain(y.Year+" "+y.Value))
			}
		}
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%s: %q, want %q", name, text, c.want)
		}
	}
}

func TestGlance_IsMadeOnceForEachFile(t *testing.T) {
	w := newWorld()
	rowsWorldOf(t, w, grants, grantRows(120))
	w.datasets[0].Rows = 120
	s := newServer(t, config(t, w))
	first, why, err := s.glanceAt(t.Context(), &w.datasets[0])
	if err != nil || first == nil {
		t.Fatal(why, err)
	}
	clear(w.blobs) // it cannot be read again
	if again, why, err := s.glanceAt(t.Context(), &w.datasets[0]); err != nil || again != first {
		t.Error(why, err)
	}
	if other, _, err := newServer(t, config(t, w)).glanceAt(t.Context(), &w.datasets[0]); err == nil || other != nil {
		t.Error("a glance at a file that is not there")
	}
}

func TestGlance_SaysWhenAskingAgainMayHelp(t *testing.T) {
	w := newWorld()
	rowsWorldOf(t, w, grants, grantRows(3))
	w.datasets[0].Rows = 3
	s := newServer(t, config(t, w))
	s.reading.patience = time.Millisecond
	for range cap(s.reading.pages) {
		leave, _ := s.reading.pages.enter(t.Context(), time.Second)
		defer leave()
	}
	if g, why, err := s.glanceAt(t.Context(), &w.datasets[0]); g != nil || !errors.Is(err, errNoTime) || !strings.Contains(why, "rechargez") {
		t.Error(g, why, err)
	}
}

func TestPagesOfData_AreWellFormedAndKeepPunctuationWithItsWord(t *testing.T) {
	_, grantPages, _ := grantSite(t, grantRows(120))
	poleWorld := mapWorld(t, poleRows(30))
	polePages := newServer(t, config(t, poleWorld)).Handler()
	alone := regexp.MustCompile(` (selected|hidden|open|defer)>`)       // attributes without a value
	boxes := regexp.MustCompile(`<label><input type="checkbox" [^>]*>`) // they stand in their label
	look := func(h http.Handler, target string) {
		page := withoutFacts(t, get(h, target).Body.String())
		if !strings.HasPrefix(target, embedPrefix) {
			checkPage(t, target, boxes.ReplaceAllString(alone.ReplaceAllString(page, ` $1="">`), "<label>"))
		}
		text := tags.ReplaceAllString(page, ">")
		for _, at := range loose.FindAllStringIndex(text, -1) {
			t.Errorf("%s: a line may break in %q", target, text[max(0, at[0]-30):min(len(text), at[1]+20)])
		}
	}
	for _, target := range []string{"", "/donnees", "/donnees?filtrer=nature&montant__greater=100&objet__contains=1", "/donnees?nature__groupby&count&montant__sum", "/donnees?montant__greater=x", "/donnees?objet__exact=rien", "/donnees?page=2", "/colonnes"} {
		look(grantPages, delibPath+target)
	}
	look(grantPages, "/embarquer"+delibPath)
	look(grantPages, "/embarquer"+delibPath+"/donnees?nature__exact=nature")
	look(grantPages, "/embarquer/membres/"+aubin.SIREN)
	for _, target := range []string{"/carte", "/carte?puissance__exact=22", "/carte?puissance__exact=x", "/carte?adresse__isnull"} {
		look(polePages, delibPath+target)
	}
}
