package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"grenier/catalog"

	"github.com/uptrace/bun"
)

type auditRow struct {
	bun.BaseModel `bun:"table:audit,alias:a"`

	Seq    int64  `bun:"seq,pk"`
	Time   int64  `bun:"time"`
	Actor  string `bun:"actor"`
	Member string `bun:"member"`
	Action string `bun:"action"`
	Object string `bun:"object"`
	Before string `bun:"before"`
	After  string `bun:"after"`
	Reason string `bun:"reason"`
	Hash   string `bun:"hash"`
}

func (r *auditRow) entry() (catalog.AuditEntry, error) {
	return catalog.AuditEntry{
		Seq: r.Seq, Time: moment(r.Time), Actor: r.Actor, Member: r.Member, Action: r.Action, Object: r.Object,
		Before: r.Before, After: r.After, Reason: r.Reason, Hash: r.Hash,
	}, nil
}

// audit adds an entry in the transaction, which holds the end of the chain until its commit: it is asked for last. Seq and Hash are set here.
func (t *tx) audit(ctx context.Context, e catalog.AuditEntry) error {
	if err := t.row(ctx, `UPDATE counters SET value = value + 1 WHERE name = 'audit' RETURNING value`).Scan(&e.Seq); err != nil {
		return found(err, "counter of audit entries")
	}
	var previous string
	err := t.row(ctx, `SELECT hash FROM audit WHERE seq = ?`, e.Seq-1).Scan(&previous)
	if err != nil && (e.Seq > 1 || !errors.Is(err, sql.ErrNoRows)) {
		return found(err, fmt.Sprintf("audit entry %d", e.Seq-1))
	}
	for _, s := range []*string{&e.Actor, &e.Member, &e.Action, &e.Object, &e.Before, &e.After, &e.Reason} {
		*s = text(*s)
	}
	_, err = t.exec(ctx, `INSERT INTO audit (seq, time, actor, member, action, object, before, after, reason, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		e.Seq, micros(e.Time), e.Actor, e.Member, e.Action, e.Object, e.Before, e.After, e.Reason, e.Chain(previous))
	return err
}

// Note adds an entry by itself. A zero Time is now.
func (s *Store) Note(ctx context.Context, e catalog.AuditEntry) error {
	if e.Time.IsZero() {
		e.Time = s.Now()
	}
	err := s.writes.do(ctx, durable, func(ctx context.Context, t *tx) error { return t.audit(ctx, e) })
	if err != nil {
		return fmt.Errorf("note %s of %s: %w", e.Action, e.Object, err)
	}
	return nil
}

// Audit lists entries, newest first.
func (s *Store) Audit(ctx context.Context, q catalog.AuditQuery) ([]catalog.AuditEntry, error) {
	var rows []auditRow
	sel := s.read.NewSelect().Model(&rows).Order("a.seq DESC").Apply(page(0, q.Limit))
	if q.Object != "" {
		sel.Where("a.object = ?", q.Object)
	}
	if q.Action != "" {
		sel.Where("a.action = ?", q.Action)
	}
	if err := sel.Scan(ctx); err != nil {
		return nil, found(err, "list audit entries")
	}
	return each(rows, (*auditRow).entry)
}

// VerifyAudit follows the whole chain, and returns a *catalog.TamperedError for the first entry that is not what was written.
func (s *Store) VerifyAudit(ctx context.Context) error {
	return s.snapshot(ctx, func(db bun.IDB) error {
		var last int64
		if err := db.NewRaw(`SELECT value FROM counters WHERE name = 'audit'`).Scan(ctx, &last); err != nil {
			return found(err, "counter of audit entries")
		}
		seq, hash := int64(0), ""
		for {
			var rows []auditRow
			if err := db.NewSelect().Model(&rows).Where("a.seq > ?", seq).Order("a.seq").Limit(chunk).Scan(ctx); err != nil {
				return found(err, "list audit entries")
			}
			for _, r := range rows {
				if err := linked(&r, seq, hash); err != nil {
					return err
				}
				seq, hash = r.Seq, r.Hash
			}
			if len(rows) < chunk {
				break
			}
		}
		if seq != last {
			return &catalog.TamperedError{Seq: min(seq, last) + 1, Why: fmt.Sprintf("le journal a %d lignes alors que %d ont été écrites", seq, last)}
		}
		return nil
	})
}

// linked checks one entry against the one before it.
func linked(r *auditRow, seq int64, hash string) error {
	if r.Seq != seq+1 {
		return &catalog.TamperedError{Seq: seq + 1, Why: "elle manque"}
	}
	e, err := r.entry()
	if err != nil {
		return err
	}
	if e.Chain(hash) != r.Hash {
		return &catalog.TamperedError{Seq: r.Seq, Why: "son contenu ne correspond pas à son empreinte"}
	}
	return nil
}
