package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"runtime"
	"time"

	"grenier/catalog"
	"grenier/publish"
)

const (
	rowsTime   = 10 * time.Second // for a page
	streamTime = 30 * time.Minute // for a whole answer
	batchTime  = time.Minute      // for a reader to take a megabyte of it
	rowsBytes  = 8 << 20          // of a JSON answer
)

var rowsFormats = []string{"json", "csv", "ndjson"}

// A reading is what the rows of all datasets share: open tables, profiles, and places for those who ask.
type reading struct {
	tables      *shelf[*publish.Table]
	profiles    *shelf[*publish.Profile]
	differences *shelf[*publish.Difference]
	glances     *shelf[*glance]
	maps        *shelf[*dots]
	pages       room          // questions being worked out
	compares    room          // versions being compared
	streams     room          // long answers being sent
	patience    time.Duration // for a page
}

func newReading() *reading {
	return &reading{
		tables:      newShelf[*publish.Table](48 << 20), // a series of 3,000 members and 25 columns takes 9
		profiles:    newShelf[*publish.Profile](16 << 20),
		differences: newShelf[*publish.Difference](16 << 20),
		glances:     newShelf[*glance](16 << 20),
		maps:        newShelf[*dots](8 << 20),
		pages:       make(room, max(2, runtime.GOMAXPROCS(0))),
		compares:    make(room, 1),
		streams:     make(room, 8),
		patience:    rowsTime,
	}
}

var errBusyRows = &httpError{status: http.StatusServiceUnavailable, retry: 5, message: "Beaucoup de questions arrivent en même temps. Réessayez dans quelques secondes."}

// rows answers questions on the rows of a dataset, from its Parquet file.
//
// A page is JSON: data, links.next (null on the last one) and meta. meta.total is there when it costs nothing (no filter, or everything on
// this page) or when total=true asks for it. CSV and NDJSON have no page: all rows, unless page_size limits them. Cells without value answer
// to no filter but isnull, and come last in every order. Text is compared as it is written, but for contains.
//
// 400 is a bad question, with the sentence and the names allowed; 404 a dataset without Parquet; 409 a cursor of another version; 503 a
// question that takes too long, or too many at once.
func (s *Server) rows(w http.ResponseWriter, r *http.Request) error {
	d, f, past, err := s.parquetOf(r)
	if err != nil {
		return err
	}
	q, err := readRows(r.URL.RawQuery)
	if err != nil {
		return err
	}
	if q.format == "" {
		q.format = rowsFormat(r.Header.Get("Accept"))
		w.Header().Add("Vary", "Accept")
	}
	if err := q.cut(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), streamTime)
	defer cancel()
	table, closer, err := s.openTable(ctx, f)
	if err != nil {
		return err
	}
	defer closer.Close()
	plan, err := table.Query(q.RowQuery)
	if err != nil {
		return asked(err)
	}
	h := w.Header()
	if past {
		q.edition = &d
		mementoHeaders(h, d)
	}
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", rowsTag(f.SHA256, q.format, r.URL.RawQuery))
	h.Set("Link", "<"+s.BaseURL+datasetPath(d.Slug)+`>; rel="describedby"; type="text/html"`)
	if notModified(r, h) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	if q.format == "json" {
		return s.rowsPage(ctx, w, r, q, plan)
	}
	return s.rowsStream(ctx, w, r, q, d, plan)
}

// parquetOf finds the dataset of the address, as it was when the address says so (past), and its Parquet file.
func (s *Server) parquetOf(r *http.Request) (d catalog.Dataset, f catalog.File, past bool, err error) {
	d, err = s.byID(r)
	if err == nil {
		d, past, err = s.asOf(r.Context(), d, r.URL.Query())
	}
	if err != nil {
		return d, f, past, err
	}
	for _, f := range d.Files {
		if f.Format == "parquet" {
			return d, f, past, nil
		}
	}
	return d, f, past, &httpError{status: http.StatusNotFound, code: "no_rows",
		message: "Ce jeu de données n’a pas de fichier Parquet : ses lignes ne peuvent pas être interrogées. Téléchargez l’un de ses fichiers."}
}

// rowsFormat is what the reader wants most.
func rowsFormat(accept string) string {
	switch prefers(accept, "application/json", "text/csv", "application/x-ndjson") {
	case "text/csv":
		return "csv"
	case "application/x-ndjson":
		return "ndjson"
	}
	return "json"
}

// rowsTag names an answer: that question on that version.
func rowsTag(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		_, _ = io.WriteString(h, p+"\x00")
	}
	return `W/"` + hex.EncodeToString(h.Sum(nil)[:12]) + `"`
}

// cut works out which rows the page has.
func (q *rowsQuestion) cut() error {
	if q.format == "json" {
		if q.size > maxRowsPage {
			return problem(http.StatusBadRequest, "Une page a au plus 200 lignes (page_size). Pour toutes les lignes, demandez format=csv ou format=ndjson.")
		}
		if q.size == 0 {
			q.size = rowsPage
		}
	}
	if q.page > 1 && q.size == 0 {
		return problem(http.StatusBadRequest, "Avec « page », dites combien de lignes a une page (page_size).")
	}
	q.Limit, q.Offset = q.size, int64(max(q.page-1, 0))*int64(q.size)
	return nil
}

// openTable opens the blob of a Parquet file; what its footer says is kept.
func (s *Server) openTable(ctx context.Context, f catalog.File) (*publish.Table, io.Closer, error) {
	blob, err := s.Blobs.Open(ctx, f.Key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, &httpError{status: http.StatusInternalServerError, err: fmt.Errorf("blob %s of file %s is missing: %w", f.Key, f.ID, err)}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("open blob %s: %w", f.Key, err)
	}
	if t, ok := s.reading.tables.take(f.SHA256); ok {
		return t.At(blob), blob, nil
	}
	t, err := publish.OpenTable(blob, f.Bytes)
	if err != nil {
		_ = blob.Close()
		return nil, nil, fmt.Errorf("blob %s of file %s: %w", f.Key, f.ID, err)
	}
	s.reading.tables.put(f.SHA256, t.At(nil), t.Footprint())
	return t, blob, nil
}

