package harvest

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// minEvery is the shortest period that "@every" may ask for.
const minEvery = 5 * time.Minute

// everyHour is the Hour set of an expression that fires in each hour of the day.
const everyHour = 1<<24 - 1

// A Schedule says when a source runs: a five-field cron expression, @daily and its like, or "@every 6h", in one time zone.
//
// Clock changes (SECURITY.md H-06): an expression with fixed hours fires once per local day, at the first instant after the gap
// when its time does not exist, and at the first of both when its time comes twice. An expression that names every hour
// fires in each real hour. "@every" counts real time.
type Schedule struct {
	every time.Duration      // of "@every", 0 otherwise
	spec  *cron.SpecSchedule // in UTC, which stands for the wall clock of loc
	loc   *time.Location
}

// ParseSchedule reads a schedule for clocks in loc (nil is UTC). The error carries a French sentence.
func ParseSchedule(spec string, loc *time.Location) (*Schedule, error) {
	if loc == nil {
		loc = time.UTC
	}
	if strings.Contains(strings.ToUpper(spec), "TZ=") {
		return nil, badSchedule(spec, "le fuseau horaire se règle pour toute l’instance, pas dans l’horaire", nil)
	}
	parsed, err := parseCron(spec)
	if err != nil {
		return nil, badSchedule(spec, "attendu\u00a0: cinq champs (minute, heure, jour du mois, mois, jour de la semaine), @hourly, @daily, @weekly, @monthly ou «\u00a0@every 6h\u00a0»", err)
	}
	s := &Schedule{loc: loc}
	switch p := parsed.(type) {
	case cron.ConstantDelaySchedule:
		if p.Delay < minEvery {
			return nil, badSchedule(spec, "une source ne peut pas être lue plus d’une fois toutes les cinq minutes", nil)
		}
		s.every = p.Delay
	case *cron.SpecSchedule:
		p.Location = time.UTC
		if s.spec = p; s.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
			return nil, badSchedule(spec, "cette date n’existe dans aucune année", nil)
		}
	default:
		return nil, badSchedule(spec, "forme inconnue", fmt.Errorf("cron schedule of type %T", parsed))
	}
	return s, nil
}

// parseCron turns the library's panics (it has some, on odd time zones) into errors.
func parseCron(spec string) (s cron.Schedule, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("cron parser panicked: %v", r)
		}
	}()
	return cron.ParseStandard(spec)
}

func badSchedule(spec, why string, err error) error {
	if err == nil {
		err = errors.New(why)
	}
	return Say(cited(spec)+" n’est pas un horaire accepté\u00a0: "+why+".", fmt.Errorf("parse schedule %q: %w", spec, err))
}

// Next is the first instant after the given one at which the schedule fires, in the schedule's time zone.
func (s *Schedule) Next(after time.Time) time.Time {
	switch {
	case s.every > 0:
		return after.In(s.loc).Truncate(time.Second).Add(s.every)
	case s.spec.Hour&everyHour == everyHour:
		return s.nextReal(after.In(s.loc))
	}
	return s.nextDaily(after.In(s.loc))
}

// nextDaily walks the wall clock, on which each local time comes once a day, and drops what the real clock has already passed.
func (s *Schedule) nextDaily(after time.Time) time.Time {
	for w := s.spec.Next(wall(after)); !w.IsZero(); w = s.spec.Next(w) {
		if t := s.first(w); t.After(after) {
			return t
		}
	}
	return time.Time{}
}

// nextReal walks the real clock: within a stretch of constant offset the wall clock is the real one, shifted.
func (s *Schedule) nextReal(after time.Time) time.Time {
	from := wall(after)
	for t := after; ; {
		_, offset := t.Zone()
		_, end := t.ZoneBounds()
		w := s.spec.Next(from)
		if w.IsZero() {
			return time.Time{}
		}
		fires := w.Add(-time.Duration(offset) * time.Second)
		if end.IsZero() || fires.Before(end) {
			return fires.In(s.loc)
		}
		t = end.In(s.loc)
		from = wall(t).Add(-time.Second) // the end itself may fire
	}
}

// wall is the wall clock of t, written as if it were UTC.
func wall(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// first is the first instant at which the wall clock of the schedule's zone shows w or, where w is skipped, what follows the gap.
func (s *Schedule) first(w time.Time) time.Time {
	// With the offset of well before, w read too late in a gap lands after it; with that of well after, it lands before.
	_, before := w.Add(-26 * time.Hour).In(s.loc).Zone()
	t := w.Add(-time.Duration(before) * time.Second).In(s.loc)
	start, _ := t.ZoneBounds()
	_, now := t.Zone()
	if now == before || start.IsZero() {
		return t
	}
	if now > before { // a gap lies behind: either w was skipped, or it is an ordinary time after it
		return latest(start.In(s.loc), w.Add(-time.Duration(now)*time.Second).In(s.loc))
	}
	// A fold lies behind: the wall clock has shown w before it only if w is later than the fold's end.
	return w.Add(-time.Duration(now) * time.Second).In(s.loc)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Jitter is how long after its time a source really starts: always the same for one source, spread evenly below spread, in
// whole seconds.
func Jitter(source string, spread time.Duration) time.Duration {
	seconds := uint64(spread / time.Second)
	if spread < time.Second {
		return 0
	}
	h := fnv.New64a()
	h.Write([]byte(source))
	x := h.Sum64() // its low bits follow the last letters closely: mix once more
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return time.Duration(x%seconds) * time.Second
}
