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
		{"links and pictures that are no web address are text", "[x](javascript:alert(1)) ![y](z) [a](data:text/html,b) [c](//d.example)", "<p>[x](javascript:alert(1)) ![y](z) [a](data:text/html,b) [c](//d.example)</p>"},
		{"a picture is a link", "![plan](https://a.example/p.png)", `<p>!<a href="https://a.example/p.png" rel="nofollow ugc noopener">plan</a></p>`},
		{"link", `voir [le **"site"**](https://a.example/?b=1&c=2), puis`, `<p>voir <a href="https://a.example/?b=1&amp;c=2" rel="nofollow ugc noopener">le **&#34;site&#34;**</a>, puis</p>`},
		{"link whose text is a trap", "[<img src=x onerror=alert(1)>](https://a.example)", `<p><a href="https://a.example" rel="nofollow ugc noopener">&lt;img src=x onerror=alert(1)&gt;</a></p>`},
		{"link with a password", "[a](https://b:c@d.example)", "<p>[a](https://b:c@d.example)</p>"},
		{"strong", "**a https://b.example c** d** e", `<p><strong>a <a href="https://b.example" rel="nofollow ugc noopener">https://b.example</a> c</strong> d** e</p>`},
		{"code", "colonne `a**b**<i>` et ` ", "<p>colonne <code>a**b**&lt;i&gt;</code> et `</p>"},
		{"headings", "# Titre\n## Autre ##\ntexte\n\n#pas un titre", "<p><strong>Titre</strong></p><p><strong>Autre</strong></p><p>texte</p><p>#pas un titre</p>"},
		{"lists of stars and numbers", "* a\n* b\n\n1. c\n2) d", "<ul><li>a</li><li>b</li></ul><ol><li>c</li><li>d</li></ol>"},
		{"reference links, tables and quotes are text", "[a]: https://b.example\n\n| a | b |\n\n> c", `<p>[a]: <a href="https://b.example" rel="nofollow ugc noopener">https://b.example</a></p><p>| a | b |</p><p>&gt; c</p>`},
		{"unseen characters", "a\u202eb\x00c\u2066d\x1b", "<p>abcd</p>"},
	} {
		if got := string(rich(c.in)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestUnmarked_LeavesTheWords(t *testing.T) {
	for in, want := range map[string]string{"**a** `b` [c](https://d.example) https://e.example": "a b c https://e.example", "## Titre\nmontant__sum * 2": "Titre\nmontant__sum * 2", "[x](javascript:y)": "[x](javascript:y)"} {
		if got := unmarked(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzRich(f *testing.F) {
	for _, seed := range []string{"<b>", "https://a.example/<script>", "- x\n- https://b.example", "\x00\xff", "https://[::1]:99999/", "**[a](https://b.example)**", "`**`[", "# ## `x`", "1. **a", "[https://a.example](https://b.example)"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		out := string(rich(text))
		for _, tag := range []string{"<p>", "</p>", "<ul>", "</ul>", "<li>", "</li>", "</a>", "<strong>", "</strong>", "<code>", "</code>", "<ol>", "</ol>"} {
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
