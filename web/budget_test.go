package web

import (
	"html"
	"net/http"
	"regexp"
	"testing"
)

// What a first view of a page may take, compressed, and a second one: what has a hash in its address is not asked for again.
const (
	firstBytes    = 100_000
	firstRequests = 8
	secondBytes   = 15_000
)

// fetched finds what a browser asks for without being told to: sheets, scripts, images, marks.
var fetched = regexp.MustCompile(`<(?:link|script|img|source|iframe)\b[^>]*>`)

var (
	fetchedRel     = regexp.MustCompile(`\brel="(?:stylesheet|icon|preload|modulepreload)"`)
	fetchedAddress = regexp.MustCompile(`\b(?:href|src)="([^"]*)"`)
)

// onView lists the addresses that a page has its browser ask for.
func onView(page string) []string {
	var all []string
	seen := map[string]bool{}
	for _, tag := range fetched.FindAllString(page, -1) {
		address := fetchedAddress.FindStringSubmatch(tag)
		if address == nil || tag[:5] == "<link" && !fetchedRel.MatchString(tag) || seen[address[1]] {
			continue
		}
		seen[address[1]] = true
		all = append(all, html.UnescapeString(address[1]))
	}
	return all
}

func TestPages_StayLightAtFirstSight(t *testing.T) {
	_, h := site(t)
	rows := addresses()
	checked := 0
	for _, rt := range routes {
		row := rows[rt.name]
		if rt.kind != kindPage || row.status != http.StatusOK || posts[rt.name] != nil {
			continue
		}
		checked++
		page := get(h, row.target, "Accept-Encoding", "gzip").Body.Len()
		bytes, requests := page, 1
		for _, address := range onView(get(h, row.target).Body.String()) {
			rec := get(h, address, "Accept-Encoding", "gzip")
			if rec.Code != http.StatusOK {
				t.Errorf("%s asks for %s, which answers %d", row.target, address, rec.Code)
			}
			bytes, requests = bytes+rec.Body.Len(), requests+1
			if rec.Header().Get("Cache-Control") != cacheFixed {
				page += rec.Body.Len()
			}
		}
		if bytes > firstBytes || requests > firstRequests || page > secondBytes {
			t.Errorf("%s: %d bytes in %d requests at first sight (%d in %d at most), then %d (%d at most)", row.target, bytes, requests, firstBytes, firstRequests, page, secondBytes)
		}
	}
	if checked < 12 {
		t.Errorf("only %d kinds of pages were looked at", checked)
	}
}

func TestOnView_FindsWhatABrowserAsksFor(t *testing.T) {
	got := onView(`<link rel="stylesheet" href="/a.css?v=1&amp;w=2"><link rel="icon" href="/i.svg"><link rel="alternate" href="/x"><link href="/b.css" rel="stylesheet"><script src="/s.js" type="module"></script><img alt="" src="/m.png"><img src="/m.png"><a href="/y">`)
	want := []string{"/a.css?v=1&w=2", "/i.svg", "/b.css", "/s.js", "/m.png"}
	if len(got) != len(want) {
		t.Fatalf("%q", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%q, want %q", got[i], want[i])
		}
	}
}
