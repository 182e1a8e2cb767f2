//go:build linux || darwin

package publish

import "golang.org/x/sys/unix"

// Free returns how many bytes this process may still write on the file system that holds path, and how many it has in all.
func Free(path string) (free, total int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), int64(st.Blocks) * int64(st.Bsize), nil
}
