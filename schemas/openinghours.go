package schemas

import (
	"bytes"
	"unicode/utf8"
)

// openingHoursMax is the longest expression that is read, in bytes; a tag of OpenStreetMap has at most 255 characters.
const openingHoursMax = 4096

// isOpeningHours tells whether b is an opening_hours expression as OpenStreetMap specifies it: rules apart by ";", "," or "||", each of
// years, dates, weeks, week days and times, then open, off, closed, unknown or a comment. Names are English, in any case.
func isOpeningHours(b []byte) bool {
	b = trim(b)
	if len(b) == 0 || len(b) > openingHoursMax || !utf8.Valid(b) {
		return false
	}
	h := hours{b: b}
	for {
		h.spaces()
		if !h.rule() {
			return false
		}
		apart := h.spaces() || h.b[h.at-1] == ' '
		switch {
		case h.at == len(h.b):
			return true
		case apart && h.text("||"), h.text(";"), h.text(","):
		default:
			return false
		}
	}
}

// hours reads an expression from left to right. Its methods return whether they read what they are named for, and stay where they
// were otherwise.
type hours struct {
	b  []byte
	at int
}

func (h *hours) spaces() bool {
	from := h.at
	for h.at < len(h.b) && h.b[h.at] == ' ' {
		h.at++
	}
	return h.at > from
}

// text reads s, letters in any case.
func (h *hours) text(s string) bool {
	if len(h.b)-h.at < len(s) {
		return false
	}
	for i := range len(s) {
		if lower(h.b[h.at+i]) != lower(s[i]) {
			return false
		}
	}
	h.at += len(s)
	return true
}

// word reads one of the words, which no letter follows, and returns its number from 1; 0 for none.
func (h *hours) word(words ...string) int {
	for i, w := range words {
		from := h.at
		if h.text(w) {
			if h.at == len(h.b) || lower(h.b[h.at]) < 'a' || lower(h.b[h.at]) > 'z' {
				return i + 1
			}
			h.at = from
		}
	}
	return 0
}

// number reads a number of low to high digits, within bounds.
func (h *hours) number(low, high, min, max int) bool {
	n, i := 0, h.at
	for i < len(h.b) && h.b[i] >= '0' && h.b[i] <= '9' && i-h.at <= high {
		n = n*10 + int(h.b[i]-'0')
		i++
	}
	if i-h.at < low || i-h.at > high || n < min || n > max {
		return false
	}
	h.at = i
	return true
}

// try runs a reader and goes back when it fails.
func (h *hours) try(read func() bool) bool {
	from := h.at
	if read() {
		return true
	}
	h.at = from
	return false
}

// list reads one or more of what read reads, apart by commas that no space follows: with a space the comma parts two rules.
func (h *hours) list(read func() bool) bool {
	if !h.try(read) {
		return false
	}
	for h.try(func() bool { return h.text(",") && h.try(read) }) {
	}
	return true
}

// rule reads one rule: when, then what. One of the two may be absent.
func (h *hours) rule() bool {
	from := h.at
	if !h.text("24/7") {
		h.when()
	}
	h.spaces()
	h.modifier()
	return h.at > from && len(bytes.TrimSpace(h.b[from:h.at])) > 0
}

func (h *hours) when() {
	wide := h.comment() && h.text(":")
	if !wide {
		if h.b[min(h.at, len(h.b)-1)] == '"' {
			return
		}
		wide = h.years()
		h.spaces()
		wide = h.dates() || wide
		h.spaces()
		wide = h.weeks() || wide
		if wide {
			h.text(":")
		}
	}
	h.spaces()
	if h.days() {
		h.spaces()
	}
	h.times()
}

func (h *hours) modifier() {
	if h.word("open", "closed", "off", "unknown") > 0 {
		h.spaces()
	}
	h.comment()
}

// comment reads a text between quotation marks.
func (h *hours) comment() bool {
	if h.at >= len(h.b) || h.b[h.at] != '"' {
		return false
	}
	end := bytes.IndexByte(h.b[h.at+1:], '"')
	if end < 1 {
		return false
	}
	h.at += end + 2
	return true
}

func (h *hours) year() bool {
	return h.number(4, 4, 1900, 9999)
}

// years reads 2024, 2024-2026, 2024-2030/2 or 2024+, when no month of that year follows.
func (h *hours) years() bool {
	return h.try(func() bool {
		if !h.list(func() bool {
			if !h.year() || h.month() {
				return false
			}
			first := h.at
			if h.try(func() bool { return h.text("-") && h.year() }) {
				h.step()
				return string(h.b[first-4:first]) <= string(h.b[first+1:first+5])
			}
			h.text("+")
			return true
		}) {
			return false
		}
		return !h.ahead(func() bool { return h.spaces() && (h.month() || h.word("easter") > 0) }) || h.b[h.at-1] == '+'
	})
}

// ahead tells whether read would succeed here.
func (h *hours) ahead(read func() bool) bool {
	from := h.at
	ok := read()
	h.at = from
	return ok
}

// step reads /2.
func (h *hours) step() {
	h.try(func() bool { return h.text("/") && h.number(1, 4, 1, 9999) })
}

func (h *hours) month() bool {
	return h.word("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec") > 0
}

