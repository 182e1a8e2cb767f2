package web

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"grenier/catalog"
)

// An httpError is an answer other than the one asked for: message is a French sentence for the reader.
type httpError struct {
	status  int
	message string
	retry   int    // seconds, in Retry-After; 0 is none
	code    string // in JSON; "" is that of the status
	title   string // of the page; "" is that of the status
	err     error
}

func (e *httpError) Error() string {
	if e.err != nil {
		return e.err.Error()
	}
	return http.StatusText(e.status)
}
func (e *httpError) Unwrap() error { return e.err }

func problem(status int, message string) *httpError {
	return &httpError{status: status, message: message}
}

var (
	errNotFound  = problem(http.StatusNotFound, "Rien n’est publié à cette adresse.")
	errWithdrawn = problem(http.StatusGone, "Ce jeu de données a été retiré par la collectivité qui le publiait. Ses fichiers ne sont plus servis.")
)

// unavailable says that a part of the service does not answer for now.
func unavailable(message string, err error) *httpError {
	return &httpError{status: http.StatusServiceUnavailable, message: message, retry: 120, err: err}
}

// fail turns an error into an answer of the kind that the route gives.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, k kind, err error) {
	if gone(r, err) {
		return
	}
	e := answerTo(err)
	if e.status >= 500 {
		s.Log.Error("request not answered", "route", visitOf(r).route, "path", r.URL.Path, "status", e.status, "error", err)
	}
	h := w.Header()
	h.Del("ETag")
	h.Del("Last-Modified")
	h.Del("Content-Disposition")
	h.Set("Cache-Control", "no-store")
	if e.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(e.retry))
	}
	switch k {
	case kindData, kindCall:
		s.failJSON(w, r, e)
	case kindRDF, kindAdmin, kindAsset:
		send(w, r, e.status, "text/plain; charset=utf-8", []byte(e.message+"\n"))
	default:
		h.Set("Content-Security-Policy", contentPolicy)
		s.failPage(w, r, e)
	}
}

// answerTo finds the status and the sentence for an error.
func answerTo(err error) *httpError {
	var e *httpError
	switch {
	case errors.As(err, &e):
	case errors.Is(err, catalog.ErrNotFound):
		e = errNotFound
	default:
		e = &httpError{status: http.StatusInternalServerError, err: err}
	}
	out := *e
	if out.message == "" {
		out.message = "Le service n’a pas pu répondre. L’incident est noté ; réessayez dans quelques minutes."
	}
	out.message = french(clean(out.message)) // it may quote the question
	return &out
}

type errorJSON struct {
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

func (s *Server) failJSON(w http.ResponseWriter, r *http.Request, e *httpError) {
	var out errorJSON
	out.Error.Code, out.Error.Message = cmp.Or(e.code, errorCode(e.status)), e.message
	body, err := json.Marshal(out)
	if err != nil {
		s.Log.Error("error not encoded", "error", err)
	}
	send(w, r, e.status, "application/json; charset=utf-8", append(body, '\n'))
}

// errorCode is the stable word of a status in JSON errors.
func errorCode(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "bad_request"
	case http.StatusForbidden:
		return "forbidden"
	case http.StatusNotFound:
		return "not_found"
	case http.StatusMethodNotAllowed:
		return "method_not_allowed"
	case http.StatusGone:
		return "gone"
	case http.StatusRequestURITooLong:
		return "uri_too_long"
	case http.StatusServiceUnavailable:
		return "unavailable"
	case http.StatusRequestEntityTooLarge:
		return "too_large"
	case http.StatusUnsupportedMediaType:
		return "unsupported_media_type"
	case http.StatusRequestTimeout:
		return "too_slow"
	case http.StatusUnprocessableEntity:
		return "unprocessable"
	case http.StatusTooManyRequests:
		return "too_many_requests"
	}
	return "internal"
}

// An errorPage is the body of error.html.
type errorPage struct {
	Status  int
	Title   string
	Message string
}

var errorTitles = map[int]string{
	http.StatusBadRequest:         "Demande mal comprise",
	http.StatusForbidden:          "Demande refusée",
	http.StatusNotFound:           "Page introuvable",
	http.StatusMethodNotAllowed:   "Adresse en lecture seule",
	http.StatusGone:               "Jeu de données retiré",
	http.StatusRequestURITooLong:  "Adresse trop longue",
	http.StatusServiceUnavailable: "Service momentanément indisponible",
}

func (s *Server) failPage(w http.ResponseWriter, r *http.Request, e *httpError) {
	p := errorPage{Status: e.status, Title: cmp.Or(e.title, errorTitles[e.status]), Message: e.message}
	if p.Title == "" {
		p.Title = "Une erreur nous empêche de répondre"
	}
	body, err := s.execute("error.html", head{Title: p.Title, NoIndex: true}, p)
	if err != nil {
		s.Log.Error("error page not rendered", "error", err)
		send(w, r, e.status, "text/plain; charset=utf-8", []byte(e.message+"\n"))
		return
	}
	send(w, r, e.status, "text/html; charset=utf-8", body)
}
