package web

import (
	lists "container/list"
	"sync"
)

// A shelf keeps what is costly to make and never changes, by name, as long as there is room for it: what was taken longest ago goes first.
type shelf[T any] struct {
	mu    sync.Mutex
	room  int64 // bytes, in all
	used  int64
	order lists.List // of *shelved[T]; the front was taken last
	items map[string]*lists.Element
}

type shelved[T any] struct {
	name string
	size int64
	item T
}

func newShelf[T any](room int64) *shelf[T] {
	return &shelf[T]{room: room, items: map[string]*lists.Element{}}
}

func (s *shelf[T]) take(name string) (item T, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.items[name]
	if !ok {
		return item, false
	}
	s.order.MoveToFront(e)
	return e.Value.(*shelved[T]).item, true
}

// put adds an item of about so many bytes, unless it is there or larger than a quarter of the shelf.
func (s *shelf[T]) put(name string, item T, size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.items[name] != nil || size > s.room/4 {
		return
	}
	s.items[name] = s.order.PushFront(&shelved[T]{name, size, item})
	for s.used += size; s.used > s.room; {
		last := s.order.Remove(s.order.Back()).(*shelved[T])
		delete(s.items, last.name)
		s.used -= last.size
	}
}
