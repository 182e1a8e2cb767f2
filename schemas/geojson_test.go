package schemas_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"grenier/harvest"
	"grenier/schemas"
)

// geoSchemas are the national schemas of GeoJSON documents.
var geoSchemas = []string{"etalab/schema-amenagements-cyclables@0.3.5", "etalab/schema-zfe@0.8.2", "macaron-ai/onstreet-parking-schema@1.0.0", "PnX-SI/schema_randonnee@1.1.0", "metis-reseaux/infos-travaux@0.0.2"}

// geoParts are geometries, whole and broken, and what can stand in their places.
var geoParts = []string{`{"type":"Point","coordinates":[6.2,45.5]}`, `{"coordinates":[6.2,45.5,1200,"x"],"type":"Point"}`, `{"type":"Point","coordinates":[6.2]}`, `{"type":"MultiPoint","coordinates":[[6.2,45.5],[6.3,45.6]]}`, `{"type":"MultiPoint","coordinates":[]}`,
	`{"type":"LineString","coordinates":[[6.2,45.5],[6.3,45.6]],"bbox":[6.2,45.5,6.3,45.6]}`, `{"type":"LineString","coordinates":[[6.2,45.5]]}`, `{"type":"LineString","coordinates":[[6.2,45.5],["6,3","45,6"]]}`, `{"type":"LineString","coordinates":[[6.2,45.5],[6.3,45.6]],"bbox":[6.2]}`,
	`{"type":"MultiLineString","coordinates":[[[6.2,45.5],[6.3,45.6]]]}`, `{"type":"MultiLineString","coordinates":[[[6.2,45.5]],[]]}`, `{"type":"Polygon","coordinates":[[[6.2,45.5],[6.3,45.6],[6.3,45.5],[6.2,45.5]]]}`, `{"type":"Polygon","coordinates":[[[6.2,45.5],[6.3,45.6],[6.2,45.5]]]}`,
	`{"type":"Polygon","coordinates":[]}`, `{"type":"MultiPolygon","coordinates":[[[[6.2,45.5],[6.3,45.6],[6.3,45.5],[6.2,45.5]]],[]]}`, `{"type":"MultiPolygon","coordinates":[[[6.2,45.5],[6.3,45.6],[6.3,45.5],[6.2,45.5]]]}`,
	`{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[6.2,45.5]},{"type":"GeometryCollection","geometries":[]}]}`, `{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[6.2,null]}]}`, `{"type":"GeometryCollection","coordinates":[]}`,
	`{"type":"Cercle","coordinates":[6.2,45.5]}`, `{"coordinates":[6.2,45.5]}`, `{"type":["Point"],"coordinates":[6.2,45.5]}`, `null`, `"POINT(6.2 45.5)"`, `[6.2,45.5]`, `[[6.2,45.5],[6.3,45.6]]`, `[6.2,"45.5"]`, `"Point"`, `"LineString"`, `"Polygon"`, `"Feature"`, `"FeatureCollection"`, `1e2`}

// mutateGeometry puts a part of GeoJSON in some place, most often that of a geometry.
func mutateGeometry(t *rapid.T, doc any) {
	all := places(doc, nil)
	var usual []place
	for _, p := range all {
		switch p.at {
		case "geometry", "coordinates", "bbox", "geometries":
			usual = append(usual, p)
		}
	}
	if len(usual) > 0 && rapid.IntRange(0, 3).Draw(t, "usual place") > 0 {
		all = usual
	}
	if len(all) == 0 {
		return
	}
	v, err := schemas.ParseJSON([]byte(rapid.SampledFrom(geoParts).Draw(t, "part")))
	if err != nil {
		t.Fatal(err)
	}
	rapid.SampledFrom(all).Draw(t, "place").set(v)
}

func nationalDocument(t *testing.T, id string) (s *schemas.Schema, src, good []byte) {
	t.Helper()
	s, err := schemas.National().Lookup(id)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join("national", filepath.FromSlash(s.ID.Name()), s.ID.Version())
	for name, content := range map[string]*[]byte{"schema.json": &src, "valid.json": &good} {
		if *content, err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return s, src, good
}

func TestGeoJSON_DocumentsHaveTheVerdictOfPackageJSONSchema(t *testing.T) {
	for _, id := range geoSchemas {
		t.Run(id, func(t *testing.T) {
			s, src, good := nationalDocument(t, id)
			oracle := whole(t, src)
			verdicts := map[bool]int{}
			for range 5 {
				rapid.Check(t, func(t *rapid.T) {
					doc, err := schemas.ParseJSON(good)
					if err != nil {
						t.Fatal(err)
					}
					for range rapid.IntRange(0, 3).Draw(t, "changes") {
						change := mutateGeometry
						if rapid.Bool().Draw(t, "anything") {
							change = mutate
						}
						change(t, doc)
					}
					text, _ := json.Marshal(doc)
					want := oracle.Validate(doc)
					rep, err := harvest.Validate(context.Background(), harvest.Input{Name: "f.json", Size: int64(len(text)), ReaderAt: bytes.NewReader(text)}, harvest.Validation{Schema: s})
					got := err == nil && rep.Valid
					verdicts[got]++
					if got != (want == nil) {
						t.Fatalf("%s\nhere: valid %v, error %v, %s\nwhole: %v", text, got, err, first(rep), want)
					}
				})
			}
			if verdicts[true] < 100 || verdicts[false] < 100 {
				t.Errorf("verdicts %v: the changes prove little", verdicts)
			}
		})
	}
}
