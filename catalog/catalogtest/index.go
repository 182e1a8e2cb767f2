// Package catalogtest holds the suites that every implementation of the catalogue's promises passes.
package catalogtest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"grenier/catalog"

	"github.com/google/uuid"
)

// indexed invents a dataset.
func indexed(n int, title, member string, kind catalog.MemberKind, schema string, formats ...string) catalog.Dataset {
	d := catalog.Dataset{
		ID: uuid.NewSHA1(uuid.NameSpaceOID, []byte(title+member)), Title: title, Description: "Données publiées par " + member + ".",
		Member:     catalog.Member{SIREN: fmt.Sprintf("21990%03d0", n), Name: member, Kind: kind, INSEE: fmt.Sprintf("99%03d", n)},
		SchemaName: schema, Themes: []string{"GOVE"}, Keywords: []string{"essai"}, Modified: time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC), Status: catalog.DatasetPublished,
	}
	if kind != catalog.Commune {
		d.Member.INSEE = ""
	}
	for _, f := range formats {
		d.Files = append(d.Files, catalog.File{Format: f})
	}
	return d
}

func corpus() []catalog.Dataset {
	return []catalog.Dataset{
		indexed(1, "Délibérations de Lons-le-Bourg", "Lons-le-Bourg", catalog.Commune, "scdl/deliberations", "csv", "parquet"),
		indexed(1, "Subventions attribuées par Lons-le-Bourg", "Lons-le-Bourg", catalog.Commune, "scdl/subventions", "csv", "parquet"),
		indexed(2, "Subventions attribuées par Vaux-sur-Œuvre", "Vaux-sur-Œuvre", catalog.Commune, "scdl/subventions", "csv"),
		indexed(3, "Équipements de L’Étoile-du-Val", "L’Étoile-du-Val", catalog.Commune, "scdl/equipements", "csv", "parquet"),
		indexed(4, "Fréquentation des déchèteries", "Communauté de communes du Haut-Val", catalog.EPCI, "", "csv"),
		indexed(5, "Budget du Département du Val-d’Aurence", "Département du Val-d’Aurence", catalog.Departement, "scdl/budget", "csv", "parquet"),
	}
}

// realCorpus is of communes and a grouping that the reference knows.
func realCorpus() []catalog.Dataset {
	commune := func(siren, insee, name, title, schema string) catalog.Dataset {
		d := indexed(1, title, name, catalog.Commune, schema)
		d.Member.SIREN, d.Member.INSEE = siren, insee
		return d
	}
	grouping := indexed(1, "Déchèteries et points d’apport volontaire", "Communauté de communes Haut-Jura Saint-Claude", catalog.EPCI, "")
	grouping.Member.SIREN = "200026573"
	return []catalog.Dataset{
		commune("200055887", "39130", "Nanchez", "Budget de Nanchez", "scdl/budget"),
		commune("213904782", "39478", "Saint-Claude", "Budget de Saint-Claude", "scdl/budget"),
		grouping,
		commune("213903594", "39362", "Morez", "Budget de Morez", "scdl/budget"),
	}
}

