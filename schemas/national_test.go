package schemas_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"grenier/schemas"
)

// officialRoot holds the official files, beside the checkout. They are read where present and never copied.
const officialRoot = "../../shared/national-schemas"

// bundled lists the versions under national/, as "ORG/NAME@VERSION".
func bundled(t *testing.T) []schemas.ID {
	t.Helper()
	found, err := fs.Glob(os.DirFS("national"), "*/*/*/schema.json")
	if err != nil || len(found) == 0 {
		t.Fatalf("no schema under national/ (%v)", err)
	}
	ids := make([]schemas.ID, len(found))
	for i, f := range found {
		dir := path.Dir(f)
		ids[i] = schemas.ID(path.Dir(dir) + "@" + path.Base(dir))
	}
	return ids
}

func folder(id schemas.ID) string { return filepath.Join("national", id.Name(), id.Version()) }

func official(t *testing.T, id schemas.ID) string {
	t.Helper()
	dir := filepath.Join(officialRoot, id.Name(), id.Version())
	if _, err := os.Stat(officialRoot); err != nil {
		t.Skipf("SKIPPED, NOTHING WAS COMPARED: the official files are not at %s", officialRoot)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Fatalf("%s is bundled but the official folder has no such version: %v", id, err)
	}
	return dir
}

func lookup(t *testing.T, id schemas.ID) *schemas.Schema {
	t.Helper()
	s, err := schemas.National().Lookup(string(id))
	if err != nil {
		t.Fatalf("Lookup(%q): %v", id, err)
	}
	return s
}

