package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"grenier/harvest"
	"grenier/publish"
	"grenier/schemas"
)

type convertCommand struct {
	Schema  string   `required:"" placeholder:"ORG/NOM[@VERSION]" help:"Schéma national, chemin ou adresse d’un schéma, ou « auto » : reconnu d’après le contenu."`
	File    string   `arg:"" name:"fichier" help:"Fichier à convertir."`
	Out     string   `required:"" placeholder:"DOSSIER" type:"path" help:"Où écrire les fichiers et report.json."`
	Formats []string `placeholder:"FORMAT" help:"Formats, séparés par des virgules, ou « tous ». Sans cette option : csv, parquet et, si le schéma a des coordonnées, geojson."`

	KeepInvalid bool `help:"Garder aussi les lignes non conformes, sans leurs valeurs fautives."`
	Jobs        int  `short:"j" placeholder:"N" help:"Cœurs utilisés, au plus (tous par défaut)."`
}

// allFormats names every format that a table fits in.
const allFormats = "tous"

// Run takes one file along the line without a catalogue. Exit codes are those of validate.
func (c *convertCommand) Run(ctx context.Context, t *terminal, cmd *commands) error {
	choice, err := t.chooseSchema(ctx, c.Schema, cmd)
	if err != nil {
		return err
	}
	if _, err := c.formats(nil); err != nil {
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
	formats, err := c.formats(s)
	if err == nil {
		err = c.sparesTheOriginal(in.Name, formats)
	}
	if err != nil {
		return err
	}
	progress := t.newBytesBar(in.Size, in.Name)
	v := &conversion{convertCommand: c, schema: s, formats: formats, progress: progress}
	r, err := v.run(ctx, in, how)
	progress.end()
	if errors.Is(err, publish.ErrNotOffered) {
		return usage("Aucun des formats demandés ne convient à cette table. Demandez aussi csv, qui convient à toutes.")
	}
	if r == nil || err != nil && ctx.Err() != nil {
		return err
	}
	t.recognized(how)
	t.report(r)
	t.notOffered(s, v.draft.Dropped())
	return exitError{code: verdict(r, err)}
}

// A conversion is one file on its way.
type conversion struct {
	*convertCommand
	schema   *schemas.Schema
	formats  []publish.Format
	progress bar
	draft    *publish.Draft
	keep     *keeper
}

func (v *conversion) begin() (err error) {
	v.draft.Discard()
	v.keep = newKeeper(v.schema)
	v.draft, err = publish.Begin(publish.Order{Schema: v.schema, Formats: v.formats, Dir: v.Out, Meta: publish.Meta{Title: v.schema.Title}})
	return err
}

// run judges and writes. There is no report when the files could not be written.
func (v *conversion) run(ctx context.Context, in harvest.Input, how *schemas.Recognition) (*schemas.Report, error) {
	if err := v.begin(); err != nil {
		return nil, err
	}
	defer func() { v.draft.Discard() }()
	report, bad := harvest.Validate(ctx, in, harvest.Validation{Schema: v.schema, Sink: v.write, Again: v.begin})
	report.Recognition = how
	if bad != nil && report.Stats.Rows == 0 {
		return report, errors.Join(bad, v.writeReport(report))
	}
	files, quarantine, err := v.draft.Finish()
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		format, _ := publish.FormatNamed(f.Format)
		if err := deliver(f.Path, v.path(in.Name, format.Ext)); err != nil {
			return nil, err
		}
	}
	refused := v.path(in.Name, "-lignes-ecartees.csv")
	if quarantine != nil {
		err = deliver(quarantine.Path, refused)
	} else if err = os.Remove(refused); errors.Is(err, fs.ErrNotExist) { // that of an earlier conversion
		err = nil
	}
	if err != nil {
		return nil, err
	}
	return report, errors.Join(bad, v.writeReport(report))
}

func (v *conversion) write(labels []string, in *schemas.Block, out *schemas.Batch) error {
	v.progress.add(len(in.Data))
	if err := v.draft.Write(out); err != nil {
		return err
	}
	if err := v.draft.Reject("", labels, in, out.Rejects); err != nil || !v.KeepInvalid {
		return err
	}
	_, err := v.keep.keep(labels, in, out.Rejects, v.draft.Write)
	return err
}

// path is where a file made of the one called name goes.
func (c *convertCommand) path(name, ext string) string {
	base := strings.TrimSuffix(name, filepath.Ext(name))
	if name == "-" {
		base = "entree"
	}
	return filepath.Join(c.Out, base+ext)
}

// sparesTheOriginal refuses to put a file in the place of the one that is read, or of the report.
func (c *convertCommand) sparesTheOriginal(name string, formats []publish.Format) error {
	paths := []string{c.path(name, "-lignes-ecartees.csv"), filepath.Join(c.Out, "report.json")}
	for _, f := range formats {
		p := c.path(name, f.Ext)
		if p == paths[1] {
			return usage("Le résultat s’appellerait report.json, comme le rapport. Donnez un autre nom au fichier à convertir.")
		}
		paths = append(paths, p)
	}
	original, err := os.Stat(c.File)
	if err != nil || name == "-" {
		return nil // standard input
	}
	for _, p := range paths {
		if st, err := os.Stat(p); err == nil && os.SameFile(st, original) {
			return usage("Le résultat prendrait la place du fichier à convertir (%s). Indiquez un autre dossier avec --out.", c.File)
		}
	}
	return nil
}

// notOffered names the formats that cannot hold the table.
func (t *terminal) notOffered(s *schemas.Schema, dropped []publish.Drop) {
	for _, d := range dropped {
		why := fmt.Sprintf("la table a plus de %s lignes. Demandez-le par --formats si vous en avez besoin", number(publish.DefaultMapRows))
		switch fits := d.Format.Fits == nil || d.Format.Fits(s); {
		case d.Format.Name == "decp-json" && fits:
			why = "aucun contrat retenu n’est venu en JSON"
		case d.Format.Name == "decp-json":
			why = "il ne vaut que pour les contrats de la commande publique"
		case !fits:
			why = "la table n’a pas de coordonnées"
		case d.Format.Name == "xlsx":
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

// writeReport writes report.json, whole or not at all.
func (c *convertCommand) writeReport(r *schemas.Report) error {
	f, err := os.CreateTemp(c.Out, "report-*.json")
	if err != nil {
		return err
	}
	if err := errors.Join(printJSON(f, r), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return deliver(f.Name(), filepath.Join(c.Out, "report.json"))
}

// formats are those that were asked for, of which tables of s may not fit in all; s is nil when it is not known yet.
func (c *convertCommand) formats(s *schemas.Schema) (formats []publish.Format, err error) {
	switch {
	case s == nil && (len(c.Formats) == 0 || slices.Equal(c.Formats, []string{allFormats})):
		return nil, nil
	case len(c.Formats) == 0:
		return publish.DefaultFormats(s), nil
	case slices.Equal(c.Formats, []string{allFormats}):
		return publish.FormatsFor(s), nil
	}
	for _, n := range c.Formats {
		f, ok := publish.FormatNamed(n)
		if !ok {
			var known []string
			for _, f := range publish.Formats() {
				known = append(known, f.Name)
			}
			return nil, usage("Format inconnu « %s ». Formats connus : %s. « %s », seul, les demande tous.", n, strings.Join(known, ", "), allFormats)
		}
		if !slices.ContainsFunc(formats, func(g publish.Format) bool { return g.Name == f.Name }) {
			formats = append(formats, f)
		}
	}
	return formats, nil
}
