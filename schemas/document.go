package schemas

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// A document is a compiled JSON Schema and what table.json says of it.
type document struct {
	root    any // the JSON Schema as data, to word its faults
	entries []recordEntry
	cells   []cellPath // one for each field; nil: one column holds the whole record

	keys  *keyNames
	lists []recordList       // nil when frame is
	frame *jsonschema.Schema // of the document without its records; nil: not judged
	decp  *contractKeys      // of contracts of public procurement, else nil
}

// A recordEntry is one kind of record.
type recordEntry struct {
	RecordPath
	pointer string // where its schema is within the JSON Schema: "#/definitions/marche", "" is the whole
	when    string // member that a record of this kind has, "" for any record
	also    string // another schema for the record, known by heart: "https://geojson.org/schema/Feature.json"
	schema  *jsonschema.Schema
	rule    *jsonRule // nil when rules do not suffice
	whenKey int32
}

// ParseDocument compiles a JSON Schema, with the table.json that says which columns a record becomes (nil: one column "json").
func ParseDocument(id ID, src, table []byte) (*Schema, error) {
	s, err := readDocument(id, src, table)
	if s == nil {
		return nil, err
	}
	_, faults := s.ready()
	if err := errors.Join(err, faults); err != nil {
		return nil, err
	}
	return s, nil
}

// readDocument reads both files without compiling the JSON Schema. With an error the Schema, unless nil, is what could be read.
func readDocument(id ID, src, table []byte) (*Schema, error) {
	d := &document{}
	var err error
	if d.root, err = parseJSON(src); err != nil {
		return nil, fmt.Errorf("le schéma n’est pas lisible : %w", err)
	}
	s := &Schema{ID: id, Form: Document, Delimiter: ',', MissingValues: []string{""}}
	if table == nil {
		d.entries = []recordEntry{{}}
		if m, ok := d.root.(map[string]any); ok {
			s.Title, _ = m["title"].(string)
		}
		s.Fields = []Field{{Name: "json", Type: Object, Format: "default", Options: FieldOptions{BareNumber: true, DecimalChar: "."}}}
		s.Records = []RecordPath{{}}
	} else if err = d.readTable(s, table); err != nil {
		err = fmt.Errorf("table.json : %w", err)
	}
	s.lazy = &lazy{build: func() (*plan, error) { return d.build(s) }}
	return s, err
}

// readTable reads table.json into s and d.
func (d *document) readTable(s *Schema, table []byte) error {
	v, err := parseJSON(table)
	if err != nil {
		return err
	}
	root, ok := v.(map[string]any)
	if !ok {
		return errors.New("ce n’est pas un objet JSON")
	}
	r := &schemaReader{}
	read := r.schema(s.ID, root)
	read.Form, read.lazy = Document, nil
	*s = *read
	list, _ := root["records"].([]any)
	if len(list) == 0 {
		r.fail("la liste « records » manque ou est vide")
	}
	for _, item := range list {
		d.entries = append(d.entries, r.record(item))
	}
	for i := range d.entries {
		d.entries[i].source = d
	}
	for _, e := range d.entries {
		if !slices.ContainsFunc(s.Records, func(p RecordPath) bool { return p.Path == e.Path }) {
			s.Records = append(s.Records, e.RecordPath)
		}
	}
	fields, _ := root["fields"].([]any)
	for _, item := range fields {
		if m, ok := item.(map[string]any); ok {
			d.cells = append(d.cells, r.cellPath(m))
		}
	}
	return errors.Join(r.errs...)
}

func (r *schemaReader) record(item any) (e recordEntry) {
	m, ok := item.(map[string]any)
	if !ok {
		r.fail("un élément de « records » n’est pas un objet")
		return e
	}
	r.text(m, "path", &e.Path)
	r.text(m, "type", &e.Type)
	r.text(m, "schema", &e.pointer)
	r.text(m, "also", &e.also)
	if when, ok := m["when"].(map[string]any); ok {
		r.text(when, "member", &e.when)
	}
	return e
}

