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

// Validate judges one document against a schema, strictly: nothing is mapped nor repaired. sink, when it is not nil, is given every block that
// was checked: the labels and cells as they came, and the accepted rows with the rejects. The error is for a document that cannot be read
// at all or whose header lets no row be judged; it carries a French Sentence, and the report then says what is known.
func Validate(ctx context.Context, in Input, s *schemas.Schema, opt DecodeOptions, sink func(labels []string, in *schemas.Block, out *schemas.Batch) error) (*schemas.Report, error) {
	start := time.Now()
	buf, ok := loose.Get().(*buffers)
	if !ok {
		buf = &buffers{}
	}
	defer loose.Put(buf)
	t := &table{buf: buf, judge: func([]string) (*schemas.Schema, error) { return s, nil }, advice: " Corrigez le fichier, puis recommencez."}
	t.write = func(_ string, labels []string, in *schemas.Block, out *schemas.Batch) error {
		if sink == nil {
			return nil
		}
		return sink(labels, in, out)
	}
	err := t.document(ctx, "", in, opt.knowing(s))
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
