package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"grenier/catalog"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
)

// waiting selects the runs, as r, whose delivery waits for a person: held, nothing delivered since, not decided on.
const waiting = `r.status = 'held'
	AND NOT EXISTS (SELECT 1 FROM runs AS n WHERE n.source = r.source AND (n.started, n.id) > (r.started, r.id)
		AND n.status IN ('published', 'unchanged', 'held'))
	AND NOT EXISTS (SELECT 1 FROM decisions AS c WHERE c.run = r.id)`

type decisionRow struct {
	bun.BaseModel `bun:"table:decisions,alias:c"`

	ID        string `bun:"id,pk"`
	Time      int64  `bun:"time"`
	Kind      string `bun:"kind"`
	Person    string `bun:"person"`
	Reason    string `bun:"reason"`
	Source    string `bun:"source"`
	Dataset   string `bun:"dataset"`
	Run       string `bun:"run"`
	Effect    string `bun:"effect"`
	Documents string `bun:"documents"`
	Process   string `bun:"process"`
	Before    string `bun:"state_before"`
	After     string `bun:"state_after"`
}

var decisionsTable = tableOf[decisionRow]("id")

func (r *decisionRow) decision() (catalog.Decision, error) {
	d := catalog.Decision{
		ID: r.ID, Time: moment(r.Time), Kind: catalog.DecisionKind(r.Kind), By: r.Person, Reason: r.Reason, Source: r.Source,
		Run: r.Run, Effect: r.Effect, Process: r.Process,
	}
	var err error
	if r.Dataset != "" {
		d.Dataset, err = uuid.Parse(r.Dataset)
	}
	return d, errors.Join(err, fromJSON(r.Documents, &d.Documents), fromJSON(r.Before, &d.Before), fromJSON(r.After, &d.After))
}

// Decide writes a refusal and puts the dataset back to its last good version. A release is written by Publish or Record, with the run that
// carries it out.
func (s *Store) Decide(ctx context.Context, d catalog.Decision) error {
	if d.Kind != catalog.Refused {
		return fmt.Errorf("decide on %s: %q is carried out by a run", d.Source, d.Kind)
	}
	if err := s.ready(&d); err != nil {
		return err
	}
	err := s.writes.do(ctx, durable, func(ctx context.Context, t *tx) error { return t.refuse(ctx, d) })
	if err != nil {
		return fmt.Errorf("decide on %s: %w", d.Source, err)
	}
	return nil
}

// ready completes a decision and refuses one that says too little.
func (s *Store) ready(d *catalog.Decision) error {
	if d.By, d.Reason = strings.TrimSpace(text(d.By)), strings.TrimSpace(text(d.Reason)); d.By == "" || d.Reason == "" {
		return fmt.Errorf("decide on %s: nobody, or no reason", d.Source)
	}
	if d.Time.IsZero() {
		d.Time = s.Now()
	}
	if d.ID == "" {
		d.ID = uuid.Must(uuid.NewV7()).String()
	}
	return nil
}

func (t *tx) refuse(ctx context.Context, d catalog.Decision) error {
	if err := t.lockSource(ctx, d.Source); err != nil {
		return err
	}
	held, err := t.waits(ctx, d.Source, d.Run)
	if err != nil {
		return err
	}
	d.Process = held.Process
	if err := fromJSON(held.Documents, &d.Documents); err != nil {
		return err
	}
	before, err := t.outlook(ctx, d.Source)
	if err != nil {
		return err
	}
	if d.Before, err = t.state(ctx, before.dataset); err != nil {
		return err
	}
	if d.After = d.Before; before.status == catalog.DatasetHeld {
		d.After.Status = catalog.DatasetPublished
		if _, err := t.exec(ctx, `UPDATE datasets SET status = ? WHERE id = ?`, string(d.After.Status), before.dataset); err != nil {
			return err
		}
	}
	if err := t.putDecision(ctx, d, before.dataset); err != nil || d.After == d.Before {
		return err
	}
	seq, err := t.nextSeq(ctx)
	if err != nil {
		return err
	}
	return t.putEvent(ctx, seq, d.Time, catalog.EventUpdated, before.dataset, before.version, d.Run)
}

// waits is the run of a source that waits for a decision; ErrDecided when it does not, or no longer.
func (t *tx) waits(ctx context.Context, source, run string) (r runRow, err error) {
	var rows []runRow
	err = t.bun.NewSelect().Conn(t.sql).Model(&rows).Where("r.id = ?", run).Where("r.source = ?", source).Where(waiting).Scan(ctx)
	if err == nil && len(rows) == 0 {
		err = fmt.Errorf("run %s: %w", run, catalog.ErrDecided)
	}
	if err != nil {
		return r, err
	}
	return rows[0], nil
}

// state is what is online of a dataset, "" for none.
func (t *tx) state(ctx context.Context, dataset string) (st catalog.DecisionState, err error) {
	if dataset == "" {
		return st, nil
	}
	err = t.row(ctx, `SELECT d.status, d.version, COALESCE((SELECT f.sha256 FROM files AS f
			WHERE f.dataset = d.id AND f.version = d.version ORDER BY f.position LIMIT 1), '')
		FROM datasets AS d WHERE d.id = ?`, dataset).Scan(&st.Status, &st.Version, &st.SHA256)
	return st, found(err, "dataset "+dataset)
}

