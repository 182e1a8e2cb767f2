package web

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"grenier/catalog"
	"grenier/publish"
)

const (
	compareTime  = time.Minute // for two versions to be compared: those of five million rows need a fifth of it
	changesPage  = 100
	maxChanges   = 1000 // of a JSON answer
	shownChanges = 20   // of each kind, on the page
	shownCells   = 8    // of a row, on the page
)

// A comparison is two versions of a dataset, the older one first.
type comparison struct {
	dataset  catalog.Dataset
	from, to catalog.Version
	old, new catalog.File // Parquet
}

// between finds the versions that the address names: a, by default the newest one, and de, by default the kept one before a.
func (s *Server) between(ctx context.Context, d catalog.Dataset, v url.Values) (c comparison, err error) {
	kept, err := s.versions(ctx, d)
	if err != nil {
		return c, err
	}
	c = comparison{dataset: d}
	if text := v.Get("a"); text != "" {
		c.to, err = pickVersion(d, kept, "a", text)
	} else if len(kept) > 0 {
		c.to = kept[0]
	}
	if err != nil {
		return c, err
	}
	if text := v.Get("de"); text != "" {
		c.from, err = pickVersion(d, kept, "de", text)
	} else if before := slices.IndexFunc(kept, func(v catalog.Version) bool { return v.Number < c.to.Number }); before >= 0 {
		c.from = kept[before]
	} else {
		err = &httpError{status: http.StatusNotFound, code: "nothing_before", message: "Aucune version plus ancienne n’est conservée : il n’y a rien à comparer. " + keptSentence(kept)}
	}
	if err == nil && c.from.Number >= c.to.Number {
		err = problem(http.StatusBadRequest, "« de » est le numéro de la version la plus ancienne, « a » celui de la plus récente.")
	}
	if err == nil {
		err = c.findFiles()
	}
	return c, err
}

func (c *comparison) findFiles() error {
	for _, side := range []struct {
		version catalog.Version
		file    *catalog.File
	}{{c.from, &c.old}, {c.to, &c.new}} {
		at := slices.IndexFunc(side.version.Files, func(f catalog.File) bool { return f.Format == "parquet" })
		if at < 0 {
			return &httpError{status: http.StatusNotFound, code: "no_rows",
				message: fmt.Sprintf("La version %d n’a pas de fichier Parquet : ses lignes ne peuvent pas être comparées.", side.version.Number)}
		}
		*side.file = side.version.Files[at]
	}
	return nil
}

// keyOf are the columns that tell rows apart, when the files do not say.
func (s *Server) keyOf(d catalog.Dataset, t *publish.Table) []string {
	if own := t.Schema(); len(own.Series.Key)+len(own.PrimaryKey) > 0 {
		return nil
	}
	ref := d.SchemaName
	if d.SchemaVersion != "" {
		ref += "@" + d.SchemaVersion
	}
	if sc := s.schema(ref); sc != nil {
		if len(sc.Series.Key) > 0 {
			return sc.Series.Key
		}
		return sc.PrimaryKey
	}
	return nil
}

// A compared holds two open tables and what differs between them.
type compared struct {
	*publish.Difference
	from, to *publish.Table
	closers  []io.Closer
}

func (c *compared) Close() {
	for _, one := range c.closers {
		_ = one.Close()
	}
}

// compare opens both files and works out what differs, once for two files: one comparison at a time, for it takes memory.
func (s *Server) compare(ctx context.Context, w http.ResponseWriter, r *http.Request, c comparison) (*compared, error) {
	out := &compared{}
	for _, side := range []struct {
		file    catalog.File
		version int
		table   **publish.Table
	}{{c.old, c.from.Number, &out.from}, {c.new, c.to.Number, &out.to}} {
		t, closer, err := s.openTable(ctx, side.file)
		if err != nil {
			out.Close()
			return nil, notComparable(side.version, err)
		}
		*side.table, out.closers = t, append(out.closers, closer)
	}
	var err error
	if out.Difference, err = s.difference(ctx, w, r, c, out); err != nil {
		out.Close()
		return nil, err
	}
	return out, nil
}

// notComparable is the answer for a file that cannot be compared.
func notComparable(version int, err error) error {
	return &httpError{status: http.StatusInternalServerError, err: err,
		message: fmt.Sprintf("Le fichier de la version %d ne peut pas être lu pour l’instant : l’incident est noté. Les autres versions restent comparables.", version)}
}

