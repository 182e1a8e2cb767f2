package harvest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"grenier/schemas"
)

// decodeJSON opens a JSON document: as a table of records, or record by record for a Document schema. The document is read once to see
// what it is made of, so one that ends too soon is refused before its first record.
func decodeJSON(in Input, opt DecodeOptions) (Decoder, error) {
	src, err := openText(in, opt.Encoding)
	if err != nil {
		return nil, err
	}
	var want []string
	for _, d := range opt.Documents {
		want = append(want, d.Path)
	}
	if opt.Records != "" {
		want = append(want, opt.Records)
	}
	s, err := newJSONText(src).look(want)
	if err != nil {
		return nil, err
	}
	if len(opt.Documents) > 0 {
		return openDocument(src, &s, opt, in.Size)
	}
	walk, err := s.table(in, opt)
	if err != nil {
		return nil, err
	}
	return openRecords(src, walk, in.Size)
}

// table finds the list whose records make the table.
func (s *survey) table(in Input, opt DecodeOptions) (w recordWalk, err error) {
	if opt.Records != "" {
		p, ok := s.at(opt.Records)
		if !ok {
			return w, s.none(fmt.Sprintf("Le document JSON n’a pas de liste à l’endroit « %s ».", opt.Records))
		}
		return recordWalk{paths: []string{opt.Records}, single: map[string]bool{opt.Records: !p.list}}, nil
	}
	root := s.places[0]
	switch {
	case root.list && root.count > 0 && !root.objects:
		return w, s.none("Le document JSON est une liste, mais pas d’objets : on ne peut pas en faire un tableau.")
	case root.list:
		return recordWalk{paths: []string{""}}, nil
	case s.lines || lined(in, opt):
		return recordWalk{lines: true}, nil
	}
	if p, ok := s.at("features"); ok && p.list && s.kind == "FeatureCollection" {
		return recordWalk{paths: []string{"features"}, geo: true}, nil
	}
	for _, fit := range []func(p jsonPlace) bool{
		func(p jsonPlace) bool { return p.list && p.objects && !strings.Contains(p.path, ".") },
		func(p jsonPlace) bool { return p.list && p.objects },
		func(p jsonPlace) bool { return p.list && p.count == 0 },
	} {
		var found []string
		for _, p := range s.places {
			if fit(p) {
				found = append(found, p.path)
			}
		}
		if len(found) == 1 {
			return recordWalk{paths: found}, nil
		}
		if len(found) > 1 {
			return w, s.none("Le document JSON contient plusieurs listes : il faut dire laquelle lire (réglage « records » de la recette).")
		}
	}
	return w, s.none("Le document JSON ne contient aucune liste d’enregistrements.")
}

// lined tells whether the document was announced as one JSON value a line.
func lined(in Input, opt DecodeOptions) bool {
	switch ext := strings.ToLower(path.Ext(in.Name)); {
	case ext == ".ndjson", ext == ".jsonl", opt.Format == "ndjson", opt.Format == "jsonl":
		return true
	}
	return strings.Contains(in.MediaType, "ndjson")
}

// none is the error of a document without the lists looked for: it tells those that it has.
func (s *survey) none(sentence string) error {
	var found []string
	for _, p := range s.places[1:] {
		if p.list && len(found) < 8 {
			found = append(found, fmt.Sprintf("%s (%s)", clip([]byte(p.path)), frenchInt(int64(p.count))))
		}
	}
	for _, p := range s.places[1:] {
		if !p.list && len(found) < 8 && !strings.Contains(p.path, ".") {
			found = append(found, clip([]byte(p.path)))
		}
	}
	what := "Il ne contient ni liste ni objet."
	if len(found) > 0 {
		what = "On y trouve : " + strings.Join(found, ", ") + "."
	}
	if s.places[0].list {
		what = fmt.Sprintf("C’est une liste de %s éléments.", frenchInt(int64(s.places[0].count)))
	}
	return Say(sentence+" "+what+" Rien n’en est publié ; vérifiez l’adresse ou l’export.", errors.New("json without the records looked for: "+what))
}

