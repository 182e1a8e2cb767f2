package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"grenier/catalog"
	"grenier/catalog/store"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
)

// execute runs a statement behind the store's back.
func execute(t *testing.T, s *store.Store, query string) {
	t.Helper()
	var err error
	switch h := s.Handle().(type) {
	case *sql.DB:
		_, err = h.Exec(query)
	case *pgxpool.Pool:
		_, err = h.Exec(context.Background(), query)
	default:
		t.Fatalf("handle is a %T", h)
	}
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func TestOpen_KeepsEverythingFromOneProgramToTheNext(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		s, err := store.Open(ctx, dsn, quiet)
		if err != nil {
			t.Fatal(err)
		}
		first, _ := s.Namespace(ctx)
		ids := fill(t, s, 1)
		r := run("run", ids[0], dawn)
		if err := s.Start(ctx, r); err != nil {
			t.Fatal(err)
		}
		d, err := s.Publish(ctx, dataset(ids[0], 1), r)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		again := open(t, dsn)
		second, _ := again.Namespace(ctx)
		if first == uuid.Nil || first != second {
			t.Errorf("namespace %s, then %s", first, second)
		}
		if got, err := again.Dataset(ctx, d.ID); err != nil || got.Slug != d.Slug {
			t.Errorf("dataset %+v, %v", got, err)
		}
	})
}

func TestOpen_ByEightProgramsAtOnceMakesOneCatalogue(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		var mu sync.Mutex
		namespaces := map[uuid.UUID]bool{}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				s, err := store.Open(context.Background(), dsn, quiet)
				if err != nil {
					t.Error(err)
					return
				}
				n, _ := s.Namespace(context.Background())
				mu.Lock()
				namespaces[n] = true
				mu.Unlock()
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if len(namespaces) != 1 || namespaces[uuid.Nil] {
			t.Fatalf("namespaces %v", namespaces)
		}
	})
}

func TestOpen_RefusesADatabaseOfANewerProgram(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		s := open(t, dsn)
		execute(t, s, `INSERT INTO grenier_migrations (version_id, is_applied) VALUES (999, TRUE)`)
		_, err := store.Open(context.Background(), dsn, quiet)
		if !errors.Is(err, store.ErrNewer) || !strings.Contains(err.Error(), "mettez Grenier à jour") {
			t.Fatalf("error %v", err)
		}
		if err := s.Check(context.Background()); !errors.Is(err, store.ErrNewer) {
			t.Errorf("check says %v", err)
		}
	})
}

func TestOpen_SaysInFrenchWhatIsWrongWithTheAddress(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(other, []byte(strings.Repeat("ceci n’est pas une base\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ dsn, want string }{
		{"", "sqlite:CHEMIN"}, {"mysql://x", "sqlite:CHEMIN"}, {"sqlite:", "sqlite:CHEMIN"}, {"sqlite::memory:", "sqlite:CHEMIN"},
		{"sqlite:" + other, "n’est pas une base SQLite"},
		{"postgres://u:secret@h:notaport/x", "illisible"},
		{"postgres://u:secret@127.0.0.1:1/x", "ne répond pas"},
	} {
		_, err := store.Open(context.Background(), c.dsn, quiet)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: error %v, want %q", c.dsn, err, c.want)
		}
	}
}

func TestOpen_TakesAnyPathAndKeepsItPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "données #1", "100 % ?mode=memory&x", "grenier.db")
	open(t, "sqlite:"+path)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 || info.Size() == 0 {
		t.Errorf("mode %v, %d bytes", info.Mode(), info.Size())
	}
}

func TestCheck_FindsADamagedFile(t *testing.T) {
	dsn := sqliteDSN(t)
	s, err := store.Open(context.Background(), dsn, quiet)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, s, 500)
	if err := s.Check(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := strings.TrimPrefix(dsn, "sqlite:")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for page := 10; page < 20; page++ {
		copy(content[page*4096:], strings.Repeat("\xde\xad", 2000))
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := store.Open(context.Background(), dsn, quiet)
	if err != nil {
		if !strings.Contains(err.Error(), "endommagée") {
			t.Fatal(err)
		}
		return
	}
	defer again.Close()
	if err := again.Check(context.Background()); err == nil || !strings.Contains(err.Error(), "endommagée") {
		t.Fatalf("check says %v", err)
	}
}

func TestCheck_FindsADatasetWhoseVersionIsGone(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		s := open(t, dsn)
		withdrawOrBreak(t, s, `UPDATE datasets SET version = 7`)
		if err := s.Check(context.Background()); err == nil || !strings.Contains(err.Error(), "incohérente") {
			t.Fatalf("check says %v", err)
		}
	})
}

