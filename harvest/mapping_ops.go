package harvest

import (
	"bytes"
	"slices"
	"strings"

	"grenier/schemas"
)

// A trimOp takes away the white space around a cell.
type trimOp struct{ tally opTally }

func (o *trimOp) tallies() []*opTally { return []*opTally{&o.tally} }

func (o *trimOp) apply(m *Mapper, data []byte, s schemas.Span) (schemas.Span, *opTally) {
	text := m.text(data, s)
	if len(text) == 0 || text[0] > ' ' && text[0] < 0x80 && text[len(text)-1] > ' ' && text[len(text)-1] < 0x80 {
		return s, nil
	}
	start, end := trimBounds(text)
	if end-start == len(text) {
		return s, nil
	}
	return schemas.Span{Off: s.Off + uint32(start), Len: uint32(end - start)}, &o.tally
}

func trimSpan(data []byte, s schemas.Span) schemas.Span {
	start, end := trimBounds(data[s.Off : s.Off+s.Len])
	return schemas.Span{Off: s.Off + uint32(start), Len: uint32(end - start)}
}

func trimBounds(text []byte) (start, end int) {
	rest := bytes.TrimLeftFunc(text, isBlank)
	return len(text) - len(rest), len(text) - len(rest) + len(bytes.TrimRightFunc(rest, isBlank))
}

func trimText(s string) string { return strings.TrimFunc(s, isBlank) }

// isBlank tells white space, no-break and zero-width spaces and byte order marks included.
func isBlank(r rune) bool {
	switch {
	case r <= ' ', r == 0xa0, r == 0x1680, r >= 0x2000 && r <= 0x200b, r == 0x2028, r == 0x2029, r == 0x202f, r == 0x205f, r == 0x2060, r == 0x3000, r == 0xfeff:
		return true
	}
	return false
}

// A splitOp keeps one piece of a cell; a piece that is not there is empty.
type splitOp struct {
	separator []byte
	part      int
}

func (o *splitOp) tallies() []*opTally { return nil }

func (o *splitOp) apply(m *Mapper, data []byte, s schemas.Span) (schemas.Span, *opTally) {
	text := m.text(data, s)
	wanted := o.part
	if wanted < 0 {
		wanted += bytes.Count(text, o.separator) + 2
	}
	at := 0
	for piece := 1; ; piece++ {
		n := bytes.Index(text[at:], o.separator)
		switch {
		case piece == wanted && n < 0:
			return schemas.Span{Off: s.Off + uint32(at), Len: uint32(len(text) - at)}, nil
		case piece == wanted:
			return schemas.Span{Off: s.Off + uint32(at), Len: uint32(n)}, nil
		case n < 0:
			return schemas.Span{}, nil
		}
		at += n + len(o.separator)
	}
}

// A lookupOp replaces whole texts.
type lookupOp struct {
	texts map[string]*fixedText
	tally opTally
}

func (o *lookupOp) tallies() []*opTally { return []*opTally{&o.tally} }

func (o *lookupOp) apply(m *Mapper, data []byte, s schemas.Span) (schemas.Span, *opTally) {
	text := m.text(data, s)
	t, ok := o.texts[string(text)]
	if !ok || t.text == string(text) {
		return s, nil
	}
	return m.fixed(t), &o.tally
}

// A defaultOp fills empty cells.
type defaultOp struct {
	text  *fixedText
	tally opTally
}

func (o *defaultOp) tallies() []*opTally { return []*opTally{&o.tally} }

func (o *defaultOp) apply(m *Mapper, _ []byte, s schemas.Span) (schemas.Span, *opTally) {
	if s.Len > 0 {
		return s, nil
	}
	return m.fixed(o.text), &o.tally
}

// A datePattern is one way to write a day, compiled: the order of its parts and what is between them.
type datePattern struct {
	day, month, year int  // place of each part, from 0
	digits           int  // of the year: 2 or 4
	separator        byte // 0: parts are joined and every part has all its digits
}

// excelPattern is the name of days counted from 1899-12-30, as spreadsheets keep them.
const excelPattern = "excel"

var datePatterns = map[string]datePattern{
	"jj/mm/aaaa": {0, 1, 2, 4, '/'},
	"jj-mm-aaaa": {0, 1, 2, 4, '-'},
	"jj.mm.aaaa": {0, 1, 2, 4, '.'},
	"jj/mm/aa":   {0, 1, 2, 2, '/'},
	"jj-mm-aa":   {0, 1, 2, 2, '-'},
	"jj.mm.aa":   {0, 1, 2, 2, '.'},
	"aaaa/mm/jj": {2, 1, 0, 4, '/'},
	"aaaammjj":   {2, 1, 0, 4, 0},
}

