package harvest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"

	"grenier/schemas"
)

func contractPaths(t testing.TB, version string) DecodeOptions {
	t.Helper()
	s, err := schemas.National().Lookup("139bercy/format-commande-publique@" + version)
	if err != nil {
		t.Fatal(err)
	}
	return DecodeOptions{}.knowing(s)
}

// contract2024 is a contract of the format of 2022 that its schema accepts.
const contract2024 = `<marche>
  <id>2024V017</id><acheteur><id>21739990600015</id></acheteur><nature>Marché</nature><objet>Toiture de l'école &amp; préau &#233;tanche</objet>
  <codeCPV>45261000-4</codeCPV><techniques><technique>Sans objet</technique></techniques>
  <modalitesExecution><modaliteExecution>Tranches</modaliteExecution><modaliteExecution>Bons de commande</modaliteExecution></modalitesExecution>
  <marcheInnovant>non</marcheInnovant><ccag>Travaux</ccag><offresRecues> 3 </offresRecues><attributionAvance>oui</attributionAvance><tauxAvance>.05</tauxAvance>
  <typeGroupementOperateurs>Pas de groupement</typeGroupementOperateurs><sousTraitanceDeclaree>non</sousTraitanceDeclaree><procedure>Procédure adaptée</procedure>
  <lieuExecution><code>73999</code><typeCode>Code commune</typeCode></lieuExecution><dureeMois>006</dureeMois>
  <dateNotification>2024-03-01</dateNotification><datePublicationDonnees>2024-03-20</datePublicationDonnees><montant>+125000.50</montant>
  <typesPrix><typePrix>Définitif ferme</typePrix></typesPrix><formePrix>Forfaitaire</formePrix>
  <titulaires><titulaire><typeIdentifiant>SIRET</typeIdentifiant><id>82999990600016</id></titulaire></titulaires>
  <considerationsSociales><considerationSociale>Pas de considération sociale</considerationSociale></considerationsSociales>
  <considerationsEnvironnementales><considerationEnvironnementale>Pas de considération environnementale</considerationEnvironnementale></considerationsEnvironnementales>
  <modifications><modification><id>1</id><dureeMois>8</dureeMois><dateNotificationModification>2024-05-02</dateNotificationModification><datePublicationDonneesModification>2024-05-03</datePublicationDonneesModification></modification><modification><id>2</id><dateNotificationModification>2024-06-02</dateNotificationModification><datePublicationDonneesModification>2024-06-03</datePublicationDonneesModification></modification></modifications>
</marche>`

