package publish

import (
	"fmt"
	"io"

	"grenier/schemas"
)

// DefaultMapRows is how many rows a table may have to be written for maps without being asked.
const DefaultMapRows = 200_000

// DefaultFormats lists what tables of s are written in when nobody chose: canonical CSV and Parquet always, the official JSON of public contracts, GeoJSON where a cell holds a geometry, which
// nothing that reads tables can show, as long as a map can take the rows (docs/decisions/0014). Points in columns of coordinates are for recipes to ask.
func DefaultFormats(s *schemas.Schema) (list []Format) {
	for _, f := range FormatsFor(s) {
		switch f.Name {
		case "csv", "parquet", "decp-json":
			list = append(list, f)
		case "geojson":
			if len(newPlaces(s).shapes) > 0 {
				list = append(list, f.atMost(DefaultMapRows))
			}
		}
	}
	return list
}

// atMost is the format for tables of so many rows; it declines longer ones.
func (f Format) atMost(rows int64) Format {
	whole := f.New
	f.New = func(w io.Writer, s *schemas.Schema, m Meta) (BatchWriter, error) {
		writer, err := whole(w, s, m)
		if err != nil {
			return nil, err
		}
		return &shortWriter{writer, rows}, nil
	}
	return f
}

// A shortWriter takes so many rows more.
type shortWriter struct {
	BatchWriter
	left int64
}

func (s *shortWriter) WriteBatch(b *schemas.Batch) error {
	if s.left -= int64(b.Rows); s.left < 0 {
		return fmt.Errorf("%w: the table is too long for what nobody asked for", ErrNotOffered)
	}
	return s.BatchWriter.WriteBatch(b)
}
