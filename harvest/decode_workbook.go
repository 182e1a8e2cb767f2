package harvest

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"grenier/schemas"
)

// A workbook is what the sheets of an XLSX document share. Its parts are read by their relations, so both flavours of the standard
// and any spelling of the names are understood.
type workbook struct {
	*archive
	sheets  []sheetPart
	formats []moment // by style
	texts   sharedTexts
	mac     bool // days count from 1904
}

// A sheetPart is a sheet and the entry that holds it.
type sheetPart struct{ name, part string }

// openWorkbook reads all but the sheets.
func openWorkbook(a *archive) (*workbook, error) {
	w := &workbook{archive: a}
	main, err := w.main()
	if err != nil {
		return nil, err
	}
	var book struct {
		Properties struct {
			Date1904 string `xml:"date1904,attr"`
		} `xml:"workbookPr"`
		Sheets []struct {
			Name  string `xml:"name,attr"`
			State string `xml:"state,attr"`
			ID    string `xml:"id,attr"`
		} `xml:"sheets>sheet"`
	}
	if err := w.decodePart(main, &book); err != nil {
		return nil, err
	}
	w.mac = book.Properties.Date1904 == "1" || book.Properties.Date1904 == "true"
	parts, err := w.relations(main)
	if err != nil {
		return nil, err
	}
	var hidden []sheetPart
	for _, s := range book.Sheets {
		r := parts.byID(s.ID)
		switch part := (sheetPart{s.Name, r.Target}); {
		case !strings.HasSuffix(r.Type, "/worksheet"):
		case s.State == "" || s.State == "visible":
			w.sheets = append(w.sheets, part)
		default:
			hidden = append(hidden, part)
		}
	}
	w.sheets = append(w.sheets, hidden...)
	if err := w.styles(parts.byType("/styles")); err != nil {
		return nil, err
	}
	return w, w.texts.load(w.archive, parts.byType("/sharedStrings"))
}

// main finds the part that lists the sheets.
func (w *workbook) main() (string, error) {
	rels, err := w.relations("")
	if err != nil {
		return "", err
	}
	main := rels.byType("/officeDocument")
	if _, ok := w.files[strings.ToLower(main)]; ok && strings.HasSuffix(main, ".xml") && strings.Contains(main, "workbook") {
		return main, nil
	}
	if _, ok := w.files["xl/workbook.xml"]; ok {
		return "xl/workbook.xml", nil
	}
	return "", w.stranger()
}

// stranger says what an archive is when it is no XLSX document.
func (w *workbook) stranger() error {
	has := func(name string) bool { _, ok := w.files[name]; return ok }
	switch {
	case has("content.xml") && (has("mimetype") || has("meta-inf/manifest.xml")):
		return Say("Le classeur est au format ODS (LibreOffice), qui n’est pas encore lu. Enregistrez-le en XLSX ou en CSV.", errors.New("ods document"))
	case has("xl/workbook.bin"):
		return Say("Le classeur est au format XLSB, qui n’est pas lu. Enregistrez-le en XLSX ou en CSV.", errors.New("xlsb document"))
	case has("word/document.xml"), has("ppt/presentation.xml"):
		return Say("Le fichier est un document de bureautique, pas un tableau. Fournissez l’export en CSV ou en XLSX.", errors.New("office document"))
	}
	return Say("Le fichier est une archive ZIP, pas un tableau. Fournissez directement le fichier CSV, XLSX ou JSON qu’elle contient.", errors.New("zip archive"))
}

type relation struct {
	ID     string `xml:"Id,attr"`
	Type   string `xml:"Type,attr"`
	Target string `xml:"Target,attr"`
}

type relations []relation

// relations reads those of a part; targets are made absolute.
func (w *workbook) relations(part string) (relations, error) {
	var list struct {
		All relations `xml:"Relationship"`
	}
	dir, file := path.Split(part)
	if err := w.decodePart(path.Join(dir, "_rels", file+".rels"), &list); err != nil {
		return nil, err
	}
	for i := range list.All {
		if t := &list.All[i].Target; strings.HasPrefix(*t, "/") {
			*t = strings.TrimPrefix(path.Clean(*t), "/")
		} else {
			*t = path.Join(dir, *t)
		}
	}
	return list.All, nil
}

