package publish_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"grenier/publish"
	"grenier/publish/publishtest"
	"grenier/schemas"

	"github.com/google/go-cmp/cmp"
)

// A feature is what a GeoJSON file holds of one row.
type feature struct {
	Type       string
	Geometry   json.RawMessage
	Properties map[string]json.RawMessage
}

func features(file []byte) ([]feature, error) {
	var all struct {
		Type     string
		Features []feature
	}
	if err := json.Unmarshal(file, &all); err != nil {
		return nil, err
	}
	if all.Type != "FeatureCollection" || all.Features == nil {
		return nil, fmt.Errorf("%q with %d features", all.Type, len(all.Features))
	}
	return all.Features, nil
}

// readGeoJSON reads with encoding/json. A cell of GeoJSON that is not among the properties is the geometry.
func readGeoJSON(file []byte, s *schemas.Schema) (columns []string, rows [][]string, err error) {
	for i := range s.Fields {
		columns = append(columns, s.Fields[i].Name)
	}
	list, err := features(file)
	if err != nil {
		return nil, nil, err
	}
	for _, f := range list {
		if f.Type != "Feature" {
			return nil, nil, fmt.Errorf("type %q", f.Type)
		}
		var row []string
		for i := range s.Fields {
			raw, ok := f.Properties[s.Fields[i].Name]
			if !ok && s.Fields[i].Type == schemas.GeoJSON {
				raw = f.Geometry
			}
			cell := publishtest.Null
			if string(raw) != "null" {
				if json.Unmarshal(raw, &cell) != nil {
					cell = string(raw)
				}
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return columns, rows, nil
}

// readGeoParquet reads with parquet-go, and the geometries with the reader below, which must find them whole.
func readGeoParquet(file []byte, s *schemas.Schema) (columns []string, rows [][]string, err error) {
	with := *s
	with.Fields = append(slices.Clone(s.Fields), schemas.Field{Name: "geometry", Type: schemas.String})
	if columns, rows, err = readParquet(file, &with); err != nil {
		return nil, nil, err
	}
	n := len(s.Fields)
	if columns[n] != "geometry" {
		return nil, nil, fmt.Errorf("columns %q", columns)
	}
	for r := range rows {
		if wkb := rows[r][n]; wkb != publishtest.Null {
			if text, rest := readWKB([]byte(wkb)); len(rest) != 0 || text == "" {
				return nil, nil, fmt.Errorf("row %d: geometry %q, then %d bytes", r, text, len(rest))
			}
		}
		rows[r] = rows[r][:n]
	}
	return columns[:n], rows, nil
}

// readWKB writes a geometry as well-known text, without spaces.
func readWKB(b []byte) (text string, rest []byte) {
	defer func() {
		if recover() != nil {
			text, rest = "", b
		}
	}()
	count := func() (n uint32) {
		n, b = binary.LittleEndian.Uint32(b), b[4:]
		return n
	}
	position := func() string {
		x, y := math.Float64frombits(binary.LittleEndian.Uint64(b)), math.Float64frombits(binary.LittleEndian.Uint64(b[8:]))
		b = b[16:]
		return fmt.Sprintf("%v %v", x, y)
	}
	list := func(part func() string) string {
		var parts []string
		for range count() {
			parts = append(parts, part())
		}
		return "(" + strings.Join(parts, ",") + ")"
	}
	line := func() string { return list(position) }
	if b[0] != 1 {
		panic("byte order")
	}
	b = b[1:]
	switch kind := count(); kind {
	case 1:
		text = "POINT(" + position() + ")"
	case 2:
		text = "LINESTRING" + line()
	case 3:
		text = "POLYGON" + list(line)
	case 4, 5, 6, 7:
		text = map[uint32]string{4: "MULTIPOINT", 5: "MULTILINESTRING", 6: "MULTIPOLYGON", 7: "COLLECTION"}[kind] + list(func() string {
			var part string
			part, b = readWKB(b)
			return part
		})
	}
	return text, b
}

func TestGeoJSON(t *testing.T) { publishtest.Format(t, formatNamed(t, "geojson"), readGeoJSON) }

func TestGeoParquet(t *testing.T) {
	publishtest.Format(t, formatNamed(t, "geoparquet"), readGeoParquet)
}

// placed are the geometries that both formats of maps find: as GeoJSON, and as text read from WKB.
func placed(t *testing.T, s *schemas.Schema, rows [][]string) (asJSON, asWKB []string) {
	t.Helper()
	list, err := features([]byte(writtenIn(t, "geojson", s, rows)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		asJSON = append(asJSON, string(f.Geometry))
	}
	with := *s
	with.Fields = append(slices.Clone(s.Fields), schemas.Field{Name: "geometry", Type: schemas.String})
	_, read, err := readParquet([]byte(writtenIn(t, "geoparquet", s, rows)), &with)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range read {
		text := ""
		if wkb := row[len(row)-1]; wkb != publishtest.Null {
			text, _ = readWKB([]byte(wkb))
		}
		asWKB = append(asWKB, text)
	}
	return asJSON, asWKB
}

func TestPlaces_AreFoundInColumnsOfEachKind(t *testing.T) {
	field := func(name string, typ schemas.Type, format ...string) schemas.Field {
		return schemas.Field{Name: name, Type: typ, Format: strings.Join(format, "")}
	}
	for _, c := range []struct {
		name   string
		fields []schemas.Field
		row    []string
		json   string // "" is null
		wkt    string
	}{
		{"numbers", []schemas.Field{field("longitude", schemas.Number), field("latitude", schemas.Number)}, []string{"2.3500", "48.85"},
			`{"type":"Point","coordinates":[2.35,48.85]}`, "POINT(2.35 48.85)"},
		{"latitude first", []schemas.Field{field("EQUIP_LAT", schemas.Number), field("EQUIP_LONG", schemas.Number)}, []string{"48.85", "2.35"},
			`{"type":"Point","coordinates":[2.35,48.85]}`, "POINT(2.35 48.85)"},
		{"one missing", []schemas.Field{field("Xlong", schemas.Number), field("Ylat", schemas.Number)}, []string{"2.35", ""}, "", ""},
		{"nowhere", []schemas.Field{field("lon", schemas.Number), field("lat", schemas.Number)}, []string{"2.35", "90.5"}, "", ""},
		{"not a number", []schemas.Field{field("lon", schemas.String), field("lat", schemas.Number)}, []string{"NaN", "9"}, "", ""},
		{"two pairs", []schemas.Field{field("consolidated_longitude", schemas.Number), field("lat_coor1", schemas.Number), field("consolidated_latitude", schemas.Number), field("long_coor1", schemas.Number)},
			[]string{"", "43", "44", "5"}, `{"type":"Point","coordinates":[5,43]}`, "POINT(5 43)"},
		{"texts", []schemas.Field{field("x", schemas.String), field("y", schemas.String), field("long", schemas.String), field("lat", schemas.String)}, []string{"652381.2", "6862047.1", "2.4", "48.9"},
			`{"type":"Point","coordinates":[2.4,48.9]}`, "POINT(2.4 48.9)"},
		{"Lambert-93 when there is nothing else", []schemas.Field{field("x", schemas.String), field("y", schemas.String), field("long", schemas.String), field("lat", schemas.String)}, []string{"652381.2", "6862047.1", "", ""},
			`{"type":"Point","coordinates":[2.3510018,48.8567]}`, "POINT(2.3510018 48.8567)"},
		{"Lambert-93 in whole metres", []schemas.Field{field("coord_x_l93", schemas.Integer), field("COORD_Y_L93", schemas.Integer)}, []string{"700000", "6600000"},
			`{"type":"Point","coordinates":[3,46.5]}`, "POINT(3 46.5)"},
		{"metres of elsewhere", []schemas.Field{field("x", schemas.Number), field("y", schemas.Number)}, []string{"340000", "7650000"}, "", ""},
		{"point", []schemas.Field{field("p", schemas.Geopoint)}, []string{"2.5, 48"}, `{"type":"Point","coordinates":[2.5,48]}`, "POINT(2.5 48)"},
		{"point as list", []schemas.Field{field("p", schemas.Geopoint, "array")}, []string{`["2.5", 48]`}, `{"type":"Point","coordinates":[2.5,48]}`, "POINT(2.5 48)"},
		{"point as object", []schemas.Field{field("p", schemas.Geopoint, "object")}, []string{`{"lat": 48, "lon": 2.5}`}, `{"type":"Point","coordinates":[2.5,48]}`, "POINT(2.5 48)"},
		{"line", []schemas.Field{field("g", schemas.GeoJSON)}, []string{`{"type": "LineString", "coordinates": [[1, 2, 99], [3, 4]]}`},
			`{"type":"LineString","coordinates":[[1,2,99],[3,4]]}`, "LINESTRING(1 2,3 4)"},
		{"polygon", []schemas.Field{field("g", schemas.GeoJSON)}, []string{`{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]],[[0.1,0.1],[0.2,0.1],[0.2,0.2],[0.1,0.1]]]}`},
			`{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]],[[0.1,0.1],[0.2,0.1],[0.2,0.2],[0.1,0.1]]]}`, "POLYGON((0 0,1 0,1 1,0 0),(0.1 0.1,0.2 0.1,0.2 0.2,0.1 0.1))"},
		{"many points", []schemas.Field{field("g", schemas.GeoJSON)}, []string{`{"type":"MultiPoint","coordinates":[[0,0],[1,0]]}`},
			`{"type":"MultiPoint","coordinates":[[0,0],[1,0]]}`, "MULTIPOINT(POINT(0 0),POINT(1 0))"},
		{"many lines", []schemas.Field{field("g", schemas.GeoJSON)}, []string{`{"type":"MultiLineString","coordinates":[[[0,0],[1,0]]]}`},
			`{"type":"MultiLineString","coordinates":[[[0,0],[1,0]]]}`, "MULTILINESTRING(LINESTRING(0 0,1 0))"},
		{"many polygons", []schemas.Field{field("g", schemas.GeoJSON)}, []string{`{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0,0]]]]}`},
			`{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0,0]]]]}`, "MULTIPOLYGON(POLYGON((0 0,1 0,1 1,0 0)))"},
		{"collection", []schemas.Field{field("g", schemas.GeoJSON)}, []string{`{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1,2]}]}`},
			`{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1,2]}]}`, "COLLECTION(POINT(1 2))"},
		{"a shape before a point", []schemas.Field{field("p", schemas.Geopoint), field("g", schemas.GeoJSON)}, []string{"1,2", `{"type":"Point","coordinates":[3,4]}`},
			`{"type":"Point","coordinates":[3,4]}`, "POINT(3 4)"},
		{"a point for a shape in metres", []schemas.Field{field("p", schemas.Geopoint), field("g", schemas.GeoJSON)}, []string{"1,2", `{"type":"Point","coordinates":[652381,6862047]}`},
			`{"type":"Point","coordinates":[1,2]}`, "POINT(1 2)"},
		{"no geometry but a feature", []schemas.Field{field("g", schemas.GeoJSON)}, []string{`{"type":"Feature","geometry":null,"properties":{}}`}, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := publishtest.Schema(c.fields...)
			asJSON, asWKB := placed(t, s, [][]string{c.row})
			if c.json == "" {
				c.json = "null"
			}
			if asJSON[0] != c.json || asWKB[0] != c.wkt {
				t.Errorf("got  %s and %s\nwant %s and %s", asJSON[0], asWKB[0], c.json, c.wkt)
			}
		})
	}
}

func TestPlaces_NamesThatAreNoCoordinatesDoNotCount(t *testing.T) {
	for _, names := range [][]string{
		{"LONGUEUR"}, {"longitude"}, {"lon", "lat_coor1"}, {"x"}, {"x_debut", "y_debut"}, {"coord_x", "y_l93"}, {"platNom", "platCode"}, {"latitude_debut", "longitude_fin"},
	} {
		s := publishtest.Schema()
		for _, n := range names {
			s.Fields = append(s.Fields, schemas.Field{Name: n, Type: schemas.Number})
		}
		for _, format := range []string{"geojson", "geoparquet"} {
			if formatNamed(t, format).Fits(s) {
				t.Errorf("%q fits %s", names, format)
			}
		}
	}
}

func TestGeoJSON_SaysWhereItIsFromAndKeepsTypes(t *testing.T) {
	s := publishtest.Schema(schemas.Field{Name: "id", Type: schemas.String}, schemas.Field{Name: "n", Type: schemas.Number}, schemas.Field{Name: "g", Type: schemas.GeoJSON})
	got := writtenIn(t, "geojson", s, [][]string{{"06800", "12.50", `{"type":"Point","coordinates":[3, 4]}`}, {"", "", "?"}})
	want := `{"type":"FeatureCollection","name":"Essai","publisher":"Commune d’essai","schema":"https://exemple.fr/schema.json","features":[
{"type":"Feature","geometry":{"type":"Point","coordinates":[3,4]},"properties":{"id":"06800","n":12.50}},
{"type":"Feature","geometry":null,"properties":{"id":null,"n":null,"g":"?"}}
]}
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := writtenIn(t, "geojson", s, nil); !strings.HasSuffix(got, "\"features\":[\n]}\n") || !json.Valid([]byte(got)) {
		t.Errorf("without rows: %q", got)
	}
}

func TestGeoParquet_DescribesItsGeometries(t *testing.T) {
	s := publishtest.Schema(schemas.Field{Name: "Geometry", Type: schemas.String}, schemas.Field{Name: "g", Type: schemas.GeoJSON})
	for _, c := range []struct {
		rows [][]string
		want string
	}{
		{[][]string{{"", `{"type":"Point","coordinates":[3,4]}`}, {"", ""}, {"", `{"type":"LineString","coordinates":[[-1,2],[1,7]]}`}},
			`{"version":"1.1.0","primary_column":"geometry_wkb","columns":{"geometry_wkb":{"encoding":"WKB","geometry_types":["LineString","Point"],"bbox":[-1,2,3,7]}}}`},
		{[][]string{{"a", ""}}, `{"version":"1.1.0","primary_column":"geometry_wkb","columns":{"geometry_wkb":{"encoding":"WKB","geometry_types":[]}}}`},
	} {
		f, err := openParquet([]byte(writtenIn(t, "geoparquet", s, c.rows)))
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := f.Lookup("geo"); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
		chunk := f.RowGroups()[0].ColumnChunks()[2]
		if _, err := chunk.ColumnIndex(); err == nil && len(c.rows) > 1 {
			t.Error("there is an index of bounds that mean nothing")
		}
	}
	if plain, err := openParquet([]byte(writtenIn(t, "parquet", s, nil))); err != nil {
		t.Error(err)
	} else if _, ok := plain.Lookup("geo"); ok {
		t.Error("the plain Parquet file says that it has geometries")
	}
}

func TestDraft_GoesWithoutFormatsThatDoNotFit(t *testing.T) {
	draft := begin(t, t.TempDir())
	var names []string
	for _, d := range draft.Dropped() {
		names = append(names, d.Format.Name)
	}
	if diff := cmp.Diff([]string{"decp-json", "geojson", "geoparquet"}, names); diff != "" {
		t.Error(diff)
	}
	if _, err := publish.Begin(publish.Order{Schema: twoColumns, Formats: []publish.Format{formatNamed(t, "geojson")}, Dir: t.TempDir()}); err == nil {
		t.Error("began a draft in no format")
	}
	var none bytes.Buffer
	if _, err := formatNamed(t, "geojson").New(&none, twoColumns, publish.Meta{}); err == nil || none.Len() > 0 {
		t.Errorf("began a map without places: %q, error %v", none.String(), err)
	}
}
