package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"grenier/catalog"
	"grenier/schemas"
)

// call runs the program in this process.
func call(t *testing.T, stdin string, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var out, diary bytes.Buffer
	code := run(ctx, args, &terminal{in: strings.NewReader(stdin), out: &out, err: &diary})
	return outcome{code, out.String(), diary.String()}
}

// expect runs the program and checks how it ended and what it said, on either output.
func expect(t *testing.T, code int, says string, args ...string) outcome {
	t.Helper()
	o := call(t, "", args...)
	if o.code != code || !strings.Contains(plain(o.out+o.err), says) {
		t.Errorf("grenier %s: exit %d, want %d and %q\n%s%s", strings.Join(args, " "), o.code, code, says, o.out, o.err)
	}
	return o
}

func put(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const (
	births    = "COMMUNE_NOM,COLL_INSEE,ENFANT_SEXE,ENFANT_PRENOM,NOMBRE_OCCURRENCES,ANNEE\nValmeyrac,39013,F,Zoé,7,2024\nValmeyrac,39013,M,Noé,5,2024\n"
	badBirths = "COMMUNE_NOM,COLL_INSEE,ENFANT_SEXE,ENFANT_PRENOM,NOMBRE_OCCURRENCES,ANNEE\nValmeyrac,39013,F,Zoé,7,2024\nValmeyrac,39013,M,Noé,beaucoup,2024\n"
)

func TestValidate_ExitCodes(t *testing.T) {
	dir := t.TempDir()
	good, bad, page := put(t, dir, "bons.csv", births), put(t, dir, "mauvais.csv", badBirths), put(t, dir, "page.csv", "<!DOCTYPE html><html><title>Connexion</title></html>")
	for _, c := range []struct {
		name string
		code int
		says string
		args []string
	}{
		{"valid", 0, "conforme à scdl/prenoms@1.1.6, 2 lignes", []string{"--schema", "scdl/prenoms", good}},
		{"invalid", 1, "« beaucoup » n’est pas un nombre entier", []string{"--schema", "scdl/prenoms", bad}},
		{"the worst of two", 1, "2 lignes lues, 1 conforme, 1 à corriger", []string{"--schema", "scdl/prenoms", good, bad}},
		{"no table", 2, "page web", []string{"--schema", "scdl/prenoms", page}},
		{"no file", 2, "absent.csv ne peut pas être ouvert : il n’existe pas.", []string{"--schema", "scdl/prenoms", filepath.Join(dir, "absent.csv")}},
		{"a folder", 2, "c’est un dossier", []string{"--schema", "scdl/prenoms", dir}},
		{"no such schema", 2, "Le schéma « scdl/prenom » n’existe pas. Les plus proches : « scdl/prenoms »", []string{"--schema", "scdl/prenom", good}},
		{"no such version", 2, "Versions connues : 1.1.6", []string{"--schema", "scdl/prenoms@9", good}},
		{"no schema", 2, "Il manque --schema", []string{good}},
		{"no such form", 2, "--format : « xml » n’en fait pas partie : text, json, csv, html.", []string{"--schema", "scdl/prenoms", "--format", "xml", good}},
	} {
		t.Run(c.name, func(t *testing.T) { expect(t, c.code, c.says, append([]string{"validate"}, c.args...)...) })
	}
}

func TestValidate_SaysTheSameInEveryForm(t *testing.T) {
	dir := t.TempDir()
	bad := put(t, dir, "mauvais.csv", badBirths)
	o := call(t, "", "validate", "--schema", "scdl/prenoms", "--format", "json", bad)
	var r schemas.Report
	unmarshal(t, o.out, &r)
	if o.code != exitBad || r.Valid || r.Stats.Rows != 2 || r.Stats.Rejected != 1 || len(r.Errors) != 1 || r.Errors[0].Line != 3 || r.Errors[0].Field != "NOMBRE_OCCURRENCES" {
		t.Errorf("json: exit %d, %+v", o.code, r)
	}
	o = call(t, "", "validate", "--schema", "scdl/prenoms", "--format", "csv", bad)
	records, err := csv.NewReader(strings.NewReader(o.out)).ReadAll()
	if err != nil || len(records) != 2 || records[0][0] != "ligne" || records[1][0] != "3" || records[1][4] != "beaucoup" || records[1][6] != r.Errors[0].Message {
		t.Errorf("csv: %q, %v", records, err)
	}
	o = call(t, badBirths, "validate", "--schema", "scdl/prenoms", "--format", "json", "-")
	var in schemas.Report
	unmarshal(t, o.out, &in)
	if in.Fingerprint != r.Fingerprint || in.Fingerprint == "" || in.SHA256 != r.SHA256 {
		t.Errorf("standard input: fingerprint %s, the file's is %s", in.Fingerprint, r.Fingerprint)
	}
	o = call(t, births, "validate", "--schema", put(t, dir, "table.json", `{"fields":[{"name":"ANNEE","type":"year"},{"name":"ENFANT_PRENOM","type":"string","constraints":{"maxLength":2}}]}`), "-")
	if o.code != exitBad || !strings.Contains(o.out, "ENFANT_PRENOM") {
		t.Errorf("a schema of one's own: exit %d, %s%s", o.code, o.out, o.err)
	}
}

func TestConvert_WritesFilesReportAndRefusedRows(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "sortie")
	o := expect(t, exitBad, "1 à corriger", "convert", "--schema", "scdl/prenoms", "--out", out, put(t, dir, "naissances.csv", badBirths))
	var names []string
	entries, err := os.ReadDir(out)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); err != nil || got != "naissances-lignes-ecartees.csv naissances.csv naissances.parquet report.json" {
		t.Fatalf("written: %s, %v\n%s", got, err, o.err)
	}
	var r schemas.Report
	readJSON(t, filepath.Join(out, "report.json"), &r)
	table, _ := os.ReadFile(filepath.Join(out, "naissances.csv"))
	refused, _ := os.ReadFile(filepath.Join(out, "naissances-lignes-ecartees.csv"))
	parquet, _ := os.ReadFile(filepath.Join(out, "naissances.parquet"))
	if r.Stats.Accepted != 1 || strings.Count(string(table), "\n") != 2 || !bytes.Contains(table, []byte("Zoé")) || bytes.Contains(table, []byte("Noé")) {
		t.Errorf("one row is right: %d, %q", r.Stats.Accepted, table)
	}
	if !bytes.Contains(refused, []byte("Noé")) || bytes.Contains(refused, []byte("Zoé")) || !bytes.HasPrefix(parquet, []byte("PAR1")) {
		t.Errorf("refused: %q", refused)
	}
	expect(t, exitOK, "conforme", "convert", "--schema", "scdl/prenoms", "--formats", "csv", "--out", filepath.Join(dir, "bon"), put(t, dir, "bon.csv", births))
	expect(t, exitOK, "Sans GeoJSON : la table n’a pas de coordonnées.", "convert", "--schema", "scdl/prenoms", "--formats", "geojson,xlsx", "--out", filepath.Join(dir, "bon"), filepath.Join(dir, "bon.csv"))
	expect(t, exitUnusable, "Aucun des formats demandés ne convient", "convert", "--schema", "scdl/prenoms", "--formats", "geojson", "--out", out, filepath.Join(dir, "bon.csv"))
	expect(t, exitUnusable, "Format inconnu « odt ». Formats connus : csv, ", "convert", "--schema", "scdl/prenoms", "--formats", "odt", "--out", out, filepath.Join(dir, "bon.csv"))
	geojson := put(t, dir, "lieux.json", `{"fields":[{"name":"nom","type":"string"},{"name":"long","type":"number"},{"name":"lat","type":"number"}]}`)
	places := put(t, dir, "lieux.csv", "nom,long,lat\nMairie,2.5,48.75\n")
	for _, c := range []struct{ asked, want string }{{"", "lieux.csv lieux.parquet report.json"},
		{"tous", "lieux.csv lieux.excel.csv lieux.geo.parquet lieux.geojson lieux.ndjson lieux.parquet lieux.xlsx report.json"}} {
		to := filepath.Join(dir, "lieux-"+c.asked)
		args := []string{"convert", "--schema", geojson, "--out", to, places}
		if c.asked != "" {
			args = append(args, "--formats", c.asked)
		}
		first := map[string]string{}
		for range 2 { // the second gives the same bytes
			expect(t, exitOK, "conforme", args...)
			var names []string
			entries, _ := os.ReadDir(to)
			for _, e := range entries {
				names = append(names, e.Name())
				content, _ := os.ReadFile(filepath.Join(to, e.Name()))
				if before, again := first[e.Name()]; again && before != string(content) && e.Name() != "report.json" {
					t.Errorf("%s differs the second time", e.Name())
				}
				first[e.Name()] = string(content)
			}
			if got := strings.Join(names, " "); got != c.want {
				t.Errorf("--formats %s writes %s, want %s", c.asked, got, c.want)
			}
		}
	}
	expect(t, exitUnusable, "prendrait la place du fichier à convertir", "convert", "--schema", geojson, "--out", dir, places)
	if kept, _ := os.ReadFile(places); string(kept) != "nom,long,lat\nMairie,2.5,48.75\n" {
		t.Errorf("the original is %q", kept)
	}
	expect(t, exitUnusable, "page web", "convert", "--schema", "scdl/prenoms", "--out", filepath.Join(dir, "rien"), put(t, dir, "page.csv", "<!DOCTYPE html><html></html>"))
	if _, err := os.Stat(filepath.Join(dir, "rien", "page.csv")); err == nil {
		t.Error("a web page was converted")
	}
}

