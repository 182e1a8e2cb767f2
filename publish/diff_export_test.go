package publish

// SetCompareRows replaces how many rows one pass of Compare remembers until the returned function is called.
func SetCompareRows(n uint32) (restore func()) {
	old := compareRows
	compareRows = n
	return func() { compareRows = old }
}
