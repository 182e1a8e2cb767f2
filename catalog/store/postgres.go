package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

// openPostgres opens a pool that writes, shared with the job queue, and one that cannot.
func openPostgres(ctx context.Context, dsn string, log *slog.Logger) (engine, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return engine{}, fmt.Errorf("adresse de base PostgreSQL illisible : %w", err)
	}
	if !strings.Contains(dsn, "pool_max_conns") {
		config.MaxConns = 16
	}
	params := config.ConnConfig.RuntimeParams
	if params["application_name"] == "" {
		params["application_name"] = "grenier"
	}
	name := fmt.Sprintf("%s sur %s", config.ConnConfig.Database, config.ConnConfig.Host)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return engine{}, fmt.Errorf("open catalogue %s: %w", name, err)
	}
	if err := answers(ctx, pool); err != nil {
		pool.Close()
		return engine{}, fmt.Errorf("le serveur PostgreSQL ne répond pas (%s) ; vérifiez qu’il est démarré, l’adresse et le mot de passe : %w", name, err)
	}
	reads, err := readPool(ctx, config)
	if err != nil {
		pool.Close()
		return engine{}, fmt.Errorf("open catalogue %s: %w", name, err)
	}
	write, read := stdlib.OpenDBFromPool(pool), stdlib.OpenDBFromPool(reads)
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return engine{}, err
	}
	m := migrator{db: write, dialect: database.DialectPostgres, locker: locker, log: log}
	return engine{
		name:    name,
		read:    bun.NewDB(read, pgdialect.New()),
		writes:  &pooledWriter{db: write, bun: bun.NewDB(write, pgdialect.New())},
		handle:  pool,
		migrate: m.up,
		version: m.current(read),
		verify:  func(context.Context) error { return nil }, // the server's own work
		scrub:   func(ctx context.Context) error { return scrubPostgres(ctx, write) },
		closers: []io.Closer{read, closer(reads.Close), write, closer(pool.Close)},
	}, nil
}

func answers(ctx context.Context, pool *pgxpool.Pool) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return pool.Ping(ctx)
}

// readPool cannot write, and sends the text of queries, which bun writes with their values, in one exchange: preparing
// them would fill the server's memory with statements that are never seen again.
func readPool(ctx context.Context, config *pgxpool.Config) (*pgxpool.Pool, error) {
	config = config.Copy()
	config.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	return pgxpool.NewWithConfig(ctx, config)
}

type closer func()

func (c closer) Close() error { c(); return nil }

// A pooledWriter is the writer of PostgreSQL, where transactions run side by side and the server gathers the commits.
type pooledWriter struct {
	db    *sql.DB
	bun   *bun.DB
	bound sync.Map // query with ? → query with $1
}

// attempts is how often an operation is run when others were in its way.
const attempts = 5

func (w *pooledWriter) do(ctx context.Context, d durability, fn func(context.Context, *tx) error) error {
	for n := 1; ; n++ {
		err := w.once(ctx, d, fn)
		if n == attempts || !inTheWay(err) {
			return err
		}
	}
}

func (w *pooledWriter) close() {}

// longest bounds a transaction whose caller does not, and the wait for a server that no longer answers.
const longest = time.Minute

// once runs the operation. ctx interrupts its statements but never its commit, whose end would then be in doubt.
func (w *pooledWriter) once(ctx context.Context, d durability, fn func(context.Context, *tx) error) error {
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	defer conn.Close()
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), longest)
	defer cancel()
	begun, err := conn.BeginTx(bounded, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer begun.Rollback() // does nothing after Commit
	t := &tx{sql: begun, bun: w.bun, bind: w.bind, locks: true}
	if d == soft {
		if _, err := begun.ExecContext(ctx, `SET LOCAL synchronous_commit = off`); err != nil {
			return err
		}
	}
	if err := fn(ctx, t); err != nil {
		return err
	}
	if err := begun.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// bind numbers the placeholders. Statements are constants, so each is done once; none has a ? of its own.
func (w *pooledWriter) bind(query string) string {
	if q, ok := w.bound.Load(query); ok {
		return q.(string)
	}
	var b strings.Builder
	for i, part := range strings.Split(query, "?") {
		if i > 0 {
			b.WriteString("$" + strconv.Itoa(i))
		}
		b.WriteString(part)
	}
	w.bound.Store(query, b.String())
	return b.String()
}

// inTheWay tells whether the operation lost against another one and would find another world now: serialisation failure,
// deadlock, or the same new dataset made by both.
func inTheWay(err error) bool {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return false
	}
	return e.Code == "40001" || e.Code == "40P01" || e.Code == "23505" && e.ConstraintName == "datasets_pkey"
}

// alreadyRunning tells whether PostgreSQL refused a second running run of a source.
func alreadyRunning(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == "23505" && e.ConstraintName == "runs_running"
}
