package web

import (
	"context"
	"fmt"
	"hash/maphash"
)

var worldSeed = maphash.MakeSeed()

// Revision is another number whenever the world is another.
func (w *world) Revision(context.Context) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.revisions++
	return w.state(), w.down
}

// Writes is what a store counts of its own writes: here, it knows of every change.
func (w *world) Writes() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.elsewhere {
		return 0
	}
	return w.state()
}

func (w *world) state() int64 {
	var h maphash.Hash
	h.SetSeed(worldSeed)
	fmt.Fprint(&h, w.members, w.datasets, w.oldSlugs, w.versions, w.runs, w.reports, w.events, w.withdrawn, len(w.blobs), w.down)
	return int64(h.Sum64())
}
