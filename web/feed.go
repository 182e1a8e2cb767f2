package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"grenier/catalog"
	"grenier/catalog/rehearsal"
)

// A feedPage is the body of feed.html: what data.gouv.fr would make of a member's catalogue.
type feedPage struct {
	catalog.Member
	Address  string
	Report   *rehearsal.Report // nil when nothing is served
	Datasets []feedItem
	Services []feedItem
	Faults   []feedNote
	Advice   []feedNote
	Score    []feedCriterion
	Average  string
	Held     time.Time // since when a newer catalogue waits; zero: none does
	Losses   []string
	Refused  bool // nothing is served meanwhile
	JSON     string
}

// A feedItem is one line of the table.
type feedItem struct {
	rehearsal.Item
	Terms string // of its licence, in a few words
	Path  string // of its page here, "" when it is elsewhere
	State state
	Marks string // « 8 sur 9 »
}

// A feedNote gathers the findings that say the same.
type feedNote struct {
	Text, Fix string
	Titles    []string
	More      int // datasets beyond those named
	State     state
}

// A feedCriterion is one criterion of data.gouv.fr's mark, and how many datasets meet it.
type feedCriterion struct {
	Name     string
	Met, All int
}

func (s *Server) memberFeed(w http.ResponseWriter, r *http.Request) error {
	m, err := s.memberOf(r)
	if err != nil {
		return err
	}
	p := feedPage{Member: m, Address: s.BaseURL + cataloguePath(m.SIREN), JSON: feedPath(m.SIREN) + ".json"}
	if p.Report, p.Refused, err = s.rehearse(r.Context(), m); err != nil {
		return err
	}
	if f, held, err := s.heldFeed(r.Context(), m.SIREN); err != nil {
		return err
	} else if held {
		p.Held = f.Held
		for _, l := range f.Losses {
			p.Losses = append(p.Losses, l.Text)
		}
	}
	p.fill(s.BaseURL)
	return s.render(w, r, "feed.html", head{Title: "Moissonnage par data.gouv.fr", Path: feedPath(m.SIREN), Nav: "/membres",
		Description: "L’adresse du catalogue de " + m.Name + " pour data.gouv.fr, comment l’inscrire, et ce que data.gouv.fr en garderait.",
		Crumbs:      []crumb{{"Collectivités", "/membres"}, {m.Name, memberPath(m.SIREN)}},
		Alternates:  []alternate{{"application/json", p.JSON, "JSON"}, {"text/turtle", cataloguePath(m.SIREN), "Catalogue DCAT"}}}, p)
}

func feedPath(siren string) string { return memberPath(siren) + "/moissonnage" }

// A feedJSON is the JSON of the page.
type feedJSON struct {
	SIREN   string            `json:"siren"`
	Name    string            `json:"name"`
	Address string            `json:"address"`
	Well    bool              `json:"well"`
	Quality int               `json:"quality"` // per cent, as data.gouv.fr marks it
	Held    *heldJSON         `json:"held"`    // null when nothing waits
	Harvest *rehearsal.Report `json:"harvest"` // null when nothing is served
}

type heldJSON struct {
	Since  time.Time          `json:"since"`
	Losses []catalog.FeedLoss `json:"losses"`
}

func (s *Server) memberFeedTwin(w http.ResponseWriter, r *http.Request) error {
	m, err := s.memberOf(r)
	if err != nil {
		return err
	}
	report, _, err := s.rehearse(r.Context(), m)
	if err != nil {
		return err
	}
	out := feedJSON{SIREN: m.SIREN, Name: m.Name, Address: s.BaseURL + cataloguePath(m.SIREN), Harvest: report}
	if report != nil {
		out.Well, out.Quality = report.Well(), report.Average()
	}
	f, held, err := s.heldFeed(r.Context(), m.SIREN)
	if err != nil {
		return err
	}
	if held {
		out.Well, out.Held = false, &heldJSON{f.Held, f.Losses}
	}
	return sendJSON(w, r, out)
}

// maxReports bounds the rehearsals that are remembered.
const maxReports = 500

