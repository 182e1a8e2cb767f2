package schemas

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// nbsp is the no-break space of French typography.
const nbsp = "\u00a0"

// quoteMax is how many bytes of a cell a message quotes; Issue.Cell has up to MaxCell.
const quoteMax = 80

// quote puts a text between French quotation marks, on one line and not too long.
func quote(s string) string {
	if len(s) > quoteMax {
		s = cut([]byte(s), quoteMax)
	}
	if strings.ContainsFunc(s, breaksLine) {
		s = strings.Map(func(r rune) rune {
			if breaksLine(r) {
				return ' '
			}
			return r
		}, s)
	}
	return "«" + nbsp + s + nbsp + "»"
}

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

// quoteList quotes up to max texts, then says how many more there are.
func quoteList(list []string, max int, last string) string {
	var out []string
	for i, s := range list {
		if i == max {
			return strings.Join(out, ", ") + fmt.Sprintf(" et %d autres", len(list)-max)
		}
		out = append(out, quote(s))
	}
	if n := len(out); n > 1 {
		return strings.Join(out[:n-1], ", ") + " " + last + " " + out[n-1]
	}
	return strings.Join(out, "")
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
		i.Message = d.Message
		if d.Cell >= 0 && f.col < 0 && d.Cell < in.Width && c.plan.document == nil {
			i.Column, i.Cell = d.Cell+1, cut(in.Cell(int(f.row), d.Cell), MaxCell)
		}
	case codeRecord:
		w := c.worded[f.n]
		w.Row, w.Line = i.Row, i.Line
		return w
	case codeBlank:
		i.Message, i.Hint = "La ligne est vide.", "Supprimez cette ligne."
	case codeExtra:
		i.Column = in.Width + 1
		i.Message = fmt.Sprintf("La ligne a %d cellules, l’en-tête %d.", in.Count[f.row], in.Width)
		i.Hint = "Une cellule contient sans doute le séparateur sans être entre guillemets."
	case codeMissing:
		i.Column = int(f.n) + 1
		i.Message = fmt.Sprintf("La ligne s’arrête avant la colonne %d : elle a %d cellules, l’en-tête %d.", f.n+1, in.Count[f.row], in.Width)
		i.Hint = "Ajoutez les séparateurs qui manquent, même quand la cellule est vide."
	case codeUnique:
		i.Message = fmt.Sprintf("%s est déjà donné %s, alors que cette colonne n’admet pas de doublon.", quote(i.Cell), c.where(f.n))
	case codePrimary:
		c.wordPrimary(&i, f)
	case codeCheck:
		c.wordCheck(&i, c.plan.checks[f.n], f)
	default:
		c.wordCell(&i, c.plan.columns[f.col], f)
	}
	return i
}

// where says at which earlier place a value was met.
func (c *Checker) where(place int64) string {
	row := strconv.FormatInt(place&(1<<placeBits-1), 10)
	if place>>placeBits != c.document {
		return "à la ligne " + row + " d’un document précédent"
	}
	return "à la ligne " + row
}

func (c *Checker) wordPrimary(i *Issue, f *fault) {
	names := quoteList(c.schema.PrimaryKey, 8, "et")
	if f.n == 0 {
		i.Message = "L’identifiant de la ligne est vide ou illisible (" + names + ")."
		i.Hint = "Donnez à chaque ligne un identifiant qui lui est propre."
		return
	}
	i.Message = fmt.Sprintf("L’identifiant %s est déjà celui d’une autre ligne, %s (%s).", quote(c.tupleText(c.plan.primary, int(f.row))), c.where(f.n), names)
	i.Hint = "Retirez le doublon, ou donnez à chaque ligne un identifiant qui lui est propre."
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
	i.Message = fmt.Sprintf("%s (%s) ne se trouve nulle part dans %s.", quote(w.text), quoteList(fields, 8, "et"), quoteList(refs, 8, "et"))
	i.Hint = "Corrigez la référence, ou ajoutez la ligne à laquelle elle renvoie."
	return i
}

