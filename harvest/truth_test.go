package harvest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"grenier/harvest"
	"grenier/schemas"
)

// truthDialects are the dresses in which the generator writes a table.
var truthDialects = map[string][]string{
	"UTF-8, commas":                                   nil,
	"UTF-8 with a mark, semicolons, CR LF":            {"-bom", "-delimiter", ";", "-crlf"},
	"UTF-8, tabs":                                     {"-delimiter", "\t"},
	"UTF-8, bars, decimal commas":                     {"-delimiter", "|", "-decimal-comma"},
	"Windows-1252, semicolons, CR LF, decimal commas": {"-encoding", "windows-1252", "-delimiter", ";", "-crlf", "-decimal-comma"},
	"Windows-1252, commas":                            {"-encoding", "windows-1252"},
	"Windows-1252, tabs, CR LF":                       {"-encoding", "windows-1252", "-delimiter", "\t", "-crlf"},
}

// truthTypes are the codes under which each kind of injected error may be told: a wrong word in a column of truth values is no truth value,
// a number out of bounds written with a point where the comma is asked for is no number.
var truthTypes = map[string][]string{
	"bad-date":      {"type-error"},
	"bad-siret":     {"french-siret-value"},
	"short-siret":   {"constraint-error pattern", "french-siret-value"},
	"missing":       {"constraint-error required", "primary-key"},
	"bad-enum":      {"constraint-error enum", "type-error"},
	"out-of-range":  {"constraint-error minimum", "constraint-error maximum", "type-error"},
	"bad-number":    {"type-error"},
	"bad-pattern":   {"constraint-error pattern"},
	"duplicate-key": {"primary-key", "unique-error"},
	"extra-cell":    {"extra-cell"},
	"missing-cell":  {"missing-cell"},
	"bad-encoding":  {"encoding-error"},
}

// alsoSaid are codes that may stand beside the first of a row: a cell that is absent is also a value that is required, and a SIRET of 13 digits
// fails its check as well as its pattern.
var alsoSaid = []string{"constraint-error required", "french-siret-value", "constraint-error pattern", "primary-key"}

type truthFile struct {
	Rows   int64
	SHA256 string
	Errors []truthError
}

type truthError struct {
	Row, Line           int64
	Kind, Column, Value string
}

// TestTruth_IsFoundInEveryDress judges every kind of table that the workloads beside the repository generate, in every encoding and dialect, with one
// row in a hundred at fault: the errors found are those that were injected, in kind, row, line and column.
func TestTruth_IsFoundInEveryDress(t *testing.T) {
	source, err := filepath.Abs("../../shared/workloads")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(source); err != nil {
		t.Skip("SKIPPED: no workloads beside the repository (../shared/workloads), the truth files are not compared")
	}
	tool := filepath.Join(t.TempDir(), "workloads")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", tool, ".")
	build.Dir = source
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build workloads: %v\n%s", err, out)
	}
	for _, kind := range []string{"subventions", "deliberations", "bal", "irve", "budget", "equipements", "prenoms"} {
		for name, args := range truthDialects {
			t.Run(kind+" in "+name, func(t *testing.T) {
				t.Parallel()
				judgeTruth(t, tool, kind, args)
			})
		}
	}
}

func judgeTruth(t *testing.T, tool, kind string, args []string) {
	file := filepath.Join(t.TempDir(), kind+".csv")
	if out, err := exec.Command(tool, append([]string{"-kind", kind, "-rows", "5000", "-errors", "0.01", "-seed", "11", "-out", file}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("generate: %v\n%s", err, out)
	}
	var truth truthFile
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	side, err := os.ReadFile(file + ".truth.json")
	if err == nil {
		err = json.Unmarshal(side, &truth)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := truthSchema(t, tool, kind, slices.Contains(args, "-decimal-comma"))
	r, err := harvest.Validate(context.Background(), harvest.Input{Name: kind + ".csv", Size: int64(len(content)), ReaderAt: bytes.NewReader(content)},
		harvest.Validation{Schema: s})
	if err != nil {
		t.Fatal(err)
	}
	if r.SHA256 != truth.SHA256 || r.Stats.Rows != truth.Rows || r.Stats.Rejected != int64(len(truth.Errors)) {
		t.Errorf("%d rows, %d rejected, want %d and %d", r.Stats.Rows, r.Stats.Rejected, truth.Rows, len(truth.Errors))
	}
	compareTruth(t, truth, r)
}

// truthSchema is the generator's own schema of a kind; where the file has decimal commas, so do its numbers.
func truthSchema(t *testing.T, tool, kind string, comma bool) *schemas.Schema {
	t.Helper()
	src, err := exec.Command(tool, "-kind", kind, "-schema").Output()
	if err != nil {
		t.Fatal(err)
	}
	if comma {
		var d map[string]any
		if err := json.Unmarshal(src, &d); err != nil {
			t.Fatal(err)
		}
		for _, f := range d["fields"].([]any) {
			if f := f.(map[string]any); f["type"] == "number" {
				f["decimalChar"] = ","
			}
		}
		if src, err = json.Marshal(d); err != nil {
			t.Fatal(err)
		}
	}
	s, err := schemas.ParseTable(schemas.ID("essai/"+kind+"@1"), src)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// compareTruth wants each injected error found under one of its codes in its row, line and column, and nothing else found.
func compareTruth(t *testing.T, truth truthFile, r *schemas.Report) {
	t.Helper()
	found := map[int64][]schemas.Issue{}
	for _, e := range r.Errors {
		found[e.Row] = append(found[e.Row], e)
	}
	missed := 0
	for _, want := range truth.Errors {
		row := want.Row + 1 // the truth counts rows after the header
		issues := found[row]
		i := slices.IndexFunc(issues, func(e schemas.Issue) bool {
			return slices.Contains(truthTypes[want.Kind], strings.TrimSpace(e.Type+" "+e.Constraint)) &&
				e.Line == want.Line && (want.Column == "" || e.Field == want.Column || e.Type == "primary-key")
		})
		if i < 0 {
			if missed++; missed < 10 {
				t.Errorf("%+v is not found; row %d has %s", want, row, brief(issues))
			}
		}
		for k, e := range issues {
			if k != i && !(slices.Contains(alsoSaid, strings.TrimSpace(e.Type+" "+e.Constraint)) || e.Type == issues[max(i, 0)].Type) {
				t.Errorf("row %d, whose only fault is %s, also has %s", row, want.Kind, brief([]schemas.Issue{e}))
			}
		}
		delete(found, row)
	}
	for row, issues := range found {
		t.Errorf("row %d holds no error and has %s", row, brief(issues))
	}
}

func brief(issues []schemas.Issue) string {
	var out []string
	for _, e := range issues {
		out = append(out, fmt.Sprintf("%s %s %s line %d %q", e.Type, e.Constraint, e.Field, e.Line, e.Cell))
	}
	return strings.Join(out, ", ")
}
