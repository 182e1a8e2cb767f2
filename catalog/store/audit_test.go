package store_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"grenier/catalog"
	"grenier/schemas"
)

// entries writes five entries to a new store.
func entries(t *testing.T, dsn string) catalog.Store {
	t.Helper()
	s := open(t, dsn)
	for n := range 5 {
		if err := s.Note(context.Background(), catalog.AuditEntry{Actor: "Mme Roche", Action: "release", Object: fmt.Sprint("jeu ", n), Reason: "vérifié"}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestVerifyAudit_NamesTheFirstRowThatWasTouched(t *testing.T) {
	for _, c := range []struct {
		name, query string
		seq         int64
	}{
		{"a reason changed", `UPDATE audit SET reason = 'autre' WHERE seq = 3`, 3},
		{"a time changed", `UPDATE audit SET time = time + 1 WHERE seq = 1`, 1},
		{"a hash changed", `UPDATE audit SET hash = 'x' WHERE seq = 5`, 5},
		{"text moved from one column to the next", `UPDATE audit SET actor = '', member = 'Mme Roche' WHERE seq = 2`, 2},
		{"a row deleted in the middle", `DELETE FROM audit WHERE seq = 2`, 2},
		{"the first row deleted", `DELETE FROM audit WHERE seq = 1`, 1},
		{"the last rows deleted", `DELETE FROM audit WHERE seq >= 4`, 4},
		{"a row added by hand", `INSERT INTO audit (seq, time, actor, member, action, object, before, after, reason, hash) VALUES (6, 1, '', '', '', '', '', '', '', '')`, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			engines(t, func(t *testing.T, dsn string) {
				s := entries(t, dsn)
				if err := s.VerifyAudit(context.Background()); err != nil {
					t.Fatal(err)
				}
				execute(t, open(t, dsn), c.query)
				err := s.VerifyAudit(context.Background())
				var tampered *catalog.TamperedError
				if !errors.As(err, &tampered) || tampered.Seq != c.seq {
					t.Errorf("got %v, want row %d", err, c.seq)
				}
			})
		})
	}
}

// The chain is documented so that others can follow it; here it is written out by hand.
func TestChain_IsWhatItsDocumentationSays(t *testing.T) {
	e := catalog.AuditEntry{Seq: 1, Time: dawn, Actor: "é", Action: "withdraw", Object: "x"}
	micros := fmt.Sprint(dawn.UnixMicro())
	plain := fmt.Sprintf("0:,1:1,%d:%s,2:é,0:,8:withdraw,1:x,0:,0:,0:,", len(micros), micros)
	if got, want := e.Chain(""), hashOf(plain); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// No cell of a withdrawn dataset is left in the files of the database.
func TestScrub_LeavesNothingInTheFiles(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	s := open(t, "sqlite:"+filepath.Join(dir, "grenier.db"))
	ids := fill(t, s, 1)
	const canary = "canari-7f3a9b"
	for n := range 30 {
		r := run(fmt.Sprintf("run-%d", n), ids[0], dawn.AddDate(0, 0, n))
		if err := s.Start(ctx, r); err != nil {
			t.Fatal(err)
		}
		r.Error, r.State = canary+strings.Repeat("e", 3000), canary
		r.Report = &schemas.Report{File: canary}
		d := dataset(ids[0], n)
		if _, err := s.Publish(ctx, d, r); err != nil {
			t.Fatal(err)
		}
		if n%3 == 0 {
			if _, err := s.Prune(ctx, d.ID, catalog.PrunePolicy{Last: 1}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := occurrences(t, dir, canary); n == 0 {
		t.Fatal("the canary was never there: the test tests nothing")
	}
	if _, err := s.Withdraw(ctx, catalog.Withdrawal{Dataset: dataset(ids[0], 0).ID, By: "Mme Roche"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Scrub(ctx); err != nil {
		t.Fatal(err)
	}
	if n := occurrences(t, dir, canary); n != 0 {
		t.Errorf("the canary is still there %d times", n)
	}
}

func occurrences(t *testing.T, dir, text string) (n int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		n += strings.Count(string(b), text)
	}
	return n
}

func hashOf(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) }
