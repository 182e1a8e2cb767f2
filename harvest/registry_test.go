package harvest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"grenier/schemas"
)

// shelf is a registry's site: its catalogue and its schemas, by address.
type shelf struct {
	entries []string
	files   map[string]string
	down    bool
	fetched []string
}

// put lists a version of a schema and publishes its text.
func (s *shelf) put(name, kind, version, text string) {
	url := "https://registre.example/" + name + "/" + version + "/schema.json"
	s.entries = append(s.entries, fmt.Sprintf(`{"name":%q,"schema_type":%q,"versions":[{"version_name":%q,"schema_url":%q}]}`, name, kind, version, url))
	s.files[url] = text
}

func (s *shelf) fetch(_ context.Context, url string) ([]byte, error) {
	s.fetched = append(s.fetched, url)
	if s.down {
		return nil, Say("Le serveur ne répond pas.", errors.New("connection refused"))
	}
	if url == "https://registre.example/" {
		return []byte(`{"schemas":[` + strings.Join(s.entries, ",") + `]}`), nil
	}
	if text, ok := s.files[url]; ok {
		return []byte(text), nil
	}
	return nil, Say("L’adresse n’existe pas.", errors.New("404"))
}

func newShelf() *shelf { return &shelf{files: map[string]string{}} }

const (
	wellsOne = `{"title":"Puits","delimiter":";","schema_url":"https://ici.example/1","fields":[{"name":"id","type":"string"},{"name":"profondeur","type":"number"}]}`
	wellsTwo = `{"title":"Puits communaux","fields":[{"name":"id","type":"string","constraints":{"required":true}},{"name":"profondeur","type":"integer"}]}`
)

// bundledWells is what the program brings along, in these tests.
func bundledWells(t *testing.T) *schemas.Set {
	t.Helper()
	set, err := schemas.Load(fstest.MapFS{"eau/puits/1.0.0/schema.json": {Data: []byte(wellsOne)}})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func newRegistry(t *testing.T, s *shelf) *Registry {
	return &Registry{Dir: filepath.Join(t.TempDir(), "schemas"), Base: bundledWells(t), Policy: AdoptNever, Fetch: s.fetch, Now: func() time.Time { return time.Date(2026, 3, 3, 4, 0, 0, 0, time.UTC) }}
}

func mustUpdate(t *testing.T, g *Registry) Update {
	t.Helper()
	u, err := g.Update(context.Background(), "https://registre.example/")
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// newest is the version that a recipe gets that names none.
func newest(t *testing.T, g *Registry, name string) schemas.ID {
	t.Helper()
	set, err := g.Set()
	if err != nil {
		t.Fatal(err)
	}
	s, err := set.Lookup(name)
	if err != nil {
		return ""
	}
	return s.ID
}

func TestRegistry_ProposesAndChangesNothing(t *testing.T) {
	s := newShelf()
	s.put("eau/puits", "tableschema", "v1.1.0", wellsTwo)
	s.put("eau/norme", "other", "1.0.0", "une page")
	g := newRegistry(t, s)
	u := mustUpdate(t, g)
	if len(u.News) != 1 || u.News[0].ID != "eau/puits@1.1.0" || u.News[0].Verdict != Proposed || u.News[0].Title != "Puits communaux" || u.Schemas != 2 {
		t.Fatalf("%+v", u)
	}
	if id := newest(t, g, "eau/puits"); id != "eau/puits@1.0.0" {
		t.Errorf("a proposed version judges: %s", id)
	}
	before := len(s.fetched)
	if u := mustUpdate(t, g); len(u.News) != 0 || len(s.fetched) != before+1 {
		t.Errorf("proposed again: %+v, %q", u.News, s.fetched[before:])
	}
}

func TestRegistry_AnAdoptedVersionJudgesAndSurvivesARestart(t *testing.T) {
	s := newShelf()
	s.put("eau/puits", "tableschema", "1.1.0", wellsTwo)
	g := newRegistry(t, s)
	mustUpdate(t, g)
	if _, err := g.Decide(context.Background(), "eau/puits@1.1.0", Adopted, false); err != nil {
		t.Fatal(err)
	}
	again := &Registry{Dir: g.Dir, Base: bundledWells(t)}
	if id := newest(t, again, "eau/puits"); id != "eau/puits@1.1.0" {
		t.Fatalf("newest %s", id)
	}
	set, _ := again.Set()
	new, _ := set.Lookup("eau/puits")
	if new.Delimiter != ';' || new.URL != "https://registre.example/eau/puits/1.1.0/schema.json" {
		t.Errorf("delimiter %q, address %q", new.Delimiter, new.URL)
	}
	if old, err := set.Lookup("eau/puits@1.0.0"); err != nil || old.Title != "Puits" {
		t.Errorf("the version before: %v", err)
	}
	if _, err := again.Decide(context.Background(), "eau/puits@1.1.0", Refused, false); err != nil {
		t.Fatal(err)
	}
	if id := newest(t, again, "eau/puits"); id != "eau/puits@1.0.0" {
		t.Errorf("a refused version judges: %s", id)
	}
}

func TestRegistry_WhatIsBrokenChangesNothing(t *testing.T) {
	for name, spoil := range map[string]func(*shelf){
		"unreachable": func(s *shelf) { s.down = true },
		"a page":      func(s *shelf) { s.entries = []string{"<html>"} },
		"no schemas":  func(s *shelf) { s.entries = nil },
		"shrunk":      func(s *shelf) { s.entries = s.entries[:1] },
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf()
			s.put("eau/puits", "tableschema", "1.1.0", wellsTwo)
			s.put("eau/sources", "tableschema", "1.0.0", wellsOne)
			s.put("eau/bassins", "tableschema", "1.0.0", wellsOne)
			g := newRegistry(t, s)
			mustUpdate(t, g)
			before, err := os.ReadFile(filepath.Join(g.Dir, "state.json"))
			if err != nil {
				t.Fatal(err)
			}
			spoil(s)
			_, err = g.Update(context.Background(), "https://registre.example/")
			if err == nil || !strings.Contains(SentenceOf(err), "Rien n’est changé") {
				t.Errorf("%v: %s", err, SentenceOf(err))
			}
			if after, _ := os.ReadFile(filepath.Join(g.Dir, "state.json")); string(after) != string(before) {
				t.Error("the state has changed")
			}
		})
	}
}

