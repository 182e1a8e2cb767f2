package schemas

import (
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// errPattern marks an expression that no engine of this package can run (look-around, mostly).
var errPattern = errors.New("expression not supported")

// A pattern is a `pattern` constraint. Validata puts the text between "^" and "$" without a group and matches from the start of the
// cell, so that "A|B" accepts whatever begins with A (VALIDATION.md section 4). Most patterns become an automaton; the rest
// goes to package regexp, or to a backtracking engine when there are back-references.
type pattern struct {
	chain *chain // of the dfa, when it has one
	dfa   *dfa
	re    *regexp.Regexp
	back  *backtracker
}

// compilePattern compiles the pattern as the schema writes it.
func compilePattern(text string) (*pattern, error) {
	expr, refs := fromPython(text)
	tree, err := syntax.Parse("^"+expr+"$", syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPattern, err)
	}
	tree = &syntax.Regexp{Op: syntax.OpConcat, Sub: []*syntax.Regexp{{Op: syntax.OpBeginText}, endBeforeLineFeed(tree)}}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPattern, err)
	}
	if refs {
		if slices.ContainsFunc(prog.Inst, mergedRef) {
			return nil, fmt.Errorf("%w: back-reference as an alternative of single characters", errPattern)
		}
		return &pattern{back: &backtracker{prog}}, nil
	}
	if d := newDFA(prog); d != nil {
		return &pattern{dfa: d, chain: newChain(d)}, nil
	}
	re, err := regexp.Compile(tree.String())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPattern, err)
	}
	return &pattern{re: re}, nil
}

// match tells whether the cell fits. A cell that the backtracking engine gave up on fits, with gaveUp.
func (p *pattern) match(b []byte) (ok, gaveUp bool) {
	switch {
	case p.chain != nil && (len(b) == 0 || b[len(b)-1] != '\n'):
		return p.chain.match(b), false
	case p.dfa != nil:
		return p.dfa.match(b), false
	case p.re != nil:
		return p.re.Match(b), false
	}
	return p.back.match(b)
}

// backref is the rune that stands for \0 in the parsed expression; \1 is the next one. They are private-use characters
// that no published file is known to hold.
const backref rune = 0x10FFD0

// pythonClasses are the classes that Python's re takes from the whole of Unicode and Go's from ASCII: « décisions » is \w+ there. (\d stays
// the ten digits: the digits of other scripts are in no French file. VALIDATION.md section 4 takes ASCII for all three; docs/decisions/0012
// says why not.)
var pythonClasses = map[rune]string{
	'w': `\p{L}\p{N}_`,
	's': `\t-\r\x1c-\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}`,
}

// fromPython rewrites what Python's re reads and Go's does not: \w, \s, \uXXXX, \Z, {,n}, escaped letters beyond ASCII, and
// back-references, which become marker runes.
func fromPython(text string) (expr string, refs bool) {
	var out strings.Builder
	class := false
	for i := 0; i < len(text); {
		c, size := utf8.DecodeRuneInString(text[i:])
		rest := text[i+size:]
		switch {
		case c == '\\' && rest != "":
			next, n := utf8.DecodeRuneInString(rest)
			i += n
			switch {
			case next == 'u' && isHex(rest[1:], 4):
				out.WriteString(`\x{` + rest[1:5] + `}`)
				i += 4
			case next == 'U' && isHex(rest[1:], 8):
				out.WriteString(`\x{` + rest[1:9] + `}`)
				i += 8
			case next == 'Z':
				out.WriteString(`\z`)
			case next >= '1' && next <= '9' && !class:
				out.WriteRune(backref + next - '0')
				refs = true
			case next >= utf8.RuneSelf:
				out.WriteRune(next)
			case pythonClasses[next] != "" && class:
				out.WriteString(pythonClasses[next])
			case pythonClasses[next] != "":
				out.WriteString("[" + pythonClasses[next] + "]")
			case next == 'W' && !class:
				out.WriteString("[^" + pythonClasses['w'] + "]")
			case next == 'S' && !class:
				out.WriteString("[^" + pythonClasses['s'] + "]")
			default:
				out.WriteByte('\\')
				out.WriteRune(next)
			}
		case c == '[' && !class:
			class = true
			out.WriteRune(c)
			if strings.HasPrefix(rest, "]") || strings.HasPrefix(rest, "^]") { // a "]" that comes first is itself
				n := strings.IndexByte(rest, ']') + 1
				out.WriteString(rest[:n])
				i += n
			}
		case c == ']' && class:
			class = false
			out.WriteRune(c)
		case c == '{' && !class && strings.HasPrefix(rest, ","):
			out.WriteString("{0")
		default:
			out.WriteRune(c)
		}
		i += size
	}
	return out.String(), refs
}

