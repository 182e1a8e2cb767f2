package web

import (
	"bytes"
	"cmp"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"

	"grenier/schemas"
)

// ReportOptions say how a report is written for a person.
type ReportOptions struct {
	Language string          // "fr" or "en", of our own words; "" is that of the report
	Schema   *schemas.Schema // for its title; may be nil
	Repaired *schemas.Report // of the same file once mended, when it was; its Repairs say what was done
	Unfixed  bool            // nobody has tried to mend the file: the page says when it is worth it
}

// WriteReport writes a report as one HTML page that needs nothing else: it opens from a folder or an e-mail, and prints.
func WriteReport(w io.Writer, r *schemas.Report, o ReportOptions) error {
	return WriteReports(w, []FileReport{{r, o}})
}

// A FileReport is one report of several on a page.
type FileReport struct {
	Report *schemas.Report
	ReportOptions
}

// WriteReports writes the reports of several files as one such page.
func WriteReports(w io.Writer, files []FileReport) error {
	var views []*verdictView
	for _, f := range files {
		views = append(views, newVerdictView(f.Report, f.ReportOptions))
	}
	page, err := standalone(views)
	if err != nil {
		return err
	}
	_, err = w.Write(page)
	return err
}

// A standalonePage is what standalone.html renders.
type standalonePage struct {
	Lang   string
	Title  string
	CSS    template.CSS
	Policy string // of content: the one sheet, by its hash
	Views  []*verdictView
}

func standalone(views []*verdictView) ([]byte, error) {
	if len(views) == 0 {
		return nil, fmt.Errorf("write a report: there is none")
	}
	css, err := assets.ReadFile("static/grenier.css")
	if err != nil {
		return nil, err
	}
	p := standalonePage{Lang: views[0].Lang, Title: views[0].Title, CSS: template.CSS(css), Policy: standalonePolicy, Views: views}
	if p.Title += " – " + views[0].File; len(views) > 1 {
		p.Title = views[0].t.say("%s fichiers vérifiés", "%s files checked", views[0].t.number(int64(len(views))))
	}
	var b bytes.Buffer
	if err := standaloneTemplate.ExecuteTemplate(&b, "standalone.html", p); err != nil {
		return nil, fmt.Errorf("write a report: %w", err)
	}
	return b.Bytes(), nil
}

var standaloneTemplate = template.Must(template.New("standalone.html").Funcs(reportFuncs()).ParseFS(templates, "templates/standalone.html", "templates/verdict.html"))

// reportFuncs are what the parts of a report may call; they know no server.
func reportFuncs() template.FuncMap { return template.FuncMap{"clean": clean} }

// A tongue words what is ours in a report. A text is given in both languages at the place where it is used.
type tongue struct{ english bool }

func tongueOf(language string) tongue { return tongue{language == "en"} }

func (t tongue) say(fr, en string, args ...any) string {
	text := fr
	if t.english {
		text = en
	}
	if len(args) > 0 && strings.Contains(text, "%") {
		text = fmt.Sprintf(text, args...)
	}
	if t.english {
		return text
	}
	return french(text)
}

func (t tongue) number(n int64) string {
	if t.english {
		return strings.ReplaceAll(number(n), thin, ",")
	}
	return number(n)
}

// count chooses between one and many, each with %s for the number: in French the plural begins at two, in English all but one is plural.
func (t tongue) count(n int64, fr, frs, en, ens string) string {
	f, e := fr, en
	if n >= 2 {
		f = frs
	}
	if n != 1 {
		e = ens
	}
	return t.say(strings.Replace(f, "%s ", "%s"+nbsp, 1), e, t.number(n))
}

func (t tongue) quoted(text string) string { return t.say("« %s »", "“%s”", text) }

func (t tongue) size(n int64) string {
	if t.english {
		return strings.NewReplacer("octets", "bytes", "octet", "byte", "ko", "kB", "Mo", "MB", "Go", "GB", "To", "TB", ",", ".").Replace(size(n))
	}
	return size(n)
}

const (
	causesShown = 30  // causes laid out in full; the others are only counted
	causeValues = 5   // values quoted for one cause
	valueRoom   = 120 // characters of a value
	columnRoom  = 80  // of a column's name
	titleRoom   = 240 // of a heading
	textRoom    = 600 // of a message
)

