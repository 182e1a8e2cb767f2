package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"grenier/catalog"
	"grenier/publish"
	"grenier/schemas"
)

const (
	exploreRows    = 50
	exploreColumns = 10  // and the number of the row
	exploreText    = 200 // characters of a cell
)

// exploreSizes are the numbers of rows that the form offers.
var exploreSizes = []int{20, 50, 100, 200}

// An explorePage is the body of explore.html: rows of a dataset, filtered, sorted and counted. Its address takes what /lignes takes, and is
// all there is to share.
type explorePage struct {
	catalog.Dataset
	Problem string // what is wrong with the question, in a sentence
	Table   *rowsTable
	Count   string // how many rows there are, in a sentence
	Totals  []total
	Filters []activeFilter
	Form    filterForm
	Choice  []columnChoice
	Sizes   []sizeChoice
	Keep    params // of the address, but for those of the form of columns
	Summary []column
	KeepAll params // …but for those of a page
	Grouped bool
	First   string
	Before  string
	Next    string
	Whole   string // address without filters
	CSV     string
	JSON    string
	Share   string
	Map     string
	Script  string
}

// An activeFilter is one filter of the address, in words.
type activeFilter struct{ Text, Without string }

type columnChoice struct {
	column
	Value   string // as the address writes it
	Checked bool
}

type sizeChoice struct {
	Rows    int
	Current bool
}

// explore shows rows. A question that cannot be answered is told beside the forms, with 400.
func (s *Server) explore(w http.ResponseWriter, r *http.Request) error {
	d, moved, err := s.bySlug(r)
	if err != nil {
		return err
	}
	all := readParams(r.URL.RawQuery)
	if moved {
		return redirect(w, r, all.address(explorePath(d.Slug)), http.StatusMovedPermanently)
	}
	d, past, err := s.asOf(r.Context(), d, r.URL.Query())
	if err != nil {
		return err
	}
	f, ok := parquetIn(&d)
	if !ok {
		return errNoRows
	}
	if format := all.value("format"); format != "" {
		return redirect(w, r, all.address(rowsPath(d.ID.String())), http.StatusSeeOther)
	}
	ctx, table, done, err := s.readFor(r, f)
	if err != nil {
		return err
	}
	defer done()
	profile := s.profileAt(ctx, f, table)
	columns := weigh(columnsOf(table.Schema()), profile)
	if to, ok := rewritten(all, columns); ok {
		return redirect(w, r, to.address(explorePath(d.Slug))+"#lignes", http.StatusSeeOther)
	}
	p := explorePage{Dataset: d, Script: assetAddress("explorer.js"), Whole: explorePath(d.Slug), Share: s.BaseURL + all.address(explorePath(d.Slug))}
	p.forms(all, columns)
	p.Form.suggest(profile)
	status := http.StatusOK
	if err := p.ask(ctx, table, r.URL.RawQuery, all, columns); err != nil {
		message, mine := isQuestion(err)
		if !mine {
			return slow(ctx, r, err)
		}
		p.Problem, status = message, http.StatusBadRequest
	}
	if len(placeColumns(table.Schema())) > 0 {
		p.Map = onlyFilters(all).address(mapPath(d.Slug))
	}
	h := s.datasetHead(d)
	h.Title, h.Path, h.Here, h.NoIndex = "Explorer : "+clean(d.Title), explorePath(d.Slug), "Explorer", r.URL.RawQuery != ""
	h.Crumbs = append(h.Crumbs, crumb{clean(d.Title), datasetPath(d.Slug)})
	h.Description = "Filtrer, trier et télécharger les lignes de « " + clean(d.Title) + " »."
	h.Alternates = []alternate{{"application/json", p.JSON, "Ces lignes en JSON"}, {"text/csv", p.CSV, "Ces lignes en CSV"}}
	if past {
		mementoHeaders(w.Header(), d)
	}
	allowScript(w.Header())
	return s.renderStatus(w, r, "explore.html", h, p, status)
}

