package schemas

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A byteSet holds ASCII characters.
type byteSet [256]bool

func newByteSet(chars string) *byteSet {
	var s byteSet
	for _, c := range []byte(chars) {
		s[c] = true
	}
	return &s
}

func (s *byteSet) all(b []byte) bool {
	for _, c := range b {
		if !s[c] {
			return false
		}
	}
	return true
}

const (
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	figures = "0123456789"
)

// RFC 3986, appendix A.
var (
	uriScheme   = newByteSet(letters + figures + "+-.")
	uriUser     = newByteSet(letters + figures + "-._~!$&'()*+,;=:%")
	uriHost     = newByteSet(letters + figures + "-._~!$&'()*+,;=%")
	uriLiteral  = newByteSet(letters + figures + "-._~!$&'()*+,;=:")
	uriPath     = newByteSet(letters + figures + "-._~!$&'()*+,;=:@/%")
	uriQuery    = newByteSet(letters + figures + "-._~!$&'()*+,;=:@/?%")
	onlyFigures = newByteSet(figures)
	hexFigures  = newByteSet(figures + "abcdefABCDEF")
	mailLocal   = newByteSet(letters + figures + "!#$%&'*+/=?^_`{|}~-.")
)

// isURI tells whether b is a URI with a scheme, per RFC 3986: ASCII only, no space.
func isURI(b []byte) bool {
	colon := bytes.IndexByte(b, ':')
	if colon < 1 || !uriScheme.all(b[:colon]) || !strings.ContainsRune(letters, rune(b[0])) || !percents(b) {
		return false
	}
	rest := b[colon+1:]
	if i := bytes.IndexByte(rest, '#'); i >= 0 {
		if !uriQuery.all(rest[i+1:]) {
			return false
		}
		rest = rest[:i]
	}
	if i := bytes.IndexByte(rest, '?'); i >= 0 {
		if !uriQuery.all(rest[i+1:]) {
			return false
		}
		rest = rest[:i]
	}
	if bytes.HasPrefix(rest, []byte("//")) {
		rest = rest[2:]
		end := bytes.IndexByte(rest, '/')
		if end < 0 {
			end = len(rest)
		}
		if !isAuthority(rest[:end]) {
			return false
		}
		rest = rest[end:]
	}
	return uriPath.all(rest)
}

// percents tells whether every "%" is followed by two hexadecimal figures.
func percents(b []byte) bool {
	for i, c := range b {
		if c == '%' && (i+2 >= len(b) || !hexFigures[b[i+1]] || !hexFigures[b[i+2]]) {
			return false
		}
	}
	return true
}

func isAuthority(b []byte) bool {
	if at := bytes.LastIndexByte(b, '@'); at >= 0 {
		if !uriUser.all(b[:at]) {
			return false
		}
		b = b[at+1:]
	}
	if len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 0 || !uriLiteral.all(b[1:end]) {
			return false
		}
		b = b[end+1:]
		return len(b) == 0 || b[0] == ':' && onlyFigures.all(b[1:])
	}
	if colon := bytes.LastIndexByte(b, ':'); colon >= 0 {
		if !onlyFigures.all(b[colon+1:]) {
			return false
		}
		b = b[:colon]
	}
	return uriHost.all(b)
}

// isEmail tells whether b is an address without display name: a dotted or quoted local part and a domain of at least two labels.
func isEmail(b []byte) bool {
	at := bytes.LastIndexByte(b, '@')
	if at < 1 || at > 64 || len(b)-at-1 > 253 {
		return false
	}
	local := b[:at]
	if local[0] == '"' {
		if len(local) < 3 || local[len(local)-1] != '"' || bytes.ContainsAny(local[1:len(local)-1], "\"\r\n") {
			return false
		}
	} else if !mailLocal.all(local) || local[0] == '.' || local[at-1] == '.' || bytes.Contains(local, []byte("..")) {
		return false
	}
	return isDomain(b[at+1:])
}

