package harvest

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/robfig/cron/v3"
)

func paris(t *testing.T) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func schedule(t *testing.T, spec string, loc *time.Location) *Schedule {
	t.Helper()
	s, err := ParseSchedule(spec, loc)
	if err != nil {
		t.Fatalf("ParseSchedule(%q): %v", spec, err)
	}
	return s
}

// lastSunday is the day of the month on which European clocks change.
func lastSunday(year int, month time.Month) int {
	d := time.Date(year, month, 31, 12, 0, 0, 0, time.UTC)
	return 31 - int(d.Weekday())
}

func TestSchedule_RunsOncePerDayThroughEveryClockChange(t *testing.T) {
	loc := paris(t)
	for year := 2026; year <= 2030; year++ {
		march, october := lastSunday(year, time.March), lastSunday(year, time.October)
		utc := func(month time.Month, day, hour, minute int) time.Time {
			return time.Date(year, month, day, hour, minute, 0, 0, time.UTC)
		}
		for _, c := range []struct {
			spec string
			from time.Time
			want []time.Time
		}{
			{"30 2 * * *", utc(3, march-1, 0, 0), []time.Time{utc(3, march-1, 1, 30), utc(3, march, 1, 0), utc(3, march+1, 0, 30)}},
			{"30 2 * * *", utc(10, october-1, 0, 0), []time.Time{utc(10, october-1, 0, 30), utc(10, october, 0, 30), utc(10, october+1, 1, 30)}},
			{"30 2 * * *", utc(10, october, 1, 10), []time.Time{utc(10, october+1, 1, 30)}}, // asked during the second 02:10
			{"0 3 * * *", utc(3, march-1, 12, 0), []time.Time{utc(3, march, 1, 0), utc(3, march+1, 1, 0)}},
			{"0 3 * * *", utc(10, october-1, 12, 0), []time.Time{utc(10, october, 2, 0), utc(10, october+1, 2, 0)}},
			{"0,30 2 * * *", utc(3, march, 0, 0), []time.Time{utc(3, march, 1, 0), utc(3, march+1, 0, 0), utc(3, march+1, 0, 30)}},
			{"0 2,3 * * *", utc(3, march, 0, 0), []time.Time{utc(3, march, 1, 0), utc(3, march+1, 0, 0), utc(3, march+1, 1, 0)}},
			{"30 * * * *", utc(3, march, 0, 0), []time.Time{utc(3, march, 0, 30), utc(3, march, 1, 30), utc(3, march, 2, 30)}},
			{"30 * * * *", utc(10, october, 0, 0), []time.Time{utc(10, october, 0, 30), utc(10, october, 1, 30), utc(10, october, 2, 30)}},
			{"0 * * * *", utc(3, march, 0, 30), []time.Time{utc(3, march, 1, 0), utc(3, march, 2, 0)}},
			{"@daily", utc(3, march-1, 20, 0), []time.Time{utc(3, march-1, 23, 0), utc(3, march, 22, 0)}},
			{"@daily", utc(10, october-1, 20, 0), []time.Time{utc(10, october-1, 22, 0), utc(10, october, 23, 0)}},
			{"15 2 * * 0", utc(3, march, 0, 0), []time.Time{utc(3, march, 1, 0)}},
			{"15 2 * * 0", utc(10, october, 0, 0), []time.Time{utc(10, october, 0, 15)}},
			{"@every 6h", utc(3, march, 0, 0), []time.Time{utc(3, march, 6, 0), utc(3, march, 12, 0)}},
		} {
			s, at := schedule(t, c.spec, loc), c.from
			for _, want := range c.want {
				if at = s.Next(at); !at.Equal(want) {
					t.Errorf("%s from %s: Next = %s, want %s", c.spec, c.from, at, want.In(loc))
					break
				}
			}
		}
	}
}

func TestSchedule_FiresAsOftenAsTheCalendarHasDaysHoursOrWeeks(t *testing.T) {
	loc := paris(t)
	start := time.Date(2025, 12, 31, 23, 59, 59, 0, loc)
	end := time.Date(2031, 1, 1, 0, 0, 0, 0, loc)
	days := int(end.Sub(start).Round(time.Hour) / (24 * time.Hour))
	for _, c := range []struct {
		spec string
		want int
	}{
		{"30 2 * * *", days}, {"0 3 * * *", days}, {"0 2 * * *", days}, {"59 2 * * *", days}, {"@daily", days}, {"0 */2 * * *", 12 * days},
		{"30 * * * *", 24 * days}, {"@hourly", 24 * days}, {"*/15 * * * *", 96 * days}, {"30 2 * * 1", 261}, {"@monthly", 60}, {"@yearly", 5},
	} {
		s, n := schedule(t, c.spec, loc), 0
		seen := map[string]int{}
		for at := s.Next(start); at.Before(end); at = s.Next(at) {
			n++
			seen[at.Format("2006-01-02")]++
		}
		if n != c.want {
			t.Errorf("%s fired %d times from 2026 to 2030, want %d", c.spec, n, c.want)
		}
		if c.want == days && len(seen) != days {
			t.Errorf("%s fired on %d days, want %d", c.spec, len(seen), days)
		}
	}
}

