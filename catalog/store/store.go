// Package store keeps the catalogue in SQLite (default) or PostgreSQL through one code path: it implements catalog.Store.
package store

import (
	"context"
	"log/slog"

	"grenier/catalog"
)

// Store implements catalog.Store.
type Store struct{ catalog.Store }

// Open opens the catalogue at dsn, "sqlite:PATH" or "postgres://…", creates what is missing and migrates it. A database made by a newer
// program is refused with a plain message.
func Open(ctx context.Context, dsn string, log *slog.Logger) (*Store, error) {
	panic("not written yet")
}

// Handle is the database for the job queue, which lives beside the catalogue: a *sql.DB (SQLite, the single writer) or a *pgxpool.Pool.
func (s *Store) Handle() any { panic("not written yet") }
