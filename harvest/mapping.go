package harvest

import (
	"grenier/catalog"
	"grenier/schemas"
)

// A Mapper turns the records of one document into those of the dataset: choosing, renaming and cleaning as the recipe says. It
// decides nothing about validity: a text that an operation cannot read stays as it is, for the Checker to judge.
type Mapper struct{}

// NewMapper prepares the mapping of a document with the given labels. A label that the recipe names with From or Join and that the
// document lacks gives a column that is absent from Labels (the Checker then speaks of it), unless Default is set.
func (r *Recipe) NewMapper(labels []string, m catalog.Member, params map[string]string) (*Mapper, error) {
	panic("not written yet")
}

// Labels are the columns after mapping.
func (m *Mapper) Labels() []string { panic("not written yet") }

// Map fills out with the records of in. Text that no operation touches is not copied: out.Data begins with in.Data.
// Repairs are counted into rep (op "date-fr", "decimal-comma", "trim", "lookup"…, with one sample each).
func (m *Mapper) Map(in, out *schemas.Block, rep *schemas.Report) { panic("not written yet") }
