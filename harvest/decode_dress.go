package harvest

import (
	"bytes"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"grenier/schemas"
)

const (
	sampled    = 100 // records that the delimiter is judged on
	headerScan = 10  // records among which the header is looked for
)

// A sampleRecord is one record of the beginning of a table.
type sampleRecord struct {
	cells []string
	count int   // cells in the record
	line  int64 // where it starts
	lines int64 // physical lines it takes
	end   int   // offset behind it
}

// A dressing is one way to read the beginning of a text as a table.
type dressing struct {
	delim, newline byte
	records        []sampleRecord
	header         int // index in records
}

// dress finds the line end, the delimiter and the header of a text that begins with head. all says that head is the whole text.
func dress(head []byte, all bool, opt DecodeOptions, delim byte, tabs bool) dressing {
	newline := lineEnd(head)
	candidates := []byte{',', ';', '\t', '|'}
	switch {
	case delim != 0:
		candidates = []byte{delim}
	case tabs:
		candidates = []byte{'\t', ',', ';', '|'}
	}
	var best dressing
	var most dressScore
	for i, c := range candidates {
		d := dressing{delim: c, newline: newline, records: samples(head, all, newSplitter(c, newline, maxColumns), max(sampled, opt.Header))}
		d.header = headerOf(d.records, opt)
		if s := d.score(opt.Want); i == 0 || most.less(s) {
			best, most = d, s
		}
	}
	return best
}

// lineEnd is '\n', or '\r' for a text of the old Macintosh: one whose lines, outside quotes, never end otherwise.
func lineEnd(head []byte) byte {
	if bytes.IndexByte(head, '\r') < 0 {
		return '\n'
	}
	quoted, returns := false, false
	for i, c := range head {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '\n':
			return '\n'
		case c == '\r' && i+1 < len(head):
			returns = true
		}
	}
	if returns {
		return '\r'
	}
	return '\n'
}

// samples cuts the first records off head.
func samples(head []byte, all bool, s splitter, most int) (records []sampleRecord) {
	row := make([]schemas.Span, maxColumns)
	line := int64(1)
	for p := 0; p < len(head) && len(records) < most; {
		next, ok := s.record(head, p, all, row)
		if !ok {
			break
		}
		r := sampleRecord{count: s.count, line: line, lines: s.lines + 1, end: next}
		for i, c := range row[:min(s.count, maxColumns)] {
			cell := slices.Clone(head[c.Off:][:c.Len])
			if slices.Contains(s.escaped, i) {
				cell = cell[:unescape(cell)]
			}
			r.cells = append(r.cells, string(cell))
		}
		records = append(records, r)
		line += r.lines
		p = next
	}
	return records
}

// headerOf finds the header: the line that the recipe names; else the first line when it holds a label that is wanted; else the line
// that holds most of them, among the first ten; else the first line that is no title above a wider table.
func headerOf(records []sampleRecord, opt DecodeOptions) int {
	if opt.Header > 0 {
		for i, r := range records {
			if r.line+r.lines > int64(opt.Header) {
				return i
			}
		}
		return len(records)
	}
	best, most := -1, 0
	for i, r := range records[:min(headerScan, len(records))] {
		if n := wanted(r.cells, opt.Want); n > most {
			if best = i; i == 0 {
				return 0
			}
			most = n
		}
	}
	if best >= 0 {
		return best
	}
	usual := usualWidth(records)
	for i, r := range records[:min(headerScan, len(records))] {
		if n := filled(r.cells); n > 1 && n*2 > usual || n == 1 && usual <= 1 {
			return i
		}
	}
	for i, r := range records {
		if filled(r.cells) > 0 {
			return i
		}
	}
	return len(records)
}

// wanted counts the labels that are wanted.
func wanted(cells, want []string) (n int) {
	if len(want) == 0 {
		return 0
	}
	for _, c := range cells {
		if slices.Contains(want, norm.NFC.String(strings.ReplaceAll(c, "\ufeff", ""))) {
			n++
		}
	}
	return n
}

// filled counts the cells that are not blank.
func filled(cells []string) (n int) {
	for _, c := range cells {
		if strings.TrimSpace(c) != "" {
			n++
		}
	}
	return n
}

// usualWidth is the most frequent number of cells, up to the last that is not blank.
func usualWidth(records []sampleRecord) (width int) {
	seen := map[int]int{}
	for _, r := range records {
		n := len(r.cells)
		for n > 0 && strings.TrimSpace(r.cells[n-1]) == "" {
			n--
		}
		seen[n]++
		if n > 0 && (seen[n] > seen[width] || width == 0 || seen[n] == seen[width] && n > width) {
			width = n
		}
	}
	return width
}

// A dressScore says how well a delimiter suits.
type dressScore struct {
	wanted int
	even   int // twentieths of the records that have as many cells as the header; a title does not
	width  int
}

func (s dressScore) less(t dressScore) bool {
	if s.wanted != t.wanted {
		return s.wanted < t.wanted
	}
	if s.even != t.even {
		return s.even < t.even
	}
	return s.width < t.width
}

func (d *dressing) score(want []string) (s dressScore) {
	if d.header >= len(d.records) {
		return s
	}
	header := d.records[d.header]
	s.wanted = wanted(header.cells, want)
	if header.count < 2 {
		return s
	}
	even, all := 0, 0
	for i, r := range d.records {
		if r.count > 0 {
			all++
			even += b2i(i >= d.header && r.count == header.count)
		}
	}
	s.even, s.width = even*20/all, header.count
	return s
}
