package web

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"grenier/schemas"
)

// maxInline is how large a repaired file may be to travel inside the page: nothing is kept, so there is no second request.
const maxInline = 4 << 20

// Where files are judged, for people and for programs.
const (
	checkPath    = "/verifier"
	apiCheckPath = "/api/1/valider"
)

// A deskPage is the body of check.html: the form, and above it what became of the file that was just handed in.
type deskPage struct {
	Max     string // the largest file, in words
	Schemas []schemaOption
	Schema  string // chosen
	URL     string // as typed
	Error   string // why there is no verdict
	Field   string // id of the field that Error is about

	Verdict    *verdictView
	Recognised *recognition
	Dress      []string
}

// A schemaOption is one choice of the form.
type schemaOption struct {
	Name, Title string
	Chosen      bool
}

// A recognition is how sure the service is of the schema that it chose.
type recognition struct {
	Title, Path, Score, Why string
	Second                  string // the runner-up, with its score; "" without one
}

// check shows the form.
func (s *Server) check(w http.ResponseWriter, r *http.Request) error {
	if s.checks.Judge == nil {
		return errNotFound
	}
	w.Header().Set("Cache-Control", "no-store")
	p := s.deskPage(r.URL.Query().Get("schema"), "")
	html, err := s.execute("check.html", checkHead(), p)
	if err != nil {
		return err
	}
	s.links(w.Header(), checkHead())
	sendOnce(w, r, http.StatusOK, "text/html; charset=utf-8", html)
	return nil
}

func checkHead() head {
	return head{Title: "Vérifier un fichier", Path: checkPath, Nav: checkPath,
		Description: "Vérifiez un fichier de données avec les schémas nationaux : ce qui est juste, ce qui est à corriger, et le fichier réparé. Rien n’est gardé."}
}

func (s *Server) deskPage(schema, url string) *deskPage {
	p := &deskPage{Max: size(s.checks.MaxBytes), Schema: schema, URL: url}
	if s.Schemas == nil {
		return p
	}
	for _, sc := range s.Schemas.All() {
		o := schemaOption{Name: sc.ID.Name(), Title: sc.Title}
		o.Chosen = o.Name == schema || string(sc.ID) == schema
		p.Schemas = append(p.Schemas, o)
	}
	slices.SortFunc(p.Schemas, func(a, b schemaOption) int { return strings.Compare(fold(a.Title), fold(b.Title)) })
	return p
}

// fold makes titles sort as in a French list: accents and case do not count.
func fold(text string) string {
	return strings.NewReplacer("é", "e", "è", "e", "ê", "e", "à", "a", "â", "a", "î", "i", "ô", "o", "ç", "c", "œ", "oe").Replace(strings.ToLower(text))
}

// checked judges what the form holds and answers with the page: the report, or the form again with what went wrong.
func (s *Server) checked(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	d, err := s.checks.open(w, r, s.Log)
	if err != nil {
		return s.checkAgain(w, r, nil, err)
	}
	defer d.close()
	if err := d.receive(w, r); err != nil {
		return s.checkAgain(w, r, d, err)
	}
	d.upload.Fix = true
	v, err := s.judge(r.Context(), d)
	if err != nil {
		return s.checkAgain(w, r, d, err)
	}
	if isUnreadable(v.Report) {
		return s.checkAgain(w, r, d, unreadable(v.Report))
	}
	p := s.deskPage(d.upload.Schema, d.upload.URL)
	if p.Verdict, err = s.checkVerdict(v); err != nil {
		return err
	}
	p.recognised(v.Report.Recognition)
	h := checkHead()
	h.Title, h.Here, h.Crumbs, h.NoIndex = p.Verdict.Title, clean(v.Report.File), []crumb{{"Vérifier un fichier", checkPath}}, true
	html, err := s.execute("check.html", h, p)
	if err != nil {
		return err
	}
	sendOnce(w, r, http.StatusOK, "text/html; charset=utf-8", html)
	return nil
}

// checkAgain shows the form with what went wrong and what was typed. A browser forgets the file: the page says so.
func (s *Server) checkAgain(w http.ResponseWriter, r *http.Request, d *desk, err error) error {
	var e *httpError
	if gone(r, err) || !errors.As(err, &e) || e == errNotFound || e.status == http.StatusInternalServerError {
		return err
	}
	e = answerTo(e)
	if e.status >= 500 && e.err != nil {
		s.Log.Error("file not judged", "status", e.status, "error", e.err)
	}
	p := s.deskPage("", "")
	if d != nil {
		p = s.deskPage(d.upload.Schema, d.upload.URL)
	}
	p.Error, p.Field = e.message, fieldOf(e, p.URL)
	h := checkHead()
	h.Title, h.NoIndex = "Erreur : "+h.Title, true
	h.Here = checkHead().Title
	html, err := s.execute("check.html", h, p)
	if err != nil {
		return err
	}
	if e.retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(e.retry))
	}
	sendOnce(w, r, e.status, "text/html; charset=utf-8", html)
	return nil
}