// differenceName is that of what is kept of a comparison.
func differenceName(c comparison) string { return c.old.SHA256 + " " + c.new.SHA256 }

func (s *Server) difference(ctx context.Context, w http.ResponseWriter, r *http.Request, c comparison, tables *compared) (*publish.Difference, error) {
	name := differenceName(c)
	if d, ok := s.reading.differences.take(name); ok {
		return d, nil
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(2*compareTime + batchTime)) // a test's writer has none
	ctx, cancel := context.WithTimeout(ctx, compareTime)
	defer cancel()
	leave, ok := s.reading.compares.enter(ctx, s.reading.patience)
	if !ok {
		return nil, errBusyRows
	}
	defer leave()
	if d, ok := s.reading.differences.take(name); ok { // made while we waited
		return d, nil
	}
	d, err := publish.Compare(ctx, tables.from, tables.to, publish.CompareOptions{Key: s.keyOf(c.dataset, tables.to)})
	if err != nil {
		if ctx.Err() == nil {
			return nil, &httpError{status: http.StatusInternalServerError, err: err,
				message: fmt.Sprintf("Le fichier de la version %d ou celui de la version %d ne peut pas être lu : l’incident est noté.", c.from.Number, c.to.Number)}
		}
		return nil, slow(ctx, r, err)
	}
	s.reading.differences.put(name, d, d.Footprint())
	return d, nil
}

// A changesJSON is what /differences answers.
type changesJSON struct {
	From    versionJSON       `json:"from"`
	To      versionJSON       `json:"to"`
	By      any               `json:"by"` // columns, or "row" for whole rows
	Added   int64             `json:"added"`
	Removed int64             `json:"removed"`
	Changed int64             `json:"changed"`
	Columns columnsJSON       `json:"columns"`
	Changes []json.RawMessage `json:"changes"`
	Next    *string           `json:"next"`
}

type versionJSON struct {
	Version int       `json:"version"`
	Date    time.Time `json:"date"`
	Rows    int64     `json:"rows"`
}

type columnsJSON struct {
	Added   []string      `json:"added"`
	Removed []string      `json:"removed"`
	Retyped []retypedJSON `json:"retyped"`
}

type retypedJSON struct {
	Name string `json:"name"`
	From string `json:"from"`
	To   string `json:"to"`
}

// changesQuestion is how the answer is wanted.
type changesQuestion struct {
	format string
	size   int
	skip   int64
}

func readChanges(v url.Values) (q changesQuestion, err error) {
	q.format = cmp.Or(v.Get("format"), "json")
	if !slices.Contains(rowsFormats, q.format) {
		return q, problem(http.StatusBadRequest, "Le format de réponse (format) est json, csv ou ndjson.")
	}
	if q.size, err = readBetween(v, "page_size", changesPage, maxChanges); err != nil {
		return q, err
	}
	if text := v.Get("cursor"); text != "" {
		if q.skip, err = strconv.ParseInt(text, 10, 64); err != nil || q.skip < 0 {
			return q, problem(http.StatusBadRequest, "Ce curseur est mal écrit : reprenez le lien « next » tel quel.")
		}
	}
	for name := range v {
		if !slices.Contains([]string{"de", "a", "format", "page_size", "cursor"}, name) {
			return q, problem(http.StatusBadRequest, "Le paramètre « "+shown(name)+" » n’existe pas. Une comparaison se demande par de, a, format, page_size et cursor.")
		}
	}
	return q, nil
}

