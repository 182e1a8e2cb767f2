package schemas

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// kind says which reader judges the cells of a column.
type kind uint8

const (
	kindText kind = iota
	kindEmail
	kindURI
	kindUUID
	kindBinary
	kindWKT
	kindInteger
	kindNumber
	kindBoolean
	kindDate
	kindDateAny
	kindDateLayout
	kindDatetime
	kindDatetimeLayout
	kindTime
	kindTimeLayout
	kindYear
	kindYearMonth
	kindDuration
	kindPoint
	kindPointArray
	kindPointObject
	kindGeoJSON
	kindTopoJSON
	kindArray
	kindObject
	kindAny
)

// A column is a Field made ready to judge cells. It is immutable, but for what readers lend in a scratch.
type column struct {
	field    *Field
	index    int
	kind     kind
	physical Physical
	missing  texts
	yes, no  texts
	layout   *layout
	free     bool   // every text is good: nothing to judge but its absence
	point10  string // decimalChar
	lossy    bool   // numbers are rewritten before they are read (decimalChar, groupChar, bareNumber)

	constrained    bool // any constraint but required and unique
	minLen, maxLen int  // -1 when there is none
	min, max       *bound
	pattern        *pattern
	enum           *enum
	item           *column
}

// A bound is a minimum or maximum, read with the field's own reader.
type bound struct {
	written string
	i       int64
	number  number
}

// texts is a small set of exact texts.
type texts []string

func (t texts) has(b []byte) bool {
	for _, s := range t {
		if s == string(b) {
			return true
		}
	}
	return false
}

// justEmpty tells whether only the empty text is in the set.
func (t texts) justEmpty() bool { return len(t) == 1 && t[0] == "" }

// An enum is a list of allowed values, compared as typed.
type enum struct {
	values []string
	few    []string // text values, when a scan is the fastest
	texts  map[string]bool
	ints   []int64
	keys   map[string]bool // every other type
}

// A scratch is memory that readers may use; one goroutine has one.
type scratch struct {
	number []byte
	key    []byte
}

// A value is what a reader made of a cell.
type value struct {
	i int64 // Int64, Days, Micros, truth value, and what orders time and yearmonth
	f float64
}

// read judges the text of a cell that is not missing.
func (c *column) read(b []byte, v *value, s *scratch) (ok bool) {
	switch c.kind {
	case kindText, kindAny:
		return true
	case kindInteger:
		if !c.field.Options.BareNumber || c.field.Options.GroupChar != "" {
			b = c.numberText(b, s)
		}
		var fits bool
		v.i, ok, fits = parseInteger(trim(b))
		return ok && fits
	case kindNumber:
		if c.lossy {
			if b = c.numberText(b, s); b == nil {
				return false
			}
		}
		v.f, ok = parseNumber(trim(b))
		return ok
	case kindBoolean:
		v.i = 0
		if c.yes.has(b) {
			v.i = 1
			return true
		}
		return c.no.has(b)
	case kindDate:
		v.i, ok = parseDate(b)
		return ok
	}
	return c.readMore(b, v)
}

