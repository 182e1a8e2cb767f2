package harvest

import (
	"context"
	"errors"
	"io"
	"strings"

	"grenier/schemas"
)

// buffers are the working memory of one table, kept for the next.
type buffers struct {
	in, mapped schemas.Block
	out        schemas.Batch
}

// A table takes documents through decode, map and check. It is what every door shares: harvest, validate, convert.
type table struct {
	// judge names the schema once the labels of the first document (after mapping) are known.
	judge func(labels []string) (*schemas.Schema, error)
	// mapper prepares the mapping of a document; nil maps nothing.
	mapper func(labels []string) (*Mapper, error)
	// write takes what was checked: in holds the cells as they came under labels, out the accepted rows and the rejects.
	write func(document string, labels []string, in *schemas.Block, out *schemas.Batch) error

	schema  *schemas.Schema
	checker *schemas.Checker
	report  *schemas.Report
	columns []string // labels of the first document, after mapping
	buf     *buffers
}

// document takes one document along. name is "" when the table has only one.
func (t *table) document(ctx context.Context, name string, in Input, opt DecodeOptions) error {
	dec, err := Decode(in, opt)
	if err != nil {
		return at(StageDecode, Permanent(err))
	}
	defer closeDecoder(dec)
	m, err := t.begin(dec)
	if err != nil {
		return err
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := dec.Next(&t.buf.in)
		if t.buf.in.Rows > 0 {
			if err := t.block(name, dec.Labels(), m); err != nil {
				return err
			}
		}
		if err == io.EOF {
			t.source(dec.Info(), in)
			return nil
		}
		if err != nil {
			return at(StageDecode, Permanent(err))
		}
	}
}

// begin prepares the table at the first document, and applies the header rules at each.
func (t *table) begin(dec Decoder) (m *Mapper, err error) {
	labels := dec.Labels()
	if t.mapper != nil {
		if m, err = t.mapper(labels); err != nil {
			return nil, at(StageMap, Permanent(err))
		}
		labels = m.Labels()
	}
	if t.schema == nil {
		if t.schema, err = t.judge(labels); err != nil {
			return nil, err
		}
		t.columns, t.report, t.checker = labels, schemas.NewReport(t.schema), t.schema.NewChecker()
	}
	if !t.checker.Begin(labels, t.report) {
		return nil, at(StageCheck, Permanent(Say(t.headerSentence(), errors.New("no row can be judged: "+strings.Join(labels, ", ")))))
	}
	return m, nil
}

// headerSentence says why the header lets no row be judged: the first header error, or that no column is known.
func (t *table) headerSentence() string {
	for _, e := range t.report.Errors {
		if e.Row <= 1 && e.Type != "missing-label" {
			return e.Message + " La dernière version reste en ligne ; corrigez l’export puis attendez la prochaine récolte."
		}
	}
	return "Aucune des colonnes attendues n’est dans le fichier reçu. La dernière version reste en ligne ; vérifiez que l’export est le bon."
}

// block maps, checks and writes the records of one block.
func (t *table) block(document string, labels []string, m *Mapper) error {
	in := &t.buf.in
	if m != nil {
		m.Map(in, &t.buf.mapped, t.report)
		in = &t.buf.mapped
	}
	before := len(t.report.Errors)
	t.checker.Check(in, &t.buf.out, t.report)
	for i := before; document != "" && i < len(t.report.Errors); i++ {
		t.report.Errors[i].Document = document
	}
	return t.write(document, labels, &t.buf.in, &t.buf.out)
}

// source adds how a document was read to the report.
func (t *table) source(info schemas.SourceInfo, in Input) {
	bytes := t.report.Source.Bytes + in.Size
	if t.report.Source.Format == "" {
		t.report.Source, t.report.File = info, in.Name
	}
	t.report.Source.Bytes = bytes
}

// closeDecoder releases what some decoders hold.
func closeDecoder(d Decoder) {
	if c, ok := d.(io.Closer); ok {
		c.Close()
	}
}
