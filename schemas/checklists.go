package schemas

import (
	"sync"

	"grenier/catalog/reference"
)

// The checks below look a value up in the lists of catalog/reference, or read a code of fixed shape. Their names are those under which the
// last generation of Validata offers its formats; what needs a list that is not shipped (cantons, countries) is said not to run.

// listKinds tell whether a value is good, by the name of the check.
var listKinds = map[string]func(b []byte) bool{
	"code-commune-insee": func(b []byte) bool {
		s := reference.StatusOf(b)
		return s != reference.Unknown && s != reference.Past
	},
	"code-departement": reference.IsDepartement,
	"code-region":      reference.IsRegion,
	"code-postal":      reference.IsPostalCode,
	"departement":      func(b []byte) bool { return named(departementNames(), b) },
	"region":           func(b []byte) bool { return named(regionNames(), b) },
	"code-fantoir":     isFantoir,
	"rna":              isRNA,
}

// listWords say what a value is not, by check.
var listWords = map[string]phrase{
	"code-commune-insee": "%s n’est le code INSEE d’aucune commune.",
	"code-departement":   "%s n’est le code d’aucun département.",
	"code-region":        "%s n’est le code d’aucune région.",
	"code-postal":        "%s n’est le code postal d’aucune commune.",
	"departement":        "%s n’est le nom d’aucun département.",
	"region":             "%s n’est le nom d’aucune région.",
	"code-fantoir":       "%s n’est pas un code de voie FANTOIR.",
	"rna":                "%s n’est pas un numéro d’association (RNA).",
}

func init() {
	for name := range listKinds {
		checkKinds[name] = checkKind{code: name, params: []string{"column"}, judge: judgeList}
	}
	for _, name := range []string{"commune", "canton", "pays", "code-pays-iso2", "code-pays-iso3"} {
		checkKinds[name] = checkKind{code: name, params: []string{"column"}}
	}
}

func judgeList(c *Checker, k *check, r int) uint8 {
	return failWhen(!listKinds[k.code](c.cell(k.columns[0], r)))
}

var (
	departementNames = sync.OnceValue(func() map[string]bool { return foldedNames(reference.Departements()) })
	regionNames      = sync.OnceValue(func() map[string]bool { return foldedNames(reference.Regions()) })
)

func foldedNames(list []reference.Area) map[string]bool {
	names := map[string]bool{}
	for _, a := range list {
		names[string(appendWords(nil, []byte(a.Name)))] = true
	}
	return names
}

// named compares without regard to capitals, accents and hyphens.
func named(names map[string]bool, b []byte) bool {
	var buf [64]byte
	return names[string(appendWords(buf[:0], b))]
}

// isRNA tells whether b is the number of an association: W and nine digits.
func isRNA(b []byte) bool {
	if len(b) != 10 || b[0] != 'W' {
		return false
	}
	_, ok := balDigits(b[1:])
	return ok
}

// isFantoir tells whether b is the code of a street: a digit or capital, three digits, and a control letter.
func isFantoir(b []byte) bool {
	if len(b) != 5 || (b[0] < '0' || b[0] > '9') && (b[0] < 'A' || b[0] > 'Z') {
		return false
	}
	_, ok := balDigits(b[1:4])
	return ok && b[4] >= 'A' && b[4] <= 'Z' && b[4] != 'I' && b[4] != 'O' && b[4] != 'Q'
}
