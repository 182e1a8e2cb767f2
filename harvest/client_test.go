package harvest

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var hasty = map[string]HostRule{"*": {Parallel: 16, Every: -1}}

// doorClient makes a client for tests; change alters its configuration and limits.
func doorClient(t *testing.T, resolver *net.Resolver, change func(*ClientConfig, *clientLimits)) *Client {
	t.Helper()
	config := ClientConfig{Allow: []string{"127.0.0.1:*"}, UserAgent: "Grenier/test (+https://opendata.exemple.fr)", Hosts: hasty}
	limits := usualLimits
	if change != nil {
		change(&config, &limits)
	}
	c, err := newClient(config, limits, resolver)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func stub(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = quiet()
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// get reads a whole answer.
func get(t *testing.T, c *Client, url string, header ...string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

// fakeDNS answers each question for an IPv4 address with answers(n), n counting from 0; nil means no answer at all, an empty list
// that the name does not exist.
func fakeDNS(t *testing.T, answers func(n int) []string) *net.Resolver {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	go func() {
		buf, n := make([]byte, 1500), 0
		for {
			size, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			var found []string
			if isA := questionType(buf[:size]) == 1; isA {
				if found = answers(n); found == nil {
					continue
				}
				n++
			} else if first := answers(0); first == nil {
				continue
			} else if len(first) > 0 {
				found = []string{"none"}
			}
			pc.WriteTo(dnsAnswer(buf[:size], found), from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", pc.LocalAddr().String())
	}}
}

func questionEnd(q []byte) int {
	i := 12
	for q[i] != 0 {
		i += int(q[i]) + 1
	}
	return i + 5
}

func questionType(q []byte) int { i := questionEnd(q); return int(q[i-4])<<8 | int(q[i-3]) }

func dnsAnswer(q []byte, found []string) []byte {
	end := questionEnd(q)
	a := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, q[12:end]...)
	if len(found) == 0 {
		a[3] |= 3 // the name does not exist
		return a
	}
	for _, f := range found {
		if ip, err := netip.ParseAddr(f); err == nil {
			a = append(a, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
			a = append(a, ip.AsSlice()...)
			a[7]++
		}
	}
	return a
}

func TestClient_S01_IgnoresProxiesOfTheEnvironment(t *testing.T) {
	var proxied atomic.Int32
	proxy := stub(t, func(w http.ResponseWriter, r *http.Request) { proxied.Add(1) })
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	srv := stub(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "direct "+r.UserAgent()) })
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	c := doorClient(t, fakeDNS(t, func(int) []string { return []string{"127.0.0.1"} }), nil)
	got, err := get(t, c, "http://source.exemple.test:"+port+"/")
	if want := "direct Grenier/test (+https://opendata.exemple.fr)"; err != nil || got != want || proxied.Load() != 0 {
		t.Errorf("got %q, %v, %d requests at the proxy; want %q", got, err, proxied.Load(), want)
	}
}

// doors names who may open connections, and why it is not through Env.HTTP.
var doors = map[string]string{
	"harvest/client.go":               "the door itself",
	"harvest/guard.go":                "the door itself",
	"catalog/meili":                   "the search engine of the configuration",
	"publish/s3":                      "the object store of the configuration",
	"cmd/grenier/healthcheck.go":      "asks this very instance",
	"cmd/grenier/doctor_catalogue.go": "asks the address that the operator typed, as data.gouv.fr would",
}

// outward are the names that open connections or weaken them, by import path.
var outward = map[string][]string{
	"net/http":   {"Get", "Head", "Post", "PostForm", "DefaultClient", "DefaultTransport", "Client", "Transport"},
	"net":        {"Dial", "DialTimeout", "DialTCP", "DialUDP", "DialIP", "DialUnix", "Dialer"},
	"crypto/tls": {"Dial", "DialWithDialer", "Dialer"},
}

func TestClient_S01_IsTheOnlyDoorOfTheModule(t *testing.T) {
	root := moduleRoot(t)
	seen := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := filepath.ToSlash(strings.TrimPrefix(path, root+string(filepath.Separator)))
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") {
			return nil
		}
		for _, use := range outwardUses(t, path) {
			if door := doorOf(rel); door != "" {
				seen[door] = true
				continue
			}
			t.Errorf("%s uses %s: go through harvest.Client", rel, use)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !seen["harvest/client.go"] {
		t.Error("the search does not even find harvest/client.go")
	}
}

func doorOf(rel string) string {
	for door := range doors {
		if rel == door || strings.HasPrefix(rel, door+"/") || strings.HasPrefix(rel, door+".") {
			return door
		}
	}
	return ""
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}

func outwardUses(t *testing.T, path string) (uses []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Logf("skipped %s, which does not parse: %v", path, err)
		return nil
	}
	names := map[string]string{} // local name → import path
	for _, i := range file.Imports {
		p := strings.Trim(i.Path.Value, `"`)
		if _, ok := outward[p]; !ok {
			continue
		}
		names[p[strings.LastIndexByte(p, '/')+1:]] = p
		if i.Name != nil {
			names[i.Name.Name] = p
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && slices.Contains(outward[names[x.Name]], n.Sel.Name) {
				uses = append(uses, x.Name+"."+n.Sel.Name)
			}
			if n.Sel.Name == "InsecureSkipVerify" {
				uses = append(uses, n.Sel.Name)
			}
		case *ast.KeyValueExpr:
			if k, ok := n.Key.(*ast.Ident); ok && k.Name == "InsecureSkipVerify" {
				uses = append(uses, k.Name)
			}
		}
		return true
	})
	return uses
}

