package harvest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"grenier/schemas"
)

// sketched is the sketch of a table with the given keys.
func sketched(t *testing.T, s *schemas.Schema, keys []string) []uint64 {
	t.Helper()
	var k sketch
	k.find(s)
	c := s.NewChecker()
	r := schemas.NewReport(s)
	c.Begin([]string{"id"}, r)
	for part := range slices.Chunk(keys, schemas.BlockRows) {
		var in schemas.Block
		var out schemas.Batch
		in.Reset(1)
		for i, key := range part {
			in.AppendRecord(int64(i+2), int64(i+2), []byte(key))
		}
		c.Check(&in, &out, r)
		k.add(&out)
	}
	return k.values()
}

// draw makes n keys as member's software numbers them: a prefix and a number that nothing repeats.
func draw(r *rand.Rand, n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("39013_%04d_%08x", i%300, r.Uint64())
	}
	return keys
}

func TestSketch_EstimatesHowManyKeysStayed(t *testing.T) {
	s := lampSchema(t)
	const n, trials = 10_000, 8
	for _, share := range []float64{0, 0.3, 0.5, 0.8, 1} {
		t.Run(fmt.Sprint(share), func(t *testing.T) {
			mean := 0.0
			for trial := range trials {
				r := rand.New(rand.NewPCG(uint64(trial), uint64(share*100)))
				before := draw(r, n)
				kept := int(share * n)
				after := append(slices.Clone(before[:kept]), draw(r, n-kept)...)
				r.Shuffle(n, func(i, j int) { after[i], after[j] = after[j], after[i] })
				got, ok := overlap(sketched(t, s, before), sketched(t, s, after))
				if !ok || math.Abs(got-share) > 0.15 {
					t.Errorf("trial %d: %v is estimated at %v, %v", trial, share, got, ok)
				}
				mean += got / trials
			}
			if math.Abs(mean-share) > 0.06 {
				t.Errorf("%v is estimated at %v on average", share, mean)
			}
		})
	}
}

func TestSketch_DoesNotDoubtATableThatGrewOrShrank(t *testing.T) {
	s := lampSchema(t)
	keys := draw(rand.New(rand.NewPCG(1, 2)), 10_000)
	for _, before := range []int{1, 63, 64, 65, 1500, 9000} {
		for _, after := range []int{10_000, before} {
			if got, ok := overlap(sketched(t, s, keys[:before]), sketched(t, s, keys[:after])); ok && got != 1 {
				t.Errorf("all %d keys stayed among %d, and %v is estimated", before, after, got)
			}
		}
	}
	got, ok := overlap(sketched(t, s, keys), sketched(t, s, keys[:5000]))
	if !ok || math.Abs(got-0.5) > 0.15 {
		t.Errorf("half of the keys stayed alone, and %v is estimated, %v", got, ok)
	}
}

func TestSketch_IsExactBelowItsSize(t *testing.T) {
	s := lampSchema(t)
	keys := draw(rand.New(rand.NewPCG(3, 4)), 126)
	for kept := 0; kept <= 63; kept += 7 {
		got, ok := overlap(sketched(t, s, keys[:63]), sketched(t, s, keys[63-kept:126-kept]))
		if want := float64(kept) / 63; !ok || got != want {
			t.Errorf("%v is estimated at %v, %v", want, got, ok)
		}
	}
}

func TestSketch_DoesNotDependOnOrderNorRepetition(t *testing.T) {
	s := lampSchema(t)
	keys := draw(rand.New(rand.NewPCG(5, 6)), 500)
	once := sketched(t, s, keys)
	slices.Reverse(keys)
	if again := sketched(t, s, append(keys, keys...)); !slices.Equal(once, again) || len(once) != sketchSize || !slices.IsSorted(once) {
		t.Errorf("%v\n%v", once, again)
	}
}

func TestSketch_IsNoneWithoutAKey(t *testing.T) {
	s, err := schemas.ParseTable("test/t@1", []byte(`{"fields":[{"name":"id"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if k := sketched(t, s, []string{"a", "b"}); k != nil {
		t.Errorf("sketch %v", k)
	}
	if _, ok := overlap(nil, []uint64{1}); ok {
		t.Error("nothing is compared with something")
	}
}

func TestSketch_TakesAllColumnsOfThePrimaryKey(t *testing.T) {
	s, err := schemas.ParseTable("test/t@1", []byte(`{"primaryKey":["a","b"],"fields":[{"name":"x","constraints":{"unique":true}},{"name":"b"},{"name":"a"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	var k sketch
	if k.find(s); !slices.Equal(k.columns, []int{2, 1}) {
		t.Errorf("columns %v", k.columns)
	}
}
