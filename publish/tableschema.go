package publish

import (
	"encoding/json"

	"grenier/schemas"
)

// The shape of a Table Schema, for files that carry their own. Bounds and enumerations are texts, as schemas.Constraints keeps them.
type (
	tableSchemaJSON struct {
		Name          string            `json:"name"`
		Title         string            `json:"title,omitempty"`
		Description   string            `json:"description,omitempty"`
		Homepage      string            `json:"homepage,omitempty"`
		Version       string            `json:"version,omitempty"`
		Fields        []tableFieldJSON  `json:"fields"`
		MissingValues []string          `json:"missingValues,omitempty"`
		PrimaryKey    []string          `json:"primaryKey,omitempty"`
		ForeignKeys   []foreignKeyJSON  `json:"foreignKeys,omitempty"`
		Checks        []customCheckJSON `json:"custom_checks,omitempty"`
	}
	tableFieldJSON struct {
		Name        string           `json:"name"`
		Title       string           `json:"title,omitempty"`
		Description string           `json:"description,omitempty"`
		Example     string           `json:"example,omitempty"`
		Type        schemas.Type     `json:"type"`
		Format      string           `json:"format,omitempty"`
		Constraints *constraintsJSON `json:"constraints,omitempty"`
	}
	constraintsJSON struct {
		Required  bool     `json:"required,omitempty"`
		Unique    bool     `json:"unique,omitempty"`
		Enum      []string `json:"enum,omitempty"`
		Pattern   string   `json:"pattern,omitempty"`
		MinLength *int     `json:"minLength,omitempty"`
		MaxLength *int     `json:"maxLength,omitempty"`
		Minimum   string   `json:"minimum,omitempty"`
		Maximum   string   `json:"maximum,omitempty"`
	}
	foreignKeyJSON struct {
		Fields    []string      `json:"fields"`
		Reference referenceJSON `json:"reference"`
	}
	referenceJSON struct {
		Resource string   `json:"resource"`
		Fields   []string `json:"fields"`
	}
	customCheckJSON struct {
		Name   string         `json:"name"`
		Params map[string]any `json:"params,omitempty"`
	}
)

// tableSchema writes s as a Table Schema; for a Document, that of the table its records become.
func tableSchema(s *schemas.Schema) ([]byte, error) {
	t := tableSchemaJSON{
		Name: s.ID.Name(), Version: s.ID.Version(), Title: s.Title, Description: s.Description, Homepage: s.Homepage,
		MissingValues: s.MissingValues, PrimaryKey: s.PrimaryKey,
	}
	for i := range s.Fields {
		t.Fields = append(t.Fields, tableField(&s.Fields[i]))
	}
	for _, k := range s.ForeignKeys {
		t.ForeignKeys = append(t.ForeignKeys, foreignKeyJSON{k.Fields, referenceJSON{k.Resource, k.RefFields}})
	}
	for _, c := range s.Checks {
		t.Checks = append(t.Checks, customCheckJSON(c))
	}
	return json.Marshal(t)
}

func tableField(f *schemas.Field) tableFieldJSON {
	t := tableFieldJSON{Name: f.Name, Title: f.Title, Description: f.Description, Example: f.Example, Type: f.Type}
	if f.Format != "default" {
		t.Format = f.Format
	}
	c := f.Constraints
	j := constraintsJSON{c.Required, c.Unique, c.Enum, c.Pattern, c.MinLength, c.MaxLength, c.Minimum, c.Maximum}
	if j.Required || j.Unique || len(j.Enum) > 0 || j.Pattern != "" || j.MinLength != nil || j.MaxLength != nil || j.Minimum != "" || j.Maximum != "" {
		t.Constraints = &j
	}
	return t
}
