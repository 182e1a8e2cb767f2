package rehearsal

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// harvest is the summary of the sound catalogue, with words put in place of each other.
func harvest(t testing.TB, pairs ...string) Summary {
	t.Helper()
	r := Read([]Page{{"https://donnees.brenne.example.org/catalogues/243900420.ttl", Turtle, []byte(strings.ReplaceAll(sound(t, pairs...), "PAGE", "https://donnees.brenne.example.org/catalogues/243900420.ttl"))}},
		Options{Now: now, Schemas: essai})
	text, err := json.Marshal(r.Summary())
	if err != nil {
		t.Fatal(err)
	}
	var kept Summary // as it comes back from the store
	if err := json.Unmarshal(text, &kept); err != nil {
		t.Fatal(err)
	}
	return kept
}

func TestLosses_NameWhatAHarvestWouldTakeAway(t *testing.T) {
	const marches = "https://donnees.brenne.example.org/id/jeu/marches"
	before := harvest(t)
	if !before.Sound() || len(Losses(before, before)) != 0 {
		t.Fatalf("%+v", Losses(before, before))
	}
	for name, test := range map[string]struct {
		pairs []string
		kinds string
	}{
		"title and description":  {[]string{"Jours de collecte des déchets", "Collecte", "Pour chaque rue", "Rue par rue"}, ""},
		"shorter period":         {[]string{"\"2026-01-01\"^^xsd:date", "\"2026-06-01\"^^xsd:date"}, ""},
		"one more file":          {[]string{"dcat:distribution <https://donnees.brenne.example.org/id/fichier/marches-csv>", "dcat:distribution <https://donnees.brenne.example.org/id/fichier/marches-csv>, [ a dcat:Distribution ; dcat:accessURL <https://donnees.brenne.example.org/b.csv> ]"}, ""},
		"licence":                {[]string{"  dct:license <https://www.etalab.gouv.fr/licence-ouverte-open-licence> ;\n  dct:format <http://publications.europa.eu/resource/authority/file-type/CSV> ;\n", "", "  dct:license <https://www.etalab.gouv.fr/licence-ouverte-open-licence> ;\n  dct:format [", "  dct:format ["}, "licence"},
		"schema":                 {[]string{"essai/collecte/1.0.0", "essai/collecte/9.9.9"}, "schema"},
		"frequency":              {[]string{"frequency/MONTHLY", "frequency/PARFOIS"}, "frequency"},
		"period":                 {[]string{"  dct:temporal [ a dct:PeriodOfTime ; dcat:startDate \"2026-01-01\"^^xsd:date ; dcat:endDate \"2026-12-31\"^^xsd:date ] ;\n", ""}, "temporal"},
		"territory":              {[]string{"POLYGON((5.1 46.1,5.4 46.1,5.4 46.3,5.1 46.3,5.1 46.1))", "POINT(5 46)"}, "spatial"},
		"keywords":               {[]string{"  dcat:keyword \"déchets\"@fr, \"collecte\"@fr ;\n", ""}, "tags"},
		"contact":                {[]string{" ; vcard:hasEmail <mailto:donnees@brenne.example.org>", ""}, "contact contact"},
		"address of a file":      {[]string{"/dechets.csv", "/collecte.csv"}, "file"},
		"dataset refused":        {[]string{"\"1204\"^^xsd:nonNegativeInteger", "\"12 Mo\""}, "refused"},
		"identifier":             {[]string{"dct:identifier \"" + marches + "\"", "dct:identifier \"" + marches + "/2\""}, "gone"},
		"dataset":                {[]string{"<" + marches + "> a dcat:Dataset ;", "<" + marches + "> a dcat:Resource ;"}, "gone"},
		"API":                    {[]string{"a dcat:DataService", "a dcat:Resource"}, "gone"},
		"address with a space":   {[]string{"/marches-2025.csv", "/marches 2025.csv"}, "stopped refused file"},
		"everything, by a fault": {[]string{"@prefix dcat:", "@prefixe dcat:"}, "stopped gone gone gone"},
	} {
		losses := Losses(before, harvest(t, test.pairs...))
		var kinds []string
		for _, l := range losses {
			kinds = append(kinds, l.Kind)
			if l.Text == "" || l.Key == "" || strings.Contains(l.Text, "%!") {
				t.Errorf("%s: loss without words: %+v", name, l)
			}
		}
		if got := strings.Join(kinds, " "); got != test.kinds {
			t.Errorf("%s: got losses %q, want %q", name, got, test.kinds)
		}
		again := Losses(before, harvest(t, test.pairs...))
		if !slices.Equal(losses, again) {
			t.Errorf("%s: the second comparison says %v", name, again)
		}
	}
}

func TestLosses_BeginWithTheAddressOfThePortal(t *testing.T) {
	before, after := harvest(t), harvest(t, "frequency/MONTHLY", "frequency/PARFOIS")
	after.Address = "https://autre.example.org/catalogues/243900420.ttl"
	if l := Losses(before, after); len(l) != 1 || l[0].Kind != "moved" {
		t.Errorf("%+v", l)
	}
	before.Address = "http://127.0.0.1:8080/catalogues/243900420.ttl"
	if l := Losses(before, after); len(l) != 0 {
		t.Errorf("a local catalogue lost %+v", l)
	}
}

func TestUnsound_NamesWhatIsRefusedFromTheStart(t *testing.T) {
	if l := harvest(t).Unsound(); len(l) != 0 {
		t.Errorf("%+v", l)
	}
	if l := harvest(t, "\"1204\"^^xsd:nonNegativeInteger", "\"12 Mo\"").Unsound(); len(l) != 1 || l[0].Kind != "refused" {
		t.Errorf("%+v", l)
	}
}

func BenchmarkRead(b *testing.B) {
	page := Page{"https://donnees.brenne.example.org/catalogues/243900420.ttl", Turtle, []byte(sound(b))}
	b.SetBytes(int64(len(page.Body)))
	for b.Loop() {
		Read([]Page{page}, Options{Now: now, Schemas: essai})
	}
}
