package main

import (
	"slices"

	"grenier/schemas"
)

// A keeper turns refused records into rows all the same, for `convert --keep-invalid`: the cells at fault are emptied, the others keep their
// value. They come after the rows without fault of their block. What still does not read as its column's type after that stays refused.
type keeper struct {
	schema  *schemas.Schema // the same columns, without any constraint
	labels  []string
	checker *schemas.Checker
	report  *schemas.Report
	block   schemas.Block
	batch   schemas.Batch
}

// passes is how often cells are emptied: a refusal names at most five of its reasons.
const passes = 8

func newKeeper(s *schemas.Schema) *keeper {
	loose := &schemas.Schema{ID: s.ID, Form: schemas.Table, Title: s.Title, Delimiter: s.Delimiter, Fields: slices.Clone(s.Fields), MissingValues: s.MissingValues}
	for i := range loose.Fields {
		loose.Fields[i].Constraints = schemas.Constraints{}
	}
	return &keeper{schema: loose}
}

// keep gives write the refused records of in as rows, and tells how many there were.
func (k *keeper) keep(labels []string, in *schemas.Block, rejects []schemas.Reject, write func(*schemas.Batch) error) (kept int64, err error) {
	if len(rejects) == 0 {
		return 0, nil
	}
	if !slices.Equal(labels, k.labels) || k.checker == nil {
		k.labels, k.report, k.checker = labels, schemas.NewReport(k.schema), k.schema.NewChecker()
		if !k.checker.Begin(labels, k.report) {
			return 0, nil
		}
	}
	records := make([][][]byte, len(rejects))
	for i, r := range rejects {
		for c := range in.Width {
			records[i] = append(records[i], in.Cell(r.Record, c))
		}
		k.empty(records[i], r.Issues)
	}
	for range passes {
		k.block.Reset(len(labels))
		for i, cells := range records {
			k.block.AppendRecord(int64(i), 0, cells...)
		}
		k.checker.Check(&k.block, &k.batch, k.report)
		if len(k.batch.Rejects) == 0 {
			break
		}
		for _, r := range k.batch.Rejects {
			k.empty(records[r.Record], r.Issues)
		}
	}
	return int64(k.batch.Rows), write(&k.batch)
}

// empty empties the cells that the issues name.
func (k *keeper) empty(cells [][]byte, issues []schemas.Issue) {
	for _, e := range issues {
		if c := slices.Index(k.labels, e.Field); c >= 0 && c < len(cells) {
			cells[c] = nil
		}
	}
}
