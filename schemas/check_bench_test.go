package schemas

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// grants is a schema of our own with the sort of columns that a file of subventions has.
const grants = `{
 "title": "Subventions d’essai",
 "fields": [
  {"name": "nom", "type": "string", "constraints": {"required": true}},
  {"name": "siret", "type": "string", "example": "21739990600015", "constraints": {"required": true, "pattern": "^\\d{14}$"}},
  {"name": "date", "type": "date", "constraints": {"required": true}},
  {"name": "reference", "type": "string"},
  {"name": "beneficiaire", "type": "string", "constraints": {"required": true}},
  {"name": "siret_beneficiaire", "type": "string", "constraints": {"pattern": "^\\d{14}$"}},
  {"name": "rna", "type": "string", "constraints": {"pattern": "^W\\d{9}$"}},
  {"name": "objet", "type": "string", "constraints": {"required": true}},
  {"name": "montant", "type": "number", "constraints": {"required": true, "minimum": 0}},
  {"name": "nature", "type": "string", "constraints": {"required": true, "pattern": "(?:(?:^|\\|)(aide en numéraire|aide en nature))+$"}},
  {"name": "conditions", "type": "string", "constraints": {"required": true, "enum": ["unique", "échelonné", "autre"]}},
  {"name": "periode", "type": "string", "constraints": {"pattern": "^[0-9]{4}\\-[0-9]{2}\\-[0-9]{2}(\\/[0-9]{4}\\-[0-9]{2}\\-[0-9]{2})?$"}},
  {"name": "notification", "type": "boolean", "trueValues": ["oui"], "falseValues": ["non"]},
  {"name": "part", "type": "number", "constraints": {"minimum": 0, "maximum": 1}},
  {"name": "annee", "type": "integer", "constraints": {"minimum": 1900}}
 ],
 "custom_checks": [
  {"name": "french-siret-value", "params": {"column": "siret"}},
  {"name": "french-siret-value", "params": {"column": "siret_beneficiaire"}},
  {"name": "one-of-required", "params": {"column1": "siret_beneficiaire", "column2": "rna"}}
 ]}`

func grantsSchema(t testing.TB) *Schema {
	t.Helper()
	s, err := ParseTable("essai/subventions@1.0.0", []byte(grants))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// grantsBlock fills a block with good rows.
func grantsBlock(s *Schema) *Block {
	rnd := rand.New(rand.NewPCG(1, 2))
	b := &Block{}
	b.Reset(len(s.Fields))
	for row := int64(2); !b.Full(); row++ {
		second, rna := "", fmt.Sprintf("W%09d", rnd.IntN(1e9))
		if rnd.IntN(2) == 0 {
			second, rna = siret(rnd.IntN(1e8)), ""
		}
		cells := []string{"Commune de Vaubrun-sur-Ourle", "21739990600015", fmt.Sprintf("2024-%02d-%02d", 1+rnd.IntN(12), 1+rnd.IntN(28)),
			fmt.Sprintf("2024-DEL-%05d", rnd.IntN(1e5)), "Association des amis de la lecture " + fmt.Sprint(rnd.IntN(500)), second, rna,
			"Soutien au fonctionnement annuel de l’association", fmt.Sprintf("%d.%02d", 100+rnd.IntN(90000), rnd.IntN(100)), "aide en numéraire",
			[]string{"unique", "échelonné"}[rnd.IntN(2)], "2024-01-01/2024-12-31", []string{"oui", "non"}[rnd.IntN(2)], fmt.Sprintf("0.%d", rnd.IntN(100)), "2024"}
		var rec [][]byte
		for _, c := range cells {
			rec = append(rec, []byte(c))
		}
		b.AppendRecord(row, row, rec...)
	}
	return b
}

// siret makes a valid SIRET from a number of eight digits.
func siret(n int) string {
	key := func(s string) string {
		for d := range 10 {
			if t := s + fmt.Sprint(d); luhn([]byte(t)) == 0 {
				return t
			}
		}
		return ""
	}
	return key(key(fmt.Sprintf("%08d", n)) + "0001")
}

func labelsOf(s *Schema) (out []string) {
	for i := range s.Fields {
		out = append(out, s.Fields[i].Name)
	}
	return out
}

func BenchmarkCheck(b *testing.B) {
	s := grantsSchema(b)
	in := grantsBlock(s)
	rep, c, out := NewReport(s), s.NewChecker(), &Batch{}
	c.Begin(labelsOf(s), rep)
	b.SetBytes(int64(len(in.Data)) + int64(len(in.Cells))) // as much as the same rows take in CSV
	b.ReportAllocs()
	for b.Loop() {
		c.Check(in, out, rep)
	}
	if rep.Stats.Errors > 0 {
		b.Fatalf("errors in good rows: %+v", rep.Errors[0])
	}
}

// BenchmarkCheckAllBad has a fault in three cells of each row: it must not collapse.
func BenchmarkCheckAllBad(b *testing.B) { benchmarkBad(b, []int{2, 8, 12}, false) }

// BenchmarkCheckEachCellBad has a fault in each cell that can have one, and nobody who reads the reasons of the refusals, as in a validation.
func BenchmarkCheckEachCellBad(b *testing.B) {
	benchmarkBad(b, []int{1, 2, 5, 6, 8, 9, 10, 11, 12, 13, 14}, true)
}

func benchmarkBad(b *testing.B, fields []int, terse bool) {
	s := grantsSchema(b)
	in := grantsBlock(s)
	for r := range in.Rows {
		for _, f := range fields {
			in.Cells[r*in.Width+f] = in.Cells[r*in.Width]
		}
	}
	rep, c, out := NewReport(s), s.NewChecker(), &Batch{}
	c.Terse = terse
	c.Begin(labelsOf(s), rep)
	b.SetBytes(int64(len(in.Data)) + int64(len(in.Cells)))
	b.ReportAllocs()
	for b.Loop() {
		c.Check(in, out, rep)
	}
}
