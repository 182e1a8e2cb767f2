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
	in, mapped, repaired schemas.Block
	out                  schemas.Batch
}

// A table takes documents through decode, map and check. It is what every door shares: harvest, validate, convert.
type table struct {
	// judge names the schema once the labels of the first document (after mapping) are known.
	judge func(labels []string) (*schemas.Schema, error)
	// mapper prepares the mapping of a document; nil maps nothing.
	mapper func(labels []string) (*Mapper, error)
	// repairs names the operations that mend what was mapped, before it is checked against repaired; none repair nothing.
	repairs  []string
	repaired *schemas.Schema
	// write takes what was checked: in holds the cells as they came under labels, out the accepted rows and the rejects.
	write func(document string, labels []string, in *schemas.Block, out *schemas.Batch) error
	// advice ends the sentence about a header that lets no row be judged: its effect and what to do.
	advice string

	language string              // of the messages, as Report.Language
	each     func(schemas.Issue) // as Report.Each
	terse    bool                // as Checker.Terse

	supplied []*schemas.Supplied // other tables to which the schema refers

	schema  *schemas.Schema
	checker *schemas.Checker
	report  *schemas.Report
	columns []string // labels of the first document, after mapping
	buf     *buffers
}

// document takes one document along. name is "" when the table has only one.
func (t *table) document(ctx context.Context, name string, in Input, opt DecodeOptions) error {
	fix, err := t.survey(ctx, in, opt)
	if err != nil {
		return err
	}
	dec, err := Decode(in, opt)
	if err != nil {
		return at(StageDecode, Permanent(err))
	}
	defer closeDecoder(dec)
	m, err := t.begin(name, dec, fix)
	if err != nil {
		return err
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := dec.Next(&t.buf.in)
		if t.buf.in.Rows > 0 || t.buf.in.Frame != nil {
			if err := t.block(name, dec.Labels(), m, fix); err != nil {
				return err
			}
		}
		if err == io.EOF {
			t.source(dec.Info(), in)
			return nil
		}
		if err != nil {
			return at(StageDecode, Permanent(withSentence(err)))
		}
	}
}

// survey reads a document that is to be repaired a first time, for what its columns hold; nil when nothing is to be repaired.
func (t *table) survey(ctx context.Context, in Input, opt DecodeOptions) (*repairer, error) {
	if len(t.repairs) == 0 {
		return nil, nil
	}
	dec, err := Decode(in, opt)
	if err != nil {
		return nil, at(StageDecode, Permanent(err))
	}
	defer closeDecoder(dec)
	labels, block := dec.Labels(), &t.buf.in
	var m *Mapper
	if t.mapper != nil {
		if m, err = t.mapper(labels); err != nil {
			return nil, at(StageMap, Permanent(err))
		}
		labels, block = m.Labels(), &t.buf.mapped
	}
	fix, counted := newRepairer(t.repaired, labels, t.repairs), schemas.NewReport(t.repaired)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		err := dec.Next(&t.buf.in)
		if m != nil && t.buf.in.Rows > 0 {
			m.Map(&t.buf.in, &t.buf.mapped, counted)
		}
		if t.buf.in.Rows > 0 {
			fix.survey(block)
		}
		if err == io.EOF {
			return fix, nil
		}
		if err != nil {
			return nil, at(StageDecode, Permanent(withSentence(err)))
		}
	}
}

// withSentence makes sure that a document that broke off is told in French.
func withSentence(err error) error {
	var s *Sentence
	if errors.As(err, &s) {
		return err
	}
	return Say("Le fichier reçu n’a pas pu être lu jusqu’au bout\u00a0: rien n’en est publié. Vérifiez l’export du logiciel.", err)
}

// begin prepares the table at the first document, and applies the header rules at each.
func (t *table) begin(document string, dec Decoder, fix *repairer) (m *Mapper, err error) {
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
		t.report, t.checker = schemas.NewReport(t.schema), t.schema.NewChecker()
		t.checker.Terse = t.terse
		t.report.Language, t.report.Each, t.report.Translate = t.language, t.each, translate
	}
	errs, warnings := len(t.report.Errors), len(t.report.Warnings)
	if fix != nil {
		fix.settle(t.report)
		labels = fix.labels
	}
	if t.columns == nil {
		t.columns = labels
	}
	for _, x := range t.supplied {
		t.checker.Supply(x)
	}
	ok := t.checker.Begin(labels, t.report)
	t.named(document, errs, warnings)
	if !ok {
		return nil, at(StageCheck, Permanent(Say(t.headerSentence(errs), errors.New("no row can be judged: "+strings.Join(labels, ", ")))))
	}
	return m, nil
}

// named says which document the issues after the given numbers are about.
func (t *table) named(document string, errs, warnings int) {
	for i := errs; document != "" && i < len(t.report.Errors); i++ {
		t.report.Errors[i].Document = document
	}
	for i := warnings; document != "" && i < len(t.report.Warnings); i++ {
		t.report.Warnings[i].Document = document
	}
}

// headerSentence says why the header lets no row be judged: the last of the errors found in it, from number errs on.
func (t *table) headerSentence(errs int) string {
	if n := len(t.report.Errors); n > errs {
		return t.report.Errors[n-1].Message + t.advice
	}
	return "Aucune des colonnes attendues n’est dans le fichier reçu." + t.advice
}

// block maps, repairs, checks and writes the records of one block.
func (t *table) block(document string, labels []string, m *Mapper, fix *repairer) error {
	in := &t.buf.in
	if m != nil {
		m.Map(in, &t.buf.mapped, t.report)
		in = &t.buf.mapped
	}
	if fix != nil {
		fix.mend(in, &t.buf.repaired, t.report)
		in = &t.buf.repaired
	}
	errs, warnings := len(t.report.Errors), len(t.report.Warnings)
	t.checker.Check(in, &t.buf.out, t.report)
	t.named(document, errs, warnings)
	return t.write(document, labels, &t.buf.in, &t.buf.out)
}

// source adds how a document was read to the report.
func (t *table) source(info schemas.SourceInfo, in Input) {
	bytes := t.report.Source.Bytes + in.Size
	if t.report.Source.Format == "" {
		t.report.Source, t.report.File = info, in.Name
	}
	t.report.Source.Bytes = bytes
	if t.mapper == nil || info.Format == "csv" { // what a recipe makes of other syntaxes has no delimiter of its own
		t.checker.Source(info, t.report)
	}
}

// closeDecoder releases what some decoders hold.
func closeDecoder(d Decoder) {
	if c, ok := d.(io.Closer); ok {
		c.Close()
	}
}
