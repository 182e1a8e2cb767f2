package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"grenier/catalog"

	"github.com/google/uuid"
)

const (
	maxText   = 200  // runes of a search
	maxPage   = 1000 // the farthest page of a list
	maxValues = 20   // values of one facet at once
	maxShown  = 8    // values of a facet on the page, besides the chosen ones
)

// facetTitles are the facets in the order of the page; the names are those of catalog.Page.
var facetTitles = []struct{ Name, Title string }{
	{"type", "Type de collectivité"}, {"schema", "Sujet"}, {"theme", "Thématique"}, {"membre", "Collectivité"}, {"territoire", "Commune"}, {"format", "Format de fichier"},
	{catalog.FreshnessFacet, "Dernière mise à jour"},
}

// freshnessWords say how long ago a dataset changed, by the names of catalog.FreshnessBuckets.
var freshnessWords = map[string]string{"mois": "moins d’un mois", "an": "d’un mois à un an", "ancien": "plus d’un an"}

// A question is a search as its address says it.
type question struct {
	Text   string
	Chosen map[string][]string // by facet
	Page   int
	Size   int
}

// readQuestion reads the query of an address; what it cannot mean is a bad request.
func readQuestion(v url.Values) (question, error) {
	q := question{Text: strings.TrimSpace(clean(v.Get("q"))), Chosen: map[string][]string{}, Size: 20}
	if utf8.RuneCountInString(q.Text) > maxText || !utf8.ValidString(v.Get("q")) {
		return q, problem(http.StatusBadRequest, "La recherche compte plus de 200 caractères. Gardez quelques mots.")
	}
	for _, f := range facetTitles {
		for _, value := range v[f.Name] {
			if utf8.RuneCountInString(value) > maxText || !utf8.ValidString(value) {
				return q, problem(http.StatusBadRequest, "Une valeur de filtre ne peut pas dépasser 200 caractères. Choisissez les filtres dans la page de recherche.")
			}
			if value != "" && !slices.Contains(q.Chosen[f.Name], value) {
				q.Chosen[f.Name] = append(q.Chosen[f.Name], value)
			}
		}
		if len(q.Chosen[f.Name]) > maxValues {
			return q, problem(http.StatusBadRequest, "Un filtre ne peut pas avoir plus de 20 valeurs à la fois.")
		}
	}
	var err error
	q.Page, err = readPage(v)
	return q, err
}

// readPage reads ?page=, 1 when it is absent.
func readPage(v url.Values) (int, error) {
	return readBetween(v, "page", 1, maxPage)
}

// readBetween reads a number from 1 to most.
func readBetween(v url.Values, name string, absent, most int) (int, error) {
	text := v.Get(name)
	if text == "" {
		return absent, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return absent, problem(http.StatusBadRequest, fmt.Sprintf("« %s » doit être un nombre entre 1 et %s.", name, number(most)))
	}
	return n, nil
}

func (q question) query() catalog.Query {
	return catalog.Query{Text: q.Text, Members: q.Chosen["membre"], Schemas: q.Chosen["schema"], Themes: q.Chosen["theme"],
		Formats: q.Chosen["format"], Territory: q.Chosen["territoire"], Kinds: q.Chosen["type"], Freshness: q.Chosen[catalog.FreshnessFacet], Page: q.Page, Size: q.Size}
}

// address is the address of the search, on the given page.
func (q question) address(page int) string {
	v := url.Values{}
	if q.Text != "" {
		v.Set("q", q.Text)
	}
	for name, values := range q.Chosen {
		v[name] = values
	}
	if page > 1 {
		v.Set("page", strconv.Itoa(page))
	}
	if len(v) == 0 {
		return "/jeux"
	}
	return "/jeux?" + v.Encode()
}

// toggled is the search with a value added to a facet, or taken from it, back on its first page.
func (q question) toggled(facet, value string) question {
	next := question{Text: q.Text, Chosen: map[string][]string{}, Page: 1, Size: q.Size}
	for name, values := range q.Chosen {
		next.Chosen[name] = slices.Clone(values)
	}
	if i := slices.Index(next.Chosen[facet], value); i >= 0 {
		next.Chosen[facet] = slices.Delete(next.Chosen[facet], i, i+1)
	} else {
		next.Chosen[facet] = append(next.Chosen[facet], value)
	}
	if len(next.Chosen[facet]) == 0 {
		delete(next.Chosen, facet)
	}
	return next
}

