package web

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"grenier/publish"
	"grenier/schemas"
)

// A column is how one column of a table is shown to people.
type column struct {
	Name  string
	Title string // what heads it: its title, or its name
	Type  schemas.Type
	Right bool // numbers, aligned to the right
	look  look
	dull  bool // every row has the same there, or nothing
}

// A look is the French form of a cell. What the files hold never changes: only screens have looks.
type look int

const (
	lookText   look = iota
	lookNumber      // 12 345,67
	lookEuros       // 12 345,67 €
	lookDate        // 27/02/2026
	lookMoment      // 27/02/2026 à 14 h 05
	lookYes         // oui, non
	lookLink        // an address to follow
)

// A cell is one value on a screen. Raw is the value of the files, where it is written otherwise.
type cell struct {
	Text string
	Raw  string
	Link string
	Cut  bool // the text goes on
	None bool
}

// codeWords are in the names of columns whose digits are no quantity: they are shown as they are.
var codeWords = []string{"siren", "siret", "insee", "code", "annee", "année", "year", "exercice", "numero", "numéro", "postal", "lat", "lon", "cog", "ligne", "version", "telephone", "rna", "nic"}

// moneyWords are in the names of columns of euros.
var moneyWords = []string{"montant", "prix", "cout", "coût", "tarif"}

func columnOf(f *schemas.Field) column {
	c := column{Name: f.Name, Title: clean(f.Title), Type: f.Type}
	if c.Title == "" {
		c.Title = clean(f.Name)
	}
	switch f.Physical() {
	case schemas.Int64, schemas.Float:
		c.Right = true
		switch words := nameWords(f.Name); {
		case f.Type != schemas.Integer && f.Type != schemas.Number || isCode(words):
		case has(words, moneyWords):
			c.look = lookEuros
		default:
			c.look = lookNumber
		}
	case schemas.Days:
		c.look = lookDate
	case schemas.Micros:
		c.look = lookMoment
	case schemas.Bool:
		c.look = lookYes
	default:
		if f.Format == "uri" {
			c.look = lookLink
		}
	}
	return c
}

// nameWords parts a column's name into lower-case words: idBeneficiaire, COLL_NOM, "montant, TTC".
func nameWords(name string) (words []string) {
	var word []rune
	lower := false // the letter before
	flush := func() {
		if len(word) > 0 {
			words, word = append(words, string(word)), nil
		}
	}
	for _, r := range name {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) || unicode.IsUpper(r) && lower {
			flush()
		}
		if lower = unicode.IsLower(r); unicode.IsLetter(r) || unicode.IsDigit(r) {
			word = append(word, unicode.ToLower(r))
		}
	}
	flush()
	return words
}

// has tells whether a word begins with one of a list.
func has(words, list []string) bool {
	return slices.ContainsFunc(words, func(w string) bool {
		return slices.ContainsFunc(list, func(l string) bool { return strings.HasPrefix(w, l) })
	})
}

func isCode(words []string) bool { return has(words, codeWords) || slices.Contains(words, "id") }

// show writes a value of the column, given as files have it; most is in characters.
func (c *column) show(raw string, most int) cell {
	out := cell{Text: raw, Raw: raw}
	switch c.look {
	case lookNumber:
		out.Text = frenchNumber(raw)
	case lookEuros:
		out.Text = euros(raw)
	case lookDate:
		out.Text = shortDate(raw)
	case lookMoment:
		out.Text = shortMoment(raw)
	case lookYes:
		out.Text = map[string]string{"true": "oui", "false": "non"}[raw]
	case lookLink:
		out.Link = webLink(raw)
		fallthrough
	default:
		out.Text, out.Cut = shorten(clean(raw), most)
		out.Raw = ""
	}
	if out.Raw == out.Text {
		out.Raw = ""
	}
	return out
}

// showJSON is show for a value of a profile.
func (c *column) showJSON(v json.RawMessage, most int) string { return c.show(jsonText(v), most).Text }

// jsonText is a JSON scalar as files write it.
func jsonText(v json.RawMessage) string {
	var text string
	if len(v) > 0 && v[0] == '"' && json.Unmarshal(v, &text) == nil {
		return text
	}
	return string(v)
}

// shorten keeps the first characters of a text.
func shorten(text string, most int) (string, bool) {
	if len(text) <= most || utf8.RuneCountInString(text) <= most {
		return text, false
	}
	return string([]rune(text[:min(len(text), 4*most)])[:most]) + "…", true
}

