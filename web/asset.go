package web

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"path"
)

//go:embed static/grenier.css static/grenier.svg
var assets embed.FS

var assetTypes = map[string]string{".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}

// assetAddress carries the hash of the content, so that a browser asks once.
func assetAddress(name string) string {
	body, err := assets.ReadFile("static/" + name)
	if err != nil {
		panic(err) // embedded above
	}
	return "/static/" + name + "?v=" + assetHash(body)
}

// standalonePolicy lets a report that travels alone use the one sheet inside it, and nothing else.
var standalonePolicy = func() string {
	body, err := assets.ReadFile("static/grenier.css")
	if err != nil {
		panic(err) // embedded above
	}
	sum := sha256.Sum256(body)
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}()

func assetHash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:6])
}

func (s *Server) asset(w http.ResponseWriter, r *http.Request) error {
	name := parameter(r, "name")
	body, err := assets.ReadFile("static/" + name)
	if err != nil {
		return errNotFound
	}
	w.Header().Set("Cache-Control", "no-cache")
	if r.URL.Query().Get("v") == assetHash(body) {
		w.Header().Set("Cache-Control", cacheFixed)
	}
	send(w, r, http.StatusOK, assetTypes[path.Ext(name)], body)
	return nil
}
