package http

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math/rand/v2"
	nethttp "net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"grenier/harvest"
)

// A download reads one document and mends its transfer: what breaks off is taken up where it stopped, with Range where the server
// proves that the document is still the same one, otherwise by reading it again from the start and comparing. What was handed over
// and what follows always belong to one version of the document; a download that cannot hold to that is an error.
type download struct {
	s      *source
	ctx    context.Context // of this document; the body of a request has nowhere else to find it
	cancel context.CancelFunc
	keys   *keys
	url    *url.URL
	left   int            // new tries
	same   bool           // the server confirms the known version
	header nethttp.Header // of the latest whole answer
	size   int64          // of the whole document, -1 when unknown
	plain  bool           // the bytes are those on the wire
	body   io.ReadCloser
	read   int64
	sum    maphash.Hash // of what was read
	err    error
}

// get asks for the document at u. The caller closes the download, unless the document is the same.
func (s *source) get(ctx context.Context, k *keys, u *url.URL, known remembered) (*download, error) {
	d := &download{s: s, keys: k, url: u, left: s.retries}
	d.ctx, d.cancel = s.bound(ctx)
	resp, err := d.try(func() (*nethttp.Response, error) { return d.send(known.ask) })
	if err != nil {
		d.cancel()
		return nil, err
	}
	d.adopt(resp)
	if d.same = resp.StatusCode == nethttp.StatusNotModified; d.same {
		d.Close() // there is nothing to read
	}
	return d, nil
}

// bound gives a document its own time.
func (s *source) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.conf.Timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, s.conf.Timeout, harvest.Say(
		"Le document n’a pas pu être lu dans le temps permis. La dernière version reste en ligne. Un nouvel essai est prévu\u00a0; si cela dure, augmentez timeout ou réduisez l’export.",
		fmt.Errorf("document not read within %v: %w", s.conf.Timeout, context.DeadlineExceeded)))
}

func (d *download) send(prepare func(*nethttp.Request)) (*nethttp.Response, error) {
	req, err := nethttp.NewRequestWithContext(d.ctx, nethttp.MethodGet, d.keys.sign(d.url).String(), nil)
	if err != nil {
		return nil, errors.New("address that cannot be asked for") // the error would quote it, secrets included
	}
	req.Header = d.keys.header.Clone()
	prepare(req)
	return d.s.env.HTTP.Do(req)
}

// adopt takes the document's properties and body from its first whole answer.
func (d *download) adopt(resp *nethttp.Response) {
	d.header, d.size, d.plain, d.body = resp.Header, resp.ContentLength, !resp.Uncompressed, resp.Body
}

func (d *download) document(name string) harvest.Document {
	return harvest.Document{Name: name, MediaType: d.header.Get("Content-Type"), Modified: d.remember(name).modified(), Body: d}
}

func (d *download) remember(name string) remembered {
	return remembered{Name: name, ETag: d.header.Get("ETag"), LastModified: d.header.Get("Last-Modified")}
}

// Close ends the transfer.
func (d *download) Close() error {
	defer d.cancel()
	if d.err == nil {
		d.err = errors.New("read of a closed document")
	}
	return d.body.Close()
}

// Read implements io.Reader over the whole document.
func (d *download) Read(p []byte) (int, error) {
	for d.err == nil {
		n, err := d.body.Read(p)
		d.sum.Write(p[:n])
		d.read += int64(n)
		if err != nil && err != io.EOF {
			err = d.mend(err)
		}
		d.err = err
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, d.err
}

// mend takes the transfer up again after it broke with err.
func (d *download) mend(err error) error {
	d.body.Close()
	for {
		if err = d.wait(err); err != nil {
			return err
		}
		if err = d.resume(); err == nil {
			return nil
		}
	}
}

func (d *download) resume() error {
	if validator := d.validator(); validator != "" && d.read > 0 {
		resp, err := d.send(func(r *nethttp.Request) {
			r.Header.Set("Range", "bytes="+strconv.FormatInt(d.read, 10)+"-")
			r.Header.Set("If-Range", validator)
		})
		if err != nil {
			return err
		}
		if resp.StatusCode != nethttp.StatusPartialContent {
			return d.skip(resp)
		}
		if d.continues(resp) {
			d.body = resp.Body
			return nil
		}
		resp.Body.Close()
	}
	resp, err := d.send(func(*nethttp.Request) {})
	if err != nil {
		return err
	}
	return d.skip(resp)
}

// validator proves that a part belongs to the same bytes: a strong ETag, or a date that is strong by RFC 9110, 8.8.2.2. "" is none, or a
// document whose parts cannot be asked for.
func (d *download) validator() string {
	if d.header.Get("Accept-Ranges") != "bytes" || !d.plain || d.size < 0 {
		return ""
	}
	if tag := d.header.Get("ETag"); strings.HasPrefix(tag, `"`) {
		return tag
	}
	modified, err1 := nethttp.ParseTime(d.header.Get("Last-Modified"))
	date, err2 := nethttp.ParseTime(d.header.Get("Date"))
	if err1 != nil || err2 != nil || date.Sub(modified) < time.Second {
		return ""
	}
	return d.header.Get("Last-Modified")
}

// continues tells whether resp holds the rest of this very document.
func (d *download) continues(resp *nethttp.Response) bool {
	tag := resp.Header.Get("ETag")
	want := fmt.Sprintf("bytes %d-%d/%d", d.read, d.size-1, d.size)
	return resp.Header.Get("Content-Range") == want && (tag == "" || tag == d.header.Get("ETag"))
}

var errChanged = errors.New("document changed while it was read")

// skip reads again what was already handed over, and goes on from there if it is the same.
func (d *download) skip(resp *nethttp.Response) error {
	var again maphash.Hash
	again.SetSeed(d.sum.Seed())
	n, err := io.CopyN(&again, resp.Body, d.read)
	switch {
	case err == nil && again.Sum64() == d.sum.Sum64():
		d.adopt(resp)
		return nil
	case err == nil, errors.Is(err, io.EOF) && n < d.read:
		err = harvest.Say("Le fichier a changé pendant sa lecture. La dernière version reste en ligne. Un nouvel essai est prévu\u00a0; il n’y a rien à faire.", errChanged)
	}
	resp.Body.Close()
	return err
}

// try repeats send until it succeeds or no new try can help.
func (d *download) try(send func() (*nethttp.Response, error)) (*nethttp.Response, error) {
	for {
		resp, err := send()
		if err == nil {
			return resp, nil
		}
		if err = d.wait(err); err != nil {
			return nil, err
		}
	}
}

const (
	longestPause = 30 * time.Second
	longestAsked = 2 * time.Minute // a host that asks for more is left alone until the next run
)

// wait pauses before the next try of what broke with err, and returns err when no new try can help.
func (d *download) wait(err error) error {
	if d.left <= 0 || harvest.IsPermanent(err) || errors.Is(err, errChanged) || d.ctx.Err() != nil {
		return err
	}
	pause := d.s.jitter(d.s.retries - d.left)
	var status *harvest.StatusError
	if errors.As(err, &status) && status.RetryAfter > 0 {
		pause = status.RetryAfter
	}
	if end, ok := d.ctx.Deadline(); pause > longestAsked || ok && time.Until(end) < pause {
		return err
	}
	d.left--
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-d.ctx.Done():
		return fmt.Errorf("%w: %w", context.Cause(d.ctx), err)
	}
}

// jitter is the pause before a new try after `tries` others: anything up to a bound that doubles.
func (s *source) jitter(tries int) time.Duration {
	return rand.N(min(s.pause<<min(tries, 16), longestPause) + 1)
}
