package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"grenier/catalog"
)

var (
	nanchez  = catalog.Member{SIREN: "200087468", Name: "Nanchez", Kind: catalog.Commune, INSEE: "39130", Population: 764}
	claude   = catalog.Member{SIREN: "213904782", Name: "Saint-Claude", Kind: catalog.Commune, INSEE: "39478", Population: 8386}
	hautJura = catalog.Member{SIREN: "200026573", Name: "Communauté de communes Haut-Jura Saint-Claude", Kind: catalog.EPCI, Population: 19431}
	operator = catalog.Member{SIREN: "200099999", Name: "Numérival", Kind: catalog.Syndicat}
)

// jura is a site whose members the list of communes knows, with the series of subventions.
func jura(t testing.TB) (*world, http.Handler) {
	w := newWorld()
	w.members = append(w.members, nanchez, claude, hautJura, operator)
	d := datasetFor(operator, catalog.SeriesKey("scdl/subventions"), "serie-subventions", "Subventions versées (toutes les collectivités)", now)
	d.SchemaName = "scdl/subventions"
	d.Fields = []catalog.FieldInfo{{Name: "montant", Type: "number"}, {Name: "membre_siren", Type: "string"}}
	w.add(d, "x\n", 1200, 0)
	parts, err := json.Marshal(catalog.Composition{Parts: []catalog.SeriesPart{
		{SIREN: claude.SIREN, Name: claude.Name, Dataset: d.ID, Version: 1, Rows: 1100}, {SIREN: hautJura.SIREN, Name: hautJura.Name, Dataset: d.ID, Version: 1, Rows: 100},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range w.runs {
		if w.runs[i].Dataset == d.ID {
			w.runs[i].State = string(parts)
		}
	}
	c := config(t, w)
	c.Site.SIREN = operator.SIREN
	return w, newServer(t, c).Handler()
}

func TestSearch_OpensTheSeriesOnTheTownThatItNames(t *testing.T) {
	_, h := jura(t)
	for _, q := range []string{"subventions Saint-Claude", "aides aux associations st claude", "SUBVENTION SAINT CLAUDE"} {
		rec := get(h, "/jeux?q="+url.QueryEscape(q))
		want(t, rec, 200, ": les lignes de Saint-Claude</a>", `href="/jeux/serie-subventions/donnees?membre_siren__exact=213904782"`, "1 100 lignes de la",
			"/lignes?membre_siren__exact=213904782&amp;format=csv", "série du département")
	}
}

func TestSearch_OpensTheSeriesOnTheGroupingOfATownThatPublishesNothing(t *testing.T) {
	_, h := jura(t)
	rec := get(h, "/jeux?q="+url.QueryEscape("subventions Villard-Saint-Sauveur")) // a commune of the grouping, no member
	want(t, rec, 200, ": les lignes de Villard-Saint-Sauveur", "membre_siren__exact=200026573", "100 lignes", "publiées par", `href="/membres/200026573"`)
}

func TestSearch_SaysThatTheSeriesHasNothingOfATown(t *testing.T) {
	_, h := jura(t)
	rec := get(h, "/jeux?q="+url.QueryEscape("subventions Prénovel"))
	want(t, rec, 200, "Prénovel fait aujourd’hui partie de Nanchez", "n’a pas encore de ligne de Nanchez")
	lacks(t, rec, "Voir les lignes")
}

func TestSearch_LeadsToThePageOfATownThatItNamesAlone(t *testing.T) {
	_, h := jura(t)
	want(t, get(h, "/jeux?q=saint-claude"), 200, `<a href="/membres/213904782">Saint-Claude</a>`)
	want(t, get(h, "/jeux?q="+url.QueryEscape("Prénovel")), 200, `<a href="/membres/200087468">Nanchez</a>`, "Prénovel fait aujourd’hui partie de cette commune")
	want(t, get(h, "/jeux?q="+url.QueryEscape("Sant-Claude")), 200, "Vouliez-vous dire", `<a href="/jeux?q=Saint-Claude">Saint-Claude</a>`)
}

func TestSuggestions_AreTownsSubjectsAndDatasets(t *testing.T) {
	_, h := jura(t)
	ask := func(q string) string {
		rec := get(h, "/api/1/suggestions?q="+url.QueryEscape(q))
		want(t, rec, 200)
		var out struct{ Data []suggestion }
		if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil || len(out.Data) > maxSuggestions {
			t.Fatalf("%q: %v, %d suggestions", q, err, len(out.Data))
		}
		var list []string
		for _, s := range out.Data {
			if !strings.HasPrefix(s.Page, base+"/") {
				t.Errorf("%q: page %q", q, s.Page)
			}
			list = append(list, s.Kind+" "+s.Label)
		}
		return strings.Join(list, ", ")
	}
	for _, c := range []struct{ text, has string }{
		{"st cl", "lieu Saint-Claude"}, {"preno", "lieu Prénovel"}, {"subventions saint-c", "lieu subventions Saint-Claude"}, {"delib", "sujet Délibérations"},
		{"haut-ju", "organisme Communauté de communes Haut-Jura Saint-Claude"}, {"subventions attr", "jeu Subventions attribuées par Saint-Aubin-sur-Aurence"},
	} {
		if got := ask(c.text); !strings.Contains(got, c.has) {
			t.Errorf("%q suggests %s, want %s", c.text, got, c.has)
		}
	}
	if got := ask("s"); got != "" {
		t.Errorf("one letter suggests %s", got)
	}
	want(t, get(h, "/api/1/suggestions?q="+strings.Repeat("a", 300)), http.StatusBadRequest, "200 caractères")
}

// A stuckIndex never answers, whatever becomes of its reader.
type stuckIndex struct {
	catalog.Index
	let chan struct{}
}

func (x stuckIndex) Search(context.Context, catalog.Query) (catalog.Page, error) {
	<-x.let
	return catalog.Page{}, errors.New("too late")
}

func TestPatience_ASlowIndexKeepsNobodyWaiting(t *testing.T) {
	stuck := stuckIndex{let: make(chan struct{})}
	x := patient(stuck, 20*time.Millisecond)
	for range indexRoom {
		go func() { _, _ = x.Search(context.Background(), catalog.Query{}) }()
	}
	began := time.Now()
	for len(x.room) < indexRoom && time.Since(began) < 5*time.Second {
		time.Sleep(time.Millisecond)
	}
	if _, err := x.Search(context.Background(), catalog.Query{}); !errors.Is(err, errIndexFull) {
		t.Errorf("with every place taken: got %v", err)
	}
	close(stuck.let)
	for len(x.room) > 0 && time.Since(began) < 5*time.Second {
		time.Sleep(time.Millisecond)
	}
	if len(x.room) > 0 {
		t.Errorf("%d places are still taken", len(x.room))
	}
	waiting := stuckIndex{let: make(chan struct{})}
	defer close(waiting.let)
	if _, err := patient(waiting, 10*time.Millisecond).Search(context.Background(), catalog.Query{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestSearch_WithoutItsIndexLeadsElsewhereWhilePagesAndFilesAnswer(t *testing.T) {
	w, h := site(t)
	w.deaf = errors.New("index closed")
	rec := get(h, "/jeux?q=budget&theme=GOVE")
	want(t, rec, http.StatusServiceUnavailable, "La recherche ne répond pas", `href="/membres"`, `href="/schemas"`, `value="budget"`, `name="theme" value="GOVE"`, "noindex")
	wantHeader(t, rec, "Retry-After", "120")
	wantHeader(t, rec, "Cache-Control", "no-store")
	for _, path := range []string{"/", "/jeux/deliberations-saint-aubin", "/membres", "/membres/213900137", "/schemas", "/f/" + catalog.FileID(catalog.DatasetID(namespace, aubin.SIREN, "scdl/deliberations"), "csv").String() + "/deliberations.csv"} {
		want(t, get(h, path), 200)
	}
	want(t, get(h, "/api/1/suggestions?q=bud"), http.StatusServiceUnavailable, `"code":"unavailable"`)
}

func TestSearch_AnswersWhateverIsAsked(t *testing.T) {
	_, h := jura(t)
	for _, c := range []struct {
		query  string
		status int
	}{
		{"q=" + strings.Repeat("a", 201), 400}, {"q=%ff%fe", 400}, {"q=%00%00", 200}, {"q=" + url.QueryEscape("\u202e<script>alert(1)</script>"), 200}, {"membre=" + strings.Repeat("9", 500), 400},
		{"membre=inconnu", 200}, {"fraicheur=jamais", 200}, {"format=%3Cb%3E", 200}, {"page=0", 400}, {"page=-1", 400}, {"page=99999999999999999999", 400}, {"page=1000", 404},
		{"page=2&q=" + url.QueryEscape("subventions Saint-Claude"), 404}, {"q=a+OR+(b+AND&theme=%22%5C", 200}, {"q=" + url.QueryEscape(strings.Repeat("saint ", 30)), 200},
		{strings.Repeat("theme=A&", 3) + strings.Repeat("membre=1&membre=2&", 5), 200},
	} {
		rec := get(h, "/jeux?"+c.query)
		want(t, rec, c.status)
		if strings.Contains(rec.Body.String(), "<script>alert") || strings.Contains(rec.Body.String(), "<b>format") {
			t.Errorf("%s: what was asked is not inert", c.query)
		}
	}
	many := url.Values{}
	for i := range 21 {
		many.Add("membre", number(i))
	}
	want(t, get(h, "/jeux?"+many.Encode()), 400, "plus de 20 valeurs")
}

func FuzzSearch_NeverFails(f *testing.F) {
	for _, q := range []string{"q=subventions", "q=st+claude&membre=1", "page=3", "q=%e2%80%ae&fraicheur=mois", "q=''&schema=-", "a;b", "q=%"} {
		f.Add(q)
	}
	_, h := jura(f)
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest(http.MethodGet, "/jeux", nil)
		r.URL.RawQuery = query
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		if rec.Code >= 500 {
			t.Fatalf("%q: status %d", query, rec.Code)
		}
	})
}
