package schemas

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// mustTable compiles a Table Schema of our own.
func mustTable(t testing.TB, src string) *Schema {
	t.Helper()
	s, err := ParseTable("essai/table@1.0.0", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A judged is what a table became.
type judged struct {
	rep     *Report
	rows    [][]string // canonical text of the accepted rows, "∅" for no value
	rejects []Reject
}

// judgeRows checks rows of cells, as one document, in blocks of the given size.
func judgeRows(t testing.TB, s *Schema, labels []string, rows [][]string, block int) judged {
	t.Helper()
	j := judged{rep: NewReport(s)}
	c := s.NewChecker()
	var in Block
	var out Batch
	if c.Begin(labels, j.rep) {
		for i := 0; i < len(rows); i += block {
			in.Reset(len(labels))
			for r, row := range rows[i:min(len(rows), i+block)] {
				in.AppendRecord(int64(i+r+2), int64(i+r+2), bytesOf(row)...)
			}
			c.Check(&in, &out, j.rep)
			j.rows = append(j.rows, textsOf(&out)...)
			j.rejects = append(j.rejects, out.Rejects...)
		}
	}
	c.End(j.rep)
	j.rep.Finish()
	return j
}

func bytesOf(row []string) (out [][]byte) {
	for _, cell := range row {
		out = append(out, []byte(cell))
	}
	return out
}

func textsOf(b *Batch) (out [][]string) {
	for r := range b.Rows {
		var row []string
		for c := range b.Columns {
			cell := "∅"
			if b.Columns[c].Valid[r] {
				cell = string(b.TextAt(c, r))
			}
			row = append(row, cell)
		}
		out = append(out, row)
	}
	return out
}

// kinds lists the errors as "row type constraint field".
func kinds(rep *Report) (out []string) {
	for _, i := range rep.Errors {
		out = append(out, strings.Join(strings.Fields(fmt.Sprintf("%d %s %s %s", i.Row, i.Type, i.Constraint, i.Field)), " "))
	}
	return out
}

func TestCheck_JudgesCellsByTypeAndConstraint(t *testing.T) {
	tests := []struct {
		field string // after "name"
		good  []string
		bad   []string // type-error
		wrong []string // constraint-error
	}{
		{`"type":"string"`, []string{"x", " ", "é"}, nil, nil},
		{`"constraints":{"minLength":2,"maxLength":3}`, []string{"éé", "ééé", "abc", "\U0001F600\U0001F600\U0001F600"}, nil, []string{"é", "abcd", "\U0001F600"}},
		{`"constraints":{"enum":["oui","non"]}`, []string{"oui"}, nil, []string{"Oui", "oui "}},
		{`"constraints":{"enum":["a","b","c","d","e","f","g"]}`, []string{"a", "g"}, nil, []string{"h", "A"}},
		{`"format":"email"`, []string{"mairie@ville.fr", "a.b+c@x-y.example.org"}, []string{"mairie", "Mairie <a@b.fr>", "a@b", "a..b@c.fr", "@c.fr", "a@-b.fr", "a b@c.fr"}, nil},
		{`"format":"uri"`, []string{"https://ville.fr/a?b=c#d", "urn:x:y", "http://[::1]:80/", "mailto:a@b.fr"}, []string{"www.ville.fr", "https://ville.fr/a b", "https://ville.fr/é", "://x", "http://a:b/", "https://x/%zz", "1a:b"}, nil},
		{`"format":"uuid"`, []string{"123e4567-e89b-42d3-A456-426614174000"}, []string{"123e4567e89b42d3a456426614174000", "123e4567-e89b-42d3-a456-42661417400g"}, nil},
		{`"format":"binary"`, []string{"YQ==", "YWI=", "YWJj", "YW!Jj"}, []string{"YQ", "YQ=", "Y"}, nil},
		{`"format":"wkt"`, []string{"POINT (1 2)", "POINT Z (1 2 3)", "POLYGON((0 0,1 0,1 1,0 0))", "GEOMETRYCOLLECTION (POINT (1 2), LINESTRING (0 0, 1 1))", "POINT EMPTY", "SRID=4326;POINT(1 2)"}, []string{"POINT (1)", "POINT (1 2", "CERCLE (1 2)", "POINT (1 2) x"}, nil},
		{`"type":"integer"`, []string{"1", "-1", "+1", "007", " 12 ", "9223372036854775807", "\u00a012"}, []string{"1.0", "1_000"}, nil},
		{`"type":"integer","constraints":{"minimum":0,"maximum":"10"}`, []string{"0", "10"}, []string{"1.0", "1_000", "1 000", "-", "1e3", "٣", "9223372036854775808"}, []string{"-1", "11"}},
		{`"type":"integer","bareNumber":false`, []string{"12 €", "€ -12", "95%"}, []string{"€"}, nil},
		{`"type":"number"`, []string{"1", "1.5", "-.5", "5.", "1e3", "1E-3", "NaN", "Infinity", "-inf", " 1.5 ", "123456789012345678901234567890.5"}, []string{"1,5", "1 000", "1_000", "0x10", "e3", ".", "1e400", "--1", "1.2.3"}, nil},
		{`"type":"number","decimalChar":",","groupChar":" "`, []string{"1,5", "1 000", "12 345,67"}, []string{"1.5"}, nil},
		{`"type":"number","bareNumber":false,"decimalChar":","`, []string{"12,50 €", "95%"}, []string{"euros"}, nil},
		{`"type":"number","constraints":{"minimum":0.01,"maximum":1}`, []string{"0.01", "1", "1.0", "0.010"}, nil, []string{"0", "1.00000000000000000001", "0.00999999999999999999999", "-inf"}},
		{`"type":"number","constraints":{"enum":["1.0","2.5"]}`, []string{"1.00", "1", "25e-1"}, nil, []string{"1.01"}},
		{`"type":"boolean"`, []string{"true", "True", "TRUE", "1", "false", "False", "FALSE", "0"}, []string{"oui", " true", "tRUE"}, nil},
		{`"type":"boolean","trueValues":["oui"],"falseValues":["non"]`, []string{"oui", "non"}, []string{"Oui", "true", "1"}, nil},
		{`"type":"date"`, []string{"2024-01-05", "2024-1-5", "2024-02-29", "2024-1-05", "2024-01-5"}, []string{"2023-02-29", "2024-01-05 ", "05/01/2024", "24-01-05", "2024-13-01", "2024-00-10", "2024-01-00", "2024-01-32", "20240105", "0000-01-01", "2024-001-1"}, nil},
		{`"type":"date","format":"%Y-%m-%d"`, []string{"2024-01-05", "2024-1-5"}, []string{"2024-01"}, nil},
		{`"type":"date","format":"fmt:%d/%m/%Y"`, []string{"05/01/2024", "5/1/2024"}, []string{"2024-01-05", "31/02/2024", "05/01/24"}, nil},
		{`"type":"date","format":"%Y"`, []string{"2024"}, []string{"24", "2024-01"}, nil},
		{`"type":"date","format":"any"`, []string{"2024-01-05", "03/04/2024", "31/12/2024", "20240105"}, []string{"hier", "31/31/2024"}, nil},
		{`"type":"date","constraints":{"minimum":"2020-01-01"}`, []string{"2020-01-01", "2020-1-2"}, nil, []string{"2019-12-31"}},
		{`"type":"datetime"`, []string{"2024-01-05T10:00:00", "2024-01-05 10:00:00.123", "2024-01-05T10:00:00Z", "2024-01-05T10:00:00+02:00", "2024-01-05T10:00:00.5-0330"}, []string{"2024-01-05T10:00", "2024-01-05", "2024-01-05T25:00:00", "2024-01-05T10:00:00+2", "2024-02-30T10:00:00"}, nil},
		{`"type":"datetime","format":"%d/%m/%Y %H:%M"`, []string{"05/01/2024 10:30"}, []string{"05/01/2024"}, nil},
		{`"type":"time"`, []string{"10:30:00", "10:30:00.5"}, []string{"10:30", "25:00:00", "1:30:00"}, nil},
		{`"type":"time","constraints":{"maximum":"12:00:00"}`, []string{"11:59:59"}, nil, []string{"12:00:01"}},
		{`"type":"year"`, []string{"2024", "0000"}, []string{"24", "20245", "-024", "MMXX"}, nil},
		{`"type":"yearmonth"`, []string{"2024-01"}, []string{"2024-13", "2024-1", "2024", "2024-01-01"}, nil},
		{`"type":"duration"`, []string{"P1Y2M", "PT30M", "P3W", "P1DT2.5H"}, []string{"1Y", "P", "PT", "P1M1Y", "P1H", "PT1D"}, nil},
		{`"type":"geopoint"`, []string{"2.3, 48.8", "48.8,2.3", " -180 , 90 "}, []string{"2.3", "181,0", "0,91", "a,b", "1,2,3"}, nil},
		{`"type":"geopoint","format":"array"`, []string{"[2.3, 48.8]"}, []string{"[2.3]", "[1,2,3]", "2.3,48.8", "[null,1]"}, nil},
		{`"type":"geopoint","format":"object"`, []string{`{"lon":2.3,"lat":48.8}`}, []string{`{"lon":2.3}`, `{"lon":2.3,"lat":48.8,"x":1}`}, nil},
		{`"type":"geojson"`, []string{`{"type":"Point","coordinates":[2.3,48.8]}`}, []string{`{"type":"Point"}`, `{"type":"Cercle","coordinates":[1,2]}`, "[]", "POINT(1 2)"}, nil},
		{`"type":"geojson","format":"topojson"`, []string{`{"type":"Topology","objects":{},"arcs":[]}`}, []string{`{"type":"Point","coordinates":[1,2]}`}, nil},
		{`"type":"array","constraints":{"minLength":1,"maxLength":2}`, []string{`["a"]`, `[1, 2]`}, []string{"a,b", `{}`, `[1`}, []string{`[]`, `[1,2,3]`}},
		{`"type":"array","arrayItem":{"type":"string","constraints":{"enum":["a","b"]}}`, []string{`["a","b"]`, `[]`}, []string{`[1]`}, []string{`["a","c","d"]`}},
		{`"type":"object"`, []string{`{"a":1}`}, []string{"[]", "x", `{"a":1,"a":2}`}, nil},
		{`"type":"any"`, []string{"x", "1"}, nil, nil},
		{`"missingValues":["","NA"],"type":"integer"`, []string{"1", "NA", ""}, []string{"na", "N/A"}, nil},
	}
	for _, tt := range tests {
		s := mustTable(t, `{"fields":[{"name":"x",`+tt.field+`},{"name":"id"}]}`)
		try := func(cell, want string) {
			j := judgeRows(t, s, []string{"x", "id"}, [][]string{{cell, "1"}}, 1)
			got := "good"
			if len(j.rep.Errors) > 0 {
				got = j.rep.Errors[0].Type
			}
			if got != want || len(j.rep.Errors) > 1 {
				t.Errorf("{%s} %q: got %s %v, want %s", tt.field, cell, got, kinds(j.rep), want)
			}
			for _, i := range j.rep.Errors {
				checkWording(t, i)
			}
		}
		for _, cell := range tt.good {
			try(cell, "good")
		}
		for _, cell := range tt.bad {
			try(cell, "type-error")
		}
		for _, cell := range tt.wrong {
			try(cell, "constraint-error")
		}
	}
}

// checkWording holds every message to the house rules.
func checkWording(t *testing.T, i Issue) {
	t.Helper()
	all := i.Message + " " + i.Hint
	if i.Message == "" || !strings.HasSuffix(i.Message, ".") {
		t.Errorf("%s: message %q is not a sentence", i.Type, i.Message)
	}
	for _, bad := range []string{"(?:", "\\d", "[0-9]", "« ", " »", "<nil>", "%!"} {
		if strings.Contains(all, bad) && !strings.Contains(i.Cell, strings.Trim(bad, "« »")) {
			t.Errorf("%s: %q in %q", i.Type, bad, all)
		}
	}
}

func TestCheck_KeepsTypedValuesAndCanonicalText(t *testing.T) {
	s := mustTable(t, `{"fields":[{"name":"i","type":"integer"},{"name":"n","type":"number"},{"name":"b","type":"boolean","trueValues":["oui"],"falseValues":["non"]},
		{"name":"d","type":"date"},{"name":"m","type":"datetime"},{"name":"absent","type":"number"}]}`)
	c, rep := s.NewChecker(), NewReport(s)
	c.Begin([]string{"d", "i", "n", "b", "m"}, rep)
	var in Block
	in.Reset(5)
	in.AppendRecord(2, 2, bytesOf([]string{"1970-1-2", " 7", "2.50", "oui", "1970-01-01T02:00:00+01:00"})...)
	in.AppendRecord(3, 3, bytesOf([]string{"1969-12-31", "-7", "", "non", "1970-01-01 00:00:01"})...)
	var out Batch
	c.Check(&in, &out, rep)
	want := [][]string{{" 7", "2.50", "oui", "1970-01-02", "1970-01-01T02:00:00+01:00", "∅"}, {"-7", "∅", "non", "1969-12-31", "1970-01-01 00:00:01", "∅"}}
	if d := cmp.Diff(want, textsOf(&out)); d != "" {
		t.Error(d)
	}
	got := fmt.Sprint(out.Columns[0].Ints, out.Columns[1].Floats, out.Columns[2].Bools, out.Columns[3].Ints, out.Columns[4].Ints, out.Columns[5].Valid)
	if want := "[7 -7] [2.5 0] [true false] [1 -1] [3600000000 1000000] [false false]"; got != want {
		t.Errorf("typed values: got %s, want %s", got, want)
	}
}

func TestCheck_ReportsRowsInTheOrderOfTheSpecification(t *testing.T) {
	s := mustTable(t, `{"fields":[{"name":"id","constraints":{"unique":true}},{"name":"n","type":"integer","constraints":{"required":true,"minimum":0}},{"name":"s","constraints":{"minLength":3,"pattern":"^a+$"}}],
		"primaryKey":"id","custom_checks":[{"name":"siren","params":{"column":"s"}}]}`)
	j := judgeRows(t, s, []string{"s", "id", "n"}, [][]string{
		{"aaa", "1", "1"},     // 2: the check fails
		{"b", "1", "x"},       // 3
		{"", "", ""},          // 4: blank, and without key
		{"aaaa", "2"},         // 5: short
		{"", "3", "4", "5"},   // 6: long
		{"732829320", "", ""}, // 7: no key
	}, 2)
	want := []string{
		"2 french-siren-value s",
		"3 constraint-error minLength s", "3 constraint-error pattern s", "3 type-error n", "3 unique-error id", "3 primary-key", "3 french-siren-value s",
		"4 blank-row", "4 primary-key",
		"5 constraint-error required n", "5 missing-cell n", "5 french-siren-value s",
		"6 extra-cell",
		"7 constraint-error pattern s", "7 constraint-error required n", "7 primary-key",
	}
	if d := cmp.Diff(want, kinds(j.rep)); d != "" {
		t.Error(d)
	}
	if st := j.rep.Stats; st.Rows != 6 || st.Accepted != 0 || st.Rejected != 6 || st.Errors != int64(len(want)) {
		t.Errorf("stats %+v", st)
	}
	for _, i := range j.rep.Errors {
		checkWording(t, i)
	}
}

func TestBegin_ComparesHeaderWithSchema(t *testing.T) {
	s := mustTable(t, `{"fields":[{"name":"id"},{"name":"nom","constraints":{"required":true}},{"name":"note"}],"primaryKey":"id"}`)
	tests := []struct {
		labels         string
		ok             bool
		errs, warnings string
	}{
		{"id,nom,note", true, "", ""},
		{"note,nom,id", true, "", "disordered-header-warn"},
		{"id,nom", true, "", "missing-header-warn note"},
		{"id,nom,autre", true, "", "missing-header-warn note,extra-header-warn autre"},
		{"note", true, "missing-label id,missing-label nom", ""},
		{"id,Nom,note", true, "missing-label nom", "extra-header-warn Nom"},
		{" id,nom", true, "missing-label id", "missing-header-warn note,extra-header-warn  id"},
		{"id,id,nom", false, "error id", ""},
		{"id,nom,,", false, "error", ""},
		{"a,b", false, "unmatched-header", ""},
		{",", false, "blank-header", ""},
	}
	for _, tt := range tests {
		rep := NewReport(s)
		ok := s.NewChecker().Begin(strings.Split(tt.labels, ","), rep)
		list := func(issues []Issue) string {
			var out []string
			for _, i := range issues {
				checkWording(t, i)
				out = append(out, strings.TrimSuffix(i.Type+" "+i.Field, " "))
			}
			return strings.Join(out, ",")
		}
		if ok != tt.ok || list(rep.Errors) != tt.errs || list(rep.Warnings) != tt.warnings {
			t.Errorf("%q: got %v, errors %q, warnings %q; want %v, %q, %q", tt.labels, ok, list(rep.Errors), list(rep.Warnings), tt.ok, tt.errs, tt.warnings)
		}
	}
}

func TestBegin_NumbersMissingColumnsAfterTheLastOne(t *testing.T) {
	s := mustTable(t, `{"fields":[{"name":"a"},{"name":"b","constraints":{"required":true}},{"name":"c","constraints":{"required":true}}]}`)
	rep := NewReport(s)
	s.NewChecker().Begin([]string{"a"}, rep)
	if len(rep.Errors) != 2 || rep.Errors[0].Column != 2 || rep.Errors[1].Column != 3 {
		t.Errorf("got %+v", rep.Errors)
	}
}

func TestCheck_AcceptsRowsThoughARequiredColumnIsMissing(t *testing.T) {
	s := mustTable(t, `{"fields":[{"name":"a"},{"name":"b","constraints":{"required":true}}]}`)
	j := judgeRows(t, s, []string{"a"}, [][]string{{"1"}, {"2"}}, 8)
	if d := cmp.Diff([]string{"0 missing-label b"}, kinds(j.rep)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([][]string{{"1", "∅"}, {"2", "∅"}}, j.rows); d != "" {
		t.Error(d)
	}
}

func TestCheck_BlankRowLooksAtColumnsOutsideTheSchemaToo(t *testing.T) {
	s := mustTable(t, `{"fields":[{"name":"a","constraints":{"required":true}}]}`)
	j := judgeRows(t, s, []string{"a", "autre"}, [][]string{{"", ""}, {"", "x"}, {}}, 8)
	want := []string{"2 blank-row", "3 constraint-error required a", "4 blank-row"}
	if d := cmp.Diff(want, kinds(j.rep)); d != "" {
		t.Error(d)
	}
}

func TestCheck_EmptyTextIsAValueWhenTheSchemaSaysSo(t *testing.T) {
	s := mustTable(t, `{"missingValues":["-"],"fields":[{"name":"a","constraints":{"required":true}},{"name":"b"}]}`)
	j := judgeRows(t, s, []string{"a", "b"}, [][]string{{"", "x"}, {"-", "x"}, {"y"}}, 8)
	if d := cmp.Diff([][]string{{"", "x"}}, j.rows); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"3 constraint-error required a", "4 missing-cell b"}, kinds(j.rep)); d != "" {
		t.Error(d)
	}
}

func TestCheck_UniqueComparesTypedValuesAcrossBlocks(t *testing.T) {
	tests := []struct{ field, a, b string }{
		{`"type":"number"`, "1.0", "1.00"},
		{`"type":"number"`, "100", "1e2"},
		{`"type":"integer"`, "7", "007"},
		{`"type":"date"`, "2024-01-05", "2024-1-5"},
		{`"type":"boolean"`, "1", "True"},
		{`"type":"time"`, "10:00:00", "10:00:00.0"},
		{`"type":"string"`, "é", "é"},
	}
	for _, tt := range tests {
		s := mustTable(t, `{"fields":[{"name":"x",`+tt.field+`,"constraints":{"unique":true}},{"name":"y"}]}`)
		j := judgeRows(t, s, []string{"x", "y"}, [][]string{{tt.a, ""}, {"", "null is not a duplicate"}, {"", "neither"}, {tt.b, ""}}, 1)
		if d := cmp.Diff([]string{"5 unique-error x"}, kinds(j.rep)); d != "" {
			t.Errorf("%s: %s", tt.field, d)
			continue
		}
		if !strings.Contains(j.rep.Errors[0].Message, "ligne 2") {
			t.Errorf("message %q does not name the earlier row", j.rep.Errors[0].Message)
		}
	}
}

func TestCheck_PrimaryKeyIsATuple(t *testing.T) {
	s := mustTable(t, `{"fields":[{"name":"a"},{"name":"b"},{"name":"c"}],"primaryKey":["a","b"]}`)
	j := judgeRows(t, s, []string{"a", "b", "c"}, [][]string{{"x", "yz", ""}, {"xy", "z", ""}, {"x", "", ""}, {"x", "yz", "1"}, {"", "", "1"}}, 2)
	if d := cmp.Diff([]string{"5 primary-key", "6 primary-key"}, kinds(j.rep)); d != "" {
		t.Error(d)
	}
}

func TestEnd_ForeignKeyMayReferToALaterRow(t *testing.T) {
	s := mustTable(t, `{"fields":[{"name":"id"},{"name":"parent"}],"foreignKeys":[{"fields":"parent","reference":{"resource":"","fields":"id"}},
		{"fields":"parent","reference":{"resource":"ailleurs","fields":["id"]}}]}`)
	j := judgeRows(t, s, []string{"id", "parent"}, [][]string{{"1", "3"}, {"2", ""}, {"3", "4"}}, 1)
	if d := cmp.Diff([]string{"4 foreign-key parent"}, kinds(j.rep)); d != "" {
		t.Error(d)
	}
	if len(j.rep.Warnings) != 1 || j.rep.Warnings[0].Type != "foreign-key-warn" {
		t.Errorf("warnings %+v: want one about the other table", j.rep.Warnings)
	}
}

func TestCheck_DecoderFaultsRejectTheirRecord(t *testing.T) {
	s := mustTable(t, `{"fields":[{"name":"a","type":"integer"},{"name":"b"}]}`)
	c, rep := s.NewChecker(), NewReport(s)
	c.Begin([]string{"a", "b"}, rep)
	var in Block
	in.Reset(2)
	for r := range 4 {
		in.AppendRecord(int64(r+2), int64(r+2), []byte("x"), []byte("y"))
	}
	in.Cells[0] = Span{}
	in.Faults = []Fault{{Record: 0, Cell: 1, Type: "encoding-error", Message: "Illisible."}, {Record: 1, Cell: -1, Type: "source-error", Message: "Coupé."}, {Record: 2, Cell: -1, Type: "extra-cell", Message: "Trop."}}
	var out Batch
	c.Check(&in, &out, rep)
	want := []string{"2 encoding-error b", "3 source-error", "4 type-error a", "4 extra-cell", "5 type-error a"}
	if d := cmp.Diff(want, kinds(rep)); d != "" {
		t.Error(d)
	}
	if rep.Errors[0].Cell != "y" || len(out.Rejects) != 4 {
		t.Errorf("cell %q, %d rejects", rep.Errors[0].Cell, len(out.Rejects))
	}
}

func TestCheck_CountsPastTheCapAndStillSaysWhyEachRecordIsRefused(t *testing.T) {
	s := mustTable(t, `{"fields":[{"name":"a","type":"integer"},{"name":"b","type":"date"}]}`)
	rep, c := NewReport(s), s.NewChecker()
	rep.Max = 3
	c.Begin([]string{"a", "b"}, rep)
	var in Block
	in.Reset(2)
	for r := range 100 {
		in.AppendRecord(int64(r+2), 0, []byte("x"), []byte("y"))
	}
	var out Batch
	c.Check(&in, &out, rep)
	rep.Finish()
	if len(rep.Errors) != 3 || rep.Stats.Errors != 200 || rep.Counts[0].Count != 100 {
		t.Errorf("%d details, %d errors, counts %v", len(rep.Errors), rep.Stats.Errors, rep.Counts)
	}
	for _, r := range out.Rejects {
		if len(r.Issues) != 2 || r.Issues[0].Row != r.Row {
			t.Fatalf("record %d: reasons %+v", r.Row, r.Issues)
		}
	}
}

func TestCheck_HugeLongRecordCostsLittle(t *testing.T) {
	s := mustTable(t, `{"fields":[{"name":"a"}]}`)
	rep, c := NewReport(s), s.NewChecker()
	c.Begin([]string{"a"}, rep)
	var in Block
	in.Reset(1)
	in.AppendRecord(2, 2, []byte("x"))
	in.Count[0] = 4_000_000_000
	var out Batch
	c.Check(&in, &out, rep)
	if rep.Stats.Errors != 4_000_000_000-1 || len(rep.Errors) != MaxIssues || len(out.Rejects[0].Issues) > 5 {
		t.Errorf("%d errors, %d details, %d reasons", rep.Stats.Errors, len(rep.Errors), len(out.Rejects[0].Issues))
	}
}

func TestCheck_RunsCustomChecks(t *testing.T) {
	fields := `"fields":[{"name":"a"},{"name":"b"},{"name":"c"},{"name":"n","type":"integer"},{"name":"m","type":"integer"},{"name":"x","type":"number"},{"name":"d","type":"date"},{"name":"e","type":"date"},{"name":"p","type":"geopoint"}]`
	labels := []string{"a", "b", "c", "n", "m", "x", "d", "e", "p"}
	tests := []struct {
		check     string
		cells     string // "a=1 n=2", separated by ","
		wantType  string
		wantField string
	}{
		{`"french-siret-value","params":{"column":"a"}`, "a=21739990600015", "", ""},
		{`"french-siret-value","params":{"column":"a"}`, "a=217 399 906 00015", "", ""},
		{`"siret","params":{"column":"a"}`, "a=21739990600016", "french-siret-value", "a"},
		{`"french-siret-value","params":{"column":"a"}`, "a=2173999060001", "french-siret-value", "a"},
		{`"french-siret-value","params":{"column":"a"}`, "b=x", "", ""},
		{`"french-siret-value","params":{"column":"a"}`, "a=35600000000048", "", ""},
		{`"french-siret-value","params":{"column":"a"}`, "a=35600000009075", "", ""},
		{`"french-siret-value","params":{"column":"a"}`, "a=35600000009076", "french-siret-value", "a"},
		{`"french-siren-value","params":{"column":"a"}`, "a=217.399.906", "", ""},
		{`"french-siren-value","params":{"column":"a"}`, "a=217399907", "french-siren-value", "a"},
		{`"nomenclature-actes-value","params":{"column":"a"}`, "a=Libertés publiques et pouvoirs de police/", "", ""},
		{`"nomenclature-actes-value","params":{"column":"a"}`, "a=DOMAINES DE COMPÉTENCES PAR THÈMES/x/y", "", ""},
		{`"nomenclature-actes-value","params":{"column":"a"}`, "a=foobar", "nomenclature-actes-value", "a"},
		{`"nomenclature-actes-value","params":{"column":"a"}`, "a=Fonction publique / x", "nomenclature-actes-value", "a"},
		{`"nomenclature-actes-value","params":{"column":"a"}`, "a=Fonction publique/ x", "nomenclature-actes-value", "a"},
		{`"nomenclature-actes-value","params":{"column":"a"}`, "a='Fonction publique/x", "nomenclature-actes-value", "a"},
		{`"year-interval-value","params":{"column":"a"}`, "a=2023/2024", "", ""},
		{`"year-interval-value","params":{"column":"a"}`, "a=2024/2024", "year-interval-value", "a"},
		{`"year-interval-value","params":{"column":"a"}`, "a=2024", "year-interval-value", "a"},
		{`"year-interval-value","params":{"column":"a","allow-year-only":"yes"}`, "a=2024", "", ""},
		{`"cohesive-columns-value","params":{"column":"a","othercolumns":["n","m"]}`, "a=x,n=0,m=0", "", ""},
		{`"cohesive-columns-value","params":{"column":"a","othercolumns":["n","m"]}`, "b=x", "", ""},
		{`"cohesive-columns-value","params":{"column":"a","othercolumns":["n","m"]}`, "a=x,n=0", "cohesive-columns-value", "a"},
		{`"one-of-required","params":{"column1":"a","column2":"b"}`, "b=x", "", ""},
		{`"one-of-required","params":{"column1":"a","column2":"b"}`, "c=x", "one-of-required", "a"},
		{`"one-of-required","params":{"column1":"n","column2":"b"}`, "n=0", "one-of-required", "n"},
		{`"compare-columns-value","params":{"column":"n","op":">=","column2":"m"}`, "n=2,m=2", "", ""},
		{`"compare-columns-value","params":{"column":"n","op":">","column2":"m"}`, "n=2,m=2", "compare-columns-value", "n"},
		{`"compare-columns-value","params":{"column":"a","op":"<","column2":"b"}`, "a=9,b=10", "", ""},
		{`"compare-columns-value","params":{"column":"a","op":"<","column2":"b"}`, "a=9x,b=10x", "compare-columns-value", "a"},
		{`"compare-columns-value","params":{"column":"a","op":"==","column2":"x"}`, "a=1.50,x=1.5", "", ""},
		{`"compare-columns-value","params":{"column":"e","op":">=","column2":"d"}`, "d=2024-01-09,e=2024-1-10", "", ""},
		{`"compare-columns-value","params":{"column":"e","op":">=","column2":"d"}`, "d=2024-01-09,e=2024-1-8", "compare-columns-value", "e"},
		{`"compare-columns-value","params":{"column":"d","op":"<","column2":"n"}`, "d=2024-01-09,n=3", "compare-columns-value", "d"},
		{`"compare-columns-value","params":{"column":"n","op":"<","column2":"m"}`, "n=3", "", ""},
		{`"sum-columns-value","params":{"column":"n","columns":["m","x"]}`, "n=3,m=1,x=2.0", "", ""},
		{`"sum-columns-value","params":{"column":"x","columns":["n","m"]}`, "n=1,m=2,x=3.0000000000000000001", "sum-columns-value", "x"},
		{`"sum-columns-value","params":{"column":"n","columns":["m","m"]}`, "n=5,m=2", "sum-columns-value", "n"},
		{`"sum-columns-value","params":{"column":"n","columns":["m","x"]}`, "n=5,m=2", "", ""},
		{`"french-gps-coordinates","params":{"column":"p"}`, "p=2.35;48.85", "", ""},
		{`"french-gps-coordinates","params":{"column":"p"}`, "p=48.85;2.35", "reversed-french-gps-coordinates", "p"},
		{`"french-gps-coordinates","params":{"column":"p"}`, "p=-56.3;46.8", "french-gps-coordinates", "p"},
		{`"phone-number-value","params":{"column":"a"}`, "a=01 99 00 12 34", "", ""},
		{`"phone-number-value","params":{"column":"a"}`, "a=619 13 45", "phone-number-value", "a"},
		{`"id-rnb","params":{"column":"a"}`, "a=ABCD12345678", "", ""},
		{`"id-rnb","params":{"column":"a"}`, "a=ABCD12345670", "id-rnb", "a"},
		{`"inconnu","params":{}`, "a=x", "check-error", ""},
		{`"siret","params":{}`, "a=x", "check-error", ""},
		{`"compare-columns-value","params":{"column":"n","op":"!=","column2":"m"}`, "a=x", "check-error", ""},
		{`"siret","params":{"column":"hors schéma"}`, "a=x", "", ""},
	}
	for _, tt := range tests {
		s := mustTable(t, "{"+fields+`,"custom_checks":[{"name":`+tt.check+`}]}`)
		row := make([]string, len(labels))
		for pair := range strings.SplitSeq(tt.cells, ",") {
			name, value, _ := strings.Cut(pair, "=")
			row[slices.Index(labels, name)] = strings.ReplaceAll(value, ";", ",")
		}
		j := judgeRows(t, s, labels, [][]string{row}, 1)
		gotType, gotField := "", ""
		if len(j.rep.Errors) > 0 {
			gotType, gotField = j.rep.Errors[0].Type, j.rep.Errors[0].Field
			checkWording(t, j.rep.Errors[0])
		}
		if gotType != tt.wantType || gotField != tt.wantField || len(j.rep.Errors) > 1 {
			t.Errorf("%s %q: got %v, want %q %q", tt.check, tt.cells, kinds(j.rep), tt.wantType, tt.wantField)
		}
	}
}

func TestCheck_CustomChecksOnAbsentColumns(t *testing.T) {
	fields := `{"fields":[{"name":"a"},{"name":"b"},{"name":"c"}],"custom_checks":[{"name":`
	tests := []struct{ check, labels, want string }{
		{`"cohesive-columns-value","params":{"column":"a","othercolumns":["b"]}`, "a,c", "0 cohesive-columns-value"},
		{`"cohesive-columns-value","params":{"column":"a","othercolumns":["b"]}`, "c", ""},
		{`"one-of-required","params":{"column1":"a","column2":"b"}`, "b,c", "2 one-of-required a"},
		{`"one-of-required","params":{"column1":"a","column2":"b"}`, "c", "0 one-of-required"},
		{`"compare-columns-value","params":{"column":"a","op":"<","column2":"b"}`, "a,c", ""},
	}
	for _, tt := range tests {
		s := mustTable(t, fields+tt.check+"}]}")
		labels := strings.Split(tt.labels, ",")
		row := make([]string, len(labels))
		row[len(row)-1] = "x"
		j := judgeRows(t, s, labels, [][]string{row}, 1)
		if got := strings.Join(kinds(j.rep), ","); got != tt.want {
			t.Errorf("%s on %s: got %q, want %q", tt.check, tt.labels, got, tt.want)
		}
	}
}

func TestIsPhone_KnowsFrenchShortAndInternationalNumbers(t *testing.T) {
	for _, s := range []string{"0199001234", "01.99.00.12.34", "01  99 00 1234", "199001234", "+33 1 99 00 12 34", "+33 (0)1 99 00 12 34", "+33 0199001234", "0033199001234", "0 805 123 456", "0639001234", "0612345678", "0736123456",
		"0590 12 34 56", "0262 12 34 56", "0694 12 34 56", "115", "3949", "18", "118218", "1014", "116117", "32 32", "+32 2 555 12 12", "+262262000000", "+687 12 34 56", "+1 212 555 0100", "00 41 44 668 18 00"} {
		if !isPhone([]byte(s)) {
			t.Errorf("%q was refused", s)
		}
	}
	for _, s := range []string{"", "619 13 45", "0009900123", "019900123", "01 99 00 12 34 56", "+33 199001", "+12", "01 99 00 12 3x", "9999", "++33199001234", "19", "36", "1234", "116118", "0400123456", "0700123456", "0870123456", "0841123456",
		"+999 12 34 56 78", "+210 123 456", "+384 123 4567", "tél. 01 99 00 12 34", "+3312345678901234"} {
		if isPhone([]byte(s)) {
			t.Errorf("%q was accepted", s)
		}
	}
}

func TestMessages_ProposeWhatIsRight(t *testing.T) {
	tests := []struct{ field, cell, want string }{
		{`"type":"number"`, "1 234,56", "«\u00a01234.56\u00a0»"},
		{`"type":"integer"`, "1 234", "«\u00a01234\u00a0»"},
		{`"type":"date"`, "5/3/2024", "«\u00a02024-03-05\u00a0»"},
		{`"type":"date"`, "31/02/2024", ""},
		{`"constraints":{"pattern":"^\\d{14}$"}`, "12", "14 chiffres"},
		{`"constraints":{"pattern":"^W\\d{9}$"}`, "12", "«\u00a0W\u00a0» puis 9 chiffres"},
		{`"constraints":{"pattern":"(?:(?:^|\\|)(fixe|mobile))+$"}`, "x", "«\u00a0fixe\u00a0» et «\u00a0mobile\u00a0»"},
		{`"constraints":{"pattern":"^(a|b)c*$"},"example":"acc"`, "x", "«\u00a0acc\u00a0»"},
		{`"constraints":{"enum":["budget primitif","décision modificative"]}`, "Budget Primitif", "«\u00a0budget primitif\u00a0»"},
		{`"type":"boolean","trueValues":["oui"],"falseValues":["non"]`, "OUI", "«\u00a0oui\u00a0»"},
	}
	for _, tt := range tests {
		s := mustTable(t, `{"fields":[{"name":"x",`+tt.field+`}]}`)
		j := judgeRows(t, s, []string{"x"}, [][]string{{tt.cell}}, 1)
		if len(j.rep.Errors) != 1 || !strings.Contains(j.rep.Errors[0].Hint, tt.want) || tt.want == "" && strings.Contains(j.rep.Errors[0].Hint, "2024-02") {
			t.Errorf("%s %q: got %+v, want a hint with %q", tt.field, tt.cell, j.rep.Errors, tt.want)
			continue
		}
		checkWording(t, j.rep.Errors[0])
	}
}

func TestIssue_CutsLongCellsAtACharacter(t *testing.T) {
	s := mustTable(t, `{"fields":[{"name":"x","type":"integer"}]}`)
	j := judgeRows(t, s, []string{"x"}, [][]string{{strings.Repeat("é", 5000)}}, 1)
	cell := j.rep.Errors[0].Cell
	if len(cell) > MaxCell || !strings.HasSuffix(cell, "é…") || len(j.rep.Errors[0].Message) > 400 {
		t.Errorf("cell of %d bytes %q, message of %d", len(cell), cell, len(j.rep.Errors[0].Message))
	}
}

func TestCheck_AllocatesNothingForGoodBlocks(t *testing.T) {
	s := grantsSchema(t)
	in := grantsBlock(s)
	for r := range in.Rows { // dates that are padded in the batch
		if r%7 == 0 {
			in.Cells[r*in.Width+2].Len = 9
			in.Data[in.Cells[r*in.Width+2].Off+8] = '3'
		}
	}
	size := len(in.Data)
	rep, c, out := NewReport(s), s.NewChecker(), &Batch{}
	c.Begin(labelsOf(s), rep)
	n := testing.AllocsPerRun(20, func() {
		in.Data = in.Data[:size]
		c.Check(in, out, rep)
	})
	if rep.Stats.Errors > 0 || out.Rows != in.Rows {
		t.Fatalf("errors in good rows: %+v", rep.Errors[0])
	}
	if n > 0 {
		t.Errorf("%v allocations a block, want none", n)
	}
}
