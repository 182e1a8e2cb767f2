package schemas

import (
	"bytes"
	"cmp"
	"math/big"
	"slices"
)

// A check is a custom check made ready. Its code in issues is the oldest name of the check, stable across generations of Validata.
type check struct {
	code    string
	columns []int // field indexes; the first is the column that issues name
	onNull  bool  // judged although cells have no value
	op      string
	alone   bool // a year alone is allowed
	judge   func(c *Checker, k *check, r int) (fault uint8)
}

// A checkKind says how a custom check is written and judged.
type checkKind struct {
	code   string
	params []string // names of the parameters that are columns, in order; "…" at the end marks a list
	judge  func(c *Checker, k *check, r int) uint8
	onNull bool
}

// checkKinds are the checks of VALIDATION.md section 7 by each of their names.
var checkKinds = map[string]checkKind{
	"french-siren-value":         {code: "french-siren-value", params: []string{"column"}, judge: judgeSIREN},
	"siren":                      {code: "french-siren-value", params: []string{"column"}, judge: judgeSIREN},
	"french-siret-value":         {code: "french-siret-value", params: []string{"column"}, judge: judgeSIRET},
	"siret":                      {code: "french-siret-value", params: []string{"column"}, judge: judgeSIRET},
	"nomenclature-actes-value":   {code: "nomenclature-actes-value", params: []string{"column"}, judge: judgeActe},
	"nomenclature-acte":          {code: "nomenclature-actes-value", params: []string{"column"}, judge: judgeActe},
	"year-interval-value":        {code: "year-interval-value", params: []string{"column"}, judge: judgeYears},
	"cohesive-columns-value":     {code: "cohesive-columns-value", params: []string{"column", "othercolumns…"}, judge: judgeCohesive, onNull: true},
	"compare-columns-value":      {code: "compare-columns-value", params: []string{"column", "column2"}, judge: judgeCompare},
	"sum-columns-value":          {code: "sum-columns-value", params: []string{"column", "columns…"}, judge: judgeSum},
	"one-of-required":            {code: "one-of-required", params: []string{"column1", "column2"}, judge: judgeOneOf, onNull: true},
	"phone-number-value":         {code: "phone-number-value", params: []string{"column"}, judge: judgePhone},
	"french-gps-coordinates":     {code: "french-gps-coordinates", params: []string{"column"}, judge: judgeGPS},
	"coordonnees-gps-francaises": {code: "french-gps-coordinates", params: []string{"column"}, judge: judgeGPS},
	"id-rnb":                     {code: "id-rnb", params: []string{"column"}, judge: judgeRNB},
	"opening-hours-value":        {code: "opening-hours-value", params: []string{"column"}, judge: judgeOpeningHours},
}

// compileCheck adds a custom check, or says why it cannot run: a fault of the schema (`check-error`), or a check without judge.
func (p *plan) compileCheck(s *Schema, def Check) {
	wrong := func(what phrase, names ...string) {
		p.faults = append(p.faults, func(t speech) Issue {
			var quoted []any
			for _, n := range names {
				quoted = append(quoted, t.quote(n))
			}
			return Issue{Type: "check-error", Message: t.say(what, quoted...),
				Hint: t.say("La faute est dans le schéma, pas dans votre fichier : signalez-la à l’opérateur de la plateforme.")}
		})
	}
	kind, ok := checkKinds[def.Name]
	if !ok {
		wrong("Le schéma demande un contrôle inconnu : %s.", def.Name)
		return
	}
	k := &check{code: kind.code, onNull: kind.onNull, judge: kind.judge}
	for _, param := range kind.params {
		names, ok := columnNames(def.Params, param)
		if !ok {
			wrong("Le contrôle %s du schéma n’a pas de paramètre %s correct.", def.Name, param)
			return
		}
		for _, name := range names {
			k.columns = append(k.columns, s.Field(name))
		}
	}
	if k.judge == nil {
		p.notes = append(p.notes, noteCheckNotRun(def.Name))
		return
	}
	if kind.code == "compare-columns-value" {
		k.op, _ = def.Params["op"].(string)
		if !slices.Contains([]string{">", ">=", "==", "<=", "<"}, k.op) {
			wrong("Le contrôle %s du schéma a un opérateur inconnu : %s.", def.Name, k.op)
			return
		}
	}
	only, _ := def.Params["allow-year-only"].(string)
	k.alone = only == "true" || only == "yes" || def.Params["allow-year-only"] == true
	p.checks = append(p.checks, k)
}

