package harvest

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"grenier/publish"
	"grenier/schemas"
)

// pointColumns are where a document keeps points: two columns, or one of geopoints.
type pointColumns struct {
	lon, lat           int // positions; the same for geopoints
	lonField, latField int
	metres             bool // columns x and y that stand in for lon and lat, if they hold metres

	inside, swapped, lambert, other int64
	swap                            bool // decided: every point is in France once changed over, and none is as it stands
}

// findPoints finds the points among the columns.
func (r *repairer) findPoints() (out []*pointColumns) {
	if !r.ops[opSwap] && !r.ops[opLambert] {
		return nil
	}
	for pos, c := range r.columns {
		if c != nil && c.field.Type == schemas.Geopoint && c.field.Format != "object" {
			out = append(out, &pointColumns{lon: pos, lat: pos, lonField: c.index, latField: c.index})
		}
	}
	for lon := range r.schema.Fields {
		key := axisKey(r.schema.Fields[lon].Name, "xlong", "longitude", "long", "lon")
		if key == "" || !numeric(&r.schema.Fields[lon]) {
			continue
		}
		for lat := range r.schema.Fields {
			if axisKey(r.schema.Fields[lat].Name, "ylat", "latitude", "lat") == key && numeric(&r.schema.Fields[lat]) {
				if p := r.pair(lon, lat); p != nil {
					out = append(out, p)
				}
			}
		}
	}
	return out
}

// numeric tells whether degrees could be kept in the field.
func numeric(f *schemas.Field) bool {
	return f.Type == schemas.Number || f.Type == schemas.String && f.Constraints.Pattern != "" && f.Constraints.Enum == nil
}

// axisKey is a name with "?" in place of the first of the words it has; names with the same key are of one pair. "" when it has none.
func axisKey(name string, words ...string) string {
	name = strings.ToLower(name)
	for _, w := range words {
		if i := strings.Index(name, w); i >= 0 {
			return name[:i] + "?" + strings.TrimLeft(name[i+len(w):], "0123456789")
		}
	}
	return ""
}

// pair is the document's columns for two fields: under their names, or as x and y when both are absent.
func (r *repairer) pair(lon, lat int) *pointColumns {
	p := &pointColumns{lonField: lon, latField: lat}
	p.lon, p.lat = slices.Index(r.labels, r.schema.Fields[lon].Name), slices.Index(r.labels, r.schema.Fields[lat].Name)
	if p.lon >= 0 && p.lat >= 0 {
		return p
	}
	if p.lon >= 0 || p.lat >= 0 || !r.ops[opLambert] {
		return nil
	}
	p.metres = true
	p.lon, p.lat = r.axis("x"), r.axis("y")
	if p.lon < 0 || p.lat < 0 {
		return nil
	}
	return p
}

// axis is the only column outside the schema that is called x (or y) in one of the usual ways, -1 without.
func (r *repairer) axis(letter string) (at int) {
	at = -1
	for pos, l := range r.labels {
		key := strings.TrimPrefix(labelKey(l), "coordonnees")
		key = strings.TrimPrefix(strings.TrimPrefix(key, "coordonnee"), "coord")
		if r.columns[pos] != nil || key != letter && key != letter+"l93" && key != letter+"lambert93" && key != letter+"lambert" && key != letter+"93" {
			continue
		}
		if at >= 0 {
			return -1
		}
		at = pos
	}
	return at
}

// A pointRead is a point as a record has it.
type pointRead struct {
	x, y         float64
	xText, yText []byte
	ok           bool
}

func (p *pointColumns) read(b *schemas.Block, row int) (q pointRead) {
	if max(p.lon, p.lat) >= min(b.Width, int(b.Count[row])) {
		return q
	}
	q.xText, q.yText = trimmed(b.Cell(row, p.lon)), trimmed(b.Cell(row, p.lat))
	if p.lon == p.lat {
		var both bool
		if q.xText, q.yText, both = splitPoint(q.xText); !both {
			return q
		}
	}
	var okX, okY bool
	q.x, okX = looseNumber(q.xText)
	q.y, okY = looseNumber(q.yText)
	q.ok = okX && okY
	return q
}

// splitPoint takes "lon, lat" or "[lon, lat]" apart.
func splitPoint(text []byte) (x, y []byte, ok bool) {
	inner, array := bytes.CutPrefix(text, []byte("["))
	if array {
		if inner, ok = bytes.CutSuffix(inner, []byte("]")); !ok {
			return nil, nil, false
		}
	}
	x, y, ok = bytes.Cut(inner, []byte(","))
	return trimmed(x), trimmed(y), ok && bytes.IndexByte(y, ',') < 0
}

