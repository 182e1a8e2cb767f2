package web

import (
	"bytes"
	"context"
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"grenier/catalog"
)

const (
	embedPrefix  = "/embarquer"
	embedRows    = 20
	embedColumns = 8
	embedMember  = 30 // datasets of a member's list
)

// An embedFrame is what embed.html renders: a page that stands in a page of another site. It has no script, no menu and no form; its links
// open in the window around it.
type embedFrame struct {
	Site  string
	Title string
	Path  string // of the page of ours that says more
	Canon string
	CSS   []string
	Body  any
}

// An embedTable is the body of an embedded table.
type embedTable struct {
	catalog.Dataset
	Problem string
	Filters []activeFilter
	Table   *rowsTable
	More    string
}

// embedded lets the page stand in pages of any site.
func embedded(h http.Header) {
	h.Set("Content-Security-Policy", strings.Replace(contentPolicy, "frame-ancestors 'none'", "frame-ancestors *", 1))
	h.Del("X-Frame-Options")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
}

// embedDataset is a card: what the dataset is, how fresh and how good, its files.
func (s *Server) embedDataset(w http.ResponseWriter, r *http.Request) error {
	d, moved, err := s.bySlug(r)
	if err != nil {
		return err
	}
	if moved {
		return redirect(w, r, embedPath(d.Slug), http.StatusMovedPermanently)
	}
	p := datasetPage{Dataset: d, License: licenseOf(d.License)}
	first, _ := lead(d.Description)
	p.Lead = unmarked(first)
	p.sortFiles(s)
	return s.renderEmbed(w, r, "carte-integree", embedFrame{Title: clean(d.Title), Path: datasetPath(d.Slug), Body: p}, http.StatusOK)
}

// embedTable is a table of rows: the filters, the order and the columns are those of the address, as in the explorer.
func (s *Server) embedTable(w http.ResponseWriter, r *http.Request) error {
	d, moved, err := s.bySlug(r)
	if err != nil {
		return err
	}
	all := readParams(r.URL.RawQuery)
	if moved {
		return redirect(w, r, all.address(embedPath(d.Slug)+"/donnees"), http.StatusMovedPermanently)
	}
	f, ok := parquetIn(&d)
	if !ok {
		return errNoRows
	}
	ctx, table, done, err := s.readFor(r, f)
	if err != nil {
		return err
	}
	defer done()
	p := embedTable{Dataset: d, More: all.without("page_size", "page", "cursor").address(explorePath(d.Slug))}
	status := http.StatusOK
	if err := p.ask(ctx, table, all, weigh(columnsOf(table.Schema()), s.profileAt(ctx, f, table))); err != nil {
		message, mine := isQuestion(err)
		if !mine {
			return slow(ctx, r, err)
		}
		p.Problem, status = message, http.StatusBadRequest
	}
	return s.renderEmbed(w, r, "table-integree", embedFrame{Title: clean(d.Title), Path: p.More, Body: p}, status)
}

func (p *embedTable) ask(ctx context.Context, table *reader, all params, columns []column) error {
	q, err := readRows(all.without("format").encode())
	if err != nil {
		return err
	}
	if q.size == 0 {
		q.size = embedRows
	}
	if q.size > maxRowsPage {
		return problem(http.StatusBadRequest, "Une page a au plus 200 lignes (page_size).")
	}
	q.Limit, q.Offset = q.size, int64(max(q.page-1, 0))*int64(q.size)
	grouped := len(q.GroupBy)+len(q.Aggregates) > 0
	if !grouped && q.Columns == nil {
		q.Columns = names(choose(columns, embedColumns))
	}
	shown, rows, page, err := table.rows(ctx, q.RowQuery, exploreText, false)
	if err != nil {
		return err
	}
	if grouped {
		relabel(shown, columns)
	}
	for _, one := range all {
		if text, ok := said(one, columns); ok {
			p.Filters = append(p.Filters, activeFilter{Text: text})
		}
	}
	p.Table = &rowsTable{Label: "Lignes de " + clean(p.Title), Class: "apercu", Columns: plainColumns(shown), Rows: rows, Caption: count(page.Rows, "ligne", "lignes")}
	if n, _ := table.tally(ctx, q.Where); n > page.Rows && !grouped {
		p.Table.Caption += " sur " + number(n)
	}
	return nil
}

// embedMember is the list of a member's datasets.
func (s *Server) embedMember(w http.ResponseWriter, r *http.Request) error {
	m, err := s.Store.Member(r.Context(), parameter(r, "siren"))
	if err != nil {
		return fmt.Errorf("read member: %w", err)
	}
	list, n, err := s.Store.Datasets(r.Context(), catalog.DatasetQuery{Member: m.SIREN, Limit: embedMember})
	if err != nil {
		return fmt.Errorf("read datasets of %s: %w", m.SIREN, err)
	}
	body := struct {
		catalog.Member
		List  []catalog.Dataset
		Total int
	}{m, list, n}
	return s.renderEmbed(w, r, "membre-integre", embedFrame{Title: clean(m.Name), Path: memberPath(m.SIREN), Body: body}, http.StatusOK)
}

func embedPath(slug string) string { return embedPrefix + "/jeux/" + slug }

// parseEmbeds reads the templates of embedded pages, which have no layout of the site's.
func (s *Server) parseEmbeds() (*template.Template, error) {
	t, err := template.New("embed.html").Option("missingkey=error").Funcs(s.funcs()).ParseFS(templates, "templates/embed.html", "templates/rows.html")
	if err != nil {
		return nil, fmt.Errorf("parse embedded pages: %w", err)
	}
	return t, nil
}

func (s *Server) renderEmbed(w http.ResponseWriter, r *http.Request, name string, f embedFrame, status int) error {
	embedded(w.Header())
	f.Site, f.Canon, f.CSS = s.Site.Name, s.BaseURL+f.Path, []string{s.css, assetAddress("explorer.css")}
	var body, page bytes.Buffer
	if err := s.embeds.ExecuteTemplate(&body, name, f.Body); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	f.Body = template.HTML(body.String())
	if err := s.embeds.ExecuteTemplate(&page, "embed.html", f); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("X-Robots-Tag", "noindex")
	if status != http.StatusOK {
		w.Header().Set("Cache-Control", "no-store")
	}
	send(w, r, status, "text/html; charset=utf-8", page.Bytes())
	return nil
}

// An embedCode is what a webmaster copies.
type embedCode struct{ Title, Code string }

// embedCodes are the ways to show a dataset in another site.
func (s *Server) embedCodes(d *catalog.Dataset, table bool) []embedCode {
	frame := func(path, what string, height int) string {
		return fmt.Sprintf(`<iframe src="%s%s" title="%s" width="100%%" height="%d" loading="lazy" style="border:0"></iframe>`, s.BaseURL, path, template.HTMLEscapeString(what), height)
	}
	out := []embedCode{{"Une fiche, avec les fichiers", frame(embedPath(d.Slug), clean(d.Title), 420)}}
	if table {
		out = append(out, embedCode{"Un tableau (ajoutez à l’adresse les filtres de l’explorateur)", frame(embedPath(d.Slug)+"/donnees", clean(d.Title)+", tableau", 640)})
	}
	return append(out, embedCode{"La liste des jeux de données de la collectivité", frame(embedPrefix+"/membres/"+d.Member.SIREN, "Données de "+clean(d.Member.Name), 640)})
}
