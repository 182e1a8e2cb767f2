package web

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gorilla/mux"
)

const (
	maxAddress  = 2048        // bytes of path and query
	maxInFlight = 256         // requests answered at once, downloads aside
	filePrefix  = "/f/"       // of the addresses of files
	pageTime    = time.Minute // for a reader to take a page: one who does not read is let go of
)

// A visit is what the middleware learns of a request while it is answered.
type visit struct {
	route   string
	kind    kind
	memory  *memory // keeps the answer; nil when nobody does
	passing bool    // the answer is poorer than it should be
	seen    sight   // the catalogue, before the answer was made
}

type visitKey struct{}

// visitOf is never nil: outside the middleware it is a visit that nobody reads.
func visitOf(r *http.Request) *visit {
	if v, ok := r.Context().Value(visitKey{}).(*visit); ok {
		return v
	}
	return &visit{}
}

// dress puts on what every answer goes through, from the outside in: log and metrics, panics, headers, limits, origin.
func (s *Server) dress(h http.Handler) http.Handler {
	origin := http.NewCrossOriginProtection()
	origin.AddInsecureBypassPattern("POST " + apiCheckPath) // open to every origin like the rest of the API: there is no session to abuse
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, kindOf(r), problem(http.StatusForbidden, "Cette demande vient d’un autre site. Ouvrez la page ici, puis recommencez."))
	}))
	return s.observe(s.headers(s.limits(origin.Handler(h))))
}

// observe logs and counts each request, and turns a panic into an answer.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visit{route: "none", kind: kindOf(r)}
		r = r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
		rec := &recorder{ResponseWriter: w}
		if v.kind != kindFile {
			rec.within = s.pageTime
		}
		start := time.Now()
		s.metrics.inFlight.Inc()
		defer func() {
			s.metrics.inFlight.Dec()
			broken := s.recovered(rec, r, v, recover())
			s.account(r, v.route, v.kind, rec.code(), rec.bytes, time.Since(start))
			if broken {
				panic(http.ErrAbortHandler) // the answer had begun: the reader must see that it is cut
			}
		}()
		next.ServeHTTP(rec, r)
	})
}

// recovered deals with a panic and tells whether the connection must be broken.
func (s *Server) recovered(w *recorder, r *http.Request, v *visit, p any) bool {
	if p == nil {
		return false
	}
	if p == http.ErrAbortHandler {
		return true
	}
	s.Log.Error("request panicked", "route", v.route, "panic", p, "stack", string(debug.Stack()))
	if w.status != 0 {
		return true
	}
	s.fail(w, r, v.kind, problem(http.StatusInternalServerError, ""))
	return false
}

// account logs and counts an answer.
func (s *Server) account(r *http.Request, route string, k kind, status int, bytes int64, took time.Duration) {
	s.metrics.requests.WithLabelValues(route, methodLabel(r.Method), strconv.Itoa(status)).Inc()
	s.metrics.durations.WithLabelValues(route).Observe(took.Seconds())
	s.write(r, route, k, status, bytes, took)
}

// accountKept does the same for an answer from memory, at less cost.
func (s *Server) accountKept(r *http.Request, k *kept, status int, bytes int64, took time.Duration) {
	m := s.metrics.ofKept(k)
	switch {
	case r.Method == http.MethodGet && status == http.StatusOK:
		m.whole.Inc()
	case r.Method == http.MethodGet && status == http.StatusNotModified:
		m.unmodified.Inc()
	default:
		s.metrics.requests.WithLabelValues(k.route, methodLabel(r.Method), strconv.Itoa(status)).Inc()
	}
	m.duration.Observe(took.Seconds())
	s.write(r, k.route, k.kind, status, bytes, took)
}

// write writes the line of a request to the log.
func (s *Server) write(r *http.Request, route string, k kind, status int, bytes int64, took time.Duration) {
	level := slog.LevelInfo
	if k == kindAdmin || k == kindAsset {
		level = slog.LevelDebug
	}
	if !s.Log.Enabled(r.Context(), level) {
		return
	}
	// The query is left out: what people look for is theirs.
	s.Log.LogAttrs(r.Context(), level, "request", slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.String("route", route),
		slog.Int("status", status), slog.Int64("bytes", bytes), slog.Int64("duration_ms", took.Milliseconds()))
}

// methodLabel keeps strangers from inventing labels.
func methodLabel(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

// contentPolicy is SECURITY.md W-02 without what no page needs: nothing runs, nothing comes from elsewhere.
const contentPolicy = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func (s *Server) headers(next http.Handler) http.Handler {
	secure := strings.HasPrefix(s.BaseURL, "https://")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "strict-origin-when-cross-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		if secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		kindHeaders(h, kindOf(r))
		next.ServeHTTP(w, r)
	})
}

