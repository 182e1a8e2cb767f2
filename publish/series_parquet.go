package publish

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"grenier/schemas"

	"github.com/parquet-go/parquet-go/format"
)

// A seriesWriter writes one Parquet file of row groups that are encoded already. What is in the files of the parts is named, not copied.
type seriesWriter struct {
	*parquetWriter
	out       *piecesWriter
	buffer    []byte
	described []seriesGroup

	// Encoded, of all columns of all row groups in order.
	metas, columnIndex, offsetIndex []byte
}

func newSeriesWriter(dir string, s *schemas.Schema, m Meta) (*seriesWriter, error) {
	out, err := newPiecesWriter(dir)
	if err != nil {
		return nil, err
	}
	w := &seriesWriter{parquetWriter: &parquetWriter{w: out, schema: s, meta: m}, out: out}
	if err := w.write([]byte(parquetMagic)); err != nil {
		w.discard()
		return nil, err
	}
	return w, nil
}

// add adds rows from to to, counted in the row group that the columns are, as a row group.
func (w *seriesWriter) add(columns []seriesColumn, sorted []format.SortingColumn, from, to int64) error {
	if len(w.described) > math.MaxInt16 {
		return fmt.Errorf("more than %d row groups", len(w.described))
	}
	g := seriesGroup{columns: make([]seriesChunk, len(columns))}
	g.NumRows, g.FileOffset, g.Ordinal, g.SortingColumns = to-from, w.offset, int16(len(w.described)), sorted
	placed := make([]seriesColumn, len(columns))
	for i := range columns {
		var err error
		if placed[i], err = w.place(&columns[i], from, to); err != nil {
			return fmt.Errorf("column %s: %w", w.name(i), err)
		}
		g.TotalByteSize += placed[i].meta.TotalUncompressedSize
		g.TotalCompressedSize += placed[i].meta.TotalCompressedSize
	}
	for i := range columns {
		if err := w.placeBloom(&columns[i], &placed[i].meta); err != nil {
			return fmt.Errorf("column %s: %w", w.name(i), err)
		}
		g.columns[i] = w.keep(&placed[i])
	}
	w.described = append(w.described, g)
	w.total += to - from
	return nil
}

// place writes some rows of a column and returns it with its places in the file.
func (w *seriesWriter) place(c *seriesColumn, from, to int64) (seriesColumn, error) {
	whole := *c
	if c.constant != nil {
		made, err := c.constant.column(to - from)
		if err != nil {
			return made, err
		}
		whole = made
	} else if from > 0 || to < c.rows {
		part, dict, data, err := c.part(from, to)
		if err != nil {
			return part, err
		}
		moved := part.moved(w.offset, w.offset+int64(len(dict)))
		if err := w.refer(c.key, c.meta.DictionaryPageOffset, dict); err != nil {
			return moved, err
		}
		return moved, w.refer(c.key, part.meta.DataPageOffset, data)
	}
	start := whole.start()
	moved := whole.moved(w.offset, w.offset+whole.meta.DataPageOffset-start)
	return moved, w.copy(&whole, start, whole.meta.TotalCompressedSize)
}

// moved is the column with its dictionary and its pages at other offsets. What it says of them is its own.
func (c *seriesColumn) moved(dict, data int64) seriesColumn {
	m := *c
	m.r = nil
	if m.meta.DictionaryPageOffset > 0 {
		m.meta.DictionaryPageOffset = dict
	}
	m.pages = slices.Clone(c.pages)
	for i := range m.pages {
		m.pages[i].Offset += data - c.meta.DataPageOffset
	}
	m.meta.DataPageOffset = data
	m.meta.IndexPageOffset, m.meta.BloomFilterOffset, m.meta.BloomFilterLength = 0, 0, 0
	return m
}

// placeBloom copies the filter of a column that was copied whole; m is its new description.
func (w *seriesWriter) placeBloom(c *seriesColumn, m *format.ColumnMetaData) error {
	n := int64(c.meta.BloomFilterLength)
	if c.constant != nil || c.meta.BloomFilterOffset <= 0 || n <= 0 || m.NumValues != c.rows {
		return nil
	}
	m.BloomFilterOffset, m.BloomFilterLength = w.offset, c.meta.BloomFilterLength
	return w.copy(c, c.meta.BloomFilterOffset, n)
}

