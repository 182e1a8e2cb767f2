package harvest

import (
	"context"
	"strings"
	"testing"

	"grenier/schemas"
)

func textInput(name, text string) Input {
	return Input{Name: name, Size: int64(len(text)), ReaderAt: strings.NewReader(text)}
}

const streetsSchema = `{"fields":[{"name":"rue"},{"name":"commune"}],"foreignKeys":[{"fields":"commune","reference":{"resource":"communes","fields":"insee"}}]}`

func TestValidate_ChecksReferencesToTheTablesThatCome(t *testing.T) {
	s, err := schemas.ParseTable("essai/rues@1", []byte(streetsSchema))
	if err != nil {
		t.Fatal(err)
	}
	streets := "rue,commune\nHaute,39013\nBasse,39198\n"
	for _, c := range []struct {
		name             string
		tables           map[string]Input
		errors, warnings int64
		fails            string
	}{
		{"none", nil, 0, 1, ""},
		{"whole", map[string]Input{"communes": textInput("c.csv", "insee;nom\n39013;Arbois\n39198;Dole\n")}, 0, 0, ""},
		{"lacks one", map[string]Input{"communes": textInput("c.csv", "nom,insee\nArbois,39013\n")}, 1, 0, ""},
		{"another", map[string]Input{"voies": textInput("c.csv", "insee\n1\n")}, 0, 1, ""},
		{"no column", map[string]Input{"communes": textInput("c.csv", "code,nom\n39013,Arbois\n")}, 1, 0, "« insee »"},
		{"unreadable", map[string]Input{"communes": textInput("c.csv", "")}, 1, 0, "« c.csv »"},
	} {
		r, err := Validate(context.Background(), textInput("rues.csv", streets), Validation{Schema: s, Tables: c.tables})
		if r.Stats.Errors != c.errors || r.Stats.Warnings != c.warnings || (err != nil) != (c.fails != "") || c.fails != "" && !strings.Contains(plainSpaces(SentenceOf(err)), c.fails) {
			t.Errorf("%s: %v, %+v\n%+v", c.name, err, r.Errors, r.Warnings)
		}
	}
}

func plainSpaces(s string) string { return strings.ReplaceAll(s, "\u00a0", " ") }

// What the national address base asks of a file itself reaches the report through every reading.
func TestValidate_ABaseAdresseLocaleIsJudgedWithItsFile(t *testing.T) {
	s, err := schemas.National().Lookup("etalab/schema-bal@1.4.0")
	if err != nil {
		t.Fatal(err)
	}
	text := "cle_interop;commune_insee;commune_nom;voie_nom;numero;position;long;lat;source;date_der_maj\n39013_0150_00012;39013;Arbois;Rue des Tilleuls;12;entrée;5.7741;46.9031;Mairie;2024-09-03\n"
	for _, c := range []struct{ name, text, want string }{
		{"as it should be", text, ""},
		{"Windows", strings.ReplaceAll(text, "\n", "\r\n"), ""},
		{"old Mac", strings.ReplaceAll(text, "\n", "\r"), "file.linebreak.non_standard"},
		{"commas", strings.ReplaceAll(text, ";", ","), "file.delimiter.non_standard"},
		{"Windows-1252", strings.ReplaceAll(text, "é", "\xe9"), "file.encoding.non_standard"},
	} {
		r, err := Validate(context.Background(), textInput("bal.csv", c.text), Validation{Schema: s})
		got := ""
		for _, i := range r.Errors {
			got += i.Type
		}
		if err != nil || got != c.want || r.Valid != (c.want == "") || r.Stats.Accepted != 1 {
			t.Errorf("%s: %q, %v, %+v", c.name, got, err, r.Stats)
		}
	}
}
