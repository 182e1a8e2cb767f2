package rehearsal

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	jeu     = "https://donnees.brenne.example.org/id/jeu/dechets"
	agent42 = "https://donnees.brenne.example.org/id/organisme/243900420"
)

// essai is the one schema that these tests know.
var essai = map[string]Schema{"https://schema.data.gouv.fr/schemas/essai/collecte/1.0.0/schema.json": {"essai/collecte", "1.0.0"}}

// sound is a catalogue without fault; pairs of words are put in place of each other, each of which must be there.
func sound(t testing.TB, pairs ...string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/sain.ttl")
	if err != nil {
		t.Fatal(err)
	}
	out := string(text)
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(out, pairs[i]) {
			t.Fatalf("the catalogue does not hold %q", pairs[i])
		}
		out = strings.Replace(out, pairs[i], pairs[i+1], 1)
	}
	return out
}

// A answer is what a path of a test's server says.
type answer struct {
	status int // 0 is 200
	kind   string
	body   string
	to     string // Location
}

const turtleKind = "text/turtle; charset=utf-8"

// served walks a catalogue that a loopback server serves. In bodies, HERE is its address and PAGE that of the page.
func served(t testing.TB, first string, answers map[string]answer, o Options) *Report {
	t.Helper()
	var base string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, ok := answers[r.URL.RequestURI()]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if r.UserAgent() != agent || r.Header.Get("Accept") != "*/*" {
			t.Errorf("asked by %q for %q", r.UserAgent(), r.Header.Get("Accept"))
		}
		if a.to != "" {
			w.Header().Set("Location", strings.ReplaceAll(a.to, "HERE", base))
		}
		w.Header()["Content-Type"] = []string{a.kind}
		if a.status != 0 {
			w.WriteHeader(a.status)
		}
		io.WriteString(w, strings.NewReplacer("HERE", base, "PAGE", base+r.URL.RequestURI()).Replace(a.body))
	}))
	defer srv.Close()
	base = srv.URL
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	o.Now, o.Schemas = now, essai
	client := srv.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r, err := Walk(ctx, Client(client.Do), base+first, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWalk_FindsNothingInASoundCatalogue(t *testing.T) {
	r := served(t, "/c.ttl", map[string]answer{"/c.ttl": {kind: turtleKind, body: sound(t)}}, Options{})
	if got := codes(r, false); !slices.Equal(got, []string{"private-address"}) {
		t.Fatalf("%v: %+v", got, r.Findings)
	}
	if r.Count("dataset", Stored) != 2 || r.Count("service", Stored) != 1 || len(r.Items[0].Files) != 2 || r.Average() != 100 {
		t.Errorf("%+v", r)
	}
	if s := r.Items[0].Files[0].Schema; s.Name != "essai/collecte" || s.Version != "1.0.0" {
		t.Errorf("schema %+v", s)
	}
}

// Each entry breaks one thing in the sound catalogue; the rules that it must name are all the faults there are.
var faults = map[string]struct {
	pairs []string
	rules string
	jeu   Outcome // of the dataset that is broken, "" is stored
}{
	"no identifier":           {[]string{"  dct:identifier \"" + jeu + "\" ;\n", ""}, "identifier serves-dataset", Skipped},
	"two identifiers":         {[]string{"dct:identifier \"" + jeu + "\"", "dct:identifier \"" + jeu + "\", \"autre\""}, "identifier-many", ""},
	"identifier of another":   {[]string{"dct:identifier \"https://donnees.brenne.example.org/id/jeu/marches\"", "dct:identifier \"" + jeu + "\""}, "identifier-unique", ""},
	"identifier of the API":   {[]string{"dct:identifier \"https://donnees.brenne.example.org/id/api/243900420\"", "dct:identifier \"" + jeu + "\""}, "identifier-unique", ""},
	"identifier as a link":    {[]string{"dct:identifier \"" + jeu + "\"", "dct:identifier <" + jeu + ">"}, "ap-kind-text identifier-text", ""},
	"no title":                {[]string{"  dct:title \"Jours de collecte des déchets\"@fr ;\n", ""}, "ap-missing title", Skipped},
	"title in English":        {[]string{"déchets\"@fr ;\n  dct:desc", "déchets\"@en ;\n  dct:desc"}, "title-fr", ""},
	"API without title":       {[]string{"  dct:title \"API des jeux du Pays de Brenne\"@fr ;\n", ""}, "ap-missing title-service", ""},
	"description with a tag":  {[]string{"le jour où passe la benne", "le <jour> où passe la benne"}, "description-html", ""},
	"acronym too long":        {[]string{"dcat:keyword \"déchets\"@fr", "skos:altLabel \"" + strings.Repeat("x", 129) + "\" ; dcat:keyword \"déchets\"@fr"}, "alt-label", Failed},
	"keyword as a link":       {[]string{"\"collecte\"@fr", "<https://exemple.org/collecte>"}, "ap-kind-text keyword", ""},
	"keyword too short":       {[]string{"\"collecte\"@fr", "\"eu\"@fr"}, "keyword-length", ""},
	"theme with a name":       {[]string{"<PAGE> a", "<http://publications.europa.eu/resource/authority/data-theme/ENVI> skos:prefLabel \"Environnement\"@fr .\n<PAGE> a"}, "theme-label", ""},
	"category only":           {[]string{"dcat:theme", "dcatap:applicableLegislation <http://data.europa.eu/eli/reg_impl/2023/138/oj> ; dcatap:hvdCategory <http://data.europa.eu/bna/c_ac64a52d> ; dcat:theme"}, "hvd-theme", ""},
	"category without act":    {[]string{"dcat:theme", "dcatap:hvdCategory <http://data.europa.eu/bna/c_ac64a52d> ; dcat:theme <http://data.europa.eu/bna/c_ac64a52d>,"}, "hvd-act", ""},
	"unknown frequency":       {[]string{"frequency/MONTHLY", "frequency/PARFOIS"}, "ap-list frequency", ""},
	"two frequencies":         {[]string{"<http://publications.europa.eu/resource/authority/frequency/MONTHLY>", "<http://publications.europa.eu/resource/authority/frequency/MONTHLY>, <http://publications.europa.eu/resource/authority/frequency/DAILY>"}, "ap-several", ""},
	"year as a period":        {[]string{"\"2026-01-01\"^^xsd:date", "\"2026\"^^xsd:gYear"}, "temporal", Failed},
	"text as a period":        {[]string{"\"2026-01-01\"^^xsd:date", "\"2026-01-01\""}, "ap-datatype temporal", Failed},
	"impossible day":          {[]string{"\"2026-01-01\"^^xsd:date", "\"2026-13-41\"^^xsd:date"}, "temporal", Failed},
	"period as a link":        {[]string{"dct:temporal [ a dct:PeriodOfTime ; dcat:startDate \"2026-01-01\"^^xsd:date ; dcat:endDate \"2026-12-31\"^^xsd:date ]", "dct:temporal <https://exemple.org/2026>"}, "ap-class temporal-iri", ""},
	"territory unreadable":    {[]string{"POLYGON((5.1 46.1,5.4 46.1,5.4 46.3,5.1 46.3,5.1 46.1))", "POLYGON((5.1 46.1,5.4 46.1,5.4 46.3,5.1 46.3))"}, "spatial", ""},
	"territory with a system": {[]string{"\"POLYGON", "\"<http://www.opengis.net/def/crs/EPSG/0/4326> POLYGON"}, "spatial-crs", ""},
	"latitude first":          {[]string{"POLYGON((5.1 46.1,5.4 46.1,5.4 46.3,5.1 46.3,5.1 46.1))", "POLYGON((46.1 5.1,46.1 5.4,46.3 5.4,46.3 5.1,46.1 5.1))"}, "spatial-order", ""},
	"European licence":        {[]string{"  dct:license <https://www.etalab.gouv.fr/licence-ouverte-open-licence> ;\n  dct:format <http://publications.europa.eu/resource/authority/file-type/CSV> ;\n", "  dct:license <http://publications.europa.eu/resource/authority/licence/ETALAB_2_0> ;\n  dct:format <http://publications.europa.eu/resource/authority/file-type/CSV> ;\n"}, "licence", ""},
	"licence with a name":     {[]string{"dct:LicenseDocument .", "dct:LicenseDocument ; rdfs:label \"Licence du pays\"@fr ."}, "licence licence-label", ""},
	"no licence":              {[]string{"  dct:license <https://www.etalab.gouv.fr/licence-ouverte-open-licence> ;\n  dct:format <http://publications.europa.eu/resource/authority/file-type/CSV> ;\n", "  dct:format <http://publications.europa.eu/resource/authority/file-type/CSV> ;\n", "  dct:license <https://www.etalab.gouv.fr/licence-ouverte-open-licence> ;\n  dct:format [", "  dct:format ["}, "licence-none", ""},
	"contact without address": {[]string{" ; vcard:hasEmail <mailto:donnees@brenne.example.org>", ""}, "contact", ""},
	"page of the dataset":     {[]string{"dcat:landingPage <https://donnees.brenne.example.org/jeux/dechets>", "dcat:landingPage <ftp://brenne.example.org/dechets>"}, "ap-class landing-page", ""},
	"unparsable date":         {[]string{"dct:issued \"2026-01-05T08:00:00Z\"^^xsd:dateTime", "dct:issued \"bientôt\"^^xsd:dateTime"}, "date", Failed},
	"date of a file":          {[]string{"dct:modified \"2026-11-20T06:00:00Z\"^^xsd:dateTime ;\n  dct:conformsTo", "dct:modified \"hier\"^^xsd:dateTime ;\n  dct:conformsTo"}, "date", Failed},
	"date in the future":      {[]string{"dct:modified \"2026-11-20T06:00:00Z\"", "dct:modified \"2031-01-01T00:00:00Z\""}, "date-future", ""},
	"parts":                   {[]string{"dcat:keyword \"déchets\"@fr", "dct:hasPart <https://exemple.org/partie> ; dcat:keyword \"déchets\"@fr"}, "has-part", ""},
	"two schemas":             {[]string{"dct:conformsTo <https://schema", "dct:conformsTo <https://exemple.org/profil>, <https://schema", "a dct:Standard .", "a dct:Standard . <https://exemple.org/profil> a dct:Standard ."}, "conforms-to", ""},
	"wrong schema":            {[]string{"dct:conformsTo <https://schema.data.gouv.fr/schemas/essai/collecte/1.0.0/schema.json>", "dct:conformsTo <https://schema.data.gouv.fr/schemas/essai/collecte/1.0.1/schema.json>", "<https://schema.data.gouv.fr/schemas/essai/collecte/1.0.0/schema.json> a dct:Standard", "<https://schema.data.gouv.fr/schemas/essai/collecte/1.0.1/schema.json> a dct:Standard"}, "schema-url", ""},
	"file without address":    {[]string{"  dcat:accessURL <https://donnees.brenne.example.org/jeux/dechets> ;\n  dcat:downloadURL <https://donnees.brenne.example.org/f/2cbd5a0c-38bc-4ab5-8d3e-7e1b7c9e5f10/dechets.csv> ;\n", ""}, "ap-missing file-url-none", ""},
	"file of another kind":    {[]string{"https://donnees.brenne.example.org/f/2cbd5a0c-38bc-4ab5-8d3e-7e1b7c9e5f10/dechets.csv", "dechets:csv"}, "file-url", Failed},
	"same file twice":         {[]string{"f/9b1ce0f2-4a7e-4d22-9a35-0f2d3a6b7c11/dechets.parquet", "f/2cbd5a0c-38bc-4ab5-8d3e-7e1b7c9e5f10/dechets.csv"}, "file-url-unique", ""},
	"date in an address":      {[]string{"dechets.csv> ;", "dechets-2026-11-20.csv> ;"}, "file-url-moving", ""},
	"version in an address":   {[]string{"/dechets.csv> ;", "/v/12/dechets.csv> ;"}, "file-url-moving", ""},
	"token in an address":     {[]string{"/dechets.csv> ;", "/dechets.csv?token=abc> ;"}, "file-url-moving", ""},
	"hash in an address":      {[]string{"/dechets.csv> ;", "/" + strings.Repeat("ab12", 8) + ".csv> ;"}, "file-url-moving", ""},
	"media type with http":    {[]string{"https://www.iana.org", "http://www.iana.org"}, "media-type", ""},
	"size with a unit":        {[]string{"\"1204\"^^xsd:nonNegativeInteger", "\"12 Mo\""}, "ap-datatype byte-size", Failed},
	"checksum":                {[]string{"dcat:byteSize", "spdx:checksum [ a spdx:Checksum ; spdx:algorithm spdx:checksumAlgorithm_sha256 ; spdx:checksumValue \"ab12\"^^xsd:hexBinary ] ; dcat:byteSize"}, "checksum", Failed},
	"checksum of nothing":     {[]string{"dcat:byteSize", "spdx:checksum [ a spdx:Checksum ; spdx:checksumValue \"ab12\" ] ; dcat:byteSize"}, "ap-datatype ap-missing checksum", Failed},
	"checksum as a text":      {[]string{"dcat:byteSize", "spdx:checksum [ a spdx:Checksum ; spdx:algorithm spdx:checksumAlgorithm_sha256 ; spdx:checksumValue \"ab12\" ] ; dcat:byteSize"}, "ap-datatype checksum-plain", ""},
	"API of a file":           {[]string{"dcat:byteSize", "dcat:accessService <https://donnees.brenne.example.org/id/api/243900420> ; dcat:byteSize"}, "access-service", ""},
	"API elsewhere":           {[]string{"dcat:servesDataset <" + jeu + ">", "dcat:servesDataset <https://donnees.brenne.example.org/id/jeu/absent>"}, "ap-class serves-dataset", ""},
	"API without address":     {[]string{"  dcat:endpointURL <https://donnees.brenne.example.org/api/1> ;\n", ""}, "ap-missing", ""},
	"stub of a dataset":       {[]string{"<PAGE> a", "<https://donnees.brenne.example.org/id/jeu/souche> a dcat:Dataset .\n<PAGE> a"}, "ap-missing identifier title", ""},
	"relative address":        {[]string{"dcat:landingPage <https://donnees.brenne.example.org/jeux/dechets>", "dcat:landingPage </jeux/dechets>"}, "ap-class landing-page relative-iri", ""},
	"space in an address":     {[]string{"<https://donnees.brenne.example.org/jeux/dechets> a foaf:Document .", "<https://donnees.brenne.example.org/jeux/les dechets> a foaf:Document ."}, "ap-class iri-syntax", ""},
	"control character":       {[]string{"Une ligne par rue.", "Une ligne\\u000Bpar rue."}, "control-character", ""},
	"two views":               {[]string{"<PAGE> a hydra:Partial", "<HERE/autre.ttl> a hydra:PartialCollectionView . <PAGE> a hydra:Partial"}, "paging-views", ""},
	"no publisher's name":     {[]string{" ; foaf:name \"Pays de Brenne\"@fr", ""}, "ap-missing", ""},
	"publisher not described": {[]string{"<" + agent42 + "> a foaf:Agent ;", "<" + agent42 + ">"}, "ap-class", ""},
	"catalogue of nobody":     {[]string{"  dct:publisher <" + agent42 + "> ;\n  dcat:dataset", "  dcat:dataset"}, "ap-missing", ""},
	"title as a link":         {[]string{"\"Données de la communauté du Pays de Brenne\"@fr", "<https://exemple.org/titre>"}, "ap-kind-text", ""},
	"format as a text":        {[]string{"<http://publications.europa.eu/resource/authority/file-type/CSV> ;\n  dcat:media", "\"CSV\" ;\n  dcat:media"}, "ap-kind-node", ""},
	"format outside the list": {[]string{"file-type/CSV> ;\n  dcat:media", "file-type/TABLEUR> ;\n  dcat:media"}, "ap-list", ""},
}

func TestWalk_NamesEachFaultOfABrokenCatalogue(t *testing.T) {
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			r := served(t, "/c.ttl", map[string]answer{"/c.ttl": {kind: turtleKind, body: sound(t, f.pairs...)}}, Options{})
			if got := strings.Join(codes(r, true), " "); got != f.rules {
				t.Errorf("got faults %q, want %q", got, f.rules)
				for _, one := range r.Findings {
					t.Logf("%+v", one)
				}
			}
			outcome := Outcome("")
			for _, i := range r.Items {
				if i.IRI == jeu && i.Outcome != Stored {
					outcome = i.Outcome
				}
			}
			if outcome != f.jeu {
				t.Errorf("the dataset is %q, want %q", outcome, f.jeu)
			}
			for _, one := range r.Findings {
				if one.Text == "" || one.Fix == "" || strings.Contains(one.Text+one.Fix, "%!") || one.Effect.Fault() && one.Page == "" {
					t.Errorf("finding without words or place: %+v", one)
				}
			}
		})
	}
}

