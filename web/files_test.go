package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"grenier/catalog"
)

const newestCSV = "DELIB_ID,DELIB_DATE,VOTE_POUR\nD1,2026-02-27,15\nD2,2026-02-27,14\nD3,2026-02-27,9\n"

func csvAddress(tail string) string {
	return "/f/" + catalog.FileID(catalog.DatasetID(namespace, aubin.SIREN, "scdl/deliberations"), "csv").String() + tail
}

func TestFile_ServesTheNewestBytesUnderAPermanentAddress(t *testing.T) {
	w, h := site(t)
	f := w.datasets[0].Files[0]
	rec := get(h, csvAddress("/deliberations.csv"))
	want(t, rec, 200)
	if rec.Body.String() != newestCSV {
		t.Errorf("body %q", rec.Body)
	}
	for name, value := range map[string]string{
		"Content-Type": "text/csv; charset=utf-8", "Content-Length": strconv.Itoa(len(newestCSV)), "ETag": `"` + f.SHA256 + `"`, "Last-Modified": "Wed, 04 Mar 2026 04:02:00 GMT",
		"Accept-Ranges": "bytes", "Cache-Control": "public, no-cache", "Content-Disposition": `attachment; filename="deliberations.csv"; filename*=UTF-8''deliberations.csv`,
		"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'", "Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin",
	} {
		wantHeader(t, rec, name, value)
	}
	w.publish(w.datasets[0].ID, "DELIB_ID\nD4\n", 1, 0, now)
	if rec := get(h, csvAddress("/deliberations.csv"), "If-None-Match", `"`+f.SHA256+`"`); rec.Code != 200 || rec.Body.String() != "DELIB_ID\nD4\n" {
		t.Errorf("after a new version: %d %q", rec.Code, rec.Body)
	}
}

func TestFile_KeepsPastVersionsForEver(t *testing.T) {
	_, h := site(t)
	rec := get(h, csvAddress("/v/1/deliberations.csv"))
	want(t, rec, 200, "D2,2026-02-27,14")
	lacks(t, rec, "D3")
	wantHeader(t, rec, "Cache-Control", "public, max-age=31536000, s-maxage=30, immutable")
	for _, tail := range []string{"/v/3/deliberations.csv", "/v/0/deliberations.csv", "/v/01/deliberations.csv", "/v/-1/deliberations.csv", "/v/x/deliberations.csv", "/v/1/deliberations.parquet"} {
		want(t, get(h, csvAddress(tail)), 404)
	}
}

func TestFile_AnswersConditionsAndRanges(t *testing.T) {
	w, h := site(t)
	tag := `"` + w.datasets[0].Files[0].SHA256 + `"`
	target := csvAddress("/deliberations.csv")
	for _, c := range []struct {
		name, method string
		headers      []string
		status       int
		body, extra  string
	}{
		{"etag", "GET", []string{"If-None-Match", tag}, 304, "", ""},
		{"date", "GET", []string{"If-Modified-Since", "Wed, 04 Mar 2026 04:02:00 GMT"}, 304, "", ""},
		{"older date", "GET", []string{"If-Modified-Since", "Wed, 04 Mar 2026 04:01:59 GMT"}, 200, newestCSV, ""},
		{"range", "GET", []string{"Range", "bytes=0-7"}, 206, "DELIB_ID", "bytes 0-7/" + strconv.Itoa(len(newestCSV))},
		{"tail", "GET", []string{"Range", "bytes=-4"}, 206, "7,9\n", "bytes 76-79/80"},
		{"range of these bytes", "GET", []string{"Range", "bytes=0-7", "If-Range", tag}, 206, "DELIB_ID", "bytes 0-7/80"},
		{"range of other bytes", "GET", []string{"Range", "bytes=0-7", "If-Range", `"autre"`}, 200, newestCSV, ""},
		{"beyond", "GET", []string{"Range", "bytes=900-"}, 416, "", "bytes */80"},
		{"head", "HEAD", nil, 200, "", ""},
		{"compressing reader", "GET", []string{"Range", "bytes=0-7", "Accept-Encoding", "gzip"}, 206, "DELIB_ID", "bytes 0-7/80"},
	} {
		rec := ask(h, c.method, target, c.headers...)
		if rec.Code != c.status || c.status != 416 && rec.Body.String() != c.body {
			t.Errorf("%s: %d %q, want %d %q", c.name, rec.Code, rec.Body, c.status, c.body)
		}
		wantHeader(t, rec, "Content-Range", c.extra)
		if c.method == "HEAD" {
			wantHeader(t, rec, "Content-Length", "80")
		}
	}
}

func TestFile_IsFoundUnderAnOldNameOfItsExtensionOnly(t *testing.T) {
	w, h := site(t)
	want(t, get(h, csvAddress("/ancien-nom.csv")), 200, "D3")
	want(t, get(h, csvAddress("/ancien-nom.CSV")), 200)
	for _, target := range []string{csvAddress("/deliberations.parquet"), csvAddress("/deliberations"), csvAddress("/"), csvAddress(""), "/f/" + strings.ToUpper(w.datasets[0].Files[0].ID.String()) + "/deliberations.csv", "/f/" + w.datasets[0].ID.String() + "/deliberations.csv", csvAddress("/../deliberations.csv/x")} {
		want(t, get(h, target), 404)
	}
	parquet := get(h, "/f/"+w.datasets[0].Files[1].ID.String()+"/deliberations.parquet")
	want(t, parquet, 200)
	wantHeader(t, parquet, "Content-Type", "application/vnd.apache.parquet")
}

