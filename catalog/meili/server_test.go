package meili

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"grenier/catalog"
)

// A standIn speaks the part of Meilisearch's protocol that the client uses, from an in-memory model: tasks, settings, swap, filters, facets, prefix
// of the last word, typing errors from 5 and 9 letters. The same suite runs against a real server when GRENIER_TEST_MEILISEARCH_URL is set.
type standIn struct {
	mu      sync.Mutex
	version string
	tasks   map[int64]string // UID → error, "" is success
	indexes map[string]*model
}

type model struct {
	settings map[string]any
	docs     map[string]map[string]any
	order    []string
}

func newStandIn() *standIn {
	return &standIn{version: "1.18.0", tasks: map[int64]string{}, indexes: map[string]*model{}}
}

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	part := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	answer := func(code int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		json.NewEncoder(w).Encode(v)
	}
	task := func(failure string) {
		id := int64(len(s.tasks) + 1)
		s.tasks[id] = failure
		answer(202, map[string]any{"taskUid": id, "status": "enqueued", "indexUid": "x", "type": "x", "enqueuedAt": "2026-01-01T00:00:00Z"})
	}
	missing := func() { answer(404, map[string]any{"code": "index_not_found", "message": "Index not found."}) }
	switch {
	case part[0] == "version":
		answer(200, map[string]string{"pkgVersion": s.version})
	case part[0] == "tasks":
		var id int64
		fmt.Sscan(part[1], &id)
		t := map[string]any{"uid": id, "status": "succeeded", "enqueuedAt": "2026-01-01T00:00:00Z"}
		if s.tasks[id] != "" {
			t["status"], t["error"] = "failed", map[string]string{"code": s.tasks[id], "message": s.tasks[id]}
		}
		answer(200, t)
	case part[0] == "multi-search":
		s.multi(body, answer)
	case part[0] == "swap-indexes":
		var swaps []struct{ Indexes []string }
		json.Unmarshal(body, &swaps)
		a, b := swaps[0].Indexes[0], swaps[0].Indexes[1]
		s.indexes[a], s.indexes[b] = s.indexes[b], s.indexes[a]
		task("")
	case len(part) == 1 && r.Method == http.MethodPost:
		var in struct{ UID string }
		json.Unmarshal(body, &in)
		if s.indexes[in.UID] != nil {
			task("index_already_exists")
			return
		}
		s.indexes[in.UID] = &model{docs: map[string]map[string]any{}}
		task("")
	case s.indexes[part[1]] == nil:
		missing()
	default:
		s.index(s.indexes[part[1]], part[1:], r.Method, body, answer, task)
	}
}

func (s *standIn) index(m *model, part []string, method string, body []byte, answer func(int, any), task func(string)) {
	switch {
	case len(part) == 1 && method == http.MethodGet:
		answer(200, map[string]string{"uid": part[0], "primaryKey": "id"})
	case len(part) == 1:
		delete(s.indexes, part[0])
		task("")
	case part[1] == "settings":
		json.Unmarshal(body, &m.settings)
		task("")
	case part[1] == "documents" && len(part) == 3:
		var ids []string
		json.Unmarshal(body, &ids)
		for _, id := range ids {
			delete(m.docs, id)
			m.order = slices.DeleteFunc(m.order, func(x string) bool { return x == id })
		}
		task("")
	case part[1] == "documents":
		var docs []map[string]any
		json.Unmarshal(body, &docs)
		for _, d := range docs {
			id := d["id"].(string)
			if m.docs[id] == nil {
				m.order = append(m.order, id)
			}
			m.docs[id] = d
		}
		task("")
	}
}

// multi answers several searches at once.
func (s *standIn) multi(body []byte, answer func(int, any)) {
	var in struct{ Queries []question }
	if err := json.Unmarshal(body, &in); err != nil {
		answer(400, map[string]string{"code": "bad_request", "message": err.Error()})
		return
	}
	results := []any{}
	for _, q := range in.Queries {
		m := s.indexes[q.IndexUID]
		if m == nil {
			answer(404, map[string]any{"code": "index_not_found", "message": "Index not found."})
			return
		}
		results = append(results, m.search(&q))
	}
	answer(200, map[string]any{"results": results})
}

// A question is one search of the protocol.
type question struct {
	IndexUID         string
	Q                string
	Filter           [][]string
	Facets           []string
	Sort             []string
	Page             int
	HitsPerPage      int
	MatchingStrategy string
}

