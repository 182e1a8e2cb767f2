package harvest

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"grenier/schemas"
)

// SECURITY.md F-04: what one XML document may ask for.
const (
	maxXMLDepth    = 64
	maxXMLToken    = 4 << 20 // bytes of one tag or text
	maxXMLElements = 200_000 // of one record
)

// contractRoot is the root of the one XML that is read: contracts of public procurement (VALIDATION.md section 9).
const contractRoot = "marches"

// xmlReadable tells whether records at these paths can come as XML.
func xmlReadable(documents []schemas.RecordPath) bool {
	for _, d := range documents {
		if head, _, _ := strings.Cut(d.Path, "."); head == contractRoot {
			return true
		}
	}
	return false
}

// An xmlDecoder turns an XML document of contracts into the JSON that their schema describes, one contract at a time: what JSON a place
// holds is told by the schema's shape. It hands over what the JSON decoder of a document does.
type xmlDecoder struct {
	tokens *xml.Decoder
	text   *textReader
	paths  map[string]string         // of the list for each element below the root
	shapes map[string]*schemas.Shape // of a record, by path
	lists  []string                  // paths in the document's order
	info   schemas.SourceInfo
	row    int64
	err    error
	json   []byte
	flaws  []string
}

// decodeXML opens a document of contracts, or refuses it with the name of its root.
func decodeXML(in Input, opt DecodeOptions) (Decoder, error) {
	if len(opt.Documents) > 0 && !xmlReadable(opt.Documents) {
		return nil, contradiction("json", "du XML")
	}
	want, err := xmlEncoding(in, opt.Encoding)
	if err != nil {
		return nil, err
	}
	src, err := openText(in, want)
	if err != nil {
		return nil, err
	}
	d := &xmlDecoder{row: 1, text: &textReader{src: src}, paths: map[string]string{}, shapes: map[string]*schemas.Shape{}}
	d.info = schemas.SourceInfo{Format: "xml", Encoding: src.encoding, Bytes: in.Size}
	d.tokens = xml.NewDecoder(d.text)
	d.tokens.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // textReader hands UTF-8 over
	for _, p := range opt.Documents {
		if _, name, nested := strings.Cut(p.Path, "."); nested {
			d.paths[name] = p.Path
		} else {
			d.paths["marche"], d.paths["contrat-concession"] = p.Path, p.Path
		}
		d.shapes[p.Path] = p.Shape()
	}
	return d, d.root(opt)
}

// xmlEncoding is the encoding that a recipe or the document's own declaration names.
func xmlEncoding(in Input, asked string) (string, error) {
	head := make([]byte, min(in.Size, 1024))
	if err := readFull(in, head, 0); err != nil || asked != "" {
		return asked, err
	}
	if bytes.HasPrefix(head, []byte(bomLE)) || bytes.HasPrefix(head, []byte(bomBE)) || nakedOrder(head) != nil {
		return "", nil
	}
	declaration, _, found := bytes.Cut(bytes.TrimLeft(trimMark(head), " \t\r\n"), []byte("?>"))
	_, value, named := bytes.Cut(declaration, []byte("encoding"))
	value = bytes.TrimLeft(value, " \t\r\n=")
	if !found || !named || !bytes.HasPrefix(declaration, []byte("<?xml")) || len(value) < 2 {
		return encodingUTF8, nil
	}
	name, _, _ := strings.Cut(strings.ToLower(string(value[1:])), string(value[:1]))
	switch _, page := charset(name); {
	case name == encodingUTF8, name == "utf8", name == "us-ascii", name == "ascii", strings.HasPrefix(name, "utf-16"):
		return encodingUTF8, nil // who can read the word utf-16 letter by letter is not reading UTF-16
	case page != "":
		return page, nil
	}
	return "", Say(fmt.Sprintf("Le document XML se dit écrit en « %s », un encodage qui n’est pas lu ici. Enregistrez-le en UTF-8.", clip([]byte(name))), errors.New("xml in an unknown encoding"))
}

// A textReader reads a plainText byte by byte, and counts what one token takes.
type textReader struct {
	src  *plainText
	buf  []byte
	pos  int
	used int // bytes since the token began
}

var errXMLToken = errors.New("xml token too large")

// ReadByte implements io.ByteReader, so that nothing is read ahead of the token.
func (t *textReader) ReadByte() (byte, error) {
	if t.used++; t.used > maxXMLToken {
		return 0, errXMLToken
	}
	for t.pos == len(t.buf) {
		if t.src.done() {
			return 0, io.EOF
		}
		var err error
		if t.buf, err = t.src.more(t.buf[:0], 64<<10); err != nil {
			return 0, err
		}
		t.pos = 0
	}
	t.pos++
	return t.buf[t.pos-1], nil
}

