package store_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"grenier/catalog"
	"grenier/catalog/catalogtest"
	"grenier/catalog/store"
)

const workers = 8

// published is a catalogue of n sources that each published once.
func published(b *testing.B, s *store.Store, n int) []string {
	b.Helper()
	ids := fill(b, s, n)
	work(b, n, func(i int) error {
		r := run(fmt.Sprintf("first-%d", i), ids[i], dawn)
		if err := s.Start(context.Background(), r); err != nil {
			return err
		}
		_, err := s.Publish(context.Background(), dataset(ids[i], 1), r)
		return err
	})
	return ids
}

// work calls fn for 0 to n-1 in eight goroutines.
func work(b *testing.B, n int, fn func(i int) error) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := fn(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// BenchmarkRecordUnchanged is the night on which nothing changed: Start and Record of one run an iteration.
func BenchmarkRecordUnchanged(b *testing.B) {
	for _, engine := range []struct {
		name string
		dsn  func(testing.TB) string
	}{{"SQLite", sqliteDSN}, {"PostgreSQL", catalogtest.PostgresDSN}} {
		b.Run(engine.name, func(b *testing.B) {
			s := open(b, engine.dsn(b))
			ids := published(b, s, 2800)
			ctx := context.Background()
			b.ResetTimer()
			work(b, b.N, func(i int) error {
				r := run(fmt.Sprintf("run-%d", i), ids[i%len(ids)], dawn.Add(time.Hour))
				if err := s.Start(ctx, r); err != nil {
					return err
				}
				r.Status = catalog.Unchanged
				return s.Record(ctx, r)
			})
			b.ReportMetric(2*float64(b.N)/b.Elapsed().Seconds(), "ops/s")
		})
	}
}

// BenchmarkPublish is a first harvest: Start and Publish of one run an iteration, on disk before each answer.
func BenchmarkPublish(b *testing.B) {
	s := open(b, sqliteDSN(b))
	ids := fill(b, s, 2800)
	ctx := context.Background()
	b.ResetTimer()
	work(b, b.N, func(i int) error {
		r := run(fmt.Sprintf("run-%d", i), ids[i%len(ids)], dawn.Add(time.Hour))
		if err := s.Start(ctx, r); err != nil {
			return err
		}
		_, err := s.Publish(ctx, dataset(ids[i%len(ids)], i), r)
		return err
	})
}

// BenchmarkDataset is what one page costs.
func BenchmarkDataset(b *testing.B) {
	s := open(b, sqliteDSN(b))
	published(b, s, 500)
	id := dataset("213900137/jeu-7", 1).ID
	b.ResetTimer()
	for b.Loop() {
		if _, err := s.Dataset(context.Background(), id); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDatasets is a page of twenty.
func BenchmarkDatasets(b *testing.B) {
	s := open(b, sqliteDSN(b))
	published(b, s, 2800)
	b.ResetTimer()
	for b.Loop() {
		if _, _, err := s.Datasets(context.Background(), catalog.DatasetQuery{Limit: 20}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSources is what a harvest of everything reads first.
func BenchmarkSources(b *testing.B) {
	s := open(b, sqliteDSN(b))
	published(b, s, 2800)
	b.ResetTimer()
	for b.Loop() {
		if _, err := s.Sources(context.Background(), catalog.SourceQuery{}); err != nil {
			b.Fatal(err)
		}
	}
}