// fieldOf is the field of the form that an error is about; "" when the form is not at fault.
func fieldOf(e *httpError, url string) string {
	switch {
	case e.status == http.StatusTooManyRequests || e.status >= 500:
		return ""
	case e.code == string(UnknownSchema) || e.code == string(Unrecognised):
		return "schema"
	case url != "":
		return "url"
	}
	return "file"
}

// judge asks the judge, within the limits.
func (s *Server) judge(ctx context.Context, d *desk) (*Verdict, error) {
	leave, ok := s.checks.judging.enter(ctx, checkWait)
	if !ok {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, errCheckBusy
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	v, err := s.checks.Judge.Judge(ctx, d.upload)
	if err == nil {
		return v, nil
	}
	if no, ok := refused(err); ok {
		return nil, &httpError{status: refusalStatus(no.Reason), code: string(no.Reason), message: no.French}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, &httpError{status: refusalStatus(TooLong), code: string(TooLong), message: "La vérification de ce fichier demande plus de temps que cette page n’en donne. Vérifiez-le avec la commande « grenier validate », qui n’a pas de limite."}
	}
	return nil, d.anonymous(err)
}

// anonymous keeps the file's name and address out of the log: they are the visitor's.
func (d *desk) anonymous(err error) error {
	text := err.Error()
	for _, private := range []string{d.upload.URL, d.upload.Name} {
		if private != "" {
			text = strings.ReplaceAll(text, private, "(sent)")
		}
	}
	return errors.New(text)
}

// refusalStatus is the HTTP status of a Refusal. A file that cannot be read is 422: the request was well made, its content is not.
func refusalStatus(r Reason) int {
	if r == TooLarge {
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusUnprocessableEntity
}

// unreadable words the report of a file that could not be read.
func unreadable(r *schemas.Report) *httpError {
	e := &httpError{status: refusalStatus(Unreadable), code: string(Unreadable), message: "Ce fichier n’a pas pu être lu. Vérifiez qu’il s’ouvre dans un tableur, puis recommencez."}
	if len(r.Errors) > 0 {
		e.message = r.Errors[0].Message
	}
	return e
}

// checkVerdict is the report as the page shows it, with the repaired file and the list of what remains.
func (s *Server) checkVerdict(v *Verdict) (*verdictView, error) {
	o := ReportOptions{Schema: v.Schema}
	if v.Repaired != nil {
		o.Repaired = v.Repaired.Report
	}
	view := newVerdictView(v.Report, o)
	if v.Schema != nil && s.schema(v.Schema.ID.Name()) != nil {
		view.SchemaPath = schemaPath(v.Schema.ID.Name())
	}
	if rep := v.Repaired; rep != nil {
		view.RepairedNote = "Le fichier réparé fait " + size(rep.Size) + " : c’est trop pour voyager dans cette page, qui ne garde rien. Faites-le chez vous avec la commande « grenier validate --fix »."
		if rep.Size <= maxInline {
			b, err := os.ReadFile(rep.Path)
			if err != nil {
				return nil, fmt.Errorf("read a repaired file: %w", err)
			}
			view.RepairedNote = ""
			view.Downloads = append(view.Downloads, download{Name: rep.Name, Text: "Télécharger le fichier réparé (" + size(rep.Size) + ")", Main: true, Href: dataURL(mediaOf(rep.Name), b)})
		}
	}
	left := v.Report
	if v.Repaired != nil {
		left = v.Repaired.Report
	}
	if n := len(left.Errors); n > 0 {
		var b bytes.Buffer
		if err := writeFaults(&b, left); err != nil {
			return nil, err
		}
		text := "Liste des " + count(n, "erreur", "erreurs") + " (CSV)"
		if int64(n) < left.Stats.Errors {
			text = "Liste des " + count(n, "première erreur", "premières erreurs") + " (CSV)"
		}
		view.Downloads = append(view.Downloads, download{Name: stem(v.Report.File) + "-a-corriger.csv", Text: text, Href: dataURL("text/csv;charset=utf-8", b.Bytes())})
	}
	return view, nil
}

// dataURL is a file inside an address. Its type never lets a browser show it as a page.
func dataURL(media string, b []byte) template.URL {
	return template.URL("data:" + media + ";base64," + base64.StdEncoding.EncodeToString(b))
}

func mediaOf(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".csv", ".tsv":
		return "text/csv;charset=utf-8"
	case ".json", ".geojson":
		return "application/json"
	}
	return "application/octet-stream"
}

func stem(name string) string { return strings.TrimSuffix(name, path.Ext(name)) }

// recognised says which schema was recognised, unless it was asked for.
func (p *deskPage) recognised(r *schemas.Recognition) {
	if r == nil || len(r.Candidates) == 0 {
		return
	}
	p.Dress = r.Dress
	best := r.Candidates[0]
	p.Recognised = &recognition{Title: best.Title, Path: schemaPath(best.ID.Name()), Score: percent(best.Score), Why: best.Why}
	if len(r.Candidates) > 1 {
		p.Recognised.Second = r.Candidates[1].Title + " (" + percent(r.Candidates[1].Score) + ")"
	}
}

// percent writes a share of 1 as « 87 % ».
func percent(share float64) string {
	return number(int(min(max(share, 0), 1)*100+.5)) + nbsp + "%"
}