func TestApply_PlansThenChangesThenNothing(t *testing.T) {
	dir := t.TempDir()
	data := []string{"--data", filepath.Join(dir, "data")}
	file := put(t, dir, "sources.yaml", strings.ReplaceAll(e2eSources, "URL", "http://127.0.0.1:9"))
	plan := []string{"+ member 213900137", "+ recipe essai", "+ source 213900137/comptages"}
	apply := func(code int, says string, args ...string) outcome {
		t.Helper()
		return expect(t, code, says, append(append(data[:2:2], "apply"), args...)...)
	}
	for _, o := range []outcome{apply(exitOK, "Rien n’a été changé (--dry-run)", "--dry-run", file), apply(exitOK, "3 ajouté(s)", file)} {
		for _, line := range plan {
			if !strings.Contains(o.out, line) {
				t.Errorf("the plan lacks %q:\n%s", line, o.out)
			}
		}
	}
	apply(exitOK, "Rien ne change : le catalogue dit déjà cela.", file)
	renamed := strings.ReplaceAll(strings.ReplaceAll(e2eSources, "URL", "http://127.0.0.1:9"), "Valmeyrac", "Valmeyrac-le-Haut")
	var changes []planLine
	unmarshal(t, apply(exitOK, "213900137", "--dry-run", "--json", put(t, dir, "autre.yaml", renamed)).out, &changes)
	if len(changes) == 0 || changes[0].Op != "~" || changes[0].Noun != "member" || len(changes[0].What) == 0 {
		t.Errorf("--json: %+v", changes)
	}
	apply(exitOK, "~ member 213900137 : ", filepath.Join(dir, "autre.yaml"))
}

