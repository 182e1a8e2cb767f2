package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"grenier/catalog"
)

const membersPerPage = 50

// A membersPage is the body of members.html.
type membersPage struct {
	Text    string
	Kind    string
	Kinds   []choice
	Total   int
	Members []catalog.Member
	Pager   pager
}

func (s *Server) members(w http.ResponseWriter, r *http.Request) error {
	v := r.URL.Query()
	q, page, err := readMembers(v, membersPerPage)
	if err != nil {
		return err
	}
	found, total, err := s.Store.Members(r.Context(), q)
	if err != nil {
		return fmt.Errorf("read members: %w", err)
	}
	if len(found) == 0 && page > 1 {
		return problem(http.StatusNotFound, "Cette liste n’a pas autant de pages.")
	}
	address := func(n int) string { return membersAddress(q.Text, q.Kind, n) }
	p := membersPage{Text: q.Text, Kind: string(q.Kind), Total: total, Members: found, Pager: newPager(page, membersPerPage, total, address)}
	p.Kinds = append(p.Kinds, choice{Label: "toutes", Path: membersAddress(q.Text, "", 1), On: q.Kind == ""})
	for _, k := range memberKinds {
		p.Kinds = append(p.Kinds, choice{Label: kindWords[k][1], Path: membersAddress(q.Text, k, 1), On: q.Kind == k})
	}
	return s.render(w, r, "members.html", head{Title: membersTitle(q, page), Path: address(page), Nav: "/membres",
		Description: "Les collectivités dont les données sont publiées ici.", NoIndex: q.Text != "",
		Alternates: []alternate{{"application/json", strings.Replace(address(page), "/membres", "/membres.json", 1), "Cette liste en JSON"}}}, p)
}

// readMembers reads the query of a list of members.
func readMembers(v url.Values, size int) (catalog.MemberQuery, int, error) {
	q := catalog.MemberQuery{Text: strings.TrimSpace(clean(v.Get("q"))), Kind: catalog.MemberKind(v.Get("type")), Limit: size}
	if utf8.RuneCountInString(q.Text) > maxText || !utf8.ValidString(v.Get("q")) {
		return q, 1, problem(http.StatusBadRequest, "La recherche compte plus de 200 caractères. Gardez quelques mots.")
	}
	if _, known := kindWords[q.Kind]; !known && q.Kind != "" {
		return q, 1, problem(http.StatusBadRequest, "Ce type de collectivité n’existe pas. Choisissez-en un dans la liste.")
	}
	page, err := readPage(v)
	q.Offset = (page - 1) * size
	return q, page, err
}

func membersAddress(text string, k catalog.MemberKind, page int) string {
	v := url.Values{}
	if text != "" {
		v.Set("q", text)
	}
	if k != "" {
		v.Set("type", string(k))
	}
	if page > 1 {
		v.Set("page", strconv.Itoa(page))
	}
	if len(v) == 0 {
		return "/membres"
	}
	return "/membres?" + v.Encode()
}

func membersTitle(q catalog.MemberQuery, page int) string {
	title := "Collectivités"
	if q.Kind != "" {
		title += " : " + kindWords[q.Kind][1]
	}
	if q.Text != "" {
		title += ", « " + q.Text + " »"
	}
	if page > 1 {
		title += ", page " + number(page)
	}
	return title
}
