package harvest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"strconv"
	"strings"
	"testing"
)

func TestEnglish_TranslatesSentencesThatThePackageStillSays(t *testing.T) {
	packages, err := parser.ParseDir(token.NewFileSet(), ".", func(i fs.FileInfo) bool {
		return !strings.HasSuffix(i.Name(), "_test.go") && i.Name() != "english.go"
	}, 0)
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	for _, file := range packages["harvest"].Files {
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
