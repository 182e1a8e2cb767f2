package web

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

func TestObserve_TurnsAPanicIntoAPage(t *testing.T) {
	var log bytes.Buffer
	c := config(t, newWorld())
	c.Log = slog.New(slog.NewJSONHandler(&log, nil))
	s := newServer(t, c)
	h := s.dress(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("le plancher cède") }))
	rec := get(h, "/jeux")
	want(t, rec, http.StatusInternalServerError, "Une erreur nous empêche de répondre")
	lacks(t, rec, "plancher")
	if !strings.Contains(log.String(), "plancher") || !strings.Contains(log.String(), `"status":500`) {
		t.Errorf("log lacks the panic or the request: %s", log.String())
	}
}

func TestObserve_BreaksAnAnswerThatPanicsHalfWay(t *testing.T) {
	s := newServer(t, config(t, newWorld()))
	h := s.dress(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "moitié")
		panic("plus rien")
	}))
	defer func() {
		if p := recover(); p != http.ErrAbortHandler {
			t.Errorf("recovered %v, want http.ErrAbortHandler", p)
		}
	}()
	get(h, "/jeux")
	t.Error("a cut answer passed for a whole one")
}

func TestObserve_LogsNeitherTheSearchNorALineMore(t *testing.T) {
	var log bytes.Buffer
	c := config(t, newWorld())
	c.Log = slog.New(slog.NewJSONHandler(&log, nil))
	h := newServer(t, c).Handler()
	get(h, "/jeux?q=maladie")
	get(h, "/x%0a{\"level\":\"ERROR\"}")
	if strings.Contains(log.String(), "maladie") {
		t.Errorf("the log tells what people look for: %s", log.String())
	}
	if n := strings.Count(log.String(), "\n"); n != 2 {
		t.Errorf("%d lines for two requests: %s", n, log.String())
	}
	if !strings.Contains(log.String(), `"route":"search"`) || !strings.Contains(log.String(), `"duration_ms"`) {
		t.Errorf("log lacks facts: %s", log.String())
	}
}

func TestLimits_RefuseWhatNoHonestReaderAsks(t *testing.T) {
	_, h := site(t)
	for target, status := range map[string]int{
		"/jeux?q=" + strings.Repeat("a", 3000):     http.StatusRequestURITooLong,
		"/jeux?q=" + strings.Repeat("a", 201):      http.StatusBadRequest,
		"/jeux?q=" + strings.Repeat("%C3%A9", 200): http.StatusOK,
		"/jeux?q=%ff":                                http.StatusBadRequest,
		"/jeux?page=0":                               http.StatusBadRequest,
		"/jeux?page=1001":                            http.StatusBadRequest,
		"/jeux?page=deux":                            http.StatusBadRequest,
		"/jeux?" + strings.Repeat("theme=A", 1):      http.StatusOK,
		"/jeux?" + manyValues("theme", 21):           http.StatusBadRequest,
		"/api/1/jeux?page_size=101":                  http.StatusBadRequest,
		"/api/1/membres?page_size=-1":                http.StatusBadRequest,
		"/api/1/schemas?page=x":                      http.StatusBadRequest,
		"/membres?type=planete":                      http.StatusBadRequest,
		"/membres?q=" + strings.Repeat("a", 201):     http.StatusBadRequest,
		"/jeux/%00":                                  http.StatusBadRequest,
		"/jeux/%ff":                                  http.StatusBadRequest,
		"/jeux/" + strings.Repeat("a", maxAddress+1): http.StatusRequestURITooLong,
	} {
		if rec := get(h, target); rec.Code != status {
			t.Errorf("%.60s: status %d, want %d", target, rec.Code, status)
		}
	}
}

func manyValues(name string, n int) string {
	var parts []string
	for i := range n {
		parts = append(parts, name+"="+string(rune('a'+i)))
	}
	return strings.Join(parts, "&")
}

func TestLimits_SayWhenThereIsNoRoom(t *testing.T) {
	s := newServer(t, config(t, newWorld()))
	inside, leave := make(chan bool), make(chan bool)
	h := s.limits(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inside <- true; <-leave }))
	for range maxInFlight {
		go get(h, "/jeux")
		<-inside
	}
	rec := get(h, "/jeux")
	want(t, rec, http.StatusServiceUnavailable)
	wantHeader(t, rec, "Retry-After", "5")
	close(leave)
}

