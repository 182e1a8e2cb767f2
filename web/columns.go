package web

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"slices"
	"strings"

	"grenier/catalog"
	"grenier/publish"
	"grenier/schemas"
)

// pageColumns is how many columns the page of a dataset describes; all are on the page of columns.
const pageColumns = 4

// freshProfile is how many rows a file may have for the page to work its profile out where none is kept; a few milliseconds' worth.
const freshProfile = 20_000

// A columnView says what a column is, and what it holds.
type columnView struct {
	catalog.FieldInfo
	Filled string // share of the rows that have a value; "" when all have
	Facts  string // what the drawing shows, in words
	Bars   string // path of a drawing 100 wide and 24 high
	Top    []topValue
	Known  bool
}

// A topValue is one of the most frequent values, on the page of columns.
type topValue struct {
	Value, Count, Share string
	Filter              string // address of the rows that have it
}

// A columnsPage is the body of columns.html.
type columnsPage struct {
	catalog.Dataset
	Columns []columnView
	Full    bool
	JSON    string // address of the profile
	Known   bool
}

// columns shows what every column of a dataset is and holds.
func (s *Server) columns(w http.ResponseWriter, r *http.Request) error {
	d, moved, err := s.bySlug(r)
	if err != nil {
		return err
	}
	if moved {
		return redirect(w, r, datasetPath(d.Slug)+"/colonnes", http.StatusMovedPermanently)
	}
	p := columnsPage{Dataset: d, Full: true, JSON: profilePath(d.ID.String())}
	f, ok := parquetIn(&d)
	var profile *publish.Profile
	if ok {
		if profile, err = s.profileOf(r.Context(), w, r, f); err != nil {
			s.Log.Warn("columns shown without their profile", "dataset", d.ID, "error", err)
			passing(r.Context())
		}
	}
	p.Known = profile != nil
	p.Columns = columnViews(&d, d.Fields, profile, true)
	h := s.datasetHead(d)
	h.Title, h.Path, h.Here = "Colonnes : "+clean(d.Title), datasetPath(d.Slug)+"/colonnes", "Colonnes"
	h.Crumbs = append(h.Crumbs, crumb{clean(d.Title), datasetPath(d.Slug)})
	h.Description = "Ce que contient chaque colonne de « " + clean(d.Title) + " »."
	h.Alternates = nil
	if p.Known {
		h.Alternates = []alternate{{"application/json", p.JSON, "Profil des colonnes en JSON"}}
	}
	return s.render(w, r, "columns.html", h, p)
}

// profileAt is the profile of a file that is open, when it is at hand or soon worked out; nil otherwise.
func (s *Server) profileAt(ctx context.Context, f catalog.File, open *reader) *publish.Profile {
	if p, ok := s.reading.profiles.take(f.SHA256); ok {
		return p
	}
	p, err := publish.ReadProfile(ctx, s.Blobs, f.SHA256)
	if errors.Is(err, fs.ErrNotExist) && f.Rows <= freshProfile {
		p, err = open.Profile(ctx)
	}
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			s.Log.Warn("profile cannot be read", "file", f.ID, "error", err)
			passing(ctx)
		}
		return nil
	}
	s.keepProfile(f, p)
	return p
}

// keptProfile is profileAt for a file that is not open yet.
func (s *Server) keptProfile(ctx context.Context, f catalog.File) *publish.Profile {
	r, err := s.read(ctx, f)
	if err != nil {
		s.Log.Warn("file cannot be read for its profile", "file", f.ID, "error", err)
		passing(ctx)
		return nil
	}
	defer r.done()
	return s.profileAt(ctx, f, r)
}

// tellingFields are the columns that the page of a dataset describes: those that tell most of a row, or the first where nothing is known of them.
func tellingFields(d *catalog.Dataset, columns []column) []catalog.FieldInfo {
	if len(columns) == 0 {
		return d.Fields[:min(pageColumns, len(d.Fields))]
	}
	chosen := names(choose(columns, pageColumns))
	return slices.DeleteFunc(slices.Clone(d.Fields), func(f catalog.FieldInfo) bool { return !slices.Contains(chosen, f.Name) })
}

