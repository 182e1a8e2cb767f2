package schemas

import (
	"errors"
	"fmt"
	"sync"
)

// lazy compiles a Schema on first use: listing schemas compiles nothing.
type lazy struct {
	once  sync.Once
	build func() (*plan, error)
	plan  *plan
	err   error
}

// ready returns the compiled form of s, or every fault that keeps it from being one.
func (s *Schema) ready() (*plan, error) {
	if s.lazy == nil {
		return newPlan(s)
	}
	s.lazy.once.Do(func() { s.lazy.plan, s.lazy.err = s.lazy.build() })
	return s.lazy.plan, s.lazy.err
}

// A plan is a Schema made ready to judge. It is immutable.
type plan struct {
	columns  []*column // one for each field
	missing  texts     // the schema's, for columns outside it
	unique   []int     // fields with the unique constraint
	primary  []int
	foreign  []foreignKey // those that refer to the table itself
	others   []otherKey   // those that refer to other tables
	checks   []*check
	document *document // nil for a Table
	bal      *balPlan  // nil but for a Base Adresse Locale

	notes  []note // warnings about what cannot be judged, once a table
	faults []note // errors of the schema's custom checks, once a table
}

// A foreignKey is a ForeignKey to the table itself, by field index.
type foreignKey struct {
	fields, ref []int
}

// newPlan compiles the fields, keys and checks of a Schema.
func newPlan(s *Schema) (*plan, error) {
	p := &plan{missing: s.MissingValues}
	if s.MissingValues == nil {
		p.missing = texts{""}
	}
	var errs []error
	for i := range s.Fields {
		f := &s.Fields[i]
		c, faults := newColumn(f, i, p.missing)
		errs = append(errs, faults...)
		p.columns = append(p.columns, c)
		if f.Constraints.Unique {
			p.unique = append(p.unique, i)
		}
		if f.Constraints.Pattern != "" && c.pattern == nil {
			p.notes = append(p.notes, noteUnsupportedPattern(f))
		}
	}
	errs = append(errs, p.compileKeys(s)...)
	rules, err := compileRules(s.Rules)
	if p.bal = rules; err != nil {
		errs = append(errs, err)
	}
	for _, k := range s.Checks {
		p.compileCheck(s, k)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return p, nil
}

func (p *plan) compileKeys(s *Schema) (errs []error) {
	indexes := func(what string, names []string) (out []int) {
		for _, name := range names {
			i := s.Field(name)
			if i < 0 {
				errs = append(errs, fmt.Errorf("%s : le champ « %s » n’existe pas", what, name))
				continue
			}
			out = append(out, i)
		}
		return out
	}
	p.primary = indexes("clé primaire", s.PrimaryKey)
	for _, k := range s.ForeignKeys {
		key := foreignKey{fields: indexes("clé étrangère", k.Fields)}
		if len(k.Fields) != len(k.RefFields) || len(k.Fields) == 0 {
			errs = append(errs, fmt.Errorf("clé étrangère : les deux listes de champs n’ont pas la même longueur"))
		}
		if k.Resource != "" {
			p.others = append(p.others, otherKey{fields: key.fields, resource: k.Resource, labels: k.RefFields, note: noteOtherTable(k)})
			continue
		}
		key.ref = indexes("clé étrangère", k.RefFields)
		p.foreign = append(p.foreign, key)
	}
	return errs
}
