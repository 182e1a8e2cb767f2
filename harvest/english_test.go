package harvest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestEnglish_TranslatesSentencesThatThePackageStillSays(t *testing.T) {
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") || name == "english.go" {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if b, ok := n.(*ast.BasicLit); ok && b.Kind == token.STRING {
				s, _ := strconv.Unquote(b.Value)
				said[s] = true
			}
			return true
		})
	}
	for french, english := range english {
		if !said[french] {
			t.Errorf("nobody says %q", french)
		}
		if english == french || english == "" {
			t.Errorf("no English for %q", french)
		}
	}
}
