package schemas

import "slices"

// A CellJudge says of single cells what Check would say: type, constraints, and the custom checks that look at one column. It
// keeps nothing between calls but memory, and is used by one goroutine.
type CellJudge struct {
	plan    *plan
	alone   [][]*check // by field: the custom checks of that column alone
	scratch scratch
	rules   *Checker // of a Base Adresse Locale, whose cells have rules of their own; nil otherwise
	block   Block
	batch   Batch
}

// Cells returns a CellJudge. Like NewChecker it panics when s does not compile.
func (s *Schema) Cells() *CellJudge {
	p, err := s.ready()
	if err != nil {
		panic("schemas: " + string(s.ID) + ": " + err.Error())
	}
	j := &CellJudge{plan: p, alone: make([][]*check, len(p.columns))}
	for _, k := range p.checks {
		if len(k.columns) == 1 && k.columns[0] >= 0 {
			j.alone[k.columns[0]] = append(j.alone[k.columns[0]], k)
		}
	}
	if p.bal != nil {
		j.rules = s.NewChecker()
		c := j.rules
		c.setPositions(c.names())
		c.bal.begin(s, c.names())
		j.block = Block{Width: len(s.Fields), Rows: 1, Count: []uint32{uint32(len(s.Fields))}}
		c.in, c.out, c.nulls = &j.block, &j.batch, make([]int32, 1)
		c.prepare()
	}
	return j
}

// address applies the rules of a Base Adresse Locale to a cell; its warnings are no fault.
func (j *CellJudge) address(field int, text []byte) bool {
	c := j.rules
	i := slices.IndexFunc(c.bal.columns, func(col balColumn) bool { return col.index == field })
	if i < 0 {
		return true
	}
	c.faults, c.bal.row = c.faults[:0], balRow{numero: -1}
	j.block.Data = text
	c.balCell(0, i, Span{0, uint32(len(text))})
	return !slices.ContainsFunc(c.faults, func(f fault) bool { return f.code == codeAlert && f.n&1 != 0 })
}

// Missing tells whether text stands for no value in the field.
func (j *CellJudge) Missing(field int, text []byte) bool {
	return j.plan.columns[field].missing.has(text)
}

// Good tells whether text is without fault in the field, by itself: uniqueness, keys and the checks over several columns are
// beyond a cell. A text that stands for no value is good where one is not required.
func (j *CellJudge) Good(field int, text []byte) bool {
	c := j.plan.columns[field]
	if j.rules != nil {
		return j.address(field, text)
	}
	if c.missing.has(text) {
		return !c.field.Constraints.Required
	}
	var v value
	return c.free && len(j.alone[field]) == 0 || c.read(text, &v, &j.scratch) && j.within(c, text, v) && j.checked(field, text)
}

// within applies every constraint but required and unique.
func (j *CellJudge) within(c *column, text []byte, v value) bool {
	if !c.constrained {
		return true
	}
	if short, long := c.lengthFits(text); short || long {
		return false
	}
	if c.min != nil {
		if order, ok := c.compare(text, v, c.min, &j.scratch); order < 0 || !ok {
			return false
		}
	}
	if c.max != nil {
		if order, ok := c.compare(text, v, c.max, &j.scratch); order > 0 || !ok {
			return false
		}
	}
	if c.pattern != nil {
		if ok, _ := c.pattern.match(text); !ok {
			return false
		}
	}
	if c.enum != nil && !c.allows(text, v, &j.scratch) {
		return false
	}
	return c.item == nil || j.itemsGood(c, text)
}

func (j *CellJudge) itemsGood(c *column, text []byte) bool {
	list, _ := parseArray(text)
	for _, v := range list {
		if _, ok := c.item.judgeItem(v, &j.scratch); !ok {
			return false
		}
	}
	return true
}

// checked applies the custom checks of the column alone.
func (j *CellJudge) checked(field int, text []byte) bool {
	for _, k := range j.alone[field] {
		good := true
		switch k.code {
		case "french-siren-value":
			good = checkSIREN(text) == idGood
		case "french-siret-value":
			good = checkSIRET(text) == idGood
		case "nomenclature-actes-value":
			good = checkActe(text) == acteGood
		case "year-interval-value":
			good = isYearInterval(text, k.alone)
		case "opening-hours-value":
			good = isOpeningHours(text)
		case "phone-number-value":
			good = isPhone(text)
		case "id-rnb":
			good = isRNB(text)
		case "french-gps-coordinates":
			lon, lat, ok := j.plan.columns[field].point(text)
			good = ok && inFrance(lon, lat)
		default:
			if judge := listKinds[k.code]; judge != nil {
				good = judge(text)
			}
		}
		if !good {
			return false
		}
	}
	return true
}

// InFrance tells whether a point lies in one of the boxes of the national check of French coordinates.
func InFrance(lon, lat float64) bool { return inFrance(lon, lat) }
