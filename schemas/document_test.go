package schemas

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const contractsSchema = `{"$schema":"http://json-schema.org/draft-07/schema#","$id":"https://ailleurs.invalid/contrats.json",
"definitions":{
 "contrat":{"type":"object","required":["id","acheteur","montant","date"],"additionalProperties":false,"properties":{
  "id":{"type":"string","maxLength":6},"acheteur":{"type":"object","required":["id"],"properties":{"id":{"type":"string","pattern":"^[0-9]{14}$"}}},
  "montant":{"type":"number","minimum":1},"date":{"type":"string","pattern":"\\d{4}-\\d{2}-\\d{2}"},"innovant":{"type":"boolean"},
  "nature":{"enum":["Marché","Accord"]},
  "titulaires":{"type":"array","minItems":1,"items":{"type":"object","required":["titulaire"],"properties":{"titulaire":{"$ref":"#/definitions/titulaire"}}}}}},
 "titulaire":{"type":"object","required":["id"],"properties":{"id":{"type":"string"},"type":{"enum":["SIRET","TVA"]}}},
 "concession":{"type":"object","required":["autorite"],"properties":{"valeur":{"anyOf":[{"type":"null"},{"type":"object","required":["euros"],"properties":{"euros":{"type":"integer"}}}]}}}}}`

const contractsTable = `{"title":"Contrats d’essai","delimiter":";","records":[
 {"path":"contrats","type":"Concession","schema":"#/definitions/concession","when":{"member":"autorite"}},
 {"path":"contrats","type":"Contrat","schema":"#/definitions/contrat","when":{"member":"acheteur"}},
 {"path":"autres.liste","type":"Contrat","schema":"#/definitions/contrat"}],
"fields":[{"name":"genre","path":"@type"},{"name":"id"},{"name":"acheteur_id","path":"acheteur.id"},{"name":"montant","type":"number","path":"montant"},{"name":"date","type":"date","path":"date"},
 {"name":"titulaires","path":"titulaires[].titulaire.id"},{"name":"premier","path":"titulaires[0].titulaire.id"},{"name":"types","path":"titulaires[].titulaire.type","join":"|"},{"name":"innovant","type":"boolean","path":"innovant"},{"name":"brut","type":"object","path":"acheteur"}],
"primaryKey":["acheteur_id","id"],"custom_checks":[{"name":"siret","params":{"column":"acheteur_id"}}]}`

func judgeRecords(t *testing.T, records ...string) judged {
	t.Helper()
	s, err := ParseDocument("essai/contrats@1.0.0", []byte(contractsSchema), []byte(contractsTable))
	if err != nil {
		t.Fatal(err)
	}
	j := judged{rep: NewReport(s)}
	c := s.NewChecker()
	if !c.Begin([]string{"path", "json"}, j.rep) {
		t.Fatal("Begin refused a document")
	}
	var in Block
	in.Reset(2)
	for i, r := range records {
		path, text, _ := strings.Cut(r, " ")
		in.AppendRecord(int64(i+1), 0, []byte(path), []byte(text))
	}
	var out Batch
	c.Check(&in, &out, j.rep)
	c.End(j.rep)
	j.rep.Finish()
	j.rows, j.rejects = textsOf(&out), out.Rejects
	return j
}

func TestDocument_FlattensRecordsIntoColumns(t *testing.T) {
	j := judgeRecords(t,
		`contrats {"id":"1","acheteur":{"id":"21739990600015"},"montant":1234567890123.10,"date":"2024-01-05","innovant":false,"titulaires":[{"titulaire":{"id":"A","type":"SIRET"}},{"titulaire":{"id":"B"}}]}`,
		`contrats {"autorite":"x","id":"7"}`,
		`autres.liste {"id":"2","acheteur":{"id":"21739990600015"},"montant":1e3,"date":"2024-01-05"}`)
	want := [][]string{
		{"Contrat", "1", "21739990600015", "1234567890123.10", "2024-01-05", "A ; B", "A", "SIRET", "false", `{"id":"21739990600015"}`},
		{"Concession", "7", "∅", "∅", "∅", "∅", "∅", "∅", "∅", "∅"},
		{"Contrat", "2", "21739990600015", "1e3", "2024-01-05", "∅", "∅", "∅", "∅", `{"id":"21739990600015"}`},
	}
	if d := cmp.Diff(want, j.rows); d != "" {
		t.Error(d)
	}
	if len(j.rep.Errors) > 0 || len(j.rep.Warnings) > 0 {
		t.Errorf("errors %+v, warnings %+v", j.rep.Errors, j.rep.Warnings)
	}
}

