package harvest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"grenier/catalog"
	"grenier/publish"
)

// ErrNotKept is returned for a run whose raw documents are no longer all kept.
var ErrNotKept = errors.New("the raw documents are no longer kept")

// bring fetches the documents, or takes those that an earlier run kept.
func (l *line) bring(ctx context.Context) error {
	if l.ask.Replay == "" {
		return l.fetch(ctx)
	}
	run, err := l.Store.Run(ctx, l.ask.Replay)
	if err != nil {
		return fmt.Errorf("read run %s: %w", l.ask.Replay, err)
	}
	if run.Source != l.source.ID {
		return Permanent(fmt.Errorf("run %s is of %s, not of %s", run.ID, run.Source, l.source.ID))
	}
	return l.takeKept(ctx, run)
}

// takeKept opens the documents that a run kept.
func (l *line) takeKept(ctx context.Context, run catalog.Run) error {
	if len(run.Documents) == 0 {
		return Permanent(Say("Ce moissonnage n’a reçu aucun fichier\u00a0: il n’y a rien à rejouer.", fmt.Errorf("run %s has no documents", run.ID)))
	}
	for _, raw := range run.Documents {
		blob, err := l.Blobs.Open(ctx, raw.Key())
		if errors.Is(err, fs.ErrNotExist) {
			return Permanent(Say("L’original "+cited(raw.Name)+" n’est plus gardé\u00a0: ce moissonnage ne peut plus être rejoué. La dernière version reste en ligne.",
				fmt.Errorf("%s: %w", raw.Name, ErrNotKept)))
		}
		if err != nil {
			return fmt.Errorf("open kept bytes of %s: %w", raw.Name, err)
		}
		l.docs = append(l.docs, delivered{Raw: raw, file: blob})
		l.run.Documents = append(l.run.Documents, raw)
	}
	l.run.State = run.State
	return nil
}

// A Replayed is what a run's documents make today, without being kept.
type Replayed struct {
	Dataset catalog.Dataset // with its files, as they would be published
	Run     catalog.Run
	Changed bool // recipe, schema, rules or member are no longer those of the run: other files are to be expected
}

// Replay makes anew the files of an earlier run from the bytes it kept, with the recipe and the member of today, and keeps none of them.
// ErrNotKept when the bytes are gone.
func (r *Runner) Replay(ctx context.Context, run catalog.Run) (Replayed, error) {
	return r.replay(ctx, run, nil)
}

// replay is Replay; look, when given, sees the line before its files go.
func (r *Runner) replay(ctx context.Context, run catalog.Run, look func(context.Context, *line) error) (Replayed, error) {
	source, err := r.Store.Source(ctx, run.Source)
	if err != nil {
		return Replayed{}, fmt.Errorf("read source %s: %w", run.Source, err)
	}
	ask := Ask{Replay: run.ID, DryRun: true}
	l := &line{Runner: r, facts: r.Store, ask: ask, source: source, run: r.newRun(source, ask)}
	work, cancel := r.bound(ctx)
	defer cancel()
	defer l.leave()
	if err := l.prepare(work); err != nil {
		return Replayed{}, cause(work, err)
	}
	if err := l.takeKept(work, run); err != nil {
		return Replayed{}, cause(work, err)
	}
	if err := l.judge(work); err != nil {
		return Replayed{}, cause(work, err)
	}
	if look != nil {
		if err := look(work, l); err != nil {
			return Replayed{}, cause(work, err)
		}
	}
	return Replayed{Dataset: l.dataset, Run: l.run, Changed: l.run.Process != run.Process}, nil
}

