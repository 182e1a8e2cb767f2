package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"grenier/schemas"
)

func TestConvert_KeepInvalidEmptiesOnlyTheFaultyCells(t *testing.T) {
	dir := t.TempDir()
	file, schema := filepath.Join(dir, "mesures.csv"), filepath.Join(dir, "schema.json")
	for path, text := range map[string]string{
		schema: `{"fields": [{"name": "code", "type": "string", "constraints": {"required": true, "unique": true}}, {"name": "jour", "type": "date"}, {"name": "n", "type": "integer", "constraints": {"minimum": 0}}]}`,
		file:   "code,jour,n\na,2024-01-02,1\nb,31/02/2024,2\na,2024-01-03,3\nc,2024-01-04,-4\n,,\nd,hier,douze,de trop\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	code := run(t.Context(), []string{"convert", "--schema", schema, "--out", filepath.Join(dir, "sortie"), "--keep-invalid", "-j", "1", file}, &terminal{out: &out, err: &out})
	if code != exitBad {
		t.Fatalf("exit %d, want %d\n%s", code, exitBad, out.String())
	}
	got, err := os.ReadFile(filepath.Join(dir, "sortie", "mesures.csv"))
	if err != nil {
		t.Fatal(err)
	}
	want := "code,jour,n\na,2024-01-02,1\nb,,2\n,2024-01-03,3\nc,2024-01-04,\nd,,\n"
	if string(got) != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	var r schemas.Report
	readJSON(t, filepath.Join(dir, "sortie", "report.json"), &r)
	if r.Valid || r.Stats.Rows != 6 || r.Stats.Accepted != 1 || r.Stats.Rejected != 5 {
		b, _ := json.Marshal(r.Stats)
		t.Errorf("the report must not change: %s", b)
	}
}
