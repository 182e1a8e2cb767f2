package catalog

import "errors"

// ErrNotSynced is a write that the disk did not confirm. What the system still held of it may be lost without another word: whatever part of the
// program meets it writes nothing more, and its process has to be started anew.
var ErrNotSynced = errors.New("écriture non confirmée par le disque")
