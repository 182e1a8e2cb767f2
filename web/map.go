package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"grenier/catalog"
	"grenier/publish"
)

const (
	mapRows   = 20    // of the table beside a map
	mapLabels = 5     // columns that a map tells of a place
	mapPoints = 3_000 // of the drawing without script
	mapWidth  = 640

	mapWorker = "maplibre-gl-worker.mjs" // a file of static
)

// mapLimits are how many rows a map is given: fewer where their outlines are heavy.
var mapLimits = []int{20_000, 4_000, 500}

func explorePath(slug string) string { return datasetPath(slug) + "/donnees" }
func mapPath(slug string) string     { return datasetPath(slug) + "/carte" }

// A mapPage is the body of map.html. What is drawn is also in a table, and without a script it is a drawing.
type mapPage struct {
	catalog.Dataset
	Problem string
	Filters []activeFilter
	Count   string
	Drawing *dots
	Table   *rowsTable
	Rows    string // address of the explorer with the same filters
	GeoJSON string
	Titles  string // JSON: column to title
	Style   string // address of the background, "" for none
	Script  string
	Library struct{ Script, Worker, Sheet string }
}

func (s *Server) mapPage(w http.ResponseWriter, r *http.Request) error {
	d, moved, err := s.bySlug(r)
	if err != nil {
		return err
	}
	filters := onlyFilters(readParams(r.URL.RawQuery))
	if moved {
		return redirect(w, r, filters.address(mapPath(d.Slug)), http.StatusMovedPermanently)
	}
	f, ok := parquetIn(&d)
	if !ok {
		return errNoRows
	}
	ctx, table, done, err := s.readFor(r, f)
	if err != nil {
		return err
	}
	defer done()
	where := placeColumns(table.Schema())
	if len(where) == 0 {
		return errNoPlaces
	}
	p := mapPage{Dataset: d, Rows: filters.address(explorePath(d.Slug)), GeoJSON: filters.address(mapPath(d.Slug) + ".geojson"), Style: s.MapStyle, Script: assetAddress("explorer.js")}
	p.Library.Script, p.Library.Worker, p.Library.Sheet = assetAddress("maplibre-gl.mjs"), assetAddress(mapWorker), assetAddress("maplibre-gl.css")
	status := http.StatusOK
	if err := p.ask(ctx, s, table, f, filters, where); err != nil {
		message, mine := isQuestion(err)
		if !mine {
			return slow(ctx, r, err)
		}
		p.Problem, status = message, http.StatusBadRequest
	}
	h := s.datasetHead(d)
	h.Title, h.Path, h.Here, h.NoIndex = "Carte : "+clean(d.Title), mapPath(d.Slug), "Carte", r.URL.RawQuery != ""
	h.Crumbs = append(h.Crumbs, crumb{clean(d.Title), datasetPath(d.Slug)})
	h.Description = "Les lieux de « " + clean(d.Title) + " » sur une carte, et dans un tableau."
	h.Alternates = []alternate{{"application/geo+json", p.GeoJSON, "Ces lieux en GeoJSON"}}
	allowMap(w.Header(), s.MapStyle)
	return s.renderStatus(w, r, "map.html", h, p, status)
}

var errNoPlaces = &httpError{status: http.StatusNotFound, code: "no_places", message: "Ces données ne disent pas où sont les choses : aucune colonne n’a de coordonnées. Il n’y a donc pas de carte."}

