package bleve

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"time"

	"grenier/catalog"
)

// facetSize is how many values of a facet are told.
const facetSize = 400

// Search answers a query: datasets that have all its parts; when there are none, those that have most of them, and the page says so.
func (x *Index) Search(ctx context.Context, q catalog.Query) (catalog.Page, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.current == nil {
		return catalog.Page{}, errClosed
	}
	v, err := x.current.look()
	if err != nil {
		return catalog.Page{}, err
	}
	defer v.release()
	page, err := v.search(ctx, &q)
	if err != nil {
		return page, fmt.Errorf("search: %w", err)
	}
	return page, nil
}

func (v *view) search(ctx context.Context, q *catalog.Query) (catalog.Page, error) {
	page := catalog.Page{IDs: []string{}, Facets: map[string][]catalog.Facet{}}
	s := &scoring{view: v, ctx: ctx, query: q}
	units := catalog.Units(q.Text, func(key string) bool { return s.count(fieldPlaces, key) > 0 })
	if s.err != nil {
		return page, s.err
	}
	t := v.newTally(q)
	if len(units) == 0 {
		return page, v.listNewest(ctx, q, t, &page)
	}
	s.scratch = v.scratch()
	defer v.fetching.Put(s.scratch)
	if err := s.units(units); err != nil {
		return page, err
	}
	found := s.collect(t, &page)
	page.Meant = s.meant
	if t != nil {
		t.tell(&page)
	}
	page.Total = len(found)
	v.pick(found, q, &page)
	return page, ctx.Err()
}

// bounds are the places of the first and behind the last result of a page.
func bounds(q *catalog.Query, total int) (from, to int) {
	size := q.Size
	if size <= 0 {
		size = 20
	}
	size = min(size, 100)
	from = min((max(q.Page, 1)-1)*size, total)
	return from, min(from+size, total)
}

// pick names the results of the page that was asked for. What comes before the page need not be in order, so only as much is sorted as must be.
func (v *view) pick(found []ranked, q *catalog.Query, page *catalog.Page) {
	from, to := bounds(q, len(found))
	if to < len(found)/8 {
		found = v.best(found, to)
	}
	slices.SortFunc(found, v.better)
	for _, r := range found[from:to] {
		page.IDs = append(page.IDs, v.name(r.doc))
	}
}

// best finds the n best, in any order: a heap whose root is the worst of those kept.
func (v *view) best(found []ranked, n int) []ranked {
	heap := slices.Clone(found[:n])
	sink := func(i int) {
		for {
			worst := i
			for c := 2*i + 1; c <= 2*i+2 && c < n; c++ {
				if v.better(heap[c], heap[worst]) > 0 {
					worst = c
				}
			}
			if worst == i {
				return
			}
			heap[i], heap[worst] = heap[worst], heap[i]
			i = worst
		}
	}
	for i := n/2 - 1; i >= 0; i-- {
		sink(i)
	}
	for _, r := range found[n:] {
		if n > 0 && v.better(r, heap[0]) < 0 {
			heap[0] = r
			sink(0)
		}
	}
	return heap
}

func (v *view) name(doc uint32) string {
	p, i := v.of(doc)
	return p.id[i].String()
}

// listNewest answers a query without words: everything, or what the facets let through.
func (v *view) listNewest(ctx context.Context, q *catalog.Query, t *tally, page *catalog.Page) error {
	all := v.newest()
	if t == nil || !t.filters() {
		page.Total = len(all)
		from, to := bounds(q, len(all))
		for _, doc := range all[from:to] {
			page.IDs = append(page.IDs, v.name(doc))
		}
		if t != nil {
			t.all(all)
			t.tell(page)
		}
		return ctx.Err()
	}
	var passed []uint32
	for _, doc := range all {
		if p, i := v.of(doc); t.pass(p, i) {
			passed = append(passed, doc)
		}
	}
	page.Total = len(passed)
	from, to := bounds(q, len(passed))
	for _, doc := range passed[from:to] {
		page.IDs = append(page.IDs, v.name(doc))
	}
	if !q.Bare {
		t.tell(page)
	}
	return ctx.Err()
}

// A scratch is room for one search, by dataset.
type scratch struct {
	score   []float32
	best    []float32 // of the unit at hand
	matched []uint32  // a bit for each unit
	titled  []uint8   // words of the search that the title has
	inTitle []uint8   // the last unit that it has, plus one
	touched []uint32  // of the unit at hand
	docs    [2][]uint32
}

func (v *view) scratch() *scratch {
	if s, ok := v.fetching.Get().(*scratch); ok {
		clear(s.score)
		clear(s.matched)
		clear(s.titled)
		clear(s.inTitle)
		return s
	}
	n := v.total
	return &scratch{score: make([]float32, n), best: make([]float32, n), matched: make([]uint32, n), titled: make([]uint8, n), inTitle: make([]uint8, n)}
}

