package harvest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"grenier/catalog"
	"grenier/publish"
	"grenier/schemas"

	"github.com/google/uuid"
)

// A Runner runs sources along the line. Its fields are set once; it is safe for concurrent use.
type Runner struct {
	Store      catalog.Store
	Blobs      publish.BlobStore
	Schemas    *schemas.Set
	Connectors Connectors
	Env        Env
	Namespace  uuid.UUID
	BaseURL    string        // public address of the instance, for the files' own metadata
	Dir        string        // temporary files, best on the blob store's file system
	Lease      time.Duration // 60 s by default: a run that does not renew it is abandoned
	Timeout    time.Duration // 15 min by default: the longest run
	Now        func() time.Time
	Log        *slog.Logger
	Progress   func(Step) // told of what goes on, from the run's goroutine; may be nil

	recipes sync.Map // name + hash → *Recipe: parsed once
	buffers sync.Pool
}

// A Step is a sign of life of a run, for progress bars.
type Step struct {
	Source string
	Stage  Stage
	Bytes  int64 // fetched so far
	Rows   int64 // judged so far
}

// An Ask says why and how a source is run.
type Ask struct {
	Slot    string // what asked for it, "manual" by default
	Attempt int    // 1 by default
	Force   bool   // forget State: read and judge everything again
	Accept  string // a person's reason to publish whatever the gate says
	By      string // who accepts
	Replay  string // a run whose kept documents are taken instead of fetching, judged by the recipe and the member of today
	DryRun  bool   // stop before publishing; nothing is kept nor recorded
}

// Run harvests one source and returns how it ended; its Status tells. The error is only for what prevented the run from beginning or its
// end from being recorded (ErrBusy, the store itself). A run whose ctx ends is recorded as failed and may be asked for again.
func (r *Runner) Run(ctx context.Context, source catalog.Source, ask Ask) (catalog.Run, error) {
	return r.run(ctx, r.Store, source, ask)
}

func (r *Runner) run(ctx context.Context, known facts, source catalog.Source, ask Ask) (catalog.Run, error) {
	l := &line{Runner: r, facts: known, ask: ask, source: source, run: r.newRun(source, ask)}
	work, cancel := r.bound(ctx)
	defer cancel()
	if ask.DryRun {
		l.end(cause(work, l.travel(work)))
		return l.run, nil
	}
	if err := r.Store.Start(work, l.run); err != nil {
		return l.run, fmt.Errorf("start run of %s: %w", source.ID, err)
	}
	work, stop := r.holdLease(work, l.run.ID)
	err := cause(work, l.travel(work))
	stop()
	l.end(err)
	err = l.record(context.WithoutCancel(ctx))
	if errors.Is(err, catalog.ErrNotFound) { // whoever declared the run abandoned has recorded its end
		l.end(lost(err))
		err = nil
	}
	return l.run, err
}

// lost is the end of a run that another process declared abandoned and takes up again: no retry is asked for.
func lost(err error) error {
	return Permanent(Say("Le moissonnage s’est interrompu trop longtemps et a été repris à zéro. La dernière version reste en ligne\u00a0; il n’y a rien à faire.",
		fmt.Errorf("lease lost: %w", err)))
}

func (r *Runner) newRun(source catalog.Source, ask Ask) catalog.Run {
	now := r.now()
	run := catalog.Run{
		ID: uuid.Must(uuid.NewV7()).String(), Source: source.ID, Member: source.Member, Slot: ask.Slot, Attempt: max(ask.Attempt, 1),
		Started: now, Lease: now.Add(r.lease()), Status: catalog.Running,
	}
	if run.Slot == "" {
		run.Slot = "manual"
	}
	if ask.Accept != "" {
		run.Slot += " accepted: " + ask.Accept
	}
	return run
}

// bound gives a run its time.
func (r *Runner) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := r.timeout()
	words := fmt.Sprintf("%d\u00a0min", int(limit.Minutes()))
	if limit < time.Minute {
		words = fmt.Sprintf("%d\u00a0s", int(limit.Seconds()))
	}
	return context.WithTimeoutCause(ctx, limit, Say(
		"Le moissonnage a dépassé le temps permis ("+words+"). La dernière version reste en ligne\u00a0; un nouvel essai est prévu.", context.DeadlineExceeded))
}

