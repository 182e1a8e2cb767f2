// Package store keeps the catalogue in SQLite (default) or PostgreSQL through one code path: it implements catalog.Store.
//
// Reads go through a pool that cannot write; writes through one door, writer, which on SQLite gathers what waits into one
// commit. A publication is on disk before its caller hears of it. Bookkeeping whose loss only means doing it again (leases,
// cursors, « nothing changed ») survives a crash of the program at once, and one of the machine a second later.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"grenier/catalog"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
)

var _ catalog.Store = (*Store)(nil)

// ErrNewer is returned by Open for a database that a newer program made.
var ErrNewer = errors.New("cette base a été créée par une version plus récente de Grenier")

// Store implements catalog.Store.
type Store struct {
	Now func() time.Time // the clock, time.Now; a test sets it before the first use

	engine
	namespace uuid.UUID
	checked   struct {
		sync.Mutex
		at time.Time
	}
}

// An engine is what differs between SQLite and PostgreSQL.
type engine struct {
	name    string                          // for messages: the file, or the server and its database
	read    *bun.DB                         // cannot write
	writes  writer                          // the only door for writes
	handle  any                             // for the job queue
	migrate func(context.Context) error     // to the newest schema
	version func(context.Context) error     // nil when the schema is the newest
	verify  func(ctx context.Context) error // that the file is sound, reading all of it
	failed  func() error                    // why nothing can be written any more; may be nil
	scrub   func(ctx context.Context) error // makes what was deleted leave the files
	closers []io.Closer                     // in this order, after writes
}

// Open opens the catalogue at dsn, "sqlite:PATH" or "postgres://…", creates what is missing and migrates it. A database made by a newer
// program is refused with a plain message.
func Open(ctx context.Context, dsn string, log *slog.Logger) (*Store, error) {
	e, err := connect(ctx, dsn, log)
	if err != nil {
		return nil, err
	}
	e.writes = &countedWriter{writer: e.writes}
	s := &Store{Now: time.Now, engine: e}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open catalogue %s: %w", e.name, err), s.Close())
	}
	return s, nil
}

func connect(ctx context.Context, dsn string, log *slog.Logger) (engine, error) {
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		return openSQLite(ctx, strings.TrimPrefix(path, "//"), log)
	}
	if strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") {
		return openPostgres(ctx, dsn, log)
	}
	return engine{}, errors.New("adresse de base de données inconnue : écrivez « sqlite:CHEMIN » ou « postgres://… »")
}

func (s *Store) prepare(ctx context.Context) error {
	if err := s.migrate(ctx); err != nil {
		return err
	}
	err := s.loadNamespace(ctx)
	if !errors.Is(err, catalog.ErrNotFound) {
		return err
	}
	err = s.writes.do(ctx, durable, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `INSERT INTO settings (name, value) VALUES ('namespace', ?) ON CONFLICT (name) DO NOTHING`, uuid.NewString())
		return err
	})
	if err != nil {
		return err
	}
	return s.loadNamespace(ctx)
}

func (s *Store) loadNamespace(ctx context.Context) error {
	err := s.read.NewRaw(`SELECT value FROM settings WHERE name = 'namespace'`).Scan(ctx, &s.namespace)
	return found(err, "namespace")
}

// Namespace returns the instance's namespace for identities.
func (s *Store) Namespace(context.Context) (uuid.UUID, error) { return s.namespace, nil }

// Handle is the database for the job queue, which lives beside the catalogue: a *sql.DB (SQLite, the single writer) or a *pgxpool.Pool.
func (s *Store) Handle() any { return s.handle }

// Close lets the writes that were accepted end, then closes the database. Whoever uses Handle has stopped before.
func (s *Store) Close() error {
	s.writes.close()
	var errs []error
	for _, c := range s.closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// verifyEvery spaces the complete readings of the file: Check is asked every few seconds by /readyz.
const verifyEvery = time.Hour

// Check verifies that the database answers, has this program's schema, and is consistent. The whole file is read at
// the first call, then once an hour.
func (s *Store) Check(ctx context.Context) error {
	if err := errors.Join(s.Failed(), s.version(ctx)); err != nil {
		return fmt.Errorf("check catalogue %s: %w", s.name, err)
	}
	var broken int
	err := s.read.NewRaw(`SELECT count(*) FROM datasets AS d
		LEFT JOIN versions AS v ON v.dataset = d.id AND v.number = d.version
		LEFT JOIN runs AS r ON r.id = v.run
		WHERE r.id IS NULL`).Scan(ctx, &broken)
	if err != nil {
		return fmt.Errorf("check catalogue %s: %w", s.name, err)
	}
	if broken > 0 {
		return fmt.Errorf("la base %s est incohérente : %d jeux de données nomment une version absente ; restaurez la dernière sauvegarde", s.name, broken)
	}
	return s.verifyOnce(ctx)
}

func (s *Store) verifyOnce(ctx context.Context) error {
	s.checked.Lock()
	defer s.checked.Unlock()
	now := s.Now()
	if since := now.Sub(s.checked.at); !s.checked.at.IsZero() && since >= 0 && since < verifyEvery {
		return nil
	}
	if err := s.verify(ctx); err != nil {
		return err
	}
	s.checked.at = now
	return nil
}
