package schemas_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"
	"pgregory.net/rapid"

	"grenier/harvest"
	"grenier/schemas"
)

const flatContracts = `{"$schema":"x","marches":[
 {"id":"2021V0017","uid":"217399906000152021V0017","_type":"Marché","acheteur":{"id":"21739990600015","nom":"Commune de Valmorin"},"nature":"Marché","objet":"Toiture de l'école","codeCPV":"45261000","procedure":"Procédure adaptée",
  "lieuExecution":{"code":"73999","typeCode":"Code commune","nom":"Valmorin"},"dureeMois":6,"dateNotification":"2021-03-01","datePublicationDonnees":"2021-03-20","montant":125000.5,"formePrix":"Ferme",
  "titulaires":[{"typeIdentifiant":"SIRET","id":"82999990600016","denominationSociale":"Toits du Val"}],"modifications":[{"objetModification":"Avenant","dateNotificationModification":"2021-05-02","datePublicationDonneesModification":"2021-05-03","dureeMois":8}]},
 {"id":"2021C0002","autoriteConcedante":{"id":"21739990600015","nom":"Commune de Valmorin"},"nature":"Concession de service","objet":"Camping","procedure":"Procédure négociée ouverte","lieuExecution":{"code":"73999","typeCode":"Code commune","nom":"Valmorin"},
  "dureeMois":60,"dateSignature":"2021-03-01","datePublicationDonnees":"2021-03-20","dateDebutExecution":"2021-04-01","valeurGlobale":300000,"montantSubventionPublique":0,"donneesExecution":[{"datePublicationDonneesExecution":"2022-03-01","depensesInvestissement":1000,"tarifs":[{"intituleTarif":"Nuit","tarif":12.5}]}],
  "concessionnaires":[{"typeIdentifiant":"SIRET","id":"82999990600016","denominationSociale":"Camping du Val"}],"modifications":[]}]}`

const nestedContracts = `{"marches":{"marche":[
 {"id":"2024V017","acheteur":{"id":"21739990600015"},"nature":"Marché","objet":"Toiture de l'école","codeCPV":"45261000-4","techniques":{"technique":["Sans objet"]},"modalitesExecution":{"modaliteExecution":["Tranches","Bons de commande"]},
  "marcheInnovant":false,"ccag":"Travaux","offresRecues":3,"attributionAvance":true,"tauxAvance":0.05,"typeGroupementOperateurs":"Pas de groupement","sousTraitanceDeclaree":true,"procedure":"Procédure adaptée","lieuExecution":{"code":"73999","typeCode":"Code commune"},
  "dureeMois":6,"dateNotification":"2024-03-01","datePublicationDonnees":"2024-03-20","montant":125000.5,"typesPrix":{"typePrix":["Définitif ferme"]},"formePrix":"Forfaitaire","origineUE":0.5,"origineFrance":0.4,
  "titulaires":[{"titulaire":{"typeIdentifiant":"SIRET","id":"82999990600016"}}],"considerationsSociales":{"considerationSociale":["Clause sociale"]},"considerationsEnvironnementales":{"considerationEnvironnementale":["Pas de considération environnementale"]},
  "modifications":[{"modification":{"id":1,"dureeMois":8,"dateNotificationModification":"2024-05-02","datePublicationDonneesModification":"2024-05-03"}}]}],
 "contrat-concession":[{"id":"2024C002","autoriteConcedante":{"id":"21739990600015"},"nature":"Concession de service","objet":"Camping","procedure":"Procédure négociée ouverte","dureeMois":60,"dateSignature":"2024-03-01","datePublicationDonnees":"2024-03-20","dateDebutExecution":"2024-04-01",
  "valeurGlobale":300000,"montantSubventionPublique":0,"concessionnaires":[{"concessionnaire":{"typeIdentifiant":"SIRET","id":"82999990600016"}}],"considerationsSociales":{"considerationSociale":["Clause sociale"]},"considerationsEnvironnementales":{"considerationEnvironnementale":["Pas de considération environnementale"]},
  "donneesExecution":[{"donneesAnnuelles":{"datePublicationDonneesExecution":"2025-03-01","depensesInvestissement":1000,"tarifs":[{"tarif":{"intituleTarif":"Nuit","tarif":12.5}}]}}]}]}}`

const bollards = `{"type":"FeatureCollection","name":"bornes","features":[
 {"type":"Feature","id":1,"geometry":{"type":"Point","coordinates":[6.2,45.5]},"properties":{"nom":"Mairie","places":2}},
 {"type":"Feature","geometry":{"type":"Point","coordinates":[6.21,45.51]},"properties":{"nom":"École","places":3,"date":"2024-02-28"}}]}`

const bollardSchema = `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","allOf":[{"$ref":"https://geojson.org/schema/FeatureCollection.json"}],"required":["name"],
 "properties":{"type":{},"name":{"type":"string","maxLength":20},"features":{"type":"array","minItems":1,"maxItems":3,"uniqueItems":true,"items":{"$ref":"#/definitions/bollard"}}},"additionalProperties":false,
 "definitions":{"bollard":{"properties":{"geometry":{"$ref":"https://geojson.org/schema/Point.json"},"properties":{"type":"object","required":["nom"],"properties":{"nom":{"type":"string"},"places":{"type":"integer","minimum":1},"date":{"format":"date"}}}}}}}`

const bollardTable = `{"title":"Bornes","records":[{"path":"features","type":"Borne","schema":"#/definitions/bollard","also":"https://geojson.org/schema/Feature.json"}],"fields":[{"name":"nom","path":"properties.nom"}]}`