func readJSON[T any](t *testing.T, name string) T {
	t.Helper()
	var v T
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(src, &v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

func TestNational_EverySchemaLoadsUnderItsFolderName(t *testing.T) {
	perName := map[string]int{}
	for _, id := range bundled(t) {
		perName[id.Name()]++
		if s := lookup(t, id); s.ID != id {
			t.Errorf("Lookup(%q) gives the schema %q", id, s.ID)
		}
	}
	for name, n := range perName {
		if got := schemas.National().Versions(name); len(got) != n {
			t.Errorf("Versions(%q) = %v, want the %d versions of the folder", name, got, n)
		}
	}
	if got := len(schemas.National().All()); got != len(perName) {
		t.Errorf("All() lists %d schemas, want %d", got, len(perName))
	}
}

func TestNational_LabelsArePresentAndShort(t *testing.T) {
	for _, id := range bundled(t) {
		s := lookup(t, id)
		if s.Homepage == "" || s.URL == "" {
			t.Errorf("%s: homepage %q, schema_url %q: both are needed", id, s.Homepage, s.URL)
		}
		checkLabel(t, string(id), s.Title, s.Description)
		for _, f := range s.Fields {
			checkLabel(t, string(id)+" "+f.Name, f.Title, f.Description)
		}
	}
}

func checkLabel(t *testing.T, where, title, description string) {
	t.Helper()
	if n := utf8.RuneCountInString(title); n == 0 || n > 60 {
		t.Errorf("%s: title %q has %d characters, want 1 to 60", where, title, n)
	}
	if n := utf8.RuneCountInString(description); n == 0 || n > 200 {
		t.Errorf("%s: description %q has %d characters, want 1 to 200", where, description, n)
	}
	if strings.ContainsAny(title+description, "'`<>[]") {
		t.Errorf("%s: label with a straight apostrophe or markup: %q, %q", where, title, description)
	}
}

// The delimiter is the one that the schema's own documentation asks for.
func TestNational_SemicolonOnlyWhereTheDocumentationAsksForIt(t *testing.T) {
	semicolon := []string{"etalab/schema-bal", "etalab/schema-stationnement"}
	for _, id := range bundled(t) {
		want := byte(',')
		if slices.Contains(semicolon, id.Name()) {
			want = ';'
		}
		if s := lookup(t, id); s.Delimiter != want {
			t.Errorf("%s: delimiter %q, want %q", id, s.Delimiter, want)
		}
	}
}

// elsewhere names the versions that the national registry does not list, with the version whose address stands in:
// whatever satisfies DECP 2.0.3 satisfies 2.0.2 too (TestNational_NewestDecpIsStricterThanTheRegistered).
var elsewhere = map[schemas.ID]string{"139bercy/format-commande-publique@2.0.3": "2.0.2"}

func TestNational_SchemaURLsAreCopiedFromTheRegistry(t *testing.T) {
	file := filepath.Join(officialRoot, "catalogue-schemas.json")
	if _, err := os.Stat(file); err != nil {
		t.Skipf("SKIPPED, NOTHING WAS COMPARED: the catalogue is not at %s", file)
	}
	type catalogue struct {
		Schemas []struct {
			Name     string
			Versions []struct {
				Version string `json:"version_name"`
				URL     string `json:"schema_url"`
			}
		}
	}
	urls := map[schemas.ID]string{}
	for _, s := range readJSON[catalogue](t, file).Schemas {
		for _, v := range s.Versions {
			urls[schemas.ID(s.Name+"@"+v.Version)] = v.URL
		}
	}
	for _, id := range bundled(t) {
		if strings.HasPrefix(id.Version(), "unpublished-") { // in no registry: the address that the official file states
			file := readJSON[struct{ Path string }](t, filepath.Join(official(t, id), "schema.json"))
			if got := lookup(t, id).URL; got != file.Path || urls[id] != "" {
				t.Errorf("%s: schema_url %q, the file says %q, the registry %q", id, got, file.Path, urls[id])
			}
			continue
		}
		listed := id
		if v, ok := elsewhere[id]; ok {
			if urls[id] != "" {
				t.Errorf("%s is now in the registry: take it off the exceptions", id)
			}
			listed = schemas.ID(id.Name() + "@" + v)
		}
		if got, want := lookup(t, id).URL, urls[listed]; got != want {
			t.Errorf("%s: schema_url %q, the registry says %q", id, got, want)
		}
	}
}

func TestNational_FactsAreTheOfficialOnes(t *testing.T) {
	for _, id := range bundled(t) {
		t.Run(string(id), func(t *testing.T) {
			dir := official(t, id)
			ours := readJSON[map[string]any](t, filepath.Join(folder(id), "schema.json"))
			theirs := readJSON[map[string]any](t, filepath.Join(dir, "schema.json"))
			facts := tableFacts
			if lookup(t, id).Form == schemas.Document {
				facts = func(m map[string]any) any { return documentFacts(m, false) }
			} else if ours["$schema"] == nil {
				t.Error("no $schema")
			}
			if diff := cmp.Diff(facts(theirs), facts(ours)); diff != "" {
				t.Errorf("facts differ from the official file (-official +ours):\n%s", diff)
			}
		})
	}
}

// tableFacts keeps what decides a verdict: the rest of a Table Schema is labels and bookkeeping.
func tableFacts(m map[string]any) any {
	out := map[string]any{}
	for _, k := range []string{"missingValues", "primaryKey", "foreignKeys", "custom_checks"} {
		if v, ok := m[k]; ok {
			out[k] = v
		}
	}
	fields := []any{}
	for _, f := range m["fields"].([]any) {
		fields = append(fields, fieldFacts(f.(map[string]any)))
	}
	out["fields"] = fields
	return out
}

// fieldFacts drops the labels and what merely states a default.
func fieldFacts(f map[string]any) map[string]any {
	out := maps.Clone(f)
	for _, label := range []string{"title", "description", "example", "examples", "exemple", "comment"} {
		delete(out, label)
	}
	if items, ok := out["items"].(map[string]any); ok {
		out["items"] = fieldFacts(items)
	}
	if out["format"] == "default" {
		delete(out, "format")
	}
	c, _ := out["constraints"].(map[string]any)
	c = maps.Clone(c)
	maps.DeleteFunc(c, func(k string, v any) bool { return (k == "required" || k == "unique") && v == false })
	delete(out, "constraints")
	if len(c) > 0 {
		out["constraints"] = c
	}
	return out
}

// bookkeeping lists the members of an official JSON Schema that are no keyword, and the labels.
var bookkeeping = []string{"title", "description", "id", "$id", "examples", "name", "keywords", "countryCode", "homepage", "path", "uri", "licenses",
	"resources", "sources", "contributors", "created", "lastModified", "updated", "version"}

// documentFacts drops the labels of a JSON Schema; among properties and definitions, names are kept whatever they are.
func documentFacts(v any, names bool) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			if !names && slices.Contains(bookkeeping, k) {
				continue
			}
			out[k] = documentFacts(x, !names && slices.Contains([]string{"properties", "definitions", "$defs", "dependencies"}, k))
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = documentFacts(x, false)
		}
		return out
	}
	return v
}

