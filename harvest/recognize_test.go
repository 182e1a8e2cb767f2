package harvest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"

	"grenier/schemas"
)

func inputOf(name string, text []byte) Input {
	return Input{Name: name, Size: int64(len(text)), ReaderAt: bytes.NewReader(text)}
}

// recognized recognises a file under a name that tells nothing.
func recognized(t *testing.T, file string) (Recognition, Input, error) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	in := inputOf("export"+filepath.Ext(file), text)
	r, err := Recognize(context.Background(), in, schemas.National(), DecodeOptions{})
	return r, in, err
}

func namesOf(list []schemas.Candidate) string {
	var out []string
	for _, c := range list {
		out = append(out, fmt.Sprintf("%s %.3f", c.ID, c.Score))
	}
	return strings.Join(out, ", ")
}

// bundledSamples lists our own valid files, by the version that they are of.
func bundledSamples(t *testing.T) map[schemas.ID]string {
	t.Helper()
	out := map[schemas.ID]string{}
	err := filepath.WalkDir("../schemas/national", func(p string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(d.Name(), "valid.") {
			dir := path.Dir(filepath.ToSlash(p))
			name := strings.TrimPrefix(path.Dir(dir), "../schemas/national/")
			out[schemas.ID(name+"@"+path.Base(dir))] = p
		}
		return err
	})
	if err != nil || len(out) < 50 {
		t.Fatalf("%d samples found: %v", len(out), err)
	}
	return out
}

func TestRecognize_NamesTheSchemaAndVersionOfEachBundledSample(t *testing.T) {
	for id, file := range bundledSamples(t) {
		r, in, err := recognized(t, file)
		if err != nil {
			t.Errorf("%s: %v; %s", file, SentenceOf(err), namesOf(r.Candidates))
			continue
		}
		t.Logf("%-70s %s", id, namesOf(r.Candidates[:min(2, len(r.Candidates))]))
		if r.Schema.ID.Name() != id.Name() {
			t.Errorf("%s: recognised as %s", file, namesOf(r.Candidates))
			continue
		}
		if r.Schema.ID == id {
			continue
		}
		// Another version is right when the file is as valid there.
		report, err := Validate(context.Background(), in, Validation{Schema: r.Schema})
		if err != nil || !report.Valid {
			t.Errorf("%s: recognised as %s, of which it is not valid (%v)", file, r.Schema.ID, err)
		}
	}
}

// unlike lists official examples whose schema content alone cannot tell, with the reason.
var unlike = map[string]string{}

func TestRecognize_NamesTheSchemaOfEachOfficialExample(t *testing.T) {
	const official = "../../shared/national-schemas"
	if _, err := os.Stat(official); err != nil {
		t.Skipf("SKIPPED: %s is not here: the official examples are not recognised", official)
	}
	files, _ := filepath.Glob(official + "/*/*/*/example-*")
	n := 0
	for _, file := range files {
		rel, _ := filepath.Rel(official, file)
		rel = filepath.ToSlash(rel)
		name := strings.Join(strings.Split(rel, "/")[:2], "/")
		if len(schemas.National().Versions(name)) == 0 {
			t.Logf("%-90s not bundled", rel)
			continue
		}
		r, _, err := recognized(t, file)
		t.Logf("%-90s %s", rel, namesOf(r.Candidates[:min(2, len(r.Candidates))]))
		n++
		switch why := unlike[rel]; {
		case why != "":
			t.Logf("  exception: %s", why)
		case err != nil:
			t.Errorf("%s: %s; %s", rel, SentenceOf(err), namesOf(r.Candidates))
		case r.Schema.ID.Name() != name:
			t.Errorf("%s: recognised as %s", rel, namesOf(r.Candidates))
		}
	}
	if n < 30 {
		t.Errorf("only %d examples were recognised", n)
	}
}

