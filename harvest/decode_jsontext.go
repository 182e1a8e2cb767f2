package harvest

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"grenier/schemas"
)

const (
	maxDepth  = 100      // of nested JSON (SECURITY.md F-06)
	maxRecord = 32 << 20 // bytes of one JSON record: what bounds the memory that one huge geometry takes, which is some times its text
	maxFrame  = 1 << 20  // bytes of what a document has besides its records
)

// A jsonText walks through a JSON document of any size in a window of bounded size. It checks brackets, strings and depth; the grammar
// inside a value is left to whoever takes the value (jsonParser).
type jsonText struct {
	src  *plainText
	buf  []byte
	pos  int   // next byte to look at
	keep int   // start of the value being taken, -1
	soft bool  // the value is let go of when it becomes larger than maxFrame
	base int64 // offset of buf[0] in the text
	open []byte
}

func newJSONText(src *plainText) *jsonText {
	src.rewind()
	return &jsonText{src: src, keep: -1}
}

// offset is where the walk stands in the document, exact for UTF-8.
func (j *jsonText) offset() int64 { return j.src.start + j.base + int64(j.pos) }

// fill brings more text into the window. io.EOF at the end of the document.
func (j *jsonText) fill() (err error) {
	if j.src.done() {
		return io.EOF
	}
	from := j.pos
	if j.keep >= 0 {
		from = j.keep
	}
	if j.soft && len(j.buf)-from > maxFrame {
		j.keep, from = -1, j.pos
	}
	if len(j.buf)-from > maxRecord {
		return Say(fmt.Sprintf("Un enregistrement du document JSON dépasse 32 Mo (vers l’octet %s) : la lecture s’arrête là et rien n’est publié. Vérifiez l’export.", frenchInt(j.offset())),
			fmt.Errorf("json value over %d bytes at byte %d", maxRecord, j.offset()))
	}
	n := copy(j.buf, j.buf[from:])
	j.buf, j.pos, j.base = j.buf[:n], j.pos-from, j.base+int64(from)
	if j.keep >= 0 {
		j.keep = 0
	}
	j.buf, err = j.src.more(j.buf, max(schemas.BlockBytes, n))
	return err
}

// peek skips white space and returns the byte that follows, without taking it. io.EOF at the end.
func (j *jsonText) peek() (byte, error) {
	for {
		for ; j.pos < len(j.buf); j.pos++ {
			switch c := j.buf[j.pos]; c {
			case ' ', '\t', '\n', '\r':
			default:
				return c, nil
			}
		}
		if err := j.fill(); err != nil {
			return 0, err
		}
	}
}

// must is peek where the document cannot end.
func (j *jsonText) must() (byte, error) {
	c, err := j.peek()
	if err == io.EOF {
		err = j.truncated()
	}
	return c, err
}

// expect takes the byte c.
func (j *jsonText) expect(c byte) error {
	got, err := j.must()
	if err != nil {
		return err
	}
	if got != c {
		return j.syntax(j.offset())
	}
	j.pos++
	return nil
}

// key takes a member's name and the colon behind it.
func (j *jsonText) key() (string, error) {
	c, err := j.must()
	if err != nil {
		return "", err
	}
	if c != '"' {
		return "", j.syntax(j.offset())
	}
	raw, err := j.take()
	if err != nil {
		return "", err
	}
	name, _ := appendString(nil, raw[1:len(raw)-1])
	return string(name), j.expect(':')
}

// take returns the text of the next value. It is valid until the next call of any method.
func (j *jsonText) take() ([]byte, error) {
	if _, err := j.must(); err != nil {
		return nil, err
	}
	j.keep = j.pos
	err := j.skip()
	raw := j.buf[max(j.keep, 0):j.pos]
	j.keep = -1
	return raw, err
}

