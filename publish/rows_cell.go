package publish

import (
	"math"
	"strconv"
	"time"

	"grenier/schemas"
)

// addCell appends a cell, with its canonical text, to a column of a batch.
func addCell(b *schemas.Batch, col *schemas.Column, valid bool, num uint64, text []byte) {
	at := len(b.Data)
	if valid {
		b.Data = appendCell(b.Data, col.Physical, num, text)
	}
	col.Valid = append(col.Valid, valid)
	col.Text = append(col.Text, schemas.Span{Off: uint32(at), Len: uint32(len(b.Data) - at)})
	switch col.Physical {
	case schemas.Int64, schemas.Days, schemas.Micros:
		col.Ints = append(col.Ints, int64(num))
	case schemas.Float:
		col.Floats = append(col.Floats, math.Float64frombits(num))
	case schemas.Bool:
		col.Bools = append(col.Bools, num != 0)
	}
}

// appendCell appends the canonical text of a value. Parquet keeps numbers, not how they were written: 12.50 comes out as 12.5, and a moment
// without its zone.
func appendCell(dst []byte, p schemas.Physical, num uint64, text []byte) []byte {
	switch p {
	case schemas.Int64:
		return strconv.AppendInt(dst, int64(num), 10)
	case schemas.Float:
		return appendFloat(dst, math.Float64frombits(num))
	case schemas.Bool:
		return strconv.AppendBool(dst, num != 0)
	case schemas.Days:
		return time.Unix(int64(num)*86400, 0).UTC().AppendFormat(dst, time.DateOnly)
	case schemas.Micros:
		return time.UnixMicro(int64(num)).UTC().AppendFormat(dst, "2006-01-02T15:04:05.999999")
	}
	return append(dst, text...)
}

// appendFloat writes a number without exponent where people would.
func appendFloat(dst []byte, f float64) []byte {
	switch a := math.Abs(f); {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "INF"...)
	case math.IsInf(f, -1):
		return append(dst, "-INF"...)
	case a == 0 || a >= 1e-6 && a < 1e21:
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	return strconv.AppendFloat(dst, f, 'e', -1, 64)
}
