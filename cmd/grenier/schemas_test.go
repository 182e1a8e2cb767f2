package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"grenier/harvest"
)

// A stage is an installation in this process, beside a site that holds a registry and a member's file.
type stage struct {
	dir    string
	config string
	url    string
	files  map[string]string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{dir: t.TempDir(), files: map[string]string{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := s.files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Write([]byte(text))
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	s.set(t, "never")
	return s
}

// set writes the configuration, with a policy.
func (s *stage) set(t *testing.T, adopt string) {
	host := strings.TrimPrefix(s.url, "http://")
	s.config = put(t, s.dir, "grenier.yaml", fmt.Sprintf("schemas: {registry: %q, adopt: %s}\nharvest:\n  jitter: -1s\n  allow: [%q]\n  hosts: {%q: {parallel: 8, every: -1s}}\n", s.url+"/registre.json", adopt, host, host))
}

// publish lists a newer version of the schema of first names, made from ours by a change.
func (s *stage) publish(t *testing.T, version string, change func(map[string]any)) {
	t.Helper()
	text, err := os.ReadFile("../../schemas/national/scdl/prenoms/1.1.6/schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	change(m)
	delete(m, "schema_url")
	if text, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	s.files["/prenoms/"+version] = string(text)
	s.files["/registre.json"] = fmt.Sprintf(`{"schemas":[{"name":"scdl/prenoms","schema_type":"tableschema","versions":[
		{"version_name":"v1.1.6","schema_url":"%[1]s/prenoms/1.1.6"},{"version_name":"v%[2]s","schema_url":"%[1]s/prenoms/%[2]s"}]}]}`, s.url, version)
}

func (s *stage) call(t *testing.T, code int, says string, args ...string) outcome {
	t.Helper()
	var out, diary bytes.Buffer
	args = append([]string{"--config", s.config, "--data", filepath.Join(s.dir, "data")}, args...)
	o := outcome{run(context.Background(), args, &terminal{in: strings.NewReader(""), out: &out, err: &diary}), out.String(), diary.String()}
	if o.code != code || !strings.Contains(plain(o.out+o.err), says) {
		t.Errorf("grenier %s: exit %d, want %d and %q\n%s%s", strings.Join(args[4:], " "), o.code, code, says, out.String(), diary.String())
	}
	return outcome{o.code, out.String(), diary.String()}
}

func TestSchemas_ANewVersionIsProposedWithWhatItChangesAndAdopted(t *testing.T) {
	s := newStage(t)
	s.files["/prenoms.csv"] = strings.Replace(births, "Noé,5", "Noé,500", 1)
	s.call(t, exitOK, "", "apply", put(t, s.dir, "sources.yaml", fmt.Sprintf(`
members: [{siren: "213900137", name: Valmeyrac, kind: commune, insee: "39013"}]
recipes:
  - {name: prenoms, title: Prénoms, connector: http, options: {url: "%[1]s/prenoms.csv", retries: 0}, schema: scdl/prenoms, dataset: {title: Prénoms}}
  - {name: fixes, title: Prénoms, connector: http, options: {url: "%[1]s/prenoms.csv", retries: 0}, schema: scdl/prenoms@1.1.6, dataset: {key: fixes, title: Prénoms fixes}}
sources: [{member: "213900137", recipe: prenoms}, {member: "213900137", recipe: fixes}]
`, s.url)))
	s.call(t, exitOK, "", "harvest", "--all")
	s.publish(t, "1.2.0", func(m map[string]any) {
		field(m, "NOMBRE_OCCURRENCES")["constraints"].(map[string]any)["maximum"] = 100
	})
	o := s.call(t, exitOK, "scdl/prenoms@1.2.0 : proposé. 1 source touchée sur 1", "schemas", "update")
	if !strings.Contains(plain(o.out), "213900137/prenoms : 0 ligne écartée aujourd’hui, 1 avec cette version, sur 2 lignes.") || strings.Contains(o.out, "fixes") {
		t.Error(o.out)
	}
	s.call(t, exitOK, "scdl/prenoms@1.1.6", "schemas", "show", "scdl/prenoms")
	s.call(t, exitOK, "proposé", "schemas", "list")
	s.call(t, exitOK, "conforme à scdl/prenoms@1.1.6", "validate", "--schema", "scdl/prenoms", put(t, s.dir, "f.csv", s.files["/prenoms.csv"]))
	s.call(t, exitBad, "ajoutez --yes", "schemas", "adopt", "scdl/prenoms@1.2.0")
	s.call(t, exitOK, "scdl/prenoms@1.1.6", "schemas", "show", "scdl/prenoms")
	s.call(t, exitOK, "adopté", "schemas", "adopt", "--yes", "scdl/prenoms@1.2.0")
	s.call(t, exitOK, "scdl/prenoms@1.2.0", "schemas", "show", "scdl/prenoms")
	s.call(t, exitBad, "scdl/prenoms@1.2.0", "validate", "--schema", "scdl/prenoms", filepath.Join(s.dir, "f.csv"))
	s.call(t, exitOK, "conforme à scdl/prenoms@1.1.6", "validate", "--schema", "scdl/prenoms@1.1.6", filepath.Join(s.dir, "f.csv"))
	s.call(t, exitOK, "refusé", "schemas", "refuse", "scdl/prenoms@1.2.0")
	s.call(t, exitOK, "scdl/prenoms@1.1.6", "schemas", "show", "scdl/prenoms")
}

// field finds a field of a Table Schema.
func field(m map[string]any, name string) map[string]any {
	for _, f := range m["fields"].([]any) {
		if f := f.(map[string]any); f["name"] == name {
			return f
		}
	}
	return nil
}

func TestSchemas_WhatANewVersionChangesIsForeseenAsTheHarvestWouldJudge(t *testing.T) {
	for _, c := range []struct {
		name   string
		says   string
		change func(*stage, map[string]any)
	}{
		{"nothing", "proposé. Rien ne change pour la source qui suit ce schéma.", func(*stage, map[string]any) {}},
		{"a new required column", "la prochaine livraison serait retenue. La colonne obligatoire « QUARTIER » manque", func(_ *stage, m map[string]any) {
			m["fields"] = append(m["fields"].([]any), map[string]any{"name": "QUARTIER", "type": "string", "constraints": map[string]any{"required": true}})
		}},
		{"a column with another name", "La recette « prenoms » ne conviendrait plus", func(_ *stage, m map[string]any) { field(m, "ENFANT_PRENOM")["name"] = "PRENOM" }},
		{"files that are gone", "ne sont plus gardés", func(s *stage, _ map[string]any) {
			if err := os.RemoveAll(filepath.Join(s.dir, "data/blobs")); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t)
			s.files["/prenoms.csv"] = strings.ReplaceAll(births, "ENFANT_PRENOM", "prénom")
			s.call(t, exitOK, "", "apply", put(t, s.dir, "sources.yaml", fmt.Sprintf(`
members: [{siren: "213900137", name: Valmeyrac, kind: commune, insee: "39013"}]
recipes: [{name: prenoms, title: Prénoms, connector: http, options: {url: "%s/prenoms.csv", retries: 0}, schema: scdl/prenoms, map: {columns: [{to: ENFANT_PRENOM, from: prénom}]}, dataset: {title: Prénoms}}]
sources: [{member: "213900137", recipe: prenoms}]
`, s.url)))
			s.call(t, exitOK, "", "harvest", "--all")
			s.publish(t, "1.2.0", func(m map[string]any) { c.change(s, m) })
			s.call(t, exitOK, c.says, "schemas", "update")
			s.call(t, exitOK, "scdl/prenoms@1.1.6", "schemas", "show", "scdl/prenoms")
		})
	}
}

func TestSchemas_ThePolicyAdoptsWhatChangesNothing(t *testing.T) {
	s := newStage(t)
	s.set(t, "compatible")
	s.publish(t, "1.2.0", func(map[string]any) {})
	s.call(t, exitOK, "scdl/prenoms@1.2.0 : adopté. Aucune source ne suit ce schéma.", "schemas", "update")
	s.call(t, exitOK, "scdl/prenoms@1.2.0", "schemas", "show", "scdl/prenoms")
	var lines []struct {
		Name     string
		Registry []harvest.RegistryVersion
	}
	o := s.call(t, exitOK, "", "schemas", "list", "--json")
	if err := json.Unmarshal([]byte(o.out), &lines); err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		if l.Name == "scdl/prenoms" && (len(l.Registry) != 1 || l.Registry[0].Verdict != harvest.Adopted || l.Registry[0].SHA256 == "") {
			t.Errorf("%+v", l)
		}
	}
}

func TestSchemas_ARegistryThatCannotBeReadChangesNothing(t *testing.T) {
	s := newStage(t)
	s.call(t, exitBad, "Le registre national des schémas n’a pas pu être lu. Rien n’est changé", "schemas", "update")
	s.files["/registre.json"] = "<html>Maintenance</html>"
	s.call(t, exitBad, "n’est pas un catalogue de schémas. Rien n’est changé", "schemas", "update")
	if _, err := os.Stat(filepath.Join(s.dir, "data/schemas/state.json")); err == nil {
		t.Error("something was kept")
	}
	s.call(t, exitBad, "Aucune version scdl/prenoms@9 n’est proposée", "schemas", "adopt", "scdl/prenoms@9")
}
