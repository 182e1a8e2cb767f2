package harvest

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/richardlehane/mscfb"
)

// An xlsBook is what the sheets of a workbook of Excel 97 to 2003 (BIFF8) share.
type xlsBook struct {
	stream  *mscfb.File
	parts   []sheetPart
	codes   map[int]moment // number formats that the workbook defines
	formats []moment       // by style
	texts   sharedTexts
	mac     bool // days count from 1904
}

// The limits of an XLS document.
const (
	maxDirectory = 8 << 20 // bytes that opening the container may read
	maxLoose     = 4 << 20 // cells of a sheet whose rows are not in order, which is held whole
)

// decodeXLS opens an XLS document. The container's reader is not made for hostile files: what it panics on is an unreadable workbook.
func decodeXLS(in Input, opt DecodeOptions) (dec Decoder, err error) {
	defer rescue(&err)
	stream, err := openContainer(in)
	if err != nil {
		return nil, err
	}
	b := &xlsBook{stream: stream, codes: map[int]moment{}}
	if err := b.globals(); err != nil {
		return nil, err
	}
	return decodeBook(b, "xls", in, opt)
}

func rescue(err *error) {
	if r := recover(); r != nil {
		*err = unreadable(fmt.Errorf("panic: %v", r))
	}
}

// A thrifty reader stops after some bytes, so that a false directory is not read for ever.
type thrifty struct {
	io.ReaderAt
	left int64 // negative: as many as wanted
}

// ReadAt implements io.ReaderAt.
func (t *thrifty) ReadAt(p []byte, off int64) (int, error) {
	if t.left >= 0 {
		if t.left -= int64(len(p)); t.left < 0 {
			t.left = 0
			return 0, errors.New("directory too large")
		}
	}
	return t.ReaderAt.ReadAt(p, off)
}

// openContainer finds the workbook in the compound file. Its size is at most that of the file, so chains that bite their tail end.
func openContainer(in Input) (*mscfb.File, error) {
	t := &thrifty{in, maxDirectory}
	doc, err := mscfb.New(t)
	if err != nil {
		return nil, unreadable(err)
	}
	t.left = -1
	names := map[string]*mscfb.File{}
	for _, f := range doc.File {
		if len(f.Path) == 0 && names[f.Name] == nil {
			names[f.Name] = f
		}
	}
	switch f := names["Workbook"]; {
	case names["EncryptedPackage"] != nil:
		return nil, errEncrypted
	case f != nil && f.Size > in.Size:
		return nil, unreadable(fmt.Errorf("workbook of %d bytes in a file of %d", f.Size, in.Size))
	case f != nil:
		return f, nil
	case names["Book"] != nil:
		return nil, errOldExcel
	case names["WordDocument"] != nil, names["PowerPoint Document"] != nil:
		return nil, errOffice
	}
	return nil, unreadable(errors.New("no workbook in the compound file"))
}

var errOldExcel = Say("Le classeur est au format d’Excel 95 ou plus ancien, qui n’est pas lu. Enregistrez-le en XLSX ou en CSV.", errors.New("workbook older than BIFF8"))

// sheets implements book.
func (b *xlsBook) sheets(yield func(sheetPart, error) bool) {
	for _, s := range b.parts {
		if !yield(s, nil) {
			return
		}
	}
}

// globals reads all but the sheets.
func (b *xlsBook) globals() error {
	r, err := b.records(0)
	if err != nil {
		return err
	}
	var styles []int
	var hidden []sheetPart
	for {
		if err := r.next(); err != nil {
			return orUnreadable(err)
		}
		switch r.id {
		case biffFilePass:
			return errEncrypted
		case biffDateMode:
			b.mac = r.u16() == 1
		case biffBoundSheet:
			err = b.bound(r, &hidden)
		case biffFormat:
			err = b.format(r)
		case biffXF:
			r.u16()
			styles = append(styles, r.u16())
		case biffSST:
			err = b.loadTexts(r)
		case biffEOF:
			b.parts = append(b.parts, hidden...)
			b.formats = make([]moment, len(styles))
			for i, id := range styles {
				m, own := b.codes[id]
				if !own {
					m = builtin(id)
				}
				b.formats[i] = m
			}
			return nil
		}
		if err = cmp.Or(err, r.err); err != nil {
			return orUnreadable(err)
		}
	}
}

// bound reads the name and place of a sheet. Charts and macros have none that matters.
func (b *xlsBook) bound(r *biffReader, hidden *[]sheetPart) error {
	at, state, kind := r.u32(), r.u8(), r.u8()
	count, flags := r.u8(), r.u8()
	name, err := r.chars(nil, count, flags&1 != 0)
	part := sheetPart{name: string(name), at: int64(at)}
	switch {
	case kind != 0:
	case state&3 == 0:
		b.parts = append(b.parts, part)
	default:
		*hidden = append(*hidden, part)
	}
	return err
}

