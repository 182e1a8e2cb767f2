package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"grenier/catalog"
	"grenier/publish"
	"grenier/publish/publishtest"
	"grenier/schemas"
)

// rowsWorld gives the first dataset of a world a real Parquet file of votes, and returns the address of its rows.
func rowsWorld(t testing.TB, w *world, rows [][]string) string {
	t.Helper()
	return rowsWorldOf(t, w, publishtest.Schema(schemas.Field{Name: "DELIB_ID", Type: schemas.String, Title: "Identifiant"}, schemas.Field{Name: "DELIB_DATE", Type: schemas.Date},
		schemas.Field{Name: "VOTE_POUR", Type: schemas.Integer}, schemas.Field{Name: "montant, TTC", Type: schemas.Number}, schemas.Field{Name: "adopté", Type: schemas.Boolean}), rows)
}

func rowsWorldOf(t testing.TB, w *world, s *schemas.Schema, rows [][]string) string {
	t.Helper()
	f, _ := publish.FormatNamed("parquet")
	var out bytes.Buffer
	p, err := f.New(&out, s, publish.Meta{})
	for from := 0; err == nil && from < len(rows); from += 4096 {
		err = p.WriteBatch(publishtest.Batch(s, rows[from:min(from+4096, len(rows))]))
	}
	if err == nil {
		err = p.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	d := &w.datasets[0]
	for i := range d.Files {
		if d.Files[i].Format == "parquet" {
			d.Files[i].Key, d.Files[i].SHA256 = w.blob(out.String(), ".parquet")
			d.Files[i].Bytes, d.Files[i].Rows = int64(out.Len()), int64(len(rows))
		}
	}
	return rowsPath(d.ID.String())
}

var votes = [][]string{
	{"D1", "2026-02-27", "15", "12.5", "true"}, {"D2", "2026-02-27", "14", "", "false"}, {"D3", "2026-01-30", "9", "1000", "true"}, {`D4 "été"`, "", "", "0.1", ""},
}

func rowsSite(t testing.TB, rows [][]string) (*world, http.Handler, string) {
	w := newWorld()
	at := rowsWorld(t, w, rows)
	return w, newServer(t, config(t, w)).Handler(), at
}

func TestRows_AnswerAPage(t *testing.T) {
	_, h, at := rowsSite(t, votes)
	rec := get(h, at+"?page_size=3&VOTE_POUR__sort=asc")
	want(t, rec, 200)
	_, cursor, _ := strings.Cut(rec.Body.String(), "cursor=")
	cursor, _, _ = strings.Cut(cursor, `"`)
	golden(t, "rows.json", strings.Replace(rec.Body.String(), cursor, "CURSEUR", 1)) // it changes with the file's bytes
	for name, value := range map[string]string{"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-cache", "Access-Control-Allow-Origin": "*"} {
		wantHeader(t, rec, name, value)
	}
}

// readPageOf reads one JSON answer.
func readPageOf(t *testing.T, h http.Handler, target string) (rowsJSON, string) {
	t.Helper()
	rec := get(h, target)
	want(t, rec, 200)
	var out rowsJSON
	if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, row := range out.Data {
		var id struct {
			ID string `json:"DELIB_ID"`
		}
		if err := json.Unmarshal(row, &id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id.ID)
	}
	return out, strings.Join(ids, " ")
}

func TestRows_TakeTheFiltersOfTheTabularAPI(t *testing.T) {
	_, h, at := rowsSite(t, votes)
	for query, ids := range map[string]string{
		"":                                                  `D1 D2 D3 D4 "été"`,
		"DELIB_ID__exact=D2":                                "D2",
		"DELIB_ID__differs=D2":                              `D1 D3 D4 "été"`,
		"DELIB_ID__contains=ETE":                            `D4 "été"`,
		"DELIB_ID__notcontains=ete":                         "D1 D2 D3",
		"DELIB_ID__in=D1,D3":                                "D1 D3",
		"DELIB_ID__notin=D1,D3":                             `D2 D4 "été"`,
		`DELIB_ID__in="D4 ""été""",D1`:                      `D1 D4 "été"`,
		"VOTE_POUR__less=14":                                "D2 D3",
		"VOTE_POUR__strictly_less=14":                       "D3",
		"VOTE_POUR__greater=14":                             "D1 D2",
		"VOTE_POUR__strictly_greater=14":                    "D1",
		"montant, TTC__greater=12.5":                        "D1 D3",
		"DELIB_DATE__exact=2026-01-30":                      "D3",
		"adopté__exact=vrai":                                "D1 D3",
		"DELIB_DATE__isnull":                                `D4 "été"`,
		"montant, TTC__isnotnull=true":                      `D1 D3 D4 "été"`,
		"DELIB_DATE__less=2026-02-27&VOTE_POUR__greater=10": "D1 D2",
		"VOTE_POUR__sort=desc":                              `D1 D2 D3 D4 "été"`,
		"montant, TTC__sort=asc":                            `D4 "été" D1 D3 D2`,
		"page=2&page_size=3":                                `D4 "été"`,
		"page=9":                                            "",
		"columns=DELIB_ID,\"montant, TTC\"&page_size=1":     "D1",
	} {
		if _, got := readPageOf(t, h, at+"?"+escaped(query)); got != ids {
			t.Errorf("%s: got %q, want %q", query, got, ids)
		}
	}
}

// What a filter keeps does not depend on the format of the answer, nor on how a column is called.
func TestRows_TakeEveryFilterInEveryFormat(t *testing.T) {
	w := newWorld()
	at := rowsWorldOf(t, w, publishtest.Schema(schemas.Field{Name: "n° d’acte", Type: schemas.String}, schemas.Field{Name: "prix.ht", Type: schemas.Number}, schemas.Field{Name: "a__b", Type: schemas.Integer},
		schemas.Field{Name: "a__sort", Type: schemas.String}, schemas.Field{Name: "le jour", Type: schemas.Date}, schemas.Field{Name: "à l’heure", Type: schemas.Datetime}),
		[][]string{{"A1", "12.5", "7", "éé", "2026-01-31", "2026-01-31T10:00:00"}, {"A2", "-0.25", "", "e+e", "", ""}, {"A3", "", "9007199254740993", "x&y=z", "2025-12-01", "2026-02-01T00:00:00"}})
	h := newServer(t, config(t, w)).Handler()
	for query, want := range map[string]string{
		"n° d’acte__exact=A2": "A2", "n° d’acte__differs=A2": "A1 A3", "a__sort__contains=E": "A1 A2", "a__sort__notcontains=ê": "A3", "a__sort__exact=x&y=z": "A3", "a__sort__exact=e+e": "A2",
		"n° d’acte__in=A3,A1": "A1 A3", "n° d’acte__notin=A3": "A1 A2", "prix.ht__less=-0.25": "A2", "prix.ht__greater=12.5": "A1", "prix.ht__strictly_less=12.5": "A2", "prix.ht__strictly_greater=-0.25": "A1",
		"a__b__isnull": "A2", "a__b__isnotnull": "A1 A3", "a__b__exact=9007199254740993": "A3", "a__b__exact=9007199254740992": "", "le jour__less=2026-01-01": "A3",
		"à l’heure__strictly_greater=2026-01-31T10:00:00": "A3", "a__sort__sort=desc": "A1 A3 A2", "prix.ht__sort=asc": "A2 A1 A3", "page_size=2": "A1 A2", "page=2&page_size=2": "A3",
	} {
		target := at + "?" + escaped(query)
		if strings.Contains(query, "x&y=z") { // which escaped would take for two parameters
			target = at + "?a__sort__exact=x%26y%3Dz"
		}
		for format, first := range map[string]func(line string) string{
			"csv":    func(line string) string { id, _, _ := strings.Cut(line, ","); return id },
			"ndjson": func(line string) string { return line[len(`{"n° d’acte":"`):][:2] },
		} {
			rec := get(h, target+"&format="+format)
			var ids []string
			for i, line := range strings.Split(strings.TrimSuffix(rec.Body.String(), "\n"), "\n") {
				if line != "" && (i > 0 || format == "ndjson") {
					ids = append(ids, first(line))
				}
			}
			if got := strings.Join(ids, " "); rec.Code != 200 || got != want {
				t.Errorf("%s in %s: %d, got %q, want %q", query, format, rec.Code, got, want)
			}
		}
		if rec := get(h, target); rec.Code != 200 || strings.Count(rec.Body.String(), `"n° d’acte"`) != len(strings.Fields(want)) {
			t.Errorf("%s: %d %s", query, rec.Code, rec.Body)
		}
	}
	want(t, get(h, at+"?format=csv&n%C2%B0%20d%E2%80%99acte__exact=A3"), 200, "A3,,9007199254740993,x&y=z,2025-12-01,2026-02-01T00:00:00\n")
	rec := ask(h, "POST", at)
	if rec.Code != 405 || rec.Header().Get("Allow") == "" {
		t.Errorf("POST: %d, Allow %q", rec.Code, rec.Header().Get("Allow"))
	}
	for _, target := range []string{at, at + "?format=csv", at + "?nulle__part=1", strings.Replace(at, "lignes", "profil", 1)} {
		wantHeader(t, get(h, target), "Access-Control-Allow-Origin", "*")
	}
}

func TestRows_ComputeEachAggregate(t *testing.T) {
	_, h, at := rowsSite(t, votes)
	for query, row := range map[string]string{
		"VOTE_POUR__count": `{"VOTE_POUR__count":3}`, "VOTE_POUR__sum": `{"VOTE_POUR__sum":38}`, "VOTE_POUR__min": `{"VOTE_POUR__min":9}`, "VOTE_POUR__max": `{"VOTE_POUR__max":15}`,
		"montant, TTC__avg": `{"montant, TTC__avg":337.533333333333}`, "montant, TTC__sum": `{"montant, TTC__sum":1012.6}`, "DELIB_DATE__min": `{"DELIB_DATE__min":"2026-01-30"}`,
		"DELIB_ID__max": `{"DELIB_ID__max":"D4 \"été\""}`, "count": `{"count":4}`, "count&VOTE_POUR__greater=14": `{"count":2}`,
		"adopté__groupby&format=ndjson": `{"adopté":false,"count":1}` + "\n" + `{"adopté":true,"count":2}` + "\n" + `{"adopté":null,"count":1}`,
	} {
		if !strings.Contains(query, "format") {
			query += "&format=ndjson"
		}
		if rec := get(h, at+"?"+escaped(query)); rec.Code != 200 || strings.TrimSuffix(rec.Body.String(), "\n") != row {
			t.Errorf("%s: %d, got %s, want %s", query, rec.Code, rec.Body, row)
		}
	}
}

// escaped writes a query as a browser would.
func escaped(query string) string {
	var parts []string
	for _, p := range strings.Split(query, "&") {
		if p == "" {
			continue
		}
		name, value, _ := strings.Cut(p, "=")
		parts = append(parts, url.QueryEscape(name)+"="+url.QueryEscape(value))
	}
	return strings.Join(parts, "&")
}

func TestRows_GroupAndCompute(t *testing.T) {
	_, h, at := rowsSite(t, votes)
	rec := get(h, at+"?DELIB_DATE__groupby&VOTE_POUR__sum&VOTE_POUR__avg&DELIB_ID__max&count&VOTE_POUR__sum__sort=desc")
	want(t, rec, 200)
	golden(t, "rows_groups.json", rec.Body.String())
}

func TestRows_AreFollowedFromPageToPage(t *testing.T) {
	var rows [][]string
	for i := range 450 {
		rows = append(rows, []string{"D" + strconv.Itoa(i), "2026-01-01", strconv.Itoa(i % 7), "", ""})
	}
	_, h, at := rowsSite(t, rows)
	for query, pages := range map[string]int{"?page_size=200": 3, "?page_size=150&VOTE_POUR__sort=desc": 3, "?VOTE_POUR__exact=3&page_size=30&page=1": 3} {
		seen := map[string]bool{}
		next, n := at+query, 0
		for ; next != ""; n++ {
			out, ids := readPageOf(t, h, next)
			for id := range strings.FieldsSeq(ids) {
				if seen[id] {
					t.Fatalf("%s: %s comes twice", query, id)
				}
				seen[id] = true
			}
			next = ""
			if out.Links.Next != nil {
				next = strings.TrimPrefix(*out.Links.Next, base)
			}
		}
		if n != pages || strings.Contains(query, "exact") != (len(seen) < 450) {
			t.Errorf("%s: %d rows on %d pages", query, len(seen), n)
		}
	}
}

func TestRows_CountWhenItIsCheapOrAsked(t *testing.T) {
	_, h, at := rowsSite(t, votes)
	for query, total := range map[string]int64{"": 4, "?page_size=1": 4, "?VOTE_POUR__less=14": 2, "?VOTE_POUR__less=14&page_size=1": -1, "?VOTE_POUR__less=14&page_size=1&total=true": 2, "?DELIB_DATE__groupby": 3} {
		rec := get(h, at+query)
		var out rowsJSON
		if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil {
			t.Fatal(err)
		}
		if got := out.Meta.Total; got == nil && total >= 0 || got != nil && *got != total {
			t.Errorf("%s: %s, want %d", query, rec.Body, total)
		}
	}
}

func TestRows_StreamWithoutACap(t *testing.T) {
	var rows [][]string
	for i := range 9000 {
		rows = append(rows, []string{"D" + strconv.Itoa(i), "2026-01-01", strconv.Itoa(i), "1.5", "true"})
	}
	_, h, at := rowsSite(t, rows)
	csv := get(h, at+"?format=csv")
	want(t, csv, 200, "DELIB_ID,DELIB_DATE,VOTE_POUR,\"montant, TTC\",adopté\nD0,2026-01-01,0,1.5,true\n", "D8999,")
	wantHeader(t, csv, "Content-Type", "text/csv; charset=utf-8")
	wantHeader(t, csv, "Content-Disposition", `attachment; filename="deliberations-saint-aubin.csv"; filename*=UTF-8''deliberations-saint-aubin.csv`)
	if n := strings.Count(csv.Body.String(), "\n"); n != 9001 {
		t.Errorf("%d lines", n)
	}
	lines := get(h, at+"?VOTE_POUR__greater=10", "Accept", "application/x-ndjson")
	want(t, lines, 200, `{"DELIB_ID":"D10","DELIB_DATE":"2026-01-01","VOTE_POUR":10,"montant, TTC":1.5,"adopté":true}`)
	if vary := lines.Header().Values("Vary"); !slices.Contains(vary, "Accept") {
		t.Errorf("Vary: %q", vary)
	}
	if n := strings.Count(lines.Body.String(), "\n"); n != 8990 {
		t.Errorf("%d lines", n)
	}
	sorted := get(h, at+"?format=csv&columns=VOTE_POUR&VOTE_POUR__sort=desc&page_size=2&page=2")
	if sorted.Body.String() != "VOTE_POUR\n8997\n8996\n" {
		t.Errorf("got %q", sorted.Body)
	}
}

func TestRows_RefuseBadQuestionsWithTheNamesAllowed(t *testing.T) {
	w, h, at := rowsSite(t, votes)
	for query, sentence := range map[string]string{
		"DELIB_IDS__exact=1":                     "Les colonnes sont : DELIB_ID, DELIB_DATE, VOTE_POUR, montant, TTC, adopté",
		"DELIB_ID__like=1":                       "le filtre est : exact, differs, contains, notcontains, in, notin, less, greater",
		"limit=3":                                "Les autres paramètres sont : columns, page, page_size, cursor, total, count, format",
		"VOTE_POUR__exact=quinze":                "qui contient des nombres entiers",
		"page_size=201":                          "Une page a au plus 200 lignes",
		"page_size=0":                            "nombre entier à partir de 1",
		"page=x":                                 "nombre entier à partir de 1",
		"page=2&cursor=AAAA":                     "pas les deux",
		"cursor=AAAA":                            "Ce curseur est mal écrit",
		"format=xml":                             "json, csv ou ndjson",
		"total=oui":                              "true ou false",
		"DELIB_ID__isnull=x":                     "s’écrit sans valeur",
		"DELIB_ID__groupby=false":                "s’écrit sans valeur",
		"VOTE_POUR__sort=up":                     "asc (du plus petit au plus grand) ou desc",
		"VOTE_POUR__sort=asc&DELIB_ID__sort=asc": "une seule colonne",
		"format=csv&page=2":                      "dites combien de lignes",
		"columns=":                               "n’existe pas dans ce fichier",
		strings.Repeat("DELIB_ID__count&", 51):   "plus de 50 filtres",
	} {
		rec := get(h, at+"?"+escaped(query))
		want(t, rec, 400, `"code":"bad_request"`, sentence)
		wantHeader(t, rec, "Cache-Control", "no-store")
		wantHeader(t, rec, "ETag", "")
	}
	want(t, get(h, at+"?a=%zz"), 400, "mal écrite")
	want(t, get(h, at+"?cursor=AAAAAAAAAAAA"), 409, `"code":"other_version"`, "reprenez à la première page")
	want(t, get(h, rowsPath(w.datasets[3].ID.String())), 410)
	want(t, get(h, profilePath(w.datasets[3].ID.String())), 410)
	want(t, get(h, rowsPath("pas-un-uuid")), 404)
	w.datasets[0].Files = w.datasets[0].Files[:1]
	want(t, get(h, at), 404, `"code":"no_rows"`, "n’a pas de fichier Parquet")
}

func TestRows_AnswerConditionsAndHead(t *testing.T) {
	w, h, at := rowsSite(t, votes)
	for _, target := range []string{at + "?page_size=2", at + "?format=csv", strings.Replace(at, "lignes", "profil", 1)} {
		rec := get(h, target)
		want(t, rec, 200)
		tag := rec.Header().Get("ETag")
		if again := get(h, target, "If-None-Match", tag); tag == "" || again.Code != 304 || again.Body.Len() > 0 {
			t.Errorf("%s: %q then %d", target, tag, again.Code)
		}
		head := ask(h, "HEAD", target)
		if head.Code != 200 || head.Body.Len() > 0 || head.Header().Get("ETag") != tag || head.Header().Get("Content-Type") != rec.Header().Get("Content-Type") {
			t.Errorf("HEAD %s: %d %v", target, head.Code, head.Header())
		}
	}
	tag := get(h, at).Header().Get("ETag")
	rowsWorld(t, w, votes[:2])
	if rec := get(h, at, "If-None-Match", tag); rec.Code != 200 {
		t.Errorf("after a new version: %d", rec.Code)
	}
	if a, b := get(h, at+"?page_size=1").Header().Get("ETag"), get(h, at+"?page_size=2").Header().Get("ETag"); a == b {
		t.Error("two questions have one tag")
	}
}

func TestRows_ADamagedFileIsNoAnswer(t *testing.T) {
	w, h, at := rowsSite(t, votes)
	key := w.datasets[0].Files[1].Key
	for _, f := range w.datasets[0].Files {
		if f.Format == "parquet" {
			key = f.Key
		}
	}
	w.blobs[key] = slices.Clone(w.blobs[key])
	w.blobs[key][40] ^= 1
	for _, query := range []string{"", "?format=csv"} {
		rec := get(h, at+query)
		want(t, rec, 500)
		lacks(t, rec, key, "D1")
	}
	delete(w.blobs, key)
	want(t, get(h, at), 500)
}

func TestRows_AreWorkedOutForSoLongAndForSoManyAtOnce(t *testing.T) {
	w := newWorld()
	at := rowsWorld(t, w, votes)
	s := newServer(t, config(t, w))
	s.reading.patience = time.Nanosecond
	rec := get(s.Handler(), at)
	want(t, rec, 503, `"code":"too_long"`, "Ajoutez un filtre")
	wantHeader(t, rec, "ETag", "")
	s.reading.patience = time.Millisecond
	s.reading.pages, s.reading.streams = make(room), make(room)
	for _, target := range []string{at, at + "?format=csv", strings.Replace(at, "lignes", "profil", 1)} {
		rec := get(s.Handler(), target)
		want(t, rec, 503, "Réessayez dans quelques secondes")
		wantHeader(t, rec, "Retry-After", "5")
	}
}

// Over a real connection, a stream that cannot go on is seen to be cut.
func TestRows_AStreamThatBreaksIsSeenToBeCut(t *testing.T) {
	var rows [][]string
	for i := range 40_000 {
		rows = append(rows, []string{"acte " + strconv.Itoa(i*7919%40_009), "2026-01-01", strconv.Itoa(i), "", ""})
	}
	w, h, at := rowsSite(t, rows)
	for _, f := range w.datasets[0].Files {
		if f.Format == "parquet" {
			body := slices.Clone(w.blobs[f.Key])
			body[len(body)*6/10] ^= 1
			w.blobs[f.Key] = body
		}
	}
	srv := httptest.NewServer(h)
	defer srv.Close()
	res, err := http.Get(srv.URL + at + "?format=ndjson")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if res.StatusCode == 200 && err == nil {
		t.Errorf("%d bytes pass for the whole", len(got))
	}
}

func TestProfile_IsMadeOnceForEachVersion(t *testing.T) {
	w, h, at := rowsSite(t, votes)
	at = strings.Replace(at, "lignes", "profil", 1)
	rec := get(h, at)
	want(t, rec, 200)
	golden(t, "profile.json", rec.Body.String())
	for key := range w.blobs {
		if strings.HasSuffix(key, ".parquet") {
			delete(w.blobs, key)
		}
	}
	if again := get(h, at); again.Code != 200 || again.Body.String() != rec.Body.String() {
		t.Errorf("second time: %d", again.Code)
	}
}

func TestProfile_MadeWithTheFileIsRead(t *testing.T) {
	w, h, at := rowsSite(t, votes)
	at = strings.Replace(at, "lignes", "profil", 1)
	sum := w.datasets[0].Files[slices.IndexFunc(w.datasets[0].Files, func(f catalog.File) bool { return f.Format == "parquet" })].SHA256
	w.blobs[publish.ProfileKey(sum)] = []byte(`{"rows": 4, "columns": [{"name": "fait à la publication"}]}`)
	want(t, get(h, at), 200, "fait à la publication")
	w.blobs[publish.ProfileKey(sum)] = []byte(`{"rows": 4, "col`)
	want(t, get(newServer(t, config(t, w)).Handler(), at), 200, `"DELIB_ID"`) // a new server has nothing in memory
}

func TestShelf_ForgetsWhatWasTakenLongestAgo(t *testing.T) {
	s := newShelf[int](100)
	for i := range 5 {
		s.put(strconv.Itoa(i), i, 25)
		s.take("0")
	}
	s.put("large", 9, 26)
	for name, kept := range map[string]bool{"0": true, "1": false, "2": true, "3": true, "4": true, "large": false} {
		if _, ok := s.take(name); ok != kept {
			t.Errorf("%s: kept %v", name, ok)
		}
	}
}

func FuzzReadRows(f *testing.F) {
	for _, seed := range []string{"", "a__exact=1&b__in=%22x,y%22,z", "a__groupby&b__sum", "columns=a,b&page=2&page_size=3", "a__b__sort=desc", "%", "__exact=1", "a__in=%22", "total&format=csv", "cursor=AA"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := readRows(raw)
		if err == nil {
			err = q.cut()
		}
		var e *httpError
		switch {
		case errors.As(err, &e) && e.status == 400 && e.message != "":
		case err != nil:
			t.Fatalf("%q: %v", raw, err)
		case q.Limit < 0 || q.Offset < 0 || q.format == "json" && q.Limit > maxRowsPage || len(q.Where)+len(q.Aggregates)+len(q.GroupBy) > maxFilters:
			t.Fatalf("%q: %+v", raw, q)
		}
		for _, f := range q.Where {
			if f.Column == "" || !slices.Contains(publish.Ops(), f.Op) {
				t.Fatalf("%q: %+v", raw, f)
			}
		}
	})
}
