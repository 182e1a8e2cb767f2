package harvest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"grenier/schemas"
)

// A Recognition says of what schema a document is, when nobody named it.
type Recognition struct {
	Schema     *schemas.Schema     // the first candidate's, ready to judge with
	Candidates []schemas.Candidate // best first, each schema once
	Dress      []string            // what is particular to the form of the document, in French sentences
}

// ErrNotRecognized is a document that is of no schema known.
var ErrNotRecognized = errors.New("schema not recognised")

const (
	recognizedFrom  = 0.4      // the least score of a schema that is recognised
	recognizedAlone = 0.25     // and of one that nothing else comes near to
	alone           = 3        // how many times as likely as the next that is
	sampleBytes     = 1 << 20  // read of a document
	longSample      = 16 << 20 // read of one whose first record is longer than that
	sampleRows      = 1000
	sampleRecords   = 200 // of each list of a JSON document
)

// Recognize finds the schema and the version of a document from its content: it reads the beginning only, whatever the size. The name of the file
// settles ties. Errors carry a French Sentence; ErrNotRecognized names the schemas that come nearest.
func Recognize(ctx context.Context, in Input, set *schemas.Set, opt DecodeOptions) (Recognition, error) {
	return recognize(ctx, in, set, "", opt)
}

// RecognizeVersion finds the version of the named schema that a document is of, among those that the set holds.
func RecognizeVersion(ctx context.Context, in Input, set *schemas.Set, name string, opt DecodeOptions) (Recognition, error) {
	return recognize(ctx, in, set, name, opt)
}

func recognize(ctx context.Context, in Input, set *schemas.Set, only string, opt DecodeOptions) (r Recognition, err error) {
	x := sampler{set: set, opt: opt}
	if err := x.take(ctx, in); err != nil {
		return r, err
	}
	r.Candidates = x.candidates(ctx, in, only)
	if len(r.Candidates) == 0 || only == "" && !sure(r.Candidates) {
		return r, notRecognized(r.Candidates)
	}
	if r.Schema, err = set.Lookup(string(r.Candidates[0].ID)); err != nil {
		return r, fmt.Errorf("recognised schema: %w", err)
	}
	r.Dress = append(x.dress, x.form(r.Schema)...)
	return r, nil
}

// sure tells whether the first candidate may be named without asking.
func sure(list []schemas.Candidate) bool {
	first := list[0].Score
	return first >= recognizedFrom || first >= recognizedAlone && (len(list) == 1 || first >= alone*list[1].Score)
}

// notRecognized names the two schemas that come nearest and says what to do.
func notRecognized(near []schemas.Candidate) error {
	const lead, advice = "Le schéma n’a pas été reconnu\u00a0: ", " Nommez vous-même le schéma, ou vérifiez que la première ligne donne bien le nom des colonnes."
	var names []string
	for _, c := range near[:min(2, len(near))] {
		names = append(names, fmt.Sprintf("%s (%d\u00a0%%)", c.ID.Name(), likelihood(c.Score)))
	}
	if len(names) == 0 {
		return Say(lead+"le contenu du fichier ne ressemble à aucun des schémas connus."+advice, ErrNotRecognized)
	}
	return Say(lead+"le contenu du fichier ne ressemble assez à aucun des schémas connus. Les plus proches\u00a0: "+strings.Join(names, " et ")+"."+advice, ErrNotRecognized)
}

// likelihood is a score as a person reads it: 100 is kept for what is certain.
func likelihood(score float64) int { return min(int(math.Round(score*100)), 100) }

// Summary tells a recognition in one French line: the schema, and the one that comes next.
func (r Recognition) Summary() string {
	var b strings.Builder
	for i, c := range r.Candidates[:min(2, len(r.Candidates))] {
		lead := "Schéma reconnu\u00a0: "
		if i > 0 {
			lead = ", ensuite "
		}
		fmt.Fprintf(&b, "%s%s %s (%d\u00a0%%)", lead, c.ID.Name(), c.ID.Version(), likelihood(c.Score))
	}
	return b.String()
}

// A sampler reads the beginning of a document.
type sampler struct {
	set    *schemas.Set
	opt    DecodeOptions
	blind  bool // no labels are looked for
	sample schemas.Sample
	info   schemas.SourceInfo
	dress  []string
}

