package harvest

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"grenier/catalog"
)

// folder opens what a manifest may name.
func folder(files fstest.MapFS) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) { return fs.ReadFile(files, name) }
}

func TestReadManifest_ReadsTheLogoAndColoursOfMembers(t *testing.T) {
	const mark = `<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h9v9z"/></svg>`
	open := folder(fstest.MapFS{"logos/a.svg": {Data: []byte(mark)}})
	want, err := catalog.ReadLogo([]byte(mark))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"membres.yaml": `members: [{siren: "213900137", name: Valmeyrac, kind: commune, insee: "39013", logo: logos/a.svg, colours: {main: "#1f4d5c", accent: "#a84b18"}}]`,
		"membres.csv":  "siren;nom;type;insee;logo;couleur;accent\n213900137;Valmeyrac;commune;39013;logos/a.svg;#1f4d5c;#a84b18\n",
	} {
		m, err := ReadManifest([]NamedFile{{Name: name, Text: []byte(text), Open: open}}, catalog.Manifest{}, sampleSet(t), sampleConnectors)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := m.Members[0]
		if got.Logo != want.Name || got.Colours != (catalog.Colours{Main: "#1f4d5c", Accent: "#a84b18"}) {
			t.Errorf("%s: logo %q, colours %v", name, got.Logo, got.Colours)
		}
		if len(m.Logos) != 1 || string(m.Logos[0].Data) != mark {
			t.Errorf("%s: logos %v", name, m.Logos)
		}
	}
}

func TestReadManifest_SaysWhatIsWrongWithALivery(t *testing.T) {
	open := folder(fstest.MapFS{"live.svg": {Data: []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>`)}})
	for livery, says := range map[string]string{
		`logo: live.svg`:     "ce dessin SVG contient l’élément «\u00a0script\u00a0»",
		`logo: absent.png`:   "ne peut pas être lu",
		`logo: ../secret`:    "attend un fichier posé à côté",
		`logo: /etc/passwd`:  "attend un fichier posé à côté",
		`colours: {main: x}`: "les deux couleurs",
		`colours: {main: "#ffd700", accent: "#a84b18"}`: "contraste de 1,2:1",
		`colours: {main: "#1f4d5c", fond: "#ffffff"}`:   "fond",
	} {
		text := "members:\n  - {siren: \"213900137\", name: Valmeyrac, kind: commune, insee: \"39013\", " + livery + "}\n"
		_, err := ReadManifest([]NamedFile{{Name: "m.yaml", Text: []byte(text), Open: open}}, catalog.Manifest{}, sampleSet(t), sampleConnectors)
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "m.yaml:2") {
			t.Errorf("%s: %v, want %q", livery, err, says)
		}
	}
	text := "members: [{siren: \"213900137\", name: V, kind: commune, insee: \"39013\", logo: a.svg}]"
	if _, err := ReadManifest([]NamedFile{{Name: "-", Text: []byte(text)}}, catalog.Manifest{}, sampleSet(t), sampleConnectors); err == nil {
		t.Error("a logo was read beside the standard input")
	}
}
