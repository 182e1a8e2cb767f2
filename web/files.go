package web

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"grenier/catalog"
	"grenier/publish"
)

const (
	cacheNewest = "public, no-cache"
	cacheFixed  = "public, max-age=31536000, s-maxage=30, immutable" // a proxy asks again: what is withdrawn must leave it within the minute
	slowest     = 20_000                                             // bytes a second: a download that is slower is cut
)

// newestFile is the permanent address of a distribution; with le=2026-06-30, as it was at the end of that day.
func (s *Server) newestFile(w http.ResponseWriter, r *http.Request) error {
	if r.URL.Query().Has("le") {
		return s.fileAsOf(w, r)
	}
	return s.file(w, r, 0, cacheNewest)
}

// pastFile is one version of it, for ever.
func (s *Server) pastFile(w http.ResponseWriter, r *http.Request) error {
	text := parameter(r, "version")
	version, err := strconv.Atoi(text)
	if err != nil || version < 1 || strconv.Itoa(version) != text {
		return errNotFound
	}
	return s.file(w, r, version, cacheFixed)
}

func (s *Server) file(w http.ResponseWriter, r *http.Request, version int, cache string) error {
	id, err := identity(parameter(r, "id"))
	if err != nil {
		return err
	}
	f, d, err := s.Store.File(r.Context(), id, version)
	if errors.Is(err, catalog.ErrNotFound) {
		return s.formerFile(r.Context(), id, version, err)
	}
	if err != nil {
		return fmt.Errorf("read file %s version %d: %w", id, version, err)
	}
	if d.Status == catalog.DatasetWithdrawn {
		return s.withdrawn(r.Context(), d)
	}
	if !answersTo(f, s.format(f.Format).Ext, parameter(r, "name")) {
		return errNotFound
	}
	if sent, err := s.redirect(w, r, f); sent || err != nil {
		return err
	}
	s.fileHeaders(w.Header(), f, d, cache)
	twins := s.format(f.Format).Twins
	if twins {
		w.Header().Add("Vary", "Accept-Encoding")
	}
	found := &keptFile{file: f, twins: twins}
	s.keepFile(w, r, found)
	return s.sendFile(w, r, found)
}

// A keptFile is what answering with a file takes, but for its bytes.
type keptFile struct {
	file   catalog.File
	twins  bool
	header http.Header
}

// keepFile spares the next reader of the file the catalogue. Where readers are sent to the blob store, each is sent there anew.
func (s *Server) keepFile(w http.ResponseWriter, r *http.Request, f *keptFile) {
	v := visitOf(r)
	if v.memory == nil || s.Signed {
		return
	}
	f.header = w.Header().Clone()
	v.memory.put(r, v, &kept{file: f}, 3<<10)
}

// sendKeptFile answers with a file that the memory knows. What goes wrong before the first byte is said by the handlers that look at everything.
func (s *Server) sendKeptFile(w http.ResponseWriter, r *http.Request, k *kept, start time.Time, next http.Handler) {
	maps.Copy(w.Header(), k.file.header)
	rec := &recorder{ResponseWriter: w}
	if err := s.sendFile(rec, r, k.file); err != nil && rec.status == 0 {
		clear(w.Header())
		next.ServeHTTP(w, r)
		return
	}
	s.accountKept(r, k, rec.code(), rec.bytes, time.Since(start))
}

// sendFile answers with the file or with its compressed twin.
func (s *Server) sendFile(w http.ResponseWriter, r *http.Request, f *keptFile) error {
	if f.twins {
		if sent, err := s.sendTwin(w, r, f.file); sent || err != nil {
			return err
		}
	}
	return s.sendBlob(w, r, f.file)
}

// sendTwin answers with a compressed twin of the file, when there is one that the reader accepts. Parts, conditions for having anything at all, and
// what HEAD tells (its length is what catalogues say) are always those of the file itself.
func (s *Server) sendTwin(w http.ResponseWriter, r *http.Request, f catalog.File) (sent bool, err error) {
	if h := r.Header; r.Method == http.MethodHead || h.Get("Range") != "" || h.Get("If-Match") != "" || h.Get("If-Unmodified-Since") != "" {
		return false, nil
	}
	for _, e := range publish.Encodings {
		if !acceptsEncoding(r, e.Name) {
			continue
		}
		blob, err := s.twins.Open(r.Context(), s.format(f.Format), f.Key, f.Bytes, e)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("open blob %s: %w", e.Key(f.Key), err)
		}
		defer blob.Close()
		length, err := lengthOf(blob)
		if err != nil {
			return false, fmt.Errorf("measure blob %s: %w", e.Key(f.Key), err)
		}
		h := w.Header()
		h.Set("Content-Encoding", e.Name)
		h.Set("Content-Length", strconv.FormatInt(length, 10)) // ServeContent does not when there is an encoding
		h.Set("ETag", `"`+f.SHA256+"-"+e.Name+`"`)
		s.serveContent(w, r, f, blob, length)
		return true, nil
	}
	return false, nil
}

