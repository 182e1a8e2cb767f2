package publish

import (
	"os"

	"golang.org/x/sys/unix"
)

// startWriting has the system begin to write a file to disk, without waiting: when several are synced soon after, the disk writes them together.
// It promises nothing and reports nothing, which is for Sync to do.
func startWriting(f *os.File) {
	_ = unix.SyncFileRange(int(f.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE)
}
