package harvest

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"grenier/publish"
	"grenier/schemas"
)

// A recipeCheck looks for the faults of a decoded recipe.
type recipeCheck struct {
	yamlNode
	*Recipe
	set *schemas.Set
	cs  Connectors
}

var (
	recipeName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
	paramName  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)
	datasetKey = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$`)
	fileName   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
)

func (c *recipeCheck) identity() {
	switch {
	case c.Name == "":
		c.fault(yamlPath{"name"}, "le nom de la recette est obligatoire")
	case !recipeName.MatchString(c.Name):
		c.fault(yamlPath{"name"}, "%s\u00a0: lettres minuscules sans accent, chiffres et tirets seulement", cited(c.Name))
	}
	for _, p := range sortedKeys(c.Params) {
		if !paramName.MatchString(p) {
			c.fault(yamlPath{"params", p}, "un nom de paramètre s’écrit avec des lettres sans accent, des chiffres, - et _")
		}
	}
}

func (c *recipeCheck) connector() {
	if c.Connector == "" {
		c.fault(yamlPath{"connector"}, "le connecteur est obligatoire")
		return
	}
	if c.cs == nil {
		return
	}
	kind, ok := c.cs.Named(c.Connector)
	if !ok {
		var names []string
		for _, k := range c.cs {
			names = append(names, k.Name)
		}
		c.fault(yamlPath{"connector"}, "connecteur inconnu\u00a0: %s%s", cited(c.Connector), proposal(c.Connector, names))
		return
	}
	for _, f := range checkOptions(kind.Options, c.Options, true) {
		c.fault(append(yamlPath{"options"}, f.path...), "%s", f.text)
	}
}

var (
	decodeFormats   = []string{"csv", "tsv", "xlsx", "ods", "xls", "xml", "json", "geojson", "ndjson", "jsonl"}
	decodeEncodings = []string{"utf-8", "windows-1252", "iso-8859-15", "cp850", "macintosh", "utf-16"}
)

func (c *recipeCheck) decoding() {
	d := c.Decode
	c.oneOf(yamlPath{"decode", "format"}, d.Format, decodeFormats)
	c.oneOf(yamlPath{"decode", "encoding"}, d.Encoding, decodeEncodings)
	if d.Delimiter != "tab" && len(d.Delimiter) > 1 {
		c.fault(yamlPath{"decode", "delimiter"}, "attend un seul caractère, ou «\u00a0tab\u00a0»")
	}
	if d.Header < 0 {
		c.fault(yamlPath{"decode", "header"}, "attend un numéro de ligne, à partir de 1")
	}
	if d.Records != "" && slices.Contains([]string{"csv", "tsv", "xlsx", "ods", "xls"}, d.Format) {
		c.fault(yamlPath{"decode", "records"}, "ne sert qu’au format json")
	}
	if d.Sheet != "" && d.Format != "" && !slices.Contains([]string{"xlsx", "ods", "xls"}, d.Format) {
		c.fault(yamlPath{"decode", "sheet"}, "ne sert qu’aux formats xlsx, ods et xls")
	}
}

// oneOf checks a code; "" is its default.
func (c *recipeCheck) oneOf(path yamlPath, code string, known []string) {
	if code != "" && !slices.Contains(known, code) {
		c.fault(path, "code inconnu\u00a0: %s%s", cited(code), proposal(code, known))
	}
}

// judging compiles the schema, the columns or the table of the recipe.
func (c *recipeCheck) judging() {
	var table map[string]any
	where := yamlPath{"table"}
	switch given := c.given("schema", "columns", "table"); {
	case len(given) > 1:
		c.fault(yamlPath{given[1]}, "%s et %s s’excluent\u00a0: gardez l’un des deux", given[0], given[1])
		return
	case c.Schema != "":
		c.lookup()
		return
	case len(c.Columns) > 0:
		where = yamlPath{"columns"}
		table = map[string]any{"fields": c.fields()}
	case len(c.Table) > 0:
		table = c.Table
	default:
		return
	}
	var err error
	if c.schema, err = c.tableSchema(table); err != nil {
		for line := range strings.Lines(err.Error()) {
			c.fault(where, "%s", strings.TrimSpace(line))
		}
	}
}

// given lists which of the keys the recipe has.
func (c *recipeCheck) given(keys ...string) []string {
	return slices.DeleteFunc(keys, func(k string) bool { _, ok := c.at(k); return !ok })
}

// fields are the field descriptors of the section columns.
func (c *recipeCheck) fields() []any {
	var fields []any
	for i, col := range c.Columns {
		switch x := col.(type) {
		case string:
			fields = append(fields, map[string]any{"name": x, "type": "string"})
		case map[string]any:
			if name, ok := x["name"].(string); !ok || name == "" {
				c.fault(yamlPath{"columns", i}, "la colonne doit avoir un nom (name)")
				continue
			}
			if x["type"] == nil {
				x = maps.Clone(x)
				x["type"] = "string"
			}
			fields = append(fields, x)
		default:
			c.fault(yamlPath{"columns", i}, "attend un nom de colonne, ou sa description (name, type…)")
		}
	}
	return fields
}

func (c *recipeCheck) lookup() {
	if c.set == nil {
		return
	}
	s, err := c.set.Lookup(c.Schema)
	if err == nil {
		if c.schema = s; c.Rules == "table" {
			c.schema = s.WithoutRules()
		} else if c.Rules != "" {
			c.fault(yamlPath{"rules"}, "valeur inconnue\u00a0: %s\u00a0; la seule admise est table", cited(c.Rules))
		}
		return
	}
	at, id := yamlPath{"schema"}, schemas.ID(c.Schema)
	if !errors.Is(err, schemas.ErrUnknown) {
		c.fault(at, "schéma inutilisable\u00a0: %v", err)
		return
	}
	if versions := c.set.Versions(id.Name()); len(versions) > 0 {
		var known []string
		for _, v := range versions {
			known = append(known, v.Version())
		}
		c.fault(at, "version inconnue de %s\u00a0: %s\u00a0; connues\u00a0: %s", id.Name(), cited(id.Version()), strings.Join(known, ", "))
		return
	}
	var names []string
	for _, s := range c.set.All() {
		names = append(names, s.ID.Name())
	}
	c.fault(at, "schéma inconnu\u00a0: %s%s", cited(c.Schema), proposal(id.Name(), names))
}

// mapping checks the section map.
func (c *recipeCheck) mapping() {
	if c.schema != nil && c.schema.Form == schemas.Document && len(c.given("map")) > 0 {
		c.fault(yamlPath{"map"}, "le schéma %s juge des documents JSON entiers\u00a0: aucune transformation n’est possible", c.schema.ID.Name())
		return
	}
	typed := len(c.given("schema", "columns", "table")) > 0
	c.dates(yamlPath{"map", "dates"}, c.Map.Dates)
	c.oneOf(yamlPath{"map", "decimal"}, c.Map.Decimal, []string{","})
	if !typed && len(c.Map.Dates) > 0 {
		c.fault(yamlPath{"map", "dates"}, "sans schéma ni colonnes typées, indiquez dates sur chaque colonne concernée")
	}
	if !typed && c.Map.Decimal != "" {
		c.fault(yamlPath{"map", "decimal"}, "sans schéma ni colonnes typées, indiquez decimal sur chaque colonne concernée")
	}
	if c.Map.Only && len(c.Map.Columns) == 0 {
		c.fault(yamlPath{"map", "only"}, "ne sert qu’avec columns\u00a0: aucune colonne ne resterait")
	}
	seen := map[string]int{}
	for i := range c.Map.Columns {
		col := &c.Map.Columns[i]
		c.mapColumn(yamlPath{"map", "columns", i}, col)
		if first, again := seen[col.To]; again && col.To != "" {
			c.fault(yamlPath{"map", "columns", i, "to"}, "la colonne %s est déjà faite par map.columns[%d]", cited(col.To), first)
		} else {
			seen[col.To] = i
		}
	}
}

// repairing checks and takes over the section repairs.
func (c *recipeCheck) repairing() {
	at := yamlPath{"repairs"}
	switch list := c.Repairs.(type) {
	case nil:
		return
	case string:
		if list != "all" {
			c.fault(at, "attend all, ou une liste d’opérations\u00a0: %s", strings.Join(RepairOps, ", "))
		}
		c.Recipe.repairs = RepairOps
	case []any:
		for i, x := range list {
			op, _ := x.(string)
			if !slices.Contains(RepairOps, op) {
				c.fault(at.and(i), "opération inconnue\u00a0: %s%s", cited(op), proposal(op, RepairOps))
			}
			c.Recipe.repairs = append(c.Recipe.repairs, op)
		}
	default:
		c.fault(at, "attend all, ou une liste d’opérations")
	}
	switch {
	case len(c.given("schema", "columns", "table")) == 0:
		c.fault(at, "sans schéma ni colonnes typées, rien ne dit ce qui est à réparer")
	case c.schema != nil && c.schema.Form == schemas.Document:
		c.fault(at, "le schéma %s juge des documents JSON entiers\u00a0: aucune réparation n’est possible", c.schema.ID.Name())
	}
}

func (c *recipeCheck) mapColumn(path yamlPath, col *MapColumn) {
	if col.To == "" {
		c.fault(path.and("to"), "le nom de la colonne à faire est obligatoire")
	} else if c.schema != nil && c.schema.Field(norm.NFC.String(col.To)) < 0 {
		c.fault(path.and("to"), "le schéma n’a pas de colonne %s%s", cited(col.To), proposal(col.To, fieldNames(c.schema)))
	}
	sources := 0
	for _, given := range []bool{col.From != "", len(col.Join) > 0, col.Value != nil, col.Member != ""} {
		if given {
			sources++
		}
	}
	if sources != 1 {
		c.fault(path, "indiquez d’où vient le texte, par une seule des clés from, join, value et member")
	}
	c.oneOf(path.and("member"), col.Member, []string{"siren", "siret", "name", "insee"})
	c.oneOf(path.and("decimal"), col.Decimal, []string{","})
	c.dates(path.and("dates"), col.Dates)
	switch {
	case col.Split != "" && col.Part == 0:
		c.fault(path.and("part"), "split demande part\u00a0: le numéro du morceau, à partir de 1 (ou de -1, depuis la fin)")
	case col.Split == "" && col.Part != 0:
		c.fault(path.and("part"), "part ne sert qu’avec split")
	}
	if col.With != "" && len(col.Join) == 0 {
		c.fault(path.and("with"), "with ne sert qu’avec join")
	}
}

func (c *recipeCheck) dates(path yamlPath, names []string) {
	for i, name := range names {
		c.oneOf(path.and(i), name, datePatternNames())
	}
}

// The codes that DCAT-AP takes from the EU vocabularies, and the licences of data.gouv.fr that this house publishes under.
var (
	themeCodes     = strings.Fields("AGRI ECON EDUC ENER ENVI GOVE HEAL INTR JUST REGI SOCI TECH TRAN")
	hvdCodes       = strings.Fields("c_164e0bf5 c_a9135398 c_ac64a52d c_b79e35eb c_dd313021 c_e1da4e07")
	licenseCodes   = []string{"lov2", "odbl"}
	frequencyCodes = strings.Fields("10MIN 12HRS 15MIN 1MIN 30MIN 5MIN ANNUAL ANNUAL_2 ANNUAL_3 AS_NEEDED BIDECENNIAL BIENNIAL BIHOURLY BIMONTHLY " +
		"BIWEEKLY CONT DAILY DAILY_2 DAILY_3 DECENNIAL HOURLY IRREG MONTHLY MONTHLY_2 MONTHLY_3 NEVER NOT_PLANNED OTHER QUADRENNIAL QUARTERLY " +
		"QUINQUENNIAL TRIDECENNIAL TRIENNIAL TRIHOURLY UNKNOWN UPDATE_CONT WEEKLY WEEKLY_2 WEEKLY_3 WEEKLY_5")
)

func (c *recipeCheck) metadata() {
	d, at := c.Dataset, func(key string) yamlPath { return yamlPath{"dataset", key} }
	switch {
	case d.Key != "" && !datasetKey.MatchString(d.Key):
		c.fault(at("key"), "%s\u00a0: lettres sans accent, chiffres, points, tirets, et / entre les parties", cited(d.Key))
	case c.Recipe.Key() == "" && len(c.given("schema")) == 0:
		c.fault(at("key"), "obligatoire quand la recette n’a pas de schéma national")
	}
	if d.Name != "" && !fileName.MatchString(d.Name) {
		c.fault(at("name"), "%s\u00a0: lettres sans accent, chiffres, points et tirets, sans extension", cited(d.Name))
	}
	if d.Title == "" && c.Title == "" && c.Schema == "" {
		c.fault(at("title"), "obligatoire quand la recette n’a ni titre ni schéma national")
	}
	for i, theme := range d.Themes {
		c.oneOf(yamlPath{"dataset", "themes", i}, theme, themeCodes)
	}
	c.oneOf(at("hvd"), d.HVD, hvdCodes)
	c.oneOf(at("license"), d.License, licenseCodes)
	c.oneOf(at("frequency"), d.Frequency, frequencyCodes)
	if d.Temporal == "" || c.schema == nil {
		return
	}
	switch i := c.schema.Field(d.Temporal); {
	case i < 0:
		c.fault(at("temporal"), "le schéma n’a pas de colonne %s%s", cited(d.Temporal), proposal(d.Temporal, fieldNames(c.schema)))
	case c.schema.Fields[i].Type != schemas.Date && c.schema.Fields[i].Type != schemas.Datetime && c.schema.Fields[i].Type != schemas.Year:
		c.fault(at("temporal"), "la colonne %s n’est pas une date", cited(d.Temporal))
	}
}

func fieldNames(s *schemas.Schema) []string {
	names := make([]string, len(s.Fields))
	for i := range s.Fields {
		names[i] = s.Fields[i].Name
	}
	return names
}

// running checks schedule, gate, formats and retention.
func (c *recipeCheck) running() {
	if c.Schedule != "" {
		if _, err := ParseSchedule(c.Schedule, time.UTC); err != nil {
			c.fault(yamlPath{"schedule"}, "%s", SentenceOf(err))
		}
	}
	var known []string
	for _, f := range publish.Formats() {
		known = append(known, f.Name)
	}
	for i, f := range c.Formats {
		c.oneOf(yamlPath{"formats", i}, f, known)
	}
	c.retention()
	checkGate(c.yamlNode, c.Gate)
}

// checkGate judges the gate of a recipe or of a source, at n's key gate.
func checkGate(n yamlNode, g GateOptions) {
	for key, share := range map[string]float64{"shrink": g.Shrink, "invalid": g.Invalid, "overlap": g.Overlap} {
		if !(share >= 0 && share <= 1) {
			n.fault(yamlPath{"gate", key}, "attend une part entre 0 et 1, comme 0.7")
		}
	}
	if x := g.Grow; x != 0 && !(x >= 1) {
		n.fault(yamlPath{"gate", "grow"}, "attend un multiple, à partir de 1")
	}
	if g.ShrinkMin < 0 {
		n.fault(yamlPath{"gate", "shrink_min"}, "attend un nombre de lignes, à partir de 0")
	}
	if slices.Contains([]string{"true", "false", "oui", "non", "yes", "no"}, strings.ToLower(strings.TrimSpace(g.Off))) {
		n.fault(yamlPath{"gate", "off"}, "attend la raison pour laquelle rien n’est jamais retenu, comme «\u00a0données saisonnières\u00a0»")
	}
}

// templates checks every ${…}.
func (c *recipeCheck) templates() {
	declared := sortedKeys(c.Params)
	c.texts(func(path yamlPath, text string) {
		c.template(path, text, func(name string) {
			if len(declared) > 0 && !slices.Contains(declared, name) {
				c.fault(path, "paramètre inconnu\u00a0: ${%s}%s", name, proposal(name, declared))
			}
		})
	})
	for _, p := range declared {
		path := yamlPath{"params", p}
		c.template(path, c.Params[p], func(name string) {
			c.fault(path, "la valeur d’un paramètre ne peut contenir que ${member.…}, pas ${%s}", name)
		})
	}
}

// template checks the ${…} of one text; fn judges the names that are not of the member.
func (c *recipeCheck) template(path yamlPath, text string, fn func(name string)) {
	_, err := expand(text, func(name string) string {
		switch {
		case memberTexts[name] != nil:
		case strings.Contains(name, "."):
			c.fault(path, "nom inconnu\u00a0: ${%s}%s", name, proposal(name, sortedKeys(memberTexts)))
		default:
			fn(name)
		}
		return ""
	})
	if err != nil {
		c.fault(path, "${…} incomplet\u00a0: écrivez ${nom}, ou $$ pour un dollar")
	}
}
