package schemas

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// SECURITY.md F-06: how deep JSON may nest, and how large a number may be written. Exponents beyond this cost the readers
// memory and stand for nothing that a table holds.
const (
	jsonDepth    = 100
	jsonExponent = 300
	jsonDigits   = 1000
)

// errDuplicate is returned for an object that names a member twice.
type errDuplicate struct{ name string }

func (e errDuplicate) Error() string { return fmt.Sprintf("member %q given twice", e.name) }

var (
	errDepth  = errors.New("nested too deep")
	errNumber = errors.New("number out of range")
	errValues = errors.New("too many values")
)

// parseJSON reads one JSON value into map[string]any, []any, string, json.Number, bool and nil: what jsonschema wants. Unlike
// encoding/json it reports duplicate members, and it bounds depth and numbers; numbers keep their exact text.
func parseJSON(b []byte) (any, error) {
	p := jsonParser{b: b}
	v, err := p.value(0)
	if err != nil {
		return nil, fmt.Errorf("byte %d: %w", p.i, err)
	}
	if p.space(); p.i < len(b) {
		return nil, fmt.Errorf("byte %d: text after the value", p.i)
	}
	return v, nil
}

// parseArray reads a JSON array.
func parseArray(b []byte) ([]any, bool) {
	v, err := parseJSON(b)
	items, ok := v.([]any)
	return items, ok && err == nil
}

// numeral returns the text of a JSON number or string, nil for everything else.
func numeral(v any) []byte {
	switch v := v.(type) {
	case json.Number:
		return []byte(v)
	case string:
		return []byte(v)
	}
	return nil
}

type jsonParser struct {
	b []byte
	i int
}

var errSyntax = errors.New("not JSON")

func (p *jsonParser) space() {
	for p.i < len(p.b) && (p.b[p.i] == ' ' || p.b[p.i] == '\n' || p.b[p.i] == '\t' || p.b[p.i] == '\r') {
		p.i++
	}
}

// peek skips white space and returns the next byte, 0 at the end.
func (p *jsonParser) peek() byte {
	p.space()
	if p.i == len(p.b) {
		return 0
	}
	return p.b[p.i]
}

func (p *jsonParser) word(w string, v any) (any, error) {
	if !bytes.HasPrefix(p.b[p.i:], []byte(w)) {
		return nil, errSyntax
	}
	p.i += len(w)
	return v, nil
}

func (p *jsonParser) value(depth int) (any, error) {
	if depth > jsonDepth {
		return nil, errDepth
	}
	switch c := p.peek(); c {
	case '{':
		return p.object(depth)
	case '[':
		return p.array(depth)
	case '"':
		return p.string()
	case 't':
		return p.word("true", true)
	case 'f':
		return p.word("false", false)
	case 'n':
		return p.word("null", nil)
	}
	return p.number()
}

func (p *jsonParser) object(depth int) (any, error) {
	p.i++
	m := map[string]any{}
	if p.peek() == '}' {
		p.i++
		return m, nil
	}
	for {
		if p.peek() != '"' {
			return nil, errSyntax
		}
		name, err := p.string()
		if err != nil {
			return nil, err
		}
		if p.peek() != ':' {
			return nil, errSyntax
		}
		p.i++
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		if _, twice := m[name]; twice {
			return nil, errDuplicate{name}
		}
		m[name] = v
		c := p.peek()
		p.i++
		if c == '}' {
			return m, nil
		}
		if c != ',' {
			return nil, errSyntax
		}
	}
}

func (p *jsonParser) array(depth int) (any, error) {
	p.i++
	items := []any{}
	if p.peek() == ']' {
		p.i++
		return items, nil
	}
	for {
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		items = append(items, v)
		c := p.peek()
		p.i++
		if c == ']' {
			return items, nil
		}
		if c != ',' {
			return nil, errSyntax
		}
	}
}

func (p *jsonParser) string() (string, error) {
	p.i++
	start := p.i
	for p.i < len(p.b) {
		switch c := p.b[p.i]; {
		case c == '"':
			s := p.b[start:p.i]
			p.i++
			if !utf8.Valid(s) {
				s = bytes.ToValidUTF8(s, []byte("\uFFFD"))
			}
			return string(s), nil
		case c == '\\':
			return p.escaped(append([]byte(nil), p.b[start:p.i]...))
		case c < ' ':
			return "", errSyntax
		}
		p.i++
	}
	return "", errSyntax
}

// escaped goes on with a string from its first backslash.
func (p *jsonParser) escaped(out []byte) (string, error) {
	for p.i < len(p.b) {
		c := p.b[p.i]
		p.i++
		switch {
		case c == '"':
			return string(bytes.ToValidUTF8(out, []byte("\uFFFD"))), nil
		case c < ' ':
			return "", errSyntax
		case c != '\\':
			out = append(out, c)
			continue
		}
		if p.i == len(p.b) {
			return "", errSyntax
		}
		c = p.b[p.i]
		p.i++
		if c == 'u' {
			r, ok := p.unicode()
			if !ok {
				return "", errSyntax
			}
			out = utf8.AppendRune(out, r)
			continue
		}
		at := bytes.IndexByte([]byte(`"\/bfnrt`), c)
		if at < 0 {
			return "", errSyntax
		}
		out = append(out, "\"\\/\b\f\n\r\t"[at])
	}
	return "", errSyntax
}

// unicode reads what follows \u, and a second \uXXXX when the first is half a pair.
func (p *jsonParser) unicode() (rune, bool) {
	r, ok := p.hex4()
	if !ok || !utf16.IsSurrogate(r) {
		return r, ok
	}
	if bytes.HasPrefix(p.b[p.i:], []byte(`\u`)) {
		back := p.i
		p.i += 2
		low, ok := p.hex4()
		if !ok {
			return 0, false
		}
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, true
		}
		p.i = back
	}
	return utf8.RuneError, true
}

func (p *jsonParser) hex4() (rune, bool) {
	if len(p.b)-p.i < 4 {
		return 0, false
	}
	var r rune
	for _, c := range p.b[p.i : p.i+4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 + rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 + rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	p.i += 4
	return r, true
}

// number reads a JSON number and keeps its text.
func (p *jsonParser) number() (any, error) {
	start := p.i
	if err := p.numeral(); err != nil {
		return nil, err
	}
	return json.Number(p.b[start:p.i]), nil
}

// numeral goes behind a number.
func (p *jsonParser) numeral() error {
	start := p.i
	if p.i < len(p.b) && p.b[p.i] == '-' {
		p.i++
	}
	whole := p.digits()
	if whole == 0 || whole > 1 && p.b[p.i-whole] == '0' {
		return errSyntax
	}
	if p.i < len(p.b) && p.b[p.i] == '.' {
		p.i++
		if p.digits() == 0 {
			return errSyntax
		}
	}
	if p.i < len(p.b) && p.b[p.i]|0x20 == 'e' {
		p.i++
		if p.i < len(p.b) && (p.b[p.i] == '+' || p.b[p.i] == '-') {
			p.i++
		}
		n := p.digits()
		if n == 0 {
			return errSyntax
		}
		if e, ok := digits(p.b[p.i-min(n, 9) : p.i]); n > 9 || !ok || e > jsonExponent {
			return errNumber
		}
	}
	if p.i-start > jsonDigits {
		return errNumber
	}
	return nil
}

func (p *jsonParser) digits() (n int) {
	b := p.b[p.i:]
	for n < len(b) && b[n]-'0' <= 9 {
		n++
	}
	p.i += n
	return n
}
