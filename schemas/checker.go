package schemas

// A Checker judges the records of one table, in order, against one Schema. It keeps what uniqueness and keys need between
// calls; one Checker serves one table and one goroutine.
type Checker struct {
	schema *Schema
	// to be filled by the implementation
}

// document is what a JSON Schema needs; see document.go.
type document struct{}

// NewChecker returns a Checker for a fresh table.
func (s *Schema) NewChecker() *Checker { panic("not written yet") }

// Begin pairs the labels of a document's header with the fields, by exact name (VALIDATION.md section 3), and reports missing,
// extra, duplicate and disordered columns to rep. It is called before the first Check of each document; a table may be
// made of several documents. It tells whether rows can be judged at all: false when two labels are identical or when not one
// label is known. A missing required column is an error in rep, once; its cells are not reported row by row and rows may
// still be accepted (the gate decides what becomes of the version). For a Document schema labels are ignored.
func (c *Checker) Begin(labels []string, rep *Report) bool { panic("not written yet") }

// Check judges the records of in: rows without fault go to out (replacing what it held), every fault to rep, refused
// records with their reasons to out.Rejects. rep.Stats rows, accepted and rejected are kept up to date. For a Document schema
// the block has Width 2: the RecordPath.Path and the JSON text of one record, as it came.
func (c *Checker) Check(in *Block, out *Batch, rep *Report) { panic("not written yet") }

// End runs what can only be judged once the whole table was seen (foreign keys to the table itself).
func (c *Checker) End(rep *Report) { panic("not written yet") }
