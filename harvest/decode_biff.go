package harvest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// The records of a workbook ([MS-XLS] 2.3) that matter here.
const (
	biffFormula    = 0x0006
	biffEOF        = 0x000a
	biffDateMode   = 0x0022
	biffFilePass   = 0x002f
	biffContinue   = 0x003c
	biffBoundSheet = 0x0085
	biffMulRK      = 0x00bd
	biffRString    = 0x00d6
	biffXF         = 0x00e0
	biffSST        = 0x00fc
	biffLabelSST   = 0x00fd
	biffNumber     = 0x0203
	biffLabel      = 0x0204
	biffBoolErr    = 0x0205
	biffString     = 0x0207
	biffArray      = 0x0221
	biffTable      = 0x0236
	biffRK         = 0x027e
	biffFormat     = 0x041e
	biffShared     = 0x04bc
	biffBOF        = 0x0809
)

// A biffReader reads the records of one part of the workbook: what all sheets share, or one sheet.
type biffReader struct {
	in   *bufio.Reader
	id   int
	data []byte // what is left of the record
	held []byte
	err  error // of the values read so far
}

// records starts at the beginning of a part.
func (b *xlsBook) records(at int64) (*biffReader, error) {
	if at < 0 || at >= b.stream.Size {
		return nil, unreadable(fmt.Errorf("part at byte %d", at))
	}
	if _, err := b.stream.Seek(at, io.SeekStart); err != nil {
		return nil, unreadable(err)
	}
	r := &biffReader{in: bufio.NewReaderSize(b.stream, 64<<10)}
	if err := r.next(); err != nil {
		return nil, err
	}
	if r.id&0xff != 0x09 {
		return nil, unreadable(fmt.Errorf("record %#x at the start of a part", r.id))
	}
	if version := r.u16(); r.id != biffBOF || version != 0x0600 {
		return nil, errOldExcel
	}
	return r, nil
}

// next reads the next record.
func (r *biffReader) next() error {
	var head [4]byte
	if _, err := io.ReadFull(r.in, head[:]); err != nil {
		return r.cut(err)
	}
	r.id = int(binary.LittleEndian.Uint16(head[:]))
	n := int(binary.LittleEndian.Uint16(head[2:]))
	if cap(r.held) < n {
		r.held = make([]byte, max(n, 8224))
	}
	r.data = r.held[:n]
	if _, err := io.ReadFull(r.in, r.data); err != nil {
		return r.cut(err)
	}
	return nil
}

// cut is the error of a workbook that ends too early.
func (r *biffReader) cut(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return unreadable(err)
}

// peek tells which record is next.
func (r *biffReader) peek() (int, error) {
	head, err := r.in.Peek(2)
	if err != nil {
		return 0, r.cut(err)
	}
	return int(binary.LittleEndian.Uint16(head)), nil
}

// cellRecord goes to the next record that has cells, and stays out of the charts within the sheet. ok is false after the last one.
func (r *biffReader) cellRecord() (ok bool, err error) {
	for inside := 0; ; {
		if err := r.next(); err != nil {
			return false, err
		}
		switch r.id {
		case biffBOF:
			inside++
		case biffEOF:
			if inside--; inside < 0 {
				return false, nil
			}
		case biffFilePass:
			return false, errEncrypted
		case biffRK, biffMulRK, biffNumber, biffLabelSST, biffLabel, biffRString, biffBoolErr, biffFormula:
			if inside > 0 {
				continue
			}
			if len(r.data) < 6 {
				return false, unreadable(fmt.Errorf("record %#x of %d bytes", r.id, len(r.data)))
			}
			return true, nil
		}
	}
}

// fail keeps the first error.
func (r *biffReader) fail(err error) {
	if r.err == nil {
		r.err = unreadable(err)
	}
}

// number reads an integer of n bytes, which may go on in the records that continue this one.
func (r *biffReader) number(n int) (v uint64) {
	for i := range n {
		for len(r.data) == 0 && r.err == nil {
			if err := r.more(); err != nil {
				r.fail(err)
			}
		}
		if r.err != nil {
			return 0
		}
		v |= uint64(r.data[0]) << (8 * i)
		r.data = r.data[1:]
	}
	return v
}

func (r *biffReader) u8() int     { return int(r.number(1)) }
func (r *biffReader) u16() int    { return int(r.number(2)) }
func (r *biffReader) u32() uint32 { return uint32(r.number(4)) }
func (r *biffReader) u64() uint64 { return r.number(8) }

// more goes on with the record that continues this one.
func (r *biffReader) more() error {
	id, err := r.peek()
	if err != nil {
		return err
	}
	if id != biffContinue {
		return unreadable(errors.New("record ends inside a value"))
	}
	return r.next()
}

// skip leaves n bytes out.
func (r *biffReader) skip(n int) error {
	for n > 0 && r.err == nil {
		if len(r.data) == 0 {
			if err := r.more(); err != nil {
				return err
			}
		}
		k := min(n, len(r.data))
		r.data, n = r.data[k:], n-k
	}
	return r.err
}

// chars appends a text of n characters of two bytes, or of one when not wide. Where it goes on in another record, that one says anew
// which.
func (r *biffReader) chars(dst []byte, n int, wide bool) ([]byte, error) {
	high := rune(0) // first half of a character of four bytes
	for n > 0 && r.err == nil {
		if len(r.data) == 0 {
			if err := r.more(); err != nil {
				return dst, err
			}
			wide = r.u8()&1 != 0
			continue
		}
		c := rune(r.data[0])
		if wide {
			if len(r.data) < 2 {
				return dst, unreadable(errors.New("half a character"))
			}
			c |= rune(r.data[1]) << 8
			r.data = r.data[1:]
		}
		r.data = r.data[1:]
		n--
		if full := utf16.DecodeRune(high, c); high != 0 && full != utf8.RuneError {
			dst, high = utf8.AppendRune(dst[:len(dst)-3], full), 0
			continue
		}
		dst, high = utf8.AppendRune(dst, c), 0 // half a character alone is U+FFFD, of three bytes
		if utf16.IsSurrogate(c) {
			high = c
		}
	}
	return dst, r.err
}
