package schemas

import (
	"bytes"
	"strings"
)

// A shape says what a faulty cell looks like, so that all cells at fault in the same way are told as one cause. Telling it costs one pass
// over the cell and allocates nothing.
type shape uint8

const (
	shapeOther shape = iota
	shapeBlank
	shapeEdges // good but for the spaces around it
	shapeFrenchDate
	shapeMonthFirst
	shapeNoSuchDay
	shapeShortYear
	shapeDateTime
	shapeDateOnly
	shapeSlashedDate
	shapeCompactDate
	shapeSerialDate
	shapeJustYear
	shapeJustMonth
	shapeMonthName
	shapeNoSeconds
	shapeComma
	shapeGrouped
	shapeGroupedComma
	shapeCurrency
	shapePercent
	shapeUnit
	shapeDecimals
	shapeExponent
	shapeWords
	shapePlaceholder
	shapeSheetError
	shapeGarbled
	shapeYesNo
	shapeCase
	shapeSpacedDigits
	shapeLostZero
	shapeSIREN
	shapeDigits
	shapeNoScheme
	shapeSeveral
	shapePlainList
	shapeCount
)

// shapeNames are the shapes in Cause.Shape.
var shapeNames = [shapeCount]string{
	shapeBlank: "blank", shapeEdges: "spaces-around", shapeFrenchDate: "date-fr", shapeMonthFirst: "month-first", shapeNoSuchDay: "no-such-day",
	shapeShortYear: "short-year", shapeDateTime: "date-with-time", shapeDateOnly: "date-without-time", shapeSlashedDate: "date-slashes",
	shapeCompactDate: "date-compact", shapeSerialDate: "date-serial", shapeJustYear: "year-only", shapeJustMonth: "month-only", shapeMonthName: "month-name",
	shapeNoSeconds: "no-seconds", shapeComma: "decimal-comma", shapeGrouped: "thousands-spaces", shapeGroupedComma: "thousands-spaces-comma",
	shapeCurrency: "currency", shapePercent: "percent", shapeUnit: "unit", shapeDecimals: "decimals", shapeExponent: "scientific", shapeWords: "words",
	shapePlaceholder: "placeholder", shapeSheetError: "sheet-error", shapeGarbled: "garbled", shapeYesNo: "yes-no", shapeCase: "case",
	shapeSpacedDigits: "spaced-digits", shapeLostZero: "lost-zero", shapeSIREN: "siren-for-siret", shapeDigits: "wrong-length", shapeNoScheme: "no-scheme",
	shapeSeveral: "several-values", shapePlainList: "plain-list",
}

// repairable are the shapes that the closed list of repairs may mend.
var repairable = [shapeCount]bool{shapeEdges: true, shapeFrenchDate: true, shapeSerialDate: true, shapeComma: true, shapeGrouped: true, shapeGroupedComma: true,
	shapeCurrency: true, shapePercent: true, shapeYesNo: true, shapeCase: true, shapeSpacedDigits: true, shapeLostZero: true}

// A tally of a cell's bytes: how many of each class.
type byteCount struct {
	digits, letters, spaces, slashes, dashes, dots, commas, high int
}

// byteWeights has, for each byte, a one in the eighth of a word where bytes of its class are counted.
var byteWeights = func() (w [256]uint64) {
	for class, members := range []string{figures, letters, " \t", "/", "-", ".", ","} {
		for _, c := range []byte(members) {
			w[c] = 1 << (8 * class)
		}
	}
	for c := 0x80; c < 256; c++ {
		w[c] = 1 << 56
	}
	return w
}()

// countBytes counts at most shapeMax bytes.
func countBytes(b []byte) byteCount {
	sum := uint64(0)
	for _, c := range b {
		sum += byteWeights[c]
	}
	of := func(class int) int { return int(sum >> (8 * class) & 0xff) }
	return byteCount{digits: of(0), letters: of(1), spaces: of(2), slashes: of(3), dashes: of(4), dots: of(5), commas: of(6), high: of(7)}
}

// shapeMax is how many bytes of a cell are looked at.
const shapeMax = 64

