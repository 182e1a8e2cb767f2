// Package rehearsal plays data.gouv.fr: it walks a catalogue, reads its RDF and says what would be stored, skipped, refused or lost, and why.
//
// Parse reads RDF with a reader of its own, for the program's own writer must not be the judge of itself. Walk asks for the pages of an address as
// the harvester does, Read takes pages at hand; both replay its reading rules and those of DCAT-AP. A Summary keeps what a harvest would
// bring, and Losses says what another one would take away.
package rehearsal

import (
	"time"
)

// A Schema is a national schema, known by the exact address of its description.
type Schema struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Options are what a rehearsal needs to know. The zero value reads with the clock and without schemas.
type Options struct {
	Now     time.Time         // zero is the clock
	Schemas map[string]Schema // by address, all that are known; nil: addresses of schemas are not judged
	Limits  Limits            // of one page
	Pages   int               // at most, 0 is the usual number
	Probe   bool              // Walk: ask for every file too
}

// A Report is what data.gouv.fr would make of a catalogue.
type Report struct {
	Address  string    `json:"address"`
	Pages    []PageRef `json:"pages"`
	Items    []Item    `json:"items"`
	Findings []Finding `json:"findings"`          // worst first
	Dropped  int       `json:"dropped,omitempty"` // findings beyond what a report holds
}

// A PageRef is one page that was read.
type PageRef struct {
	Address  string `json:"address"`
	Bytes    int    `json:"bytes"`
	Triples  int    `json:"triples"`
	Datasets int    `json:"datasets"`
	Services int    `json:"services"`
}

// Outcome is what becomes of an item.
type Outcome string

// The outcomes.
const (
	Stored  Outcome = "stored"
	Skipped Outcome = "skipped"
	Failed  Outcome = "failed"
)

// An Item is a dataset, or an API, as data.gouv.fr would store it.
type Item struct {
	Kind        string    `json:"kind"` // "dataset" or "service"
	IRI         string    `json:"iri"`
	Page        string    `json:"page"`
	Outcome     Outcome   `json:"outcome"`
	Identifier  string    `json:"identifier"`
	Title       string    `json:"title"`
	Acronym     string    `json:"acronym,omitempty"`
	Description string    `json:"description"`
	Tags        []string  `json:"tags"`
	Licence     string    `json:"licence,omitempty"` // identity at data.gouv.fr: "lov2"; "" is not specified
	LicenceName string    `json:"licence_name,omitempty"`
	Frequency   string    `json:"frequency,omitempty"` // EU code: "DAILY"
	Temporal    *Period   `json:"temporal,omitempty"`
	Spatial     *Box      `json:"spatial,omitempty"` // box around the polygons
	Schema      *Link     `json:"schema,omitempty"`  // of the whole dataset
	HVD         []string  `json:"hvd,omitempty"`     // tags of the categories
	Contacts    []Contact `json:"contacts,omitempty"`
	Landing     string    `json:"landing,omitempty"`
	Issued      string    `json:"issued,omitempty"`
	Modified    string    `json:"modified,omitempty"`
	Files       []File    `json:"files"`
	Endpoint    string    `json:"endpoint,omitempty"` // of a service
	Serves      []string  `json:"serves,omitempty"`   // identifiers
	Score       *Score    `json:"score,omitempty"`    // of a dataset
}

// A Period is a coverage in time; an end may be open.
type Period struct {
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// A Box is in degrees.
type Box struct {
	West  float64 `json:"west"`
	South float64 `json:"south"`
	East  float64 `json:"east"`
	North float64 `json:"north"`
}

// A Link is the schema of a file: a national one, by name and version, or any other, by address alone.
type Link struct {
	Schema
	URL string `json:"url"`
}

// National tells a schema of the national catalogue.
func (l *Link) National() bool { return l != nil && l.Name != "" }

// A Contact is someone that data.gouv.fr would show.
type Contact struct {
	Role  string `json:"role"` // "contact" or "publisher"
	Name  string `json:"name"`
	Email string `json:"email,omitempty"`
	URL   string `json:"url,omitempty"`
}

// A File is one resource.
type File struct {
	IRI         string `json:"iri,omitempty"`
	URL         string `json:"url"`
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	Format      string `json:"format,omitempty"`
	MediaType   string `json:"media_type,omitempty"`
	Bytes       int64  `json:"bytes,omitempty"`
	Modified    string `json:"modified,omitempty"`
	Schema      *Link  `json:"schema,omitempty"`

	away bool // asked for, and not to be had
}

// A Score is data.gouv.fr's mark of quality: nine criteria that weigh the same.
type Score struct {
	Criteria []Criterion `json:"criteria"`
	Points   int         `json:"points"`
}

// A Criterion is one of them, in French.
type Criterion struct {
	Name string `json:"name"`
	Met  bool   `json:"met"`
}

// Percent is the score as data.gouv.fr shows it.
func (s *Score) Percent() int { return (s.Points*100 + len(s.Criteria)/2) / len(s.Criteria) }

// Well tells a catalogue without any fault.
func (r *Report) Well() bool { return r.Faults() == 0 }

// Faults counts what must be mended.
func (r *Report) Faults() int {
	n := r.Dropped
	for _, f := range r.Findings {
		if f.Effect.Fault() {
			n++
		}
	}
	return n
}

// Count counts the items of a kind, "" for both, with an outcome.
func (r *Report) Count(kind string, o Outcome) int {
	n := 0
	for _, i := range r.Items {
		if (kind == "" || i.Kind == kind) && i.Outcome == o {
			n++
		}
	}
	return n
}

// Average is the mean quality of the datasets that would be stored, in per cent; 0 without any.
func (r *Report) Average() int {
	sum, n := 0, 0
	for _, i := range r.Items {
		if i.Score != nil && i.Outcome == Stored {
			sum += i.Score.Percent()
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return (sum + n/2) / n
}

// National is the national schema of a dataset: its own, or the first of its files; nil without one.
func (i *Item) National() *Link {
	if i.Schema.National() {
		return i.Schema
	}
	for _, f := range i.Files {
		if f.Schema.National() {
			return f.Schema
		}
	}
	return nil
}
