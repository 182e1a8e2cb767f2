package web

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"grenier/catalog"
)

// An apiPage is the body of api.html: the OpenAPI document, in words.
type apiPage struct {
	Base   string
	Intro  string
	Groups []apiGroup
	Sample apiSample
}

type apiGroup struct {
	apiTag
	Anchor     string
	Operations []apiEntry
}

// An apiEntry is one thing to ask.
type apiEntry struct {
	Method, Path, Anchor, Summary, Description string
	Parameters                                 []apiParameter
	Answers                                    []apiAnswer
	Links                                      []apiLink
}

type apiAnswer struct{ Status, Meaning string }

// An apiLink is an example: an address of this site, or a command.
type apiLink struct{ Title, Path, Command string }

// api is the documentation of the API. Its examples are addresses of this catalogue; one that has nothing to show is left out.
func (s *Server) api(w http.ResponseWriter, r *http.Request) error {
	sample, err := s.apiSample(r.Context())
	if err != nil {
		return err
	}
	doc := s.machines.doc
	p := apiPage{Base: s.BaseURL, Intro: doc.Info.Description, Sample: sample}
	for _, tag := range doc.Tags {
		g := apiGroup{apiTag: tag, Anchor: anchorOf(tag.Name)}
		for _, path := range doc.Paths {
			for _, op := range path.Value.operations() {
				if slices.Contains(op.Tags, tag.Name) {
					g.Operations = append(g.Operations, s.apiEntry(path.Name, op, sample))
				}
			}
		}
		if tag.Name != checkTag || s.checks.Judge != nil {
			p.Groups = append(p.Groups, g)
		}
	}
	return s.render(w, r, "api.html", head{Title: "API", Path: "/api", Nav: "/api", Description: "Lire le catalogue et les fichiers depuis un programme : toutes les adresses, avec des exemples.",
		Alternates: []alternate{{"application/json", openAPIPath, "Description OpenAPI 3.1"}}}, p)
}

// checkTag is the group of what is absent when the site judges no files.
const checkTag = "Vérifier un fichier"

// anchorOf makes the anchor of a group: "verifier-un-fichier".
func anchorOf(name string) string {
	return strings.NewReplacer(" ", "-", "é", "e", "è", "e").Replace(strings.ToLower(name))
}

func (s *Server) apiEntry(path string, op methodOperation, sample apiSample) apiEntry {
	e := apiEntry{Method: op.Method, Path: path, Anchor: op.ID, Summary: op.Summary, Description: op.Description, Parameters: op.Parameters}
	for _, a := range op.Responses {
		e.Answers = append(e.Answers, apiAnswer{a.Name, a.Value.Description})
	}
	for _, x := range op.Examples {
		title, ok := sample.fill(x.Title, clean)
		address, known := sample.fill(x.Address, url.QueryEscape)
		command, said := sample.fill(x.Command, func(v string) string { return v })
		if ok && known && said {
			e.Links = append(e.Links, apiLink{title, address, command})
		}
	}
	return e
}

// An apiSample is what the examples are made of: things of this catalogue, by the name they have in openapi.yaml. What there is none of is "".
type apiSample map[string]string

// fill puts the things into a text; false when one of them is not there.
func (x apiSample) fill(text string, written func(string) string) (string, bool) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "{")
		name, after, shut := strings.Cut(rest, "}")
		if !found || !shut {
			b.WriteString(text)
			return b.String(), true
		}
		b.WriteString(before)
		value, known := x[name]
		switch {
		case !known: // a brace of the text itself
			b.WriteString("{")
			text = rest
			continue
		case value == "":
			return "", false
		}
		b.WriteString(written(value))
		text = after
	}
}

// sampleDatasets is how many of the newest datasets examples are looked for in.
const sampleDatasets = 50