// A rowsJSON is one page of rows; each is an object in the columns' order.
type rowsJSON struct {
	Data  []json.RawMessage `json:"data"`
	Links struct {
		Profile string  `json:"profile"`
		Next    *string `json:"next"`
	} `json:"links"`
	Meta struct {
		Page     int    `json:"page,omitempty"`
		PageSize int    `json:"page_size"`
		Total    *int64 `json:"total"`

		Version   int        `json:"version,omitempty"` // when version= or le= asked for one
		Published *time.Time `json:"published,omitempty"`
	} `json:"meta"`
}

func (s *Server) rowsPage(ctx context.Context, w http.ResponseWriter, r *http.Request, q rowsQuestion, plan *publish.RowPlan) error {
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(http.StatusOK)
		return nil
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(rowsTime + batchTime)) // a test's writer has none
	ctx, cancel := context.WithTimeout(ctx, s.reading.patience)
	defer cancel()
	leave, ok := s.reading.pages.enter(ctx, s.reading.patience/2)
	if !ok {
		return errBusyRows
	}
	defer leave()
	lines := &shortBuffer{room: rowsBytes}
	page, err := plan.WriteTo(ctx, lines, s.format("ndjson"), publish.Meta{})
	if err != nil {
		return slow(ctx, r, asked(err))
	}
	out := rowsJSON{Data: []json.RawMessage{}}
	for line := range bytes.Lines(lines.Bytes()) {
		out.Data = append(out.Data, bytes.TrimSuffix(line, []byte{'\n'}))
	}
	out.Links.Profile = s.BaseURL + profilePath(parameter(r, "id"))
	if page.Next != "" {
		next := s.BaseURL + rowsPath(parameter(r, "id")) + "?" + nextQuery(r.URL.RawQuery, page.Next)
		out.Links.Next = &next
	}
	if out.Meta.PageSize = q.size; q.Cursor == "" {
		out.Meta.Page = max(q.page, 1)
	}
	if page.Total >= 0 {
		out.Meta.Total = &page.Total
	}
	if q.edition != nil {
		published := q.edition.Modified.UTC()
		out.Meta.Version, out.Meta.Published = q.edition.Version, &published
	}
	return sendTagged(w, out)
}

func rowsPath(id string) string    { return "/api/1/jeux/" + id + "/lignes" }
func profilePath(id string) string { return "/api/1/jeux/" + id + "/profil" }

// nextQuery is the same question from a cursor on, as it was written.
func nextQuery(raw, cursor string) string {
	var out bytes.Buffer
	for part := range bytes.SplitSeq([]byte(raw), []byte{'&'}) {
		name, _, _ := bytes.Cut(part, []byte{'='})
		if n := string(name); n == "" || n == "cursor" || n == "page" {
			continue
		}
		out.Write(part)
		out.WriteByte('&')
	}
	return out.String() + "cursor=" + url.QueryEscape(cursor)
}

// slow is the answer when the time given to a question is over.
func slow(ctx context.Context, r *http.Request, err error) error {
	if ctx.Err() == nil || r.Context().Err() != nil {
		return err
	}
	return &httpError{status: http.StatusServiceUnavailable, code: "too_long", err: err,
		message: "Cette question demande trop de calcul. Ajoutez un filtre, ou téléchargez le fichier Parquet et interrogez-le chez vous (DuckDB, Python, R)."}
}

// A shortBuffer takes so many bytes and no more.
type shortBuffer struct {
	bytes.Buffer
	room int
}

func (b *shortBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.room {
		return 0, problem(http.StatusBadRequest, "Cette page est trop lourde : demandez moins de lignes (page_size), moins de colonnes (columns), ou format=ndjson.")
	}
	return b.Buffer.Write(p)
}

// sendTagged is sendJSON for an answer whose ETag is set.
func sendTagged(w http.ResponseWriter, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(b.Bytes()) // an error here means that the reader left
	return nil
}

// rowsStream sends all rows as they are read. When it cannot go on, the connection is broken: a part never passes for the whole.
func (s *Server) rowsStream(ctx context.Context, w http.ResponseWriter, r *http.Request, q rowsQuestion, d catalog.Dataset, plan *publish.RowPlan) error {
	f := s.format(q.format)
	w.Header().Set("Content-Type", f.MediaType+"; charset=utf-8")
	w.Header().Set("Content-Disposition", disposition(d.Slug+f.Ext))
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	leave, ok := s.reading.streams.enter(ctx, s.reading.patience/2)
	if !ok {
		return errBusyRows
	}
	defer leave()
	out := &patientWriter{w: w, control: http.NewResponseController(w)}
	_, err := plan.WriteTo(ctx, out, f, publish.Meta{})
	switch {
	case err == nil:
		return nil
	case !out.begun:
		return asked(err)
	case !gone(r, err):
		s.Log.Error("rows cut short", "dataset", d.ID, "error", err)
	}
	panic(http.ErrAbortHandler)
}

// A patientWriter gives the reader a minute for each piece.
type patientWriter struct {
	w       io.Writer
	control *http.ResponseController
	begun   bool
}

func (p *patientWriter) Write(b []byte) (int, error) {
	p.begun = true
	_ = p.control.SetWriteDeadline(time.Now().Add(batchTime)) // a writer without deadlines (a test's) says so, and that is fine
	return p.w.Write(b)
}
