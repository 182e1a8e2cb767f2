package harvest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"grenier/schemas"
)

// Fixed is what Fix made of a file. Path, List and Undo are "" when nothing had to be repaired, or nothing could be.
type Fixed struct {
	Before *schemas.Report
	After  *schemas.Report // the strict verdict of the repaired file, with what was repaired; Before when there is none
	Path   string          // the repaired file
	List   string          // every repair, cell by cell, in JSON
	Undo   string          // what gives the original back, with Undo
}

// Fix judges a file, and writes into dir a copy in which the faults are mended that can be mended without changing what is said:
// NAME-corrige.csv, with NAME-reparations.json and NAME-annulation.zst beside it. Rows that stay at fault are kept, as are columns outside
// the schema. Before and After are told apart by v alone: v.Each and v.Sink hear of the original file. A file that cannot be read as a table
// is an error, as for Validate; documents of a JSON Schema are judged and left alone.
func Fix(ctx context.Context, in Input, v Validation, dir string) (*Fixed, error) {
	before, bad := Validate(ctx, in, v)
	out := &Fixed{Before: before, After: before}
	if v.Schema.Form == schemas.Document || ctx.Err() != nil {
		return out, bad
	}
	f := &fixer{ctx: ctx, in: in, v: v, dir: dir, before: before, report: schemas.NewReport(v.Schema), fixed: out}
	defer f.discard()
	if err := f.survey(); err != nil {
		return out, errors.Join(bad, err)
	}
	if !f.needed() {
		out.After = f.noted(before)
		return out, bad
	}
	if err := f.write(); err != nil {
		return out, err
	}
	if out.Path == "" {
		out.After = f.noted(before)
		return out, bad
	}
	return out, nil
}

// A fixer is one call of Fix.
type fixer struct {
	ctx    context.Context
	in     Input
	v      Validation
	dir    string
	before *schemas.Report
	report *schemas.Report // repairs and warnings
	fixed  *Fixed
	repair *repairer
	info   schemas.SourceInfo
	width  int
	temps  []*os.File
	buf    buffers
}

func (f *fixer) discard() {
	for _, t := range f.temps {
		t.Close()
		os.Remove(t.Name())
	}
}

// each decodes the document once. begin is given the decoder before the first block.
func (f *fixer) each(begin func(Decoder), block func(*schemas.Block) error) error {
	dec, err := Decode(f.in, f.v.Decode.knowing(f.v.Schema))
	if err != nil {
		return at(StageDecode, err)
	}
	defer closeDecoder(dec)
	begin(dec)
	for {
		if err := f.ctx.Err(); err != nil {
			return err
		}
		err := dec.Next(&f.buf.in)
		if f.buf.in.Rows > 0 {
			if err := block(&f.buf.in); err != nil {
				return err
			}
		}
		if err == io.EOF {
			f.info = dec.Info()
			return nil
		}
		if err != nil {
			return at(StageDecode, withSentence(err))
		}
	}
}

// survey is the first reading.
func (f *fixer) survey() error {
	err := f.each(func(dec Decoder) {
		f.width = len(dec.Labels())
		f.repair = newRepairer(f.v.Schema, dec.Labels(), nil)
	}, func(b *schemas.Block) error {
		f.repair.survey(b)
		return nil
	})
	if err == nil {
		f.repair.settle(f.report)
	}
	return err
}

// needed tells whether a repaired file is worth writing: there are faults that may be mended, or the file's own encoding or, when it is at
// fault, its delimiter is not the one that is asked for. A file with broken characters is left alone: to write it anew would hide them.
func (f *fixer) needed() bool {
	if f.repair.broken > 0 {
		f.report.Repairs, f.report.Stats.Repairs = f.report.Repairs[:0], 0
		f.report.Warn(schemas.Issue{Type: "repair-refused", Message: "Des cellules du fichier sont illisibles (caractères abîmés, guillemet jamais fermé ou formule en erreur)\u00a0: aucune réparation n’a été faite, car elle cacherait ce défaut. Corrigez d’abord ces cellules, que le rapport montre, puis recommencez."})
		return false
	}
	return f.repair.needed() || f.otherEncoding() || f.otherDelimiter()
}

func (f *fixer) otherEncoding() bool { return f.info.Encoding != "" && f.info.Encoding != encodingUTF8 }

func (f *fixer) otherDelimiter() bool {
	return !f.before.Valid && f.info.Delimiter != "" && f.info.Delimiter != string(f.delimiter())
}

