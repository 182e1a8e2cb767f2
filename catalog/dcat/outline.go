package dcat

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"grenier/catalog"
	"grenier/catalog/reference"
)

// Bounds of a file of outlines, and of what is kept of it: some 1 kB for a commune.
const (
	maxOutlineBytes = 1 << 30
	maxOutlines     = 50_000
	maxRings        = 8  // polygons kept of one outline, the largest
	maxRingPoints   = 64 // of the largest; the others share as many
)

// A point is in hundred-thousandths of a degree, about a metre.
type point struct{ x, y int32 }

const degree = 1e5

// An outline is the outer rings of a territory, the largest first; rings are not closed.
type outline struct{ rings [][]point }

// Outlines are the outlines of communes, by INSEE code, and of other bodies, by SIREN. A nil one knows none.
type Outlines struct{ byCode map[string]*outline }

// Len is how many outlines there are.
func (o *Outlines) Len() int {
	if o == nil {
		return 0
	}
	return len(o.byCode)
}

// of finds the outline of a member; nil when there is none.
func (o *Outlines) of(m *catalog.Member) *outline {
	if o == nil {
		return nil
	}
	if m.Kind == catalog.Commune && m.INSEE != "" {
		if found := o.byCode[m.INSEE]; found != nil {
			return found
		}
	}
	if found := o.byCode[m.SIREN]; found != nil {
		return found
	}
	if m.Kind == catalog.Departement {
		return o.byCode[departementCode(m)]
	}
	return nil
}

// coverage is the outline of a member, or else its box, or else the box around its communes, as WKT, and a point in the middle. Both are "" when nothing
// is known.
func (o *Outlines) coverage(m *catalog.Member) (shape, middle string) {
	if found := o.of(m); found != nil {
		return found.wkt(), middleOf(found.box())
	}
	box := m.BBox
	if box == nil {
		box = o.around(m)
	}
	if box == nil {
		return "", ""
	}
	return boxWKT(box), middleOf(box)
}

// around is the box around the communes of a grouping, when the outlines of all of them are known: half a territory would be wrong.
func (o *Outlines) around(m *catalog.Member) *catalog.BBox {
	if o == nil || m.Kind != catalog.EPCI {
		return nil
	}
	epci, ok := reference.FindEPCI(m.SIREN)
	if !ok || len(epci.Communes) == 0 {
		return nil
	}
	var all outline
	for _, code := range epci.Communes {
		commune := o.byCode[code]
		if commune == nil {
			return nil
		}
		all.rings = append(all.rings, commune.rings...)
	}
	return all.box()
}

// aroundAll is the box around all members of which something is known.
func (o *Outlines) aroundAll(members []catalog.Member) (all *catalog.BBox) {
	for i := range members {
		box := members[i].BBox
		if found := o.of(&members[i]); found != nil {
			box = found.box()
		}
		switch {
		case box == nil:
		case all == nil:
			one := *box
			all = &one
		default:
			all.West, all.South, all.East, all.North = min(all.West, box.West), min(all.South, box.South), max(all.East, box.East), max(all.North, box.North)
		}
	}
	return all
}

// placeCode is the end of the INSEE IRI of a member's territory: "commune/39300", "departement/39".
func placeCode(m *catalog.Member) string {
	switch {
	case m.Kind == catalog.Commune && len(m.INSEE) == 5:
		return "commune/" + m.INSEE
	case m.Kind == catalog.Departement:
		if code := departementCode(m); code != "" {
			return "departement/" + code
		}
	}
	return ""
}

// departementCode reads the code in the SIREN of a département, which is 22 and the code: "223900010", "229740014". The name must agree.
func departementCode(m *catalog.Member) string {
	if !strings.HasPrefix(m.SIREN, "22") || len(m.SIREN) != 9 {
		return ""
	}
	for _, code := range []string{m.SIREN[2:4], m.SIREN[2:5]} {
		if area, ok := reference.FindDepartement(code); ok && strings.Contains(catalog.Fold(m.Name), catalog.Fold(area.Name)) {
			return code
		}
	}
	return ""
}

// ReadOutlines reads a GeoJSON FeatureCollection of polygons in degrees, feature by feature, and keeps a simplified outline of each that has a code: a
// property code, insee, insee_com, code_insee, siren, siren_epci or code_siren, in capitals or not. Errors are French sentences without a capital.
func ReadOutlines(r io.Reader) (*Outlines, error) {
	limited := &io.LimitedReader{R: r, N: maxOutlineBytes}
	d := json.NewDecoder(limited)
	out := &Outlines{byCode: map[string]*outline{}}
	err := out.read(d)
	switch {
	case limited.N <= 0:
		return nil, fmt.Errorf("le fichier dépasse %d Mo", maxOutlineBytes>>20)
	case err != nil && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)):
		return nil, errors.New("le fichier est coupé : il s’arrête au milieu du JSON")
	case err != nil:
		return nil, err
	case len(out.byCode) == 0:
		return nil, errors.New("aucun contour n’a de code : chaque objet doit avoir une propriété « insee » (commune) ou « siren » (autre collectivité)")
	}
	return out, nil
}

