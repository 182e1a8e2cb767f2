package harvest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"grenier/schemas"
)

// A csvDecoder reads delimited text of any dress, block by block; the blocks' cells are pieces of the text as it was read.
type csvDecoder struct {
	src    *plainText
	split  splitter
	labels []string
	info   schemas.SourceInfo

	carry []byte // text read but not yet handed over: it starts with a record
	row   int64  // of the next record
	line  int64
	blank int   // columns without label nor content, at the right of every record
	err   error // what the next call answers
}

// decodeCSV opens delimited text. tabs says that it was announced as tab-separated.
func decodeCSV(in Input, opt DecodeOptions, tabs bool) (*csvDecoder, error) {
	src, err := openPlain(in, opt.Encoding, opt.Tentative)
	if err != nil {
		return nil, err
	}
	delim, err := askedDelimiter(opt.Delimiter)
	if err != nil {
		return nil, err
	}
	d := &csvDecoder{src: src}
	sheet, head, err := d.look(opt, delim, tabs)
	if err != nil {
		return nil, err
	}
	header := sheet.records[sheet.header]
	if header.count > maxColumns {
		return nil, Say(fmt.Sprintf("La première ligne annonce %s colonnes ; la limite est de %s. Vérifiez le séparateur choisi à l’export.",
			frenchInt(int64(header.count)), frenchInt(maxColumns)), fmt.Errorf("header of %d columns", header.count))
	}
	d.labels = labelsOf(header.cells)
	d.blank = trimBlank(&d.labels)
	d.split = newSplitter(sheet.delim, sheet.newline, len(d.labels)+d.blank)
	d.carry, d.row, d.line = head[header.end:], 2, header.line+header.lines
	d.info = schemas.SourceInfo{Format: "csv", Encoding: src.encoding, LineBreak: lineBreak(sheet.newline, head[:header.end]), Delimiter: string(sheet.delim), Bytes: in.Size, HeaderRow: int(header.line)}
	return d, nil
}

// lineBreak names what ends the lines of a text, by the byte and the header line.
func lineBreak(newline byte, header []byte) string {
	switch {
	case newline == '\r':
		return "cr"
	case bytes.HasSuffix(header, []byte("\r\n")):
		return "crlf"
	}
	return "lf"
}

func askedDelimiter(option string) (byte, error) {
	switch {
	case option == "":
		return 0, nil
	case option == "tab" || option == `\t`:
		return '\t', nil
	case len(option) == 1 && option[0] < utf8.RuneSelf && !strings.ContainsAny(option, "\"\r\n\x00"):
		return option[0], nil
	}
	return 0, Say(fmt.Sprintf("Le séparateur « %s » ne convient pas : il faut un seul caractère, ou « tab ».", option), fmt.Errorf("delimiter %q", option))
}

// look reads the beginning of the document, a block or as much as its header needs, and finds its dress.
func (d *csvDecoder) look(opt DecodeOptions, delim byte, tabs bool) (sheet dressing, head []byte, err error) {
	for n := schemas.BlockBytes; ; n = len(head) {
		if head, err = d.src.more(head, n); err != nil {
			return sheet, nil, fmt.Errorf("read csv: %w", err)
		}
		sheet = dress(head, d.src.done(), opt, delim, tabs)
		if sheet.header < len(sheet.records) {
			return sheet, head, nil
		}
		if d.src.done() {
			return sheet, nil, noHeader(opt.Header)
		}
		if len(head) >= maxLine {
			return sheet, nil, tooLong(1)
		}
	}
}

func noHeader(asked int) error {
	if asked > 0 {
		return Say(fmt.Sprintf("La ligne d’en-tête demandée (ligne %d) n’existe pas dans le fichier. Corrigez le réglage « header » ou vérifiez l’export.", asked),
			fmt.Errorf("no header on line %d", asked))
	}
	return Say("Le fichier ne contient que des lignes vides : il n’y a rien à publier. Vérifiez l’export du logiciel.", errors.New("table without a header"))
}

func tooLong(line int64) error {
	return Say(fmt.Sprintf("La ligne %s du fichier dépasse 32 Mo : la lecture s’arrête là et rien n’est publié. Vérifiez que le fichier est bien un tableau.", frenchInt(line)),
		fmt.Errorf("line %d over %d bytes", line, maxLine))
}

// labelsOf are the cells of a header, in NFC and without the byte order mark that a concatenation may have left.
func labelsOf(cells []string) []string {
	labels := make([]string, len(cells))
	for i, c := range cells {
		labels[i] = norm.NFC.String(strings.ReplaceAll(strings.ToValidUTF8(c, "\ufffd"), "\ufeff", ""))
	}
	return labels
}

// trimBlank drops the columns without label at the right and tells how many: software that ends every line with a delimiter, or
// exports a whole grid. At least one column stays.
func trimBlank(labels *[]string) (n int) {
	l := *labels
	for len(l) > 1 && strings.TrimSpace(l[len(l)-1]) == "" {
		l = l[:len(l)-1]
		n++
	}
	*labels = l
	return n
}

// Labels implements Decoder.
func (d *csvDecoder) Labels() []string { return d.labels }

// Info implements Decoder.
func (d *csvDecoder) Info() schemas.SourceInfo { return d.info }

