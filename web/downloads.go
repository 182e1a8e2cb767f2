package web

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"grenier/catalog"
	"grenier/publish"
)

// signedFor is how long the signed address of a file lasts: time to begin a download, whose end may come later.
const signedFor = 15 * time.Minute

// assembled begins the keys of files that are put together while they are read: the store has no such object to give away.
const assembled = "list/"

// redirect sends the reader to the blob store itself, where downloads are to come from there and this one can; sent is false otherwise. A blob that is
// absent or of another length than the catalogue says is left to sendBlob, which says so.
func (s *Server) redirect(w http.ResponseWriter, r *http.Request, f catalog.File) (sent bool, err error) {
	signer, ok := s.Blobs.(publish.Signer)
	if !ok || !s.Signed || !redirectable(r) || strings.HasPrefix(f.Key, assembled) {
		return false, nil
	}
	length, err := s.Blobs.Stat(r.Context(), f.Key)
	if errors.Is(err, fs.ErrNotExist) || err == nil && length != f.Bytes {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at blob %s: %w", f.Key, err)
	}
	address, err := signer.Sign(r.Context(), f.Key, publish.SignOptions{Lasts: signedFor, MediaType: s.mediaType(f), Disposition: disposition(f.Name)})
	if errors.Is(err, errors.ErrUnsupported) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("sign address of blob %s: %w", f.Key, err)
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store") // the address is for this reader, now
	h.Set("Location", address)
	w.WriteHeader(http.StatusFound)
	return true, nil
}

// redirectable tells whether a reader can be sent elsewhere. Those who ask what there is, or whether it changed, are answered here; so are scripts of
// other sites, which the store may not let read, and data.gouv.fr's harvester, which checks addresses and must find the permanent one well.
func redirectable(r *http.Request) bool {
	if r.Method != http.MethodGet {
		return false
	}
	for _, name := range []string{"If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since", "If-Range", "Origin"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	agent := strings.ToLower(r.UserAgent())
	return !strings.Contains(agent, "udata") && !strings.Contains(agent, "datagouv")
}
