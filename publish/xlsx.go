package publish

import (
	"archive/zip"
	"fmt"
	"io"
	"math"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"grenier/schemas"

	"github.com/klauspost/compress/flate"
)

func init() {
	register(Format{
		Name:      "xlsx",
		Ext:       ".xlsx",
		MediaType: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
		FileType:  "XLSX",
		Title:     "Excel",
		Use:       "Excel, LibreOffice, avec une notice des colonnes",
		New:       newXLSX,
	})
}

// What a sheet holds (Excel specifications and limits).
const (
	xlsxRows    = 1_048_576 // with the header
	xlsxColumns = 16_384
	xlsxCell    = 32_767 // UTF-16 code units
)

// Days since 1970 that a sheet counts in the same way for all: before March 1900 Excel has a day too many.
const (
	xlsxEpoch    = 25_569 // 1970-01-01 as Excel counts
	xlsxFirstDay = 61 - xlsxEpoch
	xlsxLastDay  = 2_958_465 - xlsxEpoch
)

// Cell styles, in the order of xlsxStyles.
const (
	xlsxGeneral = iota
	xlsxText
	xlsxInteger
	xlsxDate
	xlsxMoment
	xlsxHeader
	xlsxTitle
	xlsxWrapped
)

// An xlsxWriter writes a workbook of two sheets row by row: the table, under a header that stays in sight and filters, and a notice that says
// where the table is from and what its columns mean. Numbers, truth values and dates are typed; everything else is text, identifiers with their
// zeros first of all. It never writes a formula: what begins with "=" is a text like any other.
//
// A sheet cannot hold everything. Texts of more than 32,767 characters are cut, end in "…", and are counted in the notice. Dates before March
// 1900, integers of more than 15 digits and numbers beyond a double's normal range are texts. Moments are kept to the millisecond, those with an offset as
// UTC. More than 1,048,575 rows are ErrNotOffered.
type xlsxWriter struct {
	zip    *zip.Writer
	part   io.Writer // being written; nil once closed
	schema *schemas.Schema
	meta   Meta
	refs   []string // letters of the columns
	rows   int      // written to the sheet, the header among them
	cut    int      // texts that were too long
	buf    []byte
}

func newXLSX(w io.Writer, s *schemas.Schema, m Meta) (BatchWriter, error) {
	switch n := len(s.Fields); {
	case n == 0:
		return nil, fmt.Errorf("schema %s has no column", s.ID)
	case n > xlsxColumns:
		return nil, fmt.Errorf("%w: %d columns, a sheet holds %d", ErrNotOffered, n, xlsxColumns)
	}
	x := &xlsxWriter{zip: zip.NewWriter(w), schema: s, meta: m}
	x.zip.RegisterCompressor(zip.Deflate, newDeflater)
	for i := range max(len(s.Fields), xlsxNoticeColumns) {
		x.refs = append(x.refs, columnLetters(i))
	}
	if err := x.writeParts(xlsxFirstParts); err != nil {
		return nil, err
	}
	if err := x.begin("xl/worksheets/sheet1.xml"); err != nil {
		return nil, err
	}
	x.beginData()
	return x, nil
}

func (x *xlsxWriter) WriteBatch(b *schemas.Batch) error {
	if len(b.Columns) != len(x.schema.Fields) {
		return fmt.Errorf("write xlsx: batch of %d columns, schema has %d", len(b.Columns), len(x.schema.Fields))
	}
	if x.rows+b.Rows > xlsxRows {
		return fmt.Errorf("%w: more than %d rows in a sheet", ErrNotOffered, xlsxRows)
	}
	for r := range b.Rows {
		x.beginRow()
		for c := range b.Columns {
			if b.Columns[c].Valid[r] {
				x.value(b, c, r)
			}
		}
		x.buf = append(x.buf, "</row>\n"...)
		if err := x.flushFull(); err != nil {
			return err
		}
	}
	return nil
}

