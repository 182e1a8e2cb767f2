package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"grenier/catalog"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
)

// sentenceErased stands for what a run of a withdrawn dataset had to say.
const sentenceErased = "Effacé avec le retrait du jeu de données."

// Withdraw takes a dataset down, with its versions and all that its runs kept, and returns the keys to delete (Doomed).
func (s *Store) Withdraw(ctx context.Context, w catalog.Withdrawal) ([]string, error) {
	if w.Time.IsZero() {
		w.Time = s.Now()
	}
	err := s.writes.do(ctx, durable, func(ctx context.Context, t *tx) error { return t.withdraw(ctx, w) })
	if err != nil {
		return nil, fmt.Errorf("withdraw dataset %s: %w", w.Dataset, err)
	}
	return s.doomed(ctx)
}

func (t *tx) withdraw(ctx context.Context, w catalog.Withdrawal) error {
	id := w.Dataset.String()
	var source string
	if err := t.row(ctx, `SELECT source FROM datasets WHERE id = ?`, id).Scan(&source); err != nil {
		return found(err, "dataset")
	}
	if err := t.lockSource(ctx, source); err != nil {
		return err
	}
	d, _, err := t.previous(ctx, w.Dataset)
	if err != nil {
		return err
	}
	if d.Status == catalog.DatasetWithdrawn {
		if lifted, err := t.lifted(ctx, id); err != nil || !lifted {
			return errors.Join(err, t.purgeRuns(ctx, id, source))
		}
	}
	if err := t.takeDown(ctx, w, source); err != nil {
		return err
	}
	seq, err := t.nextSeq(ctx)
	if err != nil {
		return err
	}
	if err := t.putEvent(ctx, seq, w.Time, catalog.EventWithdrawn, id, d.Version, ""); err != nil {
		return err
	}
	e := catalog.AuditEntry{Time: w.Time, Actor: w.By, Member: d.Member.SIREN, Action: catalog.AuditWithdraw, Object: id, Reason: w.Reason}
	if len(d.Files) > 0 {
		e.Before = d.Files[0].SHA256
	}
	return t.audit(ctx, e)
}

// takeDown makes the dataset withdrawn. Its versions stay as numbers and dates, without files.
func (t *tx) takeDown(ctx context.Context, w catalog.Withdrawal, source string) error {
	id := w.Dataset.String()
	if err := t.doomVersions(ctx, id); err != nil {
		return err
	}
	if err := t.purgeRuns(ctx, id, source); err != nil {
		return err
	}
	for _, step := range []struct {
		query string
		args  []any
	}{
		{`INSERT INTO withdrawn_files (id, dataset) SELECT DISTINCT id, dataset FROM files WHERE dataset = ? ON CONFLICT (id) DO NOTHING`, []any{id}},
		{`DELETE FROM files WHERE dataset = ?`, []any{id}},
		{`DELETE FROM renditions WHERE dataset = ?`, []any{id}},
		{`UPDATE versions SET origins = '' WHERE dataset = ?`, []any{id}},
		{`UPDATE datasets SET status = 'withdrawn', temporal_from = '', temporal_to = '' WHERE id = ?`, []any{id}},
		{`UPDATE sources SET published_run = '', history = '' WHERE id = ?`, []any{source}},
		{`INSERT INTO tombstones (dataset, withdrawn, public, lifted) VALUES (?, ?, ?, 0)
			ON CONFLICT (dataset) DO UPDATE SET withdrawn = excluded.withdrawn, public = excluded.public, lifted = 0`, []any{id, micros(w.Time), text(w.Public)}},
	} {
		if _, err := t.exec(ctx, step.query, step.args...); err != nil {
			return err
		}
	}
	return nil
}

// doomVersions notes the blobs of all versions as to be deleted.
func (t *tx) doomVersions(ctx context.Context, dataset string) error {
	_, err := t.exec(ctx, `INSERT INTO doomed_blobs (key, dataset) SELECT DISTINCT key, dataset FROM files WHERE dataset = ? ON CONFLICT (key) DO NOTHING`, dataset)
	if err != nil {
		return err
	}
	var origins []string
	err = t.rows(ctx, func(rows *sql.Rows) error {
		var text string
		if err := rows.Scan(&text); err != nil {
			return err
		}
		origins = append(origins, text)
		return nil
	}, `SELECT origins FROM versions WHERE dataset = ? AND origins <> ''`, dataset)
	if err != nil {
		return err
	}
	return t.doomQuarantines(ctx, dataset, origins)
}