// build compiles the JSON Schema for each kind of record, and the columns.
func (d *document) build(s *Schema) (*plan, error) {
	p, err := newPlan(s)
	errs := []error{err}
	c := newCompiler()
	base := "https://schemas.invalid/" + s.ID.Name() + "/" + s.ID.Version() + "/schema.json"
	if err := c.AddResource(base, bytes.NewReader(compactJSON(goPatterns(d.root)))); err != nil {
		return nil, errors.Join(err, fmt.Errorf("le schéma JSON n’est pas lisible : %w", err))
	}
	d.keys = &keyNames{numbers: map[string]int32{}}
	for i := range d.entries {
		e := &d.entries[i]
		if e.schema, err = e.compile(c, base, i); err != nil {
			errs = append(errs, fmt.Errorf("le schéma JSON ne se compile pas : %w", err))
			continue
		}
		e.rule, e.whenKey = d.keys.newRule(e.schema), d.keys.number(e.when)
	}
	for i := range d.cells {
		for j := range d.cells[i].steps {
			d.cells[i].steps[j].key = d.keys.number(d.cells[i].steps[j].member)
		}
	}
	d.decp = contractKeysOf(s, d.keys)
	errs = append(errs, d.compileFrame(s, c, base))
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	p.document = d
	return p, nil
}

// compile compiles the schema of the i-th kind of record. A collection whose schema holds for its members only as part of the whole
// (allOf FeatureCollection) names in "also" what that says of one member.
func (e *recordEntry) compile(c *jsonschema.Compiler, base string, i int) (*jsonschema.Schema, error) {
	if e.also == "" {
		return c.Compile(base + e.pointer)
	}
	both := fmt.Sprintf("%s/record-%d", base, i)
	src := fmt.Sprintf(`{"allOf": [{"$ref": %q}, {"$ref": %q}]}`, base+e.pointer, e.also)
	if err := c.AddResource(both, strings.NewReader(src)); err != nil {
		return nil, err
	}
	return c.Compile(both)
}

// goPatterns copies a JSON Schema with its expressions as package regexp reads them: \uXXXX is \x{XXXX} there.
func goPatterns(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = goPatterns(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, x := range v {
			out[name] = goPatterns(x)
			if s, ok := x.(string); ok && name == "pattern" {
				if expr, refs := fromPython(s); !refs {
					out[name] = expr
				}
			}
		}
		return out
	}
	return v
}

// entry finds the kind of the record on the tape: the first one of its path that fits.
func (d *document) entry(path []byte, t *jsonTape) *recordEntry {
	for i := range d.entries {
		e := &d.entries[i]
		if d.cells == nil {
			return e
		}
		if e.Path == string(path) && (e.when == "" || t.member(0, e.whenKey) >= 0) {
			return e
		}
	}
	return nil
}

// list finds what the JSON Schema says of the list at path; nil when it is not judged so.
func (d *document) list(path []byte) *recordList {
	for i := range d.lists {
		if d.lists[i].path == string(path) {
			return &d.lists[i]
		}
	}
	return nil
}

// flatten judges the records of a block by the JSON Schema and lays those that pass out as cells. A record that fails keeps its place,
// with empty cells.
func (c *Checker) flatten(in *Block) *Block {
	d, out := c.plan.document, &c.flat
	out.Reset(len(c.plan.columns))
	out.Faults = in.Faults
	c.doc.take(in.Frame)
	c.tape.keys = d.keys
	for r := range in.Rows {
		var entry *recordEntry
		c.doc.count(in.Cell(r, 0))
		if c.state[r]&rowWhole == 0 {
			entry = c.record(in, r)
		}
		if entry != nil {
			c.tape.place()
		}
		for f := range c.plan.columns {
			off := len(out.Data)
			switch {
			case entry == nil:
			case d.cells == nil:
				out.Data = append(out.Data, bytes.TrimSpace(in.Cell(r, 1))...)
			default:
				out.Data = d.cells[f].append(out.Data, &c.tape, entry)
			}
			out.Cells = append(out.Cells, Span{uint32(off), uint32(len(out.Data) - off)})
		}
		out.Count, out.Row, out.Line = append(out.Count, uint32(out.Width)), append(out.Row, in.Row[r]), append(out.Line, in.Line[r])
		out.Rows++
	}
	return out
}

