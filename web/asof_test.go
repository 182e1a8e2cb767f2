package web

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"grenier/catalog"
	"grenier/publish"
	"grenier/publish/publishtest"
	"grenier/schemas"

	"github.com/google/uuid"
)

// Timeline makes the periods of the runs that published; a version that is not kept has no files.
func (w *world) Timeline(_ context.Context, id uuid.UUID) (out []catalog.Period, err error) {
	for _, r := range w.runs {
		if r.Dataset != id || r.Status != catalog.Published {
			continue
		}
		p := catalog.Period{Version: r.Version, Run: r.ID, From: r.Ended, Rows: r.Accepted, Rejected: r.Rejected}
		for _, v := range w.versions[id] {
			if v.Number == r.Version {
				p.Files = v.Files
			}
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b catalog.Period) int { return cmp.Compare(b.Version, a.Version) })
	for i := 1; i < len(out); i++ {
		out[i].To = out[i-1].From
	}
	return out, w.down
}

// pressVotes writes rows of votes as a Parquet file.
func pressVotes(t testing.TB, key []string, rows [][]string) string {
	t.Helper()
	s := publishtest.Schema(schemas.Field{Name: "DELIB_ID", Type: schemas.String, Title: "Identifiant"}, schemas.Field{Name: "DELIB_DATE", Type: schemas.Date},
		schemas.Field{Name: "VOTE_POUR", Type: schemas.Integer})
	s.PrimaryKey = key
	f, _ := publish.FormatNamed("parquet")
	var out bytes.Buffer
	p, err := f.New(&out, s, publish.Meta{})
	if err == nil {
		err = p.WriteBatch(publishtest.Batch(s, rows))
	}
	if err == nil {
		err = p.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// An issue is a version to be: when, and which rows.
type issue struct {
	day  string // "2026-01-31T22:30:00Z"
	rows [][]string
}

// issues replaces the versions of the first dataset of a world, with real Parquet files.
func (w *world) issues(t testing.TB, key []string, all ...issue) *catalog.Dataset {
	t.Helper()
	d := &w.datasets[0]
	w.versions[d.ID], w.runs = nil, nil
	for _, one := range all {
		at, err := time.Parse(time.RFC3339, one.day)
		if err != nil {
			t.Fatal(err)
		}
		w.publish(d.ID, one.day, int64(len(one.rows)), 0, at)
		for i := range d.Files {
			if f := &d.Files[i]; f.Format == "parquet" {
				body := pressVotes(t, key, one.rows)
				f.Key, f.SHA256 = w.blob(body, ".parquet")
				f.Bytes = int64(len(body))
			}
		}
	}
	return d
}

// forget drops versions as a retention policy would.
func (w *world) forget(id uuid.UUID, numbers ...int) {
	w.versions[id] = slices.DeleteFunc(w.versions[id], func(v catalog.Version) bool { return slices.Contains(numbers, v.Number) })
}

var (
	keyed   = []string{"DELIB_ID"}
	january = issue{"2026-01-10T04:00:00Z", [][]string{{"D1", "2026-01-05", "9"}}}
	winter  = issue{"2026-01-31T22:30:00Z", [][]string{{"D1", "2026-01-05", "10"}, {"D2", "2026-01-30", "7"}}} // 23.30 in Paris
	spring  = issue{"2026-02-28T23:30:00Z", [][]string{{"D2", "2026-01-30", "7"}, {"D3", "2026-02-27", "15"}}} // the first of March in Paris
	march   = issue{"2026-03-04T04:00:00Z", [][]string{{"D2", "2026-01-30", "7"}, {"D3", "2026-02-27", "15"}, {"D4", "2026-02-27", ""}}}
)

func TestRows_AreThoseOfADayOrOfAVersion(t *testing.T) {
	w := newWorld()
	d := w.issues(t, keyed, january, winter, spring, march)
	h := newServer(t, config(t, w)).Handler()
	at := rowsPath(d.ID.String())
	for query, want := range map[string]struct{ version, ids, since string }{
		"le=2026-01-10": {"1", "D1", "Sat, 10 Jan 2026 04:00:00 GMT"},
		"le=2026-01-30": {"1", "D1", "Sat, 10 Jan 2026 04:00:00 GMT"},
		"le=2026-01-31": {"2", "D1 D2", "Sat, 31 Jan 2026 22:30:00 GMT"},
		"le=2026-02-28": {"2", "D1 D2", "Sat, 31 Jan 2026 22:30:00 GMT"},
		"le=2026-03-01": {"3", "D2 D3", "Sat, 28 Feb 2026 23:30:00 GMT"},
		"le=2026-03-04": {"4", "D2 D3 D4", "Wed, 04 Mar 2026 04:00:00 GMT"},
		"version=2":     {"2", "D1 D2", "Sat, 31 Jan 2026 22:30:00 GMT"},
	} {
		page, ids := readPageOf(t, h, at+"?"+query)
		rec := get(h, at+"?"+query)
		if ids != want.ids || rec.Header().Get("Grenier-Version") != want.version || rec.Header().Get("Memento-Datetime") != want.since {
			t.Errorf("%s: rows %s, headers %v", query, ids, rec.Header())
		}
		if page.Meta.Published == nil || page.Meta.Published.Format(http.TimeFormat) != want.since {
			t.Errorf("%s: meta %+v", query, page.Meta)
		}
	}
	if page, ids := readPageOf(t, h, at); ids != "D2 D3 D4" || page.Meta.Version != 0 {
		t.Errorf("without a day: %s, %+v", ids, page.Meta)
	}
	page, ids := readPageOf(t, h, at+"?le=2026-03-01&page_size=1")
	if page.Links.Next == nil || ids != "D2" {
		t.Fatalf("first page %s", ids)
	}
	if _, ids := readPageOf(t, h, strings.TrimPrefix(*page.Links.Next, base)); ids != "D3" {
		t.Errorf("second page of a past version: %s", ids)
	}
}

func TestProfile_IsThatOfADay(t *testing.T) {
	w := newWorld()
	d := w.issues(t, keyed, january, winter, march)
	rec := get(newServer(t, config(t, w)).Handler(), profilePath(d.ID.String())+"?le=2026-02-10")
	want(t, rec, 200)
	var out profileJSON
	if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil || out.Version != 2 || out.Rows != 2 || out.Published == nil {
		t.Errorf("%v: %s", err, rec.Body)
	}
}

func TestFile_IsThatOfADay(t *testing.T) {
	w := newWorld()
	d := w.issues(t, keyed, january, winter, march)
	h := newServer(t, config(t, w)).Handler()
	address := filePath(d.Files[0])
	rec := get(h, address+"?le=2026-02-10")
	want(t, rec, 200, winter.day)
	wantHeader(t, rec, "Grenier-Version", "2")
	wantHeader(t, rec, "Cache-Control", cacheNewest)
	if links := strings.Join(rec.Header().Values("Link"), " "); !strings.Contains(links, "<"+base+pastPath(d.Files[0], 2)+`>; rel="memento"`) {
		t.Errorf("links %s", links)
	}
	want(t, get(h, address), 200, march.day)

	past := w.versions[d.ID][1].Files // version 2 has no CSV any more
	w.versions[d.ID][1].Files = past[1:]
	want(t, get(h, address+"?le=2026-02-10"), 404, "n’avait pas de fichier dans ce format")
	w.forget(d.ID, 2)
	want(t, get(h, address+"?le=2026-02-10"), 410, "n’est plus conservée")
}

func TestAsOf_SaysWhyADayHasNoVersion(t *testing.T) {
	w := newWorld()
	d := w.issues(t, keyed, january, winter, spring, march)
	h := newServer(t, config(t, w)).Handler()
	at := rowsPath(d.ID.String())
	want(t, get(h, at+"?le=2026-01-09"), 404, "nothing_online", "Rien n’était en ligne le 9 janvier 2026 : la première version a paru le 10 janvier 2026.")
	want(t, get(h, at+"?le=2026-03-05"), 400, "le 5 mars 2026 n’est pas encore venu")
	want(t, get(h, at+"?le=31/01/2026"), 400, "année-mois-jour")
	want(t, get(h, at+"?le=2026-01-31&version=2"), 400, "pas les deux")
	want(t, get(h, at+"?version=deux"), 400, "numéro de version")
	want(t, get(h, at+"?version=9"), 404, "La version 9 n’existe pas : la dernière est la version 4.", "Versions conservées : 4, 3, 2 et 1.")

	withdrawn := &withdrawnOnce{w}
	c := config(t, w)
	c.Store = withdrawn
	want(t, get(newServer(t, c).Handler(), at+"?le=2026-02-10"), 404, "Rien n’était en ligne le 10 février 2026.")

	w.forget(d.ID, 2)
	want(t, get(h, at+"?version=2"), 410, "version_gone", "La version 2 n’est plus conservée. Versions conservées : 4, 3 et 1.")
	want(t, get(h, at+"?le=2026-02-10"), 410, "La version en ligne le 10 février 2026 (version 2) n’est plus conservée.", "la version 1, du 10 janvier 2026, et la version 3, du 1er mars 2026")
	w.forget(d.ID, 1)
	want(t, get(h, at+"?le=2026-02-10"), 410, "La plus ancienne qui le soit est la version 3, du 1er mars 2026.")
	want(t, get(h, profilePath(d.ID.String())+"?le=2026-02-10"), 410)
}

// withdrawnOnce is a world whose versions but the newest were each withdrawn an hour after they came.
type withdrawnOnce struct{ *world }

func (w *withdrawnOnce) Timeline(ctx context.Context, id uuid.UUID) ([]catalog.Period, error) {
	periods, err := w.world.Timeline(ctx, id)
	for i := range periods {
		if !periods[i].To.IsZero() {
			periods[i].To = periods[i].From.Add(time.Hour)
		}
	}
	return periods, err
}
