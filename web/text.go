package web

import (
	"html/template"
	"net/url"
	"strings"
	"unicode"
)

// A description is plain text with a little Markdown (markdown.go): paragraphs parted by an empty line, lists, headings, strong text, links. Nothing
// else means anything, and everything is escaped (SECURITY.md W-01).

// rich turns a description into HTML.
func rich(text string) template.HTML {
	var b strings.Builder
	for _, block := range paragraphs(text) {
		lines := strings.Split(block, "\n")
		for len(lines) > 0 {
			m := heading.FindStringSubmatch(lines[0])
			if m == nil {
				break
			}
			b.WriteString("<p><strong>" + inline(m[1], false) + "</strong></p>")
			lines = lines[1:]
		}
		kind, texts := items(lines)
		switch {
		case len(lines) == 0:
		case kind != "":
			b.WriteString("<" + kind + "><li>")
			for i, l := range texts {
				if i > 0 {
					b.WriteString("</li><li>")
				}
				b.WriteString(linked(l))
			}
			b.WriteString("</li></" + kind + ">")
		default:
			b.WriteString("<p>" + linked(strings.Join(lines, " ")) + "</p>")
		}
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
	kind, _ := items(lines)
	return kind != ""
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

// unseen is what clean drops, in UTF-8: marks that turn the direction of the text share their first two bytes.
func unseen(page []byte) bool {
	for i, c := range page {
		switch {
		case c < ' ' && c != '\n' && c != '\t', c == 0x7f, c == 0xc2 && i+1 < len(page) && page[i+1] < 0xa0:
			return true
		case c == 0xe2 && i+2 < len(page) && (page[i+1] == 0x80 && page[i+2] >= 0xaa && page[i+2] <= 0xae || page[i+1] == 0x81 && page[i+2] >= 0xa6 && page[i+2] <= 0xa9):
			return true
		}
	}
	return false
}

// scrubbed is a page without what clean drops, wherever it came from: names, titles, cells.
func scrubbed(page []byte) []byte {
	if !unseen(page) {
		return page
	}
	return []byte(clean(string(page)))
}

// lead is the first sentence of a description, and rest what follows it.
func lead(text string) (first, rest string) {
	ps := paragraphs(text)
	if len(ps) == 0 || isList(strings.Split(ps[0], "\n")) {
		return "", text
	}
	if heading.MatchString(strings.Split(ps[0], "\n")[0]) {
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