func TestClient_S05_FollowsFiveRedirectsAtMost(t *testing.T) {
	srv := stub(t, func(w http.ResponseWriter, r *http.Request) {
		var n int
		fmt.Sscanf(r.URL.Path, "/%d", &n)
		if n == 0 {
			io.WriteString(w, "arrived")
			return
		}
		http.Redirect(w, r, fmt.Sprintf("/%d", n-1), http.StatusFound)
	})
	c := doorClient(t, nil, nil)
	if got, err := get(t, c, srv.URL+"/5"); got != "arrived" || err != nil {
		t.Errorf("five redirects: got %q, %v", got, err)
	}
	if _, err := get(t, c, srv.URL+"/6"); err == nil || !IsPermanent(err) || !strings.Contains(SentenceOf(err), "renvois") {
		t.Errorf("six redirects: %v, %q", err, SentenceOf(err))
	}
}

func TestClient_S05_RefusesBadRedirects(t *testing.T) {
	secret := stub(t, func(w http.ResponseWriter, r *http.Request) { t.Error("a refused target was reached") })
	for _, location := range []string{"file:///etc/passwd", "http://[::1]:1/", strings.Replace(secret.URL, "127.0.0.1", "127.0.0.2", 1),
		"http://169.254.169.254/latest/", "http://2130706433/", "http://moi:secret@127.0.0.1/", "", "http://%zz/", "gopher://a/"} {
		srv := stub(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusFound)
		})
		got, err := get(t, doorClient(t, nil, nil), srv.URL)
		if err == nil || !IsPermanent(err) {
			t.Errorf("redirect to %q: got %q, %v", location, got, err)
			continue
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("redirect to %q: the error tells the secret: %v", location, err)
		}
	}
}

func TestClient_S05_RefusesToLeaveHTTPS(t *testing.T) {
	plain := stub(t, func(w http.ResponseWriter, r *http.Request) { t.Error("went on without encryption") })
	safe := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusFound))
	t.Cleanup(safe.Close)
	c := doorClient(t, nil, nil)
	c.transport.TLSClientConfig.RootCAs = x509.NewCertPool()
	c.transport.TLSClientConfig.RootCAs.AddCert(safe.Certificate())
	if _, err := get(t, c, safe.URL); err == nil || !strings.Contains(err.Error(), "https to http") {
		t.Errorf("got %v", err)
	}
}

