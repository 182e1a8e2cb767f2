package schemas

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// A Candidate is a schema that a document may be of.
type Candidate struct {
	ID    ID      `json:"id"`
	Title string  `json:"title"`
	Score float64 `json:"score"` // 0 to 1
	Why   string  `json:"why"`   // a French sentence
}

// A Recognition is how the schema of a report was found, when nobody named it.
type Recognition struct {
	Candidates []Candidate `json:"candidates"`      // best first
	Dress      []string    `json:"dress,omitempty"` // what is particular to the file's form, in French sentences
}

// A Sample is the beginning of a document, as far as recognising it needs.
type Sample struct {
	Name   string       // of the file: it settles ties only
	Labels []string     // of the columns, when the document can be read as a table
	Rows   *Block       // the first records under Labels; may be nil
	Parts  []SamplePart // of a JSON or XML document: where its values are
	Layout ID           // the version that the structure tells, when it does
}

// A SamplePart is a list or an object of a document.
type SamplePart struct {
	Path    string   // dotted, "" is the whole document
	List    bool     // else one object
	Records [][]byte // JSON texts
}

// Labels lists the column names of every table schema of the set, without doubles: what decoders look for in a document whose schema is not
// known yet.
func (s *Set) Labels() []string { return s.lexicon().spelt }

// Recognize names the schemas that a document is likely to be of, best first and each once, with the newest version that accepts most of it.
// With only, no other schema is thought of, and the first of the answer is its version. What nothing speaks for is left out.
//
// A table is recognised by its labels, those few schemas have counting most, then by what the best candidates accept of its records; any other
// document by where its records are, the names of their members, and what is accepted.
func (s *Set) Recognize(x Sample, only string) []Candidate {
	l := s.lexicon()
	if len(x.Parts) > 0 {
		l.documents()
	}
	var list []*likeness
	for _, v := range l.versions {
		if only != "" && v.ID.Name() != only {
			continue
		}
		k := &likeness{schema: v, layout: v.ID == x.Layout}
		if v.Form == Table && len(x.Labels) > 0 {
			k.labels(l, x.Labels)
		} else if v.Form == Document && len(x.Parts) > 0 {
			k.members(l, x.Parts)
		}
		if k.structure >= leastStructure {
			list = append(list, k)
		}
	}
	list = promising(list)
	for _, k := range list {
		k.judge(x)
	}
	return ranked(list, x.Name)
}

const (
	leastStructure = 0.04
	judgedNames    = 6    // schemas whose rules are tried on the records
	nearLabel      = 0.9  // what a label counts that is right but for case, accents or spaces
	unknownLabel   = 0.5  // what a label weighs that no schema has
	shownNames     = 5    // candidates in the answer
	tie            = 0.01 // scores that differ by less are settled by the file's name
)

// A lexicon says how telling each name is: how few of the schemas have it.
type lexicon struct {
	versions []*Schema
	spelt    []string           // the labels of tables as they are written, sorted
	labels   map[string]float64 // weight of a table's label, by its key

	once    sync.Once          // the rest is only wanted for documents, and needs their schemas compiled
	members map[string]float64 // weight of a member of JSON records
	vocab   map[ID]*vocabulary
}

// lexicon reads every version of every schema, once.
func (s *Set) lexicon() *lexicon {
	s.lexiconOnce.Do(func() { s.lex = s.newLexicon() })
	return s.lex
}

func (s *Set) newLexicon() *lexicon {
	l := &lexicon{}
	labels := spread{}
	for _, name := range s.names {
		for _, e := range s.versions[name] {
			v, err := e.read()
			if err != nil {
				continue
			}
			l.versions = append(l.versions, v)
			for i := range v.Fields {
				if v.Form == Table {
					l.spelt = append(l.spelt, v.Fields[i].Name)
					labels.note(labelKey(v.Fields[i].Name), name)
				}
			}
		}
	}
	slices.Sort(l.spelt)
	l.spelt = slices.Compact(l.spelt)
	l.labels = labels.rarity(len(s.names))
	return l
}

// documents reads what the JSON Schemas speak of, once.
func (l *lexicon) documents() {
	l.once.Do(func() {
		l.vocab = map[ID]*vocabulary{}
		members, names := spread{}, map[string]bool{}
		for _, v := range l.versions {
			names[v.ID.Name()] = true
			if v.Form != Document {
				continue
			}
			l.vocab[v.ID] = newVocabulary(v)
			for member := range l.vocab[v.ID].known {
				members.note(member, v.ID.Name())
			}
		}
		l.members = members.rarity(len(names))
	})
}

