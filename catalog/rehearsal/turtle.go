package rehearsal

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A turtleReader reads Turtle 1.1, or N-Triples when it is strict. Like data.gouv.fr's reader it takes any character in an address: what an
// address may not hold is judged afterwards.
type turtleReader struct {
	text     string
	pos      int
	strict   bool
	limits   Limits
	depth    int
	graph    *Graph
	base     string
	prefixes map[string]string
	blanks   int
}

func parseTurtle(text string, strict bool, limits Limits) (g *Graph, err error) {
	r := &turtleReader{text: strings.TrimPrefix(text, "\uFEFF"), strict: strict, limits: limits, graph: newGraph(), prefixes: map[string]string{}}
	defer func() {
		if p := recover(); p != nil {
			e, ok := p.(*SyntaxError)
			if !ok {
				panic(p)
			}
			g, err = nil, e
		}
	}()
	for r.space(); r.pos < len(r.text); r.space() {
		r.statement()
	}
	return r.graph, nil
}

// fail ends the reading; parseTurtle returns it.
func (r *turtleReader) fail(format string, args ...any) { r.failAt(r.pos, format, args...) }

func (r *turtleReader) failAt(pos int, format string, args ...any) {
	panic(errorAt(r.text, pos, format, args...))
}

func (r *turtleReader) peek() byte {
	if r.pos < len(r.text) {
		return r.text[r.pos]
	}
	return 0
}

func (r *turtleReader) at(s string) bool { return strings.HasPrefix(r.text[r.pos:], s) }

func (r *turtleReader) expect(c byte, where string) {
	if r.space(); r.peek() != c || r.pos == len(r.text) {
		r.fail("« %c » est attendu %s", c, where)
	}
	r.pos++
}

// space skips blanks and comments.
func (r *turtleReader) space() {
	for r.pos < len(r.text) {
		switch r.text[r.pos] {
		case ' ', '\t', '\r', '\n':
			r.pos++
		case '#':
			end := strings.IndexByte(r.text[r.pos:], '\n')
			if end < 0 {
				r.pos = len(r.text)
				return
			}
			r.pos += end
		default:
			return
		}
	}
}

func (r *turtleReader) statement() {
	switch {
	case r.strict:
		r.line()
		return
	case r.keyword("@prefix"):
		r.prefix()
		r.expect('.', "à la fin de la déclaration du préfixe")
	case r.keyword("@base"):
		r.setBase()
		r.expect('.', "à la fin de la déclaration de l’adresse de base")
	case r.sparql("PREFIX"):
		r.prefix()
	case r.sparql("BASE"):
		r.setBase()
	default:
		r.triples()
		r.expect('.', "à la fin de la phrase")
	}
}

// keyword reads a directive with its sign.
func (r *turtleReader) keyword(word string) bool {
	if !r.at(word) || r.pos+len(word) < len(r.text) && !isSpace(r.text[r.pos+len(word)]) && r.text[r.pos+len(word)] != '<' {
		return false
	}
	r.pos += len(word)
	return true
}

