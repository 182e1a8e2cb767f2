package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"grenier/catalog"
	"grenier/publish"
)

// profileTime is how long the profile of a file may take: five million rows need a fifth of it.
const profileTime = time.Minute

// A profileJSON is what /profil answers.
type profileJSON struct {
	Version int `json:"version"`
	*publish.Profile
}

// profile answers what each column of a dataset holds: how many cells have no value, how many values differ, the least, the greatest and the
// most frequent ones, a histogram of numbers and dates, the length of texts. It tells nothing that the file does not show.
//
// It is worked out from the Parquet file when it is first asked, and kept for that version.
func (s *Server) profile(w http.ResponseWriter, r *http.Request) error {
	d, f, err := s.parquetOf(r)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", rowsTag(f.SHA256, "profile", fmt.Sprint(d.Version)))
	if notModified(r, h) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", "application/json; charset=utf-8")
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	p, err := s.profileOf(r.Context(), w, r, f)
	if err != nil {
		return err
	}
	return sendTagged(w, profileJSON{d.Version, p})
}

func (s *Server) profileOf(ctx context.Context, w http.ResponseWriter, r *http.Request, f catalog.File) (*publish.Profile, error) {
	if p, ok := s.reading.profiles.take(f.SHA256); ok {
		return p, nil
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(2 * profileTime)) // a test's writer has none
	ctx, cancel := context.WithTimeout(ctx, profileTime)
	defer cancel()
	leave, ok := s.reading.pages.enter(ctx, s.reading.patience)
	if !ok {
		return nil, errBusyRows
	}
	defer leave()
	if p, ok := s.reading.profiles.take(f.SHA256); ok { // made while we waited
		return p, nil
	}
	table, closer, err := s.openTable(ctx, f)
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	p, err := table.Profile(ctx)
	if err != nil {
		return nil, slow(ctx, r, err)
	}
	if b, err := json.Marshal(p); err == nil {
		s.reading.profiles.put(f.SHA256, p, 3*int64(len(b)))
	}
	return p, nil
}
