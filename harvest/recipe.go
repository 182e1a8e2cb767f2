package harvest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"reflect"
	"slices"

	"grenier/catalog"
	"grenier/schemas"
)

// A Recipe says how documents of one kind of software become one dataset: connector, decoding, mapping, schema, metadata,
// schedule, gate. It is YAML data; one recipe serves hundreds of members, a source adds the member and the parameters.
//
// Texts may hold ${name} (a parameter of the source, or its default in Params), ${member.siren}, ${member.siret},
// ${member.name}, ${member.insee}, ${member.email}, ${member.website}; "$$" is a dollar sign. An unknown name is a fault of the source.
// Parameters and their defaults may hold ${member.…} themselves. Texts are filled in Options, in Value and Default of columns, and in the
// title, description and keywords of the dataset.
//
// ParseRecipe fills what has a default (Schedule and Dataset's Name, Themes, License, Frequency); numbers among
// Options, Columns and Table are json.Number.
type Recipe struct {
	Name        string            `yaml:"name"`        // ^[a-z0-9][a-z0-9-]*$
	Title       string            `yaml:"title"`       // French, for the operator
	Description string            `yaml:"description"` // French
	Params      map[string]string `yaml:"params"`      // defaults; "" means the source must give it
	Connector   string            `yaml:"connector"`
	Options     map[string]any    `yaml:"options"` // the connector's configuration, with ${…}
	Decode      DecodeOptions     `yaml:"decode"`
	Map         MapOptions        `yaml:"map"`
	Repairs     any               `yaml:"repairs"` // "all" or a list of RepairOps: what to mend of what was mapped, before it is checked
	Schema      string            `yaml:"schema"`  // "scdl/subventions@2.1.1"; without version, the newest bundled
	Rules       string            `yaml:"rules"`   // "table": the Table Schema alone judges, where the schema has rules of its own
	Columns     []any             `yaml:"columns"` // instead of Schema: Table Schema field descriptors; a bare name is text
	Table       map[string]any    `yaml:"table"`   // instead of both: a whole Table Schema, as JSON would say it
	Dataset     DatasetOptions    `yaml:"dataset"`
	Schedule    string            `yaml:"schedule"` // five-field cron or @daily…, Europe/Paris; "" is "0 4 * * *"
	Gate        GateOptions       `yaml:"gate"`
	Formats     []string          `yaml:"formats"`   // none: those of publish.DefaultFormats
	Retain      *RetentionOptions `yaml:"retention"` // versions kept; see Retention
	Keep        int               `yaml:"keep"`      // instead of Retain: that many of the newest versions and nothing else

	schema  *schemas.Schema // nil when it depends on the document
	repairs []string
	hash    string
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
// in French. Every fault is found at once: unknown connector or option (against cs), schema (against set), mapping target that the
// schema does not have, impossible schedule, bad codes. A nil cs or set leaves connectors or the schema unchecked.
func ParseRecipe(name string, text []byte, set *schemas.Set, cs Connectors) (*Recipe, error) {
	log := &faultLog{file: name}
	docs := readYAML(log, text)
	if len(docs) != 1 && len(log.list) == 0 {
		log.add(0, nil, "attend une recette, et une seule par fichier")
	}
	var r *Recipe
	if len(docs) == 1 {
		r = parseRecipe(docs[0], text, set, cs)
	}
	if faults := log.faults(); len(faults) > 0 {
		return nil, faults
	}
	return r, nil
}

// parseRecipe reads the recipe at n; its faults go to n's log. text is what will be kept of it.
func parseRecipe(n yamlNode, text []byte, set *schemas.Set, cs Connectors) *Recipe {
	before := len(n.log.list)
	n.strict(reflect.TypeFor[Recipe]())
	r := &Recipe{}
	if err := n.Decode(r); err != nil && len(n.log.list) == before {
		n.fault(nil, "recette illisible (%v)", err)
	}
	sum := sha256.Sum256(text)
	r.hash = hex.EncodeToString(sum[:])
	r.takePlain(n)
	c := recipeCheck{n, r, set, cs}
	c.identity()
	c.connector()
	c.decoding()
	c.judging()
	c.mapping()
	c.repairing()
	c.metadata()
	c.running()
	c.templates()
	r.fillDefaults()
	return r
}

// takePlain replaces the sections whose shape is free by what was typed: YAML would read 01004 as a number and 2024-01-05 as a moment.
func (r *Recipe) takePlain(n yamlNode) {
	r.Options, r.Table, r.Columns = nil, nil, nil
	if o, ok := n.at("options"); ok {
		r.Options, _ = plain(o.Node).(map[string]any)
	}
	if t, ok := n.at("table"); ok {
		r.Table, _ = plain(t.Node).(map[string]any)
	}
	if c, ok := n.at("columns"); ok {
		r.Columns, _ = plain(c.Node).([]any)
	}
}

func (r *Recipe) fillDefaults() {
	setDefault(&r.Schedule, "0 4 * * *")
	setDefault(&r.Dataset.License, "lov2")
	setDefault(&r.Dataset.Frequency, "DAILY")
	setDefault(&r.Dataset.Name, path.Base(r.Key()))
	if len(r.Dataset.Themes) == 0 {
		r.Dataset.Themes = []string{"GOVE"}
	}
}

func setDefault(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

// Judge returns the schema that the recipe's rows are judged against. It is nil when the recipe has neither schema, columns nor
// table: then it depends on the document, and JudgeFor makes it.
func (r *Recipe) Judge() *schemas.Schema { return r.schema }

// JudgeFor returns Judge() when there is one, and otherwise a schema in which each of the labels (after mapping) is a column of
// text. Empty and repeated labels make no column: the Checker speaks of them.
func (r *Recipe) JudgeFor(labels []string) (*schemas.Schema, error) {
	if r.schema != nil {
		return r.schema, nil
	}
	var fields []any
	for i, label := range labels {
		if label != "" && !slices.Contains(labels[:i], label) {
			fields = append(fields, map[string]any{"name": label, "type": "string"})
		}
	}
	if len(fields) == 0 {
		return nil, Permanent(Say("Le fichier reçu n’a aucun nom de colonne. La dernière version reste en ligne\u00a0; vérifiez l’export du logiciel.", errors.New("no labels")))
	}
	return r.tableSchema(map[string]any{"fields": fields})
}

// tableSchema compiles a Table Schema of the recipe's own.
func (r *Recipe) tableSchema(table map[string]any) (*schemas.Schema, error) {
	text, err := json.Marshal(table)
	if err != nil {
		return nil, fmt.Errorf("write table schema of %s: %w", r.Name, err)
	}
	return schemas.ParseTable(schemas.ID("recettes/"+r.Name+"@"+r.hash[:8]), text)
}

// Hash is the SHA-256 of the recipe's text, hexadecimal.
func (r *Recipe) Hash() string { return r.hash }

// Key is the dataset key of the recipe: Dataset.Key, or the schema's name.
func (r *Recipe) Key() string {
	if r.Dataset.Key != "" {
		return r.Dataset.Key
	}
	return schemas.ID(r.Schema).Name()
}

// Config is the connector's configuration for one source, with ${…} filled, as JSON. An unknown or empty ${name} is an error that names it.
func (r *Recipe) Config(m catalog.Member, params map[string]string) (json.RawMessage, error) {
	f := r.filler(m, params)
	options := f.any(r.Options)
	if err := f.err(); err != nil {
		return nil, err
	}
	text, err := json.Marshal(options)
	if err != nil {
		return nil, fmt.Errorf("write configuration of recipe %s: %w", r.Name, err)
	}
	return text, nil
}

// DatasetFor is the metadata of one source's dataset, with ${…} filled; identity, files and counts are the line's work.
func (r *Recipe) DatasetFor(m catalog.Member, params map[string]string) (catalog.Dataset, error) {
	f := r.filler(m, params)
	d := catalog.Dataset{
		Key: r.Key(), Member: m,
		Title: f.text(r.Dataset.Title), Description: f.text(r.Dataset.Description),
		Themes: slices.Clone(r.Dataset.Themes), HVD: r.Dataset.HVD, License: r.Dataset.License, Frequency: r.Dataset.Frequency,
	}
	for _, k := range r.Dataset.Keywords {
		d.Keywords = append(d.Keywords, f.text(k))
	}
	subject := r.Title
	if r.Schema != "" && r.schema != nil {
		d.SchemaName, d.SchemaVersion, d.SchemaURL = r.schema.ID.Name(), r.schema.ID.Version(), r.schema.URL
		subject = r.schema.Title
	}
	setDefault(&d.Title, subject+", "+m.Name)
	setDefault(&d.Description, r.describe(d))
	return d, f.err()
}

// describe is the description of a dataset whose recipe gives none: at least 100 characters, as catalogues ask.
func (r *Recipe) describe(d catalog.Dataset) string {
	s := cited(d.Title) + "\u00a0: données publiées par " + d.Member.Name
	if d.SchemaName == "" {
		return s + ", telles que ses services les produisent, et mises à jour automatiquement à partir de ses logiciels, sans ressaisie."
	}
	s += ", contrôlées ligne par ligne selon le schéma national " + d.SchemaName + " et mises à jour automatiquement à partir de ses logiciels."
	if r.schema.Description != "" {
		s += " " + r.schema.Description
	}
	return s
}
