package schemas

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

const (
	microsecond = 1
	second      = 1_000_000 * microsecond
	day         = 86_400 * second
)

func digit(c byte) (int, bool) { c -= '0'; return int(c), c <= 9 }

// two reads two digits.
func two(b []byte) (int, bool) {
	h, l := b[0]-'0', b[1]-'0'
	return int(h)*10 + int(l), h <= 9 && l <= 9
}

// four reads four digits.
func four(b []byte) (int, bool) {
	h, ok1 := two(b)
	l, ok2 := two(b[2:])
	return h*100 + l, ok1 && ok2
}

// daysIn returns how many days a month has.
func daysIn(y, m int) int {
	switch {
	case m == 2 && y%4 == 0 && (y%100 != 0 || y%400 == 0):
		return 29
	case m == 2:
		return 28
	case m == 4 || m == 6 || m == 9 || m == 11:
		return 30
	}
	return 31
}

// civil returns the days from 1970-01-01 to a date that may not exist.
func civil(y, m, d int) (int64, bool) {
	if y < 1 || m < 1 || m > 12 || d < 1 || d > daysIn(y, m) {
		return 0, false
	}
	if m <= 2 {
		y, m = y-1, m+12
	}
	// Days of a year that begins in March, so that the leap day comes last.
	return int64(365*y + y/4 - y/100 + y/400 + (153*(m-3)+2)/5 + d - 719_469), true
}

// parseDate reads YYYY-MM-DD; month and day may have one digit, as Python reads them.
func parseDate(b []byte) (int64, bool) {
	if len(b) < 8 || len(b) > 10 || b[4] != '-' {
		return 0, false
	}
	y, ok := four(b)
	if !ok {
		return 0, false
	}
	if len(b) == 10 && b[7] == '-' {
		m, ok1 := two(b[5:])
		d, ok2 := two(b[8:])
		if !ok1 || !ok2 {
			return 0, false
		}
		return civil(y, m, d)
	}
	m, rest, ok1 := oneOrTwo(b[5:])
	if !ok1 || len(rest) < 2 || rest[0] != '-' {
		return 0, false
	}
	d, rest, ok2 := oneOrTwo(rest[1:])
	if !ok2 || len(rest) > 0 {
		return 0, false
	}
	return civil(y, m, d)
}

func oneOrTwo(b []byte) (n int, rest []byte, ok bool) {
	if len(b) == 0 {
		return 0, nil, false
	}
	if n, ok = digit(b[0]); !ok {
		return 0, nil, false
	}
	if len(b) > 1 {
		if l, ok := digit(b[1]); ok {
			return n*10 + l, b[2:], true
		}
	}
	return n, b[1:], true
}

// appendDate appends a date given in days as YYYY-MM-DD.
func appendDate(b []byte, days int64) []byte {
	return time.Unix(days*86_400, 0).UTC().AppendFormat(b, time.DateOnly)
}

// parseAnyDate reads a date in the common orders: year first, or, with slashes, dots or hyphens, month first as dateutil does, and day
// first when that cannot be.
func parseAnyDate(b []byte) (int64, bool) {
	b = trim(b)
	if len(b) == 8 && !bytes.ContainsAny(b, "-/.") {
		y, ok1 := four(b)
		m, ok2 := two(b[4:])
		d, ok3 := two(b[6:])
		if ok1 && ok2 && ok3 {
			return civil(y, m, d)
		}
		return 0, false
	}
	var part [3]int
	var width [3]int
	n := 0
	for i, c := range b {
		v, ok := digit(c)
		switch {
		case ok && width[n] < 4:
			part[n], width[n] = part[n]*10+v, width[n]+1
		case (c == '-' || c == '/' || c == '.') && n < 2 && width[n] > 0 && i > 0:
			n++
		default:
			return 0, false
		}
	}
	if n < 2 || width[2] == 0 {
		return 0, false
	}
	if width[0] == 4 {
		return civil(part[0], part[1], part[2])
	}
	if days, ok := civil(part[2], part[0], part[1]); ok && width[2] == 4 {
		return days, true
	}
	days, ok := civil(part[2], part[1], part[0])
	return days, ok && width[2] == 4
}

