package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"grenier/catalog"
)

const (
	keptPlain  = 48 << 20        // bytes of answers whose address holds no question
	keptAsked  = 12 << 20        // bytes of those whose address does: strangers write them, so they have a room of their own
	keptFor    = time.Minute     // for what changes without the catalogue saying so: the time of the last check, the words « il y a »
	settling   = 5 * time.Second // the index follows the catalogue within this
	lookEvery  = time.Second / 2 // how late a change by another process is seen
	keptFiles  = 8 << 20         // bytes of what is known of files, whose names strangers write too
	lookWithin = 2 * time.Second // after that the catalogue counts as silent, and nothing is taken from memory
)

// keptRoutes are the routes whose answers are kept in memory while the catalogue stays as it is, and the parameters that they know, of which any
// other makes an answer that nobody keeps. The words of a search are not among them: they are their author's.
//
// What they answer depends on the address, the catalogue and the index, and on nothing else of the request: an answer that varies on more than
// Accept-Encoding is not kept, nor is one that says no-store.
var keptRoutes = map[string][]string{
	"home": nil, "search": listParameters(), "search-json": listParameters(), "dataset": nil, "dataset-json": nil, "report": nil, "report-json": nil, "history": nil,
	"members": {"page", "type"}, "members-json": {"page", "type"}, "member": nil, "member-json": nil, "schemas": nil, "schema": nil,
	"series-list": nil, "themes": nil, "theme": nil, "privacy": nil, "member-atom": nil, "llms": nil, "openapi": nil,
	"api": nil, "about": nil, "accessibility": nil, "legal": nil, "site-map": nil,
	"api-datasets": listParameters(), "api-dataset": nil, "api-members": {"page", "type"}, "api-schemas": {"page"},
	"atom": nil, "sitemap-xml": nil, "robots": nil, "file": nil, "file-version": nil,
}

func listParameters() []string {
	known := []string{"page"}
	for _, f := range facetTitles {
		known = append(known, f.Name)
	}
	return known
}

// A memory keeps answers by address, while the catalogue is as it was when they were made.
type memory struct {
	watch               watch
	plain, asked, files *shelf[*kept]
}

// A kept answer, with what the log and the metrics say of it.
type kept struct {
	route   string
	kind    kind
	seen    sight // the catalogue, before the answer was made
	made    time.Time
	passing bool    // poorer than it should be
	page    *answer // one of the two
	file    *keptFile

	meters atomic.Pointer[meters] // set by the first who takes it
}

func newMemory(store catalog.Store, clock func() time.Time) *memory {
	m := &memory{plain: newShelf[*kept](keptPlain), asked: newShelf[*kept](keptAsked), files: newShelf[*kept](keptFiles)}
	m.watch = watch{clock: clock, revision: store.Revision, writes: func() int64 { return 0 }}
	if counts, ok := store.(interface{ Writes() int64 }); ok {
		m.watch.writes = counts.Writes
	}
	return m
}

// shelf is where the answer to an address is.
func (m *memory) shelf(r *http.Request) (*shelf[*kept], string) {
	switch {
	case r.URL.RawQuery != "":
		return m.asked, r.URL.Path + "?" + r.URL.RawQuery
	case strings.HasPrefix(r.URL.Path, filePrefix):
		return m.files, r.URL.Path
	}
	return m.plain, r.URL.Path
}

// take finds an answer that still holds; nil when there is none.
func (m *memory) take(r *http.Request) *kept {
	shelf, address := m.shelf(r)
	k, ok := shelf.take(address)
	if !ok {
		return nil
	}
	seen, err := m.watch.look(r.Context())
	if err != nil || !k.holds(seen, m.watch.clock()) {
		return nil
	}
	return k
}

// holds tells whether an answer is what would be answered now. One that was made while the index had yet to follow the catalogue holds as long as
// that may be so, and not after.
func (k *kept) holds(seen sight, now time.Time) bool {
	age, settled, most := now.Sub(k.made), seen.since.Add(settling), keptFor
	if k.passing {
		most = settling
	}
	return k.seen.revision == seen.revision && age >= 0 && age < most && (!k.made.Before(settled) || now.Before(settled))
}

