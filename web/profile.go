package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	"grenier/catalog"
	"grenier/publish"
)

// profileTime is how long the profile of a file may take: five million rows need a fifth of it.
const profileTime = time.Minute

// A profileJSON is what /profil answers.
type profileJSON struct {
	Version   int        `json:"version"`
	Published *time.Time `json:"published,omitempty"` // when version= or le= asked for one
	*publish.Profile
}

// profile answers what each column of a dataset holds: how many cells have no value, how many values differ, the least, the greatest and the
// most frequent ones, a histogram of numbers and dates, the length of texts. It tells nothing that the file does not show.
//
// It was made with the Parquet file, and is kept beside it. That of a small file, and of one from before profiles were made, is worked out when
// it is first asked, and kept in memory.
func (s *Server) profile(w http.ResponseWriter, r *http.Request) error {
	d, f, past, err := s.parquetOf(r)
	if err != nil {
		return err
	}
	h := w.Header()
	out := profileJSON{Version: d.Version}
	if past {
		mementoHeaders(h, d)
		published := d.Modified.UTC()
		out.Published = &published
	}
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", rowsTag(f.SHA256, "profile", fmt.Sprint(d.Version, past)))
	if notModified(r, h) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", "application/json; charset=utf-8")
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	if out.Profile, err = s.profileOf(r.Context(), w, r, f); err != nil {
		return err
	}
	return sendTagged(w, out)
}

func (s *Server) profileOf(ctx context.Context, w http.ResponseWriter, r *http.Request, f catalog.File) (*publish.Profile, error) {
	if p, ok := s.reading.profiles.take(f.SHA256); ok {
		return p, nil
	}
	p, err := publish.ReadProfile(ctx, s.Blobs, f.SHA256)
	if err == nil {
		s.keepProfile(f, p)
		return p, nil
	}
	if !errors.Is(err, fs.ErrNotExist) { // it can be made again
		s.Log.Warn("kept profile cannot be read", "file", f.ID, "error", err)
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
	if p, err = table.Profile(ctx); err != nil {
		return nil, slow(ctx, r, err)
	}
	s.keepProfile(f, p)
	return p, nil
}

func (s *Server) keepProfile(f catalog.File, p *publish.Profile) {
	if b, err := json.Marshal(p); err == nil {
		s.reading.profiles.put(f.SHA256, p, 3*int64(len(b)))
	}
}