// The emulated data of the workloads beside the repository, in several dresses, with errors.
func TestRecognize_NamesTheSchemaOfEachWorkload(t *testing.T) {
	source, err := filepath.Abs("../../shared/workloads")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(source); err != nil {
		t.Skip("SKIPPED: no workloads beside the repository (../shared/workloads): emulated data are not recognised")
	}
	dir := t.TempDir()
	tool := filepath.Join(dir, "workloads")
	build := exec.Command("go", "build", "-o", tool, ".")
	build.Dir = source
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build workloads: %v\n%s", err, out)
	}
	for kind, name := range map[string]string{
		"subventions": "scdl/subventions", "deliberations": "scdl/deliberations", "bal": "etalab/schema-bal", "irve": "etalab/schema-irve-statique",
		"budget": "scdl/budget", "equipements": "scdl/equipements", "prenoms": "scdl/prenoms", "decp": "139bercy/format-commande-publique",
	} {
		for _, dress := range [][]string{{}, {"-encoding", "windows-1252", "-delimiter", ";", "-crlf", "-decimal-comma"}} {
			if kind == "decp" && len(dress) > 0 {
				continue
			}
			file := filepath.Join(dir, kind+fmt.Sprint(len(dress))+".dat")
			args := append([]string{"-kind", kind, "-rows", "1500", "-errors", "0.01", "-seed", "7", "-out", file}, dress...)
			if out, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			r, _, err := recognized(t, file)
			t.Logf("%-14s %-60s %s %q %s", kind, strings.Join(dress, " "), namesOf(r.Candidates[:min(2, len(r.Candidates))]), r.Dress, whyOf(r.Candidates))
			if err != nil || r.Schema.ID.Name() != name {
				t.Errorf("%s %v: %v, %s", kind, dress, err, namesOf(r.Candidates))
			}
		}
	}
}

const grantsLabels = "nomAttribuant,idAttribuant,dateConvention,referenceDecision,nomBeneficiaire,idBeneficiaire,objet,montant,nature,conditionsVersement,datesPeriodeVersement,notificationUE,pourcentageSubvention,idRAE"

func TestRecognize_SeesThroughTheDress(t *testing.T) {
	bal, err := os.ReadFile("../schemas/national/etalab/schema-bal/1.5.0/valid.csv")
	if err != nil {
		t.Fatal(err)
	}
	births := "COMMUNE_NOM,COLL_INSEE,ENFANT_SEXE,ENFANT_PRENOM,NOMBRE_OCCURRENCES,ANNEE\n" + strings.Repeat("Valmeyrac,39013,F,Zoé,7,2024\nÉpinay,39014,F,Léa,5,2024\n", 20)
	ansi, err := charmap.Windows1252.NewEncoder().String(births)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, text, id, says string
	}{
		{"a title line", "Prénoms donnés en 2024\n\n" + births, "scdl/prenoms", "Un titre précède l’en-tête, qui est à la ligne 3."},
		{"Windows-1252", ansi, "scdl/prenoms", "Le fichier est en Windows-1252."},
		{"semicolons", strings.ReplaceAll(births, ",", ";"), "scdl/prenoms", "Les colonnes sont séparées par des points-virgules."},
		{"another case", strings.ToLower(births[:strings.Index(births, "\n")]) + births[strings.Index(births, "\n"):], "scdl/prenoms", ""},
		{"spaces and accents", "Commune Nom,Coll Insée,Enfant Sexe,Enfant Prénom,Nombre Occurrences,Année\nValmeyrac,39013,F,Zoé,7,2024\n", "scdl/prenoms", ""},
		{"a label among the values", "Commune_Nom;Coll_Insee;Enfant_Sexe;Enfant_Prenom;Nombre_Occurrences;Année\nValmeyrac;39013;F;nature;7;2024\nValmeyrac;39013;F;objet;8;2024\n", "scdl/prenoms", ""},
		{"a byte order mark", "\ufeff" + string(bal), "etalab/schema-bal", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := Recognize(context.Background(), inputOf("export.csv", []byte(c.text)), schemas.National(), DecodeOptions{})
			if err != nil || r.Schema.ID.Name() != c.id {
				t.Fatalf("%v, %s", err, namesOf(r.Candidates))
			}
			if dress := strings.Join(r.Dress, " "); !strings.Contains(dress, c.says) {
				t.Errorf("dress %q, want %q", dress, c.says)
			}
			t.Log(r.Summary(), r.Candidates[0].Why, r.Dress)
		})
	}
}

