//go:build unix

package publish_test

// What a question on the rows of a large file costs:
//
//	GRENIER_BENCH_ROWS=5000000 go test ./publish -count=1 -run '^TestBenchRows$' -v -timeout 30m
//	go test ./publish -run '^$' -bench 'Rows|Profile'
//
// The first makes a file of so many grants (15 columns, dated, each row group in the order of dates) and one of 3,000 members (25 columns, a row
// group each), asks each question many times and prints median and 99th percentile. Above a limit it fails.

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"grenier/publish"
	"grenier/publish/publishtest"
	"grenier/schemas"
)

// A rowsQuestion is asked again and again; varied, each time of another value.
type rowsQuestion struct {
	name   string
	limit  time.Duration // of the 99th percentile when many, of the median otherwise; 0 for none
	times  int
	where  []publish.Filter // … of which the value of the first is replaced by values, if any
	values []string
	q      publish.RowQuery
}

func TestBenchRows(t *testing.T) {
	rows, err := strconv.Atoi(os.Getenv("GRENIER_BENCH_ROWS"))
	if err != nil {
		t.Skip("GRENIER_BENCH_ROWS=5000000 measures questions on so many rows")
	}
	file := writeFile(t, grantsSchema(), rows, 4096, grantRow)
	size, table := openFile(t, file)
	t.Logf("%d rows, %.1f MiB, %d KiB kept of it while it is open", rows, float64(size)/(1<<20), table.Footprint()>>10)
	var days []string
	for i := range 200 {
		days = append(days, grantDay(i*2400/200))
	}
	grants := func(column string, op publish.Op, value string) []publish.Filter {
		return []publish.Filter{{Column: column, Op: op, Values: []string{value}}}
	}
	sums := []publish.Aggregate{{Column: "montant", Func: publish.Sum}, {Column: "montant", Func: publish.Average}}
	for _, question := range []rowsQuestion{
		{"sort key, a day, a page", 30 * time.Millisecond, 200, grants("dateConvention", publish.Equal, ""), days, publish.RowQuery{Limit: 20}},
		{"sort key, from a day on, a page", 30 * time.Millisecond, 200, grants("dateConvention", publish.AtLeast, ""), days, publish.RowQuery{Limit: 20}},
		{"equality, a page", 0, 50, grants("idAttribuant", publish.Equal, grantTown(7)), nil, publish.RowQuery{Limit: 20}},
		{"equality, all columns of all rows", 500 * time.Millisecond, 9, grants("idAttribuant", publish.Equal, grantTown(7)), nil, publish.RowQuery{}},
		{"equality of a number", 500 * time.Millisecond, 9, grants("montant", publish.Equal, "1234.5"), nil, publish.RowQuery{}},
		{"equality of a rare text", 500 * time.Millisecond, 9, grants("referenceDecision", publish.Equal, "2021-DCM-03009"), nil, publish.RowQuery{}},
		{"contains, all rows", 500 * time.Millisecond, 9, grants("nomBeneficiaire", publish.Contains, "4321"), nil, publish.RowQuery{}},
		{"a day, all columns of all rows", 0, 9, grants("dateConvention", publish.Equal, grantDay(1200)), nil, publish.RowQuery{}},
		{"page in the order of another column", 0, 9, nil, nil, publish.RowQuery{Sort: "montant", Descending: true, Limit: 20}},
		{"group by a text, count", 600 * time.Millisecond, 9, nil, nil, publish.RowQuery{GroupBy: []string{"nature"}}},
		{"group by a town, sum and average", 600 * time.Millisecond, 9, nil, nil, publish.RowQuery{GroupBy: []string{"nomAttribuant"}, Aggregates: sums}},
		{"group by a day, sum and average", 600 * time.Millisecond, 9, nil, nil, publish.RowQuery{GroupBy: []string{"dateConvention"}, Aggregates: sums}},
		{"group by a number without dictionary", 600 * time.Millisecond, 9, nil, nil, publish.RowQuery{GroupBy: []string{"centimes"}}},
		{"group by two columns, sum", 0, 9, nil, nil, publish.RowQuery{GroupBy: []string{"nature", "nomAttribuant"}, Aggregates: sums[:1]}},
	} {
		ask(t, table, question)
	}
	streamAll(t, file)
	manyGroups(t)
}

