package dcat

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"grenier/catalog"
	"grenier/catalog/rehearsal"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var formats = map[string]Format{
	"csv":     {"text/csv", "CSV", "CSV"},
	"parquet": {"application/vnd.apache.parquet", "", "Parquet"},
	"odd":     {"application/octet-stream", "", "Étrange"},
}

func example(n int) catalog.Dataset {
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

var site = &Site{Base: "https://donnees.example.fr", Formats: formats}

func pageOf(page, pages int) Catalogue {
	return Catalogue{
		Path: "/catalogues/219900013", IRI: "/id/catalogue/219900013", Title: "Données ouvertes d’Exempleville",
		Description: "Jeux de données publiés par Exempleville avec l’appui de son opérateur public de services numériques.",
		Publisher:   example(1).Member, Homepage: "/membres/219900013", Modified: example(2).Modified, Page: page, Pages: pages, Total: 2,
	}
}

func write(t testing.TB, x Syntax, c Catalogue, ds ...catalog.Dataset) string {
	t.Helper()
	var b bytes.Buffer
	if err := site.WritePage(&b, x, c, unpacked(t, ds...)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// unpacked goes through what is kept: packed and unpacked.
func unpacked(t testing.TB, ds ...catalog.Dataset) (list []Description) {
	t.Helper()
	for _, d := range ds {
		one, err := Unpack(site.Describe(d).Pack())
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, one)
	}
	return list
}

func serviceOf() *Service {
	return &Service{IRI: "/id/api/219900013", Title: "API d’Exempleville", Description: "Donne les lignes des jeux de données, triées et filtrées.", Publisher: example(1).Member, Serves: []uuid.UUID{example(1).ID, example(2).ID}}
}

func TestWritePage_IsTheGoldenPage(t *testing.T) {
	for _, x := range Syntaxes() {
		c := pageOf(1, 1)
		c.Service = serviceOf()
		got := write(t, x, c, example(1))
		golden := filepath.Join("testdata", "catalogue."+x.Extension())
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
}

func TestWritePage_SamePageTwiceIsTheSameBytes(t *testing.T) {
	for _, x := range Syntaxes() {
		if a, b := write(t, x, pageOf(1, 1), example(1), example(2)), write(t, x, pageOf(1, 1), example(1), example(2)); a != b {
			t.Errorf("two writes of one page in %s differ", x.Extension())
		}
	}
}

// graph is what a document says, statement by statement; a blank node is what is said of it.
func graph(t testing.TB, x Syntax, body string) []string {
	t.Helper()
	g, err := rehearsal.Parse(map[Syntax]rehearsal.Syntax{Turtle: rehearsal.Turtle, RDFXML: rehearsal.RDFXML, JSONLD: rehearsal.JSONLD, NTriples: rehearsal.NTriples}[x], []byte(body), rehearsal.Limits{})
	if err != nil {
		t.Fatalf("%s cannot be read: %v\n%s", x.Extension(), err, body)
	}
	var term func(rehearsal.Term) string
	var all []rehearsal.Triple
	g.Triples(func(s rehearsal.Triple) { all = append(all, s) })
	term = func(o rehearsal.Term) string {
		if o.Kind != rehearsal.Blank {
			return fmt.Sprintf("%d %q %s %s", o.Kind, o.Value, o.Lang, o.Datatype)
		}
		var parts []string
		for _, s := range all {
			if s.Subject == o {
				parts = append(parts, s.Predicate+" "+term(s.Object))
			}
		}
		slices.Sort(parts)
		return "[" + strings.Join(parts, " ; ") + "]"
	}
	var lines []string
	for _, s := range all {
		if s.Subject.Kind != rehearsal.Blank {
			lines = append(lines, term(s.Subject)+" "+s.Predicate+" "+term(s.Object))
		}
	}
	slices.Sort(lines)
	return lines
}

// hostile is a dataset in which every text is somebody's mischief.
func hostile() catalog.Dataset {
	d := example(1)
	const bad = "a\"@en ; dct:title \"b\x00\x0b\u2028\u202e\xff \\ ]]> <script>&amp;</script> {\"@id\": \r\n\r\t'' \u0085\ufffe"
	d.Title, d.Description, d.Slug, d.Keywords = bad, bad+strings.Repeat("é", 10_000), "x> . <y&\"z\"", []string{bad, "<b>"}
	d.Member.Name, d.Member.Email = bad, "a b<c>@d"
	d.Files[0].Name, d.Files[0].Title = "a b{c}|é\u202e.csv", bad
	d.SchemaURL, d.TemporalFrom = "https://exemple.example/?a=1&b=<2>", "hier"
	d.HVD = "c_dd313021"
	return d
}

func TestWritePage_SaysTheSameInEverySyntax(t *testing.T) {
	c := pageOf(2, 3)
	c.Service, c.Query = serviceOf(), "modified_since=2026-01-01T00%3A00%3A00Z"
	c.Series = []Series{{Schema: "scdl/deliberations", Title: "Série & co", Publisher: example(1).Member, Frequency: "DAILY", Issued: example(1).Issued}}
	want := graph(t, NTriples, write(t, NTriples, c, example(2), hostile()))
	if len(want) < 90 {
		t.Fatalf("%d statements", len(want))
	}
	for _, x := range Syntaxes() {
		got := graph(t, x, strings.ReplaceAll(write(t, x, c, example(2), hostile()), "."+x.Extension()+"?", ".nt?"))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s says something else:\n%s", x.Extension(), diff)
		}
	}
}

func FuzzWritePage_IsWellFormedInEverySyntax(f *testing.F) {
	h := hostile()
	f.Add(h.Title, h.Slug, h.SchemaURL)
	f.Add("\x01<!--", "a\\u0041", "https://x.example/%zz")
	f.Fuzz(func(t *testing.T, text, slug, address string) {
		d := example(1)
		d.Title, d.Description, d.Slug, d.SchemaURL, d.Keywords, d.Files[0].Name = text, text, slug, address, []string{text, slug}, slug+".csv"
		d.Member.Name, d.Member.Email = text, address
		c := pageOf(1, 1)
		want := graph(t, NTriples, write(t, NTriples, c, d))
		for _, x := range []Syntax{Turtle, RDFXML, JSONLD} {
			body := write(t, x, c, d)
			got := graph(t, x, strings.ReplaceAll(body, c.Path+"."+x.Extension(), c.Path+".nt"))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s says something else:\n%s", x.Extension(), diff)
			}
			wellFormed(t, x, body)
		}
	})
}

// wellFormed asks the standard library.
func wellFormed(t *testing.T, x Syntax, body string) {
	switch x {
	case RDFXML:
		for d := xml.NewDecoder(strings.NewReader(body)); ; {
			if _, err := d.Token(); err == io.EOF {
				return
			} else if err != nil {
				t.Fatalf("%v:\n%s", err, body)
			}
		}
	case JSONLD:
		if !json.Valid([]byte(body)) {
			t.Fatalf("no JSON:\n%s", body)
		}
	}
}

// FuzzUnpack looks at damaged descriptions: they are refused when they are read, or while they are written; nothing panics.
func FuzzUnpack_NeverPanics(f *testing.F) {
	f.Add(site.Describe(example(1)).Pack(), true)
	f.Add(site.Describe(hostile()).Pack()[:200], false)
	f.Fuzz(func(t *testing.T, b []byte, mend bool) {
		if mend && len(b) > 4 { // damage that the checksum does not see
			b = binary.BigEndian.AppendUint32(b[:len(b)-4:len(b)-4], crc32.Checksum(b[:len(b)-4], castagnoli))
		}
		d, err := Unpack(b)
		if err != nil {
			return
		}
		for _, x := range Syntaxes() {
			if err := site.WritePage(io.Discard, x, pageOf(1, 1), []Description{d}); err != nil && !errors.Is(err, errPacked) {
				t.Fatal(err)
			}
		}
	})
}

func TestUnpack_RefusesDamage(t *testing.T) {
	whole := site.Describe(example(1)).Pack()
	for i := range whole {
		if _, err := Unpack(whole[:i]); err == nil {
			t.Fatalf("cut after %d bytes, and taken", i)
		}
		whole[i] ^= 0x10
		if _, err := Unpack(whole); err == nil {
			t.Fatalf("byte %d is wrong, and taken", i)
		}
		whole[i] ^= 0x10
	}
	if _, err := Unpack(whole); err != nil {
		t.Fatal(err)
	}
}

// What data.gouv.fr's harvester refuses or loses (CONTRACT sections 1 to 5).
func TestTurtle_KeepsTheHarvestersRules(t *testing.T) {
	bare := example(2)
	bare.SchemaURL, bare.SchemaName, bare.TemporalFrom, bare.TemporalTo, bare.Member.Email, bare.Member.BBox = "", "", "", "", "", nil
	bare.Files[1].Format = "odd"
	bare.Description = "Court, avec un <mot> entre chevrons."
	page := write(t, Turtle, pageOf(2, 3), example(1), bare)
	for _, want := range []string{
		"hydra:next <https://donnees.example.fr/catalogues/219900013/3.ttl>", "hydra:previous <https://donnees.example.fr/catalogues/219900013.ttl>",
		`dcat:startDate "2020-01-01"^^xsd:date`, `"4821"^^xsd:nonNegativeInteger`, "<https://www.etalab.gouv.fr/licence-ouverte-open-licence>",
		`[ a dct:MediaTypeOrExtent ; rdfs:label "odd" ]`, "<mailto:donnees@exempleville.example>", `"2026-03-01T04:05:06Z"^^xsd:dateTime`,
		`un < mot> entre chevrons.\n\nDonnées publiées par Exempleville : `,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if n := strings.Count(page, "a hydra:PartialCollectionView"); n != 1 {
		t.Errorf("%d views on the page, want 1", n)
	}
	for _, bad := range []string{"spdx:checksum ", "spdx:checksumValue", "xsd:gYear", "file:///", "prefLabel", "dcat:inSeries", "dcat:DatasetSeries"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %s", bad)
		}
	}
	if last := write(t, Turtle, pageOf(3, 3), example(1)); strings.Contains(last, "hydra:next") {
		t.Error("the last page has a next")
	}
}

func TestTurtle_HostileTextIsInert(t *testing.T) {
	page := write(t, Turtle, pageOf(1, 1), hostile())
	for _, want := range []string{`"a\"@en ; dct:title \"b` + "\u2028", "/jeux/x%3E%20.%20%3Cy&%22z%22>", "/a%20b%7Bc%7D%7Cé%E2%80%AE.csv>", "<mailto:a%20b%3Cc%3E@d>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
}

// The service names the datasets of other pages without describing them (CONTRACT section 6), and HVD is said twice.
func TestWritePage_ServiceNamesEveryDatasetItServes(t *testing.T) {
	c := pageOf(2, 2)
	c.Service = serviceOf()
	c.Service.HVD = []string{"c_dd313021"}
	d := example(1)
	d.HVD = "c_dd313021"
	page := write(t, Turtle, c, d)
	other := "<https://donnees.example.fr/id/jeu/" + example(2).ID.String() + ">"
	for _, want := range []string{
		other + "\n  dct:identifier \"https://donnees.example.fr/id/jeu/" + example(2).ID.String() + "\" .", "dcat:service <https://donnees.example.fr/id/api/219900013>",
		"dcat:theme <http://publications.europa.eu/resource/authority/data-theme/GOVE>, <http://data.europa.eu/bna/c_dd313021>", "dcatap:hvdCategory <http://data.europa.eu/bna/c_dd313021>",
		"dcat:endpointDescription <https://donnees.example.fr/api/1/openapi.json>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s:\n%s", want, page)
		}
	}
	if strings.Count(page, "a dcat:Dataset ") != 1 || strings.Contains(page, "dcat:accessService") {
		t.Errorf("a dataset of another page is typed, or a file names the service:\n%s", page)
	}
	if strings.Count(page, other+"\n") != 1 || strings.Count(page, "<https://donnees.example.fr/id/jeu/"+d.ID.String()+">\n") != 0 {
		t.Error("a dataset of the page is named twice")
	}
}