func (f *fixer) delimiter() byte {
	if f.v.Schema.Delimiter == 0 {
		return ','
	}
	return f.v.Schema.Delimiter
}

// noted is a report with what the repairs have to say.
func (f *fixer) noted(r *schemas.Report) *schemas.Report {
	noted := *r
	noted.Repairs, noted.Stats.Repairs = f.report.Repairs, f.report.Stats.Repairs
	for _, w := range f.report.Warnings {
		noted.Warn(w)
	}
	return &noted
}

// write is the second reading: it writes the repaired file, the list and what undoes them, and judges anew.
func (f *fixer) write() error {
	if err := os.MkdirAll(f.dir, 0o755); err != nil {
		return fmt.Errorf("make folder of repairs: %w", err)
	}
	table, err := f.temp()
	if err != nil {
		return err
	}
	cells, err := f.temp()
	if err != nil {
		return err
	}
	if err := f.pour(table, cells); err != nil {
		return err
	}
	f.fileRepairs()
	if len(f.report.Repairs) == 0 {
		return nil
	}
	return f.deliver(table, cells)
}

func (f *fixer) temp() (*os.File, error) {
	t, err := os.CreateTemp(f.dir, ".reparation-*")
	if err != nil {
		return nil, fmt.Errorf("create temporary file: %w", err)
	}
	f.temps = append(f.temps, t)
	return t, nil
}

// pour writes the repaired table, and each cell that was mended as a line of JSON.
func (f *fixer) pour(table, cells io.Writer) error {
	w := tableWriter{w: bufio.NewWriterSize(table, 64<<10), delim: f.delimiter()}
	list := bufio.NewWriterSize(cells, 64<<10)
	first := true
	f.repair.each = func(c cellRepair) {
		if !first {
			list.WriteString(",\n")
		}
		first = false
		list.WriteString("    ")
		list.Write(compactJSON(c))
	}
	err := f.each(func(dec Decoder) {
		f.widen(dec)
		w.labels(f.repair.labels)
	}, func(b *schemas.Block) error {
		f.repair.mend(b, &f.buf.mapped, f.report)
		w.block(&f.buf.mapped, f.width)
		return w.err
	})
	if err != nil {
		return err
	}
	if err := errors.Join(w.w.Flush(), list.Flush()); err != nil {
		return fmt.Errorf("write repaired file: %w", err)
	}
	return nil
}

func compactJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.Encode(v) // plain structs: it cannot break
	return bytes.TrimRight(b.Bytes(), "\n")
}

// widen makes the decoder of delimited text keep the cells of long records too: they are not lost on the way.
func (f *fixer) widen(dec Decoder) {
	if f.repair.most <= f.width {
		return
	}
	if u, ok := dec.(*unpacked); ok {
		dec = u.Decoder
	}
	d, ok := dec.(*csvDecoder)
	if !ok {
		f.report.Warn(schemas.Issue{Type: "repair-lost", Message: "Des lignes ont plus de cellules que l’en-tête n’a de noms\u00a0: le contenu de ces cellules en trop n’est pas dans le fichier réparé. Donnez un nom à chaque colonne, puis recommencez."})
		return
	}
	n := min(f.repair.most, maxColumns)
	d.labels = append(d.labels, make([]string, n-f.width)...)
	d.split.width, d.blank = n, 0
}

// fileRepairs adds what changed about the file as a whole.
func (f *fixer) fileRepairs() {
	add := func(op, before, after string) {
		addRepair(f.report, schemas.Repair{Op: op, Count: 1, Sample: &schemas.RepairSample{Before: before, After: after}})
	}
	if f.otherEncoding() {
		add(opEncoding, f.info.Encoding, encodingUTF8)
	}
	if (len(f.report.Repairs) > 0 || f.otherDelimiter()) && f.info.Delimiter != "" && f.info.Delimiter != string(f.delimiter()) {
		add(opDelimiter, f.info.Delimiter, string(f.delimiter()))
	}
}

