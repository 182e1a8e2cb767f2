package harvest

import (
	"grenier/publish"
	"grenier/schemas"
)

// decodeOptions are the recipe's, with what its schema and its mapping know of the documents.
func (r *Recipe) decodeOptions() DecodeOptions {
	o := r.Decode
	for _, c := range r.Map.Columns {
		if c.From != "" {
			o.Want = append(o.Want, c.From)
		}
		o.Want = append(o.Want, c.Join...)
	}
	if s := r.Judge(); s != nil {
		return o.knowing(s)
	}
	return o
}

// formats are the formats to press for tables of s; the recipe was checked, so every name is known.
func (r *Recipe) formats(s *schemas.Schema) []publish.Format {
	if len(r.Formats) == 0 {
		return publish.DefaultFormats(s)
	}
	var fs []publish.Format
	for _, n := range r.Formats {
		if f, ok := publish.FormatNamed(n); ok {
			fs = append(fs, f)
		}
	}
	return fs
}

// national tells whether the rows are judged against a schema of the national registry, and not columns of the recipe's own.
func (r *Recipe) national() bool { return r.Schema != "" }
