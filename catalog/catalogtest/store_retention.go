package catalogtest

import (
	"fmt"
	"testing"
	"time"

	"grenier/catalog"
)

// pruneLeavesGaps publishes a version every ten days of a year and keeps a few days, months and years.
func pruneLeavesGaps(t *testing.T, b *bench) {
	b.fill()
	start := time.Date(2025, 6, 5, 4, 0, 0, 0, time.UTC)
	var id = dataset(delib, "Délibérations", "0").ID
	for n := range 36 {
		d := dataset(delib, "Délibérations", fmt.Sprint(n))
		d.Files[1].Key = "pub/same.parquet" // the same bytes in every version
		b.publish(d, start.AddDate(0, 0, 10*n))
	}
	other := dataset(star, "Étoile", "s")
	b.publish(other, start)

	keys, err := b.Prune(b.ctx, id, catalog.PrunePolicy{Last: 2, Months: 3, Years: 5})
	b.ok(err)
	versions, err := b.Versions(b.ctx, id)
	b.ok(err)
	var kept []int
	for _, v := range versions {
		kept = append(kept, v.Number)
		if len(v.Files) != 2 {
			t.Errorf("version %d has %d files", v.Number, len(v.Files))
		}
	}
	b.same(kept, []int{36, 35, 33, 30, 21}) // the two newest; the last ones of April and of March; the last one of 2025
	b.same(len(keys), 31)
	for _, key := range keys {
		if key == "pub/same.parquet" {
			t.Error("a file that kept versions have was said to be free")
		}
	}
	_, _, err = b.File(b.ctx, versions[0].Files[0].ID, 34)
	b.is(err, catalog.ErrNotFound)
	_, _, err = b.File(b.ctx, versions[0].Files[0].ID, 21)
	b.ok(err)
	again, err := b.Prune(b.ctx, id, catalog.PrunePolicy{Last: 2, Months: 3, Years: 5})
	b.ok(err)
	b.same(len(again), 0)
	next, _ := b.publish(dataset(delib, "Délibérations", "37"), start.AddDate(1, 0, 0))
	b.same(next.Version, 37)
	left, err := b.Versions(b.ctx, other.ID)
	b.ok(err)
	b.same(len(left), 1)
	b.ok(b.Check(b.ctx))
}
