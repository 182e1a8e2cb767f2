package schemas

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// Faults of JSON records get these codes:
//
//	keyword of the JSON Schema                        type               constraint
//	type                                              type-error
//	additionalProperties, unevaluatedProperties       extra-member
//	every other keyword (required, enum, pattern…)    constraint-error   the keyword
//	not, false schemas                                json-schema
//
// and, before the schema is asked: source-error (not JSON, or beyond the limits), duplicate-member (a name given twice in one object),
// unmatched-record (no entry of table.json fits). Field is the dotted path within the record, with [] for the items of an array.

// issuesMax bounds the issues of one record.
const issuesMax = 50

func (t speech) unreadable(err error, b []byte) Issue {
	i := Issue{Type: "source-error", Cell: cut(b, MaxCell), Message: t.say("L’enregistrement n’est pas du JSON lisible.")}
	var twice errDuplicate
	switch {
	case errors.As(err, &twice):
		i.Type, i.Message = "duplicate-member", t.say("La rubrique %s est donnée deux fois dans le même objet.", t.quote(twice.name))
		i.Hint = t.say("Gardez une seule des deux valeurs.")
	case errors.Is(err, errDepth):
		i.Message = t.say("L’enregistrement imbrique plus de %d niveaux.", jsonDepth)
	case errors.Is(err, errValues):
		i.Message = t.say("L’enregistrement contient plus de %s valeurs.", t.number(maxValues))
	case errors.Is(err, errNumber):
		i.Message = t.say("L’enregistrement contient un nombre démesuré.")
	}
	return i
}

// issues words a verdict of the JSON Schema.
func (d *document) issues(t speech, record any, verdict *jsonschema.ValidationError) (out []Issue) {
	list := leaves(verdict)
	slices.SortFunc(list, func(a, b *jsonschema.ValidationError) int {
		return cmp.Or(cmp.Compare(a.InstanceLocation, b.InstanceLocation), cmp.Compare(a.KeywordLocation, b.KeywordLocation))
	})
	for _, e := range list {
		have, _ := at(record, e.InstanceLocation)
		out = append(out, d.word(t, have, e)...)
	}
	return distinct(out)
}

// distinct drops what is said twice, and what is too much.
func distinct(out []Issue) []Issue {
	out = slices.CompactFunc(out, func(a, b Issue) bool { return a.Field == b.Field && a.Message == b.Message && a.Cell == b.Cell })
	return out[:min(len(out), issuesMax)]
}

// leaves lists the causes that have no cause. Of the branches of an anyOf or oneOf only one is kept: one that is meant for this sort of
// value, and then the one that went farthest, whose faults lie deepest in the record and are the fewest.
func leaves(e *jsonschema.ValidationError) []*jsonschema.ValidationError {
	if len(e.Causes) == 0 {
		return []*jsonschema.ValidationError{e}
	}
	keyword := keywordOf(e)
	if keyword == "anyOf" || keyword == "oneOf" {
		var best []*jsonschema.ValidationError
		for _, cause := range e.Causes {
			list := leaves(cause)
			switch off, bestOff := misdirected(list, e.InstanceLocation), misdirected(best, e.InstanceLocation); {
			case best == nil, bestOff && !off, off == bestOff && farther(list, best):
				best = list
			}
		}
		return best
	}
	var out []*jsonschema.ValidationError
	for _, cause := range e.Causes {
		out = append(out, leaves(cause)...)
	}
	return out
}

// misdirected tells whether a branch is for another sort of value than the one at that place: null for a text, a Point for a Polygon.
func misdirected(list []*jsonschema.ValidationError, place string) bool {
	return slices.ContainsFunc(list, func(e *jsonschema.ValidationError) bool {
		keyword := keywordOf(e)
		return e.InstanceLocation == place && keyword == "type" || e.InstanceLocation == place+"/type" && (keyword == "enum" || keyword == "const")
	})
}

func farther(a, b []*jsonschema.ValidationError) bool {
	depth := func(list []*jsonschema.ValidationError) (n int) {
		for _, e := range list {
			n = max(n, strings.Count(e.InstanceLocation, "/"))
		}
		return n
	}
	if da, db := depth(a), depth(b); da != db {
		return da > db
	}
	return len(a) < len(b)
}

// keywordOf is the keyword that failed; one of a dependency ends in the member and a number.
func keywordOf(e *jsonschema.ValidationError) string {
	parts := strings.Split(e.KeywordLocation, "/")
	if n := len(parts); n > 2 && (parts[n-3] == "dependencies" || parts[n-3] == "dependentRequired") {
		return "dependencies"
	}
	return parts[len(parts)-1]
}

