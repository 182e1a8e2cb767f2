// Package bleve makes the catalogue searchable without another server: it implements catalog.Index on bleve, in a folder.
//
// One process holds the folder at a time. bleve keeps the words, the lists of datasets that have them and the values of facets; reading texts and searches
// is package catalog's, and ranking is done here (search.go), in an order that can be explained: the town, the title, the schema, freshness and quality.
package bleve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"grenier/catalog"

	"github.com/blevesearch/bleve/v2"
	"golang.org/x/sys/unix"
)

// layout is the version of what is indexed; another value makes a new index.
const layout = "v2"

// Index implements catalog.Index.
type Index struct {
	dir  string
	lock *os.File

	mu      sync.RWMutex // held for writing only while the index is swapped or closed
	current *shelf
	path    string
}

var errClosed = errors.New("index closed")

var _ catalog.Index = (*Index)(nil)

// Open opens or creates the index in dir. It is catalog.ErrIndexBusy when another process holds it.
func Open(dir string) (*Index, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create index folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open index lock: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("lock index %s: %w", dir, catalog.ErrIndexBusy)
	}
	x := &Index{dir: dir, lock: lock}
	if err := x.open(); err != nil {
		lock.Close()
		return nil, err
	}
	return x, nil
}

// open opens the index that the pointer file names, or a new one when there is none that can be read: it is derived.
func (x *Index) open() error {
	if name, err := os.ReadFile(x.pointer()); err == nil {
		path := filepath.Join(x.dir, filepath.Base(strings.TrimSpace(string(name))))
		if i, err := bleve.Open(path); err == nil {
			x.current, x.path = newShelf(i), path
			return x.sweep()
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read index pointer: %w", err)
	}
	i, path, err := x.create()
	if err != nil {
		return err
	}
	x.current, x.path = newShelf(i), path
	return errors.Join(x.point(path), x.sweep())
}

func (x *Index) pointer() string { return filepath.Join(x.dir, "current-"+layout) }

// create makes an empty index in a folder of its own.
func (x *Index) create() (bleve.Index, string, error) {
	path := filepath.Join(x.dir, layout+"-"+time.Now().UTC().Format("20060102T150405.000000"))
	i, err := bleve.NewUsing(path, document(), "scorch", "scorch", nil)
	if err != nil {
		return nil, "", fmt.Errorf("create index: %w", err)
	}
	return i, path, nil
}

// point makes the pointer file name path, in one step.
func (x *Index) point(path string) error {
	tmp := x.pointer() + ".part"
	if err := os.WriteFile(tmp, []byte(filepath.Base(path)+"\n"), 0o644); err != nil {
		return fmt.Errorf("write index pointer: %w", err)
	}
	return os.Rename(tmp, x.pointer())
}

// sweep removes indexes that a rebuild left behind.
func (x *Index) sweep() error {
	entries, err := os.ReadDir(x.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() && filepath.Join(x.dir, e.Name()) != x.path && strings.HasPrefix(e.Name(), "v") {
			if err := os.RemoveAll(filepath.Join(x.dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// Put indexes datasets, replacing what was known of them.
func (x *Index) Put(ctx context.Context, ds ...catalog.Dataset) error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.current == nil {
		return errClosed
	}
	defer x.current.stale()
	return put(ctx, x.current.index, ds)
}

func put(ctx context.Context, i bleve.Index, ds []catalog.Dataset) error {
	b := i.NewBatch()
	for k := range ds {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := b.Index(ds[k].ID.String(), entryOf(&ds[k])); err != nil {
			return fmt.Errorf("index %s: %w", ds[k].ID, err)
		}
	}
	return i.Batch(b)
}

// Delete forgets datasets.
func (x *Index) Delete(_ context.Context, ids ...string) error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.current == nil {
		return errClosed
	}
	defer x.current.stale()
	b := x.current.index.NewBatch()
	for _, id := range ids {
		b.Delete(id)
	}
	return x.current.index.Batch(b)
}

// Rebuild fills a new index beside the old one, which answers meanwhile, and swaps.
func (x *Index) Rebuild(ctx context.Context, fill func(next catalog.Index) error) error {
	next, path, err := x.create()
	if err != nil {
		return err
	}
	if err := errors.Join(fill(&Index{current: newShelf(next)}), ctx.Err()); err != nil {
		return errors.Join(err, next.Close(), os.RemoveAll(path))
	}
	if err := x.point(path); err != nil {
		return errors.Join(err, next.Close(), os.RemoveAll(path))
	}
	x.mu.Lock()
	old, oldPath := x.current, x.path
	x.current, x.path = newShelf(next), path
	x.mu.Unlock()
	return errors.Join(old.close(), os.RemoveAll(oldPath))
}

// Close releases the folder.
func (x *Index) Close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.current == nil {
		return nil
	}
	err := x.current.close()
	x.current = nil
	if x.lock != nil {
		err = errors.Join(err, x.lock.Close())
	}
	return err
}