// frenchNumber writes "-1234.5" as "−1 234,5"; what is no plain number stays as it is.
func frenchNumber(raw string) string {
	sign, digits := "", raw
	if rest, ok := strings.CutPrefix(raw, "-"); ok {
		sign, digits = "−", rest
	}
	whole, part, _ := strings.Cut(digits, ".")
	if whole == "" || strings.Trim(whole+part, "0123456789") != "" {
		return raw
	}
	var b strings.Builder
	b.WriteString(sign)
	for i, r := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteString(thin)
		}
		b.WriteRune(r)
	}
	if part != "" {
		b.WriteString("," + part)
	}
	return b.String()
}

// euros writes "12.5" as "12,50 €".
func euros(raw string) string {
	text := frenchNumber(raw)
	if text == raw && strings.Trim(raw, "0123456789") != "" {
		return raw
	}
	if at := strings.IndexByte(text, ','); at >= 0 && len(text)-at == 2 {
		text += "0"
	}
	return text + nbsp + "€"
}

// shortDate writes "2026-02-27" as "27/02/2026".
func shortDate(raw string) string {
	p := strings.Split(raw, "-")
	if len(p) != 3 || len(p[0]) != 4 {
		return raw
	}
	return p[2] + "/" + p[1] + "/" + p[0]
}

// shortMoment writes "2026-02-27T14:05:00" as "27/02/2026 à 14 h 05".
func shortMoment(raw string) string {
	day, hour, ok := strings.Cut(raw, "T")
	if !ok || len(hour) < 5 {
		return raw
	}
	return shortDate(day) + " à" + nbsp + hour[:2] + nbsp + "h" + nbsp + hour[3:5]
}

// columnsOf are the columns of a schema.
func columnsOf(s *schemas.Schema) []column {
	out := make([]column, len(s.Fields))
	for i := range s.Fields {
		out[i] = columnOf(&s.Fields[i])
	}
	return out
}

// weigh marks the columns that tell nothing of a row, as a profile knows them; without one none is marked.
func weigh(all []column, p *publish.Profile) []column {
	if p == nil {
		return all
	}
	for i := range p.Columns {
		c := &p.Columns[i]
		at := slices.IndexFunc(all, func(one column) bool { return one.Name == c.Name })
		if at >= 0 && p.Rows > 1 {
			all[at].dull = c.Distinct <= 1 && c.Nulls == 0 && !c.AtLeast || c.Nulls*10 > p.Rows*9
		}
	}
	return all
}

// telling are words of columns that say what a row is about.
var telling = []string{"nom", "objet", "titre", "libelle", "libellé", "intitule", "prenom", "prénom", "voie", "commune", "adresse", "site", "type", "nature"}

// choose picks the columns that tell most of a row, in their order. When there are too many, those that tell nothing are left out first.
func choose(all []column, most int) []column {
	if len(all) <= most {
		return all
	}
	if telling := slices.DeleteFunc(slices.Clone(all), func(c column) bool { return c.dull }); len(telling) > 0 {
		all = telling
	}
	most = min(most, len(all))
	type ranked struct{ at, worth int }
	list := make([]ranked, len(all))
	for i := range all {
		list[i] = ranked{i, all[i].worth()}
	}
	slices.SortStableFunc(list, func(a, b ranked) int { return b.worth - a.worth })
	list = list[:most]
	slices.SortFunc(list, func(a, b ranked) int { return a.at - b.at })
	out := make([]column, most)
	for i, r := range list {
		out[i] = all[r.at]
	}
	return out
}

func (c *column) worth() int {
	words := nameWords(c.Name)
	switch {
	case c.dull:
		return -2
	case c.Name == "membre_nom":
		return 5
	case slices.Contains([]string{"fichier_source", "ligne_source", "version", "moissonne_le", "membre_siren"}, c.Name):
		return -1
	case isTime(c) && c.look == lookText:
		return 2 // a year
	case isCode(words):
		return 0
	case c.look == lookEuros:
		return 4
	case has(words, telling) || c.look == lookDate:
		return 3
	case c.look == lookNumber || c.look == lookMoment:
		return 2
	case c.Type == schemas.GeoJSON:
		return -1
	}
	return 1
}