// doomQuarantines notes blobs that are kept as JSON of a file.
func (t *tx) doomQuarantines(ctx context.Context, dataset string, texts []string) error {
	for _, text := range texts {
		var f *catalog.File
		if err := fromQuarantine(text, &f); err != nil {
			return fmt.Errorf("read file of a version: %w", err)
		}
		if err := t.doom(ctx, dataset, f.Key); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) doom(ctx context.Context, dataset, key string) error {
	_, err := t.exec(ctx, `INSERT INTO doomed_blobs (key, dataset) VALUES (?, ?) ON CONFLICT (key) DO NOTHING`, key, dataset)
	return err
}

// runsToPurge are the ended runs that brought, or tried to bring, a dataset, and that still hold something of it.
const runsToPurge = `(dataset = ? OR source = ? AND dataset IS NULL) AND status <> 'running'
	AND (documents <> '' OR quarantine <> '' OR columns <> '' OR sketch <> '' OR state <> '' OR error <> '' OR message NOT IN ('', ?)
		OR EXISTS (SELECT 1 FROM reports AS p WHERE p.run = runs.id))`

// purgeRuns empties the runs of a dataset of all that they hold of its cells, and notes the blobs that they kept. Which run there was, when
// and how it ended stays.
func (t *tx) purgeRuns(ctx context.Context, dataset, source string) error {
	return t.purge(ctx, dataset, runsToPurge, dataset, source, sentenceErased)
}

// purge is purgeRuns for the runs that a condition selects.
func (t *tx) purge(ctx context.Context, dataset, where string, args ...any) error {
	var ids, documents, quarantines []string
	err := t.rows(ctx, func(rows *sql.Rows) error {
		var id, delivered, refused string
		if err := rows.Scan(&id, &delivered, &refused); err != nil {
			return err
		}
		ids, documents = append(ids, id), append(documents, delivered)
		if refused != "" {
			quarantines = append(quarantines, refused)
		}
		return nil
	}, `SELECT id, documents, quarantine FROM runs WHERE `+where, args...)
	if err != nil {
		return err
	}
	for _, list := range documents {
		if err := rawKeys(list, func(key string) error { return t.doom(ctx, dataset, key) }); err != nil {
			return err
		}
	}
	if err := t.doomQuarantines(ctx, dataset, quarantines); err != nil {
		return err
	}
	for _, id := range ids {
		if _, err := t.exec(ctx, `DELETE FROM reports WHERE run = ?`, id); err != nil {
			return err
		}
		_, err := t.exec(ctx, `UPDATE runs SET documents = '', quarantine = '', columns = '', sketch = '', state = '', error = '',
			message = CASE WHEN message = '' THEN '' ELSE ? END WHERE id = ?`, sentenceErased, id)
		if err != nil {
			return err
		}
	}
	return nil
}

// Expunge takes the files of some versions of a dataset away, and empties the runs that published them. The version online stays.
func (s *Store) Expunge(ctx context.Context, dataset uuid.UUID, versions []int) error {
	err := s.writes.do(ctx, durable, func(ctx context.Context, t *tx) error {
		for _, n := range versions {
			if err := t.expunge(ctx, dataset.String(), n); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("expunge versions of dataset %s: %w", dataset, err)
	}
	return nil
}

func (t *tx) expunge(ctx context.Context, id string, version int) error {
	var run, origins string
	err := t.row(ctx, `SELECT v.run, v.origins FROM versions AS v JOIN datasets AS d ON d.id = v.dataset
		WHERE v.dataset = ? AND v.number = ? AND v.number <> d.version`, id, version).Scan(&run, &origins)
	if err != nil {
		return found(err, fmt.Sprintf("past version %d", version))
	}
	if origins != "" {
		if err := t.doomQuarantines(ctx, id, []string{origins}); err != nil {
			return err
		}
	}
	if err := t.purge(ctx, id, `id = ?`, run); err != nil {
		return err
	}
	for _, query := range []string{
		`INSERT INTO doomed_blobs (key, dataset) SELECT DISTINCT key, dataset FROM files WHERE dataset = ? AND version = ? ON CONFLICT (key) DO NOTHING`,
		`INSERT INTO withdrawn_files (id, dataset) SELECT id, dataset FROM files WHERE dataset = ? AND version = ? ON CONFLICT (id) DO NOTHING`,
		`DELETE FROM files WHERE dataset = ? AND version = ?`,
		`UPDATE versions SET origins = '' WHERE dataset = ? AND number = ?`,
	} {
		if _, err := t.exec(ctx, query, id, version); err != nil {
			return err
		}
	}
	return nil
}

// lifted tells whether a person lifted the withdrawal of a dataset.
func (t *tx) lifted(ctx context.Context, dataset string) (bool, error) {
	var at int64
	err := t.row(ctx, `SELECT lifted FROM tombstones WHERE dataset = ?`, dataset).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return at > 0, err
}

// mayPublish refuses a dataset that is withdrawn, until that is lifted.
func (t *tx) mayPublish(ctx context.Context, prev catalog.Dataset) error {
	if prev.Status != catalog.DatasetWithdrawn {
		return nil
	}
	lifted, err := t.lifted(ctx, prev.ID.String())
	if err == nil && !lifted {
		err = catalog.ErrWithdrawn
	}
	return err
}

// Doomed empties the runs of withdrawn datasets that ended since, and returns the keys of blobs that are to be deleted.
func (s *Store) Doomed(ctx context.Context) ([]string, error) {
	var rows []struct {
		Dataset string `bun:"dataset"`
		Source  string `bun:"source"`
	}
	err := s.read.NewRaw(`SELECT t.dataset, d.source FROM tombstones AS t JOIN datasets AS d ON d.id = t.dataset
		WHERE t.lifted = 0 AND EXISTS (SELECT 1 FROM runs WHERE (runs.dataset = t.dataset OR runs.source = d.source AND runs.dataset IS NULL)
			AND runs.status <> 'running' AND runs.documents <> '')`).Scan(ctx, &rows)
	if err != nil {
		return nil, found(err, "list withdrawn datasets")
	}
	for _, r := range rows {
		err := s.writes.do(ctx, durable, func(ctx context.Context, t *tx) error {
			if err := t.lockSource(ctx, r.Source); err != nil {
				return err
			}
			return t.purgeRuns(ctx, r.Dataset, r.Source)
		})
		if err != nil {
			return nil, fmt.Errorf("empty runs of dataset %s: %w", r.Dataset, err)
		}
	}
	return s.doomed(ctx)
}

// doomed lists the blobs to delete. Those that something else names by now are spared.
func (s *Store) doomed(ctx context.Context) ([]string, error) {
	left := map[string]bool{}
	if err := s.texts(ctx, `SELECT key FROM doomed_blobs`, func(key string) error { left[key] = true; return nil }); err != nil {
		return nil, err
	}
	if len(left) == 0 {
		return nil, nil
	}
	var spared []string
	err := s.Keys(ctx, func(key string) error {
		if left[key] {
			spared = append(spared, key)
			delete(left, key)
		}
		return nil
	})
	if err == nil {
		err = s.Forgotten(ctx, spared)
	}
	if err != nil {
		return nil, err
	}
	keys := make([]string, 0, len(left))
	for key := range left {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys, nil
}

// Forgotten notes that blobs are deleted.
func (s *Store) Forgotten(ctx context.Context, keys []string) error {
	for part := range slices.Chunk(keys, chunk) {
		err := s.writes.do(ctx, durable, func(ctx context.Context, t *tx) error {
			_, err := t.bun.NewRaw(`DELETE FROM doomed_blobs WHERE key IN (?)`, bun.List(part)).Conn(t.sql).Exec(ctx)
			return err
		})
		if err != nil {
			return fmt.Errorf("note deleted blobs: %w", err)
		}
	}
	return nil
}

// Reinstate lifts a withdrawal: the next harvest may publish again. ErrNotFound when there is none to lift.
func (s *Store) Reinstate(ctx context.Context, w catalog.Withdrawal) error {
	if w.Time.IsZero() {
		w.Time = s.Now()
	}
	id := w.Dataset.String()
	err := s.writes.do(ctx, durable, func(ctx context.Context, t *tx) error {
		var member string
		err := t.row(ctx, `SELECT member FROM datasets WHERE id = ? AND status = 'withdrawn'`, id).Scan(&member)
		if err != nil {
			return found(err, "withdrawn dataset")
		}
		n, err := t.exec(ctx, `UPDATE tombstones SET lifted = ? WHERE dataset = ? AND lifted = 0`, micros(w.Time), id)
		if err == nil && n == 0 {
			err = catalog.ErrNotFound
		}
		if err != nil {
			return err
		}
		return t.audit(ctx, catalog.AuditEntry{Time: w.Time, Actor: w.By, Member: member, Action: catalog.AuditRestore, Object: id, Reason: w.Reason})
	})
	if err != nil {
		return fmt.Errorf("reinstate dataset %s: %w", id, err)
	}
	return nil
}

// Withdrawal returns what is to be said of a dataset that was withdrawn. A dataset whose status says so without anything known of it has
// been withdrawn by an older program: it is ErrNotFound too.
func (s *Store) Withdrawal(ctx context.Context, dataset uuid.UUID) (catalog.Withdrawal, error) {
	var r struct {
		Withdrawn int64  `bun:"withdrawn"`
		Public    string `bun:"public"`
		Lifted    int64  `bun:"lifted"`
	}
	err := s.read.NewRaw(`SELECT withdrawn, public, lifted FROM tombstones WHERE dataset = ?`, dataset.String()).Scan(ctx, &r)
	if err != nil {
		return catalog.Withdrawal{}, found(err, "withdrawal of dataset "+dataset.String())
	}
	return catalog.Withdrawal{Dataset: dataset, Time: moment(r.Withdrawn), Public: r.Public, Lifted: moment(r.Lifted)}, nil
}

// FileOwner finds the dataset that has, or once had, a distribution.
func (s *Store) FileOwner(ctx context.Context, id uuid.UUID) (catalog.Dataset, error) {
	var dataset string
	err := s.read.NewRaw(`SELECT COALESCE((SELECT dataset FROM files WHERE id = ? LIMIT 1), (SELECT dataset FROM withdrawn_files WHERE id = ?), '')`,
		id.String(), id.String()).Scan(ctx, &dataset)
	if err == nil && dataset == "" {
		err = catalog.ErrNotFound
	}
	if err != nil {
		return catalog.Dataset{}, found(err, "owner of file "+id.String())
	}
	return s.dataset(ctx, "dataset "+dataset, "d.id = ?", dataset)
}

// scrubPatience is how long Scrub waits for readers.
const scrubPatience = 20 * time.Second

// Scrub makes what was deleted leave the database's own files: on SQLite pages freed before are rewritten and the journal is emptied.
func (s *Store) Scrub(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := s.scrub(ctx); err != nil {
		return fmt.Errorf("scrub catalogue %s: %w", s.name, err)
	}
	return nil
}

// scrubSQLite rewrites the file without its free pages, then brings the journal into it and empties it, which waits for older readers.
func scrubSQLite(ctx context.Context, db *sql.DB) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, `VACUUM`); err != nil {
		return plain(err)
	}
	for deadline := time.Now().Add(scrubPatience); ; {
		var blocked, pages, moved int
		if err := conn.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&blocked, &pages, &moved); err != nil && !busy(err) {
			return plain(err)
		} else if err == nil && blocked == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.New("le journal de la base est encore lu par un autre programme ; il se videra à son prochain arrêt")
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// scrubPostgres rewrites the tables that held cells; what the server keeps in its own journal is the server's.
func scrubPostgres(ctx context.Context, db *sql.DB) error {
	for _, table := range []string{"reports", "runs"} {
		if _, err := db.ExecContext(ctx, `VACUUM FULL `+table); err != nil {
			return err
		}
	}
	return nil
}
