package harvest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"grenier/catalog"
	"grenier/publish"

	"github.com/google/uuid"
)

// A Kept is a blob of a withdrawn dataset that could not be deleted.
type Kept struct {
	Key string
	Err error
}

// Purge deletes the blobs that withdrawn datasets left (Store.Doomed), with their twins, and says how many are gone and which are not. It can be
// called again, and killed at any moment. A reader who has a file open reads it to the end. A key that a run gives to the blob store during the very
// deletion, for another dataset of the same bytes, may be lost: « doctor » finds that.
func Purge(ctx context.Context, store catalog.Store, blobs publish.BlobStore) (deleted int, kept []Kept, err error) {
	keys, err := store.Doomed(ctx)
	if err != nil {
		return 0, nil, fmt.Errorf("purge: %w", err)
	}
	var gone []string
	for _, key := range keys {
		if err := ctx.Err(); err != nil {
			return 0, nil, errors.Join(err, store.Forgotten(context.WithoutCancel(ctx), gone))
		}
		if err := deleteWhole(ctx, blobs, key); err != nil {
			kept = append(kept, Kept{key, err})
			continue
		}
		gone = append(gone, key)
	}
	if err := store.Forgotten(ctx, gone); err != nil {
		return 0, kept, fmt.Errorf("purge: %w", err)
	}
	return len(gone), kept, nil
}

// deleteWhole deletes a blob after its twins and its profile: as long as the blob is there its key is to be deleted, and nobody else names them. A twin that a
// reader had made meanwhile goes after it.
func deleteWhole(ctx context.Context, blobs publish.BlobStore, key string) error {
	keys := append(append(publish.Beside(key), key), publish.Beside(key)...)
	for _, k := range keys {
		if err := blobs.Delete(ctx, k); err != nil {
			return err
		}
	}
	return nil
}

// refuseWithdrawn stops a run whose dataset a person withdrew, until the withdrawal is lifted. known says that the dataset is withdrawn.
func (l *line) refuseWithdrawn(ctx context.Context, known bool) error {
	w, err := l.Store.Withdrawal(ctx, l.dataset.ID)
	switch {
	case errors.Is(err, catalog.ErrNotFound) && !known:
		return nil
	case err != nil && !errors.Is(err, catalog.ErrNotFound):
		return fmt.Errorf("read withdrawal of %s: %w", l.dataset.ID, err)
	case !w.Lifted.IsZero():
		return nil
	}
	return Permanent(Say("Ce jeu de données a été retiré du portail par une personne\u00a0: le moissonnage ne le lit plus et ne le remet pas en ligne. "+
		"Pour le republier, adressez-vous à votre opérateur («\u00a0grenier withdraw --undo\u00a0»).", fmt.Errorf("dataset %s: %w", l.dataset.ID, catalog.ErrWithdrawn)))
}

// unweavePatience is how long Unweave waits for another process that makes the same series.
const unweavePatience = 45 * time.Second

// Unweave takes a withdrawn dataset out of its series: that is made anew without it, and its versions that hold rows of it go. A series that
// holds nothing else goes too, until it has something to hold again.
func (s *Series) Unweave(ctx context.Context, d catalog.Dataset) error {
	if s.Operator.SIREN == "" || d.SchemaName == "" || d.IsSeries() {
		return nil
	}
	store, id := s.Runner.Store, s.id(d.SchemaName)
	if _, err := store.Dataset(ctx, id); errors.Is(err, catalog.ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	if err := s.remake(ctx, d.SchemaName); err != nil {
		return fmt.Errorf("unweave %s: %w", d.ID, err)
	}
	holding, err := s.holding(ctx, id, d)
	if err != nil || len(holding) == 0 {
		return err
	}
	return store.Expunge(ctx, id, holding)
}

// remake makes one series anew when it is not up to date; who makes it already is waited for.
func (s *Series) remake(ctx context.Context, schema string) error {
	for deadline := time.Now().Add(unweavePatience); ; {
		err := s.remakeOnce(ctx, schema)
		if !errors.Is(err, catalog.ErrBusy) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(250 * time.Millisecond):
		}
	}
}

func (s *Series) remakeOnce(ctx context.Context, schema string) error {
	parts, online, err := s.read(ctx)
	if err != nil {
		return err
	}
	if len(parts[schema]) > 0 {
		return s.refresh(ctx, schema, parts[schema])
	}
	for _, d := range online {
		if d.SchemaName == schema {
			return s.empty(ctx, d)
		}
	}
	return nil
}

// holding lists the versions of a series in which a dataset is.
func (s *Series) holding(ctx context.Context, series uuid.UUID, d catalog.Dataset) (list []int, err error) {
	versions, err := s.Runner.Store.Versions(ctx, series)
	if err != nil {
		return nil, err
	}
	for _, v := range versions {
		run, err := s.Runner.Store.Run(ctx, v.Run)
		if err != nil {
			return nil, err
		}
		c := catalog.CompositionOf(run)
		if c != nil && slices.ContainsFunc(c.Parts, func(p catalog.SeriesPart) bool { return p.Dataset == d.ID }) {
			list = append(list, v.Number)
		}
	}
	return list, nil
}