func TestClient_S05_KeepsSecretsFromOtherOrigins(t *testing.T) {
	seen := make(chan http.Header, 1)
	other := stub(t, func(w http.ResponseWriter, r *http.Request) { seen <- r.Header.Clone() })
	first := stub(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/same" {
			http.Redirect(w, r, "/here", http.StatusFound)
			return
		}
		if r.URL.Path == "/here" {
			seen <- r.Header.Clone()
			return
		}
		http.Redirect(w, r, other.URL+"/", http.StatusFound)
	})
	c := doorClient(t, nil, nil)
	headers := []string{"Authorization", "Basic c2VjcmV0", "Cookie", "a=secret", "X-Api-Key", "secret", "Accept", "text/csv", "If-None-Match", `"v1"`}
	if _, err := get(t, c, first.URL+"/same", headers...); err != nil {
		t.Fatal(err)
	}
	if h := <-seen; h.Get("X-Api-Key") != "secret" || h.Get("Authorization") == "" {
		t.Errorf("a redirect within one origin lost its headers: %v", h)
	}
	if _, err := get(t, c, first.URL+"/away", headers...); err != nil {
		t.Fatal(err)
	}
	h := <-seen
	for _, name := range []string{"Authorization", "Cookie", "X-Api-Key", "Referer"} {
		if h.Get(name) != "" {
			t.Errorf("another port received %s: %v", name, h[name])
		}
	}
	if h.Get("Accept") != "text/csv" || h.Get("If-None-Match") != `"v1"` {
		t.Errorf("harmless headers are lost: %v", h)
	}
}

func TestClient_S07_ChecksTheAddressThatIsDialled(t *testing.T) {
	inside := stub(t, func(w http.ResponseWriter, r *http.Request) { t.Error("rebinding reached a refused address") })
	l, err := net.Listen("tcp", strings.Replace(inside.Listener.Addr().String(), "127.0.0.1", "127.0.0.2", 1))
	if err != nil {
		t.Skip("this machine has no second loopback address: ", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	outside := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		io.WriteString(w, "public")
	})}
	go outside.Serve(l)
	t.Cleanup(func() { outside.Close() })

	// 127.0.0.2 plays the public address, 127.0.0.1 the one inside.
	for _, c := range []struct {
		name    string
		answers [][]string
		want    []string // "" is a refusal
	}{
		{"second answer inside", [][]string{{"127.0.0.2"}, {"127.0.0.1"}}, []string{"public", ""}},
		{"mixed answers", [][]string{{"127.0.0.1", "127.0.0.2"}, {"127.0.0.2", "127.0.0.1"}}, []string{"public", "public"}},
		{"metadata", [][]string{{"169.254.169.254"}}, []string{""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dns := fakeDNS(t, func(n int) []string { return c.answers[min(n, len(c.answers)-1)] })
			client := doorClient(t, dns, func(cc *ClientConfig, _ *clientLimits) { cc.Allow = []string{"127.0.0.2:*"} })
			for i, want := range c.want {
				got, err := get(t, client, fmt.Sprintf("http://source.exemple.test:%d/", port))
				if got != want || (err == nil) != (want != "") {
					t.Errorf("request %d: got %q, %v; want %q", i, got, err, want)
				}
			}
		})
	}
}

