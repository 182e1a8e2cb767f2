package rehearsal

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// nationalSchemas are the addresses of the national catalogue, when it stands beside the checkout.
func nationalSchemas(t testing.TB) map[string]Schema {
	var list struct {
		Schemas []struct {
			Name     string `json:"name"`
			URL      string `json:"schema_url"`
			Versions []struct {
				Name string `json:"version_name"`
				URL  string `json:"schema_url"`
			} `json:"versions"`
		} `json:"schemas"`
	}
	if err := json.Unmarshal(shared(t, "national-schemas/catalogue-schemas.json"), &list); err != nil {
		t.Fatal(err)
	}
	known := map[string]Schema{}
	for _, s := range list.Schemas {
		for _, v := range s.Versions {
			known[v.URL] = Schema{s.Name, v.Name}
		}
		if _, ok := known[s.URL]; !ok {
			known[s.URL] = Schema{s.Name, "latest"}
		}
	}
	return known
}

// codes are the rules that a report names, faults or all.
func codes(r *Report, faults bool) (list []string) {
	for _, f := range r.Findings {
		if (f.Effect.Fault() || !faults) && !slices.Contains(list, f.Rule) {
			list = append(list, f.Rule)
		}
	}
	slices.Sort(list)
	return list
}

func fixture(t testing.TB, name string) *Report {
	return Read([]Page{{"https://donnees.exemple-opsn.fr/" + name, Turtle, shared(t, "dcat/validate-shacl/fixtures/"+name)}}, Options{Now: now, Schemas: nationalSchemas(t)})
}

func TestRead_FindsNoFaultInTheGoodCatalogues(t *testing.T) {
	for _, name := range []string{"good.ttl", "good-hvd.ttl"} {
		r := fixture(t, name)
		if !r.Well() {
			t.Errorf("%s: %+v", name, r.Findings)
		}
		if n := r.Count("dataset", Stored); n != 1 {
			t.Errorf("%s: %d datasets", name, n)
		}
		d := r.Items[0]
		if d.Licence != "lov2" || d.Frequency != "MONTHLY" || d.Temporal == nil || d.Temporal.To != "2026-09-30" || d.Spatial == nil || d.Spatial.West != 5.7 || len(d.Files) != 2 || len(d.Contacts) != 2 {
			t.Errorf("%s: %+v", name, d)
		}
		if f := d.Files[0]; !f.Schema.National() || f.Schema.Name != "scdl/deliberations" && !strings.Contains(f.Schema.Name, "deliberations") || f.Schema.Version == "" || f.Bytes != 48213 || f.Format != "csv" || f.MediaType != "text/csv" {
			t.Errorf("%s: %+v %+v", name, f, f.Schema)
		}
		if d.Files[1].Format != "parquet" || d.Score.Points != 8 { // a monthly dataset of October is late in November
			t.Errorf("%s: %+v %+v", name, d.Files[1], d.Score)
		}
		if name == "good-hvd.ttl" && !slices.Contains(d.Tags, "hvd") {
			t.Errorf("tags %v", d.Tags)
		}
		if n := r.Count("service", Stored); n != 1 {
			t.Errorf("%s: %d APIs", name, n)
		}
	}
}

func TestRead_FindsEveryFaultOfTheBrokenCatalogue(t *testing.T) {
	r := fixture(t, "broken.ttl")
	got := map[string]bool{}
	for _, f := range r.Findings {
		got[f.Rule] = true
		got[f.Rule+" "+f.Property] = true
	}
	// The checker's names on the left, ours on the right.
	for theirs, ours := range map[string]string{
		"udata/identifier": "identifier", "udata/identifier-unique": "identifier-unique", "udata/dct:issued": "date dct:issued", "udata/temporal (gYear)": "temporal",
		"udata/temporal (IRI)": "temporal-iri", "udata/hvd-theme": "hvd-theme", "udata/hvd-act": "hvd-act", "udata/contact": "contact", "udata/byteSize": "byte-size",
		"udata/mediaType": "media-type", "udata/conformsTo": "conforms-to", "udata/checksum-hexBinary": "checksum", "udata/distribution-url": "file-url-none",
		"udata/distribution-url-unique": "file-url-unique", "udata/servesDataset": "serves-dataset", "vocabulary/dct:accrualPeriodicity": "ap-list dct:accrualPeriodicity",
		"dcat-ap/dct:publisher": "ap-missing dct:publisher", "dcat-ap/dct:description": "ap-missing dct:description", "dcat-ap/dcat:accessURL": "ap-missing dcat:accessURL",
		"dcat-ap/dcat:endpointURL": "ap-missing dcat:endpointURL",
	} {
		if !got[ours] {
			t.Errorf("%s is not reported as %q", theirs, ours)
		}
	}
	outcomes := map[string]Outcome{}
	for _, i := range r.Items {
		outcomes[i.IRI] = i.Outcome
	}
	want := map[string]Outcome{"https://ex.fr/d/1": Failed, "https://ex.fr/d/2": Failed, "https://ex.fr/d/3": Skipped, "https://ex.fr/s": Failed}
	for iri, o := range want {
		if outcomes[iri] != o {
			t.Errorf("%s is %s, want %s", iri, outcomes[iri], o)
		}
	}
	if r.Findings[0].Effect != Fails {
		t.Errorf("the first finding is %+v", r.Findings[0])
	}
}

// What strangers write in a catalogue must never stop the program, whatever it breaks.
func FuzzRead(f *testing.F) {
	f.Add(sound(f), "Jours", "é")
	for _, one := range faults {
		f.Add(sound(f, one.pairs...), "dct:title", "dct:identifier")
	}
	f.Fuzz(func(t *testing.T, text, from, to string) {
		r := Read([]Page{{"https://a.example.org/c.ttl", Turtle, []byte(strings.ReplaceAll(text, from, to))}}, Options{Now: now, Schemas: essai, Limits: Limits{Bytes: 1 << 16}})
		before := r.Summary()
		if l := Losses(before, before); len(l) > 0 && len(before.Items) < 2 {
			t.Errorf("a catalogue loses against itself: %+v", l)
		}
		for _, one := range r.Findings {
			if one.Text == "" || strings.Contains(one.Text, "%!") {
				t.Errorf("finding without words: %+v", one)
			}
		}
	})
}
