package s3_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"grenier/publish"
	"grenier/publish/s3"

	"github.com/google/uuid"
)

// A way is what lies between the store and the real server. bad says what becomes of each request; nil lets it pass.
type way struct {
	requests atomic.Int64
	bad      func(n int64, w http.ResponseWriter, r *http.Request) (done bool)
}

// through opens a store whose requests go through a way to the real server.
func through(t *testing.T, v *way) *s3.Store {
	t.Helper()
	address := os.Getenv("GRENIER_TEST_S3")
	if address == "" {
		t.Skip("SKIPPED: no S3 server: `make test` starts one and sets GRENIER_TEST_S3")
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	host := q.Get("endpoint")
	proxy := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.Out.URL.Scheme, p.Out.URL.Host, p.Out.Host = "http", host, p.In.Host
	}, ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { panic(http.ErrAbortHandler) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := v.requests.Add(1); v.bad != nil && v.bad(n, w, r) {
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	q.Set("endpoint", strings.TrimPrefix(server.URL, "http://"))
	q.Set("prefix", "essais/"+uuid.NewString())
	u.RawQuery = q.Encode()
	s, err := s3.Open(t.Context(), u.String(), env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.bad = nil; empty(t, s) })
	v.requests.Store(0)
	return s
}

// noise is n bytes that do not repeat.
func noise(n int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{3}), n)
}

// Whichever request the server or the network loses, once, before or after it was done, the blob is there in the end, whole.
func TestPut_SurvivesAnyRequestThatIsLostOnce(t *testing.T) {
	const size = 33<<20 + 7 // three parts
	want, err := io.ReadAll(noise(size))
	if err != nil {
		t.Fatal(err)
	}
	for name, lose := range map[string]func(w http.ResponseWriter){
		"500":   func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) },
		"503":   func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) },
		"reset": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			for n := int64(1); ; n++ {
				lost := false
				v := &way{}
				s := through(t, v)
				v.bad = func(k int64, w http.ResponseWriter, r *http.Request) bool {
					if k != n {
						return false
					}
					lost = true
					_, _ = io.Copy(io.Discard, r.Body)
					lose(w)
					return true
				}
				if err := s.Put(t.Context(), "pub/x", bytes.NewReader(want)); err != nil {
					t.Fatalf("request %d lost: %v", n, err)
				}
				v.bad = nil
				if !lost {
					if n < 6 { // a look, the beginning, three parts, the end
						t.Errorf("only %d requests", n)
					}
					return
				}
				b, err := s.Open(t.Context(), "pub/x")
				if err != nil {
					t.Fatalf("request %d lost: %v", n, err)
				}
				got, err := io.ReadAll(b)
				if b.Close(); err != nil || !bytes.Equal(got, want) {
					t.Fatalf("request %d lost: %d bytes, %v", n, len(got), err)
				}
			}
		})
	}
}

// The last request arrives and its answer is lost: what is asked again is answered « taken » or « unknown », and is no failure.
func TestPut_TakesAnAnswerThatIsLostForWhatItIs(t *testing.T) {
	for name, size := range map[string]int64{"one request": 1000, "parts": 17 << 20} {
		v := &way{}
		s := through(t, v)
		cut := false
		v.bad = func(_ int64, w http.ResponseWriter, r *http.Request) bool {
			last := r.Method == http.MethodPut && !r.URL.Query().Has("partNumber") || r.Method == http.MethodPost && r.URL.Query().Has("uploadId")
			if !last || cut {
				return false
			}
			cut = true
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return false
			}
			address, err := url.Parse(os.Getenv("GRENIER_TEST_S3"))
			if err != nil {
				return false
			}
			q := r.Clone(r.Context())
			q.RequestURI, q.URL.Scheme, q.URL.Host, q.Body = "", "http", address.Query().Get("endpoint"), io.NopCloser(bytes.NewReader(body))
			if answer, err := http.DefaultTransport.RoundTrip(q); err == nil {
				answer.Body.Close()
			}
			panic(http.ErrAbortHandler)
		}
		if err := s.Put(t.Context(), "pub/x", noise(size)); err != nil || !cut {
			t.Errorf("%s: %v, cut %v", name, err, cut)
		}
		v.bad = nil
		if n, err := s.Stat(t.Context(), "pub/x"); err != nil || n != size {
			t.Errorf("%s: %d bytes, %v", name, n, err)
		}
	}
}

