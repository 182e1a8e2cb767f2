package harvest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
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
	// Again, when it is not nil, lets the document be read once: should its end say that it is in another encoding than its beginning, Again is
	// called, what Sink was given is void, and the document is read anew.
	Again func() error
	// Tables are the other tables to which the schema's foreign keys refer, by the names that it gives them. References to one that is
	// not there are not checked, and a warning says so.
	Tables map[string]Input
	// Progress, when it is not nil, is told of the bytes of text that were judged, piece by piece. A document is read once when nobody but
	// Progress follows; with Each, or with Sink and no Again, it is looked at once before, because its encoding is only known at its end.
	Progress func(bytes int)
}

// Validate judges one document, strictly: nothing is mapped nor repaired. The error is for a document that cannot be read at all or whose
// header lets no row be judged; it carries a French Sentence, and the report then says what is known.
func Validate(ctx context.Context, in Input, v Validation) (*schemas.Report, error) {
	start := time.Now()
	sum := &hashing{ReaderAt: in.ReaderAt, sum: sha256.New()}
	in.ReaderAt = sum
	opt := v.Decode.knowing(v.Schema)
	opt.Tentative = v.Each == nil && (v.Sink == nil || v.Again != nil)
	r, err := v.judge(ctx, in, opt)
	if errors.Is(err, errHasty) {
		opt.Tentative, err = false, nil
		if v.Again != nil {
			err = v.Again()
		}
		if err == nil {
			r, err = v.judge(ctx, in, opt)
		}
	}
	var hashErr error
	if r.SHA256, hashErr = sum.all(in.Size); err == nil && hashErr != nil {
		err = at(StageDecode, withSentence(fmt.Errorf("read %s: %w", in.Name, hashErr)))
	}
	r.Stats.Seconds = time.Since(start).Seconds()
	r.Finish()
	return r, err
}

// judge takes the document through a table; the report lacks its last touches.
func (v *Validation) judge(ctx context.Context, in Input, opt DecodeOptions) (*schemas.Report, error) {
	s := v.Schema
	buf, ok := loose.Get().(*buffers)
	if !ok {
		buf = &buffers{}
	}
	defer loose.Put(buf)
	t := &table{buf: buf, language: v.Language, each: v.Each, terse: v.Sink == nil, judge: func([]string) (*schemas.Schema, error) { return s, nil }, advice: " Corrigez le fichier, puis recommencez."}
	t.write = func(_ string, labels []string, in *schemas.Block, out *schemas.Batch) error {
		if v.Progress != nil {
			v.Progress(len(in.Data))
		}
		if v.Sink == nil {
			return nil
		}
		return v.Sink(labels, in, out)
	}
	var err error
	if t.supplied, err = supply(ctx, s, v.Tables); err == nil {
		err = t.document(ctx, "", in, opt)
	}
	r := t.report
	if r == nil {
		r = schemas.NewReport(s)
		r.File, r.Source.Bytes = in.Name, in.Size
		r.Language, r.Each = v.Language, v.Each
	}
	if r.File == "" { // the document broke off
		r.File, r.Source.Bytes = in.Name, in.Size
	}
	if err == nil {
		t.checker.End(r)
	} else if stage := (*StageError)(nil); r.Stats.Errors == 0 && errors.As(err, &stage) { // neither ctx nor sink
		r.Add(schemas.Issue{Type: "source-error", Message: v.sentence(err)})
	}
	return r, err
}

// sentence words an error in the language of the report.
func (v *Validation) sentence(err error) string {
	if v.Language == "en" {
		return translate(SentenceOf(err))
	}
	return SentenceOf(err)
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

// A hashing is a document that is hashed while it is read from its first byte to its last, whatever else is read of it.
type hashing struct {
	io.ReaderAt
	mu   sync.Mutex
	sum  hash.Hash
	next int64 // the first byte that is not hashed yet
}

// ReadAt implements io.ReaderAt.
func (h *hashing) ReadAt(p []byte, off int64) (n int, err error) {
	n, err = h.ReaderAt.ReadAt(p, off)
	h.mu.Lock()
	defer h.mu.Unlock()
	if end := off + int64(n); off <= h.next && h.next < end {
		h.sum.Write(p[h.next-off : n])
		h.next = end
	}
	return n, err
}

// all reads what nobody has read of a document of the given size, and returns the SHA-256 of the whole.
func (h *hashing) all(size int64) (string, error) {
	if _, err := io.Copy(io.Discard, io.NewSectionReader(h, h.next, size-h.next)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.sum.Sum(nil)), nil
}
