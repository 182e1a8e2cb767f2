package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"grenier/catalog"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
)

// snapshot runs fn on one state of the catalogue, so that a dataset and its files are of the same version.
func (s *Store) snapshot(ctx context.Context, fn func(db bun.IDB) error) error {
	opt := &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead}
	return s.read.RunInTx(ctx, opt, func(ctx context.Context, t bun.Tx) error { return fn(t) })
}

// Dataset returns one dataset, withdrawn or not.
func (s *Store) Dataset(ctx context.Context, id uuid.UUID) (catalog.Dataset, error) {
	return s.dataset(ctx, "dataset "+id.String(), "d.id = ?", id.String())
}

// DatasetBySlug returns the dataset that has or had this slug.
func (s *Store) DatasetBySlug(ctx context.Context, slug string) (catalog.Dataset, error) {
	return s.dataset(ctx, "dataset "+slug, "d.id = (SELECT dataset FROM slugs WHERE slug = ?)", slug)
}

func (s *Store) dataset(ctx context.Context, what, where string, arg any) (catalog.Dataset, error) {
	var ds []catalog.Dataset
	err := s.snapshot(ctx, func(db bun.IDB) (err error) {
		ds, err = datasets(ctx, db, func(sel *bun.SelectQuery) *bun.SelectQuery { return sel.Where(where, arg) })
		return err
	})
	if err == nil && len(ds) == 0 {
		err = catalog.ErrNotFound
	}
	if err != nil {
		return catalog.Dataset{}, found(err, what)
	}
	return ds[0], nil
}

// datasets reads datasets with their member, whose own count of datasets is left out, and the files of their version.
func datasets(ctx context.Context, db bun.IDB, which ...func(*bun.SelectQuery) *bun.SelectQuery) ([]catalog.Dataset, error) {
	rows, err := datasetRows(ctx, db, which...)
	if err != nil {
		return nil, err
	}
	ds, err := each(rows, (*datasetRow).dataset)
	if err != nil {
		return nil, err
	}
	return ds, addFiles(ctx, db, ds)
}

func datasetRows(ctx context.Context, db bun.IDB, which ...func(*bun.SelectQuery) *bun.SelectQuery) ([]datasetRow, error) {
	var rows []datasetRow
	err := db.NewSelect().Model(&rows).Relation("Owner").Apply(which...).Scan(ctx)
	return rows, err
}

// addFiles completes datasets with the files and the origins of their newest versions.
func addFiles(ctx context.Context, db bun.IDB, ds []catalog.Dataset) error {
	place := make(map[uuid.UUID]int, len(ds))
	ids := make([]string, len(ds))
	for i, d := range ds {
		place[d.ID], ids[i] = i, d.ID.String()
	}
	for part := range slices.Chunk(ids, chunk) {
		var files []fileRow
		err := db.NewSelect().Model(&files).Join("JOIN datasets AS d ON d.id = f.dataset AND d.version = f.version").
			Where("f.dataset IN (?)", bun.List(part)).Order("f.dataset", "f.position").Scan(ctx)
		if err != nil {
			return err
		}
		for _, f := range files {
			d := &ds[place[f.Dataset]]
			d.Files = append(d.Files, f.file())
		}
		var versions []versionRow
		err = db.NewSelect().Model(&versions).Column("dataset", "origins").Join("JOIN datasets AS d ON d.id = v.dataset AND d.version = v.number").
			Where("v.dataset IN (?)", bun.List(part)).Where("v.origins <> ''").Scan(ctx)
		if err != nil {
			return err
		}
		for _, v := range versions {
			if err := fromQuarantine(v.Origins, &ds[place[v.Dataset]].Origins); err != nil {
				return fmt.Errorf("read origins of dataset %s: %w", v.Dataset, err)
			}
		}
	}
	return nil
}

// Datasets lists datasets, newest change first, or as q.IDs says, and how many there are without paging.
func (s *Store) Datasets(ctx context.Context, q catalog.DatasetQuery) ([]catalog.Dataset, int, error) {
	if q.IDs != nil {
		return s.datasetsByID(ctx, q)
	}
	var ds []catalog.Dataset
	var total int64
	err := s.snapshot(ctx, func(db bun.IDB) (err error) {
		total, err = db.NewSelect().Model((*datasetRow)(nil)).Apply(selected(q)).Count(ctx)
		if err != nil {
			return err
		}
		ds, err = datasets(ctx, db, selected(q), page(q.Offset, q.Limit), func(sel *bun.SelectQuery) *bun.SelectQuery {
			return sel.Order("d.modified DESC", "d.created DESC")
		})
		return err
	})
	return ds, int(total), found(err, "list datasets")
}

// selected is what q asks for, its IDs and paging aside.
func selected(q catalog.DatasetQuery) func(*bun.SelectQuery) *bun.SelectQuery {
	return func(sel *bun.SelectQuery) *bun.SelectQuery {
		sel.Where("d." + online)
		if q.Member != "" {
			sel.Where("d.member = ?", q.Member)
		}
		if q.Schema != "" {
			sel.Where("d.schema_name = ?", q.Schema)
		}
		if !q.Since.IsZero() {
			sel.Where("d.modified > ?", micros(q.Since))
		}
		return sel
	}
}

func among(ids []string) func(*bun.SelectQuery) *bun.SelectQuery {
	return func(sel *bun.SelectQuery) *bun.SelectQuery { return sel.Where("d.id IN (?)", bun.List(ids)) }
}

