package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"grenier/harvest"
	"grenier/schemas"
)

type validateCommand struct {
	Schema string   `required:"" placeholder:"ORG/NOM[@VERSION]" help:"Schéma national, ou chemin d’un fichier Table Schema ou JSON Schema."`
	Files  []string `arg:"" name:"fichier" help:"Fichiers à juger (CSV, TSV, XLSX, ODS, XLS, JSON) ; « - » est l’entrée standard."`
	Format string   `enum:"text,json,csv" default:"text" help:"text, json ou csv."`
}

// Run judges files. Exit 0 when all are valid, 1 when one is not, 2 when one cannot be read.
func (v *validateCommand) Run(ctx context.Context, t *terminal) error {
	s, err := findSchema(v.Schema)
	if err != nil {
		return err
	}
	code := exitOK
	var reports []*schemas.Report
	for _, name := range v.Files {
		in, done, err := openInput(name, t.in)
		if err != nil {
			return err
		}
		progress := t.newBytesBar(in.Size, in.Name)
		r, err := harvest.Validate(ctx, in, harvest.Validation{Schema: s, Sink: func(_ []string, in *schemas.Block, _ *schemas.Batch) error {
			progress.add(len(in.Data))
			return nil
		}})
		progress.end()
		done()
		if err != nil && ctx.Err() != nil {
			return err
		}
		code = max(code, verdict(r, err))
		reports = append(reports, r)
	}
	if err := v.print(t, reports); err != nil {
		return err
	}
	return exitError{code: code}
}

func verdict(r *schemas.Report, err error) int {
	switch {
	case err != nil && r.Stats.Rows == 0:
		return exitUnusable
	case err != nil || !r.Valid:
		return exitBad
	}
	return exitOK
}

func (v *validateCommand) print(t *terminal, reports []*schemas.Report) error {
	switch v.Format {
	case "json":
		if len(reports) == 1 {
			return printJSON(t.out, reports[0])
		}
		return printJSON(t.out, reports)
	case "csv":
		return issuesCSV(t.out, reports)
	}
	for _, r := range reports {
		t.report(r)
	}
	return nil
}

// report prints a report for a person: the verdict, then the causes, most frequent first, each with its first place.
func (t *terminal) report(r *schemas.Report) {
	if r.Valid {
		fmt.Fprintf(t.out, "%s %s : conforme à %s@%s, %s.\n", t.paint(32, "✓"), r.File, r.Schema, r.Version, plural(r.Stats.Rows, "ligne", "lignes"))
	} else {
		fmt.Fprintf(t.out, "%s %s : non conforme à %s@%s. %s, %s, %s à corriger.\n", t.paint(31, "✗"), r.File, r.Schema, r.Version,
			plural(r.Stats.Rows, "ligne lue", "lignes lues"), plural(r.Stats.Accepted, "conforme", "conformes"), number(r.Stats.Rejected))
	}
	for _, c := range r.Counts {
		t.causeLines(r, c)
	}
	for _, w := range r.Warnings {
		fmt.Fprintf(t.out, "  %s %s\n", t.paint(33, "à noter :"), w.Message)
	}
}

func (t *terminal) causeLines(r *schemas.Report, c schemas.Count) {
	for _, e := range r.Errors {
		if e.Type != c.Type || e.Field != c.Field {
			continue
		}
		where := "dans l’en-tête"
		if e.Line > 1 {
			where = "ligne " + number(e.Line)
		} else if e.Row > 0 {
			where = "enregistrement " + number(e.Row)
		}
		if c.Count > 1 {
			where = plural(c.Count, "fois", "fois") + ", d’abord " + where
		}
		column := ""
		if e.Field != "" {
			column = t.paint(1, e.Field) + "\u00a0: "
		}
		fmt.Fprintf(t.out, "  %s%s (%s)\n", column, e.Message, where)
		if e.Hint != "" {
			fmt.Fprintf(t.out, "    %s\n", e.Hint)
		}
		return
	}
	fmt.Fprintf(t.out, "  %s : %s\n", c.Field, plural(c.Count, "erreur", "erreurs"))
}

func issuesCSV(w io.Writer, reports []*schemas.Report) error {
	c := csv.NewWriter(w)
	c.Write([]string{"fichier", "ligne", "enregistrement", "colonne", "valeur", "type", "message", "conseil"})
	for _, r := range reports {
		for _, e := range r.Errors {
			c.Write([]string{r.File, positive(e.Line), positive(e.Row), e.Field, e.Cell, e.Type, e.Message, e.Hint})
		}
	}
	c.Flush()
	return c.Error()
}

func positive(n int64) string {
	if n <= 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// findSchema finds a bundled schema, or reads a schema file.
func findSchema(ref string) (*schemas.Schema, error) {
	if b, err := os.ReadFile(ref); err == nil {
		id := schemas.ID(strings.TrimSuffix(filepath.Base(ref), filepath.Ext(ref)) + "@fichier")
		var probe struct {
			Fields []json.RawMessage `json:"fields"`
		}
		json.Unmarshal(b, &probe)
		var s *schemas.Schema
		if probe.Fields != nil {
			s, err = schemas.ParseTable(id, b)
		} else {
			s, err = schemas.ParseDocument(id, b, nil)
		}
		if err != nil {
			return nil, usage("Le schéma %s n’est pas valable : %v", ref, err)
		}
		return s, nil
	}
	s, err := schemas.National().Lookup(ref)
	if err != nil {
		return nil, usage("%v « grenier schemas list » montre ceux qui sont connus.", err)
	}
	return s, nil
}

// openInput opens a file, or keeps standard input in memory (up to 1 GB).
func openInput(name string, stdin io.Reader) (in harvest.Input, done func(), err error) {
	if name == "-" {
		b, err := io.ReadAll(io.LimitReader(stdin, 1<<30))
		if err != nil {
			return in, nil, usage("L’entrée standard ne peut pas être lue : %v.", err)
		}
		return harvest.Input{Name: "-", Size: int64(len(b)), ReaderAt: bytes.NewReader(b)}, func() {}, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return in, nil, usage("Le fichier %s ne peut pas être ouvert : %s.", name, whyNot(err))
	}
	st, err := f.Stat()
	if err == nil && st.IsDir() {
		err = errors.New("c’est un dossier")
	}
	if err != nil {
		f.Close()
		return in, nil, usage("Le fichier %s ne peut pas être lu : %v.", name, err)
	}
	return harvest.Input{Name: filepath.Base(name), Size: st.Size(), ReaderAt: f}, func() { f.Close() }, nil
}