func TestClient_S08_BoundsBodies(t *testing.T) {
	zipped := func(b []byte) []byte {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		w.Write(b)
		w.Close()
		return z.Bytes()
	}
	raw := func(head string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			conn, buf, _ := w.(http.Hijacker).Hijack()
			defer conn.Close()
			buf.WriteString("HTTP/1.1 200 OK\r\n" + head + "\r\n\r\n")
			buf.Write(body)
			buf.Flush()
		}
	}
	ten := []byte("0123456789")
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		want    string
		err     error
	}{
		{"fits exactly", raw("Content-Length: 1000", bytes.Repeat(ten, 100)), strings.Repeat("0123456789", 100), nil},
		{"declared too large", raw("Content-Length: 1001", nil), "", errTooLarge},
		{"endless", func(w http.ResponseWriter, r *http.Request) {
			for {
				if _, err := w.Write(ten); err != nil {
					return
				}
			}
		}, "", errTooLarge},
		{"shorter than declared", raw("Content-Length: 50", ten), "", io.ErrUnexpectedEOF},
		{"longer than declared", raw("Content-Length: 5\r\nConnection: close", ten), "01234", nil},
		{"chunk that stops short", raw("Transfer-Encoding: chunked", []byte("a\r\n01234")), "", io.ErrUnexpectedEOF},
		{"chunks without the last", raw("Transfer-Encoding: chunked", []byte("5\r\n01234\r\n")), "", io.ErrUnexpectedEOF},
		{"gzip", raw("Content-Encoding: gzip\r\nConnection: close", zipped(ten)), "0123456789", nil},
		{"gzip bomb", raw("Content-Encoding: gzip\r\nConnection: close", zipped(make([]byte, 300e3))), "", errTooLarge},
		{"gzip cut", raw("Content-Encoding: gzip\r\nConnection: close", zipped(ten)[:20]), "", io.ErrUnexpectedEOF},
		{"gzip that is none", raw("Content-Encoding: gzip\r\nConnection: close", bytes.Repeat(ten, 3)), "", errDamaged},
		{"gzip with a wrong checksum", raw("Content-Encoding: gzip\r\nConnection: close", func() []byte { z := zipped(ten); z[len(z)-6]++; return z }()), "", errDamaged},
		{"encoding nobody asked for", raw("Content-Encoding: br\r\nConnection: close", ten), "", errEncoding},
		{"empty gzip", raw("Content-Encoding: gzip\r\nContent-Length: 0", nil), "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := stub(t, c.handler)
			got, err := get(t, doorClient(t, nil, func(cc *ClientConfig, l *clientLimits) { l.bytes = 1000 }), srv.URL)
			if !errors.Is(err, c.err) || c.err == nil && (err != nil || got != c.want) {
				t.Fatalf("got %q, %v; want %q, %v", got, err, c.want, c.err)
			}
			if c.err == nil {
				return
			}
			var s *Sentence
			if !errors.As(err, &s) {
				t.Errorf("no French sentence for %v", err)
			}
			if want := c.err == errTooLarge; IsPermanent(err) != want {
				t.Errorf("IsPermanent(%v) = %v", err, !want)
			}
		})
	}
}

func TestClient_S08_AResetInTheBodyIsABodyThatStopsShort(t *testing.T) {
	srv := stub(t, func(w http.ResponseWriter, r *http.Request) {
		conn, buf, _ := w.(http.Hijacker).Hijack()
		buf.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n0123")
		buf.Flush()
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	})
	if _, err := get(t, doorClient(t, nil, nil), srv.URL); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

func TestClient_S08_GivesUpOnSlowHosts(t *testing.T) {
	short := func(_ *ClientConfig, l *clientLimits) {
		l.firstByte, l.window, l.rate, l.connect = 100*time.Millisecond, 100*time.Millisecond, 1000, 100*time.Millisecond
	}
	pause := func(r *http.Request, d time.Duration) {
		select {
		case <-r.Context().Done():
		case <-time.After(d):
		}
	}
	t.Run("no header", func(t *testing.T) {
		srv := stub(t, func(w http.ResponseWriter, r *http.Request) { pause(r, 10*time.Second) })
		_, err := get(t, doorClient(t, nil, short), srv.URL)
		if err == nil || IsPermanent(err) || !strings.Contains(SentenceOf(err), "à temps") {
			t.Errorf("got %v, %q", err, SentenceOf(err))
		}
	})
	t.Run("drops of a body", func(t *testing.T) {
		srv := stub(t, func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				w.Write([]byte{'a'})
				w.(http.Flusher).Flush()
				pause(r, 20*time.Millisecond)
			}
		})
		if _, err := get(t, doorClient(t, nil, short), srv.URL); !errors.Is(err, errTooSlow) || !strings.Contains(SentenceOf(err), "trop lentement") {
			t.Errorf("got %v, %q", err, SentenceOf(err))
		}
	})
	t.Run("silence after a good start", func(t *testing.T) {
		srv := stub(t, func(w http.ResponseWriter, r *http.Request) {
			w.Write(make([]byte, 5000))
			w.(http.Flusher).Flush()
			pause(r, 10*time.Second)
		})
		if _, err := get(t, doorClient(t, nil, short), srv.URL); !errors.Is(err, errTooSlow) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a slow reader is no slow host", func(t *testing.T) {
		srv := stub(t, func(w http.ResponseWriter, r *http.Request) { w.Write(make([]byte, 40)) })
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, nil)
		resp, err := doorClient(t, nil, short).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		time.Sleep(200 * time.Millisecond)
		if b, err := io.ReadAll(resp.Body); len(b) != 40 || err != nil {
			t.Errorf("got %d bytes, %v", len(b), err)
		}
	})
	t.Run("name server that says nothing", func(t *testing.T) {
		_, err := get(t, doorClient(t, fakeDNS(t, func(int) []string { return nil }), short), "http://source.exemple.test/")
		if err == nil || IsPermanent(err) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("TLS handshake without end", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, err = get(t, doorClient(t, nil, short), "https://"+l.Addr().String())
		if err == nil || IsPermanent(err) || !strings.Contains(SentenceOf(err), "à temps") {
			t.Errorf("got %v, %q", err, SentenceOf(err))
		}
	})
}