func (c *column) readMore(b []byte, v *value) (ok bool) {
	switch c.kind {
	case kindDateAny:
		v.i, ok = parseAnyDate(b)
	case kindDateLayout:
		v.i, ok = c.layout.parse(b)
		v.i = floorDiv(v.i, day)
	case kindDatetime:
		v.i, ok = parseDatetime(b)
	case kindDatetimeLayout, kindTimeLayout:
		v.i, ok = c.layout.parse(b)
	case kindTime:
		v.i, _, _, ok = parseClock(b)
	case kindYear:
		if len(b) == 4 {
			y, good := four(b)
			v.i, ok = int64(y), good
		}
	case kindYearMonth:
		v.i, ok = parseYearMonth(b)
	case kindDuration:
		ok = isDuration(b)
	case kindEmail:
		ok = isEmail(b)
	case kindURI:
		ok = isURI(b)
	case kindUUID:
		ok = isUUID(b)
	case kindBinary:
		ok = isBase64(b)
	case kindWKT:
		ok = isWKT(b)
	case kindPoint, kindPointArray, kindPointObject:
		_, _, ok = c.point(b)
	case kindGeoJSON:
		ok = isGeoJSON(b)
	case kindTopoJSON:
		ok = isTopoJSON(b)
	case kindArray:
		_, ok = parseArray(b)
	case kindObject:
		x, err := parseJSON(b)
		_, isObject := x.(map[string]any)
		ok = err == nil && isObject
	}
	return ok
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// numberText rewrites a number as the field's options say; nil when a "." is left where decimalChar is another.
func (c *column) numberText(b []byte, s *scratch) []byte {
	o := &c.field.Options
	out := s.number[:0]
	b = trim(b)
	if !o.BareNumber {
		for len(b) > 0 && b[0] != '-' && (b[0] < '0' || b[0] > '9') {
			b = b[1:]
		}
		for len(b) > 0 && (b[len(b)-1] < '0' || b[len(b)-1] > '9') {
			b = b[:len(b)-1]
		}
	}
	for i := 0; i < len(b); {
		switch {
		case o.GroupChar != "" && bytes.HasPrefix(b[i:], []byte(o.GroupChar)):
			i += len(o.GroupChar)
		case c.kind == kindNumber && c.point10 != "." && b[i] == '.':
			s.number = out
			return nil
		case c.kind == kindNumber && bytes.HasPrefix(b[i:], []byte(c.point10)):
			out = append(out, '.')
			i += len(c.point10)
		default:
			out = append(out, b[i])
			i++
		}
	}
	s.number = out
	return out
}

// number returns the value and text of a cell that read accepted.
func (c *column) number(b []byte, v value, s *scratch) number {
	if c.kind == kindInteger {
		return number{float64(v.i), trim(b)}
	}
	if c.lossy {
		b = c.numberText(b, s)
	}
	return number{v.f, trim(b)}
}

// appendKey appends bytes that are the same for cells that are equal as typed, and for these only. Values that are neither
// numbers nor moments are compared as written.
func (c *column) appendKey(key, b []byte, v value, s *scratch) []byte {
	switch c.kind {
	case kindNumber:
		var buf [48]byte
		return parseDecimal(c.number(b, v, s).text, buf[:]).appendKey(key)
	case kindInteger, kindBoolean, kindDate, kindDateAny, kindDateLayout, kindDatetime, kindDatetimeLayout, kindTime, kindTimeLayout, kindYear, kindYearMonth:
		return binary.LittleEndian.AppendUint64(key, uint64(v.i))
	}
	return append(key, b...)
}

// ordered tells whether values are ordered by value.i.
func (c *column) ordered() bool {
	switch c.kind {
	case kindInteger, kindDate, kindDateAny, kindDateLayout, kindDatetime, kindDatetimeLayout, kindTime, kindTimeLayout, kindYear, kindYearMonth:
		return true
	}
	return false
}

// compare orders a cell against a bound; NaN is beyond every bound (ok false).
func (c *column) compare(b []byte, v value, to *bound, s *scratch) (order int, ok bool) {
	if c.kind != kindNumber {
		switch {
		case v.i < to.i:
			return -1, true
		case v.i > to.i:
			return 1, true
		}
		return 0, true
	}
	if math.IsNaN(v.f) || math.IsNaN(to.number.f) {
		return 0, false
	}
	if v.f != to.number.f {
		if v.f < to.number.f {
			return -1, true
		}
		return 1, true
	}
	if math.IsInf(v.f, 0) {
		return 0, true
	}
	return compareNumbers(c.number(b, v, s), to.number), true
}

// allows tells whether the cell is one of the listed values.
func (c *column) allows(b []byte, v value, s *scratch) bool {
	e := c.enum
	switch {
	case e.few != nil:
		for _, t := range e.few {
			if t == string(b) {
				return true
			}
		}
		return false
	case e.texts != nil:
		return e.texts[string(b)]
	case e.ints != nil:
		return slices.Contains(e.ints, v.i)
	}
	s.key = c.appendKey(s.key[:0], b, v, s)
	return e.keys[string(s.key)]
}

// length is what minLength and maxLength measure: code points of a text, items of an array, members of an object.
func (c *column) length(b []byte) int {
	switch c.kind {
	case kindArray:
		items, _ := parseArray(b)
		return len(items)
	case kindObject:
		x, _ := parseJSON(b)
		m, _ := x.(map[string]any)
		return len(m)
	}
	return codePoints(b)
}

// codePoints counts those of UTF-8 text. utf8.RuneCount makes a string of it first.
func codePoints(b []byte) (n int) {
	for _, c := range b {
		if c&0xc0 != 0x80 {
			n++
		}
	}
	return n
}

// lengthFits checks minLength and maxLength, counting code points only when the number of bytes does not settle it.
func (c *column) lengthFits(b []byte) (short, long bool) {
	if c.kind <= kindWKT && c.minLen <= len(b)/utf8.UTFMax && (c.maxLen < 0 || len(b) <= c.maxLen) {
		return false, false
	}
	n := c.length(b)
	return n < c.minLen, c.maxLen >= 0 && n > c.maxLen
}

// point reads longitude and latitude in the field's format, within their bounds.
func (c *column) point(b []byte) (lon, lat float64, ok bool) {
	var x, y []byte
	switch c.kind {
	case kindPoint:
		comma := bytes.IndexByte(b, ',')
		if comma < 0 {
			return 0, 0, false
		}
		x, y = b[:comma], b[comma+1:]
	case kindPointArray:
		items, ok := parseArray(b)
		if !ok || len(items) != 2 {
			return 0, 0, false
		}
		x, y = numeral(items[0]), numeral(items[1])
	default:
		v, err := parseJSON(b)
		m, _ := v.(map[string]any)
		if err != nil || len(m) != 2 {
			return 0, 0, false
		}
		x, y = numeral(m["lon"]), numeral(m["lat"])
	}
	lon, ok1 := parseNumber(trim(x))
	lat, ok2 := parseNumber(trim(y))
	return lon, lat, ok1 && ok2 && lon >= -180 && lon <= 180 && lat >= -90 && lat <= 90
}

// newColumn compiles a field. All its faults are in the error list.
func newColumn(f *Field, index int, missing []string) (*column, []error) {
	c := &column{field: f, index: index, physical: f.Physical(), missing: missing, minLen: -1, maxLen: -1}
	if f.Options.MissingValues != nil {
		c.missing = f.Options.MissingValues
	}
	var errs []error
	fail := func(err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("champ « %s » : %w", f.Name, err))
		}
	}
	if err := c.compileType(); err != nil {
		fail(err)
		return c, errs // bounds and examples could not be read
	}
	if f.Options.ArrayItem != nil {
		item, itemErrs := newColumn(f.Options.ArrayItem, 0, nil)
		c.item = item
		for _, err := range itemErrs {
			fail(err)
		}
	}
	for _, err := range c.compileConstraints() {
		fail(err)
	}
	fail(c.checkExample())
	return c, errs
}

