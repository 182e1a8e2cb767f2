package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// The actions that the audit knows; others are written as whoever adds them calls them.
const (
	AuditWithdraw = "withdraw" // a dataset was taken down, every version of it
	AuditRestore  = "restore"  // a withdrawal was lifted
	AuditRelease  = "release"  // a held delivery was published
	AuditRefuse   = "refuse"   // a held delivery was set aside
	AuditRebuild  = "rebuild"  // the catalogue was made again from a snapshot
)

// An AuditEntry is one thing that a person decided. Entries are only ever added.
type AuditEntry struct {
	Seq    int64     `json:"seq"` // from 1, without gap
	Time   time.Time `json:"time"`
	Actor  string    `json:"actor"`            // who
	Member string    `json:"member,omitempty"` // SIREN of whose data it is
	Action string    `json:"action"`           // "withdraw"
	Object string    `json:"object"`           // identity of what was acted on
	Before string    `json:"before,omitempty"` // hash of what it was
	After  string    `json:"after,omitempty"`  // and of what it became
	Reason string    `json:"reason,omitempty"` // in the person's words, never public
	Hash   string    `json:"hash"`             // Chain of the entry before and of this one
}

// Chain is the hash that the entry must carry after an entry whose hash is previous ("" before the first): the SHA-256, in lower-case
// hexadecimal, of ten strings one after the other, each written as its length in bytes (decimal), a colon, its bytes, a comma. They are previous, Seq,
// Time in microseconds since 1970 (both decimal), Actor, Member, Action, Object, Before, After, Reason.
func (e AuditEntry) Chain(previous string) string {
	h := sha256.New()
	for _, s := range []string{previous, strconv.FormatInt(e.Seq, 10), strconv.FormatInt(e.Time.UnixMicro(), 10),
		e.Actor, e.Member, e.Action, e.Object, e.Before, e.After, e.Reason} {
		fmt.Fprintf(h, "%d:", len(s))
		_, _ = io.WriteString(h, s+",")
	}
	return hex.EncodeToString(h.Sum(nil))
}

// AuditQuery selects entries, newest first. Limit 0 is all of them.
type AuditQuery struct {
	Object string // "" is any
	Action string
	Limit  int
}

// ErrTampered is returned by Store.VerifyAudit when an entry is not what was written.
var ErrTampered = errors.New("le journal d’audit a été modifié")

// A TamperedError says which entry is the first that cannot be trusted.
type TamperedError struct {
	Seq int64
	Why string // French: what is wrong with it
}

func (e *TamperedError) Error() string {
	return fmt.Sprintf("%v : ligne %d, %s", ErrTampered, e.Seq, e.Why)
}

// Unwrap makes errors.Is(err, ErrTampered) true.
func (e *TamperedError) Unwrap() error { return ErrTampered }

// ErrWithdrawn is returned by Store.Publish for a dataset that a person withdrew.
var ErrWithdrawn = errors.New("the dataset was withdrawn by a person")

// A Withdrawal is why a dataset was taken down.
type Withdrawal struct {
	Dataset uuid.UUID
	Time    time.Time
	By      string    // when asking: who, for the audit
	Reason  string    // when asking: why, for the audit; never public
	Public  string    // French sentence for readers
	Lifted  time.Time // zero; or when a person allowed the next harvest to publish again
}

// A BlobUse says what the catalogue keeps under a blob key.
type BlobUse struct {
	Key     string
	Kind    string // "file", "origins", "raw", "quarantine"
	Dataset uuid.UUID
	Slug    string
	Member  Member // SIREN and Name
	Source  string
	Version int  // 0 for a run that published nothing
	Newest  bool // the version online
	Format  string
	Name    string // of the file or document
}
