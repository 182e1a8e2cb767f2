package schemas

import (
	"hash/maphash"
	"math/big"
	"regexp"
	"strconv"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// A jsonRule is one schema of a JSON Schema made ready to judge a jsonTape without allocating. It gives the verdict that package jsonschema
// gives; only that one words the faults of a record found bad.
type jsonRule struct {
	verdict  int8   // of a schema that is true (1) or false (-1), else 0
	types    uint16 // bits of the types it admits, 0 for any
	texts    map[string]struct{}
	values   []any // the enumeration, when it has more than strings
	enum     bool
	minLen   int // -1: no bound; all of these alike
	maxLen   int
	pattern  *regexp.Regexp
	format   func(any) bool
	bounds   []jsonBound
	minItems int
	maxItems int
	unique   bool
	items    *jsonRule
	minProps int
	maxProps int
	required []int32
	props    []*jsonRule // by number of the name; nil: any
	known    []bool      // by number of the name
	extra    *jsonRule   // of the other members; nil: any

	all, any, one []*jsonRule
	not           *jsonRule
	when          *jsonRule
	then, other   *jsonRule

	location string // of the schema, to word what it refuses
}

// A jsonBound is a limit of a number.
type jsonBound struct {
	near  float64
	exact *big.Rat
	upper bool
	open  bool // the limit itself is beyond
}

// Bits of jsonRule.types.
const (
	isObject uint16 = 1 << iota
	isArray
	isString
	isNumber
	isInteger
	isBoolean
	isNull
)

var typeBits = map[string]uint16{"object": isObject, "array": isArray, "string": isString, "number": isNumber, "integer": isInteger, "boolean": isBoolean, "null": isNull}

// ruleMaker turns compiled schemas into rules; schemas may contain themselves.
type ruleMaker struct {
	keys   *keyNames
	done   map[*jsonschema.Schema]*jsonRule
	beyond bool // a keyword was met that rules do not know
}

// newRule returns nil when the schema asks for what rules do not know.
func (k *keyNames) newRule(s *jsonschema.Schema) *jsonRule {
	m := &ruleMaker{keys: k, done: map[*jsonschema.Schema]*jsonRule{}}
	r := m.rule(s)
	if m.beyond {
		return nil
	}
	return r
}

func (m *ruleMaker) rule(s *jsonschema.Schema) *jsonRule {
	if s == nil {
		return nil
	}
	if r, ok := m.done[s]; ok {
		return r
	}
	r := &jsonRule{minLen: s.MinLength, maxLen: s.MaxLength, pattern: s.Pattern, minItems: s.MinItems, maxItems: s.MaxItems, unique: s.UniqueItems,
		minProps: s.MinProperties, maxProps: s.MaxProperties}
	r.location = s.Location
	m.done[s] = r
	m.beyond = m.beyond || s.RecursiveRef != nil || s.DynamicRef != nil || s.PropertyNames != nil || s.RegexProperties || len(s.PatternProperties) > 0 ||
		len(s.Dependencies)+len(s.DependentRequired)+len(s.DependentSchemas) > 0 || s.UnevaluatedProperties != nil || s.UnevaluatedItems != nil ||
		len(s.PrefixItems) > 0 || s.Contains != nil || s.MultipleOf != nil || s.ContentEncoding != "" || s.ContentMediaType != "" || len(s.Constant) > 0
	if s.Always != nil {
		r.verdict = -1
		if *s.Always {
			r.verdict = 1
		}
		return r
	}
	for _, t := range s.Types {
		r.types |= typeBits[t]
	}
	m.enumeration(r, s.Enum)
	r.format = jsonschema.Formats[s.Format]
	r.bound(s.Minimum, false, false)
	r.bound(s.ExclusiveMinimum, false, true)
	r.bound(s.Maximum, true, false)
	r.bound(s.ExclusiveMaximum, true, true)
	m.members(r, s)
	m.elements(r, s)
	if s.Ref != nil {
		r.all = append(r.all, m.rule(s.Ref))
	}
	r.all = append(r.all, m.rules(s.AllOf)...)
	r.any, r.one, r.not = m.rules(s.AnyOf), m.rules(s.OneOf), m.rule(s.Not)
	r.when, r.then, r.other = m.rule(s.If), m.rule(s.Then), m.rule(s.Else)
	return r
}

func (m *ruleMaker) rules(list []*jsonschema.Schema) (out []*jsonRule) {
	for _, s := range list {
		out = append(out, m.rule(s))
	}
	return out
}

func (m *ruleMaker) enumeration(r *jsonRule, values []any) {
	r.enum = len(values) > 0
	r.texts = map[string]struct{}{}
	for _, v := range values {
		switch v := v.(type) {
		case string:
			r.texts[v] = struct{}{}
		case nil, bool:
			r.values = append(r.values, v)
		default:
			m.beyond = true
		}
	}
}

func (r *jsonRule) bound(limit *big.Rat, upper, open bool) {
	if limit != nil {
		near, _ := limit.Float64()
		r.bounds = append(r.bounds, jsonBound{near: near, exact: limit, upper: upper, open: open})
	}
}

func (m *ruleMaker) members(r *jsonRule, s *jsonschema.Schema) {
	for _, name := range s.Required {
		r.required = append(r.required, m.keys.number(name))
	}
	for name, p := range s.Properties {
		n := int(m.keys.number(name))
		for len(r.props) <= n {
			r.props, r.known = append(r.props, nil), append(r.known, false)
		}
		r.props[n], r.known[n] = m.rule(p), true
	}
	switch extra := s.AdditionalProperties.(type) {
	case bool:
		if !extra {
			r.extra = &jsonRule{verdict: -1}
		}
	case *jsonschema.Schema:
		r.extra = m.rule(extra)
	}
}

func (m *ruleMaker) elements(r *jsonRule, s *jsonschema.Schema) {
	switch items := s.Items.(type) {
	case *jsonschema.Schema:
		r.items = m.rule(items)
	case []*jsonschema.Schema:
		m.beyond = true
	}
	if s.Items2020 != nil {
		r.items = m.rule(s.Items2020)
	}
}

// accepts judges one value.
func (r *jsonRule) accepts(t *jsonTape, n int32) bool {
	if r.verdict != 0 {
		return r.verdict > 0
	}
	if !r.typeFits(t, n) || r.enum && !r.listed(t, n) {
		return false
	}
	switch t.nodes[n].kind {
	case '{':
		if !r.object(t, n) {
			return false
		}
	case '[':
		if !r.array(t, n) {
			return false
		}
	case '"':
		if !r.text(t.text(n)) {
			return false
		}
	case '0':
		if len(r.bounds) > 0 && !r.within(t.text(n)) {
			return false
		}
	}
	if r.format != nil && !r.format(t.value(n)) {
		return false
	}
	return r.combined(t, n)
}

func (r *jsonRule) typeFits(t *jsonTape, n int32) bool {
	if r.types == 0 {
		return true
	}
	var bit uint16
	switch t.nodes[n].kind {
	case '{':
		bit = isObject
	case '[':
		bit = isArray
	case '"':
		bit = isString
	case 't', 'f':
		bit = isBoolean
	case 'n':
		bit = isNull
	case '0':
		if r.types&isNumber == 0 && r.types&isInteger != 0 {
			return whole(t.text(n))
		}
		bit = isNumber
	}
	return r.types&bit != 0
}

// whole tells whether a number is an integer: 1.0 is.
func whole(b []byte) bool {
	for _, c := range b {
		if c == '.' || c|0x20 == 'e' {
			r := ratOf(b)
			return r != nil && r.IsInt()
		}
	}
	return true
}

func ratOf(b []byte) *big.Rat {
	r, ok := new(big.Rat).SetString(string(b))
	if !ok {
		return nil
	}
	return r
}

func (r *jsonRule) listed(t *jsonTape, n int32) bool {
	kind := t.nodes[n].kind
	if kind == '"' {
		_, ok := r.texts[string(t.text(n))]
		return ok
	}
	for _, v := range r.values {
		if v == nil && kind == 'n' || v == true && kind == 't' || v == false && kind == 'f' {
			return true
		}
	}
	return false
}

func (r *jsonRule) text(b []byte) bool {
	short, long := r.lengthFaults(b)
	return !short && !long && (r.pattern == nil || r.pattern.Match(b))
}

// lengthFaults counts characters only where the bytes alone do not tell.
func (r *jsonRule) lengthFaults(b []byte) (short, long bool) {
	if r.minLen > 0 && len(b) < 4*r.minLen || r.maxLen >= 0 && len(b) > r.maxLen {
		n := utf8.RuneCount(b)
		return n < r.minLen, r.maxLen >= 0 && n > r.maxLen
	}
	return false, false
}

// within compares as floats, and exactly only where those are equal.
func (r *jsonRule) within(b []byte) bool {
	v, ok := nearFloat(b)
	for i := range r.bounds {
		limit := &r.bounds[i]
		order := 0
		switch {
		case ok && v < limit.near:
			order = -1
		case ok && v > limit.near:
			order = 1
		default:
			exact := ratOf(b)
			if exact == nil {
				return false
			}
			order = exact.Cmp(limit.exact)
		}
		if limit.upper {
			order = -order
		}
		if order < 0 || order == 0 && limit.open {
			return false
		}
	}
	return true
}

// nearFloat reads a number; one of up to 15 digits and no exponent without allocating. Both ways round to the nearest.
func nearFloat(b []byte) (float64, bool) {
	mantissa, scale, digits := int64(0), 1.0, 0
	point := false
	for i, c := range b {
		switch {
		case c >= '0' && c <= '9':
			mantissa = mantissa*10 + int64(c-'0')
			digits++
			if point {
				scale *= 10
			}
		case c == '.':
			point = true
		case c == '-' && i == 0:
		default:
			digits = 99
		}
		if digits > 15 {
			v, err := strconv.ParseFloat(string(b), 64)
			return v, err == nil
		}
	}
	v := float64(mantissa) / scale // both exact, so that the quotient is the nearest float
	if b[0] == '-' {
		v = -v
	}
	return v, true
}

func (r *jsonRule) object(t *jsonTape, n int32) bool {
	x := &t.nodes[n]
	if r.minProps >= 0 && int(x.count) < r.minProps || r.maxProps >= 0 && int(x.count) > r.maxProps {
		return false
	}
	var met [4]uint64
	for k, end := n+1, x.next; k < end; k = t.nodes[k+1].next {
		key := t.nodes[k].key
		if key >= 0 && key < 256 {
			met[key>>6] |= 1 << (key & 63)
		}
		rule := r.extra
		if key >= 0 && int(key) < len(r.known) && r.known[key] {
			rule = r.props[key]
		}
		if rule != nil && !rule.accepts(t, k+1) {
			return false
		}
	}
	for _, key := range r.required {
		if key < 256 && met[key>>6]&(1<<(key&63)) == 0 || key >= 256 && t.member(n, key) < 0 {
			return false
		}
	}
	return true
}

func (r *jsonRule) array(t *jsonTape, n int32) bool {
	x := &t.nodes[n]
	if r.minItems >= 0 && int(x.count) < r.minItems || r.maxItems >= 0 && int(x.count) > r.maxItems || r.unique && t.repeats(n) {
		return false
	}
	if r.items == nil {
		return true
	}
	for i := n + 1; i < x.next; i = t.nodes[i].next {
		if !r.items.accepts(t, i) {
			return false
		}
	}
	return true
}

var itemSeed = maphash.MakeSeed()

// repeatsMax is how many items of a list are compared one by one; of more, their hashes are first.
const repeatsMax = 16

// repeats tells whether two items of an array are equal.
func (t *jsonTape) repeats(n int32) bool {
	x := &t.nodes[n]
	if x.count > repeatsMax {
		return t.repeatsAmongMany(n)
	}
	for i := n + 1; i < x.next; i = t.nodes[i].next {
		for j := n + 1; j < i; j = t.nodes[j].next {
			if t.equal(i, j) {
				return true
			}
		}
	}
	return false
}

func (t *jsonTape) repeatsAmongMany(n int32) bool {
	seen := map[uint64][]int32{}
	for i := n + 1; i < t.nodes[n].next; i = t.nodes[i].next {
		h := t.hash(i, itemSeed)
		for _, j := range seen[h] {
			if t.equal(i, j) {
				return true
			}
		}
		seen[h] = append(seen[h], i)
	}
	return false
}

// combined applies the schemas within the schema that judge the same value.
func (r *jsonRule) combined(t *jsonTape, n int32) bool {
	for _, x := range r.all {
		if !x.accepts(t, n) {
			return false
		}
	}
	if len(r.any) > 0 && !acceptedByAny(r.any, t, n) {
		return false
	}
	if len(r.one) > 0 {
		count := 0
		for _, x := range r.one {
			if x.accepts(t, n) {
				count++
			}
		}
		if count != 1 {
			return false
		}
	}
	if r.not != nil && r.not.accepts(t, n) {
		return false
	}
	if r.when == nil {
		return true
	}
	branch := r.other
	if r.when.accepts(t, n) {
		branch = r.then
	}
	return branch == nil || branch.accepts(t, n)
}

func acceptedByAny(rules []*jsonRule, t *jsonTape, n int32) bool {
	for _, x := range rules {
		if x.accepts(t, n) {
			return true
		}
	}
	return false
}
