package schemas

import (
	"math/rand/v2"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"
)

func TestPattern_MatchesAsPythonDoes(t *testing.T) {
	tests := []struct {
		pattern   string
		good, bad []string
	}{
		{`^\d{14}$`, []string{"12345678901234", "12345678901234\n"}, []string{"1234567890123", "123456789012345", "1234567890123x", "١٢٣٤٥٦٧٨٩٠١٢٣٤"}},
		{`A|B`, []string{"A", "Axyz", "B"}, []string{"xB", "Bx", ""}},
		{`(A|B)`, []string{"A", "B"}, []string{"Ax"}},
		{`[0-9]{5}`, []string{"12345"}, []string{"123456", "x12345"}},
		{`(?:(?:^|\|)(Itinérant|Fixe))+$`, []string{"Fixe", "Itinérant|Fixe"}, []string{"Fixe|", "|", "Fixe,Fixe", "fixe"}},
		{`(?:(?:^|\|)(Fixe|))+`, []string{"Fixe|Fixe", "", "Fixe|"}, []string{"fixe"}},
		{`^[\–\u00C0-\u00FFa-z]+$`, []string{"é–a"}, []string{"œ", "A"}},
		{`^[]a]+$`, []string{"]a"}, []string{"b"}},
		{`^[^]a]$`, []string{"b"}, []string{"]"}},
		{`a{,2}`, []string{"", "aa"}, []string{"aaa"}},
		{`(?i)oui`, []string{"OUI", "oui"}, []string{"non"}},
		{`.*_[0-9]{4}_.*`, []string{"x_2024_y", "_2024_"}, []string{"x_24_y"}},
		{`\bmot\b.*`, []string{"mot", "mot suivant"}, []string{"motet"}},
		{`(\d)\1`, []string{"11"}, []string{"12", "1"}},
		{`(?:(?:^|\|)(\d{3}|)\1+\d{3})+$`, []string{"123", "123|456", "123123123"}, []string{"12", "123|45", "123456789"}},
	}
	for _, tt := range tests {
		p, err := compilePattern(tt.pattern)
		if err != nil {
			t.Errorf("%s: %v", tt.pattern, err)
			continue
		}
		for _, s := range tt.good {
			if ok, _ := p.match([]byte(s)); !ok {
				t.Errorf("%s refused %q", tt.pattern, s)
			}
		}
		for _, s := range tt.bad {
			if ok, _ := p.match([]byte(s)); ok {
				t.Errorf("%s accepted %q", tt.pattern, s)
			}
		}
	}
}

// The automaton and package regexp must agree on anything.
func TestPattern_AutomatonAgreesWithRegexp(t *testing.T) {
	patterns := []string{`^([013-9]\d|2[AB1-9])\d{3}-P-\d{3}$`, `(?:(?:^|\|)(été|hiver|éclair|é))+$`, `^[^|]+(\|[^|]+)*$`, `^(7j/7|lundi|mardi){1}(\|(7j/7|lundi|mardi))*$|^(non renseigné){1}$`,
		`^(Le |La |L'|)([A-ZÉÇŒ])(((-| )[A-ZÉÇŒ])|('|-| |)[a-zàâéèœç])*$`, `^(https?)://[^\s/$.?#].[^\s]*$`, `-?[0-9]{1,7}.[0-9]{1,2}`, `(.*?)((\d{1,2}:\d{2})-(\d{1,2}:\d{2})|24/7)`,
		`(a|ab)(c|bcd)*`, `\x{1F600}+|[\x{800}-\x{FFFF}]`, `x*$|y`, `(^a|b)*c?`}
	alphabet := []rune("aAbcdé|/-. 0123456789lundiœLÉ'hps:\n€\U0001F600$")
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, text := range patterns {
		p, err := compilePattern(text)
		if err != nil || p.dfa == nil {
			t.Errorf("%s: no automaton (%v)", text, err)
			continue
		}
		expr, _ := fromPython(text)
		tree, _ := syntax.Parse("^"+expr+"$", syntax.Perl)
		re := regexp.MustCompile(`\A(?:` + endBeforeLineFeed(tree).String() + `)`)
		for range 4000 {
			s := sample(rnd, alphabet)
			if got, want := p.dfa.match([]byte(s)), re.MatchString(s); got != want {
				t.Fatalf("%s on %q: automaton %v, regexp %v", text, s, got, want)
			}
		}
	}
}

