package web

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"grenier/catalog"
)

func readFeed(t *testing.T, body []byte) (feed atomFeed) {
	t.Helper()
	if err := xml.Unmarshal(body, &feed); err != nil {
		t.Fatal(err)
	}
	return feed
}

func (f atomFeed) link(rel string) string {
	for _, l := range f.Links {
		if l.Rel == rel {
			return l.Href
		}
	}
	return ""
}

func TestFeeds_AreValidAndAnnouncedByTheirPages(t *testing.T) {
	_, h := site(t)
	for page, self := range map[string]string{"/": "/atom.xml", "/membres/" + aubin.SIREN: "/membres/" + aubin.SIREN + "/atom.xml", "/jeux?q=sub&type=commune": "/jeux.atom?q=sub&type=commune", "/jeux?page=1": "/jeux.atom",
		"/jeux/deliberations-saint-aubin": "/jeux/deliberations-saint-aubin/atom.xml"} {
		want(t, get(h, page), 200, `<link rel="alternate" type="application/atom&#43;xml" href="`+strings.ReplaceAll(self, "&", "&amp;")+`"`)
		rec := get(h, self)
		want(t, rec, 200)
		wantHeader(t, rec, "Content-Type", "application/atom+xml; charset=utf-8")
		feed := readFeed(t, rec.Body.Bytes())
		if feed.link("self") != base+self || feed.link("alternate") == "" || feed.Title == "" || feed.Author.Name == "" || !strings.HasPrefix(feed.ID, base) {
			t.Errorf("%s: %+v", self, feed)
		}
		if _, err := time.Parse(time.RFC3339, feed.Updated); err != nil {
			t.Error(err)
		}
		seen := map[string]bool{}
		for _, e := range feed.Entries {
			if seen[e.ID] || e.Updated > feed.Updated || e.Author.Name == "" || e.Summary == "" {
				t.Errorf("%s: entry %+v", self, e)
			}
			seen[e.ID] = true
		}
	}
}

func TestFeeds_OfAMemberAndOfASearchHoldWhatTheirPagesHold(t *testing.T) {
	w, h := site(t)
	member := readFeed(t, get(h, "/membres/"+aubin.SIREN+"/atom.xml").Body.Bytes())
	if len(member.Entries) != 2 || member.Author.Name != aubin.Name || member.Entries[0].Updated < member.Entries[1].Updated {
		t.Errorf("member: %+v", member)
	}
	search := readFeed(t, get(h, "/jeux.atom?q=subventions").Body.Bytes())
	if len(search.Entries) != 1 || search.Entries[0].ID != base+"/id/jeu/"+w.datasets[1].ID.String() || !strings.HasPrefix(plain(search.Title), "« subventions »") {
		t.Errorf("search: %+v", search)
	}
	empty := readFeed(t, get(h, "/membres/"+vide.SIREN+"/atom.xml").Body.Bytes())
	if len(empty.Entries) != 0 || empty.Updated != "1970-01-01T00:00:00Z" {
		t.Errorf("empty: %+v", empty)
	}
	want(t, get(h, "/membres/999999999/atom.xml"), 404)
	want(t, get(h, "/jeux.atom?page=0"), 400, `"code":"bad_request"`)
	w.deaf = errDown
	want(t, get(h, "/jeux.atom"), 503)
}

// crowd adds datasets of one member.
func crowd(w *world, n int) {
	for i := range n {
		d := datasetFor(brenne, fmt.Sprintf("serie/%d", i), fmt.Sprintf("jeu-%d", i), fmt.Sprintf("Jeu numéro %d", i), time.Date(2026, 2, 1, 0, i, 0, 0, time.UTC))
		w.datasets = append(w.datasets, d)
	}
}

func TestFeeds_OfALongSearchHavePages(t *testing.T) {
	w, h := site(t)
	crowd(w, 60)
	first := readFeed(t, get(h, "/jeux.atom?q=num").Body.Bytes())
	if len(first.Entries) != feedEntries || first.link("next") != base+"/jeux.atom?page=2&q=num" || first.link("previous") != "" {
		t.Fatalf("%d entries, links %v", len(first.Entries), first.Links)
	}
	second := readFeed(t, get(h, strings.TrimPrefix(first.link("next"), base)).Body.Bytes())
	if len(second.Entries) != 10 || second.link("previous") != base+"/jeux.atom?q=num" || second.link("next") != "" || second.link("first") != base+"/jeux.atom?q=num" {
		t.Errorf("%d entries, links %v", len(second.Entries), second.Links)
	}
}

