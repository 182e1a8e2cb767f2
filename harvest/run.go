package harvest

import (
	"context"
	"log/slog"
	"time"

	"grenier/catalog"
	"grenier/publish"
	"grenier/schemas"

	"github.com/google/uuid"
)

// A Runner runs sources along the line. Its fields are set once; it is safe for concurrent use.
type Runner struct {
	Store      catalog.Store
	Blobs      publish.BlobStore
	Schemas    *schemas.Set
	Connectors Connectors
	Env        Env
	Namespace  uuid.UUID
	BaseURL    string        // public address of the instance, for the files' own metadata
	Dir        string        // temporary files
	Lease      time.Duration // 60 s by default: a run that does not renew it is abandoned
	Timeout    time.Duration // 15 min by default: the longest run
	Now        func() time.Time
	Log        *slog.Logger
	Progress   func(Step) // told of what goes on, from the run's goroutine; may be nil
}

// A Step is a sign of life of a run, for progress bars.
type Step struct {
	Source string
	Stage  Stage
	Bytes  int64 // fetched so far
	Rows   int64 // judged so far
}

// An Ask says why and how a source is run.
type Ask struct {
	Slot    string // what asked for it, "manual" by default
	Attempt int
	Force   bool // forget State: read and judge everything again
	DryRun  bool // stop before publishing; nothing is recorded
}

// Run harvests one source and returns how it ended; its Status tells. The error is only for what prevented the end of the run from
// being recorded (ErrBusy, the store itself, ctx).
func (r *Runner) Run(ctx context.Context, source catalog.Source, ask Ask) (catalog.Run, error) {
	panic("not written yet")
}