func (r *Runner) timeout() time.Duration {
	if r.Timeout > 0 {
		return r.Timeout
	}
	return 15 * time.Minute
}

// holdLease renews the run's lease until stop is called. The returned context ends with a lost lease as its cause when another process
// declared the run abandoned.
func (r *Runner) holdLease(parent context.Context, run string) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(r.lease() / 3)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			err := r.Store.Extend(ctx, run, r.now().Add(r.lease()))
			if errors.Is(err, catalog.ErrNotFound) {
				cancel(lost(err))
				return
			}
			if err != nil && ctx.Err() == nil {
				r.Log.Warn("lease not renewed", "run", run, "error", err)
			}
		}
	}()
	return ctx, func() { cancel(nil); <-done }
}

func (r *Runner) lease() time.Duration {
	if r.Lease > 0 {
		return r.Lease
	}
	return time.Minute
}

func (r *Runner) now() time.Time {
	if r.Now != nil {
		return r.Now().UTC()
	}
	return time.Now().UTC()
}

// recipe returns the source's recipe, parsed once for each text.
func (r *Runner) recipe(ctx context.Context, known facts, name string) (*Recipe, error) {
	kept, err := known.Recipe(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("read recipe %s: %w", name, err)
	}
	if known, ok := r.recipes.Load(name + kept.Hash); ok {
		return known.(*Recipe), nil
	}
	recipe, err := ParseRecipe(name, []byte(kept.Text), r.Schemas, r.Connectors)
	if err != nil {
		return nil, Permanent(Say("La recette «\u00a0"+name+"\u00a0» n’est plus valable\u00a0: l’opérateur doit la corriger. La dernière version reste en ligne.", err))
	}
	r.recipes.Store(name+kept.Hash, recipe)
	return recipe, nil
}

// facts are what a run must know of its member and its recipe: the store, or what RunAll read of it once.
type facts interface {
	Member(ctx context.Context, siren string) (catalog.Member, error)
	Recipe(ctx context.Context, name string) (catalog.Recipe, error)
}

// almanac is the facts of every member and recipe as they were when RunAll began.
type almanac struct {
	members map[string]catalog.Member
	recipes map[string]catalog.Recipe
}

// remember reads all members and recipes: two queries instead of two a run.
func (r *Runner) remember(ctx context.Context) (*almanac, error) {
	members, _, err := r.Store.Members(ctx, catalog.MemberQuery{})
	if err != nil {
		return nil, fmt.Errorf("read members: %w", err)
	}
	recipes, err := r.Store.Recipes(ctx)
	if err != nil {
		return nil, fmt.Errorf("read recipes: %w", err)
	}
	a := &almanac{map[string]catalog.Member{}, map[string]catalog.Recipe{}}
	for _, m := range members {
		a.members[m.SIREN] = m
	}
	for _, x := range recipes {
		a.recipes[x.Name] = x
	}
	return a, nil
}

func (a *almanac) Member(_ context.Context, siren string) (catalog.Member, error) {
	if m, ok := a.members[siren]; ok {
		return m, nil
	}
	return catalog.Member{}, catalog.ErrNotFound
}

func (a *almanac) Recipe(_ context.Context, name string) (catalog.Recipe, error) {
	if x, ok := a.recipes[name]; ok {
		return x, nil
	}
	return catalog.Recipe{}, catalog.ErrNotFound
}

// A Result is how one run of RunAll ended.
type Result struct {
	Source catalog.Source
	Run    catalog.Run
	Err    error
}

// RunAll runs the sources, at most parallel at once, and calls done for each as it ends, in one goroutine at a time. It returns early, with
// ctx's error, only when ctx ends.
func (r *Runner) RunAll(ctx context.Context, sources []catalog.Source, parallel int, ask Ask, done func(Result)) error {
	known, err := r.remember(ctx)
	if err != nil {
		return err
	}
	var next, mu sync.Mutex
	var wg sync.WaitGroup
	for range min(max(parallel, 1), len(sources)) {
		wg.Go(func() {
			for ctx.Err() == nil {
				next.Lock()
				if len(sources) == 0 {
					next.Unlock()
					return
				}
				s := sources[0]
				sources = sources[1:]
				next.Unlock()
				run, err := r.run(ctx, known, s, ask)
				mu.Lock()
				done(Result{s, run, err})
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}
