package harvest_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"grenier/catalog"
	"grenier/catalog/store"
	"grenier/harvest"
	"grenier/harvest/connectors"
	"grenier/publish"
	"grenier/schemas"
)

// A bench is a whole line over a remote side that the test rules: real catalogue, real blobs, real client.
type bench struct {
	*testing.T
	*remote
	store  *store.Store
	blobs  *publish.Dir
	runner *harvest.Runner
	dir    string
}

func newBench(t *testing.T, recipes ...string) *bench {
	t.Helper()
	return newBenchOn(t, "sqlite:"+filepath.Join(t.TempDir(), "grenier.db"), recipes...)
}

// newBenchOn makes a source for each recipe: its ID and its parameter name are the recipe's name, its parameter url the address of /NAME.
func newBenchOn(t *testing.T, dsn string, recipes ...string) *bench {
	t.Helper()
	ctx, log := context.Background(), slog.New(slog.DiscardHandler)
	b := &bench{T: t, remote: newRemote(t), dir: t.TempDir()}
	var err error
	if b.store, err = store.Open(ctx, dsn, log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.store.Close() })
	if b.blobs, err = publish.OpenDir(filepath.Join(b.dir, "blobs")); err != nil {
		t.Fatal(err)
	}
	namespace, err := b.store.Namespace(ctx)
	if err != nil {
		t.Fatal(err)
	}
	client, err := harvest.NewClient(harvest.ClientConfig{
		Allow: []string{strings.TrimPrefix(b.URL, "http://")}, Hosts: map[string]harvest.HostRule{"*": {Parallel: 16, Every: -1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	temp := filepath.Join(b.dir, "temp")
	if err := os.Mkdir(temp, 0o750); err != nil {
		t.Fatal(err)
	}
	b.runner = &harvest.Runner{
		Store: b.store, Blobs: b.blobs, Schemas: schemas.National(), Connectors: connectors.All, Namespace: namespace,
		BaseURL: "https://donnees.example", Dir: temp, Log: log, Env: harvest.Env{HTTP: client, Log: log},
	}
	b.apply(recipes...)
	return b
}

// apply brings the recipes in, each with its source.
func (b *bench) apply(recipes ...string) {
	b.Helper()
	m := catalog.Manifest{Members: []catalog.Member{town}}
	for _, text := range recipes {
		first, _, _ := strings.Cut(text, "\n")
		name := strings.TrimPrefix(first, "name: ")
		m.Recipes = append(m.Recipes, catalog.Recipe{Name: name, Text: text})
		m.Sources = append(m.Sources, catalog.Source{
			ID: town.SIREN + "/" + name, Member: town.SIREN, Recipe: name, Params: map[string]string{"url": b.URL + "/" + name, "base": b.URL},
			Schedule: "@daily",
		})
	}
	for _, r := range m.Recipes {
		if _, err := harvest.ParseRecipe(r.Name, []byte(r.Text), schemas.National(), connectors.All); err != nil {
			b.Fatal(err)
		}
	}
	for i := range m.Sources {
		r, _ := harvest.ParseRecipe(m.Recipes[i].Name, []byte(m.Recipes[i].Text), schemas.National(), connectors.All)
		m.Sources[i].Key = r.Key()
	}
	if _, err := b.store.Apply(context.Background(), m, catalog.ApplyOptions{}); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) source(name string) catalog.Source {
	b.Helper()
	s, err := b.store.Source(context.Background(), town.SIREN+"/"+name)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// run harvests a source and wants the given end.
func (b *bench) run(name string, ask harvest.Ask, want catalog.Status) catalog.Run {
	b.Helper()
	run, err := b.runner.Run(context.Background(), b.source(name), ask)
	if err != nil {
		b.Fatalf("run of %s: %v", name, err)
	}
	if run.Status != want {
		b.Fatalf("run of %s is %s, want %s: stage %q, message %q, error %q", name, run.Status, want, run.Stage, run.Message, run.Error)
	}
	b.cleanTemp()
	return run
}

// cleanTemp wants no temporary file left.
func (b *bench) cleanTemp() {
	b.Helper()
	if left, err := os.ReadDir(b.runner.Dir); err != nil || len(left) > 0 {
		b.Errorf("temporary files are left: %v, %v", left, err)
	}
}

func (b *bench) dataset(name string) catalog.Dataset {
	b.Helper()
	d, err := b.store.Dataset(context.Background(), b.datasetID(name))
	if err != nil {
		b.Fatal(err)
	}
	return d
}

func (b *bench) datasetID(name string) uuid.UUID {
	return catalog.DatasetID(b.runner.Namespace, town.SIREN, b.source(name).Key)
}

func (b *bench) events() int {
	b.Helper()
	e, err := b.store.Events(context.Background(), 0, 1000)
	if err != nil {
		b.Fatal(err)
	}
	return len(e)
}

// blob reads what is kept under key.
func (b *bench) blob(key string) []byte {
	b.Helper()
	r, err := b.blobs.Open(context.Background(), key)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		b.Fatal(err)
	}
	return text
}

// csv is the published CSV of a source's dataset.
func (b *bench) csv(name string) string {
	b.Helper()
	return string(b.blob(b.dataset(name).Files[0].Key))
}

func (b *bench) blobCount(prefix string) (n int) {
	b.Helper()
	err := b.blobs.Each(context.Background(), prefix, func(string, int64, time.Time) error { n++; return nil })
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// A remote is a server whose answers the test sets, by path.
type remote struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string]*answer
	asked   map[string]int // by path
	same    map[string]int // 304 by path
	inside  atomic.Int32
	most    atomic.Int32
	arrived chan string   // a request that hangs has arrived
	release chan struct{} // closed: those that hang go on
}

// An answer is what one path answers.
type answer struct {
	body   string
	status int
	etag   string // with conditions honoured
	short  bool   // stops before the length it told
	hang   bool
}

func newRemote(t *testing.T) *remote {
	r := &remote{answers: map[string]*answer{}, asked: map[string]int{}, same: map[string]int{}, arrived: make(chan string, 100), release: make(chan struct{})}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.Close)
	return r
}

func (r *remote) set(path string, a answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers["/"+path] = &a
}

func (r *remote) serve(w http.ResponseWriter, q *http.Request) {
	now := r.inside.Add(1)
	defer r.inside.Add(-1)
	for most := r.most.Load(); now > most && !r.most.CompareAndSwap(most, now); most = r.most.Load() {
	}
	r.mu.Lock()
	a := r.answers[q.URL.Path]
	r.asked[q.URL.Path]++
	r.mu.Unlock()
	if a == nil {
		http.NotFound(w, q)
		return
	}
	if a.hang {
		r.arrived <- q.URL.Path
		select {
		case <-r.release:
		case <-q.Context().Done():
			return
		}
	}
	if a.etag != "" {
		w.Header().Set("ETag", a.etag)
		if q.Header.Get("If-None-Match") == a.etag {
			r.mu.Lock()
			r.same[q.URL.Path]++
			r.mu.Unlock()
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	length := len(a.body)
	if a.short {
		length += 100
	}
	w.Header().Set("Content-Length", strconv.Itoa(length))
	if a.status != 0 {
		w.WriteHeader(a.status)
	}
	io.WriteString(w, a.body)
}

// grants is a recipe over the national schema of grants that tries once.
const grants = `name: subventions
title: Subventions
connector: http
params: {url: ""}
options: {url: "${url}", retries: 0}
map: {trim: true, dates: [jj/mm/aaaa], decimal: ","}
schema: scdl/subventions
dataset: {temporal: dateConvention}
`

const grantHeader = "nomAttribuant;idAttribuant;dateConvention;referenceDecision;nomBeneficiaire;idBeneficiaire;objet;montant;nature;conditionsVersement;datesPeriodeVersement;idRAE;notificationUE;pourcentageSubvention\r\n"

// grant is one line, with the given day and amount.
func grant(n int, day, amount string) string {
	return fmt.Sprintf("Valmeyrac;21390013700018;%s;2024-%02d;Les Amis du Val;21390013700018;Fête du Val;%s;aide en numéraire;unique;2024-02-01;;non;1\r\n", day, n, amount)
}

// grantFile has good lines, then bad ones.
func grantFile(good, bad int) string {
	var s strings.Builder
	s.WriteString(grantHeader)
	for i := range good {
		s.WriteString(grant(i, fmt.Sprintf("%02d/03/2024", i%28+1), "1234,50"))
	}
	for i := range bad {
		s.WriteString(grant(good+i, "31/02/2024", "12"))
	}
	return s.String()
}

// saysInFrench wants a sentence for a member that holds part.
func saysInFrench(t *testing.T, message, part string) {
	t.Helper()
	if !strings.Contains(message, part) {
		t.Errorf("message %q does not say %q", message, part)
	}
	if strings.ContainsAny(message, "'\"") || !strings.HasSuffix(message, ".") {
		t.Errorf("message is badly written: %s", message)
	}
}

// wellSpaced wants spaces that do not break where French typography has them.
func wellSpaced(t *testing.T, message string) {
	t.Helper()
	for _, bad := range []string{" :", " ;", " !", " ?", " %", "« ", " »"} {
		if strings.Contains(message, bad) {
			t.Errorf("message has a space that breaks in %q: %s", bad, message)
		}
	}
}

func hashOf(b []byte) string { h := sha256.Sum256(b); return hex.EncodeToString(h[:]) }

func TestRun_PublishesGoodRowsAndQuarantinesBadOnes(t *testing.T) {
	b := newBench(t, grants)
	file := grantFile(3, 2)
	b.set("subventions", answer{body: file})
	run := b.run("subventions", harvest.Ask{}, catalog.Published)

	if run.Rows != 5 || run.Accepted != 3 || run.Rejected != 2 || run.Version != 1 || run.Bytes != int64(len(file)) || run.Slot != "manual" || run.Attempt != 1 {
		t.Errorf("run %+v", run)
	}
	if r := run.Report; r == nil || r.Stats.Rows != 5 || r.Valid || r.SHA256 != hashOf([]byte(file)) || r.Source.Bytes != int64(len(file)) || len(r.Errors) != 2 || r.Errors[0].Document != "" {
		t.Errorf("report %+v", r)
	}
	kept, err := b.store.Run(context.Background(), run.ID)
	if err != nil || kept.Status != catalog.Published || kept.Report == nil || kept.Version != 1 || kept.Dataset != b.datasetID("subventions") || !kept.Ended.Equal(run.Ended.Truncate(time.Microsecond)) {
		t.Errorf("kept run %+v, %v, ended %v", kept, err, run.Ended)
	}
	if raw := kept.Documents[0]; string(b.blob(raw.Key())) != file {
		t.Error("the raw bytes are not those that were sent")
	}
	b.checkDataset(b.dataset("subventions"))
	q := string(b.blob(kept.Quarantine.Key))
	if kept.Quarantine.Rows != 2 || strings.Count(q, "31/02/2024") < 2 || !strings.Contains(q, "dateConvention") || strings.Contains(q, "01/03/2024") || hashOf([]byte(q)) != kept.Quarantine.SHA256 {
		t.Errorf("quarantine %+v:\n%s", kept.Quarantine, q)
	}
	if b.events() != 1 {
		t.Errorf("%d events", b.events())
	}
	b.cleanTemp()
}

// checkDataset looks at the dataset of grantFile(3, 2).
func (b *bench) checkDataset(d catalog.Dataset) {
	b.Helper()
	if d.ID != b.datasetID("subventions") || d.Version != 1 || d.Status != catalog.DatasetPublished || d.Valid || d.Rows != 3 || d.Rejected != 2 {
		b.Errorf("dataset %+v", d)
	}
	if d.SchemaName != "scdl/subventions" || d.SchemaVersion == "" || d.Member.SIREN != town.SIREN || d.Source != town.SIREN+"/subventions" || d.License != "lov2" {
		b.Errorf("dataset %+v", d)
	}
	if !strings.Contains(d.Title, town.Name) || d.TemporalFrom != "2024-03-01" || d.TemporalTo != "2024-03-03" {
		b.Errorf("title %q, from %q to %q", d.Title, d.TemporalFrom, d.TemporalTo)
	}
	if len(d.Fields) < 14 || d.Fields[2].Name != "dateConvention" || d.Fields[2].Type != "date" {
		b.Errorf("fields %+v", d.Fields)
	}
	if len(d.Files) != 2 {
		b.Fatalf("%d files", len(d.Files))
	}
	for i, format := range []string{"csv", "parquet"} {
		f := d.Files[i]
		content := b.blob(f.Key)
		if f.Format != format || f.ID != catalog.FileID(d.ID, format) || f.Name != "subventions."+format || f.Rows != 3 || f.Bytes != int64(len(content)) || f.SHA256 != hashOf(content) {
			b.Errorf("file %+v", f)
		}
	}
	text := b.csv("subventions")
	if strings.Count(text, "2024-03-0") != 3 || strings.Contains(text, "31/02") || !strings.Contains(text, "1234.50") {
		b.Errorf("published:\n%s", text)
	}
	if p := b.blob(d.Files[1].Key); !bytes.HasPrefix(p, []byte("PAR1")) || !bytes.HasSuffix(p, []byte("PAR1")) {
		b.Error("the Parquet file is none")
	}
}

func TestRun_FindsNothingNewWhereNothingChanged(t *testing.T) {
	for name, etag := range map[string]string{"by the server's word": `"v1"`, "by the bytes": ""} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, grants)
			b.set("subventions", answer{body: grantFile(3, 0), etag: etag})
			b.run("subventions", harvest.Ask{}, catalog.Published)
			before := b.dataset("subventions")
			for range 2 {
				run := b.run("subventions", harvest.Ask{}, catalog.Unchanged)
				if run.Version != 0 || len(run.Documents) != 1 {
					t.Errorf("run %+v", run)
				}
			}
			after := b.dataset("subventions")
			if after.Version != 1 || !after.Modified.Equal(before.Modified) || !after.Checked.After(before.Checked) || b.events() != 1 {
				t.Errorf("before %+v\nafter %+v, %d events", before, after, b.events())
			}
			if want := map[string]int{`"v1"`: 2}[etag]; b.remote.same["/subventions"] != want {
				t.Errorf("%d answers 304, want %d", b.remote.same["/subventions"], want)
			}
		})
	}
}

