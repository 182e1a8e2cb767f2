package web

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"grenier/schemas"
)

// told is a report with the given totals, finished.
func told(rows, rejected int64, issues ...schemas.Issue) *schemas.Report {
	r := &schemas.Report{Schema: "essai/subventions", Version: "2.1.1", File: "subventions.csv", SHA256: "abc", Source: schemas.SourceInfo{Format: "csv", Encoding: "windows-1252", Delimiter: ";", Bytes: 1200, HeaderRow: 3}}
	for _, i := range issues {
		r.Add(i)
	}
	r.Finish()
	r.Stats.Rows, r.Stats.Rejected, r.Stats.Accepted = rows, rejected, rows-rejected
	return r
}

func fault(line int64, field, cell string) schemas.Issue {
	return schemas.Issue{Type: "type-error", Row: line, Line: line, Field: field, Column: 28, Cell: cell, Message: "« " + cell + " » n’est pas un nombre.", Hint: "Écrivez un nombre."}
}

func TestWriteReport_HasWordsForEveryVerdict(t *testing.T) {
	mended := told(10, 0)
	mended.Repairs = []schemas.Repair{{Op: "encoding", Count: 1}, {Op: "trim", Field: "objet", Count: 1}}
	for _, c := range []struct {
		report, repaired *schemas.Report
		french, english  string
		next             string
	}{
		{told(0, 0), nil, "Fichier bien formé, sans aucune ligne", "Well-formed file, without any row", "publié tel quel"},
		{told(1, 0), nil, "La seule ligne est conforme", "The only row is right", "publié tel quel"},
		{told(1200, 0), nil, "Tout est juste : les 1 200 lignes sont conformes", "All right: the 1,200 rows are valid", "publié tel quel"},
		{told(1000, 3, fault(2, "a", "x"), fault(3, "a", "y"), fault(4, "b", "z")), nil, "Presque bon : 997 lignes sur 1 000 sont conformes", "Nearly there: 997 rows of 1,000 are right", "elle explique 2 des 3 erreurs"},
		{told(4, 3, fault(2, "a", "x")), nil, "1 ligne sur 4 est conforme", "1 row of 4 is right", "Une seule colonne est à corriger : « a »"},
		{told(4, 4, fault(2, "a", "x"), fault(3, "b", "x")), nil, "Aucune ligne n’est encore conforme", "No row is right yet", "Corrigez les 2 erreurs"},
		{told(4, 0, schemas.Issue{Type: "missing-label", Field: "b", Message: "La colonne « b » manque.", Hint: "Ajoutez-la."}), nil, "Lignes conformes, structure à revoir", "Rows are right, the structure is not yet", "Commencez par l’en-tête"},
		{told(0, 0, schemas.Issue{Type: "unmatched-header", Message: "Aucune colonne."}), nil, "Les colonnes ne sont pas celles du schéma", "The columns are not those of the schema", ""},
		{told(0, 0, schemas.Issue{Type: "source-error", Message: "Le fichier est vide."}), nil, "Ce fichier n’a pas pu être lu", "This file could not be read", ""},
		{told(10, 4, fault(2, "a", "x")), mended, "Réparé : les 10 lignes sont maintenant conformes", "Repaired: the 10 rows are now right", "Prenez le fichier réparé"},
	} {
		for language, want := range map[string]string{"fr": c.french, "en": c.english} {
			var b bytes.Buffer
			if err := WriteReport(&b, c.report, ReportOptions{Language: language, Repaired: c.repaired}); err != nil {
				t.Fatal(err)
			}
			page := plain(b.String())
			if !strings.Contains(page, "<h1>"+want+"</h1>") || !strings.Contains(page, `<html lang="`+language+`">`) || strings.Contains(page, "%!") {
				t.Errorf("%s: the page lacks %q\n%s", language, want, page[strings.Index(page, "<body>"):])
			}
			if language == "fr" && !strings.Contains(page, c.next) {
				t.Errorf("%s: the page does not say what is next: %q\n%s", want, c.next, page[strings.Index(page, "<body>"):])
			}
		}
	}
}

func TestWriteReport_ProposesToMendWhatCanBe(t *testing.T) {
	r := told(4, 3, fault(2, "a", "1,5"), fault(3, "b", "z"))
	r.Causes[0].Repairable = true
	for unfixed, want := range map[bool]string{true: "1 erreur semble réparable", false: "Corrigez les 2 erreurs"} {
		var b bytes.Buffer
		if err := WriteReport(&b, r, ReportOptions{Unfixed: unfixed}); err != nil || !strings.Contains(plain(b.String()), want) {
			t.Errorf("unfixed %t: the page lacks %q: %v", unfixed, want, err)
		}
	}
}

