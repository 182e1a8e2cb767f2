package publish

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"grenier/schemas"
)

// places know where the rows of a table lie. They look, in this order, at columns of GeoJSON, at columns of points, at pairs of longitude and
// latitude, at pairs of x and y in Lambert-93; the first that says a place counts.
type places struct {
	shapes  []int
	points  []int
	degrees [][2]int // longitude, latitude
	metres  [][2]int // x, y

	wkb wkbWriter
}

// A place is where one row lies.
type place struct {
	wkb      []byte // valid until the next
	shape    int    // the column whose GeoJSON it is; -1 for a point
	lon, lat float64
}

// hasPlaces tells whether rows of s may have a place.
func hasPlaces(s *schemas.Schema) bool { return newPlaces(s).any() }

func newPlaces(s *schemas.Schema) *places {
	p := &places{}
	for i := range s.Fields {
		switch f := &s.Fields[i]; {
		case f.Type == schemas.GeoJSON && f.Format != "topojson":
			p.shapes = append(p.shapes, i)
		case f.Type == schemas.Geopoint:
			p.points = append(p.points, i)
		}
	}
	p.degrees = axes(s, func(name string) string { return axisName(name, "xlong", "longitude", "long", "lon") },
		func(name string) string { return axisName(name, "ylat", "latitude", "lat") })
	p.metres = axes(s, func(name string) string { return metricAxis(name, 'x') }, func(name string) string { return metricAxis(name, 'y') })
	return p
}

func (p *places) any() bool { return len(p.shapes)+len(p.points)+len(p.degrees)+len(p.metres) > 0 }

// axes pairs the columns whose names are the same for both functions; "" is the name of none.
func axes(s *schemas.Schema, first, second func(name string) string) (pairs [][2]int) {
	for i := range s.Fields {
		name := first(s.Fields[i].Name)
		if name == "" || !mayBeAxis(&s.Fields[i]) {
			continue
		}
		j := slices.IndexFunc(s.Fields, func(f schemas.Field) bool { return mayBeAxis(&f) && second(f.Name) == name })
		if j >= 0 && j != i {
			pairs = append(pairs, [2]int{i, j})
		}
	}
	return pairs
}

func mayBeAxis(f *schemas.Field) bool {
	switch f.Type {
	case schemas.Number, schemas.Integer, schemas.Any:
		return true
	}
	return f.Type == schemas.String && f.Constraints.Enum == nil
}

// axisName is a column's name with "?" in place of the first of the words that it has; the two columns of a pair get the same.
// "" when it has none.
func axisName(name string, words ...string) string {
	name = strings.ToLower(name)
	for _, w := range words {
		if i := strings.Index(name, w); i >= 0 {
			return name[:i] + "?" + name[i+len(w):]
		}
	}
	return ""
}

// metricAxis is what follows the letter in names such as x, coord_x, x_l93, X_Lambert93, "?" before it; "" for other names.
func metricAxis(name string, letter byte) string {
	name = strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(name))
	for _, prefix := range []string{"coordonnees", "coordonnee", "coord"} {
		name = strings.TrimPrefix(name, prefix)
	}
	if name == "" || name[0] != letter {
		return ""
	}
	switch name[1:] {
	case "", "l93", "lambert93", "lambert", "93":
		return "?" + name[1:]
	}
	return ""
}

// of finds the place of a row.
func (p *places) of(b *schemas.Batch, r int) (at place, ok bool) {
	for _, c := range p.shapes {
		if b.Columns[c].Valid[r] && p.wkb.geometry(b.TextAt(c, r)) {
			return place{wkb: p.wkb.buf, shape: c}, true
		}
	}
	lon, lat, ok := p.point(b, r)
	if !ok {
		return place{}, false
	}
	p.wkb.point(lon, lat)
	return place{wkb: p.wkb.buf, shape: -1, lon: lon, lat: lat}, true
}

// point finds the place of a row in its columns of coordinates.
func (p *places) point(b *schemas.Batch, r int) (lon, lat float64, ok bool) {
	for _, c := range p.points {
		if b.Columns[c].Valid[r] {
			if lon, lat, ok = splitGeopoint(b.TextAt(c, r)); ok && onEarth(lon, lat) {
				return lon, lat, true
			}
		}
	}
	for _, pair := range p.degrees {
		if lon, lat, ok = bothAxes(b, r, pair); ok && onEarth(lon, lat) {
			return lon, lat, true
		}
	}
	for _, pair := range p.metres {
		if x, y, both := bothAxes(b, r, pair); both && InLambert93(x, y) {
			lon, lat = FromLambert93(x, y)
			return math.Round(lon*1e7) / 1e7, math.Round(lat*1e7) / 1e7, true
		}
	}
	return 0, 0, false
}

func onEarth(lon, lat float64) bool { return math.Abs(lon) <= 180 && math.Abs(lat) <= 90 }

func bothAxes(b *schemas.Batch, r int, pair [2]int) (x, y float64, ok bool) {
	x, okX := axisValue(b, pair[0], r)
	y, okY := axisValue(b, pair[1], r)
	return x, y, okX && okY
}

func axisValue(b *schemas.Batch, c, r int) (float64, bool) {
	col := &b.Columns[c]
	switch {
	case !col.Valid[r]:
		return 0, false
	case col.Physical == schemas.Float:
		return col.Floats[r], true
	case col.Physical == schemas.Int64:
		return float64(col.Ints[r]), true
	}
	return degreesIn(b.TextAt(c, r))
}

func degreesIn(text []byte) (float64, bool) {
	f, err := strconv.ParseFloat(string(bytes.TrimSpace(text)), 64)
	return f, err == nil
}

// splitGeopoint reads the three ways in which Table Schema writes a point: "lon, lat", [lon, lat], {"lon": …, "lat": …}.
func splitGeopoint(text []byte) (lon, lat float64, ok bool) {
	text = bytes.TrimSpace(text)
	if bytes.HasPrefix(text, []byte{'{'}) {
		var o struct{ Lon, Lat *json.Number }
		if json.Unmarshal(text, &o) != nil || o.Lon == nil || o.Lat == nil {
			return 0, 0, false
		}
		lon, okLon := degreesIn([]byte(*o.Lon))
		lat, okLat := degreesIn([]byte(*o.Lat))
		return lon, lat, okLon && okLat
	}
	x, y, two := bytes.Cut(bytes.Trim(text, "[]"), []byte{','})
	lon, okLon := degreesIn(bytes.Trim(x, "\" "))
	lat, okLat := degreesIn(bytes.Trim(y, "\" "))
	return lon, lat, two && okLon && okLat
}
