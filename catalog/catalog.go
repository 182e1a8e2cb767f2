// Package catalog holds the nouns of an open-data catalogue and the interfaces that keep and find them.
//
// A Member owns Sources; a Source is a Recipe with parameters; a Run is one attempt to harvest a Source; a Run that
// publishes moves a Dataset to a new Version made of Distributions, and writes an Event in the same transaction.
// What is derived (search index, feeds) follows the events and can be rebuilt.
package catalog

import (
	"errors"
	"time"

	"grenier/schemas"

	"github.com/google/uuid"
)

// ErrNotFound is returned by reads of a thing that does not exist.
var ErrNotFound = errors.New("not found")

// ErrBusy is returned by Store.Start when a living run already holds the source.
var ErrBusy = errors.New("source already being harvested")

// MemberKind is the kind of public body, as INTERFACE section 3 writes it.
type MemberKind string

// The kinds of members.
const (
	Commune     MemberKind = "commune"
	EPCI        MemberKind = "epci"
	Departement MemberKind = "departement"
	Syndicat    MemberKind = "syndicat"
	Autre       MemberKind = "autre"
)

// A Member is a public body whose data is published.
type Member struct {
	SIREN      string     `json:"siren" yaml:"siren"` // 9 digits, Luhn-valid; the identity
	Name       string     `json:"name" yaml:"name"`
	Kind       MemberKind `json:"kind" yaml:"kind"`
	INSEE      string     `json:"insee" yaml:"insee"` // commune code, "" for other kinds
	SIRET      string     `json:"siret,omitempty" yaml:"siret"`
	Population int        `json:"population" yaml:"population"`
	Email      string     `json:"email,omitempty" yaml:"email"` // role mailbox, published as contact point
	Website    string     `json:"website,omitempty" yaml:"website"`
	BBox       *BBox      `json:"bbox,omitempty" yaml:"bbox"`         // degrees; nil when unknown
	Mandates   []string   `json:"mandates,omitempty" yaml:"mandates"` // schemas for which its rows count when other members publish the same ones
	Logo       string     `json:"logo,omitempty" yaml:"-"`            // the name under which the store keeps its mark, "" without
	Colours    Colours    `json:"colours,omitzero" yaml:"colours"`    // of its pages; zero: the site's
	Datasets   int        `json:"datasets" yaml:"-"`                  // published datasets, filled by reads
}

// A BBox is a box in degrees, longitude first.
type BBox struct {
	West  float64 `json:"west" yaml:"west"`
	South float64 `json:"south" yaml:"south"`
	East  float64 `json:"east" yaml:"east"`
	North float64 `json:"north" yaml:"north"`
}

// A Recipe is kept as it was written; package harvest reads it.
type Recipe struct {
	Name    string // "actes-delib", unique
	Text    string // YAML
	Hash    string // SHA-256 of Text, hexadecimal
	Updated time.Time
}

// A Source is one configured place that data comes from: recipe + member + parameters.
type Source struct {
	ID        string            // "213900137/deliberations": SIREN, then the dataset key without its organisation
	Member    string            // SIREN
	Recipe    string            // name
	Params    map[string]string // fill ${…} in the recipe
	Key       string            // dataset key: "scdl/deliberations", or the recipe's own
	Schedule  string            // cron expression; "" is the recipe's
	Gate      *Gate             // thresholds of its own, nil: the recipe's
	Disabled  bool
	NextRun   time.Time // zero: the scheduler has not seen it yet
	Published *RunMark  // the last run that published, nil before
	Last      *RunMark  // the last run that ended, nil before
	Failures  int       // failed runs in a row
}

// A Gate says when a delivery must wait for a person. A zero threshold is the recipe's, or the platform's.
type Gate struct {
	Off       string  `json:"off,omitempty" yaml:"off"`               // a reason: no hold at all
	Shrink    float64 `json:"shrink,omitempty" yaml:"shrink"`         // hold under this share of the usual rows
	ShrinkMin int64   `json:"shrink_min,omitempty" yaml:"shrink_min"` // … when more than this many rows are lost
	Invalid   float64 `json:"invalid,omitempty" yaml:"invalid"`       // hold when more than this share is rejected, and hardly any was
	Grow      float64 `json:"grow,omitempty" yaml:"grow"`             // hold over this multiple of the usual rows
	Overlap   float64 `json:"overlap,omitempty" yaml:"overlap"`       // hold when the key set shares less than this with the last version
}

// A RunMark is what the line needs to know of an earlier run without reading its report.
type RunMark struct {
	Run       string
	Ended     time.Time
	Status    Status
	Stage     string // where it stopped, "" for one that went to its end
	State     string // the connector's
	Process   string // hash of recipe, schema and rules: another value means the same bytes must be judged again
	Documents []Raw  // in order
	Rows      int64  // accepted
	Rejected  int64
	Columns   []string // labels present
	History   []int64  // accepted rows of the last published versions, newest first, at most 5
	Sketch    []uint64 // smallest hashes of the row keys, ascending; nil when the schema has no key
}

// A Raw is one document as it was delivered, kept under its hash and never public.
type Raw struct {
	Name      string `json:"name"`
	MediaType string `json:"media_type,omitempty"`
	SHA256    string `json:"sha256"`
	Bytes     int64  `json:"bytes"`
}

// Key is the blob key of the raw bytes.
func (r Raw) Key() string { return "raw/" + r.SHA256[:2] + "/" + r.SHA256 }