// recordField turns a JSON pointer into a dotted path with [] for items.
func recordField(pointer string) string {
	var out strings.Builder
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if part != "" && strings.Trim(part, "0123456789") == "" {
			out.WriteString("[]")
			continue
		}
		if out.Len() > 0 {
			out.WriteByte('.')
		}
		out.WriteString(unescapePointer(part))
	}
	return out.String()
}

// word words one fault; a missing or unknown member gives one issue for each.
func (d *document) word(t speech, have any, e *jsonschema.ValidationError) []Issue {
	keyword := keywordOf(e)
	file, fragment, _ := strings.Cut(e.AbsoluteKeywordLocation, "#")
	root := d.root
	if strings.Contains(file, "://geojson.org/schema/") {
		root = geoRoot()
	}
	want, _ := at(root, fragment)
	field := recordField(e.InstanceLocation)
	switch keyword {
	case "required":
		return t.missingMembers(field, want, have)
	case "additionalProperties", "unevaluatedProperties":
		parent, _ := at(root, strings.TrimSuffix(fragment, "/"+keyword))
		return t.extraMembers(field, parent, have)
	}
	i := Issue{Type: "constraint-error", Constraint: keyword, Field: field, Cell: cut(appendJSONText(nil, have), MaxCell)}
	if have == nil {
		i.Cell = ""
	}
	t.wordKeyword(&i, keyword, want, have)
	return []Issue{i}
}

func (t speech) missingMembers(field string, want, have any) (out []Issue) {
	names, _ := want.([]any)
	m, _ := have.(map[string]any)
	for _, n := range names {
		name, _ := n.(string)
		if _, ok := m[name]; ok {
			continue
		}
		out = append(out, Issue{Type: "constraint-error", Constraint: "required", Field: strings.TrimPrefix(field+"."+name, "."),
			Message: t.say("La rubrique obligatoire %s manque.", t.quote(name))})
	}
	if out == nil { // the schema lies elsewhere
		out = []Issue{{Type: "constraint-error", Constraint: "required", Field: field, Message: t.say("Une rubrique obligatoire manque.")}}
	}
	return out
}

func (t speech) extraMembers(field string, parent, have any) (out []Issue) {
	schema, _ := parent.(map[string]any)
	known, _ := schema["properties"].(map[string]any)
	m, _ := have.(map[string]any)
	_, patterns := schema["patternProperties"]
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if _, ok := known[name]; ok || patterns || known == nil {
			continue
		}
		out = append(out, Issue{Type: "extra-member", Field: field, Cell: cut([]byte(name), MaxCell),
			Message: t.say("La rubrique %s n’est pas prévue à cet endroit.", t.quote(name)), Hint: t.nearest(slices.Sorted(maps.Keys(known)), name)})
	}
	if out == nil {
		out = []Issue{{Type: "extra-member", Field: field, Message: t.say("Une rubrique n’est pas prévue à cet endroit.")}}
	}
	return out
}

// jsonTypes are the types of JSON Schema in words.
var jsonTypes = map[string]phrase{"string": "un texte", "number": "un nombre", "integer": "un nombre entier", "boolean": "true ou false, sans guillemets",
	"object": "un objet", "array": "une liste", "null": "null"}

