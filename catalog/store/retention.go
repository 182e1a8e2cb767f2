package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"grenier/catalog"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
)

// Prune forgets the versions that the policy does not keep, in one transaction, and returns the keys of their files that no version of any dataset
// names any more, in order. What is left has gaps in its numbers.
func (s *Store) Prune(ctx context.Context, dataset uuid.UUID, policy catalog.PrunePolicy) ([]string, error) {
	var keys []string
	err := s.writes.do(ctx, durable, func(ctx context.Context, t *tx) (err error) {
		keys, err = t.prune(ctx, dataset.String(), policy)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("prune dataset %s: %w", dataset, err)
	}
	return keys, nil
}

func (t *tx) prune(ctx context.Context, dataset string, policy catalog.PrunePolicy) ([]string, error) {
	var online int
	if err := t.row(ctx, `SELECT version FROM datasets WHERE id = ?`, dataset).Scan(&online); err != nil {
		return nil, found(err, "dataset")
	}
	forget, err := t.forgettable(ctx, dataset, online, policy)
	if err != nil {
		return nil, err
	}
	var keys []string
	for part := range slices.Chunk(forget, chunk) { // a key that two parts name is free after the second
		free, err := t.forgetVersions(ctx, dataset, part)
		if err != nil {
			return nil, err
		}
		keys = append(keys, free...)
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

// forgettable are the versions that the policy does not keep.
func (t *tx) forgettable(ctx context.Context, dataset string, online int, policy catalog.PrunePolicy) (numbers []int, err error) {
	var published []time.Time
	err = t.rows(ctx, func(rows *sql.Rows) error {
		var number int
		var at int64
		if err := rows.Scan(&number, &at); err != nil {
			return err
		}
		numbers, published = append(numbers, number), append(published, moment(at))
		return nil
	}, `SELECT number, published FROM versions WHERE dataset = ? ORDER BY number DESC`, dataset)
	if err != nil {
		return nil, err
	}
	keep := policy.Keeps(published)
	var forget []int
	for i, number := range numbers {
		if !keep[i] && number != online {
			forget = append(forget, number)
		}
	}
	return forget, nil
}

// forgetVersions deletes versions and returns the keys of their files that no version names any more.
func (t *tx) forgetVersions(ctx context.Context, dataset string, numbers []int) ([]string, error) {
	var keys []string
	err := t.bun.NewRaw(`SELECT DISTINCT f.key FROM files AS f WHERE f.dataset = ? AND f.version IN (?) AND NOT EXISTS (
			SELECT 1 FROM files AS o WHERE o.key = f.key AND (o.dataset <> f.dataset OR o.version NOT IN (?)))`,
		dataset, bun.List(numbers), bun.List(numbers)).Conn(t.sql).Scan(ctx, &keys)
	if err != nil {
		return nil, err
	}
	for _, query := range []string{
		`DELETE FROM files WHERE dataset = ? AND version IN (?)`,
		`DELETE FROM versions WHERE dataset = ? AND number IN (?)`,
	} {
		if _, err := t.bun.NewRaw(query, dataset, bun.List(numbers)).Conn(t.sql).Exec(ctx); err != nil {
			return nil, err
		}
	}
	return keys, nil
}
