package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"grenier/catalog"
	"grenier/catalog/catalogtest"
	"grenier/catalog/store"
	"grenier/schemas"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
)

// lived is a catalogue to which everything happened that a snapshot must hold.
func lived(t *testing.T, dsn string) *store.Store {
	t.Helper()
	ctx := context.Background()
	s := open(t, dsn)
	ids := fill(t, s, 4)
	for n, source := range []string{ids[0], ids[0], ids[1], ids[2]} {
		r := run(fmt.Sprintf("run-%d", n), source, dawn.Add(time.Duration(n)*time.Hour))
		if err := s.Start(ctx, r); err != nil {
			t.Fatal(err)
		}
		r.Ended, r.Accepted, r.State, r.Process = r.Started.Add(time.Second), 12, `{"etag":"é"}`, "p"
		r.Documents = []catalog.Raw{{Name: "d.csv", SHA256: fmt.Sprintf("%02dabc", n), Bytes: 3}}
		r.Sketch, r.Columns = []uint64{1, 1 << 63}, []string{"a"}
		r.Report = &schemas.Report{File: fmt.Sprintf("fichier-%d.csv", n)}
		d := dataset(source, n)
		d.Title = fmt.Sprintf("Édition %d de %s", n, source)
		if _, err := s.Publish(ctx, d, r); err != nil {
			t.Fatal(err)
		}
	}
	held := run("run-held", ids[1], dawn.Add(9*time.Hour))
	if err := s.Start(ctx, held); err != nil {
		t.Fatal(err)
	}
	held.Status, held.Message, held.Quarantine = catalog.Held, "Retenu.", &catalog.File{Name: "rejets.csv", Key: "quarantine/aa/bb.csv"}
	if err := s.Record(ctx, held); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Withdraw(ctx, catalog.Withdrawal{Dataset: dataset(ids[2], 3).ID, By: "Mme Roche", Reason: "un nom", Public: "Retiré."}); err != nil {
		t.Fatal(err)
	}
	return s
}

// told is all that a catalogue answers.
func told(t *testing.T, s *store.Store) map[string]any {
	t.Helper()
	ctx, all := context.Background(), map[string]any{}
	note := func(name string, v any, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[name] = v
	}
	namespace, err := s.Namespace(ctx)
	note("namespace", namespace, err)
	members, _, err := s.Members(ctx, catalog.MemberQuery{})
	note("members", members, err)
	recipes, err := s.Recipes(ctx)
	note("recipes", recipes, err)
	sources, err := s.Sources(ctx, catalog.SourceQuery{})
	note("sources", sources, err)
	datasets, _, err := s.Datasets(ctx, catalog.DatasetQuery{})
	note("datasets", datasets, err)
	events, err := s.Events(ctx, 0, 0)
	note("events", events, err)
	entries, err := s.Audit(ctx, catalog.AuditQuery{})
	note("audit", entries, err)
	doomed, err := s.Doomed(ctx)
	note("doomed", doomed, err)
	stats, err := s.Stats(ctx)
	note("stats", stats, err)
	revision, err := s.Revision(ctx)
	note("revision", revision, err)
	var keys []string
	err = s.Keys(ctx, func(key string) error { keys = append(keys, key); return nil })
	slices.Sort(keys)
	note("keys", keys, err)
	var ids []uuid.UUID
	for _, d := range datasets {
		ids = append(ids, d.ID)
	}
	for _, id := range ids {
		versions, err := s.Versions(ctx, id)
		note("versions "+id.String(), versions, err)
		r, err := s.RunOfVersion(ctx, id, versions[0].Number)
		note("run "+id.String(), r, err)
	}
	gone := dataset(sources[2].ID, 3).ID
	w, err := s.Withdrawal(ctx, gone)
	note("withdrawal", w, err)
	d, err := s.Dataset(ctx, gone)
	note("withdrawn", d, err)
	held, err := s.Run(ctx, "run-held")
	note("held", held, err)
	return all
}

func TestImport_MakesTheSameCatalogue(t *testing.T) {
	for _, c := range []struct {
		name     string
		from, to func(testing.TB) string
	}{
		{"SQLite to SQLite", sqliteDSN, sqliteDSN}, {"PostgreSQL to PostgreSQL", catalogtest.PostgresDSN, catalogtest.PostgresDSN},
		{"SQLite to PostgreSQL", sqliteDSN, catalogtest.PostgresDSN}, {"PostgreSQL to SQLite", catalogtest.PostgresDSN, sqliteDSN},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := context.Background()
			s := lived(t, c.from(t))
			want := told(t, s)
			var b bytes.Buffer
			if err := s.Export(ctx, &b); err != nil {
				t.Fatal(err)
			}
			dsn := c.to(t)
			again := open(t, dsn)
			if err := again.Import(ctx, bytes.NewReader(b.Bytes())); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, told(t, again), cmpopts.IgnoreUnexported(schemas.Report{})); diff != "" {
				t.Errorf("before - after +\n%s", diff)
			}
			for _, err := range []error{again.VerifyAudit(ctx), again.Check(ctx)} {
				if err != nil {
					t.Error(err)
				}
			}
			var second bytes.Buffer
			if err := again.Export(ctx, &second); err != nil || sortedLines(b.String()) != sortedLines(second.String()) {
				t.Errorf("a snapshot of what a snapshot made is another one, %v", err)
			}
			if err := again.Import(ctx, &b); !errors.Is(err, store.ErrNotEmpty) {
				t.Errorf("a second import: %v", err)
			}
			// Numbers go on.
			ids := want["sources"].([]catalog.Source)
			r := run("run-after", ids[0].ID, dawn.AddDate(0, 0, 2))
			if err := again.Start(ctx, r); err != nil {
				t.Fatal(err)
			}
			d, err := again.Publish(ctx, dataset(ids[0].ID, 9), r)
			if err != nil || d.Version != 3 {
				t.Errorf("published as version %d, %v", d.Version, err)
			}
			if n, _ := again.Namespace(ctx); n != want["namespace"] {
				t.Error("the program that imported keeps its own namespace")
			}
			if n, _ := open(t, dsn).Namespace(ctx); n != want["namespace"] {
				t.Error("the namespace is not kept")
			}
		})
	}
}