// Read implements io.Reader, which xml.NewDecoder asks for and does not use.
func (t *textReader) Read(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		if p[n], err = t.ReadByte(); err == nil {
			n++
		}
	}
	return n, err
}

// next returns the next tag or text; comments and instructions are passed over, a document type is refused.
func (d *xmlDecoder) next() (xml.Token, error) {
	for {
		d.text.used = 0
		token, err := d.tokens.Token()
		if err == io.EOF {
			return nil, err
		}
		if err != nil {
			return nil, d.broken(err)
		}
		switch token.(type) {
		case xml.StartElement, xml.EndElement, xml.CharData:
			return token, nil
		case xml.Directive:
			return nil, d.refuse("Le document XML déclare un type de document (DOCTYPE), ce qui est refusé par sécurité. Retirez cette déclaration.", errors.New("xml with a document type"))
		}
	}
}

func (d *xmlDecoder) line() int {
	line, _ := d.tokens.InputPos()
	return line
}

// refuse says what is wrong and on which line.
func (d *xmlDecoder) refuse(sentence string, err error) error {
	return Say(fmt.Sprintf("%s Rien n’en est publié (ligne %s).", sentence, frenchInt(int64(d.line()))), fmt.Errorf("line %d: %w", d.line(), err))
}

// broken words what keeps a document from being XML.
func (d *xmlDecoder) broken(err error) error {
	var syntax *xml.SyntaxError
	switch {
	case errors.Is(err, errXMLToken):
		return d.refuse("Le document XML contient une balise ou un texte de plus de 4 Mo.", err)
	case !errors.As(err, &syntax):
		return err
	case strings.Contains(syntax.Msg, "unexpected EOF"):
		return d.refuse("Le document XML est incomplet : il s’arrête avant la fermeture de ses balises. Vérifiez que le dépôt est terminé, puis recommencez.", fmt.Errorf("%w: %w", err, io.ErrUnexpectedEOF))
	case strings.Contains(syntax.Msg, "character entity"):
		return d.refuse("Le document XML emploie une entité (« &…; ») qui n’existe pas. Écrivez le caractère lui-même, ou &amp; pour une esperluette.", err)
	case strings.Contains(syntax.Msg, "invalid UTF-8"):
		return d.refuse("Le document XML contient des caractères illisibles : son encodage n’est pas celui qu’il annonce. Enregistrez-le en UTF-8.", err)
	}
	return d.refuse("Le document n’est pas du XML bien formé : une balise ou un caractère y est mal écrit. Vérifiez l’export du logiciel.", err)
}

// root goes to the first tag.
func (d *xmlDecoder) root(opt DecodeOptions) error {
	for {
		token, err := d.next()
		if err == io.EOF {
			err = d.broken(&xml.SyntaxError{Msg: "unexpected EOF"})
		}
		if err != nil {
			return err
		}
		start, ok := token.(xml.StartElement)
		switch {
		case !ok:
			continue
		case strings.EqualFold(start.Name.Local, "html"):
			return markup([]byte("<html>"))
		case len(opt.Documents) == 0 && start.Name.Local == contractRoot:
			return d.refuse("Le document XML contient des données essentielles de la commande publique : il ne se lit qu’avec le schéma 139bercy/format-commande-publique. Choisissez ce schéma.", errors.New("xml contracts without their schema"))
		case len(opt.Documents) == 0 || start.Name.Local != contractRoot:
			return d.refuse(fmt.Sprintf("Le document est en XML, de racine « %s », que l’on ne sait pas lire ici. Fournissez l’export en JSON ou en CSV.", clip([]byte(start.Name.Local))), errors.New("xml document of another kind"))
		case start.Name.Space != "":
			return d.refuse("La racine « marches » du document XML est rattachée à un espace de noms, que ce format n’a pas. Retirez l’attribut xmlns.", errors.New("xml contracts in a namespace"))
		}
		return nil
	}
}

// Labels implements Decoder.
func (d *xmlDecoder) Labels() []string { return []string{"path", "json"} }

// Info implements Decoder.
func (d *xmlDecoder) Info() schemas.SourceInfo { return d.info }

// Next implements Decoder.
func (d *xmlDecoder) Next(b *schemas.Block) error {
	b.Reset(2)
	for d.err == nil && !b.Full() {
		if d.err = d.record(b); d.err == io.EOF {
			b.Frame = &schemas.Frame{JSON: d.frame()}
			return nil
		}
	}
	if d.err != nil {
		b.Reset(2)
	}
	return d.err
}

