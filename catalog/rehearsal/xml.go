package rehearsal

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const xmlSpace = "http://www.w3.org/XML/1998/namespace"

// An xmlReader reads RDF/XML.
type xmlReader struct {
	dec    *xml.Decoder
	text   []byte
	limits Limits
	graph  *Graph
	blanks int
}

// A scope is what an element hands down to those inside it.
type scope struct{ base, lang string }

func parseXML(text []byte, limits Limits) (*Graph, error) {
	r := &xmlReader{dec: xml.NewDecoder(bytes.NewReader(text)), text: text, limits: limits, graph: newGraph()}
	r.dec.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // the text was decoded before
	r.dec.Entity = map[string]string{}
	if err := r.document(); err != nil {
		return nil, r.located(err)
	}
	return r.graph, nil
}

func (r *xmlReader) located(err error) error {
	var own *SyntaxError
	if errors.As(err, &own) {
		return own
	}
	line, column := r.dec.InputPos()
	message := "le XML est mal formé"
	var bad *xml.SyntaxError
	switch {
	case errors.Is(err, io.EOF):
		message = "le XML s’arrête avant sa fin"
	case errors.As(err, &bad) && strings.HasPrefix(bad.Msg, "illegal character code"):
		message = "le caractère de contrôle " + strings.TrimPrefix(bad.Msg, "illegal character code ") + " est interdit en XML"
	case errors.As(err, &bad):
		message += " (" + bad.Msg + ")"
	}
	return &SyntaxError{line, column, message}
}

func (r *xmlReader) fail(format string, args ...any) error {
	line, column := r.dec.InputPos()
	return &SyntaxError{line, column, fmt.Sprintf(format, args...)}
}

func (r *xmlReader) put(s Term, p string, o Term) error {
	if r.graph.add(s, p, o); r.graph.Len() > r.limits.Triples {
		return r.fail("la page dépasse %d propriétés", r.limits.Triples)
	}
	return nil
}

func (r *xmlReader) newBlank() Term {
	r.blanks++
	return Term{Kind: Blank, Value: "." + strconv.Itoa(r.blanks)}
}