func (c *column) compileType() (err error) {
	f := c.field
	o := &f.Options
	c.yes, c.no = texts{"true", "True", "TRUE", "1"}, texts{"false", "False", "FALSE", "0"}
	if o.TrueValues != nil {
		c.yes = o.TrueValues
	}
	if o.FalseValues != nil {
		c.no = o.FalseValues
	}
	c.point10 = cmp.Or(o.DecimalChar, ".")
	c.lossy = !o.BareNumber || o.GroupChar != "" || c.point10 != "."
	format := cmp.Or(f.Format, "default")
	kinds := map[Type]map[string]kind{
		"":        {"default": kindText, "email": kindEmail, "uri": kindURI, "binary": kindBinary, "uuid": kindUUID, "wkt": kindWKT},
		String:    {"default": kindText, "email": kindEmail, "uri": kindURI, "binary": kindBinary, "uuid": kindUUID, "wkt": kindWKT},
		Integer:   {"": kindInteger},
		Number:    {"": kindNumber},
		Boolean:   {"": kindBoolean},
		Date:      {"default": kindDate, "%Y-%m-%d": kindDate, "any": kindDateAny, "": kindDateLayout},
		Datetime:  {"default": kindDatetime, "any": kindDatetime, "": kindDatetimeLayout},
		Time:      {"default": kindTime, "any": kindTime, "": kindTimeLayout},
		Year:      {"": kindYear},
		YearMonth: {"": kindYearMonth},
		Duration:  {"": kindDuration},
		Geopoint:  {"default": kindPoint, "array": kindPointArray, "object": kindPointObject},
		GeoJSON:   {"default": kindGeoJSON, "topojson": kindTopoJSON},
		Array:     {"": kindArray},
		Object:    {"": kindObject},
		Any:       {"": kindAny},
	}
	formats, ok := kinds[f.Type]
	if !ok {
		return fmt.Errorf("type « %s » inconnu", f.Type)
	}
	if c.kind, ok = formats[format]; !ok {
		if c.kind, ok = formats[""]; !ok {
			return fmt.Errorf("format « %s » inconnu pour le type « %s »", format, f.Type)
		}
	}
	if c.kind == kindDateLayout || c.kind == kindDatetimeLayout || c.kind == kindTimeLayout {
		c.layout, err = compileLayout(format)
	}
	return err
}

