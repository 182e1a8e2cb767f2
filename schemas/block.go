package schemas

// BlockRows is the most records a Block holds; decoders also stop near BlockBytes of text, so that a block and the
// batch made of it stay in the L2 cache.
const (
	BlockRows  = 4096
	BlockBytes = 256 << 10
)

// A Span is a piece of Block.Data or Batch.Data.
type Span struct{ Off, Len uint32 }

// A Block is up to BlockRows undecoded records of one table: UTF-8 text in Data, and for each record Width spans.
// Cell c of record r is Data[Off:Off+Len] of Cells[r*Width+c], unquoted, already in UTF-8. A cell that the record does not
// have (short record) is an empty span. It is owned by whoever fills it and valid until the next call that fills it; whoever
// reads it may append to Data (mapping does) but never change what is there.
type Block struct {
	Data  []byte
	Width int
	Rows  int
	Cells []Span
	Count []uint32 // cells the source had in each record: < Width is a short record, > Width a long one
	Row   []int64  // record number in its document, header = 1
	Line  []int64  // physical line on which the record starts, 0 when the syntax has none

	// Verbatim tells that the records of a Document, path and JSON text, are what the document says, byte for byte: its syntax is JSON.
	Verbatim bool

	// Frame, for a Document, is the document without its records, told in one of its blocks, which may have none; nil in the others.
	Frame *Frame

	// Faults are what the decoder found wrong, by ascending Record; each makes its record rejected.
	Faults []Fault
}

// A Frame is what a document has besides its records.
type Frame struct {
	JSON []byte // the document with its lists of records empty
	Cut  bool   // parts are left out, because they are too large to be kept
	Note string // French: how the document was dressed and what was done about it; "" when it was as it should be
}

// A Fault is an error of syntax that a decoder met in one record.
type Fault struct {
	Record  int    // index in the block
	Cell    int    // column index, -1 when the whole record is at fault
	Type    string // "encoding-error", "source-error", "extra-cell"…
	Message string // French
}

// Reset empties the block for records of width cells and keeps its memory.
func (b *Block) Reset(width int) {
	b.Data, b.Cells, b.Count, b.Row, b.Line, b.Faults = b.Data[:0], b.Cells[:0], b.Count[:0], b.Row[:0], b.Line[:0], b.Faults[:0]
	b.Width, b.Rows, b.Frame, b.Verbatim = width, 0, nil, false
}

// Cell returns cell c of record r. The slice points into Data.
func (b *Block) Cell(r, c int) []byte {
	s := b.Cells[r*b.Width+c]
	return b.Data[s.Off : s.Off+s.Len : s.Off+s.Len]
}

// AppendRecord adds one record made of cells, copying their text: for decoders whose source is not already laid out as text.
// Cells beyond Width are counted, not kept.
func (b *Block) AppendRecord(row, line int64, cells ...[]byte) {
	for c := range b.Width {
		var s Span
		if c < len(cells) {
			s = Span{uint32(len(b.Data)), uint32(len(cells[c]))}
			b.Data = append(b.Data, cells[c]...)
		}
		b.Cells = append(b.Cells, s)
	}
	b.Count, b.Row, b.Line = append(b.Count, uint32(len(cells))), append(b.Row, row), append(b.Line, line)
	b.Rows++
}

// Full tells whether a decoder should hand the block over.
func (b *Block) Full() bool { return b.Rows >= BlockRows || len(b.Data) >= BlockBytes }
