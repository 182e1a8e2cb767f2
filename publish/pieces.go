package publish

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
)

// Pieces describe a file that is bytes of its own and bytes of other blobs, in turn: the Parquet files of a series, whose pages are those of the members' files. They are kept
// as one blob: the bytes of its own; the pieces, three uvarints each (0 for its own or the number of the blob from 1 on, where in it, how many bytes); a description in JSON;
// how long that is, in four bytes; and piecesMagic.
type pieces struct {
	Form    int      `json:"form"`
	Size    int64    `json:"size"`   // of the file
	SHA256  string   `json:"sha256"` // of the file
	Rows    int64    `json:"rows"`
	Sources []string `json:"sources"` // keys of the blobs
	Own     int64    `json:"own"`     // bytes of its own
	Count   int      `json:"count"`   // of pieces

	list []segment
}

// piecesForm is the form that this program writes, piecesMagic how it ends.
const (
	piecesForm  = 1
	piecesMagic = "GRPC"
	piecesEnd   = 4 + len(piecesMagic)
)

// A segment is some bytes that follow each other, here and there.
type segment struct {
	end    int64 // where they end in the file; they begin where those before end
	source int   // 0: of its own; else a number from 1 on
	at     int64 // where they begin in the source
}

// inlined is how many bytes of another blob are rather copied than named.
const inlined = 128

// A piecesWriter makes pieces. What is written to it is its own.
type piecesWriter struct {
	out     *output // its own bytes
	sum     hash.Hash
	size    int64
	own     int64
	list    []segment
	sources map[string]int
	keys    []string
}

func newPiecesWriter(dir string) (*piecesWriter, error) {
	out, err := newOutput(dir, ".pieces")
	if err != nil {
		return nil, err
	}
	return &piecesWriter{out: out, sum: sha256.New(), sources: map[string]int{}}, nil
}

// Write adds bytes of its own.
func (w *piecesWriter) Write(p []byte) (int, error) {
	n, err := w.out.buf.Write(p)
	w.add(0, w.own, p[:n])
	w.own += int64(n)
	return n, err
}

// refer adds bytes of another blob, which are b.
func (w *piecesWriter) refer(key string, at int64, b []byte) error {
	if len(b) <= inlined {
		_, err := w.Write(b)
		return err
	}
	source := w.sources[key]
	if source == 0 {
		w.keys = append(w.keys, key)
		source = len(w.keys)
		w.sources[key] = source
	}
	w.add(source, at, b)
	return nil
}

func (w *piecesWriter) add(source int, at int64, b []byte) {
	if len(b) == 0 {
		return
	}
	w.sum.Write(b)
	start := w.size
	w.size += int64(len(b))
	if n := len(w.list); n > 0 && w.list[n-1].source == source {
		last := &w.list[n-1]
		begin := int64(0)
		if n > 1 {
			begin = w.list[n-2].end
		}
		if last.at+start-begin == at {
			last.end = w.size
			return
		}
	}
	w.list = append(w.list, segment{w.size, source, at})
}

// store ends the pieces and stores them as a file of a series.
func (w *piecesWriter) store(ctx context.Context, blobs BlobStore, format Format, rows int64) (Pressed, error) {
	p := Pressed{Format: format.Name, Bytes: w.size, Rows: rows, SHA256: hex.EncodeToString(w.sum.Sum(nil))}
	head, err := json.Marshal(pieces{Form: piecesForm, Size: w.size, SHA256: p.SHA256, Rows: rows, Sources: w.keys, Own: w.own, Count: len(w.list)})
	if err != nil {
		return p, err
	}
	var table []byte
	begin := int64(0)
	for _, x := range w.list {
		table = binary.AppendUvarint(binary.AppendUvarint(binary.AppendUvarint(table, uint64(x.source)), uint64(x.at)), uint64(x.end-begin))
		begin = x.end
	}
	table = append(table, head...)
	table = append(binary.LittleEndian.AppendUint32(table, uint32(len(head))), piecesMagic...)
	if _, err := w.out.buf.Write(table); err != nil {
		return p, err
	}
	made, file, err := w.out.press(format.Name, strings.TrimSuffix(listPrefix, "/"), format.Ext)
	if err != nil {
		return p, err
	}
	defer file.Close()
	p.Key = made.Key
	if err := blobs.Adopt(ctx, p.Key, made.Path); err != nil {
		_ = os.Remove(made.Path)
		return p, fmt.Errorf("store %s: %w", p.Key, err)
	}
	return p, nil
}

func (w *piecesWriter) discard() { w.out.discard() }

// isPieces tells whether the blob under a key is pieces; other lists are those of CSV files.
func isPieces(key string) bool {
	return strings.HasPrefix(key, listPrefix) && strings.HasSuffix(key, ".parquet")
}

// errPieces says that a blob is not the pieces that its key says.
var errPieces = errors.New("the description of the file is damaged")

// readPieces reads the description in an open blob.
func readPieces(b io.ReaderAt, size int64) (*pieces, error) {
	end := make([]byte, piecesEnd)
	if size < int64(len(end)) {
		return nil, errPieces
	}
	if err := readFull(b, end, size-int64(len(end))); err != nil {
		return nil, err
	}
	length := int64(binary.LittleEndian.Uint32(end))
	at := size - int64(len(end)) - length
	if string(end[4:]) != piecesMagic || at < 0 || length > maxList {
		return nil, errPieces
	}
	text := make([]byte, length)
	if err := readFull(b, text, at); err != nil {
		return nil, err
	}
	p := new(pieces)
	if err := json.Unmarshal(text, p); err != nil {
		return nil, fmt.Errorf("%w: %w", errPieces, err)
	}
	if p.Form != piecesForm || p.Own < 0 || p.Own > at || at-p.Own > maxList || p.Count < 0 || int64(p.Count) > at-p.Own {
		return nil, errPieces
	}
	table := make([]byte, at-p.Own)
	if err := readFull(b, table, p.Own); err != nil {
		return nil, err
	}
	return p, p.read(table)
}

