package publish

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
)

// The WKB codes of the kinds of GeoJSON geometry.
var wkbKinds = map[string]uint32{
	"Point": 1, "LineString": 2, "Polygon": 3, "MultiPoint": 4, "MultiLineString": 5, "MultiPolygon": 6, "GeometryCollection": 7,
}

// A wkbWriter writes one geometry at a time as well-known binary, little endian, in two dimensions, and remembers where the last lay.
type wkbWriter struct {
	buf    []byte
	kind   string // of the last geometry
	extent bounds // of the last geometry
}

// bounds are the least and the greatest longitude and latitude.
type bounds struct {
	any                      bool
	west, south, east, north float64
}

func (b *bounds) add(x, y float64) {
	if !b.any {
		*b = bounds{true, x, y, x, y}
		return
	}
	b.west, b.south, b.east, b.north = min(b.west, x), min(b.south, y), max(b.east, x), max(b.north, y)
}

func (b *bounds) merge(o bounds) {
	if o.any {
		b.add(o.west, o.south)
		b.add(o.east, o.north)
	}
}

func (w *wkbWriter) begin(kind string) { w.buf, w.kind, w.extent = w.buf[:0], kind, bounds{} }

func (w *wkbWriter) point(lon, lat float64) {
	w.begin("Point")
	w.head("Point")
	w.position([]float64{lon, lat})
}

// geometryJSON is a GeoJSON geometry as it is read.
type geometryJSON struct {
	Type        string
	Coordinates json.RawMessage
	Geometries  []geometryJSON
}

// geometry writes a GeoJSON geometry. It tells whether text is one, with coordinates in degrees.
func (w *wkbWriter) geometry(text []byte) bool {
	if t := bytes.TrimLeft(text, " \t\r\n"); len(t) == 0 || t[0] != '{' {
		return false
	}
	var g geometryJSON
	if json.Unmarshal(text, &g) != nil {
		return false
	}
	w.begin(g.Type)
	return w.add(&g) && w.extent.any
}

func (w *wkbWriter) add(g *geometryJSON) bool {
	switch g.Type {
	case "Point":
		return addParts(w, g, (*wkbWriter).position)
	case "LineString":
		return addParts(w, g, (*wkbWriter).positions)
	case "Polygon":
		return addParts(w, g, (*wkbWriter).rings)
	case "MultiPoint":
		return addParts(w, g, many("Point", (*wkbWriter).position))
	case "MultiLineString":
		return addParts(w, g, many("LineString", (*wkbWriter).positions))
	case "MultiPolygon":
		return addParts(w, g, many("Polygon", (*wkbWriter).rings))
	case "GeometryCollection":
		w.head(g.Type)
		w.count(len(g.Geometries))
		for i := range g.Geometries {
			if !w.add(&g.Geometries[i]) {
				return false
			}
		}
		return true
	}
	return false
}

// addParts reads the coordinates of a geometry as what fn writes.
func addParts[C any](w *wkbWriter, g *geometryJSON, fn func(*wkbWriter, C) bool) bool {
	var c C
	if json.Unmarshal(g.Coordinates, &c) != nil {
		return false
	}
	w.head(g.Type)
	return fn(w, c)
}

// many writes several geometries of a kind.
func many[C any](kind string, fn func(*wkbWriter, C) bool) func(*wkbWriter, []C) bool {
	return func(w *wkbWriter, list []C) bool {
		w.count(len(list))
		for _, c := range list {
			w.head(kind)
			if !fn(w, c) {
				return false
			}
		}
		return true
	}
}

func (w *wkbWriter) head(kind string) {
	w.buf = binary.LittleEndian.AppendUint32(append(w.buf, 1), wkbKinds[kind])
}

func (w *wkbWriter) count(n int) { w.buf = binary.LittleEndian.AppendUint32(w.buf, uint32(n)) }

// position writes longitude and latitude; a height is left out.
func (w *wkbWriter) position(c []float64) bool {
	if len(c) < 2 || !onEarth(c[0], c[1]) {
		return false
	}
	w.extent.add(c[0], c[1])
	w.buf = binary.LittleEndian.AppendUint64(w.buf, math.Float64bits(c[0]))
	w.buf = binary.LittleEndian.AppendUint64(w.buf, math.Float64bits(c[1]))
	return true
}

func (w *wkbWriter) positions(list [][]float64) bool {
	w.count(len(list))
	for _, c := range list {
		if !w.position(c) {
			return false
		}
	}
	return true
}

func (w *wkbWriter) rings(list [][][]float64) bool {
	w.count(len(list))
	for _, ring := range list {
		if !w.positions(ring) {
			return false
		}
	}
	return true
}
