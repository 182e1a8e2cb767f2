package rehearsal

import (
	"errors"
	"os"
	"slices"
	"sort"
	"strings"
	"testing"
)

// lines writes a graph as sorted N-Triples, for small graphs with at most one blank node a name.
func lines(g *Graph) []string {
	var out []string
	g.Triples(func(t Triple) {
		out = append(out, written(t.Subject)+" <"+t.Predicate+"> "+written(t.Object))
	})
	sort.Strings(out)
	return out
}

// reads wants a document to be some statements, in any order.
func reads(t *testing.T, name string, syntax Syntax, text string, want []string) {
	t.Helper()
	g, err := Parse(syntax, []byte(text), Limits{})
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	sort.Strings(want)
	if got := lines(g); !slices.Equal(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", name, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func written(t Term) string {
	switch t.Kind {
	case IRI:
		return "<" + t.Value + ">"
	case Blank:
		return "_:" + t.Value
	}
	out := `"` + t.Value + `"`
	if t.Lang != "" {
		return out + "@" + t.Lang
	}
	if t.Datatype != "" {
		return out + "^^<" + t.Datatype + ">"
	}
	return out
}

func TestTurtle_ReadsEveryPartOfTheGrammar(t *testing.T) {
	const head = "@prefix : <http://e/> .\n@prefix p.q: <http://q/#> .\n@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .\n"
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"empty":                      {"", nil},
		"comment only":               {"# rien", nil},
		"byte order mark":            {"\uFEFF<http://a> <http://b> <http://c> .", []string{"<http://a> <http://b> <http://c>"}},
		"no space":                   {`<http://a><http://b>"c".`, []string{`<http://a> <http://b> "c"`}},
		"a":                          {head + ":s a :C .", []string{"<http://e/s> <" + rdfType + "> <http://e/C>"}},
		"name that begins with a":    {head + ":s :p :a ; :abc :d .", []string{"<http://e/s> <http://e/abc> <http://e/d>", "<http://e/s> <http://e/p> <http://e/a>"}},
		"same twice":                 {head + ":s :p :o, :o .", []string{"<http://e/s> <http://e/p> <http://e/o>"}},
		"lists of both":              {head + ":s :p :a , :b ; :q :c ;; .", []string{"<http://e/s> <http://e/p> <http://e/a>", "<http://e/s> <http://e/p> <http://e/b>", "<http://e/s> <http://e/q> <http://e/c>"}},
		"sparql directives":          {"prefix z: <http://z/>\nBASE <http://b/c>\nz:s z:p <d>, <#e>, <> .", []string{"<http://z/s> <http://z/p> <http://b/c#e>", "<http://z/s> <http://z/p> <http://b/c>", "<http://z/s> <http://z/p> <http://b/d>"}},
		"base":                       {"@base <http://b/x/y> . <../z> <http://p> <//h/i> .", []string{"<http://b/z> <http://p> <http://h/i>"}},
		"prefix on the base":         {"@base <http://b/x/> . @prefix v: <v#> . v:a v:b v:c .", []string{"<http://b/x/v#a> <http://b/x/v#b> <http://b/x/v#c>"}},
		"empty prefix name":          {head + ": :p : .", []string{"<http://e/> <http://e/p> <http://e/>"}},
		"names with signs":           {head + `:a.b-c :d%C3%A9 p.q:x\,y\.z ; :1 :é·x .`, []string{"<http://e/a.b-c> <http://e/1> <http://e/é·x>", "<http://e/a.b-c> <http://e/d%C3%A9> <http://q/#x,y.z>"}},
		"full stop after a name":     {head + ":s :p :o.", []string{"<http://e/s> <http://e/p> <http://e/o>"}},
		"full stop after a label":    {head + "_:x.y :p _:z.", []string{"_:x.y <http://e/p> _:z"}},
		"label with a digit":         {head + "_:0a :p _:_b .", []string{"_:0a <http://e/p> _:_b"}},
		"escapes in addresses":       {`<http://\u00e9/\U0001F600> <http://b> <http://c> .`, []string{"<http://é/😀> <http://b> <http://c>"}},
		"space in an address":        {`<http://a b> <http://b> <http://c|> .`, []string{"<http://a b> <http://b> <http://c|>"}},
		"numbers":                    {head + ":s :p 1, -2.50, +3e4, .5, 6. :s :q 7.e1 .", []string{`<http://e/s> <http://e/p> "+3e4"^^<` + xsd + `double>`, `<http://e/s> <http://e/p> "-2.50"^^<` + xsd + `decimal>`, `<http://e/s> <http://e/p> ".5"^^<` + xsd + `decimal>`, `<http://e/s> <http://e/p> "1"^^<` + xsd + `integer>`, `<http://e/s> <http://e/p> "6"^^<` + xsd + `integer>`, `<http://e/s> <http://e/q> "7.e1"^^<` + xsd + `double>`}},
		"booleans":                   {head + ":s :p true, false .", []string{`<http://e/s> <http://e/p> "false"^^<` + xsd + `boolean>`, `<http://e/s> <http://e/p> "true"^^<` + xsd + `boolean>`}},
		"languages and types":        {head + `:s :p "a"@FR, "b"@en-GB, "c"^^xsd:date, "d"^^xsd:string, "e"^^<http://t> .`, []string{`<http://e/s> <http://e/p> "a"@fr`, `<http://e/s> <http://e/p> "b"@en-gb`, `<http://e/s> <http://e/p> "c"^^<` + xsd + `date>`, `<http://e/s> <http://e/p> "d"`, `<http://e/s> <http://e/p> "e"^^<http://t>`}},
		"escapes in texts":           {head + `:s :p "\t\n\r\b\f\"\'\\\u00E9\U0001F600" .`, []string{"<http://e/s> <http://e/p> \"\t\n\r\b\f\"'\\é😀\""}},
		"long texts":                 {head + `:s :p """a"b""c` + "\n" + `d""""", '''e'f''', '', "", 'g"h' .`, []string{"<http://e/s> <http://e/p> \"\"", "<http://e/s> <http://e/p> \"a\"b\"\"c\nd\"\"\"", "<http://e/s> <http://e/p> \"e'f\"", "<http://e/s> <http://e/p> \"g\"h\""}},
		"nodes inside nodes":         {head + ":s :p [ :q [ :r 1 ] ; ] .", []string{`<http://e/s> <http://e/p> _:.1`, `_:.1 <http://e/q> _:.2`, `_:.2 <http://e/r> "1"^^<` + xsd + `integer>`}},
		"node alone":                 {head + "[ :p :o ] . [] :q :o . [ :r :o ] :t :o .", []string{"_:.1 <http://e/p> <http://e/o>", "_:.2 <http://e/q> <http://e/o>", "_:.3 <http://e/r> <http://e/o>", "_:.3 <http://e/t> <http://e/o>"}},
		"collections":                {head + ":s :p (), (:a) .", []string{"<http://e/s> <http://e/p> <" + rdfNil + ">", "<http://e/s> <http://e/p> _:.1", "_:.1 <" + rdfFirst + "> <http://e/a>", "_:.1 <" + rdfRest + "> <" + rdfNil + ">"}},
		"comments and ends of lines": {head + ":s # un\r\n :p # deux\n :o # trois\n . # <", []string{"<http://e/s> <http://e/p> <http://e/o>"}},
		"relative without base":      {"<x> <http://p> </y/z> .", []string{"<file:///x> <http://p> <file:///y/z>"}},
	} {
		reads(t, name, Turtle, test.text, test.want)
	}
}