// sortedLines is a text in an order that no engine's idea of the alphabet changes.
func sortedLines(text string) string {
	lines := strings.SplitAfter(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func TestImport_OfACutOrStrangeSnapshotChangesNothing(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		var b bytes.Buffer
		if err := lived(t, sqliteDSN(t)).Export(ctx, &b); err != nil {
			t.Fatal(err)
		}
		lines := strings.SplitAfter(b.String(), "\n")
		lines = lines[:len(lines)-1] // what follows the last end of line
		s := open(t, dsn)
		namespace, _ := s.Namespace(ctx)
		for name, text := range map[string]string{
			"nothing":             "",
			"no snapshot":         "{}\n",
			"without its end":     strings.Join(lines[:len(lines)-1], ""),
			"a row less":          strings.Join(append(append([]string{}, lines[:20]...), lines[21:]...), ""),
			"cut in a row":        b.String()[:b.Len()/2],
			"of a newer program":  strings.Replace(b.String(), `"schema":`, `"schema":9`, 1),
			"an unknown table":    lines[0] + `{"t":"users","r":{"a":1}}` + "\n",
			"SQL instead of name": lines[0] + `{"t":"members","r":{"siren) VALUES ('x') --":1}}` + "\n",
		} {
			if err := s.Import(ctx, strings.NewReader(text)); err == nil {
				t.Errorf("%s: no error", name)
			} else if name != "of a newer program" && !errors.Is(err, store.ErrCutSnapshot) && name != "a row less" {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, n, err := s.Members(ctx, catalog.MemberQuery{}); n != 0 || err != nil {
			t.Errorf("%d members, %v", n, err)
		}
		if n, _ := s.Namespace(ctx); n != namespace {
			t.Error("the namespace changed")
		}
		if err := s.Import(ctx, &b); err != nil {
			t.Errorf("the whole snapshot: %v", err)
		}
	})
}

func TestRevision_ChangesWithWhatASnapshotHolds(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		s := lived(t, dsn)
		last := int64(0)
		changed := func(what string, want bool) {
			t.Helper()
			now, err := s.Revision(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if (now > last) != want || now < last {
				t.Errorf("after %s the revision is %d, was %d", what, now, last)
			}
			last = now
		}
		changed("the start", true)
		changed("nothing", false)
		if _, err := s.Apply(ctx, catalog.Manifest{Recipes: []catalog.Recipe{{Name: "autre", Text: "x"}}}, catalog.ApplyOptions{DryRun: true}); err != nil {
			t.Fatal(err)
		}
		changed("a dry run", false)
		for _, want := range []bool{true, false} {
			if _, err := s.Apply(ctx, catalog.Manifest{Recipes: []catalog.Recipe{{Name: "autre", Text: "x"}}}, catalog.ApplyOptions{}); err != nil {
				t.Fatal(err)
			}
			changed("apply", want)
		}
		if err := s.Note(ctx, catalog.AuditEntry{Action: "x"}); err != nil {
			t.Fatal(err)
		}
		changed("an entry", true)
	})
}

func TestUses_SayWhoNamesABlob(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		s := lived(t, dsn)
		sources, err := s.Sources(ctx, catalog.SourceQuery{})
		if err != nil {
			t.Fatal(err)
		}
		d, err := s.Dataset(ctx, dataset(sources[0].ID, 0).ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			key  string
			want []catalog.BlobUse
		}{
			{d.Files[0].Key, []catalog.BlobUse{{Kind: "file", Dataset: d.ID, Version: 2, Newest: true, Format: d.Files[0].Format, Name: d.Files[0].Name}}},
			{"raw/00/00abc", []catalog.BlobUse{{Kind: "raw", Dataset: d.ID, Version: 1, Name: "d.csv"}}},
			{"quarantine/aa/bb.csv", []catalog.BlobUse{{Kind: "quarantine", Dataset: dataset(sources[1].ID, 2).ID, Name: "rejets.csv"}}},
			{"raw/ff/ffff", nil},
			{"pub/x", nil},
		} {
			got, err := s.Uses(ctx, c.key)
			if err != nil {
				t.Fatal(err)
			}
			for i := range got {
				if got[i].Slug == "" || got[i].Member.Name == "" || got[i].Source == "" || got[i].Key != c.key {
					t.Errorf("%s: %+v has no name", c.key, got[i])
				}
				got[i].Slug, got[i].Member, got[i].Source, got[i].Key = "", catalog.Member{}, "", ""
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s: want - got +\n%s", c.key, diff)
			}
		}
	})
}

// A snapshot of a département: 2,800 datasets of one version.
func BenchmarkExport(b *testing.B) {
	ctx := context.Background()
	s := open(b, sqliteDSN(b))
	for n, source := range fill(b, s, 2800) {
		r := run(fmt.Sprintf("run-%d", n), source, dawn)
		if err := s.Start(ctx, r); err != nil {
			b.Fatal(err)
		}
		r.Documents = []catalog.Raw{{Name: "d.csv", SHA256: strings.Repeat("0f", 32), Bytes: 3}}
		if _, err := s.Publish(ctx, dataset(source, 1), r); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		var size counter
		if err := s.Export(ctx, &size); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(size))
	}
}

type counter int64

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }
