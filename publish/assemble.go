package publish

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

// listPrefix begins the keys of lists: blobs that say how to assemble a file from others.
const listPrefix = "list/"

// maxList is the largest description of an assembled file that is read.
const maxList = 256 << 20

// Assembling makes a store that opens the lists kept in inner as the files that they describe: Open and Stat of a key under "list/" speak of the
// assembled bytes. The rest is inner's: Put and Adopt of such a key take a description, Each lists its own size, and Delete and Expire
// remove it alone. What it depends on must be kept as long: see References.
//
// An assembled Blob reads the blobs that it is made of with the context that Open was given, which must last as long as it is read.
func Assembling(inner BlobStore) BlobStore { return &assembling{BlobStore: inner} }

type assembling struct {
	BlobStore
	sizes sync.Map // by key: lists never change
	read  descriptions
}

// AdoptAll implements Adopter.
func (a *assembling) AdoptAll(ctx context.Context, files []Finished) error {
	return AdoptAll(ctx, a.BlobStore, files...)
}

// Open implements BlobStore.
func (a *assembling) Open(ctx context.Context, key string) (Blob, error) {
	if !strings.HasPrefix(key, listPrefix) {
		return a.BlobStore.Open(ctx, key)
	}
	if isPieces(key) {
		return a.openPieces(ctx, key)
	}
	l, err := readList(ctx, a.BlobStore, key)
	if err != nil {
		return nil, err
	}
	return newAssembled(ctx, a.BlobStore, l), nil
}

func (a *assembling) openPieces(ctx context.Context, key string) (Blob, error) {
	f, err := openPieces(ctx, a.BlobStore, key, a.read.get(key))
	if err != nil {
		return nil, err
	}
	a.read.put(key, f.pieces)
	return f, nil
}

// Stat implements BlobStore.
func (a *assembling) Stat(ctx context.Context, key string) (int64, error) {
	size, err := a.BlobStore.Stat(ctx, key)
	if err != nil || !strings.HasPrefix(key, listPrefix) {
		return size, err
	}
	if size, ok := a.sizes.Load(key); ok {
		return size.(int64), nil
	}
	if size, err = assembledSize(ctx, a.BlobStore, key); err == nil {
		a.sizes.Store(key, size)
	}
	return size, err
}

// assembledSize is how long the file is that a blob under "list/" describes.
func assembledSize(ctx context.Context, blobs BlobStore, key string) (int64, error) {
	if isPieces(key) {
		f, err := openPieces(ctx, blobs, key, nil)
		if err != nil {
			return 0, err
		}
		return f.Size, f.Close()
	}
	l, err := readList(ctx, blobs, key)
	if err != nil {
		return 0, err
	}
	return l.Size, nil
}

// References lists the keys of the blobs that a blob is assembled from, each once; nil for one that is not assembled. blobs may be an Assembling
// store or the one below it.
func References(ctx context.Context, blobs BlobStore, key string) ([]string, error) {
	if !strings.HasPrefix(key, listPrefix) {
		return nil, nil
	}
	if a, ok := blobs.(*assembling); ok {
		blobs = a.BlobStore
	}
	if isPieces(key) {
		f, err := openPieces(ctx, blobs, key, nil)
		if err != nil {
			return nil, err
		}
		return f.Sources, f.Close()
	}
	l, err := readList(ctx, blobs, key)
	if err != nil {
		return nil, err
	}
	var keys []string
	known := map[string]bool{"": true}
	for i := range l.Parts {
		p := &l.Parts[i]
		for _, k := range []string{p.CSV, p.Origins, p.Table} {
			if !known[k] {
				known[k] = true
				keys = append(keys, k)
			}
		}
	}
	return keys, nil
}

// readList reads the description of an assembled file.
func readList(ctx context.Context, blobs BlobStore, key string) (*list, error) {
	b, err := blobs.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	data, err := io.ReadAll(io.LimitReader(b, maxList))
	if err != nil {
		return nil, fmt.Errorf("read list %s: %w", key, err)
	}
	l := new(list)
	if err := json.Unmarshal(data, l); err != nil {
		return nil, fmt.Errorf("read list %s: %w", key, err)
	}
	if l.Form != listForm || l.Size < 0 || len(l.Delimiter) != 1 {
		return nil, fmt.Errorf("read list %s: form %d is not ours", key, l.Form)
	}
	return l, nil
}