func TestXML_TurnsContractsIntoTheJSONOfTheirSchema(t *testing.T) {
	tests := []struct {
		name, version, content string
		want                   []string // path and JSON
	}{
		{"2022", "2.0.3", "<?xml version=\"1.0\"?>\n<marches>" + contract2024 + "</marches>", []string{
			`marches.marche {"id":"2024V017","acheteur":{"id":"21739990600015"},"nature":"Marché","objet":"Toiture de l'école & préau étanche","codeCPV":"45261000-4","techniques":{"technique":["Sans objet"]},"modalitesExecution":{"modaliteExecution":["Tranches","Bons de commande"]},` +
				`"marcheInnovant":false,"ccag":"Travaux","offresRecues":3,"attributionAvance":true,"tauxAvance":0.05,"typeGroupementOperateurs":"Pas de groupement","sousTraitanceDeclaree":false,"procedure":"Procédure adaptée","lieuExecution":{"code":"73999","typeCode":"Code commune"},"dureeMois":6,` +
				`"dateNotification":"2024-03-01","datePublicationDonnees":"2024-03-20","montant":125000.50,"typesPrix":{"typePrix":["Définitif ferme"]},"formePrix":"Forfaitaire","titulaires":[{"titulaire":{"typeIdentifiant":"SIRET","id":"82999990600016"}}],` +
				`"considerationsSociales":{"considerationSociale":["Pas de considération sociale"]},"considerationsEnvironnementales":{"considerationEnvironnementale":["Pas de considération environnementale"]},"modifications":[{"modification":{"id":1,"dureeMois":8,"dateNotificationModification":"2024-05-02","datePublicationDonneesModification":"2024-05-03"}},{"modification":{"id":2,"dateNotificationModification":"2024-06-02","datePublicationDonneesModification":"2024-06-03"}}]}`}},
		{"2019, flat lists and empty ones", "1.5.0", `<marches><marche><titulaires><titulaire><id>7</id></titulaire><titulaire><id>8</id></titulaire></titulaires><modifications/></marche><contrat-concession><donneesExecution> </donneesExecution></contrat-concession></marches>`, []string{
			`marches {"titulaires":[{"id":"7"},{"id":"8"}],"modifications":[]}`, `marches {"donneesExecution":[]}`}},
		{"a list of items that bear the name of one of their members", "1.5.0", `<marches><contrat-concession><donneesExecution><donneesAnnuelles><tarifs><tarif><intituleTarif>a</intituleTarif><tarif>1.50</tarif></tarif></tarifs></donneesAnnuelles></donneesExecution></contrat-concession></marches>`, []string{
			`marches {"donneesExecution":[{"tarifs":[{"intituleTarif":"a","tarif":1.50}]}]}`}},
		{"the same in 2022", "2.0.2", `<marches><contrat-concession><donneesExecution><donneesAnnuelles><tarifs><tarif><intituleTarif>a</intituleTarif><tarif>1</tarif></tarif></tarifs></donneesAnnuelles></donneesExecution></contrat-concession></marches>`, []string{
			`marches.contrat-concession {"donneesExecution":[{"donneesAnnuelles":{"tarifs":[{"tarif":{"intituleTarif":"a","tarif":1}}]}}]}`}},
		{"what is none of its type stays text", "2.0.3", `<marches><marche><montant>NC</montant><marcheInnovant>peut-être</marcheInnovant><dureeMois/><acheteur>x</acheteur><techniques/><inconnu a:b="1" xmlns:a="http://www.w3.org/2001/XMLSchema-instance">é"\</inconnu></marche></marches>`, []string{
			`marches.marche {"montant":"NC","marcheInnovant":"peut-être","dureeMois":"","acheteur":"x","techniques":{},"inconnu":"é\"\\"}`}},
		{"an element that comes twice is a list", "2.0.3", `<marches><marche><objet>a</objet><id>1</id><objet>b</objet></marche></marches>`, []string{`marches.marche {"objet":["a","b"],"id":"1"}`}},
		{"a list without its wrapper", "1.5.0", `<marches><marche><modifications><objetModification>a</objetModification></modifications><modifications/><modifications><objetModification>b</objetModification></modifications></marche></marches>`, []string{
			`marches {"modifications":[{"objetModification":"a"},{"objetModification":"b"}]}`}},
		{"nil, CDATA, comments", "2.0.3", `<marches xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><!-- a --><marche><id xsi:nil="true"/><objet><![CDATA[a < b]]> c</objet></marche><?b c?></marches>`, []string{`marches.marche {"id":null,"objet":"a < b c"}`}},
		{"an element of another kind", "2.0.3", `<marches><accord><id>1</id></accord></marches>`, []string{`marches.accord {"id":"1"}`}},
		{"none", "2.0.3", `<marches/>`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decodeAll(input("f.xml", tt.content), contractPaths(t, tt.version))
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			for _, r := range got.cells {
				if !json.Valid([]byte(r[1])) {
					t.Errorf("not JSON: %s", r[1])
				}
				lines = append(lines, r[0]+" "+r[1])
			}
			if d := cmp.Diff(tt.want, lines); d != "" {
				t.Error(d)
			}
		})
	}
}

