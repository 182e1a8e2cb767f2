package dcat

import "fmt"

// jsonLD writes JSON-LD with its context inside: nobody has to fetch one. The context is made from the table of properties.
type jsonLD struct {
	output
	nodes int
}

var jsonMarks = func() (marks [128]string) {
	for c := range 0x20 {
		marks[c] = fmt.Sprintf(`\u%04x`, c)
	}
	marks['\n'], marks['\t'], marks['"'], marks['\\'] = `\n`, `\t`, `\"`, `\\`
	marks['<'], marks['>'], marks['&'] = `\u003c`, `\u003e`, `\u0026` // inert where a page would embed it
	return marks
}()

var jsonContext = func() (text string) {
	for _, n := range namespaces {
		text += `"` + n.prefix + `":"` + n.iri + `",`
	}
	for i, p := range properties {
		text += "\n  " + `"` + p.name + `":{"@id":"` + fullProperties[i] + `"`
		switch {
		case p.kind.resource:
			text += `,"@type":"@id"`
		case p.kind.lang != "":
			text += `,"@language":"` + p.kind.lang + `"`
		case p.kind.datatype != "":
			text += `,"@type":"` + p.kind.whole + `"`
		}
		text += "},"
	}
	return text[:len(text)-1]
}()

func (j *jsonLD) begin() {
	j.str(`{"@context":{`)
	j.str(jsonContext)
	j.str("},\n\"@graph\":[")
}

func (j *jsonLD) end() { j.str("\n]}\n") }

func (j *jsonLD) node(n *node) {
	if j.nodes++; j.nodes > 1 {
		j.str(",")
	}
	j.str("\n")
	j.object(n)
}

func (j *jsonLD) object(n *node) {
	j.str("{")
	between := ""
	if n.ref != (ref{}) {
		j.str(`"@id":`)
		j.address(n.ref)
		between = ","
	}
	if len(n.types) > 0 {
		j.str(between)
		j.str(`"@type":`)
		j.list(len(n.types), func(i int) {
			j.str(`"`)
			j.str(classes[n.types[i]])
			j.str(`"`)
		})
		between = ","
	}
	for i := range n.props {
		p := &n.props[i]
		j.str(between)
		j.str(`"`)
		j.str(properties[p.property].name)
		j.str(`":`)
		j.list(len(p.objects), func(k int) { j.value(properties[p.property].kind, &p.objects[k]) })
		between = ","
	}
	j.str("}")
}

// list writes one value by itself and several between brackets.
func (j *jsonLD) list(n int, value func(i int)) {
	if n == 1 {
		value(0)
		return
	}
	for i := range n {
		j.str([]string{"[", ","}[min(i, 1)])
		value(i)
	}
	j.str("]")
}

func (j *jsonLD) value(k kind, o *object) {
	switch {
	case o.blank != nil:
		j.object(o.blank)
	case k.resource:
		j.address(o.ref)
	default:
		j.str(`"`)
		j.escaped(o.text, &jsonMarks)
		j.str(`"`)
	}
}

func (j *jsonLD) address(r ref) {
	base := j.base
	if r.space != here {
		base = spaces[r.space]
	}
	j.str(`"`)
	j.escaped(base, &jsonMarks)
	j.escaped(r.rest, &jsonMarks)
	j.str(`"`)
}
