package schemas

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math"

	"grenier/catalog/reference"
)

// noNumber is the number of an address that is only a place.
const noNumber = 99999

// alert notes an alert about the cell or row, unless the profile does not know its column or enough of its kind was told. i is the column in
// bal.columns that it points to, -1 for none.
func (c *Checker) alert(r, i int, k balKind) {
	b := c.bal
	f := fault{row: int32(r), col: -1, rank: rankCheck + uint32(k), code: codeAlert, variant: uint8(k)}
	fatal := b.plan.row[k]
	if i >= 0 {
		col := &b.columns[i]
		f.col = int32(col.index)
		if k < balRowNumber {
			if !col.local && !b.plan.known[col.field] {
				return
			}
			fatal = b.plan.cell[col.field][k] && !col.local
			f.rank = cellRank(col.pos, code(k))
		}
	}
	if !fatal {
		if b.told[i+1][k]++; b.told[i+1][k] > balWarningsKept {
			return
		}
	}
	if f.n = int64(i+1) << 1; fatal {
		f.n |= 1
	}
	c.faults = append(c.faults, f)
}

// point is the column that an alert of a row points to.
func (b *balState) point(fields ...balField) int {
	for _, f := range fields {
		if i := b.at[f]; i >= 0 {
			return i
		}
	}
	return -1
}

// balRow judges what the cells of a row say together.
func (c *Checker) balRow(r int) {
	b, row := c.bal, &c.bal.row
	address := row.numero >= 0 && row.numero != noNumber
	if row.keyed && row.numero > 0 && row.keyNumber != row.numero {
		c.alert(r, b.point(balNumero), balRowNumber)
	}
	if !row.keyed && row.commune.n == 0 {
		c.alert(r, b.point(balCommune), balRowNoCommune)
	}
	c.balNames(r)
	if address && !row.rawPosition {
		c.alert(r, b.point(balPosition), balRowNoPosition)
	}
	c.balPoint(r, address)
	if row.numero < 0 || row.street == nil {
		at := b.point(balVoie, balToponyme)
		if row.street != nil {
			at = b.point(balNumero)
		}
		c.alert(r, at, balRowIncomplete)
	}
	ids := row.ids
	if some := ids[0] != nil || ids[1] != nil || ids[2] != nil; some && (ids[0] == nil || ids[1] == nil || ids[2] == nil && row.numero != noNumber) {
		c.alert(r, b.point(balIDAdresse, balUID), balRowIDs)
	}
	c.balTogether(r)
}

// balNames compares the names of the row with each other and with the communes of today.
func (c *Checker) balNames(r int) {
	b, row := c.bal, &c.bal.row
	commune := row.commune
	if commune.n == 0 && row.keyed {
		commune = row.keyCommune
	}
	name := ""
	if reference.StatusOf(commune.bytes()) != reference.Divided {
		name = reference.NameOf(commune.bytes())
	}
	if name != "" && row.communeNom != nil && name != string(row.communeNom) {
		c.alert(r, b.point(balCommuneNom), balRowCommuneName)
	}
	if name != "" && row.deleguee.n > 0 && !row.communeFault && !row.delegueeFault && row.deleguee != commune &&
		reference.SuccessorOf(row.deleguee.bytes()) != string(commune.bytes()) {
		c.alert(r, b.point(balDeleguee), balRowHeadTown)
	}
	if row.street != nil && row.complement != nil && b.table.sameName(row.street, row.complement) {
		c.alert(r, b.point(balComplement), balRowSameName)
	}
}

// balPoint judges where the address is.
func (c *Checker) balPoint(r int, address bool) {
	b, row := c.bal, &c.bal.row
	at := b.point(balLong, balLat)
	if address && (!row.rawLong || !row.rawLat) {
		c.alert(r, at, balRowNoPoint)
		return
	}
	zone := projectionAt(row.long, row.lat)
	switch {
	case zone == nil && row.numero != noNumber:
		c.alert(r, at, balRowPointOutside)
	case zone != nil && !math.IsNaN(row.x) && !math.IsNaN(row.y):
		x, y := zone.project(row.long, row.lat)
		if math.Hypot(row.x-x, row.y-y) > 10 {
			c.alert(r, b.point(balX), balRowPointApart)
		}
	}
}

// A balTable is what must be remembered from row to row. Its memory is bounded: past pairsMax addresses, those that come are only compared
// with those that came.
type balTable struct {
	seed                 maphash.Seed
	rows, identified     int64
	commune              uint64 // of the first identifier
	communes             bool   // more than one
	streets, streetIDs   pairs
	addresses, addressID pairs
	declared             map[uint64]struct{}
	complements          map[uint64]*undeclared
	lastStreet, words    []byte
	lastHash             uint64
}