// A spread says which schemas have each name.
type spread map[string]map[string]bool

func (s spread) note(key, schema string) {
	if s[key] == nil {
		s[key] = map[string]bool{}
	}
	s[key][schema] = true
}

// rarity weighs names between 0 and 1: 1 is one that only one schema has.
func (s spread) rarity(all int) map[string]float64 {
	out := make(map[string]float64, len(s))
	for key, names := range s {
		out[key] = math.Log(1+float64(all)/float64(len(names))) / math.Log(1+float64(all))
	}
	return out
}

// labelKey is a label without what repairs mend: case, accents, spaces and signs between its words.
func labelKey(label string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, fold(label))
}

// A likeness is what speaks for one version of one schema.
type likeness struct {
	schema    *Schema
	names     []string // the sample's labels as the schema writes them
	known     int      // of the sample's labels, those of the schema
	near      int      // of these, those to be written otherwise
	total     int      // labels of the sample
	required  int      // labels that the schema requires
	absent    int      // of these, those missing
	structure float64  // 0 to 1

	records        []placedRecord // of a Document
	inPlace        bool           // whether they are where the schema has them
	layout         bool           // the structure tells this version
	rows, accepted int64
	faults         int64
	score          float64
}

// A placedRecord is one record of a document: its JSON text, and the path that it counts for.
type placedRecord struct {
	path string
	raw  []byte
}

func (k *likeness) add(path string, records [][]byte) {
	for _, raw := range records {
		k.records = append(k.records, placedRecord{path, raw})
	}
}

// labels compares the labels of a table with the fields.
func (k *likeness) labels(l *lexicon, labels []string) {
	s := k.schema
	byKey := map[string]string{}
	for i := len(s.Fields) - 1; i >= 0; i-- {
		byKey[labelKey(s.Fields[i].Name)] = s.Fields[i].Name
	}
	share := map[string]float64{} // of each field, how well a label says it
	for _, label := range labels {
		if s.Field(label) >= 0 {
			share[label] = 1
		}
	}
	var ours, all float64
	k.names, k.total = slices.Clone(labels), len(labels)
	for i, label := range labels {
		key := labelKey(label)
		weight, known := l.labels[key]
		if !known {
			weight = unknownLabel
		}
		all += weight
		name, has := byKey[key]
		switch {
		case s.Field(label) >= 0:
		case has && share[name] == 0:
			share[name], k.names[i] = nearLabel, name
			k.near++
		default:
			continue
		}
		k.known++
		ours += weight * share[k.names[i]]
	}
	if k.known > 0 {
		k.structure = k.weigh(l, share, ours/all)
	}
}

// weigh gathers which of the labels are the schema's, which of those it requires are there, and which of all it has.
func (k *likeness) weigh(l *lexicon, share map[string]float64, ours float64) float64 {
	var required, needed, present, fields float64
	for i := range k.schema.Fields {
		f := &k.schema.Fields[i]
		weight := l.labels[labelKey(f.Name)]
		fields += weight
		present += weight * share[f.Name]
		if f.Constraints.Required || slices.Contains(k.schema.PrimaryKey, f.Name) {
			k.required++
			needed += weight
			required += weight * share[f.Name]
			if share[f.Name] == 0 {
				k.absent++
			}
		}
	}
	whole := present / fields
	need := math.Sqrt(whole)
	if needed > 0 {
		need = required / needed
	}
	return (0.2 + 0.8*need) * (0.6*ours + 0.4*whole)
}

// promising keeps the versions of the schemas whose structure is most like the sample's.
func promising(list []*likeness) []*likeness {
	best := map[string]float64{}
	for _, k := range list {
		best[k.schema.ID.Name()] = max(best[k.schema.ID.Name()], k.structure)
	}
	var names []string
	for name := range best {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(best[b], best[a]), cmp.Compare(a, b)) })
	names = names[:min(judgedNames, len(names))]
	return slices.DeleteFunc(list, func(k *likeness) bool { return !slices.Contains(names, k.schema.ID.Name()) })
}

