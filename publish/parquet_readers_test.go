package publish_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// askDuckDB gives the file whose name is its first argument to the queries that follow, in which $file stands for it, and prints their answers.
const askDuckDB = `
import { DuckDBInstance } from '@duckdb/node-api';
const [file, ...queries] = process.argv.slice(1);
const db = await (await DuckDBInstance.create(':memory:')).connect();
const answers = [];
for (const q of queries) answers.push((await db.runAndReadAll(q.replaceAll('$file', "'" + file + "'"))).getRowsJson());
console.log(JSON.stringify(answers));
`

func TestReaders_DuckDBUsesOrderAndBloomFilters(t *testing.T) {
	readers := os.Getenv("GRENIER_TEST_READERS")
	if readers == "" {
		t.Skip("GRENIER_TEST_READERS is not set: DuckDB does not read the files (.ci/test installs it)")
	}
	s, rows := keyedRows(130_000)
	file := filepath.Join(t.TempDir(), "actes.parquet")
	if err := os.WriteFile(file, pressBatches(t, "parquet", s, rows, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "node", "--input-type=module", "-e", askDuckDB, file,
		`SELECT count(*), count(DISTINCT acte), count(numero), sum(CASE WHEN numero % 2 = 0 THEN 1 ELSE 0 END) FROM $file`,
		`SELECT bool_or(bloom_filter_excludes), bool_and(bloom_filter_excludes) FROM parquet_bloom_probe($file, 'acte', 'acte-0000000077')`,
		`SELECT bool_and(bloom_filter_excludes) FROM parquet_bloom_probe($file, 'numero', 12345)`,
		fmt.Sprintf(`SELECT bool_and(bloom_filter_excludes) FROM parquet_bloom_probe($file, 'acte', '%s')`, rows[777][0]),
		fmt.Sprintf(`SELECT objet FROM $file WHERE acte = '%s'`, rows[777][0]),
		fmt.Sprintf(`SELECT objet FROM $file WHERE numero = %s`, rows[600][1]),
		`SELECT count(*) FROM $file WHERE acte = 'acte-0000000077'`)
	c.Dir = readers
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var got []json.RawMessage
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for i, want := range []string{
		`[["130000","130000","43334","43334"]]`, `[[true,true]]`, `[[true]]`, `[[false]]`,
		fmt.Sprintf(`[[%q]]`, rows[777][5]), fmt.Sprintf(`[[%q]]`, rows[600][5]), `[["0"]]`,
	} {
		if i >= len(got) || string(got[i]) != want {
			t.Errorf("query %d: got %s, want %s", i, got[min(i, len(got)-1)], want)
		}
	}
}