func TestClient_S08_RefusesAHeaderOf64kB(t *testing.T) {
	srv := stub(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("a", 70<<10))
	})
	if _, err := get(t, doorClient(t, nil, nil), srv.URL); err == nil {
		t.Error("a header of 70 kB passes")
	}
}

func TestClient_S08_StopsWithItsContext(t *testing.T) {
	srv := stub(t, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL, nil)
	resp, err := doorClient(t, nil, nil).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := io.ReadAll(resp.Body); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestClient_S09_TellsNothingOfTheInsideNetwork(t *testing.T) {
	open := stub(t, func(w http.ResponseWriter, r *http.Request) {
		t.Error("a refused target was reached")
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, "secret of the house")
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	l.Close()

	outsider := doorClient(t, nil, func(c *ClientConfig, _ *clientLimits) { c.Allow = nil })
	_, refusedOpen := get(t, outsider, open.URL)
	_, refusedClosed := get(t, outsider, "http://"+closed)
	_, reallyClosed := get(t, doorClient(t, nil, nil), "http://"+closed)
	sentence := func(err error, addr string) string {
		if err == nil {
			t.Fatal("no error")
		}
		return strings.ReplaceAll(SentenceOf(err), addr, "HOST")
	}
	a := sentence(refusedOpen, open.Listener.Addr().String())
	b, c := sentence(refusedClosed, closed), sentence(reallyClosed, closed)
	if a != b || a != c {
		t.Errorf("the sentences differ:\nopen, refused   %s\nclosed, refused %s\nclosed, allowed %s", a, b, c)
	}
	if !strings.Contains(refusedOpen.Error(), `- "`+open.Listener.Addr().String()+`"`) || !strings.Contains(a, "administrateur") || !strings.Contains(a, "harvest.allow") {
		t.Errorf("nothing says which line to add, where and who may: %s (%v)", a, refusedOpen)
	}
}

func TestClient_S09_QuotesNeitherBodyNorSecrets(t *testing.T) {
	srv := stub(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, "canary-body")
	})
	_, err := get(t, doorClient(t, nil, nil), srv.URL+"/a?token=canary-query", "X-Api-Key", "canary-header")
	for _, text := range []string{err.Error(), SentenceOf(err), fmt.Sprintf("%+v", err)} {
		if strings.Contains(text, "canary") {
			t.Errorf("the error tells too much: %s", text)
		}
	}
}