func TestRegistry_RefusesWhatIsNoSchemaAndGoesOn(t *testing.T) {
	s := newShelf()
	s.put("eau/faux", "tableschema", "1.0.0", `{"fields":[{"name":"a","type":"merle"}]}`)
	s.put("eau/page", "tableschema", "1.0.0", "<html>Connexion</html>")
	s.put("eau/absent", "tableschema", "1.0.0", "")
	delete(s.files, "https://registre.example/eau/absent/1.0.0/schema.json")
	s.put("eau/gros", "tableschema", "1.0.0", strings.Repeat(" ", maxSchemaText+1))
	s.put("../../etc", "tableschema", "1.0.0", wellsOne)
	s.put("eau/..", "tableschema", "1.0.0", wellsOne)
	s.put("eau/evade", "tableschema", "../../1.0.0", wellsOne)
	s.put("eau/vrai", "tableschema", "1.0.0", wellsOne)
	g := newRegistry(t, s)
	u := mustUpdate(t, g)
	got := map[schemas.ID]Verdict{}
	for _, v := range u.News {
		got[v.ID] = v.Verdict
		if v.Verdict == Refused && !strings.HasPrefix(v.Why, "Le schéma publié n’est pas utilisable") {
			t.Errorf("%s: %q", v.ID, v.Why)
		}
	}
	if len(got) != 3 || got["eau/faux@1.0.0"] != Refused || got["eau/page@1.0.0"] != Refused || got["eau/vrai@1.0.0"] != Proposed {
		t.Errorf("%v", got)
	}
	if len(u.Failed) != 2 || !strings.Contains(strings.Join(u.Failed, " "), "4\u00a0Mo") {
		t.Errorf("failed: %q", u.Failed)
	}
	if _, err := g.Decide(context.Background(), "eau/faux@1.0.0", Adopted, true); err == nil {
		t.Error("what is no schema was adopted")
	}
	s.files["https://registre.example/eau/faux/1.0.0/schema.json"] = wellsOne
	if u := mustUpdate(t, g); len(u.News) == 0 || u.News[0].Verdict != Proposed {
		t.Errorf("mended at the registry: %+v", u.News)
	}
}

func TestRegistry_PolicyAdoptsWhatCostsNothing(t *testing.T) {
	for _, c := range []struct {
		policy  AdoptPolicy
		effects []Effect
		want    Verdict
	}{
		{AdoptNever, nil, Proposed},
		{AdoptCompatible, nil, Adopted},
		{AdoptCompatible, []Effect{{Source: "a", Rows: 10, Before: 2, After: 2}}, Adopted},
		{AdoptCompatible, []Effect{{Source: "a", Rows: 10, Before: 2, After: 3}}, Proposed},
		{AdoptCompatible, []Effect{{Source: "a", Rows: 10, Held: true}}, Proposed},
		{AdoptCompatible, []Effect{{Source: "a", Unknown: true}}, Proposed},
		{AdoptAlways, []Effect{{Source: "a", Rows: 10, After: 10}}, Adopted},
	} {
		s := newShelf()
		s.put("eau/puits", "tableschema", "1.1.0", wellsTwo)
		g := newRegistry(t, s)
		g.Policy = c.policy
		g.Effects = func(_ context.Context, current, next *schemas.Set, id schemas.ID) ([]Effect, error) {
			if current.Has(id) || !next.Has(id) {
				t.Errorf("%s: foreseen between the wrong sets", id)
			}
			return c.effects, nil
		}
		if u := mustUpdate(t, g); len(u.News) != 1 || u.News[0].Verdict != c.want {
			t.Errorf("%s, %+v: %+v", c.policy, c.effects, u.News)
		}
		_, err := g.Decide(context.Background(), "eau/puits@1.1.0", Adopted, false)
		if costs := len(c.effects) > 0 && c.effects[0].worse(); errors.Is(err, ErrEffects) != costs {
			t.Errorf("%+v: adopting says %v", c.effects, err)
		}
	}
}

