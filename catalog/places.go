package catalog

import (
	"cmp"
	"slices"
	"strings"

	"grenier/catalog/reference"
)

// maxPlaceWords is how many words the name of a place can have, empty ones aside.
const maxPlaceWords = 6

// PlaceKey is what two ways of writing the name of a place have in common: « St Claude », « SAINT-CLAUDE » and « Ville de Saint-Claude » are one.
func PlaceKey(name string) string { return placeKey(properName(name)) }

func placeKey(words []Word) string { return strings.Join(Texts(words), "_") }

// kindWords begin the names of public bodies, before the name proper.
var kindWords = set(`communaute commune communes agglomeration urbaine cc ca cu espace communautaire ville mairie departement conseil departemental syndicat
	mixte intercommunal intercommunale metropole communautes`)

// commonWords begin the names of many places: alone they name none.
var commonWords = set(`saint sainte saints saintes grand grande petit petite haut haute bas basse pays val vals vallee mont monts port pont chateau villers
	fontaine bois mesnil ville neuve vieux coeur porte portes plaine plateau station champagne`)

// properName is a name without the words that say what kind of body it is. A name of nothing else keeps them.
func properName(name string) []Word {
	if i := strings.IndexByte(name, '('); i > 0 {
		if inner := Words(name[i:]); len(inner) > 1 && strings.HasSuffix(strings.TrimSpace(name), ")") {
			name = name[:i] + " " + name[i:]
		}
	}
	words := Words(name)
	for i, w := range words {
		if !kindWords[w.Text] {
			return words[i:]
		}
	}
	return words
}

// headOf is the beginning of a name by which people call the place, « Lons » for Lons-le-Saunier; "" when it has none.
func headOf(words []Word) string {
	switch {
	case len(words) > 1 && !commonWords[words[0].Text]:
		return words[0].Text
	case len(words) > 2:
		return placeKey(words[:2])
	}
	return ""
}

// A reach is where a member's datasets are about, as keys.
type reach struct {
	own    []string // its names and its codes
	former []string // communes that became part of it
	heads  []string // beginnings of its names, and its postal codes
	covers []string // its communes, or the grouping that it belongs to
	areas  []string // its département
}

func reachOf(m *Member) reach {
	var r reach
	add := func(list *[]string, key string) {
		if key != "" && !slices.Contains(*list, key) {
			*list = append(*list, key)
		}
	}
	area := func(code string) {
		if a, ok := reference.FindDepartement(code); ok {
			add(&r.areas, PlaceKey(a.Name))
		}
	}
	name := properName(m.Name)
	add(&r.own, placeKey(name))
	add(&r.own, m.SIREN)
	add(&r.own, m.INSEE)
	add(&r.heads, headOf(name))
	c, ok := communeOf(m)
	if ok {
		for _, code := range c.PostalCodes {
			add(&r.heads, code)
		}
		add(&r.own, PlaceKey(c.Name))
		for _, old := range reference.FormerNames(c.INSEE) {
			add(&r.former, PlaceKey(old))
		}
		if e, ok := reference.FindEPCI(c.EPCI); ok {
			add(&r.covers, PlaceKey(e.Name))
		}
		area(c.Departement)
	}
	if e, ok := reference.FindEPCI(m.SIREN); ok {
		add(&r.own, PlaceKey(e.Name))
		for i, insee := range e.Communes {
			c, _ := reference.FindCommune(insee)
			add(&r.covers, PlaceKey(c.Name))
			for _, old := range reference.FormerNames(insee) {
				add(&r.covers, PlaceKey(old))
			}
			if i == 0 {
				area(c.Departement)
			}
		}
	}
	return r
}

// communeOf finds a member in the list of communes, by its code or its SIREN.
func communeOf(m *Member) (reference.Commune, bool) {
	if m.INSEE != "" {
		if c, ok := reference.FindCommune(m.INSEE); ok {
			return c, true
		}
	}
	return reference.FindSIREN(m.SIREN)
}

// A Place is a member, or a commune that a member's grouping covers.
type Place struct {
	Name    string
	INSEE   string     // "" for what is no commune
	Kind    MemberKind // Commune for a commune, a member or not
	SIREN   string     // of the member, "" when the place is none
	Members []Member   // whose data is about the place: itself, then the groupings that cover it
}

