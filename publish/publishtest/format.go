package publishtest

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"grenier/publish"
	"grenier/schemas"

	"pgregory.net/rapid"
)

// A ReadBack reads a whole file with another program than the one that wrote it: names of the columns and canonical texts of the
// cells, Null for one without value. Line ends within texts may come back as LF.
type ReadBack func(file []byte, s *schemas.Schema) (columns []string, rows [][]string, err error)

// A Tolerance declares what a format cannot hold.
type Tolerance struct {
	EmptyIsNull bool                     // an empty text comes back as no value
	Instants    time.Duration            // how far a date with time may be off
	Text        func(text string) string // what becomes of a text; nil: nothing
}

// Format checks that a format tells back the rows it was given, that its bytes depend on the rows only, and that it keeps the contract of
// publish.BatchWriter. Tables get two columns of coordinates where the format wants positions.
func Format(t *testing.T, format publish.Format, read ReadBack, tolerance ...Tolerance) {
	f := suite{Format: format}
	for _, one := range tolerance {
		f.Tolerance = one
	}
	t.Run("describes itself", func(t *testing.T) { describes(t, f) })
	t.Run("tells difficult cells back", func(t *testing.T) {
		check(t, f, read, everyType(), difficult())
		s := everyType()
		s.Delimiter = ';'
		check(t, f, read, s, difficult())
	})
	t.Run("tells a table without rows", func(t *testing.T) { check(t, f, read, everyType(), nil) })
	t.Run("tells one column of nulls", func(t *testing.T) {
		check(t, f, read, Schema(schemas.Field{Name: "a", Type: schemas.String}), [][]string{{""}, {"x"}, {""}})
		check(t, f, read, Schema(schemas.Field{Name: "a", Type: schemas.Integer}), [][]string{{""}, {""}})
	})
	t.Run("tells empty texts where they are values", func(t *testing.T) {
		s := Schema(schemas.Field{Name: "a", Type: schemas.String}, schemas.Field{Name: "b", Type: schemas.String})
		s.MissingValues = []string{"NR", "-"}
		check(t, f, read, s, [][]string{{"", "NR"}, {"-", ""}, {"", ""}})
	})
	t.Run("tells many rows back in many batches", func(t *testing.T) { check(t, f, read, manyTypes(), many(30_000)) })
	t.Run("tells any rows back", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			s := anySchema(t)
			check(t, f, read, s, anyRows(t, s))
		})
	})
	t.Run("writes several files of long texts at once", func(t *testing.T) { severalAtOnce(t, f, everyType(), difficult()) })
	for name, s := range map[string]*schemas.Schema{"": manyTypes(), ", of a schema with years and a key": yearly(manyTypes())} {
		t.Run("writes the same bytes however rows are batched"+name, func(t *testing.T) { sameBytes(t, f, s) })
		t.Run("writes several files at once"+name, func(t *testing.T) { severalAtOnce(t, f, s, many(100)) })
		t.Run("does not keep the batch"+name, func(t *testing.T) { keepsNothing(t, f, s) })
		t.Run("reports what cannot be written"+name, func(t *testing.T) { reportsErrors(t, f, s) })
	}
	t.Run("refuses a schema without columns", func(t *testing.T) {
		if _, err := f.New(&bytes.Buffer{}, Schema(), publish.Meta{}); err == nil {
			t.Error("got no error")
		}
	})
	t.Run("refuses a schema that does not fit", func(t *testing.T) {
		if f.Fits == nil {
			t.Skip("every schema fits")
		}
		if _, err := f.New(&bytes.Buffer{}, manyTypes(), publish.Meta{}); f.Fits(manyTypes()) || !errors.Is(err, publish.ErrNotOffered) {
			t.Errorf("got %v, want %v", err, publish.ErrNotOffered)
		}
	})
	t.Run("refuses a batch of another schema", func(t *testing.T) {
		s, _ := f.placed(everyType(), nil)
		w, err := f.New(&bytes.Buffer{}, s, publish.Meta{})
		if err != nil {
			t.Fatal(err)
		}
		if w.WriteBatch(Batch(Schema(schemas.Field{Name: "a", Type: schemas.String}), [][]string{{"x"}})) == nil {
			t.Error("got no error")
		}
	})
}

// A suite is a format under test.
type suite struct {
	publish.Format
	Tolerance
}

