package catalog

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSlug_ReadsAsTheTitle(t *testing.T) {
	for _, c := range []struct{ title, want string }{
		{"Délibérations du conseil municipal", "deliberations-du-conseil-municipal"},
		{"L’eau d’Aÿ-sur-Cœur", "l-eau-d-ay-sur-coeur"},
		{"L'eau d'Aÿ", "l-eau-d-ay"},
		{"Façades « ÆTHER » – n° 12", "facades-aether-n-12"},
		{"  --Budget--  2026 ", "budget-2026"},
		{"", "sans-titre"},
		{"…", "sans-titre"},
		{"Ελλάδα", "sans-titre"},
		{"Ελλάδα 2026", "2026"},
		{"De\u0301libe\u0301rations", "deliberations"}, // decomposed
		{"ﬁnances", "finances"},                        // ligature
		{strings.Repeat("subventions ", 10), "subventions-subventions-subventions-subventions-subventions"},
		{strings.Repeat("a", 200), strings.Repeat("a", 60)},
		{"a " + strings.Repeat("b", 59), "a"},
		{"a " + strings.Repeat("b", 58), "a-" + strings.Repeat("b", 58)},
	} {
		if got := Slug(c.title); got != c.want {
			t.Errorf("Slug(%q) = %q, want %q", c.title, got, c.want)
		}
	}
}

func TestFold_ForgetsAccentsCaseAndPunctuation(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"Saint-Étienne-lès-Œillets", "saint etienne les oeillets"},
		{"L’Haÿ-les-Roses", "l hay les roses"},
		{"L'HAŸ LES ROSES", "l hay les roses"},
		{"", ""}, {" - ", ""}, {"100 %", "100"}, {"Straße", "strasse"}, {"STRAẞE", "strasse"},
	} {
		if got := Fold(c.text); got != c.want {
			t.Errorf("Fold(%q) = %q, want %q", c.text, got, c.want)
		}
	}
}

func TestSlug_IsAlwaysAnAddress(t *testing.T) {
	form := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "title")
		slug := Slug(s)
		if !form.MatchString(slug) || len(slug) > slugMax {
			t.Fatalf("Slug(%q) = %q", s, slug)
		}
		if Slug(slug) != slug {
			t.Fatalf("Slug(%q) = %q, and again %q", s, slug, Slug(slug))
		}
		if f := Fold(s); Fold(f) != f {
			t.Fatalf("Fold(%q) = %q, and again %q", s, f, Fold(f))
		}
	})
}
