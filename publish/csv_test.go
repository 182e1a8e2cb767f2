package publish_test

import (
	"bytes"
	"encoding/csv"
	"io"
	"strings"
	"testing"

	"grenier/publish"
	"grenier/publish/publishtest"
	"grenier/schemas"
)

func formatNamed(t testing.TB, name string) publish.Format {
	t.Helper()
	f, ok := publish.FormatNamed(name)
	if !ok {
		t.Fatalf("no format %q", name)
	}
	return f
}

// readCSV reads with encoding/csv.
func readCSV(file []byte, s *schemas.Schema) (columns []string, rows [][]string, err error) {
	r := csv.NewReader(bytes.NewReader(file))
	r.Comma = rune(s.Delimiter)
	if columns, err = r.Read(); err != nil {
		return nil, nil, err
	}
	if rows, err = r.ReadAll(); err != nil {
		return nil, nil, err
	}
	for _, row := range rows {
		for c := range row {
			if publishtest.Missing(s, &s.Fields[c], row[c]) {
				row[c] = publishtest.Null
			}
		}
	}
	return columns, rows, nil
}

func TestCSV(t *testing.T) { publishtest.Format(t, formatNamed(t, "csv"), readCSV) }

func TestFormats_BeginWithCSV(t *testing.T) {
	fs := publish.Formats()
	if len(fs) < 2 || fs[0].Name != "csv" {
		t.Errorf("got %+v", fs)
	}
	if _, ok := publish.FormatNamed("xls"); ok {
		t.Error("found a format that nobody registered")
	}
}

