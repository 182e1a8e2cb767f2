package catalogtest

import (
	"bytes"
	"testing"

	"grenier/catalog"
)

// A catalogue that waits keeps the one that was accepted, until a person lets it pass.
func feedsAreKept(t *testing.T, b *bench) {
	const path = "/catalogues/" + aubin
	b.fill()
	_, err := b.Feed(b.ctx, path)
	b.is(err, catalog.ErrNotFound)
	accepted := catalog.Feed{Path: path, Member: aubin, Accepted: day(0).UTC(), Modified: day(-1).UTC(), Summary: []byte(`{"items":[]}`), Pages: []byte{0, 1, 0xff, 2}}
	b.ok(b.KeepFeed(b.ctx, accepted))
	got, err := b.Feed(b.ctx, path)
	b.ok(err)
	b.same(got, accepted)
	held, err := b.HeldFeeds(b.ctx)
	b.ok(err)
	b.same(len(held), 0)
	_, err = b.AllowFeed(b.ctx, path, catalog.AuditEntry{Actor: "Mme Roche"})
	b.is(err, catalog.ErrNotFound)

	waits := accepted
	waits.Held, waits.Losses = day(1).UTC(), []catalog.FeedLoss{{Key: "licence a", Text: "« a » perdrait la licence."}, {Key: "gone b", Text: "b"}}
	b.ok(b.KeepFeed(b.ctx, waits))
	b.ok(b.KeepFeed(b.ctx, catalog.Feed{Path: "/catalogues/" + etoile, Member: etoile, Held: day(2)})) // its first one waits
	held, err = b.HeldFeeds(b.ctx)
	b.ok(err)
	b.same(len(held), 2)
	b.same(held[0], catalog.Feed{Path: path, Member: aubin, Accepted: accepted.Accepted, Modified: accepted.Modified, Held: waits.Held, Losses: waits.Losses})
	if held[1].Path != "/catalogues/"+etoile || !held[1].Accepted.IsZero() {
		t.Errorf("the second that waits is %+v", held[1])
	}
	got, err = b.Feed(b.ctx, path)
	b.ok(err)
	if !bytes.Equal(got.Pages, accepted.Pages) || !got.Accepted.Equal(accepted.Accepted) {
		t.Errorf("what was accepted is lost: %+v", got)
	}

	losses, err := b.AllowFeed(b.ctx, path, catalog.AuditEntry{Time: day(3), Actor: "Mme Roche", Reason: "le jeu a fusionné"})
	b.ok(err)
	b.same(losses, waits.Losses)
	b.ok(b.KeepFeed(b.ctx, waits)) // the server has not seen it yet
	got, err = b.Feed(b.ctx, path)
	b.ok(err)
	if !got.Allows(waits.Losses) || got.Allows([]catalog.FeedLoss{{Key: "licence a"}, {Key: "file c"}}) {
		t.Errorf("allowed %v", got.Allowed)
	}
	accepted.Accepted = day(4).UTC()
	b.ok(b.KeepFeed(b.ctx, accepted))
	got, err = b.Feed(b.ctx, path)
	b.ok(err)
	b.same(got, accepted) // what was let pass was for once
	entries, err := b.Audit(b.ctx, catalog.AuditQuery{Action: catalog.AuditAccept})
	b.ok(err)
	b.same(len(entries), 1)
	if e := entries[0]; e.Object != path || e.Member != aubin || e.Actor != "Mme Roche" || e.Reason != "le jeu a fusionné" {
		t.Errorf("entry %+v", e)
	}
	b.ok(b.VerifyAudit(b.ctx))
}