// jsonContext and xmlPage are the same catalogue's head in other syntaxes.
const xmlPage = `<?xml version="1.0" encoding="UTF-8"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dct="http://purl.org/dc/terms/" xmlns:dcat="http://www.w3.org/ns/dcat#">` +
	`<dcat:Dataset rdf:about="https://exemple.org/a"><dct:identifier>https://exemple.org/a</dct:identifier><dct:title>Un</dct:title></dcat:Dataset></rdf:RDF>`

func TestWalk_NamesEachFaultOfTheWay(t *testing.T) {
	good := sound(t)
	next := func(to string) string {
		return sound(t, "hydra:first <PAGE> .", "hydra:first <PAGE> ; hydra:next <"+to+"> .")
	}
	second := strings.NewReplacer("/id/jeu/dechets", "/id/jeu/dechets-2", "/id/jeu/marches", "/id/jeu/marches-2", "/id/api/", "/id/api2/").Replace(good)
	for name, test := range map[string]struct {
		first   string
		answers map[string]answer
		rules   string
		pages   int
	}{
		"two pages":            {"/c.ttl", map[string]answer{"/c.ttl": {kind: turtleKind, body: next("HERE/2.ttl")}, "/2.ttl": {kind: turtleKind, body: second}}, "", 2},
		"redirect":             {"/c.ttl", map[string]answer{"/c.ttl": {status: 301, to: "HERE/d.ttl"}, "/d.ttl": {kind: turtleKind, body: good}}, "redirect", 0},
		"redirect of page two": {"/c.ttl", map[string]answer{"/c.ttl": {kind: turtleKind, body: next("HERE/2.ttl")}, "/2.ttl": {status: 302, to: "HERE/d.ttl"}}, "redirect", 1},
		"absent":               {"/c.ttl", nil, "status", 0},
		"not available":        {"/c.ttl", map[string]answer{"/c.ttl": {status: 503}}, "status", 0},
		"no charset":           {"/c.ttl", map[string]answer{"/c.ttl": {kind: "text/turtle", body: good}}, "charset", 1},
		"another charset":      {"/c.ttl", map[string]answer{"/c.ttl": {kind: "text/turtle; charset=iso-8859-1", body: good}}, "charset", 1},
		"loop on itself":       {"/c.ttl", map[string]answer{"/c.ttl": {kind: turtleKind, body: next("PAGE")}}, "paging-loop", 1},
		"loop of two":          {"/c.ttl", map[string]answer{"/c.ttl": {kind: turtleKind, body: next("HERE/2.ttl")}, "/2.ttl": {kind: turtleKind, body: strings.Replace(second, "hydra:first <PAGE> .", "hydra:next <HERE/c.ttl> .", 1)}}, "paging-loop", 2},
		"relative next":        {"/c.ttl", map[string]answer{"/c.ttl": {kind: turtleKind, body: next("2.ttl")}, "/2.ttl": {kind: turtleKind, body: second}}, "relative-iri unreachable", 1},
		"same on both":         {"/c.ttl", map[string]answer{"/c.ttl": {kind: turtleKind, body: next("HERE/2.ttl")}, "/2.ttl": {kind: turtleKind, body: good}}, "identifier-unique", 2},
		"extension in a query": {"/c.ttl?page=1", map[string]answer{"/c.ttl?page=1": {kind: turtleKind, body: good}}, "", 1},
		"unknown type":         {"/c", map[string]answer{"/c": {kind: "text/html; charset=utf-8", body: good}}, "unknown-syntax", 0},
		"known by its type":    {"/c", map[string]answer{"/c": {kind: turtleKind, body: good}}, "", 1},
		"another type":         {"/c.ttl", map[string]answer{"/c.ttl": {kind: "application/rdf+xml; charset=utf-8", body: good}}, "syntax-changes", 1},
		"not Turtle":           {"/c.ttl", map[string]answer{"/c.ttl": {kind: turtleKind, body: "<html>"}}, "syntax", 0},
		"empty":                {"/c.ttl", map[string]answer{"/c.ttl": {kind: turtleKind, body: "# rien"}}, "empty", 1},
		"control in XML":       {"/c.rdf", map[string]answer{"/c.rdf": {kind: "application/rdf+xml; charset=utf-8", body: strings.Replace(xmlPage, ">Un<", ">U\u000Bn<", 1)}}, "syntax", 0},
		"remote context":       {"/c.jsonld", map[string]answer{"/c.jsonld": {kind: "application/ld+json; charset=utf-8", body: `{"@context":"HERE/contexte.jsonld","@graph":[]}`}}, "remote-context", 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := served(t, test.first, test.answers, Options{})
			if got := strings.Join(codes(r, true), " "); got != test.rules || len(r.Pages) != test.pages {
				t.Errorf("got faults %q on %d pages, want %q on %d: %+v", got, len(r.Pages), test.rules, test.pages, r.Findings)
			}
		})
	}
	r := served(t, "/c.ttl", map[string]answer{"/c.ttl": {kind: "text/turtle", body: good}}, Options{})
	if !strings.HasPrefix(r.Items[0].Title, "Jours de collecte des dÃ©chets") {
		t.Errorf("without charset the title is read as %q", r.Items[0].Title)
	}
	if r := served(t, "/c.ttl", map[string]answer{"/c.ttl": {kind: turtleKind, body: next("HERE/2.ttl")}, "/2.ttl": {kind: turtleKind, body: second}}, Options{Pages: 1}); !slices.Contains(codes(r, true), "paging-limit") {
		t.Error("the walk goes on beyond its limit")
	}
}

