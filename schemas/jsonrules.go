package schemas

import (
	"hash/maphash"
	"math/big"
	"reflect"
	"regexp"
	"regexp/syntax"
	"strconv"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// A jsonRule is one schema of a JSON Schema made ready to judge a jsonTape without allocating. It gives the verdict that package jsonschema
// gives, which judges the schemas that rules do not know.
type jsonRule struct {
	verdict  int8   // of a schema that is true (1) or false (-1), else 0
	types    uint16 // bits of the types it admits, 0 for any
	bare     bool   // it asks for nothing but types
	enum     *jsonList
	constant *jsonList
	minLen   int // -1: no bound; all of these alike
	maxLen   int
	pattern  *regexp.Regexp
	quick    *dfa // the same as pattern; nil when that is no automaton
	format   func(any) bool
	date     bool // format is that of dates
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
	needs    []jsonNeed

	all, any, one []*jsonRule
	not           *jsonRule
	when          *jsonRule
	then, other   *jsonRule

	tag int32 // number of a member that an object must have with a value of a list, -1 for none: it tells the forms of oneOf apart

	location string // of the schema, to word what it refuses
}

// A jsonList is an enumeration.
type jsonList struct {
	texts  map[string]struct{}
	others []any // null, true and false
}

// A jsonNeed is what the presence of a member asks of its object.
type jsonNeed struct {
	key     int32
	members []int32
	rule    *jsonRule
	keyword string // "dependencies/name"
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

// ruleMaker turns compiled schemas into rules. Schemas may contain themselves, but package jsonschema compiles none that would ask itself
// about the value that it is asked about.
type ruleMaker struct {
	keys   *keyNames
	done   map[*jsonschema.Schema]*jsonRule
	beyond bool // a keyword was met that rules do not know
}

// anyValue is the rule of a schema that says nothing.
func anyValue() *jsonRule {
	return &jsonRule{minLen: -1, maxLen: -1, minItems: -1, maxItems: -1, minProps: -1, maxProps: -1, tag: -1}
}

// newRule returns nil when the schema asks for what rules do not know.
func (k *keyNames) newRule(s *jsonschema.Schema) *jsonRule {
	m := &ruleMaker{keys: k, done: map[*jsonschema.Schema]*jsonRule{}}
	k.number("type")
	r := m.rule(s)
	if m.beyond {
		return nil
	}
	for _, x := range m.done {
		x.straighten()
	}
	for _, x := range m.done {
		x.tag = x.tagOf()
	}
	return r.target()
}

func (m *ruleMaker) rule(s *jsonschema.Schema) *jsonRule {
	if s == nil {
		return nil
	}
	if r, ok := m.done[s]; ok {
		return r
	}
	r := &jsonRule{minLen: s.MinLength, maxLen: s.MaxLength, pattern: s.Pattern, minItems: s.MinItems, maxItems: s.MaxItems, unique: s.UniqueItems,
		minProps: s.MinProperties, maxProps: s.MaxProperties, tag: -1, location: s.Location}
	m.done[s] = r
	m.beyond = m.beyond || s.RecursiveRef != nil || s.DynamicRef != nil || s.PropertyNames != nil || s.RegexProperties || len(s.PatternProperties) > 0 ||
		s.UnevaluatedProperties != nil || s.UnevaluatedItems != nil ||
		len(s.PrefixItems) > 0 || s.Contains != nil || s.MultipleOf != nil || s.ContentEncoding != "" || s.ContentMediaType != "" || len(s.Extensions) > 0
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
	r.enum, r.constant = m.enumeration(s.Enum), m.enumeration(s.Constant)
	r.format, r.date = jsonschema.Formats[s.Format], s.Format == "date"
	if s.Pattern != nil {
		r.quick = automaton(s.Pattern)
	}
	r.bound(s.Minimum, false, false)
	r.bound(s.ExclusiveMinimum, false, true)
	r.bound(s.Maximum, true, false)
	r.bound(s.ExclusiveMaximum, true, true)
	m.members(r, s)
	m.dependencies(r, s)
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

func (m *ruleMaker) enumeration(values []any) *jsonList {
	if len(values) == 0 {
		return nil
	}
	l := &jsonList{texts: map[string]struct{}{}}
	for _, v := range values {
		switch v := v.(type) {
		case string:
			l.texts[v] = struct{}{}
		case nil, bool:
			l.others = append(l.others, v)
		default:
			m.beyond = true
		}
	}
	return l
}

// automaton looks for an expression anywhere in a text, as package regexp does.
func automaton(re *regexp.Regexp) *dfa {
	tree, err := syntax.Parse("(?s:.*?)(?:"+re.String()+")", syntax.Perl)
	if err != nil {
		return nil
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil
	}
	return newDFA(prog)
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

func (m *ruleMaker) dependencies(r *jsonRule, s *jsonschema.Schema) {
	add := func(keyword, name string, what any) {
		need := jsonNeed{key: m.keys.number(name), keyword: keyword + "/" + escapePointer(name)}
		switch what := what.(type) {
		case []string:
			for _, other := range what {
				need.members = append(need.members, m.keys.number(other))
			}
		case *jsonschema.Schema:
			need.rule = m.rule(what)
		}
		r.needs = append(r.needs, need)
	}
	for name, what := range s.Dependencies {
		add("dependencies", name, what)
	}
	for name, what := range s.DependentRequired {
		add("dependentRequired", name, what)
	}
	for name, what := range s.DependentSchemas {
		add("dependentSchemas", name, what)
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

// target is the rule that a mere reference leads to.
func (r *jsonRule) target() *jsonRule {
	for hops := 0; r != nil && len(r.all) == 1 && hops < jsonDepth; hops++ {
		rest := *r
		rest.all, rest.location = nil, ""
		if !reflect.DeepEqual(&rest, anyValue()) {
			break
		}
		r = r.all[0]
	}
	return r
}

// straighten goes around mere references, and notes what is simple to judge.
func (r *jsonRule) straighten() {
	for _, list := range [][]*jsonRule{r.props, r.all, r.any, r.one} {
		for i := range list {
			list[i] = list[i].target()
		}
	}
	for _, x := range []**jsonRule{&r.items, &r.extra, &r.not, &r.when, &r.then, &r.other} {
		*x = (*x).target()
	}
	for i := range r.needs {
		r.needs[i].rule = r.needs[i].rule.target()
	}
	rest := *r
	rest.types, rest.location = 0, ""
	r.bare = reflect.DeepEqual(&rest, anyValue())
}

// tagOf finds the member that tells at once that an object is none of this rule's.
func (r *jsonRule) tagOf() int32 {
	for _, key := range r.required {
		if int(key) < len(r.props) && r.props[key] != nil && r.props[key].enum != nil {
			return key
		}
	}
	return -1
}

// accepts judges one value.
func (r *jsonRule) accepts(t *jsonTape, n int32) bool {
	if r.bare {
		return r.typeFits(t, n)
	}
	if r.verdict != 0 {
		return r.verdict > 0
	}
	if !r.typeFits(t, n) || r.enum != nil && !r.enum.has(t, n) || r.constant != nil && !r.constant.has(t, n) {
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
	return r.formatted(t, n) && r.combined(t, n)
}

// formatted judges texts by their format; formats say nothing of other values.
func (r *jsonRule) formatted(t *jsonTape, n int32) bool {
	if r.format == nil || t.nodes[n].kind != '"' {
		return true
	}
	if b := t.text(n); r.date && len(b) == 10 && b[7] == '-' {
		if _, ok := parseDate(b); ok {
			return true
		}
	}
	return r.format(string(t.text(n)))
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

func (l *jsonList) has(t *jsonTape, n int32) bool {
	kind := t.nodes[n].kind
	if kind == '"' {
		_, ok := l.texts[string(t.text(n))]
		return ok
	}
	for _, v := range l.others {
		if v == nil && kind == 'n' || v == true && kind == 't' || v == false && kind == 'f' {
			return true
		}
	}
	return false
}

func (r *jsonRule) text(b []byte) bool {
	short, long := r.lengthFaults(b)
	return !short && !long && r.matches(b)
}

func (r *jsonRule) matches(b []byte) bool {
	if r.quick != nil {
		return r.quick.match(b)
	}
	return r.pattern == nil || r.pattern.Match(b)
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

// member is the rule of the member whose name is at k; nil: any value.
func (r *jsonRule) member(t *jsonTape, k int32) *jsonRule {
	if key := t.nodes[k].key; key >= 0 && int(key) < len(r.known) && r.known[key] {
		return r.props[key]
	}
	return r.extra
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
		if rule := r.member(t, k); rule != nil && !rule.accepts(t, k+1) {
			return false
		}
	}
	for _, key := range r.required {
		if !t.has(n, key, &met) {
			return false
		}
	}
	for i := range r.needs {
		need := &r.needs[i]
		if !t.has(n, need.key, &met) {
			continue
		}
		for _, key := range need.members {
			if !t.has(n, key, &met) {
				return false
			}
		}
		if need.rule != nil && !need.rule.accepts(t, n) {
			return false
		}
	}
	return true
}

// has tells whether an object has a member, from the set of those with a number below 256.
func (t *jsonTape) has(n, key int32, met *[4]uint64) bool {
	if key < 256 {
		return met[key>>6]&(1<<(key&63)) != 0
	}
	return t.member(n, key) >= 0
}

// ruledOut tells cheaply of most objects that they are not of this form; false when that is not known.
func (r *jsonRule) ruledOut(t *jsonTape, n int32) bool {
	if r.tag < 0 || t.nodes[n].kind != '{' {
		return false
	}
	m := t.member(n, r.tag)
	return m < 0 || !r.props[r.tag].enum.has(t, m)
}

func (r *jsonRule) array(t *jsonTape, n int32) bool {
	x := &t.nodes[n]
	if r.minItems >= 0 && int(x.count) < r.minItems || r.maxItems >= 0 && int(x.count) > r.maxItems || r.unique && t.repeats(n) {
		return false
	}
	if r.items == nil {
		return true
	}
	numbers := r.items.bare && r.items.types&isNumber != 0 // the most frequent by far: positions
	for i := n + 1; i < x.next; i = t.nodes[i].next {
		if numbers && t.nodes[i].kind == '0' {
			continue
		}
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
	if len(r.one) > 0 && acceptedBy(r.one, t, n) != 1 {
		return false
	}
	if r.not != nil && r.not.accepts(t, n) {
		return false
	}
	branch := r.branch(t, n)
	return branch == nil || branch.accepts(t, n)
}

// branch is the one of then and else that holds; nil: neither.
func (r *jsonRule) branch(t *jsonTape, n int32) *jsonRule {
	switch {
	case r.when == nil:
		return nil
	case r.when.accepts(t, n):
		return r.then
	}
	return r.other
}

// acceptedBy counts the rules that accept a value, up to two.
func acceptedBy(rules []*jsonRule, t *jsonTape, n int32) (count int) {
	for _, x := range rules {
		if !x.ruledOut(t, n) && x.accepts(t, n) {
			if count++; count == 2 {
				break
			}
		}
	}
	return count
}

func acceptedByAny(rules []*jsonRule, t *jsonTape, n int32) bool {
	for _, x := range rules {
		if !x.ruledOut(t, n) && x.accepts(t, n) {
			return true
		}
	}
	return false
}
