package catalog

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

//go:embed synonyms.tsv
var synonyms string

// A Concept is a subject that people call by several names. Indexes keep its Mark with each dataset that names it one way or another, and look for the
// mark when a search does: « DECP » finds « marchés publics ».
type Concept struct {
	Name    string
	Wider   []string // subjects that it is part of
	Schemas []string // "scdl/subventions": the schemas whose files are about it
}

// Mark is the word that stands for the concept in an index: no text holds it.
func (c *Concept) Mark() string { return conceptMark(c.Name) }

// WiderConcepts are the subjects that the concept is part of.
func (c *Concept) WiderConcepts() (list []*Concept) {
	for _, w := range c.Wider {
		list = append(list, subjects().concepts[w])
	}
	return list
}

func conceptMark(name string) string { return "zz" + name }

// An expression is one way to name a concept.
type expression struct {
	stems   []string
	concept *Concept
	asked   bool // understood in searches only
}

// A lexicon knows the concepts by name, by schema, and their expressions by first stem, longest first.
type lexicon struct {
	concepts map[string]*Concept
	bySchema map[string][]*Concept
	byFirst  map[string][]expression
}

// subjects is the lexicon of synonyms.tsv. The file is part of the program: a fault in it is a fault of who built it.
var subjects = sync.OnceValue(func() *lexicon {
	l, err := readLexicon(synonyms)
	if err != nil {
		panic("catalog: synonyms.tsv: " + err.Error())
	}
	return l
})