func TestWalk_AsksForTheFilesWhenToldTo(t *testing.T) {
	body := sound(t, "https://donnees.brenne.example.org/f/2cbd5a0c-38bc-4ab5-8d3e-7e1b7c9e5f10/dechets.csv", "HERE/dechets.csv",
		"https://donnees.brenne.example.org/f/9b1ce0f2-4a7e-4d22-9a35-0f2d3a6b7c11/dechets.parquet", "HERE/absent.parquet",
		"https://donnees.brenne.example.org/f/1a0a3f9d-3d0c-4a68-8a7a-0a5f6f0f1e12/marches-2025.csv", "HERE/marches.csv")
	r := served(t, "/c.ttl", map[string]answer{"/c.ttl": {kind: turtleKind, body: body}, "/dechets.csv": {kind: "text/csv", body: "trop court"}, "/marches.csv": {kind: "text/csv", body: "a\n"}}, Options{Probe: true})
	if got := strings.Join(codes(r, true), " "); got != "file-away file-length" {
		t.Errorf("got %q: %+v", got, r.Findings)
	}
	if r.Items[0].Score.Points != 8 || r.Items[1].Score.Points != 9 {
		t.Errorf("scores %+v %+v", r.Items[0].Score, r.Items[1].Score)
	}
}

func TestHandler_IsAskedWithoutNetwork(t *testing.T) {
	fetch := Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/casse" {
			panic("cassé")
		}
		w.Header().Set("X-Host", r.Host)
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, r.Method+" "+r.RequestURI)
	}))
	res, err := fetch(context.Background(), http.MethodGet, "https://exemple.org/a?b=1")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil || string(body) != "GET /a?b=1" || res.StatusCode != http.StatusTeapot || res.Header.Get("X-Host") != "exemple.org" {
		t.Errorf("got %d %q %v", res.StatusCode, body, err)
	}
	res, err = fetch(context.Background(), http.MethodGet, "https://exemple.org/casse")
	if err != nil || res.StatusCode != http.StatusInternalServerError {
		t.Errorf("a panic gives %v %v", res, err)
	}
	res, _ = fetch(context.Background(), http.MethodGet, "https://exemple.org/partie")
	res.Body.Close() // the handler is not left waiting
}