// copy adds bytes of the file that a column is in.
func (w *seriesWriter) copy(c *seriesColumn, at, n int64) error {
	if m, ok := c.r.(memory); ok {
		b, err := readBytes(m, at, n)
		if err != nil {
			return err
		}
		return w.refer(c.key, at, b)
	}
	if w.buffer == nil {
		w.buffer = make([]byte, 256<<10)
	}
	for n > 0 {
		b := w.buffer[:min(n, int64(len(w.buffer)))]
		if err := readFull(c.r, b, at); err != nil {
			return err
		}
		if err := w.refer(c.key, at, b); err != nil {
			return err
		}
		at, n = at+int64(len(b)), n-int64(len(b))
	}
	return nil
}

// refer adds bytes that are in a file of a part, or in none.
func (w *seriesWriter) refer(key string, at int64, b []byte) error {
	if key == "" {
		return w.write(b)
	}
	if err := w.out.refer(key, at, b); err != nil {
		return fmt.Errorf("write parquet: %w", err)
	}
	w.offset += int64(len(b))
	return nil
}

// finish ends the file.
func (w *seriesWriter) finish() error {
	if err := w.writeEnd(); err != nil {
		return err
	}
	w.described, w.metas, w.columnIndex, w.offsetIndex = nil, nil, nil, nil
	return nil
}

// store stores the file.
func (w *seriesWriter) store(ctx context.Context, blobs BlobStore) (Pressed, error) {
	defer w.discard()
	format, _ := FormatNamed("parquet")
	return w.out.store(ctx, blobs, format, w.total)
}

func (w *seriesWriter) discard() { w.out.discard() }

// A partColumns says how the columns of a part become those of the series.
type partColumns struct {
	file   *partFile
	origin *origin
	source []int  // by column of the schema: that of the part, -1 without one
	cast   []bool // by column of the schema: its type is another
}

// columnsOf finds the columns of the series in those of a part; extra is how many of the part's are left out.
func columnsOf(s, part *schemas.Schema) (source []int, cast []bool, extra int) {
	extra = len(part.Fields)
	for i := range s.Fields {
		c := part.Field(s.Fields[i].Name)
		if c >= 0 {
			extra--
		}
		source = append(source, c)
		cast = append(cast, c >= 0 && part.Fields[c].Physical() != s.Fields[i].Physical())
	}
	return source, cast, extra
}

// errNoOrigins says that nothing tells which row of the CSV is which of the Parquet file.
var errNoOrigins = errors.New("its rows are in another order than in its CSV file, and it has no origins file")

// addPart adds a part to the Parquet files.
func (p *seriesPress) addPart(ctx context.Context, i int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	part := &p.order.Parts[i]
	file, err := openPartFile(ctx, p.blobs, "Parquet file", part.Parquet)
	if err != nil {
		return err
	}
	defer file.close()
	if part.Origins == "" && slices.ContainsFunc(file.groups, func(g format.RowGroup) bool { return len(g.SortingColumns) > 0 }) {
		return errNoOrigins
	}
	from, err := openOrigin(ctx, p.blobs, part.Origins, part.Source, file.table, p.year)
	if err != nil {
		return err
	}
	defer from.close()
	a := &partAdder{press: p, i: i, partColumns: partColumns{file: file, origin: from}, result: p.result}
	a.source, a.cast, p.result.Extra[i] = columnsOf(p.order.Schema, file.table.schema)
	p.years[i] = map[int]int64{}
	p.lists[i].Rows, p.lists[i].names = file.table.rows, namesOf(file.table.schema)
	if slices.Contains(a.cast, true) {
		p.casts[i] = a.cast
	}
	for g := range file.groups {
		if err := a.group(ctx, g); err != nil {
			return fmt.Errorf("row group %d: %w", g, err)
		}
	}
	return nil
}

func namesOf(s *schemas.Schema) (names []string) {
	for i := range s.Fields {
		names = append(names, s.Fields[i].Name)
	}
	return names
}

// A partAdder adds one part to the Parquet files.
type partAdder struct {
	partColumns
	press  *seriesPress
	i      int
	result *SeriesResult
	again  bool // the cells were counted before
}

