package schemas

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// jsonSamples are texts that are JSON, or nearly.
var jsonSamples = []string{`{}`, `[]`, `null`, `true`, `-0.0e+12`, `{"a":{"b":[1,"x\u00e9\ud834\udd1e",null]},"c":"` + "\xff" + `"}`, `{"a":1,"a":2}`, `{"\u0061":1,"a":2}`, `{"z":1,"z":2}`, `[1,]`, `{"a":1,}`, `01`, `1.`, `"a`, `"\x"`, "\"\n\"",
	`1e999`, `nul`, `[[[`, `{"a" 1}`, `tru`, ` {"a" : [ ] } `, `1 2`, strings.Repeat("[", 102), strings.Repeat("[", 100) + strings.Repeat("]", 100)}

func checkTape(t interface{ Errorf(string, ...any) }, src string) {
	tape := jsonTape{keys: &keyNames{numbers: map[string]int32{"a": 0, "b": 1}}}
	want, wantErr := parseJSON([]byte(src))
	err := tape.read([]byte(src))
	if (err == nil) != (wantErr == nil) {
		t.Errorf("%.200q: error %v, want %v", src, err, wantErr)
		return
	}
	if err != nil {
		return
	}
	got, _ := json.Marshal(tape.value(0))
	if w, _ := json.Marshal(want); string(got) != string(w) {
		t.Errorf("%.200q: %s, want %s", src, got, w)
	}
}

func TestTape_ReadsWhatParseJSONReads(t *testing.T) {
	for _, src := range jsonSamples {
		checkTape(t, src)
	}
	var wide []string
	for i := range 200 {
		wide = append(wide, fmt.Sprintf(`"k%d":%d`, i, i))
	}
	checkTape(t, "{"+strings.Join(wide, ",")+"}")
	checkTape(t, "{"+strings.Join(append(wide, `"k7":0`), ",")+"}")
}

func FuzzTape(f *testing.F) {
	for _, src := range jsonSamples {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) { checkTape(t, src) })
}

// drawJSON makes a small JSON value that often repeats itself.
func drawJSON(t *rapid.T, depth int) string {
	kind := rapid.IntRange(0, 7).Draw(t, "kind")
	if depth > 3 {
		kind %= 5
	}
	switch kind {
	case 0:
		return "null"
	case 1:
		return rapid.SampledFrom([]string{"true", "false"}).Draw(t, "word")
	case 2, 3:
		return rapid.SampledFrom([]string{"0", "1", "1.0", "10e-1", "-1", "2.5", "250e-2", "12345678901234567890", "0.1", "-0"}).Draw(t, "number")
	case 4:
		return rapid.SampledFrom([]string{`""`, `"a"`, `"\u0061"`, `"été"`, `"\u00e9t\u00e9"`, `"abcdefgh"`, `"2024-01-05"`}).Draw(t, "text")
	case 5:
		n := rapid.IntRange(0, 22).Draw(t, "n")
		if n > 4 && n < 20 {
			n %= 4
		}
		var items []string
		for range n {
			items = append(items, drawJSON(t, depth+1))
		}
		return "[" + strings.Join(items, ",") + "]"
	}
	var members []string
	for _, name := range []string{"a", "b", "c", "d"} {
		if rapid.Bool().Draw(t, "has") {
			members = append(members, `"`+name+`":`+drawJSON(t, depth+1))
		}
	}
	if len(members) > 1 && rapid.Bool().Draw(t, "turned") {
		members[0], members[1] = members[1], members[0]
	}
	return "{" + strings.Join(members, ",") + "}"
}