func TestWriteReport_NeedsNothingElseAndPrints(t *testing.T) {
	var b bytes.Buffer
	if err := WriteReports(&b, []FileReport{{Report: told(4, 3, fault(2, "a", "x"))}, {Report: told(1, 0)}}); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, part := range []string{"http://", "https://", "<script", "<link", "src=", "@import", "url("} {
		if strings.Contains(page, part) {
			t.Errorf("the page holds %s", part)
		}
	}
	if !strings.Contains(page, "@media print") || strings.Count(page, "<h1>") != 1 || strings.Count(page, `<section class="verdict`) != 2 {
		t.Errorf("page of two reports:\n%s", page[strings.Index(page, "<body>"):])
	}
	if err := WriteReports(&b, nil); err == nil {
		t.Error("a page of no report")
	}
}

func TestWriteReport_CutsAndDisarmsHostileTexts(t *testing.T) {
	long := strings.Repeat("é", 10_000)
	hostile := "</style><script>alert(1)</script>\u202e\x00" + long
	r := told(4, 3, fault(2, hostile, hostile))
	r.File, r.Source.Sheet = hostile, &hostile
	r.Warn(schemas.Issue{Type: "extra-header-warn", Field: hostile, Message: hostile})
	r.Repairs = []schemas.Repair{{Op: hostile[:20], Field: hostile, Count: 1, Sample: &schemas.RepairSample{Before: hostile, After: hostile}}}
	var b bytes.Buffer
	if err := WriteReport(&b, r, ReportOptions{}); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	if strings.Contains(page, "<script") || strings.ContainsAny(page, "\u202e\x00") || strings.Count(page, "</style>") != 1 {
		t.Error("a hostile text is not inert")
	}
	if body := page[strings.Index(page, "<body>"):]; len(body) > 12_000 {
		t.Errorf("hostile texts make a page of %d bytes", len(body))
	}
}

func TestWriteReport_ShowsSoManyCausesAndCountsTheOthers(t *testing.T) {
	var issues []schemas.Issue
	for n := range causesShown + 7 {
		issues = append(issues, fault(2, fmt.Sprintf("colonne%d", n), "x"))
	}
	var b bytes.Buffer
	if err := WriteReport(&b, told(4, 3, issues...), ReportOptions{}); err != nil {
		t.Fatal(err)
	}
	if page := plain(b.String()); strings.Count(page, `class="cause alerte"`) != causesShown || !strings.Contains(page, "et 7 autres causes, plus rares.") || !strings.Contains(page, "colonne AB dans un tableur") {
		t.Errorf("page:\n%s", page[strings.Index(page, "<body>"):])
	}
}

func TestLetters_NamesColumnsAsSpreadsheetsDo(t *testing.T) {
	for column, want := range map[int]string{1: "A", 26: "Z", 27: "AA", 52: "AZ", 53: "BA", 702: "ZZ", 703: "AAA", 0: ""} {
		if got := letters(column); got != want {
			t.Errorf("letters(%d) = %s, want %s", column, got, want)
		}
	}
}

func TestGathered_GroupsReportsFromBeforeCausesWereKept(t *testing.T) {
	r := told(9, 3, fault(2, "a", "x"), fault(3, "b", "y"), fault(7, "a", "z"))
	r.Causes = nil
	all := causesOf(r)
	if len(all) != 2 || all[0].Field != "a" || all[0].Count != 2 || len(all[0].samples) != 2 || plain(all[0].where(tongue{})) != "lignes 2 et 7" {
		t.Errorf("causes %+v", all)
	}
}

func TestPublicView_ShowsNothingThatComesFromACell(t *testing.T) {
	r := told(9, 3, fault(2, "a", "secret"), schemas.Issue{Type: "primary-key", Row: 4, Line: 4, Message: "L’identifiant « secret » est déjà celui d’une autre ligne.", Hint: "Écrivez “secret2”."})
	r.Repairs = []schemas.Repair{{Op: "trim", Field: "a", Count: 2, Sample: &schemas.RepairSample{Before: "secret ", After: "secret"}}}
	for i := range r.Causes {
		r.Causes[i].Right = "secret"
	}
	var b bytes.Buffer
	if err := standaloneTemplate.ExecuteTemplate(&b, "causes", publicView(r)); err != nil {
		t.Fatal(err)
	}
	if page := b.String(); strings.Contains(page, "secret") || !strings.Contains(plain(page), "ligne 4") || !strings.Contains(page, "Espaces retirées") {
		t.Errorf("public page:\n%s", page)
	}
}