// ask prints what a question takes, and fails when that is too long.
func ask(t *testing.T, table *publish.Table, question rowsQuestion) {
	t.Helper()
	var took, cost []time.Duration
	rows := int64(0)
	for i := range question.times {
		q := question.q
		q.Where = slices.Clone(question.where)
		if question.values != nil {
			q.Where[0].Values = []string{question.values[i%len(question.values)]}
		}
		start, used := time.Now(), cpuTime(t)
		rows = run(t, table, q)
		took, cost = append(took, time.Since(start)), append(cost, cpuTime(t)-used)
	}
	slices.Sort(took)
	slices.Sort(cost)
	at := len(took) / 2
	if question.times > 100 {
		at = len(took) * 99 / 100
	}
	allowed := "–"
	if question.limit > 0 {
		allowed = question.limit.String()
	}
	last := len(took) * 99 / 100
	t.Logf("%-40s %8d rows   p50 %7.1f ms (cpu %7.1f)   p99 %7.1f ms (cpu %7.1f)   allowed %s",
		question.name, rows, ms(took[len(took)/2]), ms(cost[len(cost)/2]), ms(took[last]), ms(cost[last]), allowed)
	if judged := min(took[at], cost[at]); question.limit > 0 && judged > question.limit {
		t.Errorf("%s: %v, allowed %v", question.name, judged, question.limit)
	}
}

// cpuTime is what this process has used.
func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func run(t testing.TB, table *publish.Table, q publish.RowQuery) int64 {
	t.Helper()
	plan, err := table.Query(q)
	if err != nil {
		t.Fatal(err)
	}
	page, err := plan.Run(context.Background(), func(*schemas.Batch) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return page.Rows
}

// streamAll writes the whole file as CSV, and fails when that takes memory with its size.
func streamAll(t *testing.T, path string) {
	t.Helper()
	_, table := openFile(t, path)
	plan, err := table.Query(publish.RowQuery{})
	if err != nil {
		t.Fatal(err)
	}
	csv := formatNamed(t, "csv")
	w, err := csv.New(io.Discard, plan.Schema(), publish.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	peak, batches, start := uint64(0), 0, time.Now()
	page, err := plan.Run(t.Context(), func(b *schemas.Batch) error {
		if batches++; batches%500 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&now)
			peak = max(peak, now.HeapAlloc-min(before.HeapAlloc, now.HeapAlloc))
		}
		return w.WriteBatch(b)
	})
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	t.Logf("%-40s %8d rows   %.1f s, %.0f rows/ms, at most %.1f MiB of memory", "all rows as CSV", page.Rows, took.Seconds(), float64(page.Rows)/ms(took), float64(peak)/(1<<20))
	if peak > 64<<20 {
		t.Errorf("a stream holds %d MiB", peak>>20)
	}
}

// manyGroups measures a series: a row group for each of 3,000 members.
func manyGroups(t *testing.T) {
	t.Helper()
	path := seriesFile(t, 3000, 25)
	var took, cost []time.Duration
	var table *publish.Table
	for range 9 {
		start, used := time.Now(), cpuTime(t)
		_, table = openFile(t, path)
		took, cost = append(took, time.Since(start)), append(cost, cpuTime(t)-used)
	}
	slices.Sort(took)
	slices.Sort(cost)
	t.Logf("%-40s p50 %7.1f ms (cpu %.1f), allowed 50ms; %d KiB kept", "open 3,000 row groups of 25 columns", ms(took[4]), ms(cost[4]), table.Footprint()>>10)
	if judged := min(took[4], cost[4]); judged > 50*time.Millisecond {
		t.Errorf("opening takes %v", judged)
	}
	var members []string
	for i := range 200 {
		members = append(members, grantSIREN(i*15))
	}
	where := []publish.Filter{{Column: "membre_siren", Op: publish.Equal, Values: []string{""}}}
	ask(t, table, rowsQuestion{"one member of 3,000, all its rows", 30 * time.Millisecond, 200, where, members, publish.RowQuery{}})
	ask(t, table, rowsQuestion{"all members, rows of each", 0, 5, nil, nil, publish.RowQuery{GroupBy: []string{"membre_siren"}}})
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m := &meter{Reader: bytes.NewReader(file)}
	if n := run(t, table.At(m), publish.RowQuery{Where: []publish.Filter{{Column: "membre_siren", Op: publish.Equal, Values: members[100:101]}}}); n != 40 {
		t.Errorf("%d rows of a member", n)
	}
	if m.bytes > len(file)/100 {
		t.Errorf("a member of 3,000 costs %d of %d bytes", m.bytes, len(file))
	}
	t.Logf("%-40s %d of %d bytes", "one member of 3,000 reads", m.bytes, len(file))
}

func openFile(t testing.TB, path string) (int64, *publish.Table) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	table, err := publish.OpenTable(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	return info.Size(), table
}

func grantDay(i int) string   { return time.Unix(int64(86400*(17_000+i)), 0).UTC().Format(time.DateOnly) }
func grantSIREN(i int) string { return fmt.Sprintf("2%08d", i*7919%100_000_000) }
func grantTown(i int) string  { return grantSIREN(i) + "00015" }

