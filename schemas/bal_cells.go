package schemas

import (
	"bytes"
	"math"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"grenier/catalog/reference"
)

// balState is what a Checker remembers of a Base Adresse Locale.
type balState struct {
	plan    *balPlan
	columns []balColumn
	at      [balFields]int // index in columns, -1 when the document lacks the column
	labels  int
	told    [][balKinds]int64 // warnings by column; rows are told under the column that their alert points to
	today   int64             // days since 1970
	row     balRow
	table   balTable
}

// A balColumn is a column of the document that is judged.
type balColumn struct {
	name  string
	field balField
	pos   int // in the document
	index int // field of the schema, -1 when it is not published
	local bool
}

// A balRow is what the cells of one row were read as. Texts point into the block.
type balRow struct {
	numero                                  int64 // -1 when there is none
	keyed                                   bool  // the key could be read, with the two that follow
	keyNumber                               int64
	keyCommune                              balINSEE
	commune, deleguee                       balINSEE
	communeFault, delegueeFault             bool
	communeNom, street, complement, suffixe []byte
	ids                                     [3][]byte // commune, street, address
	rawPosition, rawLong, rawLat            bool      // something is written
	long, lat, x, y                         float64   // NaN when there is none
}

// A balINSEE is a code in capitals; the zero value is none.
type balINSEE struct {
	code [5]byte
	n    int
}

func (i *balINSEE) bytes() []byte { return i.code[:i.n] }

// read takes over a code, in capitals.
func (i *balINSEE) read(b []byte) bool {
	i.n = 0
	if len(b) != len(i.code) {
		return false
	}
	copy(i.code[:], b)
	if c := i.code[1]; c == 'a' || c == 'b' {
		i.code[1] = c - 'a' + 'A'
	}
	i.n = len(b)
	return true
}

// balWarningsKept is how many warnings of one kind are detailed in each column; the rest is counted.
const balWarningsKept = 20

func newBAL(p *balPlan) *balState {
	if p == nil {
		return nil
	}
	return &balState{plan: p, today: time.Now().Unix() / 86400, table: newBALTable()}
}

// begin finds the columns of a document.
func (b *balState) begin(s *Schema, labels []string) {
	b.labels, b.columns = len(labels), b.columns[:0]
	for f := range b.at {
		b.at[f] = -1
	}
	for pos, label := range labels {
		col := balColumn{name: label, pos: pos, index: s.Field(label)}
		f := slices.IndexFunc(balNames[:], func(n struct{ name, profiles string }) bool { return n.name == label })
		if col.field = balField(f); f < 0 {
			if col.field, col.local = localized(label); !col.local {
				continue
			}
		}
		b.columns = append(b.columns, col)
	}
	for i := 0; i < len(b.columns); i++ { // a name in a regional language goes with the French one
		if col := &b.columns[i]; col.local && !slices.Contains(labels, balNames[col.field].name) {
			b.columns = slices.Delete(b.columns, i, i+1)
			i--
		}
	}
	for i, col := range b.columns {
		if !col.local {
			b.at[col.field] = i
		}
	}
	for len(b.told) < len(b.columns)+1 {
		b.told = append(b.told, [balKinds]int64{})
	}
}

// judgeBAL judges the block row by row.
func (c *Checker) judgeBAL() {
	b, in := c.bal, c.in
	for r := range in.Rows {
		cells := in.Cells[r*in.Width : (r+1)*in.Width]
		if c.state[r]&rowWhole != 0 || !slices.ContainsFunc(cells, func(s Span) bool { return s.Len > 0 }) {
			c.nulls[r] = int32(c.found)
			for i := range b.columns {
				if f := b.columns[i].index; f >= 0 {
					c.clearCell(&c.out.Columns[f], r)
				}
			}
			continue
		}
		b.row = balRow{numero: -1, keyNumber: -1, long: math.NaN(), lat: math.NaN(), x: math.NaN(), y: math.NaN()}
		for i := range b.columns {
			if pos := b.columns[i].pos; pos < len(cells) {
				c.balCell(r, i, cells[pos])
			}
		}
		c.balRow(r)
	}
}

