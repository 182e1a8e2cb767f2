package web

import (
	"errors"
	"net/http"
	"net/url"
	"testing"

	"grenier/catalog"
)

func TestSearch_ListsWhatWasFoundWithItsFacets(t *testing.T) {
	_, h := site(t)
	rec := get(h, "/jeux")
	want(t, rec, 200, "3 jeux de données", `<a href="/jeux/subventions-saint-aubin">`, "en attente de vérification, version du", "997 lignes, 3 écartées", "Aller au contenu",
		`<a href="/jeux?theme=GOVE">Vie publique</a>`, `<a href="/jeux?membre=213900137">Saint-Aubin-sur-Aurence</a>`, `<a href="/jeux?type=epci">intercommunalité</a>`, `<a href="/jeux?schema=-">Sans schéma national</a>`, `<a href="/jeux?schema=essai%2Fdeliberations">Délibérations</a>`,
		`type="application/json" href="/jeux.json"`)
	lacks(t, rec, "Retirer", "jeu-retire")
}

func TestSearch_FacetsAddAndRemoveThemselves(t *testing.T) {
	_, h := site(t)
	rec := get(h, "/jeux?q=a&theme=GOVE&theme=ECON&membre=213900137")
	want(t, rec, 200, "2 résultats pour « a »",
		`<a class="etiquette" href="/jeux?membre=213900137&amp;q=a&amp;theme=ECON"><span class="lu">Retirer le filtre </span>Vie publique</a>`,
		`<a href="/jeux?q=a&amp;theme=GOVE&amp;theme=ECON" aria-current="true"><span class="lu">Retirer </span>Saint-Aubin-sur-Aurence</a>`,
		`<input type="hidden" name="theme" value="GOVE">`, `<input type="hidden" name="membre" value="213900137">`, `value="a"`)
}

func TestSearch_HelpsWhenNothingIsFound(t *testing.T) {
	_, h := site(t)
	rec := get(h, "/jeux?q=introuvable&theme=GOVE")
	want(t, rec, 200, "Aucun jeu de données ne correspond", "Retirez un filtre", "Essayez un mot de moins", `<a href="/jeux?schema=essai%2Fdeliberations">Délibérations</a>`, `content="noindex"`)
	want(t, get(h, "/jeux?page=9"), http.StatusNotFound, "n’a pas autant de pages")
}

func TestSearch_PagesForwardAndBack(t *testing.T) {
	w, h := site(t)
	for i := range 45 {
		key := "k" + number(i)
		w.add(datasetFor(brenne, key, "serie-"+key, "Série "+key, now), "x\n", 0, 0)
	}
	want(t, get(h, "/jeux?q=s%C3%A9rie"), 200, "45 résultats", "page 1 sur 3", `rel="next" href="/jeux?page=2&amp;q=s%C3%A9rie"`)
	rec := get(h, "/jeux?q=s%C3%A9rie&page=3")
	want(t, rec, 200, "page 3 sur 3", `rel="prev" href="/jeux?page=2&amp;q=s%C3%A9rie"`)
	lacks(t, rec, `rel="next"`)
}

func TestSearch_IsUnavailableWithoutItsIndexAndTheHomePageIsNot(t *testing.T) {
	w, h := site(t)
	w.deaf = errors.New("index closed")
	rec := get(h, "/jeux")
	want(t, rec, http.StatusServiceUnavailable, "La recherche ne répond pas")
	wantHeader(t, rec, "Retry-After", "120")
	want(t, get(h, "/api/1/jeux"), http.StatusServiceUnavailable, `"code":"unavailable"`)
	home := get(h, "/")
	want(t, home, 200, "Publié récemment", "Délibérations du conseil municipal")
	lacks(t, home, "Par thématique")
}

func TestHome_CountsAndSaysWhenTheLastHarvestWas(t *testing.T) {
	w, h := site(t)
	want(t, get(h, "/"), 200, "<title>Données ouvertes du Val-d’Aurence</title>", "<b>3</b> collectivités", "<b>3</b> jeux de données", "<b>1 001</b> lignes", "ce matin, 5 h 12", `action="/membres"`, `<a href="/themes/gove">Vie publique</a>`)
	w.publish(w.datasets[0].ID, "DELIB_ID\n", 4000, 0, now)
	want(t, get(h, "/"), 200, "<b>4 998</b> lignes")
}

func TestHome_SaysWhatWillBeThereWhenNothingIs(t *testing.T) {
	w := newWorld()
	w.datasets, w.members = nil, nil
	c := config(t, w)
	c.Site.Demo = true
	h := newServer(t, c).Handler()
	want(t, get(h, "/"), 200, "Rien n’est encore publié", "<b>0</b> jeu de données", "Données fictives.")
	want(t, get(h, "/jeux"), 200, "Aucun jeu de données ne correspond")
	want(t, get(h, "/membres"), 200, "Aucune collectivité n’est encore inscrite")
	want(t, get(h, "/membres?q=rien"), 200, "Aucune collectivité ne correspond")
}

