package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// serveJoined serves h over joined connections, and returns the address.
func serveJoined(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := server(l.Addr().String(), h)
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Serve(joiner{l}) }()
	t.Cleanup(func() { s.Close(); <-ended })
	return l.Addr().String()
}

// A spoken is a connection on which a test speaks HTTP by hand.
type spoken struct {
	net.Conn
	in *bufio.Reader
}

func dialJoined(t *testing.T, address string) spoken {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return spoken{c, bufio.NewReader(c)}
}

// answer reads one answer to a request of some method.
func (c spoken) answer(t *testing.T, method string) (*http.Response, []byte) {
	t.Helper()
	res, err := http.ReadResponse(c.in, &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, body
}

func sized(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.URL.Query().Get("n"))
	if r.URL.Query().Get("form") == "known" {
		w.Header().Set("Content-Length", strconv.Itoa(n))
	}
	_, _ = w.Write(bytes.Repeat([]byte("a"), n))
}

func TestJoined_AnswersOfEverySizeComeWhole(t *testing.T) {
	c := dialJoined(t, serveJoined(t, sized))
	for _, form := range []string{"known", "chunked"} {
		for n := range 9000 { // the answers that fill net/http's buffer to the byte, once and twice, are among them
			if _, err := fmt.Fprintf(c, "GET /?form=%s&n=%d HTTP/1.1\r\nHost: essai\r\n\r\n", form, n); err != nil {
				t.Fatal(err)
			}
			if _, body := c.answer(t, http.MethodGet); len(body) != n {
				t.Fatalf("%s: %d bytes instead of %d", form, len(body), n)
			}
		}
	}
}

func TestJoined_EndsTheAnswerBeforeTheConnection(t *testing.T) {
	address := serveJoined(t, sized)
	for n := 3800; n < 4200; n++ {
		c := dialJoined(t, address)
		if _, err := fmt.Fprintf(c, "GET /?form=known&n=%d HTTP/1.1\r\nHost: essai\r\nConnection: close\r\n\r\n", n); err != nil {
			t.Fatal(err)
		}
		if _, body := c.answer(t, http.MethodGet); len(body) != n {
			t.Fatalf("%d bytes instead of %d", len(body), n)
		}
		c.Close()
	}
}

func TestJoined_KeepsAnswersInOrderWhenRequestsCrowd(t *testing.T) {
	c := dialJoined(t, serveJoined(t, sized))
	var all bytes.Buffer
	for n := range 300 {
		fmt.Fprintf(&all, "GET /?form=known&n=%d HTTP/1.1\r\nHost: essai\r\n\r\n", 3700+2*n)
	}
	if _, err := c.Write(all.Bytes()); err != nil {
		t.Fatal(err)
	}
	for n := range 300 {
		if _, body := c.answer(t, http.MethodGet); len(body) != 3700+2*n {
			t.Fatalf("answer %d has %d bytes", n, len(body))
		}
	}
}

func TestJoined_SendsFilesWholeAfterHeadersOfAnySize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fichier")
	if err := os.WriteFile(path, bytes.Repeat([]byte("0123456789abcdef"), 20_000), 0o600); err != nil {
		t.Fatal(err)
	}
	c := dialJoined(t, serveJoined(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		w.Header().Set("X-Long", string(bytes.Repeat([]byte("x"), n)))
		http.ServeFile(w, r, path)
	}))
	for n := 3700; n < 4100; n += 3 {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if _, err := fmt.Fprintf(c, "%s /?n=%d HTTP/1.1\r\nHost: essai\r\n\r\n", method, n); err != nil {
				t.Fatal(err)
			}
			res, body := c.answer(t, method)
			if want := int64(320_000); res.ContentLength != want || method == http.MethodGet && int64(len(body)) != want {
				t.Fatalf("%s with %d more bytes of headers: %d announced, %d sent", method, n, res.ContentLength, len(body))
			}
		}
	}
}

func TestJoined_LetsGoOfAReaderWhoDoesNotRead(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var broken atomic.Bool
	began, ended := make(chan struct{}), make(chan struct{})
	s := server(l.Addr().String(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(began)
		_, err := w.Write(make([]byte, 64<<20))
		broken.Store(err != nil)
	}))
	go func() { defer close(ended); _ = s.Serve(joiner{l}) }()
	c := dialJoined(t, l.Addr().String())
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: essai\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-began
	time.Sleep(50 * time.Millisecond) // the write fills what the kernel takes
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	<-ended
	for deadline := time.Now().Add(5 * time.Second); !broken.Load(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the answer still waits for its reader after the server closed")
		}
	}
}