// read finds the list of features in the collection; what stands beside it is passed over.
func (o *Outlines) read(d *json.Decoder) error {
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return cmp.Or(notJSON(err), errors.New("ce n’est pas un objet GeoJSON"))
	}
	listed := false
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return notJSON(err)
		}
		if key != "features" {
			var other json.RawMessage
			if err := d.Decode(&other); err != nil {
				return notJSON(err)
			}
			continue
		}
		listed = true
		if err := o.features(d); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return notJSON(err)
	}
	if !listed {
		return errors.New("ce n’est pas une « FeatureCollection » GeoJSON : la liste « features » manque")
	}
	return nil
}

func notJSON(err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return fmt.Errorf("ce n’est pas du JSON : %w", err)
}

func (o *Outlines) features(d *json.Decoder) error {
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return cmp.Or(notJSON(err), errors.New("« features » n’est pas une liste"))
	}
	for n := 1; d.More(); n++ {
		var f feature
		if err := d.Decode(&f); err != nil {
			return fmt.Errorf("objet n° %d : %w", n, notJSON(err))
		}
		code := f.Properties.name()
		if code == "" {
			continue
		}
		if len(o.byCode) >= maxOutlines {
			return fmt.Errorf("le fichier a plus de %d contours", maxOutlines)
		}
		found, err := f.Geometry.outline()
		if err != nil {
			return fmt.Errorf("objet n° %d (%s) : %w", n, code, err)
		}
		o.byCode[code] = found
	}
	_, err := d.Token()
	return notJSON(err)
}

type feature struct {
	Properties codes    `json:"properties"`
	Geometry   geometry `json:"geometry"`
}

// codes are the names under which files of the State and of regions give the code of a territory.
type codes struct {
	INSEE      code `json:"insee"`
	INSEECom   code `json:"insee_com"`
	CodeINSEE  code `json:"code_insee"`
	SIREN      code `json:"siren"`
	SIRENEPCI  code `json:"siren_epci"`
	CodeSIREN  code `json:"code_siren"`
	Code       code `json:"code"`
	Departemnt code `json:"code_departement"`
}

func (c codes) name() string {
	for _, v := range []code{c.INSEE, c.INSEECom, c.CodeINSEE, c.SIREN, c.SIRENEPCI, c.CodeSIREN, c.Code, c.Departemnt} {
		if v != "" {
			return string(v)
		}
	}
	return ""
}

// A code is a text or a number; anything else is none.
type code string

// UnmarshalJSON reads a text, or a number as it is written.
func (c *code) UnmarshalJSON(b []byte) error {
	switch {
	case len(b) > 0 && b[0] == '"':
		var s string
		err := json.Unmarshal(b, &s)
		*c = code(strings.TrimSpace(s))
		return err
	case len(b) > 0 && b[0] >= '0' && b[0] <= '9':
		*c = code(b)
	}
	return nil
}

type geometry struct {
	Type        string          `json:"type"`
	Coordinates json.RawMessage `json:"coordinates"`
}

func (g geometry) outline() (*outline, error) {
	var polygons [][][][]float64
	switch g.Type {
	case "MultiPolygon":
		if err := json.Unmarshal(g.Coordinates, &polygons); err != nil {
			return nil, errors.New("les coordonnées du « MultiPolygon » sont mal formées")
		}
	case "Polygon":
		polygons = make([][][][]float64, 1)
		if err := json.Unmarshal(bytes.Clone(g.Coordinates), &polygons[0]); err != nil {
			return nil, errors.New("les coordonnées du « Polygon » sont mal formées")
		}
	default:
		return nil, fmt.Errorf("la géométrie est de type « %s », il faut « Polygon » ou « MultiPolygon »", g.Type)
	}
	out := &outline{}
	for _, p := range polygons {
		if len(p) == 0 {
			continue
		}
		ring, err := ringOf(p[0])
		if err != nil {
			return nil, err
		}
		out.rings = append(out.rings, ring)
	}
	if len(out.rings) == 0 {
		return nil, errors.New("la géométrie est vide")
	}
	out.simplify()
	return out, nil
}

