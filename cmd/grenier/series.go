package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"grenier/catalog"
	"grenier/harvest"
)

// seriesEvery is how often `serve` looks whether a series is to be made anew: what members publish within it costs one making.
const seriesEvery = time.Minute

// series keeps the département-wide datasets.
func (p *program) series() *harvest.Series {
	site := p.config.Site
	return &harvest.Series{
		Runner: p.runner(), Location: p.location,
		Operator: catalog.Member{SIREN: site.SIREN, Name: site.Operator, Kind: catalog.Syndicat, Email: site.Email, Website: p.config.BaseURL},
	}
}

// catchUpSeries brings the series up to date after a harvest, unless another process is at it.
func (t *terminal) catchUpSeries(ctx context.Context, p *program) error {
	s := p.series()
	if s.Operator.SIREN == "" {
		return nil
	}
	progress := t.newBar(1, "Séries départementales")
	defer progress.end()
	_, err := catalog.CatchUp(ctx, p.store, s)
	if errors.Is(err, catalog.ErrBusy) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("toutes les séries ne sont pas à jour ; la version d’avant reste en ligne : %w", err)
	}
	progress.add(1)
	return nil
}
