package schemas

import (
	"errors"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sources parses the package's own files.
func sources(t *testing.T) (*token.FileSet, []*ast.File) {
	t.Helper()
	set := token.NewFileSet()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return set, files
}

// noImports is an importer of nothing: what the phrases are does not depend on other packages.
type noImports struct{}

func (noImports) Import(path string) (*types.Package, error) { return nil, errors.New("not needed") }

// literals collects the string literals under a node, those of calls excepted.
func literals(n ast.Node, out map[string]bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		if b, ok := n.(*ast.BasicLit); ok && b.Kind == token.STRING {
			s, _ := strconv.Unquote(b.Value)
			out[s] = true
		}
		_, isCall := n.(*ast.CallExpr)
		return !isCall
	})
}

// phrases collects every phrase that the package can say: the literals whose type is phrase.
func phrases(t *testing.T) map[string]bool {
	set, files := sources(t)
	info := types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	config := types.Config{Importer: noImports{}, Error: func(error) {}}
	config.Check("schemas", set, files, &info) // errors about the absent imports do not matter
	table := englishTable(files)
	out := map[string]bool{}
	for e, tv := range info.Types {
		if named, ok := tv.Type.(*types.Named); ok && named.Obj().Name() == "phrase" && tv.Value != nil && (e.Pos() < table.Pos() || e.Pos() > table.End()) {
			out[constant.StringVal(tv.Value)] = true
		}
	}
	delete(out, "")
	delete(out, quoted) // a mark in the tables of the base adresse locale
	return out
}

// englishTable finds the declaration of the table english, whose keys are phrases that nobody says there.
func englishTable(files []*ast.File) ast.Node {
	for _, f := range files {
		if o := f.Scope.Lookup("english"); o != nil {
			return o.Decl.(ast.Node)
		}
	}
	return nil
}

var verb = regexp.MustCompile(`%(?:\[(\d+)\])?([a-z])`)

// verbs lists which argument each verb of a phrase takes, in order of the arguments.
func verbs(s string) (out []string) {
	next := 1
	for _, m := range verb.FindAllStringSubmatch(strings.ReplaceAll(s, "%%", ""), -1) {
		if m[1] != "" {
			next, _ = strconv.Atoi(m[1])
		}
		out = append(out, strconv.Itoa(next)+m[2])
		next++
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func TestEnglish_HasEveryPhraseOfThePackage(t *testing.T) {
	said := phrases(t)
	if len(said) < 100 {
		t.Fatalf("only %d phrases were found: the test does not see them", len(said))
	}
	for _, p := range slices.Sorted(maps.Keys(said)) {
		e, ok := english[phrase(p)]
		if !ok {
			t.Errorf("no English for\t%q", p)
			continue
		}
		if f, g := verbs(p), verbs(e); !slices.Equal(f, g) {
			t.Errorf("%q takes %v, its English %q %v", p, f, e, g)
		}
	}
	for p := range english {
		if !said[string(p)] {
			t.Errorf("English for a phrase that nobody says: %q", p)
		}
	}
}

// A message that goes past say would stay French in an English report.
func TestEnglish_IsAskedForEveryMessage(t *testing.T) {
	french := func(e ast.Expr) bool {
		found := map[string]bool{}
		literals(e, found)
		delete(found, "")
		delete(found, " ")
		return len(found) > 0
	}
	_, files := sources(t)
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.KeyValueExpr:
				if id, ok := n.Key.(*ast.Ident); ok && (id.Name == "Message" || id.Name == "Hint") && french(n.Value) {
					t.Errorf("%s: a literal that was not said", id.Name)
				}
			case *ast.AssignStmt:
				for i, left := range n.Lhs {
					if f, ok := left.(*ast.SelectorExpr); ok && (f.Sel.Name == "Message" || f.Sel.Name == "Hint") && len(n.Lhs) == len(n.Rhs) && french(n.Rhs[i]) {
						t.Errorf("%s: a literal that was not said", f.Sel.Name)
					}
				}
			}
			return true
		})
	}
}
