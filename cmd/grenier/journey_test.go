package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"grenier/cmd/grenier/demo"
)

// mostTabs is how often one may press Tab from the home page to a file (WEB-CONVENTIONS 2).
const mostTabs = 25

// TestJourney_LeadsFromTheHomePageToAFileByKeyboard goes the way of somebody who reuses data, with scripts and without: home, « subventions », a town,
// a filter, the Parquet file, which DuckDB opens.
func TestJourney_LeadsFromTheHomePageToAFileByKeyboard(t *testing.T) {
	folder := axeFolder(t)
	i := demoInstance(t)
	p := i.serve(t, "--roles", "web")
	defer p.stop(t)
	for _, mode := range []string{"script", "noscript"} {
		t.Run(mode, func(t *testing.T) {
			j := journey(t, folder, p.url, t.TempDir(), "Lons-le-Bourg", mode)
			t.Logf("%d Tab, %s\n%s", j.Tabs, plain(j.Told), strings.Join(j.Steps, "\n"))
			if j.Tabs > mostTabs {
				t.Errorf("%d presses of Tab, want %d at most", j.Tabs, mostTabs)
			}
			if !strings.Contains(plain(j.Told), "lignes sur") {
				t.Errorf("the filtered table says %q", j.Told)
			}
			openedByDuckDB(t, p, j.File)
		})
	}
}

type journeyTold struct {
	Tabs  int
	File  string
	Told  string // what the filtered table says of itself
	Steps []string
}

func journey(t *testing.T, folder, home, downloads, town, mode string) (j journeyTold) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "node", filepath.Join(folder, "journey.mjs"), home+"/", downloads, town, mode)
	c.WaitDelay = 5 * time.Second
	var out, diary bytes.Buffer
	c.Stdout, c.Stderr = &out, &diary
	if err := c.Run(); err != nil {
		t.Fatalf("the journey ends early: %v\n%s", err, diary.String())
	}
	if err := json.Unmarshal(out.Bytes(), &j); err != nil {
		t.Fatalf("%v in %s", err, out.String())
	}
	return j
}

// openedByDuckDB checks that the file is the series, whole.
func openedByDuckDB(t *testing.T, p *portal, file string) {
	t.Helper()
	readers := os.Getenv("GRENIER_TEST_READERS")
	if readers == "" {
		t.Log("GRENIER_TEST_READERS is not set: DuckDB does not open the file (.ci/test installs it)")
		return
	}
	series := p.search(t, "?schema=scdl/subventions&membre="+demo.Operator.SIREN).Data[0]
	out, err := exec.CommandContext(t.Context(), "node", filepath.Join(readers, "read.mjs"), "duckdb", "parquet", file, `[{"name":"montant","type":"number"},{"name":"nomBeneficiaire","type":"string"}]`).CombinedOutput()
	if err != nil {
		t.Fatalf("DuckDB: %v\n%.500s", err, out)
	}
	var read struct{ Rows [][]*string }
	if err := json.Unmarshal(out, &read); err != nil {
		t.Fatalf("%v in %.200s", err, out)
	}
	if int64(len(read.Rows)) != series.Quality.Rows || series.Quality.Rows == 0 {
		t.Errorf("DuckDB reads %d rows, the series has %d", len(read.Rows), series.Quality.Rows)
	}
}
