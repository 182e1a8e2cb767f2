package harvest_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"grenier/catalog"
	"grenier/harvest"
	"grenier/recipes"
)

// sql changes the database behind the program's back.
func (b *bench) sql(query string) {
	b.Helper()
	var err error
	switch db := b.store.Handle().(type) {
	case *sql.DB:
		_, err = db.Exec(query)
	case *pgxpool.Pool:
		_, err = db.Exec(context.Background(), query)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// grantsInParts delivers one dataset in several documents.
const grantsInParts = `name: parties
title: Subventions
connector: http
params: {base: ""}
options: {urls: ["${base}/2022.csv", "${base}/2023.csv", "${base}/2024.csv"], retries: 0}
map: {trim: true, dates: [jj/mm/aaaa], decimal: ","}
schema: scdl/subventions
`

func setParts(b *bench, etag string, amounts ...string) {
	for i, amount := range amounts {
		year := 2022 + i
		b.set(fmt.Sprintf("%d.csv", year), answer{body: grantHeader + grant(year, fmt.Sprintf("05/01/%d", year), amount), etag: `"` + etag + amount + `"`})
	}
}

func TestRun_RecallsTheDocumentsThatDidNotChange(t *testing.T) {
	b := newBench(t, grantsInParts)
	setParts(b, "", "10", "20", "30")
	b.run("parties", harvest.Ask{}, catalog.Published)
	setParts(b, "", "10", "21", "30")
	run := b.run("parties", harvest.Ask{}, catalog.Published)
	if b.remote.same["/2022.csv"] != 1 || b.remote.same["/2024.csv"] != 1 || b.remote.same["/2023.csv"] != 0 {
		t.Fatalf("304: %v", b.remote.same)
	}
	if run.Rows != 3 || run.Version != 2 || len(run.Documents) != 3 {
		t.Errorf("run %+v", run)
	}
	for i, d := range run.Documents {
		if !strings.Contains(d.Name, fmt.Sprintf("%d.csv", 2022+i)) {
			t.Errorf("document %d is %s", i, d.Name)
		}
	}
	text := b.csv("parties")
	for _, want := range []string{"2022-01-05", "2023-01-05", "2024-01-05", ",21,"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	b.run("parties", harvest.Ask{}, catalog.Unchanged)
}

func TestRun_FetchesEverythingAgainWhenTheKeptBytesAreGone(t *testing.T) {
	b := newBench(t, grantsInParts)
	setParts(b, "", "10", "20", "30")
	first := b.run("parties", harvest.Ask{}, catalog.Published)
	if err := b.blobs.Delete(context.Background(), first.Documents[2].Key()); err != nil {
		t.Fatal(err)
	}
	setParts(b, "", "11", "20", "30")
	run := b.run("parties", harvest.Ask{}, catalog.Published)
	if run.Rows != 3 || run.Documents[2] != first.Documents[2] {
		t.Errorf("run %+v", run)
	}
	b.blob(first.Documents[2].Key())
}

func TestRun_NamesTheDocumentOfEachIssue(t *testing.T) {
	b := newBench(t, grantsInParts)
	setParts(b, "", "10", "vingt", "30")
	run := b.run("parties", harvest.Ask{}, catalog.Published)
	if e := run.Report.Errors; len(e) != 1 || !strings.HasSuffix(e[0].Document, "/2023.csv") || e[0].Row != 2 {
		t.Errorf("errors %+v", e)
	}
	if q := string(b.blob(run.Quarantine.Key)); !strings.Contains(q, "/2023.csv;2;2;") || strings.Contains(q, "/2022.csv") {
		t.Errorf("quarantine\n%s", q)
	}
	if run.Report.SHA256 == run.Documents[0].SHA256 || run.Report.Source.Bytes != run.Bytes {
		t.Errorf("report %+v", run.Report)
	}
}

func TestRun_NamesTheDocumentWhoseHeaderIsShort(t *testing.T) {
	b := newBench(t, grantsInParts)
	setParts(b, "", "10", "20", "30")
	cut := strings.ReplaceAll(grantHeader+grant(1, "05/01/2024", "30"), ";30;", ";")
	b.set("2024.csv", answer{body: strings.Replace(cut, ";montant;", ";", 1)})
	run := b.run("parties", harvest.Ask{}, catalog.Held)
	saysInFrench(t, run.Message, "La colonne obligatoire «\u00a0montant\u00a0» manque")
	if e := run.Report.Errors; len(e) != 1 || e[0].Type != "missing-label" || !strings.HasSuffix(e[0].Document, "/2024.csv") {
		t.Errorf("errors %+v", e)
	}
}

func TestRun_PublishesNothingWhenOneDocumentOfSeveralFails(t *testing.T) {
	b := newBench(t, grantsInParts)
	setParts(b, "", "10", "20", "30")
	b.set("2024.csv", answer{status: 503})
	run := b.run("parties", harvest.Ask{}, catalog.Failed)
	if run.Stage != "fetch" || !run.Retry || b.events() != 0 || b.blobCount("") != 0 {
		t.Errorf("run %+v, %d blobs", run, b.blobCount(""))
	}
}

func TestRun_MakesATableOfTheRecipesOwnColumns(t *testing.T) {
	b := newBench(t, `name: bancs
title: Bancs publics
connector: http
params: {url: ""}
options: {url: "${url}", retries: 0}
columns:
  - id
  - {name: vu, type: datetime}
  - {name: cout, type: number, constraints: {required: true, minimum: 0}}
map: {decimal: ","}
dataset: {key: voirie/bancs, temporal: vu}
formats: [csv]
`)
	b.set("bancs", answer{body: "id;vu;cout\nB1;2024-05-01T10:00:00Z;12,5\nB2;2024-03-09T23:30:00Z;-1\nB3;2023-12-31T08:00:00Z;3\n"})
	run := b.run("bancs", harvest.Ask{}, catalog.Published)
	d := b.dataset("bancs")
	if run.Rejected != 1 || d.Rows != 2 || d.SchemaName != "" || d.Key != "voirie/bancs" || d.Title != "Bancs publics, Valmeyrac" || len(d.Files) != 1 || d.Files[0].Name != "bancs.csv" {
		t.Errorf("run %+v\ndataset %+v", run, d)
	}
	if d.TemporalFrom != "2023-12-31" || d.TemporalTo != "2024-05-01" || len(d.Fields) != 3 || d.Fields[2].Type != "number" {
		t.Errorf("from %s to %s, fields %v", d.TemporalFrom, d.TemporalTo, d.Fields)
	}
	if got := b.csv("bancs"); !strings.Contains(got, "B1,2024-05-01T10:00:00Z,12.5") || strings.Contains(got, "B2") {
		t.Errorf("published\n%s", got)
	}
}

func TestRun_TakesATableWithoutAnyDeclarationAsText(t *testing.T) {
	b := newBench(t, `name: divers
title: Divers
connector: http
params: {url: ""}
options: {url: "${url}", retries: 0}
dataset: {key: divers}
`)
	b.set("divers", answer{body: "Code;Libellé\n01004;Ambérieu\n007;\n"})
	run := b.run("divers", harvest.Ask{}, catalog.Published)
	d := b.dataset("divers")
	if run.Rejected != 0 || d.Rows != 2 || !d.Valid || len(d.Fields) != 2 || d.Fields[0].Name != "Code" || d.Fields[0].Type != "string" {
		t.Errorf("run %+v\ndataset %+v", run, d)
	}
	if got := b.csv("divers"); !strings.Contains(got, "01004,Ambérieu") || !strings.Contains(got, "007,") {
		t.Errorf("published\n%s", got)
	}
}

// contract2022 is a contract of the 2022 order.
const contract2022 = `{"id":"2024%04d","acheteur":{"id":"21390013700018"},"nature":"Marché","objet":"Toiture de l'école","codeCPV":"45261000",
"techniques":{"technique":["Sans objet"]},"modalitesExecution":{"modaliteExecution":["Sans objet"]},"marcheInnovant":false,"ccag":"Travaux","offresRecues":4,
"attributionAvance":true,"tauxAvance":0.1,"typeGroupementOperateurs":"Pas de groupement","sousTraitanceDeclaree":false,"procedure":"Procédure adaptée",
"lieuExecution":{"code":"39000","typeCode":"Code postal"},"dureeMois":6,"dateNotification":"2024-05-13","datePublicationDonnees":"2024-06-03","montant":86400.5,
"typesPrix":{"typePrix":["Définitif ferme"]},"formePrix":"Forfaitaire","titulaires":[{"titulaire":{"typeIdentifiant":"SIRET","id":"21390013700018"}}],
"considerationsSociales":{"considerationSociale":["Pas de considération sociale"]},"considerationsEnvironnementales":{"considerationEnvironnementale":["Pas de considération environnementale"]}}`

// contract2019 is a contract of the 2019 order.
const contract2019 = `{"id":"2021%04d","uid":"213900137000182021%04d","_type":"Marché","acheteur":{"id":"21390013700018","nom":"Commune de Valmeyrac"},"nature":"Marché",
"objet":"Toiture du gymnase","codeCPV":"45261000","procedure":"Procédure adaptée","lieuExecution":{"code":"39013","typeCode":"Code commune","nom":"Valmeyrac"},"dureeMois":6,
"dateNotification":"2021-05-12","datePublicationDonnees":"2021-06-01","montant":64000,"formePrix":"Ferme",
"titulaires":[{"typeIdentifiant":"SIRET","id":"21390013700018","denominationSociale":"Toitures du Val"}],"modifications":[]}`

func TestRun_PublishesContractsThroughTheShippedRecipes(t *testing.T) {
	for name, c := range map[string]struct {
		recipe, document, key, version string
	}{
		"2022": {"http-decp", `{"marches":{"marche":[` + fmt.Sprintf(contract2022, 1) + "," + fmt.Sprintf(contract2022, 2) + "," + strings.Replace(fmt.Sprintf(contract2022, 3), `"Marché"`, `"Marche"`, 1) + `]}}`,
			"139bercy/format-commande-publique", "2.0.3"},
		"2019": {"http-decp-2019", `{"marches":[` + fmt.Sprintf(contract2019, 1, 1) + "," + fmt.Sprintf(contract2019, 2, 2) + "," + strings.Replace(fmt.Sprintf(contract2019, 3, 3), `"2021-05-12"`, `"12 mai"`, 1) + `]}`,
			"139bercy/format-commande-publique-2019", "1.5.0"},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := recipes.FS.ReadFile(c.recipe + ".yaml")
			if err != nil {
				t.Fatal(err)
			}
			b := newBench(t, string(text))
			b.set(c.recipe, answer{body: c.document})
			run := b.run(c.recipe, harvest.Ask{}, catalog.Published)
			d := b.dataset(c.recipe)
			if run.Rows != 3 || run.Accepted != 2 || run.Rejected != 1 || d.Key != c.key || d.SchemaVersion != c.version || d.Rows != 2 || d.Valid {
				t.Errorf("run %+v\n%+v\ndataset %+v", run, run.Report.Errors, d)
			}
			if got := b.csv(c.recipe); strings.Count(got, "\n") != 3 || !strings.Contains(got, "45261000") {
				t.Errorf("published\n%s", got)
			}
			if q := string(b.blob(run.Quarantine.Key)); !strings.Contains(q, `0003"`) || strings.Contains(q, `0001"`) {
				t.Errorf("quarantine\n%s", q)
			}
		})
	}
}

func TestRun_RefusesAnArchiveOfContractsThatIsNoJSON(t *testing.T) {
	text, err := recipes.FS.ReadFile("http-decp.yaml")
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, string(text))
	b.set("http-decp", answer{body: "id;objet\n1;x\n"})
	run := b.run("http-decp", harvest.Ask{}, catalog.Failed)
	saysInFrench(t, run.Message, "JSON")
	if run.Stage != "decode" || run.Retry {
		t.Errorf("run %+v", run)
	}
}

