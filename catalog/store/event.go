package store

import (
	"context"
	"fmt"
	"time"

	"grenier/catalog"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
)

type eventRow struct {
	bun.BaseModel `bun:"table:events,alias:e"`

	Seq     int64     `bun:"seq,pk"`
	Time    int64     `bun:"time"`
	Kind    string    `bun:"kind"`
	Dataset uuid.UUID `bun:"dataset"`
	Version int       `bun:"version"`
	Run     string    `bun:"run"`
}

// Events lists the events after a place in the stream; limit 0 is no limit.
func (s *Store) Events(ctx context.Context, after int64, limit int) ([]catalog.Event, error) {
	var rows []eventRow
	err := s.read.NewSelect().Model(&rows).Where("e.seq > ?", after).Order("e.seq").Apply(page(0, limit)).Scan(ctx)
	if err != nil {
		return nil, found(err, "list events")
	}
	return each(rows, func(r *eventRow) (catalog.Event, error) {
		return catalog.Event{
			Seq: r.Seq, Time: moment(r.Time), Kind: catalog.EventKind(r.Kind), Dataset: r.Dataset, Version: r.Version, Run: r.Run,
		}, nil
	})
}

// nextSeq is the place of the transaction's next event. It holds the counter until the commit, so it is asked for last.
func (t *tx) nextSeq(ctx context.Context) (int64, error) {
	var seq int64
	err := t.row(ctx, `UPDATE counters SET value = value + 1 WHERE name = 'events' RETURNING value`).Scan(&seq)
	return seq, found(err, "counter of events")
}

// putEvent writes an event, with what the transaction leaves online: it comes after the dataset's own row.
func (t *tx) putEvent(ctx context.Context, seq int64, at time.Time, kind catalog.EventKind, dataset string, version int, run string) error {
	_, err := t.exec(ctx, `INSERT INTO events (seq, time, kind, dataset, version, run, status, rows, rejected, valid)
		VALUES (?, ?, ?, ?, ?, ?, COALESCE((SELECT status FROM datasets WHERE id = ?), ''), COALESCE((SELECT rows FROM datasets WHERE id = ?), 0),
			COALESCE((SELECT rejected FROM datasets WHERE id = ?), 0), COALESCE((SELECT valid FROM datasets WHERE id = ?), FALSE))`,
		seq, micros(at), string(kind), dataset, version, run, dataset, dataset, dataset, dataset)
	return err
}

// Cursor is the place of a subscriber in the stream.
func (s *Store) Cursor(ctx context.Context, subscriber string) (int64, error) {
	var seq int64
	err := s.read.NewRaw(`SELECT COALESCE(max(seq), 0) FROM cursors WHERE subscriber = ?`, subscriber).Scan(ctx, &seq)
	return seq, found(err, "cursor of "+subscriber)
}

// SetCursor keeps the place of a subscriber.
func (s *Store) SetCursor(ctx context.Context, subscriber string, seq int64) error {
	err := s.writes.do(ctx, soft, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `INSERT INTO cursors (subscriber, seq) VALUES (?, ?)
			ON CONFLICT (subscriber) DO UPDATE SET seq = excluded.seq`, subscriber, seq)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep cursor of %s: %w", subscriber, err)
	}
	return nil
}
