package schemas

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed all:national
var national embed.FS

// A Set holds schemas by name and version. It is safe for concurrent use.
type Set struct {
	names    []string            // sorted
	versions map[string][]*entry // newest first

	lexiconOnce sync.Once
	lex         *lexicon // what recognising needs
}

// An entry is one schema of a Set, read when it is first asked for.
type entry struct {
	id   ID
	fsys fs.FS
	dir  string
	once sync.Once
	s    *Schema
	err  error
}

// read reads the schema without compiling it.
func (e *entry) read() (*Schema, error) {
	e.once.Do(func() {
		if e.s, e.err = readFolder(e.fsys, e.dir, e.id); e.err != nil {
			e.err = fmt.Errorf("%s : %w", path.Join(e.dir, "schema.json"), e.err)
		}
	})
	if e.err != nil {
		return nil, e.err
	}
	return e.s, nil
}

// compiled reads and compiles the schema.
func (e *entry) compiled() (*Schema, error) {
	s, err := e.read()
	if err != nil {
		return nil, err
	}
	if _, err := s.ready(); err != nil {
		return nil, fmt.Errorf("%s : %w", path.Join(e.dir, "schema.json"), err)
	}
	return s, nil
}

// readFolder reads a schema, and what series.json says of all its versions: beside the version, or among the national schemas for one that
// was adopted later.
func readFolder(fsys fs.FS, dir string, id ID) (*Schema, error) {
	s, err := readVersion(fsys, dir, id)
	if err != nil {
		return nil, err
	}
	file := path.Join(path.Dir(dir), "series.json")
	src, err := fs.ReadFile(fsys, file)
	if errors.Is(err, fs.ErrNotExist) {
		src, err = fs.ReadFile(national, path.Join("national", id.Name(), "series.json"))
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		src = []byte("{}")
	case err != nil:
		return nil, err
	}
	var series Series
	if err := json.Unmarshal(src, &series); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	s.Series = s.seriesOf(series)
	return s, nil
}

// seriesOf is what a version of the schema keeps of its series: a key that lacks a column is none.
func (s *Schema) seriesOf(all Series) (own Series) {
	if s.Field(all.Year) >= 0 {
		own.Year = all.Year
	}
	own.Key = all.Key
	if slices.ContainsFunc(own.Key, func(name string) bool { return s.Field(name) < 0 }) {
		own.Key = nil
	}
	if len(own.Key) == 0 {
		own.Key = s.PrimaryKey
	}
	return own
}

func readVersion(fsys fs.FS, dir string, id ID) (*Schema, error) {
	src, err := fs.ReadFile(fsys, path.Join(dir, "schema.json"))
	if err != nil {
		return nil, err
	}
	table, err := fs.ReadFile(fsys, path.Join(dir, "table.json"))
	switch {
	case err == nil:
		return readDocument(id, src, table)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case isJSONSchema(src):
		return readDocument(id, src, nil)
	}
	return readTable(id, src)
}

// isJSONSchema tells a JSON Schema from a Table Schema by what only one of them has at the top.
func isJSONSchema(src []byte) bool {
	v, _ := parseJSON(src)
	m, _ := v.(map[string]any)
	if _, isTable := m["fields"]; isTable {
		return false
	}
	for _, key := range []string{"properties", "definitions", "$defs", "allOf", "anyOf", "oneOf", "$ref", "items"} {
		if _, ok := m[key]; ok {
			return true
		}
	}
	return false
}

