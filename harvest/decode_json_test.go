package harvest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"

	"grenier/schemas"
)

func TestJSON_MakesATableOfRecords(t *testing.T) {
	many := func(n int) string {
		var b strings.Builder
		b.WriteByte('{')
		for i := range n {
			fmt.Fprintf(&b, `"k%d":%d,`, i, i)
		}
		return b.String() + `"k3":0}`
	}
	tests := []struct {
		name, file, content string
		opt                 DecodeOptions
		labels              []string
		cells               [][]string
		faults              []string
		format              string
	}{
		{name: "list of objects", content: `[{"a":1,"b":"x"},{"b":"y","c":true,"a":null}]`, labels: []string{"a", "b", "c"}, cells: [][]string{{"1", "x", ""}, {"", "y", "true"}}, format: "json"},
		{name: "numbers keep their text", content: `[{"a":12345678901234567890,"b":1.50,"c":1E400,"d":-0.0}]`, labels: []string{"a", "b", "c", "d"}, cells: [][]string{{"12345678901234567890", "1.50", "1E400", "-0.0"}}},
		{name: "nested objects and lists", content: `[{"a":{"b":{"c":1},"d":[]},"e":[1,"x",null,true],"f":[{"g": 1}, [2]]}]`,
			labels: []string{"a.b.c", "a.d", "e", "f"}, cells: [][]string{{"1", "", "1 ; x ;  ; true", `[{"g":1},[2]]`}}},
		{name: "escapes", content: `[{"a\u00e9":"\"\\\/\b\f\n\r\t\ud834\udd1e"}]`, labels: []string{"aé"}, cells: [][]string{{"\"\\/\b\f\n\r\t𝄞"}}},
		{name: "only list of the root", content: `{"total":2,"meta":{"next":[]},"results":[{"a":1},{"a":2}]}`, labels: []string{"a"}, cells: [][]string{{"1"}, {"2"}}},
		{name: "only list further down", content: `{"result":{"records":[{"a":1}],"fields":["a"]}}`, labels: []string{"a"}, cells: [][]string{{"1"}}},
		{name: "list that was told", content: `{"x":[{"z":0}],"r":{"y":[{"a":1}]}}`, opt: DecodeOptions{Records: "r.y"}, labels: []string{"a"}, cells: [][]string{{"1"}}},
		{name: "one record that was told", content: `{"r":{"y":{"a":1}}}`, opt: DecodeOptions{Records: "r.y"}, labels: []string{"a"}, cells: [][]string{{"1"}}},
		{name: "list told far down", content: `{"a":{"b":{"c":{"d":{"e":{"f":[{"g":1}]}}}}}}`, opt: DecodeOptions{Records: "a.b.c.d.e.f"}, labels: []string{"g"}, cells: [][]string{{"1"}}},
		{name: "one value a line", content: "{\"a\":1}\n{\"a\":2,\"b\":[{\"c\":1}]}\n", labels: []string{"a", "b"}, cells: [][]string{{"1", ""}, {"2", `[{"c":1}]`}}},
		{name: "a single line", file: "f.ndjson", content: `{"a":1}`, labels: []string{"a"}, cells: [][]string{{"1"}}},
		{name: "BOM and spaces", content: "\ufeff \n[ {\"a\" : 1 } ,\n{ \"a\":2}\n] \n", labels: []string{"a"}, cells: [][]string{{"1"}, {"2"}}},
		{name: "windows-1252", content: must(charmap.Windows1252.NewEncoder().String(`[{"é":"été à l’œuvre"}]`)), labels: []string{"é"}, cells: [][]string{{"été à l’œuvre"}}},
		{name: "labels in NFC share a column", content: "[{\"e\u0301\":1},{\"é\":2}]", labels: []string{"é"}, cells: [][]string{{"1"}, {"2"}}},
		{name: "duplicate keys", content: `[{"a":1,"a":2},{"b":{"c":1,"c":2}},{"a":3}]`, labels: []string{"a", "b.c"}, cells: [][]string{{"1", ""}, {"", "1"}, {"3", ""}},
			faults: []string{"1/0 source-error", "1/0 source-error", "2/1 source-error", "2/1 source-error"}},
		{name: "duplicate keys deep in a list", content: `[{"a":[{"b":1,"b":2}]}]`, labels: []string{"a"}, cells: [][]string{{`[{"b":1,"b":2}]`}}, faults: []string{"1/-1 source-error"}},
		{name: "one column twice", content: `[{"a.b":1,"a":{"b":2}}]`, labels: []string{"a.b"}, cells: [][]string{{"1"}}, faults: []string{"1/0 source-error"}},
		{name: "NaN and its like", content: `[{"a":NaN},{"a":-Infinity},{"a":1}]`, labels: []string{"a"}, cells: [][]string{{"NaN"}, {"-Infinity"}, {"1"}}, faults: []string{"1/0 source-error", "2/0 source-error"}},
		{name: "half a surrogate pair", content: `[{"a":"x\ud834y"},{"a":"\u0000"}]`, labels: []string{"a"}, cells: [][]string{{"x\ufffdy"}, {"\ufffd"}}, faults: []string{"1/0 encoding-error", "2/0 encoding-error"}},
		{name: "raw line break in a text", content: "[{\"a\":\"x\ny\"}]", labels: []string{"a"}, cells: [][]string{{"x\ny"}}, faults: []string{"1/0 source-error"}},
		{name: "elements that are no objects", content: `[{"a":1},null,3,{"a":2}]`, labels: []string{"a"}, cells: [][]string{{"1"}, {""}, {""}, {"2"}}, faults: []string{"2/-1 source-error", "3/-1 source-error"}},
		{name: "GeoJSON", file: "f.geojson", content: `{"type":"FeatureCollection","features":[{"type":"Feature","id":7,"geometry":{"type":"Point","coordinates":[2.30,48.9]},"properties":{"nom":"x","a":{"b":1}}},{"type":"Feature","geometry":null,"properties":null}]}`,
			labels: []string{"geometry", "nom", "a.b", "id"}, cells: [][]string{{`{"type":"Point","coordinates":[2.30,48.9]}`, "x", "1", "7"}, {"", "", "", ""}}, format: "geojson"},
		{name: "GeoJSON with its own id", content: `{"type":"FeatureCollection","features":[{"id":7,"properties":{"id":"x"},"geometry":null}]}`, labels: []string{"id", "geometry"}, cells: [][]string{{"x", ""}}},
		{name: "a key twice among many", content: "[" + many(40) + "]", labels: strings.Split(strings.TrimSuffix(strings.Repeat("k ", 40), " "), " "), faults: []string{"1/3 source-error", "1/3 source-error"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := tt.file
			if file == "" {
				file = "f.json"
			}
			got, err := decodeAll(input(file, tt.content), tt.opt)
			if err != nil {
				t.Fatalf("decode %.200q: %v", tt.content, err)
			}
			if len(got.labels) != len(tt.labels) || tt.cells != nil && !slices.Equal(got.labels, tt.labels) {
				t.Errorf("labels = %q, want %q", got.labels, tt.labels)
			}
			if tt.cells != nil && !slices.EqualFunc(got.cells, tt.cells, slices.Equal) {
				t.Errorf("cells = %q, want %q", got.cells, tt.cells)
			}
			if !slices.Equal(got.faults, tt.faults) {
				t.Errorf("faults = %q, want %q", got.faults, tt.faults)
			}
			for i := range got.row {
				if got.row[i] != int64(i)+1 || got.line[i] != 0 || got.count[i] != len(got.labels) {
					t.Errorf("record %d: row %d, line %d, %d cells", i, got.row[i], got.line[i], got.count[i])
				}
			}
			sameInfo(t, got.info, schemas.SourceInfo{Format: tt.format})
		})
	}
}