func TestRecognize_ReadsTheBeginningOnly(t *testing.T) {
	head := grantsLabels + "\nVille,21390013700017,2024-03-12,,Club,,sport,100,numéraire,unique,2024,non,0.5,\n"
	in := &longGrants{head: []byte(head), row: []byte("Ville,21390013700017,2024-03-12,,Club,,sport,100,numéraire,unique,2024,non,0.5,\n")}
	r, err := Recognize(context.Background(), Input{Name: "f.csv", Size: 1 << 40, ReaderAt: in}, schemas.National(), DecodeOptions{})
	if err != nil || r.Schema.ID.Name() != "scdl/subventions" {
		t.Fatalf("%v, %s", err, namesOf(r.Candidates))
	}
	if in.furthest > 2*sampleBytes {
		t.Errorf("%d bytes were read", in.furthest)
	}
}

// longGrants is a file of a terabyte.
type longGrants struct {
	head, row []byte
	furthest  int64
}

func (e *longGrants) ReadAt(p []byte, off int64) (int, error) {
	e.furthest = max(e.furthest, off+int64(len(p)))
	for i := range p {
		at := off + int64(i)
		if at < int64(len(e.head)) {
			p[i] = e.head[at]
		} else {
			p[i] = e.row[(at-int64(len(e.head)))%int64(len(e.row))]
		}
	}
	return len(p), nil
}

