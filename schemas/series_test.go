package schemas

import (
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"slices"
	"testing"
	"testing/fstest"
)

// Every series.json names columns that the newest version of its schema has, and a year that is a date, a moment or a year.
func TestSeries_NameColumnsOfTheirSchemas(t *testing.T) {
	files, err := fs.Glob(os.DirFS("national"), "*/*/series.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no series.json: %v", err)
	}
	for _, file := range files {
		t.Run(path.Dir(file), func(t *testing.T) {
			src, err := os.ReadFile("national/" + file)
			if err != nil {
				t.Fatal(err)
			}
			var told Series
			if err := json.Unmarshal(src, &told); err != nil {
				t.Fatal(err)
			}
			found := false
			for _, id := range National().Versions(path.Dir(file)) {
				s, err := National().Lookup(string(id))
				if err != nil {
					t.Fatal(err)
				}
				if told.Year == "" || s.Series.Year == told.Year && s.yearly(told.Year) {
					found = found || slices.Equal(s.Series.Key, told.Key) || len(told.Key) == 0
				}
			}
			if !found {
				t.Errorf("no version of %s has the columns of %s", path.Dir(file), src)
			}
		})
	}
}

func (s *Schema) yearly(name string) bool {
	p := s.Fields[s.Field(name)].Physical()
	return p == Days || p == Micros || s.Fields[s.Field(name)].Type == Year
}

func TestSeries_OfAVersionThatLacksTheColumnsIsThePrimaryKeyAlone(t *testing.T) {
	fsys := fstest.MapFS{
		"o/n/1.0/schema.json": {Data: []byte(`{"fields":[{"name":"a","type":"string"}],"primaryKey":"a"}`)},
		"o/n/2.0/schema.json": {Data: []byte(`{"fields":[{"name":"a","type":"string"},{"name":"b","type":"date"}]}`)},
		"o/n/series.json":     {Data: []byte(`{"year":"b","key":["a","b"]}`)},
	}
	set, err := Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]Series{"o/n@1.0": {Key: []string{"a"}}, "o/n@2.0": {Year: "b", Key: []string{"a", "b"}}} {
		s, err := set.Lookup(ref)
		if err != nil {
			t.Fatal(err)
		}
		if s.Series.Year != want.Year || !slices.Equal(s.Series.Key, want.Key) {
			t.Errorf("%s: got %+v, want %+v", ref, s.Series, want)
		}
	}
}