// A verdictView is a report, worded and laid out.
type verdictView struct {
	t    tongue
	Lang string
	File string

	Title    string
	Class    string // "bon" without reserve, "alerte" when no row is right, "" between
	Gauge    []gaugePart
	Shares   []share3
	Next     string
	NextWord string

	Downloads    []download
	RepairedNote string

	Sections []reportSection
	Facts    []string
	FactWord string

	SchemaTitle, SchemaPath string
}

// A gaugePart is one stretch of the gauge, out of 1000.
type gaugePart struct {
	Class    string
	From, To int64
}

// Width is for the template.
func (g gaugePart) Width() int64 { return g.To - g.From }

// A share3 is one of the three numbers under the gauge.
type share3 struct{ Number, Words string }

// A download is a file inside the page.
type download struct {
	Name, Text string
	Main       bool
	Href       template.URL
}

// A reportSection is a list of causes, repairs or remarks under one heading.
type reportSection struct {
	Title, Intro string
	Causes       []causeView
	Repairs      []repairLine
	Notes        []string
	More         string

	BeforeAs, AfterAs string // labels of the repairs
}

// A repairLine is one kind of repair.
type repairLine struct{ Title, Column, Times, Before, After string }

// A causeView is one cause of faults in words. What is empty is not shown.
type causeView struct {
	Class         string // "alerte", "garde" or "bon"
	Title         string
	Column, Where string // where Title does not say them
	Letter        string // of the column in a spreadsheet
	Text          string // what is wrong, when it is no matter of values
	Wrong         []wrongValue
	Value         string // a right value
	Right         string // what is right, in words
	Next          string // what to do about all of them at once
	Help          []string

	ColAs, ValueAs, RightAs, WantAs, HelpAs string // labels
}

// A wrongValue is one faulty cell.
type wrongValue struct{ Place, Value string }

// newVerdictView words a report. Nothing in it is hidden: public pages have their own way (report.go).
func newVerdictView(r *schemas.Report, o ReportOptions) *verdictView {
	t := tongueOf(cmp.Or(o.Language, r.Language))
	v := &verdictView{t: t, Lang: t.say("fr", "en"), File: cut(clean(r.File), nameRoom), NextWord: t.say("La suite", "Next"), FactWord: t.say("Comment le fichier a été lu", "How the file was read")}
	if o.Schema != nil {
		v.SchemaTitle = o.Schema.Title
	}
	after := cmp.Or(o.Repaired, r)
	v.verdict(r, after)
	v.shares(r, after)
	causes := causesOf(after)
	v.Next = v.next(r, after, causes)
	if o.Unfixed {
		v.mendable(r)
	}
	v.faults(after, causes)
	v.mended(after.Repairs)
	v.warned(after.Warnings)
	v.facts(r)
	return v
}

// verdict words the result on the file as it came, or as it is once mended.
func (v *verdictView) verdict(r, after *schemas.Report) {
	t, s := v.t, after.Stats
	rows := t.number(s.Rows)
	switch {
	case isUnreadable(r):
		v.Title, v.Class = t.say("Ce fichier n’a pas pu être lu", "This file could not be read"), "alerte"
	case after.Valid && s.Rows == 0:
		v.Title = t.say("Fichier bien formé, sans aucune ligne", "Well-formed file, without any row")
	case r.Valid && s.Rows == 1:
		v.Title, v.Class = t.say("La seule ligne est conforme", "The only row is right"), "bon"
	case r.Valid:
		v.Title, v.Class = t.say("Tout est juste : les %s lignes sont conformes", "All right: the %s rows are valid", rows), "bon"
	case after.Valid:
		v.Title, v.Class = t.say("Réparé : les %s lignes sont maintenant conformes", "Repaired: the %s rows are now right", rows), "bon"
		if s.Rows == 1 {
			v.Title = t.say("Réparé : la seule ligne est maintenant conforme", "Repaired: the only row is now right")
		}
	case s.Rows == 0:
		v.Title, v.Class = t.say("Les colonnes ne sont pas celles du schéma", "The columns are not those of the schema"), "alerte"
	case s.Accepted == 0:
		v.Title, v.Class = t.say("Aucune ligne n’est encore conforme", "No row is right yet"), "alerte"
	case s.Rejected == 0:
		v.Title = t.say("Lignes conformes, structure à revoir", "Rows are right, the structure is not yet")
	case s.Accepted*10 >= s.Rows*9:
		v.Title = t.say("Presque bon : %s", "Nearly there: %s", v.accepted(s))
	default:
		v.Title = v.accepted(s)
	}
}