// differences answers what changed between two versions of a dataset.
//
// A page is JSON: counts, the columns that are not in both, and changes (changed rows first, then removed ones, then added ones); next is the address of
// the page that follows. CSV and NDJSON give all changes. Rows are told apart by the columns of by; without a key they are compared whole, and
// a changed row is one removed and one added. Two versions never change: what is asked by both numbers may be kept for ever.
func (s *Server) differences(w http.ResponseWriter, r *http.Request) error {
	d, err := s.byID(r)
	if err != nil {
		return err
	}
	v := r.URL.Query()
	q, err := readChanges(v)
	if err != nil {
		return err
	}
	c, err := s.between(r.Context(), d, v)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	if v.Get("de") != "" && v.Get("a") != "" {
		h.Set("Cache-Control", cacheFixed)
	}
	h.Set("ETag", rowsTag("differences", c.old.SHA256, c.new.SHA256, strconv.Itoa(c.from.Number), strconv.Itoa(c.to.Number), q.format, r.URL.RawQuery))
	h.Set("Link", "<"+s.BaseURL+changesPath(d.Slug, c)+`>; rel="describedby"; type="text/html"`)
	if notModified(r, h) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", "application/json; charset=utf-8")
	if q.format != "json" {
		f := s.format(q.format)
		h.Set("Content-Type", f.MediaType+"; charset=utf-8")
		h.Set("Content-Disposition", disposition(fmt.Sprintf("%s-versions-%d-%d%s", d.Slug, c.from.Number, c.to.Number, f.Ext)))
	}
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	diff, err := s.compare(r.Context(), w, r, c)
	if err != nil {
		return err
	}
	defer diff.Close()
	if q.format == "json" {
		return s.differencesPage(w, r, q, c, diff)
	}
	return s.differencesStream(w, r, q, diff)
}

func changesPath(slug string, c comparison) string {
	return fmt.Sprintf("%s/changements?de=%d&a=%d", datasetPath(slug), c.from.Number, c.to.Number)
}

func (s *Server) differencesPage(w http.ResponseWriter, r *http.Request, q changesQuestion, c comparison, diff *compared) error {
	out := changesJSON{From: versionOf(c.from), To: versionOf(c.to), By: "row", Added: diff.Added, Removed: diff.Removed, Changed: diff.Changed,
		Columns: columnsJSON{list(diff.Columns.Added), list(diff.Columns.Removed), []retypedJSON{}}, Changes: []json.RawMessage{}}
	if diff.By != nil {
		out.By = diff.By
	}
	for _, c := range diff.Columns.Retyped {
		out.Columns.Retyped = append(out.Columns.Retyped, retypedJSON{c.Name, string(c.From), string(c.To)})
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.reading.patience)
	defer cancel()
	lines := &shortBuffer{room: rowsBytes}
	err := diff.Changes(ctx, diff.from, diff.to, q.skip, q.size, func(c publish.Change) error {
		at := lines.Len()
		if _, err := lines.Write(appendChange(nil, c)); err != nil {
			return problem(http.StatusBadRequest, "Cette page est trop lourde : demandez moins de changements (page_size), ou format=ndjson.")
		}
		out.Changes = append(out.Changes, bytes.Clone(lines.Bytes()[at:]))
		return nil
	})
	if err != nil {
		return slow(ctx, r, err)
	}
	if next := q.skip + int64(len(out.Changes)); len(out.Changes) > 0 && next < diff.Total() {
		address := fmt.Sprintf("%s/api/1/jeux/%s/differences?de=%d&a=%d&page_size=%d&cursor=%d", s.BaseURL, c.dataset.ID, c.from.Number, c.to.Number, q.size, next)
		out.Next = &address
	}
	return sendTagged(w, out)
}

func versionOf(v catalog.Version) versionJSON {
	return versionJSON{v.Number, v.Published.UTC(), v.Rows}
}

// appendChange writes a change as one JSON object. Of a changed row it holds the cells that differ, and the key.
func appendChange(dst []byte, c publish.Change) []byte {
	dst = append(append(append(dst, `{"op":"`...), c.Op...), '"')
	row := c.After
	if row == nil {
		row = c.Before
	}
	if len(c.Key) > 0 {
		dst = row.AppendJSON(append(dst, `,"key":`...), c.Key)
	}
	if c.Op != publish.RowChanged {
		return append(row.AppendJSON(append(dst, `,"row":`...), nil), '}')
	}
	var before, after []int
	for _, col := range c.Columns {
		before, after = append(before, col.Before), append(after, col.After)
	}
	dst = c.Before.AppendJSON(append(dst, `,"before":`...), before)
	return append(c.After.AppendJSON(append(dst, `,"after":`...), after), '}')
}

