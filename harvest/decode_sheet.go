package harvest

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"grenier/schemas"
)

// A book is a spreadsheet document of any format, as a set of sheets.
type book interface {
	// sheets goes through the sheets, the visible ones before the hidden ones.
	sheets(yield func(sheetPart, error) bool)
	// open starts reading a sheet. One sheet is read at a time.
	open(sheetPart) (sheetRows, error)
}

// A sheetPart is a sheet and where the document holds it: the name of an entry, or a place.
type sheetPart struct {
	name, part string
	at         int64
}

// sheetRows are the rows of one sheet, in their order.
type sheetRows interface {
	// next reads the next row that has a cell with content. io.EOF after the last one.
	next() error
	// current is the row that was read. It stays the same one.
	current() *sheetRow
	Close() error
}

// A sheetRow is one row of a sheet.
type sheetRow struct {
	row   int    // its number, from 1
	text  []byte // of its cells
	cells []schemas.Span
	wrong []schemas.Fault // Cell is the column
}

func (s *sheetRow) current() *sheetRow { return s }

func (s *sheetRow) reset() { s.text, s.cells, s.wrong = s.text[:0], s.cells[:0], s.wrong[:0] }

// keep makes the text from at on the content of a cell.
func (s *sheetRow) keep(column, at int) {
	if len(s.text) == at {
		return
	}
	for len(s.cells) <= column {
		s.cells = append(s.cells, schemas.Span{})
	}
	s.cells[column] = schemas.Span{Off: uint32(at), Len: uint32(len(s.text) - at)}
}

func (s *sheetRow) fault(column int, message string) {
	s.wrong = append(s.wrong, schemas.Fault{Cell: column, Type: "source-error", Message: message})
}

const noSuchText = "La cellule renvoie à un texte que le classeur n’a pas. Enregistrez de nouveau le classeur depuis votre tableur."

// failed notes a cell whose formula gave an error.
func (s *sheetRow) failed(column int, shown []byte) {
	s.fault(column, "La cellule contient l’erreur "+clip(shown)+" du tableur. Corrigez la formule ou videz la cellule.")
}

// The size of a sheet (Excel's own limits).
const (
	maxSheetRows    = 1 << 20
	maxSheetColumns = 1 << 14
)

// sharedTexts are the texts that cells refer to by number, laid end to end.
type sharedTexts struct {
	text []byte
	ends []uint32
}

// What the shared texts of one workbook may take.
const (
	maxTexts     = 10_000_000
	maxTextBytes = 64 << 20
)

// end ends the text that was appended.
func (s *sharedTexts) end() error {
	s.ends = append(s.ends, uint32(len(s.text)))
	if len(s.ends) > maxTexts || len(s.text) > maxTextBytes {
		return Say("Le classeur contient trop de textes différents pour être lu. Exportez-le en CSV, qui n’a pas cette limite.", errors.New("too many shared strings"))
	}
	return nil
}

// at returns text number i.
func (s *sharedTexts) at(i int) ([]byte, bool) {
	if i < 0 || i >= len(s.ends) {
		return nil, false
	}
	from := uint32(0)
	if i > 0 {
		from = s.ends[i-1]
	}
	return s.text[from:s.ends[i]], true
}

// A bookDecoder reads one sheet of a spreadsheet document, row by row. Cells are taken for what they are: a date is a date whatever its
// display, a number has all its digits, a formula is its last value.
type bookDecoder struct {
	sheet  sheetRows
	row    *sheetRow
	labels []string
	info   schemas.SourceInfo
	header int // row of the sheet
	done   int // last row of the sheet that was handed over
	ahead  bool
	err    error
}

// decodeBook chooses the sheet of a book, finds its header and opens it.
func decodeBook(b book, format string, in Input, opt DecodeOptions) (Decoder, error) {
	part, records, err := chooseSheet(b, opt)
	if err != nil {
		return nil, err
	}
	at := headerOf(records, opt)
	if at >= len(records) {
		return nil, noHeader(opt.Header)
	}
	d := &bookDecoder{header: int(records[at].line), labels: labelsOf(records[at].cells)}
	trimBlank(&d.labels)
	if len(d.labels) > maxColumns {
		return nil, Say(fmt.Sprintf("La feuille a %s colonnes ; la limite est de %s. Vérifiez l’export.", frenchInt(int64(len(d.labels))), frenchInt(maxColumns)),
			fmt.Errorf("sheet of %d columns", len(d.labels)))
	}
	d.done = d.header
	d.info = schemas.SourceInfo{Format: format, Bytes: in.Size, Sheet: &part.name, HeaderRow: d.header}
	if d.sheet, err = b.open(part); err != nil {
		return nil, err
	}
	d.row = d.sheet.current()
	return d, nil
}

