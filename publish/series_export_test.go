package publish

import (
	"bytes"
	"fmt"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// CheckFooter reads and writes the footer and the page index of a file in the way of series, and compares with parquet-go.
func CheckFooter(file []byte) error {
	footer, err := readFooter(memory(file), int64(len(file)))
	if err != nil {
		return err
	}
	var meta format.FileMetaData
	if err := thrift.Unmarshal(new(thrift.CompactProtocol), footer, &meta); err != nil {
		return err
	}
	groups, err := readRowGroups(footer)
	if err != nil || len(groups) != len(meta.RowGroups) {
		return fmt.Errorf("%d row groups instead of %d: %w", len(groups), len(meta.RowGroups), err)
	}
	for i := range groups {
		for j := range groups[i].Columns {
			ours, theirs := &groups[i].Columns[j], &meta.RowGroups[i].Columns[j]
			ours.MetaData.PathInSchema = theirs.MetaData.PathInSchema
			if err := checkChunk(file, ours, theirs); err != nil {
				return fmt.Errorf("row group %d, column %s: %w", i, theirs.MetaData.PathInSchema[0], err)
			}
		}
		rest := groups[i]
		rest.Columns, rest.TotalByteSize, rest.FileOffset = nil, meta.RowGroups[i].TotalByteSize, meta.RowGroups[i].FileOffset
		rest.TotalCompressedSize, rest.Ordinal = meta.RowGroups[i].TotalCompressedSize, meta.RowGroups[i].Ordinal
		w := compactWriter{last: 1}
		w.rowGroup(&rest)
		want := meta.RowGroups[i]
		want.Columns = []format.ColumnChunk{}
		if err := sameThrift(append(append([]byte{1<<4 | compactList, compactStruct}, w.b...), 0), &want); err != nil {
			return fmt.Errorf("row group %d: %w", i, err)
		}
	}
	return nil
}

func checkChunk(file []byte, ours, theirs *format.ColumnChunk) error {
	var w compactWriter
	w.columnMeta(&ours.MetaData)
	if err := sameThrift(w.b, &theirs.MetaData); err != nil {
		return err
	}
	if ours.OffsetIndexOffset != theirs.OffsetIndexOffset || ours.OffsetIndexLength != theirs.OffsetIndexLength ||
		ours.ColumnIndexOffset != theirs.ColumnIndexOffset || ours.ColumnIndexLength != theirs.ColumnIndexLength {
		return fmt.Errorf("page index at other places: %+v", ours)
	}
	b := file[ours.OffsetIndexOffset:][:ours.OffsetIndexLength]
	pages, err := readOffsetIndex(b)
	if err != nil {
		return err
	}
	w = compactWriter{}
	if w.offsetIndex(pages); !bytes.Equal(w.b, b) {
		return fmt.Errorf("offset index %x instead of %x", w.b, b)
	}
	if ours.ColumnIndexLength == 0 {
		return nil
	}
	b = file[ours.ColumnIndexOffset:][:ours.ColumnIndexLength]
	index, err := readColumnIndex(b)
	if err != nil {
		return err
	}
	w = compactWriter{}
	if w.columnIndex(index); !bytes.Equal(w.b, b) {
		return fmt.Errorf("column index %x instead of %x", w.b, b)
	}
	return nil
}

func sameThrift(got []byte, v any) error {
	want, err := thrift.Marshal(new(thrift.CompactProtocol), v)
	if err != nil || !bytes.Equal(got, want) {
		return fmt.Errorf("%x instead of %x: %w", got, want, err)
	}
	return nil
}