func TestClient_SaysEachStatusInFrench(t *testing.T) {
	srv := stub(t, func(w http.ResponseWriter, r *http.Request) {
		var code int
		fmt.Sscanf(r.URL.Path, "/%d", &code)
		w.WriteHeader(code)
	})
	c := doorClient(t, nil, func(cc *ClientConfig, _ *clientLimits) { cc.MaxBytes = 10 })
	for _, tt := range []struct {
		code      int
		permanent bool
		says      string
	}{
		{400, true, "refuse la demande"}, {401, true, "refuse l’accès"}, {403, true, "refuse l’accès"}, {404, true, "ne connaît pas cette adresse"},
		{410, true, "ne connaît pas cette adresse"}, {408, false, "à temps"}, {425, false, "refuse la demande"}, {429, false, "trop sollicité"},
		{500, false, "en panne"}, {502, false, "en panne"}, {503, false, "trop sollicité"}, {504, false, "à temps"}, {304, true, "sans envoyer de fichier"}, {300, true, "sans envoyer"},
	} {
		_, err := get(t, c, fmt.Sprintf("%s/%d", srv.URL, tt.code))
		var status *StatusError
		if !errors.As(err, &status) || status.Code != tt.code {
			t.Errorf("%d: %v", tt.code, err)
			continue
		}
		if s := SentenceOf(err); IsPermanent(err) != tt.permanent || !strings.Contains(s, tt.says) || !strings.Contains(s, "dernière version") {
			t.Errorf("%d: permanent %v, %q; want %v, %q", tt.code, IsPermanent(err), s, tt.permanent, tt.says)
		}
	}
}

func TestClient_PassesA304ToWhoAskedForIt(t *testing.T) {
	srv := stub(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNotModified) })
	if got, err := get(t, doorClient(t, nil, nil), srv.URL, "If-None-Match", `"a"`); got != "" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestClient_SaysAnUnknownNameInFrench(t *testing.T) {
	_, err := get(t, doorClient(t, fakeDNS(t, func(int) []string { return []string{} }), nil), "https://absent.exemple.test/")
	if err == nil || !strings.Contains(SentenceOf(err), "inconnu") {
		t.Errorf("got %v, %q", err, SentenceOf(err))
	}
}

// certificate makes a certificate for host signed by itself.
func certificate(t *testing.T, host string, until time.Time) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "essai"}, NotBefore: until.Add(-48 * time.Hour), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	if ip := net.ParseIP(host); ip != nil {
		tmpl.IPAddresses = []net.IP{ip}
	} else {
		tmpl.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestClient_S10_VerifiesCertificatesAlways(t *testing.T) {
	tomorrow, yesterday := time.Now().Add(24*time.Hour), time.Now().Add(-24*time.Hour)
	for _, c := range []struct {
		name, host string
		until      time.Time
		trusted    bool
		says       string // "" is a success
	}{
		{"private authority", "127.0.0.1", tomorrow, true, ""},
		{"self-signed", "127.0.0.1", tomorrow, false, "autorité reconnue"},
		{"expired", "127.0.0.1", yesterday, true, "expiré"},
		{"wrong name", "autre.exemple.test", tomorrow, true, "autre nom"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cert, ca := certificate(t, c.host, c.until)
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "sûr") }))
			srv.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
			srv.Config.ErrorLog = quiet()
			srv.StartTLS()
			t.Cleanup(srv.Close)
			file := filepath.Join(t.TempDir(), "ca.pem")
			if err := os.WriteFile(file, ca, 0o600); err != nil {
				t.Fatal(err)
			}
			client := doorClient(t, nil, func(cc *ClientConfig, _ *clientLimits) {
				if c.trusted {
					cc.CAFiles = []string{file}
				}
			})
			got, err := get(t, client, srv.URL)
			if c.says == "" {
				if got != "sûr" || err != nil {
					t.Errorf("got %q, %v", got, err)
				}
				return
			}
			if err == nil || !IsPermanent(err) || !strings.Contains(SentenceOf(err), c.says) {
				t.Errorf("got %v, %q, want %q", err, SentenceOf(err), c.says)
			}
		})
	}
	t.Run("http spoken on an https address", func(t *testing.T) {
		srv := stub(t, func(w http.ResponseWriter, r *http.Request) {})
		_, err := get(t, doorClient(t, nil, nil), strings.Replace(srv.URL, "http:", "https:", 1))
		if err == nil || !IsPermanent(err) || !strings.Contains(SentenceOf(err), "chiffrée") {
			t.Errorf("got %v, %q", err, SentenceOf(err))
		}
	})
	t.Run("authority file without certificate", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "ca.pem")
		os.WriteFile(file, []byte("rien"), 0o600)
		if _, err := NewClient(ClientConfig{CAFiles: []string{file}}); err == nil {
			t.Error("no error")
		}
	})
}

