package web

import (
	"fmt"
	"net/http"
	"time"

	"grenier/catalog"
)

// A periodJSON says that a version was online from one moment to another; to is null for the one that is.
type periodJSON struct {
	Version  int          `json:"version"`
	From     time.Time    `json:"from"`
	To       *time.Time   `json:"to"`
	Rows     int64        `json:"rows"`
	Rejected int64        `json:"rejected"`
	Valid    bool         `json:"valid"`
	Kept     bool         `json:"kept"`  // its files can still be read
	Files    []fileJSON   `json:"files"` // while they are kept, at the addresses of this version
	Statuses []statusJSON `json:"statuses"`
}

// A statusJSON is what readers were told meanwhile.
type statusJSON struct {
	Status string     `json:"status"`
	From   time.Time  `json:"from"`
	To     *time.Time `json:"to"`
}

// calendar answers which version was online when, newest first, those that are no longer kept too.
func (s *Server) calendar(w http.ResponseWriter, r *http.Request) error {
	d, err := s.byID(r)
	if err != nil {
		return err
	}
	periods, err := s.Store.Timeline(r.Context(), d.ID)
	if err != nil {
		return fmt.Errorf("read timeline of %s: %w", d.ID, err)
	}
	out := struct {
		Data []periodJSON `json:"data"`
	}{[]periodJSON{}}
	for _, p := range periods {
		out.Data = append(out.Data, s.periodJSON(p))
	}
	return sendJSON(w, r, out)
}

func (s *Server) periodJSON(p catalog.Period) periodJSON {
	out := periodJSON{Version: p.Version, From: p.From.UTC(), To: orNull(p.To), Rows: p.Rows, Rejected: p.Rejected, Valid: p.Valid, Kept: len(p.Files) > 0, Files: []fileJSON{}, Statuses: []statusJSON{}}
	for _, f := range p.Files {
		file := s.fileJSON(f, true)
		file.URL = s.BaseURL + pastPath(f, p.Version)
		out.Files = append(out.Files, file)
	}
	for _, span := range p.Statuses {
		out.Statuses = append(out.Statuses, statusJSON{string(span.Status), span.From.UTC(), orNull(span.To)})
	}
	return out
}

// orNull is null in JSON for no time.
func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
