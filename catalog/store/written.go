package store

import (
	"context"
	"sync/atomic"
)

// A countedWriter counts the operations that ended, whatever their end.
type countedWriter struct {
	writer
	ended atomic.Int64
}

func (w *countedWriter) do(ctx context.Context, d durability, fn func(context.Context, *tx) error) error {
	defer w.ended.Add(1)
	return w.writer.do(ctx, d, fn)
}

// Writes counts what this process has tried to write, and costs nothing to ask: while it stays the same, only another process can have
// changed the catalogue. It has grown before the method that wrote returns.
func (s *Store) Writes() int64 {
	if w, ok := s.writes.(*countedWriter); ok {
		return w.ended.Load()
	}
	return 0
}
