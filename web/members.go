package web

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"grenier/catalog"
	"grenier/catalog/reference"
)

const membersPerPage = 50

// A membersPage is the body of members.html.
type membersPage struct {
	Asked   membersQuestion
	Kinds   []choice
	Groups  []choice // the intercommunal bodies of the communes that are members
	Areas   []choice // their départements, when there are several
	Letters []choice
	Order   choice // the other one
	Total   int
	Members []memberRow
	Pager   pager
}

// A memberRow is a member, with what the territory says of it.
type memberRow struct {
	catalog.Member
	Group, Area string // SIREN of the intercommunal body, code of the département; "" when they are not known
}

// Initial is the letter under which the member stands, without its accent; "#" when it has none.
func (m memberRow) Initial() string {
	folded := catalog.Fold(m.Name)
	if folded == "" || folded[0] < 'a' || folded[0] > 'z' {
		return "#"
	}
	return strings.ToUpper(folded[:1])
}

// A membersQuestion is a list of members as its address says it.
type membersQuestion struct {
	Text, Group, Area, Letter string
	Kind                      catalog.MemberKind
	ByPopulation              bool
	Page                      int
}

func (s *Server) members(w http.ResponseWriter, r *http.Request) error {
	q, err := readMembersQuestion(r.URL.Query())
	if err != nil {
		return err
	}
	found, _, err := s.Store.Members(r.Context(), catalog.MemberQuery{Text: q.Text, Kind: q.Kind})
	if err != nil {
		return fmt.Errorf("read members: %w", err)
	}
	p := membersPage{Asked: q}
	rows := s.memberRows(found)
	p.Groups, p.Areas = s.groupChoices(q, rows), areaChoices(q, rows)
	rows = slices.DeleteFunc(rows, func(m memberRow) bool {
		return q.Group != "" && m.Group != q.Group && m.SIREN != q.Group || q.Area != "" && m.Area != q.Area
	})
	p.Letters = letterChoices(q, rows)
	rows = slices.DeleteFunc(rows, func(m memberRow) bool { return q.Letter != "" && m.Initial() != q.Letter })
	if p.Order = (choice{Label: "par nombre d’habitants", Path: q.with(func(q *membersQuestion) { q.ByPopulation = true })}); q.ByPopulation {
		slices.SortStableFunc(rows, func(a, b memberRow) int { return cmp.Compare(b.Population, a.Population) })
		p.Order = choice{Label: "par ordre alphabétique", Path: q.with(func(q *membersQuestion) { q.ByPopulation = false })}
	}
	from := (q.Page - 1) * membersPerPage
	if from >= len(rows) && q.Page > 1 {
		return problem(http.StatusNotFound, "Cette liste n’a pas autant de pages.")
	}
	p.Total, p.Members = len(rows), rows[min(from, len(rows)):min(from+membersPerPage, len(rows))]
	p.Pager = newPager(q.Page, membersPerPage, len(rows), q.address)
	for _, k := range append([]catalog.MemberKind{""}, memberKinds...) {
		c := choice{Label: "toutes", Path: q.with(func(q *membersQuestion) { q.Kind = k }), On: q.Kind == k}
		if k != "" {
			c.Label = kindWords[k][1]
		}
		p.Kinds = append(p.Kinds, c)
	}
	return s.render(w, r, "members.html", s.membersHead(q, p), p)
}

func (s *Server) membersHead(q membersQuestion, p membersPage) head {
	h := head{Title: membersTitle(q, p), Here: "Collectivités", Path: q.address(q.Page), Nav: "/membres", NoIndex: q.Text != "" || q.ByPopulation || p.Total == 0,
		Description: "Les collectivités dont les données sont publiées ici."}
	if q == (membersQuestion{Text: q.Text, Kind: q.Kind, Page: q.Page}) { // the twin knows the name and the kind only
		h.Alternates = []alternate{{"application/json", strings.Replace(q.address(q.Page), "/membres", "/membres.json", 1), "Cette liste en JSON"}}
	}
	return h
}

// memberRows adds what the lists of the State say of each commune.
func (s *Server) memberRows(members []catalog.Member) []memberRow {
	rows := make([]memberRow, len(members))
	for i, m := range members {
		rows[i].Member = m
		if m.Kind == catalog.EPCI {
			rows[i].Group = m.SIREN
			if g, ok := reference.FindEPCI(m.SIREN); ok && len(g.Communes) > 0 {
				c, _ := reference.FindCommune(g.Communes[0])
				rows[i].Area = c.Departement
			}
		}
		if c, ok := reference.FindCommune(m.INSEE); ok && m.Kind == catalog.Commune {
			rows[i].Group, rows[i].Area = c.EPCI, c.Departement
		}
		if a, ok := reference.FindDepartement(m.INSEE); ok && m.Kind == catalog.Departement {
			rows[i].Area = a.Code
		}
	}
	return rows
}

