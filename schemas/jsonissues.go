package schemas

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
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

func unreadable(err error, b []byte) Issue {
	i := Issue{Type: "source-error", Cell: cut(b, MaxCell), Message: "L’enregistrement n’est pas du JSON lisible."}
	var twice errDuplicate
	switch {
	case errors.As(err, &twice):
		i.Type, i.Message = "duplicate-member", "La rubrique "+quote(twice.name)+" est donnée deux fois dans le même objet."
		i.Hint = "Gardez une seule des deux valeurs."
	case errors.Is(err, errDepth):
		i.Message = fmt.Sprintf("L’enregistrement imbrique plus de %d niveaux.", jsonDepth)
	case errors.Is(err, errNumber):
		i.Message = "L’enregistrement contient un nombre démesuré."
	}
	return i
}

// issues words a verdict of the JSON Schema.
func (d *document) issues(record any, verdict *jsonschema.ValidationError) (out []Issue) {
	list := leaves(verdict)
	slices.SortFunc(list, func(a, b *jsonschema.ValidationError) int {
		return cmp.Or(cmp.Compare(a.InstanceLocation, b.InstanceLocation), cmp.Compare(a.KeywordLocation, b.KeywordLocation))
	})
	for _, e := range list {
		out = append(out, d.word(record, e)...)
	}
	out = slices.CompactFunc(out, func(a, b Issue) bool { return a.Field == b.Field && a.Message == b.Message && a.Cell == b.Cell })
	return out[:min(len(out), issuesMax)]
}

