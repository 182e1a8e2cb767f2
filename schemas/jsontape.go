package schemas

import (
	"bytes"
	"hash/maphash"
	"slices"
	"unicode/utf8"
)

// A jsonTape is one JSON value read into a row of nodes, each behind the one that holds it: what the rules of a JSON Schema and the columns of
// a record look at without making Go values of it. It accepts and refuses exactly what parseJSON does. It is used again for the next value.
//
// A value is held whole, so that the memory a document takes is bounded by its longest record, which its reader bounds, and not by its
// length: one node of 24 bytes for each value and each name of that record, some four times the text of a long line or of a large zone, and
// as much again for the cell that its geometry becomes.
type jsonTape struct {
	jsonParser
	nodes []jsonNode
	arena []byte // strings that are not in the text as they are
	keys  *keyNames
	ids   []int32 // of the members of the objects being read

	tops   []int32 // by number of a name: the root's member, as placed
	placed []int32 // what is set in tops

	strings map[string]struct{} // of an object with many members, to find one that is named twice
}

// A jsonNode is a value, or the name of the member whose value follows.
type jsonNode struct {
	kind  byte  // { [ " 0 t f n
	apart bool  // the string is in the arena
	key   int32 // of a name: its number in keyNames, -1 when no rule knows it
	off   uint32
	end   uint32 // of the text; strings are without their quotes
	next  int32  // the node behind the value and all it holds
	count int32  // members or items
}

// keyNames numbers the member names that rules and columns ask for.
type keyNames struct{ numbers map[string]int32 }

func (k *keyNames) number(name string) int32 {
	n, ok := k.numbers[name]
	if !ok {
		n = int32(len(k.numbers))
		k.numbers[name] = n
	}
	return n
}

// longText is from how many bytes on the nodes of a text are counted before they are made, for a geometry has one for each number and each
// position: a tape that grows while it is read takes more than twice the memory.
const longText = 64 << 10

// maxValues is how many values and names one record may have, some 100 MiB of nodes: a geometry of 1.4 million positions. A record of 32 MiB that
// is all commas would take a gigabyte otherwise.
const maxValues = 4 << 20

// nodesOf is how many nodes a text takes at most: each value and each name has one of these bytes before it.
func nodesOf(b []byte) (n int) {
	for _, c := range []string{"[", "{", ",", ":"} {
		n += bytes.Count(b, []byte(c))
	}
	return n + 1
}

// read takes in a value; node 0 is its root. The errors are those of parseJSON, and errValues.
func (t *jsonTape) read(b []byte) error {
	t.b, t.i, t.nodes, t.arena, t.ids = b, 0, t.nodes[:0], t.arena[:0], t.ids[:0]
	if len(b) >= longText {
		n := nodesOf(b)
		if n > maxValues {
			return errValues
		}
		t.nodes = slices.Grow(t.nodes, n)
	}
	if err := t.node(0); err != nil {
		return err
	}
	if t.space(); t.i < len(b) {
		return errSyntax
	}
	return nil
}

// text is the text of a scalar: a string without its quotes, as it reads.
func (t *jsonTape) text(n int32) []byte {
	x := &t.nodes[n]
	if x.apart {
		return t.arena[x.off:x.end:x.end]
	}
	return t.b[x.off:x.end:x.end]
}

func (t *jsonTape) add(kind byte) int32 {
	t.nodes = append(t.nodes, jsonNode{kind: kind, key: -1, off: uint32(t.i), next: int32(len(t.nodes) + 1)})
	return int32(len(t.nodes) - 1)
}

func (t *jsonTape) node(depth int) error {
	if depth > jsonDepth {
		return errDepth
	}
	switch c := t.peek(); c {
	case '{':
		return t.members(depth)
	case '[':
		return t.items(depth)
	case '"':
		return t.quoted(t.add('"'))
	case 't', 'f', 'n':
		return t.literal(c)
	}
	n := t.add('0')
	if err := t.numeral(); err != nil {
		return err
	}
	t.nodes[n].end = uint32(t.i)
	return nil
}

func (t *jsonTape) literal(c byte) error {
	w := "null"
	if c == 't' {
		w = "true"
	} else if c == 'f' {
		w = "false"
	}
	if len(t.b)-t.i < len(w) || string(t.b[t.i:t.i+len(w)]) != w {
		return errSyntax
	}
	n := t.add(c)
	t.i += len(w)
	t.nodes[n].end = uint32(t.i)
	return nil
}