// balCell judges one cell and keeps what was read.
func (c *Checker) balCell(r, i int, s Span) {
	col := &c.bal.columns[i]
	b := c.in.Data[s.Off : s.Off+s.Len : s.Off+s.Len]
	if t := balTrim(b); len(t) != len(b) {
		c.alert(r, i, balSpaces)
		if col.field == balCommune {
			c.bal.row.communeFault = true
		}
		if col.field == balDeleguee {
			c.bal.row.delegueeFault = true
		}
		if len(t) == 0 {
			s.Len = 0
		} else {
			s = Span{s.Off + uint32(bytes.Index(b, t)), uint32(len(t))}
		}
		c.bal.raw(col, len(b) > 0)
		b = t
	} else {
		c.bal.raw(col, len(b) > 0)
	}
	var v value
	ok := len(b) > 0
	switch {
	case ok && col.local:
		c.balName(r, i, b)
	case ok:
		v, ok = c.balRead(r, i, b)
	case !col.local:
		c.balVoid(r, i)
	}
	if col.index < 0 {
		return
	}
	out := &c.out.Columns[col.index]
	if !ok {
		if len(b) == 0 {
			c.nulls[r]++
		}
		c.clearCell(out, r)
		return
	}
	out.Valid[r], out.Text[r] = true, s
	switch out.Physical {
	case Int64, Days, Micros:
		out.Ints[r] = v.i
	case Float:
		out.Floats[r] = v.f
	case Bool:
		out.Bools[r] = v.i != 0
	}
}

// balTrim removes the white space that JavaScript removes.
func balTrim(b []byte) []byte {
	if n := len(b); n == 0 || b[0] > ' ' && b[0] < 0x80 && b[n-1] > ' ' && b[n-1] < 0x80 {
		return b
	}
	return bytes.TrimFunc(b, func(r rune) bool { return unicode.IsSpace(r) && r != 0x85 || r == 0xfeff })
}

// raw remembers that something is written in the columns whose bare presence counts.
func (b *balState) raw(col *balColumn, written bool) {
	switch {
	case col.local:
	case col.field == balPosition:
		b.row.rawPosition = written
	case col.field == balLong:
		b.row.rawLong = written
	case col.field == balLat:
		b.row.rawLat = written
	}
}

// balVoid speaks of an empty cell.
func (c *Checker) balVoid(r, i int) {
	switch c.bal.columns[i].field {
	case balCommune:
		c.bal.row.communeFault = true
		c.alert(r, i, balEmpty)
	case balCle, balNumero, balCommuneNom, balSource, balDate:
		c.alert(r, i, balEmpty)
	}
}

// balRead reads a cell that is not empty; ok is false when it has no value that can be published.
func (c *Checker) balRead(r, i int, b []byte) (v value, ok bool) {
	row := &c.bal.row
	switch field := c.bal.columns[i].field; field {
	case balIDCommune, balIDToponyme, balIDAdresse:
		if !isUUID4(b) {
			c.alert(r, i, balType)
			return v, false
		}
		row.ids[field-balIDCommune] = b
	case balUID:
		return v, c.balUID(r, i, b)
	case balCle:
		c.balKey(r, i, b)
	case balVoie, balToponyme:
		if !c.balName(r, i, b) {
			return v, false
		}
		if field == balVoie || row.street == nil {
			row.street = b
		}
	case balComplement:
		row.complement = b
	case balNumero:
		return c.balNumero(r, i, b)
	case balSuffixe:
		return v, c.balSuffix(r, i, b)
	case balCommune, balDeleguee:
		return v, c.balCommune(r, i, b)
	case balCommuneNom:
		row.communeNom = b
		if !mixedCase(b) {
			c.alert(r, i, balCapitals)
		}
	case balPosition:
		c.balPosition(r, i, b)
	case balX, balY, balLong, balLat:
		return c.balNumber(r, i, b)
	case balParcelles:
		c.balParcels(r, i, b)
	case balDate:
		return c.balDate(r, i, b)
	case balCertification:
		if len(b) == 1 && (b[0] == '0' || b[0] == '1') {
			return value{i: int64(b[0] - '0')}, true
		}
		c.alert(r, i, balValue)
		return v, false
	}
	return v, true
}

func isUUID4(b []byte) bool {
	if len(b) != 36 || b[14] != '4' || b[8] != '-' || b[13] != '-' || b[18] != '-' || b[23] != '-' {
		return false
	}
	switch b[19] {
	case '8', '9', 'a', 'b', 'A', 'B':
	default:
		return false
	}
	for i, c := range b {
		if c == '-' && (i == 8 || i == 13 || i == 18 || i == 23) {
			continue
		}
		if c -= '0'; c > 9 {
			if c = (c + '0') | 0x20; c < 'a' || c > 'f' {
				return false
			}
		}
	}
	return true
}

// balUID reads "@c:UUID @v:UUID @a:UUID", each part optional.
func (c *Checker) balUID(r, i int, b []byte) bool {
	var ids [3][]byte
	for n, letter := range []byte("cva") {
		for at := 0; at+3 <= len(b); at++ {
			if b[at] == '@' && lower(b[at+1]) == letter && b[at+2] == ':' {
				end := at + 3
				for end < len(b) && b[end] > ' ' {
					end++
				}
				ids[n] = b[at+3 : end]
				break
			}
		}
		if len(ids[n]) > 0 && !isUUID4(ids[n]) {
			c.alert(r, i, balType)
			return false
		}
	}
	for n := range ids {
		if len(ids[n]) > 0 && c.bal.row.ids[n] == nil {
			c.bal.row.ids[n] = ids[n]
		}
	}
	return true
}