// What a match is worth, by where it is. The order matters more than the numbers: the town, then the title, the schema, the rest.
const (
	worthOwn     = 10
	worthFormer  = 9
	worthHead    = 6
	worthCovers  = 3
	worthArea    = 1.5
	worthMember  = 5
	worthTitle   = 4
	worthInTitle = 3.6
	worthSubject = 3
	worthKeyword = 2.5
	worthYears   = 2
	worthText    = 0.8
	worthInText  = 0.5

	widerShare  = 0.5  // of a subject that is wider than what was asked
	beginShare  = 0.7  // of a word that only begins as was asked
	typoShare   = 0.6  // of a word with one typing error; with two, its square
	weakShare   = 0.3  // of a word that may be missing
	rarity      = 0.12 // how much a rare part of a search counts more than a frequent one
	wholeTitle  = 1.5  // a title that says what was asked and nothing else
	freshness   = 0.8  // changed today; a third of it after a year
	quality     = 1.2
	wholeSeries = 3 // the whole département, when no place was asked for: who names a subject alone wants it first
)

// A scoring is one search under way.
type scoring struct {
	*scratch
	view  *view
	ctx   context.Context
	query *catalog.Query
	meant []catalog.Meaning
	err   error // of the count of a term

	required uint32 // a bit for each unit that may not be missing
	place    bool   // one of them is a place
}

// units scores all datasets, part of the search by part.
func (s *scoring) units(units []catalog.Unit) error {
	for k := range units {
		u := &units[k]
		if err := s.ctx.Err(); err != nil {
			return err
		}
		s.touched = s.touched[:0]
		last := s.query.Typing && k == len(units)-1
		if err := s.unit(uint8(k+1), u, last); err != nil {
			return err
		}
		share := float32(1)
		if u.Weak {
			share = weakShare
		} else {
			s.required |= 1 << k
			s.place = s.place || u.Place != ""
		}
		share *= 1 + rarity*float32(math.Log(float64(1+s.view.alive)/float64(1+len(s.touched))))
		for _, doc := range s.touched {
			s.score[doc] += share * s.best[doc]
			s.best[doc] = 0
			s.matched[doc] |= 1 << k
		}
	}
	return nil
}

// unit finds the datasets of one part. Beginnings of words and typing errors are thought of only when no dataset has the word itself: what is true and
// rare is never drowned in what is frequent and near.
func (s *scoring) unit(k uint8, u *catalog.Unit, typing bool) error {
	if u.Place != "" {
		for _, m := range []match{{fieldOwn, worthOwn}, {fieldFormer, worthFormer}, {fieldHeads, worthHead}, {fieldCovers, worthCovers}, {fieldAreas, worthArea}} {
			if err := s.term(k, m.field, u.Place, m.worth); err != nil {
				return err
			}
		}
	}
	if err := s.concepts(k, u.Concepts, 1); err != nil {
		return err
	}
	if err := s.literal(k, u.Words, 1); err != nil {
		return err
	}
	if len(u.Words) != 1 || u.Weak {
		return nil
	}
	if typing || len(s.touched) == 0 {
		if err := s.beginning(k, u.Words[0]); err != nil {
			return err
		}
	}
	if len(s.touched) == 0 {
		return s.mended(k, u.Words[0])
	}
	return nil
}

type match struct {
	field string
	worth float32
}

