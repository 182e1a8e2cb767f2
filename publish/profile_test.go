package publish_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"grenier/publish/publishtest"
	"grenier/schemas"

	"pgregory.net/rapid"
)

func TestProfile_SaysWhatANaiveReaderWouldCount(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		table, n := drawTable(r)
		got, err := table.Profile(t.Context())
		if err != nil {
			r.Fatal(err)
		}
		for c, f := range n.fields {
			counts, nulls := map[string]int64{}, int64(0)
			for _, row := range n.rows {
				if row[c] == "" {
					nulls++
				} else {
					counts[row[c]]++
				}
			}
			p := got.Columns[c]
			if p.Name != f.Name || p.Nulls != nulls || p.Distinct != int64(len(counts)) || p.AtLeast || len(p.Top) != min(10, len(counts)) {
				r.Fatalf("%s: %+v of %v", f.Name, p, counts)
			}
			last, binned := int64(1<<60), int64(0)
			for _, v := range p.Top {
				if cell := plainCell(v.Value); v.Count > last || !slices.ContainsFunc(n.rows, func(row []string) bool { return row[c] == cell && counts[row[c]] == v.Count }) {
					r.Fatalf("%s: top %s %d of %v", f.Name, v.Value, v.Count, counts)
				}
				last = v.Count
			}
			for _, b := range p.Histogram {
				binned += b.Count
			}
			if numbers := int64(len(n.rows)) - nulls - counts["NaN"]; len(p.Histogram) > 20 || f.Type != schemas.String && f.Type != schemas.Boolean && binned != numbers {
				r.Fatalf("%s: %d of %d in %d bins", f.Name, binned, numbers, len(p.Histogram))
			}
			least, most := n.aggregates(n.rows, f.Name)[2], n.aggregates(n.rows, f.Name)[3]
			if plainCell(p.Min) != least || plainCell(p.Max) != most {
				r.Fatalf("%s: %s to %s, want %q to %q", f.Name, p.Min, p.Max, least, most)
			}
		}
	})
}

// plainCell is a JSON value as the text of a cell.
func plainCell(v json.RawMessage) string {
	var text string
	if json.Unmarshal(v, &text) == nil {
		return text
	}
	return strings.Replace(string(v), "null", "", 1)
}

func TestProfile_OfManyValuesIsSureOfWhatItSays(t *testing.T) {
	s := publishtest.Schema(schemas.Field{Name: "a", Type: schemas.String}, schemas.Field{Name: "n", Type: schemas.Integer})
	var rows [][]string
	for i := range 60_000 {
		text := "acte " + strconv.Itoa(i)
		if i%10 == 0 {
			text = "fréquent " + strconv.Itoa(i/10%3)
		}
		rows = append(rows, []string{text, strconv.Itoa(i)})
	}
	p, err := openTable(t, press(t, s, rows, 4096)).Profile(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, number := p.Columns[0], p.Columns[1]
	top, err := json.Marshal(text.Top)
	if want := `[{"value":"fréquent 0","count":2000},{"value":"fréquent 1","count":2000},{"value":"fréquent 2","count":2000}]`; err != nil || string(top) != want {
		t.Errorf("got %s, want %s", top, want)
	}
	if !text.AtLeast || text.Distinct != 10_000 || text.Length.Min != 6 || text.Length.Max != 10 || text.Length.Average < 9 || text.Length.Average > 10 {
		t.Errorf("%+v, %+v", text, text.Length)
	}
	if len(number.Top) != 0 || len(number.Histogram) != 20 || number.Histogram[0].Count != 3000 || string(number.Histogram[19].To) != "59999" || string(number.Histogram[1].From) != "3000" || string(number.Histogram[1].To) != "5999" {
		t.Errorf("%+v", number)
	}
}

func TestProfile_CutsLongTexts(t *testing.T) {
	s := publishtest.Schema(schemas.Field{Name: "a", Type: schemas.String})
	p, err := openTable(t, press(t, s, [][]string{{strings.Repeat("é", 5000)}}, 1)).Profile(t.Context())
	if want := `"` + strings.Repeat("é", 200) + `…"`; err != nil || string(p.Columns[0].Min) != want || string(p.Columns[0].Top[0].Value) != want || p.Columns[0].Length.Max != 5000 {
		t.Errorf("%v, %+v", err, p)
	}
}

func BenchmarkProfile(b *testing.B) {
	table := openTable(b, millionRows(b))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := table.Profile(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
