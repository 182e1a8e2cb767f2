package catalog

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// An Entry is a dataset as every index keeps it: the words are those that Units makes of a search. Keys are PlaceKeys, marks those of concepts.
type Entry struct {
	Own, Former, Heads, Covers, Areas          []string // keys of places, see EntryFields
	Member, Title, Keywords, Description       []string // words: names unstemmed, the rest stemmed
	TitleMarks, SubjectMarks, DescriptionMarks []string
	Years                                      []string // that the data is about
	Modified                                   time.Time
	Quality                                    float64 // from 0 to 1
	Length                                     int     // words of the title that name neither the member nor a year
	Series                                     bool
}

// EntryOf is what is indexed of a dataset.
func EntryOf(d *Dataset) Entry {
	r := reachOf(&d.Member)
	member := Words(d.Member.Name)
	title := Words(d.Title)
	e := Entry{
		Own: r.own, Former: r.former, Heads: r.heads, Covers: r.covers, Areas: r.areas,
		Member: Texts(member), Title: Stems(title), Description: Stems(Words(d.Description)), Years: years(d), Modified: d.Modified, Quality: qualityOf(d), Series: d.IsSeries(),
	}
	_, name, _ := strings.Cut(d.SchemaName, "/")
	for _, k := range append(slices.Clone(d.Keywords), name) {
		e.Keywords = append(e.Keywords, Stems(Words(k))...)
		e.SubjectMarks = subjects().named(e.SubjectMarks, Stems(Words(k)))
	}
	for _, c := range subjects().of(d.SchemaName) {
		e.SubjectMarks = subjects().mark(e.SubjectMarks, c)
	}
	e.TitleMarks = subjects().named(nil, e.Title)
	e.DescriptionMarks = subjects().named(nil, e.Description)
	own, _, _ := strings.Cut(d.Title, "(") // what stands between parentheses is an aside
	for _, w := range Words(own) {
		if !slices.Contains(e.Member, w.Text) && !isYear(w.Text) {
			e.Length++
		}
	}
	return e
}

func isYear(w string) bool {
	return len(w) == 4 && (w[:2] == "19" || w[:2] == "20") && strings.Trim(w, "0123456789") == ""
}

// years are those of the period that the data covers, at most thirty.
func years(d *Dataset) (list []string) {
	if len(d.TemporalFrom) < 4 || len(d.TemporalTo) < 4 || !isYear(d.TemporalFrom[:4]) || !isYear(d.TemporalTo[:4]) {
		return nil
	}
	from, _ := strconv.Atoi(d.TemporalFrom[:4])
	to, _ := strconv.Atoi(d.TemporalTo[:4])
	for y := max(from, to-29); y <= to; y++ {
		list = append(list, strconv.Itoa(y))
	}
	return list
}

// qualityOf is how far a reader can trust what is online, from 0 to 1: nothing rejected, the schema kept, the source alive.
func qualityOf(d *Dataset) float64 {
	q := 1.0
	if !d.Valid {
		q -= 0.2
	}
	if all := d.Rows + d.Rejected; all > 0 {
		q -= 0.3 * min(1, 4*float64(d.Rejected)/float64(all))
	}
	switch d.Status {
	case DatasetStale:
		q -= 0.4
	case DatasetHeld:
		q -= 0.2
	}
	return max(q, 0)
}