func (t *jsonTape) members(depth int) error {
	n, from := t.add('{'), len(t.ids)
	t.i++
	if t.peek() == '}' {
		return t.close(n)
	}
	for {
		if t.peek() != '"' {
			return errSyntax
		}
		k := t.add('"')
		if err := t.quoted(k); err != nil {
			return err
		}
		if t.peek() != ':' {
			return errSyntax
		}
		t.i++
		if id, ok := t.keys.numbers[string(t.text(k))]; ok {
			t.nodes[k].key = id
		}
		t.ids = append(t.ids, k)
		if err := t.node(depth + 1); err != nil {
			return err
		}
		t.nodes[n].count++
		switch t.peek() {
		case '}':
			if err := t.twice(t.ids[from:]); err != nil {
				return err
			}
			t.ids = t.ids[:from]
			return t.close(n)
		case ',':
			t.i++
		default:
			return errSyntax
		}
	}
}

// close ends an object or an array at the bracket ahead.
func (t *jsonTape) close(n int32) error {
	t.i++
	t.nodes[n].end, t.nodes[n].next = uint32(t.i), int32(len(t.nodes))
	return nil
}

// twice looks for a name given twice among the members of one object.
func (t *jsonTape) twice(names []int32) error {
	var known [4]uint64 // numbers below 256 that were met
	unknown := 0
	for i, k := range names {
		id := t.nodes[k].key
		switch {
		case id >= 0 && id < 256:
			if known[id>>6]&(1<<(id&63)) != 0 {
				return errDuplicate{string(t.text(k))}
			}
			known[id>>6] |= 1 << (id & 63)
		case len(names) > 64:
			unknown++
		default:
			for _, other := range names[:i] {
				if t.nodes[other].key == id && bytes.Equal(t.text(other), t.text(k)) {
					return errDuplicate{string(t.text(k))}
				}
			}
		}
	}
	if unknown > 0 {
		return t.twiceOfMany(names)
	}
	return nil
}

func (t *jsonTape) twiceOfMany(names []int32) error {
	if t.strings == nil {
		t.strings = map[string]struct{}{}
	}
	defer clear(t.strings)
	for _, k := range names {
		if _, ok := t.strings[string(t.text(k))]; ok {
			return errDuplicate{string(t.text(k))}
		}
		t.strings[string(t.text(k))] = struct{}{}
	}
	return nil
}

func (t *jsonTape) items(depth int) error {
	n := t.add('[')
	t.i++
	if t.peek() == ']' {
		return t.close(n)
	}
	for {
		if err := t.node(depth + 1); err != nil {
			return err
		}
		t.nodes[n].count++
		switch t.peek() {
		case ']':
			return t.close(n)
		case ',':
			t.i++
		default:
			return errSyntax
		}
	}
}

// quoted takes the string that begins here.
func (t *jsonTape) quoted(n int32) error {
	t.i++
	start, high := t.i, byte(0)
	for i, c := range t.b[start:] {
		high |= c
		if c != '"' && c != '\\' && c >= ' ' {
			continue
		}
		if c != '"' || high >= utf8.RuneSelf && !utf8.Valid(t.b[start:start+i]) {
			break
		}
		t.i = start + i + 1
		t.nodes[n].off, t.nodes[n].end = uint32(start), uint32(start+i)
		return nil
	}
	t.i = start - 1
	s, err := t.string()
	if err != nil {
		return err
	}
	x := &t.nodes[n]
	x.apart, x.off = true, uint32(len(t.arena))
	t.arena = append(t.arena, s...)
	x.end = uint32(len(t.arena))
	return nil
}

// value makes the Go value of a node, as parseJSON does.
func (t *jsonTape) value(n int32) any {
	x := &t.nodes[n]
	from, to := x.off, x.end
	if x.kind == '"' {
		return string(t.text(n))
	}
	v, err := parseJSON(t.b[from:to])
	if err != nil {
		return nil
	}
	return v
}

// member finds a member of an object by its number; -1 when it has none, or n is no object.
func (t *jsonTape) member(n, key int32) int32 {
	if t.nodes[n].kind != '{' {
		return -1
	}
	for k, end := n+1, t.nodes[n].next; k < end; k = t.nodes[k+1].next {
		if t.nodes[k].key == key {
			return k + 1
		}
	}
	return -1
}

// equal tells whether two values are the same JSON: objects in any order, numbers by what they are worth.
func (t *jsonTape) equal(a, b int32) bool {
	x, y := &t.nodes[a], &t.nodes[b]
	if x.kind != y.kind || x.count != y.count {
		return false
	}
	switch x.kind {
	case '"':
		return bytes.Equal(t.text(a), t.text(b))
	case '0':
		return sameNumber(t.text(a), t.text(b))
	case '[':
		for i, j := a+1, b+1; i < x.next; i, j = t.nodes[i].next, t.nodes[j].next {
			if !t.equal(i, j) {
				return false
			}
		}
	case '{':
		for k := a + 1; k < x.next; k = t.nodes[k+1].next {
			if v := t.named(b, t.text(k)); v < 0 || !t.equal(k+1, v) {
				return false
			}
		}
	}
	return true
}

