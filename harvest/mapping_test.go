package harvest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"grenier/catalog"
	"grenier/schemas"
)

var sampleMember = catalog.Member{
	SIREN: "213900137", SIRET: "21390013700018", Name: "Valmeyrac", Kind: catalog.Commune, INSEE: "39013", Email: "contact@valmeyrac.test",
}

// mapRecipe is a recipe with the given section map, for a schema with the given fields ("name:type").
func mapRecipe(t *testing.T, section string, fields ...string) *Recipe {
	t.Helper()
	text := "name: essai\ntitle: Essai\nconnector: x\ndataset: {key: essai}\nparams: {ville: Bourg}\nmap:\n"
	if len(fields) > 0 {
		text = "schema: essai/essai\n" + text
	}
	text += "  " + strings.ReplaceAll(strings.TrimSpace(section), "\n", "\n  ") + "\n"
	r, err := ParseRecipe("essai.yaml", []byte(text), nil, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if len(fields) > 0 {
		r.schema = textSchema(fields...)
	}
	return r
}

func textSchema(fields ...string) *schemas.Schema {
	s := &schemas.Schema{ID: "essai/essai@1", Form: schemas.Table, Title: "Essai"}
	for _, f := range fields {
		name, typ, _ := strings.Cut(f, ":")
		typ, format, _ := strings.Cut(typ, "|")
		field := schemas.Field{Name: name, Type: schemas.Type(typ), Format: format}
		if typ == "number" && format != "" {
			field.Options.DecimalChar = format
		}
		s.Fields = append(s.Fields, field)
	}
	return s
}

// laidOut lays rows out as a decoder does; the first row is the labels.
func laidOut(rows ...[]string) (labels []string, b *schemas.Block) {
	b = &schemas.Block{}
	b.Reset(len(rows[0]))
	for i, row := range rows[1:] {
		cells := make([][]byte, len(row))
		for j, c := range row {
			cells[j] = []byte(c)
		}
		b.AppendRecord(int64(i+2), int64(i+2), cells...)
	}
	return rows[0], b
}

// mapTable runs the mapping and reads the rows back, labels first.
func mapTable(t *testing.T, r *Recipe, rows ...[]string) ([][]string, *schemas.Report) {
	t.Helper()
	labels, in := laidOut(rows...)
	m, err := r.NewMapper(labels, sampleMember, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out schemas.Block
	rep := &schemas.Report{}
	before := string(in.Data)
	m.Map(in, &out, rep)
	if string(in.Data) != before || !strings.HasPrefix(string(out.Data), before) {
		t.Errorf("out.Data does not begin with in.Data as it was")
	}
	got := [][]string{m.Labels()}
	for row := range out.Rows {
		var cells []string
		for c := range out.Width {
			cells = append(cells, string(out.Cell(row, c)))
		}
		got = append(got, cells)
	}
	return got, rep
}

func TestMap_LeavesEverythingAsItIsWithoutASection(t *testing.T) {
	rows := [][]string{{"a", "b", "a"}, {" 1 ", "01/02/2024", "1,5"}, {"", "", ""}}
	r := &Recipe{}
	got, rep := mapTable(t, r, rows...)
	if diff := cmp.Diff(rows, got); diff != "" {
		t.Error(diff)
	}
	if len(rep.Repairs) != 0 {
		t.Errorf("repairs %v", rep.Repairs)
	}
	labels, in := laidOut(rows...)
	m, _ := r.NewMapper(labels, sampleMember, nil)
	var out schemas.Block
	m.Map(in, &out, rep)
	if &out.Data[0] != &in.Data[0] {
		t.Error("the text was copied although nothing changed")
	}
}

func TestMap_ChoosesRenamesAndOrders(t *testing.T) {
	rows := [][]string{{"nom", "voie", "cp", "inutile"}, {"Halle", "rue Haute", "39000", "x"}, {"Gare", "", " 39100 ", "y"}}
	for _, c := range []struct {
		name, section string
		fields        []string
		want          [][]string
	}{
		{"renamed first, the rest behind", "columns: [{to: CP, from: cp}]", nil,
			[][]string{{"CP", "nom", "voie", "inutile"}, {"39000", "Halle", "rue Haute", "x"}, {" 39100 ", "Gare", "", "y"}}},
		{"only what is listed", "only: true\ncolumns: [{to: CP, from: cp}, {to: nom, from: nom}]", nil,
			[][]string{{"CP", "nom"}, {"39000", "Halle"}, {" 39100 ", "Gare"}}},
		{"in the schema's order", "columns: [{to: CP, from: cp}]", []string{"nom:string", "CP:string"},
			[][]string{{"nom", "CP", "voie", "inutile"}, {"Halle", "39000", "rue Haute", "x"}, {"Gare", " 39100 ", "", "y"}}},
		{"one label for two columns", "only: true\ncolumns: [{to: a, from: cp}, {to: b, from: cp, trim: true}]", nil,
			[][]string{{"a", "b"}, {"39000", "39000"}, {" 39100 ", "39100"}}},
		{"a line wins over a homonym", "only: false\ncolumns: [{to: inutile, from: cp}]", nil,
			[][]string{{"inutile", "nom", "voie"}, {"39000", "Halle", "rue Haute"}, {" 39100 ", "Gare", ""}}},
		{"a label that is missing", "only: true\ncolumns: [{to: a, from: absent}, {to: b, from: cp}]", nil,
			[][]string{{"b"}, {"39000"}, {" 39100 "}}},
		{"a label that is missing with a default", "only: true\ncolumns: [{to: a, from: absent, default: \"${ville}\"}, {to: b, from: cp}]", nil,
			[][]string{{"a", "b"}, {"Bourg", "39000"}, {"Bourg", " 39100 "}}},
		{"texts of the recipe and the member", "only: true\ncolumns: [{to: a, value: \"${member.insee}-${ville} $$\"}, {to: b, member: siret}, {to: c, member: name}]", nil,
			[][]string{{"a", "b", "c"}, {"39013-Bourg $", "21390013700018", "Valmeyrac"}, {"39013-Bourg $", "21390013700018", "Valmeyrac"}}},
		{"operations on a constant", "only: true\ncolumns: [{to: a, value: \" 05/01/2024 \", trim: true, dates: [jj/mm/aaaa]}]", nil,
			[][]string{{"a"}, {"2024-01-05"}, {"2024-01-05"}}},
		{"joined", "only: true\ncolumns: [{to: a, join: [nom, voie, cp], with: \", \"}]", nil,
			[][]string{{"a"}, {"Halle, rue Haute, 39000"}, {"Gare, 39100"}}},
		{"joined with one missing", "only: true\ncolumns: [{to: a, join: [nom, absent]}, {to: b, join: [absent, cp], default: x}]", nil,
			[][]string{{"b"}, {"39000"}, {"39100"}}},
		{"joined with a space", "only: true\ncolumns: [{to: a, join: [voie, nom]}]", nil, [][]string{{"a"}, {"rue Haute Halle"}, {"Gare"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _ := mapTable(t, mapRecipe(t, c.section, c.fields...), rows...)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMap_OperationsOnOneCell(t *testing.T) {
	for _, c := range []struct{ op, in, want, repair string }{
		{"trim: true", "  a b\u00a0\u202f", "a b", "trim"},
		{"trim: true", "\ufeffé\t", "é", "trim"},
		{"trim: true", "a b", "a b", ""},
		{"trim: true", " \u00a0 ", "", "trim"},
		{"trim: true", "", "", ""},
		{`split: ",", part: 1`, "46.5,5.2", "46.5", ""},
		{`split: ",", part: 2`, "46.5,5.2", "5.2", ""},
		{`split: ",", part: 2`, "46.5", "", ""},
		{`split: " - ", part: -1`, "a - b - c", "c", ""},
		{`split: " - ", part: -3`, "a - b - c", "a", ""},
		{`split: " - ", part: -4`, "a - b - c", "", ""},
		{`split: ",", part: 2, trim: true`, " 1 , 2 ", " 2", "trim"},
		{"dates: [jj/mm/aaaa]", "05/01/2024", "2024-01-05", "date-fr"},
		{"dates: [jj/mm/aaaa]", "5/1/2024", "2024-01-05", "date-fr"},
		{"dates: [jj/mm/aaaa]", "29/02/2024", "2024-02-29", "date-fr"},
		{"dates: [jj/mm/aaaa]", "29/02/2023", "29/02/2023", ""},
		{"dates: [jj/mm/aaaa]", "31/04/2024", "31/04/2024", ""},
		{"dates: [jj/mm/aaaa]", "01/13/2024", "01/13/2024", ""},
		{"dates: [jj/mm/aaaa]", "05-01-2024", "05-01-2024", ""},
		{"dates: [jj/mm/aaaa]", "05/01/24", "05/01/24", ""},
		{"dates: [jj/mm/aaaa]", "005/01/2024", "005/01/2024", ""},
		{"dates: [jj/mm/aaaa]", "05/01/2024x", "05/01/2024x", ""},
		{"dates: [jj/mm/aaaa]", "05/01/0024", "05/01/0024", ""},
		{"dates: [jj/mm/aaaa]", "2024-01-05", "2024-01-05", ""},
		{"dates: [jj/mm/aaaa]", "05/01/2024 00:00", "2024-01-05", "date-fr"},
		{"dates: [jj/mm/aaaa]", "05/01/2024 00:00:00", "2024-01-05", "date-fr"},
		{"dates: [jj/mm/aaaa]", "05/01/2024 08:30", "05/01/2024 08:30", ""},
		{"dates: [jj/mm/aaaa]", "2024-01-05T00:00:00.000Z", "2024-01-05", "date-fr"},
		{"dates: [jj/mm/aaaa]", "2024-01-05T00:00:00.001Z", "2024-01-05T00:00:00.001Z", ""},
		{"dates: [jj/mm/aaaa]", "2024-01-05T22:00:00Z", "2024-01-05T22:00:00Z", ""},
		{"dates: [jj/mm/aaaa]", "", "", ""},
		{"dates: [jj-mm-aaaa]", "05-01-2024", "2024-01-05", "date-fr"},
		{"dates: [jj.mm.aaaa]", "05.01.2024", "2024-01-05", "date-fr"},
		{"dates: [jj/mm/aa]", "05/01/24", "2024-01-05", "date-fr"},
		{"dates: [jj/mm/aa]", "05/01/49", "2049-01-05", "date-fr"},
		{"dates: [jj/mm/aa]", "05/01/50", "1950-01-05", "date-fr"},
		{"dates: [jj/mm/aa]", "05/01/2024", "05/01/2024", ""},
		{"dates: [jj-mm-aa, jj/mm/aaaa]", "05/01/2024", "2024-01-05", "date-fr"},
		{"dates: [aaaammjj]", "20240105", "2024-01-05", "date-fr"},
		{"dates: [aaaammjj]", "20241305", "20241305", ""},
		{"dates: [aaaammjj]", "2024015", "2024015", ""},
		{"dates: [aaaa/mm/jj]", "2024/1/05", "2024-01-05", "date-fr"},
		{"dates: [excel]", "45296", "2024-01-05", "date-excel"},
		{"dates: [excel]", "45296.0", "2024-01-05", "date-excel"},
		{"dates: [excel]", "45296,00", "2024-01-05", "date-excel"},
		{"dates: [excel]", "45296.5", "45296.5", ""},
		{"dates: [excel]", "45296.", "45296.", ""},
		{"dates: [excel]", "2024", "2024", ""},
		{"dates: [excel]", "452960", "452960", ""},
		{"dates: [excel]", "09999", "09999", ""},
		{`decimal: ","`, "12,5", "12.5", "decimal-comma"},
		{`decimal: ","`, "-1 234,50", "-1234.50", "decimal-comma"},
		{`decimal: ","`, "1\u00a0234\u202f567,8", "1234567.8", "decimal-comma"},
		{`decimal: ","`, "12 345", "12345", "thousands"},
		{`decimal: ","`, ",5", "0.5", "decimal-comma"},
		{`decimal: ","`, "12.5", "12.5", ""},
		{`decimal: ","`, "12", "12", ""},
		{`decimal: ","`, "1 23", "1 23", ""},
		{`decimal: ","`, "1234 567", "1234 567", ""},
		{`decimal: ","`, "1,2,3", "1,2,3", ""},
		{`decimal: ","`, "12,", "12,", ""},
		{`decimal: ","`, ",", ",", ""},
		{`decimal: ","`, " ", " ", ""},
		{`decimal: ","`, "12,5 €", "12,5 €", ""},
		{`decimal: ","`, "12,5%", "12,5%", ""},
		{`decimal: ","`, "1.234,5", "1.234,5", ""},
		{`decimal: ","`, "1,5E+05", "1,5E+05", ""},
		{`decimal: ","`, "é", "é", ""},
		{"lookup: {Oui: true, Non: false}", "Oui", "true", "lookup"},
		{"lookup: {Oui: true, Non: false}", "oui", "oui", ""},
		{"lookup: {Oui: Oui}", "Oui", "Oui", ""},
		{"default: néant", "", "néant", "default"},
		{"default: néant", "x", "x", ""},
		{"lookup: {\"-\": \"\"}, default: néant", "-", "néant", "lookup default"},
		{"trim: true, dates: [jj/mm/aaaa], default: x", " 05/01/2024 ", "2024-01-05", "trim date-fr"},
		{"trim: true, default: x", "  ", "x", "trim default"},
	} {
		r := mapRecipe(t, "columns: [{to: a, from: a, "+c.op+"}]")
		got, rep := mapTable(t, r, []string{"a"}, []string{c.in})
		if got[1][0] != c.want {
			t.Errorf("%s: %q becomes %q, want %q", c.op, c.in, got[1][0], c.want)
		}
		var ops []string
		for _, repair := range rep.Repairs {
			ops = append(ops, repair.Op)
		}
		if strings.Join(ops, " ") != c.repair {
			t.Errorf("%s on %q counts repairs %v, want %q", c.op, c.in, ops, c.repair)
		}
	}
}

func TestMap_AppliesGlobalOperationsByTheTypeOfTheColumn(t *testing.T) {
	r := mapRecipe(t, "dates: [jj/mm/aaaa]\ndecimal: \",\"\ncolumns: [{to: c, from: c, dates: [aaaammjj]}]", "d:date", "n:number", "i:integer", "s:string", "c:date", "f:date|%d/%m/%Y", "v:number|,")
	got, rep := mapTable(t, r, []string{"d", "n", "i", "s", "c", "f", "v", "x"},
		[]string{"05/01/2024", "1 234,5", "1 234", "05/01/2024", "20240105", "05/01/2024", "1 234,5", "1,5"},
		[]string{"05/01/2024", "1.5", "12,0", "1,5", "05/01/2024", "", "1,5", ""})
	want := [][]string{
		{"d", "n", "i", "s", "c", "f", "v", "x"},
		{"2024-01-05", "1234.5", "1234", "05/01/2024", "2024-01-05", "05/01/2024", "1234,5", "1,5"},
		{"2024-01-05", "1.5", "12,0", "1,5", "05/01/2024", "", "1,5", ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	wantRepairs := []schemas.Repair{
		{Op: "date-fr", Field: "d", Count: 2, Sample: &schemas.RepairSample{Row: 2, Before: "05/01/2024", After: "2024-01-05"}},
		{Op: "decimal-comma", Field: "n", Count: 1, Sample: &schemas.RepairSample{Row: 2, Before: "1 234,5", After: "1234.5"}},
		{Op: "thousands", Field: "i", Count: 1, Sample: &schemas.RepairSample{Row: 2, Before: "1 234", After: "1234"}},
		{Op: "date-fr", Field: "c", Count: 1, Sample: &schemas.RepairSample{Row: 2, Before: "20240105", After: "2024-01-05"}},
		{Op: "thousands", Field: "v", Count: 1, Sample: &schemas.RepairSample{Row: 2, Before: "1 234,5", After: "1234,5"}},
	}
	if diff := cmp.Diff(wantRepairs, rep.Repairs); diff != "" {
		t.Error(diff)
	}
	if rep.Stats.Repairs != 6 {
		t.Errorf("Stats.Repairs = %d, want 6", rep.Stats.Repairs)
	}
}

func TestMap_TrimsLabelsAndCountsThemOnce(t *testing.T) {
	r := mapRecipe(t, "trim: true\ncolumns: [{to: b, from: Date}]")
	labels, in := laidOut([]string{"\ufeffnom ", "Date\u00a0"}, []string{"x", "y"})
	m, err := r.NewMapper(labels, sampleMember, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"b", "nom"}, m.Labels()); diff != "" {
		t.Error(diff)
	}
	var out schemas.Block
	rep := &schemas.Report{}
	m.Map(in, &out, rep)
	m.Map(in, &out, rep)
	want := []schemas.Repair{{Op: "trim", Count: 2, Sample: &schemas.RepairSample{Row: 1, Before: "\ufeffnom ", After: "nom"}}}
	if diff := cmp.Diff(want, rep.Repairs); diff != "" {
		t.Error(diff)
	}
}

func TestMap_AddsUpRepairsOverBlocksAndDocuments(t *testing.T) {
	r := mapRecipe(t, "columns: [{to: a, from: a, trim: true}]")
	rep := &schemas.Report{}
	var out schemas.Block
	for range 2 {
		labels, in := laidOut([]string{"a"}, []string{" x"}, []string{"y "})
		m, err := r.NewMapper(labels, sampleMember, nil)
		if err != nil {
			t.Fatal(err)
		}
		m.Map(in, &out, rep)
		m.Map(in, &out, rep)
	}
	if len(rep.Repairs) != 1 || rep.Repairs[0].Count != 8 || rep.Repairs[0].Sample.Before != " x" || rep.Stats.Repairs != 8 {
		t.Errorf("got %+v", rep.Repairs)
	}
}

func TestMap_KeepsShortAndLongRecordsAndFaultsVisible(t *testing.T) {
	r := mapRecipe(t, "only: true\ncolumns: [{to: B, from: b}, {to: k, value: k}]")
	labels, in := laidOut([]string{"a", "b", "c"}, []string{"1", "2", "3"}, []string{"1"}, []string{"1", "2", "3", "4", "5"})
	in.Line = []int64{2, 3, 7}
	in.Faults = []schemas.Fault{{Record: 0, Cell: 1, Type: "encoding-error"}, {Record: 1, Cell: 0, Type: "encoding-error"}, {Record: 2, Cell: -1, Type: "extra-cell"}}
	m, err := r.NewMapper(labels, sampleMember, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out schemas.Block
	m.Map(in, &out, &schemas.Report{})
	if diff := cmp.Diff([]uint32{2, 0, 4}, out.Count); diff != "" {
		t.Error("Count:", diff)
	}
	if diff := cmp.Diff([]int64{2, 3, 4}, out.Row); diff != "" {
		t.Error("Row:", diff)
	}
	if diff := cmp.Diff([]int64{2, 3, 7}, out.Line); diff != "" {
		t.Error("Line:", diff)
	}
	want := []schemas.Fault{{Record: 0, Cell: 0, Type: "encoding-error"}, {Record: 1, Cell: -1, Type: "encoding-error"}, {Record: 2, Cell: -1, Type: "extra-cell"}}
	if diff := cmp.Diff(want, out.Faults); diff != "" {
		t.Error("Faults:", diff)
	}
	if out.Rows != 3 || out.Width != 2 || string(out.Cell(1, 0)) != "" || string(out.Cell(1, 1)) != "k" {
		t.Errorf("got %d rows of %d cells", out.Rows, out.Width)
	}
}

func TestNewMapper_RefusesALabelThatStandsTwice(t *testing.T) {
	r := mapRecipe(t, "columns: [{to: x, from: a}]")
	_, err := r.NewMapper([]string{"a", "b", "a"}, sampleMember, nil)
	if err == nil || !IsPermanent(err) || !strings.Contains(SentenceOf(err), "figure deux fois") {
		t.Errorf("got %v", err)
	}
}

func TestNewMapper_NamesWhatTheMemberLacks(t *testing.T) {
	r := mapRecipe(t, "columns: [{to: x, member: siret}, {to: y, value: \"${ville}\"}]")
	r.Params = nil
	_, err := r.NewMapper([]string{"a"}, catalog.Member{SIREN: "213900137"}, nil)
	if err == nil || !strings.Contains(SentenceOf(err), "member.siret") || !strings.Contains(SentenceOf(err), "ville") {
		t.Errorf("got %v", err)
	}
}

func TestDates_AgreeWithTheCalendar(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		day := time.Date(1927, 5, 18, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 80000).Draw(t, "day"))
		serial := int(day.Sub(time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)) / (24 * time.Hour))
		y, m, d := civil(serial - 25569)
		if got := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC); !got.Equal(day) || !validDay(y, m, d) {
			t.Fatalf("serial %d is %s, got %s", serial, day, got)
		}
		over := rapid.IntRange(0, 40).Draw(t, "over")
		real := time.Date(day.Year(), day.Month(), over, 0, 0, 0, 0, time.UTC).Month() == day.Month()
		if validDay(day.Year(), int(day.Month()), over) != real {
			t.Fatalf("validDay(%d, %d, %d) = %t", day.Year(), day.Month(), over, !real)
		}
	})
}

func FuzzMap_NeverBreaksOnAnyText(f *testing.F) {
	for _, s := range []string{"05/01/2024", "1 234,5", "45296.0", ",", "T", "-", "é\xff ", "a;b;c"} {
		f.Add(s, s)
	}
	r := &Recipe{Map: MapOptions{Trim: true, Dates: datePatternNames(), Decimal: ",", Columns: []MapColumn{
		{To: "s", From: "a", Split: ";", Part: -2, Lookup: map[string]string{"a": "b"}, Default: "vide"}, {To: "j", Join: []string{"b", "a"}, Dates: datePatternNames(), Decimal: ","},
	}}}
	r.schema = textSchema("d:date", "n:number", "i:integer", "a:date", "b:number")
	f.Fuzz(func(t *testing.T, a, b string) {
		labels, in := laidOut([]string{"a", "b", "d", "n", "i"}, []string{a, b, a, b, a}, []string{b, a})
		m, err := r.NewMapper(labels, sampleMember, nil)
		if err != nil {
			t.Fatal(err)
		}
		var out schemas.Block
		m.Map(in, &out, &schemas.Report{})
		for r := range out.Rows {
			for c := range out.Width {
				out.Cell(r, c)
			}
		}
	})
}

// A day of ours, once written, is read as the same day; a number keeps its digits.
func TestMap_IsIdempotent(t *testing.T) {
	r := &Recipe{Map: MapOptions{Trim: true, Dates: datePatternNames(), Decimal: ","}}
	r.schema = textSchema("d:date", "n:number")
	text := rapid.StringOfN(rapid.RuneFrom([]rune("0123456789/-., \u00a0\u202fTZ:")), 0, 20, -1)
	rapid.Check(t, func(rt *rapid.T) {
		s := text.Draw(rt, "text")
		once, _ := mapTable(t, r, []string{"d", "n"}, []string{s, s})
		twice, rep := mapTable(t, r, once...)
		if diff := cmp.Diff(once, twice); diff != "" {
			rt.Fatalf("%q: %s", s, diff)
		}
		if len(rep.Repairs) != 0 {
			rt.Fatalf("%q: repaired again: %v", s, rep.Repairs[0])
		}
	})
}

func benchmarkBlock() ([]string, *schemas.Block) {
	labels := []string{"nom", "date", "montant", "objet", "etat", "siret", "code", "voie", "numero", "commune"}
	b := &schemas.Block{}
	b.Reset(len(labels))
	for i := range schemas.BlockRows {
		b.AppendRecord(int64(i+2), int64(i+2), []byte(" Association du Val "), []byte("05/01/2024"), []byte("1 234,50"), []byte("Fonctionnement"), []byte("Oui"),
			[]byte("21390013700018"), []byte("a;b"), []byte("rue Haute"), []byte("12"), []byte("Valmeyrac"))
	}
	return labels, b
}

func benchmarkRecipe() *Recipe {
	r := &Recipe{Map: MapOptions{Trim: true, Dates: []string{"jj/mm/aaaa"}, Decimal: ",", Columns: []MapColumn{
		{To: "notification", From: "etat", Lookup: map[string]string{"Oui": "true", "Non": "false"}}, {To: "part", From: "code", Split: ";", Part: 2},
		{To: "adresse", Join: []string{"numero", "voie"}}, {To: "collectivite", Member: "siren"}, {To: "nature", From: "absent", Default: "aide"},
	}}}
	r.schema = textSchema("nom:string", "date:date", "montant:number", "objet:string", "notification:boolean", "siret:string", "part:string", "adresse:string")
	return r
}

func TestMap_AllocatesNothingPerCellOnceWarm(t *testing.T) {
	labels, in := benchmarkBlock()
	m, err := benchmarkRecipe().NewMapper(labels, sampleMember, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out schemas.Block
	rep := &schemas.Report{}
	m.Map(in, &out, rep)
	if n := testing.AllocsPerRun(5, func() { m.Map(in, &out, rep) }); n > 20 {
		t.Errorf("%v allocations for a block of %d cells", n, in.Rows*in.Width)
	}
}

func BenchmarkMap(b *testing.B) {
	labels, in := benchmarkBlock()
	for name, r := range map[string]*Recipe{"every operation": benchmarkRecipe(), "nothing to do": {}} {
		b.Run(name, func(b *testing.B) {
			m, err := r.NewMapper(labels, sampleMember, nil)
			if err != nil {
				b.Fatal(err)
			}
			var out schemas.Block
			rep := &schemas.Report{}
			b.SetBytes(int64(len(in.Data)))
			b.ReportAllocs()
			for b.Loop() {
				m.Map(in, &out, rep)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(in.Rows*len(labels)), "ns/cell")
		})
	}
}
