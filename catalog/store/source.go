package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"grenier/catalog"

	"github.com/uptrace/bun"
)

// Recipe returns one recipe, even one that the last manifest did not name.
func (s *Store) Recipe(ctx context.Context, name string) (catalog.Recipe, error) {
	var r recipeRow
	if err := s.read.NewSelect().Model(&r).Where("r.name = ?", name).Scan(ctx); err != nil {
		return catalog.Recipe{}, found(err, "recipe "+name)
	}
	return r.recipe(), nil
}

// Recipes lists the enabled recipes by name.
func (s *Store) Recipes(ctx context.Context) ([]catalog.Recipe, error) {
	var rows []recipeRow
	if err := s.read.NewSelect().Model(&rows).Where("r.disabled = FALSE").Order("r.name").Scan(ctx); err != nil {
		return nil, found(err, "list recipes")
	}
	return each(rows, func(r *recipeRow) (catalog.Recipe, error) { return r.recipe(), nil })
}

// Source returns one source, disabled or not.
func (s *Store) Source(ctx context.Context, id string) (catalog.Source, error) {
	var r sourceRow
	if err := s.sources(&r).Where("s.id = ?", id).Scan(ctx); err != nil {
		return catalog.Source{}, found(err, "source "+id)
	}
	return r.source()
}

// Sources lists the enabled sources that q names, by ID.
func (s *Store) Sources(ctx context.Context, q catalog.SourceQuery) ([]catalog.Source, error) {
	if err := s.known(ctx, q.IDs); err != nil {
		return nil, err
	}
	var rows []sourceRow
	sel := s.sources(&rows).Where("s.disabled = FALSE").Order("s.id")
	if len(q.IDs)+len(q.Members) > 0 {
		sel.WhereGroup(" AND ", func(sel *bun.SelectQuery) *bun.SelectQuery {
			return sel.Where("s.id IN (?)", bun.List(q.IDs)).WhereOr("s.member IN (?)", bun.List(q.Members))
		})
	}
	if err := sel.Scan(ctx); err != nil {
		return nil, found(err, "list sources")
	}
	return each(rows, (*sourceRow).source)
}

// known says which of the ids is no source.
func (s *Store) known(ctx context.Context, ids []string) error {
	for part := range slices.Chunk(ids, chunk) {
		var have []string
		err := s.read.NewSelect().Model((*sourceRow)(nil)).Column("id").Where("s.id IN (?)", bun.List(part)).Scan(ctx, &have)
		if err != nil {
			return found(err, "list sources")
		}
		for _, id := range part {
			if !slices.Contains(have, id) {
				return found(catalog.ErrNotFound, "source "+id)
			}
		}
	}
	return nil
}

// chunk bounds the lists that one statement carries.
const chunk = 500

func (s *Store) sources(into any) *bun.SelectQuery {
	marks := func(sel *bun.SelectQuery) *bun.SelectQuery {
		return sel.Column("id", "ended", "status", "stage", "state", "process", "documents", "columns", "sketch", "accepted", "rejected")
	}
	return s.read.NewSelect().Model(into).Relation("Published", marks).Relation("Last", marks)
}

// Due lists enabled sources whose time has come, oldest first; limit 0 is no limit.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) ([]catalog.Source, error) {
	var rows []sourceRow
	err := s.sources(&rows).Where("s.disabled = FALSE").Where("s.next_run <= ?", micros(now)).
		Order("s.next_run", "s.id").Apply(page(0, limit)).Scan(ctx)
	if err != nil {
		return nil, found(err, "list due sources")
	}
	return each(rows, (*sourceRow).source)
}

// Schedule sets NextRun of the given sources, all or none.
func (s *Store) Schedule(ctx context.Context, next map[string]time.Time) error {
	ids := slices.Sorted(maps.Keys(next))
	err := s.writes.do(ctx, soft, func(ctx context.Context, t *tx) error {
		for _, id := range ids {
			n, err := t.exec(ctx, `UPDATE sources SET next_run = ? WHERE id = ?`, micros(next[id]), id)
			if err != nil {
				return err
			}
			if n == 0 {
				return found(catalog.ErrNotFound, "source "+id)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("schedule: %w", err)
	}
	return nil
}
