package schemas

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const keyed = `{
 "fields": [
  {"name": "id", "type": "integer", "constraints": {"unique": true}},
  {"name": "code", "type": "string", "constraints": {"unique": true}},
  {"name": "annee", "type": "year"},
  {"name": "parent", "type": "integer"}
 ],
 "primaryKey": ["code", "annee"],
 "foreignKeys": [{"fields": "parent", "reference": {"resource": "", "fields": "id"}}]
}`

// judgeKeyed judges rows of which one in ten repeats an earlier key, or refers to one that never comes.
func judgeKeyed(t *testing.T, limit int) (*Report, *Checker) {
	t.Helper()
	s, err := ParseTable("essai/cles@1.0.0", []byte(keyed))
	if err != nil {
		t.Fatal(err)
	}
	rep, c, out := NewReport(s), s.NewChecker(), &Batch{}
	rep.Max = math.MaxInt
	for _, table := range c.keyTables() {
		table.limit = limit
	}
	if !c.Begin(labelsOf(s), rep) {
		t.Fatal("no row can be judged")
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	b := &Block{}
	const rows = 20_000
	for from := 0; from < rows; from += 500 {
		b.Reset(len(s.Fields))
		for i := from; i < from+500; i++ {
			id, code, parent := i, i, rnd.IntN(rows)
			switch rnd.IntN(30) {
			case 0:
				id = rnd.IntN(i + 1)
			case 1:
				code = rnd.IntN(i + 1)
			case 2:
				parent = rows + rnd.IntN(rows)
			}
			b.AppendRecord(int64(i+2), int64(i+2), fmt.Append(nil, id), fmt.Append(nil, "C", code), fmt.Append(nil, 2000+code%3), fmt.Append(nil, parent))
		}
		c.Check(b, out, rep)
	}
	c.End(rep)
	return rep, c
}

func TestKeys_GiveTheSameVerdictFromDiskAsFromMemory(t *testing.T) {
	want, inMemory := judgeKeyed(t, math.MaxInt)
	want.Finish()
	if n := want.Stats.Errors; n < 1500 || len(want.Counts) < 4 {
		t.Fatalf("%d errors of %d kinds: too few to try anything", n, len(want.Counts))
	}
	if inMemory.primary.disk != nil {
		t.Fatal("the table without limit went to disk")
	}
	for _, limit := range []int{100, 777, 6000} {
		got, c := judgeKeyed(t, limit)
		for _, table := range c.keyTables() {
			if table.disk == nil || table.n > limit || len(table.slots) > max(1024, 4*limit) {
				t.Errorf("limit %d: %d keys in %d places", limit, table.n, len(table.slots))
			}
		}
		got.Finish()
		if diff := cmp.Diff(want.Errors, got.Errors); diff != "" {
			t.Errorf("limit %d, errors from memory (-) and from disk (+):\n%s", limit, diff)
		}
		if diff := cmp.Diff(want.Stats, got.Stats); diff != "" {
			t.Errorf("limit %d, totals:\n%s", limit, diff)
		}
	}
}

func TestKeyTable_FindsEveryKeyAgainOnDisk(t *testing.T) {
	table := newKeyTable()
	table.limit = 900
	const n = 50_000
	for i := range n {
		if _, seen := table.add(fmt.Append(nil, i), int64(i)); seen {
			t.Fatalf("key %d was never added", i)
		}
	}
	defer table.disk.close()
	if runs := len(table.disk.runs); runs < 2 || runs > 7 {
		t.Errorf("%d runs on disk", runs)
	}
	for i := range n {
		if at, seen := table.add(fmt.Append(nil, i), -1); !seen || at != int64(i) {
			t.Fatalf("key %d: seen %v at %d", i, seen, at)
		}
		if table.has(table.hash(fmt.Append(nil, n+i))) {
			t.Fatalf("key %d was never added", n+i)
		}
	}
	if table.disk.err != nil {
		t.Error(table.disk.err)
	}
}

func TestKeyTable_StaysInMemoryWhereNothingCanBeWritten(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "absent"))
	table := newKeyTable()
	table.limit = 900
	const n = 5_000
	for range 2 {
		for i := range n {
			if at, seen := table.add(fmt.Append(nil, i), int64(i)); seen && at != int64(i) {
				t.Fatalf("key %d was seen at %d", i, at)
			}
		}
	}
	if table.n != n {
		t.Errorf("%d keys, want %d", table.n, n)
	}
}

func TestKeys_SayThatTheDiskFailed(t *testing.T) {
	table := newKeyTable()
	table.limit = 10
	for i := range 30 {
		table.add(fmt.Append(nil, i), int64(i))
	}
	for _, r := range table.disk.runs {
		r.file.Close()
	}
	table.add(fmt.Append(nil, 1), 99)
	if table.disk.err == nil {
		t.Fatal("the fault went unnoticed")
	}
	c := &Checker{unique: []*keyTable{table}}
	rep := NewReport(grantsSchema(t))
	c.endKeys(rep)
	if len(rep.Errors) != 1 || rep.Errors[0].Type != "source-error" {
		t.Errorf("errors %+v", rep.Errors)
	}
}

func TestLuhn_AddsEveryOtherDigitTwice(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 5000 {
		digits := make([]byte, rnd.IntN(24))
		want := 0
		for i := range digits {
			digits[i] = '0' + byte(rnd.IntN(10))
		}
		for i := range digits {
			v := int(digits[len(digits)-1-i] - '0')
			if i%2 == 1 {
				v *= 2
			}
			want += v/10 + v%10
		}
		if got := luhn(digits); got != want%10 {
			t.Fatalf("%s: %d, want %d", digits, got, want%10)
		}
	}
}
