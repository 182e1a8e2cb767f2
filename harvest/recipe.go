package harvest

import (
	"encoding/json"

	"grenier/catalog"
	"grenier/schemas"
)

// A Recipe says how documents of one kind of software become one dataset: connector, decoding, mapping, schema, metadata,
// schedule, gate. It is YAML data; one recipe serves hundreds of members, a source adds the member and the parameters.
//
// Texts may hold ${name} (a parameter of the source, or its default in Params), ${member.siren}, ${member.siret},
// ${member.name}, ${member.insee}, ${member.email}, ${member.website}; "$$" is a dollar sign. An unknown name is a fault of the source.
type Recipe struct {
	Name        string            `yaml:"name"`        // ^[a-z0-9][a-z0-9-]*$
	Title       string            `yaml:"title"`       // French, for the operator
	Description string            `yaml:"description"` // French
	Params      map[string]string `yaml:"params"`      // defaults; "" means the source must give it
	Connector   string            `yaml:"connector"`
	Options     map[string]any    `yaml:"options"` // the connector's configuration, with ${…}
	Decode      DecodeOptions     `yaml:"decode"`
	Map         MapOptions        `yaml:"map"`
	Schema      string            `yaml:"schema"`  // "scdl/subventions@2.1.1"; without version, the newest bundled
	Columns     []map[string]any  `yaml:"columns"` // instead of Schema: Table Schema field descriptors; a bare name is text
	Table       map[string]any    `yaml:"table"`   // instead of both: a whole Table Schema, as JSON would say it
	Dataset     DatasetOptions    `yaml:"dataset"`
	Schedule    string            `yaml:"schedule"` // five-field cron or @daily…, Europe/Paris; "" is "0 4 * * *"
	Gate        GateOptions       `yaml:"gate"`
	Formats     []string          `yaml:"formats"` // "" is csv and parquet
	Keep        int               `yaml:"keep"`    // versions kept, 10 by default

	schema *schemas.Schema
	hash   string
}

// DatasetOptions are the metadata of the dataset that the recipe makes.
type DatasetOptions struct {
	Key         string   `yaml:"key"`  // identity within the member; "" is the schema's name
	Name        string   `yaml:"name"` // file name without extension; "" is the last part of the key
	Title       string   `yaml:"title"`
	Description string   `yaml:"description"`
	Keywords    []string `yaml:"keywords"`
	Themes      []string `yaml:"themes"` // EU data-theme codes
	HVD         string   `yaml:"hvd"`
	License     string   `yaml:"license"`   // lov2 (default) or odbl
	Frequency   string   `yaml:"frequency"` // EU frequency code; "" is DAILY
	Temporal    string   `yaml:"temporal"`  // name of the date column that gives the temporal coverage
}

// MapOptions is a recipe's `map` section. Without it the document's labels are the dataset's, as they are.
type MapOptions struct {
	Trim    bool        `yaml:"trim"`    // white space around every cell, no-break spaces included
	Dates   []string    `yaml:"dates"`   // accepted for every date column besides ISO: "jj/mm/aaaa", "jj-mm-aa", "aaaammjj", "excel"
	Decimal string      `yaml:"decimal"` // "," : decimal comma for every number column; thousands spaces are removed too
	Only    bool        `yaml:"only"`    // with Columns: drop the document's columns that no line names
	Columns []MapColumn `yaml:"columns"`
}

// A MapColumn makes one column. Exactly one of From, Join, Value and Member says where its text comes from; the
// operations then apply in the order of the fields below.
type MapColumn struct {
	To      string            `yaml:"to"`
	From    string            `yaml:"from"`   // label of the document
	Join    []string          `yaml:"join"`   // labels whose non-empty texts are joined by With
	With    string            `yaml:"with"`   // " " by default
	Value   *string           `yaml:"value"`  // constant, with ${…}
	Member  string            `yaml:"member"` // siren, siret, name, insee
	Trim    bool              `yaml:"trim"`
	Split   string            `yaml:"split"` // separator; Part says which piece, from 1 (negative: from the end)
	Part    int               `yaml:"part"`
	Dates   []string          `yaml:"dates"`
	Decimal string            `yaml:"decimal"`
	Lookup  map[string]string `yaml:"lookup"`  // exact text → text; a text without entry stays as it is
	Default string            `yaml:"default"` // when the text is empty in the end
}

// GateOptions are the thresholds of SECURITY.md P-06, per source. Zero values are the defaults.
type GateOptions struct {
	Off       string  `yaml:"off"`        // a reason: no hold at all (seasonal data)
	Shrink    float64 `yaml:"shrink"`     // hold under this share of the median of the last 5 versions; 0.70
	ShrinkMin int64   `yaml:"shrink_min"` // … when more than this many rows are lost; 20
	Invalid   float64 `yaml:"invalid"`    // hold when more than this share is rejected and the last version had under 1 %; 0.05
	Grow      float64 `yaml:"grow"`       // hold over this multiple of the median; 10
	Overlap   float64 `yaml:"overlap"`    // hold when the key set shares less than this with the last version; 0.50
}

// A FaultList is every fault of a file of recipes, members or sources, each with its path: "recipes.yaml:12: map.columns[3].from: …".
type FaultList []string

func (f FaultList) Error() string {
	if len(f) == 1 {
		return f[0]
	}
	s := ""
	for i, x := range f {
		if i > 0 {
			s += "\n"
		}
		s += x
	}
	return s
}

// ParseRecipe reads one recipe, strictly: an unknown key is a fault. name is the file, for the faults' paths. The error is a FaultList
// in French. Every fault is found at once: unknown connector or option (against cs), schema, mapping target that the schema does not
// have, impossible schedule, bad codes.
func ParseRecipe(name string, text []byte, set *schemas.Set, cs Connectors) (*Recipe, error) {
	panic("not written yet")
}

// Judge returns the schema that the recipe's rows are judged against: never nil.
func (r *Recipe) Judge() *schemas.Schema { return r.schema }

// Hash is the SHA-256 of the recipe's text, hexadecimal.
func (r *Recipe) Hash() string { return r.hash }

// Key is the dataset key of the recipe: Dataset.Key, or the schema's name.
func (r *Recipe) Key() string { panic("not written yet") }

// Config is the connector's configuration for one source, with ${…} filled, as JSON. An unknown or empty ${name} is an error that names it.
func (r *Recipe) Config(m catalog.Member, params map[string]string) (json.RawMessage, error) {
	panic("not written yet")
}

// Dataset is the metadata of one source's dataset, with ${…} filled; identity, files and counts are the line's work.
func (r *Recipe) DatasetFor(m catalog.Member, params map[string]string) (catalog.Dataset, error) {
	panic("not written yet")
}
