// Package meili makes the catalogue searchable in a Meilisearch server: it implements catalog.Index for installations of several processes.
//
// A server of version 1.18 or later is required: the client sends members that older ones refuse.
package meili

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"grenier/catalog"

	"github.com/meilisearch/meilisearch-go"
)

// Index implements catalog.Index.
type Index struct {
	server meilisearch.ServiceManager
	uid    string
}

var _ catalog.Index = (*Index)(nil)

// layout ends the name of the index and is the version of what is indexed: another one is another index, which fills itself when the program starts.
const layout = "_2"

// bound is how many results can be paged through, and how many values of a facet are counted.
const bound = 100_000

// Open connects to the server at address, "http://host:7700?key=env:NAME&index=jeux": key is a reference that secret resolves, index the name of the
// index ("grenier" by default), before its layout. It creates and configures the index when it is not there.
func Open(ctx context.Context, address string, secret func(ref string) (string, error)) (*Index, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("address of Meilisearch %q: not an http address", address)
	}
	q := u.Query()
	u.RawQuery = ""
	options := []meilisearch.Option{meilisearch.WithCustomClient(&http.Client{Timeout: 30 * time.Second})}
	if ref := q.Get("key"); ref != "" {
		key, err := secret(ref)
		if err != nil {
			return nil, fmt.Errorf("key of Meilisearch: %w", err)
		}
		options = append(options, meilisearch.WithAPIKey(key))
	}
	x := &Index{server: meilisearch.New(strings.TrimRight(u.String(), "/"), options...), uid: cmp.Or(q.Get("index"), "grenier") + layout}
	if err := x.recent(ctx); err != nil {
		return nil, err
	}
	return x, x.prepare(ctx, x.uid)
}

// recent refuses a server that is too old for the client.
func (x *Index) recent(ctx context.Context) error {
	v, err := x.server.VersionWithContext(ctx)
	if err != nil {
		return fmt.Errorf("reach Meilisearch: %w", err)
	}
	var major, minor int
	if _, err := fmt.Sscanf(v.PkgVersion, "%d.%d", &major, &minor); err != nil || major < 1 || major == 1 && minor < 18 {
		return fmt.Errorf("the Meilisearch server is version %q: 1.18 or later is required", v.PkgVersion)
	}
	return nil
}

// prepare creates and configures one index; both are idempotent.
func (x *Index) prepare(ctx context.Context, uid string) error {
	if _, err := x.server.GetIndexWithContext(ctx, uid); err != nil {
		t, err := x.server.CreateIndexWithContext(ctx, &meilisearch.IndexConfig{Uid: uid, PrimaryKey: "id"})
		if err := x.await(ctx, t, err); err != nil && !strings.Contains(err.Error(), "already_exists") && !strings.Contains(err.Error(), "already exists") {
			return fmt.Errorf("create index %s: %w", uid, err)
		}
	}
	t, err := x.server.Index(uid).UpdateSettingsWithContext(ctx, settings())
	if err := x.await(ctx, t, err); err != nil {
		return fmt.Errorf("configure index %s: %w", uid, err)
	}
	return nil
}

// searched are the fields that are looked in, the one that counts most first. Package catalog has read the texts: they hold words, keys and marks.
var searched = []string{"own", "former", "heads", "title", "title_marks", "subject_marks", "member", "keywords", "covers", "years", "description", "description_marks", "areas"}

func settings() *meilisearch.Settings {
	return &meilisearch.Settings{
		RankingRules:         []string{"words", "typo", "attribute", "sort", "proximity", "exactness", "rank:desc"},
		SearchableAttributes: searched,
		FilterableAttributes: append(filterable(), "modified"),
		SortableAttributes:   []string{"modified"},
		DisplayedAttributes:  []string{"id"},
		Synonyms:             catalog.Synonyms(),
		TypoTolerance: &meilisearch.TypoTolerance{Enabled: true, MinWordSizeForTypos: meilisearch.MinWordSizeForTypos{OneTypo: 4, TwoTypos: 8},
			DisableOnWords: []string{}, DisableOnAttributes: []string{"title_marks", "subject_marks", "description_marks", "years"}, DisableOnNumbers: true},
		LocalizedAttributes: []*meilisearch.LocalizedAttributes{{AttributePatterns: []string{"*"}, Locales: []string{"fra"}}},
		Pagination:          &meilisearch.Pagination{MaxTotalHits: bound},
		Faceting:            &meilisearch.Faceting{MaxValuesPerFacet: 400},
	}
}

func filterable() (fields []string) {
	for _, k := range catalog.FacetKinds {
		fields = append(fields, k.FilterField())
		if k.Labelled {
			fields = append(fields, k.CountField())
		}
	}
	return fields
}

