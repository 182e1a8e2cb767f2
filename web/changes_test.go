package web

import (
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"grenier/schemas"
)

func TestDifferences_SayWhatChanged(t *testing.T) {
	w := newWorld()
	d := w.issues(t, keyed, january, winter, spring)
	h := newServer(t, config(t, w)).Handler()
	at := "/api/1/jeux/" + d.ID.String() + "/differences"
	rec := get(h, at+"?de=1&a=2")
	want(t, rec, 200)
	golden(t, "differences.json", rec.Body.String())
	wantHeader(t, rec, "Cache-Control", cacheFixed)
	want(t, get(h, at+"?de=1&a=2", "If-None-Match", rec.Header().Get("ETag")), 304)

	newest := get(h, at)
	want(t, newest, 200, `"version": 2`, `"version": 3`, `"added": 1`, `"removed": 1`, `"changed": 0`)
	wantHeader(t, newest, "Cache-Control", "no-cache")
	want(t, get(h, at+"?de=1"), 200, `"version": 1`, `"version": 3`, `"added": 2`, `"removed": 1`)
	want(t, get(h, at+"?a=2"), 200, `"version": 1`, `"version": 2`, `"changed": 1`)
	if rec := ask(h, http.MethodHead, at+"?de=1&a=2"); rec.Code != 200 || rec.Body.Len() > 0 {
		t.Errorf("HEAD: %d, %d bytes", rec.Code, rec.Body.Len())
	}
}

func TestDifferences_WithoutAKeyCompareWholeRows(t *testing.T) {
	w := newWorld()
	d := w.issues(t, nil, january, winter)
	rec := get(newServer(t, config(t, w)).Handler(), "/api/1/jeux/"+d.ID.String()+"/differences")
	want(t, rec, 200, `"by": "row"`, `"added": 2`, `"removed": 1`, `"changed": 0`)
	lacks(t, rec, `"key"`)
}

// A file of before says nothing of its key: the national schema does.
func TestDifferences_TakeTheKeyFromTheSchemaWhenTheFileHasNone(t *testing.T) {
	w := newWorld()
	d := w.issues(t, nil, january, winter)
	c := config(t, w)
	var err error
	c.Schemas, err = schemas.Load(fstest.MapFS{"essai/deliberations/2.1.0/schema.json": {Data: []byte(
		`{"name": "deliberations", "title": "Délibérations", "primaryKey": ["DELIB_ID"], "fields": [{"name": "DELIB_ID", "type": "string"}, {"name": "DELIB_DATE", "type": "date"}]}`)}})
	if err != nil {
		t.Fatal(err)
	}
	want(t, get(newServer(t, c).Handler(), "/api/1/jeux/"+d.ID.String()+"/differences"), 200, `"by": [`, `"changed": 1`)
}

// manyChanges has two versions of many rows, in which each third row is gone, each third has another vote, and as many come.
func manyChanges(t *testing.T, n int) (*world, http.Handler, string) {
	var old, new [][]string
	for i := range n {
		old = append(old, []string{fmt.Sprintf("D%04d", i), "2026-01-05", "1"})
		switch i % 3 {
		case 0:
			new = append(new, []string{fmt.Sprintf("D%04d", i), "2026-01-05", "2"})
		case 1:
			new = append(new, []string{fmt.Sprintf("D%04d", i), "2026-01-05", "1"}, []string{fmt.Sprintf("N%04d", i), "", "1"})
		}
	}
	w := newWorld()
	d := w.issues(t, keyed, issue{january.day, old}, issue{march.day, new})
	return w, newServer(t, config(t, w)).Handler(), "/api/1/jeux/" + d.ID.String() + "/differences"
}

func TestDifferences_AreFollowedFromPageToPage(t *testing.T) {
	_, h, at := manyChanges(t, 300)
	seen := map[string]int{}
	pages := 0
	for next := at + "?page_size=70"; next != ""; pages++ {
		rec := get(h, next)
		want(t, rec, 200)
		var page struct {
			Changes []struct {
				Op  string
				Key struct {
					ID string `json:"DELIB_ID"`
				}
			}
			Next *string
		}
		if err := json.Unmarshal(rec.Body.Bytes(), &page); err != nil {
			t.Fatal(err)
		}
		for _, c := range page.Changes {
			seen[c.Op+" "+c.Key.ID]++
		}
		next = ""
		if page.Next != nil {
			next = strings.TrimPrefix(*page.Next, base)
		}
	}
	if pages != 5 || len(seen) != 300 || seen["changed D0003"] != 1 || seen["removed D0002"] != 1 || seen["added N0001"] != 1 {
		t.Errorf("%d pages, %d changes: %v", pages, len(seen), seen)
	}
}

