package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"grenier/catalog"
	"grenier/catalog/store"
)

// The emulated département of the workloads beside the repository: files of known truth, and the server that exposes them. By default a small one proves
// exactness; GRENIER_TEST_DEPARTMENT=350,1000000000 (members, bytes) is the full one, whose times and memory are printed.
func TestDepartment_ErrorsEqualTheTruth(t *testing.T) {
	d := layDepartment(t)
	d.serve(t)
	d.apply(t)

	first := d.harvest(t, "premier moissonnage")
	d.compare(t, first)
	d.checkSeries(t, 1)
	unchanged := d.harvest(t, "rien n’a changé")
	for id, r := range unchanged {
		if r.Status != catalog.Unchanged {
			t.Errorf("%s: %s on the second harvest, want unchanged", id, r.Status)
		}
	}
	d.generate(t, "-epoch", "1", "-evolve", "0.05")
	d.apply(t)
	third := d.harvest(t, "5 % des fichiers ont changé")
	changed := 0
	for _, m := range d.manifest(t).Members {
		for _, s := range m.Sources {
			id := m.id(s.Kind)
			if s.Epoch > 0 {
				changed++
			} else if third[id].Status != catalog.Unchanged {
				t.Errorf("%s did not change and is %s", id, third[id].Status)
			}
		}
	}
	for id := range third {
		if third[id].Status == catalog.Unchanged {
			delete(third, id)
		}
	}
	if len(third) != changed {
		t.Errorf("%d sources moved, %d files changed", len(third), changed)
	}
	d.compare(t, third)
	d.checkSeries(t, 2)
}

