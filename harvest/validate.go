package harvest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"grenier/schemas"
)

var loose sync.Pool

// A Validation says against what, and how, a document is judged.
type Validation struct {
	Schema *schemas.Schema
	Decode DecodeOptions
	// Language is that of the messages: "fr" (also when empty) or "en".
	Language string
	// Each, when it is not nil, is told of every error, also of those beyond the details that the report keeps.
	Each func(schemas.Issue)
	// Sink, when it is not nil, is given every block that was checked: the labels and cells as they came, and the accepted rows with the rejects.
	Sink func(labels []string, in *schemas.Block, out *schemas.Batch) error
}

// Validate judges one document, strictly: nothing is mapped nor repaired. The error is for a document that cannot be read at all or whose
// header lets no row be judged; it carries a French Sentence, and the report then says what is known.
func Validate(ctx context.Context, in Input, v Validation) (*schemas.Report, error) {
	s := v.Schema
	start := time.Now()
	buf, ok := loose.Get().(*buffers)
	if !ok {
		buf = &buffers{}
	}
	defer loose.Put(buf)
	t := &table{buf: buf, language: v.Language, each: v.Each, judge: func([]string) (*schemas.Schema, error) { return s, nil }, advice: " Corrigez le fichier, puis recommencez."}
	t.write = func(_ string, labels []string, in *schemas.Block, out *schemas.Batch) error {
		if v.Sink == nil {
			return nil
		}
		return v.Sink(labels, in, out)
	}
	err := t.document(ctx, "", in, v.Decode.knowing(s))
	r := t.report
	if r == nil {
		r = schemas.NewReport(s)
		r.File, r.Source.Bytes = in.Name, in.Size
	}
	if err == nil {
		t.checker.End(r)
	} else if stage := (*StageError)(nil); r.Stats.Errors == 0 && errors.As(err, &stage) { // neither ctx nor sink
		r.Add(schemas.Issue{Type: "source-error", Message: SentenceOf(err)})
	}
	sum, hashErr := hashOf(in)
	if err == nil && hashErr != nil {
		err = at(StageDecode, withSentence(fmt.Errorf("read %s: %w", in.Name, hashErr)))
	}
	r.SHA256 = sum
	r.Stats.Seconds = time.Since(start).Seconds()
	r.Finish()
	return r, err
}

// knowing adds what the schema knows of its documents to the options.
func (o DecodeOptions) knowing(s *schemas.Schema) DecodeOptions {
	if s.Form == schemas.Document {
		o.Documents = s.Records
		return o
	}
	for i := range s.Fields {
		o.Want = append(o.Want, s.Fields[i].Name)
	}
	return o
}

func hashOf(in Input) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(in, 0, in.Size)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