func (r relations) byID(id string) relation {
	for _, x := range r {
		if x.ID == id {
			return x
		}
	}
	return relation{}
}

func (r relations) byType(end string) string {
	for _, x := range r {
		if strings.HasSuffix(x.Type, end) {
			return x.Target
		}
	}
	return ""
}

// styles learns which styles show a number as a moment.
func (w *workbook) styles(part string) error {
	var sheet struct {
		Formats []struct {
			ID   int    `xml:"numFmtId,attr"`
			Code string `xml:"formatCode,attr"`
		} `xml:"numFmts>numFmt"`
		Cells []struct {
			Format int `xml:"numFmtId,attr"`
		} `xml:"cellXfs>xf"`
	}
	if part == "" {
		return nil
	}
	if err := w.decodePart(part, &sheet); err != nil {
		return err
	}
	codes := make(map[int]moment, len(sheet.Formats))
	for _, f := range sheet.Formats {
		codes[f.ID] = momentOf(f.Code)
	}
	w.formats = make([]moment, len(sheet.Cells))
	for i, c := range sheet.Cells {
		m, own := codes[c.Format]
		if !own {
			m = builtin(c.Format)
		}
		w.formats[i] = m
	}
	return nil
}

// A moment says what a number format shows a number as.
type moment uint8

const (
	asNumber moment = iota
	asDay           // a date, with or without a time
	asClock         // a time of day or a duration
)

// builtin knows the formats that have a number and no code (ECMA-376 part 1, 18.8.30, with those of East Asia).
func builtin(id int) moment {
	switch {
	case id >= 14 && id <= 17, id == 22, id >= 27 && id <= 31, id == 36, id >= 50 && id <= 58:
		return asDay
	case id >= 18 && id <= 21, id >= 32 && id <= 35, id >= 45 && id <= 47:
		return asClock
	}
	return asNumber
}

// momentOf reads a number format: the first section, without what it quotes, escapes or puts between brackets.
func momentOf(code string) moment {
	var plain []byte
	lower := strings.ToLower(code)
	for i := 0; i < len(lower) && lower[i] != ';'; i++ {
		switch c := lower[i]; c {
		case '"', '[':
			end := byte('"')
			if c == '[' {
				end = ']'
			}
			n := strings.IndexByte(lower[i+1:], end)
			if n < 0 {
				return asNumber
			}
			if inside := lower[i+1 : i+1+n]; c == '[' && inside != "" && strings.Trim(inside, "hms") == "" {
				plain = append(plain, 'h') // elapsed time
			}
			i += n + 1
		case '\\', '_', '*':
			i++
		default:
			plain = append(plain, c)
		}
	}
	text := string(plain)
	switch {
	case strings.Contains(text, "general"):
		return asNumber
	case strings.ContainsAny(text, "yd"), strings.Contains(text, "jj"), strings.Contains(text, "aaa"):
		return asDay
	case strings.ContainsAny(text, "hs"):
		return asClock
	case strings.Contains(text, "m"):
		return asDay
	}
	return asNumber
}

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

