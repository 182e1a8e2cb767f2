package dcat

import "strconv"

// nTriples writes one statement a line. Blank nodes are numbered in the order of the document.
type nTriples struct {
	output
	blanks  int
	subject []byte // of the node being written, as it is written
}

const rdfType = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"

func (t *nTriples) begin() {}
func (t *nTriples) end()   {}

func (t *nTriples) node(n *node) {
	at := len(t.buf)
	t.str("<")
	t.iri(n.ref)
	t.str(">")
	t.subject = append(t.subject[:0], t.buf[at:]...)
	t.buf = t.buf[:at]
	t.body(n, t.subject)
}

// body writes the statements of a subject, then those of the blank nodes that they name.
func (t *nTriples) body(n *node, subject []byte) {
	for _, c := range n.types {
		t.buf = append(t.buf, subject...)
		t.str(" <" + rdfType + "> <")
		t.str(fullClasses[c])
		t.str("> .\n")
	}
	first := t.blanks
	var named []*node
	for i := range n.props {
		p := &n.props[i]
		for k := range p.objects {
			t.buf = append(t.buf, subject...)
			t.str(" <")
			t.str(fullProperties[p.property])
			t.str("> ")
			if b := p.objects[k].blank; b != nil {
				named = append(named, b)
				t.blanks++
				t.str("_:b" + strconv.Itoa(t.blanks))
			} else {
				t.object(properties[p.property].kind, &p.objects[k])
			}
			t.str(" .\n")
		}
	}
	for i, b := range named {
		t.body(b, []byte("_:b"+strconv.Itoa(first+i+1)))
	}
}

func (t *nTriples) object(k kind, o *object) {
	if k.resource {
		t.str("<")
		t.iri(o.ref)
		t.str(">")
		return
	}
	t.str(`"`)
	t.escaped(o.text, &turtleMarks)
	t.str(`"`)
	if k.lang != "" {
		t.str("@" + k.lang)
	} else if k.datatype != "" {
		t.str("^^<")
		t.str(k.whole)
		t.str(">")
	}
}
