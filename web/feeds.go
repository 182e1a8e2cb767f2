package web

import (
	"bytes"
	"cmp"
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"grenier/catalog"
)

const (
	feedEntries = 50
	atomType    = "application/atom+xml"
)

// An atomFeed is RFC 4287, with the page links of RFC 5005 where a feed has pages.
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

// newFeed begins the feed at an address; page is where people read the same.
func (s *Server) newFeed(title, author, self, page string) atomFeed {
	return atomFeed{Lang: "fr", ID: s.BaseURL + self, Title: french(clean(title)), Author: atomAuthor{cmp.Or(clean(author), s.Site.Name)},
		Links: []atomLink{{"self", atomType, s.BaseURL + self}, {"alternate", "text/html", s.BaseURL + page}}}
}

// sendDatasets answers with a feed of datasets, newest first. A feed without entry is as old as can be: nothing ever changed in it.
func (s *Server) sendDatasets(w http.ResponseWriter, r *http.Request, feed atomFeed, ds []catalog.Dataset) error {
	newest := time.Unix(0, 0)
	slices.SortStableFunc(ds, func(a, b catalog.Dataset) int { return b.Modified.Compare(a.Modified) })
	for _, d := range ds {
		feed.Entries = append(feed.Entries, s.atomEntry(d))
	}
	if len(ds) > 0 {
		newest = ds[0].Modified
	}
	feed.Updated = newest.UTC().Format(time.RFC3339)
	return sendXML(w, r, atomType+"; charset=utf-8", feed, newest)
}

// atom is the feed of the newest changes.
func (s *Server) atom(w http.ResponseWriter, r *http.Request) error {
	ds, _, err := s.Store.Datasets(r.Context(), catalog.DatasetQuery{Limit: feedEntries})
	if err != nil {
		return fmt.Errorf("read newest datasets: %w", err)
	}
	return s.sendDatasets(w, r, s.newFeed(s.Site.Name, s.Site.Operator, "/atom.xml", "/jeux"), ds)
}

func memberFeedPath(siren string) string { return memberPath(siren) + "/atom.xml" }

// memberAtom is the feed of what a member changed.
func (s *Server) memberAtom(w http.ResponseWriter, r *http.Request) error {
	m, err := s.memberOf(r)
	if err != nil {
		return err
	}
	ds, _, err := s.Store.Datasets(r.Context(), catalog.DatasetQuery{Member: m.SIREN, Limit: feedEntries})
	if err != nil {
		return fmt.Errorf("read newest datasets of %s: %w", m.SIREN, err)
	}
	return s.sendDatasets(w, r, s.newFeed(m.Name+" – "+s.Site.Name, m.Name, memberFeedPath(m.SIREN), memberPath(m.SIREN)), ds)
}

// feedAddress is that of a search as a feed.
func (q question) feedAddress(page int) string {
	return strings.Replace(q.address(page), "/jeux", "/jeux.atom", 1)
}

// searchAtom is the feed of what a search finds: its fifty best answers, newest change first.
func (s *Server) searchAtom(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuestion(r.URL.Query())
	if err != nil {
		return err
	}
	q.Size = feedEntries
	found, result, err := s.find(r.Context(), q)
	if err != nil {
		return err
	}
	_, chosen := s.facetViews(q, result.Facets)
	feed := s.newFeed(feedTitle(q, chosen)+" – "+s.Site.Name, s.Site.Operator, q.feedAddress(q.Page), q.address(1))
	p := newPager(q.Page, q.Size, result.Total, q.feedAddress)
	for _, l := range []struct{ rel, path string }{{"first", q.feedAddress(1)}, {"previous", p.Previous}, {"next", p.Next}} {
		if l.path != "" && p.Pages > 1 {
			feed.Links = append(feed.Links, atomLink{l.rel, atomType, s.BaseURL + l.path})
		}
	}
	return s.sendDatasets(w, r, feed, found)
}

// feedTitle names a search without saying how much it finds, which changes.
func feedTitle(q question, chosen []choice) string {
	var parts []string
	if q.Text != "" {
		parts = append(parts, "« "+q.Text+" »")
	}
	for _, c := range chosen {
		parts = append(parts, c.Label)
	}
	return cmp.Or(strings.Join(parts, ", "), "Jeux de données")
}

func (s *Server) atomEntry(d catalog.Dataset) atomEntry {
	first, _ := lead(d.Description)
	return atomEntry{ID: s.BaseURL + "/id/jeu/" + d.ID.String(), Title: clean(d.Title) + " – " + clean(d.Member.Name),
		Published: d.Issued.UTC().Format(time.RFC3339), Updated: d.Modified.UTC().Format(time.RFC3339), Author: atomAuthor{cmp.Or(clean(d.Member.Name), s.Site.Name)},
		Links: []atomLink{{"alternate", "text/html", s.BaseURL + datasetPath(d.Slug)}}, Summary: strings.TrimSpace(brief(unmarked(first), 300) + " (" + quality(d) + ")")}
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
	feed := s.newFeed("Versions de « "+d.Title+" »", d.Member.Name, datasetPath(d.Slug)+"/atom.xml", datasetPath(d.Slug))
	feed.ID = s.BaseURL + "/id/jeu/" + d.ID.String() + "#versions" // the address may change with the title
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
	return sendXML(w, r, atomType+"; charset=utf-8", feed, time.Time{})
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
		Author: atomAuthor{cmp.Or(clean(d.Member.Name), s.Site.Name)}, Links: []atomLink{{"alternate", "text/html", address}},
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
