package harvest

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A workbook is what the sheets of an XLSX document share. Its parts are read by their relations, so both flavours of the standard
// and any spelling of the names are understood.
type workbook struct {
	*archive
	parts   []sheetPart
	formats []moment // by style
	texts   sharedTexts
	mac     bool // days count from 1904
}

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
		switch part := (sheetPart{name: s.Name, part: r.Target}); {
		case !strings.HasSuffix(r.Type, "/worksheet"):
		case s.State == "" || s.State == "visible":
			w.parts = append(w.parts, part)
		default:
			hidden = append(hidden, part)
		}
	}
	w.parts = append(w.parts, hidden...)
	if err := w.styles(parts.byType("/styles")); err != nil {
		return nil, err
	}
	return w, w.texts.load(w.archive, parts.byType("/sharedStrings"))
}

// sheets implements book.
func (w *workbook) sheets(yield func(sheetPart, error) bool) {
	for _, s := range w.parts {
		if !yield(s, nil) {
			return
		}
	}
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
	return "", errArchive
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
			if err := s.end(); err != nil {
				return err
			}
		}
	}
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
	sheetRow
	book *workbook
}

// open implements book.
func (w *workbook) open(s sheetPart) (sheetRows, error) {
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
	s.reset()
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
	s.keep(column, at)
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
			s.fault(column, noSuchText)
		}
		s.text = append(s.text[:at], text...)
	case "inlineStr":
	case "str":
		s.text = s.text[:at+unescapeOffice(value)]
	case "b":
		s.text = strconv.AppendBool(s.text[:at], string(value) == "1" || string(value) == "true")
	case "e":
		s.failed(column, value)
	case "d":
		s.text = s.text[:at+len(bytes.TrimSuffix(bytes.TrimSuffix(value, []byte("Z")), []byte("T00:00:00")))]
	default:
		if len(value) > 0 {
			s.text = s.number(s.text[:at], string(value), style)
		}
	}
}

// number appends a number as the style shows it. What is no number stays as it is written.
func (s *sheetReader) number(dst []byte, raw, style string) []byte {
	v, err := strconv.ParseFloat(strings.TrimSpace(raw), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return append(dst, raw...)
	}
	shown := asNumber
	if i, err := strconv.Atoi(style); err == nil && i >= 0 && i < len(s.book.formats) {
		shown = s.book.formats[i]
	}
	return appendNumber(dst, v, shown, s.book.mac)
}
