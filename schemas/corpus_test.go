package schemas

import (
	"encoding/csv"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// official is where the published schemas and their examples lie, outside the repository.
const official = "../../shared/national-schemas"

func needOfficial(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(official); err != nil {
		t.Skipf("SKIPPED: %s is not here: the official schemas and examples are not checked", official)
	}
}

// officialID makes an ID of the path of a published schema.json.
func officialID(path string) ID {
	dir := filepath.ToSlash(filepath.Dir(path))
	parts := strings.Split(dir, "/")
	n := len(parts)
	return ID(parts[n-3] + "/" + parts[n-2] + "@" + parts[n-1])
}

func parseOfficial(t *testing.T, path string) (*Schema, error) {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if isJSONSchema(src) {
		return ParseDocument(officialID(path), src, nil)
	}
	return ParseTable(officialID(path), src)
}

func TestOfficial_EverySchemaCompiles(t *testing.T) {
	needOfficial(t)
	n := 0
	err := filepath.WalkDir(official, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "schema.json" {
			return err
		}
		n++
		s, err := parseOfficial(t, path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return nil
		}
		p, _ := s.ready()
		for _, say := range append(p.faults, p.notes...) {
			i := say(speech{})
			t.Logf("%s: %s %s", path, i.Type, i.Message)
		}
		for _, c := range p.columns {
			if c.pattern != nil && c.pattern.re != nil {
				t.Logf("%s: %s: pattern left to package regexp", path, c.field.Name)
			}
		}
		return nil
	})
	if err != nil || n < 50 {
		t.Fatalf("%d schemas found: %v", n, err)
	}
}

// checkCSV judges a CSV file read by encoding/csv: enough for the official examples, which have plain syntax.
func checkCSV(t *testing.T, s *Schema, path string) *Report {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.TrimPrefix(string(src), "\ufeff")
	first, _, _ := strings.Cut(text, "\n")
	r := csv.NewReader(strings.NewReader(text))
	r.LazyQuotes, r.FieldsPerRecord = true, -1
	if strings.Count(first, ";") > strings.Count(first, ",") {
		r.Comma = ';'
	}
	labels, err := r.Read()
	if err != nil {
		t.Fatal(err)
	}
	rep, c := NewReport(s), s.NewChecker()
	if !c.Begin(labels, rep) {
		return rep
	}
	var b Block
	var out Batch
	b.Reset(len(labels))
	for row := int64(2); ; row++ {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		var cells [][]byte
		for _, cell := range rec {
			cells = append(cells, []byte(cell))
		}
		line, _ := r.FieldPos(0)
		b.AppendRecord(row, int64(line), cells...)
		if b.Full() {
			c.Check(&b, &out, rep)
			b.Reset(len(labels))
		}
	}
	c.Check(&b, &out, rep)
	c.End(rep)
	rep.Finish()
	return rep
}

// nonconforming lists official examples that are not what their name says, with the reason.
var nonconforming = map[string]string{
	"etalab/schema-bal/1.3.0/example-valid.csv": "valid for the BAL validator, whose rules differ from the Table Schema (VALIDATION.md section 10)",
	"etalab/schema-bal/1.4.0/example-valid.csv": "idem",
	"etalab/schema-bal/1.5.0/example-valid.csv": "idem",
}

func TestOfficial_ExamplesAreJudgedAsNamed(t *testing.T) {
	needOfficial(t)
	n := 0
	files, _ := filepath.Glob(official + "/*/*/*/example-*valid*.csv")
	for _, path := range files {
		schema := filepath.Join(filepath.Dir(path), "schema.json")
		if _, err := os.Stat(schema); err != nil {
			continue
		}
		s, err := parseOfficial(t, schema)
		if err != nil || s.Form != Table {
			continue
		}
		n++
		rel, _ := filepath.Rel(official, path)
		rel = filepath.ToSlash(rel)
		t.Run(rel, func(t *testing.T) {
			if why := nonconforming[rel]; why != "" {
				t.Logf("not judged as named: %s", why)
				return
			}
			rep := checkCSV(t, s, path)
			want := strings.HasPrefix(filepath.Base(path), "example-valid")
			if rep.Valid != want {
				t.Errorf("valid = %v, want %v; counts %v", rep.Valid, want, rep.Counts)
				for _, i := range rep.Errors[:min(8, len(rep.Errors))] {
					t.Logf("row %d: %s %s %s | %s | %s", i.Row, i.Type, i.Constraint, i.Field, i.Message, i.Hint)
				}
			}
		})
	}
	if n == 0 {
		t.Fatal("no example found")
	}
}
