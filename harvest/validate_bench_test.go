package harvest_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/charmap"

	"grenier/harvest"
	"grenier/schemas"
)

// TestBenchValidate is `make bench-validate`: it prints one table of what the judge costs beside what others cost, each measured in a process
// of its own, by turns, by processor time, on one core. GRENIER_BENCH_VALIDATE says how many rows the files have (1000000), and
// GRENIER_BENCH_BIG, when it is set, how many the file has whose memory is measured besides (10000000). GRENIER_BENCH_ROUNDS is how often each
// is measured (5).
func TestBenchValidate(t *testing.T) {
	rows, _ := strconv.Atoi(os.Getenv("GRENIER_BENCH_VALIDATE"))
	if rows <= 0 {
		t.Skip("SKIPPED: set GRENIER_BENCH_VALIDATE to a number of rows, or run make bench-validate")
	}
	b := &contest{t: t, dir: t.TempDir(), figures: map[string][]figure{}}
	b.write("schema.json", grantSchema("."))
	b.write("comma.json", grantSchema(","))
	b.write("keyed.json", strings.Replace(grantSchema("."), `"fields"`, `"primaryKey": ["referenceDecision"], "fields"`, 1))
	table := []jobs{
		b.workloads(rows),
		{name: "tout est faux, à côté d’un fichier sans faute", limit: 1.5, other: b.job("good", rows, "schema.json"), own: b.job("bad", rows, "schema.json")},
		{name: "windows-1252, points-virgules, virgules décimales, CR LF, à côté d’UTF-8", limit: 1 / 0.75, other: b.job("good", rows, "schema.json"), own: b.job("ansi", rows, "comma.json")},
		{name: "avec une clé primaire, à côté de sans clé", other: b.job("good", rows, "schema.json"), own: b.job("good", rows, "keyed.json")},
		{name: "XLSX de " + strconv.Itoa(rows/5) + " lignes, à côté d’excelize qui ne fait que lire", limit: 1.3, other: []string{"excelize", b.file("xlsx", rows/5)}, own: b.job("xlsx", rows/5, "schema.json")},
	}
	rounds, _ := strconv.Atoi(os.Getenv("GRENIER_BENCH_ROUNDS"))
	if rounds <= 0 {
		rounds = 5
	}
	for range rounds {
		for _, j := range table {
			b.run(j.other)
			b.run(j.own)
		}
	}
	b.print(rows, table)
	if big, _ := strconv.Atoi(os.Getenv("GRENIER_BENCH_BIG")); big > 0 {
		for _, schema := range []string{"schema.json", "keyed.json"} {
			j := b.job("good", big, schema)
			b.run(j)
			fmt.Printf("| %d lignes, %s | %.2f s | %.0f Mio |\n", big, schema, b.cpu(j), b.peak(j))
		}
	}
}

// A jobs is one line of the table: what Grenier does and what it is compared with.
type jobs struct {
	name       string
	other, own []string
	limit      float64
}

// A figure is what one process cost.
type figure struct{ cpu, mebibytes float64 }

type contest struct {
	t       *testing.T
	dir     string
	figures map[string][]figure // by command
}

func (b *contest) write(name, content string) {
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(content), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// file makes a document of one kind once. A process of its own does, because a process passes its memory on to those it starts, as far as the
// kernel's count of their peak goes.
func (b *contest) file(kind string, rows int) string {
	path := filepath.Join(b.dir, fmt.Sprintf("%s-%d", kind, rows))
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		b.child("make", kind, strconv.Itoa(rows), path)
	}
	return path
}

func (b *contest) job(kind string, rows int, schema string) []string {
	return []string{"validate", b.file(kind, rows), filepath.Join(b.dir, schema)}
}