func TestRun_ForcedOnTheSameBytesMakesTheSameFilesAndNoVersion(t *testing.T) {
	b := newBench(t, grants)
	b.set("subventions", answer{body: grantFile(30, 1), etag: `"v1"`})
	b.run("subventions", harvest.Ask{}, catalog.Published)
	before, files := b.dataset("subventions"), b.blobCount("")
	if err := b.runner.Blobs.Delete(t.Context(), before.Files[0].Key); err != nil { // a disk lost it
		t.Fatal(err)
	}
	run := b.run("subventions", harvest.Ask{Force: true}, catalog.Unchanged)
	if run.Rows != 31 || run.Report == nil {
		t.Errorf("nothing was judged again: %+v", run)
	}
	after := b.dataset("subventions")
	if after.Version != 1 || !after.Modified.Equal(before.Modified) || b.events() != 1 || b.blobCount("") != files {
		t.Errorf("version %d, %d events, %d blobs for %d", after.Version, b.events(), b.blobCount(""), files)
	}
	for i := range before.Files {
		if before.Files[i].SHA256 != after.Files[i].SHA256 {
			t.Errorf("%s differs", before.Files[i].Name)
		}
	}
	if q := run.Quarantine; q == nil || !strings.Contains(string(b.blob(q.Key)), "31/02/2024") {
		t.Errorf("quarantine %+v", q)
	}
}

