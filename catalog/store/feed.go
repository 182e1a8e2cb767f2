package store

import (
	"context"
	"fmt"

	"grenier/catalog"

	"github.com/uptrace/bun"
)

type feedRow struct {
	bun.BaseModel `bun:"table:feeds,alias:g"`

	Path     string `bun:"path,pk"`
	Member   string `bun:"member"`
	Accepted int64  `bun:"accepted"`
	Modified int64  `bun:"modified"`
	Summary  string `bun:"summary"`
	Pages    []byte `bun:"pages"`
	Held     int64  `bun:"held"`
	Losses   string `bun:"losses"`
	Allowed  string `bun:"allowed"`
}

func (r *feedRow) feed() (catalog.Feed, error) {
	f := catalog.Feed{Path: r.Path, Member: r.Member, Accepted: moment(r.Accepted), Modified: moment(r.Modified), Pages: r.Pages, Held: moment(r.Held)}
	if r.Summary != "" {
		f.Summary = []byte(r.Summary)
	}
	if err := fromJSON(r.Losses, &f.Losses); err != nil {
		return f, fmt.Errorf("read losses of %s: %w", r.Path, err)
	}
	if err := fromJSON(r.Allowed, &f.Allowed); err != nil {
		return f, fmt.Errorf("read allowances of %s: %w", r.Path, err)
	}
	return f, nil
}

// Feed returns what is known of a catalogue that harvesters read.
func (s *Store) Feed(ctx context.Context, path string) (catalog.Feed, error) {
	var r feedRow
	if err := s.read.NewSelect().Model(&r).Where("g.path = ?", path).Scan(ctx); err != nil {
		return catalog.Feed{}, found(err, "feed "+path)
	}
	return r.feed()
}

// HeldFeeds lists the catalogues of which a newer one waits for a person, by path, without summaries and pages.
func (s *Store) HeldFeeds(ctx context.Context) ([]catalog.Feed, error) {
	var rows []feedRow
	err := s.read.NewSelect().Model(&rows).ExcludeColumn("summary", "pages").Where("g.held > 0").Order("g.path").Scan(ctx)
	if err != nil {
		return nil, found(err, "list held feeds")
	}
	return each(rows, (*feedRow).feed)
}

// KeepFeed writes what was accepted, or that a newer one waits. What a person let pass stays while one waits, and ends with the next that is accepted.
func (s *Store) KeepFeed(ctx context.Context, f catalog.Feed) error {
	if f.Pages == nil {
		f.Pages = []byte{}
	}
	for i := range f.Losses {
		f.Losses[i].Key, f.Losses[i].Text = text(f.Losses[i].Key), text(f.Losses[i].Text)
	}
	err := s.writes.do(ctx, soft, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `INSERT INTO feeds (path, member, accepted, modified, summary, pages, held, losses, allowed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, '')
			ON CONFLICT (path) DO UPDATE SET member = excluded.member, accepted = excluded.accepted, modified = excluded.modified, summary = excluded.summary,
				pages = excluded.pages, held = excluded.held, losses = excluded.losses, allowed = CASE WHEN excluded.held = 0 THEN '' ELSE feeds.allowed END`,
			f.Path, f.Member, micros(f.Accepted), micros(f.Modified), text(string(f.Summary)), f.Pages, micros(f.Held), toJSON(f.Losses))
		return err
	})
	if err != nil {
		return fmt.Errorf("keep feed %s: %w", f.Path, err)
	}
	return nil
}

// AllowFeed notes that a person lets the losses pass that a waiting catalogue has now, with an entry of the audit in the same transaction. It returns
// them. ErrNotFound when none waits.
func (s *Store) AllowFeed(ctx context.Context, path string, e catalog.AuditEntry) (losses []catalog.FeedLoss, err error) {
	if e.Time.IsZero() {
		e.Time = s.Now()
	}
	e.Action, e.Object = catalog.AuditAccept, path
	err = s.writes.do(ctx, durable, func(ctx context.Context, t *tx) error {
		var list string
		err := t.row(ctx, `SELECT member, losses FROM feeds WHERE path = ? AND held > 0`, path).Scan(&e.Member, &list)
		if err != nil {
			return found(err, "waiting feed")
		}
		losses = nil
		if err := fromJSON(list, &losses); err != nil {
			return err
		}
		keys := make([]string, len(losses))
		for i, l := range losses {
			keys[i] = l.Key
		}
		if _, err := t.exec(ctx, `UPDATE feeds SET allowed = ? WHERE path = ?`, toJSON(keys), path); err != nil {
			return err
		}
		return t.audit(ctx, e)
	})
	if err != nil {
		return nil, fmt.Errorf("allow feed %s: %w", path, err)
	}
	return losses, nil
}
