package main

import (
	"fmt"

	"grenier/schemas"
)

type schemasCommand struct {
	List schemasListCommand `cmd:"" default:"1" help:"Liste les schémas."`
	Show schemasShowCommand `cmd:"" help:"Montre un schéma : ses colonnes et ce qu’elles attendent."`
}

type schemasListCommand struct {
	JSON bool `name:"json" help:"Pour un programme."`
}

// Run lists the newest version of each schema.
func (c *schemasListCommand) Run(t *terminal) error {
	set := schemas.National()
	if c.JSON {
		type line struct {
			Name     string       `json:"name"`
			Title    string       `json:"title"`
			Versions []schemas.ID `json:"versions"`
		}
		lines := []line{}
		for _, s := range set.All() {
			lines = append(lines, line{s.ID.Name(), s.Title, set.Versions(s.ID.Name())})
		}
		return printJSON(t.out, lines)
	}
	for _, s := range set.All() {
		fmt.Fprintf(t.out, "%s %s\n", pad(string(s.ID), 44), clip(s.Title, max(20, width(t.out)-45)))
	}
	return nil
}

type schemasShowCommand struct {
	Schema string `arg:"" name:"schéma" help:"ORG/NOM ou ORG/NOM@VERSION."`
	JSON   bool   `name:"json" help:"Pour un programme."`
}

// Run shows one schema.
func (c *schemasShowCommand) Run(t *terminal) error {
	s, err := findSchema(c.Schema)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(t.out, s)
	}
	fmt.Fprintf(t.out, "%s\n%s\n%s\n\n", t.paint(1, s.Title+" ("+string(s.ID)+")"), s.Description, s.URL)
	for i := range s.Fields {
		f := &s.Fields[i]
		need := "facultatif"
		if f.Constraints.Required {
			need = "obligatoire"
		}
		fmt.Fprintf(t.out, "%s %s %s %s\n", pad(f.Name, 34), pad(string(f.Type), 10), pad(need, 12), clip(f.Title, max(12, width(t.out)-60)))
	}
	return nil
}