// record reads one record onto the tape and judges it; the entry is nil when it is refused.
func (c *Checker) record(in *Block, r int) *recordEntry {
	d, path := c.plan.document, in.Cell(r, 0)
	if err := c.tape.read(in.Cell(r, 1)); err != nil {
		c.recordFault(r, c.unreadable(err, in.Cell(r, 1)))
		return nil
	}
	e := d.entry(path, &c.tape)
	if e == nil {
		c.recordFault(r, Issue{Type: "unmatched-record", Field: string(path), Message: c.say("L’enregistrement n’est d’aucune des sortes que le schéma connaît à cet endroit du document."),
			Hint: d.whenHint(c.speech, string(path))})
		return nil
	}
	l := d.list(path)
	if !c.judgeRecord(r, e, l) {
		return nil
	}
	if l != nil && l.unique {
		if earlier, seen := c.repeated(l, r, in.Row[r]); seen {
			c.recordFault(r, Issue{Type: "constraint-error", Constraint: "uniqueItems", Message: c.say("L’enregistrement est le même, mot pour mot, que l’enregistrement %s.", c.number(earlier)),
				Hint: c.say("Retirez le doublon.")})
			return nil
		}
	}
	if d.decp != nil {
		c.contract(in.Row[r], in.Line[r])
	}
	return e
}

// judgeRecord gives the verdict on the record of the tape, by the schema of its list's items where there is one. Faults are worded by the
// schema of its kind, which says more about them.
func (c *Checker) judgeRecord(r int, e *recordEntry, l *recordList) bool {
	schema, rule := e.schema, e.rule
	if l != nil && l.item != nil {
		schema, rule = l.item, l.rule
	}
	if rule != nil && rule.accepts(&c.tape, 0) {
		return true
	}
	if issues := c.plan.document.explained(c.speech, rule, e.rule, &c.tape); issues != nil {
		for _, i := range issues {
			c.recordFault(r, i)
		}
		return false
	}
	v := c.tape.value(0)
	err := e.schema.Validate(v)
	if schema != e.schema && (err == nil || rule == nil) {
		if verdict := schema.Validate(v); err == nil || verdict == nil {
			err = verdict
		}
	}
	if err == nil {
		return true
	}
	var verdict *jsonschema.ValidationError
	if !errors.As(err, &verdict) { // a loop within the schema
		c.recordFault(r, Issue{Type: "json-schema", Message: c.say("L’enregistrement n’a pas pu être contrôlé : le schéma tourne en rond.")})
		return false
	}
	for _, i := range c.plan.document.issues(c.speech, v, verdict) {
		c.recordFault(r, i)
	}
	return false
}

func (c *Checker) recordFault(r int, i Issue) {
	c.state[r] |= rowWhole
	c.faults = append(c.faults, fault{row: int32(r), col: -1, code: codeRecord, n: int64(len(c.worded))})
	c.worded = append(c.worded, i)
}

func (d *document) whenHint(t speech, path string) string {
	var members []string
	for _, e := range d.entries {
		if e.Path == path && e.when != "" {
			members = append(members, e.when)
		}
	}
	if len(members) == 0 {
		return ""
	}
	return t.say("Un enregistrement s’y reconnaît à sa rubrique %s.", t.list(members, 8, "ou"))
}

