package schemas

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// An explainer finds what rules refuse in the value of a tape, where the answer is plain: the faults are those that package jsonschema
// finds, at a small part of its cost. Where one of several forms would do (anyOf, oneOf, not, if) it leaves the question to that package.
type explainer struct {
	t      *jsonTape
	path   []byte // JSON pointer of the value at hand
	faults []ruleFault
	beyond bool
}

// A ruleFault is a keyword that a value breaks.
type ruleFault struct {
	keyword, location, instance string
	node                        int32
}

// explained words what the rules refuse in the value of the tape; nil when it is to be left to package jsonschema. verdict is the rule
// that refused it, worded the one that says more, which must refuse it too.
func (d *document) explained(speech speech, verdict, worded *jsonRule, t *jsonTape) (out []Issue) {
	if verdict == nil || worded == nil {
		return nil
	}
	x := explainer{t: t}
	x.explain(worded, 0)
	if x.beyond || len(x.faults) == 0 {
		return nil
	}
	slices.SortStableFunc(x.faults, func(a, b ruleFault) int {
		return cmp.Or(cmp.Compare(a.instance, b.instance), cmp.Compare(a.location, b.location), cmp.Compare(a.keyword, b.keyword))
	})
	for _, f := range x.faults {
		at := f.location + "/" + f.keyword
		out = append(out, d.word(speech, t.value(f.node), &jsonschema.ValidationError{KeywordLocation: at, AbsoluteKeywordLocation: at, InstanceLocation: f.instance})...)
	}
	return distinct(out)
}

func (x *explainer) fault(r *jsonRule, n int32, keyword string) {
	x.faults = append(x.faults, ruleFault{keyword, r.location, string(x.path), n})
}

// explain notes what r refuses in a value.
func (x *explainer) explain(r *jsonRule, n int32) {
	t := x.t
	switch {
	case r.verdict > 0:
		return
	case r.verdict < 0 || r.hasForms() && !r.formsFit(t, n):
		x.beyond = true
		return
	case !r.typeFits(t, n):
		x.fault(r, n, "type")
		return
	}
	if r.enum && !r.listed(t, n) {
		x.fault(r, n, "enum")
	}
	if r.format != nil && !r.format(t.value(n)) {
		x.fault(r, n, "format")
	}
	switch t.nodes[n].kind {
	case '{':
		x.object(r, n)
	case '[':
		x.array(r, n)
	case '"':
		x.text(r, n)
	case '0':
		x.number(r, n)
	}
	for _, part := range r.all {
		x.explain(part, n)
	}
}

func (r *jsonRule) hasForms() bool {
	return len(r.any)+len(r.one) > 0 || r.not != nil || r.when != nil
}

// formsFit judges by the forms alone.
func (r *jsonRule) formsFit(t *jsonTape, n int32) bool {
	forms := jsonRule{any: r.any, one: r.one, not: r.not, when: r.when, then: r.then, other: r.other}
	return forms.combined(t, n)
}

func (x *explainer) object(r *jsonRule, n int32) {
	t := x.t
	node := &t.nodes[n]
	if r.minProps >= 0 && int(node.count) < r.minProps {
		x.fault(r, n, "minProperties")
	}
	if r.maxProps >= 0 && int(node.count) > r.maxProps {
		x.fault(r, n, "maxProperties")
	}
	for _, key := range r.required {
		if t.member(n, key) < 0 {
			x.fault(r, n, "required")
			break
		}
	}
	closed := false // an unknown member was told
	for k, end := n+1, node.next; k < end; k = t.nodes[k+1].next {
		rule := r.extra
		if key := t.nodes[k].key; key >= 0 && int(key) < len(r.known) && r.known[key] {
			rule = r.props[key]
		}
		switch {
		case rule == nil:
		case rule == r.extra && rule.verdict < 0 && rule.location == "":
			if !closed {
				x.fault(r, n, "additionalProperties")
			}
			closed = true
		default:
			from := len(x.path)
			x.path = append(append(x.path, '/'), escapePointer(string(t.text(k)))...)
			x.explain(rule, k+1)
			x.path = x.path[:from]
		}
	}
}

func (x *explainer) array(r *jsonRule, n int32) {
	t := x.t
	node := &t.nodes[n]
	if r.minItems >= 0 && int(node.count) < r.minItems {
		x.fault(r, n, "minItems")
	}
	if r.maxItems >= 0 && int(node.count) > r.maxItems {
		x.fault(r, n, "maxItems")
	}
	if r.unique && t.repeats(n) {
		x.fault(r, n, "uniqueItems")
	}
	if r.items == nil {
		return
	}
	for i, index := n+1, int64(0); i < node.next; i, index = t.nodes[i].next, index+1 {
		from := len(x.path)
		x.path = strconv.AppendInt(append(x.path, '/'), index, 10)
		x.explain(r.items, i)
		x.path = x.path[:from]
	}
}

func (x *explainer) text(r *jsonRule, n int32) {
	b := x.t.text(n)
	short, long := r.lengthFaults(b)
	if short {
		x.fault(r, n, "minLength")
	}
	if long {
		x.fault(r, n, "maxLength")
	}
	if r.pattern != nil && !r.pattern.Match(b) {
		x.fault(r, n, "pattern")
	}
}

func (x *explainer) number(r *jsonRule, n int32) {
	for i := range r.bounds {
		limit := r.bounds[i]
		one := jsonRule{bounds: []jsonBound{limit}}
		if one.within(x.t.text(n)) {
			continue
		}
		keyword := "minimum"
		switch {
		case limit.upper && limit.open:
			keyword = "exclusiveMaximum"
		case limit.upper:
			keyword = "maximum"
		case limit.open:
			keyword = "exclusiveMinimum"
		}
		x.fault(r, n, keyword)
	}
}
