package harvest

import "testing"

func TestSourceName_TellsTheFileAndNothingElseOfTheAddress(t *testing.T) {
	for name, want := range map[string]string{
		"subventions 2024.csv":                                "subventions 2024.csv",
		"dépôt/2024/délibérations.csv":                        "délibérations.csv",
		`export\actes.xlsx`:                                   "actes.xlsx",
		"https://actes.example/export/delib.csv?cle=secret#x": "delib.csv",
		"https://nom:secret@actes.example/delib.csv":          "delib.csv",
		"https://actes.example":                               "actes.example",
		"https://actes.example/?cle=secret":                   "actes.example",
		"jeux/delib.csv?cle=secret":                           "delib.csv",
	} {
		if got := sourceName(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
