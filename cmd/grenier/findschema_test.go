package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"grenier/schemas"
)

func TestValidate_AutoNamesTheSchema(t *testing.T) {
	dir := t.TempDir()
	good := put(t, dir, "export.csv", "Prénoms de l’année\n\n"+births)
	o := expect(t, exitOK, "Schéma reconnu : scdl/prenoms 1.1.6 (100 %)", "validate", "--schema", "auto", good)
	if !strings.Contains(plain(o.out), "Un titre précède l’en-tête, qui est à la ligne 3.") || !strings.Contains(o.out, "conforme à scdl/prenoms@1.1.6") {
		t.Error(o.out)
	}
	o = expect(t, exitBad, "", "validate", "--schema", "auto", "--format", "json", put(t, dir, "faux.csv", badBirths))
	var report schemas.Report
	if err := json.Unmarshal([]byte(o.out), &report); err != nil {
		t.Fatal(err)
	}
	if r := report.Recognition; r == nil || len(r.Candidates) == 0 || r.Candidates[0].ID != "scdl/prenoms@1.1.6" || r.Candidates[0].Why == "" {
		t.Errorf("recognition %+v", report.Recognition)
	}
	o = expect(t, exitOK, "", "validate", "--schema", "scdl/prenoms", "--format", "json", good)
	if strings.Contains(o.out, "recognition") {
		t.Error("a schema that was named is told as recognised")
	}
}

func TestValidate_AutoSaysWhatComesNearest(t *testing.T) {
	dir := t.TempDir()
	odd := put(t, dir, "inconnu.csv", "id,nom,date,commentaire\n1,Dupont,2024-01-02,rien\n")
	expect(t, exitUnusable, "inconnu.csv : Le schéma n’a pas été reconnu", "validate", "--schema", "auto", odd)
	expect(t, exitUnusable, "page web", "validate", "--schema", "auto", put(t, dir, "page.csv", "<!DOCTYPE html><html><title>Connexion</title></html>"))
	expect(t, exitUnusable, "est vide", "validate", "--schema", "auto", put(t, dir, "vide.csv", ""))
}

func TestConvert_AutoNamesTheSchema(t *testing.T) {
	dir := t.TempDir()
	expect(t, exitOK, "Schéma reconnu : scdl/prenoms", "convert", "--schema", "auto", "--out", filepath.Join(dir, "sortie"), put(t, dir, "export.csv", births))
	if report, err := os.ReadFile(filepath.Join(dir, "sortie", "report.json")); err != nil || !strings.Contains(string(report), `"recognition"`) {
		t.Errorf("%v: %s", err, report)
	}
}

// The layout of 2019 and that of 2022 are told apart by their structure, whatever version is newest.
func TestValidate_PicksTheLayoutOfContractsByStructure(t *testing.T) {
	for _, version := range []string{"1.5.0", "2.0.3"} {
		o := expect(t, exitOK, "", "validate", "--schema", "139bercy/format-commande-publique", "../../schemas/national/139bercy/format-commande-publique/"+version+"/valid.json")
		if !strings.Contains(o.out, "@"+version[:2]) {
			t.Errorf("%s: %s", version, o.out)
		}
	}
}

// callAllowed runs the program with one address of this machine allowed.
func callAllowed(t *testing.T, host string, args ...string) outcome {
	t.Helper()
	var out, diary bytes.Buffer
	term := &terminal{in: strings.NewReader(""), out: &out, err: &diary}
	if host != "" {
		term.env = []string{"GRENIER_HARVEST__ALLOW=" + host}
	}
	return outcome{run(context.Background(), args, term), out.String(), diary.String()}
}

func TestValidate_ReadsASchemaFromAnAddress(t *testing.T) {
	text, err := os.ReadFile("../../schemas/national/scdl/prenoms/1.1.6/schema.json")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/prenoms.json":
			w.Write(text)
		case "/page.json":
			w.Write([]byte("<html>Connexion</html>"))
		case "/faux.json":
			w.Write([]byte(`{"fields":[{"name":"a","type":"merle"}]}`))
		case "/gros.json":
			w.Write(bytes.Repeat([]byte(" "), maxSchema+1))
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	host, file := strings.TrimPrefix(server.URL, "http://"), put(t, t.TempDir(), "export.csv", births)
	for _, c := range []struct {
		name, allow, path string
		code              int
		says              string
	}{
		{"a schema", host, "/prenoms.json", exitOK, "conforme à prenoms@adresse, 2 lignes"},
		{"an address of this machine", "", "/prenoms.json", exitUnusable, "ne peut pas être lu"},
		{"a page", host, "/page.json", exitUnusable, "ce n’est pas du JSON"},
		{"a schema that is none", host, "/faux.json", exitUnusable, "n’est pas valable"},
		{"nothing there", host, "/absent.json", exitUnusable, "ne peut pas être lu"},
		{"too long", host, "/gros.json", exitUnusable, "ne peut pas être lu"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := callAllowed(t, c.allow, "validate", "--schema", server.URL+c.path, file)
			if o.code != c.code || !strings.Contains(plain(o.out+o.err), c.says) {
				t.Errorf("exit %d, want %d and %q\n%s%s", o.code, c.code, c.says, o.out, o.err)
			}
			t.Log(o.out, o.err)
		})
	}
}