// shapeOf tells what a cell looks like that broke a rule of its column.
func (c *Checker) shapeOf(col *column, what code, b []byte) shape {
	if len(b) > shapeMax {
		b = b[:shapeMax]
	}
	if what == codeEnum || what == codeType && col.kind == kindBoolean {
		return c.repeatedShape(col, what, b)
	}
	return c.newShape(col, what, b)
}

// repeatedShape is for columns of few values, whose wrong ones mostly come again and again: the last answer is kept.
func (c *Checker) repeatedShape(col *column, what code, b []byte) shape {
	last := c.told.lastOf(col)
	if last.shape == shapeCount || !bytes.Equal(last.text, b) {
		last.text, last.shape = append(last.text[:0], b...), c.newShape(col, what, b)
	}
	return last.shape
}

func (c *Checker) newShape(col *column, what code, b []byte) shape {
	body := trimEdges(b)
	if len(body) == 0 {
		return shapeBlank
	}
	if what == codeType && col.kind == kindDate && len(body) == len(b) {
		if s := numbersShape(body); s != shapeOther {
			return s
		}
	}
	n := countBytes(b)
	if s := brokenShape(body, &n); s != shapeOther {
		return s
	}
	switch what {
	case codeEnum:
		return c.enumShape(col, b)
	case codeType:
		return c.typeShape(col, b, body, &n)
	case codePattern, codeCheck:
		return c.textShape(col, b, body, &n)
	}
	return shapeOther
}

// trimEdges is a cell without the spaces at its ends, plain, no-break or narrow, and the tabs.
func trimEdges(b []byte) []byte {
	for len(b) > 0 {
		switch first := b[0]; {
		case first == ' ' || first == '\t':
			b = b[1:]
		case first == 0xc2 && bytes.HasPrefix(b, []byte("\u00a0")):
			b = b[2:]
		case first == 0xe2 && bytes.HasPrefix(b, []byte("\u202f")):
			b = b[3:]
		default:
			return trimEnd(b)
		}
	}
	return b
}

func trimEnd(b []byte) []byte {
	for len(b) > 0 {
		switch last := b[len(b)-1]; {
		case last == ' ' || last == '\t':
			b = b[:len(b)-1]
		case last == 0xa0 && bytes.HasSuffix(b, []byte("\u00a0")):
			b = b[:len(b)-2]
		case last == 0xaf && bytes.HasSuffix(b, []byte("\u202f")):
			b = b[:len(b)-3]
		default:
			return b
		}
	}
	return b
}

// brokenShape knows cells that something spoiled before they came.
func brokenShape(b []byte, n *byteCount) shape {
	if b[0] == '#' && n.digits < 2 && (n.letters > 0 || bytes.Count(b, []byte("#")) == len(b)) {
		return shapeSheetError
	}
	if n.high == 0 {
		return shapeOther
	}
	if i := bytes.Index(b, []byte("Ã")); i >= 0 && (bytes.Contains(b[i:], []byte("Ã©")) || bytes.Contains(b[i:], []byte("Ã¨"))) || bytes.IndexByte(b, "\ufffd"[0]) >= 0 && bytes.Contains(b, []byte("\ufffd")) {
		return shapeGarbled
	}
	return shapeOther
}

func (c *Checker) typeShape(col *column, b, body []byte, n *byteCount) shape {
	var v value
	if len(body) < len(b) && col.kind != kindInteger && col.kind != kindNumber && col.read(body, &v, &c.scratch) {
		return shapeEdges
	}
	switch col.kind {
	case kindInteger, kindNumber:
		return numberShape(col.kind, body, n)
	case kindDate, kindDateAny, kindDateLayout, kindYear, kindYearMonth:
		return dateShape(body, n)
	case kindDatetime, kindDatetimeLayout:
		if len(body) == len("2006-01-02T15:04") && n.digits == 12 {
			return shapeNoSeconds
		}
		if _, ok := parseDate(body); ok {
			return shapeDateOnly
		}
		return dateShape(body, n)
	case kindTime:
		if n.digits >= 3 && n.digits <= 4 && n.letters == 0 {
			return shapeNoSeconds
		}
	case kindBoolean:
		return booleanShape(col, body)
	case kindURI:
		if bytes.HasPrefix(body, []byte("www.")) {
			return shapeNoScheme
		}
	case kindEmail:
		if bytes.Count(body, []byte("@")) > 1 {
			return shapeSeveral
		}
	case kindArray:
		if body[0] != '[' {
			return shapePlainList
		}
	}
	return wordShape(body, n)
}

