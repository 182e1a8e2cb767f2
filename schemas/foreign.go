package schemas

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// An otherKey is a ForeignKey to another table, by field index here and by label there.
type otherKey struct {
	fields   []int
	resource string
	labels   []string
	note     note // said when the other table is not supplied
}

// A Supplied holds the keys of another table to which a schema refers, so that references to it can be checked. It is filled by one
// goroutine and may then serve one Checker.
type Supplied struct {
	schema   *Schema
	plan     *plan
	resource string
	keys     []*keyTable // by rank in plan.others; nil for keys to other tables
	pos      [][]int
	key      []byte
	scratch  scratch
}

// Resources lists the other tables to which the schema's foreign keys refer, by the names that the schema gives them.
func (s *Schema) Resources() (names []string) {
	for _, k := range s.ForeignKeys {
		if k.Resource != "" && !slices.Contains(names, k.Resource) {
			names = append(names, k.Resource)
		}
	}
	return names
}

// Supply begins to take over the table that the schema calls resource. It returns nil when no key refers to it.
func (s *Schema) Supply(resource string) *Supplied {
	p, err := s.ready()
	if err != nil || !slices.Contains(s.Resources(), resource) {
		return nil
	}
	x := &Supplied{schema: s, plan: p, resource: resource, keys: make([]*keyTable, len(p.others)), pos: make([][]int, len(p.others))}
	for i := range p.others {
		if p.others[i].resource == resource {
			x.keys[i] = newKeyTable()
			x.keys[i].limit = math.MaxInt // never to disk: nobody would take it away
		}
	}
	return x
}

// Begin finds the referenced columns in the header of the other table. lack is a French sentence that names the one that is not there, "" when all are.
func (x *Supplied) Begin(labels []string) (lack string) {
	for i, k := range x.plan.others {
		if x.keys[i] == nil {
			continue
		}
		x.pos[i] = x.pos[i][:0]
		for _, name := range k.labels {
			at := slices.Index(labels, name)
			if at < 0 {
				return fmt.Sprintf("La table « %s » n’a pas la colonne « %s », à laquelle renvoie %s.", x.resource, name, strings.Join(x.names(k.fields), ", "))
			}
			x.pos[i] = append(x.pos[i], at)
		}
	}
	return ""
}

func (x *Supplied) names(fields []int) (out []string) {
	for _, f := range fields {
		out = append(out, "« "+x.schema.Fields[f].Name+" »")
	}
	return out
}

// Add takes over the records of a block. Cells are read as the fields that refer to them are.
func (x *Supplied) Add(in *Block) {
	for i, t := range x.keys {
		if t == nil {
			continue
		}
		for r := range in.Rows {
			if key, some := x.tuple(i, in, r); some {
				t.add(key, 1)
			}
		}
	}
}

// tuple writes the typed values of one record as Checker.tuple does.
func (x *Supplied) tuple(i int, in *Block, r int) (key []byte, some bool) {
	key = x.key[:0]
	for n, f := range x.plan.others[i].fields {
		col, pos := x.plan.columns[f], x.pos[i][n]
		var v value
		if pos >= in.Width || col.missing.has(in.Cell(r, pos)) || !col.read(in.Cell(r, pos), &v, &x.scratch) {
			key = append(key, 0)
			continue
		}
		some = true
		key = col.appendTupleKey(key, in.Cell(r, pos), v, &x.scratch)
	}
	x.key = key
	return key, some
}

// Supply gives the Checker another table to which the schema refers, before Begin. Without it, references to that table are not
// checked, and a warning says so.
func (c *Checker) Supply(x *Supplied) {
	if c.others == nil {
		c.others = make([]*keyTable, len(c.plan.others))
	}
	for i, t := range x.keys {
		if t != nil {
			c.others[i] = t
		}
	}
}

// noteOthers says once which other tables are not there.
func (c *Checker) noteOthers(rep *Report) {
	for i, k := range c.plan.others {
		if c.others == nil || c.others[i] == nil {
			rep.Warn(k.note(c.speech))
		}
	}
}

// otherKeys checks the references to other tables. A tuple without any value is not a reference.
func (c *Checker) otherKeys() {
	for i, t := range c.others {
		if t == nil {
			continue
		}
		k := &c.plan.others[i]
		if slices.ContainsFunc(k.fields, func(f int) bool { return c.pos[f] < 0 }) {
			continue // an absent column was said in the header
		}
		for r := range c.in.Rows {
			if c.state[r]&(rowWhole|rowBlank) != 0 {
				continue
			}
			if key, some := c.tuple(k.fields, r); some && !t.has(t.hash(key)) {
				col := int32(-1)
				if len(k.fields) == 1 {
					col = int32(k.fields[0])
				}
				c.faults = append(c.faults, fault{row: int32(r), col: col, rank: rankPrimary + 1 + uint32(i), code: codeForeign, n: int64(i)})
			}
		}
	}
}

// wordForeign words a reference to a row that another table lacks.
func (c *Checker) wordForeign(i *Issue, f *fault) {
	k := &c.plan.others[f.n]
	var names []string
	for _, f := range k.fields {
		names = append(names, c.schema.Fields[f].Name)
	}
	if i.Cell == "" {
		i.Cell = c.tupleText(k.fields, int(f.row))
	}
	i.Message = c.say("%s (%s) ne se trouve pas dans l’autre table %s (%s).", c.quote(i.Cell), c.list(names, 8, "et"), c.quote(k.resource), c.list(k.labels, 8, "et"))
	i.Hint = c.say("Corrigez la référence, ou ajoutez la ligne à laquelle elle renvoie.")
}
