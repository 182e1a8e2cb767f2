package schemas

import (
	"strings"
	"testing"
)

func TestLists_AreAskedByTheirChecks(t *testing.T) {
	for check, values := range map[string][2]string{ // good, bad
		"code-commune-insee":  {"39013 2A004 75056 75101 97411", "01340 99001 3901 2a004 39 ARBOIS"},
		"code-departement":    {"01 39 2A 971 976", "1 20 96 2a 9711"},
		"code-region":         {"84 01 94 27", "8 99 844"},
		"code-postal":         {"39600 75001 97400", "00000 3960 39600A"},
		"departement":         {"Jura JURA Côte-d’Or cote_d'or Réunion", "Jurat Paris-Plage"},
		"region":              {"Bretagne Île-de-France ile-de-france", "Savoie"},
		"code-fantoir":        {"0150A B014Z", "0150 0150I b014Z 01500A"},
		"rna":                 {"W391000001", "W39100000 w391000001 391000001W"},
		"opening-hours-value": {"24/7 Mo-Fr", "Lu-Ve"},
	} {
		s := mustTable(t, `{"fields":[{"name":"v"}],"custom_checks":[{"name":"`+check+`","params":{"column":"v"}}]}`)
		for i, list := range values {
			for v := range strings.FieldsSeq(list) {
				v = strings.ReplaceAll(v, "cote_d'or", "cote d'or")
				if v == "Réunion" {
					v = "La Réunion"
				}
				j := judgeRows(t, s, []string{"v"}, [][]string{{v}}, 1)
				if bad := len(j.rep.Errors) == 1 && j.rep.Errors[0].Type == check && j.rep.Errors[0].Message != "" && j.rep.Errors[0].Hint != ""; bad != (i == 1) || j.rep.Valid != (i == 0) {
					t.Errorf("%s on %q: %+v", check, v, j.rep.Errors)
				}
			}
		}
	}
	for _, check := range []string{"canton", "pays"} {
		s := mustTable(t, `{"fields":[{"name":"v"}],"custom_checks":[{"name":"`+check+`","params":{"column":"v"}}]}`)
		if j := judgeRows(t, s, []string{"v"}, [][]string{{"x"}}, 1); !j.rep.Valid || len(j.rep.Warnings) != 1 {
			t.Errorf("%s: %+v %+v", check, j.rep.Errors, j.rep.Warnings)
		}
	}
}
