package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"grenier/catalog"
	"grenier/catalog/dcat"

	"github.com/google/uuid"
)

const (
	cataloguePageSize = 150              // datasets a page (dcat/CONTRACT.md section 3)
	snapshotAge       = time.Minute      // a catalogue is listed anew after that, even if no event says that it changed
	walkAge           = 10 * time.Minute // how long the pages after the first keep to the snapshot that the first came from
)

// errEmptyCatalogue is an answer of its own: an empty but valid catalogue would have every dataset of a member archived.
var errEmptyCatalogue = errors.New("catalogue without dataset")

// snapshots keeps the catalogues that were asked for, so that all pages of a walk, in any syntax, come from one reading of the store. There are
// at most as many as members, plus one.
type snapshots struct {
	mu     sync.Mutex
	byPath map[string]*snapshot
}

// A snapshot is the newest reading of one catalogue.
type snapshot struct {
	mu   sync.Mutex
	last *listing
}

// A listing is one reading of a catalogue: which datasets it has, in creation order. What they say is read page by page in the catalogue of everybody,
// which may be large, and held in a member's, which data.gouv.fr harvests: a walk through it shows one state.
type listing struct {
	catalogue dcat.Catalogue
	entries   []entry
	held      []dcat.Description // one for each entry; nil in the catalogue of everybody
	service   dcat.Service
	built     time.Time
	seq       int64 // of the newest event when it was read

	mu    sync.Mutex
	pages map[pageKey][]byte // those that were asked for, of a member's

	accepted editions // the pages to serve instead, while these are held
}

type entry struct {
	dataset  uuid.UUID
	modified int64 // microseconds: there may be a hundred thousand
}

type pageKey struct {
	syntax dcat.Syntax
	number int
}

// listing returns the reading of a catalogue for who wants page n. The first page opens a walk: it is always up to date.
func (c *snapshots) listing(ctx context.Context, s *Server, d dcat.Catalogue, q catalog.DatasetQuery, n int) (*listing, error) {
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
		return nil, err
	}
	if !fresh {
		next, err := s.build(ctx, d, q, snap.last)
		if errors.Is(err, errEmptyCatalogue) {
			snap.last = nil
		}
		if err != nil {
			return nil, err
		}
		snap.last = next
	}
	return snap.last, nil
}

func (p *snapshot) fresh(ctx context.Context, s *Server, n int) (bool, error) {
	if p.last == nil {
		return false, nil
	}
	age := s.Now().Sub(p.last.built)
	if age < 0 || age >= walkAge {
		return false, nil
	}
	if n > 1 {
		gone, err := s.withdrawnSince(ctx, p.last.seq)
		return !gone, err
	}
	if age >= snapshotAge {
		return false, nil
	}
	newer, err := s.Store.Events(ctx, p.last.seq, 1)
	if err != nil {
		return false, fmt.Errorf("read events: %w", err)
	}
	return len(newer) == 0, nil
}

