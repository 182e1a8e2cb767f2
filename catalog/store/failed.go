package store

import (
	"errors"
	"fmt"

	"grenier/catalog"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// A syncError says that the disk did not confirm a commit: the catalogue takes no other from this process.
type syncError struct {
	name string
	err  error
}

func (e *syncError) Error() string {
	return fmt.Sprintf("le disque n’a pas confirmé l’écriture de la base %s (%v) ; plus rien n’y est écrit par ce processus, et ce qui est en ligne le reste. "+
		"Il faut le relancer, et faire vérifier le disque si cela se reproduit", e.name, e.err)
}

func (e *syncError) Unwrap() []error { return []error{catalog.ErrNotSynced, e.err} }

// notSynced tells whether SQLite asked the disk to confirm something and the disk did not.
func notSynced(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code() == sqlite3.SQLITE_IOERR_FSYNC || e.Code() == sqlite3.SQLITE_IOERR_DIR_FSYNC)
}

// Failed is nil, or why this process may write nothing more to the catalogue: errors.Is(err, catalog.ErrNotSynced). Reading goes on.
func (s *Store) Failed() error {
	if s.failed == nil {
		return nil
	}
	return s.failed()
}

// fault is nil, or the syncError that ended the writer.
func (w *groupWriter) fault() error {
	if e := w.failed.Load(); e != nil {
		return e
	}
	return nil
}

// judged notes an error of a transaction that ends the writer, and says the others plainly.
func (w *groupWriter) judged(err error) error {
	if notSynced(err) {
		w.failed.CompareAndSwap(nil, &syncError{w.name, err})
		return w.fault()
	}
	return plain(err)
}