// What is broken stays broken: the error says where without telling a secret, it ends when its context does, and parts are thrown away.
func TestPut_SaysWhichServerFailsAndThrowsPartsAway(t *testing.T) {
	v := &way{}
	s := through(t, v)
	var aborted atomic.Int64
	v.bad = func(_ int64, w http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.Method == http.MethodDelete && r.URL.Query().Has("uploadId"):
			aborted.Add(1)
		case r.Method == http.MethodPut && r.URL.Query().Get("partNumber") == "2":
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		return false
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	begun := time.Now()
	err := s.Put(ctx, "pub/x", noise(20<<20))
	if err == nil || !strings.Contains(err.Error(), "in the s3 bucket grenier at 127.0.0.1:") || strings.Contains(err.Error(), os.Getenv("GRENIER_TEST_SECRET_S3")) ||
		strings.Contains(err.Error(), "Signature") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("gave up after %v", took)
	}
	if aborted.Load() == 0 {
		t.Error("the parts stay on the server")
	}
	if _, err := s.Stat(t.Context(), "pub/x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the key is there: %v", err)
	}
}

// A server that knows no conditional requests is written to all the same.
func TestPut_DoesWithoutConditions(t *testing.T) {
	for name, size := range map[string]int64{"one request": 1000, "parts": 17 << 20} {
		v := &way{}
		s := through(t, v)
		refused := 0
		v.bad = func(_ int64, w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("If-None-Match") == "" {
				return false
			}
			refused++
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusNotImplemented)
			_, _ = io.WriteString(w, `<Error><Code>NotImplemented</Code><Message>A header you provided implies functionality that is not implemented</Message></Error>`)
			return true
		}
		for range 2 {
			if err := s.Put(t.Context(), "pub/"+uuid.NewString(), noise(size)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if refused != 1 {
			t.Errorf("%s: asked %d times on condition, want once", name, refused)
		}
	}
}

// What is put last under a key that was taken meanwhile changes nothing: parts are on condition too.
func TestPut_NeverReplacesWhatCameMeanwhile(t *testing.T) {
	v := &way{}
	s := through(t, v)
	begun := false
	v.bad = func(_ int64, _ http.ResponseWriter, r *http.Request) bool {
		if !begun && r.Method == http.MethodPost && r.URL.Query().Has("uploadId") { // all parts are sent: now another is quicker
			begun = true
			if err := s.Put(t.Context(), "pub/x", strings.NewReader("first")); err != nil {
				t.Errorf("the other: %v", err)
			}
		}
		return false
	}
	if err := s.Put(t.Context(), "pub/x", noise(17<<20)); err != nil {
		t.Errorf("got %v", err)
	}
	if n, err := s.Stat(t.Context(), "pub/x"); err != nil || n != 5 || !begun {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// peak reads and notes how much memory is in use on the way.
type peak struct {
	r    io.Reader
	next int64
	seen int64
	most uint64
}

func (p *peak) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if p.seen += int64(n); p.seen >= p.next {
		p.next += 8 << 20
		p.note()
	}
	return n, err
}

func (p *peak) note() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	p.most = max(p.most, m.HeapInuse)
}

func TestPut_OfALargeObjectTakesLittleMemory(t *testing.T) {
	if os.Getenv("GRENIER_TEST_S3") == "" {
		t.Skip("SKIPPED: no S3 server: `make test` starts one and sets GRENIER_TEST_S3")
	}
	s, err := s3.Open(t.Context(), os.Getenv("GRENIER_TEST_S3")+"&prefix=essais/"+uuid.NewString(), env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { empty(t, s) })
	runtime.GC()
	before := &peak{}
	before.note()
	const size = 200 << 20
	p := &peak{r: noise(size)}
	if err := s.Put(t.Context(), "pub/x", p); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Stat(t.Context(), "pub/x"); err != nil || n != size {
		t.Errorf("%d bytes, %v", n, err)
	}
	more := int64(p.most) - int64(before.most)
	t.Logf("%d MB more at the peak", more>>20)
	if more > 64<<20 {
		t.Errorf("%d MB of memory for an object of %d MB", more>>20, size>>20)
	}
}

func TestSign_GivesAnAddressThatAnybodyReads(t *testing.T) {
	s := through(t, &way{})
	if err := s.Put(t.Context(), "pub/x.csv", strings.NewReader("a,b\n")); err != nil {
		t.Fatal(err)
	}
	address, err := s.Sign(t.Context(), "pub/x.csv", publish.SignOptions{Lasts: time.Minute, MediaType: "text/csv; charset=utf-8", Disposition: `attachment; filename="é.csv"`})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != 200 || string(text) != "a,b\n" || r.Header.Get("Content-Type") != "text/csv; charset=utf-8" || !strings.HasPrefix(r.Header.Get("Content-Disposition"), "attachment; filename=") {
		t.Errorf("%s %q %v, %v", r.Status, text, r.Header, err)
	}
	if strings.Contains(address, os.Getenv("GRENIER_TEST_SECRET_S3")) {
		t.Error("the address tells the secret")
	}
}