// judge tries the schema's rules on the records. A schema that does not compile is no likeness at all.
func (k *likeness) judge(x Sample) {
	if _, err := k.schema.ready(); err != nil {
		k.structure = 0
		return
	}
	if k.schema.Form == Document {
		k.judgeRecords()
	} else {
		k.judgeRows(x.Rows)
	}
	k.score = k.structure
	if k.rows == 0 {
		return
	}
	rows := float64(k.accepted) / float64(k.rows)
	if k.schema.Form == Document {
		k.score *= 0.6 + 0.4*rows
		return
	}
	cells := 1 - min(1, float64(k.faults)/float64(k.rows*int64(max(k.known, 1))))
	k.score *= 0.6 + 0.2*rows + 0.2*cells
}

// judgeRows judges the rows of a table, under the labels that a repair would give them.
func (k *likeness) judgeRows(rows *Block) {
	if rows == nil || rows.Rows == 0 {
		return
	}
	c, rep := k.schema.NewChecker(), NewReport(k.schema)
	rep.Max = 1
	k.rows = int64(rows.Rows)
	if !c.Begin(k.names, rep) {
		k.faults = k.rows * int64(len(k.names))
		return
	}
	before := rep.Stats.Errors
	in, out := *rows, Batch{}
	c.Check(&in, &out, rep)
	k.accepted, k.faults = rep.Stats.Accepted, rep.Stats.Errors-before
}

// laxer is by how much of the records an older version must accept more than a newer one to be preferred: of a file with some bad rows, the
// version to name is the one in force, not the one that lets most through.
const laxer = 0.25

// better tells whether k, of an older version, suits the document better than b: its records are where k has them, or it misses fewer required
// columns, or knows more of the labels, or accepts many more of the records, or is the one that the structure tells.
func (k *likeness) better(b *likeness) bool {
	switch gain := k.accepts() - b.accepts(); {
	case k.inPlace != b.inPlace:
		return k.inPlace
	case k.absent != b.absent:
		return k.absent < b.absent
	case k.known != b.known && k.schema.Form == Table:
		return k.known > b.known
	case math.Abs(gain) > laxer:
		return gain > 0
	case k.layout != b.layout:
		return k.layout
	}
	return k.known > b.known
}

func (k *likeness) accepts() float64 { return float64(k.accepted) / float64(max(k.rows, 1)) }

// ranked keeps one version of each schema and orders the schemas. The versions of list come newest first.
func ranked(list []*likeness, file string) (out []Candidate) {
	best := map[string]*likeness{}
	for _, k := range list {
		name := k.schema.ID.Name()
		if k.score > 0 && (best[name] == nil || k.better(best[name])) {
			best[name] = k
		}
	}
	var order []*likeness
	for _, k := range best {
		order = append(order, k)
	}
	slices.SortFunc(order, func(a, b *likeness) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.schema.ID, b.schema.ID))
	})
	if len(order) > 1 && order[0].score-order[1].score < tie && hinted(order[1].schema.ID, file) && !hinted(order[0].schema.ID, file) {
		order[0], order[1] = order[1], order[0]
	}
	for _, k := range order[:min(shownNames, len(order))] {
		out = append(out, Candidate{ID: k.schema.ID, Title: k.schema.Title, Score: math.Round(k.score*1000) / 1000, Why: k.why()})
	}
	return out
}

// hinted tells whether the name of a file speaks of a schema.
func hinted(id ID, file string) bool {
	_, last, _ := strings.Cut(id.Name(), "/")
	last = strings.TrimPrefix(last, "schema-")
	return last != "" && strings.Contains(labelKey(file), labelKey(last))
}

// why says in French what speaks for the schema.
func (k *likeness) why() string {
	var b strings.Builder
	if k.schema.Form == Document {
		fmt.Fprintf(&b, "%s des %s rubriques rencontrées sont celles du schéma", spaced(int64(k.known)), spaced(int64(k.total)))
	} else {
		fmt.Fprintf(&b, "%s des %s colonnes sont celles du schéma", spaced(int64(k.known)), spaced(int64(k.total)))
		if k.near > 0 {
			fmt.Fprintf(&b, ", dont %s à la casse, aux accents ou aux espaces près", spaced(int64(k.near)))
		}
		switch {
		case k.absent == 1:
			b.WriteString(" ; une colonne obligatoire manque")
		case k.absent > 1:
			fmt.Fprintf(&b, " ; %s colonnes obligatoires manquent", spaced(int64(k.absent)))
		}
	}
	switch {
	case k.rows > 1:
		fmt.Fprintf(&b, " ; %s des %s premiers enregistrements lui sont conformes", spaced(k.accepted), spaced(k.rows))
	case k.rows == 1 && k.accepted == 1:
		b.WriteString(" ; l’enregistrement lu lui est conforme")
	case k.rows == 1:
		b.WriteString(" ; l’enregistrement lu ne lui est pas conforme")
	}
	return strings.ReplaceAll(b.String(), " ;", nbsp+";") + "."
}