// groupChoices are the intercommunal bodies that several of the members belong to.
func (s *Server) groupChoices(q membersQuestion, rows []memberRow) []choice {
	counts, names := map[string]int{}, map[string]string{}
	for _, m := range rows {
		if m.Group == "" {
			continue
		}
		counts[m.Group]++
		if m.Kind == catalog.EPCI {
			names[m.Group] = m.Name
		}
	}
	var out []choice
	for siren, n := range counts {
		if n < 2 && q.Group != siren {
			continue
		}
		name := names[siren]
		if g, ok := reference.FindEPCI(siren); name == "" && ok {
			name = g.Name
		}
		on := q.Group == siren
		out = append(out, choice{Label: clean(cmp.Or(name, siren)), Count: n, On: on, Path: q.with(func(q *membersQuestion) {
			if q.Group = siren; on {
				q.Group = ""
			}
		})})
	}
	slices.SortFunc(out, func(a, b choice) int { return cmp.Compare(catalog.Fold(a.Label), catalog.Fold(b.Label)) })
	return out
}

// areaChoices are the départements of the members, when there are several.
func areaChoices(q membersQuestion, rows []memberRow) []choice {
	counts := map[string]int{}
	for _, m := range rows {
		if m.Area != "" {
			counts[m.Area]++
		}
	}
	if len(counts) < 2 && q.Area == "" {
		return nil
	}
	var out []choice
	for code, n := range counts {
		a, _ := reference.FindDepartement(code)
		on := q.Area == code
		out = append(out, choice{Label: cmp.Or(a.Name, code), Count: n, On: on, Path: q.with(func(q *membersQuestion) {
			if q.Area = code; on {
				q.Area = ""
			}
		})})
	}
	slices.SortFunc(out, func(a, b choice) int { return cmp.Compare(catalog.Fold(a.Label), catalog.Fold(b.Label)) })
	return out
}

// letterChoices are the initials of the members, once there is more than a page of them.
func letterChoices(q membersQuestion, rows []memberRow) []choice {
	if len(rows) <= membersPerPage && q.Letter == "" {
		return nil
	}
	found := map[string]bool{q.Letter: q.Letter != ""}
	for _, m := range rows {
		found[m.Initial()] = true
	}
	out := []choice{{Label: "toutes", On: q.Letter == "", Path: q.with(func(q *membersQuestion) { q.Letter = "" })}}
	for _, l := range "ABCDEFGHIJKLMNOPQRSTUVWXYZ#" {
		if letter := string(l); found[letter] {
			out = append(out, choice{Label: letter, On: q.Letter == letter, Path: q.with(func(q *membersQuestion) { q.Letter = letter })})
		}
	}
	return out
}

// readMembersQuestion reads the query of the page; what it cannot mean is a bad request.
func readMembersQuestion(v url.Values) (membersQuestion, error) {
	base, page, err := readMembers(v, membersPerPage)
	q := membersQuestion{Text: base.Text, Kind: base.Kind, Page: page, Group: clean(v.Get("intercommunalite")), Area: clean(v.Get("departement")), Letter: strings.ToUpper(clean(v.Get("initiale")))}
	if err != nil {
		return q, err
	}
	if len(q.Group) > 9 || len(q.Area) > 3 || utf8.RuneCountInString(q.Letter) > 1 {
		return q, problem(http.StatusBadRequest, "Ce filtre n’existe pas. Choisissez une intercommunalité, un département ou une initiale dans la page.")
	}
	switch v.Get("tri") {
	case "", "nom":
	case "population":
		q.ByPopulation = true
	default:
		return q, problem(http.StatusBadRequest, "Ce tri n’existe pas. La liste se range par nom ou par population.")
	}
	return q, nil
}

// with is the address of the question once changed, on its first page.
func (q membersQuestion) with(change func(*membersQuestion)) string {
	change(&q)
	return q.address(1)
}

func (q membersQuestion) address(page int) string {
	v := url.Values{}
	for name, value := range map[string]string{"q": q.Text, "type": string(q.Kind), "intercommunalite": q.Group, "departement": q.Area, "initiale": q.Letter} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if q.ByPopulation {
		v.Set("tri", "population")
	}
	if page > 1 {
		v.Set("page", strconv.Itoa(page))
	}
	if len(v) == 0 {
		return "/membres"
	}
	return "/membres?" + v.Encode()
}

var errUnknownKind = problem(http.StatusBadRequest, "Ce type de collectivité n’existe pas. Les types sont : commune, epci, departement, syndicat et autre.")

// readMembers reads the query of a list of members, as the twin of the page knows it.
func readMembers(v url.Values, size int) (catalog.MemberQuery, int, error) {
	q := catalog.MemberQuery{Text: strings.TrimSpace(clean(v.Get("q"))), Kind: catalog.MemberKind(v.Get("type")), Limit: size}
	if utf8.RuneCountInString(q.Text) > maxText || !utf8.ValidString(v.Get("q")) {
		return q, 1, problem(http.StatusBadRequest, "La recherche compte plus de 200 caractères. Gardez quelques mots.")
	}
	if _, known := kindWords[q.Kind]; !known && q.Kind != "" {
		return q, 1, errUnknownKind
	}
	page, err := readPage(v)
	q.Offset = (page - 1) * size
	return q, page, err
}

func membersTitle(q membersQuestion, p membersPage) string {
	title := "Collectivités"
	if q.Kind != "" {
		title += " : " + kindWords[q.Kind][1]
	}
	for _, c := range slices.Concat(p.Groups, p.Areas) {
		if c.On {
			title += ", " + c.Label
		}
	}
	if q.Letter != "" {
		title += ", " + q.Letter
	}
	if q.Text != "" {
		title += ", « " + q.Text + " »"
	}
	if q.ByPopulation {
		title += ", par population"
	}
	if q.Page > 1 {
		title += ", page " + number(q.Page)
	}
	return title
}
