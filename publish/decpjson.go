package publish

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"grenier/schemas"
)

func init() {
	register(Format{
		Name:      "decp-json",
		Ext:       ".json",
		MediaType: "application/json",
		FileType:  "JSON",
		Title:     "JSON réglementaire",
		Use:       "logiciels qui lisent le format officiel de la commande publique",
		New:       newDECPJSON,
		Twins:     true,
		Fits:      func(s *schemas.Schema) bool { return s.Form == schemas.Document && s.ID.Name() == decpName },
	})
}

// decpName is the schema whose records are contracts of public procurement.
const decpName = "139bercy/format-commande-publique"

// A decpWriter writes the accepted contracts as their owners sent them, byte for byte, in the layout of the official format: the lists of
// contracts, one record a line. What came in another syntax than JSON cannot be told so, and is ErrNotOffered.
//
// The records of the first list go out as they come; those of the others wait, in a file once they are many.
type decpWriter struct {
	w      io.Writer
	parent []string // of all lists: ["marches"]
	lists  []decpList
	buf    []byte
	closed bool
}

// A decpList is one list of the document.
type decpList struct {
	path, name string
	any        bool
	kept       spool // not for the first
}

func newDECPJSON(w io.Writer, s *schemas.Schema, _ Meta) (BatchWriter, error) {
	d := &decpWriter{w: w}
	for _, r := range s.Records {
		parts := strings.Split(r.Path, ".")
		parent := parts[:len(parts)-1]
		if d.lists != nil && !slices.Equal(parent, d.parent) {
			return nil, fmt.Errorf("%w: the lists of %s are not beside each other", ErrNotOffered, s.ID)
		}
		d.parent = parent
		d.lists = append(d.lists, decpList{path: r.Path, name: parts[len(parts)-1]})
	}
	if len(d.lists) == 0 || s.ID.Name() != decpName {
		return nil, fmt.Errorf("%w: %s is not about contracts", ErrNotOffered, s.ID)
	}
	for _, p := range d.parent {
		d.buf = append(appendJSONText(append(d.buf, '{'), []byte(p)), ':')
	}
	d.buf = append(d.buf, '{')
	return d, nil
}

func (d *decpWriter) WriteBatch(b *schemas.Batch) error {
	for r := range b.Rows {
		path, text, ok := b.Record(r)
		if !ok {
			return fmt.Errorf("%w: the contracts did not come as JSON", ErrNotOffered)
		}
		i := slices.IndexFunc(d.lists, func(l decpList) bool { return l.path == string(path) })
		if i < 0 {
			return fmt.Errorf("write contracts: a record of the list %q", path)
		}
		l := &d.lists[i]
		if i > 0 {
			if err := l.add(text); err != nil {
				return err
			}
			continue
		}
		d.buf = append(l.open(d.buf), text...)
		if len(d.buf) >= ndjsonBuffer {
			if err := d.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// open appends what stands before the next record.
func (l *decpList) open(dst []byte) []byte {
	if l.any {
		return append(dst, ",\n"...)
	}
	l.any = true
	return append(appendJSONText(dst, []byte(l.name)), ":[\n"...)
}

func (l *decpList) add(text []byte) error {
	if err := l.kept.write(l.open(nil)); err != nil {
		return err
	}
	return l.kept.write(text)
}

func (d *decpWriter) Close() error {
	if d.closed {
		return nil
	}
	d.closed = true
	if !slices.ContainsFunc(d.lists, func(l decpList) bool { return l.any }) {
		return fmt.Errorf("%w: there is no contract, and the official format has no empty list", ErrNotOffered)
	}
	begun := false
	for i := range d.lists {
		l := &d.lists[i]
		if !l.any {
			continue
		}
		if begun {
			d.buf = append(d.buf, ",\n"...)
		}
		begun = true
		if err := d.flush(); err != nil {
			return err
		}
		if err := l.kept.moveTo(d.w); err != nil {
			return err
		}
		d.buf = append(d.buf, "\n]"...)
	}
	for range len(d.parent) + 1 {
		d.buf = append(d.buf, '}')
	}
	d.buf = append(d.buf, '\n')
	return d.flush()
}

func (d *decpWriter) flush() error {
	_, err := d.w.Write(d.buf)
	d.buf = d.buf[:0]
	if err != nil {
		return fmt.Errorf("write contracts: %w", err)
	}
	return nil
}

// A spool keeps bytes until they are asked for: the last ones in memory, those before in a file that has no name.
type spool struct {
	buf  bytes.Buffer
	file *os.File
}

// spoolMemory is how many bytes of a spool stay in memory.
const spoolMemory = 1 << 20

func (s *spool) write(p []byte) error {
	if s.buf.Len()+len(p) > spoolMemory && s.buf.Len() > 0 {
		if err := s.spill(); err != nil {
			return fmt.Errorf("keep contracts aside: %w", err)
		}
	}
	s.buf.Write(p)
	return nil
}

func (s *spool) spill() error {
	if s.file == nil {
		f, err := os.CreateTemp("", "grenier-*")
		if err != nil {
			return err
		}
		if err := os.Remove(f.Name()); err != nil {
			return errors.Join(err, f.Close())
		}
		s.file = f // closed by moveTo, or by the collector where the draft is discarded
	}
	_, err := s.buf.WriteTo(s.file)
	return err
}

// moveTo writes all that is kept to w and lets go of it.
func (s *spool) moveTo(w io.Writer) (err error) {
	if s.file != nil {
		defer func() { err = errors.Join(err, s.file.Close()) }()
		if _, err := s.file.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("read contracts kept aside: %w", err)
		}
		if _, err := io.Copy(w, s.file); err != nil {
			return fmt.Errorf("write contracts kept aside: %w", err)
		}
	}
	if _, err := s.buf.WriteTo(w); err != nil {
		return fmt.Errorf("write contracts: %w", err)
	}
	return nil
}
