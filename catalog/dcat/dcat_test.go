package dcat

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"grenier/catalog"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var formats = map[string]Format{
	"csv":     {"text/csv", "CSV", "CSV"},
	"parquet": {"application/vnd.apache.parquet", "", "Parquet"},
	"odd":     {"application/octet-stream", "", "Étrange"},
}

func dataset(n int) catalog.Dataset {
	at := time.Date(2026, 3, n, 4, 5, 6, 7, time.UTC)
	id := uuid.NewSHA1(uuid.NameSpaceURL, []byte{byte(n)})
	return catalog.Dataset{
		ID: id, Slug: "deliberations-d-exempleville", Title: "Délibérations d’Exempleville", Key: "scdl/deliberations",
		Description: "Chaque ligne est une délibération.\nUne par séance, avec son \"vote\" et son \\ résultat.",
		Member:      catalog.Member{SIREN: "219900013", Name: "Exempleville", Kind: catalog.Commune, INSEE: "99001", Email: "donnees@exempleville.example", BBox: &catalog.BBox{West: 5.7, South: 46.86, East: 5.84, North: 46.94}},
		SchemaName:  "scdl/deliberations", SchemaVersion: "2.1.5", SchemaURL: "https://schema.data.gouv.fr/schemas/scdl/deliberations/2.1.5/schema.json",
		Keywords: []string{"délibérations", "conseil municipal"}, Themes: []string{"GOVE"}, License: "lov2", Frequency: "DAILY", TemporalFrom: "2020-01-01", TemporalTo: "2026-02-28",
		Issued: at, Modified: at, Status: catalog.DatasetPublished, Version: 1, Rows: 12,
		Files: []catalog.File{
			{ID: catalog.FileID(id, "csv"), Format: "csv", Name: "deliberations.csv", Title: "Délibérations (CSV)", Bytes: 4821, Rows: 12, SHA256: strings.Repeat("ab", 32), Modified: at},
			{ID: catalog.FileID(id, "parquet"), Format: "parquet", Name: "deliberations.parquet", Title: "Délibérations (Parquet)", Bytes: 912, Rows: 12, SHA256: strings.Repeat("cd", 32), Modified: at},
		},
	}
}

func catalogue(page, pages int) Catalogue {
	return Catalogue{
		Base: "https://donnees.example.fr", Path: "/catalogues/219900013", IRI: "/id/catalogue/219900013", Title: "Données ouvertes d’Exempleville",
		Description: "Jeux de données publiés par Exempleville avec l’appui de son opérateur public de services numériques.",
		Publisher:   dataset(1).Member, Homepage: "https://donnees.example.fr/membres/219900013", Modified: dataset(2).Modified, Page: page, Pages: pages, Total: 2, Formats: formats,
	}
}

func write(t *testing.T, c Catalogue, ds ...catalog.Dataset) string {
	t.Helper()
	var b bytes.Buffer
	if err := Turtle(&b, c, ds); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTurtle_IsTheGoldenPage(t *testing.T) {
	got := write(t, catalogue(1, 1), dataset(1))
	golden := filepath.Join("testdata", "catalogue.ttl")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("page differs (run with -update if that is wanted):\n%s", diff)
	}
}

func TestTurtle_SamePageTwiceIsTheSameBytes(t *testing.T) {
	if a, b := write(t, catalogue(1, 1), dataset(1), dataset(2)), write(t, catalogue(1, 1), dataset(1), dataset(2)); a != b {
		t.Error("two writes of one page differ")
	}
}

// What data.gouv.fr's harvester refuses or loses (CONTRACT sections 1 to 5).
func TestTurtle_KeepsTheHarvestersRules(t *testing.T) {
	bare := dataset(2)
	bare.SchemaURL, bare.SchemaName, bare.TemporalFrom, bare.TemporalTo, bare.Member.Email, bare.Member.BBox = "", "", "", "", "", nil
	bare.Files[1].Format = "odd"
	page := write(t, catalogue(2, 3), dataset(1), bare)
	for _, want := range []string{
		"hydra:next <https://donnees.example.fr/catalogues/219900013/3.ttl>", "hydra:previous <https://donnees.example.fr/catalogues/219900013.ttl>",
		`dcat:startDate "2020-01-01"^^xsd:date`, `"4821"^^xsd:nonNegativeInteger`, "<https://www.etalab.gouv.fr/licence-ouverte-open-licence>",
		`[ a dct:MediaTypeOrExtent ; rdfs:label "odd" ]`, "<mailto:donnees@exempleville.example>", `"2026-03-01T04:05:06Z"^^xsd:dateTime`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if n := strings.Count(page, "a hydra:PartialCollectionView"); n != 1 {
		t.Errorf("%d views on the page, want 1", n)
	}
	for _, bad := range []string{"spdx:checksum ", "spdx:checksumValue", "xsd:gYear", "file:///", "prefLabel"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %s", bad)
		}
	}
	if last := write(t, catalogue(3, 3), dataset(1)); strings.Contains(last, "hydra:next") {
		t.Error("the last page has a next")
	}
}

func TestTurtle_HostileTextIsInert(t *testing.T) {
	d := dataset(1)
	d.Title = "a\"@en ; dct:title \"b\x00\x0b\u2028\xff \\"
	d.Slug = "x> . <y"
	d.Files[0].Name = "a b{c}.csv"
	page := write(t, catalogue(1, 1), d)
	for _, want := range []string{`"a\"@en ; dct:title \"b` + "\u2028" + ` \\"@fr`, "/jeux/x%3E%20.%20%3Cy>", "/a%20b%7Bc%7D.csv>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
}

func TestDatasetTurtle_CarriesTheChecksum(t *testing.T) {
	var b bytes.Buffer
	if err := DatasetTurtle(&b, catalogue(1, 1), dataset(1)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `spdx:checksumValue "`+strings.Repeat("ab", 32)+`"^^xsd:hexBinary`) {
		t.Errorf("no checksum:\n%s", b.String())
	}
}

func TestTurtle_PassesSHACL(t *testing.T) {
	checker := os.Getenv("GRENIER_TEST_SHACL")
	if checker == "" {
		t.Skip("no SHACL checker: `make test` sets it up where Node.js is")
	}
	file := filepath.Join(t.TempDir(), "catalogue.ttl")
	if err := os.WriteFile(file, []byte(write(t, catalogue(1, 1), dataset(1), dataset(2))), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", "validate.mjs", file, "--full")
	cmd.Dir = checker
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
}

func BenchmarkTurtle(b *testing.B) {
	ds := make([]catalog.Dataset, 150)
	for i := range ds {
		ds[i] = dataset(1 + i%28)
	}
	var w bytes.Buffer
	for b.Loop() {
		w.Reset()
		if err := Turtle(&w, catalogue(1, 1), ds); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(w.Len()))
}
