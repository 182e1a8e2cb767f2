package harvest

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// An odsBook is an ODS document. Its sheets follow one another in one XML part, which is read from its beginning for each of them.
type odsBook struct{ *archive }

// What an ODS document may repeat: it writes equal cells and equal rows once, with a count.
const (
	maxRepeat  = 10_000   // equal rows with content
	maxRowText = 32 << 20 // text of one row (SECURITY.md F-05)
)

// decodeODS opens an ODS document.
func decodeODS(a *archive, in Input, opt DecodeOptions) (Decoder, error) {
	b := &odsBook{a}
	if err := b.check(); err != nil {
		return nil, err
	}
	return decodeBook(b, "ods", in, opt)
}

// check refuses what is encrypted, and the other documents of the family.
func (b *odsBook) check() error {
	if _, ok := b.files["encrypted-package"]; ok {
		return errEncrypted
	}
	x, ok, err := b.openPart("META-INF/manifest.xml")
	if err != nil {
		return err
	}
	if ok {
		defer x.Close()
		for {
			t, err := x.next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
			if e, ok := t.(xml.StartElement); ok && e.Name.Local == "encryption-data" {
				return errEncrypted
			}
		}
	}
	return b.checkType()
}

func (b *odsBook) checkType() error {
	r, ok, err := b.archive.open("mimetype")
	if err != nil || !ok {
		return err
	}
	defer r.Close()
	kind, err := io.ReadAll(io.LimitReader(r, 256))
	if err != nil {
		return orUnreadable(err)
	}
	if !strings.Contains(string(kind), "spreadsheet") {
		return errOffice
	}
	return nil
}

// sheets implements book.
func (b *odsBook) sheets(yield func(sheetPart, error) bool) {
	x, err := b.content()
	if err != nil {
		yield(sheetPart{}, err)
		return
	}
	defer x.Close()
	var hidden []sheetPart
	for n := int64(0); ; n++ {
		part, shown, err := x.table()
		if err == io.EOF {
			break
		}
		part.at = n
		switch {
		case err == nil && !shown:
			hidden = append(hidden, part)
		case !yield(part, err) || err != nil:
			return
		}
	}
	for _, part := range hidden {
		if !yield(part, nil) {
			return
		}
	}
}

// open implements book.
func (b *odsBook) open(part sheetPart) (sheetRows, error) {
	x, err := b.content()
	if err != nil {
		return nil, err
	}
	for n := int64(0); n <= part.at; n++ {
		if _, _, err := x.table(); err != nil {
			x.Close()
			return nil, orUnreadable(err)
		}
	}
	return &odsReader{odsContent: x, sheet: x.depth}, nil
}

// An odsContent is the part of an ODS document that has the cells.
type odsContent struct {
	*xmlPart
	spaces map[string]string // last words of the name spaces, by prefix
	path   [4]string         // names of the elements around
	style  string            // name of the style at hand
	hidden map[string]bool   // styles of hidden sheets
}

func (b *odsBook) content() (*odsContent, error) {
	x, ok, err := b.openPart("content.xml")
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, unreadable(errors.New("no content.xml"))
	}
	return &odsContent{xmlPart: x, spaces: map[string]string{}, hidden: map[string]bool{}}, nil
}

// table goes to the start of the next sheet.
func (x *odsContent) table() (part sheetPart, shown bool, err error) {
	for {
		t, err := x.next()
		if err != nil {
			return part, false, err
		}
		e, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		if x.depth <= len(x.path) {
			x.path[x.depth-1] = e.Name.Local
		}
		switch name := e.Name.Local; {
		case x.depth == 1:
			x.declare(e)
		case x.depth == 4 && name == "table" && x.path[2] == "spreadsheet":
			return sheetPart{name: x.attribute(e, "table:name")}, !x.hidden[x.attribute(e, "table:style-name")], nil
		case name == "style":
			x.style = x.attribute(e, "style:name")
		case name == "table-properties" && x.attribute(e, "table:display") == "false" && len(x.hidden) < maxEntries:
			x.hidden[x.style] = true
		}
	}
}

// declare learns the prefixes of the name spaces that values are read by.
func (x *odsContent) declare(e xml.StartElement) {
	for _, a := range e.Attr {
		if a.Name.Space != "xmlns" {
			continue
		}
		for _, known := range []string{"office", "table", "text", "style", "calcext"} {
			if strings.Contains(a.Value, ":"+known+":") {
				x.spaces[a.Name.Local] = known
			}
		}
	}
}

// attribute finds an attribute by its usual name.
func (x *odsContent) attribute(e xml.StartElement, name string) string {
	space, local, _ := strings.Cut(name, ":")
	for _, a := range e.Attr {
		if a.Name.Local == local && (x.spaces[a.Name.Space] == space || a.Name.Space == space) {
			return a.Value
		}
	}
	return ""
}