// chooseSheet finds the sheet to read, and reads its beginning: the one that is asked for, or the first one with content, a visible one
// before a hidden one.
func chooseSheet(b book, opt DecodeOptions) (sheetPart, []sampleRecord, error) {
	var names []string
	for s, err := range iter.Seq2[sheetPart, error](b.sheets) {
		if err != nil {
			return s, nil, err
		}
		if len(names) < 10 {
			names = append(names, s.name)
		}
		if opt.Sheet != "" && s.name != opt.Sheet && !strings.EqualFold(strings.TrimSpace(s.name), strings.TrimSpace(opt.Sheet)) {
			continue
		}
		records, err := beginning(b, s, max(sampled, opt.Header))
		if err != nil {
			return s, nil, err
		}
		if len(records) > 0 {
			return s, records, nil
		}
		if opt.Sheet != "" {
			return s, nil, Say(fmt.Sprintf("La feuille « %s » est vide : il n’y a rien à publier. Vérifiez le classeur.", s.name), errors.New("empty sheet"))
		}
	}
	if opt.Sheet == "" || len(names) == 0 {
		return sheetPart{}, nil, Say("Le classeur est vide : il n’y a rien à publier. Vérifiez l’export du logiciel.", errors.New("empty workbook"))
	}
	return sheetPart{}, nil, Say(fmt.Sprintf("Le classeur n’a pas de feuille « %s ». Ses feuilles sont : %s. Corrigez le réglage « sheet » ou le classeur.", opt.Sheet, strings.Join(names, ", ")),
		fmt.Errorf("no sheet %q", opt.Sheet))
}

// beginning reads the first rows of a sheet.
func beginning(b book, part sheetPart, most int) (records []sampleRecord, err error) {
	s, err := b.open(part)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	row := s.current()
	for len(records) < most {
		err := s.next()
		if err == io.EOF {
			return records, nil
		}
		if err != nil {
			return nil, err
		}
		r := sampleRecord{count: len(row.cells), line: int64(row.row), lines: 1}
		for _, c := range row.cells {
			r.cells = append(r.cells, string(row.text[c.Off:][:c.Len]))
		}
		records = append(records, r)
	}
	return records, nil
}

// Labels implements Decoder.
func (d *bookDecoder) Labels() []string { return d.labels }

// Info implements Decoder.
func (d *bookDecoder) Info() schemas.SourceInfo { return d.info }

// Close releases the archive's entry.
func (d *bookDecoder) Close() error { return d.sheet.Close() }

// Next implements Decoder. Row counts from the header; Line is the row's number in the sheet. Rows without content are blank records,
// but for those after the last one with content.
func (d *bookDecoder) Next(b *schemas.Block) error {
	b.Reset(len(d.labels))
	for d.err == nil && !b.Full() {
		if !d.ahead {
			if d.err = d.sheet.next(); d.err != nil {
				break
			}
			d.ahead = d.row.row > d.header
			continue
		}
		d.done++
		if d.done < d.row.row {
			d.add(b, nil)
			continue
		}
		d.add(b, d.row.cells)
		d.ahead = false
	}
	if d.err == io.EOF && b.Rows > 0 {
		return nil
	}
	if d.err != nil {
		b.Reset(len(d.labels))
	}
	return d.err
}

// add adds a record of the given cells of the sheet's row.
func (d *bookDecoder) add(b *schemas.Block, cells []schemas.Span) {
	n, base := len(b.Cells), uint32(len(b.Data))
	b.Cells = moreSpans(b.Cells, b.Width)
	row := b.Cells[n:]
	clear(row)
	if cells != nil {
		b.Data = append(b.Data, d.row.text...)
		for i, c := range cells[:min(len(cells), b.Width)] {
			row[i] = schemas.Span{Off: base + c.Off, Len: c.Len}
		}
		for _, f := range d.row.wrong {
			f.Record = b.Rows
			if f.Cell >= b.Width {
				f.Cell = -1
			}
			b.Faults = append(b.Faults, f)
		}
	}
	b.Count = append(b.Count, uint32(max(len(cells), b.Width)))
	b.Row, b.Line = append(b.Row, int64(d.done-d.header+1)), append(b.Line, int64(d.done))
	b.Rows++
}

var _ Decoder = (*bookDecoder)(nil)
