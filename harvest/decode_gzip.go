package harvest

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"

	"grenier/schemas"
)

// The limits of whatever is compressed (SECURITY.md F-01), counted while reading.
const (
	maxExpanded = 1 << 30
	maxRatio    = 100 // beyond the first freeExpansion bytes
	freeExpand  = 100 << 10
	maxEntries  = 10_000
)

// errBomb is what reading beyond these limits answers.
var errBomb = Say("Le fichier compressé grossit démesurément une fois ouvert : il est refusé par précaution. Fournissez l’export non compressé, ou découpez-le.",
	errors.New("compressed data expands beyond the limits"))

// expanded tells whether n bytes out of packed are too many.
func expanded(n, packed int64) bool { return n > maxExpanded || n > freeExpand+maxRatio*packed }

// A gunzip is the content of a gzip document. It keeps nothing: reading forwards decompresses, reading backwards starts over. The
// decoders read from first byte to last, two or three times.
type gunzip struct {
	in  Input
	z   *gzip.Reader
	off int64
}

// decodeGzip opens the document that a gzip document holds, after it was read through once, for its length and its soundness.
func decodeGzip(in Input, opt DecodeOptions) (Decoder, error) {
	g := &gunzip{in: in}
	size, err := g.measure()
	if err != nil {
		return nil, err
	}
	name := in.Name
	if strings.HasSuffix(strings.ToLower(name), ".gz") {
		name = name[:len(name)-3]
	}
	head := make([]byte, min(8, size))
	if err := readFull(g, head, 0); err != nil {
		return nil, err
	}
	if s := string(head); strings.HasPrefix(s, "PK\x03\x04") || s == "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" {
		return nil, Say("L’archive gzip contient elle-même une archive ou un classeur. Fournissez le fichier compressé une seule fois.", errors.New("zip in gzip"))
	}
	dec, err := decode(Input{Name: name, Size: size, ReaderAt: g}, opt, false)
	if err != nil {
		return nil, err
	}
	return &unpacked{dec, in.Size}, nil
}

// unpacked tells the length of the document that came, not of what was in it.
type unpacked struct {
	Decoder
	size int64
}

// Info implements Decoder.
func (u *unpacked) Info() schemas.SourceInfo {
	info := u.Decoder.Info()
	info.Bytes = u.size
	return info
}

func (g *gunzip) measure() (size int64, err error) {
	if err := g.restart(); err != nil {
		return 0, err
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := g.z.Read(buf)
		size += int64(n)
		if expanded(size, g.in.Size) {
			return 0, errBomb
		}
		if err == io.EOF {
			g.off = size
			return size, nil
		}
		if err != nil {
			return 0, torn(err)
		}
	}
}

func torn(err error) error {
	return Say("L’archive gzip est incomplète ou abîmée : rien n’en est publié. Vérifiez que le dépôt du fichier est terminé, puis recommencez.", fmt.Errorf("gunzip: %w", err))
}

func (g *gunzip) restart() error {
	z, err := gzip.NewReader(io.NewSectionReader(g.in, 0, g.in.Size))
	if err != nil {
		return torn(err)
	}
	g.z, g.off = z, 0
	return nil
}

// ReadAt implements io.ReaderAt.
func (g *gunzip) ReadAt(p []byte, off int64) (int, error) {
	if off < g.off {
		if err := g.restart(); err != nil {
			return 0, err
		}
	}
	if n, err := io.CopyN(io.Discard, g.z, off-g.off); err != nil {
		g.off += n
		return 0, err
	}
	n, err := io.ReadFull(g.z, p)
	g.off = off + int64(n)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}
