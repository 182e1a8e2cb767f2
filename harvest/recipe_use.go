package harvest

import (
	"path"

	"grenier/publish"
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

// formats are the formats to press; the recipe was checked, so every name is known.
func (r *Recipe) formats() []publish.Format {
	names := r.Formats
	if len(names) == 0 {
		names = []string{"csv", "parquet"}
	}
	var fs []publish.Format
	for _, n := range names {
		if f, ok := publish.FormatNamed(n); ok {
			fs = append(fs, f)
		}
	}
	return fs
}

// fileName is the name of the published files, without extension.
func (r *Recipe) fileName() string {
	if r.Dataset.Name != "" {
		return r.Dataset.Name
	}
	return path.Base(r.Key())
}

// national tells whether the rows are judged against a schema of the national registry, and not columns of the recipe's own.
func (r *Recipe) national() bool { return r.Schema != "" }

// keep is how many versions stay.
func (r *Recipe) keep() int {
	if r.Keep > 0 {
		return r.Keep
	}
	return 10
}

// licenseURL is the address of a licence, by its code.
func licenseURL(code string) string {
	if code == "odbl" {
		return "http://opendatacommons.org/licenses/odbl/summary/"
	}
	return "https://www.etalab.gouv.fr/licence-ouverte-open-licence"
}

// schedule is when its sources run, unless they say otherwise.
func (r *Recipe) schedule() string {
	if r.Schedule != "" {
		return r.Schedule
	}
	return "0 4 * * *"
}
