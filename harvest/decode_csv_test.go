package harvest

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"grenier/schemas"
)

// input is a document at hand.
func input(name, content string) Input {
	return Input{Name: name, Size: int64(len(content)), ReaderAt: strings.NewReader(content)}
}

// A decoded is all that a decoder told of a document.
type decoded struct {
	labels []string
	cells  [][]string
	count  []int
	row    []int64
	line   []int64
	faults []string // "row/column type"
	info   schemas.SourceInfo
}

// decodeAll reads a document to its end and checks what every decoder promises.
func decodeAll(in Input, opt DecodeOptions) (d decoded, err error) {
	dec, err := Decode(in, opt)
	if err != nil {
		return d, err
	}
	defer closeDecoder(dec)
	d.labels = dec.Labels()
	var b schemas.Block
	for {
		err := dec.Next(&b)
		if err != nil && b.Rows != 0 {
			return d, fmt.Errorf("error %v with %d rows", err, b.Rows)
		}
		if err == io.EOF {
			d.info = dec.Info()
			if again := dec.Next(&b); again != io.EOF {
				return d, fmt.Errorf("after the end: %v", again)
			}
			return d, nil
		}
		if err != nil {
			return d, err
		}
		if err := d.take(&b); err != nil {
			return d, err
		}
	}
}

func (d *decoded) take(b *schemas.Block) error {
	if b.Width != len(d.labels) || len(b.Cells) != b.Rows*b.Width || len(b.Count) != b.Rows || len(b.Row) != b.Rows || len(b.Line) != b.Rows {
		return fmt.Errorf("block of %d rows and width %d has %d cells, %d counts", b.Rows, b.Width, len(b.Cells), len(b.Count))
	}
	if b.Rows == 0 && b.Frame == nil || b.Rows > schemas.BlockRows {
		return fmt.Errorf("block of %d rows", b.Rows)
	}
	for r := range b.Rows {
		var cells []string
		for c := range b.Width {
			cells = append(cells, string(b.Cell(r, c)))
		}
		d.cells, d.count = append(d.cells, cells), append(d.count, int(b.Count[r]))
		d.row, d.line = append(d.row, b.Row[r]), append(d.line, b.Line[r])
	}
	last := 0
	for _, f := range b.Faults {
		if f.Record < last || f.Record >= b.Rows || f.Cell >= b.Width || f.Message == "" || f.Type == "" {
			return fmt.Errorf("fault out of order or place: %+v", f)
		}
		last = f.Record
		d.faults = append(d.faults, fmt.Sprintf("%d/%d %s", b.Row[f.Record], f.Cell, f.Type))
	}
	return nil
}