// mergedRef tells whether the parser put a back-reference's marker into a character class.
func mergedRef(in syntax.Inst) bool {
	for i := 0; len(in.Rune) > 1 && i < len(in.Rune); i += 2 {
		if in.Rune[i] > backref && in.Rune[i+1] <= backref+9 {
			return true
		}
	}
	return false
}

func isHex(s string, n int) bool {
	if len(s) < n {
		return false
	}
	_, err := strconv.ParseUint(s[:n], 16, 32)
	return err == nil
}

// endBeforeLineFeed gives each "$" Python's meaning: the end, or before one final line feed.
func endBeforeLineFeed(re *syntax.Regexp) *syntax.Regexp {
	if re.Op == syntax.OpEndText && re.Flags&syntax.WasDollar != 0 {
		feed := &syntax.Regexp{Op: syntax.OpLiteral, Rune: []rune{'\n'}}
		return &syntax.Regexp{Op: syntax.OpConcat, Sub: []*syntax.Regexp{{Op: syntax.OpQuest, Sub: []*syntax.Regexp{feed}}, {Op: syntax.OpEndText}}}
	}
	for i, sub := range re.Sub {
		re.Sub[i] = endBeforeLineFeed(sub)
	}
	return re
}

// A dfa is a deterministic automaton over bytes that looks for a match at the start of the text.
type dfa struct {
	class  [256]uint8 // bytes that no pattern position tells apart share a class
	stride uint32
	start  uint32
	next   []uint32 // next[state+class]; states are multiples of stride
	final  []bool   // final[state/stride]: the text may end here
}

// The first two states: nothing can match any more, and a match was found whatever follows.
const dfaDead, dfaFound = 0, 1

// dfaMax bounds the table of one pattern, in entries; beyond it package regexp is used.
const dfaMax = 1 << 16

func (d *dfa) match(b []byte) bool {
	s := d.start
	found := dfaFound * d.stride
	for _, c := range b {
		s = d.next[s+uint32(d.class[c])]
		if s <= found {
			return s == found
		}
	}
	return d.final[s/d.stride]
}

// A chain is the automaton of a pattern that knows one way only: at each place one range of ASCII bytes, as numbers, dates and codes have.
// It does not speak of texts that end with a line feed.
type chain struct {
	lo, hi []byte
	final  []bool // by length
}

// chainMax is how long a chain may be.
const chainMax = 64

// newChain returns nil when the automaton is no chain.
func newChain(d *dfa) *chain {
	c := &chain{}
	for s := d.start; len(c.lo) <= chainMax; {
		if s == dfaFound*d.stride {
			return nil
		}
		c.final = append(c.final, d.final[s/d.stride])
		lo, hi, next, ok := d.only(s)
		switch {
		case !ok:
			return nil
		case next == dfaDead:
			return c
		}
		c.lo, c.hi, s = append(c.lo, lo), append(c.hi, hi), next
	}
	return nil
}

// only returns the range of bytes that lead on from a state, and where to; ok is false when there are several ways. A line feed that can
// only be the last byte does not count.
func (d *dfa) only(s uint32) (lo, hi byte, next uint32, ok bool) {
	for b := range 256 {
		to := d.next[s+uint32(d.class[b])]
		switch {
		case to == dfaDead, b == '\n' && to != dfaFound*d.stride && d.deadEnd(to):
		case next == dfaDead:
			lo, hi, next = byte(b), byte(b), to
		case to != next || int(hi)+1 != b:
			return 0, 0, 0, false
		default:
			hi = byte(b)
		}
	}
	return lo, hi, next, hi < 0x80
}