// isDomain accepts accents, as internationalised names are written.
func isDomain(b []byte) bool {
	labels := 0
	for {
		label := b
		dot := bytes.IndexByte(b, '.')
		if dot >= 0 {
			label = b[:dot]
		}
		if n := len(label); n == 0 || n > 63 || label[0] == '-' || label[n-1] == '-' {
			return false
		}
		for _, r := range text(label) {
			if r != '-' && (r < utf8.RuneSelf && !strings.ContainsRune(letters+figures, r) || r >= utf8.RuneSelf && !unicode.IsLetter(r) && !unicode.IsMark(r)) {
				return false
			}
		}
		labels++
		if dot < 0 {
			return labels > 1 && len(label) > 1 && !onlyFigures.all(label)
		}
		b = b[dot+1:]
	}
}

// isUUID tells whether b is 8-4-4-4-12 hexadecimal figures.
func isUUID(b []byte) bool {
	if len(b) != 36 {
		return false
	}
	for i, c := range b {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if !hexFigures[c] {
			return false
		}
	}
	return true
}

var base64Alphabet = newByteSet(letters + figures + "+/")

// isBase64 is as lenient as Python's decoder: foreign characters count for nothing, the padding must be complete.
func isBase64(b []byte) bool {
	data, pads := 0, 0
	for _, c := range b {
		switch {
		case base64Alphabet[c]:
			data++
		case c == '=' && data%4 > 1:
			if pads++; data%4+pads >= 4 {
				return true
			}
		}
	}
	return data%4 == 0
}

var wktKinds = []string{"POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON", "GEOMETRYCOLLECTION",
	"CIRCULARSTRING", "COMPOUNDCURVE", "CURVEPOLYGON", "MULTICURVE", "MULTISURFACE", "POLYHEDRALSURFACE", "TIN", "TRIANGLE"}

// isWKT tells whether b is a geometry in Well-Known Text, perhaps with an SRID before it.
func isWKT(b []byte) bool {
	s := strings.TrimSpace(text(b))
	if len(s) > 5 && strings.EqualFold(s[:5], "SRID=") {
		_, after, ok := strings.Cut(s, ";")
		if !ok {
			return false
		}
		s = after
	}
	rest, ok := wktGeometry(s, 0)
	return ok && strings.TrimSpace(rest) == ""
}

func wktWord(s string) (word, rest string) {
	s = strings.TrimLeft(s, " \t\r\n")
	n := 0
	for n < len(s) && strings.IndexByte(letters, s[n]) >= 0 {
		n++
	}
	return strings.ToUpper(s[:n]), s[n:]
}

func wktGeometry(s string, depth int) (rest string, ok bool) {
	word, rest := wktWord(s)
	known := false
	for _, k := range wktKinds {
		known = known || word == k || strings.TrimRight(word, "ZM") == k
	}
	if !known || depth > 20 {
		return "", false
	}
	if word, after := wktWord(rest); word == "Z" || word == "M" || word == "ZM" {
		rest = after
	}
	if word, after := wktWord(rest); word == "EMPTY" {
		return after, true
	}
	return wktList(rest, depth+1)
}

// wktList reads "(item, item…)" where an item is a list, a geometry or the numbers of a point.
func wktList(s string, depth int) (rest string, ok bool) {
	s = strings.TrimLeft(s, " \t\r\n")
	if s == "" || s[0] != '(' || depth > 20 {
		return "", false
	}
	for s = s[1:]; ; s = s[1:] {
		s = strings.TrimLeft(s, " \t\r\n")
		word, after := wktWord(s)
		switch {
		case strings.HasPrefix(s, "("):
			s, ok = wktList(s, depth+1)
		case word == "EMPTY":
			s, ok = after, true
		case word != "":
			s, ok = wktGeometry(s, depth+1)
		default:
			s, ok = wktPoint(s)
		}
		if !ok {
			return "", false
		}
		s = strings.TrimLeft(s, " \t\r\n")
		if strings.HasPrefix(s, ")") {
			return s[1:], true
		}
		if !strings.HasPrefix(s, ",") {
			return "", false
		}
	}
}

func wktPoint(s string) (rest string, ok bool) {
	end := strings.IndexAny(s, ",)")
	if end < 0 {
		return "", false
	}
	n := 0
	for f := range strings.FieldsSeq(s[:end]) {
		if _, ok := parseNumber([]byte(f)); !ok {
			return "", false
		}
		n++
	}
	return s[end:], n >= 2 && n <= 4
}
