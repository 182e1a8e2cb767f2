package publish_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"grenier/publish"
	"grenier/schemas"

	"github.com/google/go-cmp/cmp"
)

// keyedMembers have few keys, which several of them hold, and rows without one.
func keyedMembers(r *rand.Rand, s *schemas.Schema) []member {
	members := make([]member, 2+r.IntN(4))
	for i := range members {
		members[i] = member{siren: strconv.Itoa(219900000 + i), name: fmt.Sprintf("Commune %d", i), schema: s}
		for f := range 1 + r.IntN(2) {
			m := memberFile{name: fmt.Sprintf("f%d.csv", f)}
			for range r.IntN(40) {
				id := ""
				if r.IntN(8) > 0 {
					id = "k" + strconv.Itoa(r.IntN(60))
				}
				m.rows = append(m.rows, seriesRow(r, s, id))
			}
			members[i].files = append(members[i].files, m)
		}
	}
	return members
}

// settled is what naive code makes of members: the rows that stay, by member, and the conflicts.
func settled(members []member, s *schemas.Schema, owners func(a, b int) int) (rows [][]string, conflicts []publish.Conflict) {
	key := func(row []string) (key []string, none bool) {
		none = true
		for _, name := range s.Series.Key {
			cell := row[s.Field(name)]
			key, none = append(key, cell), none && cell == ""
		}
		return key, none
	}
	places := map[string]*publish.Conflict{}
	var order []string
	for i, m := range members {
		for _, f := range m.files {
			for j, row := range f.rows {
				k, none := key(row)
				if none {
					continue
				}
				id := fmt.Sprintf("%q", k)
				if places[id] == nil {
					places[id] = &publish.Conflict{Key: k}
					order = append(order, id)
				}
				places[id].Places = append(places[id].Places, publish.Place{Part: i, Document: f.name, Line: lineOf(j)})
			}
		}
	}
	loses := map[string]map[int]bool{}
	for _, id := range order {
		c := places[id]
		var parts, stay []int
		for _, p := range c.Places {
			if !slices.Contains(parts, p.Part) {
				parts = append(parts, p.Part)
			}
		}
		if len(parts) < 2 {
			continue
		}
		for _, a := range parts {
			if !slices.ContainsFunc(parts, func(b int) bool { return a != b && owners != nil && owners(min(a, b), max(a, b)) == b }) {
				stay = append(stay, a)
			}
		}
		c.Owner = -1
		if len(stay) == 0 {
			stay = parts
		}
		if len(stay) == 1 {
			c.Owner = stay[0]
		}
		loses[id] = map[int]bool{}
		for _, p := range parts {
			loses[id][p] = !slices.Contains(stay, p)
		}
		for j := range c.Places {
			c.Places[j].Kept = slices.Contains(stay, c.Places[j].Part)
		}
		conflicts = append(conflicts, *c)
	}
	for i, m := range members {
		at := 0
		all := m.want(len(s.Fields))
		for _, f := range m.files {
			for _, row := range f.rows {
				if k, none := key(row); none || !loses[fmt.Sprintf("%q", k)][i] {
					rows = append(rows, all[at])
				}
				at++
			}
		}
	}
	return rows, conflicts
}

