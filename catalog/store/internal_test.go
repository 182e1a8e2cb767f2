package store

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"grenier/catalog"

	"github.com/pressly/goose/v3/database"
)

func openTest(t *testing.T) (*Store, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "grenier.db")
	s, err := Open(context.Background(), "sqlite:"+path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, path
}

func TestRead_CannotWrite(t *testing.T) {
	s, _ := openTest(t)
	if _, err := s.read.Exec(`DELETE FROM settings`); err == nil {
		t.Fatal("the reading pool wrote")
	}
}

// later is the embedded migrations and more.
func later(t *testing.T, more map[string]string) fs.FS {
	t.Helper()
	files := fstest.MapFS{}
	ours, err := migrations.ReadDir("migrations")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range ours {
		text, err := migrations.ReadFile("migrations/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = &fstest.MapFile{Data: text}
	}
	for name, text := range more {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

func TestMigrate_SavesTheCatalogueBefore(t *testing.T) {
	ctx := context.Background()
	s, path := openTest(t)
	if _, err := s.Apply(ctx, catalog.Manifest{Members: []catalog.Member{{SIREN: "213900137", Name: "Saint-Aubin"}}}, catalog.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	db := s.handle.(*sql.DB)
	m := migrator{db: db, dialect: database.DialectSQLite3}
	m.before = func(ctx context.Context, version int64) error { return saveBefore(ctx, db, path, version) }
	m.files = later(t, map[string]string{"9003_more.sql": "-- +goose Up\nCREATE TABLE more (x TEXT);\nDELETE FROM members;\n"})
	for range 2 {
		if err := m.upPatiently(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Check(ctx); !errors.Is(err, ErrNewer) {
		t.Errorf("the older program says %v", err)
	}
	copies, _ := filepath.Glob(path + ".avant-migration-*")
	if len(copies) != 1 {
		t.Fatalf("copies before the migration: %q", copies)
	}
	old, err := Open(ctx, "sqlite:"+copies[0], slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if _, err := old.Member(ctx, "213900137"); err != nil {
		t.Errorf("the copy lacks what the migration removed: %v", err)
	}
}

func TestMigrate_ThatBreaksLeavesTheSchemaAsItWas(t *testing.T) {
	ctx := context.Background()
	s, _ := openTest(t)
	m := migrator{db: s.handle.(*sql.DB), dialect: database.DialectSQLite3}
	m.files = later(t, map[string]string{"9003_bad.sql": "-- +goose Up\nCREATE TABLE more (x TEXT);\nINSERT INTO nowhere VALUES (1);\n"})
	if err := m.up(ctx); err == nil {
		t.Fatal("a broken migration went through")
	}
	if err := s.Check(ctx); err != nil {
		t.Errorf("after the broken migration: %v", err)
	}
	var n int
	if err := s.read.QueryRow(`SELECT count(*) FROM sqlite_master WHERE name = 'more'`).Scan(&n); err != nil || n != 0 {
		t.Errorf("half a migration stayed: %d, %v", n, err)
	}
}

// bare is a writer on the same connection whose groups the test makes itself.
func bare(s *Store) *groupWriter {
	db := s.handle.(*sql.DB)
	return &groupWriter{db: db, stmts: &statements{db: db, ready: map[string]*sql.Stmt{}, bound: map[string]*sql.Stmt{}}}
}

func TestGroup_AFailingOperationLeavesItsNeighboursAlone(t *testing.T) {
	s, _ := openTest(t)
	w := bare(s)
	put := func(name string, fail error) *operation {
		return &operation{ctx: context.Background(), done: make(chan error, 1), fn: func(ctx context.Context, t *tx) error {
			if _, err := t.exec(ctx, `INSERT INTO settings (name, value) VALUES (?, '')`, name); err != nil {
				return err
			}
			return fail
		}}
	}
	broken := errors.New("broken")
	defer w.stmts.close()
	for range 2 { // as text, then prepared
		group := []*operation{put("a", nil), put("b", broken), put("namespace", nil), put("c", nil)}
		given := put("given up", nil)
		given.taken.Store(true)
		errs, err := w.run(append(group, given))
		if err != nil || errs[0] != nil || !errors.Is(errs[1], broken) || errs[2] == nil || errs[3] != nil || errs[4] != nil {
			t.Fatalf("errors %v, %v", errs, err)
		}
		w.stmts.prepare(context.Background())
		var names []string
		if err := s.read.NewRaw(`SELECT name FROM settings WHERE name <> 'namespace' ORDER BY name`).Scan(context.Background(), &names); err != nil {
			t.Fatal(err)
		}
		if strings.Join(names, " ") != "a c" {
			t.Fatalf("kept %v", names)
		}
		if err := s.writes.do(context.Background(), durable, func(ctx context.Context, t *tx) error {
			_, err := t.exec(ctx, `DELETE FROM settings WHERE name <> 'namespace'`)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestGroup_ATransactionThatIsLostIsToldToAll(t *testing.T) {
	s, _ := openTest(t)
	w := bare(s)
	fine := &operation{ctx: context.Background(), fn: func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `INSERT INTO settings (name, value) VALUES ('a', '')`)
		return err
	}}
	losing := &operation{ctx: context.Background(), fn: func(ctx context.Context, t *tx) error {
		_, err := t.sql.ExecContext(ctx, `ROLLBACK`) // what SQLite does by itself when the disk is full
		return errors.Join(err, errors.New("disk full"))
	}}
	errs, err := w.run([]*operation{fine, losing})
	if err == nil || errs[1] == nil {
		t.Fatalf("errors %v, %v", errs, err)
	}
	if err := s.SetCursor(context.Background(), "index", 3); err != nil {
		t.Fatalf("the writer did not recover: %v", err)
	}
	var n int
	if err := s.read.NewRaw(`SELECT count(*) FROM settings WHERE name = 'a'`).Scan(context.Background(), &n); err != nil || n != 0 {
		t.Fatalf("%d rows of a lost transaction, %v", n, err)
	}
}

func TestGroup_SoftCommitsReachTheDiskByThemselves(t *testing.T) {
	s, path := openTest(t)
	frames := func() int64 {
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	if err := s.SetCursor(context.Background(), "index", 3); err != nil {
		t.Fatal(err)
	}
	before := frames()
	for deadline := time.Now().Add(10 * syncWithin); frames() == before; {
		if time.Now().After(deadline) {
			t.Fatal("no durable commit came after the soft one")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestQueries_UseTheirIndexes(t *testing.T) {
	s, _ := openTest(t)
	run := s.read.NewSelect().Model((*runRow)(nil)).Order("r.started DESC", "r.id DESC").Limit(50)
	for name, query := range map[string]string{
		"runs":      run.String(),
		"of source": run.Clone().Where("r.source = ?", "x").String(),
		"failed":    run.Clone().Where("r.status = ?", "failed").String(),
		"running":   s.read.NewSelect().Model((*runRow)(nil)).Where("r.status = 'running'").String(),
		"datasets":  s.read.NewSelect().Model((*datasetRow)(nil)).Relation("Owner").Apply(selected(catalog.DatasetQuery{})).Order("d.modified DESC", "d.created DESC").Limit(20).String(),
		"next page": s.read.NewSelect().Model((*datasetRow)(nil)).Where("d.created > 500").Order("d.created").Limit(500).String(),
		"version":   s.read.NewSelect().Model((*runRow)(nil)).Where("r.dataset = 'x'").Where("r.version = 3").Where("r.version > 0").String(),
	} {
		rows, err := s.read.Query("EXPLAIN QUERY PLAN " + query)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(step, "TEMP B-TREE") || strings.HasPrefix(step, "SCAN") && !strings.Contains(step, "USING INDEX") {
				t.Errorf("%s: %s\n%s", name, step, query)
			}
		}
		rows.Close()
	}
}

func TestCheck_ReadsTheWholeFileOnceAnHour(t *testing.T) {
	s, _ := openTest(t)
	now := time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)
	s.Now = func() time.Time { return now }
	n := 0
	s.verify = func(context.Context) error { n++; return nil }
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{0, 1}, {time.Minute, 1}, {2 * time.Hour, 2}, {-48 * time.Hour, 3}} {
		now = now.Add(step.after)
		if err := s.Check(context.Background()); err != nil || n != step.want {
			t.Fatalf("after %s: read %d times, want %d (%v)", step.after, n, step.want, err)
		}
	}
	s.verify = func(context.Context) error { return errors.New("damaged") }
	now = now.Add(2 * time.Hour)
	for range 2 {
		if err := s.Check(context.Background()); err == nil {
			t.Fatal("a damaged file passed")
		}
	}
}
