package bleve

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"grenier/catalog"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/index/scorch"
	index "github.com/blevesearch/bleve_index_api"
	"github.com/google/uuid"
)

// A shelf is one bleve index with what was read of it. bleve's own collector counts facets by reading the values of every hit from the disk's
// form, one query for each facet that filters; here they are columns in memory, read once for each segment, which never changes: a search is one pass.
type shelf struct {
	index bleve.Index

	mu       sync.Mutex
	terms    []*terms            // by facet kind, then grown only
	segments map[uint64]*columns // by the segment's number
	current  *view               // nil when something was written since
}

// terms numbers the values of one facet.
type terms struct {
	list    []string
	numbers map[string]uint32
}

// columns are the datasets of one segment, by their number in it.
type columns struct {
	id       []uuid.UUID
	modified []int64
	quality  []float32
	length   []uint8 // words of the title, those of the member's name and years aside
	series   []bool
	facets   []facetColumn
}

// A facetColumn has the values of each dataset one after the other: those of n are values[from[n]:from[n+1]].
type facetColumn struct{ from, values []uint32 }

// A view is the index at one moment.
type view struct {
	shelf    *shelf
	readers  int // searches under way, and the shelf while the view is current; under shelf.mu
	reader   index.IndexReader
	segments []placed
	total    int        // numbers of datasets, deleted ones among them
	alive    int        // datasets
	terms    [][]string // by facet kind
	fetching sync.Pool  // of *scratch

	newest func() []uint32 // all datasets, the one that changed last first
	counts func() [][]int  // how many have each value, by facet kind
}

// placed is a segment and the number of its first dataset.
type placed struct {
	*columns
	base int
	dead interface{ Contains(uint32) bool } // nil: none
}

func newShelf(i bleve.Index) *shelf {
	s := &shelf{index: i, segments: map[uint64]*columns{}}
	for range catalog.FacetKinds {
		s.terms = append(s.terms, &terms{numbers: map[string]uint32{}})
	}
	return s
}

// stale makes the next search look anew.
func (s *shelf) stale() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil {
		s.drop(s.current)
		s.current = nil
	}
}

// drop lets a view go; the last one to do so closes its reader. The caller holds mu.
func (s *shelf) drop(v *view) {
	if v.readers--; v.readers == 0 {
		_ = v.reader.Close()
	}
}

// look returns the view of now, to be given back by release.
func (s *shelf) look() (*view, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		v, err := s.read()
		if err != nil {
			return nil, err
		}
		s.current = v
	}
	s.current.readers++
	return s.current, nil
}

func (v *view) release() {
	v.shelf.mu.Lock()
	defer v.shelf.mu.Unlock()
	v.shelf.drop(v)
}

// close lets the current view go and closes the index. The caller has seen that no search is under way.
func (s *shelf) close() error {
	s.stale()
	return s.index.Close()
}

// read makes the view of now: only segments that are new since the last one are read.
func (s *shelf) read() (*view, error) {
	low, err := s.index.Advanced()
	if err != nil {
		return nil, fmt.Errorf("open index reader: %w", err)
	}
	reader, err := low.Reader()
	if err != nil {
		return nil, fmt.Errorf("open index reader: %w", err)
	}
	snapshot, ok := reader.(*scorch.IndexSnapshot)
	if !ok {
		return nil, errors.Join(fmt.Errorf("index of kind %T", reader), reader.Close())
	}
	v := &view{shelf: s, readers: 1, reader: reader}
	kept := map[uint64]*columns{}
	for _, seg := range snapshot.Segments() {
		c := s.segments[seg.Id()]
		if c == nil || len(c.id) != int(seg.FullSize()) {
			if c, err = s.columns(reader, v.total, int(seg.FullSize())); err != nil {
				return nil, errors.Join(err, reader.Close())
			}
		}
		kept[seg.Id()] = c
		p := placed{columns: c, base: v.total}
		if dead := seg.Deleted(); dead != nil && !dead.IsEmpty() {
			p.dead = dead
		}
		v.segments = append(v.segments, p)
		v.total += int(seg.FullSize())
		v.alive += int(seg.LiveSize())
	}
	s.segments = kept
	for _, t := range s.terms {
		v.terms = append(v.terms, t.list)
	}
	v.newest, v.counts = sync.OnceValue(v.sortNewest), sync.OnceValue(v.countAll)
	return v, nil
}

