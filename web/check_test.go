package web

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"grenier/schemas"
)

// A fakeJudge answers by what the file says: each line « faute » is a fault, « répare » is mended, « illisible » cannot be read, « long » waits
// for the end of the request, « panne » breaks.
type fakeJudge struct{ seen func(Upload) }

const hostileCell = "=cmd|' /C calc'!A0<script>alert(1)</script>\u202egnp.exe"

func (j fakeJudge) Judge(ctx context.Context, u Upload) (*Verdict, error) {
	if j.seen != nil {
		j.seen(u)
	}
	var text []byte
	if u.File != nil {
		text = make([]byte, u.Size)
		if _, err := u.File.ReadAt(text, 0); err != nil && err != io.EOF {
			return nil, err
		}
	}
	says := func(word string) bool { return bytes.Contains(text, []byte(word)) }
	switch {
	case u.URL != "":
		return nil, &Refusal{Reason: Unreachable, French: "Aucun fichier n’a pu être lu à cette adresse."}
	case u.Schema != "" && u.Schema != "auto" && u.Schema != "essai/subventions":
		return nil, &Refusal{Reason: UnknownSchema, French: "Ce schéma n’est pas de ceux que le service connaît."}
	case says("long"):
		<-ctx.Done()
		return nil, ctx.Err()
	case says("panne"):
		return nil, fmt.Errorf("read %s: disk on fire", u.Name)
	}
	r := &schemas.Report{Schema: "essai/subventions", Version: "2.1.1", File: u.Name, SHA256: "abc", Language: u.Language, Causes: []schemas.Cause{},
		Counts: []schemas.Count{}, Errors: []schemas.Issue{}, Warnings: []schemas.Issue{}, Repairs: []schemas.Repair{}, Source: schemas.SourceInfo{Format: "csv", Encoding: "utf-8", Delimiter: ";", Bytes: u.Size, HeaderRow: 1}}
	v := &Verdict{Report: r}
	if u.Schema == "" || u.Schema == "auto" {
		r.Recognition = &schemas.Recognition{Candidates: []schemas.Candidate{{ID: "essai/subventions@2.1.1", Title: "Subventions", Score: .91, Why: "Toutes les colonnes y sont."}, {ID: "essai/deliberations@2.1.0", Title: "Délibérations", Score: .2}}, Dress: []string{"Le fichier est en Windows-1252."}}
	}
	if says("illisible") {
		r.Add(schemas.Issue{Type: "source-error", Message: "Le fichier reçu est un document PDF."})
		r.Finish()
		return v, nil
	}
	n := int64(bytes.Count(text, []byte("faute")))
	r.Stats.Rows, r.Stats.Rejected = int64(bytes.Count(text, []byte("\n"))), n
	r.Stats.Accepted = r.Stats.Rows - n
	for i := range n {
		r.Add(schemas.Issue{Type: "type-error", Row: i + 2, Line: i + 2, Field: "montant<b>", Column: 2, Cell: hostileCell, Message: "« " + hostileCell + " » n’est pas un nombre.", Hint: "Écrivez un nombre."})
	}
	r.Finish()
	if u.Fix && says("répare") {
		after := *r
		after.Repairs = []schemas.Repair{{Op: "date-fr", Field: "date", Count: 400, Sample: &schemas.RepairSample{Row: 2, Before: "12/03/2024", After: "2024-03-12"}}}
		after.Stats.Accepted, after.Stats.Rejected = r.Stats.Rows-1, 1
		body := []byte("montant\n12.50\n")
		if says("énorme") {
			body = make([]byte, maxInline+1)
		}
		path := filepath.Join(u.Dir, "x-corrige.csv")
		if err := os.WriteFile(path, body, 0o600); err != nil {
			return nil, err
		}
		v.Repaired = &Repaired{Name: "x-corrige.csv", Path: path, Size: int64(len(body)), Report: &after}
	}
	return v, nil
}

// formOf writes a form: a file when its name is not empty, and fields, name, value…
func formOf(name, content string, fields ...string) (body *bytes.Buffer, contentType string) {
	body = &bytes.Buffer{}
	w := multipart.NewWriter(body)
	for i := 0; i < len(fields); i += 2 {
		w.WriteField(fields[i], fields[i+1])
	}
	if name != "" {
		p, _ := w.CreateFormFile("file", name)
		io.WriteString(p, content)
	}
	w.Close()
	return body, w.FormDataContentType()
}

func post(h http.Handler, target, contentType string, body io.Reader, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, target, body)
	r.Header.Set("Content-Type", contentType)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

