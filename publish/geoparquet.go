package publish

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"grenier/schemas"
)

func init() {
	register(Format{
		Name:      "geoparquet",
		Ext:       ".geo.parquet",
		MediaType: "application/vnd.apache.parquet",
		FileType:  "", // not in the EU list: DCAT says it in words
		Title:     "GeoParquet",
		Use:       "QGIS, DuckDB, GeoPandas, R",
		New:       newGeoParquet,
		Fits:      hasPlaces,
	})
}

// newGeoParquet writes the Parquet file with one more column, the place of each row as well-known binary in WGS 84, and the "geo" key of GeoParquet 1.1
// in the footer. All columns of the schema stay as they are. Heights are left out of the geometry, for its kinds would then differ
// from row to row.
func newGeoParquet(w io.Writer, s *schemas.Schema, m Meta) (BatchWriter, error) {
	p := newPlaces(s)
	if len(s.Fields) > 0 && !p.any() {
		return nil, fmt.Errorf("%w: %s has no coordinates", ErrNotOffered, s.ID)
	}
	name := "geometry"
	taken := func(f schemas.Field) bool { return strings.EqualFold(f.Name, name) } // some readers do not tell case
	for slices.ContainsFunc(s.Fields, taken) {
		name += "_wkb"
	}
	return beginParquet(&parquetWriter{w: w, schema: s, meta: m, order: orderOf(s), shapes: &parquetShapes{name: name, places: p, kinds: map[string]bool{}}})
}

// parquetShapes make the column of geometries beside a batch.
type parquetShapes struct {
	name   string
	places *places
	batch  schemas.Batch // of one column, that of the last batch
	kinds  map[string]bool
	extent bounds
}

// fill makes the geometries of the rows of b.
func (p *parquetShapes) fill(b *schemas.Batch) {
	if p.batch.Columns == nil {
		p.batch.Columns = make([]schemas.Column, 1)
	}
	col := &p.batch.Columns[0]
	p.batch.Rows, p.batch.Data, col.Valid, col.Text = b.Rows, p.batch.Data[:0], col.Valid[:0], col.Text[:0]
	for r := range b.Rows {
		at, ok := p.places.of(b, r)
		if ok {
			p.kinds[p.places.wkb.kind] = true
			p.extent.merge(p.places.wkb.extent)
		}
		col.Valid = append(col.Valid, ok)
		col.Text = append(col.Text, schemas.Span{Off: uint32(len(p.batch.Data)), Len: uint32(len(at.wkb))})
		p.batch.Data = append(p.batch.Data, at.wkb...)
	}
}

// metadata is the value of the "geo" key, "" for no shapes.
func (p *parquetShapes) metadata() string {
	if p == nil {
		return ""
	}
	type column struct {
		Encoding string    `json:"encoding"`
		Types    []string  `json:"geometry_types"`
		Box      []float64 `json:"bbox,omitempty"`
	}
	c := column{Encoding: "WKB", Types: append([]string{}, slices.Sorted(maps.Keys(p.kinds))...)}
	if p.extent.any {
		c.Box = []float64{p.extent.west, p.extent.south, p.extent.east, p.extent.north}
	}
	text, err := json.Marshal(struct {
		Version string            `json:"version"`
		Primary string            `json:"primary_column"`
		Columns map[string]column `json:"columns"`
	}{"1.1.0", p.name, map[string]column{p.name: c}})
	if err != nil {
		panic(err) // texts and finite numbers
	}
	return string(text)
}
