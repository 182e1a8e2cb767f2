package publish_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"grenier/publish"
	"grenier/publish/publishtest"
	"grenier/schemas"

	"pgregory.net/rapid"
)

// cutTable writes rows as a Parquet file in row groups and pages of random sizes, and opens it.
func cutTable(t interface{ Fatal(...any) }, s *schemas.Schema, rows [][]string, every int) *publish.Table {
	var out bytes.Buffer
	end := func(row int) bool { return (row+1)%every == 0 }
	err := publish.PressCut(&out, s, publishtest.Batch(s, rows), func(c, r int) bool { return (r+c+1)%(every/2+1) == 0 }, func(c, r int) bool { return r%5 == 4 }, end)
	if err != nil {
		t.Fatal(err)
	}
	table, err := publish.OpenTable(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// changesOf writes each change as one line.
func changesOf(t interface{ Fatal(...any) }, d *publish.Difference, from, to *publish.Table, skip int64, limit int) (out []string) {
	cells := func(r *publish.TableRow) string {
		var all []string
		for c := range r.Schema().Fields {
			all = append(all, string(r.Text(c)))
		}
		return strings.Join(all, "|")
	}
	err := d.Changes(context.Background(), from, to, skip, limit, func(c publish.Change) error {
		switch c.Op {
		case publish.RowAdded:
			out = append(out, "+ "+cells(c.After))
		case publish.RowRemoved:
			out = append(out, "- "+cells(c.Before))
		default:
			line := "~ " + cells(c.Before) + " > " + cells(c.After)
			for _, col := range c.Columns {
				line += " " + col.Name
			}
			out = append(out, line)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// naiveChanges compares rows of texts in the plainest way: by the first columns, or as a bag of rows.
func naiveChanges(names []string, keys int, old, new [][]string) (out []string) {
	line := func(row []string) string { return strings.Join(row, "|") }
	if keys > 0 {
		id := func(row []string) string { return line(row[:keys]) }
		before, after := map[string][]string{}, map[string]bool{}
		for _, row := range old {
			before[id(row)] = row
		}
		for _, row := range new {
			after[id(row)] = true
			was, there := before[id(row)]
			switch {
			case !there:
				out = append(out, "+ "+line(row))
			case line(was) != line(row):
				change := "~ " + line(was) + " > " + line(row)
				for c := range row {
					if was[c] != row[c] {
						change += " " + names[c]
					}
				}
				out = append(out, change)
			}
		}
		for _, row := range old {
			if !after[id(row)] {
				out = append(out, "- "+line(row))
			}
		}
		return out
	}
	count := map[string]int{}
	for _, row := range old {
		count[line(row)]++
	}
	for _, row := range new {
		if count[line(row)]--; count[line(row)] < 0 {
			out = append(out, "+ "+line(row))
		}
	}
	for row, n := range count {
		for range n {
			out = append(out, "- "+row)
		}
	}
	return out
}

func sortedLines(lines []string) []string {
	lines = slices.Clone(lines)
	slices.Sort(lines)
	return lines
}

func TestCompare_AgreesWithANaiveComparison(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := publishtest.Schema(schemas.Field{Name: "a", Type: schemas.String}, schemas.Field{Name: "b", Type: schemas.Integer},
			schemas.Field{Name: "c", Type: rapid.SampledFrom(poolTypes).Draw(t, "type")}, schemas.Field{Name: "d", Type: schemas.String})
		names := []string{"a", "b", "c", "d"}
		keys := rapid.IntRange(0, 2).Draw(t, "keys")
		s.Series.Key = names[:keys]
		row := rapid.Custom(func(t *rapid.T) []string {
			out := []string{}
			for i := range s.Fields {
				out = append(out, rapid.SampledFrom(pools[s.Fields[i].Type]).Draw(t, names[i]))
			}
			return out
		})
		unique := rapid.Bool().Draw(t, "unique")
		rows := func(name string) [][]string {
			if keys > 0 && unique {
				return rapid.SliceOfNDistinct(row, 0, 40, func(r []string) string { return strings.Join(r[:keys], "|") }).Draw(t, name)
			}
			return rapid.SliceOfN(row, 0, 40).Draw(t, name)
		}
		old, new := rows("old"), rows("new")
		from, to := cutTable(t, s, old, rapid.IntRange(1, 50).Draw(t, "cut")), cutTable(t, s, new, rapid.IntRange(1, 50).Draw(t, "cut"))
		d, err := publish.Compare(context.Background(), from, to, publish.CompareOptions{Key: s.Series.Key})
		if err != nil {
			t.Fatal(err)
		}
		distinct := func(rows [][]string) bool {
			seen := map[string]bool{}
			for _, r := range rows {
				id := strings.Join(r[:keys], "|")
				if seen[id] {
					return false
				}
				seen[id] = true
			}
			return true
		}
		by := keys
		if keys > 0 && !(distinct(old) && distinct(new)) {
			by = 0
		}
		if (d.By == nil) != (by == 0) || d.Repeated != (by != keys) {
			t.Fatalf("compared by %v (repeated %v), want %d key columns", d.By, d.Repeated, by)
		}
		got := changesOf(t, d, from, to, 0, 0)
		want := naiveChanges(names, by, old, new)
		if !slices.Equal(sortedLines(got), sortedLines(want)) {
			t.Fatalf("got %q\nwant %q", sortedLines(got), sortedLines(want))
		}
		sign := func(mark string) (n int64) {
			for _, l := range want {
				if strings.HasPrefix(l, mark) {
					n++
				}
			}
			return n
		}
		if d.Added != sign("+") || d.Removed != sign("-") || d.Changed != sign("~") || d.From != int64(len(old)) || d.To != int64(len(new)) {
			t.Fatalf("counts %+v", d)
		}
		skip := rapid.IntRange(0, len(got)).Draw(t, "skip")
		limit := rapid.IntRange(1, 9).Draw(t, "limit")
		if page := changesOf(t, d, from, to, int64(skip), limit); !slices.Equal(page, got[skip:min(skip+limit, len(got))]) {
			t.Fatalf("page of %d from %d: %q", limit, skip, page)
		}
	})
}

func TestCompare_TellsColumnsApart(t *testing.T) {
	before := publishtest.Schema(schemas.Field{Name: "id", Type: schemas.String}, schemas.Field{Name: "n", Type: schemas.Integer}, schemas.Field{Name: "gone", Type: schemas.String})
	after := publishtest.Schema(schemas.Field{Name: "come", Type: schemas.Date}, schemas.Field{Name: "n", Type: schemas.String}, schemas.Field{Name: "id", Type: schemas.String})
	from := cutTable(t, before, [][]string{{"A", "12", "x"}, {"B", "13", "x"}, {"C", "", "x"}}, 2)
	to := cutTable(t, after, [][]string{{"2026-01-01", "12", "A"}, {"2026-01-01", "014", "B"}, {"", "", "D"}}, 2)
	d, err := publish.Compare(t.Context(), from, to, publish.CompareOptions{Key: []string{"id"}})
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%+v", d.Columns)
	if want := "{Added:[come] Removed:[gone] Retyped:[{Name:n From:integer To:string}]}"; got != want {
		t.Errorf("columns %s, want %s", got, want)
	}
	want := []string{"~ B|13|x > 2026-01-01|014|B n", "- C||x", "+ ||D"}
	if got := changesOf(t, d, from, to, 0, 0); !slices.Equal(got, want) {
		t.Errorf("changes %q, want %q", got, want)
	}
}

func TestCompare_OfTablesWithoutAColumnInCommonTakesEveryRow(t *testing.T) {
	from := cutTable(t, publishtest.Schema(schemas.Field{Name: "a", Type: schemas.String}), [][]string{{"1"}, {"2"}}, 2)
	to := cutTable(t, publishtest.Schema(schemas.Field{Name: "b", Type: schemas.String}), [][]string{{"1"}}, 2)
	d, err := publish.Compare(t.Context(), from, to, publish.CompareOptions{Key: []string{"a"}})
	if err != nil || d.Added != 1 || d.Removed != 2 || d.By != nil || d.Repeated {
		t.Errorf("%+v, %v", d, err)
	}
}

// In a series a row that was only read again elsewhere has not changed; another member's row of the same key is another row.
func TestCompare_OfASeriesLooksAtWhatMembersPublished(t *testing.T) {
	s := publishtest.Schema(schemas.Field{Name: "id", Type: schemas.String}, schemas.Field{Name: "objet", Type: schemas.String},
		schemas.Field{Name: "membre_siren", Type: schemas.String}, schemas.Field{Name: "membre_nom", Type: schemas.String}, schemas.Field{Name: "fichier_source", Type: schemas.String},
		schemas.Field{Name: "ligne_source", Type: schemas.Integer}, schemas.Field{Name: "version", Type: schemas.Integer}, schemas.Field{Name: "moissonne_le", Type: schemas.Date})
	from := cutTable(t, s, [][]string{{"1", "a", "S1", "Un", "f.csv", "2", "1", "2026-01-01"}, {"1", "b", "S2", "Deux", "f.csv", "2", "1", "2026-01-01"}}, 2)
	to := cutTable(t, s, [][]string{{"1", "a", "S1", "Un", "g.csv", "9", "2", "2026-02-01"}, {"1", "c", "S2", "Deux", "f.csv", "2", "2", "2026-02-01"}}, 2)
	d, err := publish.Compare(t.Context(), from, to, publish.CompareOptions{Key: []string{"id"}})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"~ 1|b|S2|Deux|f.csv|2|1|2026-01-01 > 1|c|S2|Deux|f.csv|2|2|2026-02-01 objet"}; !slices.Equal(changesOf(t, d, from, to, 0, 0), want) || !slices.Equal(d.By, []string{"id", "membre_siren"}) {
		t.Errorf("by %v: %q", d.By, changesOf(t, d, from, to, 0, 0))
	}
}

// Several passes and one give the same.
func TestCompare_InManyPassesIsTheSame(t *testing.T) {
	s := publishtest.Schema(schemas.Field{Name: "id", Type: schemas.Integer}, schemas.Field{Name: "v", Type: schemas.String})
	random := rand.New(rand.NewPCG(1, 2))
	table := func(n int) *publish.Table {
		var rows [][]string
		for _, id := range random.Perm(n)[:n*9/10] {
			rows = append(rows, []string{fmt.Sprint(id), fmt.Sprint(random.IntN(4))})
		}
		return cutTable(t, s, rows, 700)
	}
	from, to := table(5000), table(5200)
	for _, key := range [][]string{{"id"}, nil, {"v"}} {
		one, err := publish.Compare(t.Context(), from, to, publish.CompareOptions{Key: key})
		if err != nil {
			t.Fatal(err)
		}
		restore := publish.SetCompareRows(1000)
		many, err := publish.Compare(t.Context(), from, to, publish.CompareOptions{Key: key})
		restore()
		if err != nil {
			t.Fatal(err)
		}
		a, b := changesOf(t, one, from, to, 0, 0), changesOf(t, many, from, to, 0, 0)
		if !slices.Equal(a, b) || len(a) < 100 {
			t.Errorf("by %v: %d changes in one pass, %d in many", key, len(a), len(b))
		}
	}
}

func TestCompare_StopsWhenItsReaderLeaves(t *testing.T) {
	s := publishtest.Schema(schemas.Field{Name: "id", Type: schemas.Integer})
	table := cutTable(t, s, [][]string{{"1"}, {"2"}}, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := publish.Compare(ctx, table, table, publish.CompareOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Compare: %v", err)
	}
	d, err := publish.Compare(t.Context(), table, cutTable(t, s, nil, 1), publish.CompareOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Changes(t.Context(), table, table, 0, 0, func(publish.Change) error { return nil }); err == nil {
		t.Error("changes of other tables were given")
	}
}

func TestCompare_SaysThatAFileIsDamaged(t *testing.T) {
	s := publishtest.Schema(schemas.Field{Name: "id", Type: schemas.String})
	var out bytes.Buffer
	if err := publish.PressCut(&out, s, publishtest.Batch(s, [][]string{{"un"}, {"deux"}}), func(int, int) bool { return false }, func(int, int) bool { return false }, func(int) bool { return false }); err != nil {
		t.Fatal(err)
	}
	good := cutTable(t, s, [][]string{{"un"}}, 1)
	bad := out.Bytes()
	bad[30] ^= 0xff
	table, err := publish.OpenTable(bytes.NewReader(bad), int64(len(bad)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := publish.Compare(t.Context(), good, table, publish.CompareOptions{}); err == nil || !strings.Contains(err.Error(), "damaged page") {
		t.Errorf("got %v", err)
	}
}
