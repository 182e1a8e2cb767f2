package publish_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"grenier/publish"
	"grenier/publish/publishtest"
	"grenier/schemas"
)

// grantSchema is as wide as the national ones are.
func grantSchema() *schemas.Schema {
	fields := []schemas.Field{
		{Name: "nomAttribuant", Type: schemas.String}, {Name: "idAttribuant", Type: schemas.String}, {Name: "dateConvention", Type: schemas.Date},
		{Name: "referenceDecision", Type: schemas.String}, {Name: "nomBeneficiaire", Type: schemas.String}, {Name: "idBeneficiaire", Type: schemas.String},
		{Name: "objet", Type: schemas.String}, {Name: "montant", Type: schemas.Number}, {Name: "nature", Type: schemas.String},
	}
	for i := range 8 {
		fields = append(fields, schemas.Field{Name: "colonne" + strconv.Itoa(i), Type: schemas.String})
	}
	s := publishtest.Schema(fields...)
	s.Series = schemas.Series{Year: "dateConvention", Key: []string{"idAttribuant", "referenceDecision"}}
	return s
}

func grants(r *rand.Rand, siret string, rows int) (out [][]string) {
	for i := range rows {
		row := []string{"Commune " + siret, siret, time.Date(2019+r.IntN(7), 1, 1+r.IntN(360), 0, 0, 0, 0, time.UTC).Format(time.DateOnly), "D" + strconv.Itoa(i),
			"Association n° " + strconv.Itoa(r.IntN(900)), fmt.Sprintf("%014d", r.IntN(900)), "Fonctionnement de l’exercice, " + strconv.Itoa(r.IntN(rows)),
			strconv.Itoa(r.IntN(90000)), "aide en numéraire"}
		for c := range 8 {
			row = append(row, []string{"", "oui", "non", "sans objet"}[(i+c)%4])
		}
		out = append(out, row)
	}
	return out
}

// BenchmarkSeries makes the series of a département: 350 members, 2,000 rows each, seven years.
func BenchmarkSeries(b *testing.B) {
	p := newSeriesPlace(b)
	s := grantSchema()
	r := rand.New(rand.NewPCG(1, 1))
	var members []member
	for i := range 350 {
		siret := fmt.Sprintf("%014d", 21990000000000+i)
		members = append(members, member{siren: siret[:9], name: "Commune " + siret, schema: s, files: []memberFile{{name: "subventions.csv", rows: grants(r, siret, 2000)}}})
	}
	o := p.order(b, s, members)
	members = nil
	var result *publish.SeriesResult
	b.Run("press", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			result = p.press(b, o)
		}
		b.ReportMetric(float64(result.Rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	})
	b.Run("assemble", func(b *testing.B) {
		f := file(b, result, "csv", 0)
		b.SetBytes(f.Bytes)
		b.ReportAllocs()
		for b.Loop() {
			blob, err := p.blobs.Open(b.Context(), f.Key)
			if err == nil {
				_, err = io.Copy(io.Discard, blob)
				_ = blob.Close()
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}
