package catalog

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// A Store keeps the catalogue. Methods are safe for concurrent use, across processes too; reads of a missing thing return
// ErrNotFound. All times are stored and returned in UTC.
type Store interface {
	// Namespace returns the instance's namespace for identities, made at random once and kept for ever.
	Namespace(ctx context.Context) (uuid.UUID, error)

	// Apply brings members, recipes and sources to what m says, in one transaction, and returns what changed, in a stable
	// order. Applying the same twice changes nothing. With Prune, sources (and then members and recipes) that m does not name are
	// disabled, never deleted. With DryRun nothing is written. The caller has validated m.
	Apply(ctx context.Context, m Manifest, opt ApplyOptions) ([]Change, error)

	// Host makes sure that the source of a series is there, with its member and its recipe: what is there already stays as it is. The source
	// is disabled, for no clock runs it, and no manifest names it.
	Host(ctx context.Context, m Member, r Recipe, s Source) error

	Member(ctx context.Context, siren string) (Member, error)
	Members(ctx context.Context, q MemberQuery) ([]Member, int, error) // by name; the total without paging
	Recipe(ctx context.Context, name string) (Recipe, error)
	Recipes(ctx context.Context) ([]Recipe, error)
	Source(ctx context.Context, id string) (Source, error)
	// Sources lists the enabled sources, by ID: all, or those of the given members, or the given ones (a named source that
	// does not exist is ErrNotFound).
	Sources(ctx context.Context, q SourceQuery) ([]Source, error)

	// Due lists enabled sources whose NextRun is not after now (or is zero), oldest first.
	Due(ctx context.Context, now time.Time, limit int) ([]Source, error)
	// Schedule sets NextRun of the given sources.
	Schedule(ctx context.Context, next map[string]time.Time) error

	// Start records the run as Running with its lease, or returns ErrBusy when the source has a living run. A run of the same
	// source whose lease is past is recorded as abandoned first.
	Start(ctx context.Context, run Run) error
	// Extend moves the lease of a Running run. ErrNotFound when the run is no longer running (it was declared abandoned).
	Extend(ctx context.Context, run string, until time.Time) error
	// Abandoned ends, as Failed with a French message, every Running run whose lease is before now, and returns them.
	Abandoned(ctx context.Context, now time.Time) ([]Run, error)

	// Publish writes the run's end, the dataset's new version and its event in one transaction, or nothing. It sets
	// d.Version (last + 1), d.Slug when "" (made from the title, made unique), Issued, Modified and Checked, and File.Modified (kept when the
	// bytes are those of the previous version). It returns the dataset as stored. ErrNotFound when the run is no longer Running.
	Publish(ctx context.Context, d Dataset, run Run) (Dataset, error)
	// Record writes the end of a run that published nothing, in one transaction with what follows from it. Unchanged says that the source
	// delivers what is online: Checked moves, and a held or stale dataset is published again. Held, and the third Failed run in a row, change
	// the dataset's status. An EventUpdated tells when the status changed.
	Record(ctx context.Context, run Run) error

	Dataset(ctx context.Context, id uuid.UUID) (Dataset, error)
	// DatasetBySlug also finds old slugs: the dataset returned then has another Slug than asked.
	DatasetBySlug(ctx context.Context, slug string) (Dataset, error)
	Datasets(ctx context.Context, q DatasetQuery) ([]Dataset, int, error)
	// EachDataset calls fn for every dataset that q selects, in creation order, without holding them all; it stops at the first error.
	EachDataset(ctx context.Context, q DatasetQuery, fn func(Dataset) error) error
	Versions(ctx context.Context, dataset uuid.UUID) ([]Version, error) // newest first
	// File finds the file of a distribution: of the newest version (version 0) or of a past one, with its dataset.
	File(ctx context.Context, id uuid.UUID, version int) (File, Dataset, error)
	// Prune forgets all but the newest keep versions of a dataset and returns the blob keys that nothing names any more.
	Prune(ctx context.Context, dataset uuid.UUID, keep int) ([]string, error)

	Run(ctx context.Context, id string) (Run, error)     // with its report
	Runs(ctx context.Context, q RunQuery) ([]Run, error) // newest first, without reports
	RunOfVersion(ctx context.Context, dataset uuid.UUID, version int) (Run, error)
	// ForgetRuns deletes the runs that ended before a date, with their reports, and returns how many. It keeps running ones, those that
	// published a version still kept, and of each source the last one, the last one that published and the 20 newest.
	ForgetRuns(ctx context.Context, before time.Time) (int, error)
	Stats(ctx context.Context) (Stats, error)

	// Keys calls fn for every blob key that the catalogue names: files of every version kept, documents and quarantines of every run kept. A key
	// may come more than once. It stops at fn's first error, and returns it.
	Keys(ctx context.Context, fn func(key string) error) error

	Events(ctx context.Context, after int64, limit int) ([]Event, error) // by Seq
	Cursor(ctx context.Context, subscriber string) (int64, error)        // 0 at first
	SetCursor(ctx context.Context, subscriber string, seq int64) error

	// Check verifies the database file or server: reachable, migrated, consistent. For `doctor` and /readyz.
	Check(ctx context.Context) error
	Close() error
}

// A Manifest is what `apply` brings in.
type Manifest struct {
	Members []Member
	Recipes []Recipe
	Sources []Source
}

// ApplyOptions are the flags of `apply`.
type ApplyOptions struct{ DryRun, Prune bool }

// A Change is one line of the plan: Op is '+', '~' or '-', Noun "member", "recipe" or "source".
type Change struct {
	Op   byte
	Noun string
	Name string
	What []string // the fields that differ, for '~'
}

// MemberQuery pages through members. Limit 0 is no limit.
type MemberQuery struct {
	Text          string // part of the name, accents and case ignored; "" is all
	Kind          MemberKind
	Offset, Limit int
}

// SourceQuery selects sources; empty selects all enabled ones.
type SourceQuery struct{ IDs, Members []string }

// DatasetQuery selects datasets that are online (published, stale or held), newest change first. Zero values do not restrict.
type DatasetQuery struct {
	IDs           []uuid.UUID // in this order
	Member        string      // SIREN
	Schema        string
	Since         time.Time // modified after
	Offset, Limit int       // Limit 0 is no limit
}

// RunQuery selects runs. Limit 0 is 50.
type RunQuery struct {
	Source, Member string
	Dataset        uuid.UUID
	Status         Status
	Limit          int
}

// Stats are the numbers of the home page and of /metrics.
type Stats struct {
	Members, Datasets, Sources int
	Rows                       int64
	Schemas                    int
	LastRun                    time.Time      // newest end of a run
	ByStatus                   map[Status]int // the last run of each source
}
