package web

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"time"

	"grenier/catalog"
)

const (
	feedEntries    = 50
	sitemapEntries = 50_000 // the most that a sitemap may hold
)

// An atomFeed is RFC 4287.
type atomFeed struct {
	XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	Lang    string      `xml:"xml:lang,attr"`
	ID      string      `xml:"id"`
	Title   string      `xml:"title"`
	Updated string      `xml:"updated"`
	Author  atomAuthor  `xml:"author"`
	Links   []atomLink  `xml:"link"`
	Entries []atomEntry `xml:"entry"`
}

type atomAuthor struct {
	Name string `xml:"name"`
}

type atomLink struct {
	Rel  string `xml:"rel,attr"`
	Type string `xml:"type,attr,omitempty"`
	Href string `xml:"href,attr"`
}

type atomEntry struct {
	ID        string     `xml:"id"`
	Title     string     `xml:"title"`
	Published string     `xml:"published"`
	Updated   string     `xml:"updated"`
	Author    atomAuthor `xml:"author"`
	Links     []atomLink `xml:"link"`
	Summary   string     `xml:"summary"`
}

// atom is the feed of the newest changes.
func (s *Server) atom(w http.ResponseWriter, r *http.Request) error {
	ds, _, err := s.Store.Datasets(r.Context(), catalog.DatasetQuery{Limit: feedEntries})
	if err != nil {
		return fmt.Errorf("read newest datasets: %w", err)
	}
	feed := atomFeed{Lang: "fr", ID: s.BaseURL + "/atom.xml", Title: s.Site.Name, Author: atomAuthor{s.Site.Operator},
		Links: []atomLink{{"self", "application/atom+xml", s.BaseURL + "/atom.xml"}, {"alternate", "text/html", s.BaseURL + "/jeux"}}}
	var newest time.Time
	for _, d := range ds {
		if d.Modified.After(newest) {
			newest = d.Modified
		}
		feed.Entries = append(feed.Entries, s.atomEntry(d))
	}
	feed.Updated = newest.UTC().Format(time.RFC3339)
	return sendXML(w, r, "application/atom+xml; charset=utf-8", feed, newest)
}

func (s *Server) atomEntry(d catalog.Dataset) atomEntry {
	first, _ := lead(d.Description)
	return atomEntry{ID: s.BaseURL + "/id/jeu/" + d.ID.String(), Title: clean(d.Title) + " – " + clean(d.Member.Name),
		Published: d.Issued.UTC().Format(time.RFC3339), Updated: d.Modified.UTC().Format(time.RFC3339), Author: atomAuthor{clean(d.Member.Name)},
		Links: []atomLink{{"alternate", "text/html", s.BaseURL + datasetPath(d.Slug)}}, Summary: brief(first, 300) + " (" + quality(d) + ")"}
}

const (
	feedVersions = 20              // in the feed of a dataset
	feedCompared = 20_000          // rows of the largest version that a feed has compared
	feedPatience = 3 * time.Second // for all comparisons of a feed
)

// datasetAtom is the feed of the versions of a dataset. An entry says what changed when that is known or soon found; how many rows there are otherwise.
func (s *Server) datasetAtom(w http.ResponseWriter, r *http.Request) error {
	d, moved, err := s.bySlug(r)
	if err != nil {
		return err
	}
	if moved {
		return redirect(w, r, datasetPath(d.Slug)+"/atom.xml", http.StatusMovedPermanently)
	}
	kept, err := s.versions(r.Context(), d)
	if err != nil {
		return err
	}
	self := s.BaseURL + datasetPath(d.Slug)
	feed := atomFeed{Lang: "fr", ID: s.BaseURL + "/id/jeu/" + d.ID.String() + "#versions", Title: french("Versions de « " + clean(d.Title) + " »"), Author: atomAuthor{clean(d.Member.Name)},
		Links: []atomLink{{"self", "application/atom+xml", self + "/atom.xml"}, {"alternate", "text/html", self}}}
	updated := d.Modified
	if len(kept) > 0 {
		updated = kept[0].Published
	}
	feed.Updated = updated.UTC().Format(time.RFC3339)
	ctx, cancel := context.WithTimeout(r.Context(), feedPatience)
	defer cancel()
	for i := range kept[:min(len(kept), feedVersions)] {
		feed.Entries = append(feed.Entries, s.versionEntry(ctx, w, r, d, kept[i:]))
	}
	return sendXML(w, r, "application/atom+xml; charset=utf-8", feed, time.Time{})
}

