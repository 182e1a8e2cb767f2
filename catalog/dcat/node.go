package dcat

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A ref is an IRI: its space, and the rest, which holds nothing that an IRI may not.
type ref struct {
	space space
	rest  string
}

func in(s space, rest string) ref { return ref{s, escapeIRI(rest)} }
func address(iri string) ref      { return in(anywhere, iri) }

// outside is an address that somebody wrote; nothing when it is not that of a page or file on the web, for a relative IRI would be read as one of the
// reader's own disk.
func outside(iri string) ref {
	if u, err := url.Parse(iri); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return ref{}
	}
	return address(iri)
}

// A node is one subject with its properties, in the order they are written. A blank node has no ref. A shared one may be described by several
// datasets of a document, and is written once.
type node struct {
	ref    ref
	shared bool
	types  []class
	props  []prop
}

type prop struct {
	property property
	objects  []object
}

// An object is what the kind of its property says: a text, or a ref or a blank node.
type object struct {
	text  string
	ref   ref
	blank *node
}

func (o object) empty() bool { return o.text == "" && o.ref == ref{} && o.blank == nil }

// add gives the node a property; without objects, or with only empty ones, it gives nothing.
func (n *node) add(p property, objects ...object) {
	objects = slices.DeleteFunc(objects, object.empty)
	if len(objects) > 0 {
		n.props = append(n.props, prop{p, objects})
	}
}

// say adds texts, link refs.
func (n *node) say(p property, texts ...string) {
	objects := make([]object, len(texts))
	for i, t := range texts {
		objects[i].text = clean(t)
	}
	n.add(p, objects...)
}

func (n *node) link(p property, refs ...ref) {
	objects := make([]object, len(refs))
	for i, r := range refs {
		objects[i].ref = r
	}
	n.add(p, objects...)
}

func (n *node) date(p property, t time.Time) {
	if !t.IsZero() {
		n.say(p, t.UTC().Truncate(time.Second).Format("2006-01-02T15:04:05Z"))
	}
}

// blank is an object without a name; nothing when nothing is known of it.
func blank(n *node) object {
	if len(n.props) == 0 {
		return object{}
	}
	return object{blank: n}
}

// clean drops what a syntax of RDF cannot carry or a reader stumbles over: control characters, broken UTF-8, the two non-characters. Ends of lines
// become one character, for XML would change them.
func clean(s string) string {
	if !strings.ContainsFunc(s, unclean) {
		return s
	}
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.ToValidUTF8(s, ""))
	return strings.Map(func(r rune) rune {
		if unclean(r) {
			return -1
		}
		return r
	}, s)
}

func unclean(r rune) bool {
	return unicode.IsControl(r) && r != '\t' && r != '\n' || r == utf8.RuneError || r == 0xFFFE || r == 0xFFFF
}

// escapeIRI percent-encodes what an IRI may not hold: one such character makes a whole harvest fail at data.gouv.fr.
func escapeIRI(s string) string {
	if !strings.ContainsFunc(s, forbidden) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if forbidden(r) {
			for _, c := range []byte(s[i : i+n]) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		} else {
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

func forbidden(r rune) bool {
	return r <= 0x20 || strings.ContainsRune("<>\"{}|\\^`", r) || r > 0x7e && (unclean(r) || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r))
}