// candidates compares the sample with the schemas. A header found further down, for a label that some schema has, may be a row of data under
// a header that is spelt otherwise: then the sample is taken again without looking for labels, and what is more likely counts.
func (x *sampler) candidates(ctx context.Context, in Input, only string) []schemas.Candidate {
	found := x.set.Recognize(x.sample, only)
	if x.info.HeaderRow <= 1 {
		return found
	}
	y := sampler{set: x.set, opt: x.opt, blind: true}
	if y.take(ctx, in) != nil || y.info.HeaderRow == x.info.HeaderRow {
		return found
	}
	other := x.set.Recognize(y.sample, only)
	if len(other) > 0 && (len(found) == 0 || other[0].Score > found[0].Score) {
		*x = y
		return other
	}
	return found
}

// take reads a sample of in, of whatever syntax.
func (x *sampler) take(ctx context.Context, in Input) error {
	x.sample.Name = in.Name
	head := make([]byte, min(in.Size, sampleBytes))
	if err := readFull(in, head, 0); err != nil {
		return fmt.Errorf("read %s: %w", in.Name, withSentence(err))
	}
	if bytes.HasPrefix(head, []byte("\x1f\x8b")) {
		var err error
		if head, err = inflate(head); err != nil {
			return x.table(ctx, in) // the decoder says what is wrong
		}
		in = Input{Name: strings.TrimSuffix(in.Name, ".gz"), MediaType: in.MediaType, Size: int64(len(head)) + 1}
		x.dress = append(x.dress, "Le fichier est compressé (gzip).")
	}
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("\xd0\xcf\x11\xe0")) {
		return x.table(ctx, in)
	}
	part := Input{Name: in.Name, MediaType: in.MediaType, Size: int64(len(head))}
	if part.Size < in.Size {
		part.Size = int64(wholeLines(head))
	}
	part.ReaderAt = bytes.NewReader(head[:part.Size])
	switch body := bytes.TrimLeft(trimMark(head), " \t\r\n"); {
	case bytes.HasPrefix(body, []byte("<")):
		x.layout(body)
		return x.markup(ctx, in)
	case looksJSON(bytes.ReplaceAll(body[:min(len(body), 4096)], []byte{0}, nil)):
		part.Size, part.ReaderAt = int64(len(head)), bytes.NewReader(head)
		err := x.json(ctx, part)
		if !x.hasRecords() && in.Size > part.Size && in.ReaderAt != nil && ctx.Err() == nil {
			part.Size, part.ReaderAt = min(in.Size, longSample), in.ReaderAt
			err = x.json(ctx, part)
		}
		return err
	}
	return x.table(ctx, part)
}

// hasRecords tells whether a list with records was found.
func (x *sampler) hasRecords() bool {
	return slices.ContainsFunc(x.sample.Parts, func(p schemas.SamplePart) bool { return p.List && len(p.Records) > 0 })
}

// inflate reads the beginning of what a gzip document holds, whose own beginning head is.
func inflate(head []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(head))
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(z, sampleBytes))
	if len(out) == 0 {
		return nil, errors.Join(err, io.ErrUnexpectedEOF)
	}
	return out, nil
}

// wholeLines is how much of the beginning of a text its whole lines are; all of it when it has no line end.
func wholeLines(head []byte) int {
	at := max(bytes.LastIndexByte(head, '\n'), bytes.LastIndexByte(head, '\r'))
	if at < 0 {
		return len(head) &^ 1
	}
	at++
	if at&1 == 1 && at < len(head) && head[at] == 0 { // UTF-16, lowest byte first
		at++
	}
	return at
}

// table reads the first rows of a table.
func (x *sampler) table(ctx context.Context, in Input) error {
	opt := x.opt
	if !x.blind {
		opt.Want = append(opt.Want[:len(opt.Want):len(opt.Want)], x.set.Labels()...)
	}
	dec, err := Decode(in, opt)
	if err != nil {
		return err
	}
	defer closeDecoder(dec)
	x.sample.Labels, x.info = dec.Labels(), dec.Info()
	rows := &schemas.Block{}
	err = dec.Next(rows)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if rows.Rows > 0 && (err == nil || err == io.EOF) {
		x.sample.Rows = first(rows, sampleRows)
	}
	x.info = dec.Info()
	return nil
}

// first cuts a block behind its first n records.
func first(b *schemas.Block, n int) *schemas.Block {
	if b.Rows <= n {
		return b
	}
	b.Rows, b.Cells, b.Count, b.Row, b.Line = n, b.Cells[:n*b.Width], b.Count[:n], b.Row[:n], b.Line[:n]
	for i, f := range b.Faults {
		if f.Record >= n {
			b.Faults = b.Faults[:i]
			break
		}
	}
	return b
}

