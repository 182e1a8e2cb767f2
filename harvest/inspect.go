package harvest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"

	"grenier/catalog"
	"grenier/publish"
)

// A Damage is a blob that is not what the catalogue says.
type Damage struct {
	Key     string
	Missing bool
	Twin    bool              // the compressed copy of a file; the file itself may be whole
	Err     error             // ErrDamaged, fs.ErrNotExist, or why it cannot be read
	Uses    []catalog.BlobUse // who names it
}

// InspectOptions say how much is read.
type InspectOptions struct {
	Sample   int                   // so many blobs, at random; 0 is all of them
	Progress func(done, total int) // may be nil
}

// An Inspection is what reading the blobs found.
type Inspection struct {
	Blobs   int // read, twins aside
	Bytes   int64
	Damaged []Damage
}

// Inspect reads the blobs that the catalogue names, and their twins, against the hashes in their keys. It holds some 50 bytes a blob, whatever
// their size. What is published, forgotten or withdrawn meanwhile may be found missing: it is looked up again before it is told.
func Inspect(ctx context.Context, store catalog.Store, blobs publish.BlobStore, opt InspectOptions) (Inspection, error) {
	s := &sweeper{store: store, blobs: blobs}
	left, err := s.chosen(ctx, opt.Sample)
	if err != nil {
		return Inspection{}, fmt.Errorf("inspect: %w", err)
	}
	var found Inspection
	total := len(left)
	err = s.keys(ctx, func(key string) error {
		if _, wanted := left[hashKey(key)]; !wanted {
			return nil
		}
		delete(left, hashKey(key))
		read, faults, err := publish.Verify(ctx, blobs, key)
		if err != nil {
			return err
		}
		found.Blobs++
		found.Bytes += read
		for at, why := range faults {
			found.Damaged = append(found.Damaged, Damage{Key: at, Twin: at != key, Missing: errors.Is(why, fs.ErrNotExist), Err: why})
		}
		if opt.Progress != nil {
			opt.Progress(found.Blobs, total)
		}
		return nil
	})
	if err == nil {
		err = found.name(ctx, store)
	}
	if err != nil {
		return found, fmt.Errorf("inspect: %w", err)
	}
	return found, nil
}

// chosen are the blobs to read: all, or a sample that gives each the same chance.
func (s *sweeper) chosen(ctx context.Context, sample int) (map[keyHash]struct{}, error) {
	all := map[keyHash]struct{}{}
	var kept []keyHash
	err := s.keys(ctx, func(key string) error {
		h := hashKey(key)
		if _, known := all[h]; known {
			return nil
		}
		all[h] = struct{}{}
		if len(kept) < sample {
			kept = append(kept, h)
		} else if sample > 0 {
			if i := rand.IntN(len(all)); i < sample {
				kept[i] = h
			}
		}
		return nil
	})
	if sample <= 0 {
		return all, err
	}
	clear(all)
	for _, h := range kept {
		all[h] = struct{}{}
	}
	return all, err
}

// name finds who names what is damaged, and forgets what nobody names any more.
func (f *Inspection) name(ctx context.Context, store catalog.Store) error {
	var told []Damage
	for _, d := range f.Damaged {
		uses, err := store.Uses(ctx, publish.TwinOf(d.Key))
		if err != nil {
			return err
		}
		if d.Uses = uses; len(uses) > 0 || !d.Missing {
			told = append(told, d)
		}
	}
	slices.SortFunc(told, func(a, b Damage) int { return strings.Compare(a.Key, b.Key) })
	f.Damaged = told
	return nil
}

// Discard deletes damaged blobs, so that nobody reads them and a harvest can write them anew: an existing key is never written again. It
// returns the sources whose forced harvest makes again what is online or kept of them.
func Discard(ctx context.Context, blobs publish.BlobStore, damaged []Damage) (sources []string, err error) {
	for _, d := range damaged {
		if !d.Missing && !errors.Is(d.Err, publish.ErrDamaged) {
			continue // a disk that does not read: the bytes may be whole
		}
		if err := blobs.Delete(ctx, d.Key); err != nil {
			return nil, fmt.Errorf("discard %s: %w", d.Key, err)
		}
		for _, u := range d.Uses {
			if (u.Newest || u.Kind == "raw") && !slices.Contains(sources, u.Source) {
				sources = append(sources, u.Source)
			}
		}
	}
	slices.Sort(sources)
	return sources, nil
}
