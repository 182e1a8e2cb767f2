package harvest

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"grenier/schemas"
)

// The limits of one CSV document (SECURITY.md F-05).
const (
	maxCell    = 1 << 20
	maxLine    = 32 << 20
	maxColumns = 4096
)

// A splitter cuts text that is at hand into records and cells: RFC 4180, in any dress.
//
// Quotes are syntax where they enclose a whole cell and data everywhere else, so a stray quote never fails. Inside an enclosed cell, a
// quote that no delimiter follows is data while a closing one stands further on the same line. A cell is not closed when the document
// ends first, when it grows over maxCell, or when, lines below, a quote opens another cell: then its opening quote becomes data, the
// record ends with its line and is at fault, and reading goes on with the next line.
type splitter struct {
	delim, newline   byte
	delims, newlines uint64 // eight times over
	line             [1]byte
	width            int // cells kept of a record; the others are counted

	// What record found beside the cells.
	count    int   // cells in the record; 0 for a blank line
	extent   int   // cells up to the last that is not empty
	lines    int64 // physical lines, without what ends the record
	unclosed int   // the cell whose quote is not closed, -1
	escaped  []int // cells with doubled quotes, still doubled

	ends    uint64 // delimiters and line ends still ahead in the stretch of text that was looked at last, one bit a byte
	scanned int    // end of that stretch, of stretch bytes

	closing, unclosable int // on the line at hand: the next closing quote, or where it is known that none comes before; see straggler
}

const (
	ones    = 0x0101010101010101
	lowBits = 0x7f7f7f7f7f7f7f7f

	stretch = 64 // bytes that are looked at together
)

func newSplitter(delim, newline byte, width int) splitter {
	return splitter{delim: delim, newline: newline, delims: ones * uint64(delim), newlines: ones * uint64(newline), line: [1]byte{newline}, width: width}
}

// fresh tells the splitter that other text is at hand.
func (s *splitter) fresh() { s.closing, s.unclosable, s.ends, s.scanned = 0, 0, 0, 0 }

// record finds the cells of the record at p and returns where the next one starts. last says that the document ends with
// data; otherwise ok is false when the record may go on beyond it. cells has room for s.width spans; those the record does not
// have are empty.
func (s *splitter) record(data []byte, p int, last bool, cells []schemas.Span) (next int, ok bool) {
	s.lines, s.unclosed, s.escaped = 0, -1, s.escaped[:0]
	cells = cells[:s.width]
	start, n, extent := p, 0, 0
	s.seek(p)
	ends := s.ends // those that no cell was cut at yet
	for {
		from, to, end := p, 0, -1
		if p < len(data) && data[p] == '"' {
			if from, to, end, ok = s.enclosed(data, p, n, last); !ok {
				return 0, false
			}
		}
		enclosed := end >= 0
		if enclosed {
			ends = s.ends
		} else {
			for ends == 0 && s.scanned < len(data) {
				s.look(data)
				ends = s.ends
			}
			end = s.scanned - stretch + bits.TrailingZeros64(ends)
			ends &= ends - 1
			if end >= len(data) {
				if end = len(data); !last {
					return 0, false
				}
			}
			to = end
		}
		more := end < len(data) && data[end] == s.delim
		if !more && !enclosed && to > from && data[to-1] == '\r' && s.newline == '\n' {
			to--
		}
		if n < len(cells) {
			cells[n] = schemas.Span{Off: uint32(from), Len: uint32(to - from)}
		}
		n++
		if to > from {
			extent = n
		}
		if more {
			p = end + 1
			continue
		}
		s.count, s.extent = n, extent
		if n == 1 && to == from && data[start] != '"' {
			s.count = 0
		}
		if n < len(cells) {
			clear(cells[n:])
		}
		return min(end+1, len(data)), true
	}
}

// enclosed finds where cell n, which opens with the quote at p, starts and ends, and what ends it; end is -1 when the quote is data. ok is
// false when it takes more text to tell.
func (s *splitter) enclosed(data []byte, p, n int, last bool) (from, to, end int, ok bool) {
	q, fate := s.quoted(data, p, last)
	switch fate {
	case fateCut:
		return 0, 0, 0, false
	case fateUnclosed:
		if s.unclosed < 0 {
			s.unclosed = n
		}
		return p, 0, -1, true
	case fateStray:
		return p, 0, -1, true
	case fateDoubled:
		if n < s.width {
			s.escaped = append(s.escaped, n)
		}
	}
	from, to, end = p+1, q-1, q
	if end < len(data) && data[end] == '\r' && s.newline == '\n' {
		end++
	}
	s.lines += int64(bytes.Count(data[from:to], s.line[:]))
	s.seek(end + 1)
	return from, to, end, true
}