// json reads the places of a JSON document, and the table that its records may make.
func (x *sampler) json(ctx context.Context, in Input) error {
	src, err := openText(in, x.opt.Encoding)
	if err != nil {
		return fmt.Errorf("read %s: %w", in.Name, withSentence(err))
	}
	var text []byte
	for !src.done() {
		if text, err = src.more(text, sampleBytes); err != nil {
			return fmt.Errorf("read %s: %w", in.Name, withSentence(err))
		}
	}
	x.layout(text)
	x.info = schemas.SourceInfo{Format: "json", Encoding: src.encoding}
	j := jsonSampler{dec: json.NewDecoder(bytes.NewReader(text))}
	j.document()
	x.sample.Parts = j.places
	info := x.info
	whole := Input{Name: "document.json", Size: int64(j.out.Len()), ReaderAt: bytes.NewReader(j.out.Bytes())}
	if err := x.table(ctx, whole); err != nil && len(j.places) == 0 {
		return err // neither records nor a table: the decoder says why
	}
	x.info = info
	return ctx.Err()
}

// layout asks which version of their schema the structure of contracts tells.
func (x *sampler) layout(head []byte) {
	if v, ok := schemas.DECPVersion(head); ok {
		x.sample.Layout = schemas.ID(schemas.ContractsName + "@" + v)
	}
}

// markup reads the records of an XML document, with the decoder of each kind of document that the set holds.
func (x *sampler) markup(ctx context.Context, in Input) error {
	var unread error
	tried := map[string]bool{}
	for _, s := range x.set.All() {
		for _, id := range x.set.Versions(s.ID.Name()) {
			v, err := x.set.Lookup(string(id))
			if err != nil || v.Form != schemas.Document {
				continue
			}
			if err := x.recordsOf(ctx, in, v, tried); err != nil && unread == nil {
				unread = err
			}
		}
	}
	if err := ctx.Err(); err != nil || len(x.sample.Parts) > 0 {
		return err
	}
	if unread == nil {
		_, unread = Decode(in, x.opt)
	}
	return unread
}

// recordsOf adds the first records that the decoder finds where a schema has them.
func (x *sampler) recordsOf(ctx context.Context, in Input, s *schemas.Schema, tried map[string]bool) error {
	opt := x.opt.knowing(s)
	key := ""
	for _, d := range opt.Documents {
		key += d.Path + "\n"
	}
	if tried[key] || ctx.Err() != nil {
		return nil
	}
	tried[key] = true
	dec, err := Decode(in, opt)
	if err != nil {
		return err
	}
	defer closeDecoder(dec)
	var b schemas.Block
	if err := dec.Next(&b); err != nil && err != io.EOF {
		return err
	}
	x.info = dec.Info()
	for r := range min(b.Rows, sampleRecords) {
		x.place(string(b.Cell(r, 0)), bytes.Clone(b.Cell(r, 1)))
	}
	return nil
}

// place adds a record to a place unless it is there.
func (x *sampler) place(path string, raw []byte) {
	for i := range x.sample.Parts {
		p := &x.sample.Parts[i]
		if p.Path != path {
			continue
		}
		for _, have := range p.Records {
			if bytes.Equal(have, raw) {
				return
			}
		}
		p.Records = append(p.Records, raw)
		return
	}
	x.sample.Parts = append(x.sample.Parts, schemas.SamplePart{Path: path, List: true, Records: [][]byte{raw}})
}

// encodingNames are the encodings as people know them.
var encodingNames = map[string]string{
	encodingUTF16: "UTF-16", encodingANSI: "Windows-1252", encodingLatin9: "ISO-8859-15", encodingDOS: "cp850 (MS-DOS)", encodingMac: "Macintosh",
}

var delimiterNames = map[string]string{",": "des virgules", ";": "des points-virgules", "\t": "des tabulations", "|": "des barres verticales"}

// form says what is particular to the form of a document of the schema s.
func (x *sampler) form(s *schemas.Schema) (says []string) {
	say := func(format string, args ...any) { says = append(says, fmt.Sprintf(format, args...)) }
	if name, ok := encodingNames[x.info.Encoding]; ok {
		say("Le fichier est en %s.", name)
	}
	if s.Form == schemas.Document {
		if x.bareList(s) {
			say("%s sont dans une liste.", recordsName(s))
		}
		return says
	}
	if x.info.Sheet != nil && *x.info.Sheet != "" {
		say("Le tableau est la feuille «\u00a0%s\u00a0» d’un classeur.", *x.info.Sheet)
	}
	if name, ok := delimiterNames[x.info.Delimiter]; ok && x.info.Delimiter != string(s.Delimiter) {
		say("Les colonnes sont séparées par %s.", name)
	}
	if x.info.HeaderRow > 1 {
		say("Un titre précède l’en-tête, qui est à la ligne %d.", x.info.HeaderRow)
	}
	if x.info.Format == "json" {
		say("Les lignes sont les éléments d’une liste JSON.")
	}
	return says
}