// format learns whether a number format that the workbook defines shows moments.
func (b *xlsBook) format(r *biffReader) error {
	id, count, flags := r.u16(), r.u16(), r.u8()
	code, err := r.chars(nil, count, flags&1 != 0)
	b.codes[id] = momentOf(string(code))
	return err
}

// loadTexts reads the texts that cells refer to by number.
func (b *xlsBook) loadTexts(r *biffReader) (err error) {
	r.u32()
	for n := r.u32(); n > 0 && r.err == nil; n-- {
		count, flags, runs, extra := r.u16(), r.u8(), 0, 0
		if flags&8 != 0 {
			runs = r.u16()
		}
		if flags&4 != 0 {
			extra = int(r.u32())
		}
		if b.texts.text, err = r.chars(b.texts.text, count, flags&1 != 0); err != nil {
			return err
		}
		if err := r.skip(4*runs + extra); err != nil {
			return err
		}
		if err := b.texts.end(); err != nil {
			return err
		}
	}
	return r.err
}

// open implements book.
func (b *xlsBook) open(part sheetPart) (_ sheetRows, err error) {
	defer rescue(&err)
	s := &xlsReader{book: b}
	if s.loose, err = b.disordered(part); err != nil {
		return nil, err
	}
	if s.records, err = b.records(part.at); err != nil {
		return nil, err
	}
	if s.loose {
		return s, s.hold()
	}
	return s, nil
}

// disordered tells whether a sheet has a row after a later one, as some programs write them.
func (b *xlsBook) disordered(part sheetPart) (bool, error) {
	r, err := b.records(part.at)
	if err != nil {
		return false, err
	}
	for last := -1; ; {
		ok, err := r.cellRecord()
		if err != nil || !ok {
			return false, err
		}
		row := int(binary.LittleEndian.Uint16(r.data))
		if row < last {
			return true, nil
		}
		last = row
	}
}

// An xlsCell is a cell as the file keeps it.
type xlsCell struct {
	row, column, style uint16
	kind               cellKind
	value              uint64
}

type cellKind uint8

const (
	cellNumber cellKind = iota // value is the number's bits
	cellShared                 // value is the number of the text
	cellText                   // value is where the text is in those of the reader: offset and length
	cellBool
	cellError
)

// An xlsReader goes through the rows of one sheet.
type xlsReader struct {
	sheetRow
	book    *xlsBook
	records *biffReader
	cellsAt []xlsCell // that were read and are not yet part of a row
	texts   []byte    // of these cells
	loose   bool      // cellsAt holds all of the sheet
	ended   bool
	read    int64 // bytes of text that came out
}

// Close implements sheetRows. The container has nothing to close.
func (s *xlsReader) Close() error { return nil }

// hold reads the whole of a sheet whose rows are in no order.
func (s *xlsReader) hold() error {
	for !s.ended {
		if err := s.more(); err != nil {
			return err
		}
		if len(s.cellsAt) > maxLoose || len(s.texts) > maxTextBytes {
			return Say("Les lignes de la feuille ne sont pas rangées et elle est trop grande pour l’être ici. Enregistrez le classeur en XLSX ou en CSV.", errors.New("large sheet out of order"))
		}
	}
	slices.SortStableFunc(s.cellsAt, func(a, b xlsCell) int { return cmp.Compare(a.row, b.row) })
	return nil
}

// next implements sheetRows.
func (s *xlsReader) next() (err error) {
	defer rescue(&err)
	for {
		for !s.ended && (len(s.cellsAt) == 0 || s.cellsAt[0].row == s.cellsAt[len(s.cellsAt)-1].row) {
			if err := s.more(); err != nil {
				return err
			}
		}
		if len(s.cellsAt) == 0 {
			return io.EOF
		}
		if err := s.takeRow(); err != nil || len(s.cells) > 0 {
			return err
		}
	}
}

// takeRow makes a row of the first cells that were read.
func (s *xlsReader) takeRow() error {
	s.reset()
	n := 0
	for n < len(s.cellsAt) && s.cellsAt[n].row == s.cellsAt[0].row {
		s.take(s.cellsAt[n])
		if n++; len(s.text) > maxRowText {
			return errLongRow
		}
	}
	s.row = int(s.cellsAt[0].row) + 1
	if s.read += int64(len(s.text)); s.read > maxExpanded {
		return errBomb
	}
	if s.loose {
		s.cellsAt = s.cellsAt[n:]
		return nil
	}
	s.cellsAt = s.cellsAt[:copy(s.cellsAt, s.cellsAt[n:])]
	from := len(s.texts)
	for _, c := range s.cellsAt {
		if c.kind == cellText {
			from = min(from, int(c.value>>32))
		}
	}
	s.texts = s.texts[:copy(s.texts, s.texts[from:])]
	for i := range s.cellsAt {
		if s.cellsAt[i].kind == cellText {
			s.cellsAt[i].value -= uint64(from) << 32
		}
	}
	return nil
}

