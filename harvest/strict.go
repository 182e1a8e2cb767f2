package harvest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// A yamlPath leads to a node: keys are strings, places in a list are ints.
type yamlPath []any

// String writes a path as "map.columns[3].from".
func (p yamlPath) String() string {
	var b strings.Builder
	for i, step := range p {
		switch s := step.(type) {
		case int:
			b.WriteString("[" + strconv.Itoa(s) + "]")
		case string:
			if i > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s)
		}
	}
	return b.String()
}

// and is p followed by more steps.
func (p yamlPath) and(steps ...any) yamlPath { return append(slices.Clip(p), steps...) }

// faultLog collects the faults of one file, each with its line and path.
type faultLog struct {
	file string
	list []faultLine
}

type faultLine struct {
	line int
	text string
}

// add notes a fault; line 0 is a fault of the whole file, a nil path one of the whole document.
func (l *faultLog) add(line int, path yamlPath, format string, args ...any) {
	where := l.file
	if line > 0 {
		where += ":" + strconv.Itoa(line)
	}
	if len(path) > 0 {
		where += ": " + path.String()
	}
	l.list = append(l.list, faultLine{line, where + ": " + fmt.Sprintf(format, args...)})
}

// faults are the faults found, by line.
func (l *faultLog) faults() FaultList {
	slices.SortStableFunc(l.list, func(a, b faultLine) int { return cmp.Compare(a.line, b.line) })
	var faults FaultList
	for _, f := range l.list {
		if !slices.Contains(faults, f.text) {
			faults = append(faults, f.text)
		}
	}
	return faults
}

// A yamlNode is a node with where it is, so that what is wrong with it can be said with its line.
type yamlNode struct {
	*yaml.Node
	log  *faultLog
	path yamlPath // from the top of the document
}

// fault notes what is wrong at the given steps below n; its line is that of the nearest node that exists.
func (n yamlNode) fault(below yamlPath, format string, args ...any) {
	node := n.Node
	for _, step := range below {
		next := child(node, step)
		if next == nil {
			break
		}
		node = next
	}
	n.log.add(node.Line, n.path.and(below...), format, args...)
}

// at is the node at the given steps below n, or false.
func (n yamlNode) at(steps ...any) (yamlNode, bool) {
	node := n.Node
	for _, step := range steps {
		if node = child(node, step); node == nil {
			return yamlNode{}, false
		}
	}
	return yamlNode{node, n.log, n.path.and(steps...)}, true
}

func child(n *yaml.Node, step any) *yaml.Node {
	switch s := step.(type) {
	case int:
		if n.Kind == yaml.SequenceNode && s < len(n.Content) {
			return n.Content[s]
		}
	case string:
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == s {
				return n.Content[i+1]
			}
		}
	}
	return nil
}

// readYAML parses the documents of a file. What cannot be parsed at all is noted in log.
func readYAML(log *faultLog, text []byte) []yamlNode {
	var docs []yamlNode
	d := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var doc yaml.Node
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return docs
		}
		if err != nil {
			line, why := frenchSyntax(err)
			log.add(line, nil, "%s", why)
			return docs
		}
		if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 && doc.Content[0].Tag != "!!null" {
			docs = append(docs, yamlNode{doc.Content[0], log, nil})
		}
	}
}

var syntaxLine = regexp.MustCompile(`line (\d+)`)

// frenchSyntax says in French what the YAML parser found.
func frenchSyntax(err error) (line int, why string) {
	text := err.Error()
	if m := syntaxLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
	}
	for _, known := range [][2]string{
		{"mapping values are not allowed", "deux-points inattendu\u00a0: mettez la valeur entre guillemets"},
		{"could not find expected ':'", "il manque un deux-points après une clé"},
		{"did not find expected key", "clé attendue\u00a0: vérifiez les retraits"},
		{"did not find expected '-'", "tiret de liste attendu\u00a0: vérifiez les retraits"},
		{"did not find expected", "crochet, accolade ou virgule manquants"},
		{"cannot start any token", "caractère interdit en début de valeur (tabulation, @, %, `)\u00a0: mettez la valeur entre guillemets"},
		{"unexpected end of stream", "guillemet qui n’est pas refermé"},
		{"control characters", "caractère de contrôle interdit"},
		{"UTF-8", "le fichier n’est pas en UTF-8"},
		{"unknown anchor", "les ancres et les alias ne sont pas admis"},
	} {
		if strings.Contains(text, known[0]) {
			return line, "YAML illisible\u00a0: " + known[1]
		}
	}
	return line, "YAML illisible\u00a0: vérifiez les retraits et les guillemets"
}

