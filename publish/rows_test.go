package publish_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"grenier/publish"
	"grenier/publish/publishtest"
	"grenier/schemas"

	"pgregory.net/rapid"
)

// pools are the cells of random tables, by type; "" has no value. Each rises, in the order of its type, but for NaN, which is last.
var pools = map[schemas.Type][]string{
	schemas.String:   {"", "Aubin", "Hôtel de ville", "Lyon", "hotel", "lyon", "été " + strings.Repeat("long ", 30) + "a", "été " + strings.Repeat("long ", 30) + "b", "œuvre"},
	schemas.Integer:  {"", "-9000000000", "-1", "0", "3", "12", "800"},
	schemas.Number:   {"", "-1.5", "0", "0.25", "3", "1000000.75", "NaN"},
	schemas.Boolean:  {"", "false", "true"},
	schemas.Date:     {"", "1969-12-31", "1970-01-01", "2026-11-23", "2026-11-24"},
	schemas.Datetime: {"", "1969-12-31T23:59:59", "2026-11-23T10:30:00", "2026-11-23T10:30:01"},
}

var poolTypes = []schemas.Type{schemas.String, schemas.Integer, schemas.Number, schemas.Boolean, schemas.Date, schemas.Datetime}

// A naive table answers questions in the plainest way.
type naive struct {
	fields []schemas.Field
	rows   [][]string
}

func (n naive) column(name string) int {
	return slices.IndexFunc(n.fields, func(f schemas.Field) bool { return f.Name == name })
}

// rank is the place of a cell in its pool; -1 for no value.
func (n naive) rank(c int, cell string) int {
	if cell == "" {
		return -1
	}
	return slices.Index(pools[n.fields[c].Type], cell)
}

var plainLetters = strings.NewReplacer("É", "e", "é", "e", "ô", "o", "œ", "oe")

func (n naive) passes(row []string, f publish.Filter) bool {
	c := n.column(f.Column)
	cell, rank := row[c], n.rank(c, row[c])
	if rank < 0 || f.Op == publish.IsNull || f.Op == publish.IsNotNull {
		return (rank < 0) == (f.Op == publish.IsNull)
	}
	than := -1
	if len(f.Values) > 0 {
		than = n.rank(c, f.Values[0])
	}
	nan := cell == "NaN"
	found := strings.Contains(plainLetters.Replace(strings.ToLower(cell)), plainLetters.Replace(strings.ToLower(strings.Join(f.Values, ""))))
	return map[publish.Op]bool{
		publish.Equal: rank == than, publish.Differs: rank != than, publish.In: slices.Contains(f.Values, cell), publish.NotIn: !slices.Contains(f.Values, cell),
		publish.AtMost: !nan && rank <= than, publish.AtLeast: !nan && rank >= than, publish.Below: !nan && rank < than, publish.Above: !nan && rank > than,
		publish.Contains: found, publish.NotContains: !found,
	}[f.Op]
}

func (n naive) where(fs []publish.Filter) (out [][]string) {
	for _, row := range n.rows {
		if !slices.ContainsFunc(fs, func(f publish.Filter) bool { return !n.passes(row, f) }) {
			out = append(out, row)
		}
	}
	return out
}

// sorted is a stable sort with no value and NaN last.
func (n naive) sorted(rows [][]string, by string, descending bool) [][]string {
	if by == "" {
		return rows
	}
	c := n.column(by)
	last := func(r []string) bool { return r[c] == "" || r[c] == "NaN" }
	out := slices.Clone(rows)
	slices.SortStableFunc(out, func(a, b []string) int {
		if last(a) || last(b) {
			return map[bool]int{true: 1}[last(a)] - map[bool]int{true: 1}[last(b)]
		}
		if descending {
			a, b = b, a
		}
		return cmp.Compare(n.rank(c, a[c]), n.rank(c, b[c]))
	})
	return out
}

func (n naive) pick(rows [][]string, columns []string) (out [][]string) {
	for _, row := range rows {
		picked := []string{}
		for _, name := range columns {
			picked = append(picked, row[n.column(name)])
		}
		out = append(out, picked)
	}
	return out
}