// Status is how a run ended, or Running.
type Status string

// The ends of a run.
const (
	Running   Status = "running"
	Published Status = "published"
	Unchanged Status = "unchanged"
	Held      Status = "held"
	Failed    Status = "failed"
)

// A Run is one attempt to harvest one source, kept whatever its end.
type Run struct {
	ID       string    `json:"id"` // UUIDv7
	Source   string    `json:"source"`
	Member   string    `json:"member"`
	Slot     string    `json:"slot,omitempty"` // what asked for it: "cron 2026-11-23T04:10", "manual", "retry …"
	Attempt  int       `json:"attempt"`        // 1 for the first
	Retry    bool      `json:"-"`              // a failure that another attempt may mend
	Started  time.Time `json:"started"`
	Ended    time.Time `json:"ended,omitzero"`
	Lease    time.Time `json:"-"` // a Running run whose lease is past is abandoned
	Status   Status    `json:"status"`
	Stage    string    `json:"stage,omitempty"`   // where a failed or held run stopped: fetch, decode, map, check, gate, publish
	Message  string    `json:"message,omitempty"` // one French sentence for the member: what, effect, what to do
	Error    string    `json:"error,omitempty"`   // the whole chain, for the operator
	Dataset  uuid.UUID `json:"dataset,omitzero"`
	Version  int       `json:"version,omitempty"` // the version it published
	Rows     int64     `json:"rows"`
	Accepted int64     `json:"accepted"`
	Rejected int64     `json:"rejected"`
	Bytes    int64     `json:"bytes"` // delivered

	State      string          `json:"-"`
	Process    string          `json:"-"`
	Documents  []Raw           `json:"documents,omitempty"`
	Columns    []string        `json:"-"`
	Sketch     []uint64        `json:"-"`
	Report     *schemas.Report `json:"report,omitempty"`     // nil in lists
	Quarantine *File           `json:"quarantine,omitempty"` // the rejected rows and their reasons, never public
	Decision   *Decision       `json:"-"`                    // that it carries out, written with its end; never read back
}

// DatasetStatus is what a reader must know of a dataset.
type DatasetStatus string

// The statuses of a dataset. A held or stale dataset still serves its last good version.
const (
	DatasetPublished DatasetStatus = "published"
	DatasetStale     DatasetStatus = "stale"     // the source has not answered for longer than its frequency allows, or 3 runs failed
	DatasetHeld      DatasetStatus = "held"      // a newer delivery waits for a person
	DatasetWithdrawn DatasetStatus = "withdrawn" // taken down by a person
)

// A Dataset is a dcat:Dataset with its newest version. The JSON shape is INTERFACE section 3, made by package web.
type Dataset struct {
	ID            uuid.UUID
	Slug          string // unique; old slugs redirect
	Key           string // "scdl/deliberations"
	Member        Member // denormalised by reads; SIREN alone matters when writing
	Source        string
	Title         string
	Description   string
	SchemaName    string // "" without a national schema
	SchemaVersion string
	SchemaURL     string
	Keywords      []string
	Themes        []string // EU data-theme codes: "GOVE", "ENVI"…
	HVD           string   // HVD category code, "" when the schema is none
	License       string   // "lov2" (Licence Ouverte 2.0) or "odbl"
	Frequency     string   // EU frequency code: "DAILY", "WEEKLY"…
	TemporalFrom  string   // "2024-01-05", "" when unknown
	TemporalTo    string
	Issued        time.Time // of version 1
	Modified      time.Time // data or metadata really changed
	Checked       time.Time // last run that ended well (published or unchanged)
	Status        DatasetStatus
	Version       int
	Valid         bool // strict verdict of the online version
	Rows          int64
	Rejected      int64
	Fields        []FieldInfo // columns of the online version
	Files         []File
	Origins       *File // from which document and line each row of the online version came; never public by itself, nil when not known
}

// A FieldInfo says what a published column is.
type FieldInfo struct {
	Name        string `json:"name"`
	Title       string `json:"title,omitempty"`
	Type        string `json:"type"`
	Description string `json:"description,omitempty"`
}

// A File is one dcat:Distribution in one version.
type File struct {
	ID       uuid.UUID `json:"id"`     // of the distribution: the same in every version
	Format   string    `json:"format"` // publish.Format.Name
	Name     string    `json:"name"`   // file name with extension: "deliberations.csv"
	Title    string    `json:"title"`
	Key      string    `json:"-"` // blob key
	Bytes    int64     `json:"bytes"`
	Rows     int64     `json:"rows"`
	SHA256   string    `json:"sha256"`
	Modified time.Time `json:"modified"` // when these bytes first went online
}

// A Version is what a dataset was at one time. Versions are numbered from 1 and never change.
type Version struct {
	Dataset   uuid.UUID
	Number    int
	Run       string
	Published time.Time
	Rows      int64
	Rejected  int64
	Valid     bool
	Files     []File
	Origins   *File
}

// An Event says that something about a dataset changed. Seq grows; the order of events is that of their transactions.
type Event struct {
	Seq     int64
	Time    time.Time
	Kind    EventKind
	Dataset uuid.UUID
	Version int
	Run     string
}

// EventKind is what happened.
type EventKind string

// The kinds of events.
const (
	EventPublished EventKind = "published" // a new version is online
	EventUpdated   EventKind = "updated"   // metadata or status changed, same files
	EventWithdrawn EventKind = "withdrawn"
)