// placed adds two columns of coordinates to a table that has none, for a format that wants positions. Some rows have none, one lies nowhere.
func (f suite) placed(s *schemas.Schema, rows [][]string) (*schemas.Schema, [][]string) {
	if f.Fits == nil || f.Fits(s) {
		return s, rows
	}
	with := *s
	with.Fields = append(slices.Clone(s.Fields), schemas.Field{Name: "longitude", Type: schemas.Number}, schemas.Field{Name: "latitude", Type: schemas.Number})
	placed := make([][]string, len(rows))
	for r, row := range rows {
		lon, lat := strconv.FormatFloat(2.5+float64(r%1000)/1000, 'f', -1, 64), "48.75"
		switch {
		case r%11 == 3:
			lon = s.MissingValues[0]
		case r%13 == 5:
			lat = "480.75"
		}
		placed[r] = append(slices.Clone(row), lon, lat)
	}
	return &with, placed
}

func describes(t *testing.T, f suite) {
	if g, ok := publish.FormatNamed(f.Name); !ok || g.Ext != f.Ext {
		t.Errorf("format %q is not registered", f.Name)
	}
	if !strings.HasPrefix(f.Ext, ".") || !strings.Contains(f.MediaType, "/") || f.Title == "" || f.Use == "" {
		t.Errorf("incomplete: %+v", f)
	}
}

// fataler is what *testing.T and *rapid.T have in common here.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// check writes rows in batches of several sizes and compares what is read back.
func check(t fataler, f suite, read ReadBack, s *schemas.Schema, rows [][]string) {
	t.Helper()
	s, rows = f.placed(s, rows)
	file, err := write(f, s, rows, 1, 7, 1000)
	if err != nil {
		t.Fatalf("write: %v", err)
	}
	columns, got, err := read(file, s)
	if err != nil {
		t.Fatalf("read back: %v\nrows: %.2000q", err, rows)
	}
	for i := range s.Fields {
		if len(columns) != len(s.Fields) || columns[i] != s.Fields[i].Name {
			t.Fatalf("columns: got %q, want those of %+v", columns, s.Fields)
		}
	}
	if len(got) != len(rows) {
		t.Fatalf("rows: got %d, want %d", len(got), len(rows))
	}
	for r := range rows {
		for c := range s.Fields {
			if want := rows[r][c]; !f.same(s, &s.Fields[c], want, got[r][c]) {
				t.Fatalf("row %d, column %s (%s): got %q, want %q", r, s.Fields[c].Name, s.Fields[c].Type, got[r][c], want)
			}
		}
	}
}

// same compares a cell that was written with what came back, as values of its type.
func (f suite) same(s *schemas.Schema, field *schemas.Field, want, got string) bool {
	p := field.Physical()
	if missing := Missing(s, field, want); missing || got == Null {
		return got == Null && (missing || f.EmptyIsNull && p == schemas.Text && want == "")
	}
	if p == schemas.Text {
		if f.Text != nil {
			want = f.Text(want)
		}
		return got == want || got == strings.ReplaceAll(want, "\r\n", "\n")
	}
	a, b := parse(p, want), parse(p, got)
	if off := time.Duration(a.n-b.n) * time.Microsecond; p == schemas.Micros && off.Abs() <= f.Instants {
		return true
	}
	return a == b || math.IsNaN(a.f) && math.IsNaN(b.f)
}

// write makes a file of rows, in batches whose sizes go round.
func write(f suite, s *schemas.Schema, rows [][]string, sizes ...int) ([]byte, error) {
	s, rows = f.placed(s, rows)
	var file bytes.Buffer
	w, err := f.New(&file, s, publish.Meta{Title: "Essai", Publisher: "Commune d’essai", License: "https://exemple.fr/l", Source: "https://exemple.fr/s"})
	if err != nil {
		return nil, err
	}
	for i := 0; len(rows) > 0; i++ {
		n := min(len(rows), sizes[i%len(sizes)])
		if err := w.WriteBatch(Batch(s, rows[:n])); err != nil {
			return nil, err
		}
		rows = rows[n:]
	}
	err = w.Close()
	return file.Bytes(), err
}

func sameBytes(t *testing.T, f suite, s *schemas.Schema) {
	rows := many(5_000)
	want, err := write(f, s, rows, len(rows))
	if err != nil {
		t.Fatal(err)
	}
	for _, sizes := range [][]int{{len(rows)}, {1}, {4096}, {1000, 1, 24}} {
		got, err := write(f, s, rows, sizes...)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("batches of %v: other bytes than in one batch (%d and %d)", sizes, len(got), len(want))
		}
	}
}