// assembled is a file that is made while it is read. Read and Seek are for one goroutine, ReadAt for many.
type assembled struct {
	own    cursor // of Read
	at     int64
	mu     sync.Mutex
	others cursor // of ReadAt
}

var errAssembledClosed = errors.New("assembled file is closed")

func newAssembled(ctx context.Context, blobs BlobStore, l *list) *assembled {
	c := cursor{ctx: ctx, blobs: blobs, list: l}
	return &assembled{own: c, others: c}
}

// Read implements io.Reader.
func (a *assembled) Read(p []byte) (int, error) {
	n, err := a.own.read(p, a.at)
	a.at += int64(n)
	return n, err
}

// WriteTo implements io.WriterTo: it saves io.Copy a buffer.
func (a *assembled) WriteTo(w io.Writer) (n int64, err error) {
	for {
		b, err := a.own.bytes(a.at)
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return n, err
		}
		m, err := w.Write(b)
		n, a.at = n+int64(m), a.at+int64(m)
		if err != nil {
			return n, err
		}
	}
}

// Seek implements io.Seeker.
func (a *assembled) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += a.at
	case io.SeekEnd:
		offset += a.own.list.Size
	}
	if offset < 0 {
		return a.at, errors.New("seek before the beginning")
	}
	a.at = offset
	return offset, nil
}

// ReadAt implements io.ReaderAt. Ranges that follow each other cost no more than reading on.
func (a *assembled) ReadAt(p []byte, at int64) (n int, err error) {
	if at < 0 {
		return 0, errors.New("read before the beginning")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for n < len(p) && err == nil {
		var m int
		m, err = a.others.read(p[n:], at+int64(n))
		n += m
	}
	if n == len(p) {
		err = nil
	}
	return n, err
}

// Close implements io.Closer.
func (a *assembled) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.own.close()
	a.others.close()
	a.own.closed, a.others.closed = true, true
	return nil
}

// A cursor produces an assembled file from some place on. It goes back only to the beginning of a part.
type cursor struct {
	ctx    context.Context // of the Blob, which has no other way to be told
	blobs  BlobStore
	list   *list
	begun  bool
	part   int       // being produced; -1 for the header
	rows   *assembly // of the part; nil before its first bytes
	old    *assembly // of the part before, whose memory is used again
	at     int64     // where ready begins
	ready  []byte
	end    int64 // of the part
	closed bool
}

// read reads from an offset on.
func (c *cursor) read(p []byte, at int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	b, err := c.bytes(at)
	return copy(p, b), err
}

// bytes are some of those from an offset on, at least one; io.EOF behind the last. They are valid until the next call.
func (c *cursor) bytes(at int64) ([]byte, error) {
	if c.closed {
		return nil, errAssembledClosed
	}
	if at >= c.list.Size {
		return nil, io.EOF
	}
	if !c.begun || at < c.at || at >= c.end {
		c.enter(at)
	}
	for at >= c.at+int64(len(c.ready)) {
		if err := c.produce(); err != nil {
			return nil, err
		}
	}
	return c.ready[at-c.at:], nil
}

// enter goes to the beginning of the part that an offset is in.
func (c *cursor) enter(at int64) {
	c.close()
	c.begun, c.part, c.at, c.end = true, -1, 0, int64(len(c.list.header()))
	for c.part+1 < len(c.list.Parts) && at >= c.end {
		c.part++
		c.at, c.end = c.end, c.end+c.list.Parts[c.part].Bytes
	}
}

// produce makes the bytes that follow those that are ready, of the same part.
func (c *cursor) produce() (err error) {
	c.at += int64(len(c.ready))
	c.ready = nil
	if c.part < 0 {
		c.ready = c.list.header()
		return nil
	}
	if c.rows == nil {
		if c.rows, err = openAssembly(c.ctx, c.blobs, c.list, &c.list.Parts[c.part], c.old); err != nil {
			return c.list.failed(c.part, err)
		}
	}
	c.ready, err = c.rows.next(c.ctx)
	if err == nil && c.at+int64(len(c.ready)) > c.end || errors.Is(err, io.EOF) {
		err = errOtherBytes
	}
	if err != nil {
		c.ready, c.begun = nil, false
		return c.list.failed(c.part, err)
	}
	return nil
}

func (c *cursor) close() {
	c.rows.close()
	c.old = cmp.Or(c.rows, c.old)
	c.rows, c.ready, c.begun = nil, nil, false
}
