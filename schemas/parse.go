package schemas

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ParseTable compiles a Table Schema written as JSON under the given ID: for `--schema FILE` and for the columns that a recipe
// declares. Every fault of the schema is reported (VALIDATION.md section 8).
func ParseTable(id ID, src []byte) (*Schema, error) {
	s, err := readTable(id, src)
	if s == nil {
		return nil, err
	}
	_, faults := s.ready()
	if err := errors.Join(err, faults); err != nil {
		return nil, err
	}
	return s, nil
}

// readTable reads a Table Schema without compiling it. With an error the Schema, unless nil, is what could be read.
func readTable(id ID, src []byte) (*Schema, error) {
	v, err := parseJSON(src)
	if err != nil {
		return nil, fmt.Errorf("le schéma n’est pas lisible : %w", err)
	}
	root, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("le schéma n’est pas un objet JSON")
	}
	r := &schemaReader{}
	s := r.schema(id, root)
	s.lazy = &lazy{build: func() (*plan, error) { return newPlan(s) }}
	return s, errors.Join(r.errs...)
}

// A schemaReader turns the JSON of a Table Schema into a Schema and collects every fault on the way.
type schemaReader struct {
	errs []error
	at   string // the field that is being read, "" at the top
}

func (r *schemaReader) fail(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	if r.at != "" {
		err = fmt.Errorf("champ « %s » : %w", r.at, err)
	}
	r.errs = append(r.errs, err)
}

func (r *schemaReader) schema(id ID, root map[string]any) *Schema {
	s := &Schema{ID: id, Form: Table, Delimiter: ','}
	r.describe(s, root)
	fields, ok := root["fields"].([]any)
	if !ok || len(fields) == 0 {
		r.fail("la liste « fields » manque ou est vide")
	}
	s.Fields = r.fields(fields)
	s.MissingValues = []string{""}
	if list, ok := r.texts(root, "missingValues"); ok {
		s.MissingValues = list
	}
	s.PrimaryKey = r.names(root, "primaryKey")
	s.ForeignKeys = r.foreignKeys(root)
	s.Checks = r.checks(root)
	s.Rules, _ = root["rules"].(string)
	return s
}

// describe reads what is common to both forms.
func (r *schemaReader) describe(s *Schema, root map[string]any) {
	s.Title, _ = root["title"].(string)
	s.Description, _ = root["description"].(string)
	s.Homepage, _ = root["homepage"].(string)
	s.URL, _ = root["schema_url"].(string)
	if d, ok := root["delimiter"]; ok {
		t, _ := d.(string)
		if len(t) != 1 || t[0] >= 0x80 || strings.ContainsAny(t, "\"\r\n") {
			r.fail("« delimiter » doit être un seul caractère")
			return
		}
		s.Delimiter = t[0]
	}
}

func (r *schemaReader) fields(list []any) (out []Field) {
	seen := map[string]bool{}
	for i, item := range list {
		m, ok := item.(map[string]any)
		if !ok {
			r.fail("le champ n° %d n’est pas un objet", i+1)
			continue
		}
		f := r.field(m)
		switch {
		case f.Name == "":
			r.fail("le champ n° %d n’a pas de nom", i+1)
		case seen[f.Name]:
			r.fail("deux champs portent le nom « %s »", f.Name)
		}
		seen[f.Name] = true
		out = append(out, f)
	}
	return out
}

func (r *schemaReader) field(m map[string]any) Field {
	f := Field{Type: String, Format: "default", Options: FieldOptions{DecimalChar: ".", BareNumber: true}}
	f.Name, _ = m["name"].(string)
	outer := r.at
	r.at = strings.TrimPrefix(outer+"."+f.Name, ".")
	defer func() { r.at = outer }()

	f.Title, _ = m["title"].(string)
	f.Description, _ = m["description"].(string)
	f.Example = asText(m["example"])
	r.text(m, "type", (*string)(&f.Type))
	r.text(m, "format", &f.Format)
	f.Format = strings.TrimPrefix(f.Format, "fmt:")
	if _, ok := m["required"]; ok {
		r.fail("« required » doit être dans « constraints »")
	}
	o := &f.Options
	r.text(m, "decimalChar", &o.DecimalChar)
	r.text(m, "groupChar", &o.GroupChar)
	r.truth(m, "bareNumber", &o.BareNumber)
	o.TrueValues, _ = r.texts(m, "trueValues")
	o.FalseValues, _ = r.texts(m, "falseValues")
	o.MissingValues, _ = r.texts(m, "missingValues")
	if item, ok := m["arrayItem"].(map[string]any); ok {
		sub := r.field(item)
		o.ArrayItem = &sub
	}
	r.constraints(m, &f)
	return f
}

