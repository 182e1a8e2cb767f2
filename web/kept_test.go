package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"grenier/catalog"
)

// A hand is a clock that stands still until a test moves it.
type hand struct {
	mu sync.Mutex
	at time.Time
}

func (c *hand) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *hand) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// remembering is a site whose catalogue has long been as it is, with the clock of its memory.
func remembering(t testing.TB) (*world, *Server, *hand) {
	t.Helper()
	w := newWorld()
	s := newServer(t, config(t, w))
	c := &hand{at: now}
	s.memory.watch.clock = c.now
	get(s.Handler(), "/")
	c.move(time.Hour)
	return w, s, c
}

const delibPage = "/jeux/deliberations-saint-aubin"

func (m *memory) keeps(target string) bool {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	return m.take(r) != nil
}

func TestRemember_AnswersWithoutTheCatalogueWhileItIsTheSame(t *testing.T) {
	w, s, c := remembering(t)
	w.elsewhere = true
	h := s.Handler()
	want(t, get(h, delibPage), 200)
	asked := w.revisions
	w.down = errDown // whoever asks the catalogue is told so
	for range 50 {
		want(t, get(h, delibPage), 200, "Délibérations du conseil municipal")
	}
	if w.revisions != asked {
		t.Errorf("the catalogue was asked %d times for its state within half a second", w.revisions-asked)
	}
	c.move(lookEvery)
	want(t, get(h, delibPage), 500)
	w.down = nil
	want(t, get(h, delibPage), 200)
}

func TestRemember_AnswersTheSecondReaderLikeTheFirst(t *testing.T) {
	rows := addresses()
	for _, accepts := range []string{"gzip", "gzip;q=0", "identity", "br, gzip;q=0.5", ""} {
		_, s, _ := remembering(t)
		for name := range keptRoutes {
			row, ok := rows[name]
			if !ok || row.status != 200 {
				t.Errorf("%s is kept and has no address in routes_test.go", name)
				continue
			}
			first, second := get(s.Handler(), row.target, "Accept-Encoding", accepts), get(s.Handler(), row.target, "Accept-Encoding", accepts)
			if !s.memory.keeps(row.target) {
				t.Errorf("%s is not kept", row.target)
			}
			head := ask(s.Handler(), http.MethodHead, row.target, "Accept-Encoding", accepts)
			for _, other := range []*httptest.ResponseRecorder{second, head} {
				if a, b := fmt.Sprint(first.Header()), fmt.Sprint(other.Header()); other.Code != first.Code || a != b {
					t.Errorf("%s (%s):\nfirst  %d %s\nsecond %d %s", row.target, accepts, first.Code, a, other.Code, b)
				}
			}
			if !bytes.Equal(first.Body.Bytes(), second.Body.Bytes()) || head.Body.Len() > 0 {
				t.Errorf("%s (%s): %d bytes, then %d; %d for HEAD", row.target, accepts, first.Body.Len(), second.Body.Len(), head.Body.Len())
			}
		}
	}
}

func TestRemember_GivesEachReaderTheFormThatItReads(t *testing.T) {
	_, s, _ := remembering(t)
	whole := get(s.Handler(), delibPage).Body.String()
	for range 2 {
		small := get(s.Handler(), delibPage, "Accept-Encoding", "gzip")
		wantHeader(t, small, "Content-Encoding", "gzip")
		z, err := gzip.NewReader(small.Body)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(z); err != nil || string(text) != whole {
			t.Errorf("compressed, the page has %d bytes (%v) instead of %d", len(text), err, len(whole))
		}
		plain := get(s.Handler(), delibPage)
		wantHeader(t, plain, "Content-Encoding", "")
		wantHeader(t, plain, "Content-Length", fmt.Sprint(len(whole)))
		if plain.Body.String() != whole || plain.Header().Get("ETag") != small.Header().Get("ETag") {
			t.Error("the page as it is differs")
		}
	}
}