func TestSeries_KeepsOfEachKeyTheRowsOfItsOwner(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 2))
			s := seriesSchema()
			if seed%2 == 1 {
				s.Series.Key = []string{"id", "nombre"}
			}
			members := keyedMembers(r, s)
			var owners func(a, b int) int
			if seed%4 > 0 {
				verdicts := map[[2]int]int{}
				for a := range members {
					for b := range members {
						verdicts[[2]int{a, b}] = []int{a, b, -1, 77}[r.IntN(4)]
					}
				}
				owners = func(a, b int) int { return verdicts[[2]int{a, b}] }
			}
			p := newSeriesPlace(t)
			o := p.order(t, s, members)
			o.Owners = owners
			result := p.press(t, o)
			want, conflicts := settled(members, s, owners)
			asCSV, asParquet := p.rows(t, result.Fields, file(t, result, "csv", 0)), p.rows(t, result.Fields, file(t, result, "parquet", 0))
			if diff := cmp.Diff(want, asCSV); diff != "" {
				t.Fatalf("csv: %s", diff)
			}
			if diff := cmp.Diff(sortedRows(want), sortedRows(asParquet)); diff != "" {
				t.Fatalf("parquet: %s", diff)
			}
			checkSeriesYears(t, p, s, result, asCSV, asParquet)
			left := int64(0)
			for _, n := range result.Left {
				left += n
			}
			if all := rowsOf(members); left != all-int64(len(want)) || result.Rows != int64(len(want)) {
				t.Errorf("%d rows left out and %d in, of %d", left, result.Rows, all)
			}
			if result.ConflictCount != int64(len(conflicts)) {
				t.Errorf("%d conflicts, want %d", result.ConflictCount, len(conflicts))
			}
			if diff := cmp.Diff(byKey(conflicts), byKey(result.Conflicts)); diff != "" {
				t.Errorf("conflicts: %s", diff)
			}
		})
	}
}

func rowsOf(members []member) (n int64) {
	for _, m := range members {
		for _, f := range m.files {
			n += int64(len(f.rows))
		}
	}
	return n
}

// byKey puts conflicts in the order of their keys, and places in that of their lines.
func byKey(conflicts []publish.Conflict) []publish.Conflict {
	out := slices.Clone(conflicts)
	slices.SortFunc(out, func(a, b publish.Conflict) int { return slices.Compare(a.Key, b.Key) })
	for i := range out {
		out[i].Places = slices.Clone(out[i].Places)
		slices.SortFunc(out[i].Places, func(a, b publish.Place) int {
			if a.Part != b.Part {
				return a.Part - b.Part
			}
			if a.Document != b.Document {
				return slices.Compare([]byte(a.Document), []byte(b.Document))
			}
			return int(a.Line - b.Line)
		})
	}
	return out
}

func TestSeries_KeepsAllRowsWhenOwnersGoRound(t *testing.T) {
	s := seriesSchema()
	var members []member
	for i := range 3 {
		members = append(members, member{siren: strconv.Itoa(i), name: strconv.Itoa(i), schema: s, files: []memberFile{{name: "a", rows: [][]string{{"x", strconv.Itoa(i), "", "", "", "", ""}}}}})
	}
	p := newSeriesPlace(t)
	o := p.order(t, s, members)
	o.Owners = func(a, b int) int {
		if a == 0 && b == 2 {
			return 0
		}
		return max(a, b)
	}
	result := p.press(t, o)
	if result.Rows != 3 || result.ConflictCount != 1 || result.Conflicts[0].Owner != -1 {
		t.Errorf("%d rows, %d conflicts: %+v", result.Rows, result.ConflictCount, result.Conflicts)
	}
}

func TestSeries_TellsTheFirstThousandConflicts(t *testing.T) {
	s := seriesSchema()
	var members []member
	for i := range 2 {
		f := memberFile{name: "a"}
		for j := range 1500 {
			f.rows = append(f.rows, []string{"k" + strconv.Itoa(j), "", "", "", "", "", ""})
		}
		members = append(members, member{siren: strconv.Itoa(i), name: strconv.Itoa(i), schema: s, files: []memberFile{f}})
	}
	p := newSeriesPlace(t)
	result := p.press(t, p.order(t, s, members))
	if result.ConflictCount != 1500 || len(result.Conflicts) != 200 || result.Rows != 3000 {
		t.Errorf("%d conflicts, %d told, %d rows", result.ConflictCount, len(result.Conflicts), result.Rows)
	}
	again := p.press(t, p.order(t, s, members))
	if diff := cmp.Diff(result.Conflicts, again.Conflicts); diff != "" {
		t.Errorf("the same series tells others: %s", diff)
	}
}
