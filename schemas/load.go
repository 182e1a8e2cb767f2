package schemas

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
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
	fsys     fs.FS
	names    []string            // sorted
	versions map[string][]*entry // newest first
}

// An entry is one schema of a Set, read when it is first asked for.
type entry struct {
	id   ID
	dir  string
	once sync.Once
	s    *Schema
	err  error
}

// read reads the schema without compiling it.
func (e *entry) read(fsys fs.FS) (*Schema, error) {
	e.once.Do(func() {
		if e.s, e.err = readFolder(fsys, e.dir, e.id); e.err != nil {
			e.err = fmt.Errorf("%s : %w", path.Join(e.dir, "schema.json"), e.err)
		}
	})
	if e.err != nil {
		return nil, e.err
	}
	return e.s, nil
}

// compiled reads and compiles the schema.
func (e *entry) compiled(fsys fs.FS) (*Schema, error) {
	s, err := e.read(fsys)
	if err != nil {
		return nil, err
	}
	if _, err := s.ready(); err != nil {
		return nil, fmt.Errorf("%s : %w", path.Join(e.dir, "schema.json"), err)
	}
	return s, nil
}

func readFolder(fsys fs.FS, dir string, id ID) (*Schema, error) {
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
			if _, err := e.compiled(fsys); err != nil {
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
	s := &Set{fsys: fsys, versions: map[string][]*entry{}}
	for _, file := range files {
		dir := path.Dir(file)
		name, version := path.Dir(dir), path.Base(dir)
		if s.versions[name] == nil {
			s.names = append(s.names, name)
		}
		s.versions[name] = append(s.versions[name], &entry{id: ID(name + "@" + version), dir: dir})
	}
	slices.Sort(s.names)
	for _, list := range s.versions {
		slices.SortFunc(list, func(a, b *entry) int { return -compareVersions(a.id.Version(), b.id.Version()) })
	}
	return s, nil
}

// compareVersions orders versions by semantic versioning; what is none comes before all that are.
func compareVersions(a, b string) int {
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
		return list[0].compiled(s.fsys)
	}
	var known []string
	for _, e := range list {
		if e.id.Version() == id.Version() || e.id.Version() == strings.TrimPrefix(id.Version(), "v") {
			return e.compiled(s.fsys)
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
		if sch, err := s.versions[name][0].read(s.fsys); err == nil {
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
