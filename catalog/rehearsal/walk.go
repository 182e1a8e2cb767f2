package rehearsal

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"syscall"
)

// A Fetch asks an address for something, with GET or HEAD, and follows no redirect. The caller closes the body.
type Fetch func(ctx context.Context, method, address string) (*http.Response, error)

// agent is how data.gouv.fr calls itself.
const agent = "uData/0.1 dcat"

// usualPages is how many pages a rehearsal reads.
const usualPages = 1000

// extensions say the syntax of an address, when they are the very end of it.
var extensions = map[string]Syntax{
	".ttl": Turtle, ".n3": Turtle, ".trig": Turtle, ".nt": NTriples, ".rdf": RDFXML, ".xml": RDFXML, ".owl": RDFXML, ".json": JSONLD, ".jsonld": JSONLD, ".json-ld": JSONLD,
}

// mediaTypes do when the address says nothing.
var mediaTypes = map[string]Syntax{
	"text/turtle": Turtle, "application/x-turtle": Turtle, "text/n3": Turtle, "application/trig": Turtle, "application/n-triples": NTriples,
	"application/rdf+xml": RDFXML, "application/xml": RDFXML, "text/xml": RDFXML, "application/ld+json": JSONLD, "application/json": JSONLD,
}

// SyntaxOf is the syntax that the end of an address says, "" when it says none.
func SyntaxOf(address string) Syntax { return extensions[strings.ToLower(path.Ext(address))] }

// Client makes a Fetch of what sends requests, which must follow no redirect: a walk tells where one is.
func Client(do func(*http.Request) (*http.Response, error)) Fetch {
	return func(ctx context.Context, method, address string) (*http.Response, error) {
		req, err := http.NewRequestWithContext(ctx, method, address, nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Accept", "*/*")
		req.Header.Set("User-Agent", agent)
		return do(req)
	}
}

// Handler makes a Fetch of a handler, which is asked without any network.
func Handler(h http.Handler) Fetch {
	return func(ctx context.Context, method, address string) (*http.Response, error) {
		req, err := http.NewRequestWithContext(ctx, method, address, nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Accept", "*/*")
		req.Header.Set("User-Agent", agent)
		req.RequestURI, req.RemoteAddr = req.URL.RequestURI(), "127.0.0.1:0"
		req.URL.Scheme, req.URL.Host = "", "" // as a server has them; Host stays
		in, out := io.Pipe()
		w := &recorder{header: http.Header{}, body: out, ready: make(chan struct{})}
		go func() {
			defer func() {
				if p := recover(); p != nil { // as a server does
					w.WriteHeader(http.StatusInternalServerError)
					out.CloseWithError(io.ErrUnexpectedEOF)
				}
			}()
			h.ServeHTTP(w, req)
			w.WriteHeader(http.StatusOK)
			out.Close()
		}()
		<-w.ready
		return &http.Response{StatusCode: w.status, Status: strconv.Itoa(w.status), Header: w.sent, Body: in, ContentLength: -1, Request: req}, nil
	}
}

// A recorder hands an answer over while it is written.
type recorder struct {
	header, sent http.Header
	status       int
	body         *io.PipeWriter
	ready        chan struct{}
}

// Header is what the handler sets.
func (w *recorder) Header() http.Header { return w.header }

// WriteHeader ends the headers.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status, w.sent = status, w.header.Clone()
		close(w.ready)
	}
}

// Write passes the body on.
func (w *recorder) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}

// Walk harvests a catalogue as data.gouv.fr does: the syntax comes from the address of the first page, or from what HEAD answers, and is used for
// all pages; no redirect is followed; pages lead to the next one. The error is that of ctx alone: what is wrong with the catalogue is in the report.
func Walk(ctx context.Context, fetch Fetch, address string, o Options) (*Report, error) {
	r := newReader(address, o)
	w := &walk{reader: r, fetch: fetch, syntax: SyntaxOf(address)}
	if w.syntax == "" && !w.ask(ctx, address) {
		return r.done(), ctx.Err()
	}
	var pages []*page
	seen := map[string]bool{}
	for at := address; at != ""; {
		if seen[at] {
			r.say(Finding{Page: pages[len(pages)-1].address, Property: curie(hydra + "next")}, "paging-loop", at)
			break
		}
		if limit := o.pages(); len(pages) == limit {
			r.say(Finding{Page: at}, "paging-limit", strconv.Itoa(limit))
			break
		}
		seen[at] = true
		body, ok := w.page(ctx, at)
		if !ok {
			break
		}
		p := r.parse(Page{at, w.syntax, body})
		if p == nil {
			break
		}
		pages = append(pages, p)
		at = r.next(p)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	r.judge(pages)
	if o.Probe {
		w.probe(ctx)
	}
	return r.done(), ctx.Err()
}

func (o Options) pages() int {
	if o.Pages > 0 {
		return o.Pages
	}
	return usualPages
}

type walk struct {
	*reader
	fetch  Fetch
	syntax Syntax
}

// ask finds the syntax by HEAD.
func (w *walk) ask(ctx context.Context, address string) bool {
	res := w.get(ctx, http.MethodHead, address)
	if res == nil {
		return false
	}
	res.Body.Close()
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if w.syntax = mediaTypes[kind]; w.syntax == "" {
		w.say(Finding{Page: address}, "unknown-syntax", short(res.Header.Get("Content-Type")))
	}
	return w.syntax != ""
}

// get asks once. nil: something is wrong, and said.
func (w *walk) get(ctx context.Context, method, address string) *http.Response {
	if !isWeb(address) {
		w.say(Finding{Page: address}, "unreachable", "ce n’est pas une adresse web")
		return nil
	}
	res, err := w.fetch(ctx, method, address)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil
	case err != nil:
		w.say(Finding{Page: address}, "unreachable", reason(err))
		return nil
	case res.StatusCode >= 300 && res.StatusCode < 400:
		w.say(Finding{Page: address}, "redirect", short(res.Header.Get("Location")), strconv.Itoa(res.StatusCode))
	case res.StatusCode != http.StatusOK:
		w.say(Finding{Page: address}, "status", strconv.Itoa(res.StatusCode))
	default:
		return res
	}
	res.Body.Close()
	return nil
}