// group adds a row group of the part to the whole file, and to those of its years.
func (a *partAdder) group(ctx context.Context, g int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	group := a.file.table.groups[g]
	rows := a.press.skips[a.i].kept(group.first, group.first+group.rows)
	n := int64(len(rows))
	a.result.PartRows[a.i] += n
	a.result.Left[a.i] += group.rows - n
	if n == 0 {
		return nil
	}
	runs, err := a.runs(g, rows)
	if err != nil {
		return err
	}
	columns, err := a.columns(g, rows, runs, n < group.rows)
	if err != nil {
		return err
	}
	a.count(columns)
	whole, err := a.press.file(0)
	if err == nil {
		err = whole.add(columns, a.sorted(g), 0, n)
	}
	if err != nil || a.press.year == "" {
		return err
	}
	return a.addYears(g, rows, runs, columns)
}

// sorted says by which columns of the series the rows of a group are in order.
func (a *partAdder) sorted(g int) (sorted []format.SortingColumn) {
	for _, s := range a.file.groups[g].SortingColumns {
		i := slices.Index(a.source, int(s.ColumnIdx))
		if i < 0 || a.cast[i] {
			break
		}
		s.ColumnIdx = int32(i)
		sorted = append(sorted, s)
	}
	return sorted
}

// runs cuts the rows by year; from and to of a run are indexes of rows.
func (a *partAdder) runs(g int, rows []int64) ([]yearRun, error) {
	if a.press.year == "" {
		return nil, nil
	}
	group := a.file.table.groups[g]
	runs, err := a.origin.runs(g, group.first, group.first+group.rows)
	if err != nil {
		return nil, err
	}
	var kept []yearRun
	at := 0
	for _, r := range runs {
		from := at
		for at < len(rows) && rows[at] < r.to {
			at++
		}
		if at > from {
			kept = addRun(kept, yearRun{r.year, int64(from), int64(at)})
		}
	}
	return kept, nil
}

