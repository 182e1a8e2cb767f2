package harvest

import (
	"bytes"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"grenier/schemas"
)

// looseKey is a text without case, accents, spaces and apostrophes: texts with the same key are the same but for how they are typed.
func looseKey(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r), isBlank(r), strings.ContainsRune("'’‘ʼ`´", r):
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFD.String(strings.NewReplacer("œ", "oe", "Œ", "oe", "æ", "ae", "Æ", "ae").Replace(s)))
}

// labelKey is the loose key of a label, without punctuation either.
func labelKey(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, looseKey(s))
}

func trimmed(text []byte) []byte {
	start, end := trimBounds(text)
	return text[start:end]
}

func trimCell(_ *repairer, _ *repairColumn, text []byte) ([]byte, bool) {
	t := trimmed(text)
	return t, len(t) < len(text)
}

var currencies = []string{"€", "eur", "euros", "euro"}

// dropCurrency takes the sign of the euro away, before or behind a number.
func dropCurrency(_ *repairer, _ *repairColumn, text []byte) ([]byte, bool) {
	for _, sign := range currencies {
		if rest, ok := cutAround(text, sign); ok {
			return rest, true
		}
	}
	return text, false
}

// cutAround takes a word off one end of a text, with the white space next to it; a digit must be left where it stood.
func cutAround(text []byte, word string) (rest []byte, ok bool) {
	n := len(word)
	switch {
	case len(text) > n && strings.EqualFold(string(text[len(text)-n:]), word):
		rest = trimmed(text[:len(text)-n])
		return rest, len(rest) > 0 && isFigure(rest[len(rest)-1])
	case len(text) > n && strings.EqualFold(string(text[:n]), word):
		rest = trimmed(text[n:])
		return rest, len(rest) > 0 && (isFigure(rest[0]) || rest[0] == '-')
	}
	return nil, false
}

func isFigure(c byte) bool { return c >= '0' && c <= '9' }

// dropPercent takes the percent sign away where the schema counts in hundredths: a field bounded by 1 wants a share, and a number there
// with the sign could be meant either way.
func dropPercent(_ *repairer, c *repairColumn, text []byte) ([]byte, bool) {
	if c.wantsShare() {
		return text, false
	}
	rest, ok := bytes.CutSuffix(text, []byte("%"))
	if rest = trimmed(rest); !ok || len(rest) == 0 || !isFigure(rest[len(rest)-1]) {
		return text, false
	}
	return rest, true
}

// wantsShare tells whether the field is a share between 0 and 1.
func (c *repairColumn) wantsShare() bool {
	top, err := strconv.ParseFloat(c.field.Constraints.Maximum, 64)
	return err == nil && top <= 1
}

func (c *repairColumn) observePercent(text []byte) {
	if c.wantsShare() && bytes.HasSuffix(trimmed(text), []byte("%")) {
		c.percents++
	}
}

// dropThousands takes away the spaces between groups of three figures, in front of a comma or a point or of neither.
func dropThousands(r *repairer, _ *repairColumn, text []byte) ([]byte, bool) {
	if len(text) == 0 || !hasSpace(text) {
		return text, false
	}
	mark := byte(',')
	if bytes.IndexByte(text, '.') >= 0 {
		if bytes.IndexByte(text, ',') >= 0 || bytes.Count(text, []byte(".")) > 1 {
			return text, false
		}
		mark = '.'
		text = bytes.Replace(text, []byte("."), []byte(","), 1)
	}
	number, point, ok := r.frenchNumber(text)
	if !ok {
		return text, false
	}
	if point >= 0 {
		number[point] = mark
	}
	return number, true
}

func hasSpace(text []byte) bool {
	for i := range text {
		if spaceLen(text[i:]) > 0 {
			return true
		}
	}
	return false
}

// frenchNumber is a number in French writing, with a point and without spaces; point is where the point is, -1 without.
func (r *repairer) frenchNumber(text []byte) (number []byte, point int, ok bool) {
	r.number.added = r.number.added[:0]
	if point, ok = r.number.addFrenchNumber(text); !ok {
		return nil, 0, false
	}
	return bytes.Clone(r.number.added), point, true
}

// pointForComma writes the decimal point where the comma was.
func pointForComma(r *repairer, c *repairColumn, text []byte) ([]byte, bool) {
	comma := bytes.IndexByte(text, ',')
	if comma < 0 || c.field.Options.DecimalChar == "," || hasSpace(text) || c.decimals.doubtful && mayPartThousands(text, comma) {
		return text, false
	}
	number, point, ok := r.frenchNumber(text)
	return number, ok && point >= 0
}

