package web

import (
	"fmt"
	"html/template"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Spaces that do not break: thin between thousands, full before units and between the parts of a date (WEB-CONVENTIONS 7).
const (
	thin = "\u202f"
	nbsp = "\u00a0"
)

var months = [...]string{"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"}

// number writes 12345 as "12 345".
func number[N ~int | ~int64](n N) string {
	digits := strconv.FormatInt(int64(n), 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "−", digits[1:]
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteString(thin)
		}
		b.WriteRune(d)
	}
	return sign + b.String()
}

// count writes "1 ligne", "2 lignes", "0 ligne": in French the plural begins at two.
func count[N ~int | ~int64](n N, one, many string) string {
	word := one
	if n >= 2 {
		word = many
	}
	return number(n) + nbsp + word
}

// size writes a number of bytes as "148 ko" or "1,2 Mo", in powers of ten as file managers of the public do.
func size(n int64) string {
	units := [...]string{"octets", "ko", "Mo", "Go", "To"}
	if n < 1000 {
		return count(n, "octet", "octets")
	}
	v, u := float64(n), 0
	for v >= 999.5 && u < len(units)-1 {
		v, u = v/1000, u+1
	}
	decimals := 0
	if v < 9.95 && u >= 2 {
		decimals = 1
	}
	return strings.Replace(strconv.FormatFloat(v, 'f', decimals, 64), ".", ",", 1) + nbsp + units[u]
}

// share writes part of whole as "99,7 %". It never rounds up to all nor down to nothing.
func share(part, whole int64) string {
	if whole <= 0 || part >= whole {
		return "100" + nbsp + "%"
	}
	if part <= 0 {
		return "0" + nbsp + "%"
	}
	tenths := max(part*1000/whole, 1)
	if tenths%10 == 0 {
		return strconv.FormatInt(tenths/10, 10) + nbsp + "%"
	}
	return fmt.Sprintf("%d,%d%s%%", tenths/10, tenths%10, nbsp)
}

// date writes "3 mars 2026", "1er janvier 2026".
func date(t time.Time) string {
	day := strconv.Itoa(t.Day())
	if t.Day() == 1 {
		day = "1er"
	}
	return day + nbsp + months[t.Month()-1] + nbsp + strconv.Itoa(t.Year())
}

// isoDate writes "2024-01-05" as a French date, and anything else as it is.
func isoDate(text string) string {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return text
	}
	return date(t)
}

// clock writes "14 h 05".
func clock(t time.Time) string {
	return strconv.Itoa(t.Hour()) + nbsp + "h" + nbsp + fmt.Sprintf("%02d", t.Minute())
}

// moment says when t was, seen from now: "ce matin, 5 h 02", "aujourd’hui, 14 h 05", "hier, 23 h 40", "3 mars 2026 à 14 h 05".
func moment(t, now time.Time) string {
	switch {
	case sameDay(t, now) && t.Hour() < 12:
		return "ce matin, " + clock(t)
	case sameDay(t, now):
		return "aujourd’hui, " + clock(t)
	case sameDay(t, now.AddDate(0, 0, -1)):
		return "hier, " + clock(t)
	}
	return date(t) + " à" + nbsp + clock(t)
}

func sameDay(a, b time.Time) bool { return a.Year() == b.Year() && a.YearDay() == b.YearDay() }

// when is moment as a <time> element.
func (s *Server) when(t time.Time) template.HTML {
	if t.IsZero() {
		return "date inconnue"
	}
	local := t.In(s.Location)
	return timeElement(local, moment(local, s.Now().In(s.Location)))
}

// on is when inside a sentence: "mis à jour ce matin, 5 h 02", "mis à jour le 3 mars 2026 à 14 h 05".
func (s *Server) on(t time.Time) template.HTML {
	local, today := t.In(s.Location), s.Now().In(s.Location)
	if t.IsZero() || sameDay(local, today) || sameDay(local, today.AddDate(0, 0, -1)) {
		return s.when(t)
	}
	return "le " + s.when(t)
}

// ago says how fresh a thing is, in a word: "aujourd’hui", "hier", "il y a 3 jours", then the date.
func (s *Server) ago(t time.Time) template.HTML {
	if t.IsZero() {
		return "date inconnue"
	}
	local, today := t.In(s.Location), s.Now().In(s.Location)
	for days := range 15 {
		if !sameDay(local, today.AddDate(0, 0, -days)) {
			continue
		}
		switch days {
		case 0:
			return timeElement(local, "aujourd’hui")
		case 1:
			return timeElement(local, "hier")
		}
		return timeElement(local, "il y a "+number(days)+nbsp+"jours")
	}
	return timeElement(local, date(local))
}

// day is date as a <time> element.
func (s *Server) day(t time.Time) template.HTML {
	if t.IsZero() {
		return "date inconnue"
	}
	local := t.In(s.Location)
	return timeElement(local, date(local))
}

// dayText is date in the site's time zone.
func (s *Server) dayText(t time.Time) string {
	if t.IsZero() {
		return "date inconnue"
	}
	return date(t.In(s.Location))
}

func timeElement(t time.Time, text string) template.HTML {
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `">` + text + `</time>`)
}

var looseMark = regexp.MustCompile(` ([:;!?»%])($|[\s.,)»\x{a0}])`)

// french keeps the punctuation of a sentence on the line of the word before it, and quotes with what they hold.
func french(sentence string) string {
	sentence = strings.ReplaceAll(sentence, "« ", "«"+nbsp)
	for range 2 { // two marks in a row share the space between them
		sentence = looseMark.ReplaceAllString(sentence, nbsp+"$1$2")
	}
	return sentence
}
