package harvest

import (
	"fmt"
	"strings"
	"testing"

	"grenier/catalog"
	"grenier/schemas"
)

// lampSchema has a required, unique column.
func lampSchema(t *testing.T) *schemas.Schema {
	t.Helper()
	s, err := schemas.ParseTable("test/lampes@1", []byte(`{"fields":[{"name":"id","type":"string","constraints":{"required":true,"unique":true}},{"name":"watts","type":"integer"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// online is a published version of n accepted and some refused rows, after versions like it.
func online(n, rejected int64) *catalog.RunMark {
	return &catalog.RunMark{Rows: n, Rejected: rejected, Columns: []string{"id", "watts"}, History: []int64{n}}
}

func history(rows ...int64) *catalog.RunMark {
	return &catalog.RunMark{Rows: rows[0], Columns: []string{"id", "watts"}, History: rows}
}

func rows(accepted, rejected int64) delivery {
	return delivery{accepted: accepted, rejected: rejected, columns: []string{"id", "watts"}}
}

func TestGate_ComparesADeliveryWithTheVersionsBeforeIt(t *testing.T) {
	cases := []struct {
		name string
		last *catalog.RunMark
		now  delivery
		g    GateOptions
		says string // "" lets through
	}{
		{"the first version ever", nil, rows(1, 0), GateOptions{}, ""},
		{"as many rows", online(1000, 0), rows(1000, 0), GateOptions{}, ""},

		{"70.0 % exactly", online(1000, 0), rows(700, 0), GateOptions{}, ""},
		{"one row under 70 %", online(1000, 0), rows(699, 0), GateOptions{}, "a perdu 30\u00a0% de ses lignes\u00a0: 699 au lieu de 1\u202f000 d’habitude"},
		{"half is gone", online(12345, 0), rows(6000, 0), GateOptions{}, "a perdu 51\u00a0% de ses lignes\u00a0: 6\u202f000 au lieu de 12\u202f345"},
		{"a loss of exactly 20 rows", online(40, 0), rows(20, 0), GateOptions{}, ""},
		{"a loss of 21 rows", online(41, 0), rows(20, 0), GateOptions{}, "a perdu 51"},
		{"a dataset of 3 rows that loses 2", online(3, 0), rows(1, 0), GateOptions{}, ""},
		{"a dataset of 3 rows that gains 2", online(3, 0), rows(5, 0), GateOptions{}, ""},
		{"a dataset of 3 rows with a bad one", online(3, 0), rows(2, 1), GateOptions{}, "1 ligne sur 3 n’est pas conforme, alors que presque toutes l’étaient"},
		{"one bad season in five does not lower what is usual", history(100, 1000, 1000, 1000, 1000), rows(600, 0), GateOptions{}, "au lieu de 1\u202f000"},
		{"three small versions in five do", history(100, 100, 100, 1000, 1000), rows(90, 0), GateOptions{}, ""},
		{"the median of four is the mean of the middle two", history(100, 200, 300, 400), rows(175, 0), GateOptions{}, ""},
		{"and no more", history(100, 200, 300, 400), rows(174, 0), GateOptions{}, "174 au lieu de 250"},
		{"a mark without history", &catalog.RunMark{Rows: 1000}, rows(600, 0), GateOptions{}, "600 au lieu de 1\u202f000"},

		{"5 % of bad rows exactly", online(100, 0), rows(95, 5), GateOptions{}, ""},
		{"more than 5 % of bad rows", online(100, 0), rows(94, 6), GateOptions{}, "6 lignes sur 100 ne sont pas conformes"},
		{"bad rows where 1 % was bad before", online(99, 1), rows(80, 20), GateOptions{}, ""},
		{"bad rows where less than 1 % was", online(999, 9), rows(900, 100), GateOptions{}, "100 lignes sur 1\u202f000"},

		{"ten times the rows exactly", online(50, 0), rows(500, 0), GateOptions{}, ""},
		{"more than ten times", online(50, 0), rows(501, 0), GateOptions{}, "anormalement grand\u00a0: 501 lignes au lieu de 50"},
		{"anything after an accepted empty version", online(0, 0), rows(5000, 0), GateOptions{}, ""},

		{"a required column that was there", online(10, 0), delivery{accepted: 10, columns: []string{"watts"}}, GateOptions{}, "La colonne obligatoire «\u00a0id\u00a0», présente jusqu’ici, a disparu"},
		{"a free column that was there", online(10, 0), delivery{accepted: 10, columns: []string{"id"}}, GateOptions{}, ""},

		{"a threshold of the recipe's own", online(1000, 0), rows(350, 0), GateOptions{Shrink: 0.3}, ""},
		{"a stricter one", online(1000, 0), rows(890, 0), GateOptions{Shrink: 0.9}, "890 au lieu de"},
		{"a loss that the recipe allows", online(1000, 0), rows(100, 0), GateOptions{ShrinkMin: 900}, ""},
		{"a growth that the recipe allows", online(10, 0), rows(150, 0), GateOptions{Grow: 20}, ""},
		{"bad rows that the recipe allows", online(100, 0), rows(100, 100), GateOptions{Invalid: 0.5}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			why := heldAgainst(c.g.withDefaults(), c.last, c.now, lampSchema(t))
			if (why == "") != (c.says == "") || !strings.Contains(why, c.says) {
				t.Errorf("the gate says %q, want %q", why, c.says)
			}
		})
	}
}

func TestGate_ComparesKeys(t *testing.T) {
	keys := func(from, n int) (sketch, int64) {
		var k sketch
		for i := range n {
			k.keep(mix(uint64(from + i)))
		}
		return k, int64(n)
	}
	for name, c := range map[string]struct {
		from, n int
		holds   bool
	}{
		"the same keys":          {0, 50, false},
		"half of them":           {25, 50, false},
		"less than half of them": {26, 50, true},
		"none of them":           {1000, 50, true},
		"five times as many":     {0, 250, false},
	} {
		t.Run(name, func(t *testing.T) {
			before, n := keys(0, 50)
			last := online(n, 0)
			last.Sketch = before.values()
			after, m := keys(c.from, c.n)
			now := rows(m, 0)
			now.sketch = after.values()
			why := heldAgainst(GateOptions{}.withDefaults(), last, now, lampSchema(t))
			if (why != "") != c.holds || c.holds && !strings.Contains(why, "identifiants") {
				t.Errorf("the gate says %q", why)
			}
		})
	}
}

func TestGate_NamesEachMissingColumnOnceInTheOrderOfTheSchema(t *testing.T) {
	s, err := schemas.ParseTable("test/t@1", []byte(`{"fields":[{"name":"b","constraints":{"required":true}},{"name":"a","constraints":{"required":true}},{"name":"c"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	r := schemas.NewReport(s)
	for i := range schemas.MaxIssues { // the report is full of another document's faults
		r.Add(schemas.Issue{Type: "type-error", Row: int64(i + 2)})
	}
	for _, column := range []string{"a", "b", "a", "b"} {
		r.Add(schemas.Issue{Type: "missing-label", Field: column})
	}
	r.Finish()
	want := fmt.Sprintf("2 colonnes obligatoires manquent dans le fichier reçu\u00a0: %s, %s.", cited("b"), cited("a"))
	if got := heldAlone(delivery{accepted: 10}, r, s); got != want {
		t.Errorf("the gate says %q, want %q", got, want)
	}
}

func TestMedian_IsTheMiddleOne(t *testing.T) {
	for _, c := range []struct {
		of   []int64
		want int64
	}{{nil, 0}, {[]int64{7}, 7}, {[]int64{9, 1}, 5}, {[]int64{3, 2}, 3}, {[]int64{5, 1, 9}, 5}, {[]int64{4, 1, 3, 2}, 3}, {[]int64{5, 5, 1, 9, 5}, 5}} {
		if got := median(c.of); got != c.want {
			t.Errorf("median is %d, want %d", got, c.want)
		}
	}
}

func TestFrenchInt_GroupsByThree(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1\u202f000", 1234567: "1\u202f234\u202f567", -1000: "-1\u202f000", -100: "-100"} {
		if got := frenchInt(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}
