package harvest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/goleak"

	"grenier/catalog"
	"grenier/catalog/catalogtest"
	"grenier/harvest"
)

// queued runs a test on both databases, each with its own line, and wants no goroutine left.
func queued(t *testing.T, test func(b *bench), recipes ...string) {
	for engine, dsn := range map[string]func(*testing.T) string{
		"SQLite":     func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "grenier.db") },
		"PostgreSQL": func(t *testing.T) string { return catalogtest.PostgresDSN(t) },
	} {
		t.Run(engine, func(t *testing.T) {
			known := goleak.IgnoreCurrent()
			t.Cleanup(func() { goleak.VerifyNone(t, known) })
			b := newBenchOn(t, dsn(t), recipes...)
			test(b)
		})
	}
}

// start opens and starts a queue that looks often; stop ends it.
func (b *bench) start(change func(*harvest.QueueConfig)) (q *harvest.Queue, stop func()) {
	b.Helper()
	q = b.open(change)
	if err := q.Start(context.Background()); err != nil {
		b.Fatal(err)
	}
	return q, func() {
		b.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := q.Stop(ctx); err != nil {
			b.Error(err)
		}
	}
}

func (b *bench) open(change func(*harvest.QueueConfig)) *harvest.Queue {
	b.Helper()
	c := harvest.QueueConfig{
		DB: b.store.Handle(), Runner: b.runner, Workers: 4, Scheduler: true, Location: time.UTC, Jitter: -1,
		Look: 30 * time.Millisecond, Retry: time.Millisecond,
	}
	if change != nil {
		change(&c)
	}
	q, err := harvest.NewQueue(context.Background(), c)
	if err != nil {
		b.Fatal(err)
	}
	return q
}

// runs are those of a source, oldest first.
func (b *bench) runs(name string) []catalog.Run {
	b.Helper()
	runs, err := b.store.Runs(context.Background(), catalog.RunQuery{Source: town.SIREN + "/" + name})
	if err != nil {
		b.Fatal(err)
	}
	for i, j := 0, len(runs)-1; i < j; i, j = i+1, j-1 {
		runs[i], runs[j] = runs[j], runs[i]
	}
	return runs
}

// eventually waits for what must come within seconds.
func (b *bench) eventually(what string, ok func() bool) {
	b.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	b.Fatalf("%s: never", what)
}

// ended waits until a source has n runs that ended, and wants no more for a while.
func (b *bench) ended(name string, n int) []catalog.Run {
	b.Helper()
	count := func() (ended int) {
		for _, r := range b.runs(name) {
			if r.Status != catalog.Running {
				ended++
			}
		}
		return ended
	}
	b.eventually(fmt.Sprintf("%d runs of %s", n, name), func() bool { return count() >= n })
	time.Sleep(300 * time.Millisecond) // ten looks
	runs := b.runs(name)
	if len(runs) != n {
		b.Fatalf("%d runs, want %d: %+v", len(runs), n, runs)
	}
	return runs
}

func (b *bench) due(name string, when time.Time) {
	b.Helper()
	if err := b.store.Schedule(context.Background(), map[string]time.Time{town.SIREN + "/" + name: when}); err != nil {
		b.Fatal(err)
	}
}

func TestQueue_RunsADueSourceOncePerSlot(t *testing.T) {
	queued(t, func(b *bench) {
		b.set("subventions", answer{body: grantFile(3, 0)})
		_, stop := b.start(nil)
		defer stop()
		first := b.ended("subventions", 1)[0]
		if first.Status != catalog.Published || first.Slot != "premier moissonnage" || first.Attempt != 1 {
			b.Errorf("first run %+v", first)
		}
		next := b.source("subventions").NextRun
		if want := time.Now().UTC().Truncate(24 * time.Hour).Add(24 * time.Hour); !next.Equal(want) {
			b.Errorf("next run at %v, want %v", next, want)
		}
		missed := time.Now().Add(-72 * time.Hour).UTC() // three days missed are made up once
		b.due("subventions", missed)
		second := b.ended("subventions", 2)[1]
		if second.Status != catalog.Unchanged || second.Slot != "planifié "+missed.Format("2006-01-02T15:04") {
			b.Errorf("second run %+v", second)
		}
		if got := b.source("subventions").NextRun; !got.Equal(next) {
			b.Errorf("next run at %v, want %v", got, next)
		}
	}, grants)
}

