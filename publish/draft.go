package publish

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"os"
	"slices"
	"sync"

	"grenier/schemas"
)

// An Order says what a Draft is to make.
type Order struct {
	Schema  *schemas.Schema
	Meta    Meta
	Formats []Format
	Dir     string // folder for temporary files, on the blob store's file system when it is local
	Origins bool   // also make the origins file, which says where each row of the Parquet file came from
	Profile bool   // also make the profile of the Parquet file, when it is not small: see ReadProfile
}

// A Pressed file is finished and still temporary: storing it makes it durable.
type Pressed struct {
	Format string // "" for the quarantine
	Path   string
	Key    string // blob key it will get: "pub/ab/abcd….csv", named by its SHA-256
	Bytes  int64
	Rows   int64
	SHA256 string
}

// A Draft is one version of one dataset being made. It is used by one goroutine; Discard may always be deferred.
type Draft struct {
	order   Order
	tables  []*table
	dropped []Drop
	refused *quarantine // nil until something is refused
	origins *origins    // nil unless asked for, and there is a Parquet file
	pressed *Pressed    // after Finish: the origins file
	ready   []Pressed   // after Finish, until stored
	held    []*os.File  // those: what the system could not write of them is then told to whoever syncs them
	closed  bool        // Finish or Discard was called
	err     error       // the first error; nothing can be made of the draft after it
}

// A table is the accepted rows on their way to one format.
type table struct {
	format Format
	out    *output
	w      BatchWriter
}

// A Drop is a format that the version goes without, because it cannot hold the table.
type Drop struct {
	Format Format
	Err    error // ErrNotOffered, with the reason
}

// errClosed is returned by a Draft that is used after Finish or Discard.
var errClosed = errors.New("draft is closed")

// Begin opens the temporary files.
func Begin(o Order) (*Draft, error) {
	if o.Schema == nil || len(o.Formats) == 0 {
		return nil, errors.New("begin draft: no schema or no format")
	}
	if o.Dir != "" {
		if err := os.MkdirAll(o.Dir, 0o750); err != nil {
			return nil, fmt.Errorf("begin draft: %w", err)
		}
	}
	d := &Draft{order: o}
	for _, f := range o.Formats {
		if err := d.open(f); err != nil {
			d.Discard()
			return nil, fmt.Errorf("begin draft in %s: %w", f.Name, err)
		}
	}
	err := d.anyLeft()
	if err == nil && o.Origins {
		err = d.openOrigins()
	}
	if o.Profile {
		d.openProfile()
	}
	if err != nil {
		d.Discard()
		return nil, fmt.Errorf("begin draft: %w", err)
	}
	return d, nil
}

// openOrigins makes the origins file follow the Parquet file; without one there is nothing to follow.
func (d *Draft) openOrigins() (err error) {
	for _, t := range d.tables {
		if p, ok := t.w.(*parquetWriter); ok && p.shapes == nil {
			d.origins, err = newOrigins(d.order.Dir, d.order.Schema)
			p.origins = d.origins
			return err
		}
	}
	return nil
}

// Document names the document that the next batches come from, for their origins. A delivery of one document without a name needs none.
func (d *Draft) Document(name string) {
	if d.origins != nil {
		d.origins.document(name)
	}
}

// Origins is the origins file, after Finish; nil unless it was asked for and the draft has a Parquet file. Store moves it with the others.
func (d *Draft) Origins() *Pressed {
	if d.err != nil {
		return nil
	}
	return d.pressed
}

func (d *Draft) open(f Format) error {
	if f.Fits != nil && !f.Fits(d.order.Schema) {
		d.dropped = append(d.dropped, Drop{f, fmt.Errorf("%w: it cannot hold tables of %s", ErrNotOffered, d.order.Schema.ID)})
		return nil
	}
	out, err := newOutput(d.order.Dir, f.Ext)
	if err != nil {
		return err
	}
	t := &table{format: f, out: out}
	d.tables = append(d.tables, t)
	if t.w, err = f.New(out.buf, d.order.Schema, d.order.Meta); d.drop(t, err) {
		return nil
	}
	return err
}

// drop goes on without a table if err says that its format cannot hold it.
func (d *Draft) drop(t *table, err error) bool {
	if !errors.Is(err, ErrNotOffered) {
		return false
	}
	t.out.discard()
	d.dropped = append(d.dropped, Drop{t.format, err})
	d.tables = slices.DeleteFunc(slices.Clone(d.tables), func(u *table) bool { return u == t })
	return true
}

// anyLeft is an error when no format could hold the table.
func (d *Draft) anyLeft() error {
	if len(d.tables) > 0 || len(d.dropped) == 0 {
		return nil
	}
	return d.dropped[len(d.dropped)-1].Err
}

// Dropped lists the formats that cannot hold the table; it is complete after Finish.
func (d *Draft) Dropped() []Drop { return d.dropped }

// Write hands a batch of accepted rows to every format. After an error the draft can only be discarded.
func (d *Draft) Write(b *schemas.Batch) error {
	if err := d.usable(); err != nil {
		return err
	}
	for _, t := range d.tables {
		if err := t.w.WriteBatch(b); d.drop(t, err) {
			continue
		} else if err != nil {
			return d.fail(fmt.Errorf("write %s: %w", t.format.Name, err))
		}
		t.out.rows += int64(b.Rows)
	}
	if err := d.anyLeft(); err != nil {
		return d.fail(fmt.Errorf("write draft: %w", err))
	}
	return nil
}

