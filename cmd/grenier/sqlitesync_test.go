//go:build linux

package main

import (
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteSync, when it is set, is told each file that SQLite wants on the disk. What it does with next, which is the sync itself, is what SQLite gets.
var sqliteSync atomic.Pointer[func(path string, next func() bool) bool]

// watched are the files that SQLite has open, the method tables they would have, and ours instead of them.
var watched struct {
	once  sync.Once
	mu    sync.Mutex
	open  uintptr
	paths map[uintptr]string
	ours  map[uintptr]uintptr // their table → ours
	table map[uintptr]uintptr // ours → theirs
}

// pointer is the value of type T that SQLite's memory holds at p.
func pointer[T any](p uintptr) *T { return *(**T)(unsafe.Pointer(&p)) }

type (
	openFunc = func(tls *libc.TLS, vfs, name, file uintptr, flags int32, out uintptr) int32
	syncFunc = func(tls *libc.TLS, file uintptr, flags int32) int32
)

// watchSQLite lets sqliteSync see every sync of the databases that are opened from now on in this process.
func watchSQLite(t *testing.T, hook func(path string, next func() bool) bool) {
	t.Helper()
	watched.once.Do(func() {
		watched.paths, watched.ours, watched.table = map[uintptr]string{}, map[uintptr]uintptr{}, map[uintptr]uintptr{}
		vfs := pointer[sqlite3.Tsqlite3_vfs](sqlite3.Xsqlite3_vfs_find(libc.NewTLS(), 0))
		watched.open = vfs.FxOpen
		open := watchedOpen
		vfs.FxOpen = *(*uintptr)(unsafe.Pointer(&open))
	})
	sqliteSync.Store(&hook)
	t.Cleanup(func() { sqliteSync.Store(nil) })
}

func watchedOpen(tls *libc.TLS, vfs, name, file uintptr, flags int32, out uintptr) int32 {
	code := (*(*openFunc)(unsafe.Pointer(&struct{ uintptr }{watched.open})))(tls, vfs, name, file, flags, out)
	f := pointer[sqlite3.Tsqlite3_file](file)
	if code != sqlite3.SQLITE_OK || f.FpMethods == 0 {
		return code
	}
	watched.mu.Lock()
	defer watched.mu.Unlock()
	ours := watched.ours[f.FpMethods]
	if ours == 0 {
		ours = libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_io_methods{})))
		*pointer[sqlite3.Tsqlite3_io_methods](ours) = *pointer[sqlite3.Tsqlite3_io_methods](f.FpMethods)
		sync := watchedSync
		pointer[sqlite3.Tsqlite3_io_methods](ours).FxSync = *(*uintptr)(unsafe.Pointer(&sync))
		watched.ours[f.FpMethods], watched.table[ours] = ours, f.FpMethods
	}
	f.FpMethods, watched.paths[file] = ours, libc.GoString(name)
	return code
}

func watchedSync(tls *libc.TLS, file uintptr, flags int32) int32 {
	watched.mu.Lock()
	theirs, path := watched.table[pointer[sqlite3.Tsqlite3_file](file).FpMethods], watched.paths[file]
	watched.mu.Unlock()
	code := int32(sqlite3.SQLITE_IOERR_FSYNC)
	next := func() bool {
		code = (*(*syncFunc)(unsafe.Pointer(&struct{ uintptr }{pointer[sqlite3.Tsqlite3_io_methods](theirs).FxSync})))(tls, file, flags)
		return code == sqlite3.SQLITE_OK
	}
	if hook := sqliteSync.Load(); hook == nil {
		next()
	} else if !(*hook)(path, next) {
		return sqlite3.SQLITE_IOERR_FSYNC
	}
	return code
}