func TestRemember_AnswersConditionsAndIgnoresRanges(t *testing.T) {
	_, s, _ := remembering(t)
	h := s.Handler()
	tag := get(h, delibPage).Header().Get("ETag")
	for _, c := range []struct {
		method, name, value string
		status              int
	}{
		{"GET", "If-None-Match", tag, 304}, {"HEAD", "If-None-Match", tag, 304}, {"GET", "If-None-Match", `"autre", ` + tag, 304}, {"GET", "If-None-Match", "*", 304},
		{"GET", "If-None-Match", `W/"autre"`, 200}, {"GET", "Range", "bytes=0-9", 200}, {"GET", "If-Modified-Since", "Wed, 04 Mar 2037 04:02:00 GMT", 200},
	} {
		rec := ask(h, c.method, delibPage, c.name, c.value, "Accept-Encoding", "gzip")
		want(t, rec, c.status)
		wantHeader(t, rec, "ETag", tag)
		wantHeader(t, rec, "Vary", "Accept-Encoding")
		wantHeader(t, rec, "Cache-Control", "no-cache")
		if c.status == 304 && (rec.Body.Len() > 0 || rec.Header().Get("Content-Type") != "" || rec.Header().Get("Content-Length") != "") {
			t.Errorf("%v: a 304 with a body, or with what describes one: %v", c, rec.Header())
		}
	}
}

func TestRemember_ShowsWhatThisProcessPublishesAtOnce(t *testing.T) {
	w, s, _ := remembering(t)
	h := s.Handler()
	f := csvAddress("/deliberations.csv")
	get(h, delibPage)
	get(h, f)
	if !s.memory.keeps(delibPage) || !s.memory.keeps(f) {
		t.Fatal("nothing is kept")
	}
	w.publish(w.datasets[0].ID, "DELIB_ID\nD4\n", 4321, 0, now)
	want(t, get(h, delibPage), 200, "4 321")
	want(t, get(h, f), 200, "D4")
}

func TestRemember_LetsGoOfAWithdrawnDatasetAtOnce(t *testing.T) {
	for _, elsewhere := range []bool{false, true} {
		w, s, c := remembering(t)
		w.elsewhere = elsewhere
		h := s.Handler()
		targets := []string{delibPage, delibPage + ".json", delibPage + "/rapport", delibPage + "/historique", csvAddress("/deliberations.csv"), csvAddress("/v/1/deliberations.csv")}
		for _, target := range targets {
			want(t, get(h, target), 200)
			if !s.memory.keeps(target) {
				t.Errorf("%s is not kept", target)
			}
		}
		w.at(w.datasets[0].ID).Status = catalog.DatasetWithdrawn
		if elsewhere {
			c.move(lookEvery) // another process withdrew it
		}
		for _, target := range targets {
			want(t, get(h, target), 410)
		}
		lacks(t, get(h, "/jeux"), "Délibérations du conseil municipal")
	}
}

func TestRemember_AsksAgainWhileTheIndexMayBeLate(t *testing.T) {
	w, s, c := remembering(t)
	h := s.Handler()
	want(t, get(h, "/jeux"), 200)
	w.publish(w.datasets[0].ID, "x\n", 1, 0, now)
	want(t, get(h, "/jeux"), 200) // the index does not know yet
	if !s.memory.keeps("/jeux") {
		t.Error("not kept for the moments to come")
	}
	c.move(settling)
	if s.memory.keeps("/jeux") {
		t.Error("still kept once the index has followed")
	}
	get(h, "/jeux")
	c.move(keptFor - time.Second)
	if !s.memory.keeps("/jeux") {
		t.Error("not kept for a minute")
	}
	if c.move(time.Second); s.memory.keeps("/jeux") {
		t.Error("kept for more than a minute")
	}
}

func TestRemember_KeepsNeitherWordsNorParametersThatItDoesNotKnow(t *testing.T) {
	_, s, _ := remembering(t)
	for _, target := range []string{"/jeux?q=maladie", "/jeux?q=", "/jeux?page=", "/?utm_source=lettre", delibPage + "?x=1", "/jeux?page=1&x=1", "/membres?q=aubin", "/jeux?%zz", csvAddress("/deliberations.csv?le=2026-03-04"), "/jeux?page=2&page=%zz"} {
		get(s.Handler(), target)
		if s.memory.keeps(target) {
			t.Errorf("%s is kept", target)
		}
	}
	want(t, get(s.Handler(), "/jeux?page=1"), 200)
	if !s.memory.keeps("/jeux?page=1") {
		t.Error("/jeux?page=1 is not kept")
	}
	for _, c := range []struct{ method, target string }{{"GET", "/absent"}, {"GET", "/jeux/absent"}, {"GET", "/jeux/anciennes-deliberations"}, {"GET", "/jeux/jeu-retire"}, {"POST", delibPage}, {"OPTIONS", delibPage + ".json"}} {
		ask(s.Handler(), c.method, c.target)
		if s.memory.keeps(c.target) {
			t.Errorf("%s %s is kept", c.method, c.target)
		}
	}
}

