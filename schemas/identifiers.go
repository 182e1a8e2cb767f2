package schemas

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// compact copies the digits of an identifier without its spaces and dots into buf; nil when it has anything else or another length.
func compact(b []byte, buf []byte) []byte {
	if len(b) == len(buf) && areFigures(b) {
		return b
	}
	n := 0
	for i := 0; i < len(b); {
		r, size := rune(b[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(b[i:])
		}
		i += size
		switch {
		case r >= '0' && r <= '9' && n < len(buf):
			buf[n] = byte(r)
			n++
		case r != '.' && !unicode.IsSpace(r):
			return nil
		}
	}
	if n != len(buf) {
		return nil
	}
	return buf
}

// areFigures tells whether eight bytes or more are all ASCII digits.
func areFigures(b []byte) bool {
	for i := 0; ; i = min(i+8, len(b)-8) {
		w := binary.LittleEndian.Uint64(b[i:])
		if ((w|highBits)-'0'*eachByte)&(('9'*eachByte|highBits)-w)&^w&highBits != highBits {
			return false
		}
		if i == len(b)-8 {
			return true
		}
	}
}

// luhn is the Luhn sum of digits modulo 10.
func luhn(digits []byte) int {
	sum := uint64(0)
	for i := len(digits); i > 0; i -= 8 { // from the right, where counting begins
		var w uint64
		if i >= 8 {
			w = binary.LittleEndian.Uint64(digits[i-8:]) - '0'*eachByte
		} else {
			for _, c := range digits[:i] {
				w = w>>8 | uint64(c-'0')<<56
			}
		}
		// Every other digit counts twice, less 9 when that is over 9.
		const others = 0x00ff00ff00ff00ff
		twice := w & others
		over := (twice + (0x80-5)*eachByte) >> 7 & eachByte & others
		sum += (w + twice - 9*over) * eachByte >> 56
	}
	return int(sum % 10)
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
