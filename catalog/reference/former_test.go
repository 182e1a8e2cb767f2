package reference

import (
	"slices"
	"testing"
)

func TestFormerNames_AreThoseOfTheCommunesThatBecameOne(t *testing.T) {
	for insee, want := range map[string][]string{
		"39130": {"Les Piards", "Prénovel", "Villard-sur-Bienne"}, "39368": {"La Mouille", "Lézat", "Morez"}, "39300": nil, "": nil, "99999": nil,
	} {
		if got := FormerNames(insee); !slices.Equal(got, want) && len(got)+len(want) > 0 {
			t.Errorf("%s: got %q, want %q", insee, got, want)
		}
	}
}
