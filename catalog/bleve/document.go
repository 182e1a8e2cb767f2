package bleve

import (
	"fmt"
	"strings"

	"grenier/catalog"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/analysis/analyzer/custom"
	"github.com/blevesearch/bleve/v2/analysis/tokenizer/whitespace"
	"github.com/blevesearch/bleve/v2/mapping"
)

// The fields that are searched. Package catalog has read the texts: what stands here is its words, keys and marks between spaces.
const (
	fieldOwn      = "own"
	fieldFormer   = "former"
	fieldHeads    = "heads"
	fieldCovers   = "covers"
	fieldAreas    = "areas"
	fieldPlaces   = "places" // all keys of the five above: whether a name is known
	fieldMember   = "member"
	fieldTitle    = "title"
	fieldKeywords = "keywords"
	fieldText     = "description"
	fieldInTitle  = "title_marks"
	fieldSubject  = "subject_marks"
	fieldInText   = "description_marks"
	fieldYears    = "years"
	fieldCard     = "card" // what ranking needs, see card
)

// words is the analyzer of a text that is already read.
const words = "grenier_words"

// entryOf is what is indexed of a dataset.
func entryOf(d *catalog.Dataset) map[string]any {
	e := catalog.EntryOf(d)
	join := func(lists ...[]string) string {
		var parts []string
		for _, l := range lists {
			parts = append(parts, l...)
		}
		return strings.Join(parts, " ")
	}
	entry := map[string]any{
		fieldOwn: join(e.Own), fieldFormer: join(e.Former), fieldHeads: join(e.Heads), fieldCovers: join(e.Covers), fieldAreas: join(e.Areas),
		fieldPlaces: join(e.Own, e.Former, e.Heads, e.Covers, e.Areas), fieldMember: join(e.Member), fieldTitle: join(e.Title), fieldKeywords: join(e.Keywords),
		fieldText: join(e.Description), fieldInTitle: join(e.TitleMarks), fieldSubject: join(e.SubjectMarks), fieldInText: join(e.DescriptionMarks),
		fieldYears: join(e.Years), fieldCard: card(d, &e),
	}
	catalog.AddFacets(entry, d)
	return entry
}

// card writes what ranking needs of a dataset as one term.
func card(d *catalog.Dataset, e *catalog.Entry) string {
	series := 0
	if e.Series {
		series = 1
	}
	return fmt.Sprintf("%s %d %.3f %d %d", d.ID, e.Modified.Unix(), e.Quality, min(e.Length, 99), series)
}

// document maps an entry. It is static: nothing is indexed that is not named here, and nothing is stored.
func document() mapping.IndexMapping {
	m := bleve.NewIndexMapping()
	must(m.AddCustomAnalyzer(words, map[string]any{"type": custom.Name, "tokenizer": whitespace.Name}))
	d := bleve.NewDocumentStaticMapping()
	for _, name := range []string{fieldOwn, fieldFormer, fieldHeads, fieldCovers, fieldAreas, fieldPlaces, fieldMember, fieldTitle, fieldKeywords, fieldText,
		fieldInTitle, fieldSubject, fieldInText, fieldYears} {
		f := bleve.NewTextFieldMapping()
		f.Analyzer, f.Store, f.IncludeInAll, f.IncludeTermVectors, f.DocValues, f.SkipFreqNorm = words, false, false, false, false, true
		d.AddFieldMappingsAt(name, f)
	}
	for _, name := range columnFields() {
		f := bleve.NewKeywordFieldMapping()
		f.Store, f.IncludeInAll, f.IncludeTermVectors, f.DocValues, f.SkipFreqNorm = false, false, false, true, true
		d.AddFieldMappingsAt(name, f)
	}
	m.DefaultMapping = d
	m.DefaultAnalyzer = words
	return m
}

// columnFields are the fields that are read by dataset: one for each facet, then the card.
func columnFields() (names []string) {
	for _, k := range catalog.FacetKinds {
		names = append(names, k.CountField())
	}
	return append(names, fieldCard)
}

// must is for mappings that only a programmer can get wrong.
func must(err error) {
	if err != nil {
		panic("bleve: " + err.Error())
	}
}
