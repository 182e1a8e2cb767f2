package web

import (
	"slices"
	"strconv"
	"strings"

	"grenier/publish"
	"grenier/schemas"
)

// A filterForm asks for one filter more. When a column was chosen it only offers what fits that column; else all that there is.
type filterForm struct {
	Columns    []column
	Column     string // chosen; "" for none
	Conditions []condition
	Values     []string // to suggest
	Type       string   // of the field
	Hint       string
	Example    string
	Keep       params
}

type condition struct{ Value, Words string }

func newFilterForm(all params, columns []column) filterForm {
	f := filterForm{Columns: columns, Type: "text", Keep: all.without("page", "cursor", "total", "filtrer")}
	var of *column
	if i := slices.IndexFunc(columns, func(c column) bool { return c.Name == all.value("filtrer") }); i >= 0 {
		of = &columns[i]
		f.Column = of.Name
		f.Type, f.Hint = field(of)
	}
	for _, k := range conditions {
		if of == nil || k.On == nil || k.On(of) {
			f.Conditions = append(f.Conditions, condition{string(k.Op), k.Words})
		}
	}
	if of == nil {
		f.Hint = "« Contient » vaut pour les textes, « au moins » et « au plus » pour les nombres et les dates."
	}
	f.Hint = french(f.Hint)
	return f
}

// field is the type of a form's field, and what to say of it.
func field(c *column) (kind, hint string) {
	switch c.look {
	case lookDate:
		return "date", ""
	case lookYes:
		return "text", "Écrivez oui ou non."
	case lookMoment:
		return "text", "Exemple : 27/02/2026 à 14 h 05."
	}
	if c.Right {
		return "text", "Exemple : 1500 ou 12,50."
	}
	return "text", "Majuscules et accents ne comptent pas pour « contient » ; ils comptent pour « est égal à »."
}

// suggest offers the most frequent values of the column that was chosen.
func (f *filterForm) suggest(p *publish.Profile) {
	if p == nil || f.Column == "" || f.Type != "text" {
		return
	}
	for i := range p.Columns {
		if c := &p.Columns[i]; c.Name == f.Column {
			for _, t := range c.Top {
				if raw := jsonText(t.Value); c.Distinct < p.Rows && len([]rune(raw)) < 200 {
					f.Values = append(f.Values, raw)
				}
			}
		}
	}
}

// rewritten turns what the page's forms send into the parameters of the rows: one filter more, a summary, a list of columns.
func rewritten(all params, columns []column) (params, bool) {
	name, op, asked := all.value("colonne"), publish.Op(all.value("condition")), false
	rest := all.without("colonne", "condition", "valeur", "resumer")
	if op != "" {
		asked = true
		rest = rest.without("filtrer", "page", "cursor")
		i := slices.IndexFunc(columns, func(c column) bool { return c.Name == name })
		switch value := strings.TrimSpace(all.value("valeur")); {
		case op == publish.IsNull || op == publish.IsNotNull:
			rest = rest.with(param{name + "__" + string(op), ""})
		case value == "": // nothing was asked
		case i >= 0:
			rest = rest.with(param{name + "__" + string(op), columns[i].read(value)})
		default:
			rest = rest.with(param{name + "__" + string(op), value})
		}
	}
	if by := all.value("resumer"); by != "" {
		asked = true
		rest = onlyFilters(rest).with(param{by + "__groupby", ""}, param{"count", ""})
		for _, c := range columns {
			if c.look == lookEuros && c.Name != by {
				rest = rest.with(param{c.Name + "__" + string(publish.Sum), ""})
				break
			}
		}
		rest = rest.with(param{"count__sort", "desc"})
	}
	if slices.ContainsFunc(all, func(one param) bool { return one.Name == "afficher" }) {
		asked = true
		rest = oneList(rest.without("afficher"))
	}
	return rest, asked
}

// oneList joins the columns that a form sends one by one; the usual number of rows is not said.
func oneList(all params) params {
	var chosen []string
	for _, one := range all {
		if one.Name == "columns" {
			chosen = append(chosen, one.Value)
		}
	}
	rest := all.without("columns")
	if rest.value("page_size") == strconv.Itoa(exploreRows) {
		rest = rest.without("page_size")
	}
	if len(chosen) > 0 {
		rest = rest.with(param{"columns", strings.Join(chosen, ",")})
	}
	return rest
}

// read turns what a person wrote into what files have: "1 500,50" and "27/02/2026" into 1500.50 and 2026-02-27. What is none of these stays.
func (c *column) read(text string) string {
	switch {
	case c.look == lookYes:
		if answer, ok := map[string]string{"oui": "true", "vrai": "true", "non": "false", "faux": "false"}[strings.ToLower(text)]; ok {
			return answer
		}
	case c.look == lookDate:
		return readDay(text)
	case c.look == lookMoment:
		return readMoment(text)
	case c.Right && c.Type != schemas.Year:
		plain := strings.NewReplacer(" ", "", nbsp, "", thin, "", "€", "", ",", ".", "−", "-").Replace(text)
		if _, err := strconv.ParseFloat(plain, 64); err == nil {
			return plain
		}
	}
	return text
}

func readDay(text string) string {
	p := strings.FieldsFunc(text, func(r rune) bool { return r == '/' || r == '.' || r == '-' })
	if len(p) != 3 || len(p[2]) != 4 || len(p[0]) > 2 || len(p[1]) > 2 {
		return text
	}
	return p[2] + "-" + ("0" + p[1])[len(p[1])-1:] + "-" + ("0" + p[0])[len(p[0])-1:]
}

func readMoment(text string) string {
	day, hour, ok := strings.Cut(strings.NewReplacer(nbsp, " ", " à ", " ").Replace(text), " ")
	if !ok {
		return text
	}
	p := strings.FieldsFunc(hour, func(r rune) bool { return r == 'h' || r == ':' || r == ' ' })
	if len(p) != 2 || len(p[0]) > 2 || len(p[1]) != 2 {
		return text
	}
	return readDay(day) + "T" + ("0" + p[0])[len(p[0])-1:] + ":" + p[1] + ":00"
}