// ruleSamples use every keyword that rules know.
var ruleSamples = []string{
	`{"type":["object","string"],"required":["a"],"additionalProperties":false,"properties":{"a":{"type":["integer","null"]},"b":{"type":"number","minimum":1,"exclusiveMaximum":2.5},"c":{"minLength":1,"maxLength":3}}}`,
	`{"type":"array","uniqueItems":true,"minItems":1,"maxItems":21,"items":{"type":["number","string","object","array","boolean"]}}`,
	`{"properties":{"a":{"uniqueItems":true,"items":{"uniqueItems":true}},"b":{"enum":["a","été",null,true]}},"additionalProperties":{"type":"string"},"minProperties":1,"maxProperties":3}`,
	`{"anyOf":[{"type":"string","pattern":"^a|é"},{"type":"object","required":["a","b"]},{"minimum":1}]}`,
	`{"oneOf":[{"type":"integer"},{"type":"number","minimum":1},{"type":"string","format":"date"}]}`,
	`{"allOf":[{"not":{"type":"null"}},{"if":{"type":"object"},"then":{"properties":{"a":{"type":"boolean"}}},"else":{"not":{"maximum":0}}}]}`,
	`{"$ref":"#/definitions/tree","definitions":{"tree":{"type":["object","array","number"],"properties":{"a":{"$ref":"#/definitions/tree"}},"items":{"$ref":"#/definitions/tree"}}}}`,
	`{"$schema":"http://json-schema.org/draft-04/schema#","minimum":1,"exclusiveMinimum":true,"properties":{"a":{"maximum":1,"exclusiveMaximum":true}}}`,
	`{"properties":{"a":false,"b":true}}`,
	`{"$schema":"http://json-schema.org/draft-07/schema#","dependencies":{"a":["b","c"],"b":{"minProperties":3}},"properties":{"c":{"const":"a"},"d":{"const":null}}}`,
	`{"type":["object","array"],"dependentRequired":{"a":["d"]},"dependentSchemas":{"c":{"properties":{"a":{"type":"number"}}}}}`,
	`{"anyOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/b"},{"items":{"$ref":"#"},"minItems":1,"type":"array"}],"$defs":{"a":{"type":"object","required":["a"],"properties":{"a":{"enum":["a","été"]}}},"b":{"required":["b","a"],"properties":{"a":{"enum":[true]}}}}}`,
	`{"type":"object","properties":{"a":{"pattern":"t.$"},"b":{"pattern":"a|^é"},"c":{"pattern":"^(.*)$"},"d":{"pattern":"\bb|g\b"}},"additionalProperties":{"minLength":1}}`,
}

func TestRules_GiveTheVerdictOfPackageJSONSchema(t *testing.T) {
	for i, src := range ruleSamples {
		t.Run(fmt.Sprint(i), func(t *testing.T) { ruleVerdicts(t, src) })
	}
}

func ruleVerdicts(t *testing.T, src string) {
	c := newCompiler()
	if err := c.AddResource("https://schemas.invalid/x.json", strings.NewReader(src)); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("https://schemas.invalid/x.json")
	if err != nil {
		t.Fatal(err)
	}
	keys := &keyNames{numbers: map[string]int32{}}
	rule := keys.newRule(s)
	if rule == nil {
		t.Fatalf("%s: rules do not know it", src)
	}
	verdicts := map[bool]int{}
	rapid.Check(t, func(t *rapid.T) {
		doc := drawJSON(t, 0)
		tape := jsonTape{keys: keys}
		if err := tape.read([]byte(doc)); err != nil {
			t.Fatal(err)
		}
		got, want := rule.accepts(&tape, 0), s.Validate(tape.value(0))
		verdicts[got]++
		if got != (want == nil) {
			t.Fatalf("%s\n%s: %v, want %v", src, doc, got, want)
		}
	})
	if len(verdicts) < 2 {
		t.Errorf("%s: the cases show only %v", src, verdicts)
	}
}

func TestRules_LeaveToPackageJSONSchemaWhatTheyDoNotKnow(t *testing.T) {
	for _, src := range []string{`{"multipleOf":2}`, `{"patternProperties":{"^a":{}}}`, `{"contains":{"type":"null"}}`, `{"prefixItems":[{}]}`, `{"propertyNames":{"maxLength":1}}`,
		`{"properties":{"a":{"const":{"a":1}}}}`, `{"enum":[1]}`, `{"unevaluatedProperties":false}`} {
		s, err := ParseDocument("essai/x@1", []byte(src), nil)
		if err != nil {
			t.Fatal(err)
		}
		p, _ := s.ready()
		if p.document.entries[0].rule != nil {
			t.Errorf("%s: rules must not judge it", src)
		}
	}
}

func TestTape_RefusesARecordOfMillionsOfValues(t *testing.T) {
	var tape jsonTape
	if err := tape.read([]byte("[" + strings.Repeat("1,", maxValues) + "1]")); !errors.Is(err, errValues) {
		t.Errorf("error %v", err)
	}
	if cap(tape.nodes) > 0 {
		t.Errorf("%d nodes were made", cap(tape.nodes))
	}
}