// workloads compares with encoding/csv, on the file of the program that the project shares, or on ours where that is not.
func (b *contest) workloads(rows int) jobs {
	j := jobs{name: "jugement, à côté d’encoding/csv qui ne fait que lire (ReuseRecord)", limit: 1}
	path, schema := filepath.Join(b.dir, "workload.csv"), filepath.Join(b.dir, "workload.json")
	dir := filepath.Join("..", "..", "shared", "workloads")
	if _, err := os.Stat(dir); err == nil {
		cmd := exec.Command("go", "run", ".", "-kind", "subventions", "-rows", strconv.Itoa(rows), "-errors", "0.001", "-seed", "7", "-out", path)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			b.t.Fatalf("workloads: %v\n%s", err, out)
		}
		cmd = exec.Command("go", "run", ".", "-kind", "subventions", "-schema")
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			b.t.Fatal(err)
		}
		b.write("workload.json", string(out))
		j.name += ", fichier de workloads, graine 7"
	} else {
		path, schema = b.file("good", rows), filepath.Join(b.dir, "schema.json")
		j.name += ", fichier de l’essai"
	}
	j.other, j.own = []string{"csv", path}, []string{"validate", path, schema}
	b.run([]string{"sha256", path})
	return j
}

// child runs one task in a process of its own, on one core.
func (b *contest) child(args ...string) (string, figure) {
	b.t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestBenchChild$", "-test.timeout=10m")
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GRENIER_BENCH_CHILD="+strings.Join(args, "\n"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", args, err, out)
	}
	used := cmd.ProcessState
	peak := used.SysUsage().(*syscall.Rusage).Maxrss
	return string(out), figure{cpu: (used.UserTime() + used.SystemTime()).Seconds(), mebibytes: float64(peak) / 1024}
}

func (b *contest) run(args []string) {
	b.t.Helper()
	_, f := b.child(args...)
	key := strings.Join(args, "\n")
	b.figures[key] = append(b.figures[key], f)
}