// bareNumber is the number in a cell without what other operations would take away, but for its comma or point.
func (r *repairer) bareNumber(text []byte) []byte {
	text = trimmed(text)
	if t, ok := dropCurrency(nil, nil, text); ok {
		text = t
	}
	text = trimmed(bytes.TrimSuffix(text, []byte("%")))
	if t, ok := dropThousands(r, nil, text); ok {
		text = t
	}
	return text
}

// decimalFacts say how a column writes decimals.
type decimalFacts struct {
	french   int64  // a comma that can only be the decimal one: 12,5
	english  int64  // commas that can only part thousands: 1,234.50
	either   int64  // 1,234
	points   int64  // 12.5
	sample   string // of either
	doubtful bool
}

func (d *decimalFacts) observe(text []byte, good bool) {
	comma, point := bytes.IndexByte(text, ','), bytes.IndexByte(text, '.')
	switch {
	case comma < 0 && point >= 0:
		if good {
			d.points++
		}
	case comma < 0:
	case point > comma || bytes.Count(text, []byte(",")) > 1:
		d.english++
	case mayPartThousands(text, comma):
		if d.either++; d.sample == "" {
			d.sample = cutCell(text)
		}
	default:
		d.french++
	}
}

// mayPartThousands tells whether a lone comma could part thousands: one to three figures before it, not just zero, and three behind.
func mayPartThousands(text []byte, comma int) bool {
	whole := bytes.TrimLeft(text[:comma], "+-")
	return len(text)-comma-1 == 3 && len(whole) >= 1 && len(whole) <= 3 && whole[0] != '0'
}

// closeIdentifier takes spaces and dots out of a SIRET or SIREN.
func closeIdentifier(_ *repairer, c *repairColumn, text []byte) ([]byte, bool) {
	digits := bytes.Map(func(r rune) rune {
		if r == '.' || isBlank(r) {
			return -1
		}
		return r
	}, text)
	if len(digits) == len(text) || len(digits) != c.digits && len(digits) != c.digits-1 || !allFigures(digits) {
		return text, false
	}
	return digits, true
}

func allFigures(text []byte) bool {
	for _, c := range text {
		if !isFigure(c) {
			return false
		}
	}
	return len(text) > 0
}

// identifierZero gives a SIRET or SIREN the zero back that a spreadsheet took for a number's, when the control key proves it.
func identifierZero(_ *repairer, c *repairColumn, text []byte) ([]byte, bool) {
	if len(text) != c.digits-1 || !allFigures(text) {
		return text, false
	}
	full := append([]byte("0"), text...)
	return full, luhn(string(full)) && luhn(string(full[:9]))
}

// inseeZero gives the code of a commune or a postal code of the départements 01 to 09 its zero back.
func inseeZero(_ *repairer, _ *repairColumn, text []byte) ([]byte, bool) {
	if len(text) != 4 || !allFigures(text) || text[0] == '0' {
		return text, false
	}
	return append([]byte("0"), text...), true
}

// booleanWords are what people write for true and false.
var booleanWords = map[string]bool{
	"oui": true, "vrai": true, "yes": true, "true": true, "x": true, "1": true,
	"non": false, "faux": false, "no": false, "false": false, "0": false,
}

// booleanWord writes a truth value as the schema does.
func booleanWord(_ *repairer, c *repairColumn, text []byte) ([]byte, bool) {
	truth, known := booleanWords[looseKey(string(text))]
	word, values := "false", c.field.Options.FalseValues
	if truth {
		word, values = "true", c.field.Options.TrueValues
	}
	if len(values) > 0 {
		word = values[0]
	}
	return []byte(word), known
}

// listedValue is the only allowed value that differs by case, accents, spaces and apostrophes alone.
func listedValue(_ *repairer, c *repairColumn, text []byte) ([]byte, bool) {
	v := c.enum[looseKey(string(text))]
	return []byte(v), v != "" && v != string(text)
}

// dateFacts say in which order a column writes days and months.
type dateFacts struct {
	french   int64  // 25/12/2024
	american int64  // 12/25/2024
	either   int64  // 03/04/2024
	sample   string // of either
	doubtful bool
}

// A dayOrder is how a day that is written with its year last can be read.
type dayOrder uint8