func TestNational_CompiledFieldsAreThoseOfTheFile(t *testing.T) {
	type descriptor struct {
		Fields []struct {
			Name, Type, Format, Example string
			Constraints                 struct {
				Required bool
				Pattern  string
				Enum     []any // numbers, of a numeric field
			}
		}
	}
	for _, id := range bundled(t) {
		s, file := lookup(t, id), "schema.json"
		if s.Form == schemas.Document {
			file = "table.json"
		}
		d := readJSON[descriptor](t, filepath.Join(folder(id), file))
		if len(d.Fields) != len(s.Fields) {
			t.Errorf("%s: %d fields compiled, %d in %s", id, len(s.Fields), len(d.Fields), file)
			continue
		}
		for i, want := range d.Fields {
			got := s.Fields[i]
			want.Format = orDefault(want.Format)
			if got.Name != want.Name || string(got.Type) != want.Type || got.Format != want.Format || got.Example != want.Example {
				t.Errorf("%s: field %d compiled to %s %s %s %q, the file says %+v", id, i, got.Name, got.Type, got.Format, got.Example, want)
			}
			if c := got.Constraints; c.Required != want.Constraints.Required || c.Pattern != want.Constraints.Pattern || !slices.EqualFunc(c.Enum, want.Constraints.Enum, sameText) {
				t.Errorf("%s: constraints of %s compiled to %+v, the file says %+v", id, got.Name, c, want.Constraints)
			}
		}
	}
}

func sameText(got string, want any) bool { return got == fmt.Sprint(want) }

func orDefault(format string) string {
	if format == "" {
		return "default"
	}
	return format
}

func TestNational_DescriptionsAreOurs(t *testing.T) {
	for _, id := range bundled(t) {
		t.Run(string(id), func(t *testing.T) {
			theirs := map[string]bool{}
			collectTexts(readJSON[any](t, filepath.Join(official(t, id), "schema.json")), theirs)
			s := lookup(t, id)
			texts := map[string]string{"the schema": s.Description}
			for _, f := range s.Fields {
				texts[f.Name] = f.Description
			}
			for where, text := range texts {
				if theirs[plain(text)] {
					t.Errorf("the description of %s is the official one: %q", where, text)
				}
			}
		})
	}
}

// collectTexts gathers every description of an official file, however deep.
func collectTexts(v any, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		if d, ok := v["description"].(string); ok {
			into[plain(d)] = true
		}
		for _, x := range v {
			collectTexts(x, into)
		}
	case []any:
		for _, x := range v {
			collectTexts(x, into)
		}
	}
}

// plain makes two wordings equal that differ only by case, punctuation marks or spacing.
func plain(s string) string {
	s = strings.NewReplacer("’", "'", "\u00a0", " ", "\u202f", " ", ".", "", ",", "").Replace(strings.ToLower(s))
	return strings.Join(strings.Fields(s), " ")
}

// A column for every leaf of the JSON Schema, and none that leads nowhere: publishing a document as a table loses nothing.
func TestNational_DocumentTablesHaveOneColumnPerLeaf(t *testing.T) {
	type table struct {
		Records []struct{ Path, Schema string }
		Fields  []struct{ Path string }
	}
	for _, id := range bundled(t) {
		if lookup(t, id).Form != schemas.Document {
			continue
		}
		doc := readJSON[map[string]any](t, filepath.Join(folder(id), "schema.json"))
		tab := readJSON[table](t, filepath.Join(folder(id), "table.json"))
		want := map[string]bool{}
		for _, r := range tab.Records {
			leaves(doc, map[string]any{"$ref": "#" + strings.TrimPrefix(r.Schema, "#")}, "", want)
			if r.Path == "features" { // GeoJSON: the geometry is one column, the envelope is none
				maps.DeleteFunc(want, func(at string, _ bool) bool { return !strings.HasPrefix(at, "properties.") })
				want["geometry"] = true
			}
		}
		if len(tab.Records) > 1 {
			want["@type"] = true
			delete(want, "_type") // told by the record's place: "@type"
		}
		got := map[string]bool{}
		for _, f := range tab.Fields {
			got[f.Path] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: paths of table.json against the leaves of schema.json (-leaves +paths):\n%s", id, diff)
		}
	}
}

