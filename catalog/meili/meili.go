// Package meili makes the catalogue searchable in a Meilisearch server: it implements catalog.Index for installations of several processes.
//
// A server of version 1.18 or later is required: the client sends members that older ones refuse.
package meili

import (
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

// bound is how many results can be paged through, and how many values of a facet are counted.
const bound = 100_000

// Open connects to the server at address, "http://host:7700?key=env:NAME&index=jeux": key is a reference that secret resolves, index the name of the
// index ("grenier" by default). It creates and configures the index when it is not there.
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
	x := &Index{server: meilisearch.New(strings.TrimRight(u.String(), "/"), options...), uid: "grenier"}
	if name := q.Get("index"); name != "" {
		x.uid = name
	}
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

func settings() *meilisearch.Settings {
	return &meilisearch.Settings{
		SearchableAttributes: []string{"member", "title", "keywords", "description"},
		FilterableAttributes: filterable(),
		SortableAttributes:   []string{"modified"},
		DisplayedAttributes:  []string{"id"},
		StopWords:            strings.Fields("au aux avec ce ces dans de des du elle en et il ils la le les leur leurs ne ou par pas pour que qui sa se ses son sur un une c d j l m n s t y"),
		LocalizedAttributes:  []*meilisearch.LocalizedAttributes{{AttributePatterns: []string{"*"}, Locales: []string{"fra"}}},
		Pagination:           &meilisearch.Pagination{MaxTotalHits: bound},
		Faceting:             &meilisearch.Faceting{MaxValuesPerFacet: 400},
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
	e := map[string]any{
		"id": d.ID.String(), "title": d.Title, "member": d.Member.Name, "keywords": d.Keywords, "description": d.Description, "modified": d.Modified.Unix(),
	}
	catalog.AddFacets(e, d)
	return e
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

// Search answers a query: one request, and one more for each facet that filters, so that its alternatives stay visible.
func (x *Index) Search(ctx context.Context, q catalog.Query) (catalog.Page, error) {
	size := q.Size
	if size <= 0 {
		size = 20
	}
	var open []string
	for _, k := range catalog.FacetKinds {
		if len(k.In(&q)) == 0 {
			open = append(open, k.CountField())
		}
	}
	page := catalog.Page{IDs: []string{}, Facets: map[string][]catalog.Facet{}}
	for _, k := range catalog.FacetKinds {
		page.Facets[k.Name] = []catalog.Facet{}
	}
	r, err := x.ask(ctx, &q, "", int64(min(size, 100)), open)
	if err != nil {
		return page, err
	}
	page.Total = int(r.TotalHits)
	for _, h := range r.Hits {
		var e struct {
			ID string `json:"id"`
		}
		if err := h.DecodeInto(&e); err != nil {
			return page, fmt.Errorf("read result: %w", err)
		}
		page.IDs = append(page.IDs, e.ID)
	}
	if err := collect(page.Facets, r.FacetDistribution); err != nil {
		return page, err
	}
	for _, k := range catalog.FacetKinds {
		if len(k.In(&q)) == 0 {
			continue
		}
		r, err := x.ask(ctx, &q, k.Name, 0, []string{k.CountField()})
		if err != nil {
			return page, err
		}
		if err := collect(page.Facets, r.FacetDistribution); err != nil {
			return page, err
		}
	}
	return page, nil
}

// ask sends one search, without the filter of the facet named without. The filter is nested lists (outer "and", inner "or") of quoted values.
func (x *Index) ask(ctx context.Context, q *catalog.Query, without string, size int64, counted []string) (*meilisearch.SearchResponse, error) {
	var filter [][]string
	for _, k := range catalog.FacetKinds {
		var any []string
		for _, v := range k.In(q) {
			any = append(any, k.FilterField()+" = "+quote(v))
		}
		if len(any) > 0 && k.Name != without {
			filter = append(filter, any)
		}
	}
	r := &meilisearch.SearchRequest{
		Facets: counted, HitsPerPage: &size, Page: int64(max(q.Page, 1)), AttributesToRetrieve: []string{"id"}, MatchingStrategy: meilisearch.All, Locales: []string{"fra"},
	}
	if len(filter) > 0 {
		r.Filter = filter
	}
	if strings.TrimSpace(q.Text) == "" {
		r.Sort = []string{"modified:desc"}
	}
	found, err := x.server.Index(x.uid).SearchWithContext(ctx, strings.ToValidUTF8(strings.ReplaceAll(q.Text, "\x00", " "), " "), r)
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	return found, nil
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