// apiSample finds datasets that show what the API can: rows with texts and numbers, a series, versions to compare.
func (s *Server) apiSample(ctx context.Context) (apiSample, error) {
	x := apiSample{"base": s.BaseURL, "id": "", "slug": "", "siren": "", "texte": "", "nombre": "", "serie": "", "versions": "", "mot": "", "debut": "", "csv": ""}
	ds, _, err := s.Store.Datasets(ctx, catalog.DatasetQuery{Limit: sampleDatasets})
	if err != nil {
		return nil, fmt.Errorf("read newest datasets: %w", err)
	}
	best := -1
	for _, d := range ds {
		if n := x.worth(d); n > best {
			best = n
			s.showIn(x, d)
		}
		if d.IsSeries() && x["serie"] == "" {
			x["serie"] = d.ID.String()
		}
		if d.Version > 1 && x["versions"] == "" && hasRows(d) {
			kept, err := s.versions(ctx, d)
			if err != nil {
				return nil, err
			}
			if len(kept) > 1 && slices.IndexFunc(kept[1].Files, isParquet) >= 0 {
				x["versions"] = d.ID.String()
			}
		}
	}
	return x, nil
}

func isParquet(f catalog.File) bool     { return f.Format == "parquet" }
func hasRows(d catalog.Dataset) bool    { return slices.ContainsFunc(d.Files, isParquet) }
func isNumber(f catalog.FieldInfo) bool { return f.Type == "number" || f.Type == "integer" }

// isGrouping tells whether a column is worth grouping by: a text that is no identifier.
func isGrouping(f catalog.FieldInfo) bool {
	return f.Type == "string" && !strings.HasSuffix(strings.ToLower(f.Name), "id") && !strings.HasPrefix(strings.ToLower(f.Name), "id")
}

// worth tells how much a dataset has to show.
func (x apiSample) worth(d catalog.Dataset) (n int) {
	if hasRows(d) {
		n += 4
	}
	if slices.ContainsFunc(d.Fields, isNumber) {
		n += 2
	}
	if slices.ContainsFunc(d.Fields, isGrouping) {
		n++
	}
	if d.IsSeries() {
		n-- // it has no report
	}
	return n
}

// showIn makes a dataset the one of the examples.
func (s *Server) showIn(x apiSample, d catalog.Dataset) {
	x["id"], x["slug"], x["siren"], x["texte"], x["nombre"], x["csv"] = d.ID.String(), d.Slug, d.Member.SIREN, "", "", ""
	for _, f := range slices.Backward(d.Fields) {
		switch {
		case isNumber(f):
			x["nombre"] = f.Name
		case isGrouping(f):
			x["texte"] = f.Name
		}
	}
	for _, f := range d.Files {
		if f.Format == "csv" {
			x["csv"] = s.BaseURL + filePath(f)
		}
	}
	x["mot"] = "subventions"
	for _, word := range strings.Fields(strings.ToLower(clean(d.Title))) {
		if plainWord(word) {
			x["mot"] = word
			break
		}
	}
	x["debut"] = string([]rune(x["mot"])[:4])
}

// plainWord tells whether a word can be shown as something to look for.
func plainWord(word string) bool {
	for _, r := range word {
		if r < 'a' || r > 'z' && r < 'à' || r > 'ÿ' {
			return false
		}
	}
	return len([]rune(word)) >= 5
}

// lowerFirst begins a sentence inside another.
func lowerFirst(text string) string {
	first, rest := []rune(text)[:1], []rune(text)[1:]
	return strings.ToLower(string(first)) + string(rest)
}

// marked shows a text of the document: escaped, French spaces, what stands between backquotes as code.
func marked(text string) template.HTML {
	var b strings.Builder
	for i, part := range strings.Split(text, "`") {
		if i%2 == 1 {
			b.WriteString("<code>" + template.HTMLEscapeString(part) + "</code>")
			continue
		}
		b.WriteString(template.HTMLEscapeString(french(part)))
	}
	return template.HTML(b.String())
}

// maxPageSize is the most that a list gives at once.
const maxPageSize = 100

