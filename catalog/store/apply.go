package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"

	"grenier/catalog"

	"github.com/uptrace/bun"
)

// errDryRun rolls back what a dry run did.
var errDryRun = errors.New("dry run")

// Apply brings members, recipes and sources to what m says. A member whose description changes gives its datasets an
// EventUpdated: the index and the feeds show it.
func (s *Store) Apply(ctx context.Context, m catalog.Manifest, opt catalog.ApplyOptions) ([]catalog.Change, error) {
	for _, member := range m.Members {
		if b := member.BBox; b != nil && (math.IsNaN(b.West+b.South+b.East+b.North) || math.IsInf(b.West+b.South+b.East+b.North, 0)) {
			return nil, fmt.Errorf("apply: bbox of member %s is not finite", member.SIREN)
		}
	}
	var changes []catalog.Change
	err := s.writes.do(ctx, durable, func(ctx context.Context, t *tx) error {
		p, err := t.plan(ctx, m, opt.Prune, micros(s.Now()))
		if err != nil {
			return err
		}
		changes = p.changes
		if err := t.carryOut(ctx, p); err != nil {
			return err
		}
		if err := t.keepLogos(ctx, m.Logos); err != nil {
			return err
		}
		if opt.DryRun {
			return errDryRun
		}
		if len(changes) == 0 {
			return nil
		}
		_, err = t.exec(ctx, `UPDATE counters SET value = value + 1 WHERE name = 'applied'`) // what Revision looks at
		return err
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return nil, fmt.Errorf("apply: %w", err)
	}
	return changes, nil
}

// A plan is what differs between the catalogue and a manifest.
type plan struct {
	members map[string]memberRow // as they are, then as they will be
	recipes map[string]recipeRow
	sources map[string]sourceRow
	changes []catalog.Change
	now     int64

	putMembers []memberRow
	putRecipes []recipeRow
	putSources []sourceRow
}

func (t *tx) plan(ctx context.Context, m catalog.Manifest, prune bool, now int64) (*plan, error) {
	p := &plan{now: now}
	var members []memberRow
	var recipes []recipeRow
	var sources []sourceRow
	for _, rows := range []any{&members, &recipes, &sources} {
		if err := t.bun.NewSelect().Conn(t.sql).Model(rows).Scan(ctx); err != nil {
			return nil, err
		}
	}
	p.members = byKey(members, func(r memberRow) string { return r.SIREN })
	p.recipes = byKey(recipes, func(r recipeRow) string { return r.Name })
	p.sources = byKey(sources, func(r sourceRow) string { return r.ID })
	p.planMembers(m.Members)
	p.planRecipes(m.Recipes)
	if err := p.planSources(m.Sources); err != nil {
		return nil, err
	}
	if prune {
		p.prune(m)
	}
	p.sort()
	return p, nil
}

func byKey[T any](rows []T, key func(T) string) map[string]T {
	m := make(map[string]T, len(rows))
	for _, r := range rows {
		m[key(r)] = r
	}
	return m
}

// A field is one comparable part of a noun, named as the manifest names it.
type field struct {
	name     string
	old, new any
}

func differing(fields ...field) []string {
	var names []string
	for _, f := range fields {
		if !reflect.DeepEqual(f.old, f.new) {
			names = append(names, f.name)
		}
	}
	return names
}

// note adds a line to the plan and tells whether there was anything to do.
func (p *plan) note(noun, name string, known bool, what []string) bool {
	switch {
	case !known:
		p.changes = append(p.changes, catalog.Change{Op: '+', Noun: noun, Name: name})
	case len(what) > 0:
		p.changes = append(p.changes, catalog.Change{Op: '~', Noun: noun, Name: name, What: what})
	default:
		return false
	}
	return true
}

func (p *plan) planMembers(members []catalog.Member) {
	for _, m := range members {
		row := newMemberRow(m)
		old, known := p.members[m.SIREN]
		what := differing(
			field{"name", old.Name, row.Name}, field{"kind", old.Kind, row.Kind}, field{"insee", old.INSEE, row.INSEE},
			field{"siret", old.SIRET, row.SIRET}, field{"population", old.Population, row.Population},
			field{"email", old.Email, row.Email}, field{"website", old.Website, row.Website}, field{"bbox", old.BBox, row.BBox},
			field{"mandates", old.Mandates, row.Mandates},
			field{"logo", old.Logo, row.Logo}, field{"colours", old.Colours, row.Colours},
			field{"disabled", old.Disabled, false})
		if p.note("member", m.SIREN, known, what) {
			p.members[m.SIREN] = row
			p.putMembers = append(p.putMembers, row)
		}
	}
}

func (p *plan) planRecipes(recipes []catalog.Recipe) {
	for _, r := range recipes {
		old, known := p.recipes[r.Name]
		what := differing(field{"text", old.Text, r.Text}, field{"disabled", old.Disabled, false})
		if !p.note("recipe", r.Name, known, what) {
			continue
		}
		hash := sha256.Sum256([]byte(r.Text))
		row := recipeRow{Name: r.Name, Text: r.Text, Hash: hex.EncodeToString(hash[:]), Updated: p.now}
		if old.Text != r.Text {
			p.lookAgain(r.Name)
		}
		p.recipes[r.Name] = row
		p.putRecipes = append(p.putRecipes, row)
	}
}

// lookAgain makes the scheduler see anew the sources whose schedule is their recipe's, for it may have changed.
func (p *plan) lookAgain(recipe string) {
	for id, s := range p.sources {
		if s.Recipe == recipe && s.Schedule == "" && s.NextRun != 0 {
			s.NextRun = 0
			p.sources[id] = s
			p.putSources = append(p.putSources, s)
		}
	}
}

func (p *plan) planSources(sources []catalog.Source) error {
	for _, s := range sources {
		if _, ok := p.members[s.Member]; !ok {
			return fmt.Errorf("source %s: member %s: %w", s.ID, s.Member, catalog.ErrNotFound)
		}
		if _, ok := p.recipes[s.Recipe]; !ok {
			return fmt.Errorf("source %s: recipe %s: %w", s.ID, s.Recipe, catalog.ErrNotFound)
		}
		old, known := p.sources[s.ID]
		row := old // keeps what runs wrote
		row.ID, row.Member, row.Recipe, row.Params = s.ID, s.Member, s.Recipe, toJSON(s.Params)
		row.Key, row.Schedule, row.Disabled, row.Gate = s.Key, s.Schedule, s.Disabled, toJSON(s.Gate)
		what := differing(
			field{"member", old.Member, row.Member}, field{"recipe", old.Recipe, row.Recipe}, field{"params", old.Params, row.Params},
			field{"key", old.Key, row.Key}, field{"schedule", old.Schedule, row.Schedule}, field{"gate", old.Gate, row.Gate},
			field{"disabled", old.Disabled, row.Disabled})
		if !p.note("source", s.ID, known, what) {
			continue
		}
		if old.Recipe != row.Recipe || old.Schedule != row.Schedule || old.Disabled != row.Disabled {
			row.NextRun = 0
		}
		p.sources[s.ID] = row
		p.putSources = append(p.putSources, row)
	}
	return nil
}

// prune disables the sources that m does not name, then the members and recipes that neither m nor an enabled source names.
func (p *plan) prune(m catalog.Manifest) {
	sources, members, recipes := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, s := range m.Sources {
		sources[s.ID], members[s.Member], recipes[s.Recipe] = true, true, true
	}
	for _, x := range m.Members {
		members[x.SIREN] = true
	}
	for _, x := range m.Recipes {
		recipes[x.Name] = true
	}
	for id, s := range p.sources {
		if !sources[id] && !s.Disabled {
			s.Disabled = true
			p.putSources = append(p.putSources, s)
			p.drop("source", id)
		}
	}
	for siren, x := range p.members {
		if !members[siren] && !x.Disabled {
			x.Disabled = true
			p.putMembers = append(p.putMembers, x)
			p.drop("member", siren)
		}
	}
	for name, x := range p.recipes {
		if !recipes[name] && !x.Disabled {
			x.Disabled = true
			p.putRecipes = append(p.putRecipes, x)
			p.drop("recipe", name)
		}
	}
}

func (p *plan) drop(noun, name string) {
	p.changes = append(p.changes, catalog.Change{Op: '-', Noun: noun, Name: name})
}

// sort orders the changes for people, and the rows so that two programs lock them in the same order; of a row that was
// planned twice the last counts.
func (p *plan) sort() {
	rank := map[string]int{"member": 0, "recipe": 1, "source": 2}
	slices.SortStableFunc(p.changes, func(a, b catalog.Change) int {
		return cmp.Or(cmp.Compare(rank[a.Noun], rank[b.Noun]), cmp.Compare(a.Name, b.Name))
	})
	p.putMembers = lasts(p.putMembers, func(r memberRow) string { return r.SIREN })
	p.putRecipes = lasts(p.putRecipes, func(r recipeRow) string { return r.Name })
	p.putSources = lasts(p.putSources, func(r sourceRow) string { return r.ID })
}

func lasts[T any](rows []T, key func(T) string) []T {
	m := byKey(rows, key)
	sorted := make([]T, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		sorted = append(sorted, m[k])
	}
	return sorted
}

func (t *tx) carryOut(ctx context.Context, p *plan) error {
	for part := range slices.Chunk(p.putMembers, chunk) {
		if err := t.insert(ctx, t.bun.NewInsert().Model(&part).On("CONFLICT (siren) DO UPDATE")); err != nil {
			return err
		}
	}
	for part := range slices.Chunk(p.putRecipes, chunk) {
		if err := t.insert(ctx, t.bun.NewInsert().Model(&part).On("CONFLICT (name) DO UPDATE")); err != nil {
			return err
		}
	}
	for part := range slices.Chunk(p.putSources, chunk) {
		q := t.bun.NewInsert().Model(&part).On("CONFLICT (id) DO UPDATE")
		for _, column := range []string{"member", "recipe", "params", "key", "schedule", "gate", "disabled", "next_run"} {
			q.Set("? = EXCLUDED.?", bun.Ident(column), bun.Ident(column))
		}
		if err := t.insert(ctx, q); err != nil {
			return err
		}
	}
	return t.tellOfMembers(ctx, p)
}

// keepLogos keeps the marks that members have, and no other.
func (t *tx) keepLogos(ctx context.Context, logos []catalog.Logo) error {
	for _, l := range logos {
		if _, err := t.exec(ctx, `INSERT INTO logos (name, data) VALUES (?, ?) ON CONFLICT (name) DO NOTHING`, l.Name, l.Data); err != nil {
			return err
		}
	}
	_, err := t.exec(ctx, `DELETE FROM logos WHERE name NOT IN (SELECT logo FROM members)`)
	return err
}

func (t *tx) insert(ctx context.Context, q *bun.InsertQuery) error {
	_, err := q.Conn(t.sql).Exec(ctx)
	return err
}

// tellOfMembers writes an event for each dataset online of the members that changed.
func (t *tx) tellOfMembers(ctx context.Context, p *plan) error {
	for _, c := range p.changes {
		if c.Noun != "member" || c.Op != '~' || slices.Equal(c.What, []string{"disabled"}) {
			continue
		}
		var rows []datasetRow
		err := t.bun.NewSelect().Conn(t.sql).Model(&rows).Where("d.member = ?", c.Name).Where("d." + online).Order("d.created").Scan(ctx)
		if err != nil {
			return err
		}
		for _, d := range rows {
			seq, err := t.nextSeq(ctx)
			if err != nil {
				return err
			}
			if err := t.putEvent(ctx, seq, moment(p.now), catalog.EventUpdated, d.ID.String(), d.Version, ""); err != nil {
				return err
			}
		}
	}
	return nil
}
