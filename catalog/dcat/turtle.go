package dcat

import (
	"bufio"
	"fmt"
	"strings"
	"unicode/utf8"
)

// namespaces are the prefixes of every page, in order.
var namespaces = []struct{ prefix, iri string }{
	{"dcat", "http://www.w3.org/ns/dcat#"}, {"dcatap", "http://data.europa.eu/r5r/"}, {"dct", "http://purl.org/dc/terms/"},
	{"foaf", "http://xmlns.com/foaf/0.1/"}, {"geo", "http://www.opengis.net/ont/geosparql#"}, {"hydra", "http://www.w3.org/ns/hydra/core#"},
	{"rdfs", "http://www.w3.org/2000/01/rdf-schema#"}, {"skos", "http://www.w3.org/2004/02/skos/core#"}, {"spdx", "http://spdx.org/rdf/terms#"},
	{"vcard", "http://www.w3.org/2006/vcard/ns#"}, {"xsd", "http://www.w3.org/2001/XMLSchema#"},
}

// turtle writes nodes as Turtle. Errors stay in the buffered writer until Flush.
type turtle struct{ w *bufio.Writer }

func (t turtle) prefixes() {
	for _, n := range namespaces {
		fmt.Fprintf(t.w, "@prefix %s: <%s> .\n", n.prefix, n.iri)
	}
}

// subject writes one top-level node.
func (t turtle) subject(n *node) {
	t.w.WriteString("\n<" + escapeIRI(n.iri) + "> a " + strings.Join(n.types, ", "))
	t.properties(n, "\n  ")
	t.w.WriteString(" .\n")
}

func (t turtle) properties(n *node, indent string) {
	for _, p := range n.props {
		t.w.WriteString(" ;" + indent + p.name + " ")
		for i, o := range p.objects {
			if i > 0 {
				t.w.WriteString(", ")
			}
			t.object(o)
		}
	}
}

func (t turtle) object(o object) {
	switch {
	case o.blank != nil:
		t.w.WriteString("[ a " + strings.Join(o.blank.types, ", "))
		t.properties(o.blank, " ")
		t.w.WriteString(" ]")
	case o.iri != "":
		t.w.WriteString("<" + escapeIRI(o.iri) + ">")
	default:
		t.literal(o)
	}
}

func (t turtle) literal(o object) {
	t.w.WriteByte('"')
	for _, r := range clean(o.text) {
		switch r {
		case '"', '\\':
			t.w.WriteByte('\\')
			t.w.WriteRune(r)
		case '\n':
			t.w.WriteString(`\n`)
		case '\r':
			t.w.WriteString(`\r`)
		case '\t':
			t.w.WriteString(`\t`)
		default:
			t.w.WriteRune(r)
		}
	}
	t.w.WriteByte('"')
	if o.lang != "" {
		t.w.WriteString("@" + o.lang)
	} else if o.datatype != "" {
		t.w.WriteString("^^" + o.datatype)
	}
}

// clean drops what no syntax of RDF can carry: control characters that XML 1.0 refuses, broken UTF-8, the two non-characters.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == utf8.RuneError || r == 0xFFFE || r == 0xFFFF {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

// escapeIRI percent-encodes what an IRI may not hold: one such character makes a whole harvest fail at data.gouv.fr.
func escapeIRI(s string) string {
	if !strings.ContainsFunc(s, forbidden) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < utf8.RuneSelf && forbidden(rune(c)) {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func forbidden(r rune) bool { return r <= 0x20 || r == 0x7f || strings.ContainsRune("<>\"{}|\\^`", r) }