// leaves adds the path of every scalar under the subschema s of doc.
func leaves(doc, s map[string]any, at string, into map[string]bool) {
	if ref, ok := s["$ref"].(string); ok {
		s = referred(doc, ref)
	}
	items := s["items"]
	if list, ok := items.([]any); ok { // draft-04: a list of schemas, one for each place
		items = list[0]
	}
	for _, choice := range anyOf(s) { // "a list, or null"
		if items == nil {
			items = choice["items"]
		}
	}
	if items, ok := items.(map[string]any); ok {
		leaves(doc, items, at+"[]", into)
		return
	}
	props, ok := s["properties"].(map[string]any)
	if !ok {
		into[at] = true
		return
	}
	for name, p := range props {
		leaves(doc, p.(map[string]any), strings.TrimPrefix(at+"."+name, "."), into)
	}
	required, _ := s["required"].([]any)
	for _, name := range required { // a member may be asked for and described nowhere
		if _, ok := props[name.(string)]; !ok {
			into[strings.TrimPrefix(at+"."+name.(string), ".")] = true
		}
	}
}

// referred finds what a reference of doc names: "#/definitions/x", or a definition by its own "$id".
func referred(doc map[string]any, ref string) map[string]any {
	pointer, local := strings.CutPrefix(ref, "#")
	if !local {
		return doc["definitions"].(map[string]any)[ref].(map[string]any)
	}
	at := doc
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if step != "" {
			at = at[step].(map[string]any)
		}
	}
	return at
}