// count reads how often a cell or a row stands for; what is beyond any sheet is as good as the largest one.
func (x *odsContent) count(e xml.StartElement, name string) int {
	n, err := strconv.Atoi(x.attribute(e, name))
	if errors.Is(err, strconv.ErrRange) {
		n = math.MaxInt32
	}
	return min(max(n, 1), math.MaxInt32)
}

// An odsReader goes through the rows of one sheet.
type odsReader struct {
	*odsContent
	sheetRow
	sheet int // depth of the sheet's element
	end   int // last row that the element at hand stands for
}

// next implements sheetRows.
func (s *odsReader) next() error {
	if s.row < s.end {
		s.row++
		s.archive.total += int64(len(s.text))
		if s.archive.total > maxExpanded {
			return errBomb
		}
		return nil
	}
	for {
		t, err := s.xmlPart.next()
		if err != nil {
			return orUnreadable(err)
		}
		switch e := t.(type) {
		case xml.EndElement:
			if s.depth < s.sheet {
				return io.EOF
			}
		case xml.StartElement:
			switch e.Name.Local {
			case "table-row":
				if err := s.readRow(e); err != nil || len(s.cells) > 0 {
					return err
				}
			case "table-header-rows", "table-row-group", "table-rows":
			default:
				if err := s.skip(); err != nil {
					return err
				}
			}
		}
	}
}

// skip goes behind the element that was just opened.
func (x *odsContent) skip() error {
	for level := x.depth - 1; x.depth > level; {
		if _, err := x.next(); err != nil {
			return orUnreadable(err)
		}
	}
	return nil
}

func (s *odsReader) readRow(e xml.StartElement) error {
	s.reset()
	first, repeat := s.end+1, s.count(e, "table:number-rows-repeated")
	s.end = min(s.end+repeat, math.MaxInt32)
	level, column := s.depth-1, 0
	for s.depth > level {
		t, err := s.xmlPart.next()
		if err != nil {
			return orUnreadable(err)
		}
		c, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		n := s.count(c, "table:number-columns-repeated")
		switch c.Name.Local {
		case "table-cell":
			err = s.readCell(c, column, n)
		case "covered-table-cell": // nobody sees what is in it
			err = s.skip()
		default:
			n, err = 0, s.skip()
		}
		if err != nil {
			return err
		}
		column = min(column+n, math.MaxInt32)
	}
	s.row = first
	switch {
	case len(s.cells) == 0:
		s.row = s.end
	case s.end > maxSheetRows && repeat == 1:
		return unreadable(fmt.Errorf("row %d", s.end))
	case repeat > maxRepeat:
		return Say(fmt.Sprintf("À partir de la ligne %s, le classeur répète %s fois la même ligne : une valeur a sans doute été recopiée jusqu’en bas de la feuille. Supprimez ces lignes, puis enregistrez le classeur.",
			frenchInt(int64(first)), frenchInt(int64(repeat))), fmt.Errorf("row %d repeated %d times", first, repeat))
	case s.end > maxSheetRows:
		return unreadable(fmt.Errorf("row %d", s.end))
	}
	return nil
}

// readCell reads a cell that stands for n equal ones from column on.
func (s *odsReader) readCell(e xml.StartElement, column, n int) error {
	at, failed := len(s.text), s.attribute(e, "calcext:value-type") == "error"
	if err := s.paragraphs(); err != nil {
		return err
	}
	if failed || s.attribute(e, "table:formula") != "" && odsError(string(s.text[at:])) {
		failed = true
	} else {
		s.native(e, at)
	}
	length := len(s.text) - at
	if length == 0 {
		return nil
	}
	if n > maxColumns || n*length > maxRowText {
		return Say(fmt.Sprintf("À la ligne %s, le classeur répète la même cellule %s fois. Supprimez les colonnes recopiées, puis enregistrez le classeur.", frenchInt(int64(s.end)), frenchInt(int64(n))),
			fmt.Errorf("cell repeated %d times", n))
	}
	if column+n > maxSheetColumns {
		return unreadable(fmt.Errorf("cell in column %d", column+n))
	}
	for i := range n {
		if i > 0 {
			s.text = append(s.text, s.text[at:at+length]...)
		}
		if failed {
			s.failed(column+i, s.text[at:at+length])
		}
		s.keep(column+i, at+i*length)
	}
	if len(s.text) > maxRowText {
		return errLongRow
	}
	return nil
}

var errLongRow = Say("Une ligne du classeur contient trop de texte pour être lue. Vérifiez l’export.", errors.New("row of too much text"))

