package publish

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// ErrDamaged is what Verify returns for a blob whose bytes are not those that its key names.
var ErrDamaged = errors.New("blob is damaged")

// Verify reads a blob and its twins to the end and compares them with the hash in its key. It returns how many bytes it read, and for each that is
// damaged or absent its key and why: ErrDamaged, fs.ErrNotExist, or what kept it from being read. A twin that is absent is no fault, nor is a key
// without hash ever damaged. Of an assembled file the list alone is read: what it is made of are blobs of their own.
func Verify(ctx context.Context, blobs BlobStore, key string) (read int64, faults map[string]error, err error) {
	if a, ok := blobs.(*assembling); ok {
		blobs = a.BlobStore
	}
	want := hashIn(key)
	faults = map[string]error{}
	n, err := verify(ctx, blobs, key, want, nil)
	if read = n; err != nil {
		faults[key] = err
	}
	for _, e := range Encodings {
		n, err := verify(ctx, blobs, e.Key(key), want, unpackers[e.Name])
		if read += n; err != nil && !errors.Is(err, fs.ErrNotExist) {
			faults[e.Key(key)] = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return read, faults, ctx.Err()
}

// hashIn is the SHA-256 that a key names, "" without.
func hashIn(key string) string {
	name, _, _ := strings.Cut(path.Base(key), ".")
	if b, err := hex.DecodeString(name); err != nil || len(b) != sha256.Size {
		return ""
	}
	return name
}

// unpackers read the twins of each encoding.
var unpackers = map[string]func(io.Reader) (io.Reader, error){"gzip": ungzip}

func verify(ctx context.Context, blobs BlobStore, key, want string, unpack func(io.Reader) (io.Reader, error)) (int64, error) {
	blob, err := blobs.Open(ctx, key)
	if err != nil {
		return 0, err
	}
	defer blob.Close()
	counted := &countingReader{r: &cancelReader{ctx, blob}}
	var in io.Reader = counted
	if unpack != nil {
		if in, err = unpack(counted); err != nil {
			return counted.n, spoilt(ctx, counted, err)
		}
	}
	h := sha256.New()
	if _, err := io.Copy(h, in); err != nil {
		return counted.n, spoilt(ctx, counted, err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); want != "" && got != want {
		return counted.n, fmt.Errorf("%w: its bytes hash to %s", ErrDamaged, got)
	}
	return counted.n, nil
}

// spoilt tells a twin that does not unpack from a disk that does not read.
func spoilt(ctx context.Context, in *countingReader, err error) error {
	if ctx.Err() != nil || in.err != nil {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

// ungzip reads what storeTwin wrote: its header announces nothing more, for no checksum would cover it. The six bytes after that (a date, a
// system) mean nothing to readers, nor here.
func ungzip(r io.Reader) (io.Reader, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	if !bytes.Equal(head, []byte{0x1f, 0x8b, 8, 0}) {
		return nil, errors.New("not a header that we write")
	}
	z, err := gzip.NewReader(io.MultiReader(bytes.NewReader(head), r))
	if err != nil {
		return nil, err
	}
	return z, nil
}

// A countingReader counts, and remembers an error of its source.
type countingReader struct {
	r   io.Reader
	n   int64
	err error
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.n += int64(n); err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}