func (s *sharedTexts) load(a *archive, part string) error {
	if part == "" {
		return nil
	}
	x, ok, err := a.openPart(part)
	if err != nil || !ok {
		return err
	}
	defer x.Close()
	for {
		t, err := x.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if e, ok := t.(xml.StartElement); ok && e.Name.Local == "si" {
			if s.text, err = x.richText(s.text); err != nil {
				return err
			}
			s.ends = append(s.ends, uint32(len(s.text)))
			if len(s.ends) > maxTexts || len(s.text) > maxTextBytes {
				return Say("Le classeur contient trop de textes différents pour être lu. Exportez-le en CSV, qui n’a pas cette limite.", errors.New("too many shared strings"))
			}
		}
	}
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

// richText appends the text of the element just opened: its <t>, also those of its runs, but not the reading aids (<rPh>).
func (x *xmlPart) richText(dst []byte) ([]byte, error) {
	from, level, inText, inAid := len(dst), x.depth-1, 0, 0
	for x.depth > level {
		t, err := x.next()
		if err != nil {
			return dst, orUnreadable(err)
		}
		switch e := t.(type) {
		case xml.StartElement:
			inText += b2i(e.Name.Local == "t")
			inAid += b2i(e.Name.Local == "rPh")
		case xml.EndElement:
			inText -= b2i(e.Name.Local == "t")
			inAid -= b2i(e.Name.Local == "rPh")
		case xml.CharData:
			if inText > 0 && inAid == 0 {
				dst = append(dst, e...)
			}
		}
	}
	return dst[:from+unescapeOffice(dst[from:])], nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// unescapeOffice replaces _x000D_ and its like where they stand and returns the length that is left.
func unescapeOffice(text []byte) int {
	n := bytes.Index(text, []byte("_x"))
	if n < 0 {
		return len(text)
	}
	for i := n; i < len(text); {
		if text[i] == '_' && i+7 <= len(text) && text[i+1] == 'x' && text[i+6] == '_' {
			if r, ok := hex4(text[i+2:]); ok && utf8.ValidRune(r) {
				n += utf8.EncodeRune(text[n:], r)
				i += 7
				continue
			}
		}
		text[n] = text[i]
		n++
		i++
	}
	return n
}

// A sheetReader goes through the rows of one sheet.
type sheetReader struct {
	*xmlPart
	book *workbook
	row  int // number of the row at hand, from 1

	text  []byte // of the row's cells
	cells []schemas.Span
	wrong []schemas.Fault // Cell is the column
}

// The size of a sheet (Excel's own limits).
const (
	maxSheetRows    = 1 << 20
	maxSheetColumns = 1 << 14
)

func (w *workbook) openSheet(s sheetPart) (*sheetReader, error) {
	x, ok, err := w.openPart(s.part)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, unreadable(fmt.Errorf("no part %q", s.part))
	}
	return &sheetReader{xmlPart: x, book: w}, nil
}

// next reads the next row that has a cell with content. io.EOF after the last one.
func (s *sheetReader) next() error {
	for {
		t, err := s.xmlPart.next()
		if err != nil {
			return err
		}
		switch e := t.(type) {
		case xml.StartElement:
			if e.Name.Local != "row" {
				continue
			}
			if err := s.readRow(e); err != nil {
				return err
			}
			if len(s.cells) > 0 {
				return nil
			}
		case xml.EndElement:
			if e.Name.Local == "sheetData" {
				return io.EOF
			}
		}
	}
}

func (s *sheetReader) readRow(e xml.StartElement) error {
	s.text, s.cells, s.wrong = s.text[:0], s.cells[:0], s.wrong[:0]
	s.row++
	if n, err := strconv.Atoi(attribute(e, "r")); err == nil && n > s.row {
		s.row = n
	}
	if s.row > maxSheetRows {
		return unreadable(fmt.Errorf("row %d", s.row))
	}
	level, column := s.depth-1, 0
	for s.depth > level {
		t, err := s.xmlPart.next()
		if err != nil {
			return orUnreadable(err)
		}
		if c, ok := t.(xml.StartElement); ok && c.Name.Local == "c" {
			if column, err = columnOf(attribute(c, "r"), column); err != nil {
				return err
			}
			if err := s.readCell(c, column); err != nil {
				return err
			}
			column++
		}
	}
	return nil
}

// columnOf reads the letters of a reference ("AB12" is 27); without them the cell is at next.
func columnOf(ref string, next int) (int, error) {
	n := 0
	for i := 0; i < len(ref) && n <= maxSheetColumns; i++ {
		c := ref[i] &^ 0x20
		if c < 'A' || c > 'Z' {
			break
		}
		n = n*26 + int(c-'A') + 1
	}
	if n == 0 {
		n = next + 1
	}
	if n > maxSheetColumns {
		return 0, unreadable(fmt.Errorf("cell %q beyond the last column", ref))
	}
	return n - 1, nil
}

// readCell reads one cell and keeps its text.
func (s *sheetReader) readCell(e xml.StartElement, column int) error {
	kind, style := attribute(e, "t"), attribute(e, "s")
	level, at, inValue := s.depth-1, len(s.text), false
	for s.depth > level {
		t, err := s.xmlPart.next()
		if err != nil {
			return orUnreadable(err)
		}
		switch e := t.(type) {
		case xml.StartElement:
			if e.Name.Local == "is" {
				if s.text, err = s.richText(s.text); err != nil {
					return err
				}
				continue
			}
			inValue = e.Name.Local == "v"
		case xml.EndElement:
			inValue = false
		case xml.CharData:
			if inValue {
				s.text = append(s.text, e...)
			}
		}
	}
	s.native(kind, style, at, column)
	if len(s.text) == at {
		return nil
	}
	for len(s.cells) <= column {
		s.cells = append(s.cells, schemas.Span{})
	}
	s.cells[column] = schemas.Span{Off: uint32(at), Len: uint32(len(s.text) - at)}
	return nil
}

// native turns what the file keeps of a cell, from at on, into the text that the cell means.
func (s *sheetReader) native(kind, style string, at, column int) {
	value := s.text[at:]
	switch kind {
	case "s":
		i, err := strconv.Atoi(strings.TrimSpace(string(value)))
		text, ok := s.book.texts.at(i)
		if err != nil || !ok {
			s.fault(column, "La cellule renvoie à un texte que le classeur n’a pas. Enregistrez de nouveau le classeur depuis votre tableur.")
		}
		s.text = append(s.text[:at], text...)
	case "inlineStr":
	case "str":
		s.text = s.text[:at+unescapeOffice(value)]
	case "b":
		s.text = strconv.AppendBool(s.text[:at], string(value) == "1" || string(value) == "true")
	case "e":
		s.fault(column, "La cellule contient l’erreur "+clip(value)+" du tableur. Corrigez la formule ou videz la cellule.")
	case "d":
		s.text = s.text[:at+len(bytes.TrimSuffix(bytes.TrimSuffix(value, []byte("Z")), []byte("T00:00:00")))]
	default:
		if len(value) > 0 {
			s.text = s.number(s.text[:at], string(value), style)
		}
	}
}

func (s *sheetReader) fault(column int, message string) {
	s.wrong = append(s.wrong, schemas.Fault{Cell: column, Type: "source-error", Message: message})
}

// number appends a number, or the moment that its style shows it as.
func (s *sheetReader) number(dst []byte, raw, style string) []byte {
	v, err := strconv.ParseFloat(strings.TrimSpace(raw), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return append(dst, raw...)
	}
	shown := asNumber
	if i, err := strconv.Atoi(style); err == nil && i >= 0 && i < len(s.book.formats) {
		shown = s.book.formats[i]
	}
	if shown != asNumber {
		if text, ok := momentText(v, shown, s.book.mac); ok {
			return append(dst, text...)
		}
	}
	if v == 0 {
		return append(dst, '0')
	}
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}

// momentText writes a serial number as an ISO 8601 date, a date and time when it has a time part, or a time. Beyond what Excel can
// show, ok is false.
func momentText(serial float64, shown moment, mac bool) (_ string, ok bool) {
	if serial < 0 || serial > 2958466 {
		return "", false
	}
	ms := int64(math.Round(serial * 86_400_000))
	days, rest := ms/86_400_000, time.Duration(ms%86_400_000)*time.Millisecond
	if shown == asClock {
		return clockText(time.Duration(ms) * time.Millisecond), true
	}
	first := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	switch {
	case mac:
		first = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	case days < 60:
		first = first.AddDate(0, 0, 1) // Excel believes in 29 February 1900
	}
	date := first.AddDate(0, 0, int(days)).Format(time.DateOnly)
	if rest == 0 {
		return date, true
	}
	return date + "T" + clockText(rest), true
}

// clockText writes a time of day; a duration may have more than 24 hours.
func clockText(d time.Duration) string {
	text := fmt.Sprintf("%02d:%02d:%02d", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60)
	if ms := d.Milliseconds() % 1000; ms > 0 {
		text += fmt.Sprintf(".%03d", ms)
	}
	return text
}
