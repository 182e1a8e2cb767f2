package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"grenier/schemas"
)

const contractFormat = "139bercy/format-commande-publique"

// recordsOf are the records of a document of contracts, as they are written, by list.
func recordsOf(t *testing.T, text []byte) map[string][]json.RawMessage {
	t.Helper()
	var outer map[string]json.RawMessage
	if err := json.Unmarshal(text, &outer); err != nil {
		t.Fatalf("%v: %.300s", err, text)
	}
	lists := map[string][]json.RawMessage{}
	if err := json.Unmarshal(outer["marches"], &lists); err != nil { // the layout of 2019 has one list
		var list []json.RawMessage
		if err := json.Unmarshal(outer["marches"], &list); err != nil {
			t.Fatal(err)
		}
		lists["marches"] = list
	}
	return lists
}

// The official document of the accepted contracts has each as it was sent, and is right by the judge that accepted them.
func TestConvert_KeepsContractsAsTheirOwnerSentThem(t *testing.T) {
	for _, version := range []string{"1.5.0", "2.0.3"} {
		for _, sample := range []string{"valid.json", "invalid.json"} {
			t.Run(version+" "+sample, func(t *testing.T) {
				path := filepath.Join("..", "..", "schemas", "national", filepath.FromSlash(contractFormat), version, sample)
				out := t.TempDir()
				call(t, "", "convert", "--schema", contractFormat+"@"+version, "--formats", "csv,decp-json", "--out", out, path)
				original, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				var first, again schemas.Report
				readJSON(t, filepath.Join(out, "report.json"), &first)
				file := filepath.Join(out, sample)
				got, err := os.ReadFile(file)
				if first.Stats.Accepted == 0 { // the format has no empty list
					if err == nil {
						t.Errorf("no contract is right, and yet there is %s", got)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				sent, kept := recordsOf(t, original), 0
				for list, records := range recordsOf(t, got) {
					for _, r := range records {
						kept++
						if !slices.ContainsFunc(sent[list], func(s json.RawMessage) bool { return bytes.Equal(r, s) }) {
							t.Errorf("%s: nobody sent %s", list, r)
						}
					}
				}
				o := call(t, "", "validate", "--schema", contractFormat+"@"+version, "--format", "json", file)
				if err := json.Unmarshal([]byte(o.out), &again); err != nil {
					t.Fatalf("%v: %s%s", err, o.out, o.err)
				}
				if int64(kept) != first.Stats.Accepted || again.Stats.Rows != first.Stats.Accepted || again.Stats.Errors > 0 || sample == "valid.json" && o.code != exitOK {
					t.Errorf("%d contracts, %d accepted; judged again: exit %d, %+v, %v", kept, first.Stats.Accepted, o.code, again.Stats, again.Errors)
				}
			})
		}
	}
}

// Lists may come in any order and be long: what comes first of the second list waits, beyond what memory is meant to hold.
func TestConvert_PutsLongListsOfContractsInTheOrderOfTheFormat(t *testing.T) {
	dir := t.TempDir()
	sample, err := os.ReadFile(filepath.Join("..", "..", "schemas", "national", filepath.FromSlash(contractFormat), "2.0.3", "valid.json"))
	if err != nil {
		t.Fatal(err)
	}
	lists := recordsOf(t, sample)
	many := func(list string) string {
		var all []string
		for i := range 3000 {
			r := string(lists[list][0])
			id := struct{ ID string }{}
			if err := json.Unmarshal([]byte(r), &id); err != nil {
				t.Fatal(err)
			}
			all = append(all, strings.Replace(r, `"`+id.ID+`"`, fmt.Sprintf(`"2024%06d"`, i), 1))
		}
		return fmt.Sprintf("%q: [%s]", list, strings.Join(all, ",\n"))
	}
	text := `{"marches": {` + many("contrat-concession") + ", " + many("marche") + "}}"
	file := put(t, dir, "contrats.json", text)
	expect(t, exitOK, "conforme", "convert", "--schema", contractFormat+"@2.0.3", "--out", filepath.Join(dir, "sortie"), file)
	got, err := os.ReadFile(filepath.Join(dir, "sortie", "contrats.json"))
	if err != nil {
		t.Fatal(err)
	}
	if marche, other := bytes.Index(got, []byte(`"marche":`)), bytes.Index(got, []byte(`"contrat-concession":`)); marche < 0 || other < marche {
		t.Errorf("the lists are at %d and %d", marche, other)
	}
	want := recordsOf(t, []byte(text))
	for list, records := range recordsOf(t, got) {
		if !slices.EqualFunc(records, want[list], func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
			t.Errorf("%s: %d records, or others than the %d that were sent", list, len(records), len(want[list]))
		}
		delete(want, list)
	}
	if len(want) > 0 {
		t.Errorf("lists are missing: %d", len(want))
	}
}

func TestConvert_HasNoOfficialJSONOfContractsInXML(t *testing.T) {
	file := filepath.Join("..", "..", "..", "shared", "samples", "decp", "Contrat-concession.xml")
	if _, err := os.Stat(file); err != nil {
		t.Skip("no samples beside the repository (../shared/samples): contracts in XML are not converted")
	}
	out := t.TempDir()
	o := call(t, "", "convert", "--schema", contractFormat, "--formats", "csv,decp-json", "--out", out, file)
	var r schemas.Report
	readJSON(t, filepath.Join(out, "report.json"), &r)
	if _, err := os.Stat(filepath.Join(out, "Contrat-concession.json")); r.Stats.Accepted > 0 && (err == nil || !strings.Contains(o.out, "aucun contrat retenu n’est venu en JSON")) {
		t.Errorf("%d contracts accepted: %v\n%s", r.Stats.Accepted, err, o.out)
	}
	t.Logf("%d contracts accepted", r.Stats.Accepted)
}
