package http

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	nethttp "net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"grenier/harvest"
)

func TestPages_FollowsAnAPIToItsEnd(t *testing.T) {
	records := func(from, to int) string {
		var list []int
		for i := from; i < to; i++ {
			list = append(list, i)
		}
		b, _ := json.Marshal(list)
		return strings.Replace(string(b), "null", "[]", 1)
	}
	number := func(r *nethttp.Request, name string) int { n, _ := strconv.Atoi(r.URL.Query().Get(name)); return n }
	for _, c := range []struct {
		name    string
		pages   string
		path    string
		handler func(w io.Writer, r *nethttp.Request) int // status, 0 for 200
		want    []string                                  // queries of the documents, in order
		says    string                                    // of the error
	}{
		{name: "number until an empty array", pages: `{"param":"page"}`, want: []string{"page=1", "page=2"}, handler: func(w io.Writer, r *nethttp.Request) int {
			io.WriteString(w, records(number(r, "page")*2, min(number(r, "page")*2+2, 6)))
			return 0
		}},
		{name: "number until 404", pages: `{"param":"p","start":0}`, want: []string{"p=0", "p=1"}, handler: func(w io.Writer, r *nethttp.Request) int {
			if number(r, "p") > 1 {
				return 404
			}
			fmt.Fprintf(w, "[%d]", number(r, "p"))
			return 0
		}},
		{name: "404 at once", pages: `{"param":"p"}`, says: "ne connaît pas cette adresse", handler: func(io.Writer, *nethttp.Request) int { return 404 }},
		{name: "offset", path: "?tri=nom&offset=9", pages: `{"param":"offset","step":2,"size_param":"limit","size":2,"records":"resultats.liste"}`,
			want: []string{"tri=nom&limit=2&offset=0", "tri=nom&limit=2&offset=2"}, handler: func(w io.Writer, r *nethttp.Request) int {
				from := number(r, "offset")
				fmt.Fprintf(w, `{"tags":[1],"resultats":{"liste":%s}}`, records(from, min(from+number(r, "limit"), 3)))
				return 0
			}},
		{name: "offset with a lower cap", pages: `{"param":"offset","step":100,"size_param":"limit","size":100}`, says: "il en manquerait", want: []string{"limit=100&offset=0"},
			handler: func(w io.Writer, r *nethttp.Request) int {
				io.WriteString(w, records(number(r, "offset"), number(r, "offset")+50))
				return 0
			}},
		{name: "CSV until a lone header", pages: `{"param":"page"}`, want: []string{"page=1", "page=2"}, handler: func(w io.Writer, r *nethttp.Request) int {
			io.WriteString(w, "nom;insee\r\n")
			if n := number(r, "page"); n < 3 {
				fmt.Fprintf(w, "commune %d;0100%d\r\n\r\n", n, n)
			}
			return 0
		}},
		{name: "an API that ignores its parameter", pages: `{"param":"page"}`, says: "deux fois la même page", want: []string{"page=1"}, handler: func(w io.Writer, r *nethttp.Request) int {
			io.WriteString(w, "[1,2]")
			return 0
		}},
		{name: "records that cannot be told", pages: `{"param":"page"}`, says: "pages.records", want: []string{"page=1"}, handler: func(w io.Writer, r *nethttp.Request) int {
			fmt.Fprintf(w, `{"a":[%d],"b":[]}`, number(r, "page"))
			return 0
		}},
		{name: "next by path", pages: `{"next":"links.0.href"}`, want: []string{"", "c=deux", "c=trois"}, handler: func(w io.Writer, r *nethttp.Request) int {
			next := map[string]string{"": `"?c=deux"`, "deux": `"/?c=trois"`, "trois": `""`}[r.URL.Query().Get("c")]
			fmt.Fprintf(w, "\ufeff"+`{"links":[{"href":%s}]}`, next)
			return 0
		}},
		{name: "next that is missing", pages: `{"next":"a.b.c"}`, want: []string{""}, handler: func(w io.Writer, r *nethttp.Request) int { io.WriteString(w, `{"a":{"x":1}}`); return 0 }},
		{name: "next in a circle", pages: `{"next":"n"}`, says: "déjà lue", want: []string{"", "c=2"}, handler: func(w io.Writer, r *nethttp.Request) int { io.WriteString(w, `{"n":"?c=2"}`); return 0 }},
		{name: "next elsewhere", pages: `{"next":"n"}`, says: "autre serveur", want: []string{""}, handler: func(w io.Writer, r *nethttp.Request) int {
			io.WriteString(w, `{"n":"http://127.0.0.2:1/"}`)
			return 0
		}},
		{name: "next with credentials", pages: `{"next":"n"}`, says: "illisible", want: []string{""}, handler: func(w io.Writer, r *nethttp.Request) int {
			io.WriteString(w, `{"n":"http://a:b@127.0.0.1/"}`)
			return 0
		}},
		{name: "next that is a number", pages: `{"next":"n"}`, says: "n’est pas une adresse", want: []string{""}, handler: func(w io.Writer, r *nethttp.Request) int { io.WriteString(w, `{"n":3}`); return 0 }},
		{name: "a login page", pages: `{"next":"n"}`, says: "JSON", want: []string{""}, handler: func(w io.Writer, r *nethttp.Request) int { io.WriteString(w, `<html>`); return 0 }},
		{name: "too many pages", pages: `{"next":"n","max":3}`, says: "plus de 3 pages", want: []string{"", "c=1", "c=2"}, handler: func(w io.Writer, r *nethttp.Request) int {
			fmt.Fprintf(w, `{"n":"?c=%d"}`, number(r, "c")+1)
			return 0
		}},
		{name: "a page too large", pages: `{"next":"n"}`, says: "32", handler: func(w io.Writer, r *nethttp.Request) int {
			io.CopyN(w, zeros{}, pageLimit+1)
			return 0
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := newSite(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
				var body strings.Builder
				if status := c.handler(&body, r); status != 0 {
					w.WriteHeader(status)
				}
				io.WriteString(w, body.String())
			})
			s := openHTTP(t, map[string]any{"url": srv.URL + "/" + c.path, "pages": json.RawMessage(c.pages), "retries": 0})
			var got []string
			_, err := s.Fetch(t.Context(), "", func(d harvest.Document) error {
				_, query, _ := strings.Cut(d.Name, "?")
				got = append(got, query)
				return nil
			})
			if !slices.Equal(got, c.want) {
				t.Errorf("got pages %q, want %q", got, c.want)
			}
			if (err == nil) != (c.says == "") || err != nil && (!strings.Contains(harvest.SentenceOf(err), c.says) || !harvest.IsPermanent(err)) {
				t.Errorf("got %v, %q; want %q", err, harvest.SentenceOf(err), c.says)
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

func TestPages_SeesAPageThatIsAddedAfterUnchangedOnes(t *testing.T) {
	last := 2
	srv := newSite(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("page"))
		if n > last {
			serve(w, r, "[]")
			return
		}
		serve(w, r, fmt.Sprintf("[%d]", n))
	})
	s := openHTTP(t, map[string]any{"url": srv.URL, "pages": map[string]any{"param": "page"}})
	_, state, err := fetched(t, s, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := fetched(t, s, state); !errors.Is(err, harvest.ErrUnchanged) {
		t.Errorf("got %v, want ErrUnchanged", err)
	}
	last = 3
	got, _, err := fetched(t, s, state)
	if err != nil || len(got) != 3 || slices.ContainsFunc(got, func(g string) bool { return strings.HasSuffix(g, "same") }) {
		t.Errorf("got %v, %v; want three pages read anew", got, err)
	}
}

func TestPages_KeepsSecretNextAddressesOutOfItsState(t *testing.T) {
	srv := newSite(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		if r.URL.Query().Get("session") == "" {
			serve(w, r, `{"n":"?session=canary-7f3a"}`)
			return
		}
		if r.URL.Query().Get("cle") != "canary-7f3a" {
			t.Errorf("the second page was asked for without the key: %s", r.URL)
		}
		serve(w, r, `{"n":null}`)
	})
	s := openHTTP(t, map[string]any{"url": srv.URL, "query": map[string]string{"cle": "env:CLE"}, "pages": map[string]any{"next": "n"}})
	got, state, err := fetched(t, s, "")
	if err != nil || len(got) != 2 || strings.Contains(string(state), "canary") {
		t.Fatalf("got %v, %v, state %s", got, err, state)
	}
	if got, _, err := fetched(t, s, state); err != nil || len(got) != 2 {
		t.Errorf("then: got %v, %v; want both pages anew", got, err)
	}
}

func TestPages_GoesOnEncryptedWhenTheAPIForgetsIt(t *testing.T) {
	s := openHTTP(t, map[string]any{"url": "https://api.exemple.fr/v1", "pages": map[string]any{"next": "n"}})
	p := &page{url: s.urls[0], body: []byte(`{"n":"http://api.exemple.fr/v1?page=2"}`)}
	u, err := s.after(p, 0)
	if err != nil || u.String() != "https://api.exemple.fr/v1?page=2" {
		t.Errorf("got %v, %v", u, err)
	}
}
