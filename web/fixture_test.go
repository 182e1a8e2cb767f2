package web

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"grenier/catalog"
	"grenier/publish"
	"grenier/schemas"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const base = "https://donnees.example.org"

var (
	namespace = uuid.MustParse("6f0a2b0e-9d35-4a51-8a52-3f3b1f1f0a01")
	paris     = mustLocation("Europe/Paris")
	now       = time.Date(2026, 3, 4, 9, 30, 0, 0, paris)
)

func mustLocation(name string) *time.Location {
	l, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return l
}

// A world is a small catalogue in memory: the parts of Store, Index and BlobStore that package web uses.
type world struct {
	catalog.Store
	mu        sync.Mutex
	members   []catalog.Member
	datasets  []catalog.Dataset
	oldSlugs  map[string]uuid.UUID
	versions  map[uuid.UUID][]catalog.Version
	runs      []catalog.Run
	reports   map[string]*schemas.Report // by run
	events    []catalog.Event
	withdrawn map[uuid.UUID]catalog.Withdrawal
	blobs     map[string][]byte
	logos     map[string][]byte
	down      error // when set, the store answers this
	deaf      error // when set, the index answers this
	reads     int   // calls of EachDataset and Renditions
	kept      map[uuid.UUID]catalog.Rendition
	revisions int  // calls of Revision
	elsewhere bool // changes are made by another process
	feeds     map[string]catalog.Feed
	unwanted  map[string]bool // sources that are no longer in the manifest
}

var (
	aubin = catalog.Member{SIREN: "213900137", Name: "Saint-Aubin-sur-Aurence", Kind: catalog.Commune, INSEE: "39013", Population: 4210, Email: "mairie@saint-aubin.example.org", Website: "https://saint-aubin.example.org",
		Colours: catalog.Colours{Main: "#2b6b47", Accent: "#9c3d00"}}
	brenne = catalog.Member{SIREN: "243900420", Name: "Communauté de communes du Pays de Brenne", Kind: catalog.EPCI, Population: 18430}
	vide   = catalog.Member{SIREN: "253900211", Name: "Syndicat des eaux de la Haute-Aurence", Kind: catalog.Syndicat, Website: "javascript:alert(1)"}
)

func datasetFor(m catalog.Member, key, slug, title string, at time.Time) catalog.Dataset {
	d := catalog.Dataset{ID: catalog.DatasetID(namespace, m.SIREN, key), Slug: slug, Key: key, Member: m, Source: m.SIREN + "/" + slug, Title: title,
		License: "lov2", Frequency: "DAILY", Issued: at.AddDate(0, -2, 0), Modified: at, Checked: at, Status: catalog.DatasetPublished, Version: 1, Valid: true}
	return d
}