// parseClock reads HH:MM:SS, a fraction of a second and an offset; it returns microseconds since midnight, the offset in
// microseconds and whether there was one.
func parseClock(b []byte) (micros, offset int64, zoned, ok bool) {
	if len(b) < 8 || b[2] != ':' || b[5] != ':' {
		return 0, 0, false, false
	}
	h, ok1 := two(b)
	m, ok2 := two(b[3:])
	s, ok3 := two(b[6:])
	if !ok1 || !ok2 || !ok3 || m > 59 || s > 59 || h > 24 || h == 24 && m+s > 0 {
		return 0, 0, false, false
	}
	micros = int64(h*3600+m*60+s) * second
	b = b[8:]
	if len(b) > 1 && (b[0] == '.' || b[0] == ',') {
		unit, n := int64(second/10), 1
		for ; n < len(b); n++ {
			v, isDigit := digit(b[n])
			if !isDigit {
				break
			}
			micros += int64(v) * unit
			unit /= 10
		}
		if n == 1 || h == 24 && micros > day {
			return 0, 0, false, false
		}
		b = b[n:]
	}
	if len(b) == 0 {
		return micros, 0, false, true
	}
	offset, ok = parseOffset(b)
	return micros, offset, true, ok
}

// parseOffset reads Z, ±HH, ±HHMM or ±HH:MM.
func parseOffset(b []byte) (micros int64, ok bool) {
	if len(b) == 1 && (b[0] == 'Z' || b[0] == 'z') {
		return 0, true
	}
	if len(b) < 3 || b[0] != '+' && b[0] != '-' {
		return 0, false
	}
	h, ok1 := two(b[1:])
	m, ok2 := 0, true
	switch {
	case len(b) == 5:
		m, ok2 = two(b[3:])
	case len(b) == 6 && b[3] == ':':
		m, ok2 = two(b[4:])
	case len(b) != 3:
		return 0, false
	}
	micros = int64(h*60+m) * 60 * second
	if b[0] == '-' {
		micros = -micros
	}
	return micros, ok1 && ok2 && h < 24 && m < 60
}

// parseDatetime reads an ISO 8601 moment with at least seconds, one character of any kind between date and time.
func parseDatetime(b []byte) (int64, bool) {
	if len(b) < 19 || b[4] != '-' || b[7] != '-' || b[16] != ':' || b[10] >= 0x80 {
		return 0, false
	}
	days, ok := parseDate(b[:10])
	if !ok {
		return 0, false
	}
	micros, offset, _, ok := parseClock(b[11:])
	return days*day + micros - offset, ok
}

// parseYearMonth reads YYYY-MM as months since year 0.
func parseYearMonth(b []byte) (int64, bool) {
	if len(b) != 7 || b[4] != '-' {
		return 0, false
	}
	y, ok1 := four(b)
	m, ok2 := two(b[5:])
	return int64(y*12 + m - 1), ok1 && ok2 && m >= 1 && m <= 12
}

// isDuration tells whether b is an ISO 8601 duration: P1Y2M10DT2H30M, P3W, fractions on any number.
func isDuration(b []byte) bool {
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		b = b[1:]
	}
	if len(b) < 3 || b[0] != 'P' {
		return false
	}
	units, timed := "YMWD", false // those that may still come, in order
	for b = b[1:]; len(b) > 0; {
		if b[0] == 'T' {
			if timed || len(b) == 1 {
				return false
			}
			units, timed, b = "HMS", true, b[1:]
			continue
		}
		n := durationNumber(b)
		if n == 0 || n == len(b) {
			return false
		}
		at := strings.IndexByte(units, b[n])
		if at < 0 {
			return false
		}
		units, b = units[at+1:], b[n+1:]
	}
	return true
}

// durationNumber returns the length of the number, perhaps with a fraction, at the start of b.
func durationNumber(b []byte) int {
	n, points := 0, 0
	for n < len(b) && (b[n] >= '0' && b[n] <= '9' || n > 0 && points == 0 && (b[n] == '.' || b[n] == ',')) {
		if b[n] == '.' || b[n] == ',' {
			points++
		}
		n++
	}
	return n
}

// A layout is a strptime format, as a list of directives and literal bytes.
type layout struct{ parts []layoutPart }

type layoutPart struct {
	directive byte // 0 for a literal
	literal   byte
}

var (
	monthNames = []string{"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"}
	dayNames   = []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}
)

// compileLayout reads a C or Python strptime format.
func compileLayout(format string) (*layout, error) {
	l := &layout{}
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			l.parts = append(l.parts, layoutPart{literal: format[i]})
			continue
		}
		i++
		if i == len(format) {
			return nil, fmt.Errorf("format de date « %s » inachevé", format)
		}
		switch format[i] {
		case '%':
			l.parts = append(l.parts, layoutPart{literal: '%'})
		case 'Y', 'y', 'm', 'd', 'H', 'I', 'M', 'S', 'f', 'j', 'p', 'b', 'B', 'a', 'A', 'z':
			l.parts = append(l.parts, layoutPart{directive: format[i]})
		default:
			return nil, fmt.Errorf("format de date « %s » : directive %%%c inconnue", format, format[i])
		}
	}
	return l, nil
}

