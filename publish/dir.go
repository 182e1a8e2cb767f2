package publish

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// tempFolder is where a Dir keeps unfinished files; no key begins with a dot.
const tempFolder = ".tmp"

// lockFile is what lock locks, in the store's folder.
const lockFile = ".lock"

// tempAge is how old a temporary file must be to be taken for the leftover of a process that died.
const tempAge = 24 * time.Hour

// The calls that make things durable, so that tests can make each of them fail.
var (
	syncFile   = (*os.File).Sync
	renameFile = os.Rename
)

// A Dir keeps blobs as files under one local folder: the key is the path. A file appears under its key by a rename, after it was
// synced, and the folder is synced before Put or Adopt returns. It is safe for concurrent use, also by several processes.
//
// When the disk does not confirm a write, that is the end of this Dir for everything but reading: see SyncError and Failed.
type Dir struct {
	root   string
	least  int64   // free bytes to keep
	share  float64 // share of the file system to keep free
	seed   maphash.Seed
	locks  [64]sync.Mutex // by key: who moves a file into place
	synced sync.Map       // folders whose entry in their parent is known to be on disk
	fsync  func(*os.File) error
	failed atomic.Pointer[SyncError] // the first sync that failed
}

var _ BlobStore = (*Dir)(nil)

// A DirOption changes how a Dir works.
type DirOption func(*Dir)

// KeepFree makes Put and Adopt refuse, with ErrFull, while less than the larger of least bytes and share (0.05 is 5 %) of the file system
// is free. Without it the disk may be filled.
func KeepFree(least int64, share float64) DirOption {
	return func(d *Dir) { d.least, d.share = least, share }
}

