package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
)

// migrations are embedded, numbered, each in its transaction, and never edited once merged.
//
//go:embed migrations/*.sql
var migrations embed.FS

const migrationsTable = "grenier_migrations"

// A migrator brings the tables to this program's schema; it only goes forward.
type migrator struct {
	db      *sql.DB
	dialect database.Dialect
	locker  lock.SessionLocker // PostgreSQL: one program at a time
	before  func(ctx context.Context, version int64) error
	files   fs.FS // nil is the embedded migrations
	log     *slog.Logger
}

// up migrates, or refuses a database that a newer program made.
func (m migrator) up(ctx context.Context) error {
	p, err := m.provider()
	if err != nil {
		return err
	}
	have, want, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if err := refuse(have, want); err != nil || have == want {
		return err
	}
	if have > 0 && m.before != nil {
		if err := m.before(ctx, have); err != nil {
			return err
		}
	}
	done, err := p.Up(ctx)
	if err != nil {
		return fmt.Errorf("migrate schema: %w", err)
	}
	if len(done) > 0 && m.log != nil {
		m.log.InfoContext(ctx, "catalogue migrated", "from", have, "to", want)
	}
	return nil
}

// upPatiently is up for SQLite, which has no lock for migrations: when two programs start at once, the loser's transaction
// fails as a whole and it finds the work done at its next look.
func (m migrator) upPatiently(ctx context.Context) error {
	for n := 1; ; n++ {
		err := m.up(ctx)
		if err == nil || errors.Is(err, ErrNewer) || n == attempts {
			return err
		}
		if pause(ctx, time.Duration(n)*50*time.Millisecond) != nil {
			return err
		}
	}
}

func (m migrator) provider() (*goose.Provider, error) {
	files := m.files
	if files == nil {
		sub, err := fs.Sub(migrations, "migrations")
		if err != nil {
			return nil, err
		}
		files = sub
	}
	options := []goose.ProviderOption{
		goose.WithTableName(migrationsTable), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()),
	}
	if m.locker != nil {
		options = append(options, goose.WithSessionLocker(m.locker))
	}
	return goose.NewProvider(m.dialect, m.db, files, options...)
}

func refuse(have, want int64) error {
	if have <= want {
		return nil
	}
	return fmt.Errorf("%w (schéma %d, ce programme connaît le %d) ; mettez Grenier à jour, ou restaurez la sauvegarde faite avant la mise à jour",
		ErrNewer, have, want)
}

// current tells, reading db only, whether the schema is the newest this program knows.
func (m migrator) current(db *sql.DB) func(context.Context) error {
	return func(ctx context.Context) error {
		p, err := m.provider()
		if err != nil {
			return err
		}
		sources := p.ListSources()
		want := sources[len(sources)-1].Version
		var have int64
		if err := db.QueryRowContext(ctx, `SELECT max(version_id) FROM `+migrationsTable).Scan(&have); err != nil {
			return fmt.Errorf("read schema version: %w", err)
		}
		if have < want {
			return fmt.Errorf("la base est restée au schéma %d alors que ce programme attend le %d ; redémarrez-le", have, want)
		}
		return refuse(have, want)
	}
}
