package harvest_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"grenier/catalog"
	"grenier/harvest"
	"grenier/schemas"
)

func input(name, text string) harvest.Input {
	return harvest.Input{Name: name, Size: int64(len(text)), ReaderAt: strings.NewReader(text)}
}

func national(t *testing.T, name string) *schemas.Schema {
	t.Helper()
	s, err := schemas.National().Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestValidate_GivesTheVerdictOfAHarvest(t *testing.T) {
	strict := strings.Replace(grants, `map: {trim: true, dates: [jj/mm/aaaa], decimal: ","}`+"\n", "", 1)
	b := newBench(t, strict)
	file := grantHeader + grant(1, "2024-03-01", "1234.50") + grant(2, "2024-03-02", "12,5") + grant(3, "01/03/2024", "1") + grant(4, "2024-03-04", "0.1")
	b.set("subventions", answer{body: file})
	run := b.run("subventions", harvest.Ask{}, catalog.Published)
	r, err := harvest.Validate(context.Background(), input("subventions.csv", file), harvest.Validation{Schema: national(t, "scdl/subventions")})
	if err != nil {
		t.Fatal(err)
	}
	if r.Fingerprint != run.Report.Fingerprint || r.SHA256 != run.Report.SHA256 || r.Stats.Rejected != run.Report.Stats.Rejected || len(r.Errors) != len(run.Report.Errors) || r.Stats.Rows != 4 || r.Stats.Rejected != 2 {
		t.Errorf("validated %+v\nharvested %+v", r, run.Report)
	}
	for i := range r.Errors {
		if r.Errors[i] != run.Report.Errors[i] {
			t.Errorf("error %d: %+v and %+v", i, r.Errors[i], run.Report.Errors[i])
		}
	}
}

func TestValidate_HandsOverWhatWasChecked(t *testing.T) {
	file := grantHeader + grant(1, "2024-03-01", "10") + grant(2, "hier", "10")
	accepted, refused := 0, 0
	r, err := harvest.Validate(context.Background(), input("f.csv", file), harvest.Validation{Schema: national(t, "scdl/subventions"), Sink: func(labels []string, in *schemas.Block, out *schemas.Batch) error {
		accepted += out.Rows
		refused += len(out.Rejects)
		if len(labels) != 14 || in.Rows != 2 || string(in.Cell(1, 2)) != "hier" {
			t.Errorf("labels %v, %d rows", labels, in.Rows)
		}
		return nil
	}})
	if err != nil || accepted != 1 || refused != 1 || r.Valid || r.Source.Bytes != int64(len(file)) || r.File != "f.csv" || r.Source.Format != "csv" {
		t.Errorf("%d accepted, %d refused, %v: %+v", accepted, refused, err, r)
	}
}

func TestValidate_SaysInFrenchWhatCannotBeRead(t *testing.T) {
	for name, c := range map[string]struct{ schema, text, says string }{
		"empty":            {"scdl/subventions", "", "vide"},
		"page":             {"scdl/subventions", "<html><body>Connexion</body></html>", "page web"},
		"binary":           {"scdl/subventions", strings.Repeat("\x01\x02\x03\x04", 100), "ni un tableau ni du texte"},
		"other columns":    {"scdl/subventions", "a;b\n1;2\n", "Aucune colonne"},
		"no json":          {"139bercy/format-commande-publique@2.0.3", "a;b\n1;2\n", "JSON"},
		"json that breaks": {"139bercy/format-commande-publique@2.0.3", `{"marches":{"marche":[{"id":"1"},`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := harvest.Validate(context.Background(), input("fichier", c.text), harvest.Validation{Schema: national(t, c.schema)})
			var s *harvest.Sentence
			if !errors.As(err, &s) {
				t.Fatalf("error %v has no sentence", err)
			}
			saysInFrench(t, s.French, c.says)
			if strings.Contains(s.French, "reste en ligne") {
				t.Errorf("a validation speaks of what is online: %s", s.French)
			}
			if r == nil || r.Valid || r.Stats.Errors == 0 || r.File != "fichier" && name != "other columns" || r.SHA256 != hashOf([]byte(c.text)) || len(r.Fingerprint) != 32 {
				t.Errorf("report %+v", r)
			}
		})
	}
}

// A broken disk gives its first bytes only.
type brokenDisk struct{ io.ReaderAt }

func (d brokenDisk) ReadAt(p []byte, at int64) (int, error) {
	if at+int64(len(p)) > 300_000 {
		return 0, errors.New("input/output error")
	}
	return d.ReaderAt.ReadAt(p, at)
}

func TestValidate_SaysInFrenchThatReadingBroke(t *testing.T) {
	text := grantFile(8000, 0)
	in := input("f.csv", text)
	in.ReaderAt = brokenDisk{in.ReaderAt}
	_, err := harvest.Validate(context.Background(), in, harvest.Validation{Schema: national(t, "scdl/subventions")})
	if err == nil || !strings.Contains(err.Error(), "input/output error") {
		t.Errorf("error %v", err)
	}
	var s *harvest.Sentence
	if !errors.As(err, &s) {
		t.Errorf("error %v has no sentence", err)
	}
}

func TestValidate_EndsWithItsContextAndWithItsSink(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	in := input("f.csv", grantFile(3, 0))
	if _, err := harvest.Validate(ctx, in, harvest.Validation{Schema: national(t, "scdl/subventions")}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	full := errors.New("disk full")
	_, err := harvest.Validate(context.Background(), in, harvest.Validation{Schema: national(t, "scdl/subventions"), Sink: func([]string, *schemas.Block, *schemas.Batch) error { return full }})
	if !errors.Is(err, full) {
		t.Errorf("error %v", err)
	}
}
