package publish

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"sync"
	"time"

	"grenier/schemas"
)

// listForm is the form of lists that this program writes. What a form assembles never changes, for a list promises a sum.
const listForm = 1

// errOtherBytes says that what a list names is not what it was made from.
var errOtherBytes = errors.New("the files that it is made of are not those of its list")

// A list describes a CSV file that is assembled from those of the parts of a series, with provenance cells behind the cells of each record.
type list struct {
	Form      int        `json:"form"`
	Size      int64      `json:"size"`   // of the assembled file
	SHA256    string     `json:"sha256"` // of the assembled file
	Rows      int64      `json:"rows"`
	Year      int        `json:"year,omitempty"` // only rows of this year; 0: all
	Delimiter string     `json:"delimiter"`
	Columns   []string   `json:"columns"` // with those of provenance
	Parts     []listPart `json:"parts"`
}

// A listPart is one part of a list.
type listPart struct {
	SIREN     string     `json:"siren"`
	Member    string     `json:"member"`
	Source    string     `json:"source"`
	Version   int        `json:"version"`
	Harvested string     `json:"harvested"`
	Bytes     int64      `json:"bytes"` // that it gives to the assembled file
	CSV       string     `json:"csv"`
	Head      int64      `json:"head"`                // bytes of its header line
	Delimiter string     `json:"delimiter,omitempty"` // when it is another
	Cells     []listCell `json:"cells,omitempty"`     // by column of the schema; none: records are copied as they are
	Rows      int64      `json:"rows"`                // its records
	Origins   string     `json:"origins,omitempty"`
	Table     string     `json:"table,omitempty"`  // without origins: the Parquet file, whose column says the years
	Column    string     `json:"column,omitempty"` // that column
	Skip      []byte     `json:"skip,omitempty"`   // records left out: their numbers from 0 on, each less the one before, as uvarints

	names []string // while it is made: the columns
	index int      // and its number in the order
}

// A listCell says where a cell of the series is in a part's record.
type listCell struct {
	From int    `json:"from"`           // -1: nowhere
	Null string `json:"null,omitempty"` // the text of a cell without value
	Cast string `json:"cast,omitempty"` // the type it is turned into, when the part's is another
}

// castTypes are the types of Cast.
var castTypes = map[schemas.Physical]string{
	schemas.Text: "text", schemas.Int64: "integer", schemas.Float: "number", schemas.Bool: "boolean", schemas.Days: "date", schemas.Micros: "datetime",
}

// header is the first line of the assembled file.
func (l *list) header() []byte { return headerLine(l.Columns, l.Delimiter[0]) }

func headerLine(names []string, delimiter byte) []byte {
	d := newCSVDialect(delimiter)
	var line []byte
	for i, name := range names {
		if i > 0 {
			line = append(line, delimiter)
		}
		line = d.appendCell(line, []byte(name))
	}
	return append(line, '\n')
}

// failed says which part an error is about.
func (l *list) failed(part int, err error) error {
	p := &l.Parts[part]
	return fmt.Errorf("assemble rows of %s (SIREN %s), version %d: %w", p.Member, p.SIREN, p.Version, err)
}

// makeLists makes the lists of the series, by year; 0 is the whole.
func (p *seriesPress) makeLists(ctx context.Context) (map[int]*list, error) {
	if err := p.eachPart(ctx, p.describe); err != nil {
		return nil, err
	}
	m := &listMeasure{blobs: p.blobs, whole: p.newList(0), years: map[int]*list{}, sums: map[int]hash.Hash{0: sha256.New()}}
	lists := map[int]*list{0: m.whole}
	for _, year := range p.result.Years {
		l := p.newList(year)
		lists[year], m.years[year], m.sums[year] = l, l, sha256.New()
	}
	if err := m.run(ctx); err != nil {
		return nil, err
	}
	for year, l := range lists {
		if want := p.files[year].total; l.Rows != want {
			return nil, fmt.Errorf("assemble rows of year %d: %d of them, %d in Parquet", year, l.Rows, want)
		}
	}
	return lists, nil
}

// newList is the list of a year, without sums.
func (p *seriesPress) newList(year int) *list {
	l := &list{Form: listForm, Year: year, Delimiter: string(delimiterOf(p.order.Schema)), Columns: namesOf(p.fields)}
	for i := range p.lists {
		if year == 0 && p.result.PartRows[i] == 0 || year != 0 && p.years[i][year] == 0 {
			continue
		}
		l.Parts = append(l.Parts, p.lists[i])
	}
	return l
}

func delimiterOf(s *schemas.Schema) byte { return newCSVDialect(s.Delimiter).delimiter }

// describe says how the CSV of part i is read.
func (p *seriesPress) describe(ctx context.Context, i int) error {
	part, l := &p.order.Parts[i], &p.lists[i]
	l.SIREN, l.Member, l.Source, l.Version = part.SIREN, part.Member, part.Source, part.Version
	l.Harvested = part.Harvested.Format(time.DateOnly)
	l.CSV, l.Origins, l.Skip = part.CSV, part.Origins, packRanks(p.skips[i].ranks)
	if l.index = i; l.Origins == "" && p.year != "" {
		l.Table, l.Column = part.Parquet, p.year
	}
	delimiter, head, err := csvHead(ctx, p.blobs, part.CSV, l.names, delimiterOf(p.order.Schema))
	if err != nil {
		return err
	}
	l.Head = head
	if want := delimiterOf(p.order.Schema); delimiter != want {
		l.Delimiter = string(delimiter)
	}
	if l.Delimiter != "" || !p.sameColumns(i) {
		l.Cells = p.cellsOf(i)
	}
	return nil
}