// seek forgets the delimiters and line ends before p.
func (s *splitter) seek(p int) {
	if p >= s.scanned {
		s.ends, s.scanned = 0, p
	} else if behind := p - (s.scanned - stretch); behind > 0 {
		s.ends &= ^uint64(0) << behind
	}
}

// look finds the delimiters and line ends of the next stretch. What lies beyond the end of data counts for nothing.
func (s *splitter) look(data []byte) {
	text := data[s.scanned:]
	if len(text) < stretch {
		var padded [stretch]byte
		copy(padded[:], text)
		text = padded[:]
	}
	text = text[:stretch]
	var ends uint64
	for i := 0; i < stretch; i += 16 {
		ends |= s.among(binary.LittleEndian.Uint64(text[i:]))<<i | s.among(binary.LittleEndian.Uint64(text[i+8:]))<<(i+8)
	}
	s.ends, s.scanned = ends, s.scanned+stretch
}

// among tells which of eight bytes are delimiters or line ends, one bit a byte.
func (s *splitter) among(w uint64) uint64 {
	d, e := w^s.delims, w^s.newlines
	// The high bit of each byte says whether d or e is zero there; the product gathers these bits.
	found := ^((d&lowBits + lowBits | d) & (e&lowBits + lowBits | e)) & highBits
	return found >> 7 * gather >> 56
}

// gather brings the lowest bit of each byte to the highest byte, by multiplication.
const gather = 0x0102040810204080

// The ways in which an opening quote can end.
const (
	fateClosed   = iota
	fateDoubled  // closed, with doubled quotes inside
	fateStray    // data, with the rest of an ordinary cell
	fateUnclosed // the same, and a fault
	fateCut      // it takes more text to tell
)

// quoted looks for the quote that closes the one at p and returns the offset behind it.
func (s *splitter) quoted(data []byte, p int, last bool) (end, fate int) {
	limit := min(len(data), p+maxCell+2)
	fate = fateClosed
	seen, below := p, false // below: a line end was met before seen
	for q := p + 1; ; {
		i := bytes.IndexByte(data[q:limit], '"')
		if i < 0 {
			if limit == len(data) && !last {
				return 0, fateCut
			}
			return 0, fateUnclosed
		}
		q += i + 1
		if q == len(data) {
			if !last {
				return 0, fateCut
			}
			return q, fate
		}
		if data[q] == '"' {
			fate = fateDoubled
			q++
			if q > limit {
				return 0, fateUnclosed
			}
			continue
		}
		switch closes, known := s.closes(data, q, last); {
		case !known:
			return 0, fateCut
		case closes:
			return q, fate
		}
		below = below || bytes.IndexByte(data[seen:q], s.newline) >= 0
		seen = q
		if below {
			if before := data[q-2]; before == s.delim || before == s.newline {
				return 0, fateUnclosed // another cell opens here
			}
			continue
		}
		switch further, known := s.straggler(data, q, last); {
		case !known:
			return 0, fateCut
		case !further:
			return 0, fateStray
		}
	}
}

// closes tells whether a quote closes its cell, from what follows it at q.
func (s *splitter) closes(data []byte, q int, last bool) (closes, known bool) {
	if q == len(data) {
		return true, last
	}
	switch c := data[q]; {
	case c == s.delim || c == s.newline:
		return true, true
	case c == '\r' && s.newline == '\n':
		if q+1 == len(data) {
			return true, last
		}
		return data[q+1] == '\n', true
	}
	return false, true
}

// straggler tells whether a closing quote stands at q or further on the same line. What it finds out in vain is remembered, for a long
// line full of stray quotes not to cost its square.
func (s *splitter) straggler(data []byte, q int, last bool) (further, known bool) {
	switch {
	case q < s.unclosable:
		return false, true
	case q < s.closing:
		return true, true
	}
	limit := min(len(data), q+maxCell)
	end := limit
	if i := bytes.IndexByte(data[q:limit], s.newline); i >= 0 {
		end = q + i
	} else if limit == len(data) && !last {
		return false, false
	}
	for {
		i := bytes.IndexByte(data[q:end], '"')
		if i < 0 {
			s.unclosable = end
			return false, true
		}
		q += i + 1
		if closes, known := s.closes(data, q, last); closes || !known {
			s.closing = q
			return closes, known
		}
		if data[q] == '"' && q < end {
			q++
		}
	}
}

// unescape halves the doubled quotes of one cell where it stands.
func unescape(cell []byte) (length int) {
	n := bytes.IndexByte(cell, '"')
	for i := n; i < len(cell); i++ {
		cell[n] = cell[i]
		n++
		if cell[i] == '"' && i+1 < len(cell) && cell[i+1] == '"' {
			i++
		}
	}
	return n
}
