package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"grenier/catalog"
	"grenier/catalog/store"
)

// A sample is one real file of the collection beside the repository, and what becomes of it.
type sample struct {
	file   string
	recipe string // the part of its recipe that differs
	status catalog.Status
	rows   int64
	bad    int64
	says   string // part of the message, for a delivery that is not published
}

// deliveries are the columns that the file of delivery areas has: there is no national schema at hand, its recipe declares them. Coordinates
// are "latitude, longitude"; the file has "1.1" where nobody had measured yet.
const deliveries = `map: {trim: true, only: true, columns: [
        {to: numero, from: ID}, {to: commune, from: COLL_NOM}, {to: insee, from: COLL_INSEE}, {to: arrete, from: ARR_DATE}, {to: tonnage, from: VEH_TONNAGE},
        {to: plage, from: INTERV_JH}, {to: adresse, from: EMPRISE_DESIGNATION}, {to: longueur, from: EMPRISE_LONGUEUR}, {to: position, from: GEOM_XY}]},
     columns: [{name: numero, type: integer, constraints: {required: true, unique: true}}, {name: commune, type: string}, {name: insee, type: string, constraints: {pattern: "^[0-9]{5}$"}},
        {name: arrete, type: date}, {name: tonnage, type: number}, {name: plage, type: string}, {name: adresse, type: string, constraints: {required: true}},
        {name: longueur, type: number}, {name: position, type: string, constraints: {pattern: "^-?[0-9.]+, ?-?[0-9.]+$"}}]`

// samples lists the files. Each number was counted in the file itself, against the text of the schema.
var samples = []sample{
	// No column certification_commune, « xxxx » for the street and no source: warnings only.
	{"bal/1.4-valid.csv", "schema: etalab/schema-bal@1.4.0", catalog.Published, 2, 0, ""},
	// No column commune_insee, which 1.3 requires: it is of an older version.
	{"bal/sample.csv", "schema: etalab/schema-bal@1.3.0", catalog.Held, 15, 12, "« commune_insee »"},
	{"scdl-tabular/stationnement-valide.csv", "schema: etalab/schema-stationnement@0.1.5", catalog.Published, 2, 0, ""},
	{"scdl-tabular/prenoms-valide.csv", "schema: scdl/prenoms@1.1.6", catalog.Published, 16, 0, ""},
	// 42 areas, of which 20 still have « 1.1 » for a position.
	{"scdl-tabular/aires-livraison-antibes.xlsx", deliveries, catalog.Published, 42, 20, ""},
	// The second line calls itself invalid; since 2.3 the schema admits both of its identifiers.
	{"irve/exemple-valide-statique.csv", "schema: etalab/schema-irve-statique@2.3.1", catalog.Published, 2, 0, ""},
	// Each of the five contracts declares a subcontract with its number and its holder only, five required members are missing, and lists of
	// modifications are empty where one element at least is required. (2.0.2 admits « _type », 2.0.3 does not.)
	{"decp/decp2022-megalis.json", "schema: 139bercy/format-commande-publique@2.0.2", catalog.Held, 5, 5, "Aucune des 5 lignes"},
	{"decp/marches_avec_modifications.json", "schema: 139bercy/format-commande-publique@2.0.3", catalog.Published, 2, 0, ""},
}

func (s sample) name() string {
	return regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(s.file), "-")
}

func TestSamples_RealFilesBecomeWhatTheyAre(t *testing.T) {
	folder, err := filepath.Abs("../../../shared/samples")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(folder); err != nil {
		t.Skip("no samples beside the repository (../shared/samples): real files are not harvested")
	}
	server := httptest.NewServer(http.FileServer(http.Dir(folder)))
	defer server.Close()
	i := newInstance(t, strings.TrimPrefix(server.URL, "http://"))
	i.must(t, exitOK, "apply", i.write(t, "sources.yaml", samplesManifest(server.URL)))
	i.must(t, exitBad, "harvest", "--all") // some are held
	runs := map[string]catalog.Run{}
	for _, r := range i.runs(t) {
		runs[r.Source] = r
	}
	var table strings.Builder
	for _, s := range samples {
		r := runs["213900137/"+s.name()]
		accepted := s.rows - s.bad
		if r.Status != s.status || r.Rows != s.rows || r.Rejected != s.bad || r.Accepted != accepted || !strings.Contains(plain(r.Message), s.says) {
			t.Errorf("%s: %s, %d rows, %d accepted, %d rejected: %s; want %s, %d, %d, %d, %q", s.file, r.Status, r.Rows, r.Accepted, r.Rejected, cmp.Or(r.Message, r.Error), s.status, s.rows, accepted, s.bad, s.says)
		}
		fmt.Fprintf(&table, "\n%-42s %-10s %3d %3d %3d  %s", s.file, r.Status, r.Rows, r.Accepted, r.Rejected, plain(r.Message))
	}
	t.Log(table.String())
	// The workbook's first row, as its cells say it: the date is the day 45027 since 1900.
	i.publishes(t, "scdl-tabular-aires-livraison-antibes-xlsx",
		"1,Ville d'Antibes,06004,2023-04-11,19,06:00-10:00,100 rue des Alisiers,12,\"43.610073243437114, 7.07452125214866\"\n")
	i.publishes(t, "scdl-tabular-prenoms-valide-csv", "Rennes,35238,M,Adam,353,2016\n")
	i.must(t, exitOK, "doctor")
}

// publishes checks that the published CSV of a dataset has a line.
func (i instance) publishes(t *testing.T, key, line string) {
	t.Helper()
	s, err := store.Open(context.Background(), "sqlite:"+i.path("data/grenier.db"), silent())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ds, _, err := s.Datasets(context.Background(), catalog.DatasetQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range ds {
		for _, f := range d.Files {
			if d.Key != key || f.Format != "csv" {
				continue
			}
			if b, err := os.ReadFile(filepath.Join(i.path("data/blobs"), f.Key)); err != nil || !strings.Contains(string(b), line) {
				t.Errorf("%s lacks %q, %v:\n%.600s", key, line, err, b)
			}
			return
		}
	}
	t.Errorf("%s is not published", key)
}

func samplesManifest(url string) string {
	var recipes, sources strings.Builder
	for _, s := range samples {
		fmt.Fprintf(&recipes, `  - {name: %s, title: Essai, connector: http, options: {url: "%s/%s", retries: 0}, %s,
     dataset: {key: %s, title: "Essai de %s"}}`+"\n", s.name(), url, s.file, s.recipe, s.name(), s.name())
		fmt.Fprintf(&sources, "  - {member: \"213900137\", recipe: %s}\n", s.name())
	}
	return "members:\n  - {siren: \"213900137\", name: Valmeyrac, kind: commune, insee: \"39013\"}\nrecipes:\n" + recipes.String() + "sources:\n" + sources.String()
}

// plain writes no-break spaces as ordinary ones, to compare sentences.
func plain(s string) string { return strings.NewReplacer("\u00a0", " ", "\u202f", " ").Replace(s) }
