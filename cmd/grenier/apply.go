package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"grenier/catalog"
	"grenier/harvest"
	"grenier/harvest/connectors"
	"grenier/recipes"
)

type applyCommand struct {
	Files  []string `arg:"" name:"fichier" help:"Membres (CSV ou YAML), recettes et sources (YAML). « - » est l’entrée standard."`
	DryRun bool     `help:"Montre ce qui changerait, sans rien changer."`
	Prune  bool     `help:"Désactive les sources que les fichiers ne nomment plus."`
	JSON   bool     `name:"json" help:"Pour un programme : le plan en JSON."`
}

// Run brings the files into the catalogue, whole or not at all.
func (a *applyCommand) Run(ctx context.Context, t *terminal, cmd *commands) error {
	files, err := readFiles(a.Files, t.in)
	if err != nil {
		return err
	}
	p, err := t.open(ctx, cmd)
	if err != nil {
		return err
	}
	defer p.close()
	changes, err := p.apply(ctx, files, catalog.ApplyOptions{DryRun: a.DryRun, Prune: a.Prune})
	var faults harvest.FaultList
	if errors.As(err, &faults) {
		for _, f := range faults {
			fmt.Fprintln(t.err, f)
		}
		return exitError{exitBad, fmt.Sprintf("%d défaut(s) : rien n’a été changé.", len(faults))}
	}
	if err != nil {
		return err
	}
	if !a.DryRun {
		t.snapshotAfter(ctx, p)
	}
	if a.JSON {
		return printJSON(t.out, planJSON(changes))
	}
	printPlan(t.out, changes, a.DryRun)
	return nil
}

// apply reads the files against what the catalogue and the program know, and applies them.
func (p *program) apply(ctx context.Context, files []harvest.NamedFile, opt catalog.ApplyOptions) ([]catalog.Change, error) {
	known, err := p.known(ctx)
	if err != nil {
		return nil, err
	}
	m, err := harvest.ReadManifest(files, known, p.schemas, connectors.All)
	if err != nil {
		return nil, err
	}
	return p.store.Apply(ctx, m, opt)
}

// known is what sources may refer to: the catalogue's members and recipes, and the recipes that ship with the program.
func (p *program) known(ctx context.Context) (m catalog.Manifest, err error) {
	if m.Members, _, err = p.store.Members(ctx, catalog.MemberQuery{}); err != nil {
		return m, err
	}
	kept, err := p.store.Recipes(ctx)
	if err != nil {
		return m, err
	}
	shipped, err := harvest.BundledRecipes(recipes.FS)
	if err != nil {
		return m, err
	}
	named := map[string]bool{}
	for _, r := range kept {
		named[r.Name] = true
	}
	m.Recipes = kept
	for _, r := range shipped {
		if !named[r.Name] {
			m.Recipes = append(m.Recipes, r)
		}
	}
	return m, nil
}

func readFiles(paths []string, stdin io.Reader) (files []harvest.NamedFile, err error) {
	for _, path := range paths {
		var b []byte
		if path == "-" {
			b, err = io.ReadAll(io.LimitReader(stdin, 64<<20))
		} else {
			b, err = os.ReadFile(path)
		}
		if err != nil {
			return nil, usage("Le fichier %s ne peut pas être lu : %s.", path, whyNot(err))
		}
		f := harvest.NamedFile{Name: path, Text: b}
		if path != "-" {
			f.Open = beside(filepath.Dir(path))
		}
		files = append(files, f)
	}
	return files, nil
}

// beside reads the marks that lie in a folder or below it. Links do not lead out of it.
func beside(folder string) func(name string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		f, err := os.OpenInRoot(folder, filepath.FromSlash(name))
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return io.ReadAll(io.LimitReader(f, catalog.MaxLogo+1))
	}
}

func printPlan(w io.Writer, changes []catalog.Change, dry bool) {
	var plus, tilde, minus int
	for _, c := range changes {
		fmt.Fprintf(w, "%c %s %s", c.Op, c.Noun, c.Name)
		for i, what := range c.What {
			fmt.Fprint(w, map[bool]string{true: " : ", false: ", "}[i == 0], what)
		}
		fmt.Fprintln(w)
		switch c.Op {
		case '+':
			plus++
		case '~':
			tilde++
		default:
			minus++
		}
	}
	switch {
	case len(changes) == 0:
		fmt.Fprintln(w, "Rien ne change : le catalogue dit déjà cela.")
	case dry:
		fmt.Fprintf(w, "%d à ajouter, %d à modifier, %d à désactiver. Rien n’a été changé (--dry-run).\n", plus, tilde, minus)
	default:
		fmt.Fprintf(w, "%d ajouté(s), %d modifié(s), %d désactivé(s).\n", plus, tilde, minus)
	}
}

// planLine is one change, for programs.
type planLine struct {
	Op   string   `json:"op"`
	Noun string   `json:"noun"`
	Name string   `json:"name"`
	What []string `json:"what,omitempty"`
}

func planJSON(changes []catalog.Change) []planLine {
	lines := make([]planLine, len(changes))
	for i, c := range changes {
		lines[i] = planLine{string(c.Op), c.Noun, c.Name, c.What}
	}
	return lines
}
