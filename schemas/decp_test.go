package schemas

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDECPVersion_TellsTheLayoutsApart(t *testing.T) {
	tests := []struct{ name, head, want string }{
		{"2019", `{"marches":[{"id":"2021V0017","acheteur":{"id":"1","nom":"x"}}]}`, "1.5.0"},
		{"2019 with another member first", ` {"$schema":"x","autre":[{"marches":1}], "marches" : [ {"id":"1"`, "1.5.0"},
		{"2019, empty", `{"marches":[]}`, "1.5.0"},
		{"2019 with a procedure of 1.4", `{"marches":[{"procedure":"Procédure négociée avec mise en concurrence préalable"}]}`, "1.4.0"},
		{"2022 in the flat list", `{"marches":[{"id":"1","techniques":{"technique":[]}`, "2.0.0"},
		{"2022", `{"marches":{"marche":[{"id":"1","titulaires":[]}]}}`, "2.0.3"},
		{"2022, concessions alone", `{"marches":{"contrat-concession":[{"id":"1"}]}}`, "2.0.3"},
		{"2022 with the kind within", `{"marches":{"marche":[{"id":"1","_type":"Marché"}]}}`, "2.0.2"},
		{"2022, empty", `{"marches":{}}`, "2.0.3"},
		{"2022, one without its list", `{"marches":{"marche":{"id":"1"}}}`, "2.0.3"},
		{"in a list", "\ufeff[\n{\"marches\":{\"marche\":[{\"id\":", "2.0.3"},
		{"the kind beyond the head", `{"marches":{"marche":[{"id":"1","objet":"abc`, "2.0.3"},
		{"XML of 2022", `<?xml version="1.0"?><!-- a --><marches><marche><id>1</id><techniques>`, "2.0.3"},
		{"XML of 2019", `<marches xmlns:xsi="x"><marche><acheteur><id>1</id><nom>x</nom>`, "1.5.0"},
		{"another JSON", `{"type":"FeatureCollection","features":[]}`, ""},
		{"no records", `{"marches":"x"}`, ""},
		{"another object", `{"marches":{"stands":[]}}`, ""},
		{"another XML", `<marchesx/>`, ""},
		{"text", `marches;x`, ""},
		{"cut before", `{"march`, ""},
		{"nothing", ``, ""},
	}
	for _, tt := range tests {
		if got, ok := DECPVersion([]byte(tt.head)); got != tt.want || ok != (tt.want != "") {
			t.Errorf("%s: %q %v, want %q", tt.name, got, ok, tt.want)
		}
	}
}

func TestDECPVersion_IsAVersionThatAcceptsTheSharedExamples(t *testing.T) {
	dir := filepath.Join("..", "..", "shared", "national-schemas", ContractsName)
	files, _ := filepath.Glob(filepath.Join(dir, "*", "example*"))
	if len(files) == 0 {
		t.Skip("the shared national schemas are not here")
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := DECPVersion(content[:min(len(content), 64<<10)])
		if want := filepath.Base(filepath.Dir(file)); !ok || got[:1] != want[:1] {
			t.Errorf("%s: %q", file, got)
		}
	}
}

func FuzzDECPVersion(f *testing.F) {
	for _, s := range append(jsonSamples, `{"marches":{"marche":[{"_type":`, `<?xml`, `<!--`, `[{"marches":[{`) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if version, ok := DECPVersion([]byte(s)); ok != (version != "") {
			t.Errorf("%q %v", version, ok)
		}
	})
}

// judgeContracts judges records of "path JSON" against a version of the schema of contracts.
func judgeContracts(t *testing.T, version string, records ...string) *Report {
	t.Helper()
	s, err := National().Lookup(ContractsName + "@" + version)
	if err != nil {
		t.Fatal(err)
	}
	rep, c := NewReport(s), s.NewChecker()
	c.Begin([]string{"path", "json"}, rep)
	var in Block
	var out Batch
	for i, r := range records {
		in.Reset(2)
		path, text, _ := strings.Cut(r, " ")
		in.AppendRecord(int64(i+1), 0, []byte(path), []byte(text))
		c.Check(&in, &out, rep)
	}
	c.End(rep)
	rep.Finish()
	return rep
}

const oldContract = `marches {"id":"2021V0017","acheteur":{"id":"21739990600015","nom":"Commune de Valmorin"},"nature":"Marché","objet":"Toiture","codeCPV":"45261000","procedure":"Procédure adaptée",` +
	`"lieuExecution":{"code":"73999","typeCode":"Code commune","nom":"Valmorin"},"dureeMois":6,"dateNotification":"2021-03-01","datePublicationDonnees":"2021-03-20","montant":125000.5,"formePrix":"Ferme",` +
	`"titulaires":[{"typeIdentifiant":"SIRET","id":"21739990600015","denominationSociale":"Toits du Val"}],"modifications":[{"objetModification":"a","dateNotificationModification":"2021-05-02","datePublicationDonneesModification":"2021-05-03"}]}`

