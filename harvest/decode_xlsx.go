package harvest

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"grenier/schemas"
)

// An xlsxDecoder reads one sheet of an XLSX document, row by row. Cells are taken for what they are: a date is a date whatever its
// display, a number has all its digits, a formula is its last value. excelize's Rows tells neither the type nor the style of a cell and
// holds the archive whole, so the sheets are read here; the tests hold this reader to excelize's answers.
type xlsxDecoder struct {
	sheet  *sheetReader
	labels []string
	info   schemas.SourceInfo
	header int // row of the sheet
	done   int // last row of the sheet that was handed over
	ahead  bool
	err    error
}

// decodeXLSX opens a workbook.
func decodeXLSX(in Input, opt DecodeOptions) (Decoder, error) {
	a, err := openArchive(in)
	if err != nil {
		return nil, err
	}
	book, err := openWorkbook(a)
	if err != nil {
		return nil, err
	}
	part, records, err := book.choose(opt)
	if err != nil {
		return nil, err
	}
	at := headerOf(records, opt)
	if at >= len(records) {
		return nil, noHeader(opt.Header)
	}
	d := &xlsxDecoder{header: int(records[at].line), labels: labelsOf(records[at].cells)}
	trimBlank(&d.labels)
	if len(d.labels) > maxColumns {
		return nil, Say(fmt.Sprintf("La feuille a %s colonnes ; la limite est de %s. Vérifiez l’export.", frenchInt(int64(len(d.labels))), frenchInt(maxColumns)),
			fmt.Errorf("sheet of %d columns", len(d.labels)))
	}
	d.done = d.header
	d.info = schemas.SourceInfo{Format: "xlsx", Bytes: in.Size, Sheet: &part.name, HeaderRow: d.header}
	if d.sheet, err = book.openSheet(part); err != nil {
		return nil, err
	}
	return d, nil
}

// choose finds the sheet to read, and reads its beginning: the one that is asked for, or the first one with content, a visible one
// before a hidden one.
func (w *workbook) choose(opt DecodeOptions) (sheetPart, []sampleRecord, error) {
	for _, s := range w.sheets {
		if opt.Sheet != "" && s.name != opt.Sheet && !strings.EqualFold(strings.TrimSpace(s.name), strings.TrimSpace(opt.Sheet)) {
			continue
		}
		records, err := w.beginning(s, max(sampled, opt.Header))
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
	if opt.Sheet == "" || len(w.sheets) == 0 {
		return sheetPart{}, nil, Say("Le classeur est vide : il n’y a rien à publier. Vérifiez l’export du logiciel.", errors.New("empty workbook"))
	}
	var names []string
	for _, s := range w.sheets[:min(len(w.sheets), 10)] {
		names = append(names, s.name)
	}
	return sheetPart{}, nil, Say(fmt.Sprintf("Le classeur n’a pas de feuille « %s ». Ses feuilles sont : %s. Corrigez le réglage « sheet » ou le classeur.", opt.Sheet, strings.Join(names, ", ")),
		fmt.Errorf("no sheet %q", opt.Sheet))
}

// beginning reads the first rows of a sheet.
func (w *workbook) beginning(part sheetPart, most int) (records []sampleRecord, err error) {
	s, err := w.openSheet(part)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	for len(records) < most {
		err := s.next()
		if err == io.EOF {
			return records, nil
		}
		if err != nil {
			return nil, err
		}
		r := sampleRecord{count: len(s.cells), line: int64(s.row), lines: 1}
		for _, c := range s.cells {
			r.cells = append(r.cells, string(s.text[c.Off:][:c.Len]))
		}
		records = append(records, r)
	}
	return records, nil
}

// Labels implements Decoder.
func (d *xlsxDecoder) Labels() []string { return d.labels }

// Info implements Decoder.
func (d *xlsxDecoder) Info() schemas.SourceInfo { return d.info }

// Close releases the archive's entry.
func (d *xlsxDecoder) Close() error { return d.sheet.Close() }

// Next implements Decoder. Row counts from the header; Line is the row's number in the sheet. Rows without content are blank records,
// but for those after the last one with content.
func (d *xlsxDecoder) Next(b *schemas.Block) error {
	b.Reset(len(d.labels))
	for d.err == nil && !b.Full() {
		if !d.ahead {
			if d.err = d.sheet.next(); d.err != nil {
				break
			}
			d.ahead = d.sheet.row > d.header
			continue
		}
		d.done++
		if d.done < d.sheet.row {
			d.add(b, nil)
			continue
		}
		d.add(b, d.sheet.cells)
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
func (d *xlsxDecoder) add(b *schemas.Block, cells []schemas.Span) {
	n, base := len(b.Cells), uint32(len(b.Data))
	b.Cells = moreSpans(b.Cells, b.Width)
	row := b.Cells[n:]
	clear(row)
	if cells != nil {
		b.Data = append(b.Data, d.sheet.text...)
		for i, c := range cells[:min(len(cells), b.Width)] {
			row[i] = schemas.Span{Off: base + c.Off, Len: c.Len}
		}
		for _, f := range d.sheet.wrong {
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

var _ Decoder = (*xlsxDecoder)(nil)
