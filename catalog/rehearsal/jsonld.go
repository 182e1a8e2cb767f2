package rehearsal

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A jsonReader reads JSON-LD whose contexts stand in the page. A remote one is an error: whoever harvests would have to fetch it, and many
// harvests stopped the day that one could not be fetched.
type jsonReader struct {
	limits Limits
	graph  *Graph
	blanks int
}

// errRemoteContext is why a page with a remote context is not read.
var errRemoteContext = errors.New("le contexte est à une autre adresse")

// words say what the words of a page stand for.
type words struct {
	base, vocab, lang string
	terms             map[string]term
}

type term struct {
	id        string
	kind      string // "@id", "@vocab" or a datatype; "" is none
	lang      *string
	container string // "@list", "@language", "@set" or ""
	reverse   bool
}

func parseJSONLD(text []byte, limits Limits) (*Graph, error) {
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(text, []byte("\uFEFF"))))
	d.UseNumber()
	var page any
	err := d.Decode(&page)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("quelque chose suit la fin du JSON")
		}
	}
	if err != nil {
		var bad *json.SyntaxError
		at := d.InputOffset()
		if errors.As(err, &bad) {
			at = bad.Offset
		}
		return nil, errorAt(string(text), int(at), "le JSON est mal formé (%v)", err)
	}
	r := &jsonReader{limits: limits, graph: newGraph()}
	if err := r.document(page); err != nil {
		return nil, &SyntaxError{1, 1, err.Error()}
	}
	return r.graph, nil
}

func (r *jsonReader) document(page any) error {
	c := words{terms: map[string]term{}}
	list, ok := page.([]any)
	if !ok {
		list = []any{page}
	}
	for _, one := range list {
		node, ok := one.(map[string]any)
		if !ok {
			return errors.New("un objet est attendu au début de la page")
		}
		if _, err := r.node(node, c, 1); err != nil {
			return err
		}
	}
	return nil
}

// context adds what a @context says.
func (r *jsonReader) context(c words, v any) (words, error) {
	switch v := v.(type) {
	case nil:
		return words{base: c.base, terms: map[string]term{}}, nil
	case string:
		return c, fmt.Errorf("%w (%s)", errRemoteContext, v)
	case []any:
		var err error
		for _, one := range v {
			if c, err = r.context(c, one); err != nil {
				return c, err
			}
		}
		return c, nil
	case map[string]any:
		return r.define(c, v)
	}
	return c, errors.New("le contexte n’est pas un objet")
}

func (r *jsonReader) define(c words, v map[string]any) (words, error) {
	c.terms = maps.Clone(c.terms)
	for _, name := range slices.Sorted(maps.Keys(v)) {
		text, _ := v[name].(string)
		switch name {
		case "@base":
			c.base = text
		case "@vocab":
			c.vocab = text
		case "@language":
			c.lang = strings.ToLower(text)
		case "@version", "@protected", "@propagate", "@direction":
		case "@import":
			return c, fmt.Errorf("%w (%s)", errRemoteContext, text)
		default:
			t, err := defined(name, v[name])
			if err != nil {
				return c, err
			}
			c.terms[name] = t
		}
	}
	for name, t := range c.terms { // words may stand for words that come later
		if t.id = c.expand(cmp.Or(t.id, name), true, 0); t.kind != "" && t.kind[0] != '@' {
			t.kind = c.expand(t.kind, true, 0)
		}
		c.terms[name] = t
	}
	return c, nil
}

// defined reads one entry of a context.
func defined(name string, v any) (term, error) {
	switch v := v.(type) {
	case nil:
		return term{id: "@none"}, nil
	case string:
		return term{id: v}, nil
	case map[string]any:
		t := term{}
		t.id, _ = v["@id"].(string)
		t.kind, _ = v["@type"].(string)
		if id, ok := v["@reverse"].(string); ok {
			t.id, t.reverse = id, true
		}
		if lang, ok := v["@language"]; ok {
			text, _ := lang.(string)
			text = strings.ToLower(text)
			t.lang = &text
		}
		switch container := v["@container"].(type) {
		case string:
			t.container = container
		case []any:
			for _, one := range container {
				if s, _ := one.(string); s != "@set" {
					t.container = s
				}
			}
		}
		if _, ok := v["@context"]; ok {
			return t, fmt.Errorf("le mot « %s » a son propre contexte, ce qui n’est pas lu", name)
		}
		return t, nil
	}
	return term{}, fmt.Errorf("le mot « %s » du contexte n’est ni un texte ni un objet", name)
}

