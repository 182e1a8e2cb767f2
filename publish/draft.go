package publish

import (
	"context"

	"grenier/schemas"
)

// An Order says what a Draft is to make.
type Order struct {
	Schema  *schemas.Schema
	Meta    Meta
	Formats []Format
	Dir     string // folder for temporary files, on the blob store's file system when it is local
}

// A Pressed file is finished, synced and still temporary.
type Pressed struct {
	Format string // "" for the quarantine
	Path   string
	Key    string // blob key it will get: "pub/ab/abcd….csv", named by its SHA-256
	Bytes  int64
	Rows   int64
	SHA256 string
}

// A Draft is one version of one dataset being made. It is used by one goroutine; Discard may always be deferred.
type Draft struct{}

// Begin opens the temporary files.
func Begin(o Order) (*Draft, error) { panic("not written yet") }

// Write hands a batch of accepted rows to every format.
func (d *Draft) Write(b *schemas.Batch) error { panic("not written yet") }

// Reject writes refused records to the quarantine file: document, line, row, reasons in French, then the cells as they came.
func (d *Draft) Reject(document string, labels []string, in *schemas.Block, rejects []schemas.Reject) error {
	panic("not written yet")
}

// Finish closes and syncs the files. The quarantine is nil when nothing was refused.
func (d *Draft) Finish() (files []Pressed, quarantine *Pressed, err error) { panic("not written yet") }

// Store moves the finished files into blobs. After it the keys may be named by the catalogue.
func (d *Draft) Store(ctx context.Context, blobs BlobStore) error { panic("not written yet") }

// Discard removes what is still temporary.
func (d *Draft) Discard() { panic("not written yet") }
