package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"grenier/schemas"
)

// Bounds of a report for a person: the rest is in the CSV and JSON forms.
const (
	causesShown   = 10
	warningsShown = 8
	namesShown    = 8
	reportColumns = 96 // a longer line is hard to read, however wide the screen
)

// A textReport prints one report for a person: the verdict, the causes, what is worth noting, and one next step.
type textReport struct {
	t       *terminal
	r       *schemas.Report
	english bool
	columns int
	command string          // that lists every faulty cell; "" when the file is not at hand
	fixable bool            // validate --fix could be proposed
	steps   map[string]bool // told already
}

// report prints a report for a person.
func (t *terminal) report(r *schemas.Report) { t.textReport(r).print() }

func (t *terminal) textReport(r *schemas.Report) *textReport {
	columns := t.screen()
	if columns > reportColumns {
		columns = reportColumns
	}
	return &textReport{t: t, r: r, english: r.Language == "en", columns: columns, steps: map[string]bool{}}
}

// words chooses between a French text and its English.
func (p *textReport) words(french, english string) string {
	if p.english {
		return english
	}
	return french
}

func (p *textReport) number(n int64) string {
	if p.english {
		return strings.ReplaceAll(number(n), "\u202f", ",")
	}
	return number(n)
}

// plural writes a count and its noun in the report's language.
func (p *textReport) plural(n int64, one, many, englishOne, englishMany string) string {
	switch {
	case p.english && n == 1:
		return p.number(n) + " " + englishOne
	case p.english:
		return p.number(n) + " " + englishMany
	}
	return plural(n, one, many)
}

func (p *textReport) quote(s string) string {
	if p.english {
		return "“" + clip(s, 40) + "”"
	}
	return "«\u00a0" + clip(s, 40) + "\u00a0»"
}

// line writes a paragraph behind a mark, broken between words.
func (p *textReport) line(mark, text string, colour int) {
	indent := strings.Repeat(" ", len([]rune(mark)))
	wrapped := strings.TrimPrefix(wrap(text, indent, p.columns), indent)
	if colour > 0 {
		mark = strings.Replace(mark, strings.TrimSpace(mark), p.t.paint(colour, strings.TrimSpace(mark)), 1)
	}
	fmt.Fprintln(p.t.out, mark+wrapped)
}

func (p *textReport) print() {
	p.verdict()
	causes := p.causes()
	for i, c := range causes[:min(len(causes), causesShown)] {
		p.cause(i+1, c)
	}
	p.beyond(causes)
	p.warnings()
	p.next(causes)
}

// verdict says in one paragraph whether the file is good, and how many of its rows are.
func (p *textReport) verdict() {
	r, s := p.r, &p.r.Stats
	id := r.Schema + "@" + r.Version
	switch {
	case r.Valid:
		p.line("✓ ", fmt.Sprintf(p.words("%s : conforme à %s, %s.", "%s: valid against %s, %s."), r.File, id, p.plural(s.Rows, "ligne", "lignes", "row", "rows")), 32)
	case s.Rows == 0:
		p.line("✗ ", fmt.Sprintf(p.words("%s : non conforme à %s. Aucune ligne n’a pu être lue.", "%s: not valid against %s. No row could be read."), r.File, id), 31)
	case s.Rejected == 0:
		p.line("✗ ", fmt.Sprintf(p.words("%s : non conforme à %s. %s, %s ; c’est le tableau dans son ensemble qui est à corriger.", "%s: not valid against %s. %s, %s good; it is the table as a whole that must be corrected."), r.File, id,
			p.plural(s.Rows, "ligne lue", "lignes lues", "row read", "rows read"), p.good()), 31)
	default:
		p.line("✗ ", fmt.Sprintf(p.words("%s : non conforme à %s. %s, %s, %s à corriger.", "%s: not valid against %s. %s, %s good, %s to correct."), r.File, id,
			p.plural(s.Rows, "ligne lue", "lignes lues", "row read", "rows read"), p.good(), p.number(s.Rejected)), 31)
	}
}

func (p *textReport) good() string {
	if p.english {
		return p.number(p.r.Stats.Accepted)
	}
	return plural(p.r.Stats.Accepted, "conforme", "conformes")
}

// causes are the report's; those of a report that was kept before causes were are made of its counts.
func (p *textReport) causes() []schemas.Cause {
	if len(p.r.Causes) > 0 || p.r.Valid {
		return p.missingTogether(p.r.Causes)
	}
	var out []schemas.Cause
	for _, n := range p.r.Counts {
		c := schemas.Cause{Type: n.Type, Field: n.Field, Count: n.Count, Message: plural(n.Count, "erreur", "erreurs") + " dans " + cmp.Or(n.Field, "le fichier") + "."}
		if i := slices.IndexFunc(p.r.Errors, func(i schemas.Issue) bool { return i.Type == n.Type && i.Field == n.Field }); i >= 0 {
			c.Detail, c.Hint = p.r.Errors[i].Message, p.r.Errors[i].Hint
		}
		out = append(out, c)
	}
	return out
}