func TestCSV_ReadsEveryDress(t *testing.T) {
	ansi := func(s string) string { return must(charmap.Windows1252.NewEncoder().String(s)) }
	long := strings.Repeat("x", maxCell+1)
	tests := []struct {
		name    string
		content string
		opt     DecodeOptions
		labels  []string
		cells   [][]string
		count   []int   // nil: all complete
		line    []int64 // nil: not looked at
		faults  []string
		info    schemas.SourceInfo // Bytes aside; zero fields are not looked at
	}{
		{name: "plain", content: "a,b\n1,2\n3,4\n", labels: []string{"a", "b"}, cells: [][]string{{"1", "2"}, {"3", "4"}}, line: []int64{2, 3},
			info: schemas.SourceInfo{Format: "csv", Encoding: "utf-8", Delimiter: ",", HeaderRow: 1}},
		{name: "last record without newline", content: "a,b\n1,2", labels: []string{"a", "b"}, cells: [][]string{{"1", "2"}}},
		{name: "header only", content: "a;b", labels: []string{"a", "b"}, info: schemas.SourceInfo{Delimiter: ";"}},
		{name: "CR LF", content: "a;b\r\n1;2\r\n3;\"x\"\r\n", labels: []string{"a", "b"}, cells: [][]string{{"1", "2"}, {"3", "x"}}},
		{name: "CR LF without the last LF", content: "a;b\r\n1;2\r", labels: []string{"a", "b"}, cells: [][]string{{"1", "2"}}},
		{name: "CR only", content: "a;b\r1;2\r3;\"x\ry\"\r4;5", labels: []string{"a", "b"}, cells: [][]string{{"1", "2"}, {"3", "x\ry"}, {"4", "5"}}, line: []int64{2, 3, 5}},
		{name: "CR only with LF in a value", content: "a;b\r1;\"x\ny\"\r", labels: []string{"a", "b"}, cells: [][]string{{"1", "x\ny"}}},
		{name: "lone CR is data", content: "a,b\n1,x\ry\n", labels: []string{"a", "b"}, cells: [][]string{{"1", "x\ry"}}},
		{name: "CR LF kept inside a value", content: "a,b\r\n1,\"x\r\ny\"\r\n2,3\r\n", labels: []string{"a", "b"}, cells: [][]string{{"1", "x\r\ny"}, {"2", "3"}}, line: []int64{2, 4}},
		{name: "doubled quotes", content: "a,b\n\"say \"\"hi\"\"\",\"\"\"\"\n", labels: []string{"a", "b"}, cells: [][]string{{`say "hi"`, `"`}}},
		{name: "quoted empty", content: "a,b\n\"\",\"\"\n", labels: []string{"a", "b"}, cells: [][]string{{"", ""}}},
		{name: "stray quote in a plain value", content: "a,b\n5\" pipe,x\n", labels: []string{"a", "b"}, cells: [][]string{{`5" pipe`, "x"}}},
		{name: "stray quotes in a quoted value", content: "a,b\n\"rue du \"Moulin, vert\" bleu\",x\n", labels: []string{"a", "b"}, cells: [][]string{{`rue du "Moulin, vert" bleu`, "x"}}},
		{name: "text behind a closing quote", content: "a,b\n\"x\"y,2\n3,4\n", labels: []string{"a", "b"}, cells: [][]string{{`"x"y`, "2"}, {"3", "4"}}},
		{name: "unclosed quote before another cell opens", content: "a,b\n\"x,2\n\"3\",4\n", labels: []string{"a", "b"}, cells: [][]string{{`"x`, "2"}, {"3", "4"}}, faults: []string{"2/0 source-error"}, line: []int64{2, 3}},
		{name: "unclosed quote until the end", content: "a,b\n1,\"x\n3,4\n5,6", labels: []string{"a", "b"}, cells: [][]string{{"1", `"x`}, {"3", "4"}, {"5", "6"}}, faults: []string{"2/1 source-error"}},
		{name: "cell over the limit", content: "a,b\n1," + long + "\n3,4\n", labels: []string{"a", "b"}, cells: [][]string{{"1", ""}, {"3", "4"}}, faults: []string{"2/1 source-error"}},
		{name: "quoted cell over the limit", content: "a,b\n1,\"" + long + "\"\n3,4\n", labels: []string{"a", "b"}, cells: [][]string{{"1", ""}, {"3", "4"}}, faults: []string{"2/1 source-error", "2/1 source-error"}},
		{name: "too many cells", content: "a,b\n1,2" + strings.Repeat(",", 5000) + "\n3,4\n", labels: []string{"a", "b"}, cells: [][]string{{"1", "2"}, {"3", "4"}}, count: []int{5002, 2}, faults: []string{"2/-1 source-error"}},
		{name: "blank lines", content: "a,b\n\n1,2\n\r\n3,4\n\n\n", labels: []string{"a", "b"}, cells: [][]string{{"", ""}, {"1", "2"}, {"", ""}, {"3", "4"}, {"", ""}, {"", ""}}, count: []int{0, 2, 0, 2, 0, 0}, line: []int64{2, 3, 4, 5, 6, 7}},
		{name: "ragged", content: "a,b,c\n1\n1,2,3,4\n", labels: []string{"a", "b", "c"}, cells: [][]string{{"1", "", ""}, {"1", "2", "3"}}, count: []int{1, 4}},
		{name: "trailing delimiter on every line", content: "a;b;;\n1;2;;\n3;;;\n4;5;6;\n", labels: []string{"a", "b"}, cells: [][]string{{"1", "2"}, {"3", ""}, {"4", "5"}}, count: []int{2, 2, 4}},
		{name: "one column", content: "nom\nDupont\nde La Tour\n", labels: []string{"nom"}, cells: [][]string{{"Dupont"}, {"de La Tour"}}, info: schemas.SourceInfo{Delimiter: ","}},
		{name: "one column with commas in the text", content: "adresse\n12, rue Haute\n\"3, place\"\n", labels: []string{"adresse"}, cells: [][]string{{"12"}, {"3, place"}}, count: []int{2, 1}},
		{name: "tabs", content: "a\tb\n1\t2\n", labels: []string{"a", "b"}, cells: [][]string{{"1", "2"}}, info: schemas.SourceInfo{Delimiter: "\t"}},
		{name: "bars", content: "a|b\n1|2\n", labels: []string{"a", "b"}, cells: [][]string{{"1", "2"}}, info: schemas.SourceInfo{Delimiter: "|"}},
		{name: "decimal commas between semicolons", content: "id;lat;lon\n1;48,1;2,3\n2;48,2;2,4\n", labels: []string{"id", "lat", "lon"}, cells: [][]string{{"1", "48,1", "2,3"}, {"2", "48,2", "2,4"}}, info: schemas.SourceInfo{Delimiter: ";"}},
		{name: "a delimiter inside quotes", content: "id,nom\n1,\"a;b;c\"\n2,\"d;e;f\"\n", labels: []string{"id", "nom"}, cells: [][]string{{"1", "a;b;c"}, {"2", "d;e;f"}}},
		{name: "wanted labels decide on the delimiter", content: "id;a,b\n1;x,y\n", opt: DecodeOptions{Want: []string{"id"}}, labels: []string{"id", "a,b"}, cells: [][]string{{"1", "x,y"}}},
		{name: "delimiter that was told", content: "a:b,c\n1:2,3\n", opt: DecodeOptions{Delimiter: ":"}, labels: []string{"a", "b,c"}, cells: [][]string{{"1", "2,3"}}},
		{name: "tab that was told", content: "a\tb,c\n1\t2,3\n", opt: DecodeOptions{Delimiter: "tab"}, labels: []string{"a", "b,c"}, cells: [][]string{{"1", "2,3"}}},
		{name: "title above the table", content: "Liste des subventions 2024\n\na;b;c\n1;2;3\n4;5;6\n", labels: []string{"a", "b", "c"}, cells: [][]string{{"1", "2", "3"}, {"4", "5", "6"}}, line: []int64{4, 5}, info: schemas.SourceInfo{HeaderRow: 3}},
		{name: "header found by its labels", content: "Export;du 3 mars;\nx;y;z\nid;nom;prix\n1;2;3\n", opt: DecodeOptions{Want: []string{"nom", "prix"}}, labels: []string{"id", "nom", "prix"}, cells: [][]string{{"1", "2", "3"}}, line: []int64{4}, info: schemas.SourceInfo{HeaderRow: 3}},
		{name: "first line stays when one label matches", content: "id;x\nid;nom\n", opt: DecodeOptions{Want: []string{"id", "nom"}}, labels: []string{"id", "x"}, cells: [][]string{{"id", "nom"}}},
		{name: "header that was told", content: "a;b\nc;d\n1;2\n", opt: DecodeOptions{Header: 2}, labels: []string{"c", "d"}, cells: [][]string{{"1", "2"}}, info: schemas.SourceInfo{HeaderRow: 2}},
		{name: "labels in NFC, otherwise untouched", content: " id;e\u0301lu;\"A\n B\"\n1;2;3\n", labels: []string{" id", "élu", "A\n B"}, cells: [][]string{{"1", "2", "3"}}, line: []int64{3}},
		{name: "BOM before a quoted label", content: "\ufeff\"id\";nom\n1;2\n", labels: []string{"id", "nom"}, cells: [][]string{{"1", "2"}}, info: schemas.SourceInfo{Encoding: "utf-8"}},
		{name: "two BOMs", content: "\ufeff\ufeffid;nom\n1;2\n", labels: []string{"id", "nom"}, cells: [][]string{{"1", "2"}}},
		{name: "duplicate and empty labels", content: "a;;a\n1;2;3\n", labels: []string{"a", "", "a"}, cells: [][]string{{"1", "2", "3"}}},
		{name: "windows-1252", content: ansi("é;prix\nl’œuvre d’été;5 €\n"), labels: []string{"é", "prix"}, cells: [][]string{{"l’œuvre d’été", "5 €"}}, info: schemas.SourceInfo{Encoding: "windows-1252"}},
		{name: "one accent only", content: ansi("a;b\nmairie de Créteil;1\n"), labels: []string{"a", "b"}, cells: [][]string{{"mairie de Créteil", "1"}}, info: schemas.SourceInfo{Encoding: "windows-1252"}},
		{name: "capitals in windows-1252", content: ansi("a;b\nRÉGION ÎLE-DE-FRANCE À CÔTÉ;1\n"), labels: []string{"a", "b"}, cells: [][]string{{"RÉGION ÎLE-DE-FRANCE À CÔTÉ", "1"}}, info: schemas.SourceInfo{Encoding: "windows-1252"}},
		{name: "cp850", content: must(charmap.CodePage850.NewEncoder().String("a;b\nforêt à côté du pré, été;ça\n")), labels: []string{"a", "b"}, cells: [][]string{{"forêt à côté du pré, été", "ça"}}, info: schemas.SourceInfo{Encoding: "cp850"}},
		{name: "macintosh", content: must(charmap.Macintosh.NewEncoder().String("a;b\rforêt à côté du pré, été;ça\r")), labels: []string{"a", "b"}, cells: [][]string{{"forêt à côté du pré, été", "ça"}}, info: schemas.SourceInfo{Encoding: "macintosh"}},
		{name: "iso-8859-15 that was told", content: must(charmap.ISO8859_15.NewEncoder().String("a;b\nœuf;5 €\n")), opt: DecodeOptions{Encoding: "ISO-8859-15"}, labels: []string{"a", "b"}, cells: [][]string{{"œuf", "5 €"}}},
		{name: "place that windows-1252 leaves empty", content: "a;b\ncr\xe9\x81e;\xe9t\xe9\n", labels: []string{"a", "b"}, cells: [][]string{{"cré\ufffde", "été"}}, faults: []string{"2/0 encoding-error"}},
		{name: "utf-16 little-endian", content: must(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String("a;b\r\né𝄞;2\r\n")), labels: []string{"a", "b"}, cells: [][]string{{"é𝄞", "2"}}, info: schemas.SourceInfo{Encoding: "utf-16"}},
		{name: "utf-16 big-endian", content: must(unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().String("a\tb\né\t2\n")), labels: []string{"a", "b"}, cells: [][]string{{"é", "2"}}},
		{name: "utf-16 without mark", content: must(unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder().String("alpha;beta\nun;deux\n")), labels: []string{"alpha", "beta"}, cells: [][]string{{"un", "deux"}}},
		{name: "half a surrogate pair", content: "\xff\xfea\x00;\x00b\x00\n\x00\x00\xd8;\x002\x00\n\x00", labels: []string{"a", "b"}, cells: [][]string{{"\ufffd", "2"}}, faults: []string{"2/0 encoding-error"}},
		{name: "a few broken bytes in UTF-8", content: "nom;b\n" + strings.Repeat("été à côté;2\n", 5) + "cass\xe9;3\n", labels: []string{"nom", "b"},
			cells: append(slices.Repeat([][]string{{"été à côté", "2"}}, 5), []string{"cass\ufffd", "3"}), faults: []string{"7/0 encoding-error"}, info: schemas.SourceInfo{Encoding: "utf-8"}},
		{name: "one broken cell in a small file", content: "nom;b\nété;2\ncass\xe9;3\n", labels: []string{"nom", "b"}, cells: [][]string{{"été", "2"}, {"cass\ufffd", "3"}}, faults: []string{"3/0 encoding-error"}, info: schemas.SourceInfo{Encoding: "utf-8"}},
		{name: "capitals before signs are no UTF-8", content: ansi("nom;b\nMARCHÉ»;2\nÉTÉ À CÔTÉ;3\n"), labels: []string{"nom", "b"}, cells: [][]string{{"MARCHÉ»", "2"}, {"ÉTÉ À CÔTÉ", "3"}}, info: schemas.SourceInfo{Encoding: "windows-1252"}},
		{name: "last character cut", content: "nom;b\n1;été\xc3", labels: []string{"nom", "b"}, cells: [][]string{{"1", "été\ufffd"}}, faults: []string{"2/1 encoding-error"}, info: schemas.SourceInfo{Encoding: "utf-8"}},
		{name: "NUL", content: "a;b\nx\x00y;2\n3;4\n", labels: []string{"a", "b"}, cells: [][]string{{"x\ufffdy", "2"}, {"3", "4"}}, faults: []string{"2/0 encoding-error"}},
		{name: "faults in order", content: "a;b\n\"x;\x00\n\"1\";2\n\x00;\"y\n", labels: []string{"a", "b"}, cells: [][]string{{`"x`, "\ufffd"}, {"1", "2"}, {"\ufffd", `"y`}}, faults: []string{"2/0 source-error", "2/1 encoding-error", "4/1 source-error", "4/0 encoding-error"}},
		{name: "label that begins with a bracket", content: "[id];nom\n1;2\n", labels: []string{"[id]", "nom"}, cells: [][]string{{"1", "2"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decodeAll(input("f.csv", tt.content), tt.opt)
			if err != nil {
				t.Fatalf("decode %.80q: %v", tt.content, err)
			}
			if !slices.Equal(got.labels, tt.labels) {
				t.Errorf("labels of %.80q = %q, want %q", tt.content, got.labels, tt.labels)
			}
			if !slices.EqualFunc(got.cells, tt.cells, slices.Equal) {
				t.Errorf("cells of %.80q = %.300q, want %.300q", tt.content, got.cells, tt.cells)
			}
			want := tt.count
			if want == nil {
				want = slices.Repeat([]int{len(tt.labels)}, len(tt.cells))
			}
			if !slices.Equal(got.count, want) {
				t.Errorf("counts = %d, want %d", got.count, want)
			}
			if tt.line != nil && !slices.Equal(got.line, tt.line) {
				t.Errorf("lines = %d, want %d", got.line, tt.line)
			}
			for i, row := range got.row {
				if row != int64(i)+2 {
					t.Errorf("row %d is numbered %d", i, row)
				}
			}
			if !slices.Equal(got.faults, tt.faults) {
				t.Errorf("faults = %q, want %q", got.faults, tt.faults)
			}
			sameInfo(t, got.info, tt.info)
		})
	}
}

func sameInfo(t *testing.T, got, want schemas.SourceInfo) {
	t.Helper()
	if want.Format != "" && got.Format != want.Format || want.Encoding != "" && got.Encoding != want.Encoding ||
		want.Delimiter != "" && got.Delimiter != want.Delimiter || want.HeaderRow != 0 && got.HeaderRow != want.HeaderRow {
		t.Errorf("info = %+v, want %+v", got, want)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// grid writes n records with every kind of cell.
func grid(n int) (text string, records [][]string) {
	var b strings.Builder
	b.WriteString("id;nom;texte;vide\n")
	for i := range n {
		r := []string{fmt.Sprint(i), "été " + strings.Repeat("x", i%50), "ligne 1\nligne \"2\" ; " + fmt.Sprint(i), ""}
		fmt.Fprintf(&b, "%s;%s;\"%s\";\n", r[0], r[1], strings.ReplaceAll(r[2], `"`, `""`))
		records = append(records, r)
	}
	return b.String(), records
}

// A stutter hands over one byte less than asked, now and then, as the network's files may.
type stutter struct {
	io.ReaderAt
	n int
}

func (s *stutter) ReadAt(p []byte, off int64) (int, error) {
	if s.n++; s.n%3 == 0 && len(p) > 1 {
		return s.ReaderAt.ReadAt(p[:len(p)-1], off)
	}
	return s.ReaderAt.ReadAt(p, off)
}

func TestCSV_NeverSplitsARecordBetweenBlocks(t *testing.T) {
	content, want := grid(30_000)
	encodings := map[string]string{
		"utf-8":        content,
		"windows-1252": must(charmap.Windows1252.NewEncoder().String(content)),
		"utf-16":       must(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(content)),
	}
	for name, content := range encodings {
		in := Input{Name: name, Size: int64(len(content)), ReaderAt: &stutter{ReaderAt: strings.NewReader(content)}}
		got, err := decodeAll(in, DecodeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(got.cells, want, slices.Equal) {
			t.Errorf("%s: %d records, want %d, or cells differ", name, len(got.cells), len(want))
		}
		if got.info.Encoding != name || got.line[1] != 4 || got.line[len(got.line)-1] != int64(2*len(want)) {
			t.Errorf("%s: read as %s, lines %d … %d", name, got.info.Encoding, got.line[1], got.line[len(got.line)-1])
		}
	}
}

func TestCSV_ReadsARecordBiggerThanABlock(t *testing.T) {
	var b strings.Builder
	b.WriteString("id,a,b,c\n1,x,y,z\n2")
	for range 3 {
		b.WriteString(",\"" + strings.Repeat("é\n", 300<<10) + "\"")
	}
	b.WriteString("\n3,x,y,z\n")
	got, err := decodeAll(input("big.csv", b.String()), DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.cells) != 3 || len(got.cells[1][2]) != 3*(300<<10) || len(got.faults) != 0 || got.line[2] != 4+3*(300<<10) {
		t.Errorf("%d records, faults %q, lines %d", len(got.cells), got.faults, got.line)
	}
}

// endless is a document made up as it is read: first, then line over and over.
type endless struct {
	first, line string
	size        int64
}

func (e endless) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) && off < e.size {
		s := e.first
		if i := off - int64(len(e.first)); i >= 0 {
			s = e.line[i%int64(len(e.line)):]
		} else {
			s = s[off:]
		}
		k := copy(p[n:min(int64(len(p)), int64(n)+e.size-off)], s)
		n, off = n+k, off+int64(k)
	}
	if n < len(p) {
		err = io.EOF
	}
	return n, err
}

func TestCSV_UnclosedQuoteAtTheStartStaysWithinMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	in := Input{Name: "big.csv", Size: 50 << 20, ReaderAt: endless{"a;b;c\n\"x;y;z\n", "12;34;un texte sans guillemet\n", 50 << 20}}
	dec, err := Decode(in, DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var b schemas.Block
	rows, faults := 0, 0
	for err = dec.Next(&b); err == nil; err = dec.Next(&b) {
		rows, faults = rows+b.Rows, faults+len(b.Faults)
	}
	runtime.ReadMemStats(&after)
	if err != io.EOF {
		t.Fatal(err)
	}
	if faults != 1 || rows < 50<<20/30 {
		t.Errorf("%d rows, %d faults; want one fault and all rows", rows, faults)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 24<<20 {
		t.Errorf("allocated %d MiB for 50 MiB", used>>20)
	}
}

func TestCSV_UnclosedQuoteAtTheVeryFirstByte(t *testing.T) {
	in := Input{Name: "big.csv", Size: 50 << 20, ReaderAt: endless{"\"a;b;c\n", "12;34;un texte sans guillemet\n", 50 << 20}}
	dec, err := Decode(in, DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var b schemas.Block
	rows := 0
	for err = dec.Next(&b); err == nil; err = dec.Next(&b) {
		rows += b.Rows
	}
	if err != io.EOF || rows < 50<<20/30 {
		t.Errorf("labels %q, %d rows, %v", dec.Labels(), rows, err)
	}
}

func TestCSV_StopsAtALineWithoutEnd(t *testing.T) {
	for _, first := range []string{"a;b\n", ""} {
		in := Input{Name: "f.csv", Size: 70 << 20, ReaderAt: endless{first, "abcdefgh ", 70 << 20}}
		_, err := decodeAll(in, DecodeOptions{})
		if s := SentenceOf(err); err == nil || !strings.Contains(s, "dépasse 32") {
			t.Errorf("after %q: %v, sentence %q", first, err, s)
		}
	}
}

func TestCSV_ShorterThanAnnouncedIsAnError(t *testing.T) {
	in := input("f.csv", "a;b\n1;2\n")
	in.Size += 10
	if _, err := decodeAll(in, DecodeOptions{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error = %v, want an unexpected end", err)
	}
}

func TestCSV_StrayQuotesDoNotCostTheirSquare(t *testing.T) {
	for name, line := range map[string]string{
		"never closed":    `"a"b`,
		"cells":           `"a"b,`,
		"escaped":         `"a""b"c`,
		"closed far away": `"x`,
	} {
		content := "a,b\n\"" + strings.Repeat(line, (maxCell-100)/len(line)) + "\",2\n" + strings.Repeat("\"x\"\"y\n", 100_000)
		if _, err := decodeAll(input(name, content), DecodeOptions{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzCSV holds the reader to encoding/csv wherever that reads strictly without an error. What is apart: line ends inside a value,
// which encoding/csv rewrites; blank lines, which it drops; texts whose lines all end in CR.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "a,b\r\n\"x\"\"y\",2\r\n\r\n", "a,b,\n1,\"\n\",\n", "a\n\"\"\n", "a,b\n\"x\"y,2", "a,b\r1,2", "é,b\n\xe9,\x00\n", "\ufeff\"a\",b\n1,2\n3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, content string) {
		_, err := decodeAll(input("f.csv", content), DecodeOptions{Format: "csv"})
		if err != nil && SentenceOf(err) == "" {
			t.Errorf("no sentence for %v", err)
		}
		fuzzSplit(t, content)
		want, strict := strictly(content)
		if err != nil || !strict {
			return
		}
		if records := split(content, len(content), widest(want)); !slices.EqualFunc(records, want, slices.Equal) {
			t.Errorf("%q: records %q, encoding/csv %q", content, records, want)
		}
	})
}

// strictly reads content as encoding/csv does; false where the two may differ.
func strictly(content string) (records [][]string, ok bool) {
	if strings.Contains(strings.ReplaceAll(content, "\r\n", "\n"), "\r") {
		return nil, false
	}
	r := csv.NewReader(strings.NewReader(content))
	r.FieldsPerRecord = -1
	records, err := r.ReadAll()
	return records, err == nil
}

func widest(records [][]string) (n int) {
	for _, r := range records {
		n = max(n, len(r))
	}
	return n
}

// split cuts content with commas, told at first only the given number of bytes, and drops blank lines.
func split(content string, told, width int) (records [][]string) {
	s := newSplitter(',', '\n', width)
	data, row := []byte(content), make([]schemas.Span, width)
	for p := 0; p < len(data); {
		next, ok := s.record(data[:max(told, p)], p, told == len(data), row)
		if !ok {
			told = min(told+1, len(data))
			s.fresh()
			continue
		}
		p = next
		if s.count == 0 {
			continue
		}
		var record []string
		for i, c := range row[:min(s.count, width)] {
			cell := bytes.Clone(data[c.Off:][:c.Len])
			if slices.Contains(s.escaped, i) {
				cell = cell[:unescape(cell)]
			}
			record = append(record, strings.ReplaceAll(string(cell), "\r\n", "\n"))
		}
		records = append(records, record)
	}
	return records
}

// fuzzSplit checks that the records do not depend on how much of the text is at hand.
func fuzzSplit(t *testing.T, content string) {
	if len(content) > 200 {
		return
	}
	whole := split(content, len(content), 8)
	if bit := split(content, 0, 8); !slices.EqualFunc(whole, bit, slices.Equal) {
		t.Errorf("%q: whole %q, byte by byte %q", content, whole, bit)
	}
}

// samplesDir finds the samples shared with the project, or skips.
func samplesDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join("..", "..", "shared", "samples")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("SKIPPED: the shared samples are not beside the checkout: %v", err)
	}
	return dir
}

func TestCSV_ReadsTheSharedSamples(t *testing.T) {
	dir := samplesDir(t)
	tests := []struct {
		file                string
		encoding, delimiter string
		columns, rows       int
	}{
		{"scdl-tabular/aires-livraison-antibes.csv", "utf-8", ",", 25, 21},
		{"scdl-tabular/arretes-carros.csv", "utf-8", ",", 36, 13},
		{"scdl-tabular/arretes-fuveau.csv", "utf-8", ",", 36, 3},
		{"scdl-tabular/arretes-vence.csv", "utf-8", ",", 36, 9},
		{"scdl-tabular/csv_latin1.csv", "windows-1252", ";", 25, 60},
		{"scdl-tabular/csv_utf8.csv", "utf-8", ",", 18, 37},
		{"scdl-tabular/prenoms-valide.csv", "utf-8", ",", 6, 16},
		{"scdl-tabular/stationnement-invalide.csv", "utf-8", ",", 30, 1},
		{"scdl-tabular/stationnement-valide.csv", "utf-8", ",", 30, 2},
		{"bal/1.3-not-valid-multi-commune.csv", "utf-8", ";", 13, 2},
		{"bal/1.4-bad-id-ban-adresse.csv", "utf-8", ";", 16, 1},
		{"bal/1.4-valid.csv", "utf-8", ";", 16, 2},
		{"bal/aliases.csv", "utf-8", ";", 14, 1},
		{"bal/locales.csv", "utf-8", ";", 6, 2},
		{"bal/sample.ansi.csv", "windows-1252", ";", 13, 15},
		{"bal/sample.csv", "utf-8", ";", 13, 15},
		{"bal/without_row.csv", "utf-8", ";", 20, 0},
		{"irve/exemple-valide-statique.csv", "utf-8", ",", 40, 2},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			content, err := os.ReadFile(filepath.Join(dir, tt.file))
			if err != nil {
				t.Fatal(err)
			}
			got, err := decodeAll(input(tt.file, string(content)), DecodeOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if len(got.labels) != tt.columns || len(got.cells) != tt.rows || got.info.Encoding != tt.encoding || got.info.Delimiter != tt.delimiter {
				t.Errorf("%d columns, %d rows, %+v; labels %q; want %+v", len(got.labels), len(got.cells), got.info, got.labels, tt)
			}
		})
	}
}

// grantLines is a table of the usual French kind, about n bytes long.
func grantLines(n int) []byte {
	var b bytes.Buffer
	b.WriteString("nomAttribuant,idAttribuant,dateConvention,referenceDecision,nomBeneficiaire,idBeneficiaire,objet,montant,nature,conditionsVersement\n")
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "Commune de Villeneuve-sur-Lot,21470323900014,2024-%02d-%02d,DELIB-2024-%05d,Association des amis du théâtre,%014d,", i%12+1, i%28+1, i, i*7919)
		if i%3 == 0 {
			b.WriteString("\"Soutien au festival, édition d’été\n(première tranche)\",")
		} else {
			b.WriteString("Fonctionnement annuel de l’association,")
		}
		fmt.Fprintf(&b, "%d.50,aide en numéraire,unique\n", i%90000)
	}
	return b.Bytes()
}

func BenchmarkCSV(b *testing.B) {
	utf8 := grantLines(32 << 20)
	ansi := must(charmap.Windows1252.NewEncoder().Bytes(utf8))
	for _, bench := range []struct {
		name    string
		content []byte
	}{{"utf-8", utf8}, {"windows-1252", ansi}} {
		b.Run(bench.name, func(b *testing.B) {
			b.SetBytes(int64(len(bench.content)))
			var block schemas.Block
			for b.Loop() {
				dec, err := Decode(Input{Name: "f.csv", Size: int64(len(bench.content)), ReaderAt: bytes.NewReader(bench.content)}, DecodeOptions{})
				if err != nil {
					b.Fatal(err)
				}
				for err == nil {
					err = dec.Next(&block)
				}
				if err != io.EOF {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("encoding-csv", func(b *testing.B) {
		b.SetBytes(int64(len(utf8)))
		for b.Loop() {
			r := csv.NewReader(bytes.NewReader(utf8))
			r.ReuseRecord = true
			var err error
			for err == nil {
				_, err = r.Read()
			}
			if err != io.EOF {
				b.Fatal(err)
			}
		}
	})
}
