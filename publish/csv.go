package publish

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sync"

	"grenier/schemas"
)

func init() {
	register(Format{
		Name:      "csv",
		Ext:       ".csv",
		MediaType: "text/csv",
		FileType:  "CSV",
		Title:     "CSV",
		Use:       "tableurs, programmes, data.gouv.fr",
		New:       newCSV,
		Twins:     true,
	})
}

// csvBuffer is how much a csvWriter gathers before it writes.
const csvBuffer = 64 << 10

// csvBuffers keeps buffers from one file to the next: a harvest writes thousands of small ones.
var csvBuffers = sync.Pool{New: func() any { return new(make([]byte, 0, csvBuffer+4<<10)) }}

// A csvWriter writes the canonical CSV: UTF-8 without byte order mark, the schema's delimiter, lines ended by LF, one header
// line of field names, and quotes (RFC 4180) only around cells that need them. Cells are the canonical texts of the batch,
// byte for byte.
//
// A cell without value is written as the empty text, or as the first missing value of the schema when the empty text is a value there.
// Where the empty text means "no value" (the default), a file cannot tell an empty value from none: nor can the schema.
type csvWriter struct {
	w     io.Writer
	plain csvDialect
	nulls []string // by column
	buf   []byte
}

func newCSV(w io.Writer, s *schemas.Schema, _ Meta) (BatchWriter, error) {
	if len(s.Fields) == 0 {
		return nil, fmt.Errorf("schema %s has no column", s.ID)
	}
	c := &csvWriter{w: w, plain: newCSVDialect(s.Delimiter), buf: *csvBuffers.Get().(*[]byte)}
	for i := range s.Fields {
		c.nulls = append(c.nulls, nullText(s, &s.Fields[i]))
	}
	for i := range s.Fields {
		c.cell(i, []byte(s.Fields[i].Name))
	}
	c.buf = append(c.buf, '\n')
	return c, nil
}

// nullText is what the canonical CSV writes for a cell without value.
func nullText(s *schemas.Schema, f *schemas.Field) string {
	missing := s.MissingValues
	if f.Options.MissingValues != nil {
		missing = f.Options.MissingValues
	}
	if len(missing) == 0 || slices.Contains(missing, "") {
		return ""
	}
	return missing[0]
}

func (c *csvWriter) WriteBatch(b *schemas.Batch) error {
	if len(b.Columns) != len(c.nulls) {
		return fmt.Errorf("write csv: batch of %d columns, schema has %d", len(b.Columns), len(c.nulls))
	}
	for r := range b.Rows {
		for i := range b.Columns {
			if b.Columns[i].Valid[r] {
				c.cell(i, b.TextAt(i, r))
			} else {
				c.cell(i, []byte(c.nulls[i]))
			}
		}
		c.buf = append(c.buf, '\n')
		if len(c.buf) >= csvBuffer {
			if err := c.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// cell appends one cell and the delimiter before it. An empty cell that is the whole line is quoted: readers skip blank lines.
func (c *csvWriter) cell(i int, text []byte) {
	if i > 0 {
		c.buf = append(c.buf, c.plain.delimiter)
	} else if len(text) == 0 && len(c.nulls) == 1 {
		c.buf = append(c.buf, '"', '"')
		return
	}
	c.buf = c.plain.appendCell(c.buf, text)
}

func (c *csvWriter) flush() error {
	_, err := c.w.Write(c.buf)
	c.buf = c.buf[:0]
	if err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	return nil
}

func (c *csvWriter) Close() error {
	if c.buf == nil {
		return nil
	}
	err := c.flush()
	if kept := c.buf; cap(kept) <= 4*csvBuffer { // not &c.buf: this writer goes on holding that address
		csvBuffers.Put(&kept)
	}
	c.buf = nil
	return err
}

// A csvDialect knows which bytes make quotes necessary.
type csvDialect struct {
	delimiter byte
	special   [256]bool
	wide      uint64 // the delimiter eight times
}

// newCSVDialect makes the dialect of a delimiter; 0 is the comma.
func newCSVDialect(delimiter byte) csvDialect {
	if delimiter == 0 {
		delimiter = ','
	}
	d := csvDialect{delimiter: delimiter, wide: eachByte * uint64(delimiter)}
	for _, b := range []byte{delimiter, '"', '\r', '\n'} {
		d.special[b] = true
	}
	return d
}

func (d *csvDialect) appendCell(dst, text []byte) []byte {
	if d.needsQuotes(text) {
		return appendQuoted(dst, text)
	}
	return append(dst, text...)
}

// eachByte has a one in each of its bytes, highBits the highest bit of each.
const (
	eachByte = 0x0101010101010101
	highBits = 0x80 * eachByte
)

// needsQuotes looks at eight bytes at a time; the last eight may overlap those before.
func (d *csvDialect) needsQuotes(text []byte) bool {
	if len(text) < 8 {
		for _, b := range text {
			if d.special[b] {
				return true
			}
		}
		return false
	}
	for i := 0; i < len(text); i += 8 {
		w := binary.LittleEndian.Uint64(text[min(i, len(text)-8):])
		if (zeros(w^d.wide)|zeros(w^eachByte*'"')|zeros(w^eachByte*'\n')|zeros(w^eachByte*'\r'))&highBits != 0 {
			return true
		}
	}
	return false
}

// zeros sets the highest bit of some byte if, and only if, one of the eight is zero.
func zeros(w uint64) uint64 { return (w - eachByte) &^ w }

func appendQuoted(dst, text []byte) []byte {
	dst = append(dst, '"')
	for {
		i := bytes.IndexByte(text, '"')
		if i < 0 {
			break
		}
		dst = append(append(dst, text[:i+1]...), '"')
		text = text[i+1:]
	}
	return append(append(dst, text...), '"')
}
