package web

import (
	"html/template"
	"slices"
	"strings"

	"grenier/catalog"
	"grenier/schemas"
)

// The French of every code that pages show. A code that is not here is shown as it is.

var kindWords = map[catalog.MemberKind][2]string{ // one, several
	catalog.Commune:     {"commune", "communes"},
	catalog.EPCI:        {"intercommunalité", "intercommunalités"},
	catalog.Departement: {"département", "départements"},
	catalog.Syndicat:    {"syndicat", "syndicats"},
	catalog.Autre:       {"autre organisme", "autres organismes"},
}

// memberKinds is the order of the kinds on screen.
var memberKinds = []catalog.MemberKind{catalog.Commune, catalog.EPCI, catalog.Departement, catalog.Syndicat, catalog.Autre}

func kindWord(k catalog.MemberKind) string {
	if w, ok := kindWords[k]; ok {
		return w[0]
	}
	return string(k)
}

var themeWords = map[string]string{
	"AGRI": "Agriculture et alimentation", "ECON": "Économie et finances", "EDUC": "Éducation, culture et sport", "ENER": "Énergie",
	"ENVI": "Environnement", "GOVE": "Vie publique", "HEAL": "Santé", "INTR": "Questions internationales",
	"JUST": "Justice et sécurité", "REGI": "Territoire", "SOCI": "Population et société", "TECH": "Sciences et techniques", "TRAN": "Transports",
}

// frequencyWords complete "mise à jour …".
var frequencyWords = map[string]string{
	"CONT": "plusieurs fois par jour", "UPDATE_CONT": "en temps réel", "HOURLY": "chaque heure", "DAILY": "chaque jour", "DAILY_2": "deux fois par jour",
	"WEEKLY": "chaque semaine", "BIWEEKLY": "toutes les deux semaines", "MONTHLY": "chaque mois", "BIMONTHLY": "tous les deux mois", "QUARTERLY": "chaque trimestre",
	"ANNUAL_2": "deux fois par an", "ANNUAL_3": "trois fois par an", "ANNUAL": "chaque année", "BIENNIAL": "tous les deux ans", "TRIENNIAL": "tous les trois ans", "AS_NEEDED": "ponctuellement", "IRREG": "irrégulièrement",
	"NEVER": "jamais : données figées", "NOT_PLANNED": "non prévue",
}

// A license is what pages say of a licence code.
type license struct{ Title, Short, URL string }

var licenses = map[string]license{
	"lov2": {"Licence Ouverte 2.0", "réutilisation libre, citez la source", "https://www.etalab.gouv.fr/licence-ouverte-open-licence"},
	"odbl": {"ODbL 1.0", "réutilisation libre, citez la source, partagez à l’identique", "https://opendatacommons.org/licenses/odbl/1-0/"},
}

func licenseOf(code string) license {
	if l, ok := licenses[code]; ok {
		return l
	}
	return license{Title: "Licence non précisée", Short: "le droit commun de la réutilisation s’applique"}
}

var typeWords = map[string]string{
	string(schemas.String): "texte", string(schemas.Integer): "nombre entier", string(schemas.Number): "nombre", string(schemas.Boolean): "oui ou non",
	string(schemas.Date): "date", string(schemas.Datetime): "date et heure", string(schemas.Time): "heure", string(schemas.Year): "année",
	string(schemas.YearMonth): "mois et année", string(schemas.Duration): "durée", string(schemas.Geopoint): "point géographique",
	string(schemas.GeoJSON): "géométrie", string(schemas.Array): "liste", string(schemas.Object): "objet", string(schemas.Any): "libre",
}

// word reads a table of words, and gives the code itself when the table does not know it.
func word(table map[string]string, code string) string {
	if w, ok := table[code]; ok {
		return w
	}
	return code
}

// A state is a shape and its words: "bon" is a disc, "garde" a square, "alerte" a diamond.
type state struct{ Class, Word string }

func datasetState(s catalog.DatasetStatus) state {
	switch s {
	case catalog.DatasetStale:
		return state{"garde", "à rafraîchir"}
	case catalog.DatasetHeld:
		return state{"garde", "en attente de vérification"}
	case catalog.DatasetWithdrawn:
		return state{"alerte", "retiré"}
	}
	return state{"bon", "à jour"}
}

func runState(s catalog.Status) state {
	switch s {
	case catalog.Running:
		return state{"garde", "en cours"}
	case catalog.Published:
		return state{"bon", "nouvelle version publiée"}
	case catalog.Unchanged:
		return state{"bon", "rien de nouveau"}
	case catalog.Held:
		return state{"garde", "retenu pour vérification"}
	}
	return state{"alerte", "échec"}
}