// leaves lists the causes that have no cause. Of the branches of an anyOf or oneOf only the one that went farthest is kept: its
// faults lie deepest in the record, and are the fewest.
func leaves(e *jsonschema.ValidationError) []*jsonschema.ValidationError {
	if len(e.Causes) == 0 {
		return []*jsonschema.ValidationError{e}
	}
	keyword := keywordOf(e)
	if keyword == "anyOf" || keyword == "oneOf" {
		var best []*jsonschema.ValidationError
		for _, cause := range e.Causes {
			if list := leaves(cause); best == nil || farther(list, best) {
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
func (d *document) word(record any, e *jsonschema.ValidationError) []Issue {
	keyword := keywordOf(e)
	_, fragment, _ := strings.Cut(e.AbsoluteKeywordLocation, "#")
	want, _ := at(d.root, fragment)
	have, _ := at(record, e.InstanceLocation)
	field := recordField(e.InstanceLocation)
	switch keyword {
	case "required":
		return missingMembers(field, want, have)
	case "additionalProperties", "unevaluatedProperties":
		parent, _ := at(d.root, strings.TrimSuffix(fragment, "/"+keyword))
		return extraMembers(field, parent, have)
	}
	i := Issue{Type: "constraint-error", Constraint: keyword, Field: field, Cell: cut(appendJSONText(nil, have), MaxCell)}
	if have == nil {
		i.Cell = ""
	}
	wordKeyword(&i, keyword, want, have)
	return []Issue{i}
}

func missingMembers(field string, want, have any) (out []Issue) {
	names, _ := want.([]any)
	m, _ := have.(map[string]any)
	for _, n := range names {
		name, _ := n.(string)
		if _, ok := m[name]; ok {
			continue
		}
		out = append(out, Issue{Type: "constraint-error", Constraint: "required", Field: strings.TrimPrefix(field+"."+name, "."),
			Message: "La rubrique obligatoire " + quote(name) + " manque."})
	}
	if out == nil { // the schema lies elsewhere
		out = []Issue{{Type: "constraint-error", Constraint: "required", Field: field, Message: "Une rubrique obligatoire manque."}}
	}
	return out
}

func extraMembers(field string, parent, have any) (out []Issue) {
	schema, _ := parent.(map[string]any)
	known, _ := schema["properties"].(map[string]any)
	m, _ := have.(map[string]any)
	_, patterns := schema["patternProperties"]
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if _, ok := known[name]; ok || patterns || known == nil {
			continue
		}
		out = append(out, Issue{Type: "extra-member", Field: field, Cell: cut([]byte(name), MaxCell),
			Message: "La rubrique " + quote(name) + " n’est pas prévue à cet endroit.", Hint: nearest(slices.Sorted(maps.Keys(known)), name)})
	}
	if out == nil {
		out = []Issue{{Type: "extra-member", Field: field, Message: "Une rubrique n’est pas prévue à cet endroit."}}
	}
	return out
}

// jsonTypes are the types of JSON Schema in words.
var jsonTypes = map[string]string{"string": "un texte", "number": "un nombre", "integer": "un nombre entier", "boolean": "true ou false, sans guillemets",
	"object": "un objet", "array": "une liste", "null": "null"}

// wordKeyword words the fault of one value against one keyword.
func wordKeyword(i *Issue, keyword string, want, have any) {
	value := quote(i.Cell)
	bound := quote(asText(want))
	switch keyword {
	case "type":
		i.Type, i.Constraint = "type-error", ""
		i.Message = "La valeur " + value + " n’est pas du bon type : il faut " + typesInWords(want) + "."
		i.Hint = typeAdvice(want, have)
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
		i.Message = value + " ne fait pas partie des valeurs admises."
		i.Hint = enumHint(list, i.Cell)
	case "pattern":
		i.Message = value + " n’a pas la forme attendue."
		if s, ok := want.(string); ok {
			i.Hint = patternHint(&Field{Constraints: Constraints{Pattern: s}})
		}
	case "minimum":
		i.Message = value + " est trop petit : le minimum est " + bound + "."
	case "maximum":
		i.Message = value + " est trop grand : le maximum est " + bound + "."
	case "exclusiveMinimum":
		i.Message = value + " est trop petit : il faut plus que " + bound + "."
	case "exclusiveMaximum":
		i.Message = value + " est trop grand : il faut moins que " + bound + "."
	case "multipleOf":
		i.Message = value + " n’est pas un multiple de " + bound + "."
	case "minLength":
		i.Message = value + " est trop court : il faut au moins " + asText(want) + " caractères."
	case "maxLength":
		i.Message = value + " est trop long : il faut au plus " + asText(want) + " caractères."
	case "minItems":
		i.Message = "La liste est trop courte : il faut au moins " + asText(want) + " éléments."
		if items, _ := have.([]any); len(items) == 0 {
			i.Message = "La liste est vide : il faut au moins un élément."
			i.Hint = "Retirez la rubrique si elle est facultative et que vous n’avez rien à y mettre."
		}
	case "maxItems":
		i.Message = "La liste est trop longue : il faut au plus " + asText(want) + " éléments."
	case "minProperties":
		i.Message = "L’objet a trop peu de rubriques : il en faut au moins " + asText(want) + "."
	case "maxProperties":
		i.Message = "L’objet a trop de rubriques : il en faut au plus " + asText(want) + "."
	case "uniqueItems":
		i.Message = "La liste contient deux éléments identiques."
		i.Hint = "Retirez le doublon."
	case "format":
		i.Message = value + " n’est pas " + formatInWords(asText(want)) + "."
	case "dependencies":
		i.Message = "Une rubrique manque, que la présence d’une autre rend obligatoire."
	case "oneOf", "anyOf", "contains":
		i.Message = "La valeur ne correspond pas à l’une des formes que le schéma admet ici."
	default:
		i.Type, i.Constraint = "json-schema", keyword
		i.Message = "La valeur n’est pas admise par le schéma à cet endroit."
	}
}

func typesInWords(want any) string {
	var words []string
	list, ok := want.([]any)
	if !ok {
		list = []any{want}
	}
	for _, t := range list {
		name, _ := t.(string)
		if w := jsonTypes[name]; w != "" {
			words = append(words, w)
		}
	}
	if len(words) == 0 {
		return "une valeur d’un autre type"
	}
	return strings.Join(words, " ou ")
}

// typeAdvice helps with the usual faults of exports: numbers and truth values within quotation marks.
func typeAdvice(want, have any) string {
	s, isText := have.(string)
	switch want {
	case "boolean":
		if isText && slices.Contains([]string{"oui", "true", "vrai", "1"}, fold(s)) {
			return "Écrivez true, sans guillemets."
		}
		if isText && slices.Contains([]string{"non", "false", "faux", "0"}, fold(s)) {
			return "Écrivez false, sans guillemets."
		}
	case "number", "integer":
		if _, ok := parseNumber([]byte(plainNumber(s))); isText && ok {
			return "Écrivez " + plainNumber(s) + ", sans guillemets."
		}
	case "string":
		if n, ok := have.(json.Number); ok {
			return "Mettez la valeur entre guillemets : \"" + string(n) + "\"."
		}
	case "object":
		if _, ok := have.([]any); ok {
			return "La valeur est une liste : donnez un seul objet."
		}
	case "array":
		if _, ok := have.(map[string]any); ok {
			return "Mettez l’objet dans une liste, entre crochets."
		}
	}
	return ""
}

func formatInWords(format string) string {
	words := map[string]string{"date": "une date au format AAAA-MM-JJ", "date-time": "une date avec heure et fuseau au format AAAA-MM-JJThh:mm:ssZ",
		"time": "une heure avec fuseau au format hh:mm:ssZ", "email": "une adresse électronique", "uri": "une adresse web complète", "uuid": "un identifiant UUID"}
	if w := words[format]; w != "" {
		return w
	}
	return "au format attendu"
}
