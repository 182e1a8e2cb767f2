package publish

import "os"

// SetSync replaces how files and folders are synced until the returned function is called.
func SetSync(f func(*os.File) error) (restore func()) {
	old := syncFile
	syncFile = f
	return func() { syncFile = old }
}

// SetRename replaces how files are moved until the returned function is called.
func SetRename(f func(from, to string) error) (restore func()) {
	old := renameFile
	renameFile = f
	return func() { renameFile = old }
}

// LooksLikeFormula is looksLikeFormula.
var LooksLikeFormula = looksLikeFormula

// CutMin and CutMax are the bounds of long texts.
var (
	CutMin = cutMin
	CutMax = cutMax
)

// CSVBuffer takes the next buffer that a CSV file would be given, and returns its capacity.
func CSVBuffer() int { return cap(*csvBuffers.Get().(*[]byte)) }