// grantsSchema and grantRow are like the grants that towns publish: dictionaries, references that all differ, amounts, empty cells. Rows are in
// the order of days within each row group, as those of a series with a year column are.
func grantsSchema() *schemas.Schema {
	s := publishtest.Schema(
		schemas.Field{Name: "nomAttribuant", Type: schemas.String}, schemas.Field{Name: "idAttribuant", Type: schemas.String}, schemas.Field{Name: "dateConvention", Type: schemas.Date},
		schemas.Field{Name: "referenceDecision", Type: schemas.String}, schemas.Field{Name: "nomBeneficiaire", Type: schemas.String}, schemas.Field{Name: "idBeneficiaire", Type: schemas.String},
		schemas.Field{Name: "objet", Type: schemas.String}, schemas.Field{Name: "montant", Type: schemas.Number}, schemas.Field{Name: "nature", Type: schemas.String},
		schemas.Field{Name: "conditionsVersement", Type: schemas.String}, schemas.Field{Name: "datesPeriodeVersement", Type: schemas.String}, schemas.Field{Name: "idRAE", Type: schemas.String},
		schemas.Field{Name: "notificationUE", Type: schemas.Boolean}, schemas.Field{Name: "pourcentageSubvention", Type: schemas.Number}, schemas.Field{Name: "centimes", Type: schemas.Integer})
	s.Series.Year = "dateConvention"
	return s
}

func grantRow(i int, r *rand.Rand) []string {
	const group = 122_880
	town, amount := r.IntN(350), 50+r.IntN(2_000_000)
	return []string{"Commune de " + strconv.Itoa(town), grantTown(town), grantDay(i % group * 2400 / group), fmt.Sprintf("%d-DCM-%05d", 2015+r.IntN(10), r.IntN(60_000)),
		"Association n° " + strconv.Itoa(r.IntN(7_000)), fmt.Sprintf("%09d00019", r.IntN(900_000_000)), "Subvention de fonctionnement, action " + strconv.Itoa(r.IntN(9_000)),
		strconv.FormatFloat(float64(amount)/100, 'f', -1, 64), []string{"aide en numéraire", "aide en nature", "aide en numéraire;aide en nature"}[r.IntN(3)],
		maybe(r, 3, "en "+strconv.Itoa(1+r.IntN(4))+" versements"), maybe(r, 2, grantDay(r.IntN(2400))+"/"+grantDay(r.IntN(2400))), maybe(r, 10, strconv.Itoa(r.IntN(1e9))),
		strconv.FormatBool(r.IntN(50) == 0), maybe(r, 4, strconv.FormatFloat(float64(r.IntN(100))/100, 'f', -1, 64)), strconv.Itoa((r.IntN(9_000) * 7919) % 1_000_003)}
}

// maybe is a cell with a value once in n times.
func maybe(r *rand.Rand, n int, text string) string {
	if r.IntN(n) != 0 {
		return ""
	}
	return text
}