// ask answers the question of the address.
func (p *explorePage) ask(ctx context.Context, table *reader, raw string, all params, columns []column) error {
	id := p.ID.String()
	rest := all.without("page", "page_size", "cursor", "total", "filtrer")
	p.CSV, p.JSON = rest.with(param{"format", "csv"}).address(rowsPath(id)), rest.address(rowsPath(id))
	q, err := readRows(strings.Join(slices.DeleteFunc(strings.Split(raw, "&"), func(part string) bool { return strings.HasPrefix(part, "filtrer=") }), "&"))
	if err != nil {
		return err
	}
	if q.size == 0 {
		q.size = exploreRows
	}
	if q.size > maxRowsPage {
		return problem(http.StatusBadRequest, "Une page a au plus 200 lignes (page_size). Pour toutes les lignes, téléchargez-les.")
	}
	q.Limit, q.Offset = q.size, int64(max(q.page-1, 0))*int64(q.size)
	p.Grouped = len(q.GroupBy)+len(q.Aggregates) > 0
	if !p.Grouped && q.Columns == nil {
		q.Columns = names(choose(columns, exploreColumns))
	}
	shown, rows, page, err := table.rows(ctx, q.RowQuery, exploreText, !p.Grouped)
	if err != nil {
		return err
	}
	p.Table = &rowsTable{Label: "Lignes de " + clean(p.Title), Rows: rows}
	for i := range rows {
		p.Table.Cut = p.Table.Cut || slices.ContainsFunc(rows[i].Cells, func(c cell) bool { return c.Cut })
	}
	p.head(shown, all, q, columns)
	p.count(ctx, table, q, page, len(columns))
	p.paging(all, q, page)
	return nil
}

// head makes the headers of the table: each sorts, and leads to the filter of its column.
func (p *explorePage) head(shown []column, all params, q rowsQuestion, columns []column) {
	if p.Grouped {
		relabel(shown, columns)
	}
	rest := all.without("page", "cursor", "total", "filtrer").unsorted()
	for _, c := range shown {
		t := tableColumn{column: c}
		way := "asc"
		if q.Sort == c.Name {
			t.Order = "ascending"
			if way = "desc"; q.Descending {
				t.Order, way = "descending", "asc"
			}
		}
		t.Sort = rest.with(param{c.Name + "__sort", way}).address(explorePath(p.Slug)) + "#lignes"
		if !p.Grouped {
			t.Filter = all.without("page", "cursor", "total", "filtrer").with(param{"filtrer", c.Name}).address(explorePath(p.Slug)) + "#filtrer"
		}
		p.Table.Columns = append(p.Table.Columns, t)
	}
}

// calculations are the words for aggregates.
var calculations = map[publish.Func]string{publish.Count: "nombre", publish.Sum: "total", publish.Average: "moyenne", publish.Least: "le moins", publish.Most: "le plus"}

// relabel gives the columns of a summary their words, and the look of what they come from.
func relabel(shown, columns []column) {
	for i := range shown {
		c := &shown[i]
		if c.Name == string(publish.Count) {
			c.Title = "Nombre de lignes"
			continue
		}
		name, of := c.Name, ""
		if at := strings.LastIndex(name, "__"); at > 0 && !slices.ContainsFunc(columns, func(x column) bool { return x.Name == name }) {
			name, of = name[:at], name[at+2:]
		}
		from := slices.IndexFunc(columns, func(x column) bool { return x.Name == name })
		if from < 0 {
			continue
		}
		c.Title = columns[from].Title
		if of != "" {
			c.Title += " : " + calculations[publish.Func(of)]
		}
		c.Title = french(c.Title)
	}
}

// count says how many rows there are, and sums them up.
func (p *explorePage) count(ctx context.Context, table *reader, q rowsQuestion, page publish.RowPage, columns int) {
	n := number(page.Rows)
	switch {
	case p.Grouped && page.Total >= 0:
		p.Count = count(page.Total, "groupe", "groupes")
	case p.Grouped:
		p.Count = n + " groupes sur cette page"
	default:
		var all int64
		if all, p.Totals = table.tally(ctx, q.Where); all < 0 {
			p.Count = n + " lignes sur cette page ; les compter toutes prendrait trop de temps"
		} else if len(q.Where) > 0 {
			p.Count = count(all, "ligne", "lignes") + " sur " + number(table.Rows())
		} else {
			p.Count = count(all, "ligne", "lignes")
		}
	}
	p.Count = french(p.Count)
	p.Table.Caption = p.Count
	if !p.Grouped && len(p.Table.Columns) < columns {
		p.Table.Caption += ", " + number(len(p.Table.Columns)) + " colonnes sur " + number(columns)
	}
}

func (p *explorePage) paging(all params, q rowsQuestion, page publish.RowPage) {
	rest := all.without("page", "cursor", "total", "filtrer")
	path := explorePath(p.Slug)
	if page.Next != "" {
		p.Next = rest.with(param{"cursor", page.Next}).address(path) + "#lignes"
	}
	if q.page > 1 || q.Cursor != "" {
		p.First = rest.address(path) + "#lignes"
	}
	if q.page > 1 {
		p.Before = rest.with(param{"page", strconv.Itoa(q.page - 1)}).address(path) + "#lignes"
		if page.Next != "" {
			p.Next = rest.with(param{"page", strconv.Itoa(q.page + 1)}).address(path) + "#lignes"
		}
	}
}