func TestDifferences_StreamAllChanges(t *testing.T) {
	_, h, at := manyChanges(t, 3000)
	rec := get(h, at+"?format=ndjson")
	want(t, rec, 200, `{"op":"changed","key":{"DELIB_ID":"D0003"},"before":{"VOTE_POUR":1},"after":{"VOTE_POUR":2}}`)
	wantHeader(t, rec, "Content-Type", "application/x-ndjson; charset=utf-8")
	lines := 0
	for line := range strings.Lines(rec.Body.String()) {
		if !json.Valid([]byte(line)) {
			t.Fatalf("line %q", line)
		}
		lines++
	}
	rec = get(h, at+"?format=csv")
	want(t, rec, 200)
	rows, err := csv.NewReader(rec.Body).ReadAll()
	if err != nil || lines != 3000 || len(rows) != 1+1000*2+2000 {
		t.Fatalf("%d lines, %d rows, %v", lines, len(rows), err)
	}
	for i, want := range []string{"operation,DELIB_ID,DELIB_DATE,VOTE_POUR", "before,D0000,2026-01-05,1", "after,D0000,2026-01-05,2"} {
		if got := strings.Join(rows[i], ","); got != want {
			t.Errorf("row %d: %s, want %s", i, got, want)
		}
	}
	wantHeader(t, rec, "Content-Disposition", disposition("deliberations-saint-aubin-versions-1-2.csv"))
}

func TestDifferences_RefuseBadQuestions(t *testing.T) {
	w := newWorld()
	d := w.issues(t, keyed, january, winter, spring, march)
	h := newServer(t, config(t, w)).Handler()
	at := "/api/1/jeux/" + d.ID.String() + "/differences"
	want(t, get(h, at+"?de=3&a=2"), 400, "« de » est le numéro de la version la plus ancienne")
	want(t, get(h, at+"?de=2&a=2"), 400)
	want(t, get(h, at+"?de=x"), 400, "numéro de version")
	want(t, get(h, at+"?format=xml"), 400, "json, csv ou ndjson")
	want(t, get(h, at+"?page_size=5000"), 400)
	want(t, get(h, at+"?cursor=-1"), 400, "curseur")
	want(t, get(h, at+"?from=3"), 400, "« from » n’existe pas", "de, a, format")
	want(t, get(h, at+"?a=7"), 404, "La version 7 n’existe pas")
	want(t, get(h, at+"?a=1"), 404, "Aucune version plus ancienne n’est conservée")
	w.forget(d.ID, 2)
	want(t, get(h, at+"?de=2"), 410, "La version 2 n’est plus conservée. Versions conservées : 4, 3 et 1.")
	want(t, get(h, at+"?a=3"), 200, `"version": 1`)
	w.versions[d.ID][0].Files = w.versions[d.ID][0].Files[:1]
	want(t, get(h, at), 404, "no_rows", "La version 4 n’a pas de fichier Parquet")
	want(t, get(h, "/api/1/jeux/"+w.datasets[1].ID.String()+"/differences"), 404)
}

func TestDifferences_OfADamagedFileAreAnIncident(t *testing.T) {
	w := newWorld()
	d := w.issues(t, keyed, january, winter)
	key := d.Files[1].Key
	body := append([]byte(nil), w.blobs[key]...)
	body[30] ^= 0xff
	w.blobs[key] = body
	want(t, get(newServer(t, config(t, w)).Handler(), "/api/1/jeux/"+d.ID.String()+"/differences"), 500, "ne peut pas être lu : l’incident est noté")
}

func TestDifferences_AreWorkedOutOneAtATime(t *testing.T) {
	w := newWorld()
	d := w.issues(t, keyed, january, winter, spring)
	s := newServer(t, config(t, w))
	s.reading.patience = 20 * time.Millisecond
	at := "/api/1/jeux/" + d.ID.String() + "/differences"
	want(t, get(s.Handler(), at+"?de=1&a=2"), 200)
	leave, _ := s.reading.compares.enter(t.Context(), time.Second)
	want(t, get(s.Handler(), at+"?de=1&a=2&page_size=3"), 200) // known already
	rec := get(s.Handler(), at+"?de=2&a=3")
	want(t, rec, 503)
	wantHeader(t, rec, "Retry-After", "5")
	leave()
	want(t, get(s.Handler(), at+"?de=2&a=3"), 200)
}