// concepts looks for subjects, and at less worth for wider ones.
func (s *scoring) concepts(k uint8, list []*catalog.Concept, share float32) error {
	for _, c := range list {
		for _, m := range []match{{fieldInTitle, worthInTitle}, {fieldSubject, worthSubject}, {fieldInText, worthInText}} {
			if err := s.term(k, m.field, c.Mark(), share*m.worth); err != nil {
				return err
			}
		}
		for _, w := range c.WiderConcepts() {
			for _, m := range []match{{fieldInTitle, worthInTitle}, {fieldSubject, worthSubject}} {
				if err := s.term(k, m.field, w.Mark(), share*widerShare*m.worth); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// literal looks for the words themselves, all in one field.
func (s *scoring) literal(k uint8, list []catalog.Word, share float32) error {
	stems, texts := catalog.Stems(list), catalog.Texts(list)
	for _, m := range []match{{fieldTitle, worthTitle}, {fieldKeywords, worthKeyword}, {fieldText, worthText}} {
		if err := s.all(k, m.field, stems, share*m.worth); err != nil {
			return err
		}
	}
	if len(texts) == 1 {
		if err := s.term(k, fieldYears, texts[0], share*worthYears); err != nil {
			return err
		}
	}
	return s.all(k, fieldMember, texts, share*worthMember)
}

// fields where single words are, and what a word is worth there.
var wordFields = []match{{fieldMember, worthMember}, {fieldTitle, worthTitle}, {fieldKeywords, worthKeyword}}

// maxVariants is how many words may stand for one that is not whole or not right, by field.
const maxVariants = 40

// beginning looks for words that begin so.
func (s *scoring) beginning(k uint8, w catalog.Word) error {
	if len(w.Text) < 2 {
		return nil
	}
	for _, m := range wordFields {
		prefix := w.Stem
		if m.field == fieldMember {
			prefix = w.Text
		}
		variants, err := s.variants(m.field, prefix)
		if err != nil {
			return err
		}
		for _, term := range variants {
			if err := s.term(k, m.field, term, beginShare*m.worth); err != nil {
				return err
			}
		}
	}
	return nil
}

// variants lists words of a field that begin so.
func (s *scoring) variants(field, prefix string) (list []string, err error) {
	dict, err := s.view.reader.FieldDictPrefix(field, []byte(prefix))
	if err != nil {
		return nil, err
	}
	defer dict.Close()
	for len(list) < maxVariants {
		e, err := dict.Next()
		if e == nil || err != nil {
			return list, err
		}
		list = append(list, e.Term)
	}
	return list, nil
}

// mended looks for the words and subjects that are fewest typing errors away, and says what was looked for.
func (s *scoring) mended(k uint8, w catalog.Word) error {
	most := catalog.Errors(w.Text)
	if most == 0 {
		return nil
	}
	best := most + 1
	var near []nearWord
	for _, m := range wordFields {
		found, err := s.near(m, w, most)
		if err != nil {
			return err
		}
		for _, n := range found {
			best = min(best, n.distance)
		}
		near = append(near, found...)
	}
	share := func(distance int) float32 { return float32(math.Pow(typoShare, float64(distance))) }
	meant, count := "", 0
	for _, n := range near {
		if n.distance > best {
			continue
		}
		if n.count > count {
			meant, count = n.term, n.count
		}
		if err := s.term(k, n.field, n.term, share(best)*n.worth); err != nil {
			return err
		}
	}
	if err := s.concepts(k, catalog.NearSubjects(w), share(1)); err != nil {
		return err
	}
	if meant != "" && len(s.touched) > 0 {
		s.meant = append(s.meant, catalog.Meaning{Typed: w.Text, Stem: meant})
	}
	return nil
}

type nearWord struct {
	match
	term     string
	distance int
	count    int
}

// near lists the words of a field that are so many errors away. The first letter is held to be right.
func (s *scoring) near(m match, w catalog.Word, most int) (list []nearWord, err error) {
	typed := w.Stem
	if m.field == fieldMember {
		typed = w.Text
	}
	dict, err := s.view.reader.FieldDictPrefix(m.field, []byte(typed[:1]))
	if err != nil {
		return nil, err
	}
	defer dict.Close()
	for {
		e, err := dict.Next()
		if e == nil || err != nil {
			return list, err
		}
		if d, ok := catalog.Distance(typed, e.Term, most); ok {
			list = append(list, nearWord{m, e.Term, d, int(e.Count)})
			if len(list) == maxVariants {
				return list, nil
			}
		}
	}
}

// collect gathers the datasets that have all required units, or most of them, and that the facets let through.
func (s *scoring) collect(t *tally, page *catalog.Page) (found []ranked) {
	most := 0
	for _, m := range s.matched {
		most = max(most, bits.OnesCount32(m&s.required))
	}
	if most == 0 {
		return nil
	}
	page.Partial = most < bits.OnesCount32(s.required)
	now := s.query.At()
	for g := range s.view.segments {
		p := &s.view.segments[g]
		for i, m := range s.matched[p.base : p.base+len(p.id)] {
			if bits.OnesCount32(m&s.required) < most || t != nil && !t.pass(p, i) {
				continue
			}
			found = append(found, ranked{s.rank(p, i, now), p.modified[i], uint32(p.base + i)})
		}
	}
	return found
}

// rank is the score of a dataset: what of the search it has, how well its title says that and nothing else, how fresh and how good it is.
func (s *scoring) rank(p *placed, i int, now time.Time) float32 {
	doc := p.base + i
	score := s.score[doc] + quality*p.quality[i]
	if n := p.length[i]; n > 0 {
		score += wholeTitle * min(1, float32(s.titled[doc])/float32(n))
	}
	if p.series[i] && !s.place {
		score += wholeSeries
	}
	days := max(0, float64(now.Unix()-p.modified[i])/86400)
	return score + float32(freshness*math.Exp(-days/330))
}
