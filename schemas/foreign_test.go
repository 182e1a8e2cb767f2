package schemas

import (
	"slices"
	"strings"
	"testing"
)

const buildings = `{"fields":[{"name":"id"},{"name":"commune","type":"integer"},{"name":"rue"}],
	"foreignKeys":[{"fields":"commune","reference":{"resource":"communes","fields":"code"}},{"fields":["commune","rue"],"reference":{"resource":"rues","fields":["commune","nom"]}}]}`

func supply(t *testing.T, s *Schema, resource, csv string) *Supplied {
	t.Helper()
	x := s.Supply(resource)
	lines := strings.Split(csv, "\n")
	labels := strings.Split(lines[0], ",")
	if lack := x.Begin(labels); lack != "" {
		t.Fatal(lack)
	}
	for _, line := range lines[1:] { // a block for each record
		var in Block
		in.Reset(len(labels))
		var cells [][]byte
		for cell := range strings.SplitSeq(line, ",") {
			cells = append(cells, []byte(cell))
		}
		in.AppendRecord(2, 2, cells...)
		x.Add(&in)
	}
	return x
}

func judgeSupplied(s *Schema, tables []*Supplied, rows ...string) *Report {
	rep, c := NewReport(s), s.NewChecker()
	for _, x := range tables {
		c.Supply(x)
	}
	c.Begin([]string{"id", "commune", "rue"}, rep)
	var in Block
	var out Batch
	in.Reset(3)
	for i, row := range rows {
		var cells [][]byte
		for cell := range strings.SplitSeq(row, ",") {
			cells = append(cells, []byte(cell))
		}
		in.AppendRecord(int64(i+2), int64(i+2), cells...)
	}
	c.Check(&in, &out, rep)
	c.End(rep)
	rep.Finish()
	return rep
}

func TestForeign_ReferencesToASuppliedTableAreChecked(t *testing.T) {
	s := mustTable(t, buildings)
	if got := s.Resources(); !slices.Equal(got, []string{"communes", "rues"}) {
		t.Errorf("resources: %v", got)
	}
	communes := supply(t, s, "communes", "nom,code\nArbois,39013\nDole,039198\n,")
	streets := supply(t, s, "rues", "commune,nom\n39013,Grande Rue\n39198,Rue Haute\n,Sans commune")
	rows := []string{"1,39013,Grande Rue", "2,39198,Rue Haute", "3,,", "4,39013,Rue Haute", "5,99999,", "6,,Sans commune", "7,39198x,Rue Haute"}
	rep := judgeSupplied(s, []*Supplied{communes, streets}, rows...)
	var got []string
	for _, i := range rep.Errors {
		got = append(got, strings.Join([]string{i.Type, i.Field, i.Cell}, " "))
		if i.Type == "foreign-key" && (i.Message == "" || i.Hint == "" || i.Row == 0 || strings.Contains(i.Message, "%!")) {
			t.Errorf("%+v", i)
		}
	}
	want := []string{"foreign-key  39013, Rue Haute", "foreign-key commune 99999", "foreign-key  99999, ", "type-error commune 39198x", "foreign-key  , Rue Haute"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if len(rep.Warnings) != 0 || rep.Stats.Accepted != 4 {
		t.Errorf("%+v, warnings %+v", rep.Stats, rep.Warnings)
	}
}

func TestForeign_WithoutTheOtherTableAWarningSaysSo(t *testing.T) {
	s := mustTable(t, buildings)
	rep := judgeSupplied(s, []*Supplied{supply(t, s, "communes", "code\n39013")}, "1,39013,Nulle part")
	if !rep.Valid || len(rep.Warnings) != 1 || rep.Warnings[0].Type != "foreign-key-warn" || !strings.Contains(rep.Warnings[0].Message, "rues") {
		t.Errorf("%+v %+v", rep.Errors, rep.Warnings)
	}
}

func TestForeign_AnotherTableWithoutTheColumnIsAnErrorThatNamesIt(t *testing.T) {
	s := mustTable(t, buildings)
	if lack := s.Supply("communes").Begin([]string{"insee"}); !strings.Contains(lack, "« code »") {
		t.Errorf("%v", lack)
	}
	if x := s.Supply("inconnue"); x != nil {
		t.Error("a table to which nothing refers is taken over")
	}
}