// missingTogether tells the mandatory columns that are missing, and look like none that is there, as one cause.
func (p *textReport) missingTogether(causes []schemas.Cause) (out []schemas.Cause) {
	first, names := -1, []string(nil)
	for _, c := range causes {
		if c.Type != "missing-label" && !absentColumn(c.Type) || strings.Contains(c.Hint, p.words("ressemble", "looks like")) {
			out = append(out, c)
			continue
		}
		if names = append(names, c.Field); first < 0 {
			first, out = len(out), append(out, c)
			continue
		}
		out[first].Count += c.Count
	}
	if len(names) > 1 {
		list := strings.Join(names[:min(len(names), namesShown)], ", ")
		if len(names) > namesShown {
			list += "…"
		}
		c := &out[first]
		c.Message = fmt.Sprintf(p.words("%s colonnes obligatoires manquent : %s.", "%s mandatory columns are missing: %s."), p.number(int64(len(names))), list)
		c.Detail, c.Hint, c.Next = c.Message, "", p.words("Ajoutez ces colonnes avec leur nom exact, et remplissez-les à chaque ligne.", "Add these columns with their exact names, and fill them in on each row.")
	}
	return out
}

// cause prints what is wrong how often and where, what it looks like, and what to do.
func (p *textReport) cause(n int, c schemas.Cause) {
	fmt.Fprintln(p.t.out)
	mark := fmt.Sprintf("%3d. ", n)
	p.line(mark, c.Message, 1)
	indent := strings.Repeat(" ", len(mark))
	switch {
	case c.Shape != "" && c.Right != "" && c.Cell != "" && (c.Mended || c.Count > 1):
		p.line(indent, fmt.Sprintf(p.words("Lu %s, attendu %s.", "Read %s, expected %s."), p.quote(c.Cell), p.likely(c)), 0)
	case c.Detail != "" && !strings.Contains(c.Message, strings.TrimSuffix(c.Detail, ".")) && c.Constraint != "required" && (c.Shape == "" || c.Count == 1):
		p.line(indent, p.example(c), 0)
	case c.Cell != "" && !strings.Contains(c.Message, strings.TrimSuffix(c.Detail, ".")):
		p.line(indent, fmt.Sprintf(p.words("Lu %s.", "Read %s."), p.quote(c.Cell)), 0)
	}
	if step := cmp.Or(c.Next, c.Hint); step != "" && !p.steps[step] && (c.Right == "" || !strings.HasSuffix(step, p.quote(c.Right)+".")) {
		p.line(indent+"→ ", step, 36)
		p.steps[step] = true
	}
}

// example is the detail of a cause, said to be one of several when it names one cell or row.
func (p *textReport) example(c schemas.Cause) string {
	general := c.Type == "one-of-required" || c.Type == "cohesive-columns-value"
	if c.Count < 2 || general {
		return c.Detail
	}
	r, n := utf8.DecodeRuneInString(c.Detail)
	return p.words("Par exemple : ", "For example: ") + string(unicode.ToLower(r)) + c.Detail[n:]
}

// likely is the right value, called an example unless it is the faulty one mended.
func (p *textReport) likely(c schemas.Cause) string {
	if c.Mended {
		return p.quote(c.Right)
	}
	return p.words("par exemple ", "for example ") + p.quote(c.Right)
}

// beyond sums the causes that are not shown.
func (p *textReport) beyond(causes []schemas.Cause) {
	if len(causes) <= causesShown {
		return
	}
	var errors int64
	for _, c := range causes[causesShown:] {
		errors += c.Count
	}
	fmt.Fprintln(p.t.out)
	p.line("     ", fmt.Sprintf(p.words("… et %s, %s en tout.", "… and %s, %s in all."), p.plural(int64(len(causes)-causesShown), "autre cause", "autres causes", "other cause", "other causes"),
		p.plural(errors, "erreur", "erreurs", "error", "errors")), 0)
}

// A noted is what several warnings have in common.
type noted struct {
	text   string
	fields []string
	count  int
	by     string
}