func utf16Of(s string) string {
	var b strings.Builder
	b.WriteString("\xff\xfe")
	for _, u := range utf16.Encode([]rune(s)) {
		b.WriteByte(byte(u))
		b.WriteByte(byte(u >> 8))
	}
	return b.String()
}

func TestXML_HonoursTheEncodingThatTheDocumentDeclares(t *testing.T) {
	const body = `<marches><marche><objet>Été à l’œuvre : 3 €</objet></marche></marches>`
	declared := func(name string) string { return `<?xml version="1.0" encoding="` + name + `" ?>` }
	tests := []struct{ name, content, encoding string }{
		{"utf-8", declared("UTF-8") + body, "utf-8"},
		{"none", body, "utf-8"},
		{"mark", "\ufeff" + declared("utf-8") + body, "utf-8"},
		{"windows-1252", must(charmap.Windows1252.NewEncoder().String(declared("windows-1252") + body)), "windows-1252"},
		{"iso-8859-15", must(charmap.ISO8859_15.NewEncoder().String(declared("ISO-8859-15") + strings.ReplaceAll(body, "’", "'"))), "iso-8859-15"},
		{"iso-8859-1", must(charmap.Windows1252.NewEncoder().String(declared("ISO-8859-1") + body)), "windows-1252"},
		{"utf-16", utf16Of(declared("utf-16") + body), "utf-16"},
		{"utf-16 that is none", declared("utf-16") + body, "utf-8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dec, err := Decode(input("f.xml", tt.content), contractPaths(t, "2.0.3"))
			if err != nil {
				t.Fatal(err)
			}
			var b schemas.Block
			if err := dec.Next(&b); err != nil || b.Rows != 1 {
				t.Fatalf("%d records, %v", b.Rows, err)
			}
			if got := strings.ReplaceAll(string(b.Cell(0, 1)), "'", "’"); got != `{"objet":"Été à l’œuvre : 3 €"}` || dec.Info().Encoding != tt.encoding || dec.Info().Format != "xml" {
				t.Errorf("%s in %+v", got, dec.Info())
			}
		})
	}
}

func TestXML_RefusesWithASentenceAndTheLine(t *testing.T) {
	deep := strings.Repeat("<a>", 70) + strings.Repeat("</a>", 70)
	tests := []struct{ name, content, says string }{
		{"another root", "<?xml version=\"1.0\"?>\n<PES_Aller/>", "de racine « PES_Aller »"},
		{"another root behind a comment", "<!-- a --><Document/>", "de racine « Document »"},
		{"a paragraph", "<?xml version=\"1.0\"?><!-- a --><?b?><p/>", "de racine « p »"},
		{"page in XHTML", "<?xml version='1.0'?>\n<!DOCTYPE html PUBLIC 'x'>\n<html>", "une page web"},
		{"namespace", `<marches xmlns="urn:x"/>`, "espace de noms"},
		{"document type", "<?xml version=\"1.0\"?>\n<!DOCTYPE marches [<!ENTITY a \"b\">]>\n<marches/>", "(ligne 2)"},
		{"billion laughs", `<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;">]><marches><marche>&lol2;</marche></marches>`, "par sécurité"},
		{"external entity", `<!DOCTYPE a SYSTEM "file:///etc/hostname"><marches/>`, "par sécurité"},
		{"entity that is not defined", "<marches><marche>\n<objet>&eacute;t&eacute;</objet></marche></marches>", "entité"},
		{"truncated within a record", "<marches><marche>\n<objet>a", "incomplet"},
		{"truncated between records", "<marches>" + contract2024, "incomplet"},
		{"truncated before the root", "<?xml version=\"1.0\"?><!-- a -->", "incomplet"},
		{"wrong end", "<marches>\n<marche></marches>", "bien formé"},
		{"bare sign", "<marches><marche><objet>a & b</objet></marche></marches>", "entité"},
		{"two roots", "<marches/>\n<marches/>", "continue après"},
		{"text between records", "<marches>\n12<marche/></marches>", "entre les contrats"},
		{"deep", "<marches><marche>" + deep + "</marche></marches>", "plus de 64"},
		{"wide", "<marches><marche>" + strings.Repeat("<a/>", maxXMLElements+1) + "</marche></marches>", "démesuré"},
		{"a giant attribute", "<marches><marche a=\"" + strings.Repeat("x", maxXMLToken) + "\"/></marches>", "plus de 4"},
		{"a giant text", "<marches><marche><objet>" + strings.Repeat("x", maxXMLToken+1) + "</objet></marche></marches>", "plus de 4"},
		{"bytes that are no UTF-8", "<marches><marche><objet>\xe9t\xe9</objet></marche></marches>", "illisibles"},
		{"unknown encoding", `<?xml version="1.0" encoding="EBCDIC"?><marches/>`, "ebcdic"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := decodeAll(input("f.xml", tt.content), contractPaths(t, "2.0.3"))
			got := SentenceOf(err)
			if err == nil || !strings.Contains(strings.ReplaceAll(got, "\u00a0", " "), tt.says) {
				t.Errorf("error %v, sentence %q, want %q in it", err, got, tt.says)
			}
			wellPunctuated(t, got)
		})
	}
}

