//go:build !linux && !darwin

package publish

import "errors"

// Free returns how many bytes this process may still write on the file system that holds path, and how many it has in all.
func Free(path string) (free, total int64, err error) {
	return 0, 0, errors.ErrUnsupported
}