func TestRun_KeepsTheNewestStateThoughTheBytesAreTheSame(t *testing.T) {
	b := newBench(t, grants)
	b.set("subventions", answer{body: grantFile(3, 0), etag: `"v1"`})
	b.run("subventions", harvest.Ask{}, catalog.Published)
	b.set("subventions", answer{body: grantFile(3, 0), etag: `"v2"`})
	b.run("subventions", harvest.Ask{}, catalog.Unchanged)
	b.run("subventions", harvest.Ask{}, catalog.Unchanged)
	if b.remote.same["/subventions"] != 1 {
		t.Errorf("the third run did not ask with the newest ETag: %v", b.remote.same)
	}
}

func TestRun_JudgesAgainOnceWhenTheRecipeChanged(t *testing.T) {
	b := newBench(t, grants)
	b.set("subventions", answer{body: grantFile(3, 0), etag: `"v1"`})
	b.run("subventions", harvest.Ask{}, catalog.Published)
	b.apply(grants + "# une remarque\n")
	if run := b.run("subventions", harvest.Ask{}, catalog.Unchanged); run.Rows != 3 {
		t.Errorf("a changed recipe judged %d rows", run.Rows)
	}
	if run := b.run("subventions", harvest.Ask{}, catalog.Unchanged); run.Rows != 0 || b.remote.same["/subventions"] != 1 {
		t.Errorf("a recipe that changed without effect is judged twice: %+v, %v", run, b.remote.same)
	}
}

