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
)

// staleAfter is how many failed runs in a row make a dataset stale (SECURITY.md P-08).
const staleAfter = 3

// sentenceAbandoned is for the member: what happened, the effect, what follows.
const sentenceAbandoned = "Le moissonnage s’est interrompu avant la fin, après un arrêt du serveur. La dernière version reste en ligne ; " +
	"un nouvel essai est prévu."

// Start records the run as Running, or returns ErrBusy. What is past is judged by run.Started.
func (s *Store) Start(ctx context.Context, run catalog.Run) error {
	if run.ID == "" {
		return errors.New("start run: no id")
	}
	if run.Started.IsZero() {
		run.Started = s.Now()
	}
	err := s.writes.do(ctx, soft, func(ctx context.Context, t *tx) error { return t.start(ctx, run) })
	if alreadyRunning(err) {
		err = catalog.ErrBusy
	}
	if err != nil {
		return fmt.Errorf("start run of %s: %w", run.Source, err)
	}
	return nil
}

func (t *tx) start(ctx context.Context, run catalog.Run) error {
	if err := t.lockSource(ctx, run.Source); err != nil {
		return err
	}
	var member, holder string
	var lease int64
	err := t.row(ctx, `SELECT s.member, COALESCE(r.id, ''), COALESCE(r.lease, 0)
		FROM sources AS s LEFT JOIN runs AS r ON r.source = s.id AND r.status = 'running' WHERE s.id = ?`, run.Source).
		Scan(&member, &holder, &lease)
	if err != nil {
		return found(err, "source")
	}
	if holder != "" {
		gone, err := t.abandon(ctx, holder, run.Source, run.Started)
		if err != nil {
			return err
		}
		if !gone {
			return catalog.ErrBusy
		}
	}
	_, err = t.exec(ctx, `INSERT INTO runs (id, source, member, slot, attempt, started, ended, lease, status, stage, message, error,
			version, rows, accepted, rejected, bytes, state, process, documents, columns, sketch, quarantine)
		VALUES (?, ?, ?, ?, ?, ?, 0, ?, 'running', '', '', '', 0, 0, 0, 0, 0, '', '', '', '', '', '')`,
		run.ID, run.Source, member, text(run.Slot), run.Attempt, micros(run.Started), micros(run.Lease))
	return err
}

