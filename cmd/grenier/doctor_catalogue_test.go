package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"grenier/catalog/rehearsal"
	"grenier/web"

	"github.com/google/go-cmp/cmp"
)

func TestDoctorsCatalogue_StandsAloneOrNamesOneMember(t *testing.T) {
	for _, c := range []struct{ args, want []string }{
		{[]string{"doctor", "--catalogue"}, []string{"doctor", "--catalogue=tous"}},
		{[]string{"doctor", "--catalogue", "--json"}, []string{"doctor", "--catalogue=tous", "--json"}},
		{[]string{"doctor", "--catalogue", "213900137", "--json"}, []string{"doctor", "--catalogue=213900137", "--json"}},
		{[]string{"doctor", "--catalogue=213900137"}, []string{"doctor", "--catalogue=213900137"}},
		{[]string{"harvest", "--catalogue"}, []string{"harvest", "--catalogue"}},
	} {
		if got := doctorsCatalogue(c.args); !slices.Equal(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.args, got, c.want)
		}
	}
}

func TestDoctorCatalogue_RefusesFlagsThatDoNotGoTogether(t *testing.T) {
	for _, args := range [][]string{{"--accept", "oui"}, {"--url", "https://exemple.org"}, {"--by", "moi"}, {"--catalogue", "--by", "moi"}, {"--catalogue", "--url", "exemple.org"},
		{"--catalogue", "--url", "https://exemple.org", "--accept", "oui"}, {"--catalogue", "--sweep"}} {
		expect(t, exitUnusable, "--", append([]string{"doctor"}, args...)...)
	}
}

func TestDoctorCatalogue_ReadsAnyCatalogueByItsAddress(t *testing.T) {
	page := `<https://exemple.org/a> a <http://www.w3.org/ns/dcat#Dataset> ; <http://purl.org/dc/terms/title> "Sans identifiant"@fr ; <http://purl.org/dc/terms/issued> "bientôt" .`
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/c.ttl" {
			http.Redirect(w, r, "/c.ttl", http.StatusFound)
			return
		}
		w.Header().Set("Content-Type", "text/turtle; charset=utf-8")
		io.WriteString(w, page)
	}))
	defer srv.Close()
	o := expect(t, exitBad, "L’identifiant manque", "doctor", "--catalogue", "--url", srv.URL+"/c.ttl")
	fits(t, o.out)
	for _, want := range []string{"0 jeu gardé sur 1", "Jeu passé.", "À faire : Donnez exactement un identifiant", "« Sans identifiant »"} {
		if !strings.Contains(plain(o.out), want) {
			t.Errorf("%q is not said:\n%s", want, o.out)
		}
	}
	expect(t, exitUnusable, "Rien n’a pu être lu", "doctor", "--catalogue", "--url", srv.URL+"/ailleurs.ttl")
}

const feedSources = `
members:
  - {siren: "213900137", name: Valmeyrac, kind: commune, insee: "39013"CONTACT}
  - {siren: "213900236", name: Étoile-les-Œillets, kind: commune, insee: "39023"CONTACT}
recipes:
  - name: essai
    title: Comptages
    connector: http
    params: {url: ""}
    options: {url: "${url}", retries: 0}
    columns:
      - {name: lieu, type: string}
      - {name: passages, type: integer}
    dataset: {key: comptages, title: "Comptages de ${member.name}", keywords: [vélo]}
sources:
  - {member: "213900137", recipe: essai, params: {url: "URL/a.csv"}}
  - {member: "213900236", recipe: essai, params: {url: "URL/b.csv"}}
`

func (i instance) rehearsed(t *testing.T, code int, args ...string) []rehearsalJSON {
	t.Helper()
	o := i.must(t, code, append([]string{"doctor", "--catalogue", "--json"}, args...)...)
	var all []rehearsalJSON
	if err := json.Unmarshal([]byte(o.out), &all); err != nil {
		t.Fatalf("%v\n%s", err, o.out)
	}
	return all
}

// asks tells whether data.gouv.fr would show someone to write to.
func asks(one rehearsalJSON) bool {
	return slices.ContainsFunc(one.Harvest.Items[0].Contacts, func(c rehearsal.Contact) bool { return c.Role == "contact" })
}