// odsError tells the errors that older programs write as the number 0 shown as an error.
func odsError(shown string) bool {
	switch shown {
	case "#REF!", "#DIV/0!", "#VALUE!", "#VALEUR!", "#NAME?", "#NOM\u00a0?", "#NOM?", "#N/A", "#N/D", "#NUM!", "#NOMBRE!", "#NULL!":
		return true
	}
	return strings.HasPrefix(shown, "Err:")
}

// native replaces what a cell shows, from at on, by the value that it has.
func (s *odsReader) native(e xml.StartElement, at int) {
	shown := s.text[at:]
	kind, value := s.attribute(e, "office:value-type"), ""
	switch kind {
	case "float", "percentage", "currency":
		value = decimalText(s.attribute(e, "office:value"))
	case "date":
		value = odsDate(s.attribute(e, "office:date-value"))
	case "time":
		value = odsTime(s.attribute(e, "office:time-value"))
	case "boolean":
		value = s.attribute(e, "office:boolean-value")
	default:
		if len(shown) == 0 {
			value = s.attribute(e, "office:string-value")
		}
	}
	if value != "" {
		s.text = append(s.text[:at], value...)
	}
}

// decimalText writes a number without an exponent, with all the digits that it has. What is no number stays as it is.
func decimalText(raw string) string {
	text := strings.TrimSpace(raw)
	v, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || math.IsNaN(v) || math.IsInf(v, 0):
		return raw
	case v == 0:
		return "0"
	case strings.Trim(text, "-0123456789.") != "":
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return text
}

// odsDate reads an ISO 8601 date, which may have a time.
func odsDate(raw string) string {
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04"} {
		if t, err := time.Parse(layout, raw); err == nil {
			t = t.Round(time.Millisecond)
			clock := t.Sub(t.Truncate(24 * time.Hour))
			if t.Location() != time.UTC || clock < 0 {
				return raw
			}
			if clock == 0 {
				return t.Format(time.DateOnly)
			}
			return t.Format(time.DateOnly) + "T" + clockText(clock)
		}
	}
	return raw
}

// odsTime reads an ISO 8601 duration, which is how a time of day is kept.
func odsTime(raw string) string {
	rest, ok := strings.CutPrefix(raw, "PT")
	total := 0.0
	for _, unit := range []struct {
		letter  string
		seconds float64
	}{{"H", 3600}, {"M", 60}, {"S", 1}} {
		if count, after, found := strings.Cut(rest, unit.letter); found {
			n, err := strconv.ParseFloat(strings.Replace(count, ",", ".", 1), 64)
			ok = ok && err == nil && n >= 0
			total, rest = total+n*unit.seconds, after
		}
	}
	if !ok || rest != "" || !(total < 1e8) {
		return raw
	}
	return clockText(time.Duration(math.Round(total*1000)) * time.Millisecond)
}

// paragraphs appends the text of the cell that was just opened: its paragraphs, one a line, without notes and drawings.
func (s *odsReader) paragraphs() error {
	first := true
	for level := s.depth - 1; s.depth > level; {
		t, err := s.xmlPart.next()
		if err != nil {
			return orUnreadable(err)
		}
		e, ok := t.(xml.StartElement)
		switch {
		case !ok:
			continue
		case e.Name.Local != "p":
			err = s.skip()
		default:
			if !first {
				s.text = append(s.text, '\n')
			}
			first = false
			err = s.paragraph()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// paragraph appends the text of the paragraph that was just opened. White space counts once; more of it has elements of its own.
func (s *odsReader) paragraph() error {
	space := true // before the first letter it does not count
	for level := s.depth - 1; s.depth > level; {
		t, err := s.xmlPart.next()
		if err != nil {
			return orUnreadable(err)
		}
		switch e := t.(type) {
		case xml.CharData:
			for _, c := range e {
				if c == ' ' || c == '\t' || c == '\n' || c == '\r' {
					if !space {
						s.text = append(s.text, ' ')
					}
					space = true
					continue
				}
				s.text, space = append(s.text, c), false
			}
		case xml.StartElement:
			if err := s.inline(e); err != nil {
				return err
			}
			space = space && (e.Name.Local == "span" || e.Name.Local == "a")
		}
		if len(s.text) > maxRowText {
			return errLongRow
		}
	}
	return nil
}

// inline appends what an element inside a paragraph stands for. That of spans, links and fields is read on.
func (s *odsReader) inline(e xml.StartElement) error {
	switch e.Name.Local {
	case "s":
		n := s.count(e, "text:c")
		if n > maxRowText {
			return errLongRow
		}
		s.text = append(s.text, strings.Repeat(" ", n)...)
	case "tab":
		s.text = append(s.text, '\t')
	case "line-break":
		s.text = append(s.text, '\n')
	case "annotation", "note", "ruby-text", "frame", "object":
		return s.skip()
	}
	return nil
}