// group works out all aggregates of a column of each group, as texts.
func (n naive) group(rows [][]string, by []string, column string) (out [][]string) {
	groups := map[string][][]string{}
	for _, key := range n.pick(rows, by) {
		groups[strings.Join(key, "\x00")] = nil
	}
	if len(by) == 0 {
		groups[""] = nil
	}
	for i, key := range n.pick(rows, by) {
		id := strings.Join(key, "\x00")
		groups[id] = append(groups[id], rows[i])
	}
	for id, members := range groups {
		var key []string
		if len(by) > 0 {
			key = strings.Split(id, "\x00")
		}
		out = append(out, append(key, n.aggregates(members, column)...))
	}
	slices.SortFunc(out, func(a, b []string) int {
		for i, name := range by {
			if c := n.compareKeys(n.column(name), a[i], b[i]); c != 0 {
				return c
			}
		}
		return 0
	})
	return out
}

// compareKeys puts NaN after numbers, and no value after NaN.
func (n naive) compareKeys(c int, a, b string) int {
	place := func(cell string) int {
		if cell == "" {
			return 100
		}
		return n.rank(c, cell)
	}
	return cmp.Compare(place(a), place(b))
}

func (n naive) aggregates(rows [][]string, column string) []string {
	c := n.column(column)
	count, numbers, sum := 0, 0, 0.0
	least, most := "", ""
	for _, row := range rows {
		cell := row[c]
		if cell == "" {
			continue
		}
		count++
		if cell == "NaN" {
			continue
		}
		f, _ := strconv.ParseFloat(cell, 64)
		sum, numbers = sum+f, numbers+1
		if least == "" || n.rank(c, cell) < n.rank(c, least) {
			least = cell
		}
		if most == "" || n.rank(c, cell) > n.rank(c, most) {
			most = cell
		}
	}
	out := []string{strconv.Itoa(len(rows)), strconv.Itoa(count), least, most}
	if t := n.fields[c].Type; t != schemas.Integer && t != schemas.Number {
		return out
	}
	if numbers == 0 {
		return append(out, "", "")
	}
	return append(out, strconv.FormatFloat(sum, 'f', -1, 64), strconv.FormatFloat(sum/float64(numbers), 'g', 9, 64))
}

// cells are the texts of a batch; "" has no value.
func cells(b *schemas.Batch) (out [][]string) {
	for r := range b.Rows {
		row := []string{}
		for c := range b.Columns {
			row = append(row, string(b.TextAt(c, r)))
		}
		out = append(out, row)
	}
	return out
}

// answer runs a question to its end: page after page when it has a limit.
func answer(t testing.TB, table *publish.Table, q publish.RowQuery) (rows [][]string, total int64) {
	t.Helper()
	for pages := 0; ; pages++ {
		plan, err := table.Query(q)
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		page, err := plan.Run(t.Context(), func(b *schemas.Batch) error {
			rows = append(rows, cells(b)...)
			return nil
		})
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		if pages == 0 {
			total = page.Total
		}
		if page.Next == "" {
			return rows, total
		}
		if page.Rows != int64(q.Limit) || pages > 1000 {
			t.Fatalf("page %d of %d rows has a next one", pages, page.Rows)
		}
		q.Cursor, q.Offset = page.Next, 0
	}
}