// datePatternNames are the patterns that a recipe may name.
func datePatternNames() []string { return append(sortedKeys(datePatterns), excelPattern) }

// A dateOp writes days in the ISO way. A time of day is dropped when it is midnight; any other keeps the cell as it is, as does a
// day that does not exist.
type dateOp struct {
	patterns      []datePattern
	excel         bool
	french, serie opTally
}

func newDateOp(names []string) *dateOp {
	o := &dateOp{excel: slices.Contains(names, excelPattern), french: opTally{op: "date-fr"}, serie: opTally{op: "date-excel"}}
	for _, n := range names {
		if p, ok := datePatterns[n]; ok {
			o.patterns = append(o.patterns, p)
		}
	}
	return o
}

func (o *dateOp) tallies() []*opTally { return []*opTally{&o.french, &o.serie} }

func (o *dateOp) apply(m *Mapper, data []byte, s schemas.Span) (schemas.Span, *opTally) {
	text := m.text(data, s)
	if len(text) < 5 || isISODay(text) && len(text) == 10 {
		return s, nil
	}
	day, ok := cutMidnight(text)
	if !ok {
		return s, nil
	}
	if isISODay(day) {
		return schemas.Span{Off: s.Off, Len: 10}, &o.french
	}
	for _, p := range o.patterns {
		if y, mo, d, ok := p.read(day); ok && validDay(y, mo, d) {
			return m.writeDay(y, mo, d), &o.french
		}
	}
	if o.excel {
		if serial, ok := readSerial(text); ok {
			y, mo, d := civil(serial - 25569)
			return m.writeDay(y, mo, d), &o.serie
		}
	}
	return s, nil
}

// cutMidnight takes " 00:00", "T00:00:00", "T00:00:00.000Z" and the like off a day; false when another time follows it.
func cutMidnight(text []byte) ([]byte, bool) {
	i := bytes.IndexAny(text, " T")
	if i < 0 {
		return text, true
	}
	clock := bytes.TrimSuffix(text[i+1:], []byte("Z"))
	clock, zeros, fraction := bytes.Cut(clock, []byte("."))
	if fraction && (len(zeros) == 0 || len(bytes.Trim(zeros, "0")) > 0) {
		return nil, false
	}
	c := string(clock)
	return text[:i], c == "00:00:00" || !fraction && (c == "00:00" || c == "0:00" || c == "0:00:00")
}

