package harvest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"grenier/catalog"
	"grenier/harvest"
	"grenier/schemas"
)

// fix repairs a text in a new folder, and wants undo to give it back.
func fix(t testing.TB, schema, name, text string) (*harvest.Fixed, string) {
	t.Helper()
	s, err := schemas.National().Lookup(schema)
	if err != nil {
		t.Fatal(err)
	}
	return fixAgainst(t, s, name, text)
}

func fixAgainst(t testing.TB, s *schemas.Schema, name, text string) (*harvest.Fixed, string) {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "fix")
	if err != nil {
		t.Fatal(err)
	}
	f, err := harvest.Fix(context.Background(), input(name, text), harvest.Validation{Schema: s}, dir)
	if err != nil {
		if f.Path != "" {
			t.Fatalf("an error and a file: %v", err)
		}
		return f, ""
	}
	if f.Path == "" {
		return f, ""
	}
	repaired, err := os.ReadFile(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	restored := filepath.Join(dir, "original")
	if err := harvest.Undo(context.Background(), f.Undo, f.Path, restored); err != nil {
		t.Fatalf("undo: %v", err)
	}
	original, err := os.ReadFile(restored)
	if err != nil || !bytes.Equal(original, []byte(text)) {
		t.Fatalf("undo gave other bytes back (%v)", err)
	}
	return f, string(repaired)
}

// ownSchema is a schema of our own.
func ownSchema(t testing.TB, fields string) *schemas.Schema {
	t.Helper()
	s, err := schemas.ParseTable("essai@1", []byte(`{"fields": [`+fields+`]}`))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A repairList is NAME-reparations.json.
type repairList struct {
	File    string
	Before  string `json:"sha256_before"`
	After   string `json:"sha256_after"`
	Repairs []schemas.Repair
	Cells   []struct {
		Row, Line     int64
		Column        int
		Field         string
		Ops           []string
		Before, After string
	}
}

func readList(t testing.TB, f *harvest.Fixed) (l repairList) {
	t.Helper()
	b, err := os.ReadFile(f.List)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &l); err != nil {
		t.Fatalf("list of repairs: %v\n%s", err, b)
	}
	return l
}

func TestFix_TellsEveryRepair(t *testing.T) {
	file := grantHeader + grant(1, "01/03/2024", "1 234,50 €") + grant(2, "2024-03-02", "12,5") + grant(3, "31/03/2024", "beaucoup")
	f, repaired := fix(t, "scdl/subventions", "été 2024.csv", file)
	if f.After.Valid || f.After.Stats.Accepted != 2 || f.Before.Stats.Accepted != 0 || len(f.Before.Repairs) != 0 {
		t.Fatalf("before %+v, after %+v", f.Before.Stats, f.After)
	}
	for path, name := range map[string]string{f.Path: "été 2024-corrige.csv", f.List: "été 2024-reparations.json", f.Undo: "été 2024-annulation.zst"} {
		st, err := os.Stat(path)
		if err != nil || filepath.Base(path) != name || st.Mode().Perm() != 0o644 {
			t.Errorf("%s: %v, %v; want %s", path, st.Mode(), err, name)
		}
	}
	if left, _ := os.ReadDir(filepath.Dir(f.Path)); len(left) != 4 { // and the original that undo wrote
		t.Errorf("files: %v", left)
	}
	if !strings.Contains(repaired, "\nValmeyrac,21390013700018,2024-03-31,2024-03,") || !strings.Contains(repaired, ",beaucoup,") {
		t.Errorf("the row that stays at fault is lost or changed:\n%s", repaired)
	}
	l := readList(t, f)
	var got []string
	var total int64
	for _, r := range f.After.Repairs {
		got = append(got, fmt.Sprintf("%s %s %d %d %s %s", r.Op, r.Field, r.Count, r.Sample.Row, r.Sample.Before, r.Sample.After))
		total += r.Count
	}
	want := []string{"date-fr dateConvention 2 2 01/03/2024 2024-03-01", "currency montant 1 2 1 234,50 € 1 234,50", "thousands montant 1 2 1 234,50 1234,50",
		"decimal-comma montant 2 2 1234,50 1234.50", "delimiter  1 0 ; ,"}
	if !slices.Equal(got, want) || f.After.Stats.Repairs != total || len(l.Repairs) != len(want) {
		t.Errorf("repairs %q, %d in all", got, f.After.Stats.Repairs)
	}
	if len(l.Cells) != 4 || l.Cells[1].Row != 2 || l.Cells[1].Line != 2 || l.Cells[1].Column != 8 || l.Cells[1].Field != "montant" || l.Cells[1].Before != "1 234,50 €" || l.Cells[1].After != "1234.50" ||
		!slices.Equal(l.Cells[1].Ops, []string{"currency", "thousands", "decimal-comma"}) {
		t.Errorf("cells %+v", l.Cells)
	}
	if l.File != "été 2024.csv" || l.Before != f.Before.SHA256 || l.After != f.After.SHA256 || l.After != hashOf([]byte(repaired)) {
		t.Errorf("list %+v", l)
	}
}