// lamps has a key, so that the gate can tell which rows stayed.
const lamps = `name: lampes
title: Lampadaires
connector: http
params: {url: ""}
options: {url: "${url}", retries: 0}
table:
  fields:
    - {name: id, type: string, constraints: {required: true, unique: true}}
    - {name: watts, type: integer}
dataset: {key: lampes}
`

func lampFile(from, n int) string {
	s := "id;watts\n"
	for i := range n {
		s += fmt.Sprintf("L-%05d;60\n", from+i)
	}
	return s
}

func TestRun_HoldsADeliveryOfOtherRows(t *testing.T) {
	b := newBench(t, lamps, strings.NewReplacer("name: lampes", "name: libres", "key: lampes", "key: libres").Replace(lamps)+"gate: {off: \"saisons\"}\n")
	for _, name := range []string{"lampes", "libres"} {
		b.set(name, answer{body: lampFile(0, 500)})
		b.run(name, harvest.Ask{}, catalog.Published)
		b.set(name, answer{body: lampFile(50, 500)})
		b.run(name, harvest.Ask{}, catalog.Published)
		b.set(name, answer{body: lampFile(10000, 500)})
	}
	run := b.run("lampes", harvest.Ask{}, catalog.Held)
	saysInFrench(t, run.Message, "0\u00a0% des lignes déjà publiées, d’après leurs identifiants")
	b.run("libres", harvest.Ask{}, catalog.Published)
	b.run("lampes", harvest.Ask{Accept: "changement de numérotation"}, catalog.Published)
	if !strings.Contains(b.csv("lampes"), "L-10000") {
		t.Error("the accepted delivery is not online")
	}
}

func TestRun_CountsRepeatedKeysAsRefusedAcrossDocuments(t *testing.T) {
	b := newBench(t, strings.Replace(strings.Replace(lamps, `params: {url: ""}`, `params: {base: ""}`, 1), `url: "${url}"`, `urls: ["${base}/a.csv", "${base}/b.csv"]`, 1))
	b.set("a.csv", answer{body: lampFile(0, 10)})
	b.set("b.csv", answer{body: lampFile(9, 2)})
	run := b.run("lampes", harvest.Ask{}, catalog.Published)
	if run.Accepted != 11 || run.Rejected != 1 || !strings.HasSuffix(run.Report.Errors[0].Document, "/b.csv") {
		t.Errorf("run %+v, %+v", run, run.Report.Errors)
	}
}
