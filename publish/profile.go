package publish

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"math"
	"slices"
	"unicode/utf8"

	"grenier/schemas"
)

// A Profile says what the columns of a table hold.
type Profile struct {
	Rows    int64           `json:"rows"`
	Columns []ColumnProfile `json:"columns"`
}

// A ColumnProfile says what one column holds. Values are JSON as in NDJSON, long texts cut.
type ColumnProfile struct {
	Name      string          `json:"name"`
	Title     string          `json:"title,omitempty"`
	Type      schemas.Type    `json:"type"`
	Nulls     int64           `json:"nulls"`
	Distinct  int64           `json:"distinct"`
	AtLeast   bool            `json:"distinct_at_least"` // there are more than Distinct different values
	Min       json.RawMessage `json:"min"`               // null when no cell has a value
	Max       json.RawMessage `json:"max"`
	Top       []ValueCount    `json:"top"`                 // the ten most frequent, exactly counted; not those that are too rare to be told from others
	Histogram []Bin           `json:"histogram,omitempty"` // numbers and dates
	Length    *Lengths        `json:"length,omitempty"`    // texts, in characters
}

// A ValueCount is a value and how often it occurs.
type ValueCount struct {
	Value json.RawMessage `json:"value"`
	Count int64           `json:"count"`
}

// A Bin counts values from From to To: To included for whole numbers and dates, and in the last bin; excluded otherwise.
type Bin struct {
	From  json.RawMessage `json:"from"`
	To    json.RawMessage `json:"to"`
	Count int64           `json:"count"`
}

// Lengths are of texts.
type Lengths struct {
	Min     int     `json:"min"`
	Max     int     `json:"max"`
	Average float64 `json:"average"`
}

const (
	profileValues = 10_000  // different values that are counted one by one
	profileBytes  = 4 << 20 // of them
	profileSure   = 1_000   // those that are counted again when there were more
	profileTop    = 10
	profileBins   = 20
	profileText   = 200 // characters of a text that is shown
)

// Profile reads the whole table, a column at a time; columns with more than 10,000 different values are read twice.
func (t *Table) Profile(ctx context.Context) (*Profile, error) {
	p := &Profile{Rows: t.rows, Columns: []ColumnProfile{}}
	for c := range t.schema.Fields {
		column, err := t.profileColumn(ctx, c)
		if err != nil {
			return nil, err
		}
		p.Columns = append(p.Columns, column)
	}
	return p, nil
}

func (t *Table) profileColumn(ctx context.Context, column int) (ColumnProfile, error) {
	f := &t.schema.Fields[column]
	out := ColumnProfile{Name: f.Name, Title: f.Title, Type: f.Type, Min: json.RawMessage("null"), Max: json.RawMessage("null"), Top: []ValueCount{}}
	y := &tally{physical: f.Physical(), nums: map[uint64]int64{}, texts: map[string]int64{}}
	nulls, err := t.eachValue(ctx, column, y.add)
	if err != nil {
		return out, err
	}
	out.Nulls, out.Distinct, out.AtLeast = nulls, y.distinct(), y.purged > 0
	if !y.any {
		return out, nil
	}
	if y.known {
		out.Min, out.Max = jsonValue(y.physical, y.lo), jsonValue(y.physical, y.hi)
	}
	if y.physical == schemas.Text {
		out.Length = &Lengths{y.shortest, y.longest, shorter(math.Round(100*float64(y.letters)/float64(y.count)) / 100)}
	}
	bins := y.bins()
	sure := y.candidates()
	if y.purged == 0 {
		y.each(bins.add)
	} else if _, err := t.eachValue(ctx, column, func(b bound, n int64) {
		bins.add(b, n)
		sure.addKnown(b, n)
	}); err != nil {
		return out, err
	}
	out.Top, out.Histogram = sure.top(y.unsure()), bins.list()
	return out, nil
}

// eachValue calls fn with the values of a column and how often each comes: once a row, or once an entry of a dictionary.
func (t *Table) eachValue(ctx context.Context, column int, fn func(b bound, n int64)) (nulls int64, err error) {
	c := t.reader(column)
	var counts []int64 // by entry of the dictionary
	for g := range t.groups {
		pages, err := t.pages(g, column)
		if err != nil {
			return 0, err
		}
		counts = counts[:0]
		for _, p := range pages {
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			if err := c.seek(p.first); err != nil {
				return 0, err
			}
			if c.dicted && len(counts) == 0 {
				counts = append(counts, make([]int64, max(len(c.dict.nums), len(c.dict.spans)))...)
			}
			nulls += c.countPage(counts, fn)
		}
		for i, n := range counts {
			if n > 0 {
				fn(c.dict.bound(c.physical, i), n)
			}
		}
	}
	return nulls, nil
}

