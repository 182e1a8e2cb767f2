package harvest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"grenier/catalog"
	"grenier/publish"
)

const (
	keptFor    = 180 * 24 * time.Hour
	sweepGrace = 7 * 24 * time.Hour
	sweepBatch = 1000 // blobs between two looks at the catalogue
	anchors    = 1000 // names tried before the blobs are taken for those of another catalogue
)

// sweptPrefixes are where the line keeps what only the catalogue makes useful.
var sweptPrefixes = []string{"raw/", "pub/", "quarantine/", "origins/", "list/", "profile/"}

// ErrNotTheirCatalogue is returned by Sweep when there are old blobs and the catalogue names none that is there: a new database beside old
// files, or a bucket that belongs to another instance.
var ErrNotTheirCatalogue = errors.New("the catalogue names none of the kept files")

// SweepOptions say what a Sweep forgets. Zero values are the defaults.
type SweepOptions struct {
	Now    time.Time
	Runs   time.Duration // how long runs are kept, 180 days by default
	Grace  time.Duration // how long a file that nothing names stays after it was last given to the store, 7 days by default; never under two
	DryRun bool          // deletes nothing and counts the files that no kept run or version names now
}

// A SweepResult is what a Sweep deleted, or would delete.
type SweepResult struct {
	Runs  int
	Blobs int
	Bytes int64
}

// Sweep forgets old runs, then deletes the blobs that neither a version nor a run names and that are older than the grace. A run under way is
// safe: what it gives to the blob store becomes young, even when it was there before (BlobStore.Put), and what it recalls is named by the last
// run of its source, which is never forgotten. Sweeps may run at the same time, and be killed at any moment: the next one goes on.
func Sweep(ctx context.Context, store catalog.Store, blobs publish.BlobStore, opt SweepOptions) (SweepResult, error) {
	if opt.Now.IsZero() {
		opt.Now = time.Now()
	}
	s := &sweeper{
		store: store, blobs: blobs, dry: opt.DryRun,
		before: opt.Now.Add(-max(cmp.Or(opt.Grace, sweepGrace), 48*time.Hour)),
		named:  map[keyHash]struct{}{},
	}
	if !opt.DryRun {
		n, err := store.ForgetRuns(ctx, opt.Now.Add(-cmp.Or(opt.Runs, keptFor)))
		if s.done.Runs = n; err != nil {
			return s.done, fmt.Errorf("sweep: %w", err)
		}
	}
	if err := s.sweep(ctx); err != nil {
		return s.done, fmt.Errorf("sweep: %w", err)
	}
	return s.done, nil
}

// A keyHash stands for a key in memory. Two keys of one hash, should that ever be, would only keep a file.
type keyHash [16]byte

func hashKey(key string) (h keyHash) {
	sum := sha256.Sum256([]byte(key))
	copy(h[:], sum[:])
	return h
}

// A sweeper is one Sweep.
type sweeper struct {
	store  catalog.Store
	blobs  publish.BlobStore
	dry    bool
	before time.Time // what is younger stays

	named map[keyHash]struct{} // as it was at the beginning: keeps most blobs out of the batches
	ours  bool                 // a blob that the catalogue names is there
	done  SweepResult
}

func (s *sweeper) sweep(ctx context.Context) error {
	if err := s.readNames(ctx); err != nil {
		return err
	}
	batch := map[string]int64{} // sizes by key
	for _, prefix := range sweptPrefixes {
		err := s.blobs.Each(ctx, prefix, func(key string, size int64, modified time.Time) error {
			_, named := s.named[hashKey(key)]
			if _, owned := s.named[hashKey(publish.OwnerOf(key))]; named || owned || !modified.Before(s.before) {
				return nil
			}
			if batch[key] = size; len(batch) < sweepBatch {
				return nil
			}
			return s.clear(ctx, batch)
		})
		if err != nil {
			return err
		}
	}
	return s.clear(ctx, batch)
}

// keys calls fn for what the catalogue names, and for what the lists among it are put together from. A list that is gone names nothing.
func (s *sweeper) keys(ctx context.Context, fn func(key string) error) error {
	return s.store.Keys(ctx, func(key string) error {
		if err := fn(key); err != nil {
			return err
		}
		parts, err := publish.References(ctx, s.blobs, key)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read list %s: %w", key, err)
		}
		for _, part := range parts {
			if err := fn(part); err != nil {
				return err
			}
		}
		return nil
	})
}

// readNames reads what the catalogue names, and looks whether any of it is in the blob store.
func (s *sweeper) readNames(ctx context.Context) error {
	tried := 0
	return s.keys(ctx, func(key string) error {
		s.named[hashKey(key)] = struct{}{}
		if s.ours || tried == anchors {
			return nil
		}
		tried++
		_, err := s.blobs.Stat(ctx, key)
		s.ours = err == nil
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

// clear deletes the blobs of a batch that the catalogue does not name now either, and empties the batch.
func (s *sweeper) clear(ctx context.Context, batch map[string]int64) error {
	defer clear(batch)
	if len(batch) == 0 {
		return nil
	}
	if !s.ours {
		return ErrNotTheirCatalogue
	}
	err := s.keys(ctx, func(key string) error {
		delete(batch, key)
		for _, beside := range publish.Beside(key) {
			delete(batch, beside)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for key, size := range batch {
		gone, err := s.dry, error(nil)
		if !s.dry {
			gone, err = s.blobs.Expire(ctx, key, s.before)
		}
		if err != nil {
			return err
		}
		if gone {
			s.done.Blobs++
			s.done.Bytes += size
		}
	}
	return nil
}