// columnNames reads a parameter that names one column, or a list when its name ends in "…".
func columnNames(params map[string]any, param string) ([]string, bool) {
	name, isList := bytes.CutSuffix([]byte(param), []byte("…"))
	v := params[string(name)]
	if !isList {
		s, ok := v.(string)
		return []string{s}, ok && s != ""
	}
	items, ok := v.([]any)
	var out []string
	for _, item := range items {
		s, isText := item.(string)
		ok = ok && isText
		out = append(out, s)
	}
	return out, ok && len(out) > 0
}

// present counts the columns of the check that the document has.
func (c *Checker) present(k *check) (n int) {
	for _, f := range k.columns {
		if f >= 0 && c.pos[f] >= 0 {
			n++
		}
	}
	return n
}

// beginChecks decides which checks run on the document, and reports those that cannot for want of columns.
func (c *Checker) beginChecks(rep *Report) {
	c.skip = append(c.skip[:0], make([]bool, len(c.plan.checks))...)
	for i, k := range c.plan.checks {
		n := c.present(k)
		switch {
		case k.code == "one-of-required" && n > 0, n == len(k.columns):
		case k.code == "one-of-required", k.code == "cohesive-columns-value" && n > 0:
			c.skip[i] = true
			c.tableFault(rep, Issue{Type: k.code, Message: c.absentColumns(k), Hint: c.say("Ajoutez les colonnes qui manquent, ou retirez les autres si le schéma les dit facultatives.")})
		default:
			c.skip[i] = true // an absent column is null, and null is skipped
		}
	}
}

// check runs every custom check on every row that is not already out as a whole.
func (c *Checker) check() {
	for i, k := range c.plan.checks {
		if c.skip[i] {
			continue
		}
	rows:
		for r := range c.in.Rows {
			if c.state[r]&(rowWhole|rowBlank) != 0 {
				continue
			}
			if !k.onNull {
				for _, f := range k.columns {
					if !c.out.Columns[f].Valid[r] {
						continue rows
					}
				}
			}
			if variant := k.judge(c, k, r); variant != 0 {
				c.faults = append(c.faults, fault{row: int32(r), col: int32(k.columns[0]), rank: rankCheck + uint32(i), code: codeCheck, n: int64(i), variant: variant})
			}
		}
	}
}

// cell returns the text of a row that is being judged.
func (c *Checker) cell(f, r int) []byte {
	s := c.out.Columns[f].Text[r]
	return c.in.Data[s.Off : s.Off+s.Len]
}

// value returns what the reader made of a cell that has a value.
func (c *Checker) value(f, r int) (v value) {
	col := &c.out.Columns[f]
	switch col.Physical {
	case Int64, Days, Micros:
		v.i = col.Ints[r]
	case Float:
		v.f = col.Floats[r]
	case Bool:
		if col.Bools[r] {
			v.i = 1
		}
	default:
		if c.plan.columns[f].ordered() {
			c.plan.columns[f].read(c.cell(f, r), &v, &c.scratch)
		}
	}
	return v
}

func judgeSIREN(c *Checker, k *check, r int) uint8 { return uint8(checkSIREN(c.cell(k.columns[0], r))) }
func judgeSIRET(c *Checker, k *check, r int) uint8 { return uint8(checkSIRET(c.cell(k.columns[0], r))) }
func judgeActe(c *Checker, k *check, r int) uint8  { return uint8(checkActe(c.cell(k.columns[0], r))) }

func failWhen(bad bool) uint8 {
	if bad {
		return 1
	}
	return 0
}

func judgeYears(c *Checker, k *check, r int) uint8 {
	return failWhen(!isYearInterval(c.cell(k.columns[0], r), k.alone))
}

func judgePhone(c *Checker, k *check, r int) uint8 {
	return failWhen(!isPhone(c.cell(k.columns[0], r)))
}
func judgeOpeningHours(c *Checker, k *check, r int) uint8 {
	return failWhen(!isOpeningHours(c.cell(k.columns[0], r)))
}
func judgeRNB(c *Checker, k *check, r int) uint8 { return failWhen(!isRNB(c.cell(k.columns[0], r))) }