func TestFix_WritesTheSameBytesAgain(t *testing.T) {
	file := grantHeader + grant(1, "01/03/2024", "1 234,50 €") + grant(2, "25/03/2024", "12,5")
	dir := t.TempDir()
	var before [3][32]byte
	for i := range 2 {
		f, err := harvest.Fix(context.Background(), input("f.csv", file), harvest.Validation{Schema: national(t, "scdl/subventions")}, dir)
		if err != nil {
			t.Fatal(err)
		}
		for k, path := range []string{f.Path, f.List, f.Undo} {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if sum := sha256.Sum256(b); i == 0 {
				before[k] = sum
			} else if sum != before[k] {
				t.Errorf("%s has other bytes", path)
			}
		}
	}
}

func TestFix_ReadsDaysByWhatTheColumnShows(t *testing.T) {
	s := ownSchema(t, `{"name": "jour", "type": "date"}, {"name": "autre", "type": "date"}`)
	for _, c := range []struct {
		name, file, want, says string
	}{
		{"French by what cannot be otherwise", "jour,autre\n03/04/2024,\n25/12/2024,\n", "2024-04-03 2024-12-25", ""},
		{"French for want of a sign", "jour,autre\n03/04/2024,\n05/06/2024,\n", "2024-04-03 2024-06-05", "ont été lues jour/mois/année"},
		{"the same both ways", "jour,autre\n12/25/2024,\n04/04/2024,\n", "12/25/2024 2024-04-04", ""},
		{"both readings in a column", "jour,autre\n03/04/2024,\n25/12/2024,\n12/25/2024,\n", "03/04/2024 2024-12-25 12/25/2024", "n’ont pas été réparées"},
		{"the other reading in another column", "jour,autre\n03/04/2024,12/25/2024\n", "03/04/2024", "n’ont pas été réparées"},
		{"two figures for a year", "jour,autre\n25/12/24,\n", "25/12/24", ""},
		{"no such day", "jour,autre\n31/02/2024,\n25/12/2024,\n", "31/02/2024 2024-12-25", ""},
		{"a time that is not midnight", "jour,autre\n25/12/2024 10:30,\n", "25/12/2024 10:30", ""},
		{"spreadsheet days", "jour,autre\n45296,\n45297.0,\n2024-01-07,\n", "2024-01-05 2024-01-06 2024-01-07", "dates de tableur"},
		{"spreadsheet days beside a date without signs", "jour,autre\n45296,\n20240105,\n", "45296 20240105", "n’ont pas été réparés"},
		{"a number too small for a day", "jour,autre\n1024,\n", "1024", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, repaired := fixAgainst(t, s, "f.csv", c.file)
			if f.Path == "" {
				repaired = c.file
			}
			var got []string
			for _, row := range records(t, repaired)[1:] {
				got = append(got, row[0])
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			said := ""
			for _, w := range f.After.Warnings {
				if strings.HasPrefix(w.Type, "repair-") {
					said += w.Message
				}
			}
			if c.says == "" && said != "" || !strings.Contains(said, c.says) {
				t.Errorf("said %q, want %q", said, c.says)
			}
		})
	}
}