func TestWriteAll_SaysWhatThePagesSay(t *testing.T) {
	c := pageOf(1, 1)
	c.Series = []Series{{Schema: "scdl/deliberations", Title: "Série", Publisher: example(1).Member}}
	two := example(2)
	two.SchemaName = ""
	ds := unpacked(t, example(1), two)
	want := graph(t, Turtle, write(t, Turtle, c, example(1), two))
	want = slices.DeleteFunc(want, func(s string) bool {
		return strings.Contains(s, "hydra/core#view") || strings.Contains(s, "/catalogues/219900013.ttl")
	})
	for _, x := range Syntaxes() {
		var b bytes.Buffer
		err := site.WriteAll(&b, x, c, func(yield func(Description, error) bool) {
			_ = yield(ds[0], nil) && yield(ds[1], nil)
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, graph(t, x, b.String())); diff != "" {
			t.Errorf("%s:\n%s", x.Extension(), diff)
		}
	}
	broken := errors.New("store down")
	if err := site.WriteAll(io.Discard, Turtle, c, func(yield func(Description, error) bool) { yield(Description{}, broken) }); !errors.Is(err, broken) {
		t.Errorf("an error while reading became %v", err)
	}
}

func TestWriteDataset_CarriesTheChecksum(t *testing.T) {
	var b bytes.Buffer
	if err := site.WriteDataset(&b, Turtle, example(1)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `spdx:checksumValue "`+strings.Repeat("ab", 32)+`"^^xsd:hexBinary`) {
		t.Errorf("no checksum:\n%s", b.String())
	}
	if strings.Count(b.String(), "a dct:LicenseDocument") != 1 {
		t.Errorf("a node is described twice:\n%s", b.String())
	}
}

func TestProperties_AreAllNamed(t *testing.T) {
	seen := map[string]bool{}
	for i, p := range properties {
		if p.name == "" || seen[p.name] {
			t.Errorf("property %d is named %q", i, p.name)
		}
		seen[p.name] = true
	}
	for i, c := range classes {
		if c == "" {
			t.Errorf("class %d has no name", i)
		}
	}
}

func TestWritePage_PassesSHACL(t *testing.T) {
	checker := os.Getenv("GRENIER_TEST_SHACL")
	if checker == "" {
		t.Skip("no SHACL checker: `make test` sets it up where Node.js is")
	}
	c := pageOf(1, 1)
	c.Service = serviceOf()
	hvd := example(2)
	hvd.HVD = "c_dd313021"
	c.Service.HVD = []string{hvd.HVD}
	c.Series = []Series{{Schema: "scdl/deliberations", Title: "Série des délibérations", Description: "Tout le département.", Publisher: example(1).Member, Frequency: "DAILY", Issued: example(1).Issued, Modified: example(1).Issued}}
	for _, x := range Syntaxes() {
		file := filepath.Join(t.TempDir(), "catalogue."+x.Extension())
		if err := os.WriteFile(file, []byte(write(t, x, c, example(1), hvd)), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("node", "validate.mjs", file, "--full", "--hvd", "--schemas", "none")
		cmd.Dir = checker
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v:\n%s", x.Extension(), err, out)
		}
	}
}

func BenchmarkWritePage(b *testing.B) {
	ds := make([]catalog.Dataset, 150)
	for i := range ds {
		ds[i] = example(1 + i%28)
	}
	packed := unpacked(b, ds...)
	for _, x := range Syntaxes() {
		b.Run(x.Extension(), func(b *testing.B) {
			var w bytes.Buffer
			for b.Loop() {
				w.Reset()
				if err := site.WritePage(&w, x, pageOf(1, 1), packed); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(w.Len()))
		})
	}
}

func BenchmarkDescribe(b *testing.B) {
	d := example(1)
	for b.Loop() {
		site.Describe(d).Pack()
	}
}
