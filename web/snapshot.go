package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"grenier/catalog"
	"grenier/catalog/dcat"
)

const (
	cataloguePageSize = 150              // datasets a page (dcat/CONTRACT.md section 3)
	snapshotAge       = time.Minute      // a catalogue is built anew after that, even if no event says that it changed
	walkAge           = 10 * time.Minute // how long the pages after the first keep to the snapshot that the first came from
)

// errEmptyCatalogue is an answer of its own: an empty but valid catalogue would have every dataset of a member archived.
var errEmptyCatalogue = errors.New("catalogue without dataset")

// snapshots keeps the catalogues that were asked for, so that all pages of a walk come from one reading of the store. There are
// at most as many as members, plus one.
type snapshots struct {
	mu     sync.Mutex
	byPath map[string]*snapshot
}

// A snapshot is one catalogue, all pages.
type snapshot struct {
	mu       sync.Mutex
	pages    [][]byte
	modified time.Time
	built    time.Time
	seq      int64 // of the newest event when it was built
}

// pages returns the pages of a catalogue, for a reader who wants page n. The first page opens a walk: it is always up to date.
func (c *snapshots) pages(ctx context.Context, s *Server, d dcat.Catalogue, q catalog.DatasetQuery, n int) ([][]byte, time.Time, error) {
	c.mu.Lock()
	if c.byPath == nil {
		c.byPath = map[string]*snapshot{}
	}
	snap, ok := c.byPath[d.Path]
	if !ok {
		snap = &snapshot{}
		c.byPath[d.Path] = snap
	}
	c.mu.Unlock()

	snap.mu.Lock()
	defer snap.mu.Unlock()
	fresh, err := snap.fresh(ctx, s, n)
	if err != nil {
		return nil, time.Time{}, err
	}
	if !fresh {
		if err := snap.build(ctx, s, d, q); err != nil {
			return nil, time.Time{}, err
		}
	}
	return snap.pages, snap.modified, nil
}

func (p *snapshot) fresh(ctx context.Context, s *Server, n int) (bool, error) {
	age := s.Now().Sub(p.built)
	if p.pages == nil || age < 0 || age >= walkAge {
		return false, nil
	}
	if n > 1 {
		gone, err := s.withdrawnSince(ctx, p.seq)
		return !gone, err
	}
	if age >= snapshotAge {
		return false, nil
	}
	newer, err := s.Store.Events(ctx, p.seq, 1)
	if err != nil {
		return false, fmt.Errorf("read events: %w", err)
	}
	return len(newer) == 0, nil
}

// build reads the datasets, oldest first, and writes every page before anything is kept.
func (p *snapshot) build(ctx context.Context, s *Server, d dcat.Catalogue, q catalog.DatasetQuery) error {
	built := s.Now()
	seq, err := newestEvent(ctx, s.Store, p.seq)
	if err != nil {
		return err
	}
	var ds []catalog.Dataset
	if err := s.Store.EachDataset(ctx, q, func(one catalog.Dataset) error {
		ds = append(ds, one)
		return nil
	}); err != nil {
		return fmt.Errorf("read datasets of %s: %w", d.Path, err)
	}
	if len(ds) == 0 {
		p.pages = nil
		return errEmptyCatalogue
	}
	pages, modified, err := writeCatalogue(d, ds)
	if err != nil {
		return err
	}
	p.pages, p.modified, p.built, p.seq = pages, modified, built, seq
	return nil
}

func writeCatalogue(d dcat.Catalogue, ds []catalog.Dataset) ([][]byte, time.Time, error) {
	d.Total, d.Pages = len(ds), (len(ds)+cataloguePageSize-1)/cataloguePageSize
	for i := range ds {
		if ds[i].Modified.After(d.Modified) {
			d.Modified = ds[i].Modified
		}
	}
	var pages [][]byte
	for d.Page = 1; d.Page <= d.Pages; d.Page++ {
		var b bytes.Buffer
		from := (d.Page - 1) * cataloguePageSize
		if err := dcat.Turtle(&b, d, ds[from:min(from+cataloguePageSize, len(ds))]); err != nil {
			return nil, d.Modified, fmt.Errorf("write page %d of %s: %w", d.Page, d.Path, err)
		}
		pages = append(pages, b.Bytes())
	}
	return pages, d.Modified, nil
}

// newestEvent finds the Seq of the newest event, from one that is known, with some eighty small questions at most: a
// history of years is not read through.
func newestEvent(ctx context.Context, store catalog.Store, known int64) (int64, error) {
	later := func(seq int64) (bool, error) {
		events, err := store.Events(ctx, seq, 1)
		if err != nil {
			return false, fmt.Errorf("read events: %w", err)
		}
		return len(events) > 0, nil
	}
	low, step := known, int64(1) // nothing or something is later than low; step doubles until nothing is
	for {
		more, err := later(low)
		if err != nil {
			return 0, err
		}
		if !more {
			break
		}
		low, step = low+step, step*2
	}
	if low == known {
		return known, nil
	}
	high := low // nothing is later than high
	low = max(known, high-step/2)
	for low+1 < high {
		middle := low + (high-low)/2
		more, err := later(middle)
		if err != nil {
			return 0, err
		}
		if more {
			low = middle
		} else {
			high = middle
		}
	}
	return high, nil
}