func TestFile_NeverPassesAPartForTheWhole(t *testing.T) {
	w, h := site(t)
	key := w.datasets[0].Files[0].Key
	w.blobs[key] = w.blobs[key][:20]
	rec := get(h, csvAddress("/deliberations.csv"))
	want(t, rec, 500)
	lacks(t, rec, "DELIB_ID", key)
	for _, name := range []string{"ETag", "Content-Disposition", "Last-Modified"} {
		wantHeader(t, rec, name, "")
	}
	wantHeader(t, rec, "Cache-Control", "no-store")
	delete(w.blobs, key)
	want(t, get(h, csvAddress("/deliberations.csv")), 500)
}

func TestFile_NamesAreSafeInTheHeader(t *testing.T) {
	for name, header := range map[string]string{
		"a.csv":              `attachment; filename="a.csv"; filename*=UTF-8''a.csv`,
		"délib 2026.csv":     `attachment; filename="d_lib 2026.csv"; filename*=UTF-8''d%C3%A9lib%202026.csv`,
		"a\"\r\nX: y\\%.csv": `attachment; filename="a___X: y__.csv"; filename*=UTF-8''a%22%0D%0AX%3A%20y%5C%25.csv`,
	} {
		if got := disposition(name); got != header {
			t.Errorf("disposition(%q) = %s, want %s", name, got, header)
		}
	}
}

// Over a real connection: the deadline is set, the length is exact, HEAD has no body.
func TestFile_TravelsOverARealConnection(t *testing.T) {
	w := newWorld()
	srv := httptest.NewServer(newServer(t, config(t, w)).Handler())
	defer srv.Close()
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<17)
	w.publish(w.datasets[0].ID, string(big), 1, 0, now)
	res, err := http.Get(srv.URL + csvAddress("/deliberations.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil || !bytes.Equal(got, big) || res.ContentLength != int64(len(big)) {
		t.Errorf("read %d of %d bytes, length %d, %v", len(got), len(big), res.ContentLength, err)
	}
	head, err := http.Head(srv.URL + csvAddress("/deliberations.csv"))
	if err != nil || head.ContentLength != int64(len(big)) {
		t.Errorf("HEAD: %v, %v", head, err)
	}
}

func TestFile_IsSentCompressedToThoseWhoAcceptIt(t *testing.T) {
	w, h := site(t)
	f := w.datasets[0].Files[0]
	target := csvAddress("/deliberations.csv")
	plain, gz := `"`+f.SHA256+`"`, `"`+f.SHA256+`-gzip"`
	for _, c := range []struct {
		name      string
		headers   []string
		alone     bool // there is no twin
		status    int
		body, tag string
		encoding  string
	}{
		{"nothing accepted", nil, false, 200, newestCSV, plain, ""},
		{"gzip", []string{"Accept-Encoding", "gzip"}, false, 200, "jumeau gzip", gz, "gzip"},
		{"a browser", []string{"Accept-Encoding", "br, zstd, deflate, gzip"}, false, 200, "jumeau gzip", gz, "gzip"},
		{"no twin", []string{"Accept-Encoding", "gzip"}, true, 200, newestCSV, plain, ""},
		{"no twin in that encoding", []string{"Accept-Encoding", "compress;q=1.0, br"}, false, 200, newestCSV, plain, ""},
		{"gzip refused", []string{"Accept-Encoding", "GZIP;q=0, identity"}, false, 200, newestCSV, plain, ""},
		{"weighted", []string{"Accept-Encoding", "br;q=1, Gzip; q=0.3"}, false, 200, "jumeau gzip", gz, "gzip"},
		{"anything", []string{"Accept-Encoding", "*"}, false, 200, newestCSV, plain, ""},
		{"a part", []string{"Accept-Encoding", "gzip", "Range", "bytes=0-7"}, false, 206, "DELIB_ID", plain, ""},
		{"the rest of a twin", []string{"Accept-Encoding", "gzip", "Range", "bytes=4-", "If-Range", gz}, false, 200, newestCSV, plain, ""},
		{"had already", []string{"Accept-Encoding", "gzip", "If-None-Match", gz}, false, 304, "", gz, ""},
		{"only this file", []string{"Accept-Encoding", "gzip", "If-Match", `"autre"`}, false, 412, "", plain, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.blobs[f.Key+".gz"] = []byte("jumeau gzip")
			if c.alone {
				delete(w.blobs, f.Key+".gz")
			}
			rec := get(h, target, c.headers...)
			if rec.Code != c.status || rec.Body.String() != c.body {
				t.Errorf("%d %q, want %d %q", rec.Code, rec.Body, c.status, c.body)
			}
			wantHeader(t, rec, "ETag", c.tag)
			wantHeader(t, rec, "Content-Encoding", c.encoding)
			if c.status == 200 {
				wantHeader(t, rec, "Content-Length", strconv.Itoa(len(c.body)))
			}
			if vary := rec.Header().Values("Vary"); !strings.Contains(strings.Join(vary, ","), "Accept-Encoding") {
				t.Errorf("Vary is %q", vary)
			}
		})
	}
	head := ask(h, http.MethodHead, target, "Accept-Encoding", "gzip") // catalogues say how long the file is
	wantHeader(t, head, "Content-Length", strconv.Itoa(len(newestCSV)))
	wantHeader(t, head, "Content-Type", "text/csv; charset=utf-8")
	parquet := w.datasets[0].Files[1]
	w.blobs[parquet.Key+".gz"] = []byte("jumeau de trop")
	rec := get(h, "/f/"+parquet.ID.String()+"/deliberations.parquet", "Accept-Encoding", "gzip")
	wantHeader(t, rec, "Content-Encoding", "")
	lacks(t, rec, "jumeau")
}

// Put makes twins of nothing: the test's blobs are what they are.
func (b blobs) Put(context.Context, string, io.Reader) error { return errors.New("no room") }