// countPage adds a page's references to the dictionary to counts, and calls fn with its plain values.
func (c *columnReader) countPage(counts []int64, fn func(b bound, n int64)) (nulls int64) {
	for i := range int(c.end - c.first) {
		switch {
		case !c.has(i):
			nulls++
		case c.dicted:
			counts[c.idx[i]]++
		default:
			fn(c.values.bound(c.physical, i), 1)
		}
	}
	return nulls
}

// bound is value i; a zero has no sign.
func (v *columnValues) bound(p schemas.Physical, i int) bound {
	if p == schemas.Text {
		return bound{text: v.text(int32(i))}
	}
	n := v.nums[i]
	if p == schemas.Float && math.Float64frombits(n) == 0 {
		n = 0
	}
	return bound{num: n}
}

// A tally counts values. When there are too many it takes the median count off all counts and forgets those that have nothing left (Misra and
// Gries): a value that is frequent stays, with a count that is too low by no more than what was taken off.
type tally struct {
	physical schemas.Physical
	nums     map[uint64]int64
	texts    map[string]int64
	bytes    int
	off      int64 // taken off
	purged   int
	most     int // of values held at once before a purge

	any, known        bool // any value; any but NaN
	lo, hi            bound
	count             int64
	letters           int64
	shortest, longest int
}

func (y *tally) add(b bound, n int64) {
	y.measure(b, n)
	if y.physical == schemas.Text {
		if _, ok := y.texts[string(b.text)]; !ok {
			y.bytes += len(b.text)
		}
		y.texts[string(b.text)] += n
	} else {
		y.nums[b.num] += n
	}
	if held := len(y.nums) + len(y.texts); held > profileValues || y.bytes > profileBytes && held > 1 {
		y.purge()
	}
}

// measure keeps bounds and lengths.
func (y *tally) measure(b bound, n int64) {
	if y.physical == schemas.Text {
		letters := utf8.RuneCount(b.text)
		if !y.any || letters < y.shortest {
			y.shortest = letters
		}
		y.longest = max(y.longest, letters)
		y.letters += n * int64(letters)
	}
	y.count += n
	y.any = true
	if y.physical == schemas.Float && math.IsNaN(math.Float64frombits(b.num)) {
		return
	}
	s := sorter{physical: y.physical}
	if !y.known || s.compareValues(&b, &y.lo) < 0 {
		y.lo = bound{b.num, append(y.lo.text[:0], b.text...)}
	}
	if !y.known || s.compareValues(&b, &y.hi) > 0 {
		y.hi = bound{b.num, append(y.hi.text[:0], b.text...)}
	}
	y.known = true
}

func (y *tally) purge() {
	y.purged++
	y.most = max(y.most, len(y.nums)+len(y.texts)-1)
	var counts []int64
	y.each(func(_ bound, n int64) { counts = append(counts, n) })
	slices.Sort(counts)
	off := counts[len(counts)/2]
	y.off += off
	for v, n := range y.nums {
		if y.nums[v] = n - off; n <= off {
			delete(y.nums, v)
		}
	}
	for v, n := range y.texts {
		if y.texts[v] = n - off; n <= off {
			delete(y.texts, v)
			y.bytes -= len(v)
		}
	}
}

func (y *tally) each(fn func(b bound, n int64)) {
	for v, n := range y.nums {
		fn(bound{num: v}, n)
	}
	for v, n := range y.texts {
		fn(bound{text: []byte(v)}, n)
	}
}

// distinct is how many different values were held at once: all of them unless purged.
func (y *tally) distinct() int64 { return int64(max(y.most, len(y.nums)+len(y.texts))) }

// unsure is how often a value that is not a candidate may occur.
func (y *tally) unsure() int64 {
	if y.purged == 0 {
		return 0
	}
	return y.off + y.nth(profileSure)
}

// nth is the count of the n-th most frequent value, 0 when there are fewer.
func (y *tally) nth(n int) int64 {
	var counts []int64
	y.each(func(_ bound, n int64) { counts = append(counts, n) })
	if len(counts) <= n {
		return 0
	}
	slices.SortFunc(counts, func(a, b int64) int { return cmp.Compare(b, a) })
	return counts[n-1]
}