// looseNumber reads a number with a point or a comma, and spaces between thousands.
func looseNumber(text []byte) (float64, bool) {
	var m Mapper
	if mayBeFrench(text) {
		if _, ok := m.addFrenchNumber(text); !ok {
			return 0, false
		}
		text = m.added
	}
	f, err := strconv.ParseFloat(string(text), 64)
	return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
}

// A pointKind is what a pair of numbers can be.
type pointKind uint8

const (
	pointOther pointKind = iota
	pointInside
	pointSwapped
	pointLambert
)

func (q pointRead) kind() pointKind {
	switch {
	case schemas.InFrance(q.x, q.y):
		return pointInside
	case schemas.InFrance(q.y, q.x):
		return pointSwapped
	case publish.InLambert93(q.x, q.y):
		if lon, lat := publish.FromLambert93(q.x, q.y); schemas.InFrance(lon, lat) {
			return pointLambert
		}
	}
	return pointOther
}

func (p *pointColumns) observe(b *schemas.Block, row int) {
	q := p.read(b, row)
	if !q.ok {
		return
	}
	switch q.kind() {
	case pointInside:
		p.inside++
	case pointSwapped:
		p.swapped++
	case pointLambert:
		p.lambert++
	default:
		p.other++
	}
}

// settle decides about the whole column.
func (p *pointColumns) settle(r *repairer, rep *schemas.Report) {
	if p.metres {
		if p.lambert == 0 || p.inside+p.swapped+p.other > 0 {
			p.lambert = 0 // these columns are something else
			return
		}
		r.rename(p.lon, r.schema.Fields[p.lonField].Name)
		r.rename(p.lat, r.schema.Fields[p.latField].Name)
	}
	if !r.ops[opLambert] {
		p.lambert = 0
	}
	if p.swapped == 0 || !r.ops[opSwap] {
		return
	}
	if p.swap = p.inside+p.lambert+p.other == 0; p.swap {
		return
	}
	name := r.schema.Fields[p.lonField].Name
	rep.Warn(schemas.Issue{Type: "repair-ambiguous", Field: name, Message: fmt.Sprintf("Dans %s, %s points ne sont en France qu’une fois longitude et latitude échangées, et d’autres points du fichier sont bien placés ou ailleurs\u00a0: rien n’a été échangé. Vérifiez l’ordre des coordonnées, ligne par ligne.",
		cited(name), frenchInt(p.swapped))})
}

// mend changes the point of one record over, or into degrees.
func (p *pointColumns) mend(r *repairer, in, out *schemas.Block, row int) {
	if !p.swap && p.lambert == 0 {
		return
	}
	q := p.read(out, row)
	if !q.ok {
		return
	}
	var x, y []byte
	op := opSwap
	switch kind := q.kind(); {
	case kind == pointSwapped && p.swap:
		x, y = bytes.Clone(q.yText), bytes.Clone(q.xText)
	case kind == pointLambert && p.lambert > 0:
		lon, lat := publish.FromLambert93(q.x, q.y)
		op, x, y = opLambert, strconv.AppendFloat(nil, lon, 'f', 7, 64), strconv.AppendFloat(nil, lat, 'f', 7, 64)
	default:
		return
	}
	if p.lon == p.lat {
		before := bytes.Clone(out.Cell(row, p.lon))
		p.put(r, in, out, row, p.lon, p.lonField, op, before, joinPoint(before, x, y))
		return
	}
	if r.judge.Good(p.lonField, x) && r.judge.Good(p.latField, y) {
		beforeX, beforeY := bytes.Clone(out.Cell(row, p.lon)), bytes.Clone(out.Cell(row, p.lat))
		p.put(r, in, out, row, p.lon, p.lonField, op, beforeX, x)
		p.put(r, in, out, row, p.lat, p.latField, op, beforeY, y)
	}
}

// joinPoint writes a point as like was written.
func joinPoint(like, x, y []byte) []byte {
	between := ","
	if bytes.Contains(like, []byte(", ")) {
		between = ", "
	}
	text := string(x) + between + string(y)
	if bytes.HasPrefix(trimmed(like), []byte("[")) {
		text = "[" + text + "]"
	}
	return []byte(text)
}

func (p *pointColumns) put(r *repairer, in, out *schemas.Block, row, pos, field int, op string, before, after []byte) {
	if !r.judge.Good(field, after) {
		return
	}
	r.steps = append(r.steps[:0], repairStep{op, before, after})
	r.set(in, out, row, pos)
}
