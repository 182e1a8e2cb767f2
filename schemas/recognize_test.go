package schemas

import (
	"strings"
	"testing"
)

// tableOf is a sample of a table, and its rows.
func tableOf(name, labels string, rows ...string) Sample {
	x := Sample{Name: name, Labels: strings.Split(labels, ","), Rows: &Block{}}
	x.Rows.Reset(len(x.Labels))
	for i, row := range rows {
		var cells [][]byte
		for cell := range strings.SplitSeq(row, ",") {
			cells = append(cells, []byte(cell))
		}
		x.Rows.AppendRecord(int64(i+2), int64(i+2), cells...)
	}
	return x
}

func setOf(t *testing.T, list map[string]string) *Set {
	t.Helper()
	s, err := Load(files(list))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func first(list []Candidate) ID {
	if len(list) == 0 {
		return ""
	}
	return list[0].ID
}

const (
	wells   = `{"title":"Puits","fields":[{"name":"id","type":"string","constraints":{"required":true}},{"name":"nom","type":"string"},{"name":"profondeur","type":"number"}]}`
	springs = `{"title":"Sources","fields":[{"name":"id","type":"string","constraints":{"required":true}},{"name":"nom","type":"string"},{"name":"debit","type":"number"}]}`
	ponds   = `{"title":"Étangs","fields":[{"name":"id","type":"string","constraints":{"required":true}},{"name":"nom","type":"string"},{"name":"surface","type":"number"}]}`
)

func TestRecognize_RareLabelsCountMost(t *testing.T) {
	s := setOf(t, map[string]string{"eau/puits/1/schema.json": wells, "eau/sources/1/schema.json": springs, "eau/etangs/1/schema.json": ponds})
	got := s.Recognize(tableOf("f", "id,nom,debit", "a,b,1.5"), "")
	if first(got) != "eau/sources@1" || got[0].Score < 0.99 {
		t.Fatalf("%+v", got)
	}
	for _, c := range got[1:] {
		if c.Score > 0.6 {
			t.Errorf("%s has %.2f for labels that every schema has", c.ID, c.Score)
		}
	}
}

func TestRecognize_LabelsThatRepairsMendCountNearlyAsMuch(t *testing.T) {
	s := setOf(t, map[string]string{"eau/puits/1/schema.json": wells, "eau/sources/1/schema.json": springs})
	got := s.Recognize(tableOf("f", "ID,Nom, Débit ", "a,b,1.5"), "")
	if first(got) != "eau/sources@1" || got[0].Score < 0.8 || got[0].Score > 0.95 || !strings.Contains(got[0].Why, "dont 3 à la casse") {
		t.Errorf("%+v", got)
	}
}

func TestRecognize_ValuesTellSchemasWithTheSameLabelsApart(t *testing.T) {
	years := strings.Replace(wells, `"profondeur","type":"number"`, `"profondeur","type":"boolean"`, 1)
	s := setOf(t, map[string]string{"eau/puits/1/schema.json": wells, "eau/autres/1/schema.json": years})
	for row, want := range map[string]ID{"a,b,12.5": "eau/puits@1", "a,b,true": "eau/autres@1"} {
		if got := s.Recognize(tableOf("f", "id,nom,profondeur", row), ""); first(got) != want {
			t.Errorf("%s: %+v, want %s", row, got, want)
		}
	}
}

func TestRecognize_TheFileNameSettlesATieAndNoMore(t *testing.T) {
	s := setOf(t, map[string]string{"eau/puits/1/schema.json": wells, "eau/schema-forages/1/schema.json": wells, "eau/sources/1/schema.json": springs})
	for name, want := range map[string]ID{"Puits 2024.csv": "eau/puits@1", "mes_forages.csv": "eau/schema-forages@1", "sources.csv": "eau/puits@1"} {
		if got := s.Recognize(tableOf(name, "id,nom,profondeur", "a,b,1"), ""); first(got) != want {
			t.Errorf("%s: %+v, want %s", name, got, want)
		}
	}
}

func TestRecognize_PrefersTheNewestVersionUnlessAnOlderFitsMuchBetter(t *testing.T) {
	strict := strings.Replace(wells, `"profondeur","type":"number"`, `"profondeur","type":"integer"`, 1)
	more := strings.Replace(wells, `{"name":"nom"`, `{"name":"commune","type":"string"},{"name":"nom"`, 1)
	s := setOf(t, map[string]string{"eau/puits/1/schema.json": wells, "eau/puits/2/schema.json": strict, "eau/lacs/1/schema.json": more, "eau/lacs/2/schema.json": wells})
	for _, c := range []struct {
		name   string
		sample Sample
		only   string
		want   ID
	}{
		{"both accept all", tableOf("f", "id,nom,profondeur", "a,b,1", "c,d,2"), "eau/puits", "eau/puits@2"},
		{"one bad row of five", tableOf("f", "id,nom,profondeur", "a,b,1", "c,d,2", "e,f,3", "g,h,4", "i,j,5.5"), "eau/puits", "eau/puits@2"},
		{"every row is of the older", tableOf("f", "id,nom,profondeur", "a,b,1.5", "c,d,2.5"), "eau/puits", "eau/puits@1"},
		{"neither accepts any", tableOf("f", "id,nom,profondeur", "a,b,x", "c,d,y"), "eau/puits", "eau/puits@2"},
		{"a column that only the older has", tableOf("f", "id,commune,nom,profondeur", "a,z,b,1"), "eau/lacs", "eau/lacs@1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := s.Recognize(c.sample, c.only); first(got) != c.want {
				t.Errorf("%+v, want %s", got, c.want)
			}
		})
	}
}

func TestRecognize_WorksWithoutRows(t *testing.T) {
	s := setOf(t, map[string]string{"eau/puits/1/schema.json": wells, "eau/sources/1/schema.json": springs})
	if got := s.Recognize(Sample{Labels: []string{"id", "nom", "debit"}}, ""); first(got) != "eau/sources@1" {
		t.Errorf("%+v", got)
	}
	if got := s.Recognize(Sample{Labels: []string{"x", "y"}}, ""); len(got) != 0 {
		t.Errorf("nothing speaks for %+v", got)
	}
	if got := s.Recognize(tableOf("f", "id,id,debit", "a,a,1"), ""); first(got) != "eau/sources@1" {
		t.Errorf("a label twice: %+v", got)
	}
}

func TestSet_WithAddsVersionsAndKeepsItsOwn(t *testing.T) {
	s := setOf(t, map[string]string{"eau/puits/1/schema.json": wells})
	more := files(map[string]string{"eau/puits/1/schema.json": springs, "eau/puits/2/schema.json": springs, "eau/etangs/1/schema.json": ponds, "eau/faux/1/schema.json": `{"fields":[]}`})
	both, err := s.With(more, "eau/puits@1", "eau/puits@2", "eau/etangs@1")
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := both.Lookup("eau/puits"); v.ID != "eau/puits@2" || v.Title != "Sources" {
		t.Errorf("newest %s %s", v.ID, v.Title)
	}
	if v, _ := both.Lookup("eau/puits@1"); v.Title != "Puits" {
		t.Errorf("the set's own version was replaced by %s", v.Title)
	}
	if len(both.All()) != 2 || len(s.All()) != 1 || len(s.Versions("eau/puits")) != 1 {
		t.Error("the set itself was changed")
	}
	if _, err := s.With(more, "eau/faux@1"); err == nil {
		t.Error("a schema that does not compile was added")
	}
}