// deliver gives the three files their names, and judges the repaired one.
func (f *fixer) deliver(table, cells *os.File) error {
	name := baseName(f.in.Name)
	undo, err := f.temp()
	if err != nil {
		return err
	}
	repaired, err := fileInput(name+"-corrige.csv", table)
	if err != nil {
		return err
	}
	after, err := Validate(f.ctx, repaired, Validation{Schema: f.v.Schema, Language: f.v.Language, Tables: f.v.Tables})
	if err != nil && f.ctx.Err() != nil {
		return err
	}
	after = f.noted(after)
	if err := writeUndo(f.ctx, undo, f.in, repaired); err != nil {
		return err
	}
	list, err := f.temp()
	if err != nil {
		return err
	}
	if err := f.writeList(list, cells, after); err != nil {
		return err
	}
	for _, d := range []struct {
		file *os.File
		name string
		path *string
	}{{undo, name + "-annulation.zst", &f.fixed.Undo}, {list, name + "-reparations.json", &f.fixed.List}, {table, name + "-corrige.csv", &f.fixed.Path}} {
		*d.path = filepath.Join(f.dir, d.name)
		if err := errors.Join(d.file.Chmod(0o644), d.file.Close(), os.Rename(d.file.Name(), *d.path)); err != nil {
			return fmt.Errorf("deliver %s: %w", d.name, err)
		}
	}
	f.fixed.After = after
	return nil
}

// baseName is a file's name without its extensions.
func baseName(name string) string {
	name = filepath.Base(name)
	name = strings.TrimSuffix(name, ".gz")
	name = strings.TrimSuffix(name, filepath.Ext(name))
	if name == "" || name == "-" || name == "." || name == string(filepath.Separator) {
		return "entree"
	}
	return name
}

func fileInput(name string, file *os.File) (in Input, err error) {
	st, err := file.Stat()
	if err != nil {
		return in, fmt.Errorf("look at %s: %w", name, err)
	}
	return Input{Name: name, Size: st.Size(), ReaderAt: file}, nil
}

// writeList writes the list of the repairs: the counts, then every cell.
func (f *fixer) writeList(list, cells *os.File, after *schemas.Report) error {
	head := struct {
		File    string           `json:"file"`
		Schema  string           `json:"schema"`
		Version string           `json:"version"`
		Before  string           `json:"sha256_before"`
		After   string           `json:"sha256_after"`
		Repairs []schemas.Repair `json:"repairs"`
	}{f.in.Name, after.Schema, after.Version, f.before.SHA256, after.SHA256, after.Repairs}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(head); err != nil {
		return fmt.Errorf("write list of repairs: %w", err)
	}
	w := bufio.NewWriter(list)
	w.Write(bytes.TrimSuffix(b.Bytes(), []byte("\n}\n")))
	w.WriteString(",\n  \"cells\": [\n")
	if _, err := cells.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read cells of repairs: %w", err)
	}
	_, err := io.Copy(w, cells)
	w.WriteString("\n  ]\n}\n")
	if err := errors.Join(err, w.Flush()); err != nil {
		return fmt.Errorf("write list of repairs: %w", err)
	}
	return nil
}

// A tableWriter writes records as delimited text: UTF-8, lines ended by LF, quotes only around cells that need them.
type tableWriter struct {
	w     *bufio.Writer
	delim byte
	err   error
}

func (t *tableWriter) labels(labels []string) {
	for i, l := range labels {
		t.cell(i, []byte(l))
	}
	t.end()
}

// block writes records as long as they are. Those beyond width whose extra cells are all empty came of delimiters at the line's end.
func (t *tableWriter) block(b *schemas.Block, width int) {
	for r := range b.Rows {
		n := int(b.Count[r])
		for n > width && (n > b.Width || len(b.Cell(r, n-1)) == 0) && emptyFrom(b, r, width) {
			n = width
		}
		for c := range n {
			var text []byte
			if c < b.Width {
				text = b.Cell(r, c)
			}
			if n == 1 && len(text) == 0 {
				t.w.WriteString(`""`) // a blank line would be read as no cell at all
				break
			}
			t.cell(c, text)
		}
		t.end()
	}
}

// emptyFrom tells whether the known cells of a record are empty from one on, and there are some.
func emptyFrom(b *schemas.Block, r, from int) bool {
	for c := from; c < b.Width; c++ {
		if len(b.Cell(r, c)) > 0 {
			return false
		}
	}
	return from < b.Width
}

func (t *tableWriter) cell(i int, text []byte) {
	if i > 0 {
		t.w.WriteByte(t.delim)
	}
	if bytes.IndexByte(text, t.delim) < 0 && !bytes.ContainsAny(text, "\"\r\n") {
		t.w.Write(text)
		return
	}
	t.w.WriteByte('"')
	t.w.Write(bytes.ReplaceAll(text, []byte(`"`), []byte(`""`)))
	t.w.WriteByte('"')
}

func (t *tableWriter) end() {
	if err := t.w.WriteByte('\n'); err != nil && t.err == nil {
		t.err = fmt.Errorf("write repaired file: %w", err)
	}
}