func TestApply_SaysEveryFaultAndChangesNothing(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	bad := put(t, dir, "sources.yaml", `
members:
  - {siren: "213900138", name: Valmeyrac, kind: commune, insee: "39013"}
recipes:
  - {name: essai, connector: htp, options: {url: "http://x"}}
sources:
  - {member: "213900137", recipe: absente}
`)
	o := expect(t, exitBad, "rien n’a été changé", "--data", data, "apply", bad)
	for _, want := range []string{"sources.yaml:3: members[0].siren", "recipes[0].connector", "sources[0]"} {
		if !strings.Contains(o.err, want) {
			t.Errorf("the faults lack %q:\n%s", want, o.err)
		}
	}
	expect(t, exitOK, "0 membre, 0 source", "--data", data, "doctor")
	expect(t, exitUnusable, "absent.yaml ne peut pas être lu : il n’existe pas.", "--data", data, "apply", filepath.Join(dir, "absent.yaml"))
	expect(t, exitUnusable, "Il manque <fichier>", "--data", data, "apply")
}

func TestHarvest_UsageAndEnds(t *testing.T) {
	var body = "lieu,passages\nGrande Rue,12\nPont,x\n"
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, body) }))
	defer source.Close()
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	config := put(t, dir, "grenier.yaml", "harvest: {allow: [\""+strings.TrimPrefix(source.URL, "http://")+"\"]}\n")
	expect(t, exitUnusable, "Dites quoi moissonner", "harvest")
	expect(t, exitUnusable, "--accept demande --source", "harvest", "--all", "--accept", "vu")
	expect(t, exitUnusable, "Aucune source à moissonner : « grenier apply »", "--data", data, "harvest", "--all")
	expect(t, exitOK, "Aucun moissonnage pour l’instant", "--data", data, "runs")
	expect(t, exitOK, "3 ajouté(s)", "--data", data, "apply", put(t, dir, "sources.yaml", strings.ReplaceAll(e2eSources, "URL", source.URL)))
	expect(t, exitUnusable, "Une de ces sources n’existe pas : 1/x.", "--data", data, "harvest", "--source", "1/x")

	at := []string{"--config", config, "--data", data}
	on := func(args ...string) []string { return append(at[:4:4], args...) }
	expect(t, exitOK, "213900137/comptages                publié   1 ligne, 1 écartée", on("harvest", "--all", "--dry-run")...)
	expect(t, exitOK, "rien n’a été publié", on("harvest", "--all", "--dry-run")...)
	expect(t, exitOK, "0 jeu de données", on("doctor")...)
	expect(t, exitOK, "1 source : 1 publiée, 0 inchangée, 0 retenue, 0 en échec ; 2 lignes lues, 1 écartée", on("harvest", "--member", "213900137")...)
	expect(t, exitOK, "inchangé", on("harvest", "--source", "213900137/comptages")...)
	expect(t, exitOK, "✓ http", on("connectors", "test", "213900137/comptages")...)
	expect(t, exitUnusable, "La source « x/y » n’existe pas.", on("connectors", "test", "x/y")...)
	body = "<!DOCTYPE html><html><title>Connexion</title></html>"
	o := expect(t, exitBad, "page de connexion", on("harvest", "--all", "--json")...)
	var one struct {
		catalog.Run
		Seconds float64
	}
	if err := json.Unmarshal([]byte(strings.Split(o.out, "\n")[0]), &one); err != nil || one.Status != catalog.Failed || one.Source != "213900137/comptages" {
		t.Errorf("--json: %v, %q", err, o.out)
	}
	source.Close()
	expect(t, exitBad, "✗ Le serveur", on("connectors", "test", "213900137/comptages")...)

	var runs []catalog.Run
	unmarshal(t, call(t, "", on("runs", "--json", "--limit", "2")...).out, &runs)
	if len(runs) != 2 || runs[0].Status != catalog.Failed || runs[1].Status != catalog.Unchanged {
		t.Errorf("runs --json --limit 2: %v", statuses(runs))
	}
	unmarshal(t, call(t, "", on("runs", "--json", "--status", "published")...).out, &runs)
	if len(runs) != 1 || runs[0].Version != 1 {
		t.Errorf("runs --status published: %v", runs)
	}
	expect(t, exitUnusable, "--status : « perdu »", on("runs", "--status", "perdu")...)
	expect(t, exitUnusable, "--limit attend un nombre entier, pas « dix ».", on("runs", "--limit", "dix")...)
	expect(t, exitOK, "Index reconstruit : 1 jeu de données.", on("reindex")...)
	var findings []finding
	unmarshal(t, expect(t, exitOK, "Catalogue sain", on("doctor", "--json")...).out, &findings)
	if len(findings) != 5 {
		t.Errorf("doctor --json: %+v", findings)
	}
	if err := os.RemoveAll(filepath.Join(data, "blobs", "pub")); err != nil {
		t.Fatal(err)
	}
	expect(t, exitBad, "2 fichiers sur 2 manquent", on("doctor")...)
}