// written makes a CSV of one batch.
func written(t testing.TB, s *schemas.Schema, rows [][]string) string {
	t.Helper()
	var out bytes.Buffer
	w, err := formatNamed(t, "csv").New(&out, s, publish.Meta{})
	if err == nil {
		err = w.WriteBatch(publishtest.Batch(s, rows))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestCSV_IsCanonical(t *testing.T) {
	two := []schemas.Field{{Name: "a", Type: schemas.String}, {Name: "b;c", Type: schemas.Number}}
	semicolon, na := publishtest.Schema(two...), publishtest.Schema(two...)
	semicolon.Delimiter = ';'
	na.MissingValues = []string{"NA", "-"}
	own := publishtest.Schema(two[0], schemas.Field{Name: "b", Type: schemas.String, Options: schemas.FieldOptions{MissingValues: []string{"?"}}})
	zero := publishtest.Schema(two...)
	zero.Delimiter = 0
	for _, c := range []struct {
		name   string
		schema *schemas.Schema
		rows   [][]string
		want   string
	}{
		{"header only", publishtest.Schema(two...), nil, "a,b;c\n"},
		{"quotes where needed only", publishtest.Schema(two...), [][]string{{"x y", "1.50"}, {"a,b", ""}, {`"`, ""}, {"a;b", ""}, {"l\nm", ""}, {"\r", ""}},
			"a,b;c\nx y,1.50\n\"a,b\",\n\"\"\"\",\na;b,\n\"l\nm\",\n\"\r\",\n"},
		{"the schema's delimiter", semicolon, [][]string{{"a,b", "1"}, {"a;b", ""}}, "a;\"b;c\"\na,b;1\n\"a;b\";\n"},
		{"a comma when the schema does not say", zero, [][]string{{"x", "1"}}, "a,b;c\nx,1\n"},
		{"CR LF within a text", publishtest.Schema(two...), [][]string{{"a\r\nb", ""}}, "a,b;c\n\"a\r\nb\",\n"},
		{"signs as they are", publishtest.Schema(two...), [][]string{{"+33 2 00 00 00 00", "-12.5"}, {"=1+1", ""}}, "a,b;c\n+33 2 00 00 00 00,-12.5\n=1+1,\n"},
		{"first missing value for none", na, [][]string{{"", "NA"}, {"-", "1"}}, "a,b;c\n,NA\nNA,1\n"},
		{"a column's own missing value", own, [][]string{{"", "?"}, {"x", ""}}, "a,b\n,?\nx,\n"},
		{"one empty column", publishtest.Schema(two[0]), [][]string{{""}, {"x"}}, "a\n\"\"\nx\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := written(t, c.schema, c.rows); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestCSV_CloseTwiceWritesOnce(t *testing.T) {
	var out bytes.Buffer
	w, err := formatNamed(t, "csv").New(&out, publishtest.Schema(schemas.Field{Name: "a", Type: schemas.String}), publish.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
	if out.String() != "a\n" {
		t.Errorf("got %q", out.String())
	}
}

// A writer that gave back the address of its own field raced with the next file: it cleared the buffer that the other had been given.
func TestCSV_LeavesItsBufferToTheNextFile(t *testing.T) {
	var out bytes.Buffer
	for range 8 {
		w, err := formatNamed(t, "csv").New(&out, publishtest.Schema(schemas.Field{Name: "a", Type: schemas.String}), publish.Meta{})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got := publish.CSVBuffer(); got == 0 {
			t.Fatal("the next file is given a buffer that was cleared")
		}
	}
}

func FuzzCSV_ReadsBackWithEncodingCSV(f *testing.F) {
	f.Add("a", `"`, "\n", byte(','))
	f.Add("", "", "", byte(';'))
	f.Add("é;,\t", "\r\n", " x ", byte('\t'))
	f.Fuzz(func(t *testing.T, a, b, c string, delimiter byte) {
		if !strings.ContainsRune(",;\t|", rune(delimiter)) {
			delimiter = ','
		}
		s := publishtest.Schema(schemas.Field{Name: "1", Type: schemas.String}, schemas.Field{Name: "2", Type: schemas.String}, schemas.Field{Name: "3", Type: schemas.String})
		s.Delimiter = delimiter
		file := written(t, s, [][]string{{a, b, c}, {c, a, b}})
		r := csv.NewReader(strings.NewReader(file))
		r.Comma = rune(delimiter)
		if _, err := r.Read(); err != nil {
			t.Fatal(err)
		}
		for _, want := range [][]string{{a, b, c}, {c, a, b}} {
			got, err := r.Read()
			if err != nil {
				t.Fatalf("%v in %q", err, file)
			}
			for i := range want {
				if got[i] != strings.ReplaceAll(want[i], "\r\n", "\n") {
					t.Errorf("got %q, want %q in %q", got, want, file)
				}
			}
		}
		if _, err := r.Read(); err != io.EOF {
			t.Errorf("more rows in %q: %v", file, err)
		}
	})
}

// Cells are looked at eight bytes at a time: what needs quotes is found wherever it stands, and nothing else gets any.
func TestCSV_QuotesWhateverThePlaceOfWhatNeedsThem(t *testing.T) {
	s := publishtest.Schema(schemas.Field{Name: "a", Type: schemas.String}, schemas.Field{Name: "b", Type: schemas.String})
	for _, delimiter := range []byte{',', ';', '\t', '|'} {
		s.Delimiter = delimiter
		for length := 1; length <= 26; length++ {
			for at := range length {
				for _, c := range []byte{delimiter, '"', '\r', '\n', 0x00, '!', '#', '+', '-', ':', '<', 0x8a, 0xa2, 0xac} {
					cell := bytes.Repeat([]byte{'x'}, length)
					cell[at] = c
					want := string(cell)
					if c == delimiter || c == '"' || c == '\r' || c == '\n' {
						want = `"` + strings.ReplaceAll(want, `"`, `""`) + `"`
					}
					if got := written(t, s, [][]string{{string(cell), ""}}); got != "a"+string(delimiter)+"b\n"+want+string(delimiter)+"\n" {
						t.Fatalf("%q is written %q", cell, got)
					}
				}
			}
		}
	}
}
