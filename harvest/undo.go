package harvest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/bits"
	"os"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// The file that undoes repairs: a head, then the original in pieces, each compressed by zstd with the part of the repaired file where the
// same records must be for a dictionary. So it is small, and memory is that of one piece whatever the size.
const (
	undoMagic  = "GRENIER-UNDO-1\n"
	undoPiece  = 4 << 20 // bytes of the original in a piece
	undoMargin = 1 << 20 // bytes of the repaired file beyond where a piece should be, on either side
	undoFixed  = len(undoMagic) + 2*sha256.Size + 2*8 + 2
)

// An undoHead says what an undo file gives back, and from what.
type undoHead struct {
	original, repaired         [sha256.Size]byte
	originalSize, repairedSize int64
	name                       string // of the original
}

// append adds the head to b: magic, hashes, sizes, and the name behind its length.
func (h *undoHead) append(b []byte) []byte {
	b = append(append(append(b, undoMagic...), h.original[:]...), h.repaired[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(h.originalSize))
	b = binary.BigEndian.AppendUint64(b, uint64(h.repairedSize))
	name := h.name[:min(len(h.name), 1<<16-1)]
	return append(binary.BigEndian.AppendUint16(b, uint16(len(name))), name...)
}

// readUndoHead reads the head; the pieces follow.
func readUndoHead(r io.Reader, path string) (h undoHead, err error) {
	fixed := make([]byte, undoFixed)
	if _, err = io.ReadFull(r, fixed); err == nil && !bytes.HasPrefix(fixed, []byte(undoMagic)) {
		err = errors.New("no undo file")
	}
	if err == nil {
		rest := fixed[len(undoMagic):]
		rest = rest[copy(h.original[:], rest):]
		rest = rest[copy(h.repaired[:], rest):]
		h.originalSize, h.repairedSize = int64(binary.BigEndian.Uint64(rest)), int64(binary.BigEndian.Uint64(rest[8:]))
		name := make([]byte, binary.BigEndian.Uint16(rest[16:]))
		_, err = io.ReadFull(r, name)
		h.name = string(name)
	}
	if err == nil && (h.originalSize < 0 || h.repairedSize < 0) {
		err = errors.New("sizes out of bounds")
	}
	if err != nil {
		return h, Say("Le fichier "+cited(filepath.Base(path))+" n’est pas un fichier d’annulation. Indiquez celui dont le nom finit par «\u00a0-annulation.zst\u00a0».", err)
	}
	return h, nil
}

// near is where in the repaired file the records of the original's bytes from at to end must be, with a margin.
func (h *undoHead) near(at, end int64) (from, to int64) {
	scale := func(x int64) int64 {
		hi, lo := bits.Mul64(uint64(x), uint64(h.repairedSize))
		q, _ := bits.Div64(hi, lo, uint64(h.originalSize)) // x is at most originalSize
		return int64(q)
	}
	from, to = max(0, scale(at)-undoMargin), min(h.repairedSize, scale(end)+undoMargin)
	return from, min(to, from+2*undoPiece+2*undoMargin) // a workbook is smaller than what it says
}

// dictionary reads the part of the repaired file for a piece; nil when it is too short to be one.
func (h *undoHead) dictionary(repaired io.ReaderAt, at, end int64, buf []byte) ([]byte, error) {
	from, to := h.near(at, end)
	if to-from < 16 {
		return nil, nil
	}
	buf = slices.Grow(buf[:0], int(to-from))[:to-from]
	return buf, readFull(repaired, buf, from)
}

// UndoName is the name of the file that an undo file gives back.
func UndoName(undo string) (string, error) {
	u, err := openUndo(undo)
	if err != nil {
		return "", err
	}
	defer u.Close()
	h, err := readUndoHead(u, undo)
	return filepath.Base(h.name), err
}

func openUndo(path string) (*os.File, error) {
	u, err := os.Open(path)
	if err != nil {
		return nil, Say("Le fichier d’annulation "+cited(filepath.Base(path))+" ne peut pas être ouvert. Indiquez celui dont le nom finit par «\u00a0-annulation.zst\u00a0».", err)
	}
	return u, nil
}

// writeUndo writes what gives in back from repaired.
func writeUndo(ctx context.Context, w io.Writer, in, repaired Input) error {
	head := undoHead{name: in.Name, originalSize: in.Size, repairedSize: repaired.Size}
	for _, x := range []struct {
		in  Input
		sum []byte
	}{{in, head.original[:]}, {repaired, head.repaired[:]}} {
		h := sha256.New()
		if _, err := io.Copy(h, underContext{ctx, io.NewSectionReader(x.in, 0, x.in.Size)}); err != nil {
			return fmt.Errorf("read %s: %w", x.in.Name, err)
		}
		h.Sum(x.sum[:0])
	}
	if _, err := w.Write(head.append(nil)); err != nil {
		return fmt.Errorf("write undo: %w", err)
	}
	piece, dictionary, packed := make([]byte, min(in.Size, undoPiece)), []byte(nil), []byte(nil)
	for at := int64(0); at < in.Size; at += int64(len(piece)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		piece = piece[:min(in.Size-at, undoPiece)]
		err := readFull(in, piece, at)
		if err == nil {
			dictionary, err = head.dictionary(repaired, at, at+int64(len(piece)), dictionary)
		}
		if err != nil {
			return fmt.Errorf("read for undo: %w", err)
		}
		if packed, err = packPiece(packed[:0], piece, dictionary); err != nil {
			return err
		}
		if _, err := w.Write(packed); err != nil {
			return fmt.Errorf("write undo: %w", err)
		}
	}
	return nil
}

// packPiece adds a piece, compressed, behind its length.
func packPiece(dst, piece, dictionary []byte) ([]byte, error) {
	window := zstd.MinWindowSize
	for window < len(piece)+len(dictionary) {
		window *= 2
	}
	options := []zstd.EOption{zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithWindowSize(window)}
	if dictionary != nil {
		options = append(options, zstd.WithEncoderDictRaw(undoDictionary, dictionary))
	}
	z, err := zstd.NewWriter(nil, options...)
	if err != nil {
		return nil, fmt.Errorf("compress undo: %w", err)
	}
	defer z.Close()
	start := len(dst)
	dst = z.EncodeAll(piece, append(dst, 0, 0, 0, 0))
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	return dst, nil
}

// undoDictionary is the number by which a piece names its dictionary.
const undoDictionary = 1

// underContext is a reader that ends with its context.
type underContext struct {
	ctx context.Context
	r   io.Reader
}

func (u underContext) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}

