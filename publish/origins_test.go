package publish_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"grenier/publish"
	"grenier/publish/publishtest"
	"grenier/schemas"
)

// tableRows reads a Parquet file whole with the program's own reader.
func tableRows(t testing.TB, file []byte) (*publish.Table, [][]string) {
	t.Helper()
	table, err := publish.OpenTable(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := table.Query(publish.RowQuery{})
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	if _, err := plan.Run(context.Background(), func(b *schemas.Batch) error {
		for r := range b.Rows {
			row := make([]string, len(b.Columns))
			for c := range row {
				if row[c] = publishtest.Null; b.Columns[c].Valid[r] {
					row[c] = string(b.TextAt(c, r))
				}
			}
			rows = append(rows, row)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return table, rows
}

// pressOrigins presses rows, cut into documents, in CSV and Parquet with their origins, and stores all.
func pressOrigins(t testing.TB, s *schemas.Schema, documents map[string][][]string, names []string) (files map[string][]byte) {
	t.Helper()
	store, err := publish.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d, err := publish.Begin(publish.Order{Schema: s, Formats: []publish.Format{formatNamed(t, "csv"), formatNamed(t, "parquet")}, Dir: store.Temp(), Origins: true})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Discard()
	for _, name := range names {
		d.Document(name)
		for rows := documents[name]; len(rows) > 0; rows = rows[min(1000, len(rows)):] {
			b := publishtest.Batch(s, rows[:min(1000, len(rows))])
			for r := range b.Line {
				b.Line[r] = int64(10_000_000 - len(rows) + r)
			}
			if name == "sans-lignes.json" {
				clear(b.Line)
			}
			if err := d.Write(b); err != nil {
				t.Fatal(err)
			}
		}
	}
	pressed, _, err := d.Finish()
	if err != nil {
		t.Fatal(err)
	}
	origins := d.Origins()
	if origins == nil || origins.Format != "" || !strings.HasPrefix(origins.Key, "origins/"+origins.SHA256[:2]+"/"+origins.SHA256) || !strings.HasSuffix(origins.Key, ".parquet") {
		t.Fatalf("origins: %+v", origins)
	}
	if err := d.Store(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	if left := leftIn(t.(*testing.T), store.Temp()); len(left) > 0 {
		t.Errorf("left %q", left)
	}
	files = map[string][]byte{"origins": stored(t.(*testing.T), store, origins.Key)}
	for _, p := range pressed {
		files[p.Format] = stored(t.(*testing.T), store, p.Key)
	}
	if origins.Rows != pressed[0].Rows || origins.Bytes != int64(len(files["origins"])) {
		t.Errorf("origins: %+v for %+v", origins, pressed[0])
	}
	return files
}

func TestOrigins_TellWhereEachRowOfTheParquetFileCameFrom(t *testing.T) {
	s, rows := manyActs(125_000)
	for name, series := range map[string]schemas.Series{"sorted": s.Series, "by key alone": {Key: s.Series.Key}, "as they came": {}} {
		t.Run(name, func(t *testing.T) {
			s.Series = series
			files := pressOrigins(t, s, map[string][][]string{"": rows[:10], "a.csv": rows[10:70_000], "sans-lignes.json": rows[70_000:]}, []string{"", "a.csv", "sans-lignes.json"})
			_, origins := tableRows(t, files["origins"])
			_, parquet := tableRows(t, files["parquet"])
			lines, err := csv.NewReader(bytes.NewReader(files["csv"])).ReadAll()
			if err != nil || len(origins) != len(parquet) || len(lines) != len(parquet)+1 {
				t.Fatalf("%d origins, %d rows, %d lines, %v", len(origins), len(parquet), len(lines), err)
			}
			for i, from := range origins {
				rank, _ := strconv.Atoi(from[2])
				document, line, year := publishtest.Null, 10_000_000-10+rank, publishtest.Null
				switch {
				case rank >= 70_000:
					document, line = "sans-lignes.json", (rank-70_000)%1000+2 // the record's number in its batch
				case rank >= 10:
					document, line = "a.csv", 10_000_000-70_000+rank
				}
				if series.Year != "" && rows[rank][2] != "" {
					year = rows[rank][2][:4]
				}
				if from[0] != document || from[1] != strconv.Itoa(line) || from[3] != year {
					t.Fatalf("row %d: comes from %q, want %q, line %d, %q", i, from, document, line, year)
				}
				if parquet[i][8] != strconv.Itoa(rank) || lines[rank+1][1] != parquet[i][1] {
					t.Fatalf("row %d: is %q, its origin says rank %d, where the CSV has %q", i, parquet[i], rank, lines[rank+1])
				}
			}
			sameGroups(t, files["origins"], files["parquet"])
			if series.Year != "" {
				checkYears(t, originColumns, files["origins"])
			}
		})
	}
}

// originColumns are the columns of an origins file.
var originColumns = func() *schemas.Schema {
	s := publishtest.Schema(
		schemas.Field{Name: "document", Type: schemas.String}, schemas.Field{Name: "line", Type: schemas.Integer},
		schemas.Field{Name: "rank", Type: schemas.Integer}, schemas.Field{Name: "year", Type: schemas.Integer})
	s.Series.Year = "year"
	return s
}()

// sameGroups checks that two files have row groups of the same rows.
func sameGroups(t *testing.T, origins, parquet []byte) {
	a, err := openParquet(origins)
	if err != nil {
		t.Fatal(err)
	}
	b, err := openParquet(parquet)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.RowGroups()) != len(b.RowGroups()) {
		t.Fatalf("%d row groups, want %d", len(a.RowGroups()), len(b.RowGroups()))
	}
	for g := range a.RowGroups() {
		if n, want := a.RowGroups()[g].NumRows(), b.RowGroups()[g].NumRows(); n != want {
			t.Errorf("row group %d: %d rows, want %d", g, n, want)
		}
	}
}

func TestOrigins_AreMadeWhenAskedForBesideAParquetFile(t *testing.T) {
	for _, c := range []struct {
		formats []string
		asked   bool
		want    bool
	}{{[]string{"csv", "parquet"}, true, true}, {[]string{"csv", "parquet"}, false, false}, {[]string{"csv"}, true, false}} {
		dir := t.TempDir()
		o := publish.Order{Schema: twoColumns, Dir: dir, Origins: c.asked}
		for _, name := range c.formats {
			o.Formats = append(o.Formats, formatNamed(t, name))
		}
		d, err := publish.Begin(o)
		if err != nil {
			t.Fatal(err)
		}
		d.Document("a.csv")
		if err := d.Write(publishtest.Batch(twoColumns, [][]string{{"a", "1"}})); err != nil {
			t.Fatal(err)
		}
		if d.Origins() != nil {
			t.Error("origins before Finish")
		}
		if _, _, err := d.Finish(); err != nil {
			t.Fatal(err)
		}
		if got := d.Origins(); (got != nil) != c.want {
			t.Errorf("%q, asked %v: got %+v", c.formats, c.asked, got)
		} else if got != nil {
			if _, err := os.Stat(got.Path); err != nil {
				t.Error(err)
			}
		}
		d.Discard()
		if left := leftIn(t, dir); len(left) > 0 {
			t.Errorf("%q, asked %v: left %q", c.formats, c.asked, left)
		}
	}
}

func TestOrigins_OfATableWithoutRows(t *testing.T) {
	files := pressOrigins(t, twoColumns, nil, nil)
	table, rows := tableRows(t, files["origins"])
	names := func(s *schemas.Schema) (list []string) {
		for i := range s.Fields {
			list = append(list, s.Fields[i].Name+" "+string(s.Fields[i].Type))
		}
		return list
	}
	if got, want := names(table.Schema()), names(originColumns); !slices.Equal(got, want) || len(rows) != 0 {
		t.Errorf("%q, %d rows; want %q", got, len(rows), want)
	}
}
