package schemas

import (
	"encoding/binary"
	"hash/maphash"
	"math"
	"math/bits"
	"slices"
	"strings"
)

// A keyTable remembers which keys were seen, by 128 bits of hash: two 64-bit hashes with random seeds of their own. Two different keys
// would have to agree in all of them to be taken for equal; among ten million keys that happens with odds of about 1 in 10^25, and the
// seeds keep anyone from preparing it. A key costs 24 bytes at a load of at most three quarters, up to limit keys; then they go to disk, where
// they are found again all the same. Where nothing can be written, the table grows in memory.
type keyTable struct {
	seeds [2]maphash.Seed
	slots []keySlot // a power of two, in the order of the hashes but for collisions
	n     int
	limit int
	disk  *keyDisk // nil until limit is reached
	share int      // of the Checker's filterBudget: one in share
}

type keySlot struct {
	a, b uint64 // a == 0 when the slot is free
	at   int64
}

func newKeyTable() *keyTable {
	return &keyTable{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, slots: make([]keySlot, 1024), limit: keyBudget, share: 1}
}

// A keyHash is the hash of a key in one table.
type keyHash struct{ a, b uint64 }

func (t *keyTable) hash(key []byte) keyHash {
	a := maphash.Bytes(t.seeds[0], key)
	if a == 0 {
		a = 1
	}
	return keyHash{a, maphash.Bytes(t.seeds[1], key)}
}

// slot returns where the key is, or where it would go.
func (t *keyTable) slot(h keyHash) *keySlot {
	mask := uint64(len(t.slots) - 1)
	for i := h.a >> (64 - bits.Len64(mask)); ; i = (i + 1) & mask {
		if s := &t.slots[i]; s.a == 0 || s.a == h.a && s.b == h.b {
			return s
		}
	}
}

// add remembers the key as seen at a place, and returns the earlier place when it was seen before.
func (t *keyTable) add(key []byte, at int64) (earlier int64, seen bool) {
	return t.addHash(t.hash(key), at)
}

// addHash is add for a key of which the hash is at hand.
func (t *keyTable) addHash(h keyHash, at int64) (earlier int64, seen bool) {
	s := t.slot(h)
	if s.a != 0 {
		return s.at, true
	}
	if t.disk != nil {
		if earlier, seen = t.disk.find(h); seen {
			return earlier, true
		}
	}
	*s = keySlot{h.a, h.b, at}
	if t.n++; t.n > len(t.slots)/4*3 || t.n > t.limit {
		t.grow()
	}
	return 0, false
}

func (t *keyTable) has(h keyHash) bool {
	if t.slot(h).a != 0 {
		return true
	}
	if t.disk == nil {
		return false
	}
	_, ok := t.disk.find(h)
	return ok
}

// grow makes room for more keys: in memory up to the limit, then by putting all of them on disk.
func (t *keyTable) grow() {
	if t.n > t.limit && t.spill() {
		return
	}
	old := t.slots
	if t.n > len(old)/4*3 {
		t.slots = make([]keySlot, 2*len(old))
	} else {
		t.slots = make([]keySlot, len(old))
	}
	for _, s := range old {
		if s.a != 0 {
			*t.slot(keyHash{s.a, s.b}) = s
		}
	}
}

// spill puts all keys on disk. When that fails, nothing ever is again.
func (t *keyTable) spill() bool {
	keys := t.slots[:0]
	for _, s := range t.slots {
		if s.a != 0 {
			keys = append(keys, s)
		}
	}
	slices.SortFunc(keys, compareKeys)
	clear(t.slots[len(keys):])
	if t.disk == nil {
		t.disk = newKeyDisk(filterBudget / t.share)
	}
	if err := t.disk.add(keys); err != nil {
		t.limit = math.MaxInt
		return false
	}
	clear(t.slots)
	t.n = 0
	return true
}

// shareKeys divides the memory for keys among the tables of a Checker.
func (c *Checker) shareKeys() {
	tables := c.keyTables()
	for _, t := range tables {
		t.limit, t.share = keyBudget/len(tables), len(tables)
	}
}

func (c *Checker) keyTables() []*keyTable {
	tables := slices.Clone(c.unique)
	if c.primary != nil {
		tables = append(tables, c.primary)
	}
	for i := range c.foreign {
		tables = append(tables, c.foreign[i].known)
	}
	return tables
}

// endKeys gives the disk back, and says when it failed: duplicates may then have passed.
func (c *Checker) endKeys(rep *Report) {
	for _, t := range c.keyTables() {
		if t.disk == nil {
			continue
		}
		if t.disk.err != nil {
			rep.Add(Issue{Type: "source-error", Message: c.say("Le disque de travail n’a pas pu être relu : des doublons ont pu passer. Recommencez le contrôle.")})
		}
		t.disk.close()
	}
}