// Undo writes to out the original, byte for byte, of the file that Fix repaired. undo is the path of the file that Fix wrote for that,
// repaired that of the repaired file, which must not have changed since. Nothing is written unless every byte is right.
func Undo(ctx context.Context, undo, repaired, out string) error {
	u, err := openUndo(undo)
	if err != nil {
		return err
	}
	defer u.Close()
	head, err := readUndoHead(u, undo)
	if err != nil {
		return err
	}
	r, err := os.Open(repaired)
	if err != nil {
		return Say("Le fichier réparé "+cited(filepath.Base(repaired))+" ne peut pas être ouvert\u00a0: il est nécessaire pour retrouver l’original. Laissez-le à côté du fichier d’annulation.", err)
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(h, underContext{ctx, r}); err != nil {
		return fmt.Errorf("read %s: %w", repaired, err)
	}
	if !sumIs(h, head.repaired[:]) {
		return Say("Le fichier "+cited(filepath.Base(repaired))+" a changé depuis la réparation\u00a0: l’original ne peut pas en être retrouvé. Indiquez le fichier réparé tel qu’il a été écrit.", errors.New("repaired file has another hash"))
	}
	return restore(ctx, &pieces{head: head, packed: bufio.NewReader(u), repaired: r}, head.original[:], out)
}

// pieces reads the original, piece by piece.
type pieces struct {
	head     undoHead
	packed   io.Reader
	repaired io.ReaderAt

	at                  int64 // of the next piece
	left                []byte
	frame, dict, opened []byte
}

// Read implements io.Reader.
func (p *pieces) Read(b []byte) (int, error) {
	if len(p.left) == 0 {
		if p.at >= p.head.originalSize {
			return 0, io.EOF
		}
		if err := p.next(); err != nil {
			return 0, err
		}
	}
	n := copy(b, p.left)
	p.left = p.left[n:]
	return n, nil
}

// next opens one piece.
func (p *pieces) next() (err error) {
	var size [4]byte
	if _, err := io.ReadFull(p.packed, size[:]); err != nil {
		return err
	}
	n := int(binary.BigEndian.Uint32(size[:]))
	if n > 2*undoPiece {
		return errors.New("piece out of bounds")
	}
	p.frame = slices.Grow(p.frame[:0], n)[:n]
	if _, err := io.ReadFull(p.packed, p.frame); err != nil {
		return err
	}
	end := min(p.at+undoPiece, p.head.originalSize)
	if p.dict, err = p.head.dictionary(p.repaired, p.at, end, p.dict); err != nil {
		return err
	}
	options := []zstd.DOption{zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(undoPiece), zstd.WithDecoderMaxWindow(64 << 20)}
	if p.dict != nil {
		options = append(options, zstd.WithDecoderDictRaw(undoDictionary, p.dict))
	}
	z, err := zstd.NewReader(nil, options...)
	if err != nil {
		return err
	}
	defer z.Close()
	if p.opened, err = z.DecodeAll(p.frame, p.opened[:0]); err != nil {
		return err
	}
	if int64(len(p.opened)) != end-p.at {
		return errors.New("piece of another length")
	}
	p.left, p.at = p.opened, end
	return nil
}

func sumIs(h hash.Hash, sum []byte) bool { return bytes.Equal(h.Sum(nil), sum) }

// restore writes the original to out when its hash is right.
func restore(ctx context.Context, r io.Reader, sum []byte, out string) error {
	t, err := os.CreateTemp(filepath.Dir(out), ".annulation-*")
	if err != nil {
		return fmt.Errorf("create temporary file: %w", err)
	}
	defer os.Remove(t.Name())
	defer t.Close()
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(t, h), underContext{ctx, r}); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return Say("Le fichier d’annulation est abîmé\u00a0: l’original ne peut pas en être retrouvé. Rien n’a été écrit.", fmt.Errorf("decompress undo: %w", err))
	}
	if !sumIs(h, sum) {
		return Say("Le fichier d’annulation est abîmé\u00a0: l’original ne peut pas en être retrouvé. Rien n’a été écrit.", errors.New("original has another hash"))
	}
	if err := errors.Join(t.Chmod(0o644), t.Close(), os.Rename(t.Name(), out)); err != nil {
		return fmt.Errorf("write original: %w", err)
	}
	return nil
}