func TestRun_PublishesMetadataThatChangedAlone(t *testing.T) {
	b := newBench(t, grants)
	b.set("subventions", answer{body: grantFile(3, 0)})
	b.run("subventions", harvest.Ask{}, catalog.Published)
	before := b.dataset("subventions")
	b.apply(strings.Replace(grants, "{temporal: dateConvention}", "{temporal: dateConvention, keywords: [associations]}", 1))
	b.run("subventions", harvest.Ask{}, catalog.Published)
	after := b.dataset("subventions")
	if after.Version != 2 || len(after.Keywords) != 1 || after.Files[0].SHA256 != before.Files[0].SHA256 || !after.Modified.After(before.Modified) {
		t.Errorf("after %+v", after)
	}
}

func TestRun_FailsWithoutHarmAndRecovers(t *testing.T) {
	binary := strings.Repeat("\x00\x01\x02\x03\x04\x05\x06\x07", 200)
	for name, c := range map[string]struct {
		answer
		stage harvest.Stage
		says  string
		retry bool
	}{
		"status 500":                   {answer{status: 500, body: "oups"}, harvest.StageFetch, "", true},
		"status 404":                   {answer{status: 404, body: "perdu"}, harvest.StageFetch, "404", false},
		"body that stops short":        {answer{body: grantFile(3, 0), short: true}, harvest.StageFetch, "", true},
		"login page":                   {answer{body: "<!DOCTYPE html><html><body><form>Connexion</form></body></html>"}, harvest.StageDecode, "page web", false},
		"empty body":                   {answer{body: ""}, harvest.StageDecode, "vide", false},
		"binary":                       {answer{body: binary}, harvest.StageDecode, "ni un tableau ni du texte", false},
		"header of another world":      {answer{body: "nom;prenom\nDupont;Jeanne\n"}, harvest.StageCheck, "La dernière version reste en ligne", false},
		"two columns of one name":      {answer{body: strings.Replace(grantFile(1, 0), "idRAE", "objet", 1)}, harvest.StageCheck, "La dernière version reste en ligne", false},
		"header without a single name": {answer{body: ";;;\n1;2;3;4\n"}, harvest.StageCheck, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, grants)
			b.set("subventions", answer{body: grantFile(3, 0)})
			b.run("subventions", harvest.Ask{}, catalog.Published)
			b.set("subventions", c.answer)
			run := b.run("subventions", harvest.Ask{}, catalog.Failed)
			if run.Stage != string(c.stage) || run.Retry != c.retry || run.Error == "" || run.Quarantine != nil {
				t.Errorf("stage %q, retry %v, error %q, quarantine %v", run.Stage, run.Retry, run.Error, run.Quarantine)
			}
			saysInFrench(t, run.Message, c.says)
			if d := b.dataset("subventions"); d.Version != 1 || d.Status != catalog.DatasetPublished || !strings.Contains(b.csv("subventions"), "2024-03-01") {
				t.Errorf("dataset %+v", d)
			}
			b.set("subventions", answer{body: grantFile(4, 0)})
			if run := b.run("subventions", harvest.Ask{}, catalog.Published); run.Version != 2 {
				t.Errorf("the next good run published version %d", run.Version)
			}
		})
	}
}

