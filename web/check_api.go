package web

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"grenier/schemas"
)

// apiCheck judges what is posted: a form with `file`, a raw body with ?name= or ?schema=, or {"url": …, "schema": …}.
//
// A file that was read is 200, valid or not: the verdict is the answer. 400 is a request without file or badly made, 413 a file too large,
// 415 a body of a kind that is not read, 408 one that came too slowly, 422 a file that cannot be read at all, an address that gives none, or
// a schema that is unknown or not recognised, 429 and 503 come with Retry-After.
func (s *Server) apiCheck(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	d, err := s.checks.open(w, r, s.Log)
	if err != nil {
		return err
	}
	defer d.close()
	format, language, err := checkAnswer(r.URL.Query())
	if err != nil {
		return err
	}
	if err := d.receive(w, r); err != nil {
		return err
	}
	d.upload.Language = language
	v, err := s.judge(r.Context(), d)
	if err != nil {
		return err
	}
	if isUnreadable(v.Report) {
		return unreadable(v.Report)
	}
	body, media, err := checkBody(v, format, language)
	if err != nil {
		return err
	}
	if format == "html" {
		w.Header().Set("Content-Security-Policy", standalonePolicy+"; frame-ancestors 'none'")
	}
	sendOnce(w, r, http.StatusOK, media, body)
	return nil
}

// checkAnswer reads how the caller wants its answer.
func checkAnswer(q url.Values) (format, language string, err error) {
	format, language = q.Get("format"), q.Get("lang")
	switch format {
	case "":
		format = "json"
	case "json", "html", "csv":
	default:
		return "", "", problem(http.StatusBadRequest, "Le format de réponse (format) est json, html ou csv.")
	}
	if language != "" && language != "fr" && language != "en" {
		return "", "", problem(http.StatusBadRequest, "La langue (lang) est fr ou en.")
	}
	return format, language, nil
}

func checkBody(v *Verdict, format, language string) (body []byte, media string, err error) {
	var b bytes.Buffer
	switch format {
	case "html":
		media, err = "text/html; charset=utf-8", WriteReport(&b, v.Report, ReportOptions{Language: language, Schema: v.Schema, Unfixed: true})
	case "csv":
		media, err = "text/csv; charset=utf-8", writeFaults(&b, v.Report)
	default:
		media = "application/json; charset=utf-8"
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		err = enc.Encode(v.Report) // with its recognition when nobody named the schema
	}
	if err != nil {
		return nil, "", fmt.Errorf("write a verdict: %w", err)
	}
	return b.Bytes(), media, nil
}

// writeFaults writes the errors of a report for a spreadsheet: UTF-8 with its mark and semicolons, which French spreadsheets open in columns.
// A text that a spreadsheet would take for a formula is kept one by an apostrophe (SECURITY.md F-09).
func writeFaults(w io.Writer, r *schemas.Report) error {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return err
	}
	c := csv.NewWriter(w)
	c.Comma, c.UseCRLF = ';', true
	t := tongueOf(r.Language)
	header := []string{"ligne", "enregistrement", "colonne", "valeur", "message", "conseil"}
	if t.english {
		header = []string{"line", "record", "column", "value", "message", "advice"}
	}
	errs := []error{c.Write(header)}
	for _, e := range r.Errors {
		errs = append(errs, c.Write([]string{positive(e.Line), positive(e.Row), harmless(e.Field), harmless(e.Cell), harmless(e.Message), harmless(e.Hint)}))
	}
	c.Flush()
	return errors.Join(append(errs, c.Error())...)
}

func harmless(cell string) string {
	cell = clean(cell)
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