func TestRemember_KeepsForSomeSecondsWhatLacksAPart(t *testing.T) {
	w, s, c := remembering(t)
	w.deaf = errDown
	want(t, get(s.Handler(), "/"), 200)
	if w.deaf = nil; !s.memory.keeps("/") {
		t.Error("each reader makes a service that is down be asked")
	}
	if c.move(settling); s.memory.keeps("/") {
		t.Error("a home page without search outlives what it lacked")
	}
}

func TestRemember_KeepsWhatStrangersInventInBounds(t *testing.T) {
	_, s, _ := remembering(t)
	h := s.Handler()
	want(t, get(h, delibPage), 200)
	s.memory.asked.room, s.memory.files.room = 60_000, 60_000
	for i := range 200 {
		get(h, fmt.Sprintf("/jeux?theme=%d", i), "Cookie", fmt.Sprintf("a=%d", i), "User-Agent", fmt.Sprint(i))
		get(h, csvAddress(fmt.Sprintf("/%d.csv", i)))
		get(h, delibPage, "Cookie", fmt.Sprintf("a=%d", i), "Accept-Language", fmt.Sprint(i))
		get(h, fmt.Sprintf("%s?%d", delibPage, i))
	}
	for name, shelf := range map[string]*shelf[*kept]{"asked": s.memory.asked, "files": s.memory.files} {
		if shelf.used > shelf.room || len(shelf.items) == 0 || len(shelf.items) > 60 {
			t.Errorf("%s: %d bytes, %d answers", name, shelf.used, len(shelf.items))
		}
	}
	if n := len(s.memory.plain.items); n != 2 || !s.memory.keeps(delibPage) { // with the home page of remembering
		t.Errorf("%d addresses are kept, of two", n)
	}
}

func TestKeepPage_RefusesWhatDependsOnMoreThanTheAddress(t *testing.T) {
	m := newMemory(newWorld(), time.Now)
	for _, header := range [][2]string{{"Vary", "Cookie"}, {"Vary", "Accept"}, {"Cache-Control", "no-store"}, {"Set-Cookie", "a=1"}} {
		v := &visit{route: "home", memory: m}
		h := visiting(v, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Add("Vary", "Accept-Encoding")
			w.Header().Add(header[0], header[1])
			send(w, r, 200, "text/html; charset=utf-8", []byte("bonjour"))
		})
		want(t, get(h, "/"), 200, "bonjour")
		if len(m.plain.items) > 0 {
			t.Errorf("an answer with %v is kept", header)
		}
	}
}

func TestRemember_LeavesTheAdminAddressAlone(t *testing.T) {
	w := newWorld()
	c := config(t, w)
	c.AdminApart = true
	s := newServer(t, c)
	want(t, get(s.Handler(), "/"), 200)
	want(t, get(s.Admin(), "/"), 404)
}

func TestRemember_SaysWhatIsWrongWithAFileThatIsGone(t *testing.T) {
	w, s, _ := remembering(t)
	w.elsewhere = true
	f := csvAddress("/deliberations.csv")
	want(t, get(s.Handler(), f), 200)
	key := w.datasets[0].Files[0].Key
	body := w.blobs[key]
	delete(w.blobs, key)
	rec := get(s.Handler(), f)
	want(t, rec, 500, "Une erreur nous empêche de répondre")
	wantHeader(t, rec, "Content-Disposition", "")
	wantHeader(t, rec, "Cache-Control", "no-store")
	w.blobs[key] = body[:len(body)-1]
	want(t, get(s.Handler(), f), 500)
	w.blobs[key] = body
	want(t, get(s.Handler(), f), 200, "D3")
}