func TestChanges_AreAPage(t *testing.T) {
	w := newWorld()
	hostile := issue{"2026-02-01T04:00:00Z", [][]string{{"D1", "2026-01-05", "11"}, {"<b>D9</b>", "", ""}}}
	w.issues(t, keyed, january, winter, hostile)
	h := newServer(t, config(t, w)).Handler()
	rec := get(h, "/jeux/deliberations-saint-aubin/changements")
	want(t, rec, 200, "De la version 2 (31 janvier 2026) à la version 3 (1er février 2026) : 1 ligne ajoutée, 1 modifiée, 1 retirée.",
		"<del>10</del> → <ins>11</ins>", "&lt;b&gt;D9&lt;/b&gt;", "Lignes retirées", "differences?de=2&amp;a=3&amp;format=csv", `<option value="1">`)
	lacks(t, rec, "<b>D9", "<script")
	checkPage(t, "changements", rec.Body.String())
	if at := loose.FindString(tags.ReplaceAllString(rec.Body.String(), ">")); at != "" {
		t.Errorf("a line may break in %q", at)
	}
	want(t, get(h, "/jeux/deliberations-saint-aubin/changements?de=1&a=2"), 200, "De la version 1", "1 ligne ajoutée, 1 modifiée.")
	want(t, get(h, "/jeux/anciennes-deliberations/changements"), 301)
	want(t, get(h, "/jeux/deliberations-saint-aubin/changements?de=9&a=10"), 404, "Versions conservées : 3, 2 et 1.")
	want(t, get(h, "/jeux/deliberations-saint-aubin"), 200, `href="/jeux/deliberations-saint-aubin/changements"`, `href="/jeux/deliberations-saint-aubin/atom.xml" title="Versions de ce jeu de données"`)
}

func TestChanges_ShowTheFirstOfManyRows(t *testing.T) {
	_, h, _ := manyChanges(t, 300)
	rec := get(h, "/jeux/deliberations-saint-aubin/changements")
	want(t, rec, 200, "100 lignes ajoutées, 100 modifiées, 100 retirées", "Et 80 autres lignes")
	if n := strings.Count(rec.Body.String(), `<tr role="row"><th scope="row"`); n != 60 {
		t.Errorf("%d rows on the page", n)
	}
}

func TestFeed_OfADatasetTellsItsVersions(t *testing.T) {
	w := newWorld()
	d := w.issues(t, keyed, january, winter, spring)
	w.datasets[0].Title = "Délibérations <du conseil>"
	h := newServer(t, config(t, w)).Handler()
	rec := get(h, "/jeux/deliberations-saint-aubin/atom.xml")
	want(t, rec, 200)
	var feed atomFeed
	if err := xml.Unmarshal(rec.Body.Bytes(), &feed); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range feed.Entries {
		got = append(got, plain(e.Title)+" | "+e.Updated+" | "+strings.TrimPrefix(e.ID, base)+" | "+strings.TrimPrefix(e.Links[0].Href, base))
	}
	id := "/id/jeu/" + d.ID.String() + "#version-"
	page := "/jeux/deliberations-saint-aubin"
	for i, want := range []string{
		"Version 3 : 1 ligne ajoutée, 1 retirée | 2026-02-28T23:30:00Z | " + id + "3 | " + page + "/changements?de=2&a=3",
		"Version 2 : 1 ligne ajoutée, 1 modifiée | 2026-01-31T22:30:00Z | " + id + "2 | " + page + "/changements?de=1&a=2",
		"Version 1 : 1 ligne | 2026-01-10T04:00:00Z | " + id + "1 | " + page,
	} {
		if i >= len(got) || got[i] != want {
			t.Errorf("entry %d: %q, want %s", i, got, want)
		}
	}
	if feed.Updated != "2026-02-28T23:30:00Z" || plain(feed.Title) != "Versions de « Délibérations <du conseil> »" {
		t.Errorf("%s, %s", feed.Updated, feed.Title)
	}
	want(t, get(h, "/jeux/jeu-retire/atom.xml"), 410)
}

// A feed does not read large files: it says how many rows they have, until somebody had them compared.
func TestFeed_OfALargeDatasetSaysHowManyRowsUntilMoreIsKnown(t *testing.T) {
	w := newWorld()
	d := w.issues(t, keyed, january, winter)
	for i := range w.versions[d.ID] {
		w.versions[d.ID][i].Rows = 3_000_000
	}
	h := newServer(t, config(t, w)).Handler()
	want(t, get(h, "/jeux/deliberations-saint-aubin/atom.xml"), 200, "Version 2 : 3 000 000 lignes")
	want(t, get(h, "/api/1/jeux/"+d.ID.String()+"/differences"), 200)
	want(t, get(h, "/jeux/deliberations-saint-aubin/atom.xml"), 200, "Version 2 : 1 ligne ajoutée, 1 modifiée")
}