// dates reads Jan-Mar, Dec 24-26, 2024 Dec 24-2025 Jan 03, easter +1 day…
func (h *hours) dates() bool { return h.list(h.date) }

func (h *hours) date() bool {
	h.try(func() bool { return h.year() && h.spaces() })
	if !h.day() {
		if !h.month() {
			return false
		}
		h.try(func() bool {
			return h.text("-") && h.month() && !h.ahead(func() bool { return h.spaces() && h.monthDay() })
		})
		return true
	}
	h.offset()
	if h.text("+") {
		return true
	}
	h.try(func() bool {
		if !h.text("-") {
			return false
		}
		if h.monthDay() {
			return true
		}
		h.try(func() bool { return h.year() && h.spaces() })
		if !h.day() {
			return false
		}
		h.offset()
		return true
	})
	return true
}

// day reads Dec 24 or easter.
func (h *hours) day() bool {
	return h.try(func() bool { return h.word("easter") > 0 || h.month() && h.spaces() && h.monthDay() })
}

// monthDay reads the number of a day, which is no hour.
func (h *hours) monthDay() bool {
	return h.try(func() bool {
		return h.number(1, 2, 1, 31) && !h.ahead(func() bool { return h.text(":") && h.number(2, 2, 0, 99) })
	})
}

// offset reads +Su, -Mo, or « +1 day ».
func (h *hours) offset() {
	h.try(func() bool { return (h.text("+") || h.text("-")) && h.weekday() })
	h.shift()
}

// shift reads « +1 day » or « -2 days » behind a space.
func (h *hours) shift() bool {
	return h.try(func() bool {
		return h.spaces() && (h.text("+") || h.text("-")) && h.number(1, 3, 0, 999) && h.spaces() && h.word("days", "day") > 0
	})
}

// weeks reads week 1-52/2.
func (h *hours) weeks() bool {
	return h.try(func() bool {
		return h.word("week") > 0 && h.spaces() && h.list(func() bool {
			from := h.at
			if !h.number(1, 2, 1, 53) {
				return false
			}
			first, _ := balDigits(h.b[from:h.at])
			from = h.at + 1
			if h.try(func() bool { return h.text("-") && h.number(1, 2, 1, 53) }) {
				last, _ := balDigits(h.b[from:h.at])
				h.step()
				return first <= last
			}
			return true
		})
	})
}

func (h *hours) weekday() bool { return h.word("mo", "tu", "we", "th", "fr", "sa", "su") > 0 }

// days reads Mo-Fr, Mo[1,-1], PH, SH, and lists of them; holidays may also stand apart, before the days or after: SH Mo-Fr.
func (h *hours) days() bool {
	if h.try(func() bool { return h.list(h.holiday) && h.spaces() && h.list(h.weekdays) }) ||
		h.try(func() bool { return h.list(h.weekdays) && h.spaces() && h.list(h.holiday) }) {
		return true
	}
	return h.list(func() bool { return h.holiday() || h.weekdays() })
}

func (h *hours) holiday() bool {
	switch h.word("ph", "sh") {
	case 0:
		return false
	case 1:
		h.shift()
	}
	return true
}

func (h *hours) weekdays() bool {
	if !h.weekday() {
		return false
	}
	if h.try(func() bool { return h.text("-") && h.weekday() }) {
		return true
	}
	if h.ahead(func() bool { return h.text("[") }) {
		if !h.try(h.nth) {
			return false
		}
		h.shift()
	}
	return true
}

// nth reads [1], [1-3] or [-1,2].
func (h *hours) nth() bool {
	return h.text("[") && h.list(func() bool {
		if h.text("-") {
			return h.number(1, 1, 1, 5)
		}
		if !h.number(1, 1, 1, 5) {
			return false
		}
		h.try(func() bool { return h.text("-") && h.number(1, 1, 1, 5) })
		return true
	}) && h.text("]")
}

// times reads 08:00-12:00, 14:00+, sunrise-(sunset+01:00)…
func (h *hours) times() bool { return h.list(h.span) }

func (h *hours) span() bool {
	if !h.time(23) {
		return false
	}
	if h.text("+") {
		return true
	}
	if !h.text("-") || !h.time(48) {
		return false
	}
	if h.text("+") {
		return true
	}
	h.try(func() bool { return h.text("/") && (h.clock(24) || h.number(1, 2, 1, 59)) })
	return true
}

func (h *hours) time(max int) bool {
	return h.clock(max) || h.event() || h.try(func() bool {
		return h.text("(") && h.event() && (h.text("+") || h.text("-")) && h.clock(24) && h.text(")")
	})
}

func (h *hours) event() bool { return h.word("dawn", "sunrise", "sunset", "dusk") > 0 }

// clock reads 8:00 or 08:00, up to an hour.
func (h *hours) clock(max int) bool {
	return h.try(func() bool {
		from := h.at
		if !h.number(1, 2, 0, max) {
			return false
		}
		last := max > 23 && h.at-from == 2 && (int(h.b[from]-'0')*10+int(h.b[from+1]-'0')) == max
		return h.text(":") && (last && h.number(2, 2, 0, 0) || !last && h.number(2, 2, 0, 59))
	})
}
