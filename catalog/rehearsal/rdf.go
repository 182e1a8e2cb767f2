package rehearsal

import (
	"fmt"
	"net/url"
	"strings"
)

// TermKind says what a Term is.
type TermKind uint8

// The kinds of terms.
const (
	IRI TermKind = iota + 1
	Blank
	Literal
)

// A Term is a node or a value of a graph. Blank nodes are only known inside their graph.
type Term struct {
	Kind     TermKind
	Value    string
	Lang     string // of a Literal, lower case
	Datatype string // of a Literal, absolute; "" is xsd:string
}

// A Triple is one statement.
type Triple struct {
	Subject   Term
	Predicate string
	Object    Term
}

type edge struct {
	predicate string
	object    Term
}

// A Graph is what one page says: a set of triples, in the order in which they were read.
type Graph struct {
	subjects []Term
	edges    map[Term][]edge
	typed    map[string][]Term
	known    map[Triple]struct{}
	relative []string // IRIs that the page leaves to its reader to complete
}

func newGraph() *Graph {
	return &Graph{edges: map[Term][]edge{}, typed: map[string][]Term{}, known: map[Triple]struct{}{}}
}

// add puts a triple in, once.
func (g *Graph) add(s Term, p string, o Term) {
	t := Triple{s, p, o}
	if _, ok := g.known[t]; ok {
		return
	}
	g.known[t] = struct{}{}
	if _, ok := g.edges[s]; !ok {
		g.subjects = append(g.subjects, s)
	}
	g.edges[s] = append(g.edges[s], edge{p, o})
	if p == rdfType && o.Kind == IRI {
		g.typed[o.Value] = append(g.typed[o.Value], s)
	}
}

// Len is how many triples there are.
func (g *Graph) Len() int { return len(g.known) }

// Triples calls fn for every triple.
func (g *Graph) Triples(fn func(Triple)) {
	for _, s := range g.subjects {
		for _, e := range g.edges[s] {
			fn(Triple{s, e.predicate, e.object})
		}
	}
}

// Objects are what a subject says with a predicate.
func (g *Graph) Objects(s Term, predicate string) (objects []Term) {
	for _, e := range g.edges[s] {
		if e.predicate == predicate {
			objects = append(objects, e.object)
		}
	}
	return objects
}

// Typed are the subjects of a class.
func (g *Graph) Typed(class string) []Term { return g.typed[class] }

// has tells whether a subject is of a class.
func (g *Graph) has(s Term, class string) bool {
	for _, e := range g.edges[s] {
		if e.predicate == rdfType && e.object.Kind == IRI && e.object.Value == class {
			return true
		}
	}
	return false
}

// A Syntax is a way to write a graph.
type Syntax string

// The syntaxes that are read.
const (
	Turtle   Syntax = "turtle"
	NTriples Syntax = "n-triples"
	RDFXML   Syntax = "rdf-xml"
	JSONLD   Syntax = "json-ld"
)

// Limits bound what one page may cost. Zero values are the usual ones.
type Limits struct {
	Bytes   int // of a page
	Triples int // of a page
	Depth   int // of nodes inside nodes
}

func (l Limits) usual() Limits {
	if l.Bytes <= 0 {
		l.Bytes = 64 << 20
	}
	if l.Triples <= 0 {
		l.Triples = 1_000_000
	}
	if l.Depth <= 0 {
		l.Depth = 64
	}
	return l
}

// A SyntaxError says where a page cannot be read, and why in French.
type SyntaxError struct {
	Line, Column int // from 1; Column counts bytes
	Message      string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("ligne %d, colonne %d : %s", e.Line, e.Column, e.Message)
}

// errorAt is a SyntaxError at an offset of a text.
func errorAt(text string, offset int, format string, args ...any) *SyntaxError {
	offset = min(max(offset, 0), len(text))
	before := text[:offset]
	return &SyntaxError{1 + strings.Count(before, "\n"), offset - strings.LastIndexByte(before, '\n'), fmt.Sprintf(format, args...)}
}

// Parse reads a page. Relative addresses that the page gives no base for are completed with file:///, as data.gouv.fr does. An error is a
// *SyntaxError.
func Parse(syntax Syntax, text []byte, limits Limits) (*Graph, error) {
	limits = limits.usual()
	if len(text) > limits.Bytes {
		return nil, &SyntaxError{1, 1, fmt.Sprintf("la page dépasse %d Mo", limits.Bytes>>20)}
	}
	switch syntax {
	case Turtle, NTriples:
		return parseTurtle(strings.ToValidUTF8(string(text), "\uFFFD"), syntax == NTriples, limits)
	case RDFXML:
		return parseXML(text, limits)
	case JSONLD:
		return parseJSONLD(text, limits)
	}
	return nil, &SyntaxError{1, 1, "syntaxe inconnue"}
}

// resolve completes an address that may be relative; g notes it when nothing but file:/// is there to complete it with.
func (g *Graph) resolve(base, ref string) string {
	if absolute(ref) {
		return ref
	}
	if base == "" {
		g.relative = append(g.relative, ref)
		return "file:///" + strings.TrimLeft(ref, "/")
	}
	if ref == "" {
		before, _, _ := strings.Cut(base, "#")
		return before
	}
	b, err := url.Parse(base)
	if err != nil {
		return base + ref
	}
	r, err := url.Parse(ref)
	if err != nil { // a character that an address may not hold: it is judged later
		return strings.TrimSuffix(base[:strings.LastIndexByte(base, '/')+1], "/") + "/" + strings.TrimLeft(ref, "/")
	}
	out := b.ResolveReference(r).String()
	if strings.HasSuffix(ref, "#") && !strings.HasSuffix(out, "#") {
		out += "#" // net/url drops an empty fragment, vocabularies end with one
	}
	return out
}

// absolute tells an address that begins with a scheme.
func absolute(ref string) bool {
	for i := range len(ref) {
		c := ref[i]
		switch {
		case c == ':':
			return i > 0
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
		case i > 0 && ('0' <= c && c <= '9' || c == '+' || c == '-' || c == '.'):
		default:
			return false
		}
	}
	return false
}