var issueWords = map[string]string{
	"source-error": "Fichier illisible", "format-error": "Format de fichier non reconnu", "encoding-error": "Encodage des caractères illisible",
	"error": "Colonnes en double", "metadata-error": "Noms de colonnes ambigus", "schema-error": "Schéma inutilisable", "check-error": "Contrôle impossible",
	"missing-label": "Colonne obligatoire absente", "extra-label": "Colonne inconnue du schéma", "duplicate-label": "Colonne en double", "blank-label": "Colonne sans nom",
	"incorrect-label": "Nom de colonne inattendu", "blank-header": "En-tête vide", "blank-row": "Ligne vide", "extra-cell": "Cellule en trop", "missing-cell": "Cellule manquante",
	"type-error": "Valeur d’un autre type que prévu", "constraint-error": "Valeur hors des règles du schéma", "unique-error": "Valeur présente deux fois",
	"primary-key": "Identifiant de ligne présent deux fois", "foreign-key": "Renvoi à une valeur absente", "table-dimensions": "Nombre de lignes ou de colonnes inattendu",
	"custom-check-error": "Contrôle national non satisfait", "french-siren-value": "Numéro SIREN impossible", "french-siret-value": "Numéro SIRET impossible",
	"nomenclature-actes-value": "Matière de l’acte hors nomenclature", "cohesive-columns-value": "Colonnes à remplir ensemble", "compare-columns-value": "Colonnes qui se contredisent",
	"sum-columns-value": "Somme inexacte", "year-interval-value": "Intervalle d’années incorrect", "one-of-required": "Une des deux colonnes doit être remplie",
	"phone-number-value": "Numéro de téléphone incorrect", "opening-hours-value": "Horaires mal écrits", "french-gps-coordinates": "Coordonnées hors de France",
	"reversed-french-gps-coordinates": "Latitude et longitude inversées", "unmatched-header": "Aucune colonne connue du schéma",
	"extra-header-warn": "Colonne inconnue du schéma", "missing-header-warn": "Colonne facultative absente", "disordered-header-warn": "Colonnes dans un autre ordre",
	"check-warn": "Contrôle non fait", "foreign-key-warn": "Renvois non contrôlés",
}

// constraintWords name what a value breaks, in French and in English.
var constraintWords = map[string][2]string{
	"required":  {"Valeur obligatoire manquante", "Required value missing"},
	"unique":    {"Valeur présente deux fois", "Value present twice"},
	"minLength": {"Texte trop court", "Text too short"},
	"maxLength": {"Texte trop long", "Text too long"},
	"minimum":   {"Valeur trop petite", "Value too small"},
	"maximum":   {"Valeur trop grande", "Value too large"},
	"pattern":   {"Valeur mal écrite", "Value not written as expected"},
	"enum":      {"Valeur hors de la liste admise", "Value not in the list"},
}

// issueEnglish is issueWords for those who read English.
var issueEnglish = map[string]string{
	"source-error": "Unreadable file", "format-error": "Unknown file format", "encoding-error": "Unreadable character encoding",
	"error": "Column given twice", "metadata-error": "Ambiguous column names", "schema-error": "Unusable schema", "check-error": "Check not possible",
	"missing-label": "Required column missing", "extra-label": "Column unknown to the schema", "duplicate-label": "Column given twice", "blank-label": "Column without a name",
	"incorrect-label": "Unexpected column name", "blank-header": "Empty header", "blank-row": "Empty row", "extra-cell": "Cell too many", "missing-cell": "Cell missing",
	"type-error": "Value of another type than expected", "constraint-error": "Value outside the rules of the schema", "unique-error": "Value present twice",
	"primary-key": "Row identifier present twice", "foreign-key": "Reference to an absent value", "table-dimensions": "Unexpected number of rows or columns",
	"custom-check-error": "National check not passed", "french-siren-value": "Impossible SIREN number", "french-siret-value": "Impossible SIRET number",
	"nomenclature-actes-value": "Subject of the act outside the nomenclature", "cohesive-columns-value": "Columns to fill together", "compare-columns-value": "Columns that contradict each other",
	"sum-columns-value": "Wrong sum", "year-interval-value": "Wrong interval of years", "one-of-required": "One of two columns must be filled",
	"phone-number-value": "Wrong phone number", "opening-hours-value": "Opening hours not written as expected", "french-gps-coordinates": "Coordinates outside France",
	"reversed-french-gps-coordinates": "Latitude and longitude swapped", "unmatched-header": "No column is known to the schema",
	"extra-header-warn": "Column unknown to the schema", "missing-header-warn": "Optional column missing", "disordered-header-warn": "Columns in another order",
	"check-warn": "Check not made", "foreign-key-warn": "References not checked",
}