// Extend moves the lease of a Running run.
func (s *Store) Extend(ctx context.Context, run string, until time.Time) error {
	err := s.writes.do(ctx, soft, func(ctx context.Context, t *tx) error {
		n, err := t.exec(ctx, `UPDATE runs SET lease = ? WHERE id = ? AND status = 'running'`, micros(until), run)
		if err == nil && n == 0 {
			err = catalog.ErrNotFound
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("extend run %s: %w", run, err)
	}
	return nil
}

// Abandoned ends every Running run whose lease is before now, each in its transaction, and returns them.
func (s *Store) Abandoned(ctx context.Context, now time.Time) ([]catalog.Run, error) {
	var rows []runRow
	err := s.read.NewSelect().Model(&rows).Where("r.status = 'running'").Where("r.lease < ?", micros(now)).Order("r.started", "r.id").Scan(ctx)
	if err != nil {
		return nil, found(err, "list abandoned runs")
	}
	var ended []catalog.Run
	for _, r := range rows {
		gone := false
		err := s.writes.do(ctx, durable, func(ctx context.Context, t *tx) (err error) {
			if err := t.lockSource(ctx, r.Source); err != nil {
				return err
			}
			gone, err = t.abandon(ctx, r.ID, r.Source, now)
			return err
		})
		if err != nil {
			return ended, fmt.Errorf("end abandoned run %s: %w", r.ID, err)
		}
		if !gone {
			continue
		}
		run, err := s.Run(ctx, r.ID)
		if err != nil {
			return ended, err
		}
		ended = append(ended, run)
	}
	return ended, nil
}

// abandon ends a Running run whose lease is before now; false when it is alive or ended.
func (t *tx) abandon(ctx context.Context, id, source string, now time.Time) (bool, error) {
	n, err := t.exec(ctx, `UPDATE runs SET status = 'failed', ended = ?, message = ?, error = 'abandoned: the lease ran out'
		WHERE id = ? AND status = 'running' AND lease < ?`, micros(now), sentenceAbandoned, id, micros(now))
	if err != nil || n == 0 {
		return false, err
	}
	before, err := t.outlook(ctx, source)
	if err != nil {
		return false, err
	}
	return true, t.follow(ctx, before, catalog.Run{ID: id, Source: source, Status: catalog.Failed, Ended: now})
}

// Record writes the end of a run that published nothing. ErrNotFound when the run is no longer Running.
func (s *Store) Record(ctx context.Context, run catalog.Run) error {
	if !slices.Contains([]catalog.Status{catalog.Unchanged, catalog.Held, catalog.Failed}, run.Status) {
		return fmt.Errorf("record run %s: %q is no end of a run that published nothing", run.ID, run.Status)
	}
	e, err := s.ending(run)
	if err != nil {
		return fmt.Errorf("record run %s: %w", run.ID, err)
	}
	d := durable
	if run.Status == catalog.Unchanged && run.Decision == nil {
		d = soft // lost with the machine, it is found unchanged again
	}
	err = s.writes.do(ctx, d, func(ctx context.Context, t *tx) error { return t.record(ctx, e) })
	if err != nil {
		return fmt.Errorf("record run %s: %w", run.ID, err)
	}
	return nil
}

func (t *tx) record(ctx context.Context, e ending) error {
	if err := t.lockSource(ctx, e.run.Source); err != nil {
		return err
	}
	before, err := t.outlook(ctx, e.run.Source)
	if err != nil {
		return err
	}
	if e.run.Dataset == uuid.Nil && before.dataset != "" {
		if e.run.Dataset, err = uuid.Parse(before.dataset); err != nil {
			return err
		}
	}
	if e.run.Status != catalog.Unchanged {
		e.run.Decision = nil // nothing came of it
	}
	decided, err := t.beginRelease(ctx, e.run, before.dataset)
	if err != nil {
		return err
	}
	if err := t.end(ctx, e); err != nil {
		return err
	}
	if err := t.follow(ctx, before, e.run); err != nil {
		return err
	}
	return decided.end(ctx, t, e.run, before.dataset)
}

// An ending is a run's end made ready outside the transaction.
type ending struct {
	run                                    catalog.Run
	documents, columns, sketch, quarantine string
	report                                 []byte
}

func (s *Store) ending(run catalog.Run) (ending, error) {
	if run.Ended.IsZero() {
		run.Ended = s.Now()
	}
	if d := run.Decision; d != nil {
		decision := *d
		decision.Source = run.Source
		if err := s.ready(&decision); err != nil {
			return ending{}, err
		}
		run.Decision = &decision
	}
	report, err := packReport(run.Report)
	return ending{
		run: run, documents: toJSON(run.Documents), columns: toJSON(run.Columns), sketch: toJSON(run.Sketch), quarantine: toQuarantine(run.Quarantine), report: report,
	}, err
}

// end writes the end of a Running run.
func (t *tx) end(ctx context.Context, e ending) error {
	r := e.run
	var dataset any
	if r.Dataset != uuid.Nil {
		dataset = r.Dataset.String()
	}
	n, err := t.exec(ctx, `UPDATE runs SET ended = ?, status = ?, stage = ?, message = ?, error = ?, dataset = ?, version = ?,
			rows = ?, accepted = ?, rejected = ?, bytes = ?, state = ?, process = ?, documents = ?, columns = ?, sketch = ?, quarantine = ?
		WHERE id = ? AND source = ? AND status = 'running'`,
		micros(r.Ended), string(r.Status), text(r.Stage), text(r.Message), text(r.Error), dataset, r.Version,
		r.Rows, r.Accepted, r.Rejected, r.Bytes, text(r.State), text(r.Process), e.documents, e.columns, e.sketch, e.quarantine,
		r.ID, r.Source)
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("no running run %s of %s: %w", r.ID, r.Source, catalog.ErrNotFound)
	}
	if e.report == nil {
		return nil
	}
	_, err = t.exec(ctx, `INSERT INTO reports (run, report) VALUES (?, ?)`, r.ID, e.report)
	return err
}

// An outlook is what a run's end may change around it.
type outlook struct {
	failures int
	dataset  string // "" before the first publication
	status   catalog.DatasetStatus
	version  int
}

func (t *tx) outlook(ctx context.Context, source string) (outlook, error) {
	var o outlook
	err := t.row(ctx, `SELECT s.failures, COALESCE(d.id, ''), COALESCE(d.status, ''), COALESCE(d.version, 0)
		FROM sources AS s LEFT JOIN datasets AS d ON d.source = s.id WHERE s.id = ?`, source).
		Scan(&o.failures, &o.dataset, &o.status, &o.version)
	return o, found(err, "source "+source)
}

// follow draws the consequences of a run that published nothing.
func (t *tx) follow(ctx context.Context, before outlook, run catalog.Run) error {
	failures := 0
	if run.Status == catalog.Failed {
		failures = before.failures + 1
	}
	_, err := t.exec(ctx, `UPDATE sources SET last_run = ?, failures = ? WHERE id = ?`, run.ID, failures, run.Source)
	if err != nil || before.dataset == "" {
		return err
	}
	status := statusAfter(before, run, failures)
	if run.Status == catalog.Unchanged && run.Stage == "" {
		_, err = t.exec(ctx, `UPDATE datasets SET checked = ?, status = ? WHERE id = ?`, micros(run.Ended), string(status), before.dataset)
	} else if status != before.status {
		_, err = t.exec(ctx, `UPDATE datasets SET status = ? WHERE id = ?`, string(status), before.dataset)
	}
	if err != nil || status == before.status {
		return err
	}
	seq, err := t.nextSeq(ctx)
	if err != nil {
		return err
	}
	return t.putEvent(ctx, seq, run.Ended, catalog.EventUpdated, before.dataset, before.version, run.ID)
}

// statusAfter is the dataset's status after a run that published nothing.
func statusAfter(before outlook, run catalog.Run, failures int) catalog.DatasetStatus {
	switch {
	case before.status == catalog.DatasetWithdrawn: // only a person puts it back
	case run.Status == catalog.Held:
		return catalog.DatasetHeld
	case run.Status == catalog.Failed && failures >= staleAfter:
		return catalog.DatasetStale
	case run.Status == catalog.Unchanged: // what the source delivers is what is online, or what must not be
		return catalog.DatasetPublished
	}
	return before.status
}

// Run returns one run with its report.
func (s *Store) Run(ctx context.Context, id string) (catalog.Run, error) {
	var r runRow
	if err := s.read.NewSelect().Model(&r).Where("r.id = ?", id).Scan(ctx); err != nil {
		return catalog.Run{}, found(err, "run "+id)
	}
	return s.withReport(ctx, &r)
}

// RunOfVersion returns the run that published a version, with its report; also of a version that Prune forgot, until ForgetRuns forgets the run.
func (s *Store) RunOfVersion(ctx context.Context, dataset uuid.UUID, version int) (catalog.Run, error) {
	var r runRow
	err := s.read.NewSelect().Model(&r).Where("r.dataset = ?", dataset.String()).Where("r.version = ?", version).
		Where("r.version > 0").Scan(ctx)
	if err != nil {
		return catalog.Run{}, found(err, fmt.Sprintf("run of version %d of dataset %s", version, dataset))
	}
	return s.withReport(ctx, &r)
}

func (s *Store) withReport(ctx context.Context, r *runRow) (catalog.Run, error) {
	run, err := r.run()
	if err != nil {
		return run, err
	}
	var packed []byte
	err = s.read.NewRaw(`SELECT report FROM reports WHERE run = ?`, r.ID).Scan(ctx, &packed)
	if errors.Is(err, sql.ErrNoRows) {
		return run, nil
	}
	if err != nil {
		return run, found(err, "report of run "+r.ID)
	}
	run.Report, err = unpackReport(packed)
	return run, err
}

// Runs lists runs, newest first, without reports.
func (s *Store) Runs(ctx context.Context, q catalog.RunQuery) ([]catalog.Run, error) {
	limit := q.Limit
	if limit <= 0 {
		limit = 50
	}
	var rows []runRow
	sel := s.read.NewSelect().Model(&rows)
	if q.Source != "" {
		sel.Where("r.source = ?", q.Source)
	}
	if q.Member != "" {
		sel.Where("r.source IN (SELECT id FROM sources WHERE member = ?)", q.Member)
	}
	if q.Status != "" {
		sel.Where("r.status = ?", string(q.Status))
	}
	if q.Waiting {
		sel.Where(waiting)
	}
	if q.Dataset != uuid.Nil {
		sel.Where("r.source = (SELECT source FROM datasets WHERE id = ?)", q.Dataset.String()).Where("r.dataset = ?", q.Dataset.String())
	}
	if err := sel.Order("r.started DESC", "r.id DESC").Limit(int64(limit)).Scan(ctx); err != nil {
		return nil, found(err, "list runs")
	}
	return each(rows, (*runRow).run)
}

// Stats counts. Only enabled sources and datasets online count.
func (s *Store) Stats(ctx context.Context) (catalog.Stats, error) {
	var st catalog.Stats
	var last int64
	err := s.read.NewRaw(`SELECT (SELECT count(*) FROM members AS m WHERE `+shown+`), count(*),
			(SELECT count(*) FROM sources WHERE disabled = FALSE), CAST(COALESCE(sum(rows), 0) AS BIGINT),
			count(DISTINCT NULLIF(schema_name, '')),
			(SELECT COALESCE(max(r.ended), 0) FROM sources AS s JOIN runs AS r ON r.id = s.last_run)
		FROM datasets WHERE `+online).Scan(ctx, &st.Members, &st.Datasets, &st.Sources, &st.Rows, &st.Schemas, &last)
	if err != nil {
		return st, found(err, "count the catalogue")
	}
	st.LastRun = moment(last)
	var counts []struct {
		Status string
		N      int
	}
	err = s.read.NewRaw(`SELECT r.status AS status, count(*) AS n FROM sources AS s JOIN runs AS r ON r.id = s.last_run
		WHERE s.disabled = FALSE GROUP BY r.status`).Scan(ctx, &counts)
	st.ByStatus = make(map[catalog.Status]int, len(counts))
	for _, c := range counts {
		st.ByStatus[catalog.Status(c.Status)] = c.N
	}
	return st, found(err, "count the runs")
}
