package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/pressly/goose/v3/database"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// openSQLite opens one connection that writes, shared with the job queue, and a pool that cannot.
func openSQLite(ctx context.Context, path string, log *slog.Logger) (engine, error) {
	path, err := place(path)
	if err != nil {
		return engine{}, err
	}
	write, err := sqliteDB(path, url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(10000)", "foreign_keys(1)", "synchronous(FULL)", "cache_size(-16000)", "journal_size_limit(67108864)", "wal_autocheckpoint(4000)",
	}})
	if err != nil {
		return engine{}, err
	}
	write.SetMaxOpenConns(1)
	if err := useWAL(ctx, write); err != nil {
		return engine{}, errors.Join(fmt.Errorf("open catalogue %s: %w", path, plain(err)), write.Close())
	}
	read, err := sqliteDB(path, url.Values{"_pragma": {"busy_timeout(10000)", "query_only(1)", "cache_size(-8000)"}})
	if err != nil {
		return engine{}, errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(16)
	read.SetMaxIdleConns(16)
	m := migrator{db: write, dialect: database.DialectSQLite3, log: log}
	m.before = func(ctx context.Context, version int64) error { return saveBefore(ctx, write, path, version) }
	writes := newGroupWriter(path, write, bun.NewDB(write, sqlitedialect.New()))
	return engine{
		name:    path,
		read:    bun.NewDB(read, sqlitedialect.New()),
		writes:  writes,
		failed:  writes.fault,
		handle:  write,
		migrate: func(ctx context.Context) error { return plain(m.upPatiently(ctx)) },
		version: m.current(read),
		verify:  func(ctx context.Context) error { return quickCheck(ctx, read, path) },
		scrub:   func(ctx context.Context) error { return scrubSQLite(ctx, write) },
		closers: []io.Closer{read, write},
	}, nil
}

// place makes the folder and the file, which only its owner may read: it also holds what is not public.
func place(path string) (string, error) {
	if path == "" || strings.HasPrefix(path, ":memory:") {
		return "", errors.New("adresse de base de données incomplète : écrivez « sqlite:CHEMIN »")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return "", fmt.Errorf("create folder of the catalogue: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", fmt.Errorf("create catalogue: %w", err)
	}
	return path, f.Close() // the entry of a new file is durable with SQLite’s first commit, which syncs the folder of its journal
}

func sqliteDB(path string, params url.Values) (*sql.DB, error) {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	u := url.URL{Path: path}
	connector, err := sqlite.NewConnector("file:" + u.EscapedPath() + "?" + params.Encode())
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// useWAL turns the journal once, at creation. Two programs may be at it at the same time, and SQLite does not wait for
// this lock by itself.
func useWAL(ctx context.Context, db *sql.DB) error {
	for deadline := time.Now().Add(10 * time.Second); ; {
		var mode string
		err := db.QueryRowContext(ctx, `PRAGMA journal_mode`).Scan(&mode)
		if err == nil && mode == "wal" {
			return nil
		}
		if err == nil {
			err = db.QueryRowContext(ctx, `PRAGMA journal_mode = WAL`).Scan(&mode)
		}
		if err == nil && mode == "wal" {
			return nil
		}
		if err != nil && !busy(err) || time.Now().After(deadline) {
			return errors.Join(err, fmt.Errorf("journal mode is %q", mode))
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func busy(err error) bool {
	c := sqliteCode(err)
	return c == sqlite3.SQLITE_BUSY || c == sqlite3.SQLITE_LOCKED
}

// sqliteCode is the primary result code of an error, 0 when it is not SQLite's.
func sqliteCode(err error) int {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code() & 0xff
}

// nextStep is what to do about a database that cannot be trusted any more.
const nextStep = "arrêtez le service, mettez le fichier de côté (avec ceux en -wal et -shm), puis « grenier rebuild » refait le catalogue d’après les fichiers gardés ; ou restaurez la dernière sauvegarde"

// plain says in French what a person must know of a file that cannot be used.
func plain(err error) error {
	switch sqliteCode(err) {
	case sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("ce fichier n’est pas une base SQLite ; vérifiez le chemin. Si la base a été écrasée, "+nextStep+" : %w", err)
	case sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("la base est endommagée ; "+nextStep+" : %w", err)
	case sqlite3.SQLITE_READONLY:
		return fmt.Errorf("la base ne peut pas être écrite ; vérifiez les droits sur le fichier et son dossier : %w (%w)", err, syscall.EROFS)
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("le disque est plein ; libérez de la place : %w (%w)", err, syscall.ENOSPC)
	}
	return err
}

func quickCheck(ctx context.Context, db *sql.DB, path string) error {
	var verdict string
	err := db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&verdict)
	if err != nil {
		return fmt.Errorf("check catalogue %s: %w", path, plain(err))
	}
	if verdict != "ok" {
		return fmt.Errorf("la base %s est endommagée (%s) ; "+nextStep, path, verdict)
	}
	return nil
}

// saveBefore copies the catalogue beside itself before its schema changes: migrations only go forward.
func saveBefore(ctx context.Context, db *sql.DB, path string, version int64) error {
	to := fmt.Sprintf("%s.avant-migration-%04d", path, version+1)
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	if _, err := db.ExecContext(ctx, `VACUUM INTO ?`, to); err != nil {
		return fmt.Errorf("save catalogue before its migration: %w", err)
	}
	return nil
}
