package s3

import "time"

// SetRenewAfter changes how old an object is left as it is, until the returned function is called.
func SetRenewAfter(d time.Duration) (restore func()) {
	old := renewAfter
	renewAfter = d
	return func() { renewAfter = old }
}
