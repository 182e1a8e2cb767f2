package harvest_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"grenier/harvest"
	"grenier/schemas"
)

// officialRoot holds the official files, beside the checkout. They are read where present and never copied.
const officialRoot = "../../shared/national-schemas"

// otherwise names the official examples whose verdict is not the one their name states, with the reason (none today).
var otherwise = map[string]string{}

// The verdict of every official example is the one that its name states, read as `grenier validate` reads it.
func TestExamples_GetTheVerdictTheirNameStates(t *testing.T) {
	found, err := filepath.Glob(filepath.Join(officialRoot, "*", "*", "*", "example-*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Skipf("SKIPPED, NOTHING WAS JUDGED: the official files are not at %s", officialRoot)
	}
	judged, met := 0, map[string]bool{}
	for _, file := range found {
		want, stated := statedVerdict(filepath.Base(file))
		if !stated {
			continue
		}
		judged++
		rel, _ := filepath.Rel(officialRoot, file)
		rel = filepath.ToSlash(rel)
		reason, odd := otherwise[rel]
		met[rel] = odd
		if r, err := judgeExample(t, rel, file); err != nil || r.Valid != (want != odd) {
			t.Errorf("%s: valid = %v (%v), its name says %v (exception: %q)\nerrors: %+v", rel, r.Valid, err, want, reason, r.Errors)
		} else if r.Stats.Rows == 0 {
			t.Errorf("%s: no row was judged", rel)
		}
	}
	for name := range otherwise {
		if !met[name] {
			t.Errorf("the exception %s names no example", name)
		}
	}
	t.Logf("%d examples, %d as stated, %d exceptions", judged, judged-len(otherwise), len(otherwise))
}

// judgeExample judges ORG/NAME/VERSION/example-… by its schema.
func judgeExample(t *testing.T, rel, file string) (*schemas.Report, error) {
	t.Helper()
	parts := strings.Split(rel, "/")
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	in := harvest.Input{Name: parts[3], Size: info.Size(), ReaderAt: f}
	return harvest.Validate(context.Background(), in, harvest.Validation{Schema: national(t, parts[0]+"/"+parts[1]+"@"+parts[2])})
}

// statedVerdict reads the verdict in the name of an official example: "example-valid-….csv".
func statedVerdict(name string) (valid, stated bool) {
	switch {
	case strings.HasPrefix(name, "example-valid"):
		return true, true
	case strings.HasPrefix(name, "example-invalid"), strings.HasPrefix(name, "example-nonconforming"):
		return false, true
	}
	return false, false
}
