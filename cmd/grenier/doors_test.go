package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"grenier/catalog/store"
	"grenier/schemas"

	"github.com/xuri/excelize/v2"
)

// A judged is what every door must say alike of the same bytes.
type judged struct {
	Schema, Version, SHA256, Fingerprint string
	Valid                                bool
	Rows, Accepted, Rejected, Errors     int64
	Counts                               string
}

func judgedOf(r *schemas.Report) judged {
	return judged{r.Schema, r.Version, r.SHA256, r.Fingerprint, r.Valid, r.Stats.Rows, r.Stats.Accepted, r.Stats.Rejected, r.Stats.Errors, fmt.Sprint(r.Counts)}
}

// doorFiles are three files at fault, in three syntaxes, with the schema and the recipe they are for.
func doorFiles(t *testing.T) []doorFile {
	t.Helper()
	head := "COMMUNE_NOM,COLL_INSEE,ENFANT_SEXE,ENFANT_PRENOM,NOMBRE_OCCURRENCES,ANNEE"
	rows := [][]string{strings.Split(head, ","), {"Valmeyrac", "39013", "F", "Zoé", "7", "2024"}, {"Valmeyrac", "39013", "X", "Noé", "beaucoup", "2024"}, {"Valmeyrac", "39013", "M", "", "5", "2024"}}
	var text strings.Builder
	for _, r := range rows {
		text.WriteString(strings.Join(r, ",") + "\n")
	}
	book := excelize.NewFile()
	defer book.Close()
	for i, r := range rows {
		if err := book.SetSheetRow("Sheet1", fmt.Sprintf("A%d", i+1), &r); err != nil {
			t.Fatal(err)
		}
	}
	var sheet bytes.Buffer
	if err := book.Write(&sheet); err != nil {
		t.Fatal(err)
	}
	contract := func(id, date string) string {
		return fmt.Sprintf(`{"id": %q, "acheteur": {"id": "21390013700018"}, "nature": "Marché", "objet": "Fournitures de bureau", "codeCPV": "30192000-1", "procedure": "Procédure adaptée", "lieuExecution": {"code": "39013", "typeCode": "Code commune"}, "dureeMois": 12, "dateNotification": %q, "montant": 12000, "formePrix": ["Ferme"]}`, id, date)
	}
	return []doorFile{
		{"prenoms.csv", "scdl/prenoms", []byte(text.String())},
		{"prenoms.xlsx", "scdl/prenoms", sheet.Bytes()},
		{"decp.json", "139bercy/format-commande-publique", []byte(`{"marches": {"marche": [` + contract("2024-01", "2024-02-30") + "," + contract("2024-02", "2024-02-20") + `]}}`)},
	}
}

type doorFile struct {
	name, schema string
	content      []byte
}

// TestDoors_GiveTheSameVerdictAndFingerprint sends the same bytes through the command, the API in its three ways, the page and a harvest.
func TestDoors_GiveTheSameVerdictAndFingerprint(t *testing.T) {
	files := doorFiles(t)
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := slices.IndexFunc(files, func(f doorFile) bool { return "/"+f.name == r.URL.Path })
		if i < 0 {
			http.NotFound(w, r)
			return
		}
		w.Write(files[i].content)
	}))
	defer source.Close()
	host := strings.TrimPrefix(source.URL, "http://")
	i := newInstance(t, host)
	i.write(t, "grenier.yaml", fmt.Sprintf("harvest:\n  workers: 4\n  jitter: -1s\n  allow: [%q]\n  hosts: {%q: {parallel: 8, every: -1s}}\ncheck: {allow: [%q], per_minute: 600}\n", host, host, host))
	harvested := i.harvestDoors(t, source.URL, files)
	p := i.serve(t, "--roles", "web")
	defer p.stop(t)
	for _, f := range files {
		t.Run(f.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), f.name)
			if err := os.WriteFile(path, f.content, 0o600); err != nil {
				t.Fatal(err)
			}
			var first schemas.Report
			unmarshal(t, i.must(t, exitBad, "validate", "--schema", f.schema, "--format", "json", path).out, &first)
			want := judgedOf(&first)
			if want.Fingerprint == "" || want.Errors == 0 {
				t.Fatalf("the file proves nothing: %+v", want)
			}
			request, _ := json.Marshal(map[string]string{"url": source.URL + "/" + f.name, "schema": f.schema})
			form, media := doorForm(f, f.schema)
			for door, got := range map[string]judged{
				"form":    p.posted(t, "/api/1/valider", media, form),
				"raw":     p.posted(t, "/api/1/valider?name="+f.name+"&schema="+f.schema, "application/octet-stream", f.content),
				"address": p.posted(t, "/api/1/valider", "application/json", request),
				"harvest": harvested[f.name],
			} {
				if got != want {
					t.Errorf("%s:\n%+v, the command says\n%+v", door, got, want)
				}
			}
			if got := p.page(t, media, form); got != want.Fingerprint {
				t.Errorf("page: fingerprint %s, the command says %s", got, want.Fingerprint)
			}
		})
	}
}