func TestRun_HoldsWhatNoVersionShouldBe(t *testing.T) {
	without := func(file, column string) string {
		var out strings.Builder
		for i, line := range strings.Split(strings.TrimSuffix(file, "\r\n"), "\r\n") {
			cells := strings.Split(line, ";")
			at := map[string]int{"montant": 7, "objet": 6}[column]
			if i == 0 && cells[at] != column {
				t.Fatalf("no column %s", column)
			}
			out.WriteString(strings.Join(append(cells[:at:at], cells[at+1:]...), ";") + "\r\n")
		}
		return out.String()
	}
	for name, c := range map[string]struct{ file, says string }{
		"a required column is missing": {without(grantFile(3, 0), "montant"), "La colonne obligatoire «\u00a0montant\u00a0» manque dans le fichier reçu."},
		"two required columns are":     {without(without(grantFile(3, 0), "montant"), "objet"), "2 colonnes obligatoires manquent dans le fichier reçu\u00a0: «\u00a0objet\u00a0», «\u00a0montant\u00a0»."},
		"there is but a header":        {grantFile(0, 0), "ne contient aucune ligne"},
		"all rows are bad":             {grantFile(0, 4), "Aucune des 4 lignes reçues n’est conforme"},
		"the one row is bad":           {grantFile(0, 1), "La seule ligne reçue n’est pas conforme"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, grants)
			b.set("subventions", answer{body: c.file})
			run := b.run("subventions", harvest.Ask{}, catalog.Held)
			saysInFrench(t, run.Message, c.says)
			saysInFrench(t, run.Message, "Rien n’est encore publié")
			wellSpaced(t, run.Message)
			if run.Stage != "gate" || run.Report == nil {
				t.Errorf("stage %q, report %v", run.Stage, run.Report)
			}
			if _, err := b.store.Dataset(context.Background(), b.datasetID("subventions")); !errors.Is(err, catalog.ErrNotFound) {
				t.Errorf("a held first version is online: %v", err)
			}
			if run.Rejected > 0 && !strings.Contains(string(b.blob(run.Quarantine.Key)), "31/02/2024") {
				t.Error("the refused rows cannot be looked at")
			}
			if b.blobCount("pub/") != 0 {
				t.Error("files that nothing names are kept")
			}
		})
	}
}

