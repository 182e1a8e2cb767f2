package schemas

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// isPhone tells whether b is a telephone number that can be dialled from France. Spaces of any kind, dots, hyphens, slashes and
// round brackets count for nothing. Accepted are, after the national numbering plan as libphonenumber knows it: a French number with or
// without its first 0, also behind +33 or 0033; a French short number; and "+" or 00 with a country code that is assigned and in all 7 to
// 15 digits. Numbers of overseas départements written nationally (0590, 0262…) are accepted too, which libphonenumber takes for
// foreign ones. What it knows of the plan of each other country is not applied.
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
	d := buf[:n]
	if !plus && bytes.HasPrefix(d, []byte("00")) {
		plus, d = true, d[2:]
	}
	switch {
	case !plus:
		return isFrenchNumber(d) || isShortNumber(d)
	case bytes.HasPrefix(d, []byte("33")):
		return isFrenchNumber(d[2:])
	}
	return len(d) >= 7 && len(d) <= 15 && hasCountryCode(d)
}

// isFrenchNumber reads nine digits behind an optional 0: 1 to 5 geographic, 6 and 7 mobile, 8 special, 9 over the internet.
func isFrenchNumber(d []byte) bool {
	if len(d) == 10 && d[0] == '0' {
		d = d[1:]
	}
	if len(d) != 9 {
		return false
	}
	switch d[0] {
	case '1', '2', '3', '5', '6', '9': // 262, 269, 59 and most of 69 are overseas
		return true
	case '4':
		return d[1] != '0'
	case '7':
		return d[1] >= '3'
	case '8':
		return isSpecialNumber(d)
	}
	return false
}

// isSpecialNumber reads the numbers from 0800 to 0899.
func isSpecialNumber(d []byte) bool {
	switch d[1] {
	case '3':
		return d[2] != '6' || d[3] != '0' || d[4] <= '3' || d[4] >= '6'
	case '4':
		return d[2] == '0' || d[2] == '2' || d[2] == '4'
	case '7':
		return false
	}
	return true
}

// isShortNumber reads the numbers of two to six digits: emergencies, services of general interest, operators.
func isShortNumber(d []byte) bool {
	switch len(d) {
	case 2, 3:
		return shortNumbers.has(d)
	case 4:
		return d[0] == '3' || d[0] == '1' && d[1] == '0' || string(d) == "2020"
	case 5:
		return d[0] >= '3' && d[0] <= '8' || string(d) == "20000"
	case 6:
		return string(d[:3]) == "118" || shortNumbers.has(d)
	}
	return false
}

var shortNumbers = texts{"15", "17", "18", "110", "112", "114", "115", "119", "191", "196", "197", "224", "611", "614", "634", "700", "706", "722", "740",
	"116000", "116006", "116111", "116117"}

// countryCodes are the assigned country codes, those of three digits by their first two.
var countryCodes = map[string]string{
	"20": "", "27": "", "30": "", "31": "", "32": "", "33": "", "34": "", "36": "", "39": "", "40": "", "41": "", "43": "", "44": "", "45": "", "46": "", "47": "", "48": "", "49": "",
	"51": "", "52": "", "53": "", "54": "", "55": "", "56": "", "57": "", "58": "", "60": "", "61": "", "62": "", "63": "", "64": "", "65": "", "66": "", "81": "", "82": "", "84": "", "86": "",
	"90": "", "91": "", "92": "", "93": "", "94": "", "95": "", "98": "",
	"21": "12368", "22": "0123456789", "23": "0123456789", "24": "0123456789", "25": "012345678", "26": "0123456789", "29": "01789",
	"35": "0123456789", "37": "012345678", "38": "01235679", "42": "013", "50": "0123456789", "59": "0123456789",
	"67": "023456789", "68": "012356789", "69": "012", "80": "08", "85": "02356", "87": "08", "88": "012368", "96": "012345678", "97": "012345679", "99": "234568",
}

func hasCountryCode(d []byte) bool {
	if d[0] == '1' || d[0] == '7' {
		return true
	}
	third, ok := countryCodes[string(d[:2])]
	return ok && (third == "" || strings.IndexByte(third, d[2]) >= 0)
}