// put keeps an answer for an address, as v found the catalogue before.
func (m *memory) put(r *http.Request, v *visit, k *kept, size int64) {
	k.route, k.kind, k.seen, k.made, k.passing = v.route, v.kind, v.seen, m.watch.clock(), v.passing
	shelf, address := m.shelf(r)
	shelf.replace(address, k, size+int64(2*len(address)))
}

func (m *memory) clear() {
	m.plain.clear()
	m.asked.clear()
	m.files.clear()
}

// keepable tells whether the answer of a route to this request may be kept.
func keepable(route string, r *http.Request) bool {
	known, ok := keptRoutes[route]
	if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	if r.URL.RawQuery == "" {
		return true
	}
	asked, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return false
	}
	for name, values := range asked {
		if !slices.Contains(known, name) || slices.Contains(values, "") {
			return false
		}
	}
	return true
}

// passing says, with the context of a request, that its answer is poorer than it should be, for a part of the service does not answer: it is kept for some seconds only, which
// spares the part that does not answer.
func passing(ctx context.Context) {
	if v, ok := ctx.Value(visitKey{}).(*visit); ok {
		v.passing = true
	}
}

// remember answers from memory what it can, before anything else looks at the request.
func (s *Server) remember(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		start := time.Now()
		k := s.memory.take(r)
		if k == nil {
			next.ServeHTTP(w, r)
			return
		}
		if k.file != nil {
			s.sendKeptFile(w, r, k, start, next)
			return
		}
		status, bytes := k.page.send(w, r)
		s.accountKept(r, k, status, int64(bytes), time.Since(start))
	})
}

// keepPage keeps what send is about to send, and returns it; nil when nobody keeps it.
func keepPage(w http.ResponseWriter, r *http.Request, contentType string, body []byte) *answer {
	v, h := visitOf(r), w.Header()
	if v.memory == nil || strings.Contains(h.Get("Cache-Control"), "no-store") || h.Get("Set-Cookie") != "" {
		return nil
	}
	for _, vary := range h.Values("Vary") {
		if vary != "Accept-Encoding" {
			return nil
		}
	}
	a, err := newAnswer(h, contentType, body)
	if err != nil {
		return nil
	}
	v.memory.put(r, v, &kept{page: a}, a.size())
	return a
}

// A watch tells in which state the catalogue is, at almost no cost.
type watch struct {
	clock    func() time.Time
	revision func(context.Context) (int64, error)
	writes   func() int64 // by this process
	mu       sync.Mutex   // held while the catalogue is asked
	last     atomic.Pointer[sight]
}

// A sight is the state in which the catalogue was seen.
type sight struct {
	revision int64
	since    time.Time // when it was first seen
	looked   time.Time // when it was last asked for
	writes   int64     // by this process, before it was asked for
}

// look returns the state of the catalogue: of now, for what this process wrote; of half a second ago at most, for what others did.
func (w *watch) look(ctx context.Context) (sight, error) {
	if last := w.last.Load(); w.fresh(last) {
		return *last, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	last := w.last.Load()
	if w.fresh(last) {
		return *last, nil
	}
	now := w.clock()
	next := sight{since: now, looked: now, writes: w.writes()}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookWithin) // for all who wait
	defer cancel()
	var err error
	if next.revision, err = w.revision(ctx); err != nil {
		return sight{}, fmt.Errorf("read the revision of the catalogue: %w", err)
	}
	if last != nil && last.revision == next.revision {
		next.since = last.since
	}
	w.last.Store(&next)
	return next, nil
}

func (w *watch) fresh(m *sight) bool {
	if m == nil || m.writes != w.writes() {
		return false
	}
	age := w.clock().Sub(m.looked)
	return age >= 0 && age < lookEvery
}

// replace is put for what may be there already, in an older state.
func (s *shelf[T]) replace(name string, item T, size int64) {
	s.mu.Lock()
	if e, ok := s.items[name]; ok {
		s.used -= s.order.Remove(e).(*shelved[T]).size
		delete(s.items, name)
	}
	s.mu.Unlock()
	s.put(name, item, cmp.Or(size, 1))
}
