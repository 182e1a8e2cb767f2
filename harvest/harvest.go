// Package harvest runs a source along the line on its schedule and records what happened.
//
// The line is one function, Runner.Run in run.go:
//
//	Source.Fetch → raw kept → Decode → Map → Check → Gate → Draft.Store → Store.Publish
//
// Connectors live in the folders below and hand over documents as they are; recipes say what becomes of them.
package harvest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"time"
)

// ErrUnchanged is returned by Source.Fetch when nothing changed since the last State.
var ErrUnchanged = errors.New("unchanged")

// State is what a connector remembers of a Fetch whose documents are those online: it was published, or found unchanged. Only the connector
// reads it.
type State string

// A Document is one file or API answer as its owner sent it. Body is read once, before fn returns.
type Document struct {
	Name      string    // stable within the source: path, URL or remote id; never a secret
	MediaType string    // helps to choose the decoder, with the name and the first bytes
	Modified  time.Time // zero when unknown
	Same      bool      // Body is nil: the bytes are those that the Fetch of the given State kept under this Name
	Body      io.Reader
}

// A Source is one configured place that data comes from.
type Source interface {
	// Fetch calls fn once for each document, in a stable order, in the caller's goroutine, and stops at the first error, its own or
	// fn's. last is the State that the last Fetch that is online returned, "" at first or when everything must be read
	// again. Fetch returns ErrUnchanged, and calls fn for nothing, when it can tell that nothing changed. It returns soon
	// after ctx ends. Errors that no retry can mend are marked Permanent.
	Fetch(ctx context.Context, last State, fn func(Document) error) (State, error)
}

// A Kind is a connector's entry in the list: all that the configuration, the documentation and the pages need to know about it.
type Kind struct {
	Name    string // "http"
	Title   string // French
	Options []Option
	Open    func(config json.RawMessage, env Env) (Source, error)
}

// An Option is one key of a connector's configuration.
type Option struct {
	Name     string // JSON key
	Type     string // "texte", "liste", "nombre", "oui/non", "durée"
	Help     string // French, from the struct tag `help`
	Required bool   // struct tag `required:"true"`
	Secret   bool   // struct tag `secret:"true"`: the value is a reference, "file:…" or "env:…"
}

// Env is what the house lends a connector.
type Env struct {
	HTTP    *Client
	Folders []string                         // folders that the folder connector may read, absolute
	Secret  func(ref string) (string, error) // resolves "file:…" and "env:…"
	Log     *slog.Logger
	Now     func() time.Time
}

// Connectors finds a Kind by name.
type Connectors []Kind

// Named finds a connector.
func (c Connectors) Named(name string) (Kind, bool) {
	for _, k := range c {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}