func TestSchedule_EveryRealHourIsOneHourAfterTheLast(t *testing.T) {
	s := schedule(t, "30 * * * *", paris(t))
	at := s.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	for range 5 * 8766 {
		next := s.Next(at)
		if next.Sub(at) != time.Hour {
			t.Fatalf("after %s comes %s, %s later", at, next, next.Sub(at))
		}
		at = next
	}
}

func TestSchedule_NextIsLaterAndNeverGoesBack(t *testing.T) {
	loc := paris(t)
	rnd := rand.New(rand.NewPCG(5, 7))
	for _, spec := range []string{"30 2 * * *", "*/20 1-3 * * *", "30 * * * *", "0 0 29 2 *", "5 4 * * 0", "@every 7m"} {
		s := schedule(t, spec, loc)
		for range 2000 {
			// Also past 2038, and around clock changes: the last days of March and October.
			at := time.Date(2026+rnd.IntN(20), []time.Month{3, 10}[rnd.IntN(2)], 24+rnd.IntN(8), rnd.IntN(24), rnd.IntN(60), rnd.IntN(60), 0, time.UTC)
			first := s.Next(at)
			second := s.Next(at.Add(time.Duration(rnd.IntN(7200)) * time.Second))
			if !first.After(at) || second.Before(first) {
				t.Fatalf("%s: Next(%s) = %s, and a little later %s", spec, at, first, second)
			}
		}
	}
}

func TestSchedule_AgreesWithCronWhereClocksNeverChange(t *testing.T) {
	for _, spec := range []string{"30 2 * * *", "*/7 3-5 1,15 * *", "0 12 * 1-6 1-5", "@weekly", "10 * * * *"} {
		want, err := cron.ParseStandard(spec)
		if err != nil {
			t.Fatal(err)
		}
		ours, theirs := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
		s := schedule(t, spec, nil)
		for range 500 {
			ours, theirs = s.Next(ours), want.Next(theirs)
			if !ours.Equal(theirs) {
				t.Fatalf("%s: got %s, cron says %s", spec, ours, theirs)
			}
		}
	}
}

func TestSchedule_FirstInstantAfterAGapAtMidnight(t *testing.T) {
	loc, err := time.LoadLocation("America/Asuncion")
	if err != nil {
		t.Fatal(err)
	}
	got := schedule(t, "15 0 * * *", loc).Next(time.Date(2023, 9, 30, 12, 0, 0, 0, loc))
	if want := time.Date(2023, 10, 1, 1, 0, 0, 0, loc); !got.Equal(want) { // clocks went from 00:00 to 01:00
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestParseSchedule_RefusesWhatCannotRun(t *testing.T) {
	for _, c := range []struct{ spec, want string }{
		{"", "cinq champs"}, {"4 * * *", "cinq champs"}, {"0 0 4 * * *", "cinq champs"}, {"61 4 * * *", "cinq champs"}, {"chaque nuit", "cinq champs"},
		{"TZ=0", "fuseau"}, {"TZ=Europe/Paris 0 4 * * *", "fuseau"}, {"CRON_TZ=UTC @daily", "fuseau"}, {" tz=UTC 0 4 * * *", "fuseau"},
		{"0 0 30 2 *", "aucune année"}, {"@every 1ms", "cinq minutes"}, {"@every 4m59s", "cinq minutes"}, {"@every -1h", "cinq minutes"}, {"@every demain", "cinq champs"},
		{"@reboot", "cinq champs"},
	} {
		_, err := ParseSchedule(c.spec, time.UTC)
		if err == nil {
			t.Errorf("ParseSchedule(%q) accepted", c.spec)
			continue
		}
		if got := SentenceOf(err); !strings.Contains(got, c.want) || !strings.Contains(got, cited(c.spec)) {
			t.Errorf("ParseSchedule(%q): %q does not speak of %q", c.spec, got, c.want)
		}
	}
}

func FuzzParseSchedule(f *testing.F) {
	for _, s := range []string{"0 4 * * *", "@every 5m", "TZ=0", "@", "* * * * 7", "1-9/0 * * * *"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		s, err := ParseSchedule(spec, time.UTC)
		if err != nil {
			return
		}
		at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		if next := s.Next(at); !next.After(at) {
			t.Errorf("%q: Next(%s) = %s", spec, at, next)
		}
	})
}

func TestJitter_IsStableAndSpreadsTheSources(t *testing.T) {
	const spread = 30 * time.Minute
	var buckets [30]int
	for i := range 3000 {
		id := string(rune('0'+i%10)) + string(rune('0'+i/10%10)) + string(rune('0'+i/100%10)) + string(rune('0'+i/1000)) + "00137/deliberations"
		j := Jitter(id, spread)
		if j < 0 || j >= spread || j != Jitter(id, spread) || j%time.Second != 0 {
			t.Fatalf("Jitter(%s) = %s", id, j)
		}
		buckets[j/time.Minute]++
	}
	for minute, n := range buckets {
		if n < 50 || n > 160 {
			t.Errorf("%d of 3000 sources start in minute %d, want about 100", n, minute)
		}
	}
	for _, none := range []time.Duration{0, -time.Hour, time.Millisecond} {
		if j := Jitter("x", none); j != 0 {
			t.Errorf("Jitter over %s = %s", none, j)
		}
	}
}