func sample(rnd *rand.Rand, alphabet []rune) string {
	words := []string{"été", "hiver", "|", "lundi", "non renseigné", "7j/7", "http://", "2A", "12:30-14:00", "24/7", "ab", "bcd"}
	var out strings.Builder
	for range rnd.IntN(9) {
		if rnd.IntN(3) == 0 {
			out.WriteString(words[rnd.IntN(len(words))])
		} else {
			out.WriteRune(alphabet[rnd.IntN(len(alphabet))])
		}
	}
	return out.String()
}

func TestPattern_LookAroundIsSaidOnceNeverSkippedInSilence(t *testing.T) {
	s := mustTable(t, `{"fields":[{"name":"x","constraints":{"pattern":"^(?!a)b+$"}}]}`)
	j := judgeRows(t, s, []string{"x"}, [][]string{{"b"}, {"c"}}, 1)
	if len(j.rep.Warnings) != 1 || j.rep.Warnings[0].Field != "x" || len(j.rows) != 2 {
		t.Errorf("warnings %+v, %d rows", j.rep.Warnings, len(j.rows))
	}
}

func TestPattern_BacktrackingIsBoundedAndSaid(t *testing.T) {
	s := mustTable(t, `{"fields":[{"name":"x","constraints":{"pattern":"^(a*)*\\1b$"}}]}`)
	j := judgeRows(t, s, []string{"x"}, [][]string{{strings.Repeat("a", 2000)}, {strings.Repeat("a", 3000)}}, 1)
	if len(j.rep.Errors) != 0 || len(j.rep.Warnings) != 1 {
		t.Errorf("errors %v, warnings %+v: want one warning", kinds(j.rep), j.rep.Warnings)
	}
}

func TestDescribePattern_TellsSimplePatternsOnly(t *testing.T) {
	for pattern, want := range map[string]string{
		`^\d{5}$`:             "5 chiffres",
		`[0-9]`:               "1 chiffre",
		`^[A-Z]{2}-\d{2,4}$`:  "2 lettres majuscules puis «\u00a0-\u00a0» puis de 2 à 4 chiffres",
		`^[a-zA-Z0-9]{9,14}$`: "de 9 à 14 lettres ou chiffres",
		`^(a|b)$`:             "",
		`^\d{4}(-\d{2})?$`:    "",
		`^\d+$`:               "",
	} {
		if got := (speech{}).describePattern(pattern); got != want {
			t.Errorf("%s: got %q, want %q", pattern, got, want)
		}
	}
}

// A chain is another way to run an automaton: both must agree on every text, also those one byte away from a match.
func TestPattern_ChainsSayWhatTheirAutomatonSays(t *testing.T) {
	chains := []string{`^\d{14}$`, `^\d{14}`, `^\d{4}-\d{2}-\d{2}(/\d{4}-\d{2}-\d{2})?$`, `^W\d{9}$`, `^[A-Z]{2}\d$`, `^\d{9,11}$`, "^ab\ncd$"}
	for pattern, text := range map[string]string{
		`^\d{14}$`: "21739990600015", `^\d{4}-\d{2}-\d{2}(/\d{4}-\d{2}-\d{2})?$`: "2024-01-01/2024-12-31", `^W\d{9}$`: "W123456789", `^[A-Z]{2}\d$`: "AB1", `^\d{9,11}$`: "01234567890",
		`^[a-z]+$`: "abcdefgh", `^\d{14}`: "21739990600015x", `^(\d{5}|[AB]\d{4})$`: "75056", "^ab\ncd$": "ab\ncd",
	} {
		p, err := compilePattern(pattern)
		if err != nil || p.dfa == nil {
			t.Fatalf("%s: %v", pattern, err)
		}
		if (p.chain != nil) != slices.Contains(chains, pattern) {
			t.Errorf("%s is a chain: %v", pattern, p.chain != nil)
		}
		try := func(b []byte) {
			if got, _ := p.match(b); got != p.dfa.match(b) {
				t.Errorf("%s, %q: %v, its automaton says otherwise", pattern, b, got)
			}
		}
		for n := range len(text) + 1 {
			for _, end := range []string{"", "\n", "0", "\n\n", "é"} {
				try([]byte(text[:n] + end))
			}
			for c := 0; n < len(text) && c < 256; c++ {
				b := []byte(text)
				b[n] = byte(c)
				try(b)
			}
		}
	}
}
