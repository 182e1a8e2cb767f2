package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"grenier/harvest"
	"grenier/publish"
	"grenier/schemas"
)

type convertCommand struct {
	Schema  string   `required:"" placeholder:"ORG/NOM[@VERSION]" help:"Schéma national, chemin ou adresse d’un schéma, ou « auto » : reconnu d’après le contenu."`
	File    string   `arg:"" name:"fichier" help:"Fichier à convertir."`
	Out     string   `required:"" placeholder:"DOSSIER" type:"path" help:"Où écrire les fichiers et report.json."`
	Formats []string `default:"csv,parquet" help:"Formats, séparés par des virgules."`

	KeepInvalid bool `help:"Garder aussi les lignes non conformes, sans leurs valeurs fautives."`
	Jobs        int  `short:"j" placeholder:"N" help:"Cœurs utilisés, au plus (tous par défaut)."`
}

// Run takes one file along the line without a catalogue. Exit codes are those of validate.
func (c *convertCommand) Run(ctx context.Context, t *terminal, cmd *commands) error {
	choice, err := t.chooseSchema(ctx, c.Schema, cmd)
	if err != nil {
		return err
	}
	formats, err := namedFormats(c.Formats)
	if err != nil {
		return err
	}
	if c.Jobs > 0 {
		runtime.GOMAXPROCS(c.Jobs)
	}
	in, done, err := openInput(c.File, t.in)
	if err != nil {
		return err
	}
	defer done()
	s, how, err := choice.of(ctx, in)
	if err != nil {
		return err
	}
	if c.KeepInvalid && s.Form == schemas.Document {
		return usage("--keep-invalid ne vaut que pour un schéma de table.")
	}
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return usage("Le dossier %s ne peut pas être créé : %v.", c.Out, err)
	}
	progress := t.newBytesBar(in.Size, in.Name)
	r, dropped, err := c.convert(ctx, in, s, how, formats, progress)
	progress.end()
	if errors.Is(err, publish.ErrNotOffered) {
		return usage("Aucun des formats demandés ne convient à cette table. Demandez aussi csv, qui convient à toutes.")
	}
	if r == nil || err != nil && ctx.Err() != nil {
		return err
	}
	t.recognized(how)
	t.report(r)
	t.notOffered(dropped)
	return exitError{code: verdict(r, err)}
}

func (c *convertCommand) convert(ctx context.Context, in harvest.Input, s *schemas.Schema, how *schemas.Recognition, formats []publish.Format, progress bar) (*schemas.Report, []publish.Drop, error) {
	draft, err := publish.Begin(publish.Order{Schema: s, Formats: formats, Dir: c.Out, Meta: publish.Meta{Title: s.Title}})
	if err != nil {
		return nil, nil, err
	}
	defer draft.Discard()
	keep := newKeeper(s)
	report, bad := harvest.Validate(ctx, in, harvest.Validation{Schema: s, Sink: func(labels []string, in *schemas.Block, out *schemas.Batch) error {
		progress.add(len(in.Data))
		if err := draft.Write(out); err != nil {
			return err
		}
		if err := draft.Reject("", labels, in, out.Rejects); err != nil || !c.KeepInvalid {
			return err
		}
		_, err := keep.keep(labels, in, out.Rejects, draft.Write)
		return err
	}})
	report.Recognition = how
	if bad != nil && report.Stats.Rows == 0 {
		return report, draft.Dropped(), errors.Join(bad, c.writeReport(report))
	}
	files, quarantine, err := draft.Finish()
	if err != nil {
		return nil, nil, err
	}
	base := strings.TrimSuffix(in.Name, filepath.Ext(in.Name))
	if in.Name == "-" {
		base = "entree"
	}
	for _, f := range files {
		format, _ := publish.FormatNamed(f.Format)
		if err := deliver(f.Path, filepath.Join(c.Out, base+format.Ext)); err != nil {
			return nil, nil, err
		}
	}
	if quarantine != nil {
		if err := deliver(quarantine.Path, filepath.Join(c.Out, base+"-lignes-ecartees.csv")); err != nil {
			return nil, nil, err
		}
	}
	return report, draft.Dropped(), errors.Join(bad, c.writeReport(report))
}

// notOffered names the formats that cannot hold the table.
func (t *terminal) notOffered(dropped []publish.Drop) {
	for _, d := range dropped {
		why := "la table n’a pas de coordonnées"
		if d.Format.Fits == nil {
			why = "la table est trop grande pour une feuille de calcul"
		}
		fmt.Fprintf(t.out, "Sans %s : %s.\n", d.Format.Title, why)
	}
}

// deliver gives a finished file its name, and the rights of any file that a person makes.
func deliver(from, to string) error {
	if err := os.Chmod(from, 0o644); err != nil {
		return err
	}
	return os.Rename(from, to)
}

func (c *convertCommand) writeReport(r *schemas.Report) error {
	f, err := os.Create(filepath.Join(c.Out, "report.json"))
	if err != nil {
		return err
	}
	return errors.Join(printJSON(f, r), f.Close())
}

func namedFormats(names []string) (formats []publish.Format, err error) {
	for _, n := range names {
		f, ok := publish.FormatNamed(n)
		if !ok {
			var known []string
			for _, f := range publish.Formats() {
				known = append(known, f.Name)
			}
			return nil, usage("Format inconnu « %s ». Formats connus : %s.", n, strings.Join(known, ", "))
		}
		formats = append(formats, f)
	}
	if len(formats) == 0 {
		return nil, usage("Aucun format demandé.")
	}
	return formats, nil
}
