package publish

import (
	"fmt"
	"io"
	"strconv"

	"grenier/schemas"
)

func init() {
	register(Format{
		Name:      "geojson",
		Ext:       ".geojson",
		MediaType: "application/geo+json",
		FileType:  "GEOJSON",
		Title:     "GeoJSON",
		Use:       "QGIS, uMap, cartes en ligne",
		New:       newGeoJSON,
		Twins:     true,
		Fits:      hasPlaces,
	})
}

// A geoJSONWriter writes a FeatureCollection (RFC 7946): one feature a row and a line, its cells as properties like those of NDJSON, its place in
// WGS 84. A row without a place has the geometry null. A cell of GeoJSON that became the geometry is not repeated among the properties.
// What the file is and where it is from stands before the features, under names that RFC 7946 leaves free.
type geoJSONWriter struct {
	w      io.Writer
	schema *schemas.Schema
	places *places
	names  [][]byte // `"name":` by column
	began  bool     // a feature was written
	closed bool
	buf    []byte
}

func newGeoJSON(w io.Writer, s *schemas.Schema, m Meta) (BatchWriter, error) {
	if len(s.Fields) == 0 {
		return nil, fmt.Errorf("schema %s has no column", s.ID)
	}
	g := &geoJSONWriter{w: w, schema: s, places: newPlaces(s)}
	if !g.places.any() {
		return nil, fmt.Errorf("%w: %s has no coordinates", ErrNotOffered, s.ID)
	}
	for i := range s.Fields {
		g.names = append(g.names, append(appendJSONText(nil, []byte(s.Fields[i].Name)), ':'))
	}
	g.buf = append(g.buf, `{"type":"FeatureCollection",`...)
	for _, kv := range [][2]string{{"name", m.Title}, {"publisher", m.Publisher}, {"license", m.License}, {"source", m.Source}, {"schema", s.URL}} {
		if kv[1] != "" {
			g.buf = append(appendJSONText(g.buf, []byte(kv[0])), ':')
			g.buf = append(appendJSONText(g.buf, []byte(kv[1])), ',')
		}
	}
	g.buf = append(g.buf, `"features":[`...)
	return g, nil
}

func (g *geoJSONWriter) WriteBatch(b *schemas.Batch) error {
	if len(b.Columns) != len(g.names) {
		return fmt.Errorf("write geojson: batch of %d columns, schema has %d", len(b.Columns), len(g.names))
	}
	for r := range b.Rows {
		g.feature(b, r)
		if len(g.buf) >= ndjsonBuffer {
			if err := g.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *geoJSONWriter) feature(b *schemas.Batch, r int) {
	if g.began {
		g.buf = append(g.buf, ',')
	}
	g.began = true
	g.buf = append(g.buf, "\n"+`{"type":"Feature","geometry":`...)
	shape := -1
	if at, ok := g.places.of(b, r); ok {
		shape = at.shape
		g.geometry(b, r, at)
	} else {
		g.buf = append(g.buf, "null"...)
	}
	g.buf = append(g.buf, `,"properties":{`...)
	first := true
	for c := range b.Columns {
		if c == shape {
			continue
		}
		if !first {
			g.buf = append(g.buf, ',')
		}
		first = false
		g.buf = append(g.buf, g.names[c]...)
		g.buf = appendJSONCell(g.buf, g.schema.Fields[c].Type, b, c, r)
	}
	g.buf = append(g.buf, "}}"...)
}

func (g *geoJSONWriter) geometry(b *schemas.Batch, r int, at place) {
	if at.shape >= 0 {
		g.buf = appendJSONCell(g.buf, schemas.GeoJSON, b, at.shape, r)
		return
	}
	g.buf = append(g.buf, `{"type":"Point","coordinates":[`...)
	g.buf = append(strconv.AppendFloat(g.buf, at.lon, 'f', -1, 64), ',')
	g.buf = append(strconv.AppendFloat(g.buf, at.lat, 'f', -1, 64), "]}"...)
}

func (g *geoJSONWriter) flush() error {
	_, err := g.w.Write(g.buf)
	g.buf = g.buf[:0]
	if err != nil {
		return fmt.Errorf("write geojson: %w", err)
	}
	return nil
}

func (g *geoJSONWriter) Close() error {
	if g.closed {
		return nil
	}
	g.closed = true
	g.buf = append(g.buf, "\n]}\n"...)
	return g.flush()
}
