package catalog

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
)

// A Subscriber is told of each event at least once, in order. An error means: again later.
type Subscriber interface {
	Name() string // stable: its place in the stream is kept under it
	Handle(ctx context.Context, e []Event) error
}

// CatchUp hands sub the events it has not seen, a page at a time, and returns how many there were.
func CatchUp(ctx context.Context, s Store, sub Subscriber) (int, error) {
	after, err := s.Cursor(ctx, sub.Name())
	if err != nil {
		return 0, fmt.Errorf("read cursor of %s: %w", sub.Name(), err)
	}
	for n := 0; ; {
		page, err := s.Events(ctx, after, 500)
		if err != nil {
			return n, fmt.Errorf("read events after %d: %w", after, err)
		}
		if len(page) == 0 {
			return n, nil
		}
		if err := sub.Handle(ctx, page); err != nil {
			return n, fmt.Errorf("%s: %w", sub.Name(), err)
		}
		after, n = page[len(page)-1].Seq, n+len(page)
		if err := s.SetCursor(ctx, sub.Name(), after); err != nil {
			return n, fmt.Errorf("keep cursor of %s: %w", sub.Name(), err)
		}
	}
}

// Follow keeps the subscribers up to date until ctx ends: it looks for events every interval, and a subscriber that fails
// is tried again at the next look while the others go on.
func Follow(ctx context.Context, s Store, every time.Duration, log *slog.Logger, subs ...Subscriber) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		for _, sub := range subs {
			if _, err := CatchUp(ctx, s, sub); err != nil && ctx.Err() == nil {
				log.Warn("subscriber behind", "subscriber", sub.Name(), "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// An Indexer is the Subscriber that keeps an Index equal to a Store.
type Indexer struct {
	Store Store
	Index Index
}

// Name is the place in the stream.
func (x Indexer) Name() string { return "index" }

// Handle puts or deletes the datasets that the events name, each once.
func (x Indexer) Handle(ctx context.Context, events []Event) error {
	var named []uuid.UUID
	known := map[uuid.UUID]bool{}
	for _, e := range events {
		if !known[e.Dataset] {
			known[e.Dataset] = true
			named = append(named, e.Dataset)
		}
	}
	put, _, err := x.Store.Datasets(ctx, DatasetQuery{IDs: named}) // those online
	if err != nil {
		return err
	}
	for _, d := range put {
		delete(known, d.ID)
	}
	var gone []string
	for id := range known {
		gone = append(gone, id.String())
	}
	if len(gone) > 0 {
		if err := x.Index.Delete(ctx, gone...); err != nil {
			return err
		}
	}
	if len(put) == 0 {
		return nil
	}
	return x.Index.Put(ctx, put...)
}

// Reindex rebuilds the index from the store and returns how many datasets it holds.
func (x Indexer) Reindex(ctx context.Context) (int, error) {
	n := 0
	err := x.Index.Rebuild(ctx, func(next Index) error {
		var page []Dataset
		flush := func() error {
			n += len(page)
			err := next.Put(ctx, page...)
			page = page[:0]
			return err
		}
		err := x.Store.EachDataset(ctx, DatasetQuery{}, func(d Dataset) error {
			if page = append(page, d); len(page) == 500 {
				return flush()
			}
			return nil
		})
		if err != nil || len(page) == 0 {
			return err
		}
		return flush()
	})
	return n, err
}
