package harvest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

// ClientConfig says what the program's one HTTP client may do (SECURITY.md S-01 to S-10, H-01, H-08).
type ClientConfig struct {
	Allow     []string            // "10.20.3.4:443", "10.0.0.0/8:443", "gestion.intra.example:*": refused ranges that are allowed after all
	Deny      []netip.AddrPort    // the instance's own listening addresses: never, even when allowed
	UserAgent string              // "Grenier/1.0 (+https://opendata.example.fr)"
	MaxBytes  int64               // a document, 100 MB by default, as sent and once decompressed
	Hosts     map[string]HostRule // by "host" or "host:port"; "*" is the default rule
	CAFiles   []string            // PEM, besides the system's authorities
}

// A HostRule bounds what one remote host is asked at once.
type HostRule struct {
	Parallel int           // requests under way, until their body is read to its end or closed; 1 by default
	Every    time.Duration // between the starts of two requests; 1 s by default, negative for none
}

// A Client is the only way out to the network: a guarded dialer, limits on size, time and rate, redirects re-checked.
// It is safe for concurrent use.
type Client struct {
	transport *http.Transport
	guard     *guard
	turns     *turns // of requests
	runs      *turns // of runs
	agent     string
	limits    clientLimits
}

// clientLimits are the bounds of S-05 and S-08; the total time is the request's context.
type clientLimits struct {
	bytes     int64         // of a document
	header    int64         // bytes
	redirects int           // hops after the first request
	connect   time.Duration // name resolution and connection; once more for the TLS handshake
	firstByte time.Duration // until the answer's header is there
	window    time.Duration // over which the rate is measured, counting only the time spent waiting for the remote host
	rate      int64         // bytes a second, at least
}

var usualLimits = clientLimits{
	bytes: 100e6, header: 64 << 10, redirects: 5,
	connect: 10 * time.Second, firstByte: 30 * time.Second, window: time.Minute, rate: 1000,
}

const longestHold = 2 * time.Minute // that a host's Retry-After keeps its other requests waiting

// NewClient checks the configuration. Faults in Allow are a FaultList in French.
func NewClient(c ClientConfig) (*Client, error) {
	limits := usualLimits
	if c.MaxBytes > 0 {
		limits.bytes = c.MaxBytes
	}
	return newClient(c, limits, nil)
}

// newClient takes the limits and the resolver, which tests replace; nil is the system's resolver.
func newClient(c ClientConfig, limits clientLimits, resolver *net.Resolver) (*Client, error) {
	g, err := newGuard(c.Allow, c.Deny)
	if err != nil {
		return nil, err
	}
	roots, err := authorities(c.CAFiles)
	if err != nil {
		return nil, err
	}
	perHost := 8
	for _, r := range c.Hosts {
		perHost = max(perHost, r.Parallel)
	}
	dialer := &net.Dialer{Timeout: limits.connect, ControlContext: g.control, Resolver: resolver}
	return &Client{
		guard: g, turns: newTurns(c.Hosts), runs: newTurns(withoutSpacing(c.Hosts)), agent: c.UserAgent, limits: limits,
		transport: &http.Transport{
			Proxy: nil, // a proxy from the environment would hide the target from the guard
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				return dialer.DialContext(withTarget(ctx, addr), network, addr)
			},
			TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    limits.connect,
			ResponseHeaderTimeout:  limits.firstByte,
			MaxResponseHeaderBytes: limits.header,
			DisableCompression:     true, // decompressed here, under the same limits
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           16 * perHost,
			MaxIdleConnsPerHost:    perHost,
			IdleConnTimeout:        90 * time.Second,
		},
	}, nil
}

func authorities(files []string) (*x509.CertPool, error) {
	if len(files) == 0 {
		return nil, nil // the system's
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the system's certificate authorities: %w", err)
	}
	for _, name := range files {
		pem, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read certificate authority: %w", err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("certificate authority %s: no PEM certificate in it", name)
		}
	}
	return pool, nil
}

// CloseIdleConnections ends the connections that are kept for later requests.
func (c *Client) CloseIdleConnections() { c.transport.CloseIdleConnections() }

// Do sends a request. The response body enforces the size limit, the minimum rate and the declared length: a body that stops
// short is io.ErrUnexpectedEOF, never a short success. The caller closes it.
//
// A status of 400 or more, and any other that brings no document, is an error that holds a StatusError. Do retries nothing: the
// connectors do. Waiting for the host's turn ends with the request's context. Errors carry a French Sentence that says kind and
// status only; those that no retry can mend are Permanent.
//
// Up to 5 redirects are followed, each checked like the first address. A redirect to another host, scheme or port loses
// Authorization, cookies and every header of the caller's own; one from https to http is refused.
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	conditional := isConditional(req.Header)
	hop := req.Clone(req.Context())
	if c.agent != "" && hop.Header.Get("User-Agent") == "" {
		hop.Header.Set("User-Agent", c.agent)
	}
	for n := 0; ; n++ {
		resp, err := c.send(hop)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", hop.Method, place(hop.URL), err)
		}
		if isRedirect(resp.StatusCode) {
			hop, err = c.follow(hop, resp, n)
			if err != nil {
				return nil, err
			}
			continue
		}
		if ok := resp.StatusCode/100 == 2 || resp.StatusCode == http.StatusNotModified && conditional; !ok {
			err := c.refusal(resp)
			discard(resp)
			return nil, fmt.Errorf("%s %s: %w", hop.Method, place(hop.URL), err)
		}
		return resp, nil
	}
}

