package web

import (
	"testing"
	"time"
)

func TestFormat_WritesNumbersSizesAndSharesInFrench(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{number(0), "0"}, {number(999), "999"}, {number(1000), "1 000"}, {number(1234567), "1 234 567"}, {number(-4500), "−4 500"},
		{count(0, "ligne", "lignes"), "0 ligne"}, {count(1, "ligne", "lignes"), "1 ligne"}, {count(2, "ligne", "lignes"), "2 lignes"}, {count(12345, "ligne", "lignes"), "12 345 lignes"},
		{size(0), "0 octet"}, {size(999), "999 octets"}, {size(1000), "1 ko"}, {size(148_300), "148 ko"}, {size(999_600), "1,0 Mo"}, {size(1_234_567), "1,2 Mo"}, {size(52_000_000), "52 Mo"}, {size(3_400_000_000), "3,4 Go"}, {size(9_960_000), "10 Mo"},
		{share(997, 1000), "99,7 %"}, {share(99_999, 100_000), "99,9 %"}, {share(1, 100_000), "0,1 %"}, {share(1000, 1000), "100 %"}, {share(0, 10), "0 %"}, {share(0, 0), "100 %"}, {share(50, 100), "50 %"},
		{isoDate("2019-01-01"), "1er janvier 2019"}, {isoDate("2019-13-01"), "2019-13-01"},
	} {
		if plain(c.got) != c.want {
			t.Errorf("got %q, want %q", plain(c.got), c.want)
		}
	}
}

func TestFrench_KeepsMarksWithTheirWordAndNothingElse(t *testing.T) {
	for in, out := range map[string]string{
		"Le reçu : « oui » ; sûr ?": "Le reçu\u00a0: «\u00a0oui\u00a0»\u00a0; sûr\u00a0?", "« a » : 40 % !": "«\u00a0a\u00a0»\u00a0: 40\u00a0%\u00a0!",
		"![y](z) :x %20 a:b": "![y](z) :x %20 a:b", "": "",
	} {
		if got := french(in); got != out {
			t.Errorf("french(%q) = %q, want %q", in, got, out)
		}
	}
}

func TestFormat_KeepsNumbersAndTheirUnitsTogether(t *testing.T) {
	for _, text := range []string{number(1234), size(1_200_000), share(1, 3), date(now), moment(now.AddDate(0, -1, 0), now), count(2, "ligne", "lignes")} {
		for _, part := range []string{" h", " %", " Mo", "1 2"} {
			if contains(text, part) {
				t.Errorf("%q breaks at %q", text, part)
			}
		}
	}
}

func contains(s, part string) bool {
	for i := 0; i+len(part) <= len(s); i++ {
		if s[i:i+len(part)] == part {
			return true
		}
	}
	return false
}

func TestMoment_SaysTodayAndYesterdayWhereTrue(t *testing.T) {
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{time.Date(2026, 3, 4, 5, 2, 0, 0, paris), "ce matin, 5 h 02"},
		{time.Date(2026, 3, 4, 0, 0, 0, 0, paris), "ce matin, 0 h 00"},
		{time.Date(2026, 3, 4, 14, 5, 0, 0, paris), "aujourd’hui, 14 h 05"},
		{time.Date(2026, 3, 3, 23, 59, 0, 0, paris), "hier, 23 h 59"},
		{time.Date(2026, 3, 2, 14, 5, 0, 0, paris), "2 mars 2026 à 14 h 05"},
		{time.Date(2025, 3, 4, 5, 2, 0, 0, paris), "4 mars 2025 à 5 h 02"},
		{time.Date(2026, 3, 1, 8, 0, 0, 0, paris), "1er mars 2026 à 8 h 00"},
	} {
		if got := plain(moment(c.at, now)); got != c.want {
			t.Errorf("moment(%s) = %q, want %q", c.at, got, c.want)
		}
	}
}

func TestWhen_CountsInTheTimeZoneOfTheSite(t *testing.T) {
	s := newServer(t, config(t, newWorld()))
	// 23:30 UTC on the 3rd is half past midnight on the 4th in Paris.
	if got := plain(string(s.when(time.Date(2026, 3, 3, 23, 30, 0, 0, time.UTC)))); got != `<time datetime="2026-03-04T00:30:00+01:00">ce matin, 0 h 30</time>` {
		t.Errorf("got %s", got)
	}
	if got := string(s.when(time.Time{})); got != "date inconnue" {
		t.Errorf("zero time is %q", got)
	}
}