func postForm(h http.Handler, target, name, content string, fields ...string) *httptest.ResponseRecorder {
	body, media := formOf(name, content, fields...)
	return post(h, target, media, body)
}

func TestCheck_ShowsTheVerdictTheCausesAndTheRepairedFile(t *testing.T) {
	_, h := site(t)
	rec := postForm(h, "/verifier", "subventions.csv", "faute\nfaute\nrépare\nbon\n")
	want(t, rec, 200, "<h1>3 lignes sur 4 sont conformes</h1>", "<b>2</b> déjà justes", "<b>1</b> réparée", "<b>1</b> à corriger par vous", "La suite.",
		"Réparé pour vous : 400 valeurs", "<del>12/03/2024</del>", "<ins>2024-03-12</ins>", "Schéma reconnu", "à 91 %", "Ensuite : Délibérations (20 %)", "Windows-1252", "colonne B dans un tableur")
	checkPage(t, "verdict", withoutData(rec.Body.String()))
	wantHeader(t, rec, "Cache-Control", "no-store")
	wantHeader(t, rec, "ETag", "")
	if got := download1(t, rec, "x-corrige.csv"); got != "montant\n12.50\n" {
		t.Errorf("repaired file %q", got)
	}
	faults, err := csv.NewReader(strings.NewReader(strings.ReplaceAll(strings.TrimPrefix(download1(t, rec, "subventions-a-corriger.csv"), "\ufeff"), ";", ","))).ReadAll()
	if err != nil || len(faults) != 3 || !strings.HasPrefix(faults[1][3], "'=cmd") || strings.Contains(faults[1][3], "\u202e") {
		t.Errorf("list of faults %q, %v", faults, err)
	}
	want(t, postForm(h, "/verifier", "bon.csv", "bon\nbon\n", "schema", "essai/subventions"), 200, "Tout est juste : les 2 lignes sont conformes", `class="verdict bon"`, `selected="selected"`)
}

var dataAddress = regexp.MustCompile(`href="data:[^"]*"`)

func withoutData(page string) string { return dataAddress.ReplaceAllString(page, `href="#"`) }

