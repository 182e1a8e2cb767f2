package store

import (
	"context"
	"fmt"
	"time"

	"grenier/catalog"

	"github.com/uptrace/bun"
)

// keptRuns is how many runs of each source are kept whatever their age.
const keptRuns = 20

// forgettable selects the runs after a place in their order that ForgetRuns deletes. A run that it selects once stays so for ever: nothing
// names an ended run anew. No run that ended before a date started after it, hence the condition that finds them by index.
const forgettable = `SELECT r.id, r.started FROM runs AS r
	WHERE (r.started, r.id) > (?, ?) AND r.started < ? AND r.ended < ? AND r.status <> 'running'
		AND NOT EXISTS (SELECT 1 FROM versions AS v WHERE v.run = r.id)
		AND NOT EXISTS (SELECT 1 FROM sources AS s WHERE s.id = r.source AND (s.last_run = r.id OR s.published_run = r.id))
		AND (SELECT count(*) FROM (SELECT n.id FROM runs AS n
			WHERE n.source = r.source AND (n.started, n.id) > (r.started, r.id) LIMIT ?) AS newer) >= ?
	ORDER BY r.started, r.id LIMIT ?`

// ForgetRuns deletes old runs, a few hundred in each transaction: what it did before an error stays done.
func (s *Store) ForgetRuns(ctx context.Context, before time.Time) (int, error) {
	var last struct {
		ID      string
		Started int64
	}
	for total := 0; ; {
		rows := make([]struct {
			ID      string `bun:"id"`
			Started int64  `bun:"started"`
		}, 0, chunk)
		err := s.read.NewRaw(forgettable, last.Started, last.ID, micros(before), micros(before), keptRuns, keptRuns, chunk).Scan(ctx, &rows)
		if err != nil {
			return total, found(err, "list old runs")
		}
		ids := make([]string, len(rows))
		for i, r := range rows {
			ids[i], last.ID, last.Started = r.ID, r.ID, r.Started
		}
		n, err := s.deleteRuns(ctx, ids)
		total += n
		if err != nil || len(ids) < chunk {
			return total, err
		}
	}
}

// deleteRuns deletes runs with their reports, and says how many were there. It is on disk before the files that only they named may go.
func (s *Store) deleteRuns(ctx context.Context, ids []string) (deleted int, err error) {
	if len(ids) == 0 {
		return 0, nil
	}
	err = s.writes.do(ctx, durable, func(ctx context.Context, t *tx) error {
		if _, err := t.bun.NewRaw(`DELETE FROM reports WHERE run IN (?)`, bun.List(ids)).Conn(t.sql).Exec(ctx); err != nil {
			return err
		}
		res, err := t.bun.NewRaw(`DELETE FROM runs WHERE id IN (?)`, bun.List(ids)).Conn(t.sql).Exec(ctx)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		deleted = int(n)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("forget runs: %w", err)
	}
	return deleted, nil
}

// Keys calls fn for every blob key that a version or a run names, some of them more than once.
func (s *Store) Keys(ctx context.Context, fn func(key string) error) error {
	if err := s.texts(ctx, `SELECT DISTINCT key FROM files`, fn); err != nil {
		return err
	}
	if err := s.texts(ctx, `SELECT DISTINCT documents FROM runs WHERE documents <> ''`, func(list string) error {
		return rawKeys(list, fn)
	}); err != nil {
		return err
	}
	for _, query := range []string{
		`SELECT DISTINCT quarantine FROM runs WHERE quarantine <> ''`,
		`SELECT DISTINCT origins FROM versions WHERE origins <> ''`,
	} {
		if err := s.texts(ctx, query, func(text string) error {
			var f *catalog.File
			if err := fromQuarantine(text, &f); err != nil {
				return fmt.Errorf("read file of a run or version: %w", err)
			}
			return fn(f.Key)
		}); err != nil {
			return err
		}
	}
	return nil
}

func rawKeys(list string, fn func(key string) error) error {
	var documents []catalog.Raw
	if err := fromJSON(list, &documents); err != nil {
		return fmt.Errorf("read documents of a run: %w", err)
	}
	for _, d := range documents {
		if len(d.SHA256) < 2 {
			return fmt.Errorf("document %q of a run has no hash", d.Name)
		}
		if err := fn(d.Key()); err != nil {
			return err
		}
	}
	return nil
}

// texts calls fn for each row of a query of one column, without holding them all.
func (s *Store) texts(ctx context.Context, query string, fn func(string) error) error {
	rows, err := s.read.QueryContext(ctx, query)
	if err != nil {
		return found(err, "list blob keys")
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return found(err, "list blob keys")
		}
		if err := fn(text); err != nil {
			return err
		}
	}
	return found(rows.Err(), "list blob keys")
}
