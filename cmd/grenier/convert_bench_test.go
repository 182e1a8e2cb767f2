//go:build unix

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"grenier/harvest"
	"grenier/schemas"
)

// What `make bench-publish` holds `grenier convert` to.
const (
	maxConvertCPU    = 1.2  // times the processor time of DuckDB's CSV → Parquet alone
	maxConvertSize   = 1.10 // times DuckDB's Parquet file
	maxConvertMemory = 256  // MiB
)

// TestBenchPublish is `make bench-publish`: it prints one table of what `grenier convert` costs to canonical CSV and Parquet, judging included,
// beside DuckDB writing the same file to Parquet alone, each in a process of its own, by turns, and fails when a gate is passed.
// GRENIER_BENCH_PUBLISH says how many rows the file has (1000000), GRENIER_BENCH_ROUNDS how often each is measured (3), and GRENIER_BENCH_BIG,
// when it is set, how many rows the file has whose memory is measured besides (10000000).
func TestBenchPublish(t *testing.T) {
	rows, _ := strconv.Atoi(os.Getenv("GRENIER_BENCH_PUBLISH"))
	if rows <= 0 {
		t.Skip("SKIPPED: set GRENIER_BENCH_PUBLISH to a number of rows, or run make bench-publish")
	}
	p := layPress(t)
	file := p.file("subventions", rows)
	table := []*pressed{
		{name: "CSV et Parquet, contrôle compris", args: p.convert(file, filepath.Join(p.dir, "schema.json")), gate: maxConvertCPU},
		{name: "de même, lignes triées par année et par clé", args: p.convert(file, "essai/subventions"), gate: maxConvertCPU},
		{name: "de même, sur un seul cœur", args: append(p.convert(file, filepath.Join(p.dir, "schema.json")), "-j", "1"), gate: maxConvertCPU},
	}
	rounds, _ := strconv.Atoi(os.Getenv("GRENIER_BENCH_ROUNDS"))
	for range max(1, rounds) {
		duck := p.duckDB(file)
		for _, c := range table {
			c.add(p.grenier(c.args), duck)
		}
	}
	p.print(rows, table)
	if big, _ := strconv.Atoi(os.Getenv("GRENIER_BENCH_BIG")); big > 0 {
		p.big(big)
	}
}

// A pressed is one line of the table.
type pressed struct {
	name string
	args []string
	gate float64
	runs []pressRun
}

// A pressRun is what one conversion cost, with what DuckDB cost in the same round.
type pressRun struct{ own, duck pressCost }

func (p *pressed) add(own, duck pressCost) { p.runs = append(p.runs, pressRun{own, duck}) }

// median is that of what of gives for each round.
func (p *pressed) median(of func(r pressRun) float64) float64 {
	var all []float64
	for _, r := range p.runs {
		all = append(all, of(r))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// A pressCost is what one process took.
type pressCost struct {
	cpu, wall float64 // seconds
	engine    float64 // of cpu, what DuckDB itself took: without the start of Node
	mebibytes float64
	parquet   int64 // bytes
}

type press struct {
	t       *testing.T
	dir     string
	readers string // folder with DuckDB
	tool    string // makes the files
	program string
}

// layPress is layTools, where there is a DuckDB to compare with.
func layPress(t *testing.T) *press {
	t.Helper()
	if os.Getenv("GRENIER_TEST_READERS") == "" {
		t.Skip("SKIPPED: GRENIER_TEST_READERS is not set: no DuckDB to compare with (make bench-publish installs it)")
	}
	return layTools(t)
}

// layTools builds the program and the one that makes the files.
func layTools(t *testing.T) *press {
	t.Helper()
	source, err := filepath.Abs("../../../shared/workloads")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(source); err != nil {
		t.Skip("SKIPPED: no workloads beside the repository (../shared/workloads)")
	}
	p := &press{t: t, dir: t.TempDir(), readers: os.Getenv("GRENIER_TEST_READERS")}
	p.tool, p.program = filepath.Join(p.dir, "workloads"), filepath.Join(p.dir, "grenier")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", p.tool, ".")
	build.Dir = source
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build workloads: %v\n%s", err, out)
	}
	buildProgram(t, p.program)
	schema, err := exec.Command(p.tool, "-kind", "subventions", "-schema").Output()
	if err != nil {
		t.Fatal(err)
	}
	p.write("schema.json", schema)
	p.adopt(schema)
	return p
}

// adopt makes a second schema of the same columns, one that has years and a key.
func (p *press) adopt(schema []byte) {
	p.t.Helper()
	id := schemas.ID("essai/subventions@1.0.0")
	sum := sha256.Sum256(schema)
	state, err := json.Marshal(map[string][]harvest.RegistryVersion{"versions": {{ID: id, Verdict: harvest.Adopted, Files: map[string]string{"schema.json": hex.EncodeToString(sum[:])}}}})
	if err != nil {
		p.t.Fatal(err)
	}
	p.write("data/schemas/state.json", state)
	p.write("data/schemas/essai/subventions/1.0.0/schema.json", schema)
	p.write("data/schemas/essai/subventions/series.json", []byte(`{"year": "dateConvention", "key": ["idAttribuant", "referenceDecision"]}`))
}

func (p *press) write(name string, content []byte) {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, content, 0o600)); err != nil {
		p.t.Fatal(err)
	}
}

// file makes the document that the project measures with: one row in a thousand is wrong.
func (p *press) file(kind string, rows int) string {
	p.t.Helper()
	path := filepath.Join(p.dir, kind+"-"+strconv.Itoa(rows)+".csv")
	if out, err := exec.Command(p.tool, "-kind", kind, "-rows", strconv.Itoa(rows), "-errors", "0.001", "-seed", "7", "-out", path).CombinedOutput(); err != nil {
		p.t.Fatalf("workloads: %v\n%s", err, out)
	}
	return path
}