func TestLists_ShowWhatIsKnown(t *testing.T) {
	for _, name := range schemas.National().All() {
		expect(t, exitOK, string(name.ID), "schemas", "list")
		expect(t, exitOK, name.Title, "schemas", "show", string(name.ID))
	}
	expect(t, exitOK, "NOMBRE_OCCURRENCES                 integer    obligatoire", "schemas", "show", "scdl/prenoms")
	expect(t, exitUnusable, "Les plus proches : « scdl/prenoms »", "schemas", "show", "scdl/prenom")
	expect(t, exitOK, "http ", "connectors", "list")
	expect(t, exitOK, "folder ", "connectors")
	expect(t, exitOK, "url (texte)", "connectors", "show", "http")
	expect(t, exitUnusable, "Connecteur inconnu « ftp »", "connectors", "show", "ftp")
	expect(t, exitOK, "grenier ", "version")
	var kinds []kindTwin
	unmarshal(t, call(t, "", "connectors", "list", "--json").out, &kinds)
	if len(kinds) < 2 || len(kinds[0].Options) == 0 {
		t.Errorf("connectors list --json: %+v", kinds)
	}
}

func TestConfig_FaultsEndTheProgram(t *testing.T) {
	dir := t.TempDir()
	bad := put(t, dir, "grenier.yaml", "base_ulr: x\nharvest: {workers: 0}\n")
	o := expect(t, exitUnusable, "La configuration a 2 défaut(s)", "--config", bad, "--data", filepath.Join(dir, "data"), "doctor")
	if !strings.Contains(o.err, "base_ulr : clé inconnue") || !strings.Contains(o.err, "harvest.workers : ") {
		t.Errorf("got %s", o.err)
	}
	if _, err := os.Stat(filepath.Join(dir, "data")); err == nil {
		t.Error("a wrong configuration left a folder behind")
	}
	expect(t, exitUnusable, "absente.yaml ne peut pas être lue : il n’existe pas.", "--config", filepath.Join(dir, "absente.yaml"), "doctor")
}

