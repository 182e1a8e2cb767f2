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

	closing, unclosable int // on the line at hand: the next closing quote, or where it is known that none comes before; see straggler
}

const ones = 0x0101010101010101

func newSplitter(delim, newline byte, width int) splitter {
	return splitter{delim: delim, newline: newline, delims: ones * uint64(delim), newlines: ones * uint64(newline), line: [1]byte{newline}, width: width}
}

// fresh tells the splitter that other text is at hand.
func (s *splitter) fresh() { s.closing, s.unclosable = 0, 0 }

// record finds the cells of the record at p and returns where the next one starts. last says that the document ends with
// data; otherwise ok is false when the record may go on beyond it. cells has room for s.width spans; those the record does not
// have are empty.
func (s *splitter) record(data []byte, p int, last bool, cells []schemas.Span) (next int, ok bool) {
	s.count, s.extent, s.lines, s.unclosed, s.escaped = 0, 0, 0, -1, s.escaped[:0]
	start, n := p, 0
	for {
		from, to, end := p, 0, -1
		if p < len(data) && data[p] == '"' {
			q, fate := s.quoted(data, p, last)
			switch fate {
			case fateCut:
				return 0, false
			case fateClosed, fateDoubled:
				from, to, end = p+1, q-1, q
				if fate == fateDoubled && n < s.width {
					s.escaped = append(s.escaped, n)
				}
				if end < len(data) && data[end] == '\r' && s.newline == '\n' {
					end++
				}
				s.lines += int64(bytes.Count(data[from:to], s.line[:]))
			case fateUnclosed:
				if s.unclosed < 0 {
					s.unclosed = n
				}
			}
		}
		if end < 0 {
			end = s.plain(data, p)
			if end == len(data) && !last {
				return 0, false
			}
			to = end
			if to > from && data[to-1] == '\r' && s.newline == '\n' && (end == len(data) || data[end] == '\n') {
				to--
			}
		}
		if n < s.width {
			cells[n] = schemas.Span{Off: uint32(from), Len: uint32(to - from)}
		}
		n++
		if to > from {
			s.extent = n
		}
		if end < len(data) && data[end] == s.delim {
			p = end + 1
			continue
		}
		s.count = n
		if n == 1 && to == from && data[start] != '"' {
			s.count = 0
		}
		clear(cells[min(n, s.width):])
		return min(end+1, len(data)), true
	}
}

// plain finds the end of an unquoted cell: a delimiter, a line end or the end of data.
func (s *splitter) plain(data []byte, p int) int {
	for ; p+8 <= len(data); p += 8 {
		w := binary.LittleEndian.Uint64(data[p:])
		d, e := w^s.delims, w^s.newlines
		// A zero byte of d or e is a find. The lowest bit set is exact; those above it may not be.
		if m := ((d-ones)&^d | (e-ones)&^e) & highBits; m != 0 {
			return p + bits.TrailingZeros64(m)>>3
		}
	}
	for ; p < len(data) && data[p] != s.delim && data[p] != s.newline; p++ {
	}
	return p
}

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
