package publish

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf8"

	"grenier/schemas"
)

func init() {
	register(Format{
		Name:      "ndjson",
		Ext:       ".ndjson",
		MediaType: "application/x-ndjson",
		FileType:  "JSON",
		Title:     "JSON par lignes",
		Use:       "jq, Python, JavaScript",
		New:       newNDJSON,
		Twins:     true,
	})
}

// ndjsonBuffer is how many bytes are gathered before they are written.
const ndjsonBuffer = 64 << 10

// An ndjsonWriter writes one JSON object a row, ended by LF, with every column in the schema's order. Numbers and truth values are JSON's, lists
// and objects stay what they are, everything else is the canonical text; a cell without value is null. What JSON has no number for (NaN,
// infinity) is a text.
type ndjsonWriter struct {
	w      io.Writer
	schema *schemas.Schema
	names  [][]byte // `"name":` by column, with the comma or brace before it
	buf    []byte
}

func newNDJSON(w io.Writer, s *schemas.Schema, _ Meta) (BatchWriter, error) {
	if len(s.Fields) == 0 {
		return nil, fmt.Errorf("schema %s has no column", s.ID)
	}
	n := &ndjsonWriter{w: w, schema: s}
	for i := range s.Fields {
		name := append(appendJSONText([]byte{','}, []byte(s.Fields[i].Name)), ':')
		if i == 0 {
			name[0] = '{'
		}
		n.names = append(n.names, name)
	}
	return n, nil
}

func (n *ndjsonWriter) WriteBatch(b *schemas.Batch) error {
	if len(b.Columns) != len(n.names) {
		return fmt.Errorf("write ndjson: batch of %d columns, schema has %d", len(b.Columns), len(n.names))
	}
	for r := range b.Rows {
		for c := range b.Columns {
			n.buf = append(n.buf, n.names[c]...)
			n.buf = appendJSONCell(n.buf, n.schema.Fields[c].Type, b, c, r)
		}
		n.buf = append(n.buf, '}', '\n')
		if len(n.buf) >= ndjsonBuffer {
			if err := n.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (n *ndjsonWriter) flush() error {
	_, err := n.w.Write(n.buf)
	n.buf = n.buf[:0]
	if err != nil {
		return fmt.Errorf("write ndjson: %w", err)
	}
	return nil
}

func (n *ndjsonWriter) Close() error {
	if len(n.buf) == 0 {
		return nil
	}
	return n.flush()
}

// appendJSONCell appends the JSON value of a cell.
func appendJSONCell(dst []byte, t schemas.Type, b *schemas.Batch, c, r int) []byte {
	col := &b.Columns[c]
	if !col.Valid[r] {
		return append(dst, "null"...)
	}
	text := b.TextAt(c, r)
	switch col.Physical {
	case schemas.Int64:
		return strconv.AppendInt(dst, col.Ints[r], 10)
	case schemas.Bool:
		return strconv.AppendBool(dst, col.Bools[r])
	case schemas.Float:
		return appendJSONNumber(dst, text, col.Floats[r])
	}
	if t == schemas.Array || t == schemas.Object || t == schemas.GeoJSON {
		if raw, ok := compactJSON(text); ok {
			return append(dst, raw...)
		}
	}
	return appendJSONText(dst, text)
}

// appendJSONNumber keeps the text of a number that JSON writes in the same way, so that 12.50 keeps its cents.
func appendJSONNumber(dst, text []byte, f float64) []byte {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return appendJSONText(dst, text)
	case isJSONNumber(text):
		return append(dst, text...)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

// isJSONNumber tells whether text follows RFC 8259 section 6.
func isJSONNumber(text []byte) bool {
	digits := bytes.TrimPrefix(text, []byte{'-'})
	if len(digits) == 0 || digits[0] < '0' || digits[0] > '9' {
		return false
	}
	return json.Valid(text)
}

// compactJSON is a list or an object without the white space around its parts, so that it holds no line break.
func compactJSON(text []byte) ([]byte, bool) {
	if trimmed := bytes.TrimLeft(text, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' && trimmed[0] != '[' {
		return nil, false
	}
	var out bytes.Buffer
	if json.Compact(&out, text) != nil {
		return nil, false
	}
	return out.Bytes(), true
}

// appendJSONText appends a JSON string. Letters stay as they are; what is not UTF-8 becomes the replacement character.
func appendJSONText(dst, text []byte) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			char, size := utf8.DecodeRune(text[i:])
			if char != utf8.RuneError || size > 1 {
				i += size
				continue
			}
			dst = append(append(dst, text[start:i]...), "\ufffd"...)
			i++
			start = i
			continue
		}
		dst = append(dst, text[start:i]...)
		dst = appendEscaped(dst, c)
		i++
		start = i
	}
	return append(append(dst, text[start:]...), '"')
}

func appendEscaped(dst []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}