// page reads the text of one page, in the encoding that data.gouv.fr takes it for.
func (w *walk) page(ctx context.Context, address string) ([]byte, bool) {
	res := w.get(ctx, http.MethodGet, address)
	if res == nil {
		return nil, false
	}
	defer res.Body.Close()
	limit := w.Limits.usual().Bytes
	body, err := io.ReadAll(io.LimitReader(res.Body, int64(limit)+1))
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, false
	case err != nil:
		w.say(Finding{Page: address}, "unreachable", reason(err))
		return nil, false
	case len(body) > limit:
		w.say(Finding{Page: address}, "page-size", fmt.Sprintf("plus de %d Mo", limit>>20))
		return nil, false
	}
	announced := res.Header.Get("Content-Type")
	kind, parameters, _ := mime.ParseMediaType(announced)
	if !strings.EqualFold(parameters["charset"], "utf-8") {
		w.say(Finding{Page: address}, "charset", short(announced))
		if strings.HasPrefix(kind, "text/") {
			body = fromLatin1(body)
		}
	}
	if mediaTypes[kind] != w.syntax {
		w.say(Finding{Page: address}, "syntax-changes", short(kind))
	}
	return body, true
}

// fromLatin1 makes of each byte a character, as a reader of ISO-8859-1 does.
func fromLatin1(body []byte) []byte {
	out := make([]byte, 0, len(body)+len(body)/8)
	for _, b := range body {
		out = append(out, string(rune(b))...)
	}
	return out
}

// reason says in French why nothing answers.
func reason(err error) string {
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var late interface{ Timeout() bool }
	switch {
	case errors.As(err, &name):
		return "le nom " + name.Name + " est inconnu"
	case errors.As(err, &certificate):
		return "le certificat est refusé"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "la connexion est refusée"
	case errors.As(err, &late) && late.Timeout():
		return "pas de réponse à temps"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return "la réponse est coupée"
	}
	return short(err.Error())
}

// maxProbes bounds the files that are asked for.
const maxProbes = 5000

// probe asks for the files of all datasets, and marks down those that are away.
func (w *walk) probe(ctx context.Context) {
	n := 0
	for i := range w.report.Items {
		item := &w.report.Items[i]
		for j := range item.Files {
			if n++; n > maxProbes || ctx.Err() != nil {
				return
			}
			w.file(ctx, item, &item.Files[j])
		}
		if item.Score != nil {
			for k := range item.Score.Criteria {
				if c := &item.Score.Criteria[k]; c.Name == criterionAvailable {
					c.Met = len(item.Files) > 0 && !anyAway(item.Files)
				}
			}
			item.Score.count()
		}
	}
}

func anyAway(files []File) bool {
	for _, f := range files {
		if f.away {
			return true
		}
	}
	return false
}

func (w *walk) file(ctx context.Context, item *Item, f *File) {
	at := Finding{Page: item.Page, Item: item.IRI, Title: item.Title, Node: f.IRI, Property: curie(dcat + "downloadURL")}
	why := ""
	if u, err := url.Parse(f.URL); err != nil || u.Host == "" {
		why = "ce n’est pas une adresse web"
	} else if res, err := w.fetch(ctx, http.MethodHead, f.URL); err != nil {
		why = reason(err)
	} else {
		res.Body.Close()
		length, err := strconv.ParseInt(res.Header.Get("Content-Length"), 10, 64)
		switch {
		case res.StatusCode != http.StatusOK:
			why = "réponse " + strconv.Itoa(res.StatusCode)
		case err == nil && f.Bytes > 0 && length != f.Bytes:
			w.say(at, "file-length", short(f.URL), strconv.FormatInt(length, 10), strconv.FormatInt(f.Bytes, 10))
		}
	}
	if why != "" && ctx.Err() == nil {
		f.away = true
		w.say(at, "file-away", short(f.URL), why)
	}
}
