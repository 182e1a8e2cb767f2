package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestServer_HasTheLimitsOfAPublicAddress(t *testing.T) {
	s := server("127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "bonjour") }))
	if s.ReadHeaderTimeout > 5*time.Second || s.ReadHeaderTimeout == 0 || s.ReadTimeout > 30*time.Second || s.ReadTimeout == 0 || s.IdleTimeout == 0 {
		t.Errorf("a reader may take %v for its headers, %v for its request and %v between two", s.ReadHeaderTimeout, s.ReadTimeout, s.IdleTimeout)
	}
	s.ReadHeaderTimeout = 300 * time.Millisecond // as above, in less time
	l, err := net.Listen("tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-ended })
	for _, c := range []struct{ name, sent, answer string }{
		{"a plain request", "GET / HTTP/1.1\r\nHost: essai\r\n\r\n", "HTTP/1.1 200 OK"},
		{"headers without end", "GET / HTTP/1.1\r\nHost: essai\r\nX: " + strings.Repeat("a", 64<<10) + "\r\n\r\n", "HTTP/1.1 431 Request Header Fields Too Large"},
		{"headers that do not come", "GET / HTTP/1.1\r\nHost: es", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = io.WriteString(conn, c.sent) }() // the server may stop reading
			line, err := bufio.NewReader(conn).ReadString('\n')
			if strings.TrimSpace(line) != c.answer || c.answer == "" && err != io.EOF {
				t.Errorf("answered %q (%v), want %q", line, err, c.answer)
			}
		})
	}
}