// bareList tells whether the records are the document itself, a list, where the schema has them within.
func (x *sampler) bareList(s *schemas.Schema) bool {
	for _, r := range s.Records {
		for _, p := range x.sample.Parts {
			if p.Path == r.Path {
				return false
			}
		}
	}
	return true
}

// recordsName is how people call the records of a schema.
func recordsName(s *schemas.Schema) string {
	for _, r := range s.Records {
		if strings.HasPrefix(r.Path, "marches") {
			return "Les marchés"
		}
	}
	return "Les enregistrements"
}

// A jsonSampler reads the beginning of a JSON document: where its values are, and the document itself with its lists cut short. A document that
// breaks off is closed.
type jsonSampler struct {
	dec    *json.Decoder
	out    bytes.Buffer // the document, cut short
	places []schemas.SamplePart
}

// deepest is how deep lists of records are looked for.
const deepest = 4

// document reads the root; several values that follow each other are a list.
func (j *jsonSampler) document() {
	if err := j.value("", 0); err != nil || !j.dec.More() {
		return
	}
	records := [][]byte{bytes.Clone(j.out.Bytes())}
	for len(records) < sampleRecords {
		var raw json.RawMessage
		if j.dec.Decode(&raw) != nil {
			break
		}
		records = append(records, raw)
	}
	j.places = []schemas.SamplePart{{List: true, Records: records}}
	j.out.Reset()
	j.out.WriteByte('[')
	j.out.Write(bytes.Join(records, []byte(",")))
	j.out.WriteByte(']')
}

// value copies the next value to out and notes the places it makes. After an error what was copied is well-formed all the same.
func (j *jsonSampler) value(path string, depth int) error {
	t, err := j.dec.Token()
	if err != nil {
		j.out.WriteString("null")
		return err
	}
	switch t {
	case json.Delim('['):
		return j.list(path)
	case json.Delim('{'):
		return j.object(path, depth)
	}
	text, err := json.Marshal(t)
	j.out.Write(text)
	return err
}

// list copies the first items of a list, which is a place.
func (j *jsonSampler) list(path string) error {
	p := schemas.SamplePart{Path: path, List: true}
	var err error
	for j.dec.More() {
		var raw json.RawMessage
		if err = j.dec.Decode(&raw); err != nil {
			break
		}
		if len(p.Records) < sampleRecords {
			p.Records = append(p.Records, raw)
		}
	}
	if err == nil {
		_, err = j.dec.Token()
	}
	j.out.WriteByte('[')
	j.out.Write(bytes.Join(p.Records, []byte(",")))
	j.out.WriteByte(']')
	j.places = append(j.places, p)
	return err
}

// object copies an object, which is a place unless it holds nothing but objects and lists, as the wrappers of records do.
func (j *jsonSampler) object(path string, depth int) error {
	start, scalars := j.out.Len(), depth == 0
	j.out.WriteByte('{')
	err := j.memberwise(path, depth, &scalars)
	j.out.WriteByte('}')
	if scalars {
		j.places = append(j.places, schemas.SamplePart{Path: path, Records: [][]byte{bytes.Clone(j.out.Bytes()[start:])}})
	}
	return err
}

func (j *jsonSampler) memberwise(path string, depth int, scalars *bool) error {
	for n := 0; j.dec.More(); n++ {
		name, err := j.dec.Token()
		if err != nil {
			return err
		}
		text, err := json.Marshal(name)
		if err != nil {
			return err
		}
		if n > 0 {
			j.out.WriteByte(',')
		}
		j.out.Write(text)
		j.out.WriteByte(':')
		at := j.out.Len()
		if depth < deepest {
			err = j.value(strings.TrimPrefix(fmt.Sprint(path, ".", name), "."), depth+1)
		} else {
			err = j.raw()
		}
		if err != nil {
			return err
		}
		if c := j.out.Bytes()[at]; c != '{' && c != '[' {
			*scalars = true
		}
	}
	_, err := j.dec.Token()
	return err
}

// raw copies the next value as it is.
func (j *jsonSampler) raw() error {
	var raw json.RawMessage
	if err := j.dec.Decode(&raw); err != nil {
		j.out.WriteString("null")
		return err
	}
	j.out.Write(raw)
	return nil
}
