package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/klauspost/compress/gzip"
)

// leastZipped is the length under which a body is sent as it is.
const leastZipped = 1024

// An answer is a whole 200 that is ready to be sent any number of times: hashed once, compressed once. It never changes, and neither do its headers,
// which the answers of the server share.
type answer struct {
	plain, zipped, unmodified http.Header // of the body as it is, of the body compressed (nil where that gains nothing), and of a 304
	tag                       string
	body                      []byte // compressed, where zipped says so: those who cannot read that are few
	length                    int    // of the body as it is
}

// unmodifiedHeaders are what a 304 says: the rest is with the reader, who keeps it (RFC 9110, 15.4.5).
var unmodifiedHeaders = []string{"Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Cache-Control", "Cross-Origin-Resource-Policy", "Etag", "Last-Modified", "Vary"}

// newAnswer makes an answer of a body and of the headers that go with it. The tag is weak: it stands for both forms.
func newAnswer(h http.Header, contentType string, body []byte) (*answer, error) {
	a := &answer{tag: tagOf(body), body: body, length: len(body), plain: h.Clone()}
	for _, name := range []string{"Content-Encoding", "Content-Length", "Content-Type"} {
		a.plain.Del(name)
	}
	if !slices.Contains(a.plain.Values("Vary"), "Accept-Encoding") {
		a.plain.Add("Vary", "Accept-Encoding")
	}
	a.plain.Set("ETag", a.tag)
	a.unmodified = http.Header{}
	for _, name := range unmodifiedHeaders {
		if values := a.plain[name]; len(values) > 0 {
			a.unmodified[name] = values
		}
	}
	a.plain.Set("Content-Type", contentType)
	a.plain.Set("Content-Length", strconv.Itoa(len(body)))
	small, err := zip(body)
	if err != nil {
		return nil, err
	}
	if len(body) >= leastZipped && len(small) < len(body) {
		a.body, a.zipped = small, a.plain.Clone()
		a.zipped.Set("Content-Encoding", "gzip")
		a.zipped.Set("Content-Length", strconv.Itoa(len(small)))
	}
	return a, nil
}

func zip(body []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.DefaultCompression)
	if err != nil {
		return nil, fmt.Errorf("compress a page: %w", err)
	}
	if _, err := z.Write(body); err != nil {
		return nil, fmt.Errorf("compress a page: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("compress a page: %w", err)
	}
	return slices.Clip(b.Bytes()), nil
}

// tagOf is the weak ETag of a body: its bytes may be compressed on the way.
func tagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return `W/"` + hex.EncodeToString(sum[:12]) + `"`
}

// size is about what the answer takes in memory.
func (a *answer) size() int64 {
	n := int64(len(a.body)) + 2048
	for name, values := range a.plain {
		n += int64(3 * len(name))
		for _, v := range values {
			n += int64(len(v))
		}
	}
	return n
}

// send answers a GET or a HEAD, and returns the status and how many bytes of body went out.
func (a *answer) send(w http.ResponseWriter, r *http.Request) (status, sent int) {
	h := w.Header()
	if a.spared(r) {
		maps.Copy(h, a.unmodified)
		w.WriteHeader(http.StatusNotModified)
		return http.StatusNotModified, 0
	}
	if a.zipped != nil && acceptsEncoding(r, "gzip") {
		maps.Copy(h, a.zipped)
		return http.StatusOK, a.write(w, r, a.body)
	}
	maps.Copy(h, a.plain)
	if a.zipped == nil {
		return http.StatusOK, a.write(w, r, a.body)
	}
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return http.StatusOK, 0
	}
	z, err := gzip.NewReader(bytes.NewReader(a.body))
	if err != nil {
		return http.StatusOK, 0 // we made it ourselves
	}
	n, _ := io.Copy(w, z) // an error here means that the reader left
	return http.StatusOK, int(n)
}

// blocking is how many bytes the kernel may not take at once, so that a reader who does not read holds the answer.
const blocking = 32 << 10

func (a *answer) write(w http.ResponseWriter, r *http.Request, body []byte) int {
	if len(body) > blocking {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(pageTime)) // a test's writer has none
	}
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return 0
	}
	n, _ := w.Write(body) // an error here means that the reader left
	return n
}

// spared tells whether the reader has the answer already. Browsers send the one tag that they were given.
func (a *answer) spared(r *http.Request) bool {
	tags := r.Header["If-None-Match"]
	if len(tags) == 1 && tags[0] == a.tag {
		return true
	}
	return (len(tags) > 0 || len(r.Header["If-Modified-Since"]) > 0) && notModified(r, a.plain)
}
