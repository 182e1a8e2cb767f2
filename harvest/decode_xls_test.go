package harvest

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"grenier/schemas"
)

// compound makes a compound file of one stream.
func compound(t testing.TB, name, stream string) string {
	t.Helper()
	const sector = 512
	size := max(len(stream), 4096) // below, it would be kept elsewhere
	stream += strings.Repeat("\x00", (size+sector-1)/sector*sector-len(stream))
	n := len(stream) / sector
	tables := (n + 2 + 126) / 127
	if tables > 109 {
		t.Fatal("stream too long for the test's compound files")
	}
	le := binary.LittleEndian
	head := make([]byte, sector)
	copy(head, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
	le.PutUint16(head[24:], 0x3e)
	le.PutUint16(head[26:], 3)
	le.PutUint16(head[28:], 0xfffe)
	le.PutUint16(head[30:], 9)
	le.PutUint16(head[32:], 6)
	le.PutUint32(head[44:], uint32(tables))
	le.PutUint32(head[48:], uint32(tables)) // directory
	le.PutUint32(head[56:], 4096)
	le.PutUint32(head[60:], 0xfffffffe)
	le.PutUint32(head[68:], 0xfffffffe)
	fat := bytes.Repeat([]byte{0xff}, tables*sector)
	for i := range 109 {
		v := uint32(0xffffffff)
		if i < tables {
			v = uint32(i)
			le.PutUint32(fat[4*i:], 0xfffffffd)
		}
		le.PutUint32(head[76+4*i:], v)
	}
	le.PutUint32(fat[4*tables:], 0xfffffffe)
	for i := range n {
		next := uint32(tables + i + 2)
		if i == n-1 {
			next = 0xfffffffe
		}
		le.PutUint32(fat[4*(tables+1+i):], next)
	}
	directory := make([]byte, sector)
	entry := func(i int, name string, kind byte, child, start, size uint32) {
		e := directory[128*i:]
		for k, c := range utf16.Encode([]rune(name)) {
			le.PutUint16(e[2*k:], c)
		}
		le.PutUint16(e[64:], uint16(2*len(name)+2))
		e[66], e[67] = kind, 1
		le.PutUint32(e[68:], 0xffffffff)
		le.PutUint32(e[72:], 0xffffffff)
		le.PutUint32(e[76:], child)
		le.PutUint32(e[116:], start)
		le.PutUint32(e[120:], size)
	}
	entry(0, "Root Entry", 5, 1, 0xfffffffe, 0)
	entry(1, name, 2, 0xffffffff, uint32(tables+1), uint32(size))
	return string(head) + string(fat) + string(directory) + stream
}

// rec is one record of a workbook.
func rec(id int, body ...any) string {
	var b bytes.Buffer
	for _, v := range body {
		if s, ok := v.(string); ok {
			b.WriteString(s)
		} else if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
	var head bytes.Buffer
	must(0, binary.Write(&head, binary.LittleEndian, []uint16{uint16(id), uint16(b.Len())}))
	return head.String() + b.String()
}

var (
	biffStart = rec(biffBOF, uint16(0x0600), uint16(5), uint64(0), uint32(0))
	biffSheet = rec(biffBOF, uint16(0x0600), uint16(16), uint64(0), uint32(0))
	biffEnd   = rec(biffEOF)
)

// label is a cell of text.
func label(row, column int, text string) string {
	return rec(biffLabel, uint16(row), uint16(column), uint16(0), uint16(len(text)), uint8(0), text)
}

// xlsOf makes the stream of a workbook of one sheet, with some records of its own among the shared ones.
func xlsOf(shared string, cells ...string) string {
	bound := func(at int) string {
		return rec(biffBoundSheet, uint32(at), uint8(0), uint8(0), uint8(2), uint8(0), "Un")
	}
	at := len(biffStart + bound(0) + shared + biffEnd)
	return biffStart + bound(at) + shared + biffEnd + biffSheet + strings.Join(cells, "") + biffEnd
}

func decodeStream(t testing.TB, stream string) (decoded, error) {
	return decodeAll(input("f.xls", compound(t, "Workbook", stream)), DecodeOptions{})
}

// drain reads the rest of a document and counts its rows.
func drain(dec Decoder) (rows int, err error) {
	defer closeDecoder(dec)
	var b schemas.Block
	for {
		if err := dec.Next(&b); err != nil {
			return rows, err
		}
		rows += b.Rows
	}
}

func TestXLS_TakesCellsForWhatTheyAre(t *testing.T) {
	shared := rec(biffFormat, uint16(200), uint16(10), uint8(0), "dd/mm/yyyy") +
		rec(biffFormat, uint16(201), uint16(4), uint8(1), "[\x00h\x00]\x00m\x00") +
		rec(biffXF, uint16(0), uint16(0), make([]byte, 16)) + rec(biffXF, uint16(0), uint16(14), make([]byte, 16)) +
		rec(biffXF, uint16(0), uint16(200), make([]byte, 16)) + rec(biffXF, uint16(0), uint16(201), make([]byte, 16)) +
		rec(biffSST, uint32(4), uint32(4),
			uint16(4), uint8(0), "caf\xe9",
			uint16(2), uint8(1), "\xac\x20A\x00",
			uint16(3), uint8(8|4), uint16(1), uint32(2), "abc", uint32(0), "xy",
			uint16(2), uint8(1), "\x3d\xd8\x00\xde")
	cells := []string{label(0, 0, "id"), label(0, 1, "valeur")}
	var want []string
	add := func(text, record string) {
		want = append(want, text)
		cells = append(cells, record)
	}
	cell := func(id, style int, body ...any) string {
		return rec(id, append([]any{uint16(len(want) + 1), uint16(1), uint16(style)}, body...)...)
	}
	add("café", cell(biffLabelSST, 0, uint32(0)))
	add("€A", cell(biffLabelSST, 0, uint32(1)))
	add("abc", cell(biffLabelSST, 0, uint32(2)))
	add("😀", cell(biffLabelSST, 0, uint32(3)))
	add("21470323900014", cell(biffNumber, 0, 21470323900014.0))
	add("0.1", cell(biffNumber, 0, 0.1))
	add("0", cell(biffNumber, 0, math.Copysign(0, -1)))
	add("-7", cell(biffRK, 0, int32(-7<<2|2)))
	add("12.34", cell(biffRK, 0, int32(1234<<2|3)))
	add("1.5", cell(biffRK, 0, uint32(math.Float64bits(1.5)>>32)))
	add("0.015", cell(biffRK, 0, uint32(math.Float64bits(1.5)>>32)|1))
	add("2024-03-12", cell(biffNumber, 1, 45363.0))
	add("2024-03-12T12:00:00", cell(biffNumber, 2, 45363.5))
	add("36:00:00", cell(biffNumber, 3, 1.5))
	add("true", cell(biffBoolErr, 0, uint8(1), uint8(0)))
	add("#N/A", cell(biffBoolErr, 0, uint8(0x2a), uint8(1)))
	add("3", cell(biffFormula, 0, 3.0, make([]byte, 8)))
	add("total", cell(biffFormula, 0, "\x00\x00\x00\x00\x00\x00\xff\xff", make([]byte, 8))+rec(biffShared, "x")+rec(biffString, uint16(5), uint8(0), "total"))
	add("false", cell(biffFormula, 0, "\x01\x00\x00\x00\x00\x00\xff\xff", make([]byte, 8)))
	add("#DIV/0!", cell(biffFormula, 0, "\x02\x00\x07\x00\x00\x00\xff\xff", make([]byte, 8)))
	add("", cell(biffFormula, 0, "\x03\x00\x00\x00\x00\x00\xff\xff", make([]byte, 8)))
	add("4", rec(biffMulRK, uint16(len(want)+1), uint16(0), uint16(0), int32(8<<2|2), uint16(0), int32(4<<2|2), uint16(1)))
	got, err := decodeStream(t, xlsOf(shared, cells...))
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range want {
		if got.cells[i][1] != w || got.line[i] != int64(i+2) {
			t.Errorf("line %d = %q, want %q", got.line[i], got.cells[i][1], w)
		}
	}
	if got.cells[len(want)-1][0] != "8" || len(got.faults) != 2 || got.info.Format != "xls" || *got.info.Sheet != "Un" {
		t.Errorf("last row %q, faults %q, info %+v", got.cells[len(want)-1], got.faults, got.info)
	}
}

func TestXLS_TextsGoOnInOtherRecordsAndEncodings(t *testing.T) {
	shared := rec(biffSST, uint32(3), uint32(3), uint16(6), uint8(0), "abc") + rec(biffContinue, uint8(1), "d\x00\xe9\x00\xac\x20", uint16(4), uint8(1), "x\x00") +
		rec(biffContinue, uint8(0), "y\xe9z", uint16(1)) + rec(biffContinue, uint8(8), uint16(1), "k", uint16(0)) + rec(biffContinue, uint16(0))
	got, err := decodeStream(t, xlsOf(shared, label(0, 0, "a"), label(0, 1, "b"), label(0, 2, "c"),
		rec(biffLabelSST, uint16(1), uint16(0), uint16(0), uint32(0)), rec(biffLabelSST, uint16(1), uint16(1), uint16(0), uint32(1)), rec(biffLabelSST, uint16(1), uint16(2), uint16(0), uint32(2)),
		rec(biffLabelSST, uint16(2), uint16(0), uint16(0), uint32(9)), label(2, 1, "x")))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.EqualFunc(got.cells, [][]string{{"abcdé€", "xyéz", "k"}, {"", "x", ""}}, slices.Equal) || !slices.Equal(got.faults, []string{"3/0 source-error"}) {
		t.Errorf("cells %q, faults %q", got.cells, got.faults)
	}
}

func TestXLS_RowsInAnyOrderAndDaysFrom1904(t *testing.T) {
	shared := rec(biffDateMode, uint16(1)) + rec(biffXF, uint16(0), uint16(0), make([]byte, 16)) + rec(biffXF, uint16(0), uint16(14), make([]byte, 16))
	chart := biffSheet + label(0, 0, "dans un graphique") + biffEnd
	got, err := decodeStream(t, xlsOf(shared, label(0, 0, "a"), label(5, 0, "fin"), label(2, 0, "milieu"), chart, label(0, 1, "b"),
		rec(biffNumber, uint16(2), uint16(1), uint16(1), 43901.0), rec(biffNumber, uint16(5), uint16(1), uint16(0), 2.0)))
	if err != nil {
		t.Fatal(err)
	}
	if want := [][]string{{"", ""}, {"milieu", "2024-03-12"}, {"", ""}, {"", ""}, {"fin", "2"}}; !slices.EqualFunc(got.cells, want, slices.Equal) || !slices.Equal(got.labels, []string{"a", "b"}) {
		t.Errorf("labels %q, cells %q, want %q", got.labels, got.cells, want)
	}
}

func TestXLS_RefusesWithASentence(t *testing.T) {
	sound := xlsOf("", label(0, 0, "a"), label(1, 0, "b"))
	looped := []byte(compound(t, "Workbook", sound))
	binary.LittleEndian.PutUint32(looped[512+4*2:], 2)          // the stream's first sector is followed by itself
	binary.LittleEndian.PutUint32(looped[1024+128+120:], 1<<31) // and goes on
	tests := []struct{ name, content, says string }{
		{"no sheet", compound(t, "Workbook", biffStart+biffEnd), "Le classeur est vide"},
		{"empty sheet", compound(t, "Workbook", xlsOf("")), "Le classeur est vide"},
		{"encrypted", compound(t, "Workbook", xlsOf(rec(biffFilePass, uint16(1)))), "mot de passe"},
		{"Excel 95", compound(t, "Book", sound), "Excel 95"},
		{"Excel 95 by its version", compound(t, "Workbook", rec(biffBOF, uint16(0x0500), uint16(5), uint32(0))), "Excel 95"},
		{"a letter", compound(t, "WordDocument", "x"), "document de bureautique"},
		{"another document", compound(t, "Autre", "x"), "abîmé"},
		{"cut container", compound(t, "Workbook", sound)[:1600], "abîmé"},
		{"chain that bites its tail", string(looped), "abîmé"},
		{"sheet out of place", compound(t, "Workbook", biffStart+rec(biffBoundSheet, uint32(1<<30), uint16(0), uint8(1), uint8(0), "a")+biffEnd), "abîmé"},
		{"ends inside a sheet", compound(t, "Workbook", strings.TrimSuffix(sound, biffEnd)+rec(biffBOF, "x")), "abîmé"},
		{"text without end", compound(t, "Workbook", xlsOf(rec(biffSST, uint32(9), uint32(9), uint16(50), uint8(0), "abc"))), "abîmé"},
		{"column beyond the last one", compound(t, "Workbook", xlsOf("", label(0, 300, "a"))), "abîmé"},
		{"many numbers beyond the last column", compound(t, "Workbook", xlsOf("", rec(biffMulRK, uint16(0), uint16(300), uint16(0), int32(8), uint16(0), int32(8), uint16(301)))), "abîmé"},
		{"record too short", compound(t, "Workbook", xlsOf("", rec(biffNumber, uint16(0)))), "abîmé"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := decodeAll(input("f.xls", tt.content), DecodeOptions{})
			if got := SentenceOf(err); err == nil || !strings.Contains(got, tt.says) {
				t.Errorf("error %v, sentence %q, want %q in it", err, got, tt.says)
			}
			wellPunctuated(t, SentenceOf(err))
		})
	}
}

// TestXLS_SharedTextsStayWithinMemory refers to one long text from so many cells that what comes out would be a gigabyte.
func TestXLS_SharedTextsStayWithinMemory(t *testing.T) {
	shared := rec(biffSST, uint32(1), uint32(1), uint16(8000), uint8(0), strings.Repeat("a", 8000))
	var cells []string
	for row := range 3000 {
		for column := range 60 {
			cells = append(cells, rec(biffLabelSST, uint16(row), uint16(column), uint16(0), uint32(0)))
		}
	}
	content := compound(t, "Workbook", xlsOf(shared, cells...))
	high := &highWater{ReaderAt: strings.NewReader(content)}
	dec, err := Decode(Input{Name: "f.xls", Size: int64(len(content)), ReaderAt: high}, DecodeOptions{Header: 1})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := drain(dec)
	if !strings.Contains(SentenceOf(err), "grossit démesurément") {
		t.Errorf("%d rows, %v", rows, err)
	}
	if used := high.most - high.first; used > 150<<20 {
		t.Errorf("%d MiB above the start", used>>20)
	}
}

func TestXLS_ReadsTheSharedSample(t *testing.T) {
	file := filepath.Join(samplesDir(t), "scdl-tabular", "catalog.xls")
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeAll(input(file, string(content)), DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.cells) != 2 || got.labels[0] != "dataset.id" || *got.info.Sheet != "catalog" || len(got.faults) != 0 {
		t.Errorf("%d rows, labels %q, info %+v, faults %q", len(got.cells), got.labels, got.info, got.faults)
	}
	first := []string{got.cells[0][0], got.cells[0][8], got.cells[1][0], got.cells[1][8]}
	if want := []string{"601ddcfc85a59c3a45c2435a", "False", "601ddcfc85a59c3a45c2435b", "2022-01-30T01:11:38.075"}; !slices.Equal(first, want) {
		t.Errorf("cells %q, want %q", first, want)
	}
}

func FuzzXLS(f *testing.F) {
	f.Add(xlsOf(rec(biffSST, uint32(1), uint32(1), uint16(2), uint8(9), uint16(1), "a\x00b\x00", uint32(0)), label(0, 0, "a"), rec(biffLabelSST, uint16(1), uint16(0), uint16(0), uint32(0))), 700)
	f.Add(xlsOf(rec(biffXF, uint16(0), uint16(14))+rec(biffFormat, uint16(7), uint16(1), uint8(0), "d"), label(3, 0, "a"), label(1, 0, "b"), rec(biffNumber, uint16(2), uint16(1), uint16(0), 3.5)), 1100)
	f.Add(xlsOf(rec(biffDateMode, uint16(1)), rec(biffFormula, uint16(0), uint16(1), uint16(0), "\x00\x00\x00\x00\x00\x00\xff\xff", uint64(0)), rec(biffString, uint16(1), uint8(0), "x"), rec(biffMulRK, uint16(1), uint16(0), uint16(0), int32(8), uint16(0), int32(4), uint16(1))), 40)
	f.Fuzz(func(t *testing.T, stream string, at int) {
		if len(stream) > 1<<20 {
			return
		}
		content := compound(t, "Workbook", stream)
		if _, err := decodeAll(input("f.xls", content), DecodeOptions{}); err != nil && SentenceOf(err) == "" {
			t.Errorf("no sentence for %v", err)
		}
		broken := []byte(content)
		broken[8+max(at, -at-1)%(len(broken)-8)] ^= 0x55
		if _, err := decodeAll(Input{Name: "f.xls", Size: int64(len(broken)), ReaderAt: bytes.NewReader(broken)}, DecodeOptions{}); err != nil && SentenceOf(err) == "" {
			t.Errorf("no sentence for %v", err)
		}
	})
}
