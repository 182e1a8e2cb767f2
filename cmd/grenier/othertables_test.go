package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// The bundled samples of a family of tables that refer to each other.
const operations = "../../schemas/national/cnigfr/"

func TestValidate_WithChecksReferencesToOtherTables(t *testing.T) {
	sectors, plans := operations+"secteur/1.0.0/valid.csv", operations+"operation-amenagement/1.0.0/valid.csv"
	o := expect(t, exitOK, "n’ont pas été contrôlées", "validate", "--schema", "cnigfr/secteur", sectors)
	if strings.Count(o.out, "n’ont pas été contrôlées") != 1 {
		t.Errorf("without the other table:\n%s", o.out)
	}
	if o := expect(t, exitOK, "conforme", "validate", "--schema", "cnigfr/secteur", "--with", "operation-amenagement="+plans, sectors); strings.Contains(o.out, "contrôlées") {
		t.Errorf("with it:\n%s", o.out)
	}
	other := put(t, t.TempDir(), "autres.csv", "opam_id\nailleurs\n")
	expect(t, exitBad, "ne se trouve pas dans l’autre table « operation-amenagement »", "validate", "--schema", "cnigfr/secteur", "--with", "operation-amenagement="+other, sectors)
	expect(t, exitUnusable, "absente.csv ne peut pas être ouvert", "validate", "--schema", "cnigfr/secteur", "--with", "operation-amenagement="+filepath.Join(t.TempDir(), "absente.csv"), sectors)
}

func TestValidate_AutoFindsTheOtherTablesAmongTheFiles(t *testing.T) {
	sectors, plans := operations+"secteur/1.0.0/valid.csv", operations+"operation-amenagement/1.0.0/valid.csv"
	if o := expect(t, exitOK, "cnigfr/secteur", "validate", "--schema", "auto", sectors, plans); strings.Contains(o.out, "contrôlées") {
		t.Errorf("with both files:\n%s", o.out)
	}
}