// gauge counts how many are inside at once, and when each came.
type gauge struct {
	mu      sync.Mutex
	now     int
	most    int
	arrived []time.Time
}

func (g *gauge) enter() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now++
	g.most = max(g.most, g.now)
	g.arrived = append(g.arrived, time.Now())
}

func (g *gauge) leave() { g.mu.Lock(); g.now--; g.mu.Unlock() }

// atOnce makes n requests at once and waits for them.
func atOnce(t *testing.T, n int, c *Client, url string) {
	t.Helper()
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			if _, err := get(t, c, url); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// early names the first request that came sooner after the one before than spacing, less what the way to the server may take.
func (g *gauge) early(spacing time.Duration) string {
	const way = 8 * time.Millisecond
	for i := 1; i < len(g.arrived); i++ {
		if d := g.arrived[i].Sub(g.arrived[i-1]); d < spacing-way {
			return fmt.Sprintf("request %d came %v after the one before, want %v", i, d, spacing)
		}
	}
	return ""
}

func TestClient_H01_BoundsParallelAndSpacingPerHost(t *testing.T) {
	for _, c := range []struct {
		name    string
		rules   func(hostport string) map[string]HostRule
		most    int
		spacing time.Duration
	}{
		{"default rule", func(string) map[string]HostRule {
			return map[string]HostRule{"*": {Parallel: 1, Every: 30 * time.Millisecond}}
		}, 1, 30 * time.Millisecond},
		{"by host", func(string) map[string]HostRule {
			return map[string]HostRule{"*": {Parallel: 9, Every: -1}, "127.0.0.1": {Parallel: 2, Every: 20 * time.Millisecond}}
		}, 2, 20 * time.Millisecond},
		{"by host and port", func(hp string) map[string]HostRule {
			return map[string]HostRule{"127.0.0.1": {Parallel: 1}, hp: {Parallel: 3, Every: -1}}
		}, 3, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var early string
			for range 5 { // a loaded machine may let an arrival wait and the next catch up: one clean measure is enough
				var g gauge
				srv := stub(t, func(w http.ResponseWriter, r *http.Request) {
					g.enter()
					time.Sleep(40 * time.Millisecond)
					g.leave()
				})
				client := doorClient(t, nil, func(cc *ClientConfig, _ *clientLimits) { cc.Hosts = c.rules(srv.Listener.Addr().String()) })
				atOnce(t, 6, client, srv.URL)
				if g.most > c.most {
					t.Fatalf("%d requests at once, want %d", g.most, c.most)
				}
				if early = g.early(c.spacing); early == "" && g.most == c.most {
					return
				}
			}
			t.Errorf("never %d at once, well spaced: %s", c.most, early)
		})
	}
}

func TestClient_H01_ServesInOrderOfArrival(t *testing.T) {
	turns := newTurns(map[string]HostRule{"*": {Parallel: 1, Every: -1}})
	first, err := turns.take(t.Context(), "a:80")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var order []int
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			done, err := turns.take(t.Context(), "a:80")
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			order = append(order, i)
			mu.Unlock()
			done()
		})
		time.Sleep(5 * time.Millisecond) // so that they queue in this order
	}
	first()
	all.Wait()
	if !slices.IsSorted(order) || len(order) != 10 {
		t.Errorf("served in order %v", order)
	}
}

func TestClient_H01_WaitingEndsWithTheContext(t *testing.T) {
	turns := newTurns(map[string]HostRule{"*": {Parallel: 1, Every: time.Hour}})
	done, err := turns.take(t.Context(), "a:80")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := turns.take(ctx, "a:443"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting for a place: %v", err)
	}
	done()
	done() // twice is once
	if _, err := turns.take(ctx, "a:443"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting for the interval: %v", err)
	}
	if turns.hosts["a"].users != 0 || len(turns.hosts["a"].slots) != 0 {
		t.Errorf("places are lost: %+v", turns.hosts["a"])
	}
}

