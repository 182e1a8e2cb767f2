package dcat

// rdfXML writes RDF/XML: an element a node, named by its first type, and an element a property.
type rdfXML struct{ output }

var xmlMarks = [128]string{'&': "&amp;", '<': "&lt;", '>': "&gt;", '"': "&quot;"}

func (x *rdfXML) begin() {
	x.str(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"`)
	for _, n := range namespaces {
		x.str("\n  xmlns:" + n.prefix + `="` + n.iri + `"`)
	}
	x.str(">\n")
}

func (x *rdfXML) end() { x.str("</rdf:RDF>\n") }

func (x *rdfXML) node(n *node) { x.element(n, "") }

// element writes a node. Its indentation stands between elements only, where it means nothing.
func (x *rdfXML) element(n *node, indent string) {
	name, others := "rdf:Description", n.types
	if len(n.types) > 0 {
		name, others = classes[n.types[0]], n.types[1:]
	}
	x.str(indent)
	x.str("<")
	x.str(name)
	if n.ref != (ref{}) {
		x.attribute("rdf:about", n.ref)
	}
	if len(others) == 0 && len(n.props) == 0 {
		x.str("/>\n")
		return
	}
	x.str(">\n")
	for _, c := range others {
		x.str(indent)
		x.str(`  <rdf:type rdf:resource="`)
		x.str(fullClasses[c])
		x.str("\"/>\n")
	}
	for i := range n.props {
		p := &n.props[i]
		for k := range p.objects {
			x.property(&properties[p.property].name, properties[p.property].kind, &p.objects[k], indent)
		}
	}
	x.str(indent)
	x.str("</")
	x.str(name)
	x.str(">\n")
}

func (x *rdfXML) property(name *string, k kind, o *object, indent string) {
	x.str(indent)
	x.str("  <")
	x.str(*name)
	switch {
	case o.blank != nil:
		x.str(">\n")
		x.element(o.blank, indent+"    ")
		x.str(indent)
		x.str("  ")
	case k.resource:
		x.attribute("rdf:resource", o.ref)
		x.str("/>\n")
		return
	default:
		if k.lang != "" {
			x.str(` xml:lang="` + k.lang + `"`)
		} else if k.datatype != "" {
			x.str(` rdf:datatype="`)
			x.str(k.whole)
			x.str(`"`)
		}
		x.str(">")
		x.escaped(o.text, &xmlMarks)
	}
	x.str("</")
	x.str(*name)
	x.str(">\n")
}

// attribute writes an IRI. Of the characters that XML minds, an IRI may hold the ampersand only.
func (x *rdfXML) attribute(name string, r ref) {
	x.str(" ")
	x.str(name)
	x.str(`="`)
	base := x.base
	if r.space != here {
		base = spaces[r.space]
	}
	x.escaped(base, &xmlMarks)
	x.escaped(r.rest, &xmlMarks)
	x.str(`"`)
}