// record adds the next contract to the block; io.EOF behind the end of the root.
func (d *xmlDecoder) record(b *schemas.Block) error {
	for {
		line := int64(d.line())
		token, err := d.next()
		if err == io.EOF {
			err = d.broken(&xml.SyntaxError{Msg: "unexpected EOF"})
		}
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.EndElement:
			return d.rest()
		case xml.CharData:
			if len(bytes.TrimSpace(token)) > 0 {
				return d.refuse("Le document XML contient du texte entre les contrats. Vérifiez l’export du logiciel.", errors.New("xml text between records"))
			}
		case xml.StartElement:
			return d.contract(b, token, line)
		}
	}
}

// rest makes sure that nothing follows the root.
func (d *xmlDecoder) rest() error {
	for {
		token, err := d.next()
		if err != nil {
			return err
		}
		if text, ok := token.(xml.CharData); !ok || len(bytes.TrimSpace(text)) > 0 {
			return d.refuse("Le document XML continue après la fin de sa racine. Vérifiez l’export du logiciel.", errors.New("xml after the root"))
		}
	}
}

func (d *xmlDecoder) contract(b *schemas.Block, start xml.StartElement, line int64) error {
	d.flaws = d.flaws[:0]
	elements, size := 0, 0
	e, err := d.element(start, 2, &elements, &size)
	if err != nil {
		return err
	}
	path, known := d.paths[e.name]
	if !known {
		path = contractRoot + "." + e.name
	}
	if known && !slices.Contains(d.lists, path) {
		d.lists = append(d.lists, path)
	}
	d.json = e.value(d.json[:0], shapeOr(d.shapes[path]))
	for _, flaw := range d.flaws[:min(len(d.flaws), maxFlaws)] {
		b.Faults = append(b.Faults, schemas.Fault{Record: b.Rows, Cell: -1, Type: "source-error", Message: flaw})
	}
	b.AppendRecord(d.row, line, []byte(path), d.json)
	d.row++
	return nil
}

// frame is the document without its contracts.
func (d *xmlDecoder) frame() []byte {
	for _, p := range d.paths {
		if p == contractRoot {
			return []byte(`{"marches":[]}`)
		}
	}
	out := []byte(`{"marches":{`)
	for i, p := range d.lists {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(appendQuoted(out, strings.TrimPrefix(p, contractRoot+".")), ":[]"...)
	}
	return append(out, "}}"...)
}

// An xmlElement is one element of the contract at hand.
type xmlElement struct {
	name string
	none bool // xsi:nil
	text string
	kids []*xmlElement
}

const schemaInstance = "http://www.w3.org/2001/XMLSchema-instance"

// element reads an element to its end.
func (d *xmlDecoder) element(start xml.StartElement, depth int, elements, size *int) (*xmlElement, error) {
	*elements++
	switch {
	case depth > maxXMLDepth:
		return nil, d.refuse(fmt.Sprintf("Le document XML imbrique plus de %d niveaux : il est refusé. Vérifiez l’export du logiciel.", maxXMLDepth), errors.New("xml nested too deep"))
	case *elements > maxXMLElements || *size > maxRecord:
		return nil, d.refuse("Un contrat du document XML est démesuré (plus de 32 Mo ou de 200 000 balises). Vérifiez l’export du logiciel.", errors.New("xml record too large"))
	}
	e := &xmlElement{name: start.Name.Local}
	d.attributes(e, start)
	var text strings.Builder
	for {
		token, err := d.next()
		if err == io.EOF {
			err = d.broken(&xml.SyntaxError{Msg: "unexpected EOF"})
		}
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.CharData:
			text.Write(token)
			*size += len(token)
		case xml.StartElement:
			kid, err := d.element(token, depth+1, elements, size)
			if err != nil {
				return nil, err
			}
			e.kids = append(e.kids, kid)
		case xml.EndElement:
			e.text = text.String()
			if len(e.kids) > 0 && strings.TrimSpace(e.text) != "" {
				d.flaws = append(d.flaws, "La rubrique « "+clip([]byte(e.name))+" » mêle du texte et des balises : on ne sait pas la lire. Placez le texte dans la balise prévue.")
			}
			return e, nil
		}
	}
}

// attributes notes those that the format does not have: it has none of its own.
func (d *xmlDecoder) attributes(e *xmlElement, start xml.StartElement) {
	for _, a := range start.Attr {
		switch {
		case a.Name.Space == "xmlns", a.Name.Space == "" && a.Name.Local == "xmlns":
		case a.Name.Space == schemaInstance:
			e.none = e.none || a.Name.Local == "nil" && (a.Value == "true" || a.Value == "1")
		default:
			d.flaws = append(d.flaws, "La rubrique « "+clip([]byte(e.name))+" » porte l’attribut « "+clip([]byte(a.Name.Local))+" », que le format ne prévoit pas. Retirez-le.")
		}
	}
}