// deadEnd tells whether nothing leads on from a state.
func (d *dfa) deadEnd(s uint32) bool {
	return !slices.ContainsFunc(d.next[s:s+d.stride], func(to uint32) bool { return to != dfaDead })
}

const (
	eachByte = 0x0101010101010101
	highBits = 0x80 * eachByte
)

// match looks at eight bytes at a time.
func (c *chain) match(b []byte) bool {
	n := len(b)
	if n >= len(c.final) || !c.final[n] {
		return false
	}
	if n < 8 {
		for i, x := range b {
			if x < c.lo[i] || x > c.hi[i] {
				return false
			}
		}
		return true
	}
	lo, hi := c.lo[:n], c.hi[:n]
	for i := 0; ; i = min(i+8, n-8) {
		w := binary.LittleEndian.Uint64(b[i:])
		above, below := (w|highBits)-binary.LittleEndian.Uint64(lo[i:]), (binary.LittleEndian.Uint64(hi[i:])|highBits)-w
		if above&below&^w&highBits != highBits {
			return false
		}
		if i == n-8 {
			return true
		}
	}
}

// An edge leads from one position of the byte automaton to the next.
type edge struct {
	lo, hi byte
	to     int
}

// A dfaBuilder turns a program over runes into positions over bytes, then into a dfa.
type dfaBuilder struct {
	prog  *syntax.Prog
	edges [][]edge // by position; the first len(prog.Inst) are instructions, the others lie inside a UTF-8 sequence

	met   []int // by position: the round in which follow met it last
	round int
	work  int // what was spent so far, against dfaWork
}

// dfaWork bounds the time that building one automaton takes, to some tens of milliseconds.
const dfaWork = 4 << 20

// newDFA returns nil when the program needs what an automaton over bytes cannot do cheaply.
func newDFA(prog *syntax.Prog) *dfa {
	b := &dfaBuilder{prog: prog, edges: make([][]edge, len(prog.Inst))}
	for pc := range prog.Inst {
		in := &prog.Inst[pc]
		switch in.Op {
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(in.Arg)&^(syntax.EmptyBeginText|syntax.EmptyEndText) != 0 {
				return nil
			}
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			for _, r := range runeRanges(in) {
				b.addRunes(pc, r[0], r[1], int(in.Out))
			}
		}
		if len(b.edges) > dfaMax/8 {
			return nil
		}
	}
	b.met = make([]int, len(b.edges))
	return b.determinize()
}

// runeRanges lists the runes that an instruction accepts.
func runeRanges(in *syntax.Inst) [][2]rune {
	switch in.Op {
	case syntax.InstRuneAny:
		return [][2]rune{{0, unicode.MaxRune}}
	case syntax.InstRuneAnyNotNL:
		return [][2]rune{{0, '\n' - 1}, {'\n' + 1, unicode.MaxRune}}
	}
	var out [][2]rune
	if len(in.Rune) == 1 {
		r := in.Rune[0]
		out = append(out, [2]rune{r, r})
		if in.Op == syntax.InstRune && syntax.Flags(in.Arg)&syntax.FoldCase != 0 {
			for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
				out = append(out, [2]rune{f, f})
			}
		}
		return out
	}
	for i := 0; i+1 < len(in.Rune); i += 2 {
		out = append(out, [2]rune{in.Rune[i], in.Rune[i+1]})
	}
	return out
}