// download1 is the content of the file of that name inside a page.
func download1(t *testing.T, rec *httptest.ResponseRecorder, name string) string {
	t.Helper()
	m := regexp.MustCompile(`href="data:text/csv;charset=utf-8;base64,([^"]*)" download="` + regexp.QuoteMeta(name) + `"`).FindStringSubmatch(strings.ReplaceAll(rec.Body.String(), "&#43;", "+"))
	if m == nil {
		t.Fatalf("no file %s in the page", name)
	}
	b, err := base64.StdEncoding.DecodeString(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestCheck_SaysHowToGetARepairedFileThatIsTooLargeForAPage(t *testing.T) {
	_, h := site(t)
	rec := postForm(h, "/verifier", "a.csv", "faute\nrépare énorme\n")
	want(t, rec, 200, "grenier validate --fix")
	lacks(t, rec, "Télécharger le fichier réparé")
}

func TestCheck_KeepsHostileCellsColumnsAndNamesInert(t *testing.T) {
	_, h := site(t)
	name := "../../etc/\u202egnp." + strings.Repeat("x", 10_000) + `"><script>alert(2)</script>.csv`
	for _, answer := range []*httptest.ResponseRecorder{
		postForm(h, "/verifier", name, "faute\n"),
		postForm(h, "/api/1/valider?format=html", name, "faute\n"),
	} {
		if answer.Code != 200 {
			t.Fatalf("status %d: %s", answer.Code, answer.Body)
		}
		lacks(t, answer, "<script", "\u202e", "../", "montant<b>", strings.Repeat("x", 300))
		if n := answer.Body.Len(); n > 60_000 {
			t.Errorf("a hostile name makes a page of %d bytes", n)
		}
	}
}

func TestCheck_KeepsNothing(t *testing.T) {
	c := config(t, newWorld())
	var log bytes.Buffer
	c.Log = slog.New(slog.NewTextHandler(&log, nil))
	var mid int
	c.Check.Judge = fakeJudge{seen: func(u Upload) {
		files, _ := os.ReadDir(u.Dir)
		mid += len(files)
	}}
	h := newServer(t, c).Handler()
	for _, content := range []string{"faute\nrépare\n", "illisible\n", "panne\n", strings.Repeat("x", 20_000)} {
		postForm(h, "/verifier", "salaires-de-mme-durand.csv", content)
		postForm(h, "/api/1/valider", "salaires-de-mme-durand.csv", content)
	}
	postForm(h, "/verifier", "", "", "url", "https://secret.example.org/durand")
	if left, err := os.ReadDir(c.Check.Dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if mid == 0 {
		t.Error("the judge saw no file: the test proves nothing")
	}
	if strings.Contains(log.String(), "durand") || !strings.Contains(log.String(), "disk on fire") {
		t.Errorf("log:\n%s", log.String())
	}
}

func TestCheck_GivesTheFormBackWithTheReason(t *testing.T) {
	_, h := site(t)
	for name, c := range map[string]struct {
		rec    *httptest.ResponseRecorder
		status int
		texts  []string
	}{
		"no file":        {postForm(h, "/verifier", "", "", "schema", "essai/subventions"), 400, []string{"Aucun fichier", `value="essai/subventions" selected="selected"`, `href="#file"`}},
		"too large":      {postForm(h, "/verifier", "a.csv", strings.Repeat("x", 10_001)), 413, []string{"dépasse 10 ko", "grenier validate"}},
		"far too large":  {postForm(h, "/verifier", "a.csv", strings.Repeat("x", 500_000)), 413, []string{"dépasse 10 ko"}},
		"unreadable":     {postForm(h, "/verifier", "a.pdf", "illisible"), 422, []string{"document PDF"}},
		"unknown schema": {postForm(h, "/verifier", "a.csv", "a", "schema", "x/y"), 422, []string{"pas de ceux", `href="#schema"`}},
		"no answer":      {postForm(h, "/verifier", "", "", "url", "https://a.example.org/?a=1&b=<b>"), 422, []string{"à cette adresse", `value="https://a.example.org/?a=1&amp;b=&lt;b&gt;"`, `href="#url"`}},
		"no form":        {post(h, "/verifier", "multipart/form-data; boundary=x", strings.NewReader("rien")), 400, []string{"Le fichier n’a pas été vérifié"}},
		"long field":     {postForm(h, "/verifier", "a.csv", "a", "schema", strings.Repeat("x", 5000)), 400, []string{"trop long"}},
		"many fields":    {postForm(h, "/verifier", "", "", strings.Split(strings.Repeat("x,", 60)+"x", ",")[:60]...), 400, []string{"trop de champs"}},
		"text form":      {post(h, "/verifier", "application/x-www-form-urlencoded", strings.NewReader("file=a")), 415, []string{"multipart/form-data"}},
	} {
		t.Run(name, func(t *testing.T) {
			want(t, c.rec, c.status, append(c.texts, "<title>Erreur : Vérifier un fichier", `role="alert"`, `<form class="depot"`, `name="robots" content="noindex"`)...)
			wantHeader(t, c.rec, "Cache-Control", "no-store")
			checkPage(t, name, c.rec.Body.String())
		})
	}
	want(t, postForm(h, "/verifier", "a.csv", "panne"), 500, "Le service n’a pas pu répondre")
}

func TestAPICheck_TakesAFormABodyOrAnAddress(t *testing.T) {
	_, h := site(t)
	for name, rec := range map[string]*httptest.ResponseRecorder{
		"form":           postForm(h, "/api/1/valider", "a.csv", "faute\nbon\n"),
		"raw":            post(h, "/api/1/valider?name=a.csv", "text/csv", strings.NewReader("faute\nbon\n")),
		"raw json":       post(h, "/api/1/valider?name=a.json", "application/json", strings.NewReader("faute\nbon\n")),
		"curl's default": post(h, "/api/1/valider?schema=auto", "application/x-www-form-urlencoded", strings.NewReader("faute\nbon\n")),
		"without type":   post(h, "/api/1/valider", "application/octet-stream", strings.NewReader("faute\nbon\n")),
		"cross-site":     post(h, "/api/1/valider?name=a.csv", "text/csv", strings.NewReader("faute\nbon\n"), "Sec-Fetch-Site", "cross-site", "Origin", "https://ailleurs.example"),
	} {
		var got struct {
			schemas.Report
			Recognition *schemas.Recognition `json:"recognition"`
		}
		if rec.Code != 200 || json.Unmarshal(rec.Body.Bytes(), &got) != nil {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
			continue
		}
		if got.Fingerprint == "" || got.Stats.Rows != 2 || got.Stats.Rejected != 1 || got.Valid || got.Recognition == nil || len(got.Repairs) > 0 {
			t.Errorf("%s: %s", name, rec.Body)
		}
		wantHeader(t, rec, "Access-Control-Allow-Origin", "*")
		wantHeader(t, rec, "Cache-Control", "no-store")
	}
	want(t, post(h, "/api/1/valider", "application/json", strings.NewReader(`{"url": "https://a.example.org", "schema": "auto"}`)), 422, `"code":"unreachable"`)
	want(t, postForm(h, "/api/1/valider?format=csv", "a.csv", "faute\n"), 200, "ligne;enregistrement;colonne")
	english := postForm(h, "/api/1/valider?format=html&lang=en", "a.csv", "faute\nbon\n")
	want(t, english, 200, `<html lang="en">`, "1 row of 2 is right", "To correct", "column B in a spreadsheet")
	if csp := english.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "style-src 'sha256-") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy of a report: %s", csp)
	}
}

func TestAPICheck_SaysWhatIsWrongWithARequest(t *testing.T) {
	_, h := site(t)
	big := strings.Repeat("x", 10_001)
	for name, c := range map[string]struct {
		rec    *httptest.ResponseRecorder
		status int
		code   string
	}{
		"nothing":        {post(h, "/api/1/valider", "", strings.NewReader("")), 400, "bad_request"},
		"format":         {postForm(h, "/api/1/valider?format=pdf", "a", "a"), 400, "bad_request"},
		"language":       {postForm(h, "/api/1/valider?lang=br", "a", "a"), 400, "bad_request"},
		"json":           {post(h, "/api/1/valider", "application/json", strings.NewReader(`{"adresse": "x"}`)), 400, "bad_request"},
		"too large":      {post(h, "/api/1/valider?name=a", "text/csv", strings.NewReader(big)), 413, "too_large"},
		"type":           {post(h, "/api/1/valider", "application/x-www-form-urlencoded", strings.NewReader("a=b")), 415, "unsupported_media_type"},
		"bad type":       {post(h, "/api/1/valider", ";;", strings.NewReader("a")), 415, "unsupported_media_type"},
		"packed":         {post(h, "/api/1/valider?name=a", "text/csv", strings.NewReader("a"), "Content-Encoding", "gzip"), 415, "unsupported_media_type"},
		"unreadable":     {postForm(h, "/api/1/valider", "a", "illisible"), 422, "unreadable"},
		"unknown schema": {postForm(h, "/api/1/valider?schema=a/b", "a", "a"), 422, "unknown_schema"},
		"method":         {get(h, "/api/1/valider"), 405, "method_not_allowed"},
		"broken":         {postForm(h, "/api/1/valider", "a", "panne"), 500, "internal"},
	} {
		var got errorJSON
		if err := json.Unmarshal(c.rec.Body.Bytes(), &got); err != nil || c.rec.Code != c.status || got.Error.Code != c.code || got.Error.Message == "" {
			t.Errorf("%s: %d %s (%v)", name, c.rec.Code, c.rec.Body, err)
		}
	}
	want(t, ask(h, http.MethodPost, "/verifier", "Sec-Fetch-Site", "cross-site"), http.StatusForbidden)
	wantHeader(t, ask(h, http.MethodPut, "/verifier"), "Allow", "GET, HEAD, POST")
	wantHeader(t, get(h, "/api/1/valider"), "Allow", "POST")
}

func TestCheck_LetsAVisitorAskOnlySoOften(t *testing.T) {
	c := config(t, newWorld())
	c.Check.PerMinute = 6
	clock := now
	c.Now = func() time.Time { return clock }
	h := newServer(t, c).Handler()
	for range checkBurst {
		want(t, postForm(h, "/api/1/valider", "a.csv", "bon\n"), 200)
	}
	rec := postForm(h, "/verifier", "a.csv", "bon\n")
	want(t, rec, http.StatusTooManyRequests, "Attendez 10 secondes")
	wantHeader(t, rec, "Retry-After", "10")
	body, media := formOf("a.csv", "bon\n")
	other := httptest.NewRequest(http.MethodPost, "/api/1/valider", body)
	other.Header.Set("Content-Type", media)
	other.RemoteAddr = "198.51.100.7:4000"
	fresh := httptest.NewRecorder()
	h.ServeHTTP(fresh, other)
	want(t, fresh, 200)
	clock = clock.Add(10 * time.Second)
	want(t, postForm(h, "/verifier", "a.csv", "bon\n"), 200)
	want(t, postForm(h, "/verifier", "a.csv", "bon\n"), http.StatusTooManyRequests)
}

func TestClientOf_TrustsOnlyTheProxyNextDoor(t *testing.T) {
	for _, c := range []struct{ peer, forwarded, want string }{
		{"198.51.100.7:99", "", "198.51.100.7"},
		{"198.51.100.7:99", "203.0.113.1", "198.51.100.7"},
		{"127.0.0.1:99", "203.0.113.1", "203.0.113.1"},
		{"10.0.0.3:99", "1.2.3.4, 203.0.113.1, 10.0.0.9", "203.0.113.1"},
		{"127.0.0.1:99", "n’importe quoi", "127.0.0.1"},
		{"[2001:db8:1:2:3::9]:99", "", "2001:db8:1:2::/64"},
		{"[::ffff:198.51.100.7]:99", "", "198.51.100.7"},
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.RemoteAddr = c.peer
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := clientOf(r); got != c.want {
			t.Errorf("clientOf(%s, %q) = %s, want %s", c.peer, c.forwarded, got, c.want)
		}
	}
}

func TestPace_RemembersABoundedNumberOfClients(t *testing.T) {
	p := newPace(1, 1, func() time.Time { return now })
	if p.take("first") != 0 || p.take("first") == 0 {
		t.Fatal("a client comes twice in a minute")
	}
	for i := range 3 * maxClients {
		p.take(fmt.Sprint(i))
		if i%1000 == 0 && p.take("first") == 0 {
			t.Fatalf("a client who keeps knocking was forgotten after %d others", i)
		}
	}
	if n := len(p.recent) + len(p.old); n > 2*maxClients+1 {
		t.Errorf("%d clients remembered", n)
	}
}

func TestCheck_IsBusyOnlyForAWhile(t *testing.T) {
	c := config(t, newWorld())
	c.Check.AtOnce = 1
	inside, leave := make(chan bool), make(chan bool)
	c.Check.Judge = fakeJudge{seen: func(Upload) { inside <- true; <-leave }}
	s := newServer(t, c)
	var wg sync.WaitGroup
	wg.Go(func() { postForm(s.Handler(), "/api/1/valider", "a.csv", "bon\n") })
	<-inside
	if _, ok := s.checks.judging.enter(t.Context(), time.Millisecond); ok {
		t.Error("a second file is judged at once")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d := &desk{room: s.checks}
	if _, err := s.judge(ctx, d); !errors.Is(err, context.Canceled) {
		t.Errorf("a visitor who left: %v", err)
	}
	leave <- true
	wg.Wait()
	if way, ok := s.checks.judging.enter(t.Context(), time.Second); !ok {
		t.Error("the place is not given back")
	} else {
		way()
	}
}

func TestPacedBody_GivesALargeFileItsTimeAndATrickleNone(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a slow sender")
	}
	paced := &pacedBody{ReadCloser: io.NopCloser(strings.NewReader(strings.Repeat("x", 1<<20))), deadline: http.NewResponseController(httptest.NewRecorder()), start: time.Now()}
	if n, err := io.Copy(io.Discard, paced); err != nil || n != 1<<20 || paced.n != n {
		t.Errorf("read %d, %v", n, err)
	}
	if err := readFault(fmt.Errorf("receive: %w", os.ErrDeadlineExceeded)); answerTo(err).status != http.StatusRequestTimeout {
		t.Errorf("a slow sender is told %v", err)
	}
	if err := readFault(io.ErrUnexpectedEOF); answerTo(err).status != http.StatusBadRequest {
		t.Errorf("a sender who breaks off is told %v", err)
	}
}

func TestSchema_LeadsToTheFormWithItselfChosen(t *testing.T) {
	_, h := site(t)
	want(t, get(h, "/schemas/essai/subventions"), 200, `href="/verifier?schema=essai%2Fsubventions"`)
	want(t, get(h, "/verifier?schema=essai%2Fsubventions"), 200, `<option value="essai/subventions" selected="selected">`)
}

func TestSite_HidesTheDoorWithoutAJudge(t *testing.T) {
	c := config(t, newWorld())
	c.Check = CheckConfig{}
	h := newServer(t, c).Handler()
	want(t, get(h, "/verifier"), 404)
	want(t, postForm(h, "/verifier", "a.csv", "bon\n"), 404)
	want(t, postForm(h, "/api/1/valider", "a.csv", "bon\n"), 404)
	if page := get(h, "/").Body.String(); strings.Contains(page, `href="/verifier"`) {
		t.Error("the menu leads to a page that is not there")
	}
}

func TestFileName_KeepsOnlyWhatMayBeShown(t *testing.T) {
	for name, want := range map[string]string{
		"a.csv": "a.csv", `C:\Mes documents\été 2024.xlsx`: "été 2024.xlsx", "../../etc/passwd": "passwd", "": "fichier", "/": "fichier", "..": "..", "a\u202eb\x00.csv": "ab.csv", "a\n\tb.csv": "a b.csv",
		strings.Repeat("é", 300) + ".csv": strings.Repeat("é", 115) + "….csv",
	} {
		if got := FileName(name); got != want {
			t.Errorf("FileName(%.40q) = %q, want %q", name, got, want)
		}
	}
}