// strict compares a tree with the type that it will be decoded into and notes every unknown or repeated key and every value of a
// wrong kind. Fields of type any hold whatever plain accepts.
func (n yamlNode) strict(t reflect.Type) {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		n.fault(nil, "les ancres et les alias ne sont pas admis")
		return
	}
	if n.Tag == "!!null" && n.Kind == yaml.ScalarNode {
		return
	}
	switch t.Kind() {
	case reflect.Pointer:
		n.strict(t.Elem())
	case reflect.Struct:
		n.strictStruct(t)
	case reflect.Map:
		n.strictKeys(func(_ string, value yamlNode) { value.strict(t.Elem()) })
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			n.fault(nil, "attend une liste")
			return
		}
		for i := range n.Content {
			e, _ := n.at(i)
			e.strict(t.Elem())
		}
	case reflect.Interface:
		n.strictAny()
	default:
		n.strictScalar(t)
	}
}

func (n yamlNode) strictStruct(t reflect.Type) {
	fields := map[string]reflect.Type{}
	for f := range t.Fields() {
		if key, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); key != "" && key != "-" {
			fields[key] = f.Type
		}
	}
	n.strictKeys(func(key string, value yamlNode) {
		if t, ok := fields[key]; ok {
			value.strict(t)
			return
		}
		names := slices.Sorted(maps.Keys(fields))
		value.fault(nil, "clé inconnue%s", proposal(key, names))
	})
}

// strictKeys calls fn for each key of a mapping. Keys that are repeated or no texts are noted and taken out, so that the rest can
// still be decoded and judged.
func (n yamlNode) strictKeys(fn func(key string, value yamlNode)) {
	if n.Kind != yaml.MappingNode {
		n.fault(nil, "attend des clés et leurs valeurs")
		return
	}
	seen := map[string]int{}
	var kept []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		value := yamlNode{v, n.log, n.path.and(k.Value)}
		switch first, again := seen[k.Value]; {
		case k.Kind != yaml.ScalarNode || k.Tag == "!!merge":
			n.log.add(k.Line, n.path, "une clé doit être un simple texte")
		case again:
			n.log.add(k.Line, value.path, "cette clé est déjà donnée à la ligne %d", first)
		default:
			seen[k.Value], kept = k.Line, append(kept, k, v)
			fn(k.Value, value)
		}
	}
	n.Content = kept
}

func (n yamlNode) strictAny() {
	switch n.Kind {
	case yaml.MappingNode:
		n.strictKeys(func(_ string, value yamlNode) { value.strict(reflect.TypeFor[any]()) })
	case yaml.SequenceNode:
		for i := range n.Content {
			e, _ := n.at(i)
			e.strict(reflect.TypeFor[any]())
		}
	}
}

func (n yamlNode) strictScalar(t reflect.Type) {
	if n.Kind != yaml.ScalarNode {
		n.fault(nil, "attend %s, pas une liste ni des clés", scalarNames[t.Kind()])
		return
	}
	if err := n.Decode(reflect.New(t).Interface()); err != nil {
		n.fault(nil, "attend %s, pas %s", scalarNames[t.Kind()], cited(n.Value))
	}
}

var scalarNames = map[reflect.Kind]string{
	reflect.String: "un texte", reflect.Bool: "true ou false", reflect.Int: "un nombre entier", reflect.Int64: "un nombre entier", reflect.Float64: "un nombre",
}

// plain is a checked tree as JSON would hold it: maps by text, lists, texts, truth values and json.Number. A number that JSON would write
// otherwise (a commune code: 01004) and a date stay the text that was typed.
func plain(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = plain(n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, e := range n.Content {
			list = append(list, plain(e))
		}
		return list
	case yaml.AliasNode:
		return nil // refused by strict
	}
	switch n.Tag {
	case "!!null":
		return nil
	case "!!bool":
		var b bool
		if n.Decode(&b) == nil {
			return b
		}
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			return json.Number(n.Value)
		}
	}
	return n.Value
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// cited puts a text between French quotes.
func cited(s string) string {
	if r := []rune(s); len(r) > 80 {
		s = string(r[:79]) + "…"
	}
	return "«\u00a0" + s + "\u00a0»"
}

// proposal ends a sentence with the known name that was probably meant, or with all of them when they are few.
func proposal(given string, known []string) string {
	best, distance := "", len(given)/3+2
	for _, k := range known {
		if d := editDistance(strings.ToLower(given), strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	switch {
	case best != "":
		return "\u00a0; vouliez-vous dire " + cited(best) + "\u00a0?"
	case len(known) == 0 || len(known) > 16:
		return ""
	}
	return "\u00a0; acceptés\u00a0: " + strings.Join(known, ", ")
}

// editDistance is how many letters must be added, removed or changed to make b of a.
func editDistance(a, b string) int {
	s, t := []rune(a), []rune(b)
	row := make([]int, len(t)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range s {
		last := row[0]
		row[0] = i + 1
		for j, y := range t {
			cost := last
			if x != y {
				cost++
			}
			last = row[j+1]
			row[j+1] = min(cost, last+1, row[j]+1)
		}
	}
	return row[len(t)]
}