// A PlaceMatch is a place that a search names.
type PlaceMatch struct {
	Place
	Typed    string // the words of the search, folded
	Formerly string // the name of the past that was typed, "" when it is the one of today
	Whole    bool   // the whole name was typed
}

// Places finds the places that a catalogue covers by their names of today, of the past, and by the beginnings of names that only one has.
type Places struct {
	byKey  map[string][]named
	sorted []spelled // by text
}

type named struct {
	place *Place
	past  string
	head  bool
}

type spelled struct {
	text  string
	place *Place
	past  string
	first bool // text is the whole name, not its end
}

// NewPlaces makes the list for all members of a catalogue.
func NewPlaces(members []Member) *Places {
	p := &Places{byKey: map[string][]named{}}
	communes := map[string]*Place{}
	for i := range members {
		m := &members[i]
		place := &Place{Name: m.Name, INSEE: m.INSEE, Kind: m.Kind, SIREN: m.SIREN, Members: []Member{*m}}
		c, ok := communeOf(m)
		if ok && m.Kind == Commune {
			place.Name, place.INSEE = c.Name, c.INSEE
			communes[c.INSEE] = place
		}
		p.add(place, m.Name)
		if ok && m.Kind == Commune && c.Name != m.Name {
			p.add(place, c.Name)
		}
	}
	for i := range members {
		p.cover(communes, &members[i])
	}
	for insee, place := range communes {
		for _, old := range reference.FormerNames(insee) {
			p.addNamed(properName(old), named{place: place, past: old})
		}
	}
	slices.SortFunc(p.sorted, func(a, b spelled) int {
		return cmp.Or(cmp.Compare(a.text, b.text), cmp.Compare(a.place.Name, b.place.Name))
	})
	return p
}

// cover adds the communes of a grouping.
func (p *Places) cover(communes map[string]*Place, m *Member) {
	e, ok := reference.FindEPCI(m.SIREN)
	if !ok {
		return
	}
	for _, insee := range e.Communes {
		c, ok := reference.FindCommune(insee)
		if !ok {
			continue
		}
		place := communes[insee]
		if place == nil {
			place = &Place{Name: c.Name, INSEE: insee, Kind: Commune}
			communes[insee] = place
			p.add(place, c.Name)
		}
		place.Members = append(place.Members, *m)
	}
}

func (p *Places) add(place *Place, name string) { p.addNamed(properName(name), named{place: place}) }

func (p *Places) addNamed(words []Word, n named) {
	key := placeKey(words)
	if key == "" || slices.ContainsFunc(p.byKey[key], func(o named) bool { return o.place == n.place && !o.head }) {
		return
	}
	p.byKey[key] = append(p.byKey[key], n)
	for _, code := range []string{n.place.INSEE, n.place.SIREN} {
		if code != "" && len(p.byKey[code]) == 0 {
			p.byKey[code] = []named{{place: n.place}}
		}
	}
	if head := headOf(words); head != "" && n.past == "" {
		p.byKey[head] = append(p.byKey[head], named{place: n.place, head: true})
	}
	texts := Texts(words)
	for i := range texts {
		p.sorted = append(p.sorted, spelled{strings.Join(texts[i:], " "), n.place, n.past, i == 0})
	}
}

// Find finds the places that a search names, in the order of its words: for each name all places that have it, communes first, one whose whole name it
// is rather than one that begins so. What stands for several only by its beginning stands for none, unless they are a commune and its grouping.
func (p *Places) Find(text string) (found [][]PlaceMatch) {
	known := func(key string) bool { return len(p.byKey[key]) > 0 }
	for _, u := range Units(text, known) {
		if u.Place == "" {
			continue
		}
		if list := p.matches(u); len(list) > 0 {
			found = append(found, list)
		}
	}
	return found
}

