package harvest_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"grenier/harvest"
	"grenier/schemas"
)

// A mutant is a table made from a schema's own valid sample by a few seeded changes.
type mutant struct {
	schema *schemas.Schema
	labels []string
	rows   [][]string
	what   []string // the changes, in words
}

func (m *mutant) clone() *mutant {
	c := &mutant{schema: m.schema, labels: slices.Clone(m.labels)}
	for _, r := range m.rows {
		c.rows = append(c.rows, slices.Clone(r))
	}
	return c
}

func (m *mutant) bytes() []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write(m.labels)
	for _, r := range m.rows {
		if len(r) == 0 || len(r) == 1 && r[0] == "" {
			w.Flush()
			b.WriteString("\n")
			continue
		}
		w.Write(r)
	}
	w.Flush()
	return b.Bytes()
}

// oddities are texts that the types of Table Schema take or refuse for reasons of their own.
var oddities = []string{
	"", " ", "  x ", "NA", "NaN", "nan", "N/A", "null", "NC", "é", "🙂", "a\nb", `a"b`, "x,y", "0", "-1", "-0", "1.0", "1.00", "1,5", "1 000", "1\u00a0000", "1e3", "1E-2", "+5", "007",
	".5", "5.", "٣", "1_000", "Infinity", "-inf", "INF", "12 €", "95%", "9999999999999999999", "123456789012345678901234567890.5",
	"true", "TRUE", "True", "tRue", "oui", "Oui", "OUI", "non", "vrai", "false", " true", "1", "x", "non renseigné",
	"2024-01-05", "2024-1-5", "05/01/2024", "2024-02-30", "2024-02-29", "2023-02-29", "2024-01-05 ", " 2024-01-05", "0001-01-01", "10000-01-01", "2024/01/05", "20240105", "2024-13-01", "24-01-05",
	"2024-01-05T10:00:00", "2024-01-05 10:00:00", "2024-01-05T10:00", "2024-01-05T10:00:00Z", "2024-01-05T10:00:00+02:00", "2024-01-05T10:00:00.123456", "2024-01-05T25:00:00", "10:00:00", "10:00", "24:00:00", "10:61:00",
	"2024", "24", "02024", "-024", "2024-13", "2024-01", "2024-1", "P1Y", "PT30M", "P1Y2M3DT4H", "1h",
	"2.35,48.85", "48.85, 2.35", "[2.35,48.85]", "[2.35, 48.85, 1]", "200,100", "2.35;48.85", `{"lon":2.35,"lat":48.85}`, `[]`, `["a"]`, `["a",1]`, `{}`, `{"a":1}`, `{"a":`, "[1,",
	`{"type":"Point","coordinates":[2.3,48.8]}`, `{"type":"Point"}`, `{"type":"Nothing","coordinates":[2.3,48.8]}`,
	"http://exemple.fr", "www.ville.fr", "https://exemple.fr/a b", "ftp://exemple.fr", "//exemple.fr", "mailto:a@b.fr", "urn:x:y", "a@b.fr", "a@b", "nom <a@b.fr>", "a.b@exemple.co.uk", "@b.fr",
	"75056", "2A004", "97411", "01001", "1001", "21750001600019", "21 750 001 600 019", "217500016", "W123456789", "w123456789", strings.Repeat("a", 300), strings.Repeat("é", 128), "550e8400-e29b-41d4-a716-446655440000", "550E8400-E29B-41D4-A716-446655440000", "550e8400",
}

// mutate changes a table once. The changes are those of members' files: cells, rows and headers.
func (m *mutant) mutate(rng *rand.Rand) {
	pick := func(n int) int { return rng.IntN(n) }
	say := func(f string, a ...any) { m.what = append(m.what, fmt.Sprintf(f, a...)) }
	if len(m.rows) == 0 || len(m.labels) == 0 {
		return
	}
	r := pick(len(m.rows))
	switch kind := pick(24); kind {
	case 0:
		i := pick(len(m.labels))
		say("without column %q", m.labels[i])
		m.labels = slices.Delete(m.labels, i, i+1)
		for k := range m.rows {
			if i < len(m.rows[k]) {
				m.rows[k] = slices.Delete(m.rows[k], i, i+1)
			}
		}
	case 1:
		i := pick(len(m.labels))
		say("column %q renamed", m.labels[i])
		m.labels[i] = strings.ToUpper(m.labels[i]) + " "
	case 2:
		say("a column more")
		m.labels = append(m.labels, "colonne en plus")
		for k := range m.rows {
			m.rows[k] = append(m.rows[k], "x")
		}
	case 3:
		i, j := pick(len(m.labels)), pick(len(m.labels))
		say("columns %d and %d swapped", i, j)
		m.labels[i], m.labels[j] = m.labels[j], m.labels[i]
		for k := range m.rows {
			if max(i, j) < len(m.rows[k]) {
				m.rows[k][i], m.rows[k][j] = m.rows[k][j], m.rows[k][i]
			}
		}
	case 4:
		say("row %d cut short", r+2)
		if n := len(m.rows[r]); n > 1 {
			m.rows[r] = m.rows[r][:n-1-pick(min(n-1, 3))]
		}
	case 5:
		say("row %d too long", r+2)
		m.rows[r] = append(m.rows[r], slices.Repeat([]string{"x"}, 1+pick(2))...)
	case 6:
		say("row %d blank", r+2)
		m.rows[r] = make([]string, len(m.labels))
	case 7:
		say("an empty line before row %d", r+2)
		m.rows = slices.Insert(m.rows, r, []string{""})
	case 8:
		say("row %d twice", r+2)
		m.rows = append(m.rows, slices.Clone(m.rows[r]))
	default:
		m.cell(rng, r, say)
	}
}

