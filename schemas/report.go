package schemas

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// MaxIssues is how many issues a report details by default; counts are never capped.
const MaxIssues = 1000

// MaxCell is how many bytes of an offending cell an issue quotes.
const MaxCell = 200

// An Issue is one fault, worded in French for the member who must mend it.
type Issue struct {
	Type       string  `json:"type"`                 // code of the validation specification: "type-error", "french-siret-value"…
	Constraint string  `json:"constraint,omitempty"` // with "constraint-error": "required", "pattern"…
	Document   string  `json:"document,omitempty"`   // name of the document, when the source has several
	Row        int64   `json:"row,omitempty"`        // record in the document, header = 1; 0 for the header or the whole table
	Line       int64   `json:"line,omitempty"`       // physical line on which the record starts, 0 when the syntax has none
	Field      string  `json:"field,omitempty"`      // column name, "" when the whole record is at fault
	Column     int     `json:"column,omitempty"`     // position in the file, from 1
	Cell       string  `json:"cell,omitempty"`       // the offending text, cut at MaxCell bytes
	Message    string  `json:"message"`              // says what is wrong
	Hint       string  `json:"hint,omitempty"`       // says what would be right
	Repair     *string `json:"repair"`               // always null without a repair
}

// A Count is how often one kind of fault was met in one column.
type Count struct {
	Type  string `json:"type"`
	Field string `json:"field,omitempty"`
	Count int64  `json:"count"`
}

// SourceInfo says how a document was read.
type SourceInfo struct {
	Format    string  `json:"format"`              // "csv", "xlsx", "json", "decp"…
	Encoding  string  `json:"encoding,omitempty"`  // "utf-8", "windows-1252"…
	Delimiter string  `json:"delimiter,omitempty"` // ",", ";", "\t", "|"
	LineBreak string  `json:"linebreak,omitempty"` // "lf", "crlf" or "cr"; "" when it is not known
	Bytes     int64   `json:"bytes"`
	Sheet     *string `json:"sheet"`
	HeaderRow int     `json:"header_row,omitempty"` // physical line of the header, from 1
}

// Stats are the totals of a report. Rows = Accepted + Rejected.
type Stats struct {
	Rows     int64   `json:"rows"`
	Accepted int64   `json:"accepted"`
	Rejected int64   `json:"rejected"`
	Errors   int64   `json:"errors"`
	Warnings int64   `json:"warnings"`
	Repairs  int64   `json:"repairs"`
	Seconds  float64 `json:"seconds"`
}

// A Repair is one kind of mending that was done, with how often and a sample.
type Repair struct {
	Op     string        `json:"op"`
	Field  string        `json:"field,omitempty"`
	Count  int64         `json:"count"`
	Sample *RepairSample `json:"sample,omitempty"`
}

// A RepairSample shows one cell before and after.
type RepairSample struct {
	Row    int64  `json:"row"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// A Report is the verdict on one table, in the shape of INTERFACE section 2. Add, Warn and Merge keep the
// counts; it is used by one goroutine at a time.
type Report struct {
	Schema      string     `json:"schema"`
	Version     string     `json:"version"`
	Rules       string     `json:"rules,omitempty"` // that judged in the schema's place: "bal/1.4"
	File        string     `json:"file"`
	SHA256      string     `json:"sha256"`
	Fingerprint string     `json:"fingerprint"`
	Valid       bool       `json:"valid"` // set by Finish
	Source      SourceInfo `json:"source"`
	Stats       Stats      `json:"stats"`
	Counts      []Count    `json:"counts"`
	Errors      []Issue    `json:"errors"`
	Warnings    []Issue    `json:"warnings"`
	Repairs     []Repair   `json:"repairs"`
	Causes      []Cause    `json:"causes"` // the errors grouped, most frequent first; set by Finish

	Recognition *Recognition `json:"recognition,omitempty"` // when the schema was recognised from the content

	Max      int    `json:"-"` // details kept; 0 is MaxIssues
	Language string `json:"-"` // of the messages: "fr" (also when empty) or "en"
	// Translate, when it is not nil, gives the English of sentences that other packages wrote in French: those of decoders.
	Translate func(french string) string `json:"-"`
	Each      func(Issue)                `json:"-"` // told of every error, also beyond Max; may be nil

	counts map[Count]*int64 // Count here has Count = 0
	causes causes
}

// NewReport begins the report of a table judged against s.
func NewReport(s *Schema) *Report {
	return &Report{Schema: s.ID.Name(), Version: s.ID.Version(), Rules: s.Rules, Counts: []Count{}, Errors: []Issue{}, Warnings: []Issue{}, Repairs: []Repair{}, Causes: []Cause{}}
}

// Add counts an error and keeps its detail while there is room.
func (r *Report) Add(i Issue) {
	r.count(&i, 0)
	r.detail(i)
}

// detail tells of an error that was counted.
func (r *Report) detail(i Issue) {
	if r.Each != nil {
		r.Each(i)
	}
	if len(r.Errors) < r.max() {
		r.Errors = append(r.Errors, i)
	}
}

// full tells whether nobody wants the words of further errors.
func (r *Report) full() bool { return len(r.Errors) >= r.max() && r.Each == nil }

// Warn keeps a warning: it never makes a table invalid.
func (r *Report) Warn(i Issue) {
	r.Stats.Warnings++
	if len(r.Warnings) < r.max() {
		r.Warnings = append(r.Warnings, i)
	}
}

func (r *Report) max() int {
	if r.Max > 0 {
		return r.Max
	}
	return MaxIssues
}

// Finish orders the counts, most frequent first, settles Valid and the fingerprint. r.SHA256 must be set before.
func (r *Report) Finish() {
	r.Counts = r.Counts[:0]
	for c, n := range r.counts {
		c.Count = *n
		r.Counts = append(r.Counts, c)
	}
	slices.SortFunc(r.Counts, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Field, b.Field))
	})
	r.finishCauses()
	r.Valid = r.Stats.Errors == 0
	judge := r.Schema + "@" + r.Version
	if r.Rules != "" {
		judge += "+" + r.Rules
	}
	r.Fingerprint = Fingerprint(r.SHA256, ID(judge))
}

// Fingerprint depends on the input's bytes (their SHA-256, hexadecimal), the schema and the rules' version only, so the same
// bytes have the same fingerprint through every door.
func Fingerprint(sha256hex string, id ID) string {
	h := sha256.Sum256([]byte(sha256hex + "\n" + string(id) + "\n" + RulesVersion))
	return hex.EncodeToString(h[:16])
}