// seriesFile has one row group of 40 rows for each member.
func seriesFile(t testing.TB, members, columns int) string {
	fields := []schemas.Field{{Name: "membre_siren", Type: schemas.String}}
	for c := 1; c < columns; c++ {
		fields = append(fields, schemas.Field{Name: "colonne " + strconv.Itoa(c), Type: []schemas.Type{schemas.String, schemas.Integer, schemas.Number, schemas.Date}[c%4]})
	}
	var rows [][]string
	for m := range members {
		for range 40 {
			row := []string{grantSIREN(m)}
			for c := 1; c < columns; c++ {
				row = append(row, []string{"texte " + strconv.Itoa(m*c%977), strconv.Itoa(m * c), strconv.Itoa(m) + ".5", grantDay(m % 2000)}[c%4])
			}
			rows = append(rows, row)
		}
	}
	s := publishtest.Schema(fields...)
	var out bytes.Buffer
	never := func(int, int) bool { return false }
	if err := publish.PressCut(&out, s, publishtest.Batch(s, rows), never, never, func(row int) bool { return row%40 == 39 }); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "serie.parquet")
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func writeFile(t testing.TB, s *schemas.Schema, n, batch int, row func(i int, r *rand.Rand) []string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lignes.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := bufio.NewWriterSize(f, 1<<20)
	w, err := formatNamed(t, "parquet").New(out, s, publish.Meta{})
	random := rand.New(rand.NewPCG(1, 2))
	for from := 0; err == nil && from < n; from += batch {
		var rows [][]string
		for i := from; i < min(from+batch, n); i++ {
			rows = append(rows, row(i, random))
		}
		err = w.WriteBatch(publishtest.Batch(s, rows))
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var million struct {
	once sync.Once
	file []byte
}

// millionRows is made once; it has 1,000,000 rows, sorted by id.
func millionRows(b *testing.B) []byte {
	million.once.Do(func() { million.file = largeFile(b, 1_000_000) })
	return million.file
}

func BenchmarkRows(b *testing.B) {
	file := millionRows(b)
	table := openTable(b, file)
	for _, c := range []struct {
		name string
		q    publish.RowQuery
		rows int64
	}{
		{"filter on the sort key", publish.RowQuery{Where: []publish.Filter{{"id", publish.Equal, []string{"700000"}}}, Limit: 20}, 1},
		{"range on the sort key", publish.RowQuery{Where: []publish.Filter{{"id", publish.AtLeast, []string{"700000"}}}, Limit: 20}, 20},
		{"unsorted equality of texts", publish.RowQuery{Where: []publish.Filter{{"objet", publish.Equal, []string{"Subvention n° 7"}}}}, 0},
		{"unsorted equality of numbers", publish.RowQuery{Where: []publish.Filter{{"montant", publish.Equal, []string{"0.005"}}}}, 0},
		{"unsorted equality of a dictionary", publish.RowQuery{Where: []publish.Filter{{"ville", publish.Equal, []string{"commune 12"}}}, Columns: []string{"id"}}, -1},
		{"contains", publish.RowQuery{Where: []publish.Filter{{"objet", publish.Contains, []string{"N° 9999999"}}}}, -1},
		{"page sorted by a column in no order", publish.RowQuery{Sort: "montant", Descending: true, Limit: 20}, 20},
		{"deep page", publish.RowQuery{Offset: 900_000, Limit: 20}, 20},
		{"group by a text, sum", publish.RowQuery{GroupBy: []string{"ville"}, Aggregates: []publish.Aggregate{{"montant", publish.Sum}}}, -1},
		{"group by two columns, count", publish.RowQuery{Where: []publish.Filter{{"jour", publish.Below, []string{"2019-04-30"}}}, GroupBy: []string{"jour", "ville"}}, -1},
		{"all rows", publish.RowQuery{}, 1_000_000},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				plan, err := table.Query(c.q)
				if err != nil {
					b.Fatal(err)
				}
				page, err := plan.Run(b.Context(), func(*schemas.Batch) error { return nil })
				if err != nil || c.rows >= 0 && page.Rows != c.rows {
					b.Fatalf("%+v, %v", page, err)
				}
			}
		})
	}
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			openTable(b, file)
		}
	})
}

// BenchmarkRowsStream reports the memory that a stream of a million rows holds at its most.
func BenchmarkRowsStream(b *testing.B) {
	file := millionRows(b)
	table := openTable(b, file)
	for _, name := range []string{"csv", "ndjson"} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(file)))
			f := formatNamed(b, name)
			var before, now runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			peak := uint64(0)
			for b.Loop() {
				plan, err := table.At(bytes.NewReader(file)).Query(publish.RowQuery{})
				if err != nil {
					b.Fatal(err)
				}
				w, err := f.New(io.Discard, plan.Schema(), publish.Meta{})
				if err != nil {
					b.Fatal(err)
				}
				batches := 0
				_, err = plan.Run(b.Context(), func(batch *schemas.Batch) error {
					if batches++; batches%100 == 0 {
						runtime.GC()
						runtime.ReadMemStats(&now)
						peak = max(peak, now.HeapAlloc-min(before.HeapAlloc, now.HeapAlloc))
					}
					return w.WriteBatch(batch)
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(peak)/(1<<20), "MiB-live")
		})
	}
}

// BenchmarkProfilePressed measures what the profile adds to making the files of a table.
func BenchmarkProfilePressed(b *testing.B) {
	s, r := grantsSchema(), rand.New(rand.NewPCG(1, 2))
	var batches []*schemas.Batch
	for from := 0; from < 250_000; from += 4096 {
		var rows [][]string
		for i := from; i < from+4096; i++ {
			rows = append(rows, grantRow(i, r))
		}
		batches = append(batches, publishtest.Batch(s, rows))
	}
	var formats []publish.Format
	for _, name := range []string{"csv", "parquet"} {
		formats = append(formats, formatNamed(b, name))
	}
	dir := b.TempDir()
	for _, profile := range []bool{false, true} {
		b.Run(fmt.Sprintf("profile %v", profile), func(b *testing.B) {
			start := cpuTime(b)
			for b.Loop() {
				d, err := publish.Begin(publish.Order{Schema: s, Formats: formats, Dir: dir, Profile: profile})
				if err != nil {
					b.Fatal(err)
				}
				for _, batch := range batches {
					if err := d.Write(batch); err != nil {
						b.Fatal(err)
					}
				}
				if _, _, err := d.Finish(); err != nil {
					b.Fatal(err)
				}
				d.Discard()
			}
			b.ReportMetric(float64((cpuTime(b)-start).Milliseconds())/float64(b.N), "cpu-ms/op")
		})
	}
}
