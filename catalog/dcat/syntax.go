package dcat

import (
	"io"
	"iter"
)

// A Syntax is a way to write RDF.
type Syntax uint8

// The syntaxes.
const (
	Turtle Syntax = iota
	RDFXML
	JSONLD
	NTriples
)

// extensions are those that harvesters know a syntax by, the one that we write first.
var extensions = [...][]string{Turtle: {"ttl"}, RDFXML: {"rdf", "xml"}, JSONLD: {"jsonld", "json"}, NTriples: {"nt"}}

var media = [...]string{Turtle: "text/turtle", RDFXML: "application/rdf+xml", JSONLD: "application/ld+json", NTriples: "application/n-triples"}

// Syntaxes lists them all, the one that harvesters read best first.
func Syntaxes() []Syntax { return []Syntax{Turtle, RDFXML, JSONLD, NTriples} }

// SyntaxOf finds the syntax of an extension without its dot: "ttl", "rdf", "xml", "jsonld", "json" or "nt".
func SyntaxOf(extension string) (Syntax, bool) {
	for s, list := range extensions {
		for _, e := range list {
			if e == extension {
				return Syntax(s), true
			}
		}
	}
	return 0, false
}

// Extension is the usual one, without a dot.
func (s Syntax) Extension() string { return extensions[s][0] }

// MediaType is without charset.
func (s Syntax) MediaType() string { return media[s] }

// A writer writes the nodes of one document.
type writer interface {
	begin()
	node(n *node)
	end()
	flush() error
}

func (s Syntax) writer(w io.Writer, base string) writer {
	o := output{w: w, base: escapeIRI(base)}
	switch s {
	case RDFXML:
		return &rdfXML{output: o}
	case JSONLD:
		return &jsonLD{output: o}
	case NTriples:
		return &nTriples{output: o}
	}
	return &turtle{output: o}
}

// write writes a whole document; a shared node that comes again is left out.
func (s Syntax) write(w io.Writer, base string, nodes iter.Seq2[*node, error]) error {
	out := s.writer(w, base)
	seen := map[ref]bool{}
	out.begin()
	for n, err := range nodes {
		if err != nil {
			return err
		}
		if n.shared {
			if seen[n.ref] {
				continue
			}
			seen[ref{n.ref.space, string([]byte(n.ref.rest))}] = true // not what the node's own text is part of
		}
		out.node(n)
		if err := out.flush(); err != nil {
			return err
		}
	}
	out.end()
	return finish(out)
}

// finish writes what is left.
func finish(w writer) error {
	type last interface{ drain() error }
	return w.(last).drain()
}

// output gathers bytes and writes them in large pieces. The first error stays.
type output struct {
	w    io.Writer
	base string
	buf  []byte
	err  error
}

const pieceSize = 64 << 10

func (o *output) flush() error {
	if len(o.buf) < pieceSize {
		return o.err
	}
	return o.drain()
}

func (o *output) drain() error {
	if o.err == nil && len(o.buf) > 0 {
		_, o.err = o.w.Write(o.buf)
	}
	o.buf = o.buf[:0]
	return o.err
}

func (o *output) str(s string) { o.buf = append(o.buf, s...) }

// iri writes an IRI whole.
func (o *output) iri(r ref) {
	if r.space == here {
		o.str(o.base)
	} else {
		o.str(spaces[r.space])
	}
	o.str(r.rest)
}

// escaped writes a text with the marks of a syntax in the place of some bytes.
func (o *output) escaped(s string, marks *[128]string) {
	from := 0
	for i := range len(s) {
		if c := s[i]; c < 128 && marks[c] != "" {
			o.str(s[from:i])
			o.str(marks[c])
			from = i + 1
		}
	}
	o.str(s[from:])
}

// full is a prefixed name written out.
func full(name string) string {
	for _, n := range namespaces {
		if len(name) > len(n.prefix) && name[len(n.prefix)] == ':' && name[:len(n.prefix)] == n.prefix {
			return n.iri + name[len(n.prefix)+1:]
		}
	}
	panic("dcat: no namespace for " + name)
}

var fullProperties, fullClasses = func() (p [lastProperty]string, c [lastClass]string) {
	for i := range p {
		p[i] = full(properties[i].name)
	}
	for i := range c {
		c[i] = full(classes[i])
	}
	return p, c
}()