func TestHelp_IsFrenchAndFitsTheScreen(t *testing.T) {
	english := []string{"Usage", "Flags", "Commands", "Show ", "Run \"", "for more", "flags]", "<command>"}
	for _, args := range [][]string{{"--help"}, {"harvest", "--help"}, {"validate", "--help"}, {"serve", "--help"}, {"connectors", "--help"}, {"demo", "--help"}} {
		o := call(t, "", args...)
		if o.code != exitOK || !strings.Contains(o.out, "Emploi : grenier") {
			t.Errorf("%v: exit %d\n%s", args, o.code, o.out)
		}
		for _, word := range english {
			if strings.Contains(o.out, word) {
				t.Errorf("%v says %q:\n%s", args, word, o.out)
			}
		}
		fits(t, o.out)
	}
	for says, args := range map[string][]string{
		"Il manque le nom d’une commande.": {}, "« recolte » n’est pas attendu ici": {"recolte"}, "L’option --tout n’existe pas.": {"harvest", "--tout"},
		"est-ce --force": {"harvest", "--forc"}, "--roles : « chef » n’en fait pas partie : web, worker, scheduler.": {"serve", "--roles", "chef"},
		"--source attend une valeur.": {"harvest", "--source"},
	} {
		expect(t, exitUnusable, says, args...)
	}
}

// fits checks that no line is longer than a screen of 80 columns.
func fits(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

func TestDescribe_FitsAScreenAndStaysOneLineElsewhere(t *testing.T) {
	held := catalog.Run{Source: "229900014/format-commande-publique", Status: catalog.Held,
		Message: "Le fichier reçu a perdu 50\u00a0% de ses lignes\u00a0: 326 au lieu de 652 d’habitude. La version du 23 novembre 2026 reste en ligne. Vérifiez l’export."}
	published := catalog.Run{Source: "229900014/format-commande-publique", Status: catalog.Published, Accepted: 1234567, Rejected: 1200}
	for _, r := range []catalog.Run{held, published, {Source: "219900016/budget", Status: catalog.Unchanged}, {Source: "219900016/budget", Status: catalog.Published, Accepted: 81}} {
		for _, before := range []string{"", "23/11/2026 15:36:45 "} {
			screen, file := (&terminal{columns: 80}).describe(before, r), (&terminal{out: io.Discard}).describe(before, r)
			fits(t, screen)
			if strings.Contains(file, "\n") || !strings.HasPrefix(file, before+r.Source) {
				t.Errorf("elsewhere: %q", file)
			}
			if words := strings.Fields(screen); strings.Join(words, " ") != strings.Join(strings.Fields(file), " ") {
				t.Errorf("the screen says %q, a file %q", screen, file)
			}
		}
	}
	if got := (&terminal{columns: 80}).describe("", held); !strings.Contains(got, "retenu\n    Le fichier") {
		t.Errorf("the message of a held run is not on a line of its own: %q", got)
	}
	if got := (&terminal{columns: 80}).describe("", catalog.Run{Source: "219900016/budget", Status: catalog.Published, Accepted: 81}); strings.Contains(got, "\n") {
		t.Errorf("a short line was broken: %q", got)
	}
}
