package publish

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"grenier/schemas"

	"golang.org/x/text/unicode/norm"
)

// An Op is how a Filter compares.
type Op string

// The comparisons. A cell without value answers to IsNull only.
const (
	Equal       Op = "exact"
	Differs     Op = "differs"
	Contains    Op = "contains" // texts only; case and accents do not count
	NotContains Op = "notcontains"
	In          Op = "in"
	NotIn       Op = "notin"
	AtMost      Op = "less"    // the names are those of data.gouv.fr's tabular API, where “less” includes the bound
	AtLeast     Op = "greater" // and so does “greater”
	Below       Op = "strictly_less"
	Above       Op = "strictly_greater"
	IsNull      Op = "isnull"
	IsNotNull   Op = "isnotnull"
)

// Ops lists the comparisons.
func Ops() []Op {
	return []Op{Equal, Differs, Contains, NotContains, In, NotIn, AtMost, AtLeast, Below, Above, IsNull, IsNotNull}
}

// A Filter keeps the rows whose cell in Column compares so with Values: one of them, any number for In and NotIn, none for IsNull and IsNotNull.
// Texts are compared byte by byte, everything else by its value.
type Filter struct {
	Column string
	Op     Op
	Values []string
}

// A QueryError says in French what is wrong with a question; it is for the person who asked.
type QueryError struct{ Message string }

func (e *QueryError) Error() string { return e.Message }

func queryErrorf(format string, args ...any) error {
	return &QueryError{fmt.Sprintf(format, args...)}
}

// A rowFilter is a Filter made ready for its column.
type rowFilter struct {
	column   int
	physical schemas.Physical
	op       Op
	nums     []uint64 // sorted
	texts    [][]byte // sorted
	part     []byte   // of contains, folded

	verdicts []bool // by entry of a dictionary…
	any      bool   // …whether one of them passes…
	folds    int    // …the reader's this many-th
	scratch  []byte
}

func newRowFilter(s *schemas.Schema, f Filter) (*rowFilter, error) {
	column, err := columnNamed(s, f.Column)
	if err != nil {
		return nil, err
	}
	field := &s.Fields[column]
	out := &rowFilter{column: column, physical: field.Physical(), op: f.Op, folds: -1}
	if err := out.checkValues(field, f); err != nil {
		return nil, err
	}
	for _, v := range f.Values {
		if err := out.add(field, v); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out.nums, func(a, b uint64) int { return compareNumbers(a, b, out.physical == schemas.Float) })
	slices.SortFunc(out.texts, bytes.Compare)
	return out, nil
}

// columnNamed finds a column, or says which there are.
func columnNamed(s *schemas.Schema, name string) (int, error) {
	if c := s.Field(name); c >= 0 {
		return c, nil
	}
	var names []string
	for i := range s.Fields {
		if i == 40 {
			names = append(names, "…")
			break
		}
		names = append(names, s.Fields[i].Name)
	}
	return -1, queryErrorf("La colonne « %.80s » n’existe pas dans ce fichier. Les colonnes sont : %s.", strings.ToValidUTF8(name, "\ufffd"), strings.Join(names, ", "))
}

func (f *rowFilter) checkValues(field *schemas.Field, from Filter) error {
	n := len(from.Values)
	switch from.Op {
	case IsNull, IsNotNull:
		if n > 0 {
			return queryErrorf("Le filtre %s de la colonne « %s » ne prend pas de valeur.", from.Op, field.Name)
		}
	case In, NotIn:
		if n == 0 {
			return queryErrorf("Le filtre %s de la colonne « %s » demande au moins une valeur.", from.Op, field.Name)
		}
	case Contains, NotContains:
		if f.physical != schemas.Text {
			return queryErrorf("Le filtre %s vaut pour les colonnes de texte ; « %s » contient %s. Comparez avec exact, less ou greater.", from.Op, field.Name, kindOf(f.physical))
		}
		fallthrough
	case Equal, Differs, AtMost, AtLeast, Below, Above:
		if n != 1 {
			return queryErrorf("Le filtre %s de la colonne « %s » demande une valeur et une seule.", from.Op, field.Name)
		}
	default:
		return queryErrorf("La comparaison « %.40s » n’existe pas.", from.Op)
	}
	return nil
}

