package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"grenier/catalog"
	"grenier/schemas"
)

const (
	maxCauses   = 20 // causes with examples on the page
	maxExamples = 5  // issues quoted for one cause
)

// A reportPage is the body of report.html: the quality of the version online.
type reportPage struct {
	catalog.Dataset
	Verdict  string
	Good     bool
	Share    string
	Width    int64 // of the accepted part of the gauge, out of 1000
	Report   *schemas.Report
	Errors   []cause
	Warnings []cause
	Beyond   int // causes that are only counted
	Repairs  []schemas.Repair
	Schema   *schemas.Schema
}

// A cause is one kind of fault in one column. The cells at fault are not shown: refused rows are not published.
type cause struct {
	Title    string
	Field    string
	Count    int64
	Hint     string
	Examples []schemas.Issue
}

func (s *Server) report(w http.ResponseWriter, r *http.Request) error {
	d, moved, err := s.bySlug(r)
	if err != nil {
		return err
	}
	if moved {
		return redirect(w, r, datasetPath(d.Slug)+"/rapport", http.StatusMovedPermanently)
	}
	run, err := s.runOnline(r, d)
	if err != nil {
		return err
	}
	h := s.datasetHead(d)
	h.Title, h.Path = "Qualité : "+clean(d.Title), datasetPath(d.Slug)+"/rapport"
	h.Crumbs = append(h.Crumbs, crumb{clean(d.Title), datasetPath(d.Slug)})
	h.Here, h.Alternates = "Rapport de qualité", nil
	if run.Report != nil {
		h.Alternates = []alternate{{"application/json", datasetPath(d.Slug) + "/rapport.json", "Rapport en JSON"}}
	}
	return s.render(w, r, "report.html", h, s.reportPage(d, run.Report))
}

// runOnline is the run that made the version online; a run that was forgotten is an empty one.
func (s *Server) runOnline(r *http.Request, d catalog.Dataset) (catalog.Run, error) {
	run, err := s.Store.RunOfVersion(r.Context(), d.ID, d.Version)
	if errors.Is(err, catalog.ErrNotFound) {
		return catalog.Run{}, nil
	}
	if err != nil {
		return run, fmt.Errorf("read run of version %d of %s: %w", d.Version, d.ID, err)
	}
	return run, nil
}

func (s *Server) reportPage(d catalog.Dataset, rep *schemas.Report) reportPage {
	total := d.Rows + d.Rejected
	p := reportPage{Dataset: d, Report: rep, Share: share(d.Rows, total), Width: 1000, Schema: s.schema(d.SchemaName)}
	p.Verdict, p.Good = verdict(d)
	if total > 0 {
		p.Width = d.Rows * 1000 / total
	}
	if d.Rejected > 0 {
		p.Width = min(p.Width, 990) // a sliver stays visible
	}
	if rep == nil {
		return p
	}
	p.Errors = causes(rep.Counts, rep.Errors)
	p.Warnings = causes(nil, rep.Warnings)
	p.Repairs = rep.Repairs
	if len(p.Errors) > maxCauses {
		p.Beyond = len(p.Errors) - maxCauses
		p.Errors = p.Errors[:maxCauses]
	}
	return p
}

// verdict words the result; good is without reserve.
func verdict(d catalog.Dataset) (text string, good bool) {
	total := d.Rows + d.Rejected
	switch {
	case total == 0:
		return "Fichier bien formé, sans aucune ligne", d.Valid
	case d.Rejected > 0:
		word := "sont conformes"
		if d.Rows < 2 {
			word = "est conforme"
		}
		return count(d.Rows, "ligne", "lignes") + " sur" + nbsp + number(total) + " " + word, false
	case !d.Valid:
		return "Lignes conformes, structure à revoir", false
	}
	if total == 1 {
		return "La seule ligne est conforme", true
	}
	return "Les " + number(total) + nbsp + "lignes sont conformes", true
}

// causes groups issues by type and column, in the order of the counts; what the counts do not hold follows, counted here.
func causes(counts []schemas.Count, issues []schemas.Issue) []cause {
	type key struct{ typ, field string }
	var out []cause
	at := map[key]int{}
	for _, c := range counts {
		at[key{c.Type, c.Field}] = len(out)
		out = append(out, cause{Title: word(issueWords, c.Type), Field: c.Field, Count: c.Count})
	}
	for _, i := range issues {
		n, known := at[key{i.Type, i.Field}]
		if !known {
			n = len(out)
			at[key{i.Type, i.Field}] = n
			out = append(out, cause{Title: word(issueWords, i.Type), Field: i.Field})
		}
		out[n].add(i, n >= len(counts))
	}
	return out
}

func (c *cause) add(i schemas.Issue, counts bool) {
	if counts {
		c.Count++
	}
	if c.Hint == "" {
		c.Hint = i.Hint
	}
	if len(c.Examples) < maxExamples {
		c.Examples = append(c.Examples, i)
	}
}

// reportTwin is the report as JSON, without the cells at fault nor the samples of repairs: they may come from rows that are not public.
func (s *Server) reportTwin(w http.ResponseWriter, r *http.Request) error {
	d, moved, err := s.bySlug(r)
	if err != nil {
		return err
	}
	if moved {
		return redirect(w, r, datasetPath(d.Slug)+"/rapport.json", http.StatusMovedPermanently)
	}
	run, err := s.runOnline(r, d)
	if err != nil {
		return err
	}
	if run.Report == nil {
		return problem(http.StatusNotFound, "Cette version n’a pas de rapport détaillé.")
	}
	public := *run.Report
	public.Errors, public.Warnings = withoutCells(public.Errors), withoutCells(public.Warnings)
	public.Repairs = slices.Clone(public.Repairs)
	for i := range public.Repairs {
		public.Repairs[i].Sample = nil
	}
	return sendJSON(w, r, &public)
}

func withoutCells(issues []schemas.Issue) []schemas.Issue {
	out := make([]schemas.Issue, len(issues))
	for i, issue := range issues {
		issue.Cell, issue.Repair = "", nil
		out[i] = issue
	}
	return out
}