func TestContracts_WarnOfWhatTheSchemaLetsPass(t *testing.T) {
	with := func(old, new string) string {
		if !strings.Contains(oldContract, old) {
			t.Fatalf("no %s", old)
		}
		return strings.Replace(oldContract, old, new, 1)
	}
	tests := []struct {
		name    string
		records []string
		want    []string
	}{
		{"good", []string{oldContract}, nil},
		{"zoned dates are dates", []string{with(`"2021-03-01"`, `"2021-03-01+01:00"`)}, nil},
		{"no day of the calendar", []string{with(`"2021-03-01"`, `"2021-02-30"`)}, []string{"1 decp-date dateNotification 2021-02-30"}},
		{"no day in a change", []string{with(`"2021-05-02"`, `"2021-19-02"`)}, []string{"1 decp-date modifications[].dateNotificationModification 2021-19-02"}},
		{"buyer", []string{with(`"acheteur":{"id":"21739990600015"`, `"acheteur":{"id":"21739990600016"`)}, []string{"1 decp-siret acheteur.id 21739990600016"}},
		{"holder", []string{with(`"SIRET","id":"21739990600015"`, `"SIRET","id":"217399906"`)}, []string{"1 decp-siret titulaires[].id 217399906"}},
		{"holder from elsewhere", []string{with(`"SIRET","id":"21739990600015"`, `"TVA","id":"FR123"`)}, nil},
		{"published before it was notified", []string{with(`"2021-03-01"`, `"2021-03-21"`)}, []string{"1 decp-date-order datePublicationDonnees 2021-03-20"}},
		{"a change published before", []string{with(`"2021-05-02"`, `"2021-06-02"`)}, []string{"1 decp-date-order modifications 2021-05-03"}},
		{"one number twice", []string{oldContract, with(`"Toiture"`, `"Préau"`), with(`"2021V0017"`, `"2021V0018"`)}, []string{"2 decp-duplicate id 2021V0017"}},
		{"another buyer's number", []string{oldContract, with(`"acheteur":{"id":"21739990600015"`, `"acheteur":{"id":"35600000000048"`)}, nil},
	}
	for _, tt := range tests {
		rep := judgeContracts(t, "1.5.0", tt.records...)
		var got []string
		for _, w := range rep.Warnings {
			got = append(got, fmt.Sprintf("%d %s %s %s", w.Row, w.Type, w.Field, w.Cell))
			checkWording(t, w)
		}
		if d := cmp.Diff(tt.want, got); d != "" || !rep.Valid {
			t.Errorf("%s: valid %v %v\n%s", tt.name, rep.Valid, rep.Errors, d)
		}
	}
}

func TestContracts_CountWarningsBeyondThoseTheyDetail(t *testing.T) {
	var records []string
	for i := range 250 {
		records = append(records, strings.Replace(strings.Replace(oldContract, `"2021-03-01"`, `"2021-02-30"`, 1), `"2021V0017"`, fmt.Sprintf(`"2021V%04d"`, i), 1))
	}
	rep := judgeContracts(t, "1.5.0", records...)
	if rep.Stats.Warnings != 250 || len(rep.Warnings) != noticesMax+1 || !rep.Valid {
		t.Errorf("%d warnings, %d told, valid %v", rep.Stats.Warnings, len(rep.Warnings), rep.Valid)
	}
	if last := rep.Warnings[len(rep.Warnings)-1]; !strings.HasPrefix(last.Message, "150 autres") {
		t.Errorf("last: %q", last.Message)
	}
}

func TestContracts_TheSameRecordTwiceIsAnErrorWhereTheListForbidsIt(t *testing.T) {
	turned := strings.Replace(oldContract, `{"id":"2021V0017","acheteur":{"id":"21739990600015","nom":"Commune de Valmorin"}`, `{"acheteur":{"nom":"Commune de Valmorin","id":"21739990600015"},"id":"2021V0017"`, 1)
	turned = strings.Replace(turned, `125000.5`, `1250005e-1`, 1)
	rep := judgeContracts(t, "1.5.0", oldContract, turned)
	if rep.Valid || len(rep.Errors) != 1 || rep.Errors[0].Constraint != "uniqueItems" || rep.Errors[0].Row != 2 || rep.Stats.Rejected != 1 {
		t.Errorf("%+v", rep.Errors)
	}
}
