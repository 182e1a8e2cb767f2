package catalog

import (
	"errors"
	"time"

	"github.com/google/uuid"
)

// ErrDecided is returned for a decision about a delivery that waits no longer: somebody decided before, or the source has delivered anew.
var ErrDecided = errors.New("no such delivery waits for a decision")

// A Decision is what a person decided about a delivery, kept for good. It is written in the transaction of its effect.
type Decision struct {
	ID        string        `json:"id"` // UUIDv7
	Time      time.Time     `json:"time"`
	Kind      DecisionKind  `json:"kind"`
	By        string        `json:"by"` // who, as the command was told or the machine knows
	Reason    string        `json:"reason"`
	Source    string        `json:"source"`
	Dataset   uuid.UUID     `json:"dataset,omitzero"` // zero when nothing was ever published
	Run       string        `json:"run,omitempty"`    // the held run that was decided on, "" when nothing was held
	Effect    string        `json:"effect,omitempty"` // the run that carried it out, "" for a refusal
	Documents []Raw         `json:"documents,omitempty"`
	Process   string        `json:"-"` // of the held run: judged in another way, the same bytes are another delivery
	Before    DecisionState `json:"before"`
	After     DecisionState `json:"after"`
}

// DecisionKind is what was decided.
type DecisionKind string

// The decisions.
const (
	Released DecisionKind = "released" // published whatever the gate says
	Refused  DecisionKind = "refused"  // never to be published as it is
)

// A DecisionState is what was online around a decision.
type DecisionState struct {
	Status  DatasetStatus `json:"status,omitempty"` // "" when nothing was
	Version int           `json:"version,omitempty"`
	SHA256  string        `json:"sha256,omitempty"` // of the version's first file
}

// DecisionQuery selects decisions. Limit 0 is 50.
type DecisionQuery struct {
	Source string
	Run    string // the held run
	Kind   DecisionKind
	Limit  int
}

// A Period is the time during which one version of a dataset was online.
type Period struct {
	Version  int
	Run      string
	From, To time.Time // To is zero for the one online
	Rows     int64
	Rejected int64
	Valid    bool
	Files    []File // nil once the version is forgotten
	Statuses []StatusSpan
}

// A StatusSpan is a part of a Period during which readers were told the same of the dataset.
type StatusSpan struct {
	Status   DatasetStatus
	From, To time.Time // To is zero for the one that lasts
}
