package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"grenier/catalog"
)

// Host makes sure that the source of a series is there, with its member and its recipe.
func (s *Store) Host(ctx context.Context, m catalog.Member, r catalog.Recipe, source catalog.Source) error {
	member := newMemberRow(m)
	member.Disabled = true
	hash := sha256.Sum256([]byte(r.Text))
	recipe := recipeRow{Name: r.Name, Text: r.Text, Hash: hex.EncodeToString(hash[:]), Updated: micros(time.Now()), Disabled: true}
	row := sourceRow{ID: source.ID, Member: m.SIREN, Recipe: r.Name, Params: toJSON(source.Params), Key: source.Key, Disabled: true}
	err := s.writes.do(ctx, soft, func(ctx context.Context, t *tx) error {
		if err := t.insert(ctx, t.bun.NewInsert().Model(&member).On("CONFLICT (siren) DO NOTHING")); err != nil {
			return err
		}
		if err := t.insert(ctx, t.bun.NewInsert().Model(&recipe).On("CONFLICT (name) DO NOTHING")); err != nil {
			return err
		}
		return t.insert(ctx, t.bun.NewInsert().Model(&row).On("CONFLICT (id) DO NOTHING"))
	})
	if err != nil {
		return fmt.Errorf("host %s: %w", source.ID, err)
	}
	return nil
}