// conditions are the words for filters, in the order of the form.
var conditions = []struct {
	Op    publish.Op
	Words string // in a form
	Said  string // in a sentence, "%s" is the value
	On    func(c *column) bool
}{
	{publish.Contains, "contient", "contient « %s »", isText},
	{publish.NotContains, "ne contient pas", "ne contient pas « %s »", isText},
	{publish.Equal, "est égal à", "est « %s »", nil},
	{publish.Differs, "est différent de", "n’est pas « %s »", nil},
	{publish.In, "est l’une de ces valeurs (séparées par des virgules)", "est parmi %s", isText},
	{publish.NotIn, "n’est aucune de ces valeurs", "n’est pas parmi %s", isText},
	{publish.AtLeast, "au moins, ou à partir de", "à partir de %s", isOrdered},
	{publish.AtMost, "au plus, ou jusqu’à", "jusqu’à %s", isOrdered},
	{publish.Above, "plus que, ou après", "plus que %s", isOrdered},
	{publish.Below, "moins que, ou avant", "moins que %s", isOrdered},
	{publish.IsNotNull, "est rempli", "est rempli", nil},
	{publish.IsNull, "est vide", "est vide", nil},
}

func isText(c *column) bool    { return c.look == lookText && !c.Right || c.look == lookLink }
func isOrdered(c *column) bool { return c.Right || c.look == lookDate || c.look == lookMoment }

// forms makes what the page asks the reader.
func (p *explorePage) forms(all params, columns []column) {
	path := explorePath(p.Slug)
	p.KeepAll = all.without("page", "cursor", "total", "filtrer")
	p.Keep = all.without("page", "cursor", "total", "filtrer", "columns", "page_size")
	q, _ := readRows(all.without("filtrer").encode()) // its fault is told elsewhere
	if q.Columns == nil {
		q.Columns = names(choose(columns, exploreColumns))
	}
	for _, c := range columns {
		p.Choice = append(p.Choice, columnChoice{c, listed(c.Name), slices.Contains(q.Columns, c.Name)})
	}
	size := q.size
	if size == 0 {
		size = exploreRows
	}
	for _, n := range exploreSizes {
		p.Sizes = append(p.Sizes, sizeChoice{n, n == size})
	}
	p.Summary = slices.DeleteFunc(slices.Clone(columns), func(c column) bool { return c.look == lookEuros || c.Type == schemas.GeoJSON })
	p.Form = newFilterForm(all, columns)
	for i, one := range all {
		if text, ok := said(one, columns); ok {
			p.Filters = append(p.Filters, activeFilter{text, all.but(i).without("page", "cursor", "total", "filtrer").address(path) + "#lignes"})
		}
	}
}

// said tells a filter of an address in words.
func said(one param, columns []column) (string, bool) {
	at := strings.LastIndex(one.Name, "__")
	if at <= 0 {
		return "", false
	}
	c := column{Name: one.Name[:at], Title: shown(one.Name[:at])}
	if i := slices.IndexFunc(columns, func(x column) bool { return x.Name == c.Name }); i >= 0 {
		c = columns[i]
	}
	for _, k := range conditions {
		if string(k.Op) == one.Name[at+2:] {
			value := c.show(one.Value, 60).Text
			if k.Op == publish.In || k.Op == publish.NotIn {
				value = strings.Join(splitList(shown(one.Value)), ", ")
			}
			text := k.Said
			if strings.Contains(text, "%s") {
				text = fmt.Sprintf(text, value)
			}
			return french(c.Title + " " + text), true
		}
	}
	return "", false
}

// listed writes a name for a list between commas.
func listed(name string) string {
	if strings.ContainsAny(name, `,"`) {
		return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
	}
	return name
}

// onlyFilters keeps what says which rows.
func onlyFilters(all params) params {
	return slices.DeleteFunc(slices.Clone(all), func(one param) bool {
		at := strings.LastIndex(one.Name, "__")
		return at <= 0 || !slices.Contains(publish.Ops(), publish.Op(one.Name[at+2:]))
	})
}

// filterAddress is the page of a dataset's rows where a column has a value.
func filterAddress(slug, name, value string) string {
	return explorePath(slug) + "?" + url.QueryEscape(name+"__"+string(publish.Equal)) + "=" + url.QueryEscape(value)
}