// Preview tells what publishing a held delivery would change: rows told apart by the key of the schema's series where it has one. The difference is
// nil when one of both sides has no Parquet file, or nothing is online.
func (r *Runner) Preview(ctx context.Context, held catalog.Run) (Replayed, *publish.Difference, error) {
	var diff *publish.Difference
	replayed, err := r.replay(ctx, held, func(ctx context.Context, l *line) error {
		online, err := r.Store.Dataset(ctx, l.dataset.ID)
		if errors.Is(err, catalog.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		diff, err = l.compare(ctx, online)
		return err
	})
	return replayed, diff, err
}

// compare tells what differs between what is online and the draft, which is moved to a folder of its own for it.
func (l *line) compare(ctx context.Context, online catalog.Dataset) (*publish.Difference, error) {
	before, after := fileOf(online, "parquet"), fileOf(l.dataset, "parquet")
	if before == nil || after == nil {
		return nil, nil
	}
	folder, err := os.MkdirTemp(l.Dir, "apercu-")
	if err != nil {
		return nil, fmt.Errorf("make folder for a preview: %w", err)
	}
	defer os.RemoveAll(folder)
	aside, err := publish.OpenDir(folder)
	if err != nil {
		return nil, err
	}
	if err := l.draft.Store(ctx, aside); err != nil {
		return nil, err
	}
	from, closeFrom, err := openTable(ctx, l.Blobs, before)
	if err != nil {
		return nil, err
	}
	defer closeFrom()
	to, closeTo, err := openTable(ctx, aside, after)
	if err != nil {
		return nil, err
	}
	defer closeTo()
	return publish.Compare(ctx, from, to, publish.CompareOptions{Key: l.judged.schema.Series.Key})
}

// openTable opens the Parquet file of a version.
func openTable(ctx context.Context, blobs publish.BlobStore, f *catalog.File) (*publish.Table, func() error, error) {
	blob, err := blobs.Open(ctx, f.Key)
	if err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", f.Key, err)
	}
	t, err := publish.OpenTable(blob, f.Bytes)
	if err != nil {
		blob.Close()
		return nil, nil, err
	}
	return t, blob.Close, nil
}

// Held is the delivery of a source that waits for a person, ErrNotFound when none does.
func Held(ctx context.Context, store catalog.Store, source string) (catalog.Run, error) {
	runs, err := store.Runs(ctx, catalog.RunQuery{Source: source, Waiting: true, Limit: 1})
	if err == nil && len(runs) == 0 {
		err = catalog.ErrNotFound
	}
	if err != nil {
		return catalog.Run{}, fmt.Errorf("look for what waits of %s: %w", source, err)
	}
	return runs[0], nil
}

// Release publishes a held delivery from the bytes that were kept of it, whatever the gate says. The decision is written with its version.
func (r *Runner) Release(ctx context.Context, held catalog.Run, by, reason string) (catalog.Run, error) {
	source, err := r.Store.Source(ctx, held.Source)
	if err != nil {
		return catalog.Run{}, fmt.Errorf("read source %s: %w", held.Source, err)
	}
	return r.Run(ctx, source, Ask{Replay: held.ID, Accept: reason, By: by})
}

// findWaiting looks for the delivery that a person accepts.
func (l *line) findWaiting(ctx context.Context) error {
	if l.ask.Accept == "" {
		return nil
	}
	held, err := Held(ctx, l.Store, l.source.ID)
	if errors.Is(err, catalog.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	l.waiting = &held
	return nil
}

// decision is what the run carries out of a person's will, nil when nobody asked for anything.
func (l *line) decision() *catalog.Decision {
	if l.ask.Accept == "" {
		return nil
	}
	d := &catalog.Decision{Kind: catalog.Released, By: l.ask.By, Reason: l.ask.Accept, Source: l.source.ID, Time: l.now()}
	if d.By == "" {
		d.By = "inconnu"
	}
	if l.waiting != nil {
		d.Run = l.waiting.ID
	}
	return d
}

// decidedMeanwhile is the end of a release that somebody else's decision overtook.
func decidedMeanwhile(err error) error {
	return Permanent(Say("Quelqu’un d’autre a décidé de cette livraison, ou la source en a livré une autre. La dernière version reste en ligne\u00a0; regardez ce qui attend encore (grenier held).", err))
}

// hold ends the run as held, with the gate's sentence; quietly when a person has refused this very delivery already.
func (l *line) hold(ctx context.Context, why string) error {
	l.run.Status, l.run.Stage, l.run.Message = catalog.Held, string(StageGate), why
	refusals, err := l.Store.Decisions(ctx, catalog.DecisionQuery{Source: l.source.ID, Kind: catalog.Refused})
	if err != nil {
		return fmt.Errorf("read decisions on %s: %w", l.source.ID, err)
	}
	for _, d := range refusals {
		if d.Process == l.run.Process && sameDelivery(d.Documents, l.run.Documents) {
			l.run.Status, l.run.Message = catalog.Unchanged, "Livraison refusée le "+frenchDay(d.Time)+"\u00a0: "+d.Reason
			return nil
		}
	}
	return nil
}
