package s3_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"grenier/publish"
	"grenier/publish/publishtest"
	"grenier/publish/s3"

	"github.com/google/uuid"
)

// env reads references like env:NAME.
func env(ref string) (string, error) {
	name, ok := strings.CutPrefix(ref, "env:")
	if !ok || os.Getenv(name) == "" {
		return "", errors.New("no secret " + ref)
	}
	return os.Getenv(name), nil
}

func TestS3(t *testing.T) {
	address := os.Getenv("GRENIER_TEST_S3")
	if address == "" {
		t.Skip("SKIPPED: the S3 store was not tested. `make test` starts a server; or set GRENIER_TEST_S3 to " +
			"s3://bucket?endpoint=127.0.0.1:9000&insecure=true&access_key=env:ROOT_ACCESS_KEY&secret_key=env:ROOT_SECRET_KEY")
	}
	publishtest.BlobStore(t, func(t *testing.T) publish.BlobStore {
		s, err := s3.Open(t.Context(), address+"&prefix=essais/"+uuid.NewString(), env)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { empty(t, s) })
		return s
	})
	t.Run("renews an object that is given again", func(t *testing.T) { renews(t, address) })
	t.Run("refuses a bucket that is not there", func(t *testing.T) {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		u.Host = "absent-" + uuid.NewString()
		if _, err := s3.Open(t.Context(), u.String(), env); err == nil || !strings.Contains(err.Error(), "no such bucket") {
			t.Errorf("got %v", err)
		}
	})
}

// renews puts an object again, as if it were old.
func renews(t *testing.T, address string) {
	s, err := s3.Open(t.Context(), address+"&prefix=essais/"+uuid.NewString(), env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { empty(t, s) })
	if err := s.Put(t.Context(), "a/b", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	modified := func() (last time.Time) {
		if err := s.Each(t.Context(), "a/", func(_ string, _ int64, m time.Time) error { last = m; return nil }); err != nil {
			t.Fatal(err)
		}
		return last
	}
	first := modified()
	defer s3.SetRenewAfter(-time.Hour)()
	for deadline := time.Now().Add(10 * time.Second); !modified().After(first); time.Sleep(200 * time.Millisecond) { // seconds are all it shows
		if time.Now().After(deadline) {
			t.Fatal("the object is as old as before")
		}
		if err := s.Put(t.Context(), "a/b", strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
	}
	b, err := s.Open(t.Context(), "a/b")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if text, err := io.ReadAll(b); string(text) != "x" {
		t.Errorf("got %q, %v", text, err)
	}
}

func empty(t *testing.T, s *s3.Store) {
	err := s.Each(context.Background(), "", func(key string, _ int64, _ time.Time) error { return s.Delete(context.Background(), key) })
	if err != nil {
		t.Errorf("empty the bucket: %v", err)
	}
}

func TestOpen_RefusesAddressesThatSayTooLittleOrTooMuch(t *testing.T) {
	for _, address := range []string{
		"", "bucket", "https://bucket?endpoint=h", "s3://?endpoint=h", "s3://b", "s3://b/path?endpoint=h", "s3://user:secret@b?endpoint=h",
		"s3://b?endpoint=h&endpiont=x", "s3://b?endpoint=h&endpoint=i", "s3://b?endpoint=h&insecure=maybe", "s3://b?endpoint=h&access_key=env:A",
		"s3://b?endpoint=h&prefix=../x", "s3://b?endpoint=h;x", "s3://b?endpoint=h#f", "s3://b?endpoint=h&access_key=env:NONE_OF_OURS&secret_key=env:NONE_OF_OURS",
		"s3://b?endpoint=http://h/path", "s3://%zzsecret",
	} {
		s, err := s3.Open(t.Context(), address, env)
		if err == nil || s != nil {
			t.Errorf("%s: got no error", address)
		} else if strings.Contains(err.Error(), "secret@") || strings.Contains(err.Error(), "zzsecret") {
			t.Errorf("%s: error tells the secret: %v", address, err)
		}
	}
}

// fakeServer answers requests of one bucket so that the tests below can ask for what a real server does rarely.
func fakeServer(t *testing.T, answer http.HandlerFunc) *s3.Store {
	t.Helper()
	t.Setenv("KEY", "secret")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Trim(r.URL.Path, "/") == "bucket" { // does it exist? where is it?
			_, _ = io.WriteString(w, `<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></LocationConstraint>`)
			return
		}
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	s, err := s3.Open(t.Context(), "s3://bucket?insecure=true&region=fr&access_key=env:KEY&secret_key=env:KEY&endpoint="+strings.TrimPrefix(server.URL, "http://"), env)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPut_TakesAKeyThatAnotherTookMeanwhile(t *testing.T) {
	heads, condition := 0, ""
	s := fakeServer(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodHead:
			if heads++; heads == 1 {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
			w.Header().Set("ETag", `"x"`)
		case r.Method == http.MethodPut:
			condition = r.Header.Get("If-None-Match")
			w.WriteHeader(http.StatusPreconditionFailed)
			_, _ = io.WriteString(w, `<Error><Code>PreconditionFailed</Code></Error>`)
		}
	})
	if err := s.Put(t.Context(), "a/b", strings.NewReader("x")); err != nil {
		t.Errorf("got %v", err)
	}
	if condition != "*" || heads != 2 {
		t.Errorf("condition %q, %d questions", condition, heads)
	}
}

func TestStat_TellsARefusalFromAMissingBlob(t *testing.T) {
	s := fakeServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	if _, err := s.Stat(t.Context(), "a"); err == nil || errors.Is(err, os.ErrNotExist) {
		t.Errorf("stat: got %v", err)
	}
	if err := s.Put(t.Context(), "a", strings.NewReader("x")); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("put: got %v", err)
	}
}

// ofAge answers as a server that has an object modified that long ago, and notes what it is asked to change and on what condition.
func ofAge(t *testing.T, age time.Duration, asked *[]string) *s3.Store {
	return fakeServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Last-Modified", time.Now().Add(-age).UTC().Format(http.TimeFormat))
		w.Header().Set("ETag", `"x"`)
		if r.Method == http.MethodHead {
			return
		}
		if r.Method == http.MethodDelete {
			w.WriteHeader(http.StatusNoContent)
		}
		*asked = append(*asked, r.Method+r.Header.Get("If-None-Match"))
	})
}

func TestPutAndAdopt_SendAnOldObjectAnew(t *testing.T) {
	for age, want := range map[time.Duration][]string{time.Hour: nil, 48 * time.Hour: {"PUT", "PUT"}} {
		var asked []string
		s := ofAge(t, age, &asked)
		if err := s.Put(t.Context(), "a/b", strings.NewReader("x")); err != nil {
			t.Errorf("%s: put: %v", age, err)
		}
		path := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.Adopt(t.Context(), "a/b", path); err != nil {
			t.Errorf("%s: adopt: %v", age, err)
		}
		if !slices.Equal(asked, want) {
			t.Errorf("%s: asked %q, want %q", age, asked, want)
		}
	}
}

func TestExpire_DeletesOldObjectsOnly(t *testing.T) {
	for age, want := range map[time.Duration]bool{time.Hour: false, 48 * time.Hour: true} {
		var asked []string
		gone, err := ofAge(t, age, &asked).Expire(t.Context(), "a/b", time.Now().Add(-24*time.Hour))
		if err != nil || gone != want || (len(asked) == 1) != want {
			t.Errorf("%s: got %v, %v, asked %q", age, gone, err, asked)
		}
	}
}
