package publish_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"

	"grenier/publish"
	"grenier/publish/publishtest"
	"grenier/schemas"

	"github.com/parquet-go/parquet-go"
)

// A watchedFile notes which bytes are read.
type watchedFile struct {
	*bytes.Reader
	mu    sync.Mutex
	reads [][2]int64
}

func (w *watchedFile) ReadAt(p []byte, at int64) (int, error) {
	w.mu.Lock()
	w.reads = append(w.reads, [2]int64{at, at + int64(len(p))})
	w.mu.Unlock()
	return w.Reader.ReadAt(p, at)
}

// take tells what was read since it was last called.
func (w *watchedFile) take() [][2]int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	reads := w.reads
	w.reads = nil
	return reads
}

// keyedRows are n rows whose key columns have many values and few: a text in each row, a number every third, a text of which there are 300, one of
// which there are ten.
func keyedRows(n int) (*schemas.Schema, [][]string) {
	s := publishtest.Schema(
		schemas.Field{Name: "acte", Type: schemas.String}, schemas.Field{Name: "numero", Type: schemas.Integer}, schemas.Field{Name: "siret", Type: schemas.String},
		schemas.Field{Name: "sexe", Type: schemas.String}, schemas.Field{Name: "jour", Type: schemas.Date}, schemas.Field{Name: "objet", Type: schemas.String})
	s.Series.Key = []string{"acte", "numero", "siret", "sexe", "jour"}
	rows := make([][]string, n)
	for i := range rows {
		h := uint32(i) * 2654435761
		number := ""
		if i%3 == 0 {
			number = strconv.Itoa(int(h) * 2)
		}
		rows[i] = []string{fmt.Sprintf("acte-%010d", h), number, fmt.Sprintf("2139001370%04d", h>>8%300), strconv.Itoa(i % 10), "2026-11-23", "Objet " + strconv.Itoa(int(h))}
	}
	return s, rows
}

func TestParquet_GivesKeysBloomFilters(t *testing.T) {
	for _, c := range []struct {
		rows int
		want []bool // by column
	}{
		{200, []bool{false, false, false, false, false, false}},
		{2_000, []bool{true, true, false, false, false, false}}, // the dictionary answers for siret
		{130_000, []bool{true, true, true, false, false, false}},
	} {
		t.Run(strconv.Itoa(c.rows), func(t *testing.T) {
			s, rows := keyedRows(c.rows)
			file := pressBatches(t, "parquet", s, rows, 4096)
			f, err := openParquet(file)
			if err != nil {
				t.Fatal(err)
			}
			first := 0
			for g, group := range f.RowGroups() {
				meta := f.Metadata().RowGroups[g]
				for i, chunk := range group.ColumnChunks() {
					filter := chunk.BloomFilter()
					if (filter != nil) != c.want[i] {
						t.Errorf("row group %d, column %s: filter %v, want %v", g, s.Fields[i].Name, filter != nil, c.want[i])
					}
					if filter == nil {
						continue
					}
					m := meta.Columns[i].MetaData
					if last := meta.Columns[len(s.Fields)-1].MetaData; m.BloomFilterOffset < last.DataPageOffset || int64(m.BloomFilterLength) <= filter.Size() {
						t.Errorf("row group %d, column %s: filter of %d bytes, %d with its header, at %d, within the row group", g, s.Fields[i].Name, filter.Size(), m.BloomFilterLength, m.BloomFilterOffset)
					}
					checkFilter(t, chunk, filter, rows[first:first+int(group.NumRows())], i)
				}
				first += int(group.NumRows())
			}
		})
	}
}

// checkFilter asks a filter for all values that there are, and for some that there are not.
func checkFilter(t *testing.T, chunk parquet.ColumnChunk, filter parquet.BloomFilter, rows [][]string, column int) {
	value := func(cell string) parquet.Value { return parquet.ByteArrayValue([]byte(cell)) }
	if chunk.Type().Kind() == parquet.Int64 {
		value = func(cell string) parquet.Value {
			n, _ := strconv.ParseInt(cell, 10, 64)
			return parquet.Int64Value(n)
		}
	}
	for _, row := range rows {
		if row[column] == "" {
			continue
		}
		if there, err := filter.Check(value(row[column])); err != nil || !there {
			t.Fatalf("%q is not in the filter: %v", row[column], err)
		}
	}
	wrong := 0
	for i := range 10_000 {
		if there, _ := filter.Check(value(strconv.Itoa(2*i + 1))); there {
			wrong++
		}
	}
	if wrong > 300 {
		t.Errorf("%d false alarms of 10,000", wrong)
	}
}