// kindOf names what a column holds, for people.
func kindOf(p schemas.Physical) string {
	switch p {
	case schemas.Int64:
		return "des nombres entiers (exemple : 12)"
	case schemas.Float:
		return "des nombres (exemple : 12.5)"
	case schemas.Bool:
		return "vrai ou faux (true ou false)"
	case schemas.Days:
		return "des dates (exemple : 2026-11-23)"
	case schemas.Micros:
		return "des dates avec l’heure (exemple : 2026-11-23T10:30:00)"
	}
	return "du texte"
}

func (f *rowFilter) add(field *schemas.Field, value string) error {
	if f.physical == schemas.Text {
		if f.op == Contains || f.op == NotContains {
			f.part = appendFolded(nil, []byte(value))
		}
		f.texts = append(f.texts, []byte(value))
		return nil
	}
	n, ok := parseValue(f.physical, value)
	if !ok {
		return queryErrorf("« %.80s » ne se compare pas à la colonne « %s », qui contient %s.", strings.ToValidUTF8(value, "\ufffd"), field.Name, kindOf(f.physical))
	}
	f.nums = append(f.nums, n)
	return nil
}

// parseValue reads what somebody compares a column with.
func parseValue(p schemas.Physical, text string) (uint64, bool) {
	switch p {
	case schemas.Int64:
		n, err := strconv.ParseInt(text, 10, 64)
		return uint64(n), err == nil
	case schemas.Float:
		f, err := strconv.ParseFloat(text, 64)
		return math.Float64bits(f), err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
	case schemas.Bool:
		switch strings.ToLower(text) {
		case "true", "vrai", "oui", "1":
			return 1, true
		case "false", "faux", "non", "0":
			return 0, true
		}
		return 0, false
	case schemas.Days:
		t, err := time.Parse(time.DateOnly, text)
		return uint64(t.Unix() / 86400), err == nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return uint64(t.UnixMicro()), true
		}
	}
	return 0, false
}

// may tells whether rows within bounds may pass.
func (f *rowFilter) may(b *pageBounds) bool {
	switch {
	case f.op == IsNull:
		return b.nulls != 0
	case b.nulls >= 0 && b.nulls >= b.rows:
		return false
	case !b.known:
		return true
	}
	switch f.op {
	case Equal, In:
		return f.anyWithin(b)
	case AtMost:
		return f.compareFirst(b.lo) >= 0
	case Below:
		return f.compareFirst(b.lo) > 0
	case AtLeast:
		return f.compareFirst(b.hi) <= 0
	case Above:
		return f.compareFirst(b.hi) < 0
	}
	return true
}

// compareFirst compares the filter's value with a bound.
func (f *rowFilter) compareFirst(b bound) int {
	if f.physical == schemas.Text {
		return bytes.Compare(f.texts[0], b.text)
	}
	return compareNumbers(f.nums[0], b.num, f.physical == schemas.Float)
}

// anyWithin tells whether one of the values is between the bounds.
func (f *rowFilter) anyWithin(b *pageBounds) bool {
	if f.physical == schemas.Text {
		i, _ := slices.BinarySearchFunc(f.texts, b.lo.text, bytes.Compare)
		return i < len(f.texts) && bytes.Compare(f.texts[i], b.hi.text) <= 0
	}
	float := f.physical == schemas.Float
	i, _ := slices.BinarySearchFunc(f.nums, b.lo.num, func(v, lo uint64) int { return compareNumbers(v, lo, float) })
	return i < len(f.nums) && compareNumbers(f.nums[i], b.hi.num, float) <= 0
}

// number tells whether a number passes. NaN is equal to nothing, below nothing and above nothing.
func (f *rowFilter) number(v uint64) bool {
	if f.physical == schemas.Float {
		return numberPasses(f.op, math.Float64frombits(v), f.nums, math.Float64frombits)
	}
	return numberPasses(f.op, int64(v), f.nums, func(n uint64) int64 { return int64(n) })
}

func numberPasses[T cmp.Ordered](op Op, v T, nums []uint64, of func(uint64) T) bool {
	switch op {
	case Equal:
		return v == of(nums[0])
	case Differs:
		return v != of(nums[0])
	case AtMost:
		return v <= of(nums[0])
	case AtLeast:
		return v >= of(nums[0])
	case Below:
		return v < of(nums[0])
	case Above:
		return v > of(nums[0])
	case In, NotIn:
		_, found := slices.BinarySearchFunc(nums, v, func(n uint64, v T) int { return cmp.Compare(of(n), v) })
		return found == (op == In)
	}
	return op == IsNotNull
}