func TestXML_SaysWhereItDoesNotBelong(t *testing.T) {
	doc := "<marches><marche/></marches>"
	for _, tt := range []struct {
		opt  DecodeOptions
		says string
	}{
		{DecodeOptions{}, "139bercy/format-commande-publique"},
		{DecodeOptions{Format: "csv"}, "Un fichier CSV était attendu"},
		{DecodeOptions{Documents: []schemas.RecordPath{{Path: "features"}}}, "Un fichier JSON était attendu"},
	} {
		if _, err := decodeAll(input("f.xml", doc), tt.opt); !strings.Contains(SentenceOf(err), tt.says) {
			t.Errorf("%+v: %q", tt.opt, SentenceOf(err))
		}
	}
}

func TestXML_TellsAttributesMixedTextAndTheLineOfEachContract(t *testing.T) {
	doc := "<marches>\n <marche><id>1</id></marche>\n\n <marche a='1'>x<id b='2'>2</id></marche></marches>"
	dec, err := Decode(input("f.xml", doc), contractPaths(t, "2.0.3"))
	if err != nil {
		t.Fatal(err)
	}
	var b schemas.Block
	if err := dec.Next(&b); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(b.Line, []int64{2, 4}) || !slices.Equal(b.Row, []int64{1, 2}) || len(b.Faults) != 3 || b.Faults[0].Record != 1 {
		t.Errorf("lines %v, rows %v, faults %+v", b.Line, b.Row, b.Faults)
	}
	for _, f := range b.Faults {
		wellPunctuated(t, f.Message)
	}
	if b.Frame == nil || string(b.Frame.JSON) != `{"marches":{"marche":[]}}` {
		t.Errorf("frame %+v", b.Frame)
	}
	if err := dec.Next(&b); err != io.EOF || b.Rows != 0 {
		t.Errorf("then %v, %d records", err, b.Rows)
	}
}

