package publish_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"grenier/publish"
	"grenier/publish/publishtest"
	"grenier/schemas"
)

// manyGrants is a table of n grants of many members in no order: 15 columns, of which one is another in each row.
func manyGrants(n int) (*schemas.Schema, [][]string) {
	s := publishtest.Schema(
		schemas.Field{Name: "nomAttribuant", Type: schemas.String}, schemas.Field{Name: "idAttribuant", Type: schemas.String}, schemas.Field{Name: "dateConvention", Type: schemas.Date},
		schemas.Field{Name: "referenceDecision", Type: schemas.String}, schemas.Field{Name: "nomBeneficiaire", Type: schemas.String}, schemas.Field{Name: "idBeneficiaire", Type: schemas.String},
		schemas.Field{Name: "objet", Type: schemas.String}, schemas.Field{Name: "montant", Type: schemas.Number}, schemas.Field{Name: "nature", Type: schemas.String},
		schemas.Field{Name: "conditions", Type: schemas.String}, schemas.Field{Name: "periode", Type: schemas.String}, schemas.Field{Name: "rae", Type: schemas.Integer},
		schemas.Field{Name: "europe", Type: schemas.Boolean}, schemas.Field{Name: "part", Type: schemas.Number}, schemas.Field{Name: "dispositif", Type: schemas.String})
	random := rand.New(rand.NewPCG(3, 9))
	one := func(of ...string) string { return of[random.IntN(len(of))] }
	rows := make([][]string, n)
	for i := range rows {
		giver, taker := random.IntN(350), random.IntN(7000)
		day := time.Date(2021, 1, 1+random.IntN(5*365), 0, 0, 0, 0, time.UTC)
		rows[i] = []string{
			"Commune de Saint-Essai-" + strconv.Itoa(giver), fmt.Sprintf("2139%06d0013", giver), day.Format(time.DateOnly), fmt.Sprintf("%d-DCM-%05d", day.Year(), random.IntN(100_000)),
			"Association des amis de la rue n° " + strconv.Itoa(taker), fmt.Sprintf("%014d", taker*7_919_333),
			one("Fonctionnement", "Fête de la musique", "Achat de matériel", "Restauration d’un tableau") + one("", " (premier acompte)", " pour l’année en cours") + ", " + strconv.FormatUint(random.Uint64()>>20, 36),
			strconv.FormatFloat(float64(random.IntN(2_000_000))/100, 'f', -1, 64), one("aide en numéraire", "aide en nature"), one("", "", "en une fois", "50 % à la notification, solde sur justificatifs"),
			one("", day.AddDate(0, 1, 0).Format(time.DateOnly)), one("", "", strconv.Itoa(random.IntN(90))), one("true", "false"), one("", "0.5", "0.8", "1"), one("", "Contrat de ruralité", "Fonds d’animation"),
		}
	}
	return s, rows
}

// BenchmarkParquetOrder writes 300,000 grants: as they come; and by year and key, when they come in that order and when they come in none.
func BenchmarkParquetOrder(b *testing.B) {
	for _, c := range []struct {
		name            string
		ordered, sorted bool
	}{{"no order", false, false}, {"no order, rows sorted", false, true}, {"ordered, rows sorted", true, true}, {"ordered, rows unsorted", true, false}} {
		b.Run(c.name, func(b *testing.B) {
			s, rows := manyGrants(300_000)
			s.Series = schemas.Series{Year: "dateConvention", Key: []string{"idAttribuant", "referenceDecision"}}
			if c.sorted {
				rows = inOrder(s, rows)
			}
			if !c.ordered {
				s.Series = schemas.Series{}
			}
			var batches []*schemas.Batch
			size := int64(0)
			for part := range slices.Chunk(rows, 4096) {
				batches = append(batches, publishtest.Batch(s, part))
				size += int64(len(batches[len(batches)-1].Data))
			}
			rows = nil // millions of texts would cost the collector more than what is measured
			b.SetBytes(size)
			b.ReportAllocs()
			var out counter
			start := spent(b)
			for b.Loop() {
				out = 0
				pressed(b, s, batches, &out)
			}
			b.ReportMetric(float64((spent(b)-start).Milliseconds())/float64(b.N), "cpu-ms/op")
			b.ReportMetric(float64(out)/(1<<20), "MiB-out")
		})
	}
}

// spent is the processor time of this process; on a busy machine the clock tells nothing.
func spent(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func pressed(b *testing.B, s *schemas.Schema, batches []*schemas.Batch, out io.Writer) {
	w, err := formatNamed(b, "parquet").New(out, s, publish.Meta{})
	for _, batch := range batches {
		if err == nil {
			err = w.WriteBatch(batch)
		}
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		b.Fatal(err)
	}
}

// A counter counts what is written.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// BenchmarkParquetSmall writes 100 grants of five years, the size of a commune's table.
func BenchmarkParquetSmall(b *testing.B) {
	for name, series := range map[string]schemas.Series{"no order": {}, "by key": {Key: []string{"referenceDecision"}}, "by year": {Year: "dateConvention"}} {
		b.Run(name, func(b *testing.B) {
			s, rows := manyGrants(100)
			s.Series = series
			batch := publishtest.Batch(s, rows)
			b.ReportAllocs()
			var out counter
			start := spent(b)
			for b.Loop() {
				out = 0
				pressed(b, s, []*schemas.Batch{batch}, &out)
			}
			b.ReportMetric(float64((spent(b)-start).Microseconds())/float64(b.N), "cpu-µs/op")
			b.ReportMetric(float64(out), "bytes-out")
		})
	}
}
