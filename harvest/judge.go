package harvest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"grenier/catalog"
	"grenier/publish"
	"grenier/schemas"
)

func (r *Runner) getBuffers() *buffers {
	if b, ok := r.buffers.Get().(*buffers); ok {
		return b
	}
	return &buffers{}
}

// judging takes the documents of one run through the table into the draft, and keeps what the gate wants to know.
type judging struct {
	table
	line       *line
	span       span
	keys       sketch
	quarantine *publish.Pressed
	origin     string // name of the document being judged, as a public file may tell it
}

// newJudged prepares the table of one run. Documents of a JSON Schema are not mapped: their records become columns by the schema's own table.
func (l *line) newJudged() *judging {
	j := &judging{line: l}
	j.advice = " La dernière version reste en ligne\u00a0; corrigez l’export puis attendez le prochain moissonnage."
	j.buf, j.judge, j.write = l.getBuffers(), j.open, j.keep
	if s := l.recipe.Judge(); s == nil || s.Form == schemas.Table {
		j.mapper = func(labels []string) (*Mapper, error) { return l.recipe.NewMapper(labels, l.member, l.source.Params) }
		j.repairs, j.table.repaired = l.recipe.repairs, s
	}
	return j
}

// open names the schema and opens the draft, once the columns are known.
func (j *judging) open(labels []string) (*schemas.Schema, error) {
	l := j.line
	s, err := l.recipe.JudgeFor(labels)
	if err != nil {
		return nil, at(StageMap, Permanent(err))
	}
	j.span.column = s.Field(l.recipe.Dataset.Temporal)
	j.keys.find(s)
	l.draft, err = publish.Begin(publish.Order{
		Schema: s, Dir: l.Dir, Formats: l.recipe.formats(s), Origins: l.recipe.national(), Profile: true,
		Meta: publish.Meta{
			Title: l.dataset.Title, Publisher: l.member.Name, License: catalog.LicenseURL(l.dataset.License),
			Source: l.BaseURL + "/id/jeu/" + l.dataset.ID.String(),
		},
	})
	return s, at(StagePublish, err)
}

// keep writes what was checked to the draft.
func (j *judging) keep(document string, labels []string, in *schemas.Block, out *schemas.Batch) error {
	if out.Rows > 0 {
		j.span.add(out)
		j.keys.add(out)
		j.line.draft.Document(j.origin)
		if err := j.line.draft.Write(out); err != nil {
			return at(StagePublish, err)
		}
	}
	if len(out.Rejects) > 0 {
		if err := j.line.draft.Reject(document, labels, in, out.Rejects); err != nil {
			return at(StagePublish, err)
		}
	}
	if l := j.line; l.Progress != nil {
		l.Progress(Step{Source: l.source.ID, Stage: StageCheck, Bytes: l.run.Bytes, Rows: j.report.Stats.Rows})
	}
	return nil
}

// finish ends the table: report, files, and the numbers of the run and the dataset.
func (j *judging) finish() error {
	l, r := j.line, j.report
	j.checker.End(r)
	r.SHA256 = l.deliveryHash()
	r.Stats.Seconds = l.now().Sub(l.run.Started).Seconds()
	r.Finish()
	files, quarantine, err := l.draft.Finish()
	if err != nil {
		return at(StagePublish, err)
	}
	j.quarantine = quarantine
	l.run.Report, l.run.Dataset = r, l.dataset.ID
	l.run.Rows, l.run.Accepted, l.run.Rejected = r.Stats.Rows, r.Stats.Accepted, r.Stats.Rejected
	l.run.Columns, l.run.Sketch = j.columns, j.keys.values()
	if quarantine != nil {
		l.run.Quarantine = &catalog.File{Name: l.recipe.Dataset.Name + "-lignes-ecartees.csv", Key: quarantine.Key, Bytes: quarantine.Bytes, Rows: quarantine.Rows, SHA256: quarantine.SHA256}
	}
	j.describe(files)
	if o := l.draft.Origins(); o != nil {
		l.dataset.Origins = &catalog.File{Key: o.Key, Bytes: o.Bytes, Rows: o.Rows, SHA256: o.SHA256}
	}
	return nil
}

// describe fills what the dataset takes from its rows and files.
func (j *judging) describe(files []publish.Pressed) {
	l, d := j.line, &j.line.dataset
	if l.recipe.national() {
		d.SchemaName, d.SchemaVersion, d.SchemaURL = j.schema.ID.Name(), j.schema.ID.Version(), j.schema.URL
	}
	d.Valid, d.Rows, d.Rejected = j.report.Valid, j.report.Stats.Accepted, j.report.Stats.Rejected
	d.TemporalFrom, d.TemporalTo = j.span.bounds()
	d.Status = catalog.DatasetPublished
	for i := range j.schema.Fields {
		f := &j.schema.Fields[i]
		d.Fields = append(d.Fields, catalog.FieldInfo{Name: f.Name, Title: f.Title, Type: string(f.Type), Description: f.Description})
	}
	for _, p := range files {
		format, _ := publish.FormatNamed(p.Format)
		d.Files = append(d.Files, catalog.File{
			ID: catalog.FileID(d.ID, p.Format), Format: p.Format, Name: l.recipe.Dataset.Name + format.Ext,
			Title: d.Title + " (" + format.Title + ")", Key: p.Key, Bytes: p.Bytes, Rows: p.Rows, SHA256: p.SHA256,
		})
	}
}

// deliveryHash is the SHA-256 of the one document, or of the list of the documents' hashes.
func (l *line) deliveryHash() string {
	if len(l.docs) == 1 {
		return l.docs[0].SHA256
	}
	h := sha256.New()
	for _, d := range l.docs {
		fmt.Fprintf(h, "%s %s\n", d.SHA256, d.Name)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// A span is the first and last day of a date, moment or year column; column -1 keeps nothing.
type span struct {
	column   int
	any      bool
	min, max int64
	physical schemas.Physical
}

func (s *span) add(b *schemas.Batch) {
	if s.column < 0 {
		return
	}
	c := &b.Columns[s.column]
	if c.Physical != schemas.Days && c.Physical != schemas.Int64 && c.Physical != schemas.Micros {
		return
	}
	s.physical = c.Physical
	for r, ok := range c.Valid[:b.Rows] {
		if !ok {
			continue
		}
		if v := c.Ints[r]; !s.any {
			s.min, s.max, s.any = v, v, true
		} else {
			s.min, s.max = min(s.min, v), max(s.max, v)
		}
	}
}

// bounds are ISO dates, "" when there is none.
func (s *span) bounds() (from, to string) {
	switch {
	case !s.any:
		return "", ""
	case s.physical == schemas.Int64:
		return year(s.min) + "-01-01", year(s.max) + "-12-31"
	case s.physical == schemas.Micros:
		return time.UnixMicro(s.min).UTC().Format(time.DateOnly), time.UnixMicro(s.max).UTC().Format(time.DateOnly)
	}
	day := func(d int64) string { return time.Unix(d*86400, 0).UTC().Format(time.DateOnly) }
	return day(s.min), day(s.max)
}

func year(y int64) string {
	s := strconv.FormatInt(y, 10)
	return strings.Repeat("0", max(0, 4-len(s))) + s
}