// A moment is what a layout read. Python's defaults stand for what the format lacks: 1 January 1900, midnight.
type moment struct {
	year, month, day, yearDay      int
	hour, minute, second, fraction int
	twelve, pm, zoned              bool
	offset                         int64
}

// parse returns microseconds since 1970-01-01, UTC when the text has an offset.
func (l *layout) parse(b []byte) (int64, bool) {
	m := moment{year: 1900, month: 1, day: 1}
	if !m.read(l.parts, b) {
		return 0, false
	}
	days, ok := civil(m.year, m.month, m.day)
	if m.yearDay > 0 {
		days, ok = civil(m.year, 1, 1)
		days += int64(m.yearDay - 1)
	}
	if m.twelve {
		m.hour %= 12
		if m.pm {
			m.hour += 12
		}
	}
	micros := int64(m.hour*3600+m.minute*60+m.second)*second + int64(m.fraction)
	return days*day + micros - m.offset, ok
}

// read matches the parts from left to right, longest number first, and tries shorter ones when the rest does not fit.
func (m *moment) read(parts []layoutPart, b []byte) bool {
	if len(parts) == 0 {
		return len(b) == 0
	}
	p := parts[0]
	if p.directive == 0 {
		if p.literal == ' ' {
			n := len(b) - len(bytes.TrimLeft(b, " \t\u00a0"))
			return n > 0 && m.read(parts[1:], b[n:])
		}
		return len(b) > 0 && lower(b[0]) == lower(p.literal) && m.read(parts[1:], b[1:])
	}
	switch p.directive {
	case 'p', 'b', 'B', 'a', 'A':
		return m.readName(parts, b)
	case 'z':
		before := *m
		for n := min(6, len(b)); n > 0; n-- {
			if offset, ok := parseOffset(b[:n]); ok {
				if m.offset, m.zoned = offset, true; m.read(parts[1:], b[n:]) {
					return true
				}
			}
		}
		*m = before
		return false
	}
	before := *m
	low, high := directiveWidth(p.directive)
	for n := min(high, len(b)); n >= low; n-- {
		if v, ok := digits(b[:n]); ok && m.set(p.directive, v, n) && m.read(parts[1:], b[n:]) {
			return true
		}
		*m = before
	}
	return false
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func digits(b []byte) (n int, ok bool) {
	for _, c := range b {
		v, ok := digit(c)
		if !ok {
			return 0, false
		}
		n = n*10 + v
	}
	return n, len(b) > 0
}

func directiveWidth(d byte) (low, high int) {
	switch d {
	case 'Y':
		return 4, 4
	case 'y':
		return 2, 2
	case 'f':
		return 1, 6
	case 'j':
		return 1, 3
	}
	return 1, 2
}

// set keeps a number read for a directive, when it can be.
func (m *moment) set(d byte, v, width int) bool {
	switch d {
	case 'Y':
		m.year = v
	case 'y': // POSIX: 69 to 99 are the last century
		m.year = 2000 + v
		if v >= 69 {
			m.year = 1900 + v
		}
	case 'm':
		m.month = v
		return v >= 1 && v <= 12
	case 'd':
		m.day = v
		return v >= 1 && v <= 31
	case 'j':
		m.yearDay = v
		return v >= 1 && v <= 366
	case 'H':
		m.hour = v
		return v <= 23
	case 'I':
		m.hour, m.twelve = v, true
		return v >= 1 && v <= 12
	case 'M':
		m.minute = v
		return v <= 59
	case 'S':
		m.second = v
		return v <= 61
	case 'f':
		for ; width < 6; width++ {
			v *= 10
		}
		m.fraction = v
	}
	return true
}

// readName reads a name of the C locale, in any case.
func (m *moment) readName(parts []layoutPart, b []byte) bool {
	names, short := monthNames, false
	switch parts[0].directive {
	case 'p':
		names = []string{"am", "pm"}
	case 'a', 'A':
		names = dayNames
	}
	short = parts[0].directive == 'a' || parts[0].directive == 'b'
	for i, name := range names {
		if short {
			name = name[:3]
		}
		if len(b) < len(name) || !strings.EqualFold(text(b[:len(name)]), name) {
			continue
		}
		before := *m
		switch parts[0].directive {
		case 'p':
			m.pm = i == 1
		case 'b', 'B':
			m.month = i + 1
		}
		if m.read(parts[1:], b[len(name):]) {
			return true
		}
		*m = before
	}
	return false
}