// kindHeaders sets what depends on the kind of route.
func kindHeaders(h http.Header, k kind) {
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Del("Access-Control-Allow-Origin")
	h.Del("Access-Control-Expose-Headers")
	if k.open() {
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Expose-Headers", "Accept-Ranges, Content-Disposition, Content-Length, Content-Range, ETag, Grenier-Version, Last-Modified, Link, Memento-Datetime, Retry-After")
	}
}

// limits refuses what no honest reader asks (SECURITY.md W-09, W-10).
func (s *Server) limits(next http.Handler) http.Handler {
	room := make(chan struct{}, maxInFlight)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.URL.Path)+len(r.URL.RawQuery) > maxAddress {
			s.fail(w, r, kindOf(r), problem(http.StatusRequestURITooLong, "L’adresse demandée est trop longue. Raccourcissez la recherche."))
			return
		}
		if !utf8.ValidString(r.URL.Path) || strings.ContainsRune(r.URL.Path, 0) {
			s.fail(w, r, kindOf(r), problem(http.StatusBadRequest, "L’adresse demandée est mal écrite."))
			return
		}
		if k := kindOf(r); k == kindFile || k == kindAdmin {
			next.ServeHTTP(w, r)
			return
		}
		select {
		case room <- struct{}{}:
			defer func() { <-room }()
			next.ServeHTTP(w, r)
		default:
			s.fail(w, r, kindOf(r), &httpError{status: http.StatusServiceUnavailable, retry: 5, message: "Le service répond à beaucoup de demandes. Réessayez dans quelques secondes."})
		}
	})
}

// kindOf guesses the kind of an address before, or without, a route.
func kindOf(r *http.Request) kind {
	p := r.URL.Path
	switch {
	case strings.HasPrefix(p, "/api/") || strings.HasSuffix(p, ".json") || strings.HasSuffix(p, ".xml") || strings.HasSuffix(p, ".atom"):
		return kindData
	case strings.HasPrefix(p, filePrefix):
		return kindFile
	case strings.HasSuffix(p, ".ttl") || strings.HasSuffix(p, ".rdf") || strings.HasSuffix(p, ".jsonld") || strings.HasSuffix(p, ".nt"):
		return kindRDF
	case p == mcpPath:
		return kindCall
	case p == "/healthz" || p == "/readyz" || p == "/metrics":
		return kindAdmin
	case strings.HasPrefix(p, "/static/"):
		return kindAsset
	}
	return kindPage
}

// unrouted answers addresses that no route knows; a slash too many is forgiven on pages.
func (s *Server) unrouted(m *mux.Router) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if to, ok := withoutSlash(m, r); ok {
			http.Redirect(w, r, to, http.StatusMovedPermanently)
			return
		}
		s.fail(w, r, kindOf(r), errNotFound)
	})
}

func withoutSlash(m *mux.Router, r *http.Request) (string, bool) {
	p := strings.TrimRight(r.URL.Path, "/")
	if p == r.URL.Path || p == "" || strings.HasPrefix(p, "//") || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return "", false
	}
	u := *r.URL
	u.Path, u.RawPath, u.Scheme, u.Host, u.User = p, "", "", "", nil
	bare := r.Clone(r.Context())
	bare.URL = &u
	var found mux.RouteMatch
	if kindOf(r) != kindPage || kindOf(bare) != kindPage || !m.Match(bare, &found) || found.MatchErr != nil {
		return "", false
	}
	return u.String(), true
}

// A recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
	within time.Duration // for the reader to take the answer, unless a handler that answers by pieces says otherwise; 0 is no limit
}

// WriteHeader notes the first final status.
func (rec *recorder) WriteHeader(status int) {
	if status >= 200 {
		rec.start(status)
	}
	rec.ResponseWriter.WriteHeader(status)
}

func (rec *recorder) Write(b []byte) (int, error) {
	rec.start(http.StatusOK)
	n, err := rec.ResponseWriter.Write(b)
	rec.bytes += int64(n)
	return n, err
}

// ReadFrom lets the connection use sendfile for files.
func (rec *recorder) ReadFrom(r io.Reader) (int64, error) {
	rec.start(http.StatusOK)
	n, err := io.Copy(rec.ResponseWriter, r)
	rec.bytes += n
	return n, err
}

// Unwrap is for http.ResponseController.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

func (rec *recorder) start(status int) {
	if rec.status != 0 {
		return
	}
	rec.status = status
	if rec.within > 0 {
		_ = http.NewResponseController(rec.ResponseWriter).SetWriteDeadline(time.Now().Add(rec.within)) // a test's writer has none
	}
}

func (rec *recorder) code() int {
	if rec.status == 0 {
		return http.StatusOK
	}
	return rec.status
}

// gone tells whether an error only says that the reader left.
func gone(r *http.Request, err error) bool {
	return r.Context().Err() != nil && errors.Is(err, context.Canceled)
}
