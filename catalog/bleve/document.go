package bleve

import (
	"strings"

	"grenier/catalog"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/analysis/analyzer/custom"
	"github.com/blevesearch/bleve/v2/analysis/char/asciifolding"
	"github.com/blevesearch/bleve/v2/analysis/lang/fr"
	"github.com/blevesearch/bleve/v2/analysis/token/lowercase"
	"github.com/blevesearch/bleve/v2/analysis/token/stop"
	"github.com/blevesearch/bleve/v2/analysis/tokenizer/unicode"
	"github.com/blevesearch/bleve/v2/analysis/tokenmap"
	"github.com/blevesearch/bleve/v2/mapping"
)

// The two ways to read text. Elision comes after lower case, or « L’école » keeps its article; accents are folded first of all.
const (
	stemmed = "grenier_stem"
	exact   = "grenier_exact"
)

// entryOf is what is indexed of a dataset.
func entryOf(d *catalog.Dataset) map[string]any {
	keywords := strings.Join(d.Keywords, ", ") + ", " + strings.ReplaceAll(d.SchemaName, "/", " ")
	e := map[string]any{
		"title": d.Title, "keywords": keywords, "member": d.Member.Name, "description": d.Description, "modified": float64(d.Modified.Unix()),
		"exact": strings.Join([]string{d.Title, d.Member.Name, keywords}, " \n "), // every word once more, unstemmed: for beginnings and typing errors
	}
	catalog.AddFacets(e, d)
	return e
}

// document maps an entry. It is static: nothing is indexed that is not named here, and nothing is stored.
func document() mapping.IndexMapping {
	m := bleve.NewIndexMapping()
	must(m.AddCustomTokenMap("stop_fold", map[string]any{"type": tokenmap.Name, "tokens": foldedStopWords()}))
	must(m.AddCustomTokenFilter("stop_fold", map[string]any{"type": stop.Name, "stop_token_map": "stop_fold"}))
	base := []string{lowercase.Name, fr.ElisionName, "stop_fold"}
	analyzer := func(name string, filters ...string) {
		must(m.AddCustomAnalyzer(name, map[string]any{
			"type": custom.Name, "char_filters": []string{asciifolding.Name}, "tokenizer": unicode.Name, "token_filters": append(append([]string{}, base...), filters...),
		}))
	}
	analyzer(stemmed, fr.LightStemmerName)
	analyzer(exact)
	d := bleve.NewDocumentStaticMapping()
	for _, name := range []string{"title", "keywords", "member", "description"} {
		d.AddFieldMappingsAt(name, text(stemmed))
	}
	d.AddFieldMappingsAt("exact", text(exact))
	for _, k := range catalog.FacetKinds {
		f := bleve.NewKeywordFieldMapping()
		f.Store, f.IncludeInAll, f.IncludeTermVectors, f.DocValues = false, false, false, true
		d.AddFieldMappingsAt(k.FilterField(), f)
		d.AddFieldMappingsAt(k.CountField(), f)
	}
	n := bleve.NewNumericFieldMapping()
	n.Store, n.IncludeInAll, n.DocValues = false, false, true
	d.AddFieldMappingsAt("modified", n)
	m.DefaultMapping = d
	m.DefaultAnalyzer = stemmed
	return m
}

func text(analyzer string) *mapping.FieldMapping {
	f := bleve.NewTextFieldMapping()
	f.Analyzer, f.Store, f.IncludeInAll, f.IncludeTermVectors, f.DocValues = analyzer, false, false, false, false
	return f
}

// foldedStopWords are French stop words as they look after folding, and the field's own empty words.
func foldedStopWords() (words []any) {
	list := strings.Fields(`au aux avec ce ces dans de des du elle en et eux il ils je la le les leur leurs lui ma mais me meme mes moi mon ne nos notre
		nous on ou par pas pour qu que qui sa se ses son sur ta te tes toi ton tu un une vos votre vous c d j l m n s t y est sont`)
	for _, w := range list {
		words = append(words, w)
	}
	return words
}

// must is for mappings that only a programmer can get wrong.
func must(err error) {
	if err != nil {
		panic("bleve: " + err.Error())
	}
}