// acceptsEncoding tells whether the reader names an encoding (RFC 9110, 12.5.3). Those who accept any get the file as it is.
func acceptsEncoding(r *http.Request, name string) bool {
	accepted := r.Header["Accept-Encoding"]
	switch {
	case len(accepted) == 0:
		return false
	case len(accepted) == 1 && accepted[0] == name:
		return true
	}
	for part := range strings.SplitSeq(strings.Join(accepted, ","), ",") {
		coding, weight, weighted := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(coding), name) {
			continue
		}
		_, q, _ := strings.Cut(weight, "=")
		v, err := strconv.ParseFloat(strings.TrimSpace(q), 64)
		return !weighted || err == nil && v > 0
	}
	return false
}

// answersTo tells whether a file is found under a name: its own, or any other with its extension, since a file that was renamed
// stays where harvesters and spreadsheets know it.
func answersTo(f catalog.File, ext, name string) bool {
	return name == f.Name || strings.EqualFold(path.Ext(name), path.Ext(f.Name)) || strings.HasSuffix(strings.ToLower(name), strings.ToLower(ext))
}

func (s *Server) fileHeaders(h http.Header, f catalog.File, d catalog.Dataset, cache string) {
	h.Set("Content-Type", s.mediaType(f))
	h.Set("Content-Disposition", disposition(f.Name))
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", cache)
	h.Set("ETag", `"`+f.SHA256+`"`)
	h.Add("Link", "<"+s.BaseURL+datasetPath(d.Slug)+`>; rel="describedby"; type="text/html"`)
	if l := licenseOf(d.License).URL; l != "" {
		h.Add("Link", "<"+l+`>; rel="license"`)
	}
}

// mediaType is what a file is, with the encoding of its text.
func (s *Server) mediaType(f catalog.File) string {
	media := s.format(f.Format).MediaType
	if strings.HasPrefix(media, "text/") && !strings.Contains(media, "charset") {
		media += "; charset=utf-8"
	}
	return media
}

// disposition makes a file be saved under its name, for old readers too (RFC 6266).
func disposition(name string) string {
	ascii := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' || r == '%' {
			return '_'
		}
		return r
	}, name)
	return `attachment; filename="` + ascii + `"; filename*=UTF-8''` + strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
}

// sendBlob answers with the bytes, the whole of them or the ranges asked for. A blob that is absent or of another length
// than the catalogue says is an error: a part never passes for a file.
func (s *Server) sendBlob(w http.ResponseWriter, r *http.Request, f catalog.File) error {
	blob, err := s.Blobs.Open(r.Context(), f.Key)
	if errors.Is(err, fs.ErrNotExist) {
		return &httpError{status: http.StatusInternalServerError, err: fmt.Errorf("blob %s of file %s is missing: %w", f.Key, f.ID, err)}
	}
	if err != nil {
		return fmt.Errorf("open blob %s: %w", f.Key, err)
	}
	defer blob.Close()
	length, err := lengthOf(blob)
	if err != nil {
		return fmt.Errorf("measure blob %s: %w", f.Key, err)
	}
	if length != f.Bytes {
		return fmt.Errorf("blob %s of file %s has %d bytes instead of %d", f.Key, f.ID, length, f.Bytes)
	}
	s.serveContent(w, r, f, blob, length)
	return nil
}

// lengthOf is how many bytes a blob has.
func lengthOf(blob publish.Blob) (int64, error) {
	if f, ok := blob.(*os.File); ok {
		info, err := f.Stat()
		if err != nil {
			return 0, err
		}
		return info.Size(), nil
	}
	length, err := blob.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = blob.Seek(0, io.SeekStart)
	}
	return length, err
}

func (s *Server) serveContent(w http.ResponseWriter, r *http.Request, f catalog.File, blob publish.Blob, length int64) {
	// The server's own limit on writing is for pages; a file may take as long as a slow line needs. A writer without deadlines
	// (a test's) says so, and that is fine.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute + time.Duration(length/slowest)*time.Second))
	http.ServeContent(w, r, "", f.Modified, blob)
}