// checkSeries wants a series for each kind, with all rows that its members have online.
func (d *department) checkSeries(t *testing.T, version int) {
	t.Helper()
	s, err := store.Open(context.Background(), "sqlite:"+filepath.Join(d.dir, "data", "grenier.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	online, made := map[string]int64{}, map[string]catalog.Dataset{}
	err = s.EachDataset(context.Background(), catalog.DatasetQuery{}, func(one catalog.Dataset) error {
		if one.Member.SIREN == departmentOperator {
			made[one.SchemaName] = one
		} else {
			online[one.SchemaName] += one.Rows
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range departmentKinds {
		name := "departement/" + kind
		if one := made[name]; one.Rows != online[name] || one.Version > version || one.Rows == 0 {
			t.Errorf("series of %s has %d rows in version %d, its members have %d online", kind, one.Rows, one.Version, online[name])
		}
	}
}

type department struct {
	dir, tool, program string
	members, size      string
	address            string
}

type depManifest struct {
	Members []depMember
	Files   int
	Bytes   int64
	Rows    int64
}

type depMember struct {
	Slug, Siret, Name, Insee string
	Sources                  []struct {
		Path, Kind string
		Rows       int64
		ErrorRows  int64
		Epoch      int
	}
}

func (m depMember) id(kind string) string { return m.Siret[:9] + "/" + kind }

type depTruth struct {
	Errors []struct {
		Row    int64
		Kind   string
		Column string
	}
}

func layDepartment(t *testing.T) *department {
	t.Helper()
	source, err := filepath.Abs("../../../shared/workloads")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(source); err != nil {
		t.Skip("no workloads beside the repository (../shared/workloads): the emulated département is not harvested")
	}
	d := &department{dir: t.TempDir(), members: "10", size: "6000000"}
	if full := os.Getenv("GRENIER_TEST_DEPARTMENT"); full != "" {
		d.members, d.size, _ = strings.Cut(full, ",")
	}
	d.tool, d.program = filepath.Join(d.dir, "workloads"), filepath.Join(d.dir, "grenier")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", d.tool, ".")
	build.Dir = source
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build workloads: %v\n%s", err, out)
	}
	buildProgram(t, d.program)
	d.generate(t)
	return d
}

// buildProgram builds grenier as it is released.
func buildProgram(t *testing.T, path string) {
	t.Helper()
	build := exec.Command("go", "build", "-trimpath", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build grenier: %v\n%s", err, out)
	}
}

func (d *department) generate(t *testing.T, more ...string) {
	t.Helper()
	args := append([]string{"-kind", "department", "-members", d.members, "-size", d.size, "-errors", "0.002", "-seed", "5", "-out", filepath.Join(d.dir, "dep")}, more...)
	if out, err := exec.Command(d.tool, args...).CombinedOutput(); err != nil {
		t.Fatalf("generate: %v\n%s", err, out)
	}
}

func (d *department) serve(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.address = l.Addr().String()
	l.Close()
	cmd := exec.Command(d.tool, "-serve", d.address, filepath.Join(d.dir, "dep"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if r, err := http.Get("http://" + d.address + "/manifest.json"); err == nil {
			r.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the emulated server does not answer")
		}
	}
}

func (d *department) manifest(t *testing.T) (m depManifest) {
	t.Helper()
	readJSON(t, filepath.Join(d.dir, "dep", "manifest.json"), &m)
	return m
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// contracts is the table of the emulated contracts, which follow no published version of the national format.
const contracts = `{"fields": [
	{"name": "id", "type": "string", "constraints": {"required": true}},
	{"name": "acheteur.id", "type": "string", "constraints": {"required": true, "pattern": "^\\d{14}$"}},
	{"name": "nature", "type": "string", "constraints": {"required": true, "enum": ["Marché", "Marché de partenariat", "Marché de défense ou de sécurité"]}},
	{"name": "objet", "type": "string", "constraints": {"required": true}},
	{"name": "codeCPV", "type": "string", "constraints": {"pattern": "^\\d{8}$"}},
	{"name": "procedure", "type": "string"},
	{"name": "dureeMois", "type": "integer", "constraints": {"minimum": 1}},
	{"name": "dateNotification", "type": "date"},
	{"name": "datePublicationDonnees", "type": "date"},
	{"name": "montant", "type": "number"}]}`

// apply writes the configuration and the manifest, and applies it.
func (d *department) apply(t *testing.T) {
	t.Helper()
	var w bytes.Buffer
	w.WriteString("recipes:\n")
	for _, kind := range departmentKinds {
		decode := "{}"
		if kind == "decp" {
			decode = "{format: json, records: marches.marche}"
		}
		fmt.Fprintf(&w, `  - {name: dep-%s, title: Essai, connector: http, params: {url: ""}, options: {url: "${url}"}, decode: %s, map: {decimal: ","}, gate: {off: essai},
     schema: departement/%s, dataset: {key: %s, title: "%s de ${member.name}"}}`+"\n", kind, decode, kind, kind, kind)
	}
	w.WriteString("members:\n")
	m := d.manifest(t)
	for _, x := range m.Members {
		fmt.Fprintf(&w, "  - {siren: %q, name: %q, kind: commune, insee: %q, siret: %q}\n", x.Siret[:9], x.Name, x.Insee, x.Siret)
	}
	w.WriteString("sources:\n")
	for _, x := range m.Members {
		for _, s := range x.Sources {
			fmt.Fprintf(&w, "  - {member: %q, recipe: dep-%s, params: {url: \"http://%s/%s\"}}\n", x.Siret[:9], s.Kind, d.address, s.Path)
		}
	}
	d.write(t, "sources.yaml", w.String())
	d.adopt(t)
	d.write(t, "grenier.yaml", fmt.Sprintf("site: {siren: %q, operator: Essai}\nharvest:\n  workers: 8\n  allow: [%q]\n  hosts: {%q: {parallel: 8, every: -1s}}\n", departmentOperator, d.address, d.address))
	d.run(t, "apply", "apply", filepath.Join(d.dir, "sources.yaml"))
}

// departmentOperator is whose the series are.
const departmentOperator = "209909001"

// departmentKinds are the files of a member, with what makes series of them.
var departmentKinds = []string{"subventions", "deliberations", "bal", "decp", "irve", "budget", "equipements", "prenoms"}

var departmentSeries = map[string]string{
	"subventions": `{"year": "dateConvention"}`, "deliberations": `{"year": "DELIB_DATE", "key": ["COLL_SIRET", "DELIB_ID"]}`, "bal": `{"key": ["cle_interop"]}`,
	"decp": `{"year": "dateNotification", "key": ["acheteur.id", "id"]}`, "irve": `{"key": ["id_pdc_itinerance"]}`, "budget": `{"year": "BGT_ANNEE"}`,
	"equipements": `{"key": ["EQUIP_UID"]}`, "prenoms": `{"year": "ANNEE"}`,
}

// adopt puts the emulated schemas among those that were taken from a registry, so that their tables make series.
func (d *department) adopt(t *testing.T) {
	t.Helper()
	type version struct {
		ID      string            `json:"id"`
		Verdict string            `json:"verdict"`
		Files   map[string]string `json:"files"`
	}
	var state struct {
		Versions []version `json:"versions"`
	}
	for _, kind := range departmentKinds {
		table := []byte(contracts)
		if kind != "decp" {
			var err error
			if table, err = exec.Command(d.tool, "-kind", kind, "-schema").Output(); err != nil {
				t.Fatalf("schema of %s: %v", kind, err)
			}
		}
		folder := filepath.Join("data", "schemas", "departement", kind)
		if err := os.MkdirAll(filepath.Join(d.dir, folder, "1.0.0"), 0o755); err != nil {
			t.Fatal(err)
		}
		d.write(t, filepath.Join(folder, "1.0.0", "schema.json"), string(table))
		d.write(t, filepath.Join(folder, "series.json"), departmentSeries[kind])
		sum := sha256.Sum256(table)
		state.Versions = append(state.Versions, version{"departement/" + kind + "@1.0.0", "adopted", map[string]string{"schema.json": hex.EncodeToString(sum[:])}})
	}
	text, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	d.write(t, filepath.Join("data", "schemas", "state.json"), string(text))
}

func (d *department) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// run runs the program and logs what it cost.
func (d *department) run(t *testing.T, what string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(d.program, append([]string{"--config", filepath.Join(d.dir, "grenier.yaml"), "--data", filepath.Join(d.dir, "data")}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	err := cmd.Run()
	if code := cmd.ProcessState.ExitCode(); err != nil && code != exitBad {
		t.Fatalf("%s: %v\n%s", what, err, stderr.String())
	}
	use := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	t.Logf("%s: %.2f s, %.2f s of processor, peak %d MiB", what, time.Since(start).Seconds(), (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), use.Maxrss>>10)
	return stdout.Bytes()
}

func (d *department) harvest(t *testing.T, what string) map[string]catalog.Run {
	t.Helper()
	runs := map[string]catalog.Run{}
	var rows, accepted, rejected int64
	for dec := json.NewDecoder(bytes.NewReader(d.run(t, what, "harvest", "--all", "--json"))); ; {
		var r catalog.Run
		if err := dec.Decode(&r); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		runs[r.Source] = r
		rows, accepted, rejected = rows+r.Rows, accepted+r.Accepted, rejected+r.Rejected
	}
	t.Logf("%s: %d sources, %d rows, %d accepted, %d rejected", what, len(runs), rows, accepted, rejected)
	return runs
}

// compare holds each run's report against the truth beside its file: the same rows, the same columns.
func (d *department) compare(t *testing.T, runs map[string]catalog.Run) {
	t.Helper()
	s, err := store.Open(context.Background(), "sqlite:"+filepath.Join(d.dir, "data", "grenier.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	wrong, errors := 0, 0
	for _, m := range d.manifest(t).Members {
		for _, source := range m.Sources {
			run, ok := runs[m.id(source.Kind)]
			if !ok {
				continue
			}
			var truth depTruth
			readJSON(t, filepath.Join(d.dir, "dep", "truth", source.Path+".truth.json"), &truth)
			errors += len(truth.Errors)
			whole, err := s.Run(context.Background(), run.ID)
			if err != nil {
				t.Fatal(err)
			}
			if diff := difference(run, whole, truth, source.Rows, source.Kind); diff != "" {
				if wrong++; wrong <= 20 {
					t.Errorf("%s (%s): %s", run.Source, source.Path, diff)
				}
			}
		}
	}
	t.Logf("%d injected errors compared, %d files differ", errors, wrong)
}

func difference(run, whole catalog.Run, truth depTruth, rows int64, kind string) string {
	if run.Status != catalog.Published && run.Status != catalog.Held {
		return fmt.Sprintf("%s at %s: %s", run.Status, run.Stage, run.Error)
	}
	if run.Rows != rows || run.Rejected != int64(len(truth.Errors)) {
		return fmt.Sprintf("%d rows and %d rejected, want %d and %d", run.Rows, run.Rejected, rows, len(truth.Errors))
	}
	shift := int64(1) // the truth counts rows after the header
	if kind == "decp" {
		shift = 0
	}
	if whole.Report.Stats.Errors > int64(len(whole.Report.Errors)) {
		return "" // more errors than details: the counts above are exact
	}
	named, places := map[int64]bool{}, map[string]bool{}
	for _, e := range whole.Report.Errors {
		named[e.Row], places[fmt.Sprint(e.Row, e.Field)] = true, true
	}
	for _, e := range truth.Errors {
		at := e.Row + shift
		if !named[at] || e.Column != "" && !places[fmt.Sprint(at, e.Column)] {
			return fmt.Sprintf("%s in row %d, column %q is not in the report", e.Kind, at, e.Column)
		}
		delete(named, at)
	}
	if len(named) > 0 {
		return fmt.Sprintf("the report names rows that hold no error: %v", named)
	}
	return ""
}