// warnings prints what does not make the file invalid, columns of the same fate together.
func (p *textReport) warnings() {
	list := p.noted()
	if len(list) == 0 {
		return
	}
	fmt.Fprintln(p.t.out)
	for _, w := range list[:min(len(list), warningsShown)] {
		text := w.text
		if w.count > 1 && w.by == "" {
			text += fmt.Sprintf(p.words(" (%s fois)", " (%s times)"), p.number(int64(w.count)))
		}
		p.line(p.words("  à noter : ", "  note: "), text, 33)
	}
	if n := len(list) - warningsShown; n > 0 {
		p.line("            ", fmt.Sprintf(p.words("… et %s.", "… and %s."), p.plural(int64(n), "autre remarque", "autres remarques", "other remark", "other remarks")), 0)
	}
}

func (p *textReport) noted() (out []noted) {
	for _, w := range p.r.Warnings {
		by, said := "", w.Message
		switch {
		case w.Field == "" || w.Hint != "" && w.Row == 0:
		case w.Type == "extra-header-warn":
			by = w.Type
		case w.Type == "missing-header-warn", absentColumn(w.Type):
			by = "missing-header-warn"
		case !strings.Contains(said, w.Field):
			said = w.Field + p.words("\u00a0: ", ": ") + said
		}
		i := slices.IndexFunc(out, func(n noted) bool { return n.by == by && (by != "" || n.text == said) })
		if i < 0 {
			text := said
			if by == "" && w.Hint != "" {
				text += " " + w.Hint
			}
			i = slices.IndexFunc(out, func(n noted) bool { return by == "" && n.text == text })
			if i < 0 {
				out = append(out, noted{text: text, by: by})
				i = len(out) - 1
			}
		}
		out[i].count++
		out[i].fields = append(out[i].fields, w.Field)
	}
	for i := range out {
		if n := &out[i]; n.by != "" && n.count > 1 {
			n.text = p.columnsNoted(n)
		}
	}
	return out
}

// absentColumn tells whether a code of the base adresse locale says that a column is absent.
func absentColumn(kind string) bool {
	return strings.HasPrefix(kind, "field.") && strings.HasSuffix(kind, ".missing")
}

func (p *textReport) columnsNoted(n *noted) string {
	names := strings.Join(n.fields[:min(len(n.fields), namesShown)], ", ")
	if len(n.fields) > namesShown {
		names += "…"
	}
	if n.by == "missing-header-warn" {
		return fmt.Sprintf(p.words("%s colonnes facultatives manquent (%s). Le fichier reste valide.", "%s optional columns are missing (%s). The file remains valid."), p.number(int64(n.count)), names)
	}
	return fmt.Sprintf(p.words("%s colonnes ne sont pas dans le schéma (%s) : elles ne sont ni contrôlées ni publiées.", "%s columns are not in the schema (%s): they are neither checked nor published."), p.number(int64(n.count)), names)
}

// next ends with one thing to do.
func (p *textReport) next(causes []schemas.Cause) {
	if p.r.Valid || len(causes) == 0 {
		return
	}
	var step string
	repairable := p.r.Repairable()
	switch top := causes[0]; {
	case p.fixable && 4*repairable >= p.r.Stats.Errors && repairable < p.r.Stats.Errors:
		step = fmt.Sprintf(p.words("ajoutez « --fix DOSSIER » à la commande : jusqu’à %s peuvent se réparer sans changer le sens. Corrigez ensuite le reste.",
			"add “--fix DIR” to the command: up to %s can be repaired without changing the meaning. Then correct the rest."), p.plural(repairable, "erreur", "erreurs", "error", "errors"))
	case p.fixable && repairable > 0 && repairable == p.r.Stats.Errors:
		step = p.words("ajoutez « --fix DOSSIER » à la commande : ces erreurs peuvent se réparer sans changer le sens.", "add “--fix DIR” to the command: these errors can be repaired without changing the meaning.")
	case len(causes) > 1 && 2*top.Count > p.r.Stats.Errors:
		step = fmt.Sprintf(p.words("commencez par la cause 1, qui explique %d %% des erreurs, puis vérifiez le fichier de nouveau.", "begin with cause 1, which explains %d%% of the errors, then check the file again."),
			100*top.Count/p.r.Stats.Errors)
	case len(causes) > 1:
		step = p.words("corrigez les causes dans l’ordre, puis vérifiez le fichier de nouveau.", "correct the causes in this order, then check the file again.")
	default:
		step = p.words("corrigez cette cause, puis vérifiez le fichier de nouveau.", "correct this cause, then check the file again.")
	}
	fmt.Fprintln(p.t.out)
	if p.command != "" && p.r.Stats.Errors > int64(len(causes)) {
		fmt.Fprintln(p.t.out, p.words("Toutes les cellules fautives :", "All faulty cells:")+"\n  "+p.command)
	}
	p.line(p.words("Prochaine étape : ", "Next step: "), step, 1)
}