// A recordDecoder makes a table of JSON records: nested objects give columns with dotted names, lists of scalars one text, other lists
// their JSON text.
type recordDecoder struct {
	walk    recordWalk
	parser  jsonParser
	labels  []string
	columns map[string]int
	info    schemas.SourceInfo
	row     int64
	err     error

	b     *schemas.Block // being filled
	cells []schemas.Span // of the record at hand
	given []int64        // row in which the column was last given

}

// openRecords reads all records once for the names of their columns, in order of first appearance.
func openRecords(src *plainText, walk recordWalk, size int64) (*recordDecoder, error) {
	d := &recordDecoder{columns: map[string]int{}, row: 1}
	d.info = schemas.SourceInfo{Format: "json", Encoding: src.encoding, Bytes: size}
	if walk.geo {
		d.info.Format = "geojson"
	}
	if err := d.name(src, walk); err != nil {
		return nil, err
	}
	if len(d.labels) == 0 {
		return nil, Say("Le document JSON ne contient aucun enregistrement : il n’y a rien à publier. Vérifiez l’export du logiciel.", errNoRecords)
	}
	d.given = make([]int64, len(d.labels))
	d.walk = walk
	d.walk.jsonText = newJSONText(src)
	d.parser = jsonParser{geo: walk.geo, cell: d.cell, flaw: d.flaw}
	return d, nil
}

// name is the first pass: it gives each path its column.
func (d *recordDecoder) name(src *plainText, walk recordWalk) (err error) {
	walk.jsonText = newJSONText(src)
	identified, length := false, 0
	p := jsonParser{geo: walk.geo, flaw: func([]byte, string, string) {}}
	p.cell = func(path []byte, _ jsonValue) {
		if bytes.Equal(path, featureID) {
			identified = true
			return
		}
		if _, ok := d.columns[string(path)]; !ok && len(d.labels) <= maxColumns && length <= maxCell {
			d.add(string(path))
			length += len(path)
		}
	}
	for {
		_, raw, err := walk.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if at := p.parse(raw); at >= 0 {
			return walk.syntax(walk.offset() - int64(len(raw)) + int64(at))
		}
	}
	if _, ok := d.columns["id"]; identified && !ok {
		d.add("id")
		d.columns[string(featureID)] = d.columns["id"]
	}
	if len(d.labels) > maxColumns || length > maxCell {
		return Say(fmt.Sprintf("Les enregistrements du document JSON ont plus de %s clés différentes : ce n’est pas un tableau. Vérifiez l’adresse ou l’export.", frenchInt(maxColumns)),
			errors.New("json records with too many keys"))
	}
	return nil
}

// add gives path a column. Two paths that differ by their Unicode form only share it.
func (d *recordDecoder) add(path string) {
	label := norm.NFC.String(strings.ToValidUTF8(path, "\ufffd"))
	i, ok := d.columns[label]
	if !ok {
		i = len(d.labels)
		d.labels = append(d.labels, label)
		d.columns[label] = i
	}
	d.columns[path] = i
}

// Labels implements Decoder.
func (d *recordDecoder) Labels() []string { return d.labels }

// Info implements Decoder.
func (d *recordDecoder) Info() schemas.SourceInfo { return d.info }

// Next implements Decoder.
func (d *recordDecoder) Next(b *schemas.Block) error {
	b.Reset(len(d.labels))
	d.b = b
	for d.err == nil && !b.Full() {
		var raw []byte
		if _, raw, d.err = d.walk.next(); d.err == nil {
			d.err = d.record(raw)
		}
	}
	if d.err == io.EOF && b.Rows > 0 {
		return nil
	}
	if d.err != nil {
		b.Reset(len(d.labels))
	}
	return d.err
}

// record adds one record to the block.
func (d *recordDecoder) record(raw []byte) error {
	b := d.b
	n := len(b.Cells)
	b.Cells = moreSpans(b.Cells, b.Width)
	d.cells = b.Cells[n:]
	clear(d.cells)
	faults := len(b.Faults)
	if raw[0] != '{' {
		d.flaw(nil, "source-error", "L’élément de la liste n’est pas un objet : il ne peut pas faire une ligne. Retirez-le ou corrigez l’export.")
	} else if at := d.parser.parse(raw); at >= 0 {
		return d.walk.syntax(d.walk.offset() - int64(len(raw)) + int64(at))
	}
	b.Faults = b.Faults[:min(len(b.Faults), faults+maxFlaws)]
	b.Count, b.Row, b.Line = append(b.Count, uint32(b.Width)), append(b.Row, d.row), append(b.Line, 0)
	b.Rows++
	d.row++
	return nil
}