// Index is the suite of every search index. open returns an empty one; settle, when it is not nil, waits until what was put can be found.
func Index(t *testing.T, open func(t *testing.T) catalog.Index) {
	ctx := context.Background()
	filled := func(t *testing.T) (catalog.Index, []catalog.Dataset) {
		t.Helper()
		x, ds := open(t), corpus()
		if err := x.Put(ctx, ds...); err != nil {
			t.Fatal(err)
		}
		return x, ds
	}
	search := func(t *testing.T, x catalog.Index, q catalog.Query) catalog.Page {
		t.Helper()
		p, err := x.Search(ctx, q)
		if err != nil {
			t.Fatalf("search %+v: %v", q, err)
		}
		return p
	}
	ids := func(ds []catalog.Dataset, n ...int) (list []string) {
		for _, i := range n {
			list = append(list, ds[i].ID.String())
		}
		slices.Sort(list)
		return list
	}

	t.Run("FindsFrenchWordsHoweverTheyAreTyped", func(t *testing.T) {
		x, ds := filled(t)
		for _, c := range []struct {
			text string
			want []int
		}{
			{"budget", []int{5}}, {"BUDGET", []int{5}}, {"subventions", []int{1, 2}}, {"subvention", []int{1, 2}}, {"deliberations", []int{0}},
			{"délibération lons", []int{0}}, {"etoile", []int{3}}, {"l’étoile", []int{3}}, {"oeuvre", []int{2}}, {"Œuvre", []int{2}}, {"équipement", []int{3}},
			{"dechet", []int{4}}, {"subventons", []int{1, 2}}, {"budg", []int{5}}, {"subventions vaux", []int{2}},
		} {
			got := search(t, x, catalog.Query{Text: c.text}).IDs
			slices.Sort(got)
			if want := ids(ds, c.want...); !slices.Equal(got, want) {
				t.Errorf("%q finds %v, want %v", c.text, got, want)
			}
		}
	})
	t.Run("KnowsTheWordsOfTheField", func(t *testing.T) {
		x, ds := filled(t)
		for _, c := range []struct {
			text string
			want []int
		}{
			{"délib", []int{0}}, {"conseil municipal", []int{0}}, {"finances", []int{5}}, {"aides aux associations", []int{1, 2}}, {"ordures ménagères", []int{4}}, {"gymnases", []int{3}},
			{"les subventions de l’Étoile", nil}, {"subventions de Lons", []int{1}}, {"comptes administratifs", []int{5}}, {"intercommunalité", []int{4}},
		} {
			p := search(t, x, catalog.Query{Text: c.text})
			slices.Sort(p.IDs)
			if want := ids(ds, c.want...); c.want != nil && (!slices.Equal(p.IDs, want) || p.Partial) {
				t.Errorf("%q finds %v (partial: %v), want %v", c.text, p.IDs, p.Partial, want)
			}
			if c.want == nil && !p.Partial {
				t.Errorf("%q: no dataset has all the words, and the page does not say so", c.text)
			}
		}
	})
	t.Run("KnowsFormerCommunesGroupingsAndTheirCommunes", func(t *testing.T) {
		x, ds := open(t), realCorpus()
		if err := x.Put(ctx, ds...); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			text string
			want []int // in this order, the first ones of the answer
		}{
			{"budget Nanchez", []int{0}}, {"budget Prénovel", []int{0}}, // a commune that became part of Nanchez
			{"budget St-Claude", []int{1}}, {"budget saint claude", []int{1}},
			{"budget 39478", []int{1}}, {"budget 200055887", []int{0}}, {"budget 39150", []int{0}}, // codes of INSEE, SIREN, the post
			{"déchets Saint-Claude", []int{2}}, // published by the grouping
			{"Haut-Jura Saint-Claude", []int{2}},
		} {
			p := search(t, x, catalog.Query{Text: c.text})
			if len(p.IDs) < len(c.want) || p.Partial {
				t.Errorf("%q finds %v, partial %v", c.text, p.IDs, p.Partial)
				continue
			}
			for i, n := range c.want {
				if p.IDs[i] != ds[n].ID.String() {
					t.Errorf("%q: result %d is %v, want %s", c.text, i+1, p.IDs[i], ds[n].Title)
				}
			}
		}
		p := search(t, x, catalog.Query{Text: "Saint-Claude"})
		if len(p.IDs) < 2 || p.IDs[0] != ds[1].ID.String() {
			t.Errorf("the town itself is not first, before its grouping: %v", p.IDs)
		}
	})
	t.Run("TrueWordsComeBeforeTypingErrors", func(t *testing.T) {
		x := open(t)
		ds := []catalog.Dataset{indexed(1, "Carte des sources", "Vaux", catalog.Commune, ""), indexed(2, "Carte des courses", "Vaux", catalog.Commune, "")}
		for n := range 12 {
			ds = append(ds, indexed(3+n, fmt.Sprintf("Courses à pied, étape %d", n), "Vaux", catalog.Commune, ""))
		}
		if err := x.Put(ctx, ds...); err != nil {
			t.Fatal(err)
		}
		if p := search(t, x, catalog.Query{Text: "sources"}); len(p.IDs) == 0 || p.IDs[0] != ds[0].ID.String() {
			t.Errorf("got %v", p.IDs)
		}
	})
	t.Run("BareAndUnfinishedSearchesServeSuggestions", func(t *testing.T) {
		x, ds := filled(t)
		p := search(t, x, catalog.Query{Text: "équip", Typing: true, Bare: true, Size: 3})
		if !slices.Equal(p.IDs, ids(ds, 3)) || len(p.Facets) != 0 {
			t.Errorf("got %+v", p)
		}
	})
	t.Run("FreshnessIsCountedFromTheMomentOfTheSearch", func(t *testing.T) {
		x, ds := filled(t) // 1 to 5 January 2026
		count := func(now time.Time, q catalog.Query) map[string]int {
			q.Now = now
			all := map[string]int{}
			for _, f := range search(t, x, q).Facets[catalog.FreshnessFacet] {
				all[f.Value] = f.Count
			}
			return all
		}
		at := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 12, 0, 0, 0, time.UTC) }
		for _, c := range []struct {
			now  time.Time
			want map[string]int
		}{
			{at(2026, 1, 6), map[string]int{"mois": 6}},
			{at(2026, 2, 2), map[string]int{"mois": 2, "an": 4}}, // the first four datasets changed before noon of the 3rd of January
			{at(2027, 6, 1), map[string]int{"ancien": 6}},
			{at(2025, 1, 1), map[string]int{"mois": 6}}, // clocks may differ
		} {
			for _, text := range []string{"", "essai"} {
				if got := count(c.now, catalog.Query{Text: text}); !maps.Equal(got, c.want) {
					t.Errorf("%q at %s: got %v, want %v", text, c.now, got, c.want)
				}
			}
		}
		q := catalog.Query{Freshness: []string{"an"}, Now: at(2026, 2, 2)}
		if p := search(t, x, q); !slices.Equal(slices.Sorted(slices.Values(p.IDs)), ids(ds, 0, 1, 2, 3)) {
			t.Errorf("filtered: got %v", p.IDs)
		}
		if got := count(q.Now, q); !maps.Equal(got, map[string]int{"mois": 2, "an": 4}) {
			t.Errorf("the facet does not keep its alternatives: %v", got)
		}
		if p := search(t, x, catalog.Query{Freshness: []string{"jamais"}}); p.Total != 0 {
			t.Errorf("a bucket that is none: got %d datasets", p.Total)
		}
	})
	t.Run("BetterDataComesFirstAmongEquals", func(t *testing.T) {
		x := open(t)
		good, bad := indexed(1, "Budget", "Vaux", catalog.Commune, ""), indexed(1, "Budget", "Viry", catalog.Commune, "")
		good.Valid, good.Rows = true, 100
		bad.Rows, bad.Rejected, bad.Status = 50, 50, catalog.DatasetStale
		bad.Modified = good.Modified.Add(time.Hour)
		if err := x.Put(ctx, bad, good); err != nil {
			t.Fatal(err)
		}
		if p := search(t, x, catalog.Query{Text: "budget"}); len(p.IDs) != 2 || p.IDs[0] != good.ID.String() {
			t.Errorf("got %v", p.IDs)
		}
	})
	t.Run("PagesBehindTheLastAreEmpty", func(t *testing.T) {
		x, ds := filled(t)
		for _, text := range []string{"", "essai"} {
			if p := search(t, x, catalog.Query{Text: text, Page: 1000, Size: 100}); p.Total != len(ds) || len(p.IDs) != 0 {
				t.Errorf("%q: got %d results of %d", text, len(p.IDs), p.Total)
			}
		}
	})
	t.Run("NothingFoundIsAnEmptyPage", func(t *testing.T) {
		x, _ := filled(t)
		if p := search(t, x, catalog.Query{Text: "zzzzzzzzzz"}); p.Total != 0 || len(p.IDs) != 0 {
			t.Errorf("got %+v", p)
		}
	})
	t.Run("WithoutTextNewestComesFirst", func(t *testing.T) {
		x, ds := filled(t)
		p := search(t, x, catalog.Query{})
		if p.Total != len(ds) || p.IDs[0] != ds[5].ID.String() {
			t.Errorf("got %d results, first %v", p.Total, p.IDs)
		}
	})
	t.Run("PagesDoNotOverlap", func(t *testing.T) {
		x, ds := filled(t)
		var all []string
		for page := 1; page <= 3; page++ {
			all = append(all, search(t, x, catalog.Query{Page: page, Size: 2}).IDs...)
		}
		slices.Sort(all)
		if n := len(slices.Compact(all)); n != len(ds) {
			t.Errorf("three pages of two hold %d datasets, want %d", n, len(ds))
		}
	})
	t.Run("FacetsFilterAndKeepTheirAlternatives", func(t *testing.T) {
		x, ds := filled(t)
		p := search(t, x, catalog.Query{Text: "subventions", Members: []string{ds[2].Member.SIREN}})
		if !slices.Equal(p.IDs, ids(ds, 2)) {
			t.Errorf("filtered by member: got %v", p.IDs)
		}
		if f := p.Facets["membre"]; len(f) != 2 || f[0].Count != 1 || f[0].Label == "" || f[0].Label == f[0].Value {
			t.Errorf("the member facet does not keep its alternatives: %+v", f)
		}
		p = search(t, x, catalog.Query{Schemas: []string{"-"}})
		if !slices.Equal(p.IDs, ids(ds, 4)) {
			t.Errorf("without national schema: got %v", p.IDs)
		}
		p = search(t, x, catalog.Query{Formats: []string{"parquet"}, Kinds: []string{"commune"}})
		got := slices.Sorted(slices.Values(p.IDs))
		if !slices.Equal(got, ids(ds, 0, 1, 3)) {
			t.Errorf("two facets: got %v", got)
		}
		for _, name := range []string{"membre", "schema", "theme", "format", "territoire", "type"} {
			if _, ok := p.Facets[name]; !ok {
				t.Errorf("facet %s is not there", name)
			}
		}
	})
	t.Run("PutReplacesAndDeleteForgets", func(t *testing.T) {
		x, ds := filled(t)
		ds[0].Title = "Arrêtés de Lons-le-Bourg"
		if err := x.Put(ctx, ds[0]); err != nil {
			t.Fatal(err)
		}
		if p := search(t, x, catalog.Query{Text: "arrêtés"}); p.Total != 1 {
			t.Errorf("new title: %d results", p.Total)
		}
		if err := x.Delete(ctx, ds[0].ID.String(), uuid.NewString()); err != nil {
			t.Fatal(err)
		}
		if p := search(t, x, catalog.Query{}); p.Total != len(ds)-1 {
			t.Errorf("after delete: %d results", p.Total)
		}
	})
	t.Run("RebuildReplacesEverything", func(t *testing.T) {
		x, ds := filled(t)
		err := x.Rebuild(ctx, func(next catalog.Index) error {
			if p := search(t, x, catalog.Query{}); p.Total != len(ds) {
				t.Errorf("while rebuilding: %d results", p.Total)
			}
			return next.Put(ctx, ds[3])
		})
		if err != nil {
			t.Fatal(err)
		}
		if p := search(t, x, catalog.Query{}); p.Total != 1 || p.IDs[0] != ds[3].ID.String() {
			t.Errorf("after rebuild: %+v", p.IDs)
		}
	})
	t.Run("FailedRebuildChangesNothing", func(t *testing.T) {
		x, ds := filled(t)
		if err := x.Rebuild(ctx, func(catalog.Index) error { return context.DeadlineExceeded }); err == nil {
			t.Error("no error")
		}
		if p := search(t, x, catalog.Query{}); p.Total != len(ds) {
			t.Errorf("%d results", p.Total)
		}
	})
	t.Run("SearchesGoOnWhileDatasetsArePut", func(t *testing.T) {
		x, ds := filled(t)
		done := make(chan error)
		go func() {
			var err error
			for i := range 20 {
				d := ds[i%len(ds)]
				d.Description = fmt.Sprint("Essai ", i)
				if err = x.Put(ctx, d); err != nil {
					break
				}
			}
			done <- err
		}()
		for range 20 {
			if p := search(t, x, catalog.Query{Text: "essai"}); p.Total != len(ds) {
				t.Errorf("%d results", p.Total)
			}
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Run("HostileTextIsAnswered", func(t *testing.T) {
		x, _ := filled(t)
		for _, text := range []string{"\x00", "\"", "a OR b AND (", "*", "\xff\xfe", string(make([]byte, 4000)), "é̀́", "-_./:", strings.Repeat("saint ", 700), strings.Repeat("a", 4000), "ﷺ 🏛️ \u202e", "zzbudget zqbudget"} {
			search(t, x, catalog.Query{Text: text})
		}
	})
}