// Reject writes refused records to the quarantine file: document, line, row, reasons in French, then the cells as they came.
// The file is for people with a spreadsheet: see quarantine.
func (d *Draft) Reject(document string, labels []string, in *schemas.Block, rejects []schemas.Reject) error {
	if err := d.usable(); err != nil || len(rejects) == 0 {
		return err
	}
	if d.refused == nil {
		q, err := newQuarantine(d.order.Dir)
		if err != nil {
			return d.fail(fmt.Errorf("open quarantine: %w", err))
		}
		d.refused = q
	}
	if err := d.refused.write(document, labels, in, rejects); err != nil {
		return d.fail(fmt.Errorf("write quarantine: %w", err))
	}
	return nil
}

func (d *Draft) usable() error {
	if d.err == nil && d.closed {
		return errClosed
	}
	return d.err
}

func (d *Draft) fail(err error) error {
	d.err = err
	return err
}

// Finish ends the files. The quarantine is nil when nothing was refused. After an error nothing is left.
func (d *Draft) Finish() (files []Pressed, quarantine *Pressed, err error) {
	if err := d.usable(); err != nil {
		return nil, nil, err
	}
	for _, t := range d.tables {
		p, err := t.press(d)
		if d.drop(t, err) {
			continue
		}
		if err != nil {
			d.Discard()
			return nil, nil, d.fail(fmt.Errorf("finish %s: %w", t.format.Name, err))
		}
		files = append(files, p)
		if err := d.pressProfile(t, p); err != nil {
			d.Discard()
			return nil, nil, d.fail(fmt.Errorf("finish profile: %w", err))
		}
	}
	if d.origins != nil {
		p, err := d.origins.press(d)
		if err != nil {
			d.Discard()
			return nil, nil, d.fail(fmt.Errorf("finish origins: %w", err))
		}
		d.pressed = &p
	}
	if err := d.anyLeft(); err != nil {
		d.Discard()
		return nil, nil, d.fail(fmt.Errorf("finish draft: %w", err))
	}
	if d.refused != nil {
		p, err := d.press(d.refused.out, "", "quarantine", ".csv")
		if err != nil {
			d.Discard()
			return nil, nil, d.fail(fmt.Errorf("finish quarantine: %w", err))
		}
		quarantine = &p
	}
	d.closed = true
	return files, quarantine, nil
}

func (t *table) press(d *Draft) (Pressed, error) {
	if err := t.w.Close(); err != nil {
		return Pressed{}, err
	}
	return d.press(t.out, t.format.Name, "pub", t.format.Ext)
}

// press makes an output one of the files that are ready.
func (d *Draft) press(o *output, format, folder, ext string) (Pressed, error) {
	p, file, err := o.press(format, folder, ext)
	if err == nil {
		d.ready, d.held = append(d.ready, p), append(d.held, file)
	}
	return p, err
}

// Store moves the finished files into blobs, and with them what else the version needs; after it the keys may be named by the catalogue. An error leaves what was
// moved, which nothing names, and what was not, which Discard removes; Store may be called again.
func (d *Draft) Store(ctx context.Context, blobs BlobStore, more ...Finished) error {
	if d.err != nil {
		return d.err
	}
	if !d.closed {
		return errors.New("store draft: not finished")
	}
	for _, p := range d.ready {
		more = append(more, Finished{p.Key, p.Path})
	}
	if err := AdoptAll(ctx, blobs, more...); err != nil {
		return fmt.Errorf("store draft: %w", err)
	}
	d.release()
	return nil
}

// release closes the files that are ready.
func (d *Draft) release() {
	for _, f := range d.held {
		_ = f.Close()
	}
	d.ready, d.held = nil, nil
}

// Discard removes what is still temporary.
func (d *Draft) Discard() {
	if d == nil {
		return
	}
	d.closed = true
	for _, p := range d.ready {
		_ = os.Remove(p.Path)
	}
	d.release()
	for _, t := range d.tables {
		t.out.discard()
	}
	if d.refused != nil {
		d.refused.out.discard()
	}
	if d.origins != nil {
		d.origins.out.discard()
	}
	d.tables, d.refused, d.origins = nil, nil, nil
}

// An output is one temporary file being written through buf and hashed on the way.
type output struct {
	file  *os.File // nil once pressed or discarded
	buf   *bufio.Writer
	hash  hash.Hash
	bytes int64
	rows  int64
}

// outputBuffers keeps the buffers of outputs from one file to the next.
var outputBuffers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 64<<10) }}

func newOutput(dir, ext string) (*output, error) {
	f, err := os.CreateTemp(dir, "draft-*"+ext)
	if err != nil {
		return nil, err
	}
	o := &output{file: f, hash: sha256.New(), buf: outputBuffers.Get().(*bufio.Writer)}
	o.buf.Reset(o)
	return o, nil
}

// Write is what buf writes to.
func (o *output) Write(p []byte) (int, error) {
	n, err := o.file.Write(p)
	o.hash.Write(p[:n])
	o.bytes += int64(n)
	return n, err
}

// press flushes the file and begins to have it written to disk. It stays open: whoever stores it closes it then.
func (o *output) press(format, folder, ext string) (Pressed, *os.File, error) {
	if err := o.buf.Flush(); err != nil {
		return Pressed{}, nil, err
	}
	startWriting(o.file)
	file, sum := o.file, hex.EncodeToString(o.hash.Sum(nil))
	p := Pressed{Format: format, Path: file.Name(), Key: folder + "/" + sum[:2] + "/" + sum + ext, Bytes: o.bytes, Rows: o.rows, SHA256: sum}
	o.release()
	return p, file, nil
}

// discard removes the file unless it was pressed.
func (o *output) discard() {
	if o.file == nil {
		return
	}
	_ = o.file.Close()
	_ = os.Remove(o.file.Name())
	o.release()
}

func (o *output) release() {
	o.buf.Reset(nil)
	outputBuffers.Put(o.buf)
	o.file, o.buf = nil, nil
}
