package harvest_test

import (
	"context"
	"strings"
	"testing"

	"grenier/harvest"
	"grenier/schemas"
)

func TestValidate_SpeaksEnglishWhenAsked(t *testing.T) {
	for text, want := range map[string]string{
		"": "The file is empty: there is nothing to publish.",
		"<!DOCTYPE html><html><title>Connexion</title></html>": "Grenier received a web page instead of a file",
		"nomAttribuant\nx\n": "The mandatory column “idAttribuant” is missing.",
		grantHeader + grant(1, "2024-03-01", "10") + grant(2, "01/03/2024", "10"):                "“01/03/2024” is not a date written YYYY-MM-DD.",
		grantHeader + grant(1, "2024-03-01", "10") + grant(2, "2024-03-01", "10\x00"):            "The cell holds a null character",
		grantHeader + strings.Replace(grant(1, "2024-03-01", "10"), "Les Amis", "\"Les Amis", 1): "A quotation mark opens this cell",
	} {
		var heard []string
		r, _ := harvest.Validate(context.Background(), input("f.csv", text), harvest.Validation{Schema: national(t, "scdl/subventions"), Language: "en", Each: func(i schemas.Issue) { heard = append(heard, i.Message) }})
		if all := strings.Join(heard, "\n"); !strings.Contains(all, want) || len(heard) != len(r.Errors) || len(r.Causes) == 0 {
			t.Errorf("%q: heard %q, want %q; %d errors, %d causes", text, all, want, len(r.Errors), len(r.Causes))
		}
		for _, c := range r.Causes {
			if strings.ContainsAny(c.Message+c.Detail+c.Hint+c.Next, "«éèàê’") && !strings.Contains(c.Message+c.Detail, "’s") {
				t.Errorf("French in a cause: %+v", c)
			}
		}
	}
}