func drawTable(t *rapid.T) (*publish.Table, naive) {
	var n naive
	for i := range rapid.IntRange(1, 4).Draw(t, "columns") {
		n.fields = append(n.fields, schemas.Field{Name: "c" + strconv.Itoa(i), Type: rapid.SampledFrom(poolTypes).Draw(t, "type")})
	}
	sorted := rapid.Bool().Draw(t, "sorted")
	for range rapid.IntRange(0, 60).Draw(t, "rows") {
		var row []string
		for _, f := range n.fields {
			row = append(row, rapid.SampledFrom(pools[f.Type]).Draw(t, "cell"))
		}
		n.rows = append(n.rows, row)
	}
	if sorted {
		n.rows = n.sorted(n.rows, "c0", rapid.Bool().Draw(t, "falling"))
	}
	s := publishtest.Schema(n.fields...)
	ends := rapid.SliceOfN(rapid.IntRange(0, 9), 60, 60).Draw(t, "ends")
	var file bytes.Buffer
	err := publish.PressCut(&file, s, publishtest.Batch(s, n.rows), func(c, r int) bool { return (ends[r]+c)%5 == 0 }, func(c, r int) bool { return (ends[r]+c)%10 == 0 },
		func(r int) bool { return ends[r] == 9 || ends[r] == 5 })
	if err != nil {
		t.Fatal(err)
	}
	table, err := publish.OpenTable(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return table, n
}

func drawFilters(t *rapid.T, n naive) (out []publish.Filter) {
	for range rapid.IntRange(0, 3).Draw(t, "filters") {
		f := rapid.SampledFrom(n.fields).Draw(t, "filtered")
		q := publish.Filter{Column: f.Name, Op: rapid.SampledFrom(publish.Ops()).Draw(t, "op")}
		value := rapid.SampledFrom(slices.DeleteFunc(slices.Clone(pools[f.Type]), func(v string) bool { return v == "" || v == "NaN" }))
		switch q.Op {
		case publish.IsNull, publish.IsNotNull:
		case publish.In, publish.NotIn:
			q.Values = rapid.SliceOfN(value, 1, 3).Draw(t, "values")
		case publish.Contains, publish.NotContains:
			if f.Type != schemas.String {
				continue
			}
			q.Values = []string{rapid.SampledFrom([]string{"hotel", "LYON", "Été", "oeu", "ong b", ""}).Draw(t, "part")}
		default:
			q.Values = []string{value.Draw(t, "value")}
		}
		out = append(out, q)
	}
	return out
}

func names(fields []schemas.Field) (out []string) {
	for _, f := range fields {
		out = append(out, f.Name)
	}
	return out
}

func TestRows_AnswerAsANaiveReaderWould(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		table, n := drawTable(r)
		q := publish.RowQuery{Where: drawFilters(r, n), Limit: rapid.SampledFrom([]int{0, 1, 2, 7, 100}).Draw(r, "limit"), Offset: int64(rapid.IntRange(0, 8).Draw(r, "offset")), Total: true}
		if rapid.Bool().Draw(r, "sort") {
			q.Sort, q.Descending = rapid.SampledFrom(n.fields).Draw(r, "by").Name, rapid.Bool().Draw(r, "descending")
		}
		columns := names(n.fields)
		if rapid.Bool().Draw(r, "pick") {
			columns = rapid.Permutation(columns).Draw(r, "order")[:rapid.IntRange(1, len(columns)).Draw(r, "width")]
			q.Columns = columns
		}
		all := n.sorted(n.where(q.Where), q.Sort, q.Descending)
		want := n.pick(all[min(int(q.Offset), len(all)):], columns)
		got, total := answer(t, table, q)
		if !slices.EqualFunc(got, want, slices.Equal) {
			r.Fatalf("%+v on %v %q:\ngot  %q\nwant %q", q, n.fields, n.rows, got, want)
		}
		if total != int64(len(all)) {
			r.Fatalf("%+v: total %d, want %d", q, total, len(all))
		}
	})
}

func TestRows_GroupAsANaiveReaderWould(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		table, n := drawTable(r)
		f := rapid.SampledFrom(n.fields).Draw(r, "column")
		by := rapid.Permutation(names(n.fields)).Draw(r, "order")[:rapid.IntRange(0, min(2, len(n.fields))).Draw(r, "keys")]
		q := publish.RowQuery{Where: drawFilters(r, n), GroupBy: by, Limit: rapid.SampledFrom([]int{0, 1, 3}).Draw(r, "limit"),
			Aggregates: []publish.Aggregate{{Func: publish.Count}, {f.Name, publish.Count}, {f.Name, publish.Least}, {f.Name, publish.Most}}}
		number := f.Type == schemas.Integer || f.Type == schemas.Number
		if number {
			q.Aggregates = append(q.Aggregates, publish.Aggregate{Column: f.Name, Func: publish.Sum}, publish.Aggregate{Column: f.Name, Func: publish.Average})
		}
		want := n.group(n.where(q.Where), by, f.Name)
		got, total := answer(t, table, q)
		for i := range got {
			if last := len(got[i]) - 1; number && got[i][last] != "" {
				avg, _ := strconv.ParseFloat(got[i][last], 64)
				got[i][last] = strconv.FormatFloat(avg, 'g', 9, 64)
			}
		}
		if !slices.EqualFunc(got, want, slices.Equal) || total != int64(len(want)) {
			r.Fatalf("%+v on %v %q:\ngot  %q\nwant %q", q, n.fields, n.rows, got, want)
		}
	})
}