// named finds a member of an object by its name.
func (t *jsonTape) named(n int32, name []byte) int32 {
	for k, end := n+1, t.nodes[n].next; k < end; k = t.nodes[k+1].next {
		if bytes.Equal(t.text(k), name) {
			return k + 1
		}
	}
	return -1
}

func sameNumber(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, y := ratOf(a), ratOf(b)
	return x != nil && y != nil && x.Cmp(y) == 0
}

// hash gives values that are equal the same number, and others most likely not.
func (t *jsonTape) hash(n int32, seed maphash.Seed) uint64 {
	const spread = 0x9e3779b97f4a7c15
	x := &t.nodes[n]
	h := uint64(x.kind) * spread
	switch x.kind {
	case '"':
		h ^= maphash.Bytes(seed, t.text(n))
	case '0':
		h ^= maphash.Bytes(seed, plainDecimal(t.text(n)))
	case '[':
		for i := n + 1; i < x.next; i = t.nodes[i].next {
			h = (h ^ t.hash(i, seed)) * spread
			h ^= h >> 29
		}
	case '{':
		for k := n + 1; k < x.next; k = t.nodes[k+1].next { // in any order: a sum
			m := (maphash.Bytes(seed, t.text(k)) ^ t.hash(k+1, seed)*spread) * spread
			h += m ^ m>>31
		}
	}
	return h
}

// plainDecimal writes a number in the one way that its worth has: 1, 1.0 and 10e-1 alike.
func plainDecimal(b []byte) []byte {
	plain := len(b) == 1 || b[0] != '0' && b[0] != '-'
	for _, c := range b {
		plain = plain && c >= '0' && c <= '9'
	}
	if plain {
		return b
	}
	if r := ratOf(b); r != nil {
		return []byte(r.RatString())
	}
	return b
}

// place makes the members of the root quick to find.
func (t *jsonTape) place() {
	for _, key := range t.placed {
		t.tops[key] = -1
	}
	t.placed = t.placed[:0]
	for len(t.tops) < len(t.keys.numbers) {
		t.tops = append(t.tops, -1)
	}
	if t.nodes[0].kind != '{' {
		return
	}
	for k, end := int32(1), t.nodes[0].next; k < end; k = t.nodes[k+1].next {
		if key := t.nodes[k].key; key >= 0 {
			t.tops[key] = k + 1
			t.placed = append(t.placed, key)
		}
	}
}

// top finds a member of the root by its number, once placed; -1 when there is none.
func (t *jsonTape) top(key int32) int32 { return t.tops[key] }

// appendText adds a value as a cell holds it: strings bare, numbers as written, objects and arrays as JSON.
func (t *jsonTape) appendText(out []byte, n int32) []byte {
	switch t.nodes[n].kind {
	case '{', '[':
		return t.appendJSON(out, n)
	}
	return append(out, t.text(n)...)
}

// appendJSON writes a value as compactJSON does: without spaces, the members in the order of their names.
func (t *jsonTape) appendJSON(out []byte, n int32) []byte {
	x := &t.nodes[n]
	switch x.kind {
	case '"':
		return appendQuoted(out, t.text(n))
	case '[':
		out = append(out, '[')
		for i := n + 1; i < x.next; i = t.nodes[i].next {
			if i > n+1 {
				out = append(out, ',')
			}
			out = t.appendJSON(out, i)
		}
		return append(out, ']')
	case '{':
		var few [16]int32
		names := few[:0]
		for k := n + 1; k < x.next; k = t.nodes[k+1].next {
			names = append(names, k)
		}
		slices.SortFunc(names, func(a, b int32) int { return bytes.Compare(t.text(a), t.text(b)) })
		out = append(out, '{')
		for i, k := range names {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(appendQuoted(out, t.text(k)), ':')
			out = t.appendJSON(out, k+1)
		}
		return append(out, '}')
	}
	return append(out, t.text(n)...)
}

// appendQuoted writes a string.
func appendQuoted(out, b []byte) []byte {
	for _, c := range b {
		if c < ' ' || c == '"' || c == '\\' || c == 0xE2 { // 0xE2 begins the line separator, among others
			return append(out, compactJSON(string(b))...)
		}
	}
	return append(append(append(out, '"'), b...), '"')
}
