package web

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"grenier/catalog"

	"github.com/google/uuid"
)

// addSeries puts the series of the deliberations into a world: two members, one row of both.
func (w *world) addSeries(t *testing.T) catalog.Dataset {
	t.Helper()
	d := w.datasets[0]
	operator := catalog.Member{SIREN: "253900999", Name: "Numérival", Kind: catalog.Syndicat}
	s := datasetFor(operator, "serie/"+d.SchemaName, "deliberations-toutes", "Délibérations (toutes les collectivités)", d.Modified)
	s.SchemaName, s.SchemaVersion = d.SchemaName, d.SchemaVersion
	w.add(s, "DELIB_ID,membre_siren\nD1,213900137\n", 5, 0)
	one := w.at(s.ID)
	key, sum := w.blob("DELIB_ID\nD1\n", ".csv")
	one.Files = append(one.Files, catalog.File{ID: catalog.FileID(s.ID, "csv-2026"), Format: "csv", Name: "deliberations-2026.csv",
		Title: s.Title + " (CSV, année 2026)", Key: key, Bytes: 12, Rows: 1, SHA256: sum, Modified: d.Modified})
	c := catalog.Composition{Duplicates: 1, Parts: []catalog.SeriesPart{
		{SIREN: aubin.SIREN, Name: aubin.Name, Dataset: d.ID, Version: 2, Rows: 3, Harvested: d.Modified},
		{SIREN: brenne.SIREN, Name: brenne.Name, Dataset: uuid.New(), Version: 7, Rows: 2, Harvested: time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC)},
	}, Told: []catalog.Duplicate{{Key: []string{"21390013700018", "<b>D1</b>"}, Places: []catalog.DuplicatePlace{
		{Part: 0, Document: "délibérations.csv", Line: 14}, {Part: 1, Document: "actes.csv", Line: 2033, Kept: true},
	}}}}
	state, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	w.runs[len(w.runs)-1].State = string(state)
	return *one
}

func TestSeries_SaysWhoIsInItAndWhatIsThereTwice(t *testing.T) {
	w, h := site(t)
	s := w.addSeries(t)
	rec := get(h, "/jeux/deliberations-toutes")
	want(t, rec, 200, "Qui est dans cette série", "2 collectivités", "Communauté de communes du Pays de Brenne", `href="/jeux/deliberations-toutes/composition"`, "1 identifiant que publient plusieurs collectivités",
		"Une année à la fois (1 fichier)", "CSV, année 2026")
	whole := get(h, "/jeux/deliberations-toutes/composition")
	want(t, whole, 200, "version 7", "1 identifiant est publié par plus d’une collectivité", "&lt;b&gt;D1&lt;/b&gt;", "ligne 2 033 : gardée", "ligne 14 : laissée", `href="`+compositionPath(s.ID)+`"`)
	lacks(t, whole, "<b>D1</b>")
	lacks(t, rec, "<b>D1</b>", "Dans la série départementale")

	want(t, rec, 200, "Réuni automatiquement par Numérival")
	lacks(t, rec, "Moissonné automatiquement", "/rapport")
	wantHeader(t, get(h, "/jeux/deliberations-toutes/rapport"), "Location", "/jeux/deliberations-toutes#composition")

	want(t, get(h, "/jeux/deliberations-toutes/composition"), 200, "<h1>Qui est dans cette série</h1>", "Communauté de communes du Pays de Brenne", "/jeux/deliberations-toutes/donnees?membre_siren__exact=243900420")
	want(t, get(h, "/jeux/deliberations-saint-aubin/composition"), http.StatusNotFound, "n’est pas une série")
	rec = get(h, compositionPath(s.ID))
	want(t, rec, 200, `"version": 1`, `"siren": "243900420"`, `"duplicates": 1`, `"line": 2033`)
	want(t, get(h, compositionPath(w.datasets[0].ID)), http.StatusNotFound, "n’est pas une série")
	want(t, get(h, compositionPath(uuid.New())), http.StatusNotFound)
}

func TestSeries_IsShownOnThePagesOfWhatIsInIt(t *testing.T) {
	w, h := site(t)
	lacks(t, get(h, "/jeux/deliberations-saint-aubin"), "Dans la série départementale")
	w.addSeries(t)
	want(t, get(h, "/jeux/deliberations-saint-aubin"), 200, "Dans la série départementale", `href="/jeux/deliberations-toutes"`, "2 collectivités, 5 lignes",
		"Lignes publiées par plusieurs collectivités", "ligne 14 : laissée")
	lacks(t, get(h, "/jeux/subventions-saint-aubin"), "Dans la série départementale")
}