func TestClient_H01_ForgetsIdleHosts(t *testing.T) {
	turns := newTurns(map[string]HostRule{"*": {Parallel: 1, Every: time.Nanosecond}, "kept": {Every: time.Hour}})
	kept, err := turns.take(t.Context(), "kept:80")
	if err != nil {
		t.Fatal(err)
	}
	kept()
	for i := range 5 * sweepAt {
		done, err := turns.take(t.Context(), fmt.Sprintf("host%d:80", i))
		if err != nil {
			t.Fatal(err)
		}
		done()
	}
	if n := len(turns.hosts); n > sweepAt {
		t.Errorf("%d hosts are remembered", n)
	}
	if turns.hosts["kept"] == nil {
		t.Error("a host whose interval still runs is forgotten")
	}
}

func TestClient_H01_LetsAHostRestThatAsksForIt(t *testing.T) {
	var g gauge
	srv := stub(t, func(w http.ResponseWriter, r *http.Request) {
		g.enter()
		if len(g.arrived) == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})
	c := doorClient(t, nil, nil)
	_, err := get(t, c, srv.URL)
	var status *StatusError
	if !errors.As(err, &status) || status.RetryAfter != time.Second {
		t.Fatalf("got %v, %+v", err, status)
	}
	if _, err := get(t, c, srv.URL); err != nil {
		t.Fatal(err)
	}
	if d := g.arrived[1].Sub(g.arrived[0]); d < 900*time.Millisecond {
		t.Errorf("asked again after %v", d)
	}
}

func TestRetryAfter_ReadsSecondsAndDates(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, "-5": 0, " 3 ": 3 * time.Second, "demain": 0,
		"Sun, 01 Mar 2026 12:00:30 GMT": 30 * time.Second, "Sun, 01 Mar 2026 11:00:00 GMT": 0,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("retryAfter(%q) = %v, want %v", text, got, want)
		}
	}
}

func TestClient_GivesTheTurnBackAtTheEndOfTheBody(t *testing.T) {
	srv := stub(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "abc") })
	c := doorClient(t, nil, func(cc *ClientConfig, _ *clientLimits) { cc.Hosts = map[string]HostRule{"*": {Parallel: 1, Every: -1}} })
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for range 2 { // the first body is not closed before the second request
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL, nil)
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(resp.Body); err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
	}
}

func TestClient_ReusesConnectionsOfEightParallelRequests(t *testing.T) {
	var opened atomic.Int32
	var gate sync.WaitGroup
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		gate.Done()
		gate.Wait() // until all eight are here
		io.WriteString(w, "abc")
	}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	c := doorClient(t, nil, nil)
	for range 5 {
		gate.Add(8)
		atOnce(t, 8, c, srv.URL)
	}
	if n := opened.Load(); n > 10 { // the transport may open one more while another comes free
		t.Errorf("%d connections for 40 requests, 8 at once", n)
	}
}

// quiet is a logger for test servers whose connections break on purpose.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

func TestHoldRun_OneRunAtATimePerHost(t *testing.T) {
	c, err := NewClient(ClientConfig{Hosts: map[string]HostRule{"b.example": {Parallel: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	first, err := c.holdRun(ctx, []string{"a.example:443", "b.example", "A.example"})
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.holdRun(ctx, []string{"b.example:8443"})
	if err != nil {
		t.Fatalf("two runs are allowed on this host: %v", err)
	}
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	for _, host := range []string{"a.example:8080", "b.example"} {
		if _, err := c.holdRun(short, []string{host}); err == nil {
			t.Errorf("one run too many on %s", host)
		}
	}
	first()
	second()
	third, err := c.holdRun(ctx, []string{"b.example", "a.example"})
	if err != nil {
		t.Fatal(err)
	}
	third()
}