// A searchPage is the body of search.html.
type searchPage struct {
	Text        string
	Kept        []hidden // what the form must keep: the filters
	Total       int
	Found       []catalog.Dataset
	Facets      []facetView
	Chosen      []choice
	Pager       pager
	Suggestions []choice // when nothing was found
	Answers     []answerView
	Partial     bool      // no dataset has all the words
	Meant       []meaning // words that were read as others
	Near        []choice  // places that a misspelt word may mean
	Down        bool      // the index does not answer
}

// A meaning is a word of the search, and the word of a dataset that it was read as.
type meaning struct{ Typed, Read string }

type hidden struct{ Name, Value string }

type facetView struct {
	Title  string
	Values []choice
	More   int // values that are not shown
}

// A choice is a link that adds or removes one value.
type choice struct {
	Label string
	Count int
	Path  string
	On    bool
}

func (s *Server) search(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuestion(r.URL.Query())
	if err != nil {
		return err
	}
	found, result, err := s.find(r.Context(), q)
	if err != nil {
		return s.searchDown(w, r, q, err)
	}
	if len(found) == 0 && q.Page > 1 {
		return problem(http.StatusNotFound, "Cette recherche n’a pas autant de pages. Revenez à la première.")
	}
	p := s.searchPage(q)
	p.Total, p.Found, p.Partial, p.Meant, p.Pager = result.Total, found, result.Partial, meanings(result.Meant, found), newPager(q.Page, q.Size, result.Total, q.address)
	p.Facets, p.Chosen = s.facetViews(q, result.Facets)
	if err := s.help(r.Context(), q, result, &p); err != nil {
		return err
	}
	allowScript(w.Header())
	return s.render(w, r, "search.html", s.searchHead(q, p.Chosen, result.Total), p)
}

func (s *Server) searchHead(q question, chosen []choice, total int) head {
	return head{
		Title: searchTitle(q, chosen, total), Here: "Recherche", Path: q.address(q.Page), Nav: "/jeux", NoIndex: q.Text != "" || len(chosen) > 1 || total == 0,
		Description: "Chercher parmi les jeux de données publiés par les collectivités.",
		Alternates:  []alternate{{"application/json", strings.Replace(q.address(q.Page), "/jeux", "/jeux.json", 1), "Ces résultats en JSON"}, {atomType, q.feedAddress(1), "Ces résultats en flux Atom"}},
	}
}

func (s *Server) searchPage(q question) searchPage {
	p := searchPage{Text: q.Text}
	for _, f := range facetTitles {
		for _, value := range q.Chosen[f.Name] {
			p.Kept = append(p.Kept, hidden{f.Name, value})
		}
	}
	return p
}

// help adds to the results what the search may have been after: the answer about a place, another spelling, other subjects.
func (s *Server) help(ctx context.Context, q question, result catalog.Page, p *searchPage) (err error) {
	if q.Text != "" && q.Page == 1 {
		if p.Answers, err = s.answers(ctx, q.Text); err != nil {
			return err
		}
	}
	if q.Text != "" && (result.Total == 0 || result.Partial) {
		if p.Near, err = s.near(ctx, q.Text); err != nil {
			return err
		}
	}
	if result.Total == 0 {
		p.Suggestions, err = s.suggestions(ctx)
	}
	return err
}

// meanings finds how the results write the words that were looked for in place of those that nobody has.
func meanings(read []catalog.Meaning, found []catalog.Dataset) (out []meaning) {
	for _, m := range read {
		for i := range found {
			word := written(m.Stem, found[i].Title+" "+found[i].Member.Name+" "+strings.Join(found[i].Keywords, " "))
			if word != "" {
				out = append(out, meaning{m.Typed, word})
				break
			}
		}
	}
	return out
}

// written finds a word of a text by its stem.
func written(stem, text string) string {
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if w := catalog.Words(word); len(w) == 1 && (w[0].Stem == stem || w[0].Text == stem) {
			return clean(strings.ToLower(word))
		}
	}
	return ""
}

// searchDown answers when the index does not: the page says so and leads to what can be read without it.
func (s *Server) searchDown(w http.ResponseWriter, r *http.Request, q question, err error) error {
	e := answerTo(err)
	if e.status != http.StatusServiceUnavailable || gone(r, err) {
		return err
	}
	s.Log.Error("request not answered", "route", visitOf(r).route, "path", r.URL.Path, "status", e.status, "error", err)
	p := s.searchPage(q)
	p.Down = true
	h := s.searchHead(q, nil, 0)
	h.Title, h.NoIndex, h.Alternates = "La recherche ne répond pas", true, nil
	body, err := s.execute("search.html", h, p)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Retry-After", strconv.Itoa(e.retry))
	send(w, r, e.status, "text/html; charset=utf-8", body)
	return nil
}

