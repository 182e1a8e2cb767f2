package main

import (
	"context"
	"path"
	"slices"

	"grenier/harvest"
	"grenier/schemas"
)

// otherTables opens the tables to which the schema of a file refers: those that --with names, and, when schemas are recognised, the other
// files of the command whose schema bears the name. done closes them.
func (v *validateCommand) otherTables(ctx context.Context, t *terminal, s *schemas.Schema, choice schemaChoice, file string) (tables map[string]harvest.Input, done func(), err error) {
	var opened []func()
	done = func() {
		for _, f := range opened {
			f()
		}
	}
	tables = map[string]harvest.Input{}
	wanted := s.Resources()
	for name, file := range v.With {
		if !slices.Contains(wanted, name) {
			continue
		}
		in, closeIt, err := openInput(file, t.in)
		if err != nil {
			done()
			return nil, nil, err
		}
		opened, tables[name] = append(opened, closeIt), in
	}
	if choice.schema != nil || len(wanted) == 0 {
		return tables, done, nil
	}
	for _, other := range v.Files {
		if other == file || other == "-" {
			continue
		}
		in, closeIt, err := openInput(other, t.in)
		if err != nil {
			continue // its own turn will say why
		}
		opened = append(opened, closeIt)
		found, _, err := choice.of(ctx, in)
		if err != nil {
			continue
		}
		name := path.Base(found.ID.Name())
		if _, given := tables[name]; !given && slices.Contains(wanted, name) {
			tables[name] = in
		}
	}
	return tables, done, nil
}
