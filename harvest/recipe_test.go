package harvest

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"grenier/catalog"
	"grenier/schemas"
)

// sampleSet holds two schemas of our own.
func sampleSet(t testing.TB) *schemas.Set {
	t.Helper()
	set, err := schemas.Load(fstest.MapFS{
		"essai/arbres/1.0.0/schema.json": {Data: []byte(`{"name": "essai/arbres", "title": "Arbres", "version": "1.0.0", "fields": [
			{"name": "id", "type": "string", "constraints": {"required": true}}, {"name": "espece", "type": "string"}, {"name": "plantation", "type": "date"},
			{"name": "hauteur", "type": "number"}, {"name": "remarquable", "type": "boolean"}, {"name": "commune", "type": "string"}, {"name": "source", "type": "string"}]}`)},
		"essai/contrats/1.0.0/schema.json": {Data: []byte(`{"$schema": "http://json-schema.org/draft-07/schema#", "title": "Contrats", "type": "object",
			"properties": {"contrats": {"type": "array", "items": {"type": "object", "properties": {"id": {"type": "string"}}}}}}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

type httpLike struct {
	URL      string            `json:"url" help:"Adresse" required:"true"`
	URLs     []string          `json:"urls" help:"Adresses"`
	Headers  map[string]string `json:"headers" help:"En-têtes"`
	Password string            `json:"password" help:"Mot de passe" secret:"true"`
	Timeout  time.Duration     `json:"timeout" help:"Délai"`
	Pages    struct {
		Next  string `json:"next" help:"Suite"`
		Param string `json:"param" help:"Paramètre"`
		Size  int    `json:"size" help:"Taille"`
	} `json:"pages" help:"Pages"`
}

type folderLike struct {
	Path string `json:"path" help:"Dossier" required:"true"`
}

var sampleConnectors = Connectors{
	Define("http", "Adresse web", func(httpLike, Env) (Source, error) { return nil, nil }),
	Define("folder", "Dossier", func(folderLike, Env) (Source, error) { return nil, nil }),
}

func readSample(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/recipes", path))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func sampleRecipe(t *testing.T, path string) *Recipe {
	t.Helper()
	r, err := ParseRecipe(path, readSample(t, path), sampleSet(t), sampleConnectors)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestParseRecipe_AcceptsEachGoodRecipe(t *testing.T) {
	for _, path := range glob(t, "good/*.yaml") {
		r := sampleRecipe(t, path)
		if len(r.Hash()) != 64 || r.Key() == "" || r.Dataset.Name == "" || r.Retention().Last == 0 || r.Schedule == "" {
			t.Errorf("%s: defaults are missing: %+v", path, r)
		}
	}
}

// Each bad recipe lists its faults on the lines that begin with "#!".
func TestParseRecipe_SaysEveryFaultOfEachBadRecipe(t *testing.T) {
	set := sampleSet(t)
	for _, path := range glob(t, "bad/*.yaml") {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			text := readSample(t, path)
			_, err := ParseRecipe("r.yaml", text, set, sampleConnectors)
			var faults FaultList
			if !errors.As(err, &faults) {
				t.Fatalf("got %v, want faults", err)
			}
			var want []string
			for line := range strings.Lines(string(text)) {
				if fault, ok := strings.CutPrefix(line, "#! "); ok {
					want = append(want, "r.yaml"+strings.TrimSpace(fault))
				}
			}
			compareFaults(t, faults, want)
		})
	}
}

// compareFaults wants each fault to begin as one of want, in any order, with no-break spaces taken as spaces.
func compareFaults(t *testing.T, faults FaultList, want []string) {
	t.Helper()
	left := slices.Clone(faults)
	for _, w := range want {
		i := slices.IndexFunc(left, func(f string) bool { return strings.HasPrefix(breakable(f), w) })
		if i < 0 {
			t.Errorf("missing: %s", w)
			continue
		}
		left = slices.Delete(left, i, i+1)
	}
	for _, f := range left {
		t.Errorf("unexpected: %s", f)
	}
}

func breakable(s string) string { return strings.NewReplacer("\u00a0", " ", "\u202f", " ").Replace(s) }

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata/recipes", pattern))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no %s: %v", pattern, err)
	}
	for i, p := range paths {
		paths[i], _ = filepath.Rel("testdata/recipes", p)
	}
	return paths
}

func TestParseRecipe_FillsDefaults(t *testing.T) {
	r := sampleRecipe(t, "good/minimale.yaml")
	want := Recipe{
		Name: "arbres", Connector: "http", Options: map[string]any{"url": "https://exports.exemple.test/arbres.csv"}, Schema: "essai/arbres", Schedule: "0 4 * * *",
		Dataset: DatasetOptions{Name: "arbres", Themes: []string{"GOVE"}, License: "lov2", Frequency: "DAILY"},
	}
	if diff := cmp.Diff(want, *r, cmpopts.IgnoreUnexported(Recipe{})); diff != "" {
		t.Error(diff)
	}
	if r.Key() != "essai/arbres" || r.Judge() == nil || r.Judge().ID != "essai/arbres@1.0.0" {
		t.Errorf("key %s, schema %v", r.Key(), r.Judge())
	}
}

func TestParseRecipe_KeepsCodesAndDaysAsTheyWereTyped(t *testing.T) {
	r := sampleRecipe(t, "good/colonnes.yaml")
	if got := r.Columns[3].(map[string]any)["example"]; got != "01004" {
		t.Errorf("example is %#v, want the text 01004", got)
	}
	r = sampleRecipe(t, "good/table.yaml")
	minimum := r.Table["fields"].([]any)[1].(map[string]any)["constraints"].(map[string]any)["minimum"]
	if minimum != "2000-01-01" {
		t.Errorf("minimum is %#v, want the text 2000-01-01", minimum)
	}
	r, err := ParseRecipe("r.yaml", []byte("name: a\nconnector: x\noptions: {insee: 01004, port: 8080, ratio: 1.50, on: true, none: null, big: 1_000, octal: 0o17}\nschema: a/b\n"), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	config, err := r.Config(sampleMember, nil)
	if want := `{"big":"1_000","insee":"01004","none":null,"octal":"0o17","on":true,"port":8080,"ratio":1.50}`; err != nil || string(config) != want {
		t.Errorf("got %s, %v, want %s", config, err, want)
	}
}

func TestRecipe_OwnColumnsBecomeASchema(t *testing.T) {
	s := sampleRecipe(t, "good/colonnes.yaml").Judge()
	var got []string
	for _, f := range s.Fields {
		got = append(got, f.Name+" "+string(f.Type))
	}
	if diff := cmp.Diff([]string{"id string", "pose date", "cout number", "insee string"}, got); diff != "" {
		t.Error(diff)
	}
	if s.ID.Name() != "recettes/bancs" || s.ID.Version() == "" {
		t.Errorf("ID is %s", s.ID)
	}
}

func TestRecipe_JudgeForMakesTextColumnsOfTheLabels(t *testing.T) {
	r := sampleRecipe(t, "good/sans-schema.yaml")
	if r.Judge() != nil {
		t.Fatalf("Judge() = %v, want none before the document is known", r.Judge())
	}
	s, err := r.JudgeFor([]string{"nom", "", "jour", "nom", "a \"b\""})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range s.Fields {
		got = append(got, f.Name+" "+string(f.Type))
	}
	if diff := cmp.Diff([]string{"nom string", "jour string", "a \"b\" string"}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := r.JudgeFor([]string{"", ""}); err == nil || !IsPermanent(err) {
		t.Errorf("labels without a name: got %v", err)
	}
	with := sampleRecipe(t, "good/minimale.yaml")
	if s, err := with.JudgeFor([]string{"x"}); err != nil || s != with.Judge() {
		t.Errorf("got %v, %v, want the recipe's schema", s, err)
	}
}

func TestRecipe_ConfigFillsTemplates(t *testing.T) {
	r := sampleRecipe(t, "good/complete.yaml")
	config, err := r.Config(sampleMember, map[string]string{"service": "Espaces \"verts\" ${member.insee}"})
	if err != nil {
		t.Fatal(err)
	}
	var got any
	if err := json.Unmarshal(config, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"url": "https://exports.exemple.test/39013/arbres.csv", "urls": []any{"https://exports.exemple.test/39013/arbres.csv?page=2"},
		"headers": map[string]any{"X-Service": "Espaces \"verts\" 39013", "X-Dollar": "$5"}, "password": "env:ARBRES_MOT_DE_PASSE",
		"pages": map[string]any{"param": "page", "size": 50.0}, "timeout": "45s",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if r.Options["url"] != "${url}" {
		t.Errorf("the recipe itself was filled: %v", r.Options["url"])
	}
}

func TestRecipe_NamesEveryMissingParameter(t *testing.T) {
	r := sampleRecipe(t, "good/complete.yaml")
	m := sampleMember
	m.INSEE = ""
	_, err := r.Config(m, nil)
	if err == nil || !IsPermanent(err) {
		t.Fatalf("got %v, want a permanent error", err)
	}
	for _, name := range []string{"url", "service"} { // url has a default, which the member cannot fill
		if !strings.Contains(SentenceOf(err), cited(name)) {
			t.Errorf("%q does not name %s", SentenceOf(err), name)
		}
	}
	if _, err := r.DatasetFor(m, nil); err == nil || !strings.Contains(SentenceOf(err), cited("service")) {
		t.Errorf("DatasetFor: got %v", err)
	}
}

func TestRecipe_DatasetFor(t *testing.T) {
	params := map[string]string{"service": "Jardins"}
	got, err := sampleRecipe(t, "good/complete.yaml").DatasetFor(sampleMember, params)
	if err != nil {
		t.Fatal(err)
	}
	want := catalog.Dataset{
		Key: "essai/arbres-alignement", Member: sampleMember, Title: "Arbres, Valmeyrac", Description: "Arbres suivis par le service Jardins.",
		SchemaName: "essai/arbres", SchemaVersion: "1.0.0", Keywords: []string{"arbres", "Jardins"}, Themes: []string{"ENVI", "REGI"}, HVD: "c_ac64a52d",
		License: "odbl", Frequency: "WEEKLY",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRecipe_DatasetForHasATitleAndALongDescriptionByDefault(t *testing.T) {
	for path, title := range map[string]string{"good/minimale.yaml": "Arbres, Y", "good/sans-schema.yaml": "Marchés forains, Y", "good/table.yaml": "Fontaines, Y"} {
		d, err := sampleRecipe(t, path).DatasetFor(catalog.Member{SIREN: "213900137", Name: "Y"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if d.Title != title {
			t.Errorf("%s: title %q, want %q", path, d.Title, title)
		}
		if utf8.RuneCountInString(d.Description) < 100 {
			t.Errorf("%s: the description has fewer than 100 characters: %s", path, d.Description)
		}
		if national := path == "good/minimale.yaml"; (d.SchemaName != "") != national {
			t.Errorf("%s: schema %q", path, d.SchemaName)
		}
	}
}

func TestExpand_ReplacesNamesAndDollars(t *testing.T) {
	value := func(name string) string { return "<" + name + ">" }
	for _, c := range []struct{ in, want string }{
		{"", ""}, {"a", "a"}, {"${a}", "<a>"}, {"x${a.b}y${c}", "x<a.b>y<c>"}, {"$$", "$"}, {"$${a}", "${a}"}, {"$$$", "$$"}, {"$a", "$a"}, {"a$", "a$"}, {"$limit=1&${q}", "$limit=1&<q>"},
	} {
		if got, err := expand(c.in, value); err != nil || got != c.want {
			t.Errorf("expand(%q) = %q, %v, want %q", c.in, got, err, c.want)
		}
	}
	for _, bad := range []string{"${", "${a", "${}", "${a b}", "x${é}"} {
		if got, err := expand(bad, value); err == nil {
			t.Errorf("expand(%q) = %q, want an error", bad, got)
		}
	}
}

func FuzzParseRecipe(f *testing.F) {
	for _, dir := range []string{"good", "bad"} {
		paths, _ := filepath.Glob("testdata/recipes/" + dir + "/*.yaml")
		for _, p := range paths {
			if text, err := os.ReadFile(p); err == nil {
				f.Add(text)
			}
		}
	}
	set := sampleSet(f)
	located := regexp.MustCompile(`^r\.yaml(:\d+)?: .`)
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := ParseRecipe("r.yaml", text, set, sampleConnectors)
		var faults FaultList
		switch {
		case err == nil && (r == nil || r.Name == "" || r.Connector == ""):
			t.Errorf("accepted without a name: %+v", r)
		case err != nil && (!errors.As(err, &faults) || len(faults) == 0):
			t.Errorf("got %v", err)
		}
		for _, f := range faults {
			if !located.MatchString(f) {
				t.Errorf("fault without a place: %q", f)
			}
		}
	})
}
