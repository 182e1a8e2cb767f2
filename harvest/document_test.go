package harvest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"grenier/schemas"
)

// contracts2022 writes n contracts of the format of 2022, like those of buyers' software in kind and length; one in every is faulty.
func contracts2022(n, every int) []byte {
	r := rand.New(rand.NewPCG(7, 7))
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	var b bytes.Buffer
	b.WriteString(`{"marches":{"marche":[`)
	for i := range n {
		if i > 0 {
			b.WriteString(",\n")
		}
		nature := "Marché"
		if i%every == every-1 {
			nature = "Contrat"
		}
		fmt.Fprintf(&b, `{"id":"2024V%05d","acheteur":{"id":"2173999060%04d"},"nature":%q,"objet":"Travaux de réfection de la %s de l’école n° %d, lot %d : %s","codeCPV":"45261000-4",`,
			i, r.IntN(1000), nature, pick("toiture", "chaufferie", "façade"), r.IntN(40), r.IntN(9), strings.Repeat("étanchéité et zinguerie ", r.IntN(4)))
		fmt.Fprintf(&b, `"techniques":{"technique":["Sans objet"]},"modalitesExecution":{"modaliteExecution":["Tranches","Bons de commande"]},"marcheInnovant":%v,"ccag":%q,"offresRecues":%d,"attributionAvance":false,"tauxAvance":0.%d,`,
			r.IntN(2) == 0, pick("Travaux", "Pas de CCAG"), 1+r.IntN(9), r.IntN(9))
		fmt.Fprintf(&b, `"typeGroupementOperateurs":"Pas de groupement","sousTraitanceDeclaree":false,"procedure":%q,"lieuExecution":{"code":"73999","typeCode":"Code commune"},"dureeMois":%d,"dateNotification":"2024-0%d-1%d","datePublicationDonnees":"2025-0%d-1%d","montant":%d.%02d,`,
			pick("Procédure adaptée", "Appel d'offres ouvert"), 1+r.IntN(48), 1+r.IntN(9), r.IntN(10), 1+r.IntN(9), r.IntN(10), 1000+r.IntN(900000), r.IntN(100))
		fmt.Fprintf(&b, `"typesPrix":{"typePrix":["Définitif ferme"]},"formePrix":"Forfaitaire","origineUE":0.5,"origineFrance":0.4,"titulaires":[{"titulaire":{"typeIdentifiant":"SIRET","id":"82999990600016"}}],"considerationsSociales":{"considerationSociale":["Clause sociale"]},"considerationsEnvironnementales":{"considerationEnvironnementale":["Pas de considération environnementale"]}`)
		if i%5 == 0 {
			b.WriteString(`,"modifications":[{"modification":{"id":1,"dureeMois":8,"montant":120000,"dateNotificationModification":"2025-05-02","datePublicationDonneesModification":"2025-05-03"}}]`)
		}
		b.WriteByte('}')
	}
	b.WriteString(`]}}`)
	return b.Bytes()
}