// placeBits is how many bits of a place hold the row; the document's number is above them.
const placeBits = 40

func (c *Checker) place(r int) int64 {
	return c.document<<placeBits | c.in.Row[r]&(1<<placeBits-1)
}

// keys applies unique, the primary key and the foreign keys. Refused rows count: a value stays taken.
func (c *Checker) keys() {
	for i, f := range c.plan.unique {
		c.uniqueColumn(c.unique[i], f, i)
	}
	if c.primary != nil && !slices.ContainsFunc(c.plan.primary, func(f int) bool { return c.pos[f] < 0 }) { // an absent column was said in the header
		c.primaryKey()
	}
	for i := range c.plan.foreign {
		c.foreignKey(&c.plan.foreign[i], &c.foreign[i])
	}
	c.otherKeys()
}

func (c *Checker) uniqueColumn(table *keyTable, f, rank int) {
	col, valid := c.plan.columns[f], c.out.Columns[f].Valid
	for r := range c.in.Rows {
		if !valid[r] || c.state[r]&rowWhole != 0 {
			continue
		}
		c.scratch.key = col.appendKey(c.scratch.key[:0], c.cell(f, r), c.value(f, r), &c.scratch)
		if earlier, seen := table.add(c.scratch.key, c.place(r)); seen {
			c.faults = append(c.faults, fault{row: int32(r), col: int32(f), rank: rankUnique + uint32(rank), code: codeUnique, n: earlier})
		}
	}
}

// tuple writes the typed values of some fields of a row into the scratch; all is false when none has a value.
func (c *Checker) tuple(fields []int, r int) (key []byte, some bool) {
	key = c.scratch.key[:0]
	for _, f := range fields {
		if !c.out.Columns[f].Valid[r] {
			key = append(key, 0)
			continue
		}
		some = true
		key = c.plan.columns[f].appendTupleKey(key, c.cell(f, r), c.value(f, r), &c.scratch)
	}
	c.scratch.key = key
	return key, some
}

// appendTupleKey is appendKey with the length in front, so that "a"+"bc" differs from "ab"+"c".
func (c *column) appendTupleKey(key, b []byte, v value, s *scratch) []byte {
	start := len(key)
	key = append(key, 1, 0, 0, 0, 0)
	key = c.appendKey(key, b, v, s)
	binary.LittleEndian.PutUint32(key[start+1:], uint32(len(key)-start-5))
	return key
}

func (c *Checker) primaryKey() {
	for r := range c.in.Rows {
		if c.state[r]&rowWhole != 0 {
			continue
		}
		f := fault{row: int32(r), col: -1, rank: rankPrimary, code: codePrimary}
		key, some := c.tuple(c.plan.primary, r)
		if !some {
			c.faults = append(c.faults, f)
			continue
		}
		var seen bool
		if f.n, seen = c.primary.add(key, c.place(r)); seen {
			c.faults = append(c.faults, f)
		}
	}
}

// A foreignState is what a foreign key to the table itself must remember until the end.
type foreignState struct {
	known   *keyTable // keys that can be referred to
	waiting []waitingKey
}

// A waitingKey refers to a key that was not seen yet.
type waitingKey struct {
	hash  keyHash
	place int64
	line  int64
	text  string // for the issue; "" past the first MaxIssues
}

func (c *Checker) foreignKey(k *foreignKey, s *foreignState) {
	for r := range c.in.Rows {
		if c.state[r]&rowWhole != 0 {
			continue
		}
		if key, some := c.tuple(k.ref, r); some {
			s.known.add(key, c.place(r))
		}
		key, some := c.tuple(k.fields, r)
		if !some {
			continue
		}
		if h := s.known.hash(key); !s.known.has(h) {
			w := waitingKey{hash: h, place: c.place(r), line: c.in.Line[r]}
			if len(s.waiting) < MaxIssues {
				w.text = c.tupleText(k.fields, r)
			}
			s.waiting = append(s.waiting, w)
		}
	}
}

func (c *Checker) tupleText(fields []int, r int) string {
	var parts []string
	for _, f := range fields {
		parts = append(parts, cut(c.cell(f, r), MaxCell))
	}
	return strings.Join(parts, ", ")
}

// End runs what can only be judged once the whole table was seen (foreign keys to the table itself).
func (c *Checker) End(rep *Report) {
	c.endDocument(rep)
	c.endBAL(rep)
	for i := range c.foreign {
		k, s := &c.plan.foreign[i], &c.foreign[i]
		for _, w := range s.waiting {
			switch {
			case s.known.has(w.hash):
			case c.plan.document != nil:
				rep.Warn(c.foreignIssue(k, w))
			default:
				rep.Add(c.foreignIssue(k, w))
			}
		}
		s.waiting = nil
	}
	c.endKeys(rep)
}
