package catalog

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// slugMax is the length of a slug in bytes, suffixes that make it unique aside.
const slugMax = 60

// Slug makes the last part of an address from a title: ASCII lower-case letters and digits joined by hyphens, at most 60
// bytes, cut between words where there are several. It is never empty: a title without a usable letter gives "sans-titre".
func Slug(s string) string {
	var words []string
	for word := range strings.FieldsSeq(Fold(s)) {
		if word = ascii(word); word != "" {
			words = append(words, word)
		}
	}
	slug := ""
	for _, word := range words {
		if slug != "" && len(slug)+1+len(word) > slugMax {
			break
		}
		slug = strings.TrimPrefix(slug+"-"+word, "-")
	}
	if slug == "" {
		return "sans-titre"
	}
	return slug[:min(len(slug), slugMax)]
}

// ascii drops what an address cannot show.
func ascii(word string) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf {
			return r
		}
		return -1
	}, word)
}

// Fold gives the form under which two French texts are the same to a person who searches: lower case, without accents, œ and
// æ opened, and whatever is neither letter nor digit (apostrophes, hyphens, spaces) as one space. Fold(Fold(s)) is Fold(s).
func Fold(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	gap := false
	for _, r := range norm.NFKD.String(s) {
		switch {
		case unicode.Is(unicode.Mn, r):
			continue
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			gap = true
			continue
		}
		if gap && b.Len() > 0 {
			b.WriteByte(' ')
		}
		gap = false
		writeFolded(&b, unicode.ToLower(r))
	}
	return b.String()
}

func writeFolded(b *strings.Builder, r rune) {
	switch r {
	case 'œ':
		b.WriteString("oe")
	case 'æ':
		b.WriteString("ae")
	case 'ø':
		b.WriteByte('o')
	case 'ł':
		b.WriteByte('l')
	case 'đ':
		b.WriteByte('d')
	case 'ß', 'ẞ':
		b.WriteString("ss")
	default:
		b.WriteRune(r)
	}
}
