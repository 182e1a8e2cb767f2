package publish

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"time"

	"grenier/schemas"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

// A SeriesPart is one version of one member's table that goes into a series.
type SeriesPart struct {
	SIREN, Member         string    // provenance columns
	Dataset               uuid.UUID // for messages
	Version               int
	Harvested             time.Time // its day, as its own location has it, is a provenance column
	CSV, Parquet, Origins string    // blob keys; Origins "": where the rows came from is not known
	Source                string    // name of the source file of rows whose document has none
}

// name says which part a message is about.
func (p *SeriesPart) name() string {
	return fmt.Sprintf("%s (SIREN %s), dataset %s, version %d", p.Member, p.SIREN, p.Dataset, p.Version)
}

// A SeriesOrder is one series to be made. The parts are in the order of the series, which decides its bytes.
type SeriesOrder struct {
	Schema *schemas.Schema // the columns of the series
	Meta   Meta
	Dir    string // folder for temporary files, on the blob store's file system when it is local
	Parts  []SeriesPart

	// Owners tells which of two parts (their indexes) owns a row that both have, -1 when neither does: then both keep it. nil: never any.
	Owners func(a, b int) int
}

// NoYear is the Year of the file with the rows that have none, or one that cannot be right: before firstYear, after lastYear.
const NoYear = -1

const (
	firstYear = 1900
	lastYear  = 2199
)

// A SeriesFile is one file of a series: the whole (Year 0), the rows of one year, or those without one, or without a likely one (NoYear).
// It is stored under its Key. A CSV is assembled when it is read: see Assembling; Bytes and SHA256 are those of what a reader gets.
type SeriesFile struct {
	Pressed
	Year int
}

// A Conflict is a key that several parts have.
type Conflict struct {
	Key    []string // the cells of the columns Schema.Series.Key
	Places []Place  // in the order of the series
	Owner  int      // the part whose row stays alone, -1 when all stay
}

// A Place is where a row came from.
type Place struct {
	Part     int    // index among the order's
	Document string // name of the source file
	Line     int64  // 0 when it is not known
	Kept     bool   // the row is in the series
}

// maxConflicts is how many conflicts are told one by one.
const maxConflicts = 200

// A SeriesResult says what was made.
type SeriesResult struct {
	Files         []SeriesFile // CSV, then Parquet, of the whole and of each year
	Fields        *schemas.Schema
	Rows          int64
	PartRows      []int64 // by part: rows of it in the series
	Years         []int   // of Files, rising; NoYear, if there is such a file, last
	Conflicts     []Conflict
	ConflictCount int64
	Left          []int64 // by part: rows left out because another part owns them
	Extra         []int   // by part: columns that the series does not have
	Cast          []int64 // by part: cells that were turned into another type
	Lost          []int64 // by part: cells among them that could not, and are empty in the series

	Copied, Encoded int // column chunks whose bytes were copied, and that were encoded anew
}

// The provenance columns, in order. A schema that has one of the names gets "grenier_" before it.
var provenance = []schemas.Field{
	{Name: "membre_siren", Title: "SIREN du membre", Description: "Numéro SIREN de la collectivité qui a publié la ligne.", Type: schemas.String},
	{Name: "membre_nom", Title: "Nom du membre", Description: "Nom de la collectivité qui a publié la ligne.", Type: schemas.String},
	{Name: "fichier_source", Title: "Fichier d’origine", Description: "Nom du fichier déposé d’où vient la ligne.", Type: schemas.String},
	{Name: "ligne_source", Title: "Ligne d’origine", Description: "Numéro de la ligne dans ce fichier.", Type: schemas.Integer},
	{Name: "version", Title: "Version", Description: "Numéro de la version du jeu de données du membre.", Type: schemas.Integer},
	{Name: "moissonne_le", Title: "Date du moissonnage", Description: "Jour où le fichier a été moissonné.", Type: schemas.Date},
}

// SeriesFields is a schema with the provenance columns of a series behind its own.
func SeriesFields(s *schemas.Schema) *schemas.Schema {
	out := *s
	out.PrimaryKey = nil // members may well share keys
	out.Fields = slices.Clone(s.Fields)
	for _, f := range provenance {
		for out.Field(f.Name) >= 0 {
			f.Name = "grenier_" + f.Name
		}
		f.Format = "default"
		out.Fields = append(out.Fields, f)
	}
	return &out
}

