// Package publish turns accepted batches into immutable, downloadable files in every format.
//
// A Draft writes one table in all its formats in one pass, to temporary files; Store moves them into the BlobStore, and
// only then does the catalogue name them. Published files never change: a new version has new keys.
package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"grenier/schemas"
)

// A Format is one way to write a table. Everything that pages and DCAT say about it is here. Formats register themselves in
// the file that holds them.
type Format struct {
	Name      string // "parquet"; stable, part of a distribution's identity
	Ext       string // ".parquet"
	MediaType string // "application/vnd.apache.parquet"
	FileType  string // code in the EU file-type authority table: "CSV"; "" when it has none
	Title     string // French, for people: "Parquet"
	Use       string // French, what opens it: "DuckDB, Python, R"
	New       func(w io.Writer, s *schemas.Schema, m Meta) (BatchWriter, error)

	Fits  func(s *schemas.Schema) bool // whether tables of s can be written so at all; nil: any can
	Twins bool                         // kept compressed as well, for readers that accept it; not for what is compressed already
}

// ErrNotOffered is returned by a format, at any time, for a table that it cannot hold: one without positions in a format of maps, one with more
// rows than a spreadsheet takes. The version is then published without that format.
var ErrNotOffered = errors.New("format not offered")

// Meta is what a file says of itself. It holds nothing that changes from one run to the next, so that the same rows give the same bytes.
type Meta struct {
	Title     string // of the dataset
	Publisher string // member's name
	License   string // URL
	Source    string // permanent address of the dataset's page
}

// A BatchWriter writes batches in order. Close flushes; it does not close w. The batch is not kept after WriteBatch returns.
type BatchWriter interface {
	WriteBatch(*schemas.Batch) error
	Close() error
}

var formats []Format

// register adds a format to the list; a name registered twice is a programmer's error.
func register(f Format) {
	for _, g := range formats {
		if g.Name == f.Name {
			panic("publish: format registered twice: " + f.Name)
		}
	}
	formats = append(formats, f)
}

// Formats lists what can be written, "csv" first.
func Formats() []Format { return append([]Format(nil), formats...) }

// FormatsFor lists the formats that tables of s can be written in, "csv" first.
func FormatsFor(s *schemas.Schema) (list []Format) {
	for _, f := range formats {
		if f.Fits == nil || f.Fits(s) {
			list = append(list, f)
		}
	}
	return list
}

// FormatNamed finds a format.
func FormatNamed(name string) (Format, bool) {
	for _, f := range formats {
		if f.Name == name {
			return f, true
		}
	}
	return Format{}, false
}

// A BlobStore keeps published and raw files. Keys are made by the program, use '/', are never reused for other bytes, and blobs never change.
// Implementations pass publishtest.BlobStore.
type BlobStore interface {
	// Put stores what r yields under key: whole and durable (file and folder synced), or not at all. A key that exists already is
	// left as it is and r is not read, for keys name their content; or it is written anew, when that is the only way to make it young.
	// Whether it existed or not, its modification time is then less than a day past, which keeps Expire away while whoever put it gets
	// the catalogue to name it.
	Put(ctx context.Context, key string, r io.Reader) error
	// Adopt is Put for a finished local file, which it moves when it can and otherwise copies; the file at path is gone after success.
	Adopt(ctx context.Context, key, path string) error
	Open(ctx context.Context, key string) (Blob, error) // fs.ErrNotExist when there is none
	Stat(ctx context.Context, key string) (size int64, err error)
	Delete(ctx context.Context, key string) error // nil when already gone
	// Expire deletes a blob whose modification time is before a date, and tells whether it did. Unlike Delete it never takes away what a
	// Put or an Adopt at the same time found, and the deletion may be undone by a crash.
	Expire(ctx context.Context, key string, before time.Time) (gone bool, err error)
	// Each calls fn for every key under prefix, in no order; it stops at fn's first error.
	Each(ctx context.Context, prefix string, fn func(key string, size int64, modified time.Time) error) error
}

// A Finished file is a local file, complete and closed, and the key that it is to have.
type Finished struct{ Key, Path string }

// An Adopter is a BlobStore that adopts several files for less than one after the other. An error leaves some adopted and some not, and AdoptAll may be
// called again with all of them: one that is gone because it was adopted is fine.
type Adopter interface {
	AdoptAll(ctx context.Context, files []Finished) error
}

// AdoptAll adopts files, together where blobs can.
func AdoptAll(ctx context.Context, blobs BlobStore, files ...Finished) error {
	if a, ok := blobs.(Adopter); ok {
		return a.AdoptAll(ctx, files)
	}
	for _, f := range files {
		err := blobs.Adopt(ctx, f.Key, f.Path)
		if errors.Is(err, fs.ErrNotExist) {
			_, err = blobs.Stat(ctx, f.Key)
		}
		if err != nil {
			return fmt.Errorf("adopt %s: %w", f.Key, err)
		}
	}
	return nil
}

// A Blob is an open blob. The local store's is an *os.File, so that http.ServeContent can use sendfile.
type Blob interface {
	io.Reader
	io.ReaderAt
	io.Seeker
	io.Closer
}