// beginRow begins the next row.
func (x *xlsxWriter) beginRow() {
	x.rows++
	x.buf = append(x.buf, `<row r="`...)
	x.buf = strconv.AppendInt(x.buf, int64(x.rows), 10)
	x.buf = append(x.buf, `">`...)
}

// value adds a cell that has a value.
func (x *xlsxWriter) value(b *schemas.Batch, c, r int) {
	col, text := &b.Columns[c], b.TextAt(c, r)
	switch {
	case col.Physical == schemas.Int64 && keepsDigits(text):
		x.beginCell(c, xlsxInteger, "")
		x.buf = strconv.AppendInt(x.buf, col.Ints[r], 10)
	case col.Physical == schemas.Float && isSheetNumber(col.Floats[r]):
		x.beginCell(c, xlsxGeneral, "")
		x.buf = strconv.AppendFloat(x.buf, col.Floats[r], 'g', -1, 64)
	case col.Physical == schemas.Bool:
		x.beginCell(c, xlsxGeneral, "b")
		if col.Bools[r] {
			x.buf = append(x.buf, '1')
		} else {
			x.buf = append(x.buf, '0')
		}
	case col.Physical == schemas.Days && isSheetDay(col.Ints[r]):
		x.beginCell(c, xlsxDate, "")
		x.buf = strconv.AppendInt(x.buf, col.Ints[r]+xlsxEpoch, 10)
	case col.Physical == schemas.Micros && isSheetDay(floorDay(col.Ints[r])):
		x.beginCell(c, xlsxMoment, "")
		x.buf = strconv.AppendFloat(x.buf, float64(col.Ints[r])/microsOfDay+xlsxEpoch, 'f', -1, 64)
	default:
		x.text(c, xlsxText, text)
		return
	}
	x.buf = append(x.buf, "</v></c>"...)
}

const microsOfDay = 86_400_000_000

func floorDay(micros int64) int64 {
	day := micros / microsOfDay
	if micros%microsOfDay < 0 {
		day--
	}
	return day
}

func isSheetDay(day int64) bool { return day >= xlsxFirstDay && day <= xlsxLastDay }

// isSheetNumber tells whether a sheet can hold a number: spreadsheets take none too small to be a normal double.
func isSheetNumber(f float64) bool {
	const least = 0x1p-1022
	return f == 0 || math.Abs(f) >= least && math.Abs(f) <= math.MaxFloat64
}

// beginCell begins a cell of the current row up to its value.
func (x *xlsxWriter) beginCell(c, style int, kind string) {
	x.buf = append(append(x.buf, `<c r="`...), x.refs[c]...)
	x.buf = strconv.AppendInt(x.buf, int64(x.rows), 10)
	x.buf = append(x.buf, '"')
	if style != xlsxGeneral {
		x.buf = append(x.buf, ` s="`...)
		x.buf = strconv.AppendInt(x.buf, int64(style), 10)
		x.buf = append(x.buf, '"')
	}
	if kind != "" {
		x.buf = append(append(append(x.buf, ` t="`...), kind...), '"')
	}
	if kind == "inlineStr" {
		x.buf = append(x.buf, "><is><t"...)
	} else {
		x.buf = append(x.buf, "><v>"...)
	}
}

// text adds a text cell, cut when a sheet cannot hold it.
func (x *xlsxWriter) text(c, style int, text []byte) {
	x.beginCell(c, style, "inlineStr")
	if n := len(text); n > 0 && (text[0] <= ' ' || text[n-1] <= ' ') {
		x.buf = append(x.buf, ` xml:space="preserve"`...)
	}
	x.buf = append(x.buf, '>')
	if short := cutUnits(text, xlsxCell); len(short) < len(text) {
		x.cut++
		x.buf = append(appendSheetText(x.buf, short), "…"...)
	} else {
		x.buf = appendSheetText(x.buf, text)
	}
	x.buf = append(x.buf, "</t></is></c>"...)
}