func contractSchema(t testing.TB, version string) *schemas.Schema {
	t.Helper()
	s, err := schemas.National().Lookup("139bercy/format-commande-publique@" + version)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// BenchmarkDECP takes contracts through everything that validate does: decode, judge, columns, hash. Faulty documents must not cost much more.
func BenchmarkDECP(b *testing.B) {
	for _, every := range []int{100, 1} {
		b.Run(fmt.Sprintf("one_in_%d_faulty", every), func(b *testing.B) {
			content := contracts2022(8000, every)
			s := contractSchema(b, "2.0.3")
			in := Input{Name: "f.json", Size: int64(len(content)), ReaderAt: bytes.NewReader(content)}
			b.SetBytes(in.Size)
			b.ReportAllocs()
			for b.Loop() {
				rep, err := Validate(context.Background(), in, Validation{Schema: s})
				if err != nil || rep.Stats.Rejected != int64(8000/every) {
					b.Fatal(err, rep.Stats)
				}
			}
		})
	}
}

func judgeDocument(t *testing.T, version, doc string) (*schemas.Report, error) {
	t.Helper()
	return Validate(context.Background(), input("f.json", doc), Validation{Schema: contractSchema(t, version)})
}

func TestDocument_IsReadThroughItsDress(t *testing.T) {
	good := string(contracts2022(3, 100))
	list := strings.TrimSuffix(strings.TrimPrefix(good, `{"marches":{"marche":`), `}}`)
	tests := []struct {
		name, doc, note string
		rows            int64
	}{
		{"bare", good, "", 3},
		{"in a list", "[" + good + "\n] ", "entre crochets", 3},
		{"BOM", "\ufeff" + good, "", 3},
	}
	for _, tt := range tests {
		rep, err := judgeDocument(t, "2.0.3", tt.doc)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		told := ""
		for _, w := range rep.Warnings {
			if w.Type == "document-dress" {
				told = w.Message
			}
		}
		if !rep.Valid || rep.Stats.Rows != tt.rows || (told != "") != (tt.note != "") || !strings.Contains(told, tt.note) {
			t.Errorf("%s: valid %v, %d records, told %q: %+v", tt.name, rep.Valid, rep.Stats.Rows, told, rep.Errors)
		}
		wellPunctuated(t, told)
	}
	if _, err := judgeDocument(t, "2.0.3", list); err == nil {
		t.Error("a bare list could be either kind of contract")
	}
	if _, err := judgeDocument(t, "2.0.3", "["+good+","+good+"]"); err == nil {
		t.Error("two documents in a list are not one")
	}
	if rep, err := judgeDocument(t, "1.5.0", list); err != nil || rep.Valid || rep.Stats.Rows != 3 || len(rep.Warnings) == 0 || rep.Warnings[len(rep.Warnings)-1].Type != "document-dress" {
		t.Errorf("the list of the only kind stands for the document: %v %+v", err, rep)
	}
}

func TestDocument_JudgesWhatStandsBesideTheRecords(t *testing.T) {
	tests := []struct {
		name, version, doc string
		want               []string // type, constraint and field of each error
	}{
		{"nothing, 2.0.3", "2.0.3", `{}`, []string{"constraint-error required marches"}},
		{"nothing, 2.0.2", "2.0.2", `{}`, nil},
		{"neither list, 2.0.3", "2.0.3", `{"marches":{}}`, []string{"constraint-error required marches.marche"}},
		{"no contract, 1.5.0", "1.5.0", `{"marches":[]}`, []string{"constraint-error minItems marches"}},
		{"a text", "2.0.3", `{"marches":"x"}`, []string{"type-error  marches"}},
		{"null", "2.0.2", `{"marches":{"marche":null}}`, []string{"type-error  marches.marche"}},
		{"a kind that is a text", "2.0.2", `{"marches":{"marche":"x"}}`, []string{"type-error  marches.marche"}},
		{"a name twice", "2.0.2", `{"a":1,"a":2}`, []string{"duplicate-member  "}},
		{"more than is kept", "2.0.2", `{"a":"` + strings.Repeat("x", 3<<20) + `","b":[` + strings.Repeat("1,", 2<<20) + `1]}`, []string{"source-error  "}},
	}
	for _, tt := range tests {
		rep, err := judgeDocument(t, tt.version, tt.doc)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		var got []string
		for _, e := range rep.Errors {
			got = append(got, e.Type+" "+e.Constraint+" "+e.Field)
		}
		if strings.Join(got, ",") != strings.Join(tt.want, ",") || rep.Stats.Rows != 0 {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	for _, doc := range []string{`{"marches":{"marche":[]},"a":tru}`, `{"a":[1,],"marches":{}}`, `[{"marches":{"marche":[]}}`, `[{"marches":{"marche":[]}}]x`, `[{"marches":{"marche":[]}},]`} {
		if _, err := judgeDocument(t, "2.0.2", doc); err == nil || SentenceOf(err) == "" {
			t.Errorf("%s is no JSON: %v", doc, err)
		}
	}
}

func TestDocument_IsJudgedInConstantMemory(t *testing.T) {
	peak := func(n int) uint64 {
		content := contracts2022(n, 100)
		in := Input{Name: "f.json", Size: int64(len(content)), ReaderAt: bytes.NewReader(content)}
		dec, err := Decode(in, DecodeOptions{}.knowing(contractSchema(t, "2.0.3")))
		if err != nil {
			t.Fatal(err)
		}
		var b schemas.Block
		largest := 0
		for err == nil {
			err = dec.Next(&b)
			largest = max(largest, cap(b.Data))
		}
		return uint64(largest + cap(dec.(*documentDecoder).walk.buf))
	}
	if small, large := peak(2000), peak(20_000); large > small*11/10 {
		t.Errorf("ten times the contracts take %d bytes instead of %d", large, small)
	}
}
