package dcat

// turtle writes Turtle, and nTriples the same statements one by one.
type turtle struct{ output }

var turtleMarks = [128]string{'"': `\"`, '\\': `\\`, '\n': `\n`, '\t': `\t`}

func (t *turtle) begin() {
	for _, n := range namespaces {
		t.str("@prefix " + n.prefix + ": <" + n.iri + "> .\n")
	}
}

func (t *turtle) end() {}

// node writes one top-level node.
func (t *turtle) node(n *node) {
	t.str("\n<")
	t.iri(n.ref)
	t.str(">")
	t.body(n, "\n  ")
	t.str(" .\n")
}

// body writes what is said of a node; one without a type begins with its first property.
func (t *turtle) body(n *node, indent string) {
	for i, c := range n.types {
		t.str([]string{" a ", ", "}[min(i, 1)])
		t.str(classes[c])
	}
	for i := range n.props {
		p := &n.props[i]
		if i > 0 || len(n.types) > 0 {
			t.str(" ;")
		}
		t.str(indent)
		t.str(properties[p.property].name)
		t.str(" ")
		for k := range p.objects {
			if k > 0 {
				t.str(", ")
			}
			t.object(properties[p.property].kind, &p.objects[k])
		}
	}
}

func (t *turtle) object(k kind, o *object) {
	switch {
	case o.blank != nil:
		t.str("[")
		t.body(o.blank, " ")
		t.str(" ]")
	case k.resource:
		t.str("<")
		t.iri(o.ref)
		t.str(">")
	default:
		t.str(`"`)
		t.escaped(o.text, &turtleMarks)
		t.str(`"`)
		if k.lang != "" {
			t.str("@" + k.lang)
		} else if k.datatype != "" {
			t.str("^^" + k.datatype)
		}
	}
}
