package publish_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"grenier/catalog"
	"grenier/publish"
)

func TestDir_TakesNothingMoreOnceTheDiskDidNotConfirmAWrite(t *testing.T) {
	path := t.TempDir()
	var calls atomic.Int32
	var sick atomic.Bool
	d, err := publish.OpenDir(path, publish.SyncBy(func(f *os.File) error {
		calls.Add(1)
		if sick.Load() {
			return syscall.EIO
		}
		return f.Sync()
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Put(t.Context(), "pub/ab/x", strings.NewReader("x")); err != nil || d.Failed() != nil {
		t.Fatal(err, d.Failed())
	}
	sick.Store(true)
	if err := d.Put(t.Context(), "pub/ab/y", strings.NewReader("y")); !errors.Is(err, catalog.ErrNotSynced) || !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v", err)
	}
	sick.Store(false) // the disk would say yes now, and it would mean nothing
	before := calls.Load()
	file := filepath.Join(d.Temp(), "draft")
	if err := os.WriteFile(file, []byte("z"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"put": d.Put(t.Context(), "pub/ab/z", strings.NewReader("z")), "put again": d.Put(t.Context(), "pub/ab/x", strings.NewReader("x")),
		"adopt": d.Adopt(t.Context(), "pub/ab/z", file), "failed": d.Failed(),
	} {
		if !errors.Is(err, catalog.ErrNotSynced) || !strings.Contains(err.Error(), "n’a pas confirmé l’écriture de "+path) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if calls.Load() != before {
		t.Errorf("the disk was asked %d times more", calls.Load()-before)
	}
	if got := stored(t, d, "pub/ab/x"); string(got) != "x" {
		t.Errorf("got %q", got)
	}
	next, err := publish.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := next.Adopt(t.Context(), "pub/ab/z", file); err != nil {
		t.Errorf("the next process: %v", err)
	}
}

func TestDir_LeavesToOthersWhatTheyTookMeanwhile(t *testing.T) {
	path := t.TempDir()
	theirs, err := publish.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	const key = "pub/ab/x"
	n := 0
	ours, err := publish.OpenDir(path, publish.SyncBy(func(f *os.File) error {
		if n++; n == 2 { // the file is in place, its folder is not synced: another process finds it and makes it its own
			time.Sleep(5 * time.Millisecond)
			if err := theirs.Put(t.Context(), key, strings.NewReader("x")); err != nil {
				t.Error(err)
			}
			return syscall.EIO
		}
		return f.Sync()
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := ours.Put(t.Context(), key, strings.NewReader("x")); !errors.Is(err, catalog.ErrNotSynced) {
		t.Errorf("got %v", err)
	}
	if got := stored(t, theirs, key); string(got) != "x" {
		t.Errorf("got %q", got)
	}
}

func TestOpenDir_MakesItsOwnFoldersDurable(t *testing.T) {
	root := t.TempDir()
	var synced []string
	if _, err := publish.OpenDir(filepath.Join(root, "a", "blobs"), publish.SyncBy(func(f *os.File) error {
		synced = append(synced, strings.TrimPrefix(f.Name(), root))
		return nil
	})); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(synced); got != "[/a ]" {
		t.Errorf("synced %s, want the folders that hold a and blobs", got)
	}
}

func TestDiskTrouble_SaysWhatAils(t *testing.T) {
	wrap := func(err error) error {
		return fmt.Errorf("adopt x: %w", &fs.PathError{Op: "write", Path: "/srv/x", Err: err})
	}
	for _, c := range []struct {
		err    error
		remote bool
		says   string
	}{
		{nil, false, ""}, {wrap(errors.New("other")), false, ""}, {wrap(syscall.ENOSPC), true, "est plein"}, {&publish.FullError{Path: "/srv"}, false, "est plein"},
		{wrap(syscall.EROFS), true, "ne peut pas être écrit"}, {wrap(syscall.EACCES), false, "ne peut pas être écrit"}, {wrap(syscall.EACCES), true, ""},
		{wrap(syscall.ENOTDIR), false, "ne peut pas être écrit"}, {wrap(syscall.EIO), false, "répond par une erreur"}, {wrap(syscall.EIO), true, ""},
		{&publish.SyncError{Path: "/srv/x", Err: syscall.EIO}, true, "n’a pas confirmé une écriture"},
	} {
		got := publish.DiskTrouble(c.err, c.remote)
		if (got == "") != (c.says == "") || !strings.Contains(got, c.says) || strings.Contains(got, "/srv") {
			t.Errorf("%v, remote %v: got %q, want %q", c.err, c.remote, got, c.says)
		}
	}
}