// maxFlaws is how many faults of one JSON record are told.
const maxFlaws = 20

// cell puts one value in its column.
func (d *recordDecoder) cell(path []byte, v jsonValue) {
	i, ok := d.columns[string(path)]
	if !ok {
		return // a feature's identifier beside a property "id"
	}
	if d.given[i] == d.row {
		d.flaw(path, "source-error", "La colonne « "+clip(path)+" » est donnée deux fois par l’enregistrement : on ne sait pas quelle valeur est la bonne. Gardez-en une seule.")
		return
	}
	d.given[i] = d.row
	at, ok := len(d.b.Data), true
	switch {
	case v.kind == '[' && v.flat:
		d.b.Data, ok = appendList(d.b.Data, v.raw)
	default:
		d.b.Data, ok = appendScalar(d.b.Data, v)
	}
	d.cells[i] = schemas.Span{Off: uint32(at), Len: uint32(len(d.b.Data) - at)}
	if !ok {
		d.flaw(path, "encoding-error", "Le texte contient des caractères illisibles (montrés « \ufffd »). Enregistrez tout le document en UTF-8.")
	}
}

// appendScalar appends the text of a value; ok is false when some of its characters are none.
func appendScalar(dst []byte, v jsonValue) (_ []byte, ok bool) {
	switch v.kind {
	case '"':
		return appendString(dst, v.raw[1:len(v.raw)-1])
	case 'n':
		return dst, true
	case '[', '{':
		compact := bytes.NewBuffer(dst)
		if json.Compact(compact, v.raw) == nil && utf8.Valid(v.raw) {
			return compact.Bytes(), true
		}
		return appendClean(dst, v.raw), utf8.Valid(v.raw)
	}
	return append(dst, v.raw...), true
}

// appendList appends the scalars of a list, with " ; " between them.
func appendList(dst, raw []byte) (_ []byte, ok bool) {
	ok = true
	p := jsonParser{text: raw, pos: 1, flaw: func([]byte, string, string) {}}
	for first := true; ; first = false {
		p.space()
		if p.look() == ']' || p.look() == 0 {
			return dst, ok
		}
		if !first {
			p.pos++ // the comma
			p.space()
			dst = append(dst, " ; "...)
		}
		v, fine := p.value()
		if !fine {
			return dst, ok
		}
		var good bool
		dst, good = appendScalar(dst, v)
		ok = ok && good
	}
}

// flaw reports what is wrong with the record at hand.
func (d *recordDecoder) flaw(path []byte, kind, message string) {
	cell := -1
	if i, ok := d.columns[string(path)]; ok {
		cell = i
	}
	d.b.Faults = append(d.b.Faults, schemas.Fault{Record: d.b.Rows, Cell: cell, Type: kind, Message: message})
}

// A documentDecoder hands the records of a document over as they are: two cells, the path of their list and their JSON text.
type documentDecoder struct {
	walk   recordWalk
	parser jsonParser
	bare   string // the path that a list standing alone is taken for
	note   string // how the document was dressed
	strict bool   // bytes may be broken: look at them
	info   schemas.SourceInfo
	row    int64
	err    error
	b      *schemas.Block
}

