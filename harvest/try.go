package harvest

import (
	"context"

	"grenier/catalog"
)

// Try fetches a source as a run would, from nothing, and hands over its documents: nothing is kept, judged or recorded. It is how a connection
// is diagnosed.
func (r *Runner) Try(ctx context.Context, source catalog.Source, fn func(Document) error) error {
	l := &line{Runner: r, facts: r.Store, source: source}
	if err := l.prepare(ctx); err != nil {
		return at(StageFetch, err)
	}
	s, err := l.open()
	if err != nil {
		return at(StageFetch, err)
	}
	_, err = s.Fetch(ctx, "", fn)
	return at(StageFetch, err)
}