// salaries is a small table for tests by example.
func salaries(t testing.TB) *publish.Table {
	s := publishtest.Schema(schemas.Field{Name: "ville", Type: schemas.String}, schemas.Field{Name: "montant", Type: schemas.Number}, schemas.Field{Name: "n", Type: schemas.Integer}, schemas.Field{Name: "jour", Type: schemas.Date})
	return openTable(t, press(t, s, [][]string{
		{"Lyon", "0.1", "1", "2026-01-01"}, {"Aubin", "12.5", "9223372036854775807", "2026-01-02"}, {"Lyon", "0.2", "3", ""}, {"", "5", "4", "2026-01-04"},
	}, 10))
}

func openTable(t testing.TB, file []byte) *publish.Table {
	t.Helper()
	table, err := publish.OpenTable(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestRows_SumWithoutTheDustOfBinaryFractions(t *testing.T) {
	got, _ := answer(t, salaries(t), publish.RowQuery{GroupBy: []string{"ville"}, Aggregates: []publish.Aggregate{{"montant", publish.Sum}}, Sort: "montant__sum", Descending: true})
	if want := "[[Aubin 12.5] [ 5] [Lyon 0.3]]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestRows_RefuseQuestionsInFrench(t *testing.T) {
	table := salaries(t)
	for sentence, q := range map[string]publish.RowQuery{
		"Les colonnes sont : ville, montant, n, jour":  {Columns: []string{"villes"}},
		"La colonne « x » n’existe pas":                {Where: []publish.Filter{{"x", publish.Equal, []string{"1"}}}},
		"« douze » ne se compare pas":                  {Where: []publish.Filter{{"montant", publish.Equal, []string{"douze"}}}},
		"des dates (exemple : 2026-11-23)":             {Where: []publish.Filter{{"jour", publish.AtLeast, []string{"01/02/2026"}}}},
		"vaut pour les colonnes de texte":              {Where: []publish.Filter{{"n", publish.Contains, []string{"1"}}}},
		"ne prend pas de valeur":                       {Where: []publish.Filter{{"n", publish.IsNull, []string{"1"}}}},
		"au moins une valeur":                          {Where: []publish.Filter{{"n", publish.In, nil}}},
		"La comparaison « like » n’existe pas":         {Where: []publish.Filter{{"n", "like", []string{"1"}}}},
		"Le calcul « sum » porte sur des nombres":      {Aggregates: []publish.Aggregate{{"ville", publish.Sum}}},
		"deux colonnes au plus":                        {GroupBy: []string{"ville", "n", "jour"}},
		"est demandée deux fois":                       {Columns: []string{"n", "n"}},
		"La colonne « montant__sum » n’existe pas":     {GroupBy: []string{"ville"}, Sort: "montant__sum"},
		"Ce curseur est mal écrit":                     {Cursor: "%%%"},
		"Ce curseur vient d’une autre version":         {Cursor: "AAAAAAAAAAAA"},
		"suivez le lien « next »":                      {Sort: "n", Offset: 9_990, Limit: 20},
		"La page demandée n’existe pas":                {Offset: -1},
		"Le calcul « avg » porte sur une colonne":      {Aggregates: []publish.Aggregate{{"", publish.Average}}},
		"retirez « columns »":                          {GroupBy: []string{"ville"}, Columns: []string{"n"}},
		"La somme de la colonne « n » est trop grande": {Aggregates: []publish.Aggregate{{"n", publish.Sum}}},
	} {
		plan, err := table.Query(q)
		if err == nil {
			_, err = plan.Run(t.Context(), func(*schemas.Batch) error { return nil })
		}
		var asked *publish.QueryError
		if !errors.As(err, &asked) || !strings.Contains(asked.Message, sentence) {
			t.Errorf("%+v: got %v, want %q", q, err, sentence)
		}
	}
}

func TestRows_RefuseTooManyGroups(t *testing.T) {
	s := publishtest.Schema(schemas.Field{Name: "a", Type: schemas.Integer})
	table := openTable(t, press(t, s, column(10_001, strconv.Itoa), 4096))
	plan, err := table.Query(publish.RowQuery{GroupBy: []string{"a"}})
	if err != nil {
		t.Fatal(err)
	}
	var asked *publish.QueryError
	if _, err := plan.Run(t.Context(), nil); !errors.As(err, &asked) || !strings.Contains(asked.Message, "10 000 groupes") {
		t.Errorf("got %v", err)
	}
}

func TestRows_ACursorServesOneVersionOnly(t *testing.T) {
	s := publishtest.Schema(schemas.Field{Name: "a", Type: schemas.Integer})
	q := publish.RowQuery{Limit: 1}
	plan, err := openTable(t, press(t, s, column(3, strconv.Itoa), 10)).Query(q)
	if err != nil {
		t.Fatal(err)
	}
	page, err := plan.Run(t.Context(), func(*schemas.Batch) error { return nil })
	if err != nil || page.Next == "" {
		t.Fatalf("%+v, %v", page, err)
	}
	q.Cursor = page.Next
	if _, err := openTable(t, press(t, s, column(4, strconv.Itoa), 10)).Query(q); !errors.Is(err, publish.ErrOtherFile) {
		t.Errorf("got %v", err)
	}
}

// A meter counts what is read.
type meter struct {
	*bytes.Reader
	mu           sync.Mutex // two row groups may be read at once
	bytes, reads int
}

func (m *meter) ReadAt(p []byte, at int64) (int, error) {
	m.mu.Lock()
	m.bytes, m.reads = m.bytes+len(p), m.reads+1
	m.mu.Unlock()
	return m.Reader.ReadAt(p, at)
}

func TestRows_ReadLittleOfALargeFile(t *testing.T) {
	file := largeFile(t, 300_000)
	table := openTable(t, file)
	for name, c := range map[string]struct {
		q     publish.RowQuery
		rows  int
		share float64 // of the file, at most
	}{
		"filter on the sorted column": {publish.RowQuery{Where: []publish.Filter{{"id", publish.Equal, []string{"150000"}}}}, 1, 0.1},
		"deep page":                   {publish.RowQuery{Offset: 250_000, Limit: 20}, 20, 0.1},
		"first page in order":         {publish.RowQuery{Sort: "id", Limit: 20}, 20, 0.15},
		"last page in order":          {publish.RowQuery{Sort: "id", Descending: true, Limit: 20}, 20, 0.15},
		"one column of many":          {publish.RowQuery{Columns: []string{"ville"}}, 300_000, 0.11},
		"a value that is nowhere":     {publish.RowQuery{Where: []publish.Filter{{"ville", publish.Equal, []string{"commune 12b"}}}}, 0, 0.05},
	} {
		m := &meter{Reader: bytes.NewReader(file)}
		plan, err := table.At(m).Query(c.q)
		if err != nil {
			t.Fatal(err)
		}
		rows := 0
		if _, err := plan.Run(t.Context(), func(b *schemas.Batch) error { rows += b.Rows; return nil }); err != nil {
			t.Fatal(err)
		}
		if share := float64(m.bytes) / float64(len(file)); rows != c.rows || share > c.share {
			t.Errorf("%s: %d rows, %.1f %% of %d bytes in %d reads", name, rows, 100*share, len(file), m.reads)
		}
	}
}

// Rows that are far apart are looked up in pages that are not decoded; near ones, in pages that are.
func TestRows_SingleCellsAreThoseOfWholePages(t *testing.T) {
	s := publishtest.Schema(schemas.Field{Name: "rest", Type: schemas.Integer})
	for _, typ := range poolTypes {
		s.Fields = append(s.Fields, schemas.Field{Name: string(typ), Type: typ}, schemas.Field{Name: "many " + string(typ), Type: typ})
	}
	var rows [][]string
	for i := range 40_000 {
		h := int(uint32(i) * 2654435761 >> 7)
		row := []string{strconv.Itoa(i % 97)}
		for n, typ := range poolTypes {
			pool := pools[typ]
			many := map[schemas.Type]string{schemas.String: "texte " + strconv.Itoa(h), schemas.Integer: strconv.Itoa(h), schemas.Number: strconv.Itoa(h) + ".5", schemas.Boolean: strconv.FormatBool(h%3 == 0),
				schemas.Date: time.Unix(int64(h%90_000)*86400, 0).UTC().Format(time.DateOnly), schemas.Datetime: time.Unix(int64(h), 0).UTC().Format("2006-01-02T15:04:05")}[typ]
			if h>>4%(n+2) == 0 || i > 30_000 && i < 31_000 {
				many = ""
			}
			row = append(row, pool[h%len(pool)], many)
		}
		rows = append(rows, row)
	}
	table := openTable(t, press(t, s, rows, 4096))
	all, _ := answer(t, table, publish.RowQuery{})
	if len(all) != len(rows) {
		t.Fatalf("%d rows of %d", len(all), len(rows))
	}
	for i := range rows {
		if !slices.Equal(all[i], rows[i]) {
			t.Fatalf("row %d: got %q, want %q", i, all[i], rows[i])
		}
	}
	for rest := range 97 {
		var want [][]string
		for i := rest; i < len(all); i += 97 {
			want = append(want, all[i])
		}
		where := []publish.Filter{{Column: "rest", Op: publish.Equal, Values: []string{strconv.Itoa(rest)}}}
		for _, limit := range []int{0, 100} { // answer follows the pages
			got, _ := answer(t, table, publish.RowQuery{Where: where, Limit: limit})
			if len(got) != len(want) {
				t.Fatalf("rest %d, limit %d: %d rows, want %d", rest, limit, len(got), len(want))
			}
			for i := range got {
				if !slices.Equal(got[i], want[i]) {
					t.Fatalf("rest %d, limit %d, row %d: got %q, want %q", rest, limit, i, got[i], want[i])
				}
			}
		}
	}
}

func TestRows_OneTableServesManyReaders(t *testing.T) {
	file := largeFile(t, 150_000)
	table := openTable(t, file)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			plan, err := table.At(bytes.NewReader(file)).Query(publish.RowQuery{Where: []publish.Filter{{"id", publish.In, []string{strconv.Itoa(i), strconv.Itoa(149_999 - i)}}, {"objet", publish.Contains, []string{"SUBVENTION"}}}})
			if err != nil {
				t.Error(err)
				return
			}
			rows := 0
			if _, err := plan.Run(t.Context(), func(b *schemas.Batch) error { rows += b.Rows; return nil }); err != nil || rows != 2 {
				t.Errorf("%d rows, %v", rows, err)
			}
		})
	}
	group.Wait()
}

