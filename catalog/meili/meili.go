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
	"sort"
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

// separator stands between value and label in the label fields.
const separator = "\x1f"

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
		FilterableAttributes: []string{"f_member", "f_schema", "f_theme", "f_format", "f_territory", "f_kind", "l_member", "l_territory"},
		SortableAttributes:   []string{"modified"},
		DisplayedAttributes:  []string{"id"},
		StopWords:            strings.Fields("au aux avec ce ces dans de des du elle en et il ils la le les leur leurs ne ou par pas pour que qui sa se ses son sur un une c d j l m n s t y"),
		LocalizedAttributes:  []*meilisearch.LocalizedAttributes{{AttributePatterns: []string{"*"}, Locales: []string{"fra"}}},
		Pagination:           &meilisearch.Pagination{MaxTotalHits: bound},
		Faceting:             &meilisearch.Faceting{MaxValuesPerFacet: 400},
	}
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

// An entry is what is indexed of a dataset.
type entry struct {
	ID          string   `json:"id"`
	Title       string   `json:"title"`
	Member      string   `json:"member"`
	Keywords    []string `json:"keywords"`
	Description string   `json:"description"`
	FMember     string   `json:"f_member"`
	FSchema     string   `json:"f_schema"`
	FTheme      []string `json:"f_theme"`
	FFormat     []string `json:"f_format"`
	FTerritory  string   `json:"f_territory,omitempty"`
	FKind       string   `json:"f_kind"`
	LMember     string   `json:"l_member"`
	LTerritory  string   `json:"l_territory,omitempty"`
	Modified    int64    `json:"modified"`
}

func entryOf(d *catalog.Dataset) entry {
	e := entry{
		ID: d.ID.String(), Title: d.Title, Member: d.Member.Name, Keywords: d.Keywords, Description: d.Description, FMember: d.Member.SIREN, FSchema: d.SchemaName,
		FTheme: d.Themes, FTerritory: d.Member.INSEE, FKind: string(d.Member.Kind), LMember: d.Member.SIREN + separator + d.Member.Name, Modified: d.Modified.Unix(),
	}
	if e.FSchema == "" {
		e.FSchema = "-"
	}
	if d.Member.INSEE != "" {
		e.LTerritory = d.Member.INSEE + separator + d.Member.Name
	}
	for _, f := range d.Files {
		e.FFormat = append(e.FFormat, f.Format)
	}
	return e
}

// Put indexes datasets and waits until they can be found.
func (x *Index) Put(ctx context.Context, ds ...catalog.Dataset) error {
	entries := make([]entry, len(ds))
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

// facets are the facets by their public name: the field that filters, the field that is counted.
var facets = []struct {
	name, filter, count string
	values              func(q *catalog.Query) []string
}{
	{"membre", "f_member", "l_member", func(q *catalog.Query) []string { return q.Members }},
	{"type", "f_kind", "f_kind", func(q *catalog.Query) []string { return q.Kinds }},
	{"territoire", "f_territory", "l_territory", func(q *catalog.Query) []string { return q.Territory }},
	{"theme", "f_theme", "f_theme", func(q *catalog.Query) []string { return q.Themes }},
	{"schema", "f_schema", "f_schema", func(q *catalog.Query) []string { return q.Schemas }},
	{"format", "f_format", "f_format", func(q *catalog.Query) []string { return q.Formats }},
}

// Search answers a query: one request, and one more for each facet that filters, so that its alternatives stay visible.
func (x *Index) Search(ctx context.Context, q catalog.Query) (catalog.Page, error) {
	size := q.Size
	if size <= 0 {
		size = 20
	}
	var open []string
	for _, f := range facets {
		if len(f.values(&q)) == 0 {
			open = append(open, f.count)
		}
	}
	page := catalog.Page{IDs: []string{}, Facets: map[string][]catalog.Facet{}}
	for _, f := range facets {
		page.Facets[f.name] = []catalog.Facet{}
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
	for _, f := range facets {
		if len(f.values(&q)) == 0 {
			continue
		}
		r, err := x.ask(ctx, &q, f.name, 0, []string{f.count})
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
	for _, f := range facets {
		var any []string
		for _, v := range f.values(q) {
			any = append(any, f.filter+" = "+quote(v))
		}
		if len(any) > 0 && f.name != without {
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
	for _, f := range facets {
		values, ok := counts[f.count]
		if !ok {
			continue
		}
		list := []catalog.Facet{}
		for v, n := range values {
			value, label, found := strings.Cut(v, separator)
			if !found {
				label = value
			}
			list = append(list, catalog.Facet{Value: value, Label: label, Count: n})
		}
		sort.Slice(list, func(i, j int) bool {
			if list[i].Count != list[j].Count {
				return list[i].Count > list[j].Count
			}
			return list[i].Label < list[j].Label
		})
		into[f.name] = list
	}
	return nil
}
