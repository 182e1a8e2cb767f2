package harvest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"grenier/catalog"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
)

// attempts is how often a job is tried before the next schedule (SECURITY.md H-02).
const attempts = 5

// A Queue runs sources when they are due, durably: jobs survive the process, are tried again with backoff, and no two runs of a
// source go at once. It is built on river, with its tables in the catalogue's database. The tables of runs and sources are ours: river may
// forget a job, the catalogue never forgets a run.
type Queue struct {
	config QueueConfig
	client jobClient
	log    *slog.Logger
	still  context.CancelFunc // stops the clock
	clock  sync.WaitGroup
}

// QueueConfig configures a Queue.
type QueueConfig struct {
	DB        any // *sql.DB (SQLite) or *pgxpool.Pool (PostgreSQL): what catalog/store's Handle returns
	Runner    *Runner
	Workers   int  // runs at once; 0: this process works no jobs
	Scheduler bool // this process looks for due sources
	Location  *time.Location
	Jitter    time.Duration // spread of scheduled starts, 30 min by default; negative: none
	Look      time.Duration // between two looks for due sources, 1 min by default
	Retry     time.Duration // bound of the wait before the second attempt, doubled at each, 1 min by default
}

// jobClient is what both of river's clients do for us, whatever their transaction type.
type jobClient interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
	Insert(ctx context.Context, args river.JobArgs, opts *river.InsertOpts) (*rivertype.JobInsertResult, error)
}

// NewQueue migrates river's tables and prepares the client.
func NewQueue(ctx context.Context, c QueueConfig) (*Queue, error) {
	if c.Jitter == 0 {
		c.Jitter = 30 * time.Minute
	}
	if c.Look <= 0 {
		c.Look = time.Minute
	}
	if c.Retry <= 0 {
		c.Retry = time.Minute
	}
	q := &Queue{config: c, log: c.Runner.Log}
	var err error
	switch db := c.DB.(type) {
	case *sql.DB:
		q.client, err = openClient(ctx, riversqlite.New(db), q.jobs())
	case *pgxpool.Pool:
		q.client, err = openClient(ctx, riverpgxv5.New(db), q.jobs())
	default:
		err = fmt.Errorf("no job queue for a %T", c.DB)
	}
	if err != nil {
		return nil, fmt.Errorf("open job queue: %w", err)
	}
	return q, nil
}

// openClient migrates and opens river on one driver.
func openClient[TTx any](ctx context.Context, d riverdriver.Driver[TTx], c *river.Config) (jobClient, error) {
	m, err := rivermigrate.New(d, &rivermigrate.Config{Logger: c.Logger})
	if err != nil {
		return nil, err
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, err
	}
	return river.NewClient(d, c)
}

func (q *Queue) jobs() *river.Config {
	c := &river.Config{
		Logger:               slog.New(warnOnly{q.log.Handler()}),
		MaxAttempts:          attempts,
		JobTimeout:           -1, // the Runner has its own limit, and its lease says who is alive
		RescueStuckJobsAfter: q.config.Runner.timeout() + 5*time.Minute,
		FetchPollInterval:    time.Second,
		SkipUnknownJobCheck:  true,
	}
	if q.config.Workers > 0 {
		c.Workers = river.NewWorkers()
		river.AddWorker(c.Workers, &worker{queue: q})
		c.Queues = map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: q.config.Workers}}
	}
	return c
}

// Start begins working and, for a scheduler, looking for due sources. When ctx ends, running jobs are cancelled: Stop before it does.
func (q *Queue) Start(ctx context.Context) error {
	if q.config.Workers > 0 {
		if err := q.client.Start(ctx); err != nil {
			return fmt.Errorf("start job queue: %w", err)
		}
	}
	ctx, q.still = context.WithCancel(ctx)
	if q.config.Scheduler {
		q.clock.Go(func() { q.watch(ctx) })
	}
	return nil
}

// Stop stops the clock, lets running jobs end until ctx ends, then cancels them.
func (q *Queue) Stop(ctx context.Context) error {
	if q.still == nil { // never started
		return nil
	}
	q.still()
	q.clock.Wait()
	if q.config.Workers == 0 || q.client.Stop(ctx) == nil {
		return nil
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := q.client.StopAndCancel(late); err != nil {
		return fmt.Errorf("stop job queue: %w", err)
	}
	return nil
}

// Enqueue asks for a run of a source; the same source and slot twice is one job.
func (q *Queue) Enqueue(ctx context.Context, source, slot string) error {
	_, err := q.client.Insert(ctx, harvestArgs{source, slot}, &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}})
	if err != nil {
		return fmt.Errorf("enqueue %s: %w", source, err)
	}
	return nil
}

