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

// An entry is what is indexed of a dataset. Facet fields hold what Query filters by; their …Label twins carry the name too.
type entry struct {
	Title       string   `json:"title"`
	Keywords    string   `json:"keywords"`
	Member      string   `json:"member"`
	Description string   `json:"description"`
	Exact       string   `json:"exact"` // every word once more, unstemmed: for beginnings and typing errors
	FMember     string   `json:"f_member"`
	FSchema     string   `json:"f_schema"`
	FTheme      []string `json:"f_theme"`
	FFormat     []string `json:"f_format"`
	FTerritory  string   `json:"f_territory"`
	FKind       string   `json:"f_kind"`
	LMember     string   `json:"l_member"`
	LTerritory  string   `json:"l_territory"`
	Modified    float64  `json:"modified"`
}

// separator stands between value and label in the label fields.
const separator = "\x1f"

func entryOf(d *catalog.Dataset) entry {
	e := entry{
		Title: d.Title, Keywords: strings.Join(d.Keywords, ", ") + ", " + strings.ReplaceAll(d.SchemaName, "/", " "), Member: d.Member.Name, Description: d.Description,
		FMember: d.Member.SIREN, FSchema: d.SchemaName, FTheme: d.Themes, FTerritory: d.Member.INSEE, FKind: string(d.Member.Kind),
		LMember: d.Member.SIREN + separator + d.Member.Name, Modified: float64(d.Modified.Unix()),
	}
	if e.FSchema == "" {
		e.FSchema = "-"
	}
	if d.Member.INSEE != "" {
		e.LTerritory = d.Member.INSEE + separator + d.Member.Name
	}
	for _, f := range d.Files {
		e.FFormat = append(e.FFormat, f.Format)
	}
	e.Exact = strings.Join([]string{e.Title, e.Member, e.Keywords}, " \n ")
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
	for _, name := range []string{"f_member", "f_schema", "f_theme", "f_format", "f_territory", "f_kind", "l_member", "l_territory"} {
		f := bleve.NewKeywordFieldMapping()
		f.Store, f.IncludeInAll, f.IncludeTermVectors, f.DocValues = false, false, false, true
		d.AddFieldMappingsAt(name, f)
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