func TestRun_HoldsAMemberMissingFromALaterDeliveryAndSaysWhatStays(t *testing.T) {
	b := newBench(t, grants)
	b.set("subventions", answer{body: grantFile(60, 0), etag: `"a"`})
	b.run("subventions", harvest.Ask{}, catalog.Published)
	b.set("subventions", answer{body: grantFile(20, 0), etag: `"b"`})
	run := b.run("subventions", harvest.Ask{}, catalog.Held)
	saysInFrench(t, run.Message, "a perdu 67\u00a0% de ses lignes\u00a0: 20 au lieu de 60 d’habitude. La version du ")
	wellSpaced(t, run.Message)
	d := b.dataset("subventions")
	if d.Status != catalog.DatasetHeld || d.Version != 1 || d.Rows != 60 {
		t.Errorf("dataset %+v", d)
	}

	b.set("subventions", answer{body: grantFile(60, 0), etag: `"a"`})
	b.run("subventions", harvest.Ask{}, catalog.Unchanged)
	if d := b.dataset("subventions"); d.Status != catalog.DatasetPublished {
		t.Errorf("the published delivery is back and the dataset is still %s", d.Status)
	}

	b.set("subventions", answer{body: grantFile(20, 0), etag: `"b"`})
	b.run("subventions", harvest.Ask{}, catalog.Held)
	b.set("subventions", answer{body: grantFile(15, 0), etag: `"c"`})
	other := b.run("subventions", harvest.Ask{Accept: "fin du programme"}, catalog.Held)
	saysInFrench(t, other.Message, "a changé depuis la livraison retenue")
	b.set("subventions", answer{body: grantFile(20, 0), etag: `"b"`})
	b.run("subventions", harvest.Ask{}, catalog.Held)
	accepted := b.run("subventions", harvest.Ask{Accept: "fin du programme"}, catalog.Published)
	if d := b.dataset("subventions"); d.Status != catalog.DatasetPublished || d.Version != 2 || d.Rows != 20 || !strings.Contains(accepted.Slot, "fin du programme") {
		t.Errorf("dataset %+v, slot %q", d, accepted.Slot)
	}
}

func TestRun_PublishesAFirstVersionThatHasSomeBadRows(t *testing.T) {
	b := newBench(t, grants)
	b.set("subventions", answer{body: grantFile(5, 20)})
	b.run("subventions", harvest.Ask{}, catalog.Published)
}

func TestRun_DoesNotPutBackWhatAPersonWithdrew(t *testing.T) {
	b := newBench(t, grants)
	b.set("subventions", answer{body: grantFile(3, 0)})
	b.run("subventions", harvest.Ask{}, catalog.Published)
	b.sql("UPDATE datasets SET status = 'withdrawn'")
	b.set("subventions", answer{body: grantFile(4, 0)})
	run := b.run("subventions", harvest.Ask{}, catalog.Failed)
	saysInFrench(t, run.Message, "retiré du portail")
	if d := b.dataset("subventions"); run.Retry || d.Version != 1 || d.Status != catalog.DatasetWithdrawn {
		t.Errorf("retry %v, dataset %+v", run.Retry, d)
	}
}

func TestRun_EndsWithItsContextAndLetsTheNextOneIn(t *testing.T) {
	for name, cancelled := range map[string]error{"with a plain end": nil, "with an end that has a cause": errors.New("stop initiated")} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, grants)
			b.set("subventions", answer{body: grantFile(3, 0), hang: true})
			ctx, cancel := context.WithCancelCause(context.Background())
			go func() { <-b.arrived; cancel(cancelled) }()
			run, err := b.runner.Run(ctx, b.source("subventions"), harvest.Ask{})
			if err != nil || run.Status != catalog.Failed || run.Stage != "fetch" || !run.Retry {
				t.Fatalf("run %+v, %v", run, err)
			}
			saysInFrench(t, run.Message, "Le moissonnage a été interrompu")
			wellSpaced(t, run.Message)
			if kept, err := b.store.Run(context.Background(), run.ID); err != nil || kept.Status != catalog.Failed || kept.Message != run.Message {
				t.Errorf("kept run %+v, %v", kept, err)
			}
			b.set("subventions", answer{body: grantFile(3, 0)})
			b.run("subventions", harvest.Ask{}, catalog.Published)
		})
	}
}

