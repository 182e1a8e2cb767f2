package schemas

import (
	"fmt"
	"strings"
	"testing"
)

const causesSchema = `{"fields":[{"name":"jour","type":"date"},{"name":"montant","type":"number"},{"name":"siret","type":"string","constraints":{"pattern":"^\\d{14}$"}},
	{"name":"nature","type":"string","constraints":{"enum":["aide en nature","aide en numéraire"]}},{"name":"nom","type":"string","constraints":{"required":true},"example":"Les Amis"}]}`

// causeOf finds the cause about a column, the first one.
func causeOf(t *testing.T, r *Report, field, shape string) Cause {
	t.Helper()
	for _, c := range r.Causes {
		if c.Field == field && (shape == "*" || c.Shape == shape) {
			return c
		}
	}
	t.Fatalf("no cause %s in %s: %+v", shape, field, r.Causes)
	return Cause{}
}

func TestCauses_SayHowManyOfWhatAreWhere(t *testing.T) {
	s := mustTable(t, causesSchema)
	var rows [][]string
	for i := range 412 {
		rows = append(rows, []string{fmt.Sprintf("%02d/03/2024", i%28+1), "1.5", "21739990600015", "aide en nature", "Les Amis"})
	}
	for i := range 6 {
		row := []string{"2024-01-05", "1.5", "21739990600015", "aide en nature", "Les Amis"}
		if i%2 == 1 {
			row[1] = "1 100,50"
		}
		rows = append(rows, row)
	}
	j := judgeRows(t, s, labelsOf(s), rows, 100)
	c := causeOf(t, j.rep, "jour", "date-fr")
	if want := "412 dates au format jj/mm/aaaa dans jour, lignes 2 à 413."; c.Message != want || !c.Unbroken || c.Count != 412 || c.Right != "2024-03-01" || !c.Mended || c.Cell != "01/03/2024" || !c.Repairable || c.Next == "" {
		t.Errorf("got %+v, want %q", c, want)
	}
	c = causeOf(t, j.rep, "montant", "thousands-spaces-comma")
	if want := "3 nombres avec des espaces et une virgule dans montant, entre les lignes 415 et 419."; c.Message != want || c.Unbroken || c.Right != "1100.50" {
		t.Errorf("got %+v, want %q", c, want)
	}
	if j.rep.Causes[0].Field != "jour" {
		t.Errorf("the most frequent cause does not come first: %+v", j.rep.Causes)
	}
}

func TestCauses_KnowWhatFaultyCellsLookLike(t *testing.T) {
	s := mustTable(t, causesSchema)
	for _, tt := range []struct{ field, cell, shape, right string }{
		{"jour", "12/31/2024", "month-first", ""}, {"jour", "31/02/2024", "no-such-day", ""}, {"jour", "2024-02-31", "no-such-day", ""},
		{"jour", "12/03/24", "short-year", ""}, {"jour", "12/03/2024 10:00", "date-with-time", ""}, {"jour", "2024-03-12T10:00:00", "date-with-time", ""},
		{"jour", "2024/03/12", "date-slashes", ""}, {"jour", "20240312", "date-compact", ""}, {"jour", "45363", "date-serial", ""}, {"jour", "2024", "year-only", ""},
		{"jour", "2024-03", "month-only", ""}, {"jour", "3 mars 2024", "month-name", ""}, {"jour", " 2024-03-12", "spaces-around", "2024-03-12"}, {"jour", "NC", "placeholder", ""},
		{"jour", " ", "blank", ""}, {"jour", "########", "sheet-error", ""}, {"jour", "demain", "words", ""},
		{"montant", "12,5", "decimal-comma", "12.5"}, {"montant", "1 200", "thousands-spaces", "1200"}, {"montant", "1\u202f200", "thousands-spaces", "1200"},
		{"montant", "12 €", "currency", ""}, {"montant", "12 EUR", "currency", ""}, {"montant", "50 %", "percent", ""}, {"montant", "12 kg", "unit", ""}, {"montant", "#N/A", "sheet-error", ""},
		{"siret", "2173999060001", "lost-zero", ""}, {"siret", "217 399 906 00015", "spaced-digits", "21739990600015"}, {"siret", "217399906", "siren-for-siret", ""},
		{"siret", "217399906000150", "wrong-length", ""}, {"siret", "21739990600015 ", "spaces-around", "21739990600015"}, {"siret", "2.17399906E+13", "scientific", ""},
		{"nature", "Aide en Numeraire", "case", "aide en numéraire"}, {"nature", "autre", "", ""},
	} {
		row := map[string]string{"jour": "2024-01-05", "montant": "1", "siret": "21739990600015", "nature": "aide en nature", "nom": "x"}
		row[tt.field] = tt.cell
		var cells []string
		for _, l := range labelsOf(s) {
			cells = append(cells, row[l])
		}
		j := judgeRows(t, s, labelsOf(s), [][]string{cells}, 1)
		c := causeOf(t, j.rep, tt.field, "*")
		if c.Shape != tt.shape || tt.right != "" && (c.Right != tt.right || !c.Mended) {
			t.Errorf("%s %q: shape %q right %q (%v), want %q %q", tt.field, tt.cell, c.Shape, c.Right, c.Mended, tt.shape, tt.right)
		}
		if !strings.HasPrefix(c.Message, "1 ") || !strings.HasSuffix(c.Message, "dans "+tt.field+", ligne 2.") {
			t.Errorf("%s %q: message %q", tt.field, tt.cell, c.Message)
		}
	}
}