// cell changes one cell: another text, an oddity, or the same text in another dress.
func (m *mutant) cell(rng *rand.Rand, r int, say func(string, ...any)) {
	if len(m.rows[r]) == 0 {
		return
	}
	i := rng.IntN(len(m.rows[r]))
	old := m.rows[r][i]
	text := old
	switch rng.IntN(12) {
	case 0:
		text = ""
	case 1:
		text = old + " "
	case 2:
		text = " " + old
	case 3:
		text = strings.ToUpper(old)
	case 4:
		text = strings.ToLower(old)
	case 5:
		if n := len([]rune(old)); n > 0 {
			text = string([]rune(old)[:n-1])
		}
	case 6:
		text = old + old
	case 7:
		text = old + "\n"
	default:
		text = oddities[rng.IntN(len(oddities))]
	}
	m.rows[r][i] = text
	say("row %d cell %d: %q instead of %q", r+2, i+1, text, old)
}

// A finding is one fault, as either judge tells it.
type finding struct {
	Type, Constraint, Field string
	Row                     int64
}

// theirs is what the other judge answers for one table.
type theirs struct {
	Broken string
	Faults []struct {
		Type, Field, Note string
		Row               int64
	}
}

var constraintNote = regexp.MustCompile(`constraint "(\w+)"`)

func (t theirs) findings() (out []finding) {
	for _, f := range t.Faults {
		g := finding{Type: f.Type, Field: f.Field, Row: f.Row}
		if f.Type == "error" { // two identical labels: they name no column
			g.Field = ""
		}
		if m := constraintNote.FindStringSubmatch(f.Note); m != nil && f.Type == "constraint-error" {
			g.Constraint = m[1]
		}
		out = append(out, g)
	}
	return out
}

func findings(r *schemas.Report) (out []finding) {
	for _, e := range r.Errors {
		if e.Type == "error" {
			e.Field = ""
		}
		out = append(out, finding{e.Type, e.Constraint, e.Field, e.Row})
	}
	return out
}

// A difference is one finding that only one judge has.
type difference struct {
	finding
	ours  bool
	cell  string
	field *schemas.Field
	table *mutant
	both  map[string]bool // "ours type row field" and "theirs type row field" of the whole table
}

// explanations are the ways in which our verdict differs on purpose, each by a paragraph of the validation specification.
var explanations = []struct {
	name, why string
	holds     func(d *difference) bool
}{
	{"label-spaces", "section 3: labels are paired exactly; frictionless trims them, so that « NOM » with a space after it is NOM", func(d *difference) bool {
		return slices.ContainsFunc(d.table.labels, func(l string) bool { return strings.TrimSpace(l) != l })
	}},
	{"underscores", "section 5 ADOPT: digits with underscores are no number; a key cell that is none is empty", func(d *difference) bool {
		return d.ours && (d.Type == "type-error" && strings.Contains(d.cell, "_") || d.Type == "primary-key" && d.inRow(func(cell string) bool { return cell == "1_000" }))
	}},
	{"digits", "section 5 ADOPT: only ASCII digits are digits; a key cell without them is empty", func(d *difference) bool {
		return d.ours && (d.Type != "primary-key" && foreignDigits(d.cell) || d.Type == "primary-key" && d.inRow(foreignDigits))
	}},
	{"range", "our own: a whole number beyond 64 bits or a number beyond a double has no place in Parquet, and is refused rather than rounded", func(d *difference) bool {
		return d.ours && d.Type == "type-error" && (beyondInteger(d.cell) || beyondDouble(d.cell))
	}},
	{"uri-spaces", "section 5: an address with spaces is none; frictionless asks for a scheme only", func(d *difference) bool {
		return d.field != nil && d.field.Format == "uri" && strings.ContainsAny(d.cell, " \n") && d.sideOf("type-error") == "ours"
	}},
}