func TestDocument_WordsEachKeyword(t *testing.T) {
	base := func(change string) string {
		return `contrats {"id":"1","acheteur":{"id":"21739990600015"},"date":"2024-01-05"` + change + `}`
	}
	tests := []struct{ record, want, message string }{
		{base(``), "1 constraint-error required montant", "montant"},
		{base(`,"montant":0`), "1 constraint-error minimum montant", "minimum"},
		{base(`,"montant":"NC"`), "1 type-error montant", "un nombre"},
		{base(`,"montant":1,"innovant":"non"`), "1 type-error innovant", "true ou false"},
		{base(`,"montant":1,"nature":"marché"`), "1 constraint-error enum nature", "valeurs admises"},
		{base(`,"montant":1,"extra":1`), "1 extra-member", "«\u00a0extra\u00a0»"},
		{base(`,"montant":1,"titulaires":[]`), "1 constraint-error minItems titulaires", "vide"},
		{base(`,"montant":1,"titulaires":[{"titulaire":{}}]`), "1 constraint-error required titulaires[].titulaire.id", "manque"},
		{base(`,"montant":1,"titulaires":[{"titulaire":{"id":"1","type":"siret"}}]`), "1 constraint-error enum titulaires[].titulaire.type", "admises"},
		{base(`,"montant":1,"montant":2`), "1 duplicate-member", "deux fois"},
		{base(`,"montant":1e999`), "1 source-error", "démesuré"},
		{`contrats {"id":`, "1 source-error", "lisible"},
		{`contrats {"id":"1"}`, "1 unmatched-record contrats", "sortes"},
		{`ailleurs {"id":"1"}`, "1 unmatched-record ailleurs", "sortes"},
		{`contrats {"autorite":"x","valeur":{"euros":"12"}}`, "1 type-error valeur.euros", "nombre entier"},
		{`contrats {"acheteur":{"id":"123"},"id":"1234567","montant":1,"date":"x"}`, "1 constraint-error pattern acheteur.id,1 constraint-error pattern date,1 constraint-error maxLength id", "forme"},
	}
	for _, tt := range tests {
		j := judgeRecords(t, tt.record)
		if got := strings.Join(kinds(j.rep), ","); got != tt.want || len(j.rejects) != 1 {
			t.Errorf("%s: got %q, want %q", tt.record, got, tt.want)
			continue
		}
		if !strings.Contains(j.rep.Errors[0].Message, tt.message) {
			t.Errorf("%s: message %q lacks %q", tt.record, j.rep.Errors[0].Message, tt.message)
		}
		checkWording(t, j.rep.Errors[0])
	}
}

func TestDocument_ColumnsOnlyWarnTheSchemaAloneDecides(t *testing.T) {
	good := `{"id":"1","acheteur":{"id":"21739990600015"},"montant":1,"date":"2024-01-05"}`
	j := judgeRecords(t, "contrats "+good, "contrats "+good, `contrats {"id":"3","acheteur":{"id":"21739990600016"},"montant":1,"date":"xx2024-13-45yy"}`)
	if !j.rep.Valid || len(j.rows) != 3 {
		t.Fatalf("valid %v, %d rows: %v", j.rep.Valid, len(j.rows), kinds(j.rep))
	}
	var got []string
	for _, w := range j.rep.Warnings {
		got = append(got, strings.TrimSpace(w.Type+" "+w.Field))
	}
	if d := cmp.Diff([]string{"primary-key", "type-error date", "french-siret-value acheteur_id"}, got); d != "" {
		t.Error(d)
	}
	if j.rows[2][4] != "∅" {
		t.Errorf("date %q: a cell that is no date has no value in a date column", j.rows[2][4])
	}
}

func TestDocument_WithoutTableHasOneColumn(t *testing.T) {
	s, err := ParseDocument("essai/x@1", []byte(`{"type":"object","required":["a"],"properties":{"d":{"type":"string","format":"date"}}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	rep, c := NewReport(s), s.NewChecker()
	c.Begin(nil, rep)
	var in Block
	in.Reset(2)
	in.AppendRecord(1, 0, nil, []byte(` {"a": 1} `))
	in.AppendRecord(2, 0, nil, []byte(`{"b":1}`))
	in.AppendRecord(3, 0, nil, []byte(`{"a":1,"d":"2024-02-31"}`))
	var out Batch
	c.Check(&in, &out, rep)
	if d := cmp.Diff([][]string{{`{"a": 1}`}}, textsOf(&out)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"2 constraint-error required a", "3 constraint-error format d"}, kinds(rep)); d != "" {
		t.Error(d)
	}
}

func TestParseDocument_NeverFetchesAndKnowsGeoJSON(t *testing.T) {
	geo := `{"type":"object","properties":{"geometry":{"$ref":"http://geojson.org/schema/Polygon.json"}}}`
	if _, err := ParseDocument("essai/x@1", []byte(geo), nil); err != nil {
		t.Error(err)
	}
	for _, ref := range []string{"http://127.0.0.1:1/x.json", "file:///etc/hostname", "https://geojson.org/schema/Inconnu.json", "autre.json"} {
		if _, err := ParseDocument("essai/x@1", []byte(`{"properties":{"a":{"$ref":"`+ref+`"}}}`), nil); err == nil || !strings.Contains(err.Error(), "fetched") {
			t.Errorf("%s: got %v, want a refusal", ref, err)
		}
	}
}
