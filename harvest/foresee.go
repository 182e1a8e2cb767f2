package harvest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"grenier/catalog"
	"grenier/schemas"
)

// Foresee tells what judging by next instead of current changes for each source whose recipe leaves the version of the schema id open. The
// documents that the source last published are judged both ways, as a run would: decoded, mapped, checked. Nothing is fetched nor written.
func (r *Runner) Foresee(ctx context.Context, current, next *schemas.Set, id schemas.ID) ([]Effect, error) {
	sources, err := r.Store.Sources(ctx, catalog.SourceQuery{})
	if err != nil {
		return nil, fmt.Errorf("read sources: %w", err)
	}
	known, err := r.remember(ctx)
	if err != nil {
		return nil, err
	}
	var effects []Effect
	for _, s := range sources {
		kept, err := known.Recipe(ctx, s.Recipe)
		if err != nil || s.Disabled || s.Published == nil {
			continue
		}
		e, concerned, err := r.effect(ctx, known, kept, s, current, next, id)
		if err != nil {
			return nil, err
		}
		if concerned {
			effects = append(effects, e)
		}
	}
	return effects, nil
}

// effect judges one source both ways; concerned is false when its recipe does not follow the newest version of the schema.
func (r *Runner) effect(ctx context.Context, known *almanac, kept catalog.Recipe, s catalog.Source, current, next *schemas.Set, id schemas.ID) (e Effect, concerned bool, err error) {
	e.Source = s.ID
	old, err := ParseRecipe(kept.Name, []byte(kept.Text), current, r.Connectors)
	if err != nil {
		return e, false, nil // it publishes nothing today either
	}
	if old.Schema != id.Name() {
		return e, false, nil
	}
	member, err := known.Member(ctx, s.Member)
	if err != nil {
		return e, false, nil
	}
	before, err := r.rejudge(ctx, old, member, s)
	if before == nil {
		return unjudged(e, err), true, ctx.Err()
	}
	e.Rows, e.Before = before.Stats.Rows, before.Stats.Rejected
	renewed, err := ParseRecipe(kept.Name, []byte(kept.Text), next, r.Connectors)
	if err != nil {
		e.Held, e.Cause = true, "La recette «\u00a0"+kept.Name+"\u00a0» ne conviendrait plus\u00a0: "+firstLine(err.Error())+"."
		return e, true, nil
	}
	after, err := r.rejudge(ctx, renewed, member, s)
	if after == nil {
		return unjudged(e, err), true, ctx.Err()
	}
	e.After = after.Stats.Rejected
	e.compare(before, after, err)
	return e, true, ctx.Err()
}

func unjudged(e Effect, err error) Effect {
	e.Unknown, e.Cause = true, "Les fichiers de la dernière version n’ont pas pu être jugés\u00a0: le prochain moissonnage le dira."
	if errors.Is(err, fs.ErrNotExist) {
		e.Cause = "Les fichiers de la dernière version ne sont plus gardés\u00a0: le prochain moissonnage le dira."
	}
	return e
}

// compare settles whether the delivery would be held, and names the first cause that was not there before.
func (e *Effect) compare(before, after *schemas.Report, err error) {
	type cause struct{ kind, constraint, field string }
	was := map[cause]bool{}
	for _, i := range before.Errors {
		was[cause{i.Type, i.Constraint, i.Field}] = true
	}
	for _, i := range after.Errors {
		fresh := !was[cause{i.Type, i.Constraint, i.Field}]
		if fresh && i.Row == 0 || fresh && e.After > e.Before {
			e.Held = e.Held || i.Row == 0
			e.Cause = i.Message
			break
		}
	}
	if err != nil && e.Cause == "" {
		e.Held, e.Cause = true, SentenceOf(err)
	}
	if e.Cause == "" && e.After > e.Before && len(after.Errors) > 0 {
		e.Cause = after.Errors[0].Message
	}
}

// rejudge judges the documents that a source last published. The report is nil when they cannot be had; an error beside a report is a header that
// lets no row be judged.
func (r *Runner) rejudge(ctx context.Context, recipe *Recipe, member catalog.Member, s catalog.Source) (*schemas.Report, error) {
	l := &line{Runner: r, recipe: recipe, member: member, source: s}
	j := l.newJudged()
	defer r.buffers.Put(j.buf)
	j.judge = recipe.JudgeFor
	j.write = func(string, []string, *schemas.Block, *schemas.Batch) error { return ctx.Err() }
	opt := recipe.decodeOptions()
	for _, raw := range s.Published.Documents {
		if err := r.rejudgeOne(ctx, j, raw, len(s.Published.Documents) > 1, opt); err != nil {
			if j.report != nil && len(j.report.Errors) > 0 && ctx.Err() == nil {
				return j.report, err
			}
			return nil, err
		}
	}
	if j.report == nil {
		return nil, errNotKept
	}
	j.checker.End(j.report)
	j.report.Finish()
	return j.report, nil
}

func (r *Runner) rejudgeOne(ctx context.Context, j *judging, raw catalog.Raw, several bool, opt DecodeOptions) error {
	blob, err := r.Blobs.Open(ctx, raw.Key())
	if err != nil {
		return fmt.Errorf("open kept bytes of %s: %w", raw.Name, err)
	}
	defer blob.Close()
	name := ""
	if several {
		name = raw.Name
	}
	return j.document(ctx, name, Input{Name: raw.Name, MediaType: raw.MediaType, Size: raw.Bytes, ReaderAt: blob}, opt)
}