// openDocument finds which of the schema's lists the document has.
func openDocument(src *plainText, s *survey, opt DecodeOptions, size int64) (*documentDecoder, error) {
	d := &documentDecoder{row: 1, strict: src.suspect}
	d.info = schemas.SourceInfo{Format: "json", Encoding: src.encoding, Bytes: size}
	w := recordWalk{single: map[string]bool{}, rest: &jsonRest{}}
	for _, r := range opt.Documents {
		w.paths = append(w.paths, r.Path)
	}
	inner, err := s.unwrapped(src, w.paths)
	if err != nil {
		return nil, err
	}
	if inner != nil {
		s, w.inside = inner, true
		d.note = "Le document est placé dans une liste, entre crochets. Il a été lu quand même ; donnez-le sans ces crochets."
	}
	known := false
	for _, path := range w.paths {
		p, ok := s.at(path)
		// An object with nothing but objects and lists is a wrapper of another layout, not a record without its list.
		w.single[path] = ok && !p.list && p.scalars
		known = known || ok && (p.list || p.scalars)
	}
	switch {
	case s.lines:
		return nil, s.none("Plusieurs documents JSON se suivent dans le fichier, là où un seul était attendu.")
	case known:
	case len(w.paths) == 1 && s.places[0].list:
		d.bare, w.paths = w.paths[0], []string{""}
		d.note = "Le fichier est la liste seule, sans l’objet qui doit la contenir (« " + d.bare + " »). Elle a été lue quand même ; exportez le document entier."
	case s.without(w.paths): // the schema alone says whether that may be
	default:
		return nil, s.none(fmt.Sprintf("Le document JSON n’a pas la structure attendue : une liste à l’endroit « %s ».", strings.Join(w.paths, " » ou « ")))
	}
	w.jsonText = newJSONText(src)
	d.walk = w
	d.parser.flaw = d.flaw
	return d, nil
}

// unwrapped surveys the one document that a list holds, when the lists of records are in there; nil otherwise.
func (s *survey) unwrapped(src *plainText, paths []string) (*survey, error) {
	if root := s.places[0]; !root.list || root.count != 1 || !root.objects {
		return nil, nil
	}
	j := newJSONText(src)
	inner := &survey{want: paths}
	if err := j.expect('['); err != nil {
		return nil, err
	}
	if err := inner.visit(j, "", 0); err != nil {
		return nil, err
	}
	for _, path := range paths {
		if p, ok := inner.at(path); ok && path != "" && p.list {
			return inner, nil
		}
	}
	return nil, nil
}

// without tells a document that has none of the lists, nor anything else in their place.
func (s *survey) without(paths []string) bool {
	if s.places[0].list {
		return false
	}
	for _, path := range paths {
		for _, p := range s.places {
			if p.path == path || p.list && p.path != "" && strings.HasPrefix(path, p.path+".") {
				return false
			}
		}
	}
	return true
}

// Labels implements Decoder.
func (d *documentDecoder) Labels() []string { return []string{"path", "json"} }

// Info implements Decoder.
func (d *documentDecoder) Info() schemas.SourceInfo { return d.info }

// Next implements Decoder.
func (d *documentDecoder) Next(b *schemas.Block) error {
	b.Reset(2)
	b.Verbatim = true
	d.b = b
	for d.err == nil && !b.Full() {
		if d.err = d.record(); d.err == io.EOF {
			b.Frame = d.frame()
			return nil
		}
	}
	if d.err != nil {
		b.Reset(2)
	}
	return d.err
}

// frame is what the document has besides its records. A list that stood alone gets the objects that it should have stood in.
func (d *documentDecoder) frame() *schemas.Frame {
	text := d.walk.rest.text
	if d.bare != "" {
		parts := strings.Split(d.bare, ".")
		for i := len(parts) - 1; i >= 0; i-- {
			text = append(append(append(appendQuoted([]byte{'{'}, parts[i]), ':'), text...), '}')
		}
	}
	return &schemas.Frame{JSON: text, Cut: d.walk.rest.cut, Note: d.note}
}

// record adds the next record to the block.
func (d *documentDecoder) record() error {
	path, raw, err := d.walk.next()
	if err != nil {
		return err
	}
	if path == "" {
		path = d.bare
	}
	faults := len(d.b.Faults)
	if at := d.parser.parse(raw); at >= 0 {
		return d.walk.syntax(d.walk.offset() - int64(len(raw)) + int64(at))
	}
	if d.strict {
		if f, bad := characters(raw); bad {
			d.flaw(nil, f.Type, "L’enregistrement contient des caractères illisibles (montrés « \ufffd »). Enregistrez tout le document en UTF-8.")
			raw = appendClean(nil, raw)
		}
	}
	d.b.Faults = d.b.Faults[:min(len(d.b.Faults), faults+maxFlaws)]
	d.b.AppendRecord(d.row, 0, []byte(path), raw)
	d.row++
	return nil
}

func (d *documentDecoder) flaw(_ []byte, kind, message string) {
	d.b.Faults = append(d.b.Faults, schemas.Fault{Record: d.b.Rows, Cell: -1, Type: kind, Message: message})
}