// expand makes an address of a word. Without a vocabulary for it, a word stays as it is.
func (c words) expand(word string, vocabulary bool, depth int) string {
	if strings.HasPrefix(word, "@") || depth > 8 {
		return word
	}
	if t, ok := c.terms[word]; ok && vocabulary && t.id != "" && t.id != word {
		return c.expand(t.id, true, depth+1)
	}
	if prefix, rest, ok := strings.Cut(word, ":"); ok {
		if prefix == "_" || strings.HasPrefix(rest, "//") {
			return word
		}
		if t, ok := c.terms[prefix]; ok && t.id != word {
			return c.expand(t.id, true, depth+1) + rest
		}
		return word
	}
	if vocabulary && c.vocab != "" {
		return c.vocab + word
	}
	return word
}

// reference is the node that an @id names.
func (r *jsonReader) reference(c words, word string, vocabulary bool) Term {
	id := c.expand(word, vocabulary, 0)
	if label, ok := strings.CutPrefix(id, "_:"); ok {
		return Term{Kind: Blank, Value: label}
	}
	return Term{Kind: IRI, Value: r.graph.resolve(c.base, id)}
}

func (r *jsonReader) put(s Term, p string, o Term) error {
	if r.graph.add(s, p, o); r.graph.Len() > r.limits.Triples {
		return fmt.Errorf("la page dépasse %d propriétés", r.limits.Triples)
	}
	return nil
}

func (r *jsonReader) newBlank() Term {
	r.blanks++
	return Term{Kind: Blank, Value: "." + strconv.Itoa(r.blanks)}
}

// node reads an object that is a node, and returns it.
func (r *jsonReader) node(v map[string]any, c words, depth int) (s Term, err error) {
	if depth > r.limits.Depth {
		return s, fmt.Errorf("plus de %d nœuds sont emboîtés", r.limits.Depth)
	}
	if own, ok := v["@context"]; ok {
		if c, err = r.context(c, own); err != nil {
			return s, err
		}
	}
	keys := slices.Sorted(maps.Keys(v))
	for _, key := range keys {
		if c.expand(key, true, 0) == "@id" {
			id, ok := v[key].(string)
			if !ok {
				return s, errors.New("un @id n’est pas un texte")
			}
			s = r.reference(c, id, false)
		}
	}
	if s.Kind == 0 {
		s = r.newBlank()
	}
	for _, key := range keys {
		if err := r.entry(s, key, v[key], c, depth); err != nil {
			return s, err
		}
	}
	return s, nil
}

// entry reads one property of a node.
func (r *jsonReader) entry(s Term, key string, v any, c words, depth int) error {
	switch name := c.expand(key, true, 0); {
	case name == "@id", name == "@context", name == "@index", name == "@none":
		return nil
	case name == "@type":
		for _, one := range listOf(v) {
			class, ok := one.(string)
			if !ok {
				return errors.New("un @type n’est pas un texte")
			}
			if err := r.put(s, rdfType, r.reference(c, class, true)); err != nil {
				return err
			}
		}
		return nil
	case name == "@graph", name == "@included":
		for _, one := range listOf(v) {
			node, ok := one.(map[string]any)
			if !ok {
				return fmt.Errorf("%s contient autre chose que des nœuds", name)
			}
			if _, err := r.node(node, c, depth+1); err != nil {
				return err
			}
		}
		return nil
	case name == "@reverse":
		reversed, ok := v.(map[string]any)
		if !ok {
			return errors.New("@reverse n’est pas un objet")
		}
		for _, key := range slices.Sorted(maps.Keys(reversed)) {
			if err := r.values(s, c.expand(key, true, 0), reversed[key], c, term{reverse: true}, depth); err != nil {
				return err
			}
		}
		return nil
	case strings.HasPrefix(name, "@"):
		return fmt.Errorf("le mot-clé %s n’est pas lu", name)
	case !absolute(name):
		return nil // a word that the context says nothing of is no property
	default:
		return r.values(s, name, v, c, c.terms[key], depth)
	}
}