// OpenDir opens the store kept under path, which it makes when needed, and removes what died processes left there.
func OpenDir(path string, options ...DirOption) (*Dir, error) {
	root, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	d := &Dir{root: root, seed: maphash.MakeSeed(), fsync: func(f *os.File) error { return syncFile(f) }}
	for _, o := range options {
		o(d)
	}
	if err := d.makeFolders(); err != nil {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	if err := d.sweep(time.Now().Add(-tempAge)); err != nil {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	return d, nil
}

// Temp is a folder for temporary files on the store's file system, from where Adopt moves instead of copying. Files older than a day are
// removed by OpenDir.
func (d *Dir) Temp() string { return filepath.Join(d.root, tempFolder) }

func (d *Dir) sweep(before time.Time) error {
	entries, err := os.ReadDir(d.Temp())
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && info.ModTime().Before(before) {
			err = os.RemoveAll(filepath.Join(d.Temp(), e.Name()))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Put implements BlobStore.
func (d *Dir) Put(ctx context.Context, key string, r io.Reader) error {
	if there, err := d.begin(ctx, key); there || err != nil {
		return err
	}
	temp, err := d.write(ctx, r)
	if err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	if err := d.place(key, temp); err != nil {
		_ = os.Remove(temp)
		return fmt.Errorf("put %s: %w", key, err)
	}
	return nil
}

// Adopt implements BlobStore. The file at path must be closed; only a regular file is taken.
func (d *Dir) Adopt(ctx context.Context, key, path string) error {
	there, err := d.begin(ctx, key)
	if err != nil {
		return err
	}
	if there {
		return os.Remove(path)
	}
	if err := d.readyRegular(path); err != nil {
		return fmt.Errorf("adopt %s: %w", key, err)
	}
	switch err := d.place(key, path); {
	case err == nil:
		return nil
	case !errors.Is(err, syscall.EXDEV):
		return fmt.Errorf("adopt %s: %w", key, err)
	}
	return d.adoptCopy(ctx, key, path)
}

// AdoptAll implements Adopter: every file is synced, then every file is moved, then every folder is synced, so that the disk writes them together.
func (d *Dir) AdoptAll(ctx context.Context, files []Finished) error {
	var moving []Finished
	for _, f := range files {
		there, err := d.begin(ctx, f.Key)
		switch {
		case err != nil:
			return err
		case there:
			if err := os.Remove(f.Path); err != nil && !errors.Is(err, fs.ErrNotExist) { // given again: it was moved
				return err
			}
			continue
		}
		if err := d.readyRegular(f.Path); err != nil {
			return fmt.Errorf("adopt %s: %w", f.Key, err)
		}
		moving = append(moving, f)
	}
	var placed []placement
	for _, f := range moving {
		p, err := d.move(f.Key, f.Path)
		if errors.Is(err, syscall.EXDEV) {
			p, err = placement{}, d.adoptCopy(ctx, f.Key, f.Path)
		}
		if err != nil {
			d.takeBack(placed...)
			return fmt.Errorf("adopt %s: %w", f.Key, err)
		}
		placed = append(placed, p)
	}
	synced := map[string]bool{}
	for _, p := range placed {
		if folder := filepath.Dir(p.target); p.target != "" && !synced[folder] {
			synced[folder] = true
			if err := d.syncFolders(folder); err != nil {
				d.takeBack(placed...)
				return fmt.Errorf("adopt %s: %w", p.target, err)
			}
		}
	}
	return nil
}

// adoptCopy adopts a file of another file system.
func (d *Dir) adoptCopy(ctx context.Context, key, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("adopt %s: %w", key, err)
	}
	err = d.Put(ctx, key, f)
	_ = f.Close()
	if err != nil {
		return err
	}
	return os.Remove(path)
}

// begin checks what must hold before anything is written. there: the key exists already, durably.
func (d *Dir) begin(ctx context.Context, key string) (there bool, err error) {
	if err := CheckKey(key); err != nil {
		return false, err
	}
	if err := errors.Join(ctx.Err(), d.Failed()); err != nil {
		return false, err
	}
	_, err = d.Stat(ctx, key)
	if err == nil {
		err = d.renew(key)
	}
	if err == nil {
		return true, d.syncFolders(filepath.Dir(d.path(key)))
	} else if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	return false, d.Room()
}

// renew makes an existing blob as young as a new one, so that Expire leaves it. A file system without locks has no Expire either.
func (d *Dir) renew(key string) error {
	unlock, err := d.lock(false)
	if err == nil {
		defer unlock()
	} else if !errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("renew %s: %w", key, err)
	}
	now := time.Now()
	return os.Chtimes(d.path(key), now, now)
}

// write copies r to a synced temporary file and returns its path; nothing is left after an error.
func (d *Dir) write(ctx context.Context, r io.Reader) (path string, err error) {
	f, err := os.CreateTemp(d.Temp(), "put-*")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, &cancelReader{ctx, r})
	if err == nil {
		err = d.sync(f)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// place moves a synced file to its key and makes that durable. When it cannot, the key is not there; when the move itself failed, the file
// still is where it was.
func (d *Dir) place(key, file string) error {
	p, err := d.move(key, file)
	if err != nil {
		return err
	}
	if err := d.syncFolders(filepath.Dir(d.path(key))); err != nil {
		d.takeBack(p)
		return err
	}
	return nil
}

// A placement is a file that was moved into place; target is "" when it was there already, durably.
type placement struct {
	target  string
	written time.Time
}

// move moves a synced file to its key; that is durable once the key's folder is synced.
func (d *Dir) move(key, file string) (placement, error) {
	lock := &d.locks[maphash.String(d.seed, key)%uint64(len(d.locks))]
	lock.Lock()
	defer lock.Unlock()
	target := d.path(key)
	if _, err := os.Lstat(target); err == nil { // someone else was quicker: same key, same bytes
		if err := d.syncFolders(filepath.Dir(target)); err != nil {
			return placement{}, err
		}
		return placement{}, os.Remove(file)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o750); err != nil {
		return placement{}, err
	}
	info, err := os.Lstat(file)
	if err != nil {
		return placement{}, err
	}
	return placement{target, info.ModTime()}, renameFile(file, target)
}

// readyRegular makes a file ready to be moved to its key: as young as if it were written now, and synced.
func (d *Dir) readyRegular(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file", path)
	}
	now := time.Now()
	if err := os.Chtimes(path, now, now); err != nil {
		return err
	}
	return d.syncPath(path)
}

// Open implements BlobStore. The Blob is an *os.File.
func (d *Dir) Open(ctx context.Context, key string) (Blob, error) {
	if _, err := d.Stat(ctx, key); err != nil {
		return nil, err
	}
	return os.Open(d.path(key))
}

// Stat implements BlobStore.
func (d *Dir) Stat(ctx context.Context, key string) (int64, error) {
	if err := CheckKey(key); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	info, err := os.Stat(d.path(key))
	if errors.Is(err, syscall.ENOTDIR) || err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "stat", Path: key, Err: fs.ErrNotExist}
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Delete implements BlobStore. Readers that have the blob open keep it.
func (d *Dir) Delete(ctx context.Context, key string) error {
	if _, err := d.Stat(ctx, key); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if err := os.Remove(d.path(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete %s: %w", key, err)
	}
	return d.syncPath(filepath.Dir(d.path(key)))
}

// Expire implements BlobStore: between looking at the file's age and removing it, no process can renew it.
func (d *Dir) Expire(ctx context.Context, key string, before time.Time) (gone bool, err error) {
	if err := errors.Join(CheckKey(key), ctx.Err()); err != nil {
		return false, err
	}
	unlock, err := d.lock(true)
	if err != nil {
		return false, fmt.Errorf("expire %s: %w", key, err)
	}
	defer unlock()
	info, err := os.Lstat(d.path(key))
	if err == nil && info.Mode().IsRegular() && info.ModTime().Before(before) {
		err, gone = os.Remove(d.path(key)), true
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("expire %s: %w", key, err)
	}
	return gone, nil
}

// lock takes the lock that renew shares and Expire has alone, among all processes that use the folder.
func (d *Dir) lock(alone bool) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(d.root, lockFile), os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return nil, err
	}
	if err := lockWhole(f, alone); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// Each implements BlobStore. What appears or goes meanwhile may or may not be seen.
func (d *Dir) Each(ctx context.Context, prefix string, fn func(key string, size int64, modified time.Time) error) error {
	if err := CheckPrefix(prefix); err != nil {
		return err
	}
	folder := prefix[:max(0, strings.LastIndexByte(prefix, '/'))]
	return filepath.WalkDir(d.path(folder), func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		rel, err := filepath.Rel(d.root, path)
		key := filepath.ToSlash(rel)
		switch {
		case err != nil || key == ".":
			return err
		case CheckKey(key) != nil: // .tmp, lost+found…
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !e.Type().IsRegular() || !strings.HasPrefix(key, prefix):
			return nil
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return fn(key, info.Size(), info.ModTime())
	})
}

func (d *Dir) path(key string) string { return filepath.Join(d.root, filepath.FromSlash(key)) }

// ErrFull is what a FullError is: too little free space to take in more.
var ErrFull = errors.New("espace disque insuffisant")

// A FullError says how much space there is and how much must be left.
type FullError struct {
	Path        string
	Free, Floor int64 // bytes
}

func (e *FullError) Error() string {
	const mega = 1 << 20
	return fmt.Sprintf("Il ne reste que %d\u00a0Mo libres sur le disque qui contient %s, moins que la réserve de %d\u00a0Mo. "+
		"Aucun nouveau fichier n’est accepté\u00a0; ceux qui sont publiés restent disponibles. "+
		"Libérez de la place ou agrandissez le disque\u00a0: la moisson reprendra d’elle-même.", e.Free/mega, e.Path, e.Floor/mega)
}

// Unwrap makes errors.Is(err, ErrFull) true.
func (e *FullError) Unwrap() error { return ErrFull }

// Room tells whether the store takes in new blobs: nil, or a *FullError.
func (d *Dir) Room() error {
	if d.least <= 0 && d.share <= 0 {
		return nil
	}
	free, total, err := Free(d.root)
	if err != nil {
		return fmt.Errorf("free space of %s: %w", d.root, err)
	}
	if floor := max(d.least, int64(d.share*float64(total))); free < floor {
		return &FullError{Path: d.root, Free: free, Floor: floor}
	}
	return nil
}

// CheckKey tells whether key may name a blob: a relative path of plain names, made of ASCII letters, digits and "._-", none beginning with a
// dot. Every BlobStore applies it.
func CheckKey(key string) error {
	if !fs.ValidPath(key) || key == "." || len(key) > 1024 {
		return fmt.Errorf("blob key %q: %w", key, fs.ErrInvalid)
	}
	for name := range strings.SplitSeq(key, "/") {
		if name[0] == '.' || len(name) > 255 || strings.ContainsFunc(name, oddInKey) {
			return fmt.Errorf("blob key %q: %w", key, fs.ErrInvalid)
		}
	}
	return nil
}

// CheckPrefix tells whether prefix may begin keys. Every BlobStore applies it.
func CheckPrefix(prefix string) error {
	slash := strings.LastIndexByte(prefix, '/')
	if slash < 0 {
		return nil
	}
	return CheckKey(prefix[:slash])
}

func oddInKey(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '.', r == '_', r == '-':
		return false
	}
	return true
}

// A cancelReader stops reading when its context ends.
type cancelReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *cancelReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