// read reads the pieces.
func (p *pieces) read(table []byte) error {
	r := bytes.NewReader(table)
	p.list = make([]segment, 0, p.Count)
	end := uint64(0)
	for range p.Count {
		var n [3]uint64
		for i := range n {
			var err error
			if n[i], err = binary.ReadUvarint(r); err != nil {
				return errPieces
			}
		}
		if n[0] > uint64(len(p.Sources)) || n[1] > uint64(maxPieceEnd) || n[2] == 0 || n[2] > uint64(maxPieceEnd)-end || n[0] == 0 && n[1]+n[2] > uint64(p.Own) {
			return errPieces
		}
		end += n[2]
		p.list = append(p.list, segment{int64(end), int(n[0]), int64(n[1])})
	}
	if r.Len() > 0 || int64(end) != p.Size {
		return errPieces
	}
	return nil
}

// maxPieceEnd keeps sums of offsets from overflowing.
const maxPieceEnd = int64(1) << 60

// sourcesOpen is how many of the blobs are open at once.
const sourcesOpen = 16

// A pieced is a file being read out of its pieces. Read and Seek are for one goroutine, ReadAt for many.
type pieced struct {
	*pieces
	ctx   context.Context // of the Blob, which has no other way to be told
	blobs BlobStore
	own   Blob
	at    int64 // of Read

	mu     sync.Mutex
	open   []openSource // the one used last at the end
	closed bool
}

type openSource struct {
	source int
	blob   Blob
}

// openPieces opens the file that is described under a key. known, when it is not nil, is the description.
func openPieces(ctx context.Context, blobs BlobStore, key string, known *pieces) (*pieced, error) {
	own, err := blobs.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	if known == nil {
		size, err := own.Seek(0, io.SeekEnd)
		if err == nil {
			known, err = readPieces(own, size)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("read %s: %w", key, err), own.Close())
		}
	}
	return &pieced{pieces: known, ctx: ctx, blobs: blobs, own: own}, nil
}

// Read implements io.Reader.
func (f *pieced) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, f.at)
	f.at += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// Seek implements io.Seeker.
func (f *pieced) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.at
	case io.SeekEnd:
		offset += f.Size
	}
	if offset < 0 {
		return f.at, errors.New("seek before the beginning")
	}
	f.at = offset
	return offset, nil
}

// ReadAt implements io.ReaderAt.
func (f *pieced) ReadAt(p []byte, at int64) (n int, err error) {
	if at < 0 {
		return 0, errors.New("read before the beginning")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return 0, errAssembledClosed
	}
	i, _ := slices.BinarySearchFunc(f.list, at+1, func(x segment, at int64) int { return int(min(1, max(-1, x.end-at))) })
	for ; n < len(p) && i < len(f.list); i++ {
		x := f.list[i]
		begin := int64(0)
		if i > 0 {
			begin = f.list[i-1].end
		}
		from := at + int64(n)
		b := p[n:min(len(p), n+int(min(x.end-from, int64(len(p)))))]
		r, err := f.source(x.source)
		if err == nil {
			err = readFull(r, b, x.at+from-begin)
		}
		if err != nil {
			return n, fmt.Errorf("read piece %d, of %s: %w", i, f.name(x.source), err)
		}
		n += len(b)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *pieced) name(source int) string {
	if source == 0 {
		return "its own bytes"
	}
	return f.Sources[source-1]
}

// source opens a blob, or finds it open.
func (f *pieced) source(number int) (io.ReaderAt, error) {
	if number == 0 {
		return f.own, nil
	}
	for i := len(f.open) - 1; i >= 0; i-- {
		if s := f.open[i]; s.source == number {
			copy(f.open[i:], f.open[i+1:])
			f.open[len(f.open)-1] = s
			return s.blob, nil
		}
	}
	b, err := f.blobs.Open(f.ctx, f.Sources[number-1])
	if err != nil {
		return nil, err
	}
	if len(f.open) == sourcesOpen {
		_ = f.open[0].blob.Close()
		f.open = slices.Delete(f.open, 0, 1)
	}
	f.open = append(f.open, openSource{number, b})
	return b, nil
}

// Close implements io.Closer.
func (f *pieced) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	for _, s := range f.open {
		_ = s.blob.Close()
	}
	f.open = nil
	return f.own.Close()
}

// described is how many descriptions an assembling store remembers.
const described = 32

// A descriptions remembers those that were read last: a reader of ranges opens a file many times.
type descriptions struct {
	mu    sync.Mutex
	known map[string]*pieces
	order []string
}

func (d *descriptions) get(key string) *pieces {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.known[key]
}

func (d *descriptions) put(key string, p *pieces) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil {
		d.known = map[string]*pieces{}
	}
	if d.known[key] != nil {
		return
	}
	if len(d.order) == described {
		delete(d.known, d.order[0])
		d.order = slices.Delete(d.order, 0, 1)
	}
	d.known[key], d.order = p, append(d.order, key)
}
