package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// An Encoding is a way to keep a published file compressed beside itself, as HTTP calls it: its twin, under the file's key and the encoding's
// extension. Twins are made when a file is stored, for formats that say so and files that are worth it; nothing names them but the key
// of their file, and whoever misses one sends the file.
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

// storeTwins makes the twins of a finished file and gives them to blobs.
func storeTwins(ctx context.Context, blobs BlobStore, p Pressed, dir string) error {
	if f, ok := FormatNamed(p.Format); !ok || !f.Twins || p.Bytes < twinLeast {
		return nil
	}
	for _, e := range Encodings {
		if err := storeTwin(ctx, blobs, p, e, dir); err != nil {
			return fmt.Errorf("store %s: %w", e.Key(p.Key), err)
		}
	}
	return nil
}

func storeTwin(ctx context.Context, blobs BlobStore, p Pressed, e Encoding, dir string) error {
	path, err := compressFile(ctx, p.Path, e, dir)
	if err != nil {
		return err
	}
	if err := blobs.Adopt(ctx, e.Key(p.Key), path); err != nil {
		_ = os.Remove(path)
		return err
	}
	return nil
}

// compressFile makes a compressed copy of a file, synced, in dir.
func compressFile(ctx context.Context, path string, e Encoding, dir string) (twin string, err error) {
	in, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := os.CreateTemp(dir, "draft-*"+e.Ext)
	if err != nil {
		return "", err
	}
	pool := compressors[e.Name]
	w := pool.Get().(compressor)
	w.Reset(out)
	_, err = io.Copy(w, stoppable{ctx, in})
	if err = errors.Join(err, w.Close()); err == nil {
		err = syncFile(out)
	}
	w.Reset(nil)
	pool.Put(w)
	if err = errors.Join(err, out.Close()); err != nil {
		_ = os.Remove(out.Name())
		return "", err
	}
	return out.Name(), nil
}

// A stoppable reader ends with its context.
type stoppable struct {
	ctx context.Context
	r   io.Reader
}

func (s stoppable) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}
