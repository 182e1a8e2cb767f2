package catalog

import (
	"context"
	"io"
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
	// Logo returns the bytes of a mark that a member has.
	Logo(ctx context.Context, name string) ([]byte, error)
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
	// delivers what is online: Checked moves, and a held or stale dataset is published again; with a Stage, that it delivers what a person
	// refused, and Checked stays. Held, and the third Failed run in a row, change the dataset's status. An EventUpdated tells when the status
	// changed.
	//
	// Publish, and Record of an Unchanged run, write the run's Decision too; ErrDecided when its held run waits no longer.
	Record(ctx context.Context, run Run) error
	// Decide refuses the held delivery that d.Run names, for good: in one transaction the decision is written, a held dataset is published
	// again with its last good version, and an EventUpdated tells. Before, After, Documents and Process are the store's to fill. ErrDecided when
	// the delivery waits no longer. A release is written by the run that carries it out.
	Decide(ctx context.Context, d Decision) error
	Decisions(ctx context.Context, q DecisionQuery) ([]Decision, error) // newest first

	Dataset(ctx context.Context, id uuid.UUID) (Dataset, error)
	// DatasetBySlug also finds old slugs: the dataset returned then has another Slug than asked.
	DatasetBySlug(ctx context.Context, slug string) (Dataset, error)
	Datasets(ctx context.Context, q DatasetQuery) ([]Dataset, int, error)
	// EachDataset calls fn for every dataset that q selects, in creation order, without holding them all; it stops at the first error.
	EachDataset(ctx context.Context, q DatasetQuery, fn func(Dataset) error) error
	// Renditions calls fn for the datasets that q selects, in creation order (with q.IDs: within parts of 500 of them), with what is kept of them for the
	// catalogues; without bodies, Stamp and Body are left out. It holds nothing of the database while fn runs, and stops at the first error.
	Renditions(ctx context.Context, q DatasetQuery, bodies bool, fn func(Rendition) error) error
	// KeepRenditions replaces what is kept of some datasets. Nothing is kept of a withdrawn one: Withdraw deletes it.
	KeepRenditions(ctx context.Context, list ...Rendition) error
	Versions(ctx context.Context, dataset uuid.UUID) ([]Version, error) // newest first
	// Timeline says what was online when, newest version first, the forgotten ones too. It comes from the events, which are never deleted.
	Timeline(ctx context.Context, dataset uuid.UUID) ([]Period, error)
	// File finds the file of a distribution: of the newest version (version 0) or of a past one, with its dataset.
	File(ctx context.Context, id uuid.UUID, version int) (File, Dataset, error)
	// Prune forgets the versions of a dataset that the policy does not keep, never the one online, in one transaction, and returns the keys of their
	// files that nothing names any more.
	Prune(ctx context.Context, dataset uuid.UUID, policy PrunePolicy) ([]string, error)

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

	// Audit lists what people decided, newest first. Note adds an entry, with Seq and Hash set by the store; what changes something writes its entry in
	// the same transaction. VerifyAudit returns a *TamperedError for the first entry that is not what was written.
	Audit(ctx context.Context, q AuditQuery) ([]AuditEntry, error)
	Note(ctx context.Context, e AuditEntry) error
	VerifyAudit(ctx context.Context) error

	// Withdraw takes a dataset down in one transaction, and returns the blob keys to delete: the files of all its versions, their origins, what its
	// runs kept, but for what something else names. Its runs are emptied of all that quotes cells, its versions keep no file, an
	// EventWithdrawn and an audit entry tell. Withdrawing again only empties what came since.
	Withdraw(ctx context.Context, w Withdrawal) ([]string, error)
	// Doomed empties the runs of withdrawn datasets that ended since, and returns all keys that are still to be deleted; Forgotten says which are.
	Doomed(ctx context.Context) ([]string, error)
	Forgotten(ctx context.Context, keys []string) error
	// Reinstate allows the next harvest to publish a withdrawn dataset again, as its next version; until then it stays withdrawn.
	Reinstate(ctx context.Context, w Withdrawal) error
	Withdrawal(ctx context.Context, dataset uuid.UUID) (Withdrawal, error)
	// Expunge takes the files of past versions of a dataset away, like Withdraw: those of a series that hold rows of a withdrawn one.
	Expunge(ctx context.Context, dataset uuid.UUID, versions []int) error
	// FileOwner finds the dataset that has, or once had, a distribution: withdrawn, or in a format that is no longer made.
	FileOwner(ctx context.Context, id uuid.UUID) (Dataset, error)
	// Scrub makes what was deleted leave the database's own files.
	Scrub(ctx context.Context) error

	// Revision grows whenever something changes that Export must write again. Export writes the catalogue, as of one moment, so that Import
	// makes of an empty one what it was, identities included; events, versions, decisions and audit with it, old runs and cursors without.
	Revision(ctx context.Context) (int64, error)
	Export(ctx context.Context, w io.Writer) error
	Import(ctx context.Context, r io.Reader) error
	// Uses says what the catalogue keeps under a blob key. It may read all runs: it is for a few keys.
	Uses(ctx context.Context, key string) ([]BlobUse, error)

	// Feed returns what is known of a catalogue that harvesters read, KeepFeed writes it; what a person let pass stays until a Feed is kept that waits for
	// nobody. HeldFeeds lists those that wait, without summaries and pages. AllowFeed lets the losses pass that a waiting one has now, with an entry
	// of the audit in the same transaction, and returns them; ErrNotFound when none waits.
	Feed(ctx context.Context, path string) (Feed, error)
	KeepFeed(ctx context.Context, f Feed) error
	HeldFeeds(ctx context.Context) ([]Feed, error)
	AllowFeed(ctx context.Context, path string, e AuditEntry) ([]FeedLoss, error)

	// Check verifies the database file or server: reachable, migrated, consistent. For `doctor` and /readyz.
	Check(ctx context.Context) error
	Close() error
}

// A Rendition is a dataset as the catalogues describe it, made by who describes it and kept for the next time: derived, never saved. A body says what its
// dataset is as long as its stamp is that of Member, Version and Modified.
type Rendition struct {
	Dataset  uuid.UUID
	Member   string // SIREN
	Schema   string
	Series   bool // Dataset.IsSeries
	Version  int
	Modified time.Time
	Stamp    string // "" when nothing is kept
	Body     []byte
}

// A Manifest is what `apply` brings in.
type Manifest struct {
	Members []Member
	Recipes []Recipe
	Sources []Source
	Logos   []Logo // those of members that were read anew
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
	Waiting        bool // held deliveries that wait for a person: nothing was delivered since, nobody decided
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
