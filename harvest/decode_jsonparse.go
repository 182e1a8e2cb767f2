package harvest

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"grenier/schemas"
)

// A jsonParser checks the grammar of one JSON record and flattens it: each scalar and each list is handed to cell with its dotted
// path. What does not keep the record from being read is noted as a flaw.
type jsonParser struct {
	cell func(path []byte, v jsonValue) // nil: only check
	flaw func(path []byte, kind, message string)
	geo  bool // a GeoJSON feature: its properties are the columns

	text []byte
	pos  int
	path []byte
	keys [][]byte
	bare bool // no paths are kept; a flaw asks for a second go with them
	told bool // there was a flaw
}

// A jsonValue is a scalar or a list, as the record writes it.
type jsonValue struct {
	raw  []byte
	kind byte // '"', '[', '{', '0', 't', 'n'
	flat bool // a list of scalars
}

// parse goes through text, which is one whole value. at is the offset of a syntax error in text, -1 for none.
func (p *jsonParser) parse(text []byte) (at int) {
	p.bare, p.told = p.cell == nil, false
	if at = p.once(text); p.bare && p.told {
		p.bare = false
		at = p.once(text)
	}
	return at
}

func (p *jsonParser) once(text []byte) (at int) {
	p.text, p.pos, p.path, p.keys = text, 0, p.path[:0], p.keys[:0]
	p.space()
	ok := false
	if p.look() == '{' {
		ok = p.object(p.cell != nil, p.geo)
	} else {
		_, ok = p.value()
	}
	p.space()
	if !ok || p.pos != len(text) {
		return p.pos
	}
	return -1
}

// note reports a flaw, once its path is known.
func (p *jsonParser) note(kind string, message func() string) {
	if p.told = true; !p.bare {
		p.flaw(p.path, kind, message())
	}
}

func (p *jsonParser) space() {
	for p.pos < len(p.text) && (p.text[p.pos] == ' ' || p.text[p.pos] == '\n' || p.text[p.pos] == '\r' || p.text[p.pos] == '\t') {
		p.pos++
	}
}

// look is the next byte, 0 at the end.
func (p *jsonParser) look() byte {
	if p.pos < len(p.text) {
		return p.text[p.pos]
	}
	return 0
}

// object goes through an object; flatten hands its members over as columns.
func (p *jsonParser) object(flatten, geo bool) bool {
	p.pos++
	mine, path := len(p.keys), len(p.path)
	ok := p.members(mine, path, flatten, geo)
	p.keys, p.path = p.keys[:mine], p.path[:path]
	return ok
}

// members goes through what is behind the bracket of an object; its keys and its path begin at mine and path.
func (p *jsonParser) members(mine, path int, flatten, geo bool) bool {
	first := true
	var seen map[string]bool // the keys, once they are many
	for {
		p.space()
		if p.look() == '}' {
			p.pos++
			return true
		}
		if !first {
			if p.look() != ',' {
				return false
			}
			p.pos++
			p.space()
		}
		first = false
		if p.look() != '"' {
			return false
		}
		raw, ok := p.string()
		if !ok {
			return false
		}
		p.space()
		if p.look() != ':' {
			return false
		}
		p.pos++
		p.space()
		if seen == nil && len(p.keys)-mine == 32 {
			seen = make(map[string]bool, 64)
			for _, k := range p.keys[mine:] {
				seen[string(k)] = true
			}
		}
		p.enter(mine, path, raw, seen)
		if ok := p.member(flatten, geo); !ok {
			return false
		}
	}
}

