package harvest

import (
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

var (
	errTooLarge = errors.New("document larger than allowed")
	errTooSlow  = errors.New("document comes too slowly")
	errEncoding = errors.New("content encoding nobody asked for")
	errDamaged  = errors.New("damaged compressed answer")
)

// A guardedBody is an answer's body as it comes over the wire, under the limits of S-08. net/http itself holds the body to its declared
// length: what stops short is io.ErrUnexpectedEOF already.
type guardedBody struct {
	ctx   context.Context // of the answer, ended with it: its cause tells why a read broke
	src   io.ReadCloser
	end   func() // called once the body has been read to its end, has broken or is closed
	say   func(error) error
	left  int64 // bytes still allowed
	watch rateWatch
	err   error
}

// wrap makes b the body of resp, decompressed where ours says that the Client asked for it.
func (b *guardedBody) wrap(resp *http.Response, ours bool) error {
	if b.src == http.NoBody {
		resp.Body = b
		b.finish(io.EOF) // nobody need close what is not there
		return nil
	}
	if resp.ContentLength > b.left {
		return errTooLarge
	}
	resp.Body = b
	encoding := strings.ToLower(resp.Header.Get("Content-Encoding"))
	switch {
	case !ours || encoding == "" || encoding == "identity":
		return nil
	case encoding != "gzip" && encoding != "x-gzip" || resp.StatusCode == http.StatusPartialContent:
		return errEncoding
	}
	resp.Body = &unzippedBody{guardedBody: b, left: b.left}
	resp.Header.Del("Content-Encoding")
	resp.Header.Del("Content-Length")
	resp.ContentLength, resp.Uncompressed = -1, true
	return nil
}

func (b *guardedBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	b.watch.begin()
	n, err := b.src.Read(p)
	slow := b.watch.pause(n)
	b.left -= int64(n)
	switch {
	case b.left < 0:
		n, err = 0, errTooLarge
	case slow && err == nil:
		err = errTooSlow
	}
	if err != nil {
		b.finish(err)
	}
	return n, b.err
}

// finish keeps the end of the body, explained unless it is the good one.
func (b *guardedBody) finish(err error) {
	b.err = err
	if err != io.EOF {
		b.err = b.say(brokenBody(b.ctx, err))
	}
	b.watch.stop()
	b.end()
}

// brokenBody says why a body stops: its reader's context, the rate, or the remote host.
func brokenBody(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case errors.Is(err, errTooLarge), errors.Is(err, errTooSlow):
		return err
	case cause != nil:
		return cause
	case errors.Is(err, io.ErrUnexpectedEOF):
		return err
	}
	return fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, err)
}

func (b *guardedBody) Close() error {
	if b.err == nil {
		b.err = errors.New("read of a closed body")
	}
	b.watch.stop()
	err := b.src.Close()
	b.end()
	return err
}

// A rateWatch ends a body that comes too slowly. Only the time spent waiting in Read counts, so that a slow reader is not blamed on
// the remote host.
type rateWatch struct {
	window time.Duration
	least  int64 // bytes a window
	slow   func()

	mu     sync.Mutex
	timer  *time.Timer
	since  time.Time // start of the read under way, zero when none is
	waited time.Duration
	got    int64
}

func (w *rateWatch) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.since = time.Now()
	if w.timer == nil {
		w.timer = time.AfterFunc(w.window-w.waited, w.expire)
		return
	}
	w.timer.Reset(w.window - w.waited)
}

// pause counts what a read brought and tells whether the window that it ended was too poor.
func (w *rateWatch) pause(n int) (slow bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer.Stop()
	w.waited += time.Since(w.since)
	w.since = time.Time{}
	w.got += int64(n)
	if w.waited < w.window {
		return false
	}
	slow = w.got < w.least
	w.waited, w.got = 0, 0
	return slow
}

// expire judges the window that ends during a read.
func (w *rateWatch) expire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.since.IsZero() {
		return
	}
	if w.got < w.least {
		w.slow()
		return
	}
	w.since, w.waited, w.got = time.Now(), 0, 0
	w.timer.Reset(w.window)
}

func (w *rateWatch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.since = time.Time{}
	if w.timer != nil {
		w.timer.Stop()
	}
}

// An unzippedBody decompresses an answer, under the same size limit.
type unzippedBody struct {
	*guardedBody
	gz   *gzip.Reader
	left int64
	done error
}

func (b *unzippedBody) Read(p []byte) (int, error) {
	if b.done != nil {
		return 0, b.done
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.unzip(p)
	b.left -= int64(n)
	if b.left < 0 {
		n, err = 0, errTooLarge
	}
	if err != nil {
		b.fail(err)
	}
	return n, b.done
}

func (b *unzippedBody) unzip(p []byte) (int, error) {
	if b.gz == nil {
		gz, err := gzip.NewReader(b.guardedBody)
		if err != nil {
			return 0, err
		}
		b.gz = gz
	}
	return b.gz.Read(p)
}

// fail keeps the end of the decompressed body. What broke on the wire is already explained.
func (b *unzippedBody) fail(err error) {
	b.done = err
	var corrupt flate.CorruptInputError
	switch wire := b.guardedBody.err; {
	case err == io.EOF:
	case wire != nil && wire != io.EOF:
		b.done = wire
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.As(err, &corrupt):
		b.done = b.say(fmt.Errorf("%w: %w", errDamaged, err))
	default:
		b.done = b.say(err)
	}
	b.watch.stop()
	b.end()
}
