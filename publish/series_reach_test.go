package publish_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"grenier/publish"
	"grenier/schemas"
)

// counting counts the bytes that are read, and how often.
type counting struct {
	r     io.ReaderAt
	bytes int64
	reads int
}

func (c *counting) ReadAt(p []byte, at int64) (int, error) {
	c.bytes += int64(len(p))
	c.reads++
	return c.r.ReadAt(p, at)
}

// manyCommunes is the series of 100 communes of 2,000 grants each, whose purposes are told in words.
func manyCommunes(t testing.TB, p *seriesPlace) *publish.SeriesResult {
	s := grantSchema()
	r := rand.New(rand.NewPCG(1, 1))
	var members []member
	for i := range 100 {
		siret := fmt.Sprintf("%014d", 21990000000000+100000*i)
		rows := grants(r, siret, 2000)
		for _, row := range rows {
			row[6] = purpose(r)
		}
		members = append(members, member{siren: siret[:9], name: "Commune " + siret, schema: s, files: []memberFile{{name: "subventions.csv", rows: rows}}})
	}
	return p.press(t, p.order(t, s, members))
}

// purpose is twelve words that nobody used before.
func purpose(r *rand.Rand) string {
	var b []byte
	for range 12 {
		for range 2 + r.IntN(9) {
			b = append(b, byte('a'+r.IntN(26)))
		}
		b = append(b, ' ')
	}
	return string(b[:len(b)-1])
}

func TestSeries_OfOneCommuneIsReadWithoutTheOthers(t *testing.T) {
	p := newSeriesPlace(t)
	f := file(t, manyCommunes(t, p), "parquet", 0)
	data := p.read(t, f.Key)
	c := &counting{r: bytes.NewReader(data)}
	table, err := publish.OpenTable(c, int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	footer := c.bytes
	plan, err := table.Query(publish.RowQuery{Where: []publish.Filter{{Column: "membre_siren", Op: publish.Equal, Values: []string{"219900042"}}}})
	if err != nil {
		t.Fatal(err)
	}
	page, err := plan.Run(t.Context(), func(b *schemas.Batch) error { return nil })
	if err != nil || page.Rows != 2000 {
		t.Fatalf("%d rows, %v", page.Rows, err)
	}
	t.Logf("%d of %d bytes in %d reads, %d for the footer", c.bytes, len(data), c.reads, footer)
	if c.bytes*20 > int64(len(data)) {
		t.Errorf("%d of %d bytes were read, which is 5 %% or more", c.bytes, len(data))
	}
}

func TestSeries_DescribesItsColumnsAsParquetGoWould(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	s := seriesSchema()
	p := newSeriesPlace(t)
	o := p.order(t, s, randomMembers(r, s, 300))
	result := p.press(t, o)
	for _, key := range []string{o.Parts[0].Parquet, o.Parts[0].Origins, file(t, result, "parquet", 0).Key, file(t, result, "parquet", 2024).Key} {
		if err := publish.CheckFooter(p.read(t, key)); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	members := []member{{siren: "1", name: "Grande", schema: grantSchema(), files: []memberFile{{name: "a.csv", rows: grants(r, "21990000000000", 20_000)}}}}
	if err := publish.CheckFooter(p.read(t, p.order(t, grantSchema(), members).Parts[0].Parquet)); err != nil {
		t.Error(err)
	}
}