// sparql reads a directive in the manner of SPARQL, in any case.
func (r *turtleReader) sparql(word string) bool {
	rest := r.text[r.pos:]
	if len(rest) <= len(word) || !strings.EqualFold(rest[:len(word)], word) || !isSpace(rest[len(word)]) && rest[len(word)] != '<' {
		return false
	}
	r.pos += len(word)
	return true
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func (r *turtleReader) prefix() {
	r.space()
	start := r.pos
	name := r.name(false)
	if r.peek() != ':' {
		r.failAt(start, "un préfixe suivi de « : » est attendu")
	}
	r.pos++
	r.space()
	r.prefixes[name] = r.address()
}

func (r *turtleReader) setBase() {
	r.space()
	r.base = r.address()
}

// line is one statement of N-Triples.
func (r *turtleReader) line() {
	var s Term
	if r.at("_:") {
		s = r.label()
	} else {
		s = r.iri()
	}
	r.space()
	p := r.iri().Value
	r.space()
	r.put(s, p, r.plainObject())
	r.expect('.', "à la fin de la phrase")
}

func (r *turtleReader) plainObject() Term {
	switch c := r.peek(); {
	case c == '<':
		return r.iri()
	case c == '"':
		return r.literal()
	case r.at("_:"):
		return r.label()
	}
	r.fail("une adresse, un texte entre guillemets ou un nœud anonyme est attendu")
	return Term{}
}

// triples is a subject with all that it says.
func (r *turtleReader) triples() {
	if r.peek() == '[' {
		s, alone := r.blankNode()
		if r.space(); !alone && r.peek() == '.' {
			return
		}
		r.properties(s)
		return
	}
	var s Term
	switch {
	case r.peek() == '(':
		s = r.collection()
	case r.at("_:"):
		s = r.label()
	default:
		s = r.iri()
	}
	r.properties(s)
}

// properties is a list of predicates with their objects, at least one.
func (r *turtleReader) properties(s Term) {
	for {
		r.space()
		p := r.verb()
		for {
			r.space()
			r.put(s, p, r.object())
			if r.space(); r.peek() != ',' {
				break
			}
			r.pos++
		}
		if r.peek() != ';' {
			return
		}
		for r.peek() == ';' { // several in a row, or one before the end, are allowed
			r.pos++
			r.space()
		}
		if c := r.peek(); c == '.' || c == ']' || r.pos == len(r.text) {
			return
		}
	}
}

func (r *turtleReader) verb() string {
	if r.peek() == 'a' && (r.pos+1 == len(r.text) || !nameByte(r.text[r.pos+1])) {
		r.pos++
		return rdfType
	}
	return r.iri().Value
}

// nameByte tells whether a byte may go on a name.
func nameByte(c byte) bool {
	return c == ':' || c == '_' || c == '-' || c == '%' || c == '\\' || c >= utf8.RuneSelf || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func (r *turtleReader) object() Term {
	c := r.peek()
	switch {
	case c == '[':
		t, _ := r.blankNode()
		return t
	case c == '(':
		return r.collection()
	case c == '"', c == '\'':
		return r.literal()
	case c == '+', c == '-', '0' <= c && c <= '9', c == '.' && r.pos+1 < len(r.text) && '0' <= r.text[r.pos+1] && r.text[r.pos+1] <= '9':
		return r.number()
	case r.at("_:"):
		return r.label()
	}
	for _, word := range []string{"true", "false"} {
		if end := r.pos + len(word); r.at(word) && (end == len(r.text) || !nameByte(r.text[end])) {
			r.pos = end
			return Term{Kind: Literal, Value: word, Datatype: xsd + "boolean"}
		}
	}
	return r.iri()
}

func (r *turtleReader) put(s Term, p string, o Term) {
	if r.graph.add(s, p, o); r.graph.Len() > r.limits.Triples {
		r.fail("la page dépasse %d propriétés", r.limits.Triples)
	}
}

func (r *turtleReader) newBlank() Term {
	r.blanks++
	return Term{Kind: Blank, Value: "." + strconv.Itoa(r.blanks)} // no label begins with a full stop
}

func (r *turtleReader) enter() {
	if r.depth++; r.depth > r.limits.Depth {
		r.fail("plus de %d nœuds sont emboîtés", r.limits.Depth)
	}
}

// blankNode reads « [ … ] »; alone tells « [] ».
func (r *turtleReader) blankNode() (t Term, alone bool) {
	r.enter()
	defer func() { r.depth-- }()
	r.pos++
	t = r.newBlank()
	if r.space(); r.peek() == ']' {
		r.pos++
		return t, true
	}
	r.properties(t)
	r.expect(']', "à la fin du nœud anonyme")
	return t, false
}

func (r *turtleReader) collection() Term {
	r.enter()
	defer func() { r.depth-- }()
	r.pos++
	first, last := Term{Kind: IRI, Value: rdfNil}, Term{}
	for {
		if r.space(); r.peek() == ')' {
			r.pos++
			break
		}
		if r.pos == len(r.text) {
			r.fail("« ) » est attendu à la fin de la liste")
		}
		item := r.newBlank()
		r.put(item, rdfFirst, r.object())
		if last.Kind == 0 {
			first = item
		} else {
			r.put(last, rdfRest, item)
		}
		last = item
	}
	if last.Kind != 0 {
		r.put(last, rdfRest, Term{Kind: IRI, Value: rdfNil})
	}
	return first
}

func (r *turtleReader) label() Term {
	start := r.pos
	r.pos += len("_:")
	name := r.name(true)
	if name == "" {
		r.failAt(start, "un nom est attendu après « _: »")
	}
	return Term{Kind: Blank, Value: name}
}

// iri reads an address, whole or with a prefix.
func (r *turtleReader) iri() Term {
	if r.peek() == '<' {
		return Term{Kind: IRI, Value: r.address()}
	}
	start := r.pos
	if r.strict {
		r.fail("une adresse entre « < » et « > » est attendue")
	}
	prefix := r.name(false)
	if r.peek() != ':' {
		r.failAt(start, "une adresse ou un nom avec préfixe est attendu")
	}
	r.pos++
	space, ok := r.prefixes[prefix]
	if !ok {
		r.failAt(start, "le préfixe « %s: » n’est pas déclaré", prefix)
	}
	return Term{Kind: IRI, Value: space + r.local()}
}

// address reads « <…> »; it is completed when it is relative.
func (r *turtleReader) address() string {
	if r.peek() != '<' {
		r.fail("une adresse entre « < » et « > » est attendue")
	}
	end := strings.IndexByte(r.text[r.pos:], '>')
	if end < 0 {
		r.fail("l’adresse commencée ici n’est pas fermée par « > »")
	}
	raw, start := r.text[r.pos+1:r.pos+end], r.pos
	r.pos += end + 1
	if strings.Contains(raw, `\u`) || strings.Contains(raw, `\U`) {
		raw = r.unescapeIRI(raw, start)
	}
	if r.strict && !absolute(raw) {
		r.failAt(start, "cette adresse n’est pas absolue")
	}
	return r.graph.resolve(r.base, raw)
}

func (r *turtleReader) unescapeIRI(raw string, start int) string {
	var b strings.Builder
	for i := 0; i < len(raw); {
		if raw[i] != '\\' || i+1 == len(raw) || raw[i+1] != 'u' && raw[i+1] != 'U' {
			b.WriteByte(raw[i])
			i++
			continue
		}
		c, n := codePoint(raw[i:])
		if n == 0 {
			r.failAt(start+1+i, "cet échappement n’est pas un caractère")
		}
		b.WriteRune(c)
		i += n
	}
	return b.String()
}

// codePoint reads « \uXXXX » or « \UXXXXXXXX » at the beginning of s; n is 0 when it is none.
func codePoint(s string) (c rune, n int) {
	digits := 4
	if s[1] == 'U' {
		digits = 8
	}
	if len(s) < 2+digits {
		return 0, 0
	}
	v, err := strconv.ParseUint(s[2:2+digits], 16, 32)
	if err != nil || !utf8.ValidRune(rune(v)) || v > utf8.MaxRune {
		return 0, 0
	}
	return rune(v), 2 + digits
}

// name reads a prefix, or a label of a blank node, which may begin with a digit. A full stop at its end is not part of it.
func (r *turtleReader) name(label bool) string {
	start, end := r.pos, r.pos
	for i := r.pos; i < len(r.text); {
		c, n := utf8.DecodeRuneInString(r.text[i:])
		first := i == start
		switch {
		case letter(c), label && c == '_', !first && (c == '_' || c == '-' || digit(c) || joiner(c)), label && digit(c):
			i += n
			end = i
		case c == '.' && !first:
			i += n
		default:
			i = len(r.text)
		}
	}
	r.pos = end
	return r.text[start:end]
}

func letter(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= 0xC0 && c != 0xD7 && c != 0xF7 && c < 0x300 || c >= 0x370 && c != 0x37E && c < 0x2000 ||
		c == 0x200C || c == 0x200D || c >= 0x2070 && c < 0x2190 || c >= 0x2C00 && c < 0x2FF0 || c >= 0x3001 && c < 0xD800 ||
		c >= 0xF900 && c < 0xFDD0 || c >= 0xFDF0 && c < 0xFFFD || c >= 0x10000 && c < 0xF0000
}

func digit(c rune) bool { return '0' <= c && c <= '9' }

func joiner(c rune) bool { return c == 0xB7 || c >= 0x300 && c < 0x370 || c == 0x203F || c == 0x2040 }

// local reads what follows the colon of a name.
func (r *turtleReader) local() string {
	var b strings.Builder
	kept := 0 // of b, without full stops at the end
	end := r.pos
	for i := r.pos; i < len(r.text); {
		c, n := utf8.DecodeRuneInString(r.text[i:])
		first := i == r.pos
		switch {
		case c == '\\':
			if i+1 == len(r.text) || !strings.ContainsRune(`_~.-!$&'()*+,;=/?#@%`, rune(r.text[i+1])) {
				r.failAt(i, "cet échappement n’existe pas dans un nom")
			}
			b.WriteByte(r.text[i+1])
			n = 2
		case c == '%':
			if i+2 >= len(r.text) || !hexadecimal(r.text[i+1]) || !hexadecimal(r.text[i+2]) {
				r.failAt(i, "deux chiffres hexadécimaux sont attendus après « %% »")
			}
			b.WriteString(r.text[i : i+3])
			n = 3
		case letter(c), c == '_', c == ':', digit(c), !first && (c == '-' || joiner(c)):
			b.WriteRune(c)
		case c == '.' && !first:
			b.WriteByte('.')
			i += n
			continue
		default:
			r.pos = end
			return b.String()[:kept]
		}
		i += n
		end, kept = i, b.Len()
	}
	r.pos = end
	return b.String()[:kept]
}

func hexadecimal(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func (r *turtleReader) number() Term {
	start, i := r.pos, r.pos
	if r.text[i] == '+' || r.text[i] == '-' {
		i++
	}
	digits := func() int {
		from := i
		for i < len(r.text) && '0' <= r.text[i] && r.text[i] <= '9' {
			i++
		}
		return i - from
	}
	kind, n := "integer", digits()
	if i+1 < len(r.text) && r.text[i] == '.' && (digit(rune(r.text[i+1])) || n > 0 && (r.text[i+1] == 'e' || r.text[i+1] == 'E')) {
		i++
		n += digits()
		kind = "decimal"
	}
	if n == 0 {
		r.fail("un nombre est attendu")
	}
	if i < len(r.text) && (r.text[i] == 'e' || r.text[i] == 'E') {
		i++
		if i < len(r.text) && (r.text[i] == '+' || r.text[i] == '-') {
			i++
		}
		if digits() == 0 {
			r.failAt(i, "un exposant est attendu")
		}
		kind = "double"
	}
	r.pos = i
	return Term{Kind: Literal, Value: r.text[start:i], Datatype: xsd + kind}
}

// literal reads a text between quotes, with its language or its type.
func (r *turtleReader) literal() Term {
	t := Term{Kind: Literal, Value: r.quoted()}
	switch {
	case r.at("^^"):
		r.pos += 2
		if r.space(); r.strict && r.peek() != '<' {
			r.fail("un type entre « < » et « > » est attendu")
		}
		if t.Datatype = r.iri().Value; t.Datatype == xsd+"string" {
			t.Datatype = ""
		}
	case r.peek() == '@':
		start := r.pos
		i := r.pos + 1
		for i < len(r.text) && (r.text[i] == '-' || alphanumeric(r.text[i])) {
			i++
		}
		if t.Lang = strings.ToLower(r.text[start+1 : i]); !isLanguage(t.Lang) {
			r.failAt(start, "une langue est attendue après « @ »")
		}
		r.pos = i
	}
	return t
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// isLanguage tells « fr » or « fr-fr », in lower case.
func isLanguage(s string) bool {
	for i, part := range strings.Split(s, "-") {
		if part == "" || i == 0 && strings.ContainsAny(part, "0123456789") {
			return false
		}
	}
	return true
}

func (r *turtleReader) quoted() string {
	start := r.pos
	mark := r.text[r.pos : r.pos+1]
	long := !r.strict && r.at(mark+mark+mark)
	if long {
		mark += mark + mark
	}
	r.pos += len(mark)
	var b strings.Builder
	for r.pos < len(r.text) {
		c := r.text[r.pos]
		switch {
		case r.at(mark):
			r.pos += len(mark)
			for long && r.peek() == mark[0] && r.pos < len(r.text) { // quotes just before the end are of the text
				b.WriteByte(mark[0])
				r.pos++
			}
			return b.String()
		case c == '\\':
			b.WriteRune(r.escape())
		case !long && (c == '\n' || c == '\r'):
			r.fail("le texte va jusqu’à la fin de la ligne sans être fermé")
		default:
			b.WriteByte(c)
			r.pos++
		}
	}
	r.failAt(start, "le texte commencé ici n’est pas fermé")
	return ""
}

// escape reads what follows a backslash in a text.
func (r *turtleReader) escape() rune {
	rest := r.text[r.pos:]
	if len(rest) > 1 {
		if rest[1] == 'u' || rest[1] == 'U' {
			if c, n := codePoint(rest); n > 0 {
				r.pos += n
				return c
			}
		} else if i := strings.IndexByte(`tbnrf"'\`, rest[1]); i >= 0 {
			r.pos += 2
			return rune("\t\b\n\r\f\"'\\"[i])
		}
	}
	r.fail("%s", fmt.Sprintf("l’échappement « %s » n’existe pas", firstRunes(rest, 2)))
	return 0
}

func firstRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
