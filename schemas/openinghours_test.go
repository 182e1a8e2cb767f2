package schemas

import (
	"strings"
	"testing"
)

func TestOpeningHours_AreThoseOfOpenStreetMap(t *testing.T) {
	for _, good := range []string{
		"24/7", "24/7 off", "Mo-Fr", "mo-fr", "Su-Tu", "Mo-Fr 08:00-12:00", "Mo-Fr 9:00-12:00", "Mo-Fr 08:00-12:00,14:00-18:00; Sa off", "Mo-Fr 08:00-12:00, Sa 09:00-12:00",
		"Mo 10:00+", "Fr 18:00-26:00", "sunrise-sunset", "(sunrise+01:00)-20:00", "dawn-(dusk-00:30)", "10:00-16:00/01:30", "08:00-24:00", "Jan-Mar", "Jan 01-Mar 15", "Dec 24-26",
		"2024 Dec 24-2025 Jan 03: closed", "easter", "easter +1 day off", "Jan 01 +3 days", "week 1-52/2 We", "week 5,7 Mo", "2024", "2024-2026", "2024+", "2024-2030/2 Mo", "2024,2026: Sa",
		"Mo[1]", "Mo[-1,2]", "Tu[1-3] 10:00-12:00", "Mo[1] +1 day", "PH off", "PH,Mo", "SH Mo-Fr 09:00-12:00", "Mo-Sa,PH", "SH 10:00-12:00", "PH +1 day", "open", "closed", "unknown",
		`"sur rendez-vous"`, `Mo "sur rendez-vous"`, `Mo-Fr 08:00-12:00 open "guichet"`, `"été": Mo 10:00-12:00`, "Mo 08:00-12:00 || Tu off", "Mo-Fr 08:00-12:00 ; PH off", "  Mo  ",
	} {
		if !isOpeningHours([]byte(good)) {
			t.Errorf("%q is refused", good)
		}
	}
	for _, bad := range []string{
		"", " ", "Lu-Ve", "Lu-Ve 9h-12h", "Monday", "Mo-Fr 9-12", "Mo-Fr 9h00-12h00", "Mo -Fr", "Mo - Fr 10:00 - 12:00", "Mo 24:00", "24:00-25:00", "10:00-49:00", "10:60-12:00", "10:00-48:01", "Mo;", "Mo;;Tu", ";",
		"Mo||Tu", "Mo[0]", "Mo[6]", "Mo[", "Mo +1 day", "week 54", "week 10-3", "2030-2020", "Jan 32", "2020/2", `""`, `"ouvert`, "8:00-12:00 et 14:00-18:00", "du lundi au vendredi", "Mo 10:00", "Mo-Fr 10:00-12:00-14:00", "\xff",
	} {
		if isOpeningHours([]byte(bad)) {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestOpeningHours_AreReadInBoundedTime(t *testing.T) {
	for _, s := range []string{strings.Repeat("Mo,", 1365), strings.Repeat("(", 4096), strings.Repeat("2024-", 800), strings.Repeat("SH ", 1300), strings.Repeat("Mo[1,", 800), strings.Repeat("08:00-", 600), strings.Repeat("x", 1<<20)} {
		if isOpeningHours([]byte(s)) {
			t.Errorf("%.20q… is accepted", s)
		}
	}
}

func FuzzOpeningHours(f *testing.F) {
	for _, s := range []string{"24/7", "Mo-Fr 08:00-12:00,14:00-18:00; PH off", `Jan 01-Mar 15: Mo[1,-1] +1 day (sunrise+01:00)-20:00/30 open "x" || off`, "2024-2030/2 week 1-52/2 SH Tu", "Lu-Ve", "easter -2 days"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if isOpeningHours(b) != isOpeningHours(append([]byte("  "), b...)) {
			t.Errorf("%q: spaces in front change the verdict", b)
		}
	})
}
