package publish

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"grenier/catalog"
)

// A SyncError says which file or folder the disk did not confirm. What the system still held of it may be lost without another word, and asking
// again may be answered « yes »: the store that saw it takes in nothing more, and its process has to be started anew.
type SyncError struct {
	Path string
	Err  error
}

func (e *SyncError) Error() string {
	return fmt.Sprintf("Le disque n’a pas confirmé l’écriture de %s (%v). Plus rien n’est publié par ce processus\u00a0; "+
		"ce qui est en ligne le reste. Il faut le relancer, et faire vérifier le disque si cela se reproduit.", e.Path, e.Err)
}

// Unwrap makes errors.Is(err, catalog.ErrNotSynced) true.
func (e *SyncError) Unwrap() []error { return []error{catalog.ErrNotSynced, e.Err} }

// SyncBy replaces how files and folders are made durable: a test sees what is asked of the disk, and lets it fail.
func SyncBy(sync func(*os.File) error) DirOption {
	return func(d *Dir) { d.fsync = sync }
}

// Failed is nil, or the *SyncError after which the store takes in nothing more. What it keeps can still be read.
func (d *Dir) Failed() error {
	if e := d.failed.Load(); e != nil {
		return e
	}
	return nil
}

// sync makes an open file or folder durable. After the first failure of this store it asks nothing of the disk any more, and what it confirmed at
// the same moment counts for nothing.
func (d *Dir) sync(f *os.File) error {
	if err := d.Failed(); err != nil {
		return err
	}
	if err := d.fsync(f); err != nil {
		d.failed.CompareAndSwap(nil, &SyncError{f.Name(), err})
	}
	return d.Failed()
}

// syncPath makes a file's content, or a folder's entries, durable.
func (d *Dir) syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.sync(f), f.Close())
}

// makeFolders makes the store's folder, durably, and the one of its temporary files.
func (d *Dir) makeFolders() error {
	there := d.root // the deepest folder that is there already
	for {
		if _, err := os.Lstat(there); err == nil || there == filepath.Dir(there) {
			break
		}
		there = filepath.Dir(there)
	}
	if err := os.MkdirAll(d.Temp(), 0o750); err != nil {
		return err
	}
	for made := d.root; made != there; made = filepath.Dir(made) {
		if err := d.syncPath(filepath.Dir(made)); err != nil {
			return err
		}
	}
	return nil
}

// syncFolders makes the entries of folder durable, and those of its parents that this process has not seen synced.
func (d *Dir) syncFolders(folder string) error {
	if err := d.syncPath(folder); err != nil {
		return err
	}
	for folder != d.root {
		if _, ok := d.synced.Load(folder); ok {
			return nil
		}
		parent := filepath.Dir(folder)
		if err := d.syncPath(parent); err != nil {
			return err
		}
		d.synced.Store(folder, nil)
		folder = parent
	}
	return nil
}

// takeBack removes files that were moved into place and whose places are not durable, unless another process has taken one for its own since: then it
// has made it younger than it was.
func (d *Dir) takeBack(placed ...placement) {
	unlock, err := d.lock(true)
	if err != nil {
		return // they stay as orphans
	}
	defer unlock()
	for _, p := range placed {
		if info, err := os.Lstat(p.target); err == nil && info.ModTime().Equal(p.written) {
			_ = os.Remove(p.target)
		}
	}
}

// DiskTrouble says in French what ails the disk of this program when that is why something could not be done, "" when it is not. remote: what failed
// may also have been reading from elsewhere, whose refusals are none of our disk's. The sentence names no folder: anybody may read it.
func DiskTrouble(err error, remote bool) string {
	is := func(any ...error) bool {
		return slices.ContainsFunc(any, func(e error) bool { return errors.Is(err, e) })
	}
	const before, online = "Le disque des données ", "\u00a0: rien n’a été publié. Ce qui est en ligne le reste"
	switch {
	case is(catalog.ErrNotSynced):
		return before + "n’a pas confirmé une écriture" + online + "\u00a0; le service redémarre de lui-même. Si cela se reproduit, faites vérifier le disque."
	case is(ErrFull, syscall.ENOSPC, syscall.EDQUOT):
		return before + "est plein" + online + ". Libérez de la place ou agrandissez le disque\u00a0: la moisson reprendra d’elle-même."
	case is(syscall.EROFS) || !remote && is(os.ErrPermission, syscall.ENOTDIR):
		return before + "ne peut pas être écrit" + online + ". Vérifiez les droits du dossier et l’état du disque\u00a0: la moisson reprendra d’elle-même."
	case !remote && is(syscall.EIO):
		return before + "répond par une erreur" + online + "\u00a0; faites vérifier le disque."
	}
	return ""
}
