package store

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
)

func TestWrites_GrowsWithWhatThisProcessWritesOnly(t *testing.T) {
	ctx := context.Background()
	path := "sqlite:" + filepath.Join(t.TempDir(), "catalogue.db")
	open := func() *Store {
		t.Helper()
		s, err := Open(ctx, path, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	one, other := open(), open()
	before, unmoved := one.Writes(), other.Writes()
	if err := one.SetCursor(ctx, "essai", 7); err != nil {
		t.Fatal(err)
	}
	if one.Writes() == before {
		t.Error("a write is not counted")
	}
	if seq, err := other.Cursor(ctx, "essai"); err != nil || seq != 7 || other.Writes() != unmoved {
		t.Errorf("the other process reads %d (%v) and counts %d writes, had %d", seq, err, other.Writes(), unmoved)
	}
}
