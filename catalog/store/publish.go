package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"grenier/catalog"

	"github.com/google/uuid"
)

// historyMax is how many versions a RunMark's History tells of.
const historyMax = 5

// Publish writes the run's end, the dataset's new version and its event in one transaction. A dataset that a person
// withdrew is not published again.
func (s *Store) Publish(ctx context.Context, d catalog.Dataset, run catalog.Run) (catalog.Dataset, error) {
	if d.ID == uuid.Nil {
		return catalog.Dataset{}, errors.New("publish: dataset without id")
	}
	run.Status, run.Dataset = catalog.Published, d.ID
	e, err := s.ending(run)
	if err != nil {
		return catalog.Dataset{}, fmt.Errorf("publish %s: %w", run.Source, err)
	}
	d.Source = cmp.Or(d.Source, run.Source)
	var online catalog.Dataset
	err = s.writes.do(ctx, durable, func(ctx context.Context, t *tx) (err error) {
		online, err = t.publish(ctx, tidy(d), e)
		return err
	})
	if err != nil {
		return catalog.Dataset{}, fmt.Errorf("publish %s: %w", run.Source, err)
	}
	return online, nil
}

// tidy is d as a read will return it: no empty lists, and files of its own.
func tidy(d catalog.Dataset) catalog.Dataset {
	d.Keywords, d.Themes, d.Fields = orNil(d.Keywords), orNil(d.Themes), orNil(d.Fields)
	d.Files = orNil(slices.Clone(d.Files))
	for i := range d.Files {
		if f := &d.Files[i]; f.ID == uuid.Nil {
			f.ID = catalog.FileID(d.ID, f.Format)
		}
	}
	return d
}