// withdrawOrBreak publishes one dataset, runs query and returns the dataset and its source.
func withdrawOrBreak(t *testing.T, s *store.Store, query string) (catalog.Dataset, string) {
	t.Helper()
	source := fill(t, s, 1)[0]
	r := run("first", source, dawn)
	if err := s.Start(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	d, err := s.Publish(context.Background(), dataset(source, 1), r)
	if err != nil {
		t.Fatal(err)
	}
	execute(t, s, query)
	return d, source
}

func TestStore_LeavesAWithdrawnDatasetToPeople(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		s := open(t, dsn)
		d, source := withdrawOrBreak(t, s, `UPDATE datasets SET status = 'withdrawn'`)
		for i, status := range []catalog.Status{catalog.Unchanged, catalog.Held, catalog.Failed, catalog.Failed, catalog.Failed} {
			r := run(fmt.Sprint("run-", i), source, dawn.AddDate(0, 0, i+1))
			if err := s.Start(ctx, r); err != nil {
				t.Fatal(err)
			}
			r.Status = status
			if err := s.Record(ctx, r); err != nil {
				t.Fatal(err)
			}
		}
		r := run("again", source, dawn.AddDate(0, 1, 0))
		if err := s.Start(ctx, r); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Publish(ctx, dataset(source, 2), r); err == nil {
			t.Error("a withdrawn dataset was published again")
		}
		got, err := s.Dataset(ctx, d.ID)
		if err != nil || got.Status != catalog.DatasetWithdrawn || got.Version != 1 {
			t.Errorf("dataset %+v, %v", got, err)
		}
		if _, n, err := s.Datasets(ctx, catalog.DatasetQuery{IDs: []uuid.UUID{d.ID}}); err != nil || n != 0 {
			t.Errorf("%d withdrawn datasets listed, %v", n, err)
		}
		if events, err := s.Events(ctx, 0, 10); err != nil || len(events) != 1 {
			t.Errorf("events %v, %v", events, err)
		}
		if m, n, err := s.Members(ctx, catalog.MemberQuery{}); err != nil || n != 1 || m[0].Datasets != 0 {
			t.Errorf("members %+v, %v", m, err)
		}
	})
}

func TestStore_TwoProgramsShareOneCatalogue(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		stores := []*store.Store{open(t, dsn), open(t, dsn)}
		ids := fill(t, stores[0], 40)
		var mu sync.Mutex
		won := map[string]int{}
		var all sync.WaitGroup
		for i, id := range append(ids, ids...) { // each source is started in both
			all.Go(func() {
				r := run(fmt.Sprint("run-", i), id, dawn)
				err := stores[i/len(ids)].Start(ctx, r)
				if errors.Is(err, catalog.ErrBusy) {
					return
				}
				if err == nil {
					_, err = stores[i/len(ids)].Publish(ctx, dataset(id, 1), r)
				}
				if err != nil {
					t.Errorf("%s: %v", id, err)
				}
				mu.Lock()
				won[id]++
				mu.Unlock()
			})
		}
		all.Wait()
		events, err := stores[1].Events(ctx, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		published := 0
		for i, e := range events {
			if e.Seq != int64(i+1) {
				t.Fatalf("event %d has seq %d", i, e.Seq)
			}
		}
		for _, n := range won {
			published += n // a second start may come after the first publication
		}
		if len(won) != len(ids) || len(events) != published {
			t.Fatalf("%d sources won, %d publications, %d events", len(won), published, len(events))
		}
		if err := stores[0].Check(ctx); err != nil {
			t.Error(err)
		}
	})
}

func TestWriter_WaitsOnlyAsLongAsItsCaller(t *testing.T) {
	s := open(t, sqliteDSN(t))
	ids := fill(t, s, 2)
	if err := s.Start(context.Background(), run("a", ids[0], dawn)); err != nil {
		t.Fatal(err)
	}
	held, err := s.Handle().(*sql.DB).Begin() // as the job queue does
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	r := run("a", ids[0], dawn)
	r.Status = catalog.Failed
	if err := s.Record(ctx, r); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	patient := make(chan error, 1)
	go func() { patient <- s.Start(context.Background(), run("b", ids[1], dawn)) }()
	if err := held.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-patient; err != nil {
		t.Errorf("the patient one: %v", err)
	}
	got, err := s.Run(context.Background(), "a")
	if err != nil || got.Status != catalog.Running {
		t.Errorf("what was given up happened: %+v, %v", got, err)
	}
}

func TestWriter_LeavesTheSharedConnectionDurable(t *testing.T) {
	s := open(t, sqliteDSN(t))
	ids := fill(t, s, 1)
	for range 3 {
		if err := s.SetCursor(context.Background(), "index", 7); err != nil { // soft
			t.Fatal(err)
		}
	}
	if err := s.Start(context.Background(), run("a", ids[0], dawn)); err != nil {
		t.Fatal(err)
	}
	var level, keys int
	var mode string
	db := s.Handle().(*sql.DB)
	for pragma, place := range map[string]any{"synchronous": &level, "foreign_keys": &keys, "journal_mode": &mode} {
		if err := db.QueryRow("PRAGMA " + pragma).Scan(place); err != nil {
			t.Fatal(err)
		}
	}
	if level != 2 || keys != 1 || mode != "wal" {
		t.Errorf("synchronous %d, foreign_keys %d, journal_mode %s", level, keys, mode)
	}
}

func TestClose_EndsWhatWasAcceptedAndRefusesTheRest(t *testing.T) {
	s, err := store.Open(context.Background(), sqliteDSN(t), quiet)
	if err != nil {
		t.Fatal(err)
	}
	ids := fill(t, s, 50)
	errs := make(chan error, len(ids))
	for i, id := range ids {
		go func() { errs <- s.Start(context.Background(), run(fmt.Sprint(i), id, dawn)) }()
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range ids {
		if err := <-errs; err != nil && !strings.Contains(err.Error(), "closed") {
			t.Error(err)
		}
	}
	if err := s.SetCursor(context.Background(), "index", 1); err == nil {
		t.Error("a closed store wrote")
	}
}
