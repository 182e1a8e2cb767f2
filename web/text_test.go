package web

import (
	"html"
	"strings"
	"testing"
)

func TestRich_KnowsParagraphsListsAndWebAddressesOnly(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"nothing", "", ""},
		{"paragraphs", "un\ndeux\n\n\n  trois ", "<p>un deux</p><p>trois</p>"},
		{"windows lines", "un\r\n\r\ndeux", "<p>un</p><p>deux</p>"},
		{"list", "- a\n- b", "<ul><li>a</li><li>b</li></ul>"},
		{"not a list", "- a\nb", "<p>- a b</p>"},
		{"tags are text", "<script>alert(1)</script> & co", "<p>&lt;script&gt;alert(1)&lt;/script&gt; &amp; co</p>"},
		{"address", "voir https://a.example/b?c=1&d=2.", `<p>voir <a href="https://a.example/b?c=1&amp;d=2" rel="nofollow ugc noopener">https://a.example/b?c=1&amp;d=2</a>.</p>`},
		{"address in brackets", "(http://a.example)", `<p>(<a href="http://a.example" rel="nofollow ugc noopener">http://a.example</a>)</p>`},
		{"script address is text", "javascript:alert(1)", "<p>javascript:alert(1)</p>"},
		{"data address is text", "data:text/html,x", "<p>data:text/html,x</p>"},
		{"quote ends an address", `https://a.example/"onmouseover=alert(1)`, `<p><a href="https://a.example/" rel="nofollow ugc noopener">https://a.example/</a>&#34;onmouseover=alert(1)</p>`},
		{"password in an address is text", "https://a:b@c.example/", "<p>https://a:b@c.example/</p>"},
		{"no host is text", "https:///etc", "<p>https:///etc</p>"},
		{"markdown means nothing", "[x](javascript:alert(1)) ![y](z)", "<p>[x](javascript:alert(1)) ![y](z)</p>"},
		{"unseen characters", "a\u202eb\x00c\u2066d\x1b", "<p>abcd</p>"},
	} {
		if got := string(rich(c.in)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func FuzzRich(f *testing.F) {
	for _, seed := range []string{"<b>", "https://a.example/<script>", "- x\n- https://b.example", "\x00\xff", "https://[::1]:99999/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		out := string(rich(text))
		for _, tag := range []string{"<p>", "</p>", "<ul>", "</ul>", "<li>", "</li>", "</a>"} {
			out = strings.ReplaceAll(out, tag, "")
		}
		for {
			i := strings.Index(out, `<a href="http`)
			if i < 0 {
				break
			}
			end := strings.Index(out[i:], `" rel="nofollow ugc noopener">`)
			if end < 0 || strings.ContainsAny(html.UnescapeString(out[i+9:i+end]), "<>\"' ") {
				t.Fatalf("bad link in %q", out)
			}
			out = out[:i] + out[i+end+len(`" rel="nofollow ugc noopener">`):]
		}
		if strings.ContainsAny(out, "<>\"") {
			t.Fatalf("markup left in %q from %q", out, text)
		}
	})
}

func TestLead_IsTheFirstSentenceThatSaysSomething(t *testing.T) {
	for _, c := range []struct{ in, first, rest string }{
		{"", "", ""},
		{"Court.", "Court.", ""},
		{"Une phrase assez longue pour tenir seule en tête. Puis une autre.", "Une phrase assez longue pour tenir seule en tête.", "Puis une autre."},
		{"Art. 5 du code : les délibérations sont publiées. Fin.", "Art. 5 du code\u00a0: les délibérations sont publiées.", "Fin."},
		{"Un paragraphe\nsur deux lignes\n\nUn second", "Un paragraphe sur deux lignes", "Un second"},
		{"- une\n- liste", "", "- une\n- liste"},
	} {
		first, rest := lead(c.in)
		if first != c.first || rest != c.rest {
			t.Errorf("lead(%q) = %q, %q; want %q, %q", c.in, first, rest, c.first, c.rest)
		}
	}
}

func TestBrief_CutsAtAWord(t *testing.T) {
	if got := brief("un deux  trois\nquatre", 14); got != "un deux trois…" && got != "un deux…" {
		t.Errorf("got %q", got)
	}
	if got := brief("éééé", 4); got != "éééé" {
		t.Errorf("got %q", got)
	}
}

func TestWebLink_KeepsWebAddressesOnly(t *testing.T) {
	for in, out := range map[string]string{"https://a.example": "https://a.example", " http://a.example/x ": "http://a.example/x", "javascript:alert(1)": "", "//a.example": "", "ftp://a.example": "", "https://u:p@a.example": "", "%zz": ""} {
		if got := webLink(in); got != out {
			t.Errorf("webLink(%q) = %q, want %q", in, got, out)
		}
	}
}
