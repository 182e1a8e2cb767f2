package web

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"

	"grenier/catalog"
)

// The marks and colours of the operator and of members. Both were judged when they were brought in (catalog.ReadLogo, catalog.Colours).

// livery is the sheet that changes the colours of a page, after the sheet of the site. It says nothing to printers.
func livery(c catalog.Colours) []byte {
	light, dark := c.Palettes()
	return fmt.Appendf(nil, "@media screen{:root{--teinte:%s;--teinte-fond:%s;--accent:%s}}\n@media screen and (prefers-color-scheme:dark){:root{--teinte:%s;--teinte-fond:%s;--accent:%s}}\n",
		light.Main, light.MainGround, light.Accent, dark.Main, dark.MainGround, dark.Accent)
}

const (
	siteSheetPath = "/couleurs.css"
	logoPrefix    = "/logos/"
)

// sheetAddress is that of the sheet at a path, with the hash of its content; "" when the colours are those of the site's sheet.
func sheetAddress(path string, c catalog.Colours) string {
	if c == (catalog.Colours{}) {
		return ""
	}
	return path + "?v=" + sheetHash(livery(c))
}

func sheetHash(sheet []byte) string {
	sum := sha256.Sum256(sheet)
	return hex.EncodeToString(sum[:6])
}

func memberSheetPath(siren string) string { return memberPath(siren) + siteSheetPath }

// logoPath is the address of a mark, "" for none.
func logoPath(name string) string {
	if name == "" {
		return ""
	}
	return logoPrefix + name
}

func (s *Server) siteSheet(w http.ResponseWriter, r *http.Request) error {
	return s.sendSheet(w, r, s.Site.Colours)
}

func (s *Server) memberSheet(w http.ResponseWriter, r *http.Request) error {
	m, err := s.memberOf(r)
	if err != nil {
		return err
	}
	return s.sendSheet(w, r, m.Colours)
}

func (s *Server) sendSheet(w http.ResponseWriter, r *http.Request, c catalog.Colours) error {
	if c == (catalog.Colours{}) {
		return errNotFound
	}
	sheet := livery(c)
	w.Header().Set("Cache-Control", "no-cache")
	if r.URL.RawQuery == "v="+sheetHash(sheet) {
		w.Header().Set("Cache-Control", cacheFixed)
	}
	send(w, r, http.StatusOK, "text/css; charset=utf-8", sheet)
	return nil
}

// logo answers with a mark. It is a picture and nothing else: opened by itself, a drawing can neither run nor call anything.
func (s *Server) logo(w http.ResponseWriter, r *http.Request) error {
	name := parameter(r, "name")
	media := catalog.LogoMediaType(name)
	if media == "" {
		return errNotFound
	}
	data, err := s.logoData(r, name)
	if err != nil {
		return fmt.Errorf("read logo %q: %w", name, err)
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	h.Set("Cache-Control", cacheFixed) // the name is the hash
	send(w, r, http.StatusOK, media, data)
	return nil
}

func (s *Server) logoData(r *http.Request, name string) ([]byte, error) {
	if name == s.Site.Logo.Name {
		return s.Site.Logo.Data, nil
	}
	return s.Store.Logo(r.Context(), name)
}