// wordShape tells words from placeholders.
func wordShape(b []byte, n *byteCount) shape {
	if isPlaceholder(b) {
		return shapePlaceholder
	}
	if n.digits == 0 && n.letters > 0 {
		return shapeWords
	}
	return shapeOther
}

var placeholders = [][]byte{[]byte("nc"), []byte("nd"), []byte("n/a"), []byte("na"), []byte("nr"), []byte("néant"), []byte("neant"), []byte("inconnu"), []byte("inconnue"),
	[]byte("n.c."), []byte("n.d."), []byte("n.r."), []byte("n.a."), []byte("null"), []byte("none"), []byte("sans"), []byte("aucun"), []byte("-"), []byte("--"), []byte("?"), []byte("/"), []byte("."), []byte("x")}

func isPlaceholder(b []byte) bool {
	if len(b) == 0 || len(b) > 9 || strings.IndexByte("nias-?/.x", lower(b[0])) < 0 {
		return false
	}
	for _, p := range placeholders {
		if bytes.EqualFold(b, p) {
			return true
		}
	}
	return false
}

func numberShape(k kind, b []byte, n *byteCount) shape {
	inner := n.spaces > 0 || bytes.Contains(b, []byte("\u00a0")) || bytes.Contains(b, []byte("\u202f"))
	switch {
	case n.digits == 0:
		return wordShape(b, n)
	case b[len(b)-1] == '%':
		return shapePercent
	case bytes.Contains(b, []byte("€")) || n.letters >= 3 && n.letters <= 5 && hasFold(b, "eur"):
		return shapeCurrency
	case n.slashes == 2 || n.dashes == 2 && n.digits >= 6:
		return shapeFrenchDate
	case n.letters == 1 && (bytes.IndexByte(b, 'E') > 0 || bytes.IndexByte(b, 'e') > 0):
		return shapeExponent
	case n.letters > 0:
		return shapeUnit
	case n.commas == 1 && inner:
		return shapeGroupedComma
	case n.commas == 1 && n.dots == 0:
		return shapeComma
	case inner && n.commas == 0:
		return shapeGrouped
	case k == kindInteger && n.dots == 1:
		return shapeDecimals
	}
	return shapeOther
}

// hasFold tells whether b holds the lower-case ASCII word whatever the case.
func hasFold(b []byte, word string) bool {
	for i := 0; i+len(word) <= len(b); i++ {
		if strings.EqualFold(string(b[i:i+len(word)]), word) {
			return true
		}
	}
	return false
}

// numbersShape knows the ways in which people and spreadsheets write days with three numbers.
func numbersShape(b []byte) shape {
	day, month, year, rest, ok := threeNumbers(b)
	switch {
	case !ok:
		return shapeOther
	case rest > 0:
		return shapeDateTime
	case day > 999:
		if b[4] != '-' && bytes.LastIndexByte(b, b[4]) > 4 {
			return shapeSlashedDate
		}
		return shapeNoSuchDay
	case year < 100:
		return shapeShortYear
	case month > 12 && day <= 12:
		return shapeMonthFirst
	case !isDay(year, month, day):
		return shapeNoSuchDay
	}
	return shapeFrenchDate
}

// dateShape knows the other ways as well.
func dateShape(b []byte, n *byteCount) shape {
	if s := numbersShape(b); s != shapeOther {
		return s
	}
	switch {
	case n.digits == len(b) && len(b) == 4:
		return shapeJustYear
	case n.digits == len(b) && len(b) == 8:
		return shapeCompactDate
	case n.digits == len(b) && len(b) == 5 && b[0] >= '2' && b[0] <= '5':
		return shapeSerialDate
	case n.digits == 6 && len(b) == 7:
		return shapeJustMonth
	case n.letters >= 3 && n.digits >= 4:
		return shapeMonthName
	}
	return wordShape(b, n)
}