// wordCell words a fault of type or constraint. Hints cost the most, and the quarantine does without: they end with the report's details,
// so that a file wrong throughout stays cheap.
func (c *Checker) wordCell(i *Issue, col *column, f *fault) {
	i.Constraint = constraintNames[f.code]
	cell := quote(i.Cell)
	what := f.code
	if f.code == codeItem {
		what = code(f.variant)
		i.Constraint = constraintNames[what]
		cell = "Un élément de la liste " + cell
		col = col.item
	}
	k := &col.field.Constraints
	switch what {
	case codeType:
		i.Message = cell + " " + typeMessage(col, i.Cell) + "."
		i.Hint = c.hint(func() string { return typeHint(col, i.Cell) })
	case codeRequired:
		i.Message = "La valeur manque : cette colonne est obligatoire."
		if col.field.Example != "" {
			i.Hint = "Exemple de valeur : " + quote(col.field.Example) + "."
		}
	case codeMinLength:
		i.Message = fmt.Sprintf("%s est trop court : il faut au moins %s.", cell, col.countOf(*k.MinLength))
	case codeMaxLength:
		i.Message = fmt.Sprintf("%s est trop long : il faut au plus %s.", cell, col.countOf(*k.MaxLength))
	case codeMinimum:
		i.Message = fmt.Sprintf("%s est trop petit : le minimum est %s.", cell, quote(k.Minimum))
	case codeMaximum:
		i.Message = fmt.Sprintf("%s est trop grand : le maximum est %s.", cell, quote(k.Maximum))
	case codePattern:
		i.Message = cell + " n’a pas la forme attendue."
		i.Hint = c.hint(func() string { return patternHint(col.field) })
	case codeEnum:
		i.Message = cell + " ne fait pas partie des valeurs admises."
		i.Hint = c.hint(func() string { return enumHint(k.Enum, i.Cell) })
	}
}

func (c *Checker) hint(make func() string) string {
	if c.brief {
		return ""
	}
	return make()
}

func (c *column) countOf(n int) string {
	unit := "caractère"
	if c.kind == kindArray || c.kind == kindObject {
		unit = "élément"
	}
	if n > 1 {
		unit += "s"
	}
	return fmt.Sprintf("%d %s", n, unit)
}

// typeMessage says what the text is not.
func typeMessage(col *column, cell string) string {
	switch col.kind {
	case kindInteger:
		if _, ok, fits := parseInteger(trim([]byte(cell))); ok && !fits {
			return "est un nombre entier trop grand"
		}
		return "n’est pas un nombre entier"
	case kindNumber:
		return "n’est pas un nombre"
	case kindBoolean:
		return "n’est pas une valeur admise : " + quoteList(slices.Concat(col.yes, col.no), 10, "ou")
	case kindDate, kindDateAny:
		if isoLike.MatchString(cell) {
			return "n’est pas une date du calendrier"
		}
		return "n’est pas une date au format AAAA-MM-JJ"
	case kindDateLayout, kindDatetimeLayout, kindTimeLayout:
		return "n’est pas une date au format " + frenchLayout(col.layout)
	case kindDatetime:
		return "n’est pas une date avec heure au format AAAA-MM-JJThh:mm:ss"
	case kindTime:
		return "n’est pas une heure au format hh:mm:ss"
	case kindYear:
		return "n’est pas une année à quatre chiffres"
	case kindYearMonth:
		return "n’est pas un mois au format AAAA-MM"
	}
	return "n’est pas " + kindNames[col.kind]
}

var kindNames = map[kind]string{
	kindText: "un texte", kindEmail: "une adresse électronique", kindURI: "une adresse web complète", kindUUID: "un identifiant UUID",
	kindBinary: "un contenu en base 64", kindWKT: "une géométrie au format WKT", kindDuration: "une durée au format ISO 8601",
	kindPoint: "un point « longitude, latitude » en degrés", kindPointArray: "un point [longitude, latitude] en degrés",
	kindPointObject: "un point {\"lon\": …, \"lat\": …} en degrés", kindGeoJSON: "une géométrie GeoJSON", kindTopoJSON: "un contenu TopoJSON",
	kindArray: "une liste au format JSON", kindObject: "un objet au format JSON",
}

var (
	isoLike      = regexp.MustCompile(`^\d{4}-\d{1,2}-\d{1,2}$`)
	frenchDate   = regexp.MustCompile(`^\s*(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})\s*$`)
	commaDecimal = regexp.MustCompile(`^\s*[-+]?[\d \x{00a0}\x{202f}]*\d,\d+\s*$`)
)

