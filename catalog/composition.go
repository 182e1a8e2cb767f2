package catalog

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// A Composition is what one version of a series is made of; the State of its run.
type Composition struct {
	Parts      []SeriesPart `json:"parts"`
	Duplicates int64        `json:"duplicates"` // keys that several members publish
	Told       []Duplicate  `json:"told,omitempty"`
}

// A SeriesPart is the version of one member's dataset that is in a series.
type SeriesPart struct {
	SIREN     string    `json:"siren"`
	Name      string    `json:"name"`
	Dataset   uuid.UUID `json:"dataset"`
	Version   int       `json:"version"`
	Rows      int64     `json:"rows"` // in the series
	Harvested time.Time `json:"harvested"`
}

// A Duplicate is a key that several members publish.
type Duplicate struct {
	Key    []string         `json:"key"`
	Places []DuplicatePlace `json:"places"`
}

// A DuplicatePlace is where one of them has it.
type DuplicatePlace struct {
	Part     int    `json:"part"` // index in Parts
	Document string `json:"document"`
	Line     int64  `json:"line"`
	Kept     bool   `json:"kept"` // its row is in the series
}

// CompositionOf reads the composition from the run that published a series; nil for any other run.
func CompositionOf(r Run) *Composition {
	var c Composition
	if json.Unmarshal([]byte(r.State), &c) != nil || len(c.Parts) == 0 {
		return nil
	}
	return &c
}