// candidates are the values that may be the most frequent: with their counts when those are exact, without otherwise.
func (y *tally) candidates() *tally {
	out := &tally{physical: y.physical, nums: map[uint64]int64{}, texts: map[string]int64{}}
	least := y.nth(profileSure)
	y.each(func(b bound, n int64) {
		if n < least {
			return
		}
		if y.purged > 0 {
			n = 0
		}
		if y.physical == schemas.Text {
			out.texts[string(b.text)] = n
		} else {
			out.nums[b.num] = n
		}
	})
	return out
}

// addKnown counts a value that is held already.
func (y *tally) addKnown(b bound, n int64) {
	if y.physical == schemas.Text {
		if _, ok := y.texts[string(b.text)]; ok {
			y.texts[string(b.text)] += n
		}
		return
	}
	if _, ok := y.nums[b.num]; ok {
		y.nums[b.num] += n
	}
}

// top lists the most frequent values that occur more often than unsure; equal counts in the order of values.
func (y *tally) top(unsure int64) []ValueCount {
	type counted struct {
		bound
		n int64
	}
	var all []counted
	y.each(func(b bound, n int64) {
		if n > unsure {
			all = append(all, counted{b, n})
		}
	})
	s := sorter{physical: y.physical}
	slices.SortFunc(all, func(a, b counted) int { return cmp.Or(cmp.Compare(b.n, a.n), s.compareValues(&a.bound, &b.bound)) })
	out := []ValueCount{}
	for _, v := range all[:min(profileTop, len(all))] {
		out = append(out, ValueCount{jsonValue(y.physical, v.bound), v.n})
	}
	return out
}

// jsonValue is a value in JSON, a long text cut.
func jsonValue(p schemas.Physical, b bound) json.RawMessage {
	text := appendCell(nil, p, b.num, b.text)
	switch p {
	case schemas.Int64, schemas.Bool:
		return text
	case schemas.Float:
		return appendJSONNumber(nil, text, math.Float64frombits(b.num))
	}
	return appendJSONText(nil, cutText(text))
}

func cutText(text []byte) []byte {
	if utf8.RuneCount(text) <= profileText {
		return text
	}
	n := 0
	for i := range string(text) {
		if n++; n > profileText {
			return append(bytes.Clone(text[:i]), "…"...)
		}
	}
	return text
}

// histogram counts values in bins of the same width.
type histogram struct {
	physical schemas.Physical
	lo, hi   bound
	whole    uint64  // width of bins of whole numbers
	width    float64 // width of bins of decimal ones
	counts   []int64
}

// bins makes the histogram of a tally's bounds; one without bins for texts, truth values and infinite numbers.
func (y *tally) bins() *histogram {
	h := &histogram{physical: y.physical, lo: y.lo, hi: y.hi}
	switch y.physical {
	case schemas.Int64, schemas.Days, schemas.Micros:
		span := y.hi.num - y.lo.num // the difference is right even where the numbers are signed
		h.whole = span/profileBins + 1
		h.counts = make([]int64, span/h.whole+1)
	case schemas.Float:
		lo, hi := math.Float64frombits(y.lo.num), math.Float64frombits(y.hi.num)
		h.width = (hi - lo) / profileBins
		switch {
		case !y.known || math.IsInf(h.width, 0) || math.IsNaN(h.width):
		case h.width == 0:
			h.counts = make([]int64, 1)
		default:
			h.counts = make([]int64, profileBins)
		}
	}
	return h
}

func (h *histogram) add(b bound, n int64) {
	switch {
	case len(h.counts) == 0:
	case h.physical != schemas.Float:
		h.counts[(b.num-h.lo.num)/h.whole] += n
	case math.IsNaN(math.Float64frombits(b.num)):
	case h.width == 0:
		h.counts[0] += n
	default:
		at := int((math.Float64frombits(b.num) - math.Float64frombits(h.lo.num)) / h.width)
		h.counts[min(at, len(h.counts)-1)] += n
	}
}

func (h *histogram) list() (out []Bin) {
	for i, n := range h.counts {
		from, to := h.edges(i)
		if i == len(h.counts)-1 {
			to = h.hi
		}
		out = append(out, Bin{jsonValue(h.physical, from), jsonValue(h.physical, to), n})
	}
	return out
}

func (h *histogram) edges(i int) (from, to bound) {
	if h.physical != schemas.Float {
		from.num = h.lo.num + uint64(i)*h.whole
		return from, bound{num: from.num + h.whole - 1}
	}
	lo := math.Float64frombits(h.lo.num)
	edge := func(i int) bound {
		if i == 0 {
			return h.lo
		}
		return bound{num: math.Float64bits(shorter(lo + float64(i)*h.width))}
	}
	return edge(i), edge(i + 1)
}