// columnViews describes columns of a dataset; profile may be nil. Full adds the most frequent values.
func columnViews(d *catalog.Dataset, fields []catalog.FieldInfo, profile *publish.Profile, full bool) []columnView {
	known := map[string]*publish.ColumnProfile{}
	if profile != nil {
		for i := range profile.Columns {
			known[profile.Columns[i].Name] = &profile.Columns[i]
		}
	}
	out := make([]columnView, 0, len(fields))
	for _, f := range fields {
		v := columnView{FieldInfo: f}
		if p := known[f.Name]; p != nil && profile.Rows > 0 {
			c := columnOf(&schemas.Field{Name: f.Name, Title: f.Title, Type: p.Type, Format: "default"})
			v.describe(&c, p, profile.Rows)
			if full {
				v.Top = topValues(d, &c, p, profile.Rows)
			}
		}
		out = append(out, v)
	}
	return out
}

// describe says what a column holds, and draws it: a histogram of numbers and dates, the most frequent values of a column that has few.
func (v *columnView) describe(c *column, p *publish.ColumnProfile, rows int64) {
	v.Known = true
	if p.Nulls == rows {
		v.Facts = "aucune valeur"
		return
	}
	if p.Nulls > 0 {
		v.Filled = share(rows-p.Nulls, rows)
	}
	distinct := count(p.Distinct, "valeur différente", "valeurs différentes")
	if p.AtLeast {
		distinct = "plus de " + distinct
	}
	switch {
	case p.Distinct == 1 && !p.AtLeast && len(p.Top) > 0:
		v.Facts = "toujours « " + c.showJSON(p.Top[0].Value, 40) + " »"
	case len(p.Histogram) > 0:
		v.Facts = "de " + c.showJSON(p.Min, 40) + " à " + c.showJSON(p.Max, 40)
		v.Bars = histogram(p.Histogram)
	case !p.AtLeast && p.Distinct <= int64(len(p.Top)):
		v.Facts = frequent(c, p, rows-p.Nulls)
		v.Bars = tops(p.Top)
	case c.Type == schemas.String && p.Distinct == rows-p.Nulls && !p.AtLeast:
		v.Facts = "chaque valeur est différente"
	default:
		v.Facts = distinct
	}
	v.Facts = french(v.Facts)
}

// frequent names the two most frequent values.
func frequent(c *column, p *publish.ColumnProfile, filled int64) string {
	var parts []string
	for _, t := range p.Top[:min(2, len(p.Top))] {
		parts = append(parts, c.showJSON(t.Value, 30)+" ("+share(t.Count, filled)+")")
	}
	text := strings.Join(parts, ", ")
	if n := p.Distinct - int64(len(parts)); n > 0 {
		text += " et " + count(n, "autre valeur", "autres valeurs")
	}
	return text
}

func histogram(bins []publish.Bin) string {
	counts := make([]int64, len(bins))
	for i, b := range bins {
		counts[i] = b.Count
	}
	return bars(counts)
}

func tops(top []publish.ValueCount) string {
	counts := make([]int64, len(top))
	for i, t := range top {
		counts[i] = t.Count
	}
	return bars(counts)
}

// bars draws counts 1,000 wide and 24 high.
func bars(counts []int64) string {
	most := int64(1)
	for _, n := range counts {
		most = max(most, n)
	}
	var b strings.Builder
	width := 1000 / max(len(counts), 4)
	for i, n := range counts {
		b.WriteString(bar(i*width, width-max(width/8, 4), float64(n)/float64(most), 24))
	}
	return b.String()
}

func topValues(d *catalog.Dataset, c *column, p *publish.ColumnProfile, rows int64) (out []topValue) {
	if len(p.Top) == 0 || p.Distinct <= 1 || p.Top[0].Count*50 < rows { // it is said already, or none is frequent
		return nil
	}
	for _, t := range p.Top[:min(5, len(p.Top))] {
		raw := jsonText(t.Value)
		if len([]rune(raw)) >= 200 { // the profile may have cut it
			continue
		}
		out = append(out, topValue{c.showJSON(t.Value, 60), number(t.Count), share(t.Count, rows),
			params{{c.Name + "__exact", raw}}.address(explorePath(d.Slug))})
	}
	return out
}