// balKey reads INSEE_STREET_NUMBER, and suffixes.
func (c *Checker) balKey(r, i int, b []byte) {
	row := &c.bal.row
	if hasUpper(b) {
		c.alert(r, i, balCase)
	}
	insee, rest, ok1 := bytes.Cut(b, []byte("_"))
	street, rest, ok2 := bytes.Cut(rest, []byte("_"))
	number, suffixes, more := bytes.Cut(rest, []byte("_"))
	if !ok1 || !ok2 || len(insee) == 0 || len(street) == 0 || len(number) == 0 ||
		more && (len(suffixes) == 0 || suffixes[0] == '_' || suffixes[len(suffixes)-1] == '_' || bytes.Contains(suffixes, []byte("__"))) {
		c.alert(r, i, balStructure)
		return
	}
	row.keyCommune.read(insee)
	switch reference.StatusOf(row.keyCommune.bytes()) {
	case reference.Unknown, reference.Divided:
		c.alert(r, i, balCommuneUnknown)
	case reference.Past:
		c.alert(r, i, balCommunePast)
	}
	switch {
	case utf8.RuneCount(street) != 4:
		c.alert(r, i, balStreetCode)
	case bytes.EqualFold(street, []byte("xxxx")) || string(street) == "0000":
		c.alert(r, i, balStreetUnsaid)
	}
	n, ok := balDigits(number)
	if !ok {
		row.keyCommune.n = 0
		c.alert(r, i, balNumberBad)
		return
	}
	if len(number) != 5 {
		c.alert(r, i, balNumberShort)
	}
	row.keyed, row.keyNumber = true, n
	if n == 0 { // the national validator finds no number in zeros alone
		row.keyNumber = -1
	}
}

// balDigits reads ASCII digits; beyond 15 of them the value is just large.
func balDigits(b []byte) (n int64, ok bool) {
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		if n < 1e15 {
			n = n*10 + int64(c-'0')
		}
	}
	return n, len(b) > 0
}

func hasUpper(b []byte) bool {
	for _, c := range b {
		if c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf {
			return bytes.ContainsFunc(b, func(r rune) bool { return unicode.ToLower(r) != r })
		}
	}
	return false
}

// mixedCase tells whether a name has both small letters and capitals.
func mixedCase(b []byte) bool {
	small, capital := false, false
	for i := 0; i < len(b) && !(small && capital); {
		r, n := rune(b[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRune(b[i:])
		}
		small, capital = small || unicode.ToUpper(r) != r, capital || unicode.ToLower(r) != r
		i += n
	}
	return small && capital
}

// balName judges the name of a street or place. It tells whether the name can be used.
func (c *Checker) balName(r, i int, b []byte) bool {
	switch field := c.bal.columns[i].field; {
	case field != balVoie && field != balToponyme:
		return true
	case len(b) < 3 || len(b) < 3*utf8.UTFMax && utf16Len(b) < 3:
		c.alert(r, i, balShort)
		return false
	case len(b) > 200 && utf16Len(b) > 200:
		c.alert(r, i, balLengthy)
		return false
	case bytes.Contains(b, []byte("\ufffd")):
		c.alert(r, i, balCharacter)
		return false
	}
	if bytes.IndexByte(b, '_') >= 0 {
		c.alert(r, i, balUnderscore)
	}
	if !bytes.ContainsFunc(b, func(r rune) bool { return unicode.ToUpper(r) != r }) {
		c.alert(r, i, balCapitals)
	}
	return true
}

// utf16Len is the length that JavaScript measures.
func utf16Len(b []byte) (n int) {
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		b = b[size:]
		if n++; r > 0xffff {
			n++
		}
	}
	return n
}

func (c *Checker) balNumero(r, i int, b []byte) (v value, ok bool) {
	n, ok := balDigits(b)
	switch {
	case !ok:
		c.alert(r, i, balType)
		return v, false
	case n > 99999:
		c.alert(r, i, balTooBig)
		return v, false
	case n == 0:
		c.alert(r, i, balZero)
	case b[0] == '0':
		c.alert(r, i, balPrefix)
	}
	c.bal.row.numero = n
	return value{i: n}, true
}

func (c *Checker) balSuffix(r, i int, b []byte) bool {
	switch first := lower(b[0]); {
	case (first < '0' || first > '9') && (first < 'a' || first > 'z'):
		c.alert(r, i, balStart)
		return false
	case len(b) > 9 && utf16Len(b) > 9:
		c.alert(r, i, balLengthy)
		return false
	}
	if bytes.ContainsFunc(b, notInSuffix) {
		c.alert(r, i, balCharacter)
	}
	c.bal.row.suffixe = b
	return true
}