// whole compiles a JSON Schema as an ordinary validator does, to judge whole documents.
func whole(t *testing.T, src []byte) *jsonschema.Schema {
	t.Helper()
	v, err := schemas.ParseJSON(src)
	if err != nil {
		t.Fatal(err)
	}
	src, err = json.Marshal(schemas.GoPatterns(v))
	if err != nil {
		t.Fatal(err)
	}
	c := schemas.NewCompiler()
	if err := c.AddResource("https://schemas.invalid/whole.json", bytes.NewReader(src)); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("https://schemas.invalid/whole.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// places lists where something can be changed in a document: a container and a member of it.
func places(v any, out []place) []place {
	switch v := v.(type) {
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			out = places(v[name], append(out, place{v, nil, name}))
		}
	case []any:
		for i := range v {
			out = places(v[i], append(out, place{nil, v, strconv.Itoa(i)}))
		}
	}
	return out
}

type place struct {
	object map[string]any
	list   []any
	at     string
}

func (p place) get() any {
	if p.object != nil {
		return p.object[p.at]
	}
	i, _ := strconv.Atoi(p.at)
	return p.list[i]
}

func (p place) set(v any) {
	if p.object != nil {
		p.object[p.at] = v
		return
	}
	i, _ := strconv.Atoi(p.at)
	p.list[i] = v
}

func clone(v any) any {
	b, _ := json.Marshal(v)
	out, _ := schemas.ParseJSON(b)
	return out
}

// mutate changes one thing of a document.
func mutate(t *rapid.T, doc any) {
	all := places(doc, nil)
	if len(all) == 0 {
		return
	}
	p := all[rapid.IntRange(0, len(all)-1).Draw(t, "place")]
	if rapid.IntRange(0, 3).Draw(t, "near the root") == 0 {
		p = all[rapid.IntRange(0, min(2, len(all)-1)).Draw(t, "top place")]
	}
	switch rapid.IntRange(0, 8).Draw(t, "change") {
	case 0:
		if p.object != nil {
			delete(p.object, p.at)
		}
	case 1:
		if p.object != nil {
			p.object[p.at+"x"] = p.object[p.at]
			delete(p.object, p.at)
		}
	case 2:
		if m, ok := p.get().(map[string]any); ok {
			m["_type"] = "Marché"
		}
	case 3:
		if m, ok := p.get().(map[string]any); ok {
			m["inconnu"] = json.Number("1")
		}
	case 4, 5:
		if l, ok := p.get().([]any); ok && len(l) > 0 {
			twin := clone(l[0])
			if rapid.Bool().Draw(t, "changed twin") {
				if m, ok := twin.(map[string]any); ok {
					m["id"] = "2024V018"
				}
			}
			p.set(append(l, twin))
		}
	case 6:
		if _, ok := p.get().([]any); ok {
			p.set([]any{})
		}
	default:
		p.set(rapid.SampledFrom([]any{nil, true, json.Number("0"), json.Number("1.0"), json.Number("-3.5"), "", "2024-13-45", "oui", "Marché", []any{}, map[string]any{}, []any{"a", "a"}}).Draw(t, "value"))
	}
}

// The verdict on a document that is judged in parts, in constant memory, is that of a validator which holds all of it.
func TestDocument_InPartsHasTheVerdictOfTheWhole(t *testing.T) {
	type subject struct {
		name, good string
		judge      *schemas.Schema
		oracle     *jsonschema.Schema
	}
	var subjects []subject
	for version, good := range map[string]string{"1.5.0": flatContracts, "2.0.2": nestedContracts, "2.0.3": nestedContracts} {
		s, err := schemas.National().Lookup(schemas.ContractsName + "@" + version)
		if err != nil {
			t.Fatal(err)
		}
		src, err := os.ReadFile(filepath.Join("national", schemas.ContractsName, version, "schema.json"))
		if err != nil {
			t.Fatal(err)
		}
		subjects = append(subjects, subject{version, good, s, whole(t, src)})
	}
	s, err := schemas.ParseDocument("essai/bornes@1.0.0", []byte(bollardSchema), []byte(bollardTable))
	if err != nil {
		t.Fatal(err)
	}
	subjects = append(subjects, subject{"GeoJSON", bollards, s, whole(t, []byte(bollardSchema))})
	for _, x := range subjects {
		t.Run(x.name, func(t *testing.T) {
			verdicts := map[bool]int{}
			for range 5 {
				rapid.Check(t, func(t *rapid.T) {
					doc, err := schemas.ParseJSON([]byte(x.good))
					if err != nil {
						t.Fatal(err)
					}
					for range rapid.IntRange(0, 3).Draw(t, "changes") {
						mutate(t, doc)
					}
					text, _ := json.Marshal(doc)
					want := x.oracle.Validate(doc)
					rep, err := harvest.Validate(context.Background(), harvest.Input{Name: "f.json", Size: int64(len(text)), ReaderAt: bytes.NewReader(text)}, harvest.Validation{Schema: x.judge})
					got := err == nil && rep.Valid
					verdicts[got]++
					if got != (want == nil) {
						t.Fatalf("%s\nin parts: valid %v, error %v, %s\nwhole: %v", text, got, err, first(rep), want)
					}
				})
			}
			if verdicts[true] < 50 || verdicts[false] < 50 {
				t.Errorf("verdicts %v: the changes prove little", verdicts)
			}
		})
	}
}

func first(rep *schemas.Report) string {
	if rep == nil || len(rep.Errors) == 0 {
		return "no error"
	}
	return fmt.Sprintf("%+v", rep.Errors[0])
}