// skip goes behind the next value.
func (j *jsonText) skip() error {
	c, err := j.must()
	if err != nil {
		return err
	}
	switch c {
	case '"':
		return j.quoted()
	case '{', '[':
		return j.nested()
	case '}', ']', ',', ':':
		return j.syntax(j.offset())
	}
	for {
		for ; j.pos < len(j.buf); j.pos++ {
			switch j.buf[j.pos] {
			case ' ', '\t', '\n', '\r', ',', ':', '[', ']', '{', '}', '"':
				return nil
			}
		}
		if err := j.fill(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// quoted goes behind the string that starts here.
func (j *jsonText) quoted() error {
	j.pos++
	for {
		n, closed := afterString(j.buf[j.pos:])
		j.pos += n
		if closed {
			return nil
		}
		if err := j.fill(); err == io.EOF {
			return j.truncated()
		} else if err != nil {
			return err
		}
	}
}

// afterString returns how many bytes of text belong to a string that was begun before. closed says that its end is among them; when it is
// not, a backslash at the very end is left for the next time.
func afterString(text []byte) (n int, closed bool) {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			return i + 1, true
		case '\\':
			if i++; i == len(text) {
				return i - 1, false
			}
		}
	}
	return len(text), false
}

// nested goes behind the object or array that starts here.
func (j *jsonText) nested() error {
	j.open = j.open[:0]
	for {
		done, err := j.brackets()
		if done || err != nil {
			return err
		}
		if err := j.fill(); err == io.EOF {
			return j.truncated()
		} else if err != nil {
			return err
		}
	}
}

// structural marks the bytes that brackets looks at.
var structural = [256]bool{'"': true, '{': true, '[': true, '}': true, ']': true}

// brackets goes through the text at hand; done says that what nested opened is closed.
func (j *jsonText) brackets() (done bool, err error) {
	buf := j.buf
	for i := j.pos; i < len(buf); i++ {
		c := buf[i]
		if !structural[c] {
			continue
		}
		switch c {
		case '"':
			n, closed := afterString(buf[i+1:])
			if !closed {
				j.pos = i
				if err := j.quoted(); err != nil {
					return false, err
				}
				buf, i = j.buf, j.pos-1
				continue
			}
			i += n
		case '{', '[':
			if len(j.open) == maxDepth {
				j.pos = i
				return false, j.deep()
			}
			j.open = append(j.open, c+2) // what closes it
		default:
			if j.open[len(j.open)-1] != c {
				j.pos = i
				return false, j.syntax(j.offset())
			}
			j.open = j.open[:len(j.open)-1]
			if len(j.open) == 0 {
				j.pos = i + 1
				return true, nil
			}
		}
	}
	j.pos = len(buf)
	return false, nil
}

func (j *jsonText) deep() error {
	return Say(fmt.Sprintf("Le document JSON imbrique plus de %d niveaux (à l’octet %s) : il est refusé. Vérifiez l’export.", maxDepth, frenchInt(j.offset())),
		fmt.Errorf("json deeper than %d at byte %d", maxDepth, j.offset()))
}

// truncated says that the document ends too soon.
func (j *jsonText) truncated() error {
	at := j.src.start + j.base + int64(len(j.buf))
	return Say(fmt.Sprintf("Le document JSON est incomplet : il s’arrête à l’octet %s au milieu d’une valeur, et rien n’en est publié. Vérifiez que le dépôt est terminé, puis recommencez.", frenchInt(at)),
		fmt.Errorf("json ends at byte %d: %w", at, io.ErrUnexpectedEOF))
}

var errSyntax = errors.New("invalid json")

func (j *jsonText) syntax(at int64) error {
	return Say(fmt.Sprintf("Le document n’est pas du JSON valide : erreur à l’octet %s. Rien n’en est publié ; vérifiez l’export du logiciel.", frenchInt(at)),
		fmt.Errorf("byte %d: %w", at, errSyntax))
}

// A recordWalk goes from record to record of a JSON document, in its order.
type recordWalk struct {
	*jsonText
	paths  []string        // where the lists of records are, dotted; "" is the root
	single map[string]bool // paths at which one record stands without its list
	lines  bool            // each value of the document is a record (NDJSON)
	geo    bool            // the records are GeoJSON features
	inside bool            // the document stands in a list of its own
	rest   *jsonRest       // what the document has besides its records; nil: not kept

	stack  []jsonFrame
	began  bool
	closed bool // the list around the document is
}

// A jsonRest is the document without its records.
type jsonRest struct {
	text []byte
	cut  bool // parts are left out, for want of room
}

// member begins a member, unless there is no room left.
func (r *jsonRest) member(key string) bool {
	if len(r.text) > maxFrame {
		r.cut = true
		return false
	}
	if n := len(r.text); n > 0 && r.text[n-1] != '{' {
		r.text = append(r.text, ',')
	}
	r.text = append(appendQuoted(r.text, key), ':')
	return true
}

// value adds the text of a value that begins with c, or an empty one of its kind when it is too large.
func (r *jsonRest) value(raw []byte, c byte) {
	if raw != nil && len(r.text)+len(raw) <= 2*maxFrame {
		r.text = append(r.text, raw...)
		return
	}
	r.cut = true
	switch c {
	case '{':
		r.text = append(r.text, "{}"...)
	case '[':
		r.text = append(r.text, "[]"...)
	case '"':
		r.text = append(r.text, `""`...)
	default:
		r.text = append(r.text, '0')
	}
}

// A jsonFrame is a container that the walk is in.
type jsonFrame struct {
	path  string
	list  bool // an array of records; else an object on the way to one
	inner bool // a member was met
	kept  bool // its end belongs to the rest
}

// next returns the next record: the path of its list and its text, valid until the next call. io.EOF after the last one.
func (w *recordWalk) next() (path string, raw []byte, err error) {
	for {
		if len(w.stack) == 0 {
			c, err := w.peek()
			if err == io.EOF && !w.began {
				err = w.truncated()
			}
			if err != nil {
				return "", nil, err
			}
			if w.lines {
				w.began = true
				raw, err = w.take()
				return "", raw, err
			}
			switch {
			case w.inside && !w.began && c == '[', w.inside && w.began && !w.closed && c == ']':
				w.pos++
				w.closed = w.began
				if !w.began {
					if c, err = w.must(); err != nil {
						return "", nil, err
					}
					break
				}
				continue
			case w.began:
				return "", nil, w.syntax(w.offset())
			}
			w.began = true
			if raw, err := w.value("", c, w.rest != nil); raw != nil || err != nil {
				return "", raw, err
			}
			continue
		}
		top := &w.stack[len(w.stack)-1]
		more, err := w.member(top)
		if err != nil {
			return "", nil, err
		}
		if !more {
			if top.kept {
				w.rest.text = append(w.rest.text, '}')
			}
			w.stack = w.stack[:len(w.stack)-1]
			continue
		}
		if top.list {
			raw, err := w.take()
			return top.path, raw, err
		}
		key, err := w.key()
		if err != nil {
			return "", nil, err
		}
		c, err := w.must()
		if err != nil {
			return "", nil, err
		}
		path := memberPath(top.path, key)
		if raw, err := w.value(path, c, top.kept && w.rest.member(key)); raw != nil || err != nil {
			return path, raw, err
		}
	}
}

// memberPath is the path of a member.
func memberPath(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// member goes to the next member of a container, over the comma; false when the container is closed.
func (j *jsonText) member(f *jsonFrame) (bool, error) {
	c, err := j.must()
	if err != nil {
		return false, err
	}
	if f.list && c == ']' || !f.list && c == '}' {
		j.pos++
		return false, nil
	}
	if f.inner {
		if err := j.expect(','); err != nil {
			return false, err
		}
	}
	f.inner = true
	return true, nil
}

// value enters the value at path when records are in it, takes it when it is one, and skips it otherwise. keep says that the rest of the
// document has a place for it.
func (w *recordWalk) value(path string, c byte, keep bool) (raw []byte, err error) {
	found, above := false, false
	for _, p := range w.paths {
		found = found || p == path
		above = above || path == "" && p != "" || len(p) > len(path) && p[:len(path)] == path && p[len(path)] == '.'
	}
	switch {
	case found && c == '[':
		w.pos++
		w.stack = append(w.stack, jsonFrame{path: path, list: true})
		if keep {
			w.rest.text = append(w.rest.text, "[]"...)
		}
	case found && c == '{' && w.single[path]:
		if keep {
			w.rest.text = append(w.rest.text, "{}"...)
		}
		return w.take()
	case above && c == '{':
		w.pos++
		w.stack = append(w.stack, jsonFrame{path: path, kept: keep})
		if keep {
			w.rest.text = append(w.rest.text, '{')
		}
	case keep:
		return nil, w.keepValue(c)
	default:
		return nil, w.skip()
	}
	return nil, nil
}

// keepValue takes a value outside the records over into the rest.
func (w *recordWalk) keepValue(c byte) error {
	w.keep, w.soft = w.pos, true
	err := w.skip()
	from := w.keep
	w.keep, w.soft = -1, false
	if err != nil {
		return err
	}
	if from < 0 {
		w.rest.value(nil, c)
		return nil
	}
	raw := w.buf[from:w.pos]
	p := jsonParser{flaw: func([]byte, string, string) {}}
	if at := p.parse(raw); at >= 0 {
		return w.syntax(w.offset() - int64(len(raw)) + int64(at))
	}
	w.rest.value(raw, c)
	return nil
}

// A jsonPlace is a container that a survey met.
type jsonPlace struct {
	path    string
	list    bool
	count   int  // members
	objects bool // a list whose first element is an object
	scalars bool // an object with a member that is neither object nor list
}

// A survey is what a JSON document is made of.
type survey struct {
	places []jsonPlace
	kind   string // the root's "type", as GeoJSON has it
	lines  bool   // several values follow each other
	want   []string
}

const (
	surveyDepth  = 4
	surveyPlaces = 200
)

// look reads the whole document once and tells where its lists are. The places of want are found however deep they are.
func (j *jsonText) look(want []string) (s survey, err error) {
	s.want = want
	if err := s.visit(j, "", 0); err != nil {
		return s, err
	}
	for {
		if _, err := j.peek(); err == io.EOF {
			return s, nil
		} else if err != nil {
			return s, err
		}
		if s.lines = true; s.places[0].list {
			return s, j.syntax(j.offset())
		}
		if err := j.skip(); err != nil {
			return s, err
		}
	}
}

// worth tells whether the container at path is looked into.
func (s *survey) worth(path string, depth int) bool {
	for _, w := range s.want {
		if w == path || strings.HasPrefix(w, path+".") {
			return true
		}
	}
	return depth < surveyDepth && len(s.places) < surveyPlaces
}

func (s *survey) visit(j *jsonText, path string, depth int) error {
	c, err := j.must()
	if err != nil {
		return err
	}
	if c != '{' && c != '[' {
		return j.syntax(j.offset())
	}
	if depth == maxDepth {
		return j.deep()
	}
	if !s.worth(path, depth) {
		return j.skip()
	}
	j.pos++
	at := len(s.places)
	s.places = append(s.places, jsonPlace{path: path, list: c == '['})
	frame := jsonFrame{list: c == '['}
	for {
		more, err := j.member(&frame)
		if err != nil || !more {
			return err
		}
		s.places[at].count++
		if frame.list {
			err = s.element(j, at)
		} else {
			err = s.field(j, at, path, depth)
		}
		if err != nil {
			return err
		}
	}
}

// element steps over one element of a list.
func (s *survey) element(j *jsonText, at int) error {
	c, err := j.must()
	if err != nil {
		return err
	}
	s.places[at].objects = s.places[at].objects || s.places[at].count == 1 && c == '{'
	return j.skip()
}

// field visits one member of an object.
func (s *survey) field(j *jsonText, at int, path string, depth int) error {
	key, err := j.key()
	if err != nil {
		return err
	}
	c, err := j.must()
	if err != nil {
		return err
	}
	if c == '{' || c == '[' {
		return s.visit(j, memberPath(path, key), depth+1)
	}
	s.places[at].scalars = true
	raw, err := j.take()
	if depth == 0 && key == "type" && len(raw) > 2 && len(raw) < 40 {
		s.kind = string(raw[1 : len(raw)-1])
	}
	return err
}

// at finds a place by its path.
func (s *survey) at(path string) (p jsonPlace, ok bool) {
	for _, p := range s.places {
		if p.path == path {
			return p, true
		}
	}
	return p, false
}