func (p *press) convert(file, schema string) []string {
	return []string{p.program, "--data", filepath.Join(p.dir, "data"), "convert", "--schema", schema, "--formats", "csv,parquet", "--out", filepath.Join(p.dir, "sortie"), file}
}

// grenier converts, and sees that the rows that are wrong, and no others, were set aside.
func (p *press) grenier(args []string) pressCost {
	p.t.Helper()
	file := args[slices.Index(args, "--out")+2]
	out := filepath.Join(p.dir, "sortie")
	if err := os.RemoveAll(out); err != nil {
		p.t.Fatal(err)
	}
	_, c := p.run(exitBad, args...)
	var report schemas.Report
	var truth struct {
		Rows      int64 `json:"rows"`
		ErrorRows int64 `json:"errorRows"`
	}
	for path, v := range map[string]any{filepath.Join(out, "report.json"): &report, file + ".truth.json": &truth} {
		text, err := os.ReadFile(path)
		if err := errors.Join(err, json.Unmarshal(text, v)); err != nil {
			p.t.Fatal(err)
		}
	}
	if report.Stats.Rows != truth.Rows || report.Stats.Rejected != truth.ErrorRows {
		p.t.Fatalf("%d rows, %d set aside; the file has %d, of which %d are wrong", report.Stats.Rows, report.Stats.Rejected, truth.Rows, truth.ErrorRows)
	}
	st, err := os.Stat(filepath.Join(out, strings.TrimSuffix(filepath.Base(file), ".csv")+".parquet"))
	if err != nil {
		p.t.Fatal(err)
	}
	c.parquet = st.Size()
	return c
}

// duckDB writes the file to Parquet with the types that the schema gives; it leaves out what it cannot read, and judges nothing.
func (p *press) duckDB(file string) pressCost {
	p.t.Helper()
	out := filepath.Join(p.dir, "duckdb.parquet")
	said, c := p.run(0, "node", filepath.Join(p.readers, "parquet.mjs"), file, filepath.Join(p.dir, "schema.json"), out)
	var engine struct{ CPU float64 }
	err := json.Unmarshal(said, &engine)
	st, statErr := os.Stat(out)
	if err := errors.Join(err, statErr); err != nil {
		p.t.Fatal(err)
	}
	c.engine, c.parquet = engine.CPU, st.Size()
	return c
}

// run runs one process to its end.
func (p *press) run(code int, args ...string) ([]byte, pressCost) {
	p.t.Helper()
	c := exec.Command(args[0], args[1:]...)
	c.Dir = p.dir
	c.Env = slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "GRENIER_") }) // they would be its configuration
	start := time.Now()
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	if err := c.Run(); c.ProcessState == nil || c.ProcessState.ExitCode() != code {
		p.t.Fatalf("%s: %v\n%s", args, err, said.Bytes())
	}
	used := c.ProcessState
	return out.Bytes(), pressCost{
		wall: time.Since(start).Seconds(), cpu: (used.UserTime() + used.SystemTime()).Seconds(),
		mebibytes: float64(used.SysUsage().(*syscall.Rusage).Maxrss) / 1024,
	}
}

func (p *press) print(rows int, table []*pressed) {
	fmt.Printf("%s, %d lignes, médiane de %d tours entrelacés ; temps processeur (utilisateur et système), rapport dans un même tour\n\n", time.Now().Format(time.DateOnly), rows, len(table[0].runs))
	fmt.Println("| quoi | DuckDB, Parquet seul | Grenier | rapport | rapport sans le démarrage de Node | seuil | durée | mémoire au plus | taille du Parquet |\n" +
		"| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, c := range table {
		ratio := c.median(func(r pressRun) float64 { return r.own.cpu / r.duck.cpu })
		size := c.median(func(r pressRun) float64 { return float64(r.own.parquet) / float64(r.duck.parquet) })
		memory, other := 0.0, 0.0
		for _, r := range c.runs {
			memory, other = max(memory, r.own.mebibytes), max(other, r.duck.mebibytes)
		}
		fmt.Printf("| %s | %.2f s, %.0f Mio | %.2f s | %.2f | %.2f | ≤ %.2f | %.2f s | %.0f Mio | %.2f fois |\n", c.name,
			c.median(func(r pressRun) float64 { return r.duck.cpu }), other, c.median(func(r pressRun) float64 { return r.own.cpu }), ratio,
			c.median(func(r pressRun) float64 { return r.own.cpu / r.duck.engine }), c.gate, c.median(func(r pressRun) float64 { return r.own.wall }), memory, size)
		if ratio > c.gate || size > maxConvertSize || memory > maxConvertMemory {
			p.t.Errorf("%s: %.2f times the processor time (gate %.2f), %.2f times the size (gate %.2f), %.0f MiB (gate %d)", c.name, ratio, c.gate, size, maxConvertSize, memory, maxConvertMemory)
		}
	}
}

// big measures the memory that a large file takes, once.
func (p *press) big(rows int) {
	p.t.Helper()
	file := p.file("subventions", rows)
	for _, schema := range []string{filepath.Join(p.dir, "schema.json"), "essai/subventions"} {
		c := p.grenier(p.convert(file, schema))
		fmt.Printf("| %d lignes, %s | | %.2f s | | | | %.2f s | %.0f Mio | |\n", rows, filepath.Base(schema), c.cpu, c.wall, c.mebibytes)
		if c.mebibytes > maxConvertMemory {
			p.t.Errorf("%d rows take %.0f MiB, more than %d", rows, c.mebibytes, maxConvertMemory)
		}
	}
}
