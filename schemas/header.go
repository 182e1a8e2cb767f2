package schemas

import (
	"slices"
	"strings"
)

// Begin pairs the labels of a document's header with the fields, by exact name (VALIDATION.md section 3), and reports missing,
// extra, duplicate and disordered columns to rep. It is called before the first Check of each document; a table may be
// made of several documents. It tells whether rows can be judged at all: false when two labels are identical or when not one
// label is known. A missing required column is an error in rep, once; its cells are not reported row by row and rows may
// still be accepted (the gate decides what becomes of the version). For a Document schema labels are ignored.
func (c *Checker) Begin(labels []string, rep *Report) bool {
	c.endDocument(rep)
	c.document++
	c.speech = rep.speech()
	c.note(rep)
	c.labels = labels
	c.setPositions(labels)
	if c.plan.document == nil && !c.header(labels, rep) {
		return false
	}
	c.beginChecks(rep)
	return true
}

// note says once a table what the schema asks for and cannot be had.
func (c *Checker) note(rep *Report) {
	if c.noted {
		return
	}
	c.noted = true
	for _, i := range c.plan.faults {
		c.tableFault(rep, i(c.speech))
	}
	for _, i := range c.plan.notes {
		rep.Warn(i(c.speech))
	}
	c.noteOthers(rep)
}

// tableFault reports a fault of the whole table: for a Document, whose JSON Schema alone decides, a warning.
func (c *Checker) tableFault(rep *Report, i Issue) {
	if c.plan.document != nil {
		rep.Warn(i)
		return
	}
	rep.Add(i)
}

// setPositions pairs labels and fields. The records of a Document have one cell for each field.
func (c *Checker) setPositions(labels []string) {
	c.found, c.extra = 0, c.extra[:0]
	for f := range c.plan.columns {
		c.pos[f] = f
		if c.plan.document == nil {
			c.pos[f] = slices.Index(labels, c.schema.Fields[f].Name)
		}
		if c.pos[f] >= 0 {
			c.found++
		}
	}
	if c.bal != nil {
		c.bal.begin(c.schema, labels)
	}
	for pos, label := range labels {
		if c.plan.document == nil && c.schema.Field(label) < 0 {
			c.extra = append(c.extra, pos)
		}
	}
}

// header reports what is wrong with the labels and tells whether rows can be judged.
func (c *Checker) header(labels []string, rep *Report) bool {
	named := slices.ContainsFunc(labels, func(l string) bool { return strings.TrimSpace(l) != "" })
	twice := duplicates(labels)
	switch {
	case !named:
		rep.Add(Issue{Type: "blank-header", Message: c.say("Aucune colonne n’a de nom : aucune ligne n’a été contrôlée."),
			Hint: c.say("La première ligne du fichier doit donner le nom de chaque colonne.")})
		return false
	case len(twice) > 0:
		rep.Add(c.duplicateIssue(twice))
		return false
	case c.found == 0:
		rep.Add(c.unmatchedIssue(labels))
		return false
	}
	if c.bal != nil {
		c.balHeader(labels, rep)
		return true
	}
	absent := 0
	for f := range c.schema.Fields {
		if c.pos[f] >= 0 {
			continue
		}
		absent++
		name := c.schema.Fields[f].Name
		if c.schema.Fields[f].Constraints.Required || slices.Contains(c.schema.PrimaryKey, name) {
			rep.Add(c.missingLabelIssue(name, len(labels)+absent, labels))
			continue
		}
		rep.Warn(c.missingWarning(name, labels))
	}
	for _, pos := range c.extra {
		rep.Warn(c.extraWarning(labels[pos], pos+1))
	}
	if absent == 0 && len(c.extra) == 0 && !slices.IsSorted(c.pos) {
		rep.Warn(Issue{Type: "disordered-header-warn", Message: c.say("Les colonnes ne sont pas dans l’ordre du schéma. Le fichier reste valide."),
			Hint: c.say("L’ordre attendu est %s.", strings.Join(c.names(), ", "))})
	}
	return true
}

func (c *Checker) names() (out []string) {
	for i := range c.schema.Fields {
		out = append(out, c.schema.Fields[i].Name)
	}
	return out
}

// duplicates lists the labels that occur more than once.
func duplicates(labels []string) (out []string) {
	seen := map[string]int{}
	for _, l := range labels {
		if seen[l]++; seen[l] == 2 {
			out = append(out, l)
		}
	}
	return out
}
