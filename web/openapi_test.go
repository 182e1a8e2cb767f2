package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"grenier/publish"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// A contract is the OpenAPI document as the tests hold the API to it: what the document does not name may not be in an answer.
type contract struct {
	doc    *openapi3.T
	router routers.Router
}

var theContract = sync.OnceValues(func() (*contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData(openAPIText)
	if err != nil {
		return nil, err
	}
	seen := map[*openapi3.Schema]bool{}
	for _, ref := range doc.Components.Schemas {
		forbid(ref, seen)
	}
	router, err := gorillamux.NewRouter(doc)
	return &contract{doc, router}, err
})

// forbid forbids what a schema does not name.
func forbid(ref *openapi3.SchemaRef, seen map[*openapi3.Schema]bool) {
	if ref == nil || ref.Value == nil || seen[ref.Value] {
		return
	}
	s := ref.Value
	seen[s] = true
	if len(s.Properties) > 0 && s.AdditionalProperties.Has == nil && s.AdditionalProperties.Schema == nil {
		s.AdditionalProperties.Has = new(bool)
	}
	for _, child := range s.Properties {
		forbid(child, seen)
	}
	for _, child := range s.OneOf {
		forbid(child, seen)
	}
	forbid(s.Items, seen)
	forbid(s.AdditionalProperties.Schema, seen)
}

// A witness is a handler whose answers are checked against the contract.
type witness struct {
	t    testing.TB
	next http.Handler
	*contract
}

// witnessed checks the answers of a test's server. Benchmarks are left alone.
func witnessed(t testing.TB, h http.Handler) http.Handler {
	t.Helper()
	if _, measured := t.(*testing.B); measured {
		return h
	}
	c, err := theContract()
	if err != nil {
		t.Fatalf("openapi.yaml: %v", err)
	}
	return &witness{t, h, c}
}

func (x *witness) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	inAPI := strings.HasPrefix(r.URL.Path, "/api/") || strings.HasSuffix(r.URL.Path, ".json")
	if !inAPI || r.Method != http.MethodGet && r.Method != http.MethodPost {
		x.next.ServeHTTP(w, r)
		return
	}
	tee := &teeWriter{ResponseWriter: w}
	x.next.ServeHTTP(tee, r)
	if err := x.check(r, tee); err != nil {
		x.t.Errorf("%s %.300s answers %d: %v\n%.500s", r.Method, r.URL, tee.status, err, tee.body.String())
	}
}

// check compares an answer with what the document says of its address.
func (x *witness) check(r *http.Request, a *teeWriter) error {
	bare := r.Clone(context.WithoutCancel(r.Context()))
	bare.URL.Scheme, bare.URL.Host, bare.Host = "", "", ""
	route, vars, err := x.router.FindRoute(bare)
	if err != nil {
		if a.status == http.StatusNotFound || a.status == http.StatusMethodNotAllowed || a.status == http.StatusRequestURITooLong || a.status == http.StatusBadRequest || !strings.HasPrefix(r.URL.Path, "/api/") {
			return nil
		}
		return fmt.Errorf("the document does not know this address: %w", err)
	}
	if a.status == http.StatusOK {
		if err := knownParameters(route.Operation, r); err != nil {
			return err
		}
	}
	body, err := a.text()
	if err != nil || a.cut {
		return err
	}
	if a.status == http.StatusNotModified || a.Header().Get("Content-Type") != "application/json; charset=utf-8" {
		body = nil
	}
	in := &openapi3filter.ResponseValidationInput{RequestValidationInput: &openapi3filter.RequestValidationInput{Request: bare, PathParams: vars, Route: route},
		Status: a.status, Header: a.Header(), Options: &openapi3filter.Options{IncludeResponseStatus: true, ExcludeResponseBody: body == nil}}
	in.SetBodyBytes(body)
	return openapi3filter.ValidateResponse(context.Background(), in)
}

