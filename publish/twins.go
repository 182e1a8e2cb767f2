package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// An Encoding is a way to keep a published file compressed beside itself, as HTTP calls it: its twin, under the file's key and the encoding's
// extension. A twin is made when a reader first asks for it (see Twins), for formats that say so and files that are worth it; nothing names it but the
// key of its file, and whoever misses one sends the file.
type Encoding struct {
	Name string // "gzip"
	Ext  string // ".gz"
}

// Encodings are the encodings of twins, the one to prefer first. Every reader takes gzip; zstd makes tables 3 to 9 % smaller for as much work and as
// much disk again.
var Encodings = []Encoding{{"gzip", ".gz"}}

// Key is that of the twin of the file under key.
func (e Encoding) Key(key string) string { return key + e.Ext }

// TwinOf is the key of the file whose twin is under key, or key itself when it is no twin's.
func TwinOf(key string) string {
	for _, e := range Encodings {
		if file, ok := strings.CutSuffix(key, e.Ext); ok {
			return file
		}
	}
	return key
}

// twinLeast is the least file worth a twin, in bytes: what is smaller travels in a few packets.
const twinLeast = 8 << 10

// A compressor is a writer that can be used again for the next file.
type compressor interface {
	io.WriteCloser
	Reset(w io.Writer)
}

// gzipLevel compresses 100 MB of table in half a second; level 5 takes twice that for a twentieth less.
const gzipLevel = 2

// compressors keep the encoders by name, whose tables are large.
var compressors = map[string]*sync.Pool{
	"gzip": {New: func() any {
		w, err := gzip.NewWriterLevel(nil, gzipLevel)
		if err != nil {
			panic(err) // the level is known
		}
		return w
	}},
}

// twinNow is the largest file whose first reader waits for its twin, in bytes: some tens of milliseconds.
const twinNow = 8 << 20

// twinsAtOnce are made side by side.
const twinsAtOnce = 2

// Twins opens the twins of published files, and makes those that are missing. Most files are never asked for compressed: all of them at publication would be a sixth of
// its work. It is safe for concurrent use.
type Twins struct {
	blobs BlobStore
	room  chan struct{}

	mu     sync.Mutex
	making map[string]chan struct{} // by key: closed when it is there, or cannot be made
	failed map[string]bool          // not tried again by this process
}

// NewTwins makes twins in blobs.
func NewTwins(blobs BlobStore) *Twins {
	return &Twins{blobs: blobs, room: make(chan struct{}, twinsAtOnce), making: map[string]chan struct{}{}, failed: map[string]bool{}}
}

// Open opens the twin of a file of so many bytes. fs.ErrNotExist says that there is none, or none yet: that of a large file is being made then, and of
// one that is not worth it, or cannot be kept, never will be.
func (t *Twins) Open(ctx context.Context, f Format, key string, bytes int64, e Encoding) (Blob, error) {
	if !f.Twins || strings.HasPrefix(key, listPrefix) {
		return nil, fs.ErrNotExist
	}
	b, err := t.blobs.Open(ctx, e.Key(key))
	if !errors.Is(err, fs.ErrNotExist) || bytes < twinLeast {
		return b, err
	}
	made := t.make(key, e)
	if made == nil || bytes > twinNow {
		return nil, fs.ErrNotExist
	}
	select {
	case <-made:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return t.blobs.Open(ctx, e.Key(key))
}

// make begins to make a twin unless that is being done, and tells when it ends; nil when it failed before.
func (t *Twins) make(key string, e Encoding) <-chan struct{} {
	twin := e.Key(key)
	t.mu.Lock()
	defer t.mu.Unlock()
	if done := t.making[twin]; done != nil || t.failed[twin] {
		return done
	}
	done := make(chan struct{})
	t.making[twin] = done
	go func() {
		t.room <- struct{}{}
		err := storeTwin(context.Background(), t.blobs, key, e)
		<-t.room
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.making, twin)
		if err != nil && len(t.failed) < maxFailedTwins {
			t.failed[twin] = true
		}
		close(done)
	}()
	return done
}

// maxFailedTwins bounds what is remembered of disks that are full.
const maxFailedTwins = 10_000

// storeTwin makes the twin of a stored file. One whose file is deleted meanwhile goes with it: Purge and Sweep delete twins after their file, too.
func storeTwin(ctx context.Context, blobs BlobStore, key string, e Encoding) error {
	in, err := blobs.Open(ctx, key)
	if err != nil {
		return err
	}
	defer in.Close()
	r, w := io.Pipe()
	go func() {
		pool := compressors[e.Name]
		z := pool.Get().(compressor)
		z.Reset(w)
		_, err := io.Copy(z, in)
		_ = w.CloseWithError(errors.Join(err, z.Close()))
		z.Reset(nil)
		pool.Put(z)
	}()
	err = blobs.Put(ctx, e.Key(key), r)
	_ = r.Close() // ends the compressor when Put did not read to the end
	if err != nil {
		return fmt.Errorf("store %s: %w", e.Key(key), err)
	}
	if _, err := blobs.Stat(ctx, key); errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, blobs.Delete(ctx, e.Key(key)))
	}
	return nil
}
