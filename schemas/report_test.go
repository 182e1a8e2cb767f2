package schemas

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestReport_HasTheShapeAndTheWordsOfTheGoldenFile(t *testing.T) {
	s := grantsSchema(t)
	good := []string{"Commune de Vaubrun-sur-Ourle", "21739990600015", "2024-01-05", "DEL-1", "Les Amis", "", "W123456789", "Fonctionnement", "100.50", "aide en nature", "unique", "2024-01-05", "oui", "0.5", "2024"}
	with := func(changes map[int]string) []string {
		row := append([]string(nil), good...)
		for f, cell := range changes {
			row[f] = cell
		}
		return append(row, "remarque")
	}
	j := judgeRows(t, s, append(labelsOf(s), "commentaire"), [][]string{
		with(nil),
		with(map[int]string{2: "31/01/2024", 8: "1 100,50"}),
		with(map[int]string{1: "21739990600016", 12: "Oui"}),
		with(map[int]string{0: "", 6: "", 10: "Unique"}),
		{"", "", ""},
		with(map[int]string{6: "123456789", 9: "aide", 11: "2024", 13: "1.5", 14: "1789"}),
		good[:14],
	}, 3)
	j.rep.File, j.rep.SHA256 = "subventions.csv", "00"
	j.rep.Finish()
	got, err := json.MarshalIndent(j.rep, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", "report.golden.json")
	if *update {
		if err := os.WriteFile(file, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)+"\n"); d != "" {
		t.Errorf("report (-want +got):\n%s", d)
	}
}

// Whatever the rows, each is accepted or refused, and cutting the table into other blocks changes nothing.
func TestCheck_EachRowIsAcceptedOrRefusedWhateverTheBlocks(t *testing.T) {
	s := mustTable(t, `{"fields":[{"name":"a","type":"date","constraints":{"unique":true}},{"name":"b","type":"integer","constraints":{"required":true}},{"name":"c","type":"number","constraints":{"maximum":5}}],
		"primaryKey":["b","c"],"custom_checks":[{"name":"compare-columns-value","params":{"column":"b","op":">","column2":"c"}}]}`)
	cell := rapid.SampledFrom([]string{"", "1", "2", "7", "2024-1-5", "2024-01-05", "x", "1.50", "3,5"})
	row := rapid.SliceOfN(cell, 0, 4)
	rapid.Check(t, func(rt *rapid.T) {
		rows := rapid.SliceOfN(row, 1, 30).Draw(rt, "rows")
		size := rapid.IntRange(1, 30).Draw(rt, "size")
		whole, parts := judgeRows(t, s, labelsOf(s), rows, len(rows)), judgeRows(t, s, labelsOf(s), rows, size)
		st := whole.rep.Stats
		if st.Rows != int64(len(rows)) || st.Accepted+st.Rejected != st.Rows || int(st.Accepted) != len(whole.rows) || int(st.Rejected) != len(whole.rejects) {
			rt.Fatalf("stats %+v, %d rows, %d rejects", st, len(whole.rows), len(whole.rejects))
		}
		if d := cmp.Diff(whole.rep.Errors, parts.rep.Errors); d != "" {
			rt.Fatalf("blocks of %d (-whole +parts): %s", size, d)
		}
		if d := cmp.Diff(whole.rows, parts.rows); d != "" {
			rt.Fatalf("blocks of %d (-whole +parts): %s", size, d)
		}
	})
}