// await waits for the end of a write; a task that failed is an error.
func (x *Index) await(ctx context.Context, t *meilisearch.TaskInfo, err error) error {
	if err != nil {
		return err
	}
	done, err := x.server.WaitForTaskWithContext(ctx, t.TaskUID, 20*time.Millisecond)
	if err != nil {
		return err
	}
	if done.Status != meilisearch.TaskStatusSucceeded {
		return fmt.Errorf("task %d %s: %s %s", t.TaskUID, done.Status, done.Error.Code, done.Error.Message)
	}
	return nil
}

// entryOf is what is indexed of a dataset.
func entryOf(d *catalog.Dataset) map[string]any {
	e := catalog.EntryOf(d)
	entry := map[string]any{
		"id": d.ID.String(), "own": names(e.Own), "former": names(e.Former), "heads": names(e.Heads), "covers": names(e.Covers), "areas": names(e.Areas),
		"member": stems(e.Member), "title": strings.Join(e.Title, " "), "keywords": strings.Join(e.Keywords, " "), "description": strings.Join(e.Description, " "),
		"title_marks": e.TitleMarks, "subject_marks": e.SubjectMarks, "description_marks": e.DescriptionMarks, "years": e.Years,
		"modified": d.Modified.Unix(),
		// The last rule of ranking cannot know the moment of the search: a year of freshness is worth as much as half of the quality.
		"rank": e.Quality + d.Modified.Sub(time.Unix(0, 0)).Hours()/24/365/2,
	}
	catalog.AddFacets(entry, d)
	return entry
}

// names are keys of places as words: searches come stemmed.
func names(keys []string) (list []string) {
	for _, k := range keys {
		list = append(list, stems(strings.Split(k, "_")))
	}
	return list
}

func stems(words []string) string {
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = catalog.Stem(w)
	}
	return strings.Join(list, " ")
}

// Put indexes datasets and waits until they can be found.
func (x *Index) Put(ctx context.Context, ds ...catalog.Dataset) error {
	entries := make([]map[string]any, len(ds))
	for i := range ds {
		entries[i] = entryOf(&ds[i])
	}
	t, err := x.server.Index(x.uid).AddDocumentsWithContext(ctx, entries, nil)
	if err := x.await(ctx, t, err); err != nil {
		return fmt.Errorf("index %d datasets: %w", len(ds), err)
	}
	return nil
}

// Delete forgets datasets.
func (x *Index) Delete(ctx context.Context, ids ...string) error {
	t, err := x.server.Index(x.uid).DeleteDocumentsWithContext(ctx, ids, nil)
	if err := x.await(ctx, t, err); err != nil {
		return fmt.Errorf("forget %d datasets: %w", len(ids), err)
	}
	return nil
}

// Rebuild fills another index, which then takes the place of this one.
func (x *Index) Rebuild(ctx context.Context, fill func(next catalog.Index) error) error {
	next := &Index{server: x.server, uid: x.uid + "_" + strconv.FormatInt(time.Now().UnixNano(), 36)}
	if err := x.prepare(ctx, next.uid); err != nil {
		return err
	}
	if err := fill(next); err != nil {
		return errors.Join(err, x.drop(context.WithoutCancel(ctx), next.uid))
	}
	t, err := x.server.SwapIndexesWithContext(ctx, []*meilisearch.SwapIndexesParams{{Indexes: []string{x.uid, next.uid}}})
	if err := x.await(ctx, t, err); err != nil {
		return errors.Join(fmt.Errorf("swap indexes: %w", err), x.drop(context.WithoutCancel(ctx), next.uid))
	}
	return x.drop(ctx, next.uid)
}

func (x *Index) drop(ctx context.Context, uid string) error {
	t, err := x.server.DeleteIndexWithContext(ctx, uid)
	if err := x.await(ctx, t, err); err != nil {
		return fmt.Errorf("drop index %s: %w", uid, err)
	}
	return nil
}

// Close has nothing to close: the server stays.
func (x *Index) Close() error { return nil }

// Search answers a query, in one request: the page, and for each facet that filters, and each age, a count of its own. When no dataset has all the
// words, the last one is taken for the beginning of a word, and then those that have the rarest of the words are found.
func (x *Index) Search(ctx context.Context, q catalog.Query) (catalog.Page, error) {
	text, parts := catalog.Plain(q.Text)
	whole := text
	if text != "" && !q.Typing {
		whole += " " // the last word is whole
	}
	page, err := x.search(ctx, &q, whole, meilisearch.All)
	if err == nil && page.Total == 0 && whole != text {
		page, err = x.search(ctx, &q, text, meilisearch.All)
	}
	if err == nil && page.Total == 0 && parts > 1 {
		page, err = x.search(ctx, &q, text, meilisearch.Frequency)
		page.Partial = page.Total > 0
	}
	return page, err
}

