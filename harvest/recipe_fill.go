package harvest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"grenier/catalog"
)

// memberTexts are the names that ${member.…} may take.
var memberTexts = map[string]func(catalog.Member) string{
	"member.siren":   func(m catalog.Member) string { return m.SIREN },
	"member.siret":   func(m catalog.Member) string { return m.SIRET },
	"member.name":    func(m catalog.Member) string { return m.Name },
	"member.insee":   func(m catalog.Member) string { return m.INSEE },
	"member.email":   func(m catalog.Member) string { return m.Email },
	"member.website": func(m catalog.Member) string { return m.Website },
}

// A filler fills the ${…} of a recipe's texts for one source and remembers the names that have no text.
type filler struct {
	value   func(name string) string
	missing []string
}

func (r *Recipe) filler(m catalog.Member, params map[string]string) *filler {
	member := memberValue(m)
	return &filler{value: func(name string) string {
		if strings.HasPrefix(name, "member.") {
			return member(name)
		}
		text := params[name]
		if text == "" {
			text = r.Params[name]
		}
		f := filler{value: member}
		if text = f.text(text); len(f.missing) > 0 {
			return ""
		}
		return text
	}}
}

// memberValue gives the texts of ${member.…}, and of nothing else.
func memberValue(m catalog.Member) func(string) string {
	return func(name string) string {
		if text, ok := memberTexts[name]; ok {
			return text(m)
		}
		return ""
	}
}

func (f *filler) text(s string) string {
	filled, err := expand(s, func(name string) string {
		v := f.value(name)
		if v == "" && !slices.Contains(f.missing, name) {
			f.missing = append(f.missing, name)
		}
		return v
	})
	if err != nil && !slices.Contains(f.missing, s) { // in a parameter: those of the recipe were checked
		f.missing = append(f.missing, s)
	}
	return filled
}

// any fills every text below v.
func (f *filler) any(v any) any {
	switch x := v.(type) {
	case string:
		return f.text(x)
	case []any:
		list := make([]any, len(x))
		for i, e := range x {
			list[i] = f.any(e)
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(x))
		for _, k := range sortedKeys(x) {
			m[k] = f.any(x[k])
		}
		return m
	}
	return v
}

// err names what is missing.
func (f *filler) err() error {
	if len(f.missing) == 0 {
		return nil
	}
	names := make([]string, len(f.missing))
	for i, n := range f.missing {
		names[i] = cited(n)
	}
	return Permanent(Say("Il manque à la source la valeur de "+strings.Join(names, ", ")+". Rien n’a été lu\u00a0; complétez ses paramètres.",
		fmt.Errorf("no value for %s", strings.Join(f.missing, ", "))))
}

var templateName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]*$`)

// expand replaces each ${name} of text by value(name) and "$$" by a dollar sign; any other dollar sign is itself.
func expand(text string, value func(name string) string) (string, error) {
	if !strings.Contains(text, "$") {
		return text, nil
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		b.WriteString(before)
		switch {
		case !found:
			return b.String(), nil
		case strings.HasPrefix(after, "$"):
			b.WriteByte('$')
			text = after[1:]
		case strings.HasPrefix(after, "{"):
			name, rest, closed := strings.Cut(after[1:], "}")
			if !closed || !templateName.MatchString(name) {
				return "", fmt.Errorf("bad template at ${%s", name)
			}
			b.WriteString(value(name))
			text = rest
		default:
			b.WriteByte('$')
			text = after
		}
	}
}

// texts calls fn for each text of the recipe that ${…} are filled in.
func (r *Recipe) texts(fn func(path yamlPath, text string)) {
	walkTexts(r.Options, yamlPath{"options"}, fn)
	for i, c := range r.Map.Columns {
		if c.Value != nil {
			fn(yamlPath{"map", "columns", i, "value"}, *c.Value)
		}
		fn(yamlPath{"map", "columns", i, "default"}, c.Default)
	}
	fn(yamlPath{"dataset", "title"}, r.Dataset.Title)
	fn(yamlPath{"dataset", "description"}, r.Dataset.Description)
	for i, k := range r.Dataset.Keywords {
		fn(yamlPath{"dataset", "keywords", i}, k)
	}
}

func walkTexts(v any, path yamlPath, fn func(yamlPath, string)) {
	switch x := v.(type) {
	case string:
		fn(path, x)
	case []any:
		for i, e := range x {
			walkTexts(e, path.and(i), fn)
		}
	case map[string]any:
		for _, k := range sortedKeys(x) {
			walkTexts(x[k], path.and(k), fn)
		}
	}
}

// parameters are the names of the parameters that the recipe's texts use, or that it declares.
func (r *Recipe) parameters() []string {
	names := map[string]bool{}
	for name := range r.Params {
		names[name] = true
	}
	r.texts(func(_ yamlPath, text string) {
		_, _ = expand(text, func(name string) string {
			if !strings.HasPrefix(name, "member.") {
				names[name] = true
			}
			return ""
		})
	})
	return sortedKeys(names)
}

// unfilled are the names without a text that would keep a source from running.
func (r *Recipe) unfilled(m catalog.Member, params map[string]string) []string {
	f := r.filler(m, params)
	r.texts(func(_ yamlPath, text string) { f.text(text) })
	return f.missing
}