func (v *verdictView) accepted(s schemas.Stats) string {
	return v.t.count(s.Accepted, "%s ligne sur "+v.t.number(s.Rows)+" est conforme", "%s lignes sur "+v.t.number(s.Rows)+" sont conformes",
		"%s row of "+v.t.number(s.Rows)+" is right", "%s rows of "+v.t.number(s.Rows)+" are right")
}

// shares fills the gauge and the numbers under it: right as it came, mended, left to its author.
func (v *verdictView) shares(r, after *schemas.Report) {
	t, rows := v.t, after.Stats.Rows
	if rows == 0 {
		return
	}
	left := after.Stats.Rejected
	mended := int64(0)
	if r != after && r.Stats.Rows == rows {
		mended = max(0, after.Stats.Accepted-r.Stats.Accepted)
	}
	good := rows - left - mended
	add := func(n int64, class, words string) {
		if n <= 0 {
			return
		}
		v.Shares = append(v.Shares, share3{t.number(n), words})
		from := int64(0)
		if len(v.Gauge) > 0 {
			from = v.Gauge[len(v.Gauge)-1].To
		}
		v.Gauge = append(v.Gauge, gaugePart{class, from, from + max(8, n*1000/rows)}) // a sliver stays visible
	}
	add(good, "bon", t.say(plural(good, "déjà juste", "déjà justes"), "already right"))
	add(mended, "repare", t.say(plural(mended, "réparée sans en changer le sens", "réparées sans en changer le sens"), "repaired without changing their meaning"))
	add(left, "reste", t.say("à corriger par vous", "for you to correct"))
	scale := v.Gauge[len(v.Gauge)-1].To
	for i := range v.Gauge {
		v.Gauge[i].From, v.Gauge[i].To = v.Gauge[i].From*1000/scale, v.Gauge[i].To*1000/scale
	}
}

func plural(n int64, one, many string) string {
	if n >= 2 {
		return many
	}
	return one
}

// next is the one thing to do now.
func (v *verdictView) next(r, after *schemas.Report, causes []causeOf) string {
	t := v.t
	switch {
	case r.Valid:
		return t.say("Rien à corriger : ce fichier peut être publié tel quel.", "Nothing to correct: this file can be published as it is.")
	case after.Valid:
		return t.say("Prenez le fichier réparé et publiez-le à la place du vôtre.", "Take the repaired file and publish it instead of yours.")
	case len(causes) == 0:
		return t.say("Corrigez le fichier, puis vérifiez-le de nouveau.", "Correct the file, then check it again.")
	}
	first, start := causes[0], ""
	if r != after {
		start = t.say("Partez du fichier réparé. ", "Start from the repaired file. ")
	}
	for _, c := range causes {
		if step := cmp.Or(c.Next, c.Hint); c.First.Row == 0 && step != "" { // the header, before any row
			return start + t.say("Commencez par l’en-tête. %s", "Begin with the header. %s", sentenceOf(step))
		}
	}
	rest := t.say(" Puis vérifiez le fichier de nouveau.", " Then check the file again.")
	if len(causes) == 1 {
		if first.Field == "" {
			return start + t.say("Il ne reste qu’une cause à corriger, ci-dessous.", "There is only one cause left to correct, below.") + rest
		}
		return start + t.say("Une seule colonne est à corriger : %s.", "Only one column has to be corrected: %s.", t.quoted(cut(clean(first.Field), columnRoom))) + rest
	}
	if first.Count == 1 {
		return start + t.count(after.Stats.Errors, "Corrigez l’erreur ci-dessous.", "Corrigez les %s erreurs ci-dessous.", "Correct the error below.", "Correct the %s errors below.") + rest
	}
	what := t.quoted(first.name(t))
	if first.Field != "" {
		what = t.say("la colonne %s", "column %s", t.quoted(cut(clean(first.Field), columnRoom)))
	}
	return start + t.say("Commencez par %s : elle explique %s des %s.", "Begin with %s: it explains %s of the %s.", what, t.number(first.Count),
		t.count(after.Stats.Errors, "%s erreur", "%s erreurs", "%s error", "%s errors")) + rest
}

// mendable says that the first thing to do is to let the platform mend what it can.
func (v *verdictView) mendable(r *schemas.Report) {
	if n := r.Repairable(); n > 0 {
		v.Next = v.t.count(n, "%s erreur semble réparable sans changer le sens.", "%s erreurs semblent réparables sans changer le sens.", "%s error looks repairable without changing its meaning.", "%s errors look repairable without changing their meaning.") +
			v.t.say(" Faites-les réparer d’abord : sur la page « Vérifier un fichier » du portail, ou avec la commande « grenier validate --fix ».", " Have them repaired first: on the portal’s page “Vérifier un fichier”, or with the command “grenier validate --fix”.")
	}
}