// supports says which constraints a type has (VALIDATION.md section 4); required, unique and enum are for all.
func (c *column) supports(constraint string) bool {
	switch constraint {
	case "pattern":
		return c.kind <= kindWKT
	case "minLength", "maxLength":
		return c.kind <= kindWKT || c.kind == kindArray || c.kind == kindObject
	}
	return c.ordered() || c.kind == kindNumber
}

func (c *column) compileConstraints() (errs []error) {
	k := &c.field.Constraints
	refuse := func(name string, set bool) bool {
		if set && !c.supports(name) {
			errs = append(errs, fmt.Errorf("la contrainte « %s » n’existe pas pour le type « %s »", name, c.field.Type))
		}
		return set && c.supports(name)
	}
	if refuse("minLength", k.MinLength != nil) {
		c.minLen = *k.MinLength
	}
	if refuse("maxLength", k.MaxLength != nil) {
		c.maxLen = *k.MaxLength
	}
	if refuse("pattern", k.Pattern != "") {
		c.pattern, _ = compilePattern(k.Pattern) // nil: the plan says so once a table
	}
	var err error
	if refuse("minimum", k.Minimum != "") {
		if c.min, err = c.newBound(k.Minimum); err != nil {
			errs = append(errs, err)
		}
	}
	if refuse("maximum", k.Maximum != "") {
		if c.max, err = c.newBound(k.Maximum); err != nil {
			errs = append(errs, err)
		}
	}
	if k.Enum != nil {
		if c.enum, err = c.newEnum(k.Enum); err != nil {
			errs = append(errs, err)
		}
	}
	c.constrained = c.minLen >= 0 || c.maxLen >= 0 || c.min != nil || c.max != nil || c.pattern != nil || c.enum != nil || c.item != nil
	c.free = (c.kind == kindText || c.kind == kindAny) && !c.constrained
	return errs
}

func (c *column) newBound(written string) (*bound, error) {
	var v value
	var s scratch
	b := []byte(written)
	if !c.read(b, &v, &s) {
		return nil, fmt.Errorf("la borne « %s » ne se lit pas comme le type « %s »", written, c.field.Type)
	}
	out := &bound{written: written, i: v.i}
	if c.kind == kindNumber {
		n := c.number(b, v, &s)
		out.number = number{n.f, bytes.Clone(n.text)}
	}
	return out, nil
}

// scanMax is up to how many texts a scan beats a hash.
const scanMax = 6

func (c *column) newEnum(values []string) (*enum, error) {
	e := &enum{values: values}
	var s scratch
	keys := map[string]bool{}
	for _, t := range values {
		var v value
		if !c.read([]byte(t), &v, &s) {
			return nil, fmt.Errorf("la valeur « %s » de la liste ne se lit pas comme le type « %s »", t, c.field.Type)
		}
		e.ints = append(e.ints, v.i)
		keys[string(c.appendKey(nil, []byte(t), v, &s))] = true
	}
	switch {
	case c.ordered() || c.kind == kindBoolean:
	case c.kind <= kindWKT && len(values) > 0 && len(values) <= scanMax:
		e.few = values
	case c.kind <= kindWKT:
		e.texts = keys
	default:
		e.keys = keys
	}
	if !c.ordered() && c.kind != kindBoolean {
		e.ints = nil
	} else if e.ints == nil {
		e.ints = []int64{}
	}
	return e, nil
}

func (c *column) checkExample() error {
	b := []byte(c.field.Example)
	if c.field.Example == "" || c.missing.has(b) {
		return nil
	}
	var v value
	var s scratch
	if !c.read(b, &v, &s) {
		return fmt.Errorf("l’exemple « %s » ne se lit pas comme le type « %s »", c.field.Example, c.field.Type)
	}
	return nil
}