func notInSuffix(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z') && !unicode.IsSpace(r)
	case r >= 'À' && r <= 'ÿ':
		return slices.Contains([]rune("ÐØÞßðøþ×÷Ýý"), r) && r != 'Ý' && r != 'ý'
	}
	return r != 'Ÿ' && !unicode.IsSpace(r)
}

func (c *Checker) balCommune(r, i int, b []byte) bool {
	row := &c.bal.row
	to, fault := &row.commune, &row.communeFault
	if c.bal.columns[i].field == balDeleguee {
		to, fault = &row.deleguee, &row.delegueeFault
	}
	to.read(b)
	switch reference.StatusOf(to.bytes()) {
	case reference.Unknown, reference.Divided:
		*fault = true
		c.alert(r, i, balCommuneUnknown)
		to.n = 0
		return c.bal.columns[i].field == balDeleguee
	case reference.Past:
		if c.bal.columns[i].field == balCommune {
			*fault = true
			c.alert(r, i, balCommunePast)
		}
	}
	return true
}

// balPositions are the positions as the format writes them; balLoose are the same without capitals, accents and signs.
var (
	balPositions = texts{"entrée", "segment", "bâtiment", "parcelle", "délivrance postale", "cage d’escalier", "logement", "service technique"}
	balLoose     = func() (loose texts) {
		for _, p := range balPositions {
			loose = append(loose, string(appendWords(nil, []byte(p))))
		}
		return loose
	}()
)

func (c *Checker) balPosition(r, i int, b []byte) {
	if balPositions.has(b) {
		return
	}
	var buf [64]byte
	switch at := slices.Index(balLoose, string(appendWords(buf[:0], b))); {
	case at < 0:
		c.alert(r, i, balValue)
	case string(norm.NFC.Bytes(b)) != balPositions[at]:
		c.alert(r, i, balFuzzy)
	}
}

// appendWords appends b folded, its words apart by one space.
func appendWords(out, b []byte) []byte {
	start := len(out)
	out = appendFolded(out, b)
	n, gap := start, false
	for _, ch := range out[start:] {
		if !(ch >= '0' && ch <= '9' || ch >= 'a' && ch <= 'z' || ch == '_') {
			gap = true
			continue
		}
		if gap && n > start {
			out[n] = ' ' // never before the place that is read
			n++
		}
		gap = false
		out[n] = ch
		n++
	}
	return out[:n]
}

// balNumber reads a coordinate: a plain decimal number, with a point.
func (c *Checker) balNumber(r, i int, b []byte) (v value, ok bool) {
	switch plain, comma := balDecimal(b); {
	case !plain:
		c.alert(r, i, balValue)
		return v, false
	case comma:
		c.alert(r, i, balComma)
		b = bytes.Replace(b, []byte(","), []byte("."), 1)
	}
	v.f, _ = parseNumber(b)
	row := &c.bal.row
	switch c.bal.columns[i].field {
	case balLong:
		row.long = v.f
	case balLat:
		row.lat = v.f
	case balX:
		row.x = v.f
	case balY:
		row.y = v.f
	}
	return v, true
}

// balDecimal tells whether b is a number as the format admits it: no exponent, no plus, and no zeros before the first digit but
// one that is alone or followed by one more digit.
func balDecimal(b []byte) (ok, comma bool) {
	if len(b) > 0 && b[0] == '-' {
		b = b[1:]
	}
	n := 0
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	if n == 0 || b[0] == '0' && n > 2 || b[0] == '0' && n == 2 && len(b) > 2 {
		return false, false
	}
	if n == len(b) {
		return true, false
	}
	comma = b[n] == ','
	if !comma && b[n] != '.' {
		return false, false
	}
	_, ok = balDigits(b[n+1:])
	return ok, comma
}

func (c *Checker) balParcels(r, i int, b []byte) {
	t := bytes.Trim(b, "|")
	if len(t) != len(b) {
		c.alert(r, i, balPipe)
	}
	for ok := true; ok; {
		var parcel []byte
		parcel, t, ok = bytes.Cut(t, []byte("|"))
		if n := utf8.RuneCount(parcel); n != 14 && n != 15 {
			c.alert(r, i, balValue)
			return
		}
	}
}

// day2010 is the first day of 2010, in days since 1970.
const day2010 = 14610

func (c *Checker) balDate(r, i int, b []byte) (v value, ok bool) {
	if len(b) == len("2006-01-02") {
		v.i, ok = parseDate(b)
	}
	switch {
	case !ok:
		c.alert(r, i, balDateBad)
		return v, false
	case v.i < day2010:
		c.alert(r, i, balDateOld)
	case v.i > c.bal.today:
		c.alert(r, i, balDateFuture)
	}
	return v, true
}