// build reads a catalogue, oldest dataset first. last is its reading before, nil for none.
func (s *Server) build(ctx context.Context, d dcat.Catalogue, q catalog.DatasetQuery, last *listing) (*listing, error) {
	l := &listing{catalogue: d, built: s.Now(), pages: map[pageKey][]byte{}}
	known := int64(0)
	if last != nil {
		known, l.entries = last.seq, make([]entry, 0, len(last.entries)+1)
	}
	var err error
	if l.seq, err = newestEvent(ctx, s.Store, known); err != nil {
		return nil, err
	}
	var series []uuid.UUID
	err = s.Store.Renditions(ctx, q, false, func(r catalog.Rendition) error {
		l.entries = append(l.entries, entry{r.Dataset, r.Modified.UnixMicro()})
		if r.Series {
			series = append(series, r.Dataset)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list datasets of %s: %w", d.Path, err)
	}
	if q.Member == "" {
		if l.catalogue.Series, err = s.seriesOf(ctx, series); err != nil {
			return nil, err
		}
	} else if err := l.hold(ctx, s); err != nil {
		return nil, err
	}
	if len(l.entries) == 0 {
		return nil, errEmptyCatalogue
	}
	for _, e := range l.entries {
		if e.modified > l.catalogue.Modified.UnixMicro() {
			l.catalogue.Modified = time.UnixMicro(e.modified).UTC()
		}
	}
	l.catalogue.Total = len(l.entries)
	l.service = s.serviceOf(l)
	if q.Member != "" {
		return s.admit(ctx, l, q.Member)
	}
	return l, nil
}

// hold reads what the catalogue of a member says. A dataset that was withdrawn meanwhile is no longer an entry.
func (l *listing) hold(ctx context.Context, s *Server) error {
	modified := make(map[uuid.UUID]int64, len(l.entries))
	for _, e := range l.entries {
		modified[e.dataset] = e.modified
	}
	entries := l.entries
	l.entries, l.held = nil, make([]dcat.Description, 0, len(entries))
	err := s.keeper().Each(ctx, identities(entries), func(d dcat.Description) error {
		l.entries = append(l.entries, entry{d.Dataset, modified[d.Dataset]})
		l.held = append(l.held, d)
		return nil
	})
	if err != nil {
		return fmt.Errorf("describe datasets of %s: %w", l.catalogue.Path, err)
	}
	return nil
}

func identities(entries []entry) []uuid.UUID {
	ids := make([]uuid.UUID, len(entries))
	for i, e := range entries {
		ids[i] = e.dataset
	}
	return ids
}

// seriesOf is what the catalogue of everybody says of the series.
func (s *Server) seriesOf(ctx context.Context, ids []uuid.UUID) (all []dcat.Series, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	ds, _, err := s.Store.Datasets(ctx, catalog.DatasetQuery{IDs: ids})
	if err != nil {
		return nil, fmt.Errorf("read series: %w", err)
	}
	for _, d := range ds {
		all = append(all, dcat.Series{
			Schema: d.SchemaName, Title: "Série" + nbsp + ": " + d.Title,
			Description: "Les jeux de données que les collectivités du territoire publient selon le schéma national " + d.SchemaName + ". Le jeu « " + d.Title + " » en réunit les lignes dans un seul fichier.",
			Publisher:   d.Member, Frequency: d.Frequency, Issued: d.Issued, Modified: d.Modified,
		})
	}
	slices.SortFunc(all, func(a, b dcat.Series) int { return strings.Compare(a.Schema, b.Schema) })
	return all, nil
}

// changedSince is the part of a listing that changed at a time or after it, with its descriptions where they are held.
func (l *listing) changedSince(since time.Time) ([]entry, []dcat.Description) {
	if since.IsZero() {
		return l.entries, l.held
	}
	var entries []entry
	var held []dcat.Description
	for i, e := range l.entries {
		if e.modified < since.UnixMicro() {
			continue
		}
		entries = append(entries, e)
		if l.held != nil {
			held = append(held, l.held[i])
		}
	}
	return entries, held
}

// page writes page n of what the filter lets through; errNoPage when there are fewer.
func (l *listing) page(ctx context.Context, s *Server, x dcat.Syntax, n int, f filter) ([]byte, error) {
	if l.accepted != nil {
		return l.accepted.page(x, n)
	}
	keep := l.held != nil && f.since.IsZero()
	if keep {
		l.mu.Lock()
		defer l.mu.Unlock()
		if body, ok := l.pages[pageKey{x, n}]; ok {
			return body, nil
		}
	}
	c := l.catalogue
	entries, held := l.changedSince(f.since)
	c.Query, c.Page, c.Total, c.Pages = f.query, n, len(entries), max(1, (len(entries)+cataloguePageSize-1)/cataloguePageSize)
	if n > c.Pages {
		return nil, errNoPage
	}
	if n == c.Pages && f.since.IsZero() {
		c.Service = &l.service
	}
	from := (n - 1) * cataloguePageSize
	to := min(from+cataloguePageSize, len(entries))
	ds := held
	if held == nil {
		err := s.keeper().Each(ctx, identities(entries[from:to]), func(d dcat.Description) error { ds = append(ds, d); return nil })
		if err != nil {
			return nil, fmt.Errorf("describe datasets of %s: %w", c.Path, err)
		}
	} else {
		ds = held[from:to]
	}
	var b bytes.Buffer
	if err := s.rdf.WritePage(&b, x, c, ds); err != nil {
		return nil, fmt.Errorf("write page %d of %s: %w", n, c.Path, err)
	}
	if keep {
		l.pages[pageKey{x, n}] = b.Bytes()
	}
	return b.Bytes(), nil
}

var errNoPage = problem(http.StatusNotFound, "Ce catalogue n’a pas autant de pages.")

// descriptions are those of all entries, read while they are written. Both are in creation order: what was published since is passed over.
func (l *listing) descriptions(ctx context.Context, s *Server) iter.Seq2[dcat.Description, error] {
	stop := errors.New("reader left")
	return func(yield func(dcat.Description, error) bool) {
		rest := l.entries
		err := s.keeper().All(ctx, catalog.DatasetQuery{}, func(d dcat.Description) error {
			at := slices.IndexFunc(rest, func(e entry) bool { return e.dataset == d.Dataset })
			if at < 0 {
				return nil
			}
			rest = rest[at+1:]
			if !yield(d, nil) {
				return stop
			}
			return nil
		})
		if err != nil && !errors.Is(err, stop) {
			yield(dcat.Description{}, err)
		}
	}
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