// ringOf reads an outer ring, without its last point, which is the first again.
func ringOf(positions [][]float64) ([]point, error) {
	var ring []point
	for _, p := range positions {
		if len(p) < 2 || math.Abs(p[0]) > 180 || math.Abs(p[1]) > 90 {
			return nil, errors.New("les coordonnées doivent être en degrés (WGS 84), longitude puis latitude")
		}
		at := point{int32(math.Round(p[0] * degree)), int32(math.Round(p[1] * degree))}
		if len(ring) == 0 || ring[len(ring)-1] != at {
			ring = append(ring, at)
		}
	}
	if len(ring) > 1 && ring[0] == ring[len(ring)-1] {
		ring = ring[:len(ring)-1]
	}
	if len(ring) < 3 {
		return nil, errors.New("un polygone a moins de trois sommets")
	}
	return ring, nil
}

// simplify keeps the largest rings, each with few enough points.
func (o *outline) simplify() {
	slices.SortStableFunc(o.rings, func(a, b []point) int { return cmp.Compare(area(b), area(a)) })
	o.rings = slices.Clone(o.rings[:min(len(o.rings), maxRings)])
	for i := range o.rings {
		limit := maxRingPoints
		if i > 0 {
			limit = maxRingPoints / (len(o.rings) - 1)
		}
		o.rings[i] = simplified(o.rings[i], max(limit, 4))
	}
}

// area is twice the surface of a ring, in square units.
func area(ring []point) float64 {
	sum := 0.0
	for i, p := range ring {
		q := ring[(i+1)%len(ring)]
		sum += float64(p.x)*float64(q.y) - float64(q.x)*float64(p.y)
	}
	return math.Abs(sum)
}

// simplified drops points of a ring (Douglas and Peucker), with a tolerance that doubles from some fifty metres until few enough are left.
func simplified(ring []point, limit int) []point {
	for tolerance := 50.0; len(ring) > limit; tolerance *= 2 {
		kept := peucker(ring, tolerance)
		if len(kept) < 3 {
			break
		}
		ring = kept
	}
	return slices.Clone(ring)
}

// peucker keeps the first point, the one farthest from it, and of both halves those that lie farther from the line between kept ones than the tolerance.
func peucker(ring []point, tolerance float64) []point {
	closed := append(slices.Clone(ring), ring[0])
	far, best := 0, -1.0
	for i, p := range ring {
		if d := math.Hypot(float64(p.x-ring[0].x), float64(p.y-ring[0].y)); d > best {
			far, best = i, d
		}
	}
	keep := make([]bool, len(closed))
	keep[0], keep[far] = true, true
	for spans := [][2]int{{0, far}, {far, len(ring)}}; len(spans) > 0; {
		last := spans[len(spans)-1]
		spans = spans[:len(spans)-1]
		at, worst := 0, tolerance
		for i := last[0] + 1; i < last[1]; i++ {
			if d := distance(closed[i], closed[last[0]], closed[last[1]]); d > worst {
				at, worst = i, d
			}
		}
		if at > 0 {
			keep[at] = true
			spans = append(spans, [2]int{last[0], at}, [2]int{at, last[1]})
		}
	}
	var kept []point
	for i, p := range ring {
		if keep[i] {
			kept = append(kept, p)
		}
	}
	return kept
}

// distance is that of a point from a segment.
func distance(p, a, b point) float64 {
	px, py := float64(p.x-a.x), float64(p.y-a.y)
	dx, dy := float64(b.x-a.x), float64(b.y-a.y)
	t := 0.0
	if long := dx*dx + dy*dy; long > 0 {
		t = min(max((px*dx+py*dy)/long, 0), 1)
	}
	return math.Hypot(px-t*dx, py-t*dy)
}

func (o *outline) box() *catalog.BBox {
	low, high := o.rings[0][0], o.rings[0][0]
	for _, ring := range o.rings {
		for _, p := range ring {
			low, high = point{min(low.x, p.x), min(low.y, p.y)}, point{max(high.x, p.x), max(high.y, p.y)}
		}
	}
	return &catalog.BBox{West: float64(low.x) / degree, South: float64(low.y) / degree, East: float64(high.x) / degree, North: float64(high.y) / degree}
}

// wkt is a POLYGON, or a MULTIPOLYGON where there are several.
func (o *outline) wkt() string {
	var b []byte
	open, end := "POLYGON(", ")"
	if len(o.rings) > 1 {
		open, end = "MULTIPOLYGON((", "))"
	}
	b = append(b, open...)
	for i, ring := range o.rings {
		if i > 0 {
			b = append(b, "),("...)
		}
		b = append(b, '(')
		for k := 0; k <= len(ring); k++ {
			if k > 0 {
				b = append(b, ',')
			}
			p := ring[k%len(ring)]
			b = strconv.AppendFloat(b, float64(p.x)/degree, 'f', -1, 64)
			b = append(b, ' ')
			b = strconv.AppendFloat(b, float64(p.y)/degree, 'f', -1, 64)
		}
		b = append(b, ')')
	}
	return string(append(b, end...))
}
