package harvest

import (
	"context"
	"time"
)

// A Queue runs sources when they are due, durably: jobs survive the process, are tried again with backoff, and no two runs of a
// source or (by default) of a remote host go at once. It is built on river, with its tables in the catalogue's database.
type Queue struct{}

// QueueConfig configures a Queue.
type QueueConfig struct {
	DB        any // *sql.DB (SQLite) or *pgxpool.Pool (PostgreSQL): what catalog/store's Handle returns
	Runner    *Runner
	Workers   int  // runs at once; 0: this process works no jobs
	Scheduler bool // this process looks for due sources each minute
	Location  *time.Location
	Jitter    time.Duration // spread of scheduled starts, 30 min by default; negative: none
}

// NewQueue migrates river's tables and prepares the client.
func NewQueue(ctx context.Context, c QueueConfig) (*Queue, error) { panic("not written yet") }

// Start begins working; Stop lets running jobs end until ctx ends, then cancels them.
func (q *Queue) Start(ctx context.Context) error { panic("not written yet") }

// Stop ends the queue.
func (q *Queue) Stop(ctx context.Context) error { panic("not written yet") }

// Enqueue asks for a run of a source; the same source and slot twice is one job.
func (q *Queue) Enqueue(ctx context.Context, source, slot string) error { panic("not written yet") }
