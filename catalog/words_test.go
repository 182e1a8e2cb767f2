package catalog

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestWords_AreWhatATextSays(t *testing.T) {
	for text, want := range map[string]string{
		"L’école de la Vallée": "ecole vallee", "Les œuvres d'art": "oeuvres art", "St-Claude": "saint claude", "STE CROIX": "sainte croix", "qu’il y a-t-il ?": "qu il y a t il",
		"Lons-le-Saunier": "lons saunier", "Budget 2026": "budget 2026", "": "", "…": "", "Chalon s/ Saône": "chalon saone", "le la les": "le la les",
	} {
		if got := strings.Join(Texts(Words(text)), " "); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestStem_PluralsAndFemininesAreOneWord(t *testing.T) {
	for _, same := range []string{
		"subvention subventions", "municipal municipale municipaux municipales", "public publique publics publiques", "local locaux locale", "adresse adresses", "bureau bureaux",
		"reseau reseaux", "elu elus elue elues", "vote vote votee votees", "administratif administrative administratifs", "commune communes", "eau eaux", "jeu jeux", "ecole ecoles",
		"culturel culturelle culturels", "travaux", "prix", "ancien ancienne anciennes", "acheteur acheteuse acheteurs",
	} {
		words := strings.Fields(same)
		for _, w := range words[1:] {
			if Stem(w) != Stem(words[0]) {
				t.Errorf("%s gives %s, %s gives %s", words[0], Stem(words[0]), w, Stem(w))
			}
		}
	}
	for _, apart := range [][2]string{{"lons", "lens"}, {"2024", "2025"}, {"marche", "mars"}, {"taux", "tal"}, {"budget", "budgetaire"}} {
		if Stem(apart[0]) == Stem(apart[1]) {
			t.Errorf("%s and %s are both %s", apart[0], apart[1], Stem(apart[0]))
		}
	}
}

func TestSubjects_AreNamedManyWays(t *testing.T) {
	for text, want := range map[string]string{
		"DECP": "marches", "marché public": "marches", "les délibs de Dole": "deliberations", "BAL": "adresses", "bornes de recharge pour véhicules électriques": "irve irve",
		"subventions": "subventions", "compte administratif": "compteadministratif", "CA": "compteadministratif epci", "points d'eau incendie": "pompiers", "points d’eau potable": "fontaines",
		"rien de tel": "", "arrêts de bus": "transport", "zz": "",
	} {
		var got []string
		for _, s := range SubjectsOf(text) {
			for _, c := range s.Concepts {
				got = append(got, c.Name)
			}
		}
		if all := strings.Join(got, " "); all != want {
			t.Errorf("%q is about %q, want %q", text, all, want)
		}
	}
}

func TestSynonyms_AreReadWholeAndFaultsAreNamed(t *testing.T) {
	if n := len(subjects().concepts); n < 70 {
		t.Errorf("%d subjects", n)
	}
	for text, want := range map[string]string{"a\tb": "four cells", "a\t\t\tx\na\t\t\ty": "twice", "a\tb\t\tx": "not there", "A1\t\t\tx": "small letters", "a\t\t\tx, …": "no word"} {
		if _, err := readLexicon(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestPlaces_FindsTownsByTheirNamesOfTodayAndOfThePast(t *testing.T) {
	p := NewPlaces([]Member{
		{SIREN: "213904782", Name: "Ville de Saint-Claude", Kind: Commune, INSEE: "39478", Population: 8386}, {SIREN: "200087468", Name: "Nanchez", Kind: Commune, INSEE: "39130"},
		{SIREN: "200026573", Name: "Communauté de communes Haut-Jura Saint-Claude", Kind: EPCI}, {SIREN: "213903001", Name: "Lons-le-Saunier", Kind: Commune, INSEE: "39300"},
		{SIREN: "219900000", Name: "Vaux-sur-Œuvre", Kind: Commune, INSEE: "99001"}, {SIREN: "219900018", Name: "Arc-en-Val", Kind: Commune}, {SIREN: "219900026", Name: "Arc-et-Fontaine", Kind: Commune},
	})
	for text, want := range map[string]string{
		"subventions Lons": "Lons-le-Saunier", "lons le saunier budget": "Lons-le-Saunier", "st claude": "Saint-Claude", "Haut-Jura Saint-Claude": "Communauté de communes Haut-Jura Saint-Claude",
		"les prénoms de Prénovel": "Nanchez (Prénovel)", "vaux sur oeuvre": "Vaux-sur-Œuvre", "Viry": "Viry", "budget": "", "39300": "Lons-le-Saunier", "budget 200087468": "Nanchez", "": "", "Paris": "", "arc": "Arc-en-Val Arc-et-Fontaine",
		"lavans": "Lavans-lès-Saint-Claude", "Lavans-lès-Saint-Claude": "Lavans-lès-Saint-Claude",
	} {
		var got []string
		for _, list := range p.Find(text) {
			for _, m := range list {
				name := m.Name
				if m.Formerly != "" {
					name += " (" + m.Formerly + ")"
				}
				got = append(got, name)
			}
		}
		if all := strings.Join(got, " "); all != want {
			t.Errorf("%q finds %q, want %q", text, all, want)
		}
	}
	viry := p.Find("Viry")[0][0]
	if viry.SIREN != "" || viry.INSEE != "39579" || len(viry.Members) != 1 || viry.Members[0].SIREN != "200026573" {
		t.Errorf("a commune that is no member is not covered by its grouping: %+v", viry)
	}
	if near := p.Near("Sant-Claude", 2); len(near) == 0 || near[0].Name != "Saint-Claude" || near[0].Typed != "sant claude" {
		t.Errorf("near Sant-Claude: %+v", near)
	}
	if begun := p.Begin("sain", 3); len(begun) == 0 || begun[0].Name != "Saint-Claude" {
		t.Errorf("sain begins %+v", begun)
	}
}

func TestDistance_CountsErrorsUpToALimit(t *testing.T) {
	for _, c := range []struct {
		a, b string
		most int
		want int
		ok   bool
	}{{"budget", "budget", 0, 0, true}, {"budjet", "budget", 1, 1, true}, {"bugdet", "budget", 1, 1, true}, {"budget", "gudget", 2, 0, false}, {"deliberatoin", "deliberation", 2, 1, true},
		{"abc", "abcdef", 2, 0, false}, {"", "a", 1, 0, false}, {"sources", "courses", 2, 0, false}} {
		if d, ok := Distance(c.a, c.b, c.most); ok != c.ok || ok && d != c.want {
			t.Errorf("%s and %s: got %d, %v", c.a, c.b, d, ok)
		}
	}
}

func TestEntry_SaysWhatADatasetIsAboutAndHowGoodItIs(t *testing.T) {
	d := Dataset{Title: "DECP de Nanchez (2024)", Description: "Marchés publics.", Keywords: []string{"achats"}, SchemaName: "scdl/budget", TemporalFrom: "2023-01-01", TemporalTo: "2025-06-30",
		Member: Member{SIREN: "200087468", Name: "Nanchez", Kind: Commune, INSEE: "39130"}, Valid: true, Rows: 10}
	e := EntryOf(&d)
	for _, c := range []struct {
		what      string
		got, want []string
	}{
		{"own", e.Own, []string{"nanchez", "200087468", "39130"}}, {"former", e.Former, []string{"piards", "prenovel", "villard_bienne"}}, {"areas", e.Areas, []string{"jura"}}, {"title", e.TitleMarks, []string{"zzmarches"}},
		{"subject", e.SubjectMarks, []string{"zzbudget"}}, {"years", e.Years, []string{"2023", "2024", "2025"}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s: got %q, want %q", c.what, c.got, c.want)
		}
	}
	if e.Quality != 1 || e.Length != 1 {
		t.Errorf("quality %v, %d words of its own", e.Quality, e.Length)
	}
	d.Rejected, d.Status, d.Valid = 10, DatasetStale, false
	if worse := EntryOf(&d); worse.Quality >= 0.2 || worse.Quality < 0 {
		t.Errorf("quality %v of a stale file with half of its rows rejected", worse.Quality)
	}
}

func FuzzUnits_DivideAnyText(f *testing.F) {
	for _, s := range []string{"subventions Lons", "l’é\u0301tat", "zzbudget", "\xff", "a b c d e f g h i j k l m n o p q r s t u v w x y z", "de la"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n := 0
		for _, u := range Units(text, func(key string) bool { return len(key)%3 == 0 }) {
			if len(u.Words) == 0 {
				t.Fatal("a part without words")
			}
			n += len(u.Words)
		}
		if all := len(Words(text)); n > all {
			t.Fatalf("%d words in parts, %d in the text", n, all)
		}
		if plain, _ := Plain(text); !utf8.ValidString(plain) {
			t.Fatalf("%q", plain)
		}
	})
}