// value appends the JSON of one element.
func (e *xmlElement) value(dst []byte, s *schemas.Shape) []byte {
	text := strings.TrimSpace(e.text)
	switch {
	case e.none && len(e.kids) == 0:
		return append(dst, "null"...)
	case s.Kind == schemas.Array && (len(e.kids) > 0 || text == ""):
		return append(e.items(append(dst, '['), s.Item), ']')
	case len(e.kids) > 0, s.Kind == schemas.Object && text == "":
		return object(dst, e.kids, s)
	case s.Kind == schemas.Boolean && (text == "oui" || text == "true" || text == "1"):
		return append(dst, "true"...)
	case s.Kind == schemas.Boolean && (text == "non" || text == "false" || text == "0"):
		return append(dst, "false"...)
	case s.Kind == schemas.Number || s.Kind == schemas.Integer:
		if number, ok := xmlNumber(text); ok {
			return append(dst, number...)
		}
	}
	return appendQuoted(dst, e.text)
}

// object appends an object whose members are the elements, in order of first appearance; one that comes several times is a list.
func object(dst []byte, kids []*xmlElement, s *schemas.Shape) []byte {
	dst = append(dst, '{')
	groups := map[string][]*xmlElement{}
	for _, kid := range kids {
		groups[kid.name] = append(groups[kid.name], kid)
	}
	first := true
	for _, kid := range kids {
		group := groups[kid.name]
		if group == nil {
			continue
		}
		groups[kid.name] = nil
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendQuoted(dst, kid.name), ':')
		dst = member(dst, group, shapeOr(s.Members[kid.name]))
	}
	return append(dst, '}')
}

// member appends the value of a member that one element or several give.
func member(dst []byte, group []*xmlElement, s *schemas.Shape) []byte {
	if s.Kind != schemas.Array && len(group) == 1 {
		return group[0].value(dst, s)
	}
	dst = append(dst, '[')
	for i, e := range group {
		n := len(dst)
		if i > 0 {
			dst = append(dst, ',')
		}
		from := len(dst)
		if s.Kind == schemas.Array {
			dst = e.items(dst, s.Item)
		} else {
			dst = e.value(dst, s)
		}
		if len(dst) == from { // an empty wrapper
			dst = dst[:n]
		} else if i > 0 && n > 0 && dst[n-1] == '[' {
			dst = append(dst[:n], dst[n+1:]...)
		}
	}
	return append(dst, ']')
}

// items appends the items of a list that the element holds: wrapped (<titulaires><titulaire>…) or, for a list without a wrapper, the
// element itself as the one item.
func (e *xmlElement) items(dst []byte, item *schemas.Shape) []byte {
	item = shapeOr(item)
	switch {
	case len(e.kids) == 0 && (item.Kind == schemas.Object || item.Kind == "") && strings.TrimSpace(e.text) == "":
		return dst
	case len(e.kids) == 0:
		return e.value(dst, item)
	case e.isItem(item):
		return object(dst, e.kids, item)
	}
	for i, kid := range e.kids {
		if i > 0 {
			dst = append(dst, ',')
		}
		if len(item.Members) == 1 && item.Kind == schemas.Object { // the list's objects have the wrapper's name as their only member
			dst = object(dst, e.kids[i:i+1], item)
			continue
		}
		dst = kid.value(dst, item)
	}
	return dst
}

// isItem tells an item without its wrapper: it has what an item has.
func (e *xmlElement) isItem(item *schemas.Shape) bool {
	if item.Kind != schemas.Object || len(item.Members) < 2 {
		return false
	}
	for _, kid := range e.kids {
		m := item.Members[kid.name]
		if m != nil && (len(kid.kids) == 0 || m.Kind == schemas.Object || m.Kind == schemas.Array) {
			return true
		}
	}
	return false
}

func shapeOr(s *schemas.Shape) *schemas.Shape {
	if s == nil {
		return &schemas.Shape{}
	}
	return s
}

// xmlNumber writes a number of XML Schema (+1, 007, .5, 1.) as JSON has it.
func xmlNumber(text string) (string, bool) {
	sign := ""
	switch {
	case strings.HasPrefix(text, "-"):
		sign, text = "-", text[1:]
	case strings.HasPrefix(text, "+"):
		text = text[1:]
	}
	whole, fraction, _ := strings.Cut(text, ".")
	if whole+fraction == "" || strings.Trim(whole+fraction, "0123456789") != "" {
		return "", false
	}
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if fraction != "" {
		fraction = "." + fraction
	}
	return sign + whole + fraction, true
}

// appendQuoted appends a JSON string.
func appendQuoted(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