// cpu is the median.
func (b *contest) cpu(args []string) float64 {
	var all []float64
	for _, f := range b.figures[strings.Join(args, "\n")] {
		all = append(all, f.cpu)
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// peak is the highest.
func (b *contest) peak(args []string) (most float64) {
	for _, f := range b.figures[strings.Join(args, "\n")] {
		most = max(most, f.mebibytes)
	}
	return most
}

func (b *contest) print(rows int, table []jobs) {
	fmt.Printf("%s, %d lignes, un cœur, médiane du temps processeur (utilisateur et système), %d tours entrelacés\n\n", time.Now().Format(time.DateOnly), rows, len(b.figures[strings.Join(table[0].own, "\n")]))
	fmt.Println("| quoi | l’autre | Grenier | rapport | seuil | mémoire au plus |\n| --- | --- | --- | --- | --- | --- |")
	for _, j := range table {
		other, own := b.cpu(j.other), b.cpu(j.own)
		limit := ""
		if j.limit > 0 {
			limit = fmt.Sprintf("≤ %.2f", j.limit)
		}
		fmt.Printf("| %s | %.2f s | %.2f s | %.2f | %s | %.0f Mio |\n", j.name, other, own, own/other, limit, b.peak(j.own))
	}
}

// TestBenchChild does one task of TestBenchValidate.
func TestBenchChild(t *testing.T) {
	args := strings.Split(os.Getenv("GRENIER_BENCH_CHILD"), "\n")
	var err error
	switch args[0] {
	case "make":
		rows, _ := strconv.Atoi(args[2])
		err = makeGrants(args[1], rows, args[3])
	case "csv":
		err = readCSV(args[1])
	case "sha256":
		err = hashFile(args[1])
	case "excelize":
		err = readExcelize(args[1])
	case "validate":
		err = judgeFile(args[1], args[2])
	default:
		t.Skip("SKIPPED: a part of TestBenchValidate")
	}
	if err != nil {
		t.Fatal(err)
	}
}

func hashFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(sha256.New(), f)
	return err
}

func readCSV(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.ReuseRecord, r.FieldsPerRecord, r.LazyQuotes = true, -1, true
	for {
		if _, err := r.Read(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func readExcelize(path string) error {
	book, err := excelize.OpenFile(path, excelize.Options{RawCellValue: true})
	if err != nil {
		return err
	}
	defer book.Close()
	rows, err := book.Rows("Sheet1")
	if err != nil {
		return err
	}
	n := 0
	for rows.Next() {
		if _, err := rows.Columns(); err != nil {
			return err
		}
		n++
	}
	if n < 2 {
		return fmt.Errorf("%d rows", n)
	}
	return errors.Join(rows.Error(), rows.Close())
}

// judgeFile validates a file and sees that the verdict is what its kind wants.
func judgeFile(path, schema string) error {
	js, err := os.ReadFile(schema)
	if err != nil {
		return err
	}
	s, err := schemas.ParseTable("essai/subventions@1.0.0", js)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	name := filepath.Base(path)
	r, err := harvest.Validate(context.Background(), harvest.Input{Name: name, Size: st.Size(), ReaderAt: f}, harvest.Validation{Schema: s})
	if err != nil {
		return err
	}
	bad := strings.HasPrefix(name, "bad")
	if good := !bad && name != "workload.csv"; r.Stats.Rows == 0 || good && !r.Valid || bad && r.Stats.Accepted > 0 {
		return fmt.Errorf("verdict %+v, first errors %+v", r.Stats, r.Errors[:min(3, len(r.Errors))])
	}
	return nil
}

// grantSchema is a schema of our own with the sort of columns that a file of subventions has.
func grantSchema(point string) string {
	text := func(name, constraints string) string {
		return fmt.Sprintf(`{"name": %q, "type": "string", "constraints": {%s}}`, name, constraints)
	}
	number := func(name, constraints string) string {
		return fmt.Sprintf(`{"name": %q, "type": "number", "decimalChar": %q, "constraints": {%s}}`, name, point, constraints)
	}
	return `{"title": "Subventions d’essai", "fields": [` + strings.Join([]string{
		text("nomAttribuant", `"required": true`), text("idAttribuant", `"required": true, "pattern": "^\\d{14}$"`),
		`{"name": "dateConvention", "type": "date", "constraints": {"required": true}}`, text("referenceDecision", `"maxLength": 30`),
		text("nomBeneficiaire", `"required": true`), text("idBeneficiaire", `"pattern": "^\\d{14}$"`), text("objet", `"required": true`),
		number("montant", `"required": true, "minimum": 0`), text("nature", `"required": true, "enum": ["aide en numéraire", "aide en nature"]`),
		text("conditionsVersement", ``), text("datesPeriodeVersement", `"pattern": "^\\d{4}-\\d{2}-\\d{2}(/\\d{4}-\\d{2}-\\d{2})?$"`),
		text("idRAE", `"pattern": "^\\d{10}$"`), text("notificationUE", `"required": true, "enum": ["oui", "non"]`),
		number("pourcentageSubvention", `"minimum": 0, "maximum": 1`), text("dispositifAide", ``),
	}, ", ") + `], "custom_checks": [{"name": "french-siret-value", "params": {"column": "idAttribuant"}}, {"name": "french-siret-value", "params": {"column": "idBeneficiaire"}}]}`
}

var grantColumns = []string{"nomAttribuant", "idAttribuant", "dateConvention", "referenceDecision", "nomBeneficiaire", "idBeneficiaire", "objet", "montant", "nature",
	"conditionsVersement", "datesPeriodeVersement", "idRAE", "notificationUE", "pourcentageSubvention", "dispositifAide"}

// grantCells are the cells of one row. Each of a bad one breaks a rule, wherever its column has one, in a way that people do.
func grantCells(rnd *rand.Rand, row int, bad bool) []string {
	town := []string{"Vaubrun-sur-Ourle", "Sainte-Élière", "Montreuil-lès-Brêmes", "Le Pré-Château"}[rnd.IntN(4)]
	day := fmt.Sprintf("%02d", 1+rnd.IntN(28))
	month, year := fmt.Sprintf("%02d", 1+rnd.IntN(12)), strconv.Itoa(2018+rnd.IntN(7))
	cents := fmt.Sprintf("%d.%02d", 100+rnd.IntN(90_000), rnd.IntN(100))
	cells := []string{"Commune de " + town, siretOf(rnd.IntN(3e7)), year + "-" + month + "-" + day, fmt.Sprintf("%s-DCM-%07d", year, row), "Association des amis de la lecture de " + town,
		siretOf(rnd.IntN(3e7)), "Soutien au fonctionnement de l’association pour l’année en cours, « " + town + " »", cents, []string{"aide en numéraire", "aide en nature"}[rnd.IntN(2)],
		"50 % à la notification, solde sur justificatifs", year + "-01-01/" + year + "-12-31", fmt.Sprintf("%010d", rnd.IntN(1e9)), []string{"oui", "non"}[rnd.IntN(2)], fmt.Sprintf("0.%02d", rnd.IntN(100)), "Contrat de ruralité"}
	if bad {
		cells[0], cells[4], cells[6] = "", "", ""
		cells[1], cells[5] = cells[1][:13], cells[5][:9]
		cells[2] = day + "/" + month + "/" + year
		cells[3] += " (délibération du conseil municipal)"
		cells[7] = strings.Replace(cents, ".", ",", 1) + " €"
		cells[8], cells[12] = "Aide en nature ou numéraire", "Oui"
		cells[10], cells[11] = "du 01/01 au 31/12/"+year, "RAE"+cells[11][:6]
		cells[13] = strconv.Itoa(rnd.IntN(100)) + " %"
	}
	return cells
}

// siretOf makes a SIRET of a number of eight digits; that of La Poste follows another rule.
func siretOf(n int) string {
	key := func(digits string) string {
		sum := 0
		for i := range digits {
			v := int(digits[len(digits)-1-i] - '0')
			if i%2 == 0 {
				if v *= 2; v > 9 {
					v -= 9
				}
			}
			sum += v
		}
		return digits + strconv.Itoa((10-sum%10)%10)
	}
	return key(key(fmt.Sprintf("%08d", n)) + "0001")
}

// makeGrants writes a document: "good", "bad", "ansi" (what an old French spreadsheet saves) or "xlsx".
func makeGrants(kind string, rows int, path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	rnd := rand.New(rand.NewPCG(7, 7))
	if kind == "xlsx" {
		return makeWorkbook(rnd, rows, f)
	}
	buf := bufio.NewWriterSize(f, 1<<20)
	var out io.Writer = buf
	if kind == "ansi" {
		out = charmap.Windows1252.NewEncoder().Writer(buf)
	}
	w := csv.NewWriter(out)
	if kind == "ansi" {
		w.Comma, w.UseCRLF = ';', true
	}
	w.Write(grantColumns)
	for row := range rows {
		cells := grantCells(rnd, row, kind == "bad")
		if kind == "ansi" {
			cells[7], cells[13] = strings.Replace(cells[7], ".", ",", 1), strings.Replace(cells[13], ".", ",", 1)
		}
		w.Write(cells)
	}
	w.Flush()
	return errors.Join(w.Error(), buf.Flush())
}

func makeWorkbook(rnd *rand.Rand, rows int, out io.Writer) error {
	book := excelize.NewFile()
	defer book.Close()
	w, err := book.NewStreamWriter("Sheet1")
	if err != nil {
		return err
	}
	row := make([]any, len(grantColumns))
	for i, name := range grantColumns {
		row[i] = name
	}
	if err := w.SetRow("A1", row); err != nil {
		return err
	}
	for n := range rows {
		for i, cell := range grantCells(rnd, n, false) {
			row[i] = cell
			if i == 7 || i == 13 {
				row[i], _ = strconv.ParseFloat(cell, 64)
			}
		}
		if err := w.SetRow("A"+strconv.Itoa(n+2), row); err != nil {
			return err
		}
	}
	return errors.Join(w.Flush(), book.Write(out))
}

// The document that the benchmark judges holds what it says: a table of a few rows of each kind.
func TestBenchValidate_MakesWhatItMeasures(t *testing.T) {
	dir := t.TempDir()
	for kind, point := range map[string]string{"good": ".", "bad": ".", "ansi": ",", "xlsx": "."} {
		path, schema := filepath.Join(dir, kind+"-50"), filepath.Join(dir, kind+".json")
		if err := errors.Join(makeGrants(kind, 50, path), os.WriteFile(schema, []byte(grantSchema(point)), 0o600)); err != nil {
			t.Fatal(err)
		}
		if err := judgeFile(path, schema); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	var out bytes.Buffer
	if json.Indent(&out, []byte(grantSchema(".")), "", " ") != nil {
		t.Error("the schema is no JSON")
	}
}