func listOf(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

// values reads what a property says, one value or several.
func (r *jsonReader) values(s Term, p string, v any, c words, t term, depth int) error {
	if depth > r.limits.Depth {
		return fmt.Errorf("plus de %d nœuds sont emboîtés", r.limits.Depth)
	}
	if byLang, ok := v.(map[string]any); ok && t.container == "@language" {
		for _, lang := range slices.Sorted(maps.Keys(byLang)) {
			for _, one := range listOf(byLang[lang]) {
				if text, ok := one.(string); ok {
					if err := r.put(s, p, literal(text, strings.ToLower(strings.TrimPrefix(lang, "@none")), "")); err != nil {
						return err
					}
				}
			}
		}
		return nil
	}
	if t.container == "@list" {
		return r.list(s, p, listOf(v), c, t, depth)
	}
	for _, one := range listOf(v) {
		if o, ok := one.(map[string]any); ok {
			if items, ok := r.keyed(o, c, "@list"); ok {
				if err := r.list(s, p, listOf(items), c, t, depth); err != nil {
					return err
				}
				continue
			}
			if items, ok := r.keyed(o, c, "@set"); ok {
				if err := r.values(s, p, items, c, t, depth+1); err != nil {
					return err
				}
				continue
			}
		}
		o, err := r.object(one, c, t, depth)
		if err != nil {
			return err
		}
		switch {
		case o.Kind == 0: // null says nothing
		case t.reverse:
			err = r.put(o, p, s)
		default:
			err = r.put(s, p, o)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// keyed finds the value of a keyword, which may go by another name.
func (r *jsonReader) keyed(v map[string]any, c words, keyword string) (any, bool) {
	for key, value := range v {
		if key == keyword || c.expand(key, true, 0) == keyword {
			return value, true
		}
	}
	return nil, false
}

func (r *jsonReader) list(s Term, p string, items []any, c words, t term, depth int) error {
	t.container = ""
	for _, item := range items {
		o, err := r.object(item, c, t, depth)
		if err != nil {
			return err
		}
		cell := r.newBlank()
		if err := errors.Join(r.put(s, p, cell), r.put(cell, rdfFirst, o)); err != nil {
			return err
		}
		s, p = cell, rdfRest
	}
	return r.put(s, p, Term{Kind: IRI, Value: rdfNil})
}

// object reads one value. Its Kind is 0 for null.
func (r *jsonReader) object(v any, c words, t term, depth int) (Term, error) {
	switch v := v.(type) {
	case nil:
		return Term{}, nil
	case map[string]any:
		if value, ok := r.keyed(v, c, "@value"); ok {
			kind, _ := r.keyed(v, c, "@type")
			lang, _ := r.keyed(v, c, "@language")
			datatype, _ := kind.(string)
			text, _ := lang.(string)
			if datatype != "" {
				datatype = c.expand(datatype, true, 0)
			}
			return scalar(value, strings.ToLower(text), datatype)
		}
		return r.node(v, c, depth+1)
	case string:
		switch {
		case t.kind == "@id":
			return r.reference(c, v, false), nil
		case t.kind == "@vocab":
			return r.reference(c, v, true), nil
		case t.kind == "" || t.kind == "@none":
			lang := c.lang
			if t.lang != nil {
				lang = *t.lang
			}
			return literal(v, lang, ""), nil
		}
		return literal(v, "", t.kind), nil
	case bool, json.Number:
		return scalar(v, "", strings.TrimPrefix(t.kind, "@id"))
	}
	return Term{}, errors.New("une liste se trouve dans une liste")
}

// scalar is a value as RDF writes it.
func scalar(v any, lang, datatype string) (Term, error) {
	switch v := v.(type) {
	case nil:
		return Term{}, nil
	case string:
		return literal(v, lang, datatype), nil
	case bool:
		return literal(strconv.FormatBool(v), "", cmp.Or(datatype, xsd+"boolean")), nil
	case json.Number:
		if !strings.ContainsAny(string(v), ".eE") {
			return literal(string(v), "", cmp.Or(datatype, xsd+"integer")), nil
		}
		f, err := v.Float64()
		if err != nil {
			return Term{}, fmt.Errorf("le nombre %s est trop grand", v)
		}
		return literal(double(f), "", cmp.Or(datatype, xsd+"double")), nil
	}
	return Term{}, errors.New("une valeur est un objet ou une liste")
}

// double is the canonical form of xsd:double.
func double(f float64) string {
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'E', -1, 64), "E")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, _ := strconv.Atoi(exponent)
	return mantissa + "E" + strconv.Itoa(n)
}
