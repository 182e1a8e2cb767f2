package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"grenier/catalog"
	"grenier/catalog/dcat"
	"grenier/catalog/rehearsal"
	"grenier/schemas"

	"github.com/klauspost/compress/zstd"
)

// Before a member's new catalogue is put online it is rehearsed: one that would take away what data.gouv.fr has already is held, and the last
// accepted one goes on being served until a person decides. What was accepted is kept by the store (catalog.Feed).

// feeds remembers rehearsals for the pages that show them.
type feeds struct {
	mu      sync.Mutex
	reports map[string]reported // by path of the catalogue
}

type reported struct {
	fingerprint string
	report      *rehearsal.Report
}

// A keptSummary is what catalog.Feed keeps of what was accepted.
type keptSummary struct {
	Fingerprint string            `json:"fingerprint"` // of the pages in Turtle
	Harvest     rehearsal.Summary `json:"harvest"`
}

// editions are all pages of a catalogue in all syntaxes, by extension. They are texts: what is kept of them is small.
type editions map[string][]string

// errHeldFeed says that a catalogue waits and that nothing can be served meanwhile.
var errHeldFeed = errors.New("catalogue held without an accepted one to serve")

// admit is the gate of a member's catalogue: it returns the listing to serve, the given one or the last accepted one.
func (s *Server) admit(ctx context.Context, l *listing, member string) (*listing, error) {
	pages, err := l.turtle(ctx, s)
	if err != nil {
		return nil, err
	}
	at, fingerprint := l.catalogue.Path, fingerprintOf(pages)
	feed, kept, err := s.feed(ctx, at)
	if err != nil {
		return nil, err
	}
	feed.Member = member
	if kept.Fingerprint == fingerprint && feed.Held.IsZero() {
		return l, nil
	}
	now := rehearsal.Read(s.rehearsed(at, pages), s.rehearsalOptions())
	losses, withdrawn, err := s.losses(ctx, feed, kept.Harvest, now.Summary())
	if err != nil {
		return nil, err
	}
	if len(losses) > 0 && !feed.Allows(losses) {
		return s.hold(ctx, l, feed, losses, withdrawn)
	}
	return l, s.accept(ctx, l, feed, keptSummary{fingerprint, now.Summary()})
}

// turtle are all pages of a listing in the syntax that is given to data.gouv.fr.
func (l *listing) turtle(ctx context.Context, s *Server) (pages [][]byte, err error) {
	for n := 1; ; n++ {
		body, err := l.page(ctx, s, dcat.Turtle, n, filter{})
		if errors.Is(err, errNoPage) {
			return pages, nil
		}
		if err != nil {
			return nil, err
		}
		pages = append(pages, body)
	}
}