// addRunes adds the UTF-8 sequences of lo to hi from one position to another. Ranges are split until all sequences of a part
// have the same length and differ byte by byte independently.
func (b *dfaBuilder) addRunes(from int, lo, hi rune, to int) {
	if lo > hi {
		return
	}
	for _, max := range []rune{0x7F, 0x7FF, 0xD7FF, 0xDFFF, 0xFFFF} {
		if lo <= max && max < hi {
			b.addRunes(from, lo, max, to)
			b.addRunes(from, max+1, hi, to)
			return
		}
	}
	if lo >= 0xD800 && hi <= 0xDFFF {
		return
	}
	for i := 1; i < utf8.RuneLen(hi); i++ {
		mask := rune(1)<<(6*i) - 1
		if lo&^mask == hi&^mask {
			continue
		}
		if lo&mask != 0 {
			b.addRunes(from, lo, lo|mask, to)
			b.addRunes(from, (lo|mask)+1, hi, to)
			return
		}
		if hi&mask != mask {
			b.addRunes(from, lo, hi&^mask-1, to)
			b.addRunes(from, hi&^mask, hi, to)
			return
		}
	}
	var l, h [4]byte
	n := utf8.EncodeRune(l[:], lo)
	utf8.EncodeRune(h[:], hi)
	for i := range n {
		target := to
		if i < n-1 {
			target = len(b.edges)
			b.edges = append(b.edges, nil)
		}
		b.edges[from] = append(b.edges[from], edge{l[i], h[i], target})
		from = target
	}
}

// follow adds to set the positions that can be reached from pos without reading a byte, under the given conditions. A new set
// begins with a new round.
func (b *dfaBuilder) follow(set []int, pos int, have syntax.EmptyOp) []int {
	b.work++
	if b.met[pos] == b.round {
		return set
	}
	b.met[pos] = b.round
	set = append(set, pos)
	if pos >= len(b.prog.Inst) {
		return set
	}
	in := &b.prog.Inst[pos]
	switch in.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		return b.follow(b.follow(set, int(in.Out), have), int(in.Arg), have)
	case syntax.InstCapture, syntax.InstNop:
		return b.follow(set, int(in.Out), have)
	case syntax.InstEmptyWidth:
		if syntax.EmptyOp(in.Arg)&^have == 0 {
			return b.follow(set, int(in.Out), have)
		}
	}
	return set
}

func (b *dfaBuilder) matched(set []int) bool {
	return slices.ContainsFunc(set, func(p int) bool {
		return p < len(b.prog.Inst) && b.prog.Inst[p].Op == syntax.InstMatch
	})
}

// atEnd tells whether the text may end with the automaton at these positions.
func (b *dfaBuilder) atEnd(set []int, have syntax.EmptyOp) bool {
	var end []int
	b.round++
	for _, p := range set {
		end = b.follow(end, p, have|syntax.EmptyEndText)
	}
	return b.matched(end)
}

// classes numbers the groups of bytes that no edge tells apart, and returns one byte of each.
func (b *dfaBuilder) classes() (class [256]uint8, sample []byte) {
	var cut [257]bool
	for _, es := range b.edges {
		for _, e := range es {
			cut[e.lo], cut[int(e.hi)+1] = true, true
		}
	}
	sample = []byte{0}
	for c := 1; c < 256; c++ {
		if cut[c] {
			sample = append(sample, byte(c))
		}
		class[c] = uint8(len(sample) - 1)
	}
	return class, sample
}

func (b *dfaBuilder) determinize() *dfa {
	d := &dfa{}
	var sample []byte
	d.class, sample = b.classes()
	d.stride = uint32(len(sample))
	sets := [][]int{nil, nil} // dead, found
	ids := map[string]int{}
	d.final = []bool{false, true}

	b.round++
	start := b.follow(nil, b.prog.Start, syntax.EmptyBeginText)
	d.start = 2 * d.stride
	sets = append(sets, start)
	d.final = append(d.final, b.atEnd(start, syntax.EmptyBeginText))
	if b.matched(start) {
		d.start = dfaFound * d.stride
	}
	d.next = make([]uint32, 2*d.stride, 16*d.stride)
	for i := range d.stride {
		d.next[d.stride+i] = dfaFound * d.stride
	}
	for s := 2; s < len(sets); s++ {
		for _, c := range sample {
			d.next = append(d.next, uint32(b.state(d, &sets, ids, b.step(sets[s], c)))*d.stride)
		}
		if len(d.next) > dfaMax || b.work > dfaWork {
			return nil
		}
	}
	return d
}

// step returns the positions after one byte.
func (b *dfaBuilder) step(set []int, c byte) []int {
	var out []int
	b.round++
	for _, p := range set {
		b.work += 1 + len(b.edges[p])
		for _, e := range b.edges[p] {
			if e.lo <= c && c <= e.hi {
				out = b.follow(out, e.to, 0)
			}
		}
	}
	slices.Sort(out)
	return out
}