// isISODay tells whether text has the shape 2024-01-05, whatever its value.
func isISODay(text []byte) bool {
	if len(text) != 10 || text[4] != '-' || text[7] != '-' {
		return false
	}
	for i, c := range text {
		if i != 4 && i != 7 && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// read takes the parts of a day; with a separator, day and month may have a single digit.
func (p datePattern) read(text []byte) (year, month, day int, ok bool) {
	var parts [3]int
	at := 0
	for i := range parts {
		least, most := 1, 2
		switch {
		case i == p.year:
			least, most = p.digits, p.digits
		case p.separator == 0:
			least = 2
		}
		n := 0
		for ; n < most && at < len(text) && text[at] >= '0' && text[at] <= '9'; n++ {
			parts[i] = parts[i]*10 + int(text[at]-'0')
			at++
		}
		if n < least {
			return 0, 0, 0, false
		}
		if i == 2 || p.separator == 0 {
			continue
		}
		if at >= len(text) || text[at] != p.separator {
			return 0, 0, 0, false
		}
		at++
	}
	year = parts[p.year]
	if p.digits == 2 { // 50 to 99 are of the last century
		if year += 2000; year >= 2050 {
			year -= 100
		}
	}
	return year, parts[p.month], parts[p.day], at == len(text)
}

var monthDays = [...]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// validDay tells whether a day exists; years of fewer than four digits are mistakes.
func validDay(y, m, d int) bool {
	if y < 1000 || m < 1 || m > 12 || d < 1 {
		return false
	}
	if m == 2 && d == 29 {
		return y%4 == 0 && (y%100 != 0 || y%400 == 0)
	}
	return d <= monthDays[m-1]
}

// readSerial reads a spreadsheet's day number of five digits (May 1927 to October 2173: fewer could be a year), with a fraction
// of zeros at most.
func readSerial(text []byte) (int, bool) {
	if len(text) > 5 && (text[5] != '.' && text[5] != ',' || len(text) == 6 || len(bytes.Trim(text[6:], "0")) > 0) {
		return 0, false
	}
	n := 0
	for _, c := range text[:5] {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, n >= 10000
}

// civil is the day that lies so many days after 1970-01-01, in the Gregorian calendar.
func civil(days int) (year, month, day int) {
	z := days + 719468 // since 0000-03-01
	era := z / 146097
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day, month, year = doy-(153*mp+2)/5+1, mp+3, yoe+era*400
	if month > 12 {
		month, year = month-12, year+1
	}
	return year, month, day
}

// writeDay adds a day, as 2024-01-05.
func (m *Mapper) writeDay(y, mo, d int) schemas.Span {
	start := len(m.added)
	m.added = append(m.added, byte('0'+y/1000), byte('0'+y/100%10), byte('0'+y/10%10), byte('0'+y%10), '-',
		byte('0'+mo/10), byte('0'+mo%10), '-', byte('0'+d/10), byte('0'+d%10))
	return m.since(start)
}

// A decimalOp writes French numbers with the schema's decimal character and without spaces: "1 234,50" becomes "1234.50". Spaces
// must part groups of three; signs of currency, percentages, points and exponents leave the cell as it is. Of whole numbers it
// takes the spaces only.
type decimalOp struct {
	whole         bool
	keepComma     bool // the schema's own decimal character
	comma, spaces opTally
}

func newDecimalOp(f *schemas.Field) *decimalOp {
	return &decimalOp{
		whole: f.Type == schemas.Integer, keepComma: f.Options.DecimalChar == ",",
		comma: opTally{op: "decimal-comma"}, spaces: opTally{op: "thousands"},
	}
}

func (o *decimalOp) tallies() []*opTally { return []*opTally{&o.comma, &o.spaces} }

func (o *decimalOp) apply(m *Mapper, data []byte, s schemas.Span) (schemas.Span, *opTally) {
	text := m.text(data, s)
	if !mayBeFrench(text) {
		return s, nil
	}
	start := len(m.added)
	at, ok := m.addFrenchNumber(text)
	if !ok || at >= 0 && o.whole {
		m.added = m.added[:start]
		return s, nil
	}
	switch {
	case at < 0:
		return m.since(start), &o.spaces
	case !o.keepComma:
		return m.since(start), &o.comma
	}
	m.added[at] = ','
	if bytes.Equal(m.added[start:], text) {
		m.added = m.added[:start]
		return s, nil
	}
	return m.since(start), &o.spaces
}

// mayBeFrench tells whether there is a comma or a space to take care of.
func mayBeFrench(text []byte) bool {
	for _, c := range text {
		if c == ',' || c == ' ' || c >= 0x80 {
			return true
		}
	}
	return false
}

// addFrenchNumber adds text as a number with a point; it tells where the point is in what was added (-1 without), and whether text was such a
// number.
func (m *Mapper) addFrenchNumber(text []byte) (point int, ok bool) {
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		m.added = append(m.added, text[0])
		text = text[1:]
	}
	run, spaced := 0, false // digits since the start or the last space
	for len(text) > 0 && text[0] != ',' {
		if c := text[0]; c >= '0' && c <= '9' {
			m.added = append(m.added, c)
			run, text = run+1, text[1:]
			continue
		}
		n := spaceLen(text)
		if n == 0 || run == 0 || run > 3 || spaced && run != 3 {
			return 0, false
		}
		run, spaced, text = 0, true, text[n:]
	}
	if spaced && run != 3 {
		return 0, false
	}
	if len(text) == 0 {
		return -1, run > 0
	}
	if run == 0 {
		m.added = append(m.added, '0')
	}
	point = len(m.added)
	m.added = append(append(m.added, '.'), text[1:]...)
	for _, c := range text[1:] {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	return point, len(text) > 1
}

// spaceLen is the length of the space that text begins with: ordinary, no-break, narrow no-break or thin; 0 without.
func spaceLen(text []byte) int {
	if text[0] == ' ' {
		return 1
	}
	for _, s := range [...]string{"\u00a0", "\u202f", "\u2009"} {
		if len(text) >= len(s) && string(text[:len(s)]) == s {
			return len(s)
		}
	}
	return 0
}