func (s *Store) datasetsByID(ctx context.Context, q catalog.DatasetQuery) ([]catalog.Dataset, int, error) {
	have := make(map[uuid.UUID]catalog.Dataset, len(q.IDs))
	for part := range slices.Chunk(texts(q.IDs), chunk) {
		err := s.snapshot(ctx, func(db bun.IDB) error {
			ds, err := datasets(ctx, db, selected(q), among(part))
			for _, d := range ds {
				have[d.ID] = d
			}
			return err
		})
		if err != nil {
			return nil, 0, found(err, "list datasets")
		}
	}
	ordered := make([]catalog.Dataset, 0, len(have))
	for _, id := range q.IDs {
		if d, ok := have[id]; ok {
			ordered = append(ordered, d)
		}
	}
	total := len(ordered)
	ordered = ordered[min(max(q.Offset, 0), total):]
	if q.Limit > 0 {
		ordered = ordered[:min(q.Limit, len(ordered))]
	}
	return ordered, total, nil
}

func texts(ids []uuid.UUID) []string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = id.String()
	}
	return texts
}

// EachDataset calls fn for every dataset that q selects, in creation order. It reads pages by key and holds nothing of the
// database while fn runs.
func (s *Store) EachDataset(ctx context.Context, q catalog.DatasetQuery, fn func(catalog.Dataset) error) error {
	var wanted map[uuid.UUID]bool
	if q.IDs != nil {
		wanted = make(map[uuid.UUID]bool, len(q.IDs))
		for _, id := range q.IDs {
			wanted[id] = true
		}
	}
	skip, left := q.Offset, q.Limit
	for after := int64(0); ; {
		ds, last, err := s.datasetsAfter(ctx, q, after)
		if err != nil {
			return found(err, "list datasets")
		}
		for _, d := range ds {
			if wanted != nil && !wanted[d.ID] {
				continue
			}
			if skip--; skip >= 0 {
				continue
			}
			if err := fn(d); err != nil {
				return err
			}
			if left--; left == 0 {
				return nil
			}
		}
		if len(ds) < chunk {
			return nil
		}
		after = last
	}
}

// datasetsAfter is one page in creation order, and the place of its last dataset.
func (s *Store) datasetsAfter(ctx context.Context, q catalog.DatasetQuery, after int64) (ds []catalog.Dataset, last int64, err error) {
	err = s.snapshot(ctx, func(db bun.IDB) error {
		rows, err := datasetRows(ctx, db, selected(q), func(sel *bun.SelectQuery) *bun.SelectQuery {
			return sel.Where("d.created > ?", after).Order("d.created").Limit(chunk)
		})
		if err != nil || len(rows) == 0 {
			return err
		}
		last = rows[len(rows)-1].Created
		if ds, err = each(rows, (*datasetRow).dataset); err != nil {
			return err
		}
		return addFiles(ctx, db, ds)
	})
	return ds, last, err
}

// Versions lists the versions that Prune left, newest first.
func (s *Store) Versions(ctx context.Context, dataset uuid.UUID) ([]catalog.Version, error) {
	var rows []versionRow
	var files []fileRow
	id := dataset.String()
	err := s.snapshot(ctx, func(db bun.IDB) error {
		if err := db.NewSelect().Model(&rows).Where("v.dataset = ?", id).Order("v.number DESC").Scan(ctx); err != nil {
			return err
		}
		return db.NewSelect().Model(&files).Where("f.dataset = ?", id).Order("f.version", "f.position").Scan(ctx)
	})
	if err == nil && len(rows) == 0 {
		err = catalog.ErrNotFound
	}
	if err != nil {
		return nil, found(err, "versions of dataset "+id)
	}
	return withFiles(rows, files)
}

func withFiles(rows []versionRow, files []fileRow) ([]catalog.Version, error) {
	of := map[int][]catalog.File{}
	for _, f := range files {
		of[f.Version] = append(of[f.Version], f.file())
	}
	versions := make([]catalog.Version, len(rows))
	for i, r := range rows {
		versions[i] = catalog.Version{
			Dataset: r.Dataset, Number: r.Number, Run: r.Run, Published: moment(r.Published),
			Rows: r.Rows, Rejected: r.Rejected, Valid: r.Valid, Files: of[r.Number],
		}
		if err := fromQuarantine(r.Origins, &versions[i].Origins); err != nil {
			return nil, fmt.Errorf("read origins of version %d: %w", r.Number, err)
		}
	}
	return versions, nil
}

// File finds the file of a distribution in the newest version (version 0) or in a past one, with its dataset as it is now.
func (s *Store) File(ctx context.Context, id uuid.UUID, version int) (catalog.File, catalog.Dataset, error) {
	what := fmt.Sprintf("file %s, version %d", id, version)
	var file fileRow
	var ds []catalog.Dataset
	err := s.snapshot(ctx, func(db bun.IDB) error {
		sel := db.NewSelect().Model(&file).Where("f.id = ?", id.String())
		if version == 0 {
			sel.Join("JOIN datasets AS d ON d.id = f.dataset AND d.version = f.version")
		} else {
			sel.Where("f.version = ?", version)
		}
		err := sel.Scan(ctx)
		if err != nil {
			return err
		}
		ds, err = datasets(ctx, db, among([]string{file.Dataset.String()}))
		return err
	})
	if err == nil && len(ds) == 0 {
		err = catalog.ErrNotFound
	}
	if err != nil {
		return catalog.File{}, catalog.Dataset{}, found(err, what)
	}
	return file.file(), ds[0], nil
}