// severalAtOnce writes the same table from several goroutines, file after file: what one file leaves to the next must not be shared.
// The race detector sees what equal bytes do not.
func severalAtOnce(t *testing.T, f suite, s *schemas.Schema, rows [][]string) {
	want, err := write(f, s, rows, len(rows))
	if err != nil {
		t.Fatal(err)
	}
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for range 25 {
				if got, err := write(f, s, rows, len(rows)); err != nil || !bytes.Equal(got, want) {
					t.Errorf("a file of %d bytes became %d bytes beside others (error %v)", len(want), len(got), err)
				}
			}
		})
	}
	workers.Wait()
}

func keepsNothing(t *testing.T, f suite, s *schemas.Schema) {
	s, rows := f.placed(s, many(500))
	want, err := write(f, s, rows, len(rows))
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	w, err := f.New(&file, s, publish.Meta{Title: "Essai", Publisher: "Commune d’essai", License: "https://exemple.fr/l", Source: "https://exemple.fr/s"})
	if err != nil {
		t.Fatal(err)
	}
	for part := range slices.Chunk(rows, 100) {
		b := Batch(s, part)
		if err := w.WriteBatch(b); err != nil {
			t.Fatal(err)
		}
		scribble(b)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(file.Bytes(), want) {
		t.Error("a batch changed after WriteBatch changed the file")
	}
}

func scribble(b *schemas.Batch) {
	for i := range b.Data {
		b.Data[i] = '#'
	}
	for c := range b.Columns {
		col := &b.Columns[c]
		clear(col.Valid)
		clear(col.Text)
		clear(col.Ints)
		clear(col.Floats)
		clear(col.Bools)
	}
}

// A shortWriter takes n bytes.
type shortWriter struct{ n int }

var errShort = errors.New("no space left")

func (w *shortWriter) Write(p []byte) (int, error) {
	if len(p) > w.n {
		n := w.n
		w.n = 0
		return n, errShort
	}
	w.n -= len(p)
	return len(p), nil
}

func reportsErrors(t *testing.T, f suite, s *schemas.Schema) {
	s, rows := f.placed(s, many(3000))
	whole, err := write(f, s, rows, 500)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 100, len(whole) / 2, len(whole) - 1} {
		w, err := f.New(&shortWriter{n}, s, publish.Meta{Title: "Essai", Publisher: "Commune d’essai", License: "https://exemple.fr/l", Source: "https://exemple.fr/s"})
		for part := range slices.Chunk(rows, 500) {
			if err == nil {
				err = w.WriteBatch(Batch(s, part))
			}
		}
		if err == nil {
			err = w.Close()
		}
		if !errors.Is(err, errShort) {
			t.Errorf("after %d of %d bytes: got %v, want %v", n, len(whole), err, errShort)
		}
	}
}

// everyType has a column of each type of Table Schema.
func everyType() *schemas.Schema {
	var fields []schemas.Field
	for _, t := range []schemas.Type{schemas.String, schemas.Integer, schemas.Number, schemas.Boolean, schemas.Date, schemas.Datetime, schemas.Year, schemas.GeoJSON} {
		fields = append(fields, schemas.Field{Name: "c_" + string(t), Type: t})
	}
	return Schema(fields...)
}