// document finds the root: rdf:RDF around nodes, or one node.
func (r *xmlReader) document() error {
	found := false
	for {
		tok, err := r.dec.Token()
		if err == io.EOF && found {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := tok.(type) {
		case xml.Directive:
			if err := r.entities(string(t)); err != nil {
				return err
			}
		case xml.StartElement:
			found = true
			in := scope{}.inside(r.graph, t)
			if t.Name.Space == rdfNS && t.Name.Local == "RDF" {
				err = r.each(func(e xml.StartElement) error { _, err := r.node(e, in, 1); return err })
			} else {
				_, err = r.node(t, scope{}, 1)
			}
			if err != nil {
				return err
			}
		}
	}
}

// entities keeps the abbreviations of a DOCTYPE: « <!ENTITY dct "http://purl.org/dc/terms/"> ». One that uses another is refused: they can
// grow without end.
func (r *xmlReader) entities(directive string) error {
	for _, part := range strings.Split(directive, "<!ENTITY")[1:] {
		name, rest, _ := strings.Cut(strings.TrimSpace(part), " ")
		rest = strings.TrimSpace(rest)
		if rest == "" || rest[0] != '"' && rest[0] != '\'' {
			return r.fail("une entité externe n’est jamais lue")
		}
		value, _, ok := strings.Cut(rest[1:], rest[:1])
		if !ok || strings.ContainsAny(value, "&%<") {
			return r.fail("l’entité « %s » est refusée : elle en contient une autre", name)
		}
		r.dec.Entity[name] = value
	}
	return nil
}

// inside is the scope of what an element holds.
func (in scope) inside(g *Graph, e xml.StartElement) scope {
	for _, a := range e.Attr {
		if a.Name.Space != xmlSpace {
			continue
		}
		switch a.Name.Local {
		case "base":
			in.base = g.resolve(in.base, a.Value)
		case "lang":
			in.lang = strings.ToLower(a.Value)
		}
	}
	return in
}

// each calls fn for the elements up to the end of the one that is open. Text between them is refused, blanks but for.
func (r *xmlReader) each(fn func(xml.StartElement) error) error {
	for {
		tok, err := r.dec.Token()
		if err != nil {
			return err
		}
		switch t := tok.(type) {
		case xml.EndElement:
			return nil
		case xml.StartElement:
			if err := fn(t); err != nil {
				return err
			}
		case xml.CharData:
			if strings.TrimSpace(string(t)) != "" {
				return r.fail("du texte se trouve là où une propriété est attendue")
			}
		}
	}
}

// name is the address that the name of an element or an attribute stands for.
func (r *xmlReader) name(n xml.Name) (string, error) {
	if !strings.Contains(n.Space, ":") {
		return "", r.fail("« %s » n’a pas de préfixe déclaré", n.Local)
	}
	return n.Space + n.Local, nil
}

// ignored tells the attributes that say nothing of the node itself.
func ignored(a xml.Attr) bool {
	return a.Name.Space == "xmlns" || a.Name.Local == "xmlns" && a.Name.Space == "" || a.Name.Space == xmlSpace
}

// node reads a node and all that it holds.
func (r *xmlReader) node(e xml.StartElement, in scope, depth int) (Term, error) {
	if depth > r.limits.Depth {
		return Term{}, r.fail("plus de %d nœuds sont emboîtés", r.limits.Depth)
	}
	class, err := r.name(e.Name)
	if err != nil {
		return Term{}, err
	}
	in = in.inside(r.graph, e)
	s, err := r.subject(e, in)
	if err != nil {
		return s, err
	}
	if class != rdfNS+"Description" {
		if err := r.put(s, rdfType, Term{Kind: IRI, Value: class}); err != nil {
			return s, err
		}
	}
	if err := r.attributes(s, e, in); err != nil {
		return s, err
	}
	items := 0
	return s, r.each(func(p xml.StartElement) error { return r.property(s, p, in, &items, depth) })
}

// subject is the identity of a node.
func (r *xmlReader) subject(e xml.StartElement, in scope) (Term, error) {
	for _, a := range e.Attr {
		if a.Name.Space != rdfNS {
			continue
		}
		switch a.Name.Local {
		case "about":
			return Term{Kind: IRI, Value: r.graph.resolve(in.base, a.Value)}, nil
		case "ID":
			return Term{Kind: IRI, Value: r.graph.resolve(in.base, "#"+a.Value)}, nil
		case "nodeID":
			return Term{Kind: Blank, Value: a.Value}, nil
		}
	}
	return r.newBlank(), nil
}

// attributes are properties written as attributes of a node.
func (r *xmlReader) attributes(s Term, e xml.StartElement, in scope) error {
	for _, a := range e.Attr {
		if ignored(a) || a.Name.Space == rdfNS && a.Name.Local != "type" {
			continue
		}
		p, err := r.name(a.Name)
		if err != nil {
			return err
		}
		o := Term{Kind: Literal, Value: a.Value, Lang: in.lang}
		if p == rdfType {
			o = Term{Kind: IRI, Value: r.graph.resolve(in.base, a.Value)}
		}
		if err := r.put(s, p, o); err != nil {
			return err
		}
	}
	return nil
}

// property reads one property of s.
func (r *xmlReader) property(s Term, e xml.StartElement, in scope, items *int, depth int) error {
	p, err := r.name(e.Name)
	if err != nil {
		return err
	}
	if p == rdfNS+"li" {
		*items++
		p = rdfNS + "_" + strconv.Itoa(*items)
	}
	in = in.inside(r.graph, e)
	kind, datatype, object := "", "", Term{}
	own := false // properties of the object itself, as attributes
	for _, a := range e.Attr {
		switch {
		case a.Name.Space == rdfNS && a.Name.Local == "parseType":
			kind = a.Value
		case a.Name.Space == rdfNS && a.Name.Local == "datatype":
			datatype = r.graph.resolve(in.base, a.Value)
		case a.Name.Space == rdfNS && a.Name.Local == "resource":
			object = Term{Kind: IRI, Value: r.graph.resolve(in.base, a.Value)}
		case a.Name.Space == rdfNS && a.Name.Local == "nodeID":
			object = Term{Kind: Blank, Value: a.Value}
		case !ignored(a) && a.Name.Space != rdfNS:
			own = true
		}
	}
	switch {
	case kind == "Resource":
		return r.resource(s, p, in, depth)
	case kind == "Collection":
		return r.collection(s, p, in, depth)
	case kind != "":
		return r.raw(s, p)
	case object.Kind != 0 || own:
		if object.Kind == 0 {
			object = r.newBlank()
		}
		if err := r.put(s, p, object); err != nil {
			return err
		}
		if err := r.attributes(object, e, in); err != nil {
			return err
		}
		return r.each(func(xml.StartElement) error { return r.fail("cette propriété a déjà une valeur") })
	}
	return r.value(s, p, datatype, in, depth)
}

// value reads the text of a property, or the node inside it.
func (r *xmlReader) value(s Term, p, datatype string, in scope, depth int) error {
	var text strings.Builder
	object := Term{}
	for {
		tok, err := r.dec.Token()
		if err != nil {
			return err
		}
		switch t := tok.(type) {
		case xml.CharData:
			text.Write(t)
		case xml.StartElement:
			if object.Kind != 0 {
				return r.fail("une propriété ne peut pas contenir deux nœuds")
			}
			if object, err = r.node(t, in, depth+1); err != nil {
				return err
			}
		case xml.EndElement:
			if object.Kind == 0 {
				object = literal(text.String(), in.lang, datatype)
			} else if strings.TrimSpace(text.String()) != "" {
				return r.fail("du texte se trouve à côté d’un nœud")
			}
			return r.put(s, p, object)
		}
	}
}

// literal is a value; a type leaves no room for a language.
func literal(text, lang, datatype string) Term {
	t := Term{Kind: Literal, Value: text, Lang: lang, Datatype: datatype}
	if datatype != "" {
		t.Lang = ""
	}
	if datatype == xsd+"string" {
		t.Datatype = ""
	}
	return t
}

func (r *xmlReader) resource(s Term, p string, in scope, depth int) error {
	if depth >= r.limits.Depth {
		return r.fail("plus de %d nœuds sont emboîtés", r.limits.Depth)
	}
	object, items := r.newBlank(), 0
	if err := r.put(s, p, object); err != nil {
		return err
	}
	return r.each(func(e xml.StartElement) error { return r.property(object, e, in, &items, depth+1) })
}

func (r *xmlReader) collection(s Term, p string, in scope, depth int) error {
	var items []Term
	err := r.each(func(e xml.StartElement) error {
		item, err := r.node(e, in, depth+1)
		items = append(items, item)
		return err
	})
	if err != nil {
		return err
	}
	return r.list(s, p, items)
}

// list writes « s p (items) ».
func (r *xmlReader) list(s Term, p string, items []Term) error {
	for _, item := range items {
		cell := r.newBlank()
		if err := errors.Join(r.put(s, p, cell), r.put(cell, rdfFirst, item)); err != nil {
			return err
		}
		s, p = cell, rdfRest
	}
	return r.put(s, p, Term{Kind: IRI, Value: rdfNil})
}

// raw keeps the inside of a property as it is written.
func (r *xmlReader) raw(s Term, p string) error {
	start := r.dec.InputOffset()
	for depth := 0; ; {
		end := r.dec.InputOffset()
		tok, err := r.dec.Token()
		if err != nil {
			return err
		}
		switch tok.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			if depth--; depth < 0 {
				return r.put(s, p, Term{Kind: Literal, Value: string(r.text[start:end]), Datatype: rdfNS + "XMLLiteral"})
			}
		}
	}
}