func TestQueue_DoesNotRunAtOnceWhatWasRunByHandBefore(t *testing.T) {
	queued(t, func(b *bench) {
		b.set("subventions", answer{body: grantFile(3, 0)})
		b.run("subventions", harvest.Ask{}, catalog.Published)
		_, stop := b.start(nil)
		defer stop()
		b.eventually("a time for the source", func() bool { return !b.source("subventions").NextRun.IsZero() })
		b.ended("subventions", 1)
	}, grants)
}

func TestQueue_OfTwoSchedulersMakesOneRun(t *testing.T) {
	queued(t, func(b *bench) {
		const n = 6
		for i := range n {
			b.set(fmt.Sprintf("jeu-%d", i), answer{body: grantFile(3, 0)})
		}
		_, stop := b.start(nil)
		defer stop()
		_, stop2 := b.start(nil)
		defer stop2()
		for i := range n {
			b.ended(fmt.Sprintf("jeu-%d", i), 1)
		}
		for i := range n {
			b.due(fmt.Sprintf("jeu-%d", i), time.Now().Add(-time.Minute))
		}
		for i := range n {
			b.ended(fmt.Sprintf("jeu-%d", i), 2)
		}
	}, many(6)...)
}

func TestQueue_AskedTwiceForASlotMakesOneRun(t *testing.T) {
	queued(t, func(b *bench) {
		b.set("subventions", answer{body: grantFile(3, 0)})
		q, stop := b.start(func(c *harvest.QueueConfig) { c.Scheduler = false })
		defer stop()
		for range 3 {
			if err := q.Enqueue(context.Background(), town.SIREN+"/subventions", "à la main"); err != nil {
				b.Fatal(err)
			}
		}
		if run := b.ended("subventions", 1)[0]; run.Slot != "à la main" {
			b.Errorf("run %+v", run)
		}
	}, grants)
}

func TestQueue_TriesAgainWhatMayMendAndNothingElse(t *testing.T) {
	queued(t, func(b *bench) {
		b.set("jeu-0", answer{status: 503})
		b.set("jeu-1", answer{status: 404})
		b.set("jeu-2", answer{body: grantHeader})
		_, stop := b.start(nil)
		defer stop()
		b.eventually("a second try", func() bool { return len(b.runs("jeu-0")) >= 2 })
		b.set("jeu-0", answer{body: grantFile(3, 0)})
		b.eventually("a good try", func() bool { r := b.runs("jeu-0"); return r[len(r)-1].Status == catalog.Published })
		tries := b.runs("jeu-0")
		for i, r := range tries {
			if r.Attempt != i+1 || r.Slot != "premier moissonnage" || (r.Status == catalog.Published) != (i == len(tries)-1) {
				b.Errorf("try %d: %+v", i+1, r)
			}
		}
		if r := b.ended("jeu-1", 1)[0]; r.Status != catalog.Failed {
			b.Errorf("404: %+v", r)
		}
		if r := b.ended("jeu-2", 1)[0]; r.Status != catalog.Held {
			b.Errorf("no rows: %+v", r)
		}
	}, many(3)...)
}

func TestQueue_GivesUpAfterFiveTries(t *testing.T) {
	queued(t, func(b *bench) {
		b.set("subventions", answer{status: 503})
		_, stop := b.start(nil)
		defer stop()
		runs := b.ended("subventions", 5)
		if runs[4].Attempt != 5 || b.source("subventions").Failures != 5 {
			b.Errorf("last run %+v", runs[4])
		}
	}, grants)
}

func TestQueue_TakesUpARunWhoseProcessDied(t *testing.T) {
	queued(t, func(b *bench) {
		source, past := b.source("subventions"), time.Now().Add(-time.Hour).UTC()
		dead := catalog.Run{ID: "00000000-0000-7000-8000-000000000001", Source: source.ID, Member: source.Member, Attempt: 1, Slot: "planifié hier", Started: past, Lease: past.Add(time.Minute)}
		if err := b.store.Start(context.Background(), dead); err != nil {
			b.Fatal(err)
		}
		b.due("subventions", time.Now().Add(time.Hour))
		b.set("subventions", answer{body: grantFile(3, 0)})
		_, stop := b.start(nil)
		defer stop()
		runs := b.ended("subventions", 2)
		if runs[0].ID != dead.ID || runs[0].Status != catalog.Failed || runs[0].Message == "" {
			b.Errorf("dead run %+v", runs[0])
		}
		if runs[1].Status != catalog.Published || runs[1].Slot != "reprise "+dead.ID {
			b.Errorf("run that took up %+v", runs[1])
		}
	}, grants)
}