// enter puts the key on the path, and notes when its object has it already.
func (p *jsonParser) enter(mine, path int, raw []byte, seen map[string]bool) {
	key := raw[1 : len(raw)-1]
	if bytes.IndexByte(key, '\\') >= 0 || !utf8.Valid(key) {
		key, _ = appendString(nil, key)
	}
	if !p.bare {
		p.path = p.path[:path]
		if path > 0 {
			p.path = append(p.path, '.')
		}
		p.path = append(p.path, key...)
	}
	if hasKey(p.keys[mine:], key, seen) {
		p.note("source-error", func() string {
			return "La clé « " + clip(p.path) + " » figure deux fois dans l’enregistrement : on ne sait pas quelle valeur est la bonne. Gardez-en une seule."
		})
	}
	p.keys = append(p.keys, key)
}

// hasKey tells whether an object has key already. seen, when there is one, holds its keys and gets this one.
func hasKey(keys [][]byte, key []byte, seen map[string]bool) bool {
	if seen != nil {
		twice := seen[string(key)]
		seen[string(key)] = true
		return twice
	}
	for _, k := range keys {
		if bytes.Equal(k, key) {
			return true
		}
	}
	return false
}

// member goes through the value of the key on the path.
func (p *jsonParser) member(flatten, geo bool) bool {
	if geo {
		return p.feature()
	}
	if flatten && p.look() == '{' {
		return p.object(true, false)
	}
	v, ok := p.value()
	if ok && flatten {
		p.cell(p.path, v)
	}
	return ok
}

// feature goes through a member of a GeoJSON feature: its properties become columns under their own names, its geometry one column of
// JSON text, its identifier the column that featureID names to the receiver.
func (p *jsonParser) feature() bool {
	switch string(p.path) {
	case "properties":
		if p.look() == '{' {
			p.path = p.path[:0]
			return p.object(true, false)
		}
	case "geometry":
		v, ok := p.value()
		v.flat = false
		if ok {
			p.cell(p.path, v)
		}
		return ok
	case "id":
		v, ok := p.value()
		if ok {
			p.cell(featureID, v)
		}
		return ok
	}
	_, ok := p.value()
	return ok
}

// featureID is the path of a feature's own identifier: no key can be it.
var featureID = []byte{0xff}

// value goes through any value.
func (p *jsonParser) value() (v jsonValue, ok bool) {
	start := p.pos
	v.kind = p.look()
	switch c := v.kind; {
	case c == '"':
		_, ok = p.string()
	case c == '{':
		ok = p.object(false, false)
	case c == '[':
		v.flat, ok = p.list()
	case c == '-' || c >= '0' && c <= '9':
		v.kind = '0'
		ok = p.number()
	default:
		ok = p.word(&v)
	}
	v.raw = p.text[start:p.pos]
	return v, ok
}

// list goes through a list and tells whether it holds scalars only.
func (p *jsonParser) list() (flat, ok bool) {
	p.pos++
	flat = true
	for first := true; ; first = false {
		p.space()
		if p.look() == ']' {
			p.pos++
			return flat, true
		}
		if !first {
			if p.look() != ',' {
				return false, false
			}
			p.pos++
			p.space()
		}
		v, ok := p.value()
		if !ok {
			return false, false
		}
		flat = flat && v.kind != '{' && v.kind != '['
	}
}

// word takes true, false and null, and notes what other programs write where a number should be.
func (p *jsonParser) word(v *jsonValue) bool {
	for _, w := range []string{"true", "false", "null", "NaN", "nan", "Infinity", "inf"} {
		if !bytes.HasPrefix(p.text[p.pos:], []byte(w)) {
			continue
		}
		p.pos += len(w)
		if v.kind != 't' && v.kind != 'f' && w != "null" {
			v.kind = '0'
			p.notNumber(w)
		}
		return true
	}
	return false
}

func (p *jsonParser) notNumber(w string) {
	p.note("source-error", func() string {
		return "La clé « " + clip(p.path) + " » vaut " + w + ", qui n’est ni un nombre ni du JSON. Mettez null ou retirez la clé quand la valeur est inconnue."
	})
}

