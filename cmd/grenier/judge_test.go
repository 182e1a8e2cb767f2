package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"grenier/harvest"
	"grenier/schemas"
	"grenier/web"
)

// A visitor reaches neither this machine nor what harvest.allow opens to the members' sources, and is told no more than of a closed port.
func TestVisitorJudge_ReachesNothingPrivate(t *testing.T) {
	var asked atomic.Int32
	inside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { asked.Add(1); w.Write([]byte(births)) }))
	defer inside.Close()
	c := Default()
	c.Data, c.Harvest.Allow = t.TempDir(), []string{strings.TrimPrefix(inside.URL, "http://")}
	c.complete()
	p := &program{config: c, schemas: schemas.National(), temp: c.Data}
	checks, err := p.visitorChecks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	for _, url := range []string{inside.URL, "http://127.0.0.1:1/", "http://169.254.169.254/latest/meta-data", "http://[::1]:1/", "http://localhost:1/"} {
		_, err := checks.Judge.Judge(t.Context(), web.Upload{URL: url, Dir: t.TempDir()})
		no := (*web.Refusal)(nil)
		if !errors.As(err, &no) || no.Reason != web.Unreachable || strings.Contains(no.French, "127.0.0.1") {
			t.Errorf("%s: %v", url, err)
			continue
		}
		said[no.French] = true
	}
	if asked.Load() > 0 || len(said) != 1 {
		t.Errorf("asked %d times; said %v", asked.Load(), said)
	}
}

func TestVisitorJudge_ReadsWhatIsOpenedToVisitors(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/absent":
			http.NotFound(w, r)
		case "/grand":
			w.Write(make([]byte, 2000))
		default:
			w.Header().Set("Content-Disposition", `attachment; filename="../../naissances.csv"`)
			w.Write([]byte(badBirths))
		}
	}))
	defer server.Close()
	client, err := harvest.NewClient(harvest.ClientConfig{Allow: []string{strings.TrimPrefix(server.URL, "http://")}, MaxBytes: 1000, Hosts: map[string]harvest.HostRule{"*": {Parallel: 4, Every: -1}}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	j := visitorJudge{schemas.National(), client}
	v, err := j.Judge(t.Context(), web.Upload{URL: server.URL + "/x", Dir: t.TempDir(), Fix: true})
	if err != nil {
		t.Fatal(err)
	}
	r := v.Report
	if r.Schema != "scdl/prenoms" || r.File != "naissances.csv" || r.Stats.Rows != 2 || r.Stats.Rejected != 1 || r.Recognition == nil || r.Recognition.Candidates[0].ID != v.Schema.ID {
		t.Errorf("report %+v", r)
	}
	for path, says := range map[string]string{"/absent": "(404)", "/grand": "Aucun fichier"} {
		_, err := j.Judge(t.Context(), web.Upload{URL: server.URL + path, Dir: t.TempDir()})
		no := (*web.Refusal)(nil)
		if !errors.As(err, &no) || !strings.Contains(no.French, says) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestVisitorJudge_SaysWhyThereIsNoVerdict(t *testing.T) {
	j := visitorJudge{set: schemas.National()}
	for _, c := range []struct {
		content, schema string
		reason          web.Reason
	}{
		{births, "scdl/inconnu", web.UnknownSchema},
		{"alpha,beta\n1,2\n", "auto", web.Unrecognised},
		{"%PDF-1.7", "auto", web.Unreadable},
	} {
		_, err := j.Judge(t.Context(), web.Upload{Name: "a.csv", Size: int64(len(c.content)), File: strings.NewReader(c.content), Schema: c.schema, Dir: t.TempDir()})
		if no := (*web.Refusal)(nil); !errors.As(err, &no) || no.Reason != c.reason || no.French == "" {
			t.Errorf("%q as %s: %v, want %s", c.content, c.schema, err, c.reason)
		}
	}
	v, err := j.Judge(t.Context(), web.Upload{Name: "a.csv", Size: 8, File: strings.NewReader("%PDF-1.7"), Schema: "scdl/prenoms", Dir: t.TempDir(), Fix: true})
	if err != nil || v.Report.Stats.Errors != 1 || v.Report.Errors[0].Type != "source-error" || v.Repaired != nil {
		t.Errorf("a PDF: %+v, %v", v, err)
	}
}

func TestVisitorChecks_DeleteWhatAKilledProcessLeft(t *testing.T) {
	c := Default()
	c.Data = t.TempDir()
	c.complete()
	left := filepath.Join(c.Data, "verifier-123")
	if err := os.MkdirAll(left, 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, left, "recu", "données de quelqu’un")
	other := put(t, c.Data, "autre", "x")
	if _, err := (&program{config: c, schemas: schemas.National(), temp: c.Data}).visitorChecks(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
}
