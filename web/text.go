package web

import (
	"html/template"
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

// A description is plain text: paragraphs parted by an empty line, lists of lines that begin with "- ", addresses that become
// links. Nothing else means anything, and everything is escaped (SECURITY.md W-01).

var address = regexp.MustCompile(`https?://[^\s<>"'\\^` + "`" + `{|}]+`)

// rich turns a description into HTML.
func rich(text string) template.HTML {
	var b strings.Builder
	for _, block := range paragraphs(text) {
		lines := strings.Split(block, "\n")
		if isList(lines) {
			b.WriteString("<ul>")
			for _, l := range lines {
				b.WriteString("<li>" + linked(strings.TrimSpace(l[2:])) + "</li>")
			}
			b.WriteString("</ul>")
			continue
		}
		b.WriteString("<p>" + linked(strings.Join(lines, " ")) + "</p>")
	}
	return template.HTML(b.String())
}

// paragraphs parts a text at its empty lines; lines are trimmed, invisible characters dropped.
func paragraphs(text string) []string {
	var out, lines []string
	flush := func() {
		if len(lines) > 0 {
			out = append(out, strings.Join(lines, "\n"))
			lines = nil
		}
	}
	for l := range strings.Lines(french(clean(text))) {
		if l = strings.TrimSpace(l); l == "" {
			flush()
			continue
		}
		lines = append(lines, l)
	}
	flush()
	return out
}

func isList(lines []string) bool {
	for _, l := range lines {
		if !strings.HasPrefix(l, "- ") {
			return false
		}
	}
	return true
}

// linked escapes a line and makes links of its addresses.
func linked(line string) string {
	var b strings.Builder
	last := 0
	for _, at := range address.FindAllStringIndex(line, -1) {
		end := at[0] + len(strings.TrimRight(line[at[0]:at[1]], ".,;:!?)»…"))
		u, err := url.Parse(line[at[0]:end])
		if err != nil || u.Host == "" || u.User != nil {
			continue
		}
		href := template.HTMLEscapeString(u.String())
		b.WriteString(template.HTMLEscapeString(line[last:at[0]]))
		b.WriteString(`<a href="` + href + `" rel="nofollow ugc noopener">` + template.HTMLEscapeString(line[at[0]:end]) + `</a>`)
		last = end
	}
	b.WriteString(template.HTMLEscapeString(line[last:]))
	return b.String()
}

// clean drops what can be neither seen nor wanted: control characters, and marks that turn the direction of the text.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		if unicode.IsControl(r) || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return -1
		}
		return r
	}, text)
}

// lead is the first sentence of a description, and rest what follows it.
func lead(text string) (first, rest string) {
	ps := paragraphs(text)
	if len(ps) == 0 || isList(strings.Split(ps[0], "\n")) {
		return "", text
	}
	p := strings.ReplaceAll(ps[0], "\n", " ")
	tail := strings.Join(ps[1:], "\n\n")
	if i := sentenceEnd(p); i > 0 {
		return p[:i], strings.TrimSpace(p[i:] + "\n\n" + tail)
	}
	return p, tail
}

// sentenceEnd finds the end of the first sentence that is long enough to say something, -1 when the text is one sentence.
func sentenceEnd(p string) int {
	for i := 0; i < len(p); i++ {
		if i >= 40 && strings.ContainsRune(".!?", rune(p[i])) && i+1 < len(p) && p[i+1] == ' ' {
			return i + 1
		}
	}
	return -1
}

// brief cuts a text at a word, with an ellipsis, for lists and metadata.
func brief(text string, most int) string {
	text = french(strings.Join(strings.FieldsFunc(clean(text), func(r rune) bool { return r == ' ' || r == '\n' || r == '\t' }), " "))
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	cut := string(runes[:most])
	if i := strings.LastIndexByte(cut, ' '); i > most/2 {
		cut = cut[:i]
	}
	return strings.TrimRight(cut, " ,;:.") + "…"
}

// webLink keeps an address that a browser may open, "" otherwise.
func webLink(text string) string {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	return u.String()
}
