package schemas

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// A recordList is what the JSON Schema says of one list of records. A document is judged in parts, so that its size does not matter: each
// record by the schema of the list's items, the number of records and their difference here, and the rest, which is the frame, by the JSON
// Schema without what it says of the lists. Together the parts give the verdict on the whole.
type recordList struct {
	path   string
	item   *jsonschema.Schema // nil: that of the record's kind
	rule   *jsonRule          // of item; nil when rules do not suffice
	min    int64
	max    int64
	unique bool
}

// listKeywords are what a list of records may say; with anything else in it the frame is not judged.
var listKeywords = []string{"type", "items", "minItems", "maxItems", "uniqueItems", "title", "description", "$comment", "examples", "default", "$id", "id"}

// compileFrame finds the lists in the JSON Schema and compiles what is left without them. A schema that says it in another way keeps its
// frame unjudged: d.frame is nil.
func (d *document) compileFrame(s *Schema, c *jsonschema.Compiler, base string) error {
	d.lists, d.frame = nil, nil
	if d.cells == nil {
		return nil
	}
	copied := goPatterns(d.root)
	for _, r := range s.Records {
		pointer, ok := d.itemPointer(r.Path)
		if ok = ok && d.plainWay(r.Path, strings.TrimSuffix(pointer, "/items")); ok {
			var l recordList
			if l, ok = d.newList(r.Path, copied); ok {
				if err := d.compileItem(&l, c, base+"#"+pointer); err != nil {
					return err
				}
				d.lists = append(d.lists, l)
			}
		}
		if !ok {
			d.lists = nil
			return nil
		}
	}
	c = newCompiler()
	if err := c.AddResource(base, bytes.NewReader(compactJSON(copied))); err != nil {
		return err
	}
	var err error
	d.frame, err = c.Compile(base)
	return err
}

// newList takes what a list says of its records out of the copy of the JSON Schema.
func (d *document) newList(path string, copied any) (l recordList, ok bool) {
	pointer, _ := d.listPointer(path)
	v, _ := at(copied, pointer)
	m, _ := v.(map[string]any)
	for name := range m {
		if !slices.Contains(listKeywords, name) {
			return l, false
		}
	}
	l.path, l.max = path, math.MaxInt64
	l.min, _ = wholeNumber(m["minItems"])
	if n, ok := wholeNumber(m["maxItems"]); ok {
		l.max = n
	}
	l.unique, _ = m["uniqueItems"].(bool)
	for _, name := range []string{"items", "minItems", "maxItems", "uniqueItems"} {
		delete(m, name)
	}
	return l, true
}

// compileItem compiles the schema of a list's items, unless a kind of record there has a schema made up of more.
func (d *document) compileItem(l *recordList, c *jsonschema.Compiler, location string) (err error) {
	if d.alsoAt(l.path) {
		return nil
	}
	if l.item, err = c.Compile(location); err == nil {
		l.rule = d.keys.newRule(l.item)
	}
	return err
}

func (d *document) alsoAt(path string) bool {
	return slices.ContainsFunc(d.entries, func(e recordEntry) bool { return e.Path == path && e.also != "" })
}

func wholeNumber(v any) (int64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	return int64(f), err == nil
}

// plainWay tells whether a list is reached by properties alone, and nothing beside them on the way looks into the lists.
func (d *document) plainWay(path, list string) bool {
	want := ""
	v := d.root
	for part := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		for name, x := range m {
			if name == "allOf" && d.alsoAt(path) {
				continue // what it says of the items is in the schema of each record
			}
			if name != "properties" && name != "definitions" && name != "$defs" && looksIntoLists(x) {
				return false
			}
		}
		want += "/properties/" + escapePointer(part)
		v, _ = at(m, "/properties/"+escapePointer(part))
	}
	return want == list
}

// looksIntoLists tells whether a part of a schema could say something of the items of a list.
func looksIntoLists(v any) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, looksIntoLists)
	case map[string]any:
		for name, x := range v {
			switch name {
			case "$ref", "items", "prefixItems", "contains", "minItems", "maxItems", "uniqueItems", "unevaluatedItems", "const", "enum", "$dynamicRef", "$recursiveRef":
				return true
			}
			if looksIntoLists(x) {
				return true
			}
		}
	}
	return false
}