func TestTurtle_SaysWhereAPageIsWrong(t *testing.T) {
	for text, at := range map[string][2]int{
		"<http://a> <http://b> ":                                {1, 23},
		"<http://a> <http://b> <http://c>":                      {1, 33},
		"\n <http://a> x:b <http://c> .":                        {2, 13},
		"<http://a> <http://b> \"c\n\" .":                       {1, 25},
		"<http://a> <http://b> \"\"\"c":                         {1, 23},
		"<http://a> <http://b> \"c\"@ .":                        {1, 26},
		"<http://a> <http://b> \"\\x\" .":                       {1, 24},
		"<http://a> <http://b> \"\\uD800\" .":                   {1, 24},
		"<http://a":                                             {1, 1},
		"@prefix e <http://e> .":                                {1, 9},
		"@prefix e: <http://e/>\ne:a e:b e:c .":                 {2, 1},
		"@prefix e: <http://e/> . e:a e:b e:c%4 .":              {1, 37},
		"@prefix e: <http://e/> . \"a\" e:b e:c .":              {1, 26},
		"<http://a> <http://b> [ <http://c> 1 .":                {1, 38},
		"<http://a> <http://b> ( 1":                             {1, 26},
		"<http://a> <http://b> 1e .":                            {1, 25},
		"<http://a> <http://b> - .":                             {1, 23},
		"<http://a> <http://b> truex .":                         {1, 23},
		"@foo <http://a> .":                                     {1, 1},
		"<http://a> _:b <http://c> .":                           {1, 12},
		"<http://a> <http://b> <http://c> <http://d> .":         {1, 34},
		"<http://a> <http://b> \"c\"^^\"d\" .":                  {1, 28},
		"{ <http://a> <http://b> <http://c> }":                  {1, 1},
		"<http://a> <http://b> " + strings.Repeat("[<p:p>", 70): {1, 23 + 6*64},
	} {
		_, err := Parse(Turtle, []byte(text), Limits{})
		var e *SyntaxError
		if !errors.As(err, &e) {
			t.Errorf("%q is read: %v", text, err)
			continue
		}
		if e.Line != at[0] || e.Column != at[1] {
			t.Errorf("%q: %v, want %v", text, e, at)
		}
	}
}

