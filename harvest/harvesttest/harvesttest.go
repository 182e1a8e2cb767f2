// Package harvesttest asks every connector the hard questions: what it does when nothing changed, when it is stopped half-way, when
// the remote side breaks, and after that.
package harvesttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"grenier/harvest"
)

// A Fixture is a source over a remote side that the test rules. Its documents have different bytes.
type Fixture struct {
	Source harvest.Source
	Names  []string             // of the documents, in the order that Fetch must keep; at least three
	Body   func(i int) []byte   // what document i holds now
	Change func(i int)          // gives document i other bytes
	Break  func(i int, f Fault) // document i is struck by f from now on
	Mend   func()               // ends every fault
	Faults []Fault              // those that this kind of remote side can have
	Close  func()               // ends what the fixture started; called once, after the last Fetch
}

// A Fault is a way for a remote side to break.
type Fault string

// The faults.
const (
	Refuses Fault = "refuses the document"      // status 500, no right to read…
	Short   Fault = "stops short of its length" // the connection breaks, the file shrinks while it is read
	Hangs   Fault = "says nothing at all"
	Gone    Fault = "lost the document" // status 404, file removed: it may be left out or be an error
)

// soon is how long a Fetch may take to notice that it is to stop.
const soon = 5 * time.Second

// Source runs the suite. open makes a new fixture for each question.
func Source(t *testing.T, open func(t *testing.T) Fixture) {
	for _, q := range []struct {
		name string
		ask  func(*testing.T, Fixture)
	}{
		{"hands over every document in order", inOrder},
		{"gives the same order and bytes every time", repeats},
		{"calls nothing when nothing changed", unchanged},
		{"hands over the others as the same when one changed", oneChanged},
		{"hands over everything when it remembers nothing", forgets},
		{"reads everything with a state that it cannot read", strangeState},
		{"stops at the error of fn", stopsAtError},
		{"stops soon when its context ends half-way", stopsHalfWay},
		{"stops soon when its context ended before", stopsBefore},
		{"two fetches may go at once", twoAtOnce},
	} {
		t.Run(q.name, func(t *testing.T) { q.ask(t, begin(t, open)) })
	}
	for _, fault := range []Fault{Refuses, Short, Hangs, Gone} {
		t.Run("survives a remote side that "+string(fault), func(t *testing.T) {
			f := begin(t, open)
			if !slices.Contains(f.Faults, fault) {
				t.Skipf("this kind of source never %s", fault)
			}
			survives(t, f, fault)
		})
	}
}

// begin opens a fixture and sees to it that nothing of it outlives the question.
func begin(t *testing.T, open func(t *testing.T) Fixture) Fixture {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	f := open(t)
	t.Cleanup(f.Close)
	if len(f.Names) < 3 {
		t.Fatalf("the fixture has %d documents, the suite needs three", len(f.Names))
	}
	return f
}

// A got is what fn was given.
type got struct {
	name string
	same bool
	body string
}

// String cuts long bodies.
func (g got) String() string {
	if g.same {
		return g.name + " (same)"
	}
	if len(g.body) > 80 {
		return fmt.Sprintf("%s=%.80q… (%d bytes)", g.name, g.body, len(g.body))
	}
	return fmt.Sprintf("%s=%q", g.name, g.body)
}

// fetch collects what a Fetch hands over.
func fetch(t *testing.T, f Fixture, last harvest.State) ([]got, harvest.State, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var all []got
	state, err := f.Source.Fetch(ctx, last, func(d harvest.Document) error {
		g, err := read(t, d)
		all = append(all, g)
		return err
	})
	return all, state, err
}

func read(t *testing.T, d harvest.Document) (got, error) {
	t.Helper()
	g := got{name: d.Name, same: d.Same}
	switch {
	case d.Same && d.Body != nil:
		t.Errorf("%s is the same and has a body", d.Name)
	case !d.Same && d.Body == nil:
		t.Errorf("%s has no body", d.Name)
	case !d.Same:
		b, err := io.ReadAll(d.Body)
		g.body = string(b)
		return g, err
	}
	return g, nil
}

// want is what fn must be given, except for the documents that are the same.
func want(f Fixture, same ...int) []got {
	var all []got
	for i, name := range f.Names {
		if slices.Contains(same, i) {
			all = append(all, got{name: name, same: true})
			continue
		}
		all = append(all, got{name: name, body: string(f.Body(i))})
	}
	return all
}

func expect(t *testing.T, have []got, err error, wanted []got) {
	t.Helper()
	if err != nil || !slices.Equal(have, wanted) {
		t.Errorf("got  %v, %v\nwant %v", have, err, wanted)
	}
}

// published makes the first Fetch, and returns what the next one is to remember.
func published(t *testing.T, f Fixture) harvest.State {
	t.Helper()
	have, state, err := fetch(t, f, "")
	if err != nil || !slices.Equal(have, want(f)) {
		t.Fatalf("first fetch: got %v, %v\nwant %v", have, err, want(f))
	}
	return state
}

func inOrder(t *testing.T, f Fixture) {
	have, _, err := fetch(t, f, "")
	expect(t, have, err, want(f))
}