func TestDoctorCatalogue_TellsOfACatalogueThatWaitsUntilAPersonAccepts(t *testing.T) {
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/csv")
		io.WriteString(w, "lieu,passages\nPont,"+"12\n")
	}))
	defer source.Close()
	i := newInstance(t, strings.TrimPrefix(source.URL, "http://"))
	i.write(t, "grenier.yaml", "base_url: https://donnees.example.org\nharvest: {allow: [\""+strings.TrimPrefix(source.URL, "http://")+"\"]}\n")
	apply := func(contact string) {
		i.write(t, "sources.yaml", strings.NewReplacer("URL", source.URL, "CONTACT", contact).Replace(feedSources))
		i.must(t, exitOK, "apply", i.path("sources.yaml"))
		i.must(t, exitOK, "harvest", "--all", "--force")
	}
	apply(", email: mairie@example.org")
	all := i.rehearsed(t, exitOK)
	if len(all) != 2 || !all[0].Well || !asks(all[0]) || len(all[0].Harvest.Items[0].Files) == 0 {
		t.Fatalf("%+v", all)
	}
	i.must(t, exitBad, "doctor", "--catalogue", "--accept", "rien à accepter", "--by", "Mme Roche")

	apply("")
	all = i.rehearsed(t, exitBad)
	for _, one := range all {
		if one.Well || one.Held == nil || len(one.Losses) != 2 || !strings.Contains(one.Losses[0].Text, "le contact") || !asks(one) {
			t.Errorf("the catalogue of %s does not wait: %+v", one.Name, one)
		}
	}
	o := i.must(t, exitBad, "doctor", "--catalogue", "213900137")
	fits(t, o.out)
	if !strings.Contains(plain(o.out), "« Comptages de Valmeyrac » perdrait le contact") {
		t.Errorf("the loss is not said:\n%s", o.out)
	}
	if o := i.must(t, exitBad, "doctor"); !strings.Contains(o.out, "2 catalogues retenus") {
		t.Errorf("the doctor says nothing of it:\n%s", o.out)
	}

	i.must(t, exitOK, "doctor", "--catalogue", "213900137", "--accept", "les comptages ont cessé", "--by", "Mme Roche")
	all = i.rehearsed(t, exitBad)
	if waits := []bool{all[0].Held != nil, all[1].Held != nil}; !slices.Contains(waits, true) || !slices.Contains(waits, false) {
		t.Errorf("one is accepted and the other waits: %v", waits)
	}
	i.must(t, exitOK, "doctor", "--catalogue", "--accept", "ceux-là aussi", "--by", "Mme Roche")
	if all = i.rehearsed(t, exitOK); asks(all[0]) {
		t.Errorf("what was accepted is not served: %+v", all[0].Harvest.Items[0])
	}
	if o := i.must(t, exitOK, "audit"); strings.Count(o.out, "catalogue accepté") != 2 || !strings.Contains(o.out, "les comptages ont cessé") {
		t.Errorf("the audit says\n%s", o.out)
	}
	i.must(t, exitOK, "doctor")
}

// demoRehearsal walks the catalogues of the demonstration's members as data.gouv.fr does: no fault in any syntax, and the same harvest from all.
func (p *portal) demoRehearsal(t *testing.T) {
	set, err := schemasOf(Config{})
	if err != nil {
		t.Fatal(err)
	}
	o := rehearsal.Options{Schemas: web.SchemaAddresses(set)}
	var members struct {
		Data []struct {
			SIREN    string `json:"siren"`
			Datasets int    `json:"datasets"`
		} `json:"data"`
	}
	if err := json.Unmarshal(p.ok(t, "/api/1/membres"), &members); err != nil {
		t.Fatal(err)
	}
	walked, national := 0, 0
	for _, m := range members.Data {
		if m.Datasets == 0 {
			continue
		}
		var first rehearsal.Summary
		for _, ext := range []string{".ttl", ".rdf", ".jsonld", ".nt"} {
			o.Probe = ext == ".ttl"
			r, err := rehearsal.Walk(t.Context(), rehearsal.Client(http.DefaultTransport.RoundTrip), p.url+"/catalogues/"+m.SIREN+ext, o)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range r.Findings {
				if f.Effect.Fault() {
					t.Errorf("%s%s: %+v", m.SIREN, ext, f)
				}
			}
			got := r.Summary()
			got.Address = ""
			for i := range got.Items {
				slices.Sort(got.Items[i].Files)
			}
			slices.SortFunc(got.Items, func(a, b rehearsal.SummaryItem) int { return strings.Compare(a.Identifier, b.Identifier) })
			if ext == ".ttl" {
				first = got
				walked += r.Count("dataset", rehearsal.Stored)
			} else if diff := cmp.Diff(first, got); diff != "" {
				t.Errorf("%s%s brings another harvest than Turtle (-ttl +):\n%s", m.SIREN, ext, diff)
			}
			for _, i := range r.Items {
				if i.National() != nil {
					national++
				}
			}
		}
	}
	if walked < 80 || national < 4*60 {
		t.Errorf("%d datasets were walked, %d schemas recognised", walked, national)
	}
}