func (p *mapPage) ask(ctx context.Context, s *Server, table *reader, f catalog.File, filters params, where []string) error {
	q, err := readRows(filters.encode())
	if err != nil {
		return err
	}
	all := weigh(columnsOf(table.Schema()), s.profileAt(ctx, f, table))
	labels := labelsOf(all, where)
	titles := map[string]string{}
	for _, c := range labels {
		titles[c.Name] = c.Title
	}
	b, err := json.Marshal(titles)
	if err != nil {
		return fmt.Errorf("encode titles: %w", err)
	}
	p.Titles = string(b)
	columns, rows, _, err := table.rows(ctx, publish.RowQuery{Columns: names(labels), Where: q.Where, Limit: mapRows}, previewText, true)
	if err != nil {
		return err
	}
	for _, one := range filters {
		if text, ok := said(one, all); ok {
			p.Filters = append(p.Filters, activeFilter{Text: text})
		}
	}
	n, _ := table.tally(ctx, q.Where)
	if n < 0 {
		n = int64(len(rows))
	}
	p.Count = count(n, "ligne", "lignes")
	p.Table = &rowsTable{Label: "Les premiers lieux", Columns: plainColumns(columns), Rows: rows, Caption: "Les premières lignes de la carte"}
	key := f.SHA256 + "?" + filters.encode()
	if drawn, ok := s.reading.maps.take(key); ok {
		p.Drawing = drawn
		return nil
	}
	body, err := places(ctx, s, table, q.Where, where, labels[:min(1, len(labels))], []int{mapPoints, mapPoints / 10})
	if err != nil {
		return err
	}
	if p.Drawing, err = drawDots(body); err != nil {
		return err
	}
	s.reading.maps.put(key, p.Drawing, int64(len(p.Drawing.Path))+256)
	return nil
}

// labelsOf are the columns that tell most of a place, but for its coordinates.
func labelsOf(all []column, where []string) []column {
	return choose(slices.DeleteFunc(slices.Clone(all), func(c column) bool { return slices.Contains(where, c.Name) }), mapLabels)
}

// places writes rows as GeoJSON: as many as fit, of the limits given.
func places(ctx context.Context, s *Server, table *reader, filters []publish.Filter, where []string, labels []column, limits []int) ([]byte, error) {
	var err error
	for _, limit := range limits {
		plan, bad := table.Query(publish.RowQuery{Columns: append(names(labels), where...), Where: filters, Limit: limit})
		if bad != nil {
			return nil, asked(bad)
		}
		out := &shortBuffer{room: rowsBytes}
		if _, err = plan.WriteTo(ctx, out, s.format("geojson"), publish.Meta{}); err == nil {
			return out.Bytes(), nil
		}
		var heavy *httpError
		if !errors.As(err, &heavy) {
			break
		}
	}
	return nil, fmt.Errorf("write places: %w", err)
}

// mapData gives the places of a map, with what it tells of each.
func (s *Server) mapData(w http.ResponseWriter, r *http.Request) error {
	d, moved, err := s.bySlug(r)
	if err != nil {
		return err
	}
	filters := onlyFilters(readParams(r.URL.RawQuery))
	if moved {
		return redirect(w, r, filters.address(mapPath(d.Slug)+".geojson"), http.StatusMovedPermanently)
	}
	f, ok := parquetIn(&d)
	if !ok {
		return errNoRows
	}
	q, err := readRows(filters.encode())
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", rowsTag(f.SHA256, "carte", filters.encode()))
	if notModified(r, h) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(rowsTime + batchTime)) // a test's writer has none
	ctx, table, done, err := s.readFor(r, f)
	if err != nil {
		return err
	}
	defer done()
	where := placeColumns(table.Schema())
	if len(where) == 0 {
		return errNoPlaces
	}
	body, err := places(ctx, s, table, q.Where, where, labelsOf(weigh(columnsOf(table.Schema()), s.profileAt(ctx, f, table)), where), mapLimits)
	if err != nil {
		return slow(ctx, r, err)
	}
	h.Set("Content-Type", "application/geo+json; charset=utf-8")
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // an error here means that the reader left
	}
	return nil
}

// dots are the places of a dataset drawn without a script, in the map projection of the web.
type dots struct {
	Path          string
	Width, Height int
	Places        int // that are drawn
}

// Count says how many places are drawn.
func (d *dots) Count() string {
	if d.Places >= mapPoints {
		return "les " + count(d.Places, "premier lieu", "premiers lieux")
	}
	return count(d.Places, "lieu", "lieux")
}

