package harvest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"grenier/catalog"
	"grenier/publish"

	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"
)

const (
	snapshotPrefix = "snapshot/"
	snapshotExt    = ".jsonl.zst"
	snapshotsKept  = 3
	snapshotShare  = 20 // at most a twentieth of the time is spent on snapshots
	snapshotMax    = 4 << 30
)

// Snapshots keep the catalogue beside the files, so that a lost database can be made again (SECURITY.md R-05): every so often, while something
// changes, the whole of it is written as one compressed blob, "snapshot/NAMESPACE/REVISION-TIME.jsonl.zst", and the last three stay. The sweep
// leaves them alone. An empty catalogue is never written, nor is a snapshot of another namespace ever deleted: a database started anew by mistake
// beside old files does not take their memory away.
type Snapshots struct {
	Store catalog.Store
	Blobs publish.BlobStore
	Log   *slog.Logger
	Now   func() time.Time // time.Now

	mu   sync.Mutex // one at a time
	last int64      // revision of the last one that this process wrote or found
}

// A Snapshot is one that is kept.
type Snapshot struct {
	Key       string
	Namespace uuid.UUID
	Revision  int64
	Time      time.Time
	Bytes     int64
}

// ListSnapshots lists the snapshots that are kept, of every namespace, newest first.
func ListSnapshots(ctx context.Context, blobs publish.BlobStore) ([]Snapshot, error) {
	var list []Snapshot
	err := blobs.Each(ctx, snapshotPrefix, func(key string, size int64, _ time.Time) error {
		if s, ok := snapshotOf(key); ok {
			s.Bytes = size
			list = append(list, s)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	slices.SortFunc(list, func(a, b Snapshot) int { return strings.Compare(path.Base(b.Key), path.Base(a.Key)) })
	return list, nil
}

// snapshotOf reads the key of a snapshot.
func snapshotOf(key string) (s Snapshot, ok bool) {
	folder, name := path.Split(key)
	name, ok = strings.CutSuffix(name, snapshotExt)
	revision, micros, cut := strings.Cut(name, "-")
	id, err := uuid.Parse(strings.TrimSuffix(strings.TrimPrefix(folder, snapshotPrefix), "/"))
	n, err2 := strconv.ParseInt(revision, 10, 64)
	us, err3 := strconv.ParseInt(micros, 10, 64)
	if !ok || !cut || errors.Join(err, err2, err3) != nil {
		return s, false
	}
	return Snapshot{Key: key, Namespace: id, Revision: n, Time: time.UnixMicro(us).UTC()}, true
}

// Follow writes a snapshot whenever something changed, at most every so often, until ctx ends; then a last one.
func (s *Snapshots) Follow(ctx context.Context, every time.Duration) {
	s.warn(ctx)
	for {
		began := s.now()
		if _, err := s.Write(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn("catalogue not saved beside its files", "error", err)
		}
		select {
		case <-ctx.Done():
			late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			if _, err := s.Write(late); err != nil {
				s.Log.Warn("catalogue not saved beside its files", "error", err)
			}
			return
		case <-time.After(max(every, snapshotShare*s.now().Sub(began))):
		}
	}
}

// warn says at the start that the catalogue is empty beside the memory of another one.
func (s *Snapshots) warn(ctx context.Context) {
	if empty, err := s.empty(ctx); err != nil || !empty {
		return
	}
	if list, err := ListSnapshots(ctx, s.Blobs); err == nil && len(list) > 0 {
		s.Log.Warn("empty catalogue beside the files of another one: « grenier rebuild » makes it again", "snapshot", list[0].Key)
	}
}

func (s *Snapshots) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

func (s *Snapshots) empty(ctx context.Context) (bool, error) {
	_, members, err := s.Store.Members(ctx, catalog.MemberQuery{Limit: 1})
	if err != nil || members > 0 {
		return false, err
	}
	events, err := s.Store.Events(ctx, 0, 1)
	return len(events) == 0, err
}

// Write writes a snapshot when something changed since the newest one, and forgets the oldest. It tells whether it did.
func (s *Snapshots) Write(ctx context.Context) (written bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	revision, err := s.Store.Revision(ctx)
	if err != nil || revision == s.last {
		return false, err
	}
	if empty, err := s.empty(ctx); err != nil || empty {
		return false, err
	}
	mine, err := s.mine(ctx)
	if err != nil {
		return false, err
	}
	if len(mine) > 0 && mine[0].Revision == revision { // another process was here
		s.last = revision
		return false, nil
	}
	if err := s.write(ctx, revision); err != nil {
		return false, err
	}
	s.last = revision
	return true, s.forget(ctx, mine[min(len(mine), snapshotsKept-1):])
}

// Replace writes a snapshot and deletes all earlier ones of this catalogue: they may hold what was withdrawn.
func (s *Snapshots) Replace(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	mine, err := s.mine(ctx)
	if err != nil || len(mine) == 0 {
		return err
	}
	revision, err := s.Store.Revision(ctx)
	if err == nil {
		err = s.write(ctx, revision)
	}
	if err != nil {
		return err
	}
	s.last = revision
	return s.forget(ctx, mine)
}

// mine lists the snapshots of this catalogue, newest first.
func (s *Snapshots) mine(ctx context.Context) ([]Snapshot, error) {
	namespace, err := s.Store.Namespace(ctx)
	if err != nil {
		return nil, err
	}
	list, err := ListSnapshots(ctx, s.Blobs)
	return slices.DeleteFunc(list, func(x Snapshot) bool { return x.Namespace != namespace }), err
}

func (s *Snapshots) forget(ctx context.Context, list []Snapshot) error {
	for _, old := range list {
		if err := s.Blobs.Delete(ctx, old.Key); err != nil {
			return fmt.Errorf("forget snapshot: %w", err)
		}
	}
	return nil
}

// write streams the catalogue into a blob.
func (s *Snapshots) write(ctx context.Context, revision int64) error {
	namespace, err := s.Store.Namespace(ctx)
	if err != nil {
		return err
	}
	began := s.now()
	key := fmt.Sprintf("%s%s/%016d-%016d%s", snapshotPrefix, namespace, revision, began.UnixMicro(), snapshotExt)
	r, w := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.CloseWithError(s.export(ctx, w))
	}()
	err = s.Blobs.Put(ctx, key, r)
	_ = r.CloseWithError(io.ErrClosedPipe) // a Put that failed does not read on
	<-done
	if err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	head, err := s.Store.Audit(ctx, catalog.AuditQuery{Limit: 1})
	if err != nil {
		return err
	}
	hash := "" // of the end of the audit's chain: the log is elsewhere, and tells if it was cut
	if len(head) > 0 {
		hash = head[0].Hash
	}
	s.Log.Info("catalogue saved beside its files", "snapshot", key, "audit_head", hash, "seconds", s.now().Sub(began).Seconds())
	return nil
}

func (s *Snapshots) export(ctx context.Context, w io.Writer) error {
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return err
	}
	return errors.Join(s.Store.Export(ctx, z), z.Close())
}

// Restore fills an empty catalogue from a snapshot.
func Restore(ctx context.Context, store catalog.Store, blobs publish.BlobStore, key string) error {
	blob, err := blobs.Open(ctx, key)
	if err != nil {
		return fmt.Errorf("open snapshot: %w", err)
	}
	defer blob.Close()
	z, err := zstd.NewReader(blob, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(snapshotMax))
	if err != nil {
		return fmt.Errorf("open snapshot: %w", err)
	}
	defer z.Close()
	return store.Import(ctx, z)
}