func TestRemember_AnswersConditionsAndRangesOfFiles(t *testing.T) {
	w, s, _ := remembering(t)
	h, f := s.Handler(), csvAddress("/deliberations.csv")
	tag := `"` + w.datasets[0].Files[0].SHA256 + `"`
	for range 2 {
		want(t, get(h, f, "If-None-Match", tag), 304)
		part := get(h, f, "Range", "bytes=0-4")
		want(t, part, 206)
		if part.Body.String() != newestCSV[:5] {
			t.Errorf("the part is %q", part.Body)
		}
		want(t, get(h, f, "Range", "bytes=9999-"), 416)
		want(t, get(h, f, "If-Match", `"autre"`), 412)
	}
}

func TestRemember_CountsAndLogsWhatItAnswers(t *testing.T) {
	w := newWorld()
	var log bytes.Buffer
	c := config(t, w)
	c.Log = slog.New(slog.NewJSONHandler(&log, nil))
	s := newServer(t, c)
	for range 3 {
		get(s.Handler(), delibPage)
	}
	get(s.Handler(), delibPage, "If-None-Match", "*")
	ask(s.Handler(), http.MethodHead, delibPage)
	text := get(s.Handler(), "/metrics").Body.String()
	for _, line := range []string{`code="200",method="GET",route="dataset"} 3`, `code="304",method="GET",route="dataset"} 1`, `code="200",method="HEAD",route="dataset"} 1`, `duration_seconds_count{route="dataset"} 5`} {
		if !strings.Contains(text, line) {
			t.Errorf("metrics lack %s", line)
		}
	}
	if n := strings.Count(log.String(), `"route":"dataset"`); n != 5 || strings.Count(log.String(), `"bytes":0`) < 2 {
		t.Errorf("%d lines of log for five requests:\n%s", n, log.String())
	}
}

func TestMemory_NeverGivesWhatWasOlderWhenTheReaderAsked(t *testing.T) {
	var state atomic.Int64
	m := &memory{plain: newShelf[*kept](1 << 20), asked: newShelf[*kept](1 << 20), files: newShelf[*kept](1 << 20)}
	m.watch = watch{clock: time.Now, writes: state.Load, revision: func(context.Context) (int64, error) { return state.Load(), nil }}
	site := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if k := m.take(r); k != nil {
			k.page.send(w, r)
			return
		}
		seen, err := m.watch.look(r.Context())
		if err != nil {
			t.Error(err)
		}
		visiting(&visit{route: "about", memory: m, seen: seen}, func(w http.ResponseWriter, r *http.Request) {
			send(w, r, 200, "text/plain", []byte(strconv.FormatInt(state.Load(), 10)))
		}).ServeHTTP(w, r)
	})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for state.Load() < 2000 {
				before := state.Load()
				if got, err := strconv.ParseInt(get(site, "/a-propos").Body.String(), 10, 64); err != nil || got < before {
					t.Errorf("read %d (%v) while the catalogue was at %d", got, err, before)
					return
				}
			}
		})
	}
	for range 2000 {
		state.Add(1)
		runtime.Gosched()
	}
	readers.Wait()
}

// visiting is a handler behind the middleware's visit.
func visiting(v *visit, h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h(w, r.WithContext(context.WithValue(r.Context(), visitKey{}, v)))
	})
}

func TestAcceptsEncoding_TakesTheReaderAtItsWord(t *testing.T) {
	for accepted, yes := range map[string]bool{"gzip": true, "GZIP": true, "br, gzip": true, "gzip;q=0": false, "gzip; q=0.0": false, "gzip;q=1": true, "": false, "*": false, "deflate": false, "xgzip": false} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if accepted != "" {
			r.Header.Set("Accept-Encoding", accepted)
		}
		if got := acceptsEncoding(r, "gzip"); got != yes {
			t.Errorf("%q: %v", accepted, got)
		}
	}
}

func TestShelf_ReplaceTakesTheRoomOfWhatItReplaces(t *testing.T) {
	s := newShelf[string](100)
	for i := range 50 {
		s.replace("a", fmt.Sprint(i), 20)
	}
	s.put("b", "b", 20)
	if item, _ := s.take("a"); item != "49" || s.used != 40 || len(s.items) != 2 || s.order.Len() != 2 {
		t.Errorf("%q, %d bytes, %d items", item, s.used, len(s.items))
	}
	s.replace("a", "large", 30) // more than a quarter of the shelf: what was there was older
	if _, ok := s.take("a"); ok || s.used != 20 {
		t.Errorf("an item that is too large leaves %d bytes and the older one: %v", s.used, ok)
	}
}
