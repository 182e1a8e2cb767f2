package bleve

import (
	"context"
	"os"
	"slices"
	"testing"

	"grenier/catalog"
	"grenier/catalog/catalogtest"
)

// floor is what the judged searches may not fall under.
const floor = 0.85

// TestJudged_SearchesFindWhatPeopleWant measures the order of answers on the judged searches. GRENIER_BENCH_SEARCH=1 prints the table by class.
func TestJudged_SearchesFindWhatPeopleWant(t *testing.T) {
	x := open(t)
	all := catalogtest.Judged()
	fill(t, x, all)
	type class struct {
		name string
		sum  float64
		n    int
	}
	var classes []*class
	sum, queries := 0.0, catalogtest.JudgedQueries(t)
	for _, q := range queries {
		v := catalogtest.NDCG(t, x, all, q)
		i := slices.IndexFunc(classes, func(c *class) bool { return c.name == q.Class })
		if i < 0 {
			i = len(classes)
			classes = append(classes, &class{name: q.Class})
		}
		classes[i].sum, classes[i].n, sum = classes[i].sum+v, classes[i].n+1, sum+v
		if os.Getenv("GRENIER_BENCH_SEARCH") != "" || testing.Verbose() {
			t.Logf("%.3f  %-18s %s", v, q.Class, q.Text)
		}
	}
	for _, c := range classes {
		t.Logf("%-18s %3d  %.3f", c.name, c.n, c.sum/float64(c.n))
	}
	total := sum / float64(len(queries))
	t.Logf("%-18s %3d  %.3f  (%d datasets)", "all", len(queries), total, len(all))
	if len(queries) < 60 || total < floor {
		t.Errorf("%d queries, nDCG@10 %.3f: at least 60 and %.2f are wanted", len(queries), total, floor)
	}
}

func fill(t testing.TB, x catalog.Index, all []catalogtest.JudgedDataset) {
	t.Helper()
	for chunk := range slices.Chunk(all, 500) {
		var ds []catalog.Dataset
		for _, d := range chunk {
			ds = append(ds, d.Dataset)
		}
		if err := x.Put(context.Background(), ds...); err != nil {
			t.Fatal(err)
		}
	}
}
