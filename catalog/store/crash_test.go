package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"grenier/catalog"
	"grenier/catalog/store"

	"github.com/google/uuid"
)

// victimDSN tells the test binary that it is the program to be killed, and which catalogue it works on.
const victimDSN = "GRENIER_TEST_VICTIM"

const lease = time.Minute

// victim harvests four sources for ever and says on standard output what the store promised: "ID VERSION" of each publication.
func victim(dsn string) {
	ctx := context.Background()
	s, err := store.Open(ctx, dsn, quiet)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("open")
	var said sync.Mutex
	var all sync.WaitGroup
	for i := range 4 {
		source := fmt.Sprintf("%s/jeu-%d", member.SIREN, i)
		all.Go(func() {
			for n := 0; ; n++ {
				if err := harvestOnce(ctx, s, source, n, &said); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
			}
		})
	}
	all.Wait()
}

func harvestOnce(ctx context.Context, s *store.Store, source string, n int, said *sync.Mutex) error {
	r := run(uuid.Must(uuid.NewV7()).String(), source, time.Now())
	r.Lease = r.Started.Add(lease)
	if err := s.Start(ctx, r); errors.Is(err, catalog.ErrBusy) { // the run that died with the last victim
		_, err := s.Abandoned(ctx, time.Now().Add(2*lease))
		return err
	} else if err != nil {
		return err
	}
	r.Ended = time.Now()
	switch n % 4 {
	case 1:
		r.Status = catalog.Failed
		return s.Record(ctx, r)
	case 2:
		r.Status = catalog.Unchanged
		return s.Record(ctx, r)
	}
	d, err := s.Publish(ctx, dataset(source, rand.IntN(1000)), r)
	if err != nil {
		return err
	}
	said.Lock()
	fmt.Println(d.ID, d.Version)
	said.Unlock()
	_, err = s.Prune(ctx, d.ID, catalog.PrunePolicy{Last: 3})
	return err
}

func TestStore_IsWholeAfterEveryKill(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		kills := 20
		if testing.Short() {
			kills = 4
		}
		ctx := context.Background()
		s := open(t, dsn)
		fill(t, s, 4)
		promised := map[string]int{}
		for range kills {
			killAfter(t, dsn, time.Duration(5+rand.IntN(80))*time.Millisecond, promised)
			again, err := store.Open(ctx, dsn, quiet)
			if err != nil {
				t.Fatal(err)
			}
			inspect(t, again, promised)
			if err := again.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if len(promised) == 0 {
			t.Fatal("no victim ever published: the test tests nothing")
		}
	})
}

// killAfter runs a victim, kills it some time after it began to work, and notes what it was promised.
func killAfter(t *testing.T, dsn string, wait time.Duration, promised map[string]int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), victimDSN+"="+dsn)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); line != "open\n" {
		cmd.Process.Kill()
		cmd.Wait()
		t.Fatalf("victim said %q (%v): %s", line, err, complaint.String())
	}
	timer := time.AfterFunc(wait, func() { cmd.Process.Kill() })
	defer timer.Stop()
	rest, _ := io.ReadAll(lines)
	cmd.Wait()
	if complaint.Len() > 0 {
		t.Fatalf("victim: %s", complaint.String())
	}
	for line := range strings.Lines(string(rest)) {
		var id string
		var version int
		if n, _ := fmt.Sscanf(line, "%s %d\n", &id, &version); n == 2 { // the last line may be cut
			promised[id] = max(promised[id], version)
		}
	}
}

// inspect reads the catalogue as the next program finds it.
func inspect(t *testing.T, s *store.Store, promised map[string]int) {
	t.Helper()
	ctx := context.Background()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(s.Check(ctx))
	_, err := s.Abandoned(ctx, time.Now().Add(2*lease))
	check(err)
	running, err := s.Runs(ctx, catalog.RunQuery{Status: catalog.Running})
	check(err)
	if len(running) > 0 {
		t.Fatalf("still running after Abandoned: %+v", running)
	}
	told := map[uuid.UUID]int{}
	events, err := s.Events(ctx, 0, 0)
	check(err)
	for i, e := range events {
		if e.Seq != int64(i+1) {
			t.Fatalf("event %d has seq %d", i, e.Seq)
		}
		told[e.Dataset] = e.Version
	}
	seen := map[string]int{}
	check(s.EachDataset(ctx, catalog.DatasetQuery{}, func(d catalog.Dataset) error {
		seen[d.ID.String()] = d.Version
		if told[d.ID] != d.Version || len(d.Files) != 2 {
			return fmt.Errorf("%s is at version %d with %d files, its last event tells of %d", d.Slug, d.Version, len(d.Files), told[d.ID])
		}
		r, err := s.RunOfVersion(ctx, d.ID, d.Version)
		if err == nil && r.Status != catalog.Published {
			err = fmt.Errorf("run of version %d is %s", d.Version, r.Status)
		}
		if err != nil {
			return err
		}
		versions, err := s.Versions(ctx, d.ID)
		if err == nil && versions[0].Number != d.Version {
			err = fmt.Errorf("newest version is %d, not %d", versions[0].Number, d.Version)
		}
		return err
	}))
	for id, version := range promised {
		if seen[id] < version {
			t.Fatalf("dataset %s: version %d was promised, %d is there", id, version, seen[id])
		}
	}
}
