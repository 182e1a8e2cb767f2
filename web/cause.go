package web

import (
	"cmp"
	"slices"
	"strings"

	"grenier/schemas"
)

// A causeOf is what a group of faults have in common, ready to be worded for those who may see the cells, or for everybody.
type causeOf struct {
	schemas.Cause
	samples []schemas.Issue // a few of them, with different values, in the order of the file
}

// causesOf are the causes of a report, most frequent first. A report from before causes were kept has them gathered from its details.
func causesOf(r *schemas.Report) []causeOf {
	if len(r.Causes) == 0 {
		return gathered(r.Counts, r.Errors)
	}
	alike := map[groupKey]int{}
	for _, c := range r.Causes {
		alike[groupKey{c.Type, c.Constraint, c.Field}]++
	}
	out := make([]causeOf, len(r.Causes))
	for n, c := range r.Causes {
		out[n].Cause = c
		if k := (groupKey{c.Type, c.Constraint, c.Field}); alike[k] == 1 {
			out[n].samples = samplesOf(r.Errors, k)
		} else if c.Cell != "" { // which of the details are of this cause is not told
			out[n].samples = []schemas.Issue{{Cell: c.Cell, Row: c.First.Row, Line: c.First.Line}}
		}
	}
	return out
}

// A groupKey is what details tell of their cause.
type groupKey struct{ kind, constraint, field string }

// samplesOf finds the first different cells among the errors of a group.
func samplesOf(errs []schemas.Issue, k groupKey) (out []schemas.Issue) {
	for _, i := range errs {
		known := func(o schemas.Issue) bool { return o.Cell == i.Cell }
		if (groupKey{i.Type, i.Constraint, i.Field}) != k || i.Cell == "" || slices.ContainsFunc(out, known) {
			continue
		}
		if out = append(out, i); len(out) == causeValues {
			break
		}
	}
	return out
}

// gathered groups issues by type and column, in the order of the counts; what the counts do not hold follows, counted here.
func gathered(counts []schemas.Count, issues []schemas.Issue) []causeOf {
	var out []causeOf
	at := map[schemas.Count]int{}
	for _, c := range counts {
		at[schemas.Count{Type: c.Type, Field: c.Field}] = len(out)
		out = append(out, causeOf{Cause: schemas.Cause{Type: c.Type, Field: c.Field, Count: c.Count}})
	}
	for _, i := range issues {
		k := schemas.Count{Type: i.Type, Field: i.Field}
		n, known := at[k]
		if !known {
			n, at[k] = len(out), len(out)
			out = append(out, causeOf{Cause: schemas.Cause{Type: i.Type, Field: i.Field}})
		}
		out[n].gather(i, n >= len(counts))
	}
	for n := range out {
		out[n].samples = samplesOf(issues, groupKey{out[n].Type, out[n].Constraint, out[n].Field})
	}
	return out
}

func (c *causeOf) gather(i schemas.Issue, counts bool) {
	if counts {
		c.Count++
	}
	place := schemas.Spot{Row: i.Row, Line: i.Line}
	if c.Detail == "" {
		c.Detail, c.Constraint, c.Column, c.First = i.Message, i.Constraint, i.Column, place
	}
	c.Hint = cmp.Or(c.Hint, i.Hint)
	c.Last = place
}

// name is what is wrong, in a few words that hold nothing of the file but the column.
func (c causeOf) name(t tongue) string {
	if c.Type == "constraint-error" {
		if w := t.constraint(c.Constraint); w != "" {
			return w
		}
	}
	return t.issue(c.Type)
}

// where words how often and where a cause was met.
func (c causeOf) where(t tongue) string {
	first, last, lines := c.First.Row, c.Last.Row, false
	if c.First.Line > 0 {
		first, last, lines = c.First.Line, c.Last.Line, true
	}
	one, oneEn := "ligne", "line"
	if !lines {
		one, oneEn = "enregistrement", "record"
	}
	times := t.count(c.Count, "%s fois", "%s fois", "%s time", "%s times")
	switch {
	case first == 0 && c.Count > 1:
		return times
	case first == 0:
		return ""
	case c.Count == 1:
		return t.say(one+" %s", oneEn+" %s", t.number(first))
	case c.Count == 2 && last > first:
		return t.say(one+"s %s et %s", oneEn+"s %s and %s", t.number(first), t.number(last))
	case c.Unbroken && last > first:
		return t.say("%s, "+one+"s %s à %s", "%s, "+oneEn+"s %s to %s", times, t.number(first), t.number(last))
	case last > first:
		return t.say("%s, entre les "+one+"s %s et %s", "%s, between "+oneEn+"s %s and %s", times, t.number(first), t.number(last))
	}
	return t.say("%s, d’abord "+one+" %s", "%s, first "+oneEn+" %s", times, t.number(first))
}

// forAll is the cause without anything that may come from a row that is not public: the cells, what quotes them, and what is made from them.
func (c causeOf) forAll() causeOf {
	c.Cause = publicCause(c.Cause)
	c.samples = nil
	return c
}

// publicCause drops from a cause what may come from a cell.
func publicCause(c schemas.Cause) schemas.Cause {
	c.Cell, c.Right, c.Mended = "", "", false
	if c.First.Row > 0 || c.First.Line > 1 {
		c.Message, c.Detail, c.Hint, c.Next = unquoting(c.Message), unquoting(c.Detail), unquoting(c.Hint), unquoting(c.Next)
	}
	return c
}

// publicIssue drops from an issue what may come from a cell.
func publicIssue(i schemas.Issue) schemas.Issue {
	if i.Cell != "" || i.Row > 0 || i.Line > 1 {
		i.Message, i.Hint = cmp.Or(unquoting(i.Message), causeOf{Cause: schemas.Cause{Type: i.Type, Constraint: i.Constraint}}.name(tongue{})+"."), unquoting(i.Hint)
	}
	i.Cell, i.Repair = "", nil
	return i
}

// unquoting keeps a text that quotes nothing.
func unquoting(text string) string {
	if strings.ContainsAny(text, "«“") {
		return ""
	}
	return text
}

func (t tongue) constraint(name string) string {
	w := constraintWords[name]
	if t.english {
		return w[1]
	}
	return w[0]
}

// helpOf explains the rule behind a cause, paragraph by paragraph.
func helpOf(c causeOf, t tongue) []string {
	language := "fr"
	if t.english {
		language = "en"
	}
	h, ok := schemas.Help(c.Type, c.Constraint, language)
	if !ok {
		return nil
	}
	out := []string{sentenceOf(h.Title) + ".", sentenceOf(h.Text)}
	if h.Right != "" {
		out = append(out, t.say("Juste : %s", "Right: %s", visible(h.Right)))
	}
	if h.Wrong != "" {
		out = append(out, t.say("Faux : %s", "Wrong: %s", visible(h.Wrong)))
	}
	return out
}
