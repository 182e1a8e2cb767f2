package catalog

import "time"

// A PrunePolicy says which versions of a dataset are kept: the newest ones, and the last one of each month and year in which something was published.
// The version online is always kept, so the zero policy keeps it alone.
type PrunePolicy struct {
	Last     int            // newest versions
	Months   int            // newest months with a version
	Years    int            // newest years with a version
	Location *time.Location // whose months and years; nil is UTC
}

// Keeps tells which of the versions are kept, by place. They are given by the time of their publication, newest first.
func (p PrunePolicy) Keeps(published []time.Time) []bool {
	location := p.Location
	if location == nil {
		location = time.UTC
	}
	keep := make([]bool, len(published))
	var months, years int
	var month, year time.Time // the last that were seen
	for i, at := range published {
		at = at.In(location)
		keep[i] = i < max(p.Last, 1)
		if m := time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, location); months < p.Months && !m.Equal(month) {
			month, months, keep[i] = m, months+1, true
		}
		if y := time.Date(at.Year(), 1, 1, 0, 0, 0, 0, location); years < p.Years && !y.Equal(year) {
			year, years, keep[i] = y, years+1, true
		}
	}
	return keep
}