func (x *Index) search(ctx context.Context, q *catalog.Query, text string, strategy meilisearch.MatchingStrategy) (catalog.Page, error) {
	page := catalog.Page{IDs: []string{}, Facets: map[string][]catalog.Facet{}}
	asked := x.questions(q, text, strategy)
	found, err := x.server.MultiSearchWithContext(ctx, &meilisearch.MultiSearchRequest{Queries: asked})
	if err != nil {
		return page, fmt.Errorf("search: %w", err)
	}
	if len(found.Results) != len(asked) {
		return page, fmt.Errorf("search: %d answers to %d questions", len(found.Results), len(asked))
	}
	page.Total = int(found.Results[0].TotalHits)
	for _, h := range found.Results[0].Hits {
		var e struct {
			ID string `json:"id"`
		}
		if err := h.DecodeInto(&e); err != nil {
			return page, fmt.Errorf("read result: %w", err)
		}
		page.IDs = append(page.IDs, e.ID)
	}
	if q.Bare {
		return page, nil
	}
	for _, k := range catalog.FacetKinds {
		page.Facets[k.Name] = []catalog.Facet{}
	}
	ages := len(found.Results) - len(catalog.FreshnessBuckets)
	for _, r := range found.Results[:ages] {
		if err := collect(page.Facets, r.FacetDistribution); err != nil {
			return page, err
		}
	}
	var counts []int
	for _, r := range found.Results[ages:] {
		counts = append(counts, int(r.TotalHits))
	}
	page.Facets[catalog.FreshnessFacet] = catalog.CountFreshness(counts)
	return page, nil
}

// questions are the searches of one request: the page, a count for each facet that filters, without that filter, then one for each age.
func (x *Index) questions(q *catalog.Query, text string, strategy meilisearch.MatchingStrategy) []*meilisearch.SearchRequest {
	size := q.Size
	if size <= 0 {
		size = 20
	}
	ask := func(size int64, page int, facets []string, filter [][]string) *meilisearch.SearchRequest {
		r := &meilisearch.SearchRequest{IndexUID: x.uid, Query: text, Facets: facets, HitsPerPage: &size, Page: int64(page), AttributesToRetrieve: []string{"id"},
			MatchingStrategy: strategy, Locales: []string{"fra"}}
		if len(filter) > 0 {
			r.Filter = filter
		}
		if text == "" {
			r.Sort = []string{"modified:desc"}
		}
		return r
	}
	var open []string
	for _, k := range catalog.FacetKinds {
		if len(k.In(q)) == 0 && !q.Bare {
			open = append(open, k.CountField())
		}
	}
	all := []*meilisearch.SearchRequest{ask(int64(min(size, 100)), max(q.Page, 1), open, filter(q, ""))}
	if q.Bare {
		return all
	}
	for _, k := range catalog.FacetKinds {
		if len(k.In(q)) > 0 {
			all = append(all, ask(0, 1, []string{k.CountField()}, filter(q, k.Name)))
		}
	}
	for _, b := range catalog.FreshnessBuckets {
		all = append(all, ask(0, 1, nil, append(filter(q, catalog.FreshnessFacet), []string{age(b, q.At())})))
	}
	return all
}

// filter is the filters of a query, but for that of the facet named without: nested lists (outer "and", inner "or") of quoted values.
func filter(q *catalog.Query, without string) (all [][]string) {
	for _, k := range catalog.FacetKinds {
		var any []string
		for _, v := range k.In(q) {
			any = append(any, k.FilterField()+" = "+quote(v))
		}
		if len(any) > 0 && k.Name != without {
			all = append(all, any)
		}
	}
	if asked := q.FreshnessAsked(); asked != nil && without != catalog.FreshnessFacet {
		any := []string{"modified < 0 AND modified > 0"} // of values that are no bucket's
		for i, b := range catalog.FreshnessBuckets {
			if asked[i] {
				any = append(any, age(b, q.At()))
			}
		}
		all = append(all, any)
	}
	return all
}

// age is the filter of what is in a bucket.
func age(b catalog.FreshnessBucket, now time.Time) string {
	from, to := b.Bounds(now)
	return fmt.Sprintf("modified >= %d AND modified < %d", from.Unix(), to.Unix())
}

// quote writes a filter's value so that it cannot end before its time.
func quote(v string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v) + `"`
}

func collect(into map[string][]catalog.Facet, distribution json.RawMessage) error {
	if len(distribution) == 0 {
		return nil
	}
	var counts map[string]map[string]int
	if err := json.Unmarshal(distribution, &counts); err != nil {
		return fmt.Errorf("read facets: %w", err)
	}
	for _, k := range catalog.FacetKinds {
		if values, ok := counts[k.CountField()]; ok {
			into[k.Name] = catalog.CountFacets(values)
		}
	}
	return nil
}