// versionEntry is the entry of the first of some versions.
func (s *Server) versionEntry(ctx context.Context, w http.ResponseWriter, r *http.Request, d catalog.Dataset, kept []catalog.Version) atomEntry {
	v, address := kept[0], s.BaseURL+datasetPath(d.Slug)
	at := v.Published.UTC().Format(time.RFC3339)
	words := count(v.Rows, "ligne", "lignes")
	if len(kept) > 1 {
		c := comparison{dataset: d, from: kept[1], to: v}
		address = s.BaseURL + changesPath(d.Slug, c)
		if known, ok := s.feedWords(ctx, w, r, c); ok {
			words = known
		}
	}
	return atomEntry{ID: fmt.Sprintf("%s/id/jeu/%s#version-%d", s.BaseURL, d.ID, v.Number), Title: french(fmt.Sprintf("Version %d : ", v.Number)) + words, Published: at, Updated: at,
		Author: atomAuthor{clean(d.Member.Name)}, Links: []atomLink{{"alternate", "text/html", address}},
		Summary: french(clean(d.Title)+" : ") + quality(catalog.Dataset{Rows: v.Rows, Rejected: v.Rejected, Valid: v.Valid}) + "."}
}

// feedWords says what changed between two versions, when that costs little.
func (s *Server) feedWords(ctx context.Context, w http.ResponseWriter, r *http.Request, c comparison) (string, bool) {
	if c.findFiles() != nil {
		return "", false
	}
	if d, ok := s.reading.differences.take(differenceName(c)); ok {
		return changesWords(d), true
	}
	if max(c.from.Rows, c.to.Rows) > feedCompared || ctx.Err() != nil {
		return "", false
	}
	diff, err := s.compare(ctx, w, r, c)
	if err != nil {
		return "", false
	}
	defer diff.Close()
	return changesWords(diff.Difference), true
}

// A urlSet is sitemaps.org 0.9.
type urlSet struct {
	XMLName xml.Name     `xml:"http://www.sitemaps.org/schemas/sitemap/0.9 urlset"`
	URLs    []sitemapURL `xml:"url"`
}

type sitemapURL struct {
	Loc     string `xml:"loc"`
	LastMod string `xml:"lastmod,omitempty"`
}

func (s *Server) sitemap(w http.ResponseWriter, r *http.Request) error {
	var set urlSet
	add := func(path string, modified time.Time) {
		u := sitemapURL{Loc: s.BaseURL + path}
		if !modified.IsZero() {
			u.LastMod = modified.UTC().Format(time.RFC3339)
		}
		if len(set.URLs) < sitemapEntries {
			set.URLs = append(set.URLs, u)
		}
	}
	for _, p := range []string{"/", "/jeux", "/membres", "/schemas", checkPath, "/api", "/a-propos", "/accessibilite", "/mentions-legales", "/plan-du-site"} {
		add(p, time.Time{})
	}
	members, _, err := s.Store.Members(r.Context(), catalog.MemberQuery{})
	if err != nil {
		return fmt.Errorf("read members: %w", err)
	}
	for _, m := range members {
		add(memberPath(m.SIREN), time.Time{})
	}
	if err := s.Store.EachDataset(r.Context(), catalog.DatasetQuery{}, func(d catalog.Dataset) error {
		add(datasetPath(d.Slug), d.Modified)
		return nil
	}); err != nil {
		return fmt.Errorf("read datasets: %w", err)
	}
	return sendXML(w, r, "application/xml; charset=utf-8", set, time.Time{})
}

func sendXML(w http.ResponseWriter, r *http.Request, contentType string, v any, modified time.Time) error {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	if err := xml.NewEncoder(&b).Encode(v); err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	lastModified(w.Header(), modified)
	w.Header().Set("Cache-Control", "no-cache")
	send(w, r, http.StatusOK, contentType, b.Bytes())
	return nil
}

// robots keeps crawlers out of the endless combinations of filters and versions, and out of nothing else.
func (s *Server) robots(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "public, max-age=86400")
	send(w, r, http.StatusOK, "text/plain; charset=utf-8", []byte("User-agent: *\nDisallow: /jeux?\nDisallow: /jeux.json?\nDisallow: /membres?q=\nDisallow: /jeux/*/changements?\nAllow: /\n\nSitemap: "+s.BaseURL+"/sitemap.xml\n"))
	return nil
}
