//go:build !linux && !darwin

package publish

import (
	"errors"
	"os"
)

// Free returns how many bytes this process may still write on the file system that holds path, and how many it has in all.
func Free(path string) (free, total int64, err error) {
	return 0, 0, errors.ErrUnsupported
}

// lockWhole waits for a lock on a file, alone or shared; closing the file gives it back.
func lockWhole(*os.File, bool) error { return errors.ErrUnsupported }
