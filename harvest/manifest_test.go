package harvest

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"
	"gopkg.in/yaml.v3"

	"grenier/catalog"
)

const membersCSV = `siren;nom;type;insee;siret;population;email;site;ouest;sud;est;nord
213900137;Valmeyrac;commune;39013;21390013700018;1 234;mairie@valmeyrac.test;https://valmeyrac.test;5,5;46,6;5,7;46,8
213900145;Saint-Évroult;Commune;39014;;;;;;;;
243900990;Communauté du Val;EPCI;;;;;;;;;
`

const sampleRecipes = `recipes:
  # Une recette par logiciel.
  - name: arbres
    params: {url: ""}
    connector: http
    options: {url: "${url}"}
    schema: essai/arbres
  - name: depots
    title: Dépôts
    connector: folder
    options: {path: "/depots/${member.siren}"}
    dataset: {key: depots}
`

func named(pairs ...string) []NamedFile {
	var files []NamedFile
	for i := 0; i < len(pairs); i += 2 {
		files = append(files, NamedFile{Name: pairs[i], Text: []byte(pairs[i+1])})
	}
	return files
}

func readManifest(t *testing.T, known catalog.Manifest, pairs ...string) (catalog.Manifest, FaultList) {
	t.Helper()
	m, err := ReadManifest(named(pairs...), known, sampleSet(t), sampleConnectors)
	var faults FaultList
	if err != nil && !errors.As(err, &faults) {
		t.Fatalf("got %v, want a FaultList", err)
	}
	return m, faults
}

func goodManifest(t *testing.T, known catalog.Manifest, pairs ...string) catalog.Manifest {
	t.Helper()
	m, faults := readManifest(t, known, pairs...)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return m
}