func TestRun_EndsWithItsTime(t *testing.T) {
	for name, dry := range map[string]bool{"a run": false, "a dry run": true} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, grants)
			b.runner.Timeout = 100 * time.Millisecond
			b.set("subventions", answer{body: grantFile(3, 0), hang: true})
			run := b.run("subventions", harvest.Ask{DryRun: dry}, catalog.Failed)
			saysInFrench(t, run.Message, "a dépassé le temps permis")
			wellSpaced(t, run.Message)
			if !run.Retry || run.Stage != "fetch" || !strings.Contains(run.Error, "deadline") {
				t.Errorf("run %+v", run)
			}
		})
	}
}

func TestRun_ThatLostItsLeasePublishesNothing(t *testing.T) {
	for name, lease := range map[string]time.Duration{"and notices": 60 * time.Millisecond, "and does not notice before it publishes": time.Hour} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, grants)
			b.runner.Lease = lease
			b.set("subventions", answer{body: grantFile(3, 0), hang: true})
			go func() {
				<-b.arrived
				gone, err := b.store.Abandoned(context.Background(), time.Now().Add(2*time.Hour))
				if err != nil || len(gone) != 1 {
					t.Errorf("%d abandoned, %v", len(gone), err)
				}
				if lease == time.Hour {
					close(b.release)
				}
			}()
			run := b.run("subventions", harvest.Ask{}, catalog.Failed)
			saysInFrench(t, run.Message, "repris à zéro")
			wellSpaced(t, run.Message)
			if run.Retry || run.Version != 0 {
				t.Errorf("run %+v", run)
			}
			kept, err := b.store.Run(context.Background(), run.ID)
			if err != nil || kept.Status != catalog.Failed || !strings.Contains(kept.Error, "abandoned") {
				t.Errorf("kept run %+v, %v", kept, err)
			}
			if b.events() != 0 {
				t.Error("something was published")
			}
		})
	}
}

func TestRun_KeepsItsLeaseWhileItWorks(t *testing.T) {
	b := newBench(t, grants)
	b.runner.Lease = 90 * time.Millisecond
	b.set("subventions", answer{body: grantFile(3, 0), hang: true})
	go func() {
		<-b.arrived
		time.Sleep(300 * time.Millisecond)
		if gone, err := b.store.Abandoned(context.Background(), time.Now()); err != nil || len(gone) != 0 {
			t.Errorf("abandoned %v, %v", gone, err)
		}
		close(b.release)
	}()
	b.run("subventions", harvest.Ask{}, catalog.Published)
}

func TestRun_DryKeepsAndRecordsNothing(t *testing.T) {
	b := newBench(t, grants)
	b.set("subventions", answer{body: grantFile(3, 1)})
	run := b.run("subventions", harvest.Ask{DryRun: true}, catalog.Published)
	if run.Rows != 4 || run.Rejected != 1 || run.Report == nil || run.Version != 0 {
		t.Errorf("run %+v", run)
	}
	b.set("subventions", answer{body: grantFile(0, 1)})
	b.run("subventions", harvest.Ask{DryRun: true}, catalog.Held)
	b.set("subventions", answer{status: 500})
	b.run("subventions", harvest.Ask{DryRun: true}, catalog.Failed)
	if runs, err := b.store.Runs(context.Background(), catalog.RunQuery{}); err != nil || len(runs) != 0 {
		t.Errorf("%d runs are recorded, %v", len(runs), err)
	}
	if b.blobCount("") != 0 || b.events() != 0 {
		t.Errorf("%d blobs, %d events", b.blobCount(""), b.events())
	}
}

func TestRun_LetsOneOfManyIn(t *testing.T) {
	b := newBench(t, grants)
	b.set("subventions", answer{body: grantFile(3, 0), hang: true})
	source := b.source("subventions")
	const racers = 8
	ends := make(chan error, racers)
	for range racers {
		go func() {
			run, err := b.runner.Run(context.Background(), source, harvest.Ask{})
			if err == nil && run.Status != catalog.Published {
				err = fmt.Errorf("run is %s: %s", run.Status, run.Error)
			}
			ends <- err
		}()
	}
	for range racers - 1 { // the winner hangs until all the others are out
		if err := <-ends; !errors.Is(err, catalog.ErrBusy) {
			t.Errorf("a loser ended with %v", err)
		}
	}
	close(b.release)
	if err := <-ends; err != nil {
		t.Errorf("the winner ended with %v", err)
	}
	if b.asked["/subventions"] != 1 {
		t.Errorf("the server was asked %d times", b.asked["/subventions"])
	}
}

