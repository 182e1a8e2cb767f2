package publish_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"testing"
	"time"

	"grenier/publish"
	"grenier/publish/publishtest"
	"grenier/schemas"
)

// storedProfile makes the Parquet file of rows, with its profile, and stores it.
func storedProfile(t *testing.T, s *schemas.Schema, rows [][]string, profile bool) (publish.BlobStore, publish.Pressed) {
	t.Helper()
	d, err := publish.Begin(publish.Order{Schema: s, Formats: []publish.Format{formatNamed(t, "parquet")}, Dir: t.TempDir(), Profile: profile})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Discard()
	for ; len(rows) > 0; rows = rows[min(4096, len(rows)):] {
		if err := d.Write(publishtest.Batch(s, rows[:min(4096, len(rows))])); err != nil {
			t.Fatal(err)
		}
	}
	files, _, err := d.Finish()
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := publish.OpenDir(t.TempDir())
	if err == nil {
		err = d.Store(t.Context(), blobs)
	}
	if err != nil {
		t.Fatal(err)
	}
	return blobs, files[0]
}

// profiled reads the whole file for its profile.
func profiled(t *testing.T, blobs publish.BlobStore, file publish.Pressed) string {
	t.Helper()
	b, err := blobs.Open(t.Context(), file.Key)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	table, err := publish.OpenTable(b, file.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	p, err := table.Profile(t.Context())
	return asJSON(t, p, err)
}

func asJSON(t *testing.T, v any, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// manyKinds has a column of each type with few values, and one with too many for a dictionary.
func manyKinds(n int) (*schemas.Schema, [][]string) {
	s := publishtest.Schema()
	for _, typ := range poolTypes {
		s.Fields = append(s.Fields, schemas.Field{Name: string(typ), Type: typ}, schemas.Field{Name: "many " + string(typ), Type: typ})
	}
	var rows [][]string
	for i := range n {
		h := int(uint32(i) * 2654435761 >> 4)
		var row []string
		for k, typ := range poolTypes {
			many := map[schemas.Type]string{schemas.String: "pièce n° " + strconv.Itoa(h), schemas.Integer: strconv.Itoa(h - 1<<20), schemas.Number: strconv.Itoa(h%70_001) + ".25",
				schemas.Boolean: strconv.FormatBool(h%3 == 0), schemas.Date: time.Unix(int64(h%25_000)*86400, 0).UTC().Format(time.DateOnly), schemas.Datetime: time.Unix(int64(h), 0).UTC().Format("2006-01-02T15:04:05")}[typ]
			if i%3 == 0 {
				many = pools[typ][1+i/3%2]
			}
			if h>>3%11 == k {
				many = ""
			}
			row = append(row, pools[typ][h%len(pools[typ])], many)
		}
		rows = append(rows, row)
	}
	return s, rows
}

func TestProfile_MadeWithTheFileIsThatOfTheFile(t *testing.T) {
	for name, year := range map[string]string{"as rows come": "", "in the order of days": "date"} {
		t.Run(name, func(t *testing.T) {
			s, rows := manyKinds(150_000)
			s.Series.Year = year
			blobs, file := storedProfile(t, s, rows, true)
			p, err := publish.ReadProfile(t.Context(), blobs, file.SHA256)
			got, want := asJSON(t, p, err), profiled(t, blobs, file)
			if got != want {
				t.Errorf("got  %.3000s\nwant %.3000s", got, want)
			}
			text := p.Columns[slices.IndexFunc(p.Columns, func(c publish.ColumnProfile) bool { return c.Name == "many string" })]
			if !text.AtLeast || len(text.Top) != 2 || text.Nulls == 0 || p.Rows != 150_000 {
				t.Errorf("%+v", text)
			}
		})
	}
}

func TestProfile_IsKeptOfLargeFilesOnly(t *testing.T) {
	s, rows := manyKinds(12_000)
	for _, c := range []struct {
		rows  int
		asked bool
		kept  bool
	}{{12_000, true, true}, {12_000, false, false}, {9_000, true, false}, {0, true, false}} {
		blobs, file := storedProfile(t, s, rows[:c.rows], c.asked)
		_, err := publish.ReadProfile(t.Context(), blobs, file.SHA256)
		if kept := err == nil; kept != c.kept || !kept && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%+v: %v", c, err)
		}
		if err := publish.WriteProfile(t.Context(), blobs, file); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
		p, err := publish.ReadProfile(t.Context(), blobs, file.SHA256)
		if made := c.rows == 12_000; made && (err != nil || asJSON(t, p, nil) != profiled(t, blobs, file)) || !made && err == nil {
			t.Errorf("%+v, made afterwards: %v", c, err)
		}
	}
}

func TestProfile_IsNamedAfterItsFile(t *testing.T) {
	sum := "ab" + "0123456789abcdef"
	if key := publish.ProfileKey(sum); key != "profile/ab/"+sum+".json" || publish.ProfiledBy(key) != "pub/ab/"+sum+".parquet" {
		t.Errorf("%s, %s", key, publish.ProfiledBy(key))
	}
	for key, owner := range map[string]string{
		"pub/ab/abcd.csv": "pub/ab/abcd.csv", "pub/ab/abcd.csv.gz": "pub/ab/abcd.csv", "raw/ab/abcd": "raw/ab/abcd", publish.ProfileKey(sum): "pub/ab/" + sum + ".parquet",
	} {
		if got := publish.OwnerOf(key); got != owner {
			t.Errorf("%s belongs to %s", key, got)
		}
		if beside := publish.Beside(owner); key != owner && !slices.Contains(beside, key) {
			t.Errorf("beside %s: %q", owner, beside)
		}
	}
}