func newWorld() *world {
	w := &world{oldSlugs: map[string]uuid.UUID{}, versions: map[uuid.UUID][]catalog.Version{}, reports: map[string]*schemas.Report{}, blobs: map[string][]byte{}, logos: map[string][]byte{"0123.svg": []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`)},
		members: []catalog.Member{aubin, brenne, vide}}

	d := datasetFor(aubin, "scdl/deliberations", "deliberations-saint-aubin", "Délibérations du conseil municipal", time.Date(2026, 3, 4, 4, 2, 0, 0, time.UTC))
	d.Description = "Chaque ligne est une délibération votée : son objet, sa date, son résultat. Les annexes ne sont pas publiées.\n\nVoir https://saint-aubin.example.org/conseil (procès-verbaux).\n\n- séances ordinaires\n- séances extraordinaires"
	d.SchemaName, d.SchemaVersion, d.Keywords, d.Themes, d.TemporalFrom, d.TemporalTo = "essai/deliberations", "2.1.0", []string{"conseil municipal", "délibérations"}, []string{"GOVE"}, "2019-01-08", "2026-02-27"
	d.Fields = []catalog.FieldInfo{{Name: "DELIB_ID", Title: "Identifiant de la délibération", Type: "string", Description: "Unique dans la commune."}, {Name: "DELIB_DATE", Title: "Date du vote", Type: "date"}, {Name: "VOTE_POUR", Type: "integer"}}
	w.add(d, "DELIB_ID,DELIB_DATE,VOTE_POUR\nD1,2026-02-27,15\nD2,2026-02-27,14\n", 2, 0)
	w.publish(d.ID, "DELIB_ID,DELIB_DATE,VOTE_POUR\nD1,2026-02-27,15\nD2,2026-02-27,14\nD3,2026-02-27,9\n", 3, 0, time.Date(2026, 3, 4, 4, 2, 0, 0, time.UTC))
	w.oldSlugs["anciennes-deliberations"] = d.ID

	s := datasetFor(aubin, "scdl/subventions", "subventions-saint-aubin", "Subventions attribuées par Saint-Aubin-sur-Aurence", time.Date(2026, 3, 2, 4, 0, 0, 0, time.UTC))
	s.Description = "Chaque ligne est une subvention votée : à qui, combien, quand, pour quoi."
	s.Themes, s.Status, s.Valid = []string{"ECON", "GOVE"}, catalog.DatasetHeld, false
	s.SchemaName, s.SchemaVersion = "essai/subventions", "2.1.1"
	w.add(s, strings.Repeat("a,b\n", 997), 997, 3)
	w.runs = append(w.runs, catalog.Run{ID: "run-held", Source: s.Source, Member: aubin.SIREN, Started: now.Add(-5 * time.Hour), Ended: now.Add(-5 * time.Hour), Status: catalog.Held, Stage: "gate",
		Message: "Le fichier reçu a perdu 40 % de ses lignes. La dernière version reste en ligne ; confirmez la livraison ou corrigez l’export.", Error: "gate: rows fell from 997 to 598 at /srv/secret"})

	h := datasetFor(brenne, "hostile", "hostile", `<script>window.__xss=1</script>`, time.Date(2026, 3, 3, 22, 15, 0, 0, time.UTC))
	h.Description = "Lisez javascript:alert(1) et <img src=x onerror=alert(2)> puis https://ok.example.org/?a=1&b=<b>."
	h.Keywords, h.Status = []string{`"><script>alert(3)</script>`}, catalog.DatasetStale
	h.Fields = []catalog.FieldInfo{{Name: `<svg onload=alert(4)>`, Title: `"onmouseover=alert(5)`, Type: "any"}}
	w.add(h, "x\n1\n", 1, 0)

	g := datasetFor(brenne, "retire", "jeu-retire", "Jeu retiré", time.Date(2026, 1, 3, 4, 0, 0, 0, time.UTC))
	g.Status = catalog.DatasetWithdrawn
	w.add(g, "x\n1\n", 1, 0)
	return w
}

// add creates a dataset with its first version.
func (w *world) add(d catalog.Dataset, csv string, rows, rejected int64) {
	w.datasets = append(w.datasets, d)
	w.publish(d.ID, csv, rows, rejected, d.Modified.AddDate(0, 0, -1))
	w.at(d.ID).Modified = d.Modified
}

func (w *world) at(id uuid.UUID) *catalog.Dataset {
	for i := range w.datasets {
		if w.datasets[i].ID == id {
			return &w.datasets[i]
		}
	}
	panic("no dataset " + id.String())
}

func (w *world) blob(body, ext string) (key, sum string) {
	h := sha256.Sum256([]byte(body))
	sum = hex.EncodeToString(h[:])
	key = "pub/" + sum[:2] + "/" + sum + ext
	w.blobs[key] = []byte(body)
	return key, sum
}

// publish adds a version, its run and its event.
func (w *world) publish(id uuid.UUID, csv string, rows, rejected int64, at time.Time) {
	d := w.at(id)
	n := len(w.versions[id]) + 1
	name := d.Key[strings.LastIndexByte(d.Key, '/')+1:]
	var files []catalog.File
	for _, f := range []struct{ format, ext, body string }{{"csv", ".csv", csv}, {"parquet", ".parquet", "PAR1" + csv + "PAR1"}} {
		key, sum := w.blob(f.body, f.ext)
		files = append(files, catalog.File{ID: catalog.FileID(id, f.format), Format: f.format, Name: name + f.ext, Title: strings.ToUpper(f.format), Key: key, Bytes: int64(len(f.body)), Rows: rows, SHA256: sum, Modified: at})
	}
	run := fmt.Sprintf("run-%s-%d", d.Slug, n)
	d.Version, d.Rows, d.Rejected, d.Files, d.Modified = n, rows, rejected, files, at
	w.versions[id] = slices.Insert(w.versions[id], 0, catalog.Version{Dataset: id, Number: n, Run: run, Published: at, Rows: rows, Rejected: rejected, Files: files})
	w.runs = append(w.runs, catalog.Run{ID: run, Source: d.Source, Member: d.Member.SIREN, Started: at.Add(-time.Minute), Ended: at, Status: catalog.Published, Dataset: id, Version: n, Rows: rows + rejected, Accepted: rows, Rejected: rejected})
	w.reports[run] = reportFor(d, rows, rejected)
	w.events = append(w.events, catalog.Event{Seq: int64(len(w.events)+1) * 3, Time: at, Kind: catalog.EventPublished, Dataset: id, Version: n})
}

func reportFor(d *catalog.Dataset, rows, rejected int64) *schemas.Report {
	r := &schemas.Report{Schema: d.SchemaName, Version: d.SchemaVersion, File: "export.csv", SHA256: "abc", Counts: []schemas.Count{}, Errors: []schemas.Issue{}, Warnings: []schemas.Issue{}, Repairs: []schemas.Repair{},
		Source: schemas.SourceInfo{Format: "csv", Encoding: "windows-1252", Delimiter: ";", Bytes: 18234, HeaderRow: 1}, Stats: schemas.Stats{Rows: rows + rejected, Accepted: rows, Rejected: rejected}}
	if rejected == 0 {
		r.Finish()
		r.Fingerprint = "0f1e2d3c4b5a69780f1e2d3c4b5a6978"
		return r
	}
	r.Add(schemas.Issue{Type: "type-error", Row: 14, Line: 15, Field: "dateConvention", Column: 5, Cell: "31/02/2024-secret", Message: "Cette valeur n’est pas une date.", Hint: "Écrivez la vraie date, en année-mois-jour."})
	r.Add(schemas.Issue{Type: "french-siret-value", Row: 208, Line: 209, Field: "idBeneficiaire", Column: 3, Cell: "44853829100012-secret", Message: "La clé de contrôle ne tombe pas juste.", Hint: "Vérifiez le numéro sur l’avis de situation."})
	r.Add(schemas.Issue{Type: "french-siret-value", Row: 611, Line: 613, Field: "idBeneficiaire", Column: 3, Cell: "7849210300019-secret", Message: "Le numéro a 13 chiffres au lieu de 14."})
	r.Warn(schemas.Issue{Type: "extra-header-warn", Field: "commentaire", Message: "La colonne « commentaire » n’est pas dans le schéma."})
	r.Repairs = append(r.Repairs, schemas.Repair{Op: "date-fr", Field: "dateConvention", Count: 400, Sample: &schemas.RepairSample{Row: 2, Before: "12/03/2024-secret", After: "2024-03-12"}})
	r.Finish()
	r.Fingerprint = "0f1e2d3c4b5a69780f1e2d3c4b5a6978" // neither the rules' version nor the words of causes are this package's to test
	r.Causes = []schemas.Cause{
		{Type: "french-siret-value", Field: "idBeneficiaire", Column: 3, Count: 2, First: schemas.Spot{Row: 208, Line: 209}, Last: schemas.Spot{Row: 611, Line: 613}, Cell: "44853829100012-secret", Message: "2 numéros SIRET erronés dans idBeneficiaire, lignes 209 et 613.",
			Detail: "« 44853829100012-secret » n’est pas un SIRET.", Right: "21390013700018-secret", Hint: "Écrivez « 448-secret ».", Next: "Vérifiez ces numéros."},
		{Type: "type-error", Field: "dateConvention", Column: 5, Count: 1, First: schemas.Spot{Row: 14, Line: 15}, Last: schemas.Spot{Row: 14, Line: 15}, Cell: "31/02/2024-secret", Message: "« 31/02/2024-secret » n’est pas une date, ligne 15.",
			Detail: "Cette valeur n’est pas une date.", Right: "2024-02-secret", Hint: "Écrivez la vraie date, en année-mois-jour."},
	}
	return r
}

func (w *world) online(q catalog.DatasetQuery) []catalog.Dataset {
	var out []catalog.Dataset
	for _, d := range w.datasets {
		if d.Status != catalog.DatasetWithdrawn && (q.Member == "" || d.Member.SIREN == q.Member) && (q.Schema == "" || d.SchemaName == q.Schema) {
			out = append(out, d)
		}
	}
	return out
}

func (w *world) Datasets(_ context.Context, q catalog.DatasetQuery) ([]catalog.Dataset, int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down != nil {
		return nil, 0, w.down
	}
	out := w.online(q)
	slices.SortStableFunc(out, func(a, b catalog.Dataset) int { return b.Modified.Compare(a.Modified) })
	if q.IDs != nil {
		var ordered []catalog.Dataset
		for _, id := range q.IDs {
			for _, d := range out {
				if d.ID == id {
					ordered = append(ordered, d)
				}
			}
		}
		out = ordered
	}
	total := len(out)
	out = out[min(q.Offset, total):]
	if q.Limit > 0 {
		out = out[:min(q.Limit, len(out))]
	}
	return out, total, nil
}

func (w *world) EachDataset(_ context.Context, q catalog.DatasetQuery, fn func(catalog.Dataset) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads++
	if w.down != nil {
		return w.down
	}
	for _, d := range w.online(q) {
		if err := fn(d); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) Dataset(_ context.Context, id uuid.UUID) (catalog.Dataset, error) {
	for _, d := range w.datasets {
		if d.ID == id {
			return d, w.down
		}
	}
	return catalog.Dataset{}, catalog.ErrNotFound
}

func (w *world) DatasetBySlug(ctx context.Context, slug string) (catalog.Dataset, error) {
	if id, ok := w.oldSlugs[slug]; ok {
		return w.Dataset(ctx, id)
	}
	for _, d := range w.datasets {
		if d.Slug == slug {
			return d, w.down
		}
	}
	return catalog.Dataset{}, catalog.ErrNotFound
}

func (w *world) Versions(_ context.Context, id uuid.UUID) ([]catalog.Version, error) {
	return w.versions[id], w.down
}

func (w *world) File(_ context.Context, id uuid.UUID, version int) (catalog.File, catalog.Dataset, error) {
	for _, d := range w.datasets {
		for _, v := range w.versions[d.ID] {
			for _, f := range v.Files {
				if f.ID == id && (v.Number == version || version == 0 && v.Number == d.Version) {
					return f, d, w.down
				}
			}
		}
	}
	return catalog.File{}, catalog.Dataset{}, catalog.ErrNotFound
}

func (w *world) FileOwner(_ context.Context, id uuid.UUID) (catalog.Dataset, error) {
	for _, d := range w.datasets {
		for _, v := range w.versions[d.ID] {
			if slices.ContainsFunc(v.Files, func(f catalog.File) bool { return f.ID == id }) {
				return d, w.down
			}
		}
	}
	return catalog.Dataset{}, catalog.ErrNotFound
}

func (w *world) Withdrawal(_ context.Context, id uuid.UUID) (catalog.Withdrawal, error) {
	if x, ok := w.withdrawn[id]; ok {
		return x, w.down
	}
	return catalog.Withdrawal{}, catalog.ErrNotFound
}

func (w *world) Member(_ context.Context, siren string) (catalog.Member, error) {
	for _, m := range w.members {
		if m.SIREN == siren {
			return m, w.down
		}
	}
	return catalog.Member{}, catalog.ErrNotFound
}

func (w *world) Members(_ context.Context, q catalog.MemberQuery) ([]catalog.Member, int, error) {
	var out []catalog.Member
	for _, m := range w.members {
		if (q.Kind == "" || m.Kind == q.Kind) && strings.Contains(strings.ToLower(m.Name), strings.ToLower(q.Text)) {
			m.Datasets = len(w.online(catalog.DatasetQuery{Member: m.SIREN}))
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b catalog.Member) int { return cmp.Compare(a.Name, b.Name) })
	total := len(out)
	out = out[min(q.Offset, total):]
	if q.Limit > 0 {
		out = out[:min(q.Limit, len(out))]
	}
	return out, total, w.down
}

func (w *world) Sources(context.Context, catalog.SourceQuery) ([]catalog.Source, error) {
	return nil, nil
}

func (w *world) Logo(_ context.Context, name string) ([]byte, error) {
	if data, ok := w.logos[name]; ok {
		return data, nil
	}
	return nil, catalog.ErrNotFound
}

func (w *world) Runs(_ context.Context, q catalog.RunQuery) ([]catalog.Run, error) {
	var out []catalog.Run
	for _, r := range w.runs {
		if (q.Source == "" || r.Source == q.Source) && (q.Member == "" || r.Member == q.Member) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b catalog.Run) int { return b.Started.Compare(a.Started) })
	if q.Limit > 0 {
		out = out[:min(q.Limit, len(out))]
	}
	return out, w.down
}

func (w *world) RunOfVersion(_ context.Context, id uuid.UUID, version int) (catalog.Run, error) {
	for _, r := range w.runs {
		if r.Dataset == id && r.Version == version {
			r.Report = w.reports[r.ID]
			return r, w.down
		}
	}
	return catalog.Run{}, catalog.ErrNotFound
}

func (w *world) Stats(context.Context) (catalog.Stats, error) {
	st := catalog.Stats{Members: len(w.members), Sources: 4, ByStatus: map[catalog.Status]int{catalog.Published: 3, catalog.Held: 1}, LastRun: time.Date(2026, 3, 4, 4, 12, 0, 0, time.UTC)}
	for _, d := range w.online(catalog.DatasetQuery{}) {
		st.Datasets++
		st.Rows += d.Rows
	}
	return st, w.down
}

func (w *world) Events(_ context.Context, after int64, limit int) ([]catalog.Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []catalog.Event
	for _, e := range w.events {
		if e.Seq > after && len(out) < limit {
			out = append(out, e)
		}
	}
	return out, w.down
}

func (w *world) Check(context.Context) error { return w.down }

// An index finds by a part of the title, and counts facets as the contract says.
type index struct {
	catalog.Index
	w *world
}

func (x index) Search(_ context.Context, q catalog.Query) (catalog.Page, error) {
	if x.w.deaf != nil {
		return catalog.Page{}, x.w.deaf
	}
	facet := map[string]func(catalog.Dataset) []string{
		"membre": func(d catalog.Dataset) []string { return []string{d.Member.SIREN} }, "schema": func(d catalog.Dataset) []string { return []string{cmp.Or(d.SchemaName, "-")} },
		"theme": func(d catalog.Dataset) []string { return d.Themes }, "type": func(d catalog.Dataset) []string { return []string{string(d.Member.Kind)} },
		"territoire": func(d catalog.Dataset) []string { return nonEmpty(d.Member.INSEE) }, "format": func(d catalog.Dataset) []string { return []string{"csv", "parquet"} },
	}
	chosen := map[string][]string{"membre": q.Members, "schema": q.Schemas, "theme": q.Themes, "type": q.Kinds, "territoire": q.Territory, "format": q.Formats}
	p := catalog.Page{Facets: map[string][]catalog.Facet{}}
	matches := func(d catalog.Dataset, but string) bool {
		for name, values := range chosen {
			if name != but && len(values) > 0 && !slices.ContainsFunc(facet[name](d), func(v string) bool { return slices.Contains(values, v) }) {
				return false
			}
		}
		return strings.Contains(strings.ToLower(d.Title), strings.ToLower(q.Text))
	}
	for _, d := range x.w.online(catalog.DatasetQuery{}) {
		if matches(d, "") {
			p.Total++
			p.IDs = append(p.IDs, d.ID.String())
		}
		for name, of := range facet {
			for _, v := range of(d) {
				if matches(d, name) {
					p.Facets[name] = counted(p.Facets[name], v, d)
				}
			}
		}
	}
	size := cmp.Or(q.Size, 20)
	from := min((max(q.Page, 1)-1)*size, len(p.IDs))
	p.IDs = p.IDs[from:min(from+size, len(p.IDs))]
	return p, nil
}

func nonEmpty(v string) []string {
	if v == "" {
		return nil
	}
	return []string{v}
}

func counted(fs []catalog.Facet, v string, d catalog.Dataset) []catalog.Facet {
	for i := range fs {
		if fs[i].Value == v {
			fs[i].Count++
			return fs
		}
	}
	label := v
	if v == d.Member.SIREN || v == d.Member.INSEE {
		label = d.Member.Name
	}
	return append(fs, catalog.Facet{Value: v, Label: label, Count: 1})
}

type blobs struct {
	publish.BlobStore
	w *world
}

type blob struct{ *bytes.Reader }

func (blob) Close() error { return nil }

func (b blobs) Open(_ context.Context, key string) (publish.Blob, error) {
	body, ok := b.w.blobs[key]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: key, Err: fs.ErrNotExist}
	}
	return blob{bytes.NewReader(body)}, nil
}