// A documentState is what a Checker keeps of the document at hand.
type documentState struct {
	frame   Frame
	told    bool // the frame is known
	counts  map[string]*int64
	seen    map[string]*keyTable // of lists that must not repeat a record
	keys    *keyTable            // buyer and number of each contract
	key     []byte
	notices []Issue          // warnings to be told with the block at hand
	warned  map[string]int64 // how many warnings of each kind were met
}

// take keeps the frame, which lives only as long as its block.
func (s *documentState) take(f *Frame) {
	if f != nil {
		s.frame, s.told = Frame{JSON: bytes.Clone(f.JSON), Cut: f.Cut, Note: f.Note}, true
	}
}

// count counts a record of the list at path.
func (s *documentState) count(path []byte) {
	n := s.counts[string(path)]
	if n == nil {
		if s.counts == nil {
			s.counts = map[string]*int64{}
		}
		n = new(int64)
		s.counts[string(path)] = n
	}
	*n++
}

// size is how many records the list at path has.
func (s *documentState) size(path string) int64 {
	if n := s.counts[path]; n != nil {
		return *n
	}
	return 0
}

// endDocument judges what a document has besides its records, once all of them are known.
func (c *Checker) endDocument(rep *Report) {
	d := c.plan.document
	if d == nil {
		return
	}
	state := c.doc
	c.doc = documentState{}
	c.sayHowOften(rep, state.warned)
	if !state.told {
		return
	}
	if state.frame.Note != "" {
		rep.Warn(Issue{Type: "document-dress", Message: state.frame.Note})
	}
	if d.frame == nil {
		return
	}
	v, err := parseJSON(state.frame.JSON)
	if err != nil {
		rep.Add(c.unreadable(err, state.frame.JSON))
		return
	}
	var verdict *jsonschema.ValidationError
	if err := d.frame.Validate(v); errors.As(err, &verdict) {
		for _, i := range d.issues(c.speech, v, verdict) {
			rep.Add(i)
		}
	}
	if state.frame.Cut {
		rep.Add(Issue{Type: "source-error", Message: c.say("Le document contient, hors de ses listes d’enregistrements, plus de données que l’on ne peut en contrôler."),
			Hint: c.say("Retirez ce qui n’est pas prévu par le schéma.")})
	}
	c.sizes(rep, v, &state)
}

// sizes judges how many records each list has.
func (c *Checker) sizes(rep *Report, frame any, state *documentState) {
	total := int64(0)
	for i := range c.plan.document.lists {
		l := &c.plan.document.lists[i]
		total += state.size(l.path)
		list, _ := at(frame, "/"+strings.ReplaceAll(escapePointer(l.path), ".", "/"))
		if _, ok := list.([]any); !ok {
			continue
		}
		if n := state.size(l.path); n < l.min {
			rep.Add(Issue{Type: "constraint-error", Constraint: "minItems", Field: l.path, Message: c.say("La liste %s est trop courte : elle a %s, il en faut au moins %s.", c.quote(l.path), c.count(n, "%s enregistrement", "%s enregistrements"), c.number(l.min))})
		} else if n > l.max {
			rep.Add(Issue{Type: "constraint-error", Constraint: "maxItems", Field: l.path, Message: c.say("La liste %s est trop longue : elle a %s, il en faut au plus %s.", c.quote(l.path), c.count(n, "%s enregistrement", "%s enregistrements"), c.number(l.max))})
		}
	}
	if total == 0 {
		rep.Warn(Issue{Type: "no-record", Message: c.say("Le document ne contient aucun enregistrement."), Hint: c.say("Vérifiez l’export du logiciel.")})
	}
}

// repeated tells whether a record of a list without repetitions came before, and where.
func (c *Checker) repeated(l *recordList, r int, row int64) (earlier int64, seen bool) {
	if c.doc.seen == nil {
		c.doc.seen = map[string]*keyTable{}
	}
	table := c.doc.seen[l.path]
	if table == nil {
		table = newKeyTable()
		c.doc.seen[l.path] = table
	}
	return table.addHash(keyHash{c.tape.hash(0, table.seeds[0]) | 1, c.tape.hash(0, table.seeds[1])}, row)
}
