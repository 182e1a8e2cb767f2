package store

import (
	"context"
	"math"

	"grenier/catalog"

	"github.com/uptrace/bun"
)

// online selects what DatasetQuery calls online.
const online = `status <> 'withdrawn'`

// countDatasets counts the datasets that a member has online.
const countDatasets = `(SELECT count(*) FROM datasets AS x WHERE x.member = m.siren AND x.` + online + `)`

// shown selects the members that lists name: those the manifest names, and those whose datasets are still online.
const shown = `(m.disabled = FALSE OR EXISTS (SELECT 1 FROM datasets AS x WHERE x.member = m.siren AND x.` + online + `))`

// Member returns one member, even one that the last manifest did not name.
func (s *Store) Member(ctx context.Context, siren string) (catalog.Member, error) {
	var r memberRow
	err := s.members(&r).Where("m.siren = ?", siren).Scan(ctx)
	if err != nil {
		return catalog.Member{}, found(err, "member "+siren)
	}
	return r.member()
}

// Logo returns the bytes of a mark that a member has.
func (s *Store) Logo(ctx context.Context, name string) ([]byte, error) {
	var data []byte
	err := s.read.NewRaw(`SELECT data FROM logos WHERE name = ?`, name).Scan(ctx, &data)
	return data, found(err, "logo "+name)
}

// Members lists members by name, accents and case ignored.
func (s *Store) Members(ctx context.Context, q catalog.MemberQuery) ([]catalog.Member, int, error) {
	filter := func(sel *bun.SelectQuery) *bun.SelectQuery {
		sel.Where(shown)
		if q.Kind != "" {
			sel.Where("m.kind = ?", string(q.Kind))
		}
		if part := catalog.Fold(q.Text); part != "" { // letters, digits and spaces: nothing that LIKE would read
			sel.Where("m.folded LIKE ?", "%"+part+"%")
		}
		return sel
	}
	total, err := s.read.NewSelect().Model((*memberRow)(nil)).Apply(filter).Count(ctx)
	if err != nil {
		return nil, 0, found(err, "count members")
	}
	var rows []memberRow
	err = s.members(&rows).Apply(filter, page(q.Offset, q.Limit)).Order("m.folded", "m.siren").Scan(ctx)
	if err != nil {
		return nil, 0, found(err, "list members")
	}
	members, err := each(rows, (*memberRow).member)
	return members, int(total), err
}

func (s *Store) members(into any) *bun.SelectQuery {
	return s.read.NewSelect().Model(into).ColumnExpr("m.*").ColumnExpr(countDatasets + " AS datasets")
}

// page is LIMIT and OFFSET; limit 0 is no limit.
func page(offset, limit int) func(*bun.SelectQuery) *bun.SelectQuery {
	return func(sel *bun.SelectQuery) *bun.SelectQuery {
		if limit <= 0 && offset > 0 {
			limit = math.MaxInt32 // SQLite knows no OFFSET alone
		}
		return sel.Limit(int64(limit)).Offset(int64(max(offset, 0)))
	}
}

// each converts rows.
func each[Row, Noun any](rows []Row, convert func(*Row) (Noun, error)) ([]Noun, error) {
	nouns := make([]Noun, len(rows))
	for i := range rows {
		var err error
		if nouns[i], err = convert(&rows[i]); err != nil {
			return nil, err
		}
	}
	return nouns, nil
}
