package schemas

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/big"
	"strconv"
	"strings"
	"unsafe"
)

// text views b as a string without a copy; the string must not outlive b.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// trim removes white space around a cell, no-break spaces included. It copies nothing.
func trim(b []byte) []byte {
	if n := len(b); n > 0 && b[0] > ' ' && b[n-1] > ' ' && b[0] < 0x80 && b[n-1] < 0x80 {
		return b
	}
	return bytes.TrimSpace(b)
}

// parseInteger reads a trimmed integer: an optional sign and ASCII digits. fits is false for a well-written integer beyond 64 bits.
func parseInteger(b []byte) (i int64, ok, fits bool) {
	digits := b
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		digits = b[1:]
	}
	if len(digits) == 0 {
		return 0, false, false
	}
	for _, c := range digits {
		if c -= '0'; c > 9 {
			return 0, false, false
		} else if i = i*10 + int64(c); len(digits) > 18 {
			i = 0
		}
	}
	if len(digits) > 18 {
		i, err := strconv.ParseInt(text(b), 10, 64)
		return i, true, err == nil
	}
	if b[0] == '-' {
		i = -i
	}
	return i, true, true
}

var powers = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// parseNumber reads a trimmed decimal number with a point, an exponent, or NaN and Infinity as Python's Decimal writes
// them. A number that only infinity could stand for is refused.
func parseNumber(b []byte) (f float64, ok bool) {
	i, neg := 0, false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		neg, i = b[0] == '-', 1
	}
	var mantissa uint64
	digits, scale, point := 0, 0, false
	for ; i < len(b); i++ {
		c := b[i] - '0'
		if c <= 9 {
			mantissa = mantissa*10 + uint64(c)
			digits++
			if point {
				scale++
			}
			continue
		}
		if b[i] != '.' || point {
			break
		}
		point = true
	}
	if i < len(b) || digits == 0 || digits > 15 || scale >= len(powers) {
		return parseRareNumber(b)
	}
	f = float64(mantissa) / powers[scale] // both are exact, so the quotient is the nearest float
	if neg {
		f = -f
	}
	return f, true
}

func parseRareNumber(b []byte) (float64, bool) {
	for _, c := range b {
		// Not what strconv reads and Decimal does not ("_", "0x", "p"), and without the error that strconv makes of any other text.
		if strings.IndexByte("0123456789.+-eEiInNfFaAtTyY", c) < 0 {
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(text(b), 64)
	return f, err == nil
}

// A decimal is the exact value of a number as written: 0.d1d2d3… × 10^point, no zeros at either end of digits.
type decimal struct {
	neg    bool
	point  int
	digits []byte
	other  byte // 'n' NaN, 'i' infinity, 0 otherwise
}

// parseDecimal splits a text that parseNumber or parseInteger accepted. Digits are appended to buf.
func parseDecimal(b, buf []byte) decimal {
	d := decimal{digits: buf[:0]}
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		d.neg, b = b[0] == '-', b[1:]
	}
	if len(b) > 0 && (b[0]|0x20 == 'n' || b[0]|0x20 == 'i') {
		d.other = b[0] | 0x20
		return d
	}
	seen := false
	for i, c := range b {
		switch {
		case c == '.':
			seen = true
		case c|0x20 == 'e':
			e, _ := strconv.Atoi(string(b[i+1:]))
			d.point += e
			return d.tidy()
		default:
			d.digits = append(d.digits, c)
			if !seen {
				d.point++
			}
		}
	}
	return d.tidy()
}

func (d decimal) tidy() decimal {
	n := len(d.digits)
	d.digits = bytes.TrimLeft(d.digits, "0")
	d.point -= n - len(d.digits)
	d.digits = bytes.TrimRight(d.digits, "0")
	if len(d.digits) == 0 {
		d.neg, d.point = false, 0
	}
	return d
}

func (d decimal) sign() int {
	switch {
	case len(d.digits) == 0 && d.other != 'i':
		return 0
	case d.neg:
		return -1
	}
	return 1
}

// compare orders two finite decimals exactly.
func (d decimal) compare(e decimal) int {
	if c := cmp.Compare(d.sign(), e.sign()); c != 0 || d.sign() == 0 {
		return c
	}
	return d.sign() * cmp.Or(cmp.Compare(d.point, e.point), bytes.Compare(d.digits, e.digits))
}

// appendKey appends bytes that are the same for equal decimals only.
func (d decimal) appendKey(key []byte) []byte {
	key = append(key, d.other, byte(d.sign()))
	key = binary.AppendVarint(key, int64(d.point))
	return append(key, d.digits...)
}

// compareNumbers orders two number texts whose floats are known: floats decide unless they are equal by rounding.
func compareNumbers(a, b number) int {
	if a.f != b.f {
		return cmp.Compare(a.f, b.f)
	}
	if len(a.text) <= 15 && len(b.text) <= 15 {
		return 0 // fifteen digits are exact in a float
	}
	var bufA, bufB [48]byte
	return parseDecimal(a.text, bufA[:]).compare(parseDecimal(b.text, bufB[:]))
}

// A number is a number's float and its text, trimmed and with a decimal point.
type number struct {
	f    float64
	text []byte
}

// rat returns the exact value; ok is false for NaN, infinity and exponents that nobody sums.
func (n number) rat() (r *big.Rat, ok bool) {
	d := parseDecimal(n.text, nil)
	if d.other != 0 || d.point > 400 || d.point < -400 {
		return nil, false
	}
	return new(big.Rat).SetString(string(n.text))
}
