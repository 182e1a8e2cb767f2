package schemas

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math/bits"
	"os"
)

// keyBudget is how many keys the tables of one Checker keep in memory, together. What is beyond lies in a temporary file, so that a Checker
// has at most about 30 MiB for keys, however long the table is: 24 bytes for each of twice as many places, and the filters.
const keyBudget = 3 << 17

// filterBudget is how many bytes the filters of one Checker take, once its tables have something on disk. At ten million keys one key in
// a hundred is looked for on disk in vain; at a hundred million half of them are, which is slow and still right.
const filterBudget = 16 << 20

// A keyDisk holds keys that a keyTable put out of memory: sorted runs in temporary files that have no name any more, so that nothing is left
// of them whatever happens. Each run is longer than the next one: runs of about the same length are merged.
type keyDisk struct {
	runs   []keyRun
	filter []uint64 // four bits for each key, in one word
	page   [keyPage * keySize]byte
	err    error // the first fault of reading: what the disk knows is not to be relied on any more
}

// A keyRun is a file of keys in the order of their hashes.
type keyRun struct {
	file *os.File
	n    int64
}

const (
	keySize = 24  // bytes of a key in a file
	keyPage = 170 // keys that are read at once: 4 KiB
)

func compareKeys(s, t keySlot) int {
	switch {
	case s.a < t.a || s.a == t.a && s.b < t.b:
		return -1
	case s.a == t.a && s.b == t.b:
		return 0
	}
	return 1
}

func newKeyDisk(filterBytes int) *keyDisk {
	return &keyDisk{filter: make([]uint64, 1<<(bits.Len(uint(filterBytes/8))-1))}
}

// word returns the place of a key in the filter, and its bits.
func (d *keyDisk) word(h keyHash) (word *uint64, mask uint64) {
	at := h.b >> 24 & uint64(len(d.filter)-1)
	return &d.filter[at], 1<<(h.b&63) | 1<<(h.b>>6&63) | 1<<(h.b>>12&63) | 1<<(h.b>>18&63)
}

// add writes keys to disk as a new run. keys are sorted.
func (d *keyDisk) add(keys []keySlot) error {
	run, err := writeRun(func(w *bufio.Writer) (n int64, err error) {
		for _, k := range keys {
			writeKey(w, k)
		}
		return int64(len(keys)), nil
	})
	if err != nil {
		return err
	}
	for _, k := range keys {
		word, mask := d.word(keyHash{k.a, k.b})
		*word |= mask
	}
	d.runs = append(d.runs, run)
	for len(d.runs) > 1 && d.runs[len(d.runs)-2].n < 2*d.runs[len(d.runs)-1].n {
		last := d.runs[len(d.runs)-2:]
		merged, err := mergeRuns(last[0], last[1])
		if err != nil {
			return nil // both are there and sound
		}
		last[0].file.Close()
		last[1].file.Close()
		d.runs = append(d.runs[:len(d.runs)-2], merged)
	}
	return nil
}

// writeRun makes a run of what write writes.
func writeRun(write func(w *bufio.Writer) (n int64, err error)) (keyRun, error) {
	f, err := os.CreateTemp("", "grenier-cles-*")
	if err != nil {
		return keyRun{}, err
	}
	os.Remove(f.Name()) // it lives while it is open
	w := bufio.NewWriterSize(f, 64<<10)
	n, err := write(w)
	if err = errors.Join(err, w.Flush()); err != nil {
		f.Close()
		return keyRun{}, err
	}
	return keyRun{f, n}, nil
}

func writeKey(w *bufio.Writer, k keySlot) {
	b := binary.LittleEndian.AppendUint64(w.AvailableBuffer(), k.a)
	b = binary.LittleEndian.AppendUint64(b, k.b)
	w.Write(binary.LittleEndian.AppendUint64(b, uint64(k.at))) // its errors come back from Flush
}

func keyOf(b []byte) keySlot {
	return keySlot{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]), int64(binary.LittleEndian.Uint64(b[16:]))}
}

func mergeRuns(x, y keyRun) (keyRun, error) {
	return writeRun(func(w *bufio.Writer) (int64, error) {
		from := [2]runReader{newRunReader(x), newRunReader(y)}
		for from[0].more || from[1].more {
			k := &from[0]
			if !k.more || from[1].more && compareKeys(from[1].key, k.key) < 0 {
				k = &from[1]
			}
			writeKey(w, k.key)
			k.next()
		}
		return x.n + y.n, errors.Join(from[0].err, from[1].err)
	})
}

// A runReader reads a run from its first key to its last.
type runReader struct {
	in   *bufio.Reader
	key  keySlot
	more bool
	err  error
}

func newRunReader(r keyRun) runReader {
	s := runReader{in: bufio.NewReaderSize(io.NewSectionReader(r.file, 0, r.n*keySize), 64<<10)}
	s.next()
	return s
}

func (s *runReader) next() {
	b, err := s.in.Peek(keySize)
	if s.more = err == nil; s.more {
		s.key = keyOf(b)
		s.in.Discard(keySize)
	} else if err != io.EOF || len(b) > 0 {
		s.err = errors.Join(err, io.ErrUnexpectedEOF)
	}
}

// find looks for a key on disk.
func (d *keyDisk) find(h keyHash) (at int64, ok bool) {
	if word, mask := d.word(h); *word&mask != mask {
		return 0, false
	}
	for _, r := range d.runs {
		if at, ok := d.findIn(r, h); ok {
			return at, true
		}
	}
	return 0, false
}

// findIn looks for a key in one run. Hashes are spread evenly, so a key's rank is nearly told by its hash, and mostly one or two pages are read;
// each page that is read in vain halves what is left at least, from the third on.
func (d *keyDisk) findIn(r keyRun, h keyHash) (at int64, ok bool) {
	lo, hi := int64(0), r.n // where the key can be
	first, last := uint64(0), ^uint64(0)
	for try := 0; lo < hi; try++ {
		guess := lo + (hi-lo)/2
		if width := last - first; try < 3 && width > 0 {
			high, low := bits.Mul64(h.a-first, uint64(hi-lo))
			quotient, _ := bits.Div64(high, low, width)
			guess = lo + min(int64(quotient), hi-lo-1)
		}
		from := max(lo, guess-keyPage/2)
		n := int(min(keyPage, hi-from))
		page := d.page[:n*keySize]
		if _, err := r.file.ReadAt(page, from*keySize); err != nil {
			d.err = errors.Join(d.err, err)
			return 0, false
		}
		head, tail := keyOf(page), keyOf(page[(n-1)*keySize:])
		wanted := keySlot{a: h.a, b: h.b}
		switch {
		case compareKeys(wanted, head) < 0:
			hi, last = from, head.a
		case compareKeys(wanted, tail) > 0:
			lo, first = from+int64(n), tail.a
		default:
			return findInPage(page, wanted)
		}
	}
	return 0, false
}

func findInPage(page []byte, wanted keySlot) (at int64, ok bool) {
	lo, hi := 0, len(page)/keySize
	for lo < hi {
		mid := (lo + hi) / 2
		switch k := keyOf(page[mid*keySize:]); compareKeys(k, wanted) {
		case 0:
			return k.at, true
		case -1:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return 0, false
}

// close gives the files back.
func (d *keyDisk) close() {
	for _, r := range d.runs {
		r.file.Close()
	}
	d.runs = nil
}
