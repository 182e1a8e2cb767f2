package publish_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"grenier/publish"
	"grenier/publish/publishtest"
	"grenier/schemas"

	"github.com/google/go-cmp/cmp"
)

var twoColumns = publishtest.Schema(schemas.Field{Name: "nom", Type: schemas.String}, schemas.Field{Name: "montant", Type: schemas.Number})

func begin(t *testing.T, dir string) *publish.Draft {
	t.Helper()
	d, err := publish.Begin(publish.Order{Schema: twoColumns, Meta: publish.Meta{Title: "Subventions"}, Formats: publish.Formats(), Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Discard)
	return d
}

// refusal is a block of two records of which the second was refused.
func refusal() (labels []string, in *schemas.Block, rejects []schemas.Reject) {
	in = new(schemas.Block)
	in.Reset(2)
	in.AppendRecord(2, 2, []byte("bon"), []byte("1"))
	in.AppendRecord(3, 4, []byte(`=HYPERLINK("x";"y")`), []byte("-12,5"))
	return []string{"nom", "montant"}, in, []schemas.Reject{{Record: 1, Row: 3, Line: 4, Issues: []schemas.Issue{
		{Field: "montant", Message: "Ce nombre a une virgule.", Hint: "Écrivez -12.5."}, {Message: "Ligne en trop."},
	}}}
}

func leftIn(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestDraft_PressesEachFormatAndStoresIt(t *testing.T) {
	store, err := publish.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d := begin(t, store.Temp())
	for _, rows := range [][][]string{{{"a", "1"}, {"b", ""}}, {{"c", "2.5"}}} {
		if err := d.Write(publishtest.Batch(twoColumns, rows)); err != nil {
			t.Fatal(err)
		}
	}
	labels, in, rejects := refusal()
	if err := d.Reject("subventions.csv", labels, in, rejects); err != nil {
		t.Fatal(err)
	}
	files, quarantine, err := d.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Store(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	d.Discard()
	if len(files) != len(publish.FormatsFor(twoColumns)) || quarantine == nil {
		t.Fatalf("got %+v and %+v", files, quarantine)
	}
	for _, p := range append(files, *quarantine) {
		data := stored(t, store, p.Key)
		sum := sha256.Sum256(data)
		if hexSum := hex.EncodeToString(sum[:]); hexSum != p.SHA256 || !strings.Contains(p.Key, "/"+hexSum[:2]+"/"+hexSum+".") {
			t.Errorf("%s: key %s, SHA-256 %s, is %s", p.Format, p.Key, p.SHA256, hexSum)
		}
		want := int64(3)
		if p.Format == "" {
			want = 1
		}
		if p.Bytes != int64(len(data)) || p.Rows != want {
			t.Errorf("%s: says %d bytes, %d rows; is %d bytes, %d rows", p.Format, p.Bytes, p.Rows, len(data), want)
		}
	}
	if got := string(stored(t, store, files[0].Key)); files[0].Format != "csv" || got != "nom,montant\na,1\nb,\nc,2.5\n" {
		t.Errorf("first file is %s: %q", files[0].Format, got)
	}
	parquet := slices.IndexFunc(files, func(p publish.Pressed) bool { return p.Format == "parquet" })
	readsBack(t, twoColumns, stored(t, store, files[parquet].Key), [][]string{{"a", "1"}, {"b", ""}, {"c", "2.5"}})
	if left := leftIn(t, store.Temp()); len(left) != 0 {
		t.Errorf("left %q", left)
	}
}

func stored(t *testing.T, s publish.BlobStore, key string) []byte {
	t.Helper()
	b, err := s.Open(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	data, err := io.ReadAll(b)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestDraft_MakesTheSameFilesOfTheSameRows(t *testing.T) {
	make := func(rows ...[][]string) (sums []string) {
		d := begin(t, t.TempDir())
		for _, r := range rows {
			if err := d.Write(publishtest.Batch(twoColumns, r)); err != nil {
				t.Fatal(err)
			}
		}
		files, quarantine, err := d.Finish()
		if err != nil || quarantine != nil {
			t.Fatalf("finish: %v, quarantine %+v", err, quarantine)
		}
		for _, f := range files {
			sums = append(sums, f.Key)
		}
		return sums
	}
	want := make([][]string{{"a", "1"}, {"b", "2"}})
	if diff := cmp.Diff(want, make([][]string{{"a", "1"}}, [][]string{{"b", "2"}})); diff != "" {
		t.Error(diff)
	}
	if cmp.Equal(want, make([][]string{{"b", "2"}, {"a", "1"}})) {
		t.Error("another order gave the same keys")
	}
}

func TestDraft_LeavesNothingWhenDiscarded(t *testing.T) {
	labels, in, rejects := refusal()
	for name, stop := range map[string]func(t *testing.T, d *publish.Draft){
		"at once": func(*testing.T, *publish.Draft) {},
		"after rows": func(t *testing.T, d *publish.Draft) {
			if err := errors.Join(d.Write(publishtest.Batch(twoColumns, [][]string{{"a", "1"}})), d.Reject("x", labels, in, rejects)); err != nil {
				t.Error(err)
			}
		},
		"after Finish": func(t *testing.T, d *publish.Draft) {
			if err := d.Reject("x", labels, in, rejects); err != nil {
				t.Error(err)
			}
			if _, _, err := d.Finish(); err != nil {
				t.Error(err)
			}
		},
		"after a store that failed": func(t *testing.T, d *publish.Draft) {
			if _, _, err := d.Finish(); err != nil {
				t.Error(err)
			}
			full, err := publish.OpenDir(t.TempDir(), publish.KeepFree(1<<62, 0))
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Store(t.Context(), full); !errors.Is(err, publish.ErrFull) {
				t.Errorf("store: got %v", err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			d := begin(t, dir)
			stop(t, d)
			d.Discard()
			d.Discard()
			if left := leftIn(t, dir); len(left) != 0 {
				t.Errorf("left %q", left)
			}
			if d.Write(publishtest.Batch(twoColumns, nil)) == nil {
				t.Error("wrote to a discarded draft")
			}
		})
	}
	var none *publish.Draft
	none.Discard()
}

func TestDraft_RefusesWhatItCannotDo(t *testing.T) {
	dir := t.TempDir()
	broken := publish.Format{Name: "broken", Ext: ".x", New: func(io.Writer, *schemas.Schema, publish.Meta) (publish.BatchWriter, error) {
		return nil, errors.New("no licence")
	}}
	for name, o := range map[string]publish.Order{
		"no schema":  {Formats: publish.Formats(), Dir: dir},
		"no format":  {Schema: twoColumns, Dir: dir},
		"bad format": {Schema: twoColumns, Formats: append(publish.Formats(), broken), Dir: dir},
	} {
		if d, err := publish.Begin(o); err == nil || d != nil {
			t.Errorf("%s: got %v, %v", name, d, err)
		}
	}
	if left := leftIn(t, dir); len(left) != 0 {
		t.Errorf("left %q", left)
	}
	d := begin(t, dir)
	if err := d.Store(t.Context(), nil); err == nil {
		t.Error("stored before Finish")
	}
	if _, _, err := d.Finish(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.Finish(); err == nil {
		t.Error("finished twice")
	}
}

func TestDraft_StaysBrokenAfterAnError(t *testing.T) {
	dir := t.TempDir()
	d := begin(t, dir)
	other := publishtest.Schema(schemas.Field{Name: "x", Type: schemas.String})
	first := d.Write(publishtest.Batch(other, [][]string{{"a"}}))
	if first == nil {
		t.Fatal("wrote a batch of another schema")
	}
	if _, _, err := d.Finish(); !errors.Is(err, first) {
		t.Errorf("finish: got %v, want %v", err, first)
	}
	if err := d.Store(t.Context(), nil); !errors.Is(err, first) {
		t.Errorf("store: got %v, want %v", err, first)
	}
	d.Discard()
	if left := leftIn(t, dir); len(left) != 0 {
		t.Errorf("left %q", left)
	}
}

// SECURITY P-03: a sync that fails ends the draft, whichever of them it is, and nothing is left.
func TestDraft_FailsWhenAnySyncFails(t *testing.T) {
	errSync := errors.New("input/output error")
	for n := 1; ; n++ {
		store, err := publish.OpenDir(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		d := begin(t, store.Temp())
		labels, in, rejects := refusal()
		if err := errors.Join(d.Write(publishtest.Batch(twoColumns, [][]string{{"a", "1"}})), d.Reject("x", labels, in, rejects)); err != nil {
			t.Fatal(err)
		}
		calls := 0
		restore := publish.SetSync(func(f *os.File) error {
			if calls++; calls == n {
				return errSync
			}
			return f.Sync()
		})
		_, _, err = d.Finish()
		if err == nil {
			err = d.Store(t.Context(), store)
		}
		restore()
		d.Discard()
		if left := leftIn(t, store.Temp()); len(left) != 0 {
			t.Errorf("sync %d: left %q", n, left)
		}
		if calls < n {
			if err != nil {
				t.Errorf("no sync failed: got %v", err)
			}
			if n < 3*2+1 {
				t.Errorf("only %d syncs for three files and their folders", calls)
			}
			return
		}
		if !errors.Is(err, errSync) {
			t.Errorf("sync %d failed: got %v", n, err)
		}
	}
}

// quarantineOf finishes a draft and reads its quarantine.
func quarantineOf(t *testing.T, d *publish.Draft) string {
	t.Helper()
	_, q, err := d.Finish()
	if err != nil || q == nil {
		t.Fatalf("finish: %v, quarantine %+v", err, q)
	}
	data, err := os.ReadFile(q.Path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestQuarantine_SaysWhereAndWhyThenTheCells(t *testing.T) {
	d := begin(t, t.TempDir())
	labels, in, rejects := refusal()
	if err := d.Reject("subventions 2026.csv", labels, in, rejects); err != nil {
		t.Fatal(err)
	}
	want := "\ufeffdocument;ligne;enregistrement;raisons;nom;montant\r\n" +
		"subventions 2026.csv;4;3;montant\u00a0: Ce nombre a une virgule. Écrivez -12.5. | Ligne en trop.;\"'=HYPERLINK(\"\"x\"\";\"\"y\"\")\";-12,5\r\n"
	if got := quarantineOf(t, d); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestQuarantine_RepeatsTheHeaderWhenLabelsChange(t *testing.T) {
	d := begin(t, t.TempDir())
	in := new(schemas.Block)
	in.Reset(2)
	in.AppendRecord(2, 0, []byte("x"), []byte("y"))
	rejects := []schemas.Reject{{Record: 0, Row: 2, Issues: []schemas.Issue{{Message: "Non."}}}}
	for _, labels := range [][]string{{"a", "b"}, {"a", "b"}, {"b"}, nil} {
		if err := d.Reject("d", labels, in, rejects); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Reject("nothing", []string{"z"}, in, nil); err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(bytes.NewReader([]byte(strings.TrimPrefix(quarantineOf(t, d), "\ufeff"))))
	r.Comma = ';'
	got, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	row := []string{"d", "", "2", "Non.", "x", "y"}
	head := []string{"document", "ligne", "enregistrement", "raisons"}
	want := [][]string{
		append(head[:4:4], "a", "b"), row, row,
		append(head[:4:4], "b", "colonne 2"), row,
		append(head[:4:4], "colonne 1", "colonne 2"), row,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestQuarantine_GuardsFormulas(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "texte": false, "12,5": false, "-12,5": false, "+33 2 00 00 00 00": false, "-1\u202f000": false, "a=1": false, "'=1": false, "-": false,
		"=1+1": true, "@SUM(A1)": true, "\t=1": true, "\r=1": true, "\n=1": true, "+cmd|' /C calc'!A0": true, "-1+2": true, "-A1": true, "+": false,
	} {
		if got := publish.LooksLikeFormula([]byte(text)); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}