// An undeclared is a place named beside an address, which no row has declared so far.
type undeclared struct {
	name      string
	row, line int64
	count     int64
}

func newBALTable() balTable {
	return balTable{seed: maphash.MakeSeed(), declared: map[uint64]struct{}{}, complements: map[uint64]*undeclared{}}
}

// placesMax bounds how many names of places are remembered.
const placesMax = 100_000

// balTogether compares the row with those before it.
func (c *Checker) balTogether(r int) {
	b, t, row := c.bal, &c.bal.table, &c.bal.row
	t.rows++
	t.places(c, r)
	if b.at[balIDToponyme] < 0 && b.at[balIDAdresse] < 0 && b.at[balIDCommune] < 0 && b.at[balUID] < 0 {
		return
	}
	ids := row.ids
	if ids[0] != nil && ids[1] != nil && (ids[2] != nil || row.numero == noNumber) {
		h := maphash.Bytes(t.seed, ids[0])
		if t.identified++; t.identified == 1 {
			t.commune = h
		}
		t.communes = t.communes || h != t.commune
	}
	street := t.street(row.street)
	if ids[1] != nil {
		id := maphash.Bytes(t.seed, ids[1])
		if t.streets.differs(id, street) {
			c.alert(r, b.point(balVoie, balToponyme), balRowStreetNames)
		}
		kind := street
		if row.numero == noNumber {
			kind ^= 0x9e3779b97f4a7c15
		}
		if t.streetIDs.differs(kind, id) {
			c.alert(r, b.point(balIDToponyme, balUID), balRowStreetIDs)
		}
	}
	if row.numero == noNumber {
		return
	}
	t.words = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(t.words[:0], street), uint64(row.numero))
	t.words = append(append(append(t.words, row.deleguee.bytes()...), '#'), row.suffixe...)
	address, id := maphash.Bytes(t.seed, t.words), maphash.Bytes(t.seed, ids[2])
	if ids[2] != nil && t.addresses.differs(id, address) {
		c.alert(r, b.point(balNumero), balRowAddresses)
	}
	if t.addressID.differs(address, id) {
		c.alert(r, b.point(balIDAdresse, balUID), balRowAddressIDs)
	}
}

// places remembers the places that are declared, and those that are named beside an address.
func (t *balTable) places(c *Checker, r int) {
	row := &c.bal.row
	if row.numero == noNumber && row.street != nil && len(t.declared) < placesMax {
		t.declared[maphash.Bytes(t.seed, row.street)] = struct{}{}
	}
	if row.complement == nil {
		return
	}
	h := maphash.Bytes(t.seed, row.complement)
	u := t.complements[h]
	if u == nil {
		if len(t.complements) >= placesMax {
			return
		}
		u = &undeclared{name: cut(row.complement, MaxCell), row: c.in.Row[r], line: c.in.Line[r]}
		t.complements[h] = u
	}
	u.count++
}

// street is a number for the name of a street, the same for names that differ by capitals, accents, abbreviations or small words.
func (t *balTable) street(name []byte) uint64 {
	if !bytes.Equal(name, t.lastStreet) {
		t.lastStreet = append(t.lastStreet[:0], name...)
		t.words = appendSignificant(t.words[:0], name)
		t.lastHash = maphash.Bytes(t.seed, t.words)
	}
	return t.lastHash
}

func (t *balTable) sameName(a, b []byte) bool {
	if len(a) == 0 || len(b) == 0 || lower(a[0]) != lower(b[0]) && a[0] < 0x80 && b[0] < 0x80 && len(a) == len(b) {
		return false
	}
	t.words = appendSignificant(t.words[:0], a)
	n := len(t.words)
	t.words = appendSignificant(t.words, b)
	return n > 0 && bytes.Equal(t.words[:n], t.words[n:])
}

// The words that do not distinguish streets, and the abbreviations of the first word and of others.
var (
	smallWords = texts{"la", "le", "les", "l", "d", "du", "de", "des", "dos", "las", "los", "sur", "sous", "a", "par", "et", "au", "aux"}
	firstWords = map[string]string{"pl": "place", "av": "avenue", "bd": "boulevard", "sq": "square", "che": "chemin", "chem": "chemin", "rte": "route", "all": "allee",
		"pas": "passage", "vla": "villa", "imp": "impasse", "qu": "quai", "lot": "lotissement", "r": "rue", "rle": "ruelle", "car": "carrefour", "mte": "montee"}
	otherWords = map[string]string{"st": "saint", "ste": "sainte", "gal": "general", "mal": "marechal"}
)

