package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed templates/*.html
var templates embed.FS

// A page is one parsed template, layout included.
type page struct{ *template.Template }

// A head is what the layout must know of a page.
type head struct {
	Title       string // without the site's name
	Description string
	Path        string // canonical, with its query if that is part of it; "" for errors
	Nav         string // the entry of the main menu that holds the page
	Crumbs      []crumb
	Here        string // the last step of the breadcrumb, where Title is long
	Alternates  []alternate
	License     string // address, for the Link header
	NoIndex     bool
	Livery      string // address of the sheet with the colours of the member that the page is about; "" for the site's
	Facts       any    // of the page, as schema.org words them (facts.go); nil: none
}

// A crumb is one step of the breadcrumb above the page itself.
type crumb struct{ Title, Path string }

// An alternate is the same thing in another form.
type alternate struct{ Type, Path, Title string }

// A frame is what layout.html renders.
type frame struct {
	head
	Site   Site
	Base   string
	CSS    string
	Sheets []string // after CSS, which they change
	Logo   string   // address of the operator's mark; "" is ours
	Access string   // what the footer says of accessibility
	Menu   []menuItem
	Checks bool // visitors can have files judged
	Body   any
}

type menuItem struct {
	Title, Path string
	Current     bool
}

var menu = []menuItem{{Title: "Jeux de données", Path: "/jeux"}, {Title: "Collectivités", Path: "/membres"}, {Title: "Séries", Path: "/series"}, {Title: "Schémas", Path: "/schemas"}, {Title: "Vérifier un fichier", Path: checkPath}, {Title: "API", Path: "/api"}}

// parsePages joins each page with the layout and the parts that pages share.
func (s *Server) parsePages() (map[string]*page, error) {
	base, err := template.New("layout.html").Option("missingkey=error").Funcs(s.funcs()).ParseFS(templates, "templates/layout.html", "templates/parts.html", "templates/verdict.html", "templates/rows.html")
	if err != nil {
		return nil, fmt.Errorf("parse layout: %w", err)
	}
	names, err := fs.Glob(templates, "templates/*.html")
	if err != nil {
		return nil, err
	}
	pages := map[string]*page{}
	for _, name := range names {
		short := strings.TrimPrefix(name, "templates/")
		if slices.Contains([]string{"layout.html", "parts.html", "verdict.html", "standalone.html", "rows.html", "embed.html"}, short) {
			continue
		}
		t, err := template.Must(base.Clone()).ParseFS(templates, name)
		if err != nil {
			return nil, fmt.Errorf("parse page: %w", err)
		}
		if t.Lookup("main") == nil {
			return nil, fmt.Errorf("parse page: %s defines no \"main\"", short)
		}
		pages[short] = &page{t}
	}
	return pages, nil
}

// render answers with a page.
func (s *Server) render(w http.ResponseWriter, r *http.Request, name string, h head, body any) error {
	html, err := s.execute(name, h, body)
	if err != nil {
		return err
	}
	s.links(w.Header(), h)
	w.Header().Set("Cache-Control", "no-cache")
	send(w, r, http.StatusOK, "text/html; charset=utf-8", html)
	return nil
}

func (s *Server) execute(name string, h head, body any) ([]byte, error) {
	p, ok := s.pages[name]
	if !ok {
		return nil, fmt.Errorf("render %s: no such template", name)
	}
	h.Title, h.Description = french(h.Title), french(h.Description)
	f := frame{head: h, Site: s.Site, Base: s.BaseURL, CSS: s.css, Logo: logoPath(s.Site.Logo.Name), Access: s.Site.Declaration.State.word(), Checks: s.checks.Judge != nil, Body: body}
	for _, sheet := range []string{sheetAddress(siteSheetPath, s.Site.Colours), h.Livery} {
		if sheet != "" {
			f.Sheets = append(f.Sheets, sheet)
		}
	}
	for _, m := range menu {
		if m.Path == checkPath && s.checks.Judge == nil {
			continue
		}
		m.Current = m.Path == h.Nav
		f.Menu = append(f.Menu, m)
	}
	var b bytes.Buffer
	if err := p.ExecuteTemplate(&b, "layout.html", f); err != nil {
		return nil, fmt.Errorf("render %s: %w", name, err)
	}
	return scrubbed(b.Bytes()), nil
}

// links says in the header what the head of the page says: where the thing is, and its other forms.
func (s *Server) links(out http.Header, h head) {
	if h.Path != "" {
		out.Add("Link", "<"+s.BaseURL+h.Path+`>; rel="canonical"`)
	}
	for _, a := range h.Alternates {
		out.Add("Link", "<"+s.BaseURL+a.Path+`>; rel="alternate"; type="`+a.Type+`"`)
	}
	if h.License != "" {
		out.Add("Link", "<"+h.License+`>; rel="license"`)
	}
}

// send writes a whole body with its length. A 200 carries a weak ETag (its bytes may be compressed on the way), is spared to those who have it, and
// is kept for the next reader where the route says so.
func send(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) {
	h := w.Header()
	if status == http.StatusOK {
		if a := keepPage(w, r, contentType, body); a != nil {
			a.send(w, r)
			return
		}
		h.Set("ETag", tagOf(body))
	}
	h.Set("Content-Type", contentType)
	if status == http.StatusOK {
		if notModified(r, h) {
			h.Del("Content-Type")
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // an error here means that the reader left
	}
}

// sendOnce writes a whole body that is for this reader, this time: nobody keeps it.
func sendOnce(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // an error here means that the reader left
	}
}

// notModified judges the conditions of a request against the ETag and Last-Modified of its answer (RFC 9110, 13.2.2).
func notModified(r *http.Request, h http.Header) bool {
	if tags := r.Header.Values("If-None-Match"); len(tags) > 0 {
		return etagIn(strings.Join(tags, ","), h.Get("ETag"))
	}
	since, err := http.ParseTime(r.Header.Get("If-Modified-Since"))
	if err != nil {
		return false
	}
	modified, err := http.ParseTime(h.Get("Last-Modified"))
	return err == nil && !modified.After(since)
}

// etagIn compares weakly. A gzhttp suffix or a quote inside a tag never occurs in ours.
func etagIn(list, tag string) bool {
	tag = strings.TrimPrefix(tag, "W/")
	for _, t := range strings.Split(list, ",") {
		t = strings.TrimPrefix(strings.TrimSpace(t), "W/")
		if t == "*" || t == tag {
			return true
		}
	}
	return false
}

// lastModified sets the header, which has no room for fractions of a second.
func lastModified(h http.Header, t time.Time) {
	if !t.IsZero() {
		h.Set("Last-Modified", t.UTC().Format(http.TimeFormat))
	}
}
