package web

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"grenier/catalog"
)

func TestHome_GivesTheSeriesReadyToDownload(t *testing.T) {
	w, h := site(t)
	lacks(t, get(h, "/"), "Tout le département en un fichier")
	s := w.addSeries(t)
	rec := get(h, "/")
	want(t, rec, 200, "Tout le département en un fichier", `<a href="/jeux/deliberations-toutes">Délibérations</a>`, `href="/f/`+catalog.FileID(s.ID, "csv").String(), `class="unite"> collectivités`)
	_, recent, _ := strings.Cut(rec.Body.String(), "Publié récemment")
	if strings.Contains(recent, "deliberations-toutes") || !strings.Contains(recent, "deliberations-saint-aubin") {
		t.Errorf("what is new is not what the members published: %s", recent)
	}
	list := get(h, "/series")
	want(t, list, 200, "<h1>Tout le département en un fichier</h1>", "deliberations-toutes", "5 lignes en tout")
}

func TestSeriesList_SaysWhatWillBeThere(t *testing.T) {
	_, h := site(t)
	want(t, get(h, "/series"), 200, "Aucune série n’est encore en ligne", "La première paraîtra ici")
}

func TestThemes_LeadToTheirDatasets(t *testing.T) {
	_, h := site(t)
	want(t, get(h, "/themes"), 200, `<a href="/themes/gove">Vie publique</a>`, "Sans jeu de données pour l’instant")
	want(t, get(h, "/themes/gove"), 200, "<h1>Vie publique</h1>", "deliberations-saint-aubin", `<link rel="canonical" href="`+base+`/themes/gove">`)
	want(t, get(h, "/themes/intr"), 200, "Elles paraîtront ici", "noindex")
	rec := get(h, "/themes/GOVE")
	want(t, rec, http.StatusMovedPermanently)
	wantHeader(t, rec, "Location", "/themes/gove")
	want(t, get(h, "/themes/rien"), http.StatusNotFound, "n’existe pas")

	w, deaf := site(t)
	w.deaf = errDown
	for _, target := range []string{"/themes", "/themes/gove"} {
		rec := get(deaf, target)
		want(t, rec, http.StatusServiceUnavailable)
		lacks(t, rec, "/srv/secret")
	}
}

// crowd adds communes that the lists of the State know: of two groupings, in two départements.
func (w *world) crowd() {
	for i, insee := range []string{"39300", "39013", "39001", "01004", "01053"} {
		w.members = append(w.members, catalog.Member{SIREN: fmt.Sprintf("2139%05d", i), Name: fmt.Sprintf("Étang %d", i), Kind: catalog.Commune, INSEE: insee, Population: 100 * (i + 1)})
	}
	for i := range 60 {
		w.members = append(w.members, catalog.Member{SIREN: fmt.Sprintf("2538%05d", i), Name: fmt.Sprintf("Bassin %02d", i), Kind: catalog.Syndicat})
	}
}

func TestMembers_AreFilteredByTerritoryAndInitial(t *testing.T) {
	w, h := site(t)
	w.crowd()
	page := get(h, "/membres")
	want(t, page, 200, "Choisir un territoire", ">Jura</a>", ">Ain</a>", "page 1 sur 2", `href="/membres?initiale=E"`, "68 collectivités")
	ain := get(h, "/membres?departement=01")
	want(t, ain, 200, "2 collectivités", "Étang 3", "Étang 4", `aria-current="true"`)
	lacks(t, ain, "Étang 1<", "Bassin")
	e := get(h, "/membres?initiale=e")
	want(t, e, 200, "5 collectivités", "Étang 0")
	lacks(t, e, "Bassin")
	by := get(h, "/membres?initiale=E&tri=population").Body.String()
	if strings.Index(by, "Étang 4") > strings.Index(by, "Étang 3") || !strings.Contains(by, "de la plus peuplée") {
		t.Error("not ranged by population")
	}
	want(t, get(h, "/membres?page=2"), 200, "page 2 sur 2")
	want(t, get(h, "/membres?page=3"), http.StatusNotFound)
	for _, bad := range []string{"?tri=taille", "?initiale=ab", "?departement=12345", "?intercommunalite=0123456789"} {
		want(t, get(h, "/membres"+bad), http.StatusBadRequest)
	}
	want(t, get(h, "/membres?intercommunalite=999999999"), 200, "Aucune collectivité ne correspond")
}

func TestMember_SaysWhichDutiesAreMetAndWhichAreMissing(t *testing.T) {
	w, h := site(t)
	rec := get(h, "/membres/"+aubin.SIREN)
	want(t, rec, 200, "Ce que la loi demande de publier", "pas encore ici</span><div><b>Adresses (base adresse locale)</b>", "Base Adresse Nationale", "au moins 40 000 euros")
	w.at(w.datasets[0].ID).SchemaName = "etalab/schema-bal"
	want(t, get(h, "/membres/"+aubin.SIREN), 200, "en ligne</span><div><b>Adresses (base adresse locale)</b>")
	rec = get(h, "/membres/"+vide.SIREN)
	lacks(t, rec, "Adresses (base adresse locale)", "Subventions de plus")
}

func TestDuties_BindByKindAndPopulation(t *testing.T) {
	names := func(m catalog.Member) string {
		missing, met, open := dutiesOf(m, nil)
		if len(met) > 0 {
			t.Errorf("%v: met without a dataset", m)
		}
		return fmt.Sprint(len(missing), len(open))
	}
	for _, c := range []struct {
		m    catalog.Member
		want string // certain, and depending on a fact
	}{
		{catalog.Member{Kind: catalog.Commune, Population: 80}, "2 2"},
		{catalog.Member{Kind: catalog.Commune, Population: 3499}, "2 2"},
		{catalog.Member{Kind: catalog.Commune, Population: 3500}, "2 3"},
		{catalog.Member{Kind: catalog.EPCI, Population: 9000}, "1 3"},
		{catalog.Member{Kind: catalog.Syndicat, Population: 9000}, "0 2"},
		{catalog.Member{Kind: catalog.Departement, Population: 120_000}, "0 3"},
	} {
		if got := names(c.m); got != c.want {
			t.Errorf("%s of %d: %s duties, want %s", c.m.Kind, c.m.Population, got, c.want)
		}
	}
}

func TestSchema_SaysWhoPublishesAndWhoDoesNot(t *testing.T) {
	w, h := site(t)
	w.addSeries(t)
	rec := get(h, "/schemas/essai/deliberations")
	want(t, rec, 200, "Tout le département en un fichier", `<a href="/jeux/deliberations-saint-aubin">Saint-Aubin-sur-Aurence</a>`,
		"2 collectivités ne le publient pas ici", `<a href="/membres/`+brenne.SIREN+`">`)
}

func TestAgo_SaysHowFreshInAWord(t *testing.T) {
	s := newServer(t, config(t, newWorld()))
	for days, words := range map[int]string{0: "aujourd’hui", 1: "hier", 3: "il y a 3\u00a0jours", 14: "il y a 14\u00a0jours", 15: "17\u00a0février\u00a02026"} {
		if got := string(s.ago(now.AddDate(0, 0, -days))); !strings.Contains(got, ">"+words+"<") {
			t.Errorf("%d days ago is %s, want %s", days, got, words)
		}
	}
}