func TestMembers_AreFilteredSearchedAndPaged(t *testing.T) {
	w, h := site(t)
	rec := get(h, "/membres?type=commune")
	want(t, rec, 200, "Collectivités : communes", "1 collectivité", "Saint-Aubin-sur-Aurence", `aria-current="true">communes`, "4 210")
	lacks(t, rec, "Pays de Brenne")
	want(t, get(h, "/membres?q=brenne"), 200, "Pays de Brenne", `value="brenne"`)
	for i := range 60 {
		w.members = append(w.members, catalog.Member{SIREN: number(1000 + i), Name: "Z" + number(i), Kind: catalog.Commune})
	}
	want(t, get(h, "/membres?type=commune&page=2"), 200, "page 2 sur 2", `href="/membres?type=commune"`)
	want(t, get(h, "/membres?page=3"), http.StatusNotFound)
}

func TestMember_ShowsItsDatasetsItsHarvestsAndItsCatalogue(t *testing.T) {
	_, h := site(t)
	rec := get(h, "/membres/213900137")
	want(t, rec, 200, "<h1>Saint-Aubin-sur-Aurence</h1>", "2 jeux de données publiés", "code INSEE 39013", `href="https://saint-aubin.example.org"`, `href="mailto:mairie@saint-aubin.example.org"`,
		"retenu pour vérification", "a perdu 40 % de ses lignes", "1 source lue sans incident", base+"/catalogues/213900137.ttl", `type="text/turtle" href="/catalogues/213900137.ttl"`)
	lacks(t, rec, "/srv/secret")
	want(t, get(h, "/membres/"+vide.SIREN), 200, "n’a pas encore de jeu de données", "Aucun moissonnage n’a encore eu lieu")
}

func TestSchema_SaysWhatItIsAndWhoPublishesIt(t *testing.T) {
	_, h := site(t)
	want(t, get(h, "/schemas"), 200, "2 schémas connus", `<a href="/schemas/essai/deliberations">Délibérations</a>`)
	want(t, get(h, "/schemas/essai/deliberations"), 200, "<h1>Délibérations</h1>", "Les délibérations des assemblées locales.", "<code>DELIB_ID</code><small>texte, obligatoire</small>", "par exemple 2026-014", `<a href="/jeux/deliberations-saint-aubin">Saint-Aubin-sur-Aurence</a>`, `href="/jeux?schema=essai%2Fdeliberations">1 jeu de données`, "Versions connues : 2.1.0, 2.0.0")
	want(t, get(h, "/schemas/essai/deliberations@2.0.0"), 404)
	want(t, get(h, "/schemas/essai/absent"), 404, "n’est pas de ceux")
}

func TestAbout_SaysWhatIsTrue(t *testing.T) {
	_, h := site(t)
	want(t, get(h, "/accessibilite"), 200, "<strong>non conforme</strong>", "aucun audit n’a encore été mené", "Défenseur des droits", "version 1.2.3", "mailto:contact@numerival.example.org")
	want(t, get(h, "/mentions-legales"), 200, "Numérival, SIREN 253900999", "Hébergeur non renseigné", "aucun cookie")
	want(t, get(h, "/a-propos"), 200, "opéré par Numérival")
	want(t, get(h, "/api"), 200, `href="/api/1/jeux?q=d%C3%A9lib%C3%A9rations&amp;page_size=5"`)
	want(t, get(h, "/plan-du-site"), 200, `href="/schemas"`, `href="/accessibilite"`)
}

func FuzzReadQuestion(f *testing.F) {
	for _, seed := range []string{"q=a&theme=b&page=2", "q=%ff", "theme=%22%3E&theme=x;y", "page=-1", "membre=&membre=&membre=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		v, _ := url.ParseQuery(raw)
		q, err := readQuestion(v)
		if err != nil {
			return
		}
		u, err := url.Parse(q.address(q.Page))
		if err != nil {
			t.Fatalf("address %q: %v", q.address(q.Page), err)
		}
		again, err := readQuestion(u.Query())
		if err != nil || again.address(again.Page) != q.address(q.Page) {
			t.Fatalf("%q reads back as %q (%v)", q.address(q.Page), again.address(again.Page), err)
		}
	})
}

func TestQuestion_TogglesOneValueAndForgetsThePage(t *testing.T) {
	q := question{Text: "a b", Chosen: map[string][]string{"theme": {"GOVE"}}, Page: 4}
	if got := q.toggled("theme", "ECON").address(1); got != "/jeux?q=a+b&theme=GOVE&theme=ECON" {
		t.Errorf("added: %s", got)
	}
	if got := q.toggled("theme", "GOVE").address(1); got != "/jeux?q=a+b" {
		t.Errorf("removed: %s", got)
	}
	if got := q.address(4); got != "/jeux?page=4&q=a+b&theme=GOVE" {
		t.Errorf("itself: %s", got)
	}
}