// differencesStream sends all changes as they are read back. When it cannot go on, the connection is broken: a part never passes for the whole.
func (s *Server) differencesStream(w http.ResponseWriter, r *http.Request, q changesQuestion, diff *compared) error {
	ctx, cancel := context.WithTimeout(r.Context(), streamTime)
	defer cancel()
	leave, ok := s.reading.streams.enter(ctx, s.reading.patience/2)
	if !ok {
		return errBusyRows
	}
	defer leave()
	out := &patientWriter{w: w, control: http.NewResponseController(w)}
	write := changesNDJSON(out)
	if q.format == "csv" {
		write = changesCSV(out, diff)
	}
	err := diff.Changes(ctx, diff.from, diff.to, q.skip, 0, func(c publish.Change) error { return write(&c) })
	if err == nil {
		err = write(nil)
	}
	switch {
	case err == nil:
		return nil
	case !out.begun:
		return err
	case !gone(r, err):
		s.Log.Error("changes cut short", "error", err)
	}
	panic(http.ErrAbortHandler)
}

// changesNDJSON writes one change a line; nil ends.
func changesNDJSON(w io.Writer) func(*publish.Change) error {
	var buf []byte
	return func(c *publish.Change) (err error) {
		if c != nil {
			buf = append(appendChange(buf, *c), '\n')
		}
		if len(buf) > 64<<10 || c == nil && len(buf) > 0 {
			_, err = w.Write(buf)
			buf = buf[:0]
		}
		return err
	}
}

// changesCSV writes added and removed rows as one line, changed ones as two: before and after. Columns are those of the newer version, then those that
// only the older one had.
func changesCSV(w io.Writer, diff *compared) func(*publish.Change) error {
	out := csv.NewWriter(w)
	columns := []string{}
	for i := range diff.to.Schema().Fields {
		columns = append(columns, diff.to.Schema().Fields[i].Name)
	}
	columns = append(columns, diff.Columns.Removed...)
	err := out.Write(append([]string{"operation"}, columns...))
	line := func(op string, row *publish.TableRow) error {
		cells := []string{op}
		for _, name := range columns {
			cells = append(cells, cellNamed(row, name))
		}
		return out.Write(cells)
	}
	return func(c *publish.Change) error {
		switch {
		case err != nil:
			return err
		case c == nil:
			out.Flush()
			return out.Error()
		case c.Op == publish.RowAdded:
			return line("added", c.After)
		case c.Op == publish.RowRemoved:
			return line("removed", c.Before)
		}
		return errors.Join(line("before", c.Before), line("after", c.After))
	}
}

func cellNamed(row *publish.TableRow, name string) string {
	for i := range row.Schema().Fields {
		if row.Schema().Fields[i].Name == name {
			return string(row.Text(i))
		}
	}
	return ""
}

// A changesPageBody is the body of changes.html.
type changesPageBody struct {
	catalog.Dataset
	From, To catalog.Version
	Kept     []catalog.Version
	Sentence string
	By       []string
	Repeated bool
	Columns  []string // sentences
	Groups   []changeGroup
	API      string
}

// A changeGroup is the first rows to which the same happened.
type changeGroup struct {
	Title string
	Rows  []changedRow
	More  int64
}

// A changedRow is a row on the page: what tells it apart, then its cells.
type changedRow struct {
	Key   string
	Cells []changedCell
	More  int
}

// A changedCell is a cell, or what a cell was and is.
type changedCell struct {
	Name, Before, After string
	Changed             bool
}

// changes is the page of what changed between two versions.
func (s *Server) changes(w http.ResponseWriter, r *http.Request) error {
	d, moved, err := s.bySlug(r)
	if err != nil {
		return err
	}
	if moved {
		return redirect(w, r, datasetPath(d.Slug)+"/changements", http.StatusMovedPermanently)
	}
	c, err := s.between(r.Context(), d, r.URL.Query())
	if err != nil {
		return err
	}
	diff, err := s.compare(r.Context(), w, r, c)
	if err != nil {
		return err
	}
	defer diff.Close()
	p := changesPageBody{Dataset: d, From: c.from, To: c.to, Sentence: changesWords(diff.Difference), By: diff.By, Repeated: diff.Repeated, Columns: columnWords(diff.Columns),
		API: fmt.Sprintf("/api/1/jeux/%s/differences?de=%d&a=%d", d.ID, c.from.Number, c.to.Number)}
	if p.Kept, err = s.versions(r.Context(), d); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.reading.patience)
	defer cancel()
	if p.Groups, err = groupChanges(ctx, diff); err != nil {
		return slow(ctx, r, err)
	}
	h := s.datasetHead(d)
	h.Title, h.Path, h.NoIndex = fmt.Sprintf("Changements de la version %d : %s", c.to.Number, clean(d.Title)), datasetPath(d.Slug)+"/changements", true
	h.Crumbs = append(h.Crumbs, crumb{clean(d.Title), datasetPath(d.Slug)})
	h.Here, h.Alternates = "Changements", []alternate{{"application/json", p.API, "Changements en JSON"}, {"application/atom+xml", datasetPath(d.Slug) + "/atom.xml", "Versions de ce jeu de données"}}
	return s.render(w, r, "changes.html", h, p)
}

