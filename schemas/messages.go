package schemas

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"grenier/catalog/reference"
)

// nbsp is the no-break space of French typography.
const nbsp = "\u00a0"

// quoteMax is how many bytes of a cell a message quotes; Issue.Cell has up to MaxCell.
const quoteMax = 80

// quote and quoteList are for errors of schemas and of the program, which are French.
func quote(s string) string { return speech{}.quote(s) }

func quoteList(list []string, max int, last phrase) string { return speech{}.list(list, max, last) }

func breaksLine(r rune) bool { return r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' }

// cut copies at most max bytes of b, whole characters only, and says by "…" that something is missing.
func cut(b []byte, max int) string {
	if len(b) <= max {
		return string(b)
	}
	const more = "…"
	n := max - len(more)
	for n > 0 && !utf8.RuneStart(b[n]) {
		n--
	}
	return string(b[:n]) + more
}

// issueType is the code of a fault.
func (c *Checker) issueType(f *fault) string {
	switch f.code {
	case codeSyntax:
		return c.in.Faults[f.n].Type
	case codeRecord:
		return c.worded[f.n].Type
	case codeBlank:
		return "blank-row"
	case codeType:
		return "type-error"
	case codeItem:
		if code(f.variant) == codeType {
			return "type-error"
		}
	case codeExtra:
		return "extra-cell"
	case codeMissing:
		return "missing-cell"
	case codeUnique:
		return "unique-error"
	case codePrimary:
		return "primary-key"
	case codeForeign:
		return "foreign-key"
	case codeAlert:
		return c.alertType(alertColumn(f), balKind(f.variant))
	case codeCheck:
		k := c.plan.checks[f.n]
		if k.code == "french-gps-coordinates" && f.variant == gpsReversed {
			return "reversed-french-gps-coordinates"
		}
		return k.code
	}
	return "constraint-error"
}

// constraintNames are the constraints as the standard writes them.
var constraintNames = map[code]string{codeRequired: "required", codeMinLength: "minLength", codeMaxLength: "maxLength", codeMinimum: "minimum",
	codeMaximum: "maximum", codePattern: "pattern", codeEnum: "enum"}

func (c *Checker) fieldName(f *fault) string {
	if f.code == codeRecord {
		return c.worded[f.n].Field
	}
	if f.code == codeAlert {
		return c.alertField(f)
	}
	if f.col < 0 {
		if f.code == codeMissing && int(f.n) < len(c.labels) { // a column outside the schema has a name too
			return c.labels[f.n]
		}
		return ""
	}
	return c.schema.Fields[f.col].Name
}

// issue words a fault.
func (c *Checker) issue(f *fault) Issue {
	in := c.in
	i := Issue{Type: c.issueType(f), Row: in.Row[f.row], Line: in.Line[f.row], Field: c.fieldName(f)}
	if f.col >= 0 {
		pos := c.pos[f.col]
		if c.plan.document == nil {
			i.Column = pos + 1
		}
		if pos >= 0 && pos < in.Width {
			i.Cell = cut(in.Cell(int(f.row), pos), MaxCell)
		}
	}
	switch f.code {
	case codeSyntax:
		d := &in.Faults[f.n]
		i.Message = c.fromFrench(d.Message)
		if d.Cell >= 0 && f.col < 0 && d.Cell < in.Width && c.plan.document == nil {
			i.Column, i.Cell = d.Cell+1, cut(in.Cell(int(f.row), d.Cell), MaxCell)
		}
	case codeRecord:
		w := c.worded[f.n]
		w.Row, w.Line = i.Row, i.Line
		return w
	case codeBlank:
		i.Message, i.Hint = c.say("La ligne est vide."), c.say("Supprimez cette ligne.")
	case codeExtra:
		i.Column = in.Width + 1
		i.Message = c.say("La ligne a %d cellules, alors que l’en-tête n’a que %d colonnes.", in.Count[f.row], in.Width)
		i.Hint = c.say("Une cellule contient sans doute le signe qui sépare les colonnes. Mettez cette cellule entre guillemets, ou retirez les cellules en trop.")
	case codeMissing:
		i.Column = int(f.n) + 1
		i.Message = c.say("La ligne n’a que %d cellules, alors que l’en-tête a %d colonnes : la colonne %d manque.", in.Count[f.row], in.Width, f.n+1)
		i.Hint = c.say("Ajoutez les cellules qui manquent, même vides, pour que chaque ligne ait autant de cellules que l’en-tête.")
	case codeUnique:
		i.Message = c.say("%s est déjà donné %s, alors que cette colonne n’admet pas de doublon.", c.quote(i.Cell), c.where(f.n))
	case codePrimary:
		c.wordPrimary(&i, f)
	case codeForeign:
		c.wordForeign(&i, f)
	case codeAlert:
		c.wordAlert(&i, f)
	case codeCheck:
		c.wordCheck(&i, c.plan.checks[f.n], f)
	default:
		c.wordCell(&i, c.plan.columns[f.col], f)
	}
	return i
}

// where says at which earlier place a value was met.
func (c *Checker) where(place int64) string {
	row := c.number(place & (1<<placeBits - 1))
	if place>>placeBits != c.document {
		return c.say("à la ligne %s d’un document précédent", row)
	}
	return c.say("à la ligne %s", row)
}

func (c *Checker) wordPrimary(i *Issue, f *fault) {
	names := c.list(c.schema.PrimaryKey, 8, "et")
	if f.n == 0 {
		i.Message = c.say("L’identifiant de la ligne est vide ou illisible (%s).", names)
		i.Hint = c.say("Donnez à chaque ligne un identifiant qui lui est propre.")
		return
	}
	i.Message = c.say("L’identifiant %s est déjà celui d’une autre ligne, %s (%s).", c.quote(c.tupleText(c.plan.primary, int(f.row))), c.where(f.n), names)
	i.Hint = c.say("Retirez le doublon, ou donnez à chaque ligne un identifiant qui lui est propre.")
}

func (c *Checker) foreignIssue(k *foreignKey, w waitingKey) Issue {
	var fields, refs []string
	for n := range k.fields {
		fields, refs = append(fields, c.schema.Fields[k.fields[n]].Name), append(refs, c.schema.Fields[k.ref[n]].Name)
	}
	i := Issue{Type: "foreign-key", Row: w.place & (1<<placeBits - 1), Line: w.line, Cell: w.text}
	if len(fields) == 1 {
		i.Field = fields[0]
	}
	i.Message = c.say("%s (%s) ne se trouve nulle part dans %s.", c.quote(w.text), c.list(fields, 8, "et"), c.list(refs, 8, "et"))
	i.Hint = c.say("Corrigez la référence, ou ajoutez la ligne à laquelle elle renvoie.")
	return i
}

// wordCell words a fault of type or constraint. Hints cost the most, and the quarantine does without: they end with the report's details,
// so that a file wrong throughout stays cheap.
func (c *Checker) wordCell(i *Issue, col *column, f *fault) {
	i.Constraint = constraintNames[f.code]
	cell := c.quote(i.Cell)
	what := f.code
	if f.code == codeItem {
		what = code(f.variant)
		i.Constraint = constraintNames[what]
		cell = c.say("Un élément de la liste %s", cell)
		col = col.item
	}
	k := &col.field.Constraints
	switch what {
	case codeType:
		i.Message = c.typeMessage(col, i.Cell, cell)
		i.Hint = c.hint(func() string { return c.typeHint(col, i.Cell) })
	case codeRequired:
		i.Message = c.say("La valeur manque : cette colonne est obligatoire.")
		i.Hint = c.hint(func() string { return c.example(col.field) })
	case codeMinLength:
		i.Message = c.say("%s est trop court : il faut au moins %s.", cell, c.countOf(col, *k.MinLength))
	case codeMaxLength:
		i.Message = c.say("%s est trop long : il faut au plus %s.", cell, c.countOf(col, *k.MaxLength))
	case codeMinimum:
		i.Message = c.say("%s est trop petit : le minimum est %s.", cell, c.quote(k.Minimum))
	case codeMaximum:
		i.Message = c.say("%s est trop grand : le maximum est %s.", cell, c.quote(k.Maximum))
	case codePattern:
		i.Message = c.say("%s n’a pas la forme attendue.", cell)
		i.Hint = c.hint(func() string { return c.patternHint(col.field) })
	case codeEnum:
		i.Message = c.say("%s ne fait pas partie des valeurs admises.", cell)
		i.Hint = c.hint(func() string { return c.enumHint(k.Enum, i.Cell) })
	}
}

func (c *Checker) hint(make func() string) string {
	if c.brief {
		return ""
	}
	return make()
}

// countOf says how many characters or items a length is.
func (t speech) countOf(col *column, n int) string {
	if col.kind == kindArray || col.kind == kindObject {
		return t.count(int64(n), "%s élément", "%s éléments")
	}
	return t.count(int64(n), "%s caractère", "%s caractères")
}

// example says what a value of the column looks like, when its schema gives one.
func (t speech) example(f *Field) string {
	if f.Example == "" {
		return ""
	}
	return t.say("Exemple de valeur : %s.", t.quote(f.Example))
}

// typeMessage says what the cell is not; quoted is the cell as the message names it.
func (t speech) typeMessage(col *column, cell, quoted string) string {
	switch col.kind {
	case kindInteger:
		if _, ok, fits := parseInteger(trim([]byte(cell))); ok && !fits {
			return t.say("%s est un nombre entier trop grand.", quoted)
		}
	case kindBoolean:
		return t.say("%s n’est pas une valeur admise : %s.", quoted, t.list(slices.Concat(col.yes, col.no), 10, "ou"))
	case kindDate, kindDateAny:
		if isoLike.MatchString(cell) {
			return t.say("%s n’est pas une date du calendrier.", quoted)
		}
	case kindDateLayout, kindDatetimeLayout:
		return t.say("%s n’est pas une date au format %s.", quoted, t.layout(col.layout))
	case kindTimeLayout:
		return t.say("%s n’est pas une heure au format %s.", quoted, t.layout(col.layout))
	}
	return t.say(notThat[col.kind], quoted)
}

// notThat says for each kind of column what a cell is not.
var notThat = map[kind]phrase{
	kindText: "%s n’est pas un texte.", kindAny: "%s n’est pas un texte.", kindEmail: "%s n’est pas une adresse électronique.",
	kindURI: "%s n’est pas une adresse web complète.", kindUUID: "%s n’est pas un identifiant UUID.", kindBinary: "%s n’est pas un contenu en base 64.",
	kindWKT: "%s n’est pas une géométrie au format WKT.", kindInteger: "%s n’est pas un nombre entier.", kindNumber: "%s n’est pas un nombre.",
	kindDate: "%s n’est pas une date au format AAAA-MM-JJ.", kindDateAny: "%s n’est pas une date au format AAAA-MM-JJ.",
	kindDatetime: "%s n’est pas une date avec heure au format AAAA-MM-JJThh:mm:ss.", kindTime: "%s n’est pas une heure au format hh:mm:ss.",
	kindYear: "%s n’est pas une année à quatre chiffres.", kindYearMonth: "%s n’est pas un mois au format AAAA-MM.",
	kindDuration: "%s n’est pas une durée au format ISO 8601.", kindPoint: "%s n’est pas un point « longitude, latitude » en degrés.",
	kindPointArray: "%s n’est pas un point [longitude, latitude] en degrés.", kindPointObject: "%s n’est pas un point {\"lon\": …, \"lat\": …} en degrés.",
	kindGeoJSON: "%s n’est pas une géométrie GeoJSON.", kindTopoJSON: "%s n’est pas un contenu TopoJSON.",
	kindArray: "%s n’est pas une liste au format JSON.", kindObject: "%s n’est pas un objet au format JSON.",
}

var (
	isoLike      = regexp.MustCompile(`^\d{4}-\d{1,2}-\d{1,2}$`)
	frenchDate   = regexp.MustCompile(`^\s*(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})\s*$`)
	commaDecimal = regexp.MustCompile(`^\s*[-+]?[\d \x{00a0}\x{202f}]*\d,\d+\s*$`)
)

// typeHint proposes the right way to write what the author most likely meant.
func (t speech) typeHint(col *column, cell string) string {
	switch col.kind {
	case kindInteger:
		if plain := plainNumber(cell); plain != cell {
			if _, ok, fits := parseInteger([]byte(plain)); ok && fits {
				return t.say("Écrivez %s, sans espace ni séparateur.", t.quote(plain))
			}
		}
		return t.say("Écrivez des chiffres seulement, sans espace, virgule ni point.")
	case kindNumber:
		plain := plainNumber(cell)
		if _, ok := parseNumber([]byte(plain)); ok && plain != cell && col.point10 == "." {
			if commaDecimal.MatchString(cell) {
				return t.say("Remplacez la virgule par un point, sans espace : %s.", t.quote(plain))
			}
			return t.say("Écrivez %s, sans espace.", t.quote(plain))
		}
		return t.say("Écrivez le nombre sans unité ni espace, avec %s devant les décimales.", t.quote(col.point10))
	case kindDate:
		if iso := isoOf(cell); iso != "" {
			return t.say("Écrivez %s : l’année, le mois, puis le jour.", t.quote(iso))
		}
		if s := strings.TrimSpace(cell); s != cell && validDate(s) {
			return t.say("Retirez les espaces autour de la date.")
		}
	case kindBoolean:
		return t.nearest(slices.Concat(col.yes, col.no), cell)
	case kindURI:
		if strings.HasPrefix(cell, "www.") {
			return t.say("Ajoutez le début de l’adresse : %s.", t.quote("https://"+cell))
		}
		return t.say("L’adresse doit commencer par « https:// » et ne contenir ni espace ni accent.")
	case kindDatetime:
		if len(cell) == len("2006-01-02T15:04") {
			return t.say("Ajoutez les secondes : %s.", t.quote(cell+":00"))
		}
	}
	return t.example(col.field)
}

// isoOf writes a French date of the calendar as AAAA-MM-JJ; "" when the cell is none.
func isoOf(cell string) string {
	m := frenchDate.FindStringSubmatch(cell)
	if m == nil {
		return ""
	}
	if iso := fmt.Sprintf("%s-%02s-%02s", m[3], m[2], m[1]); validDate(iso) {
		return iso
	}
	return ""
}

func validDate(s string) bool { _, ok := parseDate([]byte(s)); return ok }

// plainNumber removes white space and puts a point for a lone comma.
func plainNumber(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\u00a0' || r == '\u202f' || r == '\t' }), "")
	if strings.Count(s, ",") == 1 && !strings.Contains(s, ".") {
		s = strings.Replace(s, ",", ".", 1)
	}
	return s
}

// enumHint proposes the value that differs by case, accents or spaces only, or lists the values.
func (t speech) enumHint(values []string, cell string) string {
	if hint := t.nearest(values, cell); hint != "" {
		return hint
	}
	return t.say("Valeurs admises : %s.", t.list(values, 12, "ou"))
}

func (t speech) nearest(values []string, cell string) string {
	if v, ok := nearestOf(values, cell); ok {
		return t.say("Écrivez %s, exactement ainsi.", t.quote(v))
	}
	return ""
}

// nearestOf finds the value that differs from the cell by case, accents or spaces only.
func nearestOf(values []string, cell string) (string, bool) {
	for _, v := range values {
		if fold(v) == fold(cell) {
			return v, true
		}
	}
	return "", false
}

// choice is the pattern by which French schemas write "one or several of these words, separated by a bar or a comma".
var choice = regexp.MustCompile(`^\^?\(\?:\(\?:\^\|(\\\||,)\)\(([^()\\\[\]*+?{}^$]+)\)\)\+\$?$`)

// patternHint describes what a pattern wants without ever showing it.
func (t speech) patternHint(f *Field) string {
	if m := choice.FindStringSubmatch(f.Constraints.Pattern); m != nil {
		return t.say("Donnez une ou plusieurs valeurs, séparées par %s et sans espace autour, parmi %s.",
			t.quote(strings.TrimPrefix(m[1], `\`)), t.list(strings.Split(m[2], "|"), 12, "et"))
	}
	hint := ""
	if s := t.describePattern(f.Constraints.Pattern); s != "" {
		hint = t.say("La forme attendue est : %s.", s)
	}
	return strings.TrimSpace(hint + " " + t.example(f))
}

// patternPiece is one step of a pattern that can be told in words: a literal, a class of digits or letters, a repetition.
var patternPiece = regexp.MustCompile(`^(?:(\\d|\[0-9\])|(\[A-Z\])|(\[a-zA-Z0-9\]|\[A-Za-z0-9\]|\[A-Z0-9\]|\[0-9A-Z\])|([A-Za-z0-9_ /:-])|\\([-/._]))(?:\{(\d+)(?:,(\d+))?\})?`)

// describePattern tells simple patterns in words: "14 chiffres", "« W » puis 9 chiffres"; "" for all others.
func (t speech) describePattern(pattern string) string {
	rest := strings.TrimSuffix(strings.TrimPrefix(pattern, "^"), "$")
	var steps []string
	literal := ""
	for rest != "" {
		m := patternPiece.FindStringSubmatch(rest)
		if m == nil {
			return ""
		}
		rest = rest[len(m[0]):]
		if lit := m[4] + m[5]; lit != "" {
			if m[6] != "" {
				return ""
			}
			literal += lit
			continue
		}
		if literal != "" {
			steps = append(steps, t.quote(literal))
			literal = ""
		}
		steps = append(steps, t.classInWords(m))
	}
	if literal != "" {
		steps = append(steps, t.quote(literal))
	}
	if len(steps) > 8 {
		return ""
	}
	return strings.Join(steps, " "+t.say("puis")+" ")
}

func (t speech) classInWords(m []string) string {
	one, many := phrase("%s lettre majuscule ou chiffre"), phrase("%s lettres majuscules ou chiffres")
	switch {
	case m[1] != "":
		one, many = "%s chiffre", "%s chiffres"
	case m[2] != "":
		one, many = "%s lettre majuscule", "%s lettres majuscules"
	case strings.Contains(m[3], "a-z"):
		one, many = "%s lettre ou chiffre", "%s lettres ou chiffres"
	}
	low, high := m[6], m[7]
	switch {
	case high != "":
		return t.say(many, t.say("de %s à %s", low, high))
	case low == "", low == "1":
		return t.say(one, "1")
	}
	return t.say(many, low)
}

// wordCheck words a fault that a custom check found.
func (c *Checker) wordCheck(i *Issue, k *check, f *fault) {
	cell, names := c.quote(i.Cell), c.columnNames(k)
	switch k.code {
	case "french-siren-value":
		i.Message = c.idFault(cell, f.variant, "SIREN", 9)
		i.Hint = c.say("Vérifiez le numéro sur annuaire-entreprises.data.gouv.fr.")
	case "french-siret-value":
		i.Message = c.idFault(cell, f.variant, "SIRET", 14)
		i.Hint = c.say("Vérifiez le numéro sur annuaire-entreprises.data.gouv.fr.")
	case "nomenclature-actes-value":
		c.wordActe(i, cell, f.variant)
	case "year-interval-value":
		i.Message = c.say("%s n’est pas une période de deux années.", cell)
		i.Hint = c.say("Écrivez deux années séparées par une barre oblique, la plus ancienne d’abord, comme %s.", c.quote("2024/2025"))
		if k.alone {
			i.Hint += " " + c.say("Une année seule est admise aussi.")
		}
	case "cohesive-columns-value":
		i.Message = c.say("Les colonnes %s vont ensemble : elles doivent être toutes remplies ou toutes vides.", c.list(names, 8, "et"))
	case "one-of-required":
		i.Message = c.say("L’une au moins des colonnes %s doit être remplie.", c.list(names, 8, "et"))
	case "compare-columns-value":
		c.wordCompare(i, k, f, names)
	case "sum-columns-value":
		i.Message = c.say("%s n’est pas la somme des colonnes %s.", cell, c.list(names[1:], 8, "et"))
	case "phone-number-value":
		i.Message = c.say("%s n’est pas un numéro de téléphone complet.", cell)
		i.Hint = c.say("Écrivez dix chiffres, comme %s, ou le numéro international qui commence par « + ».", c.quote("01 99 00 12 34"))
	case "french-gps-coordinates":
		i.Message = c.say("%s n’est pas en France.", cell)
		i.Hint = c.say("Vérifiez la longitude et la latitude.")
		if f.variant == gpsReversed {
			i.Message = c.say("%s n’est pas en France : la longitude et la latitude sont inversées.", cell)
			i.Hint = c.say("Donnez la longitude d’abord, puis la latitude.")
		}
	case "opening-hours-value":
		i.Message = c.say("%s n’est pas un horaire tel que l’écrit OpenStreetMap.", cell)
		i.Hint = c.say("Les jours s’abrègent en anglais (Mo, Tu, We, Th, Fr, Sa, Su), les heures s’écrivent %s.", c.quote("Mo-Fr 09:00-12:00,14:00-18:00"))
	case "id-rnb":
		i.Message = c.say("%s n’est pas un identifiant de bâtiment (RNB).", cell)
		i.Hint = c.say("L’identifiant a 12 caractères : des chiffres de 1 à 9 et des lettres majuscules, sans I, O ni U.")
	default:
		i.Message = c.say(listWords[k.code], cell)
		i.Hint = c.say("Vérifiez la valeur dans la liste officielle, tenue à jour au 1er janvier %s.", reference.Edition)
	}
}

func (t speech) idFault(cell string, variant uint8, name string, length int) string {
	if variant == idKey {
		return t.say("%s n’est pas un numéro %s : sa clé de contrôle est fausse, un chiffre est sans doute erroné.", cell, name)
	}
	return t.say("%s n’est pas un numéro %s : il faut %d chiffres.", cell, name, length)
}

func (c *Checker) wordActe(i *Issue, cell string, variant uint8) {
	switch variant {
	case acteSlash:
		i.Message = c.say("%s ne contient pas de barre oblique entre la matière et la sous-matière.", cell)
	case acteSpace:
		i.Message = c.say("%s contient une espace à côté de la barre oblique.", cell)
	default:
		i.Message = c.say("%s ne commence pas par une matière de la nomenclature des actes.", cell)
	}
	i.Hint = c.say("Écrivez la matière, une barre oblique sans espace, puis la sous-matière, comme %s.", c.quote("Finances locales/Subventions"))
}

func (c *Checker) wordCompare(i *Issue, k *check, f *fault, names []string) {
	other := cut(c.in.Cell(int(f.row), c.pos[k.columns[1]]), MaxCell)
	if f.variant == compareMixed {
		i.Message = c.say("%s et %s (%s) ne peuvent pas être comparés.", c.quote(i.Cell), c.quote(other), c.quote(names[1]))
		return
	}
	i.Message = c.say(comparisons[k.op], c.quote(i.Cell), c.quote(other), c.quote(names[1]))
}

// comparisons say what compare-columns-value wants, by its operator.
var comparisons = map[string]phrase{
	">":  "%s devrait être supérieur à %s, la valeur de la colonne %s.",
	">=": "%s devrait être supérieur ou égal à %s, la valeur de la colonne %s.",
	"==": "%s devrait être égal à %s, la valeur de la colonne %s.",
	"<=": "%s devrait être inférieur ou égal à %s, la valeur de la colonne %s.",
	"<":  "%s devrait être inférieur à %s, la valeur de la colonne %s.",
}

// columnNames names the columns of a check that the schema knows.
func (c *Checker) columnNames(k *check) (out []string) {
	for _, f := range k.columns {
		if f >= 0 {
			out = append(out, c.schema.Fields[f].Name)
		}
	}
	return out
}

// absentColumns words a check that cannot run for want of columns.
func (c *Checker) absentColumns(k *check) string {
	var absent []string
	for _, f := range k.columns {
		if f >= 0 && c.pos[f] < 0 {
			absent = append(absent, c.schema.Fields[f].Name)
		}
	}
	names := c.list(c.columnNames(k), 8, "et")
	if k.code == "one-of-required" {
		return c.say("L’une au moins des colonnes %s doit être remplie, et le fichier n’en a aucune.", names)
	}
	return c.say("Les colonnes %s vont ensemble, et le fichier n’a pas %s.", names, c.list(absent, 8, "ni"))
}

// A note is an issue of the whole table, worded once the language is known.
type note func(t speech) Issue

func noteUnsupportedPattern(f *Field) note {
	return func(t speech) Issue {
		return Issue{Type: "check-warn", Field: f.Name, Message: t.say("La forme des valeurs de la colonne %s n’a pas été contrôlée : le schéma la décrit par une expression que la plateforme ne sait pas appliquer.", t.quote(f.Name)),
			Hint: t.say("Le reste des contrôles a eu lieu.")}
	}
}

func noteOtherTable(k ForeignKey) note {
	return func(t speech) Issue {
		i := Issue{Type: "foreign-key-warn", Message: t.say("Les références de %s vers l’autre table %s n’ont pas été contrôlées : cette table n’est pas fournie.", t.list(k.Fields, 8, "et"), t.quote(k.Resource))}
		if len(k.Fields) == 1 {
			i.Field = k.Fields[0]
		}
		return i
	}
}

func noteCheckNotRun(name string) note {
	return func(t speech) Issue {
		return Issue{Type: "check-warn", Message: t.say("Le contrôle %s n’a pas eu lieu : la plateforme ne sait pas encore l’appliquer.", t.quote(name)), Hint: t.say("Le reste des contrôles a eu lieu.")}
	}
}

// sayGivenUp warns once of patterns that took too long on some cell.
func (c *Checker) sayGivenUp(rep *Report) {
	for f, col := range c.plan.columns {
		if !c.gaveUp[f] || col.pattern == nil {
			continue
		}
		if _, said := c.said[f]; said {
			continue
		}
		c.said[f] = struct{}{}
		rep.Warn(Issue{Type: "check-warn", Field: col.field.Name, Message: c.say("La forme de certaines valeurs de la colonne %s n’a pas été contrôlée : le contrôle prenait trop de temps.", c.quote(col.field.Name))})
	}
}

func (t speech) duplicateIssue(twice []string) Issue {
	if len(twice) == 1 && twice[0] == "" {
		return Issue{Type: "error", Message: t.say("Plusieurs colonnes n’ont pas de nom : aucune ligne n’a été contrôlée."), Hint: t.say("Nommez ces colonnes, ou retirez-les si elles sont vides.")}
	}
	return Issue{Type: "error", Field: twice[0], Message: t.say("Plusieurs colonnes portent le même nom (%s) : aucune ligne n’a été contrôlée.", t.list(twice, 8, "et")),
		Hint: t.say("Donnez à chaque colonne un nom différent.")}
}

func (c *Checker) unmatchedIssue(labels []string) Issue {
	return Issue{Type: "unmatched-header", Message: c.say("Aucune colonne du fichier n’est connue du schéma : aucune ligne n’a été contrôlée. Colonnes lues : %s.", c.list(labels, 8, "et")),
		Hint: c.say("Vérifiez que la première ligne donne les noms de colonnes du schéma : %s.", c.list(c.names(), 8, "et"))}
}

func (c *Checker) missingLabelIssue(name string, column int, labels []string) Issue {
	i := Issue{Type: "missing-label", Field: name, Column: column, Message: c.say("La colonne obligatoire %s manque.", c.quote(name)), Hint: c.similar(name, labels)}
	if i.Hint == "" {
		i.Hint = c.say("Ajoutez une colonne nommée %s et remplissez-la.", c.quote(name))
	}
	return i
}

func (c *Checker) missingWarning(name string, labels []string) Issue {
	return Issue{Type: "missing-header-warn", Field: name, Message: c.say("La colonne facultative %s manque. Le fichier reste valide.", c.quote(name)), Hint: c.similar(name, labels)}
}

// similar points to a label outside the schema that differs by case, accents, spaces or signs only.
func (c *Checker) similar(name string, labels []string) string {
	for _, pos := range c.extra {
		if bareLabel(labels[pos]) == bareLabel(name) {
			return c.say("La colonne %s lui ressemble : écrivez %s, exactement ainsi.", c.quote(labels[pos]), c.quote(name))
		}
	}
	return ""
}

// bareLabel is a label's letters and digits, folded.
func bareLabel(label string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, fold(label))
}

func (t speech) extraWarning(label string, column int) Issue {
	i := Issue{Type: "extra-header-warn", Field: label, Column: column, Message: t.say("La colonne %s n’est pas dans le schéma : elle n’est ni contrôlée ni publiée.", t.quote(label))}
	if label == "" {
		i.Message = t.say("La colonne %d n’a pas de nom : elle n’est ni contrôlée ni publiée.", column)
	}
	return i
}
