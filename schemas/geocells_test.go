package schemas

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v5"
)

// geometries are whole or broken, each in its own way.
var geometries = []string{`{"type":"Point","coordinates":[6.2,45.5]}`, `{"type":"Point","coordinates":[6.2]}`, `{"type":"Point","coordinates":["6,2","45,5"]}`, `{"type":"Point"}`, `{"type":"MultiPoint","coordinates":[[6.2,45.5],[]]}`, `{"type":"MultiPoint","coordinates":[]}`,
	`{"type":"LineString","coordinates":[[6.2,45.5],[6.3,45.6]]}`, `{"coordinates":[[6.2,45.5]],"type":"LineString"}`, `{"type":"LineString","coordinates":[[6.2,45.5],["6,3",45.6],[null],7]}`, `{"type":"LineString","coordinates":[[6.2,45.5],[6.3,45.6]],"bbox":[6.2,"x"]}`,
	`{"type":"MultiLineString","coordinates":[[[6.2,45.5]],[]]}`, `{"type":"Polygon","coordinates":[[[6.2,45.5],[6.3,45.6],[6.3,45.5],[6.2,45.5]]]}`, `{"type":"Polygon","coordinates":[[[6.2,45.5],[6.3,45.6],[6.2,45.5]],[]]}`, `{"type":"Polygon","coordinates":[[6.2,45.5],[6.3,45.6]]}`,
	`{"type":"MultiPolygon","coordinates":[[[6.2,45.5],[6.3,45.6]]]}`, `{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[6.2,"x"]},{"type":"GeometryCollection","geometries":[{"type":"Cercle"}]}]}`, `{"type":"GeometryCollection","geometries":[]}`, `{"type":"GeometryCollection","geometries":[7,null]}`,
	`{"type":"Cercle","coordinates":[6.2,45.5]}`, `{"type":7,"coordinates":[6.2,45.5]}`, `{"coordinates":[6.2,45.5]}`, `{}`, `[]`, `null`, `7`, `"POINT(6.2 45.5)"`,
	`{"type":"Feature","geometry":{"type":"LineString","coordinates":[[6.2,45.5],[6.3]]},"properties":null}`, `{"type":"Feature","geometry":null,"properties":{}}`, `{"type":"Feature","geometry":null,"properties":[],"id":true}`, `{"type":"Feature"}`,
	`{"type":"FeatureCollection","features":[{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":{}}]}`, `{"type":"FeatureCollection","features":[{"type":"Feature","geometry":{"type":"Point","coordinates":[1]},"properties":{}}],"bbox":[]}`}

// samplesOf are records of a national schema of GeoJSON: its own good ones, with each geometry in turn.
func samplesOf(t *testing.T, s *Schema) (records []map[string]any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("national", filepath.FromSlash(s.ID.Name()), s.ID.Version(), "valid.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, geometry := range append([]string{""}, geometries...) {
		doc, err := parseJSON(text)
		if err != nil {
			t.Fatal(err)
		}
		features, _ := at(doc, "/features")
		record := features.([]any)[0].(map[string]any)
		if geometry != "" {
			record["geometry"], _ = parseJSON([]byte(geometry))
		}
		records = append(records, record)
	}
	return records
}

func TestGeoJSON_FaultsAreWordedLikePackageJSONSchema(t *testing.T) {
	for _, id := range []string{"etalab/schema-amenagements-cyclables@0.3.5", "etalab/schema-zfe@0.8.2", "macaron-ai/onstreet-parking-schema@1.0.0", "PnX-SI/schema_randonnee@1.1.0", "metis-reseaux/infos-travaux@0.0.2"} {
		s, err := National().Lookup(id)
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.ready()
		if err != nil {
			t.Fatal(err)
		}
		d, bad, left := p.document, 0, 0
		e := &d.entries[0]
		if e.rule == nil {
			t.Fatalf("%s: rules do not know it", id)
		}
		tape := jsonTape{keys: d.keys}
		check := func(v any) {
			text := compactJSON(v)
			if err := tape.read(text); err != nil {
				t.Fatal(err)
			}
			var verdict *jsonschema.ValidationError
			if refused := errors.As(e.schema.Validate(v), &verdict); refused == e.rule.accepts(&tape, 0) {
				t.Fatalf("%s: %s: refused %v", id, text, refused)
			} else if !refused {
				return
			}
			bad++
			got := d.explained(speech{}, e.rule, e.rule, &tape)
			if got == nil {
				left++
			} else if d := cmp.Diff(lines(d.issues(speech{}, v, verdict)), lines(got)); d != "" {
				t.Fatalf("%s: %s\n%s", id, text, d)
			}
		}
		for i, v := range samplesOf(t, s) {
			check(v)
			if i == 0 {
				spoilt(v, v, func() { check(v) })
			} else {
				spoilt(v["geometry"], v, func() { check(v) })
			}
		}
		if bad < 1000 || left > 0 {
			t.Errorf("%s: %d spoilt records, %d left to package jsonschema", id, bad, left)
		}
	}
}

