package schemas

import (
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// geoDefinitions says in JSON Schema what RFC 7946 says in prose.
const geoDefinitions = `
"number": {"type": "number"},
"position": {"type": "array", "minItems": 2, "items": {"$ref": "#/definitions/number"}},
"positions": {"type": "array", "items": {"$ref": "#/definitions/position"}},
"line": {"type": "array", "minItems": 2, "items": {"$ref": "#/definitions/position"}},
"ring": {"type": "array", "minItems": 4, "items": {"$ref": "#/definitions/position"}},
"rings": {"type": "array", "items": {"$ref": "#/definitions/ring"}},
"bbox": {"type": "array", "minItems": 4, "items": {"$ref": "#/definitions/number"}},
"Point": {"type": "object", "required": ["type", "coordinates"], "properties": {"type": {"enum": ["Point"]}, "coordinates": {"$ref": "#/definitions/position"}, "bbox": {"$ref": "#/definitions/bbox"}}},
"MultiPoint": {"type": "object", "required": ["type", "coordinates"], "properties": {"type": {"enum": ["MultiPoint"]}, "coordinates": {"$ref": "#/definitions/positions"}, "bbox": {"$ref": "#/definitions/bbox"}}},
"LineString": {"type": "object", "required": ["type", "coordinates"], "properties": {"type": {"enum": ["LineString"]}, "coordinates": {"$ref": "#/definitions/line"}, "bbox": {"$ref": "#/definitions/bbox"}}},
"MultiLineString": {"type": "object", "required": ["type", "coordinates"], "properties": {"type": {"enum": ["MultiLineString"]}, "coordinates": {"type": "array", "items": {"$ref": "#/definitions/line"}}, "bbox": {"$ref": "#/definitions/bbox"}}},
"Polygon": {"type": "object", "required": ["type", "coordinates"], "properties": {"type": {"enum": ["Polygon"]}, "coordinates": {"$ref": "#/definitions/rings"}, "bbox": {"$ref": "#/definitions/bbox"}}},
"MultiPolygon": {"type": "object", "required": ["type", "coordinates"], "properties": {"type": {"enum": ["MultiPolygon"]}, "coordinates": {"type": "array", "items": {"$ref": "#/definitions/rings"}}, "bbox": {"$ref": "#/definitions/bbox"}}},
"GeometryCollection": {"type": "object", "required": ["type", "geometries"], "properties": {"type": {"enum": ["GeometryCollection"]}, "geometries": {"type": "array", "items": {"$ref": "#/definitions/Geometry"}}, "bbox": {"$ref": "#/definitions/bbox"}}},
"Geometry": {"oneOf": [{"$ref": "#/definitions/Point"}, {"$ref": "#/definitions/MultiPoint"}, {"$ref": "#/definitions/LineString"}, {"$ref": "#/definitions/MultiLineString"}, {"$ref": "#/definitions/Polygon"}, {"$ref": "#/definitions/MultiPolygon"}, {"$ref": "#/definitions/GeometryCollection"}]},
"Feature": {"type": "object", "required": ["type", "geometry", "properties"], "properties": {"type": {"enum": ["Feature"]}, "id": {"type": ["string", "number"]}, "geometry": {"oneOf": [{"type": "null"}, {"$ref": "#/definitions/Geometry"}]}, "properties": {"type": ["object", "null"]}, "bbox": {"$ref": "#/definitions/bbox"}}},
"FeatureCollection": {"type": "object", "required": ["type", "features"], "properties": {"type": {"enum": ["FeatureCollection"]}, "features": {"type": "array", "items": {"$ref": "#/definitions/Feature"}}, "bbox": {"$ref": "#/definitions/bbox"}}},
"GeoJSON": {"oneOf": [{"$ref": "#/definitions/Geometry"}, {"$ref": "#/definitions/Feature"}, {"$ref": "#/definitions/FeatureCollection"}]}`

// geoSchema is the schema of one kind of GeoJSON object; ok is false for a name that RFC 7946 does not have.
func geoSchema(name string) (src string, ok bool) {
	if name == "" || name[0] < 'A' || name[0] > 'Z' || !strings.Contains(geoDefinitions, `"`+name+`": {`) {
		return "", false
	}
	return fmt.Sprintf(`{"$schema": "http://json-schema.org/draft-07/schema#", "allOf": [{"$ref": "#/definitions/%s"}], "definitions": {%s}}`, name, geoDefinitions), true
}

// geoRoot holds the same definitions as data, to word faults found by them.
var geoRoot = sync.OnceValue(func() any {
	src, _ := geoSchema("GeoJSON")
	v, _ := parseJSON([]byte(src))
	return v
})

// loadSchema is the only loader that JSON Schemas get: it knows geojson.org/schema/*.json by heart and refuses the rest, so that
// compiling never touches the network or the disk.
func loadSchema(url string) (io.ReadCloser, error) {
	_, path, _ := strings.Cut(url, "://")
	name, ok := strings.CutPrefix(path, "geojson.org/schema/")
	if name, isJSON := strings.CutSuffix(name, ".json"); ok && isJSON {
		if src, known := geoSchema(name); known {
			return io.NopCloser(strings.NewReader(src)), nil
		}
	}
	return nil, fmt.Errorf("reference to %s: nothing is fetched from elsewhere", url)
}

// newCompiler returns a compiler without network; a schema that states no draft is read as 2020-12, whose formats are asserted like
// those of the earlier drafts.
func newCompiler() *jsonschema.Compiler {
	c := jsonschema.NewCompiler()
	c.Draft = jsonschema.Draft2020
	c.AssertFormat = true
	c.LoadURL = loadSchema
	return c
}

var geoJSON = sync.OnceValue(func() *jsonschema.Schema {
	return newCompiler().MustCompile("https://geojson.org/schema/GeoJSON.json")
})

// A geoJudge is what judges the GeoJSON of cells.
type geoJudge struct {
	rule  *jsonRule
	tapes sync.Pool // of *jsonTape
}

var geoCells = sync.OnceValue(func() *geoJudge {
	keys := &keyNames{numbers: map[string]int32{}}
	j := &geoJudge{rule: keys.newRule(geoJSON())}
	j.tapes.New = func() any { return &jsonTape{keys: keys} }
	return j
})

// isGeoJSON tells whether a cell is a GeoJSON object. What that takes in memory is some times the cell, whose size the record's bounds.
func isGeoJSON(b []byte) bool {
	j := geoCells()
	t := j.tapes.Get().(*jsonTape)
	defer j.tapes.Put(t)
	ok := t.read(b) == nil && j.rule.accepts(t, 0)
	t.b = nil
	return ok
}

// isTopoJSON tells whether a cell is a TopoJSON topology, by its outline.
func isTopoJSON(b []byte) bool {
	v, err := parseJSON(b)
	m, ok := v.(map[string]any)
	if err != nil || !ok || m["type"] != "Topology" {
		return false
	}
	_, objects := m["objects"].(map[string]any)
	_, arcs := m["arcs"].([]any)
	return objects && arcs
}