func TestNTriples_TakesNothingOfTurtleBesides(t *testing.T) {
	g, err := Parse(NTriples, []byte("<http://a> <http://b> \"c\\n\"@fr . # oui\n\n_:x <http://b> _:y.\n<http://a> <http://b> \"1\"^^<http://t> ."), Limits{})
	if err != nil || g.Len() != 3 {
		t.Fatal(err)
	}
	for _, text := range []string{"@prefix e: <http://e/> .", "<http://a> a <http://b> .", "<a> <http://b> <http://c> .", "<http://a> <http://b> 1 .", "<http://a> <http://b> <http://c>, <http://d> .", "<http://a> <http://b> 'c' .", "<http://a> <http://b> [] ."} {
		if _, err := Parse(NTriples, []byte(text), Limits{}); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

func TestParse_StopsAtItsLimits(t *testing.T) {
	if _, err := Parse(Turtle, []byte("<http://a> <http://b> 1, 2, 3 ."), Limits{Triples: 2}); err == nil {
		t.Error("three triples are read where two are allowed")
	}
	if _, err := Parse(JSONLD, []byte(`{"http://a/":[1,2,3]}`), Limits{Triples: 2}); err == nil {
		t.Error("three triples are read where two are allowed")
	}
	for _, s := range []Syntax{Turtle, RDFXML, JSONLD, NTriples} {
		if _, err := Parse(s, make([]byte, 11), Limits{Bytes: 10}); err == nil {
			t.Errorf("%s: eleven bytes are read where ten are allowed", s)
		}
	}
	deep := strings.Repeat(`{"http://a/":`, 200) + "1" + strings.Repeat("}", 200)
	if _, err := Parse(JSONLD, []byte(deep), Limits{}); err == nil {
		t.Error("two hundred nodes inside each other are read")
	}
	deep = `<r:RDF xmlns:r="` + rdfNS + `" xmlns:e="http://e/">` + strings.Repeat("<e:N><e:p>", 200) + strings.Repeat("</e:p></e:N>", 200) + "</r:RDF>"
	if _, err := Parse(RDFXML, []byte(deep), Limits{}); err == nil {
		t.Error("two hundred nodes inside each other are read")
	}
}

const xmlHead = `<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE rdf:RDF [<!ENTITY e "http://e/">]><rdf:RDF xmlns:rdf="` + rdfNS + `" xmlns:e="http://e/" xml:base="http://b/c">`

func TestRDFXML_ReadsWhatCataloguesUse(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"typed node":      {`<e:C rdf:about="http://s"><e:p rdf:resource="http://o"/></e:C>`, []string{"<http://s> <" + rdfType + "> <http://e/C>", "<http://s> <http://e/p> <http://o>"}},
		"description":     {`<rdf:Description rdf:about="d"><e:p>x</e:p></rdf:Description>`, []string{`<http://b/d> <http://e/p> "x"`}},
		"entity":          {`<rdf:Description rdf:about="&e;s"><e:p>a &amp; b</e:p></rdf:Description>`, []string{`<http://e/s> <http://e/p> "a & b"`}},
		"languages":       {`<rdf:Description rdf:about="http://s" xml:lang="FR"><e:p>x</e:p><e:p xml:lang="">y</e:p><e:p xml:lang="en">z</e:p></rdf:Description>`, []string{`<http://s> <http://e/p> "x"@fr`, `<http://s> <http://e/p> "y"`, `<http://s> <http://e/p> "z"@en`}},
		"datatype":        {`<rdf:Description rdf:about="http://s" xml:lang="fr"><e:p rdf:datatype="` + xsd + `date">2024-01-01</e:p></rdf:Description>`, []string{`<http://s> <http://e/p> "2024-01-01"^^<` + xsd + `date>`}},
		"node inside":     {`<rdf:Description rdf:about="http://s"><e:p><e:C><e:q>1</e:q></e:C></e:p></rdf:Description>`, []string{"<http://s> <http://e/p> _:.1", "_:.1 <" + rdfType + "> <http://e/C>", `_:.1 <http://e/q> "1"`}},
		"resource":        {`<rdf:Description rdf:about="http://s"><e:p rdf:parseType="Resource"><e:q>1</e:q></e:p></rdf:Description>`, []string{"<http://s> <http://e/p> _:.1", `_:.1 <http://e/q> "1"`}},
		"labels":          {`<rdf:Description rdf:nodeID="x"><e:p rdf:nodeID="y"/></rdf:Description>`, []string{"_:x <http://e/p> _:y"}},
		"attributes":      {`<rdf:Description rdf:about="http://s" e:p="x" rdf:type="http://e/C"/>`, []string{`<http://s> <http://e/p> "x"`, "<http://s> <" + rdfType + "> <http://e/C>"}},
		"own attributes":  {`<rdf:Description rdf:about="http://s"><e:p e:q="x"/></rdf:Description>`, []string{"<http://s> <http://e/p> _:.1", `_:.1 <http://e/q> "x"`}},
		"identifier":      {`<e:C rdf:ID="x"/>`, []string{"<http://b/c#x> <" + rdfType + "> <http://e/C>"}},
		"collection":      {`<rdf:Description rdf:about="http://s"><e:p rdf:parseType="Collection"><rdf:Description rdf:about="http://a"/></e:p></rdf:Description>`, []string{"<http://s> <http://e/p> _:.1", "_:.1 <" + rdfFirst + "> <http://a>", "_:.1 <" + rdfRest + "> <" + rdfNil + ">"}},
		"numbered":        {`<rdf:Seq rdf:about="http://s"><rdf:li>a</rdf:li><rdf:li>b</rdf:li></rdf:Seq>`, []string{"<http://s> <" + rdfNS + `_1> "a"`, "<http://s> <" + rdfNS + `_2> "b"`, "<http://s> <" + rdfType + "> <" + rdfNS + "Seq>"}},
		"literal XML":     {`<rdf:Description rdf:about="http://s"><e:p rdf:parseType="Literal">a <b>c</b></e:p></rdf:Description>`, []string{`<http://s> <http://e/p> "a <b>c</b>"^^<` + rdfNS + `XMLLiteral>`}},
		"comments, CDATA": {`<!-- a --><rdf:Description rdf:about="http://s"><!-- b --><e:p><![CDATA[<x>]]></e:p></rdf:Description>`, []string{`<http://s> <http://e/p> "<x>"`}},
		"another base":    {`<rdf:Description xml:base="http://z/" rdf:about="y"><e:p rdf:resource="x"/></rdf:Description>`, []string{"<http://z/y> <http://e/p> <http://z/x>"}},
		"empty text":      {`<rdf:Description rdf:about="http://s"><e:p/></rdf:Description>`, []string{`<http://s> <http://e/p> ""`}},
	} {
		reads(t, name, RDFXML, xmlHead+test.text+"</rdf:RDF>", test.want)
	}
	g, err := Parse(RDFXML, []byte(`<e:C xmlns:e="http://e/" xmlns:rdf="`+rdfNS+`" rdf:about="http://s"/>`), Limits{})
	if err != nil || g.Len() != 1 {
		t.Errorf("one node as root: %v", err)
	}
}

func TestRDFXML_RefusesWhatIsNone(t *testing.T) {
	for name, text := range map[string]string{
		"control character":  xmlHead + "<e:C e:p=\"a\u000Bb\"/></rdf:RDF>",
		"cut":                xmlHead + "<e:C>",
		"no prefix":          xmlHead + "<z:C/></rdf:RDF>",
		"entity in entity":   `<!DOCTYPE a [<!ENTITY a "&b;"><!ENTITY b "c">]><a/>`,
		"external entity":    `<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><a/>`,
		"text beside":        xmlHead + "<e:C>texte</e:C></rdf:RDF>",
		"two nodes":          xmlHead + "<e:C><e:p><e:D/><e:D/></e:p></e:C></rdf:RDF>",
		"not XML":            "@prefix a: <b> .",
		"nothing":            "",
		"undefined entity":   xmlHead + `<e:C rdf:about="&zz;"/></rdf:RDF>`,
		"resource and value": xmlHead + `<e:C><e:p rdf:resource="http://o"><e:D/></e:p></e:C></rdf:RDF>`,
	} {
		_, err := Parse(RDFXML, []byte(text), Limits{})
		var e *SyntaxError
		if !errors.As(err, &e) || e.Line < 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestJSONLD_ReadsWhatCataloguesUse(t *testing.T) {
	const s = `"@id":"http://s"`
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"plain":            {`{` + s + `,"@type":["http://C"],"http://p/":"x","http://q/":{"@id":"http://o"}}`, []string{"<http://s> <" + rdfType + "> <http://C>", `<http://s> <http://p/> "x"`, "<http://s> <http://q/> <http://o>"}},
		"prefixes":         {`{"@context":{"e":"http://e/","t":"e:title"},` + s + `,"@type":"e:C","t":"x","e:q":{"@value":"y","@language":"FR"}}`, []string{"<http://s> <" + rdfType + "> <http://e/C>", `<http://s> <http://e/title> "x"`, `<http://s> <http://e/q> "y"@fr`}},
		"types of words":   {`{"@context":{"e":"http://e/","xsd":"` + xsd + `","r":{"@id":"e:r","@type":"@id"},"d":{"@id":"e:d","@type":"xsd:date"},"l":{"@id":"e:l","@language":"fr"}},` + s + `,"r":["http://a","e:b"],"d":"2024-01-01","l":"z"}`, []string{"<http://s> <http://e/r> <http://a>", "<http://s> <http://e/r> <http://e/b>", `<http://s> <http://e/d> "2024-01-01"^^<` + xsd + `date>`, `<http://s> <http://e/l> "z"@fr`}},
		"graph":            {`{"@context":{"@vocab":"http://v/","@language":"fr"},"@graph":[{` + s + `,"p":"x"},{"@id":"http://t","p":{"@value":"y"}}]}`, []string{`<http://s> <http://v/p> "x"@fr`, `<http://t> <http://v/p> "y"`}},
		"aliases":          {`{"@context":{"id":"@id","type":"@type","e":"http://e/"},"id":"http://s","type":"e:C","e:p":{"id":"e:o"}}`, []string{"<http://s> <" + rdfType + "> <http://e/C>", "<http://s> <http://e/p> <http://e/o>"}},
		"numbers":          {`{` + s + `,"http://p/":[1,1.5,true,null,10e2]}`, []string{`<http://s> <http://p/> "1"^^<` + xsd + `integer>`, `<http://s> <http://p/> "1.5E0"^^<` + xsd + `double>`, `<http://s> <http://p/> "1.0E3"^^<` + xsd + `double>`, `<http://s> <http://p/> "true"^^<` + xsd + `boolean>`}},
		"typed value":      {`{` + s + `,"http://p/":{"@value":12,"@type":"` + xsd + `nonNegativeInteger"}}`, []string{`<http://s> <http://p/> "12"^^<` + xsd + `nonNegativeInteger>`}},
		"nodes inside":     {`{` + s + `,"http://p/":{"http://q/":{"@id":"_:x"}}}`, []string{"<http://s> <http://p/> _:.1", "_:.1 <http://q/> _:x"}},
		"list":             {`{` + s + `,"http://p/":{"@list":["a"]}}`, []string{"<http://s> <http://p/> _:.1", "_:.1 <" + rdfFirst + `> "a"`, "_:.1 <" + rdfRest + "> <" + rdfNil + ">"}},
		"languages":        {`{"@context":{"t":{"@id":"http://t/","@container":"@language"}},` + s + `,"t":{"fr":"a","en":["b"]}}`, []string{`<http://s> <http://t/> "a"@fr`, `<http://s> <http://t/> "b"@en`}},
		"reverse":          {`{"@context":{"in":{"@reverse":"http://has/"}},` + s + `,"in":{"@id":"http://c"}}`, []string{"<http://c> <http://has/> <http://s>"}},
		"base":             {`{"@context":{"@base":"http://b/"},"@id":"x","http://p/":{"@id":"y"}}`, []string{"<http://b/x> <http://p/> <http://b/y>"}},
		"unknown words":    {`{` + s + `,"inconnu":"x","http://p/":"y"}`, []string{`<http://s> <http://p/> "y"`}},
		"array of nodes":   {`[{` + s + `,"http://p/":"x"},{"@id":"http://t","http://p/":"y"}]`, []string{`<http://s> <http://p/> "x"`, `<http://t> <http://p/> "y"`}},
		"words in a chain": {`{"@context":[{"e":"http://e/"},{"t":"e:t"}],` + s + `,"t":"x"}`, []string{`<http://s> <http://e/t> "x"`}},
	} {
		reads(t, name, JSONLD, test.text, test.want)
	}
	for name, text := range map[string]string{"remote context": `{"@context":"https://ailleurs.example/c.jsonld"}`, "cut": `{"@id":`, "two values": `{} {}`, "number": `1`, "list of lists": `{"http://p/":[["a"]]}`, "remote import": `{"@context":{"@import":"https://ailleurs.example/"}}`} {
		if _, err := Parse(JSONLD, []byte(text), Limits{}); err == nil {
			t.Errorf("%s is read", name)
		}
	}
}

// shared reads a reference file that stands beside the checkout, or skips the test with a loud word.
func shared(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile("../../../shared/" + path)
	if err != nil {
		t.Skipf("NOT TESTED: %s is not beside the checkout", path)
	}
	return text
}

func TestTurtle_ReadsThePublishedShapes(t *testing.T) {
	for _, name := range []string{"dcat-ap-3.0.1-full.ttl", "dcat-ap-3.0.1-mdr-vocabularies.ttl", "dcat-ap-3.0.1-range.ttl", "dcat-ap-3.0.1-shapes-recommended.ttl", "dcat-ap-3.0.1-shapes.ttl", "dcat-ap-hvd-3.0.0.ttl"} {
		g, err := Parse(Turtle, shared(t, "dcat/shapes/"+name), Limits{})
		if err != nil || g.Len() < 100 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("@prefix : <http://e/> . :s a :C ; :p [ :q (1 \"a\"@fr) ] .")
	f.Add(xmlHead + `<e:C rdf:about="x"><e:p rdf:parseType="Resource"/></e:C></rdf:RDF>`)
	f.Add(`{"@context":{"e":"http://e/"},"@id":"e:s","e:p":[{"@list":[1]},{"@value":"x","@language":"fr"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range []Syntax{Turtle, NTriples, RDFXML, JSONLD} {
			g, err := Parse(s, []byte(text), Limits{Bytes: 1 << 16, Triples: 1 << 12, Depth: 32})
			var e *SyntaxError
			if err != nil && !errors.As(err, &e) {
				t.Errorf("%s: %T", s, err)
			}
			if err == nil && g.Len() > 1<<12 {
				t.Errorf("%s: %d triples", s, g.Len())
			}
		}
	})
}