// repairWords are the mapping's operations that rewrite a cell.
var repairWords = map[string]string{
	"date-fr": "dates écrites à la française, mises en année-mois-jour", "decimal-comma": "virgule décimale devenue un point", "trim": "espaces retirées au début et à la fin",
	"lookup": "valeurs traduites par une table de correspondance", "upper": "mises en majuscules", "lower": "mises en minuscules", "number": "nombres écrits sans espaces ni unités",
	"boolean": "oui et non mis dans la forme du schéma", "spaces": "espaces retirées", "strip": "espaces retirées", "replace": "textes remplacés", "default": "valeurs par défaut", "pad": "zéros de tête rétablis",
	"encoding": "fichier réécrit en UTF-8", "delimiter": "séparateur de colonnes du schéma", "header-label": "noms de colonnes écrits comme dans le schéma", "currency": "signe de l’euro retiré",
	"percent": "signe « pour cent » retiré", "thousands": "espaces retirées entre les milliers", "datetime-fr": "dates et heures écrites à la française, mises en année-mois-jour",
	"excel-date": "dates laissées en nombre par le tableur, remises en année-mois-jour", "siret-spaces": "espaces retirées des numéros SIRET et SIREN", "siret-zero": "zéro de tête rendu aux numéros SIRET et SIREN",
	"insee-zero": "zéro de tête rendu aux codes INSEE", "boolean-words": "oui et non mis dans la forme du schéma", "enum-case": "valeurs de la liste remises à leur orthographe exacte",
	"lonlat-swap": "longitude et latitude remises dans l’ordre", "lambert93": "coordonnées Lambert-93 converties en degrés",
}

// repairEnglish is repairWords for those who read English.
var repairEnglish = map[string]string{
	"date-fr": "dates written the French way, put in year-month-day order", "decimal-comma": "decimal comma made a point", "trim": "spaces removed at both ends",
	"lookup": "values translated by a table", "upper": "put in upper case", "lower": "put in lower case", "number": "numbers written without spaces or units",
	"boolean": "yes and no put in the form of the schema", "spaces": "spaces removed", "strip": "spaces removed", "replace": "texts replaced", "default": "default values", "pad": "leading zeros restored",
	"encoding": "file rewritten in UTF-8", "delimiter": "column delimiter of the schema", "header-label": "column names written as in the schema", "currency": "euro sign removed",
	"percent": "per cent sign removed", "thousands": "spaces removed between thousands", "datetime-fr": "dates and times written the French way, put in year-month-day order",
	"excel-date": "dates left as numbers by the spreadsheet, put back in year-month-day order", "siret-spaces": "spaces removed from SIRET and SIREN numbers", "siret-zero": "leading zero given back to SIRET and SIREN numbers",
	"insee-zero": "leading zero given back to INSEE codes", "boolean-words": "yes and no put in the form of the schema", "enum-case": "values of the list put back in their exact spelling",
	"lonlat-swap": "longitude and latitude put in order", "lambert93": "Lambert-93 coordinates converted to degrees",
}

// quality says a dataset's quality in a few words.
func quality(d catalog.Dataset) string {
	switch {
	case d.Rejected > 0:
		return count(d.Rows, "ligne", "lignes") + ", " + count(d.Rejected, "écartée", "écartées")
	case d.Rows == 0:
		return "aucune ligne"
	case !d.Valid:
		return count(d.Rows, "ligne", "lignes") + ", structure à revoir"
	}
	return count(d.Rows, "ligne conforme", "lignes conformes")
}

// funcs are what templates may call.
func (s *Server) funcs() template.FuncMap {
	return template.FuncMap{
		"n":         func(n any) string { return number(integer(n)) },
		"count":     func(n any, one, many string) string { return count(integer(n), one, many) },
		"size":      size,
		"when":      s.when,
		"on":        s.on,
		"ago":       s.ago,
		"day":       s.day,
		"dayText":   s.dayText,
		"isoDate":   isoDate,
		"rich":      rich,
		"brief":     brief,
		"clean":     clean,
		"sentence":  func(text string) string { return french(clean(text)) },
		"marked":    marked,
		"lower":     lowerFirst,
		"linked":    func(line string) template.HTML { return template.HTML(linked(line)) },
		"link":      webLink,
		"state":     datasetState,
		"runState":  runState,
		"quality":   quality,
		"kind":      kindWord,
		"theme":     func(code string) string { return word(themeWords, code) },
		"type":      func(code string) string { return word(typeWords, code) },
		"format":    s.format,
		"formats":   s.formatTitles,
		"filePath":  filePath,
		"fileTitle": s.fileTitle,
		"pastPath":  pastPath,
		"first":     func(text string) string { one, _ := lead(text); return brief(unmarked(one), 180) },
		"repair":    func(op string) string { return word(repairWords, op) },
		"asset":     assetAddress,
		"frequency": func(code string) string { return french(frequencyWords[code]) },
	}
}

// formatTitles names the formats of files, each once: a very large series has several files of one.
func (s *Server) formatTitles(files []catalog.File) string {
	var titles []string
	for _, f := range files {
		if title := s.format(f.Format).Title; !slices.Contains(titles, title) {
			titles = append(titles, title)
		}
	}
	return strings.Join(titles, ", ")
}

// integer widens what templates count.
func integer(n any) int64 {
	switch n := n.(type) {
	case int:
		return int64(n)
	case int64:
		return n
	}
	panic("web: a template counts something that is no integer")
}
