// Package catalogtest holds the suites that every implementation of the catalogue's promises passes.
package catalogtest

import (
	"context"
	"fmt"
	"slices"
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
	t.Run("HostileTextIsAnswered", func(t *testing.T) {
		x, _ := filled(t)
		for _, text := range []string{"\x00", "\"", "a OR b AND (", "*", "\xff\xfe", string(make([]byte, 4000)), "é̀́", "-_./:"} {
			search(t, x, catalog.Query{Text: text})
		}
	})
}