func difficult() [][]string {
	long := strings.Repeat("é;,\"\n", 50_000)
	return [][]string{
		{"", "", "", "", "", "", "", ""},
		{"a,b;c\t|", "0", "-0", "true", "1970-01-01", "1970-01-01T00:00:00", "2026", `{"type":"Point","coordinates":[2.5,48]}`},
		{`"`, "-1", "1e300", "false", "1969-12-31", "1969-12-31T23:59:59Z", "-44", `""`},
		{"deux\nlignes", "9223372036854775807", "5e-324", "true", "9999-12-31", "9999-12-31T23:59:59", "0", "\r"},
		{" espaces ", "-9223372036854775808", "NaN", "", "0001-01-01", "0001-01-01T00:00:00", "9999", "\r\n"},
		{"=1+1", "7", "-Inf", "false", "2024-02-29", "2026-11-23T10:30:00.123456Z", "1", "l’été \u00a0🌾"},
		{long, "", "+Inf", "", "", "", "", ""},
		{"\ufeffx", "", "0.1", "", "", "", "", `\`},
	}
}

func manyTypes() *schemas.Schema {
	return Schema(
		schemas.Field{Name: "identifiant", Type: schemas.String},
		schemas.Field{Name: "commune", Type: schemas.String},
		schemas.Field{Name: "rang", Type: schemas.Integer},
		schemas.Field{Name: "montant", Type: schemas.Number},
		schemas.Field{Name: "vote", Type: schemas.Boolean},
		schemas.Field{Name: "jour", Type: schemas.Date},
		schemas.Field{Name: "instant", Type: schemas.Datetime},
		schemas.Field{Name: "rare", Type: schemas.String},
	)
}

// yearly gives a schema of manyTypes years and a key, for which rows of many are in no order.
func yearly(s *schemas.Schema) *schemas.Schema {
	s.Series = schemas.Series{Year: "jour", Key: []string{"commune", "identifiant"}}
	return s
}

// many makes n rows with columns of few, many and hardly any values.
func many(n int) [][]string {
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	rows := make([][]string, n)
	for i := range rows {
		rare := ""
		if i%701 == 3 {
			rare = "rare " + strconv.Itoa(i%5)
		}
		rows[i] = []string{
			fmt.Sprintf("acte n° %d, « %x »", i, i*2654435761),
			"Commune-" + strconv.Itoa(i*i%350),
			strconv.Itoa(i % 97),
			strconv.FormatFloat(float64(i*7919%100_003)/100, 'f', 2, 64),
			strconv.FormatBool(i%3 == 0),
			day.AddDate(0, 0, i%400).Format(time.DateOnly),
			day.Add(time.Duration(i) * time.Minute).Format(time.RFC3339),
			rare,
		}
	}
	return rows
}

func anySchema(t *rapid.T) *schemas.Schema {
	types := []schemas.Type{schemas.String, schemas.Integer, schemas.Number, schemas.Boolean, schemas.Date, schemas.Datetime, schemas.Year, schemas.Any, schemas.Array}
	s := Schema()
	s.Delimiter = rapid.SampledFrom([]byte{',', ';', '\t', '|'}).Draw(t, "delimiter")
	for i := range rapid.IntRange(1, 6).Draw(t, "columns") {
		name := rapid.SampledFrom([]string{"a", "é", "nom long", `"`, "x,y;z", " b"}).Draw(t, "name") + strconv.Itoa(i)
		s.Fields = append(s.Fields, schemas.Field{Name: name, Type: rapid.SampledFrom(types).Draw(t, "type")})
	}
	if rapid.Bool().Draw(t, "other missing values") {
		s.MissingValues = []string{"NR", "s.o."}
	}
	return s
}

func anyRows(t *rapid.T, s *schemas.Schema) [][]string {
	rows := make([][]string, rapid.IntRange(0, 60).Draw(t, "rows"))
	for r := range rows {
		rows[r] = make([]string, len(s.Fields))
		for c := range s.Fields {
			if rapid.IntRange(0, 3).Draw(t, "null") == 0 {
				rows[r][c] = s.MissingValues[0]
			} else {
				rows[r][c] = anyCell(t, s.Fields[c].Physical())
			}
		}
	}
	return rows
}

func anyCell(t *rapid.T, p schemas.Physical) string {
	switch p {
	case schemas.Int64:
		return strconv.FormatInt(rapid.Int64().Draw(t, "integer"), 10)
	case schemas.Float:
		return strconv.FormatFloat(rapid.Float64().Draw(t, "number"), 'g', -1, 64)
	case schemas.Bool:
		return strconv.FormatBool(rapid.Bool().Draw(t, "boolean"))
	case schemas.Days:
		return time.Unix(86400*rapid.Int64Range(-200_000, 200_000).Draw(t, "day"), 0).UTC().Format(time.DateOnly)
	case schemas.Micros:
		return time.UnixMicro(rapid.Int64Range(-1e15, 1e15).Draw(t, "instant")).UTC().Format(time.RFC3339Nano)
	}
	pieces := []string{"a", "É", " ", ",", ";", "\t", "|", `"`, "\n", "\r", "#", "'", `\`, "N", "R", "0", "\ufeff", "😀", strings.Repeat("long ", 20), "\U0010ffff"}
	text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 8).Draw(t, "text"), "")
	return text
}
