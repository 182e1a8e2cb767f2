package schemas

// A Batch holds accepted rows column by column: Columns[i] belongs to Schema.Fields[i]. It is filled by Check from one
// Block and is valid until the next call; its text points into the block's Data, which Check may have extended.
type Batch struct {
	Schema  *Schema
	Rows    int
	Data    []byte // holds every Text span
	Columns []Column
	Row     []int64 // Row[k] is the record number of row k in its document
	Line    []int64
	Rejects []Reject // the records that were not accepted, in order

	source *Block // of a Document whose records came as JSON; nil elsewhere
}

// Record returns the record that row r was made of as its owner wrote it: the path of its list, and its JSON text. It is there for a Document
// that came as JSON, and valid as long as the block that was checked.
func (b *Batch) Record(r int) (path, text []byte, ok bool) {
	if b.source == nil {
		return nil, nil, false
	}
	i := int(b.Row[r] - b.source.Row[0]) // a document's records are numbered without gaps
	return b.source.Cell(i, 0), b.source.Cell(i, 1), true
}

// A Column is one column of a Batch. Text is always there: the canonical text of each cell, as the canonical CSV writes
// it. The typed slice that Physical names is there too, with a zero where Valid is false.
type Column struct {
	Physical Physical
	Valid    []bool // false: no value
	Text     []Span
	Ints     []int64 // Int64, Days, Micros
	Floats   []float64
	Bools    []bool
}

// A Reject is one record that was refused, with its reasons.
type Reject struct {
	Record    int // index in the Block it came from
	Row, Line int64
	Issues    []Issue // the first of them; none when the Checker is Terse
}

// TextAt returns the canonical text of row r in column c. The slice points into Data.
func (b *Batch) TextAt(c, r int) []byte {
	s := b.Columns[c].Text[r]
	return b.Data[s.Off : s.Off+s.Len : s.Off+s.Len]
}