func records(t testing.TB, text string) [][]string {
	t.Helper()
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = -1
	all, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestFix_ReadsCommasByWhatTheColumnShows(t *testing.T) {
	s := ownSchema(t, `{"name": "n", "type": "number"}, {"name": "entier", "type": "integer"}, {"name": "taux", "type": "number", "constraints": {"minimum": 0, "maximum": 1}}, {"name": "cent", "type": "number", "constraints": {"minimum": 0, "maximum": 100}}`)
	for _, c := range []struct{ name, column, cells, want string }{
		{"decimals", "n", "12,5 1,234", "12.5 1.234"},
		{"three figures only", "n", "1,234 5,678", "1.234 5.678"},
		{"three figures beside points", "n", "1,234 5.5", "1,234 5.5"},
		{"English thousands", "n", "1,234.50 1,234", "1,234.50 1,234"},
		{"English thousands beside what can only be French", "n", "1,234.50 12,5", "1,234.50 12.5"},
		{"a zero in front", "n", "0,125 7.5", "0.125 7.5"},
		{"points for thousands", "n", "1.234,50 12,5", "1.234,50 12.5"},
		{"spaces that are no thousands", "n", "12_34 1_23,5", "12 34 1 23,5"},
		{"spaces with a point", "n", "1_234.50", "1234.50"},
		{"whole numbers", "entier", "1_234 1,234 12_€", "1234 1,234 12"},
		{"a share with the sign", "taux", "50% 0,5%", "50% 0,5%"},
		{"hundredths with the sign", "cent", "50_% 0,5% 120%", "50 0.5 120%"},
		{"a currency before and behind", "n", "€12 12€ -3_EUR", "12 12 -3"},
		{"other currencies", "n", "12$ 12_CHF", "12$ 12 CHF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := c.column + ";z\n"
			for _, cell := range strings.Fields(c.cells) {
				file += strings.ReplaceAll(cell, "_", " ") + ";\n"
			}
			f, repaired := fixAgainst(t, s, "f.csv", file)
			if f.Path == "" {
				repaired = strings.ReplaceAll(strings.ReplaceAll(file, ";", "|"), ",", "·")
				repaired = strings.ReplaceAll(strings.ReplaceAll(repaired, "|", ","), "·", ";")
			}
			var got []string
			for _, row := range records(t, repaired)[1:] {
				got = append(got, strings.ReplaceAll(row[0], ";", ","))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// A number that a person may have written is read here in another way than the program's: what is no figure is taken off.
func plainReading(text string) (*big.Rat, bool) {
	text = strings.NewReplacer(" ", "", "\u00a0", "", "\u202f", "", "€", "", "EUR", "", "%", "", ",", ".").Replace(text)
	return new(big.Rat).SetString(text)
}

func TestFix_ARepairedNumberIsTheNumberThatWasWritten(t *testing.T) {
	s := ownSchema(t, `{"name": "n", "type": "number"}, {"name": "reste", "type": "string"}`)
	rapid.Check(t, func(rt *rapid.T) {
		cells := rapid.SliceOfN(rapid.StringMatching(`(€ ?|-|\+| )?[0-9]{1,4}([ \x{00a0}\x{202f}.,]?[0-9]{1,3}){0,3}([.,][0-9]{0,4})?( ?(€|EUR|%))? ?`), 1, 12).Draw(rt, "cells")
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		w.Write([]string{"n", "reste"})
		for _, c := range cells {
			w.Write([]string{c, "x"})
		}
		w.Flush()
		f, repaired := fixAgainst(t, s, "f.csv", b.String())
		if f.Path == "" {
			return
		}
		judge := s.Cells()
		rows := records(t, repaired)
		for i, before := range cells {
			after := rows[i+1][0]
			if after == before {
				continue
			}
			x, ok1 := plainReading(before)
			y, ok2 := new(big.Rat).SetString(after)
			if !ok1 || !ok2 || x.Cmp(y) != 0 {
				rt.Fatalf("%q became %q", before, after)
			}
			if judge.Good(0, []byte(before)) || !judge.Good(0, []byte(after)) {
				rt.Fatalf("%q became %q: the one is good or the other is not", before, after)
			}
		}
	})
}

func TestFix_ARepairedDayIsTheDayThatWasWritten(t *testing.T) {
	s := ownSchema(t, `{"name": "jour", "type": "date"}, {"name": "reste", "type": "string"}`)
	rapid.Check(t, func(rt *rapid.T) {
		cells := rapid.SliceOfN(rapid.StringMatching(`[0-3]?[0-9][/.-][01]?[0-9][/.-](19|20)?[0-9]{2}( 00:00)?|[0-9]{4,6}|(19|20)[0-9]{2}-[0-2][0-9]-[0-3][0-9]`), 1, 12).Draw(rt, "cells")
		f, repaired := fixAgainst(t, s, "f.csv", "jour,reste\n"+strings.Join(cells, ",x\n")+",x\n")
		if f.Path == "" {
			return
		}
		for i, before := range cells {
			after := records(t, repaired)[i+1][0]
			if after == before || len(before) <= 6 && before[0] != '0' && !strings.ContainsAny(before, "/.-") {
				continue // unchanged, or a spreadsheet's number
			}
			day := strings.FieldsFunc(strings.TrimSuffix(before, " 00:00"), func(r rune) bool { return strings.ContainsRune("/.-", r) })
			if len(day) != 3 || len(day[2]) != 4 || after != fmt.Sprintf("%s-%02s-%02s", day[2], day[1], day[0]) {
				rt.Fatalf("%q became %q", before, after)
			}
		}
	})
}

func TestFix_KeepsRowsThatAreTooLongOrTooShort(t *testing.T) {
	s := ownSchema(t, `{"name": "jour", "type": "date"}, {"name": "n", "type": "integer"}`)
	file := "jour;n;libre\n25/12/2024;1;a\n26/12/2024;2;b;en trop;\"et; plus\"\n27/12/2024\n\n28/12/2024;3;\"deux\nlignes\"\n"
	want := "jour,n,libre\n2024-12-25,1,a\n2024-12-26,2,b,en trop,et; plus\n2024-12-27\n\n2024-12-28,3,\"deux\nlignes\"\n"
	f, repaired := fixAgainst(t, s, "f.csv", file)
	if repaired != want {
		t.Errorf("repaired:\n%s", repaired)
	}
	if f.After.Stats.Rows != f.Before.Stats.Rows || f.After.Stats.Rejected == 0 {
		t.Errorf("after %+v", f.After.Stats)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write([]byte(file))
	z.Close()
	if f, again := fixAgainst(t, s, "f.csv.gz", packed.String()); again != want || filepath.Base(f.Path) != "f-corrige.csv" {
		t.Errorf("of an archive %s:\n%s", f.Path, again)
	}
}

func TestFix_DropsTheEmptyCellsThatEndEveryLine(t *testing.T) {
	s := ownSchema(t, `{"name": "jour", "type": "date"}, {"name": "n", "type": "integer"}`)
	_, repaired := fixAgainst(t, s, "f.csv", "jour;n;;\n25/12/2024;1;;\n26/12/2024;2;;;;\n27/12/2024;3;;\n")
	if repaired != "jour,n\n2024-12-25,1\n2024-12-26,2\n2024-12-27,3\n" {
		t.Errorf("repaired:\n%s", repaired)
	}
}

func TestFix_DoesNotHideBrokenCharacters(t *testing.T) {
	s := ownSchema(t, `{"name": "jour", "type": "date"}, {"name": "nom", "type": "string"}`)
	f, _ := fixAgainst(t, s, "f.csv", "jour,nom\n25/12/2024,\"jamais fermé\n26/12/2024,b\n")
	if f.Path != "" || f.After.Valid || !slices.ContainsFunc(f.After.Warnings, func(w schemas.Issue) bool { return w.Type == "repair-refused" }) {
		t.Errorf("after %+v", f.After)
	}
}

func TestFix_MovesPointsOnlyWhenTheWholeColumnSaysSo(t *testing.T) {
	s := ownSchema(t, `{"name": "nom", "type": "string"}, {"name": "lon", "type": "number"}, {"name": "lat", "type": "number"}`)
	f, _ := fixAgainst(t, s, "f.csv", "nom,lon,lat\na,48.85,2.35\nb,4.83,45.76\n")
	if f.Path != "" || !slices.ContainsFunc(f.After.Warnings, func(w schemas.Issue) bool { return w.Type == "repair-ambiguous" }) {
		t.Errorf("a mixed column was changed, or nothing was said: %+v", f.After)
	}
	if f, repaired := fixAgainst(t, s, "f.csv", "nom,lon,lat\na,48.85,2.35\nb,45.76,4.83\nc,,\n"); repaired != "nom,lon,lat\na,2.35,48.85\nb,4.83,45.76\nc,,\n" || f.After.Stats.Repairs != 4 {
		t.Errorf("repaired:\n%s%+v", repaired, f.After.Repairs)
	}
	if f, _ := fixAgainst(t, s, "f.csv", "nom,lon,lat\nNouméa,166.44,-22.27\n"); f.Path != "" {
		t.Error("a point overseas was changed")
	}
	if f, _ := fixAgainst(t, s, "f.csv", "nom,x,y\na,12,25\nb,13,26\n"); f.Path != "" {
		t.Error("columns x and y that hold no metres were renamed")
	}
}

func TestFix_LabelsOnlyWhenNothingElseCouldBeMeant(t *testing.T) {
	s := ownSchema(t, `{"name": "nom", "type": "string"}, {"name": "code_insee", "type": "string"}, {"name": "codeInsee", "type": "string"}, {"name": "jour", "type": "date"}`)
	_, repaired := fixAgainst(t, s, "f.csv", "NOM,Nom,CODE INSEE,Jour\na,b,c,2024-01-05\n")
	if !strings.HasPrefix(repaired, "NOM,Nom,CODE INSEE,jour\n") {
		t.Errorf("repaired:\n%s", repaired)
	}
}

func TestFix_LeavesDocumentsAlone(t *testing.T) {
	dir := t.TempDir()
	f, err := harvest.Fix(context.Background(), input("decp.json", `{"marches":{"marche":[{"id":"1"}]}}`), harvest.Validation{Schema: national(t, "139bercy/format-commande-publique@2.0.3")}, dir)
	if err != nil || f.Path != "" || f.Before == nil || f.After != f.Before {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestFix_SaysWhatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	f, err := harvest.Fix(context.Background(), input("vide.csv", ""), harvest.Validation{Schema: national(t, "scdl/subventions")}, dir)
	var s *harvest.Sentence
	if !errors.As(err, &s) || f.Path != "" || f.Before == nil {
		t.Errorf("%+v, %v", f, err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("files are left: %v", left)
	}
}

func TestUndo_GivesBackFilesOfManyPieces(t *testing.T) {
	var b strings.Builder
	b.WriteString("jour;n;texte\n")
	for i := 0; b.Len() < 9<<20; i++ {
		fmt.Fprintf(&b, "%02d/03/2024;1 %03d,%d;ligne %d\r\n", i%28+1, i*7919%1000, i%97, i*i%99991)
	}
	s := ownSchema(t, `{"name": "jour", "type": "date"}, {"name": "n", "type": "number"}, {"name": "texte", "type": "string"}`)
	f, _ := fixAgainst(t, s, "f.csv", b.String())
	st, err := os.Stat(f.Undo)
	if err != nil || !f.After.Valid || st.Size() > int64(b.Len()/3) {
		t.Errorf("%d bytes to undo %d, %v, valid %v", st.Size(), b.Len(), err, f.After.Valid)
	}
}

func TestUndo_RefusesFilesThatChanged(t *testing.T) {
	dir := t.TempDir()
	file := grantHeader + grant(1, "01/03/2024", "1 234,50 €")
	f, err := harvest.Fix(context.Background(), input("f.csv", file), harvest.Validation{Schema: national(t, "scdl/subventions")}, dir)
	if err != nil {
		t.Fatal(err)
	}
	if name, err := harvest.UndoName(f.Undo); name != "f.csv" || err != nil {
		t.Errorf("name %q, %v", name, err)
	}
	undo, _ := os.ReadFile(f.Undo)
	repaired, _ := os.ReadFile(f.Path)
	spoil := func(b []byte, at int) []byte { b = slices.Clone(b); b[at] ^= 1; return b }
	for name, c := range map[string]struct{ undo, repaired []byte }{
		"another repaired file":        {undo, append(slices.Clone(repaired), '\n')},
		"a repaired file that was cut": {undo, repaired[:len(repaired)-1]},
		"a broken undo":                {spoil(undo, len(undo)-3), repaired},
		"another original":             {spoil(undo, 20), repaired},
		"an undo that was cut":         {undo[:len(undo)-4], repaired},
		"no undo":                      {repaired, repaired},
		"nothing":                      {nil, repaired},
	} {
		u, r, out := filepath.Join(dir, "u.zst"), filepath.Join(dir, "r.csv"), filepath.Join(dir, "original")
		os.WriteFile(u, c.undo, 0o600)
		os.WriteFile(r, c.repaired, 0o600)
		err := harvest.Undo(context.Background(), u, r, out)
		var s *harvest.Sentence
		if !errors.As(err, &s) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(out); err == nil {
			t.Fatalf("%s: something was written", name)
		}
	}
}

func TestRecipe_RepairsWhatItSwitchesOn(t *testing.T) {
	lines := strings.Replace(grants, `map: {trim: true, dates: [jj/mm/aaaa], decimal: ","}`, "repairs: [date-fr, decimal-comma, header-label]", 1)
	b := newBench(t, lines)
	file := strings.Replace(grantHeader, "dateConvention", "Date Convention", 1) + grant(1, "13/03/2024", "12,5") + grant(2, "02/03/2024", "12 €")
	b.set("subventions", answer{body: file})
	run := b.run("subventions", harvest.Ask{}, catalog.Published)
	if run.Accepted != 1 || run.Rejected != 1 {
		t.Fatalf("run %+v\n%+v", run, run.Report)
	}
	var got []string
	for _, r := range run.Report.Repairs {
		got = append(got, fmt.Sprintf("%s %s %d", r.Op, r.Field, r.Count))
	}
	if want := []string{"header-label dateConvention 1", "date-fr dateConvention 2", "decimal-comma montant 1"}; !slices.Equal(got, want) || run.Report.Stats.Repairs != 4 {
		t.Errorf("repairs %q", got)
	}
	if text := b.csv("subventions"); !strings.Contains(text, ",2024-03-13,") || !strings.Contains(text, ",12.5,") {
		t.Errorf("published:\n%s", text)
	}
	if refused := string(b.blob(run.Quarantine.Key)); !strings.Contains(refused, "02/03/2024") || !strings.Contains(refused, "12 €") {
		t.Errorf("refused rows are not as they came:\n%s", refused)
	}
}

func TestRecipe_RepairsEverythingWithoutBeingRepairedTwice(t *testing.T) {
	b := newBench(t, strings.Replace(grants, "schema:", "repairs: all\nschema:", 1))
	b.set("subventions", answer{body: grantHeader + grant(1, "13/03/2024", "1 234,50 €") + grant(2, "02/03/2024", "7,5")})
	run := b.run("subventions", harvest.Ask{}, catalog.Published)
	if run.Accepted != 2 || run.Rejected != 0 {
		t.Errorf("run %+v\n%+v", run, run.Report)
	}
	for _, r := range run.Report.Repairs {
		if r.Op == "date-fr" && r.Count != 2 {
			t.Errorf("repair %+v", r)
		}
	}
}

func TestRecipe_SaysWhichRepairsDoNotExist(t *testing.T) {
	for repairs, says := range map[string]string{
		"[date-fr, virgule]": "opération inconnue\u00a0: «\u00a0virgule\u00a0»", "tout": "attend all", "3": "attend all",
	} {
		_, err := harvest.ParseRecipe("r.yaml", []byte(strings.Replace(grants, "schema:", "repairs: "+repairs+"\nschema:", 1)), schemas.National(), nil)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", repairs, err)
		}
	}
	_, err := harvest.ParseRecipe("r.yaml", []byte("name: r\ntitle: R\nconnector: http\nrepairs: all\ndataset: {key: r}\n"), schemas.National(), nil)
	if err == nil || !strings.Contains(err.Error(), "rien ne dit ce qui est à réparer") {
		t.Errorf("without schema: %v", err)
	}
}
