package publish

import (
	"io"

	"grenier/schemas"
)

// PressCut writes a Parquet file whose pages and row groups end after the rows that endPage and endGroup say, whatever their size; plain says
// where a column gives its dictionary up.
func PressCut(w io.Writer, s *schemas.Schema, b *schemas.Batch, endPage, plain func(column, row int) bool, endGroup func(row int) bool) error {
	out, err := newParquet(w, s, Meta{})
	if err != nil {
		return err
	}
	p := out.(*parquetWriter)
	for r := range b.Rows {
		for i, c := range p.columns {
			if err := c.append(b, i, r, r+1); err != nil {
				return err
			}
			if endPage(i, r) {
				if err := c.endPage(); err != nil {
					return err
				}
				c.useDict = c.useDict && !plain(i, r)
			}
		}
		p.rows++
		if endGroup(r) {
			if err := p.sortGroup(); err != nil {
				return err
			}
		}
	}
	return p.Close()
}

// AppendFolded is appendFolded.
var AppendFolded = appendFolded