func (m *model) search(in *question) map[string]any {
	var hits []map[string]any
	for _, id := range m.order {
		if d := m.docs[id]; m.matches(d, in.Q, in.MatchingStrategy != "all") && passes(d, in.Filter) {
			hits = append(hits, d)
		}
	}
	if len(in.Sort) > 0 {
		slices.SortStableFunc(hits, func(a, b map[string]any) int { return int(b["modified"].(float64) - a["modified"].(float64)) })
	} else {
		slices.SortStableFunc(hits, func(a, b map[string]any) int {
			return cmp.Or(m.places(a, in.Q)-m.places(b, in.Q), cmp.Compare(b["rank"].(float64), a["rank"].(float64)))
		})
	}
	counts := map[string]map[string]int{}
	for _, f := range in.Facets {
		counts[f] = map[string]int{}
		for _, d := range hits {
			for _, v := range values(d[f]) {
				counts[f][v]++
			}
		}
	}
	first := min((max(in.Page, 1)-1)*in.HitsPerPage, len(hits))
	shown := []map[string]any{}
	for _, d := range hits[first:min(first+in.HitsPerPage, len(hits))] {
		shown = append(shown, map[string]any{"id": d["id"]})
	}
	return map[string]any{"hits": shown, "query": in.Q, "totalHits": len(hits), "page": in.Page, "hitsPerPage": in.HitsPerPage, "facetDistribution": counts}
}

func values(v any) (list []string) {
	switch v := v.(type) {
	case string:
		list = []string{v}
	case []any:
		for _, x := range v {
			list = append(list, fmt.Sprint(x))
		}
	}
	return list
}

func passes(d map[string]any, filter [][]string) bool {
	for _, any := range filter {
		if !slices.ContainsFunc(any, func(f string) bool { return expression(d, f) }) {
			return false
		}
	}
	return true
}

// expression judges « field = "value" » and « field >= n AND field < n ».
func expression(d map[string]any, f string) bool {
	for part := range strings.SplitSeq(f, " AND ") {
		cells := strings.SplitN(part, " ", 3)
		field, op, value := cells[0], cells[1], cells[2]
		n, _ := d[field].(float64)
		bound, _ := strconv.ParseFloat(value, 64)
		switch {
		case op == "=" && !slices.Contains(values(d[field]), strings.Trim(value, `"`)),
			op == ">=" && n < bound, op == "<" && n >= bound, op == ">" && n <= bound:
			return false
		}
	}
	return true
}

// matches wants every word of q in the document, or one of them: whole, as the beginning when it is the last and may go on, with typing errors, or as one of
// its synonyms.
func (m *model) matches(d map[string]any, q string, some bool) bool {
	words := strings.Fields(q)
	if len(words) == 0 {
		return true
	}
	var known []string
	for _, f := range values(m.settings["searchableAttributes"]) {
		known = append(known, m.words(d, f)...)
	}
	n := 0
	for i, w := range words {
		if m.has(known, w, i == len(words)-1 && !strings.HasSuffix(q, " ")) {
			n++
		}
	}
	return n == len(words) || some && n > 0
}

func (m *model) words(d map[string]any, field string) (list []string) {
	for _, v := range values(d[field]) {
		list = append(list, split(v)...)
	}
	return list
}

func (m *model) has(known []string, w string, begins bool) bool {
	synonyms, _ := m.settings["synonyms"].(map[string]any)
	for _, s := range values(synonyms[w]) {
		parts := split(s)
		if !slices.ContainsFunc(parts, func(p string) bool { return !slices.Contains(known, p) }) {
			return true
		}
	}
	return slices.ContainsFunc(known, func(k string) bool {
		if strings.HasPrefix(k, "zz") { // a mark: no errors in those
			return k == w
		}
		return k == w || begins && strings.HasPrefix(k, w) || len(w) >= 4 && distance(k, w) <= 1 || len(w) >= 8 && distance(k, w) <= 2
	})
}

// places adds up where the words of q are among the searched fields, as the rule « attribute » has it.
func (m *model) places(d map[string]any, q string) (sum int) {
	fields := values(m.settings["searchableAttributes"])
	for _, w := range strings.Fields(q) {
		at := slices.IndexFunc(fields, func(f string) bool { return m.has(m.words(d, f), w, false) })
		if at < 0 {
			at = len(fields)
		}
		sum += at
	}
	return sum
}

func split(s string) []string {
	return strings.FieldsFunc(catalog.Fold(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		left := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := left
			if a[i] != b[j] {
				cost = 1 + min(left, row[j], row[j+1])
			}
			left, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