const (
	noDay dayOrder = iota
	dayFirst
	monthFirst
	eitherFirst
	sameDay // 04/04/2024: both ways it is the same
)

// A shortDay is a day whose year is last.
type shortDay struct {
	a, b, year int
	order      dayOrder
}

var frenchPatterns = []datePattern{datePatterns["jj/mm/aaaa"], datePatterns["jj-mm-aaaa"], datePatterns["jj.mm.aaaa"]}

func readShortDay(text []byte) (d shortDay) {
	for _, p := range frenchPatterns {
		y, b, a, ok := p.read(text)
		if !ok {
			continue
		}
		french, american := validDay(y, b, a), validDay(y, a, b)
		d = shortDay{a: a, b: b, year: y}
		switch {
		case french && american && a == b:
			d.order = sameDay
		case french && american:
			d.order = eitherFirst
		case french:
			d.order = dayFirst
		case american:
			d.order = monthFirst
		}
		return d
	}
	return d
}

// dayPart is the part of a text in front of a time.
func dayPart(text []byte) []byte {
	if i := bytes.IndexAny(text, " T"); i >= 0 {
		return text[:i]
	}
	return text
}

func (f *dateFacts) observe(text []byte) {
	switch readShortDay(dayPart(text)).order {
	case dayFirst:
		f.french++
	case monthFirst:
		f.american++
	case eitherFirst:
		if f.either++; f.sample == "" {
			f.sample = cutCell(text)
		}
	}
}

// iso writes a day in the ISO way when there is no doubt about it.
func (f *dateFacts) iso(day []byte) ([]byte, bool) {
	d := readShortDay(day)
	switch {
	case d.order == dayFirst, d.order == sameDay, d.order == eitherFirst && !f.doubtful:
		m := Mapper{}
		m.writeDay(d.year, d.b, d.a)
		return m.added, true
	}
	return nil, false
}

// frenchDate writes a French date in the ISO way; a time of midnight behind it is dropped.
func frenchDate(_ *repairer, c *repairColumn, text []byte) ([]byte, bool) {
	day, ok := cutMidnight(text)
	switch {
	case !ok:
		return text, false
	case isISODay(day) && len(day) < len(text):
		return day, true
	}
	return c.dates.iso(day)
}

// frenchMoment writes a French date and time in the ISO way.
func frenchMoment(_ *repairer, c *repairColumn, text []byte) ([]byte, bool) {
	day := dayPart(text)
	if len(day) == len(text) {
		return text, false
	}
	iso, ok := c.dates.iso(day)
	if !ok {
		return text, false
	}
	clock := trimmed(text[len(day)+1:])
	if len(clock) > 1 && clock[1] == ':' {
		clock = append([]byte("0"), clock...)
	}
	if len(clock) == len("10:30") {
		clock = append(bytes.Clone(clock), ":00"...)
	}
	return append(append(iso, 'T'), clock...), true
}

// serialFacts say what numbers a column of dates holds.
type serialFacts struct {
	serials, other int64
	sample         string // of serials
	doubtful       bool
}

// The days that spreadsheets' numbers may stand for: 1954 to 2119.
const firstSerial, lastSerial = 20000, 80000

func readDayNumber(text []byte) (n float64, isNumber, isSerial bool) {
	if len(text) == 0 || !isFigure(text[0]) || bytes.Count(text, []byte("."))+bytes.Count(text, []byte(",")) > 1 {
		return 0, false, false
	}
	n, err := strconv.ParseFloat(strings.Replace(string(text), ",", ".", 1), 64)
	if err != nil || bytes.ContainsAny(text, "eExXpP_") {
		return 0, false, false
	}
	return n, true, n >= firstSerial && n <= lastSerial && text[0] != '0'
}

func (f *serialFacts) observe(text []byte) {
	switch _, isNumber, isSerial := readDayNumber(text); {
	case isSerial:
		if f.serials++; f.sample == "" {
			f.sample = cutCell(text)
		}
	case isNumber:
		f.other++
	}
}

// excelDate writes the day that a spreadsheet's number stands for, counted from 1900.
func excelDate(_ *repairer, c *repairColumn, text []byte) ([]byte, bool) {
	n, _, isSerial := readDayNumber(text)
	if !isSerial || c.serials.doubtful {
		return text, false
	}
	iso, ok := momentText(n, asDay, false)
	if c.field.Type == schemas.Datetime && len(iso) == len("2024-01-05") {
		iso += "T00:00:00"
	}
	return []byte(iso), ok
}