func TestReadManifest_ReadsMembersFromCSV(t *testing.T) {
	want := []catalog.Member{
		{SIREN: "213900137", Name: "Valmeyrac", Kind: catalog.Commune, INSEE: "39013", SIRET: "21390013700018", Population: 1234, Email: "mairie@valmeyrac.test",
			Website: "https://valmeyrac.test", BBox: &catalog.BBox{West: 5.5, South: 46.6, East: 5.7, North: 46.8}},
		{SIREN: "213900145", Name: "Saint-Évroult", Kind: catalog.Commune, INSEE: "39014"},
		{SIREN: "243900990", Name: "Communauté du Val", Kind: catalog.EPCI},
	}
	ansi, err := charmap.Windows1252.NewEncoder().String(membersCSV)
	if err != nil {
		t.Fatal(err)
	}
	commas := strings.NewReplacer("5,5", "5.5", "46,6", "46.6", "5,7", "5.7", "46,8", "46.8").Replace(membersCSV)
	for name, text := range map[string]string{
		"membres.csv": membersCSV, "bom.csv": "\ufeff" + membersCSV, "ansi.csv": ansi, "crlf.csv": strings.ReplaceAll(membersCSV, "\n", "\r\n"),
		"virgules.csv": strings.ReplaceAll(commas, ";", ","), "tabulations": strings.ReplaceAll(commas, ";", "\t"), "MEMBRES": membersCSV + ";;;;;;;;;;;\n",
	} {
		m := goodManifest(t, catalog.Manifest{}, name, text)
		if diff := cmp.Diff(want, m.Members); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestReadManifest_ReadsMembersFromYAML(t *testing.T) {
	m := goodManifest(t, catalog.Manifest{}, "membres.yaml", `
members:
  - {siren: 213900137, name: Valmeyrac, kind: commune, insee: 39013, siret: 21390013700018, population: 1234, bbox: {west: 5.5, south: 46.6, east: 5.7, north: 46.8}}
  - {siren: "223900010", name: Le Jura d’essai, kind: département}
  - {siren: 005520135, name: Syndicat d’essai, kind: syndicat}
`)
	want := []catalog.Member{
		{SIREN: "005520135", Name: "Syndicat d’essai", Kind: catalog.Syndicat},
		{SIREN: "213900137", Name: "Valmeyrac", Kind: catalog.Commune, INSEE: "39013", SIRET: "21390013700018", Population: 1234, BBox: &catalog.BBox{West: 5.5, South: 46.6, East: 5.7, North: 46.8}},
		{SIREN: "223900010", Name: "Le Jura d’essai", Kind: catalog.Departement},
	}
	if diff := cmp.Diff(want, m.Members); diff != "" {
		t.Error(diff)
	}
}

func TestReadManifest_KeepsEachRecipeAsItsOwnText(t *testing.T) {
	single := string(readSample(t, "good/sans-schema.yaml"))
	m := goodManifest(t, catalog.Manifest{}, "recettes.yaml", sampleRecipes, "seule.yaml", single)
	var names []string
	for _, r := range m.Recipes {
		names = append(names, r.Name)
		parsed, err := ParseRecipe(r.Name, []byte(r.Text), sampleSet(t), sampleConnectors)
		if err != nil || parsed.Hash() != r.Hash || parsed.Name != r.Name {
			t.Errorf("%s: kept as %q: %v", r.Name, r.Text, err)
		}
	}
	if diff := cmp.Diff([]string{"arbres", "depots", "marches-forains"}, names); diff != "" {
		t.Error(diff)
	}
	if m.Recipes[2].Text != single {
		t.Errorf("a file that is one recipe is kept as %q", m.Recipes[2].Text)
	}
	again := goodManifest(t, m, "recettes.yaml", sampleRecipes, "seule.yaml", single)
	if diff := cmp.Diff(m, again); diff != "" {
		t.Error("not the same twice:", diff)
	}
}

func TestReadManifest_MakesSources(t *testing.T) {
	m := goodManifest(t, catalog.Manifest{}, "membres.csv", membersCSV, "recettes.yaml", sampleRecipes, "sources.yaml", `
sources:
  - {member: 213900137, recipe: arbres, params: {url: "https://a.test/1.csv"}}
  - {member: 213900137, recipe: arbres, params: {url: "https://a.test/2.csv"}, key: essai/arbres-parc, schedule: "@weekly", disabled: true}
  - {member: 213900145, recipe: arbres, params: {url: "https://a.test/3.csv"}, id: "arbres-${member.insee}"}
  - {members: all, recipe: depots}
  - members: {kind: commune}
    recipe: arbres
    key: essai/arbres-isoles
    params: {url: "https://a.test/${member.siren}/isoles.csv"}
  - {members: [243900990], recipe: arbres, params: {url: "https://b.test/"}}
`)
	isolated := map[string]string{"url": "https://a.test/${member.siren}/isoles.csv"}
	want := []catalog.Source{
		{ID: "213900137/arbres", Member: "213900137", Recipe: "arbres", Key: "essai/arbres", Params: map[string]string{"url": "https://a.test/1.csv"}},
		{ID: "213900137/arbres-parc", Member: "213900137", Recipe: "arbres", Key: "essai/arbres-parc", Params: map[string]string{"url": "https://a.test/2.csv"}, Schedule: "@weekly", Disabled: true},
		{ID: "arbres-39014", Member: "213900145", Recipe: "arbres", Key: "essai/arbres", Params: map[string]string{"url": "https://a.test/3.csv"}},
		{ID: "213900137/depots", Member: "213900137", Recipe: "depots", Key: "depots"},
		{ID: "213900145/depots", Member: "213900145", Recipe: "depots", Key: "depots"},
		{ID: "243900990/depots", Member: "243900990", Recipe: "depots", Key: "depots"},
		{ID: "213900137/arbres-isoles", Member: "213900137", Recipe: "arbres", Key: "essai/arbres-isoles", Params: isolated},
		{ID: "213900145/arbres-isoles", Member: "213900145", Recipe: "arbres", Key: "essai/arbres-isoles", Params: isolated},
		{ID: "243900990/arbres", Member: "243900990", Recipe: "arbres", Key: "essai/arbres", Params: map[string]string{"url": "https://b.test/"}},
	}
	if diff := cmp.Diff(want, m.Sources); diff != "" {
		t.Error(diff)
	}
}

func TestReadManifest_TakesWhatSourcesNeedFromTheCatalogue(t *testing.T) {
	known := goodManifest(t, catalog.Manifest{}, "membres.csv", membersCSV, "recettes.yaml", sampleRecipes)
	known.Members[0].Datasets = 4
	older := known.Recipes[0]
	older.Text = "name: arbres\nconnector: ailleurs\n"
	known.Recipes = append([]catalog.Recipe{older}, known.Recipes...)
	m := goodManifest(t, known, "sources.yaml", "sources: [{member: 213900137, recipe: arbres, params: {url: x}}]")
	if len(m.Members) != 1 || m.Members[0].SIREN != "213900137" || m.Members[0].Datasets != 0 {
		t.Errorf("members %+v, want the one that is referred to", m.Members)
	}
	if len(m.Recipes) != 1 || m.Recipes[0] != known.Recipes[1] {
		t.Errorf("recipes %+v, want the last of that name", m.Recipes)
	}
}

func TestReadManifest_ReadsEveryFormOfAYAMLFile(t *testing.T) {
	m := goodManifest(t, catalog.Manifest{}, "tout.yaml", "members: [{siren: 213900137, name: A, kind: commune, insee: 39013}]\n---\n"+sampleRecipes+"---\n"+string(readSample(t, "good/sans-schema.yaml"))+
		"---\nsources: [{member: 213900137, recipe: depots}, {member: 213900137, recipe: marches-forains}]\n")
	if len(m.Members) != 1 || len(m.Recipes) != 3 || len(m.Sources) != 2 {
		t.Errorf("got %d members, %d recipes, %d sources", len(m.Members), len(m.Recipes), len(m.Sources))
	}
}

func TestReadManifest_SaysEveryFaultOfEveryFile(t *testing.T) {
	known := catalog.Manifest{Sources: []catalog.Source{{ID: "ancienne", Member: "243900990", Key: "depots"}, {ID: "autre", Member: "243900990", Key: "depots", Disabled: true}}}
	for _, c := range []struct {
		name  string
		files []string
		want  []string
	}{
		{"empty files", []string{"a.yaml", "# rien\n", "b.csv", ""}, []string{"a.yaml: ce fichier est vide", "b.csv: ce fichier est vide"}},
		{"an unknown section", []string{"a.yaml", "membres: []\nsources: {}\nrecipes: [3]\n"}, []string{
			"a.yaml:1: membres: clé inconnue ; vouliez-vous dire « members »", "a.yaml:2: sources: attend une liste", "a.yaml:3: recipes[0]: attend une recette"}},
		{"columns of a CSV", []string{"m.csv", "siren;nom;nom;commune\n"}, []string{"m.csv:1: la colonne « nom » figure deux fois", "m.csv:1: colonne inconnue : « commune »", "m.csv:1: il manque la colonne « type »"}},
		{"quotes of a CSV", []string{"m.csv", "siren;nom;type\n213900137;\"A;commune\n"}, []string{"m.csv:2: CSV illisible"}},
		{"cells of a CSV", []string{"m.csv", "siren;nom;type;insee;siret;population;email;site;ouest;sud;est;nord\n" +
			"213900138;;ville;;123;beaucoup;mairie;valmeyrac.test;1;;;\n" +
			"213900137;A;commune;390;21390014500011;-3;a@b.test;ftp://a;5;46;4;47\n" +
			"213900145;A;commune;39014;;;;;x;1;2;3;4\n213900145;A;commune;39014;;;;;x;1;2;3\n" +
			"243900990;B;epci;trop long;;;;;;;;\n243900990;B;epci;;;;;;;;;\n"}, []string{
			"m.csv:2: siren: « 213900138 » n’est pas un SIREN", "m.csv:2: nom: le nom est obligatoire", "m.csv:2: type: type de membre inconnu : « ville »", "m.csv:2: siret: « 123 » n’est pas un SIRET",
			"m.csv:2: population: « beaucoup »", "m.csv:2: email: « mairie »", "m.csv:2: site: « valmeyrac.test »", "m.csv:2: bbox: donnez les quatre côtés",
			"m.csv:3: insee: « 390 »", "m.csv:3: siret: « 21390014500011 » ne commence pas par le SIREN", "m.csv:3: population: attend un nombre", "m.csv:3: site: « ftp://a »", "m.csv:3: bbox: attend des degrés",
			"m.csv:4: 13 cellules pour 12 colonnes", "m.csv:5: ouest: « x »", "m.csv:6: insee: « TROP LONG »", "m.csv:7: siren: le membre « 243900990 » est déjà défini (m.csv:6)"}},
		{"members of YAML", []string{"m.yaml", "members:\n  - {siren: 213900137, name: A, kind: commune, insee: 39013, datasets: 3}\n  - {name: B}\n  - {siren: 213900137, name: A, kind: autre, population: dix}\n"}, []string{
			"m.yaml:2: members[0].datasets: clé inconnue", "m.yaml:3: members[1].siren: le SIREN est obligatoire", "m.yaml:3: members[1].kind: type de membre inconnu",
			"m.yaml:4: members[2].population: attend un nombre entier", "m.yaml:4: members[2].siren: le membre « 213900137 » est déjà défini (m.yaml:2)"}},
		{"recipes", []string{"r.yaml", "recipes:\n  - name: a\n    connector: htp\n    schema: essai/arbres\n  - {name: a, connector: folder, options: {path: x, pat: y}, schema: essai/arbres}\n"}, []string{
			"r.yaml:3: recipes[0].connector: connecteur inconnu", "r.yaml:5: recipes[1].options.pat: option inconnue", "r.yaml:5: recipes[1].name: la recette « a » est déjà définie (r.yaml:2)"}},
		{"sources", []string{"m.csv", membersCSV, "r.yaml", sampleRecipes, "s.yaml", `sources:
  - {member: 213900137}
  - {member: 999999999, recipe: arbre}
  - {member: 213900137, recipe: arbres, schedule: "61 * * * *"}
  - {member: 213900137, recipe: arbres, params: {url: x, ulr: y}}
  - {member: 213900137, recipe: arbres, params: {url: "https://x.test/${member.email}/${param}"}, key: "essai/autre"}
  - {member: 213900145, recipe: arbres, params: {url: "https://x.test/${member.email}"}}
  - {members: tous, recipe: depots}
  - {members: {kind: ville}, recipe: depots}
  - {members: {kind: syndicat}, recipe: depots}
  - {recipe: depots}
  - {member: 213900137, members: all, recipe: depots}
  - {member: 213900145, recipe: depots, key: "a b"}
  - {member: 213900145, recipe: depots, id: "é"}
`}, []string{
			"s.yaml:2: sources[0].recipe: le nom de la recette est obligatoire",
			"s.yaml:3: sources[1].member: membre inconnu : « 999999999 »", "s.yaml:3: sources[1].recipe: recette inconnue : « arbre » ; vouliez-vous dire « arbres »",
			"s.yaml:4: sources[2].schedule: « 61 * * * * » n’est pas un horaire accepté", "s.yaml:4: sources[2].params: paramètre manquant : « url »",
			"s.yaml:5: sources[3].params.ulr: la recette « arbres » n’a pas ce paramètre ; vouliez-vous dire « url »", "s.yaml:5: sources[3].id: la source « 213900137/arbres » est déjà définie (s.yaml:4)",
			"s.yaml:6: sources[4].params.url: nom inconnu : ${param}", "s.yaml:6: sources[4].params: « Valmeyrac » (213900137) : rien ne remplit ${url}",
			"s.yaml:7: sources[5].params: « Saint-Évroult » (213900145) : rien ne remplit ${url}",
			"s.yaml:8: sources[6].members: attend all, une liste de SIREN", "s.yaml:9: sources[7].members: attend all", "s.yaml:10: sources[8].members: aucun membre ne correspond",
			"s.yaml:11: sources[9]: indiquez member", "s.yaml:12: sources[10]: indiquez member",
			"s.yaml:13: sources[11].key: « a b »", "s.yaml:14: sources[12].id: « é »"}},
		{"sources that meet", []string{"m.csv", membersCSV, "r.yaml", sampleRecipes, "s.yaml", `sources:
  - {member: 213900137, recipe: depots}
  - {member: 213900137, recipe: depots, id: autre-nom}
  - {members: [213900145, 243900990], recipe: depots, id: meme}
  - {members: [243900990], recipe: depots}
`}, []string{
			"s.yaml:3: sources[1].key: le jeu « depots » du membre 213900137 a déjà une source (s.yaml:2)",
			"s.yaml:4: sources[2].id: la source « meme » est déjà définie (s.yaml:4)",
			"s.yaml:5: sources[3].id: le jeu « depots » du membre 243900990 est déjà alimenté par la source « ancienne » du catalogue"}},
		{"options once they are filled", []string{"m.csv", membersCSV, "r.yaml", "name: mot\nparams: {secret: \"\", taille: \"10\"}\nconnector: http\noptions: {url: x, password: \"${secret}\", pages: {size: \"${taille}\"}}\nschema: essai/arbres\n",
			"s.yaml", "sources: [{member: 213900137, recipe: mot, params: {secret: tres-secret, taille: dix}}]\n"}, []string{
			"s.yaml:1: sources[0].params: option password du connecteur http : un secret ne s’écrit pas ici", "s.yaml:1: sources[0].params: option pages.size du connecteur http : attend un nombre"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, faults := readManifest(t, known, c.files...)
			compareFaults(t, faults, c.want)
			if strings.Contains(faults.Error(), "tres-secret") {
				t.Error("a secret shows")
			}
			if len(m.Members)+len(m.Recipes)+len(m.Sources) > 0 {
				t.Errorf("something is returned beside faults: %+v", m)
			}
		})
	}
}

func TestReadManifest_SaysWhichKnownRecipeNoLongerWorks(t *testing.T) {
	known := catalog.Manifest{Recipes: []catalog.Recipe{{Name: "vieille", Text: "name: vieille\nconnector: disparu\nschema: essai/arbres\n"}}}
	_, faults := readManifest(t, known, "m.csv", membersCSV, "s.yaml", "sources: [{members: all, recipe: vieille}]\n")
	compareFaults(t, faults, []string{"s.yaml:1: sources[0].recipe: la recette « vieille », déjà au catalogue, n’est plus acceptée : vieille:2: connector: connecteur inconnu"})
}

func TestLuhn_KnowsSirenAndSiret(t *testing.T) {
	for digits, want := range map[string]bool{
		"213900137": true, "213900138": false, "21390013700018": true, "21390013700019": false, "000000000": true,
		"35600000000048": true, "35600000000028": false, // La Poste's own rule: the sum of the digits is a multiple of five
	} {
		if got := luhn(digits); got != want {
			t.Errorf("luhn(%s) = %t", digits, got)
		}
	}
}

func TestBundledRecipes_AreNamedForTheirFiles(t *testing.T) {
	got, err := BundledRecipes(fstest.MapFS{"b.yaml": {Data: []byte("name: b\n")}, "a.yaml": {Data: []byte("name: a\n")}, "c.txt": {Data: []byte("x")}, "d/e.yaml": {Data: []byte("x")}})
	if err != nil || len(got) != 2 || got[0].Name != "a" || got[1].Text != "name: b\n" || len(got[0].Hash) != 64 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func FuzzReadManifest(f *testing.F) {
	f.Add("m.csv", []byte(membersCSV))
	f.Add("r.yaml", []byte(sampleRecipes))
	f.Add("s.yaml", []byte("sources: [{members: all, recipe: depots, params: {a: \"${b\"}}]\n---\nmembers: [{siren: 1}]"))
	known := catalog.Manifest{Members: []catalog.Member{sampleMember}, Recipes: []catalog.Recipe{{Name: "depots", Text: "name: depots\ntitle: D\nconnector: folder\noptions: {path: /a}\ndataset: {key: d}\n"}}}
	set := sampleSet(f)
	f.Fuzz(func(t *testing.T, name string, text []byte) {
		m, err := ReadManifest([]NamedFile{{Name: name, Text: text}}, known, set, sampleConnectors)
		if err != nil {
			return
		}
		for _, r := range m.Recipes {
			var n yaml.Node
			if err := yaml.Unmarshal([]byte(r.Text), &n); err != nil {
				t.Errorf("recipe %s is kept as %q: %v", r.Name, r.Text, err)
			}
		}
	})
}