// rehearse is what data.gouv.fr would make of the catalogue that is served; nil when none is, and refused when that is because it waits. It is
// done once for the same pages on the same day.
func (s *Server) rehearse(ctx context.Context, m catalog.Member) (report *rehearsal.Report, refused bool, err error) {
	d := s.memberDescription(m)
	l, err := s.snapshots.listing(ctx, s, d, catalog.DatasetQuery{Member: m.SIREN}, 1)
	switch {
	case errors.Is(err, errEmptyCatalogue):
		return nil, false, nil
	case errors.Is(err, errHeldFeed):
		return nil, true, nil
	case err != nil:
		return nil, false, unavailable("La répétition du moissonnage ne peut pas avoir lieu pour l’instant. Réessayez dans quelques minutes.", fmt.Errorf("rehearse catalogue of %s: %w", m.SIREN, err))
	}
	pages, err := l.turtle(ctx, s)
	if err != nil {
		return nil, false, err
	}
	mark := fingerprintOf(pages) + s.Now().UTC().Format(time.DateOnly)
	s.feeds.mu.Lock()
	done, ok := s.feeds.reports[d.Path]
	s.feeds.mu.Unlock()
	if ok && done.fingerprint == mark {
		return done.report, false, nil
	}
	report = rehearsal.Read(s.rehearsed(d.Path, pages), s.rehearsalOptions())
	s.feeds.mu.Lock()
	defer s.feeds.mu.Unlock()
	if s.feeds.reports == nil || len(s.feeds.reports) >= maxReports {
		s.feeds.reports = map[string]reported{}
	}
	s.feeds.reports[d.Path] = reported{mark, report}
	return report, false, nil
}

// fill makes of the report what the page shows.
func (p *feedPage) fill(base string) {
	if p.Report == nil {
		return
	}
	for _, i := range p.Report.Items {
		one := feedItem{Item: i, Terms: cmp.Or(licenceWords[i.Licence], i.LicenceName), State: outcomeState(i.Outcome)}
		if rest, ok := strings.CutPrefix(i.Landing, base+"/"); ok {
			one.Path = "/" + rest
		}
		if i.Kind == "service" {
			p.Services = append(p.Services, one)
			continue
		}
		one.Marks = fmt.Sprintf("%d sur %d", i.Score.Points, len(i.Score.Criteria))
		p.Datasets = append(p.Datasets, one)
		p.mark(i.Score)
	}
	p.Average = share(int64(p.Report.Average()), 100)
	for _, f := range p.Report.Findings {
		if f.Effect.Fault() {
			p.Faults = gather(p.Faults, f)
		} else {
			p.Advice = gather(p.Advice, f)
		}
	}
}

// mark counts the criteria that a dataset meets.
func (p *feedPage) mark(score *rehearsal.Score) {
	if p.Score == nil {
		p.Score = make([]feedCriterion, len(score.Criteria))
	}
	for n, c := range score.Criteria {
		p.Score[n].Name = c.Name
		p.Score[n].All++
		if c.Met {
			p.Score[n].Met++
		}
	}
}

// namedAtOnce is how many datasets a note names.
const namedAtOnce = 5

// gather adds a finding to the note that says the same.
func gather(notes []feedNote, f rehearsal.Finding) []feedNote {
	at := -1
	for n := range notes {
		if notes[n].Text == f.Text {
			at = n
		}
	}
	if at < 0 {
		notes = append(notes, feedNote{Text: f.Text, Fix: f.Fix, State: effectState(f.Effect)})
		at = len(notes) - 1
	}
	n := &notes[at]
	switch {
	case f.Title == "":
	case len(n.Titles) > 0 && n.Titles[len(n.Titles)-1] == f.Title: // several files of one dataset
	case len(n.Titles) < namedAtOnce:
		n.Titles = append(n.Titles, f.Title)
	default:
		n.More++
	}
	return notes
}

// licenceWords are short names of the licences of data.gouv.fr.
var licenceWords = map[string]string{
	"lov2": "Licence Ouverte 2.0", "fr-lo": "Licence Ouverte 1.0", "odc-odbl": "ODbL", "odc-by": "ODC-By", "odc-pddl": "PDDL", "cc-by": "CC BY", "cc-by-sa": "CC BY-SA", "cc-zero": "CC0",
}

func outcomeState(o rehearsal.Outcome) state {
	switch o {
	case rehearsal.Skipped:
		return state{"alerte", "passé"}
	case rehearsal.Failed:
		return state{"alerte", "refusé"}
	}
	return state{"bon", "gardé"}
}

func effectState(e rehearsal.Effect) state {
	switch e {
	case rehearsal.Stops:
		return state{"alerte", "le moissonnage échoue"}
	case rehearsal.Fails:
		return state{"alerte", "jeu refusé"}
	case rehearsal.Skips:
		return state{"alerte", "jeu passé"}
	case rehearsal.Loses:
		return state{"garde", "information perdue"}
	case rehearsal.Invalid:
		return state{"garde", "hors du profil européen"}
	}
	return state{"bon", "conseil"}
}
