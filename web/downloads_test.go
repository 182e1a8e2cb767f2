package web

import (
	"context"
	"io"
	"net/url"
	"strings"
	"testing"

	"grenier/publish"
)

// A signing is a blob store that gives addresses.
type signing struct{ publish.BlobStore }

func (s signing) Stat(ctx context.Context, key string) (int64, error) {
	b, err := s.Open(ctx, key)
	if err != nil {
		return 0, err
	}
	defer b.Close()
	return b.Seek(0, io.SeekEnd)
}

func (signing) Sign(_ context.Context, key string, o publish.SignOptions) (string, error) {
	return "https://seau.example/" + key + "?lasts=" + o.Lasts.String() + "&" + o.Query().Encode(), nil
}

func TestFile_SendsReadersToTheStoreWhenItSigns(t *testing.T) {
	w := newWorld()
	c := config(t, w)
	c.Blobs, c.Signed = signing{c.Blobs}, true
	h := newServer(t, c).Handler()
	f := w.datasets[0].Files[0]
	target := csvAddress("/deliberations.csv")
	rec := get(h, target, "Accept-Encoding", "zstd, gzip")
	want(t, rec, 302)
	wantHeader(t, rec, "Cache-Control", "no-store")
	wantHeader(t, rec, "ETag", "")
	u, err := url.Parse(rec.Header().Get("Location"))
	if err != nil || u.Path != "/"+f.Key || u.Query().Get("lasts") != "15m0s" || u.Query().Get("response-content-type") != "text/csv; charset=utf-8" ||
		!strings.HasPrefix(u.Query().Get("response-content-disposition"), `attachment; filename="deliberations.csv"`) {
		t.Errorf("Location %v, %v", u, err)
	}
	want(t, get(h, csvAddress("/v/1/deliberations.csv"), "Range", "bytes=0-3"), 302)
	want(t, ask(h, "HEAD", target), 200)
	for _, header := range [][2]string{
		{"User-Agent", "uData/1.0 (+https://www.data.gouv.fr)"}, {"User-Agent", "python-requests; datagouv-harvester"}, {"Origin", "https://carte.example"},
		{"If-Modified-Since", "Mon, 02 Jan 2006 15:04:05 GMT"}, {"If-None-Match", `"autre"`},
	} {
		rec := get(h, target, header[0], header[1])
		if want(t, rec, 200); rec.Body.String() != newestCSV {
			t.Errorf("%v: body %q", header, rec.Body)
		}
	}
	want(t, get(h, target, "If-None-Match", `"`+f.SHA256+`"`), 304)
	delete(w.blobs, f.Key)
	want(t, get(h, target), 500)
}

func TestFile_IsStreamedUnlessTheSettingAndTheStoreSayOtherwise(t *testing.T) {
	for name, change := range map[string]func(*world, *Config){
		"by default":          func(_ *world, c *Config) { c.Blobs = signing{c.Blobs} },
		"store without signs": func(_ *world, c *Config) { c.Signed = true },
		"assembled file": func(w *world, c *Config) {
			c.Blobs, c.Signed = signing{c.Blobs}, true
			f := &w.datasets[0].Files[0]
			w.blobs["list/x.csv"] = w.blobs[f.Key]
			f.Key = "list/x.csv"
			if v := w.versions[w.datasets[0].ID]; len(v) > 0 {
				for i := range v {
					v[i].Files = append(v[i].Files[:0:0], v[i].Files...)
				}
				v[0].Files[0].Key = "list/x.csv"
			}
		},
	} {
		w := newWorld()
		c := config(t, w)
		change(w, &c)
		rec := get(newServer(t, c).Handler(), csvAddress("/deliberations.csv"))
		if want(t, rec, 200); rec.Body.String() != newestCSV {
			t.Errorf("%s: %d %q", name, rec.Code, rec.Body)
		}
	}
}

func TestHealth_SaysWhyNothingNewIsPublished(t *testing.T) {
	c := config(t, newWorld())
	c.DataDir, c.MinFree = t.TempDir(), 1<<62
	h := newServer(t, c).Handler()
	want(t, get(h, "/healthz"), 200, "ok\nLe disque des données est plein")
	want(t, get(h, "/jeux"), 200)
	var fault error
	c.MinFree, c.Fault = 0, func() error { return fault }
	h = newServer(t, c).Handler()
	want(t, get(h, "/readyz"), 200, "ok")
	lacks(t, get(h, "/healthz"), "disque")
	fault = &publish.SyncError{Path: "/srv/grenier/blobs", Err: context.DeadlineExceeded}
	rec := get(h, "/readyz")
	want(t, rec, 503, "publication", "n’a pas confirmé une écriture")
	lacks(t, rec, "/srv/grenier")
	want(t, get(h, "/healthz"), 200, "ok", "n’a pas confirmé une écriture")
	want(t, get(h, "/jeux"), 200)
}
