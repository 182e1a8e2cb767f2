package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"grenier/schemas"
)

const spoiltBirths = "Commune Nom;coll_insee;ENFANT_SEXE;ENFANT_PRENOM;NOMBRE_OCCURRENCES;ANNEE\nValmeyrac;1004;f;Zoé;7;2024\nValmeyrac;1004;m;Noé;1 005;2024\n"

func TestValidate_FixRepairsAndSaysHowToUndo(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "répare ici")
	file := put(t, dir, "prénoms.csv", spoiltBirths)
	o := expect(t, exitOK, "conforme", "validate", "--schema", "scdl/prenoms", "--fix", out, file)
	said := plain(o.out)
	for _, says := range []string{
		"non conforme à scdl/prenoms", "2 codes de commune qui ont retrouvé leur premier zéro dans COLL_INSEE, par exemple 1004 → 01004",
		"2 valeurs écrites comme dans la liste du schéma dans ENFANT_SEXE, par exemple f → F", "1 nombre écrit sans espaces dans NOMBRE_OCCURRENCES : 1 005 → 1005",
		"1 colonne remise à son nom officiel : Commune Nom → COMMUNE_NOM", "Fichier réparé : " + filepath.Join(out, "prénoms-corrige.csv") + ", conforme, 2 lignes.",
		"prénoms-reparations.json", "grenier undo '" + filepath.Join(out, "prénoms-annulation.zst") + "'",
	} {
		if !strings.Contains(said, says) {
			t.Errorf("it does not say %q:\n%s", says, said)
		}
	}
	expect(t, exitOK, "octet pour octet", "undo", filepath.Join(out, "prénoms-annulation.zst"))
	if b, err := os.ReadFile(filepath.Join(out, "prénoms-original.csv")); err != nil || string(b) != spoiltBirths {
		t.Errorf("original: %q, %v", b, err)
	}
	expect(t, exitUnusable, "existe déjà", "undo", filepath.Join(out, "prénoms-annulation.zst"))
	expect(t, exitOK, "rien à réparer", "validate", "--schema", "scdl/prenoms", "--fix", out, filepath.Join(out, "prénoms-corrige.csv"))
}

func TestValidate_FixEndsWithTheVerdictOfTheRepairedFile(t *testing.T) {
	dir := t.TempDir()
	bad := put(t, dir, "f.csv", strings.Replace(spoiltBirths, "1 005", "beaucoup", 1))
	expect(t, exitBad, "Il reste à corriger", "validate", "--schema", "scdl/prenoms", "--fix", filepath.Join(dir, "o"), bad)
	o := call(t, "", "validate", "--schema", "scdl/prenoms", "--fix", filepath.Join(dir, "o"), "--format", "json", put(t, dir, "g.csv", spoiltBirths))
	var r schemas.Report
	unmarshal(t, o.out, &r)
	if o.code != exitOK || !r.Valid || r.File != "g-corrige.csv" || r.Stats.Repairs == 0 || len(r.Repairs) < 4 {
		t.Errorf("exit %d, %+v", o.code, r)
	}
	expect(t, exitUnusable, "page web", "validate", "--schema", "scdl/prenoms", "--fix", filepath.Join(dir, "o"), put(t, dir, "p.csv", "<!DOCTYPE html><html><title>Connexion</title></html>"))
}

func TestUndo_RefusesWhatIsNotItsOwn(t *testing.T) {
	dir := t.TempDir()
	expect(t, exitUnusable, "-annulation.zst", "undo", put(t, dir, "f.csv", spoiltBirths))
	expect(t, exitUnusable, "ne peut pas être ouvert", "undo", filepath.Join(dir, "absent-annulation.zst"))
	expect(t, exitUnusable, "n’est pas un fichier d’annulation", "undo", put(t, dir, "f-annulation.zst", "rien"))
	out := filepath.Join(dir, "o")
	expect(t, exitOK, "", "validate", "--schema", "scdl/prenoms", "--fix", out, filepath.Join(dir, "f.csv"))
	put(t, out, "f-corrige.csv", "changé\n")
	expect(t, exitUnusable, "a changé depuis la réparation", "undo", filepath.Join(out, "f-annulation.zst"))
	if left, err := os.ReadDir(out); err != nil || len(left) != 3 {
		t.Errorf("files: %v, %v", left, err)
	}
}