// A cellPath says where one column's text is within a record.
type cellPath struct {
	steps []step
	join  string
	kind  bool // "@type": the record's type
}

// A step enters a member, then perhaps items of the array it holds.
type step struct {
	member string
	key    int32 // the number of member
	all    bool  // every item: "titulaires[]"
	index  int   // one item: "titulaires[0]"; -1 for the member itself
}

// cellPath reads "path" and "join" of a field of table.json.
func (r *schemaReader) cellPath(m map[string]any) (p cellPath) {
	p.join = " ; "
	r.text(m, "join", &p.join)
	var written string
	if r.text(m, "path", &written); written == "" {
		written, _ = m["name"].(string)
	}
	if written == "@type" {
		p.kind = true
		return p
	}
	for part := range strings.SplitSeq(written, ".") {
		s := step{index: -1}
		name, inside, indexed := strings.Cut(part, "[")
		s.member = name
		if indexed {
			number, closed := strings.CutSuffix(inside, "]")
			n, err := strconv.Atoi(number)
			switch {
			case closed && number == "":
				s.all = true
			case closed && err == nil && n >= 0:
				s.index = n
			default:
				r.fail("chemin « %s » illisible", written)
			}
		}
		p.steps = append(p.steps, s)
	}
	return p
}

// append adds the text that the path finds in the record on the tape.
func (p *cellPath) append(out []byte, t *jsonTape, e *recordEntry) []byte {
	if p.kind {
		return append(out, e.Type...)
	}
	if n := t.top(p.steps[0].key); n >= 0 {
		return p.enter(out, len(out), t, n, p.steps)
	}
	return out
}

// walk adds the text found from n on; texts after the first are joined. start is where the cell begins in out.
func (p *cellPath) walk(out []byte, start int, t *jsonTape, n int32, steps []step) []byte {
	if len(steps) == 0 {
		if t.nodes[n].kind == 'n' {
			return out
		}
		if len(out) > start {
			out = append(out, p.join...)
		}
		return t.appendText(out, n)
	}
	if next := t.member(n, steps[0].key); next >= 0 {
		return p.enter(out, start, t, next, steps)
	}
	return out
}

// enter goes on from the value n of the member that the first step names.
func (p *cellPath) enter(out []byte, start int, t *jsonTape, n int32, steps []step) []byte {
	if !steps[0].all && steps[0].index < 0 {
		return p.walk(out, start, t, n, steps[1:])
	}
	if t.nodes[n].kind != '[' {
		return out
	}
	for i, index, end := n+1, 0, t.nodes[n].next; i < end; i, index = t.nodes[i].next, index+1 {
		if steps[0].all || index == steps[0].index {
			out = p.walk(out, start, t, i, steps[1:])
		}
	}
	return out
}

// appendJSONText adds a value as a cell holds it: strings bare, numbers as written, objects and arrays as JSON.
func appendJSONText(out []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return append(out, v...)
	case json.Number:
		return append(out, v...)
	case bool:
		return strconv.AppendBool(out, v)
	}
	return append(out, compactJSON(v)...)
}

// compactJSON writes a value that parseJSON read.
func compactJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// at returns what a JSON pointer names in a value that parseJSON read.
func at(v any, pointer string) (any, bool) {
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if pointer == "" {
			return v, true
		}
		part = unescapePointer(part)
		switch x := v.(type) {
		case map[string]any:
			next, ok := x[part]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			n, err := strconv.Atoi(part)
			if err != nil || n < 0 || n >= len(x) {
				return nil, false
			}
			v = x[n]
		default:
			return nil, false
		}
	}
	return v, true
}

var pointerUnescapes = strings.NewReplacer("~1", "/", "~0", "~")

func unescapePointer(s string) string {
	if !strings.ContainsAny(s, "~%") {
		return s
	}
	if u, err := url.PathUnescape(s); err == nil {
		s = u
	}
	return pointerUnescapes.Replace(s)
}