// number takes a number, as the grammar of JSON has it.
func (p *jsonParser) number() bool {
	if p.look() == '-' {
		p.pos++
		if p.look() == 'I' {
			return p.word(&jsonValue{kind: 'I'})
		}
	}
	if p.look() == '0' {
		p.pos++
	} else if !p.digits() {
		return false
	}
	if p.look() == '.' {
		p.pos++
		if !p.digits() {
			return false
		}
	}
	if p.look()|0x20 == 'e' {
		p.pos++
		if c := p.look(); c == '+' || c == '-' {
			p.pos++
		}
		return p.digits()
	}
	return true
}

func (p *jsonParser) digits() bool {
	start := p.pos
	for c := p.look(); c >= '0' && c <= '9'; c = p.look() {
		p.pos++
	}
	return p.pos > start
}

// string takes a string with its quotes. Control characters in it are noted.
func (p *jsonParser) string() ([]byte, bool) {
	start := p.pos
	p.pos++
	for i, c := range p.text[p.pos:] {
		if c == '"' {
			p.pos += i + 1
			return p.text[start:p.pos], true
		}
		if c == '\\' || c < ' ' {
			break
		}
	}
	for {
		i := bytes.IndexByte(p.text[p.pos:], '"')
		if i < 0 {
			p.pos = len(p.text)
			return nil, false
		}
		p.pos += i + 1
		slashes := 0
		for p.text[p.pos-2-slashes] == '\\' {
			slashes++
		}
		if slashes&1 == 0 {
			break
		}
	}
	raw := p.text[start:p.pos]
	return raw, p.escapes(raw, start)
}

// escapes checks the escapes of a string and the characters that must be escaped.
func (p *jsonParser) escapes(raw []byte, start int) bool {
	for i := 1; i < len(raw)-1; i++ {
		switch c := raw[i]; {
		case c == '\\':
			i++
			switch raw[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if _, ok := hex4(raw[i+1:]); !ok {
					p.pos = start + i
					return false
				}
				i += 4
			default:
				p.pos = start + i
				return false
			}
		case c < 0x20:
			p.note("source-error", func() string {
				return "Le texte de « " + clip(p.path) + " » contient un saut de ligne ou un autre caractère de contrôle, interdit tel quel en JSON. Échappez-le (par exemple \\n)."
			})
			return true
		}
	}
	return true
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[:4]), 16, 16)
	return rune(n), err == nil && b[0] != '+' && b[0] != '-' && b[0] != '_'
}

// appendString appends the text of a string's inside. ok is false when it has characters that are none: broken UTF-8, half a
// surrogate pair, NUL; they become U+FFFD.
func appendString(dst, raw []byte) (_ []byte, ok bool) {
	from := len(dst)
	if bytes.IndexByte(raw, '\\') < 0 {
		dst = append(dst, raw...)
	} else {
		dst = appendUnescaped(dst, raw)
	}
	text := dst[from:]
	if utf8.Valid(text) && bytes.IndexByte(text, 0) < 0 {
		return dst, true
	}
	return appendClean(dst[:from:from], text), false
}

func appendUnescaped(dst, raw []byte) []byte {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' || i+1 == len(raw) {
			dst = append(dst, raw[i])
			continue
		}
		i++
		switch c := raw[i]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, _ := hex4(raw[i+1:])
			i += min(4, len(raw)-i-1)
			if utf16.IsSurrogate(r) {
				low := rune(-1)
				if bytes.HasPrefix(raw[i+1:], []byte(`\u`)) {
					low, _ = hex4(raw[i+3:])
				}
				if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
					dst = append(dst, 0xff) // found by utf8.Valid
					continue
				}
				i += 6
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// clip cuts a path for a message.
func clip(path []byte) string {
	s := string(bytes.ToValidUTF8(path, []byte("\ufffd")))
	if len(s) > schemas.MaxCell {
		return string(bytes.ToValidUTF8([]byte(s[:schemas.MaxCell]), nil)) + "…"
	}
	return s
}