// knownParameters tells whether the document names every parameter of a question that was answered.
func knownParameters(op *openapi3.Operation, r *http.Request) error {
	names := map[string]bool{}
	var patterns []*regexp.Regexp
	for _, p := range op.Parameters {
		names[p.Value.Name] = true
		for pattern := range p.Value.Schema.Value.PatternProperties {
			patterns = append(patterns, regexp.MustCompile(pattern))
		}
	}
next:
	for name := range r.URL.Query() {
		for _, p := range patterns {
			if p.MatchString(name) {
				continue next
			}
		}
		if !names[name] {
			return fmt.Errorf("the document does not know the parameter %q", name)
		}
	}
	return nil
}

// A teeWriter keeps what is answered, up to a few megabytes.
type teeWriter struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
	cut    bool
}

func (w *teeWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *teeWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if w.cut = w.cut || w.body.Len()+len(b) > 4<<20; !w.cut {
		w.body.Write(b)
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *teeWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *teeWriter) text() ([]byte, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if w.Header().Get("Content-Encoding") != "gzip" {
		return w.body.Bytes(), nil
	}
	z, err := gzip.NewReader(&w.body)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

func TestOpenAPI_IsValidAndSpeaksOfThisSite(t *testing.T) {
	_, h := site(t)
	rec := get(h, openAPIPath)
	want(t, rec, 200)
	wantHeader(t, rec, "Content-Type", "application/json; charset=utf-8")
	wantHeader(t, rec, "Access-Control-Allow-Origin", "*")
	doc, err := openapi3.NewLoader().LoadFromData(rec.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
	if doc.OpenAPI != "3.1.0" || len(doc.Servers) != 1 || doc.Servers[0].URL != base || doc.Info.Contact == nil || doc.Info.Contact.Email != "contact@numerival.example.org" {
		t.Errorf("document %s of %+v", doc.OpenAPI, doc.Servers)
	}
	if first, _, _ := strings.Cut(rec.Body.String(), "\n  \"info\""); !strings.Contains(first, `"openapi": "3.1.0"`) {
		t.Error("the order of the document is lost")
	}
}

func TestOpenAPI_KnowsEveryRouteOfTheAPI(t *testing.T) {
	c, err := theContract()
	if err != nil {
		t.Fatal(err)
	}
	known := 0
	for _, rt := range routes {
		if !strings.HasPrefix(rt.path, "/api/1/") {
			continue
		}
		known++
		item := c.doc.Paths.Value(rt.path)
		switch {
		case item == nil:
			t.Errorf("openapi.yaml does not know %s", rt.path)
		case rt.serve != nil && item.Get == nil, posts[rt.name] != nil && item.Post == nil:
			t.Errorf("openapi.yaml knows %s, but not that it answers %s", rt.path, rt.methods())
		}
	}
	if known < 10 {
		t.Errorf("only %d routes seen", known)
	}
	for path := range c.doc.Paths.Map() {
		found := false
		for _, rt := range routes {
			found = found || rt.path == path
		}
		if !found {
			t.Errorf("openapi.yaml knows %s, which is no route", path)
		}
	}
}

func TestOpenAPI_NamesEveryOperationOnRows(t *testing.T) {
	c, err := theContract()
	if err != nil {
		t.Fatal(err)
	}
	op := c.doc.Paths.Value("/api/1/jeux/{id}/lignes").Get
	var ops []string
	for _, o := range publish.Ops() {
		ops = append(ops, string(o))
	}
	for _, f := range publish.Funcs() {
		ops = append(ops, string(f))
	}
	for _, name := range append(ops, "sort", "groupby") {
		r, err := http.NewRequest(http.MethodGet, "/?colonne__"+name+"=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := knownParameters(op, r); err != nil {
			t.Error(err)
		}
		if text := op.Parameters.GetByInAndName("query", "filtres").Description; !strings.Contains(text, "`"+name+"`") {
			t.Errorf("the description of filters does not speak of %s", name)
		}
	}
}

func TestOpenAPI_CatchesAnAnswerThatStrays(t *testing.T) {
	c, err := theContract()
	if err != nil {
		t.Fatal(err)
	}
	good := `{"data":[],"total":0,"page":1,"page_size":20,"facets":{}}`
	for name, body := range map[string]string{"": good, "a member too many": strings.Replace(good, `"total"`, `"autre":1,"total"`, 1), "a member missing": strings.Replace(good, `"total":0,`, "", 1), "another type": strings.Replace(good, "20", `"20"`, 1)} {
		r, err := http.NewRequest(http.MethodGet, "/api/1/jeux", nil)
		if err != nil {
			t.Fatal(err)
		}
		a := &teeWriter{ResponseWriter: headersOnly{"Content-Type": {"application/json; charset=utf-8"}}, status: 200}
		a.body.WriteString(body)
		if err := (&witness{t, nil, c}).check(r, a); (err == nil) != (name == "") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOpenAPI_NamesEveryFilterOfTheSearch(t *testing.T) {
	c, err := theContract()
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, p := range c.doc.Paths.Value("/api/1/jeux").Get.Parameters {
		named[p.Value.Name] = true
	}
	for _, f := range facetTitles {
		if !named[f.Name] {
			t.Errorf("openapi.yaml does not know the filter %s", f.Name)
		}
		delete(named, f.Name)
	}
	if len(named) != 3 {
		t.Errorf("openapi.yaml knows the parameters %v", named)
	}
}

func TestOpenAPI_IsFollowedByTheWrittenDocument(t *testing.T) {
	c, err := theContract()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	for path := range c.doc.Paths.Map() {
		if !strings.Contains(string(text), "`"+strings.ReplaceAll(path, "{id}", "{uuid}")+"`") && strings.HasPrefix(path, "/api/1/") {
			t.Errorf("docs/api.md does not name %s", path)
		}
	}
}

// headersOnly is a ResponseWriter whose body goes nowhere.
type headersOnly http.Header

func (h headersOnly) Header() http.Header         { return http.Header(h) }
func (h headersOnly) Write(b []byte) (int, error) { return len(b), nil }
func (h headersOnly) WriteHeader(int)             {}

func TestAPIPage_IsTheDocumentWithExamplesThatAnswer(t *testing.T) {
	w := newWorld()
	w.issues(t, keyed, january, winter, spring)
	h := newServer(t, config(t, w)).Handler()
	rec := get(h, "/api")
	want(t, rec, 200, "<h1>API</h1>", `id="lignes"`, "GET /api/1/jeux/{id}/lignes", "POST /api/1/valider", "<code>Retry-After</code>", `href="/api/1/openapi.json"`, base+"/mcp")
	lacks(t, rec, "{id}__", "{nombre}", "{texte}", "<script", "`")
	c, err := theContract()
	if err != nil {
		t.Fatal(err)
	}
	for path := range c.doc.Paths.Map() {
		want(t, rec, 200, path)
	}
	tried := 0
	for _, m := range regexp.MustCompile(`href="(/[^"#]*)"`).FindAllStringSubmatch(rec.Body.String(), -1) {
		target := strings.ReplaceAll(m[1], "&amp;", "&")
		if strings.HasPrefix(target, "/static/") {
			continue
		}
		tried++
		answer := get(h, target)
		if answer.Code != 200 {
			t.Errorf("%s, an example of /api, answers %d\n%s", target, answer.Code, answer.Body)
		}
		if strings.HasPrefix(target, "/api/1/") && strings.Contains(answer.Header().Get("Content-Type"), "json") && !json.Valid(answer.Body.Bytes()) {
			t.Errorf("%s is no JSON", target)
		}
	}
	if tried < 20 {
		t.Errorf("only %d examples", tried)
	}
}