func (p *Places) matches(u Unit) (list []PlaceMatch) {
	all := p.byKey[u.Place]
	whole := slices.ContainsFunc(all, func(n named) bool { return !n.head })
	for _, n := range all {
		if n.head && whole {
			continue
		}
		list = append(list, PlaceMatch{Place: *n.place, Typed: strings.Join(Texts(u.Words), " "), Formerly: n.past, Whole: !n.head})
	}
	slices.SortStableFunc(list, func(a, b PlaceMatch) int {
		return cmp.Or(order(a.Kind != Commune, b.Kind != Commune), order(a.Formerly != "", b.Formerly != ""), order(a.SIREN == "", b.SIREN == ""), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// order puts what is not before what is.
func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// Begin finds places one of whose words begins the text: those whose name does first, then members, the most populous first.
func (p *Places) Begin(text string, most int) (list []PlaceMatch) {
	words := strings.Join(Texts(Words(text)), " ")
	if words == "" {
		return nil
	}
	type candidate struct {
		PlaceMatch
		first bool
	}
	var all []candidate
	at, _ := slices.BinarySearchFunc(p.sorted, words, func(s spelled, text string) int { return cmp.Compare(s.text, text) })
	for _, s := range p.sorted[at:] {
		if !strings.HasPrefix(s.text, words) || len(all) == 400 {
			break
		}
		m := PlaceMatch{Place: *s.place, Typed: words, Formerly: s.past, Whole: s.text == words && s.first}
		if i := slices.IndexFunc(all, func(c candidate) bool { return c.Name == m.Name && c.INSEE == m.INSEE && c.SIREN == m.SIREN }); i >= 0 {
			all[i].first = all[i].first || s.first
			continue
		}
		all = append(all, candidate{m, s.first})
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Or(order(!a.Whole, !b.Whole), order(!a.first, !b.first), order(a.SIREN == "", b.SIREN == ""), b.population()-a.population(), cmp.Compare(a.Name, b.Name))
	})
	for _, c := range all[:min(most, len(all))] {
		list = append(list, c.PlaceMatch)
	}
	return list
}

func (p *Place) population() int {
	if p.SIREN == "" || len(p.Members) == 0 {
		return 0
	}
	return p.Members[0].Population
}

// Near finds places whose whole name, or its beginning, is one or two typing errors away from a part of the text that is no name by itself.
func (p *Places) Near(text string, most int) (list []PlaceMatch) {
	words := Words(text)
	best, read := map[*Place]int{}, map[*Place]string{}
	for i := range words {
		for n := 1; n <= maxPlaceWords && i+n <= len(words); n++ {
			typed := placeKey(words[i : i+n])
			if len(p.byKey[typed]) > 0 || len(typed) < 4 {
				continue
			}
			for key, all := range p.byKey {
				if d, ok := Distance(typed, key, Errors(typed)); ok {
					for _, x := range all {
						if old, seen := best[x.place]; !seen || d < old {
							best[x.place], read[x.place] = d, strings.Join(Texts(words[i:i+n]), " ")
						}
					}
				}
			}
		}
	}
	near := make([]*Place, 0, len(best))
	for place := range best {
		near = append(near, place)
	}
	slices.SortFunc(near, func(a, b *Place) int {
		return cmp.Or(best[a]-best[b], order(a.SIREN == "", b.SIREN == ""), b.population()-a.population(), cmp.Compare(a.Name, b.Name))
	})
	for _, place := range near[:min(most, len(near))] {
		list = append(list, PlaceMatch{Place: *place, Typed: read[place]})
	}
	return list
}

// Errors is how many typing errors a word may have: none under 4 letters, one under 8, two from there.
func Errors(word string) int {
	switch n := len(word); {
	case n < 4:
		return 0
	case n < 8:
		return 1
	}
	return 2
}

// Distance is how many letters must be changed, added, taken away, or swapped with their neighbour, between two folded words with the same first letter,
// when that is at most the given number.
func Distance(a, b string, most int) (int, bool) {
	if a == b {
		return 0, true
	}
	if most == 0 || a == "" || b == "" || a[0] != b[0] || len(a)-len(b) > most || len(b)-len(a) > most {
		return 0, false
	}
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next[0] = i
		low := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j-1]+cost, row[j]+1, next[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
			low = min(low, next[j])
		}
		if low > most {
			return 0, false
		}
		before, row, next = row, next, before
	}
	return row[len(b)], row[len(b)] <= most
}