// onlyThese refuses a parameter that an address of the API does not have: a program that misspells a filter must not get everything.
func onlyThese(v url.Values, names ...string) error {
	for name := range v {
		if !slices.Contains(names, name) {
			return problem(http.StatusBadRequest, "Le paramètre « "+shown(name)+" » n’existe pas. Cette adresse prend : "+strings.Join(names, ", ")+".")
		}
	}
	return nil
}

// apiDatasets is the search as JSON; an index that does not answer is 503.
func (s *Server) apiDatasets(w http.ResponseWriter, r *http.Request) error {
	v := r.URL.Query()
	names := []string{"q"}
	for _, f := range facetTitles {
		names = append(names, f.Name)
	}
	if err := onlyThese(v, append(names, "page", "page_size")...); err != nil {
		return err
	}
	for _, k := range v["type"] {
		if _, known := kindWords[catalog.MemberKind(k)]; !known && k != "" {
			return errUnknownKind
		}
	}
	q, err := readQuestion(v)
	if err != nil {
		return err
	}
	if q.Size, err = readBetween(v, "page_size", 20, maxPageSize); err != nil {
		return err
	}
	found, result, err := s.find(r.Context(), q)
	if err != nil {
		return err
	}
	out := listJSON[datasetJSON]{Data: []datasetJSON{}, Total: result.Total, Page: q.Page, PageSize: q.Size, Facets: map[string][]catalog.Facet{}}
	for _, d := range found {
		out.Data = append(out.Data, s.datasetJSON(d, false))
	}
	for _, f := range facetTitles {
		out.Facets[f.Name] = []catalog.Facet{}
		for _, v := range result.Facets[f.Name] {
			v.Label = s.facetLabel(f.Name, v)
			out.Facets[f.Name] = append(out.Facets[f.Name], v)
		}
	}
	return sendJSON(w, r, out)
}

func (s *Server) apiDataset(w http.ResponseWriter, r *http.Request) error {
	d, err := s.byID(r)
	if err != nil {
		return err
	}
	return sendJSON(w, r, s.datasetJSON(d, true))
}

func (s *Server) apiMembers(w http.ResponseWriter, r *http.Request) error {
	v := r.URL.Query()
	if err := onlyThese(v, "q", "type", "page", "page_size"); err != nil {
		return err
	}
	size, err := readBetween(v, "page_size", 20, maxPageSize)
	if err != nil {
		return err
	}
	q, page, err := readMembers(v, size)
	if err != nil {
		return err
	}
	found, total, err := s.Store.Members(r.Context(), q)
	if err != nil {
		return fmt.Errorf("read members: %w", err)
	}
	out := listJSON[memberJSON]{Data: []memberJSON{}, Total: total, Page: page, PageSize: size}
	for _, m := range found {
		out.Data = append(out.Data, s.memberJSON(m))
	}
	return sendJSON(w, r, out)
}

func (s *Server) apiSchemas(w http.ResponseWriter, r *http.Request) error {
	v := r.URL.Query()
	if err := onlyThese(v, "page", "page_size"); err != nil {
		return err
	}
	size, err := readBetween(v, "page_size", 20, maxPageSize)
	if err != nil {
		return err
	}
	page, err := readPage(v)
	if err != nil {
		return err
	}
	all := s.schemaEntries(r.Context())
	from := min((page-1)*size, len(all))
	out := listJSON[schemaJSON]{Data: []schemaJSON{}, Total: len(all), Page: page, PageSize: size}
	for _, e := range all[from:min(from+size, len(all))] {
		out.Data = append(out.Data, s.schemaJSON(e))
	}
	return sendJSON(w, r, out)
}

func (s *Server) schemaJSON(e schemaEntry) schemaJSON {
	out := schemaJSON{Name: e.ID.Name(), Version: e.ID.Version(), Versions: []string{}, Title: e.Title, Description: e.Description,
		Form: string(e.Form), URL: e.URL, Datasets: e.Datasets, Page: s.BaseURL + e.Path}
	for _, id := range s.Schemas.Versions(e.ID.Name()) {
		out.Versions = append(out.Versions, id.Version())
	}
	return out
}