// many makes n sources of the recipe.
func many(n int) (recipes []string) {
	for i := range n {
		name := fmt.Sprintf("jeu-%d", i)
		text := strings.Replace(grants, "name: subventions", "name: "+name, 1)
		recipes = append(recipes, strings.Replace(text, "dataset: {", "dataset: {key: "+name+", ", 1))
	}
	return recipes
}

func TestRunAll_RunsAsManyAtOnceAsAskedFor(t *testing.T) {
	b := newBench(t, many(6)...)
	var sources []catalog.Source
	for i := range 6 {
		name := fmt.Sprintf("jeu-%d", i)
		b.set(name, answer{body: grantFile(3, 0), hang: true})
		sources = append(sources, b.source(name))
	}
	go func() {
		<-b.arrived
		<-b.arrived // two at once: let them and the others go on
		close(b.release)
	}()
	seen := map[string]catalog.Status{}
	err := b.runner.RunAll(context.Background(), sources, 2, harvest.Ask{}, func(r harvest.Result) {
		seen[r.Source.ID] = r.Run.Status
		if r.Err != nil {
			t.Error(r.Err)
		}
	})
	if err != nil || len(seen) != 6 || b.most.Load() != 2 {
		t.Errorf("%v, %d at once: %v", err, b.most.Load(), seen)
	}
	for id, s := range seen {
		if s != catalog.Published {
			t.Errorf("%s is %s", id, s)
		}
	}
}

func TestRunAll_EndsWithItsContext(t *testing.T) {
	b := newBench(t, many(4)...)
	var sources []catalog.Source
	for i := range 4 {
		name := fmt.Sprintf("jeu-%d", i)
		b.set(name, answer{body: grantFile(3, 0), hang: true})
		sources = append(sources, b.source(name))
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-b.arrived; cancel() }()
	var ended []catalog.Run
	err := b.runner.RunAll(ctx, sources, 1, harvest.Ask{}, func(r harvest.Result) { ended = append(ended, r.Run) })
	if !errors.Is(err, context.Canceled) || len(ended) != 1 || ended[0].Status != catalog.Failed {
		t.Errorf("%v: %+v", err, ended)
	}
}

func TestRun_SaysWhenARecipeIsNoLongerValid(t *testing.T) {
	b := newBench(t, grants)
	b.runner.Connectors = harvest.Connectors{}
	run := b.run("subventions", harvest.Ask{}, catalog.Failed)
	saysInFrench(t, run.Message, "La recette «\u00a0subventions\u00a0» n’est plus valable")
	wellSpaced(t, run.Message)
	if run.Retry || !strings.Contains(run.Error, "http") {
		t.Errorf("retry %v, error %q", run.Retry, run.Error)
	}
}

func TestRun_GivesSignsOfLife(t *testing.T) {
	b := newBench(t, grants)
	file := grantFile(50, 0)
	b.set("subventions", answer{body: file})
	var last harvest.Step
	seen := map[harvest.Stage]bool{}
	b.runner.Progress = func(s harvest.Step) { last, seen[s.Stage] = s, true }
	b.run("subventions", harvest.Ask{}, catalog.Published)
	if !seen[harvest.StageFetch] || !seen[harvest.StageCheck] || last.Rows != 50 || last.Bytes != int64(len(file)) {
		t.Errorf("last %+v of %v", last, seen)
	}
}

func TestTry_HandsOverTheDocumentsAndKeepsNothing(t *testing.T) {
	b := newBench(t, grants)
	b.set("subventions", answer{body: "a;b\n"})
	var got string
	err := b.runner.Try(context.Background(), b.source("subventions"), func(d harvest.Document) error {
		text, err := io.ReadAll(d.Body)
		got += string(text)
		return err
	})
	if err != nil || got != "a;b\n" || b.blobCount("") != 0 {
		t.Errorf("%q, %v, %d blobs", got, err, b.blobCount(""))
	}
	b.set("subventions", answer{status: 403})
	err = b.runner.Try(context.Background(), b.source("subventions"), func(harvest.Document) error { return nil })
	saysInFrench(t, harvest.SentenceOf(err), "403")
}
