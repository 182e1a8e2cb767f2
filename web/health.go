package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"grenier/publish"
)

const (
	readyTimeout = 5 * time.Second
	leastFree    = 200 << 20 // bytes, or fewer when publishing needs fewer
)

// healthz says that the process answers, and why nothing new is published when it knows.
func (s *Server) healthz(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	text := "ok\n"
	if why := s.trouble(); why != "" {
		text += why + "\n"
	}
	send(w, r, http.StatusOK, "text/plain; charset=utf-8", []byte(text))
	return nil
}

// trouble says why nothing new is published, "" when nothing is known to prevent it.
func (s *Server) trouble() string {
	if s.Fault != nil {
		if err := s.Fault(); err != nil {
			return publish.DiskTrouble(err, false)
		}
	}
	if s.DataDir == "" {
		return ""
	}
	free, _, err := publish.Free(s.DataDir)
	if err == nil && free < max(s.MinFree, 1) {
		err = publish.ErrFull
	}
	return publish.DiskTrouble(err, false)
}

// readyz says that what the process needs answers too. The reasons go to the log, their names to the reader.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	var failed []string
	var errs []error
	for _, check := range []struct {
		name string
		run  func(context.Context) error
	}{{"catalogue", s.Store.Check}, {"fichiers", s.checkBlobs}, {"disque", s.checkDisk}, {"publication", s.checkFault}} {
		if err := check.run(ctx); err != nil {
			failed = append(failed, check.name)
			errs = append(errs, fmt.Errorf("check %s: %w", check.name, err))
		}
	}
	if len(failed) > 0 {
		text := "ne répond pas : " + strings.Join(failed, ", ")
		if why := s.trouble(); why != "" {
			text += ". " + why
		}
		return unavailable(text, errors.Join(errs...))
	}
	w.Header().Set("Cache-Control", "no-store")
	send(w, r, http.StatusOK, "text/plain; charset=utf-8", []byte("ok\n"))
	return nil
}

// checkBlobs asks the blob store for a key that no content has.
func (s *Server) checkBlobs(ctx context.Context) error {
	_, err := s.Blobs.Stat(ctx, "pub/00/"+strings.Repeat("0", 64)+".csv")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// checkFault tells whether this process may still publish; whoever started it then starts another one.
func (s *Server) checkFault(context.Context) error {
	if s.Fault == nil {
		return nil
	}
	return s.Fault()
}

func (s *Server) checkDisk(context.Context) error {
	if s.DataDir == "" {
		return nil
	}
	free, _, err := publish.Free(s.DataDir)
	if err != nil {
		return fmt.Errorf("measure disk of %s: %w", s.DataDir, err)
	}
	if least := max(min(s.MinFree, leastFree), 1); free < least {
		return fmt.Errorf("%d bytes free under %s, %d needed", free, s.DataDir, least)
	}
	return nil
}