func beyondInteger(s string) bool {
	n, ok := new(big.Int).SetString(strings.TrimSpace(s), 10)
	return ok && !n.IsInt64()
}

func beyondDouble(s string) bool {
	_, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return errors.Is(err, strconv.ErrRange)
}

func foreignDigits(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r > 0x7f && unicode.IsDigit(r) })
}

// inRow tells whether a cell of the difference's row is such.
func (d *difference) inRow(such func(cell string) bool) bool {
	r := int(d.Row) - 2
	return r >= 0 && r < len(d.table.rows) && slices.ContainsFunc(d.table.rows[r], such)
}

// sideOf tells which judge alone raises a type in the difference's row and column: then the other goes on to constraints.
func (d *difference) sideOf(kind string) string {
	switch key := fmt.Sprintf("%s %d %s", kind, d.Row, d.Field); {
	case d.both["ours "+key] && !d.both["theirs "+key]:
		return "ours"
	case d.both["theirs "+key] && !d.both["ours "+key]:
		return "theirs"
	}
	return ""
}

func (d *difference) explained() string {
	for _, e := range explanations {
		if e.holds(d) {
			return e.name
		}
	}
	return ""
}

// judge runs the other judge on many tables, one process for all.
func otherJudge(t *testing.T, python string, tables, schema []string) []theirs {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, python, "../.ci/differential/judge.py")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer in.Close()
		for i, table := range tables {
			if json.NewEncoder(in).Encode(map[string]string{"schema": schema[i], "table": table}) != nil {
				return
			}
		}
	}()
	var answers []theirs
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var a theirs
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			t.Fatalf("%v: %.200s", err, lines.Text())
		}
		answers = append(answers, a)
	}
	if err := cmd.Wait(); err != nil || len(answers) != len(tables) {
		t.Fatalf("the other judge answered %d of %d tables: %v", len(answers), len(tables), err)
	}
	return answers
}

// TestDifferential_AgreesWithFrictionless judges generated tables with frictionless-py as well: the schemas' own samples, changed in the ways
// members' files are wrong. Each difference must have a reason in the validation specification. GRENIER_TEST_FRICTIONLESS is a Python with
// frictionless; GRENIER_TEST_DIFFERENTIAL how many tables (200 by default).
func TestDifferential_AgreesWithFrictionless(t *testing.T) {
	python := os.Getenv("GRENIER_TEST_FRICTIONLESS")
	if python == "" {
		t.Skip("SKIPPED: GRENIER_TEST_FRICTIONLESS is not set, nothing is compared with frictionless-py")
	}
	count := 200
	if n, err := strconv.Atoi(os.Getenv("GRENIER_TEST_DIFFERENTIAL")); err == nil {
		count = n
	}
	samples := validSamples(t)
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(2026, 11))
	var tables []string
	var mutants []*mutant
	for i := range count {
		m := samples[i%len(samples)].clone()
		for range 1 + rng.IntN(4) {
			m.mutate(rng)
		}
		path := filepath.Join(dir, strconv.Itoa(i)+".csv")
		if err := os.WriteFile(path, m.bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		tables, mutants = append(tables, path), append(mutants, m)
	}
	answers := otherJudge(t, python, tables, standalone(t, dir, mutants))
	c := &comparison{T: t, reasons: map[string]int{}}
	for i, m := range mutants {
		c.table(m, answers[i])
	}
	c.print(count)
}