// groupChanges reads the first changes of each kind.
func groupChanges(ctx context.Context, diff *compared) (groups []changeGroup, err error) {
	skip := int64(0)
	for _, kind := range []struct {
		title string
		n     int64
	}{{"Lignes modifiées", diff.Changed}, {"Lignes retirées", diff.Removed}, {"Lignes ajoutées", diff.Added}} {
		if kind.n > 0 {
			g := changeGroup{Title: kind.title, More: max(0, kind.n-shownChanges)}
			err := diff.Changes(ctx, diff.from, diff.to, skip, int(min(kind.n, shownChanges)), func(c publish.Change) error {
				g.Rows = append(g.Rows, rowOnPage(c))
				return nil
			})
			if err != nil {
				return nil, err
			}
			groups = append(groups, g)
		}
		skip += kind.n
	}
	return groups, nil
}

func rowOnPage(c publish.Change) (out changedRow) {
	row := c.After
	if row == nil {
		row = c.Before
	}
	var key []string
	for _, k := range c.Key {
		key = append(key, string(row.Text(k)))
	}
	out.Key = strings.Join(key, ", ")
	if c.Op == publish.RowChanged {
		for _, col := range c.Columns {
			out.Cells = append(out.Cells, changedCell{col.Name, string(c.Before.Text(col.Before)), string(c.After.Text(col.After)), true})
		}
	} else {
		for i := range row.Schema().Fields {
			if row.Has(i) && !slices.Contains(c.Key, i) {
				out.Cells = append(out.Cells, changedCell{Name: row.Schema().Fields[i].Name, After: string(row.Text(i))})
			}
		}
	}
	out.More = max(0, len(out.Cells)-shownCells)
	out.Cells = out.Cells[:len(out.Cells)-out.More]
	return out
}

// changesWords says what changed in one line: "14 lignes ajoutées, 2 modifiées, 1 retirée".
func changesWords(d *publish.Difference) string {
	var parts []string
	for _, p := range []struct {
		n         int64
		one, many string
	}{{d.Added, "ajoutée", "ajoutées"}, {d.Changed, "modifiée", "modifiées"}, {d.Removed, "retirée", "retirées"}} {
		switch {
		case p.n == 0:
		case len(parts) == 0:
			parts = append(parts, count(p.n, "ligne "+p.one, "lignes "+p.many))
		default:
			parts = append(parts, count(p.n, p.one, p.many))
		}
	}
	if len(parts) == 0 {
		parts = append(parts, "aucune ligne changée")
	}
	for _, p := range []struct {
		n         int
		one, many string
	}{{len(d.Columns.Added), "colonne ajoutée", "colonnes ajoutées"}, {len(d.Columns.Removed), "colonne retirée", "colonnes retirées"}} {
		if p.n > 0 {
			parts = append(parts, count(p.n, p.one, p.many))
		}
	}
	return strings.Join(parts, ", ")
}

// columnWords tells which columns are not the same.
func columnWords(c publish.ColumnChanges) (out []string) {
	quoted := func(names []string) string {
		var all []string
		for _, n := range names {
			all = append(all, "« "+clean(n)+" »")
		}
		return strings.Join(all, ", ")
	}
	if n := len(c.Added); n > 0 {
		out = append(out, french(count(n, "colonne ajoutée", "colonnes ajoutées")+" : "+quoted(c.Added)+"."))
	}
	if n := len(c.Removed); n > 0 {
		out = append(out, french(count(n, "colonne retirée", "colonnes retirées")+" : "+quoted(c.Removed)+"."))
	}
	for _, r := range c.Retyped {
		out = append(out, french("La colonne "+quoted([]string{r.Name})+" était de type « "+word(typeWords, string(r.From))+" », elle est de type « "+word(typeWords, string(r.To))+" »."))
	}
	return out
}
