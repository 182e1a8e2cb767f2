package web

import (
	"html/template"
	"net/url"
	"regexp"
	"strings"
)

// Descriptions are often written in Markdown: that is what data.gouv.fr reads. A little of it is understood (docs/decisions/0018): headings, lists,
// strong text, code and links to web addresses. Everything is escaped first and the tags are our own, so what is not understood stays text: HTML,
// pictures, links to anything that is no web address, tables.

// webAddress is what may be followed, as it is found in a text.
const webAddress = `https?://[^\s<>"'\\^` + "`" + `{|}]+`

var (
	spans   = regexp.MustCompile("`([^`]+)`" + `|\*\*([^*]+)\*\*|\[([^\[\]]{1,300})\]\((https?://[^\s<>"'\\^{|}()` + "`" + `]+)\)|` + webAddress)
	heading = regexp.MustCompile(`^#{1,6} +(.*?)[ #]*$`)
	bullet  = regexp.MustCompile(`^[-*] +(.*)$`)
	ordinal = regexp.MustCompile(`^[0-9]{1,3}[.)] +(.*)$`)
)

// linked escapes a line and shows its strong texts, its code, its links and its addresses.
func linked(line string) string { return inline(line, true) }

// inline is linked; deep tells that strong texts are looked into.
func inline(line string, deep bool) string {
	var b strings.Builder
	last := 0
	part := func(at []int, group int) string {
		if at[2*group] < 0 {
			return ""
		}
		return line[at[2*group]:at[2*group+1]]
	}
	for _, at := range spans.FindAllStringSubmatchIndex(line, -1) {
		code, strong, text, end, shown := part(at, 1), part(at, 2), part(at, 3), at[1], ""
		switch {
		case code != "":
			shown = "<code>" + template.HTMLEscapeString(code) + "</code>"
		case strong != "" && deep:
			shown = "<strong>" + inline(strong, false) + "</strong>"
		case strong != "":
			continue
		case text != "":
			shown = anchor(part(at, 4), text)
		default:
			end = at[0] + len(strings.TrimRight(line[at[0]:at[1]], ".,;:!?)»…*"))
			shown = anchor(line[at[0]:end], line[at[0]:end])
		}
		if shown == "" {
			continue
		}
		b.WriteString(template.HTMLEscapeString(line[last:at[0]]) + shown)
		last = end
	}
	b.WriteString(template.HTMLEscapeString(line[last:]))
	return b.String()
}

// anchor is a link to a web address, "" for what is none.
func anchor(target, text string) string {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || u.User != nil {
		return ""
	}
	return `<a href="` + template.HTMLEscapeString(u.String()) + `" rel="nofollow ugc noopener">` + template.HTMLEscapeString(text) + `</a>`
}

// unmarked is a text without the marks that linked understands, for where only plain text is shown.
func unmarked(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if m := heading.FindStringSubmatch(strings.TrimSpace(l)); m != nil {
			l = m[1]
		}
		lines[i] = spans.ReplaceAllStringFunc(l, func(span string) string {
			m := spans.FindStringSubmatch(span)
			switch {
			case m[1] != "":
				return m[1]
			case m[2] != "":
				return m[2]
			case m[3] != "":
				return m[3]
			}
			return span
		})
	}
	return strings.Join(lines, "\n")
}

// items are the texts of a list whose every line begins as one; kind is its tag.
func items(lines []string) (kind string, texts []string) {
	for _, c := range []struct {
		tag   string
		mark  *regexp.Regexp
		texts []string
	}{{tag: "ul", mark: bullet}, {tag: "ol", mark: ordinal}} {
		for _, l := range lines {
			if m := c.mark.FindStringSubmatch(l); m != nil {
				c.texts = append(c.texts, m[1])
			}
		}
		if len(c.texts) == len(lines) {
			return c.tag, c.texts
		}
	}
	return "", nil
}
