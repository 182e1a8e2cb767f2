package web

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"grenier/catalog"
	"grenier/publish"
	"grenier/schemas"
)

const (
	previewRows    = 5
	previewColumns = 5
	previewText    = 60 // characters of a cell
	glanceTime     = 4 * time.Second
)

// A glance is what the page of a dataset shows of its rows. It is made of one Parquet file, and kept as long as there is room.
type glance struct {
	Table   rowsTable
	Of      int // columns of the file
	Years   *years
	Totals  []total
	Places  []string // columns that say where rows are; none when nothing does
	columns []column
	profile *publish.Profile // nil when it is not at hand
}

// errNoTime is why there is no glance this time, where there may be one the next.
var errNoTime = errors.New("no time to read the rows")

// glanceAt makes or finds the glance at a dataset. When there is none, why says so to people; err is errNoTime when asking again may help.
func (s *Server) glanceAt(ctx context.Context, d *catalog.Dataset) (g *glance, why string, err error) {
	f, ok := parquetIn(d)
	switch {
	case len(d.Files) == 0:
		return nil, "Aucun fichier n’est en ligne pour l’instant" + nbsp + ": il n’y a rien à montrer.", nil
	case !ok:
		return nil, "L’aperçu se lit dans le fichier Parquet, et ce jeu de données n’en a pas. Téléchargez l’un des fichiers ci-dessus.", nil
	case d.Rows == 0:
		return nil, "Le fichier en ligne n’a aucune ligne. L’aperçu viendra avec la première.", nil
	}
	if g, ok := s.reading.glances.take(f.SHA256); ok {
		return g, "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, glanceTime)
	defer cancel()
	if g, err = s.look(ctx, d, f); err != nil {
		if ctx.Err() != nil || errors.Is(err, errBusyRows) {
			err = errNoTime
		}
		s.Log.Warn("dataset shown without its rows", "dataset", d.ID, "error", err)
		passing(ctx)
		return nil, "L’aperçu n’a pas pu être préparé cette fois-ci. Les fichiers ci-dessus sont complets" + nbsp + "; rechargez la page dans un moment.", err
	}
	if ctx.Err() == nil { // else it lacks what there was no time for
		s.reading.glances.put(f.SHA256, g, 64<<10)
	} else {
		passing(ctx)
	}
	return g, "", nil
}

func (s *Server) look(ctx context.Context, d *catalog.Dataset, f catalog.File) (*glance, error) {
	r, err := s.read(ctx, f)
	if err != nil {
		return nil, err
	}
	defer r.done()
	g := &glance{Places: placeColumns(r.Schema()), profile: s.profileAt(ctx, f, r)}
	g.columns = weigh(columnsOf(r.Schema()), g.profile)
	g.Of = len(g.columns)
	shown, rows, _, err := r.rows(ctx, publish.RowQuery{Columns: names(choose(g.columns, previewColumns)), Limit: previewRows}, previewText, false)
	if err != nil {
		return nil, fmt.Errorf("read first rows of %s: %w", f.ID, err)
	}
	g.Table = rowsTable{Label: "Aperçu des données", Class: "apercu", Columns: plainColumns(shown), Rows: rows}
	g.Table.Caption = "Les " + number(len(rows)) + " premières lignes"
	if len(rows) == 1 {
		g.Table.Caption = "La première ligne"
	}
	if len(shown) < g.Of {
		g.Table.Caption += ", " + number(len(shown)) + " colonnes sur " + number(g.Of)
	}
	_, g.Totals = r.tally(ctx, nil)
	g.Years = r.years(ctx, g.columns, s.Now().Year())
	return g, nil
}

// placeColumns are the columns that say where a row is: those that give a table a place, alone or with another that alone does not.
func placeColumns(s *schemas.Schema) (out []string) {
	maps, ok := publish.FormatNamed("geojson")
	if !ok || !maps.Fits(s) {
		return nil
	}
	fits := func(at ...int) bool {
		part := *s
		part.Fields = nil
		for _, i := range at {
			part.Fields = append(part.Fields, s.Fields[i])
		}
		return maps.Fits(&part)
	}
	alone := make([]bool, len(s.Fields))
	for i := range s.Fields {
		alone[i] = fits(i)
	}
	for i := range s.Fields {
		place := alone[i]
		for j := 0; j < len(s.Fields) && !place; j++ {
			place = j != i && !alone[j] && fits(min(i, j), max(i, j))
		}
		if place {
			out = append(out, s.Fields[i].Name)
		}
	}
	return out
}

// A years is a number of each year, drawn as bars and told in a table.
type years struct {
	Title  string
	Of     string // what is counted, in a sentence
	Bars   string // the path of all bars but the last
	Last   string // that of the last
	Width  int    // of the drawing
	List   []yearValue
	Before bool // there are earlier years than those shown
	money  bool
}

type yearValue struct {
	Year, Value string
	value       float64
}

const (
	maxYears  = 15
	firstYear = 1900
	barWidth  = 40
	barHeight = 120
)

// years adds up a table by year: euros where it has a column of them, quantities beside a column of years, rows otherwise. It is nil where
// no column has dates, where they are all of one year, and where it would take too long.
func (r *reader) years(ctx context.Context, all []column, thisYear int) *years {
	at := slices.IndexFunc(all, func(c column) bool { return c.Name != "moissonne_le" && isTime(&c) })
	if at < 0 {
		return nil
	}
	out := &years{Title: "Lignes par année", Of: "Nombre de lignes"}
	sum := publish.Aggregate{Func: publish.Count}
	quantity := func(c column) bool {
		return c.look == lookNumber && c.Type == schemas.Integer && has(nameWords(c.Name), []string{"nombre", "nb", "total", "occurrences"})
	}
	if i := slices.IndexFunc(all, func(c column) bool { return c.look == lookEuros }); i >= 0 {
		sum, out.Title, out.Of, out.money = publish.Aggregate{Column: all[i].Name, Func: publish.Sum}, all[i].Title+" par année", all[i].Title+" en euros", true
	} else if i := slices.IndexFunc(all, quantity); i >= 0 {
		sum, out.Title, out.Of = publish.Aggregate{Column: all[i].Name, Func: publish.Sum}, all[i].Title+" par année", all[i].Title
	}
	groups, err := r.texts(ctx, publish.RowQuery{GroupBy: []string{all[at].Name}, Aggregates: []publish.Aggregate{sum}})
	if err != nil {
		return nil
	}
	sums := map[int]float64{}
	for _, g := range groups {
		year, err := strconv.Atoi(g[0][:min(4, len(g[0]))])
		value, bad := strconv.ParseFloat(g[1], 64)
		if err == nil && bad == nil && year >= firstYear && year <= thisYear+1 {
			sums[year] += value
		}
	}
	return out.draw(sums)
}

// isTime tells whether a column says when: a date, or a year written alone.
func isTime(c *column) bool {
	if c.look == lookDate || c.look == lookMoment || c.Type == schemas.Year {
		return true
	}
	return c.Type == schemas.Integer && has(nameWords(c.Name), []string{"annee", "année", "exercice", "year"})
}

// draw makes the bars; nil for less than two years, or without anything to draw.
func (y *years) draw(sums map[int]float64) *years {
	if len(sums) < 2 {
		return nil
	}
	var all []int
	for year := range sums {
		all = append(all, year)
	}
	slices.Sort(all)
	last := all[len(all)-1]
	first := max(all[0], last-maxYears+1)
	y.Before = first > all[0]
	most := 0.0
	for year := first; year <= last; year++ {
		v := max(sums[year], 0)
		most = max(most, v)
		y.List = append(y.List, yearValue{strconv.Itoa(year), y.show(sums[year]), v})
	}
	if most == 0 || math.IsInf(most, 0) {
		return nil
	}
	for i, v := range y.List {
		bar := bar(i*(barWidth+8), barWidth, v.value/most, barHeight)
		if i == len(y.List)-1 {
			y.Last = bar
		} else {
			y.Bars += bar
		}
	}
	y.Width = len(y.List)*(barWidth+8) - 8
	return y
}

// bar is the path of a bar that stands on the ground; one that is not nothing is seen.
func bar(x, width int, share float64, height int) string {
	if share <= 0 || math.IsNaN(share) {
		return ""
	}
	h := max(int(math.Round(share*float64(height))), 1)
	return fmt.Sprintf("M%d %dh%dv%dh-%dz", x, height-h, width, h, width)
}

func (y *years) show(v float64) string {
	text := strconv.FormatFloat(v, 'f', 0, 64)
	if y.money {
		return euros(text)
	}
	return frenchNumber(text)
}

// Ends are the first and the last year of the drawing.
func (y *years) Ends() [2]yearValue { return [2]yearValue{y.List[0], y.List[len(y.List)-1]} }

// wholeEuros writes a sum without its cents.
func wholeEuros(sum string) string {
	v, err := strconv.ParseFloat(sum, 64)
	if err != nil || math.Abs(v) >= 1e15 {
		return sum
	}
	return euros(strconv.FormatFloat(v, 'f', 0, 64))
}

func integerIn(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return -1
	}
	return n
}
