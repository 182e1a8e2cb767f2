package web

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"path"
	"sync"
)

//go:embed static
var assets embed.FS

// assetTypes are the kinds of files that /static/ gives; others are not found.
var assetTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8",
	".png": "image/png", ".ico": "image/x-icon", ".json": "application/json; charset=utf-8", ".txt": "text/plain; charset=utf-8",
}

// An assetFile is one file of static, read and hashed once.
type assetFile struct {
	body []byte
	hash string // of the content, in the address
	mu   sync.Mutex
	sent map[bool]*answer // by whether the address holds the hash; made when first asked, with the headers of this server
}

// loadAsset reads a file that is embedded above; nil when it is not.
func loadAsset(name string) *assetFile {
	body, err := assets.ReadFile("static/" + name)
	if err != nil || assetTypes[path.Ext(name)] == "" {
		return nil
	}
	sum := sha256.Sum256(body)
	return &assetFile{body: body, hash: hex.EncodeToString(sum[:6]), sent: map[bool]*answer{}}
}

// loadAssets reads all of them.
func loadAssets() (map[string]*assetFile, error) {
	entries, err := assets.ReadDir("static")
	if err != nil {
		return nil, err
	}
	all := map[string]*assetFile{}
	for _, e := range entries {
		if a := loadAsset(e.Name()); a != nil {
			all[e.Name()] = a
		}
	}
	return all, nil
}

// assetHashes are those of the files that are embedded, which one run of the program hashes once.
var assetHashes sync.Map

// assetAddress carries the hash of the content, so that a browser asks once.
func assetAddress(name string) string {
	hash, ok := assetHashes.Load(name)
	if !ok {
		a := loadAsset(name)
		if a == nil {
			panic("no asset " + name) // a mistake of ours, seen at the first start
		}
		hash = a.hash
		assetHashes.Store(name, hash)
	}
	return "/static/" + name + "?v=" + hash.(string)
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

func (s *Server) asset(w http.ResponseWriter, r *http.Request) error {
	name := parameter(r, "name")
	a := s.assets[name]
	if a == nil {
		return errNotFound
	}
	if name == mapWorker {
		w.Header().Set("Content-Security-Policy", s.workerPolicy())
	}
	fixed := r.URL.RawQuery == "v="+a.hash
	ready, err := a.answer(w.Header(), assetTypes[path.Ext(name)], fixed)
	if err != nil {
		return err
	}
	ready.send(w, r)
	return nil
}

// answer compresses the file the first time it is asked for.
func (a *assetFile) answer(h http.Header, media string, fixed bool) (*answer, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if ready := a.sent[fixed]; ready != nil {
		return ready, nil
	}
	h.Set("Cache-Control", "no-cache")
	if fixed {
		h.Set("Cache-Control", cacheFixed)
	}
	ready, err := newAnswer(h, media, a.body)
	if err != nil {
		return nil, err
	}
	a.sent[fixed] = ready
	return ready, nil
}