// standalone writes the schema of each table to a file of its own, and returns the files' paths.
func standalone(t *testing.T, dir string, mutants []*mutant) (paths []string) {
	for _, m := range mutants {
		paths = append(paths, filepath.Join(dir, strings.NewReplacer("/", "_", "@", "_").Replace(string(m.schema.ID))+".json"))
		if _, err := os.Stat(paths[len(paths)-1]); err == nil {
			continue
		}
		if err := os.WriteFile(paths[len(paths)-1], alone(t, m.schema.ID), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

// alone is the bundled schema without its keys to other tables, which nobody has here: frictionless then reads no row at all, where the
// specification (section 6) has them skipped with an information.
func alone(t *testing.T, id schemas.ID) []byte {
	src, err := os.ReadFile(filepath.Join("..", "schemas", "national", id.Name(), id.Version(), "schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]json.RawMessage
	var keys []struct{ Reference struct{ Resource string } }
	if json.Unmarshal(src, &members) == nil && json.Unmarshal(members["foreignKeys"], &keys) == nil &&
		slices.ContainsFunc(keys, func(k struct{ Reference struct{ Resource string } }) bool { return k.Reference.Resource != "" }) {
		delete(members, "foreignKeys")
	}
	if src, err = json.Marshal(members); err != nil {
		t.Fatal(err)
	}
	return src
}

// validSamples are the bundled Table Schemas with their valid samples.
func validSamples(t *testing.T) (out []*mutant) {
	t.Helper()
	files, err := fs.Glob(os.DirFS("../schemas/national"), "*/*/*/valid.csv")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d samples (%v)", len(files), err)
	}
	for _, f := range files {
		dir := filepath.Dir(f)
		id := filepath.ToSlash(filepath.Dir(dir)) + "@" + filepath.Base(dir)
		if strings.HasPrefix(id, "etalab/schema-bal@") { // judged by the rules of the BAN, not by its Table Schema
			continue
		}
		s, err := schemas.National().Lookup(id)
		if err != nil {
			t.Fatal(err)
		}
		src, err := os.ReadFile(filepath.Join("../schemas/national", f))
		if err != nil {
			t.Fatal(err)
		}
		r := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(src), "\ufeff")))
		r.FieldsPerRecord = -1
		if s.Delimiter != 0 {
			r.Comma = rune(s.Delimiter)
		}
		records, err := r.ReadAll()
		if err != nil || len(records) < 2 {
			t.Fatalf("%s: %d records, %v", f, len(records), err)
		}
		out = append(out, &mutant{schema: s, labels: records[0], rows: records[1:min(len(records), 9)]})
	}
	return out
}

// A comparison gathers what the two judges say of each table.
type comparison struct {
	*testing.T
	same, differ, unexplained, broken int
	reasons                           map[string]int
}

func (c *comparison) table(m *mutant, other theirs) {
	if other.Broken != "" {
		c.broken++
		c.Logf("%s: the other judge broke: %s (%s)", m.schema.ID, other.Broken, strings.Join(m.what, "; "))
		return
	}
	file := m.bytes()
	in := harvest.Input{Name: "t.csv", Size: int64(len(file)), ReaderAt: bytes.NewReader(file)}
	r, _ := harvest.Validate(context.Background(), in, harvest.Validation{Schema: m.schema,
		Decode: harvest.DecodeOptions{Format: "csv", Encoding: "utf-8", Delimiter: ",", Header: 1}})
	ours := slices.DeleteFunc(findings(r), func(f finding) bool {
		return slices.ContainsFunc(m.schema.Checks, func(k schemas.Check) bool { return k.Name == f.Type })
	})
	differences := compare(m, ours, other.findings())
	if len(differences) == 0 {
		c.same++
		return
	}
	c.differ++
	for _, d := range differences {
		why := d.explained()
		c.reasons[why]++
		if why == "" {
			c.unexplained++
			side := "theirs"
			if d.ours {
				side = "ours"
			}
			if c.unexplained < 60 {
				c.Errorf("%s only %s: %+v cell %q (%s)", m.schema.ID, side, d.finding, d.cell, strings.Join(m.what, "; "))
			}
		}
	}
}

// compare lists what only one of the two found, as multisets.
func compare(m *mutant, ours, other []finding) (out []*difference) {
	count := map[finding]int{}
	both := map[string]bool{}
	for _, f := range ours {
		count[f]++
		both[fmt.Sprintf("ours %s %d %s", f.Type, f.Row, f.Field)] = true
	}
	for _, f := range other {
		count[f]--
		both[fmt.Sprintf("theirs %s %d %s", f.Type, f.Row, f.Field)] = true
	}
	for f, n := range count {
		for ; n != 0; n -= sign(n) {
			out = append(out, m.difference(f, n > 0, both))
		}
	}
	return out
}

func sign(n int) int {
	if n < 0 {
		return -1
	}
	return 1
}

func (m *mutant) difference(f finding, ours bool, both map[string]bool) *difference {
	d := &difference{finding: f, ours: ours, table: m, both: both}
	if i := m.schema.Field(f.Field); i >= 0 {
		d.field = &m.schema.Fields[i]
	}
	pos := slices.Index(m.labels, f.Field)
	if r := int(f.Row) - 2; r >= 0 && r < len(m.rows) && pos >= 0 && pos < len(m.rows[r]) {
		d.cell = m.rows[r][pos]
	}
	return d
}

func (c *comparison) print(count int) {
	c.Logf("%d tables: %d judged alike, %d with differences, %d that the other judge could not read; %d differences without a reason",
		count, c.same, c.differ, c.broken, c.unexplained)
	for _, e := range explanations {
		if n := c.reasons[e.name]; n > 0 {
			c.Logf("%5d %s: %s", n, e.name, e.why)
		}
	}
	if c.same == 0 {
		c.Error("no table was judged alike")
	}
}