func repeats(t *testing.T, f Fixture) {
	for range 3 {
		have, _, err := fetch(t, f, "")
		expect(t, have, err, want(f))
	}
}

func unchanged(t *testing.T, f Fixture) {
	state := published(t, f)
	for range 2 {
		have, _, err := fetch(t, f, state)
		if !errors.Is(err, harvest.ErrUnchanged) || len(have) > 0 {
			t.Errorf("got %v, %v, want ErrUnchanged and no document", have, err)
		}
	}
}

func oneChanged(t *testing.T, f Fixture) {
	for changed := range f.Names {
		state := published(t, f)
		f.Change(changed)
		have, next, err := fetch(t, f, state)
		expectOnly(t, f, have, err, changed)
		if _, _, err := fetch(t, f, next); !errors.Is(err, harvest.ErrUnchanged) {
			t.Errorf("once the change of %s is published: %v, want ErrUnchanged", f.Names[changed], err)
		}
	}
}

// expectOnly wants the changed documents, and the others as the same. A connector may also read everything anew when one document
// changed: the line finds out by itself.
func expectOnly(t *testing.T, f Fixture, have []got, err error, changed ...int) {
	t.Helper()
	if slices.Equal(have, want(f)) && err == nil {
		return
	}
	var rest []int
	for i := range f.Names {
		if !slices.Contains(changed, i) {
			rest = append(rest, i)
		}
	}
	expect(t, have, err, want(f, rest...))
}

func forgets(t *testing.T, f Fixture) {
	published(t, f)
	have, _, err := fetch(t, f, "")
	expect(t, have, err, want(f))
}

func strangeState(t *testing.T, f Fixture) {
	for _, s := range []harvest.State{"{", "null", `{"v":99}`, "état d’un autre connecteur"} {
		have, _, err := fetch(t, f, s)
		expect(t, have, err, want(f))
	}
}

func stopsAtError(t *testing.T, f Fixture) {
	stop := errors.New("fn has enough")
	for at := range f.Names {
		calls := 0
		_, err := f.Source.Fetch(t.Context(), "", func(harvest.Document) error {
			calls++
			if calls == at+1 {
				return stop
			}
			return nil
		})
		if !errors.Is(err, stop) || calls != at+1 {
			t.Errorf("fn fails at call %d: got %d calls, %v", at+1, calls, err)
		}
	}
	have, _, err := fetch(t, f, "")
	expect(t, have, err, want(f))
}

func stopsHalfWay(t *testing.T, f Fixture) {
	if slices.Contains(f.Faults, Hangs) {
		f.Break(1, Hangs)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var cancelled time.Time
	calls := 0
	_, err := f.Source.Fetch(ctx, "", func(d harvest.Document) error {
		calls++
		if calls == 1 {
			_, err := io.Copy(io.Discard, d.Body)
			time.AfterFunc(20*time.Millisecond, cancel)
			cancelled = time.Now()
			return err
		}
		<-ctx.Done() // where the next document does not hang by itself
		_, err := io.Copy(io.Discard, d.Body)
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if calls > 2 {
		t.Errorf("fn was called %d times", calls)
	}
	if d := time.Since(cancelled); d > soon {
		t.Errorf("Fetch went on for %v", d)
	}
	f.Mend()
	have, _, err := fetch(t, f, "")
	expect(t, have, err, want(f))
}

func stopsBefore(t *testing.T, f Fixture) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	start := time.Now()
	_, err := f.Source.Fetch(ctx, "", func(harvest.Document) error {
		t.Error("fn was called")
		return nil
	})
	if !errors.Is(err, context.Canceled) || time.Since(start) > soon {
		t.Errorf("got %v after %v", err, time.Since(start))
	}
}

func twoAtOnce(t *testing.T, f Fixture) {
	done := make(chan error)
	for range 2 {
		go func() {
			_, err := f.Source.Fetch(t.Context(), "", func(d harvest.Document) error {
				_, err := io.Copy(io.Discard, d.Body)
				return err
			})
			done <- err
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// survives strikes the second document: the Fetch may be an error or, where the document can be had after all or be left out, right;
// it is never a success with other bytes. Once the fault is over, a Fetch with the old State brings everything that changed.
func survives(t *testing.T, f Fixture, fault Fault) {
	state := published(t, f)
	f.Change(1)
	f.Change(2)
	f.Break(1, fault)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	var have []got
	_, err := f.Source.Fetch(ctx, state, func(d harvest.Document) error {
		g, err := read(t, d)
		if err == nil {
			have = append(have, g)
		}
		return err
	})
	if errors.Is(err, harvest.ErrUnchanged) {
		t.Error("a fault passes for no change")
	}
	for _, g := range have {
		i := slices.Index(f.Names, g.name)
		if i < 0 || !g.same && g.body != string(f.Body(i)) || g.same && (i == 1 || i == 2) {
			t.Errorf("%v was handed over during the fault", g)
		}
	}
	if whole := len(have) == len(f.Names); err == nil && !whole && fault != Gone {
		t.Errorf("a success with %d documents of %d", len(have), len(f.Names))
	}
	f.Mend()
	again, _, err := fetch(t, f, state)
	expectOnly(t, f, again, err, 1, 2)
}
