package web

import (
	"strings"
	"testing"

	"grenier/schemas"
)

func TestColumn_ShowsValuesInFrenchForm(t *testing.T) {
	for _, c := range []struct {
		name string
		kind schemas.Type
		raw  string
		want string
	}{
		{"montant", schemas.Number, "12345.5", "12 345,50 €"},
		{"montant", schemas.Number, "1200", "1 200 €"},
		{"prixTTC", schemas.Number, "-0.25", "−0,25 €"},
		{"montant", schemas.Number, "1e+30", "1e+30"},
		{"montant", schemas.Number, "NaN", "NaN"},
		{"population", schemas.Integer, "4210", "4 210"},
		{"ANNEE", schemas.Integer, "2024", "2024"},
		{"numeroVoie", schemas.Integer, "1204", "1204"},
		{"idBeneficiaire", schemas.String, "21390013700018", "21390013700018"},
		{"code_postal", schemas.Integer, "39100", "39100"},
		{"videoprojecteurs", schemas.Integer, "1500", "1 500"},
		{"dateConvention", schemas.Date, "2026-02-27", "27/02/2026"},
		{"creeLe", schemas.Datetime, "2026-02-27T14:05:00", "27/02/2026 à 14 h 05"},
		{"adopte", schemas.Boolean, "true", "oui"},
		{"objet", schemas.String, "été \u202egauche", "été gauche"},
	} {
		one := columnOf(&schemas.Field{Name: c.name, Type: c.kind, Format: "default"})
		if got := plain(one.show(c.raw, 100).Text); got != c.want {
			t.Errorf("%s %q: %q, want %q", c.name, c.raw, got, c.want)
		}
	}
}

func TestColumn_CutsLongTextsAndFollowsOnlyWebAddresses(t *testing.T) {
	text := columnOf(&schemas.Field{Name: "objet", Type: schemas.String, Format: "default"})
	if got := text.show(strings.Repeat("é", 10_000), 300); !got.Cut || len([]rune(got.Text)) != 301 {
		t.Errorf("a text of 10,000 characters is shown in %d", len([]rune(got.Text)))
	}
	link := columnOf(&schemas.Field{Name: "url", Type: schemas.String, Format: "uri"})
	if got := link.show("https://mairie.example.org/a", 100).Link; got != "https://mairie.example.org/a" {
		t.Errorf("link %q", got)
	}
	for _, bad := range []string{"javascript:alert(1)", "data:text/html,x", "//ailleurs.example", "https://u:p@x.example/"} {
		if got := link.show(bad, 100).Link; got != "" {
			t.Errorf("%s is followed", bad)
		}
	}
}

func TestChoose_KeepsTheColumnsThatTellMostInTheirOrder(t *testing.T) {
	var all []column
	for _, f := range []schemas.Field{{Name: "nomAttribuant", Type: schemas.String}, {Name: "idAttribuant", Type: schemas.String}, {Name: "dateConvention", Type: schemas.Date}, {Name: "referenceDecision", Type: schemas.String},
		{Name: "nomBeneficiaire", Type: schemas.String}, {Name: "idBeneficiaire", Type: schemas.String}, {Name: "objet", Type: schemas.String}, {Name: "montant", Type: schemas.Number}} {
		all = append(all, columnOf(&f))
	}
	var got []string
	for _, c := range choose(all, 5) {
		got = append(got, c.Name)
	}
	if s := strings.Join(got, " "); s != "nomAttribuant dateConvention nomBeneficiaire objet montant" {
		t.Error(s)
	}
}
