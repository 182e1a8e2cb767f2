package harvest

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A moment says what a number format shows a number as.
type moment uint8

const (
	asNumber moment = iota
	asDay           // a date, with or without a time
	asClock         // a time of day or a duration
)

// builtin knows the formats that have a number and no code (ECMA-376 part 1, 18.8.30, with those of East Asia).
func builtin(id int) moment {
	switch {
	case id >= 14 && id <= 17, id == 22, id >= 27 && id <= 31, id == 36, id >= 50 && id <= 58:
		return asDay
	case id >= 18 && id <= 21, id >= 32 && id <= 35, id >= 45 && id <= 47:
		return asClock
	}
	return asNumber
}

// momentOf reads a number format: the first section, without what it quotes, escapes or puts between brackets.
func momentOf(code string) moment {
	var plain []byte
	lower := strings.ToLower(code)
	for i := 0; i < len(lower) && lower[i] != ';'; i++ {
		switch c := lower[i]; c {
		case '"', '[':
			end := byte('"')
			if c == '[' {
				end = ']'
			}
			n := strings.IndexByte(lower[i+1:], end)
			if n < 0 {
				return asNumber
			}
			if inside := lower[i+1 : i+1+n]; c == '[' && inside != "" && strings.Trim(inside, "hms") == "" {
				plain = append(plain, 'h') // elapsed time
			}
			i += n + 1
		case '\\', '_', '*':
			i++
		default:
			plain = append(plain, c)
		}
	}
	text := string(plain)
	switch {
	case strings.Contains(text, "general"):
		return asNumber
	case strings.ContainsAny(text, "yd"), strings.Contains(text, "jj"), strings.Contains(text, "aaa"):
		return asDay
	case strings.ContainsAny(text, "hs"):
		return asClock
	case strings.Contains(text, "m"):
		return asDay
	}
	return asNumber
}

// appendNumber appends a number that a workbook keeps, or the moment that it is shown as. Days count from 1904 when mac is true.
func appendNumber(dst []byte, v float64, shown moment, mac bool) []byte {
	if shown != asNumber {
		if text, ok := momentText(v, shown, mac); ok {
			return append(dst, text...)
		}
	}
	if v == 0 {
		return append(dst, '0')
	}
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}

// momentText writes a serial number as an ISO 8601 date, a date and time when it has a time part, or a time. Beyond what Excel can
// show, ok is false.
func momentText(serial float64, shown moment, mac bool) (_ string, ok bool) {
	if serial < 0 || serial > 2958466 {
		return "", false
	}
	ms := int64(math.Round(serial * 86_400_000))
	days, rest := ms/86_400_000, time.Duration(ms%86_400_000)*time.Millisecond
	if shown == asClock {
		return clockText(time.Duration(ms) * time.Millisecond), true
	}
	first := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	switch {
	case mac:
		first = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	case days < 60:
		first = first.AddDate(0, 0, 1) // Excel believes in 29 February 1900
	}
	date := first.AddDate(0, 0, int(days)).Format(time.DateOnly)
	if rest == 0 {
		return date, true
	}
	return date + "T" + clockText(rest), true
}

// clockText writes a time of day; a duration may have more than 24 hours.
func clockText(d time.Duration) string {
	text := fmt.Sprintf("%02d:%02d:%02d", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60)
	if ms := d.Milliseconds() % 1000; ms > 0 {
		text += fmt.Sprintf(".%03d", ms)
	}
	return text
}
