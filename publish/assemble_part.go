package publish

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"grenier/schemas"
)

const (
	assembleRead  = 128 << 10 // of a part's CSV, read at once
	assembleReady = 256 << 10 // handed over at once, about
	assembleRows  = 64 << 10  // whose origins are held at once, where the origins file does not say
	longestRecord = 256 << 20
)

// An assembly gives the records of one part, with their provenance.
type assembly struct {
	list  *list
	part  *listPart
	csv   Blob
	table *partFile // that says the years when there is no origins file
	from  *origin
	given int64 // records in out
	rank  int64 // of the next record

	in       []byte
	at, end  int    // of what is not taken yet, in in
	quotes   bool   // there is a quote in it
	finished bool   // nothing comes behind it
	skips    []byte // not met yet
	skip     int64  // the next record left out, -1 for none

	// What is known of the records first to last.
	first, last int64
	lines       []int64 // noNumber: not known
	years       []int64
	ranks       []int64  // scratch
	documents   []int64  // into before
	before      [][]byte // what stands between a record and its line
	behind      []byte   // what stands behind its line

	mapper *cellMapper // nil when records are copied
	out    []byte
	split  map[int64]*yearSlice // nil, or the records of out once more, by year
}

// A yearSlice holds records of one year.
type yearSlice struct {
	out   []byte
	given int64
}

// openAssembly begins to assemble a part; old, which is closed, gives it its memory, and may be nil.
func openAssembly(ctx context.Context, blobs BlobStore, l *list, p *listPart, old *assembly) (*assembly, error) {
	a := &assembly{list: l, part: p, skips: p.Skip, behind: l.behind(p)}
	if old != nil {
		a.in, a.out, a.lines, a.ranks, a.years, a.documents, a.split = old.in, old.out, old.lines, old.ranks, old.years, old.documents, old.split
	}
	if err := a.open(ctx, blobs); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

func (a *assembly) open(ctx context.Context, blobs BlobStore) (err error) {
	if a.csv, err = blobs.Open(ctx, a.part.CSV); err != nil {
		return openMissing("CSV file", a.part.CSV, err)
	}
	if _, err := a.csv.Seek(a.part.Head, io.SeekStart); err != nil {
		return err
	}
	var table *Table
	if a.part.Table != "" {
		if a.table, err = openPartFile(ctx, blobs, "Parquet file", a.part.Table); err != nil {
			return err
		}
		table = a.table.table
	}
	year := ""
	if a.list.Year != 0 || a.split != nil {
		year = cmp.Or(a.part.Column, "year")
	}
	if a.from, err = openOrigin(ctx, blobs, a.part.Origins, a.part.Source, table, year); err != nil {
		return err
	}
	if a.part.Cells != nil {
		if a.mapper, err = newCellMapper(a.list, a.part); err != nil {
			return err
		}
	}
	return a.nextSkip()
}

func (a *assembly) close() {
	if a == nil {
		return
	}
	if a.csv != nil {
		_ = a.csv.Close()
	}
	a.from.close()
	a.table.close()
}

// behind is what every record of a part ends with.
func (l *list) behind(p *listPart) []byte {
	d := newCSVDialect(l.Delimiter[0])
	b := strconv.AppendInt([]byte{d.delimiter}, int64(p.Version), 10)
	return append(append(append(b, d.delimiter), p.Harvested...), '\n')
}

// next gives whole records, about assembleReady bytes of them, valid until the next call; io.EOF after the last.
func (a *assembly) next(ctx context.Context) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	a.out, a.given = a.out[:0], 0
	for _, s := range a.split {
		s.out, s.given = s.out[:0], 0
	}
	for len(a.out) < assembleReady {
		record, err := a.record()
		if errors.Is(err, io.EOF) && len(a.out) > 0 {
			return a.out, nil
		}
		if err != nil {
			return nil, err
		}
		if err := a.add(record); err != nil {
			return nil, err
		}
	}
	return a.out, nil
}