func fingerprintOf(pages [][]byte) string {
	h := sha256.New()
	for _, p := range pages {
		fmt.Fprintf(h, "%d:", len(p))
		h.Write(p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// feed reads what is known of a catalogue; nothing when it was never asked for.
func (s *Server) feed(ctx context.Context, at string) (f catalog.Feed, kept keptSummary, err error) {
	f, err = s.Store.Feed(ctx, at)
	if errors.Is(err, catalog.ErrNotFound) {
		return catalog.Feed{Path: at}, kept, nil
	}
	if err == nil && len(f.Summary) > 0 {
		err = json.Unmarshal(f.Summary, &kept)
	}
	if err != nil {
		return f, kept, fmt.Errorf("read what was accepted of %s: %w", at, err)
	}
	return f, kept, nil
}

// rehearsed are the pages with their addresses.
func (s *Server) rehearsed(at string, pages [][]byte) []rehearsal.Page {
	out := make([]rehearsal.Page, len(pages))
	for i, body := range pages {
		out[i] = rehearsal.Page{Address: s.BaseURL + at + ".ttl", Syntax: rehearsal.Turtle, Body: body}
		if i > 0 {
			out[i].Address = fmt.Sprintf("%s%s/%d.ttl", s.BaseURL, at, i+1)
		}
	}
	return out
}

func (s *Server) rehearsalOptions() rehearsal.Options {
	return rehearsal.Options{Now: s.Now(), Schemas: SchemaAddresses(s.Schemas)}
}

// SchemaAddresses are the addresses of all versions of all schemas of a set, for a rehearsal.
func SchemaAddresses(set *schemas.Set) map[string]rehearsal.Schema {
	known := map[string]rehearsal.Schema{}
	if set == nil {
		return known
	}
	for _, one := range set.All() {
		for _, id := range set.Versions(one.ID.Name()) {
			if version, err := set.Lookup(string(id)); err == nil && version.URL != "" {
				known[version.URL] = rehearsal.Schema{Name: id.Name(), Version: id.Version()}
			}
		}
	}
	return known
}

// losses are what the new catalogue would take away and nobody decided: a dataset that a person withdrew, or whose source is no longer wanted, may
// go; a coverage may go with its rows. withdrawn tells whether a dataset of the accepted one was taken down.
func (s *Server) losses(ctx context.Context, feed catalog.Feed, before, after rehearsal.Summary) (out []catalog.FeedLoss, withdrawn bool, err error) {
	all := after.Unsound()
	if !feed.Accepted.IsZero() {
		all = rehearsal.Losses(before, after)
	}
	for _, loss := range all {
		d, found, err := s.lostDataset(ctx, loss)
		if err != nil {
			return nil, false, err
		}
		gone := loss.Kind == "gone" && found
		switch {
		case gone && d.Status == catalog.DatasetWithdrawn:
			withdrawn = true
			continue
		case gone:
			unwanted, err := s.unwanted(ctx, d)
			if err != nil {
				return nil, false, err
			}
			if unwanted {
				continue
			}
		case loss.Kind == "temporal" && found && d.Rows == 0:
			continue
		}
		out = append(out, catalog.FeedLoss{Key: loss.Key, Text: loss.Text})
	}
	return out, withdrawn, nil
}

// lostDataset finds the dataset that a loss is of. It must go by its address of today: another one is a loss by itself.
func (s *Server) lostDataset(ctx context.Context, loss rehearsal.Loss) (d catalog.Dataset, found bool, err error) {
	text, ok := strings.CutPrefix(loss.IRI, s.BaseURL+"/id/jeu/")
	if !ok {
		return d, false, nil
	}
	id, err := identity(text)
	if err != nil {
		return d, false, nil
	}
	d, err = s.Store.Dataset(ctx, id)
	if errors.Is(err, catalog.ErrNotFound) {
		return d, false, nil
	}
	if err != nil {
		return d, false, fmt.Errorf("read dataset %s: %w", id, err)
	}
	return d, true, nil
}

// unwanted tells a dataset whose source a person took out of the manifest.
func (s *Server) unwanted(ctx context.Context, d catalog.Dataset) (bool, error) {
	source, err := s.Store.Source(ctx, d.Source)
	if errors.Is(err, catalog.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read source %s: %w", d.Source, err)
	}
	return source.Disabled && !d.IsSeries(), nil
}

// accept keeps a catalogue as the one that the next is compared with. That it cannot be kept is no reason not to serve it.
func (s *Server) accept(ctx context.Context, l *listing, feed catalog.Feed, kept keptSummary) error {
	all := editions{}
	for _, x := range dcat.Syntaxes() {
		for n := 1; ; n++ {
			body, err := l.page(ctx, s, x, n, filter{})
			if errors.Is(err, errNoPage) {
				break
			}
			if err != nil {
				return err
			}
			all[x.Extension()] = append(all[x.Extension()], string(body))
		}
	}
	summary, err := json.Marshal(kept)
	if err != nil {
		return fmt.Errorf("write summary of %s: %w", feed.Path, err)
	}
	packed, err := all.pack()
	if err != nil {
		return fmt.Errorf("pack pages of %s: %w", feed.Path, err)
	}
	if !feed.Held.IsZero() {
		s.Log.Info("catalogue no longer held", "path", feed.Path, "since", feed.Held)
	}
	feed.Accepted, feed.Modified, feed.Summary, feed.Pages = s.Now(), l.catalogue.Modified, summary, packed
	feed.Held, feed.Losses = time.Time{}, nil
	if err := s.Store.KeepFeed(ctx, feed); err != nil {
		s.Log.Warn("accepted catalogue not kept", "path", feed.Path, "error", err)
	}
	return nil
}

// hold keeps a catalogue offline, says so to the operator, and serves the last accepted one. That one is not served either when it shows a dataset
// that a person took down since, or when there is none: harvesters then find nothing, and archive nothing.
func (s *Server) hold(ctx context.Context, l *listing, feed catalog.Feed, losses []catalog.FeedLoss, withdrawn bool) (*listing, error) {
	if feed.Held.IsZero() || !slices.Equal(feed.Losses, losses) {
		if feed.Held.IsZero() {
			feed.Held = s.Now()
		}
		feed.Losses = losses
		s.Log.Warn("catalogue held: harvesters would lose something", "path", feed.Path, "losses", len(losses), "first", losses[0].Text)
		if err := s.Store.KeepFeed(ctx, feed); err != nil {
			s.Log.Warn("held catalogue not kept", "path", feed.Path, "error", err)
		}
	}
	if feed.Accepted.IsZero() || withdrawn {
		return nil, fmt.Errorf("%w: %s", errHeldFeed, feed.Path)
	}
	old, err := unpackEditions(feed.Pages)
	if err != nil {
		return nil, fmt.Errorf("unpack accepted pages of %s: %w", feed.Path, err)
	}
	frozen := &listing{catalogue: l.catalogue, entries: l.entries, held: l.held, service: l.service, built: l.built, seq: l.seq, accepted: old}
	frozen.catalogue.Modified = feed.Modified
	return frozen, nil
}

// page is page n in a syntax; errNoPage when there are fewer.
func (e editions) page(x dcat.Syntax, n int) ([]byte, error) {
	pages := e[x.Extension()]
	if n < 1 || n > len(pages) {
		return nil, errNoPage
	}
	return []byte(pages[n-1]), nil
}

// editionsMax bounds what packed pages may unpack to.
const editionsMax = 256 << 20

var (
	editionsPacker, _   = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(1<<20))
	editionsUnpacker, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(editionsMax), zstd.WithDecoderLowmem(true))
) // their options are constants that both take

func (e editions) pack() ([]byte, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return editionsPacker.EncodeAll(text, nil), nil
}

func unpackEditions(packed []byte) (e editions, err error) {
	text, err := editionsUnpacker.DecodeAll(packed, nil)
	if err == nil {
		err = json.Unmarshal(text, &e)
	}
	return e, err
}

// heldFeed is what is known of the catalogue of a member that waits; false when none does.
func (s *Server) heldFeed(ctx context.Context, siren string) (catalog.Feed, bool, error) {
	f, err := s.Store.Feed(ctx, path.Join("/catalogues", siren))
	if errors.Is(err, catalog.ErrNotFound) {
		return f, false, nil
	}
	if err != nil {
		return f, false, fmt.Errorf("read catalogue of %s: %w", siren, err)
	}
	return f, !f.Held.IsZero(), nil
}