// addYears adds the rows to the files of their years: pages when they end where the years do, rows encoded anew otherwise.
func (a *partAdder) addYears(g int, rows []int64, runs []yearRun, columns []seriesColumn) error {
	for _, r := range runs {
		a.press.years[a.i][r.year] += r.to - r.from
	}
	if !apart(runs) || !cutAtRuns(columns, runs) {
		return a.encodeYears(g, rows, runs)
	}
	for _, r := range runs {
		f, err := a.press.file(r.year)
		if err == nil {
			err = f.add(columns, a.sorted(g), r.from, r.to)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func cutAtRuns(columns []seriesColumn, runs []yearRun) bool {
	for _, r := range runs[1:] {
		for i := range columns {
			if !columns[i].cutAt(r.from) {
				return false
			}
		}
	}
	return true
}

// encodeYears encodes the rows of each year.
func (a *partAdder) encodeYears(g int, rows []int64, runs []yearRun) error {
	a.again = true
	defer func() { a.again = false }()
	byYear := map[int][]int64{}
	var years []int
	for _, r := range runs {
		if byYear[r.year] == nil {
			years = append(years, r.year)
		}
		byYear[r.year] = append(byYear[r.year], rows[r.from:r.to]...)
	}
	for _, year := range years {
		columns, err := a.columns(g, byYear[year], nil, true)
		if err != nil {
			return err
		}
		a.count(columns)
		f, err := a.press.file(year)
		if err == nil {
			err = f.add(columns, a.sorted(g), 0, int64(len(byYear[year])))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// count counts what was copied and what was encoded.
func (a *partAdder) count(columns []seriesColumn) {
	for i := range columns {
		switch {
		case columns[i].constant != nil:
		case columns[i].encoded:
			a.result.Encoded++
		default:
			a.result.Copied++
		}
	}
}

// columns are those of the series for some rows of a row group: all as they are, or, when some are left out, encoded anew.
func (a *partAdder) columns(g int, rows []int64, runs []yearRun, some bool) ([]seriesColumn, error) {
	var cuts []int
	for _, r := range runs {
		cuts = append(cuts, int(r.to))
	}
	fields := a.press.fields.Fields
	out := make([]seriesColumn, 0, len(fields))
	for i := range a.source {
		c, err := a.column(g, i, rows, cuts, some)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", fields[i].Name, err)
		}
		out = append(out, c)
	}
	return a.appendProvenance(out, g, rows, cuts, some)
}

// column is column i of the schema.
func (a *partAdder) column(g, i int, rows []int64, cuts []int, some bool) (seriesColumn, error) {
	f := &a.press.fields.Fields[i]
	switch {
	case a.source[i] < 0:
		return seriesColumn{rows: int64(len(rows)), constant: &constantColumn{name: f.Name, physical: f.Physical(), null: true}}, nil
	case a.cast[i]:
		return a.encode(f, rows, cuts, castSource(a.file.table.reader(a.source[i]), f.Physical(), a.countCast))
	case some:
		return a.encode(f, rows, cuts, a.file.table.reader(a.source[i]).cells)
	}
	return a.file.column(g, a.source[i], f.Name)
}

func (a *partAdder) encode(f *schemas.Field, rows []int64, cuts []int, cells cellSource) (seriesColumn, error) {
	c, err := encodeColumn(f.Name, f.Physical(), rows, cuts, cells)
	c.encoded = true
	return c, err
}

// countCast counts a cell of another type.
func (a *partAdder) countCast(ok bool) {
	if a.again {
		return
	}
	a.result.Cast[a.i]++
	if !ok {
		a.result.Lost[a.i]++
	}
}

// appendProvenance appends the columns that say where the rows come from.
func (a *partAdder) appendProvenance(out []seriesColumn, g int, rows []int64, cuts []int, some bool) ([]seriesColumn, error) {
	part, fields := &a.press.order.Parts[a.i], a.press.fields.Fields[len(a.source):]
	constant := func(i int, num uint64, text string) seriesColumn {
		return seriesColumn{rows: int64(len(rows)), constant: &constantColumn{name: fields[i].Name, physical: fields[i].Physical(), num: num, text: []byte(text)}}
	}
	document, err := a.documents(&fields[2], g, rows, cuts, some)
	if err != nil {
		return nil, fmt.Errorf("column %s: %w", fields[2].Name, err)
	}
	line, err := a.lines(&fields[3], g, rows, cuts, some)
	if err != nil {
		return nil, fmt.Errorf("column %s: %w", fields[3].Name, err)
	}
	return append(out, constant(0, 0, part.SIREN), constant(1, 0, part.Member), document, line,
		constant(4, uint64(part.Version), ""), constant(5, uint64(dayOf(part.Harvested)), "")), nil
}

// dayOf is the day of a moment, as its location has it, counted from 1970-01-01.
func dayOf(t time.Time) int64 {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400
}

// documents says which file each row came from. Rows without a document came from the part's source.
func (a *partAdder) documents(f *schemas.Field, g int, rows []int64, cuts []int, some bool) (seriesColumn, error) {
	bare, someBare, err := a.barePages(g)
	if err != nil {
		return seriesColumn{}, err
	}
	switch {
	case bare:
		return seriesColumn{rows: int64(len(rows)), constant: &constantColumn{name: f.Name, physical: f.Physical(), null: len(a.origin.source) == 0, text: a.origin.source}}, nil
	case some || someBare:
		return a.encode(f, rows, cuts, func(row int64) (bool, uint64, []byte, error) {
			text, err := a.origin.documentAt(row)
			return len(text) > 0, 0, text, err
		})
	}
	return a.origin.file.column(g, originDocument, f.Name)
}

// barePages tells whether no row of a row group has a document, and whether some may have none.
func (a *partAdder) barePages(g int) (all, some bool, err error) {
	if a.origin.document == nil {
		return true, true, nil
	}
	pages, err := a.origin.file.table.pages(g, originDocument)
	if err != nil {
		return false, false, err
	}
	all = true
	for i := range pages {
		p := &pages[i]
		bare := p.nulls == p.rows || p.known && len(p.hi.text) == 0
		all = all && bare
		some = some || bare || p.nulls != 0 || !p.known || len(p.lo.text) == 0
	}
	return all, some, nil
}

// lines says which line each row was on.
func (a *partAdder) lines(f *schemas.Field, g int, rows []int64, cuts []int, some bool) (seriesColumn, error) {
	switch {
	case a.origin.line == nil:
		return seriesColumn{rows: int64(len(rows)), constant: &constantColumn{name: f.Name, physical: f.Physical(), null: true}}, nil
	case some:
		return a.encode(f, rows, cuts, a.origin.line.cells)
	}
	return a.origin.file.column(g, originLine, f.Name)
}