func TestXML_StreamsInConstantMemory(t *testing.T) {
	const records = 20_000
	content := "<marches>" + strings.Repeat(contract2024, records) + "</marches>"
	dec, err := Decode(input("f.xml", content), contractPaths(t, "2.0.3"))
	if err != nil {
		t.Fatal(err)
	}
	var b schemas.Block
	n, peak := 0, 0
	for {
		err := dec.Next(&b)
		n, peak = n+b.Rows, max(peak, len(b.Data))
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if n != records || peak > 2*schemas.BlockBytes {
		t.Errorf("%d records, blocks of %d bytes", n, peak)
	}
}

func TestXML_JudgesContractsLikeTheirJSON(t *testing.T) {
	validate := func(version, doc string) *schemas.Report {
		s, err := schemas.National().Lookup("139bercy/format-commande-publique@" + version)
		if err != nil {
			t.Fatal(err)
		}
		rep, err := Validate(context.Background(), input("f.xml", doc), Validation{Schema: s})
		if err != nil {
			t.Fatal(err)
		}
		return rep
	}
	good := "<marches>" + contract2024 + "</marches>"
	if rep := validate("2.0.3", good); !rep.Valid || rep.Stats.Accepted != 1 || rep.Source.Format != "xml" {
		t.Errorf("%+v", rep.Errors)
	}
	rep := validate("2.0.3", strings.Replace(good, "<montant>+125000.50</montant>", "\n<montant>NC</montant>", 1))
	if rep.Valid || len(rep.Errors) != 1 || rep.Errors[0].Field != "montant" || rep.Errors[0].Line != 1 {
		t.Errorf("%+v", rep.Errors)
	}
	if rep := validate("2.0.3", "<marches/>"); rep.Valid {
		t.Error("a document without contracts passes 2.0.3, which asks for one of the two lists")
	}
	if rep := validate("2.0.2", "<marches/>"); !rep.Valid {
		t.Errorf("2.0.2 asks for nothing: %+v", rep.Errors)
	}
}

func TestXML_AcceptsTheSharedExamples(t *testing.T) {
	dir := filepath.Join("..", "..", "shared", "national-schemas", "139bercy", "format-commande-publique")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the shared national schemas are not here")
	}
	for _, tt := range []struct {
		file, version string
		rows          int64
		valid         bool
	}{
		{"1.5.0/example-valid-paquet.xml", "1.5.0", 4, true},
		{"2.0.2/example-valid-marche.xml", "2.0.2", 2, true},
		{"2.0.2/example-valid-marche.xml", "2.0.3", 2, true},
		{"2.0.2/example-valid-contrat-concession.xml", "2.0.2", 2, true},
	} {
		t.Run(fmt.Sprint(tt.file, " ", tt.version), func(t *testing.T) {
			content, err := os.ReadFile(filepath.Join(dir, tt.file))
			if err != nil {
				t.Fatal(err)
			}
			s, err := schemas.National().Lookup("139bercy/format-commande-publique@" + tt.version)
			if err != nil {
				t.Fatal(err)
			}
			rep, err := Validate(context.Background(), input("f.xml", string(content)), Validation{Schema: s})
			if err != nil || rep.Valid != tt.valid || rep.Stats.Rows != tt.rows {
				t.Errorf("error %v, valid %v, %d records: %+v", err, rep.Valid, rep.Stats.Rows, rep.Errors)
			}
		})
	}
}

// FuzzXML holds the reader to its promises: a sentence for everything it refuses, JSON for everything it reads.
func FuzzXML(f *testing.F) {
	for _, s := range []string{"<marches>" + contract2024 + "</marches>", "<marches/>", "<marches><contrat-concession><donneesExecution/></contrat-concession></marches>", `<?xml version="1.0" encoding="iso-8859-1"?><marches><marche><objet>` + "\xe9" + `</objet></marche></marches>`,
		"<!DOCTYPE a><marches/>", "<marches><marche>&#0;&lt;</marche>", "\xff\xfe<\x00m\x00", `<marches><marche a="1"><![CDATA[x]]></marche></marches>`} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, content string, flat bool) {
		version := "2.0.3"
		if flat {
			version = "1.5.0"
		}
		dec, err := decodeXML(input("f.xml", content), contractPaths(t, version))
		var b schemas.Block
		for err == nil {
			if err = dec.Next(&b); err == nil {
				for r := range b.Rows {
					if !json.Valid(b.Cell(r, 1)) {
						t.Errorf("not JSON: %q", b.Cell(r, 1))
					}
				}
			}
		}
		if err != io.EOF && SentenceOf(err) == "" {
			t.Errorf("no sentence for %v", err)
		}
	})
}
