package publish

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
)

// helpers are the goroutines that all questions may have beside their own, together: one processor always stays with the others.
var helpers = make(chan struct{}, max(0, runtime.GOMAXPROCS(0)-1))

// aheadKept is how many results of one task wait for those of the tasks before.
const aheadKept = 2

// errEnough ends a task whose results nobody wants any more.
var errEnough = errors.New("enough")

// A task works one piece of a question out and emits what it finds. A result belongs to who gets it.
type task[T any] func(ctx context.Context, piece int, emit func(T) error) error

// workAhead works pieces out and takes what they emit, in order, until take says that it has enough. With a helper to be had the pieces are worked
// out two at a time, each worker with a task of its own: what they may hold is bounded, however slowly it is taken.
func workAhead[T any](ctx context.Context, pieces int, begin func() task[T], take func(T) (more bool, err error)) error {
	if pieces > 1 {
		select {
		case helpers <- struct{}{}:
			defer func() { <-helpers }()
			return workTwo(ctx, pieces, begin, take)
		default:
		}
	}
	work := begin()
	emit := func(v T) error {
		more, err := take(v)
		if err == nil && !more {
			err = errEnough
		}
		return err
	}
	for piece := range pieces {
		if err := work(ctx, piece, emit); err != nil {
			return unlessEnough(err)
		}
	}
	return ctx.Err()
}

func unlessEnough(err error) error {
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// A piece is what becomes of one: its results, then how it ended.
type piece[T any] struct {
	results chan T
	err     error
	thrown  string // what a panic said, which is thrown again where the question was asked
}

func workTwo[T any](ctx context.Context, pieces int, begin func() task[T], take func(T) (bool, error)) error {
	const workers = 2
	inner, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	queue := make(chan *piece[T], workers) // those begun, in order
	var order sync.Mutex
	next := 0
	claim := func() (p *piece[T], n int) {
		order.Lock()
		defer order.Unlock()
		if next == pieces {
			return nil, 0
		}
		p = &piece[T]{results: make(chan T, aheadKept)}
		select {
		case queue <- p:
			next++
			return p, next - 1
		case <-inner.Done():
			return nil, 0
		}
	}
	for range workers {
		all.Go(func() {
			work := begin()
			for p, n := claim(); p != nil; p, n = claim() {
				p.run(inner, n, work)
			}
		})
	}
	for range pieces {
		var p *piece[T]
		select {
		case p = <-queue:
		case <-inner.Done():
			return inner.Err()
		}
		for v := range p.results {
			if more, err := take(v); err != nil || !more {
				return err
			}
		}
		if p.thrown != "" {
			panic(p.thrown)
		}
		if p.err != nil {
			return p.err
		}
	}
	return ctx.Err()
}

func (p *piece[T]) run(ctx context.Context, n int, work task[T]) {
	defer close(p.results)
	defer func() {
		if v := recover(); v != nil {
			p.thrown = fmt.Sprintf("%v\n%s", v, debug.Stack())
		}
	}()
	p.err = work(ctx, n, func(v T) error {
		select {
		case p.results <- v:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}