// watch looks for what is due until ctx ends.
func (q *Queue) watch(ctx context.Context) {
	tick := time.NewTicker(q.config.Look)
	defer tick.Stop()
	for {
		if err := q.look(ctx); err != nil && ctx.Err() == nil {
			q.log.Warn("schedule not followed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// built is before any right clock: a machine without a clock starts in 1970 and must not schedule (SECURITY.md H-07).
var built = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// look takes up abandoned runs and enqueues due sources. A job is enqueued before the next time is written and its slot is the time it was due,
// so a crash between the two enqueues the same job again, which is one job.
func (q *Queue) look(ctx context.Context) error {
	now := q.config.Runner.now()
	if now.Before(built) {
		return fmt.Errorf("the clock says %s, before this program was built: nothing is scheduled", now.Format(time.DateTime))
	}
	r := q.config.Runner
	if err := q.takeUp(ctx, now); err != nil {
		return err
	}
	for {
		due, err := r.Store.Due(ctx, now, 500)
		if err != nil || len(due) == 0 {
			return err
		}
		next := make(map[string]time.Time, len(due))
		for _, s := range due {
			if next[s.ID], err = q.follow(ctx, s, now); err != nil {
				return err
			}
		}
		if err := r.Store.Schedule(ctx, next); err != nil {
			return fmt.Errorf("write next runs: %w", err)
		}
	}
}

// takeUp ends the runs whose process died and enqueues their sources. Those that ended before an error are taken up all the same: nobody
// finds them a second time.
func (q *Queue) takeUp(ctx context.Context, now time.Time) error {
	lost, err := q.config.Runner.Store.Abandoned(ctx, now)
	if err != nil {
		err = fmt.Errorf("look for abandoned runs: %w", err)
	}
	for _, run := range lost {
		q.log.Warn("run abandoned, taken up again", "run", run.ID, "source", run.Source)
		err = errors.Join(err, q.Enqueue(ctx, run.Source, "reprise "+run.ID))
	}
	return err
}

// follow enqueues a due source and says when it is due next. A run missed while nothing was running is made up once; a source that never ran
// runs at once; one that was run by hand before the scheduler saw it waits for its time.
func (q *Queue) follow(ctx context.Context, s catalog.Source, now time.Time) (time.Time, error) {
	slot := "planifié " + s.NextRun.UTC().Format("2006-01-02T15:04")
	if s.NextRun.IsZero() {
		slot = "premier moissonnage"
	}
	if !s.NextRun.IsZero() || s.Last == nil {
		if err := q.Enqueue(ctx, s.ID, slot); err != nil {
			return time.Time{}, err
		}
	}
	return q.next(ctx, s, now), nil
}

// next is when the source is due after now. A source whose recipe cannot be read is looked at again tomorrow: its runs say what is wrong.
func (q *Queue) next(ctx context.Context, s catalog.Source, now time.Time) time.Time {
	spec := s.Schedule
	if spec == "" {
		if recipe, err := q.config.Runner.recipe(ctx, q.config.Runner.Store, s.Recipe); err == nil {
			spec = recipe.Schedule
		}
	}
	schedule, err := ParseSchedule(spec, q.config.Location)
	if err != nil {
		q.log.Warn("schedule unreadable", "source", s.ID, "schedule", spec, "error", err)
		return now.Add(24 * time.Hour)
	}
	var jitter time.Duration
	if q.config.Jitter > 0 {
		jitter = Jitter(s.ID, q.config.Jitter)
	}
	next := schedule.Next(now.Add(-jitter))
	if next.IsZero() { // cron's calendar ends, as the clock may be far in the future
		return now.Add(24 * time.Hour)
	}
	return next.Add(jitter).UTC()
}

// harvestArgs is one job: a source, and what asked for it.
type harvestArgs struct {
	Source string `json:"source"`
	Slot   string `json:"slot"`
}

// Kind is the job's name in river's table.
func (harvestArgs) Kind() string { return "harvest" }

// worker works jobs.
type worker struct {
	river.WorkerDefaults[harvestArgs]
	queue *Queue
}

// Work runs the job's source. A source that is already being harvested is looked at again a little later.
func (w *worker) Work(ctx context.Context, job *river.Job[harvestArgs]) error {
	r := w.queue.config.Runner
	source, err := r.Store.Source(ctx, job.Args.Source)
	switch {
	case errors.Is(err, catalog.ErrNotFound):
		return river.JobCancel(err)
	case err != nil:
		return err
	case source.Disabled || w.done(ctx, job):
		return nil
	}
	run, err := r.Run(ctx, source, Ask{Slot: job.Args.Slot, Attempt: job.Attempt})
	switch {
	case errors.Is(err, catalog.ErrBusy):
		return river.JobSnooze(15 * time.Second)
	case err != nil:
		return err
	case run.Status == catalog.Failed && run.Retry:
		return errors.New(run.Error)
	case run.Status == catalog.Failed:
		return river.JobCancel(errors.New(run.Error))
	}
	return nil
}

// done tells whether a job that river hands out a second time (its first worker was killed after the run was recorded) has nothing left to do.
func (w *worker) done(ctx context.Context, job *river.Job[harvestArgs]) bool {
	if job.Attempt == 1 {
		return false
	}
	runs, err := w.queue.config.Runner.Store.Runs(ctx, catalog.RunQuery{Source: job.Args.Source, Limit: 10})
	if err != nil {
		return false
	}
	for _, run := range runs {
		if run.Slot == job.Args.Slot && run.Status != catalog.Failed && run.Status != catalog.Running {
			return true
		}
	}
	return false
}

// NextRetry doubles the wait at each attempt, up to an hour, with full jitter (SECURITY.md H-02). The clock is river's own.
func (w *worker) NextRetry(job *river.Job[harvestArgs]) time.Time {
	wait := min(w.queue.config.Retry<<min(max(job.Attempt-1, 0), 10), time.Hour)
	return time.Now().Add(rand.N(wait))
}

// warnOnly lets only warnings of the queue's own machinery through: the diary is ours.
type warnOnly struct{ slog.Handler }

func (h warnOnly) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && h.Handler.Enabled(ctx, l)
}
func (h warnOnly) WithAttrs(a []slog.Attr) slog.Handler { return warnOnly{h.Handler.WithAttrs(a)} }
func (h warnOnly) WithGroup(g string) slog.Handler      { return warnOnly{h.Handler.WithGroup(g)} }