func TestRecognize_SaysWhatComesNearestToAStranger(t *testing.T) {
	for name, text := range map[string]string{
		"no label in common": "blé,orge,avoine\n1,2,3\n4,5,6\n",
		"common labels only": "id,nom,date,commentaire\n1,Dupont,2024-01-02,rien\n",
		"a list of people":   "civilité;prénom;nom;courriel;téléphone\nM.;Jean;Dupont;a@b.fr;0102030405\n",
		"json of no schema":  `{"recettes":[{"plat":"soupe","sel":"non"},{"plat":"tarte","sel":"oui"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Recognize(context.Background(), inputOf("inconnu", []byte(text)), schemas.National(), DecodeOptions{})
			if !errors.Is(err, ErrNotRecognized) {
				t.Fatalf("%v, %s", err, namesOf(r.Candidates))
			}
			s := SentenceOf(err)
			if !strings.HasPrefix(s, "Le schéma n’a pas été reconnu") || !strings.Contains(s, "Nommez vous-même le schéma") {
				t.Error(s)
			}
			t.Log(s)
		})
	}
}

func TestRecognize_SaysWhyAFileCannotBeRead(t *testing.T) {
	for text, says := range map[string]string{
		"":                                     "Le fichier est vide",
		"<!DOCTYPE html><html><body>Connexion": "page web",
		"\x1f\x8bbroken":                       "",
		"%PDF-1.7":                             "document PDF",
		"{\"a\":":                              "",
	} {
		_, err := Recognize(context.Background(), inputOf("f", []byte(text)), schemas.National(), DecodeOptions{})
		var s *Sentence
		if err == nil || !errors.As(err, &s) || !strings.Contains(s.French, says) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

func TestRecognize_TellsTheLayoutsOfContractsApart(t *testing.T) {
	for _, version := range schemas.National().Versions("139bercy/format-commande-publique") {
		text, err := os.ReadFile("../schemas/national/139bercy/format-commande-publique/" + version.Version() + "/valid.json")
		if err != nil {
			continue
		}
		r, err := RecognizeVersion(context.Background(), inputOf("marches.json", text), schemas.National(), version.Name(), DecodeOptions{})
		if err != nil || r.Schema.ID.Version()[0] != version.Version()[0] {
			t.Errorf("%s: %v, %s", version, err, namesOf(r.Candidates))
		}
		// Without any good record the structure alone tells.
		wrong := strings.ReplaceAll(string(text), `"dateNotification"`, `"dateNotifiee"`)
		r, err = RecognizeVersion(context.Background(), inputOf("marches.json", []byte(wrong)), schemas.National(), version.Name(), DecodeOptions{})
		if told, _ := schemas.DECPVersion([]byte(wrong)); err != nil || r.Schema.ID.Version() != told {
			t.Errorf("%s without dates: %v, %s, want %s", version, err, namesOf(r.Candidates), told)
		}
	}
	r, err := Recognize(context.Background(), inputOf("x.json", []byte(bareContracts(t))), schemas.National(), DecodeOptions{})
	if err != nil || r.Schema.ID != "139bercy/format-commande-publique@1.5.0" || strings.Join(r.Dress, "") != "Les marchés sont dans une liste." {
		t.Errorf("a bare list: %v, %s, %q", err, namesOf(r.Candidates), r.Dress)
	}
}

func TestRecognize_SeesAFirstRecordThatIsVeryLong(t *testing.T) {
	text, err := os.ReadFile("../schemas/national/PnX-SI/schema_randonnee/1.1.0/valid.json")
	if err != nil {
		t.Fatal("no sample of GeoJSON is bundled")
	}
	long := strings.Replace(string(text), `"coordinates": [`, `"coordinates": [`+strings.Repeat("[2.1234567, 48.1234567], ", 100_000), 1)
	if len(long) == len(text) {
		t.Fatal("the sample has no list of coordinates")
	}
	r, err := Recognize(context.Background(), inputOf("x.json", []byte(long)), schemas.National(), DecodeOptions{})
	if err != nil || r.Schema.ID.Name() != "PnX-SI/schema_randonnee" {
		t.Errorf("%v, %s", err, namesOf(r.Candidates))
	}
}

func FuzzRecognize(f *testing.F) {
	f.Add([]byte("COMMUNE_NOM,COLL_INSEE\nX,1\n"))
	f.Add([]byte(`{"marches":{"marche":[{"id":"1","a":[{"b":{}}]},`))
	f.Add([]byte(`[{"id":1}]{"id":2}`))
	f.Add([]byte("<marches><marche><id>1</id>"))
	f.Add([]byte("\x1f\x8b\x08"))
	set := schemas.National()
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Recognize(context.Background(), inputOf("f", text), set, DecodeOptions{})
		var s *Sentence
		if err != nil && !errors.As(err, &s) {
			t.Errorf("an error without a sentence: %v", err)
		}
		if (err == nil) != (r.Schema != nil) {
			t.Errorf("schema %v with error %v", r.Schema, err)
		}
	})
}

// bareContracts is the list of contracts of our sample of 2019, without what is around it.
func bareContracts(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../schemas/national/139bercy/format-commande-publique/1.5.0/valid.json")
	if err != nil {
		t.Fatal(err)
	}
	s := string(text)
	return s[strings.Index(s, "[") : strings.LastIndex(s, "]")+1]
}

func TestRecognize_TheNameOfTheFileSettlesTiesOnly(t *testing.T) {
	births := []byte("COMMUNE_NOM,COLL_INSEE,ENFANT_SEXE,ENFANT_PRENOM,NOMBRE_OCCURRENCES,ANNEE\nValmeyrac,39013,F,Zoé,7,2024\n")
	r, err := Recognize(context.Background(), inputOf("subventions-2024.csv", births), schemas.National(), DecodeOptions{})
	if err != nil || r.Schema.ID.Name() != "scdl/prenoms" {
		t.Errorf("%v, %s", err, namesOf(r.Candidates))
	}
}

func BenchmarkRecognize(b *testing.B) {
	text := []byte(grantsLabels + "\n" + strings.Repeat("Ville,21390013700017,2024-03-12,,Club,,sport,100,numéraire,unique,2024,non,0.5,\n", 20000))
	set := schemas.National()
	for b.Loop() {
		if _, err := Recognize(context.Background(), inputOf("f.csv", text), set, DecodeOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

func whyOf(list []schemas.Candidate) string {
	if len(list) == 0 {
		return ""
	}
	return list[0].Why
}
