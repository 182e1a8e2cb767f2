package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"grenier/catalog"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
)

// Renditions calls fn for the datasets that q selects, in creation order (within each part of some hundred IDs, when q names them), with what is kept of
// them; without bodies it reads no more than it must. It holds nothing of the database while fn runs.
func (s *Store) Renditions(ctx context.Context, q catalog.DatasetQuery, bodies bool, fn func(catalog.Rendition) error) error {
	most := chunk
	if bodies {
		most = bodiesAtOnce
	}
	each := func(where string, args ...any) (list []catalog.Rendition, last int64, err error) {
		list, last, err = s.renditions(ctx, q, bodies, most, where, args)
		for i := 0; err == nil && i < len(list); i++ {
			err = fn(list[i])
		}
		return list, last, err
	}
	if q.IDs != nil {
		for part := range slices.Chunk(texts(q.IDs), most) {
			if _, _, err := each("d.id IN (?)", bun.List(part)); err != nil {
				return err
			}
		}
		return nil
	}
	for after := int64(0); ; {
		list, last, err := each("d.created > ?", after)
		if err != nil || len(list) < most {
			return err
		}
		after = last
	}
}

// bodiesAtOnce are in memory together: each is some kilobytes.
const bodiesAtOnce = 64

// renditions is one page of them, and the place of the last in creation order.
func (s *Store) renditions(ctx context.Context, q catalog.DatasetQuery, bodies bool, most int, where string, args []any) (list []catalog.Rendition, last int64, err error) {
	columns, join := "'', NULL", ""
	if bodies {
		columns, join = "COALESCE(r.stamp, ''), r.body", " LEFT JOIN renditions AS r ON r.dataset = d.id"
	}
	filters := []string{"d." + online, where}
	if q.Member != "" {
		filters, args = append(filters, "d.member = ?"), append(args, q.Member)
	}
	if q.Schema != "" {
		filters, args = append(filters, "d.schema_name = ?"), append(args, q.Schema)
	}
	if !q.Since.IsZero() {
		filters, args = append(filters, "d.modified > ?"), append(args, micros(q.Since))
	}
	rows, err := s.read.QueryContext(ctx, "SELECT d.id, d.created, d.member, d.key, d.schema_name, d.version, d.modified, "+columns+" FROM datasets AS d"+join+
		" WHERE "+strings.Join(filters, " AND ")+fmt.Sprintf(" ORDER BY d.created LIMIT %d", most), args...)
	if err != nil {
		return nil, 0, found(err, "list renditions")
	}
	defer rows.Close()
	for rows.Next() {
		var r catalog.Rendition
		var id, key string
		var modified int64
		if err := rows.Scan(&id, &last, &r.Member, &key, &r.Schema, &r.Version, &modified, &r.Stamp, &r.Body); err != nil {
			return nil, 0, found(err, "read rendition")
		}
		if r.Dataset, err = uuid.Parse(id); err != nil {
			return nil, 0, fmt.Errorf("rendition of dataset %q: %w", id, err)
		}
		r.Modified, r.Series = moment(modified), catalog.Dataset{SchemaName: r.Schema, Key: key}.IsSeries()
		list = append(list, r)
	}
	return list, last, found(rows.Err(), "list renditions")
}

// KeepRenditions replaces what is kept of some datasets; nothing is kept of a withdrawn one, nor of one that does not exist.
func (s *Store) KeepRenditions(ctx context.Context, list ...catalog.Rendition) error {
	for part := range slices.Chunk(list, chunk) {
		err := s.writes.do(ctx, soft, func(ctx context.Context, t *tx) error {
			for _, r := range part {
				if _, err := t.exec(ctx, `INSERT INTO renditions (dataset, stamp, body) SELECT d.id, ?, ? FROM datasets AS d WHERE d.id = ? AND d.`+online+`
					ON CONFLICT (dataset) DO UPDATE SET stamp = excluded.stamp, body = excluded.body`, text(r.Stamp), r.Body, r.Dataset.String()); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("keep renditions: %w", err)
		}
	}
	return nil
}
