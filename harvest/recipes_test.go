package harvest_test

import (
	"io/fs"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"grenier/catalog"
	"grenier/harvest"
	"grenier/harvest/connectors"
	"grenier/recipes"
	"grenier/schemas"
)

var town = catalog.Member{
	SIREN: "213900137", SIRET: "21390013700018", Name: "Valmeyrac", Kind: catalog.Commune, INSEE: "39013", Email: "mairie@valmeyrac.test", Website: "https://valmeyrac.test",
}

// shipped reads every recipe that ships, against the schemas and connectors of the program.
func shipped(t *testing.T) map[string]*harvest.Recipe {
	t.Helper()
	names, err := fs.Glob(recipes.FS, "*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("no recipes: %v", err)
	}
	all := map[string]*harvest.Recipe{}
	for _, name := range names {
		text, err := fs.ReadFile(recipes.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		r, err := harvest.ParseRecipe(name, text, schemas.National(), connectors.All)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		all[name] = r
	}
	return all
}

func TestShippedRecipes_AreSoundAndDescribed(t *testing.T) {
	keys := map[string]string{}
	for name, r := range shipped(t) {
		if r.Name+".yaml" != name || r.Title == "" || utf8.RuneCountInString(r.Description) < 60 {
			t.Errorf("%s: name %q, title %q, description %q", name, r.Name, r.Title, r.Description)
		}
		params := map[string]string{}
		for p := range r.Params {
			params[p] = "/depots/x"
		}
		d, err := r.DatasetFor(town, params)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d.SchemaName == "" || utf8.RuneCountInString(d.Description) < 100 || !strings.Contains(d.Title, town.Name) || len(d.Keywords) == 0 {
			t.Errorf("%s: dataset %+v", name, d)
		}
		if schema, ok := keys[d.Key]; ok && schema != string(r.Judge().ID) {
			t.Errorf("%s: key %s is that of %s too", name, d.Key, schema)
		}
		keys[d.Key] = string(r.Judge().ID)
		if _, err := r.Config(town, params); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestShippedRecipes_NeedOnlyParametersTheyDeclareEmpty(t *testing.T) {
	for name, r := range shipped(t) {
		_, err := r.Config(town, nil)
		for p, value := range r.Params {
			if missing := err != nil && strings.Contains(harvest.SentenceOf(err), "«\u00a0"+p+"\u00a0»"); missing != (value == "") {
				t.Errorf("%s: parameter %s = %q, without it: %v", name, p, value, err)
			}
		}
	}
}

func TestShippedRecipes_MapEveryColumnTheySchemaRequires(t *testing.T) {
	r := shipped(t)["json-api-equipements.yaml"]
	if r == nil {
		t.Fatal("json-api-equipements is not shipped")
	}
	var labels []string
	for _, c := range r.Map.Columns {
		if c.From != "" {
			labels = append(labels, c.From)
		}
	}
	m, err := r.NewMapper(labels, town, nil)
	if err != nil {
		t.Fatal(err)
	}
	made := strings.Join(m.Labels(), " ") + " "
	for _, f := range r.Judge().Fields {
		if f.Constraints.Required && !strings.Contains(made, f.Name+" ") {
			t.Errorf("the required column %s is not made", f.Name)
		}
	}
}

func TestDocumentation_TellsEveryKeyOfARecipe(t *testing.T) {
	text, err := os.ReadFile("../docs/recettes.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []any{
		harvest.Recipe{}, harvest.MapOptions{}, harvest.MapColumn{}, harvest.DecodeOptions{}, harvest.GateOptions{}, harvest.RetentionOptions{}, harvest.DatasetOptions{}, catalog.Member{}, catalog.BBox{},
	} {
		kind := reflect.TypeOf(part)
		for f := range kind.Fields() {
			key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if key != "" && key != "-" && !strings.Contains(string(text), "| `"+key+"` |") {
				t.Errorf("docs/recettes.md has no row for %s of %s", key, kind.Name())
			}
		}
	}
	for _, key := range []string{"id", "member", "members", "recipe", "recipes", "sources", "params", "key", "schedule", "disabled"} {
		if !strings.Contains(string(text), "| `"+key+"` |") {
			t.Errorf("docs/recettes.md has no row for %s", key)
		}
	}
	for name := range shipped(t) {
		if !strings.Contains(string(text), "`"+strings.TrimSuffix(name, ".yaml")+"`") {
			t.Errorf("docs/recettes.md does not name the recipe %s", name)
		}
	}
}

// The examples of the documentation are read as they stand.
func TestDocumentation_ExamplesAreAccepted(t *testing.T) {
	text, err := os.ReadFile("../docs/recettes.md")
	if err != nil {
		t.Fatal(err)
	}
	bundled, err := harvest.BundledRecipes(recipes.FS)
	if err != nil {
		t.Fatal(err)
	}
	var files []harvest.NamedFile
	for i, m := range regexp.MustCompile("(?s)```(yaml|csv)\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		files = append(files, harvest.NamedFile{Name: string(rune('a'+i)) + "." + m[1], Text: []byte(m[2])})
	}
	if len(files) < 3 {
		t.Fatalf("%d examples", len(files))
	}
	if _, err := harvest.ReadManifest(files, catalog.Manifest{Recipes: bundled}, schemas.National(), connectors.All); err != nil {
		t.Errorf("%v", err)
	}
}

// A French export goes through a shipped recipe as the line would take it.
func TestShippedRecipe_MakesAFrenchExportValid(t *testing.T) {
	const export = "nomAttribuant;idAttribuant;dateConvention;referenceDecision;nomBeneficiaire;idBeneficiaire;objet;montant;nature;conditionsVersement;datesPeriodeVersement;idRAE;notificationUE;pourcentageSubvention\r\n" +
		"Valmeyrac;21390013700018;05/01/2024;2024-01;Les Amis du Val ;21390013700018;Fête du Val;1 234,50;aide en numéraire;unique;2024-02-01;;non;1\r\n" +
		"Valmeyrac;21390013700018;31/02/2024;2024-02;Les Amis du Val;21390013700018;Fête du Val;100;aide en numéraire;unique;2024-02-01;;non;0,5\r\n"
	r := shipped(t)["http-csv-subventions.yaml"]
	if r == nil {
		t.Fatal("http-csv-subventions is not shipped")
	}
	dec, err := harvest.Decode(harvest.Input{Name: "export.csv", Size: int64(len(export)), ReaderAt: strings.NewReader(export)}, r.Decode)
	if err != nil {
		t.Fatal(err)
	}
	m, err := r.NewMapper(dec.Labels(), town, nil)
	if err != nil {
		t.Fatal(err)
	}
	var in, out schemas.Block
	var batch schemas.Batch
	rep := schemas.NewReport(r.Judge())
	if err := dec.Next(&in); err != nil {
		t.Fatal(err)
	}
	m.Map(&in, &out, rep)
	c := r.Judge().NewChecker()
	if !c.Begin(m.Labels(), rep) {
		t.Fatalf("the header is refused: %+v", rep.Errors)
	}
	c.Check(&out, &batch, rep)
	if batch.Rows != 1 || len(batch.Rejects) != 1 {
		t.Fatalf("%d accepted, %d refused: %+v", batch.Rows, len(batch.Rejects), rep.Errors)
	}
	for column, want := range map[string]string{"dateConvention": "2024-01-05", "montant": "1234.50", "nomBeneficiaire": "Les Amis du Val"} {
		if got := string(batch.TextAt(r.Judge().Field(column), 0)); got != want {
			t.Errorf("%s is %q, want %q", column, got, want)
		}
	}
	if issue := batch.Rejects[0].Issues[0]; issue.Field != "dateConvention" || issue.Cell != "31/02/2024" || issue.Row != 3 {
		t.Errorf("the day that does not exist is told as %+v", issue)
	}
	if rep.Stats.Repairs != 4 {
		t.Errorf("%d repairs: %+v", rep.Stats.Repairs, rep.Repairs)
	}
}
