package schemas

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func files(list map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for name, text := range list {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

const one = `{"title":"Un","fields":[{"name":"a"}]}`

func TestLoad_OrdersVersionsAndFindsTheNewest(t *testing.T) {
	s, err := Load(files(map[string]string{
		"org/a/1.9.0/schema.json": one, "org/a/1.10.0/schema.json": one, "org/a/2.0.0-rc.1/schema.json": one, "org/a/unpublished-2021/schema.json": one, "org/b/1.0.0/schema.json": one,
		"org/a/README.md": "not a schema",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.Versions("org/a"), []ID{"org/a@2.0.0-rc.1", "org/a@1.10.0", "org/a@1.9.0", "org/a@unpublished-2021"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for ref, want := range map[string]ID{"org/a": "org/a@2.0.0-rc.1", "org/a@1.9.0": "org/a@1.9.0", "org/a@v1.9.0": "org/a@1.9.0"} {
		if sch, err := s.Lookup(ref); err != nil || sch.ID != want {
			t.Errorf("Lookup(%q): %v, %v", ref, sch, err)
		}
	}
	if all := s.All(); len(all) != 2 || all[0].ID != "org/a@2.0.0-rc.1" || all[1].ID != "org/b@1.0.0" {
		t.Errorf("All: %v", all)
	}
}

func TestLookup_NamesTheNearestSchemas(t *testing.T) {
	s, err := Load(files(map[string]string{"scdl/deliberations/2.1.5/schema.json": one, "scdl/subventions/2.1.1/schema.json": one, "etalab/schema-bal/1.5.0/schema.json": one}))
	if err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]string{"scdl/deliberation": "scdl/deliberations", "scdl/Délibérations": "scdl/deliberations", "subventions": "scdl/subventions", "scdl/subventions@9": "2.1.1"} {
		_, err := s.Lookup(ref)
		if !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), want) {
			t.Errorf("Lookup(%q): %v, want ErrUnknown that names %s", ref, err, want)
		}
	}
	if _, err := s.Lookup("tout/autre-chose"); !errors.Is(err, ErrUnknown) || strings.Contains(err.Error(), "proches") {
		t.Errorf("got %v, want no suggestion", err)
	}
}

func TestLoad_ReportsEveryFaultWithItsPath(t *testing.T) {
	_, err := Load(files(map[string]string{
		"org/a/1.0.0/schema.json": `{"fields":[{"name":"a","type":"truc"},{"name":"a"}]}`,
		"org/b/1.0.0/schema.json": `{"fields":`,
		"org/c/1.0.0/schema.json": `{"type":"object","properties":{}}`,
		"org/c/1.0.0/table.json":  `{"fields":[{"name":"x"}]}`,
	}))
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"org/a/1.0.0/schema.json", "org/b/1.0.0/schema.json", "org/c/1.0.0/schema.json", "records"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
}

func TestParseTable_RefusesWhatIsNoTableSchema(t *testing.T) {
	tests := []struct{ src, want string }{
		{`[]`, "objet JSON"},
		{`{}`, "fields"},
		{`{"fields":[]}`, "fields"},
		{`{"fields":[{"name":"a"},{"name":"a"}]}`, "deux champs"},
		{`{"fields":[{"type":"string"}]}`, "pas de nom"},
		{`{"fields":[{"name":"a","type":"truc"}]}`, "type « truc » inconnu"},
		{`{"fields":[{"name":"a","format":"phone"}]}`, "format « phone » inconnu"},
		{`{"fields":[{"name":"a","type":"geojson","format":"x"}]}`, "format"},
		{`{"fields":[{"name":"a","type":"date","format":"%Q"}]}`, "directive"},
		{`{"fields":[{"name":"a","required":true}]}`, "constraints"},
		{`{"fields":[{"name":"a","constraints":{"required":"oui"}}]}`, "true ou false"},
		{`{"fields":[{"name":"a","constraints":{"minLength":"3"}}]}`, "nombre entier"},
		{`{"fields":[{"name":"a","constraints":{"minimum":3}}]}`, "minimum"},
		{`{"fields":[{"name":"a","type":"integer","constraints":{"pattern":"x"}}]}`, "pattern"},
		{`{"fields":[{"name":"a","type":"boolean","constraints":{"maxLength":2}}]}`, "maxLength"},
		{`{"fields":[{"name":"a","type":"integer","constraints":{"enum":["un"]}}]}`, "« un »"},
		{`{"fields":[{"name":"a","type":"date","constraints":{"minimum":"hier"}}]}`, "« hier »"},
		{`{"fields":[{"name":"a","type":"integer","example":"douze"}]}`, "« douze »"},
		{`{"fields":[{"name":"a","type":"boolean","trueValues":["oui"],"falseValues":["non"],"example":true}]}`, "« true »"},
		{`{"fields":[{"name":"a"}],"primaryKey":"b"}`, "« b »"},
		{`{"fields":[{"name":"a"}],"foreignKeys":[{"fields":["a"],"reference":{"resource":"","fields":["a","a"]}}]}`, "longueur"},
		{`{"fields":[{"name":"a"}],"foreignKeys":[{"fields":["z"],"reference":{"resource":"","fields":["a"]}}]}`, "« z »"},
		{`{"fields":[{"name":"a"}],"delimiter":";;"}`, "delimiter"},
		{`{"fields":[{"name":"a"}],"fields":[]}`, "twice"},
	}
	for _, tt := range tests {
		if _, err := ParseTable("essai/x@1", []byte(tt.src)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want an error with %q", tt.src, err, tt.want)
		}
	}
}

func TestParseTable_ReportsAllFaultsAtOnce(t *testing.T) {
	_, err := ParseTable("essai/x@1", []byte(`{"fields":[{"name":"a","type":"truc"},{"name":"b","constraints":{"required":1}},{"name":"c","example":"x","type":"integer"}],"primaryKey":"z"}`))
	for _, want := range []string{"« a »", "« b »", "« c »", "« z »"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not in %v", want, err)
		}
	}
}

func TestParseTable_IgnoresWhatTheStandardDoesNotKnow(t *testing.T) {
	s, err := ParseTable("essai/x@1", []byte(`{"version":"v9","fields":[{"name":"a","contraints":{"required":true},"enum":["x"],"pattern":"y","nullable":true,"format":"default"}],"delimiter":";","schema_url":"https://exemple.fr/s.json"}`))
	if err != nil {
		t.Fatal(err)
	}
	if f := s.Fields[0]; f.Constraints.Required || f.Constraints.Enum != nil || f.Constraints.Pattern != "" || f.Type != String {
		t.Errorf("got %+v", f)
	}
	if s.Delimiter != ';' || s.URL != "https://exemple.fr/s.json" || s.ID.Version() != "1" {
		t.Errorf("got %+v", s)
	}
}

func TestNational_CompilesAsAWhole(t *testing.T) {
	all, err := fs.Sub(national, "national")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Load(all); err != nil {
		t.Error(err)
	}
}

func FuzzParseTable(f *testing.F) {
	f.Add([]byte(grants))
	f.Add([]byte(`{"fields":[{"name":"a","type":"array","arrayItem":{"type":"date","format":"%d/%m/%y"},"constraints":{"enum":["[]"]}}]}`))
	f.Add([]byte(`{"fields":[{"name":"a","type":"number","groupChar":" ","decimalChar":",","constraints":{"minimum":1,"maximum":"2"}}],"primaryKey":["a"]}`))
	f.Add([]byte(`{"fields":[{"name":"a","constraints":{"pattern":"(a|)\\1[é-ù]{1,3}$|b"}}]}`))
	f.Fuzz(func(t *testing.T, src []byte) {
		s, err := ParseTable("essai/fuzz@1", src)
		if err != nil {
			return
		}
		judgeRows(t, s, labelsOf(s), [][]string{make([]string, len(s.Fields)), slices.Repeat([]string{"a1"}, len(s.Fields))}, 1)
	})
}

func FuzzCheck(f *testing.F) {
	f.Add("2024-1-5", "1,5", "oui", "[1]", "P1Y")
	f.Add("05/01/2024", "NaN", "", `{"type":"Point","coordinates":[1,2]}`, "a@b.fr")
	f.Add("2024-01-05T10:00:00+02:00", "-1e-300", "POINT (1 2)", "2.3, 48.8", "https://a/é")
	s := mustTable(f, `{"fields":[{"name":"d","type":"date","constraints":{"unique":true}},{"name":"n","type":"number","groupChar":" ","constraints":{"minimum":0,"unique":true}},
		{"name":"b","constraints":{"maxLength":3,"pattern":"^(a|é)*$","enum":["a","é"]}},{"name":"g","type":"geojson"},{"name":"e","format":"email"},{"name":"m","type":"datetime"},
		{"name":"u","format":"uri"},{"name":"w","format":"wkt"},{"name":"p","type":"geopoint"},{"name":"t","type":"duration"},{"name":"l","type":"date","format":"%d %B %y"},{"name":"k","type":"array","arrayItem":{"type":"integer"}}],
		"primaryKey":["d","n"],"custom_checks":[{"name":"siret","params":{"column":"b"}},{"name":"phone-number-value","params":{"column":"e"}},{"name":"sum-columns-value","params":{"column":"n","columns":["n"]}},
		{"name":"nomenclature-actes-value","params":{"column":"b"}},{"name":"compare-columns-value","params":{"column":"d","op":"<","column2":"n"}}]}`)
	f.Fuzz(func(t *testing.T, a, b, c, d, e string) {
		cells := []string{a, b, c, d, e, a, e, c, d, e, a, d}
		j := judgeRows(t, s, labelsOf(s), [][]string{cells, {b, c}, append(cells, a), {}}, 2)
		st := j.rep.Stats
		if st.Rows != 4 || st.Accepted+st.Rejected != st.Rows || int(st.Accepted) != len(j.rows) || int(st.Rejected) != len(j.rejects) {
			t.Fatalf("stats %+v, %d rows, %d rejects", st, len(j.rows), len(j.rejects))
		}
		for _, r := range j.rejects {
			if len(r.Issues) == 0 || r.Issues[0].Message == "" {
				t.Fatalf("record %d is refused without a reason", r.Row)
			}
		}
	})
}
