package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"grenier/harvest"
	"grenier/schemas"
)

type validateCommand struct {
	Schema string            `required:"" placeholder:"ORG/NOM[@VERSION]" help:"Schéma national, chemin ou adresse d’un Table Schema ou JSON Schema, ou « auto » : reconnu d’après le contenu."`
	Files  []string          `arg:"" name:"fichier" help:"Fichiers à juger (CSV, TSV, XLSX, ODS, XLS, JSON) ; « - » est l’entrée standard."`
	Format string            `enum:"text,json,csv,html" default:"text" help:"text, json, csv ou html (une page à ouvrir ou à imprimer)."`
	With   map[string]string `mapsep:"none" placeholder:"NOM=FICHIER" help:"Autre tableau auquel le schéma renvoie, sous le nom qu’il lui donne ; répétable."`
	Lang   string            `enum:"fr,en" default:"fr" help:"Langue des messages : fr ou en."`
	Fix    string            `placeholder:"DOSSIER" help:"Répare ce qui peut l’être sans changer le sens, et écrit dans ce dossier le fichier réparé, la liste des réparations et de quoi les annuler."`
}

// Run judges files. Exit 0 when all are valid, 1 when one is not, 2 when one cannot be read.
func (v *validateCommand) Run(ctx context.Context, t *terminal, cmd *commands) error {
	choice, err := t.chooseSchema(ctx, v.Schema, cmd)
	if err != nil {
		return err
	}
	var cells *cellList
	if v.Format == "csv" {
		cells = newCellList(t.out, len(v.Files) > 1, v.Lang)
	}
	code := exitOK
	var reports []*schemas.Report
	var fixes []*harvest.Fixed
	for _, name := range v.Files {
		in, done, err := openInput(name, t.in)
		if err != nil {
			return err
		}
		s, recognition, err := choice.of(ctx, in)
		if err != nil {
			done()
			return err
		}
		tables, doneTables, err := v.otherTables(ctx, t, s, choice, name)
		if err != nil {
			done()
			return err
		}
		progress := t.newBytesBar(in.Size, in.Name)
		how := harvest.Validation{Schema: s, Language: v.Lang, Progress: progress.add, Tables: tables}
		if cells != nil && v.Fix == "" {
			cells.file, how.Each = in.Name, cells.add
		}
		fixed, err := v.judge(ctx, in, how)
		progress.end()
		done()
		doneTables()
		if err != nil && ctx.Err() != nil {
			return err
		}
		fixed.Before.Recognition, fixed.After.Recognition = recognition, recognition
		code = max(code, verdict(fixed.After, err))
		if cells != nil && v.Fix != "" { // what remains once repaired
			cells.file = in.Name
			for _, i := range fixed.After.Errors {
				cells.add(i)
			}
		}
		reports, fixes = append(reports, v.shown(fixed)), append(fixes, fixed)
	}
	if cells != nil {
		if err := cells.end(); err != nil {
			return err
		}
	}
	if v.Format == "html" {
		err = htmlReports(t.out, choice.set, v, fixes)
	} else {
		err = v.print(t, reports)
	}
	if err != nil {
		return err
	}
	v.printFixes(t, fixes)
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
		return nil // written while judging
	}
	for i, r := range reports {
		if i > 0 {
			fmt.Fprintln(t.out)
		}
		t.recognized(r.Recognition)
		p := t.textReport(r)
		p.fixable = v.Fix == ""
		if name := v.Files[i]; name != "-" {
			p.command = fmt.Sprintf("grenier validate --schema %s --format csv %s", shellWord(v.Schema), shellWord(name))
		}
		p.print()
	}
	return nil
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