func anyOf(s map[string]any) (out []map[string]any) {
	list, _ := s["anyOf"].([]any)
	for _, item := range list {
		if m, ok := item.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

func TestNational_NewestDecpIsStricterThanTheRegistered(t *testing.T) {
	newest := lookup(t, "139bercy/format-commande-publique@2.0.3")
	registered := lookup(t, "139bercy/format-commande-publique@2.0.2")
	src, err := os.ReadFile(filepath.Join(folder(newest.ID), "valid.json"))
	if err != nil {
		t.Fatal(err)
	}
	if rep := judgeJSON(t, registered, src); !rep.Valid {
		t.Errorf("the valid sample of %s is refused by %s: %+v", newest.ID, registered.ID, rep.Errors)
	}
	// 2.0.3 only takes "_type" away from contracts: Mégalis and others still write it.
	typed := bytes.Replace(src, []byte(`"id":`), []byte(`"_type": "Marché", "id":`), 1)
	if rep := judgeJSON(t, registered, typed); !rep.Valid {
		t.Errorf("%s refuses _type: %+v", registered.ID, rep.Errors)
	}
	if rep := judgeJSON(t, newest, typed); rep.Valid {
		t.Errorf("%s accepts _type", newest.ID)
	}
}

func TestNational_RecordsBecomeFlatRows(t *testing.T) {
	tests := []struct {
		id   schemas.ID
		row  int
		want map[string]string
	}{
		{"139bercy/format-commande-publique@2.0.3", 1, map[string]string{"_type": "Marché", "id": "2024V002", "acheteur_id": "21739990600015",
			"lieuExecution_code": "73999", "typesPrix": "Définitif ferme ; Définitif révisable", "dateNotification": "2024-05-13",
			"titulaires_typeIdentifiant": "SIRET ; TVA", "titulaires_id": "99998001400016 ; DE123456789", "montant": "210000"}},
		{"139bercy/format-commande-publique@2.0.3", 5, map[string]string{"_type": "Contrat de concession", "id": "2024C02", "acheteur_id": "",
			"valeurGlobale": "42000", "donneesExecution_tarif": "12 ; 0", "modifications_valeurGlobale": "60000"}},
		{"139bercy/format-commande-publique@1.5.0", 1, map[string]string{"_type": "Marché", "datePublicationDonnees": "2021-06-01+02:00",
			"titulaires_denominationSociale": "Jardins du Val ; Groen BV", "modifications_montant": ""}},
		{"139bercy/format-commande-publique@1.5.0", 4, map[string]string{"_type": "Contrat de concession", "autoriteConcedante_nom": "Communauté de communes du Val Clair",
			"modifications_dureeMois": "72", "donneesExecution_intituleTarif": "Emplacement, une nuit ; Taxe de séjour"}},
		{"139bercy/format-commande-publique@2.0.0", 1, map[string]string{"_type": "Marché", "typesPrix": "Définitif ferme ; Définitif révisable",
			"titulaires_id": "99998001400016 ; DE123456789", "modalitesExecution": "Bon de commande ; Marché subséquent"}},
		{"etalab/schema-zfe@0.8.2", 1, map[string]string{"id": "217399906-ZFE-002", "date_fin": "", "pl_critair": "V3",
			"geometry": `{"coordinates":[[6.1251,45.4512],[6.1263,45.4519]],"type":"LineString"}`}},
		{"macaron-ai/onstreet-parking-schema@1.0.0", 2, map[string]string{"regulations_rule_type": "GRATUIT ; LIVRAISON PERIODIQUE",
			"regulations_opening_hours": "24/7 ; Mo-Fr 06:00-09:00", "geoPoint2d": "[6.125134,45.451287]", "lenght": "18.3"}},
		{"PnX-SI/schema_randonnee@1.1.0", 0, map[string]string{"nom_itineraire": "Tour du Pressoir", "medias_url": "https://www.valclair.example/12.jpg",
			"medias_auteur": "", "uuid": ""}},
		{"gip-inclusion/data-inclusion-schema@1.0.9", 3, map[string]string{"id": "cd73--4", "zone_eligibilite": "2A ; 2B ; 200093201", "frais_precisions": ""}},
	}
	for _, tt := range tests {
		src, err := os.ReadFile(filepath.Join(folder(tt.id), "valid.json"))
		if err != nil {
			t.Fatal(err)
		}
		_, rows := flatten(t, lookup(t, tt.id), src)
		if len(rows) <= tt.row {
			t.Fatalf("%s: %d rows, want more than %d", tt.id, len(rows), tt.row)
		}
		got := map[string]string{}
		for name := range tt.want {
			got[name] = rows[tt.row][name]
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: row %d (-want +got):\n%s", tt.id, tt.row, diff)
		}
	}
}

// docs/decisions/0003-decp-dates.md: the national verdict stands, the table has dates.
func TestNational_DecpDateThatIsNoDayIsPublishedEmptyWithAWarning(t *testing.T) {
	s := lookup(t, "139bercy/format-commande-publique@2.0.3")
	src, err := os.ReadFile(filepath.Join(folder(s.ID), "invalid.json"))
	if err != nil {
		t.Fatal(err)
	}
	rep, rows := flatten(t, s, src)
	if len(rows) != 1 || rows[0]["id"] != "2024V021" || rows[0]["dateNotification"] != "" {
		t.Errorf("accepted rows: %v, want only 2024V021, without its date", rows)
	}
	if w := rep.Warnings; len(w) != 1 || w[0].Field != "dateNotification" || w[0].Cell != "2024-02-30" {
		t.Errorf("warnings = %+v, want one that quotes 2024-02-30", w)
	}
}

// Each field's example is a cell that its own schema accepts: pages show it to whoever prepares a file.
func TestNational_ExamplesMakeAValidRow(t *testing.T) {
	for _, id := range bundled(t) {
		s := lookup(t, id)
		if s.Form == schemas.Document {
			continue // examples of a table.json illustrate one kind of contract only
		}
		header, row := make([]string, len(s.Fields)), make([]string, len(s.Fields))
		for i, f := range s.Fields {
			header[i], row[i] = f.Name, f.Example
			if f.Example == "" {
				t.Errorf("%s: %s has no example", id, f.Name)
			}
		}
		if rep := judgeTable(s, header, [][]string{row}); !rep.Valid {
			t.Errorf("%s: the examples are refused: %+v", id, rep.Errors)
		}
	}
}

// unapplied counts the official checks that Grenier cannot run on one file alone, one warning each: references to another table (cnigfr).
var unapplied = map[schemas.ID]int64{
	"cnigfr/secteur@1.0.0":   1,
	"cnigfr/programme@1.0.0": 2,
}

func TestNational_ValidSamplesHaveNoFault(t *testing.T) {
	for _, id := range bundled(t) {
		rep, name := judgeSample(t, id, "valid")
		if !rep.Valid || rep.Stats.Accepted != rep.Stats.Rows || rep.Stats.Warnings != unapplied[id] {
			t.Errorf("%s: %s is not clean: %+v\nerrors: %+v\nwarnings: %+v", id, name, rep.Stats, rep.Errors, rep.Warnings)
		}
		if n := rep.Stats.Rows; n < 5 || n > 15 {
			t.Errorf("%s: %s has %d rows, want 5 to 15", id, name, n)
		}
	}
}

func TestNational_InvalidSamplesGiveExactlyTheExpectedCounts(t *testing.T) {
	for _, id := range bundled(t) {
		t.Run(string(id), func(t *testing.T) {
			rep, name := judgeSample(t, id, "invalid")
			want := readJSON[[]schemas.Count](t, filepath.Join(folder(id), "invalid.report.json"))
			if diff := cmp.Diff(byFault(want), byFault(rep.Counts)); diff != "" {
				t.Errorf("counts of %s (-want +got):\n%s\nerrors: %+v", name, diff, rep.Errors)
			}
			if n := rep.Stats.Rows; n < 5 || n > 15 || rep.Valid || len(want) < 4 {
				t.Errorf("%s has %d rows and %d kinds of fault (valid: %v), want 5 to 15 rows and at least 4 kinds", name, n, len(want), rep.Valid)
			}
		})
	}
}

func byFault(counts []schemas.Count) map[string]int64 {
	m := map[string]int64{}
	for _, c := range counts {
		m[c.Type+" "+c.Field] += c.Count
	}
	return m
}

// otherwise names the official examples whose verdict is not the one their name states, with the reason (none today). Package harvest judges the same
// files, and those in XML, through its decoders (TestExamples_GetTheVerdictTheirNameStates).
var otherwise = map[string]string{}

func TestNational_OfficialExamplesGetTheVerdictTheirNameStates(t *testing.T) {
	judged, met := 0, map[string]bool{}
	for _, id := range bundled(t) {
		found, err := filepath.Glob(filepath.Join(official(t, id), "example-*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range found {
			want, stated := statedVerdict(filepath.Base(file))
			if !stated || filepath.Ext(file) == ".xml" { // XML is turned into JSON by its decoder, in harvest
				continue
			}
			judged++
			name := path.Join(id.Name(), id.Version(), filepath.Base(file))
			reason, odd := otherwise[name]
			met[name] = odd
			if got := judgeFile(t, lookup(t, id), file); got.Valid != (want != odd) {
				t.Errorf("%s: valid = %v, its name says %v (exception: %q)\nerrors: %+v", name, got.Valid, want, reason, got.Errors)
			}
		}
	}
	for name := range otherwise {
		if !met[name] {
			t.Errorf("the exception %s names no example", name)
		}
	}
	if judged < 40 {
		t.Errorf("only %d official examples were judged", judged)
	}
	t.Logf("%d examples, %d as stated, %d exceptions", judged, judged-len(otherwise), len(otherwise))
}

// Every version of the official collection is bundled; a family of tables (a data package) has no judge of its own.
func TestNational_EveryOfficialSchemaIsBundled(t *testing.T) {
	found, err := filepath.Glob(filepath.Join(officialRoot, "*", "*", "*", "schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Skipf("SKIPPED, NOTHING WAS COMPARED: the official files are not at %s", officialRoot)
	}
	have := bundled(t)
	for _, file := range found {
		dir, _ := filepath.Rel(officialRoot, filepath.Dir(file))
		if id := schemas.ID(filepath.ToSlash(filepath.Dir(dir)) + "@" + filepath.Base(dir)); !slices.Contains(have, id) {
			t.Errorf("%s is not bundled", id)
		}
	}
	t.Logf("%d schemas in the collection, %d bundled", len(found), len(have))
}

// statedVerdict reads the verdict in the name of an official example: "example-valid-….csv".
func statedVerdict(name string) (valid, stated bool) {
	switch {
	case strings.HasPrefix(name, "example-valid"):
		return true, true
	case strings.HasPrefix(name, "example-invalid"), strings.HasPrefix(name, "example-nonconforming"):
		return false, true
	}
	return false, false
}

// judgeSample judges national/…/KIND.csv or KIND.json.
func judgeSample(t *testing.T, id schemas.ID, kind string) (*schemas.Report, string) {
	t.Helper()
	s, name := lookup(t, id), kind+".csv"
	if s.Form == schemas.Document {
		name = kind + ".json"
	}
	return judgeFile(t, s, filepath.Join(folder(id), name)), name
}

func judgeFile(t *testing.T, s *schemas.Schema, file string) *schemas.Report {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if s.Form == schemas.Document {
		return judgeJSON(t, s, src)
	}
	records := readCSV(t, file, src)
	return judgeTable(s, records[0], records[1:])
}

// readCSV reads a small CSV with whichever delimiter gives the wider header.
func readCSV(t *testing.T, name string, src []byte) [][]string {
	t.Helper()
	var best [][]string
	for _, comma := range ",;" {
		r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(src, []byte("\ufeff"))))
		r.Comma, r.LazyQuotes, r.FieldsPerRecord = comma, true, -1
		records, err := r.ReadAll()
		if err == nil && len(records) > 0 && (best == nil || len(records[0]) > len(best[0])) {
			best = records
		}
	}
	if best == nil {
		t.Fatalf("%s is not a CSV file", name)
	}
	return best
}

// judgeTable hands the records over in two blocks, as a decoder would, so that keys are kept from one to the next.
func judgeTable(s *schemas.Schema, header []string, records [][]string) *schemas.Report {
	rep, c := schemas.NewReport(s), s.NewChecker()
	if c.Begin(header, rep) {
		var in schemas.Block
		var out schemas.Batch
		row := int64(1)
		for half := range slices.Chunk(records, len(records)/2+1) {
			in.Reset(len(header))
			for _, cells := range half {
				row++
				in.AppendRecord(row, row, texts(cells)...)
			}
			c.Check(&in, &out, rep)
		}
		c.End(rep)
	}
	rep.Finish()
	return rep
}

func texts(cells []string) [][]byte {
	out := make([][]byte, len(cells))
	for i, c := range cells {
		out[i] = []byte(c)
	}
	return out
}

// judgeJSON finds the records of a document under the paths that its table.json names.
func judgeJSON(t *testing.T, s *schemas.Schema, src []byte) *schemas.Report {
	t.Helper()
	rep, _ := flatten(t, s, src)
	return rep
}

// flatten judges a document and returns the rows that were accepted, by column name.
func flatten(t *testing.T, s *schemas.Schema, src []byte) (*schemas.Report, []map[string]string) {
	t.Helper()
	rep, c := schemas.NewReport(s), s.NewChecker()
	if !c.Begin(nil, rep) {
		t.Fatalf("%s: Begin refuses a document", s.ID)
	}
	var out schemas.Batch
	var rows []map[string]string
	var seen []string
	number := int64(0)
	for _, r := range s.Records {
		if slices.Contains(seen, r.Path) {
			continue // two kinds of record may share one array
		}
		seen = append(seen, r.Path)
		var in schemas.Block
		in.Reset(2)
		for _, record := range under(t, src, r.Path) {
			number++
			in.AppendRecord(number, 0, []byte(r.Path), record)
		}
		c.Check(&in, &out, rep)
		rows = append(rows, batchRows(&out)...)
	}
	c.End(rep)
	rep.Finish()
	return rep, rows
}

func batchRows(b *schemas.Batch) (rows []map[string]string) {
	for r := range b.Rows {
		row := map[string]string{}
		for c := range b.Columns {
			if b.Columns[c].Valid[r] {
				row[b.Schema.Fields[c].Name] = string(b.TextAt(c, r))
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// under returns the elements of the array at a dotted path, none when the document has no such member.
func under(t *testing.T, src []byte, dotted string) []json.RawMessage {
	t.Helper()
	at := json.RawMessage(src)
	for step := range strings.SplitSeq(dotted, ".") {
		var m map[string]json.RawMessage
		if err := json.Unmarshal(at, &m); err != nil {
			t.Fatalf("at %q of %q: %v", step, dotted, err)
		}
		if at = m[step]; at == nil {
			return nil
		}
	}
	var list []json.RawMessage
	if err := json.Unmarshal(at, &list); err != nil {
		t.Fatal(fmt.Errorf("array at %q: %w", dotted, err))
	}
	return list
}