func TestQueue_LetsRunningJobsEndWhenItStops(t *testing.T) {
	queued(t, func(b *bench) {
		b.set("subventions", answer{body: grantFile(3, 0), hang: true})
		_, stop := b.start(nil)
		<-b.arrived
		stopped := make(chan struct{})
		go func() { defer close(stopped); stop() }()
		select {
		case <-stopped:
			b.Error("it stopped before the job ended")
		case <-time.After(200 * time.Millisecond):
		}
		close(b.release)
		<-stopped
		if runs := b.runs("subventions"); len(runs) != 1 || runs[0].Status != catalog.Published {
			b.Errorf("runs %+v", runs)
		}
	}, grants)
}

func TestQueue_CancelsWhatDoesNotEndInTimeAndTheNextProcessTriesAgain(t *testing.T) {
	queued(t, func(b *bench) {
		b.set("subventions", answer{body: grantFile(3, 0), hang: true})
		q, _ := b.start(nil)
		<-b.arrived
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		if err := q.Stop(ctx); err != nil {
			b.Error(err)
		}
		runs := b.runs("subventions")
		if len(runs) != 1 || runs[0].Status != catalog.Failed {
			b.Fatalf("runs %+v", runs)
		}
		saysInFrench(b.T, runs[0].Message, "Le moissonnage a été interrompu")
		b.set("subventions", answer{body: grantFile(3, 0)})
		_, stop := b.start(nil)
		defer stop()
		runs = b.ended("subventions", 2)
		if runs[1].Status != catalog.Published || runs[1].Attempt != 2 {
			b.Errorf("runs %+v", runs)
		}
	}, grants)
}

func TestQueue_SchedulesNothingWhileTheClockIsWrong(t *testing.T) {
	queued(t, func(b *bench) {
		b.runner.Now = func() time.Time { return time.Unix(3600, 0) }
		b.set("subventions", answer{body: grantFile(3, 0)})
		var log strings.Builder
		b.runner.Log = slog.New(slog.NewTextHandler(&log, nil))
		_, stop := b.start(nil)
		time.Sleep(200 * time.Millisecond)
		stop()
		if n := len(b.runs("subventions")); n != 0 || !b.source("subventions").NextRun.IsZero() {
			b.Errorf("%d runs, next %v", n, b.source("subventions").NextRun)
		}
		if !strings.Contains(log.String(), "the clock says 1970-01-01") {
			b.Errorf("log %s", log.String())
		}
	}, grants)
}

func TestQueue_LooksAgainTomorrowAtASourceWhoseScheduleCannotBeRead(t *testing.T) {
	queued(t, func(b *bench) {
		b.sql("UPDATE sources SET schedule = 'demain'")
		b.set("subventions", answer{body: grantFile(3, 0)})
		_, stop := b.start(nil)
		defer stop()
		b.ended("subventions", 1)
		if next := time.Until(b.source("subventions").NextRun); next < 23*time.Hour || next > 24*time.Hour {
			b.Errorf("next look in %v", next)
		}
	}, grants)
}

func TestQueue_DoesNotRunADisabledSource(t *testing.T) {
	queued(t, func(b *bench) {
		b.set("subventions", answer{body: grantFile(3, 0)})
		q, stop := b.start(func(c *harvest.QueueConfig) { c.Scheduler = false })
		defer stop()
		b.sql("UPDATE sources SET disabled = TRUE")
		for _, id := range []string{town.SIREN + "/subventions", town.SIREN + "/inconnue"} {
			if err := q.Enqueue(context.Background(), id, "à la main"); err != nil {
				b.Fatal(err)
			}
		}
		time.Sleep(1500 * time.Millisecond) // river polls once a second
		if n := len(b.runs("subventions")); n != 0 || b.asked["/subventions"] != 0 {
			b.Errorf("%d runs", n)
		}
	}, grants)
}

func TestQueue_ThatWasNotStartedStops(t *testing.T) {
	queued(t, func(b *bench) {
		if err := b.open(nil).Stop(context.Background()); err != nil {
			b.Error(err)
		}
	}, grants)
}

func TestQueue_RefusesADatabaseItDoesNotKnow(t *testing.T) {
	b := newBench(t, grants)
	_, err := harvest.NewQueue(context.Background(), harvest.QueueConfig{DB: errors.New("x"), Runner: b.runner})
	if err == nil || !strings.Contains(err.Error(), "no job queue for a *errors.errorString") {
		t.Errorf("error %v", err)
	}
}
