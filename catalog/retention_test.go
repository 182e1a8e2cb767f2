package catalog_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"grenier/catalog"
)

func TestPrunePolicy_KeepsTheLastOfEachPeriod(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	days := []string{"2026-03-31T22:30", "2026-03-31T10:00", "2026-03-02T10:00", "2026-02-27T10:00", "2026-02-01T10:00", "2025-12-31T23:30", "2025-12-31T22:30", "2025-06-01T10:00", "2024-01-01T10:00"}
	for name, c := range map[string]struct {
		policy catalog.PrunePolicy
		want   []int
	}{
		"nothing asked":         {catalog.PrunePolicy{}, []int{0}},
		"less than nothing":     {catalog.PrunePolicy{Last: -1, Months: -1, Years: -1}, []int{0}},
		"the newest":            {catalog.PrunePolicy{Last: 3}, []int{0, 1, 2}},
		"more than there are":   {catalog.PrunePolicy{Last: 30}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8}},
		"months":                {catalog.PrunePolicy{Last: 1, Months: 3}, []int{0, 3, 5}},
		"months of Paris":       {catalog.PrunePolicy{Last: 1, Months: 4, Location: paris}, []int{0, 1, 3, 5}}, // the first is of April there, the sixth of January
		"years":                 {catalog.PrunePolicy{Last: 1, Years: 2}, []int{0, 5}},
		"years of Paris":        {catalog.PrunePolicy{Last: 1, Years: 2, Location: paris}, []int{0, 6}},
		"months, then years":    {catalog.PrunePolicy{Last: 2, Months: 2, Years: 10}, []int{0, 1, 3, 5, 8}},
		"months without a year": {catalog.PrunePolicy{Last: 1, Months: 24}, []int{0, 3, 5, 7, 8}},
	} {
		var published []time.Time
		for _, d := range days {
			at, err := time.Parse("2006-01-02T15:04", d)
			if err != nil {
				t.Fatal(err)
			}
			published = append(published, at)
		}
		var got []int
		for i, keep := range c.policy.Keeps(published) {
			if keep {
				got = append(got, i)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: kept %v, want %v of %s", name, got, c.want, strings.Join(days, " "))
		}
	}
}