func TestHandler_RefusesCrossSiteForms(t *testing.T) {
	_, h := site(t)
	rec := ask(h, http.MethodPost, "/jeux", "Sec-Fetch-Site", "cross-site", "Origin", "https://ailleurs.example")
	want(t, rec, http.StatusForbidden, "vient d’un autre site")
	want(t, ask(h, http.MethodPost, "/jeux", "Sec-Fetch-Site", "same-origin"), http.StatusMethodNotAllowed)
}

func TestPages_AreCompressedAndFilesAreNot(t *testing.T) {
	_, h := site(t)
	rec := get(h, "/jeux", "Accept-Encoding", "gzip")
	wantHeader(t, rec, "Content-Encoding", "gzip")
	zr, err := gzip.NewReader(rec.Body)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(zr)
	if err != nil || !bytes.Contains(body, []byte("<h1>Jeux de données</h1>")) {
		t.Errorf("unpacked page: %v %s", err, body)
	}
	if rec := get(h, addresses()["file"].target, "Accept-Encoding", "gzip"); rec.Header().Get("Content-Encoding") != "" {
		t.Errorf("file sent as %s", rec.Header().Get("Content-Encoding"))
	}
}

func TestPages_AreSparedToThoseWhoHaveThem(t *testing.T) {
	w, h := site(t)
	for _, target := range []string{"/", "/jeux", "/jeux/deliberations-saint-aubin", "/api/1/jeux", "/catalogue.ttl", "/atom.xml", "/static/grenier.css"} {
		first := get(h, target)
		tag := first.Header().Get("ETag")
		if tag == "" {
			t.Fatalf("%s has no ETag", target)
		}
		again := get(h, target, "If-None-Match", `"autre", `+tag)
		want(t, again, http.StatusNotModified)
		if again.Body.Len() > 0 {
			t.Errorf("%s: 304 with a body", target)
		}
	}
	tag := get(h, "/").Header().Get("ETag")
	w.publish(w.datasets[0].ID, "DELIB_ID\nD9\n", 1, 0, now)
	want(t, get(h, "/", "If-None-Match", tag), http.StatusOK)
}

func TestFail_HidesTheReasonAndLogsIt(t *testing.T) {
	w, h := site(t)
	w.down = errDown
	for _, target := range []string{"/", "/jeux/deliberations-saint-aubin", "/membres", "/api/1/membres", "/jeux.json", addresses()["file"].target} {
		rec := get(h, target)
		want(t, rec, http.StatusInternalServerError)
		lacks(t, rec, "fire", "/srv")
	}
	if err := answerTo(errors.Join(errors.New("x"), errWithdrawn)); err.status != http.StatusGone {
		t.Errorf("a wrapped answer is lost: %d", err.status)
	}
}

// A file must reach the connection's own ReadFrom, or sendfile is lost.
func TestRecorder_PassesFilesThrough(t *testing.T) {
	inner := &readerFrom{ResponseRecorder: httptest.NewRecorder()}
	rec := &recorder{ResponseWriter: inner}
	n, err := io.Copy(rec, struct{ io.Reader }{strings.NewReader("douze octets")})
	if err != nil || n != 12 || rec.bytes != 12 || rec.code() != 200 || !inner.used {
		t.Errorf("copied %d (%d noted), status %d, through ReadFrom: %t, %v", n, rec.bytes, rec.code(), inner.used, err)
	}
}

type readerFrom struct {
	*httptest.ResponseRecorder
	used bool
}

func (r *readerFrom) ReadFrom(src io.Reader) (int64, error) {
	r.used = true
	return io.Copy(r.ResponseRecorder, src)
}

func TestObserve_LetsGoOfAReaderWhoDoesNotRead(t *testing.T) {
	s := newServer(t, config(t, newWorld()))
	s.pageTime = 200 * time.Millisecond
	ended := make(chan error, 1)
	site := httptest.NewServer(s.dress(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.Write(make([]byte, 64<<20))
		ended <- err
	})))
	defer site.Close()
	c, err := net.Dial("tcp", site.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /jeux HTTP/1.1\r\nHost: essai\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the answer ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the answer still waits for its reader")
	}
}