func TestRegistry_ADamagedSchemaIsSaidAndMended(t *testing.T) {
	s := newShelf()
	s.put("eau/puits", "tableschema", "1.1.0", wellsTwo)
	g := newRegistry(t, s)
	g.Policy = AdoptAlways
	mustUpdate(t, g)
	file := filepath.Join(g.Dir, "eau/puits/1.1.0/schema.json")
	if err := os.WriteFile(file, []byte(wellsOne), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Set(); err == nil || !strings.Contains(SentenceOf(err), "abîmé") {
		t.Fatalf("a schema that was changed on the disk is used: %v", err)
	}
	mustUpdate(t, g)
	if id := newest(t, g, "eau/puits"); id != "eau/puits@1.1.0" {
		t.Errorf("newest %s", id)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	s.files["https://registre.example/eau/puits/1.1.0/schema.json"] = wellsOne
	if _, err := g.Update(context.Background(), "https://registre.example/"); err == nil || !strings.Contains(SentenceOf(err), "un autre texte") {
		t.Errorf("another text under the version adopted: %v", err)
	}
}

func TestRegistry_AJSONSchemaKeepsTheColumnsOfTheVersionBefore(t *testing.T) {
	g := newRegistry(t, newShelf())
	const record = `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{"id":{"type":"string"}},"required":["id"]}`
	base, err := schemas.Load(fstest.MapFS{
		"eau/releves/1.0.0/schema.json": {Data: []byte(record)},
		"eau/releves/1.0.0/table.json":  {Data: []byte(`{"title":"Relevés","schema_url":"https://ici.example/1","records":[{"path":"releves","type":"Relevé"}],"fields":[{"name":"id","type":"string","path":"id"}]}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := newShelf()
	s.put("eau/releves", "jsonschema", "1.1.0", record)
	g.Base, g.Fetch, g.Policy = base, s.fetch, AdoptAlways
	mustUpdate(t, g)
	set, err := g.Set()
	if err != nil {
		t.Fatal(err)
	}
	v, err := set.Lookup("eau/releves")
	if err != nil || v.ID.Version() != "1.1.0" || v.Fields[0].Name != "id" || v.Records[0].Path != "releves" || v.URL != "https://registre.example/eau/releves/1.1.0/schema.json" {
		t.Errorf("%+v, %v", v, err)
	}
}

// The national registry's own catalogue, served from this machine with the schemas that lie beside the repository.
func TestRegistry_ReadsTheNationalCatalogue(t *testing.T) {
	const official = "../../shared/national-schemas"
	text, err := os.ReadFile(official + "/catalogue-schemas.json")
	if err != nil {
		t.Skipf("SKIPPED: %s is not here: the national catalogue is not read", official)
	}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	catalogue := strings.ReplaceAll(string(text), "https://schema.data.gouv.fr", server.URL)
	mux.HandleFunc("/schemas/schemas.json", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(catalogue)) })
	mux.HandleFunc("/schemas/{org}/{name}/{version}/", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join(official, r.PathValue("org"), r.PathValue("name"), r.PathValue("version"), "schema.json"))
	})
	client, err := NewClient(ClientConfig{Allow: []string{strings.TrimPrefix(server.URL, "http://")}, Hosts: map[string]HostRule{"*": {Parallel: 4, Every: -1}}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	g := newRegistry(t, newShelf())
	g.Fetch = func(ctx context.Context, url string) ([]byte, error) { return getText(ctx, client, url) }
	u, err := g.Update(context.Background(), server.URL+"/schemas/schemas.json")
	if err != nil {
		t.Fatal(err)
	}
	verdicts := map[Verdict]int{}
	for _, v := range u.News {
		verdicts[v.Verdict]++
		if v.Verdict == Refused {
			t.Errorf("%s: %s", v.ID, v.Why)
		}
	}
	t.Logf("%d schemas, %v, %d not here", u.Schemas, verdicts, len(u.Failed))
	if u.Schemas < 90 || verdicts[Proposed] < 50 {
		t.Errorf("%d schemas, %v; %q", u.Schemas, verdicts, u.Failed)
	}
	g.Base = schemas.National()
	for _, v := range u.News { // what the program brings along is as new as the registry
		if len(g.Base.Versions(v.ID.Name())) > 0 && g.Base.Newer(v.ID) {
			t.Errorf("%s is newer than what the program brings along", v.ID)
		}
	}
}

func getText(ctx context.Context, client *Client, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var text json.RawMessage
	err = json.NewDecoder(resp.Body).Decode(&text)
	return text, err
}
