package publish

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// inPieces makes a task of which piece n emits n*10 to n*10+9, the even ones late.
func inPieces(begun *atomic.Int32) func() task[int] {
	return func() task[int] {
		begun.Add(1)
		return func(ctx context.Context, n int, emit func(int) error) error {
			if n%2 == 0 {
				time.Sleep(time.Millisecond)
			}
			for i := range 10 {
				if err := emit(10*n + i); err != nil {
					return err
				}
			}
			return nil
		}
	}
}

func TestRowsAhead_KeepOrder(t *testing.T) {
	for name, run := range map[string]func(context.Context, int, func() task[int], func(int) (bool, error)) error{"alone or helped": workAhead[int], "helped": workTwo[int]} {
		var got []int
		var begun atomic.Int32
		err := run(t.Context(), 20, inPieces(&begun), func(v int) (bool, error) {
			got = append(got, v)
			return len(got) < 157, nil
		})
		if err != nil || len(got) != 157 || !slices.IsSorted(got) || got[156] != 156 || begun.Load() > 2 {
			t.Errorf("%s: %v, %d begun, %v", name, got, begun.Load(), err)
		}
	}
}

func TestRowsAhead_AreAloneWhenOthersAreHelped(t *testing.T) {
	for range cap(helpers) {
		helpers <- struct{}{}
	}
	defer func() {
		for range cap(helpers) {
			<-helpers
		}
	}()
	var begun atomic.Int32
	n := 0
	err := workAhead(t.Context(), 4, inPieces(&begun), func(int) (bool, error) { n++; return true, nil })
	if err != nil || n != 40 || begun.Load() != 1 {
		t.Errorf("%d results of %d workers, %v", n, begun.Load(), err)
	}
}

func TestRowsAhead_EndWithTheFirstFault(t *testing.T) {
	broken := errors.New("broken")
	fails := func(at int, how func() error) func() task[int] {
		return func() task[int] {
			return func(_ context.Context, n int, emit func(int) error) error {
				if n == at {
					return how()
				}
				return emit(n)
			}
		}
	}
	n := 0
	err := workTwo(t.Context(), 10, fails(3, func() error { return broken }), func(int) (bool, error) { n++; return true, nil })
	if !errors.Is(err, broken) || n != 3 {
		t.Errorf("%v after %d results", err, n)
	}
	if err := workTwo(t.Context(), 10, fails(11, nil), func(int) (bool, error) { return true, broken }); !errors.Is(err, broken) {
		t.Errorf("the taker's error: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = workTwo(ctx, 10, fails(11, nil), func(int) (bool, error) { cancel(); return true, nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits any more: %v", err)
	}
	defer func() {
		if thrown, _ := recover().(string); !strings.Contains(thrown, "a panic of the second") {
			t.Errorf("thrown: %q", thrown)
		}
	}()
	_ = workTwo(t.Context(), 10, fails(1, func() error { panic("a panic of the second") }), func(int) (bool, error) { return true, nil })
	t.Error("a panic was swallowed")
}