// faults lays out what is left to correct, most frequent first.
func (v *verdictView) faults(r *schemas.Report, causes []causeOf) {
	if len(causes) == 0 {
		return
	}
	t := v.t
	s := reportSection{Title: t.say("À corriger", "To correct")}
	if n := r.Stats.Rejected; n > 0 {
		s.Title = t.count(n, "À corriger : %s ligne", "À corriger : %s lignes", "To correct: %s row", "To correct: %s rows")
	}
	if len(causes) > 1 {
		s.Intro = t.say("%s, de la plus fréquente à la plus rare. Une ligne peut en avoir plusieurs.", "%s, from the most frequent to the rarest. A row may have several.",
			t.count(int64(len(causes)), "%s cause", "%s causes", "%s cause", "%s causes"))
	}
	if n := len(causes) - causesShown; n > 0 {
		s.More = t.count(int64(n), "et %s autre cause, plus rare.", "et %s autres causes, plus rares.", "and %s more cause, rarer.", "and %s more causes, rarer.")
		causes = causes[:causesShown]
	}
	for _, c := range causes {
		s.Causes = append(s.Causes, v.cause(c, "alerte"))
	}
	v.Sections = append(v.Sections, s)
}

// warned lays out what makes nothing invalid.
func (v *verdictView) warned(warnings []schemas.Issue) {
	if len(warnings) == 0 {
		return
	}
	s := reportSection{Title: v.t.say("À savoir", "Good to know"), Intro: v.t.say("Ces remarques ne rendent pas le fichier invalide.", "These remarks do not make the file invalid.")}
	for n, w := range warnings {
		if n == causesShown {
			s.More = v.t.count(int64(len(warnings)-n), "et %s autre remarque.", "et %s autres remarques.", "and %s more remark.", "and %s more remarks.")
			break
		}
		s.Notes = append(s.Notes, strings.TrimSpace(sentenceOf(w.Message)+" "+sentenceOf(w.Hint)))
	}
	v.Sections = append(v.Sections, s)
}

// cause lays out one cause.
func (v *verdictView) cause(c causeOf, class string) causeView {
	t := v.t
	out := causeView{Class: class, Title: titleOf(c.Message), RightAs: t.say("Exemple de valeur juste", "Example of a right value"), WantAs: t.say("Ce qui est attendu", "What is expected"),
		ValueAs: t.say("Dans votre fichier", "In your file"), HelpAs: t.say("Comprendre cette règle", "Understand this rule")}
	if out.Title == "" {
		out.Title = c.name(t)
		out.Column, out.ColAs = cut(clean(c.Field), columnRoom), t.say("Colonne", "Column")
		out.Where = c.where(t)
	}
	if c.Column > 0 && c.Field != "" {
		out.Letter = t.say("colonne %s dans un tableur", "column %s in a spreadsheet", letters(c.Column))
	}
	if detail := sentenceOf(c.Detail); titleOf(detail) != out.Title && len(c.samples) == 0 {
		out.Text = detail
	}
	for _, w := range c.samples {
		out.Wrong = append(out.Wrong, wrongValue{t.line(w.Line, w.Row), visible(w.Cell)})
	}
	if c.Mended {
		out.RightAs = t.say("Ce qui serait juste", "What would be right")
	}
	out.Value, out.Next = visible(c.Right), sentenceOf(cmp.Or(c.Next, c.Hint))
	if c.Hint != c.Next && c.Next != "" && c.Right == "" {
		out.Right = sentenceOf(c.Hint)
	}
	out.Help = helpOf(c, t)
	return out
}

// titleOf makes a heading of a sentence.
func titleOf(sentence string) string {
	return strings.TrimSuffix(cut(french(clean(sentence)), titleRoom), ".")
}

