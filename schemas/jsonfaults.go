package schemas

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// An explainer finds what rules refuse in the value of a tape: the faults are those that package jsonschema finds, at a small part of its
// cost. Where one of several forms would do (anyOf, oneOf) it keeps the faults of one, as leaves does. What it cannot tell it leaves to that
// package.
type explainer struct {
	t      *jsonTape
	path   []byte // JSON pointer of the value at hand
	depth  int32  // its parts
	faults []ruleFault
	arena  []byte // the paths of faults
	full   bool   // enough was noted
	beyond bool
}

// What an explainer notes of one record; beyond, the rest of its faults goes unsaid. issuesMax of them are told.
const (
	faultsMax     = 10_000
	faultPathsMax = 4 << 20
)

// A ruleFault is a keyword that a value breaks.
type ruleFault struct {
	keyword  string
	rule     *jsonRule
	node     int32
	depth    int32
	from, to uint32 // its path in the arena
}

func (x *explainer) instance(f *ruleFault) []byte { return x.arena[f.from:f.to] }

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
	slices.SortFunc(x.faults, func(a, b ruleFault) int {
		return cmp.Or(bytes.Compare(x.instance(&a), x.instance(&b)), cmp.Compare(a.rule.location, b.rule.location), cmp.Compare(a.keyword, b.keyword))
	})
	var alone *ruleFault // said the last issue, and nothing else
	for i := range x.faults {
		f := &x.faults[i]
		if alone != nil && x.alike(f, alone) {
			continue
		}
		at := f.rule.location + "/" + f.keyword
		issues := d.word(speech, t.value(f.node), &jsonschema.ValidationError{KeywordLocation: at, AbsoluteKeywordLocation: at, InstanceLocation: string(x.instance(f))})
		if out = distinct(append(out, issues...)); len(out) == issuesMax {
			break
		}
		if alone = f; len(issues) > 1 {
			alone = nil
		}
	}
	return out
}

// alike tells whether two faults are said in the same words.
func (x *explainer) alike(a, b *ruleFault) bool {
	return a.keyword == b.keyword && a.rule == b.rule && x.t.sameText(a.node, b.node) && recordField(string(x.instance(a))) == recordField(string(x.instance(b)))
}

// sameText tells whether two values are written alike.
func (t *jsonTape) sameText(a, b int32) bool {
	return a == b || t.nodes[a].kind == t.nodes[b].kind && !t.nodes[a].apart && !t.nodes[b].apart && bytes.Equal(t.text(a), t.text(b))
}

func (x *explainer) fault(r *jsonRule, n int32, keyword string) {
	if x.full {
		return
	}
	from := uint32(len(x.arena))
	x.arena = append(x.arena, x.path...)
	x.faults = append(x.faults, ruleFault{keyword: keyword, rule: r, node: n, depth: x.depth, from: from, to: uint32(len(x.arena))})
	x.full = len(x.faults) >= faultsMax || len(x.arena) >= faultPathsMax
}

// enter goes into a member or an item, whose part of the path was added; leave goes back.
func (x *explainer) enter(r *jsonRule, n int32, back int) {
	x.depth++
	x.explain(r, n)
	x.depth--
	x.path = x.path[:back]
}