// appendSignificant appends the words that distinguish the name of a street.
func appendSignificant(out, name []byte) []byte {
	var buf [256]byte
	rest := appendWords(buf[:0], name)
	for first, more := true, true; more; first = false {
		var word []byte
		word, rest, more = bytes.Cut(rest, []byte(" "))
		table := otherWords
		if first {
			table = firstWords
		}
		switch whole, ok := table[string(word)]; {
		case ok:
			out = append(append(out, whole...), ' ')
		case !smallWords.has(word):
			out = append(append(out, word...), ' ')
		}
	}
	return out
}

// pairs remembers one number for each key, by hash.
type pairs struct {
	slots []struct{ key, value uint64 }
	n     int
}

// pairsMax is how many keys a pairs remembers: 8 MiB.
const pairsMax = 3 << 17

// differs tells whether the key came with another value before; the first value is the one that counts.
func (p *pairs) differs(key, value uint64) bool {
	if p.slots == nil {
		p.slots = make([]struct{ key, value uint64 }, 256)
	}
	key |= 1 // 0 is a free slot
	mask := uint64(len(p.slots) - 1)
	i := key >> 1 & mask
	for ; p.slots[i].key != 0; i = (i + 1) & mask {
		if p.slots[i].key == key {
			return p.slots[i].value != value
		}
	}
	if p.n >= pairsMax {
		return false
	}
	p.slots[i].key, p.slots[i].value = key, value
	if p.n++; p.n > len(p.slots)/4*3 {
		p.grow()
	}
	return false
}

func (p *pairs) grow() {
	old := p.slots
	p.slots = make([]struct{ key, value uint64 }, 2*len(old))
	mask := uint64(len(p.slots) - 1)
	for _, s := range old {
		if s.key == 0 {
			continue
		}
		i := s.key >> 1 & mask
		for p.slots[i].key != 0 {
			i = (i + 1) & mask
		}
		p.slots[i] = s
	}
}

// endBAL tells what only the whole table shows.
func (c *Checker) endBAL(rep *Report) {
	if c.bal == nil {
		return
	}
	b, t := c.bal, &c.bal.table
	whole := func(code string, message, hint phrase) {
		i := Issue{Type: "rows." + code, Message: c.say(message), Hint: c.say(hint)}
		if b.plan.errors[i.Type] {
			rep.first(i)
			return
		}
		rep.Warn(i)
	}
	switch {
	case t.rows == 0:
		whole("empty", "Le fichier ne contient aucune adresse.", "Ajoutez une ligne par adresse sous l’en-tête.")
	case t.identified == t.rows && t.communes:
		whole("multi_id_ban_commune", "Le fichier mêle plusieurs identifiants de commune.", "Une base adresse locale porte un seul identifiant de commune, le même à chaque ligne.")
	case t.identified > 0 && t.identified < t.rows:
		whole("every_line_required_id_ban", "Certaines lignes ont leurs identifiants de la base nationale, d’autres non.", "Donnez les identifiants à toutes les lignes, ou à aucune.")
	}
	c.sayUndeclared(rep)
	c.sayMore(rep)
}

// sayUndeclared warns of places that are named beside addresses and have no row of their own.
func (c *Checker) sayUndeclared(rep *Report) {
	t := &c.bal.table
	var first *undeclared
	n := int64(0)
	for h, u := range t.complements {
		if _, ok := t.declared[h]; ok {
			continue
		}
		if n += u.count; first == nil || u.row < first.row {
			first = u
		}
	}
	if first == nil {
		return
	}
	rep.Stats.Warnings += n - 1
	rep.Warn(Issue{Type: "row." + balCodes[balRowUndeclared], Row: first.row, Line: first.line, Field: balNames[balComplement].name, Cell: first.name,
		Message: c.say("%s est donné comme complément d’adresse et n’a pas de ligne à lui.", c.quote(first.name)),
		Hint:    c.say("Ajoutez une ligne pour ce lieu-dit, avec le numéro 99999. Le fichier reste valide.")})
}

// sayMore says how many warnings were counted without being detailed.
func (c *Checker) sayMore(rep *Report) {
	b := c.bal
	for i := range b.told {
		for k := range balKinds {
			more := b.told[i][k] - balWarningsKept
			if more <= 0 {
				continue
			}
			issue := Issue{Type: c.alertType(i-1, k), Message: c.say("La même remarque vaut pour %s.", c.speech.count(more, "%s autre ligne", "%s autres lignes"))}
			if i > 0 && i <= len(b.columns) {
				issue.Field = b.columns[i-1].name
			}
			rep.Stats.Warnings += more - 1
			rep.Warn(issue)
			b.told[i][k] = 0
		}
	}
}