// add adds a record to out, unless it is left out.
func (a *assembly) add(record []byte) error {
	rank := a.rank
	a.rank++
	if rank >= a.last {
		if err := a.load(rank); err != nil {
			return err
		}
	}
	if rank == a.skip {
		return a.nextSkip()
	}
	i, start := rank-a.first, len(a.out)
	if a.list.Year != 0 && a.years[i] != int64(a.list.Year) {
		return nil
	}
	if a.mapper != nil {
		var err error
		if a.out, err = a.mapper.append(a.out, record); err != nil {
			return err
		}
	} else {
		a.out = append(a.out, record[:len(record)-1]...)
	}
	a.out = append(a.out, a.before[a.documents[i]]...)
	if line := a.lines[i]; line != noNumber {
		a.out = strconv.AppendInt(a.out, line, 10)
	}
	a.out = append(a.out, a.behind...)
	a.given++
	if a.split != nil {
		a.splitOff(a.years[i], a.out[start:])
	}
	return nil
}

// splitOff adds a record to those of its year.
func (a *assembly) splitOff(year int64, record []byte) {
	s := a.split[year]
	if s == nil {
		s = new(yearSlice)
		a.split[year] = s
	}
	s.out = append(s.out, record...)
	s.given++
}

func (a *assembly) nextSkip() error {
	if len(a.skips) == 0 {
		a.skip = -1
		return nil
	}
	delta, n := binary.Uvarint(a.skips)
	if n <= 0 {
		return errOtherBytes
	}
	a.skip, a.skips = a.skip+int64(delta), a.skips[n:]
	return nil
}

// record takes the next record, with the line feed that ends it.
func (a *assembly) record() ([]byte, error) {
	looked, open := a.at, false // open: inside of quotes
	for {
		i := bytes.IndexByte(a.in[looked:a.end], '\n')
		if i < 0 {
			if a.quotes && bytes.Count(a.in[looked:a.end], quoteMark)%2 != 0 {
				open = !open
			}
			seen := a.end - a.at
			if err := a.fill(); err != nil {
				return nil, err
			}
			looked = a.at + seen
			continue
		}
		stop := looked + i + 1
		if a.quotes && bytes.Count(a.in[looked:stop], quoteMark)%2 != 0 {
			open = !open
		}
		looked = stop
		if !open {
			record := a.in[a.at:stop]
			a.at = stop
			return record, nil
		}
	}
}

var quoteMark = []byte{'"'}

// fill reads more of the CSV behind what is not taken yet; io.EOF when all was.
func (a *assembly) fill() error {
	if a.finished {
		if a.at < a.end || a.rank != a.part.Rows {
			return errOtherBytes
		}
		return io.EOF
	}
	a.end = copy(a.in, a.in[a.at:a.end])
	a.at = 0
	if a.end == len(a.in) {
		if a.end >= longestRecord {
			return errOtherBytes
		}
		a.in = slices.Grow(a.in, max(assembleRead, len(a.in)))
		a.in = a.in[:cap(a.in)]
	}
	n, err := io.ReadAtLeast(a.csv, a.in[a.end:], 1)
	a.end += n
	a.quotes = bytes.IndexByte(a.in[:a.end], '"') >= 0
	if errors.Is(err, io.EOF) {
		a.finished = true
		err = nil
	}
	return err
}

// load learns where record rank and those behind it came from.
func (a *assembly) load(rank int64) error {
	if rank >= a.part.Rows {
		return errOtherBytes
	}
	a.first, a.last = rank, min(rank+assembleRows, a.part.Rows)
	if a.from.file != nil {
		t := a.from.file.table
		if t.rows != a.part.Rows {
			return errOrigins
		}
		g := &t.groups[t.groupOf(rank)]
		if g.first != rank {
			return errOrigins
		}
		a.last = g.first + g.rows
	}
	return a.learn()
}

// learn reads the origins of the rows first to last, which are the same whether they are counted in the Parquet file or in the CSV.
func (a *assembly) learn() (err error) {
	if a.ranks, err = a.from.ranks(a.ranks[:0], a.first, a.last); err != nil {
		return err
	}
	for i, rank := range a.ranks {
		if rank < a.first || rank >= a.last {
			return errOrigins
		}
		a.ranks[i] = rank - a.first
	}
	if a.lines, err = inRank(a.lines, a.ranks, func(dst []int64) ([]int64, error) { return a.from.lines(dst, a.first, a.last) }); err != nil {
		return err
	}
	a.before = a.before[:0]
	number := func(document []byte) int64 {
		a.before = append(a.before, a.list.before(a.part, document))
		return int64(len(a.before) - 1)
	}
	if a.documents, err = inRank(a.documents, a.ranks, func(dst []int64) ([]int64, error) { return a.from.documents(dst, a.first, a.last, number) }); err != nil {
		return err
	}
	if a.list.Year != 0 || a.split != nil {
		a.years, err = inRank(a.years, a.ranks, func(dst []int64) ([]int64, error) { return a.from.yearsOf(dst, a.first, a.last) })
	}
	return err
}