func readLexicon(text string) (*lexicon, error) {
	l := &lexicon{concepts: map[string]*Concept{}, bySchema: map[string][]*Concept{}, byFirst: map[string][]expression{}}
	n := 0
	for line := range strings.Lines(text) {
		n++
		if line = strings.TrimRight(line, "\r\n"); line == "" || line[0] == '#' {
			continue
		}
		if err := l.add(strings.Split(line, "\t")); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	for _, c := range l.concepts {
		for _, w := range c.Wider {
			if l.concepts[w] == nil {
				return nil, fmt.Errorf("%s is part of %q, which is not there", c.Name, w)
			}
		}
	}
	for _, list := range l.byFirst {
		slices.SortStableFunc(list, func(a, b expression) int { return len(b.stems) - len(a.stems) })
	}
	return l, nil
}

func (l *lexicon) add(cells []string) error {
	if len(cells) != 4 || cells[0] == "" || strings.Trim(cells[0], "abcdefghijklmnopqrstuvwxyz") != "" {
		return fmt.Errorf("%q: four cells are wanted, the first of small letters", cells)
	}
	c := &Concept{Name: cells[0], Wider: splitCells(cells[1]), Schemas: splitCells(cells[2])}
	if l.concepts[c.Name] != nil {
		return fmt.Errorf("%s is there twice", c.Name)
	}
	l.concepts[c.Name] = c
	for _, s := range c.Schemas {
		l.bySchema[s] = append(l.bySchema[s], c)
	}
	for _, text := range splitCells(cells[3]) {
		text, asked := strings.CutPrefix(text, "?")
		stems := Stems(Words(text))
		if len(stems) == 0 {
			return fmt.Errorf("%q has no word", text)
		}
		l.byFirst[stems[0]] = append(l.byFirst[stems[0]], expression{stems, c, asked})
	}
	return nil
}

func splitCells(cell string) (list []string) {
	for part := range strings.SplitSeq(cell, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// of lists the widest concepts of a schema: a file of the schema « budget » need not be a « budget primitif ».
func (l *lexicon) of(schema string) (list []*Concept) {
	all := l.bySchema[schema]
	for _, c := range all {
		if !slices.ContainsFunc(all, func(o *Concept) bool { return slices.Contains(c.Wider, o.Name) }) {
			list = append(list, c)
		}
	}
	return list
}

// NearSubjects finds the concepts that one word names once its typing errors are mended: those with the fewest.
func NearSubjects(w Word) (list []*Concept) {
	best := Errors(w.Text) + 1
	for first, all := range subjects().byFirst {
		d, ok := Distance(w.Stem, first, best)
		if !ok || d == 0 || d > Errors(w.Text) {
			continue
		}
		for _, e := range all {
			if len(e.stems) > 1 {
				continue
			}
			if d < best {
				best, list = d, nil
			}
			if !slices.Contains(list, e.concept) {
				list = append(list, e.concept)
			}
		}
	}
	return list
}

// at finds the concepts that the longest expression at the beginning of stems names, and how many words it has.
func (l *lexicon) at(stems []string, asked bool) (found []*Concept, length int) {
	for _, e := range l.byFirst[stems[0]] {
		if len(e.stems) < length {
			break
		}
		if e.asked && !asked || len(e.stems) > len(stems) || !slices.Equal(e.stems, stems[:len(e.stems)]) {
			continue
		}
		length = len(e.stems)
		if !slices.Contains(found, e.concept) { // « adresse, adresses »
			found = append(found, e.concept)
		}
	}
	return found, length
}

// named adds to marks those of all concepts that a text names, and of the wider ones.
func (l *lexicon) named(marks []string, stems []string) []string {
	for i := 0; i < len(stems); {
		found, length := l.at(stems[i:], false)
		for _, c := range found {
			marks = l.mark(marks, c)
		}
		i += max(length, 1)
	}
	return marks
}

// mark adds the marks of a concept and of the wider ones.
func (l *lexicon) mark(marks []string, c *Concept) []string {
	if !slices.Contains(marks, c.Mark()) {
		marks = append(marks, c.Mark())
		for _, w := range c.Wider {
			marks = l.mark(marks, l.concepts[w])
		}
	}
	return marks
}

// Synonyms are the marks and words to look for in place of each expression, for an index that is told once: what Plain writes, and what it stands for.
func Synonyms() map[string][]string {
	all := map[string][]string{}
	for _, list := range subjects().byFirst {
		for _, e := range list {
			found, _ := subjects().at(e.stems, true)
			to := []string{strings.Join(e.stems, " ")}
			for _, c := range found {
				to = subjects().mark(to, c)
			}
			all[expressionMark(e.stems)] = to
		}
	}
	return all
}

func expressionMark(stems []string) string { return "zq" + strings.Join(stems, "") }

// Plain writes a search for such an index: its words as entries have them, and for each expression its mark. The second result is how many parts it has.
func Plain(text string) (string, int) {
	var out []string
	units := Units(text, nil)
	for _, u := range units {
		if len(u.Concepts) > 0 {
			out = append(out, expressionMark(Stems(u.Words)))
			continue
		}
		out = append(out, u.Words[0].Stem)
	}
	return strings.Join(out, " "), len(units)
}

// A Subject is a part of a search that names one or more concepts.
type Subject struct {
	Text     string // the words, folded
	Concepts []*Concept
}

// SubjectsOf finds what a search is about, in the order of its words.
func SubjectsOf(text string) (list []Subject) {
	for _, u := range unitsOf(Words(text), nil) {
		if len(u.Concepts) > 0 {
			list = append(list, Subject{strings.Join(Texts(u.Words), " "), u.Concepts})
		}
	}
	return list
}

// A Unit is one part of a search: a word, an expression, the name of a place.
type Unit struct {
	Words    []Word
	Place    string     // key of the place that it is the whole name of, ""
	Concepts []*Concept // that it names
	Weak     bool       // may be missing
}

// Units divides a search into its parts, the longest first: a name that isPlace knows, then the expressions of the field, then words. isPlace is asked
// for keys as PlaceKey makes them; nil knows none. A search of weak words alone has no weak ones.
func Units(text string, isPlace func(key string) bool) []Unit {
	return unitsOf(Words(text), isPlace)
}

// maxUnits is how many parts of a search count: what comes behind is not looked at.
const maxUnits = 16

func unitsOf(words []Word, isPlace func(key string) bool) (units []Unit) {
	stems := Stems(words)
	weak := 0
	for i := 0; i < len(words) && len(units) < maxUnits; {
		concepts, length := subjects().at(stems[i:], true)
		key, named := longestPlace(words[i:], isPlace)
		u := Unit{Words: words[i : i+max(length, named, 1)]}
		if named >= length {
			u.Place = key
		}
		if length >= named {
			u.Concepts = concepts
		}
		if len(u.Words) == 1 && u.Place == "" && u.Concepts == nil && weakWords[u.Words[0].Stem] {
			u.Weak = true
			weak++
		}
		i += len(u.Words)
		units = append(units, u)
	}
	for i := range units {
		units[i].Weak = units[i].Weak && weak < len(units)
	}
	return units
}

// longestPlace finds the longest name of a place at the beginning of words.
func longestPlace(words []Word, isPlace func(key string) bool) (key string, length int) {
	if isPlace == nil {
		return "", 0
	}
	for n := min(len(words), maxPlaceWords); n > 0; n-- {
		if key := placeKey(words[:n]); isPlace(key) {
			return key, n
		}
	}
	return "", 0
}