func TestCauses_AddUpToTheErrorsBeyondTheDetails(t *testing.T) {
	s := mustTable(t, causesSchema)
	var rows [][]string
	for i := range 3000 {
		rows = append(rows, []string{"12/03/2024", "x", "1", "autre", ""}[:5-i%2])
	}
	for _, limit := range []int{1, 0} {
		rep := NewReport(s)
		rep.Max = limit
		c := s.NewChecker()
		c.Begin(labelsOf(s), rep)
		var in Block
		var out Batch
		for i := 0; i < len(rows); i += 700 {
			in.Reset(5)
			for r, row := range rows[i:min(len(rows), i+700)] {
				in.AppendRecord(int64(i+r+2), int64(i+r+2), bytesOf(row)...)
			}
			c.Check(&in, &out, rep)
		}
		c.End(rep)
		rep.Finish()
		var causes, counts int64
		for _, c := range rep.Causes {
			causes += c.Count
		}
		for _, c := range rep.Counts {
			counts += c.Count
		}
		if want := int64(3000*5 + 1500); rep.Stats.Errors != want || causes != want || counts != want {
			t.Errorf("at most %d details: %d errors, causes %d, counts %d, want %d", limit, rep.Stats.Errors, causes, counts, want)
		}
		if c := causeOf(t, rep, "jour", "date-fr"); c.Count != 3000 || c.First != (Spot{2, 2}) || c.Last != (Spot{3001, 3001}) || !c.Unbroken {
			t.Errorf("%+v", c)
		}
	}
}

func TestCauses_AreBoundedAndTheRestIsSummed(t *testing.T) {
	rep := NewReport(&Schema{ID: "essai/table@1.0.0"})
	for i := range 3 * causesTold {
		rep.Add(Issue{Type: "extra-member", Field: fmt.Sprint("f", i), Row: 2, Message: "m"})
	}
	rep.Add(Issue{Type: "extra-member", Field: "f7", Row: 3, Message: "m"})
	rep.Finish()
	var sum int64
	for _, c := range rep.Causes {
		sum += c.Count
	}
	last := rep.Causes[len(rep.Causes)-1]
	if len(rep.Causes) != MaxCauses+1 || sum != rep.Stats.Errors || last.Type != "other" || rep.Causes[0].Field != "f7" || rep.Causes[0].Count != 2 {
		t.Errorf("%d causes, %d of %d errors, first %+v, last %+v", len(rep.Causes), sum, rep.Stats.Errors, rep.Causes[0], last)
	}
}

func TestCauses_CostNoAllocationOnceTheReportIsFull(t *testing.T) {
	s := mustTable(t, causesSchema)
	rep := NewReport(s)
	rep.Max = 1
	c := s.NewChecker()
	c.Begin(labelsOf(s), rep)
	var in Block
	in.Reset(5)
	for i := range 200 {
		in.AppendRecord(int64(i+2), int64(i+2), bytesOf([]string{"12/03/2024", "12,5", "2173999060001", "Aide en nature", ""})...)
	}
	var out Batch
	c.Check(&in, &out, rep)
	c.in, c.out = &in, &out
	f := fault{row: 3, col: 3, code: codeEnum}
	if n := testing.AllocsPerRun(100, func() {
		c.countFault(&f, 1, rep)
		c.countFault(&fault{row: 4, col: 0, code: codeType}, 1, rep)
		c.countFault(&fault{row: 4, col: 2, code: codePattern}, 1, rep)
	}); n > 0 {
		t.Errorf("%v allocations for three faults", n)
	}
}

func TestCauses_AreEnglishInAnEnglishReport(t *testing.T) {
	s := mustTable(t, causesSchema)
	rep := NewReport(s)
	rep.Language = "en"
	c := s.NewChecker()
	c.Begin(append(labelsOf(s), "autre"), rep)
	var in Block
	var out Batch
	in.Reset(6)
	for i := range 1200 {
		in.AppendRecord(int64(i+2), int64(i+2), bytesOf([]string{"12/03/2024", "1", "21739990600015", "Autre", "x", ""})...)
	}
	c.Check(&in, &out, rep)
	rep.Finish()
	if got, want := causeOf(t, rep, "jour", "date-fr").Message, "1,200 dates written dd/mm/yyyy in jour, lines 2 to 1,201."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for got, want := range map[string]string{rep.Errors[0].Message: "“12/03/2024” is not a date written YYYY-MM-DD.", rep.Errors[0].Hint: "Write “2024-03-12”: the year, the month, then the day.",
		rep.Errors[1].Hint: "Allowed values: “aide en nature” or “aide en numéraire”.", rep.Warnings[0].Message: "Column “autre” is not in the schema: it is neither checked nor published."} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