// The table of the profile holds all that the published shapes ask of the classes of a catalogue, and nothing else.
func TestProfile_IsThatOfThePublishedShapes(t *testing.T) {
	g, err := Parse(Turtle, shared(t, "dcat/shapes/dcat-ap-3.0.1-full.ttl"), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	const sh = "http://www.w3.org/ns/shacl#"
	ours := map[string]*constraint{}
	classes := map[string]bool{}
	for i := range profile {
		ours[profile[i].class+" "+profile[i].property] = &profile[i]
		classes[profile[i].class] = true
	}
	checked := 0
	for _, shape := range g.subjects {
		for _, class := range g.Objects(shape, sh+"targetClass") {
			for _, p := range g.Objects(shape, sh+"property") {
				property := first(g.Objects(p, sh+"path"))
				c := ours[class.Value+" "+property.Value]
				if !classes[class.Value] || property.Kind != IRI || first(g.Objects(p, sh+"severity")).Value == sh+"Warning" {
					continue
				}
				least, most, kind := first(g.Objects(p, sh+"minCount")).Value, first(g.Objects(p, sh+"maxCount")).Value, first(g.Objects(p, sh+"nodeKind")).Value
				if least != "" || most != "" {
					if c == nil && !elsewhereRuled(property.Value) {
						t.Errorf("%s %s: min %q max %q is not in the table", curie(class.Value), curie(property.Value), least, most)
					}
					if c == nil {
						continue
					}
					checked++
					if least != "" && strconv.Itoa(c.min) != least || most != "" && strconv.Itoa(c.max) != most {
						t.Errorf("%s %s: %d to %d, the shapes say %q to %q", curie(class.Value), curie(property.Value), c.min, c.max, least, most)
					}
				}
				if c != nil && kind != "" {
					checked++
					if want := map[string]string{sh + "BlankNodeOrIRI": "node", sh + "Literal": "text"}[kind]; c.kind != want {
						t.Errorf("%s %s: a %s, the shapes say %s", curie(class.Value), curie(property.Value), c.kind, want)
					}
				}
			}
		}
	}
	if checked < 80 {
		t.Errorf("%d constraints were compared", checked)
	}
}

// elsewhereRuled are properties that no catalogue of ours or of a neighbour carries.
func elsewhereRuled(property string) bool {
	return oneOf(property, "http://www.w3.org/ns/adms#status", "http://www.w3.org/ns/odrl/2/hasPolicy", "http://www.w3.org/ns/locn#geometry", "http://www.w3.org/2006/time#hasBeginning",
		"http://www.w3.org/2006/time#hasEnd", dcat+"spatialResolutionInMeters", dcat+"temporalResolution")
}

func TestWalk_GivesAdviceThatIsNoFault(t *testing.T) {
	const period = "  dct:temporal [ a dct:PeriodOfTime ; dcat:startDate \"2026-01-01\"^^xsd:date ; dcat:endDate \"2026-12-31\"^^xsd:date ] ;\n"
	const csv = "<http://publications.europa.eu/resource/authority/file-type/CSV> .\n\n"
	for code, pairs := range map[string][]string{
		"frequency-none":   {"  dct:accrualPeriodicity <http://publications.europa.eu/resource/authority/frequency/MONTHLY> ;\n", ""},
		"temporal-none":    {period, ""},
		"spatial-none":     {"POLYGON((5.1 46.1,5.4 46.1,5.4 46.3,5.1 46.3,5.1 46.1))", "POINT(5.2 46.2)"},
		"contact-none":     {"  dcat:contactPoint <https://donnees.brenne.example.org/id/contact/243900420> ;\n  dcat:distribution", "  dcat:distribution"},
		"identifier-local": {"dct:identifier \"https://donnees.brenne.example.org/id/jeu/marches\"", "dct:identifier \"marches\""},
		"description":      {"Pour chaque rue, le jour où passe la benne, ce qu’elle ramasse et l’heure avant laquelle sortir le bac. Le fichier suit le marché de collecte.", "Court."},
		"file-words":       {" ; dct:description \"Une ligne par place.\"@fr", ""},
		"file-closed":      {csv, "<http://publications.europa.eu/resource/authority/file-type/PDF> .\n\n"},
	} {
		r := served(t, "/c.ttl", map[string]answer{"/c.ttl": {kind: turtleKind, body: sound(t, pairs...)}}, Options{})
		if got := codes(r, false); !r.Well() || !slices.Contains(got, code) || len(got) != 2 {
			t.Errorf("%s: got %v", code, got)
		}
		if r.Average() == 100 && code != "identifier-local" && code != "contact-none" {
			t.Errorf("%s costs nothing", code)
		}
	}
}

func TestWalk_NamesWhatIsRarer(t *testing.T) {
	for name, test := range map[string]struct {
		pairs []string
		rules string
	}{
		"date without type": {[]string{"dct:issued \"2026-01-05T08:00:00Z\"^^xsd:dateTime", "dct:issued \"2026-01-05\""}, "ap-datatype date-type"},
		"schema described":  {[]string{"dct:conformsTo <https://schema.data.gouv.fr/schemas/essai/collecte/1.0.0/schema.json>", "dct:conformsTo [ a dct:Standard ]"}, "schema-node"},
		"no file":           {[]string{"  dcat:contactPoint <https://donnees.brenne.example.org/id/contact/243900420> ;\n  dcat:distribution <https://donnees.brenne.example.org/id/fichier/marches-csv> .", "  dcat:contactPoint <https://donnees.brenne.example.org/id/contact/243900420> ."}, "licence-none"},
	} {
		r := served(t, "/c.ttl", map[string]answer{"/c.ttl": {kind: turtleKind, body: sound(t, test.pairs...)}}, Options{})
		if got := strings.Join(codes(r, true), " "); got != test.rules {
			t.Errorf("%s: got %q, want %q", name, got, test.rules)
		}
		if name == "no file" && !slices.Contains(codes(r, false), "file-none") {
			t.Errorf("got %v", codes(r, false))
		}
	}
	var many strings.Builder
	many.WriteString("@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> .\n")
	for n := range 1001 {
		id := "https://exemple.org/jeu/" + strconv.Itoa(n)
		many.WriteString("<" + id + "> a dcat:Dataset ; dct:identifier \"" + id + "\" ; dct:title \"Jeu\"@fr .\n")
	}
	r := Read([]Page{{"https://exemple.org/c.ttl", Turtle, []byte(many.String() + "# " + strings.Repeat("x", 11<<20))}}, Options{Now: now})
	if r.Dropped == 0 || len(r.Findings) > maxFindings {
		t.Errorf("%d findings, %d dropped", len(r.Findings), r.Dropped)
	}
	if r := served(t, "/c.ttl", map[string]answer{"/c.ttl": {kind: turtleKind, body: many.String()}}, Options{Limits: Limits{Bytes: 1000}}); !slices.Contains(codes(r, true), "page-size") {
		t.Errorf("a page of any size is read: %v", codes(r, true))
	}
}