func (f *rowFilter) textPasses(v []byte) bool {
	switch f.op {
	case Equal:
		return bytes.Equal(v, f.texts[0])
	case Differs:
		return !bytes.Equal(v, f.texts[0])
	case AtMost:
		return bytes.Compare(v, f.texts[0]) <= 0
	case AtLeast:
		return bytes.Compare(v, f.texts[0]) >= 0
	case Below:
		return bytes.Compare(v, f.texts[0]) < 0
	case Above:
		return bytes.Compare(v, f.texts[0]) > 0
	case In, NotIn:
		_, found := slices.BinarySearchFunc(f.texts, v, bytes.Compare)
		return found == (f.op == In)
	case Contains, NotContains:
		f.scratch = appendFolded(f.scratch[:0], v)
		return bytes.Contains(f.scratch, f.part) == (f.op == Contains)
	}
	return f.op == IsNotNull
}

// judgeDict works out which entries of the reader's dictionary pass, once, and tells whether any does.
func (f *rowFilter) judgeDict(c *columnReader) bool {
	if f.folds != c.folds {
		f.folds, f.verdicts = c.folds, f.verdicts[:0]
		for i := range c.dict.nums {
			f.verdicts = append(f.verdicts, f.number(c.dict.nums[i]))
		}
		for i := range c.dict.spans {
			f.verdicts = append(f.verdicts, f.textPasses(c.dict.text(int32(i))))
		}
		f.any = slices.Contains(f.verdicts, true)
	}
	return f.any
}

// lacks tells whether nothing in the page that a reader holds can pass, without decoding it: the bytes of the value asked for are not there.
func (f *rowFilter) lacks(c *columnReader) bool {
	if c.dicted || f.op != Equal {
		return false
	}
	switch f.physical {
	case schemas.Text:
		f.scratch = append(binary.LittleEndian.AppendUint32(f.scratch[:0], uint32(len(f.texts[0]))), f.texts[0]...)
	case schemas.Int64, schemas.Micros:
		f.scratch = binary.LittleEndian.AppendUint64(f.scratch[:0], f.nums[0])
	case schemas.Float:
		if math.Float64frombits(f.nums[0]) == 0 { // which has two spellings
			return false
		}
		f.scratch = binary.LittleEndian.AppendUint64(f.scratch[:0], f.nums[0])
	default:
		return false
	}
	return !bytes.Contains(c.payload, f.scratch)
}

// keep appends to out the rows among rows that pass; c holds them all.
func (f *rowFilter) keep(c *columnReader, rows, out []int64) []int64 {
	if f.op == IsNull {
		for _, r := range rows {
			if !c.has(int(r - c.first)) {
				out = append(out, r)
			}
		}
		return out
	}
	if c.dicted && !f.judgeDict(c) {
		return out
	}
	for _, r := range rows {
		if i := int(r - c.first); c.has(i) && f.passes(c, i) {
			out = append(out, r)
		}
	}
	return out
}

func (f *rowFilter) passes(c *columnReader, i int) bool {
	switch {
	case c.dicted:
		return f.verdicts[c.idx[i]]
	case f.physical == schemas.Text:
		return f.textPasses(c.values.text(int32(i)))
	}
	return f.number(c.values.nums[i])
}

// appendFolded appends a text in lower case and without accents; œ is oe and æ is ae.
func appendFolded(dst, text []byte) []byte {
	latin := foldedLatin()
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if c >= 'A' && c <= 'Z' {
				c += 'a' - 'A'
			}
			dst = append(dst, c)
			i++
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		if int(r) < len(latin) {
			dst = append(dst, latin[r]...)
		} else {
			dst = appendFoldedRune(dst, r, text[i:i+n])
		}
		i += n
	}
	return dst
}

// foldedLatin holds the letters of European languages, folded.
var foldedLatin = sync.OnceValue(func() *[0x250]string {
	var table [0x250]string
	for r := range table {
		table[r] = string(appendFoldedRune(nil, rune(r), []byte(string(rune(r)))))
	}
	return &table
})

func appendFoldedRune(dst []byte, r rune, raw []byte) []byte {
	switch r {
	case 'œ', 'Œ':
		return append(dst, "oe"...)
	case 'æ', 'Æ':
		return append(dst, "ae"...)
	case utf8.RuneError:
		return append(dst, raw...)
	}
	if d := norm.NFD.Properties(raw).Decomposition(); d != nil {
		r, _ = utf8.DecodeRune(d)
	}
	if unicode.Is(unicode.Mn, r) {
		return dst
	}
	return utf8.AppendRune(dst, unicode.ToLower(r))
}