// harvestDoors harvests each file as a source of its own, as it comes, and gives what the runs report.
func (i instance) harvestDoors(t *testing.T, base string, files []doorFile) map[string]judged {
	t.Helper()
	var b strings.Builder
	b.WriteString("members:\n  - {siren: \"213900137\", name: Valmeyrac, kind: commune, insee: \"39013\", siret: \"21390013700018\"}\nrecipes:\n")
	for n, f := range files {
		fmt.Fprintf(&b, "  - name: porte-%d\n    title: Porte %d\n    connector: http\n    options: {url: %q, retries: 0}\n    schema: %s\n    dataset: {key: porte-%d, title: \"Porte %d\"}\n", n, n, base+"/"+f.name, f.schema, n, n)
	}
	b.WriteString("sources:\n")
	for n := range files {
		fmt.Fprintf(&b, "  - {member: \"213900137\", recipe: porte-%d}\n", n)
	}
	i.must(t, exitOK, "apply", i.write(t, "portes.yaml", b.String()))
	i.run(t, "harvest", "--all") // whether a version is published or held is the gate's matter
	kept, err := store.Open(t.Context(), "sqlite:"+i.path("data/grenier.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	found := map[string]judged{}
	for _, r := range i.runs(t) {
		whole, err := kept.Run(t.Context(), r.ID)
		if err != nil {
			t.Fatal(err)
		}
		for n, f := range files {
			if strings.HasSuffix(r.Source, fmt.Sprintf("porte-%d", n)) && whole.Report != nil {
				found[f.name] = judgedOf(whole.Report)
			}
		}
	}
	if len(found) != len(files) {
		t.Errorf("%d of %d files were harvested and judged: %+v", len(found), len(files), i.runs(t))
	}
	return found
}

// posted sends a body to the API and reads the report.
func (p *portal) posted(t *testing.T, path, media string, body []byte) judged {
	t.Helper()
	status, answer := p.post(t, path, media, body)
	var r schemas.Report
	if status != http.StatusOK {
		t.Errorf("POST %s: %d %.300s", path, status, answer)
		return judged{}
	}
	unmarshal(t, string(answer), &r)
	return judgedOf(&r)
}

func (p *portal) post(t *testing.T, path, media string, body []byte) (status int, answer []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Content-Type", media)
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if answer, err = io.ReadAll(r.Body); err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, answer
}

var shownFingerprint = regexp.MustCompile(`empreinte du contrôle ([0-9a-f]{32})`)

// page sends a form to the page and reads the fingerprint that it shows.
func (p *portal) page(t *testing.T, media string, form []byte) string {
	t.Helper()
	status, answer := p.post(t, "/verifier", media, form)
	m := shownFingerprint.FindSubmatch(answer)
	if status != http.StatusOK || m == nil {
		t.Errorf("page: %d %.600s", status, answer)
		return ""
	}
	return string(m[1])
}

func doorForm(f doorFile, schema string) (form []byte, media string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	w.WriteField("schema", schema)
	part, err := w.CreateFormFile("file", f.name)
	if err == nil {
		_, err = part.Write(f.content)
	}
	if err != nil || w.Close() != nil {
		panic("a form in memory cannot fail")
	}
	return b.Bytes(), w.FormDataContentType()
}
