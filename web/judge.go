package web

import (
	"context"
	"errors"
	"io"

	"grenier/schemas"
)

// A Judge says what a file that a visitor hands in is worth. It is the same engine as that of the harvest: the same bytes have the same
// fingerprint through every door.
type Judge interface {
	// Judge reads u and judges it. A file that was read, good or bad, is a Verdict without error; a Refusal says why there is none. It returns
	// soon after ctx ends, and keeps nothing outside u.Dir.
	Judge(ctx context.Context, u Upload) (*Verdict, error)
}

// An Upload is what a visitor asks to be judged: a file, or an address where it is.
type Upload struct {
	Name     string      // as its sender calls it: only shown, never a path
	Size     int64       // of File
	File     io.ReaderAt // nil when URL is given
	URL      string
	Schema   string // "org/name" or "org/name@version"; "" or "auto" recognises it from the content
	Fix      bool   // mend what can be mended without changing the meaning
	Language string // of the messages: "fr" (also when empty) or "en"
	Dir      string // a folder of this request's own, deleted with all that is in it when the answer is written
}

// A Verdict is what a Judge found.
type Verdict struct {
	Report   *schemas.Report // on the bytes as they came; its Recognition says how the schema was found, when nobody named it
	Schema   *schemas.Schema
	Repaired *Repaired // nil when nothing was, or could be, mended
}

// A Repaired is the file as it is once mended.
type Repaired struct {
	Name   string
	Path   string          // in Upload.Dir
	Size   int64           // bytes
	Report *schemas.Report // on the mended file; its Repairs say what was done
}

// A Refusal is why a file has no verdict: a French sentence for the person who sent it.
type Refusal struct {
	Reason Reason
	French string
	Err    error // for the log; may be nil
}

// A Reason is the kind of a Refusal; it is the error's code in the API.
type Reason string

const (
	UnknownSchema Reason = "unknown_schema" // no schema of that name
	Unrecognised  Reason = "not_recognised" // no schema resembles the content
	Unreadable    Reason = "unreadable"     // not a table nor a document, damaged, empty
	Unreachable   Reason = "unreachable"    // the address gives no file
	TooLarge      Reason = "too_large"
	TooLong       Reason = "too_long" // the time given was not enough
)

func (r *Refusal) Error() string {
	if r.Err != nil {
		return string(r.Reason) + ": " + r.Err.Error()
	}
	return string(r.Reason)
}

func (r *Refusal) Unwrap() error { return r.Err }

// refused finds the Refusal in err.
func refused(err error) (*Refusal, bool) {
	var r *Refusal
	return r, errors.As(err, &r)
}
