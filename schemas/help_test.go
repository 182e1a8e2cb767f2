package schemas

import (
	"go/ast"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// issueTypes collects the codes that the package's source gives to Type, and those of the custom checks.
func issueTypes(t *testing.T) map[string]bool {
	out := map[string]bool{}
	_, files := sources(t)
	add := func(e ast.Expr) {
		if b, ok := e.(*ast.BasicLit); ok && b.Kind == token.STRING {
			s, _ := strconv.Unquote(b.Value)
			out[s] = true
		}
	}
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				id, ok := n.Type.(*ast.Ident)
				if !ok || id.Name != "Issue" {
					return true
				}
				for _, e := range n.Elts {
					if kv, ok := e.(*ast.KeyValueExpr); ok && kv.Key.(*ast.Ident).Name == "Type" {
						add(kv.Value)
					}
				}
			case *ast.AssignStmt:
				for i, left := range n.Lhs {
					if f, ok := left.(*ast.SelectorExpr); ok && f.Sel.Name == "Type" && len(n.Lhs) == len(n.Rhs) {
						add(n.Rhs[i])
					}
				}
			case *ast.FuncDecl:
				if n.Name.Name == "issueType" {
					ast.Inspect(n, func(n ast.Node) bool {
						if r, ok := n.(*ast.ReturnStmt); ok && len(r.Results) == 1 {
							add(r.Results[0])
						}
						return true
					})
				}
			}
			return true
		})
	}
	for _, k := range checkKinds {
		out[k.code] = true
	}
	return out
}

// technical finds what a secretary cannot read: expressions, code names.
var technical = regexp.MustCompile(`\\d|\[A-Z|\^|\$$|\bnull\b|\btrue\b|\bfalse\b|regex|RFC|Luhn|expression régulière`)

func TestHelp_ExplainsEveryCodeThatCanBeGiven(t *testing.T) {
	types := issueTypes(t)
	for _, must := range []string{"type-error", "missing-label", "french-siret-value", "extra-member", "check-warn", "blank-row", "reversed-french-gps-coordinates"} {
		if !types[must] {
			t.Errorf("the test does not see that %s is given", must)
		}
	}
	for _, more := range []string{"source-error", "encoding-error", "extra-cell", "other", "repair-ambiguous", "repair-refused", "format-error", "schema-error", "field-error", "table-dimensions"} {
		types[more] = true
	}
	for kind := range types {
		if kind == "constraint-error" || strings.HasSuffix(kind, ".") {
			continue
		}
		explains(t, kind, "")
	}
	for _, name := range constraintNames {
		explains(t, "constraint-error", name)
	}
	for _, keyword := range []string{"const", "format", "multipleOf", "minItems", "maxItems", "minProperties", "maxProperties", "uniqueItems", "dependencies", "oneOf", "anyOf", "contains", "exclusiveMinimum", "exclusiveMaximum", "propertyNames"} {
		explains(t, "constraint-error", keyword)
	}
	for k := range balKinds {
		explains(t, "numero."+balCodes[k], "")
	}
	for _, kind := range []string{"file.encoding.non_standard", "field.numero.missing", "rows.empty", "rows.multi_id_ban_commune"} {
		explains(t, kind, "")
	}
	if _, ok := Help("no-such-code", "", "fr"); ok {
		t.Error("help for a code that does not exist")
	}
}

func explains(t *testing.T, kind, constraint string) {
	t.Helper()
	h, ok := Help(kind, constraint, "fr")
	if !ok || h.Title == "" || len(h.Text) < 20 || strings.Contains(h.Title+h.Text, "%!") || technical.MatchString(h.Title+" "+h.Text) || strings.Contains(h.Text, kind) && strings.ContainsAny(kind, "-.") {
		t.Errorf("%s %s: %v %+v", kind, constraint, ok, h)
	}
	if (h.Right == "") != (h.Wrong == "") || h.Right != "" && h.Right == h.Wrong {
		t.Errorf("%s %s: right %q, wrong %q", kind, constraint, h.Right, h.Wrong)
	}
	e, ok := Help(kind, constraint, "en")
	if !ok || e.Title == h.Title {
		t.Errorf("%s %s: its English is its French: %q", kind, constraint, e.Title)
	}
}
