package schemas

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v5"
)

const newContract = `marches.marche {"id":"2024V017","acheteur":{"id":"21739990600015"},"nature":"Marché","objet":"Toiture de l'école","codeCPV":"45261000-4","techniques":{"technique":["Sans objet"]},"modalitesExecution":{"modaliteExecution":["Tranches","Bons de commande"]},` +
	`"marcheInnovant":false,"ccag":"Travaux","offresRecues":3,"attributionAvance":true,"tauxAvance":0.05,"typeGroupementOperateurs":"Pas de groupement","sousTraitanceDeclaree":true,"procedure":"Procédure adaptée","lieuExecution":{"code":"73999","typeCode":"Code commune"},` +
	`"dureeMois":6,"dateNotification":"2024-03-01","datePublicationDonnees":"2024-03-20","montant":125000.5,"typesPrix":{"typePrix":["Définitif ferme"]},"formePrix":"Forfaitaire","titulaires":[{"titulaire":{"typeIdentifiant":"SIRET","id":"82999990600016"}}],` +
	`"considerationsSociales":{"considerationSociale":["Clause sociale"]},"considerationsEnvironnementales":{"considerationEnvironnementale":["Pas de considération environnementale"]},` +
	`"modifications":[{"modification":{"id":1,"dureeMois":8,"dateNotificationModification":"2024-05-02","datePublicationDonneesModification":"2024-05-03"}}]}`

// spoilt calls fn with v once for each of its parts and each way to spoil that.
func spoilt(v any, root any, fn func()) {
	ways := []any{nil, true, json.Number("0"), json.Number("-3.5"), "", "x", strings.Repeat("é", 1001), []any{}, []any{"a", "a"}, map[string]any{}}
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			kept := v[name]
			for _, w := range ways {
				v[name] = w
				fn()
			}
			delete(v, name)
			fn()
			v[name+"?"] = kept
			fn()
			delete(v, name+"?")
			v[name] = kept
			spoilt(kept, root, fn)
		}
	case []any:
		for i, kept := range v {
			for _, w := range ways {
				v[i] = w
				fn()
			}
			v[i] = kept
			spoilt(kept, root, fn)
		}
	}
}

func lines(issues []Issue) (out []string) {
	for _, i := range issues {
		out = append(out, fmt.Sprintf("%s %s %s %s | %s | %s", i.Type, i.Constraint, i.Field, i.Cell, i.Message, i.Hint))
	}
	slices.Sort(out)
	return out
}

func TestRules_ExplainLikePackageJSONSchema(t *testing.T) {
	for version, record := range map[string]string{"1.5.0": oldContract, "2.0.3": newContract} {
		s, err := National().Lookup(ContractsName + "@" + version)
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.ready()
		if err != nil {
			t.Fatal(err)
		}
		path, text, _ := strings.Cut(record, " ")
		v, err := parseJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		d, bad := p.document, 0
		tape := jsonTape{keys: d.keys}
		spoilt(v, v, func() {
			if t.Failed() {
				return
			}
			spoiltText := compactJSON(v)
			if err := tape.read(spoiltText); err != nil {
				t.Fatal(err)
			}
			e := d.entry([]byte(path), &tape)
			var verdict *jsonschema.ValidationError
			if !errors.As(e.schema.Validate(v), &verdict) {
				if !e.rule.accepts(&tape, 0) {
					t.Fatalf("refused by rules alone: %s", spoiltText)
				}
				return
			}
			bad++
			if d := cmp.Diff(lines(d.issues(speech{}, v, verdict)), lines(d.explained(speech{}, e.rule, e.rule, &tape))); d != "" {
				t.Errorf("%s: %s\n%s", version, spoiltText, d)
			}
		})
		if bad < 200 {
			t.Errorf("%s: only %d spoilt contracts", version, bad)
		}
	}
}