// PressSeries makes the files of a series and stores them. Nothing but orphans, which no catalogue names, is left after an error.
//
// Parquet pages of the parts are copied as they are; only a row group that loses rows to another part, or whose columns have other types, is
// encoded again. The same order gives the same files.
func PressSeries(ctx context.Context, blobs BlobStore, o SeriesOrder) (*SeriesResult, error) {
	p, err := newSeriesPress(blobs, o)
	if err == nil {
		defer p.discard()
		err = p.run(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("press series %s: %w", o.Schema.ID.Name(), err)
	}
	return p.result, nil
}

// A seriesPress is a series being made.
type seriesPress struct {
	blobs  BlobStore
	order  SeriesOrder
	fields *schemas.Schema
	year   string                // the column that divides the series, "" for none
	skips  []skipped             // by part
	years  []map[int]int64       // by part: rows by year
	lists  []listPart            // by part: how its CSV is read
	casts  [][]bool              // by part: the columns of the schema that have another type there; nil for none
	files  map[int]*seriesWriter // by year, 0 for the whole
	result *SeriesResult
}

func newSeriesPress(blobs BlobStore, o SeriesOrder) (*seriesPress, error) {
	if len(o.Schema.Fields) == 0 || len(o.Parts) == 0 {
		return nil, errors.New("no column or no part")
	}
	n := len(o.Parts)
	p := &seriesPress{
		blobs: blobs, order: o, fields: SeriesFields(o.Schema), skips: make([]skipped, n), years: make([]map[int]int64, n), lists: make([]listPart, n),
		casts: make([][]bool, n), files: map[int]*seriesWriter{},
	}
	if yearColumn(o.Schema) >= 0 {
		p.year = o.Schema.Series.Year
	}
	p.result = &SeriesResult{
		Fields: p.fields, PartRows: make([]int64, n), Left: make([]int64, n), Extra: make([]int, n), Cast: make([]int64, n), Lost: make([]int64, n),
	}
	if o.Dir == "" {
		return p, nil
	}
	return p, os.MkdirAll(o.Dir, 0o750)
}

func (p *seriesPress) run(ctx context.Context) error {
	if err := p.findConflicts(ctx); err != nil {
		return err
	}
	if err := p.pressParquet(ctx); err != nil {
		return err
	}
	lists, err := p.makeLists(ctx)
	if err != nil {
		return err
	}
	for _, year := range append([]int{0}, p.result.Years...) {
		if err := p.store(ctx, year, lists[year]); err != nil {
			return err
		}
	}
	return nil
}

// pressParquet writes the Parquet files, part after part.
func (p *seriesPress) pressParquet(ctx context.Context) error {
	if _, err := p.file(0); err != nil {
		return err
	}
	for i := range p.order.Parts {
		if err := p.addPart(ctx, i); err != nil {
			return fmt.Errorf("%s: %w", p.order.Parts[i].name(), err)
		}
	}
	for year, f := range p.files {
		if err := f.finish(); err != nil {
			return err
		}
		if year != 0 {
			p.result.Years = append(p.result.Years, year)
		}
	}
	slices.SortFunc(p.result.Years, func(a, b int) int { return cmp.Compare(uint(a), uint(b)) }) // NoYear last
	p.result.Rows = p.files[0].total
	return nil
}

// file is the Parquet file of a year, begun when it is first asked for.
func (p *seriesPress) file(year int) (*seriesWriter, error) {
	if f := p.files[year]; f != nil {
		return f, nil
	}
	f, err := newSeriesWriter(p.order.Dir, p.fields, p.order.Meta)
	if err != nil {
		return nil, err
	}
	p.files[year] = f
	return f, nil
}

// store stores the two files of a year.
func (p *seriesPress) store(ctx context.Context, year int, l *list) error {
	csv, err := l.store(ctx, p.blobs)
	if err != nil {
		return err
	}
	parquet, err := p.files[year].store(ctx, p.blobs)
	if err != nil {
		return err
	}
	p.result.Files = append(p.result.Files, SeriesFile{csv, year}, SeriesFile{parquet, year})
	return nil
}

func (p *seriesPress) discard() {
	for _, f := range p.files {
		f.discard()
	}
}

// eachPart calls fn for all parts, several at once.
func (p *seriesPress) eachPart(ctx context.Context, fn func(ctx context.Context, i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range p.order.Parts {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := fn(ctx, i); err != nil {
				return fmt.Errorf("%s: %w", p.order.Parts[i].name(), err)
			}
			return nil
		})
	}
	return g.Wait()
}

// openMissing says what is missing: the chain ends in fs.ErrNotExist.
func openMissing(what, key string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("its %s %s is gone: %w", what, key, err)
	}
	return fmt.Errorf("open its %s %s: %w", what, key, err)
}