// columns reads n datasets from the number first on.
func (s *shelf) columns(reader index.IndexReader, first, n int) (*columns, error) {
	c := &columns{id: make([]uuid.UUID, n), modified: make([]int64, n), quality: make([]float32, n), length: make([]uint8, n), series: make([]bool, n),
		facets: make([]facetColumn, len(s.terms))}
	names := columnFields()
	kinds := map[string]int{}
	for i, name := range names {
		kinds[name] = i
	}
	for k := range c.facets {
		c.facets[k].from = make([]uint32, n+1)
	}
	values, err := reader.DocValueReader(names)
	if err != nil {
		return nil, fmt.Errorf("read columns: %w", err)
	}
	var id index.IndexInternalID
	for i := range n {
		id = index.NewIndexInternalID(id, uint64(first+i))
		err := values.VisitDocValues(id, func(field string, term []byte) {
			k := kinds[field]
			if k == len(s.terms) {
				c.card(i, string(term))
				return
			}
			c.facets[k].values = append(c.facets[k].values, s.terms[k].number(term))
		})
		if err != nil {
			return nil, fmt.Errorf("read columns: %w", err)
		}
		for k := range c.facets {
			c.facets[k].from[i+1] = uint32(len(c.facets[k].values))
		}
	}
	return c, nil
}

// card takes in what card of document.go wrote.
func (c *columns) card(i int, term string) {
	cells := strings.Fields(term)
	if len(cells) != 5 {
		return
	}
	c.id[i], _ = uuid.Parse(cells[0])
	c.modified[i], _ = strconv.ParseInt(cells[1], 10, 64)
	quality, _ := strconv.ParseFloat(cells[2], 32)
	length, _ := strconv.Atoi(cells[3])
	c.quality[i], c.length[i], c.series[i] = float32(quality), uint8(length), cells[4] == "1"
}

func (t *terms) number(term []byte) uint32 {
	n, ok := t.numbers[string(term)]
	if !ok {
		n = uint32(len(t.list))
		t.numbers[string(term)] = n
		t.list = append(t.list, string(term))
	}
	return n
}

// of finds the segment of a dataset and its number there.
func (v *view) of(doc uint32) (*placed, int) {
	i, found := slices.BinarySearchFunc(v.segments, int(doc), func(p placed, doc int) int { return cmp.Compare(p.base, doc) })
	if !found {
		i--
	}
	return &v.segments[i], int(doc) - v.segments[i].base
}

// sortNewest lists all datasets, the one that changed last first.
func (v *view) sortNewest() []uint32 {
	list := make([]ranked, 0, v.alive)
	for _, p := range v.segments {
		for i := range p.id {
			if p.dead == nil || !p.dead.Contains(uint32(i)) {
				list = append(list, ranked{modified: p.modified[i], doc: uint32(p.base + i)})
			}
		}
	}
	slices.SortFunc(list, v.better)
	docs := make([]uint32, len(list))
	for i, r := range list {
		docs[i] = r.doc
	}
	return docs
}

// ranked is one dataset found.
type ranked struct {
	score    float32
	modified int64
	doc      uint32
}

// better puts the higher score first, then what changed last; the identity decides between equals, so that pages do not overlap.
func (v *view) better(a, b ranked) int {
	if c := cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.modified, a.modified)); c != 0 {
		return c
	}
	p, i := v.of(a.doc)
	q, j := v.of(b.doc)
	return slices.Compare(p.id[i][:], q.id[j][:])
}