func TestGeoJSON_CellsHaveTheVerdictOfPackageJSONSchema(t *testing.T) {
	verdicts := map[bool]int{}
	check := func(v any) {
		text := compactJSON(v)
		want := geoJSON().Validate(v) == nil
		verdicts[want]++
		if got := isGeoJSON(text); got != want {
			t.Fatalf("%s: %v, want %v", text, got, want)
		}
	}
	for _, text := range geometries {
		root, err := parseJSON([]byte(`{"v":` + text + `}`))
		if err != nil {
			t.Fatal(err)
		}
		check(root.(map[string]any)["v"])
		spoilt(root, root, func() { check(root.(map[string]any)["v"]) })
	}
	if verdicts[true] < 50 || verdicts[false] < 1000 {
		t.Errorf("verdicts %v", verdicts)
	}
	for _, text := range []string{"", "{", `{"type":"Point","coordinates":[1,2]`, `{"type":"Point","type":"Point","coordinates":[1,2]}`, `{"type":"Point","coordinates":[1e999,2]}`, strings.Repeat("[", 1000)} {
		if isGeoJSON([]byte(text)) {
			t.Errorf("%.80s is no GeoJSON", text)
		}
	}
}

func TestTape_WritesTheJSONThatPackageJSONWrites(t *testing.T) {
	tape := jsonTape{keys: &keyNames{numbers: map[string]int32{}}}
	for _, text := range append([]string{`{"b":[1.50,-0,1e3,{"z":null,"a":true}],"a":"é\u2028\u0007\"\\/<&>","":" ", "\u00e9":{} , "B":[ ]}`, "[\"\u2028\",\"\u20ac\",\"\x7f\",\"\\ud800\"]", `["\t",{"a\n":1,"a":2}]`}, geometries...) {
		v, err := parseJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := tape.read([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, want := string(tape.appendJSON(nil, 0)), string(compactJSON(v)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestGeoJSON_FaultsWithoutEndAreToldInBoundedSpace(t *testing.T) {
	rings := strings.Repeat(`["x",45.5],`, 2*faultsMax) + `[6.2,45.5]`
	tests := []struct{ name, schema, record, want string }{
		{"a line", `{"$ref":"https://geojson.org/schema/Geometry.json"}`, `{"type":"LineString","coordinates":[` + rings + `]}`, "type-error  coordinates[][] x"},
		{"no known kind", `{"$ref":"https://geojson.org/schema/Geometry.json"}`, `{"type":"GeometryCollection","geometries":[` + strings.Repeat(`{"type":"Cercle"},`, faultsMax) + `{"type":"Rond"}]}`, "constraint-error required geometries[].coordinates "},
		{"another form fits", `{"type":"object","required":["b"],"properties":{"coordinates":{"anyOf":[{"items":{"items":{"type":"number"}}},{"type":"array"}]}}}`, `{"coordinates":[` + rings + `]}`, "constraint-error required b "},
		{"several forms fit", `{"properties":{"coordinates":{"oneOf":[{"items":{"items":{"type":"number"}}},{"type":"array"},{}]}}}`, `{"coordinates":[` + rings + `]}`, "constraint-error oneOf coordinates "},
	}
	for _, tt := range tests {
		s, err := ParseDocument("essai/x@1", []byte(tt.schema), nil)
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.ready()
		if err != nil {
			t.Fatal(err)
		}
		tape := jsonTape{keys: p.document.keys}
		if err := tape.read([]byte(tt.record)); err != nil {
			t.Fatal(err)
		}
		rule := p.document.entries[0].rule
		x := explainer{t: &tape}
		x.explain(rule, 0)
		if len(x.faults) > 2*faultsMax || len(x.arena) > 2*faultPathsMax {
			t.Errorf("%s: %d faults, %d bytes of paths are kept", tt.name, len(x.faults), len(x.arena))
		}
		issues := p.document.explained(speech{}, rule, rule, &tape)
		if len(issues) == 0 {
			t.Errorf("%s: nothing told", tt.name)
			continue
		}
		i := issues[0]
		if got := i.Type + " " + i.Constraint + " " + i.Field + " " + i.Cell; !strings.HasPrefix(got, tt.want) || len(issues) > issuesMax {
			t.Errorf("%s: %.200s, want %s", tt.name, got, tt.want)
		}
	}
}
