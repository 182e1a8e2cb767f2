package http

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log"
	nethttp "net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"grenier/harvest"
	"grenier/harvest/harvesttest"
)

// A site is a server that the tests rule.
type site struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*nethttp.Request
}

func newSite(t *testing.T, h nethttp.HandlerFunc) *site {
	t.Helper()
	s := &site{}
	s.Server = httptest.NewUnstartedServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.Clone(context.Background()))
		s.mu.Unlock()
		h(w, r)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// asked lists the requests so far.
func (s *site) asked() []*nethttp.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// newEnv lends a client that may reach this machine, and one secret.
func newEnv(t *testing.T) harvest.Env {
	t.Helper()
	client, err := harvest.NewClient(harvest.ClientConfig{
		Allow: []string{"127.0.0.1:*"}, UserAgent: "Grenier/test", Hosts: map[string]harvest.HostRule{"*": {Parallel: 4, Every: -1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return harvest.Env{HTTP: client, Secret: func(ref string) (string, error) {
		if ref != "env:CLE" {
			return "", errors.New("no such secret")
		}
		return "canary-7f3a\n", nil
	}}
}

// openHTTP opens the connector through its Kind, with short pauses.
func openHTTP(t *testing.T, config map[string]any) *source {
	t.Helper()
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := Kind.Open(text, newEnv(t))
	if err != nil {
		t.Fatalf("open: %v\n%s", err, harvest.SentenceOf(err))
	}
	s := opened.(*source)
	s.pause = time.Millisecond
	return s
}

// fetched lists what a Fetch hands over: "name=text", or "name same".
func fetched(t *testing.T, s harvest.Source, last harvest.State) ([]string, harvest.State, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var all []string
	state, err := s.Fetch(ctx, last, func(d harvest.Document) error {
		if d.Same {
			all = append(all, d.Name+" same")
			return nil
		}
		b, err := io.ReadAll(d.Body)
		if err == nil {
			all = append(all, d.Name+"="+string(b))
		}
		return err
	})
	return all, state, err
}

// serve answers as a web server does, with a strong ETag.
func serve(w nethttp.ResponseWriter, r *nethttp.Request, body string) {
	w.Header().Set("ETag", fmt.Sprintf(`"%08x"`, crc32.ChecksumIEEE([]byte(body))))
	w.Header().Set("Content-Type", "text/csv")
	nethttp.ServeContent(w, r, "", time.Time{}, strings.NewReader(body))
}

// cut sends half of body, under its full length, and breaks the connection.
func cut(w nethttp.ResponseWriter, body string) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	io.WriteString(w, body[:len(body)/2])
	w.(nethttp.Flusher).Flush()
	panic(nethttp.ErrAbortHandler)
}

// A shaky remote side has numbered documents and one fault at a time.
type shaky struct {
	mu     sync.Mutex
	bodies []string
	broken int
	fault  harvesttest.Fault
}

func (s *shaky) answer(w nethttp.ResponseWriter, r *nethttp.Request, i int) {
	s.mu.Lock()
	body, fault := s.bodies[i], s.fault
	if i != s.broken {
		fault = ""
	}
	s.mu.Unlock()
	switch fault {
	case harvesttest.Refuses:
		w.WriteHeader(nethttp.StatusInternalServerError)
	case harvesttest.Gone:
		w.WriteHeader(nethttp.StatusNotFound)
	case harvesttest.Hangs:
		<-r.Context().Done()
	case harvesttest.Short:
		cut(w, body)
	default:
		serve(w, r, body)
	}
}

// fixture makes the suite's fixture over a server where document i is at names[i].
func (s *shaky) fixture(t *testing.T, source *source, names []string) harvesttest.Fixture {
	lock := func(f func()) { s.mu.Lock(); f(); s.mu.Unlock() }
	return harvesttest.Fixture{
		Source: source, Names: names,
		Body:   func(i int) []byte { s.mu.Lock(); defer s.mu.Unlock(); return []byte(s.bodies[i]) },
		Change: func(i int) { lock(func() { s.bodies[i] = strings.Replace(s.bodies[i], "fin", "plus fin", 1) }) },
		Break:  func(i int, f harvesttest.Fault) { lock(func() { s.broken, s.fault = i, f }) },
		Mend:   func() { lock(func() { s.fault = "" }) },
		Faults: []harvesttest.Fault{harvesttest.Refuses, harvesttest.Short, harvesttest.Hangs, harvesttest.Gone},
		Close:  func() {},
	}
}

func TestHTTP_AnswersTheHardQuestionsForFiles(t *testing.T) {
	harvesttest.Source(t, func(t *testing.T) harvesttest.Fixture {
		remote := &shaky{bodies: []string{"a;1;fin\n", "b;2;" + strings.Repeat("long;", 40_000) + "fin\n", "c;3;fin\n", "d;4;fin\n"}}
		srv := newSite(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
			i, _ := strconv.Atoi(strings.Trim(r.URL.Path, "/.csv"))
			remote.answer(w, r, i)
		})
		var urls []string
		for i := range remote.bodies {
			urls = append(urls, fmt.Sprintf("%s/%d.csv", srv.URL, i))
		}
		return remote.fixture(t, openHTTP(t, map[string]any{"urls": urls, "retries": 1}), urls)
	})
}

func TestHTTP_AnswersTheHardQuestionsForPages(t *testing.T) {
	page := func(i int) string { return fmt.Sprintf(`{"data":[{"n":%d,"t":"fin"}],"links":{"next":%%s}}`, i) }
	for _, c := range []struct {
		name  string
		pages map[string]any
		next  func(i int) string
	}{
		{"next", map[string]any{"next": "links.next"}, func(i int) string {
			if i == 2 {
				return "null"
			}
			return `"?page=` + strconv.Itoa(i+2) + `"`
		}},
		{"number", map[string]any{"param": "page"}, func(int) string { return "null" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			harvesttest.Source(t, func(t *testing.T) harvesttest.Fixture {
				remote := &shaky{}
				for i := range 3 {
					remote.bodies = append(remote.bodies, fmt.Sprintf(page(i), c.next(i)))
				}
				srv := newSite(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
					i, _ := strconv.Atoi(r.URL.Query().Get("page"))
					if i > 3 {
						serve(w, r, `{"data":[],"links":{}}`)
						return
					}
					remote.answer(w, r, i-1)
				})
				names := []string{srv.URL + "/api?page=1", srv.URL + "/api?page=2", srv.URL + "/api?page=3"}
				first := srv.URL + "/api"
				if c.name == "next" {
					first = names[0]
				}
				return remote.fixture(t, openHTTP(t, map[string]any{"url": first, "pages": c.pages, "retries": 1}), names)
			})
		})
	}
}

func TestHTTP_H04_AsksOnlyForWhatChanged(t *testing.T) {
	bodies := map[string]string{"/etag": "a", "/date": "b", "/neither": "c"}
	day := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	srv := newSite(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		switch r.URL.Path {
		case "/etag":
			serve(w, r, bodies["/etag"])
		case "/date":
			nethttp.ServeContent(w, r, "x.csv", day, strings.NewReader(bodies["/date"]))
		default:
			io.WriteString(w, bodies["/neither"])
		}
	})
	e, d, n := srv.URL+"/etag", srv.URL+"/date", srv.URL+"/neither"
	two := openHTTP(t, map[string]any{"urls": []string{e, d}})
	_, state, err := fetched(t, two, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := fetched(t, two, state); !errors.Is(err, harvest.ErrUnchanged) {
		t.Errorf("got %v, want ErrUnchanged", err)
	}
	bodies["/etag"] = "a changed"
	got, _, err := fetched(t, two, state)
	if want := []string{e + "=a changed", d + " same"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}

	three := openHTTP(t, map[string]any{"urls": []string{e, d, n}})
	got, _, err = fetched(t, three, state) // one address more than the State knows
	if want := []string{e + "=a changed", d + " same", n + "=c"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	_, state, _ = fetched(t, three, "")
	got, _, err = fetched(t, three, state) // the third ignores conditions: the line compares
	if want := []string{e + " same", d + " same", n + "=c"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	got, _, err = fetched(t, openHTTP(t, map[string]any{"url": e}), state) // one address less
	if want := []string{e + " same"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}

func TestHTTP_SaysWhatADocumentIs(t *testing.T) {
	day := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	srv := newSite(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		w.Header().Set("Last-Modified", day.Format(nethttp.TimeFormat))
	})
	_, err := openHTTP(t, map[string]any{"url": srv.URL + "/a.csv#part"}).Fetch(t.Context(), "", func(d harvest.Document) error {
		if d.Name != srv.URL+"/a.csv" || d.MediaType != "text/csv; charset=utf-8" || !d.Modified.Equal(day) || d.Same {
			t.Errorf("got %+v", d)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestHTTP_H02_TriesAgainWhatCanHelp(t *testing.T) {
	for _, c := range []struct {
		name    string
		fail    func(w nethttp.ResponseWriter) // the first answers
		times   int
		retries any
		asked   int
		ok      bool
	}{
		{"500 twice", func(w nethttp.ResponseWriter) { w.WriteHeader(500) }, 2, nil, 3, true},
		{"503 always", func(w nethttp.ResponseWriter) { w.WriteHeader(503) }, 9, nil, 4, false},
		{"no retry wanted", func(w nethttp.ResponseWriter) { w.WriteHeader(500) }, 1, 0, 1, false},
		{"reset", func(w nethttp.ResponseWriter) { panic(nethttp.ErrAbortHandler) }, 1, nil, 2, true},
		{"404", func(w nethttp.ResponseWriter) { w.WriteHeader(404) }, 1, nil, 1, false},
		{"403", func(w nethttp.ResponseWriter) { w.WriteHeader(403) }, 1, nil, 1, false},
		{"429", func(w nethttp.ResponseWriter) { w.WriteHeader(429) }, 1, nil, 2, true},
		{"a wait of an hour", func(w nethttp.ResponseWriter) { w.Header().Set("Retry-After", "3600"); w.WriteHeader(429) }, 1, nil, 1, false},
		{"a wait longer than the context", func(w nethttp.ResponseWriter) { w.Header().Set("Retry-After", "60"); w.WriteHeader(503) }, 1, nil, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var mu sync.Mutex
			n := 0
			srv := newSite(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
				mu.Lock()
				n++
				failing := n <= c.times
				mu.Unlock()
				if failing {
					c.fail(w)
					return
				}
				io.WriteString(w, "ok")
			})
			config := map[string]any{"url": srv.URL}
			if c.retries != nil {
				config["retries"] = c.retries
			}
			start := time.Now()
			got, _, err := fetched(t, openHTTP(t, config), "")
			if (err == nil) != c.ok || c.ok && !slices.Equal(got, []string{srv.URL + "=ok"}) {
				t.Errorf("got %v, %v", got, err)
			}
			// net/http itself repeats a request once when a kept connection breaks before an answer
			if len(srv.asked()) != c.asked && c.name != "reset" {
				t.Errorf("%d requests, want %d", len(srv.asked()), c.asked)
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

func TestHTTP_H01_HonoursRetryAfter(t *testing.T) {
	for name, header := range map[string]func() string{
		"seconds": func() string { return "1" },
		"date":    func() string { return time.Now().Add(2 * time.Second).UTC().Format(nethttp.TimeFormat) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var arrived []time.Time
			srv := newSite(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
				if arrived = append(arrived, time.Now()); len(arrived) == 1 {
					w.Header().Set("Retry-After", header())
					w.WriteHeader(nethttp.StatusServiceUnavailable)
				}
			})
			if _, _, err := fetched(t, openHTTP(t, map[string]any{"url": srv.URL}), ""); err != nil {
				t.Fatal(err)
			}
			if d := arrived[1].Sub(arrived[0]); d < 900*time.Millisecond {
				t.Errorf("asked again after %v", d)
			}
		})
	}
}

func TestHTTP_JitterGrowsAndStaysBounded(t *testing.T) {
	s := &source{pause: time.Second}
	for tries := range 40 {
		bound := min(time.Second<<min(tries, 16), longestPause)
		spread := map[time.Duration]bool{}
		for range 50 {
			d := s.jitter(tries)
			if d < 0 || d > bound {
				t.Fatalf("jitter(%d) = %v, want at most %v", tries, d, bound)
			}
			spread[d] = true
		}
		if len(spread) < 40 {
			t.Errorf("jitter(%d) gives %d values in 50", tries, len(spread))
		}
	}
}

func TestHTTP_TakesABrokenTransferUpAgain(t *testing.T) {
	body := strings.Repeat("commune;population\n", 5000)
	old := time.Now().Add(-time.Hour).UTC().Format(nethttp.TimeFormat)
	for _, c := range []struct {
		name   string
		first  func(w nethttp.ResponseWriter)
		then   func(w nethttp.ResponseWriter, r *nethttp.Request)
		ranged bool // the second request asks for the rest only
		err    error
	}{
		{"strong ETag", func(w nethttp.ResponseWriter) {
			w.Header().Set("ETag", `"v1"`)
			w.Header().Set("Accept-Ranges", "bytes")
			cut(w, body)
		}, func(w nethttp.ResponseWriter, r *nethttp.Request) {
			w.Header().Set("ETag", `"v1"`)
			nethttp.ServeContent(w, r, "", time.Time{}, strings.NewReader(body))
		}, true, nil},
		{"Last-Modified", func(w nethttp.ResponseWriter) {
			w.Header().Set("Last-Modified", old)
			w.Header().Set("Accept-Ranges", "bytes")
			cut(w, body)
		}, func(w nethttp.ResponseWriter, r *nethttp.Request) {
			at, _ := nethttp.ParseTime(old)
			nethttp.ServeContent(w, r, "", at, strings.NewReader(body))
		}, true, nil},
		{"Last-Modified of this very second", func(w nethttp.ResponseWriter) {
			w.Header().Set("Last-Modified", time.Now().UTC().Format(nethttp.TimeFormat))
			w.Header().Set("Accept-Ranges", "bytes")
			cut(w, body)
		}, func(w nethttp.ResponseWriter, r *nethttp.Request) { io.WriteString(w, body) }, false, nil},
		{"weak ETag", func(w nethttp.ResponseWriter) {
			w.Header().Set("ETag", `W/"v1"`)
			w.Header().Set("Accept-Ranges", "bytes")
			cut(w, body)
		}, func(w nethttp.ResponseWriter, r *nethttp.Request) { io.WriteString(w, body) }, false, nil},
		{"no ranges", func(w nethttp.ResponseWriter) { w.Header().Set("ETag", `"v1"`); cut(w, body) },
			func(w nethttp.ResponseWriter, r *nethttp.Request) { io.WriteString(w, body) }, false, nil},
		{"nothing at all", func(w nethttp.ResponseWriter) { cut(w, body) },
			func(w nethttp.ResponseWriter, r *nethttp.Request) { io.WriteString(w, body) }, false, nil},
		{"compressed", func(w nethttp.ResponseWriter) {
			w.Header().Set("ETag", `"v1"`)
			w.Header().Set("Accept-Ranges", "bytes")
			w.Header().Set("Content-Encoding", "gzip")
			var z strings.Builder
			g := gzip.NewWriter(&z)
			io.WriteString(g, body)
			g.Close()
			cut(w, z.String())
		}, func(w nethttp.ResponseWriter, r *nethttp.Request) { io.WriteString(w, body) }, false, nil},
		{"changed, says the server", func(w nethttp.ResponseWriter) {
			w.Header().Set("ETag", `"v1"`)
			w.Header().Set("Accept-Ranges", "bytes")
			cut(w, body)
		}, func(w nethttp.ResponseWriter, r *nethttp.Request) {
			w.Header().Set("ETag", `"v2"`)
			nethttp.ServeContent(w, r, "", time.Time{}, strings.NewReader("x"+body))
		}, true, errChanged},
		{"changed, says nobody", func(w nethttp.ResponseWriter) { cut(w, body) },
			func(w nethttp.ResponseWriter, r *nethttp.Request) { io.WriteString(w, "x"+body) }, false, errChanged},
		{"shorter than what was read", func(w nethttp.ResponseWriter) { cut(w, body) },
			func(w nethttp.ResponseWriter, r *nethttp.Request) { io.WriteString(w, body[:100]) }, false, errChanged},
		{"a part of another version", func(w nethttp.ResponseWriter) {
			w.Header().Set("ETag", `"v1"`)
			w.Header().Set("Accept-Ranges", "bytes")
			cut(w, body)
		}, func(w nethttp.ResponseWriter, r *nethttp.Request) { // a cache that forgets If-Range
			if r.Header.Get("Range") == "" {
				io.WriteString(w, "x"+body)
				return
			}
			r.Header.Del("If-Range")
			w.Header().Set("ETag", `"v2"`)
			nethttp.ServeContent(w, r, "", time.Time{}, strings.NewReader("x"+body))
		}, true, errChanged},
		{"again and again", func(w nethttp.ResponseWriter) { cut(w, body) },
			func(w nethttp.ResponseWriter, r *nethttp.Request) { cut(w, body) }, false, io.ErrUnexpectedEOF},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := 0
			srv := newSite(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
				if n++; n == 1 {
					c.first(w)
				}
				c.then(w, r)
			})
			got, _, err := fetched(t, openHTTP(t, map[string]any{"url": srv.URL}), "")
			if !errors.Is(err, c.err) || c.err == nil && (err != nil || !slices.Equal(got, []string{srv.URL + "=" + body})) {
				t.Fatalf("got %d documents, %v; want %v", len(got), err, c.err)
			}
			if err != nil && harvest.IsPermanent(err) {
				t.Errorf("a new run may help, but the error is permanent: %v", err)
			}
			second := srv.asked()[1]
			if ranged := second.Header.Get("Range") != ""; ranged != c.ranged || ranged != (second.Header.Get("If-Range") != "") {
				t.Errorf("second request: Range %q, If-Range %q", second.Header.Get("Range"), second.Header.Get("If-Range"))
			}
		})
	}
}

func TestHTTP_GivesADocumentItsOwnTime(t *testing.T) {
	srv := newSite(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		io.WriteString(w, "début")
		w.(nethttp.Flusher).Flush()
		<-r.Context().Done()
	})
	_, _, err := fetched(t, openHTTP(t, map[string]any{"url": srv.URL, "timeout": "100ms"}), "")
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(harvest.SentenceOf(err), "timeout") {
		t.Errorf("got %v, %q", err, harvest.SentenceOf(err))
	}
}

func TestHTTP_K03_SendsSecretsAndTellsThemToNobody(t *testing.T) {
	const canary = "canary-7f3a"
	fail := false
	srv := newSite(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		if fail {
			w.WriteHeader(nethttp.StatusForbidden)
		}
	})
	s := openHTTP(t, map[string]any{
		"url": srv.URL + "/a.csv?insee=01004&access_token=" + canary + "&b=%C3%A9", "query": map[string]string{"zone": "env:CLE", "format": "csv"},
		"headers": map[string]string{"X-Api-Key": "env:CLE", "Accept": "text/csv"}, "user": "moi", "password": "env:CLE",
	})
	var name string
	state, err := s.Fetch(t.Context(), "", func(d harvest.Document) error { name = d.Name; return nil })
	if err != nil {
		t.Fatal(err)
	}
	r := srv.asked()[0]
	user, password, _ := r.BasicAuth()
	q := r.URL.Query()
	if user != "moi" || password != canary || r.Header.Get("X-Api-Key") != canary || r.Header.Get("Accept") != "text/csv" || r.UserAgent() != "Grenier/test" ||
		q.Get("zone") != canary || q.Get("access_token") != canary || q.Get("format") != "csv" || q.Get("insee") != "01004" || q.Get("b") != "é" {
		t.Errorf("the server received %v %v", r.URL, r.Header)
	}
	if want := srv.URL + "/a.csv?insee=01004&access_token=•••&b=%C3%A9&format=csv&zone=•••"; name != want {
		t.Errorf("name %q, want %q", name, want)
	}
	fail = true
	_, err = s.Fetch(t.Context(), state, func(harvest.Document) error { return nil })
	if err == nil {
		t.Fatal("no error")
	}
	for _, text := range []string{name, string(state), err.Error(), harvest.SentenceOf(err)} {
		if strings.Contains(text, canary) {
			t.Errorf("the secret is in %q", text)
		}
	}
}

func TestHTTP_SaysThatASecretIsMissing(t *testing.T) {
	s := openHTTP(t, map[string]any{"url": "https://exemple.fr/", "headers": map[string]string{"X-Api-Key": "env:ABSENT"}})
	_, _, err := fetched(t, s, "")
	if err == nil || !strings.Contains(harvest.SentenceOf(err), "env:ABSENT") {
		t.Errorf("got %v", err)
	}
}

func TestHTTP_TellsDocumentsApartThatDifferByASecret(t *testing.T) {
	srv := newSite(t, func(w nethttp.ResponseWriter, r *nethttp.Request) { serve(w, r, r.URL.Query().Get("token")) })
	s := openHTTP(t, map[string]any{"urls": []string{srv.URL + "/?token=un", srv.URL + "/?token=deux"}})
	got, state, err := fetched(t, s, "")
	if want := []string{srv.URL + "/?token=•••=un", srv.URL + "/?token=•••#2=deux"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if _, _, err := fetched(t, s, state); !errors.Is(err, harvest.ErrUnchanged) {
		t.Errorf("then: %v", err)
	}
}

func TestHTTP_FindsEveryFaultOfItsConfiguration(t *testing.T) {
	for _, c := range []struct {
		name   string
		config string
		says   []string
	}{
		{"no address", `{}`, []string{"url"}},
		{"two kinds of address", `{"url":"https://a.fr","urls":["https://b.fr"]}`, []string{"mais pas les deux"}},
		{"not addresses", `{"urls":["a.csv","ftp://a.fr/","https:///a","https://moi:canary@a.fr/"]}`, []string{"adresse 1", "adresse 2", "adresse 3", "adresse 4"}},
		{"reserved headers", `{"url":"https://a.fr","headers":{"range":"bytes=0-1","Accept-Encoding":"br"}}`, []string{"headers.range", "headers.Accept-Encoding"}},
		{"password in the open", `{"url":"https://a.fr","user":"a","password":"canary"}`, []string{"password"}},
		{"password without user", `{"url":"https://a.fr","password":"env:CLE"}`, []string{"user"}},
		{"pages of several addresses", `{"urls":["https://a.fr","https://b.fr"],"pages":{"next":"n"}}`, []string{"une seule adresse"}},
		{"pages without a way", `{"url":"https://a.fr","pages":{}}`, []string{"next, ou param"}},
		{"pages with two ways", `{"url":"https://a.fr","pages":{"next":"a","param":"p"}}`, []string{"next, ou param"}},
		{"size alone", `{"url":"https://a.fr","pages":{"param":"p","size":10,"step":-1}}`, []string{"size_param", "positifs"}},
		{"unknown key", `{"url":"https://a.fr","ulr":"x"}`, []string{"ulr"}},
	} {
		_, err := Kind.Open(json.RawMessage(c.config), newEnv(t))
		if err == nil || !harvest.IsPermanent(err) {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for _, says := range c.says {
			if !strings.Contains(harvest.SentenceOf(err), says) {
				t.Errorf("%s: %q does not say %q", c.name, harvest.SentenceOf(err), says)
			}
		}
		if strings.Contains(err.Error()+harvest.SentenceOf(err), "canary") {
			t.Errorf("%s: the error tells the secret: %v", c.name, err)
		}
	}
}