// send makes one request, without redirects, in its turn.
func (c *Client) send(req *http.Request) (*http.Response, error) {
	if err := checkURL(req.URL); err != nil {
		return nil, explain(req.Context(), req.URL, addressError{err})
	}
	done, err := c.turns.take(req.Context(), hostPort(req.URL))
	if err != nil {
		return nil, fmt.Errorf("wait for the host's turn: %w", err)
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	sent := req.Clone(ctx)
	ours := wantEncoding(sent)
	resp, err := c.transport.RoundTrip(sent)
	if err != nil {
		cancel(nil)
		done()
		return nil, explain(req.Context(), req.URL, err)
	}
	resp.Request = req
	body := &guardedBody{ctx: ctx, src: resp.Body, end: sync.OnceFunc(func() { cancel(nil); done() }), left: c.limits.bytes}
	body.say = func(err error) error { return explain(req.Context(), req.URL, err) }
	body.watch = rateWatch{window: c.limits.window, least: c.limits.rate * int64(c.limits.window) / int64(time.Second), slow: func() { cancel(errTooSlow) }}
	if err := body.wrap(resp, ours); err != nil {
		body.Close()
		return nil, body.say(err)
	}
	return resp, nil
}

// wantEncoding asks for a compressed answer, which the body then decompresses, or for a plain one where a part of the document is
// wanted. ours is false when the caller has its own wish and takes the bytes as they come.
func wantEncoding(req *http.Request) (ours bool) {
	if req.Header.Get("Accept-Encoding") != "" {
		return false
	}
	if req.Method == http.MethodHead || req.Header.Get("Range") != "" {
		req.Header.Set("Accept-Encoding", "identity")
		return true
	}
	req.Header.Set("Accept-Encoding", "gzip")
	return true
}

// follow makes the request that a redirect asks for, after n earlier ones.
func (c *Client) follow(req *http.Request, resp *http.Response, n int) (*http.Request, error) {
	discard(resp)
	next, err := redirect(req, resp)
	if err == nil && n >= c.limits.redirects {
		err = fmt.Errorf("more than %d redirects", c.limits.redirects)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", req.Method, place(req.URL), explain(req.Context(), req.URL, redirectError{err}))
	}
	return next, nil
}

func redirect(req *http.Request, resp *http.Response) (*http.Request, error) {
	location, err := req.URL.Parse(resp.Header.Get("Location"))
	if err != nil || resp.Header.Get("Location") == "" {
		return nil, errors.New("no readable address to go to") // the address itself may hold a secret
	}
	location.Fragment = ""
	if req.URL.Scheme == "https" && location.Scheme == "http" {
		return nil, errors.New("from https to http")
	}
	if err := checkURL(location); err != nil {
		return nil, err
	}
	next := req.Clone(req.Context())
	next.URL, next.Host = location, ""
	if err := rewind(req, next, resp.StatusCode); err != nil {
		return nil, err
	}
	if origin(location) != origin(req.URL) {
		keepHarmless(next.Header)
	}
	return next, nil
}

// rewind gives the next request the method and body that RFC 9110, 15.4, wants.
func rewind(req, next *http.Request, status int) error {
	if req.Method == http.MethodGet || req.Method == http.MethodHead {
		return nil
	}
	if status != http.StatusTemporaryRedirect && status != http.StatusPermanentRedirect {
		next.Method, next.Body, next.GetBody, next.ContentLength = http.MethodGet, nil, nil, 0
		next.Header.Del("Content-Type")
		return nil
	}
	if req.Body == nil || req.Body == http.NoBody {
		return nil
	}
	if req.GetBody == nil {
		return errors.New("body that cannot be sent twice")
	}
	body, err := req.GetBody()
	next.Body = body
	return err
}

// keepHarmless leaves only headers that tell another host nothing.
func keepHarmless(h http.Header) {
	for name := range h {
		switch name {
		case "Accept", "Accept-Encoding", "Accept-Language", "User-Agent", "Range", "If-Range", "If-None-Match", "If-Modified-Since", "Content-Type":
		default:
			delete(h, name)
		}
	}
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

func isConditional(h http.Header) bool {
	return h.Get("If-None-Match") != "" || h.Get("If-Modified-Since") != ""
}

// refusal turns an answer that brings no document into an error, and lets the host rest if it asks for it.
func (c *Client) refusal(resp *http.Response) error {
	e := &StatusError{Code: resp.StatusCode, RetryAfter: retryAfter(resp.Header.Get("Retry-After"), time.Now())}
	if e.RetryAfter > 0 && (e.Code == http.StatusTooManyRequests || e.Code == http.StatusServiceUnavailable) {
		c.turns.hold(hostPort(resp.Request.URL), min(e.RetryAfter, longestHold))
	}
	return e.explain(resp.Request.URL)
}

// discard reads a little of an unwanted body, so that the connection can serve again, and closes it.
func discard(resp *http.Response) {
	io.CopyN(io.Discard, resp.Body, 4<<10)
	resp.Body.Close()
}

// origin is what credentials belong to: scheme, host and port.
func origin(u *url.URL) string { return u.Scheme + "://" + hostPort(u) }

// hostPort is u's "host:port", with the scheme's port where u says none.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// place is u without what may be secret: user, query and fragment.
func place(u *url.URL) string { return u.Scheme + "://" + u.Host + u.EscapedPath() }