// Load reads every schema under fsys, laid out as ORG/NAME/VERSION/schema.json, with table.json beside a JSON Schema. A
// schema that does not compile is an error that names its path; all of them are reported together.
func Load(fsys fs.FS) (*Set, error) {
	s, err := scan(fsys)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, name := range s.names {
		for _, e := range s.versions[name] {
			if _, err := e.compiled(); err != nil {
				errs = append(errs, err)
			}
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return s, nil
}

// scan finds the schemas and reads none.
func scan(fsys fs.FS) (*Set, error) {
	files, err := fs.Glob(fsys, "*/*/*/schema.json")
	if err != nil {
		return nil, fmt.Errorf("list schemas: %w", err)
	}
	s := &Set{versions: map[string][]*entry{}}
	for _, file := range files {
		dir := path.Dir(file)
		name, version := path.Dir(dir), path.Base(dir)
		if s.versions[name] == nil {
			s.names = append(s.names, name)
		}
		s.versions[name] = append(s.versions[name], &entry{id: ID(name + "@" + version), fsys: fsys, dir: dir})
	}
	s.sort()
	return s, nil
}

func (s *Set) sort() {
	slices.Sort(s.names)
	for _, list := range s.versions {
		slices.SortFunc(list, func(a, b *entry) int { return -CompareVersions(a.id.Version(), b.id.Version()) })
	}
}

// With returns the schemas of s and the versions named, which lie under fsys as Load wants them. A version that s has stays as it is. Each must
// compile.
func (s *Set) With(fsys fs.FS, ids ...ID) (*Set, error) {
	out := &Set{names: slices.Clone(s.names), versions: map[string][]*entry{}}
	for name, list := range s.versions {
		out.versions[name] = slices.Clone(list)
	}
	var errs []error
	for _, id := range ids {
		if s.Has(id) {
			continue
		}
		e := &entry{id: id, fsys: fsys, dir: path.Join(id.Name(), id.Version())}
		if _, err := e.compiled(); err != nil {
			errs = append(errs, err)
			continue
		}
		if out.versions[id.Name()] == nil {
			out.names = append(out.names, id.Name())
		}
		out.versions[id.Name()] = append(out.versions[id.Name()], e)
	}
	out.sort()
	return out, errors.Join(errs...)
}

// Has tells whether the set holds this very version.
func (s *Set) Has(id ID) bool {
	return slices.ContainsFunc(s.versions[id.Name()], func(e *entry) bool { return e.id == id })
}

// Newer tells whether a version comes after all that the set holds of its schema; it does when there is none.
func (s *Set) Newer(id ID) bool {
	list := s.versions[id.Name()]
	return len(list) == 0 || CompareVersions(id.Version(), list[0].id.Version()) > 0
}

// Derive makes the files of a version from the schema that its authors publish at url, and compiles it. What a published schema does not say and
// the newest version that the set holds of it does is taken over: the delimiter, and the columns that the records of a JSON Schema become.
func (s *Set) Derive(id ID, url string, src []byte) (files map[string][]byte, compiled *Schema, err error) {
	v, err := parseJSON(src)
	root, ok := v.(map[string]any)
	if err != nil || !ok {
		return nil, nil, errors.Join(errors.New("ce n’est pas un objet JSON"), err)
	}
	var before *entry
	if list := s.versions[id.Name()]; len(list) > 0 {
		before = list[0]
	}
	add := map[string]string{}
	if root["schema_url"] == nil {
		add["schema_url"] = url
	}
	files = map[string][]byte{}
	if isJSONSchema(src) {
		if before != nil {
			if table, err := fs.ReadFile(before.fsys, path.Join(before.dir, "table.json")); err == nil {
				files["table.json"] = readdressed(table, url)
			}
		}
		files["schema.json"] = src
		compiled, err = ParseDocument(id, src, files["table.json"])
		return files, compiled, err
	}
	if before != nil && root["delimiter"] == nil {
		if old, err := before.read(); err == nil && old.Form == Table && old.Delimiter != ',' {
			add["delimiter"] = string(old.Delimiter)
		}
	}
	files["schema.json"] = withMembers(src, add)
	compiled, err = ParseTable(id, files["schema.json"])
	return files, compiled, err
}

// readdressed is a table.json with the address of another version.
func readdressed(table []byte, url string) []byte {
	v, err := parseJSON(table)
	m, ok := v.(map[string]any)
	if err != nil || !ok {
		return table
	}
	m["schema_url"] = url
	return compactJSON(m)
}

// withMembers writes members at the beginning of the JSON object src, whose own text stays as it is.
func withMembers(src []byte, add map[string]string) []byte {
	at := bytes.IndexByte(src, '{') + 1
	var b bytes.Buffer
	b.Write(src[:at])
	for _, name := range slices.Sorted(maps.Keys(add)) {
		fmt.Fprintf(&b, "%s: %s, ", compactJSON(name), compactJSON(add[name]))
	}
	b.Write(src[at:])
	return b.Bytes()
}

// CompareVersions orders versions by semantic versioning; what is none comes before all that are.
func CompareVersions(a, b string) int {
	a, b = strings.TrimPrefix(a, "v"), strings.TrimPrefix(b, "v")
	coreA, preA, _ := strings.Cut(a, "-")
	coreB, preB, _ := strings.Cut(b, "-")
	x, okA := versionNumbers(coreA)
	y, okB := versionNumbers(coreB)
	switch {
	case !okA && !okB:
		return cmp.Compare(a, b)
	case !okA:
		return -1
	case !okB:
		return 1
	case preA != preB && slices.Equal(x, y):
		if preA == "" {
			return 1
		}
		if preB == "" {
			return -1
		}
	}
	return cmp.Or(slices.Compare(x, y), cmp.Compare(preA, preB))
}

func versionNumbers(s string) (out []int, ok bool) {
	for part := range strings.SplitSeq(s, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil, false
		}
		out = append(out, n)
	}
	for len(out) > 1 && out[len(out)-1] == 0 { // 1.0 is 1
		out = out[:len(out)-1]
	}
	return out, true
}

// National returns the schemas embedded in the program, compiled once (on first use of each; listing them compiles nothing).
func National() *Set { return nationalSet() }

var nationalSet = sync.OnceValue(func() *Set {
	fsys, err := fs.Sub(national, "national")
	if err != nil {
		panic("schemas: embedded folder: " + err.Error())
	}
	s, err := scan(fsys)
	if err != nil {
		panic("schemas: embedded folder: " + err.Error())
	}
	return s
})

// An unknownError says in French which names come near the one that was asked for.
type unknownError struct{ french string }

func (e *unknownError) Error() string { return e.french }
func (e *unknownError) Unwrap() error { return ErrUnknown }

// Lookup finds "ORG/NAME" (the newest version) or "ORG/NAME@VERSION". Otherwise ErrUnknown, with the nearest names.
func (s *Set) Lookup(ref string) (*Schema, error) {
	id := ID(ref)
	list := s.versions[id.Name()]
	if len(list) == 0 {
		return nil, &unknownError{fmt.Sprintf("Le schéma %s n’existe pas.%s", quote(id.Name()), s.suggest(id.Name()))}
	}
	if !strings.Contains(ref, "@") {
		return list[0].compiled()
	}
	var known []string
	for _, e := range list {
		if e.id.Version() == id.Version() || e.id.Version() == strings.TrimPrefix(id.Version(), "v") {
			return e.compiled()
		}
		known = append(known, e.id.Version())
	}
	return nil, &unknownError{fmt.Sprintf("Le schéma %s n’a pas de version %s. Versions connues : %s.", quote(id.Name()), quote(id.Version()), strings.Join(known, ", "))}
}

// suggest names the schemas whose names come nearest.
func (s *Set) suggest(name string) string {
	type near struct {
		name     string
		distance int
	}
	var list []near
	want := fold(name)
	for _, n := range s.names {
		have := fold(n)
		d := min(distance(want, have), distance(path.Base(want), path.Base(have))+1)
		if last := path.Base(want); len(last) > 3 && strings.Contains(have, last) {
			d = min(d, 2)
		}
		if d <= 2+len(want)/5 {
			list = append(list, near{n, d})
		}
	}
	slices.SortStableFunc(list, func(a, b near) int { return cmp.Compare(a.distance, b.distance) })
	var names []string
	for _, n := range list[:min(3, len(list))] {
		names = append(names, n.name)
	}
	if len(names) == 0 {
		return ""
	}
	return " Les plus proches : " + quoteList(names, 3, "et") + "."
}

// distance is how many letters must be added, dropped or changed to make b of a.
func distance(a, b string) int {
	if len(a) > 100 || len(b) > 100 {
		return 100
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := diagonal
			if a[i-1] != b[j-1] {
				change++
			}
			diagonal = row[j]
			row[j] = min(change, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}

// All lists the newest version of every schema, by name. What the list holds is read but not compiled.
func (s *Set) All() []*Schema {
	var out []*Schema
	for _, name := range s.names {
		if sch, err := s.versions[name][0].read(); err == nil {
			out = append(out, sch)
		}
	}
	return out
}

// Versions lists every version of the named schema, newest first.
func (s *Set) Versions(name string) []ID {
	var out []ID
	for _, e := range s.versions[name] {
		out = append(out, e.id)
	}
	return out
}