// spaced writes 12345 as « 12 345 », with narrow no-break spaces.
func spaced(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// A vocabulary is the member names that a JSON Schema speaks of.
type vocabulary struct {
	known map[string]bool
}

func newVocabulary(s *Schema) *vocabulary {
	v := &vocabulary{known: map[string]bool{}}
	if p, err := s.ready(); err == nil {
		v.learn(p.document.root)
	}
	return v
}

// learn collects the names under every "properties" of a JSON Schema.
func (v *vocabulary) learn(x any) {
	switch x := x.(type) {
	case []any:
		for _, item := range x {
			v.learn(item)
		}
	case map[string]any:
		for key, item := range x {
			v.learn(item)
			names, ok := item.(map[string]any)
			if key != "properties" || !ok {
				continue
			}
			for name := range names {
				v.known[name] = true
			}
		}
	}
}

// namedRecords is how many records their members' names are read of, judgedRecords how many are judged. Wording what is wrong with one very long
// record takes long, so those are not.
const (
	namedRecords  = 50
	judgedRecords = 200
	judgedBytes   = 64 << 10 // of one record
	judgedInAll   = 1 << 20
)

// members compares the places and the members' names of a document with what the JSON Schema speaks of.
func (k *likeness) members(l *lexicon, places []SamplePart) {
	if !k.find(places) {
		return
	}
	seen := map[string]bool{}
	for _, r := range k.records[:min(namedRecords, len(k.records))] {
		if v, err := parseJSON(r.raw); err == nil {
			collectMembers(seen, v, 0)
		}
	}
	known := l.vocab[k.schema.ID].known
	var ours, all, present, whole float64
	for name := range seen {
		weight, has := l.members[name]
		if !has {
			weight = unknownLabel
		}
		all += weight
		if known[name] {
			k.known++
			ours += weight
		}
	}
	for name := range known {
		whole += l.members[name]
		if seen[name] {
			present += l.members[name]
		}
	}
	k.total = len(seen)
	if ours == 0 || whole == 0 {
		return
	}
	k.structure = 0.7*ours/all + 0.3*math.Sqrt(present/whole)
	if !k.inPlace {
		k.structure *= 0.8
	}
}

// find looks for the records: in the schema's places, else in the list that the document is.
func (k *likeness) find(places []SamplePart) bool {
	for _, r := range k.schema.Records {
		for _, p := range places {
			if p.Path == r.Path && len(p.Records) > 0 {
				k.inPlace = true
				k.add(r.Path, p.Records)
			}
		}
	}
	for _, p := range places {
		if len(k.records) == 0 && p.Path == "" && p.List && len(k.schema.Records) > 0 {
			k.add(k.schema.Records[0].Path, p.Records)
		}
	}
	return len(k.records) > 0
}

// collectMembers collects the names of all members of a value.
func collectMembers(seen map[string]bool, v any, depth int) {
	if depth > 8 {
		return
	}
	switch v := v.(type) {
	case []any:
		for _, item := range v[:min(len(v), namedRecords)] {
			collectMembers(seen, item, depth+1)
		}
	case map[string]any:
		for name, item := range v {
			seen[name] = true
			collectMembers(seen, item, depth+1)
		}
	}
}

// judgeRecords judges the first records of a document.
func (k *likeness) judgeRecords() {
	var b Block
	b.Reset(2)
	for i, r := range k.records[:min(judgedRecords, len(k.records))] {
		if len(r.raw) <= judgedBytes && len(b.Data) < judgedInAll {
			b.AppendRecord(int64(i+1), 0, []byte(r.path), r.raw)
		}
	}
	if b.Rows == 0 {
		return
	}
	c, rep := k.schema.NewChecker(), NewReport(k.schema)
	rep.Max = 1
	c.Begin([]string{"path", "json"}, rep)
	var out Batch
	c.Check(&b, &out, rep)
	k.rows, k.accepted, k.faults = rep.Stats.Rows, rep.Stats.Accepted, rep.Stats.Errors
}
