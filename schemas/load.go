package schemas

import "io/fs"

// A Set holds schemas by name and version. It is safe for concurrent use.
type Set struct{}

// Load reads every schema under fsys, laid out as ORG/NAME/VERSION/schema.json, with table.json beside a JSON Schema. A
// schema that does not compile is an error that names its path; all of them are reported together.
func Load(fsys fs.FS) (*Set, error) { panic("not written yet") }

// National returns the schemas embedded in the program, compiled once (on first use of each; listing them compiles nothing).
func National() *Set { panic("not written yet") }

// Lookup finds "ORG/NAME" (the newest version) or "ORG/NAME@VERSION". Otherwise ErrUnknown, with the nearest names.
func (s *Set) Lookup(ref string) (*Schema, error) { panic("not written yet") }

// All lists the newest version of every schema, by name.
func (s *Set) All() []*Schema { panic("not written yet") }

// Versions lists every version of the named schema, newest first.
func (s *Set) Versions(name string) []ID { panic("not written yet") }

// ParseTable compiles a Table Schema written as JSON under the given ID: for `--schema FILE` and for the columns that a recipe
// declares. Every fault of the schema is reported (VALIDATION.md section 8).
func ParseTable(id ID, src []byte) (*Schema, error) { panic("not written yet") }

// ParseDocument compiles a JSON Schema, with the table.json that says which columns a record becomes (nil: one column "json").
func ParseDocument(id ID, src, table []byte) (*Schema, error) { panic("not written yet") }
