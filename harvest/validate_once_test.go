package harvest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grenier/harvest"
	"grenier/schemas"
)

// A countedDisk counts the bytes that are read of it.
type countedDisk struct {
	io.ReaderAt
	read atomic.Int64
}

func (d *countedDisk) ReadAt(p []byte, off int64) (int, error) {
	n, err := d.ReaderAt.ReadAt(p, off)
	d.read.Add(int64(n))
	return n, err
}

// verdictOf is a report as JSON, without its time.
func verdictOf(t *testing.T, in harvest.Input, v harvest.Validation) string {
	t.Helper()
	r, err := harvest.Validate(context.Background(), in, v)
	if err != nil {
		t.Fatal(err)
	}
	r.Stats.Seconds = 0
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A validation that nobody follows finds the encoding while it reads; one with a Sink finds it before. Both must say the same.
func TestValidate_SaysTheSameWhetherTheEncodingIsFoundBeforeOrWhileReading(t *testing.T) {
	good := strings.Repeat("École de Brûlon;12\r\n", 20_000) // 400 KB
	plain := strings.Repeat("Ecole de Vaubrun;12\n", 20_000)
	ansi := strings.Repeat("\xc9cole de Br\xfblon;12\r\n", 20_000)
	dos := strings.Repeat("\x82cole de Br\x96lon l'\x82t\x82;12\r\n", 200_000)
	for _, tt := range []struct {
		name, text, encoding string
		once                 bool // the document is read once
	}{
		{"UTF-8", good, "utf-8", true},
		{"UTF-8 with a mark", "\ufeffnom;n\n" + good, "utf-8", true},
		{"UTF-8 with a mark and thousands of broken characters", "\ufeffnom;n\n" + plain + ansi, "utf-8", true},
		{"UTF-8 with some bad cells far down", good + "\xe9t\xe9;1\nd\x00j\xe0;2\n" + good, "utf-8", true},
		{"ASCII, then UTF-8", plain + good, "utf-8", true},
		{"Windows-1252", ansi, "windows-1252", false},
		{"ASCII, then Windows-1252", plain + plain + ansi, "windows-1252", false},
		{"UTF-8 at first, Windows-1252 for the most part", good + strings.Repeat(ansi, 3), "windows-1252", false},
		{"Windows-1252 at first, DOS for the most part", strings.Repeat(ansi, 3) + dos, "cp850", false},
		{"Windows-1252 with a place it leaves empty, far down", ansi + "\x81t\xe9;1\n" + ansi, "windows-1252", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.HasPrefix(tt.text, "\ufeff") {
				tt.text = "nom;n\n" + tt.text
			}
			s, err := schemas.ParseTable("essai/ecoles@1.0.0", []byte(`{"fields": [{"name": "nom", "type": "string", "constraints": {"maxLength": 16}}, {"name": "n", "type": "integer"}]}`))
			if err != nil {
				t.Fatal(err)
			}
			disk := &countedDisk{ReaderAt: strings.NewReader(tt.text)}
			in := harvest.Input{Name: "ecoles.csv", Size: int64(len(tt.text)), ReaderAt: disk}
			while := verdictOf(t, in, harvest.Validation{Schema: s})
			if read, once := disk.read.Load(), int64(len(tt.text))+64<<10; tt.once && read > once {
				t.Errorf("%d bytes read of %d", read, len(tt.text))
			}
			before := verdictOf(t, in, harvest.Validation{Schema: s, Sink: func([]string, *schemas.Block, *schemas.Batch) error { return nil }})
			if diff := cmp.Diff(before, while); diff != "" {
				t.Errorf("found before (-) and while reading (+):\n%s", diff)
			}
			if !bytes.Contains([]byte(while), []byte(`"encoding": "`+tt.encoding+`"`)) {
				t.Errorf("the encoding is not %s: %.600s", tt.encoding, while)
			}
		})
	}
}

// With nobody to read the batches, faults past the details are counted in the order of the columns: the report must not tell.
func TestValidate_TheReportIsTheSameWhetherTheBatchesAreReadOrNot(t *testing.T) {
	var file strings.Builder
	file.WriteString(grantHeader)
	for i := range 3000 {
		switch i % 5 {
		case 0:
			file.WriteString(grant(i, "01/02/2024", "12,5"))
		case 1:
			file.WriteString(grant(i, "", "douze"))
		case 2:
			file.WriteString("\n")
		case 3:
			file.WriteString(strings.TrimSuffix(grant(i, "2024-02-30", "10"), "\n") + ",en trop\n")
		default:
			file.WriteString(grant(i, "2024-02-01", "10"))
		}
	}
	in := input("f.csv", file.String())
	s := national(t, "scdl/subventions")
	alone, _ := harvest.Validate(context.Background(), in, harvest.Validation{Schema: s})
	read, _ := harvest.Validate(context.Background(), in, harvest.Validation{Schema: s, Sink: func([]string, *schemas.Block, *schemas.Batch) error { return nil }})
	alone.Stats.Seconds, read.Stats.Seconds = 0, 0
	a, _ := json.MarshalIndent(alone, "", " ")
	b, _ := json.MarshalIndent(read, "", " ")
	if diff := cmp.Diff(string(b), string(a)); diff != "" {
		t.Errorf("read batches (-) and no batch read (+):\n%s", diff)
	}
	if alone.Stats.Errors < 3000 || len(alone.Errors) != schemas.MaxIssues {
		t.Errorf("%d errors, %d told", alone.Stats.Errors, len(alone.Errors))
	}
}

// A sink that can begin anew lets a document be read once; when its end contradicts its beginning, what the sink was given is void.
func TestValidate_BeginsAnewWhenTheEndContradictsTheBeginning(t *testing.T) {
	s, err := schemas.ParseTable("essai/noms@1.0.0", []byte(`{"fields": [{"name": "nom", "type": "string"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	plain := strings.Repeat("Lef\xc3\xa8vre\n", 100_000)
	ansi := "nom\n" + strings.Repeat("Dupont\n", 400_000) + strings.Repeat("Lef\xe8vre\n", 400_000)
	for name, c := range map[string]struct {
		file string
		rows int64
		news int
	}{"UTF-8 throughout": {"nom\n" + plain, 100_000, 0}, "windows-1252 at the end": {ansi, 800_000, 1}} {
		t.Run(name, func(t *testing.T) {
			var rows int64
			var last string
			news := 0
			_, err := harvest.Validate(t.Context(), harvest.Input{Name: "noms.csv", Size: int64(len(c.file)), ReaderAt: strings.NewReader(c.file)}, harvest.Validation{
				Schema: s,
				Again:  func() error { rows, news = 0, news+1; return nil },
				Sink: func(_ []string, _ *schemas.Block, out *schemas.Batch) error {
					rows += int64(out.Rows)
					if out.Rows > 0 {
						last = string(out.TextAt(0, out.Rows-1))
					}
					return nil
				},
			})
			if err != nil || rows != c.rows || news != c.news || last != "Lefèvre" {
				t.Errorf("%d rows, %d times anew, last %q, %v", rows, news, last, err)
			}
		})
	}
	refused := errors.New("the disk is full")
	_, err = harvest.Validate(t.Context(), harvest.Input{Name: "noms.csv", Size: int64(len(ansi)), ReaderAt: strings.NewReader(ansi)}, harvest.Validation{
		Schema: s, Again: func() error { return refused }, Sink: func([]string, *schemas.Block, *schemas.Batch) error { return nil },
	})
	if !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
}
