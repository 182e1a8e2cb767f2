package catalog

import (
	"slices"
	"time"
)

// A Feed is the catalogue of a member as harvesters may have it: the last one that was accepted, and what the newest one would take away while it
// waits for a person.
type Feed struct {
	Path     string    // of its address, without extension: "/catalogues/213900137"
	Member   string    // SIREN
	Accepted time.Time // when; zero: none was yet
	Modified time.Time // of what was accepted
	Summary  []byte    // of what was accepted, as package rehearsal writes it
	Pages    []byte    // accepted, as their server packs them

	Held    time.Time  // since when a newer one waits; zero: none does
	Losses  []FeedLoss // what that one would take away
	Allowed []string   // keys of the losses that a person let pass; they count once, for the next that is accepted
}

// A FeedLoss is one thing that harvesters would lose.
type FeedLoss struct {
	Key  string `json:"key"`  // names the same loss from one rehearsal to the next
	Text string `json:"text"` // French
}

// Allows tells whether a person let all these losses pass.
func (f Feed) Allows(losses []FeedLoss) bool {
	return !slices.ContainsFunc(losses, func(l FeedLoss) bool { return !slices.Contains(f.Allowed, l.Key) })
}

// AuditAccept is the action of a person who lets a catalogue be harvested with its losses.
const AuditAccept = "accept"