// state returns the number of the state made of these positions.
func (b *dfaBuilder) state(d *dfa, sets *[][]int, ids map[string]int, set []int) int {
	if len(set) == 0 {
		return dfaDead
	}
	if b.matched(set) {
		return dfaFound
	}
	key := make([]byte, 0, 2*len(set))
	for _, p := range set {
		key = append(key, byte(p), byte(p>>8), byte(p>>16))
	}
	if id, ok := ids[string(key)]; ok {
		return id
	}
	id := len(*sets)
	ids[string(key)] = id
	*sets = append(*sets, set)
	d.final = append(d.final, b.atEnd(set, 0))
	return id
}

// A backtracker runs a program that holds back-references. Its time is bounded by steps.
type backtracker struct{ prog *syntax.Prog }

// backtrackSteps is how much one cell may cost: some milliseconds.
const backtrackSteps = 200_000

func (b *backtracker) match(text []byte) (ok, gaveUp bool) {
	m := backtrack{prog: b.prog, text: text, groups: make([]int, 2*(b.prog.NumCap+10)), seen: make([]int, len(b.prog.Inst))}
	ok = m.run(b.prog.Start, 0)
	if m.steps > backtrackSteps {
		return true, true
	}
	return ok, false
}

// A backtrack is one attempt at one cell.
type backtrack struct {
	prog   *syntax.Prog
	text   []byte
	groups []int // start+1 and end+1 of each group, 0 when unset
	seen   []int // by instruction: position+1 at which the current path took it, to end empty loops
	steps  int
}

func (m *backtrack) run(pc, pos int) bool {
	for {
		if m.steps++; m.steps > backtrackSteps {
			return false
		}
		in := &m.prog.Inst[pc]
		switch in.Op {
		case syntax.InstMatch:
			return true
		case syntax.InstFail:
			return false
		case syntax.InstAlt, syntax.InstAltMatch:
			if m.seen[pc] == pos+1 {
				return false
			}
			old := m.seen[pc]
			m.seen[pc] = pos + 1
			ok := m.run(int(in.Out), pos)
			m.seen[pc] = old
			if ok {
				return true
			}
			pc = int(in.Arg)
			continue
		case syntax.InstCapture:
			old := m.groups[in.Arg]
			m.groups[in.Arg] = pos + 1
			if m.run(int(in.Out), pos) {
				return true
			}
			m.groups[in.Arg] = old
			return false
		case syntax.InstEmptyWidth:
			if !m.holds(syntax.EmptyOp(in.Arg), pos) {
				return false
			}
		case syntax.InstNop:
		default:
			n, ok := m.consume(in, pos)
			if !ok {
				return false
			}
			pos += n
		}
		pc = int(in.Out)
	}
}

func (m *backtrack) holds(op syntax.EmptyOp, pos int) bool {
	before, after := rune(-1), rune(-1)
	if pos > 0 {
		before, _ = utf8.DecodeLastRune(m.text[:pos])
	}
	if pos < len(m.text) {
		after, _ = utf8.DecodeRune(m.text[pos:])
	}
	return op&^syntax.EmptyOpContext(before, after) == 0
}

// consume reads one rune, or the text of a group again, and says how many bytes that was.
func (m *backtrack) consume(in *syntax.Inst, pos int) (int, bool) {
	if len(in.Rune) == 1 && in.Rune[0] > backref && in.Rune[0] <= backref+9 {
		g := 2 * int(in.Rune[0]-backref)
		if m.groups[g] == 0 || m.groups[g+1] < m.groups[g] {
			return 0, false
		}
		again := m.text[m.groups[g]-1 : m.groups[g+1]-1]
		return len(again), len(m.text)-pos >= len(again) && string(m.text[pos:pos+len(again)]) == string(again)
	}
	if pos == len(m.text) {
		return 0, false
	}
	r, n := utf8.DecodeRune(m.text[pos:])
	return n, in.MatchRune(r)
}
