package catalogtest

import (
	"bytes"
	"testing"

	"grenier/catalog"
)

// logosLive: a mark comes with the manifest that names it, survives manifests that do not read it anew, and goes with its last member.
func logosLive(t *testing.T, b *bench) {
	m := manifest()
	m.Members[1].Logo, m.Members[1].Colours = "0123.svg", catalog.Colours{Main: "#1f4d5c", Accent: "#a84b18"}
	m.Logos = []catalog.Logo{{Name: "0123.svg", Data: []byte("<svg/>\x00")}}
	b.apply(m, catalog.ApplyOptions{DryRun: true})
	_, err := b.Logo(b.ctx, "0123.svg")
	b.is(err, catalog.ErrNotFound)

	b.apply(m, catalog.ApplyOptions{})
	m.Logos = nil
	b.same(len(b.apply(m, catalog.ApplyOptions{})), 0)
	got, err := b.Member(b.ctx, aubin)
	b.ok(err)
	b.same(got, m.Members[1])
	data, err := b.Logo(b.ctx, "0123.svg")
	b.ok(err)
	if !bytes.Equal(data, []byte("<svg/>\x00")) {
		t.Errorf("mark %q", data)
	}

	m.Members[1].Logo, m.Members[1].Colours.Main = "", "#123456"
	b.same(b.apply(m, catalog.ApplyOptions{}), []catalog.Change{{Op: '~', Noun: "member", Name: aubin, What: []string{"logo", "colours"}}})
	_, err = b.Logo(b.ctx, "0123.svg")
	b.is(err, catalog.ErrNotFound)
}