func TestSitemap_DatesWhatGathersDatasetsByTheNewest(t *testing.T) {
	w, h := site(t)
	var set urlSet
	if err := xml.Unmarshal(get(h, "/sitemap.xml").Body.Bytes(), &set); err != nil {
		t.Fatal(err)
	}
	dates := map[string]string{}
	for _, u := range set.URLs {
		dates[strings.TrimPrefix(u.Loc, base)] = u.LastMod
	}
	for path, date := range map[string]string{"/": "2026-03-04T04:02:00Z", "/jeux": "2026-03-04T04:02:00Z", "/membres/" + aubin.SIREN: "2026-03-04T04:02:00Z", "/membres/" + brenne.SIREN: "2026-03-03T22:15:00Z", "/membres/" + vide.SIREN: "",
		"/schemas/essai/subventions": "2026-03-02T04:00:00Z", "/jeux/subventions-saint-aubin": "2026-03-02T04:00:00Z", "/themes/gove": "2026-03-04T04:02:00Z", "/a-propos": ""} {
		if got, known := dates[path]; !known || got != date {
			t.Errorf("%s: %q, %t, want %q", path, got, known, date)
		}
	}
	for path := range dates {
		if rec := get(h, path); rec.Code != 200 || strings.Contains(rec.Body.String(), `content="noindex"`) {
			t.Errorf("%s of the site map answers %d", path, rec.Code)
		}
	}
	if _, known := dates["/jeux/jeu-retire"]; known || len(dates) < len(w.online(catalog.DatasetQuery{}))+len(w.members)+10 {
		t.Errorf("%d addresses", len(dates))
	}
}

func TestSitemap_IsAnIndexWhenOneCannotHoldEverything(t *testing.T) {
	w := newWorld()
	crowd(w, 60)
	s := newServer(t, config(t, w))
	h := s.Handler()
	var whole urlSet
	if err := xml.Unmarshal(get(h, "/sitemap.xml").Body.Bytes(), &whole); err != nil {
		t.Fatal(err)
	}
	s.machines.mapSize = 25
	s.memory.clear()
	var index sitemapIndex
	if err := xml.Unmarshal(get(h, "/sitemap.xml").Body.Bytes(), &index); err != nil {
		t.Fatal(err)
	}
	if len(index.Maps) != (len(whole.URLs)+24)/25 {
		t.Errorf("%d maps of %d addresses", len(index.Maps), len(whole.URLs))
	}
	var all []sitemapURL
	for _, m := range index.Maps {
		var part urlSet
		rec := get(h, strings.TrimPrefix(m.Loc, base))
		want(t, rec, 200)
		if err := xml.Unmarshal(rec.Body.Bytes(), &part); err != nil || len(part.URLs) > 25 || m.LastMod == "" {
			t.Errorf("%s: %d addresses, %v", m.Loc, len(part.URLs), err)
		}
		all = append(all, part.URLs...)
	}
	if !slices.Equal(all, whole.URLs) {
		t.Errorf("the parts hold %d addresses, the whole %d", len(all), len(whole.URLs))
	}
	for _, target := range []string{"/sitemap/0.xml", "/sitemap/99.xml", "/sitemap/01.xml", "/sitemap/a.xml"} {
		want(t, get(h, target), 404)
	}
}

func TestRobots_AllowHarvestersAndFiles(t *testing.T) {
	_, h := site(t)
	rec := get(h, "/robots.txt")
	want(t, rec, 200, "User-agent: uData\n", "User-agent: *\nDisallow: /jeux?", "Sitemap: "+base+"/sitemap.xml")
	lacks(t, rec, "Disallow: /f", "Disallow: /catalogue", "Disallow: /\n", "Disallow: /id")
}

func TestPages_AnnounceTheirOtherForms(t *testing.T) {
	w, h := site(t)
	for page, at := range map[string]string{"/": "/catalogue", "/membres/" + aubin.SIREN: "/catalogues/" + aubin.SIREN, "/jeux/deliberations-saint-aubin": "/jeux/" + w.datasets[0].ID.String()} {
		rec := get(h, page)
		links := strings.Join(rec.Header().Values("Link"), "\n")
		for ext, media := range map[string]string{"ttl": "text/turtle", "rdf": "application/rdf+xml", "jsonld": "application/ld+json"} {
			if !strings.Contains(links, "<"+base+at+"."+ext+`>; rel="alternate"; type="`+media+`"`) {
				t.Errorf("%s does not announce %s: %s", page, ext, links)
			}
			want(t, rec, 200, `href="`+at+"."+ext+`"`)
			if other := get(h, at+"."+ext); !strings.HasPrefix(other.Header().Get("Content-Type"), media) || other.Code != 200 {
				t.Errorf("%s.%s answers %d, %s", at, ext, other.Code, other.Header().Get("Content-Type"))
			}
		}
	}
}
