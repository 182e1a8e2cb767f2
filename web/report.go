package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"grenier/catalog"
	"grenier/schemas"
)

const maxCauses = 20 // on the page

// A reportPage is the body of report.html: the quality of the version online.
type reportPage struct {
	catalog.Dataset
	Verdict string
	Good    bool
	Share   string
	Width   int64 // of the accepted part of the gauge, out of 1000
	Report  *schemas.Report
	View    *verdictView // its Sections; cells are not shown: refused rows are not published
	Schema  *schemas.Schema
}

func (s *Server) report(w http.ResponseWriter, r *http.Request) error {
	d, moved, err := s.bySlug(r)
	if err != nil {
		return err
	}
	if moved {
		return redirect(w, r, datasetPath(d.Slug)+"/rapport", http.StatusMovedPermanently)
	}
	if d.IsSeries() { // judged where it comes from: its page lists the parts
		return redirect(w, r, datasetPath(d.Slug)+"#composition", http.StatusSeeOther)
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
	p.View = publicView(rep)
	return p
}

// publicView lays out a report for everybody: kinds, columns and places, but nothing that may come from a row that is not public.
func publicView(rep *schemas.Report) *verdictView {
	v := &verdictView{t: tongue{}, Lang: "fr"}
	all := causesOf(rep)
	s := reportSection{Title: "À corriger", Intro: french("Les lignes écartées ne sont pas publiées : seuls la place et le motif sont donnés ici.")}
	if n := len(all) - maxCauses; n > 0 {
		s.More = "et " + count(n, "autre cause, plus rare", "autres causes, plus rares") + ", dans le rapport en JSON."
		all = all[:maxCauses]
	}
	for _, c := range all {
		s.Causes = append(s.Causes, v.cause(c.forAll(), "alerte"))
	}
	if len(all) > 0 {
		v.Sections = append(v.Sections, s)
	}
	var warnings []schemas.Issue
	for _, w := range rep.Warnings {
		warnings = append(warnings, publicIssue(w))
	}
	v.warned(warnings)
	v.mended(withoutSamples(rep.Repairs))
	return v
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
	public.Errors, public.Warnings, public.Repairs = withoutCells(public.Errors), withoutCells(public.Warnings), withoutSamples(public.Repairs)
	public.Causes = slices.Clone(public.Causes)
	for i, c := range public.Causes {
		public.Causes[i] = publicCause(c)
		if of := (causeOf{Cause: c}); public.Causes[i].Message == "" {
			public.Causes[i].Message = of.name(tongue{}) + "."
		}
	}
	return sendJSON(w, r, &public)
}

func withoutCells(issues []schemas.Issue) []schemas.Issue {
	out := make([]schemas.Issue, len(issues))
	for i, issue := range issues {
		out[i] = publicIssue(issue)
	}
	return out
}

func withoutSamples(repairs []schemas.Repair) []schemas.Repair {
	out := slices.Clone(repairs)
	for i := range out {
		out[i].Sample = nil
	}
	return out
}