func orNil[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

func (t *tx) publish(ctx context.Context, d catalog.Dataset, e ending) (catalog.Dataset, error) {
	if err := t.lockSource(ctx, e.run.Source); err != nil {
		return d, err
	}
	prev, created, err := t.previous(ctx, d.ID)
	if err != nil {
		return d, err
	}
	if err := t.mayPublish(ctx, prev); err != nil {
		return d, err
	}
	online := ""
	if prev.Version > 0 {
		online = d.ID.String()
	}
	decided, err := t.beginRelease(ctx, e.run, online)
	if err != nil {
		return d, err
	}
	d = succeed(d, prev, stored(e.run.Ended))
	e.run.Version = d.Version
	if err := t.end(ctx, e); err != nil {
		return d, err
	}
	owner, err := t.owner(ctx, d.Member.SIREN)
	if err != nil {
		return d, err
	}
	if d.Slug, err = t.slug(ctx, d, prev, owner); err != nil {
		return d, err
	}
	seq, err := t.nextSeq(ctx)
	if err != nil {
		return d, err
	}
	if err := t.putVersion(ctx, d, cmp.Or(created, seq), e.run); err != nil {
		return d, err
	}
	if err := t.putEvent(ctx, seq, e.run.Ended, catalog.EventPublished, d.ID.String(), d.Version, e.run.ID); err != nil {
		return d, err
	}
	if err := t.markPublished(ctx, e.run); err != nil {
		return d, err
	}
	if err := decided.end(ctx, t, e.run, d.ID.String()); err != nil {
		return d, err
	}
	d.Member = owner
	return d, nil
}

// previous is the dataset as it is online, zero when there is none yet.
func (t *tx) previous(ctx context.Context, id uuid.UUID) (d catalog.Dataset, created int64, err error) {
	var r datasetRow
	err = t.row(ctx, datasetByID, id.String()).Scan(datasetsTable.into(&r)...)
	if errors.Is(err, sql.ErrNoRows) {
		return d, 0, nil
	}
	if err == nil {
		d, err = r.dataset()
	}
	if err != nil {
		return d, 0, err
	}
	err = t.rows(ctx, func(rows *sql.Rows) error {
		var f fileRow
		if err := rows.Scan(filesTable.into(&f)...); err != nil {
			return err
		}
		d.Files = append(d.Files, f.file())
		return nil
	}, filesOfVersion, id.String(), d.Version)
	return d, r.Created, err
}

// succeed makes d the version that follows prev.
func succeed(d, prev catalog.Dataset, at time.Time) catalog.Dataset {
	d.Version, d.Status = prev.Version+1, catalog.DatasetPublished
	d.Issued, d.Checked, d.Modified = prev.Issued, at, at
	if prev.Version == 0 {
		d.Issued = at
	}
	for i := range d.Files {
		f := &d.Files[i]
		f.Modified = at
		for _, old := range prev.Files {
			if old.ID == f.ID && old.SHA256 == f.SHA256 {
				f.Modified = old.Modified
			}
		}
	}
	if prev.Version > 0 && reflect.DeepEqual(substance(d), substance(prev)) {
		d.Modified = prev.Modified
	}
	return d
}

// substance is what a reader would notice: data and metadata, without the circumstances of their publication.
func substance(d catalog.Dataset) catalog.Dataset {
	d.Member = catalog.Member{SIREN: d.Member.SIREN}
	d.Slug, d.Source, d.Status, d.Version, d.Origins = "", "", "", 0, nil
	d.Issued, d.Modified, d.Checked = time.Time{}, time.Time{}, time.Time{}
	return d
}

func (t *tx) owner(ctx context.Context, siren string) (catalog.Member, error) {
	var r memberRow
	if err := t.row(ctx, memberBySIREN, siren).Scan(membersTable.into(&r)...); err != nil {
		return catalog.Member{}, found(err, "member "+siren)
	}
	return r.member()
}

// slug is the dataset's slug: the one it has while its title stays, else one made from the title that no other dataset has or had.
func (t *tx) slug(ctx context.Context, d, prev catalog.Dataset, owner catalog.Member) (string, error) {
	asked := d.Slug
	if prev.Version > 0 && (asked == "" && d.Title == prev.Title || asked == prev.Slug) {
		return prev.Slug, nil
	}
	base, suffix := cmp.Or(asked, catalog.Slug(d.Title)), catalog.Slug(owner.Name)
	for n := 1; ; n++ {
		slug := candidate(base, suffix, n)
		claimed, err := t.exec(ctx, `INSERT INTO slugs (slug, dataset) VALUES (?, ?)
			ON CONFLICT (slug) DO UPDATE SET dataset = excluded.dataset WHERE slugs.dataset = excluded.dataset`, slug, d.ID.String())
		if err != nil || claimed > 0 {
			return slug, err
		}
		if n == 3 { // a crowd: skip the numbers that are likely taken
			if err := t.row(ctx, `SELECT count(*) FROM slugs WHERE slug LIKE ?`, slug[:len(slug)-1]+"%").Scan(&n); err != nil {
				return "", err
			}
			n = max(n, 3)
		}
	}
}

// candidate is the n-th slug to try: the title's, then with the member's name, then numbered.
func candidate(base, owner string, n int) string {
	if n > 1 && !strings.Contains(base, owner) {
		base, n = base+"-"+owner, n-1
	}
	if n > 1 {
		return base + "-" + strconv.Itoa(n)
	}
	return base
}

func (t *tx) putVersion(ctx context.Context, d catalog.Dataset, created int64, run catalog.Run) error {
	row := newDatasetRow(d, created)
	if _, err := t.exec(ctx, datasetsTable.upsert, datasetsTable.args(&row)...); err != nil {
		return err
	}
	version := versionRow{
		Dataset: d.ID, Number: d.Version, Run: run.ID, Published: micros(run.Ended), Rows: d.Rows, Rejected: d.Rejected, Valid: d.Valid,
		Origins: toQuarantine(d.Origins),
	}
	if _, err := t.exec(ctx, versionsTable.insert, versionsTable.args(&version)...); err != nil {
		return err
	}
	for i := range d.Files {
		file := newFileRow(d, i)
		if _, err := t.exec(ctx, filesTable.insert, filesTable.args(&file)...); err != nil {
			return err
		}
	}
	return nil
}

// markPublished makes the run the last and the published one of its source.
func (t *tx) markPublished(ctx context.Context, run catalog.Run) error {
	var kept string
	if err := t.row(ctx, `SELECT history FROM sources WHERE id = ?`, run.Source).Scan(&kept); err != nil {
		return found(err, "source "+run.Source)
	}
	var history []int64
	if err := fromJSON(kept, &history); err != nil {
		return err
	}
	history = append([]int64{run.Accepted}, history...)
	_, err := t.exec(ctx, `UPDATE sources SET published_run = ?, last_run = ?, failures = 0, history = ? WHERE id = ?`,
		run.ID, run.ID, toJSON(history[:min(len(history), historyMax)]), run.Source)
	return err
}