// cutUnits is text when it has at most n UTF-16 code units, otherwise its first n-1.
func cutUnits(text []byte, n int) []byte {
	if len(text) <= n {
		return text
	}
	units, end := 0, len(text)
	for i := 0; i < len(text); {
		char, size := utf8.DecodeRune(text[i:])
		width := 1
		if char >= 0x10000 {
			width = 2
		}
		if units += width; units > n-1 && end == len(text) {
			end = i
		}
		if units > n {
			return text[:end]
		}
		i += size
	}
	return text
}

// appendSheetText escapes a text for XML, and what XML cannot say as spreadsheets do: _x000D_ is a carriage return, _x005F_ the underscore
// of a text that only looks like that.
func appendSheetText(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '&':
			dst = append(dst, "&amp;"...)
		case c == '<':
			dst = append(dst, "&lt;"...)
		case c == '>':
			dst = append(dst, "&gt;"...)
		case c == '_' && isSheetEscape(text[i:]):
			dst = append(dst, "_x005F_"...)
		case c < ' ' && c != '\t' && c != '\n' || c == 0x7f:
			dst = fmt.Appendf(dst, "_x%04X_", c)
		case c < utf8.RuneSelf:
			dst = append(dst, c)
		default:
			char, size := utf8.DecodeRune(text[i:])
			if char == 0xfffe || char == 0xffff {
				dst = fmt.Appendf(dst, "_x%04X_", char)
			} else {
				dst = utf8.AppendRune(dst, char) // U+FFFD for what is not UTF-8
			}
			i += size
			continue
		}
		i++
	}
	return dst
}

// isSheetEscape tells whether text begins like "_x000D_".
func isSheetEscape(text []byte) bool {
	if len(text) < 7 || text[1] != 'x' || text[6] != '_' {
		return false
	}
	_, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	return err == nil
}

// flushFull writes what was gathered when it is worth it.
func (x *xlsxWriter) flushFull() error {
	if len(x.buf) < csvBuffer {
		return nil
	}
	return x.flush()
}

func (x *xlsxWriter) flush() error {
	_, err := x.part.Write(x.buf)
	x.buf = x.buf[:0]
	if err != nil {
		return fmt.Errorf("write xlsx: %w", err)
	}
	return nil
}

// xlsxTime is the time of every part: the first that a ZIP archive can tell.
var xlsxTime = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// begin begins a part of the archive.
func (x *xlsxWriter) begin(name string) (err error) {
	x.part, err = x.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: xlsxTime})
	if err != nil {
		return fmt.Errorf("write xlsx: %w", err)
	}
	return nil
}

func (x *xlsxWriter) Close() error {
	if x.part == nil {
		return nil
	}
	x.endData()
	if err := x.flush(); err != nil {
		return err
	}
	rows := x.rows
	if err := x.writeNotice(rows - 1); err != nil {
		return err
	}
	if err := x.writeWorkbook(rows); err != nil {
		return err
	}
	x.part = nil
	if err := x.zip.Close(); err != nil {
		return fmt.Errorf("write xlsx: %w", err)
	}
	return nil
}

// A deflater goes back to deflaters when its part ends: its tables are too large to make for each part of each small file.
type deflater struct{ *flate.Writer }

var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic(err) // the level is known
	}
	return w
}}

func newDeflater(w io.Writer) (io.WriteCloser, error) {
	d := deflater{deflaters.Get().(*flate.Writer)}
	d.Reset(w)
	return d, nil
}

func (d deflater) Close() error {
	err := d.Writer.Close()
	d.Reset(nil)
	deflaters.Put(d.Writer)
	return err
}

// columnLetters names a column as sheets do: A, B, …, Z, AA.
func columnLetters(i int) string {
	if i < 26 {
		return string(rune('A' + i))
	}
	return columnLetters(i/26-1) + string(rune('A'+i%26))
}
