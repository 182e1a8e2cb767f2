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
}

// A recordEntry is one kind of record.
type recordEntry struct {
	RecordPath
	pointer string // where its schema is within the JSON Schema: "#/definitions/marche", "" is the whole
	when    string // member that a record of this kind has, "" for any record
	schema  *jsonschema.Schema
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
	for i := range d.entries {
		e := &d.entries[i]
		if e.schema, err = c.Compile(base + e.pointer); err != nil {
			errs = append(errs, fmt.Errorf("le schéma JSON ne se compile pas : %w", err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	p.document = d
	return p, nil
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

// entry finds the kind of a record: the first one of its path that fits.
func (d *document) entry(path string, record any) *recordEntry {
	for i := range d.entries {
		e := &d.entries[i]
		if d.cells == nil {
			return e
		}
		if e.Path != path {
			continue
		}
		m, _ := record.(map[string]any)
		if _, has := m[e.when]; e.when == "" || has {
			return e
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
	for r := range in.Rows {
		var record any
		var entry *recordEntry
		if c.state[r]&rowWhole == 0 {
			record, entry = c.record(in, r)
		}
		for f := range c.plan.columns {
			off := len(out.Data)
			switch {
			case entry == nil:
			case d.cells == nil:
				out.Data = append(out.Data, bytes.TrimSpace(in.Cell(r, 1))...)
			default:
				out.Data = d.cells[f].append(out.Data, record, entry)
			}
			out.Cells = append(out.Cells, Span{uint32(off), uint32(len(out.Data) - off)})
		}
		out.Count, out.Row, out.Line = append(out.Count, uint32(out.Width)), append(out.Row, in.Row[r]), append(out.Line, in.Line[r])
		out.Rows++
	}
	return out
}

// record reads and judges one record; entry is nil when it is refused.
func (c *Checker) record(in *Block, r int) (any, *recordEntry) {
	d := c.plan.document
	v, err := parseJSON(in.Cell(r, 1))
	if err != nil {
		c.recordFault(r, unreadable(err, in.Cell(r, 1)))
		return nil, nil
	}
	path := string(in.Cell(r, 0))
	e := d.entry(path, v)
	if e == nil {
		c.recordFault(r, Issue{Type: "unmatched-record", Field: path, Message: "L’enregistrement n’est d’aucune des sortes que le schéma connaît à cet endroit du document.",
			Hint: d.whenHint(path)})
		return nil, nil
	}
	var verdict *jsonschema.ValidationError
	switch err := e.schema.Validate(v); {
	case err == nil:
		return v, e
	case errors.As(err, &verdict):
		for _, i := range d.issues(v, verdict) {
			c.recordFault(r, i)
		}
	default: // a loop within the schema
		c.recordFault(r, Issue{Type: "json-schema", Message: "L’enregistrement n’a pas pu être contrôlé : le schéma tourne en rond."})
	}
	return nil, nil
}

func (c *Checker) recordFault(r int, i Issue) {
	c.state[r] |= rowWhole
	c.faults = append(c.faults, fault{row: int32(r), col: -1, code: codeRecord, n: int64(len(c.worded))})
	c.worded = append(c.worded, i)
}

func (d *document) whenHint(path string) string {
	var members []string
	for _, e := range d.entries {
		if e.Path == path && e.when != "" {
			members = append(members, e.when)
		}
	}
	if len(members) == 0 {
		return ""
	}
	return "Un enregistrement s’y reconnaît à sa rubrique " + quoteList(members, 8, "ou") + "."
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
	all    bool // every item: "titulaires[]"
	index  int  // one item: "titulaires[0]"; -1 for the member itself
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

// append adds the text that the path finds in a record.
func (p *cellPath) append(out []byte, record any, e *recordEntry) []byte {
	if p.kind {
		return append(out, e.Type...)
	}
	return p.walk(out, len(out), record, p.steps)
}

// walk adds the text found from v on; texts after the first are joined. start is where the cell begins in out.
func (p *cellPath) walk(out []byte, start int, v any, steps []step) []byte {
	if len(steps) == 0 {
		if v == nil {
			return out
		}
		if len(out) > start {
			out = append(out, p.join...)
		}
		return appendJSONText(out, v)
	}
	m, _ := v.(map[string]any)
	next, ok := m[steps[0].member]
	if !ok {
		return out
	}
	if !steps[0].all && steps[0].index < 0 {
		return p.walk(out, start, next, steps[1:])
	}
	items, _ := next.([]any)
	for i, item := range items {
		if steps[0].all || i == steps[0].index {
			out = p.walk(out, start, item, steps[1:])
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

func unescapePointer(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		s = u
	}
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(s)
}
