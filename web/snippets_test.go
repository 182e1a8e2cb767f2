package web

import (
	"context"
	"encoding/json"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"grenier/publish/publishtest"
	"grenier/schemas"
)

// snippetsOf serves a dataset on loopback and reads the code that its page gives.
func snippetsOf(t *testing.T) map[string]string {
	t.Helper()
	w := newWorld()
	rowsWorldOf(t, w, grants, grantRows(120))
	w.datasets[0].Rows = 120
	copy(w.versions[w.datasets[0].ID][0].Files, w.datasets[0].Files) // the versions are what downloads come from
	c := config(t, w)
	web := httptest.NewUnstartedServer(nil)
	c.BaseURL = "http://" + web.Listener.Addr().String()
	web.Config.Handler = newServer(t, c).Handler()
	web.Start()
	t.Cleanup(web.Close)
	rec := get(web.Config.Handler, delibPath)
	want(t, rec, 200)
	out := map[string]string{}
	for _, m := range regexp.MustCompile(`(?s)aria-label="Code ([^"]+)" class="code">(.*?)</pre>`).FindAllStringSubmatch(rec.Body.String(), -1) {
		out[m[1]] = html.UnescapeString(m[2])
	}
	return out
}

func TestSnippets_RunWithCurl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("curl is not here: its code is not run")
	}
	code := snippetsOf(t)["curl"]
	folder := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, "sh", "-eu", "-c", code)
	c.Dir, c.Env = folder, []string{"PATH=" + filepath.Dir(curl) + ":/usr/bin:/bin", "no_proxy=*"}
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, code)
	}
	var page rowsJSON
	if err := json.Unmarshal(out, &page); err != nil || len(page.Data) != 5 {
		t.Errorf("%v: %s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.csv"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v %v", files, err)
	}
	if b, err := os.ReadFile(files[0]); err != nil || !strings.HasPrefix(string(b), "DELIB_ID,") {
		t.Errorf("%v: %.60s", err, b)
	}
}

// duckRuns gives a query to DuckDB. Where its HTTP extension cannot be had, the file is fetched for it: then the address is tested, and the rest.
const duckRuns = `
import { DuckDBInstance } from '@duckdb/node-api'
import { writeFile } from 'node:fs/promises'
const [code, file] = process.argv.slice(1)
const db = await (await DuckDBInstance.create(':memory:')).connect()
let rows, how = 'http'
try {
  rows = (await db.runAndReadAll(code)).getRowsJson()
} catch (fault) {
  if (!/httpfs|extension/i.test(String(fault))) throw fault
  how = 'file'
  const [, address] = code.match(/FROM '([^']+)'/)
  const answer = await fetch(address)
  if (!answer.ok) throw new Error(address + ' answers ' + answer.status)
  await writeFile(file, Buffer.from(await answer.arrayBuffer()))
  rows = (await db.runAndReadAll(code.replace(address, file))).getRowsJson()
}
console.log(JSON.stringify({ how, rows }))
`

func TestSnippets_RunWithDuckDB(t *testing.T) {
	readers := os.Getenv("GRENIER_TEST_READERS")
	if readers == "" {
		t.Skip("GRENIER_TEST_READERS is not set: DuckDB does not run the code (.ci/test installs it)")
	}
	code := snippetsOf(t)["DuckDB"]
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "node", "--input-type=module", "-e", duckRuns, code, filepath.Join(t.TempDir(), "lignes.parquet"))
	c.Dir, c.WaitDelay = readers, 5*time.Second
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, code, out)
	}
	var answer struct {
		How  string
		Rows [][]any
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("read by %s", answer.How)
	if len(answer.Rows) != 7 || answer.Rows[0][0] != "Association 0" || answer.Rows[0][1] != 108909.0 {
		t.Errorf("%s\ngives %s", code, out)
	}
}

func TestSnippets_NameTheDatasetAndQuoteItsColumns(t *testing.T) {
	all := snippetsOf(t)
	for _, tool := range []string{"curl", "DuckDB", "Python", "R"} {
		if !strings.Contains(all[tool], "http://127.0.0.1:") {
			t.Errorf("%s: %q", tool, all[tool])
		}
	}
	hostile := columnsOf(publishtest.Schema(schemas.Field{Name: `nature"; DROP TABLE x; --`, Type: schemas.String, Format: "default"}, schemas.Field{Name: "montant", Type: schemas.Number, Format: "default"}))
	if got := duckQuery("https://x/y.parquet", hostile); !strings.Contains(got, `"nature""; DROP TABLE x; --"`) {
		t.Error(got)
	}
	if got := duckQuery("https://x/y.parquet", nil); !strings.HasPrefix(got, "SELECT *") {
		t.Error(got)
	}
	w, h := site(t)
	w.datasets[0].Files = w.datasets[0].Files[:1]
	rec := get(h, delibPath)
	want(t, rec, http.StatusOK, `aria-label="Code curl"`)
	lacks(t, rec, `aria-label="Code DuckDB"`, "page_size=5")
}