func drawDots(geojson []byte) (*dots, error) {
	var all struct {
		Features []struct {
			Geometry *struct {
				Type        string
				Coordinates json.RawMessage
			}
		}
	}
	if err := json.Unmarshal(geojson, &all); err != nil {
		return nil, fmt.Errorf("read places: %w", err)
	}
	var points [][2]float64
	for _, f := range all.Features {
		if f.Geometry == nil {
			continue
		}
		if at, ok := firstPosition(f.Geometry.Coordinates); ok {
			points = append(points, at)
		}
	}
	return layDots(points), nil
}

// firstPosition is the first longitude and latitude of coordinates, however deep they stand.
func firstPosition(coordinates []byte) (at [2]float64, ok bool) {
	bare := bytes.TrimLeft(coordinates, "[ \n\t")
	end := bytes.IndexByte(bare, ']')
	if end < 0 || json.Unmarshal([]byte("["+string(bare[:end])+"]"), &at) != nil || math.Abs(at[1]) > 85 {
		return at, false
	}
	return at, true
}

func layDots(points [][2]float64) *dots {
	d := &dots{Width: mapWidth, Height: mapWidth / 2, Places: len(points)}
	if len(points) == 0 {
		return d
	}
	west, east, south, north := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for i := range points {
		points[i][1] = mercator(points[i][1])
		west, east = min(west, points[i][0]), max(east, points[i][0])
		south, north = min(south, points[i][1]), max(north, points[i][1])
	}
	wide, high := max(east-west, 1e-4), max(north-south, 1e-4)
	d.Height = int(min(max(mapWidth*high/wide, 240), 560))
	const edge = 12
	scale := min((mapWidth-2*edge)/wide, (float64(d.Height)-2*edge)/high)
	left, top := (mapWidth-scale*(east-west))/2, (float64(d.Height)-scale*(north-south))/2
	seen := map[[2]int]bool{}
	var b strings.Builder
	for _, p := range points {
		at := [2]int{int(math.Round(left + scale*(p[0]-west))), int(math.Round(top + scale*(north-p[1])))}
		if !seen[at] {
			seen[at] = true
			fmt.Fprintf(&b, "M%d %dh0", at[0], at[1])
		}
	}
	d.Path = b.String()
	return d
}

// mercator is the latitude as maps of the web stretch it, in degrees.
func mercator(lat float64) float64 {
	return math.Log(math.Tan(math.Pi/4+lat*math.Pi/360)) * 180 / math.Pi
}

// allowScript lets a page use our one script.
func allowScript(h http.Header) {
	h.Set("Content-Security-Policy", contentPolicy+"; script-src 'self'; connect-src 'self'")
}

// allowMap lets a page use our script, the map's worker, and the host of the background when there is one.
func allowMap(h http.Header, style string) {
	from := " 'self'" + originOf(style)
	policy := strings.Replace(contentPolicy, "img-src 'self' data:", "img-src"+from+" data: blob:", 1)
	h.Set("Content-Security-Policy", policy+"; script-src 'self'; worker-src 'self'; connect-src"+from)
}

// workerPolicy is what the map's worker may do: fetch the background's tiles, where there is one.
func (s *Server) workerPolicy() string {
	return "default-src 'none'; script-src 'self'; connect-src 'self'" + originOf(s.MapStyle)
}

// originOf is the scheme and host of an address after a space, for a policy; "" for an address of this site.
func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || strings.ContainsAny(u.Host, " ;,'\"") {
		return ""
	}
	return " " + u.Scheme + "://" + u.Host
}

// renderStatus is render for a page that tells what is wrong with a question.
func (s *Server) renderStatus(w http.ResponseWriter, r *http.Request, name string, h head, body any, status int) error {
	if status == http.StatusOK {
		return s.render(w, r, name, h, body)
	}
	html, err := s.execute(name, h, body)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	send(w, r, status, "text/html; charset=utf-8", html)
	return nil
}