// unset stands in no column of an origins file.
const unset = noNumber + 1

// inRank reads what is said of some rows and puts it in the order of their ranks, of which each must come once.
func inRank(dst, ranks []int64, read func(dst []int64) ([]int64, error)) ([]int64, error) {
	n := len(ranks)
	dst = slices.Grow(dst[:0], 2*n)
	values, err := read(dst[n : n : 2*n])
	if err != nil || len(values) != n {
		return dst, cmp.Or(err, errOrigins)
	}
	dst = dst[:n]
	for i := range dst {
		dst[i] = unset
	}
	for i, rank := range ranks {
		if dst[rank] != unset {
			return dst, errOrigins
		}
		dst[rank] = values[i]
	}
	return dst, nil
}

// before is what stands between a record and its line: the member, and the document.
func (l *list) before(p *listPart, document []byte) []byte {
	d := newCSVDialect(l.Delimiter[0])
	var b []byte
	for _, cell := range [][]byte{[]byte(p.SIREN), []byte(p.Member), document} {
		b = d.appendCell(append(b, d.delimiter), cell)
	}
	return append(b, d.delimiter)
}

// A cellMapper makes records of the series out of records that have other columns, or another delimiter.
type cellMapper struct {
	from, to csvDialect
	cells    []listCell
	casts    []schemas.Physical
	spans    []schemas.Span // of the record being read
	text     []byte
}

func newCellMapper(l *list, p *listPart) (*cellMapper, error) {
	m := &cellMapper{from: newCSVDialect(l.Delimiter[0]), to: newCSVDialect(l.Delimiter[0]), cells: p.Cells}
	if p.Delimiter != "" {
		m.from = newCSVDialect(p.Delimiter[0])
	}
	for i := range p.Cells {
		cast := schemas.Text
		if name := p.Cells[i].Cast; name != "" {
			found := false
			for physical, n := range castTypes {
				if n == name {
					cast, found = physical, true
				}
			}
			if !found {
				return nil, fmt.Errorf("list names type %q", name)
			}
		}
		m.casts = append(m.casts, cast)
	}
	return m, nil
}

// append appends a record without its end.
func (m *cellMapper) append(dst, record []byte) ([]byte, error) {
	m.split(record[:len(record)-1])
	for i := range m.cells {
		c := &m.cells[i]
		if i > 0 {
			dst = append(dst, m.to.delimiter)
		}
		if c.From >= len(m.spans) {
			return dst, errOtherBytes
		}
		text := []byte(c.Null)
		if c.From >= 0 {
			s := m.spans[c.From]
			text = m.text[s.Off : s.Off+s.Len]
			if c.Cast != "" {
				text = m.cast(i, text)
			}
		}
		dst = m.to.appendCell(dst, text)
	}
	return dst, nil
}

// cast is the text of a cell in another type.
func (m *cellMapper) cast(i int, text []byte) []byte {
	if len(text) == 0 {
		return []byte(m.cells[i].Null)
	}
	if m.casts[i] == schemas.Text {
		return text
	}
	num, ok := castCell(m.casts[i], text)
	if !ok {
		return []byte(m.cells[i].Null)
	}
	return appendCell(nil, m.casts[i], num, nil)
}

// split reads the cells of a record of a canonical CSV.
func (m *cellMapper) split(record []byte) {
	m.spans, m.text = m.spans[:0], m.text[:0]
	for i := 0; ; i++ {
		start := len(m.text)
		if i < len(record) && record[i] == '"' {
			for i++; i < len(record); i++ {
				if record[i] == '"' {
					if i++; i >= len(record) || record[i] != '"' {
						break
					}
				}
				m.text = append(m.text, record[i])
			}
		} else {
			for ; i < len(record) && record[i] != m.from.delimiter; i++ {
				m.text = append(m.text, record[i])
			}
		}
		m.spans = append(m.spans, schemas.Span{Off: uint32(start), Len: uint32(len(m.text) - start)})
		if i >= len(record) {
			return
		}
	}
}
