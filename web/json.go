package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"grenier/catalog"

	"github.com/google/uuid"
)

// The shapes of INTERFACE section 3. Members are only ever added.

type datasetJSON struct {
	ID          uuid.UUID     `json:"id"`
	Slug        string        `json:"slug"`
	Title       string        `json:"title"`
	Description string        `json:"description"`
	Member      memberRef     `json:"member"`
	Schema      *schemaRef    `json:"schema"`
	Keywords    []string      `json:"keywords"`
	Themes      []string      `json:"themes"`
	Territory   territoryJSON `json:"territory"`
	License     string        `json:"license"`
	Frequency   string        `json:"frequency"`
	Issued      time.Time     `json:"issued"`
	Modified    time.Time     `json:"modified"`
	Temporal    *temporalJSON `json:"temporal"`
	Quality     qualityJSON   `json:"quality"`
	Status      string        `json:"status"`
	Version     int           `json:"version"`
	Page        string        `json:"page"`
	Files       []fileJSON    `json:"files"`

	Columns []catalog.FieldInfo `json:"columns,omitempty"` // not in lists
}

type memberRef struct {
	SIREN string `json:"siren"`
	Name  string `json:"name"`
}

type schemaRef struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

type territoryJSON struct {
	INSEE string `json:"insee"`
	Name  string `json:"name"`
}

type temporalJSON struct {
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

type qualityJSON struct {
	Valid    bool      `json:"valid"`
	Rows     int64     `json:"rows"`
	Rejected int64     `json:"rejected"`
	Checked  time.Time `json:"checked"`
}

// A fileJSON in a list stops at URL.
type fileJSON struct {
	ID       uuid.UUID  `json:"id"`
	Format   string     `json:"format"`
	Title    string     `json:"title"`
	URL      string     `json:"url"`
	Bytes    *int64     `json:"bytes,omitempty"`
	Rows     *int64     `json:"rows,omitempty"`
	SHA256   string     `json:"sha256,omitempty"`
	Modified *time.Time `json:"modified,omitempty"`
}

type memberJSON struct {
	SIREN      string `json:"siren"`
	Name       string `json:"name"`
	Kind       string `json:"kind"`
	INSEE      string `json:"insee"`
	Population int    `json:"population"`
	Datasets   int    `json:"datasets"`
	Page       string `json:"page"`
	Catalogue  string `json:"catalogue"`
}

type schemaJSON struct {
	Name        string   `json:"name"`
	Version     string   `json:"version"`
	Versions    []string `json:"versions"`
	Title       string   `json:"title"`
	Description string   `json:"description"`
	Form        string   `json:"form"`
	URL         string   `json:"url"`
	Datasets    int      `json:"datasets"`
	Page        string   `json:"page"`
}

// A listJSON is one page of a list.
type listJSON[T any] struct {
	Data     []T                        `json:"data"`
	Total    int                        `json:"total"`
	Page     int                        `json:"page"`
	PageSize int                        `json:"page_size"`
	Facets   map[string][]catalog.Facet `json:"facets,omitempty"`
}

func (s *Server) datasetJSON(d catalog.Dataset, whole bool) datasetJSON {
	out := datasetJSON{
		ID: d.ID, Slug: d.Slug, Title: d.Title, Description: d.Description,
		Member: memberRef{d.Member.SIREN, d.Member.Name}, Keywords: list(d.Keywords), Themes: list(d.Themes),
		Territory: territoryJSON{d.Member.INSEE, d.Member.Name}, License: d.License, Frequency: d.Frequency,
		Issued: d.Issued.UTC(), Modified: d.Modified.UTC(), Status: string(d.Status), Version: d.Version,
		Quality: qualityJSON{d.Valid, d.Rows, d.Rejected, d.Checked.UTC()}, Page: s.BaseURL + datasetPath(d.Slug), Files: []fileJSON{},
	}
	if d.SchemaName != "" {
		out.Schema = &schemaRef{d.SchemaName, d.SchemaVersion}
	}
	if d.TemporalFrom != "" || d.TemporalTo != "" {
		out.Temporal = &temporalJSON{d.TemporalFrom, d.TemporalTo}
	}
	for _, f := range d.Files {
		out.Files = append(out.Files, s.fileJSON(f, whole))
	}
	if whole {
		out.Columns = d.Fields
	}
	return out
}

func (s *Server) fileJSON(f catalog.File, whole bool) fileJSON {
	out := fileJSON{ID: f.ID, Format: f.Format, Title: f.Title, URL: s.BaseURL + filePath(f)}
	if whole {
		modified := f.Modified.UTC()
		out.Bytes, out.Rows, out.SHA256, out.Modified = &f.Bytes, &f.Rows, f.SHA256, &modified
	}
	return out
}

func (s *Server) memberJSON(m catalog.Member) memberJSON {
	return memberJSON{m.SIREN, m.Name, string(m.Kind), m.INSEE, m.Population, m.Datasets,
		s.BaseURL + memberPath(m.SIREN), s.BaseURL + cataloguePath(m.SIREN)}
}

// list is never null in JSON.
func list(v []string) []string {
	if v == nil {
		return []string{}
	}
	return v
}

// The addresses of things. A file's name is the program's own, but a recipe may have put a space in it.

func datasetPath(slug string) string    { return "/jeux/" + url.PathEscape(slug) }
func memberPath(siren string) string    { return "/membres/" + url.PathEscape(siren) }
func cataloguePath(siren string) string { return "/catalogues/" + url.PathEscape(siren) + ".ttl" }
func schemaPath(name string) string     { return "/schemas/" + name }

func filePath(f catalog.File) string {
	return "/f/" + f.ID.String() + "/" + url.PathEscape(f.Name)
}

func pastPath(f catalog.File, version int) string {
	return "/f/" + f.ID.String() + "/v/" + strconv.Itoa(version) + "/" + url.PathEscape(f.Name)
}

// sendJSON answers with v, indented: it is read by people too.
func sendJSON(w http.ResponseWriter, r *http.Request, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	w.Header().Set("Cache-Control", "no-cache")
	send(w, r, http.StatusOK, "application/json; charset=utf-8", b.Bytes())
	return nil
}
