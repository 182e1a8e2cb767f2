package publish_test

import (
	"bytes"
	"io"
	"runtime"
	"sync"
	"testing"

	"grenier/publish"
	"grenier/schemas"
)

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