func (b blobs) Stat(_ context.Context, key string) (int64, error) {
	if b.w.down != nil {
		return 0, b.w.down
	}
	return 0, fs.ErrNotExist
}

var _ io.ReaderAt = blob{}

// testSchemas are our own, in the shape of the national ones.
func testSchemas(t testing.TB) *schemas.Set {
	t.Helper()
	set, err := schemas.Load(fstest.MapFS{
		"essai/deliberations/2.0.0/schema.json": {Data: []byte(`{"name": "deliberations", "title": "Délibérations", "fields": [{"name": "DELIB_ID", "type": "string"}]}`)},
		"essai/deliberations/2.1.0/schema.json": {Data: []byte(`{"name": "deliberations", "title": "Délibérations", "description": "Les délibérations des assemblées locales.",
			"fields": [{"name": "DELIB_ID", "title": "Identifiant", "description": "Unique dans la commune.", "example": "2026-014", "type": "string", "constraints": {"required": true}}, {"name": "DELIB_DATE", "type": "date"}]}`)},
		"essai/subventions/2.1.1/schema.json": {Data: []byte(`{"name": "subventions", "title": "Subventions", "fields": [{"name": "montant", "type": "number"}]}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func config(t testing.TB, w *world) Config {
	return Config{Store: w, Index: index{w: w}, Blobs: blobs{w: w}, Schemas: testSchemas(t), Namespace: namespace, BaseURL: base, Version: "1.2.3", Location: paris,
		Site:  Site{Name: "Données ouvertes du Val-d’Aurence", Operator: "Numérival", SIREN: "253900999", Email: "contact@numerival.example.org", Colours: catalog.Colours{Main: "#1f4d5c", Accent: "#a84b18"}},
		Check: CheckConfig{Judge: fakeJudge{}, Dir: t.TempDir(), MaxBytes: 10_000, PerMinute: 600},
		Now:   func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}
}

func newServer(t testing.TB, c Config) *Server {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	s.handler = witnessed(t, s.handler)
	return s
}

// site is the usual server over the usual world.
func site(t testing.TB) (*world, http.Handler) {
	w := newWorld()
	return w, newServer(t, config(t, w)).Handler()
}

// ask sends one request; headers are name, value, name, value…
func ask(h http.Handler, method, target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

func get(h http.Handler, target string, headers ...string) *httptest.ResponseRecorder {
	return ask(h, http.MethodGet, target, headers...)
}

// want fails when the answer has another status, or lacks one of the texts. A plain space in a text also stands for one that does not break.
func want(t *testing.T, rec *httptest.ResponseRecorder, status int, texts ...string) {
	t.Helper()
	if rec.Code != status {
		t.Fatalf("status %d, want %d\n%s", rec.Code, status, rec.Body)
	}
	body := plain(rec.Body.String())
	for _, text := range texts {
		if !strings.Contains(body, text) {
			t.Errorf("answer lacks %q\n%s", text, body)
		}
	}
}

func wantHeader(t *testing.T, rec *httptest.ResponseRecorder, name, value string) {
	t.Helper()
	if got := rec.Header().Get(name); got != value {
		t.Errorf("%s: %q, want %q", name, got, value)
	}
}

func lacks(t *testing.T, rec *httptest.ResponseRecorder, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(plain(rec.Body.String()), text) {
			t.Errorf("answer holds %q\n%s", text, rec.Body)
		}
	}
}

func plain(text string) string {
	return strings.NewReplacer(nbsp, " ", thin, " ", "&nbsp;", " ", "&#8239;", " ").Replace(text)
}

// golden compares with a file of testdata, or rewrites it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	wanted, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(wanted), got); diff != "" {
		t.Errorf("%s differs (-want +got); run with -update if that is right:\n%s", name, diff)
	}
}

var errDown = errors.New("disk on fire at /srv/secret")
