package schemas

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// compact copies the digits of an identifier without its spaces and dots into buf; nil when it has anything else or another length.
func compact(b []byte, buf []byte) []byte {
	if len(b) == len(buf) && onlyFigures.all(b) {
		return b
	}
	n := 0
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		i += size
		switch {
		case r == '.' || unicode.IsSpace(r):
		case r < '0' || r > '9' || n == len(buf):
			return nil
		default:
			buf[n] = byte(r)
			n++
		}
	}
	if n != len(buf) {
		return nil
	}
	return buf
}

var doubled = [10]int{0, 2, 4, 6, 8, 1, 3, 5, 7, 9}

// luhn is the Luhn sum of digits modulo 10.
func luhn(digits []byte) int {
	sum := 0
	odd := len(digits) % 2
	for i, c := range digits {
		if v := int(c - '0'); i%2 == odd {
			sum += doubled[v]
		} else {
			sum += v
		}
	}
	return sum % 10
}

// A fault of a SIREN or SIRET.
const (
	idGood  = iota
	idShape // not the right number of digits
	idKey   // the control key is wrong
)

func checkSIREN(b []byte) int {
	var buf [9]byte
	digits := compact(b, buf[:])
	switch {
	case digits == nil:
		return idShape
	case luhn(digits) != 0:
		return idKey
	}
	return idGood
}

// checkSIRET applies Luhn to the 14 digits and to the SIREN in front; establishments of La Poste, but for its head office, have a plain
// sum that is a multiple of 5 instead.
func checkSIRET(b []byte) int {
	var buf [14]byte
	digits := compact(b, buf[:])
	if digits == nil {
		return idShape
	}
	if luhn(digits[:9]) != 0 {
		return idKey
	}
	if string(digits[:9]) == "356000000" && string(digits) != "35600000000048" {
		sum := 0
		for _, c := range digits {
			sum += int(c - '0')
		}
		if sum%5 != 0 {
			return idKey
		}
		return idGood
	}
	if luhn(digits) != 0 {
		return idKey
	}
	return idGood
}

// actes are the subjects of the nomenclature of acts, folded.
var actes = texts{
	"commande publique", "urbanisme", "domaine et patrimoine", "fonction publique", "institutions et vie politique",
	"libertes publiques et pouvoirs de police", "finances locales", "domaines de competences par themes", "autres domaines de competences",
}

// A fault of a value of the nomenclature of acts.
const (
	acteGood = iota
	acteSlash
	acteSpace
	actePrefix
)

// checkActe applies VALIDATION.md section 7.1.
func checkActe(b []byte) int {
	slash := bytes.IndexByte(b, '/')
	if slash < 0 {
		return acteSlash
	}
	var buf [64]byte
	prefix := appendFolded(buf[:0], b[:slash])
	switch {
	case !actes.has(prefix) && actes.has(bytes.TrimRightFunc(prefix, unicode.IsSpace)) || bytes.Contains(b, []byte("/ ")):
		return acteSpace
	case !actes.has(prefix):
		return actePrefix
	}
	return acteGood
}

// appendFolded appends b in lower case and without accents.
func appendFolded(out, b []byte) []byte {
	for i := 0; i < len(b); {
		if c := b[i]; c < utf8.RuneSelf {
			out = append(out, lower(c))
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		if d := norm.NFD.Properties(b[i : i+n]).Decomposition(); d != nil {
			r, _ = utf8.DecodeRune(d)
		}
		if !unicode.Is(unicode.Mn, r) {
			out = utf8.AppendRune(out, unicode.ToLower(r))
		}
		i += n
	}
	return out
}

// fold is appendFolded for texts that are compared loosely in hints.
func fold(s string) string { return string(appendFolded(nil, []byte(strings.TrimSpace(s)))) }

// isYearInterval reads AAAA/AAAA with the first year before the second, or one year when that is allowed.
func isYearInterval(b []byte, alone bool) bool {
	if len(b) == 4 && alone {
		_, ok := four(b)
		return ok
	}
	if len(b) != 9 || b[4] != '/' {
		return false
	}
	from, ok1 := four(b)
	to, ok2 := four(b[5:])
	return ok1 && ok2 && from < to
}

// isPhone tells whether b is a telephone number that can be dialled from France. Spaces of any kind, dots, hyphens, slashes and
// round brackets count for nothing. Accepted are: ten digits from 01 to 09; the same behind +33 or 0033 without the first 0, also when
// it is written (0); the short numbers 15, 17, 18, 11x, 116xxx, 118xxx, 1xxx, 3xxx and 10xx; and "+" with a country code and
// in all 7 to 15 digits (E.164). What libphonenumber knows of each country's plan is not applied.
func isPhone(b []byte) bool {
	var buf [20]byte
	n, plus := 0, false
	if bytes.Contains(b, []byte("(0)")) {
		b = bytes.ReplaceAll(b, []byte("(0)"), nil)
	}
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		i += size
		switch {
		case r >= '0' && r <= '9' && n < len(buf):
			buf[n] = byte(r)
			n++
		case r == '+' && n == 0 && !plus:
			plus = true
		case unicode.IsSpace(r) || strings.ContainsRune(".-/()\u2010\u2011\u2013\u200e", r):
		default:
			return false
		}
	}
	digits := buf[:n]
	if !plus && bytes.HasPrefix(digits, []byte("00")) {
		plus, digits = true, digits[2:]
	}
	if plus {
		if bytes.HasPrefix(digits, []byte("33")) {
			return len(digits) == 11 && digits[2] != '0'
		}
		return len(digits) >= 7 && len(digits) <= 15 && digits[0] != '0'
	}
	return isFrenchNumber(digits)
}

func isFrenchNumber(d []byte) bool {
	switch len(d) {
	case 10:
		return d[0] == '0' && d[1] != '0'
	case 6:
		return string(d[:3]) == "116" || string(d[:3]) == "118"
	case 4:
		return d[0] == '3' || d[0] == '1' && d[1] == '0'
	case 3:
		return d[0] == '1' && d[1] == '1'
	case 2:
		return string(d) == "15" || string(d) == "17" || string(d) == "18"
	}
	return false
}

// A box is west, south, east, north.
type box [4]float64

// france holds the boxes of VALIDATION.md section 7.3: Guadeloupe, Martinique, Guyane, La Réunion, Mayotte, métropole.
var france = []box{
	{-61.809839, 15.832041, -61.001959, 16.514488},
	{-61.229033, 14.388646, -60.809655, 14.878723},
	{-54.60239, 2.111055, -51.619041, 5.748138},
	{55.216526, -21.389631, 55.836654, -20.8718},
	{45.01833, -13.005254, 45.299985, -12.63659},
	{-5.141277, 41.333571, 9.560091, 51.088989},
}

func inFrance(lon, lat float64) bool {
	for _, b := range france {
		if lon > b[0] && lat > b[1] && lon < b[2] && lat < b[3] {
			return true
		}
	}
	return false
}

// isRNB tells whether b is an identifier of the Référentiel national des bâtiments.
func isRNB(b []byte) bool {
	for _, c := range b {
		if strings.IndexByte("123456789ABCDEFGHJKMNPQRSTVWXYZ", c) < 0 {
			return false
		}
	}
	return len(b) == 12
}