// explain notes what r refuses in a value.
func (x *explainer) explain(r *jsonRule, n int32) {
	t := x.t
	switch {
	case r.verdict > 0, x.full, x.beyond:
		return
	case r.verdict < 0:
		x.beyond = true
		return
	case !r.typeFits(t, n):
		x.fault(r, n, "type")
		return
	}
	if r.enum != nil && !r.enum.has(t, n) {
		x.fault(r, n, "enum")
	}
	if r.constant != nil && !r.constant.has(t, n) {
		x.fault(r, n, "const")
	}
	if !r.formatted(t, n) {
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
	x.forms(r, n)
}

// forms notes what the schemas within the schema refuse of which not all must hold.
func (x *explainer) forms(r *jsonRule, n int32) {
	if len(r.any) > 0 {
		x.nearest(r.any, n, 1)
	}
	if len(r.one) > 0 && x.nearest(r.one, n, 2) > 1 {
		x.fault(r, n, "oneOf")
	}
	if r.not != nil && r.not.accepts(x.t, n) {
		x.fault(r, n, "not")
	}
	if branch := r.branch(x.t, n); branch != nil {
		x.explain(branch, n)
	}
}

// nearest counts the forms that fit, up to enough. When none does it notes the faults of one: of those meant for this sort of value, the
// one that goes farthest.
func (x *explainer) nearest(forms []*jsonRule, n int32, enough int) (fitting int) {
	if x.full {
		return 0
	}
	meant := func(r *jsonRule) bool { return !x.misdirected(r, n) }
	some := slices.ContainsFunc(forms, meant)
	from, paths := len(x.faults), len(x.arena)
	for _, form := range forms {
		if some && !meant(form) {
			continue
		}
		start, path := len(x.faults), len(x.arena)
		x.explain(form, n)
		switch {
		case x.beyond:
			return 0
		case x.full: // before it was known whether another form fits
			if fitting = acceptedBy(forms, x.t, n); fitting == 0 {
				return 0
			}
			x.full = false
			x.faults, x.arena = x.faults[:from], x.arena[:paths]
			return fitting
		case start == len(x.faults):
			if fitting++; fitting == enough {
				x.faults, x.arena = x.faults[:from], x.arena[:paths]
				return fitting
			}
		case start == from || goesFarther(x.faults[start:], x.faults[from:start]):
			x.forget(from, start, paths, path)
		default:
			x.faults, x.arena = x.faults[:start], x.arena[:path]
		}
	}
	if fitting > 0 {
		x.faults, x.arena = x.faults[:from], x.arena[:paths]
	}
	return fitting
}

// goesFarther tells whether the faults of a form lie deeper than those of another, or are fewer.
func goesFarther(a, b []ruleFault) bool {
	depth := func(list []ruleFault) (d int32) {
		for i := range list {
			d = max(d, list[i].depth)
		}
		return d
	}
	if da, db := depth(a), depth(b); da != db {
		return da > db
	}
	return len(a) < len(b)
}

// forget drops the faults noted between from and start, and their paths.
func (x *explainer) forget(from, start, paths, path int) {
	if start == from {
		return
	}
	x.faults = append(x.faults[:from], x.faults[start:]...)
	x.arena = append(x.arena[:paths], x.arena[path:]...)
	for i := range x.faults[from:] {
		f := &x.faults[from+i]
		f.from, f.to = f.from-uint32(path-paths), f.to-uint32(path-paths)
	}
}

// misdirected tells whether a form does not fit because it is for another sort of value: what the function of that name tells from its
// faults.
func (x *explainer) misdirected(r *jsonRule, n int32) bool {
	t := x.t
	off := func(part *jsonRule) bool { return x.misdirected(part, n) }
	switch {
	case r.verdict != 0:
		return false
	case !r.typeFits(t, n):
		return true
	case slices.ContainsFunc(r.all, off), len(r.any) > 0 && all(r.any, off), len(r.one) > 0 && all(r.one, off):
		return true
	}
	if branch := r.branch(t, n); branch != nil && off(branch) {
		return true
	}
	for _, need := range r.needs {
		if need.rule != nil && t.member(n, need.key) >= 0 && off(need.rule) {
			return true
		}
	}
	member := t.member(n, t.keys.numbers["type"])
	if member < 0 {
		return false
	}
	of := r.member(t, member-1)
	return of != nil && x.unlisted(of, member)
}

func all(rules []*jsonRule, is func(*jsonRule) bool) bool {
	return !slices.ContainsFunc(rules, func(r *jsonRule) bool { return !is(r) })
}

// unlisted tells whether a value is none of those that a rule enumerates.
func (x *explainer) unlisted(r *jsonRule, n int32) bool {
	t := x.t
	if r.verdict != 0 || !r.typeFits(t, n) {
		return false
	}
	if len(r.any)+len(r.one)+len(r.needs) > 0 || r.when != nil {
		x.beyond = true
	}
	return r.enum != nil && !r.enum.has(t, n) || r.constant != nil && !r.constant.has(t, n) ||
		slices.ContainsFunc(r.all, func(part *jsonRule) bool { return x.unlisted(part, n) })
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
	x.needs(r, n)
	closed := false // an unknown member was told
	for k, end := n+1, node.next; k < end; k = t.nodes[k+1].next {
		rule := r.member(t, k)
		switch {
		case rule == nil:
		case rule == r.extra && rule.verdict < 0 && rule.location == "":
			if !closed {
				x.fault(r, n, "additionalProperties")
			}
			closed = true
		default:
			back := len(x.path)
			x.path = append(append(x.path, '/'), escapePointer(string(t.text(k)))...)
			x.enter(rule, k+1, back)
		}
	}
}

// needs notes the members that are missing beside others.
func (x *explainer) needs(r *jsonRule, n int32) {
	for _, need := range r.needs {
		if x.t.member(n, need.key) < 0 {
			continue
		}
		for i, key := range need.members {
			if x.t.member(n, key) < 0 {
				x.fault(r, n, need.keyword+"/"+strconv.Itoa(i))
			}
		}
		if need.rule != nil {
			x.explain(need.rule, n)
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
		back := len(x.path)
		x.path = strconv.AppendInt(append(x.path, '/'), index, 10)
		x.enter(r.items, i, back)
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
	if !r.matches(b) {
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