// take adds a cell to the row.
func (s *xlsReader) take(c xlsCell) {
	column, at := int(c.column), len(s.text)
	switch c.kind {
	case cellNumber:
		shown := asNumber
		if int(c.style) < len(s.book.formats) {
			shown = s.book.formats[c.style]
		}
		if v := math.Float64frombits(c.value); !math.IsNaN(v) && !math.IsInf(v, 0) {
			s.text = appendNumber(s.text, v, shown, s.book.mac)
		}
	case cellShared:
		text, ok := s.book.texts.at(int(c.value))
		if !ok {
			s.fault(column, noSuchText)
		}
		s.text = append(s.text, text...)
	case cellText:
		s.text = append(s.text, s.texts[c.value>>32:][:uint32(c.value)]...)
	case cellBool:
		s.text = strconv.AppendBool(s.text, c.value != 0)
	case cellError:
		s.text = append(s.text, xlsError(c.value)...)
		s.failed(column, s.text[at:])
	}
	s.keep(column, at)
}

// xlsError names the errors of formulas.
func xlsError(code uint64) string {
	switch code {
	case 0x00:
		return "#NULL!"
	case 0x07:
		return "#DIV/0!"
	case 0x0f:
		return "#VALUE!"
	case 0x17:
		return "#REF!"
	case 0x1d:
		return "#NAME?"
	case 0x24:
		return "#NUM!"
	case 0x2a:
		return "#N/A"
	}
	return "#ERR!"
}

// more reads the cells of the next record that has some.
func (s *xlsReader) more() error {
	r := s.records
	ok, err := r.cellRecord()
	if err != nil {
		return err
	}
	if !ok {
		s.ended = true
		return nil
	}
	c := xlsCell{row: uint16(r.u16()), column: uint16(r.u16())}
	if r.id == biffMulRK {
		for ; len(r.data) >= 8 && r.err == nil; c.column++ {
			c.style, c.value = uint16(r.u16()), rk(r.u32())
			s.add(c)
		}
		return r.err
	}
	c.style = uint16(r.u16())
	switch r.id {
	case biffRK:
		c.value = rk(r.u32())
	case biffNumber:
		c.value = r.u64()
	case biffLabelSST:
		c.kind, c.value = cellShared, uint64(r.u32())
	case biffBoolErr:
		c.value, c.kind = uint64(r.u8()), cellBool
		if r.u8() != 0 {
			c.kind = cellError
		}
	case biffLabel, biffRString:
		return s.addText(c)
	case biffFormula:
		return s.formula(c)
	}
	s.add(c)
	return r.err
}

// add keeps a cell. Excel has 256 columns; more are nonsense, and columns beyond any sheet are refused.
func (s *xlsReader) add(c xlsCell) {
	if c.column < 256 {
		s.cellsAt = append(s.cellsAt, c)
		return
	}
	s.records.fail(fmt.Errorf("cell in column %d", c.column))
}

// addText keeps a cell whose text is next.
func (s *xlsReader) addText(c xlsCell) (err error) {
	r, at := s.records, len(s.texts)
	count, flags := r.u16(), r.u8()
	if s.texts, err = r.chars(s.texts, count, flags&1 != 0); err != nil {
		return err
	}
	c.kind, c.value = cellText, uint64(at)<<32|uint64(len(s.texts)-at)
	s.add(c)
	return r.err
}

// formula keeps the last value of a formula. A text has a record of its own, behind those of a formula that several cells share.
func (s *xlsReader) formula(c xlsCell) error {
	r := s.records
	value := r.u64()
	if r.err != nil {
		return r.err
	}
	if value>>48 != 0xffff {
		c.value = value
		s.add(c)
		return r.err
	}
	c.value = value >> 16 & 0xff
	switch value & 0xff {
	case 0:
		for {
			switch id, err := r.peek(); {
			case err != nil:
				return err
			case id == biffShared || id == biffArray || id == biffTable || id == biffContinue:
				if err := r.next(); err != nil {
					return err
				}
			case id != biffString:
				return nil
			default:
				if err := r.next(); err != nil {
					return err
				}
				return s.addText(c)
			}
		}
	case 1:
		c.kind = cellBool
	case 2:
		c.kind = cellError
	default:
		return nil // an empty text
	}
	s.add(c)
	return r.err
}

// rk returns the bits of the number that an RK value stands for.
func rk(v uint32) uint64 {
	n := math.Float64frombits(uint64(v&^3) << 32)
	if v&2 != 0 {
		n = float64(int32(v) >> 2)
	}
	if v&1 != 0 {
		n /= 100
	}
	return math.Float64bits(n)
}