func (t *tx) putDecision(ctx context.Context, d catalog.Decision, dataset string) error {
	row := decisionRow{
		ID: d.ID, Time: micros(d.Time), Kind: string(d.Kind), Person: d.By, Reason: d.Reason, Source: d.Source, Dataset: dataset,
		Run: d.Run, Effect: d.Effect, Documents: toJSON(d.Documents), Process: d.Process, Before: toJSON(d.Before), After: toJSON(d.After),
	}
	if _, err := t.exec(ctx, decisionsTable.insert, decisionsTable.args(&row)...); err != nil {
		return err
	}
	action := catalog.AuditRefuse
	if d.Kind == catalog.Released {
		action = catalog.AuditRelease
	}
	member, _, _ := strings.Cut(d.Source, "/")
	return t.audit(ctx, catalog.AuditEntry{
		Time: d.Time, Actor: d.By, Member: member, Action: action, Object: d.Source, Before: d.Before.SHA256, After: d.After.SHA256, Reason: d.Reason,
	})
}

// A release is the decision that a run carries out, from before its effect to after it. Without decision it does nothing.
type release struct {
	decision *catalog.Decision
	before   catalog.DecisionState
}

// beginRelease makes sure that the run's decision still has its object, and reads what is online. The source is locked.
func (t *tx) beginRelease(ctx context.Context, run catalog.Run, dataset string) (r release, err error) {
	if run.Decision == nil {
		return r, nil
	}
	if run.Decision.Run != "" {
		if _, err := t.waits(ctx, run.Source, run.Decision.Run); err != nil {
			return r, err
		}
	}
	r.decision = run.Decision
	r.before, err = t.state(ctx, dataset)
	return r, err
}

// end writes the decision, once its effect is in the transaction.
func (r release) end(ctx context.Context, t *tx, run catalog.Run, dataset string) error {
	if r.decision == nil {
		return nil
	}
	d := *r.decision
	after, err := t.state(ctx, dataset)
	if err != nil {
		return err
	}
	d.Source, d.Effect, d.Documents, d.Process = run.Source, run.ID, run.Documents, run.Process
	d.Before, d.After = r.before, after
	return t.putDecision(ctx, d, dataset)
}

// Decisions lists decisions, newest first.
func (s *Store) Decisions(ctx context.Context, q catalog.DecisionQuery) ([]catalog.Decision, error) {
	var rows []decisionRow
	sel := s.read.NewSelect().Model(&rows).Order("c.time DESC", "c.id DESC").Limit(int64(cmp.Or(max(q.Limit, 0), 50)))
	for column, value := range map[string]string{"c.source": q.Source, "c.run": q.Run, "c.kind": string(q.Kind)} {
		if value != "" {
			sel.Where("? = ?", bun.Ident(column), value)
		}
	}
	if err := sel.Scan(ctx); err != nil {
		return nil, found(err, "list decisions")
	}
	return each(rows, (*decisionRow).decision)
}

// A pastRow is an event with what it left online.
type pastRow struct {
	Time     int64  `bun:"time"`
	Kind     string `bun:"kind"`
	Version  int    `bun:"version"`
	Run      string `bun:"run"`
	Status   string `bun:"status"`
	Rows     int64  `bun:"rows"`
	Rejected int64  `bun:"rejected"`
	Valid    bool   `bun:"valid"`
}

// Timeline says what was online when, newest version first.
func (s *Store) Timeline(ctx context.Context, dataset uuid.UUID) ([]catalog.Period, error) {
	var rows []pastRow
	var files []fileRow
	id := dataset.String()
	err := s.snapshot(ctx, func(db bun.IDB) error {
		err := db.NewRaw(`SELECT time, kind, version, run, status, rows, rejected, valid FROM events WHERE dataset = ? ORDER BY seq`, id).Scan(ctx, &rows)
		if err != nil {
			return err
		}
		return db.NewSelect().Model(&files).Where("f.dataset = ?", id).Order("f.version", "f.position").Scan(ctx)
	})
	if err == nil && len(rows) == 0 {
		err = catalog.ErrNotFound
	}
	if err != nil {
		return nil, found(err, "timeline of dataset "+id)
	}
	periods := periodsOf(rows)
	of := map[int][]catalog.File{}
	for _, f := range files {
		of[f.Version] = append(of[f.Version], f.file())
	}
	for i := range periods {
		periods[i].Files = of[periods[i].Version]
	}
	slices.Reverse(periods)
	return periods, nil
}

// periodsOf puts the events of one dataset in periods, oldest first. A period begins with a publication; what is withdrawn is online no more.
func periodsOf(rows []pastRow) (periods []catalog.Period) {
	for _, r := range rows {
		at, status := moment(r.Time), catalog.DatasetStatus(r.Status)
		if r.Kind == string(catalog.EventPublished) {
			if n := len(periods); n > 0 {
				closePeriod(&periods[n-1], at)
			}
			periods = append(periods, catalog.Period{Version: r.Version, Run: r.Run, From: at, Rows: r.Rows, Rejected: r.Rejected, Valid: r.Valid})
		}
		if len(periods) == 0 || status == "" {
			continue
		}
		p := &periods[len(periods)-1]
		if n := len(p.Statuses); n > 0 {
			if p.Statuses[n-1].Status == status {
				continue
			}
			p.Statuses[n-1].To = at
		}
		p.Statuses = append(p.Statuses, catalog.StatusSpan{Status: status, From: at})
		if p.To = (time.Time{}); status == catalog.DatasetWithdrawn {
			p.To = at
		}
	}
	return periods
}

// closePeriod ends a period where the next one begins.
func closePeriod(p *catalog.Period, at time.Time) {
	if p.To.IsZero() {
		p.To = at
	}
	if n := len(p.Statuses); n > 0 {
		p.Statuses[n-1].To = at
	}
}
