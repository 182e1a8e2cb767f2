package publish

import (
	"bytes"
	"fmt"
	"io"

	"grenier/schemas"

	"github.com/parquet-go/parquet-go/bloom"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// When a key column gets a Bloom filter, which tells of most values that are not in a row group that they are not: one false alarm in a hundred.
const (
	bloomBits   = 10     // for each value
	bloomLeast  = 256    // values: of fewer, a page is as quickly read
	bloomRows   = 10_000 // from which on a column gets one even if its dictionary answers: other programs do not look there
	bloomValues = 32     // of a question, at most: for more, reading the pages costs less
)

// bloomHash is the hash of Parquet's filters.
var bloomHash bloom.XXH64

// isKey tells whether column i is of the schema's key.
func (p *parquetWriter) isKey(i int) bool {
	for _, name := range p.schema.Series.Key {
		if i < len(p.schema.Fields) && p.schema.Fields[i].Name == name {
			return true
		}
	}
	return false
}

// bloomFilter is the filter of a finished column, header and bits, nil for none; rows are those of the file until now.
func (c *parquetColumn) bloomFilter(rows int64) ([]byte, error) {
	n := c.dict.len() + c.stash.loose()
	if !c.stashed || c.physical != schemas.Text && c.physical != schemas.Int64 || n < bloomLeast || c.plainPages == 0 && rows <= bloomRows {
		return nil, nil
	}
	f := make(bloom.SplitBlockFilter, bloom.NumSplitBlocksOf(int64(n), bloomBits))
	for code := range int32(n) {
		if c.physical == schemas.Text {
			f.Insert(bloomHash.Sum64(c.stashedText(code)))
		} else {
			f.Insert(bloomHash.Sum64Uint64(c.stashedNumber(code)))
		}
	}
	header, err := bloomHeader(len(f.Bytes()))
	return append(header, f.Bytes()...), err
}

// bloomHeader is what comes before n bytes of a filter.
func bloomHeader(n int) ([]byte, error) {
	h := format.BloomFilterHeader{NumBytes: int32(n)}
	h.Algorithm.Value, h.Hash.Value, h.Compression.Value = new(format.SplitBlockAlgorithm), new(format.XxHash), new(format.BloomFilterUncompressed)
	return thrift.Marshal(new(thrift.CompactProtocol), &h)
}

// writeBlooms writes the filters of a row group behind it, and notes where they are.
func (p *parquetWriter) writeBlooms(g *format.RowGroup, filters [][]byte) error {
	for i, f := range filters {
		if len(f) == 0 {
			continue
		}
		m := &g.Columns[i].MetaData
		m.BloomFilterOffset, m.BloomFilterLength = p.offset, int32(len(f))
		if err := p.write(f); err != nil {
			return err
		}
	}
	return nil
}

// bloomRefuses tells whether the filter of a row group says that no row of it passes.
func (t *Table) bloomRefuses(g int, f *rowFilter) (bool, error) {
	if f.op != Equal && f.op != In || len(f.texts)+len(f.nums) > bloomValues {
		return false, nil
	}
	at := t.chunk(g, f.column).bloom
	n := at[1] / bloom.BlockSize * bloom.BlockSize // a header is shorter than a block
	if at[0] <= 0 || n <= 0 || f.physical != schemas.Text && f.physical != schemas.Int64 {
		return false, nil
	}
	header := make([]byte, at[1]-n)
	if err := readFull(t.r, header, at[0]); err != nil {
		return false, fmt.Errorf("read filter of column %s, row group %d: %w", t.schema.Fields[f.column].Name, g, err)
	}
	if ours, err := bloomHeader(int(n)); err != nil || !bytes.Equal(header, ours) {
		return false, err
	}
	bits := io.NewSectionReader(t.r, at[0]+int64(len(header)), n)
	for _, hash := range f.hashes() {
		if there, err := bloom.CheckSplitBlock(bits, n, hash); err != nil || there {
			return false, err
		}
	}
	return true, nil
}

// hashes are those of the values that a filter wants.
func (f *rowFilter) hashes() (list []uint64) {
	for _, v := range f.texts {
		list = append(list, bloomHash.Sum64(v))
	}
	for _, v := range f.nums {
		list = append(list, bloomHash.Sum64Uint64(v))
	}
	return list
}