func TestRows_NoticeADamagedFile(t *testing.T) {
	file := largeFile(t, 20_000)
	want, _ := answer(t, openTable(t, file), publish.RowQuery{})
	for at := 4; at < len(file); at += 997 {
		bad := slices.Clone(file)
		bad[at] ^= 0x41
		table, err := publish.OpenTable(bytes.NewReader(bad), int64(len(bad)))
		if err != nil {
			continue
		}
		plan, err := table.Query(publish.RowQuery{})
		if err != nil {
			continue
		}
		var got [][]string
		_, err = plan.Run(t.Context(), func(b *schemas.Batch) error { got = append(got, cells(b)...); return nil })
		if err == nil && !slices.EqualFunc(got, want, slices.Equal) {
			t.Fatalf("byte %d: other rows and no error", at)
		}
	}
	for _, length := range []int{0, 3, 11, 12, len(file) / 2, len(file) - 1} {
		if _, err := publish.OpenTable(bytes.NewReader(file[:length]), int64(length)); err == nil {
			t.Errorf("%d bytes of a file are taken for one", length)
		}
	}
}

func TestRows_StopWhenNobodyWaits(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	plan, err := openTable(t, largeFile(t, 50_000)).Query(publish.RowQuery{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = plan.Run(ctx, func(*schemas.Batch) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestRows_WriteThemselvesAsTheFormatsDo(t *testing.T) {
	table := salaries(t)
	for name, want := range map[string]string{
		"csv":    "jour,montant\n2026-01-01,0.1\n,0.2\n",
		"ndjson": "{\"jour\":\"2026-01-01\",\"montant\":0.1}\n{\"jour\":null,\"montant\":0.2}\n",
	} {
		plan, err := table.Query(publish.RowQuery{Columns: []string{"jour", "montant"}, Where: []publish.Filter{{"ville", publish.Equal, []string{"Lyon"}}}})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if _, err := plan.WriteTo(t.Context(), &out, formatNamed(t, name), publish.Meta{}); err != nil || out.String() != want {
			t.Errorf("%s: got %q, %v", name, out.String(), err)
		}
	}
}

func TestRows_KnowWhatParquetHasNoWordFor(t *testing.T) {
	s := publishtest.Schema(schemas.Field{Name: "liste", Type: schemas.Array, Title: "Une liste"}, schemas.Field{Name: "an", Type: schemas.Year}, schemas.Field{Name: "mois", Type: schemas.YearMonth})
	s.PrimaryKey = []string{"an"}
	table := openTable(t, press(t, s, [][]string{{`["a", 1]`, "2026", "2026-11"}}, 1))
	got := table.Schema()
	if got.ID != s.ID || got.Title != s.Title || got.URL != s.URL || fmt.Sprint(got.PrimaryKey) != "[an]" || got.Fields[0].Title != "Une liste" || got.Fields[1].Type != schemas.Year || got.Fields[2].Type != schemas.YearMonth {
		t.Errorf("%+v", got)
	}
	plan, err := table.Query(publish.RowQuery{})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	want := `{"liste":["a",1],"an":2026,"mois":"2026-11"}` + "\n"
	if _, err := plan.WriteTo(t.Context(), &out, formatNamed(t, "ndjson"), publish.Meta{}); err != nil || out.String() != want {
		t.Errorf("got %q, %v", out.String(), err)
	}
}

func TestFold_LeavesOutCaseAndAccents(t *testing.T) {
	for text, want := range map[string]string{"ÉCOLE Élémentaire": "ecole elementaire", "Cœur d’Ævre": "coeur d’aevre", "e\u0301te\u0301": "ete", "Ǻ": "a", "\xff": "\xff", "日本": "日本"} {
		if got := string(publish.AppendFolded(nil, []byte(text))); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// largeFile is sorted by id; the others are in no order.
func largeFile(t testing.TB, n int) []byte {
	t.Helper()
	s := publishtest.Schema(schemas.Field{Name: "id", Type: schemas.Integer}, schemas.Field{Name: "ville", Type: schemas.String}, schemas.Field{Name: "objet", Type: schemas.String},
		schemas.Field{Name: "montant", Type: schemas.Number}, schemas.Field{Name: "jour", Type: schemas.Date})
	var out bytes.Buffer
	w, err := formatNamed(t, "parquet").New(&out, s, publish.Meta{})
	for from := 0; err == nil && from < n; from += 4096 {
		var rows [][]string
		for i := from; i < min(from+4096, n); i++ {
			h := uint32(i) * 2654435761
			rows = append(rows, []string{strconv.Itoa(i), "commune " + strconv.Itoa(int(h>>8)%350), "Subvention n° " + strconv.Itoa(int(h)), strconv.FormatFloat(float64(h%1_000_003)/100, 'f', 2, 64),
				time.Unix(int64(86400*(18_000+h>>4%2000)), 0).UTC().Format(time.DateOnly)})
		}
		err = w.WriteBatch(publishtest.Batch(s, rows))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil || math.MaxInt32 < out.Len() {
		t.Fatal(err)
	}
	return out.Bytes()
}
