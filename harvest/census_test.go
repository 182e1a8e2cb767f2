package harvest

import (
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// The census goes over eight bytes at a time; what it calls broken must be what package utf8 does.
func TestCensus_FindsWhatIsNotUTF8(t *testing.T) {
	part := rapid.SampledFrom([]string{"a", "bcdefgh", "é", "’", "🌾", "\xc3", "\xc0", "\xc1", "\x80", "\xa9", "\xe2", "\xf0", "\xff", "\xed\xa0"})
	rapid.Check(t, func(t *rapid.T) {
		text := ""
		for range rapid.IntRange(0, 40).Draw(t, "parts") {
			text += part.Draw(t, "part")
		}
		var c census
		if n := c.judge([]byte(text), 0, true); n != len(text) {
			t.Fatalf("%q: %d of %d bytes judged", text, n, len(text))
		}
		if valid := c.broken == 0; valid != utf8.ValidString(text) {
			t.Fatalf("%q: valid is %v", text, valid)
		}
	})
}

func TestCensus_SeesALeadThatStandsWhereAnotherWantsItsSecondByte(t *testing.T) {
	for _, text := range []string{"aaaaaa\xc3\xc0\x80aaaaaaa", "\xc3\xc1\xa9bcdefgh", "\xc3\xe2\x80bcdefgh"} {
		var c census
		if c.judge([]byte(text), 0, true); c.broken == 0 {
			t.Errorf("%q passes for UTF-8", text)
		}
	}
}