func TestRows_AbsentKeyReadsNoDataPage(t *testing.T) {
	s, rows := keyedRows(130_000)
	file := pressBatches(t, "parquet", s, rows, 4096)
	f, err := openParquet(file)
	if err != nil {
		t.Fatal(err)
	}
	pages := func(reads [][2]int64) (n int) {
		for _, g := range f.Metadata().RowGroups {
			for _, c := range g.Columns {
				m := c.MetaData
				start := m.DataPageOffset
				if m.DictionaryPageOffset > 0 {
					start = m.DictionaryPageOffset
				}
				for _, r := range reads {
					if r[0] < start+m.TotalCompressedSize && start < r[1] {
						n++
					}
				}
			}
		}
		return n
	}
	watched := &watchedFile{Reader: bytes.NewReader(file)}
	table, err := publish.OpenTable(watched, int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	absent, present := fmt.Sprintf("acte-%010d", 77), rows[777][0]
	if slices.ContainsFunc(rows, func(row []string) bool { return row[0] == absent }) {
		t.Fatalf("%s is there", absent)
	}
	for _, c := range []struct {
		name   string
		filter publish.Filter
		rows   int64
		pages  bool
	}{
		{"absent text", publish.Filter{Column: "acte", Op: publish.Equal, Values: []string{absent}}, 0, false},
		{"absent number", publish.Filter{Column: "numero", Op: publish.Equal, Values: []string{"12345"}}, 0, false},
		{"absent texts", publish.Filter{Column: "siret", Op: publish.In, Values: []string{"21390013700999x", "21390013700000x"}}, 0, false},
		{"present text", publish.Filter{Column: "acte", Op: publish.Equal, Values: []string{present}}, 1, true},
		{"present among absent", publish.Filter{Column: "acte", Op: publish.In, Values: []string{absent, present}}, 1, true},
		{"present number", publish.Filter{Column: "numero", Op: publish.Equal, Values: []string{rows[600][1]}}, 1, true},
		{"other comparison", publish.Filter{Column: "acte", Op: publish.AtLeast, Values: []string{absent}}, -1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan, err := table.Query(publish.RowQuery{Where: []publish.Filter{c.filter}})
			if err != nil {
				t.Fatal(err)
			}
			watched.take()
			page, err := plan.Run(context.Background(), func(*schemas.Batch) error { return nil })
			if err != nil || c.rows >= 0 && page.Rows != c.rows {
				t.Errorf("%d rows, %v, want %d", page.Rows, err, c.rows)
			}
			reads := watched.take()
			if n := pages(reads); n > 0 != c.pages {
				t.Errorf("%d reads within pages, of %d", n, len(reads))
			}
		})
	}
}

func TestRows_DamagedBloomFilterIsLeftOut(t *testing.T) {
	s, rows := keyedRows(2000)
	file := pressBatches(t, "parquet", s, rows, 500)
	f, err := openParquet(file)
	if err != nil {
		t.Fatal(err)
	}
	at := f.Metadata().RowGroups[0].Columns[0].MetaData.BloomFilterOffset
	damaged := bytes.Clone(file)
	copy(damaged[at:], "no header of a filter")
	for i := range 600 { // the bits are all zero: the filter would refuse everything
		damaged[int(at)+30+i] = 0
	}
	table := openTable(t, damaged)
	plan, err := table.Query(publish.RowQuery{Where: []publish.Filter{{Column: "acte", Op: publish.Equal, Values: []string{rows[5][0]}}}})
	if err != nil {
		t.Fatal(err)
	}
	if page, err := plan.Run(context.Background(), func(*schemas.Batch) error { return nil }); err != nil || page.Rows != 1 {
		t.Errorf("%d rows, %v", page.Rows, err)
	}
}
