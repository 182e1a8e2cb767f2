package publish_test

import (
	"errors"
	"slices"
	"strconv"
	"testing"

	"grenier/publish"
	"grenier/publish/publishtest"
	"grenier/schemas"
)

func TestDefaultFormats_DependOnTheSchema(t *testing.T) {
	plain := []schemas.Field{{Name: "nom", Type: schemas.String}}
	for _, c := range []struct {
		name  string
		extra []schemas.Field
		want  []string
	}{
		{"no place", nil, []string{"csv", "parquet"}},
		{"degrees", []schemas.Field{{Name: "long", Type: schemas.Number}, {Name: "lat", Type: schemas.Number}}, []string{"csv", "parquet"}},
		{"Lambert-93", []schemas.Field{{Name: "x", Type: schemas.Number}, {Name: "y", Type: schemas.Number}}, []string{"csv", "parquet"}},
		{"a geometry", []schemas.Field{{Name: "trace", Type: schemas.GeoJSON}}, []string{"csv", "geojson", "parquet"}},
	} {
		var got []string
		for _, f := range publish.DefaultFormats(publishtest.Schema(append(slices.Clone(plain), c.extra...)...)) {
			got = append(got, f.Name)
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestDefaultFormats_GoWithoutAMapOfTooManyRows(t *testing.T) {
	s := publishtest.Schema(schemas.Field{Name: "place", Type: schemas.GeoJSON})
	batch := publishtest.Batch(s, slices.Repeat([][]string{{`{"type":"Point","coordinates":[2.5,48.5]}`}}, 4000))
	for _, c := range []struct{ batches, files int }{{publish.DefaultMapRows / 4000, 3}, {publish.DefaultMapRows/4000 + 1, 2}} {
		t.Run(strconv.Itoa(c.files), func(t *testing.T) {
			d, err := publish.Begin(publish.Order{Schema: s, Formats: publish.DefaultFormats(s), Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Discard()
			for range c.batches {
				if err := d.Write(batch); err != nil {
					t.Fatal(err)
				}
			}
			files, _, err := d.Finish()
			if err != nil || len(files) != c.files {
				t.Errorf("%d files, %v", len(files), err)
			}
			if dropped := d.Dropped(); len(dropped) != 3-c.files || c.files < 3 && !errors.Is(dropped[0].Err, publish.ErrNotOffered) {
				t.Errorf("goes without %+v", dropped)
			}
		})
	}
}
