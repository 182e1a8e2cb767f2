package harvest

import (
	"errors"
	"testing"

	"grenier/catalog"
)

func TestRecipe_KeepsVersionsAsItSays(t *testing.T) {
	const recipe = "name: a\nconnector: http\noptions: {url: \"https://a.example.org/a.csv\"}\nschema: essai/arbres\n"
	for text, want := range map[string]catalog.PrunePolicy{
		"":                                 {Last: 10, Months: 24, Years: 10},
		"keep: 3":                          {Last: 3},
		"retention: {}":                    {Last: 10, Months: 24, Years: 10},
		"retention: {last: 5}":             {Last: 5, Months: 24, Years: 10},
		"retention: {months: 0}":           {Last: 10, Years: 10},
		"retention: {last: 1, years: 0}":   {Last: 1, Months: 24},
		"retention: {months: 6, years: 2}": {Last: 10, Months: 6, Years: 2},
	} {
		r, err := ParseRecipe("r.yaml", []byte(recipe+text), sampleSet(t), sampleConnectors)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := r.Retention()
		if got.Location.String() != "Europe/Paris" {
			t.Errorf("%s: months of %s", text, got.Location)
		}
		if got.Location = nil; got != want {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"keep: 3\nretention: {last: 3}": "r.yaml:5: keep: donnez",
		"retention: {last: -1}":         "r.yaml:5: retention.last: attend un nombre de versions",
		"retention: {months: -1}":       "r.yaml:5: retention.months: attend un nombre de mois",
		"retention: {years: -1}":        "r.yaml:5: retention.years: attend un nombre d’années",
		"retention: 12":                 "r.yaml:5: retention: attend des clés",
		"retention: {weeks: 3}":         "r.yaml:5: retention.weeks: clé inconnue",
	} {
		_, err := ParseRecipe("r.yaml", []byte(recipe+text), sampleSet(t), sampleConnectors)
		var faults FaultList
		if !errors.As(err, &faults) {
			t.Errorf("%s: %v", text, err)
			continue
		}
		compareFaults(t, faults, []string{want})
	}
}