// threeNumbers reads "12/03/2024" and its like with one of / . - between; rest is how many bytes follow.
func threeNumbers(b []byte) (first, second, third, rest int, ok bool) {
	var num [3]int
	i := 0
	for k := range num {
		from := i
		for i < len(b) && i-from < 4 && b[i] >= '0' && b[i] <= '9' {
			num[k] = num[k]*10 + int(b[i]-'0')
			i++
		}
		if i == from {
			return 0, 0, 0, 0, false
		}
		if k < 2 {
			if i >= len(b) || b[i] != '/' && b[i] != '.' && b[i] != '-' {
				return 0, 0, 0, 0, false
			}
			i++
		}
	}
	if i < len(b) && b[i] != ' ' && b[i] != 'T' {
		return 0, 0, 0, 0, false
	}
	return num[0], num[1], num[2], len(b) - i, true
}

func isDay(year, month, day int) bool {
	if month < 1 || month > 12 || day < 1 || day > 31 {
		return false
	}
	switch month {
	case 4, 6, 9, 11:
		return day <= 30
	case 2:
		return day <= 28 || day == 29 && year%4 == 0 && (year%100 != 0 || year%400 == 0)
	}
	return true
}

var yesNo = [][]byte{[]byte("oui"), []byte("non"), []byte("vrai"), []byte("faux"), []byte("true"), []byte("false"), []byte("o"), []byte("n"), []byte("yes"), []byte("no"), []byte("1"), []byte("0")}

func booleanShape(col *column, b []byte) shape {
	for _, t := range [2]texts{col.yes, col.no} {
		for _, s := range t {
			if len(s) == len(b) && strings.EqualFold(s, string(b)) {
				return shapeCase
			}
		}
	}
	for _, w := range yesNo {
		if bytes.EqualFold(b, w) {
			return shapeYesNo
		}
	}
	return shapeOther
}

// enumShape tells whether only case, accents or spaces keep a cell from being a value of the list.
func (c *Checker) enumShape(col *column, b []byte) shape {
	c.scratch.key = appendFolded(c.scratch.key[:0], bytes.TrimSpace(b))
	for _, s := range c.told.folded(col) {
		if s == string(c.scratch.key) {
			return shapeCase
		}
	}
	if isPlaceholder(bytes.TrimSpace(b)) {
		return shapePlaceholder
	}
	return shapeOther
}

// textShape looks at cells that should follow a pattern or hold an identifier.
func (c *Checker) textShape(col *column, b, body []byte, n *byteCount) shape {
	want := c.told.digits(col)
	switch {
	case len(body) < len(b) && (col.pattern == nil || matches(col.pattern, body)):
		return shapeEdges
	case isPlaceholder(body):
		return shapePlaceholder
	case n.digits == len(body) && want > 0 && len(body) == want-1:
		return shapeLostZero
	case n.digits == 9 && n.digits == len(body) && want == 14:
		return shapeSIREN
	case n.digits == len(body) && want > 0 && len(body) != want:
		return shapeDigits
	case want > 0 && n.digits == want && n.letters == 0 && (n.spaces > 0 || n.high > 0):
		return shapeSpacedDigits
	case want > 9 && n.letters == 1 && n.digits > 2 && (n.commas == 1 || n.dots == 1) && bytes.IndexByte(body, 'E') > 0:
		return shapeExponent
	case n.slashes == 2 && n.digits >= 6 && n.letters == 0:
		return dateShape(body, n)
	case want > 0 && n.letters > 0:
		return shapeWords
	}
	return shapeOther
}

func matches(p *pattern, b []byte) bool {
	ok, _ := p.match(b)
	return ok
}

// wantedDigits is how many digits every value of the column has, by its pattern or its check; 0 when that cannot be told.
func (c *Checker) wantedDigits(col *column) int {
	switch p := strings.Trim(col.field.Constraints.Pattern, "^$"); p {
	case `\d{14}`, `[0-9]{14}`:
		return 14
	case `\d{9}`, `[0-9]{9}`:
		return 9
	case `\d{5}`, `[0-9]{5}`, `([013-9]\d|2[AB1-9])\d{3}`:
		return 5
	}
	for _, k := range c.plan.checks {
		if k.columns[0] == col.index && k.code == "french-siret-value" {
			return 14
		}
		if k.columns[0] == col.index && k.code == "french-siren-value" {
			return 9
		}
	}
	return 0
}