// wordKeyword words the fault of one value against one keyword.
func (t speech) wordKeyword(i *Issue, keyword string, want, have any) {
	value := t.quote(i.Cell)
	bound := t.quote(asText(want))
	switch keyword {
	case "type":
		i.Type, i.Constraint = "type-error", ""
		i.Message = t.say("La valeur %s n’est pas du bon type : il faut %s.", value, t.typesInWords(want))
		i.Hint = t.typeAdvice(want, have)
	case "enum", "const":
		values, ok := want.([]any)
		if !ok {
			values = []any{want}
		}
		var list []string
		for _, v := range values {
			if v != nil {
				list = append(list, asText(v))
			}
		}
		i.Message = t.say("%s ne fait pas partie des valeurs admises.", value)
		i.Hint = t.enumHint(list, i.Cell)
	case "pattern":
		i.Message = t.say("%s n’a pas la forme attendue.", value)
		if s, ok := want.(string); ok {
			i.Hint = t.patternHint(&Field{Constraints: Constraints{Pattern: s}})
		}
	case "minimum":
		i.Message = t.say("%s est trop petit : le minimum est %s.", value, bound)
	case "maximum":
		i.Message = t.say("%s est trop grand : le maximum est %s.", value, bound)
	case "exclusiveMinimum":
		i.Message = t.say("%s est trop petit : il faut plus que %s.", value, bound)
	case "exclusiveMaximum":
		i.Message = t.say("%s est trop grand : il faut moins que %s.", value, bound)
	case "multipleOf":
		i.Message = t.say("%s n’est pas un multiple de %s.", value, bound)
	case "minLength":
		i.Message = t.say("%s est trop court : il faut au moins %s caractères.", value, asText(want))
	case "maxLength":
		i.Message = t.say("%s est trop long : il faut au plus %s caractères.", value, asText(want))
	case "minItems":
		i.Message = t.say("La liste est trop courte : il faut au moins %s éléments.", asText(want))
		if items, _ := have.([]any); len(items) == 0 {
			i.Message = t.say("La liste est vide : il faut au moins un élément.")
			i.Hint = t.say("Retirez la rubrique si elle est facultative et que vous n’avez rien à y mettre.")
		}
	case "maxItems":
		i.Message = t.say("La liste est trop longue : il faut au plus %s éléments.", asText(want))
	case "minProperties":
		i.Message = t.say("L’objet a trop peu de rubriques : il en faut au moins %s.", asText(want))
	case "maxProperties":
		i.Message = t.say("L’objet a trop de rubriques : il en faut au plus %s.", asText(want))
	case "uniqueItems":
		i.Message = t.say("La liste contient deux éléments identiques.")
		i.Hint = t.say("Retirez le doublon.")
	case "format":
		i.Message = t.formatInWords(value, asText(want))
	case "dependencies":
		i.Message = t.say("Une rubrique manque, que la présence d’une autre rend obligatoire.")
	case "oneOf", "anyOf", "contains":
		i.Message = t.say("La valeur ne correspond pas à l’une des formes que le schéma admet ici.")
	default:
		i.Type, i.Constraint = "json-schema", keyword
		i.Message = t.say("La valeur n’est pas admise par le schéma à cet endroit.")
	}
}

func (t speech) typesInWords(want any) string {
	var words []string
	list, ok := want.([]any)
	if !ok {
		list = []any{want}
	}
	for _, item := range list {
		name, _ := item.(string)
		if w := jsonTypes[name]; w != "" {
			words = append(words, t.say(w))
		}
	}
	if len(words) == 0 {
		return t.say("une valeur d’un autre type")
	}
	return strings.Join(words, " "+t.say("ou")+" ")
}

// typeAdvice helps with the usual faults of exports: numbers and truth values within quotation marks.
func (t speech) typeAdvice(want, have any) string {
	s, isText := have.(string)
	switch want {
	case "boolean":
		if isText && slices.Contains([]string{"oui", "true", "vrai", "1"}, fold(s)) {
			return t.say("Écrivez true, sans guillemets.")
		}
		if isText && slices.Contains([]string{"non", "false", "faux", "0"}, fold(s)) {
			return t.say("Écrivez false, sans guillemets.")
		}
	case "number", "integer":
		if _, ok := parseNumber([]byte(plainNumber(s))); isText && ok {
			return t.say("Écrivez %s, sans guillemets.", plainNumber(s))
		}
	case "string":
		if n, ok := have.(json.Number); ok {
			return t.say("Mettez la valeur entre guillemets : \"%s\".", string(n))
		}
	case "object":
		if _, ok := have.([]any); ok {
			return t.say("La valeur est une liste : donnez un seul objet.")
		}
	case "array":
		if _, ok := have.(map[string]any); ok {
			return t.say("Mettez l’objet dans une liste, entre crochets.")
		}
	}
	return ""
}

// formatInWords says which format of JSON Schema a value lacks.
func (t speech) formatInWords(value, format string) string {
	if p, ok := jsonFormats[format]; ok {
		return t.say(p, value)
	}
	return t.say("%s n’est pas au format attendu.", value)
}

var jsonFormats = map[string]phrase{
	"date":      "%s n’est pas une date au format AAAA-MM-JJ.",
	"date-time": "%s n’est pas une date avec heure et fuseau au format AAAA-MM-JJThh:mm:ssZ.",
	"time":      "%s n’est pas une heure avec fuseau au format hh:mm:ssZ.",
	"email":     "%s n’est pas une adresse électronique.",
	"uri":       "%s n’est pas une adresse web complète.",
	"uuid":      "%s n’est pas un identifiant UUID.",
}
