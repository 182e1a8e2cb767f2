// Package schemas loads the national schemas from data and judges tables and documents against them.
//
// A schema is data: ORG/NAME/VERSION/schema.json under the embedded folder national/. A Table Schema becomes a columnar
// Checker that reads Blocks and writes Batches; a JSON Schema judges each record of a Document and table.json beside it
// says which columns its records become. The package knows nothing of files, members or the network.
package schemas

import (
	"errors"
	"strings"
)

// ErrUnknown is returned for a schema that the Set does not hold.
var ErrUnknown = errors.New("unknown schema")

// RulesVersion names the version of the rules as this package applies them. It enters each report's fingerprint and
// changes whenever the same bytes could get another verdict.
const RulesVersion = "2"

// ID names one version of one schema, as "scdl/deliberations@2.1.5".
type ID string

// Name is the part of an ID before the "@": "scdl/deliberations".
func (id ID) Name() string { name, _, _ := strings.Cut(string(id), "@"); return name }

// Version is the part of an ID after the "@", "" when there is none.
func (id ID) Version() string { _, v, _ := strings.Cut(string(id), "@"); return v }

// Form says what a schema describes.
type Form string

// The two forms.
const (
	Table    Form = "table"    // a Table Schema: records of cells
	Document Form = "document" // a JSON Schema: each record is one JSON value
)

// Type is a Table Schema type, as the standard writes it.
type Type string

// The types of Table Schema.
const (
	String    Type = "string"
	Integer   Type = "integer"
	Number    Type = "number"
	Boolean   Type = "boolean"
	Date      Type = "date"
	Datetime  Type = "datetime"
	Time      Type = "time"
	Year      Type = "year"
	YearMonth Type = "yearmonth"
	Duration  Type = "duration"
	Geopoint  Type = "geopoint"
	GeoJSON   Type = "geojson"
	Array     Type = "array"
	Object    Type = "object"
	Any       Type = "any"
)

// Physical says how the cells of a column are kept in a Batch.
type Physical uint8

// The physical forms. Everything that is not a number, a truth value or a moment stays text.
const (
	Text   Physical = iota // Column.Text only
	Int64                  // integer, year: Column.Ints
	Float                  // number: Column.Floats
	Bool                   // boolean: Column.Bools
	Days                   // date: days since 1970-01-01 in Column.Ints
	Micros                 // datetime: microseconds since 1970-01-01 in Column.Ints; UTC when the cell has an offset, the wall clock otherwise
)

// A Schema is one version of one schema, compiled. It is immutable and safe for concurrent use.
type Schema struct {
	ID          ID
	Form        Form
	Title       string // ours, French
	Description string // ours, French
	Homepage    string
	URL         string // the schema_url of the national registry, "" when it has none (dct:conformsTo)
	Delimiter   byte   // of the canonical CSV; ',' unless the schema's documentation says otherwise

	Fields        []Field  // columns in order; for a Document, those of its table.json
	MissingValues []string // texts that mean "no value"; default [""]
	PrimaryKey    []string
	ForeignKeys   []ForeignKey
	Series        Series
	Checks        []Check
	Rules         string // "bal/1.4": rules in Go that judge instead of the constraints; "" for nearly all schemas

	Records []RecordPath // for a Document: where its records are

	lazy *lazy // the Schema made ready to judge, on first use; nil for a Schema built by hand
}

// A Series says how the tables of many members make one, and what tells their rows apart. It is ours: no national schema says it.
// It comes from ORG/NAME/series.json, for all versions, without the columns that a version does not have.
type Series struct {
	Year string   `json:"year"` // the date, moment or year column that divides the table into years; "" when years would say nothing
	Key  []string `json:"key"`  // the columns that tell a row from those of other members and of other versions; the primary key by default; nil: nothing does
}

// A Field describes one column.
type Field struct {
	Name        string
	Title       string // ours, French; "" when the name says it all
	Description string // ours, French
	Example     string
	Type        Type
	Format      string // "default" when the schema does not say
	Options     FieldOptions
	Constraints Constraints
}

// FieldOptions are the properties that change how the text of a cell is read.
type FieldOptions struct {
	DecimalChar   string   // "." by default
	GroupChar     string   // "" by default
	BareNumber    bool     // true by default: no leading or trailing text allowed
	TrueValues    []string // default: true True TRUE 1
	FalseValues   []string // default: false False FALSE 0
	MissingValues []string // nil: the schema's
	ArrayItem     *Field
}

// Constraints are the constraints of Table Schema. Bounds and enumerations are kept as written and read with the
// field's own reader.
type Constraints struct {
	Required, Unique     bool
	Enum                 []string
	Pattern              string
	MinLength, MaxLength *int // code points, or items
	Minimum, Maximum     string
}

// A ForeignKey says that Fields must be found among RefFields of Resource ("" is the table itself).
type ForeignKey struct {
	Fields    []string
	Resource  string
	RefFields []string
}

// A Check is one of the national custom checks: "french-siret-value" and its parameters.
type Check struct {
	Name   string
	Params map[string]any
}

// Field returns the index of the named field, -1 when the schema has none.
func (s *Schema) Field(name string) int {
	for i := range s.Fields {
		if s.Fields[i].Name == name {
			return i
		}
	}
	return -1
}

// Physical says how cells of the field are kept in a Batch.
func (f *Field) Physical() Physical {
	switch f.Type {
	case Integer, Year:
		return Int64
	case Number:
		return Float
	case Boolean:
		return Bool
	case Date:
		return Days
	case Datetime:
		return Micros
	}
	return Text
}

// A RecordPath is one place of a document where records of a Document schema are found. A decoder hands each over as a record of
// two cells: its Path and its JSON text.
type RecordPath struct {
	Path string // dotted, to an array: "marches.marche"
	Type string // what the records are: "Marché"

	source *document // what Shape reads
}