// Next implements Decoder.
func (d *csvDecoder) Next(b *schemas.Block) error {
	b.Reset(len(d.labels))
	if d.err != nil {
		return d.err
	}
	b.Data = append(b.Data, d.carry...)
	from := d.src.off - int64(len(d.carry))
	for n := schemas.BlockBytes - len(b.Data); ; n = len(b.Data) {
		var err error
		if b.Data, err = d.src.more(b.Data, max(n, 0)); err != nil {
			b.Reset(len(d.labels))
			d.err = fmt.Errorf("read csv: %w", err)
			return d.err
		}
		used := d.fill(b)
		if b.Rows > 0 || used == len(b.Data) && d.src.done() {
			d.carry = append(d.carry[:0], b.Data[used:]...)
			b.Data = b.Data[:used]
			break
		}
		if len(b.Data) >= maxLine {
			d.err = tooLong(d.line)
			b.Reset(len(d.labels))
			return d.err
		}
	}
	if b.Rows == 0 {
		d.err = io.EOF
		return io.EOF
	}
	if !d.src.clean(from, d.src.off) {
		inspect(b, func(lo, hi int) bool { return d.src.clean(from+int64(lo), from+int64(hi)) })
	}
	return nil
}

// fill cuts whole records off b.Data and tells how much they take.
func (d *csvDecoder) fill(b *schemas.Block) (used int) {
	s, last := &d.split, d.src.done()
	s.fresh()
	width := len(d.labels)
	for used < len(b.Data) && b.Rows < schemas.BlockRows {
		n := len(b.Cells)
		b.Cells = moreSpans(b.Cells, s.width)
		row := b.Cells[n : n+s.width]
		next, ok := s.record(b.Data, used, last, row)
		if !ok {
			b.Cells = b.Cells[:n]
			break
		}
		for _, c := range s.escaped {
			row[c].Len = uint32(unescape(b.Data[row[c].Off:][:row[c].Len]))
		}
		count := s.count
		if d.blank > 0 && count > width && s.extent <= width {
			count = width
		}
		if s.unclosed >= 0 || next-used > maxCell || count > maxColumns {
			d.complain(b, row)
		}
		b.Cells = b.Cells[:n+width]
		b.Count, b.Row, b.Line = append(b.Count, uint32(count)), append(b.Row, d.row), append(b.Line, d.line)
		b.Rows++
		d.row++
		d.line += s.lines + 1
		used = next
	}
	return used
}

// moreSpans makes s longer by n, with whatever was there.
func moreSpans(s []schemas.Span, n int) []schemas.Span {
	if cap(s)-len(s) < n {
		bigger := make([]schemas.Span, len(s), max(2*cap(s), len(s)+n, schemas.BlockRows))
		copy(bigger, s)
		s = bigger
	}
	return s[:len(s)+n]
}

// complain reports what is wrong with the record just cut.
func (d *csvDecoder) complain(b *schemas.Block, row []schemas.Span) {
	s := &d.split
	fault := func(cell int, message string) {
		if cell >= len(d.labels) {
			cell = -1
		}
		b.Faults = append(b.Faults, schemas.Fault{Record: b.Rows, Cell: cell, Type: "source-error", Message: message})
	}
	if s.unclosed >= 0 {
		fault(s.unclosed, "Un guillemet ouvre cette cellule et rien ne la ferme : la ligne a été lue seule, guillemet compris. Fermez le guillemet, ou doublez-le s’il fait partie du texte.")
	}
	for i := range row[:len(d.labels)] {
		if row[i].Len > maxCell {
			fault(i, "La cellule dépasse 1 Mo ; la ligne est écartée. Vérifiez les guillemets et les séparateurs de cette ligne.")
			row[i].Len = 0
		}
	}
	if s.count > maxColumns {
		fault(-1, fmt.Sprintf("La ligne compte %s cellules ; la limite est de %s. Vérifiez les séparateurs de cette ligne.", frenchInt(int64(s.count)), frenchInt(maxColumns)))
	}
}

// inspect reports the cells that hold broken or NUL characters and shows each as U+FFFD. clean tells where the text is known to have none.
func inspect(b *schemas.Block, clean func(lo, hi int) bool) {
	earlier, end := b.Faults, len(b.Data)
	b.Faults = nil
	for record := range b.Rows {
		row, hi := b.Cells[record*b.Width:][:b.Width], end
		if record+1 < b.Rows {
			hi = int(b.Cells[(record+1)*b.Width].Off)
		}
		for len(earlier) > 0 && earlier[0].Record <= record {
			b.Faults, earlier = append(b.Faults, earlier[0]), earlier[1:]
		}
		if clean(int(row[0].Off), hi) {
			continue
		}
		for i := range row {
			s := &row[i]
			text := b.Data[s.Off:][:s.Len]
			if f, bad := characters(text); bad {
				f.Record, f.Cell = record, i
				b.Faults = append(b.Faults, f)
				at := len(b.Data)
				b.Data = appendClean(b.Data, text)
				*s = schemas.Span{Off: uint32(at), Len: uint32(len(b.Data) - at)}
			}
		}
	}
	b.Faults = append(b.Faults, earlier...)
}

// characters tells what is wrong with the characters of a cell.
func characters(cell []byte) (f schemas.Fault, bad bool) {
	if !utf8.Valid(cell) {
		return schemas.Fault{Type: "encoding-error", Message: "La cellule contient des caractères illisibles (montrés « \ufffd ») : son encodage n’est pas celui du reste du fichier. Enregistrez tout le fichier en UTF-8."}, true
	}
	if bytes.IndexByte(cell, 0) >= 0 {
		return schemas.Fault{Type: "encoding-error", Message: "La cellule contient un caractère nul (montré « \ufffd »), qui n’est pas du texte. Retirez-le."}, true
	}
	return f, false
}

// appendClean appends cell with U+FFFD for each run of broken bytes and each NUL.
func appendClean(dst, cell []byte) []byte {
	return append(dst, bytes.ReplaceAll(bytes.ToValidUTF8(cell, []byte("\ufffd")), []byte{0}, []byte("\ufffd"))...)
}
