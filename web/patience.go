package web

import (
	"context"
	"errors"
	"time"

	"grenier/catalog"
)

const (
	indexPatience = 2 * time.Second // what a search may take
	indexRoom     = 64              // searches under way at most, those that nobody waits for any more among them
)

var errIndexFull = errors.New("too many searches under way")

// A patientIndex is an index that cannot keep a page waiting: a search that takes too long, or that finds no place among the others for as long, is an
// error. The pages that need the index less than their readers need them go on without it.
type patientIndex struct {
	catalog.Index
	within time.Duration
	room   chan struct{}
}

func patient(x catalog.Index, within time.Duration) *patientIndex {
	return &patientIndex{Index: x, within: within, room: make(chan struct{}, indexRoom)}
}

// Search answers, or gives up; what it gave up keeps its place until the index lets it go.
func (x *patientIndex) Search(ctx context.Context, q catalog.Query) (catalog.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, x.within)
	defer cancel()
	select {
	case x.room <- struct{}{}:
	case <-ctx.Done():
		return catalog.Page{}, errors.Join(errIndexFull, ctx.Err())
	}
	type answer struct {
		page catalog.Page
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		defer func() { <-x.room }()
		page, err := x.Index.Search(ctx, q)
		done <- answer{page, err}
	}()
	select {
	case a := <-done:
		return a.page, a.err
	case <-ctx.Done():
		return catalog.Page{}, ctx.Err()
	}
}