// mended lays out the repairs.
func (v *verdictView) mended(repairs []schemas.Repair) {
	if len(repairs) == 0 {
		return
	}
	t, cells := v.t, int64(0)
	s := reportSection{BeforeAs: t.say("avant : ", "before: "), AfterAs: t.say("après : ", "after: "),
		Intro: t.say("Ces réécritures ne changent pas le sens, et votre propre fichier n’est pas touché.", "These changes keep the meaning, and your own file is not touched.")}
	for _, r := range repairs {
		whole := r.Op == "header-label" || r.Field == "" // of the header or the whole file
		if !whole {
			cells += r.Count
		}
		if len(s.Repairs) == causesShown {
			continue
		}
		line := repairLine{Title: upper(t.repair(r.Op))}
		if !whole {
			line.Column, line.Times = cut(clean(r.Field), columnRoom), t.count(r.Count, "%s fois", "%s fois", "%s time", "%s times")
		}
		if r.Sample != nil {
			line.Before, line.After = visible(r.Sample.Before), visible(r.Sample.After)
		}
		s.Repairs = append(s.Repairs, line)
	}
	s.Title = t.say("Réparé pour vous", "Repaired for you")
	if cells > 0 {
		s.Title += t.count(cells, " : %s valeur", " : %s valeurs", ": %s value", ": %s values")
	}
	v.Sections = append(v.Sections, s)
}

// facts say how the file was read.
func (v *verdictView) facts(r *schemas.Report) {
	t, src := v.t, r.Source
	add := func(fr, en string, value any) {
		if value != "" {
			v.Facts = append(v.Facts, t.say(fr, en, value))
		}
	}
	add("fichier %s", "file %s", v.File)
	if r.Schema != "" {
		name := r.Schema + " " + r.Version
		if v.SchemaTitle != "" {
			name = v.SchemaTitle + " (" + name + ")"
		}
		add("schéma %s", "schema %s", name)
	}
	add("format %s", "format %s", strings.ToUpper(src.Format))
	add("caractères %s", "characters %s", strings.ToUpper(src.Encoding))
	add("séparateur : %s", "delimiter: %s", t.delimiter(src.Delimiter))
	if src.Sheet != nil {
		add("feuille %s", "sheet %s", t.quoted(cut(clean(*src.Sheet), columnRoom)))
	}
	if src.HeaderRow > 1 {
		add("en-tête à la ligne %s", "header on line %s", t.number(int64(src.HeaderRow)))
	}
	if src.Bytes > 0 {
		add("%s", "%s", t.size(src.Bytes))
	}
	add("empreinte du contrôle %s", "fingerprint %s", r.Fingerprint)
}

func (t tongue) delimiter(d string) string {
	switch d {
	case ";":
		return t.say("point-virgule", "semicolon")
	case ",":
		return t.say("virgule", "comma")
	case "\t":
		return t.say("tabulation", "tab")
	case "|":
		return t.say("barre verticale", "vertical bar")
	}
	return d
}

// line names one place. A format without lines has records.
func (t tongue) line(line, row int64) string {
	switch {
	case line > 0:
		return t.say("ligne %s", "line %s", t.number(line))
	case row > 0:
		return t.say("enregistrement %s", "record %s", t.number(row))
	}
	return ""
}

// repair words an operation; an operation without English keeps its name.
func (t tongue) repair(op string) string {
	if t.english {
		return word(repairEnglish, op)
	}
	return word(repairWords, op)
}

func (t tongue) issue(code string) string {
	if t.english {
		return word(issueEnglish, code)
	}
	return word(issueWords, code)
}

// letters is the name of a column in a spreadsheet: 1 is A, 27 is AA.
func letters(column int) string {
	name := ""
	for ; column > 0; column = (column - 1) / 26 {
		name = string(rune('A'+(column-1)%26)) + name
	}
	return name
}

// visible makes a value fit for the eye: nothing that turns the text, line ends as spaces, an empty value said, not too long.
func visible(value string) string {
	return cut(strings.Join(strings.FieldsFunc(clean(value), func(r rune) bool { return r == '\n' || r == '\t' }), " "), valueRoom)
}

// cut shortens a text at so many characters.
func cut(text string, most int) string {
	n := 0
	for i := range text {
		if n++; n > most-1 && len(text)-i > 4 {
			return text[:i] + "…"
		}
	}
	return text
}

func sentenceOf(text string) string { return cut(french(clean(text)), textRoom) }

func upper(text string) string {
	r := []rune(text)
	if len(r) > 0 {
		r[0] = []rune(strings.ToUpper(string(r[:1])))[0]
	}
	return string(r)
}

// isUnreadable tells whether a report only says why a file cannot be read.
func isUnreadable(r *schemas.Report) bool {
	if r.Stats.Rows > 0 || len(r.Errors) == 0 {
		return false
	}
	return slices.Contains([]string{"source-error", "format-error", "encoding-error"}, r.Errors[0].Type)
}

// positive is n in digits, "" when it says nothing.
func positive(n int64) string {
	if n <= 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}
