package bleve

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"grenier/catalog"
	"grenier/catalog/catalogtest"
)

func open(t *testing.T) catalog.Index {
	t.Helper()
	x, err := Open(filepath.Join(t.TempDir(), "index"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

func TestIndex(t *testing.T) { catalogtest.Index(t, open) }

func TestOpen_SecondProcessIsToldItIsBusy(t *testing.T) {
	dir := t.TempDir()
	x, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); !errors.Is(err, catalog.ErrIndexBusy) {
		t.Errorf("got %v, want ErrIndexBusy", err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(dir)
	if err != nil {
		t.Fatalf("after close: %v", err)
	}
	again.Close()
}

func TestOpen_FindsWhatWasPutBefore(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	x, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Put(ctx, catalog.Dataset{Title: "Budget"}); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if x, err = Open(dir); err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if p, err := x.Search(ctx, catalog.Query{Text: "budget"}); err != nil || p.Total != 1 {
		t.Errorf("got %+v, %v", p, err)
	}
}