func TestJSON_RefusesWithASentence(t *testing.T) {
	deep := strings.Repeat("[", 200_000)
	tests := []struct {
		name, content string
		opt           DecodeOptions
		says          string
		is            error
	}{
		{name: "truncated", content: `[{"a":1},{"a":"x`, says: "s’arrête à l’octet 16", is: io.ErrUnexpectedEOF},
		{name: "truncated between records", content: `[{"a":1},`, says: "s’arrête à l’octet 9", is: io.ErrUnexpectedEOF},
		{name: "truncated behind a backslash", content: `[{"a":"\`, says: "s’arrête à l’octet 8", is: io.ErrUnexpectedEOF},
		{name: "deep", content: deep, says: "plus de 100 niveaux"},
		{name: "deep objects", content: strings.Repeat(`{"a":`, 5000), says: "plus de 100 niveaux"},
		{name: "no value", content: `[{"a":}]`, says: "erreur à l’octet 6", is: errSyntax},
		{name: "no comma", content: `[{"a":1}{"a":2}]`, says: "erreur à l’octet 8", is: errSyntax},
		{name: "comma too many", content: `[{"a":1,}]`, says: "erreur à l’octet 8", is: errSyntax},
		{name: "wrong bracket", content: `[{"a":1]`, says: "erreur à l’octet", is: errSyntax},
		{name: "leading zero", content: `[{"a":007}]`, says: "erreur à l’octet 7", is: errSyntax},
		{name: "bad escape", content: `[{"a":"\x41"}]`, says: "erreur à l’octet", is: errSyntax},
		{name: "bare word", content: `[{"a":oui}]`, says: "erreur à l’octet 6", is: errSyntax},
		{name: "text behind the list", content: `[{"a":1}] x`, says: "erreur à l’octet 10", is: errSyntax},
		{name: "several lists", content: `{"a":[{"x":1}],"b":[{"x":1},{"x":2}]}`, says: "On y trouve\u00a0: a (1), b (2)."},
		{name: "no list", content: `{"erreur":"interdit","detail":{"code":403}}`, says: "aucune liste d’enregistrements. On y trouve\u00a0: detail."},
		{name: "list of scalars", content: `[1,2,3]`, says: "pas d’objets"},
		{name: "empty list", content: `[]`, says: "aucun enregistrement"},
		{name: "path without list", content: `{"a":[{"x":1}]}`, opt: DecodeOptions{Records: "b"}, says: "«\u00a0b\u00a0»"},
		{name: "document without its lists", content: `{"marches":{"marche":[{"id":"1"}]}}`, opt: DecodeOptions{Documents: []schemas.RecordPath{{Path: "marches"}}}, says: "On y trouve\u00a0: marches.marche (1), marches."},
		{name: "bare list for two paths", content: `[{"id":"1"}]`, opt: DecodeOptions{Documents: []schemas.RecordPath{{Path: "a"}, {Path: "b"}}}, says: "C’est une liste de 1 éléments."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := decodeAll(input("f.json", tt.content), tt.opt)
			if got := SentenceOf(err); err == nil || !strings.Contains(got, tt.says) {
				t.Errorf("%.100q: error %v, sentence %q, want %q in it", tt.content, err, got, tt.says)
			}
			wellPunctuated(t, SentenceOf(err))
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%.100q: error %v is not %v", tt.content, err, tt.is)
			}
		})
	}
}

func TestJSON_RefusesTooManyKeysAndTooBigRecords(t *testing.T) {
	var keys strings.Builder
	keys.WriteString(`[{"a":0`)
	for i := range maxColumns + 1 {
		fmt.Fprintf(&keys, `,"k%d":0`, i)
	}
	if _, err := decodeAll(input("f.json", keys.String()+"}]"), DecodeOptions{}); !strings.Contains(SentenceOf(err), "clés différentes") {
		t.Errorf("too many keys: %v", err)
	}
	in := Input{Name: "f.json", Size: 80 << 20, ReaderAt: endless{`[{"a":"`, "xyz ", 80 << 20}}
	in.ReaderAt = closing{in.ReaderAt, in.Size, `"}]`}
	if _, err := decodeAll(in, DecodeOptions{}); !strings.Contains(SentenceOf(err), "dépasse 32") {
		t.Errorf("too big a record: %v", err)
	}
}

// closing ends a document with a text.
type closing struct {
	io.ReaderAt
	size int64
	end  string
}

func (c closing) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	for i := range p[:n] {
		if k := off + int64(i) - (c.size - int64(len(c.end))); k >= 0 {
			p[i] = c.end[k]
		}
	}
	return n, err
}

func TestJSON_HandsDocumentsOverAsTheyAre(t *testing.T) {
	two := []schemas.RecordPath{{Path: "marches.marche"}, {Path: "marches.contrat-concession"}}
	one := []schemas.RecordPath{{Path: "marches"}}
	tests := []struct {
		name, content string
		paths         []schemas.RecordPath
		cells         [][]string
		faults        []string
	}{
		{name: "two lists in the order of the file", paths: two, content: `{"marches":{"contrat-concession":[{"id":"c"}],"autre":[1],"marche":[{"id" : "a"}, {"id":"b"}]}}`,
			cells: [][]string{{"marches.contrat-concession", `{"id":"c"}`}, {"marches.marche", `{"id" : "a"}`}, {"marches.marche", `{"id":"b"}`}}},
		{name: "one list absent", paths: two, content: `{"marches":{"marche":[{"id":"a"}]}}`, cells: [][]string{{"marches.marche", `{"id":"a"}`}}},
		{name: "one list null", paths: two, content: `{"marches":{"marche":[{"id":"a"}],"contrat-concession":null}}`, cells: [][]string{{"marches.marche", `{"id":"a"}`}}},
		{name: "empty list", paths: two, content: `{"marches":{"marche":[]}}`},
		{name: "flat list", paths: one, content: `{"$schema":"x","marches":[{"id":"a"},{"id":"b","modifications":[{"id":1}]}]}`, cells: [][]string{{"marches", `{"id":"a"}`}, {"marches", `{"id":"b","modifications":[{"id":1}]}`}}},
		{name: "bare list", paths: one, content: `[{"id":"a"}]`, cells: [][]string{{"marches", `{"id":"a"}`}}},
		{name: "a record without its list", paths: two, content: `{"marches":{"marche":{"acheteur":{"id":"1"},"id":"a"}}}`, cells: [][]string{{"marches.marche", `{"acheteur":{"id":"1"},"id":"a"}`}}},
		{name: "the same, flat", paths: one, content: `{"marches":{"id":"a"}}`, cells: [][]string{{"marches", `{"id":"a"}`}}},
		{name: "NaN", paths: one, content: `{"marches":[{"id":"a","dureeMois":NaN},{"id":"b"}]}`, cells: [][]string{{"marches", `{"id":"a","dureeMois":NaN}`}, {"marches", `{"id":"b"}`}}, faults: []string{"1/-1 source-error"}},
		{name: "duplicate keys", paths: one, content: `{"marches":[{"a":{"b":1,"b":2}}]}`, cells: [][]string{{"marches", `{"a":{"b":1,"b":2}}`}}, faults: []string{"1/-1 source-error"}},
		{name: "broken bytes", paths: one, content: `{"marches":[{"a":"été à la fête, forêt dépouillée, où çà, là"},{"a":"` + "\xe9" + `"}]}`,
			cells: [][]string{{"marches", `{"a":"été à la fête, forêt dépouillée, où çà, là"}`}, {"marches", `{"a":"` + "\ufffd" + `"}`}}, faults: []string{"2/-1 encoding-error"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decodeAll(input("f.json", tt.content), DecodeOptions{Documents: tt.paths})
			if err != nil {
				t.Fatalf("%s: %v", tt.content, err)
			}
			if !slices.Equal(got.labels, []string{"path", "json"}) || !slices.EqualFunc(got.cells, tt.cells, slices.Equal) || !slices.Equal(got.faults, tt.faults) {
				t.Errorf("%s:\n%q, faults %q\nwant %q, faults %q", tt.content, got.cells, got.faults, tt.cells, tt.faults)
			}
		})
	}
}

func TestJSON_StreamsOverManyWindows(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"entete":"` + strings.Repeat(`\"`, 300<<10) + `","lignes":[`)
	for i := range 40_000 {
		if i > 0 {
			b.WriteString(",\n ")
		}
		fmt.Fprintf(&b, `{"id":%d,"nom":"été \"%d\" %s","n":{"x":[%d,2]}}`, i, i, strings.Repeat("z", i%80), i)
	}
	b.WriteString("]}")
	content := b.String()
	in := Input{Name: "f.json", Size: int64(len(content)), ReaderAt: &stutter{ReaderAt: strings.NewReader(content)}}
	got, err := decodeAll(in, DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.cells) != 40_000 || !slices.Equal(got.labels, []string{"id", "nom", "n.x"}) {
		t.Fatalf("%d records, labels %q", len(got.cells), got.labels)
	}
	for i, r := range got.cells {
		want := []string{fmt.Sprint(i), fmt.Sprintf("été \"%d\" %s", i, strings.Repeat("z", i%80)), fmt.Sprintf("%d ; 2", i)}
		if !slices.Equal(r, want) {
			t.Fatalf("record %d = %q, want %q", i, r, want)
		}
	}
}

func TestJSON_ReadsTheSharedDECP(t *testing.T) {
	dir := samplesDir(t)
	flat := []schemas.RecordPath{{Path: "marches", Type: "Marché"}}
	nested := []schemas.RecordPath{{Path: "marches.marche", Type: "Marché"}, {Path: "marches.contrat-concession", Type: "Contrat de concession"}}
	tests := []struct {
		file   string
		paths  []schemas.RecordPath
		want   map[string]int
		faults int
	}{
		{"2019/001_marche_simple.json", flat, map[string]int{"marches": 1}, 0},
		{"2019/002_modification_montant.json", flat, map[string]int{"marches": 1}, 0},
		{"decp2019-sample.json", flat, map[string]int{"marches": 2}, 0},
		{"decp2022-megalis.json", nested, map[string]int{"marches.marche": 5}, 0},
		{"marches_avec_modifications.json", nested, map[string]int{"marches.marche": 2}, 0},
		{"marches_concessions.json", nested, map[string]int{"marches.marche": 2, "marches.contrat-concession": 2}, 0},
		{"synthetic/aws-quirks.json", flat, map[string]int{"marches": 1}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			content, err := os.ReadFile(filepath.Join(dir, "decp", tt.file))
			if err != nil {
				t.Fatal(err)
			}
			got, err := decodeAll(input(tt.file, string(content)), DecodeOptions{Documents: tt.paths})
			if err != nil {
				t.Fatal(err)
			}
			n := map[string]int{}
			for _, r := range got.cells {
				n[r[0]]++
				if !json.Valid([]byte(r[1])) && tt.faults == 0 {
					t.Errorf("not the JSON of one record: %.100s", r[1])
				}
			}
			if fmt.Sprint(n) != fmt.Sprint(tt.want) || len(got.faults) != tt.faults {
				t.Errorf("records %v, faults %q, want %v and %d", n, got.faults, tt.want, tt.faults)
			}
		})
	}
}

// FuzzJSON holds the reader to encoding/json: what that refuses is refused or has a fault, and what it accepts as a list of objects
// gives as many records.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`[{"a":1}]`, `{"a":[{"b":{"c":[1,"x"]}}]}`, "{\"a\":1}\n{\"b\":2}", `[{"a":NaN,"a":"\ud834"}]`, `{"type":"FeatureCollection","features":[{"id":1,"properties":{"a":[]}}]}`, `[{"a":1e5}, null]`, `[{"":{"":0}}]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, content string) {
		got, err := decodeAll(input("f.json", content), DecodeOptions{Format: "json"})
		if err != nil && SentenceOf(err) == "" {
			t.Errorf("no sentence for %v", err)
		}
		if _, err := decodeAll(input("f.json", content), DecodeOptions{Documents: []schemas.RecordPath{{Path: "a"}, {Path: "a.b"}}}); err != nil && SentenceOf(err) == "" {
			t.Errorf("no sentence for %v", err)
		}
		var list []json.RawMessage
		if !strings.HasPrefix(content, "[") || strings.Contains(content, "\x00") {
			return
		}
		if json.Unmarshal([]byte(content), &list) != nil {
			if err == nil && len(got.faults) == 0 {
				t.Errorf("%q is read without a fault", content)
			}
			return
		}
		if err == nil && len(got.cells) != len(list) {
			t.Errorf("%q: %d records, want %d", content, len(got.cells), len(list))
		}
	})
}
