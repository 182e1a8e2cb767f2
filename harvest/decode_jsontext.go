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
	maxRecord = 32 << 20 // bytes of one JSON record
)

// A jsonText walks through a JSON document of any size in a window of bounded size. It checks brackets, strings and depth; the grammar
// inside a value is left to whoever takes the value (jsonParser).
type jsonText struct {
	src  *plainText
	buf  []byte
	pos  int   // next byte to look at
	keep int   // start of the value being taken, -1
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
		for j.pos < len(j.buf) {
			switch j.buf[j.pos] {
			case '"':
				j.pos++
				return nil
			case '\\':
				j.pos++ // and what it escapes; at the window's end pos stands one beyond it for a moment
			}
			j.pos++
		}
		over := j.pos - len(j.buf)
		j.pos -= over
		if err := j.fill(); err == io.EOF {
			return j.truncated()
		} else if err != nil {
			return err
		}
		j.pos += over
	}
}

// nested goes behind the object or array that starts here.
func (j *jsonText) nested() error {
	j.open = j.open[:0]
	for {
		for j.pos < len(j.buf) {
			switch c := j.buf[j.pos]; c {
			case '"':
				if err := j.quoted(); err != nil {
					return err
				}
				continue
			case '{', '[':
				if len(j.open) == maxDepth {
					return j.deep()
				}
				j.open = append(j.open, c+2) // what closes it
			case '}', ']':
				if j.open[len(j.open)-1] != c {
					return j.syntax(j.offset())
				}
				j.open = j.open[:len(j.open)-1]
				if len(j.open) == 0 {
					j.pos++
					return nil
				}
			}
			j.pos++
		}
		if err := j.fill(); err == io.EOF {
			return j.truncated()
		} else if err != nil {
			return err
		}
	}
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

	stack []jsonFrame
	began bool
}

// A jsonFrame is a container that the walk is in.
type jsonFrame struct {
	path  string
	list  bool // an array of records; else an object on the way to one
	inner bool // a member was met
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
			if w.began {
				return "", nil, w.syntax(w.offset())
			}
			w.began = true
			if raw, err := w.value("", c); raw != nil || err != nil {
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
		if raw, err := w.value(path, c); raw != nil || err != nil {
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

// value enters the value at path when records are in it, takes it when it is one, and skips it otherwise.
func (w *recordWalk) value(path string, c byte) (raw []byte, err error) {
	found, above := false, false
	for _, p := range w.paths {
		found = found || p == path
		above = above || path == "" && p != "" || len(p) > len(path) && p[:len(path)] == path && p[len(path)] == '.'
	}
	switch {
	case found && c == '[':
		w.pos++
		w.stack = append(w.stack, jsonFrame{path: path, list: true})
	case found && c == '{' && w.single[path]:
		return w.take()
	case above && c == '{':
		w.pos++
		w.stack = append(w.stack, jsonFrame{path: path})
	default:
		return nil, w.skip()
	}
	return nil, nil
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