// find asks the index, then the catalogue for what it named, in its order.
func (s *Server) find(ctx context.Context, q question) ([]catalog.Dataset, catalog.Page, error) {
	result, err := s.Index.Search(ctx, q.query())
	if err != nil {
		return nil, result, unavailable("La recherche ne répond pas. Les jeux de données restent accessibles par collectivité.", fmt.Errorf("search: %w", err))
	}
	ids := make([]uuid.UUID, 0, len(result.IDs))
	for _, text := range result.IDs {
		id, err := uuid.Parse(text)
		if err != nil {
			return nil, result, fmt.Errorf("index names %q: %w", text, err)
		}
		ids = append(ids, id)
	}
	found, err := s.datasets(ctx, ids)
	return found, result, err
}

// facetViews makes the links of the facets, and those that take a chosen value away.
func (s *Server) facetViews(q question, facets map[string][]catalog.Facet) (views []facetView, chosen []choice) {
	for _, f := range facetTitles {
		values := facets[f.Name]
		if f.Name == "territoire" && len(q.Chosen[f.Name]) == 0 {
			continue // a commune is its own territory: the page would show one list twice
		}
		view := facetView{Title: f.Title}
		for _, value := range q.Chosen[f.Name] {
			c := choice{Label: s.facetLabel(f.Name, labelled(values, value)), On: true, Path: q.toggled(f.Name, value).address(1), Count: labelled(values, value).Count}
			view.Values, chosen = append(view.Values, c), append(chosen, c)
		}
		for _, v := range values {
			if slices.Contains(q.Chosen[f.Name], v.Value) {
				continue
			}
			if len(view.Values) >= maxShown+len(q.Chosen[f.Name]) {
				view.More++
				continue
			}
			view.Values = append(view.Values, choice{Label: s.facetLabel(f.Name, v), Count: v.Count, Path: q.toggled(f.Name, v.Value).address(1)})
		}
		if len(view.Values) > 0 {
			views = append(views, view)
		}
	}
	return views, chosen
}

// labelled finds a value among those of a facet; one that no result has is itself.
func labelled(values []catalog.Facet, value string) catalog.Facet {
	for _, v := range values {
		if v.Value == value {
			return v
		}
	}
	return catalog.Facet{Value: value}
}

// facetLabel words a value: codes are ours to word, names are the index's.
func (s *Server) facetLabel(facet string, v catalog.Facet) string {
	switch facet {
	case "type":
		return kindWord(catalog.MemberKind(v.Value))
	case "theme":
		return word(themeWords, v.Value)
	case "format":
		return s.format(v.Value).Title
	case "schema":
		return s.schemaLabel(v.Value, v.Label)
	case catalog.FreshnessFacet:
		return word(freshnessWords, v.Value)
	}
	if v.Label == "" {
		return v.Value
	}
	return v.Label
}

func (s *Server) schemaLabel(name, fallback string) string {
	if name == "-" {
		return "Sans schéma national"
	}
	if sc := s.schema(name); sc != nil && sc.Title != "" {
		return sc.Title
	}
	if fallback != "" {
		return fallback
	}
	return name
}

// suggestions are the subjects that have most datasets.
func (s *Server) suggestions(ctx context.Context) ([]choice, error) {
	all, err := s.Index.Search(ctx, catalog.Query{Page: 1, Size: 1})
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	return s.subjects(all, 6), nil
}

// subjects are the schemas of a result as links to their datasets.
func (s *Server) subjects(result catalog.Page, most int) []choice {
	var out []choice
	for _, v := range result.Facets["schema"] {
		if v.Value == "-" {
			continue
		}
		if len(out) == most {
			break
		}
		out = append(out, choice{Label: s.facetLabel("schema", v), Count: v.Count, Path: question{}.toggled("schema", v.Value).address(1)})
	}
	return out
}

func searchTitle(q question, chosen []choice, total int) string {
	title := "Jeux de données"
	if q.Text != "" {
		title = "« " + q.Text + " » : " + count(total, "jeu de données", "jeux de données")
	} else if len(chosen) == 1 {
		title += " : " + chosen[0].Label
	}
	if q.Page > 1 {
		title += ", page " + number(q.Page)
	}
	return title
}

// A pager leads to the pages before and after.
type pager struct {
	Page, Pages    int
	Previous, Next string
}

func newPager(page, size, total int, address func(int) string) pager {
	p := pager{Page: page, Pages: min((total+size-1)/size, maxPage)}
	if page > 1 {
		p.Previous = address(page - 1)
	}
	if page < p.Pages {
		p.Next = address(page + 1)
	}
	return p
}
