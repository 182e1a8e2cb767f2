package schemas

import "strings"

// A Shape says which JSON stands at one place of a document, read from its JSON Schema. It guides whoever turns another syntax, such as
// XML, into that JSON.
type Shape struct {
	Kind    Type              // Object, Array, Number, Integer, Boolean or String; "" when the schema does not say
	Members map[string]*Shape // of an object
	Item    *Shape            // of an array, nil when the schema does not say
}

// shapeDepth ends the reading of schemas that contain themselves.
const shapeDepth = 16

// Shape is that of one record found at p. It is never nil; for a schema that says nothing it says nothing.
func (p RecordPath) Shape() *Shape {
	s := &Shape{}
	if p.source == nil {
		return s
	}
	if pointer, ok := p.source.itemPointer(p.Path); ok {
		item, _ := at(p.source.root, pointer)
		p.source.shape(s, item, 0)
		return s
	}
	for _, e := range p.source.entries {
		if e.Path == p.Path {
			kind, _ := at(p.source.root, strings.TrimPrefix(e.pointer, "#"))
			p.source.shape(s, kind, 0)
		}
	}
	return s
}

// shape adds to s what a schema says; of several forms that it allows, s is the union.
func (d *document) shape(s *Shape, schema any, depth int) {
	m, ok := schema.(map[string]any)
	if !ok || depth > shapeDepth {
		return
	}
	if target, ok := d.target(m); ok {
		d.shape(s, target, depth+1)
	}
	if s.Kind == "" {
		s.Kind = shapeKind(m["type"])
	}
	for _, keyword := range []string{"allOf", "anyOf", "oneOf"} {
		list, _ := m[keyword].([]any)
		for _, form := range list {
			d.shape(s, form, depth+1)
		}
	}
	members, _ := m["properties"].(map[string]any)
	for name, member := range members {
		if s.Members == nil {
			s.Members = map[string]*Shape{}
		}
		if s.Members[name] == nil {
			s.Members[name] = &Shape{}
		}
		d.shape(s.Members[name], member, depth+1)
	}
	if items, ok := m["items"].(map[string]any); ok {
		if s.Item == nil {
			s.Item = &Shape{}
		}
		d.shape(s.Item, items, depth+1)
	}
	if s.Kind == "" && s.Members != nil {
		s.Kind = Object
	}
	if s.Kind == "" && s.Item != nil {
		s.Kind = Array
	}
}

// shapeKind reads the keyword "type"; of several types the first that is not null counts.
func shapeKind(v any) Type {
	if list, ok := v.([]any); ok {
		for _, x := range list {
			if k := shapeKind(x); k != "" {
				return k
			}
		}
	}
	switch k, _ := v.(string); Type(k) {
	case Object, Array, Number, Integer, Boolean, String:
		return Type(k)
	}
	return ""
}

// target follows a reference within the document.
func (d *document) target(schema map[string]any) (any, bool) {
	ref, _ := schema["$ref"].(string)
	pointer, local := strings.CutPrefix(ref, "#")
	if !local || pointer != "" && pointer[0] != '/' {
		return nil, false
	}
	return at(d.root, pointer)
}

// itemPointer finds where the schema of the records at path is within the JSON Schema: along properties and references, to the items
// of an array. ok is false when the JSON Schema says it in another way.
func (d *document) itemPointer(path string) (pointer string, ok bool) {
	list, ok := d.listPointer(path)
	if !ok {
		return "", false
	}
	m, _ := at(d.root, list)
	schema, _ := m.(map[string]any)
	if _, ok := schema["items"].(map[string]any); !ok {
		return "", false
	}
	return list + "/items", true
}

// listPointer finds the schema of the list at path.
func (d *document) listPointer(path string) (pointer string, ok bool) {
	pointer, ok = d.follow("")
	if path == "" {
		return pointer, ok
	}
	for part := range strings.SplitSeq(path, ".") {
		if !ok {
			return "", false
		}
		next := pointer + "/properties/" + escapePointer(part)
		if _, found := at(d.root, next); !found {
			return "", false
		}
		pointer, ok = d.follow(next)
	}
	return pointer, ok
}

// follow goes where the references at pointer lead.
func (d *document) follow(pointer string) (string, bool) {
	for range shapeDepth {
		v, found := at(d.root, pointer)
		m, isObject := v.(map[string]any)
		if !found || !isObject {
			return "", false
		}
		ref, ok := m["$ref"].(string)
		if !ok {
			return pointer, true
		}
		next, local := strings.CutPrefix(ref, "#")
		if !local || len(m) > 1 && !d.refAlone() {
			return "", false
		}
		pointer = next
	}
	return "", false
}

// refAlone tells whether the draft ignores what stands beside a reference: those before 2019-09 do.
func (d *document) refAlone() bool {
	m, _ := d.root.(map[string]any)
	draft, _ := m["$schema"].(string)
	return strings.Contains(draft, "/draft-0")
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

func escapePointer(s string) string {
	if !strings.ContainsAny(s, "~/") {
		return s
	}
	return pointerEscapes.Replace(s)
}
