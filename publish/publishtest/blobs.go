package publishtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"grenier/publish"
)

// BlobStore checks the promises of publish.BlobStore on fresh stores that open makes.
func BlobStore(t *testing.T, open func(t *testing.T) publish.BlobStore) {
	for _, c := range []struct {
		name string
		test func(*testing.T, publish.BlobStore)
	}{
		{"keeps what was put", keepsPut},
		{"keeps a blob of several parts", keepsLarge},
		{"leaves an existing blob and does not read", leavesExisting},
		{"leaves nothing when the reader fails", readerFails},
		{"leaves nothing when cancelled", cancelled},
		{"adopts a file", adopts},
		{"adopts nothing over an existing blob", adoptsExisting},
		{"reports a missing blob", missing},
		{"refuses keys that are none", refusesKeys},
		{"deletes", deletes},
		{"expires what is old", expires},
		{"lists by prefix", lists},
		{"stops listing at the first error", stopsListing},
		{"serves ranges over HTTP", servesRanges},
		{"takes the same blob from many at once", manyAtOnce},
		{"takes the same blob of several parts from many at once", manyLargeAtOnce},
		{"reads from many places at once", readsAtOnce},
		{"adopts neither links nor folders", adoptsNoLink},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

const aKey = "pub/ab/abcd.csv"

func put(t *testing.T, s publish.BlobStore, key, content string) {
	t.Helper()
	if err := s.Put(t.Context(), key, strings.NewReader(content)); err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
}

// content reads a blob whole.
func content(t *testing.T, s publish.BlobStore, key string) []byte {
	t.Helper()
	b, err := s.Open(t.Context(), key)
	if err != nil {
		t.Fatalf("open %s: %v", key, err)
	}
	defer b.Close()
	data, err := io.ReadAll(b)
	if err != nil {
		t.Fatalf("read %s: %v", key, err)
	}
	return data
}

func keys(t *testing.T, s publish.BlobStore, prefix string) []string {
	t.Helper()
	var found []string
	err := s.Each(t.Context(), prefix, func(key string, size int64, modified time.Time) error {
		if age := time.Since(modified); age < -time.Minute || age > time.Hour {
			t.Errorf("%s: modified %v", key, modified)
		}
		if n, err := s.Stat(t.Context(), key); err != nil || n != size {
			t.Errorf("%s: listed with %d bytes, stat says %d, %v", key, size, n, err)
		}
		found = append(found, key)
		return nil
	})
	if err != nil {
		t.Fatalf("each %q: %v", prefix, err)
	}
	slices.Sort(found)
	return found
}

func keepsPut(t *testing.T, s publish.BlobStore) {
	for key, want := range map[string]string{aKey: "a;b\n1;2\n", "raw/00/empty": "", "raw/01/x.y-z_0": "é"} {
		put(t, s, key, want)
		if got := content(t, s, key); string(got) != want {
			t.Errorf("%s: got %.40q, want %q", key, got, want)
		}
		if n, err := s.Stat(t.Context(), key); err != nil || n != int64(len(want)) {
			t.Errorf("stat %s: got %d, %v, want %d", key, n, err, len(want))
		}
	}
}

// noise is n bytes that do not repeat.
func noise(n int) []byte {
	data := make([]byte, n)
	r := rand.NewChaCha8([32]byte{7})
	_, _ = r.Read(data)
	return data
}

func keepsLarge(t *testing.T, s publish.BlobStore) {
	want := noise(37<<20 + 11)
	if err := s.Put(t.Context(), aKey, io.LimitReader(bytes.NewReader(want), int64(len(want)))); err != nil {
		t.Fatal(err)
	}
	if got := content(t, s, aKey); !bytes.Equal(got, want) {
		t.Errorf("got %d other bytes, want %d", len(got), len(want))
	}
	b, err := s.Open(t.Context(), aKey)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	part := make([]byte, 1000)
	if _, err := b.ReadAt(part, 20<<20); err != nil || !bytes.Equal(part, want[20<<20:20<<20+1000]) {
		t.Errorf("ReadAt: %v or other bytes", err)
	}
	if at, err := b.Seek(-1000, io.SeekEnd); err != nil || at != int64(len(want)-1000) {
		t.Errorf("Seek: at %d, %v", at, err)
	}
	if tail, err := io.ReadAll(b); err != nil || !bytes.Equal(tail, want[len(want)-1000:]) {
		t.Errorf("read after Seek: %d bytes, %v", len(tail), err)
	}
}

// unread fails the test when it is read.
type unread struct{ t *testing.T }

func (r unread) Read([]byte) (int, error) {
	r.t.Error("the reader was read")
	return 0, io.EOF
}

func leavesExisting(t *testing.T, s publish.BlobStore) {
	put(t, s, aKey, "first")
	if err := s.Put(t.Context(), aKey, unread{t}); err != nil {
		t.Errorf("second put: %v", err)
	}
	if got := content(t, s, aKey); string(got) != "first" {
		t.Errorf("got %q, want the first bytes", got)
	}
}

var errBroken = errors.New("connection reset")

func readerFails(t *testing.T, s publish.BlobStore) {
	for _, want := range []error{errBroken, io.ErrUnexpectedEOF} { // the second is what a body that stops short yields
		for _, n := range []int{0, 10, 20 << 20} {
			r := io.MultiReader(bytes.NewReader(make([]byte, n)), &failing{want})
			if err := s.Put(t.Context(), aKey, r); !errors.Is(err, want) {
				t.Errorf("after %d bytes: got %v, want %v", n, err, want)
			}
			if got := keys(t, s, ""); len(got) != 0 {
				t.Errorf("after %d bytes: left %q", n, got)
			}
		}
	}
	put(t, s, aKey, "whole")
	if got := content(t, s, aKey); string(got) != "whole" {
		t.Errorf("put again: got %.40q", got)
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

func cancelled(t *testing.T, s publish.BlobStore) {
	ctx, cancel := context.WithCancel(t.Context())
	r := &onRead{r: bytes.NewReader(make([]byte, 20<<20)), do: cancel}
	if err := s.Put(ctx, aKey, r); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if got := keys(t, s, ""); len(got) != 0 {
		t.Errorf("left %q", got)
	}
}

// onRead does something at the second read.
type onRead struct {
	r  io.Reader
	n  int
	do func()
}

func (o *onRead) Read(p []byte) (int, error) {
	if o.n++; o.n == 2 {
		o.do()
	}
	return o.r.Read(p[:min(len(p), 32<<10)])
}

// file makes a finished file, beside the store's own when it says where.
func file(t *testing.T, s publish.BlobStore, data []byte) string {
	t.Helper()
	dir := t.TempDir()
	if local, ok := s.(interface{ Temp() string }); ok {
		dir = local.Temp()
	}
	path := filepath.Join(dir, "draft.csv")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func gone(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", path, err)
	}
}

func adopts(t *testing.T, s publish.BlobStore) {
	large := noise(18 << 20)
	for key, want := range map[string][]byte{aKey: []byte("x"), "pub/00/empty": {}, "pub/ff/large": large} {
		path := file(t, s, want)
		if err := s.Adopt(t.Context(), key, path); err != nil {
			t.Fatalf("adopt %s: %v", key, err)
		}
		gone(t, path)
		if got := content(t, s, key); !bytes.Equal(got, want) {
			t.Errorf("%s: got %d bytes, want %d", key, len(got), len(want))
		}
	}
	if err := s.Adopt(t.Context(), "pub/aa/nothing", filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("file that is not there: got %v", err)
	}
}

func adoptsExisting(t *testing.T, s publish.BlobStore) {
	put(t, s, aKey, "first")
	path := file(t, s, []byte("second"))
	if err := s.Adopt(t.Context(), aKey, path); err != nil {
		t.Fatal(err)
	}
	gone(t, path)
	if got := content(t, s, aKey); string(got) != "first" {
		t.Errorf("got %q, want the first bytes", got)
	}
}

func missing(t *testing.T, s publish.BlobStore) {
	put(t, s, aKey, "x")
	for _, key := range []string{"pub/ab/other", "pub/ab", "pub", aKey + "/below"} {
		if b, err := s.Open(t.Context(), key); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("open %s: got %v, %v, want %v", key, b, err, fs.ErrNotExist)
		}
		if _, err := s.Stat(t.Context(), key); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("stat %s: got %v, want %v", key, err, fs.ErrNotExist)
		}
	}
}

func refusesKeys(t *testing.T, s publish.BlobStore) {
	for _, key := range []string{"", ".", "..", "/", "/etc/x", "../x", "a/../../x", "a/../x", "a//b", "a/", `a\b`, `..\x`, "a\x00b", "a\nb", ".tmp/x",
		"a/.b", "C:x", "é", "a b", strings.Repeat("a", 300), strings.Repeat("a/", 600) + "a"} {
		_, openErr := s.Open(t.Context(), key)
		_, statErr := s.Stat(t.Context(), key)
		_, expireErr := s.Expire(t.Context(), key, time.Now())
		for name, err := range map[string]error{
			"put":    s.Put(t.Context(), key, strings.NewReader("x")),
			"adopt":  s.Adopt(t.Context(), key, file(t, s, nil)),
			"delete": s.Delete(t.Context(), key),
			"expire": expireErr,
			"open":   openErr,
			"stat":   statErr,
		} {
			if !errors.Is(err, fs.ErrInvalid) {
				t.Errorf("%s %.40q: got %v, want %v", name, key, err, fs.ErrInvalid)
			}
		}
	}
	for _, prefix := range []string{"../", "/", "a/../../", `..\x/`} {
		if s.Each(t.Context(), prefix, func(string, int64, time.Time) error { return nil }) == nil {
			t.Errorf("each %q: got no error", prefix)
		}
	}
	if got := keys(t, s, ""); len(got) != 0 {
		t.Errorf("left %q", got)
	}
}

func deletes(t *testing.T, s publish.BlobStore) {
	put(t, s, aKey, "x")
	put(t, s, "pub/ab/other", "y")
	for range 2 {
		if err := s.Delete(t.Context(), aKey); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
	if err := s.Delete(t.Context(), "pub/ab"); err != nil {
		t.Errorf("delete what is no blob: %v", err)
	}
	if got := keys(t, s, ""); !slices.Equal(got, []string{"pub/ab/other"}) {
		t.Errorf("left %q", got)
	}
	put(t, s, aKey, "x")
	if got := content(t, s, aKey); string(got) != "x" {
		t.Errorf("put after delete: got %q", got)
	}
}

func expires(t *testing.T, s publish.BlobStore) {
	put(t, s, aKey, "x")
	put(t, s, "pub/ab/other", "y")
	for _, step := range []struct {
		key    string
		before time.Time
		want   bool
	}{
		{aKey, time.Now().Add(-time.Hour), false}, {aKey, time.Now().Add(time.Hour), true}, {aKey, time.Now().Add(time.Hour), false},
		{"pub/ab", time.Now().Add(time.Hour), false}, {"pub/none/x", time.Now().Add(time.Hour), false},
	} {
		if gone, err := s.Expire(t.Context(), step.key, step.before); err != nil || gone != step.want {
			t.Errorf("expire %s: got %v, %v, want %v", step.key, gone, err, step.want)
		}
	}
	if got := keys(t, s, ""); !slices.Equal(got, []string{"pub/ab/other"}) {
		t.Errorf("left %q", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Expire(ctx, "pub/ab/other", time.Now().Add(time.Hour)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

func lists(t *testing.T, s publish.BlobStore) {
	all := []string{"pub/ab/1.csv", "pub/ab/1.parquet", "pub/ac/2.csv", "quarantine/ab/1.csv", "raw/00/00"}
	for _, key := range all {
		put(t, s, key, key)
	}
	for prefix, want := range map[string][]string{
		"":           all,
		"pub/":       all[:3],
		"pub/a":      all[:3],
		"pub/ab/":    all[:2],
		"pub/ab/1.c": all[:1],
		"p":          all[:3],
		"zz/":        nil,
		"raw/00/00":  all[4:],
	} {
		if got := keys(t, s, prefix); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", prefix, got, want)
		}
	}
}

func stopsListing(t *testing.T, s publish.BlobStore) {
	put(t, s, "a/1", "")
	put(t, s, "a/2", "")
	calls := 0
	err := s.Each(t.Context(), "a/", func(string, int64, time.Time) error { calls++; return errBroken })
	if !errors.Is(err, errBroken) || calls != 1 {
		t.Errorf("got %v after %d calls, want %v after one", err, calls, errBroken)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Each(ctx, "", func(string, int64, time.Time) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

func servesRanges(t *testing.T, s publish.BlobStore) {
	put(t, s, aKey, "0123456789")
	b, err := s.Open(t.Context(), aKey)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	r := httptest.NewRequest(http.MethodGet, "/x.csv", nil)
	r.Header.Set("Range", "bytes=3-5")
	w := httptest.NewRecorder()
	http.ServeContent(w, r, "x.csv", time.Time{}, b)
	if w.Code != http.StatusPartialContent || w.Body.String() != "345" {
		t.Errorf("got %d %q, want 206 \"345\"", w.Code, w.Body)
	}
}

func manyAtOnce(t *testing.T, s publish.BlobStore) {
	want := noise(100_000)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := s.Put(t.Context(), aKey, bytes.NewReader(want)); err != nil {
				t.Errorf("put: %v", err)
			}
			b, err := s.Open(t.Context(), aKey)
			if err != nil {
				t.Errorf("open after put: %v", err)
				return
			}
			defer b.Close()
			if got, err := io.ReadAll(b); err != nil || !bytes.Equal(got, want) {
				t.Errorf("read %d bytes, %v", len(got), err)
			}
		})
	}
	wg.Wait()
	if got := keys(t, s, ""); !slices.Equal(got, []string{aKey}) {
		t.Errorf("left %q", got)
	}
}

// manyLargeAtOnce is manyAtOnce for blobs that some stores send in parts.
func manyLargeAtOnce(t *testing.T, s publish.BlobStore) {
	want := noise(33<<20 + 5)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if err := s.Put(t.Context(), aKey, io.LimitReader(bytes.NewReader(want), int64(len(want)))); err != nil {
				t.Errorf("put: %v", err)
			}
			if n, err := s.Stat(t.Context(), aKey); err != nil || n != int64(len(want)) {
				t.Errorf("after put: %d bytes, %v", n, err)
			}
		})
	}
	wg.Wait()
	if !bytes.Equal(content(t, s, aKey), want) {
		t.Error("other bytes")
	}
	if got := keys(t, s, ""); !slices.Equal(got, []string{aKey}) {
		t.Errorf("left %q", got)
	}
}

// readsAtOnce lets ReadAt be called from many goroutines, as a Parquet reader does, at the blob's end too.
func readsAtOnce(t *testing.T, s publish.BlobStore) {
	want := noise(300_000)
	put(t, s, aKey, string(want))
	b, err := s.Open(t.Context(), aKey)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			at, part := int64(i)*50_000, make([]byte, 50_000)
			if n, err := b.ReadAt(part, at); n != len(part) || err != nil && err != io.EOF { //nolint:errorlint // readers return io.EOF itself
				t.Errorf("at %d: %d bytes, %v", at, n, err)
			}
			if !bytes.Equal(part, want[at:at+50_000]) {
				t.Errorf("at %d: other bytes", at)
			}
		})
	}
	wg.Wait()
	tail := make([]byte, 100)
	if n, err := b.ReadAt(tail, int64(len(want)-10)); n != 10 || err != io.EOF || !bytes.Equal(tail[:n], want[len(want)-10:]) { //nolint:errorlint // as above
		t.Errorf("over the end: %d bytes, %v", n, err)
	}
	if at, err := b.Seek(7, io.SeekStart); at != 7 || err != nil {
		t.Errorf("seek: %d, %v", at, err)
	}
	if _, err := io.ReadFull(b, tail); err != nil || !bytes.Equal(tail, want[7:107]) {
		t.Errorf("read after seek: %v or other bytes", err)
	}
}

// adoptsNoLink gives a link and a folder, which are no finished files.
func adoptsNoLink(t *testing.T, s publish.BlobStore) {
	whole := file(t, s, []byte("x"))
	link := whole + ".link"
	if err := os.Symlink(whole, link); err != nil {
		t.Skip("SKIPPED: no symbolic links here:", err)
	}
	defer os.Remove(whole)
	defer os.Remove(link)
	for _, path := range []string{link, t.TempDir()} {
		if s.Adopt(t.Context(), aKey, path) == nil {
			t.Errorf("adopted %s", path)
		}
	}
	if got := keys(t, s, ""); len(got) != 0 {
		t.Errorf("left %q", got)
	}
}
