package web

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"grenier/catalog"

	"github.com/google/uuid"
)

// maxSuggestions is how many suggestions a text gets.
const maxSuggestions = 8

// A suggestion is something that the beginning of a search may mean.
type suggestion struct {
	Kind   string `json:"kind"`   // lieu, organisme, sujet, jeu
	Label  string `json:"label"`  // what is shown
	Detail string `json:"detail"` // what it is, in a few words
	Page   string `json:"page"`   // its address
}

// suggest answers what the beginning of a search may mean: places, then members, subjects and datasets.
func (s *Server) suggest(w http.ResponseWriter, r *http.Request) error {
	text := strings.TrimSpace(clean(r.URL.Query().Get("q")))
	if utf8.RuneCountInString(text) > maxText {
		return problem(http.StatusBadRequest, "La recherche compte plus de 200 caractères. Gardez quelques mots.")
	}
	out := struct {
		Data []suggestion `json:"data"`
	}{[]suggestion{}}
	if utf8.RuneCountInString(text) >= 2 {
		found, err := s.suggested(r.Context(), text)
		if err != nil {
			return unavailable("Les suggestions ne répondent pas. La recherche elle-même peut être lancée.", err)
		}
		out.Data = append(out.Data, found...)
	}
	for i := range out.Data {
		out.Data[i].Page = s.BaseURL + out.Data[i].Page
	}
	return sendJSON(w, r, out)
}

func (s *Server) suggested(ctx context.Context, text string) ([]suggestion, error) {
	places, schemas, err := s.gazetteer.look(ctx, s)
	if err != nil {
		return nil, err
	}
	list := suggestedPlaces(places, text)
	list = append(list, suggestedPairs(places, text)...)
	list = append(list, s.suggestedSubjects(schemas, text)...)
	datasets, err := s.suggestedDatasets(ctx, text, maxSuggestions-min(len(list), maxSuggestions-2))
	if err != nil {
		return nil, err
	}
	list = append(list[:min(len(list), maxSuggestions-len(datasets))], datasets...)
	return list, nil
}

// suggestedPlaces are the places whose name begins so.
func suggestedPlaces(places *catalog.Places, text string) (list []suggestion) {
	for _, p := range places.Begin(text, 3) {
		x := suggestion{Kind: "lieu", Label: p.Name, Detail: kindWord(p.Kind), Page: question{Text: p.Name}.address(1)}
		if p.Kind != catalog.Commune {
			x.Kind = "organisme"
		}
		if p.SIREN != "" {
			x.Page = memberPath(p.SIREN)
		}
		if p.Formerly != "" {
			x.Label, x.Detail = p.Formerly, "commune qui fait partie de "+p.Name
		}
		list = append(list, x)
	}
	return list
}

// suggestedPairs are a subject and the places whose name begins as the words behind it: « subventions lo ».
func suggestedPairs(places *catalog.Places, text string) (list []suggestion) {
	words := strings.Fields(text)
	for i := 1; i < len(words); i++ {
		about := strings.Join(words[:i], " ")
		if len(catalog.SubjectsOf(about)) == 0 || len([]rune(words[len(words)-1])) < 2 {
			continue
		}
		for _, p := range places.Begin(strings.Join(words[i:], " "), 3) {
			q := question{Text: about + " " + p.Name}
			list = append(list, suggestion{Kind: "lieu", Label: q.Text, Detail: "sujet et " + kindWord(p.Kind), Page: q.address(1)})
		}
		if len(list) > 0 {
			return list
		}
	}
	return nil
}

// suggestedSubjects are the schemas with datasets that the text names, or one of whose title's words it begins.
func (s *Server) suggestedSubjects(schemas []catalog.Facet, text string) (list []suggestion) {
	subjects := catalog.SubjectsOf(text)
	typed := catalog.Fold(text)
	for _, f := range schemas {
		label := s.facetLabel("schema", f)
		if f.Value == "-" || !about(subjects, f.Value) && !strings.Contains(" "+catalog.Fold(label), " "+typed) {
			continue
		}
		list = append(list, suggestion{Kind: "sujet", Label: label, Detail: "sujet, " + count(f.Count, "jeu de données", "jeux de données"), Page: question{}.toggled("schema", f.Value).address(1)})
		if len(list) == 2 {
			break
		}
	}
	return list
}

// suggestedDatasets are the best datasets for the text, whose last word may go on.
func (s *Server) suggestedDatasets(ctx context.Context, text string, most int) (list []suggestion, err error) {
	found, err := s.Index.Search(ctx, catalog.Query{Text: text, Typing: true, Bare: true, Page: 1, Size: most})
	if err != nil || found.Partial {
		return nil, err
	}
	var ids []uuid.UUID
	for _, text := range found.IDs {
		if id, err := uuid.Parse(text); err == nil {
			ids = append(ids, id)
		}
	}
	ds, err := s.datasets(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, d := range ds {
		title := clean(d.Title)
		if slices.ContainsFunc(list, func(x suggestion) bool { return x.Label == title && strings.HasSuffix(x.Detail, clean(d.Member.Name)) }) {
			continue
		}
		list = append(list, suggestion{Kind: "jeu", Label: title, Detail: "jeu de données, " + clean(d.Member.Name), Page: datasetPath(d.Slug)})
	}
	return list, nil
}
