package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"grenier/catalog"

	"github.com/google/uuid"
)

// withdrawn is the answer for a dataset that a person took down: when, and what the public is told of it.
func (s *Server) withdrawn(ctx context.Context, d catalog.Dataset) error {
	w, err := s.Store.Withdrawal(ctx, d.ID)
	if errors.Is(err, catalog.ErrNotFound) {
		return errWithdrawn
	}
	if err != nil {
		return fmt.Errorf("read withdrawal of %s: %w", d.ID, err)
	}
	words := strings.TrimSpace(clean(w.Public)) + " Il n’est plus en ligne depuis le " + s.dayText(w.Time) + " : ni ses fichiers, ni leurs versions passées ne sont servis."
	if !w.Lifted.IsZero() {
		words += " Il reviendra avec sa prochaine mise à jour."
	}
	return problem(http.StatusGone, strings.TrimSpace(words))
}

// formerFile is the answer for a distribution that has no such version: of a withdrawn dataset, of a format that is no longer made, or none at all.
func (s *Server) formerFile(ctx context.Context, id uuid.UUID, version int, missing error) error {
	d, err := s.Store.FileOwner(ctx, id)
	switch {
	case errors.Is(err, catalog.ErrNotFound):
		return fmt.Errorf("read file %s version %d: %w", id, version, missing)
	case err != nil:
		return fmt.Errorf("read owner of file %s: %w", id, err)
	case d.Status == catalog.DatasetWithdrawn:
		return s.withdrawn(ctx, d)
	case version == 0:
		return &httpError{status: http.StatusGone, title: "Format abandonné", message: "Le jeu de données « " + clean(d.Title) +
			" » n’est plus publié dans ce format. Sa page donne les formats d’aujourd’hui, et ce format dans ses versions passées : " + s.BaseURL + datasetPath(d.Slug)}
	case version <= d.Version:
		return &httpError{status: http.StatusGone, title: "Version retirée", message: "Cette version du fichier n’est plus gardée. La page du jeu de données « " +
			clean(d.Title) + " » donne celles qui le sont : " + s.BaseURL + datasetPath(d.Slug)}
	}
	return fmt.Errorf("read file %s version %d: %w", id, version, missing)
}

// walkEnd is how long a walk through a catalogue may go on after a dataset of it was withdrawn: the pages after the first still show it until then.
const walkEnd = 20 * time.Second

// withdrawnSince tells whether a dataset was withdrawn after an event, longer ago than a walk may last.
func (s *Server) withdrawnSince(ctx context.Context, seq int64) (bool, error) {
	for {
		events, err := s.Store.Events(ctx, seq, 500)
		if err != nil {
			return false, fmt.Errorf("read events: %w", err)
		}
		for _, e := range events {
			if e.Kind == catalog.EventWithdrawn && s.Now().Sub(e.Time) >= walkEnd {
				return true, nil
			}
		}
		if len(events) < 500 {
			return false, nil
		}
		seq = events[len(events)-1].Seq
	}
}

// Follow lets go of what the server keeps in memory (open tables, profiles, catalogues) when a dataset is withdrawn, until ctx ends. What is
// asked meanwhile is refused all the same: every answer looks at the dataset first.
func (s *Server) Follow(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	seq, known := int64(0), false
	for {
		if !known {
			newest, err := newestEvent(ctx, s.Store, 0)
			seq, known = newest, err == nil
		} else if next, err := s.letGo(ctx, seq); err == nil {
			seq = next
		} else if ctx.Err() == nil {
			s.Log.Warn("withdrawals not followed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// letGo empties the memory when a withdrawal is among the events after seq, and returns the newest event.
func (s *Server) letGo(ctx context.Context, seq int64) (int64, error) {
	for {
		events, err := s.Store.Events(ctx, seq, 500)
		if err != nil {
			return seq, fmt.Errorf("read events after %d: %w", seq, err)
		}
		for _, e := range events {
			if seq = e.Seq; e.Kind == catalog.EventWithdrawn {
				s.reading.tables.clear()
				s.reading.profiles.clear()
				s.reading.differences.clear()
				s.memory.clear()
				s.snapshots.clear()
			}
		}
		if len(events) < 500 {
			return seq, nil
		}
	}
}

// clear empties a shelf. Who took something of it keeps it as long as needed.
func (s *shelf[T]) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.order.Init()
	clear(s.items)
	s.used = 0
}

// clear forgets all catalogues.
func (c *snapshots) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.byPath)
}
