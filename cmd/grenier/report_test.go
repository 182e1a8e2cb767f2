package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"grenier/schemas"
)

// mostlyFrench is a file of births whose numbers have spaces in most rows.
func mostlyFrench(rows int) string {
	head, first, _ := strings.Cut(births, "\n")
	cells := strings.Split(strings.Split(first, "\n")[0], ",")
	at := len(strings.Split(head[:strings.Index(head, "NOMBRE_OCCURRENCES")], ",")) - 1
	var b strings.Builder
	b.WriteString(head + "\n")
	for i := range rows {
		cells[at] = fmt.Sprintf("1 %03d", i%1000)
		b.WriteString(strings.Join(cells, ",") + "\n")
	}
	return b.String()
}

func TestReport_GroupsByCauseAndEndsWithOneStep(t *testing.T) {
	dir := t.TempDir()
	o := expect(t, exitBad, "3 000 nombres avec des espaces dans NOMBRE_OCCURRENCES, lignes 2 à 3 001.", "validate", "--schema", "scdl/prenoms", put(t, dir, "f.csv", mostlyFrench(3000)))
	for _, want := range []string{"non conforme à scdl/prenoms@1.1.6. 3 000 lignes lues, 0 conforme, 3 000 à corriger.", "Lu « 1 000 », attendu « 1000 ».", "--format csv", "Prochaine étape : ajoutez « --fix DOSSIER »"} {
		if !strings.Contains(strings.ReplaceAll(plain(o.out), "\n", " "), plain(want)) {
			t.Errorf("lacks %q:\n%s", want, o.out)
		}
	}
	if n := strings.Count(plain(o.out), "Prochaine étape"); n != 1 || strings.Contains(o.out, "\x1b[") {
		t.Errorf("%d next steps, or colours outside a terminal:\n%s", n, o.out)
	}
}

func TestReport_FitsTheScreen(t *testing.T) {
	r := schemas.NewReport(&schemas.Schema{ID: "essai/table@1.0.0"})
	r.File = "un-fichier-au-nom-assez-long-pour-deborder-d-une-ligne-de-terminal.csv"
	r.Stats.Rows, r.Stats.Rejected = 5, 5
	for i := range 40 {
		r.Add(schemas.Issue{Type: "constraint-error", Constraint: "required", Field: fmt.Sprint("colonne_numero_", i), Row: 3, Line: 3, Message: "La valeur manque : cette colonne est obligatoire, et rien n’y est écrit.", Hint: "Remplissez-la."})
	}
	for i := range 12 {
		r.Warn(schemas.Issue{Type: "extra-header-warn", Field: fmt.Sprint("en_trop_", i), Message: "La colonne n’est pas dans le schéma : elle n’est ni contrôlée ni publiée."})
	}
	r.Finish()
	var out bytes.Buffer
	(&terminal{out: &out, columns: 80}).report(r)
	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 && !strings.Contains(line, r.File) {
			t.Errorf("%d columns: %q", n, line)
		}
	}
	text := strings.Join(strings.Fields(plain(out.String())), " ")
	for _, want := range []string{"… et 30 autres causes, 30 erreurs en tout.", "12 colonnes ne sont pas dans le schéma (en_trop_0, ", "corrigez les causes dans l’ordre"} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q:\n%s", want, out.String())
		}
	}
	if n := strings.Count(out.String(), "\n"); n > 45 {
		t.Errorf("%d lines", n)
	}
}

func TestReport_SpeaksEnglish(t *testing.T) {
	dir := t.TempDir()
	bad := put(t, dir, "f.csv", badBirths)
	o := expect(t, exitBad, "2 rows read, 1 good, 1 to correct.", "validate", "--lang", "en", "--schema", "scdl/prenoms", bad)
	for _, french := range []string{"«", "ligne", "colonne", "valeur", "Prochaine"} {
		if strings.Contains(o.out, french) {
			t.Errorf("French in the English report (%s):\n%s", french, o.out)
		}
	}
	o = expect(t, exitBad, "“beaucoup” is not a whole number.", "validate", "--lang", "en", "--format", "json", "--schema", "scdl/prenoms", bad)
	if !strings.Contains(o.out, `"causes"`) {
		t.Errorf("no causes in %s", o.out)
	}
	expect(t, exitBad, "line,row,column number,column,value,type,message,hint", "validate", "--lang", "en", "--format", "csv", "--schema", "scdl/prenoms", bad)
}

func TestReport_CSVHasEveryFaultyCellBeyondTheDetails(t *testing.T) {
	dir := t.TempDir()
	many := put(t, dir, "f.csv", mostlyFrench(2500))
	o := call(t, "", "validate", "--schema", "scdl/prenoms", "--format", "csv", many)
	records, err := csv.NewReader(strings.NewReader(o.out)).ReadAll()
	if err != nil || o.code != exitBad || len(records) != 2501 || records[0][0] != "ligne" || records[2500][0] != "2501" || records[2500][2] == "" || records[2500][3] != "NOMBRE_OCCURRENCES" || records[2500][7] == "" {
		t.Fatalf("exit %d, %d records, last %q, %v", o.code, len(records), records[len(records)-1], err)
	}
	o = call(t, "", "validate", "--schema", "scdl/prenoms", "--format", "csv", many, put(t, dir, "g.csv", badBirths))
	records, err = csv.NewReader(strings.NewReader(o.out)).ReadAll()
	if err != nil || len(records) != 2502 || records[0][0] != "fichier" || records[1][0] != filepath.Base(many) || records[2501][0] != "g.csv" {
		t.Errorf("%d records, last %q, %v", len(records), records[len(records)-1], err)
	}
}

func TestReport_CSVKeepsFormulasFromRunning(t *testing.T) {
	o := call(t, strings.Replace(badBirths, "beaucoup", "=HYPERLINK(1)", 1), "validate", "--schema", "scdl/prenoms", "--format", "csv", "-")
	records, err := csv.NewReader(strings.NewReader(o.out)).ReadAll()
	if err != nil || len(records) != 2 || records[1][4] != "'=HYPERLINK(1)" {
		t.Errorf("%q, %v", records, err)
	}
	for text, want := range map[string]bool{"=1+1": true, "@SUM(A1)": true, "-12,5": false, "+33 1 99": false, "-1+cmd": true, "": false, "a=1": false} {
		if looksLikeFormula(text) != want {
			t.Errorf("%q: not %v", text, want)
		}
	}
}