// sameColumns tells whether records of a part are records of the series.
func (p *seriesPress) sameColumns(i int) bool {
	return slices.Equal(p.lists[i].names, namesOf(p.order.Schema)) && p.casts[i] == nil
}

func (p *seriesPress) cellsOf(i int) (cells []listCell) {
	for c := range p.order.Schema.Fields {
		f := &p.order.Schema.Fields[c]
		cell := listCell{From: slices.Index(p.lists[i].names, f.Name), Null: nullText(p.order.Schema, f)}
		if p.casts[i] != nil && p.casts[i][c] {
			cell.Cast = castTypes[f.Physical()]
		}
		cells = append(cells, cell)
	}
	return cells
}

// csvHead reads the header line of a part's CSV: its columns are known, its delimiter shows.
func csvHead(ctx context.Context, blobs BlobStore, key string, names []string, likely byte) (delimiter byte, head int64, err error) {
	b, err := blobs.Open(ctx, key)
	if err != nil {
		return 0, 0, openMissing("CSV file", key, err)
	}
	defer b.Close()
	for _, d := range []byte{likely, ',', ';', '\t', '|'} {
		line := headerLine(names, d)
		got := make([]byte, len(line))
		if readFull(b, got, 0) == nil && bytes.Equal(got, line) {
			return d, int64(len(line)), nil
		}
	}
	return 0, 0, fmt.Errorf("its CSV file %s has other columns than its Parquet file", key)
}

func packRanks(ranks []int64) (out []byte) {
	last := int64(0)
	for _, r := range ranks {
		out = binary.AppendUvarint(out, uint64(r-last))
		last = r
	}
	return out
}

// A listMeasure assembles the whole file once, to know its size and its sum, and those of the files of the years, whose records are the same.
// While it assembles some records, those before them go into the sums.
type listMeasure struct {
	blobs   BlobStore
	whole   *list
	years   map[int]*list
	sums    map[int]hash.Hash // by year
	hashing sync.WaitGroup    // of what is in spare
	spare   *assembly         // memory
}

func (m *listMeasure) run(ctx context.Context) (err error) {
	defer m.hashing.Wait()
	m.spare = &assembly{}
	memory := &assembly{}
	if len(m.years) > 0 {
		m.spare.split, memory.split = map[int64]*yearSlice{}, map[int64]*yearSlice{}
	}
	for year, l := range m.lists {
		head := l.header()
		m.sums[year].Write(head)
		l.Size = int64(len(head))
	}
	for i := range m.whole.Parts {
		if memory, err = m.part(ctx, i, memory); err != nil {
			return m.whole.failed(i, err)
		}
	}
	m.hashing.Wait()
	for year, l := range m.lists {
		l.SHA256 = hex.EncodeToString(m.sums[year].Sum(nil))
	}
	return nil
}

// count counts records that a part gives.
func (l *list) count(part *listPart, b []byte, records int64) {
	part.Bytes += int64(len(b))
	l.Size += int64(len(b))
	l.Rows += records
}

// part is the part that is number index in the order.
func (l *list) part(index int) *listPart {
	i, _ := slices.BinarySearchFunc(l.Parts, index, func(p listPart, index int) int { return cmp.Compare(p.index, index) })
	return &l.Parts[i]
}

// lists gives all lists, each with its year.
func (m *listMeasure) lists(yield func(year int, l *list) bool) {
	if !yield(0, m.whole) {
		return
	}
	for year, l := range m.years {
		if !yield(year, l) {
			return
		}
	}
}

// part measures one part; the assembly that it returns is closed.
func (m *listMeasure) part(ctx context.Context, i int, memory *assembly) (*assembly, error) {
	a, err := openAssembly(ctx, m.blobs, m.whole, &m.whole.Parts[i], memory)
	if err != nil {
		return memory, err
	}
	defer a.close()
	for {
		_, err := a.next(ctx)
		if errors.Is(err, io.EOF) {
			return a, nil
		}
		if err != nil {
			return a, err
		}
		m.hashing.Wait()
		a.out, m.spare.out, m.spare.given = m.spare.out, a.out, a.given
		a.split, m.spare.split = m.spare.split, a.split
		if err := m.count(i); err != nil {
			return a, err
		}
	}
}

// count counts what is in spare and puts it into the sums.
func (m *listMeasure) count(i int) error {
	part := &m.whole.Parts[i]
	m.whole.count(part, m.spare.out, m.spare.given)
	for year, s := range m.spare.split {
		if s.given == 0 {
			continue
		}
		l := m.years[int(year)]
		if l == nil {
			return errOrigins
		}
		l.count(l.part(part.index), s.out, s.given)
	}
	m.hashing.Go(func() { m.sums[0].Write(m.spare.out) })
	m.hashing.Go(func() {
		for year, s := range m.spare.split {
			if len(s.out) > 0 {
				m.sums[int(year)].Write(s.out)
			}
		}
	})
	return nil
}

// store stores the list.
func (l *list) store(ctx context.Context, blobs BlobStore) (Pressed, error) {
	data, err := json.Marshal(l)
	if err != nil {
		return Pressed{}, err
	}
	sum := sha256.Sum256(data)
	name := hex.EncodeToString(sum[:])
	p := Pressed{Format: "csv", Key: listPrefix + name[:2] + "/" + name + ".csv", Bytes: l.Size, Rows: l.Rows, SHA256: l.SHA256}
	if err := blobs.Put(ctx, p.Key, bytes.NewReader(data)); err != nil {
		return p, fmt.Errorf("store %s: %w", p.Key, err)
	}
	return p, nil
}