// typeHint proposes the right way to write what the author most likely meant.
func typeHint(col *column, cell string) string {
	switch col.kind {
	case kindInteger:
		if plain := plainNumber(cell); plain != cell {
			if _, ok, fits := parseInteger([]byte(plain)); ok && fits {
				return "Écrivez " + quote(plain) + ", sans espace ni séparateur."
			}
		}
		return "Écrivez des chiffres seulement, sans espace, virgule ni point."
	case kindNumber:
		plain := plainNumber(cell)
		if _, ok := parseNumber([]byte(plain)); ok && plain != cell && col.point10 == "." {
			if commaDecimal.MatchString(cell) {
				return "Remplacez la virgule par un point, sans espace : " + quote(plain) + "."
			}
			return "Écrivez " + quote(plain) + ", sans espace."
		}
		return "Écrivez le nombre sans unité ni espace, avec " + quote(col.point10) + " devant les décimales."
	case kindDate:
		if m := frenchDate.FindStringSubmatch(cell); m != nil {
			if iso := fmt.Sprintf("%s-%02s-%02s", m[3], m[2], m[1]); validDate(iso) {
				return "Écrivez " + quote(iso) + " : l’année, le mois, puis le jour."
			}
		}
		if s := strings.TrimSpace(cell); s != cell && validDate(s) {
			return "Retirez les espaces autour de la date."
		}
	case kindBoolean:
		return nearest(slices.Concat(col.yes, col.no), cell)
	case kindURI:
		if strings.HasPrefix(cell, "www.") {
			return "Ajoutez le début de l’adresse : " + quote("https://"+cell) + "."
		}
		return "L’adresse doit commencer par « https:// » et ne contenir ni espace ni accent."
	case kindDatetime:
		if len(cell) == len("2006-01-02T15:04") {
			return "Ajoutez les secondes : " + quote(cell+":00") + "."
		}
	}
	if col.field.Example != "" {
		return "Exemple de valeur : " + quote(col.field.Example) + "."
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

// frenchLayout writes a strptime format as people do: JJ/MM/AAAA.
func frenchLayout(l *layout) string {
	names := map[byte]string{'Y': "AAAA", 'y': "AA", 'm': "MM", 'd': "JJ", 'H': "hh", 'I': "hh", 'M': "mm", 'S': "ss", 'f': "ffffff", 'j': "jjj",
		'p': "AM", 'b': "mois", 'B': "mois", 'a': "jour", 'A': "jour", 'z': "+hhmm"}
	var out strings.Builder
	for _, p := range l.parts {
		if p.directive == 0 {
			out.WriteByte(p.literal)
			continue
		}
		out.WriteString(names[p.directive])
	}
	return out.String()
}

// enumHint proposes the value that differs by case, accents or spaces only, or lists the values.
func enumHint(values []string, cell string) string {
	if hint := nearest(values, cell); hint != "" {
		return hint
	}
	return "Valeurs admises : " + quoteList(values, 12, "ou") + "."
}

func nearest(values []string, cell string) string {
	for _, v := range values {
		if fold(v) == fold(cell) {
			return "Écrivez " + quote(v) + ", exactement ainsi."
		}
	}
	return ""
}

// choice is the pattern by which French schemas write "one or several of these words, separated by a bar or a comma".
var choice = regexp.MustCompile(`^\^?\(\?:\(\?:\^\|(\\\||,)\)\(([^()\\\[\]*+?{}^$]+)\)\)\+\$?$`)

// patternHint describes what a pattern wants without ever showing it.
func patternHint(f *Field) string {
	if m := choice.FindStringSubmatch(f.Constraints.Pattern); m != nil {
		return fmt.Sprintf("Donnez une ou plusieurs valeurs, séparées par %s et sans espace autour, parmi %s.",
			quote(strings.TrimPrefix(m[1], `\`)), quoteList(strings.Split(m[2], "|"), 12, "et"))
	}
	hint := ""
	if s := describePattern(f.Constraints.Pattern); s != "" {
		hint = "La forme attendue est : " + s + "."
	}
	if f.Example != "" {
		hint = strings.TrimSpace(hint + " Exemple de valeur : " + quote(f.Example) + ".")
	}
	return hint
}

// patternPiece is one step of a pattern that can be told in words: a literal, a class of digits or letters, a repetition.
var patternPiece = regexp.MustCompile(`^(?:(\\d|\[0-9\])|(\[A-Z\])|(\[a-zA-Z0-9\]|\[A-Za-z0-9\]|\[A-Z0-9\]|\[0-9A-Z\])|([A-Za-z0-9_ /:-])|\\([-/._]))(?:\{(\d+)(?:,(\d+))?\})?`)

// describePattern tells simple patterns in words: "14 chiffres", "« W » puis 9 chiffres"; "" for all others.
func describePattern(pattern string) string {
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
			steps = append(steps, quote(literal))
			literal = ""
		}
		steps = append(steps, classInWords(m))
	}
	if literal != "" {
		steps = append(steps, quote(literal))
	}
	if len(steps) > 8 {
		return ""
	}
	return strings.Join(steps, " puis ")
}

func classInWords(m []string) string {
	unit := "lettre majuscule ou chiffre"
	switch {
	case m[1] != "":
		unit = "chiffre"
	case m[2] != "":
		unit = "lettre majuscule"
	case strings.Contains(m[3], "a-z"):
		unit = "lettre ou chiffre"
	}
	low, high := m[6], m[7]
	if low == "" {
		low = "1"
	}
	if low != "1" || high != "" {
		unit = strings.NewReplacer("chiffre", "chiffres", "lettre", "lettres", "majuscule", "majuscules").Replace(unit)
	}
	if high != "" {
		return "de " + low + " à " + high + " " + unit
	}
	return low + " " + unit
}

// wordCheck words a fault that a custom check found.
func (c *Checker) wordCheck(i *Issue, k *check, f *fault) {
	cell, names := quote(i.Cell), c.columnNames(k)
	switch k.code {
	case "french-siren-value":
		i.Message = cell + idFault(f.variant, "SIREN", 9)
		i.Hint = "Vérifiez le numéro sur annuaire-entreprises.data.gouv.fr."
	case "french-siret-value":
		i.Message = cell + idFault(f.variant, "SIRET", 14)
		i.Hint = "Vérifiez le numéro sur annuaire-entreprises.data.gouv.fr."
	case "nomenclature-actes-value":
		c.wordActe(i, cell, f.variant)
	case "year-interval-value":
		i.Message = cell + " n’est pas une période de deux années."
		i.Hint = "Écrivez deux années séparées par une barre oblique, la plus ancienne d’abord, comme " + quote("2024/2025") + "."
		if k.alone {
			i.Hint += " Une année seule est admise aussi."
		}
	case "cohesive-columns-value":
		i.Message = "Les colonnes " + quoteList(names, 8, "et") + " vont ensemble : elles doivent être toutes remplies ou toutes vides."
	case "one-of-required":
		i.Message = "L’une au moins des colonnes " + quoteList(names, 8, "et") + " doit être remplie."
	case "compare-columns-value":
		c.wordCompare(i, k, f, names)
	case "sum-columns-value":
		i.Message = fmt.Sprintf("%s n’est pas la somme des colonnes %s.", cell, quoteList(names[1:], 8, "et"))
	case "phone-number-value":
		i.Message = cell + " n’est pas un numéro de téléphone complet."
		i.Hint = "Écrivez dix chiffres, comme " + quote("01 99 00 12 34") + ", ou le numéro international qui commence par « + »."
	case "french-gps-coordinates":
		i.Message = cell + " n’est pas en France."
		i.Hint = "Vérifiez la longitude et la latitude."
		if f.variant == gpsReversed {
			i.Message = cell + " n’est pas en France : la longitude et la latitude sont inversées."
			i.Hint = "Donnez la longitude d’abord, puis la latitude."
		}
	case "id-rnb":
		i.Message = cell + " n’est pas un identifiant de bâtiment (RNB)."
		i.Hint = "L’identifiant a 12 caractères : des chiffres de 1 à 9 et des lettres majuscules, sans I, O ni U."
	}
}

func idFault(variant uint8, name string, length int) string {
	if variant == idKey {
		return fmt.Sprintf(" n’est pas un numéro %s : sa clé de contrôle est fausse, un chiffre est sans doute erroné.", name)
	}
	return fmt.Sprintf(" n’est pas un numéro %s : il faut %d chiffres.", name, length)
}

func (c *Checker) wordActe(i *Issue, cell string, variant uint8) {
	switch variant {
	case acteSlash:
		i.Message = cell + " ne contient pas de barre oblique entre la matière et la sous-matière."
	case acteSpace:
		i.Message = cell + " contient une espace à côté de la barre oblique."
	default:
		i.Message = cell + " ne commence pas par une matière de la nomenclature des actes."
	}
	i.Hint = "Écrivez la matière, une barre oblique sans espace, puis la sous-matière, comme " + quote("Finances locales/Subventions") + "."
}

func (c *Checker) wordCompare(i *Issue, k *check, f *fault, names []string) {
	other := cut(c.in.Cell(int(f.row), c.pos[k.columns[1]]), MaxCell)
	if f.variant == compareMixed {
		i.Message = fmt.Sprintf("%s et %s (%s) ne peuvent pas être comparés.", quote(i.Cell), quote(other), quote(names[1]))
		return
	}
	words := map[string]string{">": "supérieur à", ">=": "supérieur ou égal à", "==": "égal à", "<=": "inférieur ou égal à", "<": "inférieur à"}
	i.Message = fmt.Sprintf("%s devrait être %s %s, la valeur de la colonne %s.", quote(i.Cell), words[k.op], quote(other), quote(names[1]))
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
	names := quoteList(c.columnNames(k), 8, "et")
	if k.code == "one-of-required" {
		return "L’une au moins des colonnes " + names + " doit être remplie, et le fichier n’en a aucune."
	}
	return "Les colonnes " + names + " vont ensemble, et le fichier n’a pas " + quoteList(absent, 8, "ni") + "."
}

func noteUnsupportedPattern(f *Field) Issue {
	return Issue{Type: "check-warn", Field: f.Name, Message: "La forme des valeurs de la colonne " + quote(f.Name) + " n’a pas été contrôlée : le schéma la décrit par une expression que la plateforme ne sait pas appliquer.",
		Hint: "Le reste des contrôles a eu lieu."}
}

func noteOtherTable(k ForeignKey) Issue {
	i := Issue{Type: "foreign-key-warn", Message: fmt.Sprintf("Les références de %s vers l’autre table %s n’ont pas été contrôlées : cette table n’est pas fournie.", quoteList(k.Fields, 8, "et"), quote(k.Resource))}
	if len(k.Fields) == 1 {
		i.Field = k.Fields[0]
	}
	return i
}

func noteCheckNotRun(name string) Issue {
	return Issue{Type: "check-warn", Message: "Contrôle non exécuté : " + quote(name) + ". La plateforme ne sait pas encore l’appliquer.", Hint: "Le reste des contrôles a eu lieu."}
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
		rep.Warn(Issue{Type: "check-warn", Field: col.field.Name, Message: "La forme de certaines valeurs de la colonne " + quote(col.field.Name) + " n’a pas été contrôlée : le contrôle prenait trop de temps."})
	}
}

func duplicateIssue(twice []string) Issue {
	if len(twice) == 1 && twice[0] == "" {
		return Issue{Type: "error", Message: "Plusieurs colonnes n’ont pas de nom : aucune ligne n’a été contrôlée.", Hint: "Nommez ces colonnes, ou retirez-les si elles sont vides."}
	}
	return Issue{Type: "error", Field: twice[0], Message: "Plusieurs colonnes portent le même nom (" + quoteList(twice, 8, "et") + ") : aucune ligne n’a été contrôlée.",
		Hint: "Donnez à chaque colonne un nom différent."}
}

func (c *Checker) unmatchedIssue(labels []string) Issue {
	return Issue{Type: "unmatched-header", Message: "Aucune colonne du fichier n’est connue du schéma : aucune ligne n’a été contrôlée. Colonnes lues : " + quoteList(labels, 8, "et") + ".",
		Hint: "Vérifiez que la première ligne donne les noms de colonnes du schéma : " + quoteList(c.names(), 8, "et") + "."}
}

func (c *Checker) missingLabelIssue(name string, column int, labels []string) Issue {
	return Issue{Type: "missing-label", Field: name, Column: column, Message: "La colonne obligatoire " + quote(name) + " manque.", Hint: c.similar(name, labels)}
}

func (c *Checker) missingWarning(name string, labels []string) Issue {
	return Issue{Type: "missing-header-warn", Field: name, Message: "La colonne facultative " + quote(name) + " manque. Le fichier reste valide.", Hint: c.similar(name, labels)}
}

// similar points to a label outside the schema that differs by case, accents or spaces only.
func (c *Checker) similar(name string, labels []string) string {
	for _, pos := range c.extra {
		if fold(labels[pos]) == fold(name) {
			return "La colonne " + quote(labels[pos]) + " lui ressemble : écrivez " + quote(name) + ", exactement ainsi."
		}
	}
	return ""
}

func extraWarning(label string, column int) Issue {
	i := Issue{Type: "extra-header-warn", Field: label, Column: column, Message: "La colonne " + quote(label) + " n’est pas dans le schéma : elle n’est ni contrôlée ni publiée."}
	if label == "" {
		i.Message = fmt.Sprintf("La colonne %d n’a pas de nom : elle n’est ni contrôlée ni publiée.", column)
	}
	return i
}
