package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"grenier/catalog"
	"grenier/catalog/catalogtest"
	"grenier/catalog/store"

	_ "github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dsn := os.Getenv(victimDSN); dsn != "" {
		victim(dsn)
		return
	}
	goleak.VerifyTestMain(m)
}

var quiet = slog.New(slog.DiscardHandler)

func open(t testing.TB, dsn string) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), dsn, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func sqliteDSN(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "grenier.db") }

// engines runs a test on both databases.
func engines(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Run("SQLite", func(t *testing.T) { test(t, sqliteDSN(t)) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, catalogtest.PostgresDSN(t)) })
}

func TestStore_KeepsItsPromisesOnSQLite(t *testing.T) {
	catalogtest.Store(t, func(t *testing.T) catalog.Store { return open(t, sqliteDSN(t)) })
}

func TestStore_KeepsItsPromisesOnPostgreSQL(t *testing.T) {
	catalogtest.PostgresDSN(t) // says once that it is not tested
	catalogtest.Store(t, func(t *testing.T) catalog.Store { return open(t, catalogtest.PostgresDSN(t)) })
}

var (
	dawn   = time.Date(2026, 11, 23, 4, 10, 0, 0, time.UTC)
	member = catalog.Member{SIREN: "213900137", Name: "Saint-Aubin", Kind: catalog.Commune, INSEE: "39013"}
)

// fill applies n sources and returns them.
func fill(t testing.TB, s *store.Store, n int) []string {
	t.Helper()
	m := catalog.Manifest{Members: []catalog.Member{member}, Recipes: []catalog.Recipe{{Name: "r", Text: "name: r\n"}}}
	var ids []string
	for i := range n {
		id := fmt.Sprintf("%s/jeu-%d", member.SIREN, i)
		ids = append(ids, id)
		m.Sources = append(m.Sources, catalog.Source{ID: id, Member: member.SIREN, Recipe: "r", Key: fmt.Sprintf("jeu-%d", i)})
	}
	if _, err := s.Apply(context.Background(), m, catalog.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	return ids
}

func run(id, source string, at time.Time) catalog.Run {
	return catalog.Run{ID: id, Source: source, Member: member.SIREN, Attempt: 1, Started: at, Ended: at, Lease: at.Add(time.Minute), Accepted: 3, Rows: 3}
}

func dataset(source string, version int) catalog.Dataset {
	d := catalog.Dataset{
		Key: strings.TrimPrefix(source, member.SIREN+"/"), Member: member, Source: source, Title: "Jeu " + strings.TrimPrefix(source, member.SIREN+"/"), License: "lov2", Frequency: "DAILY", Rows: 3,
	}
	d.ID = catalog.DatasetID([16]byte{1}, member.SIREN, d.Key)
	for _, format := range []string{"csv", "parquet"} {
		content := fmt.Sprintf("%s-%d-%s", d.Key, version, format)
		d.Files = append(d.Files, catalog.File{ID: catalog.FileID(d.ID, format), Format: format, Name: "jeu." + format, Key: "pub/" + content, SHA256: content})
	}
	return d
}
