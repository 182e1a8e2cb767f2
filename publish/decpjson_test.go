package publish_test

import (
	"errors"
	"io"
	"testing"

	"grenier/publish"
	"grenier/publish/publishtest"
	"grenier/schemas"
)

func TestDECPJSON_IsOnlyForContractsThatCameAsJSON(t *testing.T) {
	f := formatNamed(t, "decp-json")
	table := publishtest.Schema(schemas.Field{Name: "id", Type: schemas.String})
	if _, err := f.New(io.Discard, table, publish.Meta{}); f.Fits(table) || !errors.Is(err, publish.ErrNotOffered) {
		t.Errorf("a table of something else: %v", err)
	}
	contracts := publishtest.Schema(schemas.Field{Name: "id", Type: schemas.String})
	contracts.ID, contracts.Form = "139bercy/format-commande-publique@2.0.3", schemas.Document
	contracts.Records = []schemas.RecordPath{{Path: "marches.marche"}, {Path: "marches.contrat-concession"}}
	w, err := f.New(io.Discard, contracts, publish.Meta{})
	if err != nil || !f.Fits(contracts) {
		t.Fatal(err)
	}
	if err := w.WriteBatch(publishtest.Batch(contracts, [][]string{{"1"}})); !errors.Is(err, publish.ErrNotOffered) { // no record behind it, as from XML
		t.Errorf("got %v", err)
	}
	if w, err = f.New(io.Discard, contracts, publish.Meta{}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); !errors.Is(err, publish.ErrNotOffered) {
		t.Errorf("no contract at all: %v", err)
	}
	contracts.Records[1].Path = "concessions"
	if _, err := f.New(io.Discard, contracts, publish.Meta{}); !errors.Is(err, publish.ErrNotOffered) {
		t.Errorf("lists in different places: %v", err)
	}
}