func (r *schemaReader) constraints(m map[string]any, f *Field) {
	v, ok := m["constraints"]
	if !ok || v == nil {
		return
	}
	k, ok := v.(map[string]any)
	if !ok {
		r.fail("« constraints » n’est pas un objet")
		return
	}
	c := &f.Constraints
	r.truth(k, "required", &c.Required)
	r.truth(k, "unique", &c.Unique)
	r.text(k, "pattern", &c.Pattern)
	c.MinLength, c.MaxLength = r.length(k, "minLength"), r.length(k, "maxLength")
	c.Minimum, c.Maximum = asText(k["minimum"]), asText(k["maximum"])
	v, ok = k["enum"]
	if !ok {
		return
	}
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		r.fail("« enum » doit être une liste de valeurs")
		return
	}
	for _, item := range list {
		t := asText(item)
		if b, isBool := item.(bool); isBool && f.Type == Boolean {
			t = boolText(f, b)
		}
		if item != nil {
			c.Enum = append(c.Enum, t)
		}
	}
}

// boolText writes a JSON truth value as the field's cells do.
func boolText(f *Field, b bool) string {
	list := f.Options.FalseValues
	if b {
		list = f.Options.TrueValues
	}
	if len(list) > 0 {
		return list[0]
	}
	return asText(b)
}

// asText writes a JSON value as a cell would hold it; numbers keep their text.
func asText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return string(v)
	}
	return string(compactJSON(v))
}

func (r *schemaReader) text(m map[string]any, key string, to *string) {
	v, ok := m[key]
	if !ok || v == nil {
		return
	}
	s, ok := v.(string)
	if !ok {
		r.fail("« %s » doit être un texte", key)
		return
	}
	*to = s
}

func (r *schemaReader) truth(m map[string]any, key string, to *bool) {
	v, ok := m[key]
	if !ok {
		return
	}
	b, ok := v.(bool)
	if !ok {
		r.fail("« %s » doit être true ou false", key)
		return
	}
	*to = b
}

func (r *schemaReader) length(m map[string]any, key string) *int {
	v, ok := m[key]
	if !ok {
		return nil
	}
	num, _ := v.(json.Number)
	n, good, fits := parseInteger([]byte(num))
	if !good || !fits || n < 0 || n > 1<<31-1 {
		r.fail("« %s » doit être un nombre entier", key)
		return nil
	}
	length := int(n)
	return &length
}

// texts reads a list of texts; numbers and truth values in it count as their text.
func (r *schemaReader) texts(m map[string]any, key string) ([]string, bool) {
	v, ok := m[key]
	if !ok || v == nil {
		return nil, false
	}
	list, ok := v.([]any)
	if !ok {
		r.fail("« %s » doit être une liste de textes", key)
		return nil, false
	}
	out := []string{}
	for _, item := range list {
		out = append(out, asText(item))
	}
	return out, true
}

// names reads a name or a list of names.
func (r *schemaReader) names(m map[string]any, key string) []string {
	switch v := m[key].(type) {
	case nil:
		return nil
	case string:
		return []string{v}
	case []any:
		out, _ := r.texts(m, key)
		return slices.DeleteFunc(out, func(s string) bool { return s == "" })
	}
	r.fail("« %s » doit être un nom ou une liste de noms", key)
	return nil
}

func (r *schemaReader) foreignKeys(root map[string]any) (out []ForeignKey) {
	v, ok := root["foreignKeys"]
	if !ok || v == nil {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		r.fail("« foreignKeys » doit être une liste")
		return nil
	}
	for _, item := range list {
		m, _ := item.(map[string]any)
		ref, ok := m["reference"].(map[string]any)
		if !ok {
			r.fail("une clé étrangère n’a pas de « reference »")
			continue
		}
		k := ForeignKey{Fields: r.names(m, "fields"), RefFields: r.names(ref, "fields")}
		r.text(ref, "resource", &k.Resource)
		out = append(out, k)
	}
	return out
}

func (r *schemaReader) checks(root map[string]any) (out []Check) {
	v, ok := root["custom_checks"]
	if !ok || v == nil {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		r.fail("« custom_checks » doit être une liste")
		return nil
	}
	for _, item := range list {
		m, _ := item.(map[string]any)
		name, ok := m["name"].(string)
		if !ok {
			r.fail("un contrôle de « custom_checks » n’a pas de nom")
			continue
		}
		params, _ := m["params"].(map[string]any)
		out = append(out, Check{Name: name, Params: params})
	}
	return out
}