// judgeCohesive wants all cells filled or none; 0 and false are values.
func judgeCohesive(c *Checker, k *check, r int) uint8 {
	n := 0
	for _, f := range k.columns {
		if c.out.Columns[f].Valid[r] {
			n++
		}
	}
	return failWhen(n != 0 && n != len(k.columns))
}

// judgeOneOf wants one cell filled at least; like the last generation of Validata it takes 0 and false for empty.
func judgeOneOf(c *Checker, k *check, r int) uint8 {
	for _, f := range k.columns {
		if f < 0 || c.pos[f] < 0 || !c.out.Columns[f].Valid[r] {
			continue
		}
		v := c.value(f, r)
		if col := &c.out.Columns[f]; col.Physical == Text || col.Physical == Days || col.Physical == Micros || v.i != 0 || v.f != 0 {
			return 0
		}
	}
	return 1
}

// numeric returns a cell as a number when it is one, or is text that reads as one.
func (c *Checker) numeric(f, r int) (number, bool) {
	col, b := c.plan.columns[f], c.cell(f, r)
	switch {
	case col.kind == kindInteger, col.kind == kindNumber:
		n := col.number(b, c.value(f, r), &c.scratch)
		if col.lossy {
			n.text = bytes.Clone(n.text) // the scratch serves the other side next
		}
		return n, true
	case col.kind == kindYear:
		return number{float64(c.value(f, r).i), b}, true
	case col.kind <= kindWKT:
		x, ok := parseNumber(trim(b))
		return number{x, trim(b)}, ok
	}
	return number{}, false
}

// The faults of compare-columns-value.
const (
	compareFalse = iota + 1
	compareMixed
)

func judgeCompare(c *Checker, k *check, r int) uint8 {
	a, b := k.columns[0], k.columns[1]
	colA, colB := c.plan.columns[a], c.plan.columns[b]
	x, ok1 := c.numeric(a, r)
	y, ok2 := c.numeric(b, r)
	order := 0
	switch {
	case ok1 && ok2:
		if x.f != x.f || y.f != y.f { // NaN
			return compareFalse
		}
		order = compareNumbers(x, y)
	case colA.kind <= kindWKT && colB.kind <= kindWKT:
		order = bytes.Compare(c.cell(a, r), c.cell(b, r))
	case colA.field.Type != colB.field.Type:
		return compareMixed
	case colA.ordered() || colA.kind == kindBoolean:
		order = cmp.Compare(c.value(a, r).i, c.value(b, r).i)
	default:
		order = bytes.Compare(c.cell(a, r), c.cell(b, r))
	}
	holds := map[string]bool{">": order > 0, ">=": order >= 0, "==": order == 0, "<=": order <= 0, "<": order < 0}
	if holds[k.op] {
		return 0
	}
	return compareFalse
}

// judgeSum compares exactly, without tolerance.
func judgeSum(c *Checker, k *check, r int) uint8 {
	const small = 1 << 56 // sums of up to 127 such values cannot overflow
	var sum int64
	exact := len(k.columns) < 128
	for i, f := range k.columns {
		v := c.value(f, r).i
		exact = exact && c.plan.columns[f].kind == kindInteger && v < small && v > -small
		if i == 0 {
			v = -v
		}
		sum += v
	}
	if exact {
		return failWhen(sum != 0)
	}
	total := new(big.Rat)
	for i, f := range k.columns {
		n, ok := c.numeric(f, r)
		if !ok {
			return 0
		}
		x, ok := n.rat()
		if !ok {
			return 1
		}
		if i == 0 {
			x.Neg(x)
		}
		total.Add(total, x)
	}
	return failWhen(total.Sign() != 0)
}

// The faults of french-gps-coordinates.
const (
	gpsOutside = iota + 1
	gpsReversed
)

func judgeGPS(c *Checker, k *check, r int) uint8 {
	lon, lat, ok := c.plan.columns[k.columns[0]].point(c.cell(k.columns[0], r))
	switch {
	case !ok:
		return gpsOutside
	case inFrance(lon, lat):
		return 0
	case inFrance(lat, lon):
		return gpsReversed
	}
	return gpsOutside
}
